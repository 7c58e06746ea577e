"""The table of log volumes."""

from typing import Any

import click

from spicebuf_cli.output import print_table


def print_volumes(answer: dict[str, Any]) -> None:
    """Print the table of an `entropy` answer, and what it stands on."""
    unit = answer["units"]["log_volume"]
    rows = [
        (
            part["name"],
            _number(part["log_volume"]),
            _interval(part),
            f"{part['n_samples']}",
            f"{part['n_satisfied']}",
            f"{part['n_borderline']}",
            f"{part['n_unsimulated']}",
            part["method"],
            "-" if part["log_count"] is None else f"{part['log_count']:.4f}",
        )
        for part in answer["components"]
    ]
    log_count = answer["log_count"]
    rows.append(
        (
            "sum",
            _number(answer["log_volume"]),
            _interval(answer),
            *("",) * 4,
            answer["method"],
            "-" if log_count is None else f"{log_count:.4f}",
        )
    )
    headings = (
        "component",
        f"log volume [{unit}]",
        f"{answer['confidence']:.0%} interval",
        "θ",
        "satisfied",
        "borderline",
        "unsimulated",
        "method",
        f"log count [{unit}]",
    )
    print_table(headings, rows)
    if any(part["n_satisfied"] == 0 for part in answer["components"]):
        click.echo("No θ satisfies in at least one component: only the upper bound is known there.")


def _number(value: float | None) -> str:
    return "−inf" if value is None else f"{value:.4f}"


def _interval(part: dict[str, Any]) -> str:
    low, high = part["interval"]
    return f"[{_number(low)}, {_number(high)}]"
