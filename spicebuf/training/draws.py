"""Random numbers that belong to a step of a run, whatever else is asked at the same time."""

import numpy as np

from spicebuf.errors import InputError
from spicebuf.training.problem import Floats, Places


def draw_uniform(seed: int, runs: Places, steps: Places, n_draws: int) -> Floats:
    """Draw numbers for points, the same ones for all points of one step of one run.

    A loss over inputs made of them compares the points of a step at the same inputs, and a run does not
    depend on which others are under way.

    Parameters
    ----------
    seed : int
        ≥ 0.
    runs, steps : array of int, shape (n,)
        As `Batched.losses` takes them, ≥ 0.
    n_draws : int
        For each point, ≥ 0.

    Returns
    -------
    array of float, shape (n, n_draws)
        Uniform in [0, 1).

    Raises
    ------
    InputError
        If `seed` or `n_draws` is negative, or there is not one step for each run.
    """
    for name, value in (("seed", seed), ("n_draws", n_draws)):
        if value < 0:
            raise InputError(f"{name} = {value} must be a whole number, at least 0")
    if runs.ndim != 1 or runs.shape != steps.shape:
        raise InputError(
            f"runs have shape {runs.shape}, steps {steps.shape}; give one of each for every point, (n,)"
        )
    moments, place = np.unique(np.stack([runs, steps]), axis=1, return_inverse=True)
    # Spawned from the seed, so that no stream is one of those that `train` makes of seed and run.
    streams = (np.random.SeedSequence(seed, spawn_key=each) for each in moments.T.tolist())
    drawn = np.array([np.random.default_rng(each).random(n_draws) for each in streams])
    return drawn.reshape(moments.shape[1], n_draws)[place.ravel()]
