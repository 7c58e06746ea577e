"""Another prior, for comparison: how much of what is found stands or falls with the prior."""

import numpy as np

from spicebuf.check import Floats
from spicebuf.prior import Prior
from spicebuf.workflow.banks import SweptBank


def tilted_weights(swept: SweptBank) -> Floats:
    """Return what each θ of a bank weighs under a prior that leans to one side, shape (n,).

    The density of each parameter's quantile u is ½ + u, or 3/2 − u, in turn: half as probable at one end
    as at the middle, and half as probable again at the other.
    """
    theta = swept.bank.theta(range(swept.n))
    weight = np.ones(swept.n)
    for k, (column, prior) in enumerate(zip(theta.T, swept.component.priors.values(), strict=True)):
        u = _quantiles(column, prior)
        weight *= 0.5 + u if k % 2 == 0 else 1.5 - u
    return weight


def _quantiles(values: Floats, prior: Prior) -> Floats:
    """Return the quantile of each value; of one of finitely many, the middle of its own."""
    known, where = np.unique(values, return_inverse=True)
    middle = 0.0 if prior.values is None else 0.5 / len(prior.values)
    return np.array([prior.cdf(value) - middle for value in known.tolist()])[where]
