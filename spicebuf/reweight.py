"""From one prior to another: which banks may answer for it, and what each of their θ weighs."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from spicebuf.bank import bench_key
from spicebuf.deck import Bench
from spicebuf.errors import InputError
from spicebuf.prior import Prior

NEGLIGIBLE = 1e-12
"""Probability that may lie where nothing was drawn: rounded ends, tails that no bank reaches."""

_SHOWN = 60
# In standard deviations: beyond, quantiles cannot be told from 1.
_REACH = 8.0
_STILL_GROWING = 1e-3


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


def require_worth(
    target: Mapping[str, Prior], drawn: Mapping[str, Prior], n: float, least: float, where: str
) -> None:
    """Raise InputError if `n` draws can be expected to be worth fewer than `least` of the target's.

    This is known from the priors alone. Where weights have no finite variance, a sample of them looks
    better than it is, and the better the smaller it is.
    """
    costs = {theta: mean_weight(p, drawn[theta]) for theta, p in target.items()}
    cost = math.prod(costs.values())
    worth = n / cost
    if worth < least:
        enough = f"{least * cost:.2g}" if math.isfinite(cost) else "no number of"
        worst = max(costs, key=costs.__getitem__)
        raise InputError(
            f"{where}: {n:g} draws of the bank are worth about {worth:.0f} of the prior asked about, "
            f"and at least {least:g} are needed. Most is lost on θ {worst!r}, a factor of "
            f"{costs[worst]:.3g}: {_short(target[worst])} from {_short(drawn[worst])}; {enough} "
            "--samples would do, or a bank from a prior nearer to it"
        )


def mean_weight(target: Prior, drawn: Prior) -> float:
    """Return the mean over one prior of its density over that of another: draws that one is worth.

    Infinite where no number of draws would do.
    """
    if target == drawn:
        return 1.0
    if target.values is not None:
        values = np.array(target.values)
        return float(np.exp(target.log_density(values) - drawn.log_density(values)).mean())
    z = np.linspace(-_REACH, _REACH, 3_201)
    values = target.ppf(ndtr(z))
    log_weight = target.log_density(values) - drawn.log_density(values)
    density = np.exp(log_weight - 0.5 * z**2 - 0.5 * math.log(2.0 * math.pi))
    if max(density[0], density[-1]) > _STILL_GROWING * density.max():
        return math.inf
    return float(np.sum(density) * (z[1] - z[0]))


def _short(prior: Prior) -> str:
    text = str(prior)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…)"
