"""Processes that crash and hang cost only their own jobs."""

import time
from collections import Counter

import pytest

from spicebuf.workers import Loss, Workers
from tests.faults import hang, misbehave


def outcomes(jobs: list[str], n_workers: int = 2, backstop: float = 60.0) -> Counter[object]:
    seen: Counter[object] = Counter()
    with Workers(misbehave, n_workers, backstop) as workers:
        for job in jobs:
            workers.submit(job)
        while workers.n_outstanding:
            _, answer = workers.next_done()
            seen[answer if isinstance(answer, Loss) else "done"] += 1
    return seen


@pytest.mark.parametrize("how", ["crash", "abort"])
def test_a_crash_costs_only_its_own_job(how: str) -> None:
    assert outcomes(["ok", how] * 4 + ["ok"] * 8) == {"done": 12, Loss.CRASHED: 4}


def test_a_process_that_stands_still_is_ended_from_outside() -> None:
    assert outcomes(["ok", "hang", "ok"], n_workers=1, backstop=2.0) == {
        "done": 2,
        Loss.DEADLINE: 1,
    }


def test_a_hanging_ngspice_is_ended_by_its_deadline() -> None:
    """ngspice never returns to Python from a sweep with a step of 0."""
    with Workers(hang, 1, backstop=60.0) as workers:
        workers.submit(None)
        begin = time.monotonic()
        assert workers.next_done() == (None, Loss.DEADLINE)
        assert time.monotonic() - begin < 30.0


def test_an_exception_is_raised_here() -> None:
    with Workers(misbehave, 1, backstop=60.0) as workers:
        workers.submit("raise")
        with pytest.raises(ValueError, match="raise"):
            workers.next_done()
