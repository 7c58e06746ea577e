"""A component between its APIs as an event in the space of its θ."""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spicebuf.api import Api
from spicebuf.bank import bench_key
from spicebuf.check import (
    Checks,
    Floats,
    Verdict,
    check_curves,
    score_curves,
)
from spicebuf.deck import Bench, Stretch
from spicebuf.entropy import Judge, Judged
from spicebuf.journal import Journal, open_journal
from spicebuf.pools import Pool
from spicebuf.prior import from_latent
from spicebuf.refine import open_rows, refine
from spicebuf.simulate import Curves
from spicebuf.sweep import sweep
from spicebuf.system import Component, System, file_stem
from spicebuf.workflow.settings import Settings

# Raised whenever the same question gets another answer than it used to.
_ANSWERS = 1

Answer: TypeAlias = Mapping[str, NDArray[Any]]
"""Arrays of one entry for each θ."""


@dataclass(frozen=True)
class Lab:
    """Where questions about θ are answered, and where answers are kept.

    Attributes
    ----------
    pool : Pool
    ngspice_version : str
    journal : Journal
    max_gain : float
        See `refine`.
    simulated : list of int
        Of each batch that the journal did not know, how many θ it was.
    """

    pool: Pool
    ngspice_version: str
    journal: Journal
    max_gain: float
    simulated: list[int] = field(default_factory=list)


@contextmanager
def lab_of(component: Component, settings: Settings, version: str, pool: Pool) -> Iterator[Lab]:
    """Open the lab of a component, with its journal beside the banks; `version` is that of ngspice."""
    path = settings.banks / f"{file_stem(component.name)}.journal"
    with open_journal(path) as journal:
        yield Lab(pool, version, journal, settings.max_gain)


@dataclass(frozen=True)
class Event:
    """A component of a system between its APIs, and the bench that its curves come from."""

    component: Component
    bench: Bench
    api_in: Api
    api_out: Api

    @property
    def d(self) -> int:
        """Number of parameters."""
        return len(self.bench.thetas)

    @property
    def apis(self) -> tuple[Api, Api]:
        """At the input and at the output."""
        return self.api_in, self.api_out

    def about(self, lab: Lab) -> bytes:
        """Return all that the answer for a θ depends on."""
        sets = [{logic: str(voltages) for logic, voltages in api.sets.items()} for api in self.apis]
        bench = bench_key(self.bench, lab.ngspice_version)
        return json.dumps([_ANSWERS, bench, sets, lab.max_gain], sort_keys=True).encode()


def event_of(system: System, index: int, on: Bench) -> Event:
    """Return component number `index` as an event, on the bench of its bank."""
    return Event(system.components[index], on, system.apis[index], system.apis[index + 1])


def climbing(event: Event) -> Event:
    """Return the same event on a bench that asks for the voltages of the input API alone.

    The steps are at most those of the grid, and end on the edges. A circuit with feedback remembers where
    its input came from: it is swept from rail to rail.
    """
    on = event.bench
    if on.feedback:
        return event
    step = on.vdd / (on.n_points - 1)
    intervals = sorted(i for voltages in event.api_in.sets.values() for i in voltages.intervals)
    stretches = tuple(_stretch(low, high, step) for low, high in intervals)
    return replace(event, bench=replace(on, stretches=stretches))


def _stretch(low: float, high: float, step: float) -> Stretch:
    # Without the small part, rounding would add a point to an interval of whole steps.
    return Stretch(low, high, 1 + math.ceil((high - low) / step - 1e-9))


def check_grid(event: Event, curves: Curves) -> Checks:
    """Check curves on the event's bench by their points alone."""
    return check_curves(curves, event.bench.vin, *event.apis, event.bench.vdd)


def score_grid(event: Event, curves: Curves) -> Floats:
    """Score curves on the event's bench, so that scores lead to the event."""
    return score_curves(curves, event.bench.vin, *event.apis, event.bench.vdd)


def settle(event: Event, theta: Floats, curves: Curves, checks: Checks, lab: Lab) -> Checks:
    """Refine checks of the curves of `theta` between their points, or recall how it ended."""
    if lab.max_gain == 0.0 or not len(open_rows(checks.verdict)):
        return checks
    question = b"settle" + event.about(lab) + _exactly(theta)
    answer = lab.journal.answer(question, lambda: vars(_refined(event, theta, curves, checks, lab)))
    return Checks(**answer)


def _refined(event: Event, theta: Floats, curves: Curves, checks: Checks, lab: Lab) -> Checks:
    return refine(event.bench, theta, curves, checks, event.apis, lab.max_gain, lab.pool)


def judge_of(event: Event, lab: Lab) -> Judge:
    """Return the judge of an event: latent points → θ → curves → verdicts, each batch only once ever.

    Verdicts are those of the bench's points; `strict_of` is about all inputs.
    """

    def answer(theta: Floats) -> Answer:
        curves = sweep(event.bench, theta, lab.pool)
        return {"score": score_grid(event, curves), "verdict": check_grid(event, curves).verdict}

    return judging(keeping("judge", event, lab, answer))


def strict_of(event: Event, lab: Lab) -> Judge | None:
    """Return the judge of an event whose verdicts are refined; None where the grid is to be trusted.

    To refine every θ that satisfies on the way to a rare event took eight times as long as to find them.
    """
    if lab.max_gain == 0.0:
        return None

    def answer(theta: Floats) -> Answer:
        curves = sweep(event.bench, theta, lab.pool)
        checks = _refined(event, theta, curves, check_grid(event, curves), lab)
        return {"score": np.nan_to_num(checks.margin, nan=-np.inf), "verdict": checks.verdict}

    return judging(keeping("strict", event, lab, answer))


def keeping(
    what: str, event: Event, lab: Lab, answer: Callable[[Floats], Answer]
) -> Callable[[Floats], Answer]:
    """Return what answers for latent points and keeps its answers in the journal.

    `what` tells answers of several kinds apart.
    """
    priors = list(event.component.priors.values())
    about = what.encode() + event.about(lab)

    def ask(z: Floats) -> Answer:
        theta = from_latent(priors, z)

        def find() -> Answer:
            lab.simulated.append(len(theta))
            return answer(theta)

        return lab.journal.answer(about + _exactly(theta), find)

    return ask


def _exactly(theta: Floats) -> bytes:
    # Without parameters, θ of any number are the same bytes.
    return repr(theta.shape).encode() + theta.tobytes()


def judging(ask: Callable[[Floats], Answer]) -> Judge:
    """Return the judge that answers with scores and verdicts as `ask` does."""

    def judge(z: Floats) -> Judged:
        found = ask(z)
        verdict = found["verdict"]
        return Judged(
            score=np.asarray(found["score"], dtype=np.float64),
            satisfied=verdict == Verdict.SATISFIED,
            possible=verdict != Verdict.VIOLATED,
        )

    return judge
