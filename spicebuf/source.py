"""Where the θ of a bank come from: a sequence that any part of can be had again at any time."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spicebuf.prior import Prior, draw, grid_points, n_grid_points

# A generator of its own for every so many θ: draws do not depend on how a bank cuts its chunks.
_DRAWN_AT_ONCE = 256


@dataclass(frozen=True)
class Source:
    """Where the θ of a bank come from: independent draws, or every point of a grid in turn.

    Attributes
    ----------
    method : str
        ``"monte-carlo"`` or ``"enumeration"``.
    priors : mapping of str to Prior
    seed : int or None
        Of the draws; None for a grid, which needs none.
    stream : str
        Makes the draws of components of one system independent of one another.
    """

    method: str
    priors: Mapping[str, Prior]
    seed: int | None
    stream: str

    @property
    def n(self) -> int | None:
        """How many θ there are; None for draws, which do not end."""
        return n_grid_points(list(self.priors.values())) if self.seed is None else None

    def theta(self, first: int, stop: int) -> NDArray[np.float64]:
        """Return θ number `first` to `stop - 1`, shape (stop - first, len(priors))."""
        priors = list(self.priors.values())
        if self.seed is None:
            return grid_points(priors, first, stop)
        stream = stream_number(self.stream)
        drawn = [
            draw(priors, _DRAWN_AT_ONCE, np.random.default_rng([self.seed, stream, number]))
            for number in range(first // _DRAWN_AT_ONCE, -(-stop // _DRAWN_AT_ONCE))
        ]
        offset = first % _DRAWN_AT_ONCE
        return np.concatenate(drawn)[offset : offset + stop - first]


def stream_number(name: str) -> int:
    """Return what makes the draws of a component independent of those of others, beside the seed."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
