"""Which θ of two components work together: images of the one, preimages of the other, and their ranks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from spicebuf.errors import InputError

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]
Ranks: TypeAlias = NDArray[np.int32]
Places: TypeAlias = NDArray[np.int64]

Sets: TypeAlias = tuple[tuple[tuple[float, float], ...], ...]
"""Of each logical value in turn, the closed intervals of an API [V], ascending and disjoint."""

_ROUNDING = 1e-9
# A multiple of 0.05 V is a decimal, but for rounding.
_DECIMALS = 12


@dataclass(frozen=True)
class Images:
    """Where the first component sends each logical value: an API admits θ whose pieces it holds.

    Attributes
    ----------
    low, high : array of float, shape (n_logical, n_pieces, n)
        Ends of the pieces [V]. Each piece is connected, so it lies in *one* interval of an API. A piece
        with low = +inf and high = −inf is empty, and lies in every interval.
    weight : array of float, shape (n,)
        ≥ 0.
    """

    low: Floats
    high: Floats
    weight: Floats

    def __post_init__(self) -> None:
        _require_shapes("Images", self.low, self.high, self.weight)
        empty = np.isposinf(self.low) & np.isneginf(self.high)
        finite = np.isfinite(self.low) & np.isfinite(self.high) & (self.low <= self.high)
        for low, high in _ends(self.low, self.high, ~(empty | finite)):
            raise InputError(
                f"Images: a piece from {low:g} V to {high:g} V; ends must be finite and in this "
                "order, or +inf and −inf for an empty piece"
            )

    def __getitem__(self, places: Places | Bools) -> "Images":
        """Return the images of some θ."""
        return Images(self.low[:, :, places], self.high[:, :, places], self.weight[places])

    def on_grid(self, step: float) -> "Images":
        """Return the images with their ends rounded outward to multiples of `step` [V].

        θ that work together on a grid do so without it, to within a billionth of a step.
        """
        return Images(_down(self.low, step), _up(self.high, step), self.weight)

    def held_by(self, sets: Sets) -> Bools:
        """Return whose pieces all lie in an interval of `sets`, shape (n,)."""
        held = np.ones(len(self.weight), dtype=np.bool_)
        for low, high, intervals in zip(self.low, self.high, sets, strict=True):
            each = [low > high, *((low >= a) & (high <= b) for a, b in intervals)]
            held &= np.any(each, axis=0).all(axis=0)
        return held


@dataclass(frozen=True)
class Preimages:
    """What the second component accepts for each logical value: an API must lie inside.

    Attributes
    ----------
    low, high : array of float, shape (n_logical, n_components, n)
        Ends of the connected components of the preimage [V], disjoint; low = +inf and high = −inf where
        there is none.
    weight : array of float, shape (n,)
        ≥ 0.
    """

    low: Floats
    high: Floats
    weight: Floats

    def __post_init__(self) -> None:
        _require_shapes("Preimages", self.low, self.high, self.weight)
        for low, high in _ends(self.low, self.high, np.isnan(self.low) | np.isnan(self.high)):
            raise InputError(
                f"Preimages: a component from {low:g} V to {high:g} V; ends must be numbers"
            )

    def __getitem__(self, places: Places | Bools) -> "Preimages":
        """Return the preimages of some θ."""
        return Preimages(self.low[:, :, places], self.high[:, :, places], self.weight[places])

    def on_grid(self, step: float) -> "Preimages":
        """Return the preimages with their ends rounded inward to multiples of `step` [V]."""
        return Preimages(_up(self.low, step), _down(self.high, step), self.weight)

    @property
    def somewhere(self) -> Bools:
        """Whose preimages of all logical values hold something, shape (n,)."""
        return np.asarray((self.low <= self.high).any(axis=1).all(axis=0))

    def hold(self, sets: Sets) -> Bools:
        """Return whose preimages contain `sets`, shape (n,)."""
        hold = np.ones(len(self.weight), dtype=np.bool_)
        for low, high, intervals in zip(self.low, self.high, sets, strict=True):
            for a, b in intervals:
                hold &= ((low <= a) & (high >= b)).any(axis=0)
        return hold


def _require_shapes(what: str, low: Floats, high: Floats, weight: Floats) -> None:
    if low.ndim != 3 or low.shape != high.shape or low.shape[2:] != weight.shape:  # noqa: PLR2004
        raise InputError(
            f"{what}: low {low.shape} and high {high.shape} must both have the shape (n_logical, "
            f"n_pieces, n) with n that of weight {weight.shape}"
        )
    for value in weight[~((weight >= 0.0) & np.isfinite(weight))].tolist():
        raise InputError(f"{what}: weight {value:g} must be finite and ≥ 0")


def _ends(low: Floats, high: Floats, where: Bools) -> list[tuple[float, float]]:
    return list(zip(low[where].tolist(), high[where].tolist(), strict=True))


Rows = TypeVar("Rows", Images, Preimages)


def joined(parts: Sequence[Rows]) -> Rows:
    """Return the rows of several parts, each of any number of pieces, as one."""
    most = max(part.low.shape[1] for part in parts)
    return type(parts[0])(
        np.concatenate([_padded(part.low, most, np.inf) for part in parts], axis=2),
        np.concatenate([_padded(part.high, most, -np.inf) for part in parts], axis=2),
        np.concatenate([part.weight for part in parts]),
    )


def _padded(ends: Floats, n_pieces: int, nothing: float) -> Floats:
    more = ((0, 0), (0, n_pieces - ends.shape[1]), (0, 0))
    return np.pad(ends, more, constant_values=nothing)


def _down(volts: Floats, step: float) -> Floats:
    return np.round(np.floor(volts / step + _ROUNDING) * step, _DECIMALS)


def _up(volts: Floats, step: float) -> Floats:
    return np.round(np.ceil(volts / step - _ROUNDING) * step, _DECIMALS)


@dataclass(frozen=True)
class Relation:
    """Images and preimages of the θ that matter, by rank on one axis.

    An API of greatest log volume can always be had with its edges on ends of images: shrunk to them, it
    admits the same θ of the first component and no fewer of the second.

    Attributes
    ----------
    axis : array of float, shape (n_ranks,)
        All ends of images [V], ascending.
    low, high : array of int, shape (n_logical, n_pieces, n1)
        Of the images.
    start, end : array of int, shape (n_logical, n_components, n2)
        Least and greatest rank in each component of the preimages; start > end where there is none.
    sent, taken : array of float, shapes (n1,), (n2,)
        Weights.
    senders, takers : array of int, shapes (n1,), (n2,)
        Places in the `Images` and `Preimages` that this was made from.
    """

    axis: Floats
    low: Ranks
    high: Ranks
    start: Ranks
    end: Ranks
    sent: Floats
    taken: Floats
    senders: Places
    takers: Places

    @property
    def n_logical(self) -> int:
        """Number of logical values."""
        return int(self.low.shape[0])

    def sets(self, intervals: Sequence[tuple[int, int, int]]) -> Sets:
        """Return the API of intervals (label, rank, rank), ascending for each label, in volts."""
        return tuple(
            tuple(
                (float(self.axis[a]), float(self.axis[b])) for of, a, b in intervals if of == label
            )
            for label in range(self.n_logical)
        )

    def part(self, senders: Places, takers: Places) -> "Relation":
        """Return the relation of some θ, on the same axis."""
        return Relation(
            self.axis,
            self.low[:, :, senders],
            self.high[:, :, senders],
            self.start[:, :, takers],
            self.end[:, :, takers],
            self.sent[senders],
            self.taken[takers],
            self.senders[senders],
            self.takers[takers],
        )


def require_same_values(images: Images, preimages: Preimages) -> None:
    """Raise InputError if images and preimages are of different numbers of logical values."""
    if images.low.shape[0] != preimages.low.shape[0]:
        raise InputError(
            f"images are of {images.low.shape[0]} logical values, preimages of "
            f"{preimages.low.shape[0]}; they must be of the same"
        )


def relate(images: Images, preimages: Preimages) -> Relation:
    """Rank the ends of images and preimages; leave out θ that work with none."""
    require_same_values(images, preimages)
    senders = np.flatnonzero(_can_send(images) & (images.weight > 0.0))
    takers = np.flatnonzero(preimages.somewhere & (preimages.weight > 0.0))
    low, high = images.low[:, :, senders], images.high[:, :, senders]
    axis = np.unique(np.concatenate([low.ravel(), high.ravel()]))
    axis = axis[np.isfinite(axis)]
    start = np.searchsorted(axis, preimages.low[:, :, takers], side="left")
    end = np.searchsorted(axis, preimages.high[:, :, takers], side="right") - 1
    return Relation(
        axis,
        # An empty piece is beyond both ends: it lies in every interval.
        np.searchsorted(axis, low, side="left").astype(np.int32),
        (np.searchsorted(axis, high, side="right") - 1).astype(np.int32),
        start.astype(np.int32),
        end.astype(np.int32),
        images.weight[senders],
        preimages.weight[takers],
        senders,
        takers,
    )


def _can_send(images: Images) -> Bools:
    """Return whose pieces of different logical values do not meet: no API could hold both."""
    can = np.ones(len(images.weight), dtype=np.bool_)
    n_logical = images.low.shape[0]
    for a in range(n_logical):
        for b in range(a + 1, n_logical):
            for low, high in zip(images.low[a], images.high[a], strict=True):
                apart = (images.low[b] > high) | (images.high[b] < low) | (low > high)
                can &= apart.all(axis=0)
    return can
