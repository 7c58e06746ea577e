"""Partners: the few θ of one component that stand for all, when it is asked what works with any.

Where almost no θ works, most draws of a prior are spent in vain. Every θ that an API admits works with
every partner that it admits; so no API that admits a partner loses a θ if only those are drawn that work
with some partner. Of partners of which one can do all that another can, the other may be left out, and
each may be taken to be able to do more than it can: that draws a little more than needed.
"""

from collections.abc import Callable

import numpy as np

from spicebuf.search.relation import Bools, Floats, Images, Places, Preimages, Sets

_STEPS = 200.0


def widest(preimages: Preimages, most: int, extent: float) -> tuple[Sets, ...]:
    """Return at most `most` preimages such that what works with any given one works with one of them.

    Where there are too many they are widened to multiples of a step, of a 200th of `extent` [V] or more.
    Those without weight do not count.
    """
    preimages = preimages[preimages.weight > 0.0]

    def kept(step: float) -> tuple[Sets, ...]:
        low, high = preimages.low, preimages.high
        if step:
            low = np.minimum(low, np.floor(low / step) * step)
            high = np.maximum(high, np.ceil(high / step) * step)
        places = _distinct(low, high)
        some = Preimages(low, high, preimages.weight)[places]
        return _undominated(some.low, some.high, some.hold)

    return _few(kept, most, extent)


def narrowest(images: Images, most: int, extent: float) -> tuple[Sets, ...]:
    """Return at most `most` images such that what works with any given one works with one of them.

    Where there are too many they are shrunk to multiples of a step, of a 200th of `extent` [V] or more.
    Those without weight do not count.
    """
    images = images[images.weight > 0.0]

    def kept(step: float) -> tuple[Sets, ...]:
        low, high = images.low, images.high
        if step:
            low = np.maximum(low, np.ceil(low / step) * step)
            high = np.minimum(high, np.floor(high / step) * step)
            low, high = np.where(low > high, np.inf, low), np.where(low > high, -np.inf, high)
        places = _distinct(low, high)
        some = Images(low, high, images.weight)[places]
        return _undominated(some.low, some.high, some.held_by)

    return _few(kept, most, extent)


def overhang(images: Images, sets: Sets) -> Floats:
    """Return how far images stick out of the intervals that suit them best, shape (n,) [V]."""
    total = np.zeros(len(images.weight))
    for low, high, intervals in zip(images.low, images.high, sets, strict=True):
        each = [np.maximum(0.0, a - low) + np.maximum(0.0, high - b) for a, b in intervals]
        total += np.min(each, axis=0).sum(axis=0)
    return total


def _few(kept: Callable[[float], tuple[Sets, ...]], most: int, extent: float) -> tuple[Sets, ...]:
    found, step = kept(0.0), extent / _STEPS
    while len(found) > most:
        found, step = kept(step), 2.0 * step
    return found


def _distinct(low: Floats, high: Floats) -> Places:
    """Return the places of one θ of each kind."""
    ends = np.concatenate([low, high]).reshape(-1, low.shape[2])
    return np.asarray(np.unique(ends, axis=1, return_index=True)[1])


def _undominated(low: Floats, high: Floats, serve_as: Callable[[Sets], Bools]) -> tuple[Sets, ...]:
    """Return the sets of a few that can stand for all; `serve_as` tells which can for some sets."""
    found, left = [], np.ones(low.shape[2], dtype=np.bool_)
    for place in range(low.shape[2]):
        sets = tuple(
            tuple((float(x), float(y)) for x, y in zip(a, b, strict=True) if x <= y)
            for a, b in zip(low[:, :, place], high[:, :, place], strict=True)
        )
        left[place] = False
        if not (serve_as(sets) & left).any():
            left[place] = True
            found.append(sets)
    return tuple(found)
