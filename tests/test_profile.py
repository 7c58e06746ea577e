"""How volumes grow around sets whose exponents are known, and around those of a real divider."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.special import ndtr

from spicebuf.entropy import Coefficient, Effort, Judged, Profile, estimate_profile
from spicebuf.entropy.events import Floats
from spicebuf.entropy.growth import is_steady
from spicebuf.errors import InputError
from spicebuf.system import load_system
from spicebuf.workflow import Ladder, Settings, profile_system
from tests.conftest import EXAMPLES
from tests.testsystems import divider_log_volume
from tests.toys import SETS, LossSet, ball, slope_near

Write = Callable[[str, str], Path]
ROUGH = Effort(precision=0.2)
CROSS, DISC, PLATEAU = (SETS[name] for name in ("cross, 2-D", "disc, 2-D", "plateau, 3-D"))


def ladder(least: float, greatest: float = 0.4) -> Floats:
    return np.geomspace(least, greatest, 13)


def sigmas(found: Profile, truth: Floats) -> Floats:
    """Return errors in units of what their intervals make of them."""
    half = (found.interval[:, 1] - found.interval[:, 0]) / 2.0
    with np.errstate(invalid="ignore"):  # −inf, where nothing was seen
        return (found.log_volume - truth) / half * 1.96


@pytest.mark.parametrize("name", SETS)
def test_volumes_and_slopes_come_out_right(name: str) -> None:
    """Over 8 seeds: all log volumes within 4 standard errors, slopes covered in 6 or more."""
    known, covered = SETS[name], 0
    epsilon = ladder(known.least)
    truth = known.log_volume(epsilon)
    expected = slope_near(epsilon, truth)
    for seed in range(8):
        found = estimate_profile(known.judge, known.d, epsilon, 1.0, [seed, 3], ROUGH)
        assert (np.abs(sigmas(found, truth)) < 4.0).all(), seed
        assert found.learning is not None
        low, high = found.learning.interval
        covered += low <= expected <= high
    assert covered >= 6


def test_a_cross_has_a_logarithm_and_a_disc_has_none() -> None:
    """Multiplicity 2 and 1; the exponent with the logarithm taken out is 1 where the slope is not."""
    epsilon = np.geomspace(1e-6, 0.5, 19)
    effort = Effort(precision=0.1)
    crossing = estimate_profile(CROSS.judge, 2, epsilon, 1.0, [2], effort)
    round_one = estimate_profile(DISC.judge, 2, np.geomspace(1e-3, 0.5, 13), 1.0, [2], effort)
    assert crossing.logarithm is not None
    assert round(crossing.logarithm.multiplicity.value) == 2
    assert crossing.logarithm.slope.value == pytest.approx(1.0, abs=0.03)
    assert crossing.learning is not None
    assert crossing.learning.interval[1] < 1.0
    assert round_one.logarithm is not None
    assert round(round_one.logarithm.multiplicity.value) == 1
    assert round_one.logarithm.slope.value == pytest.approx(2.0, abs=0.03)


def test_no_law_is_told_where_none_holds() -> None:
    found = estimate_profile(PLATEAU.judge, 3, ladder(1e-4), 1.0, [0], ROUGH)
    assert found.logarithm is None


def test_nothing_between_two_sets_is_not_certainty() -> None:
    """All points that are near are inside: slopes of 0, with an interval about it."""
    everything = LossSet(2, lambda z: np.zeros(len(z)), np.zeros_like, 1e-3)
    found = estimate_profile(everything.judge, 2, ladder(1e-3), 1.0, [0], ROUGH)
    for volumes in found.interval.tolist():
        assert -0.01 < volumes[0] < 0.0 == volumes[1]
    for slope in found.slope:
        assert slope.interval[0] < slope.value == 0.0 < slope.interval[1]


def test_unsimulated_points_widen_the_upper_ends() -> None:
    """A tenth of the square is unsimulated: V is that of the rest, or of all."""
    epsilon = ladder(1e-2)

    def judge(z: Floats) -> Judged:
        loss, lost = DISC.loss(z), ndtr(z[:, 0]) < 0.1
        return Judged(np.where(lost, -np.inf, -loss), loss <= 0.0, lost)

    found = estimate_profile(judge, 2, epsilon, 1.0, [0], ROUGH)
    assert found.counts.n_unsimulated > 0
    assert any("slopes leave them out" in words for words in found.warnings)
    assert (np.exp(found.interval[:, 1]) > 0.095).all()
    assert found.interval[0, 0] < DISC.log_volume(epsilon)[0]


@pytest.mark.parametrize("budget", [1, 40, 3_999, 4_000, 9_000, 100_000])
def test_a_small_budget_is_kept_and_said(budget: int) -> None:
    """Intervals are as wide as they are; slopes are not known where nothing was seen."""
    epsilon = ladder(1e-4)
    effort = Effort(precision=0.05, max_simulations=budget)
    found = estimate_profile(ball(3, 1e-4).judge, 3, epsilon, 1.0, [0], effort)
    truth = ball(3, 1e-4).log_volume(epsilon)
    assert found.counts.n_samples <= budget
    assert ((found.interval[:, 0] <= truth) & (truth <= found.interval[:, 1])).all()
    assert any(f"max-simulations = {budget}" in words for words in found.warnings)
    if budget < 9_000:
        assert (found.learning, found.n_runs) == (None, 0)
        assert found.log_volume[0] == -math.inf


def test_a_set_that_is_out_of_reach() -> None:
    """V is 1e-40 at the least ε: what was reached, and that it was not reached."""
    epsilon = np.array([1e-10, 1e-2, 1e-1, 0.5])
    found = estimate_profile(ball(4, 1e-2).judge, 4, epsilon, 1.0, [0], ROUGH)
    assert found.log_volume[0] == -math.inf
    assert found.interval[0, 1] < -10.0
    assert (np.abs(sigmas(found, ball(4, 1e-2).log_volume(epsilon))[1:]) < 4.0).all()
    assert "not reached" in found.warnings[0]


@pytest.mark.parametrize(
    ("epsilon", "steady"),
    [
        ([0.1, 0.3, 1.0], False),
        ([0.1, 0.1 * math.sqrt(10.0), 0.1 * math.sqrt(10.0) ** 2], False),
        ([0.1, 0.3, 1.1], True),
        ([0.1, 1.1, 1.2], True),
    ],
)
def test_slopes_are_compared_over_the_least_decade_alone(
    epsilon: list[float], *, steady: bool
) -> None:
    slopes = [Coefficient(1.0, (0.8, 1.2)), Coefficient(1.5, (1.3, 1.7))]
    assert is_steady(slopes, np.array(epsilon)) is steady
    assert is_steady([slopes[0], Coefficient(1.5, (1.1, 1.9))], np.array(epsilon))


def test_a_loss_without_any_slope_ends_soon() -> None:
    """Nothing leads to the set: its draws are all that is known, and no run is begun."""
    flat = LossSet(3, lambda z: np.full(len(z), 1.0), np.zeros_like, 1e-4)
    found = estimate_profile(flat.judge, 3, np.array([1e-4, 0.1, 2.0]), 1.0, [0], ROUGH)
    assert (found.n_runs, found.learning) == (0, None)
    assert found.counts.n_samples < 300_000
    assert found.log_volume.tolist() == [-math.inf, -math.inf, 0.0]
    assert -13.0 < found.interval[0, 1] < -11.0
    assert len(found.warnings) == 1
    assert "not reached" in found.warnings[0]


@pytest.mark.parametrize(
    "epsilon", [[], [0.1], [0.0, 0.1], [0.2, 0.1], [0.1, 0.1], [math.nan, 1.0]]
)
def test_epsilon_out_of_range(epsilon: list[float]) -> None:
    with pytest.raises(InputError, match="epsilon"):
        estimate_profile(DISC.judge, 2, np.array(epsilon), 1.0, [0], ROUGH)


def settings(tmp_path: Path, **others: object) -> Settings:
    chosen = {"n_workers": 2, "banks": tmp_path / "banks", "precision": 0.25, **others}
    return Settings(**chosen)  # type: ignore[arg-type]


def test_the_profile_of_a_divider(tmp_path: Path) -> None:
    """A margin ≥ −ε widens the window of gains to [(1.6 − ε)/4, (3 + ε)/5]."""
    system = load_system(EXAMPLES / "divider.toml")
    found = profile_system(system, settings(tmp_path), Ladder())
    again = profile_system(system, settings(tmp_path), Ladder())
    (part,) = found.components
    epsilon = part.profile.epsilon
    truth = np.array([divider_log_volume((1.6 - e) / 4.0, (3.0 + e) / 5.0) for e in epsilon])
    assert epsilon[[0, -1]] == pytest.approx([1e-3, 1.0])
    assert (np.abs(sigmas(part.profile, truth)) < 4.0).all()
    assert found.n_simulated == part.profile.counts.n_samples
    assert again.n_simulated == 0
    np.testing.assert_array_equal(again.components[0].profile.interval, part.profile.interval)


def test_a_window_without_width_has_exponent_one(tmp_path: Path, write: Write) -> None:
    """Only a gain of exactly one half satisfies: V ~ ε, through ngspice."""
    text = (EXAMPLES / "divider.toml").read_text().replace("[1.6, 3]", "[2, 2.5]")
    system = load_system(write("s.toml", text))
    found = profile_system(system, settings(tmp_path), Ladder(low=0.01, high=0.5))
    learning = found.components[0].profile.learning
    assert learning is not None
    assert learning.interval[0] - 0.01 < 1.0 < learning.interval[1] + 0.01
    assert learning.interval[1] - learning.interval[0] < 0.3


def test_epsilon_counts_from_a_given_theta(tmp_path: Path) -> None:
    """Of the squared loss over gains g: mean of (g x − 5)² over 4 to 5 V, halved; it falls with g."""
    system = load_system(EXAMPLES / "divider.toml")
    theta = {"divider": {"r1": 1e3, "r2": 1e3}}
    chosen = Ladder("squared", 0.1, 1.0, theta)
    (part,) = profile_system(system, settings(tmp_path), chosen).components
    x = np.linspace(4.0, 5.0, 21)
    assert part.least == pytest.approx(np.mean((0.5 * x - 5.0) ** 2) / 2.0, abs=1e-4)
    gains = np.linspace(0.3, 1.0, 20_001)
    loss = ((gains[:, np.newaxis] * x - 5.0) ** 2).mean(axis=1) / 2.0
    lowest = [gains[np.argmax(loss <= part.least + e)] for e in part.profile.epsilon]
    truth = np.array([divider_log_volume(float(g), 1.0 - 1e-12) for g in lowest])
    assert part.profile.epsilon[[0, -1]] == pytest.approx([0.01, 1.0])
    assert (np.abs(sigmas(part.profile, truth)) < 4.0).all()


@pytest.mark.parametrize(
    ("ladder", "words"),
    [
        (Ladder(low=0.0), "0 < LOW"),
        (Ladder(low=2.0), "LOW < HIGH"),
        (Ladder(high=6.0), "the supply"),
        (Ladder(low=math.nan), "0 < LOW"),
        (Ladder("hinge"), "loss = 'hinge'"),
    ],
)
def test_ladders_out_of_range(tmp_path: Path, ladder: Ladder, words: str) -> None:
    with pytest.raises(InputError, match=words):
        profile_system(load_system(EXAMPLES / "divider.toml"), settings(tmp_path), ladder)


def test_the_squared_loss_of_an_inverter_is_refused(tmp_path: Path) -> None:
    """It would pull every output to the wrong rail; the chain of two is no inverter."""
    system = load_system(EXAMPLES / "inverters.toml")
    quick = settings(tmp_path, max_simulations=200)
    with pytest.raises(InputError, match="'API2' does not have all of 0 below 1"):
        profile_system(system, quick, Ladder("squared"))
    profile_system(system, quick, Ladder("squared", end_to_end=True))


def test_slopes_far_from_a_set_that_is_out_of_reach_are_sharp() -> None:
    found = estimate_profile(
        ball(4, 1e-2).judge, 4, np.array([1e-10, 1e-2, 1e-1, 0.5]), 1.0, [0], ROUGH
    )
    low, high = found.slope[1].interval
    assert low < 4.0 < high
    assert high - low < 0.5


def test_what_has_no_profile(tmp_path: Path) -> None:
    system = load_system(EXAMPLES / "divider.toml")
    with pytest.raises(InputError, match="monte-carlo"):
        profile_system(system, settings(tmp_path, method="monte-carlo"), Ladder())
    fixed = replace(system.components[0], priors={}, fixed={"r1": 1e3, "r2": 1e3})
    with pytest.raises(InputError, match="no free parameter"):
        profile_system(replace(system, components=(fixed,)), settings(tmp_path), Ladder())


TWO = """
[system]
vdd = 5.0
[[components]]
name = "a"
netlist = "resistor_divider"
theta = { r1 = 1e3 }
[[components]]
name = "b"
netlist = "resistor_divider"
[[apis]]
name = "in"
0 = "[0, 0]"
1 = "[4, 5]"
[[apis]]
name = "middle"
free = true
[[apis]]
name = "out"
0 = "[0, 1]"
1 = "[1.2, 3]"
"""


def test_the_profile_of_a_chain(tmp_path: Path, write: Write) -> None:
    """The gain of two dividers is the product of theirs; an inner API need not be given."""
    system = load_system(write("s.toml", TWO))
    found = profile_system(system, settings(tmp_path), Ladder(end_to_end=True))
    (part,) = found.components
    rng = np.random.default_rng(0)
    r2, r3, r4 = 10.0 ** rng.uniform(2.0, 5.0, (3, 1_000_000))
    gain = r2 / (1e3 + r2) * r4 / (r3 + r4)
    epsilon = part.profile.epsilon
    truth = [np.mean((4.0 * gain >= 1.2 - e) & (5.0 * gain <= 3.0 + e)) for e in epsilon]
    assert (np.abs(sigmas(part.profile, np.log(truth))) < 4.0).all()


def test_a_chain_around_a_theta(tmp_path: Path, write: Write) -> None:
    """ε counts from the loss of the whole chain there; a θ that the system fixes must agree."""
    system = load_system(write("s.toml", TWO))
    theta = {"a": {"r1": 1e3, "r2": 3e3}, "b": {"r1": 1e3, "r2": 1e3}}
    quick = settings(tmp_path, max_simulations=500)
    ladder = Ladder("squared", theta=theta, end_to_end=True)
    (part,) = profile_system(system, quick, ladder).components
    x = np.linspace(4.0, 5.0, 21)
    assert part.least == pytest.approx(np.mean((0.375 * x - 5.0) ** 2) / 2.0, abs=1e-4)
    other = replace(ladder, theta={**theta, "a": {"r1": 2e3, "r2": 3e3}})
    with pytest.raises(InputError, match="'r1' is fixed at 1000"):
        profile_system(system, quick, other)
