"""Random numbers of a step of a run: shared by its points, and by nothing else."""

import numpy as np
import pytest
from scipy.stats import kstest

from spicebuf.errors import InputError
from spicebuf.training import draw_uniform


def draws(runs: list[int], steps: list[int], n_draws: int = 5, seed: int = 3) -> list[list[float]]:
    found = draw_uniform(seed, np.array(runs, np.int64), np.array(steps, np.int64), n_draws)
    assert found.shape == (len(runs), n_draws)
    return [*map(list, found)]


def test_points_of_one_step_share_their_numbers_in_whatever_order_they_come() -> None:
    together = draws([7, 7, 2, 7], [1, 1, 1, 0])
    assert together[0] == together[1]
    assert together == [draws([run], [step])[0] for run, step in ((7, 1), (7, 1), (2, 1), (7, 0))]


def test_runs_steps_and_seeds_have_numbers_of_their_own() -> None:
    moments = [(run, step) for run in range(4) for step in range(4)]
    every = draws([run for run, _ in moments], [step for _, step in moments])
    every += draws([0, 1], [0, 1], seed=4)
    assert len({number for each in every for number in each}) == len(every) * 5


def test_numbers_are_not_those_of_the_seed_nor_of_a_run_that_train_makes_of_it() -> None:
    first = draws([0, 2, 2], [0, 0, 1])
    for stream in (3, [3], [3, 0], [3, 2], [3, 2, 0], [3, 2, 1], [2, 3], [3, 2, 1, 0]):
        assert list(np.random.default_rng(stream).random(5)) not in first


def test_numbers_are_uniform() -> None:
    found = draw_uniform(0, np.repeat(np.arange(50), 40), np.tile(np.arange(40), 50), 3)
    assert kstest(found.ravel(), "uniform").pvalue > 0.01
    assert np.abs(np.corrcoef(found.T) - np.eye(3)).max() < 0.06


@pytest.mark.parametrize(("n", "n_draws"), [(0, 4), (3, 0), (0, 0)])
def test_none_of_either_is_an_empty_array(n: int, n_draws: int) -> None:
    draws([0] * n, [0] * n, n_draws)


@pytest.mark.parametrize(
    ("seed", "runs", "steps", "n_draws", "words"),
    [
        (-1, [0], [0], 1, "seed = -1"),
        (0, [0], [0], -1, "n_draws = -1"),
        (0, [0, 1], [0], 1, r"runs have shape \(2,\), steps \(1,\)"),
        (0, [[0]], [[0]], 1, r"runs have shape \(1, 1\)"),
    ],
)
def test_other_questions_are_refused(
    seed: int, runs: object, steps: object, n_draws: int, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        draw_uniform(seed, np.array(runs), np.array(steps), n_draws)
