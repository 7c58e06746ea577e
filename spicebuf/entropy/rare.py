"""Rare events: splitting until its interval is narrow enough, and what makes it doubtful."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from threadpoolctl import threadpool_limits

from spicebuf.entropy.events import Floats, Judge, Meter
from spicebuf.entropy.importance import SecondOpinion
from spicebuf.entropy.kernels import Particles
from spicebuf.entropy.pilot import FLOOR
from spicebuf.entropy.rounds import (
    Ascent,
    Effort,
    Purpose,
    climb,
    generator,
    limits,
    shortfall,
)
from spicebuf.entropy.second_look import N_POINTS, Limits, SecondLook, look_again
from spicebuf.entropy.splitting import Runs, log_mean_interval, log_unknown, lost_near
from spicebuf.entropy.survivors import doubts, find_clusters
from spicebuf.entropy.volume import (
    SPLITTING,
    Counts,
    LogVolume,
    from_sample,
)

# Of the half-width asked for, in quadrature, what may come from the second look.
_LOOK_PART = 0.5
_UNSEEN = f"the event was not seen, nor any score that leads to it, down to a share of {FLOOR:g}"


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
        Importance sampling's; about the event of the first judge alone.
    look : SecondLook or None
        The stricter judge's.
    survivors : tuple of array of float, shape (n_r, d)
        Points of every run that satisfy the first judge: draws of the prior given the event, but those
        of one run depend on one another.
    """

    prior: Counts
    levels: tuple[float, ...]
    estimates: tuple[float, ...]
    ancestors: tuple[int, ...]
    n_clusters: int
    clusters: tuple[int, ...]
    opinion: SecondOpinion | None
    look: SecondLook | None
    survivors: tuple[Floats, ...] = field(compare=False, repr=False)


def estimate(
    judge: Judge,
    d: int,
    seed: Sequence[int],
    effort: Effort,
    strict: Judge | None = None,
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
    strict : callable, optional
        Of an event inside that of `judge`, which is then the one that counts. It may take much longer:
        it is asked about some hundreds of points that satisfy.
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

    reserve = 0 if strict is None else min(N_POINTS, effort.max_simulations // 10)
    # The matrices are small: threads would only wait for one another, and for ngspice.
    with threadpool_limits(limits=1):
        meter = Meter(judge, effort.max_simulations - reserve, on_progress)
        return _Estimate(meter, strict, d, seed, effort).make()


@dataclass(frozen=True)
class _Estimate:
    """One call of `estimate`."""

    meter: Meter
    strict: Judge | None
    d: int
    seed: Sequence[int]
    effort: Effort

    def make(self) -> LogVolume:
        found = climb(self.meter, self.d, self._first_effort, self.seed)
        if isinstance(found, Ascent):
            return self._conclude(found)
        spent = self.meter.n == self.meter.budget
        return self._from_draws(self._proven(found), (), self._spent() if spent else (_UNSEEN,))

    def _conclude(self, ascent: Ascent) -> LogVolume:
        runs, levels = ascent.runs, tuple(stage.level for stage in ascent.plan.stages)
        if not runs.satisfied.any():
            return self._from_draws(runs.prior, levels, () if ascent.plan.reached else (_UNSEEN,))
        clusters = find_clusters(runs.survivors, generator(self.seed, Purpose.CLUSTERS))
        found = self._first_limits(ascent)
        missed = () if found.width <= 2.0 * self._first_effort.precision else self._spent()
        look = self._look(runs)
        if look is not None:
            found = found.times(look.limits)
            if not missed and found.width > 2.0 * self.effort.precision:
                missed = (_open(look),)
        top, high = self._with_unknown(found, runs)
        with np.errstate(divide="ignore"):
            estimates = tuple(np.log(runs.satisfied).tolist())
        return LogVolume(
            value=found.value,
            interval=(found.low, high),
            confidence=self.effort.confidence,
            counts=(self._counts,),
            method=SPLITTING,
            seed=self.seed[0],
            log_count=None,
            bracket=(found.value, top),
            splitting=Splitting(
                prior=runs.prior,
                levels=levels,
                estimates=estimates,
                ancestors=tuple(runs.ancestors.tolist()),
                n_clusters=clusters.n,
                clusters=tuple(clusters.n_by_run.tolist()),
                opinion=ascent.opinion,
                look=look,
                survivors=runs.survivors,
            ),
            warnings=(*missed, *lost_near(runs), *doubts(runs.ancestors, clusters)),
        )

    def _with_unknown(self, found: Limits, runs: Runs) -> tuple[float, float]:
        """Return top and high with points of unknown verdict, which need not be near the others."""
        unknown = log_unknown(runs.prior, runs.unsimulated, self.effort.confidence)
        tops, highs = [found.top, unknown], [found.high, unknown]
        borderline = runs.possible - runs.satisfied
        if borderline.any():
            value, _, most = log_mean_interval(borderline, self.effort.confidence)
            tops.append(value)
            highs.append(most)
        top, high = (float(np.logaddexp.reduce(each)) for each in (tops, highs))
        return min(0.0, top), min(0.0, high)

    def _first_limits(self, ascent: Ascent) -> Limits:
        """Return what the first judge leads to."""
        value, low, high = limits(ascent.runs, ascent.opinion, self.effort.confidence)
        if not ascent.plan.stages:
            exact = from_sample(ascent.runs.prior, self.effort.confidence, self.seed[0])
            value, (low, high) = exact.value, exact.interval
        return Limits(value, low, value, high)

    @property
    def _first_effort(self) -> Effort:
        """What the first judge alone must reach, so that the second look's error fits in too."""
        part = 1.0 if self.strict is None else math.sqrt(1.0 - _LOOK_PART**2)
        return replace(self.effort, precision=part * self.effort.precision)

    def _look(self, runs: Runs) -> SecondLook | None:
        if self.strict is None or not sum(map(len, runs.survivors)):
            return None
        n_left = self.effort.max_simulations - self.meter.n
        rng = generator(self.seed, Purpose.SECOND_LOOK)
        target = _LOOK_PART * self.effort.precision
        return look_again(self.strict, runs, n_left, target, self.effort.confidence, rng)

    def _proven(self, draws: Particles) -> Counts:
        """Count draws by the stricter judge; those that nobody looks at again are borderline."""
        counts, n_left = draws.counts, self.effort.max_simulations - self.meter.n
        if self.strict is None or not counts.n_satisfied:
            return counts
        again = draws.z[draws.satisfied][:n_left]
        n_open = counts.n_borderline + counts.n_satisfied - len(again)
        if not len(again):
            return Counts(counts.n_samples, 0, n_open, counts.n_unsimulated)
        looked = self.strict(again).counts
        return Counts(
            n_samples=counts.n_samples,
            n_satisfied=looked.n_satisfied,
            n_borderline=n_open + looked.n_borderline,
            n_unsimulated=counts.n_unsimulated + looked.n_unsimulated,
        )

    def _from_draws(
        self, prior: Counts, levels: tuple[float, ...], warnings: tuple[str, ...]
    ) -> LogVolume:
        """Return what independent draws of the prior tell, where the runs tell nothing."""
        details = Splitting(prior, levels, (), (), 0, (), None, None, ())
        volume = from_sample(prior, self.effort.confidence, self.seed[0])
        return replace(
            volume,
            method=SPLITTING,
            counts=(self._counts,),
            splitting=details,
            warnings=warnings,
        )

    def _spent(self) -> tuple[str, ...]:
        return (shortfall(self.meter.n, self.effort.precision, self.effort.max_simulations),)

    @property
    def _counts(self) -> Counts:
        assert self.meter.counts is not None  # noqa: S101 (every answer rests on draws)
        return self.meter.counts


def _open(look: SecondLook) -> str:
    counts, limits = look.counts, look.limits
    return (
        f"of {counts.n_samples} points that satisfy at first {counts.n_satisfied} do so at a second "
        f"look: that alone leaves ±{limits.width / 2.0:.2g} nat"
    )
