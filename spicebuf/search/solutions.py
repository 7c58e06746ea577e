"""How many pairs of θ work end to end, and what that says of every API at once."""

import math
from dataclasses import dataclass

import numpy as np

from spicebuf.errors import InputError
from spicebuf.search.cores import Compatibility, compatibility
from spicebuf.search.relation import Bools, Images, Preimages, relate, require_same_values

MAX_PAIRS = 400_000_000
"""Pairs of θ up to which every one is compared."""

_MOST_STEPS = 100
_CLOSE = 1e-3


@dataclass(frozen=True)
class Solutions:
    """The pairs of θ that work end to end, whatever happens between the two components.

    Attributes
    ----------
    weight : float
        Sum of the products of their weights; without weights, their number.
    n_senders, n_takers : int
        θ of the first and of the second component that were compared.
    n_useful_senders, n_useful_takers : int
        Of these, those that work with any of the other.
    spectral_limit : float or None
        No API admits weights of a greater product; None if not all θ were compared.
    """

    weight: float
    n_senders: int
    n_takers: int
    n_useful_senders: int
    n_useful_takers: int
    spectral_limit: float | None

    @property
    def n_useful(self) -> int:
        """θ that work with any of the other component, of the component that has fewer of them."""
        return min(self.n_useful_senders, self.n_useful_takers)


def count_solutions(images: Images, preimages: Preimages) -> Solutions:
    """Compare every θ of two components; of more than `MAX_PAIRS` pairs, those of the first θ of each.

    The θ that an API admits are a block of ones in the matrix C of compatible pairs. With weights D₁, D₂
    on both sides, D₁^½ C D₂^½ has there a block of norm √(XY), so that no product XY exceeds the square
    of its largest singular value.
    """
    n1, n2 = len(images.weight), len(preimages.weight)
    all_of_them = n1 * n2 <= MAX_PAIRS
    if not all_of_them:
        n1, n2 = min(n1, math.isqrt(MAX_PAIRS)), min(n2, math.isqrt(MAX_PAIRS))
        images, preimages = images[np.arange(n1)], preimages[np.arange(n2)]
    relation = relate(images, preimages)
    if not len(relation.sent) or not len(relation.taken):
        return Solutions(0.0, n1, n2, 0, 0, 0.0 if all_of_them else None)
    matrix = compatibility(relation)
    of_senders = matrix.sums_over_takers(matrix.taken)
    of_takers = matrix.sums_over_senders(matrix.sent)
    return Solutions(
        weight=float(matrix.sent @ of_senders),
        n_senders=n1,
        n_takers=n2,
        n_useful_senders=int(np.count_nonzero(of_senders)),
        n_useful_takers=int(np.count_nonzero(of_takers)),
        spectral_limit=_spectral_limit(matrix) if all_of_them else None,
    )


def work_together(images: Images, preimages: Preimages) -> Bools:
    """Tell which pairs of θ work end to end, the k-th of the first component with the k-th of the second.

    They do if each piece of the image lies in one component of the preimage.

    Parameters
    ----------
    images, preimages : Images, Preimages
        Of n θ each; weights are not used.

    Returns
    -------
    array of bool, shape (n,)

    Raises
    ------
    InputError
        If they are not of the same number of θ, or of logical values.
    """
    require_same_values(images, preimages)
    n1, n2 = len(images.weight), len(preimages.weight)
    if n1 != n2:
        raise InputError(f"{n1} images and {n2} preimages are not pairs; give as many of each")
    low, high = images.low[:, :, np.newaxis], images.high[:, :, np.newaxis]
    inside = (preimages.low[:, np.newaxis] <= low) & (high <= preimages.high[:, np.newaxis])
    return np.asarray(np.all(inside.any(axis=2), axis=(0, 1)) & preimages.somewhere)


def _spectral_limit(matrix: Compatibility) -> float:
    """Return an upper bound on the square of the largest singular value, within 0.1 % as a rule.

    It holds however far the power iteration got: for a matrix M ≥ 0 and any x > 0 the largest of
    (Mx)ᵢ/xᵢ is no less than the spectral radius (Collatz, Math. Z. 48, 1942, 221-226).
    """
    x, limit = np.ones(len(matrix.taken)), math.inf
    for _ in range(_MOST_STEPS):
        reached = matrix.sums_over_takers(matrix.taken * x)
        y = matrix.sums_over_senders(matrix.sent * reached)
        some = y > 0.0
        if not some.any():
            return 0.0
        limit = min(limit, float((y[some] / x[some]).max()))
        least = float((matrix.taken * x * y).sum() / (matrix.taken * x * x).sum())
        if limit <= least * (1.0 + _CLOSE):
            break
        x = y / y.max()
    return limit
