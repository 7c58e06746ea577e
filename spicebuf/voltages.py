"""Sets of voltages: finite unions of closed intervals."""

import math
import re
from dataclasses import dataclass

import portion

from spicebuf.errors import InputError

_FLOAT = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_EDGE = rf"({_FLOAT})\s*(mV|V)?"
_INTERVAL = re.compile(rf"\[\s*{_EDGE}\s*,\s*{_EDGE}\s*\]", re.ASCII)
_UNION = re.compile(r"[|∪]")


@dataclass(frozen=True)
class VoltageSet:
    """A finite union of closed intervals [V].

    Attributes
    ----------
    intervals : tuple of (float, float)
        Lower and upper edges [V], ascending and disjoint.
    """

    intervals: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        """Order the intervals and merge those that meet."""
        for low, high in self.intervals:
            if not (math.isfinite(low) and math.isfinite(high)):
                raise InputError(
                    f"interval [{low:g}, {high:g}]: both edges must be finite voltages"
                )
            if low > high:
                raise InputError(
                    f"interval [{low:g}, {high:g}] is reversed; write the lower edge first"
                )
        object.__setattr__(self, "intervals", _edges(_portion(self.intervals)))

    @classmethod
    def parse(cls, text: str) -> "VoltageSet":
        """Read the notation of system files: ``[0, 0.5] | [4.6, 5]`` or ``[0V,0.5V]∪[4.6V,5.0V]``.

        Raises
        ------
        InputError
            If the text is not a union of closed intervals, or an interval is reversed.
        """
        intervals = []
        for part in _UNION.split(text):
            match = _INTERVAL.fullmatch(part.strip())
            if match is None:
                raise InputError(
                    f"{part.strip()!r} is not an interval; write [low, high] in volts, "
                    "and join intervals by |"
                )
            low, low_unit, high, high_unit = match.groups()
            intervals.append((_volts(low, low_unit), _volts(high, high_unit)))
        return cls(tuple(intervals))

    def __str__(self) -> str:
        return " | ".join(f"[{low!r}, {high!r}]" for low, high in self.intervals)

    def overlap(self, other: "VoltageSet") -> "VoltageSet":
        """Return the voltages that lie in both sets."""
        common = _portion(self.intervals) & _portion(other.intervals)
        return VoltageSet(_edges(common))

    def require_within(self, vdd: float) -> None:
        """Raise InputError if an interval leaves the rails 0 V and `vdd` [V]."""
        for low, high in self.intervals:
            if low < 0.0 or high > vdd:
                raise InputError(
                    f"interval [{low:g}, {high:g}] V leaves the rails; "
                    f"edges must lie between 0 and {vdd:g} V"
                )

    def binding_edges(self, vdd: float) -> tuple[tuple[float, float], ...]:
        """Return the intervals with edges on a rail moved to infinity, where they do not bind.

        An output of −3 nV is inside ``[0, 0.5]``: an edge on a supply rail only says "at most 0.5 V".
        """
        return tuple(
            (low if low > 0.0 else -math.inf, high if high < vdd else math.inf)
            for low, high in self.intervals
        )


def _portion(intervals: tuple[tuple[float, float], ...]) -> portion.Interval:
    return portion.Interval(*(portion.closed(low, high) for low, high in intervals))


def _edges(interval: portion.Interval) -> tuple[tuple[float, float], ...]:
    if interval.empty:
        return ()
    return tuple((float(part.lower), float(part.upper)) for part in interval)


def _volts(number: str, unit: str | None) -> float:
    value = float(number)
    return value / 1000.0 if unit == "mV" else value
