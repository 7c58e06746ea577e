"""Log volumes: how much of the prior satisfies, with honest intervals. Knows no circuits."""

from spicebuf.entropy.events import Judge, Judged
from spicebuf.entropy.importance import SecondOpinion
from spicebuf.entropy.rare import Splitting, estimate
from spicebuf.entropy.rounds import Effort
from spicebuf.entropy.volume import (
    ENUMERATION,
    MONTE_CARLO,
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

__all__ = [
    "ENUMERATION",
    "MONTE_CARLO",
    "SPLITTING",
    "Counts",
    "Effort",
    "Judge",
    "Judged",
    "LogVolume",
    "SecondOpinion",
    "Splitting",
    "clopper_pearson",
    "estimate",
    "from_enumeration",
    "from_sample",
    "require_confidence",
    "require_precision",
    "total",
]
