"""Coordinate ascent over the APIs of a chain: each in turn is searched for, exactly, given the others."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from spicebuf.search.composition import Takers, can_take, grouped, sets_of, takers_before
from spicebuf.search.links import Link
from spicebuf.search.optimum import search, widened
from spicebuf.search.relation import Bools, Floats, Images, Preimages, Sets

Apis: TypeAlias = tuple[Sets, ...]

SAME = 1e-9
"""Relative difference of products that rounding alone may make."""

# Ways from the first API to the last, and tuples at each API, that are tried for one start.
_MOST_WALKS = 20
_MOST_TUPLES = 1000


@dataclass(frozen=True)
class Chain:
    """APIs around components in series, and the weights that they admit.

    Attributes
    ----------
    apis : tuple of Sets, length m + 1
    weights : tuple of float, length m
        Of the θ of each component that send the API before it into the one after it.
    """

    apis: Apis
    weights: tuple[float, ...]

    @property
    def product(self) -> float:
        """What is to be greatest."""
        return math.prod(self.weights)


@dataclass(frozen=True)
class Stretch:
    """Components in series between two fixed APIs, with free ones between them.

    Attributes
    ----------
    links : sequence of Link, length m
    first, last : Sets
        The fixed APIs.
    takers : tuple of Takers, length m - 1
        Of API 1, 2, ...: what tuples of θ of all components after it send into the last API.
    max_intervals : int
    end : float
        When to stop, by `time.monotonic` [s].
    """

    links: Sequence[Link]
    first: Sets
    last: Sets
    takers: tuple[Takers, ...]
    max_intervals: int
    end: float

    @property
    def seconds(self) -> float:
        """Time that is left [s], ≥ 0."""
        return max(0.0, self.end - time.monotonic())

    @property
    def is_composed(self) -> bool:
        """Whether all takers are exact."""
        return not any(takers.step for takers in self.takers)

    def hurried(self, part: float) -> "Stretch":
        """Return the same with only a part of the time that is left."""
        if math.isinf(self.end):
            return self
        return replace(self, end=time.monotonic() + part * self.seconds)

    def weigh(self, inner: Sequence[Sets]) -> Chain:
        """Weigh the θ that some free APIs admit."""
        apis = (self.first, *inner, self.last)
        weights = map(weigh, self.links, apis, apis[1:])
        return Chain(apis, tuple(weights))


def weigh(link: Link, before: Sets, after: Sets) -> float:
    """Return the weight of the θ that send one API into another."""
    images = link.images(before)
    return float(images.weight[images.held_by(after)].sum())


def stretch_of(
    links: Sequence[Link],
    first: Sets,
    last: Sets,
    max_intervals: int,
    *,
    max_tuples: int,
    end: float,
) -> Stretch:
    """Compose what tuples of θ take, from the last component to the first but one."""
    takers = [Takers(grouped(can_take(links[-1].preimages(last))))]
    for link in links[-2:0:-1]:
        takers.insert(0, takers_before(link, takers[0], max_tuples))
    return Stretch(links, first, last, tuple(takers), max_intervals, end)


def climb(stretch: Stretch, chain: Chain) -> Chain:
    """Improve one free API after the other until none can be, by itself; return the tight ones.

    Where nothing is admitted somewhere, no single API can improve that.
    """
    while True:
        better = stretch.weigh(_swept(stretch, widest(stretch, chain.apis)))
        if better.product <= chain.product * (1.0 + SAME):
            return better if better.product >= chain.product * (1.0 - SAME) else chain
        chain = better


def _swept(stretch: Stretch, apis: Apis) -> Sequence[Sets]:
    """Search for each free API, between the tight ones before it and the wide ones after it."""
    swept = list(apis)
    for place in range(1, len(stretch.links)):
        before, after = stretch.links[place - 1], stretch.links[place]
        images, preimages = before.images(swept[place - 1]), after.preimages(swept[place + 1])
        swept[place] = _best(stretch, images, preimages, swept[place])
    return swept[1:-1]


def _best(stretch: Stretch, images: Images, preimages: Preimages, now: Sets) -> Sets:
    """Return the best API between two components; the one that is there, tight, if none is found."""
    held, hold = images.held_by(now), preimages.hold(now)
    here = float(images.weight[held].sum() * preimages.weight[hold].sum())
    found = search(images, preimages, stretch.max_intervals, max_seconds=stretch.seconds).best
    if found and found[0].product >= here * (1.0 - SAME):
        return found[0].tight
    return tightened(now, images[held])


def widest(stretch: Stretch, apis: Apis) -> Apis:
    """Widen the free APIs, the last first, as far as all accept that accept them."""
    wide = list(apis)
    for place in range(len(stretch.links) - 1, 0, -1):
        preimages = stretch.links[place].preimages(wide[place + 1])
        admitted = preimages[preimages.hold(wide[place])]
        if len(admitted.weight):
            wide[place] = widened(wide[place], admitted)
    return tuple(wide)


def tightened(sets: Sets, images: Images) -> Sets:
    """Shrink every interval to the images in it; leave out those that hold none."""
    return tuple(
        tuple(_hulls(intervals, low, high))
        for intervals, low, high in zip(sets, images.low, images.high, strict=True)
    )


def _hulls(
    intervals: Sequence[tuple[float, float]], low: Floats, high: Floats
) -> Iterator[tuple[float, float]]:
    for a, b in intervals:
        inside: Bools = (low >= a) & (high <= b) & (low <= high)
        if inside.any():
            yield float(low[inside].min()), float(high[inside].max())


def random_start(stretch: Stretch, rng: np.random.Generator) -> Chain | None:
    """Return the APIs that hold just the images of one θ after the other, which work end to end.

    Returns
    -------
    Chain or None
        None where no such θ were met.
    """
    walks = (_walk(stretch, rng) for _ in range(_MOST_WALKS) if stretch.seconds)
    return next((chain for chain in walks if chain and chain.product), None)


def _walk(stretch: Stretch, rng: np.random.Generator) -> Chain | None:
    """Return the APIs that the images of random θ lead through; None at a dead end."""
    inner: list[Sets] = []
    # All but the last component.
    for link, takers in zip(stretch.links, stretch.takers, strict=False):
        images = link.images(inner[-1] if inner else stretch.first)
        found = _random_api(images, takers.preimages, stretch.max_intervals, rng)
        if found is None:
            return None
        inner.append(found)
    return stretch.weigh(inner)


def _random_api(
    images: Images, preimages: Preimages, max_intervals: int, rng: np.random.Generator
) -> Sets | None:
    """Return an API for the image of one θ that a tuple takes."""
    for taker in rng.permutation(len(preimages.weight))[:_MOST_TUPLES]:
        held = images.held_by(sets_of(preimages, taker)) & (images.weight > 0.0)
        if held.any():
            sender = rng.choice(np.flatnonzero(held), 1)
            found = search(images[sender], preimages[np.array([taker])], max_intervals).best
            if found:
                return found[0].tight
    return None
