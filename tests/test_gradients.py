"""The unit cube and finite differences on it, against derivatives in closed form."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import kstest

from spicebuf.errors import InputError
from spicebuf.training import Differences, Stencil, reflect
from spicebuf.training.cube import Floats, mirrored
from tests.search_cases import calm

D = 5
SLOPES = np.array([3.0, -1.0, 0.5, 0.0, -2.0])
INSIDE = np.array([0.31, 0.52, 0.77, 0.5, 0.13])
CORNER = np.array([0.0, 1.0, 0.5, 1.0, 0.0005])
LEVELS = np.array([0.0, np.inf, 4.0, 2.0, 1.0])

real = st.floats(-50.0, 50.0)
quantile = st.one_of(st.sampled_from([0.0, 1.0, 0.5, 1e-3, 1.0 - 1e-3]), st.floats(0.0, 1.0))
places = st.lists(quantile, min_size=D, max_size=D).map(np.array)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def linear(x: Floats) -> Floats:
    return np.asarray(7.0 + x @ SLOPES)


def smooth(x: NDArray[Any]) -> NDArray[Any]:
    """Return a convex function with all mixed derivatives; also of complex numbers."""
    return np.asarray(np.exp(x @ np.array([0.5, 1.0, 0.7, 0.2, 1.3])))


def by_complex_step(u: Floats) -> Floats:
    """Return the gradient of `smooth` to rounding (Squire & Trapp, SIAM Rev. 40, 1998, 110-112)."""
    return np.asarray(smooth(u + 1e-30j * np.eye(D)).imag / 1e-30)


def gradient(
    differences: Differences, f: Callable[[Floats], Floats], u: Floats, seed: int = 0
) -> Floats:
    stencil = differences.at(u, rng(seed))
    assert ((stencil.points >= 0.0) & (stencil.points <= 1.0)).all()
    assert (stencil.points[0] == u).all()
    assert len(np.unique(stencil.points, axis=0)) == len(stencil.points)
    return stencil.gradient(f(stencil.points))


@calm(200)
@given(real, real)
def test_reflection_is_the_triangle_wave(a: float, b: float) -> None:
    u = np.array([[a, b], [b, a]])
    assert reflect(u) == pytest.approx(np.arccos(np.cos(np.pi * u)) / np.pi, abs=1e-7)
    assert ((reflect(u) >= 0.0) & (reflect(u) <= 1.0)).all()
    assert (reflect(-u) == reflect(u)).all()
    assert np.ptp(reflect(u)) <= abs(a - b) + 1e-12
    tip = np.abs(u - np.round(u)) > 1e-3
    slope = (reflect(u + 1e-6) - reflect(u - 1e-6)) / 2e-6
    assert (np.where(mirrored(u), -1.0, 1.0)[tip] == np.round(slope[tip])).all()


@calm(200)
@given(st.floats(0.0, 1.0))
def test_what_is_inside_stays_to_the_last_bit(u: float) -> None:
    assert reflect(np.array(u)) == u
    assert not mirrored(np.array(u))
    assert reflect(np.array(-u)) == u


@pytest.mark.parametrize("width", [0.02, 0.4, 7.0])
def test_uniform_stays_uniform(width: float) -> None:
    """Symmetric noise leaves it so, and does not pile up at the walls, as it would clipped."""
    after = reflect(rng().random(20000) + rng(1).normal(0.0, width, 20000))
    assert kstest(after, "uniform").pvalue > 0.01
    for wall in (after, 1.0 - after):
        assert np.mean(wall < 0.01) == pytest.approx(0.01, abs=0.003)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_has_no_reflection(value: float) -> None:
    with pytest.raises(InputError, match="finite"):
        reflect(np.array([0.5, value]))


@calm(200)
@given(places, st.sampled_from([1e-3, 0.3, 0.5]), st.booleans(), st.sampled_from([None, D]))
def test_linear_functions_have_exact_gradients_everywhere(
    u: Floats, step: float, central: bool, n: int | None
) -> None:
    found = gradient(Differences(step, n, central), linear, u)
    assert found == pytest.approx(SLOPES, abs=1e-9)


def test_each_axis_has_its_own_step() -> None:
    step = np.array([0.1, 0.2, 0.05, 0.3, 0.01])
    for n in (None, D):
        assert gradient(Differences(step, n), linear, INSIDE) == pytest.approx(SLOPES)
    moves = Differences(step).at(INSIDE, rng()).points[1:] - INSIDE
    assert moves == pytest.approx(np.diag(step))
    moves = Differences(step, 3).at(INSIDE, rng()).points[1:] - INSIDE
    assert (moves / step) @ (moves / step).T == pytest.approx(np.eye(3))


@pytest.mark.parametrize(("central", "order"), [(False, 1), (True, 2)])
@pytest.mark.parametrize("n", [None, D])
def test_errors_go_as_a_power_of_the_step(central: bool, order: int, n: int | None) -> None:
    """One-sided errors go as h, two-sided ones as h²."""
    exact = by_complex_step(INSIDE)
    coarse, fine = (
        gradient(Differences(h, n, central), smooth, INSIDE) - exact for h in (2e-3, 1e-3)
    )
    assert np.linalg.norm(coarse) / np.linalg.norm(fine) == pytest.approx(2.0**order, rel=0.02)
    assert np.abs(fine).max() < 10.0 * 1e-3**order


def test_steps_go_up_and_at_a_wall_inward() -> None:
    """Of a convex function the quotient exceeds the derivative exactly where the step goes up."""
    error = gradient(Differences(1e-3), smooth, CORNER) - by_complex_step(CORNER)
    assert (error > 1e-5).tolist() == [True, False, True, False, True]
    assert (error < -1e-5).tolist() == [False, True, False, True, False]
    error = gradient(Differences(1e-3, central=True), smooth, CORNER) - by_complex_step(CORNER)
    assert (np.abs(error) > 1e-5).tolist() == [True, True, False, True, True]


def test_how_many_points_a_gradient_takes() -> None:
    def count(u: Floats, n: int | None, central: bool, levels: Floats | None = None) -> int:
        return len(Differences(1e-3, n, central, levels).at(u, rng()).points)

    assert [count(INSIDE, n, False) for n in (None, 1, 3, D)] == [1 + D, 2, 4, 1 + D]
    assert [count(INSIDE, n, True) for n in (None, 1, 3, D)] == [1 + 2 * D, 3, 7, 1 + 2 * D]
    assert count(CORNER, None, True) == 1 + 1 + D
    assert count(INSIDE, None, False, LEVELS) == D


@pytest.mark.parametrize("u", [INSIDE, CORNER], ids=["inside", "corner"])
@pytest.mark.parametrize("levels", [None, LEVELS], ids=["continuous", "levels"])
@pytest.mark.parametrize("m", [1, 3])
def test_random_directions_are_unbiased(u: Floats, levels: Floats | None, m: int) -> None:
    """Their mean is the gradient, and their mean square d/m times its."""
    exact = gradient(Differences(1e-3, levels=levels), linear, u)
    differences = Differences(1e-3, m, levels=levels)
    found = np.array([gradient(differences, linear, u, seed) for seed in range(1500)])
    error = found.std(axis=0) / np.sqrt(len(found))
    assert (np.abs(found.mean(axis=0) - exact) <= 4.0 * error + 1e-9).all()
    square, d = (found**2).sum(axis=1), D if levels is None else D - 1
    assert abs(square.mean() - d / m * exact @ exact) <= 4.0 * square.std() / np.sqrt(len(found))


def test_random_directions_are_uniform_on_the_sphere() -> None:
    draws = [Differences(1e-3, 2).at(INSIDE, rng(seed)).points[1:] for seed in range(1000)]
    v = (np.array(draws) - INSIDE) / 1e-3
    assert v.transpose(0, 2, 1) @ v != pytest.approx(v[0].T @ v[0])
    assert np.abs(v.mean(axis=0)).max() < 4.0 / np.sqrt(D * 1000)
    assert (v**2).mean(axis=(0, 1)) == pytest.approx(np.full(D, 1.0 / D), rel=0.15)
    # The square of a component of a vector on the sphere in five dimensions is Beta(1/2, 2).
    assert kstest(v[:, 0, 0] ** 2, "beta", args=(0.5, 2.0)).pvalue > 0.01


@pytest.mark.parametrize("central", [False, True])
@pytest.mark.parametrize("n_levels", [2, 3, 7, 10, 100])
def test_steps_lead_to_the_neighbouring_value(n_levels: int, central: bool) -> None:
    """Also from where rounding decides which value it is."""
    edges = np.arange(n_levels + 1) / n_levels
    for u in np.concatenate([edges, np.nextafter(edges[1:], 0.0), np.nextafter(edges[:-1], 1.0)]):
        differences = Differences(0.3, None, central, np.array([float(n_levels)]))
        points = differences.at(np.array([u]), rng()).points
        first, *others = np.minimum((points[:, 0] * n_levels).astype(int), n_levels - 1).tolist()
        ways = (
            [first + 1, first - 1]
            if central
            else [first + 1 if first + 1 < n_levels else first - 1]
        )
        assert others == [value for value in ways if 0 <= value < n_levels]


@pytest.mark.parametrize("n", [None, 2])
def test_a_staircase_has_the_slope_between_its_values(n: int | None) -> None:
    heights = np.array([5.0, 1.0, 2.0, 4.0])

    def stairs(x: Floats) -> Floats:
        return np.asarray(heights[np.minimum((4.0 * x[:, 0]).astype(int), 3)] + 3.0 * x[:, 1])

    levels = np.array([4.0, 0.0])
    for u, up, both in [(0.1, -4.0, -4.0), (0.26, 1.0, -1.5), (0.6, 2.0, 1.5), (1.0, 2.0, 2.0)]:
        for central, slope in [(False, up), (True, both)]:
            found = gradient(Differences(1e-3, n, central, levels), stairs, np.array([u, 0.5]))
            assert found == pytest.approx([4.0 * slope, 3.0])


def test_a_parameter_of_one_value_has_no_slope() -> None:
    found = gradient(Differences(1e-3, levels=LEVELS), linear, INSIDE)
    assert found[-1] == 0.0
    assert found[:2] == pytest.approx(SLOPES[:2])
    for n in (None, 2):
        alone = Differences(1e-3, n, levels=np.ones(2)).at(np.full(2, 0.5), rng())
        assert alone.gradient(np.ones(1)).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("lost", [np.nan, np.inf])
def test_what_takes_a_missing_loss_is_missing(lost: float) -> None:
    def missing(stencil: Stencil, row: int) -> list[bool]:
        losses = linear(stencil.points)
        losses[row] = lost
        return [bool(each) for each in np.isnan(stencil.gradient(losses))]

    stencil = Differences(1e-3).at(INSIDE, rng())
    assert missing(stencil, 0) == [True] * D
    assert missing(stencil, 2) == [False, True, False, False, False]
    assert missing(Differences(1e-3, 2).at(INSIDE, rng()), 1) == [True] * D
    # Two-sided differences do not take the loss of the place.
    assert missing(Differences(1e-3, central=True).at(INSIDE, rng()), 0) == [False] * D


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Differences(0.0), "step"),
        (lambda: Differences(np.array([0.1, 0.6])), "step"),
        (lambda: Differences(np.nan), "step"),
        (lambda: Differences(0.1, 0), "n_directions"),
        (lambda: Differences(0.1, levels=np.array([2.5])), "levels"),
        (lambda: Differences(0.1, levels=np.array([-1.0])), "levels"),
        (lambda: Differences(0.1, levels=np.array([np.nan])), "levels"),
        (lambda: Differences(0.1, levels=np.ones(2)).at(INSIDE, rng()), "levels has shape"),
        (lambda: Differences(np.full(2, 0.1)).at(INSIDE, rng()), "step has shape"),
        (lambda: Differences(0.1, D + 1).at(INSIDE, rng()), "exceeds the number of parameters, 5"),
        (lambda: Differences(0.1).at(INSIDE + 0.5, rng()), r"u\[1\] = 1.02"),
        (lambda: Differences(0.1).at(INSIDE * np.nan, rng()), "quantile"),
        (lambda: Differences(0.1).at(np.ones((2, 2)), rng()), r"shape \(2, 2\)"),
        (lambda: Differences(0.1).at(INSIDE, rng()).gradient(np.ones(D)), r"\(6,\)"),
    ],
)
def test_what_has_no_differences_is_refused(make: Callable[[], object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        make()
