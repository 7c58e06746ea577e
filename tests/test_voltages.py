"""Sets of voltages."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spicebuf.errors import InputError
from spicebuf.voltages import VoltageSet

edges = st.integers(0, 50).map(lambda k: k / 10.0)
intervals = st.tuples(edges, edges).map(lambda pair: (min(pair), max(pair)))
sets = st.lists(intervals, min_size=1, max_size=5).map(lambda i: VoltageSet(tuple(i)))


def contains(voltages: VoltageSet, x: float) -> bool:
    return any(low <= x <= high for low, high in voltages.intervals)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[0, 1.2]", ((0.0, 1.2),)),
        ("[0, 0.5] | [4.6, 5]", ((0.0, 0.5), (4.6, 5.0))),
        ("[0V,0.5V]∪[4.6V,5.0V]", ((0.0, 0.5), (4.6, 5.0))),
        ("[4.6, 5]|[0,500mV]", ((0.0, 0.5), (4.6, 5.0))),
        ("[1, 2] | [2, 3]", ((1.0, 3.0),)),
        ("[2.5, 2.5]", ((2.5, 2.5),)),
    ],
)
def test_notation(text: str, expected: tuple[tuple[float, float], ...]) -> None:
    assert VoltageSet.parse(text).intervals == expected


@pytest.mark.parametrize(
    "text", ["", "[1, 0.5]", "0, 1", "[0, 1", "[0; 1]", "[0, 1] [2, 3]", "[nan, 1]"]
)
def test_bad_notation_names_the_part(text: str) -> None:
    with pytest.raises(InputError, match=r"interval"):
        VoltageSet.parse(text)


@given(sets, edges)
def test_text_round_trip(voltages: VoltageSet, x: float) -> None:
    again = VoltageSet.parse(str(voltages))
    assert again == voltages
    assert contains(again, x) == contains(voltages, x)


@given(sets, sets, edges)
def test_overlap_is_the_intersection(a: VoltageSet, b: VoltageSet, x: float) -> None:
    assert contains(a.overlap(b), x) == (contains(a, x) and contains(b, x))


@given(sets)
def test_intervals_are_ascending_and_disjoint(voltages: VoltageSet) -> None:
    flat = [edge for interval in voltages.intervals for edge in interval]
    assert flat == sorted(flat)
    assert all(
        a[1] < b[0] for a, b in zip(voltages.intervals, voltages.intervals[1:], strict=False)
    )


def test_edges_on_a_rail_do_not_bind() -> None:
    assert VoltageSet.parse("[0, 0.5] | [4.6, 5]").binding_edges(5.0) == (
        (-math.inf, 0.5),
        (4.6, math.inf),
    )


@pytest.mark.parametrize("text", ["[-0.1, 1]", "[4, 5.1]"])
def test_beyond_the_rails(text: str) -> None:
    with pytest.raises(InputError, match="between 0 and 5 V"):
        VoltageSet.parse(text).require_within(5.0)
