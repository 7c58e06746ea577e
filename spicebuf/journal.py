"""Answers to questions that were asked before, on disk: what lets interrupted work go on.

An estimator that is a function of its seed asks the same questions again when it is started again, and
finds its answers here until it comes to where it stopped.
"""

import logging
import sqlite3
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from spicebuf.errors import BankError

_LOG = logging.getLogger(__name__)
_WAIT_FOR_OTHERS = 30.0
_FORGETS = "answers are kept in memory, so what is interrupted starts anew"
_DAMAGE = (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile)


@dataclass(frozen=True)
class Journal:
    """A table of answers, named by their questions; several processes may share it.

    Use as a context manager.

    Attributes
    ----------
    path : Path
    """

    path: Path
    _table: sqlite3.Connection

    def recall(self, question: bytes) -> dict[str, NDArray[Any]] | None:
        """Return the arrays kept for a question, or None; damaged ones are as good as none."""
        with self._guarded():
            row = self._table.execute(
                "select answer from answers where question = ?", (sha256(question).digest(),)
            ).fetchone()
        if row is None:
            return None
        try:
            with np.load(BytesIO(row[0]), allow_pickle=False) as arrays:
                return dict(arrays)
        except _DAMAGE:
            return None

    def keep(self, question: bytes, answer: Mapping[str, NDArray[Any]]) -> None:
        """Keep the arrays that answer a question; they are on disk when this returns."""
        file = BytesIO()
        np.savez(file, allow_pickle=False, **answer)
        with self._guarded():
            self._table.execute(
                "insert or replace into answers values (?, ?)",
                (sha256(question).digest(), file.getvalue()),
            )

    def answer(
        self, question: bytes, find: Callable[[], Mapping[str, NDArray[Any]]]
    ) -> Mapping[str, NDArray[Any]]:
        """Return the arrays kept for a question; if there are none, those found now, and keep them."""
        answer: Mapping[str, NDArray[Any]] | None = self.recall(question)
        if answer is None:
            answer = find()
            self.keep(question, answer)
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._table.close()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise _complaint(self.path, error) from error


def open_journal(path: Path) -> Journal:
    """Open a journal; create it as needed.

    Where nobody can write, a warning is logged and answers last as long as the process.

    Raises
    ------
    BankError
        If the file is there and is not a journal.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        table = _connect(path)
    except (OSError, sqlite3.OperationalError) as error:
        _LOG.warning("%s: cannot be written (%s); %s", path, error, _FORGETS)
        table = _in_memory(path)
    except sqlite3.DatabaseError as error:
        raise _complaint(path, error) from error
    return Journal(path, table)


def _connect(path: Path) -> sqlite3.Connection:
    table = sqlite3.connect(path, timeout=_WAIT_FOR_OTHERS, isolation_level=None)
    try:
        table.execute(
            "create table if not exists answers (question blob primary key, answer blob) without rowid"
        )
        # A table that is there already is only found not to be writable by writing.
        table.execute("begin immediate")
        table.execute("insert or replace into answers values (x'', x'')")
        table.execute("rollback")
    except sqlite3.DatabaseError:
        table.close()
        raise
    return table


def _in_memory(path: Path) -> sqlite3.Connection:
    """Return a table in memory, with the answers that a journal holds which can be read alone."""
    table = sqlite3.connect(":memory:", isolation_level=None)
    if path.exists():
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", uri=True)) as kept:
            kept.backup(table)
        return table
    table.close()
    return _connect(Path(":memory:"))


def _complaint(path: Path, error: sqlite3.DatabaseError) -> BankError:
    return BankError(
        f"{path}: cannot be read or written ({error}); finished answers are kept; if the file is "
        "damaged, delete it and its answers are simulated again"
    )
