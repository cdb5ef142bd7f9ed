"""Rows that repeat the money of others are no sales, whatever they are called; lines that only look so stay."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from icp_xl.sources import read_sources
from tests.support.sheets import settings_for, write_book

Line = tuple[date | str | None, str | None, float]
HEADER = ["Date", "Customer", "Revenue"]
NAMES = ("Acme Tools", "Birch & Sons", "Cobalt Labs", "Delta Foods", "Ember Energy")


def log(seed: int, count: int = 60, step: float = 0.01) -> list[Line]:
    chance = random.Random(seed)
    days = sorted(chance.randrange(360) for _ in range(count))
    return [
        (date(2024, 1, 1) + timedelta(day), chance.choice(NAMES), round(chance.randrange(100, 90_000) * step, 2))
        for day in days
    ]


def total(lines: list[Line]) -> float:
    return round(sum(line[2] for line in lines), 2)


def by_month(lines: list[Line], called: Callable[[int], str | None], day: bool) -> list[Line]:
    out: list[Line] = []
    for month in range(1, 13):
        own = [line for line in lines if isinstance(line[0], date) and line[0].month == month]
        out += own
        if len(own) > 1:
            out.append((own[-1][0] if day else None, called(month), total(own)))
    return out


def all_customers(lines: list[Line]) -> list[Line]:
    return by_month(lines, lambda month: "All customers", day=True)


def own_totals(lines: list[Line]) -> list[Line]:
    out: list[Line] = []
    for name in NAMES:
        own = [line for line in lines if line[1] == name]
        out += [*own, (date(2024, 12, 31), name, total(own))]
    return out


def pages(lines: list[Line], carried: str = "Carried forward", brought: str = "Brought forward") -> list[Line]:
    out: list[Line] = []
    for at in range(0, len(lines), 20):
        if at:
            out.append((None, brought, total(lines[:at])))
        out += [*lines[at : at + 20], (None, carried, total(lines[: at + 20]))]
    return out


def balances(opening: str, closing: str) -> Callable[[list[Line]], list[Line]]:
    return lambda lines: [
        (date(2024, 1, 1), opening, 5555.55), *lines, (date(2024, 12, 31), closing, 5555.55 + total(lines))
    ]  # fmt: skip


LAYOUTS: dict[str, Callable[[list[Line]], list[Line]]] = {
    "all customers": all_customers,
    "the last line of each": own_totals,
    "pages": pages,
    "pages in German": lambda lines: pages(lines, "Übertrag", "Übertrag"),
    "pages in French": lambda lines: pages(lines, "À reporter", "Report antérieur"),
    "balances": balances("Opening balance", "Closing balance"),
    "balances in Spanish": balances("Saldo inicial", "Saldo final"),
    "balances in German": balances("Saldovortrag", "Endsaldo"),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("seed", range(3))
def test_sums_are_left_out_and_said(tmp_path: Path, layout: Callable[[list[Line]], list[Line]], seed: int) -> None:
    lines = log(seed)
    rows = [list(line) for line in layout(lines)]
    write_book(tmp_path / "sales.xlsx", {"Log": [HEADER, *rows]})
    sources = read_sources(settings_for(tmp_path))
    assert sources.sales is not None
    assert len(sources.sales.frame) == len(lines)
    assert sources.sales.frame["revenue"].sum() == pytest.approx(total(lines))
    assert f"{len(rows) - len(lines):,} total rows are left out" in " ".join(sources.warnings)


def test_titles_of_pages_are_no_lines(tmp_path: Path) -> None:
    lines = log(4)
    rows: list[list[object]] = []
    for at in range(0, len(lines), 20):
        rows += [["Sales Journal", f"Page {at // 20 + 1}"], HEADER, *map(list, lines[at : at + 20]),
                 ["Carried forward", None, total(lines[: at + 20])]]  # fmt: skip
    write_book(tmp_path / "sales.xlsx", {"Log": rows})
    table = read_sources(settings_for(tmp_path)).sales
    assert table is not None and len(table.frame) == len(lines)
    assert not table.tally.lost and table.flags.empty


@pytest.mark.parametrize("seed", range(12))
def test_plain_logs_lose_nothing(tmp_path: Path, seed: int) -> None:
    """Round amounts, sorted by customer or by day, companies that are called like a sum."""
    lines = log(seed, count=40, step=(0.01, 1.0, 100.0)[seed % 3])
    if seed % 3:
        lines = [(day, name, float(round(amount, -2) or 100)) for day, name, amount in lines]
    if seed % 2:
        lines.sort(key=lambda line: (str(line[1]), str(line[0])))
    called = {"Acme Tools": "Transport", "Birch & Sons": "Balance AG", "Cobalt Labs": "All Customers Ltd"}
    lines = [(day, called.get(str(name), name), amount) for day, name, amount in lines]
    write_book(tmp_path / "sales.xlsx", {"Log": [HEADER, *map(list, lines)]})
    table = read_sources(settings_for(tmp_path)).sales
    assert table is not None and len(table.frame) == 40
    assert table.frame["revenue"].sum() == pytest.approx(total(lines))


@pytest.mark.parametrize("called", ["Overall", "Alle zusammen", "Σ", None])
@pytest.mark.parametrize("first", [False, True])
def test_a_dated_total_by_any_name_at_either_end_is_no_sale(tmp_path: Path, called: str | None, first: bool) -> None:
    lines = log(7, 12)
    line: Line = (date(2024, 12, 31), called, total(lines))
    write_book(tmp_path / "sales log.xlsx", {"Sales": [HEADER, *([line, *lines] if first else [*lines, line])]})
    found = read_sources(settings_for(tmp_path))
    assert found.sales is not None
    assert found.sales.frame["revenue"].sum() == pytest.approx(total(lines))
    assert called is None or any("left out as a total" in warning for warning in found.warnings)


def test_a_last_line_that_only_nearly_sums_or_is_a_known_account_stays(tmp_path: Path) -> None:
    lines = log(8, 12)
    for k, line in enumerate(
        [(date(2024, 12, 31), "Overall", total(lines) + 0.02), (date(2024, 12, 31), NAMES[0], 1.0)]
    ):
        folder = tmp_path / str(k)
        folder.mkdir()
        write_book(folder / "sales log.xlsx", {"Sales": [HEADER, *lines, line]})
        found = read_sources(settings_for(folder))
        assert found.sales is not None
        assert found.sales.frame["revenue"].sum() == pytest.approx(total(lines) + line[2])
