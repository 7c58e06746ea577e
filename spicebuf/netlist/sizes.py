"""Sizes must be > 0: ngspice would take a width of −1 µm in silence.

Where a size is a product of declared parameters, their priors are held to it before anything is
simulated. Where parameters reach a size in any other way, through `.param`, a subcircuit's argument or a
difference, the size is guarded in the deck: ngspice then refuses a θ that makes it ≤ 0.
"""

import re
from collections.abc import Iterator

from spicebuf.netlist.cards import Card
from spicebuf.netlist.circuit import Scope, identifiers

GUARD = ".func spicebuf_size(x) {x > 0 ? x : sqrt(-1)}"
"""Definition that guarded cards need: NaN makes ngspice refuse the deck."""

_SIZES = frozenset({"w", "l", "r", "m", "nf", "mult"})
_PRODUCT = re.compile(r"[\w.*/\s{}']+", re.ASCII)


def guard_sizes(component: Scope, thetas: frozenset[str]) -> tuple[frozenset[str], dict[Card, str]]:
    """Find what must be > 0.

    Returns
    -------
    sizes : frozenset of str
        Declared parameters that scale a size directly.
    guarded : dict of Card to str
        New text of the cards whose sizes depend on declared parameters in other ways.
    """
    sizes: set[str] = set()
    guarded: dict[Card, str] = {}
    for scope, tainted in _tainted_scopes(component, thetas).values():
        for device in scope.devices:
            for word, key, value in _size_words(device.card):
                used = identifiers(value) & tainted
                if used and scope is component and _PRODUCT.fullmatch(value) and used <= thetas:
                    sizes |= used
                elif used and device.kind != "x" and not device.controls:
                    text = guarded.get(device.card, device.card.text)
                    inner = value.strip("{}'")
                    size = f"{key}{{spicebuf_size({inner})}}"
                    guarded[device.card] = text.replace(f" {word}", f" {size}", 1)
    return frozenset(sizes), guarded


def _size_words(card: Card) -> Iterator[tuple[str, str, str]]:
    """Yield the words of a card that give a size, split into `name=` and value."""
    for position, word in enumerate(card.tokens):
        name, equals, value = word.partition("=")
        if equals and name in _SIZES:
            yield word, f"{name}=", value
        elif not equals and card.text[0] == "r" and position == 3:  # noqa: PLR2004 (r1 a b value)
            yield word, "", word


def _tainted_scopes(component: Scope, thetas: frozenset[str]) -> dict[int, tuple[Scope, set[str]]]:
    """Follow declared parameters through `.param` cards and arguments of subcircuits."""
    found: dict[int, tuple[Scope, set[str]]] = {id(component): (component, set(thetas))}
    queue = [component]
    while queue:
        scope = queue.pop()
        tainted = found[id(scope)][1]
        _spread(scope, tainted)
        for device in scope.devices:
            child = scope.child_of(device)
            if child is None:
                continue
            passed = {
                name for name, value in device.assignments.items() if identifiers(value) & tainted
            }
            known = found.setdefault(id(child), (child, set()))[1]
            if not passed <= known:
                known |= passed
                queue.append(child)
    return found


def _spread(scope: Scope, tainted: set[str]) -> None:
    assignments = [
        word.partition("=")
        for card in scope.cards
        if card.keyword == ".param"
        for word in card.tokens[1:]
        if "=" in word
    ]
    n_before = -1
    while n_before != len(tainted):
        n_before = len(tainted)
        tainted |= {name for name, _, value in assignments if identifiers(value) & tainted}
