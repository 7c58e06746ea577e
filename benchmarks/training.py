"""How gradients are best taken, and what a training run costs.

Trains the chain of examples/seed.toml by Adam with the hinge loss until it works, with gradients by
forward differences along every axis, along random directions, and by central differences. Each way has
the same starts. Writes nothing; banks and journals go to a temporary folder.

Usage: python benchmarks/training.py [--runs 100] [--workers 2]
"""

import argparse
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from spicebuf.system import load_system
from spicebuf.training import Options
from spicebuf.workflow import Settings, SystemTraining, Training, train_system

SYSTEM = Path(__file__).resolve().parent.parent / "examples" / "seed.toml"
WAYS: Mapping[str, Mapping[str, Any]] = {
    "every axis, forward": {},
    "every axis, central": {"central": True},
    "10 directions": {"n_directions": 10},
    "5 directions": {"n_directions": 5},
    "2 directions": {"n_directions": 2},
    "step 1e-2": {"difference_step": 1e-2},
    "learning rate 0.01": {"learning_rate": 0.01},
    "learning rate 0.1": {"learning_rate": 0.1},
}


def main() -> None:
    """Run as a script."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    print(f"{'':22}{'succeeded':>10}{'steps':>7}{'losses':>9}{'losses a run':>14}{'µs a loss':>11}")
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(banks=Path(folder), n_workers=given.workers)
        measured(settings, Training(Options("rejection"), n_runs=2))
        for name, figures in WAYS.items():
            training = Training(Options("adam", **figures), n_runs=given.runs)
            result, seconds = measured(settings, training)
            print(f"{name:22}{row(result, seconds)}", flush=True)


def measured(settings: Settings, training: Training) -> tuple[SystemTraining, float]:
    """Train, and return the seconds that it took; the stage before the runs is in the journal."""
    started = time.perf_counter()
    result = train_system(load_system(SYSTEM), settings, training)
    return result, time.perf_counter() - started


def row(result: SystemTraining, seconds: float) -> str:
    """Return what a way of taking gradients cost and gave."""
    steps = [run.first_success for run in result.runs if run.first_success is not None]
    n_losses = sum(run.n_evaluations for run in result.runs)
    succeeded = f"{result.succeeded.sum()}/{len(result.runs)}"
    return (
        f"{succeeded:>10}{np.median(steps):7.0f}{n_losses:9}{n_losses / len(result.runs):14.0f}"
        f"{1e6 * seconds / n_losses:11.0f}"
    )


if __name__ == "__main__":
    main()
