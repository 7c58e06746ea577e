"""Banks: transfer curves of one component on disk, growing and resumable.

A bank knows no APIs: it answers any question about its curves without a simulation. It is named by a
hash of all that its curves depend on, so that a changed netlist, prior or seed makes another bank.
"""

import errno
import fcntl
import hashlib
import json
import shutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import Crc32cCodec

from spicebuf.deck import LADDER, SOLVER_OPTIONS, Bench
from spicebuf.errors import BankError
from spicebuf.netlist import netlist_digest
from spicebuf.ngspice import Status
from spicebuf.simulate import Curves
from spicebuf.source import Source
from spicebuf.system import file_stem

FORMAT = 2

# In the order of writing: rows count once their status is there.
_ARRAYS = ("theta", "vout", "attempt", "status")

# Large enough to be read at the speed of the disk, small enough to lose little when killed.
_CHUNK_BYTES = 2 << 20
_MOST_ROWS = 4096
# Half a digit of it is 0.24 µV at 5 V, far below the accuracy of a simulation.
_VOLTS = "float32"
_LEAST_ROWS = 16

# Codecs and zarr raise many kinds of errors on bytes that are not what was written.
_DAMAGE = (ValueError, TypeError, KeyError, AttributeError, RuntimeError)


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

    @property
    def block(self) -> int:
        """θ per chunk on disk, and the unit in which a killed sweep is resumed: a power of two."""
        size = len(self.bench.branches) * self.bench.n_points * np.dtype(_VOLTS).itemsize
        rows = max(_LEAST_ROWS, min(_MOST_ROWS, _CHUNK_BYTES // size))
        return int(2 ** (rows.bit_length() - 1))

    def status(self, n: int) -> NDArray[np.uint8]:
        """Return the `Status` of the first `n` θ."""
        with self.guarded():
            return np.asarray(self._array("status")[:n])

    def attempt(self, n: int) -> NDArray[np.uint8]:
        """Return by which attempt (see `Curves`) the first `n` θ ended."""
        with self.guarded():
            return np.asarray(self._array("attempt")[:n])

    def pending(self, n: int) -> list[range]:
        """Return the rows among the first `n` that are still to be simulated, at most a block each.

        Rows begin and, where θ are drawn, end with a whole group, so that a curve depends neither on
        `n` nor on where an earlier sweep stopped; rows beyond the bank's end are not stored.
        """
        size = self.bench.group
        status = self.status(n)
        rows = []
        for first in range(0, n, self.block):
            missing = np.flatnonzero(status[first : first + self.block] == Status.PENDING)
            if len(missing):
                stop = min(first + self.block, n)
                if self.source.seed is not None:
                    whole = -(-(stop - first) // size) * size
                    stop = first + min(self.block, whole)
                rows.append(range(first + int(missing[0]) // size * size, stop))
        return rows

    def theta(self, rows: range) -> NDArray[np.float64]:
        """Return the θ of some rows."""
        return self.source.theta(rows.start, rows.stop)

    def write(self, rows: range, theta: NDArray[np.float64], curves: Curves) -> None:
        """Store finished rows, their status last: rows cut short stay pending."""
        with self.guarded():
            n = min(rows.stop, self.n) - rows.start
            place = slice(rows.start, rows.start + n)
            values = {"theta": theta, **vars(curves), "vout": curves.vout.astype(_VOLTS)}
            for name in _ARRAYS:
                self._array(name, "r+")[place] = values[name][:n]

    def read(self, n: int) -> Iterator[Curves]:
        """Yield the curves of the first `n` θ, block by block, however many there are."""
        with self.guarded():
            arrays = self._arrays()
        for first in range(0, n, self.block):
            with self.guarded():
                yield _read_block(arrays, slice(first, min(first + self.block, n)))

    def drop_damaged(self, n: int) -> int:
        """Make blocks pending again that do not read as they were written; return how many."""
        n_dropped = 0
        with self.guarded():
            arrays = self._arrays()
        for block, first in enumerate(range(0, n, self.block)):
            rows = slice(first, min(first + self.block, n))
            # What the disk refuses to read is not damaged and must not be thrown away.
            with self.guarded():
                try:
                    trusted = _read_block(arrays, rows).status == Status.TRUSTED
                    if np.isnan(np.asarray(arrays["theta"][rows])[trusted]).any():
                        raise ValueError(_missing(rows))
                except _DAMAGE:
                    for name in reversed(_ARRAYS):
                        _remove(self.path / name / "c" / f"{block}")
                    n_dropped += 1
        return n_dropped

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the bank for writing; the system lets go when the process ends, however it ends.

        Raises
        ------
        BankError
            If another process holds it.
        """
        try:
            file = (self.path.parent / f"{self.path.name}.lock").open("w")
        except OSError as error:
            if (
                error.errno not in {errno.EROFS, errno.EACCES, errno.EPERM}
                or not self.path.exists()
            ):
                raise
            yield  # nobody can write here; what is there can be read
            return
        with file:
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
        except (OSError, *_DAMAGE) as error:
            if isinstance(error, OSError) and error.errno not in {None, errno.ENOENT}:
                words = f"cannot be read or written ({error.strerror}); finished blocks are kept"
            else:
                words = f"damaged ({error}); delete the folder to simulate it again"
            raise BankError(f"bank {self.path}: {words}") from error

    def _arrays(self) -> dict[str, Any]:
        return {name: self._array(name) for name in _ARRAYS}

    def _array(self, name: str, mode: Literal["r", "r+"] = "r") -> Any:  # noqa: ANN401 (untyped)
        return zarr.open_array(self.path / name, mode=mode)


def _read_block(arrays: Mapping[str, Any], rows: slice) -> Curves:
    vout, attempt, status = (np.asarray(arrays[name][rows]) for name in _ARRAYS[1:])
    # A chunk that is gone reads as its fill value.
    if np.isnan(vout[status == Status.TRUSTED, 0, 0]).any():
        raise ValueError(_missing(rows))
    return Curves(vout, status, attempt)


def _missing(rows: slice) -> str:
    return f"trusted values are missing in rows {rows.start} to {rows.stop - 1}"


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
    bank = Bank(folder / f"{file_stem(source.stream)}-{digest}.zarr", on, source, ngspice_version)
    with bank.guarded():
        folder.mkdir(parents=True, exist_ok=True)
        with bank.locked():
            if not (bank.path / "zarr.json").exists():
                _create(bank, key)
            _clear(bank)
            _grow(bank, n)
    return bank


def _key(on: Bench, source: Source, ngspice_version: str) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "priors": [[name, str(prior)] for name, prior in source.priors.items()],
        "method": source.method,
        "seed": source.seed,
        "stream": source.stream,
        **bench_key(on, ngspice_version),
    }


def bench_key(on: Bench, ngspice_version: str) -> dict[str, Any]:
    """Return all that the curve of a θ depends on, as JSON values."""
    return {
        "netlist": netlist_digest(on.subcircuit, on.definitions),
        "fixed": dict(on.fixed),
        "thetas": list(on.thetas),
        "vdd_V": on.vdd,
        "temperature_C": on.temperature,
        "stretches": [[each.low, each.high, each.n_points] for each in on.stretches],
        "branches": list(on.branches),
        "states": list(on.states),
        "watched": list(on.watched),
        "batch": on.batch,
        "group": on.group,
        "sort_by": list(on.sort_by or ()),
        "altered": on.alterations is not None,
        "options": SOLVER_OPTIONS,
        "ladder": [[rung.options, rung.fineness] for rung in LADDER],
        "ngspice": ngspice_version,
    }


def _create(bank: Bank, key: Mapping[str, Any]) -> None:
    on = bank.bench
    n_branches, n_thetas = len(on.branches), len(on.thetas)
    attempts = {
        "meaning": "0 with its batch, 1 alone, 2 and more: rungs of the ladder in the bank's key"
    }
    statuses = {
        "flag_values": [int(status) for status in Status],
        "flag_meanings": " ".join(status.name.lower() for status in Status),
    }
    group = zarr.open_group(bank.path.with_suffix(".creating"), mode="w")
    rows, dims = bank.block, ("sample", "branch", "vin")
    _new(group, "theta", (rows, n_thetas), ("sample", "parameter"), np.nan)
    _new(group, "vout", (rows, n_branches, on.n_points), dims, np.nan, dtype=_VOLTS, units="V")
    _new(group, "attempt", (rows,), ("sample",), 0, dtype="uint8", **attempts)
    _new(group, "status", (rows,), ("sample",), int(Status.PENDING), dtype="uint8", **statuses)
    _label(group, "vin", on.vin.tolist(), "float64", units="V")
    _label(group, "branch", list(on.branches), "str")
    _label(group, "parameter", list(on.thetas), "str")
    group.attrs.update({"key": dict(key), "coordinates": "vin branch parameter"})
    _consolidate(bank.path.with_suffix(".creating"))
    bank.path.with_suffix(".creating").rename(bank.path)


def _new(
    group: zarr.Group,
    name: str,
    chunks: tuple[int, ...],
    dims: tuple[str, ...],
    fill: float,
    dtype: str = "float64",
    **attributes: Any,  # noqa: ANN401 (JSON values)
) -> None:
    group.create_array(
        name,
        shape=(0, *chunks[1:]),
        chunks=tuple(max(1, size) for size in chunks),
        dtype=dtype,
        fill_value=fill,
        # Voltages hardly compress: a fifth smaller would be three times slower to read.
        compressors=[Crc32cCodec()],
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


def _clear(bank: Bank) -> None:
    """Remove what a killed writer left behind; the bank must be locked."""
    for left in bank.path.rglob("*.partial"):
        left.unlink()


def _grow(bank: Bank, n: int) -> None:
    arrays = {name: zarr.open_array(bank.path / name, mode="r") for name in _ARRAYS}
    # A growth that was cut short left them at different sizes.
    size = max(n, *(array.shape[0] for array in arrays.values()))
    listed: Any = zarr.open_group(bank.path, mode="r")["status"]
    for name, array in arrays.items():
        if array.shape[0] < size:
            zarr.open_array(bank.path / name, mode="r+").resize((size, *array.shape[1:]))
    if listed.shape[0] < size:
        _consolidate(bank.path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _consolidate(path: Path) -> None:
    # Without it xarray.open_zarr warns; with it zarr warns that version 3 does not define it yet.
    with warnings.catch_warnings(action="ignore"):
        zarr.consolidate_metadata(path)
