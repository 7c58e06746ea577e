"""Verdicts for all inputs, not for those of a grid alone: what they rest on, and what may remain."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from spicebuf.check import Reached, Verdict
from spicebuf.entropy import LogVolume, log_of
from spicebuf.refine import open_rows
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


def judge_bank(
    event: Event, swept: SweptBank, lab: Lab
) -> tuple[NDArray[np.uint8], Discretisation]:
    """Return the `Verdict` of each θ of a bank, shape (swept.n,), and tell how they were reached."""
    verdicts, on_grid = [], []
    n_by_reach = np.zeros(len(Reached), dtype=np.int64)
    first = 0
    for curves in swept.bank.read(swept.n):
        rows = range(first, first + len(curves.status))
        grid = check_grid(event, curves)
        checks = settle(event, swept.bank.theta(rows), curves, grid, lab)
        verdicts.append(checks.verdict)
        on_grid.append(grid.verdict)
        n_by_reach += np.bincount(checks.reached, minlength=len(Reached))
        first = rows.stop
    by_reach = {reach: int(n_by_reach[reach]) for reach in Reached}
    now, before = np.concatenate(verdicts), np.concatenate(on_grid)
    return now, _between(_basis(event, lab), lab.max_gain, before, now, by_reach)


def _between(
    basis: Basis,
    max_gain: float,
    before: NDArray[np.uint8],
    now: NDArray[np.uint8],
    n_by_reach: Mapping[Reached, int],
) -> Discretisation:
    n_before, n_now = ((each == Verdict.SATISFIED).sum() for each in (before, now))
    looked = basis is not Basis.GRID
    return Discretisation(
        basis=basis,
        max_gain=max_gain,
        n_examined=len(open_rows(before)) if looked else 0,
        n_changed=int(np.count_nonzero(now != before)),
        change=log_of(n_now / n_before) if n_before and looked else None,
        n_by_reach=n_by_reach,
    )


def _basis(event: Event, lab: Lab) -> Basis:
    if lab.max_gain == 0.0:
        return Basis.GRID
    return Basis.HALF_STEPS if event.bench.feedback else Basis.GAIN_BOUND


def between_runs(event: Event, volume: LogVolume, lab: Lab) -> Discretisation:
    """Tell what lies between the points of curves of a rare event."""
    look = volume.splitting and volume.splitting.look
    if not look:
        return Discretisation(_basis(event, lab), lab.max_gain, 0, 0, None, {})
    n, n_satisfied = look.counts.n_samples, look.counts.n_satisfied
    change = look.limits.value
    return Discretisation(_basis(event, lab), lab.max_gain, n, n - n_satisfied, change, {})
