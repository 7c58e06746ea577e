"""What a user chooses about simulating and counting."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from spicebuf.deck import MAX_BATCH
from spicebuf.entropy import (
    ENUMERATION,
    MONTE_CARLO,
    SPLITTING,
    require_confidence,
    require_precision,
)
from spicebuf.errors import InputError
from spicebuf.refine import MAX_GAIN, require_gain

AUTO = "auto"
MAX_SAMPLES = 100_000_000
MAX_POINTS = 1_000_001
METHODS = (AUTO, MONTE_CARLO, ENUMERATION, SPLITTING)
PRECISION = 0.1
"""Half-width of the interval at which splitting stops if no other is asked for [nat]."""


class Progress(Protocol):
    """Is told how far work has come."""

    def __call__(self, what: str, done: int, total: int, note: str = "", /) -> None:
        """Take what is under way, how many θ or runs are done, of how many, and how it stands."""


def silent(_what: str, _done: int, _total: int, _note: str = "", /) -> None:
    """Report no progress."""


@dataclass(frozen=True)
class Settings:
    """What a user chooses about simulating and counting.

    Attributes
    ----------
    n_samples : int
        θ per component where the prior is sampled, ≥ 1.
    n_points : int
        Input voltages of a curve, ≥ 2, equally spaced from rail to rail.
    seed : int
        ≥ 0.
    n_workers : int
        ngspice processes, ≥ 1.
    confidence : float
        Of the intervals, in (0, 1).
    method : str
        ``"auto"``, ``"monte-carlo"``, ``"enumeration"`` or ``"splitting"``.
    banks : Path
        Folder of the banks.
    batch : int or None
        θ in one deck; None chooses by circuit and model. Circuits with feedback always go alone.
    scheduler : str or None
        Address of a Dask scheduler whose workers simulate in place of `n_workers` processes here.
    precision : float or None
        Half-width of the interval of each component to go on for [nat], > 0. None: Monte Carlo takes
        `n_samples`, splitting stops at `PRECISION`.
    max_simulations : int
        θ per component at most, whatever the precision, ≥ 1.
    max_gain : float
        Largest |slope| of a curve inside its input API [V/V], for verdicts between grid points; 0 trusts
        the grid.
    """

    n_samples: int = 20_000
    n_points: int = 101
    seed: int = 0
    n_workers: int = 1
    confidence: float = 0.95
    method: str = "auto"
    banks: Path = Path("banks")
    batch: int | None = None
    scheduler: str | None = None
    precision: float | None = None
    max_simulations: int = 5_000_000
    max_gain: float = MAX_GAIN

    def __post_init__(self) -> None:
        """Refuse settings out of range."""
        require_between("samples", self.n_samples, 1, MAX_SAMPLES)
        require_points(self.n_points)
        require_between("seed", self.seed, 0)
        require_between("workers", self.n_workers, 1)
        require_confidence(self.confidence)
        require_between("max-simulations", self.max_simulations, 1)
        require_gain(self.max_gain)
        if self.precision is not None:
            require_precision(self.precision)
        if self.batch is not None:
            require_between("batch", self.batch, 1, MAX_BATCH)
        if self.method not in METHODS:
            raise InputError(f"method = {self.method!r} must be one of {', '.join(METHODS)}")


def require_points(n_points: int) -> None:
    """Raise InputError if a curve cannot have `n_points`."""
    require_between("points", n_points, 2, MAX_POINTS)


def require_between(what: str, value: int, least: int, most: int | None = None) -> None:
    """Raise InputError if `value` < `least` or `value` > `most`."""
    if value < least:
        raise InputError(f"{what} = {value} must be a whole number, at least {least}")
    if most is not None and value > most:
        raise InputError(f"{what} = {value} must be at most {most}")
