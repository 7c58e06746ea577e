"""`spicebuf search`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spicebuf_cli import options
from spicebuf_cli.output import (
    interval,
    note,
    number,
    print_json,
    print_sweep_summary,
    print_table,
    progress_bar,
    require_folder,
    write_answer,
    writing,
)

if TYPE_CHECKING:
    from spicebuf.system import System
    from spicebuf.workflow import Settings, SystemSearch

_DEFAULT_FIGURE = Path("landscape.png")


@click.command(short_help="The APIs of greatest log volume, with a proof.")
@options.system_argument
@options.settings_options
@options.json_option
@options.confidence_option
@options.max_simulations_option
@options.max_gain_option
@options.precision_option
@options.banks_option()
@click.option(
    "-k",
    "--max-intervals",
    type=int,
    default=2,
    show_default=True,
    help="Intervals that a logical value may have.",
)
@click.option("--grid", type=float, help="Steps of the edges [V]. [default: any voltage]")
@click.option("--top", type=int, default=1, show_default=True, help="How many APIs to list.")
@click.option(
    "--max-seconds",
    type=float,
    default=60.0,
    show_default=True,
    help="After which a search stops without a proof, and says how far it got.",
)
@click.option(
    "--max-cells",
    type=int,
    default=10_000_000,
    show_default=True,
    help="Or after so many cells, the parts that all APIs are divided into.",
)
@click.option(
    "--landscape",
    nargs=2,
    metavar="EDGE EDGE",
    help="Draw the greatest log volume over two edges, such as 0.low and 1.high.",
)
@click.option(
    "--figure",
    type=click.Path(path_type=Path),
    help=f"Of a landscape: file to draw it in. [default: {_DEFAULT_FIGURE}]",
)
@click.option(
    "--lattice", is_flag=True, help="Count all closed APIs, and tell how volume is spread."
)
@options.bits_option
@options.out_option("Also write the JSON answer to this file.")
def search(
    system: Path,
    settings: "Settings",
    max_intervals: int,
    grid: float | None,
    top: int,
    max_seconds: float,
    max_cells: int,
    landscape: tuple[str, str] | None,
    figure: Path | None,
    lattice: bool,
    bits: bool,
    as_json: bool,
    out: Path | None,
) -> None:
    """Find the APIs inside SYSTEM that the most θ satisfy: those marked free, or else all inner ones.

    They are found on one pair of banks and measured on another, which had no part in the choice.
    """
    from spicebuf.system import load_system  # noqa: PLC0415 (start-up time)
    from spicebuf.workflow import Wanted, search_answer, search_system  # noqa: PLC0415

    require_folder("--out", out)
    path = _figure_path(figure, wanted=landscape is not None)
    wanted = Wanted(max_intervals, grid, top, max_seconds, max_cells, landscape, lattice)
    loaded = load_system(system)
    with progress_bar() as progress:
        result = search_system(loaded, settings, wanted, progress)
    answer = search_answer(loaded, result, settings.seed, "bit" if bits else "nat")
    if path is not None:
        _draw(loaded, result, path)
    write_answer(out, answer)
    if as_json:
        print_json(answer)
        return
    print_sweep_summary(result.banks)
    print_sweep_summary(result.entropy.banks)
    _print(answer)


def _figure_path(figure: Path | None, *, wanted: bool) -> Path | None:
    """Return where to draw, a place that can be written to, or None if nothing is to be drawn."""
    from spicebuf.report import require_format  # noqa: PLC0415 (start-up time)

    if not wanted:
        if figure is not None:
            raise click.UsageError("--figure needs --landscape")
        return None
    path = figure or _DEFAULT_FIGURE
    require_format(path)
    require_folder("--figure", path)
    return path


def _draw(system: "System", result: "SystemSearch", path: Path) -> None:
    from spicebuf.report import draw_landscape  # noqa: PLC0415 (start-up time)

    found = result.finding.landscape
    assert found is not None  # noqa: S101 (it was asked for)
    (api,) = result.best.apis
    with writing(f"figure {path}"):
        draw_landscape(found, system.vdd, system.logical_values, path, api)
    note(f"figure: {path}")


def _print(answer: dict[str, Any]) -> None:
    for api in answer["apis"]:
        if api["name"] in answer["searched"]:
            _print_api(api, answer["kind"])
    print_table(
        ["", "log volume", f"{answer['confidence']:.0%} interval", "in sample", "gap", "sets"],
        [_row("best", answer, answer["searched"]), *_others(answer)],
    )
    _print_proof(answer)
    if answer["lattice"] is not None:
        _print_lattice(answer["lattice"], answer["units"]["log_volume"])
    for words in answer["warnings"]:
        click.echo(f"warning: {words}")


def _print_api(api: dict[str, Any], kind: str) -> None:
    click.echo(f"[[apis]]  # {kind}")
    click.echo(f'name = "{api["name"]}"')
    for logic, sets in api["sets"].items():
        click.echo(f'{logic} = "{sets}"')


def _others(answer: dict[str, Any]) -> list[list[str]]:
    names = answer["searched"]
    rows = [_row(f"number {k}", each, names) for k, each in enumerate(answer["top"][1:], start=2)]
    rows += [_row(f"best {each['kind']}", each, names) for each in answer["runners_up"]]
    if answer["given"] is not None:
        rows.append(_row("given", answer["given"], names))
    return rows


def _row(what: str, part: dict[str, Any], names: list[str]) -> list[str]:
    gap = part.get("gap")
    return [
        what,
        number(part["log_volume"]),
        interval(part["interval"]),
        number(part["log_volume_in_sample"]),
        "" if gap is None else f"{gap:.3g}",
        "; ".join(
            f"{logic}: {sets}"
            for api in part["apis"]
            if api["name"] in names
            for logic, sets in api["sets"].items()
        ),
    ]


def _print_proof(answer: dict[str, Any]) -> None:
    unit = answer["units"]["log_volume"]
    click.echo(
        f"log volumes in {unit}, on second banks (seed {answer['seed_of_second_banks']}); in sample: on "
        f"those of the search (seed {answer['seed']}), where what is best looks too good"
    )
    bound = number(answer["upper_bound"])
    proven = "proven" if answer["gap"] == 0.0 else "not proven to be the best"
    click.echo(f"{proven}: no API exceeds {bound} in sample ({answer['basis']})")
    if answer["optimistic_bound"] is not None:
        bound = number(answer["optimistic_bound"])
        click.echo(f"what the points leave open could make that {bound}")
    if answer["spectral_bound"] is not None:
        click.echo(f"spectral bound: {number(answer['spectral_bound'])}")
    share = answer["share_of_solutions"]
    if share is not None:
        click.echo(
            f"it admits {share:.1%} of what works end to end; {answer['n_solutions']} of "
            f"{answer['n_tuples']} combinations of θ do in the banks of the search"
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
