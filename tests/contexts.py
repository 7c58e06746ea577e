"""Small images and preimages, and all their APIs by enumeration."""

from collections.abc import Iterator, Sequence
from itertools import combinations_with_replacement, groupby, pairwise

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from spicebuf.search import Images, Preimages

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Case = tuple[Images, Preimages]

VOLTS = 6
N_COMPONENTS = 4
EMPTY = (np.inf, -np.inf)
WEIGHTS = (0.0, 0.5, 1.0, 2.0)


def images_of(pieces: Sequence[Sequence[Sequence[tuple[float, float]]]], weight: Floats) -> Images:
    """Return images from pieces by θ, logical value and number."""
    ends = np.array(pieces, dtype=float).transpose(3, 1, 2, 0)
    return Images(ends[0], ends[1], weight)


def preimages_of(words: Sequence[str], step: float, weight: Floats) -> Preimages:
    """Return preimages from one word each, such as ``"00.11.0"``: which value each voltage means."""
    ends = np.empty((2, 2, N_COMPONENTS, len(words)))
    ends[0], ends[1] = EMPTY
    for n, word in enumerate(words):
        for label in (0, 1):
            for k, (low, high) in enumerate(_runs(word, str(label))):
                ends[:, label, k, n] = low * step, high * step
    return Preimages(ends[0], ends[1], weight)


def _runs(word: str, letter: str) -> Iterator[tuple[int, int]]:
    for of, run in groupby(enumerate(word), key=lambda each: each[1]):
        places = [place for place, _ in run]
        if of == letter:
            yield places[0], places[-1]


def cases(
    n_pieces: int = 1, *, halves: bool = False, gaps: bool = False
) -> st.SearchStrategy[Case]:
    """Draw 3 to 12 θ of each component; ends are whole volts, or halves, 0 to VOLTS.

    Most have one logical value low and the other above it, so that APIs admit several; a few do not.
    With `gaps`, images may have no piece of a logical value.
    """
    return st.integers(0, 2**32 - 1).map(
        lambda seed: _case(seed, n_pieces, 2 if halves else 1, gaps)
    )


def _case(seed: int, n_pieces: int, steps: int, gaps: bool) -> Case:
    rng = np.random.default_rng(seed)
    low = int(rng.integers(2))
    n1, n2 = rng.integers(3, 13, 2)
    pieces = [
        [
            [_piece(rng, steps, k + gaps, lower=label == low) for k in range(n_pieces)]
            for label in (0, 1)
        ]
        for _ in range(n1)
    ]
    words = [_word(rng, steps, low) for _ in range(n2)]
    weights = (rng.choice(WEIGHTS, n) for n in (n1, n2))
    return images_of(pieces, next(weights)), preimages_of(words, 1 / steps, next(weights))


def _piece(rng: np.random.Generator, steps: int, k: int, *, lower: bool) -> tuple[float, float]:
    """Return the ends of a piece, which is now and then empty if it is not the first."""
    if k and rng.random() < 0.4:
        return EMPTY
    middle = rng.uniform(0.0, 2.0) if lower else rng.uniform(2.5, 4.5)
    middle = rng.uniform(0.0, VOLTS) if rng.random() < 0.15 else middle
    reach = rng.uniform(0.0, 0.7)
    low, high = np.round(np.clip([middle - reach, middle + reach], 0.0, VOLTS) * steps) / steps
    return low, high


def _word(rng: np.random.Generator, steps: int, low: int) -> str:
    """Return runs of the two values in turn, with gaps."""
    first = low if rng.random() < 0.9 else 1 - low
    runs = [
        str((first + k) % 2) * int(rng.integers(1, 4 * steps + 1)) + "." * int(rng.integers(2))
        for k in range(VOLTS)
    ]
    return "".join(runs)[: VOLTS * steps + 1]


def every_api(pattern: Sequence[int], volts: Floats) -> Floats:
    """Return the edges of all APIs of an order of intervals, shape (n_apis, 2 n_intervals)."""
    rows = [
        edges
        for edges in combinations_with_replacement(volts.tolist(), 2 * len(pattern))
        if all(below < above for below, above in list(pairwise(edges))[1::2])
    ]
    return np.array(rows).reshape(-1, 2 * len(pattern))


def senders_of(apis: Floats, pattern: Sequence[int], images: Images) -> Bools:
    """Return which images each API holds, shape (n_apis, n)."""
    held = np.ones((len(apis), len(images.weight)), dtype=np.bool_)
    for label, pieces in enumerate(zip(images.low, images.high, strict=True)):
        for low, high in zip(*pieces, strict=True):
            held &= (low > high) | np.any(
                [
                    (low >= apis[:, [2 * t]]) & (high <= apis[:, [2 * t + 1]])
                    for t, of in enumerate(pattern)
                    if of == label
                ],
                axis=0,
            )
    return held


def takers_of(apis: Floats, pattern: Sequence[int], preimages: Preimages) -> Bools:
    """Return which preimages hold each API, shape (n_apis, n)."""
    hold = np.ones((len(apis), len(preimages.weight)), dtype=np.bool_)
    for t, label in enumerate(pattern):
        hold &= np.any(
            [
                (low <= apis[:, [2 * t]]) & (high >= apis[:, [2 * t + 1]])
                for low, high in zip(preimages.low[label], preimages.high[label], strict=True)
            ],
            axis=0,
        )
    return hold


def products_of(
    apis: Floats, pattern: Sequence[int], images: Images, preimages: Preimages
) -> Floats:
    """Return the product of the weights that each API admits, shape (n_apis,)."""
    sent = senders_of(apis, pattern, images) @ images.weight
    taken = takers_of(apis, pattern, preimages) @ preimages.weight
    return np.asarray(sent * taken)
