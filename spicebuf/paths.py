"""Paths of training runs on disk, beside the banks: open the folder with ``xarray.open_zarr``."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from spicebuf.check import Verdict
from spicebuf.errors import BankError, InputError
from spicebuf.training import Path as RunPath

FORMAT = 1
_CONFIGURATION = "configuration"
_SHOWN = 60
_VARIABLES = (
    "theta",
    "loss",
    "margin",
    "n_places",
    "first_success",
    "verdict",
    "n_evaluations",
    "n_unsimulated",
    "n_held",
)
# All that a folder of runs holds: whatever else lies there is somebody's, and not to be replaced.
_NAMES = frozenset({"zarr.json", "run", "parameter", *_VARIABLES})


def write_paths(
    folder: Path,
    configuration: Mapping[str, Any],
    thetas: Sequence[str],
    paths: Sequence[RunPath],
    theta: Sequence[np.ndarray[Any, np.dtype[np.float64]]],
    verdict: np.ndarray[Any, np.dtype[np.uint8]],
    unit: str,
) -> None:
    """Write runs, and only when they are complete put them in place of those that the folder held.

    Parameters
    ----------
    folder : Path
    configuration : mapping
        All that the runs depend on, as JSON values.
    thetas : sequence of str
        Names of the d parameters.
    paths : sequence of Path
        Of n runs.
    theta : sequence of array of float, shape (n_places, d)
        Of each run, in the parameters' units.
    verdict : array of uint8, shape (n,)
        A `Verdict` of where each run ended.
    unit : str
        Of the loss.

    Raises
    ------
    InputError
        If the folder holds anything but runs of this configuration.
    BankError
        If it cannot be written.
    """
    from xarray import Dataset  # noqa: PLC0415 (slow to import)

    runs = ("run",)
    dataset = Dataset(
        {
            "theta": (("run", "step", "parameter"), _padded(theta)),
            "loss": (("run", "step"), _padded([path.loss for path in paths])),
            "margin": (("run", "step"), _padded([path.margin for path in paths])),
            "n_places": (runs, [len(path.loss) for path in paths]),
            "first_success": (runs, [_step(path.first_success) for path in paths]),
            "verdict": (runs, verdict),
            "n_evaluations": (runs, [path.n_evaluations for path in paths]),
            "n_unsimulated": (runs, [path.n_failed for path in paths]),
            "n_held": (runs, [path.n_held for path in paths]),
        },
        coords={"run": [path.run for path in paths], "parameter": np.array(thetas, dtype=object)},
        attrs={"format": FORMAT, _CONFIGURATION: json.dumps(configuration, sort_keys=True)},
    )
    dataset["loss"].attrs["units"] = unit
    dataset["margin"].attrs["units"] = "V"
    dataset["verdict"].attrs |= {
        "flag_values": [int(each) for each in Verdict],
        "flag_meanings": " ".join(each.word for each in Verdict),
    }
    dataset["first_success"].attrs["comment"] = "-1 where a run never worked"
    # Others may have been here since it was asked first.
    require_same_runs(folder, configuration)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        # Under a name that nobody else has: whatever lies beside the folder is a user's.
        with TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as beside:
            dataset.to_zarr(Path(beside, "new"), mode="w", consolidated=False)
            if folder.exists():
                folder.rename(Path(beside, "old"))
            Path(beside, "new").rename(folder)
    except OSError as error:
        raise BankError(f"{folder}: paths cannot be written ({error.strerror})") from error


def require_room(folder: Path, banks: Path) -> None:
    """Raise InputError if the paths of runs cannot be written to a folder, before there are any.

    It must not be the folder of the banks, or one that this lies in: what it holds is replaced.
    """
    home = banks.resolve()
    if folder == home or folder in home.parents:
        raise InputError(
            f"{folder} holds the banks, which paths must not replace; name another folder for them"
        )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent):
            pass
    except OSError as error:
        raise InputError(f"{folder}: paths cannot be written ({error.strerror})") from error


def require_same_runs(folder: Path, configuration: Mapping[str, Any]) -> None:
    """Raise InputError if a folder holds runs of another configuration, or anything else."""
    if not folder.exists():
        return
    held = _configuration_of(folder)
    others = sorted({each.name for each in folder.iterdir()} - _NAMES) if held is not None else []
    if held is None or others:
        found = f"holds {others[0]!r} too" if others else "holds no training runs"
        raise InputError(f"{folder} is there and {found}; name another folder for their paths")
    for key in sorted({*held, *configuration}):
        if held.get(key) != configuration.get(key):
            raise InputError(
                f"{folder} holds runs of another configuration: {key} was {_shown(held.get(key))}, and "
                f"is {_shown(configuration.get(key))}; name another folder, or make it as it was"
            )


def n_runs_in(folder: Path) -> int:
    """Return how many runs a folder holds; 0 if there is none."""
    try:
        return int(
            json.loads((folder / "run" / "zarr.json").read_text(encoding="utf-8"))["shape"][0]
        )
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return 0


def _configuration_of(folder: Path) -> dict[str, Any] | None:
    """Return the configuration of the runs that a folder holds; None if it holds something else."""
    try:
        attributes = json.loads((folder / "zarr.json").read_text(encoding="utf-8"))["attributes"]
        held = json.loads(attributes[_CONFIGURATION])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return held if isinstance(held, dict) else None


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _step(step: int | None) -> int:
    return -1 if step is None else step


def _padded(
    rows: Sequence[np.ndarray[Any, np.dtype[np.float64]]],
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return rows of several lengths as one array, NaN after each one's end."""
    most = max(len(row) for row in rows)
    padded = np.full((len(rows), most, *rows[0].shape[1:]), np.nan)
    for place, row in zip(padded, rows, strict=True):
        place[: len(row)] = row
    return padded
