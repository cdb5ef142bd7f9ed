"""``icp-xl whitespace`` with more pairs than memory should hold: the same list as Parquet, nothing half written."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest

from icp_xl.cli import run
from icp_xl.errors import Cancelled, DataError
from icp_xl.pipeline.whitespace.rank import REPORT
from icp_xl.sql.engine import DuckEngine
from tests.support.validator import validate
from tests.support.whitespace_output import CUTOFF

pytestmark = pytest.mark.filterwarnings("ignore:.*extension is not supported:UserWarning")
LARGE = ("--set", "whitespace.memory_pairs=100")
FOLDER = f"whitespace_{CUTOFF}"


@pytest.fixture
def made(whitespace_output: Path, tmp_path: Path) -> Path:
    """A copy of ``books`` and ``out``, with holds and contacts beside them."""
    folder = tmp_path / "made"
    shutil.copytree(whitespace_output, folder)
    scores = pd.read_parquet(folder / "out/state/icp_scores.parquet")
    some = scores.sample(40, random_state=1)[["account_id", "division"]]
    some.head(20).assign(reason="legal").to_csv(folder / "books/holds.csv", index=False)
    some.tail(20).assign(contacted_on="2024-12-20").to_csv(folder / "books/contacts.csv", index=False)
    return folder


def whitespace(made: Path, out: Path, *more: str) -> int:
    given = {
        "whitespace.challenger": "false", "whitespace.sheet_rows": "150", "whitespace.division_rows": "40",
        "whitespace.grid_rows": "30", "whitespace.exclusions": "holds.csv", "whitespace.contacts": "contacts.csv",
        "run.clock": "2025-01-02T09:00:00",
    }  # fmt: skip
    settings = [part for name, value in given.items() for part in ("--set", f"{name}={value}")]
    return run(["whitespace", "--data", str(made / "books"), "--out", str(out), *settings, *more])


def listed(out: Path) -> pd.DataFrame:
    return pd.concat([pd.read_parquet(path) for path in sorted((out / FOLDER).glob("*.parquet"))], ignore_index=True)


def cells(out: Path) -> dict[str, list[tuple[Any, ...]]]:
    book = openpyxl.load_workbook(out / REPORT, read_only=True)
    return {name: list(book[name].iter_rows(values_only=True)) for name in book.sheetnames}


def files(out: Path) -> dict[str, bytes]:
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def test_the_same_list_workbook_and_figures(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    for out, more in ((small, ()), (large, LARGE)):
        shutil.copytree(made / "out", out)
        assert whitespace(made, out, *more) == 0, capsys.readouterr().err
    told = capsys.readouterr()
    assert "more than whitespace.memory_pairs (100)" in told.err + told.out and f"{FOLDER}/" in told.out
    whole, ours = pd.read_parquet(small / "state/whitespace.parquet"), listed(large)
    for name in ("account_id", "account_name", "rep", "division", "removed_by", "state", "status"):
        assert ours[name].tolist() == whole[name].tolist(), name
    for name in ("rank", "score", "expected_value", "p_icp"):
        ranked = pd.to_numeric(whole[name]).to_numpy(dtype=float, na_value=float("nan"))
        assert ours[name].to_numpy(dtype=float, na_value=float("nan")) == pytest.approx(
            ranked, abs=1.1e-12, nan_ok=True
        )
    assert ours["removed_by"].isin(["legal or other hold", "recent contact", "open deal"]).sum() > 20
    metrics = [json.loads((out / f"whitespace_metrics_{CUTOFF}.json").read_text()) for out in (small, large)]
    rates = [body["holdout"].pop("expected_rate") for body in metrics]  # A mean, whose last digit hangs on the order.
    assert metrics[0] == metrics[1] and rates[0] == pytest.approx(rates[1], rel=1e-14)
    for name in (f"thresholds_{FOLDER}.csv", "state/whitespace_states.parquet"):
        assert (small / name).read_bytes() == (large / name).read_bytes(), name
    given = [pd.read_parquet(next((out / "state/lists").glob("*"))) for out in (small, large)]
    in_order = [frame.sort_values(["account_id", "division"], ignore_index=True) for frame in given]
    pd.testing.assert_frame_equal(*in_order)
    assert not validate(large / REPORT) and json.loads((large / "schema_whitespace.json").read_text())["valid"]
    books = [cells(out) for out in (small, large)]
    assert list(books[0]) == list(books[1])
    for name in set(books[0]) - {"About", "Whitespace Metrics"}:
        a, b = ([row for row in book[name] if "best first" not in str(row[0])] for book in books)
        assert a == b, name


def test_a_second_run_obeys_what_was_typed_and_drops_the_other_form(made: Path) -> None:
    out = made / "out"
    assert whitespace(made, out, "--quiet") == 0 and (out / f"{FOLDER}.csv").is_file()
    assert whitespace(made, out, "--quiet", *LARGE) == 0
    assert not list(out.glob(f"whitespace*_{CUTOFF}.csv")) and not (out / ".icp_staging").exists()
    best = listed(out).iloc[0]
    book = openpyxl.load_workbook(out / REPORT)
    sheet = book["Whitespace"]
    header = next(row for row in sheet.iter_rows() if "Status" in [cell.value for cell in row])
    place = [cell.value for cell in header].index("Status")
    assert sheet.cell(header[0].row + 1, 3).value == best["account_id"]
    sheet.cell(header[0].row + 1, place + 1).value = "Won"
    book.save(out / REPORT)
    assert whitespace(made, out, "--quiet", *LARGE) == 0
    frame = listed(out).set_index(["account_id", "division"])
    assert frame.loc[(best["account_id"], best["division"]), "removed_by"] == "marked won"
    assert whitespace(made, out, "--quiet") == 0
    assert not list((out / FOLDER).glob("*")) and (out / f"{FOLDER}.csv").is_file()


@pytest.mark.parametrize("error", [Cancelled(), DataError("the disk is full")], ids=["cancelled", "disk full"])
def test_what_stops_half_way_leaves_everything_as_it_was(
    made: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    out = made / "out"
    before = {name: body for name, body in files(out).items() if not name.startswith("runs/")}
    plain, written = DuckEngine.write_parquet, []

    def stops(self: DuckEngine, query: Any, path: Path, **more: Any) -> None:
        if len(written) == 2:
            raise error
        written.append(path)
        plain(self, query, path, **more)

    monkeypatch.setattr(DuckEngine, "write_parquet", stops)
    assert whitespace(made, out, "--quiet", *LARGE) != 0 and len(written) == 2
    assert {name: body for name, body in files(out).items() if not name.startswith(("runs/", ".icp_xl"))} == {
        name: body for name, body in before.items() if not name.startswith(".icp_xl")
    }
    assert not (out / ".icp_staging").exists() and not (out / FOLDER).exists()
