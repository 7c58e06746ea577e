"""How the volume grows around the θ that satisfy, or around a θ that was trained."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spicebuf.api import Api
from spicebuf.chain import end_to_end, theta_of_chain
from spicebuf.check import Floats, squared_error
from spicebuf.entropy import SPLITTING, Effort, Judge, Judged, Profile, estimate_profile
from spicebuf.errors import InputError
from spicebuf.pools import Pool
from spicebuf.source import stream_number
from spicebuf.sweep import ngspice_version, simulators, sweep
from spicebuf.system import Component, System
from spicebuf.workflow.banks import put_on_bench, require_usable
from spicebuf.workflow.events import (
    Answer,
    Event,
    Lab,
    check_grid,
    climbing,
    event_of,
    keeping,
    lab_of,
    score_grid,
)
from spicebuf.workflow.settings import AUTO, PRECISION, Progress, Settings, silent

MARGIN, SQUARED = "margin", "squared"
LOSSES = (MARGIN, SQUARED)
"""Minus the margin [V], or the mean squared distance of outputs from the ideal rails [V²]."""

_RANGE = (2e-4, 0.2)
_N_EPSILON = 13


@dataclass(frozen=True)
class ComponentProfile:
    """The profile of one component.

    Attributes
    ----------
    name : str
    least : float
        Loss from which ε counts [V or V²].
    profile : Profile
    """

    name: str
    least: float
    profile: Profile


@dataclass(frozen=True)
class SystemProfile:
    """The profiles of all components; `n_simulated` is the number of θ that no journal knew."""

    loss: str
    components: tuple[ComponentProfile, ...]
    n_simulated: int


@dataclass(frozen=True)
class Ladder:
    """What a profile is asked about.

    Attributes
    ----------
    loss : str
        One of `LOSSES`.
    low, high : float or None
        Least and greatest ε [V]; the squared loss has their squares. None: 0.0002 and 0.2 of the supply.
    theta : mapping of component name to mapping of parameter name to float, or None
        From whose losses ε counts; from 0 if None.
    end_to_end : bool
        Whether it is about the whole chain between the first API and the last, not its components.
    """

    loss: str = MARGIN
    low: float | None = None
    high: float | None = None
    theta: Mapping[str, Mapping[str, float]] | None = None
    end_to_end: bool = False

    def epsilon(self, vdd: float) -> Floats:
        """Return the values of ε, ascending; raise InputError if there are none."""
        low = _RANGE[0] * vdd if self.low is None else self.low
        high = _RANGE[1] * vdd if self.high is None else self.high
        if not 0.0 < low < high < vdd:
            raise InputError(
                f"epsilon from {low:g} V to {high:g} V: give 0 < LOW < HIGH < {vdd:g} V, the supply"
            )
        found = np.geomspace(low, high, _N_EPSILON)
        return np.square(found) if self.loss == SQUARED else found


def profile_system(
    system: System, settings: Settings, ladder: Ladder, on_progress: Progress = silent
) -> SystemProfile:
    """Estimate how the volume grows around the θ that satisfy, for each component or for the chain.

    Raises
    ------
    InputError
        If a free API has no sets, the method is not splitting, a component has no free parameter, or the
        ladder does not suit the system.
    SimulatorError, NetlistError
        As `sweep_system` does.
    """
    epsilon = ladder.epsilon(system.vdd)
    _require_possible(system, settings, ladder)
    if ladder.end_to_end:
        chained = end_to_end(system)
        theta = ladder.theta and theta_of_chain(chained, system, ladder.theta)
        ladder, system = replace(ladder, theta=theta), chained
    system.require_sets()
    with simulators(settings.n_workers, settings.scheduler) as pool:
        version, found, n_simulated = ngspice_version(pool), [], 0
        for k, component in enumerate(system.components):
            with lab_of(component, settings, version, pool) as lab:
                found.append(_profile(system, k, settings, ladder, epsilon, lab, on_progress))
                n_simulated += sum(lab.simulated)
    return SystemProfile(ladder.loss, tuple(found), n_simulated)


def _require_possible(system: System, settings: Settings, ladder: Ladder) -> None:
    if ladder.loss not in LOSSES:
        raise InputError(f"loss = {ladder.loss!r} must be one of {', '.join(LOSSES)}")
    if settings.method not in (AUTO, SPLITTING):
        raise InputError(
            f"method = {settings.method!r}: a profile comes from the levels of splitting; leave it out"
        )
    if ladder.loss == SQUARED:
        _require_rails(system, ladder)
    if ladder.theta is not None:
        for component in system.components:
            _require_fixed(component, ladder.theta[component.name])
    none_free = [each.name for each in system.components if not each.priors]
    if len(none_free) == len(system.components) or (none_free and not ladder.end_to_end):
        raise InputError(f"component {none_free[0]!r} has no free parameter to profile")


def _require_rails(system: System, ladder: Ladder) -> None:
    """Refuse a loss that the APIs themselves contradict."""
    for api in system.apis[-1:] if ladder.end_to_end else system.apis[1:]:
        if set(api.sets) == {"0", "1"} and not _ends(api, "0")[1] < _ends(api, "1")[0]:
            raise InputError(
                f"loss = 'squared' wants logical 0 at 0 V and 1 at {system.vdd:g} V, but API "
                f"{api.name!r} does not have all of 0 below 1; use the margin, or --end-to-end where "
                "the last API does"
            )


def _ends(api: Api, logic: str) -> tuple[float, float]:
    intervals = api.sets[logic].intervals
    return min(low for low, _ in intervals), max(high for _, high in intervals)


def _require_fixed(component: Component, given: Mapping[str, float]) -> None:
    for name, value in component.fixed.items():
        if given.get(name, value) != value:
            raise InputError(
                f"component {component.name!r}: θ {name!r} is fixed at {value:g} in the system "
                f"file and {given[name]:g} in that of θ; a profile needs the same"
            )


def _profile(
    system: System,
    index: int,
    settings: Settings,
    ladder: Ladder,
    epsilon: Floats,
    lab: Lab,
    on_progress: Progress,
) -> ComponentProfile:
    component = system.components[index]
    on = put_on_bench(system, component, settings)
    require_usable(on, component, lab.pool)
    event = climbing(event_of(system, index, on))
    least = 0.0
    if ladder.theta is not None:
        least = _least(event, ladder.loss, ladder.theta[component.name], lab.pool)

    def answer(theta: Floats) -> Answer:
        return _losses(event, ladder.loss, theta, lab.pool)

    ask = keeping(f"loss {ladder.loss}", event, lab, answer)
    scale = system.vdd**2 if ladder.loss == SQUARED else system.vdd
    found = estimate_profile(
        _judge(ask, least, float(epsilon[-1])),
        event.d,
        epsilon,
        scale,
        (settings.seed, stream_number(component.name)),
        Effort(settings.precision or PRECISION, settings.confidence, settings.max_simulations),
        lambda n: on_progress(f"{component.name}, profile", n, 0),
    )
    return ComponentProfile(component.name, least, found)


def _losses(event: Event, loss: str, theta: NDArray[np.float64], pool: Pool) -> Answer:
    """Return losses, NaN where unsimulated, and scores that lead to where the margin is of use."""
    curves = sweep(event.bench, theta, pool)
    guide, on = score_grid(event, curves), event.bench
    if loss == SQUARED:
        return {"loss": squared_error(curves, on.vin, event.api_in, on.vdd), "guide": guide}
    return {"loss": -check_grid(event, curves).margin, "guide": guide}


def _least(event: Event, loss: str, given: Mapping[str, float], pool: Pool) -> float:
    theta = np.array([[given[name] for name in event.bench.thetas]])
    least = float(_losses(event, loss, theta, pool)["loss"][0])
    if np.isnan(least):
        raise InputError(
            f"component {event.component.name!r}: the θ to profile around is unsimulated; "
            "`spicebuf check --theta` tells why"
        )
    return least


def _judge(ask: Callable[[Floats], Answer], least: float, widest: float) -> Judge:
    """Return the judge of a profile: minus the loss in excess of the least.

    Where all inputs of a logical value are wrong, margins are equal: there the guide leads on.
    """

    def judge(z: Floats) -> Judged:
        found = ask(z)
        excess = found["loss"] - least
        beyond = widest - excess
        score = np.where(beyond >= 0.0, -excess, beyond - widest + found["guide"])
        lost = np.isnan(excess)
        return Judged(np.where(lost, -np.inf, score), ~lost & (excess <= 0.0), lost)

    return judge
