"""Banks → the APIs of greatest log volume, with a proof, and their log volumes on other banks."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from spicebuf.api import Api
from spicebuf.entropy import LogVolume, clopper_pearson, log_of
from spicebuf.errors import InputError
from spicebuf.images import Reading, api_of, sets_of
from spicebuf.search import (
    Candidate,
    Images,
    Optimum,
    Preimages,
    Sets,
    Shape,
    Solutions,
    count_solutions,
    name_of,
    on_grid,
    search,
    shapes_of,
    simplified,
)
from spicebuf.system import System
from spicebuf.workflow.banks import SweptBank, sweep_system
from spicebuf.workflow.entropies import SystemEntropy, entropy_system, grid_volume
from spicebuf.workflow.readings import even_link
from spicebuf.workflow.settings import Progress, Settings, require_between, silent

SECOND = 1_000_000
"""What the seed of the second banks is above that of the first."""

_ONE_SIDED = 0.05
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
    optimistic_bound : float
        The same, with all that the points of the curves leave open in favour of the APIs.
    spectral_bound : float or None
        Another such bound, from all pairs of θ at once; None where there were too many to compare.
    solutions : Solutions
        Pairs of θ of the first banks that work end to end.
    share_of_solutions : float
        Of those of the second banks, the share that the API admits.
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
    optimistic_bound: float
    spectral_bound: float | None
    solutions: Solutions
    share_of_solutions: float
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

    The search sees the points of one pair of banks. What it finds is estimated on another pair, which had
    no part in the choice, and there for all voltages (see `entropy_system`).

    Raises as `sweep_system` does, and InputError if an outer API is free, there is nothing to search, or
    no θ of the banks work end to end.
    """
    (place,) = free_places(system)
    banks = sweep_system(system, settings, on_progress)
    safe, optimistic = (_pair(system, place, banks, each, wanted) for each in Reading)
    solutions = count_solutions(safe.images, safe.preimages)
    if not solutions.weight:
        raise InputError(_no_solution(system, banks))
    found = _search(safe, wanted, on_progress, n_best=wanted.n_best)
    second = sweep_system(system, _second(settings), on_progress)
    held_out = _HeldOut(system, place, second, settings.confidence, wanted)
    top = tuple(held_out.ranked(each, safe, found.gap) for each in found.best)
    (api,) = top[0].apis
    chosen = _with_api(system, place, api)
    is_given = bool(system.apis[place].sets)
    return SystemSearch(
        system=chosen,
        best=top[0],
        entropy=entropy_system(chosen, _second(settings), on_progress),
        upper_bound=safe.log_volume(found.limit),
        optimistic_bound=optimistic.log_volume(_search(optimistic, wanted, on_progress).limit),
        spectral_bound=None
        if solutions.spectral_limit is None
        else safe.log_volume(solutions.spectral_limit),
        solutions=solutions,
        share_of_solutions=held_out.share(api),
        n_cells=found.n_cells,
        top=top,
        runners_up=tuple(_runners_up(safe, found, held_out, wanted, on_progress)),
        given=entropy_system(system, _second(settings), on_progress) if is_given else None,
        given_in_sample=safe.admit(_sets(system, place)) if is_given else None,
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


def _second(settings: Settings) -> Settings:
    return replace(settings, seed=settings.seed + SECOND)


def _with_api(system: System, place: int, api: Api) -> System:
    apis = (*system.apis[:place], api, *system.apis[place + 1 :])
    return replace(system, apis=apis)


def _pair(
    system: System, place: int, banks: Sequence[SweptBank], reading: Reading, wanted: Wanted
) -> Pair:
    """Return the two sides of the API at a place; the other components are counted by their own."""
    before, after = banks[place - 1], banks[place]
    images = even_link(before, reading).images(_sets(system, place - 1))
    preimages = even_link(after, reading).preimages(_sets(system, place + 1))
    if wanted.grid is not None and reading is Reading.SAFE:
        images, preimages = on_grid(images, preimages, wanted.grid)
    return Pair(images, preimages, -math.log(before.n) - math.log(after.n))


def _sets(system: System, place: int) -> Sets:
    return sets_of(system.apis[place], system.logical_values)


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
    pair: Pair, found: Optimum, held_out: "_HeldOut", wanted: Wanted, on_progress: Progress
) -> Iterator[Ranked]:
    """Yield the best APIs of kinds other than that of the best, best first."""
    shapes = shapes_of(len(pair.images.low), wanted.max_intervals)
    others = [shape for shape in shapes if shape != found.best[0].shape][:_MOST_RUNNERS_UP]
    optima = [_search(pair, wanted, on_progress, [shape]) for shape in others]
    some = [optimum for optimum in optima if optimum.best]
    for optimum in sorted(some, key=lambda each: -each.best[0].product):
        for candidate in optimum.best:
            yield held_out.ranked(candidate, pair, optimum.gap)


@dataclass(frozen=True)
class _HeldOut:
    """The second banks, which had no part in the choice."""

    system: System
    place: int
    banks: tuple[SweptBank, ...]
    confidence: float
    wanted: Wanted

    def ranked(self, candidate: Candidate, pair: Pair, gap: float) -> Ranked:
        """Return an API with its log volumes; its edges have few digits, or lie on the grid."""
        on_a_grid = self.wanted.grid is not None
        sets = candidate.tight if on_a_grid else simplified(candidate.tight, candidate.wide)
        name = self.system.apis[self.place].name
        api = api_of(name, sets, self.system.logical_values)
        return Ranked(
            apis=(api,),
            kind=name_of(candidate.shape),
            in_sample=pair.log_volume(candidate.product),
            held_out=grid_volume(
                _with_api(self.system, self.place, api), self.banks, self.confidence
            ),
            gap=gap,
        )

    def share(self, api: Api) -> float:
        """Return the share that an API admits of the pairs that work end to end; NaN without any."""
        pair = _pair(self.system, self.place, self.banks, Reading.SAFE, Wanted())
        solutions = count_solutions(pair.images, pair.preimages)
        if not solutions.weight:
            return math.nan
        pairs = solutions.n_senders * solutions.n_takers
        admitted = pair.admit(sets_of(api, self.system.logical_values))
        return math.exp(admitted - math.log(solutions.weight / pairs))


def _no_solution(system: System, banks: Sequence[SweptBank]) -> str:
    """Say that nothing works end to end, how rare that may be, and what to do."""
    n = min(swept.n for swept in banks)
    _, most = clopper_pearson(0, n, _ONE_SIDED)
    first, last = system.apis[0].name, system.apis[-1].name
    return (
        f"{system.path.name}: none of {n} independent draws of all components, nor any other combination "
        f"of their θ, works from {first!r} to {last!r}: at most {most:.2g} of the prior does (95 %), a "
        f"log volume of {math.log(most):.2f} nat; widen the sets of {last!r}, narrow those of {first!r}, "
        "or take other priors or more --samples"
    )
