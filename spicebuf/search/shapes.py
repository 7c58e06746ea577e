"""Shapes: in which order the logical values of an API follow one another along the voltage axis."""

from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import TypeAlias

import numpy as np

from spicebuf.errors import InputError
from spicebuf.search.cells import Cell, Run
from spicebuf.search.relation import Bools, Floats, Images, Preimages, Relation, Sets

Shape: TypeAlias = tuple[int, ...]
"""Labels of the runs of an API, ascending; no label follows itself."""

MAX_SHAPES = 5000

_NAMES: dict[Shape, str] = {(0, 1): "non-inverting", (1, 0): "inverting"}


def name_of(shape: Shape) -> str:
    """Return what a shape is called among people, for two logical values; else its labels."""
    if set(shape) == {0, 1}:
        return _NAMES.get(shape, f"folded {''.join(map(str, shape))}")
    return "".join(map(str, shape))


def pattern_of(sets: Sets) -> tuple[int, ...]:
    """Return the label of every interval of an API, ascending."""
    return tuple(
        label for _, label in sorted((a, k) for k, each in enumerate(sets) for a, _ in each)
    )


def shape_of(sets: Sets) -> Shape:
    """Return the order of the logical values of an API."""
    return tuple(label for label, _ in groupby(pattern_of(sets)))


def shapes_of(n_logical: int, max_intervals: int) -> tuple[Shape, ...]:
    """Return all shapes in which each of `n_logical` values has 1 to `max_intervals` runs, short first.

    Raises
    ------
    InputError
        If `max_intervals` is below 1, or there are more than `MAX_SHAPES`.
    """
    _require_intervals(max_intervals)
    found: list[Shape] = []
    beginnings: list[Shape] = [()]
    while beginnings:
        longer = []
        for shape in beginnings:
            if len(set(shape)) == n_logical:
                found.append(shape)
            longer += [
                (*shape, label)
                for label in range(n_logical)
                if shape[-1:] != (label,) and shape.count(label) < max_intervals
            ]
        if len(found) + len(longer) > MAX_SHAPES:
            raise InputError(
                f"max-intervals = {max_intervals} with {n_logical} logical values gives more than "
                f"{MAX_SHAPES} orders of intervals; choose a smaller number"
            )
        beginnings = longer
    return tuple(found)


def require_shapes(shapes: Sequence[Shape], n_logical: int, max_intervals: int) -> None:
    """Refuse what is no shape in which each of `n_logical` values has 1 to `max_intervals` runs."""
    _require_intervals(max_intervals)
    for shape in shapes:
        most = max(map(shape.count, shape), default=0)
        repeats = any(a == b for a, b in pairwise(shape))
        if set(shape) != set(range(n_logical)) or repeats or most > max_intervals:
            raise InputError(
                f"shape {shape} must have each of the logical values 0 to {n_logical - 1} 1 to "
                f"{max_intervals} times (max-intervals), never twice in a row"
            )


def _require_intervals(max_intervals: int) -> None:
    if max_intervals < 1:
        raise InputError(
            f"max-intervals = {max_intervals} must be at least 1: an API needs an interval for each "
            "logical value"
        )


def root(relation: Relation, shape: Shape, max_intervals: int) -> Cell:
    """Return the cell of all APIs of a shape with at most `max_intervals` for each logical value."""
    anywhere, nobody = (0, len(relation.axis) - 1), np.zeros(0, dtype=np.int64)
    runs = tuple(Run(label, anywhere, anywhere) for label in shape)
    spare = tuple(max_intervals - shape.count(label) for label in range(relation.n_logical))
    return Cell(runs, spare, nobody, nobody, nobody, nobody).with_everyone(relation)


def can_send(images: Images, shape: Shape) -> Bools:
    """Return whose pieces an API of a shape could hold, shape (n,)."""
    low, labels = _ascending(images.low)
    run = np.zeros(low.shape[1], dtype=np.int64)
    runs = np.array([*shape, -1])
    for piece, label in zip(low, labels, strict=True):
        # Each piece lies in the lowest run of its label that is not below those of the pieces before.
        there = np.isfinite(piece)
        for _ in shape:
            run += there & (runs[run] != label) & (run < len(shape))
    return np.asarray(run < len(shape))


def can_take(preimages: Preimages, shape: Shape) -> Bools:
    """Return whose preimages have components in the order of a shape, shape (n,)."""
    low, labels = _ascending(preimages.low)
    run = np.zeros(low.shape[1], dtype=np.int64)
    runs = np.array([*shape, -1])
    for component, label in zip(low, labels, strict=True):
        run += (component < np.inf) & (runs[run] == label)
    return np.asarray(run == len(shape))


def _ascending(low: Floats) -> tuple[Floats, "np.ndarray[tuple[int, int], np.dtype[np.int64]]"]:
    """Return the lower ends and the labels of all intervals of each θ, ascending, shape (m, n)."""
    n_logical, m, n = low.shape
    flat = low.reshape(n_logical * m, n)
    order = np.argsort(flat, axis=0, kind="stable")
    return np.take_along_axis(flat, order, axis=0), order // m
