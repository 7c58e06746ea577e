"""What `spicebuf search` prints."""

import json
import re
from typing import Any

import click

from spicebuf_cli.output import interval, number, print_table


def print_search(answer: dict[str, Any]) -> None:
    """Print the APIs found, a table of them and those beside them, and what it stands on."""
    names = answer["searched"]
    found = [api for api in answer["apis"] if api["name"] in names]
    for api, kind in zip(found, answer["kind"].split(", "), strict=True):
        _print_api(api, kind)
    others = _others(answer)
    print_table(
        ["", "log volume", f"{answer['confidence']:.0%} interval", "satisfied", "in sample", "gap"],
        [_row("best", answer), *(_row(what, part) for what, part in others)],
    )
    for what, part in others:
        click.echo(f"{what}: {_sets(part, names)}")
    for kind, is_none in answer["missing"].items():
        click.echo(f"best {kind}: " + ("there is none" if is_none else "none was found in time"))
    if not answer["is_top_complete"]:
        click.echo("the list of the best was cut short: some that belong there may be missing")
    _print_proof(answer)
    if answer["drawn"] is not None:
        _print_drawn(answer["drawn"])
    if answer["lattice"] is not None:
        _print_lattice(answer["lattice"], answer["units"]["log_volume"])
    for words in answer["warnings"]:
        click.echo(f"warning: {words}")


def _print_api(api: dict[str, Any], kind: str) -> None:
    """Print an API as a system file has it."""
    click.echo(f"[[apis]]                # {kind}")
    click.echo(f"name = {_quoted(api['name'])}")
    for logic, sets in api["sets"].items():
        key = logic if re.fullmatch(r"[A-Za-z0-9_-]+", logic) else _quoted(logic)
        click.echo(f"{key} = {_quoted(sets)}")
    click.echo()


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _others(answer: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return what stands beside the best APIs, with a name for each."""
    others = [(f"number {k}", each) for k, each in enumerate(answer["top"][1:], start=2)]
    others += [(f"best {each['kind']}", each) for each in answer["runners_up"]]
    return others + [("given", answer["given"])] * (answer["given"] is not None)


def _row(what: str, part: dict[str, Any]) -> list[str]:
    gap = part.get("gap")
    return [
        what,
        number(part["log_volume"]),
        interval(part["interval"]),
        ", ".join(str(n) for n in _satisfied(part)),
        number(part["log_volume_in_sample"]),
        "" if gap is None else f"{gap:.3g}",
    ]


def _satisfied(part: dict[str, Any]) -> list[int | str]:
    """Return how many θ of the second banks satisfy, by component; of rare events, no number of these."""
    if "components" not in part:
        return list(part["n_satisfied"])
    return ["rare" if each["splitting"] else each["n_satisfied"] for each in part["components"]]


def _sets(part: dict[str, Any], names: list[str]) -> str:
    one = len(names) == 1
    return "; ".join(
        f"{logic} = {sets}" if one else f"{api['name']} {logic} = {sets}"
        for api in part["apis"]
        if api["name"] in names
        for logic, sets in api["sets"].items()
    )


def _print_proof(answer: dict[str, Any]) -> None:
    unit, seed = answer["units"]["log_volume"], answer["seed"]
    click.echo(
        f"log volumes in {unit}, on second banks (seed {answer['seed_of_second_banks']}); in sample: on "
        f"those of the search (seed {seed}), where what is best looks better than it is"
    )
    parts = ", ".join(
        f"{part['name']} {number(part['log_volume'])}" for part in answer["components"]
    )
    click.echo(f"log volume by component: {parts}")
    everywhere = answer["drawn"] is None or answer["drawn"]["outer"] is None
    certificate = answer if everywhere else answer["drawn"]["everywhere"]
    proven = "proven" if certificate["gap"] == 0.0 else "not proven to be the best"
    click.echo(
        f"{proven}: no API exceeds {number(certificate['upper_bound'])} in sample "
        f"({certificate['basis']})"
    )
    if answer["optimistic_bound"] is not None:
        bound = number(answer["optimistic_bound"])
        click.echo(f"if what the points leave open were all in favour: none exceeds {bound}")
    if answer["spectral_bound"] is not None:
        click.echo(f"spectral bound, from all pairs at once: {number(answer['spectral_bound'])}")
    if answer["share_of_solutions"] is not None:
        click.echo(
            f"it admits {answer['share_of_solutions']:.1%} of what works end to end (second banks); of "
            f"the first banks, {answer['n_solutions']} of {answer['n_tuples']} combinations of θ do"
        )


def _print_drawn(drawn: dict[str, Any]) -> None:
    before, after = (number(event["log_volume"]) for event in drawn["events"])
    if drawn["outer"] is None:
        click.echo(
            "almost nothing works: θ of the search were drawn by splitting, from events of log volume "
            f"{before} before the API and {after} after it"
        )
        return
    first, nearby = drawn["everywhere"], drawn["nearby"]
    click.echo(
        "few θ stand for the best API in those banks, where its log volume is "
        f"{number(first['log_volume_in_sample'])}: θ near it were drawn by splitting, from events of log "
        f"volume {before} and {after}, and searched once more; of APIs near it none exceeds "
        f"{number(nearby['upper_bound'])} there (gap {nearby['gap']:.3g})"
    )


def _print_lattice(found: dict[str, Any], unit: str) -> None:
    quantiles = ", ".join(
        f"{float(level):.0%}: {number(value)}"
        for level, value in found["log_volume_quantiles"].items()
    )
    within = ", ".join(f"{n} within {nats} nat" for nats, n in found["n_within"].items())
    click.echo(
        f"closed APIs of one interval each on {found['n_edges']} voltages: {found['n_closed']}, as many "
        f"as {found['effective_number']:.0f} of equal volume; of the best: {within}"
    )
    click.echo(f"quantiles of their log volumes [{unit}]: {quantiles}")
