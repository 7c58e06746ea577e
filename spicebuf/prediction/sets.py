"""The sets between which the APIs of a solution lie: the image inside, the preimage outside."""

import numpy as np

from spicebuf.errors import InputError
from spicebuf.search import Images, Preimages, Sets
from spicebuf.search.relation import Floats

_EMPTY = (np.inf, -np.inf)


def sets_of(rows: Images | Preimages) -> list[Sets]:
    """Return the pieces or components of each θ in turn, as they come."""
    lows, highs = (ends.transpose(2, 0, 1).tolist() for ends in (rows.low, rows.high))
    return [
        tuple(
            tuple((a, b) for a, b in zip(*ends, strict=True) if a <= b)
            for ends in zip(low, high, strict=True)
        )
        for low, high in zip(lows, highs, strict=True)
    ]


def row_of(sets: Sets) -> tuple[Floats, Floats, Floats]:
    """Return the ends and the weight 1 of one θ: what makes `Images` or `Preimages`."""
    most = max(1, *(len(intervals) for intervals in sets))
    ends = np.array([[*each, *[_EMPTY] * (most - len(each))] for each in sets], dtype=np.float64)
    return ends[:, :, :1], ends[:, :, 1:], np.ones(1)


def merged(sets: Sets) -> Sets:
    """Return the same sets by ascending intervals that do not meet."""
    return tuple(_merged(sorted(intervals)) for intervals in sets)


def _merged(intervals: list[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    found: list[tuple[float, float]] = []
    for low, high in intervals:
        if found and low <= found[-1][1]:
            low, high = found[-1][0], max(found.pop()[1], high)  # noqa: PLW2901 (the union goes on)
        found.append((low, high))
    return tuple(found)


def wide_of(inner: Sets, outer: Sets) -> Sets:
    """Return the components of `outer` that hold pieces of `inner`, ascending.

    Raises
    ------
    InputError
        If a piece lies in no component.
    """
    return tuple(
        tuple(sorted({_around(piece, components) for piece in pieces}))
        for pieces, components in zip(inner, outer, strict=True)
    )


def _around(
    piece: tuple[float, float], components: tuple[tuple[float, float], ...]
) -> tuple[float, float]:
    for start, end in components:
        if start <= piece[0] and piece[1] <= end:
            return start, end
    raise InputError(
        f"inner: the piece from {piece[0]:g} V to {piece[1]:g} V lies in no component of outer, "
        f"{components}; give the image and the preimage of a pair that works"
    )
