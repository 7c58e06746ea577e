"""Numbers as SPICE writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spicebuf.errors import InputError
from spicebuf.spice_number import is_number, parse_number


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("4u", 4e-6),
        ("0.4U", 0.4e-6),
        ("100k", 1e5),
        ("1meg", 1e6),
        ("1MEG", 1e6),
        ("1m", 1e-3),
        ("1M", 1e-3),
        ("1mil", 25.4e-6),
        ("3.3", 3.3),
        ("-.8", -0.8),
        ("2.", 2.0),
        ("1e3", 1e3),
        ("1e-6meg", 1.0),
        ("5volts", 5.0),
        ("10kohm", 1e4),
        ("4um", 4e-6),
        ("1e-6", 1e-6),
    ],
)
def test_values(text: str, value: float) -> None:
    """Suffixes mean what SPICE means: case-insensitive, m is milli, meg is mega, units are ignored."""
    assert parse_number(text) == value
    assert is_number(text)


@pytest.mark.parametrize("text", ["", "u", "nan", "inf", "1e400", "1,5", "--1", "0x10", "1 2", "٣"])
def test_what_is_no_number(text: str) -> None:
    with pytest.raises(InputError, match=r"SPICE number|too large"):
        parse_number(text)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_python_floats_round_trip(value: float) -> None:
    """Numbers printed by repr, as decks are, come back bit for bit."""
    assert parse_number(repr(value)) == value
