"""Does training end at APIs of nearly the greatest log volume? Knows no circuits."""

from spicebuf.prediction.banks import Banks
from spicebuf.prediction.behaviour import behaviour_of, class_step
from spicebuf.prediction.claim import Claim
from spicebuf.prediction.estimates import Estimate, log_ratio
from spicebuf.prediction.measure import N_EDGES, Distance, Measure
from spicebuf.prediction.placement import Distances, Placement, place
from spicebuf.prediction.summary import Summary, summarise
from spicebuf.prediction.verdict import Verdict, Word, judge

__all__ = [
    "N_EDGES",
    "Banks",
    "Claim",
    "Distance",
    "Distances",
    "Estimate",
    "Measure",
    "Placement",
    "Summary",
    "Verdict",
    "Word",
    "behaviour_of",
    "class_step",
    "judge",
    "log_ratio",
    "place",
    "summarise",
]
