"""What a million costs: memory over many decks, time per θ against their number, and reading a bank.

The bank of a million CMOS buffers is made, dropped from the system's cache as far as it lets us, and
checked in a process of its own, whose time and peak memory count.

Usage: make scale    (or: python benchmarks/scale.py --help)
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from bench import circuit, machine

from spicebuf.bank import open_bank
from spicebuf.check import Verdict, check_curves
from spicebuf.deck import Stretch
from spicebuf.simulate import Job, run_job
from spicebuf.source import Source
from spicebuf.sweep import ngspice_version, simulators
from spicebuf.system import load_system
from spicebuf.workflow import Settings, sweep_system
from spicebuf.workflow.banks import fill_bank, put_on_bench, source_of

SYSTEM = """[system]
vdd = 5.0
[[components]]
name = "buffer"
netlist = "cmos_buffer"
[[apis]]
name = "input"
0 = "[0, 1.5]"
1 = "[3.5, 5]"
[[apis]]
name = "output"
0 = "[0, 0.5]"
1 = "[4.5, 5]"
"""
SIZES = (1_000, 10_000, 200_000)


def memory(n_decks: int) -> list[dict[str, float]]:
    """Simulate decks of one θ in this process, in turn altered and loaded anew; return its size."""
    inverter = circuit("cmos_inverter", 64)
    altered, theta = (
        replace(inverter.bench, stretches=(Stretch(0.0, 5.0, 11),), batch=1),
        inverter.theta,
    )
    loaded = replace(altered, alterations=None)
    curve = []
    for number in range(n_decks + 1):
        if number % (n_decks // 20) == 0:
            pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
            curve.append({"decks": number, "MB": pages * resource.getpagesize() / 1e6})
            print(f"\r{number} decks, {curve[-1]['MB']:.1f} MB", end="", file=sys.stderr)
        on = altered if number % 2 else loaded
        row = theta[[number % len(theta)]]
        run_job(Job(0, np.arange(1), row, on, batch=1))
    print(file=sys.stderr)
    return curve


def cost(folder: Path) -> list[dict[str, float]]:
    """Fill banks of growing size with two workers that are already running; return µs per θ."""
    system = load_system(folder / "system.toml")
    (component,) = system.components
    on, rows = circuit("cmos_buffer", 1).bench, []
    with simulators(2) as pool:
        version = ngspice_version(pool)
        seeds = count(100)
        for n in (512, *SIZES):
            # A fifth of a second can hit a bad moment; the large ones take long enough.
            spent = []
            for _ in range(5 if n < max(SIZES) else 1):
                source = Source("monte-carlo", component.priors, next(seeds), "scale")
                bank = open_bank(folder / "cost", on, source, version, n)
                with bank.locked():
                    start = time.perf_counter()
                    fill_bank(bank, n, component, pool)
                spent.append(time.perf_counter() - start)
            rows.append({"n": n, "us_per_theta": 1e6 * float(np.median(spent)) / n})
            print(rows[-1], file=sys.stderr)
    return rows[1:]  # the first warms the workers


def reading(folder: Path, n: int) -> dict[str, Any]:
    """Make a bank of `n` and check it in a process of its own."""
    start = time.perf_counter()
    (swept,) = sweep_system(load_system(folder / "system.toml"), settings(folder, n))
    made = time.perf_counter() - start
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    command = [sys.executable, __file__, "--check", str(folder), "--curves", str(n)]
    command += ["--ngspice", swept.bank.ngspice_version]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 (ours)
    return {"n": n, "seconds_to_make": made, **json.loads(done.stdout)}


def check(folder: Path, n: int, version: str) -> dict[str, float]:
    """Check a complete bank against its APIs, checksums included."""
    system = load_system(folder / "system.toml")
    (component,), chosen = system.components, settings(folder, n)
    on, source = put_on_bench(system, component, chosen), source_of(component, chosen)
    bank = open_bank(chosen.banks, on, source, version, n)
    start, n_satisfied = time.perf_counter(), 0
    for curves in bank.read(n):
        checks = check_curves(curves, on.vin, *system.apis, system.vdd)
        n_satisfied += int(np.count_nonzero(checks.verdict == Verdict.SATISFIED))
    seconds = time.perf_counter() - start
    return {
        "n_satisfied": n_satisfied,
        "seconds": seconds,
        "curves_per_second": n / seconds,
        "peak_MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
    }


def settings(folder: Path, n: int) -> Settings:
    """Return settings for a bank of `n` in a folder."""
    return Settings(n_samples=n, n_workers=2, banks=folder / "banks")


def main() -> None:
    """Measure, print and write the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--decks", type=int, default=100_000)
    parser.add_argument("--curves", type=int, default=1_000_000)
    parser.add_argument("--check", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--ngspice", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=Path("docs/scale.json"))
    chosen = parser.parse_args()
    if chosen.check:
        print(json.dumps(check(chosen.check, chosen.curves, chosen.ngspice)))
        return
    out = chosen.out.absolute()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "system.toml").write_text(SYSTEM, encoding="utf-8")
        found = {
            "machine": machine(),
            "cost": cost(folder),
            "reading": reading(folder, chosen.curves),
            "memory": memory(chosen.decks),
        }
    out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(found["machine"])
    for row in found["cost"]:
        print(f"{row['n']:>9} θ: {row['us_per_theta']:.1f} µs/θ")
    read = found["reading"]
    print(
        f"{read['n']} curves checked in {read['seconds']:.2f} s "
        f"({read['curves_per_second']:.3g}/s), peak memory {read['peak_MB']:.0f} MB"
    )
    for point in found["memory"]:
        print(f"{point['decks']:>9} decks: {point['MB']:.1f} MB")


if __name__ == "__main__":
    main()
