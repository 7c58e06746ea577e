"""Lattices of closed APIs, against the enumeration of all APIs."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings

from spicebuf.errors import InputError
from spicebuf.search import (
    MAX_EDGES,
    Candidate,
    Images,
    Lattice,
    Preimages,
    Sets,
    grid_of,
    lattice,
    search,
)
from tests.contexts import (
    VOLTS,
    Bools,
    Case,
    Floats,
    cases,
    every_api,
    images_of,
    preimages_of,
    products_of,
    senders_of,
    takers_of,
)

GRID = np.linspace(0.0, VOLTS, VOLTS + 1)
LEVELS = (0.0, 0.25, 0.5, 0.9, 1.0)
FEW = settings(derandomize=True, deadline=None, max_examples=60)


def closed_by_enumeration(images: Images, preimages: Preimages) -> list[float]:
    """Return the products of all admitted pairs of sets that no other pair contains, greatest first."""
    images, preimages = images[images.weight > 0.0], preimages[preimages.weight > 0.0]
    pairs: dict[bytes, tuple[Bools, float]] = {}
    for pattern in ((0, 1), (1, 0)):
        apis = every_api(pattern, GRID)
        sets = senders_of(apis, pattern, images), takers_of(apis, pattern, preimages)
        product = products_of(apis, pattern, images, preimages)
        for each, volume in zip(np.concatenate(sets, axis=1), product, strict=True):
            if volume:
                pairs[each.tobytes()] = each, float(volume)
    found = [
        volume
        for each, volume in pairs.values()
        if sum(bool((each <= other).all()) for other, _ in pairs.values()) == 1
    ]
    return sorted(found, reverse=True)


def works_together(images: Images, preimages: Preimages) -> float:
    """Return the weight of all pairs of which each piece lies in a component."""
    total = 0.0
    for i, x in enumerate(images.weight):
        for j, y in enumerate(preimages.weight):
            fits = [
                ((start <= low) & (end >= high) | (low > high)).any()
                for label in (0, 1)
                for low, high in zip(images.low[label, :, i], images.high[label, :, i], strict=True)
                for start, end in [(preimages.low[label, :, j], preimages.high[label, :, j])]
            ]
            total += float(x * y * all(fits))
    return total


def check(images: Images, preimages: Preimages) -> None:
    assume(images.weight.any() and preimages.weight.any())
    found = lattice(images, preimages, GRID)
    expected = closed_by_enumeration(images, preimages)
    total = images.weight.sum() * preimages.weight.sum()
    together = works_together(images, preimages)
    assert np.exp(found.log_volume) * total == pytest.approx(expected)
    assert math.exp(found.log_end_to_end) * total == pytest.approx(together)
    assert (found.best is None) == (not expected)
    if found.best is not None:
        check_best(found, images, preimages)
        assert found.share_of_best == pytest.approx(expected[0] / together)


def check_extremes(found: Candidate, images: Images, preimages: Preimages) -> None:
    """Move each edge by a step: further inwards senders are lost, further outwards takers."""
    for k in range(4):
        step = (1.0 if k % 2 else -1.0) * (np.arange(4) == k)
        inwards, outwards = edges_of(found.tight, found) - step, edges_of(found.wide, found) + step
        assert senders_of(inwards, found.shape, images) @ images.weight < found.sent
        if 0.0 <= outwards[0, k] <= VOLTS:
            assert takers_of(outwards, found.shape, preimages) @ preimages.weight < found.taken


def edges_of(sets: Sets, found: Candidate) -> Floats:
    return np.array([[end for label in found.shape for end in sets[label][0]]])


def check_best(found: Lattice, *case: *Case) -> None:
    """Compare what the best API admits, both tight and wide, with what it claims."""
    images, preimages = case
    assert found.best is not None
    for sets in (found.best.tight, found.best.wide):
        edges = edges_of(sets, found.best)
        assert (np.diff(edges) >= 0.0).all()
        admitted = products_of(edges, found.best.shape, images, preimages)
        assert admitted == pytest.approx([found.best.product])
    check_extremes(found.best, *case)
    assert images.weight @ images.held_by(found.best.tight) == pytest.approx(found.best.sent)


@FEW
@given(cases())
def test_closed_apis_are_those_of_enumeration(case: Case) -> None:
    check(*case)


@FEW
@given(cases(n_pieces=2, halves=True))
def test_images_in_pieces_between_the_voltages_of_the_grid(case: Case) -> None:
    check(*case)


def test_the_best_is_that_of_the_search() -> None:
    rng = np.random.default_rng(7)
    images, held = band(rng, 300, 0.2), band(rng, 300, 1.0)
    case = images, Preimages(held.low, held.high, held.weight)
    found = lattice(*case, grid_of(5.0, 0.25))
    best = search(*(each.on_grid(0.25) for each in case), 1).best[0]
    assert found.best is not None
    assert found.best.product == pytest.approx(best.product)
    assert found.n_closed > 100


def band(rng: np.random.Generator, n: int, width: float) -> Images:
    """Return intervals, around 4 V for logical 0 and 1 V for logical 1."""
    middle = rng.normal([[[4.0]], [[1.0]]], 0.4, (2, 1, n))
    reach = rng.uniform(0.0, width, (2, 1, n))
    return Images(
        np.clip(middle - reach, 0.0, 5.0), np.clip(middle + reach, 0.0, 5.0), rng.random(n)
    )


def spread(*volumes: float) -> Lattice:
    return Lattice(np.log(np.array(volumes)), None, 51, 0.0)


def test_how_evenly_volumes_are_spread() -> None:
    assert spread(0.1, 0.1, 0.1).effective_number == pytest.approx(3.0)
    assert spread(0.5, 1e-300).effective_number == pytest.approx(1.0)
    # −(½ ln ½ + 2 · ¼ ln ¼) = 1.5 ln 2
    assert spread(0.5, 0.25, 0.25).effective_number == pytest.approx(2.0**1.5)


def test_how_many_are_near_the_best() -> None:
    found = Lattice(-np.array([3.0, 3.05, 3.1, 3.5, 4.1, 9.0]), None, 51, -2.0)
    assert [found.n_within(nats) for nats in (0.0, 0.06, 0.5, 1.0, 2.0, 6.0)] == [1, 2, 4, 4, 5, 6]
    assert found.share_of_best == pytest.approx(math.exp(-1.0))
    assert found.quantiles(LEVELS) == pytest.approx([-9.0, -4.1, -3.5, -3.0, -3.0])


def test_nothing_admitted_is_no_closed_api() -> None:
    images = images_of([[[(0, 1)], [(4, 5)]]], np.ones(1))
    found = lattice(images, preimages_of(["11...00"], 1.0, np.ones(1)), GRID)
    assert (found.n_closed, found.best, found.share_of_best) == (0, None, 0.0)
    assert (found.effective_number, found.n_within(1.0)) == (0.0, 0)
    assert found.log_end_to_end == -math.inf
    with pytest.raises(InputError, match="no closed APIs"):
        found.quantiles(LEVELS)


def test_what_has_no_lattice_is_refused() -> None:
    images = images_of([[[(0, 1)], [(4, 5)]]], np.ones(1))
    preimages = preimages_of(["00...11"], 1.0, np.ones(1))
    one = Images(images.low[:1], images.high[:1], images.weight)
    with pytest.raises(InputError, match="1 logical values"):
        lattice(one, preimages, GRID)
    with pytest.raises(InputError, match=f"2 to {MAX_EDGES}"):
        lattice(images, preimages, np.linspace(0.0, 5.0, MAX_EDGES + 1))
    with pytest.raises(InputError, match="ascend"):
        lattice(images, preimages, GRID[::-1])
    with pytest.raises(InputError, match="piece"):
        lattice(images_of([[[(2, 1)], [(4, 5)]]], np.ones(1)), preimages, GRID)
    with pytest.raises(InputError, match="weight"):
        lattice(images, Preimages(preimages.low, preimages.high, np.zeros(1)), GRID)
