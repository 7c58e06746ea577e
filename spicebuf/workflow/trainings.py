"""Training runs of a system's whole chain, each kept when it ends, and told whether it works."""

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spicebuf.bank import bench_key
from spicebuf.chain import end_to_end
from spicebuf.check import Floats, Verdict
from spicebuf.entropy import ENUMERATION, MONTE_CARLO, LogVolume
from spicebuf.errors import BankError, InputError
from spicebuf.losses import Loss, Target, require_ideal
from spicebuf.paths import n_runs_in, require_room, require_same_runs, write_paths
from spicebuf.prior import n_grid_points
from spicebuf.sweep import Sweeps, ngspice_version, simulators, sweep
from spicebuf.system import Component, System, file_stem
from spicebuf.training import Options, Plan, Stop, train
from spicebuf.training import Path as RunPath
from spicebuf.workflow.banks import put_on_bench
from spicebuf.workflow.chain_problem import ChainProblem
from spicebuf.workflow.entropies import entropy_system
from spicebuf.workflow.events import Event, Lab, check_grid, climbing, event_of, lab_of, settle
from spicebuf.workflow.settings import AUTO, Progress, Settings, require_between, silent

_LOG = logging.getLogger(__name__)

MAX_RUNS = 1_000_000
MAX_INPUTS = 1_000

# Draws of the prior, and then simulations on the way to rarer chains, before training is refused.
_REJECTED = 2_000
_CLIMBED = 20_000
_ABREAST_PER_WORKER = 4
# Raised whenever the same run would take another path than it used to.
_RUNS = 1


@dataclass(frozen=True)
class Training:
    """What a user wants of training.

    Attributes
    ----------
    options : Options
        The optimiser and its settings.
    loss : Loss
    stop : Stop
    n_runs : int
        ≥ 1.
    n_steps : int
        Budget of each run, ≥ 0.
    n_inputs : int
        Drawn from each interval of the first API for each step, ≥ 1.
    """

    options: Options = field(default_factory=lambda: Options("adam"))
    loss: Loss = Loss.HINGE
    stop: Stop = Stop.FIRST
    n_runs: int = 100
    n_steps: int = 100
    n_inputs: int = 4

    def __post_init__(self) -> None:
        """Refuse wishes out of range."""
        require_between("runs", self.n_runs, 1, MAX_RUNS)
        require_between("inputs", self.n_inputs, 1, MAX_INPUTS)
        self.plan(0)
        if self.options.optimizer == "rejection" and self.stop is Stop.BUDGET:
            raise InputError(
                "stop = 'budget' with rejection would end at any draw of the prior; take stop = 'first'"
            )

    @property
    def name(self) -> str:
        """Of the arm: optimiser, loss and stopping rule."""
        return f"{self.options.optimizer}-{self.loss}-{self.stop}"

    def plan(self, seed: int) -> Plan:
        """Return how its runs are made."""
        return Plan(self.options, self.stop, self.n_steps, seed)


@dataclass(frozen=True)
class SystemTraining:
    """Finished runs.

    Attributes
    ----------
    training : Training
    chain : Component
        The whole chain as one component; its parameters are the columns of `theta`.
    runs : tuple of Path
        By number.
    theta : array of float, shape (n_runs, d)
        Where each ended.
    verdict : array of uint8, shape (n_runs,)
        A `Verdict` of that θ, for all inputs.
    rejection : LogVolume
        Of what works end to end, from draws of the prior.
    n_simulated : int
        θ that were simulated now, not found in the journal.
    paths : Path
        Folder with all of it.
    """

    training: Training
    chain: Component
    runs: tuple[RunPath, ...]
    theta: Floats
    verdict: NDArray[np.uint8]
    rejection: LogVolume
    n_simulated: int
    paths: Path

    @property
    def succeeded(self) -> NDArray[np.bool_]:
        """Which runs ended where the chain works, shape (n_runs,)."""
        return np.asarray(self.verdict == Verdict.SATISFIED)

    @property
    def lucky(self) -> NDArray[np.bool_]:
        """Which runs started where it worked already, shape (n_runs,)."""
        return np.array([run.is_lucky for run in self.runs])


def train_system(
    system: System,
    settings: Settings,
    training: Training,
    on_progress: Progress = silent,
    paths: Path | None = None,
    rejection: LogVolume | None = None,
) -> SystemTraining:
    """Train the chain of a system end to end, from starts drawn from its priors.

    Runs that the journal beside the banks holds are taken from there. All paths are stored in `paths`, by
    default beside the banks. `rejection` is what `require_possible` says, if it was asked already.

    Raises as `sweep_system` does, and InputError if the loss does not suit the APIs, if nothing is found
    that works, or if `paths` holds runs of another configuration.
    """
    require_trainable(system, training)
    chained = end_to_end(system)
    (chain,) = chained.components
    event = event_of(chained, 0, put_on_bench(chained, chain, settings))
    with simulators(settings.n_workers, settings.scheduler) as pool:
        version = ngspice_version(pool)
    configuration = _configuration(event, training, settings, version)
    folder = _folder(system, training, settings, configuration)
    if paths is not None:
        folder = resolved(paths)
        require_room(folder, settings.banks)
    require_same_runs(folder, configuration)
    if rejection is None:
        rejection = require_possible(system, settings, on_progress)
    with (
        simulators(settings.n_workers, settings.scheduler) as pool,
        lab_of(chain, settings, version, pool) as lab,
    ):
        jobs = _Runs(event, training, settings, lab, json.dumps(configuration).encode())
        runs, n_simulated = jobs.all(on_progress)
        theta = jobs.problem.theta(np.array([run.points[-1] for run in runs]))
        verdict = _verdicts(event, runs, theta, lab)
        # A folder that holds more runs keeps them.
        more = tuple(dict(jobs.known(range(len(runs), n_runs_in(folder)))).values())
        every = [jobs.problem.theta(run.points) for run in (*runs, *more)]
        ends = jobs.problem.theta(np.array([run.points[-1] for run in more])) if more else theta[:0]
        verdicts = np.append(verdict, _verdicts(event, more, ends, lab))
    try:
        write_paths(
            folder,
            configuration,
            event.bench.thetas,
            (*runs, *more),
            every,
            verdicts,
            training.loss.unit,
        )
    except BankError as error:
        # What was found stands, and can be had again from the journal.
        _LOG.warning("%s", error)
    return SystemTraining(training, chain, runs, theta, verdict, rejection, n_simulated, folder)


def resolved(paths: Path) -> Path:
    """Return the folder that a path means, whatever links lead there.

    Raises
    ------
    InputError
        If it cannot be told.
    """
    try:
        folder = paths.resolve()
        folder.exists()
    except (OSError, RuntimeError) as error:
        raise InputError(f"paths = {str(paths)[:60]}…: no folder can be there ({error})") from error
    return folder


def require_trainable(system: System, training: Training) -> None:
    """Raise InputError if a system cannot be trained so, before anything is simulated."""
    first, last = system.apis[0], system.apis[-1]
    for api in (first, last):
        if api.free:
            raise InputError(
                f"{system.path.name}: API {api.name!r} is free, but the first and the last API say what "
                "the chain is trained for; give its sets without free = true"
            )
    if training.loss is Loss.SQUARED:
        require_ideal(last)
    n_params = sum(len(component.priors) for component in system.components)
    if not n_params:
        raise InputError(f"{system.path.name}: all parameters are fixed; there is nothing to train")
    n_directions = training.options.n_directions
    if n_directions is not None and n_directions > n_params:
        raise InputError(
            f"n_directions = {n_directions} exceeds the number of parameters of {system.path.name}, "
            f"{n_params}; give at most as many"
        )


def require_possible(system: System, settings: Settings, on_progress: Progress) -> LogVolume:
    """Draw chains from the prior, and climb if none works; return their log volume.

    Raises
    ------
    InputError
        If nothing was found that works end to end, with the bound.
    """
    chained = end_to_end(system)
    n_grid = n_grid_points(list(chained.components[0].priors.values()))
    few = n_grid is not None and n_grid <= _REJECTED
    plain = replace(
        settings,
        n_samples=_REJECTED,
        method=AUTO if few else MONTE_CARLO,
        precision=None,
    )
    volume = entropy_system(chained, plain, on_progress).total
    if not volume.counts[0].n_satisfied and not few:
        climbing_too = replace(plain, method=AUTO, precision=1.0, max_simulations=_CLIMBED)
        volume = entropy_system(chained, climbing_too, on_progress).total
    if not np.isfinite(volume.value):
        raise InputError(_nothing(chained, volume))
    return volume


def _nothing(chained: System, volume: LogVolume) -> str:
    first, last = chained.apis
    n, between = volume.counts[0].n_samples, f"works from {first.name!r} to {last.name!r}"
    if volume.method == ENUMERATION:
        found = f"training cannot succeed: none of the {n} chains that the priors allow {between}"
    else:
        found = (
            f"training cannot succeed, as far as is known: of {n} chains drawn from the prior and on the "
            f"way to what works, none {between}; the log volume of what does is at most "
            f"{volume.interval[1]:.2f} nat ({volume.confidence:.0%})"
        )
    return (
        f"{chained.path.name}: {found}; widen the sets of {last.name!r}, narrow those of "
        f"{first.name!r}, or take other priors"
    )


@dataclass
class _Runs:
    """Runs of one configuration, those that are known and those still to be made."""

    event: Event
    training: Training
    settings: Settings
    lab: Lab
    about: bytes
    problem: ChainProblem = field(init=False)

    def __post_init__(self) -> None:
        event, seed = self.event, self.settings.seed
        target = Target(self.training.loss, event.api_out, event.bench.vdd)
        sweeps = Sweeps(self.lab.pool)
        self.problem = ChainProblem(event, target, self.training.n_inputs, seed, sweeps)

    def all(self, on_progress: Progress) -> tuple[tuple[RunPath, ...], int]:
        """Return all runs by number, and how many θ were simulated for them now."""
        numbers = range(self.training.n_runs)
        found = dict(self.known(numbers))
        missing = [number for number in numbers if number not in found]
        what = f"train, {self.training.name}"
        on_progress(what, len(found), len(numbers), self._standing(found))
        # Enough for every worker to be busy, and few to be lost when it is interrupted.
        n_abreast = _ABREAST_PER_WORKER * self.lab.pool.n_workers
        plan = self.training.plan(self.settings.seed)
        for run in train(self.problem, plan, missing, n_abreast):
            self.lab.journal.keep(self._question(run.run), _arrays(run))
            found[run.run] = run
            on_progress(what, len(found), len(numbers), self._standing(found))
        return tuple(found[number] for number in numbers), self.problem.n_simulated

    def known(self, numbers: Sequence[int]) -> Iterator[tuple[int, RunPath]]:
        """Yield the runs that the journal holds, by number."""
        for number in numbers:
            answer = self.lab.journal.recall(self._question(number))
            if answer is not None:
                yield number, _run_of(number, answer)

    def _standing(self, found: Mapping[int, RunPath]) -> str:
        if not found:
            return ""
        last = np.array([run.loss[-1] for run in found.values()])
        n, known = sum(run.works for run in found.values()), last[np.isfinite(last)]
        loss = f", median loss {np.median(known):.3g} {self.training.loss.unit}" * (len(known) > 0)
        return f"{n} work by their points{loss}"

    def _question(self, number: int) -> bytes:
        return b"run %d " % number + self.about


def _arrays(run: RunPath) -> dict[str, NDArray[Any]]:
    first = -1 if run.first_success is None else run.first_success
    counts = [first, run.works, run.n_evaluations, run.n_failed, run.n_held]
    return {
        "points": run.points,
        "loss": run.loss,
        "margin": run.margin,
        "counts": np.array(counts, dtype=np.int64),
    }


def _run_of(number: int, answer: Mapping[str, NDArray[Any]]) -> RunPath:
    first, works, *counts = answer["counts"].tolist()
    parts = (answer["points"], answer["loss"], answer["margin"])
    return RunPath(number, *parts, None if first < 0 else first, bool(works), *counts)


def _verdicts(event: Event, runs: Sequence[RunPath], theta: Floats, lab: Lab) -> NDArray[np.uint8]:
    """Return the `Verdict` of where each run ended, between the points of its curve too."""
    margin = np.array([run.margin[-1] for run in runs])
    verdict = np.full(len(runs), Verdict.VIOLATED, dtype=np.uint8)
    verdict[np.isnan(margin)] = Verdict.UNSIMULATED
    # Of a run that does not work, it is not known yet whether the chain surely fails.
    rows = np.flatnonzero(margin >= 0.0)
    if len(rows):
        checking = climbing(event)
        curves = sweep(checking.bench, theta[rows], lab.pool)
        checks = check_grid(checking, curves)
        verdict[rows] = settle(checking, theta[rows], curves, checks, lab).verdict
    return verdict


def _configuration(
    event: Event, training: Training, settings: Settings, version: str
) -> dict[str, Any]:
    """Return all that a run depends on but its number, as JSON values."""
    plan = training.plan(settings.seed)
    return {
        "format": _RUNS,
        "bench": bench_key(event.bench, version),
        "apis": [{logic: str(v) for logic, v in api.sets.items()} for api in event.apis],
        "priors": {name: str(prior) for name, prior in event.component.priors.items()},
        "loss": training.loss.value,
        "stop": training.stop.value,
        "steps": training.n_steps,
        "inputs": training.n_inputs,
        "seed": plan.seed,
        "optimizer": training.options.optimizer,
        **training.options.figures,
    }


def _folder(
    system: System, training: Training, settings: Settings, configuration: Mapping[str, Any]
) -> Path:
    digest = hashlib.sha256(json.dumps(configuration, sort_keys=True).encode()).hexdigest()
    stem = file_stem(system.path.stem)
    return settings.banks / f"{stem}-{training.name}-{digest[:16]}.paths.zarr"
