"""Banks → the APIs of greatest log volume, with a proof, and their log volumes on other banks."""

import math
import re

from spicebuf.errors import InputError
from spicebuf.system import System
from spicebuf.workflow.banks import require_sources, sweep_system
from spicebuf.workflow.chain_quest import ChainQuest
from spicebuf.workflow.end_to_end import end_to_end
from spicebuf.workflow.findings import SystemSearch, Wanted
from spicebuf.workflow.held_out import HeldOut, hold_out
from spicebuf.workflow.pair_quest import PairQuest
from spicebuf.workflow.settings import Progress, Settings, silent

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
    if (wanted.landscape or wanted.lattice or wanted.n_best > 1) and len(system.components) > _PAIR:
        raise InputError(
            f"{system.path.name} has {len(system.components)} components; a landscape, a lattice and "
            "--top are of the API between two"
        )
    require_sources(system, settings)
    banks = sweep_system(system, settings, on_progress)
    held_out = hold_out(system, settings, on_progress)
    if len(banks) == _PAIR:
        finding = PairQuest(system, banks, settings, wanted, held_out, on_progress).finding()
    else:
        quest = ChainQuest(system, places, banks, settings.seed, wanted, held_out, on_progress)
        finding = quest.finding()
    apis = finding.top[0].apis
    is_given = all(system.apis[place].sets for place in places)
    entropy = held_out.entropy(apis)
    return SystemSearch(
        system=held_out.with_apis(apis),
        finding=finding,
        entropy=entropy,
        share_of_solutions=_share(entropy.total.value, held_out),
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
    """Raise InputError if a grid or an edge cannot belong to the system."""
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


def _share(log_volume: float, held_out: HeldOut) -> float | None:
    """Return what a log volume is of the volume of all that works end to end; None if none does."""
    n_solutions, n_tuples = end_to_end(held_out.system, held_out.banks)
    return min(1.0, math.exp(log_volume) * n_tuples / n_solutions) if n_solutions else None
