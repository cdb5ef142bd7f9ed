"""Reports with periods across the columns: sums among them are no sales, and no telling name is needed."""

from __future__ import annotations

import random
from datetime import date
from pathlib import Path

import pytest

from icp_xl.sources import read_sources
from tests.support.sheets import settings_for, write_book

NAMES = ("Acme Tools", "Birch & Sons", "Cobalt Labs", "Delta Foods", "Ember Energy", "Fjord Marine")
GERMAN = ["Jan", "Feb", "Mrz", "Apr", "Mai", "Jun", "Jul", "Aug", "Sep", "Okt", "Nov", "Dez"]
Rows = list[list[object]]


def amounts(seed: int, count: int) -> list[list[int]]:
    chance = random.Random(seed)
    return [[chance.randrange(100, 90_000) for _ in range(count)] for _ in NAMES]


def months(figures: list[list[int]]) -> Rows:
    return [["Kunde", *(f"{month} 24" for month in GERMAN)], *([n, *f] for n, f in zip(NAMES, figures, strict=True))]


def real_dates(figures: list[list[int]]) -> Rows:
    return [["Account", *(date(2024, m, 1) for m in range(1, 13))],
            *([n, *f] for n, f in zip(NAMES, figures, strict=True))]  # fmt: skip


def quarter_totals(figures: list[list[int]]) -> Rows:
    rows: Rows = [["Customer"]]
    for month in range(1, 13):
        rows[0].append(f"2024-{month:02}")
        rows[0] += [f"Q{month // 3} 2024"] if month % 3 == 0 else []
    rows[0] += ["2024 Total", "Share"]
    for name, own in zip(NAMES, figures, strict=True):
        row: list[object] = [name]
        for at in range(0, 12, 3):
            row += [*own[at : at + 3], sum(own[at : at + 3])]
        rows.append([*row, sum(own), 0.1])
    return rows


def total_rows(figures: list[list[int]]) -> Rows:
    rows = months(figures)
    first, second = figures[:3], figures[3:]
    parts: Rows = [["All of the north", *map(sum, zip(*first, strict=True))]]
    rest: Rows = [
        ["All of the south", *map(sum, zip(*second, strict=True))],
        ["Everybody", *map(sum, zip(*figures, strict=True))],
    ]
    return [*rows[:4], *parts, *rows[4:], *rest]


LAYOUTS = (months, real_dates, quarter_totals, total_rows)


@pytest.mark.parametrize("name", ["sales.xlsx", "Auswertung 7.xlsx"])
@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: str(layout.__name__))
@pytest.mark.parametrize("seed", range(2))
def test_every_amount_once(tmp_path: Path, layout: object, name: str, seed: int) -> None:
    figures = amounts(seed, 12)
    write_book(tmp_path / name, {"Blatt": layout(figures)})  # type: ignore[operator]
    sources = read_sources(settings_for(tmp_path))
    assert sources.sales is not None
    frame = sources.sales.frame
    assert len(frame) == 72 and frame["revenue"].sum() == sum(map(sum, figures))
    assert sorted(set(frame["account_name"])) == sorted(NAMES)
    by_month = frame.groupby(frame["date"].dt.month)["revenue"].sum()
    assert by_month.tolist() == [sum(column) for column in zip(*figures, strict=True)]


def test_quarters_with_yearly_totals(tmp_path: Path) -> None:
    figures = amounts(5, 8)
    head = [f"Q{q} {year}" if q < 5 else f"{year} Total" for year in (2023, 2024) for q in range(1, 6)]
    rows = [[n, *f[:4], sum(f[:4]), *f[4:], sum(f[4:])] for n, f in zip(NAMES, figures, strict=True)]
    write_book(tmp_path / "sales.xlsx", {"S": [["Customer", *head], *rows]})
    sources = read_sources(settings_for(tmp_path))
    assert sources.sales is not None and sources.sales.frame["revenue"].sum() == sum(map(sum, figures))
    assert any("2023 Total, 2024 Total hold sums" in text for text in sources.warnings)


def test_a_month_that_happens_to_be_a_sum_stays(tmp_path: Path) -> None:
    rows = [["Acme", 1, 2, 3, 5], ["Beta", 2, 2, 4, 1], ["Ceta", 5, 1, 6, 2]]
    write_book(tmp_path / "sales.xlsx", {"S": [["Customer", *(date(2024, m, 1) for m in range(1, 5))], *rows]})
    table = read_sources(settings_for(tmp_path)).sales
    assert table is not None and len(table.frame) == 12 and table.frame["revenue"].sum() == 34


def test_customers_above_their_lines_in_a_file_of_any_name(tmp_path: Path) -> None:
    rows: Rows = [["Detail"], [], ["", "Date", "Num", "Amount"]]
    for at, name in enumerate(NAMES):
        rows += [[name], *(["", date(2024, month, 5), f"N{at}{month}", 10.5 * month] for month in range(1, 5))]
        rows.append([f"Total for {name}", "", "", 105.0])
    write_book(tmp_path / "report.xlsx", {"Detail": rows})
    table = read_sources(settings_for(tmp_path)).sales
    assert table is not None and len(table.frame) == 24 and table.frame["revenue"].sum() == 630
