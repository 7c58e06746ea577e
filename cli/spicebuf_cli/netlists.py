"""`spicebuf netlists`."""

import shutil
from pathlib import Path

import click

from spicebuf_cli import options
from spicebuf_cli.output import note, print_json, print_table, writing


@click.group(invoke_without_command=True, short_help="List, show and copy netlist templates.")
@options.json_option
@click.pass_context
def netlists(context: click.Context, as_json: bool) -> None:
    """List the bundled netlist templates; `show` prints one, `copy` copies one to edit."""
    if context.invoked_subcommand is not None:
        return
    from spicebuf import __version__  # noqa: PLC0415 (start-up time)
    from spicebuf.netlist import bundled_names, bundled_path, read_template  # noqa: PLC0415

    templates = [read_template(bundled_path(name)) for name in bundled_names()]
    if as_json:
        entries = [
            {
                "name": template.name,
                "feedback": template.feedback,
                "netlist_sha256": template.digest,
                "theta": {
                    spec.name: {
                        "prior": str(spec.prior),
                        "nominal": spec.nominal,
                        "description": spec.description,
                    }
                    for spec in template.thetas.values()
                },
            }
            for template in templates
        ]
        print_json({"version": __version__, "seed": None, "netlists": entries})
        return
    rows = [
        (t.name, ", ".join(t.thetas), "two branches" if t.feedback else "one branch")
        for t in templates
    ]
    print_table(("template", "θ", "curve"), rows)


@netlists.command()
@click.argument("name")
def show(name: str) -> None:
    """Print the template NAME."""
    from spicebuf.netlist import bundled_path  # noqa: PLC0415 (start-up time)

    click.echo(bundled_path(name).read_text(encoding="utf-8"), nl=False)


@netlists.command()
@click.argument("name")
@click.argument("target", type=click.Path(path_type=Path), default=Path())
def copy(name: str, target: Path) -> None:
    """Copy the template NAME into a folder or to a file, to be edited there."""
    from spicebuf.errors import InputError  # noqa: PLC0415 (start-up time)
    from spicebuf.netlist import bundled_path  # noqa: PLC0415

    source = bundled_path(name)
    destination = target / source.name if target.is_dir() else target
    if destination.exists():
        raise InputError(f"{destination} is there already; choose another name")
    with writing(str(destination)):
        shutil.copyfile(source, destination)
    note(f'{destination}: use it as netlist = "{destination.name}" in a system file beside it')
