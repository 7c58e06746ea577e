"""Between the grid points: simulate where a curve could still hide a violation.

Samples say nothing about what lies between them: a comparator with two thresholds close together makes
a pulse that fits between two points, with flat samples on either side, so that slopes do not show it
either. What excludes it is a bound on the gain: between two samples at distance h, a curve whose slope
never exceeds g stays below the tent (y₀ + y₁ + g h)/2, and likewise above. Where a tent leaves the API,
that stretch is simulated in smaller steps, for those θ alone, until no tent does.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spicebuf.api import Api
from spicebuf.check import Checks, Floats, Reached, Verdict, check_curves, input_intervals
from spicebuf.deck import Bench, Stretch, accuracy
from spicebuf.errors import InputError
from spicebuf.ngspice import Status
from spicebuf.pools import Pool
from spicebuf.simulate import Curves
from spicebuf.sweep import sweep

MAX_GAIN = 100.0
"""Slope of a transfer curve inside its APIs that is allowed for unless another is stated [V/V]."""

_MAX_ROUNDS = 5
_MOST_STEPS = 64
# Stretches of different θ are cut at such parts of an interval, so that they can share decks.
_PARTS = 8
# A curve that is seen to be steeper than the bound is taken to be up to twice as steep as seen.
_STEEPER = 2.0


@dataclass(frozen=True)
class _Piece:
    """Samples of some θ on a part of one input interval, and where their outputs must stay.

    Attributes
    ----------
    rows : array of int, shape (n,)
    vin : array of float, shape (m,)
        Ascending [V].
    vout : array of float, shape (n, m)
        [V]
    low, high : array of float, shape (n,)
        Edges of the output interval that suits each θ best [V].
    """

    rows: NDArray[np.int64]
    vin: Floats
    vout: Floats
    low: Floats
    high: Floats


def refine(
    on: Bench,
    theta: Floats,
    curves: Curves,
    checks: Checks,
    apis: tuple[Api, Api],
    max_gain: float,
    pool: Pool,
) -> Checks:
    """Settle what a grid leaves open, for all x in the input API and not for the grid points alone.

    Only θ that are not certainly violated are looked at. Circuits with feedback may jump, which no gain
    bounds: they are swept again in steps of half the size, and their answers remain those of a grid.

    Parameters
    ----------
    on : Bench
        That `curves` come from.
    theta : array of float, shape (n, len(on.thetas))
    curves, checks : Curves, Checks
        Of these θ on the grid.
    apis : (Api, Api)
        At the input and at the output.
    max_gain : float
        Largest |slope| of a curve inside the input API [V/V]; 0 trusts the grid.
    pool : Pool

    Returns
    -------
    Checks
        Borderline are θ within the accuracy of an edge, and those that the smallest step leaves open.
    """
    require_gain(max_gain)
    rows = open_rows(checks.verdict)
    if max_gain == 0.0 or not len(rows):
        return checks
    found = Checks(**{name: values.copy() for name, values in vars(checks).items()})
    if on.feedback:
        halved = _halve(on, theta[rows], apis, pool)
        found.margin[rows] = np.minimum(found.margin[rows], halved.margin)
        found.verdict[rows] = halved.verdict
        return found
    # Satisfied until a sample or a tent says otherwise.
    found.verdict[rows], found.reached[rows] = Verdict.SATISFIED, Reached.BOUNDED
    found.margin[rows] = np.inf
    waiting = deque((piece, 0) for piece in _pieces(on, curves, rows, apis, pool, theta, found))
    while waiting:
        piece, n_rounds = waiting.popleft()
        for finer in _examine(piece, on, theta, max_gain, n_rounds, found, pool):
            waiting.append((finer, n_rounds + 1))
    return found


def open_rows(verdict: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the places of θ that more samples could show to be violated."""
    return np.flatnonzero(np.isin(verdict, (Verdict.SATISFIED, Verdict.BORDERLINE)))


def require_gain(max_gain: float) -> None:
    """Raise InputError if `max_gain` bounds nothing."""
    if not 0.0 <= max_gain <= 1e6:  # noqa: PLR2004 (steps would be below the accuracy)
        raise InputError(
            f"max-gain = {max_gain:g} must be between 0 (trust the grid) and 1e6 volts per volt"
        )


def _halve(on: Bench, theta: Floats, apis: tuple[Api, Api], pool: Pool) -> Checks:
    """Check curves of twice as many steps."""
    finer = replace(on, stretches=tuple(stretch.halved() for stretch in on.stretches))
    return check_curves(sweep(finer, theta, pool), finer.vin, *apis, on.vdd)


def _pieces(
    on: Bench,
    curves: Curves,
    rows: NDArray[np.int64],
    apis: tuple[Api, Api],
    pool: Pool,
    theta: Floats,
    found: Checks,
) -> Iterator[_Piece]:
    """Cut the curves into the intervals of the input API, edges that are off the grid simulated."""
    api_in, api_out = apis
    vin, vout = on.vin, curves.vout[rows]
    for interval in input_intervals(vin, api_in.sets):
        x, y = vin[interval.inside], interval.inside_of(vout)[:, 0].astype(np.float64)
        for edge in interval.edges.tolist():
            extra = _simulate(on, theta, rows, Stretch(edge, edge, 1), pool, found)
            at = int(np.searchsorted(x, edge))
            x, y = np.insert(x, at, edge), np.insert(y, [at], extra, axis=1)
        targets = np.array(api_out.sets[interval.logic].binding_edges(on.vdd))
        fits = np.minimum(
            y.min(axis=1)[:, np.newaxis] - targets[:, 0],
            targets[:, 1] - y.max(axis=1)[:, np.newaxis],
        )
        best = targets[fits.argmax(axis=1)]
        yield _Piece(rows, x, y, best[:, 0], best[:, 1])


def _examine(
    piece: _Piece,
    on: Bench,
    theta: Floats,
    max_gain: float,
    n_rounds: int,
    found: Checks,
    pool: Pool,
) -> Iterator[_Piece]:
    """Write down what the samples of a piece say; yield finer pieces where tents leave the API."""
    low, high = piece.low[:, np.newaxis], piece.high[:, np.newaxis]
    room = np.minimum(piece.vout - low, high - piece.vout)
    _lower(found, piece, room, accuracy(on.vdd), refined=n_rounds > 0)
    step = np.diff(piece.vin)
    rise = np.abs(np.diff(piece.vout, axis=1))
    gain = np.maximum(max_gain, _STEEPER * rise / np.maximum(step, 1e-300))
    # How far the tent rises above the higher of its samples, or falls below the lower.
    peak = (gain * step - rise) / 2.0
    least = np.minimum(room[:, :-1], room[:, 1:])
    hidden = peak > least
    undecided = found.verdict[piece.rows] == Verdict.SATISFIED
    doubtful = np.flatnonzero(hidden.any(axis=1) & undecided)
    if not len(doubtful):
        return
    if n_rounds == _MAX_ROUNDS:
        found.verdict[piece.rows[doubtful]] = Verdict.BORDERLINE
        return
    factor = np.clip(gain * step / (2.0 * np.maximum(least, 1e-300)), 2.0, _MOST_STEPS)
    wanted = np.where(hidden, step / factor, np.inf)[doubtful].min(axis=1)
    for (first, last, n_steps), some in _shares(hidden[doubtful], wanted, piece.vin):
        chosen = doubtful[some]
        rows = piece.rows[chosen]
        n_points = 1 + (last - first + 1) * n_steps
        stretch = Stretch(float(piece.vin[first]), float(piece.vin[last + 1]), n_points)
        found.reached[rows] = Reached.REFINED
        vout = _simulate(on, theta, rows, stretch, pool, found)
        yield _Piece(rows, stretch.vin(), vout, piece.low[chosen], piece.high[chosen])


def _shares(
    hidden: NDArray[np.bool_], wanted: Floats, vin: Floats
) -> Iterator[tuple[tuple[int, int, int], NDArray[np.int64]]]:
    """Group θ by the stretch that they need, first and last segment, and by the steps for each of these.

    `wanted` is the step that each θ needs [V], shape (n,). An edge beside a grid point makes a segment
    that may be as short as nothing: steps are limited by the number of segments, not by their lengths.
    """
    m = hidden.shape[1]
    part = max(1, m // _PARTS)
    first = hidden.argmax(axis=1) // part * part
    last = np.minimum(m - 1, ((m - 1 - hidden[:, ::-1].argmax(axis=1)) // part + 1) * part - 1)
    ratio = (vin[last + 1] - vin[first]) / (wanted * (last - first + 1))
    # Not a step more for the rounding of equal ones.
    steps = 2.0 ** np.ceil(np.log2(np.clip(ratio, 2.0, _MOST_STEPS)) - 1e-6)
    keys = np.stack([first, last, steps.astype(np.int64)], axis=1)
    distinct, which = np.unique(keys, axis=0, return_inverse=True)
    for number, (a, b, n_steps) in enumerate(distinct.tolist()):
        yield (a, b, n_steps), np.flatnonzero(which.ravel() == number)


def _simulate(
    on: Bench,
    theta: Floats,
    rows: NDArray[np.int64],
    stretch: Stretch,
    pool: Pool,
    found: Checks,
) -> Floats:
    """Return the outputs on a stretch, shape (len(rows), n_points); those without are unsimulated."""
    curves = sweep(replace(on, stretches=(stretch,)), theta[rows], pool)
    lost = curves.status != Status.TRUSTED
    found.verdict[rows[lost]] = Verdict.UNSIMULATED
    found.margin[rows[lost]] = np.nan
    # Where nothing is known nothing is refined: any value inside will do.
    return np.where(lost[:, np.newaxis], 0.0, curves.vout[:, 0])


def _lower(found: Checks, piece: _Piece, room: Floats, doubt: float, *, refined: bool) -> None:
    """Take the margins of new samples, least distances `room` of shape (n, m), into what is known."""
    at = room.argmin(axis=1)
    each = np.arange(len(at))
    margin, vin, vout = room[each, at], piece.vin[at], piece.vout[each, at]
    lower = (found.verdict[piece.rows] != Verdict.UNSIMULATED) & (margin < found.margin[piece.rows])
    rows = piece.rows[lower]
    found.margin[rows], found.vin[rows], found.vout[rows] = margin[lower], vin[lower], vout[lower]
    found.verdict[rows[found.margin[rows] <= doubt]] = Verdict.BORDERLINE
    violated = rows[found.margin[rows] < -doubt]
    found.verdict[violated] = Verdict.VIOLATED
    if refined:
        found.reached[violated] = Reached.REFINED
