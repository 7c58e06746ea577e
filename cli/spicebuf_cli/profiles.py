"""`spicebuf entropy --profile`: what it takes, and what it prints."""

from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from spicebuf_cli.output import interval, note, number, print_table, require_folder, writing

if TYPE_CHECKING:
    from spicebuf.workflow import SystemProfile

_DEFAULT_FIGURE = Path("profile.png")
_FLAT = 0.02

profile_option = click.option(
    "--profile",
    is_flag=True,
    help="Instead, how the volume grows around the θ that satisfy: log V(ε), and its slopes.",
)
_ONLY_WITH_PROFILE = (
    click.option(
        "--loss",
        type=click.Choice(["margin", "squared"]),
        help="Of a profile: minus the margin [V], or the mean squared distance from the rails [V²]. "
        "[default: margin]",
    ),
    click.option(
        "--epsilon",
        type=(float, float),
        metavar="LOW HIGH",
        help="Of a profile: least and greatest ε [V]. [default: 0.0002 and 0.2 of the supply]",
    ),
    click.option(
        "--theta",
        type=click.Path(path_type=Path),
        help="Of a profile: TOML file of the θ from whose loss ε counts. [default: from 0]",
    ),
    click.option(
        "--figure",
        type=click.Path(path_type=Path),
        help=f"Of a profile: file to draw it in. [default: {_DEFAULT_FIGURE}]",
    ),
)


def profile_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--profile`` and what only matters with it."""
    options = (*reversed(_ONLY_WITH_PROFILE), profile_option)
    return reduce(lambda wrapped, option: option(wrapped), options, command)


def require_profile(**given: object) -> None:
    """Refuse options that say nothing without ``--profile``."""
    for name, value in given.items():
        if value is not None:
            raise click.UsageError(f"--{name} needs --profile")


def refuse_samples() -> None:
    """Refuse ``--samples``, which a profile would not heed."""
    if click.get_current_context().get_parameter_source("samples") is ParameterSource.COMMANDLINE:
        raise click.UsageError("--profile simulates up to its --precision; leave --samples out")


def figure_path(figure: Path | None) -> Path:
    """Return where to draw; raise InputError if nothing can be drawn there."""
    from spicebuf.report import require_format  # noqa: PLC0415 (start-up time)

    path = figure or _DEFAULT_FIGURE
    require_format(path)
    require_folder("--figure", path)
    return path


def draw(result: "SystemProfile", loss_unit: str, unit: str, path: Path) -> None:
    """Draw the profiles and say where."""
    from spicebuf.report import draw_profiles  # noqa: PLC0415 (start-up time)

    profiles = {part.name: part.profile for part in result.components}
    with writing(f"--figure {path}"):
        draw_profiles(profiles, loss_unit, unit, path)
    note(f"drawn in {path}")


def print_profiles(answer: dict[str, Any]) -> None:
    """Print a table for each component of a profile's answer."""
    unit, volumes = answer["units"]["epsilon"], answer["units"]["log_volume"]
    for part in answer["components"]:
        click.echo(
            f"{part['name']}: V(ε), the share of the prior with a loss of at most ε", nl=False
        )
        click.echo(f" above {part['least_loss']:.4g} {unit}" if part["least_loss"] else "")
        headings = [f"ε [{unit}]", f"log V [{volumes}]", f"{part['confidence']:.0%} interval"]
        print_table([*headings, "slope to the next", "interval"], list(_rows(part)))
        click.echo(_conclusion(part))
        for words in part["warnings"]:
            click.echo(f"warning: {words}")


def _rows(part: dict[str, Any]) -> Any:  # noqa: ANN401 (rows of cells)
    nothing = {"value": None, "interval": [None, None]}
    lines = zip(
        part["epsilon"],
        part["log_volume"],
        part["interval"],
        [*part["slopes"], nothing],
        strict=True,
    )
    for epsilon, volume, limits, slope in lines:
        yield f"{epsilon:.3g}", number(volume), interval(limits), *_coefficient(slope)


def _conclusion(part: dict[str, Any]) -> str:
    if part["learning_coefficient"] is None:
        words = "no slope is known near the least ε"
    else:
        value, limits = _coefficient(part["learning_coefficient"])
        words = f"mean slope from the least ε to ten times it: {value} {limits}; {_kind(part)}"
    if part["with_logarithm"] is not None:
        multiplicity, slope = part["with_logarithm"].values()
        words += "\nby a law ε^λ (log 1/ε)^(m − 1): m = {} {}, λ = {} {}".format(
            *_coefficient(multiplicity), *_coefficient(slope)
        )
    return (
        f"{words}\n{part['n_samples']} θ judged in {part['n_runs']} runs and their pilot, "
        f"{part['n_unsimulated']} unsimulated; by the points of the curves"
    )


def _kind(part: dict[str, Any]) -> str:
    """Tell whether the mean slope over the least decade is that of a law."""
    if not part["steady"]:
        return "it still changes there, so it is no learning coefficient"
    if part["learning_coefficient"]["interval"][0] < _FLAT:
        return "flat: around a set of positive volume the learning coefficient is 0"
    return "there, the learning coefficient"


def _coefficient(found: dict[str, Any]) -> tuple[str, str]:
    if found["value"] is None:
        return "-", "-"
    low, high = found["interval"]
    return f"{found['value']:.3f}", f"[{low:.3f}, {high:.3f}]"
