"""`spicebuf check`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from spicebuf_cli import options
from spicebuf_cli.output import note, print_json, print_table, volts, write_answer

if TYPE_CHECKING:
    from spicebuf.workflow import SystemCheck

_VIOLATED = 1
_SIMULATOR_FAILED = 3


@click.command(short_help="Does one θ satisfy the APIs?")
@options.system_argument
@click.option(
    "--theta",
    type=click.Path(path_type=Path),
    help="TOML file with a table of parameters per component. [default: nominal θ]",
)
@options.points_option(1001)
@options.max_gain_option
@options.verbose_option
@options.json_option
@options.out_option("Also write the JSON answer to this file.")
def check(
    system: Path,
    theta: Path | None,
    points: int,
    max_gain: float,
    verbose: bool,
    as_json: bool,
    out: Path | None,
) -> int:
    """Check one θ per component of SYSTEM against the APIs.

    Exit status 0 if all components satisfy them, 1 if not, 3 if ngspice gave no answer.
    """
    from spicebuf.check import Verdict  # noqa: PLC0415 (start-up time)
    from spicebuf.system import load_system, load_theta  # noqa: PLC0415
    from spicebuf.workflow import check_answer, check_system  # noqa: PLC0415

    loaded = load_system(system)
    nominal = {component.name: component.nominal for component in loaded.components}
    values = nominal if theta is None else load_theta(theta, loaded)
    result = check_system(loaded, values, points, max_gain)
    answer = check_answer(loaded, result)
    write_answer(out, answer)
    if verbose:
        for part in result.components:
            note(f"{part.name}: ngspice printed\n{part.words.strip() or '(nothing)'}\n")
    if as_json:
        print_json(answer)
    else:
        _print(result)
    if any(part.verdict is Verdict.UNSIMULATED for part in result.components):
        return _SIMULATOR_FAILED
    return 0 if result.satisfied else _VIOLATED


def _print(result: "SystemCheck") -> None:
    rows = []
    for part in result.components:
        witness = part.witness
        place = ("-",) * 4
        if witness is not None:
            place = (witness.logic, volts(witness.vin), volts(witness.vout), witness.branch)
        rows.append((part.name, part.verdict.word, part.reached.word, volts(part.margin), *place))
    print_table(
        ("component", "verdict", "reached", "margin", "logic", "at input", "output", "branch"), rows
    )
    for part in result.components:
        if part.reason:
            click.echo(f"{part.name}: {part.reason}")
    kind = "restoring" if result.restoring else "not restoring"
    margins = ", ".join(f"{logic}: {volts(v)}" for logic, v in result.noise_margins.items())
    click.echo(f"The chain is {kind}; noise margins {margins}")
    if any(part.reason for part in result.components):
        click.echo("no answer: ngspice gave no trustworthy curve")
    else:
        click.echo("satisfied" if result.satisfied else "not satisfied")
