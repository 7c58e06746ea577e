"""`spicebuf sweep`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from spicebuf_cli import options
from spicebuf_cli.output import print_json, print_sweep_summary, print_table, progress_bar

if TYPE_CHECKING:
    from spicebuf.workflow import Settings


@click.command(short_help="Transfer curves into banks.")
@options.system_argument
@options.settings_options
@options.json_option
@options.banks_option("-o", "--out")
def sweep(
    system: Path,
    settings: "Settings",
    as_json: bool,
) -> None:
    """Simulate transfer curves of every component of SYSTEM at θ from its prior.

    The curves go into banks (Zarr; open them with xarray.open_zarr). A bank that is there already is
    only completed or extended.
    """
    from spicebuf.system import load_system  # noqa: PLC0415 (start-up time)
    from spicebuf.workflow import sweep_answer, sweep_system  # noqa: PLC0415

    loaded = load_system(system)
    with progress_bar() as progress:
        swept_banks = sweep_system(loaded, settings, progress)
    if as_json:
        print_json(sweep_answer(loaded, swept_banks, settings.seed))
        return
    print_sweep_summary(swept_banks)
    rows = [
        (
            swept.component.name,
            f"{swept.n}",
            f"{swept.n_simulated}",
            f"{swept.n_unsimulated}",
            ", ".join(swept.bank.bench.branches),
            str(swept.bank.path),
        )
        for swept in swept_banks
    ]
    print_table(("component", "θ", "simulated now", "unsimulated", "branches", "bank"), rows)
