"""Log volumes: exact intervals that cover, sums, and grids."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from spicebuf.entropy import (
    Counts,
    clopper_pearson,
    from_enumeration,
    from_sample,
    total,
)
from spicebuf.errors import InputError


@given(st.integers(1, 1000), st.data())
def test_limits_equal_those_of_scipy(n: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, n))
    reference = stats.binomtest(hits, n).proportion_ci(0.95, method="exact")
    assert clopper_pearson(hits, n, 0.025) == pytest.approx((reference.low, reference.high))


def test_value_is_the_log_of_the_share() -> None:
    volume = from_sample(Counts(1000, 10), 0.95, seed=3)
    assert volume.value == pytest.approx(math.log(0.01))
    assert volume.interval[0] < volume.value < volume.interval[1]
    assert (volume.method, volume.seed, volume.log_count) == ("monte-carlo", 3, None)


def test_unknown_verdicts_are_counted_both_ways() -> None:
    known = from_sample(Counts(1000, 100), 0.95, 0)
    unknown = from_sample(Counts(1000, 100, n_borderline=20, n_unsimulated=30), 0.95, 0)
    all_in = from_sample(Counts(1000, 150), 0.95, 0)
    assert unknown.interval == (known.interval[0], all_in.interval[1])


def test_no_hit_is_minus_infinity_with_a_finite_upper_end() -> None:
    volume = from_sample(Counts(1000, 0), 0.95, 0)
    assert volume.value == volume.interval[0] == -math.inf
    assert volume.interval[1] == pytest.approx(math.log(1.0 - 0.025 ** (1 / 1000)))


def test_every_hit_is_zero_at_the_top() -> None:
    volume = from_sample(Counts(1000, 1000), 0.95, 0)
    assert volume.value == volume.interval[1] == 0.0
    assert -0.01 < volume.interval[0] < 0.0


def test_enumeration_has_no_sampling_error() -> None:
    volume = from_enumeration(Counts(729, 325, n_borderline=2, n_unsimulated=1), 0.95)
    assert volume.log_count == pytest.approx(math.log(325))
    assert volume.interval == pytest.approx((math.log(325 / 729), math.log(328 / 729)))
    assert volume.seed is None


def test_enumeration_of_nothing_is_certain() -> None:
    volume = from_enumeration(Counts(10, 0), 0.95)
    assert volume.interval == (-math.inf, -math.inf)
    assert volume.log_count == -math.inf


def test_a_sum_of_enumerations_is_exact() -> None:
    parts = [from_enumeration(Counts(10, 5), 0.95), from_enumeration(Counts(8, 4, 2), 0.95)]
    chain = total(parts)
    assert chain.value == pytest.approx(math.log(0.25))
    assert chain.interval == pytest.approx((math.log(0.25), math.log(0.5 * 0.75)))
    assert chain.log_count == pytest.approx(math.log(20))


@given(st.integers(0, 50))
def test_a_sum_of_one_is_that_one(hits: int) -> None:
    part = from_sample(Counts(50, hits), 0.95, 0)
    assert total([part]) == part


def test_unknown_verdicts_add_linearly_in_a_sum() -> None:
    """They may all lie on one side; only what sampling leaves open adds in quadrature."""
    part = from_sample(Counts(10**6, 500_000, n_borderline=100_000), 0.95, 0)
    low, high = total([part, part]).interval
    assert low < 2 * math.log(0.5) < 2 * math.log(0.6) < high
    assert high - low == pytest.approx(2 * math.log(1.2), rel=0.05)


def test_a_sum_with_a_part_never_seen_has_a_finite_upper_end() -> None:
    parts = [from_sample(Counts(1000, 0), 0.95, 0), from_sample(Counts(1000, 500), 0.95, 0)]
    chain = total(parts)
    assert chain.value == chain.interval[0] == -math.inf
    assert parts[0].interval[1] + math.log(0.5) < chain.interval[1] < parts[0].interval[1]


@pytest.mark.parametrize("p", [(0.3,), (0.01,), (0.3, 0.05), (0.9, 0.02, 0.5), (0.004, 0.004)])
def test_intervals_cover_at_their_level(p: tuple[float, ...]) -> None:
    """Over 2,000 repeats, a 90 % interval covers at least 88 % and is not vastly too wide."""
    rng = np.random.default_rng(0)
    n, truth = 1000, sum(math.log(x) for x in p)
    covered = 0
    for _ in range(2000):
        parts = [from_sample(Counts(n, int(rng.binomial(n, x))), 0.9, 0) for x in p]
        low, high = total(parts).interval
        covered += low <= truth <= high
    assert 0.88 <= covered / 2000 <= 0.97


@pytest.mark.parametrize(
    ("n_parts", "p", "n"), [(20, 0.999, 100), (20, 0.9999, 1000), (3, 0.99, 20), (5, 0.98, 20)]
)
def test_many_parts_near_one_cover(n_parts: int, p: float, n: int) -> None:
    """Exact limits cannot pass 0, so their gaps alone would add to too little here."""
    rng = np.random.default_rng(2)
    truth, covered = n_parts * math.log(p), 0
    for hits in rng.binomial(n, p, (1000, n_parts)):
        low, high = total([from_sample(Counts(n, int(k)), 0.95, 0) for k in hits]).interval
        covered += low <= truth <= high
    assert covered / 1000 >= 0.94


def test_zero_hits_in_one_part_still_cover() -> None:
    """Where a part often has no hit, the upper end holds at the level of the whole sum."""
    rng = np.random.default_rng(1)
    p, n = (5e-4, 0.2), 1000
    above = 0
    for _ in range(2000):
        parts = [from_sample(Counts(n, int(rng.binomial(n, x))), 0.9, 0) for x in p]
        above += total(parts).interval[1] >= sum(math.log(x) for x in p)
    assert above / 2000 >= 0.95


@pytest.mark.parametrize("confidence", [0.0, 1.0, -1.0, math.nan, 95.0])
def test_confidence_out_of_range(confidence: float) -> None:
    with pytest.raises(InputError, match="strictly between 0 and 1"):
        from_sample(Counts(10, 1), confidence, 0)


@pytest.mark.parametrize("counts", [(0, 0), (10, 11), (10, 5, 6), (10, -1)])
def test_impossible_counts(counts: tuple[int, ...]) -> None:
    with pytest.raises(InputError):
        Counts(*counts)
