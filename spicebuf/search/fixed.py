"""The best API whose intervals have some labels in a row, with some edges fixed, by branch and bound."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from spicebuf.search.branch import ROUNDING, Clock, Field, Record, explore
from spicebuf.search.cells import Cell, Run
from spicebuf.search.closure import Found, Intervals, held_by, hold
from spicebuf.search.relation import Floats, Places, Relation


def best_with_fixed(
    relation: Relation, pattern: Sequence[int], ranks: Mapping[int, int], guess: Intervals = ()
) -> tuple[float, Intervals]:
    """Return the greatest product of weights, and an API that has it; nothing if no API admits any.

    Parameters
    ----------
    relation : Relation
        The edges lie on its axis.
    pattern : sequence of int
        Labels of the intervals, ascending.
    ranks : mapping of int to int
        Of the edges 2t and 2t + 1 of interval t that are fixed.
    guess : tuple, optional
        An API of the same pattern, whose free edges may do.
    """
    record = _Unmoved(relation)
    if guess:
        record.add(_with_edges(guess, ranks))
    cell = _cell(relation, pattern, ranks)
    explore(Field(relation), [cell], record, Clock(math.inf, np.iinfo(np.int64).max))
    return (record.best[0].product, record.best[0].intervals) if record.best else (0.0, ())


class _Unmoved(Record):
    """The best API, with its edges left where they are."""

    def __init__(self, relation: Relation) -> None:
        super().__init__(relation, 1, frozenset())

    def add(self, intervals: Intervals) -> None:
        """Take an API into the record, if it is better and its intervals do not meet."""
        if not _is_api(intervals):
            return
        relation = self._relation
        sent = relation.sent[held_by(relation, intervals, _all(relation.sent))].sum()
        taken = relation.taken[hold(relation, intervals, _all(relation.taken))].sum()
        found = Found(intervals, float(sent), float(taken))
        if found.product > self.floor:
            self._found = {intervals: found}
            self.floor = found.product * (1.0 + ROUNDING)


def _all(weight: Floats) -> Places:
    return np.arange(len(weight))


def _is_api(intervals: Intervals) -> bool:
    return all(low <= high for _, low, high in intervals) and all(
        below < above for (_, _, below), (_, above, _) in pairwise(intervals)
    )


def _with_edges(intervals: Intervals, ranks: Mapping[int, int]) -> Intervals:
    return tuple(
        (label, ranks.get(2 * t, low), ranks.get(2 * t + 1, high))
        for t, (label, low, high) in enumerate(intervals)
    )


def _cell(relation: Relation, pattern: Sequence[int], ranks: Mapping[int, int]) -> Cell:
    """Return the cell of all these APIs, even of those with intervals that serve nobody."""
    anywhere, nobody = (0, len(relation.axis) - 1), np.zeros(0, dtype=np.int64)
    spans = {edge: (rank, rank) for edge, rank in ranks.items()}
    runs = tuple(
        Run(
            label,
            spans.get(2 * t, anywhere),
            spans.get(2 * t + 1, anywhere),
            whole=True,
            occupied=True,
            apart=True,
        )
        for t, label in enumerate(pattern)
    )
    nothing_spare = (0,) * relation.n_logical
    return Cell(runs, nothing_spare, nobody, nobody, nobody, nobody).with_everyone(relation)
