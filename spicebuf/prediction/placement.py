"""Where a population of solutions ended: how far from the greatest log volume, and in which behaviour."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from spicebuf.errors import InputError
from spicebuf.prediction.banks import require_two_values
from spicebuf.prediction.behaviour import behaviour_of, class_step
from spicebuf.prediction.measure import Distance, Measure, first_greatest
from spicebuf.prediction.sets import merged, sets_of, wide_of
from spicebuf.prediction.table import room_of
from spicebuf.search import Bools, Images, Preimages, Sets, work_together
from spicebuf.search.relation import Floats, Places


@dataclass(frozen=True)
class Distances:
    """Distances of n APIs from the greatest log volume; see `Distance`.

    Attributes
    ----------
    value, least, error : array of float, shape (n,)
        [nat]
    """

    value: Floats
    least: Floats
    error: Floats

    def __getitem__(self, places: Places | Bools) -> "Distances":
        """Return those of some solutions."""
        return Distances(self.value[places], self.least[places], self.error[places])


@dataclass(frozen=True)
class Placement:
    """Where a population of n solutions ended.

    Attributes
    ----------
    primary, tight, wide : Distances
        Of the API of greatest log volume that admits each solution, of its image, and of the components
        of its preimage that hold the image.
    in_best : array of bool, shape (n,)
        Whether the API of greatest log volume of all admits it.
    behaviour : array of int, shape (n, 4)
        See `behaviour_of`.
    weight : array of float, shape (n,)
    groups : array of int, shape (n, 2), or None
        Which θ of either component each was made of, where solutions share them; None where they were
        drawn independently, as runs are.
    places : array of int, shape (n,)
        Which of the solutions asked about these are, ascending.
    n_unplaced : int
        Solutions left out: of these the image does not lie in the preimage.
    """

    primary: Distances
    tight: Distances
    wide: Distances
    in_best: Bools
    behaviour: Places
    weight: Floats
    groups: Places | None
    places: Places
    n_unplaced: int = 0

    @property
    def n(self) -> int:
        """Number of solutions that were placed."""
        return len(self.weight)

    @property
    def delta(self) -> Floats:
        """Distance of each solution [nat]; +inf where the measuring banks admit nothing."""
        return self.primary.value

    @property
    def error(self) -> Floats:
        """Standard error of each distance from the finite measuring banks [nat]."""
        return self.primary.error

    @property
    def delta_tight(self) -> Floats:
        """Distance of the tight API of each solution [nat]."""
        return self.tight.value

    @property
    def delta_wide(self) -> Floats:
        """Distance of the wide API of each solution [nat]."""
        return self.wide.value

    def __getitem__(self, chosen: Places | Bools) -> "Placement":
        """Return the placement of some of the solutions; none of them is unplaced."""
        return Placement(
            self.primary[chosen],
            self.tight[chosen],
            self.wide[chosen],
            self.in_best[chosen],
            self.behaviour[chosen],
            self.weight[chosen],
            None if self.groups is None else self.groups[chosen],
            self.places[chosen],
        )


def place(
    measure: Measure,
    images: Images,
    preimages: Preimages,
    weight: Floats | None = None,
    groups: Places | None = None,
) -> Placement:
    """Find where n solutions ended.

    Parameters
    ----------
    measure : Measure
    images, preimages : Images, Preimages
        Of the first and of the second component of each solution, the k-th with the k-th; their own
        weights are not used.
    weight : array of float, shape (n,), optional
        Of each solution, ≥ 0; 1 unless given.
    groups : array of int, shape (n, 2), optional
        Which θ of either component each solution was made of, where some share them.

    Raises
    ------
    InputError
        If the shapes do not agree, a weight is negative, or there are not two logical values.
    """
    require_two_values(images, preimages)
    n = len(images.weight)
    weight = np.ones(n) if weight is None else weight
    _require_alike(n, preimages, weight, groups)
    places = np.flatnonzero(work_together(images, preimages))
    images, preimages = images[places], preimages[places]
    in_best = images.held_by(measure.best) & preimages.hold(measure.best)
    distances = _distances(measure, images, preimages, in_best)
    return Placement(
        *distances,
        in_best,
        behaviour_of(images, class_step(measure.vdd)),
        weight[places],
        None if groups is None else groups[places],
        places,
        n - len(places),
    )


def _require_alike(n: int, preimages: Preimages, weight: Floats, groups: Places | None) -> None:
    shapes = (len(preimages.weight), *weight.shape, *(() if groups is None else groups.shape))
    if shapes != (n, n, n, 2)[: len(shapes)]:
        raise InputError(
            f"place: {n} images, {shapes[0]} preimages, weights of shape {weight.shape}, groups of "
            f"shape {None if groups is None else groups.shape}; give the same number n of each, with "
            "groups of shape (n, 2)"
        )
    if not ((weight >= 0.0) & np.isfinite(weight)).all():
        raise InputError("place: every weight must be finite and ≥ 0")


def _distances(
    measure: Measure, images: Images, preimages: Preimages, in_best: Bools
) -> tuple[Distances, Distances, Distances]:
    log_volume, distance = cache(measure.choose.log_volume), cache(measure.distance)
    found: tuple[list[Distance], ...] = ([], [], [])
    rows = zip(
        sets_of(images),
        sets_of(preimages),
        measure.refined(room_of(images, preimages)),
        in_best.tolist(),
        strict=True,
    )
    for inner, outer, refined, is_best in rows:
        tight, wide = merged(inner), wide_of(inner, outer)
        candidates = (measure.best if is_best else None, refined, tight, wide)
        apis: tuple[Sets, ...] = (first_greatest(candidates, log_volume), tight, wide)
        for each, api in zip(found, apis, strict=True):
            each.append(distance(api))
    primary, tight_, wide_ = map(_columns, found)
    return primary, tight_, wide_


def _columns(distances: list[Distance]) -> Distances:
    rows = np.array([(each.value, each.least, each.error) for each in distances], dtype=np.float64)
    return Distances(*rows.reshape(-1, 3).T)
