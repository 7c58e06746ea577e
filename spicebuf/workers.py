"""Supervised processes: a job that crashes or hangs costs only itself."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from concurrent import futures
from enum import Enum
from types import TracebackType
from typing import Any, Generic, TypeVar

import pebble

_Job = TypeVar("_Job")
_Result = TypeVar("_Result")
_Answer = TypeVar("_Answer")

EXIT_REPLACE = 86
"""Exit status of a worker that asks to be replaced before it starts the job it was given."""


class Loss(Enum):
    """How a job was lost with its process."""

    CRASHED = "crashed"
    DEADLINE = "deadline"


class Workers(Generic[_Job, _Result]):
    """A pool of processes that run one function; lost jobs are reported, the rest goes on.

    Use as a context manager. Processes start with the first job and are replaced when they die.

    Parameters
    ----------
    function : callable
        Runs in a worker; must be importable, as its argument and result must be picklable.
    n_workers : int
    backstop : float
        Seconds after which a worker is killed from outside, for processes that even their own timer
        cannot end.
    """

    def __init__(
        self, function: Callable[[_Job], _Result], n_workers: int, backstop: float
    ) -> None:
        self.n_workers = n_workers
        self._function = function
        self._backstop = backstop
        # spawn and forkserver start clean; fork would copy ngspice's global state and our threads.
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([function.__module__])
        self._pool = pebble.ProcessPool(
            max_workers=n_workers, initializer=_quiet_start, context=context
        )
        self._jobs: dict[Any, _Job] = {}

    def __enter__(self) -> "Workers[_Job, _Result]":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for future in self._jobs:
            future.cancel()
        self._pool.stop()  # type: ignore[no-untyped-call]
        self._pool.join()

    @property
    def n_outstanding(self) -> int:
        """Jobs submitted and not yet returned by `next_done`."""
        return len(self._jobs)

    def submit(self, job: _Job) -> None:
        """Hand a job to the pool."""
        future = self._pool.schedule(self._function, args=[job], timeout=self._backstop)
        self._jobs[future] = job

    def call(self, function: Callable[[], _Answer]) -> _Answer:
        """Run a function of no arguments in a worker and wait for its result."""
        answer: _Answer = self._pool.schedule(function, timeout=self._backstop).result()
        return answer

    def next_done(self) -> tuple[_Job, _Result | Loss]:
        """Wait for a job; return it with its result, or with how it was lost.

        An exception that the function raised is raised here.
        """
        while True:
            future = next(iter(futures.wait(self._jobs, return_when=futures.FIRST_COMPLETED).done))
            job = self._jobs.pop(future)
            try:
                return job, future.result()
            except pebble.ProcessExpired as error:
                if error.exitcode == EXIT_REPLACE:
                    self.submit(job)
                elif error.exitcode == -signal.SIGALRM:
                    return job, Loss.DEADLINE
                else:
                    return job, Loss.CRASHED
            except futures.TimeoutError:
                return job, Loss.DEADLINE


class deadline:  # noqa: N801 (used as a statement, like contextlib.suppress)
    """End this process with SIGALRM if the block takes longer than `seconds`.

    ngspice runs in C and never returns to Python while it hangs, so only the default action of a
    signal can end it.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __enter__(self) -> None:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, self._seconds)

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0.0)


def replace_this_process() -> None:
    """Leave at once; the pool starts a fresh process and gives it the job at hand."""
    os._exit(EXIT_REPLACE)


def _quiet_start() -> None:
    # Ctrl-C reaches the whole process group; only the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # ngspice writes past its callbacks; the user's screen and pipes stay clean.
    silent = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(silent, stream)
