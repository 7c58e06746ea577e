"""Transfer curves × APIs → margins, verdicts and witnesses, for a whole bank at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from spicebuf.api import Api
from spicebuf.deck import ACCURACY
from spicebuf.ngspice import Status
from spicebuf.sweep import Curves

Floats = NDArray[np.float64]

# A grid voltage is one rounding away from the edge that it was meant to be.
_SAME_VOLTAGE = 1e-9


class Verdict(IntEnum):
    """What is known of a θ against its two APIs."""

    VIOLATED = 0
    SATISFIED = 1
    BORDERLINE = 2
    UNSIMULATED = 3

    @property
    def word(self) -> str:
        """The verdict as results and tables spell it."""
        return self.name.lower()


@dataclass(frozen=True)
class Witness:
    """Where a margin is attained: logical value, input [V], output [V] and sweep direction."""

    logic: str
    vin: float
    vout: float
    branch: str


@dataclass(frozen=True)
class Checks:
    """Answers for n curves.

    Attributes
    ----------
    margin : array of float, shape (n,)
        Least signed distance of an output to the edge of its set [V]; ≥ 0 satisfies; NaN where
        unsimulated.
    verdict : array of uint8, shape (n,)
        A `Verdict` for every curve.
    witness_logic, witness_branch : array of int, shape (n,)
        Index of the logical value and of the branch that attain the margin.
    witness_vin, witness_vout : array of float, shape (n,)
        Input and output that attain the margin [V].
    """

    margin: Floats
    verdict: NDArray[np.uint8]
    witness_logic: NDArray[np.int64]
    witness_branch: NDArray[np.int64]
    witness_vin: Floats
    witness_vout: Floats

    def witness(self, k: int, logical_values: Sequence[str], branches: Sequence[str]) -> Witness:
        """Return the witness of curve `k` in words and volts."""
        return Witness(
            logical_values[self.witness_logic[k]],
            float(self.witness_vin[k]),
            float(self.witness_vout[k]),
            branches[self.witness_branch[k]],
        )


def check_curves(curves: Curves, vin: Floats, api_in: Api, api_out: Api, vdd: float) -> Checks:
    """Check n curves against the APIs on both sides.

    A grid point is certain; an API edge between two grid points is interpolated, and the verdict is
    *borderline* where the next point outside would change it. A circuit without feedback (one branch)
    has a continuous curve, so the image of one input interval must lie inside *one* interval of a
    union: samples on both sides of a gap prove that the curve crosses it. A branch of a circuit with
    feedback may jump over a gap; whether it jumped or crossed, samples cannot tell: borderline.

    Parameters
    ----------
    curves : Curves
        ``vout`` of shape (n, n_branches, n_points).
    vin : array of float, shape (n_points,)
        Ascending [V].
    api_in, api_out : Api
        With the same logical values.
    vdd : float
        Supply [V]; edges on a rail do not bind.
    """
    vout = curves.vout
    n, n_branches, _ = vout.shape
    continuous = n_branches == 1
    parts: list[_Part] = []
    certain, cautious = np.full(n, np.inf), np.full(n, np.inf)
    for index, logic, low, high in _intervals(api_in):
        targets = api_out.sets[logic].binding_edges(vdd)
        stretch = _stretch(vin, low, high)
        inside, outside = vout[:, :, stretch.inside], vout[:, :, stretch.outside]
        at_edges = vout[:, :, stretch.below] * (1.0 - stretch.part)
        at_edges += vout[:, :, stretch.below + 1] * stretch.part
        samples = np.concatenate([inside, at_edges], axis=2)
        wider = np.concatenate([inside, outside], axis=2)
        margins = _margins(samples, targets, one_interval=continuous)
        parts.append(_Part(index, np.append(vin[stretch.inside], stretch.edges), samples, margins))
        if stretch.inside.size:
            proven = _least(_margins(inside, targets, one_interval=continuous))
        else:
            proven = _least(_best_between(outside, targets))
        certain = np.minimum(certain, proven)
        # Whether a branch jumped over a gap or crossed it, samples cannot tell: be cautious.
        cautious = np.minimum(cautious, _least(_margins(wider, targets, one_interval=True)))
    least = _smallest(parts, n)
    verdict = np.full(n, Verdict.BORDERLINE, dtype=np.uint8)
    verdict[(least.margin > ACCURACY) & (cautious >= 0.0)] = Verdict.SATISFIED
    verdict[certain < -ACCURACY] = Verdict.VIOLATED
    verdict[curves.status != Status.TRUSTED] = Verdict.UNSIMULATED
    return replace(least, verdict=verdict)


@dataclass(frozen=True)
class _Stretch:
    """One input interval cut out of the grid.

    `inside` are the grid points in it. Where an edge falls between two grid points, `outside` is the
    one beyond it, `edges` the edge [V], `below` the point under it and `part` its way to the next.
    """

    inside: NDArray[np.int64]
    outside: NDArray[np.int64]
    edges: Floats
    below: NDArray[np.int64]
    part: Floats


@dataclass(frozen=True)
class _Part:
    """Samples over one input interval: shapes (n_samples,) and twice (n, n_branches, n_samples)."""

    logic: int
    vin: Floats
    vout: Floats
    margins: Floats


def _intervals(api: Api) -> Iterator[tuple[int, str, float, float]]:
    for index, (logic, voltages) in enumerate(api.sets.items()):
        for low, high in voltages.intervals:
            yield index, logic, low, high


def _stretch(vin: Floats, low: float, high: float) -> _Stretch:
    same = _SAME_VOLTAGE * max(1.0, float(vin[-1]))
    inside = np.flatnonzero((vin >= low - same) & (vin <= high + same))
    off_grid = [edge for edge in dict.fromkeys((low, high)) if np.min(np.abs(vin - edge)) > same]
    edges = np.array(off_grid, dtype=np.float64)
    below = np.searchsorted(vin, edges) - 1
    part = (edges - vin[below]) / (vin[below + 1] - vin[below])
    neighbours = np.union1d(below, below + 1)
    return _Stretch(inside, np.setdiff1d(neighbours, inside), edges, below, part)


def _margins(vout: Floats, targets: Sequence[tuple[float, float]], *, one_interval: bool) -> Floats:
    """Return signed distances into the target set, shape of `vout`: (n, n_branches, n_samples) [V].

    With `one_interval`, all samples of a branch are measured against the one interval that suits them
    best: the image of an interval under a continuous curve is connected.
    """
    low, high = np.array(targets).T
    each = np.minimum(vout[..., np.newaxis] - low, high - vout[..., np.newaxis])
    if not one_interval:
        return np.asarray(each.max(axis=-1))
    best = each.min(axis=2, initial=np.inf).argmax(axis=-1)
    return np.take_along_axis(each, best[:, :, np.newaxis, np.newaxis], axis=-1)[..., 0]


def _best_between(vout: Floats, targets: Sequence[tuple[float, float]]) -> Floats:
    """Return the best margin that any output between the samples of a branch could have [V]."""
    least, greatest = vout.min(axis=2, keepdims=True), vout.max(axis=2, keepdims=True)
    return np.asarray(
        np.max([np.minimum(greatest - low, high - least) for low, high in targets], axis=0)
    )


def _least(margins: Floats) -> Floats:
    return np.asarray(margins.min(axis=(1, 2), initial=np.inf))


def _smallest(parts: Sequence[_Part], n: int) -> Checks:
    """Find each curve's least margin and what attains it."""
    margins = np.concatenate([part.margins for part in parts], axis=2)
    vout = np.concatenate([part.vout for part in parts], axis=2)
    vin = np.concatenate([part.vin for part in parts])
    logic = np.concatenate([np.full(len(part.vin), part.logic) for part in parts])
    n_samples = len(vin)
    where = margins.reshape(n, -1).argmin(axis=1)
    curve, sample = np.arange(n), where % n_samples
    return Checks(
        margin=margins.reshape(n, -1)[curve, where],
        verdict=np.empty(n, dtype=np.uint8),
        witness_logic=logic[sample],
        witness_branch=where // n_samples,
        witness_vin=vin[sample],
        witness_vout=vout.reshape(n, -1)[curve, where],
    )
