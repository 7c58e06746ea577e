"""A component between its APIs as an event in the space of its θ."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spicebuf.api import Api
from spicebuf.bank import bench_key
from spicebuf.check import Verdict, check_curves, score_curves
from spicebuf.deck import Bench, Stretch
from spicebuf.entropy import Judge, Judged
from spicebuf.journal import Journal
from spicebuf.pools import Pool
from spicebuf.prior import from_latent
from spicebuf.sweep import sweep
from spicebuf.system import Component, System


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


def event_of(system: System, index: int, on: Bench) -> Event:
    """Return component number `index` as an event, with the voltages of its input API alone.

    The steps are at most those of `on`, and end on the edges. A circuit with feedback remembers where its
    input came from: it is swept from rail to rail.
    """
    api_in = system.apis[index]
    if not on.feedback:
        step = on.vdd / (on.n_points - 1)
        intervals = sorted(i for voltages in api_in.sets.values() for i in voltages.intervals)
        on = replace(on, stretches=tuple(_stretch(low, high, step) for low, high in intervals))
    return Event(system.components[index], on, api_in, system.apis[index + 1])


def _stretch(low: float, high: float, step: float) -> Stretch:
    # Without the small part, rounding would add a point to an interval of whole steps.
    return Stretch(low, high, 1 + math.ceil((high - low) / step - 1e-9))


def judge_of(
    event: Event,
    ngspice_version: str,
    pool: Pool,
    journal: Journal,
    on_simulated: Callable[[int], None],
) -> Judge:
    """Return the judge of an event: latent points → θ → curves → verdicts, each batch only once ever.

    `on_simulated` is called with the number of θ that had to be simulated.
    """
    priors = list(event.component.priors.values())
    about = json.dumps(
        {
            "bench": bench_key(event.bench, ngspice_version),
            "apis": [
                {logic: str(voltages) for logic, voltages in api.sets.items()}
                for api in (event.api_in, event.api_out)
            ],
        },
        sort_keys=True,
    ).encode()

    def judge(z: NDArray[np.float64]) -> Judged:
        theta = from_latent(priors, z)
        question = about + theta.tobytes()
        answer = journal.recall(question)
        if answer is None:
            answer = _simulate(event, theta, pool)
            journal.keep(question, answer)
            on_simulated(len(theta))
        verdict = answer["verdict"]
        return Judged(
            score=np.asarray(answer["score"], dtype=np.float64),
            satisfied=verdict == Verdict.SATISFIED,
            possible=verdict != Verdict.VIOLATED,
        )

    return judge


def _simulate(
    event: Event, theta: NDArray[np.float64], pool: Pool
) -> dict[str, NDArray[np.float64] | NDArray[np.uint8]]:
    on = event.bench
    curves = sweep(on, theta, pool)
    about = (on.vin, event.api_in, event.api_out, on.vdd)
    return {
        "score": score_curves(curves, *about),
        "verdict": check_curves(curves, *about).verdict,
    }
