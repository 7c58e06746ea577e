"""What is left out beforehand, where nothing but it decides: searches from just below the best."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given

from spicebuf.search import optimum, search
from spicebuf.search.cores import compatibility, cores, most_by_degrees
from spicebuf.search.relation import relate
from tests.search_cases import Case, all_apis, best_product, calm, cases
from tests.test_search import products

UNIONS = [("folded", 2, 6), ("unions", 2, 5), ("three values", 2, 3)]


@pytest.fixture
def unguided(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a search begin without any API, so that cores and cells must find it."""
    monkeypatch.setattr(optimum, "_begin", lambda *_: None)
    monkeypatch.setattr(optimum, "_FIRST_CELLS", 0)


def with_solutions(check: Callable[[Case, float], None], k: int) -> Callable[[Case], None]:
    def checked(case: Case) -> None:
        best = best_product(all_apis(case, k))
        if best > 0.0:
            check(case, best)

    return checked


@pytest.mark.usefixtures("unguided")
@pytest.mark.parametrize(("kind", "k", "most"), UNIONS)
def test_the_best_is_found_from_just_below(kind: str, k: int, most: int) -> None:
    def check(case: Case, best: float) -> None:
        for part in (0.5, 0.9, 0.97, 1.0 - 1e-6):
            found = search(case.images, case.preimages, k, above=part * best)
            assert products(found) == [pytest.approx(best)]
            assert found.limit == pytest.approx(max(best, found.limit))

    calm(40)(given(cases(kind, most))(with_solutions(check, k)))()


@pytest.mark.usefixtures("unguided")
@pytest.mark.parametrize(("kind", "k", "most"), UNIONS)
def test_what_time_leaves_out_is_in_the_limit(kind: str, k: int, most: int) -> None:
    def check(case: Case, best: float) -> None:
        for part in (0.0, 0.5, 0.97):
            for max_cells in (0, 1, 3):
                found = search(
                    case.images, case.preimages, k, above=part * best, max_cells=max_cells
                )
                assert found.limit >= best * (1.0 - 1e-9)

    calm(20)(given(cases(kind, most))(with_solutions(check, k)))()


@pytest.mark.parametrize(("kind", "k", "most"), UNIONS)
def test_a_core_holds_every_better_api(kind: str, k: int, most: int) -> None:
    def check(case: Case, best: float) -> None:
        relation = relate(case.images, case.preimages)
        for part in (0.6, 0.95, 1.0 - 1e-6):
            found = list(cores(compatibility(relation), part * best))
            top = search(case.images, case.preimages, k).best[0]
            senders = set(np.flatnonzero(case.images.held_by(top.tight)).tolist())
            takers = set(np.flatnonzero(case.preimages.hold(top.tight)).tolist())
            assert any(
                senders & set(relation.senders.tolist()) <= set(relation.senders[core.senders])
                and takers & set(relation.takers.tolist()) <= set(relation.takers[core.takers])
                and core.limit >= best * (1.0 - 1e-9)
                and core.least_sent <= top.sent
                and core.least_taken <= top.taken
                for core in found
            )

    calm(40)(given(cases(kind, most))(with_solutions(check, k)))()


def test_degrees_bound_a_product() -> None:
    """The greatest product of a degree and the weight of those that reach it, by definition."""
    rng = np.random.default_rng(0)
    for n in (1, 2, 5, 40):
        degree, weight = rng.integers(0, 6, n).astype(float), rng.random(n)
        expected = max(each * weight[degree >= each].sum() for each in degree)
        assert most_by_degrees(degree, weight) == pytest.approx(expected)
    assert most_by_degrees(np.zeros(0), np.zeros(0)) == 0.0


@pytest.mark.parametrize("kind", ["folded", "unions"])
def test_compatible_are_those_that_work_together(kind: str) -> None:
    def check(case: Case) -> None:
        relation = relate(case.images, case.preimages)
        n1, n2 = len(relation.senders), len(relation.takers)
        if not n1 or not n2:
            return
        matrix = compatibility(relation)
        works = np.unpackbits(matrix.of_senders, axis=1, count=n2).astype(np.bool_)
        assert (works == np.unpackbits(matrix.of_takers, axis=1, count=n1).T).all()
        for row, place in zip(works, relation.senders, strict=True):
            sets = tuple(
                tuple(
                    (float(a), float(b))
                    for a, b in zip(low[:, place], high[:, place], strict=True)
                    if a <= b
                )
                for low, high in zip(case.images.low, case.images.high, strict=True)
            )
            assert (row == case.preimages.hold(sets)[relation.takers]).all()

    calm(60)(given(cases(kind, 6))(check))()
