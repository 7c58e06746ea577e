"""How θ are given to a circuit that is loaded already, and which of them tell where it switches."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from spicebuf.netlist.cards import Card
from spicebuf.netlist.circuit import Device, Scope, identifiers, model_words

# ngspice computes what follows from these at the start of every analysis. Later models it also bins and
# caches by size, so that an altered width need not be what a loaded one is.
_ALTERABLE_LEVELS = frozenset({"1"})
_MODEL_PARAMETERS = frozenset({"vto", "kp", "lambda", "gamma", "phi"})
_SIZES = {"m": frozenset({"w", "l"}), "r": frozenset({"r"})}
_DRAIN, _GATE = 0, 1
# Names in a command must not be able to say anything to ngspice's shell.
_COMMAND = re.compile(r"alter(mod)? @([mr]\.)?x\{k\}[.:][\w.]+\[\w+\]", re.ASCII)
_ALIASES = {"vt0": "vto", "u0": "uo"}
_TRANSISTORS = frozenset({"nmos", "pmos"})
_CONDITIONS = frozenset({".if", ".elseif", ".else", ".endif"})
_LEVEL = re.compile(r"\blevel=(\S+)")


@dataclass(frozen=True)
class Alteration:
    """The command that gives one use of θ in replica `{k}` a new value, which is to follow it."""

    theta: str
    command: str


def alterations(
    component: Scope, thetas: frozenset[str], guarded: Mapping[Card, str]
) -> tuple[Alteration, ...] | None:
    """Return how all uses of the parameters can be altered, or None if any cannot.

    Only a parameter that alone is a width, length, resistance or one of few parameters of a level-1 model
    can: ngspice evaluates expressions when it loads a circuit.
    """
    if guarded or component.subcircuits or not _is_plain(component):
        return None
    found: list[Alteration] = []
    for command, value in _uses(component):
        name = value.strip("{}' ")
        if name in thetas and _COMMAND.fullmatch(command):
            found.append(Alteration(name, f"{command} = "))
        elif identifiers(value) & thetas:
            return None
    return tuple(found) if {use.theta for use in found} == thetas else None


def switching_ratio(component: Scope, thetas: frozenset[str]) -> tuple[str, str] | None:
    """Return the parameters that are the widths of a p and an n transistor at the input, on one drain.

    Their ratio tells where the stage switches: θ in the order of it converge together in one deck.
    """
    types = {name: kind for name, kind, *_ in map(model_words, _models(component))}
    widths: dict[tuple[str, str], str] = {}
    for device in component.devices:
        kind = types.get(device.model or "")
        if device.kind == "m" and kind is not None and device.nodes[_GATE] == "in":
            width = device.assignments.get("w", "").strip("{}' ")
            if width in thetas:
                widths.setdefault((device.nodes[_DRAIN], kind), width)
    for (drain, kind), width in widths.items():
        other = widths.get((drain, "nmos"))
        if kind == "pmos" and other is not None and other != width:
            return width, other
    return None


def _uses(component: Scope) -> Iterator[tuple[str, str]]:
    """Yield all that a parameter could be in, with the command that alters it; "" if there is none."""
    yield from (("", value) for value in component.params.values())
    in_use = {device.model for device in component.devices}
    for card in component.cards:
        if card.keyword != ".model":
            yield "", card.text
        elif model_words(card)[0] in in_use:  # ngspice drops the others
            yield from _model_uses(card)
    for device in component.devices:
        if device.kind in _SIZES:
            yield from _size_uses(device)
        else:
            yield "", device.card.text


def _model_uses(card: Card) -> Iterator[tuple[str, str]]:
    name, kind, *words = model_words(card)
    for key, value in _assigned(words):
        known = kind in _TRANSISTORS and key in _MODEL_PARAMETERS
        yield f"altermod @x{{k}}:{name}[{key}]" if known else "", value


def _size_uses(device: Device) -> Iterator[tuple[str, str]]:
    path = f"@{device.kind}.x{{k}}.{device.card.keyword}"
    words = device.card.tokens[len(device.nodes) + 1 :]
    if device.kind == "r" and words and "=" not in words[0]:
        words[0] = f"r={words[0]}"
    for key, value in _assigned(words):
        quantity = "resistance" if device.kind == "r" else key
        yield f"alter {path}[{quantity}]" if key in _SIZES[device.kind] else "", value


def _assigned(words: list[str]) -> Iterator[tuple[str, str]]:
    """Yield keys and values; the key is "" where a key is given twice, and where there is none.

    Of two values ngspice loads the last, and altering would set any.
    """
    pairs = [word.partition("=") for word in words]
    times = Counter(_ALIASES.get(key, key) for key, equals, _ in pairs if equals)
    for key, equals, value in pairs:
        once = times[_ALIASES.get(key, key)] == 1
        yield (key if once else "", value) if equals else ("", key)


def _is_plain(component: Scope) -> bool:
    """Tell whether all cards count, each model has one card, and all transistors are simple."""
    cards = [card for scope in component.outwards() for card in scope.cards]
    names = [model_words(card)[0] for card in component.cards if card.keyword == ".model"]
    return (
        not any(card.keyword in _CONDITIONS for card in cards)
        and len(names) == len(set(names))
        and all(map(_is_simple, _models(component)))
    )


def _models(component: Scope) -> list[Card]:
    return [
        card for scope in component.outwards() for card in scope.cards if card.keyword == ".model"
    ]


def _is_simple(model: Card) -> bool:
    name, kind, *_ = model_words(model)
    if kind in _TRANSISTORS:
        return "." not in name and set(_LEVEL.findall(model.text)) <= _ALTERABLE_LEVELS
    return True
