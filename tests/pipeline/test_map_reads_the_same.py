"""What ``icp-xl map --yes`` writes reads the same lines as the run that it was written from, whatever the layout."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from icp_xl.cli import run
from icp_xl.pipeline.settings import resolve_settings
from icp_xl.sources import read_sources
from tests.support.sheets import write_book

HEADER = ["Date", "Customer", "Revenue"]
NAMES = ("Acme Tools", "Birch & Sons", "Cobalt Labs", "Delta Foods")


def lines(year: int) -> list[tuple[date, str, float]]:
    return [
        (date(year, month, 3 + 2 * at), name, 100.0 * month + at)
        for month in range(1, 13)
        for at, name in enumerate(NAMES)
    ]


def text(rows: list[list[object]], mark: str = ",") -> str:
    return "".join(mark.join(map(str, row)) + "\n" for row in rows)


def a_file_a_year(folder: Path) -> None:
    for year in (2022, 2023, 2024):
        rows: list[list[object]] = [list(HEADER), *map(list, lines(year))]
        (folder / f"Sales {year}.csv").write_text(text(rows))


def a_sheet_a_year(folder: Path) -> None:
    write_book(folder / "sales.xlsx", {f"Sales {year}": [HEADER, *map(list, lines(year))] for year in (2023, 2024)})


def look_ups_in_the_settings(folder: Path) -> None:
    rows = lines(2024)
    (folder / "lines.csv").write_text(text([["Doc", "Net"], *([f"D{at}", row[2]] for at, row in enumerate(rows))]))
    (folder / "docs.csv").write_text(
        text([["Doc", "Day", "Buyer", "State"],
              *([f"D{at}", row[0], row[1], "open" if at % 5 == 0 else "done"] for at, row in enumerate(rows))])
    )  # fmt: skip
    (folder / "own.yaml").write_text(
        "sources:\n  sales: {file: lines.csv, joins: [{key: Doc, file: docs.csv}]}\n"
        "columns:\n  sales: {date: Day, account_name: Buyer, revenue: Net}\n"
    )


def months_across(folder: Path) -> None:
    months = [date(2024, month, 1) for month in range(1, 13)]
    rows = [[name, *(row[2] for row in lines(2024) if row[1] == name)] for name in NAMES]
    write_book(folder / "sales.xlsx", {"Revenue": [["Customer", *months], *rows]})


def all_in_one_column(folder: Path) -> None:
    rows: list[list[object]] = [list(HEADER), *map(list, lines(2024))]
    write_book(folder / "sales.xlsx", {"Log": [[line] for line in text(rows, ";").splitlines()]})


def customers_above_their_lines(folder: Path) -> None:
    rows: list[list[object]] = [["Date", "Invoice", "Revenue"]]
    for name in NAMES:
        rows.append([name])
        rows += [[row[0], f"R{row[0]:%m}", row[2]] for row in lines(2024) if row[1] == name]
    write_book(folder / "sales.xlsx", {"Report": rows})


LAYOUTS = [a_file_a_year, a_sheet_a_year, look_ups_in_the_settings, months_across, all_in_one_column,
           customers_above_their_lines]  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: str(layout.__name__))
def test_the_settings_written_read_the_same_lines(
    tmp_path: Path, layout: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    layout(data)
    own = data / "own.yaml" if (data / "own.yaml").exists() else None
    before = read_sources(resolve_settings(own, {"paths.data": data})).sales
    assert before is not None and len(before.frame) >= 48
    written = tmp_path / "mapped.yaml"
    config = ["--config", str(own)] if own else []
    assert (
        run(["map", "--yes", "--data", str(data), "--out", str(tmp_path / "out"), "--write", str(written), *config])
        == 0
    )
    assert f"{len(before.frame):,} rows, revenue {before.frame['revenue'].sum():,.2f}" in capsys.readouterr().out
    after = read_sources(resolve_settings(written, {})).sales
    assert after is not None
    for column in ("date", "account_name", "revenue"):
        assert after.frame[column].tolist() == before.frame[column].tolist()
