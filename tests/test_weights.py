"""Log volumes under one prior from draws of another: closed forms, coverage, and refusals."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from spicebuf.entropy import (
    Counts,
    LogVolume,
    effective_size,
    from_enumeration,
    from_sample,
    from_weighted,
    total,
)
from spicebuf.errors import InputError
from spicebuf.prior import draw, parse_prior

N, REPEATS = 3000, 600
NONE = np.zeros(N, dtype=np.bool_)

TARGETS = {
    "equal": ("uniform(0, 1)", "uniform(0, 1)"),
    "cut": ("uniform(0, 1)", "uniform(0.1, 0.8)"),
    "hill": ("uniform(0, 1)", "truncnorm(0.5, 0.2, 0, 1)"),
    "slope": ("uniform(0.1, 2)", "loguniform(0.1, 2)"),
    "shift": ("normal(0, 1)", "truncnorm(0.5, 0.8, -3, 3)"),
}
"""Priors of a bank, and the priors that it is asked about, in every dimension."""


@dataclass(frozen=True)
class Corner:
    """The event that all of `d` parameters lie in the target's least, or greatest, values."""

    name: str
    d: int
    p: float
    upper: bool

    def estimate(self, rng: np.random.Generator, confidence: float = 0.95) -> LogVolume:
        """Reweigh a new bank."""
        drawn, target = (parse_prior(text) for text in TARGETS[self.name])
        theta = draw([drawn] * self.d, N, rng)
        weight = (target.log_density(theta) - drawn.log_density(theta)).sum(axis=1)
        side = self.p ** (1.0 / self.d)
        (edge,) = target.ppf(np.array([1.0 - side if self.upper else side]))
        hits = (theta >= edge if self.upper else theta <= edge).all(axis=1)
        return from_weighted(weight, hits, NONE, NONE, confidence, 0)


def equal(n_hits: int, n: int) -> LogVolume:
    hits, none = np.arange(n) < n_hits, np.zeros(n, dtype=np.bool_)
    return from_weighted(np.zeros(n), hits, none, none, 0.95, 0)


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=50), st.floats(-1e4, 1e4))
def test_the_effective_size_is_kongs_whatever_the_scale(logs: list[float], shift: float) -> None:
    w = np.exp(logs)
    expected = w.sum() ** 2 / (w**2).sum()
    assert effective_size(np.array(logs) + shift) == pytest.approx(expected)


def test_the_effective_size_of_equal_weights_is_their_number() -> None:
    weights = np.append(np.zeros(70), np.full(30, -np.inf))
    assert effective_size(weights) == pytest.approx(70)
    assert effective_size(weights[70:]) == 0.0


@pytest.mark.parametrize("n", [400, 3000, 20_000])
def test_equal_weights_are_a_plain_sample(n: int) -> None:
    """Limits within a twentieth of the width of Clopper and Pearson's, on both sides of a half."""
    for share in (0.0, 0.001, 0.01, 0.1, 0.4, 0.49, 0.51, 0.9, 0.99, 1.0):
        hits = round(share * n)
        found, exact = equal(hits, n), from_sample(Counts(n, hits), 0.95, 0)
        assert found.value == pytest.approx(exact.value)
        low, high = np.exp(exact.interval)
        assert np.exp(found.interval) == pytest.approx((low, high), abs=0.05 * (high - low))
        assert (found.method, found.counts, found.seed) == ("reweighted", exact.counts, 0)
        assert found.effective == pytest.approx(n)


@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("p", [0.003, 0.1, 0.5, 0.97])
@pytest.mark.parametrize(
    ("name", "d"), [("cut", 1), ("hill", 1), ("hill", 3), ("slope", 2), ("shift", 3)]
)
def test_intervals_cover(name: str, d: int, p: float, upper: bool) -> None:
    """600 banks: at least 93 % of 95 % intervals, and standard errors are the spread."""
    rng, truth = np.random.default_rng(1), math.log(p)
    found = [Corner(name, d, p, upper).estimate(rng) for _ in range(REPEATS)]
    covered = [low <= truth <= high for low, high in (part.interval for part in found)]
    assert np.mean(covered) >= 0.93
    assert not any(part.warnings for part in found)
    if 0.1 <= p <= 0.5:
        errors = [part.weights.ends[0].error for part in found if part.weights is not None]
        pulls = (np.array([part.value for part in found]) - truth) / np.array(errors)
        assert abs(pulls.mean()) < 0.35
        assert 0.85 < pulls.std() < 1.15


def test_the_estimate_is_unbiased() -> None:
    rng = np.random.default_rng(3)
    found = np.exp([Corner("shift", 2, 0.2, upper=True).estimate(rng).value for _ in range(2000)])
    assert found.mean() == pytest.approx(0.2, abs=4 * found.std() / math.sqrt(2000))


@pytest.mark.parametrize("name", ["cut", "hill", "slope", "shift"])
def test_events_that_are_hardly_ever_hit_are_bounded(name: str) -> None:
    """Where most banks have no hit: −inf, and an upper end above the truth."""
    rng, p = np.random.default_rng(2), 2e-5
    found = [Corner(name, 1, p, upper=True).estimate(rng) for _ in range(REPEATS)]
    missed = [part for part in found if math.isinf(part.value)]
    assert len(missed) > 50
    assert all(part.interval[0] == -math.inf for part in missed)
    assert all(math.isfinite(part.interval[1]) for part in missed)
    covered = [low <= math.log(p) <= high for low, high in (part.interval for part in found)]
    assert np.mean(covered) >= 0.96


@pytest.mark.parametrize(
    "parts",
    [
        [("hill", 1, 0.3), ("shift", 2, 0.05)],
        [("slope", 1, 0.9), ("hill", 2, 0.02), ("equal", 1, 0.5)],
        [("hill", 2, 0.004), ("hill", 2, 0.004)],
        [("equal", 1, 0.9997)] * 20,
        [("cut", 1, 0.9999)] * 20,
        [("hill", 2, 5e-4), ("shift", 1, 0.2)],
    ],
)
def test_sums_cover(parts: list[tuple[str, int, float]]) -> None:
    """Near 1, where gaps to the limits alone add to too little, and where a part may have no hit."""
    rng, truth = np.random.default_rng(4), sum(math.log(p) for _, _, p in parts)
    covered = []
    for _ in range(400):
        chain = total([Corner(*part, upper=False).estimate(rng) for part in parts])
        low, high = chain.interval
        covered.append(low <= truth <= high)
        assert chain.method == "reweighted"
        assert chain.effective is None
    assert np.mean(covered) >= 0.93


def test_sums_with_parts_of_other_kinds() -> None:
    part, sampled = equal(900, 3000), from_sample(Counts(3000, 900), 0.95, 0)
    counted = from_enumeration(Counts(10, 5), 0.95)
    found, expected = total([part, sampled, counted]), total([sampled, sampled, counted])
    assert found.interval == pytest.approx(expected.interval, abs=0.002)
    assert found.method == "reweighted+monte-carlo+enumeration"


def test_a_sum_with_a_part_never_hit_uses_the_joint_level() -> None:
    parts = [equal(0, 3000), equal(1500, 3000)]
    plain = [from_sample(Counts(3000, hits), 0.95, 0) for hits in (0, 1500)]
    assert total(parts).interval == pytest.approx(total(plain).interval, abs=0.01)


def test_unknown_verdicts_are_counted_both_ways() -> None:
    rng = np.random.default_rng(0)
    weight, u = 0.3 * rng.standard_normal(N) - 0.045, rng.random(N)
    hits, edge, lost = u < 0.1, (u > 0.1) & (u < 0.7), u > 0.98
    unknown = from_weighted(weight, hits, edge, lost, 0.95, 0)
    known = from_weighted(weight, hits, NONE, NONE, 0.95, 0)
    all_in = from_weighted(weight, hits | edge | lost, NONE, NONE, 0.95, 0)
    assert unknown.interval == (known.interval[0], all_in.interval[1])
    assert unknown.bracket == (known.value, all_in.value)
    (counts,) = unknown.counts
    assert counts == Counts(N, int(hits.sum()), int(edge.sum()), int(lost.sum()))


@given(st.integers(0, 2**32), st.floats(0, 1), st.floats(0, 0.2), st.floats(0, 1.2))
def test_ends_are_in_order(seed: int, p: float, unknown: float, spread: float) -> None:
    rng = np.random.default_rng(seed)
    weight, u = spread * rng.standard_normal(N) - spread**2 / 2, rng.random(N)
    volume = from_weighted(weight, u < p, (u >= p) & (u < p + unknown), NONE, 0.95, 0)
    (low, high), (least, most) = volume.interval, volume.bracket
    assert low <= volume.value == least <= most <= 0.0
    assert volume.value <= high <= 0.0


def test_ends_counted_on_different_sides_are_in_order() -> None:
    """Weights that chance made heavy: 49 % of them are more than 1 less the last 49 %."""
    u = np.arange(N) / N
    heavy = np.full(N, 0.1)
    volume = from_weighted(heavy, u < 0.49, (u >= 0.49) & (u < 0.51), NONE, 0.95, 0)
    assert volume.value == volume.bracket[1] == volume.interval[1]
    assert volume.interval[0] < volume.value == pytest.approx(math.log(0.49) + 0.1)


def test_draws_where_the_target_has_no_density_are_no_hits() -> None:
    weight = np.append(np.full(N // 2, math.log(2)), np.full(N // 2, -np.inf))
    volume = from_weighted(weight, np.isneginf(weight), NONE, NONE, 0.95, 0)
    assert volume.value == -math.inf
    assert volume.interval[1] == pytest.approx(math.log(-2.0 * math.log(0.025) / N), rel=0.01)
    assert volume.counts == (Counts(N, 0),)


def few(n: int) -> NDArray[np.float64]:
    return np.append(np.zeros(n), np.full(N - n, -np.inf))


@pytest.mark.parametrize("n", [0, 1, 299])
def test_too_small_an_effective_size_is_refused(n: int) -> None:
    with pytest.raises(InputError, match=rf"3000 draws weigh as much as {n} .*300.*--samples"):
        from_weighted(few(n), NONE, NONE, NONE, 0.95, 0)


def test_the_least_effective_size_is_enough() -> None:
    log_weight = few(301) + math.log(N / 301)
    assert from_weighted(log_weight, NONE, NONE, NONE, 0.95, 0).value == -math.inf


def test_weights_that_do_not_average_one_are_doubtful() -> None:
    """Half of the target lies where the bank was never drawn."""
    (words,) = from_weighted(np.full(N, math.log(0.5)), NONE, NONE, NONE, 0.95, 0).warnings
    assert "mean of 0.5" in words
    assert "hardly ever drawn" in words


def test_confidence_out_of_range() -> None:
    with pytest.raises(InputError, match="strictly between 0 and 1"):
        from_weighted(np.zeros(N), NONE, NONE, NONE, 1.0, 0)
