"""What a search asks of a component, whatever it is made of."""

from typing import Protocol

from spicebuf.search.relation import Images, Preimages, Sets


class Link(Protocol):
    """A component of a chain, at the θ of its bank.

    Both answers must agree: each piece of the image of a connected set of voltages lies in *one*
    interval of the output if and only if the set lies in one component of the preimage. They may be
    cautious (images too large, preimages too small), as long as a larger set never has a smaller image,
    and the image of two sets that meet is no larger than the hull of theirs.
    """

    def images(self, sets: Sets) -> Images:
        """Return where each θ sends the voltages of an API at the input, in the order of the bank."""

    def preimages(self, sets: Sets) -> Preimages:
        """Return which input voltages each θ sends into an API at the output, in the same order."""
