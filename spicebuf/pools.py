"""What simulates jobs: supervised processes on this machine, or many machines (see `cluster`)."""

from collections.abc import Callable
from typing import Protocol, Self, TypeVar

from spicebuf.ngspice import require_library
from spicebuf.simulate import DECK_DEADLINE, Curves, Job, run_job
from spicebuf.workers import Loss, Workers

_Answer = TypeVar("_Answer")

# Beyond a deck's deadline, for a process that even its own timer cannot end.
_GRACE = 10.0


class Pool(Protocol):
    """Runs jobs; a context manager. Which worker takes a job, and when, changes no result."""

    @property
    def n_workers(self) -> int:
        """Jobs that run at the same time."""

    @property
    def n_outstanding(self) -> int:
        """Jobs submitted and not yet returned by `next_done`."""

    def submit(self, job: Job) -> None:
        """Queue a job."""

    def next_done(self) -> tuple[Job, Curves | Loss]:
        """Wait for a job; return it with its curves, or with how it was lost."""

    def call(self, function: Callable[[None], _Answer]) -> _Answer:
        """Run another function in a worker and wait; only while no job is outstanding."""

    def __enter__(self) -> Self:
        """Start what is needed."""

    def __exit__(self, *_: object) -> None:
        """End it, with all jobs under way."""


def local_pool(n_workers: int) -> Workers[Job, Curves]:
    """Return a pool of ngspice processes on this machine.

    Raises
    ------
    SimulatorError
        If libngspice is not installed.
    """
    require_library()
    return Workers(run_job, n_workers, backstop=DECK_DEADLINE + _GRACE)
