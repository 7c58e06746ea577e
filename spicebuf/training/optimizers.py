"""Training runs that follow gradients, as generators that ask for scores.

A run yields the points that it needs the losses of, and is sent their scores; the first point is where
it is now. Losses are random, but of one step all are of the same draw of inputs, so that no run compares
them with those of another step. A step without the losses, or the exact gradient, that it needs is held:
the run asks again from where it is.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from spicebuf.training.cube import Floats, mirrored, reflect
from spicebuf.training.gradients import Differences
from spicebuf.training.problem import Scores

Mover: TypeAlias = Generator[Floats, Scores, None]
"""Yields points of the unit cube, shape (k, d), k ≥ 1; is sent their scores, of which it uses the losses
or the gradient. The first point is the place of the run. It never ends by itself."""

_BETA_1, _BETA_2, _TINY = 0.9, 0.999, 1e-8


@dataclass(frozen=True, eq=False)
class Tuning:
    """The figures of a run, of which each optimiser uses its own.

    Attributes
    ----------
    learning_rate : float
        See the optimiser.
    temperature : float
        In the unit of the loss.
    clip : float
        Greatest norm of what a gradient moves a run by in one step, in the unit cube.
    differences : Differences or None
        How gradients are taken; None if exact ones are sent.
    """

    learning_rate: float
    temperature: float
    clip: float
    differences: Differences | None


Optimizer: TypeAlias = Callable[[Floats, np.random.Generator, Tuning], Mover]
"""Takes the first place, shape (d,) in the unit cube, random numbers and figures."""


def sgd(start: Floats, rng: np.random.Generator, tuning: Tuning) -> Mover:
    """Descend the gradient: u ← u − ηg, no further than `clip` in one step, reflected at the walls.

    Robbins & Monro, Ann. Math. Statist. 22, 1951, 400-407. The learning rate η is in squared quantiles
    per unit of the loss.
    """
    u = start
    while True:
        gradient = yield from _gradient_at(u, rng, tuning.differences)
        u = reflect(u + _clipped(-tuning.learning_rate * gradient, tuning.clip))


def adam(start: Floats, rng: np.random.Generator, tuning: Tuning) -> Mover:
    """Descend with the mean of recent gradients over the root of their mean square (Adam).

    Kingma & Ba, ICLR 2015, with their β₁ = 0.9, β₂ = 0.999 and ε = 1e-8. The learning rate is in
    quantiles: about the length of a step along each axis.

    Where a step is reflected, so is the mean of the gradients: its component changes sign, as that of
    a velocity. The run is that of Adam, without walls, on the loss mirrored at them.
    """
    u, first, second, n_steps = start, np.zeros_like(start), np.zeros_like(start), 0
    while True:
        gradient = yield from _gradient_at(u, rng, tuning.differences)
        n_steps += 1
        first = _BETA_1 * first + (1.0 - _BETA_1) * gradient
        second = _BETA_2 * second + (1.0 - _BETA_2) * gradient**2
        scale = np.sqrt(second / (1.0 - _BETA_2**n_steps)) + _TINY
        beyond = u - tuning.learning_rate * first / (1.0 - _BETA_1**n_steps) / scale
        first = np.where(mirrored(beyond), -first, first)
        u = reflect(beyond)


def sgld(start: Floats, rng: np.random.Generator, tuning: Tuning) -> Mover:
    """Sample by Langevin dynamics: u ← u − (ε/2)∇L/T + √ε N(0, I), reflected at the walls.

    For small learning rates ε [squared quantiles] and exact gradients, places have in the long run a
    density proportional to exp(−L/T) at the temperature T (Welling & Teh, ICML 2011). The drift, not
    the noise, is cut to `clip`, without which a steep loss makes the scheme diverge (Brosse et al.,
    Stoch. Proc. Appl. 129, 2019, 3638-3663).
    """
    u, rate = start, tuning.learning_rate
    while True:
        gradient = yield from _gradient_at(u, rng, tuning.differences)
        drift = _clipped(-0.5 * rate * gradient / tuning.temperature, tuning.clip)
        u = reflect(u + drift + np.sqrt(rate) * rng.standard_normal(u.shape))


def _gradient_at(
    u: Floats, rng: np.random.Generator, differences: Differences | None
) -> Generator[Floats, Scores, Floats]:
    """Ask for scores at a place or around it, and again until the gradient is known."""
    while True:
        if differences is None:
            gradient = _first_gradient((yield u[np.newaxis]))
        else:
            stencil = differences.at(u, rng)
            gradient = stencil.gradient((yield stencil.points).loss)
        if np.isfinite(gradient).all():
            return gradient


def _first_gradient(scores: Scores) -> Floats:
    if scores.gradient is None:
        raise TypeError(f"a problem that has gradients must answer with them, not with {scores!r}")
    return np.asarray(scores.gradient[0])


def _clipped(move: Floats, longest: float) -> Floats:
    norm = float(np.linalg.norm(move))
    return move if norm <= longest else move * (longest / norm)
