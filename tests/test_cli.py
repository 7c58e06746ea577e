"""The commands as a user meets them: exit statuses, streams, JSON, and no tracebacks."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import EXAMPLES
from tests.testsystems import BINNED

Write = Callable[[str, str], Path]
Run = Callable[..., subprocess.CompletedProcess[str]]
COMMAND = [sys.executable, "-m", "spicebuf_cli"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run spicebuf in the test's folder as a process of its own."""

    def spicebuf(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*COMMAND, *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert "Traceback" not in done.stderr
        return done

    return spicebuf


def test_check_satisfied(run: Run) -> None:
    done = run("check", EXAMPLES / "inverters.toml", "--json")
    answer = json.loads(done.stdout)
    assert done.returncode == 0
    assert done.stderr == ""
    assert answer["satisfied"] is True
    assert answer["restoring"] is True
    first = answer["components"][0]
    assert (first["name"], first["verdict"]) == ("first", "satisfied")
    assert first["margin"] > 0
    assert set(first["witness"]) == {"logic", "vin", "vout", "branch"}


def test_check_violated_prints_a_table(run: Run) -> None:
    done = run("check", EXAMPLES / "seed.toml")
    assert done.returncode == 1
    assert "violated" in done.stdout
    assert "not restoring" in done.stdout


def test_check_of_a_theta_file(run: Run) -> None:
    done = run("check", EXAMPLES / "seed.toml", "--theta", EXAMPLES / "seed-theta.toml")
    assert done.returncode == 0, done.stdout
    assert "satisfied" in done.stdout


def test_check_of_a_circuit_without_an_operating_point(run: Run, write: Write) -> None:
    write("floating.cir", ".subckt floating in out\nc1 in out 1p\n.ends\n")
    text = (EXAMPLES / "divider.toml").read_text().replace("resistor_divider", "floating.cir")
    done = run("check", write("s.toml", text), "--json")
    (part,) = json.loads(done.stdout)["components"]
    assert done.returncode == 3
    assert (part["verdict"], part["margin"], part["witness"]) == ("unsimulated", None, None)
    assert "transient" in part["reason"].lower()


def test_entropy_and_sweep_share_their_banks(run: Run) -> None:
    swept = run("sweep", EXAMPLES / "grid.toml", "--json")
    assert json.loads(swept.stdout)["components"][0]["n_simulated"] == 729
    answer = json.loads(run("entropy", EXAMPLES / "grid.toml", "--json").stdout)
    assert answer["n_simulated"] == 0
    assert answer["interval"] == [answer["log_volume"]] * 2
    assert {"version", "seed", "confidence", "log_count"} <= set(answer)
    (part,) = answer["components"]
    assert set(part) >= {
        "name", "log_volume", "interval", "n_samples", "n_satisfied", "n_borderline",
        "n_unsimulated", "method", "log_count",
    }  # fmt: skip
    bits = json.loads(run("entropy", EXAMPLES / "grid.toml", "--json", "--bits").stdout)
    assert bits["log_volume"] == pytest.approx(answer["log_volume"] / 0.6931471805599453)


def test_minus_infinity_is_null(run: Run, write: Write) -> None:
    text = (EXAMPLES / "divider.toml").read_text().replace("[1.6, 3]", "[4.99, 5]")
    done = run("entropy", write("s.toml", text), "-n", "64", "--json", "--method", "monte-carlo")
    answer = json.loads(done.stdout)
    assert answer["log_volume"] is None
    assert answer["interval"][0] is None
    assert answer["interval"][1] < 0
    assert answer["components"][0]["n_satisfied"] == 0
    table = run("entropy", write("s.toml", text), "-n", "64", "--max-simulations", "9000").stdout
    assert "−inf" in table
    (n_draws,) = re.findall(r"it rests on (\d+) independent draws of the prior", table)
    assert 4_000 < int(n_draws) <= 8_600
    assert "warning: stopped after" in table


def test_a_rare_event_is_told_with_its_second_opinion(run: Run) -> None:
    arguments = ("entropy", EXAMPLES / "divider.toml", "-n", "64", "--method", "splitting")
    table = run(*arguments).stdout
    assert "8 runs over" in table
    assert "importance sampling" in table
    (part,) = json.loads(run(*arguments, "--json").stdout)["components"]
    found = part["splitting"]
    assert (found["n_runs"], found["n_clusters"]) == (8, 1)
    assert len(found["run_log_volumes"]) == len(found["n_ancestors_by_run"]) == 8
    low, high = found["importance_sampling"]["interval"]
    assert low < part["log_volume"] < high


@pytest.mark.parametrize(
    "wrong", [("--precision", "0"), ("--max-gain", "-1"), ("--precision", "nan")]
)
def test_options_out_of_range_are_exit_status_2(run: Run, wrong: tuple[str, str]) -> None:
    done = run("entropy", EXAMPLES / "divider.toml", *wrong)
    assert done.returncode == 2
    assert wrong[0].removeprefix("--") in done.stderr
    assert "Traceback" not in done.stderr


def test_run_prints_the_table_and_names_its_folder(run: Run, tmp_path: Path) -> None:
    done = run("run", EXAMPLES / "inverters.toml", "-n", "100", "--runs", "0")
    assert done.returncode == 0
    assert "\nsum " in done.stdout
    assert "runs/inverters-1" in done.stderr
    assert (tmp_path / "runs" / "inverters-1" / "results.json").exists()
    run("run", EXAMPLES / "inverters.toml", "-n", "100", "--runs", "0")
    assert (tmp_path / "runs" / "inverters-2" / "results.json").exists()


def test_a_sweep_ends_with_what_was_rerun_and_why_not(run: Run, write: Write) -> None:
    """A model that exists for some widths only; --verbose adds ngspice's own words."""
    write("binned.cir", BINNED.replace("w=2u", "w=6u").replace("0.1u, 100u", "5u, 20u"))
    text = (EXAMPLES / "divider.toml").read_text().replace("resistor_divider", "binned.cir")
    done = run("sweep", write("s.toml", text), "-n", "40", "--points", "11", "--verbose")
    assert done.returncode == 0
    assert "x ngspice refused the deck" in done.stderr
    assert " alone, 0 on the ladder" in done.stderr
    assert "could not find a valid modelname" in done.stderr


def test_ngspices_words_for_one_theta(run: Run) -> None:
    done = run("check", EXAMPLES / "inverters.toml", "--verbose")
    assert "No. of Data Rows : 1001" in done.stderr
    assert "No. of Data Rows" not in done.stdout


def test_decks_are_dumped_once(run: Run, tmp_path: Path) -> None:
    done = run("sweep", EXAMPLES / "inverters.toml", "--dump-deck", "3")
    assert done.stdout.split() == ["first-3.cir", "second-3.cir"]
    assert ".dc vin 0.0 5.025 0.05" in (tmp_path / "first-3.cir").read_text()
    assert not (tmp_path / "banks").exists()
    (tmp_path / "first-3.cir").write_text("mine")
    assert run("sweep", EXAMPLES / "inverters.toml", "--dump-deck", "3").returncode == 2
    assert (tmp_path / "first-3.cir").read_text() == "mine"


def test_no_progress_bar_in_a_pipe(run: Run) -> None:
    done = run("entropy", EXAMPLES / "divider.toml", "-n", "300")
    assert "\x1b" not in done.stderr + done.stdout
    assert "━━━ 1" not in done.stderr


def test_netlists_are_listed_shown_and_copied(run: Run, tmp_path: Path) -> None:
    assert "cmos_schmitt_buffer" in run("netlists").stdout
    listed = json.loads(run("netlists", "--json").stdout)["netlists"]
    assert len(listed) == 7
    shown = run("netlists", "show", "cmos_inverter").stdout
    assert run("netlists", "copy", "cmos_inverter", "mine.cir").returncode == 0
    assert (tmp_path / "mine.cir").read_text() == shown
    again = run("netlists", "copy", "cmos_inverter", "mine.cir")
    assert again.returncode == 2
    assert "is there already" in again.stderr


def test_doctor_finds_all_in_order(run: Run) -> None:
    done = run("doctor", "--json")
    answer = json.loads(done.stdout)
    assert done.returncode == 0, done.stdout
    assert answer["ok"]
    assert len(answer["findings"]) == 9


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "none.toml"),
        ("check",),
        ("nothing",),
        ("check", EXAMPLES / "seed.toml", "--theta", "none.toml"),
        ("check", EXAMPLES / "seed.toml", "--points", "1"),
        ("entropy", EXAMPLES / "seed.toml", "-n", "0"),
        ("entropy", EXAMPLES / "seed.toml", "-n", "x"),
        ("entropy", EXAMPLES / "seed.toml", "-n", "1000000000000"),
        ("entropy", EXAMPLES / "seed.toml", "--seed", "-1"),
        ("entropy", EXAMPLES / "seed.toml", "-j", "0"),
        ("entropy", EXAMPLES / "seed.toml", "--batch", "0"),
        ("entropy", EXAMPLES / "seed.toml", "--scheduler", "nowhere"),
        ("sweep", EXAMPLES / "seed.toml", "--dump-deck", "-1"),
        ("entropy", EXAMPLES / "seed.toml", "--confidence", "95"),
        ("entropy", EXAMPLES / "seed.toml", "--method", "magic"),
        ("netlists", "show", "none"),
        ("sweep", EXAMPLES / "seed.toml", "-n", "1", "-o", "/proc/none"),
    ],
)
def test_bad_input_is_exit_status_2_and_a_short_message(
    run: Run, arguments: tuple[str | Path, ...]
) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert 0 < len(done.stderr.strip().splitlines()) <= 4


@pytest.mark.parametrize("command", ["check", "sweep", "doctor"])
def test_no_ngspice_is_exit_status_3_and_how_to_install_it(
    run: Run, tmp_path: Path, command: str
) -> None:
    """A library that the loader cannot find: ldconfig and compilers are out of reach."""
    hidden = "import ctypes.util; ctypes.util.find_library = lambda name: None\n"
    (tmp_path / "sitecustomize.py").write_text(hidden)
    arguments = () if command == "doctor" else (EXAMPLES / "inverters.toml",)
    done = run(command, *arguments, PYTHONPATH=str(tmp_path), NGSPICE_LIBRARY_PATH="")
    assert done.returncode == 3
    assert "apt install libngspice0" in done.stderr + done.stdout


def test_a_library_that_is_none_is_exit_status_3(run: Run, tmp_path: Path) -> None:
    (tmp_path / "no.so").write_bytes(b"no library")
    for path in ("no.so", "none.so"):
        done = run("doctor", NGSPICE_LIBRARY_PATH=str(tmp_path / path))
        assert done.returncode == 3
        assert "cannot be loaded" in done.stdout


def test_no_temporary_folder_is_left(run: Run, tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    run("check", EXAMPLES / "inverters.toml", TMPDIR=str(tmp_path / "tmp"))
    assert not list((tmp_path / "tmp").glob("spicebuf-*"))


def test_a_netlist_cannot_run_a_command(run: Run, write: Write, tmp_path: Path) -> None:
    evil = f"shell touch {tmp_path}/evil"
    for trick in (f".control\n{evil}\n.endc", f"*# {evil}", f"* x\v.control\v{evil}\v.endc"):
        write("bad.cir", f"{trick}\n.subckt bad in out\nr1 in out 1\n.ends\n")
        text = (EXAMPLES / "divider.toml").read_text().replace("resistor_divider", "bad.cir")
        done = run("check", write("s.toml", text))
        assert done.returncode == 2
        assert "bad.cir:" in done.stderr
    assert not (tmp_path / "evil").exists()


def test_a_start_up_file_of_the_user_does_not_run(run: Run, tmp_path: Path) -> None:
    (tmp_path / ".spiceinit").write_text(f"shell touch {tmp_path}/evil\n")
    assert run("check", EXAMPLES / "inverters.toml", HOME=str(tmp_path)).returncode == 0
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_sweep_goes_on(run: Run, tmp_path: Path, how: signal.Signals) -> None:
    """Stopped in the middle, the next call simulates the rest; the bank is that of one call."""
    # Many blocks: most are still to come when the first is seen.
    arguments = ["sweep", str(EXAMPLES / "divider.toml"), "-n", "60000", "-j", "2", "--json"]
    process = subprocess.Popen(
        [*COMMAND, *arguments], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not list(tmp_path.glob("banks/*.zarr/status/c/*")):
        time.sleep(0.01)
    process.send_signal(how)
    _, words = process.communicate(timeout=30)
    assert process.returncode == (130 if how == signal.SIGINT else -signal.SIGKILL)
    assert b"Traceback" not in words
    resumed = json.loads(run(*arguments).stdout)["components"][0]
    assert 0 < resumed["n_simulated"] < 60_000
    whole = tmp_path / "whole"
    run(*arguments, "-o", whole)
    for part in ("vout", "status", "theta"):
        (left,), (right,) = (
            [list_files(bank / part) for bank in folder.glob("*.zarr")]
            for folder in (tmp_path / "banks", whole)
        )
        assert left == right


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 1 MiB in memory, where this process may."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a tmpfs needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_loses_nothing_that_is_finished(
    run: Run, tmp_path: Path, small_disk: Path
) -> None:
    arguments = ["sweep", EXAMPLES / "schmitt.toml", "-n", "3000", "--points", "26", "--json"]
    full = run(*arguments, "-o", small_disk)
    assert full.returncode == 2
    assert "No space left on device" in full.stderr
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    resumed = json.loads(run(*arguments, "-o", small_disk).stdout)["components"][0]
    assert resumed["n_damaged_blocks"] == 0
    run(*arguments, "-o", tmp_path / "whole")
    (left,), (right,) = (
        [list_files(bank) for bank in folder.glob("*.zarr")]
        for folder in (small_disk, tmp_path / "whole")
    )
    assert left == right


def test_a_read_only_disk(run: Run, small_disk: Path) -> None:
    """A complete bank there still answers; one that lacks curves says what is wrong."""
    arguments = ["sweep", EXAMPLES / "divider.toml", "--points", "11", "-o", small_disk, "--json"]
    assert run(*arguments, "-n", "64").returncode == 0
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    again = run(*arguments, "-n", "64")
    assert json.loads(again.stdout)["components"][0]["n_simulated"] == 0
    more = run(*arguments, "-n", "128")
    assert more.returncode == 2
    assert "Read-only file system" in more.stderr


def list_files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_users_own_copy_of_a_template_works_the_same_way(run: Run, tmp_path: Path) -> None:
    shutil.copyfile(EXAMPLES / "inverters.toml", tmp_path / "s.toml")
    run("netlists", "copy", "cmos_inverter", "mine.cir")
    text = (tmp_path / "s.toml").read_text().replace('"cmos_inverter"', '"mine.cir"')
    (tmp_path / "s.toml").write_text(text)
    mine = json.loads(run("check", "s.toml", "--json").stdout)
    bundled = json.loads(run("check", EXAMPLES / "inverters.toml", "--json").stdout)
    assert mine["components"] == bundled["components"]


def test_a_profile_is_printed_and_drawn(run: Run, tmp_path: Path) -> None:
    options = ["--profile", "--precision", "0.4", "--epsilon", "0.05", "0.5", "-j", "2"]
    files = ["--figure", "p.svg", "-o", "p.json"]
    done = run("entropy", EXAMPLES / "divider.toml", *options, *files)
    assert done.returncode == 0
    assert "mean slope from the least ε" in done.stdout
    assert "drawn in p.svg" in done.stderr
    assert (tmp_path / "p.svg").read_text().startswith("<?xml")
    (part,) = json.loads((tmp_path / "p.json").read_text())["components"]
    assert len(part["epsilon"]) == len(part["log_volume"]) == len(part["slopes"]) + 1 == 13
    assert part["learning_coefficient"]["interval"][0] > 0.1
    assert part["steady"] is False
    assert "it still changes there" in done.stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--loss", "margin"], "--loss needs --profile"),
        (["--epsilon", "0.1", "1"], "--epsilon needs --profile"),
        (["--profile", "--from", str(EXAMPLES / "divider.toml")], "--from"),
        (["--profile", "--figure", "p.xyz"], ".png, .svg, .pdf"),
        (["--profile", "--epsilon", "1", "0.1"], "LOW < HIGH"),
        (["--profile", "--figure", "missing/p.png"], "its folder does not exist"),
        (["-o", "."], "is a folder"),
        (["--profile", "--method", "enumeration"], "enumeration"),
        (["--profile", "--precision", "0"], "precision"),
        (["--profile", "-n", "20000"], "leave --samples out"),
    ],
)
def test_a_profile_that_cannot_be(run: Run, options: list[str], words: str) -> None:
    done = run("entropy", EXAMPLES / "divider.toml", *options)
    assert done.returncode == 2
    assert done.stdout == ""
    assert words in done.stderr


def test_answers_that_nobody_can_keep_are_warned_of_once(run: Run) -> None:
    options = ["--profile", "--max-simulations", "4000", "--banks", "/proc/none"]
    done = run("entropy", EXAMPLES / "divider.toml", *options)
    assert done.returncode == 0
    (words,) = re.findall("^warning: (.*)$", done.stderr, re.MULTILINE)
    assert words.startswith("/proc/none/divider.journal: cannot be written")


def test_one_component_has_no_sum_and_a_common_event_no_second_opinion(
    run: Run, write: Write
) -> None:
    """Three of four dividers leave an eighth of their input: draws of the prior suffice."""
    text = (EXAMPLES / "divider.toml").read_text()
    system = write("s.toml", text.replace("[0, 1]", "[0, 0.4]").replace("[1.6, 3]", "[0.5, 5]"))
    done = run("entropy", system, "-n", "64", "--method", "splitting")
    assert "\ndivider " in done.stdout
    assert "\nsum " not in done.stdout
    assert "8 runs over 0 level(s)" in done.stdout
    assert "importance sampling" not in done.stdout


def test_the_chain_counted_as_one_component(run: Run) -> None:
    done = run("entropy", EXAMPLES / "inverters.toml", "--end-to-end", "-n", "300", "--json")
    (part,) = json.loads(done.stdout)["components"]
    assert part["name"] == "chain"
    assert 0.6 < part["n_satisfied"] / 300 < 0.9
