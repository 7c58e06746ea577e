"""What a user chooses of an optimiser, and which optimisers there are."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from spicebuf.errors import InputError
from spicebuf.training.cube import Floats, require_inside
from spicebuf.training.evolution import cma_es, one_plus_one, rejection
from spicebuf.training.gradients import MAX_STEP, Differences
from spicebuf.training.optimizers import Mover, Optimizer, Tuning, adam, sgd, sgld

_GRADIENT = frozenset({"difference_step", "n_directions", "central"})
_RATE = frozenset({"learning_rate"})


@dataclass(frozen=True)
class Entry:
    """One of the optimisers.

    Attributes
    ----------
    run : Optimizer
    uses : frozenset of str
        Which of the `Options` it uses, besides its name.
    learning_rate : float
        Its default.
    """

    run: Optimizer
    uses: frozenset[str]
    learning_rate: float = math.nan


OPTIMIZERS: Mapping[str, Entry] = MappingProxyType(
    {
        "sgd": Entry(sgd, _GRADIENT | _RATE | {"clip"}, 0.01),
        "adam": Entry(adam, _GRADIENT | _RATE, 0.03),
        "sgld": Entry(sgld, _GRADIENT | _RATE | {"clip", "temperature"}, 1e-3),
        "cma-es": Entry(cma_es, _RATE, 0.2),
        "one-plus-one": Entry(one_plus_one, _RATE, 0.1),
        "rejection": Entry(rejection, frozenset()),
    }
)
# Nothing happens in a run with less, and one with more leaps about the cube.
_LEAST, _HOT = 1e-12, 1e12

TEMPERATURE = 0.05
CLIP = 0.1
DIFFERENCE_STEP = 1e-3


@dataclass(frozen=True)
class Options:
    """An optimiser and its figures; those that are None are its own defaults.

    Attributes
    ----------
    optimizer : str
        One of `OPTIMIZERS`.
    learning_rate : float or None
        > 0. Of sgd and sgld [squared quantiles], the former per unit of the loss; of adam the usual
        step along an axis, of cma-es and one-plus-one the first standard deviation [quantiles].
    temperature : float or None
        > 0, in the unit of the loss (sgld).
    clip : float or None
        > 0, greatest norm of what a gradient moves a run by in one step [quantiles] (sgd, sgld).
    difference_step : float or None
        In (0, 0.5], step of finite differences [quantiles] (sgd, adam, sgld).
    n_directions : int or None
        ≥ 1, random directions of finite differences; None for every axis.
    central : bool
        Whether finite differences are taken both ways.

    Raises
    ------
    InputError
        If there is no such optimiser, a figure is outside its range, or the optimiser does not use it.
    """

    optimizer: str
    learning_rate: float | None = None
    temperature: float | None = None
    clip: float | None = None
    difference_step: float | None = None
    n_directions: int | None = None
    central: bool = False

    def __post_init__(self) -> None:
        if self.optimizer not in OPTIMIZERS:
            raise InputError(
                f"optimizer = {self.optimizer!r} is unknown; known are {', '.join(OPTIMIZERS)}"
            )
        self._refuse_unused()
        for name, most in (("learning_rate", 1e3), ("temperature", _HOT), ("clip", 1e3)):
            value = getattr(self, name)
            if value is not None and not _LEAST <= value <= most:
                raise InputError(
                    f"{name} = {value:g} must be above 0, at least {_LEAST:g} and at most {most:g}"
                )
        step, n = self.difference_step, self.n_directions
        if step is not None and not 0.0 < step <= MAX_STEP:
            raise InputError(
                f"difference_step = {step:g} must be above 0 and at most {MAX_STEP} of the cube"
            )
        if n is not None and n < 1:
            raise InputError(f"n_directions = {n} must be at least 1; leave it out for every axis")

    def _refuse_unused(self) -> None:
        for name in sorted(self._given - OPTIMIZERS[self.optimizer].uses):
            users = [other for other, entry in OPTIMIZERS.items() if name in entry.uses]
            raise InputError(
                f"{name} = {getattr(self, name)} is not used by {self.optimizer}, only by "
                f"{', '.join(users)}; leave it out"
            )

    @property
    def _given(self) -> set[str]:
        given = {name for name, value in vars(self).items() if value is not None}
        return given - ({"optimizer"} if self.central else {"optimizer", "central"})

    @property
    def follows_gradients(self) -> bool:
        """Whether the optimiser is one that follows gradients."""
        return OPTIMIZERS[self.optimizer].uses >= _GRADIENT

    @property
    def figures(self) -> dict[str, float | int | bool | None]:
        """The figures that the optimiser uses, by name, defaults filled in."""
        filled = vars(self) | {
            "learning_rate": _or(self.learning_rate, OPTIMIZERS[self.optimizer].learning_rate),
            "temperature": _or(self.temperature, TEMPERATURE),
            "clip": _or(self.clip, CLIP),
            "difference_step": _or(self.difference_step, DIFFERENCE_STEP),
        }
        return {name: filled[name] for name in sorted(OPTIMIZERS[self.optimizer].uses)}

    def tuning(self, levels: Floats | None, *, has_gradients: bool = False) -> Tuning:
        """Return the figures of a run, defaults filled in.

        Parameters
        ----------
        levels : array of float, shape (d,), or None
            See `Differences`.
        has_gradients : bool
            Whether exact gradients are sent.

        Raises
        ------
        InputError
            If they are, and a figure of finite differences is given.
        """
        if has_gradients:
            self._refuse_differences()
        step = _or(self.difference_step, DIFFERENCE_STEP)
        differences = Differences(step, self.n_directions, self.central, levels)
        return Tuning(
            _or(self.learning_rate, OPTIMIZERS[self.optimizer].learning_rate),
            _or(self.temperature, TEMPERATURE),
            _or(self.clip, CLIP),
            None if has_gradients else differences,
        )

    def _refuse_differences(self) -> None:
        for name in sorted(self._given & _GRADIENT):
            raise InputError(
                f"{name} = {getattr(self, name)} is of finite differences, which are not taken of a "
                "problem with gradients; leave it out, or leave out the gradients"
            )


def mover(
    options: Options,
    start: Floats,
    levels: Floats | None,
    rng: np.random.Generator,
    *,
    has_gradients: bool = False,
) -> Mover:
    """Return a run of an optimiser, which has not asked for anything yet.

    Parameters
    ----------
    options : Options
    start : array of float, shape (d,)
        Its first place, in the unit cube.
    levels : array of float, shape (d,), or None
        Number of equally probable values of each parameter, 0 or infinite for a continuous one; None if
        all are.
    rng : numpy.random.Generator
        Its own: the run is a function of it and of the scores.
    has_gradients : bool
        Whether exact gradients are sent, so that an optimiser that follows them asks for its place alone.

    Returns
    -------
    generator
        See `Mover`; start it with `next`.

    Raises
    ------
    InputError
        If `start` is not in the cube, `levels` is not for its d, there are more directions than d, or a
        figure of finite differences is given beside exact gradients.
    """
    start = np.array(start, dtype=np.float64)
    require_inside("start", start)
    tuning = options.tuning(levels, has_gradients=has_gradients)
    if tuning.differences is not None:
        tuning.differences.require_fit(len(start))
    return OPTIMIZERS[options.optimizer].run(start, rng, tuning)


def _or(value: float | None, default: float) -> float:
    return default if value is None else float(value)
