"""Landscapes of log volume over two edges, against the enumeration of all APIs."""

from dataclasses import replace
from importlib import import_module
from itertools import combinations, product
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from spicebuf.api import Api
from spicebuf.errors import InputError
from spicebuf.report import draw_landscape
from spicebuf.search import (
    Edge,
    Images,
    Landscape,
    Preimages,
    edge_named,
    edges_of,
    grid_of,
    landscape,
    search,
)
from spicebuf.voltages import VoltageSet
from tests.contexts import (
    EMPTY,
    VOLTS,
    Case,
    Floats,
    cases,
    every_api,
    images_of,
    preimages_of,
    products_of,
)

WHOLE = np.linspace(0.0, VOLTS, VOLTS + 1)
HALVES = np.linspace(0.0, VOLTS, 2 * VOLTS + 1)
# Not all whole, so that edges are fixed where no θ has an end.
AXES = (np.array([0.0, 0.5, 1.0, 2.0, 4.0, 5.5]), np.array([0.0, 1.0, 2.5, 3.0, 4.0, 6.0]))
FEW = settings(derandomize=True, deadline=None, max_examples=25)


def by_enumeration(
    case: Case, pattern: tuple[int, ...], fixed: tuple[int, int], volts: Floats
) -> Floats:
    apis = every_api(pattern, volts)
    products = products_of(apis, pattern, *case)
    return np.array(
        [
            [
                products[(apis[:, fixed[0]] == a) & (apis[:, fixed[1]] == b)].max(initial=0.0)
                for b in AXES[1]
            ]
            for a in AXES[0]
        ]
    )


def check(case: Case, pattern: tuple[int, ...], fixed: tuple[int, int], volts: Floats) -> None:
    """Compare a landscape with the enumeration, and its API with its maximum."""
    assume(case[0].weight.any() and case[1].weight.any())
    edges = edges_of(pattern)
    found = landscape(*case, pattern, (edges[fixed[0]], edges[fixed[1]]), AXES)
    most = by_enumeration(case, pattern, fixed, volts)
    assert np.exp(found.log_product) == pytest.approx(most, rel=1e-9)
    assert ((found.log_product == -np.inf) == (most == 0.0)).all()
    if found.best is None:
        assert not most.any()
        return
    row = np.sort([end for interval in sum(found.best, ()) for end in interval])
    assert products_of(row[np.newaxis], pattern, *case) == pytest.approx([most.max()])


@FEW
@given(cases())
def test_tables_find_what_enumeration_finds(case: Case) -> None:
    for pattern, fixed in product([(0, 1), (1, 0)], combinations(range(4), 2)):
        check(case, pattern, fixed, HALVES)


@FEW
@given(cases(n_pieces=2, gaps=True), st.permutations(range(4)))
def test_images_in_pieces_and_edges_in_any_order(case: Case, order: list[int]) -> None:
    for pattern in ((0, 1), (1, 0)):
        check(case, pattern, (order[0], order[1]), HALVES)


@FEW
@given(cases(n_pieces=2), st.permutations(range(6)))
def test_branch_and_bound_finds_what_enumeration_finds(case: Case, order: list[int]) -> None:
    for pattern in ((0, 1, 0), (1, 0, 1), (0, 0, 1), (1, 0, 0)):
        check(case, pattern, (order[0], order[1]), HALVES)


def crowd(seed: int, n: int = 60) -> Case:
    """Return θ of no round voltages: logical 0 between two components of logical 1."""
    rng = np.random.default_rng(seed)
    middle = rng.normal(3.0, 0.5, (2, 1, n))
    middle[1, 0] += rng.choice([-2.0, 2.0], n)
    reach = rng.exponential(0.2, (2, 1, n))
    ends = np.full((2, 2, 2, n), np.inf) * np.array([1.0, -1.0]).reshape(2, 1, 1, 1)
    cuts = np.sort(rng.uniform(-1.0, 7.0, (3, 2, n)).reshape(6, n), axis=0).reshape(3, 2, n)
    ends[:, 1], ends[:, 0, 0] = cuts[::2].transpose(1, 0, 2), cuts[1]
    images = Images(middle - reach, middle + reach, rng.random(n))
    return images, Preimages(ends[0], ends[1], rng.random(n))


def test_tables_and_branch_and_bound_agree_on_a_crowd(monkeypatch: pytest.MonkeyPatch) -> None:
    module = import_module("spicebuf.search.landscape")
    case, edges, axis = crowd(1), edges_of((1, 0)), np.linspace(0.0, 5.0, 8)
    for pair in ((edges[1], edges[2]), (edges[0], edges[1]), (edges[3], edges[1])):
        monkeypatch.setattr(module, "_MAX_RANKS", 10_000)
        tables = landscape(*case, (1, 0), pair, (axis, axis))
        monkeypatch.setattr(module, "_MAX_RANKS", 0)
        bounds = landscape(*case, (1, 0), pair, (axis, axis))
        assert np.isfinite(tables.log_product).sum() > 3
        assert bounds.log_product == pytest.approx(tables.log_product, rel=1e-9)


@pytest.mark.parametrize("pattern", [(1, 0), (1, 0, 1)])
def test_the_best_api_is_the_top_of_its_landscape(pattern: tuple[int, ...]) -> None:
    """At its edges its log volume, nowhere more."""
    case = crowd(2)
    best = search(*case, 2, shapes=[pattern]).best[0]
    assert tuple(map(len, best.tight)) == (1, len(pattern) - 1)
    edges = (edges_of(pattern)[1], edges_of(pattern)[2])
    axes = tuple(np.sort([*np.linspace(0.0, 5.0, 6), edge.of(best.wide)]) for edge in edges)
    found = landscape(*case, pattern, edges, (axes[0], axes[1]))
    assert found.log_product.max() == pytest.approx(np.log(best.product))
    assert found.best is not None
    for edge in edges:
        low, high = sorted(edge.of(sets) for sets in (best.tight, best.wide))
        assert low - 1e-9 <= edge.of(found.best) <= high + 1e-9


def test_log_volumes_are_relative_to_all_weights() -> None:
    images = images_of([[[(5, 6)], [(0, 1)]], [[(0, 6)], [(0, 6)]]], np.array([1.0, 3.0]))
    preimages = preimages_of(["11...00", "......."], 1.0, np.array([2.0, 2.0]))
    edges = edges_of((1, 0))
    found = landscape(images, preimages, (1, 0), (edges[1], edges[2]), (WHOLE, WHOLE))
    assert found.log_volume.max() == pytest.approx(np.log(1 / 4 * 2 / 4))
    assert found.best == (((5.0, 6.0),), ((0.0, 1.0),))


def test_edges_at_decimals_meet_ends_at_the_same_decimals() -> None:
    """3 · 0.1 is not 0.3 in floating point."""
    images = images_of([[[(0.8, 0.9)], [(0.1, 3 * 0.1)]]], np.ones(1))
    preimages = preimages_of(["1111...000"], 0.1, np.ones(1))
    edges = edges_of((1, 0))
    axes = (np.array([0.3]), np.array([0.7, 0.8]))
    found = landscape(images, preimages, (1, 0), (edges[1], edges[2]), axes)
    assert (found.log_product == 0.0).all()


def test_two_intervals_of_one_value_may_share_a_component() -> None:
    """The edges between them are on ends of images, where no preimage ends."""
    images = images_of([[[(1, 2), (3, 4)], [(6, 6), EMPTY]]], np.ones(1))
    preimages = preimages_of(["000000.1"], 1.0, np.ones(1))
    preimages = Preimages(preimages.low - [[[0]], [[1]]], preimages.high, preimages.weight)
    edges, axes = edges_of((0, 0, 1)), (np.array([1.0]), np.array([4.0]))
    found = landscape(images, preimages, (0, 0, 1), (edges[0], edges[3]), axes)
    assert found.log_product == pytest.approx(0.0)


def test_preimages_without_end_hold_all() -> None:
    images = images_of([[[(4, 5)], [(0, 1)]]], np.ones(1))
    low, high = np.array([[[3.0]], [[-np.inf]]]), np.array([[[np.inf]], [[2.0]]])
    edges = edges_of((1, 0))
    axes = (np.array([1.5]), np.array([3.5]))
    preimages = Preimages(low, high, np.ones(1))
    found = landscape(images, preimages, (1, 0), (edges[1], edges[2]), axes)
    assert found.log_product == pytest.approx(0.0)


def test_progress_counts_every_pair_of_voltages() -> None:
    seen: list[tuple[int, int]] = []
    edges = edges_of((1, 0))
    landscape(*crowd(3), (1, 0), edges[1:3], AXES, lambda *n: seen.append(n))
    assert seen == [(n, 36) for n in range(1, 37)]


def test_edges_have_names() -> None:
    labels = ["lo", "hi.fi"]
    assert edge_named("lo.2.high", (0, 1, 0), labels) == Edge(0, 2, is_upper=True)
    assert edge_named("hi.fi.low", (0, 1, 0), labels) == Edge(1, 1, is_upper=False)
    assert edge_named("hi.fi.1.low", (0, 1, 0), labels) == Edge(1, 1, is_upper=False)
    for name in ("lo.low", "lo.3.low", "lo.0.low", "hi.1.low", "lo.1.up"):
        with pytest.raises(InputError, match=r"choose one of lo\.1\.low"):
            edge_named(name, (0, 1, 0), labels)


def test_what_is_no_landscape_is_refused() -> None:
    case, edges = crowd(4), edges_of((1, 0))
    with pytest.raises(InputError, match="pattern"):
        landscape(*case, (1,), edges[:2], AXES)
    with pytest.raises(InputError, match="two different edges"):
        landscape(*case, (1, 0), (edges[0], edges[0]), AXES)
    with pytest.raises(InputError, match="two different edges"):
        landscape(*case, (1, 0), (edges[0], Edge(0, 2, is_upper=True)), AXES)
    with pytest.raises(InputError, match="axes"):
        landscape(*case, (1, 0), edges[:2], (AXES[0], AXES[1][:0]))
    nothing = Images(case[0].low, case[0].high, 0.0 * case[0].weight)
    with pytest.raises(InputError, match="weight"):
        landscape(nothing, case[1], (1, 0), edges[:2], AXES)
    with pytest.raises(InputError, match="step"):
        grid_of(5.0, 0.0)


def test_grids_go_from_rail_to_rail() -> None:
    assert grid_of(5.0) == pytest.approx(np.arange(51) / 10)
    assert grid_of(1.8, 0.7) == pytest.approx([0.0, 0.6, 1.2, 1.8])


def test_a_figure_marks_the_maximum_and_a_given_api(tmp_path: Path) -> None:
    edges = edges_of((1, 0))
    axis = grid_of(5.0, 0.5)
    found = landscape(*crowd(5), (1, 0), edges[1:3], (axis, axis))
    sets = {"lo": VoltageSet.parse("[3, 5]"), "hi": VoltageSet.parse("[0, 1.5]")}
    mine = Api("mine", sets)
    with mpl.rc_context({"svg.fonttype": "none"}):
        draw_landscape(found, 5.0, ["lo", "hi"], tmp_path / "map.svg", mine)
    text = (tmp_path / "map.svg").read_text(encoding="utf-8")
    for words in ("upper edge of logical hi [V]", "lower edge of logical lo [V]", "−0.5<", "mine"):
        assert words in text
    other = replace(found, pattern=(0, 1))
    with pytest.raises(InputError, match=r"'mine'.* order lo, hi"):
        draw_landscape(other, 5.0, ["lo", "hi"], tmp_path / "map.svg", mine)


def test_a_figure_of_nothing_says_so(tmp_path: Path) -> None:
    edges = edges_of((0, 1, 0))
    log_product = np.full((6, 6), -np.inf)
    found = Landscape((0, 1, 0), (edges[0], edges[2]), AXES, log_product, 0.0, None)
    draw_landscape(found, 5.0, ["0", "1"], tmp_path / "map.png")
    assert (tmp_path / "map.png").stat().st_size > 1000
