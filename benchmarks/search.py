"""How long the search for the best API between two banks of seed.toml takes, by their size.

Usage: python benchmarks/search.py [--banks FOLDER] [--json]
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

from spicebuf.images import sets_of
from spicebuf.search import Images, Preimages, on_grid, search
from spicebuf.system import load_system
from spicebuf.workflow import Settings, sweep_system
from spicebuf.workflow.readings import BankLink

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "seed.toml"
N = (1_000, 3_000, 10_000)
MAX_INTERVALS = (1, 2)
GRIDS = (None, 0.05)
MAX_SECONDS = 60.0


def main(banks: Path, *, as_json: bool) -> None:
    """Print a line for every number of θ, of intervals and for every grid."""
    images, preimages = _sides(banks)
    rows = []
    for n in N:
        some = images[np.arange(n)], preimages[np.arange(n)]
        for k in MAX_INTERVALS:
            for step in GRIDS:
                rows.append(_row(*(some if step is None else on_grid(*some, step)), k, step))
                if not as_json:
                    print(_line(rows[-1]), flush=True)
    if as_json:
        print(json.dumps(rows, indent=2))


def _sides(banks: Path) -> tuple[Images, Preimages]:
    """Return the images and preimages of the two components."""
    system = load_system(EXAMPLE)
    first, second = sweep_system(system, Settings(n_samples=max(N), banks=banks))
    before, after = (sets_of(system.apis[at], system.logical_values) for at in (0, 2))
    return (
        BankLink(first).images(before),
        BankLink(second).preimages(after),
    )


def _row(images: Images, preimages: Preimages, k: int, step: float | None) -> dict[str, object]:
    started = time.perf_counter()
    found = search(images, preimages, k, max_seconds=MAX_SECONDS)
    return {
        "n": len(images.weight),
        "max_intervals": k,
        "grid": step,
        "seconds": time.perf_counter() - started,
        "n_cells": found.n_cells,
        "product": found.best[0].product if found.best else 0.0,
        "gap": found.gap,
    }


def _line(row: dict[str, object]) -> str:
    grid = "any voltage" if row["grid"] is None else f"{row['grid']:g} V"
    return (
        f"{row['n']:6d} θ each, ≤ {row['max_intervals']} intervals, {grid:11s} "
        f"{row['seconds']:7.2f} s {row['n_cells']:8d} cells, product {row['product']:g}, "
        f"gap {row['gap']:.2g}"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--banks", type=Path, default=Path("banks"))
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    main(arguments.banks, as_json=arguments.json)
