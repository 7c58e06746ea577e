"""The search of whole systems, on the real ngspice, against closed forms and the enumeration of θ."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from spicebuf.errors import InputError
from spicebuf.system import load_system
from spicebuf.workflow import (
    Settings,
    SystemSearch,
    Wanted,
    entropy_system,
    search_answer,
    search_system,
)
from spicebuf_cli.main import main
from tests.conftest import EXAMPLES
from tests.testsystems import divider_log_volume

Write = Callable[[str, str], Path]

INVERTERS = EXAMPLES / "inverters.toml"
FIVE = 'r1 = "geomspace(100, 10k, 5)", r2 = "geomspace(1k, 100k, 5)"'


def settings(folder: Path, n: int, **others: Any) -> Settings:  # noqa: ANN401
    return Settings(n_samples=n, banks=folder / "banks", max_gain=0.0, **others)


def chain(netlists: list[str], apis: list[str]) -> str:
    """Return the text of a system of 5 V; an API is its lines, such as ``free = true``."""
    components = "".join(
        f'[[components]]\nname = "c{k}"\n{netlist}\n' for k, netlist in enumerate(netlists)
    )
    sets = "".join(f'[[apis]]\nname = "API{k}"\n{api}\n' for k, api in enumerate(apis))
    return f"[system]\nvdd = 5.0\n{components}{sets}"


def api(zero: str, one: str) -> str:
    return f'0 = "{zero}"\n1 = "{one}"'


def dividers(one: str, wanted: str) -> str:
    """Return two dividers with a free API between them."""
    divider = 'netlist = "resistor_divider"'
    return chain([divider, divider], [api("[0, 0]", one), "free = true", api("[0, 1]", wanted)])


# Two dividers: the closed form.


def closed_form(low: float, high: float, sent: float, wanted: tuple[float, float]) -> float:
    """Log volume of an API of two dividers that sends `sent` to 5 V to [low, high] and that to `wanted`.

    0 V is always sent to 0 V.
    """
    first = divider_log_volume(low / sent, high / 5.0)
    return first + divider_log_volume(wanted[0] / low, wanted[1] / high)


def best_closed_form(sent: float, wanted: tuple[float, float]) -> float:
    """Return the greatest log volume of all APIs, to within a thousandth."""
    lows = [wanted[0] + k * (sent - wanted[0]) / 200 for k in range(1, 200)]
    apis = [
        (low, low * 5.0 / sent + k * (high - low * 5.0 / sent) / 200)
        for low in lows
        for high in [min(5.0, low * wanted[1] / wanted[0])]
        for k in range(1, 200)
        if high > low * 5.0 / sent
    ]
    return max(closed_form(*each, sent, wanted) for each in apis)


def require_near_best(found: SystemSearch, sent: float, wanted: tuple[float, float]) -> None:
    """Require that the log volume covers that of the API found, which is nearly the best."""
    ((low, high),) = found.best.apis[0].sets["1"].intervals
    truth = closed_form(low, high, sent, wanted)
    bottom, top = found.entropy.total.interval
    assert bottom <= truth <= top
    assert truth > best_closed_form(sent, wanted) - 0.1
    assert found.finding.certificate.in_sample == pytest.approx(truth, abs=0.3)
    assert found.finding.certificate.gap == 0.0


def test_few_theta_are_looked_at_more_closely(tmp_path: Path, write: Write) -> None:
    """The banks hold many solutions, but no API admits more than a handful of θ."""
    system = load_system(write("s.toml", dividers("[4, 5]", "[2.4, 3.1]")))
    found = search_system(
        system, settings(tmp_path, 2000, n_points=501, n_workers=2, precision=0.3), Wanted()
    )
    assert found.finding.n_solutions > 1000
    drawn = found.finding.certificate.drawn
    assert drawn is not None
    assert drawn.outer is not None
    assert found.finding.everywhere.drawn is None
    require_near_best(found, 4.0, (2.4, 3.1))


def test_rare_solutions_are_climbed_to(tmp_path: Path, write: Write) -> None:
    """No two θ of the banks work: gains of both must be at least 0.7 together, which few have.

    t = log(r2/r1) is triangular about −log 10, and within log 100 of it.
    """
    divider = (
        'netlist = "resistor_divider"\n'
        'theta = { r1 = "loguniform(1k, 100k)", r2 = "loguniform(100, 10k)" }'
    )
    apis = [api("[0, 0]", "[4, 5]"), "free = true", api("[0, 1]", "[2.8, 5]")]
    system = load_system(write("s.toml", chain([divider, divider], apis)))

    def at_least(gain: float) -> float:
        above = math.log(10.0) - math.log(gain / (1.0 - gain))
        if above <= 0.0:
            return -math.inf
        return 2.0 * math.log(above / math.log(100.0)) - math.log(2.0)

    def log_volume(low: float) -> float:
        return at_least(low / 4.0) + at_least(2.8 / low)

    found = search_system(
        system, settings(tmp_path, 60, n_points=251, n_workers=2, precision=0.3), Wanted()
    )
    assert found.finding.n_solutions == 0
    drawn = found.finding.everywhere.drawn
    assert drawn is not None
    assert drawn.outer is None
    ((low, high),) = found.best.apis[0].sets["1"].intervals
    bottom, top = found.entropy.total.interval
    assert high == 5.0
    assert bottom <= log_volume(low) <= top
    assert log_volume(low) > max(log_volume(2.81 + k / 100.0) for k in range(118)) - 0.3
    assert found.finding.certificate.in_sample == pytest.approx(log_volume(low), abs=0.5)


# Two inverters: what an answer holds.


@pytest.fixture(scope="module")
def inverters(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, SystemSearch]:
    """Search the example on banks in which enough θ work."""
    chosen = settings(tmp_path_factory.mktemp("inverters"), 450)
    return chosen, search_system(load_system(INVERTERS), chosen, Wanted(grid=0.05))


def test_bounds_are_in_order(inverters: tuple[Settings, SystemSearch]) -> None:
    _, found = inverters
    finding, certificate = found.finding, found.finding.certificate
    assert certificate.drawn is None
    assert certificate.gap == 0.0
    assert certificate.upper_bound == pytest.approx(certificate.in_sample, abs=1e-9)
    assert finding.optimistic_bound is not None
    assert finding.spectral_bound is not None
    assert certificate.upper_bound <= finding.optimistic_bound < 0.0
    assert certificate.upper_bound <= finding.spectral_bound < 0.0
    assert finding.given_in_sample is not None
    assert finding.given_in_sample <= certificate.in_sample
    assert certificate.in_sample == pytest.approx(found.entropy.total.value, abs=0.2)
    assert found.best.kind == "inverting"


def test_edges_lie_on_the_grid(inverters: tuple[Settings, SystemSearch]) -> None:
    """As decimals: 76 · 0.05 is 3.8000000000000003 in floating point."""
    (api,) = inverters[1].best.apis
    edges = [edge for each in api.sets.values() for pair in each.intervals for edge in pair]
    assert all(edge == round(edge * 20) / 20 for edge in edges)


def test_the_given_api_stands_beside_the_best(inverters: tuple[Settings, SystemSearch]) -> None:
    """Both are measured on the second banks, as `entropy` does; and shares are of what works there."""
    chosen, found = inverters
    second = replace(chosen, seed=1_000_000)
    assert found.given is not None
    assert found.given.total == entropy_system(load_system(INVERTERS), second).total
    assert found.entropy.total == entropy_system(found.system, second).total
    assert found.entropy.total.value > found.given.total.value
    assert {swept.bank.source.seed for swept in found.banks} == {0}
    n_admitted = math.exp(found.entropy.total.value) * 450**2
    assert found.share_of_solutions is not None
    assert n_admitted / 450**2 < found.share_of_solutions < 1.0


def test_the_answer_in_json(inverters: tuple[Settings, SystemSearch]) -> None:
    _, found = inverters
    answer = search_answer(load_system(INVERTERS), found, 0, "bit")
    assert set(answer) >= {
        "apis", "log_volume", "interval", "log_volume_in_sample", "upper_bound", "gap",
        "spectral_bound", "optimistic_bound", "share_of_solutions", "n_solutions", "n_tuples",
        "components", "runners_up", "given", "seed", "seed_of_second_banks", "version", "units",
    }  # fmt: skip
    assert [each["name"] for each in answer["apis"]] == ["API1", "API2", "API3"]
    assert set(answer["apis"][1]["sets"]) == {"0", "1"}
    assert answer["searched"] == ["API2"]
    assert [each["name"] for each in answer["components"]] == ["first", "second"]
    assert answer["given"]["apis"] == [
        {"name": "API2", "sets": {"0": "[4.5, 5.0]", "1": "[0.0, 0.5]"}}
    ]
    assert set(answer["given"]) >= {"log_volume", "interval", "log_volume_in_sample", "components"}
    bits = math.log(2.0)
    assert answer["upper_bound"] * bits == pytest.approx(found.finding.certificate.upper_bound)
    assert answer["spectral_bound"] * bits == pytest.approx(found.finding.spectral_bound)
    assert answer["given"]["log_volume_in_sample"] <= answer["log_volume_in_sample"]


def test_the_same_question_is_answered_alike_and_simulates_nothing(
    inverters: tuple[Settings, SystemSearch],
) -> None:
    chosen, first = inverters
    system = load_system(INVERTERS)
    again = search_system(system, chosen, Wanted(grid=0.05))
    assert [swept.n_simulated for swept in (*first.banks, *again.banks)] == [450, 450, 0, 0]
    assert [swept.n_simulated for swept in again.entropy.banks] == [0, 0]
    one, other = (search_answer(system, found, 0) for found in (first, again))
    assert one == other


# Finite priors: the enumeration of all θ.


FINITE = chain(
    [f'netlist = "resistor_divider"\ntheta = {{ {FIVE} }}'] * 2,
    [api("[0, 0.5]", "[4, 5]"), "free = true", api("[0, 1]", "[2, 4]")],
)


def gains() -> list[float]:
    """Return the gains of all dividers of `FIVE`."""
    r1 = [100.0 * 100.0 ** (k / 4) for k in range(5)]
    r2 = [1e3 * 100.0 ** (k / 4) for k in range(5)]
    return [b / (a + b) for a in r1 for b in r2]


def test_finite_priors_are_enumerated(tmp_path: Path, write: Write) -> None:
    """Held out and in sample is the same, nothing is drawn, and no API of the dividers admits more."""
    found = search_system(
        load_system(write("s.toml", FINITE)), settings(tmp_path, 10, n_points=501), Wanted(1)
    )
    all_gains = gains()
    ends = sorted({5.0 * g for g in all_gains} | {4.0 * g for g in all_gains})
    best = max(
        sum(low <= 4 * g and 5 * g <= high for g in all_gains)
        * sum(2 <= low * g and high * g <= 4 for g in all_gains)
        for low in ends
        for high in ends
        if low <= high
    )
    assert found.entropy.total.value == pytest.approx(math.log(best / 625))
    assert found.entropy.total.interval == pytest.approx([math.log(best / 625)] * 2)
    assert found.best.in_sample == pytest.approx(math.log(best / 625))
    assert found.best.held_out.value == pytest.approx(math.log(best / 625))
    assert found.finding.certificate.drawn is None
    works = sum(4 * a * b >= 2 and 5 * a * b <= 4 for a in all_gains for b in all_gains)
    assert (found.finding.n_solutions, found.finding.n_tuples) == (works, 625)
    assert found.share_of_solutions == pytest.approx(best / works)
    assert found.given is None


# Chains of more than two components, and other shapes of systems.


NINE = 'r1 = "geomspace(100, 1k, 3)", r2 = "geomspace(1k, 100k, 3)"'


def three(inner: list[str], last: str = 'r1 = "100", r2 = "100k"') -> str:
    """Return three dividers, of which the third has no free parameter."""
    netlists = [f'netlist = "resistor_divider"\ntheta = {{ {of} }}' for of in (NINE, NINE, last)]
    return chain(netlists, [api("[0, 0.5]", "[4, 5]"), *inner, api("[0, 1]", "[3, 5]")])


def test_all_free_apis_of_a_chain_are_searched(tmp_path: Path, write: Write) -> None:
    """Its θ are few enough to try all combinations end to end."""
    system = load_system(write("s.toml", three(["free = true"] * 2)))
    found = search_system(system, settings(tmp_path, 10), Wanted(1))
    answer = search_answer(system, found, 0)
    assert answer["searched"] == ["API1", "API2"]
    assert (answer["kind"], answer["basis"]) == ("non-inverting, non-inverting", "exhaustive")
    assert answer["gap"] == 0.0
    assert answer["log_volume"] == pytest.approx(answer["log_volume_in_sample"])
    assert answer["log_volume"] == pytest.approx(math.log(49 / 81))
    gains = [b / (a + b) for a in (100, 316.23, 1000) for b in (1e3, 1e4, 1e5)]
    most = sum(4.0 * a * b / 1.001 >= 3.0 for a in gains for b in gains)
    assert answer["n_tuples"] == 81
    assert 49 <= answer["n_solutions"] <= most
    assert answer["share_of_solutions"] == pytest.approx(49 / answer["n_solutions"])


def test_an_api_that_is_not_free_stays(tmp_path: Path, write: Write) -> None:
    fixed = api("[0, 1]", "[3.1, 5]")
    system = load_system(write("s.toml", three(["free = true", fixed])))
    found = search_system(system, settings(tmp_path, 10), Wanted(1))
    assert [each.name for each in found.best.apis] == ["API1"]
    assert found.system.apis[2] == system.apis[2]
    assert found.best.in_sample <= math.log(49 / 81) + 1e-9


def test_combinations_of_large_banks_are_drawn(tmp_path: Path, write: Write) -> None:
    """Of more than a few thousand combinations some are, as many as θ; a single θ goes with all."""
    theta = 'r1 = "loguniform(100, 1k)", r2 = "loguniform(1k, 100k)"'
    text = three(["free = true"] * 2).replace(NINE, theta)
    found = search_system(load_system(write("s.toml", text)), settings(tmp_path, 80), Wanted(1))
    assert found.finding.n_tuples == 80
    assert 0.3 < found.finding.n_solutions / 80 < 1.0
    assert found.share_of_solutions is not None
    assert 0.3 < found.share_of_solutions < 1.0


def test_apis_that_contradict_one_another_are_named(tmp_path: Path, write: Write) -> None:
    """Nothing that the first component sends reaches 4.999 V by the second."""
    system = load_system(write("s.toml", three(["free = true", api("[0, 1]", "[4.999, 5]")])))
    with pytest.raises(InputError, match=r"component 'c0'.* widen the sets"):
        search_system(system, settings(tmp_path, 10), Wanted(1))


def test_three_logical_values_and_a_component_without_free_parameters(
    tmp_path: Path, write: Write
) -> None:
    """The first divider halves; the second must keep the three levels apart."""
    first = 'netlist = "resistor_divider"\ntheta = { r1 = "1k", r2 = "1k" }'
    second = f'netlist = "resistor_divider"\ntheta = {{ {FIVE} }}'
    outer = api("[0, 0]", "[2, 2]") + '\n2 = "[5, 5]"'
    wanted = api("[0, 0.3]", "[0.5, 1.2]") + '\n2 = "[1.5, 5]"'
    text = chain([first, second], [outer, "free = true", wanted])
    system = load_system(write("s.toml", text))
    found = search_system(system, settings(tmp_path, 10), Wanted(1))
    works = sum(2.45 * g >= 1.5 for g in gains())
    assert found.entropy.total.value == pytest.approx(math.log(works / 25))
    assert found.best.kind == "012"
    assert found.share_of_solutions == 1.0


def test_feedback_and_given_sets_with_more_intervals_than_the_search(
    tmp_path: Path, write: Write
) -> None:
    """The Schmitt buffer's branches must both keep to an API; the given one is measured all the same."""
    divider = 'netlist = "resistor_divider"\ntheta = { r1 = "100", r2 = "geomspace(10k, 100k, 3)" }'
    given = api("[0, 0.1] | [0.2, 0.3] | [0.4, 1]", "[3.9, 5]")
    text = chain(
        [divider, 'netlist = "cmos_schmitt_buffer"'],
        [api("[0, 0.5]", "[4, 5]"), given, api("[0, 1]", "[4, 5]")],
    )
    found = search_system(load_system(write("s.toml", text)), settings(tmp_path, 60), Wanted(1))
    assert found.finding.given_in_sample == -math.inf
    assert found.given is not None
    assert found.given.total.value == -math.inf
    assert -1.0 < found.best.in_sample <= 0.0
    assert found.finding.certificate.gap == 0.0
    assert found.finding.optimistic_bound is not None
    assert found.finding.optimistic_bound >= found.best.in_sample
    assert found.entropy.total.value == pytest.approx(found.best.in_sample, abs=0.3)


# Wrong use.


def refuse(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """Run `spicebuf search`, which must end with status 2, and return what it says."""
    with pytest.raises(SystemExit) as stop:
        main(["search", *map(str, arguments)])
    assert stop.value.code == 2
    words = capsys.readouterr().err
    assert "Traceback" not in words
    assert "defect" not in words
    return words


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("-k", "0"), "max-intervals = 0 must be a whole number, at least 1"),
        (("--grid", "0"), "grid = 0 must be a step above 0 V"),
        (("--grid", "-0.1"), "grid = -0.1 must be a step above 0 V"),
        (("--grid", "nan"), "grid = nan must be a step above 0 V"),
        (("--top", "0"), "top = 0 must be a whole number, at least 1"),
        (("--max-seconds", "0"), "max-seconds = 0 must be above 0"),
        (("--figure", "a.png"), "--figure needs --landscape"),
    ],
)
def test_options_out_of_range(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    assert words in refuse(capsys, INVERTERS, *arguments)


def test_an_unknown_edge(capsys: pytest.CaptureFixture[str], tmp_path: Path, write: Write) -> None:
    words = refuse(
        capsys, write("s.toml", FINITE), "--banks", tmp_path / "b", "-k", "1",
        "--landscape", "0.low", "2.high", "--figure", tmp_path / "a.png",
    )  # fmt: skip
    assert "landscape: '2.high' is no edge; name a logical value, one of 0, 1, and a side" in words


DIVIDER = 'netlist = "resistor_divider"'
SETS = api("[0, 1]", "[4, 5]")
FREE = "free = true"


@pytest.mark.parametrize(
    ("netlists", "apis", "arguments", "words"),
    [
        ([DIVIDER] * 2, [f"{FREE}\n{SETS}", SETS, SETS], (), "API 'API0' is free, but the first"),
        ([DIVIDER] * 2, [SETS, SETS, f"{FREE}\n{SETS}"], (), "API 'API2' is free, but the last"),
        ([DIVIDER] * 2, [SETS, SETS, FREE], (), "API 'API2' is free, but the last"),
        ([DIVIDER], [SETS, SETS], (), "one component has no API inside"),
        ([DIVIDER] * 3, [SETS] * 4, ("--lattice",), "has 3 components"),
        ([DIVIDER] * 3, [SETS] * 4, ("--top", "2"), "has 3 components"),
        ([DIVIDER] * 3, [SETS] * 4, ("--landscape", "0.low", "1.low"), "has 3 components"),
    ],
)
def test_systems_that_cannot_be_searched(
    capsys: pytest.CaptureFixture[str],
    write: Write,
    netlists: list[str],
    apis: list[str],
    arguments: tuple[str, ...],
    words: str,
) -> None:
    assert words in refuse(capsys, write("s.toml", chain(netlists, apis)), *arguments)


def test_finite_priors_without_a_solution(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, write: Write
) -> None:
    text = FINITE.replace('1 = "[2, 4]"', '1 = "[4.9, 4.95]"')
    words = refuse(capsys, write("s.toml", text), "--banks", tmp_path / "b")
    assert "of 25 by 25 θ no two surely work from 'API0' to 'API2'" in words
    assert "widen the sets of 'API2'" in words


def test_continuous_priors_without_a_solution(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, write: Write
) -> None:
    """A divider only divides: the message bounds the volume of what works, and says what to do."""
    text = dividers("[4, 4.5]", "[4.8, 4.9]")
    words = refuse(
        capsys, write("s.toml", text), "--banks", tmp_path / "b", "-n", "50",
        "--max-simulations", "3000",
    )  # fmt: skip
    assert "the log volume of what does is at most -" in words
    assert "widen the sets of 'API2'" in words
