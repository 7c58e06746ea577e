"""Banks × APIs → log volumes; where they are too small for a bank, rare events."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from spicebuf.check import Checks, Verdict, check_curves
from spicebuf.entropy import (
    ENUMERATION,
    SPLITTING,
    Counts,
    Effort,
    LogVolume,
    estimate,
    from_enumeration,
    from_sample,
    total,
)
from spicebuf.journal import open_journal
from spicebuf.pools import Pool
from spicebuf.simulate import Curves
from spicebuf.source import stream_number
from spicebuf.sweep import ngspice_version, simulators
from spicebuf.system import System, file_stem
from spicebuf.workflow.banks import SweptBank, require_sources, sweep_component
from spicebuf.workflow.events import event_of, judge_of
from spicebuf.workflow.settings import AUTO, PRECISION, Progress, Settings, silent

RARE = 1e-3
"""Share of a bank below which splitting is more precise for the same number of simulations."""

# A bank that is too small for the precision asked for grows by no more than this at once.
_GROWTH = 16.0


@dataclass(frozen=True)
class SystemEntropy:
    """Log volumes of the components and of the chain, and the banks that they were counted in.

    `n_simulated` is the number of θ that were simulated now, not found in banks or journals.
    """

    components: tuple[LogVolume, ...]
    total: LogVolume
    banks: tuple[SweptBank, ...]
    n_simulated: int


def entropy_system(
    system: System, settings: Settings, on_progress: Progress = silent
) -> SystemEntropy:
    """Estimate or count the log volume of each component and of the chain.

    Raises as `sweep_system` does, and InputError if a free API has no sets.
    """
    system.require_sets()
    require_sources(system, settings)
    with simulators(settings.n_workers, settings.scheduler) as pool:
        version = ngspice_version(pool)
        found = [
            _component(system, k, settings, version, pool, on_progress)
            for k in range(len(system.components))
        ]
    volumes, banks, n_simulated = zip(*found, strict=True)
    return SystemEntropy(volumes, total(volumes), banks, sum(n_simulated))


def log_volume(system: System, index: int, swept: SweptBank, confidence: float) -> LogVolume:
    """Count the log volume of component number `index` in its bank: no simulation."""
    n_by_verdict = np.zeros(len(Verdict), dtype=np.int64)
    for _, checks in check_bank(system, index, swept):
        n_by_verdict += np.bincount(checks.verdict, minlength=len(Verdict))
    counts = Counts(
        n_samples=swept.n,
        n_satisfied=int(n_by_verdict[Verdict.SATISFIED]),
        n_borderline=int(n_by_verdict[Verdict.BORDERLINE]),
        n_unsimulated=int(n_by_verdict[Verdict.UNSIMULATED]),
    )
    seed = swept.bank.source.seed
    if seed is None:
        return from_enumeration(counts, confidence)
    return from_sample(counts, confidence, seed)


def check_bank(system: System, index: int, swept: SweptBank) -> Iterator[tuple[Curves, Checks]]:
    """Check the bank of component number `index`; yield curves and answers, block by block."""
    api_in, api_out = system.apis[index], system.apis[index + 1]
    vin = swept.bank.bench.vin
    for curves in swept.bank.read(swept.n):
        yield curves, check_curves(curves, vin, api_in, api_out, system.vdd)


def _component(
    system: System,
    index: int,
    settings: Settings,
    version: str,
    pool: Pool,
    on_progress: Progress,
) -> tuple[LogVolume, SweptBank, int]:
    """Return the log volume of a component, its bank, and how many θ were simulated."""
    component = system.components[index]
    swept = sweep_component(system, component, settings, version, pool, on_progress)
    volume = log_volume(system, index, swept, settings.confidence)
    n_simulated = swept.n_simulated
    while _too_wide(volume, settings) and not _is_rare(volume, settings):
        larger = replace(settings, n_samples=_larger(volume, settings))
        if larger.n_samples <= swept.n:
            words = (
                f"stopped at {swept.n} samples, before a precision of {settings.precision:g} nat: "
                f"max-simulations = {settings.max_simulations}"
            )
            return replace(volume, warnings=(words,)), swept, n_simulated
        swept = sweep_component(system, component, larger, version, pool, on_progress)
        volume = log_volume(system, index, swept, settings.confidence)
        n_simulated += swept.n_simulated
    if _is_rare(volume, settings):
        volume, n_more = _split(system, index, swept, settings, version, pool, on_progress)
        n_simulated += n_more
    return volume, swept, n_simulated


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
    system: System,
    index: int,
    swept: SweptBank,
    settings: Settings,
    version: str,
    pool: Pool,
    on_progress: Progress,
) -> tuple[LogVolume, int]:
    """Estimate a rare component by splitting; return its log volume and the θ simulated."""
    component = system.components[index]
    event = event_of(system, index, swept.bank.bench)
    effort = Effort(settings.precision or PRECISION, settings.confidence, settings.max_simulations)
    n_simulated = 0

    def simulated(n: int) -> None:
        nonlocal n_simulated
        n_simulated += n

    seed = (settings.seed, stream_number(component.name))
    with open_journal(settings.banks / f"{file_stem(component.name)}.journal") as journal:
        volume = estimate(
            judge_of(event, version, pool, journal, simulated),
            event.d,
            seed,
            effort,
            lambda n: on_progress(f"{component.name}, splitting", n, 0),
        )
    return volume, n_simulated
