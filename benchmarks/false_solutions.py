"""How often ngspice takes for a solution what is none, with and without the node that watches.

A circuit without feedback has one curve, so sweeps up and down must agree. Usage:
python benchmarks/false_solutions.py [TEMPLATE] [N_THETA] [BATCH]
"""

import sys
from dataclasses import replace

import numpy as np
from bench import circuit

from spicebuf.deck import ACCURACY, Bench, branch_sweeps, compose, output_names
from spicebuf.ngspice import Engine


def count(on: Bench, theta: np.ndarray, engine: Engine) -> tuple[int, float]:
    """Return how many θ have sweeps that differ, and by how much at most [V]."""
    branches, worst = branch_sweeps(replace(on, states=("out",))), []
    for first in range(0, len(theta), on.batch):
        some = theta[first : first + on.batch]
        result = engine.simulate(compose(on, some), output_names(len(some)), branches)
        if result.curves is None:
            sys.exit(f"θ {first} and its company were not simulated: {result.status.meaning}")
        worst += np.abs(result.curves[:, 0] - result.curves[:, 1]).max(axis=1).tolist()
    return sum(difference > 2.0 * ACCURACY for difference in worst), max(worst)


def main(name: str = "cmos_buffer", n: int = 4000, batch: int = 1) -> None:
    """Print both counts."""
    on = circuit(name, n)
    bench, engine = replace(on.bench, batch=batch), Engine()
    for label, each in (("not watched", replace(bench, watched=())), ("watched", bench)):
        n_wrong, worst = count(each, on.theta, engine)
        print(f"{name}, {batch} a deck, {label}: {n_wrong} of {n} θ differ, by up to {worst:.2g} V")


if __name__ == "__main__":
    main(*sys.argv[1:2], *map(int, sys.argv[2:]))
