"""Searches → the JSON answers that machines read."""

from typing import Any

import spicebuf
from spicebuf.api import Api
from spicebuf.entropy import UNITS
from spicebuf.search import Landscape, Lattice
from spicebuf.system import System
from spicebuf.workflow.answers import entropy_answer, finite, log_volume_answer
from spicebuf.workflow.findings import Certificate, Finding, Ranked, SystemSearch
from spicebuf.workflow.held_out import SECOND

_LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


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
        "is_top_complete": finding.is_top_complete,
        "missing": dict(finding.missing),
        "runners_up": [_ranked(each, unit) for each in finding.runners_up],
        "given": _given(system, result, seed, unit),
        "landscape": finding.landscape and _landscape(finding.landscape, scale),
        "lattice": finding.lattice and _lattice(finding.lattice, scale),
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
        "nearby": _certificate(finding.certificate, UNITS[unit]),
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


def _landscape(found: Landscape, scale: float) -> dict[str, Any]:
    """Answer about the greatest log volume over two edges; rows follow the first edge."""
    return {
        "pattern": list(found.pattern),
        "edges": [
            {
                "label": edge.label,
                "interval": edge.number,
                "side": "high" if edge.is_upper else "low",
            }
            for edge in found.edges
        ],
        "axes": [axis.tolist() for axis in found.axes],
        "log_volume": [
            [finite(value / scale) for value in row] for row in found.log_volume.tolist()
        ],
    }


def _lattice(found: Lattice, scale: float) -> dict[str, Any]:
    """Answer about all closed APIs of a grid."""
    return {
        "n_closed": found.n_closed,
        "n_edges": found.n_edges,
        "effective_number": found.effective_number,
        "n_within": {str(nats): found.n_within(nats) for nats in (0.1, 0.5, 1.0, 2.0)},
        "log_volume_quantiles": {
            str(level): finite(value / scale)
            for level, value in zip(_LEVELS, found.quantiles(_LEVELS).tolist(), strict=True)
        }
        if found.n_closed
        else {},
    }


def _ranked(ranked: Ranked, unit: str) -> dict[str, Any]:
    scale = UNITS[unit]
    return {
        "kind": ranked.kind,
        "apis": [_api(api) for api in ranked.apis],
        **log_volume_answer(ranked.held_out, unit),
        "log_volume_in_sample": finite(ranked.in_sample / scale),
        "n_satisfied": [counts.n_satisfied for counts in ranked.held_out.counts],
        "gap": _scaled(ranked.gap, scale),
    }


def _api(api: Api) -> dict[str, Any]:
    return {"name": api.name, "sets": {logic: str(each) for logic, each in api.sets.items()}}


def _scaled(value: float | None, scale: float) -> float | None:
    return None if value is None else finite(value / scale)
