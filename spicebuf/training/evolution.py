"""Training runs that compare places and take no gradients, as generators that ask for scores.

See `optimizers` for what a run is. Only the order of the losses of one step counts here, and a loss that
is missing comes last in it.
"""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from spicebuf.training.cube import Floats, reflect
from spicebuf.training.optimizers import Mover, Tuning

if TYPE_CHECKING:
    from cma import CMAEvolutionStrategy

_SHORTEST, _LONGEST = 1e-6, 1.0
# Of one success and four failures: at a fifth of successes the step size stays.
_GROWTH = math.exp(1.0 / 3.0)
_SHRINKAGE = _GROWTH**-0.25


def cma_es(start: Floats, rng: np.random.Generator, tuning: Tuning) -> Mover:
    """Sample from a normal distribution that adapts its mean, step size and covariance (CMA-ES).

    Hansen & Ostermeier, Evol. Comput. 9, 2001, 159-195, as in the package `cma`. The learning rate is
    the first step size. The place is the mean; 4 + 3 ln d more points are sampled. The distribution
    knows no walls: samples are evaluated where they are reflected to.

    A step is held without a loss of the mean, or of more than half of the samples. The package's own
    criteria to stop are not asked: where the largest standard deviation falls below 1e-6, the run starts
    again from its mean with 1e-5, and it is kept from exceeding 1.
    """
    strategy = _strategy(start, rng, tuning.learning_rate)
    while True:
        samples = np.array(strategy.ask())
        losses = (yield reflect(np.vstack([strategy.mean, samples]))).loss
        known = np.isfinite(losses)
        if known[0] and 2 * np.count_nonzero(known[1:]) >= len(samples):
            strategy.tell(list(samples), _ranks(losses[1:]))
            strategy = _limited(strategy, rng)
        else:
            # What was asked and is never told would be kept for ever.
            strategy.sent_solutions.clear()


def one_plus_one(start: Floats, rng: np.random.Generator, tuning: Tuning) -> Mover:
    """Move to a normal sample around the place wherever that is no worse ((1+1)-ES).

    A success makes the step size e^(1/3) times as long, a failure e^(−1/12), so that it settles where
    a fifth succeeds (Rechenberg, 1973; as in Kern et al., Nat. Comput. 3, 2004, 77-112). The learning
    rate is the first step size; it stays between 1e-6 and 1 of the cube. Parent and child are evaluated
    in the same step. A child without a loss is a failure; without one of the parent a step is held.
    """
    u, sigma = start, tuning.learning_rate
    while True:
        child = reflect(u + sigma * rng.standard_normal(u.shape))
        of_parent, of_child = (yield np.stack([u, child])).loss
        if not np.isfinite(of_parent):
            continue
        success = bool(of_child <= of_parent)
        u = child if success else u
        sigma = min(max(sigma * (_GROWTH if success else _SHRINKAGE), _SHORTEST), _LONGEST)


def rejection(start: Floats, rng: np.random.Generator, tuning: Tuning) -> Mover:  # noqa: ARG001 (an Optimizer)
    """Draw a place from the prior in each step, whatever the losses: what others compare with."""
    u = start
    while True:
        yield u[np.newaxis]
        u = rng.random(u.shape)


def _strategy(start: Floats, rng: np.random.Generator, sigma: float) -> "CMAEvolutionStrategy":
    # Importing it takes a second.
    from cma import CMAEvolutionStrategy  # noqa: PLC0415

    def randn(*shape: int) -> Floats:
        return rng.standard_normal(shape)

    options: dict[str, Any] = {"randn": randn, "seed": math.nan, "verbose": -9, "verb_log": 0}
    return CMAEvolutionStrategy(start, sigma, options)


def _limited(strategy: "CMAEvolutionStrategy", rng: np.random.Generator) -> "CMAEvolutionStrategy":
    """Return what goes on from a strategy, whatever it has converged to or spread over."""
    widest = float(strategy.stds.max())
    if widest < _SHORTEST:
        return _strategy(strategy.mean, rng, 10.0 * _SHORTEST)
    strategy.sigma *= min(1.0, _LONGEST / widest)
    return strategy


def _ranks(losses: Floats) -> list[float]:
    """Return how many are less than each, shape (k,): equal ones share a rank, missing ones the last.

    Ranks also keep from the package how losses compare with those of other steps.
    """
    ordered = np.where(np.isfinite(losses), losses, np.inf)
    return [float(rank) for rank in np.searchsorted(np.sort(ordered), ordered)]
