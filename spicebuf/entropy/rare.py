"""Rare events: splitting until its interval is narrow enough, and what makes it doubtful."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtrit

from spicebuf.entropy.events import BudgetSpentError, Floats, Judge, Meter
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
# Times the first round that may be made up of more runs like those of the first.
_SAME_KIND = 4.0
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
    rng = _rng(seed, _PILOT)
    try:
        first = draw_first(meter, d, rng)
    except BudgetSpentError:
        return _plain(meter, d, seed, effort, rng)
    try:
        plan = explore(meter, first, rng)
        runs, opinion = _rounds(meter, plan, effort, seed)
    except BudgetSpentError:
        return _from_draws(count(first), (), meter, seed, effort, _spent(effort, meter))
    return _conclude(meter, plan, runs, opinion, seed, effort)


def _rounds(
    meter: Meter, plan: Plan, effort: Effort, seed: Sequence[int]
) -> tuple[Runs, SecondOpinion | None]:
    """Run rounds until the answer is precise enough or the budget would not last for the next."""
    before = meter.n
    runs = perform(meter, plan, _FIRST_RUNS, _FIRST_CHAINS, _rng(seed, _ROUNDS))
    if not runs.satisfied.any() or not plan.stages:
        return runs, None
    cost = (meter.n - before) / (_FIRST_RUNS * _FIRST_CHAINS)
    opinion = _opinion(meter, runs, seed, 0)
    if _half_width(runs, opinion, effort) <= effort.precision:
        return runs, opinion
    gain = (_half_width(runs, None, effort) / (_AIM * effort.precision)) ** 2
    affordable = 0.9 * (effort.max_simulations - meter.n) / cost
    n_runs, n_chains = _size(gain, affordable)
    # A few more runs of the same kind; runs that scatter much need more chains each and start anew.
    parts = [runs] if n_chains == _FIRST_CHAINS else []
    try:
        for number in range(1, _MORE_ROUNDS * n_runs // _RUNS + 1):
            parts.append(perform(meter, plan, _RUNS, n_chains, _rng(seed, _ROUNDS, number)))
            enough = _half_width(join(parts), opinion, effort) <= effort.precision
            if enough and number * _RUNS >= n_runs:
                break
    except BudgetSpentError:
        pass
    runs = join(parts) if parts else runs
    return runs, _opinion(meter, runs, seed, 1) or opinion


def _size(gain: float, affordable: float) -> tuple[int, int]:
    """Return how many runs of how many chains should reduce the variance by `gain`.

    `affordable` is a number of chains.
    """
    if gain <= _SAME_KIND:
        return _RUNS * math.ceil((gain - 1.0) * _FIRST_RUNS / _RUNS), _FIRST_CHAINS
    narrower = (stdtrit(_RUNS - 1, 0.975) / stdtrit(_FIRST_RUNS - 1, 0.975)) ** 2
    chains = min(gain * narrower * _FIRST_RUNS * _FIRST_CHAINS, affordable) / _RUNS
    groups = max(1, round(chains / _MAX_CHAINS))
    return _RUNS * groups, max(_FIRST_CHAINS + 1, int(chains / groups))


def _opinion(meter: Meter, runs: Runs, seed: Sequence[int], number: int) -> SecondOpinion | None:
    """Ask importance sampling; None if the budget does not allow it."""
    survivors = np.concatenate(runs.survivors)
    try:
        opinion = second_opinion(meter, survivors, _rng(seed, _OPINION, number))
    except BudgetSpentError:
        return None
    value, error = _log_mean(runs.satisfied)
    if opinion.doubt is None and abs(opinion.value - value) > MAX_ERRORS * math.hypot(
        opinion.error, error
    ):
        words = f"it disagrees with splitting by more than {MAX_ERRORS:g} standard errors"
        return replace(opinion, doubt=words)
    return opinion


def _log_mean(values: Floats) -> tuple[float, float]:
    """Return the log of the mean of estimates, and its standard error (delta method).

    The error is that of a normal distribution that reaches as far at `MAX_ERRORS` as Student's does: a
    spread known from a few runs only must neither reject nor outweigh the other opinion.
    """
    n, mean = len(values), float(values.mean())
    wider = float(stdtrit(n - 1, ndtr(MAX_ERRORS))) / MAX_ERRORS
    return math.log(mean), wider * float(values.std(ddof=1)) / math.sqrt(n) / mean


def _limits(
    runs: Runs, opinion: SecondOpinion | None, confidence: float
) -> tuple[float, float, float]:
    """Return the log of the probability and its limits: of the runs, and of both if they agree.

    The two estimates are uncorrelated, since importance sampling is unbiased whatever mixture the runs
    led to; they are weighted by their precision.
    """
    if opinion is None or opinion.doubt is not None:
        return log_mean_interval(runs.satisfied, confidence)
    value, error = _log_mean(runs.satisfied)
    # Importance sampling alone where the runs agree to the last digit, as on tiny grids.
    share = error**2 / (error**2 + opinion.error**2) if error else 1.0
    both = share * opinion.value + (1.0 - share) * value
    half = float(ndtri(0.5 + confidence / 2.0)) * math.sqrt(share) * opinion.error
    return both, both - half, both + half


def _half_width(runs: Runs, opinion: SecondOpinion | None, effort: Effort) -> float:
    _, low, high = _limits(runs, opinion, effort.confidence)
    # Where the lower end is −inf the spread is unknown; the next round must still have a size.
    return (high - low) / 2.0 if math.isfinite(low) else 1.0


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
    clusters = find_clusters(runs.survivors, _rng(seed, _CLUSTERS))
    value, low, high = _limits(runs, opinion, effort.confidence)
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
        counts=(_counts_of_meter(meter),),
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


def _rng(seed: Sequence[int], purpose: int, number: int = 0) -> np.random.Generator:
    return np.random.default_rng([*seed, purpose, number])


def _log_add(a: float, b: float) -> float:
    return float(np.logaddexp(a, b))
