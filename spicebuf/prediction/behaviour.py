"""Behaviour classes: where the first component of a solution sends each logical value, roughly."""

import numpy as np

from spicebuf.search import Images
from spicebuf.search.relation import Places

_STEPS = 5


def class_step(vdd: float) -> float:
    """Return the step of the grid that tells behaviours apart [V]: a fifth of the supply."""
    return vdd / _STEPS


def behaviour_of(images: Images, step: float) -> Places:
    """Return the images rounded outward to a grid, as multiples of its step [V], shape (n, 4).

    They are (low of 0, high of 0, low of 1, high of 1), of the whole of an image in several pieces.
    """
    rounded = images.on_grid(step)
    low, high = rounded.low.min(axis=1), rounded.high.max(axis=1)
    ends = np.stack([low[0], high[0], low[1], high[1]], axis=1)
    return np.asarray(np.rint(ends / step), dtype=np.int64)
