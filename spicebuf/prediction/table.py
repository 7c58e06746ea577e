"""The log volumes of all APIs with one interval for each logical value and edges on a grid."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spicebuf.prediction.banks import Banks
from spicebuf.search import Images, Preimages, Sets
from spicebuf.search.boxes import boxes_of
from spicebuf.search.concepts import admitted_weights
from spicebuf.search.grids import relate_on, to_nanovolts
from spicebuf.search.relation import Bools, Floats, Places

_LABELS = (0, 1)
_N_EDGES = 4
# Where the edges of a component are that is none.
_NOWHERE = np.array([1.0, -1.0, 1.0, -1.0]) * np.inf


@dataclass(frozen=True)
class Table:
    """Log volumes by the places of four edges on a grid.

    Attributes
    ----------
    axis : array of float, shape (m,)
        Ascending [V].
    log_volume : array of float32, shape (m, m, m, m)
        By (low of 0, high of 0, low of 1, high of 1) [nat]; −inf where nothing is admitted, an interval
        ends before it begins, or the two meet.
    """

    axis: Floats
    log_volume: NDArray[np.float32]

    def best_in(self, ranges: Sequence[int] | Places) -> Sets | None:
        """Return the API of greatest log volume of those with edges in given ranges of places.

        Parameters
        ----------
        ranges : sequence of int, length 8
            First and last place of each edge, in the order of the table.

        Returns
        -------
        Sets or None
            None if there is none, or none that admits anything.
        """
        starts, ends = ranges[::2], ranges[1::2]
        part = self.log_volume[tuple(slice(a, b + 1) for a, b in zip(starts, ends, strict=True))]
        if not part.size:
            return None
        within = np.unravel_index(int(part.argmax()), part.shape)
        if np.isneginf(part[within]):
            return None
        edges = [float(self.axis[a + k]) for a, k in zip(starts, within, strict=True)]
        return ((edges[0], edges[1]),), ((edges[2], edges[3]),)


def table_of(banks: Banks, axis: Floats) -> Table:
    """Weigh all APIs on a grid by cumulative sums.

    Images are rounded outward and preimages inward, which changes nothing for edges on the grid.

    Parameters
    ----------
    banks : Banks
    axis : array of float, shape (m,)
        Ascending [V].
    """
    axis = to_nanovolts(axis)
    m = len(axis)
    boxes = boxes_of(relate_on(banks.images, banks.preimages, axis), _LABELS, ascending=False)
    volume = admitted_weights(boxes.senders, boxes.sent, m, inwards=False)
    volume *= admitted_weights(boxes.takers, boxes.taken, m, inwards=True)
    # Sums that should be 0 are so exactly: they are of no weights, or of zeros.
    by_rank = volume.reshape((m,) * _N_EDGES)[:, ::-1, :, ::-1]
    with np.errstate(divide="ignore"):
        log_volume = np.log(by_rank, dtype=np.float32, casting="same_kind")
    total = np.log(banks.totals).sum(dtype=np.float64)
    log_volume -= np.float32(total)
    log_volume[~_are_apis(m)] = -np.inf
    return Table(axis, log_volume)


def _are_apis(m: int) -> Bools:
    low0, high0, low1, high1 = np.ogrid[(slice(m),) * _N_EDGES]
    return np.asarray((low0 <= high0) & (low1 <= high1) & ((high0 < low1) | (high1 < low0)))


@dataclass(frozen=True)
class Room:
    """How far the edges of APIs between n images and preimages may move.

    Attributes
    ----------
    outer, inner : array of float, shape (n, 4)
        Outwards and inwards, in the order of `Table` [V]; `outer` is infinite, and the wrong way round,
        where no API of one interval for each logical value fits.
    """

    outer: Floats
    inner: Floats

    @property
    def fits(self) -> Bools:
        """Whether an API of one interval for each logical value fits, shape (n,)."""
        return np.asarray(
            np.isfinite(self.inner).all(axis=1) & (self.outer != _NOWHERE).all(axis=1)
        )

    def ranges(self, axis: Floats) -> Places:
        """Return the first and the last place of each edge on a grid, in turn, shape (n, 8).

        The last is below the first where no API on the grid fits.
        """
        axis = to_nanovolts(axis)
        outer, inner = to_nanovolts(self.outer), to_nanovolts(self.inner)
        found = np.empty((len(outer), 2 * _N_EDGES), dtype=np.int64)
        for edge in range(_N_EDGES):
            lower, upper = (inner, outer) if edge % 2 else (outer, inner)
            found[:, 2 * edge] = np.searchsorted(axis, lower[:, edge], side="left")
            found[:, 2 * edge + 1] = np.searchsorted(axis, upper[:, edge], side="right") - 1
        return found


def room_of(images: Images, preimages: Preimages) -> Room:
    """Return how far edges may move between images and preimages, the k-th and the k-th."""
    outer, inner = [], []
    for label in _LABELS:
        low, high = images.low[label].min(axis=0), images.high[label].max(axis=0)
        starts, ends = preimages.low[label], preimages.high[label]
        holds = (starts <= low) & (ends >= high)
        # One component at most holds the whole image, for they are disjoint.
        outer += [np.where(holds, starts, np.inf).min(axis=0)]
        outer += [np.where(holds, ends, -np.inf).max(axis=0)]
        inner += [low, high]
    return Room(np.stack(outer, axis=1), np.stack(inner, axis=1))
