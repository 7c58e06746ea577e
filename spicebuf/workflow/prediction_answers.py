"""Predictions → the JSON answer that machines read."""

import math
from typing import Any

import spicebuf
from spicebuf.prediction import Estimate, Summary
from spicebuf.system import System
from spicebuf.workflow.answers import finite, log_volume_answer
from spicebuf.workflow.predictions import Arm, Population, SystemPrediction
from spicebuf.workflow.training_answers import train_answer


def predict_answer(system: System, result: SystemPrediction, seed: int) -> dict[str, Any]:
    """Answer of `predict`; log volumes and distances from the greatest in nats.

    Estimates are lists of a value and the two ends of its interval; None where there is no number.
    """
    plan, best = result.plan, result.search.best.apis
    claim, greatest = plan.claim, result.search.entropy.total
    return {
        "version": spicebuf.__version__,
        "seed": seed,
        "system": system.path.name,
        "units": {"log_volume": "nat", "delta": "nat", "voltage": "V"},
        "plan": {"file": plan.path.name, "sha256": plan.digest},
        "claim": {"near": claim.near, "share": claim.share, "nulls": list(claim.nulls)},
        "verdict": result.verdict.word,
        "reason": result.verdict.reason,
        "best_api": {
            api.name: {logic: str(sets) for logic, sets in api.sets.items()} for api in best
        },
        "log_volume_max": finite(greatest.value),
        "log_volume_max_interval": [finite(limit) for limit in greatest.interval],
        "log_volume_max_by_points": finite(result.measure.greatest),
        "confidence": claim.confidence,
        "rejection": log_volume_answer(result.arms[0].training.rejection, "nat"),
        "n_working_pairs": result.n_pairs,
        "n_compared_pairs": result.n_compared,
        "bayes": _population(result.bayes),
        "nulls": [_population(null) for null in result.nulls],
        "shuffled_pairs_that_work": result.shuffled,
        "arms": [_arm(system, arm, seed, claim.confidence) for arm in result.arms],
    }


def _arm(system: System, arm: Arm, seed: int, confidence: float) -> dict[str, Any]:
    trained = train_answer(system, arm.training, seed, confidence)
    kept = (
        "n_runs",
        "n_succeeded",
        "success_rate",
        "n_lucky",
        "n_stopped_by_points",
        "n_by_verdict",
        "n_steps",
        "steps_to_success",
        "loss",
        "n_evaluations",
        "n_unsimulated",
        "n_held_runs",
        "n_simulated",
        "paths",
    )
    return {
        **_population(arm.population),
        "verdict": arm.verdict.word,
        "reason": arm.verdict.reason,
        "log_share_over_bayes": _estimate(arm.log_ratio),
        "without_lucky_starts": _summary(arm.without_lucky),
        **{key: trained[key] for key in kept},
    }


def _population(population: Population) -> dict[str, Any]:
    spread = population.spread
    parts = {
        "name": population.name,
        **_summary(population.summary),
        "share_in_best_api": _estimate(population.share_in_best),
        "slope": None,
        "slope_interval": None,
        "total_variation": None,
        "total_variation_interval": None,
        "noise_floor": None,
        "n_classes": None,
    }
    if spread is None:
        return parts
    slope, total = spread.slope, spread.total_variation
    return parts | {
        "slope": slope and finite(slope.value),
        "slope_interval": slope and [finite(slope.low), finite(slope.high)],
        "total_variation": finite(total.value),
        "total_variation_interval": [finite(total.low), finite(total.high)],
        "noise_floor": {"mean": finite(spread.noise_mean), "high": finite(spread.noise_high)},
        "n_classes": {
            "bayes": spread.n_classes,
            "seen": spread.n_seen,
            "n_elsewhere": spread.n_new,
        },
    }


def _summary(summary: Summary) -> dict[str, Any]:
    return {
        "n": summary.n,
        "n_unplaced": summary.n_unplaced,
        "n_open": summary.n_open,
        "share_near": _estimate(summary.share_near),
        "share_in_best_api": _estimate(summary.share_in_best),
        "delta_median": _estimate(summary.delta_median),
        "delta_median_tight": _estimate(summary.tight_median),
        "delta_median_wide": _estimate(summary.wide_median),
    }


def _estimate(estimate: Estimate) -> list[float | None]:
    ends = (estimate.value, estimate.low, estimate.high)
    return [None if math.isnan(end) else finite(end) for end in ends]
