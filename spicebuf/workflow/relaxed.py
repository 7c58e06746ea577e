"""Banks for rare systems: θ drawn by splitting from an event that holds all that matter.

The first component's event is to work with some θ of the second's bank, and the other way round. What an
API admits of such a bank, times the volume of the event, is its share of the prior.
"""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from spicebuf.check import Floats, Verdict
from spicebuf.entropy import Effort, LogVolume, estimate
from spicebuf.images import Transfer, transfer_of
from spicebuf.ngspice import Status
from spicebuf.prior import from_latent
from spicebuf.search import Bools, Sets, overhang
from spicebuf.simulate import Curves
from spicebuf.source import stream_number
from spicebuf.sweep import sweep
from spicebuf.workflow.events import Answer, Event, Lab, climbing, judging, keeping
from spicebuf.workflow.settings import PRECISION, Progress, Settings


@dataclass(frozen=True)
class Sample:
    """θ of one component that could matter, one or more.

    Attributes
    ----------
    transfer : Transfer
        Their curves.
    volume : LogVolume
        Of the event that they are in.
    """

    transfer: Transfer
    volume: LogVolume

    @property
    def log_weight(self) -> float:
        """Log of the probability that each of the θ stands for."""
        return self.volume.value - math.log(len(self.transfer.weight))


Draw: TypeAlias = Callable[
    [Event, Sets, tuple[Sets, ...], Settings, Lab, Progress],
    Sample | LogVolume,
]
"""`draw_senders` or `draw_takers`."""


def draw_senders(
    event: Event,
    sets_in: Sets,
    takers: tuple[Sets, ...],
    settings: Settings,
    lab: Lab,
    on_progress: Progress,
) -> Sample | LogVolume:
    """Draw θ of a component whose images of `sets_in` some taker holds.

    Where none is seen, the volume of the event is returned, with its upper limit.
    """
    narrow = climbing(event)

    def answer(theta: Floats) -> Answer:
        curves = sweep(narrow.bench, theta, lab.pool)
        images = transfer_of(narrow.bench, curves).images(sets_in)
        held = np.any([images.held_by(sets) for sets in takers], axis=0)
        score = -np.min([overhang(images, sets) for sets in takers], axis=0)
        return _judged(curves, score, held)

    return _draw("senders", takers, event, narrow, answer, settings, lab, on_progress)


def draw_takers(
    event: Event,
    sets_out: Sets,
    senders: tuple[Sets, ...],
    settings: Settings,
    lab: Lab,
    on_progress: Progress,
) -> Sample | LogVolume:
    """Draw θ of a component that send some sender into `sets_out`.

    A logical value for which a sender has no interval must come from somewhere. Where no θ is seen, the
    volume of the event is returned, with its upper limit.
    """

    def answer(theta: Floats) -> Answer:
        curves = sweep(event.bench, theta, lab.pool)
        transfer = transfer_of(event.bench, curves)
        preimages, distance = transfer.preimages(sets_out), transfer.distance(sets_out)
        works = preimages.somewhere & np.any([preimages.hold(sets) for sets in senders], axis=0)
        score = -np.min([_away(distance, event.bench.vin, sets) for sets in senders], axis=0)
        return _judged(curves, score, works)

    return _draw("takers", senders, event, event, answer, settings, lab, on_progress)


def _draw(
    what: str,
    partners: tuple[Sets, ...],
    event: Event,
    narrow: Event,
    answer: Callable[[Floats], Answer],
    settings: Settings,
    lab: Lab,
    on_progress: Progress,
) -> Sample | LogVolume:
    """Climb to the θ that `answer` accepts; return some of those that got there, with whole curves."""
    name, digest = event.component.name, hashlib.sha256(repr(partners).encode()).hexdigest()
    seed = (settings.seed, stream_number(f"{name}, {what}"))
    volume = estimate(
        judging(keeping(f"{what} {digest}", narrow, lab, answer)),
        event.d,
        seed,
        Effort(PRECISION, settings.confidence, settings.max_simulations),
        on_progress=lambda n: on_progress(f"{name}, {what}", n, 0),
    )
    assert volume.splitting is not None  # noqa: S101 (what `estimate` returns has it)
    points = np.concatenate([np.empty((0, event.d)), *volume.splitting.survivors])
    if not len(points):
        return volume
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(points))[: settings.n_samples]
    theta = from_latent(list(event.component.priors.values()), points[chosen])
    return Sample(transfer_of(event.bench, sweep(event.bench, theta, lab.pool)), volume)


def _away(distance: Floats, vin: Floats, sets: Sets) -> Floats:
    """Return how far the outputs for the voltages of `sets` are from where they should be, (n,) [V]."""
    total = np.zeros(distance.shape[1])
    for each, intervals in zip(distance, sets, strict=True):
        worst = []
        for low, high in intervals:
            first = max(0, int(np.searchsorted(vin, low, side="right")) - 1)
            stop = int(np.searchsorted(vin, high, side="left")) + 1
            worst.append(each[:, first:stop].max(axis=1))
        total += np.max(worst, axis=0) if worst else each.min(axis=1)
    return total


def _judged(curves: Curves, score: Floats, works: Bools) -> Answer:
    lost = curves.status != Status.TRUSTED
    verdict = np.where(works, Verdict.SATISFIED, Verdict.VIOLATED)
    return {
        "score": np.where(lost, -np.inf, score),
        "verdict": np.where(lost, Verdict.UNSIMULATED, verdict).astype(np.uint8),
    }
