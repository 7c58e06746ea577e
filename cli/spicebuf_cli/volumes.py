"""The table of log volumes."""

from typing import Any

import click

from spicebuf_cli.output import print_table

_COUNTS = ("n_samples", "n_satisfied", "n_borderline", "n_unsimulated")


def print_volumes(answer: dict[str, Any]) -> None:
    """Print the table of an `entropy` answer, and what it stands on."""
    unit = answer["units"]["log_volume"]
    rows = [_row(part, [f"{part[key]}" for key in _COUNTS]) for part in answer["components"]]
    rows.append(_row({"name": "sum", **answer}, [""] * len(_COUNTS)))
    headings = [
        "component",
        f"log volume [{unit}]",
        f"{answer['confidence']:.0%} interval",
        *(key.removeprefix("n_") for key in _COUNTS),
        "method",
    ]
    if any(part["log_count"] is not None for part in answer["components"]):
        headings.append(f"log count [{unit}]")
    print_table(headings, rows)
    if any(part["n_satisfied"] == 0 for part in answer["components"]):
        click.echo("No θ satisfies in at least one component: only the upper bound is known there.")


def _row(part: dict[str, Any], counts: list[str]) -> list[str]:
    count = part["log_count"]
    cells = [part["name"], _number(part["log_volume"]), _interval(part), *counts, part["method"]]
    return cells if count is None else [*cells, f"{count:.4f}"]


def _number(value: float | None) -> str:
    return "−inf" if value is None else f"{value:.4f}"


def _interval(part: dict[str, Any]) -> str:
    low, high = part["interval"]
    return f"[{_number(low)}, {_number(high)}]"
