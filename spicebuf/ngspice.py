"""The only file that talks to PySpice: one deck and its sweeps → arrays, or why not.

One engine serves one process and one thread; ngspice's state is global. Facts about ngspice 39 that
shape this file: an exception from PySpice does not mean bad data, and no exception does not mean good
data; a failed load can return the previous deck's results and poisons the process for later decks.
"""

import ctypes.util
import logging
import os
import re
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spicebuf.deck import Deck, Sweep
from spicebuf.errors import SimulatorError

# Far below a grid step and far above the rounding of `start + i * step` inside ngspice.
_AXIS_TOLERANCE = 1e-9
_LOAD_FAILED = re.compile(
    r"error|fatal|illegal value|could not find|can't find|undefined|"
    r"unknown (?:sub|model|device|param)|no such",
    re.IGNORECASE,
)
# ngspice prints this on every start where it has no spinit; Debian's package has one.
_HARMLESS = re.compile(r"can't find init file|can't find the initialization file", re.IGNORECASE)
_COMPLAINT = re.compile(
    r"error|fatal|can't find|could not|undefined|unknown|trouble|failed|abort|transient op",
    re.IGNORECASE,
)
_IGNORED = re.compile(r"unrecognized parameter \((\w+)\)", re.IGNORECASE)
_TRANSIENT_OP = re.compile(r"transient op", re.IGNORECASE)


class Status(IntEnum):
    """How the simulation of one θ ended. Everything but TRUSTED is *unsimulated*."""

    TRUSTED = 0
    NOT_CONVERGED = 1
    TRANSIENT_OP = 2
    NOT_FINITE = 3
    LOAD_FAILED = 4
    CRASHED = 5
    DEADLINE = 6
    UNDETERMINED = 7
    PENDING = 255

    @property
    def meaning(self) -> str:
        """The reason in words."""
        return _MEANINGS[self]


_MEANINGS = {
    Status.TRUSTED: "trusted",
    Status.NOT_CONVERGED: "no convergence: the sweep is incomplete",
    Status.TRANSIENT_OP: "no DC operating point: ngspice fell back on a transient",
    Status.NOT_FINITE: "an output is not finite",
    Status.LOAD_FAILED: "ngspice refused the deck",
    Status.CRASHED: "ngspice crashed",
    Status.DEADLINE: "ngspice exceeded its deadline",
    Status.UNDETERMINED: "more than one operating point at a supply rail: a sweep has no start",
    Status.PENDING: "not simulated yet",
}


@dataclass(frozen=True)
class DeckResult:
    """Outcome of one deck.

    Attributes
    ----------
    status : Status
    curves : array of float, shape (n_outputs, n_branches, n_points), or None
        Output voltages [V] against ascending input, in the order asked for; None unless trusted.
    words : str
        What ngspice printed.
    """

    status: Status
    curves: NDArray[np.float64] | None
    words: str


def find_library() -> str | None:
    """Return the ngspice shared library's name or path, or None if there is none.

    The environment variable NGSPICE_LIBRARY_PATH, PySpice's own, comes first.
    """
    named = os.environ.get("NGSPICE_LIBRARY_PATH") or ctypes.util.find_library("ngspice")
    if named:
        return named
    # Conda's and Homebrew's folders are not on the loader's path.
    prefixes = (
        os.environ.get("CONDA_PREFIX", sys.prefix),
        sys.prefix,
        "/opt/homebrew",
        "/usr/local",
    )
    for prefix in prefixes:
        for suffix in ("so", "so.0", "dylib"):
            path = Path(prefix, "lib", f"libngspice.{suffix}")
            if path.exists():
                return str(path)
    return None


def require_library() -> str:
    """Return the name of the ngspice shared library.

    Raises
    ------
    SimulatorError
        If it is not installed, with how to install it.
    """
    library = find_library()
    if library is None:
        raise SimulatorError(
            "libngspice is not installed; install it with 'apt install libngspice0' (Debian, Ubuntu), "
            "'dnf install libngspice' (Fedora), 'brew install libngspice' (macOS) or "
            "'conda install -c conda-forge ngspice-lib'"
        )
    return library


def ignored_parameters(words: str) -> set[str]:
    """Return the names of the model parameters that ngspice says it ignores."""
    return {name.lower() for name in _IGNORED.findall(words)}


def gist(words: str) -> str:
    """Return what matters in ngspice's words: its complaints, on one line."""
    lines = (" ".join(line.split()) for line in words.splitlines())
    matters = [line[:200] for line in lines if _COMPLAINT.search(line)]
    return "; ".join(dict.fromkeys(matters[-4:]))


class Engine:
    """ngspice in this process.

    Attributes
    ----------
    poisoned : bool
        A deck failed to load: later decks in this process cannot be trusted, the process must go.
    version : str
    """

    def __init__(self) -> None:
        library = require_library()
        logging.getLogger("PySpice").setLevel(logging.CRITICAL + 1)
        from PySpice.Spice.NgSpice.Shared import NgSpiceShared  # noqa: PLC0415 (only in workers)

        NgSpiceShared.LIBRARY_PATH = library
        # An empty start-up file shields from one in the working or home folder.
        with tempfile.TemporaryDirectory(prefix="spicebuf-") as folder:
            Path(folder, ".spiceinit").touch()
            os.chdir(folder)
            try:
                self._ngspice: Any = NgSpiceShared(verbose=False)
            except (OSError, AttributeError, NameError) as error:
                raise SimulatorError(
                    f"{library} cannot be loaded as libngspice: {error}"
                ) from error
            finally:
                os.chdir("/")
        # BSIM4 would start two OpenMP threads a process; OMP_NUM_THREADS does nothing.
        self._command("set num_threads=1")
        self.version = str(self._ngspice.ngspice_version)
        self.poisoned = False
        self._loaded: str | None = None
        self._load_words = ""

    def simulate(
        self,
        deck: Deck,
        outputs: Sequence[str],
        branches: Sequence[Sequence[Sweep]],
    ) -> DeckResult:
        """Load a deck, run DC sweeps and take the outputs if they can be trusted.

        Parameters
        ----------
        deck : Deck
        outputs : sequence of str
            Names of the saved output vectors.
        branches : sequence of sequence of Sweep
            The sweeps of each branch's curve in ascending order; each sweep must visit just the
            voltages that it names. All curves have one number of points.
        """
        if self.poisoned:
            raise SimulatorError("this ngspice process failed to load a deck and must be replaced")
        result = DeckResult(Status.LOAD_FAILED, None, "")
        try:
            result = self._simulate(deck, outputs, branches)
            return result
        finally:
            # Without both, each deck leaks 17 to 29 kB. A deck that is altered is kept for the next.
            self._command("destroy all")
            if not deck.alter or result.status is not Status.TRUSTED:
                self._unload()

    def _simulate(
        self, deck: Deck, outputs: Sequence[str], branches: Sequence[Sequence[Sweep]]
    ) -> DeckResult:
        if deck.text != self._loaded:
            self._unload()
            self._loaded, self._load_words = deck.text, self._load(deck.text)
        words = self._load_words
        altered = self._alter(deck.alter)
        if altered or _LOAD_FAILED.search(_HARMLESS.sub("", words)):
            return self._failed(Status.LOAD_FAILED, words + altered)
        curves = []
        for sweeps in branches:
            parts = []
            for sweep in sweeps:
                result = self._sweep(sweep, outputs, words)
                words = result.words
                if result.curves is None:
                    return result
                parts.append(result.curves)
            curves.append(np.concatenate(parts, axis=1))
        return DeckResult(Status.TRUSTED, np.stack(curves, axis=1), words)

    def _sweep(self, sweep: Sweep, outputs: Sequence[str], words: str) -> DeckResult:
        """Run one sweep of the loaded deck; its curves have shape (n_outputs, n_points)."""
        plots = set(self._ngspice.plot_names)
        words += self._command(sweep.command)
        new = [name for name in self._ngspice.plot_names if name not in plots]
        if len(new) != 1:
            return self._failed(Status.LOAD_FAILED, words)
        found = self._read(new[0], outputs, sweep.vin)
        status = _judge(found, words)
        if status is not Status.TRUSTED or found is None:
            return DeckResult(status, None, words)
        return DeckResult(status, found[:, :: sweep.fineness], words)

    def _unload(self) -> None:
        if self._loaded is not None:
            self._command("remcirc")
        self._loaded = None

    def _alter(self, commands: Sequence[str]) -> str:
        """Run commands that print nothing unless they fail; return what they printed."""
        self._ngspice.clear_output()
        # Its exec_command takes half as long again, and frees ngspice's history of commands now and then.
        run = self._ngspice._ngspice_shared.ngSpice_Command  # noqa: SLF001
        self._ngspice._number_of_exec_calls += len(commands)  # noqa: SLF001
        failed = [command for command in commands if run(command.encode())]
        words = self._words().strip()
        return "\n".join((*failed, words)) if failed or words else ""

    def _failed(self, status: Status, words: str) -> DeckResult:
        self.poisoned = True
        return DeckResult(status, None, words)

    def _load(self, deck: str) -> str:
        from PySpice.Spice.NgSpice.Shared import (  # noqa: PLC0415 (only in workers)
            NgSpiceCircuitError,
        )

        try:
            self._ngspice.load_circuit(deck)
        except (NgSpiceCircuitError, NameError) as error:
            return f"{self._words()}\nerror: {error}"
        return self._words()

    def _command(self, command: str) -> str:
        from PySpice.Spice.NgSpice.Shared import (  # noqa: PLC0415 (only in workers)
            NgSpiceCommandError,
        )

        # Raised for any note on stderr, with the data complete; the data are judged instead.
        with suppress(NgSpiceCommandError, NameError):
            self._ngspice.exec_command(command)
        return self._words()

    def _words(self) -> str:
        return f"{self._ngspice.stdout}\n{self._ngspice.stderr}\n"

    def _read(
        self, plot_name: str, outputs: Sequence[str], vin: NDArray[np.float64]
    ) -> NDArray[np.float64] | None:
        vectors = {
            name.lower(): np.asarray(vector._data)  # noqa: SLF001 (the public view adds a unit)
            for name, vector in self._ngspice.plot(None, plot_name).items()
        }
        axis = vectors.get("v-sweep")
        found = [vectors.get(name) for name in outputs]
        if axis is None or axis.shape != vin.shape:
            return None
        if any(vector is None or vector.shape != vin.shape for vector in found):
            return None
        sweep = np.array(found, dtype=np.float64)
        if axis[0] > axis[-1]:
            axis, sweep = axis[::-1], sweep[:, ::-1]
        if np.max(np.abs(axis - vin)) > _AXIS_TOLERANCE * max(1.0, vin[-1]):
            return None
        return sweep


def _judge(sweep: NDArray[np.float64] | None, words: str) -> Status:
    if sweep is None:
        return Status.NOT_CONVERGED
    if _TRANSIENT_OP.search(words):
        return Status.TRANSIENT_OP
    if not np.isfinite(sweep).all():
        return Status.NOT_FINITE
    return Status.TRUSTED
