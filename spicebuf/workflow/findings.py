"""What a search is asked for, and what it answers."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from spicebuf.api import Api
from spicebuf.entropy import LogVolume
from spicebuf.errors import InputError
from spicebuf.search import MAX_CELLS, Landscape, Lattice
from spicebuf.system import System
from spicebuf.workflow.banks import SweptBank
from spicebuf.workflow.entropies import SystemEntropy
from spicebuf.workflow.settings import require_between
from spicebuf.workflow.sides import Drawn

# Voltages are told apart to the nV.
_LEAST_STEP = 1e-9


@dataclass(frozen=True)
class Wanted:
    """What a user wants of a search.

    Attributes
    ----------
    max_intervals : int
        Of each logical value, ≥ 1.
    grid : float or None
        Steps of the edges [V]; None allows any voltage.
    n_best : int
        How many closed APIs to list, ≥ 1.
    max_seconds : float
        After which the search for the best API stops without a proof, > 0.
    max_cells : int
        Or after so many cells, ≥ 1.
    landscape : (str, str) or None
        Two edges over which to show the greatest log volume, named as `edge_named` says.
    lattice : bool
        Whether to count all closed APIs.
    runners_up : bool
        Whether to look for the best APIs of other kinds, and at the given ones.
    """

    max_intervals: int = 2
    grid: float | None = None
    n_best: int = 1
    max_seconds: float = 60.0
    max_cells: int = MAX_CELLS
    landscape: tuple[str, str] | None = None
    lattice: bool = False
    runners_up: bool = True

    def __post_init__(self) -> None:
        """Refuse wishes out of range."""
        require_between("max-intervals", self.max_intervals, 1)
        require_between("top", self.n_best, 1)
        require_between("max-cells", self.max_cells, 1)
        if not self.max_seconds > 0.0:
            raise InputError(f"max-seconds = {self.max_seconds:g} must be above 0")
        if self.grid is not None and not _LEAST_STEP <= self.grid < math.inf:
            raise InputError(
                f"grid = {self.grid:g} must be a step above 0 V, at least {_LEAST_STEP:g} V, e.g. 0.05"
            )
        if self.landscape is not None and self.landscape[0] == self.landscape[1]:
            raise InputError(f"landscape = {self.landscape[0]!r} twice; name two different edges")


@dataclass(frozen=True)
class Ranked:
    """One of the APIs found.

    Attributes
    ----------
    apis : tuple of Api
        Those that were searched for.
    kind : str
        Order of their logical values along the voltage axis.
    in_sample : float
        Log volume on the banks of the search [nat].
    held_out : LogVolume
        On the second banks, by the points of the curves; what these leave open counts both ways.
    gap : float or None
        How much better an API of its kind might be [nat]; None where it is not the best of its kind.
    """

    apis: tuple[Api, ...]
    kind: str
    in_sample: float
    held_out: LogVolume
    gap: float | None


@dataclass(frozen=True)
class Certificate:
    """How good what a search found is on the θ that it saw, and what none can exceed there.

    Attributes
    ----------
    in_sample : float
        Log volume of the best APIs [nat].
    upper_bound : float
        That of no APIs is greater [nat].
    basis : str
        ``"branch and bound"``; or of chains of more than two components, a word of `Proof`.
    n_steps : int
        Cells, or starts, that were looked at.
    drawn : Drawn or None
        How the θ were drawn, if not from the prior. APIs beyond `drawn.inner` and `drawn.outer` are not
        bounded.
    """

    in_sample: float
    upper_bound: float
    basis: str
    n_steps: int
    drawn: Drawn | None = None

    @property
    def gap(self) -> float:
        """How much better APIs might be [nat]; 0 proves that none are."""
        return max(0.0, self.upper_bound - self.in_sample)


@dataclass(frozen=True)
class Finding:
    """What the first banks say.

    Attributes
    ----------
    top : tuple of Ranked
        The best APIs, best first; all but the first only where they were asked for.
    is_top_complete : bool
        Whether no API can be missing in `top`.
    runners_up : tuple of Ranked
        The best ones of other kinds, best first.
    missing : mapping of str to bool
        Kinds of which none was found: whether there is none on these θ.
    certificate : Certificate
    everywhere : Certificate
        Of the first search, which had all APIs in view; `certificate`, unless a second one looked closer.
    optimistic_bound : float or None
        What `upper_bound` would be if all that the points of the curves leave open were in favour of the
        APIs [nat]; None where that was not searched.
    spectral_bound : float or None
        Another bound on the log volumes on the banks [nat]; None where it was not computed.
    n_solutions, n_tuples : int
        Of so many θ of all components put together, how many work end to end.
    given_in_sample : float or None
        Log volume of the system's own APIs on the first banks [nat].
    landscape : Landscape or None
        On the first banks, as `lattice` is; None where it was not wanted.
    lattice : Lattice or None
    """

    top: tuple[Ranked, ...]
    is_top_complete: bool
    runners_up: tuple[Ranked, ...]
    missing: Mapping[str, bool]
    certificate: Certificate
    everywhere: Certificate
    optimistic_bound: float | None
    spectral_bound: float | None
    n_solutions: int
    n_tuples: int
    given_in_sample: float | None
    landscape: Landscape | None = None
    lattice: Lattice | None = None


@dataclass(frozen=True)
class SystemSearch:
    """The APIs of greatest log volume of a system, and what stands beside them.

    Attributes
    ----------
    system : System
        With the APIs found in their places.
    finding : Finding
    entropy : SystemEntropy
        Of this system, on the second banks.
    share_of_solutions : float or None
        Of what works end to end in the second banks, the share that the APIs admit; None where nothing
        does.
    given : SystemEntropy or None
        Of the system's own APIs, on the second banks.
    banks, second : tuple of SweptBank
        Of the search, and those that what it found was measured on.
    """

    system: System
    finding: Finding
    entropy: SystemEntropy
    share_of_solutions: float | None
    given: SystemEntropy | None
    banks: tuple[SweptBank, ...]
    second: tuple[SweptBank, ...]

    @property
    def best(self) -> Ranked:
        """The APIs found."""
        return self.finding.top[0]
