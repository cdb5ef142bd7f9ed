"""Amounts that the file says are thousands or millions are counted in ones, and that is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from icp_xl.sources import read_sources
from tests.support.sheets import settings_for, write_book

K, M, LAKH, CRORE = 1e3, 1e6, 1e5, 1e7
HEADERS = {
    "Revenue (in thousands)": K, "Net Sales (k EUR)": K, "Umsatz TEUR": K, "Umsatz in T€": K, "Revenue ($000)": K,
    "Omsättning (tkr)": K, "Importe (miles de euros)": K, "Выручка, тыс. руб.": K, "売上（千円）": K,
    "Revenue (USD'000)": K, "Valor (R$ mil)": K, "Összeg eFt": K, "Beløp i 1000 kr": K, "Revenue USD 000": K,
    "Revenue ($M)": M, "Net Sales (in millions)": M, "Umsatz (Mio. €)": M, "売上（百万円）": M,
    "Revenue (₹ in Lakhs)": LAKH, "Revenue (₹ Cr)": CRORE,
    # These count in ones, whatever stands behind them.
    "Revenue (USD)": 1, "Net Amount (KWD)": 1, "Net Amount (AED)": 1, "Umsatz (netto)": 1, "Revenue M": 1,
    "Amount in EUR": 1,
}  # fmt: skip


def read(folder: Path, rows: list[list[object]], **more: object) -> tuple[float, str]:
    write_book(folder / "sales.xlsx", {"Log": rows})
    sources = read_sources(settings_for(folder, **more))
    assert sources.sales is not None and len(sources.sales.frame) == 3
    return float(sources.sales.frame["revenue"].sum()), " ".join(sources.warnings)


def lines(header: str = "Revenue", *between: list[object]) -> list[list[object]]:
    rows = [[f"2024-03-{day}", name, amount] for day, name, amount in ((14, "A", 12.5), (15, "B", 20.25), (16, "C", 7))]
    return [["Date", "Customer", header], *between, *rows]


@pytest.mark.parametrize(("header", "factor"), list(HEADERS.items()))
def test_by_the_header(tmp_path: Path, header: str, factor: float) -> None:
    total, said = read(tmp_path, lines(header))
    assert total == pytest.approx(39.75 * factor)
    assert (f"units of {factor:,.0f}" in said) == (factor != 1)


@pytest.mark.parametrize("title", ["All amounts in thousands of USD", "Angaben in TEUR", "(in thousands)"])
def test_by_a_title(tmp_path: Path, title: str) -> None:
    total, said = read(tmp_path, [["Sales by customer"], [title], [], *lines()])
    assert total == pytest.approx(39_750) and "units of 1,000" in said


@pytest.mark.parametrize("unit", ["k€", "TEUR", "in thousands"])
def test_by_the_row_below(tmp_path: Path, unit: str) -> None:
    assert read(tmp_path, lines("Revenue", ["", "", unit]))[0] == pytest.approx(39_750)


@pytest.mark.parametrize(
    "title",
    [
        "Sales in 2024",
        "Report of March",
        "Sales in Germany",
        "Run in 3 s",
        "M",
        "Store 000",
        "1,000",
        "Budget: 250,000",
    ],
)
def test_a_title_of_something_else(tmp_path: Path, title: str) -> None:
    total, said = read(tmp_path, [[title], [], *lines()])
    assert total == pytest.approx(39.75) and "units of" not in said


def test_the_settings_decide(tmp_path: Path) -> None:
    total, said = read(tmp_path, lines("Revenue (in thousands)"), sources__sales__multiply={"revenue": 1})
    assert total == pytest.approx(39.75) and "units of" not in said


@pytest.mark.parametrize("cell", ["12,5 T€", "12,5 TEUR", "12,5 tkr"])
def test_thousands_in_the_cells(tmp_path: Path, cell: str) -> None:
    rows = [row[:2] + [cell] if at else row for at, row in enumerate(lines())]
    assert read(tmp_path, rows)[0] == pytest.approx(37_500)
