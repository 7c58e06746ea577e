"""`spicebuf entropy`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from spicebuf_cli import options
from spicebuf_cli.output import print_json, print_sweep_summary, progress_bar, write_answer
from spicebuf_cli.volumes import print_volumes

if TYPE_CHECKING:
    from spicebuf.workflow import Settings


@click.command(short_help="Log volumes of the components and their sum.")
@options.system_argument
@options.settings_options
@options.json_option
@options.confidence_option
@options.max_simulations_option
@options.max_gain_option
@options.precision_option
@options.banks_option()
@options.from_option
@options.bits_option
@options.out_option("Also write the JSON answer to this file.")
def entropy(
    system: Path,
    settings: "Settings",
    drawn_from: Path | None,
    bits: bool,
    as_json: bool,
    out: Path | None,
) -> None:
    """Estimate how much of the prior satisfies the APIs of SYSTEM.

    Missing transfer curves are simulated; those in the banks are used again, whatever the APIs. With
    --from, those drawn from the priors of another system file answer for the priors of this one.
    """
    from spicebuf.system import load_system  # noqa: PLC0415 (start-up time)
    from spicebuf.workflow import entropy_answer, entropy_system  # noqa: PLC0415

    loaded = load_system(system)
    other = None if drawn_from is None else load_system(drawn_from)
    with progress_bar() as progress:
        result = entropy_system(loaded, settings, progress, other)
    answer = entropy_answer(loaded, result, settings.seed, "bit" if bits else "nat")
    write_answer(out, answer)
    if as_json:
        print_json(answer)
    else:
        print_sweep_summary(result.banks)
        print_volumes(answer)
