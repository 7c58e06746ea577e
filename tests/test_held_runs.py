"""What training runs make of losses that are missing, and of the order of the others."""

from inspect import getgeneratorlocals

import numpy as np
import pytest

from spicebuf.training.cube import Floats
from tests.training_runs import (
    DESCENTS,
    GRADIENTS,
    INSIDE,
    ORDERS,
    START,
    Loss,
    asked,
    bowl,
    flat,
    noisy,
    places,
    run,
    without,
)


@pytest.mark.parametrize("name", ORDERS)
def test_only_the_order_within_a_step_counts(name: str) -> None:
    loss = bowl(INSIDE)
    expected = places(run(name), loss, 60)
    assert (places(run(name), lambda x: np.log(loss(x)), 60) == expected).all()
    assert (places(run(name), noisy(loss), 60) == expected).all()


@pytest.mark.parametrize("name", ORDERS)
def test_a_missing_loss_comes_last(name: str) -> None:
    def lost(value: float) -> Loss:
        def loss(x: Floats) -> Floats:
            losses = bowl(INSIDE)(x)
            losses[1:][x[1:, 0] > 0.5] = value
            return losses

        return loss

    expected = places(run(name), lost(1e9), 80)
    assert (places(run(name), lost(np.nan), 80) == expected).all()
    assert (places(run(name), lost(np.inf), 80) == expected).all()
    assert not (places(run(name), lost(0.0), 80) == expected).all()


@pytest.mark.parametrize("name", [*GRADIENTS, *ORDERS])
@pytest.mark.parametrize("rows", [slice(0, 1), slice(1, None), slice(None)])
def test_a_step_without_its_losses_is_held(name: str, rows: slice) -> None:
    """The run stays where it is, and then goes on; those without random numbers as if nothing was."""
    seen = places(run(name), without(rows, 6), 60)
    assert (seen[:7] == START).all()
    assert not (seen[7:] == START).all()
    if name in DESCENTS:
        assert (seen[6:] == places(run(name), bowl(INSIDE), 54)).all()


@pytest.mark.parametrize("name", GRADIENTS)
def test_each_axis_of_a_gradient_is_needed(name: str) -> None:
    assert (places(run(name), without(slice(3, 4)), 5) == START).all()


@pytest.mark.parametrize("name", ORDERS)
def test_held_steps_leave_the_step_size_and_pile_up_nothing(name: str) -> None:
    moving = run(name)
    last = asked(moving, without(slice(0, 1), 200), 200)[-1]
    assert np.abs(last - START).max() > 0.05
    if name == "cma-es":
        assert len(getgeneratorlocals(moving)["strategy"].sent_solutions) == len(last) - 1


@pytest.mark.parametrize("name", ORDERS)
def test_step_sizes_stay_within_limits(name: str) -> None:
    """A run that saw nothing for long can still find a minimum, and then still looks around."""
    steps = iter(range(300))
    seen = asked(
        run(name), lambda x: flat(x) if next(steps, None) is not None else bowl(INSIDE)(x), 2500
    )
    assert np.abs(seen[900][0] - INSIDE).max() < 0.05
    assert np.abs(seen[-1][0] - INSIDE).max() < 1e-4
    assert 1e-8 < max(np.ptp(points, axis=0).max() for points in seen[-20:]) < 1e-3


@pytest.mark.parametrize(("n_lost", "held"), [(5, False), (6, True)])
def test_a_population_can_spare_half_of_its_losses(n_lost: int, held: bool) -> None:
    moving = run("cma-es")
    assert len(next(moving)) == 1 + 10
    seen = places(run("cma-es"), without(slice(1, 1 + n_lost)), 4)
    assert (seen == START).all() == held
