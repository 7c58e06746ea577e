"""How far an API is from the greatest log volume, and which one stands for a solution.

Every API B with A ⊆ B ⊆ P admits a solution of image A and preimage P, so that "the API that training
ended at" is a convention. Here it is the one of greatest log volume: the distance of a solution from the
greatest log volume is that of the best API that it could be said to have ended at.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from spicebuf.errors import InputError
from spicebuf.prediction.ascent import Ascent, ascent_of
from spicebuf.prediction.banks import Banks
from spicebuf.prediction.sets import merged, row_of, wide_of
from spicebuf.prediction.table import Room, Table, room_of, table_of
from spicebuf.search import MAX_EDGES, Bools, Images, Preimages, Sets
from spicebuf.search.relation import Floats

N_EDGES = 51
"""Voltages from rail to rail where the edges of APIs are looked for, unless another number is given."""


@dataclass(frozen=True)
class Distance:
    """How much smaller the log volume of an API is than the greatest.

    Attributes
    ----------
    value : float
        [nat]; +inf where the measuring banks admit nothing, and below 0 where they like it better than
        the one that the choosing banks found to be the best.
    least : float
        The same, if one draw had been admitted by each bank that admits none [nat]: finite, unless the
        banks are exact.
    error : float
        Standard error of `least` from the finite measuring banks [nat]; 0 if they are exact.
    """

    value: float
    least: float
    error: float


@dataclass(frozen=True)
class Measure:
    """Log volumes by which solutions are placed: chosen on one pair of banks, reported on another.

    What is greatest on a bank is too great there (the winner's curse); so all choices are made on
    `choose`, and log volumes reported of independent draws.

    Attributes
    ----------
    choose, measure : Banks
        The same object where the banks enumerate finite priors.
    best : Sets
        The API of greatest log volume that a search on `choose` found: of its `Candidate`,
        `simplified(tight, wide)`.
    vdd : float
        Supply [V].
    n_edges : int
        Voltages from 0 to `vdd` where edges of APIs may lie, 2 to `MAX_EDGES`.
    is_exact : bool
        Whether the log volumes of `measure` have no sampling error.

    Raises
    ------
    InputError
        If `vdd` or `n_edges` is not as it must be, or `measure` admits no θ to `best`.
    """

    choose: Banks
    measure: Banks
    best: Sets
    vdd: float
    n_edges: int = N_EDGES
    is_exact: bool = False

    def __post_init__(self) -> None:
        if not 0.0 < self.vdd < math.inf:
            raise InputError(f"vdd = {self.vdd:g} V must be above 0 V")
        if not 1 < self.n_edges <= MAX_EDGES:
            raise InputError(f"n_edges = {self.n_edges} must be 2 to {MAX_EDGES}")
        if not math.isfinite(self.greatest):
            raise InputError(
                f"best = {self.best}: the measuring banks admit nothing to it; take larger banks"
            )

    @cached_property
    def greatest(self) -> float:
        """Log volume of `best` on the measuring banks [nat]."""
        return self.measure.log_volume(self.best)

    @cached_property
    def table(self) -> Table:
        """Log volumes of all APIs on the grid, of the choosing banks."""
        return table_of(self.choose, np.linspace(0.0, self.vdd, self.n_edges))

    @cached_property
    def _ascent(self) -> Ascent:
        return ascent_of(self.choose)

    def between(self, inner: Sets, outer: Sets) -> Sets | None:
        """Return the API on the grid of greatest log volume with `inner` inside and `outer` outside.

        It has one interval for each logical value; `inner` is rounded outward, `outer` inward. None if no
        such API fits that admits anything on the choosing banks.
        """
        room = room_of(Images(*row_of(inner)), Preimages(*row_of(outer)))
        return self.table.best_in(room.ranges(self.table.axis)[0])

    def refined(self, room: Room) -> list[Sets | None]:
        """Return APIs in n rooms that no move of a single edge makes better, on the choosing banks.

        Each begins with the best API on the grid; if there is none, with the image and with the preimage.
        None where no API of one interval for each logical value fits.
        """
        rows = zip(
            room.ranges(self.table.axis).tolist(),
            room.outer,
            room.inner,
            room.fits.tolist(),
            strict=True,
        )
        # Solutions of finite priors, and of coarse curves, are often alike.
        best_in = cache(self.table.best_in)
        return [
            self._refined(best_in(tuple(ranges)), outer, inner) if fits else None
            for ranges, outer, inner, fits in rows
        ]

    def _refined(self, grid: Sets | None, outer: Floats, inner: Floats) -> Sets:
        low, high = np.minimum(outer, inner), np.maximum(outer, inner)
        # The grid is nearer than a nV to an edge now and then, and beyond it.
        starts = [inner, outer] if grid is None else [np.clip(np.ravel(grid), low, high)]
        found = [self._ascent.best(start, outer, inner) for start in starts]
        a, b, c, d = max(found, key=lambda each: each[1])[0].tolist()
        return ((a, b),), ((c, d),)

    def primary(self, inner: Sets, outer: Sets) -> Sets:
        """Return the API that stands for a solution of image `inner` and preimage `outer`.

        Of the best of all, the refined one (the best on the grid with its edges moved), the tight one and
        the wide one, as far as they lie between the two, the one of greatest log volume on the choosing
        banks; of several the first.

        Raises
        ------
        InputError
            If a piece of `inner` lies in no component of `outer`.
        """
        wide = wide_of(inner, outer)
        images, preimages = Images(*row_of(inner)), Preimages(*row_of(outer))
        in_best = images.held_by(self.best) & preimages.hold(self.best)
        (refined,) = self.refined(room_of(images, preimages))
        return first_greatest(
            (self.best if in_best[0] else None, refined, merged(inner), wide),
            self.choose.log_volume,
        )

    def distance(self, sets: Sets) -> Distance:
        """Return how much smaller the log volume of an API is than that of `best`, when measured."""
        parts = [
            _distance(weight, best, each)
            for weight, best, each in zip(
                (self.measure.images.weight, self.measure.preimages.weight),
                self._in_best,
                self.measure.admits(sets),
                strict=True,
            )
        ]
        value = sum(part.value for part in parts)
        if self.is_exact:
            return Distance(value, value, 0.0)
        least, errors = sum(part.least for part in parts), (part.error for part in parts)
        return Distance(value, least, math.hypot(*errors))

    @cached_property
    def _in_best(self) -> tuple[Bools, Bools]:
        return self.measure.admits(self.best)


def first_greatest(candidates: Iterable[Sets | None], log_volume: Callable[[Sets], float]) -> Sets:
    """Return the first candidate of greatest log volume."""
    return max((each for each in candidates if each is not None), key=log_volume)


def _distance(weight: Floats, best: Bools, each: Bools) -> Distance:
    """Return the log of the weight in one set over that in another, by the draws of one bank.

    Its variance by the delta method is Σ w²(1_best/W_best − 1_each/W_each)², where draws that both admit
    cancel; of equal weights 1/a + 1/b − 2c/(ab).
    """
    square = weight**2
    a, b = float(weight @ best), float(weight @ each)
    if b == 0.0:
        one = float(weight.max())
        return Distance(math.inf, math.log(a / one), math.sqrt(square @ best / a**2 + 1.0))
    both = 2.0 * float(square @ (best & each)) / (a * b)
    variance = float(square @ best) / a**2 + float(square @ each) / b**2 - both
    # Rounding can leave a little less than nothing.
    return Distance(math.log(a / b), math.log(a / b), math.sqrt(max(0.0, variance)))
