"""The main job: all stages, and a run folder with the results."""

import json
import shutil
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from typing import Any

import numpy as np

from spicebuf.check import Verdict
from spicebuf.errors import InputError
from spicebuf.report import Panel, draw_panels
from spicebuf.system import System
from spicebuf.workflow.answers import check_answer, entropy_answer, sweep_answer
from spicebuf.workflow.checks import SystemCheck, check_system
from spicebuf.workflow.entropies import SystemEntropy, check_bank, entropy_system
from spicebuf.workflow.prediction_answers import predict_answer
from spicebuf.workflow.settings import Progress, Settings, silent
from spicebuf.workflow.small_test import SmallTest, small_test
from spicebuf.workflow.training_answers import train_answer

RESULTS = "results.json"
FIGURE = "curves.png"
N_RUNS = 100
"""Training runs unless another number is given."""

_DRAWN_SATISFYING = 40
_DRAWN_VIOLATING = 60


@dataclass(frozen=True)
class Run:
    """A finished run and the folder that holds it."""

    folder: Path
    check: SystemCheck
    entropy: SystemEntropy
    test: SmallTest
    answer: dict[str, Any]


def run_system(
    system: System,
    settings: Settings,
    folder: Path,
    on_progress: Progress = silent,
    unit: str = "nat",
    n_runs: int = N_RUNS,
) -> Run:
    """Check the nominal θ, fill the banks, count the log volumes, train, and write the run folder.

    The folder gets ``results.json`` (versions, seed, netlist hashes and every figure of the table),
    ``curves.png``, and copies of the system file, the templates and what they include.

    Raises as `entropy_system` and `check_system` do, and InputError if the folder holds a finished
    run already or cannot be written.
    """
    _prepare(folder)
    nominal = {component.name: component.nominal for component in system.components}
    checked = check_system(system, nominal, settings.n_points, settings.max_gain)
    entropy = entropy_system(system, settings, on_progress)
    test = small_test(system, settings, n_runs, on_progress)
    answer = _answer(system, settings, folder, checked, entropy, unit)
    answer["settings"]["n_runs"] = n_runs
    answer |= _test_answer(system, settings, test)
    try:
        _keep_sources(system, folder)
        panels = [_panel(system, k, entropy) for k in range(len(system.components))]
        draw_panels(panels, system.vdd, folder / FIGURE)
        # Last: a folder with results is a finished run.
        (folder / RESULTS).write_text(json.dumps(answer, indent=2, allow_nan=False) + "\n")
    except OSError as error:
        raise InputError(f"run folder {folder}: cannot be written ({error.strerror})") from error
    return Run(folder, checked, entropy, test, answer)


def _prepare(folder: Path) -> None:
    if (folder / RESULTS).exists():
        raise InputError(f"{folder} holds a finished run; choose another folder with --out")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"run folder {folder}: cannot be made ({error.strerror})") from error


def _keep_sources(system: System, folder: Path) -> None:
    """Copy the system file and all netlist files; those beside the system file keep their places."""
    home = system.path.resolve().parent
    _copy(system.path, folder / system.path.name)
    for component in system.components:
        root = component.template.path.resolve().parent
        place = root.relative_to(home) if root.is_relative_to(home) else Path("netlists")
        for file in component.template.files:
            _copy(file, folder / place / file.resolve().relative_to(root))


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if not (target.exists() and target.samefile(source)):
        shutil.copyfile(source, target)


def _answer(
    system: System,
    settings: Settings,
    folder: Path,
    checked: SystemCheck,
    entropy: SystemEntropy,
    unit: str,
) -> dict[str, Any]:
    packages = ("spicebuf", "PySpice", "numpy", "scipy", "xarray", "zarr")
    return {
        "version": version("spicebuf"),
        "folder": str(folder),
        "versions": {
            "python": python_version(),
            "ngspice": entropy.banks[0].bank.ngspice_version,
            **{name: version(name) for name in packages},
        },
        "seed": settings.seed,
        "settings": {
            "n_samples": settings.n_samples,
            "n_points": settings.n_points,
            "confidence": settings.confidence,
            "method": settings.method,
            "precision_nat": settings.precision,
            "max_simulations": settings.max_simulations,
            "max_gain": settings.max_gain,
            "batch": settings.batch,
        },
        "system": {
            "file": system.path.name,
            "vdd_V": system.vdd,
            "temperature_C": system.temperature,
            "apis": [
                {"name": api.name, "sets": {logic: str(v) for logic, v in api.sets.items()}}
                for api in system.apis
            ],
        },
        "check": check_answer(system, checked),
        "sweep": sweep_answer(system, entropy.banks, settings.seed),
        "entropy": entropy_answer(system, entropy, settings.seed, unit),
    }


def _test_answer(system: System, settings: Settings, test: SmallTest) -> dict[str, Any]:
    training, prediction, seed = test.training, test.prediction, settings.seed
    return {
        "train": training and train_answer(system, training, seed, settings.confidence),
        "predict": prediction and predict_answer(system, prediction, seed),
        "not_tested": test.why_not or None,
    }


def _panel(system: System, index: int, entropy: SystemEntropy) -> Panel:
    swept = entropy.banks[index]
    groups = {Verdict.SATISFIED: _DRAWN_SATISFYING, Verdict.VIOLATED: _DRAWN_VIOLATING}
    on = swept.bank.bench
    none = np.empty((0, len(on.branches), on.n_points))
    drawn = {verdict: [none] for verdict in groups}
    for curves, checks in check_bank(system, index, swept):
        for verdict, enough in groups.items():
            missing = enough - sum(len(part) for part in drawn[verdict])
            drawn[verdict].append(curves.vout[checks.verdict == verdict][: max(0, missing)])
    return Panel(
        title=swept.component.name,
        vin=on.vin,
        satisfying=np.concatenate(drawn[Verdict.SATISFIED]),
        violating=np.concatenate(drawn[Verdict.VIOLATED]),
        api_in=system.apis[index],
        api_out=system.apis[index + 1],
    )
