"""What a search asks of a component, whatever it is made of."""

from typing import Protocol

from spicebuf.search.relation import Images, Preimages, Sets


class Link(Protocol):
    """A component of a chain, at the θ of its bank."""

    def images(self, sets: Sets) -> Images:
        """Return where each θ sends the voltages of an API at the input."""

    def preimages(self, sets: Sets) -> Preimages:
        """Return which input voltages each θ sends into an API at the output."""
