"""Workbooks that have already what we bring: names, tables, positions, ids; and workbooks that have next to nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import openpyxl
import pytest
import xlsxwriter
from lxml import etree

from icp_xl.delivery.write_back.column_remove import remove_all
from icp_xl.delivery.write_back.inject import SheetOptions, inject_sheets
from icp_xl.delivery.write_back.sheets_and_columns import write_sheets_and_columns
from icp_xl.delivery.write_back.target import probe
from icp_xl.opc.package import open_package
from icp_xl.opc.safe_write import SafeOptions
from icp_xl.opc.workbook_part import Workbook
from icp_xl.sources import open_book
from tests.delivery.test_unusual import RESULTS, somebodys_book
from tests.support.disguises import Parts, pack, unpack
from tests.support.donors import make_donor
from tests.support.validator import assert_valid

OPTIONS = SafeOptions(backups=0)
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml."


@pytest.fixture
def donor(tmp_path: Path) -> Path:
    (tmp_path / "made").mkdir()
    return make_donor(tmp_path / "made" / "donor.xlsx", accounts=6)


def workbook_of(book: Path) -> etree._Element:
    return etree.fromstring(unpack(book.read_bytes())["xl/workbook.xml"])


def minimal(path: Path, names: Sequence[str] = ("Sheet1",), **states: str) -> Path:
    """What a small writer leaves: no styles, no strings, no properties, no theme, no views, no dimension."""
    sheets = "".join(
        f'<sheet name="{name}" sheetId="{at}" r:id="R{at}"{states.get(name, "")}/>' for at, name in enumerate(names, 1)
    )
    rels = "".join(f'<Relationship Id="R{at}" Type="{OFFICE}/worksheet" Target="sheets/s{at}.xml"/>'
                   for at in range(1, len(names) + 1))  # fmt: skip
    cells = "<row><c t='inlineStr'><is><t>K\u00fcrzel</t></is></c><c t='inlineStr'><is><t>N</t></is></c></row>"
    cells += "<row><c t='inlineStr'><is><t>\u00c4-1</t></is></c><c><v>1</v></c></row><row/>"
    package = "http://schemas.openxmlformats.org/package/2006/"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}content-types"><Default Extension="xml" '
        f'ContentType="{TYPE}worksheet+xml"/><Default Extension="rels" ContentType="application/vnd.openxmlformats-'
        f'package.relationships+xml"/><Override PartName="/book.xml" ContentType="{TYPE}sheet.main+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}relationships"><Relationship Id="a" '
        f'Type="{OFFICE}/officeDocument" Target="book.xml"/></Relationships>',
        "book.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>{sheets}</sheets></workbook>',
        "_rels/book.xml.rels": f'<Relationships xmlns="{package}relationships">{rels}</Relationships>',
        **{f"sheets/s{at}.xml": f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>'
           for at, rows in enumerate([cells, *[""] * (len(names) - 1)], 1)},
    }  # fmt: skip
    path.write_bytes(pack({name: body.encode() for name, body in parts.items()}))
    return path


@pytest.mark.parametrize(
    "name", ["Kunden.xlsx", "b\u00fccher \u2013 2026 (1).XLSX", "O'Brien & Co #7%.xlsx", "\u9867\u5ba2.xlsx"]
)
def test_a_workbook_with_next_to_nothing(tmp_path: Path, donor: Path, name: str) -> None:
    book = minimal(tmp_path / name)
    before = book.read_bytes()
    for _ in range(2):
        write_sheets_and_columns(
            book, donor, "K\u00fcrzel", RESULTS, sheets=SheetOptions(place="start"), options=OPTIONS
        )
        assert_valid(book)
    assert open_book(book).head("Sheet1", 2)[1][:4] == ["\u00c4-1", 1, 90, "A"]
    remove_all(book, options=OPTIONS)
    assert unpack(book.read_bytes()) == unpack(before)


def test_sheets_tables_and_names_that_are_called_like_ours(tmp_path: Path, donor: Path) -> None:
    book = tmp_path / "book.xlsx"
    made = xlsxwriter.Workbook(str(book))
    for name in ("icp REPORT", "ICP Detail", "ICP Report (2)"):
        made.add_worksheet(name).write("A1", name)
    sheet = made.get_worksheet_by_name("ICP Detail")
    sheet.add_table(2, 0, 4, 1, {"name": "ICP_Report", "columns": [{"header": "a"}, {"header": "b"}]})
    made.define_name("icp_total", "='ICP Detail'!$A$1")
    made.define_name("icp_scores", "='ICP Detail'!$A$1")
    made.close()
    before = unpack(book.read_bytes())
    report = inject_sheets(book, donor, options=OPTIONS)
    assert set(report.sheets.values()).isdisjoint({"icp REPORT", "ICP Detail", "ICP Report (2)"})
    with open_package(book) as package:
        tables = [(root.get("displayName") or "").lower() for root in Workbook(package).tables().values()]
    assert len(tables) == len(set(tables)) > 1 and "icp_report" in tables
    assert_valid(book)
    root = workbook_of(book)
    names = [(e.get("name", "").lower(), e.get("localSheetId")) for e in root.iter("{*}definedName")]
    assert len(names) == len(set(names))
    titles = [name.lower() for name in probe(book).sheet_names]
    assert len(titles) == len(set(titles)) and all(len(title) <= 31 for title in titles)
    after = unpack(book.read_bytes())
    tables = [etree.fromstring(body) for name, body in after.items() if "/tables/" in name]
    for attribute in ("id", "displayName"):
        found = [table.get(attribute, "").lower() for table in tables]
        assert len(found) == len(set(found))
    for name in [name for name in before if "/worksheets/" in name or "/tables/" in name]:
        assert after[name] == before[name]


def test_names_of_31_characters_stay_within_31(tmp_path: Path) -> None:
    long = "Accounts of the southern region"
    assert len(long) == 31
    book, donor = tmp_path / "book.xlsx", tmp_path / "donor.xlsx"
    for path in (book, donor):
        made = xlsxwriter.Workbook(str(path))
        made.add_worksheet(long).write_formula("A1", f"='{long}'!B1", None, 7)
        made.close()
    for _ in range(2):
        assert list(inject_sheets(book, donor, options=OPTIONS).sheets.values()) == [long[:27] + " (2)"]
    assert openpyxl.load_workbook(book)[long[:27] + " (2)"]["A1"].value == f"='{long[:27]} (2)'!B1"


@pytest.mark.parametrize("place", ["start", "before:Chart", "after:Chart", "1", "end"])
def test_what_points_at_a_sheet_by_its_position_moves_along(tmp_path: Path, donor: Path, place: str) -> None:
    book = somebodys_book(tmp_path / "book.xlsx")
    parts = unpack(book.read_bytes())
    views = b'<workbookView firstSheet="1" activeTab="1"/><workbookView firstSheet="0" activeTab="0"/>'
    parts["xl/workbook.xml"] = re.sub(rb"<workbookView[^>]*/>", views, parts["xl/workbook.xml"])
    book.write_bytes(pack(parts))

    def pointed_at() -> tuple[list[tuple[str | None, ...]], dict[str | None, str | None]]:
        root = workbook_of(book)
        titles = [e.get("name") for e in root.iter("{*}sheet")]
        shown = [
            tuple(titles[int(v.get(a, "0"))] for a in ("firstSheet", "activeTab")) for v in root.iter("{*}workbookView")
        ]
        scoped = {e.get("name"): titles[int(e.get("localSheetId", "0"))] for e in root.iter("{*}definedName")
                  if e.get("localSheetId") and not e.get("name", "").startswith("_icpxl")}  # fmt: skip
        return shown, scoped

    views_before, names_before = pointed_at()
    assert views_before[0] == ("Chart", "Chart")
    for _ in range(2):
        inject_sheets(book, donor, sheets=SheetOptions(place=place), options=OPTIONS)
        views_after, names_after = pointed_at()
        assert [view[1] for view in views_after] == [view[1] for view in views_before]
        assert {name: names_after[name] for name in names_before} == names_before
    assert_valid(book)


def test_never_two_selected_tabs(tmp_path: Path, donor: Path) -> None:
    """Two would be grouped, and what is typed into one would land in the other."""
    book = somebodys_book(tmp_path / "book.xlsx")
    inject_sheets(book, donor, options=OPTIONS)
    assert selected(book) == [0]
    # The reader leaves our sheet open when he saves.
    book.write_bytes(with_fourth_tab_open(book))
    assert selected(book) == [3]
    inject_sheets(book, donor, options=OPTIONS)
    assert selected(book) == [3] == [int(next(workbook_of(book).iter("{*}workbookView")).get("activeTab", "0"))]
    remove_all(book, options=OPTIONS)
    assert int(next(workbook_of(book).iter("{*}workbookView")).get("activeTab", "0")) < 3


def with_fourth_tab_open(book: Path) -> bytes:
    """The package as Excel would save it with that tab open: only views change."""
    parts = unpack(book.read_bytes())
    for at, name in enumerate(sheet_parts(parts)):
        body = re.sub(rb' tabSelected="1"', b"", parts[name])
        parts[name] = body.replace(b"<sheetView ", b'<sheetView tabSelected="1" ', 1) if at == 3 else body
    view = b'<workbookView activeTab="3"/>'
    parts["xl/workbook.xml"] = re.sub(rb"<workbookView[^>]*/>", view, parts["xl/workbook.xml"])
    return pack(parts)


def sheet_parts(parts: Parts) -> list[str]:
    rels = {e.get("Id"): e.get("Target", "") for e in etree.fromstring(parts["xl/_rels/workbook.xml.rels"])}
    sheets = etree.fromstring(parts["xl/workbook.xml"]).iter("{*}sheet")
    return [f"xl/{rels[sheet.get(f'{{{OFFICE}}}id')]}" for sheet in sheets]


def selected(book: Path) -> list[int]:
    parts = unpack(book.read_bytes())
    return [at for at, name in enumerate(sheet_parts(parts)) if b' tabSelected="1"' in parts[name]]


def test_stale_entries_of_the_calculation_chain_go(tmp_path: Path, donor: Path) -> None:
    """Excel lists our formulas there when it saves; of a replaced sheet they make it repair the file."""
    book = somebodys_book(tmp_path / "book.xlsx")
    inject_sheets(book, donor, options=OPTIONS)
    parts = unpack(book.read_bytes())
    ids = [e.get("sheetId") for e in workbook_of(book).iter("{*}sheet")]
    chain = (
        f'<calcChain xmlns="{MAIN}"><c r="C6" i="1"/><c r="B2" i="{ids[-1]}"/><c r="B3"/><c r="A1" i="1"/></calcChain>'
    )
    parts["xl/calcChain.xml"] = chain.encode()
    parts["[Content_Types].xml"] = parts["[Content_Types].xml"].replace(
        b"</Types>", f'<Override PartName="/xl/calcChain.xml" ContentType="{TYPE}calcChain+xml"/></Types>'.encode()
    )
    parts["xl/_rels/workbook.xml.rels"] = parts["xl/_rels/workbook.xml.rels"].replace(
        b"</Relationships>",
        f'<Relationship Id="rC" Type="{OFFICE}/calcChain" Target="calcChain.xml"/></Relationships>'.encode(),
    )
    book.write_bytes(pack(parts))
    inject_sheets(book, donor, options=OPTIONS)
    root = etree.fromstring(unpack(book.read_bytes())["xl/calcChain.xml"])
    assert [(c.get("r"), c.get("i")) for c in root] == [("C6", "1"), ("A1", "1")]


@pytest.mark.parametrize("ids", [(65534,), (4294967295, 1), (7, 7)])
def test_sheet_ids_stay_within_what_excel_takes(tmp_path: Path, donor: Path, ids: tuple[int, ...]) -> None:
    book = minimal(tmp_path / "book.xlsx", [f"S{at}" for at in range(len(ids))])
    parts = unpack(book.read_bytes())
    body = parts["book.xml"]
    for at, number in enumerate(ids, 1):
        body = body.replace(f'sheetId="{at}"'.encode(), f'sheetId="{number}"'.encode(), 1)
    book.write_bytes(pack({**parts, "book.xml": body}))
    inject_sheets(book, donor, options=OPTIONS)
    found = [
        int(e.get("sheetId", "0")) for e in etree.fromstring(unpack(book.read_bytes())["book.xml"]).iter("{*}sheet")
    ]
    new = found[len(ids) :]
    assert len(set(new)) == 2 and not set(new) & set(ids) and max(new) <= 65_534


def test_only_a_chart_sheet_or_hidden_sheets(tmp_path: Path, donor: Path) -> None:
    book = tmp_path / "chart.xlsx"
    made = xlsxwriter.Workbook(str(book))
    chart = made.add_chart({"type": "bar"})
    chart.add_series({"values": "=Data!$A$1:$A$2"})
    made.add_chartsheet("Only").set_chart(chart)
    data = made.add_worksheet("Data")
    data.write_column("A1", [1, 2])
    data.very_hidden()
    made.close()
    before = unpack(book.read_bytes())
    for _ in range(2):
        inject_sheets(book, donor, sheets=SheetOptions(place="start"), options=OPTIONS)
    assert_valid(book)
    remove_all(book, options=OPTIONS)
    assert unpack(book.read_bytes()) == before
