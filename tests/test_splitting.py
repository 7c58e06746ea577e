"""Rare events whose probabilities are known: estimates, intervals, and what may go wrong."""

import math

import numpy as np
import pytest
from scipy import stats
from scipy.special import ndtr, ndtri

from spicebuf.entropy import (
    Counts,
    Effort,
    Judged,
    clopper_pearson,
    estimate,
    from_sample,
    total,
)
from spicebuf.entropy.events import Floats
from spicebuf.entropy.importance import second_opinion
from spicebuf.entropy.kernels import DIFFERENCE, JOINT, SINGLE, fit_stage, judge_all, step
from spicebuf.entropy.pilot import draw_first, explore
from spicebuf.entropy.splitting import log_mean_interval, perform
from spicebuf.entropy.survivors import find_clusters
from spicebuf.errors import InputError
from tests.toys import TOYS, Toy, box

ROUGH = Effort(precision=0.25)


@pytest.mark.parametrize("name", TOYS)
def test_every_toy_comes_out_right(name: str) -> None:
    """Within three standard errors, without a constant in common."""
    toy = TOYS[name]()
    found = estimate(toy.judge, toy.d, [4], ROUGH)
    low, high = found.interval
    assert (high - low) / 2.0 <= ROUGH.precision
    assert abs(found.value - toy.log_p) < 3.0 * (high - low) / 2.0 / 1.96
    assert found.method == "splitting"


@pytest.mark.parametrize("p", [1e-5, 1e-3, 0.5])
def test_intervals_cover_at_their_level(p: float) -> None:
    """Over 60 seeds, also where plain sampling would do."""
    toy = box(2, p)
    covered, errors = 0, []
    for seed in range(60):
        found = estimate(toy.judge, toy.d, [seed, 9], ROUGH)
        covered += found.interval[0] <= toy.log_p <= found.interval[1]
        errors.append(found.value - toy.log_p)
    assert covered >= 53
    assert np.sqrt(np.mean(np.square(errors))) < 0.12


def test_runs_are_unbiased() -> None:
    """With levels and moves frozen, the mean of many short runs is the probability."""
    toy = box(3, 1e-3)
    rng = np.random.default_rng(1)
    plan = explore(toy.judge, draw_first(toy.judge, toy.d, rng), rng)
    found = perform(toy.judge, plan, 400, 4, rng).satisfied
    assert len(plan.stages) >= 3
    assert stats.ttest_1samp(found, 1e-3).pvalue > 0.01


@pytest.mark.parametrize("kind", [JOINT, SINGLE, DIFFERENCE])
def test_moves_keep_the_prior_above_a_level(kind: int) -> None:
    """Points drawn from {z0 + z1 ≥ 1.5} are still distributed like that after they moved."""
    level, rng = 1.5, np.random.default_rng(kind)

    def judge(z: Floats) -> Judged:
        score = z[:, 0] + z[:, 1]
        return Judged(score, score >= 9.0, score >= 9.0)

    n = 20_000
    # The sum has sd √2; its tail beyond the level, by the quantile function of the mirror image.
    along = -math.sqrt(2.0) * ndtri(ndtr(-level / math.sqrt(2.0)) * rng.random(n))
    across = math.sqrt(2.0) * rng.standard_normal(n)
    z = np.stack([(along + across) / 2.0, (along - across) / 2.0, rng.standard_normal(n)], axis=1)
    assert (z[:, :2].sum(axis=1) >= level).all()
    stage = fit_stage(level, z[:200], (0.7, 0.7, 0.7))
    moved, n_moved = judge_all(judge, z), 0
    for _ in range(6):
        moved, tally = step(moved, stage, kind, judge, rng)
        n_moved += int(tally.accepted.sum())
    assert n_moved > n
    assert moved.score.min() >= level
    for before, after in zip(z.T, moved.z.T, strict=True):
        assert stats.ks_2samp(before, after).pvalue > 1e-3
    assert stats.ks_2samp(z[:, 0] * z[:, 1], moved.z[:, 0] * moved.z[:, 1]).pvalue > 1e-3


def test_an_event_never_seen_has_the_upper_limit_of_the_draws() -> None:
    """A margin whose best is below 0: the runs climb towards it and find nothing."""
    found = estimate(lambda z: _judged(-1.0 - np.square(z).sum(axis=1)), 4, [0], ROUGH)
    assert found.splitting is not None
    prior = found.splitting.prior
    assert found.value == found.interval[0] == -math.inf
    assert found.interval[1] == from_sample(prior, 0.95, 0).interval[1] < -8.0
    assert any("not seen" in words for words in found.warnings)


def test_a_margin_without_any_slope_ends_soon() -> None:
    found = estimate(lambda z: _judged(np.full(len(z), -1.0)), 3, [0], ROUGH)
    assert found.value == -math.inf
    assert found.counts[0].n_samples < 3_000_000


def test_a_certain_event() -> None:
    found = estimate(lambda z: _judged(np.ones(len(z))), 3, [0], ROUGH)
    assert found.value == found.interval[1] == 0.0
    assert -0.001 < found.interval[0] < 0.0


@pytest.mark.parametrize("budget", [1, 3_999, 4_000, 20_000, 60_000, 200_000])
def test_a_small_budget_is_kept_and_said(budget: int) -> None:
    toy = box()
    found = estimate(toy.judge, toy.d, [0], Effort(0.01, max_simulations=budget))
    assert found.counts[0].n_samples <= budget
    assert found.interval[0] <= toy.log_p <= found.interval[1]
    assert any(f"max-simulations = {budget}" in words for words in found.warnings)


def test_a_budget_that_ends_with_the_first_draws() -> None:
    """A plateau asks for more draws; the 4,000 that were allowed are all there is."""
    toy = TOYS["plateau, 8-D"]()
    found = estimate(toy.judge, toy.d, [0], Effort(0.01, max_simulations=4_000))
    assert found.counts[0].n_samples == 4_000
    assert found.interval[0] <= toy.log_p <= found.interval[1]


@pytest.mark.parametrize("precision", [0.0, -0.1, math.nan, math.inf])
def test_precision_out_of_range(precision: float) -> None:
    with pytest.raises(InputError, match="precision"):
        Effort(precision)


def test_no_budget_at_all() -> None:
    with pytest.raises(InputError, match="max-simulations = 0"):
        estimate(box().judge, 8, [0], Effort(max_simulations=0))


def test_borderline_points_widen_the_upper_end_alone() -> None:
    """Half of the event as far as it is known: the other half is a shell of unknown verdict."""
    sure, loose = box(4, 1e-5), box(4, 2e-5)

    def judge(z: Floats) -> Judged:
        margin = loose.margin(z)
        return Judged(margin, sure.margin(z) >= 0.0, margin >= 0.0)

    found = estimate(judge, 4, [2], ROUGH)
    assert found.value == pytest.approx(sure.log_p, abs=0.3)
    assert found.bracket[1] == pytest.approx(loose.log_p, abs=0.3)
    assert found.interval[0] < sure.log_p < loose.log_p < found.interval[1]
    assert found.counts[0].n_borderline > 0


@pytest.mark.parametrize("share", [1e-6, 0.02])
def test_unsimulated_points_count_as_possible(share: float) -> None:
    """Near the event or all over the prior: the upper end allows for all of them."""
    toy = box(4, 1e-5)
    width = 1e-5**0.25
    # A slice of the box's own neighbourhood, or of the whole prior.
    near = (
        (lambda u: (u - 0.3 < width).all(axis=1) & (u > 0.28).all(axis=1)) if share < 1e-3 else None
    )

    def judge(z: Floats) -> Judged:
        u = ndtr(z)
        lost = near(u) if near is not None else u[:, 0] > 1.0 - share
        answer = toy.judge(z)
        return Judged(
            np.where(lost, -np.inf, answer.score), answer.satisfied & ~lost, answer.possible | lost
        )

    found = estimate(judge, 4, [1], ROUGH)
    assert found.counts[0].n_unsimulated > 0
    assert found.value < toy.log_p + 0.2
    if near is not None:
        assert found.interval[1] > toy.log_p
    else:
        assert found.splitting is not None
        prior = found.splitting.prior
        limit = clopper_pearson(prior.n_unsimulated, prior.n_samples, 0.025)[1]
        assert found.interval[1] >= math.log(limit)


def test_where_nothing_can_be_simulated_little_is_asked() -> None:
    """Nothing is known: from no θ at all to all of them."""

    def judge(z: Floats) -> Judged:
        nothing = np.full(len(z), -np.inf)
        return Judged(nothing, np.zeros(len(z), np.bool_), np.ones(len(z), np.bool_))

    found = estimate(judge, 3, [0], Effort())
    assert found.interval == (-math.inf, 0.0)
    assert found.counts[0].n_unsimulated == found.counts[0].n_samples < 50_000


def test_borderline_points_count_wherever_their_score_is() -> None:
    """Satisfied below −5 of one coordinate, borderline below −4 of another, where nothing leads."""

    def judge(z: Floats) -> Judged:
        satisfied = z[:, 0] < -5.0
        return Judged(np.minimum(0.0, -5.0 - z[:, 0]), satisfied, satisfied | (z[:, 1] < -2.0))

    for seed in range(5):
        found = estimate(judge, 2, [seed], ROUGH)
        assert abs(found.value - math.log(ndtr(-5.0))) < 0.3
        assert abs(found.bracket[1] - math.log(ndtr(-2.0))) < 0.1
        assert found.interval[1] > math.log(ndtr(-2.0))


def test_satisfied_points_count_wherever_their_score_is() -> None:
    def judge(z: Floats) -> Judged:
        satisfied = (z[:, 0] < -4.0) | (z[:, 1] < -2.5)
        return Judged(np.minimum(0.0, -4.0 - z[:, 0]), satisfied, satisfied)

    truth = math.log(1.0 - (1.0 - ndtr(-4.0)) * (1.0 - ndtr(-2.5)))
    found = estimate(judge, 2, [1], ROUGH)
    assert found.interval[0] < truth < found.interval[1]


def test_a_score_that_never_leads_on_is_not_climbed() -> None:
    """All scores alike: the first draws bound the answer, and no run is made."""

    def judge(z: Floats) -> Judged:
        never = np.zeros(len(z), np.bool_)
        return Judged(np.full(len(z), -1.0), never, never)

    found = estimate(judge, 3, [0], Effort())
    assert found.counts[0].n_samples == 256_000
    assert -12.0 < found.interval[1] < -11.0


def test_the_answer_is_a_function_of_the_seed() -> None:
    toy = box(4, 1e-5)
    first, second, other = (
        estimate(toy.judge, 4, seed, ROUGH) for seed in ([3, 1], [3, 1], [3, 2])
    )
    assert first == second
    assert first.value != other.value


def test_a_mode_that_a_run_misses_is_told() -> None:
    """Four clusters; one run saw only two of them."""
    rng = np.random.default_rng(0)
    centres = 8.0 * np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    whole = np.concatenate([c + rng.standard_normal((80, 2)) for c in centres])
    found = find_clusters([whole, whole + 0.01, whole[:160] + 0.02], rng)
    assert found.n == 4
    assert found.n_by_run.tolist() == [4, 4, 2]


def test_importance_sampling_notices_what_it_cannot_reach() -> None:
    """Survivors in a place where the fitted mixture never draws make it doubt itself."""
    toy, rng = box(4, 1e-5), np.random.default_rng(0)
    u = 0.3 + 1e-5**0.25 * (rng.random((4000, 4)) - 0.5)
    good = second_opinion(toy.judge, ndtri(u), rng)
    assert good.doubt is None
    assert abs(good.value - toy.log_p) < 3.0 * good.error < 0.15
    far = ndtri(u)
    far[:8] = 5.0 * np.concatenate([np.eye(4), -np.eye(4)])
    assert second_opinion(toy.judge, far, rng).effective < good.effective / 3.0
    few = second_opinion(toy.judge, ndtri(u[:30]), rng)
    assert few.doubt == "too few survivors to fit a mixture to"


def test_importance_sampling_fails_its_checks_on_a_torus() -> None:
    toy = TOYS["3-torus shell, 12-D"]()
    found = estimate(toy.judge, toy.d, [4], ROUGH)
    assert found.splitting is not None
    assert found.splitting.opinion is not None
    assert found.splitting.opinion.doubt is not None


def test_intervals_of_skewed_estimates_cover() -> None:
    """Eight lognormal estimates that scatter by 0.6 nat: t-limits of the mean alone cover too little."""
    rng = np.random.default_rng(0)
    samples = np.exp(0.6 * rng.standard_normal((2000, 8)) - 0.18)
    limits = np.array([log_mean_interval(sample, 0.95) for sample in samples])
    assert np.mean((limits[:, 1] <= 0.0) & (limits[:, 2] >= 0.0)) >= 0.92
    assert log_mean_interval(np.zeros(8), 0.95) == (-math.inf, -math.inf, 0.0)


def test_sums_with_rare_components() -> None:
    toy = box(3, 1e-4)
    rare = estimate(toy.judge, 3, [0], ROUGH)
    common = from_sample(Counts(1000, 500), 0.95, 0)
    chain = total([rare, common])
    half = [(part.interval[1] - part.interval[0]) / 2.0 for part in (rare, common, chain)]
    assert chain.value == rare.value + common.value
    assert half[2] == pytest.approx(math.hypot(*half[:2]), rel=0.05)
    assert chain.method == "splitting+monte-carlo"
    never = from_sample(Counts(1000, 0), 0.95, 0)
    upper = total([rare, never]).interval[1]
    assert rare.value + never.interval[1] < upper < rare.interval[1] + never.interval[1] + 0.5


def _judged(margin: Floats) -> Judged:
    return Judged(margin, margin >= 0.0, margin >= 0.0)


def test_toys_are_what_they_say() -> None:
    """The rare ones cannot be drawn; easier relatives of theirs can."""
    rng = np.random.default_rng(0)
    for p in (0.3, 0.01):
        toy: Toy = box(5, p)
        hits = int((toy.margin(rng.standard_normal((100_000, 5))) >= 0.0).sum())
        assert stats.binomtest(hits, 100_000, p).pvalue > 1e-3
