"""An event in a Gaussian latent space: what estimators of rare events ask, whatever it stands for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from spicebuf.entropy.volume import Counts
from spicebuf.errors import InputError

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True)
class Judged:
    """Answers for n points.

    Attributes
    ----------
    score : array of float, shape (n,)
        Any function that leads to the event: its values set the levels, and none of them needs to be
        exact. −inf where unsimulated.
    satisfied : array of bool, shape (n,)
        The event itself.
    possible : array of bool, shape (n,)
        Satisfied, borderline or unsimulated.
    """

    score: Floats
    satisfied: Bools
    possible: Bools

    @property
    def unsimulated(self) -> Bools:
        """Points of which nothing is known, shape (n,)."""
        return self.possible & np.isneginf(self.score)

    @property
    def counts(self) -> Counts:
        """How many of n ≥ 1 points are what."""
        n_satisfied, n_lost = int(self.satisfied.sum()), int(self.unsimulated.sum())
        n_borderline = int(self.possible.sum()) - n_satisfied - n_lost
        return Counts(len(self.score), n_satisfied, n_borderline, n_lost)


_Answers = TypeVar("_Answers", bound=Judged)


def joined(parts: Sequence[_Answers]) -> _Answers:
    """Return several answers, at least one, as one: theirs behind one another."""
    arrays = {name: np.concatenate([vars(part)[name] for part in parts]) for name in vars(parts[0])}
    return replace(parts[0], **arrays)


Judge: TypeAlias = Callable[[Floats], Judged]
"""Points, shape (n, d), standard normal under the prior → answers; called with many at once."""


class BudgetSpentError(Exception):
    """The next batch would exceed the number of evaluations that are allowed."""


class Meter:
    """Asks a judge, counts what it was asked and what it said, and stops at a budget.

    Attributes
    ----------
    counts : Counts or None
        Of the points judged so far; None before the first.
    """

    def __init__(
        self, judge: Judge, budget: int, on_progress: Callable[[int], None] = lambda _: None
    ) -> None:
        if budget < 1:
            raise InputError(f"max-simulations = {budget} must be a whole number, at least 1")
        self.counts: Counts | None = None
        self.budget = budget
        self._judge = judge
        self._on_progress = on_progress

    @property
    def n(self) -> int:
        """Points judged so far."""
        return 0 if self.counts is None else self.counts.n_samples

    def __call__(self, z: Floats) -> Judged:
        """Judge points; raise BudgetSpentError, asking nothing, if they are more than are left."""
        if self.n + len(z) > self.budget:
            raise BudgetSpentError
        judged = self._judge(z)
        self.counts = judged.counts if self.counts is None else self.counts + judged.counts
        self._on_progress(self.n)
        return judged
