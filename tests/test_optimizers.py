"""Training runs on losses whose minima, trajectories and stationary distributions are known."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import kstest, norm

from spicebuf.training import Options, mover, reflect
from spicebuf.training.cube import Floats
from tests.training_runs import (
    CORNER,
    DESCENTS,
    INSIDE,
    NAMES,
    START,
    D,
    bowl,
    flat,
    noisy,
    places,
    run,
    slope,
)

N_STEPS = {"sgd": 600, "adam": 300, "cma-es": 200, "one-plus-one": 800}


@pytest.mark.parametrize("name", N_STEPS)
@pytest.mark.parametrize("lowest", [INSIDE, CORNER], ids=["inside", "corner"])
def test_runs_reach_the_minimum(name: str, lowest: Floats) -> None:
    for loss in (bowl(lowest), noisy(bowl(lowest))):
        seen = places(run(name), loss, N_STEPS[name])
        assert np.abs(seen[-1] - lowest).max() < 0.01
        assert np.abs(seen[0] - lowest).max() > 0.3


@pytest.mark.parametrize("name", ["sgd", "adam", "cma-es"])
def test_runs_reach_a_corner_that_they_are_driven_into(name: str) -> None:
    assert np.abs(places(run(name), slope, N_STEPS[name])[-1] - CORNER).max() < 0.03


@pytest.mark.parametrize("name", DESCENTS)
@pytest.mark.parametrize("central", [False, True])
def test_few_random_directions_lead_there_too(name: str, central: bool) -> None:
    seen = places(run(name, n_directions=2, central=central), bowl(INSIDE), 1500)
    assert np.abs(seen[-1] - INSIDE).max() < 0.02


def test_parameters_with_levels_are_trained_by_their_neighbours() -> None:
    """The loss is flat around every place, and none of the values is the best by a derivative."""
    levels = np.array([4.0, 10.0, 0.0, 2.0])
    lowest = np.array([2.0, 7.0, 0.3, 0.0])

    def value(x: Floats) -> Floats:
        return np.where(levels > 0.0, np.minimum(np.floor(x * levels), levels - 1.0), x)

    options = Options("adam")
    moving = mover(options, np.full(4, 0.95), levels, np.random.default_rng(0))
    seen = places(moving, lambda x: np.asarray(((value(x) - lowest) ** 2).sum(axis=1)), 400)
    # On a staircase the slopes on both sides of the lowest value lead back to one of its ends.
    assert np.abs(value(seen[-1]) - lowest).max() <= 1.0
    assert seen[-1, 2] == pytest.approx(0.3, abs=1e-2)
    assert value(seen[-1])[3] == 0.0


def test_sgd_is_cut_to_the_longest_move() -> None:
    seen = places(run("sgd", start=np.full(D, 0.5)), slope, 3)
    gradient = slope(np.eye(D))
    assert np.diff(seen, axis=0) == pytest.approx(np.tile(-0.01 * gradient, (2, 1)))
    seen = places(run("sgd", start=np.full(D, 0.5), learning_rate=9.0, clip=0.05), slope, 3)
    expected = -0.05 * gradient / np.linalg.norm(gradient)
    assert np.diff(seen, axis=0) == pytest.approx(np.tile(expected, (2, 1)))


def test_adam_is_that_of_the_loss_mirrored_at_the_walls() -> None:
    """As written by Kingma & Ba, without walls."""
    gradient, x, m, v = slope(np.eye(D)), START, np.zeros(D), np.zeros(D)
    expected = []
    for t in range(1, 121):
        expected.append(reflect(x))
        g = gradient * np.where(np.floor(x) % 2 == 1, -1.0, 1.0)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        x = x - 0.05 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    assert (np.floor(x) != 0).any()
    seen = places(run("adam", learning_rate=0.05), slope, 120)
    assert seen == pytest.approx(np.array(expected), abs=1e-6)


def test_sgld_samples_the_tempered_loss() -> None:
    """Around wells inside normal distributions, at walls halves of them."""
    middle = np.where(np.arange(D) % 2, 0.5, 0.0)
    moving = run("sgld", temperature=0.02, central=True, clip=0.5)
    seen = places(moving, lambda x: np.asarray(2.0 * ((x - middle) ** 2).sum(axis=1)), 12000)
    away = seen[500::50] - middle
    sd = np.sqrt(0.02 / 4.0)
    assert kstest(away[:, 1::2].ravel(), norm(0.0, sd).cdf).pvalue > 0.01
    assert kstest(away[:, ::2].ravel(), lambda x: 2.0 * norm(0.0, sd).cdf(x) - 1.0).pvalue > 0.01


@pytest.mark.parametrize(("name", "rate"), [("sgld", 0.04), ("one-plus-one", 0.2)])
def test_without_a_loss_places_are_uniform(name: str, rate: float) -> None:
    seen = places(run(name, learning_rate=rate), flat, 4000)[100::20]
    assert kstest(seen.ravel(), "uniform").pvalue > 0.01
    for wall in (seen, 1.0 - seen):
        assert np.mean(wall < 0.05) == pytest.approx(0.05, abs=0.02)


def test_the_drift_of_sgld_is_cut_and_its_noise_is_not() -> None:
    steep = run("sgld", start=np.full(D, 0.5), clip=1e-9, learning_rate=1e-4)
    step = places(steep, lambda x: 1e6 * slope(x), 2)
    plain = places(run("sgld", start=np.full(D, 0.5), learning_rate=1e-4), flat, 2)
    assert np.abs(step - plain).max() == pytest.approx(0.0, abs=2e-9)
    assert np.linalg.norm(np.diff(plain, axis=0)) == pytest.approx(np.sqrt(D * 1e-4), rel=0.5)


def test_rejection_draws_from_the_prior() -> None:
    moving = run("rejection")
    assert next(moving).shape == (1, D)
    seen = places(run("rejection"), lambda x: np.full(len(x), np.nan), 500)
    assert (seen[0] == START).all()
    assert kstest(seen[1:].ravel(), "uniform").pvalue > 0.01
    assert np.abs(np.corrcoef(seen[1:-1, 0], seen[2:, 0])[0, 1]) < 0.15


@pytest.mark.parametrize("name", NAMES)
def test_runs_are_functions_of_their_seed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """They neither use nor change the global random numbers, print nothing and write no files."""
    monkeypatch.chdir(tmp_path)
    before = str(np.random.get_state())  # noqa: NPY002 (what runs must leave alone)
    first = places(run(name), noisy(bowl(INSIDE)), 30)
    assert str(np.random.get_state()) == before  # noqa: NPY002
    assert (places(run(name), noisy(bowl(INSIDE)), 30) == first).all()
    if name not in DESCENTS:
        assert not (places(run(name, seed=1), noisy(bowl(INSIDE)), 30) == first).all()
    assert capsys.readouterr() == ("", "")
    assert not list(tmp_path.iterdir())
