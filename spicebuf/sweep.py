"""θ → transfer curves: jobs for supervised processes, order kept, failures recorded."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import count
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


@dataclass(frozen=True)
class Finished:
    """A block of θ whose curves are complete, by the number that it was given when it was added."""

    number: int
    theta: NDArray[np.float64]
    curves: Curves


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
    if not len(theta):
        return no_curves(on, 0)
    blocks = sweep_blocks(on, [(0, theta)], pool, keep_words=keep_words)
    return next(curves for _, _, curves in blocks)


class Sweeps:
    """Blocks of θ under way, each on a bench of its own; add some, and take those that are complete.

    Decks are composed by position in the block alone, so a block's curves do not depend on the number of
    workers, on the order in which they finish, on what else is under way, or on a worker's death.
    """

    def __init__(self, pool: Pool, *, keep_words: bool = False) -> None:
        self._pool = pool
        self._keep_words = keep_words
        self._queue: deque[Job] = deque()
        self._open: dict[int, tuple[NDArray[np.float64], Curves]] = {}
        self._numbers = count()

    @property
    def n_open(self) -> int:
        """Blocks that were added and are not complete."""
        return len(self._open)

    @property
    def has_room(self) -> bool:
        """Whether a worker might soon have nothing to do."""
        return not self._queue and self._pool_has_room

    @property
    def _pool_has_room(self) -> bool:
        return self._pool.n_outstanding < self._pool.n_workers * _JOBS_IN_FLIGHT_PER_WORKER

    def add(self, on: Bench, theta: NDArray[np.float64]) -> int:
        """Queue a block of `theta`, shape (n, len(on.thetas)), n ≥ 1; return its number."""
        number = next(self._numbers)
        self._open[number] = theta, no_curves(on, len(theta))
        self._queue.extend(jobs_of(number, theta, on, keep_words=self._keep_words))
        return number

    def wait(self) -> tuple[int, Finished | None]:
        """Wait for a job; return how many θ it finished, and the block that is complete with it."""
        while self._queue and self._pool_has_room:
            self._pool.submit(self._queue.popleft())
        job, result = self._pool.next_done()
        theta, curves = self._open[job.block]
        n_before = _n_pending(curves, job)
        self._queue.extend(_absorb(curves, job, result))
        n_done = n_before - _n_pending(curves, job)
        if np.any(curves.status == Status.PENDING):
            return n_done, None
        del self._open[job.block]
        return n_done, Finished(job.block, theta, curves)


def sweep_blocks(
    on: Bench,
    blocks: Iterable[tuple[_Key, NDArray[np.float64]]],
    pool: Pool,
    on_progress: Callable[[int], None] = lambda _: None,
    *,
    keep_words: bool = False,
) -> Iterator[tuple[_Key, NDArray[np.float64], Curves]]:
    """Simulate blocks of θ and yield each block's key, θ and curves as it is complete.

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
    waiting, sweeps = iter(blocks), Sweeps(pool, keep_words=keep_words)
    keys: dict[int, _Key] = {}
    while True:
        while sweeps.has_room and (block := next(waiting, None)) is not None:
            key, theta = block
            keys[sweeps.add(on, theta)] = key
        if not sweeps.n_open:
            return
        n_done, done = sweeps.wait()
        on_progress(n_done)
        if done is not None:
            yield keys.pop(done.number), done.theta, done.curves


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
