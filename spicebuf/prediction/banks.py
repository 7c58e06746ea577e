"""Pairs of banks, and the log volumes that they give APIs."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from spicebuf.entropy import log_of
from spicebuf.errors import InputError
from spicebuf.search import Bools, Images, Preimages, Sets

N_LOGICAL = 2
"""Logical values that a test of the prediction is for."""


@dataclass(frozen=True)
class Banks:
    """Images of the first component's θ and preimages of the second's, each with weights.

    Raises
    ------
    InputError
        If there are not two logical values, an image has no piece of one of them, there are no θ, or
        nothing weighs anything.
    """

    images: Images
    preimages: Preimages

    def __post_init__(self) -> None:
        require_two_values(self.images, self.preimages)
        for name, weight in (("images", self.images.weight), ("preimages", self.preimages.weight)):
            if not weight.size:
                raise InputError(f"{name}: there are none; give those of one θ at least")
            if not weight.any():
                raise InputError(f"{name}: some weight must be above 0, and all are 0")

    @cached_property
    def totals(self) -> tuple[float, float]:
        """Weights of all θ of the first and of the second component."""
        return float(self.images.weight.sum()), float(self.preimages.weight.sum())

    def admits(self, sets: Sets) -> tuple[Bools, Bools]:
        """Return which θ of either component an API admits, shapes (n1,), (n2,)."""
        return self.images.held_by(sets), self.preimages.hold(sets)

    def log_volume(self, sets: Sets) -> float:
        """Return the log volume of an API [nat]; −inf if it admits nothing."""
        first, second = self.admits(sets)
        sent, taken = self.images.weight @ first, self.preimages.weight @ second
        return log_of(float(sent)) + log_of(float(taken)) - sum(map(math.log, self.totals))


def require_two_values(images: Images, preimages: Preimages) -> None:
    """Raise InputError if there are not two logical values with a piece of each image."""
    for name, n_logical in (("images", len(images.low)), ("preimages", len(preimages.low))):
        if n_logical != N_LOGICAL:
            raise InputError(
                f"{name} are of {n_logical} logical values; the prediction is tested for 2 only"
            )
    n_empty = np.count_nonzero((images.low > images.high).all(axis=1).any(axis=0))
    if n_empty:
        raise InputError(
            f"images: {n_empty} have no piece of a logical value; leave them out of the bank"
        )
