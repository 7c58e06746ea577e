"""Banks × APIs → log volumes; where they are too small for a bank, rare events."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from spicebuf.check import Checks
from spicebuf.entropy import (
    ENUMERATION,
    SPLITTING,
    Counts,
    Effort,
    LogVolume,
    estimate,
    from_enumeration,
    from_sample,
    shortfall,
    total,
)
from spicebuf.simulate import Curves
from spicebuf.source import stream_number
from spicebuf.sweep import ngspice_version, simulators
from spicebuf.system import System
from spicebuf.workflow.banks import SweptBank, require_sources, sweep_component
from spicebuf.workflow.discretisation import Discretisation, between_runs, judge_bank
from spicebuf.workflow.events import (
    Event,
    Lab,
    check_grid,
    climbing,
    event_of,
    judge_of,
    lab_of,
    strict_of,
)
from spicebuf.workflow.settings import AUTO, PRECISION, Progress, Settings, silent
from spicebuf.workflow.weighing import count_verdicts, counterpart, require_reweightable, reweigh

RARE = 1e-3
"""Share of a bank below which splitting is more precise for the same number of simulations."""

# A bank that is too small for the precision asked for grows by no more than this at once.
_GROWTH = 16.0


@dataclass(frozen=True)
class SystemEntropy:
    """Log volumes of the components and of the chain, and the banks that they were counted in.

    `discretisations` tells what lies between the points of the curves; `n_simulated` is the number of θ
    that were simulated now, not found in banks or journals; `drawn_from` is the system whose priors the
    banks were drawn from, None if it is the one that was asked about.
    """

    components: tuple[LogVolume, ...]
    total: LogVolume
    banks: tuple[SweptBank, ...]
    discretisations: tuple[Discretisation, ...]
    n_simulated: int
    drawn_from: System | None = None


def entropy_system(
    system: System,
    settings: Settings,
    on_progress: Progress = silent,
    drawn_from: System | None = None,
) -> SystemEntropy:
    """Estimate or count the log volume of each component and of the chain.

    With `drawn_from`, the θ of its banks answer, each weighed by its density under the priors of `system`
    over that under its own; what is missing from these banks is simulated.

    Raises as `sweep_system` does, and InputError if a free API has no sets, or if the banks of
    `drawn_from` cannot answer for `system` (see `require_reweightable`, `reweigh`).
    """
    system.require_sets()
    if drawn_from is None:
        require_sources(system, settings)
    else:
        require_reweightable(system, drawn_from, settings)
    with simulators(settings.n_workers, settings.scheduler) as pool:
        version = ngspice_version(pool)
        found, n_judged = [], 0
        for k, component in enumerate(system.components):
            with lab_of(component, settings, version, pool) as lab:
                if drawn_from is None:
                    found.append(_component(system, k, settings, lab, on_progress))
                else:
                    found.append(_reweighted(system, k, drawn_from, settings, lab, on_progress))
                n_judged += sum(lab.simulated)
    volumes, banks, between = zip(*found, strict=True)
    n_simulated = n_judged + sum(swept.n_simulated for swept in banks)
    return SystemEntropy(volumes, total(volumes), banks, between, n_simulated, drawn_from)


def check_bank(system: System, index: int, swept: SweptBank) -> Iterator[tuple[Curves, Checks]]:
    """Check the bank of component number `index` by its grid; yield curves and answers, by block."""
    event = event_of(system, index, swept.bank.bench)
    for curves in swept.bank.read(swept.n):
        yield curves, check_grid(event, curves)


def grid_volume(system: System, banks: Sequence[SweptBank], confidence: float) -> LogVolume:
    """Count the log volume of a chain in banks by the points of their curves alone."""
    volumes = []
    for k, swept in enumerate(banks):
        verdicts = np.concatenate([checks.verdict for _, checks in check_bank(system, k, swept)])
        volumes.append(_volume(count_verdicts(verdicts), swept, confidence))
    return total(volumes)


def _component(
    system: System, index: int, settings: Settings, lab: Lab, on_progress: Progress
) -> tuple[LogVolume, SweptBank, Discretisation]:
    """Return the log volume of a component, its bank, and what lies between points."""
    component, version = system.components[index], lab.ngspice_version
    chosen, n_simulated = settings, 0
    while True:
        swept = sweep_component(system, component, chosen, version, lab.pool, on_progress)
        n_simulated += swept.n_simulated
        swept = replace(swept, n_simulated=n_simulated)
        event = event_of(system, index, swept.bank.bench)
        verdicts, between = judge_bank(event, swept, lab)
        volume = _volume(count_verdicts(verdicts), swept, settings.confidence)
        if _is_rare(volume, settings):
            volume, between = _split(climbing(event), settings, lab, on_progress)
            return volume, swept, between
        if not _too_wide(volume, settings):
            return volume, swept, between
        chosen = replace(settings, n_samples=_larger(volume, settings))
        if chosen.n_samples <= swept.n:
            words = shortfall(swept.n, settings.precision or PRECISION, settings.max_simulations)
            return replace(volume, warnings=(words,)), swept, between


def _reweighted(
    system: System,
    index: int,
    drawn_from: System,
    settings: Settings,
    lab: Lab,
    on_progress: Progress,
) -> tuple[LogVolume, SweptBank, Discretisation]:
    """Return what `_component` does, from the bank of its counterpart in another system."""
    component = system.components[index]
    drawn, version = counterpart(component, drawn_from), lab.ngspice_version
    swept = sweep_component(drawn_from, drawn, settings, version, lab.pool, on_progress)
    verdicts, between = judge_bank(event_of(system, index, swept.bank.bench), swept, lab)
    volume = reweigh(component, swept, verdicts, settings.confidence)
    return volume, swept, between


def _volume(counts: Counts, swept: SweptBank, confidence: float) -> LogVolume:
    seed = swept.bank.source.seed
    if seed is None:
        return from_enumeration(counts, confidence)
    return from_sample(counts, confidence, seed)


def _is_rare(volume: LogVolume, settings: Settings) -> bool:
    (counts,) = volume.counts
    if settings.method == AUTO and volume.method != ENUMERATION:
        return counts.n_satisfied < RARE * counts.n_samples
    return settings.method == SPLITTING


def _too_wide(volume: LogVolume, settings: Settings) -> bool:
    if settings.precision is None or volume.method == ENUMERATION:
        return False
    low, high = volume.interval
    return (high - low) / 2.0 > settings.precision


def _larger(volume: LogVolume, settings: Settings) -> int:
    """Return how many samples should reach the precision: the width goes with one over their root."""
    (counts,) = volume.counts
    low, high = volume.interval
    factor = ((high - low) / 2.0 / (settings.precision or PRECISION)) ** 2
    wanted = counts.n_samples * min(1.1 * factor, _GROWTH)
    return int(min(wanted, settings.max_simulations))


def _split(
    event: Event, settings: Settings, lab: Lab, on_progress: Progress
) -> tuple[LogVolume, Discretisation]:
    """Estimate a rare component by splitting; return also what lies between points."""
    name = event.component.name
    precision = settings.precision or PRECISION
    effort = Effort(precision, settings.confidence, settings.max_simulations)
    volume = estimate(
        judge_of(event, lab),
        event.d,
        (settings.seed, stream_number(name)),
        effort,
        strict_of(event, lab),
        lambda n: on_progress(f"{name}, splitting", n, 0),
    )
    return volume, between_runs(event, volume, lab)
