"""The two sides of a free API: what the component before it sends, and what the one after it takes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from spicebuf.entropy import LogVolume, log_of
from spicebuf.errors import InputError
from spicebuf.images import Reading, sets_of
from spicebuf.search import (
    Images,
    Preimages,
    Sets,
    Solutions,
    count_solutions,
    narrowest,
    on_grid,
    widest,
)
from spicebuf.sweep import ngspice_version, simulators
from spicebuf.system import System
from spicebuf.workflow.banks import SweptBank, put_on_bench
from spicebuf.workflow.events import event_of, lab_of
from spicebuf.workflow.readings import even_link
from spicebuf.workflow.relaxed import Draw, Drawn, draw_senders, draw_takers
from spicebuf.workflow.settings import Progress, Settings

FEW = 300
"""θ of a bank that work with any of the other, below which θ are drawn by splitting instead."""

_MOST_PARTNERS = 200


@dataclass(frozen=True)
class Pair:
    """The θ of the two components on either side of a free API.

    Attributes
    ----------
    images, preimages : Images, Preimages
    log_scale : float
        Log of the probability that one admitted θ of each stands for.
    """

    images: Images
    preimages: Preimages
    log_scale: float

    def log_volume(self, product: float) -> float:
        """Return the log volume of an API that admits weights of this product."""
        return log_of(product) + self.log_scale

    def admit(self, sets: Sets) -> float:
        """Return the log volume of an API."""
        sent = self.images.weight[self.images.held_by(sets)].sum()
        taken = self.preimages.weight[self.preimages.hold(sets)].sum()
        return self.log_volume(float(sent * taken))


def plain_pair(
    system: System, place: int, banks: Sequence[SweptBank], reading: Reading, grid: float | None
) -> Pair:
    """Return the sides of the API at a place from banks of draws of the prior."""
    before, after = banks[place - 1], banks[place]
    images = even_link(before, reading).images(sets_at(system, place - 1))
    preimages = even_link(after, reading).preimages(sets_at(system, place + 1))
    if grid is not None and reading is Reading.SAFE:
        images, preimages = on_grid(images, preimages, grid)
    return Pair(images, preimages, -math.log(before.n) - math.log(after.n))


def sets_at(system: System, place: int) -> Sets:
    """Return the sets of the API at a place, in the system's order of logical values."""
    return sets_of(system.apis[place], system.logical_values)


def is_rare(solutions: Solutions, banks: Sequence[SweptBank]) -> bool:
    """Tell whether draws of the prior are too few to search in, and not all that there are."""
    drawn = any(swept.bank.source.seed is not None for swept in banks)
    return drawn and min(solutions.n_useful_senders, solutions.n_useful_takers) < FEW


def relaxed_pair(
    system: System, place: int, settings: Settings, grid: float | None, on_progress: Progress
) -> tuple[Pair, tuple[LogVolume, LogVolume]]:
    """Return the sides of the API at a place from θ drawn by splitting, and the volumes drawn from.

    Raises
    ------
    InputError
        If none were found that work end to end.
    """
    with simulators(settings.n_workers, settings.scheduler) as pool:
        version = ngspice_version(pool)

        def draw(of: Draw, index: int, sets: Sets, partners: tuple[Sets, ...]) -> Drawn:
            component = system.components[index]
            event = event_of(system, index, put_on_bench(system, component, settings))
            with lab_of(component, settings, version, pool) as lab:
                drawn = of(event, sets, partners, settings, lab, on_progress)
            if not drawn.n:
                raise InputError(_nothing(system, drawn.volume))
            return drawn

        def takers(senders: tuple[Sets, ...]) -> Drawn:
            return draw(draw_takers, place, sets_at(system, place + 1), senders)

        # A sender of which nothing is known: each logical value must come from somewhere.
        second = takers((((),) * len(system.logical_values),))
        given, wanted = sets_at(system, place - 1), sets_at(system, place + 1)
        preimages = second.transfer.preimages(wanted)
        first = draw(draw_senders, place - 1, given, widest(preimages, _MOST_PARTNERS, system.vdd))
        images = first.transfer.images(given)
        if count_solutions(images, preimages).n_useful_takers < FEW:
            second = takers(narrowest(images, _MOST_PARTNERS, system.vdd))
            preimages = second.transfer.preimages(wanted)
    if grid is not None:
        images, preimages = on_grid(images, preimages, grid)
    log_scale = first.log_weight + second.log_weight
    return Pair(images, preimages, log_scale), (first.volume, second.volume)


def _nothing(system: System, volume: LogVolume) -> str:
    first, last = system.apis[0].name, system.apis[-1].name
    return (
        f"{system.path.name}: nothing that works from {first!r} to {last!r} was found, neither in the "
        f"banks nor by climbing towards it: the log volume of what does is at most "
        f"{volume.interval[1]:.2f} nat ({volume.confidence:.0%}); widen the sets of {last!r}, narrow "
        f"those of {first!r}, or take other priors or more --samples"
    )
