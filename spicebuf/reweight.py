"""From one prior to another: which banks may answer for it, and what each of their θ weighs."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from spicebuf.bank import bench_key
from spicebuf.deck import Bench
from spicebuf.errors import InputError
from spicebuf.prior import Prior

NEGLIGIBLE = 1e-12
"""Probability that may lie where nothing was drawn: rounded ends, tails that no bank reaches."""

_SHOWN = 60


def log_weights(
    theta: NDArray[np.float64], target: Sequence[Prior], drawn: Sequence[Prior]
) -> NDArray[np.float64]:
    """Return the log of what each θ weighs, shape (n,): its density under one prior over the other.

    Parameters
    ----------
    theta : array of float, shape (n, len(drawn))
        Drawn from `drawn`.
    target, drawn : sequence of Prior
        Of each parameter; see `require_support`.
    """
    total = np.zeros(len(theta))
    for column, p, q in zip(theta.T, target, drawn, strict=True):
        if p != q:
            total += p.log_density(column) - q.log_density(column)
    return total


def require_same_curves(here: Bench, there: Bench, where: str, source: str) -> None:
    """Raise InputError if a θ has another curve on bench `there`, which file `source` describes.

    `where` begins the message.
    """
    ours, theirs = bench_key(here, ""), bench_key(there, "")
    if ours["netlist"] != theirs["netlist"]:
        raise InputError(
            f"{where} has another netlist in {source}; name the same one, as curves answer for their own"
        )
    for theta in sorted(set(here.thetas) ^ set(there.thetas)):
        place = "here" if theta in here.thetas else f"in {source}"
        raise InputError(
            f"{where}: θ {theta!r} is free {place} alone; "
            "give it a prior in both files, or fix it in both at one value"
        )
    for theta, value in ours["fixed"].items():
        if value != (other := theirs["fixed"][theta]):
            raise InputError(
                f"{where}: θ {theta!r} is fixed at {value!r} here and at {other!r} in {source}; "
                "fix it at one value in both files"
            )
    for key, value in ours.items():
        if value != theirs[key]:
            raise InputError(
                f"{where}: {key} is {value} here and {theirs[key]} in {source}; curves answer for "
                "their own alone, so make it the same in both files"
            )


def require_support(
    target: Mapping[str, Prior], drawn: Mapping[str, Prior], where: str, source: str
) -> None:
    """Raise InputError if parameters may be where their priors in file `source` have no density.

    A finite prior has no density that a continuous one could be weighed by, nor the other way round.
    """
    for theta, p in target.items():
        q = drawn[theta]
        if (p.values is None) != (q.values is None):
            raise InputError(
                f"{where}: θ {theta!r}: {_short(p)} here and {_short(q)} in {source} cannot be weighed "
                "against each other; both must be continuous, or both finite (grid, linspace, geomspace)"
            )
        outside = mass_outside(p, q)
        if outside > NEGLIGIBLE:
            raise InputError(
                f"{where}: θ {theta!r}: {100.0 * outside:.3g} % of {_short(p)} lies outside of "
                f"{_short(q)} in {source}, where nothing was drawn; widen that prior or narrow this one"
            )


def mass_outside(target: Prior, drawn: Prior) -> float:
    """Return the probability under one prior of values that another of the same kind never takes."""
    if target.values is not None:
        missing = np.isneginf(drawn.log_density(np.array(target.values)))
        return float(missing.mean())
    low, high = drawn.support
    return target.cdf(low) + (1.0 - target.cdf(high))


def _short(prior: Prior) -> str:
    text = str(prior)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…)"
