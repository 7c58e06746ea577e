"""Training of systems that know their gradients: as by finite differences, of one point a step."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from spicebuf.errors import InputError
from spicebuf.training import (
    Answer,
    Batched,
    Options,
    Path,
    Plan,
    Scores,
    Stop,
    Trial,
    draw_uniform,
    train,
)
from spicebuf.training.cube import Bools, Floats
from spicebuf.training.problem import Places
from tests.training_runs import GRADIENTS, NAMES, D

LOWEST, CURVATURE = np.linspace(0.1, 0.9, D), np.linspace(0.5, 2.0, D)
N_STEPS, N_RUNS = 30, 4
OTHERS = tuple(name for name in NAMES if name not in GRADIENTS)


def away(points: Floats, runs: Places, steps: Places) -> Floats:
    """Return how far points are from a centre that is drawn for each step of each run."""
    return points - LOWEST - 0.1 * draw_uniform(5, runs, steps, D)


def losses(points: Floats, runs: Places, steps: Places) -> tuple[Floats, Floats]:
    loss = (CURVATURE * away(points, runs, steps) ** 2).sum(axis=1)
    return loss, np.full(len(loss), -1.0)


def gradients(points: Floats, runs: Places, steps: Places) -> Floats:
    return np.asarray(2.0 * CURVATURE * away(points, runs, steps))


def never(points: Floats) -> Bools:
    return np.zeros(len(points), dtype=np.bool_)


EXACT = Batched(D, losses, never, gradients=gradients)


def paths(problem: Batched, options: Options) -> list[Path]:
    plan = Plan(options, Stop.BUDGET, N_STEPS, seed=3)
    return sorted(train(problem, plan, range(N_RUNS)), key=lambda path: path.run)


@pytest.mark.parametrize("name", GRADIENTS)
def test_runs_are_those_by_differences_but_for_what_these_cost(name: str) -> None:
    """Central differences of a quadratic loss are exact, but for rounding and beside walls."""
    by_differences = paths(
        Batched(D, losses, never), Options(name, central=True, difference_step=1e-4)
    )
    for path, other in zip(paths(EXACT, Options(name)), by_differences, strict=True):
        assert np.abs(path.points - other.points).max() < 1e-5
        assert np.abs(path.points[-1] - path.points[0]).max() > 0.01
        assert path.n_evaluations == N_STEPS + 1 < other.n_evaluations / D
        assert (path.n_failed, path.n_held) == (0, 0)


def test_sgd_contracts_each_axis_of_a_bowl_by_its_curvature() -> None:
    def bowl(points: Floats, runs: Places, _: Places) -> tuple[Floats, Floats]:
        return losses(points, runs, np.zeros_like(runs))

    def slope(points: Floats, runs: Places, _: Places) -> Floats:
        return gradients(points, runs, np.zeros_like(runs))

    rate, step = 0.1, np.arange(N_STEPS + 1)[:, np.newaxis]
    options = Options("sgd", learning_rate=rate, clip=10.0)
    for path in paths(Batched(D, bowl, never, gradients=slope), options):
        centre = path.points[0] - away(path.points[:1], np.array([path.run]), np.zeros(1, np.int64))
        shrunk = (1.0 - 2.0 * rate * CURVATURE) ** step
        np.testing.assert_allclose(path.points, centre + shrunk * (path.points[0] - centre))


@pytest.mark.parametrize("name", OTHERS)
def test_optimizers_that_follow_no_gradient_never_ask_for_one(name: str) -> None:
    def refused(*_: Floats | Places) -> Floats:
        raise AssertionError

    plain = paths(Batched(D, losses, never), Options(name))
    for path, other in zip(
        paths(replace(EXACT, gradients=refused), Options(name)), plain, strict=True
    ):
        np.testing.assert_array_equal(path.points, other.points)
        assert path.n_evaluations == other.n_evaluations


def test_gradients_are_asked_for_where_losses_are() -> None:
    seen = dict[str, list[tuple[Floats, Places, Places]]](losses=[], gradients=[])

    def noted(what: str, how: Callable[..., Any]) -> Callable[..., Any]:
        def both(*given: Any) -> Any:  # noqa: ANN401 (whatever `how` takes and returns)
            seen[what].append(given)
            return how(*given)

        return both

    paths(
        Batched(D, noted("losses", losses), never, gradients=noted("gradients", gradients)),
        Options("adam"),
    )
    assert len(seen["gradients"]) == N_STEPS + 1
    for one, other in zip(seen["losses"], seen["gradients"], strict=True):
        assert one[0].shape == (N_RUNS, D)
        for left, right in zip(one, other, strict=True):
            np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("name", GRADIENTS)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_step_without_its_gradient_is_held(name: str, value: float) -> None:
    """A single component is enough, and other runs go on; after the last step there is no move."""

    def some(points: Floats, runs: Places, steps: Places) -> Floats:
        found = gradients(points, runs, steps)
        found[(runs == 2) & np.isin(steps, (4, 5, N_STEPS)), 1] = value
        return found

    whole = paths(EXACT, Options(name))
    found = paths(replace(EXACT, gradients=some), Options(name))
    for number in (0, 1, 3):
        np.testing.assert_array_equal(found[number].points, whole[number].points)
        assert found[number].n_held == 0
    held = found[2].points
    np.testing.assert_array_equal(held[:5], whole[2].points[:5])
    np.testing.assert_array_equal(held[4:7], held[[4, 4, 4]])
    assert (held[7] != held[6]).all()
    assert (found[2].n_failed, found[2].n_held) == (0, 2)


def test_a_gradient_without_its_loss_is_followed() -> None:
    def lost(points: Floats, runs: Places, steps: Places) -> tuple[Floats, Floats]:
        loss, margin = losses(points, runs, steps)
        return np.where(steps == 4, np.nan, loss), np.where(steps == 4, np.nan, margin)

    whole = paths(EXACT, Options("adam"))
    for path, other in zip(paths(replace(EXACT, losses=lost), Options("adam")), whole, strict=True):
        np.testing.assert_array_equal(path.points, other.points)
        assert (path.n_failed, path.n_held) == (1, 0)


@pytest.mark.parametrize("name", GRADIENTS)
def test_levels_do_not_change_what_a_gradient_is(name: str) -> None:
    whole = paths(EXACT, Options(name))
    for path, other in zip(
        paths(replace(EXACT, levels=np.full(D, 3.0)), Options(name)), whole, strict=True
    ):
        np.testing.assert_array_equal(path.points, other.points)


# What callables may return.


@pytest.mark.parametrize("made", [lambda g: g.tolist(), lambda g: g.astype(np.float32)])
def test_gradients_of_another_kind_of_array(made: Callable[[Floats], Any]) -> None:
    """They are turned into the kind that places are, which a run would lose by them."""
    problem = replace(EXACT, gradients=lambda *given: made(gradients(*given)))
    points = np.random.default_rng(0).random((1, D))
    problem.ask(3, Trial(2, points, wants_gradient=True))
    run, scores = problem.answer()
    assert run == 3
    assert isinstance(scores, Scores)
    assert type(scores.gradient) is np.ndarray
    assert scores.gradient.dtype == np.float64
    expected = gradients(points, np.array([3]), np.array([2]))
    np.testing.assert_allclose(scores.gradient, expected, rtol=1e-6)


@pytest.mark.parametrize("wrong", [lambda g: g[:-1], lambda g: g[:, :-1], lambda g: g[:, 0]])
def test_gradients_of_another_shape(wrong: Callable[[Floats], Floats]) -> None:
    def misshapen(points: Floats, runs: Places, steps: Places) -> Floats:
        return wrong(gradients(points, runs, steps))

    with pytest.raises(InputError, match=r"gradients: of 4 points .* shape \(4, 8\), not"):
        paths(replace(EXACT, gradients=misshapen), Options("adam"))


@pytest.mark.parametrize(
    "figure", [{"difference_step": 0.01}, {"n_directions": 2}, {"central": True}]
)
@pytest.mark.parametrize("name", GRADIENTS)
def test_figures_of_differences_are_refused(name: str, figure: dict[str, Any]) -> None:
    ((key, value),) = figure.items()
    with pytest.raises(InputError, match=f"{key} = {value} is of finite differences"):
        paths(EXACT, Options(name, **figure))


@dataclass
class _Silent(Batched):
    """Says that it has gradients, and keeps them to itself."""

    has_gradients: bool = field(default=True)

    def answer(self) -> tuple[int, Answer]:
        """Answer by losses alone."""
        run, found = super().answer()
        assert isinstance(found, Scores)
        return run, replace(found, gradient=None)


def test_gradients_that_are_promised_and_not_given_are_a_defect() -> None:
    with pytest.raises(TypeError, match="must answer with them"):
        paths(_Silent(D, losses, never), Options("sgd"))
