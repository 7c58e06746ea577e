"""Where training ended against where the log volume is: the test of the conjecture on one system."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from spicebuf.check import Floats
from spicebuf.deck import Bench
from spicebuf.errors import InputError
from spicebuf.images import transfer_of
from spicebuf.pools import Pool
from spicebuf.prediction import (
    Banks,
    Classes,
    Estimate,
    Measure,
    Placement,
    Spread,
    Summary,
    Verdict,
    WorkingPairs,
    bayes_classes,
    class_step,
    distances_of_apis,
    judge,
    log_ratio,
    place,
    place_bayes,
    place_classes,
    place_shuffled,
    share_in_best,
    spread_over,
    summarise,
    summarise_apis,
    working_pairs,
)
from spicebuf.search import Images, Preimages
from spicebuf.sweep import simulators, sweep
from spicebuf.system import System
from spicebuf.workflow.banks import SweptBank, put_on_bench
from spicebuf.workflow.findings import SystemSearch, Wanted
from spicebuf.workflow.other_prior import tilted_weights
from spicebuf.workflow.prediction_plan import PredictionPlan
from spicebuf.workflow.readings import BankLink
from spicebuf.workflow.searches import search_system
from spicebuf.workflow.settings import Progress, Settings, silent
from spicebuf.workflow.sides import sets_at
from spicebuf.workflow.trainings import (
    SystemTraining,
    require_possible,
    require_trainable,
    train_system,
)

N_DRAWN = 2_000
"""Solutions that stand for Bayes and for each null that is drawn."""

_PLACE = 1
_TWO = 2
# Of a grid that images are rounded to outward, and preimages inward: a simulation is as accurate as its
# company allows, and the same θ must have the same image in another's.
_STEPS = 5_000
# Tells these draws apart from all others of the same seed.
_DRAWS = 7


@dataclass(frozen=True)
class Population:
    """Solutions, and what is said of them.

    Attributes
    ----------
    name : str
    summary : Summary
    spread : Spread or None
        Over behaviour classes; None of APIs, which have none.
    share_in_best : Estimate
        Of those that the API of greatest log volume admits.
    delta : array of float, shape (n,)
        Distance of each that was placed from the greatest log volume [nat].
    """

    name: str
    summary: Summary
    spread: Spread | None
    share_in_best: Estimate
    delta: Floats


@dataclass(frozen=True)
class Arm:
    """The solutions of one way to train.

    Attributes
    ----------
    training : SystemTraining
    population : Population
    without_lucky : Summary
        Of runs whose start did not work already.
    log_ratio : Estimate
        Log of the share that the best API admits, less that of Bayes [nat].
    verdict : Verdict
        On the claim, were this arm the headline.
    """

    training: SystemTraining
    population: Population
    without_lucky: Summary
    log_ratio: Estimate
    verdict: Verdict


@dataclass(frozen=True)
class SystemPrediction:
    """The test of one system.

    Attributes
    ----------
    plan : PredictionPlan
    search : SystemSearch
    measure : Measure
    bayes : Population
    nulls : tuple of Population
    shuffled : float or None
        Of all pairs of the first components of the headline's solutions with the second, the share that
        works; None if none does.
    arms : tuple of Arm
        The first is the headline.
    n_pairs, n_compared : int
        Pairs of θ of the second banks that work, and of how many.
    """

    plan: PredictionPlan
    search: SystemSearch
    measure: Measure
    bayes: Population
    nulls: tuple[Population, ...]
    shuffled: float | None
    arms: tuple[Arm, ...]
    n_pairs: int
    n_compared: int

    @property
    def verdict(self) -> Verdict:
        """On the claim, by the headline arm."""
        return self.arms[0].verdict


def predict_system(
    system: System, settings: Settings, plan: PredictionPlan, on_progress: Progress = silent
) -> SystemPrediction:
    """Train a system in every way that a plan names, and hold where it ended against log volumes.

    Raises as `search_system` and `train_system` do, and InputError if there are not two components and
    two logical values.
    """
    require_testable(system)
    for arm in plan.arms:
        require_trainable(system, arm)
    settings = replace(settings, confidence=plan.claim.confidence)
    rejection = require_possible(system, settings, on_progress)
    found = search_system(system, settings, Wanted(runners_up=False), on_progress)
    test = _Test(system, settings, plan, found)
    measure = test.measure()
    trained = [
        train_system(system, settings, arm, on_progress, rejection=rejection) for arm in plan.arms
    ]
    return test.of(trained, measure)


def require_testable(system: System) -> None:
    """Raise InputError if a system is not of the kind that the test is for."""
    n, n_logical = len(system.components), len(system.logical_values)
    if (n, n_logical) != (_TWO, _TWO):
        raise InputError(
            f"{system.path.name} has {n} component(s) and {n_logical} logical values; the prediction is "
            "tested for two components in series and two logical values"
        )


@dataclass(frozen=True)
class _Test:
    system: System
    settings: Settings
    plan: PredictionPlan
    found: SystemSearch

    def of(self, trained: Sequence[SystemTraining], measure: Measure) -> SystemPrediction:
        pairs = working_pairs(measure.measure)
        step, exact = class_step(measure.vdd), measure.is_exact
        classes = bayes_classes(pairs, step, is_exact=exact)
        best = share_in_best(pairs, measure.best, self.plan.claim.confidence, is_exact=exact)
        drawn = place_bayes(measure, pairs, N_DRAWN, self._rng(0))
        bayes = replace(self._population("bayes", drawn, classes), share_in_best=best)
        placed = list(self._placed(measure, trained))
        nulls, shuffled = self._nulls(measure, pairs, classes, placed[0][1:])
        by_name = {null.name: null.summary for null in nulls}
        arms = tuple(
            self._arm(training, placement, classes, bayes, by_name)
            for training, (placement, *_) in zip(trained, placed, strict=True)
        )
        n1, n2 = pairs.n_compared
        n_pairs = round(pairs.weight)
        return SystemPrediction(
            self.plan, self.found, measure, bayes, nulls, shuffled, arms, n_pairs, n1 * n2
        )

    def measure(self) -> Measure:
        """Return what log volumes are chosen on and reported of.

        Raises
        ------
        InputError
            If the banks are too small to say anything.
        """
        exact = all(swept.bank.source.seed is None for swept in self.found.second)
        choose = self._banks(self.found.banks)
        measure = choose if exact else self._banks(self.found.second)
        best = sets_at(self.found.system, _PLACE)
        if not np.isfinite(measure.log_volume(best)):
            raise InputError(
                f"{self.system.path.name}: no θ of the second banks are admitted by the API that the "
                f"first banks like best; take more --samples than {self.settings.n_samples}"
            )
        return Measure(choose, measure, best, self.system.vdd, is_exact=exact)

    def _banks(
        self, banks: Sequence[SweptBank], weights: tuple[Floats, Floats] | None = None
    ) -> Banks:
        """Return what banks send and take; θ that were not simulated are left out."""
        first, last = sets_at(self.system, 0), sets_at(self.system, _TWO)
        grid = self.system.vdd / _STEPS
        images = BankLink(banks[0], grid=grid).images(first)
        preimages = BankLink(banks[1], grid=grid).preimages(last)
        if weights is not None:
            images = replace(images, weight=images.weight * weights[0])
            preimages = replace(preimages, weight=preimages.weight * weights[1])
        return Banks(images[images.weight > 0.0], preimages[preimages.weight > 0.0])

    def _placed(
        self, measure: Measure, trained: Sequence[SystemTraining]
    ) -> Iterator[tuple[Placement, Images, Preimages]]:
        """Place the solutions of each arm, by curves like those of the banks."""
        system, settings = self.system, self.settings
        on = [put_on_bench(system, component, settings) for component in system.components]
        with simulators(settings.n_workers, settings.scheduler) as pool:
            for training in trained:
                yield _place(measure, system, on, training.theta[training.succeeded], pool)

    def _nulls(
        self,
        measure: Measure,
        pairs: WorkingPairs,
        classes: Classes,
        solutions: tuple[Images, Preimages],
    ) -> tuple[tuple[Population, ...], float | None]:
        """Return the nulls, and the share of shuffled pairs that work."""
        per_class = max(1, N_DRAWN // len(classes.probability))
        even = place_classes(measure, pairs, classes, per_class, self._rng(1))
        of_apis = distances_of_apis(measure)
        apis = summarise_apis(of_apis, self.plan.claim)
        other = working_pairs(self._banks(self.found.second, self._tilted()))
        tilted = place_bayes(measure, other, N_DRAWN, self._rng(2))
        nulls = [
            self._population("classes", even, classes),
            Population("apis", apis, None, apis.share_in_best, of_apis),
            self._population("prior", tilted, classes),
        ]
        try:
            shuffled = place_shuffled(measure, *solutions, N_DRAWN, self._rng(3))
            placement, share = shuffled.placement, shuffled.share
        except InputError:
            # None of them works, or there are none.
            nobody = np.zeros(0, dtype=np.int64)
            placement, share = place(measure, solutions[0][nobody], solutions[1][nobody]), None
        nulls.append(self._population("shuffled", placement, classes))
        return tuple(nulls), share

    def _tilted(self) -> tuple[Floats, Floats]:
        first, second = (tilted_weights(swept) for swept in self.found.second)
        return first, second

    def _population(self, name: str, placement: Placement, classes: Classes) -> Population:
        claim = self.plan.claim
        summary = summarise(placement, claim)
        spread = spread_over(
            placement.behaviour, classes, self._rng(4), placement.weight, claim.confidence
        )
        return Population(name, summary, spread, summary.share_in_best, placement.delta)

    def _arm(
        self,
        training: SystemTraining,
        placement: Placement,
        classes: Classes,
        bayes: Population,
        nulls: Mapping[str, Summary],
    ) -> Arm:
        claim = self.plan.claim
        population = self._population(training.training.name, placement, classes)
        lucky = training.lucky[training.succeeded]
        return Arm(
            training,
            population,
            summarise(_without(placement, lucky), claim),
            log_ratio(population.share_in_best, bayes.share_in_best),
            judge(claim, population.summary, nulls),
        )

    def _rng(self, which: int) -> np.random.Generator:
        return np.random.default_rng([_DRAWS, self.settings.seed, which])


def _place(
    measure: Measure, system: System, on: Sequence[Bench], theta: Floats, pool: Pool
) -> tuple[Placement, Images, Preimages]:
    """Return where chains of some θ ended, and the images and preimages of those with trusted curves."""
    cut = len(on[0].thetas)
    first, second = (
        transfer_of(bench, sweep(bench, part, pool), grid=system.vdd / _STEPS)
        for bench, part in zip(on, (theta[:, :cut], theta[:, cut:]), strict=True)
    )
    images = first.images(sets_at(system, 0))
    preimages = second.preimages(sets_at(system, _TWO))
    known = np.flatnonzero((images.weight > 0.0) & (preimages.weight > 0.0))
    images, preimages = images[known], preimages[known]
    placement = place(measure, images, preimages)
    n_unplaced = placement.n_unplaced + len(theta) - len(known)
    return (
        replace(placement, places=known[placement.places], n_unplaced=n_unplaced),
        images,
        preimages,
    )


def _without(placement: Placement, lucky: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Placement:
    """Return the placement of solutions of runs that were not lucky, with the unplaced among them."""
    unplaced = np.ones(len(lucky), dtype=np.bool_)
    unplaced[placement.places] = False
    kept = placement[~lucky[placement.places]]
    return replace(kept, n_unplaced=int(np.count_nonzero(unplaced & ~lucky)))
