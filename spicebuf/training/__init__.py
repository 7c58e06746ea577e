"""Training by black-box optimisation on the unit cube of quantiles. Knows no circuits."""

from spicebuf.training.cube import reflect
from spicebuf.training.draws import draw_uniform
from spicebuf.training.gradients import Differences, Stencil
from spicebuf.training.optimizers import Mover, Tuning
from spicebuf.training.options import OPTIMIZERS, Options, mover
from spicebuf.training.problem import Answer, Batched, Check, Problem, Question, Scores, Trial
from spicebuf.training.runs import Path, Plan, Stop, train

__all__ = [
    "OPTIMIZERS",
    "Answer",
    "Batched",
    "Check",
    "Differences",
    "Mover",
    "Options",
    "Path",
    "Plan",
    "Problem",
    "Question",
    "Scores",
    "Stencil",
    "Stop",
    "Trial",
    "Tuning",
    "draw_uniform",
    "mover",
    "reflect",
    "train",
]
