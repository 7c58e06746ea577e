"""What users choose of optimisers, and what they are told that they cannot."""

from typing import Any

import numpy as np
import pytest

from spicebuf.errors import InputError
from spicebuf.training import OPTIMIZERS, Options, mover
from spicebuf.training.cube import Floats
from tests.training_runs import START, D, scored


def trained(options: Options) -> Floats:
    """Return where a run is after some steps down a steep bowl."""
    moving = mover(options, START, None, np.random.default_rng(0))
    points = next(moving)
    for _ in range(20):
        points = moving.send(scored(9.0 * (points**2).sum(axis=1)))
    return np.asarray(points[0])


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        ({"optimizer": "lbfgs"}, "'lbfgs' is unknown; known are sgd, adam, sgld, cma-es"),
        ({"optimizer": "sgd", "learning_rate": 0.0}, "learning_rate = 0"),
        ({"optimizer": "adam", "learning_rate": np.nan}, "learning_rate = nan"),
        ({"optimizer": "cma-es", "learning_rate": np.inf}, "learning_rate = inf"),
        ({"optimizer": "sgd", "clip": -1.0}, "clip = -1"),
        ({"optimizer": "sgld", "temperature": 0.0}, "temperature = 0"),
        ({"optimizer": "adam", "difference_step": 0.0}, "difference_step = 0"),
        ({"optimizer": "adam", "difference_step": 0.51}, "difference_step = 0.51"),
        ({"optimizer": "adam", "difference_step": np.nan}, "difference_step = nan"),
        ({"optimizer": "adam", "n_directions": 0}, "n_directions = 0"),
        ({"optimizer": "adam", "temperature": 1.0}, "not used by adam, only by sgld"),
        ({"optimizer": "adam", "clip": 1.0}, "not used by adam, only by sgd, sgld"),
        ({"optimizer": "cma-es", "central": True}, "central = True is not used by cma-es"),
        ({"optimizer": "one-plus-one", "n_directions": 2}, "n_directions = 2 is not used"),
        ({"optimizer": "rejection", "learning_rate": 0.1}, "not used by rejection"),
    ],
)
def test_options_that_cannot_be_are_refused(figures: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Options(**figures)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_what_an_optimizer_uses_can_be_given(name: str) -> None:
    figures: dict[str, Any] = {
        "learning_rate": 0.02,
        "temperature": 2.0,
        "clip": 0.2,
        "difference_step": 0.01,
    }
    figures |= {"n_directions": 3, "central": True}
    used = {key: value for key, value in figures.items() if key in OPTIMIZERS[name].uses}
    given, default = (trained(Options(name, **each)) for each in (used, {}))
    assert (given == default).all() == (name == "rejection")
    assert not [
        key for key in used if (trained(Options(name, **used | {key: None})) == given).all()
    ]


@pytest.mark.parametrize(
    ("start", "levels", "words"),
    [
        (START + 0.5, None, r"start\[2\] = 1.02"),
        (START * np.nan, None, r"start\[0\] = nan"),
        (np.empty(0), None, "start has shape"),
        (START, np.ones(3), "levels has shape"),
        (START, np.full(D, 0.5), "whole number"),
        (START[:4], None, "n_directions = 5 exceeds the number of parameters, 4"),
    ],
)
def test_starts_that_cannot_be_are_refused(
    start: Floats, levels: Floats | None, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        mover(Options("sgd", n_directions=5), start, levels, np.random.default_rng(0))
