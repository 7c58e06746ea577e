"""Banks × APIs → log volumes."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from spicebuf.check import Checks, Verdict, check_curves
from spicebuf.entropy import Counts, LogVolume, from_enumeration, from_sample, total
from spicebuf.simulate import Curves
from spicebuf.system import System
from spicebuf.workflow.banks import SweptBank, sweep_system
from spicebuf.workflow.settings import Progress, Settings, silent


@dataclass(frozen=True)
class SystemEntropy:
    """Log volumes of the components and of the chain, and the banks that they were counted in."""

    components: tuple[LogVolume, ...]
    total: LogVolume
    banks: tuple[SweptBank, ...]


def entropy_system(
    system: System, settings: Settings, on_progress: Progress = silent
) -> SystemEntropy:
    """Estimate or count the log volume of each component and of the chain.

    Raises as `sweep_system` does, and InputError if a free API has no sets.
    """
    system.require_sets()
    banks = sweep_system(system, settings, on_progress)
    parts = tuple(log_volume(system, k, bank, settings.confidence) for k, bank in enumerate(banks))
    return SystemEntropy(parts, total(parts), banks)


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
