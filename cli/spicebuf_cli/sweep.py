"""`spicebuf sweep`."""

from pathlib import Path

import click

from spicebuf_cli import options
from spicebuf_cli.output import print_json, print_sweep_summary, print_table, progress_bar


@click.command(short_help="Transfer curves into banks.")
@options.system_argument
@options.simulation_options
@options.banks_option("-o", "--out")
def sweep(
    system: Path,
    samples: int,
    method: str,
    points: int,
    workers: int,
    seed: int,
    as_json: bool,
    banks: Path,
) -> None:
    """Simulate transfer curves of every component of SYSTEM at θ from its prior.

    The curves go into banks (Zarr; open them with xarray.open_zarr). A bank that is there already is
    only completed or extended.
    """
    from spicebuf.system import load_system  # noqa: PLC0415 (start-up time)
    from spicebuf.workflow import Settings, sweep_answer, sweep_system  # noqa: PLC0415

    settings = Settings(
        n_samples=samples,
        n_points=points,
        seed=seed,
        n_workers=workers,
        method=method,
        banks=banks,
    )
    loaded = load_system(system)
    with progress_bar() as progress:
        swept_banks = sweep_system(loaded, settings, progress)
    if as_json:
        print_json(sweep_answer(loaded, swept_banks, seed))
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
