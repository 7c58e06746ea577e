"""Small banks for the search, drawn by hypothesis, and all of their APIs, one by one."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from spicebuf.search import Images, Preimages, Sets, Shape

Interval = tuple[float, float]
Stretches = list[list[Interval]]
"""Of each logical value, some intervals."""


def calm(n: int) -> settings:
    """Return settings for `n` examples, the same in every run."""
    return settings(
        max_examples=n,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


@dataclass(frozen=True)
class Case:
    """Two banks."""

    images: Images
    preimages: Preimages


def banks(
    senders: Sequence[Stretches],
    takers: Sequence[Stretches],
    sent: Sequence[float] | None = None,
    taken: Sequence[float] | None = None,
) -> Case:
    """Return the banks of some θ, by the intervals of each logical value of each."""
    return Case(
        Images(*_padded(senders), np.array(sent or [1.0] * len(senders))),
        Preimages(*_padded(takers), np.array(taken or [1.0] * len(takers))),
    )


def _padded(theta: Sequence[Stretches]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    most = max([1, *(len(each) for stretches in theta for each in stretches)])
    ends = np.full((2, len(theta[0]), most, len(theta)), np.inf)
    ends[1] = -np.inf
    for n, stretches in enumerate(theta):
        for label, each in enumerate(stretches):
            for m, interval in enumerate(each):
                ends[:, label, m, n] = interval
    return ends[0], ends[1]


ORDERS: dict[str, list[Shape]] = {
    "monotone": [(0, 1)],
    "either way": [(0, 1), (1, 0)],
    "folded": [(0, 1, 0), (1, 0, 1)],
    "unions": [(0, 0, 1), (0, 0, 1, 1), (0, 1, 0, 1), (0, 0, 0, 1)],
    "three values": [(0, 1, 2), (0, 1, 2, 0), (0, 1, 1, 2)],
}
"""Which logical values follow one another along the axis, of the θ of a case."""


@st.composite
def cases(draw: st.DrawFn, kind: str, most: int = 8) -> Case:
    """Draw two banks of 1 to `most` θ each, whose ends are few values, so that many are equal."""
    orders = st.sampled_from(ORDERS[kind])
    usual = draw(orders)
    # Now and then another order, pieces that meet, or some that are missing.
    order = draw(st.sampled_from([st.just(usual), st.one_of(st.just(usual), orders)]))
    wild = draw(st.integers(0, 5)) == 0
    numbers = st.sampled_from([most, most, most - 1, 2, 1])
    n1, n2 = draw(numbers), draw(numbers)
    senders = [_image(draw, draw(order), wild=wild) for _ in range(n1)]
    takers = [_preimage(draw, draw(order), wild=wild) for _ in range(n2)]
    if draw(st.booleans()):
        return banks(senders, takers)
    weights = st.sampled_from([0.0, 1.0, 2.0, 0.75, 5.0])
    sent, taken = ([draw(weights) for _ in range(n)] for n in (n1, n2))
    return banks(senders, takers, sent, taken)


def _image(draw: st.DrawFn, order: Shape, *, wild: bool) -> Stretches:
    """Draw a short interval in each slot of 4 V; if wild, some are missing and some meet."""
    found: Stretches = [[] for _ in range(max(order) + 1)]
    steps = st.tuples(st.integers(-1, 2 + wild), st.integers(0, 2), st.integers(0, 5))
    for slot, label in enumerate(order):
        at, width, luck = draw(steps)
        if luck or not (wild or found[label]):
            found[label].append((4.0 * slot + at, 4.0 * slot + min(at + width, 2 + 2 * wild)))
    return found


def _preimage(draw: st.DrawFn, order: Shape, *, wild: bool) -> Stretches:
    """Draw a wide interval in each slot of 4 V, or one for two slots of the same logical value."""
    found: Stretches = [[] for _ in range(max(order) + 1)]
    steps = st.tuples(st.integers(-3, 1), st.integers(1, 4), st.integers(0, 5))
    before = -1
    for slot, label in enumerate(order):
        start, end, luck = draw(steps)
        low, high = 4.0 * slot + start / 2.0, 4.0 * slot + end / 2.0
        if label == before and luck % 2 and found[label]:
            low = found[label].pop()[0]
        if luck or not wild:
            found[label].append((low, high))
        before = label
    return found


@dataclass(frozen=True)
class Api:
    """An API and the θ that it admits, as bits of a number; those without weight do not count.

    Each of its intervals holds a piece of a θ that it admits.
    """

    sets: Sets
    senders: int
    takers: int
    product: float

    @property
    def shape(self) -> Shape:
        """Labels in ascending order, neighbours that are equal merged."""
        labels = sorted((a, label) for label, each in enumerate(self.sets) for a, _ in each)
        return tuple(label for label, _ in itertools.groupby(label for _, label in labels))

    @property
    def counts(self) -> tuple[int, ...]:
        """Number of intervals of each logical value."""
        return tuple(len(each) for each in self.sets)

    def includes(self, other: "Api") -> bool:
        """Tell whether it admits all that another admits."""
        return (
            self.senders & other.senders == other.senders
            and self.takers & other.takers == other.takers
        )


def all_apis(case: Case, k: int) -> list[Api]:
    """Return all APIs of at most `k` intervals with edges on ends of images that admit something."""
    labels = [_Label(case, label) for label in range(len(case.images.low))]
    senders, takers = _bits(case.images.weight > 0.0), _bits(case.preimages.weight > 0.0)
    found = _extended([list(label.unions(k)) for label in labels], (), senders, takers)
    return [
        Api(sets, s, t, _weight(s, case.images.weight) * _weight(t, case.preimages.weight))
        for sets, s, t in found
        if all(
            label.with_piece[interval] & s
            for label, each in zip(labels, sets, strict=True)
            for interval in each
        )
    ]


def best_product(apis: Iterable[Api]) -> float:
    """Return the greatest product, 0 of none."""
    return max((api.product for api in apis), default=0.0)


def top_closed(apis: Sequence[Api], n: int, shape: Shape | None = None) -> list[float]:
    """Return the greatest products of closed APIs that admit different θ.

    An API is closed if none of as many intervals or fewer admits all that it admits and more.
    """
    of_shape = [api for api in apis if shape is None or api.shape == shape]
    found: dict[tuple[int, int], float] = {}
    for api in sorted(of_shape, key=lambda api: -api.product):
        if len(found) == n:
            break
        if (api.senders, api.takers) not in found and not any(_beats(one, api) for one in apis):
            found[api.senders, api.takers] = api.product
    return list(found.values())


def _beats(one: Api, other: Api) -> bool:
    return (
        one.includes(other)
        and not other.includes(one)
        and all(a <= b for a, b in zip(one.counts, other.counts, strict=True))
    )


class _Label:
    """What each interval of one logical value admits."""

    def __init__(self, case: Case, label: int) -> None:
        low, high = case.images.low[label], case.images.high[label]
        start, end = case.preimages.low[label], case.preimages.high[label]
        pieces = low <= high
        self._everyone = _bits(np.ones(low.shape[1], dtype=np.bool_))
        self._held: dict[Interval, list[int]] = {}
        self._hold: dict[Interval, int] = {}
        self.with_piece: dict[Interval, int] = {}
        ends = np.unique(low[pieces]).tolist(), np.unique(high[pieces]).tolist()
        for a, b in itertools.product(*ends):
            if a <= b:
                inside = pieces & (low >= a) & (high <= b)
                self._held[a, b] = [_bits(each) for each in inside | ~pieces]
                self._hold[a, b] = _bits(((start <= a) & (end >= b)).any(axis=0))
                self.with_piece[a, b] = _bits(inside.any(axis=0))

    def unions(self, k: int) -> Iterator[tuple[tuple[Interval, ...], int, int]]:
        """Yield all unions of at most `k` intervals, and who is admitted as far as they go."""
        for n in range(1, k + 1):
            for union in itertools.combinations(sorted(self._hold), n):
                takers, senders = -1, self._everyone
                for interval in union:
                    takers &= self._hold[interval]
                if takers and all(one[1] < two[0] for one, two in itertools.pairwise(union)):
                    for held in zip(*(self._held[interval] for interval in union), strict=True):
                        senders &= _any(held)
                    yield union, senders, takers


def _extended(
    rest: Sequence[list[tuple[tuple[Interval, ...], int, int]]],
    sets: Sets,
    senders: int,
    takers: int,
) -> Iterator[tuple[Sets, int, int]]:
    if not rest:
        yield sets, senders, takers
        return
    below = [interval for each in sets for interval in each]
    for union, s, t in rest[0]:
        if senders & s and takers & t and not any(map(_meet, *_pairs(union, below))):
            yield from _extended(rest[1:], (*sets, union), senders & s, takers & t)


def _pairs(
    some: Sequence[Interval], others: Sequence[Interval]
) -> tuple[list[Interval], list[Interval]]:
    pairs = list(itertools.product(some, others))
    return [one for one, _ in pairs], [other for _, other in pairs]


def _meet(one: Interval, other: Interval) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]


def _any(bits: Iterable[int]) -> int:
    found = 0
    for each in bits:
        found |= each
    return found


def _bits(who: NDArray[np.bool_]) -> int:
    return sum(1 << n for n in np.flatnonzero(who).tolist())


def _weight(bits: int, weight: NDArray[np.float64]) -> float:
    return sum(w for n, w in enumerate(weight.tolist()) if bits >> n & 1)
