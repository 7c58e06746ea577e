"""`spicebuf predict`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spicebuf_cli import options
from spicebuf_cli.output import (
    note,
    number,
    print_json,
    print_sweep_summary,
    print_table,
    progress_bar,
    require_folder,
    write_answer,
    writing,
)

if TYPE_CHECKING:
    from spicebuf.workflow import Settings, SystemPrediction


@click.command(short_help="Where training ended against the log volumes.")
@options.system_argument
@options.settings_options
@options.json_option
@options.max_simulations_option
@options.max_gain_option
@options.precision_option
@options.banks_option()
@click.option(
    "--plan",
    type=click.Path(path_type=Path),
    help="What is tested: claim, nulls, arms. [default: examples/prediction.toml]",
)
@click.option(
    "--figure", type=click.Path(path_type=Path), help="File to draw the distances in, by arm."
)
@options.out_option("Also write the JSON answer to this file.")
def predict(
    system: Path,
    settings: "Settings",
    plan: Path | None,
    figure: Path | None,
    as_json: bool,
    out: Path | None,
) -> None:
    """Train SYSTEM end to end in many ways, and tell whether it ends where the log volume is greatest.

    What counts as near, which share of the runs must be, and what that must beat, is fixed in a plan.
    Banks and finished runs are kept: the same command goes on with what is missing.
    """
    from spicebuf.report import require_format  # noqa: PLC0415 (start-up time)
    from spicebuf.system import load_system  # noqa: PLC0415
    from spicebuf.workflow import (  # noqa: PLC0415
        bundled_plan,
        load_plan,
        predict_answer,
        predict_system,
    )

    require_folder("--out", out)
    require_folder("--figure", figure)
    if figure is not None:
        require_format(figure)
    chosen, loaded = load_plan(plan or bundled_plan()), load_system(system)
    with progress_bar() as progress:
        result = predict_system(loaded, settings, chosen, progress)
    answer = predict_answer(loaded, result, settings.seed)
    if figure is not None:
        _draw(result, figure)
    write_answer(out, answer)
    if as_json:
        print_json(answer)
        return
    print_sweep_summary(result.search.banks)
    print_sweep_summary(result.search.second)
    print_prediction(answer)


def _draw(result: "SystemPrediction", path: Path) -> None:
    from spicebuf.report import draw_distances  # noqa: PLC0415 (start-up time)

    arms = {arm.population.name: arm.population.delta for arm in result.arms}
    others = {each.name: each.delta for each in (result.bayes, *result.nulls)}
    headline = result.arms[0].population.name
    with writing(f"figure {path}"):
        draw_distances(headline, arms, others, result.plan.claim.near, path)
    note(f"figure: {path}")


def print_prediction(answer: dict[str, Any]) -> None:
    """Print where each arm ended, Bayes and the nulls, and the verdict."""
    for name, sets in answer["best_api"].items():
        text = ", ".join(f"{logic} = {voltages}" for logic, voltages in sets.items())
        click.echo(f"greatest log volume {number(answer['log_volume_max'])} nat, {name}: {text}")
    near = answer["claim"]["near"]
    headings = ["", "runs", "succeeded", f"Δ ≤ {near:g} nat", "in the best API", "median Δ"]
    headings += ["tight, wide", "over Bayes [nat]", "slope", "total variation"]
    rows = [_row(each) for each in (*answer["arms"], answer["bayes"], *answer["nulls"])]
    print_table(headings, rows)
    click.echo(
        "Δ and its medians in nat; slope: 1 as Bayes, 0 blind to volume; total variation (in brackets: "
        "what as many draws of Bayes seldom exceed)"
    )
    unplaced = sum(arm["n_unplaced"] for arm in answer["arms"])
    if unplaced:
        click.echo(
            f"{unplaced} solutions of all arms work, but not surely by the points of their components' "
            "curves: they count both ways in the limits"
        )
    headline = answer["arms"][0]
    others = headline["without_lucky_starts"]
    click.echo(
        f"{headline['name']} without the {headline['n_lucky']} runs whose start worked already: "
        f"{_estimate(others['share_near'])} end within {near:g} nat, "
        f"{_estimate(others['share_in_best_api'])} in the best API"
    )
    click.echo(f"{answer['verdict']}: {answer['reason']}")


def _row(part: dict[str, Any]) -> list[str]:
    has_runs, noise = "n_runs" in part, part["noise_floor"]
    total = "" if noise is None else f"{_value(part['total_variation'])} ({_value(noise['high'])})"
    return [
        part["name"],
        str(part["n_runs"]) if has_runs else "",
        f"{part['n_succeeded']}" if has_runs else "",
        _estimate(part["share_near"]),
        _estimate(part["share_in_best_api"]),
        _estimate(part["delta_median"]),
        f"{_value(part['delta_median_tight'][0])}, {_value(part['delta_median_wide'][0])}",
        _estimate(part["log_share_over_bayes"]) if has_runs else "",
        _value(part["slope"]),
        total,
    ]


def _estimate(limits: list[float | None]) -> str:
    value, low, high = (_value(each) for each in limits)
    return value if value == low == high else f"{value} [{low}, {high}]"


def _value(value: float | None) -> str:
    # Adding 0 takes the sign off a zero.
    return "-" if value is None else f"{round(value, 3) + 0.0:.3f}".removesuffix(".000")
