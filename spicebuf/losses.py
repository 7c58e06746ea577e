"""Inputs drawn from an API, and how far the outputs there are from what is wanted: what training sees.

Inputs are drawn by systematic sampling with a random start (Cochran, Sampling Techniques, 1977, ch. 8):
equal steps across an interval from a random offset. All together they are uniform over the interval and
leave no large gap, and ngspice sweeps them in one go.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import numpy as np

from spicebuf.api import Api
from spicebuf.check import Floats
from spicebuf.deck import Stretch
from spicebuf.errors import InputError
from spicebuf.ngspice import Status
from spicebuf.simulate import Curves, Volts

IDEAL = ("0", "1")
"""Logical values that the squared loss knows a voltage for: 0 V and the supply."""


class Loss(StrEnum):
    """What training makes small."""

    HINGE = "hinge"
    """How far outputs lie outside of the last API [V]."""
    SQUARED = "squared"
    """Squared distance of outputs from 0 V for logical 0 and from the supply for logical 1 [V²]."""

    @property
    def unit(self) -> str:
        """Of its values."""
        return "V" if self is Loss.HINGE else "V²"


@dataclass(frozen=True)
class Inputs:
    """Inputs drawn from one interval of a logical value.

    Attributes
    ----------
    logic : str
    stretch : Stretch
    share : float
        What their mean weighs among those of the logical value: its part of the length of all intervals.
    """

    logic: str
    stretch: Stretch
    share: float


def require_ideal(api: Api) -> None:
    """Raise InputError if an API is not one that the squared loss leads to: all of 0 below all of 1."""
    if set(api.sets) != set(IDEAL):
        raise InputError(
            f"loss = 'squared' is the distance from 0 V for logical 0 and from the supply for 1; "
            f"{api.name!r} has {', '.join(api.sets)}; take loss = 'hinge'"
        )
    zero, one = (api.sets[logic].intervals for logic in IDEAL)
    if zero[-1][1] >= one[0][0]:
        raise InputError(
            f"loss = 'squared' is the distance from 0 V for logical 0 and from the supply for 1, but "
            f"{api.name!r} does not have all of 0 below 1; take loss = 'hinge'"
        )


def draw_inputs(api: Api, n_inputs: int, rng: np.random.Generator) -> tuple[Inputs, ...]:
    """Draw inputs from every interval of an API, ascending; `n_inputs` ≥ 1 from each."""
    drawn = []
    for logic, voltages in api.sets.items():
        total = sum(high - low for low, high in voltages.intervals)
        for low, high in voltages.intervals:
            share = (high - low) / total if total else 1.0 / len(voltages.intervals)
            drawn.append(Inputs(logic, _draw(low, high, n_inputs, rng), share))
    return tuple(sorted(drawn, key=lambda inputs: inputs.stretch.low))


def _draw(low: float, high: float, n: int, rng: np.random.Generator) -> Stretch:
    step, offset = (high - low) / n, float(rng.random())
    if not step:
        return Stretch(low, low, 1)
    # Rounding must not step over an edge.
    last = min(high, low + (offset + n - 1) * step)
    return Stretch(low + offset * step, last, n)


def at_inputs(vin: Floats, vout: Volts, drawn: Sequence[Inputs]) -> Volts:
    """Return outputs at drawn inputs, between the points `vin` [V] of (n, n_branches, n_points)."""
    x = np.concatenate([inputs.stretch.vin() for inputs in drawn])
    below = np.clip(np.searchsorted(vin, x, side="right") - 1, 0, len(vin) - 2)
    part = (x - vin[below]) / (vin[below + 1] - vin[below])
    return np.asarray(vout[:, :, below] * (1.0 - part) + vout[:, :, below + 1] * part)


@dataclass(frozen=True)
class Target:
    """What a chain is trained for.

    Attributes
    ----------
    loss : Loss
    api : Api
        The last one.
    vdd : float
        Supply [V].
    """

    loss: Loss
    api: Api
    vdd: float

    def loss_of(self, curves: Curves, drawn: Sequence[Inputs]) -> Floats:
        """Return the losses of n curves at drawn inputs, shape (n,); NaN where unsimulated.

        The mean over logical values of the mean over inputs and branches. `curves` hold the outputs at
        the drawn inputs, in their order.
        """
        total = {logic: np.zeros(len(curves.status)) for logic in self.api.sets}
        for inputs, outputs in _parts(curves.vout, drawn):
            total[inputs.logic] += inputs.share * self._distance(inputs.logic, outputs)
        return self._known(np.mean([*total.values()], axis=0), curves)

    def margin_of(self, curves: Curves, drawn: Sequence[Inputs]) -> Floats:
        """Return the least signed distance of an output to the edge of its set, shape (n,) [V].

        As `check_curves` has it, but of the drawn inputs alone; NaN where unsimulated. The image of one
        interval is connected, and lies in *one* interval of the API.
        """
        margin = np.full(len(curves.status), np.inf)
        for inputs, outputs in _parts(curves.vout, drawn):
            each = [
                np.minimum(outputs - low, high - outputs).min(axis=2)
                for low, high in self.api.sets[inputs.logic].binding_edges(self.vdd)
            ]
            margin = np.minimum(margin, np.max(each, axis=0).min(axis=1))
        return self._known(margin, curves)

    def _distance(self, logic: str, outputs: Volts) -> Floats:
        """Return the mean distance of (n, n_branches, n_inputs) outputs from what is wanted, (n,)."""
        if self.loss is Loss.SQUARED:
            ideal: Mapping[str, float] = dict(zip(IDEAL, (0.0, self.vdd), strict=True))
            return np.asarray(np.square(outputs - ideal[logic]).mean(axis=(1, 2)), dtype=np.float64)
        each = [
            np.maximum(0.0, np.maximum(low - outputs, outputs - high)).mean(axis=2)
            for low, high in self.api.sets[logic].binding_edges(self.vdd)
        ]
        return np.asarray(np.min(each, axis=0).mean(axis=1), dtype=np.float64)

    def _known(self, values: Floats, curves: Curves) -> Floats:
        return np.where(curves.status == Status.TRUSTED, values, np.nan)


def _parts(vout: Volts, drawn: Sequence[Inputs]) -> list[tuple[Inputs, Volts]]:
    """Cut outputs at all drawn inputs into those of each interval."""
    ends = np.cumsum([0, *(inputs.stretch.n_points for inputs in drawn)])
    spans = pairwise(ends.tolist())
    return [(inputs, vout[:, :, a:b]) for inputs, (a, b) in zip(drawn, spans, strict=True)]
