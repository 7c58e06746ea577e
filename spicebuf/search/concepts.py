"""The closed APIs of a product order of four edges: formal concepts by cumulative tables."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spicebuf.search.boxes import Boxes
from spicebuf.search.relation import Floats, Places, Ranks

_Table = NDArray[np.int8]


@dataclass(frozen=True)
class Concepts:
    """Closed APIs by inward ranks.

    Attributes
    ----------
    tight, wide : array of int, shape (4, n)
        Of the edges of each: as far inwards, and as far outwards as the admitted θ leave them.
    sent, taken : array of float, shape (n,)
        Weights.
    """

    tight: Places
    wide: Places
    sent: Floats
    taken: Floats


def concepts_of(boxes: Boxes) -> Concepts:
    """Find the APIs that come back when widened to their takers and then shrunk to their senders."""
    n = boxes.n_ranks
    widened = _widened(boxes)
    is_closed = widened >= 0
    for k, ranks in enumerate(np.ogrid[(slice(n),) * 4]):
        shrunk = _cumulated(boxes.senders, boxes.senders[k], n, np.minimum, inwards=False)
        is_closed &= shrunk.ravel()[widened] == ranks
    places = np.flatnonzero(is_closed)
    wide = widened.ravel()[places]
    del widened, is_closed
    return Concepts(
        np.array(np.unravel_index(places, (n,) * 4)),
        np.array(np.unravel_index(wide, (n,) * 4)),
        admitted_weights(boxes.senders, boxes.sent, n, inwards=False)[places],
        admitted_weights(boxes.takers, boxes.taken, n, inwards=True)[places],
    )


def _widened(boxes: Boxes) -> Places:
    """Return, for each API, the widest that the takers it admits do, −1 if it admits none.

    APIs are numbered by their inward ranks.
    """
    n = boxes.n_ranks
    widened = np.zeros((n,) * 4, dtype=np.int32)
    for k in range(4):
        ranks = _cumulated(boxes.takers, boxes.takers[k], n, np.maximum, inwards=True)
        widened *= n
        widened += ranks
    return np.where(ranks < 0, -1, widened)


def _cumulated(points: Ranks, values: Ranks, n: int, extreme: np.ufunc, *, inwards: bool) -> _Table:
    """Return the extreme of the values of all points that each API admits; without any, −1 or `n`."""
    table = np.full((n,) * 4, -1 if inwards else n, dtype=np.int8)
    extreme.at(table, tuple(points), values.astype(np.int8))
    view = table if inwards else table[(slice(None, None, -1),) * 4]
    for axis in range(4):
        extreme.accumulate(view, axis=axis, out=view)
    return table


def admitted_weights(points: Ranks, weight: Floats, n: int, *, inwards: bool) -> Floats:
    """Return the weight of all points that each API admits."""
    places = np.ravel_multi_index(tuple(points), (n,) * 4)
    table = np.asarray(np.bincount(places, weight, n**4), dtype=np.float64).reshape((n,) * 4)
    view = table if inwards else table[(slice(None, None, -1),) * 4]
    for axis in range(4):
        np.cumsum(view, axis=axis, out=view)
    return table.ravel()
