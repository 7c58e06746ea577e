"""The command group, and the one place where an error becomes a message and an exit status."""

import logging
import os
import sys

import click

from spicebuf import __version__
from spicebuf.errors import SpicebufError
from spicebuf_cli.check import check
from spicebuf_cli.doctor import doctor
from spicebuf_cli.entropy import entropy
from spicebuf_cli.netlists import netlists
from spicebuf_cli.output import Warnings
from spicebuf_cli.predict import predict
from spicebuf_cli.run import run
from spicebuf_cli.search import search
from spicebuf_cli.sweep import sweep
from spicebuf_cli.train import train

_INTERRUPTED = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="spicebuf")
def cli() -> None:
    """Evaluate transistor-level components in ngspice and measure the interfaces between them.

    Exit status: 0 done (check: satisfied), 1 a specification is violated, 2 wrong use or bad input,
    3 the simulator failed or is missing.
    """


for command in (run, sweep, check, entropy, search, train, predict, netlists, doctor):
    cli.add_command(command)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit."""
    logging.getLogger("spicebuf").addHandler(Warnings(logging.WARNING))
    try:
        status = cli.main(args=arguments, prog_name="spicebuf", standalone_mode=False)
    except SpicebufError as error:
        _fail(str(error), error.exit_status)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        _fail(
            "interrupted; what is finished is kept, the same command goes on from there",
            _INTERRUPTED,
        )
    except MemoryError:
        _fail("there is not enough memory; ask for fewer samples or points", 2)
    except BrokenPipeError:
        # The reader of a pipe has gone; so that Python does not complain at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        if os.environ.get("SPICEBUF_DEBUG"):
            raise
        name = type(error).__name__
        _fail(f"a defect in spicebuf ({name}: {error}); SPICEBUF_DEBUG=1 shows where", 3)
    sys.exit(status if isinstance(status, int) else 0)


def _fail(message: str, status: int) -> None:
    click.echo(f"Error: {message}", err=True)
    sys.exit(status)
