"""The APIs of greatest log volume of a whole chain: all free ones between its components at once."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np

from spicebuf.errors import InputError
from spicebuf.search.ascent import Chain, Stretch, random_start, stretch_of, weigh, widest
from spicebuf.search.chain_optimum import ChainOptimum, Proof, in_series
from spicebuf.search.composition import MAX_TUPLES
from spicebuf.search.exhaustion import Best, exhaust, limit_within
from spicebuf.search.links import Link
from spicebuf.search.relation import Sets

Apis: TypeAlias = Sequence[Sets | None]

MAX_TRIED_CELLS = 100_000
"""Cells that are looked at for APIs to try unless another number is given."""


def search_chain(
    links: Sequence[Link],
    apis: Apis,
    max_intervals: int,
    *,
    n_restarts: int,
    rng: np.random.Generator,
    starts: Sequence[Apis] = (),
    max_seconds: float = math.inf,
    max_tuples: int = MAX_TUPLES,
    max_cells: int = MAX_TRIED_CELLS,
    on_progress: Callable[[int, float], None] = lambda _n, _best: None,
) -> ChainOptimum:
    """Find the free APIs of a chain for which the product of all components' weights is greatest.

    Fixed APIs cut the chain into stretches that do not depend on each other. One free API between two
    fixed ones is searched for exactly. Several are improved in turn, each exactly given the others, from
    θ that work end to end; then all APIs of the first place that could be part of a better chain are
    tried, the most promising first, which on small banks ends with a proof.

    Parameters
    ----------
    links : sequence of Link, length m ≥ 1
        The components.
    apis : sequence of (Sets or None), length m + 1
        The APIs around them, None for free ones. The outer ones must be fixed.
    max_intervals : int
        Of each logical value of a free API, ≥ 1.
    n_restarts : int
        Random starts of each stretch with several free APIs, ≥ 0.
    rng : numpy.random.Generator
        What starts are drawn with.
    starts : sequence of sequences like `apis`, optional
        Given starts, of which only the APIs at free places are used. Where they admit no θ of some
        component, a stretch passes them over.
    max_seconds : float
        When to stop without a proof. What is being composed is not interrupted.
    max_tuples : int
        How many tuples of θ are composed exactly, > 0.
    max_cells : int
        How many cells are looked at for other APIs of one place than the most promising ones, in each
        stretch with several free APIs, ≥ 0.
    on_progress : callable
        Called with the number of starts so far and the best product of the stretch that is searched.

    Raises
    ------
    InputError
        If the number of APIs is not one more than that of links, an outer API is free, a fixed one lacks
        intervals of some logical value, a start does not fit, or `max_intervals`, `n_restarts`,
        `max_tuples` or `max_cells` is too small.
    """
    _require(links, apis)
    for name, number, least in (
        ("max-intervals", max_intervals, 1),
        ("n-restarts", n_restarts, 0),
        ("max-tuples", max_tuples, 1),
        ("max-cells", max_cells, 0),
    ):
        if number < least:
            raise InputError(f"{name} = {number} must be at least {least}; give a greater number")
    for number, start in enumerate(starts):
        _require_start(number, start, apis, max_intervals)
    effort = _Effort(n_restarts, rng, max_tuples, max_cells, on_progress)
    end = time.monotonic() + max_seconds
    fixed = [(place, sets) for place, sets in enumerate(apis) if sets is not None]
    n_left = len(fixed)
    parts = []
    for (a, first), (b, last) in pairwise(fixed):
        n_left -= 1
        if b - a == 1:
            parts.append(_counted(links[a], first, last))
            continue
        stretch = stretch_of(
            links[a:b], first, last, max_intervals, max_tuples=max_tuples, end=end
        ).hurried(1.0 / n_left)
        given = [stretch.weigh(_known(start[a + 1 : b])) for start in starts]
        parts.append(_searched(stretch, given, effort))
    return in_series(parts)


@dataclass(frozen=True)
class _Effort:
    n_restarts: int
    rng: np.random.Generator
    max_tuples: int
    max_cells: int
    on_progress: Callable[[int, float], None]


def _known(apis: Apis) -> tuple[Sets, ...]:
    return tuple(sets for sets in apis if sets is not None)


def _counted(link: Link, first: Sets, last: Sets) -> ChainOptimum:
    """Return the answer for one component between fixed APIs."""
    fixed, weight = (first, last), weigh(link, first, last)
    return ChainOptimum(fixed, fixed, (weight,), weight, Proof.EXHAUSTIVE, 0, is_interrupted=False)


def _searched(stretch: Stretch, given: Sequence[Chain], effort: _Effort) -> ChainOptimum:
    """Return the answer for components with free APIs between them."""
    best = Best(stretch, effort.on_progress, effort.max_cells)
    is_over = len(stretch.takers) > 1 and _ascend(stretch.hurried(0.5), best, given, effort)
    limit, is_over = _limit(stretch, best, effort.max_tuples, is_over=is_over)
    tuples = Proof.COMPOSED if stretch.is_composed else Proof.WIDENED
    m = len(stretch.links)
    chain = best.chain
    unknown = (stretch.first, *(None,) * (m - 1), stretch.last)
    return ChainOptimum(
        chain.apis if chain else unknown,
        widest(stretch, chain.apis) if chain else unknown,
        chain.weights if chain else (0.0,) * m,
        limit,
        Proof.EXHAUSTIVE if limit == best.product else tuples,
        best.n_starts,
        is_over,
    )


def _ascend(stretch: Stretch, best: Best, given: Sequence[Chain], effort: _Effort) -> bool:
    """Climb from all given chains and from random ones; return whether the time was up before."""
    for chain in given:
        best.offer(chain)
    for _ in range(effort.n_restarts):
        start = random_start(stretch, effort.rng)
        if start is None:
            break
        best.offer(start)
    return not stretch.seconds


def _limit(stretch: Stretch, best: Best, max_tuples: int, *, is_over: bool) -> tuple[float, bool]:
    """Return what no chain can exceed, and whether that or what came before lacked time.

    A proof makes up for starts that were left out.
    """
    # One free API leaves nothing else to do.
    part = stretch.hurried(0.5) if len(stretch.takers) > 1 else stretch
    limit = exhaust(part, best)
    if limit <= best.floor:
        return best.product, False
    is_over = is_over or not part.seconds
    limit = min(limit, limit_within(stretch, best, max_tuples))
    return max(limit, best.product), is_over or not stretch.seconds


def _require(links: Sequence[Link], apis: Apis) -> None:
    if not links or len(apis) != len(links) + 1:
        raise InputError(
            f"apis: there are {len(apis)} for {len(links)} links; give at least one link, and one API "
            "more than links: those before, between and after them"
        )
    for place in (0, len(links)):
        if apis[place] is None:
            raise InputError(
                f"apis[{place}] is free; the first and the last API must be fixed: give its intervals"
            )
    n_logical = len(apis[0] or ())
    for place, sets in enumerate(apis):
        if sets is not None:
            _require_sets(f"apis[{place}]", sets, n_logical)


def _require_sets(name: str, sets: Sets, n_logical: int, most: float = math.inf) -> None:
    """Refuse an API that lacks a logical value, or has too many intervals."""
    counts = [len(intervals) for intervals in sets]
    if len(counts) != n_logical or not counts or min(counts) < 1 or max(counts) > most:
        few = "at least one interval" if math.isinf(most) else f"1 to {most} intervals"
        raise InputError(
            f"{name} has {counts} intervals of its logical values; give {few} of each of the "
            f"{max(1, n_logical)} logical values of apis[0]"
        )


def _require_start(number: int, start: Apis, apis: Apis, max_intervals: int) -> None:
    if len(start) != len(apis):
        raise InputError(
            f"starts[{number}] has {len(start)} APIs; it must have {len(apis)}, as apis has"
        )
    for place, (given, fixed) in enumerate(zip(start, apis, strict=True)):
        if fixed is None:
            _require_sets(
                f"starts[{number}][{place}]", given or (), len(apis[0] or ()), max_intervals
            )
