"""Banks → the APIs of greatest log volume, with a proof, and their log volumes on other banks."""

import math
import re

from spicebuf.errors import InputError
from spicebuf.images import Reading
from spicebuf.search import count_solutions, shapes_of
from spicebuf.system import System
from spicebuf.workflow.banks import require_sources, sweep_system
from spicebuf.workflow.chain_quest import ChainQuest
from spicebuf.workflow.end_to_end import end_to_end
from spicebuf.workflow.findings import Ranked, SystemSearch, Wanted
from spicebuf.workflow.held_out import HeldOut, hold_out
from spicebuf.workflow.pair_quest import PairQuest
from spicebuf.workflow.readings import in_memory
from spicebuf.workflow.settings import Progress, Settings, silent
from spicebuf.workflow.sides import plain_pair, sets_at

_PAIR = 2


def search_system(
    system: System, settings: Settings, wanted: Wanted, on_progress: Progress = silent
) -> SystemSearch:
    """Find the APIs between components that most θ admit.

    The search sees the points of one set of banks. What it finds is estimated on another, which had no
    part in the choice, and there for all voltages (see `entropy_system`). Where too few θ work, the
    search sees θ that were drawn by splitting from events of known volume.

    Raises as `sweep_system` does, and InputError if an outer API is free, there is nothing to search, or
    no θ are found that work end to end.
    """
    places = free_places(system)
    _require_fitting(system, wanted)
    require_sources(system, settings)
    banks = sweep_system(system, settings, on_progress)
    held_out = hold_out(system, settings, on_progress)
    if len(banks) == _PAIR:
        finding = PairQuest(system, banks, settings, wanted, held_out, on_progress).finding()
    else:
        quest = ChainQuest(system, places, banks, settings.seed, wanted, held_out, on_progress)
        finding = quest.finding()
    apis = finding.top[0].apis
    is_given = wanted.runners_up and all(system.apis[place].sets for place in places)
    entropy = held_out.entropy(apis)
    return SystemSearch(
        system=held_out.with_apis(apis),
        finding=finding,
        entropy=entropy,
        share_of_solutions=_share(finding.top[0], held_out),
        given=held_out.entropy(()) if is_given else None,
        banks=banks,
        second=held_out.banks,
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


def _require_fitting(system: System, wanted: Wanted) -> None:
    """Raise InputError if what is wanted cannot be had of the system, before anything is simulated."""
    n_logical = len(system.logical_values)
    shapes_of(n_logical, wanted.max_intervals)
    only_of_two = wanted.landscape or wanted.lattice or wanted.grid or wanted.n_best > 1
    if only_of_two and len(system.components) > _PAIR:
        raise InputError(
            f"{system.path.name} has {len(system.components)} components; a landscape, a lattice, --grid "
            "and --top are of the API between two"
        )
    if wanted.lattice and n_logical > _PAIR:
        raise InputError(f"a lattice is of two logical values; {system.path.name} has {n_logical}")
    if wanted.grid is not None and wanted.grid > system.vdd:
        raise InputError(f"grid = {wanted.grid:g} V must be at most the supply, {system.vdd:g} V")
    for edge in wanted.landscape or ():
        if not any(_names(logic, edge) for logic in system.logical_values):
            logic = system.logical_values[0]
            raise InputError(
                f"landscape: {edge!r} is no edge; name a logical value, one of "
                f"{', '.join(system.logical_values)}, and a side, such as {logic}.low or {logic}.2.high"
            )


def _names(logic: str, edge: str) -> bool:
    """Tell whether a text names an edge of an interval of a logical value."""
    return re.fullmatch(re.escape(logic) + r"(\.[1-9]\d*)?\.(low|high)", edge) is not None


def _share(best: Ranked, held_out: HeldOut) -> float | None:
    """Return the share of what works end to end that APIs admit, by points; None if none works."""
    system, banks = held_out.with_apis(best.apis), held_out.banks
    if len(banks) == _PAIR:
        pair = plain_pair(system, 1, banks, Reading.SAFE, None)
        solutions = count_solutions(pair.images, pair.preimages)
        n_solutions, admitted = round(solutions.weight), pair.admit(sets_at(system, 1))
        n_tuples = solutions.n_senders * solutions.n_takers
    else:
        n_solutions, n_tuples = end_to_end(system, [in_memory(swept) for swept in banks])
        admitted = best.held_out.value
    return min(1.0, math.exp(admitted) * n_tuples / n_solutions) if n_solutions else None
