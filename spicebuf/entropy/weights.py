"""Log volumes under one prior from draws of another: every draw weighs what it is worth."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaincinv, logsumexp

from spicebuf.entropy.events import Bools, Floats
from spicebuf.entropy.volume import REWEIGHTED, Counts, LogVolume, log_of, require_confidence
from spicebuf.errors import InputError

MIN_EFFECTIVE = 300.0
"""Effective sample size below which weights are not to be relied on."""

_MAX_ERRORS = 4.0
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Share:
    """What weighted draws say of one set: the probability of the set where draws weigh 1 on average.

    The rarer of the set and its complement is what is counted; only that has few enough hits to matter.

    Attributes
    ----------
    n : int
        Draws.
    mean, square : float
        Of the weights and of their squares, over all draws, with 0 where a draw is not counted.
    largest : float
        Weight of any draw.
    complement : bool
        Whether the draws outside of the set were counted.
    """

    n: int
    mean: float
    square: float
    largest: float
    complement: bool

    @property
    def value(self) -> float:
        """Log of the probability, ≤ 0; −inf without a hit."""
        return log_of(min(1.0 - self.mean if self.complement else self.mean, 1.0))

    @property
    def error(self) -> float:
        """Standard error of a finite `value` (delta method)."""
        return math.sqrt((self.square - self.mean**2) / self.n) * math.exp(-self.value)

    def limits(self, tail: float) -> tuple[float, float]:
        """Return limits of the log of the probability with `tail` outside either end.

        They are quantiles of gamma distributions that have the mean and the variance of the sum, and for
        the upper one those of the sum with another hit of the largest weight (Fay & Feuer, Statistics in
        Medicine 16, 1997, 791-801). Their counts are Poisson's; here the number of draws is fixed, which
        lessens the variance by mean²/n: equal weights then give the limits of `clopper_pearson`.
        """
        one, mean, square = self.largest / self.n, self.mean, self.square
        low = self._quantile(mean, square, tail) if mean > 0.0 else 0.0
        high = self._quantile(mean + one, square + self.largest * one, 1.0 - tail)
        low, high = (1.0 - high, 1.0 - low) if self.complement else (low, high)
        return log_of(min(low, 1.0)), log_of(min(high, 1.0))

    def _quantile(self, mean: float, square: float, quantile: float) -> float:
        variance = (square - mean**2) / self.n
        return float(gammaincinv(mean**2 / variance, quantile)) * variance / mean


@dataclass(frozen=True)
class Weights:
    """What the weights of a bank's draws come to.

    Attributes
    ----------
    effective : float
        Effective sample size: draws of the target itself that would tell as much (see `effective_size`).
    ends : (Share, Share)
        Of the satisfied draws, and with those of unknown verdict.
    """

    effective: float
    ends: tuple[Share, Share]


def effective_size(log_weight: Floats) -> float:
    """Return the effective sample size (Σw)²/Σw² of log weights, shape (n,); 0 if all are −inf.

    Kong, A note on importance sampling using standardized weights (University of Chicago, Department of
    Statistics, technical report 348), 1992.
    """
    if not np.isfinite(log_weight).any():
        return 0.0
    return math.exp(2.0 * float(logsumexp(log_weight)) - float(logsumexp(2.0 * log_weight)))


def from_weighted(
    log_weight: Floats,
    satisfied: Bools,
    borderline: Bools,
    unsimulated: Bools,
    confidence: float,
    seed: int,
) -> LogVolume:
    """Estimate a log volume under a target prior p from independent draws of another prior q.

    The mean of w = p(θ)/q(θ), with 0 for draws that do not satisfy, is an unbiased estimate of the
    volume; where those that do hold more than half of the weight, 1 less that of the others is more
    precise. The lower end of the interval takes every draw of unknown verdict as violated, the upper end
    as satisfied.

    Parameters
    ----------
    log_weight : array of float, shape (n,)
        log p(θ) − log q(θ); −inf where the target has no density.
    satisfied, borderline, unsimulated : array of bool, shape (n,)
    confidence : float
        In (0, 1).
    seed : int
        Of the draws.

    Returns
    -------
    LogVolume
        Its counts are of the draws that weigh anything.

    Raises
    ------
    InputError
        If `confidence` is not in (0, 1), or the effective sample size is below `MIN_EFFECTIVE`.
    """
    require_confidence(confidence)
    effective = effective_size(log_weight)
    n, tail = len(log_weight), (1.0 - confidence) / 2.0
    if effective < MIN_EFFECTIVE * (1.0 - _ROUNDING):
        raise InputError(
            f"{n} draws weigh as much as {effective:.0f} of the prior asked about (effective sample "
            f"size), and at least {MIN_EFFECTIVE:.0f} are needed; take more --samples, or a bank drawn "
            "from priors nearer to these"
        )
    weight = np.exp(log_weight)
    possible = satisfied | borderline | unsimulated
    low, high = _share(weight, satisfied), _share(weight, possible)
    # The two ends may be counted on different sides, where chance could put them in the wrong order.
    return LogVolume(
        value=low.value,
        interval=(low.limits(tail)[0], max(low.value, high.limits(tail)[1])),
        confidence=confidence,
        counts=(
            Counts(
                n, *(int((weight[of] > 0.0).sum()) for of in (satisfied, borderline, unsimulated))
            ),
        ),
        method=REWEIGHTED,
        seed=seed,
        log_count=None,
        bracket=(low.value, max(low.value, high.value)),
        weights=Weights(effective, (low, high)),
        warnings=tuple(_doubts(weight)),
    )


def _share(weight: Floats, members: Bools) -> Share:
    complement = bool(weight[members].sum() > 0.5 * weight.sum())
    counted = weight[~members if complement else members]
    n = len(weight)
    mean, square = float(counted.sum()) / n, float((counted**2).sum()) / n
    return Share(n, mean, square, float(weight.max()), complement)


def _doubts(weight: Floats) -> Iterator[str]:
    mean, error = float(weight.mean()), float(weight.std()) / math.sqrt(len(weight))
    if abs(mean - 1.0) > _MAX_ERRORS * error + _ROUNDING:
        yield (
            f"the weights have a mean of {mean:.4g}, more than {_MAX_ERRORS:g} standard errors from 1: "
            "part of the prior was hardly ever drawn; take a bank drawn from priors nearer to these"
        )
