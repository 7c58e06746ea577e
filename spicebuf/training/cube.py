"""The unit cube of quantiles, and what its walls do to whoever would step over them.

Each axis holds the quantiles of one parameter, so the prior is uniform on the cube. A step that leaves
the cube is reflected, as if there were no walls and the loss were mirrored at them. Symmetric noise then
leaves uniform what is uniform, where clipping would pile it up at the walls (Bossy, Gobet & Talay, J.
Appl. Probab. 41, 2004, 877-889, on the Euler scheme of reflected diffusions).
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from spicebuf.errors import InputError

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]
Places: TypeAlias = NDArray[np.intp]


def reflect(u: Floats) -> Floats:
    """Fold real numbers into [0, 1] by reflection at 0 and 1, as often as it takes.

    Parameters
    ----------
    u : array of float, any shape
        Those inside are returned as they are, to the last bit.

    Returns
    -------
    array of float, same shape
        The triangle wave of period 2 at `u`.

    Raises
    ------
    InputError
        If a number is NaN or infinite.
    """
    if not np.isfinite(u).all():
        raise InputError(
            "u: NaN and infinite numbers have no reflection in the unit cube; give finite ones"
        )
    # The wave is even, and taking the remainder of negative numbers would round those near 0.
    within = np.mod(np.abs(u), 2.0)
    return np.minimum(within, 2.0 - within)


def mirrored(u: Floats) -> Bools:
    """Tell where `reflect` turns directions around: after an odd number of reflections.

    Parameters
    ----------
    u : array of float, any shape
        Finite.

    Returns
    -------
    array of bool, same shape
    """
    return np.asarray(np.mod(u, 2.0) > 1.0)


def require_inside(name: str, u: Floats) -> None:
    """Refuse what is not a point of the unit cube.

    Parameters
    ----------
    name : str
        What the error calls it.
    u : array of float
        To be of shape (d,) with d ≥ 1 and numbers from 0 to 1.

    Raises
    ------
    InputError
        If it is not.
    """
    if u.ndim != 1 or not u.size:
        raise InputError(f"{name} has shape {u.shape}; give one number for each parameter, (d,)")
    outside = np.flatnonzero(~((u >= 0.0) & (u <= 1.0)))
    if outside.size:
        raise InputError(
            f"{name}[{outside[0]}] = {u[outside[0]]:g} must be a quantile, from 0 to 1"
        )
