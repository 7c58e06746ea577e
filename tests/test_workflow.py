"""The stages joined, on the real ngspice, against closed forms."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from spicebuf.check import Verdict, check_curves
from spicebuf.deck import ACCURACY
from spicebuf.entropy import Counts, from_sample
from spicebuf.errors import InputError, NetlistError
from spicebuf.system import load_system
from spicebuf.workers import Workers
from spicebuf.workflow import (
    Settings,
    check_bank,
    check_system,
    decks_of,
    entropy_answer,
    entropy_system,
    run_system,
    sweep_system,
    words_for_unsimulated,
)
from tests.conftest import EXAMPLES
from tests.faults import simulate_deck
from tests.testsystems import BINNED, divider_log_volume

Write = Callable[[str, str], Path]


def settings(tmp_path: Path, n: int = 512, method: str = "auto", seed: int = 0) -> Settings:
    return Settings(n_samples=n, banks=tmp_path / "banks", method=method, seed=seed, n_workers=2)


def test_the_divider_meets_its_closed_form(tmp_path: Path) -> None:
    system = load_system(EXAMPLES / "divider.toml")
    found = entropy_system(system, settings(tmp_path, 20_000))
    truth = divider_log_volume(0.4, 0.6)
    low, high = found.total.interval
    assert low < truth < high
    assert high - low < 0.1


def test_divider_intervals_cover_at_their_level(tmp_path: Path) -> None:
    """200 independent samples of 256 θ, all through ngspice: 95 % intervals cover 90 to 99 %."""
    system = load_system(EXAMPLES / "divider.toml")
    (swept,) = sweep_system(system, settings(tmp_path, 200 * 256))
    truth, covered = divider_log_volume(0.4, 0.6), []
    verdicts = np.concatenate([checks.verdict for _, checks in check_bank(system, 0, swept)])
    for sample in verdicts.reshape(200, 256):
        n_satisfied = int(np.count_nonzero(sample == Verdict.SATISFIED))
        low, high = from_sample(Counts(256, n_satisfied), 0.95, 0).interval
        covered.append(low <= truth <= high)
    assert len(covered) == 200
    assert 0.90 <= np.mean(covered) <= 0.99


def test_a_new_question_to_an_old_bank_simulates_nothing(tmp_path: Path, write: Write) -> None:
    text = (EXAMPLES / "divider.toml").read_text()
    chosen = settings(tmp_path)
    first = entropy_system(load_system(write("s.toml", text)), chosen)
    other = text.replace("[1.6, 3]", "[2.4, 4]")
    second = entropy_system(load_system(write("s.toml", other)), chosen)
    assert [b.n_simulated for b in (*first.banks, *second.banks)] == [512, 0]
    assert first.total.value != second.total.value


def test_a_damaged_bank_is_mended(tmp_path: Path) -> None:
    system, chosen = load_system(EXAMPLES / "divider.toml"), settings(tmp_path, 4600)
    before = entropy_system(system, chosen)
    chunk = before.banks[0].bank.path / "status" / "c" / "1"
    chunk.write_bytes(chunk.read_bytes()[:-3])
    after = entropy_system(system, chosen)
    assert (after.banks[0].n_damaged, after.banks[0].n_simulated) == (1, 504)
    assert after.total == before.total


def test_a_finite_grid_is_counted_without_sampling_error(tmp_path: Path) -> None:
    system = load_system(EXAMPLES / "grid.toml")
    found = entropy_system(system, settings(tmp_path))
    (part,) = found.components
    (counts,) = part.counts
    assert (part.method, counts.n_samples) == ("enumeration", 729)
    assert part.log_count == pytest.approx(math.log(counts.n_satisfied))
    assert part.interval == pytest.approx((part.value, part.value))
    sampled = entropy_system(system, settings(tmp_path, 2000, "monte-carlo"))
    low, high = sampled.total.interval
    assert low < part.value < high


def test_enumeration_needs_finite_priors(tmp_path: Path) -> None:
    system = load_system(EXAMPLES / "divider.toml")
    with pytest.raises(InputError, match="finite priors"):
        sweep_system(system, settings(tmp_path, method="enumeration"))


def test_a_component_without_free_parameters(tmp_path: Path, write: Write) -> None:
    text = (EXAMPLES / "divider.toml").read_text()
    fixed = text.replace(
        'netlist = "resistor_divider"', 'netlist = "resistor_divider"\ntheta = {r1 = 1e3, r2 = 1e3}'
    )
    found = entropy_system(load_system(write("s.toml", fixed)), settings(tmp_path))
    assert found.total.value == 0.0
    assert found.total.counts == (Counts(1, 1),)


def test_restoring_chains_and_their_noise_margins() -> None:
    system = load_system(EXAMPLES / "inverters.toml")
    nominal = {component.name: component.nominal for component in system.components}
    found = check_system(system, nominal, 101)
    assert found.satisfied
    assert found.restoring
    assert found.noise_margins == pytest.approx({"0": 1.0, "1": 1.0})


def test_a_theta_that_one_branch_alone_satisfies_is_violated(write: Write) -> None:
    """Up 2.87 V, down 2.12 V: at 2.5 V only the way up still holds logical 0."""
    text = (EXAMPLES / "schmitt.toml").read_text().replace("[0, 1.5]", "[0, 2.5]")
    system = load_system(write("s.toml", text))
    (part,) = check_system(system, {"schmitt": system.components[0].nominal}, 501).components
    assert part.verdict is Verdict.VIOLATED
    assert part.witness is not None
    assert (part.witness.logic, part.witness.branch) == ("0", "down")
    assert part.witness.vin > 2.12
    assert part.witness.vout > 4.9


def test_grid_samples_alone_would_accept_curves_that_cross_the_gap(tmp_path: Path) -> None:
    """The seed's API2: some θ whose samples all lie in the union jump between its intervals."""
    system = load_system(EXAMPLES / "seed.toml")
    banks = sweep_system(system, settings(tmp_path, 4096))
    n_seeming = n_crossing = 0
    for curves, checks in check_bank(system, 0, banks[0]):
        twice = np.repeat(curves.vout, 2, axis=1)  # pointwise, as for a circuit with feedback
        pointwise = check_curves(
            replace(curves, vout=twice), banks[0].bank.bench.vin, *system.apis[:2], 5.0
        )
        seeming = pointwise.margin > 1e-5
        n_seeming += int(seeming.sum())
        n_crossing += int((checks.verdict[seeming] == Verdict.VIOLATED).sum())
        assert not np.any(checks.verdict[~seeming] == Verdict.SATISFIED)
    assert n_seeming > 30
    assert 0.02 < n_crossing / n_seeming < 0.3


RANDOM = """* statistics on
*@theta r loguniform(1, 10) [ohm]
.param spread=agauss(0, 0.1, 1)
.subckt noisy in out params: r=2
r1 in out {r}
r2 out 0 {2+spread}
.ends
"""


def test_random_models_are_refused(tmp_path: Path, write: Write) -> None:
    write("noisy.cir", RANDOM)
    text = (EXAMPLES / "divider.toml").read_text().replace("resistor_divider", "noisy.cir")
    with pytest.raises(NetlistError, match="statistics"):
        sweep_system(load_system(write("s.toml", text)), settings(tmp_path))


def test_a_netlist_that_ngspice_refuses_is_named_at_once(tmp_path: Path, write: Write) -> None:
    write("binned.cir", BINNED.replace("w=2u", "w=20u"))
    text = (EXAMPLES / "divider.toml").read_text().replace("resistor_divider", "binned.cir")
    with pytest.raises(NetlistError, match=r"binned\.cir: ngspice refuses.*valid modelname"):
        sweep_system(load_system(write("s.toml", text)), settings(tmp_path))


def test_a_theta_in_a_misspelt_model_parameter_is_refused(tmp_path: Path, write: Write) -> None:
    """ngspice only prints that it ignores it, and all θ would give one curve."""
    netlist = "*@theta vt uniform(0.5, 1) [V]\n.subckt typo in out vdd params: vt=0.8\n"
    netlist += (
        ".model nch nmos level=1 vth={vt}\nm1 out in 0 0 nch w=1u l=1u\nr1 vdd out 1k\n.ends\n"
    )
    write("typo.cir", netlist)
    text = (EXAMPLES / "divider.toml").read_text().replace("resistor_divider", "typo.cir")
    with pytest.raises(NetlistError, match="ngspice ignores 'vth' in 'nch', so θ 'vt'"):
        sweep_system(load_system(write("s.toml", text)), settings(tmp_path))


def test_unsimulated_theta_are_counted_and_listed(tmp_path: Path, write: Write) -> None:
    write("binned.cir", BINNED.replace("w=2u", "w=6u").replace("0.1u, 100u", "5u, 20u"))
    text = (EXAMPLES / "divider.toml").read_text().replace("resistor_divider", "binned.cir")
    system = load_system(write("s.toml", text.replace("[1.6, 3]", "[1.6, 4.9]")))
    found = entropy_system(system, settings(tmp_path, 40, "monte-carlo"))
    (counts,), (swept,) = found.total.counts, found.banks
    assert 0 < counts.n_unsimulated < 40
    assert swept.n_unsimulated == counts.n_unsimulated
    assert {item.reason for item in swept.unsimulated} == {"ngspice refused the deck"}
    assert all(item.theta["w"] > 10e-6 for item in swept.unsimulated)
    answer = entropy_answer(system, found, 0)
    assert len(answer["unsimulated"]["divider"]) == min(20, counts.n_unsimulated)
    # Each batch that ngspice refused was taken apart.
    assert swept.n_rerun >= counts.n_unsimulated
    number, words = next(words_for_unsimulated(swept))
    assert number == swept.unsimulated[0].index
    assert "could not find a valid modelname" in words


@pytest.mark.parametrize("name", ["inverters", "schmitt"])
def test_a_dumped_deck_is_what_was_simulated(tmp_path: Path, name: str) -> None:
    """Run as plain ngspice runs it, it gives the curve of the bank."""
    system, chosen = load_system(EXAMPLES / f"{name}.toml"), settings(tmp_path, 20)
    swept = sweep_system(system, chosen)[0]
    deck = decks_of(system, chosen, 17)[swept.component.name]
    (curves,) = swept.bank.read(20)
    up, *down = curves.vout[17]
    with Workers(simulate_deck, 1, backstop=60.0) as engine:
        first, *second = engine.call(partial(simulate_deck, deck))
    np.testing.assert_allclose(first, up, atol=2 * ACCURACY)
    assert len(second) == len(down)
    if down:
        np.testing.assert_allclose(second[0][::-1], down[0], atol=2 * ACCURACY)


def test_there_is_no_deck_beyond_the_last_grid_point(tmp_path: Path) -> None:
    system = load_system(EXAMPLES / "grid.toml")
    assert decks_of(system, settings(tmp_path), 728)
    with pytest.raises(InputError, match="729 must be at least 0, at most 728"):
        decks_of(system, settings(tmp_path), 729)


def test_a_batch_size_of_ones_own(tmp_path: Path) -> None:
    chosen = replace(settings(tmp_path, 40), batch=5)
    (swept,) = sweep_system(load_system(EXAMPLES / "divider.toml"), chosen)
    assert (swept.bank.bench.batch, swept.n_rerun) == (5, 0)


def test_a_run_folder_can_be_run_again(tmp_path: Path, write: Write) -> None:
    """Also where the template lies beside the system file and includes another file."""
    write("lib/models.inc", ".param k=1\n")
    write("mine.cir", ".include lib/models.inc\n.subckt mine in out\nr1 in out {k}\n.ends\n")
    text = (EXAMPLES / "divider.toml").read_text().replace("resistor_divider", "mine.cir")
    system = load_system(write("s.toml", text))
    first = run_system(system, settings(tmp_path, 10), tmp_path / "run", n_runs=0)
    copied = load_system(tmp_path / "run" / "s.toml")
    again = run_system(copied, settings(tmp_path, 10), tmp_path, n_runs=0)
    assert again.entropy.total == first.entropy.total
    assert again.entropy.banks[0].n_simulated == 0


def test_a_run_folder_holds_every_figure_of_the_table(tmp_path: Path) -> None:
    system = load_system(EXAMPLES / "inverters.toml")
    run = run_system(system, settings(tmp_path, 300), tmp_path / "run", n_runs=10)
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["entropy"]["log_volume"] == run.entropy.total.value
    assert results["seed"] == 0
    assert results["versions"]["ngspice"].isdigit()
    hashes = {part["netlist_sha256"] for part in results["sweep"]["components"]}
    assert hashes == {system.components[0].template.digest}
    assert (tmp_path / "run" / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "run" / "netlists" / "cmos_inverter.cir").exists()
    with pytest.raises(InputError, match="holds a finished run"):
        run_system(system, settings(tmp_path, 300), tmp_path / "run")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_samples", 0),
        ("batch", 0),
        ("batch", 1000),
        ("n_points", 1),
        ("seed", -1),
        ("n_workers", 0),
        ("confidence", 7.5),
    ],
)
def test_settings_out_of_range(name: str, value: float) -> None:
    with pytest.raises(InputError, match=str(value)):
        Settings(**{name: value})  # type: ignore[arg-type]
