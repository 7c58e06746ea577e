"""Volumes at several ε, seen by independent runs: their limits, their slopes, and the law they follow."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from spicebuf.entropy.events import Bools, Floats
from spicebuf.entropy.splitting import log_mean_interval
from spicebuf.entropy.volume import clopper_pearson

NEAR = 10.0
"""The learning coefficient is the slope over ε up to so many times the least."""

_SMALL = 0.05
_LEAST_FITTED = 5
_MISFIT = 0.1
# The next terms of the law shift m by so much where ε is not small enough.
_NO_WHOLE = 0.35


@dataclass(frozen=True)
class Coefficient:
    """An estimate with its interval."""

    value: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class Logarithm:
    """A fit of log V = c + λ log ε + (m − 1) log log(scale/ε) to all ε with V ≤ 0.05.

    The intervals are those of sampling: the law itself holds for small ε only.

    Attributes
    ----------
    multiplicity : Coefficient
        m.
    slope : Coefficient
        λ at the whole number nearest to m.
    """

    multiplicity: Coefficient
    slope: Coefficient


@dataclass(frozen=True)
class Volumes:
    """Independent estimates of V at E values of ε.

    Attributes
    ----------
    tails : array of float, shape (R, E)
    n_draws : int
        Draws of the prior.
    by_draws : array of bool, shape (E,)
        Where the estimates are shares of draws of the prior.
    n_points : float
        Roughly independent points that each estimate is a share of.
    unknown : float
        Log of the most that unsimulated points may add.
    confidence : float
    """

    tails: Floats
    n_draws: int
    by_draws: Bools
    n_points: float
    unknown: float
    confidence: float

    @property
    def log_mean(self) -> Floats:
        """Log of V, shape (E,)."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self.tails.mean(axis=0)))

    def limits(self) -> Floats:
        """Return limits of log V, shape (E, 2): exact ones where all rests on draws of the prior."""
        tail = (1.0 - self.confidence) / 2.0
        found = np.array([log_mean_interval(each, self.confidence)[1:] for each in self.tails.T])
        for k in np.flatnonzero(self.by_draws | ~self.tails.any(axis=0)):
            n_hits = round(float(self.tails[:, k].mean()) * self.n_draws)
            low, high = clopper_pearson(n_hits, self.n_draws, tail)
            found[k] = np.log(low) if low else -np.inf, np.log(high)
        # A set bounds those inside it.
        found[:, 1] = np.minimum.accumulate(found[::-1, 1])[::-1]
        found[:, 1] = np.logaddexp(found[:, 1], self.unknown)
        return np.asarray(np.minimum(found, 0.0))

    def slope(self, epsilon: Floats, of: slice) -> Coefficient:
        """Return the slope of a straight line through some log V against log ε."""
        x = np.log(epsilon[of])
        weights = (x - x.mean()) / np.square(x - x.mean()).sum()
        return self.linear(_at(np.arange(len(epsilon))[of], weights, epsilon))

    def linear(self, weights: Floats, offset: float = 0.0) -> Coefficient:
        """Return offset + Σ weights · log V, shape (E,), with a t-interval (delta method).

        Where all runs agree to the last digit, nothing was seen between two sets: then it is that of
        nothing seen among so many points.
        """
        used = weights != 0.0
        mean = self.tails[:, used].mean(axis=0)
        if not mean.all() or len(self.tails) == 1:
            return Coefficient(np.nan, (np.nan, np.nan))
        n_runs, tail = len(self.tails), (1.0 - self.confidence) / 2.0
        value = offset + float(weights[used] @ np.log(mean))
        each = (self.tails[:, used] / mean) @ weights[used]
        half = float(stdtrit(n_runs - 1, 1.0 - tail)) * float(each.std(ddof=1)) / math.sqrt(n_runs)
        if half == 0.0:
            half = -math.log(tail) / self.n_points * float(np.abs(weights).max())
        return Coefficient(value, (value - half, value + half))


def learning_coefficient(seen: Volumes, epsilon: Floats) -> Coefficient | None:
    """Return the slope over the least ε, shape (E,) being all; None if a volume there is not known."""
    found = seen.slope(epsilon, slice(0, _n_near(epsilon)))
    return found if math.isfinite(found.value) else None


def is_steady(slopes: Sequence[Coefficient], epsilon: Floats) -> bool:
    """Tell whether the slopes near the least ε may be one and the same, as those of a law are."""
    lows, highs = zip(*(slope.interval for slope in slopes[: _n_near(epsilon) - 1]), strict=True)
    return bool(max(lows) <= min(highs))


def fit_logarithm(seen: Volumes, epsilon: Floats, scale: float, d: int) -> Logarithm | None:
    """Fit by least squares in d dimensions; the errors are those of the runs, not of the residuals."""
    log_volume = seen.log_mean
    small = (log_volume <= math.log(_SMALL)) & (epsilon < scale)
    rows = np.flatnonzero(small & np.isfinite(log_volume))
    if len(rows) < _LEAST_FITTED:
        return None
    x, y = np.log(epsilon[rows]), log_volume[rows]
    slow = np.log(math.log(scale) - x)
    line = np.stack([np.ones(len(rows)), x], axis=1)
    terms = np.column_stack([line, slow])
    residual = y - terms @ np.linalg.pinv(terms) @ y
    multiplicity = seen.linear(_at(rows, np.linalg.pinv(terms)[2], epsilon), 1.0)
    whole = round(multiplicity.value)
    odd = abs(multiplicity.value - whole) > _NO_WHOLE
    if np.abs(residual).max() > _MISFIT or odd or not 1 <= whole <= d:
        return None
    to_slope = np.linalg.pinv(line)[1]
    offset = -(whole - 1) * float(to_slope @ slow)
    return Logarithm(multiplicity, seen.linear(_at(rows, to_slope, epsilon), offset))


def _at(rows: NDArray[np.int64], weights: Floats, epsilon: Floats) -> Floats:
    everywhere = np.zeros(len(epsilon))
    everywhere[rows] = weights
    return everywhere


def _n_near(epsilon: Floats) -> int:
    """Return how many ε, at least two, lie near the least; the greatest may be one rounding beyond."""
    return max(2, int(np.searchsorted(epsilon, NEAR * epsilon[0] * (1.0 + 1e-9))))
