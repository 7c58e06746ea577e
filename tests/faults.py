"""Functions that workers run to misbehave, with the real ngspice where it matters."""

import os
import signal
import tempfile
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySpice.Spice.NgSpice.Shared import NgSpiceCommandError

from spicebuf.deck import Deck, Sweep
from spicebuf.ngspice import DeckResult, Engine
from spicebuf.simulate import Curves, Job, run_job
from spicebuf.workers import deadline

VIN = np.linspace(0.0, 5.0, 11)
DIVIDER = "r1 in o 1k\nr2 o 0 1k"

CRASH, HANG, STOP = 666.0, 667.0, 668.0
"""First parameters that make `faulty_job` misbehave."""


@cache
def _engine() -> Engine:
    return Engine()


def deck(body: str) -> str:
    """Write a deck with an input `in` and a saved output `o`."""
    return f"title\n.options reltol=1e-6 vntol=1e-9\n{body}\nvin in 0 0\n.save v(o)\n.end\n"


def simulate(request: tuple[str, str]) -> tuple[DeckResult, bool]:
    """Simulate the body of a deck with a command; tell also whether ngspice is now poisoned."""
    body, command = request
    engine = _engine()
    result = engine.simulate(Deck(deck(body)), ["o"], [[Sweep(command, VIN)]])
    poisoned, engine.poisoned = engine.poisoned, False
    return result, poisoned


def simulate_deck(deck: str, _: None = None) -> list[NDArray[np.float64]]:
    """Load a whole deck and `run` it; return ``out0`` of the sweeps up and down that it makes."""
    ngspice = _engine()._ngspice
    known = set(ngspice.plot_names)
    ngspice.load_circuit(deck)
    # PySpice raises for any note on stderr.
    with suppress(NgSpiceCommandError):
        ngspice.run()
    plots = [ngspice.plot(None, name) for name in set(ngspice.plot_names) - known]
    plots.sort(key=lambda plot: plot["v-sweep"]._data[0])
    return [np.array(plot["out0"]._data) for plot in plots]


def hang(_: None) -> None:
    """Make ngspice itself hang: a DC sweep with a step of 0 never ends."""
    with deadline(1.0):
        simulate((DIVIDER, "dc vin 0 5.0 0"))


def misbehave(how: str) -> int:
    """Crash, hang, stop, raise, or return this process's id."""
    if how == "crash":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "abort":
        os.abort()
    if how == "hang":
        time.sleep(1000)
    if how == "raise":
        raise ValueError(how)
    return os.getpid()


def crash_marker(n: int) -> Path:
    """Name the file that makes a job of `n` θ crash."""
    return Path(tempfile.gettempdir(), f"spicebuf-crash-once-{os.getuid()}-{n}")


def job_that_crashes_once(job: Job) -> Curves:
    """Run a job, but crash the first time, while its marker is there."""
    marker = crash_marker(len(job.theta))
    if marker.exists():
        marker.unlink()
        os.kill(os.getpid(), signal.SIGKILL)
    return run_job(job)


def faulty_job(job: Job) -> Curves:
    """Run a job, but crash, hang or stop at θ whose first parameter says so."""
    first = job.theta[:, 0]
    if CRASH in first:
        os.kill(os.getpid(), signal.SIGSEGV)
    if HANG in first:
        with deadline(0.3):
            time.sleep(1000)
    if STOP in first:
        os.kill(os.getpid(), signal.SIGSTOP)
    return run_job(job)
