"""Edges of APIs and their names: LABEL.N.low and LABEL.N.high."""

from collections.abc import Sequence
from dataclasses import dataclass

from spicebuf.errors import InputError
from spicebuf.search.relation import Sets


@dataclass(frozen=True)
class Edge:
    """One edge of an API.

    Attributes
    ----------
    label : int
        Logical value.
    number : int
        Which interval of that logical value, from 1, ascending.
    is_upper : bool
    """

    label: int
    number: int
    is_upper: bool

    def of(self, sets: Sets) -> float:
        """Return where an API has this edge [V]."""
        return sets[self.label][self.number - 1][self.is_upper]


def edges_of(pattern: Sequence[int]) -> tuple[Edge, ...]:
    """Return all edges of APIs whose intervals have some labels, ascending."""
    return tuple(
        Edge(label, pattern[: t + 1].count(label), is_upper)
        for t, label in enumerate(pattern)
        for is_upper in (False, True)
    )


def edge_named(name: str, pattern: Sequence[int], labels: Sequence[str]) -> Edge:
    """Return the edge of a name such as ``1.low`` or ``0.2.high``.

    Parameters
    ----------
    name : str
        The logical value, the number of the interval, ascending from 1, and ``low`` or ``high``, joined
        by dots. The number may be left out where the logical value has one interval.
    pattern : sequence of int
        Labels of all intervals, ascending.
    labels : sequence of str
        Name of each logical value.

    Raises
    ------
    InputError
        If there is no such edge.
    """
    known: dict[str, Edge] = {}
    twice: set[str] = set()
    for edge in edges_of(pattern):
        label, side = labels[edge.label], "high" if edge.is_upper else "low"
        names = [f"{label}.{edge.number}.{side}"]
        if pattern.count(edge.label) == 1:
            names.append(f"{label}.{side}")
        twice |= known.keys() & names
        known.update(dict.fromkeys(names, edge))
    if name in twice:
        raise InputError(f"edge {name!r} could be of two logical values; rename one of them")
    if name not in known:
        raise InputError(f"edge {name!r} is unknown; choose one of {', '.join(known)}")
    return known[name]
