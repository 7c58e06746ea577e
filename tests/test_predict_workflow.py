"""The test of the prediction on whole systems, on the real ngspice."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spicebuf.errors import InputError
from spicebuf.system import load_system
from spicebuf.workflow import (
    Settings,
    bundled_plan,
    load_plan,
    predict_answer,
    predict_system,
    run_system,
)
from spicebuf.workflow.other_prior import tilted_weights
from spicebuf_cli.main import main
from spicebuf_cli.predict import print_prediction
from tests.conftest import EXAMPLES

Write = Callable[[str, str], Path]

PLAN = """
[claim]
near = 0.5
share = 0.5
confidence = 0.95
nulls = ["classes"]
[training]
steps = 60
inputs = 2
[[arms]]
optimizer = "adam"
loss = "squared"
stop = "first"
runs = 20
[[arms]]
optimizer = "rejection"
loss = "hinge"
stop = "first"
runs = 20
"""
R1, R2 = (100.0, 316.227766, 1e3, 3162.27766, 1e4), (1e3, 3162.27766, 1e4, 31622.7766, 1e5)
GAINS = [b / (a + b) for a in R1 for b in R2]
FIVE = 'theta = { r1 = "geomspace(100, 10k, 5)", r2 = "geomspace(1k, 100k, 5)" }'


def dividers(n: int, one: str = "[2, 4]") -> str:
    """Return a chain of dividers of 25 gains each: 4 V to 5 V must come out within `one`."""
    part = '[[components]]\nname = "c{}"\nnetlist = "resistor_divider"\n'
    inner = '[[apis]]\nname = "free{}"\nfree = true\n'
    first = '[[apis]]\nname = "in"\n0 = "[0, 0.5]"\n1 = "[4, 5]"\n'
    last = f'[[apis]]\nname = "out"\n0 = "[0, 1]"\n1 = "{one}"\n'
    parts = "".join(f"{part.format(k)}{FIVE}\n" for k in range(n))
    return f"[system]\nvdd = 5.0\n{parts}{first}" + "".join(map(inner.format, range(n - 1))) + last


def settings(folder: Path, **others: Any) -> Settings:  # noqa: ANN401
    return Settings(n_samples=100, n_points=501, banks=folder / "banks", max_gain=0.0, **others)


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("predict")
    (folder / "s.toml").write_text(dividers(2))
    (folder / "plan.toml").write_text(PLAN)
    system = load_system(folder / "s.toml")
    plan = load_plan(folder / "plan.toml")
    first = predict_answer(system, predict_system(system, settings(folder), plan), 0)
    again = predict_answer(system, predict_system(system, settings(folder), plan), 0)
    simulated = [arm.pop("n_simulated") for arm in (*first["arms"], *again["arms"])]
    assert simulated[0] > 0
    assert simulated[2:] == [0, 0]
    assert again == first
    return first


def works(a: float, b: float) -> bool:
    return 4.0 * a * b >= 2.0 and 5.0 * a * b <= 4.0


def admitted(low: float, high: float) -> tuple[list[float], list[float]]:
    """Return the gains of either divider that an API [low, high] of logical 1 admits."""
    first = [g for g in GAINS if low <= 4.0 * g and 5.0 * g <= high]
    return first, [g for g in GAINS if low * g >= 2.0 and high * g <= 4.0]


def best_product() -> int:
    ends = sorted({5.0 * g for g in GAINS} | {4.0 * g for g in GAINS})
    pairs = [admitted(a, b) for a in ends for b in ends if a < b]
    return max(len(first) * len(second) for first, second in pairs)


def test_finite_priors_are_counted_exactly(answer: dict[str, Any]) -> None:
    """Against the gains of all 625 pairs of dividers."""
    n = sum(works(a, b) for a in GAINS for b in GAINS)
    assert (answer["n_working_pairs"], answer["n_compared_pairs"]) == (n, 625)
    assert answer["log_volume_max"] == pytest.approx(np.log(best_product() / 625))
    assert answer["log_volume_max_by_points"] == pytest.approx(answer["log_volume_max"])
    assert answer["bayes"]["share_in_best_api"] == pytest.approx([best_product() / n] * 3)
    # 2,000 draws of exact banks, however few θ these are.
    for part in (answer["bayes"], answer["nulls"][0]):
        _, low, high = part["share_near"]
        assert high - low < 0.05


def test_every_arm_has_its_figures(answer: dict[str, Any]) -> None:
    """All keys of an answer, its intervals around their values, and one verdict."""
    assert [arm["name"] for arm in answer["arms"]] == [
        "adam-squared-first",
        "rejection-hinge-first",
    ]
    assert [null["name"] for null in answer["nulls"]] == ["classes", "apis", "prior", "shuffled"]
    for part in (*answer["arms"], answer["bayes"], *answer["nulls"]):
        for key in ("share_near", "share_in_best_api", "delta_median"):
            value, low, high = part[key]
            assert low is None or low <= value
            assert high is None or value <= high
    for arm in answer["arms"]:
        assert arm["n"] == arm["n_succeeded"] <= arm["n_runs"] == 20
        assert arm["success_rate"][0] == arm["n_succeeded"] / 20
        assert 0.0 <= arm["total_variation"] <= 1.0
        assert arm["without_lucky_starts"]["n"] <= arm["n"] - arm["n_lucky"] + arm["n_unplaced"]
    assert answer["verdict"] == answer["arms"][0]["verdict"]
    assert answer["plan"]["file"] == "plan.toml"
    json.dumps(answer, allow_nan=False)


def test_rejection_is_bayes(answer: dict[str, Any]) -> None:
    """20 chains drawn until they work, against all pairs of the banks."""
    value, *_ = answer["bayes"]["share_in_best_api"]
    _, low, high = answer["arms"][1]["share_in_best_api"]
    assert low <= value <= high
    assert answer["arms"][1]["n_succeeded"] == 20


def test_what_succeeds_is_placed_where_it_is(tmp_path: Path, write: Write) -> None:
    """In the best API or not, by the gains of each solution."""
    system = load_system(write("s.toml", dividers(2)))
    plan = load_plan(write("plan.toml", PLAN))
    found = predict_system(system, settings(tmp_path), plan)
    (low, high) = found.search.best.apis[0].sets["1"].intervals[0]
    arm = found.arms[0]
    theta = arm.training.theta[arm.training.succeeded]
    first, second = (theta[:, k + 1] / (theta[:, k] + theta[:, k + 1]) for k in (0, 2))
    assert all(map(works, first, second))
    sent, taken = admitted(low - 1e-3, high + 1e-3)
    inside = [
        np.isclose(a, sent, rtol=1e-6).any() and np.isclose(b, taken, rtol=1e-6).any()
        for a, b in zip(first, second, strict=True)
    ]
    assert arm.population.summary.n_unplaced == 0
    assert arm.population.share_in_best.value == pytest.approx(np.mean(inside))
    assert arm.population.delta.min() >= 0.0
    assert (arm.population.delta[np.array(inside)] == 0.0).all()


def test_another_prior_leans_in_turn(tmp_path: Path, write: Write) -> None:
    """r1 to large values, r2 to small ones; the weights have a mean of 1."""
    system = load_system(write("s.toml", dividers(2)))
    found = predict_system(system, settings(tmp_path), load_plan(write("plan.toml", PLAN)))
    weight = tilted_weights(found.search.second[0]).reshape(5, 5)
    u = (np.arange(5) + 0.5) / 5
    assert weight == pytest.approx(np.outer(0.5 + u, 1.5 - u))


@pytest.mark.parametrize("null", ["classes", "shuffled"])
def test_no_success_is_undecided(
    tmp_path: Path, write: Write, capsys: pytest.CaptureFixture[str], null: str
) -> None:
    """One step of one input can hardly lead anywhere; no figure is made up."""
    text = PLAN.replace("steps = 60", "steps = 0").replace("runs = 20", "runs = 1")
    text = text.replace('["classes"]', f'["{null}"]')
    system = load_system(write("s.toml", dividers(2, "[2.8, 4]")))
    found = predict_system(system, settings(tmp_path), load_plan(write("plan.toml", text)))
    answer = predict_answer(system, found, 0)
    assert answer["arms"][0]["n_succeeded"] == 0
    assert answer["verdict"] == "undecided"
    assert answer["arms"][0]["delta_median"][0] is None
    assert answer["nulls"][-1]["name"] == "shuffled"
    assert answer["nulls"][-1]["n"] == 0
    assert answer["shuffled_pairs_that_work"] is None
    print_prediction(answer)
    assert "undecided: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("near = 0.5", "near = -1", "near = -1 nat must be above 0"),
        ("near = 0.5", 'near = "x"', "near = 'x' must be a number"),
        ("share = 0.5", "share = 1.5", "share = 1.5 must lie between 0 and 1"),
        ("confidence = 0.95", "confidence = 2", "confidence = 2"),
        ("near = 0.5", f"near = 1{'0' * 400}", "near is too large a number"),
        ('["classes"]', '["apis", "apis"]', "'apis' is there twice"),
        ("runs = 20", "runs = 20\nn_directions = 2.0", "n_directions = 2.0 must be a whole number"),
        ("runs = 20", 'runs = 20\ncentral = "no"', "central = 'no' must be true or false"),
        ('optimizer = "adam"\n', "", "optimizer = None must be text"),
        ('"adam"', '["adam"]', "optimizer = ['adam'] must be text"),
        (
            '"rejection"\nloss = "hinge"\nstop = "first"',
            '"rejection"\nloss = "hinge"\nstop = "budget"',
            "would end at any draw",
        ),
        ('["classes"]', '["luck"]', "'luck' is unknown; there are classes, apis"),
        ("steps = 60", "steps = -1", "steps = -1"),
        ("steps = 60", "step = 60", "unknown key 'step'"),
        ("inputs = 2", "inputs = 0", "inputs = 0"),
        ('"adam"', '"adamant"', "number 1: optimizer = 'adamant' is unknown"),
        ('"squared"', '"cubic"', "loss = 'cubic' must be one of hinge, squared"),
        ('stop = "first"', 'stop = "last"', "stop = 'last' must be one of first, budget"),
        ("runs = 20", "runs = 0", "runs = 0"),
        ("runs = 20", 'runs = "many"', "runs = 'many' must be a whole number"),
        ("runs = 20", "runs = 20\nlearning_rate = 0.0", "learning_rate = 0 must be"),
        ("runs = 20", "runs = 20\nlearning_rate = true", "learning_rate = True must be a number"),
        ("runs = 20", "runs = 20\ntemperature = 1.0", "temperature = 1.0 is not used by adam"),
        ('"rejection"\nloss = "hinge"', '"adam"\nloss = "squared"', "is there twice"),
        ('"first"\nruns = 20', '"first"\nruns = 20\nhurry = 1', "unknown key 'hurry'"),
        ("[claim]", "[claims]", "unknown key 'claims'"),
        ("[[arms]]", "[arms]", "not a TOML file"),
    ],
)
def test_plans_out_of_range_are_refused(write: Write, old: str, new: str, words: str) -> None:
    path = write("plan.toml", PLAN.replace(old, new, 1))
    with pytest.raises(InputError, match=r"plan\.toml") as caught:
        load_plan(path)
    assert words in str(caught.value)


def test_a_plan_without_arms_is_refused(write: Write) -> None:
    with pytest.raises(InputError, match="there is no"):
        load_plan(write("plan.toml", PLAN.split("[[arms]]", maxsplit=1)[0]))


def test_the_bundled_plan_is_the_example() -> None:
    plan = load_plan(bundled_plan())
    assert plan.path == EXAMPLES / "prediction.toml"
    assert plan.arms[0].n_runs == 1000
    assert replace(plan, path=plan.path) == load_plan(EXAMPLES / "prediction.toml")


def test_only_pairs_are_tested(tmp_path: Path, write: Write) -> None:
    system = load_system(write("s.toml", dividers(3)))
    with pytest.raises(InputError, match="tested for two components in series"):
        predict_system(system, settings(tmp_path), load_plan(write("plan.toml", PLAN)))


def test_the_command_prints_the_verdict_and_draws(
    tmp_path: Path, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    system, plan = write("s.toml", dividers(2)), write("plan.toml", PLAN)
    files = [str(tmp_path / name) for name in ("banks", "d.png", "p.json")]
    options = ["--plan", str(plan), "--points", "501", "--max-gain", "0", "-j", "1"]
    with pytest.raises(SystemExit) as end:
        main(
            ["predict", str(system), *options]
            + [
                word
                for pair in zip(("--banks", "--figure", "-o"), files, strict=True)
                for word in pair
            ]
        )
    out = capsys.readouterr().out
    assert end.value.code == 0
    verdict = json.loads((tmp_path / "p.json").read_text())["verdict"]
    assert f"\n{verdict}: of " in out
    assert "adam-squared-first" in out
    assert (tmp_path / "d.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_trains_and_tests(tmp_path: Path, write: Write) -> None:
    """And counts with the given API inside, which the test does not look at."""
    given = '[[apis]]\nname = "free0"\n0 = "[0, 1]"\n1 = "[3, 5]"\n'
    text = dividers(2).replace('[[apis]]\nname = "free0"\nfree = true\n', given)
    system = load_system(write("s.toml", text))
    run = run_system(system, settings(tmp_path), tmp_path / "run", n_runs=10)
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["train"]["n_runs"] == 10
    assert results["predict"]["verdict"] in {"supported", "refuted", "undecided"}
    assert results["predict"]["arms"][0]["n_runs"] == 10
    assert results["not_tested"] is None
    assert run.test.why_not == ""


def test_a_run_of_one_component_trains_and_says_why_it_does_not_test(tmp_path: Path) -> None:
    system = load_system(EXAMPLES / "divider.toml")
    run = run_system(system, settings(tmp_path), tmp_path / "run", n_runs=3)
    assert run.answer["train"]["n_runs"] == 3
    assert run.answer["predict"] is None
    assert "two components in series" in run.answer["not_tested"]


def test_a_run_may_leave_training_out(tmp_path: Path) -> None:
    system = load_system(EXAMPLES / "divider.toml")
    run = run_system(system, settings(tmp_path), tmp_path / "run", n_runs=0)
    assert (run.answer["train"], run.answer["predict"]) == (None, None)
    with pytest.raises(InputError, match="runs = -1"):
        run_system(system, settings(tmp_path), tmp_path / "other", n_runs=-1)
