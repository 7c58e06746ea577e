"""Priors against scipy.stats, and finite grids."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from spicebuf.errors import InputError
from spicebuf.prior import (
    Grid,
    TruncNormal,
    draw,
    grid_points,
    n_grid_points,
    parse_prior,
)

QUANTILES = np.linspace(0.001, 0.999, 101)


CONTINUOUS = pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("uniform(-1.2, -0.4)", stats.uniform(-1.2, 0.8)),
        ("loguniform(0.4u, 40u)", stats.loguniform(0.4e-6, 40e-6)),
        ("normal(0.8, 50m)", stats.norm(0.8, 0.05)),
        ("truncnorm(0.8, 0.1, 0.7, 1)", stats.truncnorm(-1, 2, 0.8, 0.1)),
        ("truncnorm(0, 1, 6, 7)", stats.truncnorm(6, 7)),
        ("truncnorm(0, 1, -7, -6)", stats.truncnorm(-7, -6)),
    ],
)


@CONTINUOUS
def test_quantiles_equal_those_of_scipy(text: str, reference: stats.rv_continuous) -> None:
    np.testing.assert_allclose(
        parse_prior(text).ppf(QUANTILES), reference.ppf(QUANTILES), rtol=1e-9
    )


@CONTINUOUS
def test_densities_equal_those_of_scipy(text: str, reference: stats.rv_continuous) -> None:
    """Also in tails cut off far from the mean, where a careless mass has no digits left."""
    prior, values = parse_prior(text), reference.ppf(QUANTILES).reshape(-1, 1)
    np.testing.assert_allclose(prior.log_density(values), reference.logpdf(values), rtol=1e-9)
    found = [prior.cdf(value) for value in values.ravel()]
    np.testing.assert_allclose(found, QUANTILES, rtol=1e-9)


@CONTINUOUS
def test_the_ends_belong_to_the_support(text: str, reference: stats.rv_continuous) -> None:
    prior = parse_prior(text)
    low, high = prior.support
    if np.isfinite(low):
        inside, outside = np.array([low, high]), np.array([np.nextafter(low, -9), high + 1e-9])
        nearly = inside + np.array([1e-12, -1e-12]) * (high - low)
        np.testing.assert_allclose(prior.log_density(inside), reference.logpdf(nearly), rtol=1e-9)
        np.testing.assert_array_equal(prior.log_density(outside), -np.inf)
    assert (prior.cdf(low), prior.cdf(high)) == pytest.approx((0.0, 1.0))
    assert (prior.cdf(-np.inf), prior.cdf(np.inf)) == pytest.approx((0.0, 1.0))


def test_a_grid_has_the_mass_of_its_points() -> None:
    prior = parse_prior("linspace(0, 1, 11)")
    values = np.array([[0.3, 1.0], [0.31, -0.1]])
    expected = np.array([[-np.log(11), -np.log(11)], [-np.inf, -np.inf]])
    np.testing.assert_array_equal(prior.log_density(values), expected)
    assert prior.cdf(0.25) == pytest.approx(3 / 11)


@pytest.mark.parametrize(
    "text",
    [
        "uniform(1, 1)",
        "uniform(2, 1)",
        "loguniform(0, 1)",
        "loguniform(-1, 1)",
        "normal(0, 0)",
        "truncnorm(0, 1, 50, 51)",
        "uniform(1)",
        "uniform(1, 2, 3)",
        "uniform(1, nan)",
        "grid()",
        "grid(1, 1)",
        "linspace(0, 1, 2.5)",
        "linspace(0, 1, 0)",
        "geomspace(0, 1, 3)",
        "cauchy(0, 1)",
        "uniform 1 2",
        "__import__(os)",
    ],
)
def test_bad_priors_are_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_prior(text)


@pytest.mark.parametrize(
    ("text", "mass"),
    [
        ("uniform(-1, 3)", 0.25),
        ("uniform(1, 2)", 0.0),
        ("loguniform(1, 2)", 0.0),
        ("normal(1, 1)", stats.norm.cdf(-1)),
        ("normal(1u, 0.02u)", 0.0),
        ("truncnorm(0, 1, -1, 1)", 0.5),
        ("grid(-1, 0, 1, 2)", 0.5),
    ],
)
def test_mass_at_or_below_zero(text: str, mass: float) -> None:
    assert parse_prior(text).mass_below_or_at_zero() == pytest.approx(mass)


@given(st.lists(st.integers(1, 5), min_size=0, max_size=4))
def test_a_grid_is_enumerated_once_and_whole(counts: list[int]) -> None:
    priors = [Grid(tuple(float(k) for k in range(n))) for n in counts]
    n = n_grid_points(priors)
    assert n == int(np.prod(counts, initial=1))
    points = grid_points(priors, 0, n)
    assert points.shape == (n, len(counts))
    assert len({tuple(point) for point in points}) == n
    np.testing.assert_array_equal(grid_points(priors, n // 2, n), points[n // 2 :])


def test_grid_values_are_drawn_equally_often() -> None:
    drawn = draw([parse_prior("grid(1, 2, 3)")], 30_000, np.random.default_rng(0))
    _, counts = np.unique(drawn, return_counts=True)
    assert stats.chisquare(counts).pvalue > 1e-3


def test_continuous_priors_have_no_count() -> None:
    assert n_grid_points([Grid((1.0,)), TruncNormal(0.0, 1.0)]) is None


def test_spacing() -> None:
    assert parse_prior("linspace(0, 1, 3)").values == (0.0, 0.5, 1.0)
    assert parse_prior("geomspace(1u, 100u, 3)").values == pytest.approx((1e-6, 1e-5, 1e-4))


@given(st.floats(1e-9, 1.0), st.floats(1.001, 1e6))
def test_draws_stay_inside_the_support(low: float, ratio: float) -> None:
    prior = parse_prior(f"loguniform({low!r}, {low * ratio!r})")
    values = prior.ppf(np.array([2.0**-54, 0.5, 1.0 - 2.0**-53]))
    assert (values >= low).all()
    assert (values <= low * ratio).all()
