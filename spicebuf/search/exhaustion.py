"""What no chain of APIs can exceed, and the best chain by trying every API that could matter.

Let an API at one place be given, and other APIs around it. Every tuple of admitted θ before the place
sends the first API into it, and every tuple of admitted θ after the place sends it into the last. So the
product of all weights is at most that of the weights of all such tuples, and the greatest one of two
composed components is a limit for the whole chain.

At the first free place more can be said. Let an API be closed, for the θ before it and the tuples after
it, that admits all that the one of the best chain does. Its intervals lie in larger ones that all those
tuples take. Let the intervals of the later APIs of the best chain grow by the images of these: image and
interval meet, so they join without a gap; and as connected sets they stay in the preimages of all
admitted θ. So the closed API is part of a best chain too. Trying the closed APIs in the order of their
limits, each with the best rest, finds a best chain and proves it, once no further limit is greater.
"""

import math
from collections.abc import Callable

from spicebuf.search.ascent import SAME, Chain, Stretch, climb
from spicebuf.search.composition import between_ends, images_after
from spicebuf.search.optimum import MAX_CELLS, Candidate, search
from spicebuf.search.relation import Images, Sets

# How many closed APIs of one place are tried, until the rest cannot be better.
_TRIED = (1, 16, 256, 4096)


class Best:
    """The best chain so far, from how many one was climbed, and how many cells were looked at.

    Calls `on_progress` with the number of climbs and the best product after every one.
    """

    def __init__(
        self, stretch: Stretch, on_progress: Callable[[int, float], None], max_cells: int
    ) -> None:
        self._stretch = stretch
        self._on_progress = on_progress
        self.chain: Chain | None = None
        self.n_starts = 0
        self.cells_left = max_cells
        """For trying closed APIs after the first ones."""

    @property
    def product(self) -> float:
        """Of the best chain, 0 without any."""
        return self.chain.product if self.chain else 0.0

    @property
    def floor(self) -> float:
        """The product that a chain must exceed."""
        return self.product * (1.0 + SAME)

    def offer(self, chain: Chain | None) -> None:
        """Climb from a chain that admits somebody everywhere; keep where that leads if it is better."""
        if chain is None or not chain.product:
            return
        chain = climb(self._stretch, chain)
        self.n_starts += 1
        if chain.product > self.floor:
            self.chain = chain
        self._on_progress(self.n_starts, self.product)


def exhaust(
    stretch: Stretch, best: Best, inner: tuple[Sets, ...] = (), weight: float = 1.0
) -> float:
    """Try all chains that begin with some free APIs and could be better than the best.

    Parameters
    ----------
    stretch : Stretch
        With exact takers. If they are not, nothing is tried.
    best : Best
        Is offered what is found.
    inner : tuple of Sets
        The first free APIs.
    weight : float
        The product of the weights of the components before the last of them.

    Returns
    -------
    float
        What no such chain can exceed, if it is better than the best.
    """
    missed, tried, limit, left = 0.0, set[Sets](), math.inf, math.inf
    images = stretch.links[len(inner)].images(inner[-1] if inner else stretch.first)
    for n_best in _TRIED:
        found, others = _search(stretch, best, len(inner), images, weight, n_best)
        left = min(left, weight * others)
        limit = min(limit, max([left, *(weight * each.product for each in found)]))
        if not stretch.is_composed:
            return limit
        for each in found:
            if each.tight not in tried and weight * each.product > best.floor:
                tried.add(each.tight)
                limit_of = _follow(stretch, best, (*inner, each.tight), weight * each.sent)
                missed = max(missed, limit_of)
        if left <= best.floor or not stretch.seconds or best.cells_left <= 0:
            break
    return min(limit, max(missed, left))


def _follow(stretch: Stretch, best: Best, inner: tuple[Sets, ...], weight: float) -> float:
    """Offer the chain of some free APIs, if they are all; else try those that begin with them."""
    if len(inner) < len(stretch.takers):
        return exhaust(stretch, best, inner, weight)
    best.offer(stretch.weigh(inner))
    return 0.0


def limit_within(stretch: Stretch, best: Best, max_tuples: int) -> float:
    """Return what no chain can exceed, by the free APIs after the first and what tuples send there.

    At least `best.floor`; infinite if there are more than `max_tuples` at the first of these places.
    """
    limit = math.inf
    images: Images | None = stretch.links[0].images(stretch.first)
    for place in range(1, len(stretch.takers)):
        accepted = stretch.takers[place - 1].preimages
        images = images and images_after(stretch.links[place], images, accepted, max_tuples)
        if images is None:
            break
        found, others = _search(stretch, best, place, images)
        limit = min(limit, max([others, *(each.product for each in found)]))
    return limit


def _search(
    stretch: Stretch,
    best: Best,
    place: int,
    images: Images,
    weight: float = 1.0,
    n_best: int = 1,
) -> tuple[tuple[Candidate, ...], float]:
    """Return the best closed APIs between images and the takers of a place, and what no other exceeds.

    Looks for those with which a chain could be better than the best.
    """
    preimages = between_ends(stretch.takers[place].preimages, images)
    above, max_cells = best.floor / weight, best.cells_left if n_best > 1 else MAX_CELLS
    found = search(
        images,
        preimages,
        stretch.max_intervals,
        n_best=n_best,
        above=above,
        max_seconds=stretch.seconds,
        max_cells=max_cells,
    )
    best.cells_left -= found.n_cells
    if not stretch.seconds or found.n_cells >= max_cells:
        return found.best, min(found.limit, float(images.weight.sum() * preimages.weight.sum()))
    return found.best, found.best[-1].product if len(found.best) == n_best else above
