"""APIs: for every logical value, the voltages that are acceptable at an interface."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

from spicebuf.errors import InputError
from spicebuf.voltages import VoltageSet

_MIN_LOGICAL_VALUES = 2


@dataclass(frozen=True)
class Api:
    """A static discipline at one interface.

    Attributes
    ----------
    name : str
    sets : mapping of str to VoltageSet
        Logical value to acceptable voltages [V]. Empty only if `free`.
    free : bool
        Whether the sets are to be searched for; sets given beside it are a first proposal.
    """

    name: str
    sets: Mapping[str, VoltageSet]
    free: bool = False

    def __post_init__(self) -> None:
        """Refuse APIs that cannot tell their logical values apart."""
        if self.free and not self.sets:
            return
        if len(self.sets) < _MIN_LOGICAL_VALUES:
            raise InputError(
                f"API {self.name!r} has {len(self.sets)} logical value(s); it needs at least 2"
            )
        for logic, voltages in self.sets.items():
            if not voltages.intervals:
                raise InputError(f"API {self.name!r}, logical value {logic!r}: the set is empty")
        for (logic_a, a), (logic_b, b) in combinations(self.sets.items(), 2):
            common = a.overlap(b)
            if common.intervals:
                raise InputError(
                    f"API {self.name!r}: the sets of logical values {logic_a!r} and {logic_b!r} "
                    f"overlap in {common} V; no voltage may mean both"
                )


def noise_margins(first: Api, last: Api, vdd: float) -> dict[str, float]:
    """Return how far each logical value of `last` lies inside the same value of `first` [V].

    A chain whose noise margins are all ≥ 0 is restoring: copies of it can follow one another without
    end. For two logical values 0 and 1 these are the textbook NML = VIL − VOL and NMH = VOH − VIH.

    Returns
    -------
    dict of str to float
        Logical value to noise margin [V]; negative where `last` leaves `first`, +inf where only rails
        bind.
    """
    return {
        logic: min(
            max(
                min(
                    math.inf if a == -math.inf else low - a,
                    math.inf if b == math.inf else b - high,
                )
                for a, b in first.sets[logic].binding_edges(vdd)
            )
            for low, high in last.sets[logic].intervals
        )
        for logic in first.sets
    }
