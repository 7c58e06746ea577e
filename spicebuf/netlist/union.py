"""The cards of several netlists in one deck: each definition once, and none that means two things."""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from typing import TypeAlias

from spicebuf.errors import InputError
from spicebuf.netlist.cards import card_tokens
from spicebuf.netlist.circuit import BUILT_IN

_Meanings: TypeAlias = dict[str, list[tuple[str, str]]]

_OPENING, _CLOSING = frozenset({".subckt", ".if"}), frozenset({".ends", ".endif"})
_SCALE = ".option scale"
# As parameters, functions or settings these reach into netlists that do not define them, too.
_EVERYWHERE = BUILT_IN | {_SCALE}
_REACHING = frozenset({"parameter", "function", "setting"})
_BIN = re.compile(r"\.\d+$")


def unite(netlists: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return the cards that define all that any of some netlists defines.

    Parameters
    ----------
    netlists : mapping of str to tuple of str
        Cards by what to call their netlist in a complaint.

    Raises
    ------
    InputError
        If two netlists mean different things by one name.
    """
    different: dict[tuple[str, ...], str] = {}
    for label, cards in netlists.items():
        different.setdefault(cards, label)
    found = [(label, _meanings(cards)) for cards, label in different.items()]
    for first, second in combinations(found, 2):
        _require_agreement(*first, *second)
    united: list[str] = []
    seen: set[tuple[str, ...]] = set()
    for cards in different:
        blocks = list(_blocks(cards))
        united += [card for block in blocks if block not in seen for card in block]
        seen.update(blocks)
    return tuple(united)


def _require_agreement(label: str, own: _Meanings, other_label: str, other: _Meanings) -> None:
    for name in sorted((own.keys() & other.keys()) | _reaching(own) | _reaching(other)):
        if own.get(name) != other.get(name):
            kind = [*own.get(name, []), *other.get(name, [])][0][0]
            raise InputError(
                f"{kind} {name!r} is one thing in {label} and another in {other_label}, but one deck "
                "holds the whole chain; let them agree, or choose another name in one of the netlists"
            )


def _reaching(meanings: _Meanings) -> set[str]:
    return {name for name in meanings.keys() & _EVERYWHERE if meanings[name][0][0] in _REACHING}


def _meanings(cards: Iterable[str]) -> _Meanings:
    """Return what cards define for the whole deck: kinds and texts, by name.

    ngspice keeps parameters and subcircuits, nested ones too, under their names in one table.
    """
    found: _Meanings = {}
    for name, kind, text in _defined(cards):
        found.setdefault(name, []).append((kind, text))
    return found


def _defined(
    cards: Iterable[str], around: str = "", *, local: bool = False
) -> Iterator[tuple[str, str, str]]:
    for block in _blocks(cards):
        word, text = _keyword(block[0]), around or "\n".join(block)
        if word == ".subckt":
            yield card_tokens(block[0])[1], "subcircuit", text
            yield from _defined(block[1:-1], around, local=True)
        elif word == ".if":
            yield from _defined(block[1:-1], text, local=local)
        elif not local:
            yield from _defined_by(block[0], around)


def _defined_by(card: str, around: str) -> Iterator[tuple[str, str, str]]:
    word, text = _keyword(card), around or card
    if word == ".model":
        # A transistor of model `nch` takes `nch` as well as its bins `nch.1`, `nch.2` …
        yield _BIN.sub("", card_tokens(card.replace("(", " "))[1]), "model", text
    elif word == ".func":
        yield re.split(r"[\s(]+", card)[1], "function", text
    elif word == ".param":
        for assignment in card_tokens(card)[1:]:
            name = assignment.partition("=")[0].partition("(")[0]
            yield name, "parameter", around or assignment
    elif word in {".option", ".options"}:
        yield _SCALE, "setting", card.partition("=")[2]


def _blocks(cards: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """Yield cards that stand alone, and whole subcircuits and conditions."""
    block: list[str] = []
    depth = 0
    for card in cards:
        word = _keyword(card)
        depth += (word in _OPENING) - (word in _CLOSING)
        block.append(card)
        if depth <= 0:
            yield tuple(block)
            block, depth = [], 0
    if block:
        yield tuple(block)


def _keyword(card: str) -> str:
    return card.split(None, 1)[0]
