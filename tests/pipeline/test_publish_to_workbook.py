"""The last stage of ``run``: a workbook is written only when named, from then on again and again, or as a copy."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from icp_xl.commands.run_all import stages as stages_of_run
from icp_xl.config import load_settings
from icp_xl.pipeline import run_all
from icp_xl.runs import RunContext, start_run
from icp_xl.samples import write_samples
from icp_xl.sources import open_book

CUSTOMERS = "JY - Customer Analysis - Customer Segmentation.xlsx"
LAST = tuple(stage for stage in stages_of_run() if stage.name == "write-back")
ALL = tuple(stage for stage in stages_of_run() if stage.name == "report") + LAST


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sample workbooks, and the output of a run on them that wrote nothing back."""
    folder = tmp_path_factory.mktemp("scored")
    write_samples(folder / "books", accounts=120, lines=1500)
    before = bytes_of(folder / "books")
    run, _ = run_stages(folder / "books", stages=ALL)
    assert bytes_of(folder / "books") == before and not run.statuses
    assert not (folder / "out" / "written_back").exists()
    return folder


@pytest.fixture
def books(scored: Path, tmp_path: Path) -> Path:
    shutil.copytree(scored, tmp_path / "copy")
    return tmp_path / "copy" / "books"


def run_stages(
    books: Path, command: str = "run", stages: tuple[run_all.Stage, ...] = LAST, **after_run: object
) -> tuple[RunContext, list[str]]:
    keys = {f"delivery.after_run.{name}": value for name, value in after_run.items()}
    settings = load_settings(
        overrides={"paths.data": books, "paths.out": books.parent / "out", "delivery.backups": 2, **keys}, environ={}
    )
    with start_run(command, settings) as run:
        lines = run_all.run_all(run, stages).summary()
    return run, lines


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_a_run_touches_no_workbook_unasked(books: Path) -> None:
    before = bytes_of(books)
    run_stages(books)
    assert bytes_of(books) == before and not (books.parent / "out" / "written_back").exists()


def test_the_demo_shows_it_on_a_copy(books: Path) -> None:
    before = bytes_of(books)
    _, lines = run_stages(books, "demo")
    assert bytes_of(books) == before
    made = books.parent / "out" / "written_back" / CUSTOMERS
    assert any(str(made) in line for line in lines)
    names = open_book(made).sheet_names()
    assert names[0] == "Read me" and {"Summary", "Scored Accounts", "ICP Functions", "ICP Accounts"} <= set(names)
    rows = open_book(made).head("Customer List", 6)
    assert list(rows[4][-5:]) == ["ICP Score", "ICP Grade", "ICP Rank", "ICP Segment", "ICP Reasons"]
    assert not [path for path in made.parent.iterdir() if path.name != CUSTOMERS]


def test_a_named_workbook_is_brought_up_to_date_and_still_read_as_before(books: Path) -> None:
    state = books.parent / "out" / "state" / "scored_accounts.parquet"
    expected = pd.read_parquet(state)
    for at in range(2):
        run, lines = run_stages(books, stages=ALL, workbook=CUSTOMERS, sheets=["Scored Accounts"], columns="Acct ID")
        assert not run.statuses
        assert any("1 replaced" in line for line in lines) == (at == 1)
        pd.testing.assert_frame_equal(pd.read_parquet(state), expected)
    backups = books / "ICP backups"
    assert len(list(backups.iterdir())) == 2
    names = open_book(books / CUSTOMERS).sheet_names()
    assert names.count("Scored Accounts") == 1


def test_all_sheets_and_no_columns_by_default(books: Path) -> None:
    run_stages(books, workbook=books / CUSTOMERS, copy_only=True)
    made = open_book(books.parent / "out" / "written_back" / CUSTOMERS)
    assert {"Summary", "Method", "About"} <= set(made.sheet_names())
    assert "ICP Score" not in made.head("Customer List", 6)[4]


@pytest.mark.parametrize(
    ("after_run", "said"),
    [
        ({"workbook": "none.xlsx"}, "does not exist"),
        ({"workbook": CUSTOMERS, "columns": "No such column"}, "no column"),
        ({"workbook": CUSTOMERS, "sheets": ["Nope"]}, "no sheet called Nope"),
        ({"workbook": CUSTOMERS, "columns": "Acct ID", "fields": ["nope"]}, "no result called nope"),
        ({"workbook": CUSTOMERS, "columns": "Acct ID", "copy_only": True, "sheets": ["Nope"]}, "no sheet called Nope"),
    ],
)
def test_what_cannot_be_put_in_stops_nothing_else(books: Path, after_run: dict[str, object], said: str) -> None:
    before = bytes_of(books)
    run, _ = run_stages(books, **after_run)
    assert said in run.statuses["write-back"]
    assert bytes_of(books) == before
    assert (books.parent / "out" / "icp_report.xlsx").is_file()
    assert not (books.parent / "out" / "written_back").exists()


def test_a_workbook_that_is_open_is_left_alone(books: Path) -> None:
    (books / f"~${CUSTOMERS}").write_bytes(b"\x05Maria" + b" " * 159)
    before = (books / CUSTOMERS).read_bytes()
    run, _ = run_stages(books, workbook=CUSTOMERS)
    assert "open" in run.statuses["write-back"]
    assert (books / CUSTOMERS).read_bytes() == before
