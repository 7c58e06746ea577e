"""Cells: sets of APIs of one order along the voltage axis, with every edge in a range of ranks."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from spicebuf.search.relation import Bools, Places, Ranks, Relation

Range: TypeAlias = tuple[int, int]

NOWHERE = -1
"""The edge of a θ that no single edge decides about."""


@dataclass(frozen=True)
class Run:
    """An interval of one logical value, or several with none of another value between them.

    Attributes
    ----------
    label : int
    first, last : (int, int)
        Ranges of the ranks of the lowest edge and of the highest.
    whole : bool
        Whether it is one interval, without a hole.
    occupied : bool
        Whether it is known to hold the image of a θ that every API of the cell admits.
    """

    label: int
    first: Range
    last: Range
    whole: bool = False
    occupied: bool = False


@dataclass(frozen=True)
class Cell:
    """Some APIs, and the θ that they differ about.

    Attributes
    ----------
    runs : tuple of Run
        Ascending.
    spare : tuple of int
        Of each logical value, how many more intervals there may be.
    sure_senders, sure_takers : array of int
        The θ that every API of the cell admits, as places in a `Relation`.
    senders, takers : array of int
        Those that some of them admit.
    """

    runs: tuple[Run, ...]
    spare: tuple[int, ...]
    sure_senders: Places
    senders: Places
    sure_takers: Places
    takers: Places

    def edges(self) -> Iterator[tuple[int, Range]]:
        """Yield the number of every edge, 2t and 2t + 1 for the two of run t, and its range."""
        for t, run in enumerate(self.runs):
            yield 2 * t, run.first
            yield 2 * t + 1, run.last

    def with_range(self, edge: int, span: Range) -> "Cell":
        """Return the cell with another range of one edge."""
        t, is_last = divmod(edge, 2)
        run = self.runs[t]
        run = replace(run, last=span) if is_last else replace(run, first=span)
        return replace(self, runs=(*self.runs[:t], run, *self.runs[t + 1 :]))

    def with_and_without_hole(self, t: int) -> "Iterator[Cell]":
        """Yield the APIs of which run `t` is one interval, and those of which it has a hole.

        The part below the lowest hole is whole, so that no API is met twice.
        """
        run = self.runs[t]
        within = (run.first[0], run.last[1])
        split = replace(run, last=within, whole=True), replace(run, first=within)
        for runs, cost in (((replace(run, whole=True),), 0), (split, 1)):
            spare = tuple(n - cost * (label == run.label) for label, n in enumerate(self.spare))
            yield replace(self, runs=(*self.runs[:t], *runs, *self.runs[t + 1 :]), spare=spare)

    def narrowed(self) -> "Cell":
        """Return the cell with the ranges that the order of its edges leaves, and its spare intervals.

        One interval ends below the next; each ends where it begins or above.
        """
        spans = [list(span) for _, span in self.edges()]
        for edge in range(1, len(spans)):
            spans[edge][0] = max(spans[edge][0], spans[edge - 1][0] + (edge + 1) % 2)
        for edge in reversed(range(len(spans) - 1)):
            spans[edge][1] = min(spans[edge][1], spans[edge + 1][1] - edge % 2)
        runs = (
            replace(run, first=(a, b), last=(c, d), whole=run.whole or not self.spare[run.label])
            for run, (a, b), (c, d) in zip(self.runs, spans[::2], spans[1::2], strict=True)
        )
        return replace(self, runs=tuple(runs))

    @property
    def is_simple(self) -> bool:
        """Whether each logical value has one interval."""
        return not any(self.spare) and len(self.runs) == len(self.spare)

    def without_holes(self) -> "Cell":
        """Return those of its APIs of which every run is one interval."""
        return replace(self, spare=(0,) * len(self.spare))

    def with_everyone(self, relation: Relation) -> "Cell":
        """Return the cell with all θ of a relation undecided."""
        nobody = np.zeros(0, dtype=np.int64)
        senders, takers = np.arange(len(relation.sent)), np.arange(len(relation.taken))
        return Cell(self.runs, self.spare, nobody, senders, nobody, takers)

    @property
    def is_empty(self) -> bool:
        """Whether the range of an edge is."""
        return any(low > high for _, (low, high) in self.edges())

    def after(self, senders: "Standing", takers: "Standing") -> "Cell":
        """Return the cell with what is known once its θ were looked at; only the open ones stay so."""
        occupied: list[bool] = np.any(senders.at_run & senders.sure, axis=1).tolist()
        return replace(
            self,
            runs=tuple(
                replace(run, occupied=run.occupied or more)
                for run, more in zip(self.runs, occupied, strict=True)
            ),
            sure_senders=np.concatenate([self.sure_senders, self.senders[senders.sure]]),
            senders=self.senders[senders.possible & ~senders.sure],
            sure_takers=np.concatenate([self.sure_takers, self.takers[takers.sure]]),
            takers=self.takers[takers.possible & ~takers.sure],
        )

    def mended(self, takers: "Standing") -> "Cell":
        """Return the cell with holes in no runs but those where one matters to a taker.

        A hole that no taker needs only loses senders.
        """
        torn: list[bool] = np.any(takers.at_run, axis=1).tolist()
        runs = (
            replace(run, whole=run.whole or not is_torn)
            for run, is_torn in zip(self.runs, torn, strict=True)
        )
        return replace(self, runs=tuple(runs))


@dataclass(frozen=True)
class Standing:
    """How θ stand to a cell.

    Attributes
    ----------
    possible, sure : array of bool, shape (n,)
        Whether some, and whether all of its APIs admit each.
    edge : array of int, shape (n,)
        An edge that must lie well for each to be admitted; NOWHERE if no single one must.
    rank : array of int, shape (n,)
        Where that edge must lie: senders need a lowest edge of at most, a highest edge of at least this
        rank; takers the other way round.
    at_run : array of bool, shape (n_runs, n)
        Of senders, which may have a piece in each run; of takers, to which a hole in it could matter.
    """

    possible: Bools
    sure: Bools
    edge: NDArray[np.int16]
    rank: Ranks
    at_run: Bools


def senders_standing(relation: Relation, cell: Cell) -> Standing:
    """Tell how the cell's undecided θ of the first component stand to it."""
    low, high = relation.low[:, :, cell.senders], relation.high[:, :, cell.senders]
    n = len(cell.senders)
    possible, sure = np.ones(n, dtype=np.bool_), np.ones(n, dtype=np.bool_)
    in_run = np.zeros((len(cell.runs), n), dtype=np.bool_)
    need = _Need(n)
    for label in range(relation.n_logical):
        runs = [(t, run) for t, run in enumerate(cell.runs) if run.label == label]
        for a, b in zip(low[label], high[label], strict=True):
            fits = [(a >= run.first[0]) & (b <= run.last[1]) for _, run in runs]
            n_fits = np.sum(fits, axis=0)
            inside = [(a >= run.first[1]) & (b <= run.last[0]) for _, run in runs if run.whole]
            possible &= n_fits > 0
            sure &= np.any(inside, axis=0) if inside else (a > b)
            for fit, (t, run) in zip(fits, runs, strict=True):
                in_run[t] |= fit & (a <= b)
                only = fit & (n_fits == 1)
                need.consider(only, 2 * t, a, (run.first[1] - a), run.first)
                need.consider(only, 2 * t + 1, b, (b - run.last[0]), run.last)
    return Standing(possible, sure, need.edge, need.rank, in_run & possible)


def takers_standing(relation: Relation, cell: Cell) -> Standing:
    """Tell how the cell's undecided θ of the second component stand to it."""
    n = len(cell.takers)
    possible, sure = np.ones(n, dtype=np.bool_), np.ones(n, dtype=np.bool_)
    torn = np.zeros((len(cell.runs), n), dtype=np.bool_)
    need = _Need(n)
    for t, run in enumerate(cell.runs):
        start, end = (
            relation.start[run.label][:, cell.takers],
            relation.end[run.label][:, cell.takers],
        )
        begins = (start <= run.first[1]) & (end >= run.first[0])
        ends = (start <= run.last[1]) & (end >= run.last[0])
        both = begins & ends
        if run.whole:
            begins = ends = both
        can = begins.any(axis=0) & ends.any(axis=0)
        possible &= can
        sure &= ((start <= run.first[0]) & (end >= run.last[1])).any(axis=0)
        if not run.whole:
            torn[t] = (begins | ends).sum(axis=0) > 1
        a, b = _only(start, begins), _only(end, ends)
        need.consider(begins.sum(axis=0) == 1, 2 * t, a, a - run.first[0], run.first)
        need.consider(ends.sum(axis=0) == 1, 2 * t + 1, b, run.last[1] - b, run.last)
    return Standing(possible, sure, need.edge, need.rank, torn & possible)


def _only(ranks: Ranks, chosen: Bools) -> Ranks:
    """Return the rank in the first chosen row of each column."""
    return np.asarray(np.take_along_axis(ranks, chosen.argmax(axis=0)[np.newaxis], axis=0)[0])


class _Need:
    """The edge that each θ demands most of, by the part of its range that it excludes."""

    def __init__(self, n: int) -> None:
        self.edge = np.full(n, NOWHERE, dtype=np.int16)
        self.rank = np.zeros(n, dtype=np.int32)
        self._most = np.zeros(n)

    def consider(self, who: Bools, edge: int, rank: Ranks, excluded: Ranks, span: Range) -> None:
        """Take an edge for some θ, if it excludes more of its range than what they had."""
        width = span[1] - span[0]
        if not width:
            return
        part = excluded / width
        more = who & (part > self._most)
        self.edge[more], self.rank[more], self._most[more] = edge, rank[more], part[more]
