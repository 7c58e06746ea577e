"""Banks → images and preimages, block by block."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from spicebuf.check import Floats
from spicebuf.images import Reading, Transfer, joined_images, joined_preimages
from spicebuf.search import Images, Preimages, Sets
from spicebuf.workflow.banks import SweptBank


@dataclass(frozen=True)
class BankLink:
    """A bank as a link of a chain; its curves are read from disk each time.

    Attributes
    ----------
    swept : SweptBank
    weight : array of float, shape (n,)
        Of each θ.
    reading : Reading
    """

    swept: SweptBank
    weight: Floats
    reading: Reading

    def images(self, sets: Sets) -> Images:
        """Return where each θ sends the voltages of `sets`."""
        return joined_images([block.images(sets) for block in self._blocks()])

    def preimages(self, sets: Sets) -> Preimages:
        """Return which input voltages each θ sends into `sets`."""
        return joined_preimages([block.preimages(sets) for block in self._blocks()])

    def _blocks(self) -> Iterator[Transfer]:
        on, first = self.swept.bank.bench, 0
        for curves in self.swept.bank.read(self.swept.n):
            weight = self.weight[first : first + len(curves.status)]
            yield Transfer(curves, on.vin, on.vdd, weight, self.reading)
            first += len(curves.status)


def even_link(swept: SweptBank, reading: Reading) -> BankLink:
    """Return a bank as a link in which every θ counts alike."""
    return BankLink(swept, np.ones(swept.n), reading)
