"""APIs and the noise margins between them."""

import math

import pytest

from spicebuf.api import Api, noise_margins
from spicebuf.errors import InputError
from spicebuf.voltages import VoltageSet


def api(name: str = "A", **sets: str) -> Api:
    return Api(name, {logic.lstrip("_"): VoltageSet.parse(text) for logic, text in sets.items()})


def test_overlapping_sets_are_refused() -> None:
    with pytest.raises(InputError, match=r"'0' and '1' overlap in \[1.0, 1.2\]"):
        api(_0="[0, 1.2]", _1="[1, 5]")


def test_touching_sets_overlap_in_a_point() -> None:
    with pytest.raises(InputError, match="overlap"):
        api(_0="[0, 2.5]", _1="[2.5, 5]")


def test_one_logical_value_is_too_few() -> None:
    with pytest.raises(InputError, match="at least 2"):
        api(_0="[0, 1]")


def test_three_logical_values() -> None:
    assert list(api(low="[0, 1]", mid="[2, 3]", high="[4, 5]").sets) == ["low", "mid", "high"]


def test_noise_margins_are_the_textbook_ones() -> None:
    """NML = VIL - VOL and NMH = VOH - VIH; edges on the rails do not bind."""
    margins = noise_margins(
        api(_0="[0, 1.2]", _1="[3.5, 5]"), api(_0="[0, 0.5]", _1="[2.8, 5]"), 5.0
    )
    assert margins == pytest.approx({"0": 0.7, "1": -0.7})


def test_noise_margin_of_unions_is_that_of_the_worst_interval() -> None:
    first = api(_0="[0, 1] | [4, 5]", _1="[2, 3]")
    last = api(_0="[0, 0.5] | [4.2, 5]", _1="[2.4, 2.5]")
    assert noise_margins(first, last, 5.0) == pytest.approx({"0": 0.2, "1": 0.4})


def test_noise_margin_where_only_rails_bind() -> None:
    first = api(_0="[0, 5]", _1="[6, 7]")
    assert noise_margins(first, api(_0="[1, 2]", _1="[6.5, 6.6]"), 5.0)["0"] == math.inf
