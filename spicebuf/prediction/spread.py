"""How a population is spread over behaviour classes, against Bayes.

A rank correlation of the two tells little: what is uniform over classes can have a high one. The slope of
log P_train over log P_Bayes is 1 if training ends where Bayes does, 0 if all classes are alike to it.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, softmax

from spicebuf.entropy import require_confidence
from spicebuf.errors import InputError
from spicebuf.prediction.classes import Classes
from spicebuf.prediction.estimates import Estimate
from spicebuf.search.relation import Floats, Places

N_RESAMPLES = 1000
"""Bootstrap samples."""

_NOISE_QUANTILE = 0.95
_HALVINGS = 100


@dataclass(frozen=True)
class Spread:
    """How n solutions are spread over the K classes of Bayes.

    Attributes
    ----------
    n : int
        Solutions.
    n_new : int
        Of these, in classes that Bayes never hits: left out of the slope, counted in the total variation.
    n_classes, n_seen : int
        Classes of Bayes, and of these the ones that a solution is in.
    slope : Estimate or None
        Of P_train(c) ∝ P_Bayes(c)^s, by maximum likelihood; ±inf where all solutions are in the most
        probable classes, or all in the least; None where that is no question: if no solution is in a
        class of Bayes, or all classes have the same probability.
    total_variation : Estimate
        ½ Σ |P_train − P_Bayes|, of n draws of each; NaN of no solutions. The noise of so few draws makes
        it larger than that of more: compare it with the noise floor.
    noise_mean, noise_high : float
        Mean and 95 % quantile of the total variation of n draws from Bayes.
    """

    n: int
    n_new: int
    n_classes: int
    n_seen: int
    slope: Estimate | None
    total_variation: Estimate
    noise_mean: float
    noise_high: float


def spread_over(
    behaviour: Places,
    classes: Classes,
    rng: np.random.Generator,
    weight: Floats | None = None,
    confidence: float = 0.95,
) -> Spread:
    """Compare the behaviours of a population with those of Bayes.

    Intervals are percentiles of a bootstrap over solutions (Efron, Annals of Statistics 7, 1979, 1-26).
    That of the slope is widened by its error from the finite banks of `classes`, in quadrature (Zou &
    Donner, Statistics in Medicine 27, 2008, 1693-1702). Drawing again from draws adds noise to a total
    variation, so that its percentiles are moved down by what their mean has gained. Noise in log P_Bayes
    also flattens the slope, which no interval holds: with banks of 1,000 θ an interval at 95 % covered
    in 83 to 93 % of cases, with 1,500 in 92 to 97 % (benchmarks/prediction.py).

    Parameters
    ----------
    behaviour : array of int, shape (n, 4)
        Of a `Placement`.
    classes : Classes
    rng : numpy.random.Generator
    weight : array of float, shape (n,), optional
        Of each solution, some > 0; 1 unless given.
    confidence : float
        In (0, 1).

    Raises
    ------
    InputError
        If `confidence` is not in (0, 1), or there are solutions and none weighs anything.
    """
    require_confidence(confidence)
    n, p = len(behaviour), classes.probability
    index = classes.index_of(behaviour)
    weight = np.ones(n) if weight is None else weight
    if n and not weight.any():
        raise InputError("weight: that of some solution must be above 0, and all are 0")
    parts = _resampled(index, weight, len(p), rng)
    noise = total_variation(_counts_of_draws(n, p, rng), p)
    return Spread(
        n=n,
        n_new=int(np.count_nonzero(index < 0)),
        n_classes=len(p),
        n_seen=len(np.unique(index[index >= 0])),
        slope=_slope_estimate(parts, classes, (1.0 - confidence) / 2.0),
        total_variation=_centred_percentiles(total_variation(parts, p), (1.0 - confidence) / 2.0),
        noise_mean=float(noise.mean()),
        noise_high=float(np.quantile(noise, _NOISE_QUANTILE)),
    )


def slope_of(mean_log: float, log_p: Floats) -> float:
    """Return the s at which the mean of log p under probabilities ∝ p^s is a given one.

    In this exponential family it is the s of maximum likelihood of solutions whose log p have that mean.
    ±inf if the mean is the greatest or the least log p.
    """
    if mean_log >= log_p.max():
        return math.inf
    if mean_log <= log_p.min():
        return -math.inf
    # The mean grows with s; s = u/(1 − |u|) takes all of them into (−1, 1).
    low, high = -1.0, 1.0
    for _ in range(_HALVINGS):
        u = (low + high) / 2.0
        if abs(u) == 1.0:
            break
        is_below = softmax(u / (1.0 - abs(u)) * log_p) @ log_p < mean_log
        low, high = (u, high) if is_below else (low, u)
    return u / (1.0 - abs(u)) if abs(u) < 1.0 else math.copysign(math.inf, u)


def total_variation(parts: Floats, p: Floats) -> Floats:
    """Return half the sum of differences of shares.

    Parameters
    ----------
    parts : array of float, shape (m, K + 1)
        Shares of m populations in each class, the last in none.
    p : array of float, shape (K,)
        Probabilities.
    """
    return np.asarray(np.abs(parts - np.append(p, 0.0)).sum(axis=1) / 2.0)


def _resampled(index: Places, weight: Floats, n_classes: int, rng: np.random.Generator) -> Floats:
    """Return the shares of each class and of none: of the solutions, then of samples of them."""
    n = len(index)
    if not n:
        return np.full((1, n_classes + 1), np.nan)
    place = np.where(index < 0, n_classes, index)
    drawn = (rng.integers(0, n, n) for _ in range(N_RESAMPLES))
    rows = [np.bincount(place, weight, n_classes + 1)]
    rows += [np.bincount(place[each], weight[each], n_classes + 1) for each in drawn]
    found = np.array(rows)
    # A sample of none but solutions without weight says nothing.
    found = found[found.sum(axis=1) > 0.0]
    return np.asarray(found / found.sum(axis=1, keepdims=True))


def _counts_of_draws(n: int, p: Floats, rng: np.random.Generator) -> Floats:
    counts = rng.multinomial(n, p / p.sum(), N_RESAMPLES)
    none = np.zeros((N_RESAMPLES, 1))
    return np.concatenate([counts, none], axis=1) / max(1, n)


def _centred_percentiles(values: Floats, tail: float) -> Estimate:
    """Return the first of some shares with percentiles of the others, less what these have gained."""
    if len(values) == 1:
        return Estimate(float(values[0]), 0.0, 1.0)
    gained = values[1:].mean() - values[0]
    low, high = np.clip(np.quantile(values[1:], [tail, 1.0 - tail]) - gained, 0.0, 1.0)
    return Estimate(float(values[0]), float(low), float(high))


def _slope_estimate(parts: Floats, classes: Classes, tail: float) -> Estimate | None:
    log_p, known = np.log(classes.probability), parts[:, :-1].sum(axis=1) > 0.0
    if not known[0] or log_p.max() == log_p.min():
        return None
    shares = parts[known, :-1] / parts[known, :-1].sum(axis=1, keepdims=True)
    means = shares @ log_p
    # The slope grows with the mean, so that percentiles of the one are those of the other.
    ends = np.quantile(means[1:], [tail, 1.0 - tail], method="inverted_cdf")
    value, low, high = (slope_of(float(each), log_p) for each in (means[0], *ends))
    if not math.isfinite(value):
        return Estimate(value, low, high)
    reach = -ndtri(tail) * _error_from_banks(shares[0], classes, value)
    return Estimate(
        value, value - math.hypot(value - low, reach), value + math.hypot(high - value, reach)
    )


def _error_from_banks(shares: Floats, classes: Classes, slope: float) -> float:
    """Return the standard error that the finite banks give the slope (delta method).

    s solves Σ f_k l_k = Σ q_k l_k with q ∝ exp(s l), from which ds/dl_k follows.
    """
    log_p = np.log(classes.probability)
    q = softmax(slope * log_p)
    around = log_p - q @ log_p
    moved = (shares - q - slope * q * around) / (q @ around**2)
    return math.sqrt(max(0.0, float(moved @ classes.covariance @ moved)))
