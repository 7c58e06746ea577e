"""What lies between the grid points: pulses of known height, width and place, through ngspice."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from spicebuf.api import Api
from spicebuf.check import Checks, Reached, Verdict, check_curves
from spicebuf.deck import Bench
from spicebuf.errors import InputError
from spicebuf.netlist import read_template
from spicebuf.pools import Pool
from spicebuf.refine import refine
from spicebuf.sweep import sweep
from spicebuf.voltages import VoltageSet

OnBench = Callable[..., Bench]
Write = Callable[[str, str], Path]
Theta = Callable[..., NDArray[np.float64]]
Settle = Callable[..., tuple[Checks, Checks]]

PULSE = """* a pulse: height a [V], width w [V], middle x0 [V]; a step above it keeps logical value 1
*@theta a  uniform(0.01, 5)
*@theta w  loguniform(1e-4, 1)
*@theta x0 uniform(0, 5)
.subckt pulse in out params: a=1 w=0.1 x0=2.5
b1 out 0 v={a}*exp(-((v(in)-{x0})/{w})*((v(in)-{x0})/{w}))+4*u(v(in)-4.5)
.ends
"""
# Of a·exp(−(x/w)²): the greatest slope is 0.858 a/w.
STEEPEST = 0.858
INPUT = Api("in", {"0": VoltageSet.parse("[0, 3]"), "1": VoltageSet.parse("[4.9, 5]")})
OUTPUT = Api("out", {"0": VoltageSet.parse("[0, 0.5]"), "1": VoltageSet.parse("[3.5, 5]")})


@pytest.fixture
def settle(pool: Pool, on_bench: OnBench, write: Write) -> Settle:
    """Return a function: θ, bound, points → checks by the grid, and settled."""
    template = read_template(write("pulse.cir", PULSE))

    def run(
        theta: object, max_gain: float, n_points: int = 26, api_in: Api = INPUT
    ) -> tuple[Checks, Checks]:
        on = on_bench(template, n_points)
        values = np.atleast_2d(np.array(theta, dtype=np.float64))
        curves = sweep(on, values, pool)
        assert (curves.status == 0).all()
        grid = check_curves(curves, on.vin, api_in, OUTPUT, 5.0)
        return grid, refine(on, values, curves, grid, (api_in, OUTPUT), max_gain, pool)

    return run


def test_a_pulse_between_two_grid_points_is_found(settle: Settle) -> None:
    """The grid is flat on both sides of it; no slope shows it."""
    grid, settled = settle([2.0, 0.02, 1.1], max_gain=100.0)
    assert (grid.verdict[0], settled.verdict[0]) == (Verdict.SATISFIED, Verdict.VIOLATED)
    assert settled.reached[0] == Reached.REFINED
    assert settled.margin[0] < -0.5
    assert settled.vin[0] == pytest.approx(1.1, abs=0.02)
    assert settled.vout[0] - 0.5 == pytest.approx(-settled.margin[0])


def test_a_bound_that_is_too_small_is_the_users_statement(settle: Settle) -> None:
    """A pulse steeper than the stated bound may hide; 0 asks for nothing but the grid."""
    needle = [2.0, 3e-4, 1.1]
    assert settle(needle, max_gain=1.0)[1].verdict[0] == Verdict.SATISFIED
    assert settle(needle, max_gain=STEEPEST * 2.0 / 3e-4)[1].verdict[0] == Verdict.VIOLATED
    grid, same = settle([2.0, 0.02, 1.1], max_gain=0.0)
    assert same is grid
    assert same.reached[0] == Reached.GRID


def test_every_pulse_within_its_bound_is_judged_right(settle: Settle) -> None:
    """400 pulses of any width and place inside the API: the verdict is that of their height."""
    rng = np.random.default_rng(0)
    n = 400
    height = rng.uniform(0.05, 1.0, n)
    height[np.abs(height - 0.5) < 0.01] = 0.4
    width = 10.0 ** rng.uniform(-2.3, -0.7, n)
    theta = np.stack([height, width, rng.uniform(0.0, 3.0, n)], axis=1)
    bound = STEEPEST * float((height / width).max())
    grid, settled = settle(theta, bound)
    expected = np.where(height > 0.5, Verdict.VIOLATED, Verdict.SATISFIED)
    assert (grid.verdict != expected).sum() > 50
    np.testing.assert_array_equal(settled.verdict, expected)
    satisfied = settled.verdict == Verdict.SATISFIED
    assert (settled.margin[satisfied] <= 0.5).all()
    assert (settled.margin[satisfied] > 0.0).all()
    # A violation that the grid saw is not looked at again.
    assert (settled.reached[grid.verdict == Verdict.VIOLATED] == Reached.GRID).all()


def test_a_bound_that_just_holds_finds_every_pulse(settle: Settle) -> None:
    """Each with its own greatest slope as the bound: no pulse that is too high slips through."""
    rng = np.random.default_rng(1)
    for width in 10.0 ** rng.uniform(-2.5, -0.7, 60):
        height = rng.uniform(0.55, 1.0)
        _, settled = settle([height, width, rng.uniform(0.1, 2.9)], STEEPEST * height / width)
        assert settled.verdict[0] == Verdict.VIOLATED


def test_a_gentle_curve_needs_no_more_points(settle: Settle) -> None:
    _, settled = settle([0.1, 0.5, 1.5], max_gain=1.0)
    assert settled.verdict[0] == Verdict.SATISFIED
    assert settled.reached[0] == Reached.BOUNDED


def test_edges_off_the_grid_are_simulated(settle: Settle) -> None:
    """The API ends at 1.03 V; the pulse reaches 0.5 V at 1.02 V, or at 1.04 V."""
    api_in = Api("in", {"0": VoltageSet.parse("[0, 1.03]"), "1": INPUT.sets["1"]})
    reach = 0.2 * np.sqrt(np.log(2.0))
    theta = [[1.0, 0.2, 1.02 + reach], [1.0, 0.2, 1.04 + reach]]
    _, settled = settle(theta, 100.0, 26, api_in)
    assert settled.verdict.tolist() == [Verdict.VIOLATED, Verdict.SATISFIED]
    # The height at the edge, by the formula.
    x = (1.03 - theta[1][2]) / 0.2
    assert settled.margin[1] == pytest.approx(0.5 - np.exp(-x * x), abs=2e-5)


@pytest.mark.parametrize("beside", [1e-3, 1e-5, 2e-7])
def test_an_edge_beside_a_grid_point_costs_no_more(settle: Settle, beside: float) -> None:
    """The segment between the two is as good as none; it must not set the step for the others."""
    api_in = Api("in", {"0": VoltageSet.parse(f"[0, {1.2 + beside!r}]"), "1": INPUT.sets["1"]})
    theta = [[0.3, 0.02, 0.5], [0.7, 0.02, 0.5]]
    _, settled = settle(theta, 100.0, 26, api_in)
    assert settled.verdict.tolist() == [Verdict.SATISFIED, Verdict.VIOLATED]


def test_an_interval_between_two_grid_points(settle: Settle) -> None:
    api_in = Api("in", {"0": VoltageSet.parse("[1.05, 1.15]"), "1": INPUT.sets["1"]})
    _, settled = settle([[2.0, 0.02, 1.1], [2.0, 0.02, 1.3]], 200.0, 26, api_in)
    assert settled.verdict.tolist() == [Verdict.VIOLATED, Verdict.SATISFIED]


def test_what_the_smallest_step_leaves_open_is_borderline(settle: Settle) -> None:
    """A pulse that just touches the edge, within the accuracy."""
    _, settled = settle([0.5, 0.3, 1.1], max_gain=100.0)
    assert settled.verdict[0] == Verdict.BORDERLINE


@pytest.mark.parametrize("n_points", [26, 51])
def test_a_coarse_grid_refined_gives_the_verdicts_of_a_fine_one(
    pool: Pool, on_bench: OnBench, random_theta: Theta, n_points: int
) -> None:
    """Real circuits: 1,001 points, and few points refined, at a fraction of the simulations."""
    theta = random_theta("cmos_buffer", 600)
    api_in = Api("in", {"0": VoltageSet.parse("[0, 2.13]"), "1": VoltageSet.parse("[3.01, 5]")})
    fine, coarse = on_bench("cmos_buffer", 1001), on_bench("cmos_buffer", n_points)
    truth = check_curves(sweep(fine, theta, pool), fine.vin, api_in, OUTPUT, 5.0)
    curves = sweep(coarse, theta, pool)
    grid = check_curves(curves, coarse.vin, api_in, OUTPUT, 5.0)
    settled = refine(coarse, theta, curves, grid, (api_in, OUTPUT), 100.0, pool)
    assert (grid.verdict != truth.verdict).any()
    np.testing.assert_array_equal(settled.verdict, truth.verdict)
    assert (settled.verdict == Verdict.SATISFIED).sum() > 50


def test_feedback_is_left_to_the_grid(pool: Pool, on_bench: OnBench, random_theta: Theta) -> None:
    on, theta = on_bench("cmos_schmitt_buffer", 51), random_theta("cmos_schmitt_buffer", 8)
    curves = sweep(on, theta, pool)
    grid = check_curves(curves, on.vin, INPUT, OUTPUT, 5.0)
    assert refine(on, theta, curves, grid, (INPUT, OUTPUT), 100.0, pool) is grid


@pytest.mark.parametrize("max_gain", [-1.0, 2e6, float("nan")])
def test_a_bound_out_of_range(settle: Settle, max_gain: float) -> None:
    with pytest.raises(InputError, match="max-gain"):
        settle([1.0, 0.1, 1.0], max_gain)


def test_circuits_with_feedback_are_swept_in_half_steps(
    pool: Pool, on_bench: OnBench, write: Write
) -> None:
    """A pulse on a branch of a circuit that could jump: no bound applies, but a finer grid is seen."""
    text = PULSE.replace(
        ".ends",
        "m1 keep loop 0 0 nch w=1u l=1u\nm2 loop keep 0 0 nch w=1u l=1u\n"
        "r1 keep 0 1k\nr2 loop 0 1k\n.model nch nmos level=1 vto=0.8 kp=1e-9\n.ends",
    )
    on = on_bench(read_template(write("pulse.cir", text)), 26)
    assert on.feedback
    theta = np.array([[2.0, 0.05, 1.1], [2.0, 0.02, 1.05], [0.3, 0.1, 1.1]])
    curves = sweep(on, theta, pool)
    grid = check_curves(curves, on.vin, INPUT, OUTPUT, 5.0)
    found = refine(on, theta, curves, grid, (INPUT, OUTPUT), 100.0, pool)
    assert grid.verdict.tolist() == [Verdict.SATISFIED] * 3
    assert found.verdict.tolist() == [Verdict.VIOLATED, Verdict.SATISFIED, Verdict.SATISFIED]
    assert found.reached.tolist() == [Reached.GRID] * 3
    assert refine(on, theta, curves, grid, (INPUT, OUTPUT), 0.0, pool) is grid
