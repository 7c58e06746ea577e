"""Does the test of the prediction give the right verdicts, and do its intervals cover.

The chain has log volumes in closed form (tests/prediction_cases.py). There are four arms: runs uniform
over the solutions, as Bayes (clearly near the greatest log volume: a share of 0.82 within 0.5 nat, where
0.6 is claimed); one that prefers great log volumes; one that avoids them; and one of which exactly the
claimed half is near. Each repeat draws banks of its own, searches them and draws its runs.
Usage: python benchmarks/prediction.py [--repeats N] [--samples N] [--runs N] [--seed N]
"""

import argparse
import math
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from spicebuf.entropy import clopper_pearson
from spicebuf.prediction import (
    Claim,
    Classes,
    Estimate,
    Measure,
    bayes_classes,
    class_step,
    judge,
    log_ratio,
    place,
    place_classes,
    share_in_best,
    spread_over,
    summarise,
    working_pairs,
)
from spicebuf.prediction.estimates import weighted_quantile
from tests.prediction_cases import VDD, Floats, Population, draw_measure, population

NEAR = 0.5
N_POPULATION = 10_000
N_EDGES = 26
PER_CLASS = 5
PREFERENCE = 4.0


@dataclass(frozen=True)
class Arm:
    """How runs are drawn from the population, the claim, and what is true whatever the banks."""

    weight: Floats
    claim: Claim
    truth: dict[str, float]


def arm_of(everyone: Population, weight: Floats, claim: Claim) -> Arm:
    """Return an arm with its truths."""
    part, delta = weight / weight.sum(), everyone.delta
    truth = {
        "near": float(part @ (delta <= NEAR)),
        "median": weighted_quantile(delta, part, 0.5),
        "slope": everyone.slope(part),
    }
    return Arm(weight, claim, truth)


Tally = dict[str, Counter[str]]
"""Of each arm, how often each verdict was given, and which intervals held the truth."""


def arms_of(everyone: Population) -> dict[str, Arm]:
    """Return the arms, with the verdict that each deserves in its name."""
    delta = everyone.delta
    near = delta <= NEAR
    half = near / near.sum() + ~near / (~near).sum()
    claim = Claim(NEAR, 0.6, nulls=("classes",))
    return {
        "uniform (supported)": arm_of(everyone, np.ones(everyone.n), claim),
        "prefers (supported)": arm_of(everyone, np.exp(-PREFERENCE * delta), claim),
        "avoids (refuted)": arm_of(everyone, np.where(near, 0.0, 1.0), claim),
        "boundary (undecided)": arm_of(everyone, half, Claim(NEAR, 0.5)),
    }


def truths(everyone: Population, arm: Arm, measure: Measure) -> dict[str, float]:
    """Return what the intervals of an arm should hold."""
    in_best = everyone.images.held_by(measure.best) & everyone.preimages.hold(measure.best)
    share = float(arm.weight @ in_best) / float(arm.weight.sum())
    return arm.truth | {
        "in best": share,
        "ratio": math.log(share / in_best.mean()) if share else -math.inf,
        "bayes": float(in_best.mean()),
    }


def repeat(
    everyone: Population, arms: dict[str, Arm], n_samples: int, n_runs: int, seed: int
) -> Tally:
    """Draw banks and runs, and hold what is found against the truth."""
    rng = np.random.default_rng(seed)
    measure = draw_measure(n_samples, N_EDGES, rng)
    pairs = working_pairs(measure.measure)
    classes = bayes_classes(pairs, class_step(VDD))
    bayes = share_in_best(pairs, measure.best, 0.95)
    null = place_classes(measure, pairs, classes, PER_CLASS, rng)
    tally: Tally = defaultdict(Counter)
    for name, arm in arms.items():
        runs = place(measure, *everyone.drawn(arm.weight, n_runs, rng))
        summary = summarise(runs, arm.claim)
        tally[name][judge(arm.claim, summary, {"classes": summarise(null, arm.claim)}).word] += 1
        found = {
            "near": summary.share_near,
            "in best": summary.share_in_best,
            "median": summary.delta_median,
            "slope": _slope(runs.behaviour, classes, rng),
            "ratio": log_ratio(summary.share_in_best, bayes),
            "bayes": bayes,
        }
        truth = truths(everyone, arm, measure)
        tally[name].update(key for key, each in found.items() if _holds(each, truth[key]))
        tally[name]["ratio is not 0"] += not _holds(found["ratio"], 0.0)
    return tally


def _slope(behaviour: np.ndarray, classes: Classes, rng: np.random.Generator) -> Estimate:
    slope = spread_over(behaviour, classes, rng).slope
    return Estimate(math.nan, -math.inf, math.inf) if slope is None else slope


def _holds(estimate: Estimate, truth: float) -> bool:
    return estimate.low <= truth <= estimate.high


def main() -> None:
    """Print verdicts and coverage of each arm."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--samples", type=int, default=1000, help="θ in each bank")
    parser.add_argument("--runs", type=int, default=300, help="of each arm")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    begun = time.monotonic()
    everyone = population(N_POPULATION, given.seed)
    arms = arms_of(everyone)
    total: Tally = {name: Counter() for name in arms}
    for k in range(given.repeats):
        for name, counts in repeat(
            everyone, arms, given.samples, given.runs, given.seed + 1 + k
        ).items():
            total[name] += counts
    words = ["supported", "refuted", "undecided"]
    keys = ["near", "in best", "median", "slope", "ratio", "bayes", "ratio is not 0"]
    print(f"{'':24}" + "".join(f"{each:>15}" for each in words + keys))
    for name, counts in total.items():
        print(
            f"{name:24}" + "".join(f"{counts[each] / given.repeats:15.3f}" for each in words + keys)
        )
    low, high = clopper_pearson(0.025 * given.repeats, given.repeats, 0.025)
    print(f"{given.repeats} repeats in {time.monotonic() - begun:.0f} s; at a true rate of 0.025")
    print(f"95 % of them show {low:.3f} to {high:.3f}")


if __name__ == "__main__":
    main()
