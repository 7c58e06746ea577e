"""The engine of training on toy problems: what a run depends on, when it ends, and what it records."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from spicebuf.errors import InputError
from spicebuf.training import (
    Answer,
    Batched,
    Check,
    Options,
    Path,
    Plan,
    Question,
    Stop,
    Trial,
    train,
)

Floats = NDArray[np.float64]
Places = NDArray[np.int64]
Bools = NDArray[np.bool_]
Losses = Callable[[Floats, Places, Places], tuple[Floats, Floats]]

D = 3
RADIUS = 0.2
ADAM = Plan(Options("adam", learning_rate=0.05), Stop.BUDGET, n_steps=12, seed=4)
N_POINTS = 1 + D
"""That a step of Adam takes."""


def distance(points: Floats) -> Floats:
    return np.asarray(np.sqrt(np.square(points - 0.4).sum(axis=1)))


def losses(points: Floats, runs: Places, steps: Places) -> tuple[Floats, Floats]:
    """Return the distance from a centre that is drawn anew for each run and step."""
    each = zip(runs.tolist(), steps.tolist(), strict=True)
    noise = np.array([np.random.default_rng([9, *one]).normal(0.0, 0.02, D) for one in each])
    return distance(points - noise), RADIUS - distance(points - noise)


def works(points: Floats) -> Bools:
    return np.asarray(distance(points) < RADIUS)


def toy(how: Losses = losses) -> Batched:
    return Batched(D, how, works)


def require_equal(one: Path, other: Path) -> None:
    for name, value in vars(one).items():
        np.testing.assert_array_equal(value, getattr(other, name), err_msg=name)


# What a run depends on.


@pytest.mark.parametrize(
    ("numbers", "n_abreast"), [((7, 3), 1), ((3, 7), 64), (range(11, -1, -1), 5), ((3,), 2)]
)
@pytest.mark.parametrize("stop", [Stop.FIRST, Stop.BUDGET])
def test_a_run_depends_on_its_number_and_the_seed_alone(
    stop: Stop, numbers: Sequence[int], n_abreast: int
) -> None:
    plan = replace(ADAM, stop=stop)
    whole = {path.run: path for path in train(toy(), plan, range(12))}
    some = {path.run: path for path in train(toy(), plan, numbers, n_abreast)}
    assert set(some) == set(numbers)
    for number, path in some.items():
        require_equal(path, whole[number])


def test_other_numbers_and_other_seeds_make_other_runs() -> None:
    plans = ADAM, replace(ADAM, seed=5)
    starts = [path.points[0] for plan in plans for path in train(toy(), plan, range(20))]
    assert len(np.unique(starts)) == 2 * 20 * D


def test_starts_are_uniform() -> None:
    plan = replace(ADAM, n_steps=0)
    starts = np.array([path.points[0] for path in train(toy(), plan, range(2000))])
    observed = np.apply_along_axis(lambda u: np.histogram(u, 10, (0.0, 1.0))[0], 0, starts)
    chi_square = np.square(observed - 200.0).sum() / 200.0
    assert 9.8 < chi_square < 54.0  # of 27 degrees of freedom, all but 0.2 %


@pytest.mark.parametrize("n_abreast", [1, 4])
def test_all_open_questions_are_asked_at_once(n_abreast: int) -> None:
    """Those of runs under way, as many as wished; all points of a trial with its run and step."""
    asked: list[tuple[Places, Places]] = []

    def noted(points: Floats, runs: Places, steps: Places) -> tuple[Floats, Floats]:
        asked.append((runs, steps))
        return distance(points), np.full(len(points), -1.0)

    paths = [*train(toy(noted), replace(ADAM, n_steps=2), range(8), n_abreast)]
    assert len(asked) == 3 * 8 / n_abreast
    for runs, steps in asked:
        assert len(runs) == N_POINTS * n_abreast
        np.testing.assert_array_equal(runs, np.repeat(runs[::N_POINTS], N_POINTS))
        assert len(set(steps.tolist())) == 1
    assert sorted(path.run for path in paths) == [*range(8)]


def test_finished_runs_come_out_one_by_one() -> None:
    """What is kept of each run as it ends survives whatever befalls the others."""
    n_asked = 0

    def counted(points: Floats, runs: Places, steps: Places) -> tuple[Floats, Floats]:
        nonlocal n_asked
        n_asked += 1
        return losses(points, runs, steps)

    paths = train(toy(counted), replace(ADAM, n_steps=1), range(3), 1)
    assert (next(paths).run, n_asked) == (0, 2)
    assert (next(paths).run, n_asked) == (1, 4)


# When a run ends.


def scripted(margins: Sequence[float], verdicts: Sequence[bool]) -> tuple[Batched, list[Floats]]:
    """Return a problem of margins by step and verdicts by check, and the points it checks."""
    told, checked = iter(verdicts), list[Floats]()

    def score(points: Floats, _: Places, steps: Places) -> tuple[Floats, Floats]:
        margin = np.array(margins)[steps]
        return np.where(np.isnan(margin), np.nan, distance(points)), margin

    def check(points: Floats) -> Bools:
        checked.extend(points)
        return np.array([next(told) for _ in points])

    return Batched(D, score, check), checked


def only_run(problem: Batched, stop: Stop, n_steps: int) -> Path:
    (path,) = train(problem, replace(ADAM, stop=stop, n_steps=n_steps), [2])
    return path


@pytest.mark.parametrize(
    ("margins", "verdicts", "n_places", "first", "last_works", "checked"),
    [
        ([-1, 1, 0, 1, 1], [False, True], 3, 2, True, [1, 2]),
        ([0, 1, 1, 1, 1], [True], 1, 0, True, [0]),
        ([-1, -1, -1, -1, 1], [True], 5, 4, True, [4]),
        ([-1, -1, -1, -1, 1], [False], 5, None, False, [4]),
        ([-1, -1e-9, -1, -1, -1], [], 5, None, False, []),
        ([np.nan, -1, 1, -1, np.nan], [False], 5, None, False, [2]),
    ],
)
def test_to_the_first_success(
    margins: list[float],
    verdicts: list[bool],
    n_places: int,
    first: int | None,
    last_works: bool,
    checked: list[int],
) -> None:
    """What is seen to fail is not checked, all else is, and the run ends where it works."""
    problem, points = scripted(margins, verdicts)
    path = only_run(problem, Stop.FIRST, 4)
    assert len(path.points) == len(path.loss) == len(path.margin) == n_places
    assert (path.first_success, path.works) == (first, last_works)
    assert path.is_lucky is (first == 0)
    np.testing.assert_array_equal(path.margin, margins[:n_places])
    np.testing.assert_array_equal(points or np.empty((0, D)), path.points[checked])


@pytest.mark.parametrize(
    ("margins", "verdicts", "first", "last_works", "checked"),
    [
        ([1, 1, 1, 1, 1], [False, True, False], 1, False, [0, 1, 4]),
        ([1, 1, 1, 1, 0], [True, True], 0, True, [0, 4]),
        ([-1, 1, 1, 1, -1], [True], 1, False, [1]),
        ([-1, 1, 1, 1, np.nan], [True], 1, False, [1]),
        ([-1, -1, -1, -1, 1], [True], 4, True, [4]),
        ([-1, -1, -1, -1, -1], [], None, False, []),
    ],
)
def test_to_the_end_of_the_budget(
    margins: list[float],
    verdicts: list[bool],
    first: int | None,
    last_works: bool,
    checked: list[int],
) -> None:
    """Once it worked, a run is checked at its last place alone, which decides whether it works."""
    problem, points = scripted(margins, verdicts)
    path = only_run(problem, Stop.BUDGET, 4)
    assert len(path.points) == 5
    assert (path.first_success, path.works) == (first, last_works)
    assert path.is_lucky is (first == 0)
    np.testing.assert_array_equal(points or np.empty((0, D)), path.points[checked])


def test_without_margins_places_are_checked_until_one_works() -> None:
    problem, points = scripted([0.0] * 5, [False, False, True])
    path = only_run(problem, Stop.FIRST, 4)
    assert (path.first_success, len(path.points)) == (2, 3)
    np.testing.assert_array_equal(points, path.points)


@pytest.mark.parametrize("n_steps", [0, 1, 7])
def test_a_budget_of_steps_is_one_more_place(n_steps: int) -> None:
    problem, _ = scripted([-1.0] * 8, [])
    path = only_run(problem, Stop.BUDGET, n_steps)
    assert path.points.shape == (n_steps + 1, D)
    assert path.n_evaluations == N_POINTS * (n_steps + 1)
    assert (path.n_failed, path.n_held) == (0, 0)
    assert (path.points[1:] != path.points[:-1]).any(axis=1).all()


def test_a_record_is_what_the_run_saw() -> None:
    plan = replace(ADAM, n_steps=3)
    (path,) = train(toy(), plan, [5])
    runs = np.full(4, 5)
    loss, margin = losses(path.points, runs, np.arange(4))
    np.testing.assert_array_equal(path.loss, loss)
    np.testing.assert_array_equal(path.margin, margin)
    assert path.run == 5


def test_rejection_ends_uniformly_over_what_works() -> None:
    """Two rectangles, one of twice the area; the margin alone would let a run end elsewhere."""

    def score(points: Floats, _: Places, __: Places) -> tuple[Floats, Floats]:
        margin = np.where(points[:, 0] < 0.8, 1.0, -1.0)
        return -margin, margin

    def check(points: Floats) -> Bools:
        return np.asarray(np.isin(cell_of(points), [*range(2, 6), *range(12, 14)]))

    plan = Plan(Options("rejection"), Stop.FIRST, n_steps=100, seed=1)
    paths = [*train(Batched(2, score, check), plan, range(3000))]
    assert all(path.works for path in paths)
    ends = cell_of(np.array([path.points[-1] for path in paths]))
    observed = np.bincount(ends, minlength=40)[[2, 3, 4, 5, 12, 13]]
    assert observed.sum() == 3000
    assert np.square(observed - 500.0).sum() / 500.0 < 20.5  # all but 0.1 % of χ² with 5
    n_lucky = sum(path.is_lucky for path in paths)
    assert abs(n_lucky - 3000 * 6 / 40) < 4 * np.sqrt(3000 * 6 / 40 * 34 / 40)
    n_tries = sum(path.n_evaluations for path in paths)
    assert n_tries == sum(len(path.points) for path in paths)
    # Geometric, of mean 40/6 and standard deviation √34 · √40/6.
    assert abs(n_tries / 3000 - 40 / 6) < 4 * np.sqrt(34 * 40) / 6 / np.sqrt(3000)


def cell_of(points: Floats) -> Places:
    """Return the number of each point's cell on a board of 4 by 10."""
    return (np.floor(points[:, 0] * 10) + 10 * np.floor(points[:, 1] * 4)).astype(np.int64)


# Losses that could not be had.


def failing(at: Callable[[Floats, Places, Places], Bools]) -> Losses:
    def some(points: Floats, runs: Places, steps: Places) -> tuple[Floats, Floats]:
        loss, margin = losses(points, runs, steps)
        missing = at(points, runs, steps)
        return np.where(missing, np.nan, loss), np.where(missing, np.nan, margin)

    return some


def all_of_run_2(_: Floats, runs: Places, steps: Places) -> Bools:
    return np.asarray((runs == 2) & np.isin(steps, (3, 4, 12)))


def one_beside_run_2(points: Floats, runs: Places, steps: Places) -> Bools:
    """Tell of the last point of the same trials."""
    is_last = np.append(np.diff(runs) != 0, True)
    return np.asarray(all_of_run_2(points, runs, steps) & is_last)


@pytest.mark.parametrize(("where", "n"), [(all_of_run_2, N_POINTS), (one_beside_run_2, 1)])
def test_missing_losses_hold_their_run_and_no_other(
    where: Callable[[Floats, Places, Places], Bools], n: int
) -> None:
    """Of three steps without a loss the last moves nobody: two are held."""
    whole = {path.run: path for path in train(toy(), ADAM, range(5))}
    found = {path.run: path for path in train(toy(failing(where)), ADAM, range(5))}
    for number in (0, 1, 3, 4):
        require_equal(found[number], whole[number])
    held = found[2]
    np.testing.assert_array_equal(held.points[:4], whole[2].points[:4])
    np.testing.assert_array_equal(held.points[3:6], held.points[[3, 3, 3]])
    assert (held.points[6] != held.points[5]).any()
    assert (held.n_failed, held.n_held) == (3 * n, 2)
    assert held.n_evaluations == 13 * N_POINTS
    missing = [3, 4, 12] if n == N_POINTS else []
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(held.loss)), missing)
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(held.margin)), missing)


def test_a_run_that_stays_where_the_loss_is_flat_is_not_held() -> None:
    def flat(points: Floats, _: Places, __: Places) -> tuple[Floats, Floats]:
        return np.zeros(len(points)), np.full(len(points), -1.0)

    path = only_run(toy(flat), Stop.BUDGET, 3)
    np.testing.assert_array_equal(path.points, path.points[[0, 0, 0, 0]])
    assert (path.n_failed, path.n_held) == (0, 0)


# Wrong use.


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize(
    "wrong", [lambda good: good[:, np.newaxis], lambda good: good[:-1], lambda good: good.mean()]
)
def test_losses_of_another_shape(which: int, wrong: Callable[[Floats], Floats]) -> None:
    def misshapen(points: Floats, runs: Places, steps: Places) -> tuple[Floats, Floats]:
        answer = [*losses(points, runs, steps)]
        answer[which] = wrong(answer[which])
        return answer[0], answer[1]

    with pytest.raises(InputError, match=r"losses: of 8 points .* shape \(8,\), not"):
        next(train(toy(misshapen), ADAM, range(2)))


def test_verdicts_of_another_shape() -> None:
    def always(points: Floats, _: Places, __: Places) -> tuple[Floats, Floats]:
        return np.zeros(len(points)), np.ones(len(points))

    problem = Batched(D, always, lambda points: points > 0.0)
    with pytest.raises(InputError, match=r"works: of 2 points .* shape \(2,\), not \(2, 3\)"):
        next(train(problem, ADAM, range(2)))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"n_steps": -1}, "steps = -1 must be a whole number, 0 to 1000000"),
        ({"n_steps": 1_000_001}, "steps = 1000001 must be"),
        ({"seed": -1}, "seed = -1 must be a whole number, at least 0"),
    ],
)
def test_plans_out_of_range(wrong: dict[str, int], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Plan(Options("adam"), **wrong)  # type: ignore[arg-type]


class _Confused(Batched):
    """Answers every question by True."""

    def answer(self) -> tuple[int, Answer]:
        run, _ = self._open.popitem()
        return run, True


def test_a_trial_answered_by_a_verdict_is_a_defect() -> None:
    with pytest.raises(TypeError, match="must answer it with Scores"):
        next(train(_Confused(D, losses, works), ADAM, [0]))


@dataclass
class _Watched(Batched):
    """Keeps the questions of all runs."""

    asked: list[Question] = field(default_factory=list)

    def ask(self, run: int, question: Question) -> None:
        """Note and pass on."""
        self.asked.append(question)
        super().ask(run, question)


def test_a_run_asks_in_turn() -> None:
    """A trial for each place, with a check of the same place after those that need one."""
    problem = _Watched(D, *_one_success())
    (path,) = train(problem, replace(ADAM, n_steps=2), [0])
    kinds = [type(question) for question in problem.asked]
    assert kinds == [Trial, Check, Trial, Trial, Check]
    steps = [question.step for question in problem.asked if isinstance(question, Trial)]
    assert steps == [0, 1, 2]
    (first, last) = (q.point for q in problem.asked if isinstance(q, Check))
    np.testing.assert_array_equal([first, last], path.points[[0, 2]])


def _one_success() -> tuple[Losses, Callable[[Floats], Bools]]:
    def score(points: Floats, _: Places, __: Places) -> tuple[Floats, Floats]:
        return distance(points), np.ones(len(points))

    verdicts = iter([True, False])
    return score, lambda points: np.array([next(verdicts) for _ in points])
