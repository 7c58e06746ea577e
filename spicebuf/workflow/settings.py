"""What a user chooses about simulating and counting."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from spicebuf.entropy import ENUMERATION, MONTE_CARLO
from spicebuf.errors import InputError

AUTO = "auto"
MAX_SAMPLES = 100_000_000
MAX_POINTS = 1_000_001
METHODS = (AUTO, MONTE_CARLO, ENUMERATION)

Progress = Callable[[str, int, int], None]
"""Called with what is under way, how many θ are done, and of how many."""


def silent(_what: str, _done: int, _total: int) -> None:
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
        ``"auto"``, ``"monte-carlo"`` or ``"enumeration"``.
    banks : Path
        Folder of the banks.
    """

    n_samples: int = 20_000
    n_points: int = 101
    seed: int = 0
    n_workers: int = 1
    confidence: float = 0.95
    method: str = "auto"
    banks: Path = Path("banks")

    def __post_init__(self) -> None:
        """Refuse settings out of range."""
        require_at_least("samples", self.n_samples, 1)
        require_at_least("points", self.n_points, 2)
        for what, value, most in (
            ("samples", self.n_samples, MAX_SAMPLES),
            ("points", self.n_points, MAX_POINTS),
        ):
            if value > most:
                raise InputError(f"{what} = {value} must be at most {most}")
        require_at_least("seed", self.seed, 0)
        require_at_least("workers", self.n_workers, 1)
        if not 0.0 < self.confidence < 1.0:
            raise InputError(
                f"confidence = {self.confidence:g} must lie strictly between 0 and 1, e.g. 0.95"
            )
        if self.method not in METHODS:
            raise InputError(f"method = {self.method!r} must be one of {', '.join(METHODS)}")


def require_at_least(what: str, value: int, least: int) -> None:
    """Raise InputError if `value` < `least`."""
    if value < least:
        raise InputError(f"{what} = {value} must be a whole number, at least {least}")
