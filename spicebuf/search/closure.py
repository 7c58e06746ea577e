"""Closed APIs: those that admit other θ, or fewer, wherever an edge moves."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import TypeAlias

import numpy as np

from spicebuf.search.relation import Bools, Places, Relation

Intervals: TypeAlias = tuple[tuple[int, int, int], ...]
"""An API by ranks: (label, lowest edge, highest edge), ascending."""


@dataclass(frozen=True)
class Found:
    """An API and the weights of the θ of the first and of the second component that it admits."""

    intervals: Intervals
    sent: float
    taken: float

    @property
    def product(self) -> float:
        """What is to be greatest."""
        return self.sent * self.taken

    @property
    def shape(self) -> tuple[int, ...]:
        """The logical values in the order in which they follow one another along the voltage axis."""
        return tuple(label for label, _ in groupby(label for label, _, _ in self.intervals))


def held_by(relation: Relation, intervals: Intervals, senders: Places) -> Bools:
    """Return which of some senders have each piece in an interval, shape of `senders`."""
    held = np.ones(len(senders), dtype=np.bool_)
    for label in range(relation.n_logical):
        for low, high in zip(relation.low[label], relation.high[label], strict=True):
            a, b = low[senders], high[senders]
            fits = [(a >= first) & (b <= last) for of, first, last in intervals if of == label]
            held &= np.any(fits, axis=0)
    return held


def hold(relation: Relation, intervals: Intervals, takers: Places) -> Bools:
    """Return which of some takers accept every interval, shape of `takers`."""
    hold = np.ones(len(takers), dtype=np.bool_)
    for label, first, last in intervals:
        start, end = relation.start[label][:, takers], relation.end[label][:, takers]
        hold &= ((start <= first) & (end >= last)).any(axis=0)
    return hold


def closed(relation: Relation, intervals: Intervals) -> Found:
    """Return the closed API that admits all that an API admits, and perhaps more, shrunk to its senders.

    Where nothing is admitted on one side, the API is returned as it is.
    """
    every = np.arange(len(relation.sent)), np.arange(len(relation.taken))
    while True:
        takers = hold(relation, intervals, every[1])
        senders = held_by(relation, intervals, every[0])
        if takers.any():
            senders = held_by(relation, _widened(relation, intervals, takers), every[0])
        if not (senders.any() and takers.any()):
            break
        shrunk = _shrunk(relation, _widened(relation, intervals, takers), senders)
        if shrunk == intervals:
            break
        intervals = shrunk
    sent, taken = float(relation.sent[senders].sum()), float(relation.taken[takers].sum())
    return Found(intervals, sent, taken)


def _widened(relation: Relation, intervals: Intervals, takers: Bools) -> Intervals:
    """Widen every interval as far as all of some takers accept."""
    wide = []
    for label, first, last in intervals:
        start, end = relation.start[label][:, takers], relation.end[label][:, takers]
        inside = (start <= first) & (end >= last)
        low = int(np.where(inside, start, -1).max(axis=0).max())
        high = int(np.where(inside, end, len(relation.axis)).min(axis=0).min())
        wide.append((label, low, min(high, len(relation.axis) - 1)))
    return tuple(dict.fromkeys(wide))


def _shrunk(relation: Relation, intervals: Intervals, senders: Bools) -> Intervals:
    """Shrink every interval to the pieces of some senders in it; leave out those that hold none."""
    return tuple(_hulls(relation, intervals, senders))


def _hulls(
    relation: Relation, intervals: Iterable[tuple[int, int, int]], senders: Bools
) -> Iterator[tuple[int, int, int]]:
    for label, first, last in intervals:
        low, high = relation.low[label][:, senders], relation.high[label][:, senders]
        inside = (low >= first) & (high <= last) & (low <= high)
        if inside.any():
            yield label, int(low[inside].min()), int(high[inside].max())
