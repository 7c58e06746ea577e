"""`spicebuf search`."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spicebuf_cli import options
from spicebuf_cli.findings import print_search
from spicebuf_cli.output import (
    note,
    print_json,
    print_sweep_summary,
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
@options.estimate_options
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
    print_sweep_summary(result.second)
    print_search(answer)


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
    if found is None:
        note("no landscape: almost nothing in the banks works")
        return
    (api,) = (replace(each, name=f"best {each.name}") for each in result.best.apis)
    with writing(f"figure {path}"):
        draw_landscape(found, system.vdd, system.logical_values, path, api)
    note(f"figure: {path}")
