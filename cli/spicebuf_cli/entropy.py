"""`spicebuf entropy`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spicebuf_cli import options
from spicebuf_cli.output import (
    print_json,
    print_sweep_summary,
    progress_bar,
    require_folder,
    write_answer,
)
from spicebuf_cli.profiles import (
    draw,
    figure_path,
    print_profiles,
    profile_options,
    refuse_samples,
    require_profile,
)
from spicebuf_cli.volumes import print_volumes

if TYPE_CHECKING:
    from spicebuf.system import System
    from spicebuf.workflow import Settings


@click.command(short_help="Log volumes of the components and their sum.")
@options.system_argument
@options.settings_options
@options.estimate_options
@options.from_option
@options.end_to_end_option
@profile_options
@options.bits_option
@options.out_option("Also write the JSON answer to this file.")
def entropy(
    system: Path,
    settings: "Settings",
    drawn_from: Path | None,
    end_to_end: bool,
    profile: bool,
    bits: bool,
    as_json: bool,
    out: Path | None,
    **of_profile: Any,  # noqa: ANN401 (loss, epsilon, theta, figure)
) -> None:
    """Estimate how much of the prior satisfies the APIs of SYSTEM.

    Missing transfer curves are simulated; those in the banks are used again, whatever the APIs. With
    --from, those drawn from the priors of another system file answer for the priors of this one.
    """
    from spicebuf.chain import end_to_end as chained  # noqa: PLC0415 (start-up time)
    from spicebuf.system import load_system  # noqa: PLC0415

    require_folder("--out", out)
    loaded, unit = load_system(system), "bit" if bits else "nat"
    if profile:
        if drawn_from is not None:
            raise click.UsageError("--profile simulates θ of its own; leave --from out")
        refuse_samples()
        answer = _profile(loaded, settings, unit, end_to_end=end_to_end, **of_profile)
        show = print_profiles
    else:
        require_profile(**of_profile)
        other = None if drawn_from is None else load_system(drawn_from)
        if end_to_end:
            loaded, other = chained(loaded), other and chained(other)
        answer = _volumes(loaded, settings, unit, other, quiet=as_json)
        show = print_volumes
    write_answer(out, answer)
    if as_json:
        print_json(answer)
    else:
        show(answer)


def _volumes(
    system: "System",
    settings: "Settings",
    unit: str,
    drawn_from: "System | None",
    *,
    quiet: bool,
) -> dict[str, Any]:
    from spicebuf.workflow import entropy_answer, entropy_system  # noqa: PLC0415 (start-up time)

    with progress_bar() as progress:
        result = entropy_system(system, settings, progress, drawn_from)
    if not quiet:
        print_sweep_summary(result.banks)
    return entropy_answer(system, result, settings.seed, unit)


def _profile(
    system: "System",
    settings: "Settings",
    unit: str,
    *,
    end_to_end: bool,
    loss: str | None,
    epsilon: tuple[float, float] | None,
    theta: Path | None,
    figure: Path | None,
) -> dict[str, Any]:
    from spicebuf.system import load_theta  # noqa: PLC0415 (start-up time)
    from spicebuf.workflow import Ladder, profile_answer, profile_system  # noqa: PLC0415

    low, high = epsilon or (None, None)
    path = figure_path(figure)
    around = None if theta is None else load_theta(theta, system)
    with progress_bar() as progress:
        ladder = Ladder(loss or "margin", low, high, around, end_to_end)
        result = profile_system(system, settings, ladder, progress)
    answer = profile_answer(system, result, settings.seed, unit)
    draw(result, answer["units"]["epsilon"], unit, path)
    return answer
