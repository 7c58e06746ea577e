"""PySpice as its manual uses it: a `Circuit` written in Python for every θ, libngspice in the process.

`simulator.dc` loads the circuit into ngspice, runs it and returns the curves with units; it loads it
anew on every call, so each θ may as well be a circuit of its own. It destroys the previous results, but
not the previous circuit: the process grows by some 65 kB for every θ of the threshold cell.

Usage: python benchmarks/peers/pyspice.py REQUEST.json RESULT.npz
"""

import ctypes.util
import logging
from importlib.metadata import version

import numpy as np
from PySpice.Spice.Netlist import Circuit
from PySpice.Spice.NgSpice.Shared import NgSpiceShared
from request import Array, Request, answer, read

NOMINAL_TEMPERATURE = 27.0


def simulate(request: Request, theta: list[float]) -> Array:
    """Build the circuit of one θ and sweep it."""
    circuit = Circuit("peer")
    circuit.raw_spice = request.netlist
    # PySpice warns of a node called "in" on every use: it is a Python keyword.
    nodes = {"in": "input", "out": "out", "vdd": "vdd", "vss": circuit.gnd}
    circuit.V("vdd", nodes["vdd"], circuit.gnd, request.vdd)
    circuit.V("in", nodes["in"], circuit.gnd, 0.0)
    ports = [nodes[port] for port in request.ports]
    circuit.X("0", request.subcircuit, *ports, **request.parameters(theta))
    simulator = circuit.simulator(
        temperature=request.temperature, nominal_temperature=NOMINAL_TEMPERATURE
    )
    options = (option.split("=") for option in request.options.split())
    simulator.options(**{name: float(value) for name, value in options})
    simulator.save(["v(out)"])
    try:
        analysis = simulator.dc(Vin=slice(0.0, request.stop, request.step))
    except NameError:
        # PySpice's own errors descend from NameError; any text on stderr raises one.
        return np.full(request.n_points, np.nan)
    return request.complete(np.array(analysis["out"], dtype=np.float64))


def main() -> None:
    """Answer the request."""
    request = read()
    # Debian has libngspice.so.0 only, and PySpice asks for libngspice.so.
    NgSpiceShared.LIBRARY_PATH = ctypes.util.find_library("ngspice")
    # It warns that it does not know ngspice 39, whose results it reads all the same.
    logging.getLogger("PySpice").setLevel(logging.ERROR)
    ngspice = NgSpiceShared.new_instance().ngspice_version
    answer(
        request,
        lambda thetas: [simulate(request, theta) for theta in thetas],
        f"PySpice {version('PySpice')}, libngspice {ngspice}",
    )


if __name__ == "__main__":
    main()
