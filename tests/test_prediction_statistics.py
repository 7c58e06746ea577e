"""Shares, medians, Bayes and behaviour classes, against enumeration, closed forms and resampling."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from spicebuf.entropy import clopper_pearson
from spicebuf.errors import InputError
from spicebuf.prediction import (
    Banks,
    Claim,
    Classes,
    Estimate,
    WorkingPairs,
    bayes_classes,
    behaviour_of,
    class_step,
    distances_of_apis,
    draw_pairs,
    log_ratio,
    place,
    place_bayes,
    place_classes,
    place_shuffled,
    share_in_best,
    spread_over,
    stratified_pairs,
    summarise,
    summarise_apis,
    working_pairs,
)
from spicebuf.prediction.classes import _of_senders
from spicebuf.prediction.estimates import (
    Sample,
    median_estimate,
    order_depth,
    share_estimate,
    weighted_quantile,
)
from spicebuf.prediction.spread import _error_from_banks, slope_of, total_variation
from spicebuf.search import Images, Preimages, Sets, lattice
from tests.prediction_cases import VDD, Floats, draw_banks, draw_measure, population

TAIL = 0.025
BEST: Sets = (((0.0, 0.35),), ((0.65, 1.0),))
STEP = class_step(VDD)


def equal(n: int) -> Sample:
    return Sample(np.ones(n), None)


def works(banks: Banks) -> Floats:
    """Return which pairs of banks of single intervals work, shape (n1, n2)."""
    images, preimages = banks.images, banks.preimages
    low = preimages.low[:, 0, np.newaxis] <= images.low[:, 0, :, np.newaxis]
    high = images.high[:, 0, :, np.newaxis] <= preimages.high[:, 0, np.newaxis]
    return np.asarray((low & high).all(axis=0), dtype=np.float64)


def weighted_banks(n: int, seed: int) -> Banks:
    rng = np.random.default_rng(seed)
    banks = draw_banks(n, rng)
    one, two = rng.choice([0.0, 0.5, 1.0, 3.0], (2, n))
    return Banks(
        Images(banks.images.low, banks.images.high, one),
        Preimages(banks.preimages.low, banks.preimages.high, two),
    )


def resampled(banks: Banks, rng: np.random.Generator) -> Banks:
    one, two = (rng.integers(0, len(each.weight), len(each.weight)) for each in pair_of(banks))
    return Banks(banks.images[one], banks.preimages[two])


def pair_of(banks: Banks) -> tuple[Images, Preimages]:
    return banks.images, banks.preimages


def test_a_share_of_runs_has_clopper_pearson_limits() -> None:
    members = np.arange(20) < 13
    found = share_estimate(equal(20), members, members, members, 0, TAIL)
    assert found.value == 0.65
    assert (found.low, found.high) == pytest.approx(clopper_pearson(13, 20, TAIL))


def test_runs_left_open_count_against_both_limits() -> None:
    n = np.arange(20)
    found = share_estimate(equal(20), n < 13, n < 11, n < 16, 5, TAIL)
    assert found.value == 0.65
    assert found.low == pytest.approx(clopper_pearson(11, 25, TAIL)[0])
    assert found.high == pytest.approx(clopper_pearson(21, 25, TAIL)[1])
    nobody = np.zeros(0, dtype=np.bool_)
    nothing = share_estimate(equal(0), nobody, nobody, nobody, 3, TAIL)
    assert (math.isnan(nothing.value), nothing.low, nothing.high) == (True, 0.0, 1.0)


def test_shared_and_unequal_draws_tell_less() -> None:
    members = np.arange(40) % 4 < 2
    alone = np.stack([np.arange(40), np.arange(40)], axis=1)
    assert Sample(np.ones(40), alone).effective(members) == pytest.approx(40.0)
    # each pair of θ comes twice, once for each pair of members or of others
    assert Sample(np.ones(40), alone // 2).effective(members) == pytest.approx(20.0)
    # all share their first θ: what it is decides nothing here, for members and others cancel
    one = np.stack([np.zeros(40, dtype=np.int64), np.arange(40)], axis=1)
    assert Sample(np.ones(40), one).effective(members) == pytest.approx(40.0)
    ends = np.repeat([True, False], 20)
    halves = np.stack([np.repeat([0, 1], 20), np.arange(40)], axis=1)
    assert Sample(np.ones(40), halves).effective(ends) == pytest.approx(2.0)
    first, second = np.divmod(np.arange(40), 10)
    crossed = (first < 2) & (second < 5)
    # p = ¼: residuals add up to ±2.5 by the first θ and ±1 by the second, of pairs to ¼ · ¾ · 40
    variance = (4 * 2.5**2 + 10 * 1.0**2 - 7.5) / 40**2
    effective = Sample(np.ones(40), np.stack([first, second], axis=1)).effective(crossed)
    assert effective == pytest.approx(0.25 * 0.75 / variance)
    weight = np.repeat([1.0, 3.0], 20)
    everyone = np.ones(40, dtype=np.bool_)
    assert Sample(weight, None).effective(everyone) == pytest.approx(80.0**2 / 200.0)
    assert Sample(weight, None).effective(members) == pytest.approx(80.0**2 / 200.0)


def test_an_effective_number_tells_how_shares_vary_from_bank_to_bank() -> None:
    rng = np.random.default_rng(4)
    shares, variances = [], []
    for _ in range(150):
        pairs = working_pairs(draw_banks(150, rng))
        drawn = draw_pairs(pairs, 200, rng)
        members = pairs.banks.images[drawn[:, 0]].held_by(BEST)
        members &= pairs.banks.preimages[drawn[:, 1]].hold(BEST)
        p = float(members.mean())
        shares.append(p)
        variances.append(p * (1.0 - p) / Sample(np.ones(200), drawn).effective(members))
    assert np.var(shares) == pytest.approx(np.mean(variances), rel=0.25)
    assert np.mean(variances) > 1.5 * np.mean(shares) * (1.0 - np.mean(shares)) / 200.0


def test_limits_of_a_median_are_order_statistics() -> None:
    # P(Bin(6, ½) = 0) = 1/64; of five it is 1/32
    assert [order_depth(n, TAIL) for n in (0, 5, 6, 8, 9, 100)] == [0, 0, 1, 1, 2, 40]
    values = np.random.default_rng(0).permutation(np.arange(1.0, 10.0))
    found = median_estimate(equal(9), values, values, values, 0, TAIL)
    assert (found.value, found.low, found.high) == (5.0, 2.0, 8.0)
    wider = median_estimate(equal(9), values, values - 0.5, values + 0.25, 0, TAIL)
    assert (wider.value, wider.low, wider.high) == (5.0, 1.5, 8.25)
    few = median_estimate(equal(5), values[:5], values[:5], values[:5], 0, TAIL)
    assert (few.low, few.high) == (-math.inf, math.inf)
    lost = median_estimate(equal(9), values, values, values, 3, TAIL)
    # of 12, the third from either end: all three unplaced are below it, or above
    assert (lost.low, lost.high) == (-math.inf, math.inf)
    assert median_estimate(equal(9), values, values, values, 1, TAIL).low == 1.0


def test_the_interval_of_a_median_covers() -> None:
    rng, n_covered = np.random.default_rng(1), 0
    for _ in range(1000):
        values = rng.exponential(1.0, 25)
        found = median_estimate(equal(25), values, values, values, 0, TAIL)
        n_covered += found.low <= math.log(2.0) <= found.high
    # 1 − 2 P(Bin(25, ½) ≤ 7) = 0.957
    assert n_covered / 1000 == pytest.approx(0.957, abs=0.015)


def test_weighted_quantiles() -> None:
    values, weight = np.array([3.0, 1.0, 2.0]), np.array([1.0, 2.0, 1.0])
    levels = (0.0, 0.5, 0.6, 0.75, 0.8, 1.0)
    assert [weighted_quantile(values, weight, each) for each in levels] == [1, 1, 2, 2, 3, 3]


def test_log_ratio() -> None:
    found = log_ratio(Estimate(0.2, 0.1, 0.3), Estimate(0.4, 0.4, 0.4))
    assert (found.value, found.low, found.high) == pytest.approx(
        (math.log(0.5), math.log(0.25), math.log(0.75))
    )
    both = log_ratio(Estimate(0.2, 0.1, 0.3), Estimate(0.4, 0.1, 0.8))
    assert both.low == pytest.approx(math.log(0.5) - math.hypot(math.log(2.0), math.log(2.0)))
    assert both.high == pytest.approx(math.log(0.5) + math.hypot(math.log(1.5), math.log(4.0)))
    none = log_ratio(Estimate(0.0, 0.0, 0.3), Estimate(0.4, 0.2, 0.8))
    assert (none.value, none.low) == (-math.inf, -math.inf)
    assert none.high == pytest.approx(math.log(1.5))
    infinite = log_ratio(Estimate(0.2, 0.1, 0.3), Estimate(0.0, 0.0, 0.2))
    assert (math.isnan(infinite.value), infinite.high) == (True, math.inf)
    assert infinite.low == pytest.approx(math.log(0.5))
    assert log_ratio(Estimate(math.nan, 0.0, 1.0), found).high == math.inf


def test_log_ratio_covers() -> None:
    rng, n_covered, truth = np.random.default_rng(6), 0, math.log(0.1 / 0.3)
    for _ in range(500):
        shares = []
        for n, p in ((80, 0.1), (150, 0.3)):
            hits = int(rng.binomial(n, p))
            shares.append(Estimate(hits / n, *clopper_pearson(hits, n, TAIL)))
        found = log_ratio(*shares)
        n_covered += found.low <= truth <= found.high
    assert n_covered >= 470


def test_the_share_of_bayes_is_that_of_all_pairs() -> None:
    banks = weighted_banks(60, 3)
    weight = works(banks) * np.outer(banks.images.weight, banks.preimages.weight)
    one, two = banks.admits(BEST)
    pairs = working_pairs(banks)
    found = share_in_best(pairs, BEST, 0.95)
    assert pairs.weight == pytest.approx(weight.sum())
    assert found.value == pytest.approx(weight[np.ix_(one, two)].sum() / weight.sum())
    assert found.low < found.value < found.high
    exact = share_in_best(pairs, BEST, 0.95, is_exact=True)
    assert exact.low == exact.value == exact.high == found.value
    nothing: Sets = (((0.0, 0.001),), ((0.9, 1.0),))
    zero = share_in_best(pairs, nothing, 0.95)
    assert (zero.value, zero.low) == (0.0, 0.0)
    n = min(len(pairs.senders), len(pairs.takers))
    assert zero.high == pytest.approx(clopper_pearson(0, n, TAIL)[1])


def test_the_error_of_the_share_of_bayes_is_that_of_resampled_banks() -> None:
    rng = np.random.default_rng(9)
    banks = weighted_banks(250, 5)
    found = share_in_best(working_pairs(banks), BEST, 0.95)
    again = [
        share_in_best(working_pairs(resampled(banks, rng)), BEST, 0.95).value for _ in range(150)
    ]
    reach = np.diff([math.log(p / (1.0 - p)) for p in (found.low, found.high)])[0] / 2.0
    spread = np.std([math.log(p / (1.0 - p)) for p in again])
    assert reach / 1.96 == pytest.approx(spread, rel=0.15)


def test_draws_of_bayes_are_as_frequent_as_their_weights() -> None:
    banks = weighted_banks(14, 2)
    weight = works(banks) * np.outer(banks.images.weight, banks.preimages.weight)
    pairs = working_pairs(banks)
    drawn = draw_pairs(pairs, 20_000, np.random.default_rng(0))
    counts = np.zeros_like(weight)
    np.add.at(counts, tuple(drawn.T), 1.0)
    assert not counts[weight == 0.0].any()
    assert counts / 20_000 == pytest.approx(weight / weight.sum(), abs=0.012)


def test_banks_of_which_nothing_works_are_no_bayes() -> None:
    banks = draw_banks(3, np.random.default_rng(0))
    none = Preimages(np.full((2, 1, 3), 2.0), np.full((2, 1, 3), 3.0), np.ones(3))
    with pytest.raises(InputError, match="none of 3 × 3 pairs works"):
        working_pairs(Banks(banks.images, none))


def test_behaviours_are_images_rounded_outward() -> None:
    low = np.array([[[0.0, 0.2, np.nan]], [[0.61, 0.79, np.nan]]])[:, :, :2]
    high = np.array([[[0.39, 0.4]], [[0.8, 1.0]]])
    images = Images(low, high, np.ones(2))
    assert behaviour_of(images, 0.2).tolist() == [[0, 2, 3, 4], [1, 2, 3, 5]]
    pieces = Images(
        np.array([[[0.5], [0.1]], [[0.7], [np.inf]]]),
        np.array([[[0.5], [0.2]], [[0.7], [-np.inf]]]),
        np.ones(1),
    )
    assert behaviour_of(pieces, 0.2).tolist() == [[0, 3, 3, 4]]


def by_class(banks: Banks) -> dict[tuple[int, ...], float]:
    weight = works(banks) * np.outer(banks.images.weight, banks.preimages.weight)
    found: dict[tuple[int, ...], float] = {}
    for each, part in zip(
        behaviour_of(banks.images, STEP).tolist(), weight.sum(axis=1), strict=True
    ):
        found[tuple(each)] = found.get(tuple(each), 0.0) + float(part) / float(weight.sum())
    return {each: p for each, p in found.items() if p}


def test_classes_of_bayes_are_those_of_all_pairs() -> None:
    banks = weighted_banks(80, 7)
    pairs, expected = working_pairs(banks), by_class(banks)
    found = bayes_classes(pairs, STEP)
    assert dict(zip(map(tuple, found.behaviour.tolist()), found.probability, strict=True)) == (
        pytest.approx(expected)
    )
    assert not bayes_classes(pairs, STEP, is_exact=True).covariance.any()
    asked = np.concatenate([found.behaviour[::-1], [[9, 9, 9, 9]]])
    assert found.index_of(asked).tolist() == [*range(len(expected) - 1, -1, -1), -1]
    with pytest.raises(InputError, match="step = 0 V"):
        bayes_classes(pairs, 0.0)


def test_the_covariance_of_classes_is_that_of_resampled_banks() -> None:
    rng, banks = np.random.default_rng(1), weighted_banks(300, 1)
    found = bayes_classes(working_pairs(banks), STEP)
    common = np.flatnonzero(found.probability > 0.04)
    logs = []
    for _ in range(120):
        again = by_class(resampled(banks, rng))
        logs.append([math.log(again[tuple(each)]) for each in found.behaviour[common].tolist()])
    expected = np.cov(np.array(logs).T)
    assert len(common) > 3
    scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    covariance = found.covariance[np.ix_(common, common)]
    assert np.diag(covariance) == pytest.approx(np.diag(expected), rel=0.4)
    assert np.abs(covariance - expected).max() < 0.35 * scale.max()
    assert found.probability @ found.covariance == pytest.approx(0.0, abs=1e-9)


def test_the_second_bank_has_its_part_in_the_covariance() -> None:
    """Resampled alone; its part is the smaller one, so that the whole would not show a lack of it."""
    rng, banks = np.random.default_rng(1), weighted_banks(300, 1)
    pairs = working_pairs(banks)
    found = bayes_classes(pairs, STEP)
    common = np.flatnonzero(found.probability > 0.04)
    part = found.covariance - _of_senders(squares_of(pairs, found), found.probability)
    logs = []
    for _ in range(120):
        again = by_class(Banks(banks.images, banks.preimages[rng.integers(0, 300, 300)]))
        logs.append([math.log(again[tuple(each)]) for each in found.behaviour[common].tolist()])
    assert np.diag(part)[common] == pytest.approx(np.var(logs, axis=0), rel=0.4)


def squares_of(pairs: WorkingPairs, classes: Classes) -> Floats:
    index = classes.index_of(behaviour_of(pairs.banks.images[pairs.senders], STEP))
    return np.asarray(np.bincount(index, pairs.share**2), dtype=np.float64)


def test_stratified_draws_give_each_class_as_much() -> None:
    pairs = working_pairs(weighted_banks(80, 7))
    classes = bayes_classes(pairs, STEP)
    drawn = stratified_pairs(pairs, classes, 7, np.random.default_rng(0))
    index = classes.index_of(behaviour_of(pairs.banks.images[drawn[:, 0]], STEP))
    assert index.tolist() == [k for k in range(len(classes.probability)) for _ in range(7)]
    assert works(pairs.banks)[tuple(drawn.T)].all()


@pytest.mark.parametrize("slope", [-1.5, 0.0, 0.4, 1.0, 7.0])
def test_the_slope_of_a_power_is_its_exponent(slope: float) -> None:
    log_p = np.log(np.array([0.5, 0.3, 0.15, 0.04, 0.01]))
    q = np.exp(slope * log_p)
    assert slope_of(float(q @ log_p / q.sum()), log_p) == pytest.approx(slope, abs=1e-9)


def classes_with(p: list[float]) -> Classes:
    n = len(p)
    behaviour = np.arange(n)[:, np.newaxis] * np.ones(4, dtype=np.int64)
    return Classes(STEP, behaviour, np.array(p), np.zeros((n, n)))


def behaviours(*counts: int) -> np.ndarray:
    return np.repeat(np.arange(len(counts)), counts)[:, np.newaxis] * np.ones(4, dtype=np.int64)


def test_a_spread_over_classes() -> None:
    classes, rng = classes_with([0.5, 0.25, 0.125, 0.125]), np.random.default_rng(0)
    found = spread_over(behaviours(50, 25, 0, 15, 10), classes, rng)
    assert (found.n, found.n_new, found.n_classes, found.n_seen) == (100, 10, 4, 3)
    assert found.total_variation.value == pytest.approx(0.125)
    assert found.total_variation.low < 0.125 < found.total_variation.high
    assert found.slope is not None
    mean = (50 * math.log(0.5) + 25 * math.log(0.25) + 15 * math.log(0.125)) / 90
    assert found.slope.value == pytest.approx(slope_of(mean, np.log(classes.probability)))
    assert found.slope.low < found.slope.value < found.slope.high
    draws = np.random.default_rng(3).multinomial(100, classes.probability, 4000) / 100
    noise = np.abs(draws - classes.probability).sum(axis=1) / 2.0
    assert found.noise_mean == pytest.approx(noise.mean(), rel=0.05)
    assert found.noise_high == pytest.approx(np.quantile(noise, 0.95), rel=0.08)


def test_slopes_that_are_infinite_or_no_question() -> None:
    rng = np.random.default_rng(0)
    steep = spread_over(behaviours(9), classes_with([0.5, 0.3, 0.2]), rng).slope
    assert steep is not None
    assert steep.value == math.inf
    least = spread_over(behaviours(0, 0, 9), classes_with([0.5, 0.3, 0.2]), rng).slope
    assert least is not None
    assert least.value == -math.inf
    assert spread_over(behaviours(3, 4), classes_with([0.5, 0.5]), rng).slope is None
    assert spread_over(behaviours(0, 0, 0, 5), classes_with([0.5, 0.3, 0.2]), rng).slope is None
    none = spread_over(behaviours(), classes_with([0.5, 0.3, 0.2]), rng)
    assert none.slope is None
    assert math.isnan(none.total_variation.value)
    assert none.n == 0
    with pytest.raises(InputError, match="weight"):
        spread_over(behaviours(3), classes_with([0.5, 0.5]), rng, np.zeros(3))


def test_weights_of_solutions_count() -> None:
    classes, rng = classes_with([0.5, 0.25, 0.25]), np.random.default_rng(0)
    weight = np.repeat([2.0, 1.0], [10, 20])
    found = spread_over(behaviours(10, 10, 10), classes, rng, weight)
    assert found.total_variation.value == pytest.approx(0.0)
    assert found.slope is not None
    assert found.slope.value == pytest.approx(1.0)


def test_total_variation_counts_classes_of_none() -> None:
    parts = np.array([[0.5, 0.3, 0.2], [0.0, 0.0, 1.0]])
    assert total_variation(parts, np.array([0.6, 0.4])) == pytest.approx([0.2, 1.0])


def test_the_interval_of_the_slope_covers_runs_that_are_bayes() -> None:
    everyone, rng, n_covered = population(4000, 1), np.random.default_rng(0), 0
    for _ in range(40):
        classes = bayes_classes(working_pairs(draw_banks(800, rng)), STEP)
        runs = everyone.images[rng.integers(0, everyone.n, 200)]
        slope = spread_over(behaviour_of(runs, STEP), classes, rng).slope
        assert slope is not None
        n_covered += slope.low <= 1.0 <= slope.high
    assert n_covered >= 35


def test_the_slope_has_the_error_of_the_banks() -> None:
    rng, shape = np.random.default_rng(2), rng_matrix()
    classes = replace(classes_with([0.4, 0.3, 0.2, 0.1]), covariance=shape @ shape.T)
    counts = 10_000_000 * np.array([0.5, 0.3, 0.15, 0.05])
    mean = counts / counts.sum()
    log_p = np.log(classes.probability)
    moved = log_p + rng.normal(0.0, 1.0, (3000, 4)) @ shape.T
    slopes = [slope_of(float(mean @ each), each) for each in moved]
    error = _error_from_banks(mean, classes, slope_of(float(mean @ log_p), log_p))
    assert error == pytest.approx(np.std(slopes), rel=0.06)
    runs = behaviours(500, 300, 150, 50)
    wide, narrow = (
        spread_over(runs, each, np.random.default_rng(0)).slope
        for each in (classes, classes_with([0.4, 0.3, 0.2, 0.1]))
    )
    assert wide is not None
    assert narrow is not None
    assert wide.high - wide.value == pytest.approx(
        math.hypot(narrow.high - narrow.value, 1.96 * error), rel=1e-3
    )


def rng_matrix() -> Floats:
    """Return a root of a covariance of logs of probabilities."""
    return np.random.default_rng(5).normal(0.0, 0.02, (4, 4))


def test_nulls_by_enumeration() -> None:
    rng = np.random.default_rng(3)
    measure = draw_measure(250, 21, rng)
    everyone = population(60, 5)
    found = place_shuffled(measure, everyone.images, everyone.preimages, 300, rng)
    assert found.share == pytest.approx(works(Banks(everyone.images, everyone.preimages)).mean())
    assert (found.placement.n, found.placement.n_unplaced) == (300, 0)
    pairs = working_pairs(measure.measure)
    bayes = place_bayes(measure, pairs, 400, rng)
    truth = share_in_best(pairs, measure.best, 0.95).value
    assert bayes.in_best.mean() == pytest.approx(truth, abs=0.07)
    classes = bayes_classes(pairs, STEP)
    alike = place_classes(measure, pairs, classes, 3, rng)
    assert alike.n == 3 * len(classes.probability)
    assert alike.groups is not None
    assert np.median(alike.delta) > np.median(bayes.delta)


def test_of_no_solutions_a_placement_is_empty_and_nothing_can_be_shuffled() -> None:
    """As where no run succeeded: the shares and medians of none are not known."""
    rng = np.random.default_rng(3)
    measure, solutions, nobody = draw_measure(250, 21, rng), population(3, 5), np.empty(0, np.int64)
    images, preimages = solutions.images[nobody], solutions.preimages[nobody]
    found = summarise(place(measure, images, preimages), Claim(0.5, 0.5))
    assert (found.n, found.n_unplaced, found.n_open) == (0, 0, 0)
    for share in (found.share_near, found.share_in_best):
        assert str(share) == "nan [0, 1]"
    for median in (found.delta_median, found.tight_median, found.wide_median):
        assert str(median) == "nan [-inf, inf]"
    with pytest.raises(InputError, match="images: there are none; give those of one θ at least"):
        place_shuffled(measure, images, preimages, 10, rng)
    with pytest.raises(InputError, match="preimages: there are none"):
        place_shuffled(measure, solutions.images, preimages, 10, rng)


def test_a_random_api_by_the_lattice() -> None:
    measure = draw_measure(250, 21, np.random.default_rng(3))
    found = summarise_apis(distances_of_apis(measure), Claim(0.7, 0.5))
    closed = lattice(measure.choose.images, measure.choose.preimages, measure.table.axis)
    assert found.n == closed.n_closed
    assert found.share_near.value == pytest.approx(closed.n_within(0.7) / closed.n_closed)
    assert found.delta_median.value == pytest.approx(
        closed.log_volume[0] - closed.quantiles([0.5])[0]
    )
    assert 0.0 < found.share_in_best.value < found.share_near.value
    assert list(itertools.pairwise([found.delta_median.low, found.delta_median.high])) == [
        (found.delta_median.value, found.delta_median.value)
    ]
