"""Images and preimages of curves, against curves known between their points, and against verdicts."""

import itertools
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from spicebuf.api import Api
from spicebuf.check import Verdict, check_curves
from spicebuf.deck import ACCURACY
from spicebuf.errors import InputError
from spicebuf.images import (
    Reading,
    Transfer,
    api_of,
    sets_of,
    tabulated,
)
from spicebuf.ngspice import Status
from spicebuf.search import Images, Preimages, Sets, count_solutions, joined
from spicebuf.simulate import Curves
from tests.search_cases import calm

Floats = NDArray[np.float64]
Interval = tuple[float, float]

VDD = 5.0
VIN = np.linspace(0.0, VDD, 11)
LOST = Status.NOT_CONVERGED


def transfer(
    vout: object, reading: Reading = Reading.SAFE, *, lost: tuple[int, ...] = ()
) -> Transfer:
    """Return curves of shape (n, n_points) or (n, n_branches, n_points), some without trust."""
    volts = np.array(vout, dtype=np.float64)
    volts = volts[:, np.newaxis] if volts.ndim == 2 else volts
    status = np.zeros(len(volts), dtype=np.uint8)
    volts[list(lost)], status[list(lost)] = np.nan, LOST
    vin = np.linspace(0.0, VDD, volts.shape[2])
    curves = Curves(volts, status, np.zeros(len(volts), dtype=np.uint8))
    return Transfer(curves, vin, VDD, np.ones(len(volts)), reading)


def optimistic(safe: Transfer) -> Transfer:
    return replace(safe, reading=Reading.OPTIMISTIC)


def ends(found: Images | Preimages, label: int = 0, of: int = 0) -> list[Interval]:
    """Return the pieces or components of one logical value and θ that are not empty."""
    low, high = found.low[label, :, of], found.high[label, :, of]
    return [(a, b) for a, b in zip(low.tolist(), high.tolist(), strict=True) if a <= b]


def near(*intervals: Interval) -> list[object]:
    return [pytest.approx(each, abs=2.0 * ACCURACY) for each in intervals]


# Curves with known shapes, by hand.


def test_a_monotone_curve() -> None:
    """Half the input: an edge at 1.2 V is seen from 1.5 V on the safe side, from 1 V on the other."""
    safe = transfer([VIN / 2.0])
    sets: Sets = (((0.0, 1.2),), ((4.0, 5.0),))
    assert ends(safe.images(sets)) == near((0.0, 0.75))
    assert ends(safe.images(sets), 1) == near((2.0, 2.5))
    assert ends(optimistic(safe).images(sets)) == near((0.0, 0.5))
    assert ends(safe.preimages((((0.6, 1.6),),))) == [(1.5, 3.0)]
    (found,) = ends(optimistic(safe).preimages((((0.6, 1.6),),)))
    assert 1.0 < found[0] < 1.0 + 1e-9
    assert 3.5 - 1e-9 < found[1] < 3.5


def test_images_allow_for_the_accuracy_of_ngspice() -> None:
    """Images are wider than the samples by it, or narrower, and samples that near an edge are open."""
    safe = transfer([VIN / 2.0])
    (piece,) = ends(safe.images((((1.0, 2.0),),)))
    assert piece == pytest.approx((0.5 - ACCURACY, 1.0 + ACCURACY), abs=1e-12)
    (piece,) = ends(optimistic(safe).images((((1.0, 2.0),),)))
    assert piece == pytest.approx((0.5 + ACCURACY, 1.0 - ACCURACY), abs=1e-12)
    (piece,) = ends(optimistic(safe).images((((1.0, 1.0),),)))
    assert piece == pytest.approx((0.5, 0.5), abs=1e-12)
    assert ends(safe.preimages((((0.5, 1.0),),))) == [(1.5, 1.5)]
    assert ends(optimistic(safe).preimages((((0.5, 1.0),),))) == near((0.5, 2.5))
    step = transfer([np.where(VIN > 2.0, 4.0, 1.0 + 0.9 * ACCURACY)])
    assert ends(step.preimages((((0.0, 1.0),),))) == []
    assert ends(optimistic(step).preimages((((0.0, 1.0),),))) == near((0.0, 2.5))


def test_a_folded_curve_takes_from_two_sides() -> None:
    tent = np.minimum(VIN, VDD - VIN)
    assert ends(transfer([tent]).preimages((((0.0, 1.1),),))) == [(0.0, 1.0), (4.0, 5.0)]
    assert ends(transfer([tent]).images((((1.0, 4.0),),))) == near((1.0, 2.5))


def test_pulses_between_and_at_samples() -> None:
    """A pulse at one sample cuts a preimage in two; in the optimistic reading it does so as well."""
    pulse = np.where(VIN == 2.0, 5.0, 0.0)
    sets: Sets = (((0.0, 1.0),),)
    assert ends(transfer([pulse]).preimages(sets)) == [(0.0, 1.5), (2.5, 5.0)]
    found = ends(optimistic(transfer([pulse])).preimages(sets))
    assert found == near((0.0, 2.0), (2.0, 5.0))
    assert found[0][1] < 2.0 < found[1][0]


def test_no_logical_value_is_lost_where_there_is_no_preimage() -> None:
    found = transfer([np.full(11, 3.0)]).preimages((((0.0, 1.0),), ((2.0, 5.0),)))
    assert ends(found, 0) == []
    assert ends(found, 1) == [(0.0, 5.0)]
    assert not found.somewhere[0]


def test_two_branches_must_both_be_acceptable() -> None:
    """A Schmitt buffer that switches at 3 V on the way up and at 2 V on the way down."""
    up, down = np.where(VIN > 3.0, 5.0, 0.0), np.where(VIN > 2.0, 5.0, 0.0)
    safe = transfer([[up, down]])
    found = safe.preimages((((0.0, 1.0),), ((4.0, 5.0),)))
    assert ends(found, 0) == [(0.0, 2.0)]
    assert ends(found, 1) == [(3.5, 5.0)]
    found = optimistic(safe).preimages((((0.0, 1.0),), ((4.0, 5.0),)))
    assert ends(found, 0) == near((0.0, 2.5))
    assert ends(found, 1) == near((3.0, 5.0))
    assert ends(safe.images((((2.0, 3.0),),))) == near((0.0, 0.0), (0.0, 5.0))
    assert ends(safe.images((((0.0, 1.0),),))) == near((0.0, 0.0), (0.0, 0.0))


def test_neighbours_in_different_intervals_of_a_union_are_in_no_component_together() -> None:
    """What lies between two samples in different intervals of the target is not acceptable."""
    step = np.where(VIN > 2.0, 5.0, 0.0)
    target: Sets = (((0.0, 1.0), (4.0, 5.0)),)
    assert ends(transfer([step]).preimages(target)) == [(0.0, 2.0), (2.5, 5.0)]
    other = np.where(VIN > 3.0, 5.0, 0.0)
    found = transfer([[step, other]]).preimages(target)
    assert ends(found) == [(0.0, 2.0), (2.5, 3.0), (3.5, 5.0)]


def test_a_jump_over_a_gap_may_be_acceptable() -> None:
    """A branch may jump from one interval of an API to another; only the safe reading excludes it."""
    jump = np.where(VIN > 2.0, 5.0, 0.0)
    safe = transfer([[jump, jump]])
    sets: Sets = (((0.0, 5.0),),)
    union: Sets = (((0.0, 1.0), (4.0, 5.0)),)
    assert not safe.images(sets).held_by(union)[0]
    assert optimistic(safe).images(sets).held_by(union)[0]
    assert not optimistic(safe).images(sets).held_by((((0.0, 1.0), (4.0, 4.9)),))[0]
    assert not optimistic(transfer([jump])).images(sets).held_by(union)[0]


def test_rails_do_not_bind() -> None:
    """Outputs beyond a rail by a leakage are acceptable where an edge lies on it, and sent to it."""
    beyond = transfer([np.where(VIN > 2.0, 5.01, -0.01)])
    found = beyond.preimages((((0.0, 1.0),), ((4.0, 5.0),)))
    assert (ends(found, 0), ends(found, 1)) == ([(0.0, 2.0)], [(2.5, 5.0)])
    images = beyond.images((((0.0, 2.0),), ((2.5, 5.0),)))
    assert (ends(images, 0), ends(images, 1)) == ([(0.0, 0.0)], [(5.0, 5.0)])
    distance = beyond.distance((((0.0, 1.0),), ((4.0, 5.0),)))
    assert distance[0, 0].tolist() == pytest.approx(np.where(VIN > 2.0, 4.01, 0.0).tolist())
    assert distance[1, 0].tolist() == pytest.approx(np.where(VIN > 2.0, 0.0, 4.01).tolist())


def test_the_distance_is_that_of_the_farthest_branch_from_the_nearest_interval() -> None:
    found = transfer([[[0.0, 2.0, 5.0], [1.5, 4.2, 5.0]]]).distance((((0.0, 1.0), (4.5, 4.6)),))
    assert found[0, 0].tolist() == pytest.approx([0.5, 1.0, 0.4])
    assert np.isnan(transfer([VIN], lost=(0,)).distance((((0.0, 1.0),),))).all()


def test_untrusted_theta_weigh_nothing_or_do_everything() -> None:
    safe = transfer([VIN, VIN], lost=(1,))
    sets: Sets = (((0.0, 1.0),), ((4.0, 5.0),))
    hostile: Sets = (((4.0, 5.0),), ((0.0, 1.0),))
    for found in safe.images(sets), safe.preimages(sets):
        assert found.weight.tolist() == [1.0, 0.0]
    open_to_all = optimistic(safe)
    assert open_to_all.images(sets).weight.tolist() == [1.0, 1.0]
    assert open_to_all.images(sets).held_by(hostile).tolist() == [False, True]
    assert open_to_all.preimages(sets).weight.tolist() == [1.0, 1.0]
    assert open_to_all.preimages(sets).hold(hostile).tolist() == [False, True]


def test_an_api_between_two_samples() -> None:
    """Nothing is known of it but what lies around it."""
    safe = transfer([VIN])
    sets: Sets = (((2.1, 2.3),),)
    assert ends(safe.images(sets)) == near((2.0, 2.5))
    assert ends(optimistic(safe).images(sets)) == []
    assert ends(safe.preimages(sets)) == []
    assert ends(optimistic(safe).preimages(sets)) == near((2.0, 2.5))
    assert optimistic(safe).preimages(sets).hold(sets)[0]


def test_a_step_rounds_outward_what_is_sent_and_inward_what_is_taken() -> None:
    safe = transfer([0.17 + VIN / 2.0])
    sets: Sets = (((1.0, 2.0),),)
    on_grid = replace(safe, grid=0.25)
    assert ends(on_grid.images(sets)) == [(0.5, 1.25)]
    on_grid = replace(safe, grid=0.75)
    assert ends(safe.preimages((((1.0, 2.0),),))) == [(2.0, 3.5)]
    assert ends(on_grid.preimages((((1.0, 2.0),),))) == [(2.25, 3.0)]


@pytest.mark.parametrize("step", [0.3, 0.7, 3.0])
def test_rails_are_on_every_grid(step: float) -> None:
    """An edge on a rail is none, so a step that the supply is no multiple of does not move it."""
    rail = replace(transfer([np.full(11, 5.0)]), grid=step)
    sets: Sets = (((4.0, 5.0),),)
    (piece,) = ends(rail.images(sets))
    assert piece[1] == VDD
    assert ends(rail.preimages(sets)) == [(0.0, VDD)]


def test_voltages_of_a_grid_are_decimals() -> None:
    """61 · 0.05 is 3.0500000000000003 in floating point."""
    found = replace(transfer([np.full(11, 3.049)]), grid=0.05).images((((0.0, 5.0),),))
    assert ends(found) == [(3.0, 3.05)]


def test_blocks_joined_are_the_whole() -> None:
    """Blocks may have different numbers of components."""
    tent, zigzag = np.minimum(VIN, VDD - VIN), np.where(np.arange(11) % 2, 5.0, 0.0)
    whole = transfer([VIN, tent, zigzag, VIN / 2.0], lost=(3,))
    sets: Sets = (((0.0, 1.2),), ((2.0, 2.4), (3.9, 5.0)))
    for reading in Reading:
        each = replace(whole, reading=reading)
        parts = [each[place] for place in range(4)]
        images, preimages = each.images(sets), each.preimages(sets)
        assert_same(joined([part.images(sets) for part in parts]), images)
        assert_same(joined([part.preimages(sets) for part in parts]), preimages)


def assert_same(one: Images | Preimages, other: Images | Preimages) -> None:
    np.testing.assert_array_equal(one.low, other.low)
    np.testing.assert_array_equal(one.high, other.high)
    np.testing.assert_array_equal(one.weight, other.weight)


@pytest.mark.parametrize("reading", Reading)
def test_curves_of_any_make_are_a_link(reading: Reading) -> None:
    """They are what trusted curves of one branch are."""
    vout = np.array([VIN / 2.0, VDD - VIN, np.minimum(VIN, VDD - VIN)])
    sets: Sets = (((0.0, 1.2),), ((4.0, 5.0),))
    found, wanted = tabulated(VIN, vout, reading), transfer(vout, reading)
    assert found.vdd == VDD
    for one, other in (
        (found.images(sets), wanted.images(sets)),
        (found.preimages(sets), wanted.preimages(sets)),
    ):
        np.testing.assert_array_equal(one.low, other.low)
        np.testing.assert_array_equal(one.high, other.high)
        np.testing.assert_array_equal(one.weight, np.ones(3))


@pytest.mark.parametrize(
    ("vin", "vout", "words"),
    [
        ([[0.0, 1.0]], [[0.0, 1.0]], "vin: give"),
        ([0.0], [[0.0]], "vin: give"),
        ([0.1, 1.0], [[0.0, 1.0]], "vin: give"),
        ([0.0, 1.0, 1.0], [[0.0, 1.0, 1.0]], "vin: give"),
        ([0.0, np.inf], [[0.0, 1.0]], "vin: give"),
        ([0.0, np.nan], [[0.0, 1.0]], "vin: give"),
        ([0.0, 1.0], [0.0, 1.0], r"vout has shape \(2,\)"),
        ([0.0, 1.0], [[0.0, 1.0, 1.0]], r"vout has shape \(1, 3\)"),
        ([0.0, 1.0], [[0.0, 1.0], [0.0, 1.1]], "vout: 1 curves leave 0 to 1 V"),
        ([0.0, 1.0], [[-0.1, 1.0], [0.0, 1.1]], "vout: 2 curves leave 0 to 1 V"),
        ([0.0, 1.0], [[np.nan, 1.0]], "vout: 1 curves"),
    ],
)
def test_curves_that_leave_the_range_are_refused(vin: object, vout: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        tabulated(np.array(vin), np.array(vout))


def test_sets_follow_the_order_of_logical_values() -> None:
    sets: Sets = (((4.0, 5.0),), ((0.0, 1.0), (2.0, 3.0)))
    api = api_of("API2", sets, ("0", "1"))
    assert (api.name, sets_of(api, ("0", "1"))) == ("API2", sets)
    assert sets_of(api, ("1", "0")) == sets[::-1]


# Random curves, known between their samples.


@dataclass(frozen=True)
class Known:
    """Continuous curves that are straight between knots, of which every third is a sample.

    Between samples they are monotone: that is all that the safe reading takes for granted. Voltages are
    multiples of 1/8 V, so that the truth is exact.
    """

    knots: tuple[Fraction, ...]
    values: tuple[Fraction, ...]

    @property
    def samples(self) -> list[float]:
        """Outputs at the samples."""
        return [float(value) for value in self.values[::3]]

    def at(self, x: Fraction) -> Fraction:
        """Return the output at an input."""
        k = max(k for k, knot in enumerate(self.knots[:-1]) if knot <= x)
        part = (x - self.knots[k]) / (self.knots[k + 1] - self.knots[k])
        return self.values[k] + part * (self.values[k + 1] - self.values[k])

    def image(self, low: Fraction, high: Fraction) -> tuple[Fraction, Fraction]:
        """Return the least and the greatest output for the inputs of an interval."""
        inside = [v for x, v in zip(self.knots, self.values, strict=True) if low <= x <= high]
        values = [*inside, self.at(low), self.at(high)]
        return min(values), max(values)

    def preimage(self, target: tuple[Interval, ...]) -> list[tuple[Fraction, Fraction]]:
        """Return the connected components of what the curve sends into `target`."""
        edges = [Fraction(edge) for interval in target for edge in interval]
        cuts = set(self.knots)
        pieces = zip(itertools.pairwise(self.knots), itertools.pairwise(self.values), strict=True)
        for (a, b), (u, v) in pieces:
            cuts |= {a + (b - a) * (e - u) / (v - u) for e in edges if min(u, v) < e < max(u, v)}
        points = sorted(cuts)
        middles = [(a + b) / 2 for a, b in itertools.pairwise(points)]
        found: list[tuple[Fraction, Fraction]] = []
        is_open = False
        for k, point in enumerate(points):
            if not inside(self.at(point), target):
                is_open = False
                continue
            start = found.pop()[0] if is_open else point
            found.append((start, point))
            is_open = k < len(middles) and inside(self.at(middles[k]), target)
        return found


def inside(value: Fraction, target: tuple[Interval, ...]) -> bool:
    return fits((value, value), target)


def fits(image: tuple[Fraction, Fraction], target: tuple[Interval, ...]) -> bool:
    """Tell whether one interval holds an image; rails do not bind."""
    return any(
        (image[0] >= low or low <= 0.0) and (image[1] <= high or high >= VDD)
        for low, high in target
    )


@st.composite
def known(draw: st.DrawFn) -> Known:
    """Draw a curve of seven samples; it may leave the rails a little."""
    eighths = st.one_of(st.integers(-1, 41), st.sampled_from([0, 8, 32, 40]))
    ats = [draw(eighths) for _ in range(7)]
    knots, values = [], []
    for k, (u, v) in enumerate(itertools.pairwise(ats)):
        steps = sorted(draw(st.integers(0, 4)) for _ in range(2))
        knots += [Fraction(k), k + Fraction(1, 4), k + Fraction(3, 4)]
        values += [Fraction(u), *(u + Fraction(step * (v - u), 4) for step in steps)]
    return Known(
        tuple(Fraction(5, 6) * x for x in [*knots, Fraction(6)]),
        tuple(value / 8 for value in [*values, Fraction(ats[-1])]),
    )


@st.composite
def unions(draw: st.DrawFn, n_sets: int = 2, most: int = 2) -> Sets:
    """Draw disjoint sets of 1 to `most` intervals; edges are multiples of 1/8 V, often on a rail."""
    numbers = [draw(st.integers(1, most)) for _ in range(n_sets)]
    total = 2 * sum(numbers)
    edges = st.lists(st.integers(0, 40), min_size=total, max_size=total, unique=True)
    sorted_edges = sorted(draw(edges))
    if draw(st.booleans()):
        sorted_edges[0], sorted_edges[-1] = 0, 40
    intervals = [(a / 8, b / 8) for a, b in zip(sorted_edges[::2], sorted_edges[1::2], strict=True)]
    order = draw(st.permutations([n for n, number in enumerate(numbers) for _ in range(number)]))
    return tuple(
        tuple(each for each, of in zip(intervals, order, strict=True) if of == n)
        for n in range(n_sets)
    )


def seen(curve: Known, reading: Reading) -> Transfer:
    return transfer([curve.samples], reading)


@calm(100)
@given(known(), unions())
def test_true_images_lie_between_those_of_both_readings(curve: Known, sets: Sets) -> None:
    safe = seen(curve, Reading.SAFE).images(sets)
    hopeful = seen(curve, Reading.OPTIMISTIC).images(sets)
    for label, intervals in enumerate(sets):
        true = [clipped(curve.image(Fraction(a), Fraction(b))) for a, b in intervals]
        outer = ends(safe, label)
        assert len(outer) == len(true)
        for (a, b), (low, high) in zip(outer, true, strict=True):
            assert a <= low <= high <= b
        for a, b in ends(hopeful, label):
            assert any(low <= a <= b <= high for low, high in true)


def clipped(image: tuple[Fraction, Fraction]) -> Interval:
    low, high = (min(max(float(value), 0.0), VDD) for value in image)
    return low, high


@calm(100)
@given(known(), unions())
def test_true_preimages_lie_between_those_of_both_readings(curve: Known, sets: Sets) -> None:
    safe = seen(curve, Reading.SAFE).preimages(sets)
    hopeful = seen(curve, Reading.OPTIMISTIC).preimages(sets)
    for label, target in enumerate(sets):
        true = [(float(a), float(b)) for a, b in curve.preimage(target)]
        for a, b in ends(safe, label):
            assert any(low - 1e-9 <= a <= b <= high + 1e-9 for low, high in true)
        for low, high in true:
            around = ends(hopeful, label)
            assert any(a - 1e-9 <= low <= high <= b + 1e-9 for a, b in around)


@calm(100)
@given(known(), known(), unions(), unions(), unions())
def test_what_works_lies_between_both_readings(
    first: Known, second: Known, sent: Sets, api: Sets, wanted: Sets
) -> None:
    """Of one component and an API, and of two components whatever the API between them."""
    true_images = [[curve_image(first, interval) for interval in intervals] for intervals in sent]
    sends = all(
        fits(image, to) for each, to in zip(true_images, api, strict=True) for image in each
    )
    takes = all(
        fits(curve_image(second, interval), to)
        for each, to in zip(api, wanted, strict=True)
        for interval in each
    )
    works = all(
        fits(second.image(*(Fraction(x) for x in clipped(image))), to)
        for each, to in zip(true_images, wanted, strict=True)
        for image in each
    )
    for reading, implied in (Reading.SAFE, _implies), (Reading.OPTIMISTIC, _implied_by):
        images = seen(first, reading).images(sent)
        preimages = seen(second, reading).preimages(wanted)
        assert implied(bool(images.held_by(api)[0]), sends)
        assert implied(bool(preimages.hold(api)[0]), takes)
        assert implied(count_solutions(images, preimages).weight > 0.0, works)


def curve_image(curve: Known, interval: Interval) -> tuple[Fraction, Fraction]:
    return curve.image(Fraction(interval[0]), Fraction(interval[1]))


def _implies(one: bool, other: bool) -> bool:
    return other or not one


def _implied_by(one: bool, other: bool) -> bool:
    return _implies(other, one)


@calm(150)
@given(st.lists(known(), min_size=2, max_size=4), st.booleans(), unions(), unions())
def test_readings_agree_with_verdicts(
    curves: list[Known], two_branches: bool, one: Sets, other: Sets
) -> None:
    """What the safe reading admits is satisfied, and what the optimistic one does not is violated."""
    curves = curves[: len(curves) // 2 * 2]
    vout = np.array([curve.samples for curve in curves])
    vout = vout.reshape(-1, 2, 7) if two_branches else vout[:, np.newaxis]
    safe = transfer(vout)
    verdict = check_curves(safe.curves, safe.vin, api("in", one), api("out", other), VDD).verdict
    for admitted in safe.images(one).held_by(other), safe.preimages(other).hold(one):
        assert (verdict[admitted] == Verdict.SATISFIED).all()
    hopeful = optimistic(safe)
    for admitted in hopeful.images(one).held_by(other), hopeful.preimages(other).hold(one):
        assert (verdict[~admitted] == Verdict.VIOLATED).all()


def api(name: str, sets: Sets) -> Api:
    return api_of(name, sets, ("0", "1"))


@calm(60)
@given(known(), unions(), st.sampled_from([0.05, 0.3, 0.7, 1.0]))
def test_a_step_decides_against_every_theta(curve: Known, sets: Sets, step: float) -> None:
    """What works on a grid works without it; ends are multiples of the step, or rails."""
    exact = seen(curve, Reading.SAFE)
    rounded = replace(exact, grid=step)
    for label in range(2):
        images = zip(
            ends(rounded.images(sets), label), ends(exact.images(sets), label), strict=True
        )
        for outer, inner in images:
            assert outer[0] <= inner[0] <= inner[1] <= outer[1]
            assert_on_grid(outer, step)
            assert max(inner[0] - outer[0], outer[1] - inner[1]) < step
        whole = ends(exact.preimages(sets), label)
        for found in ends(rounded.preimages(sets), label):
            assert any(a - 1e-9 <= found[0] <= found[1] <= b + 1e-9 for a, b in whole)
            assert_on_grid(found, step)


def assert_on_grid(interval: Interval, step: float) -> None:
    for end in interval:
        assert end == VDD or abs(end / step - round(end / step)) < 1e-6


def test_known_curves_have_components() -> None:
    """The oracle itself: a tent has two sides, and touches an edge at its top."""
    tent = Known(tuple(map(Fraction, (0, 1, 2, 3))), tuple(map(Fraction, (0, 2, 0, 0))))
    assert tent.preimage(((1.0, 2.0),)) == [(Fraction(1, 2), Fraction(3, 2))]
    assert tent.preimage(((0.0, 1.0),)) == [(0, Fraction(1, 2)), (Fraction(3, 2), 3)]
    assert tent.preimage(((2.0, 3.0),)) == [(1, 1)]
    assert tent.image(Fraction(1, 2), Fraction(3, 2)) == (1, 2)
