"""Banks → images and preimages."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from spicebuf.images import Reading, Transfer, transfer_of
from spicebuf.search import Images, Preimages, Sets, joined
from spicebuf.simulate import Curves
from spicebuf.workflow.banks import SweptBank


@dataclass(frozen=True)
class BankLink:
    """A bank, every θ of which counts alike, as a link of a chain; it is read block by block each time.

    The attributes are those of `Transfer`.
    """

    swept: SweptBank
    reading: Reading = Reading.SAFE
    grid: float | None = None

    def images(self, sets: Sets) -> Images:
        """Return where each θ sends the voltages of `sets`."""
        return joined([block.images(sets) for block in self._blocks()])

    def preimages(self, sets: Sets) -> Preimages:
        """Return which input voltages each θ sends into `sets`."""
        return joined([block.preimages(sets) for block in self._blocks()])

    def _blocks(self) -> Iterator[Transfer]:
        for curves in self.swept.bank.read(self.swept.n):
            yield transfer_of(self.swept.bank.bench, curves, self.reading, self.grid)


def in_memory(swept: SweptBank) -> Transfer:
    """Return a bank as a link of a chain, read once, in the safe reading."""
    blocks = list(swept.bank.read(swept.n))
    curves = Curves(
        np.concatenate([block.vout for block in blocks]),
        np.concatenate([block.status for block in blocks]),
        np.concatenate([block.attempt for block in blocks]),
    )
    return transfer_of(swept.bank.bench, curves)
