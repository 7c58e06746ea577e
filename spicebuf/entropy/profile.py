"""How the volume around a set grows: log V(ε), its slope, and the learning coefficient.

V(ε) is the prior probability that a loss exceeds its least value by at most ε. Where V goes as
ε^λ (log 1/ε)^(m − 1) for small ε, λ is the learning coefficient and m its multiplicity (Watanabe,
Algebraic Geometry and Statistical Learning Theory, 2009, ch. 7; Lau et al., arXiv 2308.12108). The levels
of splitting give V(ε) for all ε.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from spicebuf.entropy.events import Floats, Judge, Judged, Meter
from spicebuf.entropy.growth import (
    Coefficient,
    Logarithm,
    Volumes,
    fit_logarithm,
    is_steady,
    learning_coefficient,
)
from spicebuf.entropy.pilot import FLOOR, N_STATES
from spicebuf.entropy.rounds import Ascent, Effort, Purpose, climb, generator, shortfall
from spicebuf.entropy.splitting import log_mean_interval, log_unknown, lost_near
from spicebuf.entropy.survivors import doubts, find_clusters
from spicebuf.entropy.volume import Counts
from spicebuf.errors import InputError

_GROUPS = 8
_UNSEEN = f"the least ε was not reached down to a probability of {FLOOR:g}"


@dataclass(frozen=True)
class Profile:
    """Log volumes at E values of ε.

    Attributes
    ----------
    epsilon : array of float, shape (E,)
        Ascending, in the unit of the loss.
    log_volume : array of float, shape (E,)
        [nat]; −inf where no run came so near.
    interval : array of float, shape (E, 2)
        Limits of each at the confidence level, unsimulated points counted both ways.
    slope : tuple of Coefficient
        d log V / d log ε between neighbours, E − 1 of them; NaN where a volume is not known.
    learning : Coefficient or None
        Slope over the ε up to `NEAR` times the least; None if no run came so near.
    logarithm : Logarithm or None
        None with fewer than five ε to fit, or where none is right within 0.1 nat.
    confidence : float
    counts : Counts
        Of all points that were judged, satisfied meaning within the least ε.
    n_runs : int
        0 where the budget ended before the first, or no loss leads to the set.
    seed : int
    warnings : tuple of str
    """

    epsilon: Floats
    log_volume: Floats
    interval: Floats
    slope: tuple[Coefficient, ...]
    learning: Coefficient | None
    logarithm: Logarithm | None
    confidence: float
    counts: Counts
    n_runs: int
    seed: int
    warnings: tuple[str, ...]

    @property
    def steady(self) -> bool | None:
        """Whether the slopes up to `NEAR` times the least ε agree; None where `learning` is."""
        return None if self.learning is None else is_steady(self.slope, self.epsilon)


def estimate_profile(
    judge: Judge,
    d: int,
    epsilon: Floats,
    scale: float,
    seed: Sequence[int],
    effort: Effort,
    on_progress: Callable[[int], None] = lambda _: None,
) -> Profile:
    """Estimate how the volume around a set grows.

    Parameters
    ----------
    judge : callable
        Its score is minus the loss, 0 at the set, at least down to minus the largest ε; below that
        it may be anything that leads there. Its verdicts are not asked for.
    d : int
        Dimension of the latent space, ≥ 1.
    epsilon : array of float, shape (E,)
        > 0, ascending, at least two.
    scale : float
        What ε is measured by in the logarithm of the fit, more than all ε that should enter it: a loss
        that is large.
    seed : sequence of int
    effort : Effort
        Its precision is that of log V at the least ε.
    on_progress : callable
        Called with the number of points judged so far.

    Raises
    ------
    InputError
        If `epsilon` is not as it must be.
    """
    if len(epsilon) < 2 or not (epsilon > 0.0).all() or not (np.diff(epsilon) > 0.0).all():  # noqa: PLR2004
        raise InputError(f"epsilon = {epsilon.tolist()}: give at least two values > 0, ascending")
    meter = Meter(_near(judge, float(epsilon[0])), effort.max_simulations, on_progress)
    with threadpool_limits(limits=1):
        seen, n_runs, warnings = _observe(meter, d, -epsilon, seed, effort)
    assert meter.counts is not None  # noqa: S101 (something was seen)
    return Profile(
        epsilon=epsilon,
        log_volume=seen.log_mean,
        interval=seen.limits(),
        slope=tuple(seen.slope(epsilon, slice(k, k + 2)) for k in range(len(epsilon) - 1)),
        learning=learning_coefficient(seen, epsilon),
        logarithm=fit_logarithm(seen, epsilon, scale, d),
        confidence=effort.confidence,
        counts=meter.counts,
        n_runs=n_runs,
        seed=seed[0],
        warnings=warnings,
    )


def _near(judge: Judge, least: float) -> Judge:
    """Return a judge of the event that the score is within the least ε of 0."""

    def near(z: Floats) -> Judged:
        judged = judge(z)
        satisfied = judged.score >= -least
        return Judged(judged.score, satisfied, satisfied | judged.unsimulated)

    return near


def _observe(
    meter: Meter, d: int, thresholds: Floats, seed: Sequence[int], effort: Effort
) -> tuple[Volumes, int, tuple[str, ...]]:
    """Climb to the least ε; return what was seen, how many runs saw it, and warnings."""
    found = climb(meter, d, effort, seed, thresholds)
    spent = shortfall(meter.n, effort.precision, effort.max_simulations)
    if not isinstance(found, Ascent):
        words = spent if meter.n == meter.budget else _UNSEEN
        return _by_draws(found, thresholds, effort), 0, (words,)
    runs, stages = found.runs, found.plan.stages
    n_draws, lowest = runs.prior.n_samples, stages[0].level if stages else np.inf
    unknown = log_unknown(runs.prior, runs.unsimulated, effort.confidence)
    seen = Volumes(
        runs.tails, n_draws, thresholds < lowest, n_draws / N_STATES, unknown, effort.confidence
    )
    if not runs.satisfied.any():
        return seen, runs.n, (_UNSEEN,)
    _, low, high = log_mean_interval(runs.satisfied, effort.confidence)
    warnings = []
    if high - low > 2.0 * effort.precision:
        warnings.append(spent)
    clusters = find_clusters(runs.survivors, generator(seed, Purpose.CLUSTERS))
    warnings += [f"{words}; slopes leave them out" for words in lost_near(runs)]
    return seen, runs.n, (*warnings, *doubts(runs.ancestors, clusters))


def _by_draws(draws: Judged, thresholds: Floats, effort: Effort) -> Volumes:
    """Return what draws of the prior alone say, in groups as if each were a run."""
    n = len(draws.score)
    reached = draws.score[:, np.newaxis] >= thresholds
    groups = np.array([part.mean(axis=0) for part in np.array_split(reached, min(_GROUPS, n))])
    unknown = log_unknown(draws.counts, 0.0, effort.confidence)
    every = np.ones(len(thresholds), dtype=np.bool_)
    return Volumes(groups, n, every, n, unknown, effort.confidence)
