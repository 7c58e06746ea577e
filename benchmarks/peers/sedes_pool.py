"""sedes with a pool of two workers: all θ handed over at once, one netlist per job.

sedes keeps native worker processes that each hold a libngspice; a job is a netlist and the commands to
run on it. `sedes.sweep` changes values of two-terminal components only; for anything else it says to
build the variants and to call `run_simulations_batch`.

Usage: python benchmarks/peers/sedes_pool.py REQUEST.json RESULT.npz
"""

import ctypes.util
import os
from importlib.metadata import version

import numpy as np

# Set before sedes is imported, which would point its workers to the ngspice 45 in its wheel: that
# library needs glibc 2.38, more than Debian 12 has, and the peers are compared on one ngspice.
LIBRARY = os.environ.setdefault(
    "NGSPICE_LIBRARY_PATH", ctypes.util.find_library("ngspice") or "libngspice.so.0"
)

import sedes  # noqa: E402 (see above)
from request import Array, Request, answer, read  # noqa: E402 (sedes comes first)

N_WORKERS = 2


def evaluate(
    pool: sedes.SimulationPool, request: Request, thetas: list[list[float]]
) -> list[Array]:
    """Simulate all θ on the pool."""
    results = pool.run_simulations_batch([(request.deck(theta), ["run"]) for theta in thetas])
    return [
        request.complete(result.vector("v(out)") if result.success else np.empty(0))
        for result in results
    ]


def main() -> None:
    """Answer the request."""
    request = read()
    pool = sedes.SimulationPool(workers=N_WORKERS)
    answer(
        request,
        lambda thetas: evaluate(pool, request, thetas),
        f"sedes {version('sedes')}, {N_WORKERS} workers, {LIBRARY}",
        N_WORKERS,
    )


if __name__ == "__main__":
    main()
