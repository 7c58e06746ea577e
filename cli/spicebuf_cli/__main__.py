"""Run as ``python -m spicebuf_cli``."""

from spicebuf_cli.main import main

main()
