"""`spicebuf run`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from spicebuf_cli import options
from spicebuf_cli.output import note, print_json, print_sweep_summary, progress_bar
from spicebuf_cli.predict import print_prediction
from spicebuf_cli.train import print_training
from spicebuf_cli.volumes import print_volumes

if TYPE_CHECKING:
    from spicebuf.workflow import Settings


@click.command(short_help="The main job: all stages, a table, a run folder.")
@options.system_argument
@options.settings_options
@options.estimate_options
@options.bits_option
@click.option(
    "--runs",
    type=int,
    default=100,
    show_default=True,
    help="Training runs, end to end; 0 leaves out training and the test of the prediction.",
)
@options.out_option("Run folder. [default: runs/NAME-K, the first K that is free]")
def run(
    system: Path,
    settings: "Settings",
    runs: int,
    bits: bool,
    as_json: bool,
    out: Path | None,
) -> None:
    """Check, sweep, count, train and test SYSTEM, print the tables, and write a run folder.

    The folder gets results.json and a figure of transfer curves between their APIs.
    """
    from spicebuf.system import load_system  # noqa: PLC0415 (start-up time)
    from spicebuf.workflow import run_system  # noqa: PLC0415

    loaded = load_system(system)
    folder = out or _free_folder(system.stem)
    with progress_bar() as progress:
        unit = "bit" if bits else "nat"
        result = run_system(loaded, settings, folder, progress, unit, runs)
    if as_json:
        print_json(result.answer)
        return
    print_sweep_summary(result.entropy.banks)
    print_volumes(result.answer["entropy"])
    verdicts = ", ".join(f"{part.name} {part.verdict.word}" for part in result.check.components)
    click.echo(f"at the nominal θ: {verdicts}")
    if result.answer["train"]:
        click.echo()
        print_training(result.answer["train"])
    if result.answer["predict"]:
        click.echo()
        print_prediction(result.answer["predict"])
    if result.test.why_not and runs:
        click.echo(f"the prediction was not tested: {result.test.why_not}")
    note(f"run folder: {result.folder}")


def _free_folder(name: str) -> Path:
    k = 1
    while (folder := Path("runs", f"{name}-{k}")).exists():
        k += 1
    return folder
