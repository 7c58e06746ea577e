"""Results → the JSON answers that machines read."""

import math
from typing import Any

import spicebuf
from spicebuf.entropy import UNITS, Coefficient, LogVolume, SecondOpinion
from spicebuf.system import System
from spicebuf.workflow.banks import SweptBank, Unsimulated
from spicebuf.workflow.checks import ComponentCheck, SystemCheck
from spicebuf.workflow.discretisation import Discretisation
from spicebuf.workflow.entropies import SystemEntropy
from spicebuf.workflow.profiles import MARGIN, SQUARED, ComponentProfile, SystemProfile

LOSS_UNITS = {MARGIN: "V", SQUARED: "V²"}


def check_answer(system: System, result: SystemCheck) -> dict[str, Any]:
    """Answer of `check`; voltages in volts."""
    return {
        "version": spicebuf.__version__,
        "seed": None,
        "system": system.path.name,
        "satisfied": result.satisfied,
        "restoring": result.restoring,
        "noise_margins": {name: finite(v) for name, v in result.noise_margins.items()},
        "units": {"voltage": "V"},
        "components": [_component_check(part) for part in result.components],
    }


def sweep_answer(system: System, banks: tuple[SweptBank, ...], seed: int) -> dict[str, Any]:
    """Answer of `sweep`."""
    return {
        "version": spicebuf.__version__,
        "seed": seed,
        "system": system.path.name,
        "components": [_bank(swept) for swept in banks],
    }


def entropy_answer(
    system: System, result: SystemEntropy, seed: int, unit: str = "nat"
) -> dict[str, Any]:
    """Answer of `entropy`; log volumes in `unit`, −inf written as None."""
    components = [
        {
            "name": component.name,
            **log_volume_answer(part, unit),
            **_counts(part),
            "effective_sample_size": part.effective,
            "splitting": _splitting(part, unit),
            "discretisation": _discretisation(between, unit),
        }
        for component, part, between in zip(
            system.components, result.components, result.discretisations, strict=True
        )
    ]
    return {
        "version": spicebuf.__version__,
        "seed": seed,
        "system": system.path.name,
        "drawn_from": None if result.drawn_from is None else result.drawn_from.path.name,
        "units": {"log_volume": unit, "log_count": unit},
        **log_volume_answer(result.total, unit),
        "n_simulated": result.n_simulated,
        "components": components,
        "unsimulated": {
            swept.component.name: [_unsimulated(item) for item in swept.unsimulated]
            for swept in result.banks
            if swept.unsimulated
        },
    }


def profile_answer(
    system: System, result: SystemProfile, seed: int, unit: str = "nat"
) -> dict[str, Any]:
    """Answer of `entropy --profile`; log volumes in `unit`, slopes in nats of V by nats of ε."""
    return {
        "version": spicebuf.__version__,
        "seed": seed,
        "system": system.path.name,
        "units": {"log_volume": unit, "epsilon": LOSS_UNITS[result.loss]},
        "loss": result.loss,
        "n_simulated": result.n_simulated,
        "components": [_profile(part, UNITS[unit]) for part in result.components],
    }


def finite(value: float | None) -> float | None:
    """Return the value, or None where JSON has no number for it."""
    return value if value is not None and math.isfinite(value) else None


def _profile(part: ComponentProfile, scale: float) -> dict[str, Any]:
    found = part.profile
    fit = found.logarithm
    return {
        "name": part.name,
        "least_loss": part.least,
        "epsilon": found.epsilon.tolist(),
        "log_volume": [finite(value / scale) for value in found.log_volume.tolist()],
        "interval": [
            [finite(limit / scale) for limit in limits] for limits in found.interval.tolist()
        ],
        "confidence": found.confidence,
        "slopes": [_coefficient(each) for each in found.slope],
        "learning_coefficient": found.learning and _coefficient(found.learning),
        "steady": found.steady,
        "with_logarithm": fit
        and {
            "multiplicity": _coefficient(fit.multiplicity),
            "learning_coefficient": _coefficient(fit.slope),
        },
        "n_runs": found.n_runs,
        "seed": found.seed,
        "n_samples": found.counts.n_samples,
        "n_unsimulated": found.counts.n_unsimulated,
        "warnings": list(found.warnings),
    }


def _coefficient(found: Coefficient) -> dict[str, Any]:
    return {"value": finite(found.value), "interval": [finite(limit) for limit in found.interval]}


def _component_check(part: ComponentCheck) -> dict[str, Any]:
    witness = part.witness
    return {
        "name": part.name,
        "verdict": part.verdict.word,
        "reached": part.reached.word,
        "margin": finite(part.margin),
        "witness": None
        if witness is None
        else {
            "logic": witness.logic,
            "vin": witness.vin,
            "vout": witness.vout,
            "branch": witness.branch,
        },
        "reason": part.reason,
        "theta": dict(part.theta),
    }


def _bank(swept: SweptBank) -> dict[str, Any]:
    return {
        "name": swept.component.name,
        "bank": str(swept.bank.path),
        "n_samples": swept.n,
        "n_simulated": swept.n_simulated,
        "n_damaged_blocks": swept.n_damaged,
        "n_rerun": swept.n_rerun,
        "n_unsimulated": swept.n_unsimulated,
        "n_by_attempt": {str(attempt): n for attempt, n in swept.n_by_attempt.items()},
        "n_by_status": {status.name.lower(): n for status, n in swept.n_by_status.items()},
        "method": swept.bank.source.method,
        "batch": swept.bank.bench.batch,
        "feedback": swept.bank.bench.feedback,
        "n_points": swept.bank.bench.n_points,
        "netlist": swept.component.template.path.name,
        "netlist_sha256": swept.component.template.digest,
        "unsimulated": [_unsimulated(item) for item in swept.unsimulated],
    }


def _unsimulated(item: Unsimulated) -> dict[str, Any]:
    return {"index": item.index, "reason": item.reason, "theta": dict(item.theta)}


def log_volume_answer(volume: LogVolume, unit: str) -> dict[str, Any]:
    """Answer about one log volume, in `unit`."""
    scale = UNITS[unit]
    low, high = volume.interval
    return {
        "log_volume": finite(volume.value / scale),
        "interval": [finite(low / scale), finite(high / scale)],
        "confidence": volume.confidence,
        "method": volume.method,
        "log_count": None if volume.log_count is None else finite(volume.log_count / scale),
        "warnings": list(volume.warnings),
    }


def _splitting(part: LogVolume, unit: str) -> dict[str, Any] | None:
    if part.splitting is None:
        return None
    found, scale = part.splitting, UNITS[unit]
    return {
        "n_runs": len(found.estimates),
        "run_log_volumes": [finite(value / scale) for value in found.estimates],
        "levels": list(found.levels),
        "n_prior_draws": found.prior.n_samples,
        "n_ancestors_by_run": list(found.ancestors),
        "n_clusters": found.n_clusters,
        "n_clusters_by_run": list(found.clusters),
        "importance_sampling": _opinion(found.opinion, part.confidence, scale),
    }


def _discretisation(between: Discretisation, unit: str) -> dict[str, Any]:
    change = between.change
    return {
        "basis": between.basis,
        "max_gain": between.max_gain,
        "n_examined": between.n_examined,
        "n_changed": between.n_changed,
        "log_volume_change": None if change is None else finite(change / UNITS[unit]),
        "n_by_reach": {reach.word: n for reach, n in between.n_by_reach.items()},
    }


def _opinion(
    opinion: SecondOpinion | None, confidence: float, scale: float
) -> dict[str, Any] | None:
    if opinion is None:
        return None
    return {
        "log_volume": finite(opinion.value / scale),
        "interval": [finite(limit / scale) for limit in opinion.interval(confidence)],
        "effective_sample_size": opinion.effective,
        "doubt": opinion.doubt,
    }


def _counts(part: LogVolume) -> dict[str, Any]:
    (counts,) = part.counts
    return {
        "seed": part.seed,
        "n_samples": counts.n_samples,
        "n_satisfied": counts.n_satisfied,
        "n_borderline": counts.n_borderline,
        "n_unsimulated": counts.n_unsimulated,
    }
