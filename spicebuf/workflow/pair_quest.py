"""The API between two components: exact, with what stands beside it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from spicebuf.errors import InputError
from spicebuf.images import Reading
from spicebuf.search import (
    Candidate,
    Landscape,
    Lattice,
    Optimum,
    Shape,
    Solutions,
    count_solutions,
    edge_named,
    grid_of,
    landscape,
    lattice,
    name_of,
    pattern_of,
    search,
    shapes_of,
    simplified,
)
from spicebuf.system import System
from spicebuf.workflow.banks import SweptBank
from spicebuf.workflow.findings import Certificate, Finding, Ranked, Wanted
from spicebuf.workflow.held_out import HeldOut
from spicebuf.workflow.settings import Progress, Settings
from spicebuf.workflow.sides import (
    Drawn,
    Pair,
    are_few,
    plain_pair,
    relaxed_pair,
    sets_at,
    zoomed_pair,
)

# A number of cells, unlike a time, makes the answer the same on every machine.
_RUNNER_UP_CELLS = 5_000
_MOST_RUNNERS_UP = 12
_N_STEPS = 50
# The API is the one between the components.
_PLACE = 1


@dataclass(frozen=True)
class _Found:
    """The answer of one search, and the θ that it saw."""

    pair: Pair
    optimum: Optimum
    drawn: Drawn | None

    @property
    def best(self) -> Candidate:
        return self.optimum.best[0]

    @property
    def certificate(self) -> Certificate:
        in_sample = self.pair.log_volume(self.best.product)
        upper_bound = self.pair.log_volume(self.optimum.limit)
        return Certificate(
            in_sample, upper_bound, "branch and bound", self.optimum.n_cells, self.drawn
        )


@dataclass(frozen=True)
class PairQuest:
    """The search for the API between the two components of a system."""

    system: System
    banks: tuple[SweptBank, ...]
    settings: Settings
    wanted: Wanted
    held_out: HeldOut
    on_progress: Progress

    def finding(self) -> Finding:
        """Search.

        Raises
        ------
        InputError
            If no θ are found that work end to end.
        """
        plain = self._plain(Reading.SAFE)
        solutions = count_solutions(plain.images, plain.preimages)
        everywhere = self._everywhere(plain, solutions)
        found = self._nearer(everywhere) or everywhere
        ranks = self._ranks(found)
        limit, is_plain = solutions.spectral_limit, everywhere.drawn is None
        looks_further = is_plain and self.wanted.runners_up
        others = self._others(everywhere, found.best.shape) if looks_further else {}
        return Finding(
            top=tuple(self._ranked(each, found) for each in ranks.best),
            is_top_complete=ranks.is_complete,
            runners_up=tuple(self._runners_up(others, everywhere)),
            missing={
                name_of(shape): optimum.is_complete
                for shape, optimum in others.items()
                if not optimum.best
            },
            certificate=found.certificate,
            everywhere=everywhere.certificate,
            optimistic_bound=self._optimistic() if is_plain else None,
            spectral_bound=None if limit is None else plain.log_volume(limit),
            n_solutions=round(solutions.weight),
            n_tuples=solutions.n_senders * solutions.n_takers,
            given_in_sample=self._given(plain),
            landscape=self._landscape(plain, found) if is_plain else None,
            lattice=self._lattice(plain) if self.wanted.lattice and is_plain else None,
        )

    def _everywhere(self, plain: Pair, solutions: Solutions) -> _Found:
        """Search in the banks; where almost nothing in them works, in θ that are drawn for it."""
        pair, drawn = plain, None
        if are_few(solutions.n_useful, self.banks):
            try:
                pair, drawn = relaxed_pair(
                    self.system, _PLACE, self.settings, self.wanted.grid, self.on_progress
                )
            except InputError:
                # What the banks hold stands, if it is anything.
                if not solutions.weight:
                    raise
        found = _Found(pair, self._search(pair), drawn)
        if not found.optimum.best:
            raise InputError(self._nothing(solutions))
        return found

    def _nearer(self, found: _Found) -> _Found | None:
        """Search once more near an API that so few θ stand for that chance chose it; else None."""
        if not are_few(min(found.best.sent, found.best.taken), self.banks):
            return None
        try:
            pair, drawn = zoomed_pair(
                self.system, _PLACE, found.best, self.settings, self.wanted.grid, self.on_progress
            )
        except InputError:
            # No θ got there in so few simulations: what the banks say stands.
            return None
        optimum = self._search(pair)
        return _Found(pair, optimum, drawn) if optimum.best else None

    def _ranks(self, found: _Found) -> Optimum:
        """Return as many of the best APIs as are wanted; the first is proven already."""
        if self.wanted.n_best == 1:
            return found.optimum
        ranks = self._search(found.pair, n_best=self.wanted.n_best)
        others = [each for each in ranks.best if each.tight != found.best.tight]
        return replace(ranks, best=(found.best, *others)[: self.wanted.n_best])

    def _optimistic(self) -> float:
        pair = self._plain(Reading.OPTIMISTIC)
        return pair.log_volume(self._search(pair).limit)

    def _others(self, found: _Found, best: Shape) -> dict[Shape, Optimum]:
        """Search for the best APIs of kinds other than that of the best."""
        shapes = shapes_of(len(self.system.logical_values), self.wanted.max_intervals)
        others = [shape for shape in shapes if shape != best][:_MOST_RUNNERS_UP]
        return {shape: self._search(found.pair, [shape]) for shape in others}

    def _runners_up(self, others: Mapping[Shape, Optimum], found: _Found) -> Iterator[Ranked]:
        """Yield the best APIs of other kinds, best first."""
        some = [_Found(found.pair, optimum, None) for optimum in others.values() if optimum.best]
        for each in sorted(some, key=lambda each: -each.best.product):
            yield self._ranked(each.best, each)

    def _ranked(self, candidate: Candidate, found: _Found) -> Ranked:
        """Return an API with its log volumes; its edges have few digits, or lie on the grid."""
        on_a_grid = self.wanted.grid is not None
        sets = candidate.tight if on_a_grid else simplified(candidate.tight, candidate.wide)
        apis = self.held_out.named({_PLACE: sets})
        return Ranked(
            apis=apis,
            kind=name_of(candidate.shape),
            in_sample=found.pair.log_volume(candidate.product),
            held_out=self.held_out.volume(apis, is_rare=found.drawn is not None),
            gap=found.optimum.gap if candidate == found.best else None,
        )

    def _landscape(self, plain: Pair, found: _Found) -> Landscape | None:
        if self.wanted.landscape is None:
            return None
        pattern = pattern_of(found.best.tight)
        x, y = self.wanted.landscape
        labels, axis = self.system.logical_values, grid_of(self.system.vdd, self._step)
        return landscape(
            plain.images,
            plain.preimages,
            pattern,
            (edge_named(x, pattern, labels), edge_named(y, pattern, labels)),
            (axis, axis),
            lambda done, total: self.on_progress("landscape", done, total),
        )

    def _lattice(self, plain: Pair) -> Lattice:
        known = plain.images.weight > 0.0
        return lattice(plain.images[known], plain.preimages, grid_of(self.system.vdd, self._step))

    @property
    def _step(self) -> float:
        """Step of the voltages of tables [V]."""
        return self.system.vdd / _N_STEPS

    def _given(self, plain: Pair) -> float | None:
        if not self.system.apis[_PLACE].sets:
            return None
        # As it is, wherever edges that are searched for may lie.
        if self.wanted.grid is not None:
            plain = plain_pair(self.system, _PLACE, self.banks, Reading.SAFE, None)
        return plain.admit(sets_at(self.system, _PLACE))

    def _plain(self, reading: Reading) -> Pair:
        grid = self.wanted.grid if reading is Reading.SAFE else None
        return plain_pair(self.system, _PLACE, self.banks, reading, grid)

    def _search(
        self, pair: Pair, shapes: Sequence[Shape] | None = None, n_best: int = 1
    ) -> Optimum:
        what = "search" if shapes is None else "search, " + ", ".join(map(name_of, shapes))
        most = self.wanted.max_cells
        return search(
            pair.images,
            pair.preimages,
            self.wanted.max_intervals,
            n_best=n_best,
            shapes=shapes,
            max_cells=most if shapes is None else min(most, _RUNNER_UP_CELLS),
            max_seconds=self.wanted.max_seconds,
            on_progress=lambda n_cells, _best, _limit: self.on_progress(what, n_cells, 0),
        )

    def _nothing(self, solutions: Solutions) -> str:
        first, last = self.system.apis[0].name, self.system.apis[-1].name
        if solutions.weight:
            return (
                f"{self.system.path.name}: the search was stopped before it found any API; give it more "
                "--max-seconds or --max-cells"
            )
        words = (
            f"{self.system.path.name}: of {solutions.n_senders} by {solutions.n_takers} θ no two surely "
            f"work from {first!r} to {last!r}"
        )
        if self.wanted.grid is not None and self._count(Reading.SAFE):
            return (
                f"{words} on a grid of {self.wanted.grid:g} V, and without it some do: take another"
            )
        if self._count(Reading.OPTIMISTIC):
            return f"{words}; between their points some may: take more --points"
        return (
            f"{words}: widen the sets of {last!r}, narrow those of {first!r}, or take other priors"
        )

    def _count(self, reading: Reading) -> float:
        """Return how many pairs of θ work, wherever edges that are searched for may lie."""
        pair = plain_pair(self.system, _PLACE, self.banks, reading, None)
        return count_solutions(pair.images, pair.preimages).weight
