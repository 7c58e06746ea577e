"""θ → transfer curves on the real ngspice: right, deterministic, and safe from bad θ."""

import os
import signal
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from spicebuf.deck import ACCURACY, LADDER, Bench, Stretch, branch_sweeps
from spicebuf.netlist import bundled_names, bundled_path, read_template
from spicebuf.ngspice import Status
from spicebuf.pools import Pool, local_pool
from spicebuf.simulate import ALONE
from spicebuf.sweep import Finished, Sweeps, jobs_of, simulators, sweep, sweep_blocks
from spicebuf.workers import Workers
from tests import faults
from tests.testsystems import BINNED, Inverter

OnBench = Callable[..., Bench]
Theta = Callable[..., NDArray[np.float64]]
Write = Callable[[str, str], Path]

TEXTBOOK = """* long-channel inverter: lambda = 0, gamma = 0
*@theta wp loguniform(0.4u, 40u) width [m]
*@theta wn loguniform(0.4u, 40u) width [m]
*@theta vtp uniform(-1.2, -0.4) threshold [V]
*@theta vtn uniform(0.4, 1.2) threshold [V]
.subckt textbook in out vdd vss params: wp=6u wn=2u vtp=-0.8 vtn=0.8
.model nch nmos level=1 vto={vtn} kp=120u lambda=0 gamma=0
.model pch pmos level=1 vto={vtp} kp=40u lambda=0 gamma=0
mp out in vdd vdd pch w={wp} l=1u
mn out in vss vss nch w={wn} l=1u
.ends
"""


def test_the_divider_is_exact(pool: Pool, on_bench: OnBench, random_theta: Theta) -> None:
    on, theta = on_bench("resistor_divider"), random_theta("resistor_divider", 100)
    curves = sweep(on, theta, pool)
    assert (curves.status == Status.TRUSTED).all()
    gain = theta[:, 1] / theta.sum(axis=1)
    np.testing.assert_allclose(curves.vout[:, 0], gain[:, None] * on.vin, atol=1e-9)


@pytest.mark.parametrize(
    "theta", [(6e-6, 2e-6, -0.8, 0.8), (2e-6, 10e-6, -1.0, 0.6), (20e-6, 1e-6, -0.6, 1.1)]
)
def test_an_inverter_meets_the_textbook(
    pool: Pool, on_bench: OnBench, write: Write, theta: tuple[float, ...]
) -> None:
    """Switching threshold, VIL and VIH within 1 mV of the long-channel formulas."""
    on = on_bench(read_template(write("textbook.cir", TEXTBOOK)), 5001)
    curves = sweep(on, np.array([theta]), pool)
    vin, vout = on.vin, curves.vout[0, 0]
    wp, wn, vtp, vtn = theta
    truth = Inverter(ratio=40 * wp / (120 * wn), vtn=vtn, vtp=vtp)
    slope = np.diff(vout) / np.diff(vin)
    middle = (vin[:-1] + vin[1:]) / 2
    steep = np.flatnonzero(slope <= -1.0)
    # λ = 0 makes the curve vertical at the threshold: it lies in the step where vout passes vin.
    passed = np.argmax(vout < vin)
    assert middle[passed - 1] == pytest.approx(truth.switching_threshold, abs=1e-3)
    assert middle[steep[0]] == pytest.approx(truth.vil, abs=1e-3)
    assert middle[steep[-1]] == pytest.approx(truth.vih, abs=1e-3)


def test_batched_curves_equal_single_ones(
    pool: Pool, on_bench: OnBench, random_theta: Theta
) -> None:
    """256 random threshold cells: within 20 µV, twice the accuracy of each."""
    on, theta = on_bench("threshold_cell"), random_theta("threshold_cell", 256)
    together = sweep(on, theta, pool)
    assert (together.status == Status.TRUSTED).all()
    singles = ((k, row[np.newaxis]) for k, row in enumerate(theta))
    for k, _, alone in sweep_blocks(on, singles, pool):
        assert np.abs(alone.vout[0] - together.vout[k]).max() < 2 * ACCURACY


def test_ngspice_does_not_stop_before_the_solution(
    pool: Pool, on_bench: OnBench, random_theta: Theta
) -> None:
    """Buffers that came out wrong by volts at one point, with no word from ngspice (see `_watch`)."""
    on = replace(on_bench("cmos_buffer"), states=("out",))
    theta = random_theta("cmos_buffer", 1300)[[207, 213, 223, 440, 664, 758, 1223]]
    found = sweep(on, theta, pool)
    assert (found.status == Status.TRUSTED).all()
    up, down = found.vout[:, 0], found.vout[:, 1]
    assert np.abs(up - down).max() < 2 * ACCURACY
    assert -0.01 < up.min() < up.max() < 5.01


@pytest.mark.parametrize("name", bundled_names())
def test_an_altered_circuit_is_what_a_loaded_one_is(
    pool: Pool, on_bench: OnBench, random_theta: Theta, name: str
) -> None:
    on, theta = on_bench(name, 51), random_theta(name, 100)
    assert on.alterations is not None
    altered = sweep(on, theta, pool)
    loaded = sweep(replace(on, alterations=None), theta, pool)
    assert (altered.status == Status.TRUSTED).all()
    np.testing.assert_allclose(altered.vout, loaded.vout, rtol=0, atol=ACCURACY / 10)


def test_what_was_simulated_before_leaves_no_trace(
    pool: Pool, on_bench: OnBench, random_theta: Theta
) -> None:
    """Not in one bit, although the circuit stays loaded."""
    on, theta = on_bench("cmos_buffer"), random_theta("cmos_buffer", 300)
    first, _, again = (sweep(on, part, pool).vout for part in (theta[:9], theta[9:], theta[:9]))
    np.testing.assert_array_equal(first, again)


def test_theta_are_kept_in_company_that_switches_where_they_do(
    on_bench: OnBench, random_theta: Theta
) -> None:
    on, theta = on_bench("cmos_buffer"), random_theta("cmos_buffer", 300)
    jobs = jobs_of(7, theta, on)
    assert [len(job.rows) for job in jobs] == [128, 128, 44]
    for job in jobs:
        np.testing.assert_array_equal(job.theta, theta[job.rows])
        ratio = job.theta[:, on.thetas.index("wp1")] / job.theta[:, on.thetas.index("wn1")]
        assert (np.diff(ratio) >= 0).all()
    rows = np.sort(np.concatenate([job.rows for job in jobs]))
    np.testing.assert_array_equal(rows, np.arange(300))


def test_window_comparator_is_high_in_the_middle_only(pool: Pool, on_bench: OnBench) -> None:
    on = on_bench("window_comparator")
    nominal = read_template_nominal("window_comparator")
    vout = sweep(on, np.array([nominal]), pool).vout[0, 0]
    low, middle, high = (vout[np.abs(on.vin - x) < 0.3] for x in (0.3, 2.5, 4.7))
    assert low.max() < 0.1
    assert middle.min() > 4.9
    assert high.max() < 0.1


def read_template_nominal(name: str) -> list[float]:
    return [spec.nominal for spec in read_template(bundled_path(name)).thetas.values()]


def test_the_schmitt_buffer_switches_higher_on_the_way_up(pool: Pool, on_bench: OnBench) -> None:
    on = on_bench("cmos_schmitt_buffer", 501)
    curves = sweep(on, np.array([read_template_nominal("cmos_schmitt_buffer")]), pool)
    assert on.branches == ("up", "down")
    up, down = (on.vin[np.argmax(branch > 2.5)] for branch in curves.vout[0])
    assert up == pytest.approx(2.87, abs=0.02)
    assert down == pytest.approx(2.12, abs=0.02)


@pytest.mark.parametrize(
    ("vdd", "n_points"),
    [(18.0, 1001), (96.5, 101), (333.3, 101), (1.1, 10001), (5.5, 5001), (0.1, 7), (1000.0, 2)],
)
def test_no_point_of_a_sweep_is_lost(
    pool: Pool, on_bench: OnBench, vdd: float, n_points: int
) -> None:
    """ngspice adds steps up: it loses or gains the last point where it is told to end on it."""
    on = replace(
        on_bench("resistor_divider"),
        vdd=vdd,
        stretches=(Stretch(0.0, vdd, n_points),),
        states=("out",),
    )
    found = sweep(on, np.array([[1e3, 1e3]]), pool)
    assert found.status.tolist() == [Status.TRUSTED]
    np.testing.assert_allclose(found.vout[0], [on.vin / 2] * 2, atol=1e-9 * vdd)


def test_a_part_of_a_curve_is_the_curve_there(
    pool: Pool, on_bench: OnBench, random_theta: Theta
) -> None:
    """Stretches of any length, single points too, in batches and on the ladder of finer steps."""
    whole, theta = on_bench("cmos_buffer", 501), random_theta("cmos_buffer", 40)
    parts = (Stretch(0.0, 0.0, 1), Stretch(0.3, 2.4, 8), Stretch(2.5, 2.5, 1), Stretch(4.0, 5.0, 3))
    on = replace(whole, stretches=parts)
    np.testing.assert_allclose(on.vin, [0, *np.linspace(0.3, 2.4, 8), 2.5, 4, 4.5, 5])
    places = np.rint(on.vin * 100).astype(int)
    found, expected = sweep(on, theta, pool), sweep(whole, theta, pool)
    assert np.abs(found.vout - expected.vout[:, :, places]).max() < 2 * ACCURACY
    for (sweeps,) in (branch_sweeps(on, 1), branch_sweeps(on, 4)):
        kept = [each.vin[:: each.fineness] for each in sweeps]
        np.testing.assert_allclose(np.concatenate(kept), on.vin)


def test_batches_suit_the_circuit_and_its_models(on_bench: OnBench, write: Write) -> None:
    assert on_bench("threshold_cell").batch == 16
    assert on_bench(read_template(write("binned.cir", BINNED))).batch == 4
    assert on_bench("threshold_cell", batch=3).batch == 3
    assert on_bench("cmos_schmitt_buffer", batch=3).batch == 1


@pytest.mark.parametrize("batch", [1, 3, 256])
def test_the_size_of_batches_changes_no_curve(
    pool: Pool, on_bench: OnBench, random_theta: Theta, batch: int
) -> None:
    theta = random_theta("cmos_buffer", 50)
    found = sweep(on_bench("cmos_buffer", 51, batch), theta, pool)
    expected = sweep(on_bench("cmos_buffer", 51), theta, pool)
    assert np.abs(found.vout - expected.vout).max() < 2 * ACCURACY


@pytest.mark.parametrize("name", ["threshold_cell", "cmos_schmitt_buffer"])
def test_curves_do_not_depend_on_the_number_of_workers(
    on_bench: OnBench, random_theta: Theta, name: str
) -> None:
    on, theta = on_bench(name, 51), random_theta(name, 200)
    found = []
    for n_workers in (1, 3):
        with simulators(n_workers) as workers:
            found.append(sweep(on, theta, workers))
    np.testing.assert_array_equal(found[0].vout, found[1].vout)


def test_killed_workers_change_nothing(pool: Pool, on_bench: OnBench, random_theta: Theta) -> None:
    """kill -9 of workers during a sweep: the same curves, bit for bit."""
    on, theta = on_bench("threshold_cell"), random_theta("threshold_cell", 1024)
    expected = sweep(on, theta, pool)
    killed: list[int] = []

    def kill(_: int) -> None:
        alive = [pid for pid in workers.process_ids if pid not in killed]
        if len(killed) < 3 and alive:
            killed.append(alive[0])
            os.kill(alive[0], signal.SIGKILL)

    with simulators(2) as workers:
        ((_, _, found),) = sweep_blocks(on, [(0, theta)], workers, kill)
    assert len(killed) == 3
    np.testing.assert_array_equal(found.status, expected.status)
    np.testing.assert_array_equal(found.vout, expected.vout)


Blocks = list[tuple[Bench, NDArray[np.float64]]]


@pytest.fixture
def blocks(on_bench: OnBench, random_theta: Theta) -> Blocks:
    """Return blocks of several sizes, each on another bench than the one before."""
    cell = on_bench("threshold_cell", 51)
    part = replace(cell, stretches=(Stretch(0.3, 1.1, 4), Stretch(4.0, 4.0, 1)))
    divider, schmitt = on_bench("resistor_divider", 11), on_bench("cmos_schmitt_buffer", 26)
    kinds = [("threshold_cell", cell), ("resistor_divider", divider)]
    kinds += [("threshold_cell", part), ("cmos_schmitt_buffer", schmitt)]
    sizes = (300, 1, 21, 9, 5, 140, 1, 3)
    return [
        (on, random_theta(name, size, seed))
        for seed, ((name, on), size) in enumerate(zip(kinds * 2, sizes, strict=True))
    ]


def finished(sweeps: Sweeps, n: int) -> Iterator[Finished]:
    """Yield the next `n` blocks that are complete."""
    while n:
        _, done = sweeps.wait()
        if done is not None:
            n -= 1
            yield done


def require_alone(found: Iterable[Finished], blocks: Blocks, pool: Pool) -> None:
    """Require the curves of blocks to be those of each on its own, bit for bit."""
    by_number = {each.number: each for each in found}
    assert sorted(by_number) == [*range(len(blocks))]
    for number, (on, theta) in enumerate(blocks):
        expected, each = sweep(on, theta, pool), by_number[number]
        np.testing.assert_array_equal(each.theta, theta)
        np.testing.assert_array_equal(each.curves.vout, expected.vout)
        np.testing.assert_array_equal(each.curves.status, expected.status)
        np.testing.assert_array_equal(each.curves.attempt, expected.attempt)


@pytest.mark.parametrize("n_workers", [1, 2])
def test_blocks_under_way_on_several_benches_are_those_of_each_alone(
    pool: Pool, blocks: Blocks, n_workers: int
) -> None:
    with simulators(n_workers) as workers:
        sweeps = Sweeps(workers)
        assert [sweeps.add(on, theta) for on, theta in blocks] == [*range(len(blocks))]
        assert sweeps.n_open == len(blocks)
        found = [*finished(sweeps, len(blocks))]
        assert sweeps.n_open == 0
    require_alone(found, blocks, pool)


def test_blocks_may_be_added_while_others_are_under_way(pool: Pool, blocks: Blocks) -> None:
    """A new one for each that is complete; numbers go on from there, and nothing is told twice."""
    with simulators(2) as workers:
        sweeps, found = Sweeps(workers), list[Finished]()
        for number, block in enumerate(blocks):
            assert sweeps.add(*block) == number
            if sweeps.n_open == 2:
                found += finished(sweeps, 1)
        found += finished(sweeps, 1)
    require_alone(found, blocks, pool)


def test_every_theta_is_told_once(pool: Pool, blocks: Blocks) -> None:
    sweeps = Sweeps(pool)
    for block in blocks:
        sweeps.add(*block)
    n_done = 0
    while sweeps.n_open:
        n_done += sweeps.wait()[0]
    assert n_done == sum(len(theta) for _, theta in blocks)
    assert sweeps.has_room


def test_workers_killed_among_blocks_change_nothing(pool: Pool, blocks: Blocks) -> None:
    """kill -9 while decks are being simulated: the same bits, and every θ is told once."""
    killed = list[int]()
    with local_pool(2) as workers:
        sweeps, found, n_done = Sweeps(workers), list[Finished](), 0
        for block in blocks:
            sweeps.add(*block)
        while sweeps.n_open:
            n_more, done = sweeps.wait()
            n_done += n_more
            found += [] if done is None else [done]
            alive = [pid for pid in workers.process_ids if pid not in killed]
            if len(killed) < 3 and alive and sweeps.n_open:
                killed.append(alive[0])
                os.kill(alive[0], signal.SIGKILL)
    assert len(killed) == 3
    assert n_done == sum(len(theta) for _, theta in blocks)
    require_alone(found, blocks, pool)


def test_a_bad_theta_is_isolated_and_the_rest_is_unharmed(
    pool: Pool, on_bench: OnBench, random_theta: Theta
) -> None:
    """A crash and a hang inside batches are pinned to their θ."""
    on, theta = on_bench("threshold_cell", 21), random_theta("threshold_cell", 128)
    expected = sweep(on, theta, pool)
    theta[5, 0], theta[70, 0] = faults.CRASH, faults.HANG
    with Workers(faults.faulty_job, 2, backstop=60.0) as workers:
        found = sweep(on, theta, workers)
    assert found.status[5] == Status.CRASHED
    assert found.status[70] == Status.DEADLINE
    others = np.setdiff1d(np.arange(128), [5, 70])
    assert (found.status[others] == Status.TRUSTED).all()
    assert np.isnan(found.vout[[5, 70]]).all()
    assert np.abs(found.vout[others] - expected.vout[others]).max() < 2 * ACCURACY


@pytest.mark.parametrize("n", [1, 64])
def test_a_process_killed_once_costs_nothing(
    pool: Pool, on_bench: OnBench, random_theta: Theta, n: int
) -> None:
    """The decks of a job that was lost are tried again as they were: the same bits."""
    on, theta = on_bench("threshold_cell", 21), random_theta("threshold_cell", n)
    expected = sweep(on, theta, pool)
    marker = faults.crash_marker(n)
    marker.touch()
    with Workers(faults.job_that_crashes_once, 1, backstop=60.0) as workers:
        found = sweep(on, theta, workers)
    assert not marker.exists()
    assert (found.status == Status.TRUSTED).all()
    np.testing.assert_array_equal(found.vout, expected.vout)


def test_a_stopped_worker_is_ended_from_outside(on_bench: OnBench, random_theta: Theta) -> None:
    on, theta = on_bench("resistor_divider", 21), random_theta("resistor_divider", 3)
    theta[1, 0] = faults.STOP
    with Workers(faults.faulty_job, 1, backstop=1.0) as workers:
        found = sweep(on, theta, workers)
    assert found.status.tolist() == [Status.TRUSTED, Status.DEADLINE, Status.TRUSTED]


NOT_ALWAYS = """* converges only for small k
*@theta k uniform(0, 2) [1]
.subckt flip in out params: k=0.5
b1 out 0 v=v(in)>2.2 && {k}>1 ? -v(out)*10+sgn(v(out)) : 0.5*v(in)
r1 out 0 1
.ends
"""


def test_one_theta_that_does_not_converge_does_not_spoil_its_batch(
    pool: Pool, on_bench: OnBench, write: Write
) -> None:
    on = on_bench(read_template(write("flip.cir", NOT_ALWAYS.replace("-v(out)*10+", "-"))), 11)
    assert on.feedback
    flat = replace(on, states=(), batch=16)
    theta = np.array([[0.5]] * 3 + [[1.5]] + [[0.7]] * 3)
    found = sweep(flat, theta, pool, keep_words=True)
    assert found.status[3] == Status.NOT_CONVERGED
    assert (np.delete(found.status, 3) == Status.TRUSTED).all()
    assert "aborted" in found.words[3]
    assert found.attempt.tolist() == [ALONE] * 3 + [ALONE + len(LADDER)] + [ALONE] * 3


HIGH_GAIN = """* an amplifier of very high gain in a loop: out = (in - 1)/0.37, as far as it reaches
*@theta k loguniform(1, 1e10) [1]
.subckt loop in out params: k=1
b1 out 0 v=2.5+2.5*tanh({k}*(v(in)-0.37*v(out)-1))
r1 out 0 1k
.ends
"""


def test_the_ladder_solves_what_a_plain_sweep_cannot(
    pool: Pool, on_bench: OnBench, write: Write
) -> None:
    on = replace(on_bench(read_template(write("loop.cir", HIGH_GAIN)), 11), states=(), batch=2)
    found = sweep(on, np.array([[1e3], [1e9]]), pool)
    assert (found.status == Status.TRUSTED).all()
    # Alone, with more iterations, then with smaller steps.
    assert found.attempt.tolist() == [ALONE, ALONE + 2]
    expected = np.clip((on.vin - 1) / 0.37, 0, 5)
    np.testing.assert_allclose(found.vout[1, 0], expected, atol=1e-4)


def test_a_theta_that_ngspice_refuses_poisons_nothing(
    pool: Pool, on_bench: OnBench, write: Write
) -> None:
    """A width outside the model's bins fails to load; the process is replaced."""
    on = on_bench(read_template(write("binned.cir", BINNED)), 11)
    widths = np.array([2e-6] * 20 + [50e-6, 2e-6, 0.5e-6] + [3e-6] * 20)
    found = sweep(on, widths[:, None], pool, keep_words=True)
    bad = [20, 22]
    assert (found.status[bad] == Status.LOAD_FAILED).all()
    assert (np.delete(found.status, bad) == Status.TRUSTED).all()
    assert "could not find a valid modelname" in found.words[20]
    np.testing.assert_allclose(found.vout[21], found.vout[0], atol=2 * ACCURACY)


LATCH = """* a buffer with a keeper: bistable at both rails once the keeper is strong
*@theta wk loguniform(0.1u, 10u) width of the keeper [m]
.subckt latch in out vdd vss params: wk=0.1u
.model nch nmos level=1 vto=0.8 kp=120u
.model pch pmos level=1 vto=-0.8 kp=40u
rin in a 10k
mp1 b a vdd vdd pch w=6u l=1u
mn1 b a vss vss nch w=2u l=1u
mpk a b vdd vdd pch w={3*wk} l=1u
mnk a b vss vss nch w={wk} l=1u
mp2 out b vdd vdd pch w=6u l=1u
mn2 out b vss vss nch w=2u l=1u
.ends
"""


def test_a_latch_without_one_start_is_not_trusted(
    pool: Pool, on_bench: OnBench, write: Write
) -> None:
    """With a strong keeper ngspice starts from the unstable point between the two states."""
    template = read_template(write("latch.cir", LATCH))
    assert template.states == ("a", "b")
    on = on_bench(template)
    found = sweep(on, np.array([[0.1e-6], [10e-6]]), pool, keep_words=True)
    assert found.status.tolist() == [Status.TRUSTED, Status.UNDETERMINED]
    assert "from another initial guess" in found.words[1]
    up, down = found.vout[0]
    assert up[0] < 0.01
    assert up[-1] > 4.99
    assert np.abs(up - down)[[0, -1]].max() < 1e-3


def test_schmitt_triggers_have_one_start(
    pool: Pool, on_bench: OnBench, random_theta: Theta
) -> None:
    """The guesses raise no false alarm where there is one operating point at each rail."""
    on = on_bench("cmos_schmitt_buffer", 26)
    found = sweep(on, random_theta("cmos_schmitt_buffer", 256), pool)
    assert (found.status == Status.TRUSTED).all()


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (".param wq='2*k'\n", "m1 out in vss vss nch w={wq} l=1u\n"),
        (
            "",
            "x1 in out vss inner s={k}\n.subckt inner a y g s=1\nm1 y a g g nch w={2u*s} l=1u\n.ends\n",
        ),
        ("", "m1 out in vss vss nch w={k-1u+1u} l=1u\n"),
        (
            "",
            "x1 in out vss inner w={k+0}\n.subckt inner a y g w=1\nm1 y a g g nch w=w l=1u\n.ends\n",
        ),
    ],
)
def test_a_size_that_comes_out_negative_is_never_simulated(
    pool: Pool, on_bench: OnBench, write: Write, head: str, body: str
) -> None:
    """However a parameter reaches a width, ngspice does not get to take −2 µm in silence."""
    text = (
        "*@theta k uniform(-3u, 3u) [m]\n.subckt indirect in out vdd vss params: k=2u\n"
        f"{head}.model nch nmos level=1\nr1 vdd out 10k\n{body}.ends\n"
    )
    on = on_bench(read_template(write("indirect.cir", text)), 11)
    found = sweep(on, np.array([[2e-6], [-2e-6], [1e-6]]), pool)
    assert found.status.tolist() == [Status.TRUSTED, Status.LOAD_FAILED, Status.TRUSTED]
    assert found.vout[0, 0, -1] < found.vout[2, 0, -1] < 5.0
