"""System → complete banks."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spicebuf.bank import Bank, open_bank
from spicebuf.deck import Bench, bench
from spicebuf.entropy import ENUMERATION, MONTE_CARLO, SPLITTING
from spicebuf.errors import InputError, NetlistError
from spicebuf.netlist import identifiers, is_random
from spicebuf.ngspice import Status, gist, ignored_parameters
from spicebuf.pools import Pool
from spicebuf.prior import n_grid_points
from spicebuf.simulate import FIRST
from spicebuf.source import Source
from spicebuf.sweep import ngspice_version, simulators, sweep, sweep_blocks
from spicebuf.system import Component, System
from spicebuf.workflow.settings import AUTO, Progress, Settings, silent

MAX_ENUMERATION = 100_000
"""Grid points per component up to which every one is simulated rather than sampled."""

_LISTED = 20


@dataclass(frozen=True)
class Unsimulated:
    """One θ that ngspice gave no trustworthy curve for."""

    index: int
    reason: str
    theta: Mapping[str, float]


@dataclass(frozen=True)
class SweptBank:
    """A complete bank of one component.

    Attributes
    ----------
    n : int
        θ in use; the bank may hold more.
    n_simulated : int
        θ simulated by this call, however often the bank grew; 0 if all curves were there already.
    n_damaged : int
        Blocks that did not read as they were written and were simulated again.
    n_by_status : mapping of Status to int
        Over the first `n` θ.
    n_by_attempt : mapping of int to int
        By which attempt they ended (see `Curves`).
    unsimulated : tuple of Unsimulated
        The first few.
    """

    component: Component
    bank: Bank
    n: int
    n_simulated: int
    n_damaged: int
    n_by_status: Mapping[Status, int]
    n_by_attempt: Mapping[int, int]
    unsimulated: tuple[Unsimulated, ...]

    @property
    def n_unsimulated(self) -> int:
        """θ without a trusted curve."""
        return self.n - self.n_by_status.get(Status.TRUSTED, 0)

    @property
    def n_rerun(self) -> int:
        """θ that were simulated again: alone, or on the ladder of solver options."""
        return self.n - self.n_by_attempt.get(FIRST, 0)


def sweep_system(
    system: System, settings: Settings, on_progress: Progress = silent
) -> tuple[SweptBank, ...]:
    """Simulate what is missing from the banks of all components.

    Raises
    ------
    SimulatorError
        If ngspice is missing.
    NetlistError
        If ngspice refuses a component at its nominal θ.
    InputError
        If a setting is out of range, or enumeration is asked for where a prior is continuous.
    """
    require_sources(system, settings)
    with simulators(settings.n_workers, settings.scheduler) as pool:
        version = ngspice_version(pool)
        return tuple(
            sweep_component(system, component, settings, version, pool, on_progress)
            for component in system.components
        )


def require_sources(system: System, settings: Settings) -> None:
    """Raise InputError if the settings do not suit a component's priors."""
    for component in system.components:
        source_of(component, settings)


def sweep_component(
    system: System,
    component: Component,
    settings: Settings,
    version: str,
    pool: Pool,
    on_progress: Progress = silent,
) -> SweptBank:
    """Simulate what is missing from the bank of one component; `version` is that of ngspice."""
    source = source_of(component, settings)
    on = put_on_bench(system, component, settings)
    n = settings.n_samples if source.n is None else source.n
    bank = open_bank(settings.banks, on, source, version, n)
    with bank.locked():
        n_damaged = bank.drop_damaged(n)
        n_simulated = fill_bank(bank, n, component, pool, on_progress)
    return _summary(component, bank, n, n_simulated, n_damaged)


def fill_bank(
    bank: Bank, n: int, component: Component, pool: Pool, on_progress: Progress = silent
) -> int:
    """Simulate what is pending among the first `n` θ of a locked bank; return how many were.

    Raises
    ------
    NetlistError
        If ngspice refuses the component at its nominal θ.
    """
    pending = bank.pending(n)
    if not pending:
        return 0
    require_usable(bank.bench, component, pool)
    n_to_do = sum(min(rows.stop, n) - rows.start for rows in pending)
    n_done = 0

    def advance(n_more: int) -> None:
        nonlocal n_done
        # Decks are filled beyond the last θ that was asked for.
        n_done = min(n_to_do, n_done + n_more)
        on_progress(component.name, n_done, n_to_do)

    on_progress(component.name, 0, n_to_do)
    blocks = ((rows, bank.theta(rows)) for rows in pending)
    for rows, theta, curves in sweep_blocks(bank.bench, blocks, pool, advance):
        bank.write(rows, theta, curves)
    return n_to_do


def require_usable(on: Bench, component: Component, pool: Pool) -> None:
    """Raise NetlistError if ngspice refuses the nominal θ, or answers differently every time."""
    name = component.template.path.name
    nominal = np.array([[component.nominal[theta] for theta in on.thetas]])
    curves = sweep(on, nominal, pool, keep_words=True)
    _require_effect(on, name, ignored_parameters(curves.words.get(0, "")))
    if curves.status[0] == Status.LOAD_FAILED:
        raise NetlistError(
            f"{name}: ngspice refuses component {component.name!r} at its "
            f"nominal θ: {gist(curves.words[0])}"
        )
    if is_random(on.definitions):
        again = sweep(on, nominal, pool)
        if not np.array_equal(curves.vout, again.vout, equal_nan=True):
            raise NetlistError(
                f"{name}: two simulations of component {component.name!r} at its nominal θ differ; "
                "switch the models' statistics (agauss, gauss, …) off: only θ may vary"
            )


def _require_effect(on: Bench, name: str, ignored: set[str]) -> None:
    """Raise NetlistError if θ goes into a model parameter that ngspice does not know."""
    for card in on.definitions:
        for key, value in re.findall(r"(\w+)=(\{[^{}]*\}|'[^']*'|\w+)", card):
            used = identifiers(value) & set(on.thetas)
            if card.startswith(".model") and key in ignored and used:
                raise NetlistError(
                    f"{name}: ngspice ignores {key!r} in {card.split()[1]!r}, so θ {used.pop()!r} has "
                    "no effect there; correct the name of the model's parameter"
                )


def put_on_bench(system: System, component: Component, settings: Settings) -> Bench:
    """Return what simulates a component of the system with these settings."""
    return bench(component, system.vdd, system.temperature, settings.n_points, settings.batch)


def source_of(component: Component, settings: Settings) -> Source:
    """Return where the θ of a component's bank come from; a bank beside splitting is a plain sample.

    Raises
    ------
    InputError
        If enumeration is asked for where a prior is continuous, or splitting where all is fixed.
    """
    n_grid = n_grid_points(list(component.priors.values()))
    method = settings.method
    if method == AUTO:
        small = n_grid is not None and n_grid <= MAX_ENUMERATION
        method = ENUMERATION if small else MONTE_CARLO
    if method == SPLITTING:
        if not component.priors:
            raise InputError(
                f"component {component.name!r} has no free parameter to split over; use auto"
            )
        method = MONTE_CARLO
    if method == ENUMERATION and n_grid is None:
        raise InputError(
            f"component {component.name!r}: enumeration needs finite priors for all θ; "
            "give grid(…), linspace(…) or geomspace(…), or use monte-carlo"
        )
    seed = settings.seed if method == MONTE_CARLO else None
    return Source(method, component.priors, seed, component.name)


def _summary(
    component: Component, bank: Bank, n: int, n_simulated: int, n_damaged: int
) -> SweptBank:
    status = bank.status(n)
    n_by_status = {Status(value): count for value, count in _tally(status)}
    n_by_attempt = dict(_tally(bank.attempt(n)))
    unsimulated = []
    for row in np.flatnonzero(status != Status.TRUSTED)[:_LISTED].tolist():
        (theta,) = bank.theta(range(row, row + 1)).tolist()
        named = dict(zip(bank.bench.thetas, theta, strict=True))
        unsimulated.append(Unsimulated(row, Status(status[row]).meaning, named))
    return SweptBank(
        component,
        bank,
        n,
        n_simulated,
        n_damaged,
        n_by_status,
        n_by_attempt,
        tuple(unsimulated),
    )


def _tally(values: NDArray[np.uint8]) -> list[tuple[int, int]]:
    found, counts = np.unique(values, return_counts=True)
    return list(zip(found.tolist(), counts.tolist(), strict=True))
