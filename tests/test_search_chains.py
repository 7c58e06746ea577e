"""Searches over whole chains, against brute force over all APIs."""

import math
import time
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spicebuf.errors import InputError
from spicebuf.search import ChainOptimum, Preimages, Proof, Sets, search, search_chain
from spicebuf.search.ascent import Stretch, climb, random_start, stretch_of, widest
from spicebuf.search.composition import Takers, grouped, sets_of, takers_before
from spicebuf.search.exhaustion import Best, exhaust, limit_within
from tests.sampledlinks import SampledLink, brute_force

VOLTS = {1: [0.0, 1.0, 1.5, 3.0, 4.0], 2: [0.0, 1.0, 1.5, 3.0]}
NARROW: Sets = (((0.0, 0.0),), ((3.0, 3.0),))
WIDE: Sets = (((0.0, 1.5),), ((3.0, 4.0),))
MIDDLE: Sets = (((0.0, 1.0),), ((3.0, 4.0),))
SWAPPED: Sets = (((3.0, 4.0),), ((0.0, 1.0),))


def link(*rows: Sequence[float], weight: Sequence[float] | None = None) -> SampledLink:
    """Make a component of curves of one branch, sampled at 0, 1, 2, ... V."""
    vout = np.array(rows, dtype=float)[:, np.newaxis]
    return SampledLink(
        np.arange(vout.shape[2], dtype=float),
        vout,
        np.ones(len(rows)) if weight is None else np.array(weight),
    )


@st.composite
def chains(draw: st.DrawFn, max_intervals: int) -> list[SampledLink]:
    """Draw three or four small banks, mostly of rising curves so that some θ work end to end."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    volts, links = VOLTS[max_intervals], []
    for _ in range(draw(st.integers(3, 4))):
        n, n_branches = int(rng.integers(2, 7)), int(rng.random() < 0.25) + 1
        vout = rng.choice(volts, (n, n_branches, len(volts)))
        if rng.random() < 0.9:
            vout = np.sort(vout, axis=2)[:, :, :: draw(st.sampled_from([1, 1, 1, 1, -1]))]
        links.append(SampledLink(np.arange(len(volts)) * 1.0, vout, rng.integers(1, 4, n) * 1.0))
    return links


def run(
    links: Sequence[SampledLink],
    apis: Sequence[Sets | None],
    max_intervals: int = 1,
    **more: object,
) -> ChainOptimum:
    options = {"n_restarts": 2, "rng": np.random.default_rng(0)} | more
    return search_chain(links, apis, max_intervals, **options)


def ends(links: Sequence[SampledLink]) -> list[Sets | None]:
    return [NARROW, *(None,) * (len(links) - 1), WIDE]


def weights(links: Sequence[SampledLink], apis: Sequence[Sets]) -> list[float]:
    each = [link.images(before) for link, before in zip(links, apis, strict=False)]
    return [
        float(images.weight[images.held_by(after)].sum())
        for images, after in zip(each, apis[1:], strict=True)
    ]


@pytest.mark.parametrize("max_intervals", [1, 2])
@settings(max_examples=20, deadline=None, derandomize=True)
@given(data=st.data())
def test_small_banks_are_proven_and_equal_brute_force(
    max_intervals: int, data: st.DataObject
) -> None:
    links = data.draw(chains(max_intervals))
    found = run(links, ends(links), max_intervals)
    truth = brute_force(links, ends(links), max_intervals)
    assert found.product == pytest.approx(truth)
    assert found.limit == pytest.approx(truth)
    assert found.proof is Proof.EXHAUSTIVE
    assert not found.is_interrupted


@settings(max_examples=20, deadline=None, derandomize=True)
@given(data=st.data())
def test_the_proof_needs_no_lucky_start(data: st.DataObject) -> None:
    links = data.draw(chains(1))
    found = run(links, ends(links), n_restarts=0)
    assert found.product == pytest.approx(brute_force(links, ends(links), 1))
    assert found.gap == pytest.approx(0.0)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(data=st.data(), max_tuples=st.sampled_from([1, 4, 12, 5_000_000]))
def test_without_a_proof_the_limit_still_holds(data: st.DataObject, max_tuples: int) -> None:
    links = data.draw(chains(1))
    truth = brute_force(links, ends(links), 1)
    found = run(links, ends(links), max_tuples=max_tuples, max_cells=0)
    assert found.product <= truth * (1.0 + 1e-9)
    assert found.limit >= truth * (1.0 - 1e-9)
    late = run(links, ends(links), max_seconds=0.0)
    assert late.limit >= truth * (1.0 - 1e-9)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(data=st.data())
def test_tight_and_wide_apis_admit_the_weights_that_are_told(data: st.DataObject) -> None:
    links = data.draw(chains(2))
    found = run(links, ends(links), 2)
    if found.product:
        assert weights(links, found.tight) == list(found.weights)
        assert weights(links, found.wide) == list(found.weights)
        for tight, wide in zip(found.tight, found.wide, strict=True):
            assert all(len(intervals) <= 2 for intervals in tight)
            for small, large in zip(tight, wide, strict=True):
                assert all(any(c <= a and b <= d for c, d in large) for a, b in small)
    else:
        assert found.tight[1:-1] == (None,) * (len(links) - 1)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(data=st.data(), place=st.integers(1, 2))
def test_a_fixed_api_inside_parts_the_chain(data: st.DataObject, place: int) -> None:
    links = data.draw(chains(1))
    apis = ends(links)
    apis[place] = MIDDLE
    found = run(links, apis)
    assert found.tight[place] == found.wide[place] == MIDDLE
    truths = (
        brute_force(links[:place], apis[: place + 1], 1),
        brute_force(links[place:], apis[place:], 1),
    )
    assert found.limit == pytest.approx(math.prod(truths))
    assert math.prod(found.weights[:place]) == pytest.approx(truths[0])
    assert math.prod(found.weights[place:]) == pytest.approx(truths[1])


def buffers(seed: int, n_links: int, n: int) -> list[SampledLink]:
    """Make rising curves that are alike enough for most of them to work together."""
    rng = np.random.default_rng(seed)
    volts = np.array([0.0, 0.0, 1.0, 1.5, 1.5, 3.0, 4.0, 4.0])
    vin = np.arange(5.0)
    return [
        SampledLink(vin, np.sort(rng.choice(volts, (n, 1, 5)), axis=2), rng.integers(1, 4, n) * 1.0)
        for _ in range(n_links)
    ]


def test_one_free_api_is_searched_for_exactly_without_starts() -> None:
    links = buffers(3, 2, 8)
    found = run(links, ends(links))
    alone = search(links[0].images(NARROW), links[1].preimages(WIDE), 1)
    assert found.product == pytest.approx(alone.best[0].product)
    assert found.tight[1] == alone.best[0].tight
    assert found.gap == 0.0


def test_a_search_may_ask_only_for_apis_above_a_product() -> None:
    links = buffers(3, 2, 8)
    images, preimages = links[0].images(NARROW), links[1].preimages(WIDE)
    best = search(images, preimages, 1).best
    assert search(images, preimages, 1, above=0.9 * best[0].product).best == best
    found = search(images, preimages, 1, above=best[0].product)
    assert (found.best, found.limit) == ((), best[0].product)


def test_a_component_between_fixed_apis_is_counted() -> None:
    links = [link([0, 0, 1, 3, 4], [0, 0, 0, 0, 0], [0, 1, 3, 4, 4], weight=[1.0, 2.0, 4.0])]
    found = run(links, [NARROW, WIDE])
    assert found.weights == (5.0,)
    assert found.limit == 5.0
    assert (found.gap, found.proof, found.n_starts) == (0.0, Proof.EXHAUSTIVE, 0)


def test_fixed_apis_that_contradict_each_other_show_by_a_weight_of_zero() -> None:
    links = buffers(3, 4, 8)
    found = run(links, [NARROW, MIDDLE, SWAPPED, None, WIDE])
    assert found.weights[0] > 0.0
    assert found.weights[1] == 0.0
    assert (found.product, found.limit, found.gap) == (0.0, 0.0, 0.0)


def test_a_stretch_that_nothing_gets_through_has_no_apis() -> None:
    dead = link([0, 0, 0, 0, 0], [4, 4, 4, 4, 4])
    links = [*buffers(3, 2, 8), dead]
    found = run(links, ends(links))
    assert found.tight == found.wide == (NARROW, None, None, WIDE)
    assert found.weights == (0.0, 0.0, 0.0)
    assert (found.limit, found.gap, found.n_starts) == (0.0, 0.0, 0)


def test_weights_of_zero_count_for_nothing() -> None:
    links = buffers(5, 3, 6)
    idle = [
        SampledLink(each.vin, each.vout, np.where(np.arange(6) < 3, each.weight, 0.0))
        for each in links
    ]
    found = run(idle, ends(idle))
    assert found.product == pytest.approx(brute_force(idle, ends(idle), 1))


def test_the_same_seed_gives_the_same_answer() -> None:
    links = buffers(7, 4, 12)
    both = [
        run(links, ends(links), n_restarts=3, max_cells=0, rng=np.random.default_rng(4))
        for _ in range(2)
    ]
    assert both[0] == both[1]
    assert both[0].n_starts >= 3


def test_a_given_start_is_climbed_from() -> None:
    links = buffers(7, 3, 12)
    best = run(links, ends(links))
    told: list[tuple[int, float]] = []
    found = run(
        links,
        ends(links),
        n_restarts=0,
        max_tuples=1,
        starts=[best.wide],
        on_progress=lambda *each: told.append(each),
    )
    assert found.product == pytest.approx(best.product)
    assert told == [(1, found.product)]
    assert found.n_starts == 1


def test_a_start_that_admits_nobody_is_passed_over() -> None:
    links = buffers(7, 3, 12)
    found = run(
        links, ends(links), n_restarts=0, max_tuples=1, starts=[[None, SWAPPED, WIDE, None]]
    )
    assert (found.n_starts, found.product) == (0, 0.0)
    assert found.limit > 0.0
    assert found.gap == math.inf
    assert found.proof is Proof.WIDENED


def test_climbing_improves_on_the_first_start() -> None:
    links = buffers(7, 4, 12)
    stretch = stretch_of(links, NARROW, WIDE, 1, max_tuples=10_000, end=math.inf)
    start = random_start(stretch, np.random.default_rng(1))
    assert start is not None
    found = run(links, ends(links), n_restarts=1, max_cells=0, max_tuples=1)
    assert found.product > 2.0 * start.product


def test_no_single_api_can_be_improved_after_climbing() -> None:
    links = buffers(0, 4, 12)
    stretch = stretch_of(links, NARROW, WIDE, 1, max_tuples=10_000, end=math.inf)
    start = random_start(stretch, np.random.default_rng(1))
    assert start is not None
    chain = climb(stretch, start)
    assert chain.product > start.product
    wide = widest(stretch, chain.apis)
    for place in range(1, 4):
        images, preimages = (
            links[place - 1].images(chain.apis[place - 1]),
            links[place].preimages(wide[place + 1]),
        )
        best = search(images, preimages, 1).best[0].product
        assert best == pytest.approx(chain.weights[place - 1] * chain.weights[place])


def test_tight_apis_are_images_and_wide_ones_preimages_all_the_way() -> None:
    follower = link([0, 1, 2, 3, 4])
    found = run([follower] * 3, ends([follower] * 3))
    assert found.tight == (NARROW, NARROW, NARROW, WIDE)
    assert found.wide == (NARROW, MIDDLE, MIDDLE, WIDE)


def test_a_start_holds_the_images_of_one_working_tuple() -> None:
    links = buffers(7, 4, 12)
    stretch = stretch_of(links, NARROW, WIDE, 1, max_tuples=10_000, end=math.inf)
    for seed in range(5):
        start = random_start(stretch, np.random.default_rng(seed))
        assert start is not None
        assert min(start.weights) > 0.0
        images = links[0].images(NARROW)
        assert start.apis[1] in {sets_of(images, place) for place in range(12)}


def test_the_least_limit_of_all_places_counts() -> None:
    links = buffers(8, 3, 14)
    stretch = stretch_of(links, NARROW, WIDE, 1, max_tuples=10_000, end=math.inf)
    best = Best(stretch, lambda _n, _best: None, 0)
    best.offer(random_start(stretch, np.random.default_rng(0)))
    first, later = exhaust(stretch, best), limit_within(stretch, best, 10_000)
    found = run(links, ends(links), max_cells=0)
    assert found.product < later < first
    assert found.limit == later
    assert found.proof is Proof.COMPOSED


def test_composed_takers_are_the_tuples_that_work_end_to_end() -> None:
    first, second = buffers(1, 2, 9)
    composed = takers_before(first, Takers(grouped(second.preimages(WIDE)))).preimages
    for sets in (NARROW, MIDDLE, SWAPPED):
        images = first.images(sets)
        pairs = sum(
            first.weight[i] * (second.preimages(WIDE).hold(sets_of(images, i)) @ second.weight)
            for i in range(9)
        )
        assert composed.hold(sets) @ composed.weight == pytest.approx(pairs)


def test_widened_takers_hold_all_that_exact_ones_do_and_are_fewer() -> None:
    first, second = buffers(2, 2, 30)
    takers = Takers(grouped(second.preimages(WIDE)))
    exact, widened = takers_before(first, takers), takers_before(first, takers, max_tuples=60)
    assert exact.step == 0.0
    assert widened.step > 0.0
    for a, b in [(0.0, 0.0), (0.0, 1.0), (0.0, 1.5), (1.0, 1.5)]:
        sets: Sets = (((a, b),), ((3.0, 4.0),))
        less = exact.preimages.hold(sets) @ exact.preimages.weight
        assert widened.preimages.hold(sets) @ widened.preimages.weight >= less - 1e-9


def test_rows_are_grouped_with_pieces_that_meet_joined() -> None:
    low = np.array([[[0.0, 2.0, 0.0, 5.0], [2.0, 0.0, np.inf, 7.0]]])
    high = np.array([[[2.0, 3.0, 3.0, 6.0], [3.0, 2.0, -np.inf, 8.0]]])
    rows = grouped(Preimages(low, high, np.array([1.0, 2.0, 4.0, 0.0])))
    assert rows.weight.tolist() == [7.0]
    assert sets_of(rows, 0) == (((0.0, 3.0),),)
    assert rows.low.shape == (1, 1, 1)


def test_time_that_is_up_is_told() -> None:
    links = buffers(7, 4, 12)
    found = run(links, ends(links), max_seconds=0.0, n_restarts=5)
    assert found.is_interrupted
    assert found.proof is Proof.COMPOSED
    assert found.limit > 0.0


def test_wide_apis_stay_where_nobody_is_admitted() -> None:
    links = buffers(7, 3, 5)
    stretch = Stretch(links, NARROW, WIDE, (), 1, time.monotonic())
    apis = (NARROW, SWAPPED, SWAPPED, WIDE)
    assert widest(stretch, apis)[2] == SWAPPED


@pytest.mark.parametrize(
    ("apis", "options", "words"),
    [
        ([None, None, None, WIDE], {}, r"apis\[0\] is free.*must be fixed"),
        ([NARROW, None, None, None], {}, r"apis\[3\] is free.*must be fixed"),
        ([NARROW, None, WIDE], {}, "there are 3 for 3 links"),
        ([NARROW, (((0.0, 1.0),), ()), None, WIDE], {}, r"apis\[1\] has \[1, 0\] intervals"),
        ([NARROW, None, None, (((0.0, 1.0),),)], {}, r"apis\[3\] has \[1\] intervals"),
        ([(), None, None, ()], {}, r"apis\[0\] has \[\] intervals"),
        ([NARROW, None, None, WIDE], {"max_intervals": 0}, "max-intervals = 0 must be at least 1"),
        ([NARROW, None, None, WIDE], {"n_restarts": -1}, "n-restarts = -1 must be at least 0"),
        ([NARROW, None, None, WIDE], {"max_tuples": 0}, "max-tuples = 0 must be at least 1"),
        ([NARROW, None, None, WIDE], {"max_cells": -1}, "max-cells = -1 must be at least 0"),
        (
            [NARROW, None, None, WIDE],
            {"starts": [[WIDE]]},
            r"starts\[0\] has 1 APIs; it must have 4",
        ),
        (
            [NARROW, None, None, WIDE],
            {"starts": [[None, WIDE, None, None]]},
            r"starts\[0\]\[2\] has \[\] intervals",
        ),
        (
            [NARROW, None, None, WIDE],
            {"starts": [[None, WIDE, (((0.0, 0.0), (1.0, 1.0)), ((3.0, 4.0),)), None]]},
            r"starts\[0\]\[2\] has \[2, 1\] intervals.*1 to 1 intervals",
        ),
    ],
)
def test_arguments_that_make_no_sense_are_refused(
    apis: list[Sets | None], options: dict[str, object], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        run(buffers(1, 3, 3), apis, **options)


def test_no_links_are_refused() -> None:
    with pytest.raises(InputError, match="there are 1 for 0 links"):
        run([], [NARROW])
