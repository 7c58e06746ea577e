"""An upper bound on the product of two weights over a cell, and the API in it that the bound suggests.

Every θ that a cell leaves open is made to depend on one edge alone. For each λ > 0 the product of the
two weights X and Y is at most (λX + Y/λ)²/4, and that sum is greatest where each edge, by itself, is
best. What the bound gives away goes with the square of the cell's size, where the greatest X times the
greatest Y gives away its size itself: few cells near an optimum stay alive.
"""

import math
from dataclasses import dataclass

import numpy as np

from spicebuf.search.cells import NOWHERE, Cell, Range, Standing
from spicebuf.search.relation import Bools, Floats, Places, Relation

_MOST_STEPS = 4
_SAME = 1e-6


@dataclass(frozen=True)
class Bound:
    """What a cell can hold at most.

    Attributes
    ----------
    product : float
        No API of the cell has a greater product of the two weights.
    edges : tuple of int
        Rank of each edge where the bound is attained.
    conflict : tuple of float
        Of each edge, what it cannot give to both sides.
    middle : tuple of int
        Of each edge, a rank above the least of its range that halves what depends on it.
    rate : float
        The λ that balances the two weights.
    """

    product: float
    edges: tuple[int, ...]
    conflict: tuple[float, ...]
    middle: tuple[int, ...]
    rate: float


@dataclass(frozen=True)
class _Demands:
    """What depends on one edge, in the order in which the edge meets it on its way inwards.

    Attributes
    ----------
    span : (int, int)
        Range of the edge.
    rank : array of int, shape (n,)
        Where it meets each demand.
    loses : array of bool, shape (n,)
        Whether the demand is a sender's, lost once the edge is past it; or a taker's, gained there.
    sent, taken : array of float, shape (n + 1,)
        Weights that are admitted, of the first component and of the second, after so many demands.
    inwards : int
        1 for a lowest edge, −1 for a highest.
    """

    span: Range
    rank: Places
    loses: Bools
    sent: Floats
    taken: Floats
    inwards: int

    def best(self, rate: float) -> int:
        """Return after how many demands `rate` · sent + taken / `rate` is greatest."""
        return int((rate * self.sent + self.taken / rate).argmax())

    def edge(self, n: int) -> int:
        """Return the rank of the edge after `n` demands."""
        outmost = self.span[0] if self.inwards > 0 else self.span[1]
        if n == 0:
            return outmost
        rank = int(self.rank[n - 1]) + (self.inwards if self.loses[n - 1] else 0)
        return min(max(rank, self.span[0]), self.span[1])

    def middle(self, rate: float) -> int:
        """Return a rank in (low, high] of the range that halves the demands."""
        low, high = self.span
        if not len(self.rank):
            return (low + high + 1) // 2
        met = self.taken / rate - rate * self.sent
        half = int(np.searchsorted(met, (met[0] + met[-1]) / 2.0))
        return min(max(int(self.rank[max(0, half - 1)]), low + 1), high)


def bound_of(relation: Relation, cell: Cell, senders: Standing, takers: Standing) -> Bound:
    """Bound the product over a cell from how its undecided θ stand to it."""
    sent, taken = relation.sent[cell.senders], relation.taken[cell.takers]
    free_sent = float(relation.sent[cell.sure_senders].sum()) + _free(senders, sent)
    free_taken = float(relation.taken[cell.sure_takers].sum()) + _free(takers, taken)
    demands = [_demands(*edge, senders, takers, sent, taken) for edge in cell.edges()]
    x = free_sent + sum(float(each.sent[0]) for each in demands)
    y = free_taken + sum(float(each.taken[-1]) for each in demands)
    product, at, rate = x * y, [0] * len(demands), math.inf
    for _ in range(_MOST_STEPS):
        if x <= 0.0 or y <= 0.0 or abs(math.sqrt(y / x) / rate - 1.0) < _SAME:
            break
        rate = math.sqrt(y / x)
        at = [each.best(rate) for each in demands]
        x = free_sent + sum(float(each.sent[k]) for each, k in zip(demands, at, strict=True))
        y = free_taken + sum(float(each.taken[k]) for each, k in zip(demands, at, strict=True))
        product = min(product, (rate * x + y / rate) ** 2 / 4.0)
    rate = rate if math.isfinite(rate) else 1.0
    return Bound(
        product,
        tuple(each.edge(k) for each, k in zip(demands, at, strict=True)),
        tuple(min(rate * float(each.sent[0]), float(each.taken[-1]) / rate) for each in demands),
        tuple(each.middle(rate) for each in demands),
        rate,
    )


def _free(standing: Standing, weight: Floats) -> float:
    """Return the weight of those that no edge decides about."""
    return float(weight[standing.possible & (standing.edge == NOWHERE)].sum())


def _demands(
    edge: int, span: Range, senders: Standing, takers: Standing, sent: Floats, taken: Floats
) -> _Demands:
    inwards = -1 if edge % 2 else 1
    lost, gained = (
        np.flatnonzero(each.possible & (each.edge == edge)) for each in (senders, takers)
    )
    rank = np.concatenate([senders.rank[lost], takers.rank[gained]]).astype(np.int64)
    loses = np.arange(len(rank)) < len(lost)
    # At one rank, the edge gains before it loses.
    order = np.argsort(2 * inwards * rank + loses)
    weight = np.concatenate([sent[lost], taken[gained]])[order]
    loses = loses[order]
    total = float(sent[lost].sum())
    return _Demands(
        span,
        rank[order],
        loses,
        _cumulated(total, np.where(loses, -weight, 0.0)),
        _cumulated(0.0, np.where(loses, 0.0, weight)),
        inwards,
    )


def _cumulated(first: float, steps: Floats) -> Floats:
    return np.concatenate([[first], first + np.cumsum(steps)])
