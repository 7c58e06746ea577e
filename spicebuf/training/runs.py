"""Training runs: many at a time, each a function of its number and the seed alone."""

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import numpy as np

from spicebuf.errors import InputError
from spicebuf.training.options import Options, mover
from spicebuf.training.problem import Answer, Check, Floats, Problem, Question, Scores, Trial

MAX_STEPS = 1_000_000
# Enough for every processor to be busy, few enough to lose little when killed.
_ABREAST = 64


class Stop(StrEnum):
    """When a run ends."""

    FIRST = "first"
    """Where it works for the first time, or at the end of its budget."""
    BUDGET = "budget"
    """At the end of its budget."""


@dataclass(frozen=True)
class Plan:
    """How runs are made.

    Attributes
    ----------
    options : Options
    stop : Stop
    n_steps : int
        The budget, ≥ 0; a run is at `n_steps` + 1 places at most.
    seed : int
        ≥ 0.
    """

    options: Options
    stop: Stop = Stop.FIRST
    n_steps: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse plans out of range."""
        if not 0 <= self.n_steps <= MAX_STEPS:
            raise InputError(f"steps = {self.n_steps} must be a whole number, 0 to {MAX_STEPS}")
        if self.seed < 0:
            raise InputError(f"seed = {self.seed} must be a whole number, at least 0")


@dataclass(frozen=True)
class Path:
    """A finished run: where it was, from its start on.

    Attributes
    ----------
    run : int
    points : array of float, shape (n_places, d)
        In the unit cube.
    loss, margin : array of float, shape (n_places,)
        As the run saw them, at the inputs drawn for each step; NaN where they could not be had.
    first_success : int or None
        The first step at which it worked; None if it never did.
    works : bool
        Whether the last place works.
    n_evaluations, n_failed : int
        Losses asked for, and those of them that could not be had.
    n_held : int
        Steps that left the run where it was because a loss or an exact gradient could not be had.
    """

    run: int
    points: Floats
    loss: Floats
    margin: Floats
    first_success: int | None
    works: bool
    n_evaluations: int
    n_failed: int
    n_held: int

    @property
    def is_lucky(self) -> bool:
        """Whether its start worked already."""
        return self.first_success == 0


_Run: TypeAlias = Generator[Question, Answer, Path]


def train(
    problem: Problem, plan: Plan, runs: Iterable[int], n_abreast: int = _ABREAST
) -> Iterator[Path]:
    """Make training runs from starts that are uniform in the unit cube; yield each as it ends.

    Parameters
    ----------
    problem : Problem
    plan : Plan
    runs : iterable of int
        Numbers of the runs, ≥ 0. A run depends on its number, the plan and the problem's answers, and on
        nothing else.
    n_abreast : int
        Runs under way at a time.
    """
    waiting, under_way = iter(runs), dict[int, _Run]()
    while True:
        while len(under_way) < n_abreast and (number := next(waiting, None)) is not None:
            under_way[number] = run = _run(number, problem, plan)
            problem.ask(number, next(run))
        if not under_way:
            return
        number, answer = problem.answer()
        try:
            problem.ask(number, under_way[number].send(answer))
        except StopIteration as end:
            del under_way[number]
            yield end.value


def _run(number: int, problem: Problem, plan: Plan) -> _Run:
    # A stream that no seed alone gives: callers draw with those.
    rng = np.random.default_rng(np.random.SeedSequence(plan.seed, spawn_key=(number,)))
    start, exact = rng.random(problem.n_params), problem.has_gradients
    moves = mover(plan.options, start, problem.levels, rng, has_gradients=exact)
    points, record = next(moves), _Record()
    first_success, works = None, False
    for step in range(plan.n_steps + 1):
        trial = Trial(step, points, exact and plan.options.follows_gradients)
        scores = yield from _tried(trial)
        record.note(points, scores)
        is_last = step == plan.n_steps
        works = False
        # What is seen to fail needs no check; what has worked once is checked at the end only.
        if scores.margin[0] >= 0.0 and (first_success is None or is_last):
            works = bool((yield Check(points[0])))
            first_success = step if works and first_success is None else first_success
        if is_last or (works and plan.stop is Stop.FIRST):
            break
        points = moves.send(scores)
    return record.path(number, first_success, works=works)


def _tried(trial: Trial) -> Generator[Question, Answer, Scores]:
    answer = yield trial
    if not isinstance(answer, Scores):
        raise TypeError(f"a trial was answered by {answer!r}; a problem must answer it with Scores")
    return answer


class _Record:
    """What is kept of a run."""

    def __init__(self) -> None:
        self._places: list[Floats] = []
        self._scores: list[Scores] = []

    def note(self, points: Floats, scores: Scores) -> None:
        self._places.append(points[0].copy())
        self._scores.append(scores)

    def path(self, run: int, first_success: int | None, *, works: bool) -> Path:
        points = np.array(self._places)
        failed = np.array([_is_short(each) for each in self._scores])
        stayed = (points[1:] == points[:-1]).all(axis=1)
        return Path(
            run=run,
            points=points,
            loss=np.array([each.loss[0] for each in self._scores]),
            margin=np.array([each.margin[0] for each in self._scores]),
            first_success=first_success,
            works=works,
            n_evaluations=sum(len(each.loss) for each in self._scores),
            n_failed=sum(int(np.isnan(each.loss).sum()) for each in self._scores),
            n_held=int((failed[:-1] & stayed).sum()),
        )


def _is_short(scores: Scores) -> bool:
    """Tell whether something could not be had."""
    is_known = scores.gradient is None or np.isfinite(scores.gradient).all()
    return bool(np.isnan(scores.loss).any() or not is_known)
