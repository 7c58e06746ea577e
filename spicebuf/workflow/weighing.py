"""The bank of one system file as the answer to the priors of another."""

import numpy as np
from numpy.typing import NDArray

from spicebuf.check import Floats, Verdict
from spicebuf.entropy import (
    MIN_EFFECTIVE,
    SPLITTING,
    Counts,
    LogVolume,
    from_enumeration,
    from_weighted,
)
from spicebuf.errors import InputError
from spicebuf.reweight import log_weights, require_same_curves, require_support, require_worth
from spicebuf.system import Component, System
from spicebuf.workflow.banks import SweptBank, put_on_bench, source_of
from spicebuf.workflow.settings import Settings

_KINDS = (Verdict.SATISFIED, Verdict.BORDERLINE, Verdict.UNSIMULATED)


def count_verdicts(verdicts: NDArray[np.uint8]) -> Counts:
    """Count verdicts, shape (n,), n ≥ 1."""
    return Counts(len(verdicts), *(int(np.count_nonzero(verdicts == kind)) for kind in _KINDS))


def require_reweightable(system: System, drawn_from: System, settings: Settings) -> None:
    """Raise InputError unless the banks of `drawn_from` can answer for the priors of `system`.

    The APIs of `drawn_from` do not matter, nor do components that `system` lacks.
    """
    if settings.method == SPLITTING:
        raise InputError(
            f"method = {SPLITTING!r} simulates θ of its own, none drawn from {drawn_from.path.name}; "
            "choose another, or leave --from out"
        )
    if settings.precision is not None:
        raise InputError(
            f"precision = {settings.precision:g}: a bank drawn from {drawn_from.path.name} does not "
            "grow to a precision; give --samples instead, or leave --from out"
        )
    source = drawn_from.path.name
    for component in system.components:
        drawn, where = counterpart(component, drawn_from), f"component {component.name!r}"
        is_sampled = source_of(drawn, settings).seed is not None
        here = put_on_bench(system, component, settings)
        require_same_curves(here, put_on_bench(drawn_from, drawn, settings), where, source)
        require_support(component.priors, drawn.priors, where, source)
        if is_sampled:
            n = settings.n_samples
            require_worth(component.priors, drawn.priors, n, MIN_EFFECTIVE, where)


def counterpart(component: Component, drawn_from: System) -> Component:
    """Return the component of the same name in another system; raise InputError if there is none."""
    for drawn in drawn_from.components:
        if drawn.name == component.name:
            return drawn
    names = ", ".join(repr(drawn.name) for drawn in drawn_from.components)
    raise InputError(
        f"component {component.name!r} is missing in {drawn_from.path.name}, which has {names}; "
        "banks are found by the component's name"
    )


def reweigh(
    component: Component, swept: SweptBank, verdicts: NDArray[np.uint8], confidence: float
) -> LogVolume:
    """Return the log volume under a component's priors from a bank drawn from others.

    `verdicts` are those of the bank. Where it holds every point of a grid, those of the component's own
    grid are counted.

    Raises
    ------
    InputError
        If the θ of the bank weigh too little together (see `from_weighted`).
    """
    log_weight, seed = _log_weights(component, swept), swept.bank.source.seed
    if seed is None:
        return from_enumeration(count_verdicts(verdicts[np.isfinite(log_weight)]), confidence)
    satisfied, borderline, unsimulated = (verdicts == kind for kind in _KINDS)
    try:
        return from_weighted(log_weight, satisfied, borderline, unsimulated, confidence, seed)
    except InputError as error:
        raise InputError(f"component {component.name!r}: {error}") from error


def _log_weights(component: Component, swept: SweptBank) -> Floats:
    bank, target = swept.bank, list(component.priors.values())
    drawn = list(bank.source.priors.values())
    blocks = (
        range(first, min(first + bank.block, swept.n)) for first in range(0, swept.n, bank.block)
    )
    return np.concatenate([log_weights(bank.theta(rows), target, drawn) for rows in blocks])
