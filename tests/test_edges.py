"""Edges in few digits, against the decimals of an interval one by one."""

import math
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spicebuf.search import Sets, simplified
from spicebuf.search.edges import simplest
from tests.search_cases import calm

VOLTS = st.integers(0, 50_000).map(lambda k: Fraction(k, 10_000))


def n_decimals(value: float) -> int:
    exponent = Decimal(repr(value)).normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return max(0, -exponent)


@calm(300)
@given(VOLTS, st.one_of(VOLTS, st.integers(0, 30).map(lambda k: Fraction(k, 10_000))))
def test_no_edge_between_has_fewer_decimals_or_is_nearer_the_middle(
    low: Fraction, width: Fraction
) -> None:
    high = min(Fraction(5), low + width)
    found = simplest(float(low), float(high))
    for decimals in range(5):
        step = Fraction(1, 10**decimals)
        inside = range(math.ceil(low / step), math.floor(high / step) + 1)
        if inside:
            break
    assert n_decimals(found) <= decimals
    middle = (low + high) / 2
    nearest = min(abs(k * step - middle) for k in inside)
    assert abs(found - middle) == pytest.approx(nearest, abs=1e-9)
    assert low <= Fraction(repr(found)) <= high


@pytest.mark.parametrize(
    ("low", "high", "edge"),
    [
        (3.0500000000000003, 3.0500000000000003, 3.05),
        (0.30000000000000004, 0.31, 0.3),
        (1.1, 1.1999999999999997, 1.1),
        (4.98, 5.0, 5.0),
        (0.0, 0.3, 0.0),
        (3.21, 3.3, 3.3),
        (0.3, 2.9, 2.0),
        (1.23456, 1.23467, 1.2346),
    ],
)
def test_some_edges(low: float, high: float, edge: float) -> None:
    """Floats that mean decimals give them, and a rail within reach is taken."""
    assert simplest(low, high) == edge


def test_an_edge_that_no_decimal_meets_stays() -> None:
    assert simplest(1.0 / 3.0, 1.0 / 3.0) == 1.0 / 3.0


def test_sets_are_simplified_edge_by_edge() -> None:
    tight: Sets = (((0.11, 0.52),), ((1.5004, 2.21), (4.513, 4.99)))
    wide: Sets = (((0.0, 0.63),), ((1.42, 2.3), (3.9, 5.0)))
    assert simplified(tight, wide) == (((0.0, 0.6),), ((1.5, 2.3), (4.0, 5.0)))
    assert simplified(tight, tight) == tight
