"""Training by black-box optimisation on the unit cube of quantiles. Knows no circuits."""

from spicebuf.training.cube import reflect
from spicebuf.training.gradients import Differences, Stencil
from spicebuf.training.optimizers import Mover, Tuning
from spicebuf.training.options import OPTIMIZERS, Options, mover

__all__ = [
    "OPTIMIZERS",
    "Differences",
    "Mover",
    "Options",
    "Stencil",
    "Tuning",
    "mover",
    "reflect",
]
