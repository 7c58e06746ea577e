"""Verdicts, on summaries that were made up and on a chain of known log volumes."""

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from spicebuf.entropy import clopper_pearson
from spicebuf.errors import InputError
from spicebuf.prediction import (
    Claim,
    Distances,
    Estimate,
    Placement,
    Summary,
    Word,
    judge,
    place,
    summarise,
)
from tests.prediction_cases import Floats, Population, draw_measure, population

NOTHING = Estimate(math.nan, -math.inf, math.inf)
CLAIM = Claim(0.5, 0.6, nulls=("classes",))
N_BANKS = 8
N_REPEATS = 50
N_RUNS = 150


def summary(low: float, high: float, n: int = 100, n_open: int = 0) -> Summary:
    share = Estimate((low + high) / 2.0, low, high)
    return Summary(n, 0, n_open, share, NOTHING, NOTHING, NOTHING, NOTHING)


@pytest.mark.parametrize(
    ("low", "high", "null", "word", "reason"),
    [
        (0.6, 0.8, 0.59, "supported", "at least the 0.6 claimed, and more than of 'classes'"),
        (0.7, 0.8, 0.7, "undecided", "but the null 'classes' may end there as well: 0.35"),
        (0.59, 0.8, 0.1, "undecided", "on both sides of the 0.6 claimed: too few runs"),
        (0.4, 0.6, 0.1, "undecided", "too few runs"),
        (0.4, 0.599, 0.1, "refuted", "less than the 0.6 claimed"),
        (0.4, 0.599, 0.9, "refuted", "within 0.5 nat of the greatest log volume"),
    ],
)
def test_the_rule(low: float, high: float, null: float, word: Word, reason: str) -> None:
    found = judge(CLAIM, summary(low, high), {"classes": summary(0.0, null)})
    assert found.word == word
    assert reason in found.reason


def test_reasons_name_what_is_lacking() -> None:
    nulls = {"classes": summary(0.0, 0.1)}
    found = judge(CLAIM, summary(0.5, 0.7, n_open=12), nulls)
    assert "too small banks, which leave 12 runs open" in found.reason
    assert "too small banks" not in judge(CLAIM, summary(0.5, 0.7), nulls).reason
    none = judge(CLAIM, summary(0.0, 1.0, n=0), nulls)
    assert (none.word, none.reason.split(":")[0]) == (
        "undecided",
        "no run succeeded, on both sides of the 0.6 claimed",
    )
    with pytest.raises(InputError, match="classes of the claim must be given; there are prior"):
        judge(CLAIM, summary(0.7, 0.8), {"prior": summary(0.0, 0.1)})
    assert judge(Claim(0.5, 0.6), summary(0.7, 0.8), {}).word == "supported"
    assert judge(CLAIM, summary(0.7, 0.8), {**nulls, "apis": summary(0.9, 1.0)}).word == "supported"


@pytest.mark.parametrize(
    ("near", "share", "confidence", "words"),
    [
        (0.0, 0.5, 0.95, "near = 0 nat"),
        (math.inf, 0.5, 0.95, "near = inf nat"),
        (0.5, 0.0, 0.95, "share = 0 must"),
        (0.5, 1.0, 0.95, "share = 1 must"),
        (0.5, 0.5, 1.0, "confidence = 1"),
    ],
)
def test_claims_that_are_none(near: float, share: float, confidence: float, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Claim(near, share, confidence)


def placement(delta: Floats, error: Floats, least: Floats | None = None) -> Placement:
    n = len(delta)
    distances = Distances(delta, delta if least is None else least, error)
    return Placement(
        distances,
        Distances(delta + 2.0, delta + 2.0, error),
        Distances(delta + 1.0, delta + 1.0, error),
        delta == 0.0,
        np.zeros((n, 4), dtype=np.int64),
        np.ones(n),
        None,
        np.arange(n),
    )


def test_runs_at_the_boundary_count_against_both_limits() -> None:
    delta = np.repeat([0.0, 0.35, 0.5, 0.65, 2.0, math.inf, math.inf], 10)
    least = np.repeat([0.0, 0.35, 0.5, 0.65, 2.0, 0.6, 3.0], 10)
    error = np.repeat([0.0, 0.1, 0.0, 0.1, 0.2, 0.2, 1.0], 10)
    runs = placement(delta, error, least)
    # 1.96 · 0.1 is more than 0.15; of the two that nothing is admitted to, one may be near
    found = summarise(runs, Claim(0.5, 0.6))
    assert (found.n, found.n_open) == (70, 30)
    assert found.share_near.value == pytest.approx(3.0 / 7.0)
    assert found.share_near.low == pytest.approx(clopper_pearson(20, 70, 0.025)[0])
    assert found.share_near.high == pytest.approx(clopper_pearson(50, 70, 0.025)[1])
    assert found.share_in_best.low == pytest.approx(clopper_pearson(10, 70, 0.025)[0])
    surer = summarise(runs, Claim(0.5, 0.6, confidence=0.8))
    assert surer.n_open == 10
    lost = summarise(replace(runs, n_unplaced=7), Claim(0.5, 0.6))
    assert (lost.n, lost.n_unplaced, lost.n_open) == (77, 7, 37)
    assert lost.share_near.high == pytest.approx(clopper_pearson(57, 77, 0.025)[1])


def test_medians_allow_for_the_errors_of_distances() -> None:
    delta = np.linspace(0.0, 1.0, 101)
    exact = summarise(placement(delta, np.zeros(101)), CLAIM)
    # P(Bin(101, ½) ≤ 40) = 0.023
    assert (exact.delta_median.value, exact.delta_median.low, exact.delta_median.high) == (
        pytest.approx((0.5, 0.4, 0.6))
    )
    assert (exact.tight_median.value, exact.wide_median.value) == (2.5, 1.5)
    rough = summarise(placement(delta, np.full(101, 0.1)), CLAIM)
    assert rough.delta_median.low == pytest.approx(0.4 - 0.196, abs=1e-3)
    assert rough.delta_median.high == pytest.approx(0.6 + 0.196, abs=1e-3)


def test_no_runs_are_no_verdict() -> None:
    nobody = summarise(placement(np.zeros(0), np.zeros(0)), CLAIM)
    assert (nobody.n, nobody.share_near.low, nobody.share_near.high) == (0, 0.0, 1.0)
    assert math.isnan(nobody.delta_median.value)
    assert judge(CLAIM, nobody, {"classes": nobody}).word == "undecided"


@pytest.mark.parametrize(("n_near", "n"), [(60, 100), (3, 5), (299, 500)])
def test_wrong_decisions_at_the_boundary_are_rare(n_near: int, n: int) -> None:
    """Exactly: over all counts of runs that are near, where the truth is the share claimed."""
    claim, p = Claim(0.5, n_near / n), n_near / n
    rates = {"supported": 0.0, "refuted": 0.0, "undecided": 0.0}
    for k in range(n + 1):
        runs = placement(np.where(np.arange(n) < k, 0.1, 0.9), np.zeros(n))
        log_p = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
        log_p += k * math.log(p) + (n - k) * math.log(1.0 - p)
        rates[judge(claim, summarise(runs, claim), {}).word] += math.exp(log_p)
    assert rates["supported"] <= 0.025
    assert rates["refuted"] <= 0.025
    assert sum(rates.values()) == pytest.approx(1.0)


@cache
def trials() -> tuple[Population, list[Placement]]:
    """Return solutions, and where each is placed by several banks."""
    everyone = population(400, 2)
    found = []
    for seed in range(N_BANKS):
        measure = draw_measure(400, 21, np.random.default_rng(seed))
        found.append(place(measure, everyone.images, everyone.preimages))
    return everyone, found


def rates(weight: Floats, claim: Claim) -> dict[str, float]:
    """Return how often each verdict is given, and how often the share near is covered."""
    everyone, placements = trials()
    part = weight / weight.sum()
    truth, rng = float(part @ (everyone.delta <= claim.near)), np.random.default_rng(11)
    counts = dict.fromkeys(("supported", "refuted", "undecided", "covered"), 0)
    for placed in placements:
        for _ in range(N_REPEATS):
            runs = summarise(placed[rng.choice(everyone.n, N_RUNS, p=part)], claim)
            counts[judge(claim, runs, {}).word] += 1
            counts["covered"] += runs.share_near.low <= truth <= runs.share_near.high
    return {word: n / (N_BANKS * N_REPEATS) for word, n in counts.items()}


def test_right_verdicts_of_a_chain_of_known_log_volumes() -> None:
    delta, claim = trials()[0].delta, Claim(0.5, 0.4)
    uniform = rates(np.ones(len(delta)), claim)
    prefers = rates(np.exp(-4.0 * delta), claim)
    avoids = rates(np.where(delta > 1.0, 1.0, 0.0), Claim(0.5, 0.6))
    assert uniform["supported"] > 0.95
    assert prefers["supported"] > 0.95
    assert avoids["refuted"] > 0.95
    assert min(each["covered"] for each in (uniform, prefers, avoids)) > 0.95


def test_where_half_is_near_no_verdict_is_given_too_often() -> None:
    """Of 400 repeats at a true rate of 2.5 % more than 18 are seen with a probability of 1 %."""
    near = trials()[0].delta <= 0.5
    half = rates(near / near.sum() + ~near / (~near).sum(), Claim(0.5, 0.5))
    assert half["supported"] <= 18.0 / 400.0
    assert half["refuted"] <= 18.0 / 400.0
    assert half["covered"] > 0.95
