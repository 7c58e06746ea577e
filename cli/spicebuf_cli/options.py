"""Options that several commands share, bundled once."""

import os
from collections.abc import Callable
from functools import reduce, wraps
from pathlib import Path
from typing import Any, TypeVar

import click

_Command = TypeVar("_Command", bound=Callable[..., Any])

system_argument = click.argument("system", type=click.Path(path_type=Path), metavar="SYSTEM")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
seed_option = click.option("--seed", type=int, default=0, show_default=True, help="Seed of draws.")
workers_option = click.option(
    "-j",
    "--workers",
    type=int,
    default=os.cpu_count() or 1,
    show_default="number of processors",
    help="ngspice processes.",
)
samples_option = click.option(
    "-n",
    "--samples",
    type=int,
    default=20_000,
    show_default=True,
    help="θ per component where its prior is sampled.",
)
method_option = click.option(
    "--method",
    type=click.Choice(["auto", "monte-carlo", "enumeration", "splitting"]),
    default="auto",
    show_default=True,
    help="Draw θ from the prior, take every point of a finite one, or climb to a rare event.",
)
precision_option = click.option(
    "--precision",
    type=float,
    default=None,
    help="Half-width of the interval to go on for [nat]. [default: splitting 0.1, others --samples]",
)
max_simulations_option = click.option(
    "--max-simulations",
    type=int,
    default=5_000_000,
    show_default=True,
    help="θ per component that a precision may lead to at most; --samples are taken anyhow.",
)
max_gain_option = click.option(
    "--max-gain",
    type=float,
    default=100.0,
    show_default=True,
    help="Largest slope of a curve between its points, inside its API [V/V]; 0 trusts the grid.",
)
end_to_end_option = click.option(
    "--end-to-end",
    is_flag=True,
    help="The chain as one component, between the first API and the last; inner APIs do not matter.",
)
batch_option = click.option(
    "--batch",
    type=int,
    default=None,
    help="θ in one deck, 1 to 256; circuits with feedback go alone. [default: by circuit and model]",
)
scheduler_option = click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Simulate on the workers of a Dask scheduler, such as tcp://10.0.0.1:8786.",
)
from_option = click.option(
    "--from",
    "drawn_from",
    type=click.Path(path_type=Path),
    metavar="OTHER",
    help="Weigh the banks of system file OTHER, drawn from its priors, instead of drawing anew.",
)
verbose_option = click.option(
    "-v",
    "--verbose",
    is_flag=True,
    help="Show what ngspice itself printed (sweep: for unsimulated θ).",
)
bits_option = click.option("--bits", is_flag=True, help="Log volumes in bits instead of nats.")
confidence_option = click.option(
    "--confidence", type=float, default=0.95, show_default=True, help="Of the intervals."
)


# Settings by the names of their options; a command has those that it uses.
_SETTINGS = {
    "samples": "n_samples",
    "points": "n_points",
    "seed": "seed",
    "workers": "n_workers",
    "method": "method",
    "banks": "banks",
    "batch": "batch",
    "scheduler": "scheduler",
    "confidence": "confidence",
    "precision": "precision",
    "max_simulations": "max_simulations",
    "max_gain": "max_gain",
}


def points_option(default: int) -> Callable[[_Command], _Command]:
    """Add ``--points`` with a default of its own."""
    return click.option(
        "--points",
        type=int,
        default=default,
        show_default=True,
        help="Input voltages of a transfer curve, rail to rail.",
    )


def banks_option(*names: str) -> Callable[[_Command], _Command]:
    """Add ``--banks``, under other names too."""
    return click.option(
        "banks",
        *names,
        "--banks",
        type=click.Path(path_type=Path),
        default=Path("banks"),
        show_default=True,
        help="Folder of the banks of transfer curves.",
    )


def out_option(help_text: str) -> Callable[[_Command], _Command]:
    """Add ``-o/--out``."""
    return click.option("-o", "--out", type=click.Path(path_type=Path), help=help_text)


def estimate_options(command: _Command) -> _Command:
    """Add what all commands share that estimate log volumes."""
    options = (
        json_option,
        confidence_option,
        max_simulations_option,
        max_gain_option,
        precision_option,
        banks_option(),
    )
    return reduce(lambda wrapped, option: option(wrapped), reversed(options), command)


def settings_options(command: _Command) -> Callable[..., Any]:
    """Add all that chooses how many θ are simulated, and how; pass them on as ``settings``."""
    return samples_option(method_option(simulation_options(command)))


def simulation_options(command: _Command) -> Callable[..., Any]:
    """Add all that chooses how θ are simulated; pass it and other settings on as ``settings``."""

    @wraps(command)
    def with_settings(**given: Any) -> Any:  # noqa: ANN401 (the command's own options too)
        from spicebuf.workflow import Settings  # noqa: PLC0415 (start-up time)

        chosen = {name: given.pop(option) for option, name in _SETTINGS.items() if option in given}
        return command(settings=Settings(**chosen), **given)

    options = (seed_option, batch_option, scheduler_option, workers_option, points_option(101))
    return reduce(lambda wrapped, option: option(wrapped), options, with_settings)
