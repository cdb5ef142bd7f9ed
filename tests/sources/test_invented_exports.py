"""Exports as systems and people lay them out, each with its right figures, written down before it was read."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from icp_xl.errors import IcpError
from icp_xl.sources import Sources, read_sources
from tests.support.sheets import settings_for, write_book

DAYS = [date(2024, 1, 31), date(2024, 2, 15), date(2024, 3, 9), date(2024, 6, 30)]
NAMES = ["Alfa Tools", "Beta Pharma", "Gamma Foods", "Alfa Tools"]
AMOUNTS = [1234.5, 980.0, 15250.75, 77.25]
LINES = list(zip(DAYS, NAMES, AMOUNTS, strict=True))
TOTAL = sum(AMOUNTS)
MONTHS = (2100.0, 6, date(2024, 1, 1), date(2024, 3, 1))
FIGURES = [["Alfa", 100, 200, 300], ["Beta", 400, 500, 600]]


def read(folder: Path, rows: list[list[object]]) -> Sources:
    write_book(folder / "Sales Log.xlsx", {"Data": rows})
    return read_sources(settings_for(folder))


def figures(sources: Sources) -> tuple[float, int, date, date]:
    assert sources.sales is not None
    frame = sources.sales.frame
    assert frame[["date", "revenue"]].notna().all(axis=None)
    return (
        pytest.approx(float(frame["revenue"].sum())), len(frame),
        frame["date"].min().date(), frame["date"].max().date(),
    )  # fmt: skip


def said(sources: Sources) -> str:
    return " ".join(sources.warnings)


def doubled(*measures: str) -> list[list[object]]:
    """Two measures below each month, the second ten times what the months should hold."""
    head: list[object] = ["Customer"]
    below: list[object] = [None]
    for month in ("Jan 2024", "Feb 2024", "Mar 2024"):
        head += [month, None]
        below += measures
    return [head, below, *([name, *(x for cell in cells for x in (cell, cell * 10))] for name, *cells in FIGURES)]  # type: ignore[has-type]


def test_years_above_months(tmp_path: Path) -> None:
    rows: list[list[object]] = [["Customer", 2024, None, None], [None, "Jan", "Feb", "Mar"], *FIGURES]
    assert figures(read(tmp_path, rows)) == MONTHS


@pytest.mark.parametrize(("measures", "factor"), [(("Revenue", "Cost"), 1), (("Qty", "Revenue"), 10)])
def test_measures_below_months(tmp_path: Path, measures: tuple[str, str], factor: int) -> None:
    found = read(tmp_path, doubled(*measures))
    assert figures(found) == (MONTHS[0] * factor, *MONTHS[1:])
    other = next(name for name in measures if name != "Revenue")
    assert f"Revenue is read, and {other} left out" in said(found)


@pytest.mark.parametrize("measures", [("Plan", "Actual"), ("Qty", "Weight"), ("", "")])
def test_measures_that_nobody_knows_are_asked_about(tmp_path: Path, measures: tuple[str, str]) -> None:
    with pytest.raises(IcpError, match="columns are missing"):
        read(tmp_path, doubled(*measures))


def test_measures_above_months(tmp_path: Path) -> None:
    months = ["Jan 2024", "Feb 2024", "Mar 2024"]
    rows: list[list[object]] = [
        [None, "Units", None, None, "Sales", None, None], ["Customer", *months, *months],
        *([name, 1, 2, 3, *cells] for name, *cells in FIGURES),
    ]  # fmt: skip
    assert figures(read(tmp_path, rows)) == MONTHS


@pytest.mark.parametrize("measure", ["Fatturato {}", "{} Umsatz", "Ventes {}"])
def test_revenue_of_years_across_in_other_languages(tmp_path: Path, measure: str) -> None:
    head = ["Cliente", *(measure.format(year) for year in (2022, 2023, 2024))]
    assert figures(read(tmp_path, [head, *FIGURES])) == (2100.0, 6, date(2022, 1, 1), date(2024, 1, 1))


def test_revenue_and_cost_of_years_across_are_asked_about(tmp_path: Path) -> None:
    head = ["Customer", "Revenue 2023", "Cost 2023", "Revenue 2024"]
    with pytest.raises(IcpError, match="columns are missing"):
        read(tmp_path, [head, *FIGURES])


def test_an_amount_that_a_price_multiplies_is_a_quantity(tmp_path: Path) -> None:
    rows = [[day, name, 4, amount / 4, amount] for day, name, amount in LINES]
    found = read(tmp_path, [["Date", "Customer", "Amount", "Price", "Total"], *rows])
    assert figures(found)[0] == TOTAL and "Amount is a quantity" in said(found)


def test_a_header_that_stands_again_below_a_title_is_said(tmp_path: Path) -> None:
    head = ["Date", "Customer", "Net amount"]
    found = read(tmp_path, [head, *map(list, LINES), [], ["Returns"], head, [DAYS[0], "Alfa Tools", 55.0]])
    assert figures(found)[1] == 5 and "stands again below Returns" in said(found)


def test_a_backslash_is_the_yen_of_a_japanese_file(tmp_path: Path) -> None:
    text = '売上日,得意先名,税抜金額\n2024年1月31日,Alfa,"\\1,234"\n2024年2月15日,Beta,"\\980"\n'
    (tmp_path / "sales.csv").write_bytes(text.encode("shift_jis"))
    assert figures(read_sources(settings_for(tmp_path)))[0] == 2214


@pytest.mark.parametrize("header", ["Posting period", "Month"])
def test_a_month_serves_as_the_day_where_its_values_do(tmp_path: Path, header: str) -> None:
    rows = [[day.strftime("%m.%Y"), name, amount] for day, name, amount in LINES]
    assert figures(read(tmp_path, [[header, "Customer", "Net value"], *rows]))[2:] == (
        date(2024, 1, 1),
        date(2024, 6, 1),
    )


def test_a_year_and_a_month_apart_are_answered_with_the_line_to_paste(tmp_path: Path) -> None:
    rows = [[day.year, day.strftime("%B"), name, amount] for day, name, amount in LINES]
    write_book(tmp_path / "Sales Log.xlsx", {"Data": [["Year", "Month", "Customer", "Amount"], *rows]})
    with pytest.raises(IcpError, match="no column for date") as caught:
        read_sources(settings_for(tmp_path))
    line = '= [Year] & "-" & [Month]'
    assert line in str(caught.value)
    given = read_sources(settings_for(tmp_path, columns__sales={"date": line}))
    assert figures(given) == (TOTAL, 4, date(2024, 1, 1), date(2024, 6, 1))


def test_amounts_are_not_offered_as_days_or_names(tmp_path: Path) -> None:
    (tmp_path / "Sales Log.csv").write_text("Kunde;X1;X2\nAlfa;100,00;7,5\nBeta;400,00;8,25\n")
    with pytest.raises(IcpError, match="no column for date") as caught:
        read_sources(settings_for(tmp_path))
    assert "date: X" not in str(caught.value)


@pytest.mark.parametrize(
    ("net", "gross", "tax"),
    [
        ("Order Subtotal Amount", "Order Total Amount", "Order Total Tax Amount"),
        ("Detail Amount", "Total Amount", "Total Tax"),
        ("Zwischensumme", "Gesamtbetrag", "MwSt"),
    ],
)
def test_an_amount_that_holds_the_tax_is_not_the_revenue(tmp_path: Path, net: str, gross: str, tax: str) -> None:
    rows = [[day, name, round(1.2 * amount, 2), round(0.2 * amount, 2), amount] for day, name, amount in LINES]
    found = read(tmp_path, [["Order Date", "Customer", gross, tax, net], *rows])
    assert figures(found)[:2] == (TOTAL, 4)
    assert f"so {net} is the revenue" in said(found) or "together" not in said(found)


@pytest.mark.parametrize("header", ["Payment Status", "Status", "Zahlungsstatus"])
def test_a_sale_that_was_given_back_is_told_and_not_turned_round(tmp_path: Path, header: str) -> None:
    states = ["Paid", "Refunded", "Paid", "Paid"]
    rows = [[*line, state] for line, state in zip(LINES, states, strict=True)]
    found = read(tmp_path, [["Date", "Customer", "Amount", header], *rows])
    assert figures(found)[0] == TOTAL
    assert "Refunded: 1 lines, 980.00" in said(found)


def test_an_amount_that_calls_itself_net_stays_the_revenue(tmp_path: Path) -> None:
    rows = [[day, name, amount, round(0.2 * amount, 2), round(0.8 * amount, 2)] for day, name, amount in LINES]
    found = read(tmp_path, [["Order Date", "Customer", "Net Amount", "VAT", "Our part"], *rows])
    assert figures(found)[0] == TOTAL
