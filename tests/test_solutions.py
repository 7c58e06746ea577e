"""How many pairs work end to end, and the spectral limit, against every pair and a decomposition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from spicebuf.errors import InputError
from spicebuf.search import count_solutions, search, solutions, work_together
from tests.search_cases import Case, Stretches, banks, calm, cases


def works(case: Case) -> NDArray[np.bool_]:
    """Return which pairs work, by the definition, shape (n1, n2)."""
    low, high = case.preimages.low, case.preimages.high
    columns = []
    for place in range(low.shape[2]):
        sets = tuple(
            tuple((a, b) for a, b in zip(lows, highs, strict=True) if a <= b)
            for lows, highs in zip(
                low[:, :, place].tolist(), high[:, :, place].tolist(), strict=True
            )
        )
        columns.append(case.images.held_by(sets) & all(sets))
    return np.array(columns).T


def weighted(case: Case) -> NDArray[np.float64]:
    """Return the matrix whose singular values bound the products."""
    sent, taken = np.sqrt(case.images.weight), np.sqrt(case.preimages.weight)
    return np.asarray(sent[:, np.newaxis] * works(case) * taken)


@calm(60)
@given(st.sampled_from(["either way", "folded", "unions", "three values"]), st.data())
def test_pairs_and_their_limit(kind: str, data: st.DataObject) -> None:
    case = data.draw(cases(kind, most=6))
    found, matrix = count_solutions(case.images, case.preimages), works(case)
    sent, taken = case.images.weight, case.preimages.weight
    assert found.weight == pytest.approx(float(sent @ matrix @ taken))
    assert (found.n_senders, found.n_takers) == matrix.shape
    assert found.n_useful_senders == np.count_nonzero((sent > 0) & (matrix @ taken > 0))
    assert found.n_useful_takers == np.count_nonzero((taken > 0) & (sent @ matrix > 0))
    assert found.n_useful == min(found.n_useful_senders, found.n_useful_takers)
    square = float(np.linalg.svd(weighted(case), compute_uv=False)[0]) ** 2
    assert found.spectral_limit is not None
    assert square * (1.0 - 1e-9) - 1e-12 <= found.spectral_limit <= square * 1.002 + 1e-12
    for candidate in search(case.images, case.preimages, 1).best:
        assert candidate.product <= found.spectral_limit * (1.0 + 1e-9)


@calm(60)
@given(st.sampled_from(["either way", "folded", "unions", "three values"]), st.data())
def test_pairs_that_work_one_by_one(kind: str, data: st.DataObject) -> None:
    case = data.draw(cases(kind, most=6))
    matrix = works(case)
    senders, takers = np.indices(matrix.shape).reshape(2, -1)
    found = work_together(case.images[senders], case.preimages[takers])
    np.testing.assert_array_equal(found, matrix.ravel())


def test_pieces_on_the_edge_and_pieces_in_two_components() -> None:
    one: Stretches = [[(1.0, 2.0)], [(4.0, 5.0)]]
    takers: list[Stretches] = [
        [[(1.0, 2.0)], [(3.0, 5.0)]],
        [[(0.0, 1.5), (1.5, 3.0)], [(3.0, 5.0)]],
        [[(1.0, 1.9)], [(3.0, 5.0)]],
        [[(0.0, 3.0)], [(4.1, 5.0)]],
        [[(0.0, 3.0)], []],
    ]
    two: Stretches = [[(1.0, 1.2), (1.8, 2.0)], [(4.0, 5.0)]]
    for image, expected in ((one, [1, 0, 0, 0, 0]), (two, [1, 1, 0, 0, 0])):
        # The last image has the other ones padded.
        case = banks([image] * 5 + [two], [*takers, takers[2]])
        assert work_together(case.images, case.preimages).tolist() == [*expected, 0]


def test_images_and_preimages_that_are_no_pairs() -> None:
    case = banks([[[(1.0, 1.0)], [(2.0, 2.0)]]] * 2, [[[(1.0, 1.0)], [(2.0, 2.0)]]])
    with pytest.raises(InputError, match="2 images and 1 preimages are not pairs"):
        work_together(case.images, case.preimages)
    three = banks([[[]]], [[[(1.0, 1.0)], [(2.0, 2.0)], [(3.0, 3.0)]]]).preimages
    with pytest.raises(InputError, match="images are of 2 logical values, preimages of 3"):
        work_together(case.images[np.array([0])], three)


def test_solutions_of_two_separate_groups() -> None:
    """Three by one and two by two: the norms are √3 and 2, so that no product exceeds 4."""
    one: Stretches = [[(1.0, 1.0)], [(4.0, 4.0)]]
    two: Stretches = [[(2.0, 2.0)], [(3.0, 3.0)]]
    case = banks([one] * 3 + [two] * 2, [one] + [two] * 2)
    found = count_solutions(case.images, case.preimages)
    assert (found.weight, found.n_useful_senders, found.n_useful_takers) == (7.0, 5, 3)
    assert found.spectral_limit == pytest.approx(4.0, rel=2e-3)


def test_solutions_of_nothing() -> None:
    one: Stretches = [[(1.0, 1.0)], [(4.0, 4.0)]]
    two: Stretches = [[(2.0, 2.0)], [(3.0, 3.0)]]
    for case in banks([one], [two]), banks([one], [one], [1.0], [0.0]):
        found = count_solutions(case.images, case.preimages)
        assert (found.weight, found.n_useful, found.spectral_limit) == (0.0, 0, 0.0)


def test_of_too_many_pairs_the_first_theta_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then nothing is said of all APIs."""
    monkeypatch.setattr(solutions, "MAX_PAIRS", 16)
    one: Stretches = [[(1.0, 1.0)], [(4.0, 4.0)]]
    two: Stretches = [[(2.0, 2.0)], [(3.0, 3.0)]]
    case = banks([one] * 3 + [two] * 20, [one] * 3)
    found = count_solutions(case.images, case.preimages)
    assert (found.n_senders, found.n_takers) == (4, 3)
    assert (found.weight, found.spectral_limit) == (9.0, None)
    none = count_solutions(case.images[np.arange(3, 23)], case.preimages)
    assert (none.weight, none.spectral_limit) == (0.0, None)
