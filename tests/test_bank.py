"""Banks on disk: complete, growing, resumable, and never used for another question."""

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray

from spicebuf.bank import Bank, open_bank
from spicebuf.deck import Bench, Stretch
from spicebuf.errors import BankError
from spicebuf.ngspice import Status
from spicebuf.prior import parse_prior
from spicebuf.simulate import Curves
from spicebuf.source import Source

OnBench = Callable[..., Bench]
PRIORS = {"r1": parse_prior("loguniform(100, 100k)"), "r2": parse_prior("loguniform(100, 100k)")}
SOURCE = Source("monte-carlo", PRIORS, 0, "divider")
BLOCK = 4096
GRID = Source("enumeration", {name: parse_prior("grid(1, 2, 3)") for name in PRIORS}, None, "d")


def divide(on: Bench, theta: NDArray[np.float64]) -> Curves:
    gain = theta[:, 1] / theta.sum(axis=1)
    status = np.full(len(theta), Status.TRUSTED, dtype=np.uint8)
    return Curves(gain[:, None, None] * on.vin, status, np.zeros_like(status))


def fill(bank: Bank, n: int, stop_after: int | None = None) -> list[range]:
    pending = bank.pending(n)[:stop_after]
    for rows in pending:
        theta = bank.theta(rows)
        bank.write(rows, theta, divide(bank.bench, theta))
    return pending


def contents(bank: Bank, n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    with xr.open_zarr(bank.path) as data:
        theta = data.theta.values[:n]
    return theta, np.concatenate([curves.vout for curves in bank.read(n)])


def test_a_bank_opens_in_xarray_with_names_and_units(tmp_path: Path, on_bench: OnBench) -> None:
    bank = open_bank(tmp_path, on_bench("resistor_divider"), SOURCE, "39", 300)
    fill(bank, 300)
    with warnings.catch_warnings(action="error"), xr.open_zarr(bank.path) as data:
        assert dict(data.sizes) == {"sample": 300, "parameter": 2, "branch": 1, "vin": 101}
        assert list(data.parameter.values) == ["r1", "r2"]
        assert (data.vout.attrs["units"], data.vin.attrs["units"]) == ("V", "V")
        assert (data.status == 0).all()
        gain = data.theta[:, 1] / data.theta.sum("parameter")
        np.testing.assert_allclose(data.vout.isel(branch=0), gain * data.vin, rtol=1e-6)
        assert data.attrs["key"]["ngspice"] == "39"


def test_a_bank_cut_short_goes_on_where_it_stopped(tmp_path: Path, on_bench: OnBench) -> None:
    on, n = on_bench("resistor_divider"), 3 * BLOCK + 5
    bank = open_bank(tmp_path, on, SOURCE, "39", n)
    assert fill(bank, n, stop_after=2) == [range(BLOCK), range(BLOCK, 2 * BLOCK)]
    again = open_bank(tmp_path, on, SOURCE, "39", n)
    assert fill(again, n) == [range(2 * BLOCK, 3 * BLOCK), range(3 * BLOCK, 3 * BLOCK + 128)]
    assert again.pending(n) == []


def test_a_grown_bank_equals_one_made_at_once(tmp_path: Path, on_bench: OnBench) -> None:
    on = on_bench("resistor_divider")
    n_all = 2 * BLOCK + 100
    for n in (100, BLOCK + 7, n_all):
        grown = open_bank(tmp_path / "a", on, SOURCE, "39", n)
        fill(grown, n)
    whole = open_bank(tmp_path / "b", on, SOURCE, "39", n_all)
    fill(whole, n_all)
    for a, b in zip(contents(grown, n_all), contents(whole, n_all), strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(contents(grown, 100), contents(whole, n_all), strict=True):
        np.testing.assert_array_equal(a, b[:100])


def test_growth_simulates_only_what_is_new(tmp_path: Path, on_bench: OnBench) -> None:
    """All but the members of one group of decks that was cut at the old end."""
    on = on_bench("resistor_divider")
    for n, expected in (
        (256, [range(256)]),
        (BLOCK + 128, [range(256, BLOCK), range(BLOCK, BLOCK + 128)]),
        (BLOCK + 133, [range(BLOCK + 128, BLOCK + 256)]),
        (BLOCK + 140, [range(BLOCK + 128, BLOCK + 256)]),
    ):
        assert fill(open_bank(tmp_path, on, SOURCE, "39", n), n) == expected


def test_asking_for_fewer_needs_nothing_new(tmp_path: Path, on_bench: OnBench) -> None:
    on = on_bench("resistor_divider")
    fill(open_bank(tmp_path, on, SOURCE, "39", 1000), 1000)
    smaller = open_bank(tmp_path, on, SOURCE, "39", 100)
    assert smaller.pending(100) == []
    assert smaller.n == 1000


def test_every_grid_point_once(tmp_path: Path, on_bench: OnBench) -> None:
    bank = open_bank(tmp_path, on_bench("resistor_divider"), GRID, "39", 9)
    fill(bank, 9)
    theta, _ = contents(bank, 9)
    assert sorted(map(tuple, theta)) == [(a, b) for a in (1, 2, 3) for b in (1, 2, 3)]


def test_whatever_the_curves_depend_on_makes_another_bank(
    tmp_path: Path, on_bench: OnBench
) -> None:
    on = on_bench("resistor_divider")
    other_prior = {**PRIORS, "r2": parse_prior("loguniform(100, 10k)")}
    variants = [
        (on, SOURCE, "39"),
        (on, SOURCE, "42"),
        (replace(on, definitions=(*on.definitions, ".param k=1")), SOURCE, "39"),
        (replace(on, vdd=3.3), SOURCE, "39"),
        (replace(on, temperature=85.0), SOURCE, "39"),
        (replace(on, stretches=(Stretch(0.0, 5.0, 51),)), SOURCE, "39"),
        (replace(on, batch=8), SOURCE, "39"),
        (replace(on, watched=("out",)), SOURCE, "39"),
        (replace(on, fixed=(("r3", 1.0),)), SOURCE, "39"),
        (on, replace(SOURCE, seed=1), "39"),
        (on, replace(SOURCE, stream="other"), "39"),
        (on, replace(SOURCE, priors=other_prior), "39"),
    ]
    paths = {open_bank(tmp_path, b, source, v, 1).path for b, source, v in variants}
    assert len(paths) == len(variants)


def test_the_order_of_parameters_is_part_of_the_key(tmp_path: Path, on_bench: OnBench) -> None:
    on = on_bench("resistor_divider")
    turned = replace(SOURCE, priors=dict(reversed(PRIORS.items())))
    paths = {open_bank(tmp_path, on, source, "39", 1).path for source in (SOURCE, turned)}
    assert len(paths) == 2


def test_solver_options_are_part_of_the_key(
    tmp_path: Path, on_bench: OnBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    on = on_bench("resistor_divider")
    first = open_bank(tmp_path, on, SOURCE, "39", 1).path
    monkeypatch.setattr("spicebuf.bank.SOLVER_OPTIONS", "reltol=1e-7")
    assert open_bank(tmp_path, on, SOURCE, "39", 1).path != first


def test_a_bank_of_another_version_is_left_alone(
    tmp_path: Path, on_bench: OnBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    on = on_bench("resistor_divider")
    with monkeypatch.context() as patch:
        patch.setattr("spicebuf.bank.FORMAT", 1)
        old = open_bank(tmp_path, on, SOURCE, "39", 10)
    fill(old, 10)
    assert open_bank(tmp_path, on, SOURCE, "39", 10).pending(10) == [range(128)]
    assert old.pending(10) == []


def test_components_of_one_system_are_drawn_independently() -> None:
    a, b = (replace(SOURCE, stream=name).theta(0, BLOCK) for name in ("first", "second"))
    assert not np.isin(a, b).any()
    np.testing.assert_array_equal(a, replace(SOURCE, stream="first").theta(0, BLOCK))


def test_two_processes_do_not_write_one_bank(tmp_path: Path, on_bench: OnBench) -> None:
    on = on_bench("resistor_divider")
    bank = open_bank(tmp_path, on, SOURCE, "39", 10)
    with bank.locked(), pytest.raises(BankError, match="another process is writing it"):
        open_bank(tmp_path, on, SOURCE, "39", 10)


def test_a_damaged_bank_is_named(tmp_path: Path, on_bench: OnBench) -> None:
    on = on_bench("resistor_divider")
    bank = open_bank(tmp_path, on, SOURCE, "39", 10)
    (bank.path / "status" / "zarr.json").write_text("{")
    with pytest.raises(BankError, match="damaged"):
        open_bank(tmp_path, on, SOURCE, "39", 10)


@pytest.mark.parametrize("name", ["vout", "status", "theta"])
@pytest.mark.parametrize("harm", ["truncate", "flip", "remove"])
def test_a_damaged_chunk_is_noticed_and_simulated_again(
    tmp_path: Path, on_bench: OnBench, name: str, harm: str
) -> None:
    n = 2 * BLOCK + 9
    bank = open_bank(tmp_path, on_bench("resistor_divider"), SOURCE, "39", n)
    fill(bank, n)
    before = contents(bank, n)
    chunk = sorted(path for path in (bank.path / name / "c").rglob("*") if path.is_file())[1]
    data = bytearray(chunk.read_bytes())
    data[len(data) // 2] ^= 1
    if harm == "remove":
        chunk.unlink()
    else:
        chunk.write_bytes(data if harm == "flip" else data[: len(data) // 2])
    if name == "vout" or (harm, name) in {("truncate", "status"), ("flip", "status")}:
        with pytest.raises(BankError, match=r"damaged.*delete the folder"):
            list(bank.read(n))
    assert bank.drop_damaged(n) == (0 if (harm, name) == ("remove", "status") else 1)
    assert fill(bank, n) == [range(BLOCK, 2 * BLOCK)]
    for a, b in zip(contents(bank, n), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_the_disk_refuses_is_not_thrown_away(
    tmp_path: Path, on_bench: OnBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = open_bank(tmp_path, on_bench("resistor_divider"), SOURCE, "39", 10)
    fill(bank, 10)
    before = contents(bank, 10)

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr("spicebuf.bank._read_block", refuse)
        with pytest.raises(BankError, match="Permission denied"):
            bank.drop_damaged(10)
    for a, b in zip(contents(bank, 10), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_a_killed_writer_left_is_removed(tmp_path: Path, on_bench: OnBench) -> None:
    """Chunks are written beside their place and then moved there."""
    on = on_bench("resistor_divider")
    bank = open_bank(tmp_path, on, SOURCE, "39", 10)
    fill(bank, 10)
    left = bank.path / "vout" / "c" / "0" / "0.1a2b.partial"
    left.write_bytes(b"half")
    open_bank(tmp_path, on, SOURCE, "39", 10)
    assert not left.exists()


def test_a_growth_cut_short_is_mended(tmp_path: Path, on_bench: OnBench) -> None:
    """Killed between two arrays, they differ in size until the bank is opened again."""
    on = on_bench("resistor_divider")
    bank = open_bank(tmp_path, on, SOURCE, "39", 10)
    bank._array("theta", "r+").resize((500, 2))
    bank = open_bank(tmp_path, on, SOURCE, "39", 10)
    fill(bank, 10)
    with warnings.catch_warnings(action="error"), xr.open_zarr(bank.path) as data:
        assert data.sizes["sample"] == 500
        assert (data.status[:10] == Status.TRUSTED).all()
        assert (data.status[128:] == Status.PENDING).all()


def test_a_folder_that_cannot_be_written(tmp_path: Path, on_bench: OnBench) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BankError, match="cannot be read or written"):
        open_bank(tmp_path / "file", on_bench("resistor_divider"), SOURCE, "39", 10)
