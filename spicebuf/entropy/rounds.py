"""Rounds of splitting: how many runs of how many chains, and when their answer is precise enough."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
from scipy.special import ndtr, ndtri, stdtrit

from spicebuf.entropy.events import BudgetSpentError, Floats, Meter
from spicebuf.entropy.importance import MAX_ERRORS, SecondOpinion, second_opinion
from spicebuf.entropy.kernels import Particles
from spicebuf.entropy.pilot import Plan, draw_first, draw_rest, explore
from spicebuf.entropy.splitting import NONE, Runs, join, log_mean, log_mean_interval, perform
from spicebuf.entropy.volume import require_precision

# A first round tells how much the runs scatter; a second one, sized by it, is what counts.
_FIRST_RUNS, _FIRST_CHAINS = 8, 250
_RUNS = 16
_MAX_CHAINS = 1_000
_MORE_ROUNDS = 6
# Times the first round that may be made up of more runs like those of the first.
_SAME_KIND = 4.0
# A few runs that scatter wildly say little about how much more is needed.
_MOST_GAIN = 40.0
# Aim a little below the target: how much runs scatter is itself only roughly known.
_AIM = 0.85


class Purpose(IntEnum):
    """What draws are for: each has a generator of its own."""

    PILOT = 0
    ROUNDS = 1
    OPINION = 2
    CLUSTERS = 3
    SECOND_LOOK = 4


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


@dataclass(frozen=True)
class Ascent:
    """What a pilot and the runs after it found.

    Attributes
    ----------
    plan : Plan
    runs : Runs
    opinion : SecondOpinion or None
        None where importance sampling was not asked, or the budget did not allow it.
    """

    plan: Plan
    runs: Runs
    opinion: SecondOpinion | None


def climb(
    meter: Meter, d: int, effort: Effort, seed: Sequence[int], thresholds: Floats = NONE
) -> Ascent | Particles:
    """Climb from the prior to an event in d dimensions, and in rounds until it is precise enough.

    Where no score leads there, or the budget ends before the first round does, return draws of the prior:
    in the second case all that the budget allows.
    """
    rng = generator(seed, Purpose.PILOT)
    first = draw_first(meter, d, rng, meter.budget)
    try:
        plan = explore(meter, first, rng)
        if not plan.stages and not plan.reached:
            return first
        return Ascent(plan, *_run_rounds(meter, plan, effort, seed, thresholds))
    except BudgetSpentError:
        return draw_rest(meter, first, rng)


def _run_rounds(
    meter: Meter, plan: Plan, effort: Effort, seed: Sequence[int], thresholds: Floats
) -> tuple[Runs, SecondOpinion | None]:
    """Run rounds until the answer is precise enough or the budget would not last for the next.

    Importance sampling, which knows of one event alone, is not asked where there are thresholds.
    """
    before = meter.n

    def round_of(n_runs: int, n_chains: int, number: int) -> Runs:
        rng = generator(seed, Purpose.ROUNDS, number)
        return perform(meter, plan, n_runs, n_chains, rng, thresholds)

    runs = round_of(_FIRST_RUNS, _FIRST_CHAINS, 0)
    if not runs.satisfied.any() or not plan.stages:
        return runs, None
    cost = (meter.n - before) / (_FIRST_RUNS * _FIRST_CHAINS)
    asked = not len(thresholds)
    opinion = _opinion(meter, runs, seed, 0) if asked else None
    if _half_width(runs, opinion, effort) <= effort.precision:
        return runs, opinion
    wanted = (_half_width(runs, None, effort) / (_AIM * effort.precision)) ** 2
    gain = min(wanted, _MOST_GAIN)
    affordable = 0.9 * (effort.max_simulations - meter.n) / cost
    n_runs, n_chains = _size(gain, affordable)
    # A few more runs of the same kind; runs that scatter much need more chains each and start anew.
    parts = [runs] if n_chains == _FIRST_CHAINS else []
    try:
        for number in range(1, _MORE_ROUNDS * n_runs // _RUNS + 1):
            parts.append(round_of(_RUNS, n_chains, number))
            if _half_width(join(parts), opinion, effort) <= effort.precision:
                break
    except BudgetSpentError:
        pass
    runs = join(parts) if parts else runs
    return runs, (_opinion(meter, runs, seed, 1) or opinion) if asked else None


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
        opinion = second_opinion(meter, survivors, generator(seed, Purpose.OPINION, number))
    except BudgetSpentError:
        return None
    value, error = _weighed(runs.satisfied)
    if opinion.doubt is None and abs(opinion.value - value) > MAX_ERRORS * math.hypot(
        opinion.error, error
    ):
        words = f"it disagrees with splitting by more than {MAX_ERRORS:g} standard errors"
        return replace(opinion, doubt=words)
    return opinion


def _weighed(values: Floats) -> tuple[float, float]:
    """Return the log of the mean of estimates, and an error to compare and weigh it by.

    The error is that of a normal distribution that reaches as far at `MAX_ERRORS` as Student's does: a
    spread known from a few runs only must neither reject nor outweigh the other opinion.
    """
    value, error = log_mean(values)
    return value, float(stdtrit(len(values) - 1, ndtr(MAX_ERRORS))) / MAX_ERRORS * error


def limits(
    runs: Runs, opinion: SecondOpinion | None, confidence: float
) -> tuple[float, float, float]:
    """Return the log of the probability and its limits: of the runs, and of both if they agree.

    The two estimates are uncorrelated, since importance sampling is unbiased whatever mixture the runs
    led to; they are weighted by their precision.
    """
    if opinion is None or opinion.doubt is not None:
        return log_mean_interval(runs.satisfied, confidence)
    value, error = _weighed(runs.satisfied)
    # Importance sampling alone where the runs agree to the last digit, as on tiny grids.
    share = error**2 / (error**2 + opinion.error**2) if error else 1.0
    both = share * opinion.value + (1.0 - share) * value
    half = float(ndtri(0.5 + confidence / 2.0)) * math.sqrt(share) * opinion.error
    return both, both - half, both + half


def _half_width(runs: Runs, opinion: SecondOpinion | None, effort: Effort) -> float:
    _, low, high = limits(runs, opinion, effort.confidence)
    # Where the lower end is −inf the spread is unknown; the next round must still have a size.
    return (high - low) / 2.0 if math.isfinite(low) else 1.0


def generator(seed: Sequence[int], purpose: Purpose, number: int = 0) -> np.random.Generator:
    """Return the generator of a purpose; `number` tells those of one purpose apart."""
    return np.random.default_rng([*seed, purpose, number])


def shortfall(n: int, precision: float, max_simulations: int) -> str:
    """Say that simulations ended before a precision was reached."""
    return (
        f"stopped after {n} simulations, before a precision of {precision:g} nat "
        f"(max-simulations = {max_simulations})"
    )
