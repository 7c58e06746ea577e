"""The two sides of a free API: what the component before it sends, and what the one after it takes."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from spicebuf.entropy import LogVolume, log_of
from spicebuf.errors import InputError
from spicebuf.images import Reading, sets_of
from spicebuf.pools import Pool
from spicebuf.search import (
    Candidate,
    Images,
    Preimages,
    Sets,
    count_solutions,
    narrowest,
    widest,
)
from spicebuf.sweep import ngspice_version, simulators
from spicebuf.system import System
from spicebuf.workflow.banks import SweptBank, put_on_bench
from spicebuf.workflow.events import event_of, lab_of
from spicebuf.workflow.readings import BankLink
from spicebuf.workflow.relaxed import Draw, Sample, draw_senders, draw_takers
from spicebuf.workflow.settings import Progress, Settings

# Fewer θ than this, and than a part of a bank, are too few to rely on.
_FEW = 100
_FEW_PART = 20
_MOST_PARTNERS = 200
# How far around an API others are looked at once more, as a part of the supply.
_ZOOM = 0.05


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
    images = BankLink(before, reading, grid).images(sets_at(system, place - 1))
    preimages = BankLink(after, reading, grid).preimages(sets_at(system, place + 1))
    return Pair(images, preimages, -math.log(before.n) - math.log(after.n))


def sets_at(system: System, place: int) -> Sets:
    """Return the sets of the API at a place, in the system's order of logical values."""
    return sets_of(system.apis[place], system.logical_values)


@dataclass(frozen=True)
class Drawn:
    """How the θ of a pair were drawn, where draws of the prior were too few.

    Attributes
    ----------
    events : (LogVolume, LogVolume)
        That the θ before the API and after it were drawn from, by splitting.
    inner, outer : Sets or None
        No API between these lost a θ by it; None if none at all did.
    """

    events: tuple[LogVolume, LogVolume]
    inner: Sets | None = None
    outer: Sets | None = None


def are_few(n: float, banks: Sequence[SweptBank]) -> bool:
    """Tell whether `n` θ of one of some banks are too few to rely on, and more could be drawn."""
    is_sampled = all(swept.bank.source.seed is not None for swept in banks)
    return is_sampled and n < min(_FEW, *(swept.n / _FEW_PART for swept in banks))


def relaxed_pair(
    system: System, place: int, settings: Settings, grid: float | None, on_progress: Progress
) -> tuple[Pair, Drawn]:
    """Return the sides of the API at a place from θ that work with any of the other side.

    Raises
    ------
    InputError
        If none were found that work end to end.
    """
    with _drawing(system, place, settings, on_progress) as draw:
        # A sender of which nothing is known: each logical value must come from somewhere.
        second = draw.takers((((),) * len(system.logical_values),))
        preimages = second.transfer.preimages(draw.wanted)
        first = draw.senders(widest(preimages, _MOST_PARTNERS, system.vdd))
        images = first.transfer.images(draw.given)
        if count_solutions(images, preimages).n_useful_takers < _FEW:
            second = draw.takers(narrowest(images, _MOST_PARTNERS, system.vdd))
        return draw.pair(first, second, grid), Drawn((first.volume, second.volume))


def zoomed_pair(
    system: System,
    place: int,
    around: Candidate,
    settings: Settings,
    grid: float | None,
    on_progress: Progress,
) -> tuple[Pair, Drawn]:
    """Return the sides of the API at a place from θ that APIs near a given one could admit."""
    inner, outer = _brackets(around, _ZOOM * system.vdd, system.vdd)
    with _drawing(system, place, settings, on_progress) as draw:
        first, second = draw.senders((outer,)), draw.takers((inner,))
        drawn = Drawn((first.volume, second.volume), inner, outer)
        return draw.pair(first, second, grid), drawn


def _brackets(around: Candidate, reach: float, vdd: float) -> tuple[Sets, Sets]:
    """Return sets inside and outside of all whose edges are within `reach` [V] of those of an API."""
    inner = tuple(
        tuple(_shrunk(low, high, reach) for low, high in intervals) for intervals in around.tight
    )
    outer = tuple(
        tuple((max(0.0, low - reach), min(vdd, high + reach)) for low, high in intervals)
        for intervals in around.wide
    )
    return inner, outer


def _shrunk(low: float, high: float, reach: float) -> tuple[float, float]:
    middle = (low + high) / 2.0
    return min(low + reach, middle), max(high - reach, middle)


@dataclass(frozen=True)
class _Drawing:
    """The drawing of θ by splitting, on both sides of the API at a place."""

    system: System
    place: int
    settings: Settings
    on_progress: Progress
    pool: Pool
    version: str

    @property
    def given(self) -> Sets:
        return sets_at(self.system, self.place - 1)

    @property
    def wanted(self) -> Sets:
        return sets_at(self.system, self.place + 1)

    def senders(self, takers: tuple[Sets, ...]) -> Sample:
        return self._draw(draw_senders, self.place - 1, self.given, takers)

    def takers(self, senders: tuple[Sets, ...]) -> Sample:
        return self._draw(draw_takers, self.place, self.wanted, senders)

    def pair(self, first: Sample, second: Sample, grid: float | None) -> Pair:
        images = replace(first.transfer, grid=grid).images(self.given)
        preimages = replace(second.transfer, grid=grid).preimages(self.wanted)
        return Pair(images, preimages, first.log_weight + second.log_weight)

    def _draw(self, draw: Draw, index: int, sets: Sets, partners: tuple[Sets, ...]) -> Sample:
        system, settings = self.system, self.settings
        component = system.components[index]
        event = event_of(system, index, put_on_bench(system, component, settings))
        with lab_of(component, settings, self.version, self.pool) as lab:
            drawn = draw(event, sets, partners, settings, lab, self.on_progress)
        if isinstance(drawn, LogVolume):
            raise InputError(_nothing(system, drawn))
        return drawn


@contextmanager
def _drawing(
    system: System, place: int, settings: Settings, on_progress: Progress
) -> Iterator[_Drawing]:
    with simulators(settings.n_workers, settings.scheduler) as pool:
        yield _Drawing(system, place, settings, on_progress, pool, ngspice_version(pool))


def _nothing(system: System, volume: LogVolume) -> str:
    first, last = system.apis[0].name, system.apis[-1].name
    return (
        f"{system.path.name}: nothing was found that, by the points of its curves, surely works from "
        f"{first!r} to {last!r}, neither in the banks nor by climbing towards it with "
        f"{volume.counts[0].n_samples} θ: the log volume of what does is at most "
        f"{volume.interval[1]:.2f} nat ({volume.confidence:.0%}); widen the sets of {last!r}, narrow "
        f"those of {first!r}, or take other priors, more --points, --samples or --max-simulations"
    )
