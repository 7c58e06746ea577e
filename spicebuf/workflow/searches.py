"""Banks → the APIs of greatest log volume, with a proof, and their log volumes on other banks."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from spicebuf.api import Api
from spicebuf.entropy import LogVolume
from spicebuf.errors import InputError
from spicebuf.images import Reading, api_of
from spicebuf.search import (
    Candidate,
    Optimum,
    Shape,
    Solutions,
    count_solutions,
    name_of,
    search,
    shapes_of,
    simplified,
)
from spicebuf.system import System
from spicebuf.workflow.banks import SweptBank, require_sources, sweep_system
from spicebuf.workflow.entropies import SystemEntropy, entropy_system, grid_volume
from spicebuf.workflow.settings import Progress, Settings, require_between, silent
from spicebuf.workflow.sides import (
    FEW,
    Drawn,
    Pair,
    is_sampled,
    plain_pair,
    relaxed_pair,
    sets_at,
    zoomed_pair,
)

SECOND = 1_000_000
"""What the seed of the second banks is above that of the first."""

_RUNNER_UP_SECONDS = 5.0
_MOST_RUNNERS_UP = 12


@dataclass(frozen=True)
class Wanted:
    """What a user wants of a search.

    Attributes
    ----------
    max_intervals : int
        Of each logical value, ≥ 1.
    grid : float or None
        Steps of the edges [V]; None allows any voltage.
    n_best : int
        How many closed APIs to list, ≥ 1.
    max_seconds : float
        After which the search for the best API stops without a proof, > 0.
    """

    max_intervals: int = 2
    grid: float | None = None
    n_best: int = 1
    max_seconds: float = 60.0

    def __post_init__(self) -> None:
        """Refuse wishes out of range."""
        require_between("max-intervals", self.max_intervals, 1)
        require_between("top", self.n_best, 1)
        if not self.max_seconds > 0.0:
            raise InputError(f"max-seconds = {self.max_seconds:g} must be above 0")
        if self.grid is not None and not self.grid > 0.0:
            raise InputError(f"grid = {self.grid:g} must be a step above 0 V, e.g. 0.05")


@dataclass(frozen=True)
class Ranked:
    """One of the APIs found.

    Attributes
    ----------
    apis : tuple of Api
        Those that were searched for.
    kind : str
        Order of their logical values along the voltage axis.
    in_sample : float
        Log volume on the banks of the search [nat].
    held_out : LogVolume
        On the second banks, by the points of the curves; what these leave open counts both ways.
    gap : float
        How much better an API of its kind might be [nat].
    """

    apis: tuple[Api, ...]
    kind: str
    in_sample: float
    held_out: LogVolume
    gap: float


@dataclass(frozen=True)
class Found:
    """The answer of one search.

    Attributes
    ----------
    pair : Pair
        The θ that it saw.
    optimum : Optimum
    drawn : Drawn or None
        How they were drawn, if not from the prior.
    """

    pair: Pair
    optimum: Optimum
    drawn: Drawn | None

    @property
    def in_sample(self) -> float:
        """Log volume of the best API on these θ [nat]."""
        return self.pair.log_volume(self.optimum.best[0].product)

    @property
    def upper_bound(self) -> float:
        """What the log volume of no API, of those that `drawn` lets be seen, exceeds on these θ [nat]."""
        return self.pair.log_volume(self.optimum.limit)


@dataclass(frozen=True)
class SystemSearch:
    """The API of greatest log volume of a system, what stands beside it, and what none can exceed.

    Attributes
    ----------
    system : System
        With the API found in its place.
    best : Ranked
    entropy : SystemEntropy
        Of this system, on the second banks.
    found : Found
        Where the best API comes from, with the proof.
    everywhere : Found
        The first search, which had all APIs in view; `found` itself unless that was repeated nearby.
    optimistic_bound : float or None
        No API has a greater log volume on the banks of the search, with all that the points of the curves
        leave open in its favour [nat]; None where θ were drawn by splitting.
    solutions : Solutions
        Pairs of θ of the first banks that work end to end.
    share_of_solutions : float or None
        Of those of the second banks, the share that the API admits; None where there are none.
    top : tuple of Ranked
        The best closed APIs, best first, `best` included.
    runners_up : tuple of Ranked
        The best APIs of other kinds, best first.
    given : SystemEntropy or None
        Of the system's own API, on the second banks.
    given_in_sample : float or None
        Its log volume on the first banks [nat].
    banks : tuple of SweptBank
        Of the search.
    """

    system: System
    best: Ranked
    entropy: SystemEntropy
    found: Found
    everywhere: Found
    optimistic_bound: float | None
    solutions: Solutions
    share_of_solutions: float | None
    top: tuple[Ranked, ...]
    runners_up: tuple[Ranked, ...]
    given: SystemEntropy | None
    given_in_sample: float | None
    banks: tuple[SweptBank, ...]


def search_system(
    system: System, settings: Settings, wanted: Wanted, on_progress: Progress = silent
) -> SystemSearch:
    """Find the API between two components that most θ admit.

    The search sees the points of one pair of banks. What it finds is estimated on another pair, which
    had no part in the choice, and there for all voltages (see `entropy_system`). Where too few θ work,
    the search sees θ that were drawn by splitting from events of known volume.

    Raises as `sweep_system` does, and InputError if an outer API is free, there is nothing to search, or
    no θ are found that work end to end.
    """
    (place,) = free_places(system)
    require_sources(system, settings)
    banks = sweep_system(system, settings, on_progress)
    quest = _Quest(system, place, banks, settings, wanted, on_progress)
    everywhere, solutions = quest.everywhere()
    found = quest.nearer(everywhere) or everywhere
    second = _Second(system, place, settings, wanted, on_progress)
    top = tuple(second.ranked(each, found) for each in found.optimum.best)
    best, given = top[0], bool(system.apis[place].sets)
    is_plain = found.drawn is None
    entropy = second.entropy(best.apis)
    return SystemSearch(
        system=second.with_apis(best.apis),
        best=best,
        entropy=entropy,
        found=found,
        everywhere=everywhere,
        optimistic_bound=quest.optimistic() if is_plain else None,
        solutions=solutions,
        share_of_solutions=second.share(entropy.total),
        top=top,
        runners_up=tuple(quest.runners_up(found, second)) if is_plain else (),
        given=second.entropy(()) if given else None,
        given_in_sample=everywhere.pair.admit(sets_at(system, place)) if given else None,
        banks=banks,
    )


def free_places(system: System) -> tuple[int, ...]:
    """Return which APIs are to be searched for: those marked free, or else all inner ones.

    Raises
    ------
    InputError
        If an outer API is free, or there is no inner one.
    """
    for api, which in ((system.apis[0], "first"), (system.apis[-1], "last")):
        if api.free:
            raise InputError(
                f"{system.path.name}: API {api.name!r} is free, but the {which} API says what the "
                "chain is to do and cannot be searched for; give its sets without free = true"
            )
    inner = range(1, len(system.apis) - 1)
    if not inner:
        raise InputError(
            f"{system.path.name}: one component has no API inside to search for; put components in series"
        )
    return tuple(place for place in inner if system.apis[place].free) or tuple(inner)


@dataclass(frozen=True)
class _Quest:
    """The search for the API at one place of a system."""

    system: System
    place: int
    banks: tuple[SweptBank, ...]
    settings: Settings
    wanted: Wanted
    on_progress: Progress

    def everywhere(self) -> tuple[Found, Solutions]:
        """Search in the banks; where almost nothing in them works, in θ that are drawn for it."""
        pair, drawn = self._plain(Reading.SAFE), None
        solutions = count_solutions(pair.images, pair.preimages)
        if is_sampled(self._around) and solutions.n_useful < FEW:
            pair, drawn = relaxed_pair(
                self.system, self.place, self.settings, self.wanted.grid, self.on_progress
            )
        found = Found(pair, self._search(pair, n_best=self.wanted.n_best), drawn)
        if not found.optimum.best:
            raise InputError(self._nothing(solutions))
        return found, solutions

    def nearer(self, found: Found) -> Found | None:
        """Search once more near an API that so few θ stand for that chance chose it; else None."""
        best = found.optimum.best[0]
        if min(best.sent, best.taken) >= FEW or not is_sampled(self._around):
            return None
        pair, drawn = zoomed_pair(
            self.system, self.place, best, self.settings, self.wanted.grid, self.on_progress
        )
        optimum = self._search(pair, n_best=self.wanted.n_best)
        return Found(pair, optimum, drawn) if optimum.best else None

    def optimistic(self) -> float:
        """Return what no API exceeds even if all that the points leave open is in its favour."""
        pair = self._plain(Reading.OPTIMISTIC)
        return pair.log_volume(self._search(pair).limit)

    def runners_up(self, found: Found, second: "_Second") -> Iterator[Ranked]:
        """Yield the best APIs of kinds other than that of the best, best first."""
        shapes = shapes_of(len(self.system.logical_values), self.wanted.max_intervals)
        others = [shape for shape in shapes if shape != found.optimum.best[0].shape]
        optima = [self._search(found.pair, [shape]) for shape in others[:_MOST_RUNNERS_UP]]
        some = [replace(found, optimum=optimum) for optimum in optima if optimum.best]
        for each in sorted(some, key=lambda each: -each.optimum.best[0].product):
            yield second.ranked(each.optimum.best[0], each)

    @property
    def _around(self) -> tuple[SweptBank, ...]:
        return self.banks[self.place - 1 : self.place + 1]

    def _plain(self, reading: Reading) -> Pair:
        return plain_pair(self.system, self.place, self.banks, reading, self.wanted.grid)

    def _search(
        self, pair: Pair, shapes: Sequence[Shape] | None = None, n_best: int = 1
    ) -> Optimum:
        what = "search" if shapes is None else "search, " + ", ".join(map(name_of, shapes))
        seconds = self.wanted.max_seconds
        return search(
            pair.images,
            pair.preimages,
            self.wanted.max_intervals,
            n_best=n_best,
            shapes=shapes,
            max_seconds=seconds if shapes is None else min(seconds, _RUNNER_UP_SECONDS),
            on_progress=lambda n_cells, _best, _limit: self.on_progress(what, n_cells, 0),
        )

    def _nothing(self, solutions: Solutions) -> str:
        first, last = self.system.apis[0].name, self.system.apis[-1].name
        pair = self._plain(Reading.OPTIMISTIC)
        words = (
            f"{self.system.path.name}: of {solutions.n_senders} by {solutions.n_takers} θ no two surely "
            f"work from {first!r} to {last!r}"
        )
        if count_solutions(pair.images, pair.preimages).weight:
            return f"{words}; between their points some may: take more --points"
        return (
            f"{words}: widen the sets of {last!r}, narrow those of {first!r}, or take other priors"
        )


class _Second:
    """The second banks, which had no part in the choice."""

    def __init__(
        self,
        system: System,
        place: int,
        settings: Settings,
        wanted: Wanted,
        on_progress: Progress,
    ) -> None:
        self._system, self._place, self._wanted = system, place, wanted
        self._settings = replace(settings, seed=settings.seed + SECOND)
        self._on_progress = on_progress
        self._banks = sweep_system(system, self._settings, on_progress)

    def with_apis(self, apis: Sequence[Api]) -> System:
        """Return the system with some of its APIs replaced by those of their names."""
        new = {api.name: api for api in apis}
        return replace(
            self._system, apis=tuple(new.get(api.name, api) for api in self._system.apis)
        )

    def entropy(self, apis: Sequence[Api]) -> SystemEntropy:
        """Return the log volumes with some APIs, for all voltages."""
        return entropy_system(self.with_apis(apis), self._settings, self._on_progress)

    def ranked(self, candidate: Candidate, found: Found) -> Ranked:
        """Return an API with its log volumes; its edges have few digits, or lie on the grid."""
        on_a_grid = self._wanted.grid is not None
        sets = candidate.tight if on_a_grid else simplified(candidate.tight, candidate.wide)
        api = api_of(self._system.apis[self._place].name, sets, self._system.logical_values)
        return Ranked(
            apis=(api,),
            kind=name_of(candidate.shape),
            in_sample=found.pair.log_volume(candidate.product),
            held_out=self._held_out(api, found),
            gap=found.optimum.gap,
        )

    def _held_out(self, api: Api, found: Found) -> LogVolume:
        if found.drawn is not None:
            return self.entropy([api]).total
        return grid_volume(self.with_apis([api]), self._banks, self._settings.confidence)

    def share(self, volume: LogVolume) -> float | None:
        """Return what a log volume is of the volume of all that works end to end; None if none does."""
        pair = plain_pair(self._system, self._place, self._banks, Reading.SAFE, None)
        solutions = count_solutions(pair.images, pair.preimages)
        if not solutions.weight:
            return None
        pairs = solutions.n_senders * solutions.n_takers
        return min(1.0, math.exp(volume.value) * pairs / solutions.weight)
