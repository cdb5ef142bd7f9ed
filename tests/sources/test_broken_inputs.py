"""Broken files: each ends in one clear error that names the file and the next step, or in a reported degradation."""

from __future__ import annotations

import contextlib
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from icp_xl.config.sources import SourcesSettings
from icp_xl.errors import IcpError, LockedWorkbookError, MissingColumnsError, SourceError
from icp_xl.sources import open_book, read_sources
from icp_xl.sources.file_types import open_container
from icp_xl.sources.sheet_facts import FactsFinder, currency_cells
from tests.support.sheets import CUSTOMERS, SALES, SALES_HEADER, edit_part, sales_line, settings_for, write_book

Spoil = Callable[[Path], object]
GOOD = [SALES_HEADER, sales_line(1), sales_line(2)]


def _bytes(content: bytes) -> Spoil:
    return lambda path: path.write_bytes(content)


def _book(rows: list[list[object]]) -> Spoil:
    return lambda path: write_book(path, {"Log": rows})


def _part(part: str, change: Callable[[bytes], bytes]) -> Spoil:
    def spoil(path: Path) -> None:
        write_book(path, {"Log": GOOD})
        edit_part(path, part, change)

    return spoil


def _truncated(path: Path) -> None:
    write_book(path, {"Log": GOOD})
    path.write_bytes(path.read_bytes()[:-400])


def _flipped(path: Path) -> None:
    """A sheet whose packed bytes are damaged."""
    write_book(path, {"Log": GOOD})
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as package:
        info = package.getinfo("xl/worksheets/sheet1.xml")
    for at in range(info.header_offset + 60, info.header_offset + 160):
        data[at] ^= 0xFF
    path.write_bytes(bytes(data))


def _encrypted(path: Path) -> None:
    path.write_bytes(
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le") + b"\0" * 600
    )


def _zip_of(names: dict[str, bytes]) -> Spoil:
    def spoil(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as package:
            for name, content in names.items():
                package.writestr(name, content)

    return spoil


def _bomb(path: Path) -> None:
    write_book(path, {"Log": GOOD})
    edit_part(
        path,
        "xl/worksheets/sheet1.xml",
        lambda content: content.replace(b"<sheetData>", b" " * (210 << 20) + b"<sheetData>"),
    )


def _chart_only(path: Path) -> None:
    import xlsxwriter

    book = xlsxwriter.Workbook(str(path))
    book.add_chartsheet()
    book.close()


BROKEN: dict[str, tuple[Spoil, str]] = {
    "empty file": (_bytes(b""), "the file is empty"),
    "plain text": (_bytes(b"Date and so on"), "is not a workbook.*plain text"),
    "web page": (_bytes(b"<html><table><tr><td>1</td></tr></table></html>"), "a web page saved under"),
    "pdf": (_bytes(b"%PDF-1.7 nothing"), "a PDF"),
    "picture": (_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 50), "a picture"),
    "binary": (_bytes(bytes(range(256)) * 4), "is not a workbook.*binary data"),
    "password": (_encrypted, "protected by a password.*save a copy"),
    "truncated": (_truncated, "damaged: its end is missing"),
    "damaged sheet": (_flipped, "cannot be read"),
    "other archive": (_zip_of({"readme.txt": b"hello"}), "a zip archive, not a workbook"),
    "word document": (_zip_of({"[Content_Types].xml": b"<Types/>", "word/document.xml": b"<w/>"}), "a Word document"),
    "presentation": (_zip_of({"[Content_Types].xml": b"<Types/>", "ppt/presentation.xml": b"<p/>"}), "a presentation"),
    "hollow package": (_zip_of({"[Content_Types].xml": b"<Types/>"}), "cannot be read"),
    "bomb": (_bomb, "decompression bomb"),
    "chart only": (_chart_only, "no sheet of cells"),
    "no sheets": (
        _part("xl/workbook.xml", lambda x: x.split(b"<sheets>")[0] + b"</workbook>"),
        "no sheet of cells|cannot be read",
    ),
    "workbook part is no XML": (_part("xl/workbook.xml", lambda x: b"not xml"), "cannot be read"),
    "sheet part is no XML": (
        _part("xl/worksheets/sheet1.xml", lambda x: x[:300]),
        "cannot be read|no header row|missing",
    ),
    "empty sheet": (_book([]), "no header row was found"),
    "titles only": (_book([["Sales"], ["2024"]]), "no header row was found|missing"),
    "no header": (_book(GOOD[1:]), "no header row was found|missing"),
    "missing column": (
        _book([["Date", "Customer"], ["2024-01-01", "Acme"]]),
        "(?s)a column is missing.*no column for revenue",
    ),
    "two missing columns": (_book([["Customer"], ["Acme"]]), "(?s)columns are missing.*date.*revenue|no header row"),
    "formulas never calculated": (_book([SALES_HEADER, sales_line(1, Revenue="{=A1*2}")]), "never calculated.*save it"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_ends_in_one_clear_error(tmp_path: Path, kind: str) -> None:
    spoil, match = BROKEN[kind]
    spoil(tmp_path / SALES)
    with pytest.raises(SourceError, match=match) as caught:
        read_sources(settings_for(tmp_path))
    text = str(caught.value)
    assert SALES in text
    assert "Traceback" not in text and str(tmp_path) not in text


def test_damaged_styles_tell_nothing_of_a_sheet(tmp_path: Path) -> None:
    """Drawn bytes of the packed styles: unpacking them ends in other ways than a container that is torn."""
    path = tmp_path / SALES
    write_book(path, {"Log": GOOD})
    good = path.read_bytes()
    with zipfile.ZipFile(path) as package:
        styles = package.getinfo("xl/styles.xml")
    start, chance = styles.header_offset + 30 + len(styles.filename), random.Random(5)
    for _ in range(200):
        data = bytearray(good)
        data[start + chance.randrange(styles.compress_size)] = chance.randrange(256)
        assert not FactsFinder(bytes(data)).facts().formats
        assert not currency_cells(bytes(data), "xl/worksheets/sheet1.xml", 0)
        path.write_bytes(bytes(data))
        with contextlib.suppress(SourceError):
            read_sources(settings_for(tmp_path))


def test_a_csv_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "sales.csv").write_bytes(b"Date,Cust\0omer\n\x00\x01")
    with pytest.raises(SourceError, match="not text"):
        read_sources(settings_for(tmp_path))


def test_what_is_odd_but_readable_is_reported(tmp_path: Path) -> None:
    rows = [
        [*SALES_HEADER, "Revenue"],
        [*sales_line(1, Revenue="1.234,50 €"), 7],
        sales_line(2, Revenue="soon", Date="31.31.2024"),
        sales_line(3, Revenue=None),
        sales_line(3),
    ]
    write_book(tmp_path / SALES, {"Log": rows})
    sources = read_sources(settings_for(tmp_path))
    assert sources.sales is not None
    assert sources.sales.frame["revenue"].tolist()[0] == 1234.5
    flags = sources.sales.flags
    assert list(zip(flags["row"], flags["column"], flags["problem"], strict=True)) == [
        (3, "date", "not a date"),
        (3, "revenue", "not a number"),
    ]
    assert any("several columns are headed Revenue" in text for text in sources.warnings)
    assert any("2 cells could not be read" in text for text in sources.warnings)


def test_a_header_without_rows_is_an_empty_table(tmp_path: Path) -> None:
    write_book(tmp_path / SALES, {"Log": [SALES_HEADER]})
    sources = read_sources(settings_for(tmp_path))
    assert sources.sales is not None and sources.sales.frame.empty
    assert sources.sales.frame["revenue"].dtype == "float64"
    assert any("no rows of data" in text for text in sources.warnings)


def test_all_broken_sources_are_reported_together(tmp_path: Path) -> None:
    write_book(tmp_path / SALES, {"Log": [["Customer"], ["Acme"]]})
    (tmp_path / CUSTOMERS).write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(SourceError, match=r"(?s)2 sources cannot be read.*damaged.*Sales log"):
        read_sources(settings_for(tmp_path))


def test_an_absent_source_is_none(tmp_path: Path) -> None:
    sources = read_sources(settings_for(tmp_path))
    assert sources.customers is None and sources.sales is None and sources.tables() == []
    with pytest.raises(SourceError, match="data folder does not exist"):
        read_sources(settings_for(tmp_path / "absent"))


def test_a_workbook_that_another_program_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_book(tmp_path / SALES, {"Log": GOOD})
    (tmp_path / f"~${SALES[2:]}").write_bytes(b"\0" * 165)
    assert any("is open in Excel" in text for text in read_sources(settings_for(tmp_path)).warnings)
    with pytest.raises(LockedWorkbookError, match="lock file"):
        open_book(tmp_path / f"~${SALES[2:]}")

    def held(self: Path) -> bytes:
        raise PermissionError(13, "The process cannot access the file because it is being used by another process")

    monkeypatch.setattr(Path, "read_bytes", held)
    with pytest.raises(LockedWorkbookError, match="held by another program.*Close it"):
        open_book(path)


def test_limits_on_size(tmp_path: Path) -> None:
    path = write_book(tmp_path / SALES, {"Log": [SALES_HEADER, *[sales_line(at) for at in range(300)]]})
    with pytest.raises(SourceError, match="too large"):
        open_container(path, SourcesSettings(max_file_mb=0.001))
    with pytest.raises(SourceError, match="unpacks to more"):
        open_container(path, SourcesSettings(max_unpacked_mb=0.001))


def test_a_file_of_an_older_format_is_not_taken_for_broken(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="a folder"):
        open_container(tmp_path)
    (tmp_path / "x.json").write_text("{}", encoding="utf-8")
    with pytest.raises(SourceError, match="no table"):
        open_book(tmp_path / "x.json")


def test_entities_in_a_package_are_not_expanded(tmp_path: Path) -> None:
    bomb = (
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "'
        + b"a" * 1000
        + b'">'
        + b"".join(b'<!ENTITY %c "%s">' % (98 + i, b"&%c;" % (97 + i) * 10) for i in range(8))
        + b"]><workbook>&i;</workbook>"
    )
    write_book(tmp_path / SALES, {"Log": GOOD})
    edit_part(tmp_path / SALES, "xl/workbook.xml", lambda _: bomb)
    with pytest.raises(IcpError):
        read_sources(settings_for(tmp_path))


def test_missing_columns_tell_what_was_there(tmp_path: Path) -> None:
    write_book(tmp_path / SALES, {"Log": [["Date", "Customer", "Weight"], ["2024-01-01", "Acme", 5]]})
    with pytest.raises(MissingColumnsError) as caught:
        read_sources(settings_for(tmp_path))
    text = str(caught.value)
    assert "Date, Customer, Weight" in text and "columns.sales" in text and "sheet Log, row 1" in text


def test_a_workbook_is_read_in_memory(tmp_path: Path) -> None:
    path = write_book(tmp_path / SALES, {"Log": GOOD})
    book = open_book(path)
    path.unlink()
    assert len(list(book.rows("Log"))) == 3


@pytest.mark.parametrize("place", ["XFD1048576", "XFE1048577", "A99999999999999999999"])
def test_a_cell_that_claims_a_far_place_in_a_near_row_takes_no_memory(place: str, tmp_path: Path) -> None:
    from icp_xl.sources.file_types import read_sheet
    from tests.support.planted import clean_parts, save

    parts = clean_parts()
    sheet = parts["xl/worksheets/sheet1.xml"]
    parts["xl/worksheets/sheet1.xml"] = sheet.replace(b'r="B3"', b'r="' + place.encode() + b'"', 1)
    try:
        assert len(read_sheet(save(parts, tmp_path / "far.xlsx"))) < 1000
    except SourceError as error:
        assert "cannot be read" in str(error)
