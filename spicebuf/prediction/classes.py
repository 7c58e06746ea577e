"""The probability of behaviour classes under Bayes, and draws that give each class as much."""

from dataclasses import dataclass

import numpy as np

from spicebuf.errors import InputError
from spicebuf.prediction.bayes import WorkingPairs, with_partners
from spicebuf.prediction.behaviour import behaviour_of
from spicebuf.search.relation import Floats, Places

_BLOCK = 1 << 24


@dataclass(frozen=True)
class Classes:
    """The K behaviour classes of the pairs of two banks that work.

    Attributes
    ----------
    step : float
        Of the grid that tells them apart [V].
    behaviour : array of int, shape (K, 4)
        See `behaviour_of`.
    probability : array of float, shape (K,)
        Under Bayes, > 0.
    covariance : array of float, shape (K, K)
        Of the logs of the probabilities, from the finite banks; 0 if these are exact.
    """

    step: float
    behaviour: Places
    probability: Floats
    covariance: Floats

    def index_of(self, behaviour: Places) -> Places:
        """Return the place of the class of each of n behaviours, shape (n,); −1 of those of none."""
        places = {tuple(each): place for place, each in enumerate(self.behaviour.tolist())}
        return np.array(
            [places.get(tuple(each), -1) for each in behaviour.tolist()], dtype=np.int64
        )


def bayes_classes(pairs: WorkingPairs, step: float, *, is_exact: bool = False) -> Classes:
    """Weigh the behaviour classes of all pairs that work.

    Parameters
    ----------
    pairs : WorkingPairs
    step : float
        Of the grid that tells classes apart [V]; see `class_step`.
    is_exact : bool
        Whether the banks enumerate finite priors.

    Raises
    ------
    InputError
        If `step` is not above 0.
    """
    if not step > 0.0:
        raise InputError(f"step = {step:g} V must be above 0 V")
    every, index = _classes_of_senders(pairs, step)
    share = pairs.share
    probability = _sums(index, share)
    covariance = np.zeros((len(every), len(every)))
    if not is_exact:
        covariance += _of_senders(_sums(index, share**2), probability)
        covariance += _of_takers(pairs, index, probability)
    return Classes(step, every, probability, covariance)


def stratified_pairs(
    pairs: WorkingPairs, classes: Classes, per_class: int, rng: np.random.Generator
) -> Places:
    """Draw as many pairs that work of each class, by weight within it.

    All of them together are uniform over classes, and uniform over the solutions of each.

    Returns
    -------
    array of int, shape (K · per_class, 2)
        Places in the banks, class by class.
    """
    _, index = _classes_of_senders(pairs, classes.step)
    drawn = []
    for k in range(len(classes.probability)):
        members = np.flatnonzero(index == k)
        part = pairs.share[members]
        drawn.append(members[rng.choice(len(members), per_class, p=part / part.sum())])
    return with_partners(pairs, np.concatenate(drawn), rng)


def _classes_of_senders(pairs: WorkingPairs, step: float) -> tuple[Places, Places]:
    behaviour = behaviour_of(pairs.banks.images[pairs.senders], step)
    every, index = np.unique(behaviour, axis=0, return_inverse=True)
    return every, index.ravel()


def _sums(index: Places, values: Floats) -> Floats:
    return np.asarray(np.bincount(index, values), dtype=np.float64)


def _of_senders(squares: Floats, p: Floats) -> Floats:
    """Return the covariance that the draws of the first component give log p.

    A θ of share s in class k moves log p_l by s(δ_kl/p_l − 1).
    """
    crossed = (squares / p)[:, np.newaxis] + squares / p
    return np.asarray(np.diag(squares / p**2) - crossed + squares.sum())


def _of_takers(pairs: WorkingPairs, index: Places, p: Floats) -> Floats:
    """Return the covariance that the draws of the second component give log p."""
    matrix, order = pairs.matrix, np.argsort(index, kind="stable")
    starts = np.searchsorted(index[order], np.arange(len(p)))
    rows = max(1, _BLOCK // len(index))
    covariance = np.zeros((len(p), len(p)))
    for first in range(0, len(matrix.taken), rows):
        bits = matrix.of_takers[first : first + rows]
        works = np.unpackbits(bits, axis=1, count=len(index))[:, order] * matrix.sent[order]
        part = np.add.reduceat(works, starts, axis=1) / pairs.weight
        part *= matrix.taken[first : first + rows, np.newaxis]
        moved = part / p - part.sum(axis=1, keepdims=True)
        covariance += moved.T @ moved
    return covariance
