"""`spicebuf sweep`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from spicebuf_cli import options
from spicebuf_cli.output import (
    note,
    print_json,
    print_sweep_summary,
    print_table,
    progress_bar,
    writing,
)

if TYPE_CHECKING:
    from spicebuf.workflow import Settings


@click.command(short_help="Transfer curves into banks.")
@options.system_argument
@options.settings_options
@click.option(
    "--dump-deck",
    type=int,
    metavar="NUMBER",
    help="Simulate nothing; write the deck of this θ of each component for plain ngspice.",
)
@options.verbose_option
@options.json_option
@options.banks_option("-o", "--out")
def sweep(
    system: Path,
    settings: "Settings",
    dump_deck: int | None,
    verbose: bool,
    as_json: bool,
) -> None:
    """Simulate transfer curves of every component of SYSTEM at θ from its prior.

    The curves go into banks (Zarr; open them with xarray.open_zarr). A bank that is there already is
    only completed or extended.
    """
    from spicebuf.system import load_system  # noqa: PLC0415 (start-up time)
    from spicebuf.workflow import (  # noqa: PLC0415
        decks_of,
        sweep_answer,
        sweep_system,
        words_for_unsimulated,
    )

    loaded = load_system(system)
    if dump_deck is not None:
        _write_decks(decks_of(loaded, settings, dump_deck), dump_deck)
        return
    with progress_bar() as progress:
        swept_banks = sweep_system(loaded, settings, progress)
    if verbose:
        for swept in swept_banks:
            for number, words in words_for_unsimulated(swept):
                note(f"{swept.component.name} number {number}: ngspice printed\n{words.strip()}\n")
    if as_json:
        print_json(sweep_answer(loaded, swept_banks, settings.seed))
        return
    print_sweep_summary(swept_banks)
    rows = [
        (
            swept.component.name,
            f"{swept.n}",
            f"{swept.n_simulated}",
            f"{swept.n_rerun}",
            f"{swept.n_unsimulated}",
            ", ".join(swept.bank.bench.branches),
            str(swept.bank.path),
        )
        for swept in swept_banks
    ]
    headings = ("component", "θ", "simulated now", "rerun", "unsimulated", "branches", "bank")
    print_table(headings, rows)


def _write_decks(decks: dict[str, str], number: int) -> None:
    from spicebuf.errors import InputError  # noqa: PLC0415 (start-up time)
    from spicebuf.system import file_stem  # noqa: PLC0415

    files: dict[Path, str] = {}
    for name, deck in decks.items():
        path = Path(f"{file_stem(name)}-{number}.cir")
        if path in files:
            raise InputError(
                f"component {name!r}: another's deck is {path} too; rename one of them"
            )
        files[path] = deck
    for path, deck in files.items():
        with writing(str(path)):
            if path.exists() and path.read_text(encoding="utf-8") != deck:
                raise InputError(f"{path} is there already and differs; move it out of the way")
            path.write_text(deck, encoding="utf-8")
        click.echo(path)
