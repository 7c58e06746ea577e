"""The search for the best API, against all APIs of small banks one by one, and its parts."""

import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from spicebuf.errors import InputError
from spicebuf.search import (
    Candidate,
    Images,
    Optimum,
    Preimages,
    Sets,
    Shape,
    branch,
    cores,
    name_of,
    optimum,
    search,
    shapes_of,
)
from spicebuf.search.bounds import bound_of
from spicebuf.search.cells import NOWHERE, Cell, Run, Standing, senders_standing, takers_standing
from spicebuf.search.closure import Intervals, closed, held_by, hold
from spicebuf.search.cores import compatibility
from spicebuf.search.relation import Relation, relate
from spicebuf.search.shapes import can_send, can_take, root
from tests.search_cases import Api, Case, all_apis, banks, best_product, calm, cases, top_closed

# Two logical values with one to three intervals, and three with one or two.
MIX = [
    ("monotone", 1, 8),
    ("either way", 1, 8),
    ("unions", 1, 8),
    ("folded", 2, 7),
    ("unions", 2, 6),
    ("unions", 3, 4),
    ("three values", 1, 6),
    ("three values", 2, 3),
]
FEW = [("either way", 1, 8), ("folded", 2, 6), ("unions", 2, 5)]
ONE = [[(1.0, 1.5)], [(3.0, 4.0)]]
ROUND_ONE = [[(0.0, 2.0)], [(2.5, 5.0)]]


def admitted(case: Case, sets: Sets) -> tuple[float, float]:
    """Return the weights that an API admits, by the definition."""
    return (
        float(case.images.weight[case.images.held_by(sets)].sum()),
        float(case.preimages.weight[case.preimages.hold(sets)].sum()),
    )


def require_true(case: Case, candidate: Candidate, k: int) -> None:
    """Require that a candidate admits what it says, and so does each API between its two sets."""
    assert candidate.sent > 0.0 < candidate.taken
    between = tuple(
        tuple(((a + c) / 2.0, (b + d) / 2.0) for (a, b), (c, d) in zip(tight, wide, strict=True))
        for tight, wide in zip(candidate.tight, candidate.wide, strict=True)
    )
    for sets in candidate.tight, candidate.wide, between:
        assert admitted(case, sets) == pytest.approx((candidate.sent, candidate.taken))
        assert all(1 <= len(each) <= k for each in sets)
        order = sorted((*each, label) for label, some in enumerate(sets) for each in some)
        assert all(a <= b for a, b, _ in order)
        assert all(one[1] < two[0] for one, two in itertools.pairwise(order))
        assert tuple(n for n, _ in itertools.groupby(n for *_, n in order)) == candidate.shape
    for label, wide in enumerate(candidate.wide):
        takers = case.preimages.hold(candidate.tight)
        low, high = (each[label][:, takers] for each in (case.preimages.low, case.preimages.high))
        for a, b in wide:
            assert a in low
            assert b in high


def most_without_images(case: Case) -> float:
    """Return what APIs can admit at most that hold no image of some logical value."""
    some, tall = (each.low <= each.high for each in (case.images, case.preimages))
    taken = case.preimages.weight[tall.any(axis=1).all(axis=0)].sum()
    return float(max(case.images.weight[~each.any(axis=0)].sum() for each in some) * taken)


def require_proof(case: Case, found: Optimum) -> None:
    """Require that nothing can exceed the best API but one that holds no image of some value."""
    assert found.gap == 0.0 or found.limit <= most_without_images(case)


def products(found: Optimum) -> list[float]:
    return [each.product for each in found.best]


@pytest.mark.parametrize(
    ("kind", "k", "most", "n"),
    [(*each, n) for each, n in zip(MIX, [70, 70, 30, 40, 40, 8, 20, 8], strict=True)],
)
def test_the_greatest_product_is_found_and_proven(kind: str, k: int, most: int, n: int) -> None:
    def check(case: Case) -> None:
        best = best_product(all_apis(case, k))
        found = search(case.images, case.preimages, k)
        assert products(found) == ([pytest.approx(best)] if best else [])
        assert found.limit == pytest.approx(max(best, most_without_images(case)))
        require_proof(case, found)
        for each in found.best:
            require_true(case, each, k)

    calm(n)(given(cases(kind, most))(check))()


@pytest.mark.parametrize(
    ("kind", "k", "most"), [("either way", 1, 7), ("folded", 2, 4), ("unions", 2, 4)]
)
def test_the_best_few_are_the_greatest_closed_ones(kind: str, k: int, most: int) -> None:
    def check(case: Case) -> None:
        found = search(case.images, case.preimages, k, n_best=5)
        assert products(found) == pytest.approx(top_closed(all_apis(case, k), 5))
        require_proof(case, found)
        assert len({each.tight for each in found.best}) == len(found.best)
        for each in found.best:
            require_true(case, each, k)

    calm(25)(given(cases(kind, most))(check))()


@pytest.mark.parametrize(("kind", "k", "most"), FEW)
def test_each_shape_has_its_own_best(kind: str, k: int, most: int) -> None:
    def check(case: Case) -> None:
        apis = all_apis(case, k)
        for shape in shapes_of(2, k)[:3]:
            found = search(case.images, case.preimages, k, shapes=[shape], n_best=2)
            assert products(found) == pytest.approx(top_closed(apis, 2, shape))
            assert {each.shape for each in found.best} <= {shape}
            require_proof(case, found)

    calm(15)(given(cases(kind, most))(check))()


@pytest.mark.parametrize(("kind", "k", "most"), FEW)
def test_a_search_cut_short_says_what_it_may_have_missed(kind: str, k: int, most: int) -> None:
    def check(case: Case) -> None:
        best = best_product(all_apis(case, k))
        for max_cells in (0, 1, 2, 5, 20):
            found = search(case.images, case.preimages, k, max_cells=max_cells)
            assert found.n_cells <= max_cells
            assert (
                max(products(found), default=0.0) <= best * (1 + 1e-9) <= found.limit * (1 + 2e-9)
            )
            assert found.gap >= 0.0
            assert found.gap > 0.0 or products(found) == ([pytest.approx(best)] if best else [])
        at_once = search(case.images, case.preimages, k, max_seconds=0.0)
        assert max(products(at_once), default=0.0) <= best * (1 + 1e-9)
        # One image by itself makes an API, if it has no more pieces than an API may have intervals.
        assert bool(at_once.best) == bool(best) or case.images.low.shape[1] > k

    calm(25)(given(cases(kind, most))(check))()


@pytest.mark.parametrize(
    ("module", "name", "value"),
    [
        (optimum, "MAX_PAIRS", 0),
        (optimum, "_FIRST_CELLS", 0),
        (optimum, "_FIRST_CELLS", 1),
        (cores, "_FACTOR", 1.5),
        (cores, "_BLOCK", 16),
    ],
)
def test_other_ways_lead_to_the_same(
    module: object, name: str, value: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a matrix of all pairs, without a first good API, and in other steps."""
    monkeypatch.setattr(module, name, value)

    def check(case: Case) -> None:
        best = best_product(all_apis(case, 2))
        found = search(case.images, case.preimages, 2)
        assert products(found) == ([pytest.approx(best)] if best else [])
        require_proof(case, found)

    calm(25)(given(cases("unions", 6))(check))()


def random_case(n: int, slots: Shape, seed: int, *, weighted: bool) -> Case:
    """Return `n` θ on each side with ends that are all different."""
    rng = np.random.default_rng(seed)

    def theta(narrow: float, wide: float) -> list[list[tuple[float, float]]]:
        found: list[list[tuple[float, float]]] = [[], []]
        for slot, label in enumerate(slots):
            middle = 4.0 * slot + rng.normal(0.0, 0.4)
            half = rng.uniform(narrow, wide)
            found[label].append((middle - half, middle + half))
        return found

    weights = [rng.uniform(0.1, 3.0, n).tolist() for _ in range(2)] if weighted else []
    senders = [theta(0.0, 0.8) for _ in range(n)]
    return banks(senders, [theta(0.5, 1.5) for _ in range(n)], *weights)


def best_pair_of_sets(case: Case) -> float:
    """Return the greatest product over θ that all work with one another, by all closed sets of takers.

    As many intervals as preimages have components always suffice for an API that admits them.
    """
    images, preimages = case.images, case.preimages
    works = np.ones((images.weight.size, preimages.weight.size), dtype=np.bool_)
    for s, t in np.ndindex(works.shape):
        for label in range(2):
            for a, b in zip(images.low[label, :, s], images.high[label, :, s], strict=True):
                inside = (preimages.low[label, :, t] <= a) & (preimages.high[label, :, t] >= b)
                works[s, t] &= bool(inside.any())
    rows = [int("".join(map(str, row.astype(int))), 2) for row in works]
    found = {(1 << works.shape[1]) - 1}
    for row in rows:
        found |= {takers & row for takers in found}
    weight = preimages.weight[::-1].tolist()
    best = 0.0
    for takers in found:
        sent = sum(
            w for w, row in zip(images.weight.tolist(), rows, strict=True) if row & takers == takers
        )
        best = max(best, sent * sum(w for n, w in enumerate(weight) if takers >> n & 1))
    return best


@pytest.mark.parametrize(
    ("n", "slots", "k", "weighted"),
    [
        (80, (0, 1), 1, False),
        (100, (1, 0), 1, True),
        (24, (0, 1, 0), 2, False),
        (40, (0, 1, 0), 2, True),
        (20, (0, 0, 1, 1), 2, False),
    ],
)
def test_larger_banks(n: int, slots: Shape, k: int, weighted: bool) -> None:
    case = random_case(n, slots, 7, weighted=weighted)
    found = search(case.images, case.preimages, k)
    assert found.gap == 0.0
    assert products(found) == [pytest.approx(best_pair_of_sets(case))]
    require_true(case, found.best[0], k)


Situation = tuple[Relation, list[tuple[float, Intervals]], Cell]
"""A relation, the products of its APIs and their intervals by rank, and a cell."""


def ranked(relation: Relation, api: Api) -> Intervals:
    """Return an API by ranks, ascending."""
    intervals = [
        (label, *np.searchsorted(relation.axis, interval).tolist())
        for label, each in enumerate(api.sets)
        for interval in each
    ]
    return tuple(sorted(intervals, key=lambda each: each[1]))


def ways(cell: Cell, intervals: Intervals) -> list[tuple[int, ...]]:
    """Return the edges of a cell's runs for each way to make them up of intervals; [] if outside."""
    for label, spare in enumerate(cell.spare):
        n_runs = sum(run.label == label for run in cell.runs)
        if sum(of == label for of, _, _ in intervals) > n_runs + spare:
            return []
    return list(_ways(cell.runs, intervals))


def _ways(runs: Sequence[Run], intervals: Intervals) -> Iterator[tuple[int, ...]]:
    if not runs:
        yield from [()] * (not intervals)
        return
    run = runs[0]
    for n, (label, _, last) in enumerate(intervals):
        if label != run.label or (n and run.whole):
            return
        first = intervals[0][1]
        if run.first[0] <= first <= run.first[1] and run.last[0] <= last <= run.last[1]:
            for rest in _ways(runs[1:], intervals[n + 1 :]):
                yield first, last, *rest


@st.composite
def cells_of(draw: st.DrawFn, relation: Relation, apis: Sequence[Intervals], k: int) -> Cell:
    """Draw a cell, that mostly holds one of some APIs, by cutting again and again."""
    aim = draw(st.sampled_from(apis))
    shape = tuple(label for label, _ in itertools.groupby(label for label, _, _ in aim))
    cell = root(relation, shape, k)
    for _ in range(draw(st.integers(0, 12))):
        cell = cell.narrowed()
        if cell.is_empty:
            break
        t = draw(st.integers(0, len(cell.runs) - 1))
        if draw(st.booleans()) and not cell.runs[t].whole:
            parts = list(cell.with_and_without_hole(t))
        else:
            edge = 2 * t + draw(st.integers(0, 1))
            low, high = dict(cell.edges())[edge]
            middle = draw(st.integers(low, high))
            parts = [cell.with_range(edge, span) for span in ((low, middle), (middle + 1, high))]
        luck = draw(st.integers(0, 9))
        chosen = [part for part in parts if ways(part, aim)] if luck else parts
        cell = draw(st.sampled_from(chosen or parts))
    return cell


@st.composite
def situations(draw: st.DrawFn, kind: str, k: int, most: int) -> Situation:
    """Draw a case that has a solution, all of its APIs, and a cell."""
    case = draw(cases(kind, most).filter(lambda case: all_apis(case, k)))
    relation = relate(case.images, case.preimages)
    apis = [
        (api.product, ranked(relation, api))
        for api in all_apis(case, k)
        if np.isin([end for each in api.sets for ends in each for end in ends], relation.axis).all()
    ]
    return relation, apis, draw(cells_of(relation, [intervals for _, intervals in apis], k))


def require_standing(
    standing: Standing, admits: NDArray[np.bool_], edges: Sequence[int], outwards: int
) -> None:
    """Require that those admitted were possible, those sure admitted, and edges where they must be."""
    assert not (admits & ~standing.possible).any()
    assert not (standing.sure & ~admits).any()
    for n in np.flatnonzero(admits & (standing.edge != NOWHERE)):
        edge = int(standing.edge[n])
        sign = -outwards if edge % 2 else outwards
        assert sign * (int(standing.rank[n]) - edges[edge]) >= 0


def is_idle(relation: Relation, cell: Cell) -> bool:
    """Tell whether a search leaves out a cell as it stands."""
    takers = takers_standing(relation, cell)
    senders = senders_standing(relation, cell.mended(takers))
    return cell.mended(takers).after(senders, takers).is_idle(senders, takers)


@pytest.mark.parametrize(
    ("kind", "k", "most"), [("either way", 1, 7), ("folded", 2, 7), ("unions", 3, 4)]
)
def test_what_is_said_of_a_cell_is_true_of_its_apis(kind: str, k: int, most: int) -> None:
    """Its bounds, how θ stand to it, and that its parts hold each of its APIs once."""

    def check(situation: Situation) -> None:
        relation, found, cell = situation
        everyone = np.arange(len(relation.sent)), np.arange(len(relation.taken))
        narrowed = cell.narrowed()
        for _, intervals in found:
            assert len(ways(narrowed, intervals)) == len(ways(cell, intervals)) <= 1
        if narrowed.is_empty:
            assert not any(ways(cell, intervals) for _, intervals in found)
            return
        takers = takers_standing(relation, narrowed)
        mended = narrowed.mended(takers)
        senders = senders_standing(relation, mended)
        left = mended.after(senders, takers)
        bound = bound_of(relation, mended, senders, takers)
        parts = list(branch._split(left, bound, takers.at_run @ relation.taken))
        most_of_pairs = branch._most(branch.Field(relation, compatibility(relation)), left)
        for edge, span in mended.edges():
            assert span[0] <= bound.edges[edge] <= span[1]
            assert span[0] == span[1] or span[0] < bound.middle[edge] <= span[1]
        for product, intervals in found:
            for edges in ways(narrowed, intervals):
                require_standing(takers, hold(relation, intervals, everyone[1]), edges, -1)
                if not ways(mended, intervals):
                    assert closed(relation, intervals).intervals != intervals
            for edges in ways(mended, intervals):
                assert min(bound.product, most_of_pairs) >= product * (1.0 - 1e-12)
                assert (senders.at_run.any(axis=1)).all()
                held = held_by(relation, intervals, everyone[0])
                require_standing(senders, held, edges, 1)
                assert parts or edges == bound.edges
                within = [part.narrowed() for part in parts if ways(part, intervals)]
                assert len(within) == bool(parts)
                # Those who are sure by now are not looked at again.
                if closed(relation, intervals).intervals == intervals:
                    assert not any(is_idle(relation, part) for part in within)

    calm(50)(given(situations(kind, k, most))(check))()


def test_a_hole_that_a_sure_taker_needs_is_kept() -> None:
    """The taker is not looked at again, so the cell must remember why it has a hole."""
    senders = [[[(a, a), (a + 1.0, a + 1.0)], [(a + 2.0, a + 2.0)]] for a in (1.0, 1.25)]
    case = banks(senders, [[[(0.75, 1.5), (1.75, 2.5)], [(2.75, 3.5)]]])
    relation = relate(case.images, case.preimages)
    _, cell = root(relation, (0, 1), 2).with_and_without_hole(0)
    for edge, low in enumerate((0, 0, 2, 2, 4, 4)):
        cell = cell.with_range(edge, (low, low + 1))
    takers, senders_now = takers_standing(relation, cell), senders_standing(relation, cell)
    left = cell.after(senders_now, takers)
    assert takers.sure.all()
    assert [run.apart for run in left.runs] == [False, True, False]
    assert not is_idle(relation, left)


@pytest.mark.parametrize("kind", ["either way", "folded", "unions", "three values"])
def test_who_is_left_out_of_a_shape_is_in_no_api_of_it(kind: str) -> None:
    def check(case: Case) -> None:
        for api in all_apis(case, 2):
            assert can_send(case.images, api.shape)[case.images.held_by(api.sets)].all()
            assert can_take(case.preimages, api.shape)[case.preimages.hold(api.sets)].all()

    calm(50)(given(cases(kind, 5))(check))()


def test_orders_leave_out_who_cannot_fit() -> None:
    case = banks([ONE, [ONE[1], ONE[0]]], [ROUND_ONE, [[(-math.inf, 2.0)], [(2.5, math.inf)]]])
    assert can_send(case.images, (0, 1)).tolist() == [True, False]
    assert can_send(case.images, (1, 0)).tolist() == [False, True]
    assert can_send(case.images, (1, 0, 1)).tolist() == [True, True]
    assert can_take(case.preimages, (0, 1)).tolist() == [True, True]
    assert can_take(case.preimages, (1, 0)).tolist() == [False, False]
    assert can_take(case.preimages, (0, 1, 0)).tolist() == [False, False]


@pytest.mark.parametrize("kind", ["either way", "folded"])
def test_what_works_on_a_grid_works_without_it(kind: str) -> None:
    def check(case: Case, step: float, shift: float) -> None:
        images, preimages = (
            type(each)(each.low + shift, each.high + shift, each.weight)
            for each in (case.images, case.preimages)
        )
        on = Case(images.on_grid(step), preimages.on_grid(step))
        for api in all_apis(on, 2):
            tight = search(on.images, on.preimages, 2, shapes=[api.shape]).best[0].tight
            for sets in api.sets, tight:
                loose = tuple(tuple((a - 1e-9, b + 1e-9) for a, b in each) for each in sets)
                assert images.held_by(loose)[on.images.held_by(sets)].all()
                tighter = tuple(tuple((a + 1e-9, b - 1e-9) for a, b in each) for each in sets)
                assert preimages.hold(tighter)[on.preimages.hold(sets)].all()

    steps = st.sampled_from([0.1, 0.25, 0.3, 1.0])
    calm(50)(given(cases(kind, 4), steps, st.floats(-1.0, 1.0))(check))()


def test_a_grid_rounds_images_outward_and_preimages_inward() -> None:
    case = banks([[[(0.31, 0.59)], [(0.3, 0.6)]]], [[[(0.31, 0.59)], [(0.3, 0.6)]]])
    images, preimages = case.images.on_grid(0.1), case.preimages.on_grid(0.1)
    assert images.low.ravel() == pytest.approx([0.3, 0.3])
    assert images.high.ravel() == pytest.approx([0.6, 0.6])
    assert preimages.low.ravel() == pytest.approx([0.4, 0.3])
    assert preimages.high.ravel() == pytest.approx([0.5, 0.6])
    assert (images.low <= preimages.low).all()


def test_one_theta_each() -> None:
    case = banks([ONE], [ROUND_ONE], [2.0], [3.0])
    found = search(case.images, case.preimages, 2)
    assert found.best == (
        Candidate((((1.0, 1.5),), ((3.0, 4.0),)), (((0.0, 2.0),), ((2.5, 5.0),)), (0, 1), 2.0, 3.0),
    )
    assert found.best[0].product == found.limit == 6.0


@pytest.mark.parametrize(
    ("case", "k"),
    [
        (banks([ONE], [[ROUND_ONE[1], ROUND_ONE[0]]]), 2),  # the other way round
        (banks([ONE], [[[(0.0, 1.2), (1.4, 2.0)], ROUND_ONE[1]]]), 2),  # torn
        (banks([ONE], [[ROUND_ONE[0], []]]), 1),  # no preimage
        (banks([[ONE[0], ONE[0]]], [ROUND_ONE]), 1),  # images that meet
        (banks([ONE], [ROUND_ONE], [0.0], [1.0]), 1),
        (banks([[[(1.0, 1.0), (2.0, 2.0)], ONE[1]]], [[[(1.0, 1.0), (2.0, 2.0)], ONE[1]]]), 1),
    ],
)
def test_no_solution_is_proven_too(case: Case, k: int) -> None:
    found = search(case.images, case.preimages, k)
    assert found.best == ()
    assert found.limit == found.gap == 0.0


def test_who_needs_nothing_counts_wherever_no_image_is() -> None:
    """Of a θ without an image nothing is searched for, but the limit holds."""
    case = banks([ONE, [[], []], [[], []]], [ROUND_ONE], [1.0, 2.0, 3.0], [2.0])
    assert search(case.images, case.preimages, 1).limit == 12.0
    nowhere = search(case.images[np.array([1])], case.preimages, 1)
    assert nowhere == Optimum((), 4.0, nowhere.n_cells)
    assert nowhere.gap == math.inf


def test_nobody_at_all() -> None:
    nobody = np.zeros((2, 1, 0)), np.zeros((2, 1, 0)), np.zeros(0)
    found = search(Images(*nobody), Preimages(*nobody), 2)
    assert found == Optimum((), 0.0, 0)


def test_two_points_need_two_intervals() -> None:
    points = [[(1.0, 1.0), (2.0, 2.0)], [(3.0, 3.0)]]
    case = banks([points], [points])
    (best,) = search(case.images, case.preimages, 2).best
    assert best.tight == best.wide == (((1.0, 1.0), (2.0, 2.0)), ((3.0, 3.0),))


def test_a_preimage_without_end_is_one_in_a_shape_too() -> None:
    case = banks([ONE], [[[(-math.inf, 2.0)], [(2.5, math.inf)]]])
    (best,) = search(case.images, case.preimages, 1, shapes=[(0, 1)]).best
    assert best.wide == (((-math.inf, 2.0),), ((2.5, math.inf),))


def test_progress_is_told() -> None:
    case = random_case(12, (0, 1, 0), 1, weighted=True)
    told: list[tuple[int, float, float]] = []
    found = search(
        case.images, case.preimages, 2, on_progress=lambda *progress: told.append(progress)
    )
    n_cells, best, limit = zip(*told, strict=True)
    assert n_cells == tuple(range(1, found.n_cells + 1))
    assert list(best) == sorted(best)
    assert max(best) <= found.limit <= max(limit)


def test_orders_are_counted_and_named() -> None:
    assert shapes_of(2, 1) == ((0, 1), (1, 0))
    assert shapes_of(2, 2) == ((0, 1), (1, 0), (0, 1, 0), (1, 0, 1), (0, 1, 0, 1), (1, 0, 1, 0))
    assert shapes_of(1, 3) == ((0,),)
    assert len(shapes_of(3, 1)) == 6
    # Words of two of each of three letters without neighbours that are equal: 30.
    assert sum(len(shape) == 6 for shape in shapes_of(3, 2)) == 30
    assert [name_of(shape) for shape in shapes_of(2, 2)[:3]] == [
        "non-inverting",
        "inverting",
        "folded 010",
    ]
    assert name_of((2, 0, 1)) == "201"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_intervals": 0}, "max-intervals = 0 must be at least 1"),
        ({"max_intervals": 0, "shapes": [(0, 1)]}, "max-intervals = 0 must be at least 1"),
        ({"n_best": 0}, "n-best = 0 must be at least 1"),
        ({"shapes": [(0, 2)]}, r"shape \(0, 2\) must have each of the logical values 0 to 1"),
        ({"shapes": [(0, 1), (0,)]}, r"shape \(0,\) must have"),
        ({"shapes": [(0, 0, 1)]}, r"shape \(0, 0, 1\) .*never twice in a row"),
        ({"shapes": [(0, 1, 0)]}, r"shape \(0, 1, 0\) .*1 to 1 times"),
    ],
)
def test_a_search_that_makes_no_sense(arguments: dict[str, object], message: str) -> None:
    case = banks([ONE], [ROUND_ONE])
    with pytest.raises(InputError, match=message):
        search(case.images, case.preimages, **{"max_intervals": 1, **arguments})


def test_many_logical_values_have_too_many_orders() -> None:
    with pytest.raises(InputError, match="max-intervals = 3 with 4 logical values"):
        shapes_of(4, 3)


def test_both_sides_have_the_same_logical_values() -> None:
    images, preimages = banks([ONE], [ROUND_ONE]).images, banks([ONE], [ROUND_ONE[:1]]).preimages
    with pytest.raises(InputError, match="images are of 2 logical values, preimages of 1"):
        search(images, preimages, 1)


ENDS = np.ones((2, 1, 3))


@pytest.mark.parametrize(
    ("low", "high", "weight", "message"),
    [
        (ENDS, ENDS[:1], np.ones(3), r"low \(2, 1, 3\) and high \(1, 1, 3\)"),
        (ENDS, ENDS, np.ones(2), r"n that of weight \(2,\)"),
        (ENDS[0], ENDS[0], np.ones(1), r"low \(1, 3\)"),
        (ENDS, ENDS, np.array([1.0, -0.5, 1.0]), "weight -0.5 must be finite and ≥ 0"),
        (ENDS, ENDS, np.array([1.0, math.nan, 1.0]), "weight nan must be"),
        (ENDS, ENDS, np.array([1.0, math.inf, 1.0]), "weight inf must be"),
        (ENDS, math.nan * ENDS, np.ones(3), "from 1 V to nan V"),
        (math.nan * ENDS, ENDS, np.ones(3), "from nan V to 1 V"),
    ],
)
def test_banks_that_make_no_sense(
    low: NDArray[np.float64], high: NDArray[np.float64], weight: NDArray[np.float64], message: str
) -> None:
    for kind in Images, Preimages:
        with pytest.raises(InputError, match=message):
            kind(low, high, weight)


@pytest.mark.parametrize(("low", "high"), [(2.0, 1.0), (-math.inf, 1.0), (1.0, math.inf)])
def test_an_image_has_two_ends(low: float, high: float) -> None:
    with pytest.raises(InputError, match=f"Images: a piece from {low:g} V to {high:g} V"):
        Images(low * ENDS, high * ENDS, np.ones(3))
