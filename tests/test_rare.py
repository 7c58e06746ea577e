"""Rare events of real circuits: closed forms, resumption, and what the command line says."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from spicebuf.check import Reached, Verdict
from spicebuf.errors import InputError
from spicebuf.system import System, load_system
from spicebuf.workflow import Settings, check_system, entropy_answer, entropy_system
from tests.conftest import EXAMPLES
from tests.testsystems import divider_log_volume, narrow_divider

Write = Callable[[str, str], Path]


def settings(tmp_path: Path, **others: object) -> Settings:
    chosen = {"n_samples": 256, "n_workers": 2, "banks": tmp_path / "banks", **others}
    return Settings(**chosen)  # type: ignore[arg-type]


def test_a_narrow_divider_meets_its_closed_form(tmp_path: Path, write: Write) -> None:
    """One in a hundred thousand, found where 256 draws see nothing; without --method."""
    text, truth = narrow_divider(1e-5)
    found = entropy_system(load_system(write("s.toml", text)), settings(tmp_path))
    (part,) = found.components
    low, high = part.interval
    assert part.method == "splitting"
    assert low < truth < high
    assert high - low < 0.2
    assert part.splitting is not None
    assert part.splitting.look is not None
    n_again = part.splitting.look.counts.n_samples
    assert found.n_simulated == part.counts[0].n_samples + n_again + 256


def test_splitting_agrees_where_sampling_would_do(tmp_path: Path) -> None:
    found = entropy_system(
        load_system(EXAMPLES / "divider.toml"), settings(tmp_path, method="splitting")
    )
    low, high = found.total.interval
    assert low < divider_log_volume(0.4, 0.6) < high


def test_an_interrupted_estimate_goes_on(tmp_path: Path) -> None:
    """Stopped in the middle, it simulates the rest, and its answer is that of one call."""
    system = load_system(EXAMPLES / "divider.toml")

    def interrupt(what: str, done: int, _: int) -> None:
        if "splitting" in what and done > 30_000:
            raise KeyboardInterrupt

    chosen = settings(tmp_path, method="splitting")
    with pytest.raises(KeyboardInterrupt):
        entropy_system(system, chosen, interrupt)
    resumed = entropy_system(system, chosen)
    whole = entropy_system(system, settings(tmp_path / "elsewhere", method="splitting"))
    again = entropy_system(system, chosen)
    assert resumed.components == whole.components == again.components
    assert 0 < resumed.n_simulated < whole.n_simulated - 30_000
    assert again.n_simulated == 0


def test_another_api_is_another_question(tmp_path: Path, write: Write) -> None:
    text = (EXAMPLES / "divider.toml").read_text()
    chosen = settings(tmp_path, method="splitting")
    first = entropy_system(load_system(write("s.toml", text)), chosen)
    second = entropy_system(
        load_system(write("s.toml", text.replace("[1.6, 3]", "[1.2, 3]"))), chosen
    )
    assert second.n_simulated > 10_000
    assert second.total.value > first.total.value


def test_monte_carlo_grows_to_a_precision(tmp_path: Path) -> None:
    system = load_system(EXAMPLES / "divider.toml")
    found = entropy_system(system, settings(tmp_path, precision=0.1))
    low, high = found.total.interval
    assert found.total.method == "monte-carlo"
    assert (high - low) / 2.0 <= 0.1
    assert 2_000 < found.total.counts[0].n_samples < 8_000
    assert found.banks[0].n_simulated == found.n_simulated >= found.total.counts[0].n_samples
    capped = entropy_system(system, settings(tmp_path, precision=0.01, max_simulations=3_000))
    assert capped.total.counts[0].n_samples == 3_000
    assert "max-simulations = 3000" in capped.total.warnings[0]


def test_an_impossible_event_has_an_upper_bound(tmp_path: Path, write: Write) -> None:
    """A divider whose output exceeds its input."""
    text = (EXAMPLES / "divider.toml").read_text().replace("[4, 5]", "[2, 2]").replace("1.6", "2.5")
    system = load_system(write("s.toml", text))
    found = entropy_system(system, settings(tmp_path, max_simulations=100_000))
    low, high = found.total.interval
    answer = entropy_answer(system, found, 0)
    assert (found.total.value, low) == (-math.inf, -math.inf)
    assert -15.0 < high < -6.9
    assert answer["log_volume"] is None
    assert answer["warnings"]
    json.dumps(answer, allow_nan=False)


def test_splitting_needs_a_parameter(tmp_path: Path, write: Write) -> None:
    fixed = 'netlist = "resistor_divider"\ntheta = {r1 = 1e3, r2 = 1e3}'
    text = (EXAMPLES / "divider.toml").read_text().replace('netlist = "resistor_divider"', fixed)
    with pytest.raises(InputError, match="no free parameter"):
        entropy_system(load_system(write("s.toml", text)), settings(tmp_path, method="splitting"))


@pytest.mark.parametrize(
    ("wrong", "words"), [({"precision": 0.0}, "precision"), ({"max_simulations": 0}, "max-sim")]
)
def test_settings_out_of_range(tmp_path: Path, wrong: dict[str, float], words: str) -> None:
    with pytest.raises(InputError, match=words):
        settings(tmp_path, **wrong)


PULSES = """* a pulse of height a and width w between the points of a sweep; a step keeps logical value 1
*@theta a  uniform(0, 5)
*@theta w  uniform(0.004, 0.02)
*@theta x0 uniform(0.5, 2.5)
.subckt pulse in out params: a=1 w=0.01 x0=1
b1 out 0 v={a}*exp(-((v(in)-{x0})/{w})*((v(in)-{x0})/{w}))+4*u(v(in)-4.5)
.ends
"""


def pulses(write: Write) -> System:
    """Return a system that a tenth of all θ satisfy: pulses of at most 0.5 V, whatever their width."""
    write("pulse.cir", PULSES)
    text = """
    [system]
    vdd = 5.0
    [[components]]
    name = "pulse"
    netlist = "pulse.cir"
    [[apis]]
    name = "API1"
    0 = "[0, 3]"
    1 = "[4.9, 5]"
    [[apis]]
    name = "API2"
    0 = "[0, 0.5]"
    1 = "[3.5, 5]"
    """
    return load_system(write("s.toml", text))


@pytest.mark.parametrize("method", ["splitting", "monte-carlo"])
def test_pulses_between_points_do_not_count(tmp_path: Path, write: Write, method: str) -> None:
    """A tenth of the heights is low enough; the grid sees hardly any of the others."""
    system = pulses(write)
    chosen = settings(tmp_path, method=method, n_samples=500, precision=0.35, seed=2)
    found = entropy_system(system, replace(chosen, max_gain=1_100.0))
    trusting = entropy_system(system, replace(chosen, max_gain=0.0))
    low, high = found.total.interval
    assert low < math.log(0.1) < high
    assert trusting.total.value > math.log(0.25)
    (between,), (nothing,) = found.discretisations, trusting.discretisations
    assert between.basis == "gain bound"
    assert between.change == pytest.approx(found.total.value - trusting.total.value, abs=0.3)
    assert between.n_changed > 0.5 * between.n_examined
    assert (nothing.basis, nothing.change) == ("grid", None)


def test_a_check_shows_what_it_found_between_points(write: Write) -> None:
    """The witness of a margin that only refinement saw is where it saw it."""
    system = pulses(write)
    theta = {"pulse": {"a": 2.0, "w": 0.01, "x0": 1.52}}
    (part,) = check_system(system, theta, 101, max_gain=200.0).components
    assert (part.verdict, part.reached) == (Verdict.VIOLATED, Reached.REFINED)
    assert part.witness is not None
    assert part.witness.logic == "0"
    assert part.witness.vin == pytest.approx(1.52, abs=0.01)
    assert part.witness.vout - 0.5 == pytest.approx(-(part.margin or 0.0))
