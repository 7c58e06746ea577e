"""Training of whole systems on the real ngspice: its gradients, what it keeps, and what it refuses."""

import json
import math
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray

from spicebuf.chain import end_to_end
from spicebuf.check import Verdict
from spicebuf.entropy import Counts, from_sample
from spicebuf.journal import open_journal
from spicebuf.losses import Loss, Target
from spicebuf.pools import Pool
from spicebuf.prior import n_grid_points
from spicebuf.sweep import Sweeps, sweep
from spicebuf.system import System, load_system
from spicebuf.training import Check, Differences, Options, Scores, Stop, Trial
from spicebuf.training import Path as RunPath
from spicebuf.workflow import (
    Settings,
    SystemTraining,
    Training,
    check_system,
    train_answer,
    train_system,
)
from spicebuf.workflow.banks import put_on_bench
from spicebuf.workflow.chain_problem import ChainProblem
from spicebuf.workflow.events import check_grid, event_of
from spicebuf_cli.main import main
from tests.conftest import EXAMPLES
from tests.testsystems import BINNED

Floats = NDArray[np.float64]
Write = Callable[[str, str], Path]

COMMAND = [sys.executable, "-m", "spicebuf_cli"]
VDD = 5.0
SPAN = math.log(1000.0)
"""Of the log-uniform resistors of a divider."""
POSSIBLE = from_sample(Counts(9, 3), 0.95, 0)
"""What saves asking whether training can succeed."""


def chain(netlists: Iterable[str], first: tuple[str, str], last: tuple[str, str]) -> str:
    """Return the text of a system with free APIs inside; the first and the last are 0 and 1."""
    parts = [f'[[components]]\nname = "c{k}"\n{text}\n' for k, text in enumerate(netlists)]
    outer = [f'0 = "{zero}"\n1 = "{one}"' for zero, one in (first, last)]
    apis = [outer[0], *["free = true"] * (len(parts) - 1), outer[1]]
    parts += [f'[[apis]]\nname = "API{k}"\n{text}\n' for k, text in enumerate(apis)]
    return f"[system]\nvdd = {VDD}\n{''.join(parts)}"


DIVIDER = 'netlist = "resistor_divider"'
FIRST, LAST = ("[0, 0.2]", "[4, 5]"), ("[0, 0.5]", "[2, 3]")
DIVIDERS = chain([DIVIDER, DIVIDER], FIRST, LAST)


def settings(folder: Path, **others: Any) -> Settings:  # noqa: ANN401
    return Settings(**{"n_points": 11, "banks": folder / "banks", "max_gain": 0.0, **others})


def training(n_runs: int, n_steps: int = 10, **others: Any) -> Training:  # noqa: ANN401
    return Training(n_runs=n_runs, n_steps=n_steps, **others)


def quick(system: System, chosen: Settings, wished: Training) -> SystemTraining:
    """Train without asking first whether training can succeed."""
    return train_system(system, chosen, wished, rejection=POSSIBLE)


def require_equal(some: Iterable[RunPath], others: Iterable[RunPath]) -> None:
    for one, other in zip(some, others, strict=True):
        for name, value in vars(one).items():
            np.testing.assert_array_equal(value, getattr(other, name), err_msg=name)


@pytest.fixture
def dividers(write: Write) -> System:
    return load_system(write("s.toml", DIVIDERS))


# Losses and gradients.


def problem_of(system: System, pool: Pool, loss: Loss, n_points: int = 11) -> ChainProblem:
    chained = end_to_end(system)
    (component,) = chained.components
    event = event_of(chained, 0, put_on_bench(chained, component, Settings(n_points=n_points)))
    return ChainProblem(event, Target(loss, event.api_out, VDD), 4, 0, Sweeps(pool))


def scores(problem: ChainProblem, points: Floats, step: int = 0) -> Scores:
    problem.ask(3, Trial(step, points))
    run, answer = problem.answer()
    assert run == 3
    assert isinstance(answer, Scores)
    return answer


def works(problem: ChainProblem, point: Floats) -> bool:
    problem.ask(3, Check(point))
    _, answer = problem.answer()
    assert isinstance(answer, bool)
    return answer


def inputs_of(problem: ChainProblem, step: int) -> dict[str, Floats]:
    """Return the inputs that run 3 is tried at, by logical value."""
    return {each.logic: each.stretch.vin() for each in problem._draw(3, step)}


def gain_of(u: Floats) -> tuple[float, Floats]:
    """Return the gain of two dividers and its gradient by the quantiles of r1, r2, r1, r2.

    A quantile u makes a resistor of 100 Ω · exp(L u), L = log 1000; with t = L (u₂ − u₁) a divider's gain
    is g = 1/(1 + e^−t), and dg/dt = g (1 − g).
    """
    g = 1.0 / (1.0 + np.exp(-SPAN * (u[1::2] - u[::2])))
    slopes = g.prod() * (1.0 - g) * SPAN
    return float(g.prod()), np.stack([-slopes, slopes], axis=1).ravel()


def squared_loss(u: Floats, inputs: dict[str, Floats]) -> tuple[float, Floats]:
    """Return the squared loss of two dividers and its gradient, in closed form."""
    gain, gradient = gain_of(u)
    zero, one = inputs["0"], inputs["1"]
    value = (np.mean((zero * gain) ** 2) + np.mean((one * gain - VDD) ** 2)) / 2.0
    slope = np.mean(zero**2) * gain + np.mean((one * gain - VDD) * one)
    return float(value), slope * gradient


@pytest.mark.parametrize("seed", range(4))
def test_gradients_of_dividers_are_those_in_closed_form(
    pool: Pool, dividers: System, seed: int
) -> None:
    """Through ngspice, central differences differ from the derivative by h²/6 times the third.

    In the log of a resistor a gain is logistic, of which no derivative exceeds 1/4, and neither do those
    of the product by much; the loss is 25 V² times a square of it, and h = 1e-3 quantiles are L h in the
    log: (L h)² L · 25/6 < 1.4e-3 V² is generous. What ngspice adds is 1 nV · 10 V/h = 1e-5 V².
    """
    problem = problem_of(dividers, pool, Loss.SQUARED)
    rng = np.random.default_rng(seed)
    u = rng.uniform(0.1, 0.9, 4)
    stencil = Differences(1e-3, central=True).at(u, rng)
    found = scores(problem, stencil.points, seed).loss
    expected, gradient = squared_loss(u, inputs_of(problem, seed))
    assert found[0] == pytest.approx(expected, abs=1e-7)
    np.testing.assert_allclose(stencil.gradient(found), gradient, rtol=0, atol=1.4e-3)
    assert np.abs(gradient).max() > 0.1


@pytest.mark.parametrize("seed", range(4))
def test_forward_differences_are_those_of_the_closed_form(
    pool: Pool, dividers: System, seed: int
) -> None:
    """The same differences of the same formula: what is left is ngspice's 1 nV · 10 V/h = 1e-5 V²."""
    problem = problem_of(dividers, pool, Loss.SQUARED)
    rng = np.random.default_rng(100 + seed)
    stencil = Differences(1e-3).at(rng.random(4), rng)
    found = stencil.gradient(scores(problem, stencil.points, seed).loss)
    inputs = inputs_of(problem, seed)
    exact = np.array([squared_loss(point, inputs)[0] for point in stencil.points])
    np.testing.assert_allclose(found, stencil.gradient(exact), rtol=0, atol=1e-5)


def test_gradients_of_threshold_cells_are_those_of_finer_differences(pool: Pool) -> None:
    """Richardson's extrapolation of central differences, where two of them agree to 1e-5.

    Elsewhere a transistor turns on within the 4e-3 quantiles that they span, and the curve has a kink in
    its second derivative, or it is so steep that no such step is short. h²/6 of the third derivative is
    below 1e-3 of the gradient there, and h/2 of the second below 3 %.
    """
    problem = problem_of(load_system(EXAMPLES / "seed.toml"), pool, Loss.SQUARED, 101)
    rng, n_smooth = np.random.default_rng(0), 0
    for step in range(16):
        u = rng.uniform(0.1, 0.9, 20)
        at = {h: central(problem, u, h, step) for h in (4e-3, 2e-3, 1e-3)}
        coarse = (4.0 * at[2e-3] - at[4e-3]) / 3.0
        fine = (4.0 * at[1e-3] - at[2e-3]) / 3.0
        best = (16.0 * fine - coarse) / 15.0
        norm = np.linalg.norm(best)
        if np.linalg.norm(best - fine) > 1e-5 * norm:
            continue
        n_smooth += 1
        for how, tolerance in ((Differences(1e-3, central=True), 1e-3), (Differences(1e-3), 0.03)):
            stencil = how.at(u, rng)
            found = stencil.gradient(scores(problem, stencil.points, step).loss)
            assert np.linalg.norm(found - best) < tolerance * norm
    assert n_smooth >= 6


def central(problem: ChainProblem, u: Floats, h: float, step: int) -> Floats:
    """Return central differences, each at points of its own."""
    steps = h * np.eye(len(u))
    loss = scores(problem, np.concatenate([u + steps, u - steps]), step).loss
    ahead, behind = np.split(loss, 2)
    return np.asarray((ahead - behind) / (2.0 * h))


def hinge_loss(gain: float, inputs: dict[str, Floats]) -> float:
    """Return the hinge loss of a gain to `LAST`."""
    zero = np.maximum(0.0, inputs["0"] * gain - 0.5)
    one = np.maximum(0.0, np.maximum(2.0 - inputs["1"] * gain, inputs["1"] * gain - 3.0))
    return float((zero.mean() + one.mean()) / 2.0)


def test_hinge_losses_margins_and_verdicts_of_dividers(pool: Pool, dividers: System) -> None:
    """A gain works from 2/4 to 3/5; the margin is that of the inputs that were drawn."""
    problem = problem_of(dividers, pool, Loss.HINGE)
    n_works = 0
    for step, gain in enumerate((0.3, 0.49, 0.499, 0.501, 0.55, 0.599, 0.601, 0.7)):
        root = math.sqrt(gain)
        u = np.array([0.5, 0.5 + math.log(root / (1.0 - root)) / SPAN] * 2)
        found, inputs = scores(problem, u[np.newaxis], step), inputs_of(problem, step)
        edges = [0.5 - inputs["0"] * gain, inputs["1"] * gain - 2.0, 3.0 - inputs["1"] * gain]
        assert found.loss == pytest.approx([hinge_loss(gain, inputs)], abs=1e-8)
        assert found.margin == pytest.approx([min(edge.min() for edge in edges)], abs=1e-8)
        assert works(problem, u) is (0.5 < gain < 0.6)
        n_works += 0.5 < gain < 0.6
    assert n_works == 3
    assert problem.n_simulated == 16


def test_inputs_depend_on_seed_run_and_step_alone(pool: Pool, dividers: System) -> None:
    problem = problem_of(dividers, pool, Loss.HINGE)
    others = [
        problem._draw(3, 1), problem._draw(4, 0), replace(problem, seed=1)._draw(3, 0),
    ]  # fmt: skip
    assert problem._draw(3, 0) == problem._draw(3, 0)
    assert len({problem._draw(3, 0), *others}) == 4


# The example.


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> tuple[System, Settings, SystemTraining]:
    system = load_system(EXAMPLES / "seed.toml")
    chosen = Settings(banks=tmp_path_factory.mktemp("seed"), n_workers=2)
    return system, chosen, train_system(system, chosen, Training(n_runs=24))


Example = tuple[System, Settings, SystemTraining]


def test_most_runs_of_the_example_succeed(example: Example) -> None:
    _, _, found = example
    assert found.succeeded.sum() >= 22
    for run, succeeded in zip(found.runs, found.succeeded, strict=True):
        assert len(run.points) <= 101
        assert run.works or not succeeded
        assert run.first_success == (len(run.points) - 1 if run.works else None)
        assert np.isfinite(run.loss).all()
    np.testing.assert_array_equal(found.lucky, [len(r.points) == 1 and r.works for r in found.runs])
    assert np.isfinite(found.rejection.value)


def test_where_they_ended_satisfies_when_simulated_afresh(example: Example) -> None:
    """By what `check` makes of the chain as one component, all inputs and what lies between them."""
    system, chosen, found = example
    chained = end_to_end(system)
    (component,) = chained.components
    some = [*np.flatnonzero(found.succeeded)[:8], *np.flatnonzero(~found.succeeded)]
    for row in some:
        theta = dict(zip(component.priors, found.theta[row].tolist(), strict=True))
        checked = check_system(chained, {component.name: theta}, chosen.n_points)
        assert checked.satisfied is bool(found.succeeded[row])


def test_the_paths_of_the_example(example: Example) -> None:
    """θ in the units of the netlist: widths from 0.1 to 100 µm, as `check` takes them."""
    system, _, found = example
    with xr.open_zarr(found.paths, consolidated=False) as data:
        assert dict(data.theta.sizes)["parameter"] == 20
        assert data.run.values.tolist() == [*range(24)]
        assert data.parameter.values.tolist() == list(found.chain.priors)
        n_places = [len(run.points) for run in found.runs]
        assert data.n_places.values.tolist() == n_places
        np.testing.assert_array_equal(data.verdict, found.verdict)
        np.testing.assert_array_equal(
            data.first_success,
            [-1 if r.first_success is None else r.first_success for r in found.runs],
        )
        n_evaluations = [run.n_evaluations for run in found.runs]
        assert data.n_evaluations.values.tolist() == n_evaluations
        for k, (run, n) in enumerate(zip(found.runs, n_places, strict=True)):
            theta = data.theta.values[k]
            assert np.isnan(theta[n:]).all()
            assert ((theta[:n] >= 1e-7) & (theta[:n] <= 1e-4)).all()
            np.testing.assert_allclose(theta[:n], 1e-7 * 1000.0**run.points, rtol=1e-12)
            np.testing.assert_array_equal(theta[n - 1], found.theta[k])
            np.testing.assert_array_equal(data.loss.values[k, :n], run.loss)
            np.testing.assert_array_equal(data.margin.values[k, :n], run.margin)
            assert np.isnan(data.loss.values[k, n:]).all()
        held = json.loads(data.attrs["configuration"])
        assert (held["loss"], held["optimizer"], held["steps"]) == ("hinge", "adam", 100)
    assert found.paths.parent.name == found.paths.parent.resolve().name
    assert system.path.stem in found.paths.name


def test_the_answer_of_the_example(example: Example) -> None:
    system, chosen, found = example
    answer = train_answer(system, found, chosen.seed, 0.95)
    n = int(found.succeeded.sum())
    assert (answer["n_runs"], answer["n_succeeded"], answer["n_by_verdict"]["satisfied"]) == (
        24,
        n,
        n,
    )
    share, low, high = answer["success_rate"]
    assert 0.0 < low < share == n / 24 <= high
    assert answer["n_lucky"] == found.lucky.sum()
    assert answer["loss"]["last"] == 0.0 < answer["loss"]["first"]
    assert answer["n_evaluations"] == sum(21 * len(run.points) for run in found.runs)
    assert answer["n_simulated"] >= answer["n_evaluations"] + n
    steps = sorted(r.first_success for r in found.runs if r.first_success is not None)
    assert answer["steps_to_success"]["0.5"] == steps[(len(steps) - 1) // 2]
    assert (answer["n_unsimulated"], answer["n_held_runs"], answer["n_held_steps"]) == (0, 0, 0)


# What is kept.


def test_runs_are_taken_from_the_journal(tmp_path: Path, dividers: System) -> None:
    """30 after 20 simulate what 10 need, and are 30 made at once."""
    first = train_system(dividers, settings(tmp_path), training(20))
    more = train_system(dividers, settings(tmp_path), training(30))
    fresh = train_system(dividers, settings(tmp_path / "fresh"), training(30))
    again = train_system(dividers, settings(tmp_path), training(30))
    require_equal(more.runs, fresh.runs)
    require_equal(again.runs, fresh.runs)
    assert 0 < more.n_simulated == fresh.n_simulated - first.n_simulated
    assert again.n_simulated == 0
    assert first.paths == more.paths
    for one, other in ((more, fresh), (again, fresh)):
        np.testing.assert_array_equal(one.theta, other.theta)
        np.testing.assert_array_equal(one.verdict, other.verdict)
        assert one.rejection == other.rejection
    assert_same_paths(again.paths, fresh.paths)
    assert [path.name for path in more.paths.parent.glob("*.paths.zarr*")] == [more.paths.name]


def assert_same_paths(one: Path, other: Path) -> None:
    with xr.open_zarr(one, consolidated=False) as a, xr.open_zarr(other, consolidated=False) as b:
        xr.testing.assert_identical(a.load(), b.load())


@pytest.mark.parametrize(
    "other",
    [
        {"loss": Loss.SQUARED},
        {"stop": Stop.BUDGET},
        {"n_steps": 4},
        {"n_inputs": 3},
        {"options": Options("sgd")},
        {"options": Options("adam", learning_rate=0.1)},
        {"options": Options("adam", central=True)},
    ],
)
def test_other_wishes_are_other_runs(
    tmp_path: Path, dividers: System, other: dict[str, Any]
) -> None:
    plain = quick(dividers, settings(tmp_path), training(2, 3))
    wished = replace(training(2, 3), **other)
    found = quick(dividers, settings(tmp_path), wished)
    assert found.n_simulated > 0
    assert found.paths != plain.paths
    fresh = quick(dividers, settings(tmp_path / "fresh"), wished)
    require_equal(found.runs, fresh.runs)


def test_the_json_does_not_depend_on_the_number_of_workers(
    tmp_path: Path, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    write("s.toml", DIVIDERS)
    answers = []
    for n in ("1", "2"):
        banks = ("--banks", tmp_path / n, "--paths", tmp_path / "same", "--json", "--points", "11")
        with exiting(0):
            main(["train", *map(str, (tmp_path / "s.toml", "--runs", "12", "-j", n, *banks))])
        answers.append(json.loads(capsys.readouterr().out))
    assert answers[0] == answers[1]
    assert answers[0]["n_simulated"] > 0


@contextmanager
def exiting(status: int) -> Iterator[None]:
    with pytest.raises(SystemExit) as stop:
        yield
    assert stop.value.code == status


def test_killed_training_goes_on(tmp_path: Path, write: Write) -> None:
    """kill -9 when some runs are kept: the next call makes the rest, and all is as if in one go."""
    write("s.toml", DIVIDERS)
    arguments = ["train", "s.toml", "--runs", "80", "--steps", "4", "--stop", "budget"]
    arguments += ["-j", "2", "--points", "11", "--max-gain", "0", "--json"]
    process = subprocess.Popen(
        [*COMMAND, *arguments], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    journal = tmp_path / "banks" / "chain.journal"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not n_kept(journal):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    _, words = process.communicate(timeout=30)
    assert process.returncode == -signal.SIGKILL
    assert b"Traceback" not in words
    n_found = n_kept(journal)
    assert 0 < n_found < 80
    assert not list(tmp_path.glob("banks/*.paths.zarr"))
    resumed, whole = (
        json.loads(
            subprocess.run(
                [*COMMAND, *arguments, "--banks", banks],
                cwd=tmp_path,
                stdout=subprocess.PIPE,
                check=True,
                timeout=60,
            ).stdout
        )
        for banks in ("banks", "whole")
    )
    assert 0 < resumed.pop("n_simulated") < whole.pop("n_simulated")
    paths = [tmp_path / answer.pop("paths") for answer in (resumed, whole)]
    assert resumed == whole
    assert_same_paths(*paths)


def n_kept(journal: Path) -> int:
    """Return how many answers a journal holds."""
    if not journal.exists():
        return 0
    with open_journal(journal) as opened, opened._guarded():
        (n,) = opened._table.execute("select count(*) from answers").fetchone()
    return int(n)


# Folders of paths.


def snapshot(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def refuse(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """Run `spicebuf train`, which must end with status 2 and one line, and return what it says."""
    with exiting(2):
        main(["train", *map(str, arguments)])
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "Traceback" not in printed.err
    assert "defect" not in printed.err
    (line,) = (each for each in printed.err.splitlines() if each.startswith("Error: "))
    return line


@pytest.fixture
def plain(tmp_path: Path, write: Write) -> list[str]:
    """Return what `spicebuf train` takes for a few runs of two dividers."""
    path = write("s.toml", DIVIDERS)
    few = ["--runs", "2", "--steps", "2", "--points", "11", "--max-gain", "0", "-j", "1"]
    return [str(path), *few, "--banks", str(tmp_path / "banks"), "--paths", str(tmp_path / "mine")]


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (("--steps", "3"), "steps was 2, and is 3"),
        (("--seed", "1"), "seed was 0, and is 1"),
        (("--inputs", "9"), "inputs was 4, and is 9"),
        (("--loss", "squared"), 'loss was "hinge", and is "squared"'),
        (("--optimizer", "rejection"), ""),
        (("--learning-rate", "0.5"), "learning_rate was 0.03, and is 0.5"),
        (("--points", "12"), "bench was "),
    ],
)
def test_paths_of_another_configuration_are_left_alone(
    tmp_path: Path,
    plain: list[str],
    capsys: pytest.CaptureFixture[str],
    other: tuple[str, str],
    words: str,
) -> None:
    with exiting(0):
        main(["train", *plain])
    capsys.readouterr()
    before = snapshot(tmp_path / "mine")
    said = refuse(capsys, *plain, *other)
    assert f"{tmp_path / 'mine'} holds runs of another configuration: " in said
    assert words in said
    assert snapshot(tmp_path / "mine") == before
    with exiting(0):
        main(["train", *plain, "--runs", "3"])
    with xr.open_zarr(tmp_path / "mine", consolidated=False) as data:
        assert data.sizes["run"] == 3


def test_a_folder_of_something_else_is_left_alone(
    tmp_path: Path, plain: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is simulated: a user's files, nothing at all, a bank, a file."""
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("mine")
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("mine")
    (tmp_path / "group").mkdir()
    (tmp_path / "group" / "zarr.json").write_text('{"attributes": {"configuration": "5"}}')
    for name in ("notes", "empty", "file", "group"):
        said = refuse(capsys, *plain, "--paths", tmp_path / name)
        assert f"{tmp_path / name} is there and holds no training runs; name another" in said
    assert not (tmp_path / "banks").exists()
    assert (tmp_path / "notes" / "a.txt").read_text() == "mine"
    assert (tmp_path / "file").read_text() == "mine"
    assert (tmp_path / "empty").is_dir()


@pytest.mark.parametrize("where", ["banks", "."])
def test_the_banks_are_left_alone(
    tmp_path: Path, plain: list[str], capsys: pytest.CaptureFixture[str], where: str
) -> None:
    """Also before there are any: paths replace what their folder holds."""
    assert "holds the banks" in refuse(capsys, *plain, "--paths", tmp_path / where)
    (tmp_path / "link").symlink_to(tmp_path / "banks")
    assert "holds the banks" in refuse(capsys, *plain, "--paths", tmp_path / "link")


def test_a_file_among_paths_is_left_alone(
    tmp_path: Path, plain: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with exiting(0):
        main(["train", *plain])
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    capsys.readouterr()
    assert "holds 'notes.txt' too; name another" in refuse(capsys, *plain, "--runs", "3")
    assert (tmp_path / "mine" / "notes.txt").read_text() == "mine"


def test_paths_that_cannot_be_are_refused_before_anything(
    tmp_path: Path, plain: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("mine")
    assert "cannot be written" in refuse(capsys, *plain, "--paths", tmp_path / "file" / "x")
    assert "no folder can be there" in refuse(capsys, *plain, "--paths", "n" * 300)
    assert not (tmp_path / "banks").exists()


def test_fewer_runs_leave_the_others_in_their_folder(
    tmp_path: Path, plain: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with exiting(0):
        main(["train", *plain, "--runs", "4"])
    whole = xr.open_zarr(tmp_path / "mine", consolidated=False).load()
    capsys.readouterr()
    with exiting(0):
        main(["train", *plain, "--json"])
    assert json.loads(capsys.readouterr().out)["n_runs"] == 2
    assert xr.open_zarr(tmp_path / "mine", consolidated=False).load().identical(whole)


def test_a_bank_is_left_alone(
    tmp_path: Path, plain: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with exiting(0):
        main(["train", *plain])
    capsys.readouterr()
    (bank,) = (tmp_path / "banks").glob("chain-*.zarr")
    before = snapshot(bank)
    assert "holds no training runs" in refuse(capsys, *plain, "--paths", bank)
    assert snapshot(bank) == before


def test_a_folder_beside_the_paths_is_left_alone(
    tmp_path: Path, plain: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Paths are written beside their folder first: under a name that nobody else has."""
    (tmp_path / "mine.part").mkdir()
    (tmp_path / "mine.part" / "a.txt").write_text("mine")
    with exiting(0):
        main(["train", *plain])
    assert (tmp_path / "mine.part" / "a.txt").read_text() == "mine"
    assert (tmp_path / "mine" / "zarr.json").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "banks", "mine", "mine.part", "s.toml",
    ]  # fmt: skip
    capsys.readouterr()


# Other systems.


def test_an_unsimulated_chain_holds_its_run(tmp_path: Path, write: Write) -> None:
    """A model for widths up to 10 µm: a run beyond stays, is counted, and disturbs no other."""
    write("binned.cir", BINNED.replace("0.1u, 100u", "1.5u, 12u"))
    text = chain(['netlist = "binned.cir"'], ("[0, 0.2]", "[3, 5]"), ("[4.5, 5]", "[0, 4]"))
    system = load_system(write("s.toml", text))
    told: list[str] = []
    found = train_system(
        system,
        settings(tmp_path),
        training(3, 2, stop=Stop.BUDGET),
        lambda *about: told.append(str(about)),
        rejection=POSSIBLE,
    )
    limit = math.log(10.0 / 1.5) / math.log(12.0 / 1.5)
    # What starts below ends below: a step is at most 0.03 long.
    beyond = [bool(run.points[0, 0] > limit - 0.06) for run in found.runs]
    assert beyond == [bool(run.points[0, 0] > limit) for run in found.runs]
    (lost,) = (run for run in found.runs if beyond[run.run])
    others = [run for run in found.runs if not beyond[run.run]]
    np.testing.assert_array_equal(found.verdict == Verdict.UNSIMULATED, beyond)
    assert (lost.n_evaluations, lost.n_failed, lost.n_held) == (6, 6, 2)
    assert np.isnan([lost.loss, lost.margin]).all()
    assert (lost.points == lost.points[0]).all()
    for run in others:
        assert (run.n_evaluations, run.n_failed, run.n_held) == (6, 0, 0)
        assert np.isfinite([run.loss, run.margin]).all()
    answer = train_answer(system, found, 0, 0.95)
    assert answer["n_by_verdict"]["unsimulated"] == 1
    assert (answer["n_unsimulated"], answer["n_held_runs"], answer["n_held_steps"]) == (6, 1, 2)
    assert "nan" not in json.dumps(answer).lower()
    assert told
    assert not any("nan" in words for words in told)
    with xr.open_zarr(found.paths, consolidated=False) as data:
        assert data.n_unsimulated.values.tolist() == [6 * each for each in beyond]
        assert data.n_held.values.tolist() == [2 * each for each in beyond]
        assert np.isfinite(data.theta).all()


def test_a_circuit_with_feedback_trains(tmp_path: Path) -> None:
    """A single component, swept from rail to rail and back; both branches must keep to the API."""
    system = load_system(EXAMPLES / "schmitt.toml")
    found = quick(system, settings(tmp_path, n_points=26), training(3, 4))
    assert len(found.runs) == 3
    assert found.theta.shape == (3, len(found.chain.priors))
    assert all(np.isfinite(run.loss).all() for run in found.runs)
    for run, verdict in zip(found.runs, found.verdict, strict=True):
        assert bool(verdict == Verdict.SATISFIED) is run.works


def test_verdicts_are_those_of_all_inputs(tmp_path: Path, pool: Pool) -> None:
    """Where what was drawn last may work, it works, or not, or that cannot be told by the points."""
    system = load_system(EXAMPLES / "schmitt.toml")
    chosen = settings(tmp_path, n_points=14)
    found = quick(system, chosen, training(60, 0))
    chained = end_to_end(system)
    event = event_of(chained, 0, put_on_bench(chained, chained.components[0], chosen))
    expected = check_grid(event, sweep(event.bench, found.theta, pool)).verdict
    failed = np.array([run.margin[-1] < 0.0 for run in found.runs])
    np.testing.assert_array_equal(found.verdict[~failed], expected[~failed])
    assert (found.verdict[failed] == Verdict.VIOLATED).all()
    assert {Verdict.SATISFIED, Verdict.BORDERLINE} <= set(expected[~failed].tolist())
    np.testing.assert_array_equal(found.succeeded, [run.works for run in found.runs])


def test_a_finite_prior_trains(tmp_path: Path) -> None:
    """Its places are its values, and few values are enumerated before."""
    system = load_system(EXAMPLES / "grid.toml")
    found = train_system(system, settings(tmp_path), training(6, 8, stop=Stop.BUDGET))
    priors = list(found.chain.priors.values())
    assert n_grid_points(priors) == 729
    assert found.rejection.method == "enumeration"
    assert found.rejection.counts[0].n_samples == 729
    moved = np.zeros(len(priors), dtype=np.bool_)
    with xr.open_zarr(found.paths, consolidated=False) as data:
        for k, prior in enumerate(priors):
            assert prior.values is not None
            assert np.isin(data.theta.values[:, :, k], prior.values).all()
            moved[k] = (data.theta.values[:, :, k] != data.theta.values[:, :1, k]).any()
    assert moved.all()
    assert all(run.loss[-1] <= run.loss[0] + 0.1 for run in found.runs)
    assert found.succeeded.sum() >= 3


def test_a_single_component_trains(tmp_path: Path) -> None:
    """To the end of the budget it works: a gain of 0.4 to 0.6 from 4 to 5 V."""
    system = load_system(EXAMPLES / "divider.toml")
    found = train_system(system, settings(tmp_path), training(8, 60, options=Options("adam")))
    assert found.succeeded.all()
    gain = found.theta[:, 1] / found.theta.sum(axis=1)
    assert ((gain > 0.4) & (gain < 0.6)).all()
    assert list(found.chain.priors) == ["divider_r1", "divider_r2"]
    volume = found.rejection
    assert volume.interval[0] < -2.1720 < volume.interval[1]


@pytest.mark.parametrize("optimizer", ["sgd", "sgld", "cma-es", "one-plus-one"])
def test_every_optimizer_trains(tmp_path: Path, dividers: System, optimizer: str) -> None:
    wished = training(3, 5, options=Options(optimizer), stop=Stop.BUDGET)
    found = quick(dividers, settings(tmp_path), wished)
    for run in found.runs:
        assert run.points.shape == (6, 4)
        assert (run.points[1:] != run.points[0]).any()
        assert np.isfinite(run.loss).all()


def test_the_squared_loss_trains(tmp_path: Path, dividers: System) -> None:
    wished = training(6, 30, loss=Loss.SQUARED, stop=Stop.BUDGET, n_inputs=2)
    found = quick(dividers, settings(tmp_path), wished)
    first, last = ([run.loss[k] for run in found.runs] for k in (0, -1))
    assert np.median(last) < np.median(first) - 1.0
    assert train_answer(dividers, found, 0, 0.95)["units"]["loss"] == "V²"


def test_the_table(plain: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with exiting(0):
        main(["train", *plain])
    printed = capsys.readouterr()
    for words in ("adam-hinge-first", "succeeded", "median loss, last", "simulated now"):
        assert words in printed.out
    assert "paths: " in printed.err


# Wrong use.


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (("--learning-rate", "0"), "learning_rate = 0 must be above 0"),
        (("--learning-rate", "-1"), "learning_rate = -1 must be above 0"),
        (("--learning-rate", "nan"), "learning_rate = nan must be above 0"),
        (("--learning-rate", "inf"), "learning_rate = inf must be above 0"),
        (("--temperature", "1"), "temperature = 1.0 is not used by adam"),
        (("--optimizer", "sgld", "--temperature", "0"), "temperature = 0 must be above 0"),
        (("--steps", "-1"), "steps = -1 must be a whole number, 0 to"),
        (("--steps", "1000001"), "steps = 1000001 must be a whole number, 0 to"),
        (("--runs", "0"), "runs = 0 must be a whole number, at least 1"),
        (("--runs", "1000001"), "runs = 1000001 must be at most"),
        (("--inputs", "0"), "inputs = 0 must be a whole number, at least 1"),
        (("--inputs", "1001"), "inputs = 1001 must be at most"),
        (("--seed", "-1"), "seed = -1 must be a whole number, at least 0"),
        (("--out", "/none/a.json"), "--out"),
    ],
)
def test_options_out_of_range(
    plain: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    wrong: tuple[str, ...],
    words: str,
) -> None:
    assert words in refuse(capsys, *plain, *wrong)
    assert not (tmp_path / "banks").exists()


FIXED = 'netlist = "resistor_divider"\ntheta = { r1 = "1k", r2 = "1k" }'
THREE = 'name = "API{}"\n0 = "[0, 1]"\n1 = "[2, 3]"\n2 = "[4, 5]"\n'
TERNARY = (
    f"[system]\nvdd = 5.0\n[[components]]\nname = 'a'\n{DIVIDER}\n"
    f"[[apis]]\n{THREE.format(0)}[[apis]]\n{THREE.format(1)}"
)


@pytest.mark.parametrize(
    ("text", "arguments", "words"),
    [
        (chain([FIXED], FIRST, LAST), (), "s.toml: all parameters are fixed; there is nothing"),
        (
            TERNARY,
            ("--loss", "squared"),
            "'API1' has 0, 1, 2; take loss = 'hinge'",
        ),
        (DIVIDERS.replace('0 = "[0, 0.5]"\n1 = "[2, 3]"', "free = true"), (), "'API2'"),
    ],
)
def test_systems_that_cannot_be_trained(
    tmp_path: Path,
    plain: list[str],
    write: Write,
    capsys: pytest.CaptureFixture[str],
    text: str,
    arguments: tuple[str, ...],
    words: str,
) -> None:
    write("s.toml", text)
    assert words in refuse(capsys, *plain, *arguments)
    assert not (tmp_path / "banks").exists()


def test_a_chain_that_cannot_succeed(
    tmp_path: Path, plain: list[str], write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    """Dividers only divide: after draws and a climb the message bounds what works."""
    write("s.toml", chain([DIVIDER, DIVIDER], FIRST, ("[0, 0.5]", "[4.8, 4.9]")))
    said = refuse(capsys, *plain)
    assert "s.toml: training cannot succeed, as far as is known: of " in said
    assert "works from 'API0' to 'API2'; the log volume of what does is at most -" in said
    assert "nat (95%); widen the sets of 'API2', narrow those of 'API0'" in said
    assert not (tmp_path / "mine").exists()


def test_a_finite_chain_that_cannot_succeed(
    plain: list[str], write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    few = f'{DIVIDER}\ntheta = {{ r1 = "geomspace(100, 10k, 3)", r2 = "grid(1k, 2k)" }}'
    write("s.toml", chain([few, few], FIRST, ("[0, 0.5]", "[4.8, 4.9]")))
    said = refuse(capsys, *plain)
    assert "training cannot succeed: none of the 36 chains that the priors allow works" in said
