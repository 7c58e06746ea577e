"""Estimate events of known probability over and over: how often intervals cover, how far answers are off.

Writes docs/calibration.json. Toys first, the border between methods, then a divider through ngspice.
Usage: python benchmarks/calibrate.py [N_REPEATS] [N_REPEATS_THROUGH_NGSPICE]
"""

import json
import math
import sys
import tempfile
import time
from functools import partial
from multiprocessing import Pool
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from spicebuf.entropy import Effort, LogVolume, clopper_pearson, estimate  # noqa: E402
from spicebuf.system import load_system  # noqa: E402
from spicebuf.workflow import Settings, entropy_system  # noqa: E402
from tests.testsystems import narrow_divider  # noqa: E402
from tests.toys import TOYS, Toy, box  # noqa: E402

PRECISION = 0.2
CASES = {
    **TOYS,
    "box, 4-D, p = 1e-3": partial(box, 4, 1e-3),
    "box, 4-D, p = 0.5": partial(box, 4, 0.5),
}


def main(n_repeats: int = 100, n_circuits: int = 20) -> None:
    """Print a line for every case and write them all."""
    rows = []
    with Pool() as pool:
        for name, make in CASES.items():
            started = time.perf_counter()
            found = pool.map(partial(_toy, name), range(n_repeats), chunksize=1)
            rows.append(_row(name, make().log_p, found, time.perf_counter() - started))
    for p in (1e-4, 1e-6, 1e-8):
        started = time.perf_counter()
        found = [_divider(p, seed) for seed in range(n_circuits)]
        name = f"divider through ngspice, p = {p:g}"
        rows.append(_row(name, math.log(p), found, time.perf_counter() - started))
    answer = {"precision_nat": PRECISION, "cases": rows}
    (ROOT / "docs" / "calibration.json").write_text(json.dumps(answer, indent=2) + "\n")


def _toy(name: str, seed: int) -> LogVolume:
    toy: Toy = CASES[name]()
    return estimate(toy.judge, toy.d, [seed], Effort(PRECISION, max_simulations=50_000_000))


def _divider(p: float, seed: int) -> LogVolume:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "divider.toml"
        path.write_text(narrow_divider(p)[0])
        settings = Settings(
            n_samples=100,
            seed=seed,
            n_workers=2,
            method="splitting",
            precision=PRECISION,
            banks=Path(folder),
        )
        return entropy_system(load_system(path), settings).total


def _row(name: str, truth: float, found: list[LogVolume], seconds: float) -> dict[str, Any]:
    errors = np.array([volume.value for volume in found]) - truth
    limits = np.array([volume.interval for volume in found])
    covered = int(np.sum((limits[:, 0] <= truth) & (truth <= limits[:, 1])))
    widths = (limits[:, 1] - limits[:, 0]) / 2.0
    sizes = [volume.counts[0].n_samples for volume in found]
    opinions = [volume.splitting.opinion for volume in found if volume.splitting is not None]
    agreed = [each for each in opinions if each is not None and each.doubt is None]
    # Plain Monte Carlo with a binomial interval of the same half-width.
    plain = (1.96 / widths) ** 2 * (1.0 - math.exp(truth)) / math.exp(truth)
    row = {
        "case": name,
        "log_p": truth,
        "n_repeats": len(found),
        "evaluations": float(np.mean(sizes)),
        "rmse": float(np.sqrt(np.mean(errors**2))),
        "bias": float(errors.mean()),
        "covered": covered / len(found),
        "covered_95": list(clopper_pearson(covered, len(found), 0.025)),
        "half_width": float(widths.mean()),
        "importance_sampling_accepted": len(agreed) / len(found),
        "warned": sum(bool(volume.warnings) for volume in found) / len(found),
        "share_of_monte_carlo": float(np.mean(np.array(sizes) / plain)),
        "seconds": seconds,
    }
    print(
        f"{name:32s} {row['evaluations'] / 1e6:6.2f} M  rmse {row['rmse']:.3f}  "
        f"covered {row['covered']:.2f}  half-width {row['half_width']:.3f}  "
        f"sampling accepted {row['importance_sampling_accepted']:.2f}  "
        f"warned {row['warned']:.2f}  of Monte Carlo {row['share_of_monte_carlo']:.1e}",
        flush=True,
    )
    return row


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
