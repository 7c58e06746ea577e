"""Is ngspice in order? Known circuits, simulated the way that everything else is."""

import resource
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from spicebuf.deck import ACCURACY, Bench, bench
from spicebuf.errors import SimulatorError, SpicebufError
from spicebuf.netlist import bundled_names, bundled_path, read_template
from spicebuf.ngspice import Status, require_library
from spicebuf.pools import Pool
from spicebuf.prior import draw
from spicebuf.simulate import Job, run_job
from spicebuf.sweep import ngspice_version, simulators, sweep
from spicebuf.system import Component

_VDD = 5.0
_PROC = Path("/proc/self")
_UNKNOWN = "not to be told on this system"
_OLDEST_TESTED = 39
_LEAK_DECKS = 2000
# ngspice leaks 17 kB and more for each deck that is not cleaned up.
_LEAK_BYTES = 2000
_BSIM4 = (
    ".subckt cell in out vdd params: w=2u",
    ".model nch nmos level=54 version=4.8",
    "m1 out in 0 0 nch w={w} l=1u",
    "r1 vdd out 10k",
    ".ends",
)


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
        yield _finding(
            "BSIM4 starts no threads", lambda: _threads(pool), "sweep with half as many workers, -j"
        )
        yield _finding(
            f"memory over {_LEAK_DECKS} decks",
            lambda: _leak(pool),
            "long sweeps may run out of memory; use another version of ngspice",
        )


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
    priors = read_template(bundled_path("threshold_cell")).priors
    theta = draw(list(priors.values()), 16, np.random.default_rng(0))
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


def _threads(pool: Pool) -> str:
    on = replace(_on_bench("cmos_inverter", 11), definitions=_BSIM4, subcircuit="cell")
    on = replace(on, ports=("in", "out", "vdd"), fixed=(), thetas=("w",), batch=1, alterations=None)
    n = pool.call(partial(threads_started, _job(on, [2e-6])))
    if n is None:
        return _UNKNOWN
    if n > 0:
        raise SimulatorError(f"{n} threads: processes would get in one another's way")
    return "none"


def _leak(pool: Pool) -> str:
    on = replace(_on_bench("resistor_divider", n_points=2), batch=1)
    size = pool.call(partial(bytes_per_deck, _job(on, [1e3, 1e3]), _LEAK_DECKS))
    if size is None:
        return _UNKNOWN
    if size > _LEAK_BYTES:
        raise SimulatorError(f"{size / 1000:.1f} kB a deck are not given back")
    return "flat"


def _job(on: Bench, theta: list[float]) -> Job:
    return Job(0, np.arange(1), np.array([theta]), on, batch=1)


def threads_started(job: Job, _: None) -> int | None:
    """Return how many threads a job starts in this process (a worker's); None if not to be told."""
    if not _PROC.exists():
        return None
    n_before = len(list((_PROC / "task").iterdir()))
    if run_job(job).status[0] != Status.TRUSTED:
        raise SimulatorError("the BSIM4 circuit gave no trustworthy curve")
    return len(list((_PROC / "task").iterdir())) - n_before


def bytes_per_deck(job: Job, n: int, _: None) -> float | None:
    """Return by how much this process (a worker's) grows a deck; None if not to be told."""
    if not _PROC.exists():
        return None
    sizes = []
    for _repeat in range(2):
        for _deck in range(n // 2):
            run_job(job)
        sizes.append(int((_PROC / "statm").read_text().split()[1]) * resource.getpagesize())
    return (sizes[1] - sizes[0]) / (n // 2)


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
    return bench(Component(name, template, {}, template.priors), _VDD, 27.0, n_points)
