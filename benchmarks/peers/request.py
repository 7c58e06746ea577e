"""What all peers have in common: the request, one deck for one θ, the stopwatch and the answer.

A peer runs in its own environment, so nothing here needs more than NumPy.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Request:
    """A subcircuit, the θ at which to sweep it, and how; all voltages in volts, temperature in °C."""

    netlist: str
    subcircuit: str
    ports: list[str]
    theta_names: list[str]
    theta: list[list[float]]
    vdd: float
    n_points: int
    options: str
    temperature: float

    @property
    def step(self) -> float:
        """Distance of neighbouring input voltages."""
        return self.vdd / (self.n_points - 1)

    @property
    def stop(self) -> float:
        """Where to tell the simulator to stop.

        Simulators add the step up, and rounding may carry the sum past `vdd`. Half a step of slack keeps
        the last point and adds none.
        """
        return self.vdd + self.step / 2.0

    def parameters(self, theta: list[float]) -> dict[str, float]:
        """Values of the subcircuit's parameters by name."""
        return dict(zip(self.theta_names, theta, strict=True))

    def deck(self, theta: list[float]) -> str:
        """Write the whole deck of one θ: sources, one instance, the sweep."""
        nodes = " ".join("0" if port == "vss" else port for port in self.ports)
        values = " ".join(f"{name}={value!r}" for name, value in self.parameters(theta).items())
        return "\n".join(
            (
                "peer",
                f".options {self.options} temp={self.temperature!r}",
                self.netlist.rstrip(),
                f"vvdd vdd 0 {self.vdd!r}",
                "vin in 0 0",
                f"x0 {nodes} {self.subcircuit} {values}",
                ".save v(out)",
                f".dc vin 0 {self.stop!r} {self.step!r}",
                ".end\n",
            )
        )

    def complete(self, curve: Array) -> Array:
        """Return the curve, or NaN if the simulator gave up before the end of the sweep."""
        return curve if curve.shape == (self.n_points,) else np.full(self.n_points, np.nan)


def read() -> Request:
    """Read the request that the command line names."""
    if len(sys.argv) != len(("script", "request", "result")):
        sys.exit(f"usage: python {sys.argv[0]} REQUEST.json RESULT.npz")
    return Request(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))


def answer(
    request: Request,
    evaluate: Callable[[list[list[float]]], list[Array]],
    version: str,
    n_workers: int = 1,
) -> None:
    """Time `evaluate` on all θ, once every worker has seen one, and save what it returned.

    Parameters
    ----------
    request : Request
    evaluate : callable
        From a list of θ to their transfer curves as arrays.
    version : str
    n_workers : int
    """
    evaluate(request.theta[:1] * n_workers)
    start = time.perf_counter()
    vout = np.array(evaluate(request.theta))
    seconds = time.perf_counter() - start
    np.savez(sys.argv[2], vout=vout, seconds=seconds, version=version)
