"""Transfer curves × APIs → margins, verdicts and witnesses, for a whole bank at once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import reduce
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from spicebuf.api import Api
from spicebuf.deck import accuracy
from spicebuf.errors import InputError
from spicebuf.ngspice import Status
from spicebuf.simulate import Curves, Volts
from spicebuf.voltages import VoltageSet

Floats: TypeAlias = NDArray[np.float64]
_Targets: TypeAlias = Sequence[tuple[float, float]]

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


class Reached(IntEnum):
    """How a verdict was reached."""

    GRID = 0
    """By the points of the sweep."""
    BOUNDED = 1
    """By them and a bound on the gain between them."""
    REFINED = 2
    """By further points, simulated where the bound alone would not do, and the bound."""

    @property
    def word(self) -> str:
        """The name as results and tables spell it."""
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
    reached : array of uint8, shape (n,)
        `Reached` for every curve.
    vin, vout : array of float, shape (n,)
        Input and output where the margin is attained [V], for curves that were looked at between their
        points; NaN for all others, for which `find_witness` tells.
    """

    margin: Floats
    verdict: NDArray[np.uint8]
    reached: NDArray[np.uint8]
    vin: Floats
    vout: Floats


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
    n, n_branches, _ = curves.vout.shape
    margin, certain, cautious = (np.full(n, np.inf) for _ in range(3))
    for stretch in input_intervals(vin, api_in.sets):
        targets = api_out.sets[stretch.logic].binding_edges(vdd)
        inside, outside = stretch.inside_of(curves.vout), stretch.outside_of(curves.vout)
        image, edges = _image(inside), stretch.at_edges(curves.vout)
        if n_branches == 1 or len(targets) == 1:
            proven, seen = _fit(image, targets), _fit(_join(image, _image(edges)), targets)
        else:
            proven = _each_fit(inside, targets)
            seen = np.minimum(proven, _each_fit(edges, targets))
        if not inside.shape[2]:
            proven = _best_between(_image(outside), targets)
        margin = np.minimum(margin, seen.min(axis=1))
        certain = np.minimum(certain, proven.min(axis=1))
        # Whether a branch jumped over a gap or crossed it, samples cannot tell: be cautious.
        wider = _fit(_join(image, _image(outside)), targets)
        cautious = np.minimum(cautious, wider.min(axis=1))
    verdict, doubt = np.full(n, Verdict.BORDERLINE, dtype=np.uint8), accuracy(vdd)
    verdict[(margin > doubt) & (cautious >= 0.0)] = Verdict.SATISFIED
    verdict[certain < -doubt] = Verdict.VIOLATED
    verdict[curves.status != Status.TRUSTED] = Verdict.UNSIMULATED
    nowhere = np.full(n, np.nan)
    return Checks(margin, verdict, np.full(n, Reached.GRID, dtype=np.uint8), nowhere, nowhere)


def score_curves(curves: Curves, vin: Floats, api_in: Api, api_out: Api, vdd: float) -> Floats:
    """Tell how far n curves are from satisfying, as a guide for searches.

    Unlike the margin, which is that of the worst point alone and the same for all curves that end on the
    wrong rail, it sees how large a part of the inputs is wrong, and by how much.

    Returns
    -------
    array of float, shape (n,)
        Minus the mean over the input samples of how far the output lies outside the interval that suits
        the curve best, summed over input intervals [V]; 0 where no sample lies outside, −inf where
        unsimulated. The other arguments are those of `check_curves`.
    """
    score = np.zeros(len(curves.vout))
    for stretch in input_intervals(vin, api_in.sets):
        inside = np.concatenate(
            [stretch.inside_of(curves.vout), stretch.at_edges(curves.vout)], axis=2
        )
        targets = api_out.sets[stretch.logic].binding_edges(vdd)
        outside = _best(
            -np.maximum(0.0, np.maximum(low - inside, inside - high)).mean(axis=2)
            for low, high in targets
        )
        score += outside.sum(axis=1)
    score[curves.status != Status.TRUSTED] = -np.inf
    return score


def squared_error(curves: Curves, vin: Floats, api_in: Api, vdd: float) -> Floats:
    """Return how far n curves are from a digital identity.

    Returns
    -------
    array of float, shape (n,)
        Squared distance of the output from 0 V for logical 0 and from `vdd` for logical 1 [V²]: its mean
        over branches and input samples, then over the two logical values. NaN where unsimulated. The
        arguments are those of `check_curves`.

    Raises
    ------
    InputError
        If there are other logical values.
    """
    ideal = {"0": 0.0, "1": vdd}
    if set(api_in.sets) != set(ideal):
        raise InputError(
            f"the squared loss is that to 0 V and {vdd:g} V for logical 0 and 1; "
            f"{api_in.name!r} has {', '.join(api_in.sets)}"
        )
    total = {logic: np.zeros(len(curves.vout)) for logic in ideal}
    n_points = dict.fromkeys(ideal, 0)
    for stretch in input_intervals(vin, api_in.sets):
        outputs = np.concatenate(
            [stretch.inside_of(curves.vout), stretch.at_edges(curves.vout)], axis=2
        )
        total[stretch.logic] += np.square(outputs - ideal[stretch.logic]).mean(axis=1).sum(axis=1)
        n_points[stretch.logic] += outputs.shape[2]
    error = np.mean([total[logic] / n_points[logic] for logic in ideal], axis=0)
    return np.where(curves.status == Status.TRUSTED, error, np.nan)


def find_witness(
    vout: Volts, vin: Floats, api_in: Api, api_out: Api, branches: Sequence[str], vdd: float
) -> Witness:
    """Find where one curve attains its margin.

    Parameters
    ----------
    vout : array of float, shape (n_branches, n_points)
        Outputs [V].
    branches : sequence of str
        Names of the sweep directions; the rest as in `check_curves`.
    """
    found: list[tuple[float, Witness]] = []
    for stretch in input_intervals(vin, api_in.sets):
        low, high = np.array(api_out.sets[stretch.logic].binding_edges(vdd)).T[..., np.newaxis]
        inputs = np.append(vin[stretch.inside], stretch.edges)
        one = vout[np.newaxis]
        outputs = np.concatenate([stretch.inside_of(one), stretch.at_edges(one)], axis=2)[0]
        for branch, output in zip(branches, outputs, strict=True):
            distance = np.minimum(output - low, high - output)
            # The image of an interval under a continuous curve lies in the interval that suits it best.
            best = distance[distance.min(axis=1).argmax()]
            distance = best if len(branches) == 1 else distance.max(axis=0)
            k = int(distance.argmin())
            witness = Witness(stretch.logic, float(inputs[k]), float(output[k]), branch)
            found.append((float(distance[k]), witness))
    return min(found, key=lambda pair: pair[0])[1]


@dataclass(frozen=True)
class InputInterval:
    """One input interval cut out of the grid.

    `inside` are the grid points in it. Where an edge falls between two grid points, `outside` is the
    one beyond it, `edges` the edge [V], `below` the point under it and `part` its way to the next.
    """

    logic: str
    inside: slice
    outside: NDArray[np.int64]
    edges: Floats
    below: NDArray[np.int64]
    part: Floats

    def inside_of(self, vout: Volts) -> Volts:
        """Return the outputs at the grid points inside."""
        return vout[:, :, self.inside]

    def outside_of(self, vout: Volts) -> Volts:
        """Return the outputs at the grid points just beyond the edges."""
        return vout[:, :, self.outside]

    def at_edges(self, vout: Volts) -> Volts:
        """Return the outputs at edges off the grid, interpolated."""
        return vout[:, :, self.below] * (1.0 - self.part) + vout[:, :, self.below + 1] * self.part


def input_intervals(vin: Floats, sets: Mapping[str, VoltageSet]) -> Iterator[InputInterval]:
    """Cut the grid `vin` [V] into the intervals of an input API's sets."""
    same = _SAME_VOLTAGE * max(1.0, float(vin[-1]))
    for logic, voltages in sets.items():
        for low, high in voltages.intervals:
            first, stop = np.searchsorted(vin, [low - same, high + same])
            off_grid = [
                edge for edge in dict.fromkeys((low, high)) if np.min(np.abs(vin - edge)) > same
            ]
            edges = np.array(off_grid, dtype=np.float64)
            below = np.searchsorted(vin, edges) - 1
            part = (edges - vin[below]) / (vin[below + 1] - vin[below])
            outside = np.setdiff1d(np.union1d(below, below + 1), np.arange(first, stop))
            yield InputInterval(logic, slice(int(first), int(stop)), outside, edges, below, part)


_Image: TypeAlias = tuple[Floats, Floats]
"""Least and greatest output of each curve and branch, shape (n, n_branches) [V]."""


def _image(vout: Volts) -> _Image:
    low, high = vout.min(axis=2, initial=np.inf), vout.max(axis=2, initial=-np.inf)
    return low.astype(np.float64), high.astype(np.float64)


def _join(a: _Image, b: _Image) -> _Image:
    return np.minimum(a[0], b[0]), np.maximum(a[1], b[1])


def _fit(image: _Image, targets: _Targets) -> Floats:
    """Return the margins of images in the one interval that suits each best, (n, n_branches) [V].

    The image of an interval under a continuous curve is connected.
    """
    least, greatest = image
    return _best(np.minimum(least - low, high - greatest) for low, high in targets)


def _each_fit(vout: Volts, targets: _Targets) -> Floats:
    """Return the least margin of samples that may each lie in another interval, (n, n_branches) [V]."""
    each = _best(np.minimum(vout - low, high - vout) for low, high in targets)
    return np.asarray(each.min(axis=2, initial=np.inf))


def _best_between(image: _Image, targets: _Targets) -> Floats:
    """Return the best margin that any output between the samples of a branch could have [V]."""
    least, greatest = image
    return _best(np.minimum(greatest - low, high - least) for low, high in targets)


def _best(margins: Iterator[Volts]) -> Floats:
    return reduce(np.maximum, margins).astype(np.float64)
