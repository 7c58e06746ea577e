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
    apart : bool
        Whether some θ that every API of the cell admits is known to need the hole below it.
    """

    label: int
    first: Range
    last: Range
    whole: bool = False
    occupied: bool = False
    apart: bool = False


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

    def after(self, senders: "Standing", takers: "TakersStanding") -> "Cell":
        """Return the cell with what is known once its θ were looked at; only the open ones stay so."""
        occupied = _rows(senders.at_run & senders.sure)
        apart = _rows(takers.apart & takers.sure)
        return replace(
            self,
            runs=tuple(
                replace(run, occupied=run.occupied or held, apart=run.apart or torn)
                for run, held, torn in zip(self.runs, occupied, apart, strict=True)
            ),
            sure_senders=np.concatenate([self.sure_senders, self.senders[senders.sure]]),
            senders=self.senders[senders.possible & ~senders.sure],
            sure_takers=np.concatenate([self.sure_takers, self.takers[takers.sure]]),
            takers=self.takers[takers.possible & ~takers.sure],
        )

    def is_idle(self, senders: "Standing", takers: "TakersStanding") -> bool:
        """Tell whether an interval holds no image or a hole serves no taker: other APIs do better."""
        holds, parts = _rows(senders.at_run), _rows(takers.apart)
        return any(
            not (run.occupied or holds[t])
            or (t > 0 and self.runs[t - 1].label == run.label and not (run.apart or parts[t]))
            for t, run in enumerate(self.runs)
        )

    def mended(self, takers: "Standing") -> "Cell":
        """Return the cell with holes in no runs but those where one matters to a taker.

        A hole that no taker needs only loses senders.
        """
        runs = (
            replace(run, whole=run.whole or not is_torn)
            for run, is_torn in zip(self.runs, _rows(takers.at_run), strict=True)
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


@dataclass(frozen=True)
class TakersStanding(Standing):
    """How θ of the second component stand to a cell.

    Attributes
    ----------
    apart : array of bool, shape (n_runs, n)
        To which the hole between a run and one of the same logical value below it could matter.
    """

    apart: Bools


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


def takers_standing(relation: Relation, cell: Cell) -> TakersStanding:
    """Tell how the cell's undecided θ of the second component stand to it."""
    n = len(cell.takers)
    possible, sure = np.ones(n, dtype=np.bool_), np.ones(n, dtype=np.bool_)
    torn, apart = (np.zeros((len(cell.runs), n), dtype=np.bool_) for _ in range(2))
    need = _Need(n)
    hosts = [_Hosts.of(relation, cell.takers, run) for run in cell.runs]
    for t, (run, host) in enumerate(zip(cell.runs, hosts, strict=True)):
        possible &= host.lowest.any(axis=0) & host.highest.any(axis=0)
        sure &= host.throughout.any(axis=0)
        torn[t] = ~np.bool_(run.whole) & _several(host.lowest | host.highest)
        if t and cell.runs[t - 1].label == run.label:
            apart[t] = _several(hosts[t - 1].highest | host.lowest)
        a, b = _only(host.start, host.lowest), _only(host.end, host.highest)
        need.consider(~_several(host.lowest), 2 * t, a, a - run.first[0], run.first)
        need.consider(~_several(host.highest), 2 * t + 1, b, run.last[1] - b, run.last)
    return TakersStanding(possible, sure, need.edge, need.rank, torn & possible, apart & possible)


@dataclass(frozen=True)
class _Hosts:
    """The components of preimages that a run may lie in; all arrays have the shape (n_components, n).

    Attributes
    ----------
    start, end : array of int
        Ranks.
    lowest, highest : array of bool
        Whether each may hold the run's lowest edge, and its highest.
    throughout : array of bool
        Whether each holds the run wherever its edges are.
    """

    start: Ranks
    end: Ranks
    lowest: Bools
    highest: Bools
    throughout: Bools

    @classmethod
    def of(cls, relation: Relation, takers: Places, run: Run) -> "_Hosts":
        start, end = relation.start[run.label][:, takers], relation.end[run.label][:, takers]
        lowest = (start <= run.first[1]) & (end >= run.first[0])
        highest = (start <= run.last[1]) & (end >= run.last[0])
        if run.whole:
            lowest = highest = lowest & highest
        throughout = (start <= run.first[0]) & (end >= run.last[1])
        return cls(start, end, lowest, highest, throughout)


def _rows(table: Bools) -> list[bool]:
    """Return in which rows anything is true."""
    return [bool(row.any()) for row in table]


def _several(chosen: Bools) -> Bools:
    """Return in which columns more than one row is chosen."""
    return np.asarray(np.count_nonzero(chosen, axis=0) > 1)


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
