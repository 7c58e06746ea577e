"""How long the search for the best API between two banks of seed.toml takes, by their size.

Usage: python benchmarks/search.py [--banks FOLDER] [-n SAMPLES ...] [-k MAX_INTERVALS ...] [--json]
"""

import argparse
import json
import resource
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from spicebuf.images import sets_of
from spicebuf.search import Images, Preimages, count_solutions, search
from spicebuf.system import load_system
from spicebuf.workflow import Settings, sweep_system
from spicebuf.workflow.readings import BankLink

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "seed.toml"
GRIDS = (None, 0.05)
MAX_SECONDS = 300.0


def main(
    banks: Path, samples: Sequence[int], max_intervals: Sequence[int], *, as_json: bool
) -> None:
    """Print a line for every number of θ, of intervals, and for every grid."""
    rows = []
    for row in _rows(banks, samples, max_intervals):
        rows.append(row)
        if not as_json:
            print(_line(row), flush=True)
    if as_json:
        print(json.dumps(rows, indent=2))


def _rows(
    banks: Path, samples: Sequence[int], max_intervals: Sequence[int]
) -> Iterator[dict[str, object]]:
    images, preimages = _sides(banks, max(samples))
    for n in samples:
        some = images[np.arange(n)], preimages[np.arange(n)]
        for k in max_intervals:
            for step in GRIDS:
                yield _row(
                    *(each if step is None else each.on_grid(step) for each in some), k, step
                )


def _sides(banks: Path, n: int) -> tuple[Images, Preimages]:
    """Return the images and preimages of the two components."""
    system = load_system(EXAMPLE)
    first, second = sweep_system(system, Settings(n_samples=n, banks=banks, n_workers=2))
    before, after = (sets_of(system.apis[at], system.logical_values) for at in (0, 2))
    return BankLink(first).images(before), BankLink(second).preimages(after)


def _row(images: Images, preimages: Preimages, k: int, step: float | None) -> dict[str, object]:
    started = time.perf_counter()
    found = search(images, preimages, k, max_seconds=MAX_SECONDS)
    seconds, total = time.perf_counter() - started, images.weight.sum() * preimages.weight.sum()
    solutions = count_solutions(images, preimages)
    limit = solutions.spectral_limit
    return {
        "n": len(images.weight),
        "max_intervals": k,
        "grid_V": step,
        "seconds": seconds,
        "n_cells": found.n_cells,
        "log_volume": float(np.log(found.best[0].product / total)),
        "gap": found.gap,
        "spectral_bound": None if limit is None else float(np.log(limit / total)),
        "peak_memory_MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0,
    }


def _line(row: dict[str, object]) -> str:
    grid = "any voltage" if row["grid_V"] is None else f"{row['grid_V']:g} V"
    spectral = "" if row["spectral_bound"] is None else f", spectral {row['spectral_bound']:.3f}"
    return (
        f"{row['n']:7d} θ each, ≤ {row['max_intervals']} intervals, {grid:11s} "
        f"{row['seconds']:7.2f} s {row['n_cells']:6d} cells, log volume {row['log_volume']:.4f}, "
        f"gap {row['gap']:.2g}{spectral}, peak so far {row['peak_memory_MB']:.0f} MB"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--banks", type=Path, default=Path("banks"))
    parser.add_argument("-n", "--samples", type=int, nargs="+", default=[1_000, 3_000, 10_000])
    parser.add_argument("-k", "--max-intervals", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    main(arguments.banks, arguments.samples, arguments.max_intervals, as_json=arguments.json)
