"""neospice: parse and run a deck for every θ, in one process.

neospice is a simulator of its own, in C++, with models and solver after SPICE3 and ngspice: its curves
need not be ngspice's. It reads the same deck, options and sweep included. Its own parameter study,
`neospice.sweep`, takes all θ at once, so it is not what is timed here.

Usage: python benchmarks/peers/neospice_run.py REQUEST.json RESULT.npz
"""

import neospice
import numpy as np
from request import Array, Request, answer, read


def simulate(simulator: neospice.Simulator, request: Request, theta: list[float]) -> Array:
    """Parse the deck of one θ and run the sweep that it asks for."""
    try:
        sweep = simulator.run(simulator.parse(request.deck(theta))).dc_sweep
    except RuntimeError:
        # What it raises for a deck that it refuses.
        return np.full(request.n_points, np.nan)
    return request.complete(sweep.voltage("out") if sweep.status.converged else np.empty(0))


def main() -> None:
    """Answer the request."""
    request, simulator = read(), neospice.Simulator()
    answer(
        request,
        lambda thetas: [simulate(simulator, request, theta) for theta in thetas],
        f"neospice {neospice.__version__}",
    )


if __name__ == "__main__":
    main()
