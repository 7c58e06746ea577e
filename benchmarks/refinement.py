"""Verdicts on 20,000 threshold cells from 26, 101 and 1,001 points, and from few points refined.

Usage: python benchmarks/refinement.py [N]
"""

import sys
import time
from pathlib import Path

import numpy as np

from spicebuf.check import Checks, Reached, Verdict, check_curves
from spicebuf.deck import bench
from spicebuf.pools import Pool
from spicebuf.refine import refine
from spicebuf.source import Source
from spicebuf.sweep import simulators, sweep
from spicebuf.system import System, load_system

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "seed.toml"
POINTS, FINE = (26, 101, 1001), 1001
MAX_GAINS = (10.0, 100.0, 1000.0)


def main(n: int = 20_000) -> None:
    """Print a line for every grid, and for every refinement of it."""
    system = load_system(EXAMPLE)
    with simulators(2) as pool:
        for k in range(len(system.components)):
            _component(system, k, n, pool)


def _component(system: System, index: int, n: int, pool: Pool) -> None:
    component = system.components[index]
    theta = Source("monte-carlo", component.priors, 0, component.name).theta(0, n)
    apis = (system.apis[index], system.apis[index + 1])
    found: list[tuple[str, float, Checks]] = []
    for n_points in POINTS:
        on = bench(component, system.vdd, system.temperature, n_points)
        started = time.perf_counter()
        curves = sweep(on, theta, pool)
        grid = check_curves(curves, on.vin, *apis, system.vdd)
        took = time.perf_counter() - started
        found.append((f"{n_points} points", took, grid))
        for max_gain in MAX_GAINS:
            started = time.perf_counter()
            settled = refine(on, theta, curves, grid, apis, max_gain, pool)
            more = time.perf_counter() - started
            found.append((f"{n_points} points, gain ≤ {max_gain:g}", took + more, settled))
    truth = next(each for each in found if each[0] == f"{FINE} points")
    for what, seconds, checks in found:
        n_by = {verdict.word: int(np.sum(checks.verdict == verdict)) for verdict in Verdict}
        by = {reached.word: int(np.sum(checks.reached == reached)) for reached in Reached}
        print(
            f"{component.name}, {what:26s} {seconds / truth[1]:.3f} of the time; {n_by}; {by}; "
            f"{int(np.sum(checks.verdict != truth[2].verdict))} differ from {FINE} points",
            flush=True,
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
