"""Many θ of one component → one ngspice deck."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from operator import add

import numpy as np
from numpy.typing import NDArray

from spicebuf.netlist import Alteration
from spicebuf.system import Component

# Default tolerances are up to 5 mV off, these 5 µV; tighter ones break convergence (ngspice 39).
_RELTOL = 1e-6
SOLVER_OPTIONS = f"reltol={_RELTOL!r} vntol=1e-9"
ACCURACY = 1e-5
"""Accuracy promised for circuits without feedback at supplies up to 5 V [V]; see `accuracy`."""

# Less than the 0.5 V below which no voltage limiter of a transistor acts, and far more than what the
# last iterations of a converging circuit move [V].
_STILL = 0.25

LIGHT_BATCH, HEAVY_BATCH = 16, 4
"""θ in one deck of simple transistors, and of others such as BSIM's: near the measured best."""

MAX_BATCH = 256
BATCHES_PER_JOB = 8
"""Decks that are simulated in one go, sorted among themselves."""

_TINY = 1e-300
_LIGHT_LEVELS = frozenset({1, 2, 3, 6, 9})
_LEVEL = re.compile(r"\blevel=\{?(\d+)")

_NODES = {"in": "in", "vdd": "vdd", "vss": "0"}


@dataclass(frozen=True)
class Deck:
    """What ngspice loads, and the commands that then give its replicas their θ.

    The same text need not be loaded twice. Where the netlist lets θ be altered, that saves a fifth to a
    quarter of the time; ngspice computes all that follows from them anew for every sweep, so that what
    was simulated before leaves no trace.
    """

    text: str
    alter: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rung:
    """One way to try again a θ that ngspice found no trustworthy curve for.

    Attributes
    ----------
    options : str
        Solver options beyond `SOLVER_OPTIONS`; tolerances stay what they are.
    fineness : int
        Steps of the sweep for each step of the grid: nearer starting points for every solution.
    """

    options: str
    fineness: int = 1


LADDER = (
    Rung("itl1=2000 itl2=2000"),
    Rung("itl1=2000 itl2=2000", fineness=8),
    Rung("itl1=2000 itl2=2000 gminsteps=20 srcsteps=20", fineness=8),
)
"""Tried in turn: more Newton iterations, smaller steps, and stepping of gmin and sources as in SPICE3."""


@dataclass(frozen=True)
class Sweep:
    """An ngspice command that sweeps the input, and the ascending voltages that it visits [V].

    Every `fineness`-th of them, from the first on, is a point of the curve; the others lead the way.
    """

    command: str
    vin: NDArray[np.float64]
    fineness: int = 1


@dataclass(frozen=True)
class Stretch:
    """Input voltages of a curve: `n_points` from `low` to `high` [V], equally spaced, both included."""

    low: float
    high: float
    n_points: int

    def vin(self, fineness: int = 1) -> NDArray[np.float64]:
        """Return the voltages, in `fineness` steps for each step."""
        return np.linspace(self.low, self.high, (self.n_points - 1) * fineness + 1)

    def halved(self) -> "Stretch":
        """Return the same stretch in steps of half the size."""
        return replace(self, n_points=2 * self.n_points - 1)


@dataclass(frozen=True)
class Bench:
    """What a worker needs to simulate a component at any θ: plain data, cheap to send.

    Attributes
    ----------
    definitions : tuple of str
        The template's cards.
    subcircuit : str
    ports : tuple of str
    fixed : tuple of (str, float)
        Parameters held at one value.
    thetas : tuple of str
        Names of the columns of a θ array.
    vdd : float
        Supply [V].
    temperature : float
        [°C]
    stretches : tuple of Stretch
        Input voltages of a transfer curve, ascending: usually one stretch from rail to rail. Only a
        circuit without feedback can be asked about a part of them.
    states : tuple of str
        Nodes through which the circuit feeds back on itself. If there are any, it is swept down as
        well as up, and each θ is simulated alone.
    watched : tuple of str
        Nodes at field-effect transistors.
    batch : int
        θ in one deck.
    alterations : tuple of Alteration or None
        How θ are given to a loaded circuit; None if they must be part of it.
    sort_by : (str, str) or None
        Parameters by whose ratio θ are sorted, so that those of a deck converge together.
    """

    definitions: tuple[str, ...]
    subcircuit: str
    ports: tuple[str, ...]
    fixed: tuple[tuple[str, float], ...]
    thetas: tuple[str, ...]
    vdd: float
    temperature: float
    stretches: tuple[Stretch, ...]
    states: tuple[str, ...]
    watched: tuple[str, ...]
    batch: int
    alterations: tuple[Alteration, ...] | None
    sort_by: tuple[str, str] | None

    @property
    def feedback(self) -> bool:
        """Whether the circuit can have two branches."""
        return bool(self.states)

    @property
    def group(self) -> int:
        """θ whose curves depend on one another's company, by less than their accuracy."""
        return 1 if self.batch == 1 else self.batch * BATCHES_PER_JOB

    @property
    def n_points(self) -> int:
        """Input voltages of a transfer curve."""
        return sum(stretch.n_points for stretch in self.stretches)

    @property
    def vin(self) -> NDArray[np.float64]:
        """Input voltages, shape (n_points,) [V]."""
        return np.concatenate([stretch.vin() for stretch in self.stretches])

    @property
    def branches(self) -> tuple[str, ...]:
        """Sweep directions of the curves; a circuit without feedback needs one."""
        return ("up", "down") if self.feedback else ("up",)


def bench(
    component: Component,
    vdd: float,
    temperature: float,
    n_points: int,
    batch: int | None = None,
) -> Bench:
    """Put a component on the bench with all its priors' parameters as θ.

    A deck holds `batch` θ, by default what measured best: loading is amortised, and no θ waits long for
    another to converge. Circuits with feedback disturb one another, whatever the tolerances, and always
    go alone.
    """
    template = component.template
    if template.feedback:
        batch = 1
    elif batch is None:
        batch = LIGHT_BATCH if model_levels(template.definitions) <= _LIGHT_LEVELS else HEAVY_BATCH
    return Bench(
        definitions=template.definitions,
        subcircuit=template.name,
        ports=template.ports,
        fixed=tuple(component.fixed.items()),
        thetas=tuple(component.priors),
        vdd=vdd,
        temperature=temperature,
        stretches=(Stretch(0.0, vdd, n_points),),
        states=template.states,
        watched=template.watched,
        batch=batch,
        alterations=_of(template.alterations, component.priors),
        sort_by=template.sort_by,
    )


def accuracy(vdd: float) -> float:
    """Return the accuracy promised for circuits without feedback [V]: 10 µV, 2e-6 of large supplies."""
    return max(ACCURACY, 2.0 * _RELTOL * vdd)


def model_levels(definitions: Iterable[str]) -> set[int]:
    """Return the levels that a netlist's models name."""
    models = (card for card in definitions if card.startswith(".model"))
    return {int(level) for card in models for level in _LEVEL.findall(card)}


def output_names(n: int) -> list[str]:
    """Names of the vectors that hold the outputs of a deck's `n` replicas."""
    return [f"out{k}" for k in range(n)]


def compose(on: Bench, theta: NDArray[np.float64], rung: Rung | None = None) -> Deck:
    """Return the deck that holds one replica of the component for each θ.

    Parameters
    ----------
    theta : array of float, shape (n, len(bench.thetas))
    rung : Rung, optional
        Of the ladder.
    """
    return _compose(on, theta, [] if rung is None else [f".options {rung.options}"])


def render(on: Bench, theta: NDArray[np.float64]) -> str:
    """Write the deck of `compose` with θ in its text: title first, `.end` last, input source `vin`."""
    return _render(on, theta, [])


def company(on: Bench, theta: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the order in which θ should share decks, shape (n,): a deck waits for its slowest."""
    score = np.zeros(len(theta))
    for sign, name in zip((1.0, -1.0), on.sort_by or (), strict=False):
        if name in on.thetas:
            score += sign * np.log(np.maximum(theta[:, on.thetas.index(name)], _TINY))
    return np.argsort(score, kind="stable")


def branch_sweeps(on: Bench, fineness: int = 1) -> list[list[Sweep]]:
    """Return the sweeps of a transfer curve, by branch, in `fineness` steps per grid step."""
    up = [_up(stretch.vin(fineness), fineness) for stretch in on.stretches]
    down = [_down(stretch.vin(fineness), fineness) for stretch in on.stretches]
    return [up, down][: len(on.branches)]


def n_guesses(on: Bench) -> int:
    """Return how many initial guesses tell all states of a circuit with feedback apart."""
    if not on.feedback:
        return 0
    return 2 * max(1, math.ceil(math.log2(len(on.states))))


def compose_guess(on: Bench, theta: NDArray[np.float64], k: int) -> Deck:
    """Return the deck of one θ, shape (1, len(bench.thetas)), that starts from initial guess `k`.

    The guesses put each state node on a rail by the binary digits of its number, and then the other
    way round: any two state nodes start on different rails in some guess, in both senses.
    """
    guesses = []
    for number, node in enumerate(on.states):
        high = (number >> (k // 2) & 1) ^ (k % 2)
        guesses.append(f".nodeset v({_node(0, node)})={on.vdd * high!r}")
    return _compose(on, theta, guesses)


def rail_sweeps(on: Bench) -> list[list[Sweep]]:
    """Return sweeps of two points that begin on the lower and on the upper rail."""
    return [[_up(on.vin[:2])], [_down(on.vin[-2:])]]


def _up(vin: NDArray[np.float64], fineness: int = 1) -> Sweep:
    first, last, step = _ends(vin)
    return Sweep(f"dc vin {first!r} {last + step / 2.0!r} {step!r}", vin, fineness)


def _down(vin: NDArray[np.float64], fineness: int = 1) -> Sweep:
    first, last, step = _ends(vin)
    return Sweep(f"dc vin {last!r} {first - step / 2.0!r} {-step!r}", vin, fineness)


def _ends(vin: NDArray[np.float64]) -> tuple[float, float, float]:
    # ngspice adds the step up and loses or gains the last point by rounding: sweeps are told to end
    # half a step beyond it. repr: a step printed with %.6g lost it in 44 % of the cases. A step of 0
    # hangs for ever.
    first, last = float(vin[0]), float(vin[-1])
    return first, last, (last - first) / (len(vin) - 1) if last > first else 1.0


def _of(
    alterations: tuple[Alteration, ...] | None, thetas: Iterable[str]
) -> tuple[Alteration, ...] | None:
    names = set(thetas)
    return alterations and tuple(use for use in alterations if use.theta in names)


def _compose(on: Bench, theta: NDArray[np.float64], extra: Sequence[str]) -> Deck:
    if on.alterations is None:
        return Deck(_render(on, theta, extra))
    # The text is the same whatever is swept.
    text, commands, places = _unaltered(replace(on, stretches=()), len(theta), tuple(extra))
    values = map(repr, theta.reshape(-1)[places].tolist())
    return Deck(text, tuple(map(add, commands, values)))


@lru_cache(maxsize=16)
def _unaltered(
    on: Bench, n: int, extra: tuple[str, ...]
) -> tuple[str, list[str], NDArray[np.int64]]:
    """Return a deck with defaults in place of θ, the commands, and where in θ their values are."""
    text = _render(replace(on, thetas=()), np.empty((n, 0)), extra)
    uses = [(use, k) for use in on.alterations or () for k in range(n)]
    places = [k * len(on.thetas) + on.thetas.index(use.theta) for use, k in uses]
    commands = [use.command.format(k=k) for use, k in uses]
    return text, commands, np.array(places, dtype=np.int64)


def _render(on: Bench, theta: NDArray[np.float64], extra: Sequence[str]) -> str:
    outputs = output_names(len(theta))
    instances = [
        _instance(on, k, output, dict(zip(on.thetas, row, strict=True)))
        for k, (output, row) in enumerate(zip(outputs, theta.tolist(), strict=True))
    ]
    return "\n".join(
        (
            "spicebuf",
            f".options {SOLVER_OPTIONS} temp={on.temperature!r}",
            *on.definitions,
            f"vvdd vdd 0 {on.vdd!r}",
            "vin in 0 0",
            *instances,
            *_watch(on, len(theta)),
            *extra,
            *(f".save v({output})" for output in outputs),
            ".end",
            "",
        )
    )


def _instance(on: Bench, k: int, output: str, theta: Mapping[str, float]) -> str:
    nodes = _NODES | {"out": output}
    ports = " ".join(nodes[port] for port in on.ports)
    values = " ".join(f"{name}={value!r}" for name, value in {**dict(on.fixed), **theta}.items())
    return f"x{k} {ports} {on.subcircuit} {values}".rstrip()


def _watch(on: Bench, n: int) -> list[str]:
    """Write a circuit beside the replicas that lets ngspice converge only once all nodes stand still.

    ngspice 39 takes two equal iterations for a solution, even if its voltage limiters kept a transistor
    elsewhere: its own test for that is without effect, since `NIiter` overwrites the count of
    `CKTconvTest`. A level-1 transistor is exactly linear in saturation, so that two iterations are equal
    there long before the solution (`benchmarks/false_solutions.py`: points off by up to 47 V). The square
    of a node's voltage, linearised as all else, differs between two iterations by the square of the
    node's move in the iteration *before*; so convergence needs two steps in a row in which nothing moved
    far, and limiters let go after one.
    """
    if not on.watched:
        return []
    # The squares' sum converges when it changes by less than _RELTOL of its value.
    offset = _STILL**2 / _RELTOL / n
    cards = []
    for k in range(n):
        nodes = [_node(k, node) for node in on.watched]
        squares = "+".join(f"v({node})*v({node})" for node in nodes)
        cards.append(f"bwatch{k} 0 watch i={offset!r}+{squares}")
    return [*cards, "rwatch watch 0 1"]


def _node(k: int, node: str) -> str:
    return f"out{k}" if node == "out" else f"x{k}.{node}"
