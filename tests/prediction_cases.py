"""A chain of two components whose log volumes are known in closed form, and populations of its solutions.

θ1 sends one logical value to [m − r, m + r] with m below half of the supply of 1 V and the other one
above it; which is which depends on its polarity. θ2 takes [0, t − g] for one and [t + g, 1] for the
other.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from spicebuf.prediction import Banks, Measure, behaviour_of, class_step
from spicebuf.prediction.spread import slope_of
from spicebuf.search import Images, Preimages, search

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

VDD = 1.0
UPRIGHT = 0.75
HALF = 0.5
RADIUS = 0.1
MIDDLES = (0.2, 0.8)
GAP = 0.15
N_LOCAL = 32


def draw_images(n: int, rng: np.random.Generator) -> Images:
    """Draw images of the first component's prior."""
    middle = rng.uniform([[0.0], [HALF]], [[HALF], [VDD]], (2, n))
    radius = rng.uniform(0.0, RADIUS, (2, n))
    low, high = np.clip(middle - radius, 0.0, VDD), np.clip(middle + radius, 0.0, VDD)
    order = _order(n, rng)
    return Images(_by(order, low), _by(order, high), np.ones(n))


def draw_preimages(n: int, rng: np.random.Generator) -> Preimages:
    """Draw preimages of the second component's prior."""
    middle, gap = rng.uniform(*MIDDLES, n), rng.uniform(0.0, GAP, n)
    low, high = np.stack([np.zeros(n), middle + gap]), np.stack([middle - gap, np.full(n, VDD)])
    order = _order(n, rng)
    return Preimages(_by(order, low), _by(order, high), np.ones(n))


def _order(n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    upright = rng.random(n) < UPRIGHT
    return np.where(upright, [[0], [1]], [[1], [0]])


def _by(order: NDArray[np.int64], ends: Floats) -> Floats:
    return np.take_along_axis(ends, order, axis=0)[:, np.newaxis]


def log_volume(low: Floats, high: Floats, upright: Bools) -> Floats:
    """Return the log volume of the API [0, low] below [high, 1]."""
    polarity = np.where(upright, UPRIGHT, 1.0 - UPRIGHT)
    first = polarity * _sum_below(low) * _sum_below(VDD - high)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(first) + np.log(polarity * _holds(low, high)))


def _ramp(u: Floats) -> Floats:
    return np.maximum(u, 0.0) ** 2 / 2.0


def _sum_below(x: Floats) -> Floats:
    """Return the probability that m + r ≤ x: of the sum of two uniform variables."""
    area = _ramp(x) - _ramp(x - HALF) - _ramp(x - RADIUS) + _ramp(x - HALF - RADIUS)
    return np.asarray(area / (HALF * RADIUS))


def _holds(low: Floats, high: Floats) -> Floats:
    """Return the probability that t − g ≥ low and t + g ≤ high."""
    start, end = MIDDLES
    middle = np.clip((low + high) / 2.0, start, end)

    def risen(t: Floats | float) -> Floats:
        return _ramp(t - low) - _ramp(t - low - GAP)

    def falling(t: Floats | float) -> Floats:
        return _ramp(high - t) - _ramp(high - t - GAP)

    area = risen(middle) - risen(start) + falling(middle) - falling(end)
    return np.asarray(np.where(low < high, area, 0.0) / ((end - start) * GAP))


def greatest() -> float:
    """Return the greatest log volume of all."""
    found = minimize(
        lambda at: -float(log_volume(at[:1], at[1:], np.array([True]))[0]),
        [0.35, 0.65],
        method="Nelder-Mead",
        options={"xatol": 1e-6, "fatol": 1e-9},
    )
    return -float(found.fun)


@dataclass(frozen=True)
class Population:
    """Solutions drawn by rejection, the k-th image with the k-th preimage."""

    images: Images
    preimages: Preimages

    @property
    def n(self) -> int:
        """Number of solutions."""
        return len(self.images.weight)

    @cached_property
    def delta(self) -> Floats:
        """True distance of each [nat], over all APIs that it admits."""
        upright = self.images.low[0, 0] < self.images.low[1, 0]
        inner_low, inner_high = self.images.high.min(axis=(0, 1)), self.images.low.max(axis=(0, 1))
        outer_low = self.preimages.high.min(axis=(0, 1))
        outer_high = self.preimages.low.max(axis=(0, 1))
        low, high = (
            np.linspace(inner_low, outer_low, N_LOCAL),
            np.linspace(outer_high, inner_high, N_LOCAL),
        )
        every = log_volume(low[:, np.newaxis], high, upright)
        return np.asarray(greatest() - every.max(axis=(0, 1)))

    @cached_property
    def log_p(self) -> Floats:
        """Log of the share of the behaviour class of each."""
        behaviour = behaviour_of(self.images, class_step(VDD))
        _, index, counts = np.unique(behaviour, axis=0, return_inverse=True, return_counts=True)
        return np.asarray(np.log(counts / self.n))[index.ravel()]

    def slope(self, weight: Floats) -> float:
        """Return the slope of the population with some weights."""
        distinct, first = np.unique(
            behaviour_of(self.images, class_step(VDD)), axis=0, return_index=True
        )
        assert len(distinct) == len(first)
        return slope_of(float(np.average(self.log_p, weights=weight)), self.log_p[first])

    def drawn(self, weight: Floats, n: int, rng: np.random.Generator) -> tuple[Images, Preimages]:
        """Draw some of the solutions, with weights."""
        places = rng.choice(self.n, n, p=weight / weight.sum())
        return self.images[places], self.preimages[places]


def population(n: int, seed: int) -> Population:
    """Draw `n` solutions by rejection: uniform over those of the prior."""
    rng = np.random.default_rng(seed)
    images, preimages = draw_images(8 * n, rng), draw_preimages(8 * n, rng)
    low, high = preimages.low <= images.low, images.high <= preimages.high
    places = np.flatnonzero((low & high).all(axis=(0, 1)))[:n]
    assert len(places) == n
    return Population(images[places], preimages[places])


def draw_banks(n: int, rng: np.random.Generator) -> Banks:
    """Draw a pair of banks."""
    return Banks(draw_images(n, rng), draw_preimages(n, rng))


def draw_measure(n: int, n_edges: int, rng: np.random.Generator) -> Measure:
    """Draw two pairs of banks and search the first."""
    choose, measure = draw_banks(n, rng), draw_banks(n, rng)
    best = search(choose.images, choose.preimages, 1).best[0].tight
    return Measure(choose, measure, best, VDD, n_edges)
