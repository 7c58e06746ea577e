"""Log volumes: how much of the prior satisfies, with honest intervals. Knows no circuits."""

from spicebuf.entropy.events import Judge, Judged
from spicebuf.entropy.importance import SecondOpinion
from spicebuf.entropy.rare import Splitting, estimate
from spicebuf.entropy.rounds import Effort
from spicebuf.entropy.volume import (
    ENUMERATION,
    MONTE_CARLO,
    REWEIGHTED,
    SPLITTING,
    Counts,
    LogVolume,
    clopper_pearson,
    from_enumeration,
    from_sample,
    require_confidence,
    require_precision,
    total,
)
from spicebuf.entropy.weights import MIN_EFFECTIVE, Share, Weights, effective_size, from_weighted

__all__ = [
    "ENUMERATION",
    "MIN_EFFECTIVE",
    "MONTE_CARLO",
    "REWEIGHTED",
    "SPLITTING",
    "Counts",
    "Effort",
    "Judge",
    "Judged",
    "LogVolume",
    "SecondOpinion",
    "Share",
    "Splitting",
    "Weights",
    "clopper_pearson",
    "effective_size",
    "estimate",
    "from_enumeration",
    "from_sample",
    "from_weighted",
    "require_confidence",
    "require_precision",
    "total",
]
