"""θ → transfer curves: in batches, in supervised processes, order kept, failures recorded."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from spicebuf.deck import (
    Bench,
    branch_sweeps,
    n_guesses,
    output_names,
    rail_sweeps,
    render,
    render_guess,
)
from spicebuf.ngspice import DeckResult, Engine, Status, ignored_parameters, require_library
from spicebuf.workers import Loss, Workers, deadline, retire

_Key = TypeVar("_Key")

DECK_DEADLINE = 30.0
"""Seconds that one deck may take."""

BATCH = 16
"""θ in one deck of a circuit without feedback: amortises loading, and is near the measured best."""

_BATCHES_PER_JOB = 4
_WORDS_KEPT = 2000
# States differ by volts, two solutions for one state by microvolts.
_SAME_STATE = 1e-3
_JOBS_IN_FLIGHT_PER_WORKER = 3
# Beyond a deck's deadline, for a process that even its own timer cannot end.
_GRACE = 10.0


@dataclass(frozen=True)
class Curves:
    """Transfer curves of n θ.

    Attributes
    ----------
    vout : array of float, shape (n, n_branches, n_points)
        Output voltages [V] against the bench's `vin`; NaN where `status` is not TRUSTED.
    status : array of uint8, shape (n,)
        A `Status` for every θ.
    words : dict of int to str
        What ngspice printed, by row, where `status` is not TRUSTED or it ignored part of a model.
    """

    vout: NDArray[np.float64]
    status: NDArray[np.uint8]
    words: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """Some rows of one block, to be simulated in one go: decks of `batch` θ each."""

    block: int
    rows: NDArray[np.int64]
    theta: NDArray[np.float64]
    bench: Bench
    batch: int
    n_crashes: int = 0


Pool: TypeAlias = Workers[Job, Curves]


def batch_size(on: Bench) -> int:
    """Return how many θ share a deck; circuits with feedback disturb one another and go alone."""
    return 1 if on.feedback else BATCH


def simulators(n_workers: int) -> Pool:
    """Start a pool of ngspice processes.

    Raises
    ------
    SimulatorError
        If libngspice is not installed.
    """
    require_library()
    return Workers(run_job, n_workers, backstop=DECK_DEADLINE + _GRACE)


def ngspice_version(pool: Pool) -> str:
    """Return the version of ngspice that the pool runs."""
    return pool.call(_version)


def sweep(on: Bench, theta: NDArray[np.float64], pool: Pool) -> Curves:
    """Simulate the transfer curves of `theta`, shape (n, len(on.thetas))."""
    return next(curves for _, _, curves in sweep_blocks(on, [(0, theta)], pool))


def sweep_blocks(
    on: Bench,
    blocks: Iterable[tuple[_Key, NDArray[np.float64]]],
    pool: Pool,
    on_progress: Callable[[int], None] = lambda _: None,
) -> Iterator[tuple[_Key, NDArray[np.float64], Curves]]:
    """Simulate blocks of θ and yield each block's key, θ and curves as it is complete.

    Decks are composed by position in the block alone, so a block's curves do not depend on the
    number of workers, on the order in which they finish, or on a worker's death.

    Parameters
    ----------
    on : Bench
    blocks : iterable of (key, array of float, shape (n, len(on.thetas)))
    pool : Pool
    on_progress : callable
        Called with the number of θ just finished.
    """
    waiting = enumerate(blocks)
    queue: deque[Job] = deque()
    open_blocks: dict[int, tuple[_Key, NDArray[np.float64], Curves]] = {}
    while True:
        while pool.n_outstanding < pool.n_workers * _JOBS_IN_FLIGHT_PER_WORKER:
            if queue:
                pool.submit(queue.popleft())
            elif (block := next(waiting, None)) is not None:
                number, (key, theta) = block
                open_blocks[number] = (key, theta, _empty(on, len(theta)))
                queue.extend(_split(number, theta, on))
            else:
                break
        if not pool.n_outstanding:
            return
        job, result = pool.next_done()
        curves = open_blocks[job.block][-1]
        n_before = _n_pending(curves, job)
        queue.extend(_absorb(curves, job, result))
        on_progress(n_before - _n_pending(curves, job))
        if not np.any(curves.status == Status.PENDING):
            yield open_blocks.pop(job.block)


def run_job(job: Job) -> Curves:
    """Simulate a job in this process (a worker's).

    Rows stay PENDING from the first deck on that ngspice refused to load: the process is then
    poisoned, and they belong to another one.
    """
    engine = _engine()
    curves = _empty(job.bench, len(job.theta))
    for first in range(0, len(job.theta), job.batch):
        rows = range(first, min(first + job.batch, len(job.theta)))
        result = _simulate(engine, job, list(rows))
        if len(rows) == 1 or result.status is Status.TRUSTED:
            _store(curves, list(rows), result)
        elif result.status is not Status.LOAD_FAILED:
            # One θ that does not converge truncates the whole batch.
            for row in rows:
                if not engine.poisoned:
                    _store(curves, [row], _simulate(engine, job, [row]))
        if engine.poisoned:
            retire()
            break
    return curves


@cache
def _engine() -> Engine:
    return Engine()


def _version(_: None) -> str:
    return _engine().version


def _simulate(engine: Engine, job: Job, rows: list[int]) -> DeckResult:
    on, theta = job.bench, job.theta[rows]
    with deadline(DECK_DEADLINE):
        result = engine.simulate(render(on, theta), output_names(len(rows)), branch_sweeps(on))
    for k in range(n_guesses(on)):
        if result.curves is not None:
            with deadline(DECK_DEADLINE):
                result = _doubt(engine, on, theta, k, result)
    return result


def _doubt(
    engine: Engine, on: Bench, theta: NDArray[np.float64], k: int, result: DeckResult
) -> DeckResult:
    """Distrust a curve whose sweeps end elsewhere on a rail when they begin from guess `k`.

    Where a circuit with feedback has several operating points with its input on a rail, ngspice starts
    from any of them, often from the unstable one in the middle. A guess that does not converge tells
    nothing.
    """
    guessed = engine.simulate(render_guess(on, theta, k), output_names(1), rail_sweeps(on))
    if guessed.curves is None or result.curves is None:
        return result
    starts = result.curves[0, 0, 0], result.curves[0, 1, -1]
    found = guessed.curves[0, 0, 0], guessed.curves[0, 1, -1]
    if max(abs(a - b) for a, b in zip(starts, found, strict=True)) > _SAME_STATE:
        return DeckResult(Status.UNDETERMINED, None, result.words)
    return result


def _store(curves: Curves, rows: list[int], result: DeckResult) -> None:
    curves.status[rows] = result.status
    if result.curves is not None:
        curves.vout[rows] = result.curves
    if result.curves is None or ignored_parameters(result.words):
        curves.words.update((row, result.words[-_WORDS_KEPT:]) for row in rows)


def _absorb(curves: Curves, job: Job, result: Curves | Loss) -> list[Job]:
    """Take a job's result into its block and return the jobs that remain to be done."""
    if isinstance(result, Loss):
        return _after_loss(curves, job, result)
    done = result.status != Status.PENDING
    curves.vout[job.rows[done]] = result.vout[done]
    curves.status[job.rows[done]] = result.status[done]
    curves.words.update((int(job.rows[row]), words) for row, words in result.words.items())
    left = np.flatnonzero(~done)
    if not len(left):
        return []
    # The deck that failed to load held the first of these; its members go on alone.
    end = (left[0] // job.batch + 1) * job.batch
    alone, rest = left[left < end], left[left >= end]
    jobs = [_part(job, alone, batch=1)]
    if len(rest):
        jobs.append(_part(job, rest, batch=job.batch))
    return jobs


def _after_loss(curves: Curves, job: Job, loss: Loss) -> list[Job]:
    if loss is Loss.CRASHED and job.n_crashes == 0:
        # A process may die through no fault of its job: the same decks once more.
        return [Job(job.block, job.rows, job.theta, job.bench, job.batch, n_crashes=1)]
    if len(job.rows) == 1:
        status = Status.CRASHED if loss is Loss.CRASHED else Status.DEADLINE
        curves.status[job.rows] = status
        return []
    size = job.batch if len(job.rows) > job.batch else 1
    order = np.arange(len(job.rows))
    return [_part(job, order[k : k + size], batch=size) for k in range(0, len(order), size)]


def _part(job: Job, order: NDArray[np.int64], batch: int) -> Job:
    return Job(job.block, job.rows[order], job.theta[order], job.bench, batch)


def _split(block: int, theta: NDArray[np.float64], on: Bench) -> list[Job]:
    batch = batch_size(on)
    whole = Job(block, np.arange(len(theta)), theta, on, batch)
    size = batch * _BATCHES_PER_JOB
    return [_part(whole, whole.rows[k : k + size], batch) for k in range(0, len(theta), size)]


def _empty(on: Bench, n: int) -> Curves:
    return Curves(
        np.full((n, len(on.branches), on.n_points), np.nan),
        np.full(n, Status.PENDING, dtype=np.uint8),
    )


def _n_pending(curves: Curves, job: Job) -> int:
    return int(np.count_nonzero(curves.status[job.rows] == Status.PENDING))
