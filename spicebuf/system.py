"""The system file: components in series, the APIs between them, and the supply."""

import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from spicebuf.api import Api
from spicebuf.errors import InputError
from spicebuf.netlist import (
    TEMPLATE_SUFFIX,
    Template,
    bundled_path,
    is_file,
    read_template,
    require_sizes_positive,
)
from spicebuf.prior import Prior, parse_prior
from spicebuf.spice_number import is_number, parse_number
from spicebuf.voltages import VoltageSet

_T = TypeVar("_T")
_MAX_VDD = 1000.0
_MAX_INTEGER = 10**30
_TEMPERATURES = (-273.0, 1000.0)
_KEYS = {
    "the file": {"system", "components", "apis"},
    "[system]": {"vdd", "temperature"},
    "[[components]]": {"name", "netlist", "theta"},
}


@dataclass(frozen=True)
class Component:
    """One component of the chain.

    Attributes
    ----------
    name : str
    template : Template
    fixed : mapping of str to float
        Parameters that the system file holds at one value.
    priors : mapping of str to Prior
        The other parameters, in the template's order: these are θ.
    """

    name: str
    template: Template
    fixed: Mapping[str, float]
    priors: Mapping[str, Prior]

    @property
    def nominal(self) -> dict[str, float]:
        """The value of every declared parameter where no other is given.

        The template's default; but the median of a prior that excludes it.
        """
        values = {name: spec.nominal for name, spec in self.template.thetas.items()}
        for name, prior in self.priors.items():
            if not prior.allows(values[name]):
                values[name] = float(prior.ppf(np.array([0.5]))[0])
        return values | dict(self.fixed)


def file_stem(component: str) -> str:
    """Return what begins the names of files about a component, in which it may not bring a folder."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", component)


@dataclass(frozen=True)
class System:
    """A chain of components, the `len(components) + 1` APIs around them, and its conditions.

    `vdd` is in volts, `temperature` in °C.
    """

    path: Path
    vdd: float
    temperature: float
    components: tuple[Component, ...]
    apis: tuple[Api, ...]

    @property
    def logical_values(self) -> tuple[str, ...]:
        """The logical values, in the order of the first API that has sets."""
        return next((tuple(api.sets) for api in self.apis if api.sets), ())

    def require_sets(self) -> None:
        """Raise InputError if an API is free and no sets are given for it."""
        for api in self.apis:
            if not api.sets:
                raise InputError(
                    f"{self.path.name}: API {api.name!r} is free and has no sets; "
                    "give it one set per logical value to check or count"
                )


def load_system(path: Path) -> System:
    """Read and validate a system file and its templates.

    Raises
    ------
    InputError
        With the table, the key, the value and what is allowed.
    """
    document = _load_toml(path)
    try:
        return _system(document, path)
    except InputError as error:
        if type(error) is not InputError:  # a template's error names its own file
            raise
        raise InputError(f"{path.name}: {error}") from error


def load_theta(path: Path, system: System) -> dict[str, dict[str, float]]:
    """Read one θ per component: TOML tables ``[component]`` of ``parameter = value``.

    Parameters that the system file fixes may be left out; all others must be there.

    Raises
    ------
    InputError
        If a component or parameter is unknown or missing, or a value is out of range.
    """
    document = _load_toml(path)
    known = {component.name for component in system.components}
    for name in document:
        if name not in known:
            raise InputError(
                f"{path.name}: there is no component {name!r}; there are {', '.join(sorted(known))}"
            )
    thetas = {}
    for component in system.components:
        where = f"{path.name}: [{component.name}]"
        given = document.get(component.name, {})
        if not isinstance(given, dict):
            raise InputError(f"{where} must be a table of parameter = value")
        values = {
            name: _fixed_value(component.template, name, value, where)
            for name, value in given.items()
        }
        missing = [name for name in component.priors if name not in values]
        if missing:
            raise InputError(
                f"{where}: θ {missing[0]!r} is missing; still to be given: {', '.join(missing)}"
            )
        thetas[component.name] = component.nominal | values
    return thetas


def _load_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 text (byte {error.start})") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not a TOML file: {error}") from error


def _system(document: dict[str, Any], path: Path) -> System:
    _require_known(document, "the file")
    table = _typed(document.get("system", {}), dict, "[system] must be a table")
    _require_known(table, "[system]")
    if "vdd" not in table:
        raise InputError("[system]: vdd is missing; give the supply in volts, vdd = 5.0")
    vdd = _number(table["vdd"], "[system]: vdd", 0.0, _MAX_VDD, "V")
    temperature = _number(
        table.get("temperature", 27.0), "[system]: temperature", *_TEMPERATURES, "°C"
    )
    components = tuple(
        _component(entry, index, path)
        for index, entry in enumerate(_tables(document, "components"), start=1)
    )
    apis = tuple(
        _api(entry, index, vdd) for index, entry in enumerate(_tables(document, "apis"), start=1)
    )
    _require_unique([component.name for component in components], "[[components]]")
    _require_unique([api.name for api in apis], "[[apis]]")
    if len(apis) != len(components) + 1:
        raise InputError(
            f"{len(components)} component(s) need {len(components) + 1} APIs, one before, between "
            f"and after them; [[apis]] has {len(apis)}"
        )
    _require_same_logic(apis)
    return System(path, vdd, temperature, components, apis)


def _component(entry: dict[str, Any], index: int, path: Path) -> Component:
    where = f"[[components]] number {index}"
    _require_known(entry, "[[components]]", where)
    name, netlist = _name(entry, where), entry.get("netlist")
    where = f"component {name!r}"
    if not isinstance(netlist, str):
        raise InputError(f"{where}: netlist must be a bundled template's name or a path")
    template = read_template(_template_path(netlist, path, where))
    given = _typed(entry.get("theta", {}), dict, f"{where}: theta must be a table")
    fixed: dict[str, float] = {}
    priors = template.priors
    for theta, value in given.items():
        if isinstance(value, str) and not is_number(value):
            _require_theta(template, theta, where)
            priors[theta] = _prior(template, theta, value, where)
        else:
            fixed[theta] = _fixed_value(template, theta, value, where)
            del priors[theta]
    return Component(name, template, fixed, priors)


def _template_path(netlist: str, path: Path, where: str) -> Path:
    if "/" not in netlist and not netlist.lower().endswith(TEMPLATE_SUFFIX):
        try:
            return bundled_path(netlist)
        except InputError as error:
            raise InputError(f"{where}: {error}, or write a path such as mine.cir") from error
    target = path.parent / netlist
    if not is_file(target):
        raise InputError(f"{where}: netlist {netlist!r} does not exist beside {path.name}")
    return target


def _prior(template: Template, theta: str, text: str, where: str) -> Prior:
    try:
        prior = parse_prior(text)
    except InputError as error:
        raise InputError(f"{where}: θ {theta!r}: {error}") from error
    require_sizes_positive(theta, prior, template.sizes, where)
    return prior


def _fixed_value(template: Template, theta: str, value: object, where: str) -> float:
    _require_theta(template, theta, where)
    if isinstance(value, str):
        try:
            number = parse_number(value)
        except InputError as error:
            raise InputError(f"{where}: θ {theta!r}: {error}") from error
    elif isinstance(value, float) or (type(value) is int and abs(value) < _MAX_INTEGER):
        number = float(value)
    else:
        raise InputError(f"{where}: θ {theta!r} = {value!r} must be a number or a prior")
    low, high = template.thetas[theta].prior.support
    if not (math.isfinite(number) and low <= number <= high):
        raise InputError(
            f"{where}: θ {theta!r} = {number:g} is out of range; "
            f"{template.path.name} allows {low:g} to {high:g}"
        )
    return number


def _require_theta(template: Template, theta: str, where: str) -> None:
    if theta not in template.thetas:
        raise InputError(
            f"{where}: θ {theta!r} is unknown; {template.path.name} declares "
            f"{', '.join(template.thetas) or 'none'}"
        )


def _api(entry: dict[str, Any], index: int, vdd: float) -> Api:
    name = _name(entry, f"[[apis]] number {index}")
    free = _typed(entry.get("free", False), bool, f"API {name!r}: free must be true or false")
    sets: dict[str, VoltageSet] = {}
    for logic, text in entry.items():
        if logic in {"name", "free"}:
            continue
        where = f"API {name!r}, logical value {logic!r}"
        if not isinstance(text, str):
            raise InputError(f'{where}: {text!r} must be text such as "[0, 0.5] | [4.6, 5]"')
        try:
            sets[logic] = VoltageSet.parse(text)
            sets[logic].require_within(vdd)
        except InputError as error:
            raise InputError(f"{where}: {error}") from error
    return Api(name, sets, free=free)


def _require_same_logic(apis: Sequence[Api]) -> None:
    given = [api for api in apis if api.sets]
    for api in given[1:]:
        for a, b in ((given[0], api), (api, given[0])):
            for logic in a.sets:
                if logic not in b.sets:
                    raise InputError(
                        f"API {b.name!r} lacks logical value {logic!r}, which API {a.name!r} has; "
                        "all APIs must have the same logical values"
                    )


def _require_known(table: Mapping[str, Any], kind: str, where: str | None = None) -> None:
    for key in table:
        if key not in _KEYS[kind]:
            raise InputError(
                f"{where or kind}: unknown key {key!r}; allowed are {', '.join(sorted(_KEYS[kind]))}"
            )


def _require_unique(names: Sequence[str], where: str) -> None:
    for index, name in enumerate(names):
        if name in names[:index]:
            raise InputError(f"{where}: the name {name!r} is given twice")


def _tables(document: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    tables = document.get(key, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise InputError(f"[[{key}]] must be a list of tables, each headed [[{key}]]")
    if not tables:
        raise InputError(f"there is no [[{key}]] table")
    return tables


def _name(entry: Mapping[str, Any], where: str) -> str:
    name = entry.get("name")
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise InputError(f"{where}: name is missing or no plain text")
    return name


def _number(value: object, what: str, low: float, high: float, unit: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low < value <= high:
        raise InputError(f"{what} = {value!r} is not a number in ({low:g}, {high:g}] {unit}")
    return float(value)


def _typed(value: object, kind: type[_T], message: str) -> _T:
    if not isinstance(value, kind):
        raise InputError(message)
    return value
