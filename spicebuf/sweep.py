"""θ → transfer curves: jobs for supervised processes, order kept, failures recorded."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from spicebuf import simulate
from spicebuf.deck import BATCHES_PER_JOB, Bench, company
from spicebuf.ngspice import Status
from spicebuf.pools import Pool, local_pool
from spicebuf.simulate import ALONE, Curves, Job, no_curves
from spicebuf.workers import Loss

_Key = TypeVar("_Key")

_JOBS_IN_FLIGHT_PER_WORKER = 3


def simulators(n_workers: int, scheduler: str | None = None) -> Pool:
    """Start a pool of ngspice processes, here or on the cluster of a Dask scheduler.

    Raises
    ------
    SimulatorError
        If libngspice is not installed, or the scheduler does not answer.
    """
    if scheduler is None:
        return local_pool(n_workers)
    from spicebuf.cluster import Cluster  # noqa: PLC0415 (Dask is slow to import)

    return Cluster(scheduler)


def ngspice_version(pool: Pool) -> str:
    """Return the version of ngspice that the pool runs."""
    return pool.call(simulate.ngspice_version)


def sweep(on: Bench, theta: NDArray[np.float64], pool: Pool, *, keep_words: bool = False) -> Curves:
    """Simulate the transfer curves of `theta`, shape (n, len(on.thetas))."""
    blocks = sweep_blocks(on, [(0, theta)], pool, keep_words=keep_words)
    return next(curves for _, _, curves in blocks)


def sweep_blocks(
    on: Bench,
    blocks: Iterable[tuple[_Key, NDArray[np.float64]]],
    pool: Pool,
    on_progress: Callable[[int], None] = lambda _: None,
    *,
    keep_words: bool = False,
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
    keep_words : bool
        Whether curves come with what ngspice printed.
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
                open_blocks[number] = (key, theta, no_curves(on, len(theta)))
                queue.extend(jobs_of(number, theta, on, keep_words=keep_words))
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


def jobs_of(
    block: int, theta: NDArray[np.float64], on: Bench, *, keep_words: bool = False
) -> list[Job]:
    """Cut a block into jobs; within each, decks hold θ that suit one another."""
    size = on.batch * BATCHES_PER_JOB
    jobs = []
    for first in range(0, len(theta), size):
        rows = first + company(on, theta[first : first + size])
        jobs.append(Job(block, rows, theta[rows], on, on.batch, keep_words))
    return jobs


def _absorb(curves: Curves, job: Job, result: Curves | Loss) -> list[Job]:
    """Take a job's result into its block and return the jobs that remain to be done."""
    if isinstance(result, Loss):
        return _after_loss(curves, job, result)
    done = result.status != Status.PENDING
    curves.vout[job.rows[done]] = result.vout[done]
    curves.status[job.rows[done]] = result.status[done]
    curves.attempt[job.rows[done]] = np.maximum(result.attempt[done], _least_attempt(job))
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


def _least_attempt(job: Job) -> int:
    return ALONE if job.batch < job.bench.batch else 0


def _after_loss(curves: Curves, job: Job, loss: Loss) -> list[Job]:
    if loss is Loss.CRASHED and job.n_crashes == 0:
        # A process may die through no fault of its job: the same decks once more.
        return [replace(job, n_crashes=1)]
    if len(job.rows) == 1:
        status = Status.CRASHED if loss is Loss.CRASHED else Status.DEADLINE
        curves.status[job.rows] = status
        curves.attempt[job.rows] = _least_attempt(job)
        return []
    size = job.batch if len(job.rows) > job.batch else 1
    order = np.arange(len(job.rows))
    return [_part(job, order[k : k + size], batch=size) for k in range(0, len(order), size)]


def _part(job: Job, order: NDArray[np.int64], batch: int) -> Job:
    return replace(job, rows=job.rows[order], theta=job.theta[order], batch=batch, n_crashes=0)


def _n_pending(curves: Curves, job: Job) -> int:
    return int(np.count_nonzero(curves.status[job.rows] == Status.PENDING))
