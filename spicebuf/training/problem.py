"""What is trained, whatever it is made of: points in the unit cube → losses, and whether they work."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spicebuf.errors import InputError

Floats: TypeAlias = NDArray[np.float64]
Places: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True)
class Trial:
    """A question of a run: the losses of some points.

    Attributes
    ----------
    step : int
        Steps that the run has made.
    points : array of float, shape (k, d)
        In the unit cube; the first is where the run is. All are to be tried at the same inputs.
    wants_gradient : bool
        Whether the gradients there are asked for too: only of a problem that has them.
    """

    step: int
    points: Floats
    wants_gradient: bool = False


@dataclass(frozen=True)
class Check:
    """A question of a run: whether a point works, at all inputs.

    Attributes
    ----------
    point : array of float, shape (d,)
        In the unit cube.
    """

    point: Floats


Question: TypeAlias = Trial | Check


@dataclass(frozen=True)
class Scores:
    """The answer to a trial.

    Attributes
    ----------
    loss : array of float, shape (k,)
        NaN where it could not be had.
    margin : array of float, shape (k,)
        Negative where a point is seen not to work, in any unit; NaN where the loss is.
    gradient : array of float, shape (k, d), or None
        Of the loss per unit of quantile; not finite where it could not be had. None unless asked for.
    """

    loss: Floats
    margin: Floats
    gradient: Floats | None = None


Answer: TypeAlias = Scores | bool
"""Of a trial, its scores; of a check, whether the point works."""


class Problem(Protocol):
    """Answers the questions of many runs, in any order."""

    @property
    def n_params(self) -> int:
        """Number of parameters d."""

    @property
    def levels(self) -> Floats | None:
        """Of each parameter, how many values it has, shape (d,); 0 if continuous. None: all are."""

    @property
    def has_gradients(self) -> bool:
        """Whether it can tell exact gradients; if not, runs take finite differences."""

    def ask(self, run: int, question: Question) -> None:
        """Take a question of a run, which has no other one open."""

    def answer(self) -> tuple[int, Answer]:
        """Wait for an answer; return it with the run that asked."""


@dataclass
class Batched:
    """A problem of two functions, or three; all questions that are open go to them at once.

    Attributes
    ----------
    n_params : int
        Number of parameters d, ≥ 1.
    losses : callable
        Takes points (n, d) in the unit cube, their runs (n,) and how many steps those have made (n,);
        returns losses (n,) and margins (n,), see `Scores`. If there are no margins, return zeros: places
        are then checked until one works. Who draws inputs should draw them by run and step, so that all
        points of a trial are compared at the same ones: see `draw_uniform`.
    works : callable
        Takes points (n, d); returns which of them work, shape (n,).
    levels : array of float, shape (d,), optional
        See `Problem`. Only finite differences use them.
    gradients : callable, optional
        Takes what `losses` takes; returns the gradients (n, d) of these losses, at the same inputs, per
        unit of quantile. Only optimisers that follow gradients have it called. A parameter with levels
        makes the loss a staircase, and what stands for its slope is to be returned.
    """

    n_params: int
    losses: Callable[[Floats, Places, Places], tuple[Floats, Floats]]
    works: Callable[[Floats], NDArray[np.bool_]]
    levels: Floats | None = None
    gradients: Callable[[Floats, Places, Places], Floats] | None = None
    _open: dict[int, Question] = field(default_factory=dict, init=False)
    _answers: deque[tuple[int, Answer]] = field(default_factory=deque, init=False)

    @property
    def has_gradients(self) -> bool:
        """See `Problem`."""
        return self.gradients is not None

    def ask(self, run: int, question: Question) -> None:
        """See `Problem.ask`."""
        self._open[run] = question

    def answer(self) -> tuple[int, Answer]:
        """See `Problem.answer`."""
        if not self._answers:
            self._try_all()
            self._check_all()
            self._open.clear()
        return self._answers.popleft()

    def _try_all(self) -> None:
        trials = {run: asked for run, asked in self._open.items() if isinstance(asked, Trial)}
        if not trials:
            return
        sizes = [len(trial.points) for trial in trials.values()]
        points = np.concatenate([trial.points for trial in trials.values()])
        runs = np.repeat(np.array([*trials]), sizes)
        steps = np.repeat([trial.step for trial in trials.values()], sizes)
        wanted = any(trial.wants_gradient for trial in trials.values())
        scores, ends = (
            self._scores(points, runs, steps, with_gradient=wanted),
            np.cumsum(sizes)[:-1],
        )
        for run, *each in zip(trials, *(np.split(of, ends) for of in scores), strict=True):
            self._answers.append((run, Scores(*each)))

    def _scores(
        self, points: Floats, runs: Places, steps: Places, *, with_gradient: bool
    ) -> list[Floats]:
        """Return what `Scores` are made of, each of all points."""
        loss, margin = self.losses(points, runs, steps)
        _require_shape("losses", (len(points),), loss, margin)
        if self.gradients is None or not with_gradient:
            return [loss, margin]
        # Other libraries have arrays of their own, which would spread through a run.
        gradient = np.asarray(self.gradients(points, runs, steps), dtype=np.float64)
        _require_shape("gradients", points.shape, gradient)
        return [loss, margin, gradient]

    def _check_all(self) -> None:
        checks = {run: asked for run, asked in self._open.items() if isinstance(asked, Check)}
        if not checks:
            return
        works = self.works(np.array([check.point for check in checks.values()]))
        _require_shape("works", (len(checks),), works)
        self._answers.extend(zip(checks, map(bool, works), strict=True))


def _require_shape(what: str, shape: tuple[int, ...], *answers: NDArray[np.generic]) -> None:
    for answer in answers:
        if np.shape(answer) != shape:
            raise InputError(
                f"{what}: of {shape[0]} points it must return arrays of shape {shape}, not "
                f"{np.shape(answer)}"
            )
