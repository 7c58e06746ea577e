"""Drawn inputs and the losses there, against formulas that are written out input by input."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from spicebuf.api import Api
from spicebuf.check import check_curves
from spicebuf.deck import Stretch
from spicebuf.errors import InputError
from spicebuf.losses import Inputs, Loss, Target, at_inputs, draw_inputs, require_ideal
from spicebuf.ngspice import Status
from spicebuf.simulate import Curves
from spicebuf.voltages import VoltageSet
from tests.search_cases import calm

Floats = NDArray[np.float64]
Interval = tuple[float, float]

VDD = 5.0
IDEAL = {"0": 0.0, "1": VDD}


def api(**sets: str) -> Api:
    return Api("api", {logic[1:]: VoltageSet.parse(text) for logic, text in sets.items()})


class _Offset:
    """Stands for random numbers that are all the same."""

    def __init__(self, value: float) -> None:
        self._value = value

    def random(self) -> float:
        return self._value


def offset(value: float) -> np.random.Generator:
    return cast("np.random.Generator", _Offset(value))


@st.composite
def apis(draw: st.DrawFn) -> Api:
    """Draw an API of two logical values with one to three intervals each, some of zero width."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = int(rng.integers(2, 7))
    # Decimals too, and edges on the rails.
    edges = rng.choice([*rng.uniform(0.0, VDD, 30), *np.arange(51) / 10.0], 2 * n, replace=False)
    pairs = np.sort(edges).reshape(-1, 2).tolist()
    ends = [(low, low if rng.random() < 0.3 else high) for low, high in pairs]
    sets = {logic: tuple(ends[k::2]) for k, logic in enumerate("01")}
    return Api("api", {logic: VoltageSet(each) for logic, each in sets.items()})


# Inputs.


@calm(300)
@given(
    apis(),
    st.integers(1, 9),
    st.one_of(st.sampled_from([0.0, 1.0 - 2.0**-53]), st.floats(0, 0.999)),
)
def test_inputs_are_equally_spaced_in_their_interval(of: Api, n: int, part: float) -> None:
    drawn = draw_inputs(of, n, offset(part))
    found = {inputs.stretch.low: inputs for inputs in drawn}
    assert [*found] == sorted(found)
    for logic, voltages in of.sets.items():
        for low, high in voltages.intervals:
            (inputs,) = (each for each in drawn if low <= each.stretch.low <= high)
            vin = inputs.stretch.vin()
            assert inputs.logic == logic
            assert low <= vin.min() <= vin.max() <= high
            assert len(vin) == (n if high > low else 1)
            if high > low:
                expected = low + (part + np.arange(n)) * (high - low) / n
                np.testing.assert_allclose(vin, expected, rtol=0, atol=1e-14)
    assert len(drawn) == sum(len(voltages.intervals) for voltages in of.sets.values())


@calm(100)
@given(apis())
def test_shares_are_parts_of_the_length_of_all_intervals(of: Api) -> None:
    drawn = draw_inputs(of, 2, offset(0.5))
    for logic, voltages in of.sets.items():
        lengths = [high - low for low, high in voltages.intervals]
        total = sum(lengths)
        expected = [x / total if total else 1.0 / len(lengths) for x in lengths]
        shares = [inputs.share for inputs in drawn if inputs.logic == logic]
        assert shares == pytest.approx(expected)
        assert sum(shares) == pytest.approx(1.0)


def test_intervals_of_no_length_share_alike() -> None:
    drawn = draw_inputs(api(_0="[0, 0] | [2, 2]", _1="[4, 4] | [4.5, 5]"), 3, offset(0.5))
    assert [inputs.share for inputs in drawn] == [0.5, 0.5, 0.0, 1.0]
    assert [inputs.stretch.n_points for inputs in drawn] == [1, 1, 1, 3]


def test_rounding_steps_over_no_edge() -> None:
    ends = np.sort(np.random.default_rng(0).uniform(0.0, VDD, (2000, 2)), axis=1)
    most = 1.0 - 2.0**-53
    beyond = 0
    for low, high in ends.tolist():
        of = Api("api", {"0": VoltageSet(((low, high),)), "1": VoltageSet(((6.0, 7.0),))})
        for n in (1, 3):
            vin = draw_inputs(of, n, offset(most))[0].stretch.vin()
            assert low <= vin.min() <= vin.max() <= high
            beyond += low + (most + n - 1) * (high - low) / n > high
    assert beyond > 0


def test_offsets_are_uniform_and_independent() -> None:
    of, rng = api(_0="[0, 1] | [2, 2.5]", _1="[4, 5]"), np.random.default_rng(0)
    first = np.array([[i.stretch.low for i in draw_inputs(of, 4, rng)] for _ in range(4000)])
    offsets = (first - [0.0, 2.0, 4.0]) / [0.25, 0.125, 0.25]
    for each in offsets.T:
        observed, _ = np.histogram(each, 20, (0.0, 1.0))
        assert 5.4 < np.square(observed - 200.0).sum() / 200.0 < 45.3  # all but 0.1 % of χ² with 19
    assert np.abs(np.corrcoef(offsets.T) - np.eye(3)).max() < 0.05


def test_the_same_numbers_draw_the_same_inputs() -> None:
    of = api(_0="[0, 1]", _1="[4, 5]")
    one, again, other = (draw_inputs(of, 4, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one == again
    assert one != other


@calm(100)
@given(apis(), st.integers(1, 5), st.integers(0, 2**32 - 1), st.integers(2, 30))
def test_outputs_between_points_are_interpolated(of: Api, n: int, seed: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    vin = np.linspace(0.0, VDD, size)
    vout = rng.uniform(0.0, VDD, (3, 2, size))
    drawn = draw_inputs(of, n, rng)
    x = np.concatenate([inputs.stretch.vin() for inputs in drawn])
    found = at_inputs(vin, vout, drawn)
    assert found.shape == (3, 2, len(x))
    for k, branch in np.ndindex(3, 2):
        expected = np.interp(x, vin, vout[k, branch])
        np.testing.assert_allclose(found[k, branch], expected, rtol=0, atol=1e-12)


def test_at_the_points_themselves_outputs_are_theirs() -> None:
    vin, vout = np.linspace(0.0, VDD, 11), np.random.default_rng(0).uniform(size=(1, 2, 11))
    drawn = [Inputs("0", Stretch(0.0, VDD, 11), 1.0)]
    np.testing.assert_array_equal(at_inputs(vin, vout, drawn), vout)


# Losses and margins.


def curves_of(vout: Floats, status: Sequence[Status] | None = None) -> Curves:
    n = len(vout)
    known = np.array(status or [Status.TRUSTED] * n, dtype=np.uint8)
    return Curves(vout, known, np.zeros(n, dtype=np.uint8))


def outside(x: float, low: float, high: float) -> float:
    """Return how far an output is out of an interval, of which ends on a rail do not bind."""
    below = low - x if low > 0.0 else 0.0
    above = x - high if high < VDD else 0.0
    return max(0.0, below, above)


def inside(x: float, low: float, high: float) -> float:
    return min([x - low] * (low > 0.0) + [high - x] * (high < VDD), default=np.inf)


def parts(vout: Floats, drawn: Sequence[Inputs]) -> list[tuple[Inputs, list[list[float]]]]:
    """Return the outputs of one curve by interval and branch."""
    ends = np.cumsum([0, *(inputs.stretch.n_points for inputs in drawn)])
    cut = [vout[:, a:b].tolist() for a, b in pairwise(ends)]
    return list(zip(drawn, cut, strict=True))


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def slow_loss(loss: Loss, to: Api, vout: Floats, drawn: Sequence[Inputs]) -> float:
    total = dict.fromkeys(to.sets, 0.0)
    for inputs, branches in parts(vout, drawn):
        targets = to.sets[inputs.logic].intervals
        for branch in branches:
            if loss is Loss.SQUARED:
                far = mean([(x - IDEAL[inputs.logic]) ** 2 for x in branch])
            else:
                far = min(mean([outside(x, *target) for x in branch]) for target in targets)
            total[inputs.logic] += inputs.share * far / len(branches)
    return mean([*total.values()])


def slow_margin(to: Api, vout: Floats, drawn: Sequence[Inputs]) -> float:
    return min(
        max(min(inside(x, *target) for x in branch) for target in to.sets[inputs.logic].intervals)
        for inputs, branches in parts(vout, drawn)
        for branch in branches
    )


@calm(200)
@given(
    apis(), apis(), st.integers(1, 4), st.integers(1, 2), st.integers(0, 2**32 - 1),
    st.sampled_from(Loss),
)  # fmt: skip
def test_losses_and_margins_are_those_written_out(
    of: Api, to: Api, n: int, n_branches: int, seed: int, loss: Loss
) -> None:
    rng = np.random.default_rng(seed)
    drawn = draw_inputs(of, n, rng)
    n_inputs = sum(inputs.stretch.n_points for inputs in drawn)
    # Most outputs of a curve near one voltage, so that some curves work; some beyond the rails.
    middle = rng.uniform(-0.1, VDD + 0.1, (6, 1, 1))
    vout = middle + rng.normal(0.0, rng.choice([0.01, 1.0], (6, 1, 1)), (6, n_branches, n_inputs))
    target = Target(loss, to, VDD)
    found, margin = target.loss_of(curves_of(vout), drawn), target.margin_of(curves_of(vout), drawn)
    assert found.shape == margin.shape == (6,)
    for k in range(6):
        assert found[k] == pytest.approx(slow_loss(loss, to, vout[k], drawn), rel=1e-12, abs=1e-15)
        assert margin[k] == slow_margin(to, vout[k], drawn)


def by_logic(drawn: Sequence[Inputs], volts: Mapping[str, float]) -> Floats:
    """Return one curve that has one voltage for each logical value."""
    rows = [np.full(inputs.stretch.n_points, volts[inputs.logic]) for inputs in drawn]
    return np.concatenate(rows)[np.newaxis, np.newaxis]


OF = api(_0="[0, 1] | [2, 2.5]", _1="[4, 5]")
TO = api(_0="[0, 0.5] | [4.5, 5]", _1="[2, 3]")


@pytest.mark.parametrize(
    ("zero", "one", "loss", "margin"),
    [
        (0.2, 2.25, 0.0, 0.25),
        (0.5, 2.0, 0.0, 0.0),
        (-3.0, 2.5, 0.0, 0.5),
        (9.0, 2.5, 0.0, 0.5),
        (1.0, 2.5, 0.25, -0.5),
        (4.3, 2.5, 0.1, -0.2),
        (0.0, 3.5, 0.25, -0.5),
        (1.0, 1.0, 0.75, -1.0),
    ],
)
def test_hinge_loss_and_margin_by_hand(zero: float, one: float, loss: float, margin: float) -> None:
    """At a rail there is no edge: −3 V is as good a logical 0 as 0 V."""
    drawn = draw_inputs(OF, 4, np.random.default_rng(0))
    curves = curves_of(by_logic(drawn, {"0": zero, "1": one}))
    target = Target(Loss.HINGE, TO, VDD)
    assert target.loss_of(curves, drawn) == pytest.approx([loss])
    assert target.margin_of(curves, drawn) == pytest.approx([margin])


def test_an_image_must_lie_in_one_interval() -> None:
    """Outputs on both sides of a gap: each is where it may be, and the curve between them is not."""
    drawn = (
        Inputs("0", Stretch(0.0, 1.0, 4), 1.0),
        Inputs("1", Stretch(4.0, 5.0, 1), 1.0),
    )
    curves = curves_of(np.array([[[0.1, 0.1, 0.1, 4.9, 2.5]]]))
    target = Target(Loss.HINGE, TO, VDD)
    assert target.margin_of(curves, drawn) == pytest.approx([-4.4])
    assert target.loss_of(curves, drawn) == pytest.approx([4.4 / 4 / 2])


def test_branches_may_lie_in_different_intervals() -> None:
    drawn = draw_inputs(OF, 1, np.random.default_rng(0))
    rows = [by_logic(drawn, {"0": zero, "1": 2.5})[0] for zero in (0.1, 4.9)]
    curves = curves_of(np.concatenate(rows)[np.newaxis])
    target = Target(Loss.HINGE, TO, VDD)
    assert target.loss_of(curves, drawn) == pytest.approx([0.0])
    assert target.margin_of(curves, drawn) == pytest.approx([0.4])


def test_squared_loss_by_hand() -> None:
    """Intervals weigh as their lengths do, and both logical values alike."""
    drawn = draw_inputs(OF, 4, np.random.default_rng(0))
    assert [inputs.share for inputs in drawn] == pytest.approx([2 / 3, 1 / 3, 1.0])
    curves = curves_of(np.array([[[3.0] * 4 + [0.0] * 4 + [4.0] * 4]]))
    loss = Target(Loss.SQUARED, TO, VDD).loss_of(curves, drawn)
    assert loss == pytest.approx([(9.0 * 2 / 3 + 1.0) / 2])


@calm(200)
@given(apis(), apis(), st.integers(1, 5), st.integers(0, 2**32 - 1), st.booleans())
def test_at_the_points_of_a_grid_the_margin_is_that_of_check(
    of: Api, to: Api, n: int, seed: int, feedback: bool
) -> None:
    """For one branch; for two, where each logical value has one interval at the output."""
    rng = np.random.default_rng(seed)
    if feedback:
        first = {logic: VoltageSet(v.intervals[:1]) for logic, v in to.sets.items()}
        to = Api("api", first)
    ends = [(low, high, logic) for logic, v in of.sets.items() for low, high in v.intervals]
    stretches = [
        Inputs(logic, Stretch(low, high, 1 + n if high > low else 1), 1.0)
        for low, high, logic in sorted(ends)
    ]
    vin = np.concatenate([inputs.stretch.vin() for inputs in stretches])
    if np.diff(vin).min() < 1e-6:
        return
    middle = rng.uniform(0.0, VDD, (5, 1, 1))
    vout = middle + rng.normal(0.0, 0.3, (5, 1 + feedback, len(vin)))
    curves = curves_of(vout)
    checks = check_curves(curves, vin, of, to, VDD)
    found = Target(Loss.HINGE, to, VDD).margin_of(curves, stretches)
    np.testing.assert_allclose(found, checks.margin, rtol=0, atol=1e-12)


@calm(60)
@given(apis(), apis(), st.integers(0, 2**32 - 1))
def test_the_hinge_loss_is_zero_just_where_the_margin_is_not_negative(
    of: Api, to: Api, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    drawn = draw_inputs(of, 2, rng)
    # At edges too, where the margin is 0.
    edges = [edge for v in to.sets.values() for pair in v.intervals for edge in pair]
    rows = [
        by_logic(drawn, {"0": zero, "1": one})[0]
        for zero, one in rng.choice([*edges, *rng.uniform(0.0, VDD, 4)], (40, 2)).tolist()
    ]
    curves, target = curves_of(np.array(rows)), Target(Loss.HINGE, to, VDD)
    loss, margin = target.loss_of(curves, drawn), target.margin_of(curves, drawn)
    weighs = all(inputs.share > 0.0 for inputs in drawn)
    assert (loss[margin >= 0.0] == 0.0).all()
    assert not weighs or (loss[margin < 0.0] > 0.0).all()


@pytest.mark.parametrize("loss", Loss)
def test_what_was_not_simulated_has_no_loss(loss: Loss) -> None:
    drawn = draw_inputs(OF, 2, np.random.default_rng(0))
    vout = np.repeat(by_logic(drawn, {"0": 0.2, "1": 2.5}), 4, axis=0)
    vout[3] = np.nan
    status = [Status.TRUSTED, Status.NOT_CONVERGED, Status.TRUSTED, Status.CRASHED]
    target, curves = Target(loss, TO, VDD), curves_of(vout, status)
    for values in (target.loss_of(curves, drawn), target.margin_of(curves, drawn)):
        assert np.isnan(values).tolist() == [False, True, False, True]


# Which APIs the squared loss is for.


def test_the_squared_loss_knows_logical_0_and_1() -> None:
    require_ideal(api(_1="[4, 5]", _0="[0, 1]"))
    for wrong in (api(_0="[0, 1]", _1="[2, 3]", _2="[4, 5]"), api(_a="[0, 1]", _b="[4, 5]")):
        with pytest.raises(InputError, match=r"'api' has .*; take loss = 'hinge'"):
            require_ideal(wrong)


def test_units() -> None:
    assert [loss.unit for loss in (Loss.HINGE, Loss.SQUARED)] == ["V", "V²"]


def test_the_squared_loss_wants_0_below_1() -> None:
    """Else it would pull outputs out of their own API."""
    for zero, one in (("[4.5, 5]", "[0, 0.5]"), ("[0, 1] | [4, 5]", "[2, 3]")):
        api = Api("B", {"0": VoltageSet.parse(zero), "1": VoltageSet.parse(one)})
        with pytest.raises(InputError, match="does not have all of 0 below 1"):
            require_ideal(api)
