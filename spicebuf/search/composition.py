"""Several components as one: what tuples of θ send, and what they take.

The image of an API under a θ is itself an API for the next component, and a preimage one for the
component before. So composing asks no more of a component than a search does. Tuples with the same
image or preimage are one row, with the sum of the products of their weights.
"""

from dataclasses import dataclass

import numpy as np

from spicebuf.search.links import Link
from spicebuf.search.relation import (
    Floats,
    Images,
    Places,
    Preimages,
    Rows,
    Sets,
    joined,
    relate,
)

MAX_TUPLES = 5_000_000
"""Rows up to which tuples are composed as they are."""

_FINEST = 4096
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Takers:
    """What tuples of θ of all components after a place send into the last API.

    Attributes
    ----------
    preimages : Preimages
        Of each tuple, or of many with the same preimage.
    step : float
        Preimages were widened to multiples of this many volts, so that there are fewer: they hold all
        that the tuples take, and perhaps more. 0 where they are exact.
    """

    preimages: Preimages
    step: float = 0.0


def sets_of(rows: Images | Preimages, place: int) -> Sets:
    """Return the pieces of one θ as an API; pieces must not meet."""
    return tuple(
        tuple(sorted((float(a), float(b)) for a, b in zip(low, high, strict=True) if a <= b))
        for low, high in zip(rows.low[:, :, place], rows.high[:, :, place], strict=True)
    )


def grouped(rows: Rows) -> Rows:
    """Join pieces that meet, and rows that are alike; leave out rows without weight.

    Joining pieces loses nothing: images of pieces that meet do so too, and lie in one interval or none.
    """
    rows = _joined(rows[rows.weight > 0.0])
    n_logical, n_pieces, n = rows.low.shape
    ends = np.stack([rows.low, rows.high]).reshape(2 * n_logical * n_pieces, n)
    order = np.lexsort(ends)
    ends = ends[:, order]
    new = np.ones(n, dtype=np.bool_)
    new[1:] = (ends[:, 1:] != ends[:, :-1]).any(axis=0)
    row = np.cumsum(new) - 1
    weight: Floats = np.bincount(row, rows.weight[order], minlength=int(new.sum())).astype(float)
    low, high = ends[:, new].reshape(2, n_logical, n_pieces, int(new.sum()))
    return type(rows)(low, high, weight)


def takers_before(link: Link, takers: Takers, max_tuples: int = MAX_TUPLES) -> Takers:
    """Return what tuples take that begin with one more component, which stands before the others.

    If there are more than `max_tuples`, preimages are widened first.
    """
    rows = takers.preimages
    if not len(rows.weight):
        return takers
    n = len(link.preimages(sets_of(rows, 0)).weight)
    rows, step = _few(rows, max(1, max_tuples // n))
    parts = [
        _weighed(can_take(link.preimages(sets_of(rows, place))), weight)
        for place, weight in enumerate(rows.weight)
    ]
    return Takers(grouped(joined(parts)), max(step, takers.step))


def images_after(
    link: Link, images: Images, preimages: Preimages, max_tuples: int = MAX_TUPLES
) -> Images | None:
    """Return what tuples send that end with one more component; None if they are more than `max_tuples`.

    Parameters
    ----------
    link : Link
        The component.
    images : Images
        What the tuples without it send.
    preimages : Preimages
        What is taken at the input of the component: tuples that no taker could work with are left out.
    """
    images = grouped(images[relate(images, preimages).senders])
    if not len(images.weight):
        return images
    parts: list[Images] = []
    for place, weight in enumerate(images.weight):
        part = link.images(sets_of(images, place))
        if len(part.weight) * len(images.weight) > max_tuples:
            return None
        parts.append(_weighed(part, weight))
    return grouped(joined(parts))


def can_take(preimages: Preimages) -> Preimages:
    """Leave out those that take nothing of some logical value."""
    return preimages[preimages.somewhere]


def between_ends(preimages: Preimages, images: Images) -> Preimages:
    """Shrink preimages to the ends of images in them, where alone an API's edges need lie.

    Many are alike then, and some take nothing.
    """
    relation = relate(images, preimages)
    is_piece = relation.start <= relation.end
    axis = np.append(relation.axis, np.inf)
    low = np.where(is_piece, axis[relation.start], np.inf)
    high = np.where(is_piece, axis[relation.end], -np.inf)
    return grouped(can_take(Preimages(low, high, relation.taken)))


def _weighed(rows: Rows, weight: float) -> Rows:
    rows = grouped(rows)
    return type(rows)(rows.low, rows.high, rows.weight * weight)


def _joined(rows: Rows) -> Rows:
    """Join pieces that meet; sort them, empty ones last, and have no more of them than needed."""
    low, high = _sorted(rows.low, rows.high)
    for t in range(1, low.shape[1]):
        meets = low[:, t] <= high[:, t - 1]
        low[:, t] = np.where(meets, low[:, t - 1], low[:, t])
        high[:, t] = np.where(meets, np.maximum(high[:, t], high[:, t - 1]), high[:, t])
        low[:, t - 1][meets], high[:, t - 1][meets] = np.inf, -np.inf
    low, high = _sorted(low, high)
    n_pieces = max(1, int((low <= high).sum(axis=1).max(initial=0)))
    return type(rows)(low[:, :n_pieces], high[:, :n_pieces], rows.weight)


def _sorted(low: Floats, high: Floats) -> tuple[Floats, Floats]:
    order: Places = np.argsort(low, axis=1, kind="stable")
    return np.take_along_axis(low, order, axis=1), np.take_along_axis(high, order, axis=1)


def _few(preimages: Preimages, most: int) -> tuple[Preimages, float]:
    """Widen preimages until at most `most` differ, or as far as makes sense; return the step too."""
    exact, step = preimages, 0.0
    least = float(exact.low.min())
    greatest = float(exact.high.max())
    while len(preimages.weight) > most and step < greatest - least:
        step = 2.0 * step or (greatest - least) / _FINEST
        # Strictly outward, whatever the division rounds to.
        low = np.floor(exact.low / step - _ROUNDING) * step
        high = np.ceil(exact.high / step + _ROUNDING) * step
        ends = np.maximum(low, least), np.minimum(high, greatest)
        preimages = grouped(Preimages(*ends, exact.weight))
    return preimages, step
