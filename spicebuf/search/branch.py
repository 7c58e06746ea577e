"""Best-first branch and bound over cells, until no cell can hold a better API than those found."""

import heapq
import itertools
import math
import time
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from spicebuf.search.bounds import Bound, bound_of
from spicebuf.search.cells import Cell, senders_standing, takers_standing
from spicebuf.search.closure import Found, Intervals, closed, held_by, hold
from spicebuf.search.cores import Compatibility, most_by_degrees
from spicebuf.search.relation import Floats, Relation

ROUNDING = 1e-11
"""By which part sums of weights in another order may differ."""


class Record:
    """The best closed APIs so far, at most `n_best` of them, and what it takes to be among them."""

    def __init__(self, relation: Relation, n_best: int, shapes: Container[tuple[int, ...]]) -> None:
        self._relation = relation
        self._n_best = n_best
        self._shapes = shapes
        self._found: dict[Intervals, Found] = {}
        self.floor = 0.0
        """The product that an API must exceed."""

    def add(self, intervals: Intervals) -> None:
        """Take the closed API that an API leads to into the record, if it is good enough."""
        found = closed(self._relation, intervals)
        if found.product <= self.floor or found.shape not in self._shapes:
            return
        self._found[found.intervals] = found
        for left_out in self.best[self._n_best :]:
            del self._found[left_out.intervals]
        if len(self._found) == self._n_best:
            self.floor = self.best[-1].product * (1.0 + ROUNDING)

    @property
    def top(self) -> float:
        """The greatest product on record, 0 without any."""
        return max((found.product for found in self._found.values()), default=0.0)

    @property
    def best(self) -> list[Found]:
        """The record, best first."""
        return sorted(self._found.values(), key=lambda found: (-found.product, found.intervals))


class Clock:
    """The time and the number of cells that a search may take."""

    def __init__(self, max_seconds: float, max_cells: int) -> None:
        self._end = time.monotonic() + max_seconds
        self._max_cells = max_cells
        self.n_cells = 0

    def is_over(self, n_cells: int | None = None) -> bool:
        """Tell whether the time or the cells are used up, or `n_cells` are."""
        most = self._max_cells if n_cells is None else min(n_cells, self._max_cells)
        return self.n_cells >= most or time.monotonic() >= self._end


@dataclass(frozen=True)
class Field:
    """Where is searched, and what is known of any API there that is better than those on record.

    Attributes
    ----------
    relation : Relation
    matrix : Compatibility or None
        Of all its θ; None where there are too many.
    least_sent, least_taken : float
        Weights that such an API admits at least.
    """

    relation: Relation
    matrix: Compatibility | None = None
    least_sent: float = 0.0
    least_taken: float = 0.0


def explore(
    field: Field,
    cells: Iterable[Cell],
    record: Record,
    clock: Clock,
    on_progress: Callable[[int, float], None] = lambda _n, _limit: None,
    n_cells: int | None = None,
) -> float:
    """Look for the APIs of greatest product in some cells, and put them on record.

    Stops where the clock is over, or has counted `n_cells`.

    Best-first branch and bound (Land & Doig, Econometrica 28, 1960, 497-520).

    Returns
    -------
    float
        What no API of the cells that were left can exceed; 0 if none was left.
    """
    count = itertools.count()
    heap: list[tuple[float, int, Cell]] = []

    def put(cell: Cell, bound: float) -> None:
        heapq.heappush(heap, (-bound, next(count), cell))

    for cell in cells:
        put(cell, math.inf)
    while heap and not clock.is_over(n_cells):
        bound, _, cell = heapq.heappop(heap)
        if -bound <= record.floor:
            return 0.0
        clock.n_cells += 1
        on_progress(clock.n_cells, -bound)
        for part, limit in _parts(field, cell, -bound, record):
            put(part, limit)
    return max(0.0, -heap[0][0]) if heap and -heap[0][0] > record.floor else 0.0


def _parts(field: Field, cell: Cell, limit: float, record: Record) -> Iterator[tuple[Cell, float]]:
    """Put a cell's best guess on record; yield its parts, unless they cannot hold a better API."""
    relation, cell = field.relation, cell.narrowed()
    if cell.is_empty:
        return
    takers = takers_standing(relation, cell)
    cell = cell.mended(takers)
    senders = senders_standing(relation, cell)
    left = cell.after(senders, takers)
    if left.is_idle(senders, takers):
        return
    limit = min(limit, _most(field, left))
    if limit <= record.floor:
        return
    bound = bound_of(relation, cell, senders, takers)
    _guess(relation, left, bound.edges, record)
    limit = min(limit, bound.product * (1.0 + ROUNDING))
    if limit > record.floor:
        torn = takers.at_run @ relation.taken[cell.takers]
        for part in _split(left, bound, torn):
            yield part, limit


def _most(field: Field, cell: Cell) -> float:
    """Return what no API of a cell can exceed, by the number of its θ and of their partners."""
    senders = np.concatenate([cell.sure_senders, cell.senders])
    takers = np.concatenate([cell.sure_takers, cell.takers])
    sent, taken = field.relation.sent[senders], field.relation.taken[takers]
    x, y = float(sent.sum()), float(taken.sum())
    if x < field.least_sent or y < field.least_taken:
        return 0.0
    if field.matrix is None:
        return x * y
    return min(
        most_by_degrees(field.matrix.degrees_of_senders(senders, takers), sent),
        most_by_degrees(field.matrix.degrees_of_takers(takers, senders), taken),
    )


def _guess(relation: Relation, cell: Cell, edges: tuple[int, ...], record: Record) -> None:
    """Put the API of some edges, without holes, on record if it is good enough."""
    intervals = tuple(
        (run.label, edges[2 * t], edges[2 * t + 1]) for t, run in enumerate(cell.runs)
    )
    if not _ascend(intervals):
        return
    senders = cell.senders[held_by(relation, intervals, cell.senders)]
    takers = cell.takers[hold(relation, intervals, cell.takers)]
    sent = relation.sent[cell.sure_senders].sum() + relation.sent[senders].sum()
    taken = relation.taken[cell.sure_takers].sum() + relation.taken[takers].sum()
    if float(sent * taken) > record.floor:
        record.add(intervals)


def _ascend(intervals: Intervals) -> bool:
    ends = [end for _, a, b in intervals for end in (a, b)]
    return all(a <= b for a, b in pairwise(ends))


def _split(cell: Cell, bound: Bound, torn: Floats) -> Iterator[Cell]:
    """Cut a cell in two where most is at stake: an edge's range, or with a hole and without."""
    edge = int(np.argmax(bound.conflict))
    run = int(np.argmax(torn))
    if torn[run] / bound.rate > bound.conflict[edge]:
        yield from cell.with_and_without_hole(run)
        return
    spans = dict(cell.edges())
    if not bound.conflict[edge]:
        edge = max(spans, key=lambda each: spans[each][1] - spans[each][0])
    low, high = spans[edge]
    if low < high:
        yield cell.with_range(edge, (low, bound.middle[edge] - 1))
        yield cell.with_range(edge, (bound.middle[edge], high))
