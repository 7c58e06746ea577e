"""What a search over the APIs of a chain answers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from spicebuf.search.relation import Sets


class Proof(IntEnum):
    """What the limit of a chain rests on, the strongest first."""

    EXHAUSTIVE = 0
    """All APIs that could be part of a better chain were tried or ruled out: there is none."""
    COMPOSED = 1
    """On tuples of θ that work end to end, whether or not all of their combinations do."""
    WIDENED = 2
    """On such tuples too, but they were too many: they were taken to accept more than they do."""

    @property
    def word(self) -> str:
        """The name as results and tables spell it."""
        return self.name.lower()


@dataclass(frozen=True)
class ChainOptimum:
    """The best APIs found for a chain of m components, and what none can exceed.

    Attributes
    ----------
    tight, wide : tuple of (Sets or None), length m + 1
        The APIs [V], with each free one as small, and as large, as it can be without a loss. All tight
        ones go together, and so do all wide ones. Fixed ones are as given. None where no θ were found
        that work from one fixed API to the next.
    weights : tuple of float, length m
        Of the θ of each component that satisfy its tight APIs; 0 where none were found, so that these
        components are those to look at.
    limit : float
        No APIs that were searched for lead to a greater product of the weights.
    proof : Proof
        What the limit rests on, where that is weakest.
    n_starts : int
        Starts of coordinate ascents.
    is_interrupted : bool
        Whether the time was up before all starts were climbed from and all that could be proven was.
    """

    tight: tuple[Sets | None, ...]
    wide: tuple[Sets | None, ...]
    weights: tuple[float, ...]
    limit: float
    proof: Proof
    n_starts: int
    is_interrupted: bool

    @property
    def product(self) -> float:
        """What is to be greatest: the product of the weights."""
        return math.prod(self.weights)

    @property
    def gap(self) -> float:
        """How much better APIs might be than those found [nat]; 0 proves that none are."""
        if not self.limit:
            return 0.0
        return math.log(self.limit / self.product) if self.product else math.inf


def in_series(parts: Sequence[ChainOptimum]) -> ChainOptimum:
    """Return the answer for stretches of which each begins with the API that the one before ends with."""
    return ChainOptimum(
        (*parts[0].tight[:1], *(sets for part in parts for sets in part.tight[1:])),
        (*parts[0].wide[:1], *(sets for part in parts for sets in part.wide[1:])),
        tuple(weight for part in parts for weight in part.weights),
        math.prod(part.limit for part in parts),
        max(part.proof for part in parts),
        sum(part.n_starts for part in parts),
        is_interrupted=any(part.is_interrupted for part in parts),
    )
