"""One θ per component → verdicts."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from spicebuf.api import Api, noise_margins
from spicebuf.check import Reached, Verdict, Witness, check_curves, find_witness
from spicebuf.deck import bench
from spicebuf.ngspice import Status, gist
from spicebuf.pools import Pool
from spicebuf.refine import MAX_GAIN, refine, require_gain
from spicebuf.sweep import simulators, sweep
from spicebuf.system import System
from spicebuf.workflow.settings import require_points


@dataclass(frozen=True)
class ComponentCheck:
    """Verdict on one θ of one component; margin [V] and witness are None where unsimulated.

    `reached` tells how the verdict was reached, `words` is what ngspice printed.
    """

    name: str
    verdict: Verdict
    reached: Reached
    margin: float | None
    witness: Witness | None
    reason: str | None
    theta: Mapping[str, float]
    words: str


@dataclass(frozen=True)
class SystemCheck:
    """Verdicts on one θ per component; noise margins [V] by logical value, ≥ 0 where restoring."""

    components: tuple[ComponentCheck, ...]
    noise_margins: Mapping[str, float]

    @property
    def satisfied(self) -> bool:
        """Whether every component satisfies its APIs beyond doubt."""
        return all(part.verdict is Verdict.SATISFIED for part in self.components)

    @property
    def restoring(self) -> bool:
        """Whether the last API lies inside the first, so that copies can be chained without end."""
        return all(margin >= 0.0 for margin in self.noise_margins.values())


def check_system(
    system: System,
    theta: Mapping[str, Mapping[str, float]],
    n_points: int,
    max_gain: float = MAX_GAIN,
) -> SystemCheck:
    """Check one θ per component.

    Parameters
    ----------
    system : System
    theta : mapping of component name to mapping of parameter name to float
        Complete; see `Component.nominal` and `load_theta`.
    n_points : int
        Input voltages of a curve, ≥ 2.
    max_gain : float
        See `refine`.
    """
    require_gain(max_gain)
    require_points(n_points)
    system.require_sets()
    with simulators(1) as pool:
        parts = tuple(
            _check_component(system, k, theta[component.name], n_points, max_gain, pool)
            for k, component in enumerate(system.components)
        )
    margins = noise_margins(system.apis[0], system.apis[-1], system.vdd)
    return SystemCheck(parts, margins)


def _check_component(
    system: System,
    index: int,
    theta: Mapping[str, float],
    n_points: int,
    max_gain: float,
    pool: Pool,
) -> ComponentCheck:
    component = system.components[index]
    # A θ file may give parameters that the system file fixes: here all are columns.
    everything = replace(component, fixed={}, priors=component.template.priors)
    on = bench(everything, system.vdd, system.temperature, n_points)
    values = np.array([[theta[name] for name in on.thetas]])
    curves = sweep(on, values, pool, keep_words=True)
    api_in, api_out = system.apis[index], system.apis[index + 1]
    checks = check_curves(curves, on.vin, api_in, api_out, system.vdd)
    checks = refine(on, values, curves, checks, (api_in, api_out), max_gain, pool)
    status, words = Status(curves.status[0]), curves.words.get(0, "")
    if status is not Status.TRUSTED:
        complaint = gist(words)
        reason = f"{status.meaning}: {complaint}" if complaint else status.meaning
        lost = Verdict.UNSIMULATED, Reached.GRID
        return ComponentCheck(component.name, *lost, None, None, reason, theta, words)
    witness = find_witness(curves.vout[0], on.vin, api_in, api_out, on.branches, system.vdd)
    verdict, reached = Verdict(checks.verdict[0]), Reached(checks.reached[0])
    if verdict is Verdict.UNSIMULATED:
        why = "ngspice gave no trustworthy answer between two grid points"
        return ComponentCheck(component.name, verdict, reached, None, None, why, theta, words)
    margin, vin = float(checks.margin[0]), float(checks.vin[0])
    if not math.isnan(vin):
        witness = Witness(_logic_at(vin, api_in), vin, float(checks.vout[0]), on.branches[0])
    return ComponentCheck(component.name, verdict, reached, margin, witness, None, theta, words)


def _logic_at(vin: float, api: Api) -> str:
    """Return the logical value whose voltages hold an input, but for rounding."""

    def distance(logic: str) -> float:
        return min(max(low - vin, vin - high) for low, high in api.sets[logic].intervals)

    return min(api.sets, key=distance)
