"""The claim that is put to the test, fixed before anything is looked at."""

import math
from dataclasses import dataclass

from spicebuf.entropy import require_confidence
from spicebuf.errors import InputError


@dataclass(frozen=True)
class Claim:
    """At least a share of the runs that succeed end near the greatest log volume.

    Attributes
    ----------
    near : float
        How far from the greatest log volume is still near [nat], > 0.
    share : float
        Of the runs, in (0, 1).
    confidence : float
        In (0, 1), of two-sided intervals.
    nulls : tuple of str
        Of which fewer must end near it, for the claim to tell anything.

    Raises
    ------
    InputError
        If a number is not in its range.
    """

    near: float
    share: float
    confidence: float = 0.95
    nulls: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require_confidence(self.confidence)
        if not 0.0 < self.near < math.inf:
            raise InputError(f"near = {self.near:g} nat must be above 0 and finite, e.g. 0.5")
        if not 0.0 < self.share < 1.0:
            raise InputError(f"share = {self.share:g} must lie between 0 and 1, e.g. 0.5")

    @property
    def tail(self) -> float:
        """Probability outside either end of an interval."""
        return (1.0 - self.confidence) / 2.0
