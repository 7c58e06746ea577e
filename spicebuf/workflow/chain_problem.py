"""The whole chain in ngspice as what training runs ask about."""

from dataclasses import dataclass, field, replace

import numpy as np

from spicebuf.check import Floats, Verdict
from spicebuf.deck import LIGHT_BATCH, MAX_BATCH, Bench
from spicebuf.losses import Inputs, Target, at_inputs, draw_inputs
from spicebuf.prior import from_quantiles
from spicebuf.simulate import Curves
from spicebuf.sweep import Finished, Sweeps
from spicebuf.training import Answer, Check, Question, Scores
from spicebuf.workflow.events import Event, check_grid, climbing

# Tells the streams of drawn inputs apart from all others of the same seed.
_INPUTS = 6


@dataclass
class ChainProblem:
    """Answers training runs by simulating complete chains, each question in decks of its own.

    So the answers that a run gets do not depend on what other runs ask.

    Attributes
    ----------
    event : Event
        The chain as one component (see `chain_of`), on the bench of its bank.
    target : Target
    n_inputs : int
        Inputs drawn from each interval of the first API for each step, ≥ 1.
    seed : int
    sweeps : Sweeps
    n_simulated : int
        θ so far.
    """

    event: Event
    target: Target
    n_inputs: int
    seed: int
    sweeps: Sweeps
    n_simulated: int = 0
    _open: dict[int, tuple[int, tuple[Inputs, ...] | None]] = field(
        default_factory=dict, init=False
    )

    def __post_init__(self) -> None:
        """Prepare the bench that tells whether a chain works."""
        event = climbing(self.event)
        self._checking = replace(event, bench=replace(event.bench, batch=1))

    @property
    def n_params(self) -> int:
        """See `Problem`."""
        return self.event.d

    @property
    def levels(self) -> Floats:
        """See `Problem`."""
        priors = self.event.component.priors.values()
        return np.array([len(prior.values or ()) for prior in priors], dtype=np.float64)

    @property
    def has_gradients(self) -> bool:
        """See `Problem`."""
        return False

    def ask(self, run: int, question: Question) -> None:
        """See `Problem.ask`."""
        if isinstance(question, Check):
            drawn, points, on = None, question.point[np.newaxis], self._checking.bench
        else:
            drawn, points = self._draw(run, question.step), question.points
            on = self._bench(drawn, len(points))
        self.n_simulated += len(points)
        self._open[self.sweeps.add(on, self.theta(points))] = run, drawn

    def answer(self) -> tuple[int, Answer]:
        """See `Problem.answer`."""
        done = self._next()
        run, drawn = self._open.pop(done.number)
        if drawn is None:
            checks = check_grid(self._checking, done.curves)
            return run, bool(checks.verdict[0] == Verdict.SATISFIED)
        curves = self._at(drawn, done.curves)
        return run, Scores(self.target.loss_of(curves, drawn), self.target.margin_of(curves, drawn))

    def theta(self, points: Floats) -> Floats:
        """Return points of the unit cube as θ."""
        return from_quantiles(list(self.event.component.priors.values()), points)

    def _next(self) -> Finished:
        while True:
            _, done = self.sweeps.wait()
            if done is not None:
                return done

    def _draw(self, run: int, step: int) -> tuple[Inputs, ...]:
        seeds = np.random.SeedSequence(self.seed, spawn_key=(_INPUTS, run, step))
        rng = np.random.default_rng(seeds)
        return draw_inputs(self.event.api_in, self.n_inputs, rng)

    def _bench(self, drawn: tuple[Inputs, ...], n: int) -> Bench:
        """Return the bench for drawn inputs; a circuit with feedback is swept from rail to rail."""
        on = self.event.bench
        if on.feedback:
            return on
        # One deck for all points of a question is loaded once, and altered for the next.
        batch = min(n, MAX_BATCH) if on.batch == LIGHT_BATCH else on.batch
        return replace(on, batch=batch, stretches=tuple(inputs.stretch for inputs in drawn))

    def _at(self, drawn: tuple[Inputs, ...], curves: Curves) -> Curves:
        if not self.event.bench.feedback:
            return curves
        return replace(curves, vout=at_inputs(self.event.bench.vin, curves.vout, drawn))
