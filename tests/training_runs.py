"""Training runs of each optimiser on losses in closed form, for their tests."""

from collections.abc import Callable

import numpy as np

from spicebuf.training import OPTIMIZERS, Mover, Options, Scores, mover
from spicebuf.training.cube import Floats

Loss = Callable[[Floats], Floats]

D = 8
START = np.linspace(0.35, 0.95, D)
INSIDE = np.array([0.3, 0.7, 0.2, 0.5, 0.85, 0.6, 0.4, 0.15])
CORNER = np.array([0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0])
NAMES = tuple(OPTIMIZERS)
DESCENTS = ("sgd", "adam")
GRADIENTS = (*DESCENTS, "sgld")
ORDERS = ("cma-es", "one-plus-one")


def run(name: str, seed: int = 0, start: Floats = START, **figures: float | None) -> Mover:
    options = Options(name, **figures)  # type: ignore[arg-type]  # by name
    return mover(options, start, None, np.random.default_rng(seed))


def scored(loss: Floats, gradient: Floats | None = None) -> Scores:
    """Return scores of points of which no run looks at the margins."""
    return Scores(loss, np.full(len(loss), np.nan), gradient)


def asked(moving: Mover, loss: Loss, n_steps: int) -> list[Floats]:
    """Return the points that a run asks for in each step, shapes (k, d), all in the cube."""
    points, seen = next(moving), []
    for _ in range(n_steps):
        assert ((points >= 0.0) & (points <= 1.0)).all()
        seen.append(points)
        points = moving.send(scored(loss(points)))
    return seen


def places(moving: Mover, loss: Loss, n_steps: int) -> Floats:
    """Return where a run was in each step, shape (n_steps, d)."""
    return np.array([points[0] for points in asked(moving, loss, n_steps)])


def bowl(lowest: Floats) -> Loss:
    return lambda x: np.asarray(((x - lowest) ** 2 * np.linspace(0.5, 2.0, D)).sum(axis=1))


def flat(x: Floats) -> Floats:
    return np.zeros(len(x))


def slope(x: Floats) -> Floats:
    """Return a loss whose minimum is a corner, where its gradient does not vanish."""
    return np.asarray((x * np.array([1.0, -1.0, 0.5, 2.0, -0.5, -2.0, 1.0, -1.5])).sum(axis=1))


def noisy(loss: Loss, seed: int = 5) -> Loss:
    """Return the loss with other weights and another offset in each step, common to its points."""
    rng = np.random.default_rng(seed)

    def drawn(x: Floats) -> Floats:
        weight, offset = rng.lognormal(0.0, 0.5), rng.normal(0.0, 10.0)
        return np.asarray(weight * loss(x) + offset)

    return drawn


def without(rows: slice, n_steps: int = 100) -> Loss:
    """Return a loss that is missing at some of the points of the first steps."""
    steps = iter(range(n_steps))

    def loss(x: Floats) -> Floats:
        losses = bowl(INSIDE)(x)
        losses[rows] = np.nan if next(steps, None) is not None else losses[rows]
        return losses

    return loss
