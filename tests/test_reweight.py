"""Banks of one system file that answer for the priors of another, through ngspice."""

import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spicebuf.entropy import Counts
from spicebuf.errors import InputError
from spicebuf.prior import draw, parse_prior
from spicebuf.reweight import log_weights, mass_outside, mean_weight, require_worth
from spicebuf.system import System, load_system
from spicebuf.workflow import Settings, entropy_answer, entropy_system
from spicebuf_cli.main import main
from tests.conftest import EXAMPLES
from tests.testsystems import divider_log_volume, even_divider_log_volume

Write = Callable[[str, str], Path]
DIVIDER = (EXAMPLES / "divider.toml").read_text()


def divider(write: Write, name: str, theta: str, text: str = DIVIDER) -> System:
    """Write a divider with other priors."""
    netlist = 'netlist = "resistor_divider"'
    return load_system(write(name, text.replace(netlist, f"{netlist}\ntheta = {{ {theta} }}")))


def settings(tmp_path: Path, n: int = 20_000, method: str = "auto") -> Settings:
    banks = tmp_path / "banks"
    return Settings(n_samples=n, n_points=11, banks=banks, method=method, n_workers=2)


def test_a_reweighted_divider_meets_closed_forms(tmp_path: Path, write: Write) -> None:
    """Loguniform curves, cut to a tenth of their range each, and weighed to be uniform."""
    drawn = load_system(EXAMPLES / "divider.toml")
    chosen = replace(settings(tmp_path), confidence=0.999)
    cut = divider(write, "cut.toml", 'r1 = "loguniform(1k, 10k)", r2 = "loguniform(1k, 10k)"')
    even = divider(write, "even.toml", 'r1 = "uniform(100, 100k)", r2 = "uniform(100, 100k)"')
    truths = divider_log_volume(0.4, 0.6, 10.0), even_divider_log_volume(0.4, 100.0, 1e5)
    simulated = []
    for system, truth, size in zip((cut, even), truths, (20_000 / 9, 1660), strict=True):
        found = entropy_system(system, chosen, drawn_from=drawn)
        low, high = found.total.interval
        assert low < truth < high
        assert high - low < 0.4
        assert found.total.method == "reweighted"
        assert found.total.effective == pytest.approx(size, rel=0.1)
        assert found.total.warnings == ()
        simulated.append(found.n_simulated)
    assert simulated == [20_000, 0]


def test_the_same_priors_are_a_plain_sample(tmp_path: Path) -> None:
    """And the APIs are those of the file asked about, not those of the other."""
    system, chosen = load_system(EXAMPLES / "divider.toml"), settings(tmp_path, 2000)
    wide = load_system(EXAMPLES / "divider.toml")
    other = replace(wide, apis=(wide.apis[0], replace(wide.apis[1], sets=wide.apis[0].sets)))
    plain = entropy_system(system, chosen)
    found = entropy_system(system, chosen, drawn_from=other)
    assert found.n_simulated == 0
    assert found.total.counts == plain.total.counts
    assert found.total.value == pytest.approx(plain.total.value)
    assert found.total.interval == pytest.approx(plain.total.interval, abs=0.01)
    assert found.discretisations == plain.discretisations


def test_verdicts_of_the_bank_are_settled_between_grid_points(tmp_path: Path, write: Write) -> None:
    text = (EXAMPLES / "seed.toml").read_text()
    drawn = load_system(write("o.toml", text))
    chosen = replace(settings(tmp_path, 600, "monte-carlo"), n_points=26)
    plain = entropy_system(drawn, chosen)
    found = entropy_system(drawn, chosen, drawn_from=drawn)
    assert found.discretisations == plain.discretisations
    assert any(n for part in found.discretisations for n in list(part.n_by_reach.values())[1:])
    for part, same in zip(found.components, plain.components, strict=True):
        assert part.counts == same.counts


def grid_system(write: Write, name: str, wp: str, vtn: str) -> System:
    text = (EXAMPLES / "grid.toml").read_text()
    text = text.replace("geomspace(0.4u, 40u, 9)", wp, 1).replace("grid(0.6, 0.8, 1.0)", vtn)
    return load_system(write(name, text))


def test_an_enumerated_bank_counts_a_smaller_grid_exactly(tmp_path: Path, write: Write) -> None:
    drawn, chosen = load_system(EXAMPLES / "grid.toml"), settings(tmp_path)
    entropy_system(drawn, chosen)
    target = grid_system(write, "t.toml", "geomspace(0.4u, 40u, 3)", "grid(1, 0.6)")
    found = entropy_system(target, chosen, drawn_from=drawn)
    brute = entropy_system(target, replace(chosen, banks=tmp_path / "anew"))
    assert (found.n_simulated, brute.n_simulated) == (0, 3 * 9 * 3 * 2)
    assert found.total == brute.total
    assert found.total.method == "enumeration"
    assert found.total.interval == pytest.approx((found.total.value,) * 2)
    assert 0 < found.total.counts[0].n_satisfied < 162


def test_a_sampled_grid_is_weighed(tmp_path: Path, write: Write) -> None:
    drawn = load_system(EXAMPLES / "grid.toml")
    target = grid_system(write, "t.toml", "geomspace(0.4u, 40u, 3)", "grid(1, 0.6)")
    exact = entropy_system(target, settings(tmp_path)).total.value
    chosen = settings(tmp_path, 4000, "monte-carlo")
    part = entropy_system(target, chosen, drawn_from=drawn).total
    assert part.method == "reweighted"
    assert part.interval[0] < exact < part.interval[1]
    assert part.effective == pytest.approx(4000 * 162 / 729, rel=0.1)


def test_a_component_without_free_parameters(tmp_path: Path, write: Write) -> None:
    system = divider(write, "s.toml", "r1 = 1e3, r2 = 1e3")
    found = entropy_system(system, settings(tmp_path), drawn_from=system)
    assert found.total.counts == (Counts(1, 1),)
    assert found.total.value == 0.0


def test_the_answer_tells_where_it_comes_from(tmp_path: Path, write: Write) -> None:
    drawn = load_system(EXAMPLES / "divider.toml")
    system = divider(write, "s.toml", 'r1 = "loguniform(1k, 10k)"')
    chosen = settings(tmp_path, 2000)
    answer = entropy_answer(system, entropy_system(system, chosen, drawn_from=drawn), 0)
    (part,) = answer["components"]
    assert (answer["drawn_from"], answer["method"]) == ("divider.toml", "reweighted")
    assert part["method"] == "reweighted"
    assert part["effective_sample_size"] == pytest.approx(2000 / 3, rel=0.1)
    plain = entropy_answer(drawn, entropy_system(drawn, chosen), 0)
    assert plain["drawn_from"] is None
    assert plain["components"][0]["effective_sample_size"] is None


@pytest.mark.parametrize(
    ("target", "drawn", "outside"),
    [
        ("uniform(0, 2)", "uniform(0.5, 1)", 0.75),
        ("loguniform(1, 100)", "uniform(0, 10)", 0.5),
        ("normal(0, 1)", "truncnorm(0, 1, -1, 8)", 0.158655254),
        ("truncnorm(0, 1, 0, 2)", "normal(3, 1)", 0.0),
        ("uniform(0.4u, 40u)", "loguniform(4e-7, 4e-5)", 0.0),
        ("grid(1, 2, 3, 4)", "linspace(1, 3, 3)", 0.25),
        ("grid(0.3, 0.7)", "linspace(0, 1, 11)", 0.0),
    ],
)
def test_mass_outside(target: str, drawn: str, outside: float) -> None:
    assert mass_outside(parse_prior(target), parse_prior(drawn)) == pytest.approx(outside, abs=1e-9)


def test_log_weights_are_those_of_the_product_of_densities() -> None:
    target = [parse_prior(text) for text in ("uniform(1, 2)", "normal(0, 1)", "uniform(0, 1)")]
    drawn = [parse_prior(text) for text in ("uniform(0, 4)", "normal(0, 2)", "uniform(0, 1)")]
    theta = draw(drawn, 100, np.random.default_rng(0))
    inside = (theta[:, 0] >= 1) & (theta[:, 0] <= 2)
    expected = math.log(8) - 3 / 8 * theta[:, 1] ** 2
    found = log_weights(theta, target, drawn)
    np.testing.assert_allclose(found[inside], expected[inside])
    assert np.isneginf(found[~inside]).all()
    assert 0 < inside.sum() < 100


REFUSED = {
    "support": ('r1 = "uniform(50, 1050)"', "", "divider", "r1", r"5 % of uniform\(50.0, 1050.0\)"),
    "unbounded": ('r2 = "normal(1k, 1)"', 'r2 = "uniform(1k, 2k)"', "'r2'", "50 %", "widen"),
    "kind": ('r1 = "grid(1k, 2k)"', "", "'r1'", "both must be continuous, or both finite"),
    "points": (
        'r1 = "grid(1k, 3k)", r2 = 1e3',
        'r1 = "grid(1k, 2k)", r2 = 1e3',
        r"50 % of grid\(1000.0, 3000.0\)",
    ),
    "fixed here": ("r1 = 1e3", "", "'r1' is free in other.toml alone"),
    "fixed there": ("", "r1 = 1e3", "'r1' is free here alone"),
    "values": ("r1 = 1e3", "r1 = 2e3", "1000.0 here and at 2000.0 in other.toml"),
    "far away": (
        'r1 = "truncnorm(50k, 1, 100, 100k)"',
        "",
        "worth about 0 of the prior",
        "300",
        "--samples",
    ),
}


@pytest.fixture
def refused(tmp_path: Path, write: Write, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Ask about one system file from another on the command line; return why it was refused."""

    def ask(here: str, there: str, *more: str) -> str:
        write("s.toml", here)
        write("other.toml", there)
        files = [str(tmp_path / "s.toml"), "--from", str(tmp_path / "other.toml")]
        chosen = ["--banks", str(tmp_path / "banks"), "-n", "500", "--points", "11", "-j", "1"]
        with pytest.raises(SystemExit) as stopped:
            main(["entropy", *files, *chosen, *more])
        assert stopped.value.code == 2
        out, words = capsys.readouterr()
        assert out == ""
        return words

    return ask


@pytest.mark.parametrize("case", list(REFUSED))
def test_banks_that_cannot_answer_are_refused(refused: Callable[..., str], case: str) -> None:
    here, there, *expected = REFUSED[case]
    netlist = 'netlist = "resistor_divider"'
    texts = (DIVIDER.replace(netlist, f"{netlist}\ntheta = {{ {t} }}") for t in (here, there))
    words = refused(*texts)
    for pattern in ("component 'divider'", *expected):
        assert re.search(pattern, words), words


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('netlist = "resistor_divider"', 'netlist = "mine.cir"', "has another netlist in other"),
        ("vdd = 5.0", "vdd = 5.5", "vdd_V is 5.0 here and 5.5 in other.toml"),
        ("vdd = 5.0", "vdd = 5.0\ntemperature = 50", "temperature_C is 27.0 here and 50.0"),
        ('name = "divider"', 'name = "x"', "'divider' is missing in other.toml, which has 'x'"),
    ],
)
def test_systems_that_differ_are_refused(
    refused: Callable[..., str], write: Write, old: str, new: str, expected: str
) -> None:
    write("mine.cir", MINE)
    assert expected in refused(DIVIDER, DIVIDER.replace(old, new))


MINE = """*@theta r1 loguniform(100, 100k) [ohm]
*@theta r2 loguniform(100, 100k) [ohm]
.subckt mine in out vss params: r1=1k r2=1k
r1 in out {2*r1}
r2 out vss {r2}
.ends
"""


@pytest.mark.parametrize(
    ("option", "expected"),
    [(("--method", "splitting"), "splitting"), (("--precision", "0.1"), "precision = 0.1")],
)
def test_a_bank_is_all_there_is(
    refused: Callable[..., str], option: tuple[str, str], expected: str
) -> None:
    words = refused(DIVIDER, DIVIDER, *option)
    assert expected in words
    assert "leave --from out" in words


def test_a_refusal_comes_before_any_simulation(tmp_path: Path, write: Write) -> None:
    system = divider(write, "s.toml", 'r1 = "uniform(1, 2)"')
    drawn = load_system(EXAMPLES / "divider.toml")
    with pytest.raises(InputError, match="lies outside"):
        entropy_system(system, settings(tmp_path), drawn_from=drawn)
    assert not (tmp_path / "banks").exists()


def test_the_table_tells_the_effective_size(
    tmp_path: Path, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn = write("other.toml", DIVIDER)
    system = divider(write, "s.toml", 'r1 = "loguniform(1k, 10k)"').path
    chosen = ["-n", "2000", "--points", "11", "-j", "1", "--banks", str(tmp_path / "banks")]
    for more in ([], ["--json"]):
        with pytest.raises(SystemExit) as stopped:
            main(["entropy", str(system), "--from", str(drawn), *chosen, *more])
        assert stopped.value.code == 0
    out = capsys.readouterr().out
    answer = json.loads(out[out.index("{") :])
    size = answer["components"][0]["effective_sample_size"]
    assert f"divider: 2000 θ drawn for other.toml are worth {size:.0f} of its own prior's\n" in out


@pytest.mark.parametrize(
    ("target", "drawn", "cost"),
    [
        ("normal(0, 1.2)", "normal(0, 1)", 1.0 / (1.2 * math.sqrt(2.0 - 1.44))),
        ("normal(0, 1.5)", "normal(0, 1)", math.inf),
        ("normal(3, 2)", "normal(0, 1)", math.inf),
        ("normal(1, 1)", "normal(0, 1)", math.e),
        ("uniform(0, 1)", "uniform(0, 2)", 2.0),
        ("uniform(100, 200)", "loguniform(100, 200)", 1.5 * math.log(2.0)),
        ("grid(1, 2)", "grid(1, 2, 3, 4, 5)", 2.5),
    ],
)
def test_what_draws_are_worth_is_known_from_the_priors(
    target: str, drawn: str, cost: float
) -> None:
    assert mean_weight(parse_prior(target), parse_prior(drawn)) == pytest.approx(cost, rel=1e-3)


def test_weights_without_a_variance_are_refused_before_anything_is_drawn() -> None:
    """Their effective sample size looks good in any sample, and the interval is wrong in many."""
    wide, narrow = parse_prior("normal(0, 2)"), parse_prior("normal(0, 1)")
    with pytest.raises(InputError, match="'x', a factor of inf"):
        require_worth({"x": wide}, {"x": narrow}, 1e9, 300.0, "component 'c'")
    require_worth({"x": narrow}, {"x": wide}, 600.0, 300.0, "component 'c'")
