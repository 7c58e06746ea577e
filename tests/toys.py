"""Rare events in Gaussian space whose probabilities are known, and sets around which volumes grow."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr

from spicebuf.entropy import Judged

Floats = NDArray[np.float64]
_CENTRES = np.array([1, 5, 3, 2, 4, 0, 6, 3])


@dataclass(frozen=True)
class Toy:
    """The event {margin ≥ 0} in d dimensions and the log of its probability."""

    d: int
    margin: Callable[[Floats], Floats]
    log_p: float

    def judge(self, z: Floats) -> Judged:
        """Judge points by their margin."""
        margin = self.margin(z)
        return Judged(margin, margin >= 0.0, margin >= 0.0)


def box(d: int = 8, p: float = 1e-6) -> Toy:
    """Every quantile in an interval around 0.3, or around where a wide one fits."""
    return Toy(d, partial(_box, width=p ** (1 / d)), math.log(p))


def _box(z: Floats, width: float) -> Floats:
    return (width / 2.0 - np.abs(ndtr(z) - max(0.3, width / 2.0))).min(axis=1)


def slabs() -> Toy:
    """Sixteen slabs at right angles to one another, not to the axes; 1e-9."""
    d, log_p = 16, math.log(1e-9)
    axes = np.linalg.qr(np.random.default_rng(5).normal(size=(d, d)))[0]
    centres = np.linspace(-0.6, 0.6, d)

    def excess(half: float) -> float:
        return float(np.log(ndtr(centres + half) - ndtr(centres - half)).sum()) - log_p

    half = brentq(excess, 1e-3, 5.0)
    return Toy(d, lambda z: (half - np.abs(z @ axes - centres)).min(axis=1), log_p)


def modes() -> Toy:
    """Three boxes far apart, and a wide hill that leads almost to the event but not into it; 1e-6."""
    d, p = 8, 1e-6
    centres = np.array([[0.15] * d, [0.85] * d, [0.15, 0.85] * (d // 2)])
    width = (p / 3.0) ** (1 / d)

    def margin(z: Floats) -> Floats:
        u = ndtr(z)
        best = np.max([width / 2.0 - np.abs(u - c).max(axis=1) for c in centres], axis=0)
        hill = -0.02 - 0.5 * np.abs(u - 0.5).max(axis=1)
        return np.maximum(best, hill)

    return Toy(d, margin, math.log(p))


def plateau() -> Toy:
    """All but a thousandth of the prior has one and the same margin; 1e-6."""
    d, p = 8, 1e-6
    width = (p / 1e-3) ** (1 / (d - 1))

    def margin(z: Floats) -> Floats:
        u = ndtr(z)
        inside = (width / 2.0 - np.abs(u[:, 1:] - 0.4)).min(axis=1)
        return np.where(u[:, 0] < 1e-3, inside, -1.0)

    return Toy(d, margin, math.log(p))


def staircase() -> Toy:
    """Round the margin of the box down to steps of 0.05: many ties; 1e-6."""
    smooth = box()
    return Toy(smooth.d, lambda z: np.floor(smooth.margin(z) * 20.0) / 20.0, smooth.log_p)


def torus() -> Toy:
    """Wrap a thin shell around three circles, and cut six more coordinates; 1e-9."""
    log_p = math.log(1e-9)

    def excess(half: float) -> float:
        ring = math.exp(-((2.0 - half) ** 2) / 2.0) - math.exp(-((2.0 + half) ** 2) / 2.0)
        return 3.0 * math.log(ring) + 6.0 * math.log(2.0 * ndtr(3.0 * half) - 1.0) - log_p

    half = brentq(excess, 1e-4, 1.9)

    def margin(z: Floats) -> Floats:
        radius = np.hypot(z[:, 0:6:2], z[:, 1:6:2])
        ring = (half - np.abs(radius - 2.0)).min(axis=1)
        return np.minimum(ring, (half - np.abs(z[:, 6:]) / 3.0).min(axis=1))

    return Toy(12, margin, log_p)


def corner() -> Toy:
    """Twenty quantiles below 0.4; 1.1e-8."""
    return Toy(20, lambda z: (0.4 - ndtr(z)).min(axis=1), 20 * math.log(0.4))


def grid() -> Toy:
    """Points of a grid of 7⁸ within two steps of one of them; 1.9e-5."""

    def margin(z: Floats) -> Floats:
        index = np.minimum((ndtr(z) * 7).astype(np.int64), 6)
        return 2.0 - np.abs(index - _CENTRES).sum(axis=1)

    # Counted by the number of steps: 0, 1, 2.
    counts = np.array([1, 0, 0])
    for centre in _CENTRES:
        steps = np.bincount([abs(k - centre) for k in range(7)], minlength=3)[:3]
        counts = np.convolve(counts, steps)[:3]
    return Toy(8, margin, math.log(counts.sum() / 7**8))


TOYS: dict[str, Callable[[], Toy]] = {
    "box, 8-D": box,
    "rotated slabs, 16-D": slabs,
    "three modes, deceptive, 8-D": modes,
    "plateau, 8-D": plateau,
    "staircase, 8-D": staircase,
    "3-torus shell, 12-D": torus,
    "corner, 20-D": corner,
    "grid 7^8": grid,
}


@dataclass(frozen=True)
class LossSet:
    """A loss in d dimensions and the log of the probability that it is at most ε, from `least` to 0.4."""

    d: int
    loss: Callable[[Floats], Floats]
    log_volume: Callable[[Floats], Floats]
    least: float

    def judge(self, z: Floats) -> Judged:
        """Judge points by their loss."""
        loss = self.loss(z)
        return Judged(-loss, loss <= 0.0, loss <= 0.0)


def ball(d: int, least: float) -> LossSet:
    """Distance from the middle of a cube [−1, 1]^d: V ~ ε^d."""
    log_share = math.log(math.pi ** (d / 2) / math.gamma(d / 2 + 1)) - d * math.log(2.0)
    return LossSet(
        d,
        lambda z: np.asarray(np.linalg.norm(2.0 * ndtr(z) - 1.0, axis=1)),
        lambda epsilon: log_share + d * np.log(epsilon),
        least,
    )


def cross() -> LossSet:
    """|xy| in a square [−1, 1]²: V = ε (1 + log 1/ε)."""
    return LossSet(
        2,
        lambda z: np.abs(np.prod(2.0 * ndtr(z) - 1.0, axis=1)),
        lambda epsilon: np.log(epsilon * (1.0 - np.log(epsilon))),
        1e-6,
    )


def cube() -> LossSet:
    """Distance from a cube of side 0.1 in the unit cube: V goes to that of the cube."""
    return LossSet(
        3,
        lambda z: np.maximum(0.0, np.abs(ndtr(z) - 0.5).max(axis=1) - 0.05),
        lambda epsilon: 3.0 * np.log(0.1 + 2.0 * epsilon),
        1e-4,
    )


SETS = {
    "interval, 1-D": ball(1, 1e-4),
    "disc, 2-D": ball(2, 1e-3),
    "ball, 4-D": ball(4, 1e-2),
    "cross, 2-D": cross(),
    "plateau, 3-D": cube(),
}


def slope_near(epsilon: Floats, log_volume: Floats) -> float:
    """Return the slope of log V over the first decade of ε."""
    near = epsilon <= 10.0 * epsilon[0] * (1.0 + 1e-9)
    return float(np.polyfit(np.log(epsilon[near]), log_volume[near], 1)[0])
