"""The file that fixes a test of the prediction before anything is run."""

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from spicebuf.errors import InputError
from spicebuf.losses import Loss
from spicebuf.prediction import Claim
from spicebuf.training import Options, Stop
from spicebuf.workflow.trainings import Training

NULLS = ("classes", "apis", "shuffled", "prior")
"""Nulls that a claim may have to beat."""

_PACKAGE = Path(__file__).resolve().parent.parent
_FILE = "prediction.toml"
_TABLES = ("claim", "training", "arms")
_ARM = ("loss", "stop")
_FIGURES: Mapping[str, type] = {
    "learning_rate": float,
    "temperature": float,
    "clip": float,
    "difference_step": float,
    "n_directions": int,
    "central": bool,
}
_T = TypeVar("_T")
_Choice = TypeVar("_Choice", bound=StrEnum)


@dataclass(frozen=True)
class PredictionPlan:
    """What is tested, and how.

    Attributes
    ----------
    path : Path
    digest : str
        SHA-256 of the file, by which anyone can tell that it was not changed after the runs.
    claim : Claim
    arms : tuple of Training
        The first is the headline: the verdict is about it alone.
    """

    path: Path
    digest: str
    claim: Claim
    arms: tuple[Training, ...]


def bundled_plan() -> Path:
    """Return the plan that ships with the package: the packaged one, else the checkout's."""
    packaged = _PACKAGE / _FILE
    return packaged if packaged.is_file() else _PACKAGE.parent / "examples" / _FILE


def load_plan(path: Path) -> PredictionPlan:
    """Read and validate a plan.

    Raises
    ------
    InputError
        With the table, the key, the value and what is allowed.
    """
    try:
        content = path.read_bytes()
        document = tomllib.loads(content.decode())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not a TOML file: {error}") from error
    try:
        _require_known(document, _TABLES, "the file")
        claim, arms = _claim(_table(document, "claim")), _arms(document)
    except InputError as error:
        raise InputError(f"{path.name}: {error}") from error
    return PredictionPlan(path, hashlib.sha256(content).hexdigest(), claim, arms)


def _claim(table: Mapping[str, Any]) -> Claim:
    _require_known(table, ("near", "share", "confidence", "nulls"), "[claim]")
    numbers = {name: _number(table, name, "[claim]") for name in ("near", "share", "confidence")}
    nulls = _get(table, "nulls", list, "[claim]")
    for name in nulls:
        if name not in NULLS:
            raise InputError(f"[claim]: nulls: {name!r} is unknown; there are {', '.join(NULLS)}")
        if nulls.count(name) > 1:
            raise InputError(f"[claim]: nulls: {name!r} is there twice")
    return Claim(**numbers, nulls=tuple(nulls))


def _arms(document: Mapping[str, Any]) -> tuple[Training, ...]:
    shared = _table(document, "training")
    _require_known(shared, ("steps", "inputs"), "[training]")
    budget = {f"n_{name}": _get(shared, name, int, "[training]") for name in ("steps", "inputs")}
    tables = document.get("arms")
    if not isinstance(tables, list) or not tables:
        raise InputError("there is no [[arms]] table; the first one is the headline")
    arms = tuple(_arm(table, k, budget) for k, table in enumerate(tables, start=1))
    names = [arm.name for arm in arms]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"[[arms]]: {name} is there twice; each arm is one of its kind")
    return arms


def _arm(table: Mapping[str, Any], number: int, budget: Mapping[str, int]) -> Training:
    where = f"[[arms]] number {number}"
    if not isinstance(table, dict):
        raise InputError(f"{where} must be a table")
    _require_known(table, (*_FIGURES, *_ARM, "optimizer", "runs"), where)
    figures: dict[str, Any] = {
        name: _number(table, name, where) if kind is float else _get(table, name, kind, where)
        for name, kind in _FIGURES.items()
        if name in table
    }
    optimizer, runs = _get(table, "optimizer", str, where), _get(table, "runs", int, where)
    loss, stop = _choice(table, "loss", Loss, where), _choice(table, "stop", Stop, where)
    try:
        return Training(Options(optimizer, **figures), loss, stop, runs, **budget)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error


def _choice(table: Mapping[str, Any], key: str, kind: type[_Choice], where: str) -> _Choice:
    value = _get(table, key, str, where)
    if value not in list(kind):
        raise InputError(f"{where}: {key} = {value!r} must be one of {', '.join(kind)}")
    return kind(value)


def _number(table: Mapping[str, Any], key: str, where: str) -> float:
    value = table.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{where}: {key} = {value!r} must be a number")
    try:
        return float(value)
    except OverflowError as error:
        raise InputError(f"{where}: {key} is too large a number") from error


def _get(table: Mapping[str, Any], key: str, kind: type[_T], where: str) -> _T:
    value = table.get(key)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise InputError(f"{where}: {key} = {value!r} must be {_KINDS[kind]}")
    return value


_KINDS: Mapping[type, str] = {
    int: "a whole number",
    str: "text",
    list: "a list",
    bool: "true or false",
}


def _table(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    table = document.get(key)
    if not isinstance(table, dict):
        raise InputError(f"there is no [{key}] table")
    return table


def _require_known(table: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in table:
        if key not in known:
            raise InputError(f"{where}: unknown key {key!r}; allowed are {', '.join(known)}")
