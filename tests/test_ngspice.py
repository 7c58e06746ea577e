"""Which answers of the real ngspice are trusted."""

from collections.abc import Iterator

import numpy as np
import pytest

from spicebuf.errors import SimulatorError
from spicebuf.ngspice import DeckResult, Status, find_library, require_library
from spicebuf.workers import Workers
from tests.faults import DIVIDER, VIN, simulate

UP = "dc vin 0 5.0 0.5"
ENGINE = Workers[tuple[str, str], tuple[DeckResult, bool]]


@pytest.fixture(scope="module")
def engine() -> Iterator[ENGINE]:
    with Workers(simulate, 1, backstop=60.0) as workers:
        yield workers


def run(engine: ENGINE, body: str, command: str = UP) -> tuple[DeckResult, bool]:
    engine.submit((body, command))
    _, answer = engine.next_done()
    assert isinstance(answer, tuple)
    return answer


@pytest.mark.parametrize("command", [UP, "dc vin 5.0 0 -0.5"])
def test_a_good_deck_is_trusted_in_both_directions(engine: ENGINE, command: str) -> None:
    result, poisoned = run(engine, DIVIDER, command)
    assert result.status is Status.TRUSTED
    assert not poisoned
    assert result.curves is not None
    np.testing.assert_allclose(result.curves[0, 0], VIN / 2, atol=1e-12)


FLIP_FLOP = "b1 o 0 v=v(in)>2 ? -v(o)*10+sgn(v(o)) : 3*sgn(1-v(o))\nr1 o 0 1"


@pytest.mark.parametrize(
    ("body", "command", "status"),
    [
        ("c1 in o 1p", UP, Status.TRANSIENT_OP),
        (FLIP_FLOP, UP, Status.NOT_CONVERGED),
        (DIVIDER, "dc vin 0 5.0 -0.5", Status.NOT_CONVERGED),
        (DIVIDER, "dc vin 0 5.0 0.25", Status.NOT_CONVERGED),
        (DIVIDER, "dc vin 0 4.0 0.4", Status.NOT_CONVERGED),
    ],
)
def test_full_length_nonsense_is_not_trusted(
    engine: ENGINE, body: str, command: str, status: Status
) -> None:
    """A floating node, no convergence, an empty sweep, too many points, another axis."""
    result, _ = run(engine, body, command)
    assert result.status is status
    assert result.curves is None


@pytest.mark.parametrize(
    "body", ["m1 o in 0 0 nosuch", "x1 o in nosuch", "r1 in o {foo*}\nr2 o 0 1"]
)
def test_a_refused_deck_never_returns_the_previous_ones_results(body: str) -> None:
    with Workers(simulate, 1, backstop=60.0) as engine:
        assert run(engine, DIVIDER)[0].status is Status.TRUSTED
        result, poisoned = run(engine, body)
        assert result.status is Status.LOAD_FAILED
        assert result.curves is None
        assert poisoned


def test_a_missing_library_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NGSPICE_LIBRARY_PATH", raising=False)
    monkeypatch.setattr("ctypes.util.find_library", lambda _: None)
    if find_library() is None:
        with pytest.raises(SimulatorError, match="apt install libngspice0"):
            require_library()
