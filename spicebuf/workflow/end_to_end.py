"""How much of the prior works end to end, whatever happens inside."""

import math
from collections.abc import Sequence
from itertools import product

import numpy as np

from spicebuf.images import Transfer
from spicebuf.search import Sets
from spicebuf.system import System
from spicebuf.workflow.sides import sets_at

_MOST_TUPLES = 5_000


def end_to_end(system: System, links: Sequence[Transfer]) -> tuple[int, int]:
    """Return how many of so many combinations of θ work from the first API of a chain to the last.

    All combinations, or where they are many, some at random.
    """
    tuples = _tuples([len(link.weight) for link in links])
    first, last = sets_at(system, 0), sets_at(system, len(links))
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
