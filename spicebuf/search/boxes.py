"""θ as points of a product order, where APIs have one interval for each of some places in a row.

Count the ranks of lower edges upwards and those of upper edges downwards, so that each edge moves inwards
as its rank grows. An API of ranks e then admits the senders with all ranks ≥ e, and the takers with all
ranks ≤ e. Sums over all that a taker dominates are cumulative tables.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spicebuf.search.relation import Bools, Floats, Ranks, Relation


@dataclass(frozen=True)
class Boxes:
    """The θ that matter, by inward ranks.

    Attributes
    ----------
    senders, takers : array of int, shapes (n_edges, n1), (n_edges, n2)
        Of each edge, 2t and 2t + 1 for the two of interval t. A taker comes once for each choice of the
        components that the intervals are to lie in; an API can lie in one choice only.
    sent, taken : array of float, shapes (n1,), (n2,)
        Weights.
    n_ranks : int
    """

    senders: Ranks
    takers: Ranks
    sent: Floats
    taken: Floats
    n_ranks: int

    def inward(self, edge: int, rank: int) -> int:
        """Return the inward rank of an edge at a rank on the axis."""
        return self.n_ranks - 1 - rank if edge % 2 else rank

    def intervals(self, edges: Sequence[int]) -> tuple[tuple[int, int], ...]:
        """Return the ranks on the axis of the intervals whose edges have some inward ranks."""
        last = self.n_ranks - 1
        return tuple((a, last - b) for a, b in zip(edges[::2], edges[1::2], strict=True))


def boxes_of(relation: Relation, labels: Sequence[int], *, ascending: bool) -> Boxes:
    """Return the product order of APIs with one interval for each of different labels.

    `ascending` leaves out the choices of components that do not follow one another as the labels do.
    """
    last = len(relation.axis) - 1
    lows = [relation.low[label].min(axis=0) for label in labels]
    highs = [relation.high[label].max(axis=0) for label in labels]
    starts, ends, who = _choices(relation, labels, ascending=ascending)
    return Boxes(
        # An image without any piece is beyond the innermost edge.
        np.minimum(_inwards(lows, highs, last), last),
        _inwards(starts, ends, last),
        relation.sent,
        relation.taken[who],
        last + 1,
    )


def _inwards(lows: Sequence[Ranks], highs: Sequence[Ranks], last: int) -> Ranks:
    ends = [end for low, high in zip(lows, highs, strict=True) for end in (low, last - high)]
    return np.asarray(ends, dtype=np.int32)


def _choices(
    relation: Relation, labels: Sequence[int], *, ascending: bool
) -> tuple[list[Ranks], list[Ranks], Ranks]:
    """Return the ends of the components of all choices that takers have, and whose they are."""
    parts = []
    for choice in itertools.product(range(relation.start.shape[1]), repeat=len(labels)):
        pairs = list(zip(labels, choice, strict=True))
        start = np.array([relation.start[pair] for pair in pairs])
        end = np.array([relation.end[pair] for pair in pairs])
        can: Bools = np.all(start <= end, axis=0)
        if ascending:
            can &= (end[:-1] < start[1:]).all(axis=0)
        parts.append(np.concatenate([start, end, np.arange(len(can))[np.newaxis]])[:, can])
    every = np.concatenate(parts, axis=1).astype(np.int32)
    return [*every[: len(labels)]], [*every[len(labels) : -1]], every[-1]


def best_of_two_free(
    boxes: Boxes, fixed: Sequence[int], ranks: Sequence[int]
) -> tuple[float, tuple[int, ...]]:
    """Return the greatest product of weights with two of four edges fixed, and where the edges are then.

    Parameters
    ----------
    boxes : Boxes
        Of two intervals, `ascending`.
    fixed : (int, int)
        Edges, ascending.
    ranks : (int, int)
        Their inward ranks.
    """
    free = [edge for edge in range(4) if edge not in fixed]
    at = np.asarray(ranks)[:, np.newaxis]
    senders = (boxes.senders[[*fixed]] >= at).all(axis=0)
    takers = (boxes.takers[[*fixed]] <= at).all(axis=0)
    n = boxes.n_ranks
    sent = _table(boxes.senders[free][:, senders], boxes.sent[senders], n)
    taken = _table(boxes.takers[free][:, takers], boxes.taken[takers], n)
    most = sent[::-1, ::-1].cumsum(axis=0).cumsum(axis=1)[::-1, ::-1]
    most *= taken.cumsum(axis=0).cumsum(axis=1)
    most *= _is_api(n, fixed, ranks)
    best = np.unravel_index(int(most.argmax()), most.shape)
    places = dict(zip((*fixed, *free), (*ranks, *map(int, best)), strict=True))
    return float(most.max()), tuple(places[edge] for edge in range(4))


def _is_api(n: int, fixed: Sequence[int], ranks: Sequence[int]) -> Bools:
    """Return for which ranks of the two free edges both intervals end where they begin or above."""
    inward = np.zeros((4, n, n), dtype=np.int32)
    inward[[*fixed]] = np.asarray(ranks)[:, np.newaxis, np.newaxis]
    inward[[edge for edge in range(4) if edge not in fixed]] = np.indices((n, n))
    return np.asarray((inward[0] + inward[1] < n) & (inward[2] + inward[3] < n))


def _table(ranks: Ranks, weight: Floats, n: int) -> Floats:
    table = np.bincount(ranks[0] * n + ranks[1], weight, n * n)
    return np.asarray(table, dtype=np.float64).reshape(n, n)
