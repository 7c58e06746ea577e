"""`spicebuf doctor`."""

from dataclasses import asdict

import click

from spicebuf_cli import options
from spicebuf_cli.output import print_json

_SIMULATOR_FAILED = 3


@click.command(short_help="Is ngspice in order?")
@options.json_option
def doctor(as_json: bool) -> int:
    """Find ngspice, run known circuits, and say what to do where something is wrong.

    Exit status 0 if all is in order, 3 if not.
    """
    from spicebuf import __version__  # noqa: PLC0415 (start-up time)
    from spicebuf.doctor import examine  # noqa: PLC0415

    findings = []
    for finding in examine():
        findings.append(finding)
        if not as_json:
            click.echo(f"{'ok  ' if finding.ok else 'FAIL'}  {finding.question}: {finding.answer}")
            if finding.advice:
                click.echo(f"      {finding.advice}")
    ok = all(finding.ok for finding in findings)
    if as_json:
        answer = {
            "version": __version__,
            "seed": None,
            "ok": ok,
            "findings": [asdict(finding) for finding in findings],
        }
        print_json(answer)
    return 0 if ok else _SIMULATOR_FAILED
