"""Training → the JSON answer that machines read."""

from typing import Any

import numpy as np

import spicebuf
from spicebuf.check import Floats, Verdict
from spicebuf.entropy import Counts, from_sample
from spicebuf.system import System
from spicebuf.workflow.answers import finite, log_volume_answer
from spicebuf.workflow.trainings import SystemTraining

_LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


def train_answer(
    system: System, result: SystemTraining, seed: int, confidence: float
) -> dict[str, Any]:
    """Answer of `train`; losses are medians over runs, in the unit of the loss."""
    training, runs = result.training, result.runs
    n_by_verdict = np.bincount(result.verdict, minlength=len(Verdict))
    steps = [run.first_success for run in runs if run.first_success is not None]
    lucky = result.lucky
    return {
        "version": spicebuf.__version__,
        "seed": seed,
        "system": system.path.name,
        "units": {"loss": training.loss.unit, "log_volume": "nat"},
        "name": training.name,
        "optimizer": training.options.optimizer,
        **training.options.figures,
        "objective": training.loss.value,
        "stop": training.stop.value,
        "n_runs": len(runs),
        "n_succeeded": int(result.succeeded.sum()),
        "success_rate": share_answer(int(result.succeeded.sum()), len(runs), confidence),
        "n_lucky": int(lucky.sum()),
        "n_succeeded_without_lucky": int((result.succeeded & ~lucky).sum()),
        "n_ever_succeeded": len(steps),
        "n_stopped_by_points": sum(run.works for run in runs) - int(result.succeeded.sum()),
        "n_by_verdict": {each.word: int(n_by_verdict[each]) for each in Verdict},
        "n_steps": training.n_steps,
        "n_inputs": training.n_inputs,
        "steps_to_success": _quantiles(np.array(steps, dtype=np.float64)),
        "loss": {
            "first": _median([run.loss[0] for run in runs]),
            "last": _median([run.loss[-1] for run in runs]),
        },
        "n_evaluations": sum(run.n_evaluations for run in runs),
        "n_unsimulated": sum(run.n_failed for run in runs),
        "n_held_runs": sum(run.n_held > 0 for run in runs),
        "n_held_steps": sum(run.n_held for run in runs),
        "n_simulated": result.n_simulated,
        "rejection": log_volume_answer(result.rejection, "nat"),
        "parameters": list(result.chain.priors),
        "paths": str(result.paths),
    }


def share_answer(n_of_them: int, n: int, confidence: float) -> list[float]:
    """Return a share and the ends of its exact binomial interval (Clopper & Pearson, 1934)."""
    limits = from_sample(Counts(n, n_of_them), confidence, 0).interval
    return [n_of_them / n, *(float(np.exp(limit)) for limit in limits)]


def _quantiles(values: Floats) -> dict[str, float] | None:
    if not len(values):
        return None
    found = np.quantile(values, _LEVELS, method="inverted_cdf")
    return {f"{level:g}": float(value) for level, value in zip(_LEVELS, found, strict=True)}


def _median(losses: list[float]) -> float | None:
    known = [loss for loss in losses if np.isfinite(loss)]
    return finite(float(np.median(known))) if known else None
