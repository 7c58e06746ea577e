"""Relations of θ on a given axis of voltages."""

import numpy as np

from spicebuf.errors import InputError
from spicebuf.search.relation import (
    Bools,
    Floats,
    Images,
    Places,
    Preimages,
    Ranks,
    Relation,
    require_same_values,
)

GRID_STEP = 0.1
"""Step of grids unless another is given [V]."""

# Voltages are taken to the nearest nV: 3 · 0.1 V is 0.3 V.
_DECIMALS = 9


def grid_of(vdd: float, step: float = GRID_STEP) -> Floats:
    """Return voltages from rail to rail, 0 to `vdd` [V], as evenly spaced as `step` [V] comes close to.

    Raises
    ------
    InputError
        If `step` is not above 0 and at most `vdd`.
    """
    if not 0.0 < step <= vdd:
        raise InputError(f"step = {step:g} V must be above 0 V and at most the supply, {vdd:g} V")
    return np.linspace(0.0, vdd, round(vdd / step) + 1)


def to_nanovolts(volts: Floats) -> Floats:
    """Return voltages to the nearest nV [V]."""
    return np.round(volts, _DECIMALS)


def relate_on(images: Images, preimages: Preimages, axis: Floats) -> Relation:
    """Rank images outward and preimages inward on an axis; make one of all θ that are alike there.

    An API with edges on the axis admits the same weights as without. θ of weight 0 and images that
    leave the axis are left out.

    Parameters
    ----------
    images, preimages : Images, Preimages
        Of the same logical values.
    axis : array of float, shape (n_ranks,)
        Ascending [V].

    Raises
    ------
    InputError
        If the logical values differ in number.
    """
    require_same_values(images, preimages)
    axis = to_nanovolts(axis)
    low, high = _outward(images, axis)
    start, end = _inward(preimages, axis)
    fits = ((low >= 0) & (high < len(axis))).all(axis=(0, 1))
    holds = (start <= end).any(axis=1).all(axis=0)
    senders, sent = _merged(low, high, images.weight, np.asarray(fits))
    takers, taken = _merged(start, end, preimages.weight, np.asarray(holds))
    return Relation(
        axis,
        low[:, :, senders],
        high[:, :, senders],
        start[:, :, takers],
        end[:, :, takers],
        sent,
        taken,
        senders,
        takers,
    )


def relate_at_ends(images: Images, preimages: Preimages, *more: Floats) -> Relation:
    """Relate images and preimages on an axis of all ends of preimages, and `more` voltages [V].

    θ work together on it if they do without it. It goes as far as the images do.
    """
    reach = _finite(images.low, images.high)
    reach = reach[[0, -1]] if len(reach) else reach
    return relate_on(images, preimages, _finite(preimages.low, preimages.high, reach, *more))


def _finite(*volts: Floats) -> Floats:
    """Return all finite voltages once, ascending."""
    every = np.concatenate([each.ravel() for each in volts])
    return np.unique(to_nanovolts(every[np.isfinite(every)]))


def _outward(images: Images, axis: Floats) -> tuple[Ranks, Ranks]:
    """Return the ranks around each piece: −1 and n_ranks beyond the axis, n_ranks and −1 if empty."""
    low = np.searchsorted(axis, to_nanovolts(images.low), side="right") - 1
    high = np.searchsorted(axis, to_nanovolts(images.high), side="left")
    return _emptied(low, high, images.low > images.high, len(axis))


def _inward(preimages: Preimages, axis: Floats) -> tuple[Ranks, Ranks]:
    """Return the least and the greatest rank in each component, n_ranks and −1 where there is none."""
    start = np.searchsorted(axis, to_nanovolts(preimages.low), side="left")
    end = np.searchsorted(axis, to_nanovolts(preimages.high), side="right") - 1
    return _emptied(start, end, start > end, len(axis))


def _emptied(low: Places, high: Places, empty: Bools, n_ranks: int) -> tuple[Ranks, Ranks]:
    first, last = np.where(empty, n_ranks, low), np.where(empty, -1, high)
    return first.astype(np.int32), last.astype(np.int32)


def _merged(low: Ranks, high: Ranks, weight: Floats, wanted: Bools) -> tuple[Places, Floats]:
    """Return the place of one of all wanted θ that are alike, and what these weigh together."""
    places = np.flatnonzero(wanted & (weight > 0.0))
    if not len(places):
        return places, np.zeros(0)
    ends = np.concatenate([low, high]).reshape(-1, len(weight))[:, places]
    _, first, group = np.unique(ends, axis=1, return_index=True, return_inverse=True)
    return places[first], np.asarray(np.bincount(group.ravel(), weight[places]), dtype=np.float64)
