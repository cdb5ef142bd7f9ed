"""Sheets as people lay them out: what is found, what is guessed, what is dropped, and that all of it is told."""

from __future__ import annotations

import re
import zipfile
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from icp_xl.errors import Cancelled, ConfigError, MissingColumnsError, SourceError
from icp_xl.progress import RecordingProgress
from icp_xl.sources import Sources, SourceTable, read_sheet, read_sources
from icp_xl.sources.fields import SPECS
from tests.support.sheets import CUSTOMERS, SALES, SALES_HEADER, edit_part, sales_line, settings_for, write_book


def _sales(folder: Path, sheets: dict[str, list[list[object]]], **overrides: object) -> tuple[SourceTable, Sources]:
    write_book(folder / SALES, sheets)
    sources = read_sources(settings_for(folder, **overrides))
    assert sources.sales is not None
    return sources.sales, sources


def _reasons(table: SourceTable) -> dict[int, str]:
    return dict(zip(table.dropped["row"], table.dropped["reason"], strict=True))


def test_titles_totals_and_repeats_are_dropped_with_row_and_reason(tmp_path: Path) -> None:
    rows: list[list[object]] = [
        ["Sales 2024"],
        [],
        SALES_HEADER,
        ["yyyy-mm-dd", "text", "text", "text", "pcs", "USD", "USD"],
        sales_line(1),
        sales_line(2),
        [None, "Subtotal Printers", None, None, None, 300.0, 60.0],
        [],
        SALES_HEADER,
        sales_line(3, Revenue="(1,250.50)", GP="N/A"),
        sales_line(4, Date="13/02/2024", Revenue="n.a."),
        ["Grand Total", None, None, None, 4, 999.0],
        ["* without freight"],
    ]
    table, sources = _sales(tmp_path, {"Log": rows})
    assert table.header_row == 3
    assert _reasons(table) == {
        1: "title above the header", 4: "units below the header", 7: "subtotal", 8: "blank row",
        9: "repeated header", 12: "total", 13: "note",
    }  # fmt: skip
    assert table.rows_read == len(table.frame) + len(table.dropped)
    assert table.frame["source_row"].tolist() == [5, 6, 10, 11]
    assert table.frame["revenue"].tolist()[:3] == [100.0, 200.0, -1250.5]
    assert table.frame["date"].tolist()[3] == pd.Timestamp("2024-02-13")
    assert list(table.frame.columns) == [*SPECS["sales"].names, "time", "source_row"]
    assert any("dates as text are read day first" in text for text in sources.warnings)


def test_a_company_whose_name_begins_with_total_is_no_total(tmp_path: Path) -> None:
    names = ["Total Wine Supply", "Totalis Corp", "Sum Systems", "Grand Rapids Tool"]
    rows = [["Customer ID", "Customer", "Industry"], *[[f"C{i}", name, "Tooling"] for i, name in enumerate(names)]]
    rows += [[None, "Total", None], ["Totals:", None, None]]
    write_book(tmp_path / CUSTOMERS, {"Customers": rows})
    table = read_sources(settings_for(tmp_path)).customers
    assert table is not None
    assert table.frame["account_name"].tolist() == names
    assert set(_reasons(table).values()) == {"total"}


def test_two_header_rows_are_read_as_one_only_where_that_says_more(tmp_path: Path) -> None:
    split = [
        ["Customer", "Item", "Contract", None, "Subscription"],
        ["Name", "Number", "Start", "End", "on / off"],
        ["Acme", "P-1", date(2023, 1, 1), date(2024, 1, 1), "On"],
    ]
    write_book(tmp_path / SALES, {"Log": [SALES_HEADER, sales_line(1)], "Assets": split})
    assets = read_sources(settings_for(tmp_path)).assets
    assert assets is not None
    row = assets.frame.iloc[0]
    assert (row["account_name"], row["sku"], bool(row["subscription"])) == ("Acme", "P-1", True)
    assert (row["start_date"], row["expiry_date"]) == (pd.Timestamp("2023-01-01"), pd.Timestamp("2024-01-01"))
    grouped = [
        [None, "Account", None, "Money", None],
        [None, "Acct ID", "Company Name", "Annual Revenue (USD)", "# of Printers"],
        [None, "A1", "Acme", 5.0, 2],
    ]
    write_book(tmp_path / CUSTOMERS, {"Customers": grouped})
    customers = read_sources(settings_for(tmp_path)).customers
    assert customers is not None
    assert customers.header_row == 2
    assert customers.frame[["account_id", "annual_revenue", "printers"]].iloc[0].tolist() == ["A1", 5.0, 2.0]


def test_every_column_found_by_other_than_its_name_is_reported(tmp_path: Path) -> None:
    header = ["Date", "Cusotmer Name", "Division", "Part No.", "Qty", "Net Sales", "GP"]
    table, _ = _sales(tmp_path, {"Log": [header, sales_line(1)]})
    told = {guess.column: (guess.header, guess.how) for guess in table.guesses}
    assert told == {
        "account_name": ("Cusotmer Name", "close spelling"),
        "sku": ("Part No.", "synonym"),
        "quantity": ("Qty", "synonym"),
        "revenue": ("Net Sales", "synonym"),
        "gross_profit": ("GP", "synonym"),
    }


def test_the_sheet_is_found_and_a_hidden_copy_is_not_taken(tmp_path: Path) -> None:
    rows = [SALES_HEADER, sales_line(1), sales_line(2)]
    sheets = {"~Old": [*rows, sales_line(9)], "Pivot": [["Customer", "Sum"], ["Acme", 5]], "Log": rows}
    table, _ = _sales(tmp_path, sheets)
    assert (table.sheet, len(table.frame)) == ("Log", 2)
    hidden, sources = _sales(tmp_path, {"Cover": [["Hello"]], "~Log": rows})
    assert hidden.sheet == "Log"
    assert any("hidden sheet Log is read" in text for text in sources.warnings)


def test_a_hidden_copy_never_stands_in_for_a_sheet_whose_columns_were_renamed(tmp_path: Path) -> None:
    rows = [SALES_HEADER, sales_line(1), sales_line(2)]
    spoilt = [["Foo" if name == "Revenue" else name for name in SALES_HEADER], *rows[1:]]
    with pytest.raises(MissingColumnsError, match="no column for revenue") as caught:
        _sales(tmp_path, {"~Log OLD": rows, "Log": spoilt})
    assert "sheet Log, row 1" in str(caught.value) and "hidden sheet Log OLD" in str(caught.value)
    meant, _ = _sales(tmp_path, {"~Log OLD": rows, "Log": spoilt}, sources__sales__sheet=["Log OLD"])
    assert len(meant.frame) == 2


def test_several_sheets_of_the_same_columns(tmp_path: Path) -> None:
    sheets = {"2023": [SALES_HEADER, sales_line(1)], "2024": [SALES_HEADER, sales_line(2), sales_line(3)]}
    table, sources = _sales(tmp_path, {**sheets, "Copy": [SALES_HEADER, sales_line(9)]})
    assert any("Copy has the same columns and is not" in text for text in sources.warnings)
    assert any("sheets 2023, 2024 are read as one" in text for text in sources.warnings)
    assert table.frame["sku"].tolist() == ["P-1", "P-2", "P-3"]
    both, _ = _sales(tmp_path, sheets, sources__sales__sheet=["2024"])
    assert both.frame["sku"].tolist() == ["P-2", "P-3"]


def test_yearly_totals_in_sheets_and_in_columns(tmp_path: Path) -> None:
    gp = [["GP24 by customer"], [], ["Customer", "State", "GP24"], ["Acme", "TX", 5.0], ["Total", None, 5.0]]
    monthly = [["Customer", "Jan", "Feb", "Total"], ["Acme", 1.0, 2.0, 3.0]]
    wide = [["Customer ID", "Customer", "Revenue24", "Revenue 2023"], ["A1", "Acme", "$70.00", 60.0]]
    sheets = {"Log": [SALES_HEADER, sales_line(1)], "GP24": gp, "GP 2022": monthly}
    write_book(tmp_path / CUSTOMERS, {"Customers": wide})
    _, sources = _sales(tmp_path, sheets)
    assert sources.yearly_totals is not None
    frame = sources.yearly_totals.frame
    found = {(row.measure, row.year): row.amount for row in frame.itertuples()}
    assert found == {
        ("gross_profit", 2024): 5.0, ("gross_profit", 2022): 3.0, ("revenue", 2024): 70.0, ("revenue", 2023): 60.0,
    }  # fmt: skip
    assert sources.yearly_totals.rows_read == len(frame) + len(sources.yearly_totals.dropped)
    assert sources.customers is not None and sources.customers.frame["annual_revenue"].isna().all()


def test_expressions_constants_filters_units_and_lookups(tmp_path: Path) -> None:
    rows = [
        ["Day", "Cust", "Units", "Price", "Off", "State"],
        ["2024-01-02", 7, 2, "10", 0.1, "Won"],
        ["2024-01-03", 8, 1, 5, 0, "Lost"],
    ]
    names = [["Id", "Full Name", "Group"], [7.0, "Acme", "G 1"], [8.0, "Bolt", "G 2"]]
    settings = settings_for(
        tmp_path,
        columns__sales={
            "date": "Day", "account_name": "Full Name", "account_id": "Cust", "division": "Group", "quantity": "Units",
            "revenue": "= [Units] * [Price] * (1 - [Off])", "category": '= "hardware"',
            "rep": '= [State] & " / " & [Group]',
        },
        sources__sales__where={"State": "won"},
        sources__sales__joins=[{"key": "Cust", "sheet": "Names", "other_key": "Id"}],
        sources__sales__multiply={"revenue": 1000},
    )  # fmt: skip
    write_book(tmp_path / SALES, {"Log": rows, "Names": names})
    table = read_sources(settings).sales
    assert table is not None
    row = table.frame.iloc[0]
    assert (row["account_id"], row["account_name"], row["division"]) == ("7", "Acme", "G 1")
    assert (row["revenue"], row["category"], row["rep"]) == (18_000.0, "hardware", "Won / G 1")
    assert _reasons(table) == {3: "left out by the setting where: State"}
    assert {guess.how for guess in table.guesses} == {"setting", "expression"}


def test_lookups_keep_different_keys_apart_and_say_what_they_lack(tmp_path: Path) -> None:
    rows = [
        ["Date", "Customer", "Revenue", "Code"],
        *[["2024-01-02", "Acme", 1.0, code] for code in ("1-23", "12-3", "GTXPro", "none such")],
    ]
    names = [["Code", "Division"], ["1-23", "one"], ["12-3", "two"], ["GTX Pro", "three"]]
    settings = settings_for(
        tmp_path, sources__sales__joins=[{"key": "Code", "sheet": "Codes"}], columns__sales__division="Division"
    )
    write_book(tmp_path / SALES, {"Log": rows, "Codes": names})
    sources = read_sources(settings)
    assert sources.sales is not None
    assert sources.sales.frame["division"].tolist()[:3] == ["one", "two", "three"]
    assert any("1 rows have a Code that" in text for text in sources.warnings)


def test_impossible_settings_are_refused_together(tmp_path: Path) -> None:
    write_book(tmp_path / SALES, {"Log": [SALES_HEADER, sales_line(1)]})
    with pytest.raises(MissingColumnsError, match=r"(?s)Umsatz.*Kunde"):
        read_sources(settings_for(tmp_path, columns__sales={"revenue": "Umsatz", "account_name": "Kunde"}))
    with pytest.raises(ConfigError, match="turnover"):
        read_sources(settings_for(tmp_path, columns__sales={"turnover": "Revenue"}))
    with pytest.raises(SourceError, match="no such sheet"):
        read_sources(settings_for(tmp_path, sources__sales__sheet="Missing"))
    with pytest.raises(SourceError, match="named in the settings does not exist"):
        read_sources(settings_for(tmp_path, sources__sales__file="absent.xlsx"))
    with pytest.raises(MissingColumnsError, match="filter by a column"):
        read_sources(settings_for(tmp_path, sources__sales__where={"Stage": "Won"}))


@pytest.mark.parametrize(
    "text",
    [
        "= __import__('os')",
        "= [Qty].real",
        "= [Qty] ** 9",
        "= [Qty",
        "= (lambda: 1)()",
        "= [Qty] + 'a'",
        "= h0 + 1",
        "= 1 if 1 else 2",
    ],
)
def test_nothing_but_arithmetic_is_an_expression(tmp_path: Path, text: str) -> None:
    write_book(tmp_path / SALES, {"Log": [SALES_HEADER, sales_line(1)]})
    with pytest.raises(ConfigError, match="expression cannot be used"):
        read_sources(settings_for(tmp_path, columns__sales={"revenue": text}))


def test_dates_of_the_1904_system(tmp_path: Path) -> None:
    path = write_book(
        tmp_path / SALES, {"Log": [SALES_HEADER, sales_line(1), sales_line(2, Date=43831.0)]}, date_1904=True
    )
    table = read_sources(settings_for(tmp_path)).sales
    assert table is not None and path.is_file()
    assert table.frame["date"].tolist() == [pd.Timestamp("2024-01-02"), pd.Timestamp("2024-01-02")]


@pytest.mark.parametrize(
    ("name", "text", "encoding"),
    [
        ("comma.csv", "Date,Customer,Revenue\n2024-01-02,Müller & Söhne,\"1,234.50\"\n", "utf-8"),
        ("bom.csv", "Date;Customer;Revenue\n02.01.2024;Müller & Söhne;1.234,50\n", "utf-8-sig"),
        ("wide.csv", "Date\tCustomer\tRevenue\n2024-01-02\tMüller & Söhne\t1,234.50\n", "utf-16"),
        ("ansi.csv", "sep=;\nDate;Customer;Revenue\n02.01.2024;Müller & Söhne;1234,5\n", "cp1252"),
        ("pipe.tsv", "Date|Customer|Revenue\n2024-01-02|Müller & Söhne|1234.5\n", "utf-8"),
    ],
)  # fmt: skip
def test_delimited_text_in_any_dress(tmp_path: Path, name: str, text: str, encoding: str) -> None:
    (tmp_path / name).write_bytes(text.encode(encoding))
    overrides = {"sources__sales__file": name}
    if name in ("bom.csv", "ansi.csv"):
        overrides["sources__sales__dates"] = "day first"
    table = read_sources(settings_for(tmp_path, **overrides)).sales
    assert table is not None
    row = table.frame.iloc[0]
    assert (row["date"], row["account_name"], row["revenue"]) == (pd.Timestamp("2024-01-02"), "Müller & Söhne", 1234.5)


def test_parquet(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "Date": pd.to_datetime(["2024-01-02 10:00"]),
            "Customer": ["Acme"],
            "Cust No": pd.array([7], "Int64"),
            "Revenue": [5],
        }
    )
    frame.to_parquet(tmp_path / "sales.parquet")
    table = read_sources(settings_for(tmp_path)).sales
    assert table is not None
    row = table.frame.iloc[0]
    assert (row["date"], row["account_id"], row["revenue"]) == (pd.Timestamp("2024-01-02"), "7", 5.0)


def test_tiers_in_both_directions(tmp_path: Path) -> None:
    file = tmp_path / "strategic_industry_tiers.json"
    file.write_text('{"tier_1": ["Aerospace"], "tier_2": ["Dental"]}', encoding="utf-8")
    assert read_sources(settings_for(tmp_path)).strategic_tiers == {"Aerospace": "1", "Dental": "2"}
    file.write_text('{"tiers": {"Aerospace": 1, "Dental": "Tier 2"}}', encoding="utf-8")
    assert read_sources(settings_for(tmp_path)).strategic_tiers == {"Aerospace": "1", "Dental": "2"}
    file.write_text('{"tier_1": ["Aerospace"], "tier_2": ["Aerospace", 5]}', encoding="utf-8")
    with pytest.raises(SourceError, match=r"(?s)stands in two tiers.*must be a text"):
        read_sources(settings_for(tmp_path))


def test_a_stray_cell_far_away_costs_nothing(tmp_path: Path) -> None:
    def stray(content: bytes) -> bytes:
        cell = b'<row r="1048576"><c r="GR1048576"><v>1</v></c></row></sheetData>'
        return content.replace(b"</sheetData>", cell)

    path = write_book(tmp_path / SALES, {"Log": [SALES_HEADER, *[sales_line(at) for at in range(1, 41)]]})
    edit_part(path, "xl/worksheets/sheet1.xml", stray)
    sources = read_sources(settings_for(tmp_path))
    assert sources.sales is not None and len(sources.sales.frame) == 40
    assert sources.sales.frame["revenue"].sum() == sum(100.0 * at for at in range(1, 41))
    assert any("GR1048576" in text for text in sources.warnings)
    assert len(read_sheet(path, "log")) == 41


def test_reading_can_be_cancelled(tmp_path: Path) -> None:
    write_book(tmp_path / SALES, {"Log": [SALES_HEADER, sales_line(1)]})
    with pytest.raises(Cancelled):
        read_sources(settings_for(tmp_path), RecordingProgress(cancel_after=0))


def test_read_sheet_gives_the_cells_as_they_stand(tmp_path: Path) -> None:
    path = write_book(tmp_path / "any.xlsx", {"One": [[None, "a"], [], [1, None, "007"]]})
    cells = read_sheet(path, " one ")
    assert cells.shape == (3, 3)
    assert cells.iloc[0].tolist() == [None, "a", None]
    assert cells.iloc[2].tolist() == [1.0, None, "007"]


PLACES = {
    "relationship": b' r="rId999999"', "wide": b' r="ABCDEFG1"', "deep": b' r="A99999999999999999999"',
    "zero": b' r="A0"', "quotes": b" r='ZZZZZZZZ9'", "break": b'\n r="AAAAAAA1"', "spaces": b' r = "AAAAAAA2"',
    "far": b' r="XFD1048576"', "outside": b' r="ZZZ9999999"', "small": b' r="zzzzzz3"',
    "reference": b' r="&#65;AAAAAA3"',
    "row": b' r="4000000000"', "row in quotes": b" r='4000000000'", "row after break": b'\n r="9999999"',
    "last row": b' r="1048576"', "negative row": b' r="-1"', "endless row": b' r="99999999999999999999"',
}  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_a_cell_with_an_impossible_place_does_not_end_the_process(tmp_path: Path, place: str) -> None:
    """calamine asks for memory that no machine has, and ends the process, where no ``except`` helps."""

    def damage(content: bytes) -> bytes:
        tag = b"<row" if "row" in place else b"<c"
        last = content.rindex(tag + b" ")
        return content[:last] + re.sub(rb' r="\w+"', lambda _: PLACES[place], content[last:], count=1)

    rows = [SALES_HEADER, *[sales_line(at) for at in range(1, 9)]]
    path = write_book(tmp_path / "any.xlsx", {"Log": rows})
    edit_part(path, "xl/worksheets/sheet1.xml", damage)
    try:
        cells = read_sheet(path)
    except SourceError as error:
        assert str(error)
    else:
        assert cells.iloc[3, 1] == rows[3][1] and len(cells) < 2_000


def test_a_sheet_without_places_is_read_as_it_is(tmp_path: Path) -> None:
    rows = [SALES_HEADER, *[sales_line(at) for at in range(1, 9)]]
    plain = write_book(tmp_path / "plain.xlsx", {"Log": rows})
    bare = write_book(tmp_path / "bare.xlsx", {"Log": rows})
    edit_part(
        bare, "xl/worksheets/sheet1.xml", lambda content: re.sub(rb'(<(?:c|row))( [^>]*?)? r="\w+"', rb"\1\2", content)
    )
    with zipfile.ZipFile(bare) as package:
        assert b' r="' not in package.read("xl/worksheets/sheet1.xml")
    pd.testing.assert_frame_equal(read_sheet(plain), read_sheet(bare))


def test_cells_that_lie_far_apart_are_no_table(tmp_path: Path) -> None:
    def scatter(content: bytes) -> bytes:
        rows = b"".join(
            b'<row r="%d"><c r="%b%d"><v>1</v></c></row>' % (at * 1000, name, at * 1000)
            for at, name in enumerate((b"AB", b"BC", b"CD", b"DE", b"EF", b"FG", b"GH", b"HI", b"IJ") * 40, start=1)
        )
        return re.sub(rb"<sheetData>.*</sheetData>", b"<sheetData>" + rows + b"</sheetData>", content, flags=re.S)

    path = write_book(tmp_path / "any.xlsx", {"Log": [SALES_HEADER, sales_line(1)]})
    edit_part(path, "xl/worksheets/sheet1.xml", scatter)
    with pytest.raises(SourceError, match="too far apart to be a table"):
        read_sheet(path)


def test_a_format_that_cannot_be_looked_into_is_tried_in_a_process_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from icp_xl.sources import trial, workbooks

    path = tmp_path / "old.xls"
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 5000)
    assert trial.survives(path.read_bytes())  # a refusal in good order
    with pytest.raises(SourceError, match="cannot be read"):
        read_sheet(path)
    monkeypatch.setattr(workbooks, "survives", lambda *_: False)
    with pytest.raises(SourceError, match="brings down the program"):
        read_sheet(path)


@pytest.mark.parametrize("place", PLACES)
def test_no_place_keeps_the_other_reader_busy_for_ever(
    tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """openpyxl lays out a blank row for every number that is left out."""
    from icp_xl.sources import workbooks

    def nothing(*_: object) -> None:
        raise ValueError("not today")

    def damage(content: bytes) -> bytes:
        tag = b"<row" if "row" in place else b"<c"
        last = content.rindex(tag + b" ")
        return content[:last] + re.sub(rb' r="\w+"', lambda _: PLACES[place], content[last:], count=1)

    path = write_book(tmp_path / "any.xlsx", {"Log": [SALES_HEADER, *[sales_line(at) for at in range(1, 9)]]})
    edit_part(path, "xl/worksheets/sheet1.xml", damage)
    monkeypatch.setattr(workbooks.calamine, "load_workbook", nothing)
    try:
        assert len(read_sheet(path)) < 2_000
    except SourceError as error:
        assert "cannot be read" in str(error)


def test_the_other_reader_reads_a_sheet_without_places_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from icp_xl.sources import workbooks

    path = write_book(tmp_path / "bare.xlsx", {"Log": [SALES_HEADER, *[sales_line(at) for at in range(1, 9)]]})
    before = read_sheet(path)
    place = re.compile(rb'(<(?:c|row))( [^>]*?)? r="\w+"')
    edit_part(path, "xl/worksheets/sheet1.xml", lambda content: place.sub(rb"\1\2", content))
    monkeypatch.setattr(workbooks.calamine, "load_workbook", lambda _: (_ for _ in ()).throw(ValueError("not today")))
    after = read_sheet(path)
    assert after.shape == before.shape and after.iloc[:, 1].tolist() == before.iloc[:, 1].tolist()
