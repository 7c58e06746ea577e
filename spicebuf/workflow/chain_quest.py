"""The APIs inside a chain of more than two components, all free ones at once."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from spicebuf.entropy import log_of
from spicebuf.errors import InputError
from spicebuf.images import Transfer
from spicebuf.search import (
    ChainOptimum,
    Sets,
    name_of,
    search_chain,
    shape_of,
    simplified,
    weigh,
    widened,
)
from spicebuf.source import stream_number
from spicebuf.system import System
from spicebuf.workflow.banks import SweptBank
from spicebuf.workflow.end_to_end import end_to_end
from spicebuf.workflow.findings import Certificate, Finding, Ranked, Wanted
from spicebuf.workflow.held_out import HeldOut
from spicebuf.workflow.readings import in_memory
from spicebuf.workflow.settings import Progress
from spicebuf.workflow.sides import sets_at

_RESTARTS = 20


@dataclass(frozen=True)
class ChainQuest:
    """The search for the free APIs of a chain of more than two components, at some places."""

    system: System
    places: tuple[int, ...]
    banks: tuple[SweptBank, ...]
    seed: int
    wanted: Wanted
    held_out: HeldOut
    on_progress: Progress

    def finding(self) -> Finding:
        """Search.

        Raises
        ------
        InputError
            If no θ are found that work, between two APIs or from end to end.
        """
        links = [in_memory(swept) for swept in self.banks]
        found = self._search(links)
        self._require_found(found)
        log_scale = -sum(math.log(swept.n) for swept in self.banks)
        certificate = Certificate(
            log_of(found.product) + log_scale,
            log_of(found.limit) + log_scale,
            found.proof.word,
            found.n_starts,
        )
        n_solutions, n_tuples = end_to_end(self.system, links)
        return Finding(
            top=(self._ranked(self._chosen(found, links), certificate),),
            is_top_complete=True,
            runners_up=(),
            missing={},
            certificate=certificate,
            everywhere=certificate,
            optimistic_bound=None,
            spectral_bound=None,
            n_solutions=n_solutions,
            n_tuples=n_tuples,
            given_in_sample=self._given_in_sample(links, log_scale),
        )

    def _search(self, links: Sequence[Transfer]) -> ChainOptimum:
        apis = [
            None if place in self.places else sets_at(self.system, place)
            for place in range(len(self.system.apis))
        ]
        return search_chain(
            links,
            apis,
            self.wanted.max_intervals,
            n_restarts=_RESTARTS,
            rng=np.random.default_rng([self.seed, stream_number("search")]),
            starts=self._starts(),
            max_seconds=self.wanted.max_seconds,
            on_progress=lambda n_starts, _best: self.on_progress("search, starts", n_starts, 0),
        )

    def _starts(self) -> list[list[Sets]]:
        """Return the system's own APIs, if all are given and none has too many intervals."""
        given = self._given
        most = max((len(each) for sets in given for each in sets), default=0)
        return [given] if given and most <= self.wanted.max_intervals else []

    @property
    def _given(self) -> list[Sets]:
        """The sets of all APIs; none where those of a free one are missing."""
        if not all(api.sets for api in self.system.apis):
            return []
        return [sets_at(self.system, place) for place in range(len(self.system.apis))]

    def _given_in_sample(self, links: Sequence[Transfer], log_scale: float) -> float | None:
        if not self._given:
            return None
        product = 1.0
        for link, (before, after) in zip(links, pairwise(self._given), strict=True):
            product *= weigh(link, before, after)
        return log_of(product) + log_scale

    def _require_found(self, found: ChainOptimum) -> None:
        for swept, weight in zip(self.banks, found.weights, strict=True):
            if not weight:
                raise InputError(
                    f"{self.system.path.name}: of {swept.n} θ of component "
                    f"{swept.component.name!r} none was found to work between the fixed APIs around it; "
                    "widen the sets of the fixed API after it, narrow those of the one before, or take "
                    "other priors or more --samples"
                )

    def _ranked(self, sets: Mapping[int, Sets], certificate: Certificate) -> Ranked:
        apis = self.held_out.named(sets)
        return Ranked(
            apis=apis,
            kind=", ".join(name_of(shape_of(each)) for each in sets.values()),
            in_sample=certificate.in_sample,
            held_out=self.held_out.volume(apis, is_rare=False),
            gap=certificate.gap,
        )

    def _chosen(self, found: ChainOptimum, links: Sequence[Transfer]) -> dict[int, Sets]:
        """Return the free APIs with edges of few digits.

        The last comes first: how far one may be widened depends on the next.
        """
        chosen = [sets for sets in found.tight if sets is not None]
        for place in sorted(self.places, reverse=True):
            preimages = links[place].preimages(chosen[place + 1])
            admitted = preimages[preimages.hold(chosen[place]) & (preimages.weight > 0.0)]
            chosen[place] = simplified(chosen[place], widened(chosen[place], admitted))
        return {place: chosen[place] for place in self.places}
