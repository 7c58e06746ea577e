"""The greatest log volume as a function of two edges of the API."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeAlias

import numpy as np

from spicebuf.errors import InputError
from spicebuf.search.boxes import best_of_two_free, boxes_of
from spicebuf.search.closure import Intervals
from spicebuf.search.fixed import best_with_fixed
from spicebuf.search.grids import relate_at_ends, to_nanovolts
from spicebuf.search.naming import Edge, edges_of
from spicebuf.search.relation import Floats, Images, Preimages, Relation, Sets
from spicebuf.search.shapes import can_send, can_take

_MAX_RANKS = 1000
_TWO = 2

_Solve: TypeAlias = Callable[[tuple[int, int]], tuple[float, Intervals]]
"""Ranks of the two fixed edges → the greatest product, and an API that has it."""


@dataclass(frozen=True)
class Landscape:
    """The greatest log volume, as a function of two edges, over all others.

    Attributes
    ----------
    pattern : tuple of int
        Labels of the intervals, ascending.
    edges : (Edge, Edge)
    axes : (array of float, array of float), shapes (m1,), (m2,)
        Where each of them lies [V].
    log_product : array of float, shape (m1, m2)
        Log of the weight of admitted images times the weight of admitting preimages [nat]; −inf where no
        API admits any.
    log_total : float
        The same for all weights, whether an API admits them or not [nat].
    best : tuple or None
        An API at the maximum, the intervals of each logical value in turn [V].
    """

    pattern: tuple[int, ...]
    edges: tuple[Edge, Edge]
    axes: tuple[Floats, Floats]
    log_product: Floats
    log_total: float
    best: Sets | None

    @property
    def log_volume(self) -> Floats:
        """The greatest log volume [nat], shape (m1, m2)."""
        return self.log_product - self.log_total


def landscape(
    images: Images,
    preimages: Preimages,
    pattern: Sequence[int],
    edges: tuple[Edge, Edge],
    axes: tuple[Floats, Floats],
    on_progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Landscape:
    """Find the greatest log volume of all APIs with two edges at given voltages.

    Exact to 1 nV, wherever the other edges lie. With these moved outwards to where a preimage ends, an
    API admits no fewer, so that only ends of preimages are looked at.

    Two intervals take two cumulative tables for each pair of voltages; more, or preimages with very many
    ends, a branch and bound.

    Parameters
    ----------
    images, preimages : Images, Preimages
        Of the two components' banks, for the same logical values.
    pattern : sequence of int
        Labels of the intervals of the APIs, ascending; each logical value at least once.
    edges : (Edge, Edge)
        Two different edges of the pattern.
    axes : (array of float, array of float)
        Where to put each of them [V], ascending; see `grid_of`.
    on_progress : callable
        Called with the number of pairs of voltages so far and of all.

    Raises
    ------
    InputError
        If `pattern`, `edges` or `axes` are not of that kind, or nothing weighs anything.
    """
    pattern = tuple(pattern)
    fixed = _require(images.low.shape[0], pattern, edges, axes)
    relation = _relation(images, preimages, pattern, axes)
    ranks = [np.searchsorted(relation.axis, to_nanovolts(axis)).tolist() for axis in axes]
    solve = _solver(relation, pattern, fixed)
    found = np.zeros((len(axes[0]), len(axes[1])))
    best: Intervals = ()
    for n, (i, j) in enumerate(np.ndindex(found.shape), start=1):
        found[i, j], intervals = solve((ranks[0][i], ranks[1][j]))
        best = intervals if found[i, j] > 0.0 and found[i, j] >= found.max() else best
        on_progress(n, found.size)
    with np.errstate(divide="ignore"):
        log_product = np.log(found)
    sets = relation.sets(best) if best else None
    return Landscape(pattern, edges, axes, log_product, _log_total(images, preimages), sets)


def _require(
    n_logical: int, pattern: tuple[int, ...], edges: tuple[Edge, Edge], axes: tuple[Floats, Floats]
) -> tuple[int, int]:
    """Return the places of two edges among all of a pattern."""
    if set(pattern) != set(range(n_logical)):
        raise InputError(
            f"pattern = {pattern} must hold each of the {n_logical} logical values, numbered from 0, "
            "at least once"
        )
    known = edges_of(pattern)
    if len(set(edges)) != _TWO or not set(edges) <= set(known):
        names = ", ".join(f"{e.label}.{e.number}.{'high' if e.is_upper else 'low'}" for e in edges)
        raise InputError(f"edges {names} must be two different edges of the pattern {pattern}")
    if not all(len(axis) and np.isfinite(axis).all() for axis in axes):
        raise InputError("axes must each hold at least one voltage, and finite ones; see grid_of")
    return known.index(edges[0]), known.index(edges[1])


def _relation(
    images: Images, preimages: Preimages, pattern: tuple[int, ...], axes: tuple[Floats, Floats]
) -> Relation:
    """Rank all θ that an API of a pattern may admit, on an axis of all places that its edges may need."""
    shape = tuple(label for label, _ in groupby(pattern))
    images, preimages = images[can_send(images, shape)], preimages[can_take(preimages, shape)]
    # Intervals of one logical value may meet on their way outwards: each then ends where an image does.
    met = () if len(shape) == len(pattern) else (images.low, images.high)
    return relate_at_ends(images, preimages, *axes, *met)


def _solver(relation: Relation, pattern: tuple[int, ...], fixed: tuple[int, int]) -> _Solve:
    if len(pattern) == len(set(pattern)) == _TWO and len(relation.axis) <= _MAX_RANKS:
        return _by_tables(relation, pattern, fixed)
    return _by_bounds(relation, pattern, fixed)


def _by_tables(relation: Relation, pattern: tuple[int, ...], fixed: tuple[int, int]) -> _Solve:
    boxes = boxes_of(relation, pattern, ascending=True)

    def solve(ranks: tuple[int, int]) -> tuple[float, Intervals]:
        inward = [boxes.inward(edge, rank) for edge, rank in zip(fixed, ranks, strict=True)]
        most, edges = best_of_two_free(boxes, fixed, inward)
        ends = boxes.intervals(edges)
        return most, tuple((label, *pair) for label, pair in zip(pattern, ends, strict=False))

    return solve


def _by_bounds(relation: Relation, pattern: tuple[int, ...], fixed: tuple[int, int]) -> _Solve:
    last: Intervals = ()

    def solve(ranks: tuple[int, int]) -> tuple[float, Intervals]:
        # What is best for a pair of voltages is a good guess for the next.
        nonlocal last
        at = dict(zip(fixed, ranks, strict=True))
        most, intervals = best_with_fixed(relation, pattern, at, last)
        last = intervals or last
        return most, intervals

    return solve


def _log_total(images: Images, preimages: Preimages) -> float:
    total = float(images.weight.sum() * preimages.weight.sum())
    if not total:
        raise InputError("images and preimages: some weight of each must be above 0")
    return math.log(total)
