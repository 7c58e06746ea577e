"""Profile sets of known exponents over and over: how often intervals cover, how far answers are off.

Writes docs/exponents.json and draws one profile of each in docs/exponents.png.
Usage: python benchmarks/exponents.py [N_REPEATS] [N_REPEATS_THROUGH_NGSPICE]
"""

import json
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from multiprocessing import Pool
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from spicebuf.entropy import Effort, Profile, estimate_profile  # noqa: E402
from spicebuf.report import draw_profiles  # noqa: E402
from spicebuf.system import load_system  # noqa: E402
from spicebuf.workflow import Ladder, Settings, profile_system  # noqa: E402
from tests.testsystems import divider_log_volume  # noqa: E402
from tests.toys import SETS, Floats, slope_near  # noqa: E402

PRECISION = 0.2
DIVIDER = "divider, gain of 1/2"


def main(n_repeats: int = 100, n_circuits: int = 10) -> None:
    """Print a line for every set and write them all."""
    rows, drawn = [], {}
    with Pool() as pool:
        for name, known in SETS.items():
            found = pool.map(partial(_known, name), range(n_repeats), chunksize=1)
            drawn[name] = found[0]
            rows.append(_row(name, found, known.log_volume(found[0].epsilon)))
    found = [_divider(seed) for seed in range(n_circuits)]
    drawn[DIVIDER] = found[0]
    # A margin ≥ −ε between 2 and 2.5 V for inputs from 4 to 5 V: a gain of (2 − ε)/4 to (2.5 + ε)/5.
    truth = [divider_log_volume((2.0 - e) / 4.0, (2.5 + e) / 5.0) for e in found[0].epsilon]
    rows.append(_row(DIVIDER, found, np.array(truth)))
    answer = {"precision_nat": PRECISION, "cases": rows}
    (ROOT / "docs" / "exponents.json").write_text(json.dumps(answer, indent=2) + "\n")
    draw_profiles(drawn, "loss", "nat", ROOT / "docs" / "exponents.png")


def _known(name: str, seed: int) -> Profile:
    known = SETS[name]
    epsilon = np.geomspace(known.least, 0.4, 13)
    return estimate_profile(known.judge, known.d, epsilon, 1.0, [seed], Effort(PRECISION))


def _divider(seed: int) -> Profile:
    text = (ROOT / "examples" / "divider.toml").read_text().replace("[1.6, 3]", "[2, 2.5]")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "divider.toml"
        path.write_text(text)
        settings = Settings(seed=seed, n_workers=2, precision=PRECISION, banks=Path(folder))
        found = profile_system(load_system(path), settings, Ladder(low=0.001, high=0.5))
    return found.components[0].profile


def _row(name: str, found: Sequence[Profile], truth: Floats) -> dict[str, Any]:
    limits = np.array([each.interval for each in found])
    inside = (limits[..., 0] <= truth) & (truth <= limits[..., 1])
    slope = slope_near(found[0].epsilon, truth)
    slopes = [each.learning for each in found if each.learning is not None]
    ends = np.array([each.interval for each in slopes])
    fits = [each.logarithm for each in found if each.logarithm is not None]
    row = {
        "case": name,
        "n_repeats": len(found),
        "evaluations": float(np.mean([each.counts.n_samples for each in found])),
        "volumes_covered": float(inside.mean()),
        "slope_known": slope,
        "slope": float(np.mean([each.value for each in slopes])),
        "slope_rmse": float(np.sqrt(np.mean([(each.value - slope) ** 2 for each in slopes]))),
        "slope_covered": float(np.mean((ends[:, 0] <= slope) & (slope <= ends[:, 1]))),
        "fitted": len(fits) / len(found),
        "multiplicity": float(np.mean([fit.multiplicity.value for fit in fits])) if fits else None,
        "exponent": float(np.mean([fit.slope.value for fit in fits])) if fits else None,
    }
    print(json.dumps(row), flush=True)
    return row


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
