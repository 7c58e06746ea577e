"""Bayes, the reference: θ that are drawn of their priors given that they work end to end."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit, ndtri

from spicebuf.entropy import clopper_pearson, require_confidence
from spicebuf.errors import InputError
from spicebuf.prediction.banks import Banks
from spicebuf.prediction.estimates import Estimate
from spicebuf.search import Sets
from spicebuf.search.cores import Compatibility, compatibility
from spicebuf.search.relation import Floats, Places, relate
from spicebuf.search.solutions import MAX_PAIRS


@dataclass(frozen=True)
class WorkingPairs:
    """The pairs of θ of two banks that work end to end.

    Attributes
    ----------
    banks : Banks
    senders, takers : array of int, shapes (n1,), (n2,)
        Places in the banks of those θ that work with any of the other component.
    matrix : Compatibility
        Which of them work together, and their weights.
    degree : array of float, shape (n1,)
        Weight of the partners of each sender, > 0.
    n_compared : (int, int)
        θ of the first and of the second component that were compared.
    """

    banks: Banks
    senders: Places
    takers: Places
    matrix: Compatibility
    degree: Floats
    n_compared: tuple[int, int]

    @property
    def weight(self) -> float:
        """Sum of the products of weights of all pairs."""
        return float(self.matrix.sent @ self.degree)

    @property
    def share(self) -> Floats:
        """Share of the weight that is of pairs of each sender, shape (n1,)."""
        return np.asarray(self.matrix.sent * self.degree / self.weight)


def working_pairs(banks: Banks) -> WorkingPairs:
    """Compare every θ of two banks; of more than `MAX_PAIRS` pairs, those of the first θ of each.

    Raises
    ------
    InputError
        If no pair works.
    """
    n1, n2 = len(banks.images.weight), len(banks.preimages.weight)
    if n1 * n2 > MAX_PAIRS:
        n1, n2 = min(n1, math.isqrt(MAX_PAIRS)), min(n2, math.isqrt(MAX_PAIRS))
    relation = relate(banks.images[np.arange(n1)], banks.preimages[np.arange(n2)])
    if len(relation.sent) and len(relation.taken):
        matrix = compatibility(relation)
        some1 = np.flatnonzero(matrix.sums_over_takers(relation.taken))
        some2 = np.flatnonzero(matrix.sums_over_senders(relation.sent))
        relation = relation.part(some1, some2)
    if not (len(relation.sent) and len(relation.taken)):
        raise InputError(
            f"banks: none of {n1} × {n2} pairs works end to end; take larger banks, or draw them from "
            "what works (a relaxed event)"
        )
    matrix = compatibility(relation)
    degree = matrix.sums_over_takers(matrix.taken)
    return WorkingPairs(banks, relation.senders, relation.takers, matrix, degree, (n1, n2))


def share_in_best(
    pairs: WorkingPairs, best: Sets, confidence: float, *, is_exact: bool = False
) -> Estimate:
    """Return the share of all working pairs that an API admits.

    It is exact on the banks, XY over the weight of working pairs: the ratio of two U-statistics of two
    samples. The interval is what other banks would give, by the delta method on the scale of logits,
    with the first-order terms of each θ (Hoeffding, Annals of Mathematical Statistics 19, 1948, 293-325).
    Where the share is 0 or 1 there it is Clopper & Pearson's, of as many draws as there are useful θ of
    the component that has fewer.

    Parameters
    ----------
    pairs : WorkingPairs
        Of banks on which `best` was not chosen.
    best : Sets
    confidence : float
        In (0, 1).
    is_exact : bool
        Whether the banks enumerate finite priors: then the interval has no width.
    """
    require_confidence(confidence)
    tail = (1.0 - confidence) / 2.0
    sent, taken = pairs.matrix.sent, pairs.matrix.taken
    first = sent * pairs.banks.images[pairs.senders].held_by(best)
    second = taken * pairs.banks.preimages[pairs.takers].hold(best)
    value = float(first.sum() * second.sum()) / pairs.weight
    if is_exact:
        return Estimate(value, value, value)
    if not 0.0 < value < 1.0:
        n = min(len(sent), len(taken))
        return Estimate(value, *clopper_pearson(value * n, n, tail))
    partners = taken * pairs.matrix.sums_over_senders(sent)
    of_first = (first * second.sum() - value * sent * pairs.degree) / pairs.weight
    of_second = (second * first.sum() - value * partners) / pairs.weight
    error = math.hypot(np.linalg.norm(of_first), np.linalg.norm(of_second))
    reach = -ndtri(tail) * error / (value * (1.0 - value))
    ends = expit(logit(value) + reach * np.array([-1.0, 1.0]))
    return Estimate(value, float(ends[0]), float(ends[1]))


def draw_pairs(pairs: WorkingPairs, n: int, rng: np.random.Generator) -> Places:
    """Draw pairs that work, each as often as its weight says.

    Returns
    -------
    array of int, shape (n, 2)
        Places in the banks of the θ of the first and of the second component.
    """
    senders = rng.choice(len(pairs.share), n, p=pairs.share)
    return with_partners(pairs, senders, rng)


def with_partners(pairs: WorkingPairs, senders: Places, rng: np.random.Generator) -> Places:
    """Draw a partner for each of some senders by weight; return the places of both in the banks."""
    matrix, luck = pairs.matrix, rng.random(len(senders))
    takers = np.empty(len(senders), dtype=np.int64)
    order = np.argsort(senders, kind="stable")
    distinct, first = np.unique(senders[order], return_index=True)
    for sender, who in zip(distinct.tolist(), np.split(order, first[1:]), strict=True):
        works = np.unpackbits(matrix.of_senders[sender], count=len(matrix.taken))
        partners = np.flatnonzero(works)
        reached = np.cumsum(matrix.taken[partners])
        takers[who] = partners[np.searchsorted(reached / reached[-1], luck[who], side="right")]
    return np.stack([pairs.senders[senders], pairs.takers[takers]], axis=1)
