"""What else could end near the greatest log volume: populations that know nothing of training."""

from dataclasses import dataclass

import numpy as np

from spicebuf.errors import InputError
from spicebuf.prediction.banks import Banks
from spicebuf.prediction.bayes import WorkingPairs, draw_pairs, working_pairs
from spicebuf.prediction.claim import Claim
from spicebuf.prediction.classes import Classes, stratified_pairs
from spicebuf.prediction.estimates import Estimate
from spicebuf.prediction.measure import Measure
from spicebuf.prediction.placement import Placement, place
from spicebuf.prediction.summary import Summary
from spicebuf.search import Images, Preimages, lattice
from spicebuf.search.relation import Floats, Places

_HALF = 0.5


@dataclass(frozen=True)
class Shuffled:
    """The components of some solutions, put together at random.

    Attributes
    ----------
    share : float
        Of all pairs, that work.
    placement : Placement
        Of draws of those.
    """

    share: float
    placement: Placement


def place_bayes(
    measure: Measure, pairs: WorkingPairs, n: int, rng: np.random.Generator
) -> Placement:
    """Place `n` draws of all pairs that work: Bayes.

    With banks of other weights than those of `measure` it is the null of another prior.
    """
    return _place_pairs(measure, pairs, draw_pairs(pairs, n, rng), is_shared=not measure.is_exact)


def place_classes(
    measure: Measure,
    pairs: WorkingPairs,
    classes: Classes,
    per_class: int,
    rng: np.random.Generator,
) -> Placement:
    """Place as many solutions of each behaviour class, uniform within it."""
    drawn = stratified_pairs(pairs, classes, per_class, rng)
    return _place_pairs(measure, pairs, drawn, is_shared=not measure.is_exact)


def place_shuffled(
    measure: Measure, images: Images, preimages: Preimages, n: int, rng: np.random.Generator
) -> Shuffled:
    """Place `n` of the pairs that work of all first with all second components of some solutions.

    Raises
    ------
    InputError
        If there are no solutions, or none of the pairs works.
    """
    alone = Banks(
        Images(images.low, images.high, np.ones(len(images.weight))),
        Preimages(preimages.low, preimages.high, np.ones(len(preimages.weight))),
    )
    pairs = working_pairs(alone)
    n_pairs = pairs.n_compared[0] * pairs.n_compared[1]
    drawn = draw_pairs(pairs, n, rng)
    return Shuffled(pairs.weight / n_pairs, _place_pairs(measure, pairs, drawn, is_shared=True))


def distances_of_apis(measure: Measure) -> Floats:
    """Return how far each closed API on the grid of `measure` is from the best one there [nat].

    All of them are counted on the choosing banks.

    Raises
    ------
    InputError
        If there are none.
    """
    found = lattice(measure.choose.images, measure.choose.preimages, measure.table.axis)
    if not found.n_closed:
        raise InputError("no API on the grid admits anything; raise n_edges, or take larger banks")
    return np.asarray(found.log_volume[0] - found.log_volume)


def summarise_apis(delta: Floats, claim: Claim) -> Summary:
    """Say what a claim asks of all closed APIs, each counting alike, by their distances.

    There is no sampling error, and no other API between that could be meant.
    """
    median = _exactly(float(np.quantile(delta, _HALF, method="inverted_cdf")))
    return Summary(
        n=len(delta),
        n_unplaced=0,
        n_open=0,
        share_near=_exactly(float(np.mean(delta <= claim.near))),
        share_in_best=_exactly(float(np.mean(delta <= 0.0))),
        delta_median=median,
        tight_median=median,
        wide_median=median,
    )


def _exactly(value: float) -> Estimate:
    return Estimate(value, value, value)


def _place_pairs(
    measure: Measure, pairs: WorkingPairs, drawn: Places, *, is_shared: bool
) -> Placement:
    """Place pairs; where θ are a sample themselves, pairs that share them are not independent."""
    images, preimages = pairs.banks.images[drawn[:, 0]], pairs.banks.preimages[drawn[:, 1]]
    return place(measure, images, preimages, groups=drawn if is_shared else None)
