"""`spicebuf train`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spicebuf_cli import options
from spicebuf_cli.output import (
    note,
    print_json,
    print_table,
    progress_bar,
    require_folder,
    write_answer,
)

if TYPE_CHECKING:
    from spicebuf.workflow import Settings

_OPTIMIZERS = ("adam", "sgd", "sgld", "cma-es", "one-plus-one", "rejection")


@click.command(short_help="End-to-end training runs.")
@options.system_argument
@options.simulation_options
@options.json_option
@options.confidence_option
@options.max_gain_option
@options.banks_option()
@click.option("--runs", type=int, default=100, show_default=True, help="Training runs.")
@click.option(
    "--optimizer",
    type=click.Choice(_OPTIMIZERS),
    default="adam",
    show_default=True,
    help="By gradients (adam, sgd, sgld), by comparison, or draws until one works.",
)
@click.option(
    "--loss",
    type=click.Choice(["hinge", "squared"]),
    default="hinge",
    show_default=True,
    help="How far outputs lie outside of the last API, or their squared distance from the rails.",
)
@click.option(
    "--stop",
    type=click.Choice(["first", "budget"]),
    default="first",
    show_default=True,
    help="End where the chain works for the first time, or when all steps are made.",
)
@click.option("--steps", type=int, default=100, show_default=True, help="Budget of each run.")
@click.option(
    "--inputs",
    type=int,
    default=4,
    show_default=True,
    help="Drawn from each interval of the first API for each step.",
)
@click.option("--learning-rate", type=float, help="[default: the optimizer's own]")
@click.option("--temperature", type=float, help="Of sgld. [default: its own]")
@click.option(
    "--paths",
    type=click.Path(path_type=Path),
    help="Folder for the paths of the runs (Zarr). [default: one beside the banks]",
)
@options.out_option("Also write the JSON answer to this file.")
def train(
    system: Path,
    settings: "Settings",
    runs: int,
    optimizer: str,
    loss: str,
    stop: str,
    steps: int,
    inputs: int,
    learning_rate: float | None,
    temperature: float | None,
    paths: Path | None,
    as_json: bool,
    out: Path | None,
) -> None:
    """Train the whole chain of SYSTEM to do what its first and last API say.

    Starts are drawn from the prior; each step simulates complete chains at inputs drawn from the first
    API. Finished runs are kept: the same command goes on with those that are missing.
    """
    from spicebuf.losses import Loss  # noqa: PLC0415 (start-up time)
    from spicebuf.system import load_system  # noqa: PLC0415
    from spicebuf.training import Options, Stop  # noqa: PLC0415
    from spicebuf.workflow import Training, train_answer, train_system  # noqa: PLC0415

    require_folder("--out", out)
    chosen = Options(optimizer, learning_rate=learning_rate, temperature=temperature)
    training = Training(chosen, Loss(loss), Stop(stop), runs, steps, inputs)
    loaded = load_system(system)
    with progress_bar() as progress:
        result = train_system(loaded, settings, training, progress, paths)
    answer = train_answer(loaded, result, settings.seed, settings.confidence)
    write_answer(out, answer)
    if as_json:
        print_json(answer)
        return
    note(f"paths: {result.paths}")
    print_training(answer)


def print_training(answer: dict[str, Any]) -> None:
    """Print what became of training runs."""
    unit, loss = answer["units"]["loss"], answer["loss"]
    steps = answer["steps_to_success"]
    rows = [
        ["runs", str(answer["n_runs"])],
        ["succeeded", f"{answer['n_succeeded']} ({_share(answer['success_rate'])})"],
        ["of these from a start that worked", _lucky(answer)],
        ["steps to the first success", _steps(steps)],
        ["median loss, first", _loss(loss["first"], unit)],
        ["median loss, last", _loss(loss["last"], unit)],
        ["chains simulated now", str(answer["n_simulated"])],
    ]
    if answer["stop"] == "first" and answer["n_stopped_by_points"]:
        rows.append(
            [
                "stopped where their points work, and all voltages do not",
                str(answer["n_stopped_by_points"]),
            ]
        )
    rows += [
        [f"ended {word}", str(n)]
        for word, n in answer["n_by_verdict"].items()
        if n and word not in {"satisfied", "violated"}
    ]
    if answer["n_unsimulated"]:
        rows.append(["losses unsimulated", f"{answer['n_unsimulated']}"])
        rows.append(["runs held by them", f"{answer['n_held_runs']}"])
    print_table([answer["name"], ""], rows)


def _share(limits: list[float]) -> str:
    value, low, high = limits
    return f"{value:.1%} [{low:.1%}, {high:.1%}]"


def _lucky(answer: dict[str, Any]) -> str:
    return str(answer["n_succeeded"] - answer["n_succeeded_without_lucky"])


def _steps(quantiles: dict[str, float] | None) -> str:
    if quantiles is None:
        return "-"
    return f"{quantiles['0.5']:.0f} [{quantiles['0.25']:.0f}, {quantiles['0.75']:.0f}] (quartiles)"


def _loss(value: float | None, unit: str) -> str:
    return "-" if value is None else f"{value:.4g} {unit}"
