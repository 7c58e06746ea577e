"""A component's template: ports, parameters with their priors, and whether it has feedback."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from spicebuf.errors import InputError, NetlistError
from spicebuf.netlist.alter import Alteration, alterations, switching_ratio
from spicebuf.netlist.cards import ThetaLine, read_cards
from spicebuf.netlist.circuit import BUILT_IN, Scope, is_random, parse_circuit
from spicebuf.netlist.feedback import feedback_nodes
from spicebuf.netlist.flat import flatten, transistor_nodes
from spicebuf.netlist.sizes import GUARD, guard_sizes
from spicebuf.prior import Prior, parse_prior
from spicebuf.spice_number import is_number, parse_number

TEMPLATE_SUFFIX = ".cir"
_REQUIRED_PORTS = frozenset({"in", "out"})
# ngspice has functions and values of these names; a parameter would be ignored in silence.
_RESERVED = BUILT_IN - {"pi", "e"}
_SUPPLY_PORTS = frozenset({"vdd", "vss"})


@dataclass(frozen=True)
class ThetaSpec:
    """One declared parameter: its prior, nominal value and meaning."""

    name: str
    prior: Prior
    nominal: float
    description: str


@dataclass(frozen=True)
class Template:
    """A netlist that can be simulated for many θ.

    Attributes
    ----------
    name : str
        Name of the component's subcircuit.
    path : Path
    files : tuple of Path
        The template and all that it includes.
    ports : tuple of str
        In the subcircuit's order; among `in`, `out`, `vdd`, `vss`.
    thetas : mapping of str to ThetaSpec
        The declared parameters in the order of their declarations.
    sizes : frozenset of str
        Declared parameters that scale a width, length, resistance or multiplier and so must be > 0.
    definitions : tuple of str
        The cards for ngspice, lower case, includes in place.
    states : tuple of str
        Nodes through which the circuit feeds back on itself and may keep a state.
    watched : tuple of str
        Nodes at field-effect transistors, whose convergence needs a second look (see `deck`).
    alterations : tuple of Alteration or None
        How all θ are changed in a loaded circuit; None if it must be loaded anew.
    sort_by : (str, str) or None
        Parameters whose ratio tells where the input stage switches.
    digest : str
        SHA-256 of the definitions.
    """

    name: str
    path: Path
    files: tuple[Path, ...]
    ports: tuple[str, ...]
    thetas: Mapping[str, ThetaSpec]
    sizes: frozenset[str]
    definitions: tuple[str, ...]
    states: tuple[str, ...]
    watched: tuple[str, ...]
    alterations: tuple[Alteration, ...] | None
    sort_by: tuple[str, str] | None
    digest: str

    @property
    def priors(self) -> dict[str, Prior]:
        """The declared parameters' priors."""
        return {name: spec.prior for name, spec in self.thetas.items()}

    @property
    def feedback(self) -> bool:
        """Whether the circuit can have two branches."""
        return bool(self.states)


def read_template(path: Path) -> Template:
    """Read and validate a template.

    Raises
    ------
    NetlistError
        With file, line and name, if anything in it is malformed, undefined or not allowed.
    """
    cards, theta_lines, files = read_cards(path)
    top = parse_circuit(cards, path.name)
    scope = _component(top, path)
    where = scope.card.where if scope.card else path.name
    _check_ports(scope, where)
    thetas = {spec.name: spec for spec in (_theta(line, scope) for line in theta_lines)}
    if len(thetas) != len(theta_lines):
        raise NetlistError(f"{path.name}: a parameter is declared by two *@theta lines")
    sizes, guarded = guard_sizes(scope, frozenset(thetas))
    for spec in thetas.values():
        require_sizes_positive(spec.name, spec.prior, sizes, where)
        _require_nominal(spec, where)
    devices, driven = flatten(scope), frozenset(scope.ports) - {"out"}
    states = feedback_nodes(devices, driven)
    _require_used(thetas.values(), [card.text for card in cards if card != scope.card], where)
    uses = alterations(scope, frozenset(thetas), guarded)
    guards = [GUARD] if guarded else []
    definitions = (*guards, *(guarded.get(card, card.text) for card in cards))
    return Template(
        name=scope.name,
        path=path,
        files=tuple(files),
        ports=scope.ports,
        thetas=thetas,
        sizes=sizes,
        definitions=definitions,
        states=states,
        watched=transistor_nodes(devices, driven),
        alterations=None if is_random(definitions) else uses,
        sort_by=switching_ratio(scope, frozenset(thetas)),
        digest=netlist_digest(scope.name, definitions),
    )


def netlist_digest(subcircuit: str, definitions: Iterable[str]) -> str:
    """Return the SHA-256 of what ngspice is told of a component."""
    return hashlib.sha256("\n".join((subcircuit, *definitions)).encode()).hexdigest()


def require_sizes_positive(name: str, prior: Prior, sizes: frozenset[str], where: str) -> None:
    """Raise InputError if a size could be drawn ≤ 0, which ngspice would accept in silence."""
    if name in sizes and (mass := prior.mass_below_or_at_zero()) > 0.0:
        raise InputError(
            f"{where}: parameter {name!r} scales a size and must be > 0, but {prior} puts "
            f"probability {mass:.2g} at or below 0; use loguniform or truncnorm"
        )


def _require_nominal(spec: ThetaSpec, where: str) -> None:
    low, high = spec.prior.support
    if not low <= spec.nominal <= high:
        raise NetlistError(
            f"{where}: the default of θ {spec.name!r}, {spec.nominal:g}, is outside its prior "
            f"{spec.prior}"
        )


def _require_used(specs: Iterable[ThetaSpec], texts: Iterable[str], where: str) -> None:
    used = {name for text in texts for name in re.findall(r"\w+", text)}
    for spec in specs:
        if spec.name not in used:
            raise NetlistError(f"{where}: θ {spec.name!r} is not used by any device or model")


def _component(top: Scope, path: Path) -> Scope:
    own = {
        name: scope
        for name, scope in top.subcircuits.items()
        if scope.card is not None and scope.card.file == path.name
    }
    if path.stem.lower() in own:
        return own[path.stem.lower()]
    if len(own) == 1:
        return next(iter(own.values()))
    if not own:
        raise NetlistError(f"{path.name}: there is no .subckt in it; wrap the circuit in one")
    raise NetlistError(
        f"{path.name}: which of the subcircuits {', '.join(own)} is the component? "
        f"Name it {path.stem!r}, like the file"
    )


def _check_ports(scope: Scope, where: str) -> None:
    missing = sorted(_REQUIRED_PORTS - set(scope.ports))
    if missing:
        raise NetlistError(
            f"{where}: subcircuit {scope.name!r} has no port {missing[0]!r}; "
            "a component has the ports in, out and, where needed, vdd, vss"
        )
    unknown = sorted(set(scope.ports) - _REQUIRED_PORTS - _SUPPLY_PORTS)
    if unknown:
        raise NetlistError(
            f"{where}: subcircuit {scope.name!r} has a port {unknown[0]!r}; "
            "a component's ports are in, out, vdd and vss"
        )


def _theta(line: ThetaLine, scope: Scope) -> ThetaSpec:
    if line.name not in scope.params:
        raise NetlistError(
            f"{line.where}: θ {line.name!r} is not a parameter of subcircuit {scope.name!r}; "
            f"its parameters are {', '.join(scope.params) or 'none'}"
        )
    if line.name in _RESERVED:
        raise NetlistError(
            f"{line.where}: {line.name!r} means something else in ngspice; choose another name for θ"
        )
    default = scope.params[line.name]
    if not is_number(default):
        raise NetlistError(
            f"{line.where}: the default of θ {line.name!r} in the .subckt line is {default!r}; "
            "it must be a number"
        )
    try:
        prior = parse_prior(line.prior)
    except InputError as error:
        raise NetlistError(f"{line.where}: θ {line.name!r}: {error}") from error
    return ThetaSpec(line.name, prior, parse_number(default), line.description)
