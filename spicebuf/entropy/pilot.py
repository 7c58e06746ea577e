"""The pilot run of splitting: it chooses levels, step sizes and archives, which are then frozen."""

import math
from dataclasses import dataclass

import numpy as np

from spicebuf.entropy.events import Floats, Judge, Meter, joined
from spicebuf.entropy.kernels import CYCLE, Particles, Stage, fit_stage, judge_all, step, tuned

N_PARTICLES = 4_000
N_STATES = 16
"""States of one chain at one level: the seed moves so many times, and every state counts."""

# Share of the particles above the next level; fewer levels would each be harder to estimate.
_FRACTION = 0.25
_LAST_FRACTION = 0.2
_ENOUGH_ABOVE = 100
_MAX_FIRST = 64 * N_PARTICLES
# More draws cannot bring the upper end below what is unsimulated.
_MOSTLY_LOST = 0.1
FLOOR = 1e-18
"""Probability below which the pilot gives up."""


@dataclass(frozen=True)
class Plan:
    """What production runs do, whatever they find.

    Attributes
    ----------
    d : int
        Dimension of the latent space.
    n_first : int
        Draws from the prior that a run begins with, at least.
    stages : tuple of Stage
        Ascending levels.
    reached : bool
        Whether the pilot saw the event.
    """

    d: int
    n_first: int
    stages: tuple[Stage, ...]
    reached: bool


def draw_first(
    judge: Judge, d: int, rng: np.random.Generator, n_most: int = _MAX_FIRST
) -> Particles:
    """Draw from the prior; where most of it has one and the same score, until some rise above it.

    No more than `n_most` points are judged.
    """
    particles = judge_all(judge, rng.standard_normal((min(N_PARTICLES, n_most), d)))
    while 2 * len(particles.z) <= min(n_most, _MAX_FIRST):
        above = particles.score > _least(particles.score)
        enough = max(above.sum(), particles.satisfied.sum()) >= _ENOUGH_ABOVE
        if enough or particles.unsimulated.mean() > _MOSTLY_LOST:
            break
        more = judge_all(judge, rng.standard_normal((len(particles.z), d)))
        particles = joined([particles, more])
    return particles


def draw_rest(meter: Meter, first: Particles, rng: np.random.Generator) -> Particles:
    """Spend what is left of a budget on more draws of the prior; return them behind the first."""
    parts, d = [first], first.z.shape[1]
    while meter.n < meter.budget:
        n = min(N_PARTICLES, meter.budget - meter.n)
        parts.append(judge_all(meter, rng.standard_normal((n, d))))
    return joined(parts)


def explore(judge: Judge, first: Particles, rng: np.random.Generator) -> Plan:
    """Climb from draws of the prior to the event, level by level.

    Levels are quantiles of the score, so they adapt; estimates from this run would be biased.
    """
    particles, log_p = first, 0.0
    stages: list[Stage] = []
    n_first, d = first.z.shape
    floor = _least(particles.score)
    while particles.satisfied.mean() < _LAST_FRACTION:
        level = _next_level(particles.score, floor)
        if level is None or log_p < math.log(FLOOR):
            break
        above = particles.score >= level
        log_p += math.log(above.mean())
        scales = stages[-1].scales if stages else (0.5, 1.0, 2.38 / math.sqrt(2.0 * d))
        particles, stage = _settle(particles[above], level, scales, judge, rng)
        stages.append(stage)
        floor = level
    return Plan(d, n_first, tuple(stages), bool(particles.satisfied.any()))


def _least(score: Floats) -> float:
    """Return the least score that is not that of an unsimulated point."""
    return float(score.min(initial=np.inf, where=np.isfinite(score)))


def _next_level(score: Floats, floor: float) -> float | None:
    """Return the quantile to climb to, or the least score above `floor` where ties reach so far."""
    ordered = np.sort(score)
    level = ordered[int(len(ordered) * (1.0 - _FRACTION))]
    if level <= floor:
        higher = ordered[ordered > floor]
        if not len(higher):
            return None
        level = higher[0]
    return float(level)


def _settle(
    above: Particles,
    level: float,
    scales: tuple[float, float, float],
    judge: Judge,
    rng: np.random.Generator,
) -> tuple[Particles, Stage]:
    """Move particles above a level, tuning the moves first; return them and the stage to freeze."""
    stage = fit_stage(level, above.z, scales)
    chains = above[rng.choice(len(above.z), N_PARTICLES // N_STATES)]
    states = []
    for k in range(2 * N_STATES):
        kind = CYCLE[k % len(CYCLE)]
        chains, tally = step(chains, stage, kind, judge, rng)
        stage = tuned(stage, kind, tally)
        if k >= N_STATES:
            states.append(chains)
    particles = joined(states)
    return particles, fit_stage(level, particles.z, stage.scales)
