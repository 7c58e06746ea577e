"""Gradients by finite differences on the unit cube, where losses are all that can be asked for.

Forward or central differences along every axis, or along a few random directions that are orthonormal:
d/m · Σ (∂f/∂vᵢ) vᵢ over m of them has the gradient as its mean (Nesterov & Spokoiny, Found. Comput.
Math. 17, 2017, 527-566; Choromanski et al., ICML 2018, on directions that are orthogonal).

A parameter with n equally probable values makes the loss a staircase, whose derivative is 0 or does not
exist. There the difference between neighbouring values stands for it: the gradient of the line through
them, as the straight-through estimator takes that of what was rounded (Bengio, Léonard & Courville,
arXiv 1308.3432, 2013).
"""

from dataclasses import dataclass

import numpy as np

from spicebuf.errors import InputError
from spicebuf.training.cube import Bools, Floats, Places, require_inside

MAX_STEP = 0.5
"""From every place a step as long fits into the cube in one of the two senses of an axis."""


@dataclass(frozen=True, eq=False)
class Stencil:
    """The points that one gradient takes.

    Attributes
    ----------
    points : array of float, shape (k, d)
        In the unit cube; the first is the place whose gradient it is.
    ahead, behind : array of int, shape (n,)
        Rows of `points` whose losses differ by the slope along each direction.
    gain : array of float, shape (n, d)
        What such a difference adds to the gradient.
    """

    points: Floats
    ahead: Places
    behind: Places
    gain: Floats

    def gradient(self, losses: Floats) -> Floats:
        """Return the gradient per unit of quantile, shape (d,); NaN where it takes a missing loss.

        Parameters
        ----------
        losses : array of float, shape (k,)
            At `points`. One that is not finite is missing.

        Raises
        ------
        InputError
            If there is not one loss for each point.
        """
        if losses.shape != self.points.shape[:1]:
            raise InputError(
                f"losses have shape {losses.shape}; give one for each point, {self.points.shape[:1]}"
            )
        known = np.where(np.isfinite(losses), losses, np.nan)
        slope = (known[self.ahead] - known[self.behind])[:, np.newaxis]
        return np.asarray(np.where(self.gain == 0.0, 0.0, slope * self.gain).sum(axis=0))


@dataclass(frozen=True, eq=False)
class Differences:
    """How to take finite differences on the unit cube.

    Attributes
    ----------
    step : float or array of float, shape (d,)
        Length of a step along each axis, in (0, 0.5]. An axis with `levels` does not use it.
    n_directions : int or None
        Number of random orthonormal directions, 1 to d; None for every axis.
    central : bool
        Whether to step both ways, where both ways stay in the cube.
    levels : array of float, shape (d,), or None
        Number of equally probable values of each parameter; 0 or infinite for a continuous one, None
        if all are. The steps of others are 1/n, from a value to its neighbour.

    Raises
    ------
    InputError
        If a step, the number of directions or a number of levels is not as it must be.
    """

    step: float | Floats
    n_directions: int | None = None
    central: bool = False
    levels: Floats | None = None

    def __post_init__(self) -> None:
        step = np.asarray(self.step)
        if not ((step > 0.0) & (step <= MAX_STEP)).all():
            raise InputError(f"step = {self.step}: steps must be above 0 and at most {MAX_STEP}")
        if self.n_directions is not None and self.n_directions < 1:
            raise InputError(
                f"n_directions = {self.n_directions} must be at least 1, or None for every axis"
            )
        if self.levels is not None and not _are_counts(self.levels):
            raise InputError(
                f"levels = {self.levels.tolist()}: each must be a whole number, how many values a "
                "parameter has, or 0 or infinite if it is continuous"
            )

    def at(self, u: Floats, rng: np.random.Generator) -> Stencil:
        """Choose the points that the gradient at a place takes.

        Along an axis the step is to greater u, or to smaller where it would leave the cube. Random
        directions mix only axes that have room both ways: others, and those with levels, are directions
        by themselves. As any orthonormal set in random order, that leaves the mean as it is. A
        parameter of a single value has no direction, and a derivative of 0.

        Parameters
        ----------
        u : array of float, shape (d,)
            In the unit cube.
        rng : numpy.random.Generator
            Not used without `n_directions`.

        Returns
        -------
        Stencil
            Of k = 1 + n points, where n is `n_directions` or d; central, of up to 1 + 2n.

        Raises
        ------
        InputError
            If `u` is not in the cube, or `step`, `levels` or `n_directions` is not for its d.
        """
        require_inside("u", u)
        self.require_fit(len(u))
        axes = self._axes(u)
        v = axes.every() if self.n_directions is None else axes.some(self.n_directions, rng)
        n_all = np.count_nonzero(axes.movable)
        up, down = axes.moved(v, 1), axes.moved(v, -1)
        ahead = _inside(up)
        behind = _inside(down) if self.central else ~ahead
        width = ahead.astype(np.float64) + behind
        gain = v / axes.step * (n_all / max(1, len(v)) / width)[:, np.newaxis]
        points = np.concatenate([u[np.newaxis], up[ahead], down[behind]])
        return Stencil(points, _rows(ahead, 1), _rows(behind, 1 + int(ahead.sum())), gain)

    def require_fit(self, d: int) -> None:
        """Refuse to be used with a number of parameters that it is not for.

        Raises
        ------
        InputError
            If `step` or `levels` has another number of entries than d, or `n_directions` exceeds d.
        """
        for name, values in (("step", self.step), ("levels", self.levels)):
            if values is not None and np.shape(values) not in {(), (d,)}:
                raise InputError(f"{name} has shape {np.shape(values)} for d = {d} parameters")
        if self.n_directions is not None and self.n_directions > d:
            raise InputError(
                f"n_directions = {self.n_directions} exceeds the number of parameters, {d}; give at "
                "most as many, or None for every axis"
            )

    def _axes(self, u: Floats) -> "_Axes":
        levels = np.zeros(len(u)) if self.levels is None else np.asarray(self.levels, np.float64)
        n_levels = np.where(levels > 0.0, levels, np.inf)
        return _Axes(u, n_levels, np.broadcast_to(self.step, u.shape))


@dataclass(frozen=True, eq=False)
class _Axes:
    """The axes at a place; n_levels is infinite for continuous ones, all arrays of shape (d,)."""

    u: Floats
    n_levels: Floats
    longest: Floats

    @property
    def finite(self) -> Bools:
        return np.isfinite(self.n_levels)

    @property
    def movable(self) -> Bools:
        return self.n_levels > 1.0

    @property
    def step(self) -> Floats:
        return np.where(self.finite, 1.0 / self.n_levels, self.longest)

    def every(self) -> Floats:
        """Return one direction along each axis, shape (n, d)."""
        return np.eye(len(self.u))[self.movable]

    def some(self, m: int, rng: np.random.Generator) -> Floats:
        """Return m random orthonormal directions, shape (m, d); all if there are no more."""
        room = np.minimum(self.u, 1.0 - self.u) >= self.longest
        free = np.flatnonzero(room & ~self.finite)
        tight = np.flatnonzero(~room & ~self.finite | self.finite & self.movable)
        chosen = rng.permutation(len(free) + len(tight))[:m]
        alone = tight[chosen[chosen >= len(free)] - len(free)]
        n_mixed = len(chosen) - len(alone)
        v = np.zeros((len(chosen), len(self.u)))
        v[:n_mixed, free] = _orthonormal(n_mixed, len(free), rng)
        v[np.arange(n_mixed, len(chosen)), alone] = 1.0
        return v

    def moved(self, v: Floats, sense: int) -> Floats:
        """Return the place after a step along each direction, shape (n, d)."""
        n_levels = np.where(self.finite, self.n_levels, 1.0)
        value = np.minimum(np.floor(self.u * n_levels), n_levels - 1.0)
        # Any point of a value has its loss; in the middle, rounding cannot mistake it for another.
        neighbour = (value + sense + 0.5) / n_levels
        return np.where(self.finite & (v != 0.0), neighbour, self.u + sense * v * self.step)


def _orthonormal(m: int, d: int, rng: np.random.Generator) -> Floats:
    """Return m orthonormal vectors of d numbers, uniform among all such, shape (m, d).

    See Mezzadri, Notices Amer. Math. Soc. 54, 2007, 592-604, for the signs.
    """
    q, r = np.linalg.qr(rng.standard_normal((d, m)))
    return np.asarray((q * np.copysign(1.0, np.diagonal(r))).T)


def _inside(points: Floats) -> Bools:
    return np.asarray(((points >= 0.0) & (points <= 1.0)).all(axis=1))


def _rows(some: Bools, first: int) -> Places:
    """Return rows from `first` on for those that have one, and 0, the place itself, for others."""
    return np.where(some, first - 1 + np.cumsum(some), 0)


def _are_counts(levels: Floats) -> bool:
    values = np.asarray(levels, dtype=np.float64)
    return bool(((values >= 0.0) & (np.isinf(values) | (np.floor(values) == values))).all())
