"""A stricter judge that corrects a rare event: known shares, and what its interval must hold."""

import math

import numpy as np
import pytest
from scipy.special import ndtr

from spicebuf.entropy import Effort, Judged, estimate
from spicebuf.entropy.events import Floats
from spicebuf.entropy.second_look import Limits, _share
from tests.toys import Toy, box

P = 1e-4
ROUGH = Effort(precision=0.25)


def strict_of(toy: Toy, share: float, borderline: float = 0.0) -> tuple[object, list[int]]:
    """Return a judge by which a share of the box stands, another is borderline; and what it was asked."""
    width = P ** (1 / toy.d)
    low, asked = max(0.3, width / 2.0) - width / 2.0, []

    def judge(z: Floats) -> Judged:
        asked.append(len(z))
        part = (ndtr(z[:, 0]) - low) / width
        return Judged(part, part <= share, part <= share + borderline)

    return judge, asked


@pytest.mark.parametrize("share", [1.0, 0.5, 0.02])
def test_the_share_that_stands_is_covered(share: float) -> None:
    """Over 25 seeds; it is asked about far fewer points than the first judge."""
    toy = box(3, P)
    covered = 0
    for seed in range(25):
        strict, asked = strict_of(toy, share)
        found = estimate(toy.judge, toy.d, [seed, 5], ROUGH, strict)  # type: ignore[arg-type]
        covered += found.interval[0] <= toy.log_p + math.log(share) <= found.interval[1]
        assert sum(asked) <= 6_400
    assert covered >= 21


def test_points_that_are_borderline_at_a_second_look_widen_the_upper_end() -> None:
    toy = box(3, P)
    strict, _ = strict_of(toy, 0.5, 0.25)
    found = estimate(toy.judge, toy.d, [1], ROUGH, strict)  # type: ignore[arg-type]
    assert found.bracket[0] == found.value == pytest.approx(toy.log_p + math.log(0.5), abs=0.3)
    assert found.bracket[1] - found.value == pytest.approx(math.log(1.5), abs=0.2)
    assert found.interval[1] > found.bracket[1]


def test_a_stricter_event_that_is_never_seen() -> None:
    """−inf, and an upper end that holds for the independent draws."""
    toy = box(3, P)
    strict, _ = strict_of(toy, -1.0)
    found = estimate(toy.judge, toy.d, [1], ROUGH, strict)  # type: ignore[arg-type]
    low, high = found.interval
    assert (found.value, low) == (-math.inf, -math.inf)
    assert toy.log_p - 8.5 < high < toy.log_p - 3.5


@pytest.mark.parametrize("budget", [7, 3_000, 12_000])
def test_what_nobody_looked_at_twice_is_open(budget: int) -> None:
    """A budget that ends before a second look leaves its θ borderline, and is kept."""
    toy, asked = box(2, 0.3), []

    def strict(z: Floats) -> Judged:
        asked.append(len(z))
        return toy.judge(z)

    effort = Effort(precision=0.25, max_simulations=budget)
    found = estimate(toy.judge, toy.d, [2], effort, strict)
    assert found.counts[0].n_samples + sum(asked) <= budget
    assert found.interval[1] > math.log(0.3)
    assert found.interval[0] < math.log(0.3)
    if not asked:
        assert found.value == -math.inf
    else:
        assert found.value > -math.inf


def test_errors_of_a_product_add_in_quadrature() -> None:
    one, other = Limits(-3.0, -3.3, -2.9, -2.6), Limits(-1.0, -1.4, -0.9, -0.5)
    both = one.times(other)
    assert (both.value, both.top) == pytest.approx((-4.0, -3.8))
    assert (both.low, both.high) == pytest.approx((-4.5, -3.3))
    never = one.times(Limits(-math.inf, -math.inf, -math.inf, -5.0))
    assert (never.value, never.low, never.high) == (-math.inf, -math.inf, pytest.approx(-7.6))


def test_runs_that_disagree_widen_the_share() -> None:
    """Points of one run descend from one another: 50 of 50 and 0 of 50 are not 50 of 100."""
    run = np.repeat(np.arange(4), 50)
    mixed = np.tile([True, False], 100)
    split = np.repeat([True, False, True, False], 50)
    _, below, above = _share(np.ones(4), run, mixed, 200.0, 0.95)
    _, far_below, far_above = _share(np.ones(4), run, split, 200.0, 0.95)
    assert far_below > 3.0 * below
    assert far_above > 3.0 * above
