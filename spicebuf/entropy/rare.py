"""Rare events: splitting until its interval is narrow enough, and what makes it doubtful."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from spicebuf.entropy.events import BudgetSpentError, Judge, Meter
from spicebuf.entropy.importance import SecondOpinion
from spicebuf.entropy.pilot import FLOOR, Plan, draw_first, explore
from spicebuf.entropy.rounds import Effort, Purpose, generator, limits, run_rounds
from spicebuf.entropy.splitting import Runs
from spicebuf.entropy.survivors import FEW_ANCESTORS, find_clusters
from spicebuf.entropy.volume import (
    SPLITTING,
    Counts,
    LogVolume,
    clopper_pearson,
    from_sample,
)


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
    # Slow to import, and the threads of a library can be limited only once it is there.
    import sklearn.cluster  # noqa: PLC0415
    import sklearn.mixture  # noqa: F401, PLC0415

    # The matrices are small: threads would only wait for one another, and for ngspice.
    with threadpool_limits(limits=1):
        return _estimate(Meter(judge, effort.max_simulations, on_progress), d, seed, effort)


def _estimate(meter: Meter, d: int, seed: Sequence[int], effort: Effort) -> LogVolume:
    rng = generator(seed, Purpose.PILOT)
    try:
        first = draw_first(meter, d, rng)
    except BudgetSpentError:
        return _plain(meter, d, seed, effort, rng)
    try:
        plan = explore(meter, first, rng)
        runs, opinion = run_rounds(meter, plan, effort, seed)
    except BudgetSpentError:
        return _from_draws(first.counts, (), meter, seed, effort, _spent(effort, meter))
    return _conclude(meter, plan, runs, opinion, seed, effort)


def _conclude(
    meter: Meter,
    plan: Plan,
    runs: Runs,
    opinion: SecondOpinion | None,
    seed: Sequence[int],
    effort: Effort,
) -> LogVolume:
    levels = tuple(stage.level for stage in plan.stages)
    if not runs.satisfied.any():
        warnings: tuple[str, ...] = ()
        if not plan.reached:
            warnings = (f"the event was not seen down to a probability of {FLOOR:g}",)
        return _from_draws(runs.prior, levels, meter, seed, effort, warnings)
    clusters = find_clusters(runs.survivors, generator(seed, Purpose.CLUSTERS))
    value, low, high = limits(runs, opinion, effort.confidence)
    if not plan.stages:
        exact = from_sample(runs.prior, effort.confidence, seed[0])
        value, (low, high) = exact.value, exact.interval
    enough = high - low <= 2.0 * effort.precision
    # What borderline points would add, and then the unsimulated ones.
    lift = math.log(float(runs.possible.mean()) / float(runs.satisfied.mean()))
    unknown = _unknown(runs, effort.confidence)
    with np.errstate(divide="ignore"):
        estimates = tuple(np.log(runs.satisfied).tolist())
    return LogVolume(
        value=value,
        interval=(low, min(0.0, _log_add(high + lift, unknown))),
        confidence=effort.confidence,
        counts=(_counts(meter),),
        method=SPLITTING,
        seed=seed[0],
        log_count=None,
        bracket=(value, min(0.0, _log_add(value + lift, unknown))),
        splitting=Splitting(
            prior=runs.prior,
            levels=levels,
            estimates=estimates,
            ancestors=tuple(runs.ancestors.tolist()),
            n_clusters=clusters.n,
            clusters=tuple(clusters.n_by_run.tolist()),
            opinion=opinion,
        ),
        warnings=(
            *(() if enough else _spent(effort, meter)),
            *_doubts(runs, clusters.n, clusters.n_by_run),
        ),
    )


def _unknown(runs: Runs, confidence: float) -> float:
    """Return the log of the most that unsimulated points may add: their share near the event.

    Where the prior's own draws met some, it is the upper limit of their share of the prior.
    """
    n_lost, share = runs.prior.n_unsimulated, runs.unsimulated
    if n_lost:
        tail = (1.0 - confidence) / 2.0
        share = max(share, clopper_pearson(n_lost, runs.prior.n_samples, tail)[1])
    return math.log(share) if share else -math.inf


def _doubts(runs: Runs, n_clusters: int, n_by_run: NDArray[np.int64]) -> Iterator[str]:
    few = int(np.sum(runs.ancestors < FEW_ANCESTORS))
    if few:
        yield (
            f"{few} of {runs.n} runs descend from fewer than {FEW_ANCESTORS} draws of the prior: "
            "the interval may be too narrow"
        )
    missed = int(np.sum(n_by_run < n_clusters))
    if missed:
        yield (
            f"{missed} of {runs.n} runs miss at least one of {n_clusters} clusters of survivors: "
            "there may be more that all of them miss"
        )


def _plain(
    meter: Meter, d: int, seed: Sequence[int], effort: Effort, rng: np.random.Generator
) -> LogVolume:
    """Spend what is left of a budget that is too small for splitting on draws of the prior."""
    if meter.n < meter.budget:
        meter(rng.standard_normal((meter.budget - meter.n, d)))
    return _from_draws(_counts(meter), (), meter, seed, effort, _spent(effort, meter))


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
        counts=(_counts(meter),),
        splitting=details,
        warnings=warnings,
    )


def _spent(effort: Effort, meter: Meter) -> tuple[str, ...]:
    words = (
        f"stopped after {meter.n} simulations, before a precision of {effort.precision:g} nat: "
        f"max-simulations = {effort.max_simulations}"
    )
    return (words,)


def _counts(meter: Meter) -> Counts:
    assert meter.counts is not None  # noqa: S101 (every answer rests on draws)
    return meter.counts


def _log_add(a: float, b: float) -> float:
    return float(np.logaddexp(a, b))
