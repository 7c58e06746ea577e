"""Searches → the JSON answers that machines read."""

from typing import Any

import spicebuf
from spicebuf.api import Api
from spicebuf.entropy import UNITS
from spicebuf.system import System
from spicebuf.workflow.answers import entropy_answer, finite, log_volume_answer
from spicebuf.workflow.findings import Certificate, Finding, Ranked, SystemSearch
from spicebuf.workflow.held_out import SECOND


def search_answer(
    system: System, result: SystemSearch, seed: int, unit: str = "nat"
) -> dict[str, Any]:
    """Answer of `search`; log volumes in `unit`, voltages in volts."""
    scale, finding = UNITS[unit], result.finding
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
        **_certificate(finding.certificate, scale),
        "optimistic_bound": _scaled(finding.optimistic_bound, scale),
        "spectral_bound": _scaled(finding.spectral_bound, scale),
        "share_of_solutions": result.share_of_solutions,
        "n_solutions": finding.n_solutions,
        "n_tuples": finding.n_tuples,
        "drawn": _drawn(finding, unit),
        "components": entropy["components"],
        "top": [_ranked(each, unit) for each in finding.top],
        "runners_up": [_ranked(each, unit) for each in finding.runners_up],
        "given": _given(system, result, seed, unit),
    }


def _certificate(found: Certificate, scale: float) -> dict[str, Any]:
    return {
        "log_volume_in_sample": finite(found.in_sample / scale),
        "upper_bound": finite(found.upper_bound / scale),
        "gap": finite(found.gap / scale),
        "basis": found.basis,
        "n_steps": found.n_steps,
    }


def _drawn(finding: Finding, unit: str) -> dict[str, Any] | None:
    """Tell how the θ of the search were drawn, if not from the prior, and what was known without."""
    drawn = finding.certificate.drawn
    if drawn is None:
        return None
    return {
        "events": [log_volume_answer(event, unit) for event in drawn.events],
        "inner": drawn.inner,
        "outer": drawn.outer,
        "everywhere": _certificate(finding.everywhere, UNITS[unit]),
    }


def _given(system: System, result: SystemSearch, seed: int, unit: str) -> dict[str, Any] | None:
    if result.given is None:
        return None
    names = {api.name for api in result.best.apis}
    entropy = entropy_answer(system, result.given, seed + SECOND, unit)
    return {
        "apis": [_api(api) for api in system.apis if api.name in names],
        **log_volume_answer(result.given.total, unit),
        "log_volume_in_sample": _scaled(result.finding.given_in_sample, UNITS[unit]),
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
