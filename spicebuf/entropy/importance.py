"""A second opinion on a rare event: importance sampling from a mixture fitted to survivors."""

import math
import warnings
from dataclasses import dataclass
from operator import itemgetter

import numpy as np
from scipy.special import logsumexp, ndtri

from spicebuf.entropy.events import Floats, Judge
from spicebuf.entropy.kernels import log_prior, whiten
from spicebuf.entropy.weights import MIN_EFFECTIVE

N_POINTS = 20_000
MAX_ERRORS = 3.0
"""Standard errors by which the two opinions may differ."""

_MAX_FITTED = 4_000
_MAX_COMPONENTS = 8
_PRIOR_SHARE = 0.1
# A narrow mixture for efficiency and a wide one so that no weight is large.
_INFLATED = ((0.63, 1.5), (0.27, 4.5))
_PER_DIMENSION = 10


@dataclass(frozen=True)
class SecondOpinion:
    """What importance sampling says.

    Attributes
    ----------
    value, error : float
        Log of the probability and its standard error [nat].
    effective : float
        Effective sample size among the points that satisfy (Kong's, from the scatter of the weights).
    doubt : str or None
        Why it should not be relied on; None if it passes its own checks.
    """

    value: float
    error: float
    effective: float
    doubt: str | None

    def interval(self, confidence: float) -> tuple[float, float]:
        """Return limits of the log of the probability."""
        half = float(ndtri(0.5 + confidence / 2.0)) * self.error
        return self.value - half, self.value + half


def second_opinion(
    judge: Judge, survivors: Floats, rng: np.random.Generator, n_points: int = N_POINTS
) -> SecondOpinion:
    """Estimate the event's probability from draws of a mixture fitted to `survivors`, shape (n, d).

    A tenth of the draws come from the prior, so that no weight exceeds 10 (Hesterberg, Technometrics
    37, 1995, 185-194). Draws cannot tell of a part of the event that they never reach; the survivors,
    which were found in another way, can: the scatter of the weights is taken from both, and the larger
    counts.
    """
    n, d = survivors.shape
    if len(np.unique(survivors, axis=0)) < _PER_DIMENSION * d:
        return SecondOpinion(-math.inf, math.inf, 0.0, "too few survivors to fit a mixture to")
    if n > _MAX_FITTED:
        survivors = survivors[rng.choice(n, _MAX_FITTED, replace=False)]
    mixture = _fit(survivors, rng)
    z = mixture.draw(n_points, rng)
    satisfied = judge(z).satisfied
    log_weight = np.where(satisfied, log_prior(z) - mixture.log_density(z), -np.inf)
    if not satisfied.any():
        return SecondOpinion(-math.inf, math.inf, 0.0, "none of its points satisfies")
    value = float(logsumexp(log_weight)) - math.log(n_points)
    # The mean square of the weights over the mixture, relative to the square of their mean.
    seen = float(logsumexp(2.0 * log_weight)) - math.log(n_points) - 2.0 * value
    expected = float(logsumexp(log_prior(survivors) - mixture.log_density(survivors)))
    expected -= math.log(len(survivors)) + value
    scatter = math.exp(max(seen, expected))
    effective = n_points / scatter
    doubt = None
    if effective < MIN_EFFECTIVE:
        doubt = f"its effective sample size is {effective:.0f}, less than {MIN_EFFECTIVE:.0f}"
    return SecondOpinion(value, math.sqrt(max(0.0, scatter - 1.0) / n_points), effective, doubt)


@dataclass(frozen=True)
class _Mixture:
    """The prior, and Gaussians at fitted means with their covariances inflated in two ways."""

    shares: Floats
    means: Floats
    roots: Floats

    def draw(self, n: int, rng: np.random.Generator) -> Floats:
        which = rng.choice(len(self.shares), size=n, p=self.shares)
        noise = rng.standard_normal((n, self.means.shape[1]))
        return np.asarray(self.means[which] + np.einsum("nij,nj->ni", self.roots[which], noise))

    def log_density(self, z: Floats) -> Floats:
        parts = [
            math.log(share) + log_prior(whiten(z, mean, root)) - float(np.log(np.diag(root)).sum())
            for share, mean, root in zip(self.shares, self.means, self.roots, strict=True)
        ]
        return np.asarray(logsumexp(parts, axis=0))


def _fit(survivors: Floats, rng: np.random.Generator) -> _Mixture:
    """Fit a Gaussian mixture; the Bayesian information criterion chooses its size."""
    from sklearn.mixture import GaussianMixture  # noqa: PLC0415 (slow to import)

    n, d = survivors.shape
    # In white coordinates, so that its regularisation suits sets of any size.
    centre = survivors.mean(axis=0)
    covariance = np.cov(survivors.T).reshape(d, d)
    root = np.linalg.cholesky(covariance + 1e-12 * np.trace(covariance) * np.eye(d))
    white = whiten(survivors, centre, root)
    fits = []
    for size in range(1, min(_MAX_COMPONENTS, n // (2 * d)) + 1):
        seed = int(rng.integers(2**31))
        with warnings.catch_warnings(action="ignore"):  # it says when it stops early
            fit = GaussianMixture(size, random_state=seed).fit(white)
        fits.append((fit.bic(white), size, fit))
        if size - min(fits, key=itemgetter(0))[1] >= 2:  # noqa: PLR2004 (two in a row were worse)
            break
    best = min(fits, key=itemgetter(0))[2]
    means = centre + best.means_ @ root.T
    roots = root @ np.linalg.cholesky(best.covariances_)
    shares = [_PRIOR_SHARE, *(part * w for part, _ in _INFLATED for w in best.weights_)]
    scaled = [math.sqrt(factor) * each for _, factor in _INFLATED for each in roots]
    return _Mixture(
        np.array(shares) / sum(shares),
        np.concatenate([np.zeros((1, d)), means, means]),
        np.array([np.eye(d), *scaled]),
    )
