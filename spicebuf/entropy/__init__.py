"""Log volumes: how much of the prior satisfies, with honest intervals. Knows no circuits."""

from spicebuf.entropy.events import Judge, Judged
from spicebuf.entropy.growth import NEAR, Coefficient, Logarithm
from spicebuf.entropy.importance import SecondOpinion
from spicebuf.entropy.profile import Profile, estimate_profile
from spicebuf.entropy.rare import Splitting, estimate
from spicebuf.entropy.rounds import Effort, shortfall
from spicebuf.entropy.volume import (
    ENUMERATION,
    MONTE_CARLO,
    REWEIGHTED,
    SPLITTING,
    UNITS,
    Counts,
    LogVolume,
    clopper_pearson,
    from_enumeration,
    from_sample,
    log_of,
    require_confidence,
    require_precision,
    total,
)
from spicebuf.entropy.weights import MIN_EFFECTIVE, Share, Weights, effective_size, from_weighted

__all__ = [
    "ENUMERATION",
    "MIN_EFFECTIVE",
    "MONTE_CARLO",
    "NEAR",
    "REWEIGHTED",
    "SPLITTING",
    "UNITS",
    "Coefficient",
    "Counts",
    "Effort",
    "Judge",
    "Judged",
    "LogVolume",
    "Logarithm",
    "Profile",
    "SecondOpinion",
    "Share",
    "Splitting",
    "Weights",
    "clopper_pearson",
    "effective_size",
    "estimate",
    "estimate_profile",
    "from_enumeration",
    "from_sample",
    "from_weighted",
    "log_of",
    "require_confidence",
    "require_precision",
    "shortfall",
    "total",
]
