"""Shares and medians of populations with their intervals, also of weighted and of shared draws."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import bdtr

from spicebuf.entropy import clopper_pearson, log_of
from spicebuf.search.relation import Bools, Floats, Places

_HALF = 0.5


@dataclass(frozen=True)
class Estimate:
    """A value with the ends of its interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}]"


@dataclass(frozen=True)
class Sample:
    """How n solutions of a population were drawn.

    Attributes
    ----------
    weight : array of float, shape (n,)
    groups : array of int, shape (n, 2), or None
        θ that they share; see `Placement`.
    """

    weight: Floats
    groups: Places | None

    def share(self, members: Bools) -> float:
        """Return the weight of members relative to all; NaN of none."""
        return float(np.average(members, weights=self.weight)) if self.weight.any() else math.nan

    def effective(self, members: Bools) -> float:
        """Return how many independent draws would tell the share of members as precisely, at most n.

        It is p(1 − p) over the variance of p (Korn & Graubard, Survey Methodology 24, 1998, 193-201).
        Where solutions share θ, that variance is the sum of those of groups of the first and of the
        second component's θ, less that of pairs that share both (Cameron, Gelbach & Miller, Journal of
        Business & Economic Statistics 29, 2011, 238-249): so it holds what the finite banks add.
        """
        n = len(self.weight)
        if self.groups is None and (self.weight == self.weight[:1]).all():
            return float(n)
        p, part = self.share(members), self.weight / self.weight.sum()
        if not 0.0 < p < 1.0:
            # Nothing varies: the weights alone count, of the largest groups.
            return min(float(n), 1.0 / self._variance(part))
        return min(float(n), p * (1.0 - p) / self._variance(part * (members - p)))

    def _variance(self, residual: Floats) -> float:
        """Return the variance of the sum of residuals that are independent between groups."""
        alone = float(residual @ residual)
        if self.groups is None:
            return alone
        first, second = (_square_of_sums(each, residual) for each in self.groups.T)
        both = _square_of_sums(np.unique(self.groups, axis=0, return_inverse=True)[1], residual)
        return max(alone, first, second, first + second - both)


def _square_of_sums(group: Places, residual: Floats) -> float:
    _, of = np.unique(group, return_inverse=True)
    sums = np.bincount(of.ravel(), residual)
    return float(sums @ sums)


def share_estimate(
    sample: Sample, members: Bools, sure: Bools, possible: Bools, n_unplaced: int, tail: float
) -> Estimate:
    """Return the share of members, with limits that hold whatever those of unknown membership are.

    Of independent runs the limits are Clopper & Pearson's (Biometrika 26, 1934, 404-413): the lower of
    those that are members for sure, the upper of those that may be, of placed and unplaced together.
    Of others the same with an effective number of draws in place of n.
    """
    low, high = (
        _limits(sample, sure, n_unplaced, 0, tail)[0],
        _limits(sample, possible, n_unplaced, n_unplaced, tail)[1],
    )
    return Estimate(sample.share(members), low, high)


def _limits(
    sample: Sample, members: Bools, n_unplaced: int, n_more: int, tail: float
) -> tuple[float, float]:
    """Return the limits of the share of members, `n_more` of the unplaced among them."""
    n = len(members) + n_unplaced
    if not len(members):
        return 0.0, 1.0
    p = (sample.share(members) * len(members) + n_more) / n
    effective = sample.effective(members) * n / len(members)
    # A count of equal weights comes back as the whole number that it is, and all of them as all.
    n_hits = effective if p >= 1.0 else round(p * effective, 9)
    return clopper_pearson(n_hits, effective, tail)


def median_estimate(
    sample: Sample, value: Floats, low: Floats, high: Floats, n_unplaced: int, tail: float
) -> Estimate:
    """Return the median of values that are known to lie between `low` and `high` each.

    Of independent runs the limits are order statistics, exact whatever the distribution (David &
    Nagaraja, Order Statistics, 2003, ch. 7.1): the lower of lower ends, the upper of upper ends.
    Of weighted draws they are quantiles at the limits of a share of one half (Woodruff, Journal of the
    American Statistical Association 47, 1952, 635-646). Unplaced solutions count as below and as above.
    """
    if not len(value) or not sample.weight.any():
        return Estimate(math.nan, -math.inf, math.inf)
    unplaced = np.full(n_unplaced, np.inf)
    weight = np.append(sample.weight, np.full(n_unplaced, sample.weight.mean()))
    middle = weighted_quantile(value, sample.weight, _HALF)
    effective = sample.effective(value <= middle) * len(weight) / len(value)
    depth = order_depth(math.floor(effective + 1e-9), tail)
    if depth == 0:
        return Estimate(middle, -math.inf, math.inf)
    # The depth-th of so many draws, counted from below and from above.
    level = (depth - _HALF) / effective
    return Estimate(
        middle,
        weighted_quantile(np.append(low, -unplaced), weight, level),
        -weighted_quantile(-np.append(high, unplaced), weight, level),
    )


def order_depth(n: int, tail: float) -> int:
    """Return how deep among n draws the limits of their median lie: 0 if there are too few.

    It is the largest d such that fewer than d draws lie below the median with a probability ≤ `tail`; the
    limits are the d-th smallest and the d-th largest.
    """
    depths = np.arange(n + 1)
    return int(np.count_nonzero(bdtr(depths, n, _HALF) <= tail))


def weighted_quantile(values: Floats, weight: Floats, level: float) -> float:
    """Return the least value up to which there is a share `level` of the weight."""
    order = np.argsort(values)
    reached = np.cumsum(weight[order])
    place = np.searchsorted(reached, level * reached[-1] * (1.0 - 1e-12))
    return float(values[order][place])


def log_ratio(first: Estimate, second: Estimate) -> Estimate:
    """Return the log of one share over another [nat], both with limits at the same confidence.

    What the limits leave open on either side adds in quadrature (the method of variance estimates
    recovery: Zou & Donner, Statistics in Medicine 27, 2008, 1693-1702), on the scale of logs. Where a
    share is 0 the quadrature has no centre, and the limits are combined at their worst.
    """
    x, x_low, x_high = map(log_of, (first.value, first.low, first.high))
    y, y_low, y_high = map(log_of, (second.value, second.low, second.high))
    if math.isnan(first.value) or math.isnan(second.value):
        return Estimate(math.nan, -math.inf, math.inf)
    if math.isinf(x) or math.isinf(y):
        low = -math.inf if math.isinf(x_low) else x_low - y_high
        high = math.inf if math.isinf(y_low) else x_high - y_low
        return Estimate(math.nan if math.isinf(y) else x - y, low, high)
    return Estimate(
        x - y,
        x - y - math.hypot(x - x_low, y_high - y),
        x - y + math.hypot(x_high - x, y - y_low),
    )
