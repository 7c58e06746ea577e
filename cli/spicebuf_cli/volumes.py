"""The table of log volumes."""

from typing import Any

import click

from spicebuf_cli.output import interval, number, print_table


def print_volumes(answer: dict[str, Any]) -> None:
    """Print the table of an `entropy` answer, and what it stands on."""
    parts = answer["components"]
    counted = any(part["log_count"] is not None for part in parts)
    rows = [_row(part, _shares(part), counted=counted) for part in parts]
    if len(parts) > 1:
        rows.append(_row({"name": "sum", **answer}, [""] * 3, counted=counted))
    headings = ["component", "log volume", f"{answer['confidence']:.0%} interval"]
    headings += ["satisfied", "borderline", "unsimulated"]
    print_table([*headings, "log count"] if counted else headings, rows)
    seeds = "" if all(part["seed"] is None for part in parts) else f"; seed {answer['seed']}"
    click.echo(f"log volumes in {answer['units']['log_volume']}; {answer['method']}{seeds}")
    for part in parts:
        if part["splitting"] is not None:
            click.echo(f"{part['name']}: {_splitting(part)}")
    for part in parts:
        if part["effective_sample_size"] is not None:
            click.echo(f"{part['name']}: {_weights(part, answer['drawn_from'])}")
    for part in parts:
        click.echo(
            f"{part['name']}: {_between(part['discretisation'], answer['units']['log_volume'])}"
        )
    for words in answer["warnings"]:
        click.echo(f"warning: {words}")
    if any(part["n_satisfied"] == 0 and part["interval"][1] is not None for part in parts):
        click.echo("No θ satisfies in at least one component: only the upper bound is known there.")


def _shares(part: dict[str, Any]) -> list[str]:
    satisfied = f"{part['n_satisfied']}/{part['n_samples']}"
    if part["splitting"] is not None:
        satisfied = f"{part['n_samples']} judged"
    return [satisfied, f"{part['n_borderline']}", f"{part['n_unsimulated']}"]


def _splitting(part: dict[str, Any]) -> str:
    """Tell how a rare event was estimated, on one line."""
    found = part["splitting"]
    if not found["n_runs"]:
        return f"no runs; it rests on {found['n_prior_draws']} independent draws of the prior"
    words = f"{found['n_runs']} runs over {len(found['levels'])} level(s); "
    words += f"{found['n_clusters']} cluster(s) of survivors, "
    words += f"{min(found['n_ancestors_by_run'])} or more ancestors a run"
    # Where draws of the prior reach the event by themselves, nothing else is asked.
    return f"{words}; importance sampling {_opinion(found)}" if found["levels"] else words


def _opinion(found: dict[str, Any]) -> str:
    opinion = found["importance_sampling"]
    if opinion is None:
        return "not done: the simulations allowed were spent"
    if opinion["doubt"] is not None:
        return f"fails its own checks: {opinion['doubt']}"
    limits, size = interval(opinion["interval"]), f"{opinion['effective_sample_size']:.0f}"
    return f"{number(opinion['log_volume'])} {limits}, effective size {size}"


def _weights(part: dict[str, Any], drawn_from: str) -> str:
    size = f"{part['effective_sample_size']:.0f}"
    return f"{part['n_samples']} θ drawn for {drawn_from} are worth {size} of its own prior's"


def _between(found: dict[str, Any], unit: str) -> str:
    """Tell what lies between the points of the curves, on one line."""
    if found["basis"] == "grid":
        return "points alone; nothing between them was looked at"
    words = f"{found['n_examined']} θ re-examined between grid points, {found['n_changed']} changed"
    if found["log_volume_change"] is not None:
        words += f" ({found['log_volume_change']:+.4f} {unit})"
    if found["basis"] == "half steps":
        return words + "; in half steps, since feedback has no bound"
    return words + f"; assumes slopes ≤ {found['max_gain']:g} V/V"


def _row(part: dict[str, Any], shares: list[str], *, counted: bool) -> list[str]:
    cells = [part["name"], number(part["log_volume"]), _interval(part), *shares]
    if not counted:
        return cells
    return [*cells, "-" if part["method"] != "enumeration" else number(part["log_count"])]


def _interval(part: dict[str, Any]) -> str:
    low, high = part["interval"]
    if low == high and part.get("method") == "enumeration":
        return "exact"
    return interval(part["interval"])
