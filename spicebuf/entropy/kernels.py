"""Moves that leave the prior, cut to a level, as it is; all that they adapt is frozen in a `Stage`."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from spicebuf.entropy.events import Bools, Floats, Judge, Judged

# A move whose scale is drawn anew every time also succeeds where the tuned one is wrong.
_SPREAD = 0.3
# Now and then the whole distance between two points of the archive: a jump between separate modes.
_JUMPS = 0.1
_MAX_SCALES = (1.0, 1.0, 2.0)
# Near the shares of accepted proposals at which each kind of move travelled farthest.
_ACCEPTED = (0.3, 0.4, 0.25)
JOINT, SINGLE, DIFFERENCE = range(3)
CYCLE = (JOINT, SINGLE, DIFFERENCE)
"""Kinds of moves in the order in which chains take them."""


@dataclass(frozen=True)
class Stage:
    """One level of a splitting run and how to move above it.

    Attributes
    ----------
    level : float
        Least score of a point here.
    mean, root : array of float, shapes (d,), (d, d)
        Of the Gaussian that joint moves take as their measure; `root` is the lower Cholesky factor of
        its covariance.
    archive : array of float, shape (n, d)
        Points of the pilot run above the level.
    scales : (float, float, float)
        Step sizes of the three kinds of moves.
    """

    level: float
    mean: Floats
    root: Floats
    archive: Floats
    scales: tuple[float, float, float]


@dataclass(frozen=True)
class Particles(Judged):
    """Points with their answers; `z` has shape (n, d)."""

    z: Floats

    def __getitem__(self, place: NDArray[np.int64] | Bools) -> "Particles":
        """Return the particles at some places."""
        return Particles(
            self.score[place], self.satisfied[place], self.possible[place], self.z[place]
        )

    def put(self, place: NDArray[np.int64], new: "Particles") -> None:
        """Set the particles at some places."""
        self.z[place] = new.z
        self.score[place] = new.score
        self.satisfied[place] = new.satisfied
        self.possible[place] = new.possible


@dataclass(frozen=True)
class Tally:
    """Of one step: which moves were accepted, and how many proposals were unsimulated."""

    accepted: Bools
    n_unsimulated: int


def judge_all(judge: Judge, z: Floats) -> Particles:
    """Judge points."""
    judged = judge(z)
    return Particles(judged.score, judged.satisfied, judged.possible, z)


def fit_stage(
    level: float, points: Floats, scales: tuple[float, float, float] = (0.5, 1.0, 0.5)
) -> Stage:
    """Return a stage whose moves suit a cloud of points, shape (n, d)."""
    archive = np.asarray(np.unique(points, axis=0))
    d = points.shape[1]
    covariance: Floats = np.cov(points.T).reshape(d, d) if len(points) > 1 else np.eye(d)
    # A cloud may be flat in some direction: keep it invertible.
    floor = 1e-10 * max(1.0, float(np.trace(covariance)))
    root = np.asarray(np.linalg.cholesky(covariance + floor * np.eye(d)), dtype=np.float64)
    return Stage(level, np.asarray(points.mean(axis=0)), root, archive, scales)


def step(
    particles: Particles, stage: Stage, kind: int, judge: Judge, rng: np.random.Generator
) -> tuple[Particles, Tally]:
    """Move all particles once by one kind of move.

    The prior's share of the acceptance comes first, so that only what it lets through is judged.
    """
    proposed, log_ratio = _PROPOSALS[kind](particles.z, stage, rng)
    n = len(particles.z)
    chosen = np.flatnonzero(np.log(rng.random(n)) < log_ratio)
    accepted = np.zeros(n, dtype=np.bool_)
    if not len(chosen):
        return particles, Tally(accepted, 0)
    new = judge_all(judge, proposed[chosen])
    above = new.score >= stage.level
    place = chosen[above]
    accepted[place] = True
    moved = particles[np.arange(n)]
    moved.put(place, new[above])
    return moved, Tally(accepted, int(new.unsimulated.sum()))


def tuned(stage: Stage, kind: int, tally: Tally) -> Stage:
    """Return the stage with one scale adapted to the share of moves that were accepted."""
    factor = math.exp(float(tally.accepted.mean()) - _ACCEPTED[kind])
    joint, single, difference = (
        min(_MAX_SCALES[k], scale * factor) if k == kind else scale
        for k, scale in enumerate(stage.scales)
    )
    return replace(stage, scales=(joint, single, difference))


def _scales(stage: Stage, kind: int, n: int, rng: np.random.Generator) -> Floats:
    spread = np.exp(_SPREAD * rng.standard_normal((n, 1)))
    return np.asarray(np.minimum(_MAX_SCALES[kind], stage.scales[kind] * spread))


def _joint(z: Floats, stage: Stage, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Propose a preconditioned Crank-Nicolson move of the archive's own Gaussian.

    It is reversible for that Gaussian; the ratio brings it to the prior (Cotter et al., Statistical
    Science 28, 2013, 424-446; Rudolf & Sprungk, Found. Comput. Math. 18, 2018, 309-343).
    """
    scale = _scales(stage, JOINT, len(z), rng)
    white = whiten(z, stage.mean, stage.root)
    moved = np.sqrt(1.0 - scale**2) * white + scale * rng.standard_normal(z.shape)
    new = stage.mean + moved @ stage.root.T
    return new, log_prior(new) - log_prior(z) + log_prior(white) - log_prior(moved)


def _single(z: Floats, stage: Stage, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Propose a Crank-Nicolson move of one coordinate, sometimes of a few; it keeps the prior."""
    n, d = z.shape
    scale = _scales(stage, SINGLE, n, rng)
    picked = rng.random((n, d)) < 1.0 / d
    picked[np.arange(n), rng.integers(d, size=n)] = True
    new = np.where(picked, np.sqrt(1.0 - scale**2) * z + scale * rng.standard_normal((n, d)), z)
    return new, np.zeros(n)


def _difference(z: Floats, stage: Stage, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Propose a step along the difference of two points of the frozen archive.

    Differential evolution (ter Braak & Vrugt, Statistics and Computing 18, 2008, 435-446): symmetric.
    """
    n = len(z)
    scale = np.where(rng.random((n, 1)) < _JUMPS, 1.0, _scales(stage, DIFFERENCE, n, rng))
    a, b = rng.integers(len(stage.archive), size=(2, n))
    jitter = 1e-4 * scale * rng.standard_normal(z.shape) @ stage.root.T
    new = z + scale * (stage.archive[a] - stage.archive[b]) + jitter
    return new, log_prior(new) - log_prior(z)


_PROPOSALS = (_joint, _single, _difference)


def whiten(z: Floats, mean: Floats, root: Floats) -> Floats:
    """Map points of a Gaussian, shape (n, d), to the standard normal one."""
    return np.asarray(solve_triangular(root, (z - mean).T, lower=True).T)


def log_prior(z: Floats) -> Floats:
    """Return the log density of the prior, up to a constant, of points of shape (n, d)."""
    return np.asarray(-0.5 * np.square(z).sum(axis=1))
