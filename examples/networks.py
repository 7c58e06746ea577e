"""Compare where training ends with the API of greatest log volume, between two neural networks.

Nothing here is a circuit. Two networks stand in series, and each sends a number in [0, 1] to another one
through four tanh units. Numbers up to 0.25 are logical 0 and numbers from 0.75 on logical 1, at the input
of the first network and at the output of the second. What they are in between is left open: that API is
searched for, and where training ends is compared with it.

The prior of the 13 parameters of a network is uniform in a box. All functions take quantiles u, points of
the unit cube, as training does; those of a chain are of its first network, then of its second.

Usage: python examples/networks.py [--seed 0] [--n-bank 5000] [--n-runs 600] [--stop first]
"""

import argparse
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from spicebuf.errors import InputError
from spicebuf.images import Transfer, tabulated
from spicebuf.prediction import (
    Banks,
    Claim,
    Estimate,
    Measure,
    Summary,
    Verdict,
    WorkingPairs,
    bayes_classes,
    class_step,
    judge,
    log_ratio,
    place,
    place_bayes,
    place_classes,
    place_shuffled,
    share_in_best,
    summarise,
    working_pairs,
)
from spicebuf.search import (
    Candidate,
    Images,
    Preimages,
    Sets,
    name_of,
    search,
    simplified,
    work_together,
)
from spicebuf.training import Batched, Options, Path, Plan, Stop, draw_uniform, train

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

N_HIDDEN = 4
N_PARAMS = 3 * N_HIDDEN + 1
# Of the hidden units' weights and biases, the output's weights and bias. Curves rise more often than they
# fall, so that one kind of API is larger than the other.
LOW = np.repeat([-8.0, -8.0, -5.0, -4.0], [N_HIDDEN, N_HIDDEN, N_HIDDEN, 1])
HIGH = np.repeat([12.0, 4.0, 7.0, 4.0], [N_HIDDEN, N_HIDDEN, N_HIDDEN, 1])

GRID = np.linspace(0.0, 1.0, 101)
LOGIC: Sets = (((0.0, 0.25),), ((0.75, 1.0),))
N_INPUTS, N_STEPS = 16, 200
N_DRAWN, N_PER_CLASS = 2000, 20
# Fix a claim before you look at runs.
CLAIM = Claim(near=0.5, share=0.5, nulls=("classes alike",))


def network(u: Floats, x: Floats) -> Floats:
    """Return the outputs (n, m) of n networks, quantiles (n, 13), at inputs (n, m)."""
    ends = np.cumsum([N_HIDDEN] * 3)
    w, b, v, c = np.split((LOW + u * (HIGH - LOW))[:, :, np.newaxis], ends, axis=1)
    hidden = np.tanh(w * x[:, np.newaxis] + b)
    return np.asarray(1.0 / (1.0 + np.exp(-(v * hidden).sum(axis=1) - c[:, 0])))


def chain(u: Floats, x: Floats) -> Floats:
    """Return the outputs (n, m) of n chains, quantiles (n, 26), at inputs (n, m)."""
    return network(u[:, N_PARAMS:], network(u[:, :N_PARAMS], x))


def curves(u: Floats) -> Transfer:
    """Return the transfer curves of networks."""
    return tabulated(GRID, network(u, np.tile(GRID, (len(u), 1))))


def inside(u: Floats) -> tuple[Images, Preimages]:
    """Return where chains send the logical values inside, and which numbers work there."""
    return curves(u[:, :N_PARAMS]).images(LOGIC), curves(u[:, N_PARAMS:]).preimages(LOGIC)


def works(u: Floats) -> NDArray[np.bool_]:
    """Tell which chains work: whose images each lie in one component of the preimage."""
    return work_together(*inside(u))


def losses(u: Floats, runs: Places, steps: Places, seed: int) -> tuple[Floats, Floats]:
    """Return hinge losses and margins of chains, at inputs drawn for each step of each run."""
    low, high = np.repeat(np.array(LOGIC)[:, 0], N_INPUTS, axis=0).T
    x = low + draw_uniform(seed, runs, steps, len(low)) * (high - low)
    y = chain(u, x)
    margin = np.minimum(y - low, high - y)
    return np.maximum(0.0, -margin).mean(axis=1), margin.min(axis=1)


def trained(seed: int, n_runs: int, stop: Stop) -> list[Path]:
    """Train chains end to end from draws of the prior, and return the runs in order."""
    problem = Batched(2 * N_PARAMS, partial(losses, seed=seed), works)
    plan = Plan(Options("adam"), stop, N_STEPS, seed)
    return sorted(train(problem, plan, range(n_runs)), key=lambda path: path.run)


def searched(banks: Banks) -> list[Candidate]:
    """Return the API of greatest log volume of each kind, the greatest first."""
    kinds = ([(0, 1)], [(1, 0)])
    found = [search(banks.images, banks.preimages, 1, shapes=kind).best for kind in kinds]
    return sorted((each for best in found for each in best), key=lambda each: -each.product)


def banks_of(n: int, rng: np.random.Generator) -> Banks:
    """Draw n networks of each place from the prior."""
    return Banks(*inside(rng.random((n, 2 * N_PARAMS))))


@dataclass(frozen=True)
class Outcome:
    """What came out: the APIs, the runs, and populations of chains held against the best API."""

    apis: list[Candidate]
    measure: Measure
    pairs: WorkingPairs
    runs: list[Path]
    populations: dict[str, Summary]
    bayes_in_best: Estimate
    verdict: Verdict


def compare(seed: int, n_bank: int, n_runs: int, stop: Stop) -> Outcome:
    """Search, train, and compare where training ends with the greatest log volume."""
    rng = np.random.default_rng(seed)
    # What is best on one pair of banks looks better than it is; another pair measures it.
    first, second = banks_of(n_bank, rng), banks_of(n_bank, rng)
    apis = searched(first)
    if not apis:
        raise InputError(f"no API admits any of {n_bank} networks of each place; raise --n-bank")
    measure = Measure(first, second, simplified(apis[0].tight, apis[0].wide), vdd=GRID[-1])
    pairs = working_pairs(second)
    classes = bayes_classes(pairs, class_step(measure.vdd))
    runs = trained(seed, n_runs, stop)
    # A start that works was drawn, not trained.
    ended = [run.points[-1] for run in runs if run.works and not run.is_lucky]
    if not ended:
        raise InputError(f"none of {n_runs} runs ended where it works; raise --n-runs")
    ends = inside(np.array(ended))
    placed = {
        "trained": place(measure, *ends),
        "Bayes": place_bayes(measure, pairs, N_DRAWN, rng),
        "shuffled": place_shuffled(measure, *ends, N_DRAWN, rng).placement,
        "classes alike": place_classes(measure, pairs, classes, N_PER_CLASS, rng),
    }
    told = {name: summarise(each, CLAIM) for name, each in placed.items()}
    bayes = share_in_best(pairs, measure.best, CLAIM.confidence)
    verdict = judge(CLAIM, told["trained"], told)
    return Outcome(apis, measure, pairs, runs, told, bayes, verdict)


def report(outcome: Outcome) -> str:
    """Say in a few lines what came out."""
    measure, runs = outcome.measure, outcome.runs
    lines = ["API between                                    log volume  on other banks [nat]"]
    for api in outcome.apis:
        sets = simplified(api.tight, api.wide)
        edges = ", ".join(f"{k}: [{a:g}, {b:g}]" for k, ((a, b),) in enumerate(sets))
        volumes = [each.log_volume(sets) for each in (measure.choose, measure.measure)]
        lines.append(f"{name_of(api.shape):14} {edges:30} {volumes[0]:12.2f} {volumes[1]:9.2f}")
    prior = outcome.pairs.weight / np.prod(measure.measure.totals)
    n_lucky, n_ended = sum(run.is_lucky for run in runs), outcome.populations["trained"].n
    lines += [
        f"\n{prior:.1%} of the prior works. Of {len(runs)} runs, {n_lucky} start where it does;",
        f"of the others, {n_ended} end where it does.\n",
        f"{'ended':15}{'n':>5}  {'median Δ [nat]':28}{f'Δ ≤ {CLAIM.near:g} nat':28}in the best API",
    ]
    for name, told in outcome.populations.items():
        shown = f"{told.delta_median!s:28}{told.share_near!s:28}{told.share_in_best}"
        lines.append(f"{name:15}{told.n:5}  {shown}")
    ratio = log_ratio(outcome.populations["trained"].share_in_best, outcome.bayes_in_best)
    lines += [
        f"\nlog P_train / P_Bayes of the best API: {ratio} nat, with P_Bayes {outcome.bayes_in_best}",
        f"{outcome.verdict.word}: {outcome.verdict.reason}",
    ]
    return "\n".join(lines)


def main() -> None:
    """Run as a script."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--n-bank", type=int, default=5000, help="networks of each place in a bank")
    parser.add_argument("--n-runs", type=int, default=600, help="training runs")
    parser.add_argument("--stop", type=Stop, choices=[*Stop], default=Stop.FIRST)
    given = parser.parse_args()
    try:
        print(report(compare(given.seed, given.n_bank, given.n_runs, given.stop)))
    except (InputError, ValueError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
