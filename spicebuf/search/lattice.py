"""All closed APIs on a grid of voltages: how many there are, and how the volume is spread over them.

The θ of the first component, those of the second, and which work together are a formal context; the APIs
that admit other θ, or fewer, wherever an edge moves are its concepts (Ganter & Wille, Formal Concept
Analysis, 1999).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spicebuf.errors import InputError
from spicebuf.search.boxes import boxes_of
from spicebuf.search.concepts import Concepts, concepts_of
from spicebuf.search.cores import compatibility
from spicebuf.search.grids import relate_at_ends, relate_on
from spicebuf.search.optimum import Candidate
from spicebuf.search.relation import Floats, Images, Places, Preimages, Relation, Sets

MAX_EDGES = 81
"""Voltages in a grid of which the tables take less than 1 GB."""

_LABELS = (0, 1)
_BLOCK = 1 << 26


@dataclass(frozen=True)
class Lattice:
    """All closed APIs with one interval for each of two logical values and edges on a grid.

    Attributes
    ----------
    log_volume : array of float, shape (n_closed,)
        Of each, relative to all weights [nat], greatest first.
    best : Candidate or None
        That of the greatest log volume.
    n_edges : int
        Voltages of the grid.
    log_end_to_end : float
        Of the pairs of θ that work together, whether an API admits them or not, and wherever the voltages
        between them lie [nat]; −inf if there are none.
    """

    log_volume: Floats
    best: Candidate | None
    n_edges: int
    log_end_to_end: float

    @property
    def n_closed(self) -> int:
        """Number of closed APIs."""
        return len(self.log_volume)

    @property
    def share_of_best(self) -> float:
        """Share of the pairs of θ that work together which the best API admits; 0 without any."""
        return float(np.exp(self.log_volume[0] - self.log_end_to_end)) if self.n_closed else 0.0

    @property
    def effective_number(self) -> float:
        """Exponential of the entropy of the volumes as shares of their sum; 0 without any.

        As many equal volumes would be spread as evenly (Hill, Ecology 54, 1973, 427-432).
        """
        if not self.n_closed:
            return 0.0
        part = np.exp(self.log_volume - self.log_volume[0])
        part /= part.sum()
        return float(np.exp(-(part[part > 0.0] * np.log(part[part > 0.0])).sum()))

    def quantiles(self, levels: Sequence[float]) -> Floats:
        """Return the log volumes [nat] that some shares of the closed APIs do not exceed.

        Raises
        ------
        InputError
            If there are no closed APIs.
        """
        if not self.n_closed:
            raise InputError(
                "there are no closed APIs on this grid to take quantiles of; refine it"
            )
        return np.asarray(np.quantile(self.log_volume, levels, method="inverted_cdf"))

    def n_within(self, distance: float) -> int:
        """Return how many lie within a distance [nat] of the best, which counts itself."""
        if not self.n_closed:
            return 0
        return int(np.count_nonzero(self.log_volume >= self.log_volume[0] - distance))


def lattice(images: Images, preimages: Preimages, grid: Floats) -> Lattice:
    """Count the closed APIs with one interval for each logical value and edges on a grid.

    Images are rounded outward and preimages inward. Each pair of admitted sets of θ counts once, whatever
    the number of APIs that admit them.

    Parameters
    ----------
    images, preimages : Images, Preimages
        Of two logical values.
    grid : array of float, shape (n_edges,)
        Ascending [V], from rail to rail; images that leave it are left out. See `grid_of`.

    Raises
    ------
    InputError
        If there are not two logical values, the grid has more than `MAX_EDGES` voltages or does not
        ascend, an image is empty, or nothing weighs anything.
    """
    _require(images, preimages, grid)
    total = np.log(images.weight.sum()) + np.log(preimages.weight.sum())
    with np.errstate(divide="ignore"):
        pairs = float(np.log(_weight_of_pairs(images, preimages)) - total)
    relation = relate_on(images, preimages, grid)
    concepts = concepts_of(boxes_of(relation, _LABELS, ascending=False))
    log_volume = np.log(concepts.sent) + np.log(concepts.taken) - total
    best = _candidate(concepts, relation, int(log_volume.argmax())) if len(log_volume) else None
    return Lattice(np.sort(log_volume)[::-1], best, len(grid), pairs)


def _require(images: Images, preimages: Preimages, grid: Floats) -> None:
    n_logical = images.low.shape[0]
    if n_logical != len(_LABELS):
        raise InputError(
            f"images are of {n_logical} logical values; closed APIs can be counted for 2 only"
        )
    if not 1 < len(grid) <= MAX_EDGES:
        raise InputError(
            f"grid: {len(grid)} voltages must be 2 to {MAX_EDGES}; choose another step"
        )
    if not (np.diff(grid) > 0.0).all():
        raise InputError("grid: its voltages must ascend")
    if (images.low > images.high).all(axis=1).any():
        raise InputError("images: each must have a piece for each logical value; leave out others")
    if not (images.weight.any() and preimages.weight.any()):
        raise InputError("images and preimages: some weight of each must be above 0")


def _weight_of_pairs(images: Images, preimages: Preimages) -> float:
    """Return the weight of all pairs of θ that work together."""
    relation = relate_at_ends(images, preimages)
    n, everyone = len(relation.sent), np.arange(len(relation.taken))
    rows = max(1, _BLOCK // max(1, len(everyone)))
    blocks = (np.arange(first, min(first + rows, n)) for first in range(0, n, rows))
    return sum(_weight_in(relation.part(block, everyone)) for block in blocks)


def _weight_in(relation: Relation) -> float:
    senders, takers = np.arange(len(relation.sent)), np.arange(len(relation.taken))
    if not len(takers):
        return 0.0
    return float(relation.sent @ compatibility(relation).degrees_of_senders(senders, takers))


def _candidate(concepts: Concepts, relation: Relation, place: int) -> Candidate:
    """Return one of the closed APIs in volts."""

    def sets(edges: Places) -> Sets:
        last = len(relation.axis) - 1
        a, b, c, d = edges[:, place].tolist()
        return relation.sets([(0, a, last - b), (1, c, last - d)])

    tight, wide = sets(concepts.tight), sets(concepts.wide)
    shape = _LABELS if tight[0] < tight[1] else _LABELS[::-1]
    return Candidate(tight, wide, shape, float(concepts.sent[place]), float(concepts.taken[place]))
