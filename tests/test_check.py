"""Margins, verdicts and witnesses on curves whose answers are known."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from spicebuf.api import Api
from spicebuf.check import Verdict, Witness, check_curves, find_witness
from spicebuf.ngspice import Status
from spicebuf.simulate import Curves
from spicebuf.voltages import VoltageSet

VIN = np.linspace(0.0, 5.0, 101)
LINE = Api("line", {"0": VoltageSet.parse("[0, 1]"), "1": VoltageSet.parse("[4, 5]")})


def api(zero: str, one: str) -> Api:
    return Api("x", {"0": VoltageSet.parse(zero), "1": VoltageSet.parse(one)})


def curves(*branches: NDArray[np.float64]) -> Curves:
    return trust(np.array([branches]), [Status.TRUSTED])


def trust(vout: NDArray[np.float64], status: Sequence[int]) -> Curves:
    return Curves(vout, np.array(status, dtype=np.uint8), np.zeros(len(status), dtype=np.uint8))


def verdict(found: Curves, api_in: Api, api_out: Api) -> Verdict:
    return Verdict(check_curves(found, VIN, api_in, api_out, 5.0).verdict[0])


def witness(found: Curves, api_in: Api, api_out: Api) -> Witness:
    branches = ("up", "down")[: found.vout.shape[1]]
    return find_witness(found.vout[0], VIN, api_in, api_out, branches, 5.0)


def test_margin_and_witness_of_a_straight_line() -> None:
    """out = 0.2 in + 0.5: the least margin is at 1 V for logical 0, at 4 V for logical 1."""
    line, target = curves(0.2 * VIN + 0.5), api("[0, 0.75]", "[1.1, 5]")
    found = check_curves(line, VIN, LINE, target, 5.0)
    assert Verdict(found.verdict[0]) is Verdict.SATISFIED
    assert found.margin[0] == pytest.approx(0.05)
    least = witness(line, LINE, target)
    assert (least.logic, least.branch) == ("0", "up")
    assert (least.vin, least.vout) == pytest.approx((1.0, 0.7))


def test_a_rail_does_not_bind() -> None:
    found = check_curves(curves(-3e-9 + 0 * VIN), VIN, LINE, api("[0, 0.5]", "[1, 5]"), 5.0)
    assert found.margin[0] == pytest.approx(-1.0)
    inside = curves(np.where(VIN < 2.5, -3e-9, 5.0 + 3e-9))
    assert verdict(inside, LINE, api("[0, 0.5]", "[1, 5]")) is Verdict.SATISFIED


def test_a_continuous_curve_cannot_jump_over_the_gap_of_a_union() -> None:
    """Every sample is in the union, but the curve crosses the gap between two of them."""
    steep = curves(np.where(VIN < 0.52, 0.2, 4.8))
    target = api("[0, 0.5] | [4.5, 5]", "[2, 3]")
    wide = Api("in", {"0": VoltageSet.parse("[0, 1]"), "1": VoltageSet.parse("[4.99, 5]")})
    both = curves(np.where(VIN < 0.52, 0.2, np.where(VIN > 4.9, 2.5, 4.8)))
    assert verdict(steep, wide, target) is Verdict.VIOLATED
    assert verdict(both, wide, target) is Verdict.VIOLATED
    flat = curves(np.where(VIN > 4.9, 2.5, 4.8))
    assert verdict(flat, wide, target) is Verdict.SATISFIED


def test_whether_a_branch_with_feedback_jumped_is_not_known() -> None:
    step = np.where(VIN < 0.52, 0.2, np.where(VIN > 3.9, 2.5, 4.8))
    target = api("[0, 0.5] | [4.5, 5]", "[2, 3]")
    assert verdict(curves(step, step), LINE, target) is Verdict.BORDERLINE


def test_both_branches_must_satisfy() -> None:
    good, bad = np.where(VIN < 2.5, 0.0, 5.0), np.where(VIN < 0.72, 0.0, 5.0)
    target = api("[0, 0.5]", "[4.5, 5]")
    assert verdict(curves(good, bad), LINE, target) is Verdict.VIOLATED
    assert witness(curves(good, bad), LINE, target).branch == "down"
    assert verdict(curves(good, good), LINE, target) is Verdict.SATISFIED


def test_an_edge_between_grid_points_is_interpolated() -> None:
    """The margin at 1.02 V is that of the straight line between 1.00 V and 1.05 V."""
    edge = Api("in", {"0": VoltageSet.parse("[0, 1.02]"), "1": VoltageSet.parse("[4, 5]")})
    target = api("[0, 1.5]", "[3, 5]")
    assert check_curves(curves(VIN), VIN, edge, target, 5.0).margin[0] == pytest.approx(0.48)
    assert witness(curves(VIN), edge, target).vin == pytest.approx(1.02)


def test_borderline_where_the_next_point_outside_would_change_the_verdict() -> None:
    edge = Api("in", {"0": VoltageSet.parse("[0, 1.02]"), "1": VoltageSet.parse("[4, 5]")})
    assert verdict(curves(VIN), edge, api("[0, 1.04]", "[3, 5]")) is Verdict.BORDERLINE
    assert verdict(curves(VIN), edge, api("[0, 1.06]", "[3, 5]")) is Verdict.SATISFIED
    assert verdict(curves(VIN), edge, api("[0, 0.99]", "[3, 5]")) is Verdict.VIOLATED


def test_an_interval_between_two_grid_points_is_never_skipped() -> None:
    narrow = Api("in", {"0": VoltageSet.parse("[1.01, 1.02]"), "1": VoltageSet.parse("[4, 5]")})
    found = check_curves(curves(VIN), VIN, narrow, api("[0.5, 1.015]", "[3, 5]"), 5.0)
    assert Verdict(found.verdict[0]) is Verdict.BORDERLINE
    assert found.margin[0] == pytest.approx(-0.005)


def test_an_interval_between_two_grid_points_can_be_violated() -> None:
    """Where no output between the two neighbours would do."""
    narrow = Api("in", {"0": VoltageSet.parse("[1.01, 1.02]"), "1": VoltageSet.parse("[4, 5]")})
    assert verdict(curves(VIN), narrow, api("[0.5, 0.9]", "[3, 5]")) is Verdict.VIOLATED
    assert verdict(curves(VIN), narrow, api("[0.5, 1.2]", "[3, 5]")) is Verdict.SATISFIED


@pytest.mark.parametrize("offset", [-5e-6, 0.0, 5e-6])
def test_a_margin_below_the_accuracy_is_borderline(offset: float) -> None:
    target = api("[0, 1]", "[3, 5]")
    assert verdict(curves(np.where(VIN < 2, 1.0 - offset, 4.0)), LINE, target) is Verdict.BORDERLINE


def test_large_supplies_are_known_less_well() -> None:
    """The solver's tolerance is relative: at 500 V a margin of 0.5 mV is within its error."""
    high = Api("out", {"0": VoltageSet.parse("[0, 1]"), "1": VoltageSet.parse("[3, 500]")})
    vin = np.linspace(0, 500, 101)
    line = Api("in", {"0": VoltageSet.parse("[0, 100]"), "1": VoltageSet.parse("[400, 500]")})
    for margin, expected in ((5e-4, Verdict.BORDERLINE), (2e-3, Verdict.SATISFIED)):
        found = curves(np.where(vin < 200, 1.0 - margin, 400.0))
        assert check_curves(found, vin, line, high, 500.0).verdict[0] == expected


def test_an_untrusted_curve_is_unsimulated_whatever_it_holds() -> None:
    found = trust(np.full((1, 1, 101), np.nan), [Status.CRASHED])
    checked = check_curves(found, VIN, LINE, api("[0, 1]", "[3, 5]"), 5.0)
    assert Verdict(checked.verdict[0]) is Verdict.UNSIMULATED
    assert np.isnan(checked.margin[0])


edges = st.integers(0, 20).map(lambda k: k / 4.0)


@st.composite
def apis(draw: st.DrawFn) -> Api:
    cuts = sorted(draw(st.sets(edges, min_size=6, max_size=6)))
    first, second, third = (f"[{cuts[k]}, {cuts[k + 1]}]" for k in (0, 2, 4))
    return api(f"{first} | {third}", second) if draw(st.booleans()) else api(first, second)


@given(apis(), apis(), st.integers(0, 2**32 - 1))
def test_margins_equal_the_definition_taken_literally(api_in: Api, api_out: Api, seed: int) -> None:
    """Against loops over logical values, intervals and grid points."""
    rng = np.random.default_rng(seed)
    vout = np.clip(np.cumsum(rng.normal(0, 0.3, VIN.size)) + 2.5, 0, 5)
    found = check_curves(curves(vout), VIN, api_in, api_out, 5.0)
    least = np.inf
    for logic, voltages in api_in.sets.items():
        for low, high in voltages.intervals:
            image = vout[(VIN >= low - 1e-9) & (VIN <= high + 1e-9)]
            best = -np.inf
            for a, b in api_out.sets[logic].binding_edges(5.0):
                best = max(best, min(image.min() - a, b - image.max()))
            least = min(least, best)
    assert found.margin[0] == pytest.approx(least)
    expected = Verdict.SATISFIED if least > 1e-5 else Verdict.VIOLATED
    if abs(least) > 1e-5:
        assert Verdict(found.verdict[0]) is expected
    where = witness(curves(vout), api_in, api_out)
    assert vout[np.argmin(np.abs(VIN - where.vin))] == where.vout
    distances = [
        min(where.vout - a, b - where.vout) for a, b in api_out.sets[where.logic].binding_edges(5.0)
    ]
    assert min(distances, key=lambda d: abs(d - least)) == pytest.approx(least)


@given(st.integers(1, 7), st.integers(0, 2**32 - 1))
def test_a_whole_bank_at_once_equals_one_by_one(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    vout = rng.uniform(0, 5, (n, 2, VIN.size))
    status = rng.choice([0, 0, 1], n).astype(np.uint8)
    target = api("[0, 4.9]", "[4.95, 5]")
    bank = check_curves(trust(vout, status), VIN, LINE, target, 5.0)
    for k in range(n):
        one = check_curves(trust(vout[[k]], status[[k]]), VIN, LINE, target, 5.0)
        for name in ("margin", "verdict"):
            np.testing.assert_array_equal(getattr(one, name)[0], getattr(bank, name)[k])
