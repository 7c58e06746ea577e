"""What commands print: results on stdout, all else on stderr."""

import json
import logging
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from spicebuf.workflow import Progress, SweptBank

# What is counted where not θ are, by the first word of what is under way.
_UNITS = {"search": "cells", "search,": "cells", "train,": "runs"}


def print_json(answer: Any) -> None:  # noqa: ANN401 (any JSON value)
    """Print a JSON answer on stdout."""
    click.echo(json.dumps(answer, indent=2, allow_nan=False))


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table on stdout; the first column is text, the others are aligned right."""
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415 (start-up time)
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    for index, heading in enumerate(headings):
        table.add_column(Text(heading), justify="left" if index == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console = Console()
    # A pipe has no width: leave lines whole there.
    Console(width=None if console.is_terminal else 200, highlight=False).print(table)


def note(message: str) -> None:
    """Print a line on stderr."""
    click.echo(message, err=True)


class Warnings(logging.Handler):
    """Prints what the library warns of on stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one warning."""
        note(f"warning: {record.getMessage()}")


def volts(value: float | None) -> str:
    """Format a voltage or margin."""
    if value is None or math.isnan(value):
        return "-"
    return f"{value:+.6f} V" if math.isfinite(value) else "none binds"


def number(value: float | None) -> str:
    """Format a log volume of a JSON answer."""
    return "−inf" if value is None else f"{value:.4f}"


def interval(limits: Sequence[float | None]) -> str:
    """Format the two limits of a log volume of a JSON answer."""
    low, high = limits
    return f"[{number(low)}, {number(high)}]"


@contextmanager
def progress_bar() -> "Iterator[Progress]":
    """Show progress on a terminal; nothing in a pipe."""
    from rich.console import Console  # noqa: PLC0415 (start-up time)
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[unit]}"),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        tasks: dict[str, Any] = {}

        def advance(what: str, done: int, total: int, note: str = "", /) -> None:
            if what not in tasks:
                unit = _UNITS.get(what.split(maxsplit=1)[0], "θ")
                tasks[what] = bar.add_task(what, total=total or None, rate="", unit=unit, note="")
            speed = next(task.speed for task in bar.tasks if task.id == tasks[what])
            rate = f"{speed:.0f}/s" if speed else ""
            bar.update(tasks[what], completed=done, total=total or None, rate=rate, note=note)

        yield advance


def print_sweep_summary(banks: "Sequence[SweptBank]") -> None:
    """Tell on stderr what was simulated, what was rerun, and which θ have no trusted curve."""
    from spicebuf.simulate import ALONE  # noqa: PLC0415 (start-up time)

    for swept in banks:
        done = f"{swept.n_simulated} simulated now" if swept.n_simulated else "all in the bank"
        note(f"{swept.component.name}: {swept.n} θ, {done} ({swept.bank.path})")
        if swept.n_damaged:
            note(f"  {swept.n_damaged} damaged block(s) were found and simulated again")
        if swept.n_rerun:
            alone, ladder = swept.n_by_attempt.get(ALONE, 0), swept.n_rerun
            note(f"  rerun: {alone} alone, {ladder - alone} on the ladder of solver options")
        if swept.n_unsimulated:
            note(f"  unsimulated: {swept.n_unsimulated} of {swept.n}")
            for status, count in swept.n_by_status.items():
                if status:
                    note(f"    {count} x {status.meaning}")
            for item in swept.unsimulated[:5]:
                values = ", ".join(f"{name}={value:.6g}" for name, value in item.theta.items())
                note(f"    number {item.index}: {values}")


def require_folder(option: str, path: Path | None) -> None:
    """Raise InputError if a file cannot be there: known before long work, not after it."""
    from spicebuf.errors import InputError  # noqa: PLC0415 (start-up time)

    if path is not None and (path.is_dir() or not path.parent.is_dir()):
        why = "is a folder" if path.is_dir() else "its folder does not exist"
        raise InputError(f"{option} {path}: {why}; name a file in a folder that is there")


@contextmanager
def writing(what: str) -> Iterator[None]:
    """Turn a file that cannot be written into an InputError."""
    from spicebuf.errors import InputError  # noqa: PLC0415 (start-up time)

    try:
        yield
    except OSError as error:
        raise InputError(f"{what}: cannot be written ({error.strerror})") from error


def write_answer(path: Path | None, answer: Any) -> None:  # noqa: ANN401 (any JSON value)
    """Write a JSON answer to a file, if one is asked for.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    if path is not None:
        with writing(f"--out {path}"):
            path.write_text(json.dumps(answer, indent=2, allow_nan=False) + "\n", encoding="utf-8")
