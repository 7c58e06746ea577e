"""Verdicts for all inputs, not for those of a grid alone: what they rest on, and what may remain."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from spicebuf.check import Reached, Verdict
from spicebuf.entropy import Counts, LogVolume
from spicebuf.workflow.banks import SweptBank
from spicebuf.workflow.events import Event, Lab, check_grid, settle


class Basis(StrEnum):
    """What verdicts about all inputs rest on."""

    GAIN_BOUND = "gain bound"
    """No curve is steeper between its points than the bound: that remains, and nothing else."""
    HALF_STEPS = "half steps"
    """A grid, for circuits with feedback; halving its steps tells what finer ones might."""
    GRID = "grid"
    """The points of the sweep, and nothing between them."""


@dataclass(frozen=True)
class Discretisation:
    """What lies between the points of the curves, and what it does to a log volume.

    Attributes
    ----------
    basis : Basis
    max_gain : float
        Slope of a curve inside its input API that the verdicts allow for [V/V].
    n_examined, n_changed : int
        θ that were looked at between their points, and of these, whose verdict is another one then.
    change : float or None
        Log volume less that by the points alone [nat]; None where the points alone show no θ.
    n_by_reach : mapping of Reached to int
        θ of a bank by how their verdict was reached.
    """

    basis: Basis
    max_gain: float
    n_examined: int
    n_changed: int
    change: float | None
    n_by_reach: Mapping[Reached, int]


def count_bank(event: Event, swept: SweptBank, lab: Lab) -> tuple[Counts, Discretisation]:
    """Count the θ of a bank by their verdicts, and tell how those were reached."""
    n_by_verdict, n_on_grid = (np.zeros(len(Verdict), dtype=np.int64) for _ in range(2))
    n_by_reach = np.zeros(len(Reached), dtype=np.int64)
    n_changed = first = 0
    for curves in swept.bank.read(swept.n):
        rows = range(first, first + len(curves.status))
        grid = check_grid(event, curves)
        checks = settle(event, swept.bank.theta(rows), curves, grid, lab)
        n_by_verdict += np.bincount(checks.verdict, minlength=len(Verdict))
        n_on_grid += np.bincount(grid.verdict, minlength=len(Verdict))
        n_by_reach += np.bincount(checks.reached, minlength=len(Reached))
        n_changed += int(np.count_nonzero(checks.verdict != grid.verdict))
        first = rows.stop
    n_satisfied, before = int(n_by_verdict[Verdict.SATISFIED]), int(n_on_grid[Verdict.SATISFIED])
    counts = Counts(
        n_samples=swept.n,
        n_satisfied=n_satisfied,
        n_borderline=int(n_by_verdict[Verdict.BORDERLINE]),
        n_unsimulated=int(n_by_verdict[Verdict.UNSIMULATED]),
    )
    basis = _basis(event, lab)
    return counts, Discretisation(
        basis=basis,
        max_gain=lab.max_gain,
        n_examined=0 if basis is Basis.GRID else before + int(n_on_grid[Verdict.BORDERLINE]),
        n_changed=n_changed,
        change=_log(n_satisfied / before) if before and basis is not Basis.GRID else None,
        n_by_reach={reach: int(n_by_reach[reach]) for reach in Reached},
    )


def _basis(event: Event, lab: Lab) -> Basis:
    if lab.max_gain == 0.0:
        return Basis.GRID
    return Basis.HALF_STEPS if event.bench.feedback else Basis.GAIN_BOUND


def _log(x: float) -> float:
    return math.log(x) if x > 0.0 else -math.inf


def between_runs(event: Event, volume: LogVolume, lab: Lab) -> Discretisation:
    """Tell what lies between the points of curves of a rare event."""
    look = volume.splitting and volume.splitting.look
    if not look:
        return Discretisation(_basis(event, lab), lab.max_gain, 0, 0, None, {})
    n, n_satisfied = look.counts.n_samples, look.counts.n_satisfied
    change = look.limits.value
    return Discretisation(_basis(event, lab), lab.max_gain, n, n - n_satisfied, change, {})
