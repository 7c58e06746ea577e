"""Priors over one parameter: the unit interval ↔ values, and finite sets that can be counted."""

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from spicebuf.errors import InputError
from spicebuf.spice_number import parse_number

Floats = NDArray[np.float64]

_CALL = re.compile(r"\s*([a-z_]+)\s*\(([^()]*)\)\s*", re.IGNORECASE | re.ASCII)
_MAX_GRID = 1_000_000
# linspace(0, 1, 11) holds 0.30000000000000004, which grid(0.3) means too.
_ROUNDING = 1e-12


class Prior(ABC):
    """A probability distribution of one parameter, in the parameter's own unit."""

    @abstractmethod
    def ppf(self, quantile: Floats) -> Floats:
        """Map quantiles in (0, 1), any shape, to parameter values, same shape."""

    @property
    @abstractmethod
    def support(self) -> tuple[float, float]:
        """The least and the greatest value that can be drawn; infinite where unbounded."""

    @abstractmethod
    def cdf(self, value: float) -> float:
        """Return the probability of a value ≤ `value`, which may be infinite."""

    @abstractmethod
    def log_density(self, values: Floats) -> Floats:
        """Return the natural log of the density at values, any shape, same shape.

        In one over the parameter's unit; of a finite prior the log of the probability itself. −inf
        outside of the support, whose ends belong to it.
        """

    def mass_below_or_at_zero(self) -> float:
        """Return the probability of a value ≤ 0, which no width, length or resistance may take."""
        return self.cdf(0.0)

    def allows(self, value: float) -> bool:
        """Tell whether a value can be drawn."""
        low, high = self.support
        return low <= value <= high and (self.values is None or value in self.values)

    @property
    def values(self) -> tuple[float, ...] | None:
        """All values, equally probable, of a finite prior; None for a continuous one."""
        return None


@dataclass(frozen=True)
class Uniform(Prior):
    """Equal density between `low` and `high`."""

    low: float
    high: float

    def __post_init__(self) -> None:
        _require_ascending("uniform", self.low, self.high)

    def __str__(self) -> str:
        return f"uniform({self.low!r}, {self.high!r})"

    def ppf(self, quantile: Floats) -> Floats:
        """See `Prior.ppf`."""
        return self.low + (self.high - self.low) * quantile

    @property
    def support(self) -> tuple[float, float]:
        """See `Prior.support`."""
        return self.low, self.high

    def cdf(self, value: float) -> float:
        """See `Prior.cdf`."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))

    def log_density(self, values: Floats) -> Floats:
        """See `Prior.log_density`."""
        return _within(self, values, np.full(values.shape, -math.log(self.high - self.low)))


@dataclass(frozen=True)
class LogUniform(Prior):
    """Equal density of the logarithm between `low` and `high`, both > 0."""

    low: float
    high: float

    def __post_init__(self) -> None:
        _require_ascending("loguniform", self.low, self.high)
        if self.low <= 0.0:
            raise InputError(f"loguniform({self.low:g}, {self.high:g}): low must be > 0")

    def __str__(self) -> str:
        return f"loguniform({self.low!r}, {self.high!r})"

    def ppf(self, quantile: Floats) -> Floats:
        """See `Prior.ppf`."""
        log_low, log_high = math.log(self.low), math.log(self.high)
        # Rounding in exp may step over an end by one unit in the last place.
        return np.clip(np.exp(log_low + (log_high - log_low) * quantile), self.low, self.high)

    @property
    def support(self) -> tuple[float, float]:
        """See `Prior.support`."""
        return self.low, self.high

    def cdf(self, value: float) -> float:
        """See `Prior.cdf`."""
        log_low, log_high = math.log(self.low), math.log(self.high)
        inside = min(self.high, max(self.low, value))
        return (math.log(inside) - log_low) / (log_high - log_low)

    def log_density(self, values: Floats) -> Floats:
        """See `Prior.log_density`."""
        inside = np.clip(values, self.low, self.high)
        log_span = math.log(math.log(self.high) - math.log(self.low))
        return _within(self, values, -np.log(inside) - log_span)


@dataclass(frozen=True)
class TruncNormal(Prior):
    """A normal distribution of `mean` and `sd` before it is cut to [low, high]."""

    mean: float
    sd: float
    low: float = -math.inf
    high: float = math.inf

    def __post_init__(self) -> None:
        _require_ascending("truncnorm", self.low, self.high)
        if not (math.isfinite(self.mean) and math.isfinite(self.sd) and self.sd > 0.0):
            raise InputError(f"normal with mean {self.mean:g} and sd {self.sd:g}: sd must be > 0")
        if not self._mass > 0.0:
            raise InputError(
                f"{self}: [{self.low:g}, {self.high:g}] is so far from the mean that it has no "
                "probability; move it within 8 sd"
            )

    def __str__(self) -> str:
        if math.isinf(self.low) and math.isinf(self.high):
            return f"normal({self.mean!r}, {self.sd!r})"
        return f"truncnorm({self.mean!r}, {self.sd!r}, {self.low!r}, {self.high!r})"

    @property
    def _flip(self) -> bool:
        # ndtr loses all digits in the upper tail; the lower tail of the mirror image keeps them.
        return self.low > self.mean

    @property
    def _cut(self) -> tuple[float, float]:
        a, b = (self.low - self.mean) / self.sd, (self.high - self.mean) / self.sd
        return (-b, -a) if self._flip else (a, b)

    @property
    def _mass(self) -> float:
        a, b = self._cut
        return float(ndtr(b) - ndtr(a))

    def ppf(self, quantile: Floats) -> Floats:
        """See `Prior.ppf`."""
        a, _ = self._cut
        q = 1.0 - quantile if self._flip else quantile
        z = ndtri(ndtr(a) + self._mass * q)
        value = self.mean + self.sd * (-z if self._flip else z)
        return np.asarray(np.clip(value, self.low, self.high), dtype=np.float64)

    @property
    def support(self) -> tuple[float, float]:
        """See `Prior.support`."""
        return self.low, self.high

    def cdf(self, value: float) -> float:
        """See `Prior.cdf`."""
        a, b = self._cut
        z = (min(self.high, max(self.low, value)) - self.mean) / self.sd
        if self._flip:
            return float((ndtr(b) - ndtr(-z)) / self._mass)
        return float((ndtr(z) - ndtr(a)) / self._mass)

    def log_density(self, values: Floats) -> Floats:
        """See `Prior.log_density`."""
        z = (values - self.mean) / self.sd
        log_scale = math.log(self.sd * math.sqrt(2.0 * math.pi) * self._mass)
        return _within(self, values, -0.5 * z**2 - log_scale)


@dataclass(frozen=True)
class Grid(Prior):
    """Finitely many values, equally probable."""

    points: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.points:
            raise InputError("grid(): give at least one value")
        if not all(math.isfinite(point) for point in self.points):
            raise InputError("grid: all values must be finite")
        if len(set(self.points)) != len(self.points):
            raise InputError("grid: a value occurs twice; each value counts once")

    def __str__(self) -> str:
        return f"grid({', '.join(repr(point) for point in self.points)})"

    def ppf(self, quantile: Floats) -> Floats:
        """See `Prior.ppf`."""
        index = np.minimum((quantile * len(self.points)).astype(np.int64), len(self.points) - 1)
        return np.array(self.points, dtype=np.float64)[index]

    @property
    def support(self) -> tuple[float, float]:
        """See `Prior.support`."""
        return min(self.points), max(self.points)

    def cdf(self, value: float) -> float:
        """See `Prior.cdf`."""
        return sum(point <= value for point in self.points) / len(self.points)

    def log_density(self, values: Floats) -> Floats:
        """See `Prior.log_density`; values that differ from a point by rounding alone are that point."""
        points = np.sort(self.points)
        rounding = _ROUNDING * np.abs(points).max()
        first = np.searchsorted(points, values - rounding)
        last = np.searchsorted(points, values + rounding, side="right")
        return np.where(last > first, -math.log(len(points)), -np.inf)

    @property
    def values(self) -> tuple[float, ...]:
        """See `Prior.values`."""
        return self.points


def parse_prior(text: str) -> Prior:
    """Read a prior such as ``loguniform(0.4u, 40u)``; numbers are SPICE numbers.

    Raises
    ------
    InputError
        If the name is unknown, the number of arguments is wrong, or the arguments make no prior.
    """
    match = _CALL.fullmatch(text)
    name = match[1].lower() if match else ""
    if match is None or name not in _BUILDERS:
        raise InputError(f"{text.strip()!r} is not a prior; known are {', '.join(_SIGNATURES)}")
    arguments = [parse_number(part) for part in match[2].split(",") if match[2].strip()]
    n_expected, build = _BUILDERS[name]
    if n_expected is not None and len(arguments) != n_expected:
        signature = next(s for s in _SIGNATURES if s.startswith(name + "("))
        raise InputError(f"{text.strip()!r} has {len(arguments)} argument(s); write {signature}")
    return build(*arguments)


def _within(prior: Prior, values: Floats, log_density: Floats) -> Floats:
    low, high = prior.support
    return np.where((values >= low) & (values <= high), log_density, -np.inf)


def _require_ascending(name: str, low: float, high: float) -> None:
    if not low < high:
        raise InputError(f"{name}: low = {low:g} must be less than high = {high:g}")


def _count(n: float) -> int:
    if n != int(n) or not 1 <= n <= _MAX_GRID:
        raise InputError(
            f"a grid of n = {n:g} values: n must be a whole number from 1 to {_MAX_GRID}"
        )
    return int(n)


def _linspace(low: float, high: float, n: float) -> Grid:
    _require_ascending("linspace", low, high)
    return Grid(tuple(float(x) for x in np.linspace(low, high, _count(n))))


def _geomspace(low: float, high: float, n: float) -> Grid:
    _require_ascending("geomspace", low, high)
    if low <= 0.0:
        raise InputError(f"geomspace({low:g}, {high:g}, {n:g}): low must be > 0")
    return Grid(tuple(float(x) for x in np.geomspace(low, high, _count(n))))


_BUILDERS: dict[str, tuple[int | None, Callable[..., Prior]]] = {
    "uniform": (2, Uniform),
    "loguniform": (2, LogUniform),
    "normal": (2, TruncNormal),
    "truncnorm": (4, TruncNormal),
    "grid": (None, lambda *points: Grid(points)),
    "linspace": (3, _linspace),
    "geomspace": (3, _geomspace),
}
_SIGNATURES = (
    "uniform(low, high)",
    "loguniform(low, high)",
    "normal(mean, sd)",
    "truncnorm(mean, sd, low, high)",
    "grid(a, b, …)",
    "linspace(low, high, n)",
    "geomspace(low, high, n)",
)


def draw(priors: Sequence[Prior], n: int, rng: np.random.Generator) -> Floats:
    """Draw `n` independent parameter vectors, shape (n, len(priors))."""
    return from_quantiles(priors, rng.random((n, len(priors))))


def from_quantiles(priors: Sequence[Prior], quantiles: Floats) -> Floats:
    """Map quantiles in [0, 1] to parameter vectors, both of shape (n, len(priors))."""
    # At 0 and 1 the quantile of a normal is infinite.
    inside = np.clip(quantiles, 2.0**-54, 1.0 - 2.0**-53)
    return _columns([prior.ppf(inside[:, k]) for k, prior in enumerate(priors)], len(quantiles))


def from_latent(priors: Sequence[Prior], z: Floats) -> Floats:
    """Map points of a standard normal space to parameter vectors, both of shape (n, len(priors))."""
    return from_quantiles(priors, ndtr(z))


def n_grid_points(priors: Sequence[Prior]) -> int | None:
    """Return how many parameter vectors finite priors allow; None if any prior is continuous."""
    counts = [len(prior.values) if prior.values is not None else None for prior in priors]
    return None if None in counts else math.prod(count for count in counts if count is not None)


def grid_points(priors: Sequence[Prior], first: int, stop: int) -> Floats:
    """Return grid points number `first` to `stop - 1`, shape (stop - first, len(priors)).

    The last parameter varies fastest, as in a C-ordered array.
    """
    values = [prior.values for prior in priors]
    points = [v for v in values if v is not None]
    if len(points) != len(values):
        raise InputError("grid_points needs finite priors; see n_grid_points")
    shape = [len(v) for v in points]
    index = np.unravel_index(np.arange(first, stop), shape) if shape else ()
    return _columns([np.array(v)[k] for v, k in zip(points, index, strict=True)], stop - first)


def _columns(columns: Sequence[Floats], n: int) -> Floats:
    return np.stack(columns, axis=1) if columns else np.empty((n, 0))
