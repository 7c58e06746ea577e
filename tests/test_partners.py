"""Partners stand for all θ that they were chosen from; and how far images stick out of sets."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spicebuf.search import Images, Preimages, Sets, narrowest, overhang, widest
from tests.search_cases import Stretches, banks, calm

EXTENT = 5.0
# Fine enough that many are rounded to the same, and such that ends lie on and between steps.
TENTHS = st.integers(0, 50).map(lambda k: k / 10.0)
INTERVALS = st.tuples(TENTHS, TENTHS).map(lambda ends: (min(ends), max(ends)))
THETA = st.tuples(*[st.lists(INTERVALS, min_size=1, max_size=2)] * 2).map(list)
SOME = st.lists(THETA, min_size=1, max_size=8)


def images_of(theta: list[Stretches]) -> Images:
    return banks(theta, theta).images


def preimages_of(theta: list[Stretches]) -> Preimages:
    return banks(theta, theta).preimages


def sets_of(theta: Stretches) -> Sets:
    return tuple(tuple(each) for each in theta)


@calm(100)
@given(SOME, SOME, st.integers(3, 8))
def test_what_works_with_any_taker_works_with_one_of_the_widest(
    takers: list[Stretches], senders: list[Stretches], most: int
) -> None:
    images = images_of(senders)
    works = np.any([images.held_by(sets_of(taker)) for taker in takers], axis=0)
    partners = widest(preimages_of(takers), most, EXTENT)
    assert len(partners) <= most
    assert (np.any([images.held_by(sets) for sets in partners], axis=0) >= works).all()
    exact = widest(preimages_of(takers), len(takers), EXTENT)
    assert (np.any([images.held_by(sets) for sets in exact], axis=0) == works).all()


@calm(100)
@given(SOME, SOME, st.integers(3, 8))
def test_what_works_with_any_sender_works_with_one_of_the_narrowest(
    senders: list[Stretches], takers: list[Stretches], most: int
) -> None:
    preimages = preimages_of(takers)
    works = np.any([preimages.hold(sets_of(sender)) for sender in senders], axis=0)
    partners = narrowest(images_of(senders), most, EXTENT)
    assert len(partners) <= most
    assert (np.any([preimages.hold(sets) for sets in partners], axis=0) >= works).all()
    exact = narrowest(images_of(senders), len(senders), EXTENT)
    assert (np.any([preimages.hold(sets) for sets in exact], axis=0) == works).all()


def test_partners_that_others_can_stand_for_are_left_out() -> None:
    small: Stretches = [[(1.0, 2.0)], [(4.0, 4.5)]]
    large: Stretches = [[(0.5, 2.0)], [(4.0, 5.0)]]
    other: Stretches = [[(0.0, 1.0)], [(4.0, 4.5)]]
    assert widest(preimages_of([small, large, large, other]), 9, EXTENT) == (
        sets_of(other),
        sets_of(large),
    )
    assert narrowest(images_of([small, large, large]), 9, EXTENT) == (sets_of(small),)


def test_of_partners_that_can_do_the_same_one_is_kept() -> None:
    """Two branches of a circuit with feedback: the wider piece of each decides."""
    one: Stretches = [[(0.0, 1.0), (0.0, 0.5)], [(4.0, 5.0), (4.0, 5.0)]]
    same: Stretches = [[(0.25, 0.5), (0.0, 1.0)], [(4.0, 5.0), (4.0, 5.0)]]
    assert len(narrowest(images_of([one, same]), 9, EXTENT)) == 1
    assert len(widest(preimages_of([one, same]), 9, EXTENT)) == 1


def test_rounding_never_excludes_by_a_rounding_error() -> None:
    """122 · 0.025 is 3.0500000000000003; and a piece shorter than a step may lie anywhere."""
    takers: list[Stretches] = [[[(3.05, 3.05 + k / 1000.0)], [(4.0, 5.0 - k)]] for k in (0, 1)]
    (partner,) = widest(preimages_of(takers), 1, EXTENT)
    assert partner[0][0][0] <= 3.05
    senders: list[Stretches] = [[[(3.01, 3.02)], [(4.0 + k / 10, 4.5 + k / 10)]] for k in (0, 1)]
    (partner,) = narrowest(images_of(senders), 1, EXTENT)
    assert partner[0] == ()


def test_theta_without_weight_are_no_partners() -> None:
    """A θ without a trusted curve would stand for all."""
    theta: list[Stretches] = [[[(1.0, 2.0)], [(4.0, 5.0)]], [[], []]]
    case = banks(theta, [theta[0], [[(0.0, 5.0)], [(0.0, 5.0)]]], [1.0, 0.0], [1.0, 0.0])
    assert narrowest(case.images, 9, EXTENT) == (sets_of(theta[0]),)
    assert widest(case.preimages, 9, EXTENT) == (sets_of(theta[0]),)


@calm(60)
@given(SOME, THETA)
def test_there_is_no_overhang_exactly_where_an_image_is_held(
    senders: list[Stretches], target: Stretches
) -> None:
    images, sets = images_of(senders), sets_of(target)
    found = overhang(images, sets)
    assert ((found == 0.0) == images.held_by(sets)).all()
    assert (found >= 0.0).all()


def test_the_overhang_is_that_over_the_interval_that_suits_best() -> None:
    sender: Stretches = [[(0.5, 1.5)], [(3.0, 5.0)]]
    sets: Sets = (((0.0, 1.0), (1.75, 2.0)), ((3.5, 4.0),))
    assert overhang(images_of([sender]), sets).tolist() == pytest.approx([0.5 + 1.5])


def test_a_label_without_an_interval_holds_empty_pieces_alone() -> None:
    images = images_of([[[], [(1.0, 2.0)]], [[(0.0, 1.0)], [(1.0, 2.0)]]])
    assert images.held_by(((), ((1.0, 2.0),))).tolist() == [True, False]
