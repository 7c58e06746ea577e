"""Log volumes with their intervals: from counts, and summed over components."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

from scipy.special import betaincinv, ndtri

from spicebuf.errors import InputError

if TYPE_CHECKING:
    from spicebuf.entropy.rare import Splitting
    from spicebuf.entropy.weights import Weights

MONTE_CARLO = "monte-carlo"
ENUMERATION = "enumeration"
SPLITTING = "splitting"
REWEIGHTED = "reweighted"

UNITS = {"nat": 1.0, "bit": math.log(2.0)}
"""Units of log volumes, in nats."""


@dataclass(frozen=True)
class Counts:
    """How many of `n_samples` θ satisfy, and of how many it is not known."""

    n_samples: int
    n_satisfied: int
    n_borderline: int = 0
    n_unsimulated: int = 0

    def __post_init__(self) -> None:
        known = self.n_satisfied + self.n_borderline + self.n_unsimulated
        if (
            self.n_samples < 1
            or known > self.n_samples
            or min(self.n_satisfied, self.n_borderline, self.n_unsimulated) < 0
        ):
            raise InputError(f"{self}: n_samples must be ≥ 1 and no count negative or above it")

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.n_samples + other.n_samples,
            self.n_satisfied + other.n_satisfied,
            self.n_borderline + other.n_borderline,
            self.n_unsimulated + other.n_unsimulated,
        )

    @property
    def n_possible(self) -> int:
        """Satisfied, if every borderline and unsimulated θ were."""
        return self.n_satisfied + self.n_borderline + self.n_unsimulated


@dataclass(frozen=True)
class LogVolume:
    """The log of the prior probability that θ satisfies, with its interval [nat].

    Attributes
    ----------
    value : float
        log(n_satisfied / n_samples), ≤ 0, where every θ counts alike; −inf if none satisfies.
    interval : (float, float)
        Holds the true log volume at the confidence level, counting θ of unknown verdict both ways.
    confidence : float
        In (0, 1). An enumeration has no sampling error: its interval is certain.
    counts : tuple of Counts
        Of the one component, or of each component of a sum. Where `method` is ``"splitting"``, they are
        of all points that were judged on the way, and no measure of the volume.
    method : str
        ``"monte-carlo"``, ``"enumeration"``, ``"splitting"``, ``"reweighted"``, or several joined by
        ``"+"`` in a sum.
    seed : int or None
        Of the draws; None if there were none.
    log_count : float or None
        Log of the number of grid points that satisfy, where all were enumerated.
    bracket : (float, float)
        The value, if all θ of unknown verdict were violated, and if all were satisfied.
    splitting : Splitting or None
        How a rare event was estimated.
    weights : Weights or None
        Of draws from another prior.
    warnings : tuple of str
        What makes the answer doubtful, or less than was asked for.
    """

    value: float
    interval: tuple[float, float]
    confidence: float
    counts: tuple[Counts, ...]
    method: str
    seed: int | None
    log_count: float | None
    bracket: tuple[float, float]
    splitting: "Splitting | None" = None
    weights: "Weights | None" = None
    warnings: tuple[str, ...] = ()

    @property
    def effective(self) -> float | None:
        """Effective sample size, where draws from another prior were weighed."""
        return None if self.weights is None else self.weights.effective


def from_sample(counts: Counts, confidence: float, seed: int) -> LogVolume:
    """Estimate a log volume from independent draws of the prior.

    The interval is Clopper & Pearson's (Biometrika 26, 1934, 404-413): its lower end takes every θ of
    unknown verdict as violated, its upper end as satisfied, so that it covers whatever they are.

    Raises
    ------
    InputError
        If `confidence` is not in (0, 1).
    """
    require_confidence(confidence)
    tail = (1.0 - confidence) / 2.0
    low, _ = clopper_pearson(counts.n_satisfied, counts.n_samples, tail)
    _, high = clopper_pearson(counts.n_possible, counts.n_samples, tail)
    return LogVolume(
        value=log_of(counts.n_satisfied / counts.n_samples),
        interval=(log_of(low), log_of(high)),
        confidence=confidence,
        counts=(counts,),
        method=MONTE_CARLO,
        seed=seed,
        log_count=None,
        bracket=_bracket(counts),
    )


def from_enumeration(counts: Counts, confidence: float) -> LogVolume:
    """Count a log volume over all points of a finite, equally weighted grid: no sampling error."""
    require_confidence(confidence)
    return LogVolume(
        value=log_of(counts.n_satisfied / counts.n_samples),
        interval=_bracket(counts),
        confidence=confidence,
        counts=(counts,),
        method=ENUMERATION,
        seed=None,
        log_count=log_of(counts.n_satisfied),
        bracket=_bracket(counts),
    )


def total(parts: Sequence[LogVolume]) -> LogVolume:
    """Add the log volumes of independently sampled components.

    What sampling leaves open adds in quadrature (the method of variance estimates recovery of
    Zou & Donner, Statistics in Medicine 27, 2008, 1693-1702, applied to the components' own limits, or
    to their standard errors where those are larger);
    what unknown verdicts leave open could lie on one side everywhere and adds linearly. Where a
    component has no hit at all the quadrature has no centre: the upper end is then the sum of upper
    limits, at a level that holds for all components together.

    Raises
    ------
    InputError
        If there are no parts or their confidence levels differ.
    """
    if len({part.confidence for part in parts}) != 1:
        raise InputError("total: give at least one log volume, all at one confidence level")
    if len(parts) == 1:
        return parts[0]
    lows, highs = zip(*(part.bracket for part in parts), strict=True)
    below = math.hypot(*(_gap(part, 0) for part in parts))
    above = math.hypot(*(_gap(part, 1) for part in parts))
    low, high = sum(lows), sum(highs)
    upper = (
        high + above if math.isfinite(high) else sum(_joint_upper(part, parts) for part in parts)
    )
    log_counts = [part.log_count for part in parts if part.log_count is not None]
    return LogVolume(
        value=sum(part.value for part in parts),
        interval=(low - below if math.isfinite(low) else -math.inf, min(0.0, upper)),
        confidence=parts[0].confidence,
        counts=tuple(counts for part in parts for counts in part.counts),
        method="+".join(dict.fromkeys(part.method for part in parts)),
        seed=reduce(lambda a, b: a if a is not None else b, (part.seed for part in parts)),
        log_count=sum(log_counts) if len(log_counts) == len(parts) else None,
        bracket=(low, high),
        warnings=tuple(dict.fromkeys(words for part in parts for words in part.warnings)),
    )


def clopper_pearson(n_hits: float, n: float, tail: float) -> tuple[float, float]:
    """Return the exact limits of a binomial probability with `tail` outside either end."""
    low = 0.0 if n_hits == 0 else float(betaincinv(n_hits, n - n_hits + 1, tail))
    high = 1.0 if n_hits == n else float(betaincinv(n_hits + 1, n - n_hits, 1.0 - tail))
    return low, high


def _joint_upper(part: LogVolume, parts: Sequence[LogVolume]) -> float:
    if part.method == ENUMERATION:
        return part.interval[1]
    (counts,) = part.counts
    # The lower end is −inf: all that may go wrong is left to the upper one.
    tail = 1.0 - part.confidence ** (1.0 / len(parts))
    if part.weights is not None:
        return part.weights.ends[1].limits(tail)[1]
    if part.splitting is not None:
        if math.isfinite(part.value):
            widened = float(ndtri(1.0 - tail) / ndtri(0.5 + part.confidence / 2.0))
            return min(0.0, part.bracket[1] + widened * _gap(part, 1))
        counts = part.splitting.prior
    return log_of(clopper_pearson(counts.n_possible, counts.n_samples, tail)[1])


def _bracket(counts: Counts) -> tuple[float, float]:
    n = counts.n_samples
    return log_of(counts.n_satisfied / n), log_of(counts.n_possible / n)


def _gap(part: LogVolume, end: int) -> float:
    """Return how far a limit lies from its end of the bracket, for the quadrature."""
    centre, limit = part.bracket[end], part.interval[end]
    if part.method == ENUMERATION or not math.isfinite(centre):
        return 0.0
    if part.splitting is not None:
        return abs(limit - centre)
    # Near p = 1 the exact limits cannot pass 0, and many small gaps add to too little: there the
    # standard error of log p (delta method) is the larger, and is what adds up right.
    z = float(-ndtri((1.0 - part.confidence) / 2.0))
    return max(abs(limit - centre), z * _error(part, end))


def _error(part: LogVolume, end: int) -> float:
    """Return the standard error of log p at an end of the bracket, from independent draws."""
    if part.weights is not None:
        return part.weights.ends[end].error
    (counts,) = part.counts
    n_hits = counts.n_possible if end else counts.n_satisfied
    return math.sqrt((counts.n_samples - n_hits) / (n_hits * counts.n_samples))


def log_of(x: float) -> float:
    """Return the log of a share or count; −inf where there is none."""
    return math.log(x) if x > 0 else -math.inf


def require_confidence(confidence: float) -> None:
    """Raise InputError if `confidence` is not in (0, 1)."""
    if not 0.0 < confidence < 1.0:
        raise InputError(
            f"confidence = {confidence:g} must lie strictly between 0 and 1, e.g. 0.95"
        )


def require_precision(precision: float) -> None:
    """Raise InputError if `precision` is no half-width of an interval."""
    if not 0.0 < precision < math.inf:
        raise InputError(f"precision = {precision:g} must be > 0 nat, e.g. 0.1")
