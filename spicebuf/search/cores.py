"""Cores: the few θ that an API better than one already found could admit.

If an API admits senders of weight X and takers of weight Y, all of them work with one another: each
sender with takers of weight Y or more, each taker with senders of weight X or more. For each range of Y,
what lacks that is left out, again and again until nothing is (progressive bounding of bicliques: Lyu et
al., Proc. VLDB Endowment 13, 2020, 1359-1372).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spicebuf.search.relation import Bools, Floats, Places, Relation

Bits = NDArray[np.uint8]

_FACTOR = 1.05
_BLOCK = 1 << 22


@dataclass(frozen=True)
class Compatibility:
    """Which senders work with which takers, as bits.

    Attributes
    ----------
    of_senders : array of uint8, shape (n1, ⌈n2 / 8⌉)
        Takers of each sender.
    of_takers : array of uint8, shape (n2, ⌈n1 / 8⌉)
        Senders of each taker.
    sent, taken : array of float, shapes (n1,), (n2,)
        Weights.
    """

    of_senders: Bits
    of_takers: Bits
    sent: Floats
    taken: Floats

    def degrees_of_senders(self, senders: Places, takers: Places) -> Floats:
        """Return the weight of the given takers that each of the given senders works with."""
        return _degrees(self.of_senders[senders], takers, self.taken)

    def degrees_of_takers(self, takers: Places, senders: Places) -> Floats:
        """Return the weight of the given senders that each of the given takers works with."""
        return _degrees(self.of_takers[takers], senders, self.sent)

    def sums_over_takers(self, values: Floats) -> Floats:
        """Return for each sender the sum of one value for each taker that it works with."""
        return _sums(self.of_senders, values)

    def sums_over_senders(self, values: Floats) -> Floats:
        """Return for each taker the sum of one value for each sender that it works with."""
        return _sums(self.of_takers, values)


@dataclass(frozen=True)
class Core:
    """What is left of both sides for a range of Y.

    Attributes
    ----------
    senders, takers : array of int
        Places in the `Relation`.
    limit : float
        What no API of that range can exceed.
    least_sent, least_taken : float
        What an API of that range admits at least, if it is better.
    """

    senders: Places
    takers: Places
    limit: float
    least_sent: float
    least_taken: float


def compatibility(relation: Relation) -> Compatibility:
    """Compare every sender with every taker."""
    n1, n2 = len(relation.sent), len(relation.taken)
    rows = max(8, _BLOCK // max(1, n2) // 8 * 8)
    of_senders = np.empty((n1, -(-n2 // 8)), dtype=np.uint8)
    of_takers = np.empty((n2, -(-n1 // 8)), dtype=np.uint8)
    for first in range(0, n1, rows):
        works = _works(relation, slice(first, first + rows))
        of_senders[first : first + rows] = np.packbits(works, axis=1)
        of_takers[:, first // 8 : first // 8 + -(-len(works) // 8)] = np.packbits(works, axis=0).T
    return Compatibility(of_senders, of_takers, relation.sent, relation.taken)


def _works(relation: Relation, rows: slice) -> Bools:
    low, high = relation.low[:, :, rows], relation.high[:, :, rows]
    works = np.ones((low.shape[2], len(relation.taken)), dtype=np.bool_)
    for label in range(relation.n_logical):
        for a, b in zip(low[label], high[label], strict=True):
            inside = (a > b)[:, np.newaxis] & np.ones_like(works)
            for start, end in zip(relation.start[label], relation.end[label], strict=True):
                inside |= (a[:, np.newaxis] >= start) & (b[:, np.newaxis] <= end)
            works &= inside
    return works


def cores(matrix: Compatibility, floor: float) -> Iterator[Core]:
    """Yield what is left for every range of Y in which an API could exceed `floor` > 0."""
    y = floor / float(matrix.sent.sum())
    while y <= matrix.taken.sum():
        core = _core(matrix, y, floor)
        if core.limit > floor:
            yield core
        y *= _FACTOR


def _core(matrix: Compatibility, y: float, floor: float) -> Core:
    """Return the core for Y between `y` and `_FACTOR` · `y`."""
    senders, takers = np.arange(len(matrix.sent)), np.arange(len(matrix.taken))
    x = floor / (_FACTOR * y)
    n = -1
    while n != len(senders) + len(takers):
        n = len(senders) + len(takers)
        senders = senders[matrix.degrees_of_senders(senders, takers) >= y]
        takers = takers[matrix.degrees_of_takers(takers, senders) >= x]
    sent, taken = matrix.sent[senders], matrix.taken[takers]
    limit = min(
        most_by_degrees(matrix.degrees_of_senders(senders, takers), sent),
        most_by_degrees(matrix.degrees_of_takers(takers, senders), taken),
        _FACTOR * y * float(sent.sum()),
    )
    return Core(senders, takers, limit, x, y)


def most_by_degrees(degree: Floats, weight: Floats) -> float:
    """Return the greatest product of a weight X of θ and a degree Y that each of them reaches."""
    order = np.argsort(-degree)
    return float((degree[order] * np.cumsum(weight[order])).max(initial=0.0))


def _degrees(bits: Bits, chosen: Places, weight: Floats) -> Floats:
    """Return the weight of the chosen partners of each row."""
    is_chosen = np.zeros(len(weight), dtype=np.bool_)
    is_chosen[chosen] = True
    if (weight == weight[0]).all():
        common = bits & np.packbits(is_chosen)
        return np.asarray(weight[0] * np.bitwise_count(common).sum(axis=1, dtype=np.int64))
    return _sums(bits, np.where(is_chosen, weight, 0.0))


def _sums(bits: Bits, values: Floats) -> Floats:
    """Return the sum of the values of each row's partners."""
    rows = max(1, _BLOCK // len(values))
    parts = [
        np.unpackbits(bits[first : first + rows], axis=1, count=len(values)).astype(np.float64)
        @ values
        for first in range(0, len(bits), rows)
    ]
    return np.concatenate(parts) if parts else np.zeros(0)
