"""A stricter judge for a rare event: asked about some of its points, it corrects the whole.

Where a certain answer costs many times what the first one does, it is asked about a random part of the
points that satisfy (double sampling: Cochran, Sampling Techniques, 3rd ed. 1977, ch. 12). The share of
them that stands multiplies the probability, and its error joins that of the interval.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from spicebuf.entropy.events import Bools, Floats, Judge, Judged, joined
from spicebuf.entropy.pilot import N_STATES
from spicebuf.entropy.splitting import Runs
from spicebuf.entropy.volume import Counts, clopper_pearson

N_POINTS = 400
"""Points that are looked at again: if all stand, their share is known to 0.01 nat."""

_LEAST_MORE = 1.5
_MOST = 16 * N_POINTS


@dataclass(frozen=True)
class Limits:
    """An estimate with its limits, all logs [nat].

    Attributes
    ----------
    value, top : float
        If all points of unknown verdict are violated, and if all are satisfied.
    low, high : float
        Limits around them, `low` below `value` and `high` above `top`.
    """

    value: float
    low: float
    top: float
    high: float

    @property
    def width(self) -> float:
        """From the lower limit to the upper one [nat]."""
        return self.high - self.low

    def times(self, other: "Limits") -> "Limits":
        """Return the product of two independent estimates: their errors add in quadrature."""
        value, top = self.value + other.value, self.top + other.top
        low, high = -math.inf, self.high + other.high
        if math.isfinite(value):
            low = value - math.hypot(self.value - self.low, other.value - other.low)
        if math.isfinite(top):
            high = top + math.hypot(self.high - self.top, other.high - other.top)
        return Limits(value, low, top, high)


@dataclass(frozen=True)
class SecondLook:
    """What a stricter judge says about points that satisfy.

    Attributes
    ----------
    counts : Counts
        Of the points that were looked at again.
    limits : Limits
        Of the share that stands.
    """

    counts: Counts
    limits: Limits


def look_again(
    strict: Judge,
    runs: Runs,
    n_most: int,
    target: float,
    confidence: float,
    rng: np.random.Generator,
) -> SecondLook:
    """Ask a stricter judge about random survivors, as many of every run.

    Parameters
    ----------
    strict : callable
        Its event lies within that of the runs.
    runs : Runs
        Some have survivors.
    n_most : int
        Points to ask about at most, ≥ 1.
    target : float
        Half-width of the interval at which to stop [nat]; 400 points that all stand are enough for 0.01.
    confidence : float
    rng : Generator
    """
    points, run = _shuffled(runs, rng)
    n_chains = max(1.0, len(points) / N_STATES)
    n_most = min(n_most, _MOST, len(points))
    n = min(N_POINTS, n_most)
    judged = strict(points[:n])
    while True:
        look = SecondLook(
            judged.counts, _limits(runs.satisfied, run[:n], judged, n_chains, confidence)
        )
        if look.limits.width <= 2.0 * target or n == n_most:
            return look
        # The width goes with one over the root of n; a little more, since it is not known exactly.
        more = 1.2 * (look.limits.width / (2.0 * target)) ** 2
        n_before, n = n, int(min(max(more, _LEAST_MORE) * n, n_most))
        judged = joined([judged, strict(points[n_before:n])])


def _shuffled(runs: Runs, rng: np.random.Generator) -> tuple[Floats, NDArray[np.int64]]:
    """Return all survivors in an order in which the runs take turns, and the run of each."""
    turn = np.concatenate([rng.permutation(len(each)) for each in runs.survivors])
    run = np.repeat(np.arange(runs.n), [len(each) for each in runs.survivors])
    order = np.argsort(turn, kind="stable")
    return np.concatenate(runs.survivors)[order], run[order]


def _limits(
    weight: Floats, run: NDArray[np.int64], judged: Judged, n_chains: float, confidence: float
) -> Limits:
    # States of one chain are one another's neighbours: no more points are independent than chains.
    n = min(len(run), n_chains)
    value, below, _ = _share(weight, run, judged.satisfied, n, confidence)
    top, _, above = _share(weight, run, judged.possible, n, confidence)
    if not judged.possible.any():
        most = math.log(clopper_pearson(0, n, (1.0 - confidence) / 2.0)[1])
        return Limits(value, value, top, most)
    return Limits(value, value - below, top, min(0.0, top + above))


def _share(
    weight: Floats, run: NDArray[np.int64], stands: Bools, n: float, confidence: float
) -> tuple[float, float, float]:
    """Return the log of the share that stands, and how far its limits lie below and above [nat].

    Points of one run may descend from one another: the limits are those of the scatter between runs, or
    those of `n` independent points, whichever lie farther out.
    """
    n_hits = n * float(stands.mean())
    if not n_hits:
        return -math.inf, 0.0, 0.0
    seen = np.unique(run)
    n_of = np.bincount(run, minlength=len(weight))[seen]
    share = np.bincount(run, weights=stands, minlength=len(weight))[seen] / n_of
    weight = weight[seen] / weight[seen].sum()
    mean = float(weight @ share)
    low, high = clopper_pearson(n_hits, n, (1.0 - confidence) / 2.0)
    below, above = math.log(n_hits / n / low), math.log(high * n / n_hits)
    if len(seen) > 1 and mean > 0.0:
        # Of a ratio of two sums over runs, linearised.
        residual = len(seen) * weight * (share - mean) / mean
        error = float(residual.std(ddof=1)) / math.sqrt(len(seen))
        half = float(stdtrit(len(seen) - 1, 0.5 + confidence / 2.0)) * error
        below = max(below, -math.log1p(-half) if half < 1.0 else math.inf)
        above = max(above, half)
    return math.log(mean), below, above
