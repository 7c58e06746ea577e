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
from spicebuf.workflow.sides import Pair, is_rare, plain_pair, relaxed_pair, sets_at

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
class SystemSearch:
    """The API of greatest log volume of a system, what stands beside it, and what none can exceed.

    Attributes
    ----------
    system : System
        With the API found in its place.
    best : Ranked
    entropy : SystemEntropy
        Of this system, on the second banks.
    upper_bound : float
        No API has a greater log volume on the banks of the search [nat].
    optimistic_bound : float or None
        The same, with all that the points of the curves leave open in favour of the APIs; None where θ
        were drawn by splitting.
    spectral_bound : float or None
        Another such bound, from all pairs of θ at once; None where there were too many to compare.
    solutions : Solutions
        Pairs of θ of the first banks that work end to end.
    events : (LogVolume, LogVolume) or None
        Where the θ of the search were drawn by splitting, the events that those of the component before
        the API and of the one after it come from.
    share_of_solutions : float or None
        Of those of the second banks, the share that the API admits; of the search's own θ where these
        were drawn by splitting; None where nothing of the second banks works.
    n_cells : int
        Cells that were looked at for the proof.
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
    upper_bound: float
    optimistic_bound: float | None
    spectral_bound: float | None
    solutions: Solutions
    events: tuple[LogVolume, LogVolume] | None
    share_of_solutions: float | None
    n_cells: int
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
    pair, solutions, events = _sides(system, place, banks, settings, wanted, on_progress)
    found = _search(pair, wanted, on_progress, n_best=wanted.n_best)
    second = _Second(system, place, settings, wanted, on_progress, is_rare=events is not None)
    top = tuple(second.ranked(each, pair, found.gap) for each in found.best)
    best, given = top[0], bool(system.apis[place].sets)
    return SystemSearch(
        system=second.with_apis(best.apis),
        best=best,
        entropy=second.entropy(best.apis),
        upper_bound=pair.log_volume(found.limit),
        optimistic_bound=None if events else _optimistic(system, place, banks, wanted, on_progress),
        spectral_bound=None
        if solutions.spectral_limit is None
        else pair.log_volume(solutions.spectral_limit),
        solutions=solutions,
        events=events,
        share_of_solutions=second.share(best.apis)
        if events is None
        else found.best[0].product / solutions.weight,
        n_cells=found.n_cells,
        top=top,
        runners_up=() if events else tuple(_runners_up(pair, found, second, wanted, on_progress)),
        given=second.entropy(()) if given else None,
        given_in_sample=pair.admit(sets_at(system, place)) if given else None,
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


def _sides(
    system: System,
    place: int,
    banks: tuple[SweptBank, ...],
    settings: Settings,
    wanted: Wanted,
    on_progress: Progress,
) -> tuple[Pair, Solutions, tuple[LogVolume, LogVolume] | None]:
    """Return what is searched in: the banks, or where almost nothing works, θ drawn for it."""
    pair = plain_pair(system, place, banks, Reading.SAFE, wanted.grid)
    solutions = count_solutions(pair.images, pair.preimages)
    if is_rare(solutions, banks):
        pair, events = relaxed_pair(system, place, settings, wanted.grid, on_progress)
        return pair, count_solutions(pair.images, pair.preimages), events
    if not solutions.weight:
        raise InputError(
            f"{system.path.name}: of the {solutions.n_senders} by {solutions.n_takers} θ of the "
            f"components' finite priors no two work from {system.apis[0].name!r} to "
            f"{system.apis[-1].name!r}: there is nothing to search for; widen the sets of the last, or "
            "give other grids"
        )
    return pair, solutions, None


def _optimistic(
    system: System,
    place: int,
    banks: tuple[SweptBank, ...],
    wanted: Wanted,
    on_progress: Progress,
) -> float:
    pair = plain_pair(system, place, banks, Reading.OPTIMISTIC, None)
    return pair.log_volume(_search(pair, wanted, on_progress).limit)


def _search(
    pair: Pair,
    wanted: Wanted,
    on_progress: Progress,
    shapes: Sequence[Shape] | None = None,
    n_best: int = 1,
) -> Optimum:
    what = "search" if shapes is None else "search, " + ", ".join(map(name_of, shapes))
    seconds = wanted.max_seconds
    return search(
        pair.images,
        pair.preimages,
        wanted.max_intervals,
        n_best=n_best,
        shapes=shapes,
        max_seconds=seconds if shapes is None else min(seconds, _RUNNER_UP_SECONDS),
        on_progress=lambda n_cells, _best, _limit: on_progress(what, n_cells, 0),
    )


def _runners_up(
    pair: Pair, found: Optimum, second: "_Second", wanted: Wanted, on_progress: Progress
) -> Iterator[Ranked]:
    """Yield the best APIs of kinds other than that of the best, best first."""
    shapes = shapes_of(len(pair.images.low), wanted.max_intervals)
    others = [shape for shape in shapes if shape != found.best[0].shape][:_MOST_RUNNERS_UP]
    optima = [_search(pair, wanted, on_progress, [shape]) for shape in others]
    some = [optimum for optimum in optima if optimum.best]
    for optimum in sorted(some, key=lambda each: -each.best[0].product):
        for candidate in optimum.best:
            yield second.ranked(candidate, pair, optimum.gap)


class _Second:
    """The second banks, which had no part in the choice."""

    def __init__(
        self,
        system: System,
        place: int,
        settings: Settings,
        wanted: Wanted,
        on_progress: Progress,
        *,
        is_rare: bool,
    ) -> None:
        self._system, self._place, self._wanted = system, place, wanted
        self._settings = replace(settings, seed=settings.seed + SECOND)
        self._on_progress = on_progress
        self._banks = None if is_rare else sweep_system(system, self._settings, on_progress)

    def with_apis(self, apis: Sequence[Api]) -> System:
        """Return the system with some of its APIs replaced by those of their names."""
        new = {api.name: api for api in apis}
        return replace(
            self._system, apis=tuple(new.get(api.name, api) for api in self._system.apis)
        )

    def entropy(self, apis: Sequence[Api]) -> SystemEntropy:
        """Return the log volumes with some APIs, for all voltages."""
        return entropy_system(self.with_apis(apis), self._settings, self._on_progress)

    def ranked(self, candidate: Candidate, pair: Pair, gap: float) -> Ranked:
        """Return an API with its log volumes; its edges have few digits, or lie on the grid."""
        on_a_grid = self._wanted.grid is not None
        sets = candidate.tight if on_a_grid else simplified(candidate.tight, candidate.wide)
        api = api_of(self._system.apis[self._place].name, sets, self._system.logical_values)
        kind, in_sample = name_of(candidate.shape), pair.log_volume(candidate.product)
        return Ranked((api,), kind, in_sample, self._held_out(api), gap)

    def _held_out(self, api: Api) -> LogVolume:
        if self._banks is None:
            return self.entropy([api]).total
        return grid_volume(self.with_apis([api]), self._banks, self._settings.confidence)

    def share(self, apis: Sequence[Api]) -> float | None:
        """Return the share that an API admits of the pairs that work end to end; None without any."""
        assert self._banks is not None  # noqa: S101 (only asked where there are banks)
        pair = plain_pair(self._system, self._place, self._banks, Reading.SAFE, None)
        solutions = count_solutions(pair.images, pair.preimages)
        if not solutions.weight:
            return None
        admitted = pair.admit(sets_at(self.with_apis(apis), self._place))
        pairs = solutions.n_senders * solutions.n_takers
        return math.exp(admitted - math.log(solutions.weight / pairs))
