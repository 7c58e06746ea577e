"""How much of the prior works end to end, whatever happens inside."""

import math
from collections.abc import Sequence
from itertools import product

import numpy as np

from spicebuf.images import Reading, Transfer
from spicebuf.search import Sets, count_solutions
from spicebuf.system import System
from spicebuf.workflow.banks import SweptBank
from spicebuf.workflow.readings import in_memory
from spicebuf.workflow.sides import plain_pair, sets_at

_PAIR = 2
_MOST_TUPLES = 5_000


def end_to_end(system: System, banks: Sequence[SweptBank]) -> tuple[int, int]:
    """Return how many of so many combinations of θ from banks work from the first API to the last.

    Of more than two components, no more than some combinations, at random.
    """
    if len(banks) == _PAIR:
        pair = plain_pair(system, 1, banks, Reading.SAFE, None)
        solutions = count_solutions(pair.images, pair.preimages)
        return round(solutions.weight), solutions.n_senders * solutions.n_takers
    links = [in_memory(swept) for swept in banks]
    tuples = _tuples([swept.n for swept in banks])
    first, last = sets_at(system, 0), sets_at(system, len(banks))
    n_solutions = sum(
        _works([link[k] for link, k in zip(links, each, strict=True)], first, last)
        for each in tuples
    )
    return n_solutions, len(tuples)


def _tuples(sizes: Sequence[int]) -> list[tuple[int, ...]]:
    """Return a place in each of some banks, again and again: all combinations, or many at random."""
    if math.prod(sizes) <= _MOST_TUPLES:
        return list(product(*map(range, sizes)))
    n, rng = min(_MOST_TUPLES, max(sizes)), np.random.default_rng(0)
    return list(zip(*(rng.integers(size, size=n).tolist() for size in sizes), strict=True))


def _works(links: Sequence[Transfer], first: Sets, last: Sets) -> bool:
    """Tell whether components of one θ each send what one API allows to what another allows."""
    for link in links[:-1]:
        images = link.images(first)
        if not images.weight[0] or np.any(images.low > images.high):
            return False
        first = tuple(
            tuple(zip(low[:, 0].tolist(), high[:, 0].tolist(), strict=True))
            for low, high in zip(images.low, images.high, strict=True)
        )
    images = links[-1].images(first)
    return bool(images.weight[0] and images.held_by(last)[0])
