"""One job in one ngspice process: decks of many θ, each θ alone where that fails, then the ladder."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spicebuf.deck import (
    LADDER,
    Bench,
    Rung,
    branch_sweeps,
    compose,
    compose_guess,
    n_guesses,
    output_names,
    rail_sweeps,
)
from spicebuf.ngspice import DeckResult, Engine, Status
from spicebuf.workers import deadline, retire

Volts: TypeAlias = NDArray[np.floating[Any]]

DECK_DEADLINE = 30.0
"""Seconds that one deck may take."""

FIRST, ALONE = 0, 1
"""Attempts: with its batch, then alone; attempt ``ALONE + k`` is rung `k` of the ladder."""

_WORDS_KEPT = 10_000
# States differ by volts, two solutions for one state by microvolts.
_SAME_STATE = 1e-3
_WORTH_ANOTHER_TRY = frozenset({Status.NOT_CONVERGED, Status.TRANSIENT_OP, Status.NOT_FINITE})


@dataclass(frozen=True)
class Curves:
    """Transfer curves of n θ.

    Attributes
    ----------
    vout : array of float, shape (n, n_branches, n_points)
        Output voltages [V] against the bench's `vin`; NaN where `status` is not TRUSTED.
    status : array of uint8, shape (n,)
        A `Status` for every θ.
    attempt : array of uint8, shape (n,)
        The attempt that gave `status`: FIRST, ALONE, or beyond it a rung of the ladder.
    words : dict of int to str
        What ngspice printed, by row, if the job asked for it.
    """

    vout: Volts
    status: NDArray[np.uint8]
    attempt: NDArray[np.uint8]
    words: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """Some rows of one block, to be simulated in one go: decks of `batch` θ each."""

    block: int
    rows: NDArray[np.int64]
    theta: NDArray[np.float64]
    bench: Bench
    batch: int
    keep_words: bool = False
    n_crashes: int = 0


def no_curves(on: Bench, n: int) -> Curves:
    """Return curves of `n` θ that are all still to be simulated."""
    return Curves(
        np.full((n, len(on.branches), on.n_points), np.nan),
        np.full(n, Status.PENDING, dtype=np.uint8),
        np.zeros(n, dtype=np.uint8),
    )


def ngspice_version(_: None) -> str:
    """Return the version of the ngspice in this process (a worker's)."""
    return engine().version


def run_job(job: Job) -> Curves:
    """Simulate a job in this process (a worker's).

    Rows stay PENDING from the first deck on that ngspice refused to load: the process is then
    poisoned, and they belong to another one.
    """
    ngspice = engine()
    curves = no_curves(job.bench, len(job.theta))
    for first in range(0, len(job.theta), job.batch):
        rows = range(first, min(first + job.batch, len(job.theta)))
        result = _simulate(ngspice, job, rows)
        if result.status is Status.TRUSTED or result.status is Status.LOAD_FAILED:
            # Of a batch that did not load, it is not known which member is to blame.
            if result.status is Status.TRUSTED or len(rows) == 1:
                _store(curves, job, rows, result, FIRST)
        else:
            # One θ that does not converge truncates the whole batch.
            _insist(ngspice, curves, job, rows, None if len(rows) > 1 else result)
        if ngspice.poisoned:
            retire()
            break
    return curves


@cache
def engine() -> Engine:
    """Return the ngspice of this process (a worker's)."""
    return Engine()


def _insist(
    ngspice: Engine, curves: Curves, job: Job, rows: Sequence[int], first: DeckResult | None
) -> None:
    """Simulate rows one by one, and each that fails once more on every rung of the ladder."""
    for row in rows:
        attempt, result = FIRST, first
        if result is None:
            attempt, result = ALONE, _simulate(ngspice, job, [row])
        for number, rung in enumerate(LADDER, start=1):
            if result.status not in _WORTH_ANOTHER_TRY:
                break
            attempt, result = ALONE + number, _simulate(ngspice, job, [row], rung)
        _store(curves, job, [row], result, attempt)
        if ngspice.poisoned:
            return


def _simulate(
    ngspice: Engine, job: Job, rows: Sequence[int], rung: Rung | None = None
) -> DeckResult:
    on, theta = job.bench, job.theta[list(rows)]
    fine = 1 if rung is None else rung.fineness
    with deadline(DECK_DEADLINE):
        result = ngspice.simulate(
            compose(on, theta, rung), output_names(len(rows)), branch_sweeps(on, fine)
        )
    for k in range(n_guesses(on)):
        if result.curves is not None:
            with deadline(DECK_DEADLINE):
                result = _doubt(ngspice, on, theta, k, result)
    return result


def _doubt(
    ngspice: Engine, on: Bench, theta: NDArray[np.float64], k: int, result: DeckResult
) -> DeckResult:
    """Distrust a curve whose sweeps end elsewhere on a rail when they begin from guess `k`.

    Where a circuit with feedback has several operating points with its input on a rail, ngspice starts
    from any of them, often from the unstable one in the middle. A guess that does not converge tells
    nothing.
    """
    guessed = ngspice.simulate(compose_guess(on, theta, k), output_names(1), rail_sweeps(on))
    if guessed.curves is None or result.curves is None:
        return result
    starts = result.curves[0, 0, 0], result.curves[0, 1, -1]
    found = guessed.curves[0, 0, 0], guessed.curves[0, 1, -1]
    if max(abs(a - b) for a, b in zip(starts, found, strict=True)) > _SAME_STATE:
        told = [" and ".join(f"{v:.6g} V" for v in ends) for ends in (starts, found)]
        words = f"At the rails the output is {told[0]}; from another initial guess, {told[1]}.\n"
        return DeckResult(Status.UNDETERMINED, None, result.words + words)
    return result


def _store(curves: Curves, job: Job, rows: Sequence[int], result: DeckResult, attempt: int) -> None:
    place = list(rows)
    curves.status[place] = result.status
    curves.attempt[place] = attempt
    if result.curves is not None:
        curves.vout[place] = result.curves
    if job.keep_words:
        curves.words.update((row, result.words[-_WORDS_KEPT:]) for row in rows)
