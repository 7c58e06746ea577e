"""A real Dask scheduler and real workers: the same bits as here, also when a worker is killed."""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from spicebuf import cluster
from spicebuf.cluster import Cluster
from spicebuf.deck import Bench
from spicebuf.errors import InputError, SimulatorError
from spicebuf.ngspice import Status
from spicebuf.pools import Pool
from spicebuf.sweep import ngspice_version, simulators, sweep, sweep_blocks

OnBench = Callable[..., Bench]
Theta = Callable[..., NDArray[np.float64]]
LOOPBACK = ["--host", "127.0.0.1", "--no-dashboard"]


@dataclass
class Dask:
    """A scheduler on the loopback interface and its workers, ended with the test."""

    address: str
    processes: list[subprocess.Popen[bytes]]

    def worker(self) -> subprocess.Popen[bytes]:
        """Start a worker."""
        process = start("dask_worker", self.address, *LOOPBACK, "--nthreads", "1")
        self.processes.append(process)
        return process


def start(what: str, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", f"distributed.cli.{what}", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def stop(processes: list[subprocess.Popen[bytes]]) -> None:
    """End them and all that they started, also a nanny that is deaf while it restarts a worker."""
    alive = [psutil.Process(each.pid) for each in processes if each.poll() is None]
    family = [child for each in alive for child in each.children(recursive=True)]
    for process in reversed(processes):
        process.terminate()
    for process in processes:
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for orphan in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            orphan.kill()


@pytest.fixture
def dask(tmp_path: Path) -> Iterator[Dask]:
    file = tmp_path / "scheduler.json"
    limits = ["--port", "0", "--idle-timeout", "120s", "--scheduler-file", str(file)]
    process = start("dask_scheduler", *LOOPBACK, *limits)
    found = Dask("", [process])
    try:
        deadline = time.monotonic() + 60
        while not found.address:
            assert time.monotonic() < deadline
            time.sleep(0.05)
            if file.exists() and (text := file.read_text()).rstrip().endswith("}"):
                found.address = json.loads(text)["address"]
        yield found
    finally:
        stop(found.processes)


def parents(processes: list[psutil.Process]) -> list[psutil.Process]:
    found = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):  # it may end between question and answer
            found += [process] if process.children() else []
    return found


def test_a_cluster_gives_the_same_bits_also_when_a_worker_is_killed(
    pool: Pool, dask: Dask, on_bench: OnBench, random_theta: Theta
) -> None:
    on, theta = on_bench("threshold_cell"), random_theta("threshold_cell", 2048)
    expected = sweep(on, theta, pool)
    first, _ = dask.worker(), dask.worker()
    killed: list[int] = []

    def kill(_: int) -> None:
        # The nanny's child is the worker; its own child runs ngspice.
        if not killed and (workers := parents(psutil.Process(first.pid).children())):
            killed.append(workers[0].pid)
            workers[0].kill()

    with simulators(1, dask.address) as workers:
        assert ngspice_version(workers) == ngspice_version(pool)
        ((_, _, found),) = sweep_blocks(on, [(0, theta)], workers, kill)
    assert killed
    assert (found.status == Status.TRUSTED).all()
    np.testing.assert_array_equal(found.vout, expected.vout)


def test_a_bank_made_on_a_cluster_equals_one_made_here(dask: Dask, tmp_path: Path) -> None:
    """By the command line, file by file."""
    dask.worker()
    system = Path(__file__).resolve().parent.parent / "examples" / "inverters.toml"
    for name, where in (("there", ["--scheduler", dask.address]), ("here", ["-j", "2"])):
        command = [sys.executable, "-m", "spicebuf_cli", "sweep", str(system), "-n", "300"]
        subprocess.run([*command, *where, "-o", str(tmp_path / name)], check=True, timeout=120)
    there, here = (
        {file.relative_to(tmp_path / name): file.read_bytes() for file in files(tmp_path / name)}
        for name in ("there", "here")
    )
    assert there == here


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_scheduler_that_is_not_there_is_exit_status_3_within_seconds(tmp_path: Path) -> None:
    system = Path(__file__).resolve().parent.parent / "examples" / "inverters.toml"
    command = [sys.executable, "-m", "spicebuf_cli", "sweep", str(system)]
    done = subprocess.run(
        [*command, "--scheduler", "tcp://127.0.0.1:1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 3
    assert done.stderr.strip().splitlines()[-1].startswith("Error: no Dask scheduler answers")
    assert "Traceback" not in done.stderr


def test_a_scheduler_without_workers_is_said(dask: Dask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "WORKERS_TIMEOUT", 0.0)
    monkeypatch.setattr(cluster, "_COUNTED_EVERY", 0.5)
    with Cluster(dask.address) as workers, pytest.raises(SimulatorError, match="has no workers"):
        ngspice_version(workers)


def test_a_scheduler_that_ends_is_said(
    dask: Dask, on_bench: OnBench, random_theta: Theta, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "_COUNTED_EVERY", 0.5)
    on, theta = on_bench("threshold_cell"), random_theta("threshold_cell", 2048)
    dask.worker()
    with Cluster(dask.address) as workers, pytest.raises(SimulatorError, match="is gone"):
        for _ in sweep_blocks(on, [(0, theta)], workers, lambda _: dask.processes[0].kill()):
            pass


def test_a_worker_with_another_version_is_named(
    dask: Dask, on_bench: OnBench, random_theta: Theta
) -> None:
    on, theta = on_bench("threshold_cell"), random_theta("threshold_cell", 16)
    dask.worker()
    with Cluster(dask.address) as workers:
        workers._expected = ("0.1.0", "17")
        with pytest.raises(SimulatorError, match=r"Dask worker tcp://\S+: it has .* ngspice"):
            sweep(on, theta, workers)


@pytest.mark.parametrize(
    "address", ["", "8786", "localhost:8786", "http://localhost:8786", "ucx://a:1"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(InputError, match="must be an address such as"):
        Cluster(address)


def test_encryption_needs_certificates() -> None:
    with pytest.raises(InputError, match="needs certificates"):
        Cluster("tls://127.0.0.1:1")


def test_dask_that_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(SimulatorError, match=r"pip install 'spicebuf\[dask\]'"):
        Cluster("tcp://127.0.0.1:8786")
