"""The `ngspice` program, started once for every θ: what a shell script or a first attempt does.

`ngspice -b deck.cir -r deck.raw` writes a binary rawfile. Writing it through a `.control` block, or as
text with `wrdata`, takes as long to a few per cent; starting the process costs most of the time.

Usage: python benchmarks/peers/ngspice_batch.py REQUEST.json RESULT.npz
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from request import Array, Request, answer, read


def read_raw(path: Path) -> Array:
    """Read the second vector of a binary rawfile, after the swept voltage; empty if there is none."""
    header, _, data = path.read_bytes().partition(b"Binary:\n")
    n_variables = re.search(rb"No. Variables: (\d+)", header)
    if n_variables is None:
        return np.empty(0)
    return np.frombuffer(data).reshape(-1, int(n_variables[1]))[:, 1]


def simulate(program: str, folder: Path, request: Request, theta: list[float]) -> Array:
    """Run ngspice on the deck of one θ."""
    deck, raw = folder / "deck.cir", folder / "deck.raw"
    deck.write_text(request.deck(theta), encoding="utf-8")
    # A run that fails must not leave the previous θ's curve to be read.
    raw.unlink(missing_ok=True)
    subprocess.run(  # noqa: S603 (the request is trusted)
        [program, "-b", deck, "-r", raw],
        check=False,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return request.complete(read_raw(raw) if raw.exists() else np.empty(0))


def main() -> None:
    """Answer the request."""
    request = read()
    program = shutil.which("ngspice")
    if program is None:
        sys.exit("ngspice is not installed")
    banner = subprocess.run(  # noqa: S603 (nothing but a flag)
        [program, "--version"], check=True, capture_output=True, text=True
    ).stdout
    version = re.search(r"ngspice-\S+", banner)
    with tempfile.TemporaryDirectory() as folder:
        answer(
            request,
            lambda thetas: [simulate(program, Path(folder), request, theta) for theta in thetas],
            version[0] if version else "ngspice",
        )


if __name__ == "__main__":
    main()
