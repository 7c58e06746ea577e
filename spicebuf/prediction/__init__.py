"""Does training end at APIs of nearly the greatest log volume? Knows no circuits."""

from spicebuf.prediction.banks import Banks
from spicebuf.prediction.bayes import WorkingPairs, draw_pairs, share_in_best, working_pairs
from spicebuf.prediction.behaviour import behaviour_of, class_step
from spicebuf.prediction.claim import Claim
from spicebuf.prediction.classes import Classes, bayes_classes, stratified_pairs
from spicebuf.prediction.estimates import Estimate, log_ratio
from spicebuf.prediction.measure import N_EDGES, Distance, Measure
from spicebuf.prediction.nulls import (
    Shuffled,
    distances_of_apis,
    place_bayes,
    place_classes,
    place_shuffled,
    summarise_apis,
)
from spicebuf.prediction.placement import Distances, Placement, place
from spicebuf.prediction.spread import Spread, spread_over
from spicebuf.prediction.summary import Summary, summarise
from spicebuf.prediction.verdict import Verdict, Word, judge

__all__ = [
    "N_EDGES",
    "Banks",
    "Claim",
    "Classes",
    "Distance",
    "Distances",
    "Estimate",
    "Measure",
    "Placement",
    "Shuffled",
    "Spread",
    "Summary",
    "Verdict",
    "Word",
    "WorkingPairs",
    "bayes_classes",
    "behaviour_of",
    "class_step",
    "distances_of_apis",
    "draw_pairs",
    "judge",
    "log_ratio",
    "place",
    "place_bayes",
    "place_classes",
    "place_shuffled",
    "share_in_best",
    "spread_over",
    "stratified_pairs",
    "summarise",
    "summarise_apis",
    "working_pairs",
]
