"""Jobs on a Dask cluster: each Dask worker supervises ngspice processes of its own.

ngspice runs in a child of the Dask worker, as it does locally, so that a deck that crashes or hangs costs
neither the worker nor its neighbours. If a Dask worker itself dies, the scheduler gives its jobs to
others.
"""

import logging
import multiprocessing
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from typing import Any, Self, TypeVar

import spicebuf
from spicebuf.errors import InputError, SimulatorError, SpicebufError
from spicebuf.pools import local_pool
from spicebuf.simulate import Curves, Job, ngspice_version
from spicebuf.workers import Loss, Workers

_Answer = TypeVar("_Answer")

CONNECT_TIMEOUT = 5.0
"""Seconds that a scheduler may take to answer."""

WORKERS_TIMEOUT = 60.0
"""Seconds that a scheduler may be without any worker."""

_ADDRESS = re.compile(r"(tcp|tls)://\S+:\d+")
_COUNTED_EVERY = 5.0
_mine = threading.local()


class Cluster:
    """A `Pool` of all workers of a Dask scheduler, those that join later included.

    Parameters
    ----------
    address : str
        Of the scheduler, such as ``tcp://10.0.0.1:8786``.

    Raises
    ------
    InputError
        If this is no address.
    SimulatorError
        If Dask is not installed here, or no scheduler answers.
    """

    def __init__(self, address: str) -> None:
        if not _ADDRESS.fullmatch(address):
            raise InputError(
                f"scheduler = {address!r} must be an address such as tcp://10.0.0.1:8786"
            )
        try:
            import distributed  # noqa: PLC0415 (an extra)
        except ImportError as error:
            raise SimulatorError(
                "a scheduler needs Dask; install it with \"pip install 'spicebuf[dask]'\", or in a "
                "checkout \"pip install '.[dask]'\""
            ) from error
        self._address = address
        self._dask: Any = distributed
        # It logs a traceback for every job when the scheduler ends; one message says it all.
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        if address.startswith("tls:") and not self._has_certificates():
            raise InputError(
                f"scheduler = {address!r} needs certificates in Dask's configuration, "
                "distributed.comm.tls"
            )
        try:
            self._client: Any = self._dask.Client(
                address, timeout=CONNECT_TIMEOUT, set_as_default=False
            )
        except (OSError, TimeoutError, ValueError) as error:
            raise SimulatorError(
                f"no Dask scheduler answers at {address}; start one with 'dask scheduler'"
            ) from error
        self._jobs: dict[Any, Job] = {}
        self._done: list[Any] = []
        self._n_workers, self._counted = 0, -_COUNTED_EVERY
        self._expected: tuple[str, str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(Exception):
            self._client.cancel(list(self._jobs))
        self._client.close(timeout=CONNECT_TIMEOUT)

    @property
    def n_workers(self) -> int:
        """Jobs that run at the same time: threads of all workers, counted every few seconds."""
        if time.monotonic() - self._counted > _COUNTED_EVERY:
            self._n_workers, self._counted = self._count(), time.monotonic()
        return max(1, self._n_workers)

    @property
    def n_outstanding(self) -> int:
        """Jobs submitted and not yet returned by `next_done`."""
        return len(self._jobs)

    def submit(self, job: Job) -> None:
        """Hand a job to the scheduler."""
        future = self._client.submit(_run_there, job, self._versions(), pure=False)
        self._jobs[future] = job

    def next_done(self) -> tuple[Job, Curves | Loss]:
        """Wait for a job; return it with its curves, or with how it was lost.

        Raises
        ------
        SimulatorError
            If the scheduler is gone, it has been without workers for long, or a worker has another
            version of ngspice or spicebuf.
        """
        if not self._done:
            self._done = list(self._wait(list(self._jobs)))
        future = self._done.pop()
        return self._jobs.pop(future), self._result_of(future)

    def call(self, function: Callable[[None], _Answer]) -> _Answer:
        """Run another function in an ngspice process of a worker and wait."""
        future = self._client.submit(_call_there, function, pure=False)
        self._wait([future])
        answer: _Answer = self._result_of(future)
        return answer

    def _has_certificates(self) -> bool:
        arguments = self._dask.Security().get_connection_args("client")
        return arguments.get("ssl_context") is not None

    def _versions(self) -> tuple[str, str]:
        if self._expected is None:
            self._expected = (spicebuf.__version__, self.call(ngspice_version))
        return self._expected

    def _wait(self, futures: list[Any]) -> Any:  # noqa: ANN401 (Dask's set of futures)
        alone_since = time.monotonic()
        while True:
            try:
                with self._client.as_current():
                    return self._dask.wait(
                        futures, timeout=_COUNTED_EVERY, return_when="FIRST_COMPLETED"
                    ).done
            except TimeoutError:
                if self._count():
                    alone_since = time.monotonic()
                elif time.monotonic() - alone_since > WORKERS_TIMEOUT:
                    raise SimulatorError(
                        f"the Dask scheduler at {self._address} has no workers; start some with "
                        f"'dask worker {self._address} --nthreads 1' and call again"
                    ) from None
            except (CancelledError, OSError) as error:
                raise self._gone() from error

    def _result_of(self, future: Any) -> Any:  # noqa: ANN401 (whatever the task returns)
        try:
            return future.result(timeout=CONNECT_TIMEOUT)
        except self._dask.scheduler.KilledWorker:
            # Workers died under this job again and again; whose fault it is, reruns will tell.
            return Loss.CRASHED
        except (CancelledError, OSError, TimeoutError) as error:
            raise self._gone() from error

    def _count(self) -> int:
        try:
            return sum(self._client.nthreads().values())
        except (OSError, TimeoutError, CancelledError) as error:
            raise self._gone() from error

    def _gone(self) -> SimulatorError:
        return SimulatorError(
            f"the Dask scheduler at {self._address} is gone; finished blocks are kept, call again "
            "once it is back"
        )


def _run_there(job: Job, expected: tuple[str, str]) -> Curves | Loss:
    """Run a job on a Dask worker."""
    with _explained():
        pool = _own_pool()
        found = (spicebuf.__version__, _mine.version)
        if found != expected:
            raise SimulatorError(
                f"it has spicebuf {found[0]} and ngspice {found[1]}, but others have "
                f"{expected[0]} and {expected[1]}; one bank needs one version"
            )
        pool.submit(job)
        return pool.next_done()[1]


def _call_there(function: Callable[[None], _Answer]) -> _Answer:
    with _explained():
        return _own_pool().call(function)


def _own_pool() -> Workers[Job, Curves]:
    """Return the ngspice process of this thread of the Dask worker."""
    if not hasattr(_mine, "pool"):
        # Dask's nanny marks its worker as a daemon, which may not have children. Ours end when the pipe
        # to their parent does, however that ends.
        multiprocessing.current_process()._config["daemon"] = False  # type: ignore[attr-defined]  # noqa: SLF001
        pool = local_pool(1)
        _mine.version = pool.call(ngspice_version)
        _mine.pool = pool
    own: Workers[Job, Curves] = _mine.pool
    return own


@contextmanager
def _explained() -> Iterator[None]:
    """Say on which Dask worker something went wrong."""
    try:
        yield
    except SpicebufError as error:
        from distributed import get_worker  # noqa: PLC0415 (only on Dask workers)

        raise SimulatorError(f"Dask worker {get_worker().address}: {error}") from error
