"""Rare events: splitting until its interval is narrow enough, and what makes it doubtful."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from spicebuf.entropy.events import BudgetSpentError, Judge, Meter
from spicebuf.entropy.importance import MAX_ERRORS, SecondOpinion, second_opinion
from spicebuf.entropy.kernels import count
from spicebuf.entropy.pilot import FLOOR, Plan, draw_first, explore
from spicebuf.entropy.splitting import Runs, join, log_mean_interval, perform
from spicebuf.entropy.survivors import FEW_ANCESTORS, find_clusters
from spicebuf.entropy.volume import (
    SPLITTING,
    Counts,
    LogVolume,
    clopper_pearson,
    from_sample,
    require_precision,
)

# A first round tells how much the runs scatter; a second one, sized by it, is what counts.
_FIRST_RUNS, _FIRST_CHAINS = 8, 250
_RUNS = 16
_MAX_CHAINS = 1_000
_MORE_ROUNDS = 3
# Aim a little below the target: how much runs scatter is itself only roughly known.
_AIM = 0.85

_PILOT, _ROUNDS, _OPINION, _CLUSTERS = range(4)


@dataclass(frozen=True)
class Splitting:
    """How a rare event was estimated, and what speaks for and against it.

    Attributes
    ----------
    prior : Counts
        Of the independent draws from the prior among the points judged.
    levels : tuple of float
        Scores that the runs climbed.
    estimates : tuple of float
        Log of each run's estimate [nat].
    ancestors : tuple of int
        Different draws from the prior that each run's survivors descend from.
    n_clusters : int
        Separate groups of survivors, over all runs.
    clusters : tuple of int
        Of these, how many each run has survivors in.
    opinion : SecondOpinion or None
        Importance sampling's.
    """

    prior: Counts
    levels: tuple[float, ...]
    estimates: tuple[float, ...]
    ancestors: tuple[int, ...]
    n_clusters: int
    clusters: tuple[int, ...]
    opinion: SecondOpinion | None


@dataclass(frozen=True)
class Effort:
    """How far to go.

    Attributes
    ----------
    precision : float
        Half-width of the interval to stop at [nat], > 0.
    confidence : float
        Of the interval, in (0, 1).
    max_simulations : int
        Points to judge at most, ≥ 1.
    """

    precision: float = 0.1
    confidence: float = 0.95
    max_simulations: int = 5_000_000

    def __post_init__(self) -> None:
        """Refuse what cannot be reached."""
        require_precision(self.precision)


def estimate(
    judge: Judge,
    d: int,
    seed: Sequence[int],
    effort: Effort,
    on_progress: Callable[[int], None] = lambda _: None,
) -> LogVolume:
    """Estimate the log of the prior probability of an event by multilevel splitting.

    Parameters
    ----------
    judge : callable
        Asked about points of a `d`-dimensional standard normal prior, thousands at a time.
    d : int
        ≥ 1.
    seed : sequence of int
        The answer is a function of it; the first is recorded.
    effort : Effort
    on_progress : callable
        Called with the number of points judged so far.

    Returns
    -------
    LogVolume
        Where the runs never saw the event, −inf with the exact upper limit from the independent draws
        of the prior among their points. Where the budget ends first, what was reached.
    """
    meter = Meter(judge, effort.max_simulations, on_progress)
    rng = np.random.default_rng([*seed, _PILOT])
    try:
        first = draw_first(meter, d, rng)
    except BudgetSpentError:
        return _plain(meter, d, seed, effort, rng)
    try:
        plan = explore(meter, first, rng)
        rounds = _rounds(meter, plan, effort, seed)
    except BudgetSpentError:
        return _from_draws(count(first), (), meter, seed, effort, _spent(effort, meter))
    return _conclude(meter, plan, rounds, seed, effort)


def _rounds(meter: Meter, plan: Plan, effort: Effort, seed: Sequence[int]) -> Runs:
    """Run rounds until the interval is narrow enough or the budget would not last for the next."""
    before = meter.n
    runs = perform(meter, plan, _FIRST_RUNS, _FIRST_CHAINS, _rng(seed, 0))
    cost = (meter.n - before) / (_FIRST_RUNS * _FIRST_CHAINS)
    width = _half_width(runs, effort)
    if width <= effort.precision or not runs.satisfied.any():
        return runs
    left = effort.max_simulations - meter.n
    groups, chains = _size(width, effort.precision, left / cost)
    parts: list[Runs] = []
    try:
        for number in range(1, groups * _MORE_ROUNDS + 1):
            parts.append(perform(meter, plan, _RUNS, chains, _rng(seed, number)))
            if number % groups == 0 and _half_width(join(parts), effort) <= effort.precision:
                break
    except BudgetSpentError:
        pass
    return join(parts) if parts else runs


def _size(width: float, precision: float, affordable: float) -> tuple[int, int]:
    """Return how many groups of runs, of how many chains each, should reach a precision.

    The half-width is that of the first round [nat]; `affordable` is a number of chains.
    """
    gain = (width / (_AIM * precision)) ** 2
    narrower = (stdtrit(_RUNS - 1, 0.975) / stdtrit(_FIRST_RUNS - 1, 0.975)) ** 2
    total = min(gain * narrower * _FIRST_RUNS * _FIRST_CHAINS, 0.9 * affordable)
    per_run = max(_FIRST_CHAINS, total / _RUNS)
    groups = max(1, round(per_run / _MAX_CHAINS))
    return groups, max(_FIRST_CHAINS, int(per_run / groups))


def _half_width(runs: Runs, effort: Effort) -> float:
    _, low, high = log_mean_interval(runs.satisfied, effort.confidence)
    if not math.isfinite(low):
        # The spread is unknown rather than endless: the next round must still have a size.
        return 1.0 if runs.satisfied.any() else math.inf
    return (high - low) / 2.0


def _conclude(
    meter: Meter, plan: Plan, runs: Runs, seed: Sequence[int], effort: Effort
) -> LogVolume:
    warnings = _spent(effort, meter) if _half_width(runs, effort) > effort.precision else ()
    levels = tuple(stage.level for stage in plan.stages)
    if not runs.satisfied.any():
        if not plan.reached:
            warnings = (f"the event was not seen down to a probability of {FLOOR:g}",)
        return _from_draws(runs.prior, levels, meter, seed, effort, warnings)
    clusters = find_clusters(runs.survivors, _rng(seed, 0, _CLUSTERS))
    opinion = _opinion(meter, runs, seed)
    value, low, _ = log_mean_interval(runs.satisfied, effort.confidence)
    possible, _, high = log_mean_interval(runs.possible, effort.confidence)
    unknown = _unknown(runs, effort.confidence)
    low, high = min(low, value), _log_add(high, unknown)
    if not plan.stages:
        exact = from_sample(runs.prior, effort.confidence, seed[0])
        value, (low, high) = exact.value, exact.interval
    warnings += _doubts(runs, clusters.n, clusters.n_by_run, opinion, value, high - low, effort)
    with np.errstate(divide="ignore"):
        estimates = tuple(np.log(runs.satisfied).tolist())
    return LogVolume(
        value=value,
        interval=(low, min(0.0, high)),
        confidence=effort.confidence,
        counts=(_counts_of_meter(meter),),
        method=SPLITTING,
        seed=seed[0],
        log_count=None,
        bracket=(value, min(0.0, _log_add(max(value, possible), unknown))),
        splitting=Splitting(
            prior=runs.prior,
            levels=levels,
            estimates=estimates,
            ancestors=tuple(runs.ancestors.tolist()),
            n_clusters=clusters.n,
            clusters=tuple(clusters.n_by_run.tolist()),
            opinion=opinion,
        ),
        warnings=warnings,
    )


def _opinion(meter: Meter, runs: Runs, seed: Sequence[int]) -> SecondOpinion | None:
    try:
        return second_opinion(meter, np.concatenate(runs.survivors), _rng(seed, 0, _OPINION))
    except BudgetSpentError:
        return None


def _unknown(runs: Runs, confidence: float) -> float:
    """Return the log of the most that unsimulated points may add: their share near the event.

    Where the prior's own draws met some, it is the upper limit of their share of the prior.
    """
    n_lost, share = runs.prior.n_unsimulated, runs.unsimulated
    if n_lost:
        tail = (1.0 - confidence) / 2.0
        share = max(share, clopper_pearson(n_lost, runs.prior.n_samples, tail)[1])
    return math.log(share) if share else -math.inf


def _doubts(
    runs: Runs,
    n_clusters: int,
    n_by_run: NDArray[np.int64],
    opinion: SecondOpinion | None,
    value: float,
    width: float,
    effort: Effort,
) -> tuple[str, ...]:
    doubts = []
    few = int(np.sum(runs.ancestors < FEW_ANCESTORS))
    if few:
        doubts.append(
            f"{few} of {runs.n} runs descend from fewer than {FEW_ANCESTORS} draws of the prior: "
            "the interval may be too narrow"
        )
    missed = int(np.sum(n_by_run < n_clusters))
    if missed:
        doubts.append(
            f"{missed} of {runs.n} runs miss at least one of {n_clusters} clusters of survivors: "
            "there may be more that all of them miss"
        )
    if opinion is not None and opinion.doubt is None:
        error = math.hypot(
            opinion.error, width / 2.0 / stdtrit(runs.n - 1, 0.5 + effort.confidence / 2)
        )
        if abs(opinion.value - value) > MAX_ERRORS * error:
            doubts.append(
                f"importance sampling disagrees: {opinion.value:.3f} nat, by more than "
                f"{MAX_ERRORS:g} standard errors"
            )
    return tuple(doubts)


def _plain(
    meter: Meter, d: int, seed: Sequence[int], effort: Effort, rng: np.random.Generator
) -> LogVolume:
    """Spend what is left of a budget that is too small for splitting on draws of the prior."""
    meter(rng.standard_normal((meter.budget - meter.n, d)))
    return _from_draws(_counts_of_meter(meter), (), meter, seed, effort, _spent(effort, meter))


def _from_draws(
    prior: Counts,
    levels: tuple[float, ...],
    meter: Meter,
    seed: Sequence[int],
    effort: Effort,
    warnings: tuple[str, ...],
) -> LogVolume:
    """Return what independent draws of the prior tell, where the runs tell nothing."""
    details = Splitting(prior, levels, (), (), 0, (), None)
    volume = from_sample(prior, effort.confidence, seed[0])
    return replace(
        volume,
        method=SPLITTING,
        counts=(_counts_of_meter(meter),),
        splitting=details,
        warnings=warnings,
    )


def _spent(effort: Effort, meter: Meter) -> tuple[str, ...]:
    words = (
        f"stopped after {meter.n} simulations, before a precision of {effort.precision:g} nat: "
        f"max-simulations = {effort.max_simulations}"
    )
    return (words,)


def _counts_of_meter(meter: Meter) -> Counts:
    return Counts(meter.n, meter.n_satisfied, meter.n_borderline, meter.n_unsimulated)


def _rng(seed: Sequence[int], number: int, purpose: int = _ROUNDS) -> np.random.Generator:
    return np.random.default_rng([*seed, purpose, number])


def _log_add(a: float, b: float) -> float:
    return float(np.logaddexp(a, b))
