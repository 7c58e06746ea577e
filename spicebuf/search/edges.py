"""Edges in few digits: an API may lie anywhere between its tight and its wide sets."""

from spicebuf.search.relation import Sets

_MOST_DECIMALS = 9
# A voltage that a grid means is one rounding away from the decimal.
_SAME = 1e-10


def simplified(tight: Sets, wide: Sets) -> Sets:
    """Return sets between `tight` and `wide` whose edges have as few decimals as possible [V]."""
    return tuple(
        tuple(
            (simplest(outer[0], inner[0]), simplest(inner[1], outer[1]))
            for inner, outer in zip(inside, outside, strict=True)
        )
        for inside, outside in zip(tight, wide, strict=True)
    )


def simplest(low: float, high: float) -> float:
    """Return the number in [low, high] with the fewest decimals, of several that nearest the middle.

    `low` itself where even nine decimals lead to none.
    """
    middle = (low + high) / 2.0
    for decimals in range(_MOST_DECIMALS + 1):
        for value in (round(middle, decimals), _up(low, decimals)):
            if low - _SAME <= value <= high + _SAME:
                return value
    return low


def _up(value: float, decimals: int) -> float:
    """Return the least number ≥ `value`, but for rounding, with so many decimals."""
    step = 10.0**-decimals
    rounded = round(value, decimals)
    return rounded if rounded >= value - _SAME else round(rounded + step, decimals)
