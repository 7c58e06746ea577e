"""Count over many seeds how often the interval of `spicebuf entropy` holds the closed form.

Every seed makes its own bank of the divider through ngspice, as the command does, in a folder that is
removed at the end. Usage: python benchmarks/divider_coverage.py [N_SEEDS] [N_SAMPLES]
"""

import math
import sys
import tempfile
from pathlib import Path

from spicebuf.entropy import clopper_pearson
from spicebuf.system import load_system
from spicebuf.workflow import Settings, entropy_system

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "divider.toml"


def closed_form() -> float:
    """Log of the share of gains in [0.4, 0.6]: log(r2/r1) is triangular on [−log 1000, log 1000]."""
    edge, span = math.log(0.6 / 0.4), math.log(1000.0)
    return math.log(edge * (2.0 * span - edge) / span**2)


def main(n_seeds: int = 200, n_samples: int = 500) -> None:
    """Print the coverage and its own 95 % interval."""
    system, truth, n_covered = load_system(EXAMPLE), closed_form(), 0
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(n_seeds):
            settings = Settings(n_samples=n_samples, seed=seed, n_workers=2, banks=Path(folder))
            low, high = entropy_system(system, settings).total.interval
            n_covered += low <= truth <= high
    low, high = clopper_pearson(n_covered, n_seeds, 0.025)
    print(f"closed form {truth:.4f} nat; {n_seeds} seeds of {n_samples} θ")
    print(f"covered {n_covered}/{n_seeds} = {n_covered / n_seeds:.3f} [{low:.3f}, {high:.3f}]")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
