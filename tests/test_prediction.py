"""Distances of solutions from the greatest log volume, against enumeration and closed forms."""

import itertools
import math
from functools import cache

import numpy as np
import pytest
from hypothesis import assume, given

from spicebuf.errors import InputError
from spicebuf.prediction import Banks, Measure, Placement, place
from spicebuf.prediction.ascent import ascent_of
from spicebuf.prediction.sets import merged, sets_of, wide_of
from spicebuf.prediction.table import room_of, table_of
from spicebuf.search import Images, Preimages, Sets
from tests.contexts import VOLTS, Case, Floats, cases, images_of, preimages_of
from tests.prediction_cases import draw_banks, draw_measure, greatest, log_volume, population
from tests.search_cases import calm

GRID = np.linspace(0.0, VOLTS, VOLTS + 1)
ONE = np.ones(1)


def banks_of(case: Case) -> Banks:
    images, preimages = case
    assume(images.weight.any() and preimages.weight.any())
    return Banks(*case)


def by_enumeration(banks: Banks, sets: Sets) -> float:
    """Return the log volume of an API, θ by θ."""
    parts = []
    for rows, suits in ((banks.images, images_fit), (banks.preimages, preimages_fit)):
        admitted = [suits(each, sets) for each in sets_of(rows)]
        parts.append(float(rows.weight @ np.array(admitted)) / float(rows.weight.sum()))
    return math.log(parts[0] * parts[1]) if all(parts) else -math.inf


def images_fit(image: Sets, sets: Sets) -> bool:
    return all(map(inside, image, sets))


def preimages_fit(preimage: Sets, sets: Sets) -> bool:
    return all(map(inside, sets, preimage))


def inside(some: tuple[tuple[float, float], ...], others: tuple[tuple[float, float], ...]) -> bool:
    return all(any(a <= low and high <= b for a, b in others) for low, high in some)


def every_api(axis: Floats) -> list[Sets]:
    """Return all APIs of one interval for each logical value."""
    intervals = list(itertools.combinations_with_replacement(axis.tolist(), 2))
    return [
        ((one,), (two,))
        for one, two in itertools.product(intervals, intervals)
        if one[1] < two[0] or two[1] < one[0]
    ]


def working(banks: Banks) -> list[tuple[Sets, Sets]]:
    """Return the images and preimages of the pairs that work."""
    pairs = itertools.product(sets_of(banks.images), sets_of(banks.preimages))
    return [(inner, outer) for inner, outer in pairs if preimages_fit(outer, inner)]


def measure_of(banks: Banks, n_edges: int = VOLTS + 1) -> Measure:
    volumes = {api: banks.log_volume(api) for api in every_api(GRID)}
    best = max(volumes, key=lambda api: volumes[api])
    assume(math.isfinite(volumes[best]))
    return Measure(banks, banks, best, float(VOLTS), n_edges, is_exact=True)


@calm(12)
@given(cases(n_pieces=2, halves=True))
def test_the_table_holds_the_log_volume_of_every_api(case: Case) -> None:
    banks = banks_of(case)
    table = table_of(banks, GRID)
    expected = np.full((len(GRID),) * 4, -np.inf)
    for api in every_api(GRID):
        place_ = tuple(int(end) for ((a, b),) in api for end in (a, b))
        expected[place_] = by_enumeration(banks, api)
    assert table.log_volume == pytest.approx(expected, abs=1e-5)


@calm(25)
@given(cases(n_pieces=2, halves=True))
def test_the_best_between_image_and_preimage_is_that_of_all_on_the_grid(case: Case) -> None:
    banks = banks_of(case)
    measure = measure_of(banks)
    volume = cache(banks.log_volume)
    for inner, outer in working(banks)[:8]:
        between = [
            api
            for api in every_api(GRID)
            if images_fit(inner, api) and preimages_fit(outer, api) and math.isfinite(volume(api))
        ]
        found = measure.between(inner, outer)
        assert (found is None) == (not between)
        if found is not None:
            assert found in between
            assert volume(found) == pytest.approx(max(map(volume, between)))


@calm(25)
@given(cases(n_pieces=2, halves=True))
def test_the_primary_api_admits_the_solution_and_none_of_the_candidates_is_better(
    case: Case,
) -> None:
    banks = banks_of(case)
    measure = measure_of(banks)
    for inner, outer in working(banks)[:12]:
        found = measure.primary(inner, outer)
        assert images_fit(inner, found)
        assert preimages_fit(outer, found)
        others = [measure.between(inner, outer), merged(inner), wide_of(inner, outer)]
        most = max(banks.log_volume(each) for each in others if each is not None)
        assert banks.log_volume(found) >= most - 1e-12
        if images_fit(inner, measure.best) and preimages_fit(outer, measure.best):
            assert found == measure.best or banks.log_volume(found) > measure.greatest


@calm(40)
@given(cases(n_pieces=2, halves=True))
def test_no_edge_of_a_refined_api_can_be_moved_to_advantage(case: Case) -> None:
    banks = banks_of(case)
    ascent = ascent_of(banks)
    ends = np.unique(np.concatenate([banks.images.low.ravel(), banks.images.high.ravel()]))
    for inner, outer in working(banks)[:12]:
        room = room_of(*rows(inner, outer))
        if room.fits[0]:
            found, product = ascent.best(room.inner[0], room.outer[0], room.inner[0])
            reached = banks.log_volume(api_of(found))
            assert product == pytest.approx(math.exp(reached) * math.prod(banks.totals))
            assert reached >= banks.log_volume(api_of(room.inner[0])) - 1e-12
            for edge, end in itertools.product(range(4), ends.tolist()):
                low, high = sorted((room.inner[0, edge], room.outer[0, edge]))
                if low <= end <= high:
                    moved = np.where(np.arange(4) == edge, end, found)
                    assert banks.log_volume(api_of(moved)) <= reached + 1e-9


def api_of(edges: Floats) -> Sets:
    a, b, c, d = edges.tolist()
    return ((a, b),), ((c, d),)


def rows(inner: Sets, outer: Sets) -> tuple[Images, Preimages]:
    """Return one solution of two values, each in at most a few intervals."""
    ends = []
    for sets in (inner, outer):
        most = max(map(len, sets))
        ends.append(np.array([[*each, *[(np.inf, -np.inf)] * (most - len(each))] for each in sets]))
    return (
        Images(ends[0][:, :, :1], ends[0][:, :, 1:], ONE),
        Preimages(ends[1][:, :, :1], ends[1][:, :, 1:], ONE),
    )


def test_an_image_in_two_pieces_has_a_tight_and_a_wide_api_but_none_on_the_grid() -> None:
    inner: Sets = (((0.0, 1.0), (4.0, 5.0)), ((2.0, 2.0),))
    outer: Sets = (((4.0, 6.0), (0.0, 1.5)), ((1.9, 3.0),))
    banks = Banks(*rows(inner, outer))
    measure = Measure(banks, banks, inner, float(VOLTS), is_exact=True)
    assert measure.between(inner, outer) is None
    assert wide_of(inner, outer) == (((0.0, 1.5), (4.0, 6.0)), ((1.9, 3.0),))
    assert merged((((2.0, 3.0), (0.0, 1.0), (1.0, 2.5)), ((5.0, 5.0),)))[0] == ((0.0, 3.0),)
    assert measure.primary(inner, outer) == inner
    with pytest.raises(InputError, match="lies in no component"):
        wide_of(inner, (((0.0, 1.5),), ((1.9, 3.0),)))


def test_intervals_that_touch_are_no_api() -> None:
    images = images_of([[[(0, 3)], [(4, 6)]], [[(0, 2)], [(3, 6)]]], np.ones(2))
    preimages = Preimages(np.array([[[0.0]], [[3.0]]]), np.array([[[3.0]], [[6.0]]]), ONE)
    table = table_of(Banks(images, preimages), GRID)
    assert table.log_volume[0, 3, 3, 6] == -np.inf
    assert table.log_volume[0, 3, 4, 6] == pytest.approx(math.log(0.5))


def test_where_no_voltage_of_the_grid_lies_between_all_edges_move_at_once() -> None:
    """No move of a single edge of the image gains anything; those of the room's outer ends do."""
    own, others = [[(1.4, 1.5)], [(4.4, 4.5)]], [[(1.3, 1.6)], [(4.3, 4.6)]]
    images = images_of([own, *[others] * 9], np.ones(10))
    preimages = Preimages(np.array([[[1.2]], [[4.2]]]), np.array([[[1.7]], [[4.7]]]), ONE)
    banks = Banks(images, preimages)
    measure = Measure(banks, banks, (((1.4, 1.5),), ((4.4, 4.5),)), float(VOLTS), VOLTS + 1)
    outer = sets_of(preimages)[0]
    assert measure.between(sets_of(images)[0], outer) is None
    (found,) = measure.refined(room_of(images[np.arange(1)], preimages))
    assert found is not None
    assert banks.log_volume(found) == 0.0


def test_edges_beside_a_voltage_of_the_grid_by_less_than_a_nanovolt_stay_inside() -> None:
    own, slack = [(0.0, 1.0 + 4e-10)], 4e-10
    images = images_of([[own, [(5.0 - slack, 6.0)]]], ONE)
    preimages = Preimages(np.array([[[0.0]], [[4.0]]]), np.array([[[2.0]], [[6.0]]]), ONE)
    banks = Banks(images, preimages)
    measure = Measure(banks, banks, sets_of(images)[0], float(VOLTS), VOLTS + 1)
    (found,) = measure.refined(room_of(images, preimages))
    assert found is not None
    assert images.held_by(found).all()
    assert preimages.hold(found).all()


def test_distances_are_those_of_the_closed_form() -> None:
    """Also of solutions that leave little room between the voltages of the grid, which is coarse here."""
    everyone = population(150, 3)
    rng = np.random.default_rng(5)
    banks = draw_banks(5_000, rng)
    measure = Measure(banks, draw_banks(5_000, rng), best_by_formula(), 1.0, 26)
    found = place(measure, everyone.images, everyone.preimages)
    near = everyone.delta < 3.0
    error = (found.delta - everyone.delta)[near]
    assert measure.greatest == pytest.approx(greatest(), abs=0.1)
    assert abs(np.median(error)) < 0.04
    assert abs(np.mean(found.delta <= 0.5) - np.mean(everyone.delta <= 0.5)) < 0.03
    assert (np.abs(error) < 3.0 * found.error[near] + 0.03).all()
    assert (found.delta_tight >= found.delta - 0.3).all()


def best_by_formula() -> Sets:
    low, high = (ends.ravel() for ends in np.meshgrid(*[np.linspace(0.2, 0.8, 301)] * 2))
    at = int(log_volume(low, high, np.ones(len(low), dtype=np.bool_)).argmax())
    return ((0.0, float(low[at])),), ((float(high[at]), 1.0),)


def test_place_does_what_primary_does() -> None:
    measure = draw_measure(300, 26, np.random.default_rng(2))
    everyone = population(40, 4)
    found = place(measure, everyone.images, everyone.preimages)
    for k, (inner, outer) in enumerate(
        zip(sets_of(everyone.images), sets_of(everyone.preimages), strict=True)
    ):
        for distances, api in (
            (found.primary, measure.primary(inner, outer)),
            (found.tight, inner),
            (found.wide, outer),
        ):
            expected = measure.distance(api)
            assert distances.value[k] == expected.value
            assert (distances.least[k], distances.error[k]) == (expected.least, expected.error)
        is_best = images_fit(inner, measure.best) and preimages_fit(outer, measure.best)
        assert found.in_best[k] == is_best
        # The best API has a distance and an error of 0 by definition.
        assert not is_best or found.delta[k] <= 0.1


def test_solutions_that_do_not_work_are_counted_and_left_out() -> None:
    measure = draw_measure(300, 26, np.random.default_rng(2))
    everyone = population(6, 4)
    preimages = everyone.preimages
    preimages.high[:, :, 2] = -np.inf
    weight, groups = np.arange(6.0), np.arange(12).reshape(6, 2)
    found = place(measure, everyone.images, preimages, weight, groups)
    assert (found.n, found.n_unplaced) == (5, 1)
    assert found.places.tolist() == [0, 1, 3, 4, 5]
    assert found.weight.tolist() == [0.0, 1.0, 3.0, 4.0, 5.0]
    assert found.groups is not None
    assert found.groups[:, 0].tolist() == [0, 2, 6, 8, 10]
    assert found.behaviour.shape == (5, 4)
    part: Placement = found[found.weight > 3.0]
    assert (part.n, part.n_unplaced, part.places.tolist()) == (2, 0, [4, 5])
    none = place(measure, everyone.images[np.arange(0)], preimages[np.arange(0)])
    assert (none.n, none.delta.shape) == (0, (0,))


@pytest.mark.parametrize("is_weighted", [False, True])
def test_the_error_of_a_distance_is_how_it_varies_from_bank_to_bank(is_weighted: bool) -> None:
    rng = np.random.default_rng(8)
    best, other = (((0.0, 0.35),), ((0.65, 1.0),)), (((0.0, 0.3),), ((0.6, 1.0),))
    choose = draw_banks(500, rng)
    values, errors = [], []
    for _ in range(400):
        drawn = draw_banks(800, rng)
        if is_weighted:
            drawn = weighted(drawn, rng)
        found = Measure(choose, drawn, best, 1.0).distance(other)
        values.append(found.value)
        errors.append(found.error)
    assert np.std(values) == pytest.approx(np.mean(errors), rel=0.1)
    assert np.mean(values) == pytest.approx(true_distance(best, other), abs=0.02)


def weighted(banks: Banks, rng: np.random.Generator) -> Banks:
    one, two = (rng.exponential(1.0, len(banks.images.weight)) for _ in range(2))
    images, preimages = banks.images, banks.preimages
    return Banks(
        Images(images.low, images.high, one), Preimages(preimages.low, preimages.high, two)
    )


def true_distance(*apis: Sets) -> float:
    low, high = (np.array([sets[k][0][1 - k] for sets in apis]) for k in (0, 1))
    best, other = log_volume(low, high, np.array([True, True]))
    return float(best - other)


def test_what_no_draw_is_admitted_to_is_far_but_not_infinitely_sure() -> None:
    words = ["000..11", "000.111", "000.111", "000.111"]
    images = images_of([[[(0, 1)], [(5, 6)]]] * 5, np.ones(5))
    banks = Banks(images, preimages_of(words, 1.0, np.ones(4)))
    best: Sets = (((0.0, 1.0),), ((5.0, 6.0),))
    nothing: Sets = (((0.0, 2.0),), ((4.5, 5.5),))
    few: Sets = (((0.0, 2.0),), ((4.0, 6.0),))
    found = Measure(banks, banks, best, 6.0).distance(nothing)
    # 5 of 5 and 4 of 4 to the best; to the other none of 5 and 3 of 4, had one of 5 been admitted
    assert found.value == math.inf
    assert found.least == pytest.approx(math.log(5.0 / 1.0) + math.log(4.0 / 3.0))
    assert found.error == pytest.approx(
        math.sqrt(1.0 / 5.0 + 1.0 + 1.0 / 4.0 + 1.0 / 3.0 - 2.0 * 3.0 / 12.0)
    )
    exact = Measure(banks, banks, best, 6.0, is_exact=True)
    assert exact.distance(nothing).least == math.inf
    assert exact.distance(few).error == 0.0
    assert exact.distance(few).value == pytest.approx(math.log(4.0 / 3.0))


def test_what_cannot_be_measured_is_refused() -> None:
    images = images_of([[[(0, 1)], [(4, 5)]]], ONE)
    preimages = preimages_of(["00...11"], 1.0, ONE)
    banks = Banks(images, preimages)
    best: Sets = (((0.0, 1.0),), ((5.0, 6.0),))
    fit: Sets = (((0.0, 1.0),), ((5.0, 5.0),))
    three = np.zeros((3, 1, 1))
    with pytest.raises(InputError, match="images are of 3 logical values"):
        Banks(Images(three, three, ONE), preimages)
    with pytest.raises(InputError, match="preimages are of 3 logical values"):
        Banks(images, Preimages(three, three, ONE))
    with pytest.raises(InputError, match="1 have no piece"):
        Banks(images_of([[[(np.inf, -np.inf)], [(4, 5)]]], ONE), preimages)
    with pytest.raises(InputError, match="preimages: some weight"):
        Banks(images, Preimages(preimages.low, preimages.high, np.zeros(1)))
    with pytest.raises(InputError, match="take larger banks"):
        Measure(banks, banks, best, 6.0)
    with pytest.raises(InputError, match="vdd = 0 V"):
        Measure(banks, banks, fit, 0.0)
    with pytest.raises(InputError, match="n_edges = 82"):
        Measure(banks, banks, fit, 6.0, 82)


def test_what_does_not_belong_together_is_refused() -> None:
    measure = draw_measure(200, 11, np.random.default_rng(0))
    everyone = population(4, 4)
    with pytest.raises(InputError, match="4 images, 3 preimages"):
        place(measure, everyone.images, everyone.preimages[np.arange(3)])
    with pytest.raises(InputError, match="groups of shape"):
        place(measure, everyone.images, everyone.preimages, None, np.zeros((4, 3), dtype=np.int64))
    with pytest.raises(InputError, match="weight must be finite"):
        place(measure, everyone.images, everyone.preimages, -np.ones(4))
