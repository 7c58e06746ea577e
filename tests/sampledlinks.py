"""Components for searches over chains: sampled curves, and the best APIs between them by brute force."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, combinations_with_replacement, groupby, pairwise, product

import numpy as np
from numpy.typing import NDArray

from spicebuf.search import Images, Preimages, Sets

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SampledLink:
    """Curves on a grid. An image is the span of the samples in an interval and of the next ones outside.

    Attributes
    ----------
    vin : array of float, shape (n_points,)
    vout : array of float, shape (n, n_branches, n_points)
    weight : array of float, shape (n,)
    """

    vin: Floats
    vout: Floats
    weight: Floats

    def images(self, sets: Sets) -> Images:
        """Return a piece for every interval and branch."""
        most = max(map(len, sets)) * self.vout.shape[1]
        low = np.full((len(sets), most, len(self.weight)), np.inf)
        high = np.full_like(low, -np.inf)
        for label, intervals in enumerate(sets):
            spans = [self.vout[:, :, self._touched(*each)] for each in intervals]
            if spans:
                ends = np.concatenate([span.min(axis=2) for span in spans], axis=1).T
                low[label, : len(ends)] = ends
                high[label, : len(ends)] = np.concatenate([s.max(axis=2) for s in spans], axis=1).T
        return Images(low, high, self.weight)

    def _touched(self, a: float, b: float) -> slice:
        first = int(np.searchsorted(self.vin, a, side="right")) - 1
        return slice(max(0, first), int(np.searchsorted(self.vin, b, side="left")) + 1)

    def preimages(self, sets: Sets) -> Preimages:
        """Return the runs of samples that all branches send into intervals, none into another of them."""
        rows = [[list(self._runs(curves, of)) for of in sets] for curves in self.vout]
        most = max([1, *(len(runs) for row in rows for runs in row)])
        low = np.full((len(sets), most, len(rows)), np.inf)
        high = np.full_like(low, -np.inf)
        for i, row in enumerate(rows):
            for label, runs in enumerate(row):
                for t, (a, b) in enumerate(runs):
                    low[label, t, i], high[label, t, i] = a, b
        return Preimages(low, high, self.weight)

    def _runs(
        self, curves: Floats, intervals: Sequence[tuple[float, float]]
    ) -> Iterator[tuple[float, float]]:
        where = np.full(curves.shape, -1)
        for t, (a, b) in enumerate(intervals):
            where[(curves >= a) & (curves <= b)] = t
        for into, run in groupby(
            zip(where.T.tolist(), self.vin.tolist(), strict=True), lambda x: x[0]
        ):
            volts = [v for _, v in run]
            if min(into) >= 0:
                yield volts[0], volts[-1]


def every_api(ends: Sequence[float], n_logical: int, max_intervals: int) -> list[Sets]:
    """Return all APIs with edges at some voltages."""
    ends = sorted(set(ends))
    unions = [
        chosen
        for k in range(1, max_intervals + 1)
        for chosen in combinations(list(combinations_with_replacement(ends, 2)), k)
        if all(a[1] < b[0] for a, b in pairwise(chosen))
    ]
    return [
        sets
        for sets in product(unions, repeat=n_logical)
        if all(
            a[1] < b[0] or b[1] < a[0] for x, y in combinations(sets, 2) for a, b in product(x, y)
        )
    ]


def brute_force(
    links: Sequence[SampledLink], apis: Sequence[Sets | None], max_intervals: int
) -> float:
    """Return the greatest product of weights over all APIs with edges at values of the curves."""
    before: list[tuple[Sets, float]] = [(apis[0], 1.0)]
    for link, after in zip(links, apis[1:], strict=True):
        places = (
            [after]
            if after
            else every_api(np.unique(link.vout).tolist(), len(apis[0]), max_intervals)
        )
        best = dict.fromkeys(places, 0.0)
        for sets, value in before:
            images = link.images(sets)
            for each in places:
                weight = float(images.weight[images.held_by(each)].sum())
                best[each] = max(best[each], value * weight)
        before = [(sets, value) for sets, value in best.items() if value > 0.0]
    return max((value for _, value in before), default=0.0)
