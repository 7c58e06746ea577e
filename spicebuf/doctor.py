"""Is ngspice in order? Known circuits, simulated the way that everything else is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from spicebuf.deck import ACCURACY, Bench, bench
from spicebuf.errors import SimulatorError, SpicebufError
from spicebuf.netlist import bundled_names, bundled_path, read_template
from spicebuf.ngspice import Status, require_library
from spicebuf.pools import Pool
from spicebuf.sweep import ngspice_version, simulators, sweep
from spicebuf.system import Component

_VDD = 5.0
_OLDEST_TESTED = 39


@dataclass(frozen=True)
class Finding:
    """One question and its answer; `advice` says what to do where it is not `ok`."""

    question: str
    ok: bool
    answer: str
    advice: str = ""


def examine() -> Iterator[Finding]:
    """Yield findings one by one; stop after the first that makes the others pointless."""
    yield _finding("templates", _templates, "reinstall spicebuf")
    library = _finding("libngspice", require_library, "install it as the message says")
    yield library
    if not library.ok:
        return
    with simulators(1) as pool:
        started = _finding(
            "ngspice starts", lambda: f"version {ngspice_version(pool)}", "reinstall libngspice"
        )
        yield started
        if not started.ok:
            return
        yield _finding(
            f"version at least {_OLDEST_TESTED}",
            lambda: _version(pool),
            "older versions may work; a newer one is what the tests use",
        )
        advice = "do not trust this ngspice; install your distribution's libngspice"
        yield _finding("resistor divider against r2/(r1 + r2)", lambda: _divider(pool), advice)
        yield _finding("16 cells in one deck against each alone", lambda: _batch(pool), advice)
        yield _finding("Schmitt trigger has two branches", lambda: _hysteresis(pool), advice)


def _finding(question: str, look: Callable[[], str], advice: str) -> Finding:
    try:
        return Finding(question, ok=True, answer=look())
    except SpicebufError as error:
        return Finding(question, ok=False, answer=str(error), advice=advice)


def _templates() -> str:
    for name in bundled_names():
        read_template(bundled_path(name))
    return f"{len(bundled_names())} can be read"


def _version(pool: Pool) -> str:
    version = ngspice_version(pool)
    if not version.isdigit() or int(version) < _OLDEST_TESTED:
        raise SimulatorError(f"version {version}")
    return version


def _divider(pool: Pool) -> str:
    on = _on_bench("resistor_divider", n_points=11)
    curves = sweep(on, np.array([[1e3, 3e3]]), pool)
    return _compare(curves.vout[0, 0], 0.75 * on.vin, curves.status)


def _batch(pool: Pool) -> str:
    on = _on_bench("threshold_cell", n_points=51)
    priors = read_template(bundled_path("threshold_cell")).thetas.values()
    quantiles = np.random.default_rng(0).random((16, len(on.thetas)))
    theta = np.stack([s.prior.ppf(quantiles[:, k]) for k, s in enumerate(priors)], axis=1)
    together = sweep(on, theta, pool)
    alone = [sweep(on, row[np.newaxis], pool).vout[0] for row in theta]
    # Two answers, each within its accuracy.
    return _compare(together.vout, np.array(alone), together.status, 2.0 * ACCURACY)


def _hysteresis(pool: Pool) -> str:
    on = _on_bench("cmos_schmitt_buffer", n_points=501)
    spec = read_template(bundled_path("cmos_schmitt_buffer")).thetas.values()
    curves = sweep(on, np.array([[s.nominal for s in spec]]), pool)
    if curves.status[0] != Status.TRUSTED:
        raise SimulatorError(Status(curves.status[0]).meaning)
    up, down = (on.vin[np.argmax(branch > _VDD / 2)] for branch in curves.vout[0])
    if not up > down:
        raise SimulatorError(f"switches at {up:.3f} V both ways")
    return f"up at {up:.2f} V, down at {down:.2f} V"


def _compare(
    found: np.ndarray, expected: np.ndarray, status: np.ndarray, tolerance: float = ACCURACY
) -> str:
    bad = status[status != Status.TRUSTED]
    if len(bad):
        raise SimulatorError(Status(bad[0]).meaning)
    worst = float(np.max(np.abs(found - expected)))
    if worst > tolerance:
        raise SimulatorError(f"off by {worst:.3g} V, more than {tolerance:.3g} V")
    return f"largest difference {worst:.2g} V"


def _on_bench(name: str, n_points: int) -> Bench:
    template = read_template(bundled_path(name))
    priors = {spec.name: spec.prior for spec in template.thetas.values()}
    return bench(Component(name, template, {}, priors), _VDD, 27.0, n_points)
