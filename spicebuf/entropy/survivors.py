"""Whether the runs of a splitting estimate agree on where the event is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spicebuf.entropy.events import Floats

FEW_ANCESTORS = 5
_MAX_CLUSTERED = 2_000
_LEAST_SHARE = 0.02


@dataclass(frozen=True)
class Clusters:
    """Groups of survivors that are separated by sparse space.

    Attributes
    ----------
    n : int
        At least 1 where anything survived.
    n_by_run : array of int, shape (R,)
        Clusters that each run has survivors in.
    """

    n: int
    n_by_run: NDArray[np.int64]


def find_clusters(survivors: Sequence[Floats], rng: np.random.Generator) -> Clusters:
    """Group the survivors of all runs by density (HDBSCAN: Campello et al., TKDD 10, 2015, 5)."""
    from sklearn.cluster import HDBSCAN  # noqa: PLC0415 (slow to import)

    run = np.repeat(np.arange(len(survivors)), [len(each) for each in survivors])
    points = np.concatenate(survivors)
    if len(points) > _MAX_CLUSTERED:
        chosen = rng.choice(len(points), _MAX_CLUSTERED, replace=False)
        run, points = run[chosen], points[chosen]
    points, first = np.unique(points, axis=0, return_index=True)
    run = run[first]
    least = max(5, int(_LEAST_SHARE * len(points)))
    if len(points) < 2 * least:
        return Clusters(min(1, len(points)), np.array([min(1, len(each)) for each in survivors]))
    spread = points.std(axis=0)
    white = (points - points.mean(axis=0)) / np.where(spread > 0.0, spread, 1.0)
    labels = HDBSCAN(min_cluster_size=least, allow_single_cluster=True, copy=True).fit_predict(
        white
    )
    found = np.unique(labels[labels >= 0])
    seen = [len(np.unique(labels[(run == k) & (labels >= 0)])) for k in range(len(survivors))]
    return Clusters(max(1, len(found)), np.maximum(seen, [min(1, len(each)) for each in survivors]))


def doubts(ancestors: NDArray[np.int64], clusters: Clusters) -> Iterator[str]:
    """Tell what makes the interval of R runs doubtful; `ancestors` has shape (R,)."""
    n_runs, few = len(ancestors), int(np.sum(ancestors < FEW_ANCESTORS))
    if few:
        yield (
            f"{few} of {n_runs} runs descend from fewer than {FEW_ANCESTORS} draws of the prior: "
            "the interval may be too narrow"
        )
    missed = int(np.sum(clusters.n_by_run < clusters.n))
    if missed:
        yield (
            f"{missed} of {n_runs} runs miss at least one of {clusters.n} clusters of survivors: "
            "there may be more that all of them miss"
        )
