"""Banks: transfer curves of one component on disk, growing and resumable.

A bank knows no APIs: it answers any question about its curves without a simulation. It is named by a
hash of all that its curves depend on, so that a changed netlist, prior or seed makes another bank.
"""

import errno
import fcntl
import hashlib
import json
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from spicebuf.deck import SOLVER_OPTIONS, Bench
from spicebuf.errors import BankError
from spicebuf.ngspice import Status
from spicebuf.prior import Prior, draw, grid_points
from spicebuf.sweep import Curves, batch_size

BLOCK = 256
"""θ per chunk on disk, and the unit in which a killed sweep is resumed."""

FORMAT = 1


@dataclass(frozen=True)
class Source:
    """Where the θ of a bank come from: independent draws, or every point of a grid in turn.

    Attributes
    ----------
    method : str
        ``"monte-carlo"`` or ``"enumeration"``.
    priors : mapping of str to Prior
    seed : int or None
        Of the draws; None for a grid, which needs none.
    stream : str
        Makes the draws of components of one system independent of one another.
    """

    method: str
    priors: Mapping[str, Prior]
    seed: int | None
    stream: str

    def theta(self, first: int, stop: int) -> NDArray[np.float64]:
        """Return θ number `first` to `stop - 1`; `first` must be a multiple of BLOCK."""
        priors = list(self.priors.values())
        if self.seed is None:
            return grid_points(priors, first, stop)
        stream = int.from_bytes(hashlib.sha256(self.stream.encode()).digest()[:8], "big")
        blocks = range(first // BLOCK, -(-stop // BLOCK))
        drawn = [
            draw(priors, BLOCK, np.random.default_rng([self.seed, stream, block]))
            for block in blocks
        ]
        return np.concatenate(drawn)[: stop - first]


@dataclass(frozen=True)
class Bank:
    """Transfer curves on disk; open the folder with ``xarray.open_zarr`` to look inside."""

    path: Path
    bench: Bench
    source: Source
    ngspice_version: str

    @property
    def n(self) -> int:
        """Number of θ that the bank has room for; some may still be pending."""
        return int(self._array("status").shape[0])

    def pending(self, n: int) -> list[int]:
        """Return the blocks among the first `n` θ that are not complete."""
        with self.guarded():
            status = self._array("status")[:n]
        starts = range(0, n, BLOCK)
        return [k for k, a in enumerate(starts) if np.any(status[a : a + BLOCK] == Status.PENDING)]

    def block_size(self, block: int, n: int) -> int:
        """Return how many θ to simulate for a block of a bank of `n`.

        Whole decks are filled where θ are drawn, so that a curve does not depend on `n`.
        """
        size = min(BLOCK, n - block * BLOCK)
        if self.source.seed is not None:
            batch = batch_size(self.bench)
            size = -(-size // batch) * batch
        return size

    def block_theta(self, block: int, n: int) -> NDArray[np.float64]:
        """Return the θ to simulate for a block of a bank of `n`."""
        first = block * BLOCK
        return self.source.theta(first, first + self.block_size(block, n))

    def write(self, block: int, theta: NDArray[np.float64], curves: Curves) -> None:
        """Store a finished block, its status last: a block cut short stays pending."""
        n = min(len(theta), self.n - block * BLOCK)
        rows = slice(block * BLOCK, block * BLOCK + n)
        with self.guarded():
            self._array("theta")[rows] = theta[:n]
            self._array("vout")[rows] = curves.vout[:n]
            self._array("status")[rows] = curves.status[:n]

    def read(self, n: int) -> Iterator[tuple[NDArray[np.float64], Curves]]:
        """Yield θ and curves of the first `n`, block by block."""
        theta, vout, status = (self._array(name) for name in ("theta", "vout", "status"))
        for first in range(0, n, BLOCK):
            rows = slice(first, min(first + BLOCK, n))
            with self.guarded():
                block = np.asarray(theta[rows]), np.asarray(vout[rows]), np.asarray(status[rows])
            yield block[0], Curves(*block[1:])

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the bank for writing; the system lets go when the process ends, however it ends.

        Raises
        ------
        BankError
            If another process holds it.
        """
        with (self.path.parent / f"{self.path.name}.lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise BankError(
                    f"bank {self.path}: another process is writing it; wait for it to finish"
                ) from error
            yield

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Turn what disks, codecs and zarr raise into a BankError that says what to do."""
        try:
            yield
        except (OSError, ValueError, TypeError, KeyError, RuntimeError) as error:
            if isinstance(error, OSError) and error.errno not in {None, errno.ENOENT}:
                words = f"cannot be read or written ({error.strerror}); finished blocks are kept"
            else:
                words = f"damaged ({error}); delete the folder to simulate it again"
            raise BankError(f"bank {self.path}: {words}") from error

    def _array(self, name: str) -> Any:  # noqa: ANN401 (zarr's indexing has no usable types)
        return zarr.open_array(self.path / name, mode="r+")


def open_bank(folder: Path, on: Bench, source: Source, ngspice_version: str, n: int) -> Bank:
    """Open the bank of `on` and `source` in `folder`; create it or make room for `n` θ as needed.

    Raises
    ------
    BankError
        If the folder cannot be written, or its bank is not readable by this version.
    """
    key = _key(on, source, ngspice_version)
    text = json.dumps(key, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    safe = re.sub(r"[^A-Za-z0-9_-]+", "_", source.stream)
    bank = Bank(folder / f"{safe}-{digest}.zarr", on, source, ngspice_version)
    with bank.guarded():
        folder.mkdir(parents=True, exist_ok=True)
        with bank.locked():
            if not (bank.path / "zarr.json").exists():
                _create(bank, key)
            _grow(bank, n)
    return bank


def _key(on: Bench, source: Source, ngspice_version: str) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "netlist": hashlib.sha256("\n".join((on.subcircuit, *on.definitions)).encode()).hexdigest(),
        "fixed": dict(on.fixed),
        "priors": {name: str(prior) for name, prior in source.priors.items()},
        "vdd_V": on.vdd,
        "temperature_C": on.temperature,
        "n_points": on.n_points,
        "branches": list(on.branches),
        "batch": batch_size(on),
        "options": SOLVER_OPTIONS,
        "ngspice": ngspice_version,
        "method": source.method,
        "seed": source.seed,
        "stream": source.stream,
    }


def _create(bank: Bank, key: Mapping[str, Any]) -> None:
    on = bank.bench
    n_branches, n_thetas = len(on.branches), len(on.thetas)
    attributes = {
        "flag_values": [int(status) for status in Status],
        "flag_meanings": " ".join(status.name.lower() for status in Status),
    }
    group = zarr.open_group(bank.path.with_suffix(".creating"), mode="w")
    _new(group, "theta", (n_thetas,), ("sample", "parameter"), np.nan)
    _new(group, "vout", (n_branches, on.n_points), ("sample", "branch", "vin"), np.nan, units="V")
    _new(group, "status", (), ("sample",), int(Status.PENDING), dtype="uint8", **attributes)
    _label(group, "vin", on.vin.tolist(), "float64", units="V")
    _label(group, "branch", list(on.branches), "str")
    _label(group, "parameter", list(on.thetas), "str")
    group.attrs.update({"key": dict(key), "coordinates": "vin branch parameter"})
    _consolidate(bank.path.with_suffix(".creating"))
    bank.path.with_suffix(".creating").rename(bank.path)


def _new(
    group: zarr.Group,
    name: str,
    shape: tuple[int, ...],
    dims: tuple[str, ...],
    fill: float,
    dtype: str = "float64",
    **attributes: Any,  # noqa: ANN401 (JSON values)
) -> None:
    group.create_array(
        name,
        shape=(0, *shape),
        chunks=(BLOCK, *(max(1, size) for size in shape)),
        dtype=dtype,
        fill_value=fill,
        dimension_names=dims,
        attributes=attributes,
    )


def _label(
    group: zarr.Group,
    name: str,
    values: list[Any],
    dtype: str,
    **attributes: Any,  # noqa: ANN401 (JSON values)
) -> None:
    array = group.create_array(
        name,
        shape=(len(values),),
        chunks=(max(1, len(values)),),
        dtype=dtype,
        dimension_names=(name,),
        attributes=attributes,
    )
    array[:] = np.array(values, dtype=object if dtype == "str" else dtype)


def _grow(bank: Bank, n: int) -> None:
    arrays = [bank._array(name) for name in ("theta", "vout", "status")]  # noqa: SLF001 (same module)
    # A growth that was cut short left them at different sizes.
    size = max(n, *(array.shape[0] for array in arrays))
    listed: Any = zarr.open_group(bank.path, mode="r")["status"]
    for array in arrays:
        if array.shape[0] < size:
            array.resize((size, *array.shape[1:]))
    if listed.shape[0] < size:
        _consolidate(bank.path)


def _consolidate(path: Path) -> None:
    # Without it xarray.open_zarr warns; with it zarr warns that version 3 does not define it yet.
    with warnings.catch_warnings(action="ignore"):
        zarr.consolidate_metadata(path)
