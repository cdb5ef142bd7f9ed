"""Kinds of files as people have them: each is read right, or refused with what to do."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest

from icp_xl.config import load_settings
from icp_xl.errors import IcpError, SourceError
from icp_xl.sources import Sources, read_sources


def day(month: int, number: int) -> datetime:
    return datetime(2024, month, number)


def read(
    folder: Path,
    rows: list[list[Any]] | str,
    *,
    encoding: str = "utf-8",
    hidden: tuple[int, ...] = (),
    more: dict[str, list[list[Any]]] | None = None,
    formats: dict[str, str] | None = None,
    **settings: Any,
) -> Sources:
    """The sources of a folder that holds one sales log, of text or of cells."""
    if isinstance(rows, str):
        (folder / "sales.csv").write_text(rows, encoding=encoding)
    else:
        book = openpyxl.Workbook()
        book.active.title = "Sales"
        for name, body in {"Sales": rows, **(more or {})}.items():
            sheet = book[name] if name in book.sheetnames else book.create_sheet(name)
            for row in body:
                sheet.append(row)
        for row in hidden:
            book["Sales"].row_dimensions[row].hidden = True
        for cell, form in (formats or {}).items():
            book["Sales"][cell].number_format = form
        book.save(folder / "sales.xlsx")
    overrides = {key.replace("__", "."): value for key, value in settings.items()}
    return read_sources(load_settings(overrides={"paths.data": folder, **overrides}, environ={}))


def frame(sources: Sources) -> pd.DataFrame:
    assert sources.sales is not None
    return sources.sales.frame


def said(sources: Sources, words: str) -> bool:
    return any(words in text for text in sources.warnings)


def test_currencies_are_not_added_up_without_rates(tmp_path: Path) -> None:
    text = "Date,Customer,Amount,Ccy\n2024-01-05,Acme,100,USD\n2024-03-05,Acme,100,USD\n2024-01-06,Beta,100,EUR\n"
    with pytest.raises(SourceError, match=r"2 currencies.*EUR 100\.00 in 1 rows; USD 200\.00 in 2 rows"):
        read(tmp_path, text)
    (tmp_path / "rates.csv").write_text("code,date,rate\nUSD,2024-01-01,0.9\nUSD,2024-02-01,0.8\n")
    rated = read(tmp_path, text, sources__rates__into="EUR", sources__rates__file="rates.csv")
    assert frame(rated)["revenue"].tolist() == pytest.approx([90.0, 80.0, 100.0])
    assert said(rated, "counted in EUR")
    with pytest.raises(SourceError, match="no exchange rate.*USD"):
        read(tmp_path, text, sources__rates__into="EUR", sources__rates__table={"GBP": 1.2})


def test_currencies_that_formats_show_are_noticed(tmp_path: Path) -> None:
    rows = [["Date", "Customer", "Amount"], [day(1, 5), "Acme", 100], [day(1, 6), "Beta", 200]]
    with pytest.raises(SourceError, match="2 currencies"):
        read(tmp_path, rows, formats={"C2": "[$€-407] #,##0.00", "C3": '"$"#,##0.00'})
    assert frame(read(tmp_path, rows, formats={"C2": '"$"#,##0', "C3": '"$"#,##0'}))["revenue"].sum() == 300


@pytest.mark.parametrize(("sign", "might"), [("$", "USD, CAD"), ("¥", "JPY, CNY"), ("kr ", "SEK, NOK")])
def test_a_sign_of_several_currencies_is_an_assumption(tmp_path: Path, sign: str, might: str) -> None:
    text = f"Date,Customer,Amount\n2024-01-15,Acme,{sign}100\n2024-03-16,Beta,{sign}250\n"
    told = read(tmp_path, text)
    assert frame(told)["revenue"].sum() == 350 and said(told, f"{sign.strip()} stands for several currencies ({might}")
    given = read(tmp_path, text, sources__rates__into=might[:3])
    assert frame(given)["revenue"].sum() == 350 and not said(given, "several currencies")


@pytest.mark.parametrize(("one", "other"), [("$", "CAD "), ("¥", "JPY "), ("$", "kr ")])
def test_a_sign_of_several_currencies_beside_another_mark_is_refused(tmp_path: Path, one: str, other: str) -> None:
    text = f"Date,Customer,Amount\n2024-01-15,Acme,{one}100\n2024-03-16,Beta,{other}250\n"
    with pytest.raises(SourceError, match=rf"2 currencies.*{re.escape(one)} may be "):
        read(tmp_path, text)


def test_periods_across_may_stay_as_they_are(tmp_path: Path) -> None:
    rows = [["Customer", "Jan 2024", "Feb 2024"], ["Acme", 100, 200], ["Beta", 50, 25]]
    assert frame(read(tmp_path, rows))["revenue"].sum() == 375
    with pytest.raises(IcpError, match="no column for date"):
        read(tmp_path, rows, sources__sales__unpivot="never")


@pytest.mark.parametrize("headers", ["Debit,Credit", "Credit Amount,Debit Amount", "Soll,Haben", "借方,貸方"])
def test_debits_and_credits_are_asked_about(tmp_path: Path, headers: str) -> None:
    """They are sales and returns, or invoices and payments."""
    with pytest.raises(IcpError, match="debits and credits stand apart"):
        read(tmp_path, f"Date,Customer,{headers}\n2024-01-15,Acme,,100\n2024-03-16,Beta,50,\n")


def test_level_evidence_stops_with_the_line_to_paste(tmp_path: Path) -> None:
    text = "Date,Customer,Amount\n03/04/2024,Acme,1.234\n05/02/2024,Beta,2.345\n"
    with pytest.raises(IcpError) as caught:
        read(tmp_path, text)
    assert "sources.sales.dates" in str(caught.value) and "sources.sales.decimals" in str(caught.value)
    told = read(tmp_path, text, sources__sales__dates="day first", sources__sales__decimals="comma")
    assert frame(told)["date"].dt.month.tolist() == [4, 2] and frame(told)["revenue"].sum() == 3579


@pytest.mark.parametrize(
    ("extra", "values", "month"),
    [
        ("Ship date", ["28/04/2024", "13/02/2024"], 4), ("Month", ["4", "2"], 4), ("Month", ["March", "May"], 3),
        ("Weekday", ["Wednesday", "Monday"], 4), ("Price", ["£1.00", "£2.00"], 4),
    ],
)  # fmt: skip
def test_what_stands_beside_a_date_decides_its_order(tmp_path: Path, extra: str, values: list[str], month: int) -> None:
    lines = [f"03/04/2024,Acme,1,{values[0]}", f"05/02/2024,Beta,2,{values[1]}"]
    sources = read(tmp_path, "\n".join([f"Date,Customer,Amount,{extra}", *lines, ""]))
    assert frame(sources)["date"].dt.month.tolist()[0] == month
    assert said(sources, "because")


def test_joined_columns_never_replace_and_may_have_names_of_their_own(tmp_path: Path) -> None:
    rows = [["Date", "Customer", "SKU", "Unit Price", "Qty"], [day(1, 5), "Acme", "P1", 90, 10]]
    items = {"Items": [["SKU", "Unit Price", "Since"], ["P1", 100, day(3, 1)]]}
    join = {"key": "SKU", "sheet": "Items"}
    own = read(tmp_path, rows, more=items, sources__sales__sheet="Sales", sources__sales__joins=[join],
               columns__sales__revenue="= [Unit Price] * [Qty]")  # fmt: skip
    assert frame(own)["revenue"].sum() == 900 and said(own, "Unit Price")
    other = read(tmp_path, rows, more=items, sources__sales__sheet="Sales",
                 sources__sales__joins=[{**join, "take": {"Unit Price": "List", "Since": "Since"}}],
                 columns__sales__revenue="= [List] * [Qty]", columns__sales__date="Since")  # fmt: skip
    assert frame(other)["revenue"].sum() == 1000 and frame(other)["date"].tolist() == [pd.Timestamp(2024, 3, 1)]
    full = read(tmp_path, rows, more=items, sources__sales__sheet="Sales", sources__sales__joins=[join],
                columns__sales__revenue="= [Items.Unit Price] * [Qty]")  # fmt: skip
    assert frame(full)["revenue"].sum() == 1000


def test_conditions_of_where(tmp_path: Path) -> None:
    rows = [["Date", "Customer", "Amount", "Status"]]
    rows += [[day(1, 5), "A", 100, "ok"], [day(1, 6), "B", 200, "void"], [day(2, 7), "C", 300, None]]
    for where, left in (
        ({"Status": {"not": ["Void"]}}, ["A", "C"]), ({"Amount": {"from": 150, "to": 250}}, ["B"]),
        ({"Date": {"to": "2024-01-31"}}, ["A", "B"]), ({"Status": {"blank": True}}, ["C"]),
        ({"Customer": ["a", "c"]}, ["A", "C"]), ({"Status": {"contains": "oi"}}, ["B"]),
    ):  # fmt: skip
        assert frame(read(tmp_path, rows, sources__sales__where=where))["account_name"].tolist() == left


def test_an_invoice_that_names_nobody_does_not_go_to_the_invoice_before(tmp_path: Path) -> None:
    header = ["Invoice", "Customer", "Date", "Revenue"]
    rows = []
    for invoice in range(1, 61):
        for line in range(3):
            named = invoice % 3 != 0 and (line == 0 or invoice % 2 == 0)
            rows.append([f"{invoice}", f"Acme {invoice // 4}" if named else "", f"2024-02-{invoice % 28 + 1:02}", "10"])
    sources = read(tmp_path, [header, *rows])
    assert frame(sources)["account_name"].isna().sum() == 3 * 20


def test_a_blank_customer_is_filled_only_where_it_stands_for_the_one_above(tmp_path: Path) -> None:
    header = ["Customer", "Date", "Amount"]
    groups = [["Acme", day(1, 5), 1], [None, day(1, 6), 2], ["Beta", day(1, 7), 3], [None, day(1, 8), 4]]
    sources = read(tmp_path, [header, *groups])
    assert frame(sources)["account_name"].tolist() == ["Acme", "Acme", "Beta", "Beta"] and said(sources, "filled down")
    missing = [["Acme", day(1, 5), 1], ["Acme", day(1, 6), 2], [None, day(1, 7), 3], ["Beta", day(1, 8), 4]]
    assert frame(read(tmp_path, [header, *missing]))["account_name"].isna().sum() == 1
    assert frame(read(tmp_path, [header, *groups], sources__sales__fill_down="never"))["account_name"].isna().sum() == 2


def test_a_word_for_an_id_and_no_name_is_a_total_whatever_its_figures(tmp_path: Path) -> None:
    from icp_xl.sources import read_sources
    from tests.support.sheets import settings_for, write_book

    header = ["Account ID", "Company Name", "Industry", "Annual Revenue"]
    rows = [[f"C-{n}", f"Acme {n}", "Dental", 1e6 * n] for n in range(1, 30)]
    for word in ("Total", "Gesamt", "Grand total"):
        path = "JY - Customer Analysis - Customer Segmentation.xlsx"
        write_book(tmp_path / path, {"Customers": [header, *rows, [], [word, None, None, 7e9]]})
        customers = read_sources(settings_for(tmp_path)).customers
        assert customers is not None and customers.frame["annual_revenue"].sum() == 1e6 * 29 * 15


def test_totals_are_told_by_their_figures(tmp_path: Path) -> None:
    rows = [["Date", "Customer", "Amount"], [day(1, 5), "Acme", 100], [day(1, 6), "Total Wine", 40],
            [day(1, 31), "Summe Januar", 140], [day(2, 6), "Beta", 60], [day(2, 28), "Insgesamt", 200]]  # fmt: skip
    sources = read(tmp_path, rows)
    assert frame(sources)["account_name"].tolist() == ["Acme", "Total Wine", "Beta"]
    assert said(sources, "2 total rows are left out")


def test_periods_across_the_columns_become_lines(tmp_path: Path) -> None:
    text = "Kunde;Jan 24;Feb 24;Mär 24;Summe\nAcme;100;200,5;300;600,5\nBeta;10;;30;40\nSumme;110;200,5;330;640,5\n"
    sources = read(tmp_path, text)
    assert frame(sources)["revenue"].sum() == 640.5 and len(frame(sources)) == 5
    assert sorted(set(frame(sources)["date"].dt.month)) == [1, 2, 3] and said(sources, "stand in columns")


def test_columns_by_letter(tmp_path: Path) -> None:
    columns = {"columns__sales__date": "column A", "columns__sales__account_name": "column B",
               "columns__sales__revenue": "column C"}  # fmt: skip
    sources = read(tmp_path, [[day(1, 5), "Acme", 100], [day(1, 6), "Beta", 200]], **columns)
    assert frame(sources)["revenue"].sum() == 300 and frame(sources)["source_row"].tolist() == [1, 2]


@pytest.mark.parametrize("encoding", ["cp1250", "shift_jis", "gb18030", "big5", "euc_kr", "cp1251", "utf-16"])
def test_encodings_are_found_or_set(tmp_path: Path, encoding: str) -> None:
    names = {
        "cp1250": "Łódź Śruby", "shift_jis": "株式会社見本工業", "gb18030": "北京某某科技有限公司",
        "cp1251": "ООО Ромашка",
        "big5": "台北範例股份有限公司", "euc_kr": "주식회사 예시",
    }  # fmt: skip
    name = names.get(encoding, "Größe")
    text = f"Date,Customer,Amount\n2024-01-05,{name},100\n"
    assert frame(read(tmp_path, text, encoding=encoding))["account_name"].tolist() == [name]
    told = read(tmp_path, text, encoding=encoding, sources__sales__encoding=encoding)
    assert frame(told)["account_name"].tolist() == [name]
    with pytest.raises(IcpError, match="encoding that the settings give"):
        read(tmp_path, text, encoding=encoding, sources__sales__encoding="none-such")


def test_hidden_rows_are_counted_and_said_or_left_out(tmp_path: Path) -> None:
    rows = [["Date", "Customer", "Amount"], [day(1, 5), "A", 100], [day(1, 6), "B", 200]]
    counted = read(tmp_path, rows, hidden=(3,))
    assert frame(counted)["revenue"].sum() == 300 and said(counted, "1 of 2 rows are hidden")
    left = read(tmp_path, rows, hidden=(3,), sources__sales__hidden_rows="leave out")
    assert frame(left)["revenue"].sum() == 100


def test_a_tally_holds_what_was_left_out(tmp_path: Path) -> None:
    rows = [["Date", "Customer", "Amount", "Depot"], [day(1, 5), "A", 100, "x"], [None, None, 70, "x"]]
    sales = read(tmp_path, rows).sales
    assert sales is not None
    assert sales.tally.money["revenue"] == 170 and sales.tally.lost_money["revenue"] == 70
    assert sales.tally.unused == ("Depot",) and sum(sales.tally.lost.values()) == 1
