"""The whole chain on the real ngspice: the composition of its components, whatever they are called."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from spicebuf.chain import chain_of
from spicebuf.check import Verdict, check_curves
from spicebuf.deck import ACCURACY, Bench, Stretch, bench, n_guesses
from spicebuf.errors import InputError
from spicebuf.netlist import identifiers, read_template
from spicebuf.ngspice import Status
from spicebuf.pools import Pool
from spicebuf.prior import draw
from spicebuf.refine import MAX_GAIN, refine
from spicebuf.sweep import ngspice_version, sweep, sweep_blocks
from spicebuf.system import Component, System, load_system, load_theta
from spicebuf.workflow.banks import put_on_bench, sweep_component
from spicebuf.workflow.events import Event, check_grid, climbing
from spicebuf.workflow.settings import Settings
from tests.conftest import EXAMPLES

Floats = NDArray[np.float64]
Write = Callable[[str, str], Path]
Make = Callable[..., System]

API = '[[apis]]\nname = "{}"\n0 = "[0, 1]"\n1 = "[4, 5]"\n'


@pytest.fixture
def make(write: Write) -> Make:
    """Write and load a system of components given as netlist, (name, netlist) or (…, theta)."""

    def made(*components: str | tuple[str, ...]) -> System:
        text = "[system]\nvdd = 5.0\n"
        for k, given in enumerate(components):
            parts = (f"part{k}", given) if isinstance(given, str) else given
            name, netlist, theta = (*parts, "{}")[:3]
            text += f'[[components]]\nname = "{name}"\nnetlist = "{netlist}"\ntheta = {theta}\n'
        text += "".join(API.format(k) for k in range(len(components) + 1))
        return load_system(write("system.toml", text))

    return made


def put(component: Component, n_points: int = 101, batch: int | None = None) -> Bench:
    return bench(component, 5.0, 27.0, n_points, batch)


def drawn(component: Component, n: int, seed: int = 0) -> Floats:
    return draw(list(component.priors.values()), n, np.random.default_rng(seed))


def by_component(system: System, theta: Floats) -> list[Floats]:
    ends = np.cumsum([len(component.priors) for component in system.components])
    return np.split(theta, ends[:-1], axis=1)


def at(component: Component, theta: Floats, vin: Floats, pool: Pool) -> Floats:
    """Return the outputs of one θ at just these voltages, in any order."""
    voltages, places = np.unique(vin, return_inverse=True)
    stretches = tuple(Stretch(v, v, 1) for v in voltages.tolist())
    found = sweep(replace(put(component), stretches=stretches), theta[np.newaxis], pool)
    assert found.status.tolist() == [Status.TRUSTED]
    return np.asarray(found.vout[0, 0, places])


def composed(system: System, theta: Floats, vin: Floats, pool: Pool) -> Floats:
    curves = []
    for row in range(len(theta)):
        voltages = vin
        parts = by_component(system, theta[row : row + 1])
        for component, part in zip(system.components, parts, strict=True):
            voltages = at(component, part[0], voltages, pool)
        curves.append(voltages)
    return np.array(curves)


@pytest.mark.parametrize(
    "netlists",
    [
        ["threshold_cell", "threshold_cell"],
        ["cmos_inverter", "cmos_inverter"],
        ["window_comparator", "resistor_divider", "cmos_buffer"],
        ["resistor_divider", "resistor_divider", "resistor_divider"],
        ["resistor_load_inverter", "threshold_cell"],
        ["cmos_buffer"],
    ],
)
def test_a_chain_is_the_composition_of_its_components(
    pool: Pool, make: Make, netlists: Sequence[str]
) -> None:
    """In batches, within 20 µV at the exact inner voltages."""
    system = make(*netlists)
    on, theta = put(chain_of(system), 51), drawn(chain_of(system), 12)
    assert on.batch == 16
    found = sweep(on, theta, pool)
    assert (found.status == Status.TRUSTED).all()
    expected = composed(system, theta, on.vin, pool)
    assert np.ptp(expected, axis=1).max() > 1.0
    assert np.abs(found.vout[:, 0] - expected).max() < 2 * ACCURACY


def test_one_component_does_not_load_the_one_before(pool: Pool, make: Make) -> None:
    """Two dividers of equal resistors: a quarter, where joined directly they would give a fifth."""
    on = put(chain_of(make("resistor_divider", "resistor_divider")), 11)
    found = sweep(on, np.full((1, 4), 1e3), pool)
    np.testing.assert_allclose(found.vout[0, 0], on.vin / 4, atol=1e-9)


@pytest.mark.parametrize(
    "netlists",
    [
        ["threshold_cell", "threshold_cell"],
        ["window_comparator", "resistor_divider", "cmos_buffer", "resistor_load_inverter"],
        ["cmos_inverter", "cmos_schmitt_buffer"],
    ],
)
def test_an_altered_chain_is_what_a_loaded_one_is(
    pool: Pool, make: Make, netlists: Sequence[str]
) -> None:
    chain = chain_of(make(*netlists))
    on, theta = put(chain, 51), drawn(chain, 60)
    assert on.alterations is not None
    assert {use.theta for use in on.alterations} == set(on.thetas)
    altered = sweep(on, theta, pool)
    loaded = sweep(replace(on, alterations=None), theta, pool)
    assert (altered.status == Status.TRUSTED).all()
    np.testing.assert_allclose(altered.vout, loaded.vout, rtol=0, atol=ACCURACY / 10)


def test_a_chain_that_cannot_be_altered_is_loaded(pool: Pool, make: Make, write: Write) -> None:
    write(
        "product.cir",
        "*@theta k uniform(1, 2) [1]\n.subckt product in out params: k=1\n"
        "r1 in out {1k*k}\nr2 out 0 1k\n.ends\n",
    )
    chain = chain_of(make("product.cir", "resistor_divider", "product.cir"))
    assert chain.template.alterations is None
    assert chain.template.sizes == {"part0_k", "part1_r1", "part1_r2", "part2_k"}
    on = put(chain, 11)
    found = sweep(on, np.array([[1.0, 1e3, 3e3, 1.5]]), pool)
    np.testing.assert_allclose(found.vout[0, 0], on.vin / 2 * 0.75 / 2.5, atol=1e-9)


def test_batched_chains_equal_single_ones(pool: Pool, make: Make) -> None:
    chain = chain_of(make("threshold_cell", "threshold_cell"))
    on, theta = put(chain, 51), drawn(chain, 64, seed=1)
    together = sweep(on, theta, pool)
    assert (together.status == Status.TRUSTED).all()
    singles = ((k, row[np.newaxis]) for k, row in enumerate(theta))
    for k, _, alone in sweep_blocks(on, singles, pool):
        assert np.abs(alone.vout[0] - together.vout[k]).max() < 2 * ACCURACY


def test_a_chain_with_feedback_has_both_branches(pool: Pool, make: Make) -> None:
    """A divider before a Schmitt buffer, at the exact voltages between them."""
    system = make(("a", "resistor_divider", '{ r1 = "1k", r2 = "4k" }'), "cmos_schmitt_buffer")
    chain, schmitt = chain_of(system), system.components[1]
    on, theta = put(chain, 401), np.array([list(schmitt.nominal.values())])
    assert on.branches == ("up", "down")
    assert on.batch == 1
    found = sweep(on, theta, pool)
    alone = replace(put(schmitt), stretches=(Stretch(0.0, 4.0, 401),))
    expected = sweep(alone, theta, pool)
    assert found.status.tolist() == expected.status.tolist() == [Status.TRUSTED]
    up, down = expected.vout[0]
    assert np.abs(up - down).max() > 4.9
    assert np.abs(found.vout - expected.vout).max() < 2 * ACCURACY


def test_before_a_schmitt_buffer_an_inverter_turns_the_branches_round(
    pool: Pool, make: Make
) -> None:
    system = make("cmos_inverter", "cmos_schmitt_buffer", "cmos_inverter")
    on = put(chain_of(system), 501)
    assert n_guesses(on) == n_guesses(put(system.components[1]))
    theta = np.array([[v for c in system.components for v in c.nominal.values()]])
    found = sweep(on, theta, pool)
    assert found.status.tolist() == [Status.TRUSTED]
    up, down = (on.vin[np.argmax(branch > 2.5)] for branch in found.vout[0])
    first, schmitt, _ = by_component(system, theta)
    inner = sweep(put(system.components[0], 501), first, pool).vout[0, 0]
    curves = sweep(put(system.components[1], 501), schmitt, pool).vout[0]
    rises, falls = (on.vin[np.argmax(branch > 2.5)] for branch in curves)
    assert rises > falls + 0.5
    assert up == pytest.approx(on.vin[np.argmax(inner < falls)], abs=0.02)
    assert down == pytest.approx(on.vin[np.argmax(inner < rises)], abs=0.02)
    assert up > down


@pytest.mark.parametrize(
    "netlists",
    [
        ["threshold_cell", "window_comparator"],
        ["cmos_schmitt_buffer", "resistor_divider", "cmos_buffer"],
        ["latch.cir"] * 3,
    ],
)
def test_nodes_have_the_names_that_a_netlist_of_the_chain_gives_them(
    make: Make, write: Write, netlists: Sequence[str]
) -> None:
    """States and watched nodes: those of the chain's cards, read as a netlist."""
    write("latch.cir", LATCH)
    template = chain_of(make(*netlists)).template
    thetas = [f"*@theta {name} {spec.prior}" for name, spec in template.thetas.items()]
    read = read_template(write("chain.cir", "\n".join((*thetas, *template.definitions))))
    assert read.ports == template.ports
    assert {name: spec.nominal for name, spec in read.thetas.items()} == {
        name: spec.nominal for name, spec in template.thetas.items()
    }
    # What lies between two circuits with feedback is counted as feedback there.
    assert set(template.states) <= set(read.states)
    # An input is the output before it.
    renamed = {f"in{k + 1}": f"out{k}" for k in range(1, len(netlists))}
    assert {renamed.get(node, node) for node in read.watched} == set(template.watched)


LATCH = """* two inverters in a loop: the output is a state
*@theta w loguniform(1u, 2u) [m]
.subckt latch in out vdd vss params: w=1u
.model nch nmos level=1 vto=0.8 kp=120u
.model pch pmos level=1 vto=-0.8 kp=40u
r1 in a 1k
m1 out a vdd vdd pch w={w} l=1u
m2 out a vss vss nch w={w} l=1u
m3 a out vdd vdd pch w=0.1u l=1u
m4 a out vss vss nch w=0.1u l=1u
.ends
"""


def test_an_output_that_is_a_state_is_the_node_between_two_components(
    pool: Pool, make: Make, write: Write
) -> None:
    write("latch.cir", LATCH)
    chain = chain_of(make("latch.cir", "latch.cir"))
    assert chain.template.states == ("x1.a", "out1", "x2.a", "out")
    found = sweep(put(chain), np.full((1, 2), 1e-6), pool, keep_words=True)
    assert found.status.tolist() == [Status.TRUSTED]
    assert "nodeset" not in found.words[0].lower()
    assert found.vout[0, 0, [0, -1]] == pytest.approx([0, 5], abs=0.01)


def test_theta_are_told_apart(pool: Pool, make: Make) -> None:
    """The same netlist twice, defined once: what is fixed in one is free in the other."""
    fixed = '{ r1 = 1e3, r2 = "loguniform(1k, 2k)" }'
    system = make(("first", "resistor_divider", fixed), ("second", "resistor_divider"))
    chain = chain_of(system)
    assert list(chain.priors) == ["first_r2", "second_r1", "second_r2"]
    assert str(chain.priors["first_r2"]) == "loguniform(1000.0, 2000.0)"
    assert chain.fixed == {"first_r1": 1e3}
    assert set(chain.nominal.values()) == {1e3}
    assert chain.template.sizes == {"first_r1", *chain.priors}
    heads = [card for card in chain.template.definitions if card.startswith(".subckt")]
    assert [head.split()[1] for head in heads] == ["resistor_divider", "chain"]
    on = put(chain, 11)
    found = sweep(on, np.array([[2e3, 1e3, 4e3], [1e3, 3e3, 1e3]]), pool)
    gains = np.array([[2 / 3 * 4 / 5], [1 / 2 * 1 / 4]])
    np.testing.assert_allclose(found.vout[:, 0], gains * on.vin, atol=1e-9)


def test_components_may_be_called_anything(pool: Pool, make: Make) -> None:
    given = [
        "my cell",
        "my-cell",
        "My_cell",
        "2nd",
        "θ",
        "temper",
        "x'{}",
        "chain",
        "ternary",
        "R1 r1",
    ]
    chain = chain_of(make(*((name, "resistor_divider") for name in given)))
    names = list(chain.priors)
    assert names[:8:2] == ["my_cell_r1", "my_cell_2_r1", "my_cell_3_r1", "c2nd_r1"]
    assert len(set(names)) == 2 * len(given)
    assert all(identifiers(name) == {name} for name in names)
    assert chain.name == "chain_2"
    on, theta = put(chain, 11), drawn(chain, 20)
    theta[:, 1::2] += theta[:, ::2]
    gain = np.prod(theta[:, 1::2] / (theta[:, ::2] + theta[:, 1::2]), axis=1)
    for circuit in (on, replace(on, alterations=None)):
        found = sweep(circuit, theta, pool)
        np.testing.assert_allclose(found.vout[:, 0], gain[:, None] * on.vin, atol=1e-8)


def test_parameters_of_the_chain_hide_no_global_ones(pool: Pool, make: Make, write: Write) -> None:
    """ngspice lets a caller's parameter take the place of a global one."""
    text = ".param a_r1=3k chain=1\n.subckt named in out\nr1 in out {chain*1k}\nr2 out 0 {a_r1}\n.ends\n"
    write("named.cir", text)
    chain = chain_of(make(("a", "resistor_divider"), ("b", "named.cir")))
    assert list(chain.priors) == ["a_2_r1", "a_2_r2"]
    assert chain.template.name == "chain_2"
    on = put(chain, 11)
    found = sweep(on, np.array([[1e3, 1e3]]), pool)
    np.testing.assert_allclose(found.vout[0, 0], on.vin / 2 * 3 / 4, atol=1e-9)


CELL = """.subckt {name} in out
{local}
r1 in out 1k
r2 out 0 1k
.ends
"""


@pytest.mark.parametrize(
    ("first", "second", "name"),
    [
        (".param g=1", ".param h=1 g=2", "parameter 'g'"),
        (".func g(x) {x}", ".func g(x) {2*x}", "function 'g'"),
        (".model nch nmos level=1", ".model nch nmos level=1 vto=1", "model 'nch'"),
        (".model nch.1 nmos level=1 lmin=1u lmax=2u", ".model nch nmos level=1", "model 'nch'"),
        (".subckt i a b\nr1 a b 1k\n.ends", ".subckt i a b\nr1 a b 2k\n.ends", "subcircuit 'i'"),
        (".subckt i a b\nr1 a b 1k\n.ends", ".param i=1", "subcircuit 'i'"),
        (".if (1)\n.param g=1\n.else\n.param g=2\n.endif", ".param g=1", "parameter 'g'"),
        (".option scale=1u", "", "setting '.option scale'"),
        ("", ".func max(x,y) {x}", "function 'max'"),
    ],
)
def test_netlists_that_mean_different_things_by_one_name_make_no_chain(
    make: Make, write: Write, first: str, second: str, name: str
) -> None:
    write("one.cir", f"{first}\n{CELL.format(name='one', local='')}")
    write("two.cir", f"{second}\n{CELL.format(name='two', local='')}")
    with pytest.raises(InputError) as caught:
        chain_of(make("one.cir", "resistor_divider", "two.cir"))
    for part in (name, "one.cir", "part"):
        assert part in str(caught.value)
    assert "two.cir" in str(caught.value) or "resistor_divider.cir" in str(caught.value)


def test_nested_subcircuits_of_one_name_make_no_chain(make: Make, write: Write) -> None:
    """ngspice would give the one the parameters of the other."""
    for name, head in (("one", "s=1"), ("two", "z=1")):
        inner = f".subckt inner a b {head}\nr1 a b 1k\n.ends"
        write(f"{name}.cir", CELL.format(name=name, local=inner))
    with pytest.raises(InputError, match="subcircuit 'inner'"):
        chain_of(make("one.cir", "two.cir"))


def test_what_netlists_share_is_defined_once(pool: Pool, make: Make, write: Write) -> None:
    write("shared.inc", ".param r=1k\n.model rr r rsh=1\n.subckt load a b\nr1 a b {r}\n.ends\n")
    for k in (1, 3):
        text = (
            "*@theta k uniform(0.5, 5) [1]\n.include 'shared.inc'\n.option scale=1\n"
            f".subckt cell{k} in out k={k}\n.param s={{k*2}}\nr1 in out r={{s*500}}\n"
            ".model m1 r rsh=1\nx1 out 0 load\n.ends\n"
        )
        write(f"cell{k}.cir", text)
    chain = chain_of(make("cell1.cir", "cell3.cir"))
    cards = chain.template.definitions
    for word in (".param r=", ".model rr", ".subckt load", ".func spicebuf_size", ".option"):
        assert sum(card.startswith(word) for card in cards) == 1
    assert len(chain.template.files) == 3
    on = put(chain, 11)
    found = sweep(on, np.array([[1.0, 3.0], [3.0, 1.0], [1.0, -1.0]]), pool)
    assert found.status.tolist() == [Status.TRUSTED, Status.TRUSTED, Status.LOAD_FAILED]
    np.testing.assert_allclose(found.vout[:2, 0], [on.vin / 8] * 2, atol=1e-9)


def test_components_that_satisfy_their_apis_satisfy_them_end_to_end(pool: Pool) -> None:
    system = load_system(EXAMPLES / "seed.toml")
    given = load_theta(EXAMPLES / "seed-theta.toml", system)
    theta = np.array([[given[c.name][name] for c in system.components for name in c.priors]])
    on = put(chain_of(system), 501)
    assert on.thetas[:2] == ("first_wpa", "first_wna")
    assert on.sort_by == ("first_wpa", "first_wna")
    assert on.thetas[-1] == "second_pi"
    apis = system.apis[0], system.apis[-1]
    curves = sweep(on, theta, pool)
    checks = check_curves(curves, on.vin, *apis, system.vdd)
    for found in (checks, refine(on, theta, curves, checks, apis, MAX_GAIN, pool)):
        assert found.verdict.tolist() == [Verdict.SATISFIED]
        assert found.margin[0] >= 0.0


def test_a_chain_has_banks_and_events_like_any_component(
    pool: Pool, make: Make, tmp_path: Path
) -> None:
    system = make("cmos_inverter", "cmos_inverter")
    chain, settings = chain_of(system), Settings(200, 51, banks=tmp_path / "banks")
    swept = sweep_component(system, chain, settings, ngspice_version(pool), pool)
    assert (swept.n, swept.n_simulated, swept.n_unsimulated) == (200, 200, 0)
    again = sweep_component(system, chain_of(system), settings, ngspice_version(pool), pool)
    assert again.n_simulated == 0
    on = put_on_bench(system, chain, settings)
    event = Event(chain, on, system.apis[0], system.apis[-1])
    theta = np.array([list(chain.nominal.values()), [*drawn(chain, 1, seed=2)[0]]])
    assert event.d == theta.shape[1] == 8
    whole = check_grid(event, sweep(on, theta, pool))
    climbed = climbing(event)
    part = check_grid(climbed, sweep(climbed.bench, theta, pool))
    assert whole.verdict[0] == part.verdict[0] == Verdict.SATISFIED
    np.testing.assert_allclose(whole.margin, part.margin, atol=2 * ACCURACY)


def test_a_chain_is_the_same_netlist_whatever_the_priors(make: Make) -> None:
    """Priors without the default and other fixed values change θ, not what is simulated."""
    narrow = '{ r1 = "loguniform(150, 900)", r2 = 3e3 }'
    plain = chain_of(make(("first", "resistor_divider")))
    other = chain_of(make(("first", "resistor_divider", narrow)))
    assert plain.template.digest == other.template.digest
    assert other.fixed == {"first_r2": 3e3}
