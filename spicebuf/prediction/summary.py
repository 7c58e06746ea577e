"""What is said of a population of solutions under a claim."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from spicebuf.prediction.claim import Claim
from spicebuf.prediction.estimates import Estimate, Sample, median_estimate, share_estimate
from spicebuf.prediction.placement import Distances, Placement
from spicebuf.search.relation import Floats


@dataclass(frozen=True)
class Summary:
    """What is said of a population of solutions; values are NaN where none was placed.

    Attributes
    ----------
    n : int
        Solutions, with those that were not placed.
    n_unplaced : int
    n_open : int
        Those of which the finite banks leave open whether they are near, or which were not placed.
    share_near : Estimate
        Of a distance of at most `Claim.near`. Those left open count against the lower limit and for the
        upper one.
    share_in_best : Estimate
        Of those that the API of greatest log volume of all admits.
    delta_median, tight_median, wide_median : Estimate
        Of the distances of the primary, the tight and the wide API [nat]. The limits allow each distance
        its own error, as if all erred to the same side, as they do where the banks weigh the best API
        wrong.
    """

    n: int
    n_unplaced: int
    n_open: int
    share_near: Estimate
    share_in_best: Estimate
    delta_median: Estimate
    tight_median: Estimate
    wide_median: Estimate


def summarise(placement: Placement, claim: Claim) -> Summary:
    """Say what a claim asks of a population.

    Of weighted draws, and of pairs of θ that share θ, limits are those of an effective number of
    independent draws; see `Sample.effective`.
    """
    sample, unplaced = Sample(placement.weight, placement.groups), placement.n_unplaced
    low, high = _ends(placement.primary, claim)
    sure, possible = high <= claim.near, low <= claim.near
    medians = [
        _median(sample, each, unplaced, claim)
        for each in (placement.primary, placement.tight, placement.wide)
    ]
    in_best = placement.in_best
    return Summary(
        placement.n + unplaced,
        unplaced,
        int(np.count_nonzero(sure != possible)) + unplaced,
        share_estimate(sample, placement.delta <= claim.near, sure, possible, unplaced, claim.tail),
        share_estimate(sample, in_best, in_best, in_best, unplaced, claim.tail),
        *medians,
    )


def _median(sample: Sample, distances: Distances, n_unplaced: int, claim: Claim) -> Estimate:
    low, high = _ends(distances, claim)
    return median_estimate(sample, distances.value, low, high, n_unplaced, claim.tail)


def _ends(distances: Distances, claim: Claim) -> tuple[Floats, Floats]:
    """Return between which distances the banks leave each open."""
    reach = -ndtri(claim.tail) * distances.error
    return distances.least - reach, distances.value + reach
