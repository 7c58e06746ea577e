"""Answers kept on disk: recalled, damaged, shared, or where nothing can be written."""

import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spicebuf.errors import BankError
from spicebuf.journal import open_journal

ANSWER = {"score": np.array([0.5, -np.inf]), "verdict": np.array([1, 0], dtype=np.uint8)}


def test_an_answer_outlives_the_process_that_kept_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.journal"
    with open_journal(path) as journal:
        assert journal.recall(b"question") is None
        journal.keep(b"question", ANSWER)
    with open_journal(path) as journal:
        found = journal.recall(b"question")
        assert found is not None
        assert found.keys() == ANSWER.keys()
        for name, values in ANSWER.items():
            np.testing.assert_array_equal(found[name], values)
            assert found[name].dtype == values.dtype
        assert journal.recall(b"another question") is None


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-10], lambda b: b[:60] + b"x" + b[61:], lambda _: b""]
)
def test_a_damaged_answer_is_no_answer(tmp_path: Path, damage: object) -> None:
    assert callable(damage)
    path = tmp_path / "a.journal"
    with open_journal(path) as journal:
        journal.keep(b"question", {"score": np.arange(100.0)})
    with sqlite3.connect(path) as table:
        (kept,) = table.execute("select answer from answers").fetchone()
        table.execute("update answers set answer = ?", (damage(kept),))
    table.close()
    with open_journal(path) as journal:
        assert journal.recall(b"question") is None
        journal.keep(b"question", {"score": np.arange(3.0)})
        found = journal.recall(b"question")
        assert found is not None
        assert found["score"].tolist() == [0.0, 1.0, 2.0]


def test_two_processes_share_a_journal(tmp_path: Path) -> None:
    path = tmp_path / "a.journal"
    with open_journal(path) as one, open_journal(path) as other:
        one.keep(b"1", ANSWER)
        other.keep(b"2", ANSWER)
        other.keep(b"1", ANSWER)
        assert one.recall(b"2") is not None
        assert other.recall(b"1") is not None


def test_a_file_that_is_no_journal_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.journal"
    path.write_bytes(b"something else entirely" * 100)
    with pytest.raises(BankError, match="delete it"):
        open_journal(path)


def test_where_nobody_can_write_answers_last_as_long_as_the_process(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with open_journal(Path("/proc/nowhere/a.journal")) as journal:
        journal.keep(b"question", ANSWER)
        assert journal.recall(b"question") is not None
    assert "/proc/nowhere/a.journal: cannot be written" in caplog.text


def test_a_journal_that_cannot_be_written_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As on a file system that is read-only: SQLite finds that out by writing."""
    path = tmp_path / "a.journal"
    with open_journal(path) as journal:
        journal.keep(b"old", ANSWER)
    connect = sqlite3.connect

    def reading(where: object, **others: Any) -> sqlite3.Connection:  # noqa: ANN401
        if where != path:
            return connect(where, **others)
        return connect(f"{path.as_uri()}?mode=ro", uri=True, **others)

    monkeypatch.setattr(sqlite3, "connect", reading)
    with open_journal(path) as journal:
        assert journal.recall(b"old") is not None
        journal.keep(b"new", ANSWER)
        assert journal.recall(b"new") is not None
    assert "cannot be written" in caplog.text
    monkeypatch.undo()
    with open_journal(path) as journal:
        assert journal.recall(b"new") is None


def test_a_question_is_answered_once(tmp_path: Path) -> None:
    found = []

    def find() -> dict[str, np.ndarray]:
        found.append(ANSWER)
        return ANSWER

    for _ in range(2):
        with open_journal(tmp_path / "a.journal") as journal:
            answers = [journal.answer(b"question", find) for _ in range(2)]
            for answer in answers:
                np.testing.assert_array_equal(answer["score"], ANSWER["score"])
    assert len(found) == 1
