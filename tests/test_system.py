"""System files and θ files."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from spicebuf.errors import InputError, NetlistError
from spicebuf.system import load_system, load_theta
from tests.conftest import EXAMPLES
from tests.testsystems import divider_log_volume

Write = Callable[[str, str], Path]

SYSTEM = """
[system]
vdd = 5.0
[[components]]
name = "first"
netlist = "cmos_inverter"
theta = { wp = 4e-6, vtn = "uniform(0.7, 0.9)" }
[[apis]]
name = "A"
0 = "[0, 1]"
1 = "[4, 5]"
[[apis]]
name = "B"
0 = "[4, 5]"
1 = "[0, 1]"
"""


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda p: p.stem)
def test_examples_load(path: Path) -> None:
    if "[system]" in path.read_text():
        assert load_system(path).logical_values == ("0", "1")


def test_the_seed_is_the_system_of_the_specification() -> None:
    system = load_system(EXAMPLES / "seed.toml")
    assert system.vdd == 5.0
    assert [c.template.name for c in system.components] == ["threshold_cell"] * 2
    sets = [{k: v.intervals for k, v in api.sets.items()} for api in system.apis]
    assert sets == [
        {"0": ((0.0, 1.2),), "1": ((3.5, 5.0),)},
        {"0": ((0.0, 0.5), (4.6, 5.0)), "1": ((2.6, 3.8),)},
        {"0": ((0.0, 0.5),), "1": ((2.8, 5.0),)},
    ]


def test_parameters_are_fixed_or_given_another_prior(write: Write) -> None:
    (component,) = load_system(write("s.toml", SYSTEM)).components
    assert component.fixed == {"wp": 4e-6}
    assert list(component.priors) == ["wn", "vtp", "vtn"]
    assert component.priors["vtn"].support == (0.7, 0.9)
    assert component.nominal == {"wp": 4e-6, "wn": 2e-6, "vtp": -0.8, "vtn": 0.8}


def test_the_nominal_value_is_one_that_the_prior_allows(write: Write) -> None:
    text = SYSTEM.replace("wp = 4e-6", 'wp = "grid(10u, 20u, 30u)", vtp = "uniform(-0.6, -0.5)"')
    (component,) = load_system(write("s.toml", text)).components
    assert component.nominal == pytest.approx({"wp": 20e-6, "wn": 2e-6, "vtp": -0.55, "vtn": 0.8})


def test_a_fixed_value_may_be_a_spice_number(write: Write) -> None:
    text = SYSTEM.replace("wp = 4e-6", 'wp = "4u"')
    assert load_system(write("s.toml", text)).components[0].fixed == {"wp": 4e-6}


def test_a_template_beside_the_system_file(write: Write) -> None:
    write("sub/mine.cir", ".subckt mine in out\nr1 in out 1\n.ends\n")
    text = SYSTEM.replace('"cmos_inverter"', '"sub/mine.cir"').replace("theta =", "# ")
    assert load_system(write("s.toml", text)).components[0].template.name == "mine"


def test_any_number_of_logical_values_and_components(write: Write) -> None:
    component = '[[components]]\nname = "{}"\nnetlist = "cmos_buffer"\n'
    api = '[[apis]]\nname = "{}"\nlow = "[0, 1]"\nmid = "[2, 3]"\nhigh = "[4, 5]"\n'
    text = "[system]\nvdd = 5\n" + "".join(component.format(k) for k in range(3))
    system = load_system(write("s.toml", text + "".join(api.format(k) for k in range(4))))
    assert len(system.components) == 3
    assert system.logical_values == ("low", "mid", "high")


def test_a_free_api_needs_no_sets_until_it_is_checked(write: Write) -> None:
    text = SYSTEM.replace('name = "B"\n0 = "[4, 5]"\n1 = "[0, 1]"', 'name = "B"\nfree = true')
    system = load_system(write("s.toml", text))
    with pytest.raises(InputError, match="'B' is free and has no sets"):
        system.require_sets()


BAD = {
    "no file": (None, None, "cannot be read"),
    "toml": ("vdd = 5.0", "vdd = ", "not a TOML file.*line 3"),
    "nested too deep": ("vdd = 5.0", "vdd = 5.0\nx = " + "[" * 5000, "not a TOML file"),
    "many digits": ("vdd = 5.0", f"vdd = {'9' * 5000}", "not a TOML file|vdd"),
    "theta digits": ("wp = 4e-6", f"wp = {'9' * 400}", "must be a number"),
    "theta exponent": ("wp = 4e-6", f'wp = "1e{"9" * 5000}"', "'wp'.*not a prior"),
    "long path": ('"cmos_inverter"', f'"{"x" * 5000}.cir"', "does not exist"),
    "unknown table": ("[system]", "[sistem]", "unknown key 'sistem'"),
    "unknown system key": ("vdd = 5.0", "vdd = 5.0\nvss = 0", "unknown key 'vss'"),
    "unknown component key": ('name = "first"', 'name = "first"\nx = 1', "unknown key 'x'"),
    "no vdd": ("vdd = 5.0", "", "vdd is missing"),
    "vdd negative": ("vdd = 5.0", "vdd = -5.0", r"vdd = -5.0 .*\(0, 1000\]"),
    "vdd nan": ("vdd = 5.0", "vdd = nan", "vdd = nan"),
    "vdd text": ("vdd = 5.0", 'vdd = "5"', "vdd = '5'"),
    "vdd bool": ("vdd = 5.0", "vdd = true", "vdd = True"),
    "no components": ("[[components]]", "[[parts]]", "unknown key 'parts'"),
    "component table": ("[[components]]", "[components]", "list of tables"),
    "unknown template": ('"cmos_inverter"', '"cmos_inverte"', "there are cmos_buffer"),
    "missing template": ('"cmos_inverter"', '"mine.cir"', "'mine.cir' does not exist"),
    "no netlist": ('netlist = "cmos_inverter"', "", "netlist must be"),
    "unknown theta": ("wp = 4e-6", "wq = 4e-6", "θ 'wq' is unknown; cmos_inverter.cir declares wp"),
    "unknown theta prior": ("wp = 4e-6", 'wq = "uniform(0, 1)"', "θ 'wq' is unknown"),
    "theta out of range": (
        "wp = 4e-6",
        "wp = 4e-3",
        "'wp' = 0.004 is out of range.*4e-07 to 4e-05",
    ),
    "theta nan": ("wp = 4e-6", "wp = nan", "out of range"),
    "theta inf": ("wp = 4e-6", "wp = inf", "out of range"),
    "theta negative": ("wp = 4e-6", "wp = -4e-6", "out of range"),
    "theta zero": ("wp = 4e-6", "wp = 0", "out of range"),
    "theta bool": ("wp = 4e-6", "wp = true", "must be a number or a prior"),
    "theta list": ("wp = 4e-6", "wp = [1]", "must be a number or a prior"),
    "prior reversed": ("uniform(0.7, 0.9)", "uniform(0.9, 0.7)", "'vtn'.*low = 0.9 must be less"),
    "prior unknown": ("uniform(0.7, 0.9)", "beta(0.9, 0.7)", "'vtn'.*not a prior"),
    "prior of a size": ("wp = 4e-6", 'wp = "normal(1u, 1u)"', "'wp' scales a size.*0.16"),
    "overlap": ('0 = "[0, 1]"', '0 = "[0, 4.5]"', "'A'.*overlap in \\[4.0, 4.5\\]"),
    "outside the rails": (
        '"[4, 5]"\n[[',
        '"[4, 5.5]"\n[[',
        "'A', logical value '1'.*leaves the rails",
    ),
    "reversed": ('0 = "[0, 1]"', '0 = "[1, 0]"', r"\[1, 0\] is reversed"),
    "no interval": ('0 = "[0, 1]"', '0 = "0..1"', "not an interval"),
    "set not text": ('0 = "[0, 1]"', "0 = [0, 1]", "must be text"),
    "lacking value": ('0 = "[4, 5]"', '2 = "[4, 5]"', "'B' lacks logical value '0'"),
    "extra value": ('0 = "[4, 5]"', '0 = "[4, 5]"\n2 = "[2, 3]"', "'A' lacks logical value '2'"),
    "free text": ('name = "A"', 'name = "A"\nfree = "yes"', "free must be true or false"),
    "too few apis": (
        '[[apis]]\nname = "A"\n0 = "[0, 1]"\n1 = "[4, 5]"\n',
        "",
        "need 2 APIs.*has 1",
    ),
    "name twice": ('name = "B"', 'name = "A"', "name 'A' is given twice"),
    "no name": ('name = "first"', "", "name is missing"),
    "temperature": ("vdd = 5.0", "vdd = 5.0\ntemperature = -300", "temperature = -300"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_names_what_is_wrong(write: Write, tmp_path: Path, case: str) -> None:
    old, new, message = BAD[case]
    path = tmp_path / "none.toml"
    if old is not None and new is not None:
        assert old in SYSTEM
        path = write("s.toml", SYSTEM.replace(old, new))
    with pytest.raises(InputError, match=message) as caught:
        load_system(path)
    assert path.name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_error_in_a_template_names_the_template(write: Write) -> None:
    write("mine.cir", ".subckt mine in out\nm1 out in 0 0 nosuch\n.ends\n")
    text = SYSTEM.replace('"cmos_inverter"', '"mine.cir"').replace("theta =", "# ")
    with pytest.raises(NetlistError, match=r"^mine\.cir:2: model 'nosuch'"):
        load_system(write("s.toml", text))


def test_theta_files(write: Write) -> None:
    system = load_system(write("s.toml", SYSTEM))
    theta = load_theta(write("t.toml", '[first]\nwn = "3u"\nvtp = -1\nvtn = 0.75\n'), system)
    assert theta == {"first": {"wp": 4e-6, "wn": 3e-6, "vtp": -1.0, "vtn": 0.75}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[second]\nwn = 1e-6", "no component 'second'; there are first"),
        ("[first]\nwn = 1e-6", "θ 'vtp' is missing; still to be given: vtp, vtn"),
        ("[first]\nwx = 1e-6", "θ 'wx' is unknown"),
        ("[first]\nwn = -1e-6", "out of range"),
        ("[first]\nwn = nan", "out of range"),
        ("first = 1", "must be a table"),
        ("", "θ 'wn' is missing"),
    ],
)
def test_bad_theta_files(write: Write, text: str, message: str) -> None:
    system = load_system(write("s.toml", SYSTEM))
    with pytest.raises(InputError, match=message):
        load_theta(write("t.toml", text), system)


def test_the_divider_example_quotes_its_closed_form() -> None:
    value = divider_log_volume(0.4, 0.6)
    assert math.isfinite(value)
    assert f"{value:.4f}" in (EXAMPLES / "divider.toml").read_text()
