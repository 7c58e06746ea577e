"""An event in a Gaussian latent space: what estimators of rare events ask, whatever it stands for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

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


Judge: TypeAlias = Callable[[Floats], Judged]
"""Points, shape (n, d), standard normal under the prior → answers; called with many at once."""


class BudgetSpentError(Exception):
    """The next batch would exceed the number of evaluations that are allowed."""


class Meter:
    """Asks a judge, counts what it was asked and what it said, and stops at a budget.

    Attributes
    ----------
    n : int
        Points judged so far.
    n_satisfied, n_borderline, n_unsimulated : int
        Among them.
    """

    def __init__(
        self, judge: Judge, budget: int, on_progress: Callable[[int], None] = lambda _: None
    ) -> None:
        if budget < 1:
            raise InputError(f"max-simulations = {budget} must be a whole number, at least 1")
        self.n = self.n_satisfied = self.n_borderline = self.n_unsimulated = 0
        self.budget = budget
        self._judge = judge
        self._on_progress = on_progress

    def __call__(self, z: Floats) -> Judged:
        """Judge points; raise BudgetSpentError, asking nothing, if they are more than are left."""
        if self.n + len(z) > self.budget:
            raise BudgetSpentError
        judged = self._judge(z)
        unsimulated = judged.possible & np.isneginf(judged.score)
        self.n += len(z)
        self.n_satisfied += int(judged.satisfied.sum())
        self.n_unsimulated += int(unsimulated.sum())
        self.n_borderline += int((judged.possible & ~judged.satisfied & ~unsimulated).sum())
        self._on_progress(self.n)
        return judged
