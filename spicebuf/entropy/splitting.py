"""Multilevel splitting with frozen levels: unbiased estimates of small probabilities.

A pilot run (`pilot`) chooses levels and moves. Every run then draws from the prior and climbs the
frozen levels: survivors are resampled, each becomes a chain that moves above the level, and *all*
states of all chains are the next population (waste-free sequential Monte Carlo: Dau & Chopin, JRSSB 84,
2022, 114-148; Cérou et al., Statistics and Computing 22, 2012, 795-808, for fixed levels). The product
of the shares of survivors is unbiased, whatever the moves; independent runs tell how far it scatters.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import reduce
from operator import add

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from spicebuf.entropy.events import Bools, Floats, Judge
from spicebuf.entropy.kernels import CYCLE, Particles, Stage, judge_all, step
from spicebuf.entropy.pilot import N_STATES, Plan
from spicebuf.entropy.volume import Counts, clopper_pearson, log_of

_MANY_LOST = 0.01
NONE: Floats = np.empty(0)
"""No thresholds."""


@dataclass(frozen=True)
class Runs:
    """Outcome of R independent runs.

    Attributes
    ----------
    satisfied, possible : array of float, shape (R,)
        Estimates of the probability that the event is satisfied, and that it is at least possible
        among the simulated points.
    unsimulated : float
        Estimate of the probability that a point near the event is unsimulated.
    prior : Counts
        Of the independent draws from the prior that the runs began with.
    survivors : tuple of array of float, shape (n_r, d)
        Points of every run that satisfy.
    ancestors : array of int, shape (R,)
        Different draws from the prior that they descend from.
    tails : array of float, shape (R, E)
        Estimates of the probabilities that the score reaches each of E thresholds.
    """

    satisfied: Floats
    possible: Floats
    unsimulated: float
    prior: Counts
    survivors: tuple[Floats, ...]
    ancestors: NDArray[np.int64]
    tails: Floats

    @property
    def n(self) -> int:
        """Number of runs."""
        return len(self.satisfied)


def perform(
    judge: Judge,
    plan: Plan,
    n_runs: int,
    n_chains: int,
    rng: np.random.Generator,
    thresholds: Floats = NONE,
) -> Runs:
    """Climb the frozen levels in `n_runs` independent runs, side by side, of `n_chains` chains each.

    Every call of `judge` has a batch of all runs. Each of `thresholds`, shape (E,), is looked for among
    the points above the highest level that does not exceed it.
    """
    n_first = max(plan.n_first, n_chains * N_STATES)
    crowd = judge_all(judge, rng.standard_normal((n_runs * n_first, plan.d)))
    prior = crowd
    ancestor = np.tile(np.arange(n_first), (n_runs, 1))
    log_share = np.zeros(n_runs)
    tails = _tails(thresholds, crowd, log_share)
    unsimulated = float(prior.unsimulated.mean())
    left_satisfied, left_possible = (np.zeros(n_runs) for _ in range(2))
    for stage in plan.stages:
        # Points that count, though their score is below the level, are not seen again.
        below = crowd.score < stage.level
        left_satisfied += _mass(crowd.satisfied & below, log_share)
        left_possible += _mass(_known(crowd) & below, log_share)
        seeds, shares = _select(crowd.score.reshape(n_runs, -1), stage.level, n_chains, rng)
        with np.errstate(divide="ignore"):
            log_share = log_share + np.log(shares)
        # A run without survivors stays at an estimate of 0; its places are moved along unused.
        extinct = shares == 0.0
        places = seeds + np.arange(n_runs)[:, np.newaxis] * (len(crowd.z) // n_runs)
        ancestor = np.repeat(np.take_along_axis(ancestor, seeds, axis=1), N_STATES, axis=1)
        crowd, lost = _climb(crowd[places.ravel()], stage, np.repeat(extinct, n_chains), judge, rng)
        unsimulated = max(unsimulated, lost * float(np.exp(log_share).mean()))
        above = thresholds >= stage.level
        tails[:, above] = _tails(thresholds[above], crowd, log_share)
    satisfied = crowd.satisfied.reshape(n_runs, -1)
    points = crowd.z.reshape(n_runs, -1, plan.d)
    return Runs(
        satisfied=left_satisfied + _mass(crowd.satisfied, log_share),
        possible=left_possible + _mass(_known(crowd), log_share),
        unsimulated=unsimulated,
        prior=prior.counts,
        survivors=tuple(each[hit] for each, hit in zip(points, satisfied, strict=True)),
        ancestors=np.array(
            [len(np.unique(each[hit])) for each, hit in zip(ancestor, satisfied, strict=True)]
        ),
        tails=tails,
    )


def _known(crowd: Particles) -> Bools:
    """Return which points are satisfied or borderline."""
    return crowd.possible & ~crowd.unsimulated


def _mass(members: Bools, log_share: Floats) -> Floats:
    """Return the probability of some points of each run's population, shape (R,)."""
    return np.asarray(np.exp(log_share) * members.reshape(len(log_share), -1).mean(axis=1))


def _tails(thresholds: Floats, crowd: Particles, log_share: Floats) -> Floats:
    score = crowd.score.reshape(len(log_share), -1, 1)
    return np.asarray(np.exp(log_share)[:, np.newaxis] * (score >= thresholds).mean(axis=1))


def _select(
    score: Floats, level: float, n_chains: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], Floats]:
    """Return the places of each run's seeds, shape (R, n_chains), and its share of survivors.

    Systematic resampling: neighbours, states of one chain, are hardly ever taken together.
    """
    above = score >= level
    seeds = np.zeros((len(score), n_chains), dtype=np.int64)
    for run, row in enumerate(above):
        survivors = np.flatnonzero(row)
        if len(survivors):
            grid = (np.arange(n_chains) + rng.random()) / n_chains
            seeds[run] = survivors[(grid * len(survivors)).astype(np.int64)]
    return seeds, above.mean(axis=1)


def _climb(
    chains: Particles, stage: Stage, extinct: Bools, judge: Judge, rng: np.random.Generator
) -> tuple[Particles, float]:
    """Move chains above a level; return all their states, chain by chain, and the share unsimulated.

    The share is that of the proposals, over the share that was accepted: the probability of
    unsimulated points near the level, relative to that of the level.
    """
    everyone = np.repeat(np.arange(len(chains.z)), N_STATES)
    crowd = replace(
        chains[everyone],
        score=np.full(len(everyone), -np.inf),
        satisfied=np.zeros(len(everyone), dtype=np.bool_),
        possible=np.zeros(len(everyone), dtype=np.bool_),
    )
    alive, n_lost, n_accepted = np.flatnonzero(~extinct), 0, 0
    moving = chains[alive]
    for k in range(N_STATES):
        moving, tally = step(moving, stage, CYCLE[k % len(CYCLE)], judge, rng)
        crowd.put(alive * N_STATES + k, moving)
        n_lost += tally.n_unsimulated
        n_accepted += int(tally.accepted.sum())
    return crowd, n_lost / max(1, n_accepted)


def join(parts: list[Runs]) -> Runs:
    """Return the runs of several calls of `perform` with one plan and one number of chains."""
    return Runs(
        satisfied=np.concatenate([part.satisfied for part in parts]),
        possible=np.concatenate([part.possible for part in parts]),
        unsimulated=max(part.unsimulated for part in parts),
        prior=reduce(add, (part.prior for part in parts)),
        survivors=tuple(each for part in parts for each in part.survivors),
        ancestors=np.concatenate([part.ancestors for part in parts]),
        tails=np.concatenate([part.tails for part in parts]),
    )


def log_unknown(prior: Counts, near: float, confidence: float) -> float:
    """Return the log of the most that unsimulated points may add to a probability.

    It is their share near the event, `near`; where independent draws of the prior met some, also the
    upper limit of their share of the prior.
    """
    share = near
    if prior.n_unsimulated:
        tail = (1.0 - confidence) / 2.0
        share = max(near, clopper_pearson(prior.n_unsimulated, prior.n_samples, tail)[1])
    return log_of(share)


def lost_near(runs: Runs) -> Iterator[str]:
    """Say that unsimulated points near the event are more than a few."""
    share = runs.unsimulated / float(runs.satisfied.mean())
    if share > _MANY_LOST:
        yield (
            f"unsimulated points near the event are about {share:.2g} of it; how many they are is known "
            "roughly, so the upper end may be too low"
        )


def log_mean(values: Floats) -> tuple[float, float]:
    """Return the log of the mean of estimates, not all 0, and its standard error (delta method)."""
    mean = float(values.mean())
    return math.log(mean), float(values.std(ddof=1)) / math.sqrt(len(values)) / mean


def log_mean_interval(values: Floats, confidence: float) -> tuple[float, float, float]:
    """Return the log of the mean of independent unbiased estimates ≥ 0, with its limits.

    The limits are those of a t-interval of the mean or of its logarithm (delta method), whichever lies
    farther out: such estimates are skewed to the right.
    """
    if not values.any():
        return -math.inf, -math.inf, 0.0
    value, error = log_mean(values)
    half = float(stdtrit(len(values) - 1, 0.5 + confidence / 2.0)) * error
    low = math.log1p(-half) if half < 1.0 else -math.inf
    return value, value + low, value + half
