"""The example with neural networks, against the same figures by loops over plain numbers."""

import math
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from examples.networks import N_STEPS, Outcome, compare, losses, main, report, trained
from spicebuf.search import Sets
from spicebuf.training import Stop, draw_uniform

# Of these runs, three start where it works.
SEED, N_BANK, N_RUNS = 3, 600, 30
STEPS = 100
DOUBT = 1e-5
"""What `tabulated` lets outputs be wrong by."""

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return compare(SEED, N_BANK, N_RUNS, Stop.FIRST)


def network(u: Sequence[float], x: float) -> float:
    """Return the output of one network, from the box that the example's docstring and names state."""
    low, high = [-8.0] * 8 + [-5.0] * 4 + [-4.0], [12.0] * 4 + [4.0] * 4 + [7.0] * 4 + [4.0]
    theta = [a + q * (b - a) for q, a, b in zip(u, low, high, strict=True)]
    y = theta[12]
    for k in range(4):
        y += theta[8 + k] * math.tanh(theta[k] * x + theta[4 + k])
    return 1.0 / (1.0 + math.exp(-y))


def around(low: float, high: float) -> range:
    """Return the grid's numbers from the last at or below an interval to the first at or above it."""
    return range(math.floor(low * STEPS + 1e-9), math.ceil(high * STEPS - 1e-9) + 1)


def sends(u: Sequence[float], sources: Sets, targets: Sets) -> bool:
    """Tell whether a network sends each logical value's interval into its target."""
    return all(
        low + DOUBT * (low > 0.0) <= network(u, k / STEPS) <= high - DOUBT * (high < 1.0)
        for ((a, b),), ((low, high),) in zip(sources, targets, strict=True)
        for k in around(a, b)
    )


LOGIC: Sets = (((0.0, 0.25),), ((0.75, 1.0),))


def test_log_volumes_are_those_of_networks_counted_one_by_one(outcome: Outcome) -> None:
    rng = np.random.default_rng(SEED)
    best = outcome.measure.best
    for banks in (outcome.measure.choose, outcome.measure.measure):
        u = rng.random((N_BANK, 26)).tolist()
        sent = sum(sends(each[:13], LOGIC, best) for each in u)
        taken = sum(sends(each[13:], best, LOGIC) for each in u)
        assert sent * taken > 0
        assert banks.log_volume(best) == pytest.approx(math.log(sent * taken / N_BANK**2))
    assert outcome.measure.greatest == banks.log_volume(best)


def test_no_api_with_edges_in_tenths_is_better_than_the_one_found(outcome: Outcome) -> None:
    """Both kinds are found, and beat all of their kind."""
    choose, tenths = outcome.measure.choose, [k / 10.0 for k in range(11)]
    pairs = [(a, b) for a in tenths for b in tenths if a <= b]
    every = [(below, above) for below in pairs for above in pairs if below[1] < above[0]]
    kinds = {api.shape: math.log(api.product / N_BANK**2) for api in outcome.apis}
    assert set(kinds) == {(0, 1), (1, 0)}
    assert kinds[outcome.apis[0].shape] == max(kinds.values())
    for shape, greatest in kinds.items():
        volumes = [choose.log_volume(tuple((each[k],) for k in shape)) for each in every[::7]]
        assert -math.inf < max(volumes) <= greatest + 1e-12


def test_runs_end_where_chains_work_and_start_where_they_seldom_do(outcome: Outcome) -> None:
    ended = [run for run in outcome.runs if run.works]
    assert [run.run for run in outcome.runs] == list(range(N_RUNS))
    assert len(ended) > N_RUNS / 3
    assert [run.run for run in outcome.runs if run.is_lucky] == [1, 10, 11]
    for run in ended:
        u = run.points[-1].tolist()
        for a, b in (LOGIC[0][0], LOGIC[1][0]):
            for k in range(201):
                y = network(u[13:], network(u[:13], a + k / 200.0 * (b - a)))
                assert a - 1e-4 <= y <= b + 1e-4


def test_shares_in_the_best_api_are_those_of_chains_that_it_admits(outcome: Outcome) -> None:
    best = outcome.measure.best
    ended = [run.points[-1].tolist() for run in outcome.runs if run.works and not run.is_lucky]
    admitted = [sends(u[:13], LOGIC, best) and sends(u[13:], best, LOGIC) for u in ended]
    told = outcome.populations["trained"]
    assert (told.n, told.n_unplaced) == (len(ended), 0)
    assert told.share_in_best.value == pytest.approx(sum(admitted) / len(ended))
    assert len(ended) < sum(run.works for run in outcome.runs)


def test_bayes_is_all_pairs_of_the_second_banks_that_work(outcome: Outcome) -> None:
    banks, best = outcome.measure.measure, outcome.measure.best
    low, high = (ends[:, :, :, np.newaxis] for ends in (banks.images.low, banks.images.high))
    start, end = (ends[:, :, np.newaxis] for ends in (banks.preimages.low, banks.preimages.high))
    n_works = ((start <= low) & (high <= end)).any(axis=1).all(axis=0).sum()
    n_best = math.prod(each.sum() for each in banks.admits(best))
    assert outcome.bayes_in_best.value == pytest.approx(n_best / n_works)
    bayes = outcome.populations["Bayes"].share_in_best
    assert bayes.low <= outcome.bayes_in_best.value <= bayes.high


def test_losses_are_mean_distances_from_where_outputs_should_be() -> None:
    u = np.random.default_rng(0).random((4, 26))
    runs, steps = np.array([5, 5, 5, 6]), np.array([2, 2, 3, 3])
    loss, margin = losses(u, runs, steps, SEED)
    numbers = draw_uniform(SEED, runs, steps, 32).tolist()
    assert numbers[0] == numbers[1] != numbers[2] != numbers[3]
    for k in range(4):
        x = [0.25 * each for each in numbers[k][:16]] + [
            0.75 + 0.25 * each for each in numbers[k][16:]
        ]
        first, second = u[k, :13].tolist(), u[k, 13:].tolist()
        y = [network(second, network(first, each)) for each in x]
        signed = [0.25 - each for each in y[:16]] + [each - 0.75 for each in y[16:]]
        assert loss[k] == pytest.approx(sum(max(0.0, -each) for each in signed) / 32)
        assert margin[k] == pytest.approx(min([*signed, *y[:16], *(1.0 - each for each in y[16:])]))


def test_the_script_prints_the_same_again(
    outcome: Outcome, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = f"--seed {SEED} --n-bank {N_BANK} --n-runs {N_RUNS} --stop first".split()
    monkeypatch.setattr(sys, "argv", ["networks.py", *options])
    main()
    printed = capsys.readouterr().out
    assert printed == report(outcome) + "\n"
    for word in ("non-inverting", "inverting", "trained", "Bayes", "shuffled", "classes alike"):
        assert f"\n{word} " in printed
    assert f"\n{outcome.verdict.word}: of {outcome.populations['trained'].n} runs" in printed


def test_another_seed_and_another_end_of_runs_are_another_outcome(outcome: Outcome) -> None:
    other = trained(SEED + 1, 2, Stop.FIRST)
    assert not np.array_equal(other[0].points[0], outcome.runs[0].points[0])
    longer = trained(SEED, 2, Stop.BUDGET)
    assert all(len(run.points) == N_STEPS + 1 for run in longer)
    np.testing.assert_array_equal(longer[0].points[0], outcome.runs[0].points[0])


@pytest.mark.parametrize("options", ["--n-bank 0", "--n-bank 3", "--n-runs 0", "--seed -1"])
def test_what_leads_nowhere_is_refused(
    options: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    usual = "--n-bank 300 --n-runs 2".split()
    monkeypatch.setattr(sys, "argv", ["networks.py", *usual, *options.split()])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert "networks.py: error: " in capsys.readouterr().err


def test_the_code_in_the_guide_runs(capsys: pytest.CaptureFixture[str]) -> None:
    guide = (ROOT / "docs" / "guide.md").read_text()
    section = guide.split("## Another system in place of circuits\n")[1].split("\n## ")[0]
    code = "\n".join(each[4:] for each in section.split("\n") if each.startswith("    "))
    exec(code, {})  # noqa: S102 (our own page)
    n_working, *_ = capsys.readouterr().out.split()
    assert int(n_working) >= 45
