"""The APIs of greatest log volume between two components, with a proof."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from spicebuf.errors import InputError
from spicebuf.search.branch import Clock, Field, Record, explore
from spicebuf.search.cells import Cell
from spicebuf.search.closure import Found
from spicebuf.search.cores import compatibility, cores
from spicebuf.search.relation import Floats, Images, Preimages, Relation, Sets, relate
from spicebuf.search.shapes import Shape, can_send, can_take, require_shapes, root, shapes_of
from spicebuf.search.solutions import MAX_PAIRS

MAX_CELLS = 10_000_000
"""Cells after which a search stops unless another number is given."""

# Cells that are looked at for a first good API, before anything is proven.
_FIRST_CELLS = 300
# Images that are tried as APIs before that.
_FIRST_IMAGES = 20


@dataclass(frozen=True)
class Candidate:
    """A closed API.

    Attributes
    ----------
    tight, wide : tuple
        Intervals of each logical value [V]: the least sets that hold the admitted images, and the largest
        that all admitted preimages hold. Every API between them admits the same θ.
    shape : tuple of int
        Logical values in ascending order of voltage.
    sent, taken : float
        Weights of the θ of the first and of the second component that it admits.
    """

    tight: Sets
    wide: Sets
    shape: Shape
    sent: float
    taken: float

    @property
    def product(self) -> float:
        """What is to be greatest."""
        return self.sent * self.taken


@dataclass(frozen=True)
class Optimum:
    """The best closed APIs of two banks, best first, and what none can exceed.

    Attributes
    ----------
    best : tuple of Candidate
    limit : float
        No API that was searched for admits weights of a greater product.
    n_cells : int
        Cells that were looked at.
    is_complete : bool
        Whether no closed API can be missing in `best`.
    """

    best: tuple[Candidate, ...]
    limit: float
    n_cells: int
    is_complete: bool = True

    @property
    def gap(self) -> float:
        """How much better an API might be than the best one found [nat]; 0 proves that none is."""
        if not self.limit:
            return 0.0
        return math.log(self.limit / self.best[0].product) if self.best else math.inf


def search(
    images: Images,
    preimages: Preimages,
    max_intervals: int,
    *,
    n_best: int = 1,
    shapes: Sequence[Shape] | None = None,
    above: float = 0.0,
    max_seconds: float = math.inf,
    max_cells: int = MAX_CELLS,
    on_progress: Callable[[int, float, float], None] = lambda _n, _best, _limit: None,
) -> Optimum:
    """Find the APIs between two components for which the product of admitted weights is greatest.

    Exact: branch and bound over the order and the edges of the intervals. Edges lie on ends of images,
    which loses nothing.

    Parameters
    ----------
    images, preimages : Images, Preimages
        Of the two components' banks, for the same logical values.
    max_intervals : int
        Of each logical value, ≥ 1.
    n_best : int
        How many closed APIs to find, ≥ 1.
    shapes : sequence of tuple, optional
        Orders to look at; by default all that `max_intervals` allows.
    above : float
        Look only for APIs with a greater product than this, ≥ 0; the limit is no less.
    max_seconds, max_cells : float, int
        Where to stop without a proof.
    on_progress : callable
        Called with the number of cells so far, the best product, and what none of a part can exceed.

    Raises
    ------
    InputError
        If `max_intervals` < 1 or leads to too many shapes, `n_best` < 1, one of `shapes` is none, or the
        logical values differ.
    """
    if n_best < 1:
        raise InputError(f"n-best = {n_best} must be at least 1")
    relation = relate(images, preimages)
    orders = shapes_of(relation.n_logical, max_intervals) if shapes is None else tuple(shapes)
    if shapes is not None:
        require_shapes(orders, relation.n_logical, max_intervals)
        relation = _of_shapes(relation, images, preimages, orders)
    if not len(relation.sent) or not len(relation.taken):
        return Optimum((), above, 0)
    record, clock = Record(relation, n_best, frozenset(orders)), Clock(max_seconds, max_cells)
    record.floor = above

    def tell(n_cells: int, limit: float) -> None:
        on_progress(n_cells, record.top, limit)

    _begin(relation, record, max_intervals)
    roots = [root(relation, shape, max_intervals) for shape in orders]
    left = _explore_all(relation, roots, record, clock, tell)
    best = tuple(_candidate(each, relation, preimages) for each in record.best)
    limit = max(left, record.top, above, _most_without_images(relation))
    return Optimum(best, limit, clock.n_cells, is_complete=left == 0.0)


def _begin(relation: Relation, record: Record, max_intervals: int) -> None:
    """Put the APIs of some single images on record, so that there is one however early the end comes."""
    step = max(1, len(relation.sent) // _FIRST_IMAGES)
    for place in range(0, len(relation.sent), step):
        pieces = [
            (label, int(low), int(high))
            for label in range(relation.n_logical)
            for low, high in zip(
                relation.low[label, :, place], relation.high[label, :, place], strict=True
            )
            if low <= high
        ]
        intervals = tuple(sorted(set(pieces), key=lambda piece: piece[1:]))
        labels = [label for label, _, _ in intervals]
        if max(map(labels.count, labels), default=0) <= max_intervals:
            record.add(intervals)


def _most_without_images(relation: Relation) -> float:
    """Return what no API can exceed of which a logical value holds no image: edges are no ends of images.

    Such an API admits none but θ of which all pieces of that value are empty.
    """
    without = (relation.low > relation.high).all(axis=1)
    return float((without @ relation.sent).max() * relation.taken.sum())


def _of_shapes(
    relation: Relation, images: Images, preimages: Preimages, shapes: Sequence[Shape]
) -> Relation:
    """Return the relation of those θ that an API of some shape could admit."""
    senders, takers = images[relation.senders], preimages[relation.takers]
    return relation.part(
        np.flatnonzero(np.any([can_send(senders, shape) for shape in shapes], axis=0)),
        np.flatnonzero(np.any([can_take(takers, shape) for shape in shapes], axis=0)),
    )


def _explore_all(
    relation: Relation,
    roots: list[Cell],
    record: Record,
    clock: Clock,
    tell: Callable[[int, float], None],
) -> float:
    """Explore all APIs of some roots; return what those that were left out cannot exceed."""
    if all(cell.is_simple for cell in roots):
        return explore(Field(relation), roots, record, clock, tell)
    first = [cell.without_holes() for cell in roots]
    explore(Field(relation), first, record, clock, tell, n_cells=_FIRST_CELLS)
    if len(relation.sent) * len(relation.taken) > MAX_PAIRS:
        return explore(Field(relation), roots, record, clock, tell)
    matrix = compatibility(relation)
    if not record.floor:
        return explore(Field(relation, matrix), roots, record, clock, tell)
    limits = [0.0]
    for core in sorted(cores(matrix, record.floor), key=lambda core: -core.limit):
        if core.limit <= record.floor:
            break
        part = relation.part(core.senders, core.takers)
        field = Field(part, compatibility(part), core.least_sent, core.least_taken)
        cells = [cell.with_everyone(part) for cell in roots]
        limits.append(min(core.limit, explore(field, cells, record, clock, tell)))
    return max(limits)


def widened(sets: Sets, preimages: Preimages) -> Sets:
    """Return the largest API around another that all preimages hold, which must hold that one."""
    return tuple(
        tuple(dict.fromkeys(_around(a, b, starts, ends) for a, b in intervals))
        for intervals, starts, ends in zip(sets, preimages.low, preimages.high, strict=True)
    )


def _candidate(found: Found, relation: Relation, preimages: Preimages) -> Candidate:
    tight = relation.sets(found.intervals)
    wide = widened(tight, preimages[np.flatnonzero(preimages.hold(tight))])
    return Candidate(tight, wide, found.shape, found.sent, found.taken)


def _around(low: float, high: float, starts: Floats, ends: Floats) -> tuple[float, float]:
    """Return the largest interval around another that lies in one component of all preimages."""
    inside = (starts <= low) & (ends >= high)
    return float(starts[inside].max()), float(ends[inside].min())
