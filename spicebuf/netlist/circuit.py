"""The structure of a netlist: subcircuits, devices, models, and what is undefined in it."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from spicebuf.errors import NetlistError
from spicebuf.netlist.cards import Card, card_tokens
from spicebuf.spice_number import is_number

# Other types are switches, with hysteresis of their own, or XSPICE code models, which read files.
_MODEL_TYPES = frozenset("nmos pmos d npn pnp njf pjf nmf pmf r c l res".split())
_N_NODES = {"m": 4, "d": 2, "q": 3, "j": 3, "r": 2, "c": 2, "l": 2, "v": 2, "i": 2, "b": 2}
_N_NODES |= {"e": 4, "g": 4, "f": 2, "h": 2}
_NEEDS_MODEL = frozenset("mdqj")
_EXPRESSION = re.compile(r"\{([^{}]*)\}|'([^']*)'")
_IDENTIFIER = re.compile(r"(?<![\w.])[a-z_][\w.]*", re.ASCII)
_PROBE = re.compile(r"\b([vi])\s*\(([^()]*)\)", re.ASCII)
BUILT_IN = frozenset(
    "abs acos acosh asin asinh atan atan2 atanh ceil cos cosh ddt exp floor hypot idt int ln log "
    "log10 max min mod nint pow pwr sgn sin sinh sqr sqrt tan tanh ternary_fcn u u2 uramp var vec "
    "agauss gauss aunif unif limit random pi e temper time hertz boltz echarge kelvin planck true "
    "false yes no and or not div def m".split()
)
_DC_SOURCE = re.compile(r"[vi]\S*\s+\S+\s+\S+\s+(?:dc(?:\s+|=))?(?:\{[^{}]*\}|'[^']*'|[\w.+-]+)")
_RANDOM = re.compile(r"gauss|unif|random|limit\s*\(")
_NAME = re.compile(r"(?!temper$)[^\s(),=\"']+")
_MAX_NESTING = 32


@dataclass(frozen=True)
class Device:
    """One device: its nodes, the nodes that control it, and its model or subcircuit."""

    card: Card
    nodes: tuple[str, ...]
    controls: tuple[str, ...] = ()
    sensed: tuple[str, ...] = ()
    model: str | None = None

    @property
    def kind(self) -> str:
        """The letter that tells what it is."""
        return self.card.text[0]

    @property
    def assignments(self) -> dict[str, str]:
        """The `name=value` words."""
        return _assignments(self.card.tokens[1:])


@dataclass
class Scope:
    """A subcircuit, or the whole file: what is defined in it."""

    name: str
    card: Card | None
    parent: "Scope | None" = None
    ports: tuple[str, ...] = ()
    params: dict[str, str] = field(default_factory=dict)
    local_names: set[str] = field(default_factory=set)
    models: set[str] = field(default_factory=set)
    subcircuits: dict[str, "Scope"] = field(default_factory=dict)
    devices: list[Device] = field(default_factory=list)
    cards: list[Card] = field(default_factory=list)

    def find_subcircuit(self, name: str) -> "Scope | None":
        """Look a subcircuit up here and outwards."""
        return next((s.subcircuits[name] for s in self.outwards() if name in s.subcircuits), None)

    def child_of(self, device: Device) -> "Scope | None":
        """Return the subcircuit that a device of this scope stands for, if it is an instance."""
        return self.find_subcircuit(device.model or "") if device.kind == "x" else None

    def has_model(self, name: str) -> bool:
        """Tell whether a model, or a bin `name.1`, `name.2` … of it, is defined here or outwards."""
        return any(
            name in scope.models or any(model.startswith(f"{name}.") for model in scope.models)
            for scope in self.outwards()
        )

    def outwards(self) -> Iterator["Scope"]:
        """Yield this scope and those around it."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent


def parse_circuit(cards: Iterable[Card], file: str) -> Scope:
    """Arrange cards into scopes and check that all they name is defined.

    Raises
    ------
    NetlistError
        For a malformed card, or an undefined model, subcircuit or parameter.
    """
    top = scope = Scope("", None)
    for card in cards:
        word = card.keyword
        if word == ".subckt":
            scope = _open(card, scope)
        elif word == ".ends":
            if scope.parent is None:
                raise NetlistError(f"{card.where}: .ends without .subckt")
            scope = scope.parent
        elif word.startswith("."):
            _define(card, scope)
        elif scope is top:
            raise NetlistError(
                f"{card.where}: device {word!r} stands outside any .subckt; "
                "a template defines subcircuits, spicebuf adds the supply and the input"
            )
        else:
            scope.devices.append(_device(card))
    if scope is not top:
        raise NetlistError(f"{file}: .subckt {scope.name} has no .ends")
    _check(top)
    return top


def identifiers(text: str) -> set[str]:
    """Names used in the expressions of a card, a lone `name=value` value or a bare word."""
    return set(_IDENTIFIER.findall(_PROBE.sub(" ", text)))


def model_words(card: Card) -> list[str]:
    """Split what follows `.model`: name, type, parameters, with or without parentheses."""
    return card_tokens(card.text.replace("(", " ").replace(")", " "))[1:]


def is_random(definitions: Iterable[str]) -> bool:
    """Tell whether ngspice may draw random numbers whenever it loads these cards."""
    return any(_RANDOM.search(card) for card in definitions)


def _open(card: Card, parent: Scope) -> Scope:
    tokens = card.tokens[1:]
    words = [word for word in tokens if "=" not in word and word != "params:"]
    if not words:
        raise NetlistError(f"{card.where}: .subckt without a name")
    _require_names(card, words)
    if len(list(parent.outwards())) > _MAX_NESTING:
        raise NetlistError(f"{card.where}: .subckt nested deeper than {_MAX_NESTING}")
    name, *ports = words
    if name in parent.subcircuits:
        raise NetlistError(f"{card.where}: subcircuit {name!r} is defined twice")
    if len(set(ports)) != len(ports):
        raise NetlistError(f"{card.where}: subcircuit {name!r} has two ports of one name")
    scope = Scope(name, card, parent, tuple(ports), _assignments(tokens))
    parent.subcircuits[name] = scope
    return scope


def _define(card: Card, scope: Scope) -> None:
    scope.cards.append(card)
    if card.keyword == ".model":
        _require_names(card, card.tokens[1:2])
        name, kind, *_ = [*model_words(card), "", ""]
        if kind not in _MODEL_TYPES:
            raise NetlistError(
                f"{card.where}: model type {kind!r} is not allowed; "
                f"allowed are {', '.join(sorted(_MODEL_TYPES))}"
            )
        scope.models.add(name)
    elif card.keyword == ".param":
        scope.local_names |= {
            word.partition("=")[0].partition("(")[0] for word in card.tokens[1:] if "=" in word
        }
    elif card.keyword == ".func":
        if _PROBE.search(card.text) or not card.tokens[1:]:
            raise NetlistError(
                f"{card.where}: write .func name(arguments) {{expression of the arguments}}; "
                "v(…) and i(…) belong into the B source that uses it"
            )
        scope.local_names.add(card.tokens[1].partition("(")[0])


def _device(card: Card) -> Device:
    kind = card.text[0]
    words = [word for word in card.tokens[1:] if "=" not in word and word != "params:"]
    if kind == "x":
        if not words:
            raise NetlistError(f"{card.where}: {card.keyword!r} names no subcircuit")
        _require_names(card, words)
        return Device(card, tuple(words[:-1]), model=words[-1])
    if kind in "vi" and not _DC_SOURCE.fullmatch(card.text):
        raise NetlistError(
            f"{card.where}: source {card.keyword!r} must be written as two nodes and a DC value"
        )
    if kind in "eg" and not {"poly", "table", "value", "vol", "cur"}.isdisjoint(
        re.split(r"[\s=({]+", card.text)
    ):
        raise NetlistError(f"{card.where}: write {card.keyword!r} as a B source, V=… or I=…")
    n_nodes = _N_NODES[kind]
    needed = n_nodes + (kind in _NEEDS_MODEL) + (kind in "fh")
    if len(words) < needed:
        raise NetlistError(
            f"{card.where}: {card.keyword!r} needs {n_nodes} nodes"
            + (" and a model" if kind in _NEEDS_MODEL else "")
        )
    _require_names(card, words[:needed])
    probes = _PROBE.findall(card.text)
    controls = [node.strip() for what, nodes in probes if what == "v" for node in nodes.split(",")]
    sensed = [nodes.strip() for what, nodes in probes if what == "i"]
    nodes = tuple(words[:n_nodes])
    if kind in "eg":
        controls, nodes = [*nodes[2:], *controls], nodes[:2]
    if kind in "fh":
        sensed.append(words[n_nodes])
    model = _model_of(kind, words) if kind in _NEEDS_MODEL else None
    return Device(card, nodes, tuple(controls), tuple(sensed), model)


def _require_names(card: Card, words: Iterable[str]) -> None:
    """Refuse marks that ngspice takes for blanks: it would see other nodes than are seen here."""
    for word in words:
        if not _NAME.fullmatch(word):
            raise NetlistError(
                f"{card.where}: {word!r} is no plain name; write nodes and names with blanks between "
                "them, without parentheses, commas or quotes"
            )


def _model_of(kind: str, words: list[str]) -> str:
    # A bipolar transistor may have a substrate node before its model.
    n_nodes = _N_NODES[kind]
    if kind == "q" and len(words) > n_nodes + 1 and not is_number(words[n_nodes + 1]):
        return words[n_nodes + 1]
    return words[n_nodes]


def _check(top: Scope) -> None:
    global_names = top.local_names | BUILT_IN
    for scope in _all_scopes(top):
        known = global_names.union(*(s.local_names | set(s.params) for s in scope.outwards()))
        for device in scope.devices:
            _check_definition(device, scope)
        for card in [*scope.cards, *(device.card for device in scope.devices)]:
            unknown = sorted(_used_names(card) - known)
            if unknown:
                raise NetlistError(
                    f"{card.where}: parameter {unknown[0]!r} is not declared; "
                    "give it a default in the .subckt line or in .param"
                )


def _check_definition(device: Device, scope: Scope) -> None:
    where, name = device.card.where, device.model
    if device.kind in _NEEDS_MODEL and not scope.has_model(str(name)):
        raise NetlistError(f"{where}: model {name!r} of {device.card.keyword!r} is not defined")
    if device.kind == "x":
        child = scope.find_subcircuit(str(name))
        if child is None:
            raise NetlistError(
                f"{where}: subcircuit {name!r} of {device.card.keyword!r} is not defined"
            )
        if len(child.ports) != len(device.nodes):
            raise NetlistError(
                f"{where}: {device.card.keyword!r} has {len(device.nodes)} nodes; "
                f"subcircuit {name!r} has {len(child.ports)} ports"
            )


def _all_scopes(scope: Scope) -> Iterator[Scope]:
    yield scope
    for child in scope.subcircuits.values():
        yield from _all_scopes(child)


def _used_names(card: Card) -> set[str]:
    if card.keyword == ".func":
        return set()
    text = _PROBE.sub(" ", card.text)
    names = [name for parts in _EXPRESSION.findall(text) for name in identifiers(" ".join(parts))]
    if not card.keyword.startswith("."):
        bare = _assignments(_EXPRESSION.sub("0", text).split()).values()
        names += [value for value in bare if _IDENTIFIER.fullmatch(value)]
    return set(names)


def _assignments(tokens: Iterable[str]) -> dict[str, str]:
    pairs = (token.partition("=") for token in tokens if "=" in token)
    return {name: value for name, _, value in pairs}
