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
        "upper_bound": finite(result.upper_bound / scale),
        "gap": finite(result.best.gap / scale),
        "optimistic_bound": _scaled(result.optimistic_bound, scale),
        "spectral_bound": _scaled(result.spectral_bound, scale),
        "share_of_solutions": _scaled(result.share_of_solutions, 1.0),
        "n_solutions": round(result.solutions.weight),
        "n_pairs": result.solutions.n_senders * result.solutions.n_takers,
        "n_cells": result.n_cells,
        "drawn_from": None
        if result.events is None
        else [log_volume_answer(event, unit) for event in result.events],
        "components": entropy["components"],
        "top": [_ranked(each, unit) for each in result.top],
        "runners_up": [_ranked(each, unit) for each in result.runners_up],
        "given": _given(system, result, seed, unit),
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
