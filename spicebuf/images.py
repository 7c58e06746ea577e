"""Transfer curves → images of an API's sets, and preimages of them: what a search is made of.

Between its samples a curve is not known. The *safe* reading decides against the θ: images reach to the
samples just outside of an input interval, preimages end at the last sample inside. The *optimistic*
reading does the contrary, so that the truth by the samples lies between the two.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from spicebuf.api import Api
from spicebuf.check import Floats, input_intervals
from spicebuf.deck import Bench, accuracy
from spicebuf.errors import InputError
from spicebuf.ngspice import Status
from spicebuf.search import Images, Preimages, Sets
from spicebuf.simulate import Curves, Volts
from spicebuf.voltages import VoltageSet

# A sweep's voltages are decimals, but for rounding.
_DECIMALS = 9


class Reading(Enum):
    """How to decide what samples leave open."""

    SAFE = "safe"
    OPTIMISTIC = "optimistic"


@dataclass(frozen=True)
class Transfer:
    """The transfer curves of a bank as a link of a chain.

    Attributes
    ----------
    curves : Curves
        ``vout`` of shape (n, n_branches, n_points).
    vin : array of float, shape (n_points,)
        Ascending from rail to rail [V].
    vdd : float
        Supply [V]; edges on a rail do not bind.
    weight : array of float, shape (n,)
        Of each θ, ≥ 0.
    reading : Reading
        θ without a trusted curve weigh nothing in the safe reading, and do everything in the other.
    grid : float or None
        Step of the voltages that images are rounded to outward, and preimages inward [V]; rails are on
        every grid.
    """

    curves: Curves
    vin: Floats
    vdd: float
    weight: Floats
    reading: Reading = Reading.SAFE
    grid: float | None = None

    def __getitem__(self, place: int) -> "Transfer":
        """Return the curves of one θ."""
        one = slice(place, place + 1)
        curves = Curves(self.curves.vout[one], self.curves.status[one], self.curves.attempt[one])
        return replace(self, curves=curves, weight=self.weight[one])

    def images(self, sets: Sets) -> Images:
        """Return where each θ sends the voltages of `sets`: a piece for each interval and branch.

        In the optimistic reading a branch of several may jump, and has a piece for each end.
        """
        labelled = {str(label): VoltageSet(each) for label, each in enumerate(sets)}
        pieces: list[list[tuple[Floats, Floats]]] = [[] for _ in sets]
        for stretch in input_intervals(self.vin, labelled):
            inside = stretch.inside_of(self.curves.vout)
            outside = stretch.outside_of(self.curves.vout)
            pieces[int(stretch.logic)] += self._pieces(inside, outside)
        most = max(map(len, pieces))
        shape = (len(sets), max(1, most), len(self.weight))
        low, high = np.full(shape, np.inf), np.full(shape, -np.inf)
        for label, each in enumerate(pieces):
            for number, (least, greatest) in enumerate(each):
                low[label, number], high[label, number] = least, greatest
        images = Images(low, high, self._weights)
        if self.grid is None:
            return images
        rounded = images.on_grid(self.grid)
        return replace(rounded, high=np.minimum(rounded.high, self.vdd))

    def preimages(self, sets: Sets) -> Preimages:
        """Return which input voltages each θ sends into `sets`, on all branches."""
        found = [self._components(VoltageSet(each)) for each in sets]
        most = max(low.shape[0] for low, _ in found)
        low, high = (
            np.stack([_padded(each[end], most, fill) for each in found])
            for end, fill in ((0, np.inf), (1, -np.inf))
        )
        preimages = Preimages(low, high, self._weights)
        if self.grid is None:
            return preimages
        rounded = preimages.on_grid(self.grid)
        return replace(rounded, high=np.where(high >= self.vdd, self.vdd, rounded.high))

    def distance(self, sets: Sets) -> Floats:
        """Return how far outputs are from `sets` [V], shape (n_logical, n, n_points); NaN if untrusted.

        Of several branches the farthest counts.
        """
        found = []
        for each in sets:
            intervals = VoltageSet(each).binding_edges(self.vdd)
            outside = [
                np.maximum(0.0, np.maximum(low - self.curves.vout, self.curves.vout - high))
                for low, high in intervals
            ]
            found.append(np.min(outside, axis=0).max(axis=1))
        return np.array(found, dtype=np.float64)

    @property
    def _weights(self) -> Floats:
        if self.reading is Reading.OPTIMISTIC:
            return self.weight
        return np.where(self._trusted, self.weight, 0.0)

    @property
    def _trusted(self) -> NDArray[np.bool_]:
        return np.asarray(self.curves.status == Status.TRUSTED)

    def _pieces(self, inside: Volts, outside: Volts) -> Iterator[tuple[Floats, Floats]]:
        """Yield the ends of the image of one interval, for each branch."""
        safe = self.reading is Reading.SAFE
        samples = np.concatenate([inside, outside], axis=2) if safe else inside
        if not samples.shape[2]:
            return
        doubt = accuracy(self.vdd)
        for branch in range(samples.shape[1]):
            low = samples[:, branch].min(axis=1).astype(np.float64)
            high = samples[:, branch].max(axis=1).astype(np.float64)
            if safe:
                low, high = low - doubt, high + doubt
            else:
                middle = (low + high) / 2.0
                low, high = np.minimum(low + doubt, middle), np.maximum(high - doubt, middle)
            # Of several branches one may jump over what lies between its outputs.
            connected = safe or samples.shape[1] == 1
            for least, greatest in [(low, high)] if connected else [(low, low), (high, high)]:
                yield (
                    np.where(self._trusted, np.clip(least, 0.0, self.vdd), np.inf),
                    np.where(self._trusted, np.clip(greatest, 0.0, self.vdd), -np.inf),
                )

    def _components(self, target: VoltageSet) -> tuple[Floats, Floats]:
        """Return the ends of the components of the preimage of one set, shape (n_components, n)."""
        vin = np.round(self.vin, _DECIMALS)
        if self.reading is Reading.SAFE:
            return _stretches(
                np.where(self._trusted[:, np.newaxis], self._inside(target), -1), vin, vin
            )
        possible = self._possible(target) | ~self._trusted[:, np.newaxis]
        between = np.nextafter(vin[:-1], np.inf), np.nextafter(vin[1:], -np.inf)
        first, last = (np.insert(vin, np.arange(1, len(vin)), each) for each in between)
        return _stretches(np.where(possible, 0, -1), first, last)

    def _inside(self, target: VoltageSet) -> NDArray[np.int64]:
        """Return a number for the intervals of `target` that each sample surely lies in, −1 outside.

        Shape (n, n_points). Branches count together: each must stay in its interval, since what lies
        between two intervals is not acceptable.
        """
        intervals, doubt = target.binding_edges(self.vdd), accuracy(self.vdd)
        number = np.zeros(self.curves.vout.shape[::2], dtype=np.int64)
        for vout in self.curves.vout.transpose(1, 0, 2):
            which = np.full(vout.shape, -1)
            for k, (low, high) in enumerate(intervals):
                which[(vout >= low + doubt) & (vout <= high - doubt)] = k
            number = np.where((which < 0) | (number < 0), -1, number * len(intervals) + which)
        return number

    def _possible(self, target: VoltageSet) -> NDArray[np.bool_]:
        """Return at which samples, and anywhere between which, all branches could lie in `target`.

        Shape (n, 2 n_points − 1): samples and the gaps between them in turn.
        """
        doubt = accuracy(self.vdd)
        vout = self.curves.vout
        least, greatest = (np.repeat(vout, 2, axis=2)[:, :, 1:] for _ in range(2))
        least[:, :, 1::2] = np.minimum(vout[:, :, 1:], vout[:, :, :-1])
        greatest[:, :, 1::2] = np.maximum(vout[:, :, 1:], vout[:, :, :-1])
        each = [
            (greatest >= low - doubt) & (least <= high + doubt)
            for low, high in target.binding_edges(self.vdd)
        ]
        return np.asarray(np.any(each, axis=0).all(axis=1))


def _stretches(where: NDArray[np.int64], first: Floats, last: Floats) -> tuple[Floats, Floats]:
    """Return the ends of the stretches of equal numbers ≥ 0, shape (most in any row, n)."""
    padded = np.pad(where, ((0, 0), (1, 1)), constant_values=-1)
    change = padded[:, 1:] != padded[:, :-1]
    of, start = np.nonzero(change[:, :-1] & (where >= 0))
    _, end = np.nonzero(change[:, 1:] & (where >= 0))
    place = np.arange(len(of)) - np.searchsorted(of, of)
    shape = (int(place.max(initial=0)) + 1, len(where))
    low, high = np.full(shape, np.inf), np.full(shape, -np.inf)
    low[place, of], high[place, of] = first[start], last[end]
    return low, high


def _padded(ends: Floats, most: int, fill: float) -> Floats:
    missing = most - ends.shape[0]
    return np.pad(ends, ((0, missing), (0, 0)), constant_values=fill)


def transfer_of(
    on: Bench, curves: Curves, reading: Reading = Reading.SAFE, grid: float | None = None
) -> Transfer:
    """Return curves from a bench, every θ of which counts alike, as a link of a chain."""
    return Transfer(curves, on.vin, on.vdd, np.ones(len(curves.status)), reading, grid)


def tabulated(vin: Floats, vout: Floats, reading: Reading = Reading.SAFE) -> Transfer:
    """Return curves of any make, each a continuous function, as a link of a chain; all count alike.

    Outputs are taken to be as accurate as those of circuits: to 10 µV, or 2e-6 of a large range.

    Parameters
    ----------
    vin : array of float, shape (n_points,)
        Inputs, ascending from 0 to the greatest voltage that there is [V].
    vout : array of float, shape (n, n_points)
        Outputs, in the same range [V].
    reading : Reading
        Of what lies between the points.

    Raises
    ------
    InputError
        If a shape or a number is not as it must be.
    """
    # Steps are NaN or infinite where an input is.
    steps = np.diff(vin)
    if (
        vin.ndim != 1
        or not steps.size
        or vin[0] != 0.0
        or not ((steps > 0.0) & np.isfinite(steps)).all()
    ):
        raise InputError("vin: give at least two inputs, ascending from 0 V")
    if vout.ndim != 2 or vout.shape[1] != len(vin):  # noqa: PLR2004
        raise InputError(
            f"vout has shape {vout.shape}; give a row of {len(vin)} outputs for each θ"
        )
    n_outside = np.count_nonzero(~((vout >= 0.0) & (vout <= vin[-1])).all(axis=1))
    if n_outside:
        raise InputError(
            f"vout: {n_outside} curves leave 0 to {vin[-1]:g} V, the range of `vin`, or are not finite; "
            "scale outputs to it"
        )
    n = len(vout)
    trusted, first = np.full(n, Status.TRUSTED, dtype=np.uint8), np.zeros(n, dtype=np.uint8)
    curves = Curves(vout[:, np.newaxis], trusted, first)
    return Transfer(curves, vin, float(vin[-1]), np.ones(n), reading)


def sets_of(api: Api, logical_values: Sequence[str]) -> Sets:
    """Return the sets of an API in the order of `logical_values`."""
    return tuple(api.sets[logic].intervals for logic in logical_values)


def api_of(name: str, sets: Sets, logical_values: Sequence[str]) -> Api:
    """Return an API of sets in the order of `logical_values`."""
    named = zip(logical_values, sets, strict=True)
    return Api(name, {logic: VoltageSet(each) for logic, each in named})
