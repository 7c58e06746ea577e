"""Fixtures: workers shared by a test session, and small systems written to disk."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from spicebuf.deck import Bench, bench
from spicebuf.netlist import Template, bundled_path, read_template
from spicebuf.pools import Pool
from spicebuf.prior import draw
from spicebuf.sweep import simulators
from spicebuf.system import Component

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


@pytest.fixture(scope="session")
def pool() -> Iterator[Pool]:
    with simulators(1) as workers:
        yield workers


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    """Write a text file into the test's folder and return its path."""

    def write_file(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
        return path

    return write_file


@pytest.fixture
def on_bench() -> Callable[..., Bench]:
    """Put a template, bundled by name or read, on the bench with all its θ."""

    def put(template: str | Template, n_points: int = 101, batch: int | None = None) -> Bench:
        if isinstance(template, str):
            template = read_template(bundled_path(template))
        return bench(Component("c", template, {}, template.priors), 5.0, 27.0, n_points, batch)

    return put


@pytest.fixture
def random_theta() -> Callable[..., NDArray[np.float64]]:
    """Draw θ of a bundled template from its prior."""

    def drawn(name: str, n: int, seed: int = 0) -> NDArray[np.float64]:
        priors = read_template(bundled_path(name)).priors
        return draw(list(priors.values()), n, np.random.default_rng(seed))

    return drawn
