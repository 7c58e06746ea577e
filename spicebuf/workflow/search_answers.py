"""Searches → the JSON answers that machines read."""

from typing import Any

import spicebuf
from spicebuf.api import Api
from spicebuf.entropy import UNITS
from spicebuf.system import System
from spicebuf.workflow.answers import entropy_answer, finite, log_volume_answer
from spicebuf.workflow.searches import SECOND, Ranked, SystemSearch


def search_answer(
    system: System, result: SystemSearch, seed: int, unit: str = "nat"
) -> dict[str, Any]:
    """Answer of `search`; log volumes in `unit`, voltages in volts."""
    scale = UNITS[unit]
    entropy = entropy_answer(result.system, result.entropy, seed + SECOND, unit)
    return {
        "version": spicebuf.__version__,
        "seed": seed,
        "seed_of_second_banks": seed + SECOND,
        "system": system.path.name,
        "units": {"log_volume": unit, "voltage": "V"},
        "apis": [_api(api) for api in result.system.apis],
        "searched": [api.name for api in result.best.apis],
        "kind": result.best.kind,
        **log_volume_answer(result.entropy.total, unit),
        "log_volume_in_sample": finite(result.best.in_sample / scale),
        "upper_bound": finite(result.found.upper_bound / scale),
        "gap": finite(result.best.gap / scale),
        "optimistic_bound": _scaled(result.optimistic_bound, scale),
        "spectral_bound": _spectral(result, scale),
        "share_of_solutions": _scaled(result.share_of_solutions, 1.0),
        "n_solutions": round(result.solutions.weight),
        "n_pairs": result.solutions.n_senders * result.solutions.n_takers,
        "n_cells": result.found.optimum.n_cells,
        "drawn": _drawn(result, unit),
        "components": entropy["components"],
        "top": [_ranked(each, unit) for each in result.top],
        "runners_up": [_ranked(each, unit) for each in result.runners_up],
        "given": _given(system, result, seed, unit),
    }


def _spectral(result: SystemSearch, scale: float) -> float | None:
    """Return the bound from all pairs of θ at once, of the first search if that was in the banks."""
    limit, first = result.solutions.spectral_limit, result.everywhere
    if limit is None or first.drawn is not None:
        return None
    return finite(first.pair.log_volume(limit) / scale)


def _drawn(result: SystemSearch, unit: str) -> dict[str, Any] | None:
    """Tell how the θ of the search were drawn, if not from the prior, and what was known without."""
    drawn, scale, first = result.found.drawn, UNITS[unit], result.everywhere
    if drawn is None:
        return None
    return {
        "events": [log_volume_answer(event, unit) for event in drawn.events],
        "inner": drawn.inner,
        "outer": drawn.outer,
        "everywhere": {
            "log_volume_in_sample": finite(first.in_sample / scale),
            "upper_bound": finite(first.upper_bound / scale),
            "gap": finite(first.optimum.gap / scale),
        },
    }


def _given(system: System, result: SystemSearch, seed: int, unit: str) -> dict[str, Any] | None:
    if result.given is None:
        return None
    names = {api.name for api in result.best.apis}
    entropy = entropy_answer(system, result.given, seed + SECOND, unit)
    return {
        "apis": [_api(api) for api in system.apis if api.name in names],
        **log_volume_answer(result.given.total, unit),
        "log_volume_in_sample": _scaled(result.given_in_sample, UNITS[unit]),
        "components": entropy["components"],
    }


def _ranked(ranked: Ranked, unit: str) -> dict[str, Any]:
    scale = UNITS[unit]
    return {
        "kind": ranked.kind,
        "apis": [_api(api) for api in ranked.apis],
        **log_volume_answer(ranked.held_out, unit),
        "log_volume_in_sample": finite(ranked.in_sample / scale),
        "gap": finite(ranked.gap / scale),
    }


def _api(api: Api) -> dict[str, Any]:
    return {"name": api.name, "sets": {logic: str(each) for logic, each in api.sets.items()}}


def _scaled(value: float | None, scale: float) -> float | None:
    return None if value is None else finite(value / scale)
