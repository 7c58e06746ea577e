"""Supervised processes: a job that crashes or hangs costs only itself.

Every worker has a pipe of its own and shares no lock with the others, so that one may be killed at any
moment, even in the middle of a message, without harm to the rest. Pools with shared queues (those of
concurrent.futures, loky and Pebble were tried) break or stand still when that happens.
"""

import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pickle import UnpicklingError
from typing import Any, Generic, TypeVar

from spicebuf.errors import SimulatorError

_Job = TypeVar("_Job")
_Result = TypeVar("_Result")
_Answer = TypeVar("_Answer")

_START_TIMEOUT = 60.0
_STARTS_TRIED = 3


class Loss(Enum):
    """How a job was lost with its process."""

    CRASHED = "crashed"
    DEADLINE = "deadline"


@dataclass(frozen=True)
class _Task:
    function: Callable[[Any], Any]
    job: Any


@dataclass
class _Worker:
    process: BaseProcess
    pipe: Connection
    task: _Task | None = None
    until: float = 0.0

    def end(self) -> int | None:
        """Kill the process, if it still lives, and return its exit status."""
        self.process.join(timeout=0.1)
        self.process.kill()
        self.process.join()
        self.pipe.close()
        return self.process.exitcode


class Workers(Generic[_Job, _Result]):
    """Processes that run one function on many jobs; lost jobs are reported, the rest goes on.

    Use as a context manager. Processes start when there is work and are replaced when they die.

    Parameters
    ----------
    function : callable
        Runs in a worker; must be importable there, its argument and result picklable.
    n_workers : int
    backstop : float
        Seconds without a sign of life (see `deadline`) after which a worker is killed from outside.
    """

    def __init__(
        self, function: Callable[[_Job], _Result], n_workers: int, backstop: float
    ) -> None:
        self.n_workers = n_workers
        self._function = function
        self._backstop = backstop
        # spawn and forkserver start clean; fork would copy ngspice's global state.
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([function.__module__])
        self._queue: deque[_Task] = deque()
        self._workers: list[_Worker] = []

    def __enter__(self) -> "Workers[_Job, _Result]":
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.end()
        self._workers.clear()
        self._queue.clear()

    @property
    def n_outstanding(self) -> int:
        """Jobs submitted and not yet returned by `next_done`."""
        return len(self._queue) + sum(worker.task is not None for worker in self._workers)

    @property
    def process_ids(self) -> list[int]:
        """Ids of the processes that are running."""
        return [worker.process.pid for worker in self._workers if worker.process.pid is not None]

    def submit(self, job: _Job) -> None:
        """Queue a job."""
        self._queue.append(_Task(self._function, job))

    def next_done(self) -> tuple[_Job, _Result | Loss]:
        """Wait for a job; return it with its result, or with how it was lost.

        Raises
        ------
        SimulatorError
            If processes cannot be started.
        Exception
            Any that the function raised.
        """
        task, answer = self._next_answer()
        return task.job, answer

    def call(self, function: Callable[[None], _Answer]) -> _Answer:
        """Run another function in a worker and wait; only while no job is outstanding."""
        if self.n_outstanding:
            raise RuntimeError("call: there are jobs outstanding")
        self._queue.append(_Task(function, None))
        _, answer = self._next_answer()
        if isinstance(answer, Loss):
            raise SimulatorError(f"ngspice {answer.value} while it started; see 'spicebuf doctor'")
        result: _Answer = answer
        return result

    def _next_answer(self) -> tuple[_Task, Any]:
        while True:
            self._dispatch()
            busy = {worker.pipe: worker for worker in self._workers if worker.task is not None}
            first_end = min(worker.until for worker in busy.values())
            ready = wait(list(busy), timeout=max(0.0, first_end - time.monotonic()))
            for pipe in ready:
                assert isinstance(pipe, Connection)  # noqa: S101 (narrows the type)
                worker = busy[pipe]
                answer = self._receive(worker)
                if answer is not None:
                    return answer
                worker.until = time.monotonic() + self._backstop
            for worker in busy.values():
                if worker.until <= time.monotonic():
                    return self._drop(worker), Loss.DEADLINE

    def _receive(self, worker: _Worker) -> tuple[_Task, Any] | None:
        """Take a message: a job's end, or None for a sign of life."""
        try:
            message = worker.pipe.recv()
        except (EOFError, OSError, UnpicklingError):
            task = self._drop(worker)
            timed_out = worker.process.exitcode == -signal.SIGALRM
            return task, Loss.DEADLINE if timed_out else Loss.CRASHED
        if message is None:
            return None
        answer, error, retires = message
        if retires:
            task = self._drop(worker)
        else:
            task, worker.task = _task_of(worker), None
        if error is not None:
            raise error
        return task, answer

    def _drop(self, worker: _Worker) -> _Task:
        self._workers.remove(worker)
        worker.end()
        return _task_of(worker)

    def _dispatch(self) -> None:
        while self._queue:
            worker = next((worker for worker in self._workers if worker.task is None), None)
            if worker is None and len(self._workers) < self.n_workers:
                worker = self._start()
                self._workers.append(worker)
            if worker is None:
                return
            try:
                worker.pipe.send(self._queue[0])
            except OSError:  # it died while it was idle
                self._workers.remove(worker)
                worker.end()
                continue
            worker.task = self._queue.popleft()
            worker.until = time.monotonic() + self._backstop

    def _start(self) -> _Worker:
        status: int | None = None
        for _ in range(_STARTS_TRIED):
            ours, theirs = self._context.Pipe()
            process = self._context.Process(target=_serve, args=(theirs,), daemon=True)
            process.start()
            theirs.close()
            worker = _Worker(process, ours)
            with suppress(EOFError, OSError):
                if ours.poll(_START_TIMEOUT) and ours.recv():
                    return worker
            status = worker.end()
        raise SimulatorError(
            f"a worker process cannot start (exit status {status}); in a script of your own, put "
            "what it does under  if __name__ == '__main__':"
        )


def _task_of(worker: _Worker) -> _Task:
    assert worker.task is not None  # noqa: S101 (only busy workers are asked)
    return worker.task


_retiring = False
_pipe: Connection | None = None


def retire() -> None:
    """Call in a worker: after the job at hand this process ends and another takes its place."""
    global _retiring  # noqa: PLW0603 (state of this process)
    _retiring = True


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """End this process with SIGALRM if the block takes longer than `seconds`; show life before it.

    ngspice runs in C and never returns to Python while it hangs, so only the default action of a
    signal can end it.
    """
    if _pipe is not None:
        _pipe.send(None)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)


def _serve(pipe: Connection) -> None:
    # Ctrl-C reaches the whole process group; only the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # ngspice writes past its callbacks; the user's screen and pipes stay clean.
    silent = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(silent, stream)
    global _pipe  # noqa: PLW0603 (state of this process)
    _pipe = pipe
    pipe.send("ready")
    # The pipe ends when the parent does, however it ends.
    with suppress(EOFError, OSError):
        while not _retiring:
            task: _Task = pipe.recv()
            answer, error = None, None
            try:
                answer = task.function(task.job)
            except Exception as caught:  # noqa: BLE001 (it is raised in the parent)
                error = caught
            pipe.send((answer, error, _retiring))
