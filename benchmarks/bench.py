"""How long a θ takes here, in other programs that run ngspice, and in ngspice's own solver.

All get the same circuits, θ, 101 inputs and solver options. A round measures every program once, one
after the other; the best of the rounds counts. The floor is the time that ngspice spends in `dc` alone
for the decks of this project, in one process. Curves are compared with those of neospice, whose solver is
its own.

Usage: make bench    (or: python benchmarks/bench.py --help)
"""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spicebuf import simulate
from spicebuf.deck import SOLVER_OPTIONS, Bench, bench
from spicebuf.netlist import Template, bundled_path, read_template
from spicebuf.ngspice import Engine
from spicebuf.prior import draw
from spicebuf.simulate import run_job
from spicebuf.sweep import jobs_of, simulators, sweep
from spicebuf.system import Component

if TYPE_CHECKING:
    from collections.abc import Callable

CIRCUITS = ("cmos_buffer", "threshold_cell")
VDD, TEMPERATURE, N_POINTS = 5.0, 27.0, 101
PEERS = {
    "PySpice": "pyspice.py",
    "ngspice -b": "ngspice_batch.py",
    "sedes, 2 workers": "sedes_pool.py",
    "neospice": "neospice_run.py",
}
ORACLE = "neospice"
OURS = "spicebuf, 2 workers"
# Twice the accuracy of each of two programs would be 20 µV.
WRONG = 1e-4

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Circuit:
    """A circuit on the bench, and the θ at which all programs evaluate it."""

    template: Template
    bench: Bench
    theta: Array


def circuit(name: str, n: int) -> Circuit:
    """Draw `n` θ of a bundled circuit from its prior."""
    template = read_template(bundled_path(name))
    priors = template.priors
    on = bench(Component(name, template, {}, priors), VDD, TEMPERATURE, N_POINTS)
    return Circuit(template, on, draw(list(priors.values()), n, np.random.default_rng(0)))


def ours(on: Circuit, n_workers: int) -> tuple[float, Array]:
    """Time this project, once every worker has simulated something."""
    with simulators(n_workers) as pool:
        sweep(on.bench, on.theta[: on.bench.group * n_workers], pool)
        start = time.perf_counter()
        curves = sweep(on.bench, on.theta, pool)
        return time.perf_counter() - start, np.asarray(curves.vout[:, 0], dtype=np.float64)


class TimedEngine(Engine):
    """ngspice in this process, and the seconds that it spent in `dc`."""

    seconds = 0.0

    def _command(self, command: str) -> str:
        start = time.perf_counter()
        words = super()._command(command)
        if command.startswith("dc "):
            self.seconds += time.perf_counter() - start
        return words


def floor(engine: TimedEngine, on: Circuit) -> tuple[float, Array]:
    """Time ngspice's own `dc` for the decks that this project makes of these θ."""
    engine.seconds, found = 0.0, np.full((len(on.theta), N_POINTS), np.nan)
    for job in jobs_of(0, on.theta, on.bench):
        found[job.rows] = run_job(job).vout[:, 0]
    return engine.seconds, found


def peer(python: Path, script: str, on: Circuit) -> tuple[float, Array]:
    """Time a peer in its own environment."""
    request = {
        "netlist": on.template.path.read_text(encoding="utf-8"),
        "subcircuit": on.bench.subcircuit,
        "ports": on.bench.ports,
        "theta_names": on.bench.thetas,
        "theta": on.theta.tolist(),
        "vdd": VDD,
        "n_points": N_POINTS,
        "options": SOLVER_OPTIONS,
        "temperature": TEMPERATURE,
    }
    with tempfile.TemporaryDirectory() as folder:
        question, answer = Path(folder, "request.json"), Path(folder, "result.npz")
        question.write_text(json.dumps(request), encoding="utf-8")
        command = [python, Path(__file__).parent / "peers" / script, question, answer]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)  # noqa: S603 (ours)
        with np.load(answer) as found:
            return float(found["seconds"]), found["vout"]


def measure(name: str, n: int, rounds: int, python: Path, engine: TimedEngine) -> dict[str, Any]:
    """Measure all programs on one circuit."""
    on = circuit(name, n)
    programs: dict[str, Callable[[], tuple[float, Array]]] = {
        "spicebuf, 1 worker": lambda: ours(on, 1),
        OURS: lambda: ours(on, 2),
        "floor: dc alone": lambda: floor(engine, on),
    }
    for label, script in PEERS.items():
        programs[label] = lambda script=script: peer(python, script, on)  # type: ignore[misc]
    seconds: dict[str, list[float]] = {label: [] for label in programs}
    vout: dict[str, Array] = {}
    for number in range(rounds):
        for label, run in programs.items():
            print(f"\r{name}: round {number + 1} of {rounds}, {label:24s}", end="", file=sys.stderr)
            took, vout[label] = run()
            seconds[label].append(took)
    print(file=sys.stderr)
    best = {label: 1e6 * min(times) / n for label, times in seconds.items()}
    worst = {label: np.abs(v - vout[ORACLE]).max(axis=1) for label, v in vout.items()}
    return {
        label: {
            "us_per_theta": best[label],
            "us_per_theta_slowest_round": 1e6 * max(seconds[label]) / n,
            "times_ours": best[label] / best[OURS],
            # NaN, an incomplete curve, is wrong too.
            "n_wrong": int(np.count_nonzero(~(worst[label] < WRONG))),
            "largest_difference_V": float(np.max(worst[label])),
        }
        for label in programs
    }


def main() -> None:
    """Measure, print a table and write the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--theta", type=int, default=5000, help="θ per circuit")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", type=Path, default=Path(".venv-peers"), help="environment")
    parser.add_argument("--out", type=Path, default=Path("docs/bench.json"))
    chosen = parser.parse_args()
    python, out = (chosen.peers / "bin" / "python").absolute(), chosen.out.absolute()
    engine = TimedEngine()  # changes the working directory
    simulate.engine = lambda: engine
    found = {name: measure(name, chosen.theta, chosen.rounds, python, engine) for name in CIRCUITS}
    answer = {
        "machine": machine(),
        "ngspice": engine.version,
        "n_theta": chosen.theta,
        "n_points": N_POINTS,
        "rounds": chosen.rounds,
        "circuits": found,
    }
    out.write_text(json.dumps(answer, indent=2) + "\n", encoding="utf-8")
    print(f"{answer['machine']}; ngspice {engine.version}; {chosen.theta} θ, {N_POINTS} points")
    for name, rows in found.items():
        print(f"\n{name:22s} {'µs/θ':>8s} {'× ours':>8s} {'wrong θ':>8s}")
        for label, row in rows.items():
            print(
                f"{label:22s} {row['us_per_theta']:8.0f} {row['times_ours']:8.2f} {row['n_wrong']:8d}"
            )
        one, two, least = (
            rows[label]["us_per_theta"] for label in ("spicebuf, 1 worker", OURS, "floor: dc alone")
        )
        print(f"over the floor, per core: {one / least:.2f} (1 worker), {2 * two / least:.2f} (2)")


def machine() -> str:
    """Name this machine's processor."""
    cpus = Path("/proc/cpuinfo")
    lines = cpus.read_text(encoding="utf-8").splitlines() if cpus.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {len(names)} cores" if names else platform.machine()


if __name__ == "__main__":
    main()
