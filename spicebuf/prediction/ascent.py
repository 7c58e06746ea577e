"""Edges moved one at a time to where they give the greatest log volume.

A grid is coarse where a solution leaves little room: with 51 voltages from rail to rail, distances of
solutions came out by up to 0.1 nat too large.
"""

import itertools
from dataclasses import dataclass

import numpy as np

from spicebuf.prediction.banks import Banks
from spicebuf.search import Images, Preimages
from spicebuf.search.relation import Floats

_N_EDGES = 4
_INWARD = np.array([1.0, -1.0, 1.0, -1.0])
_MOST_SWEEPS = 8
_GAIN = 1.0 + 1e-12


@dataclass(frozen=True)
class _Points:
    """θ by their inward edges, for each edge in the order of that one.

    Attributes
    ----------
    edges : tuple of array of float, each of shape (4, n)
        The k-th is sorted by its k-th row.
    weight : tuple of array of float, each of shape (n,)
    """

    edges: tuple[Floats, ...]
    weight: tuple[Floats, ...]


@dataclass(frozen=True)
class Ascent:
    """The θ of two banks as points: each edge of an API moves inwards as its coordinate grows.

    An API e admits senders with all coordinates ≥ e and takers with all coordinates ≤ e.
    """

    senders: _Points
    takers: _Points

    def best(self, start: Floats, outer: Floats, inner: Floats) -> tuple[Floats, float]:
        """Return the edges that no move of a single one makes better, from a start.

        Parameters
        ----------
        start, outer, inner : array of float, shape (4,)
            Edges (low of 0, high of 0, low of 1, high of 1) [V], and how far each may move outwards and
            inwards.

        Returns
        -------
        array of float, shape (4,)
            [V]
        float
            Product of the weights that are admitted there.
        """
        at, limits = start * _INWARD, np.array([outer, inner]) * _INWARD
        reached = 0.0
        for _ in range(_MOST_SWEEPS):
            before = reached
            for edge in range(_N_EDGES):
                reached = self._move(at, edge, limits[:, edge])
            if reached <= before * _GAIN:
                break
        return at * _INWARD, reached

    def _move(self, at: Floats, edge: int, limits: Floats) -> float:
        """Put an edge where the product of weights is greatest; return that."""
        senders, takers = self.senders.edges[edge], self.takers.edges[edge]
        a, b, c = (other for other in range(_N_EDGES) if other != edge)
        sends = (senders[a] >= at[a]) & (senders[b] >= at[b]) & (senders[c] >= at[c])
        takes = (takers[a] <= at[a]) & (takers[b] <= at[b]) & (takers[c] <= at[c])
        first, second = np.flatnonzero(sends), np.flatnonzero(takes)
        sent, taken = self.senders.weight[edge][first], self.takers.weight[edge][second]
        ends, begins = senders[edge][first], takers[edge][second]
        # Shrunk to the senders it admits, an API admits no fewer takers. It may stay where it is.
        places = np.clip(np.append(ends, at[edge]), limits[0], limits[1])
        weights = _from_above(sent)[np.searchsorted(ends, places, side="left")]
        weights *= _from_below(taken)[np.searchsorted(begins, places, side="right")]
        best = int(weights.argmax())
        if weights[best] > weights[-1] * _GAIN:
            at[edge] = places[best]
        return float(weights[best])


def ascent_of(banks: Banks) -> Ascent:
    """Return the θ of two banks as points."""
    return Ascent(_senders(banks.images), _takers(banks.preimages))


def _senders(images: Images) -> _Points:
    edges = [
        ends
        for label in range(len(images.low))
        for ends in (images.low[label].min(axis=0), -images.high[label].max(axis=0))
    ]
    return _sorted(np.array(edges), images.weight)


def _takers(preimages: Preimages) -> _Points:
    """Return each θ once for each choice of components; an API can lie in one choice only."""
    parts = []
    for choice in itertools.product(range(preimages.low.shape[1]), repeat=len(preimages.low)):
        edges = np.array(
            [
                ends
                for label, k in enumerate(choice)
                for ends in (preimages.low[label, k], -preimages.high[label, k])
            ]
        )
        there = (edges[::2] + edges[1::2] <= 0.0).all(axis=0)
        parts.append(np.concatenate([edges, preimages.weight[np.newaxis]])[:, there])
    every = np.concatenate(parts, axis=1)
    return _sorted(every[:-1], every[-1])


def _sorted(edges: Floats, weight: Floats) -> _Points:
    orders = [np.argsort(row, kind="stable") for row in edges]
    return _Points(
        tuple(np.ascontiguousarray(edges[:, order]) for order in orders),
        tuple(weight[order] for order in orders),
    )


def _from_above(weight: Floats) -> Floats:
    """Return the weight of all from each place on, and 0."""
    return np.append(np.cumsum(weight[::-1])[::-1], 0.0)


def _from_below(weight: Floats) -> Floats:
    """Return the weight of all before each place, from 0 on."""
    return np.append(0.0, np.cumsum(weight))
