"""The renderer: typed cells, hostile text, names, formulas, empty and odd data, same bytes."""

from __future__ import annotations

import inspect
import io
import re
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from xlsxwriter.worksheet import Worksheet

from icp_xl.delivery.render import layout
from icp_xl.delivery.render.book import render_book, render_bytes
from icp_xl.delivery.render.cell_values import cell_text, cell_value
from icp_xl.delivery.render.excel_names import Names, NamesTaken
from icp_xl.delivery.render.html import html_text
from icp_xl.delivery.render.references import with_prefixes
from icp_xl.delivery.render.theme import TONES
from icp_xl.errors import DeliveryError
from icp_xl.propensity.model import CARE, NOT_READY, READY
from icp_xl.reports.models import NO_MODEL
from icp_xl.reports.spec import Chart, Column, Figure, Figures, Image, Ref, ReportBook, Series, Sheet, Table, Text
from tests.support.validator import assert_valid

CLOCK = datetime(2024, 1, 2, 3, 4, 5)
MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
HOSTILE = (
    '=HYPERLINK("http://x","y")', "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "{=1}", "=cmd|' /C calc'!A0",
    "http://x.y", "123",
    "a\x00b", "a\x07b", "a\x0bb", "_x0041_", "\ufffe", "<b>&amp;</b>", "]]>",
    "  spaced  ", "line\nbreak", "\U0001f600" * 40,
    "x" * 40_000, "'quoted",
    "{name}", "{t.name}", "#REF!", "TRUE",
)  # fmt: skip


def one_table(frame: pd.DataFrame, columns: list[Column] | None = None, **options: object) -> ReportBook:
    columns = columns or [Column(str(name), str(name)) for name in frame.columns]
    return ReportBook([Sheet("Data", "Data", [Table("t", columns, frame, **options)], kind="data")])  # type: ignore[arg-type]


def part(content: bytes, name: str) -> etree._Element:
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        return etree.fromstring(package.read(name))


def cells(content: bytes, sheet: int = 1) -> dict[str, tuple[str, str | None, str | None]]:
    """Address to (type, formula, shown text) of a sheet."""
    texts = ["".join(item.itertext()) for item in part(content, "xl/sharedStrings.xml")]
    found = {}
    for cell in part(content, f"xl/worksheets/sheet{sheet}.xml").iter(f"{MAIN}c"):
        kind, value = cell.get("t", "n"), cell.findtext(f"{MAIN}v")
        shown = texts[int(value)] if kind == "s" and value is not None else value
        found[cell.get("r")] = (kind, cell.findtext(f"{MAIN}f"), shown)
    return found


def test_hostile_text_is_only_ever_a_string_cell(tmp_path: Path) -> None:
    frame = pd.DataFrame({"name": pd.array(HOSTILE, dtype=object)})
    content, result = render_bytes(one_table(frame), clock=CLOCK)
    found = cells(content)
    place = result.tables["t"]
    for i, text in enumerate(HOSTILE):
        kind, formula, shown = found[f"{place.letter('name')}{place.first_row + 1 + i}"]
        assert (kind, formula) == ("s", None), text[:30]
        if len(text) < 1000 and text.isprintable() and "_x" not in text:
            assert shown == text
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        assert not [name for name in package.namelist() if "externalLink" in name or "vba" in name.lower()]
        assert b"<hyperlink" not in package.read("xl/worksheets/sheet1.xml")
    path = tmp_path / "hostile.xlsx"
    path.write_bytes(content)
    assert_valid(path)


def test_hostile_text_is_safe_in_every_other_place(tmp_path: Path) -> None:
    bad = '=1+1"<&>\x07\ud800\n{x}'
    frame = pd.DataFrame({"a": [1.0, 2.0], "g": ["x", "y"]})
    table = Table("t", [Column("g", bad), Column("a", bad, note=bad, choices=(bad,), editable=True)], frame, title=bad)
    chart = Chart(
        "column", bad, [Series(bad, Ref("t", "g"), Ref("t", "a"))], bad, x_title=bad, y_title=bad
    )  # fmt: skip
    blocks = [Text(bad), Text(bad, "heading"), Figures([Figure(bad, bad, "text", bad)]), table, chart]
    book = ReportBook([Sheet(bad, bad, blocks, subtitle=bad)], title=bad, subject=bad, footer=bad)
    render_book(book, tmp_path / "book.xlsx", clock=CLOCK)
    assert_valid(tmp_path / "book.xlsx")
    assert openpyxl_sheets(tmp_path / "book.xlsx")


def openpyxl_sheets(path: Path) -> list[str]:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # openpyxl warns of every extension that it drops
        book = openpyxl.load_workbook(path)
    names = list(book.sheetnames)
    book.close()
    return names


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.characters(codec=None), max_size=60), min_size=1, max_size=8))
def test_any_text_renders_to_well_formed_string_cells(texts: list[str]) -> None:
    content, result = render_bytes(one_table(pd.Series(texts, dtype=object, name="name").to_frame()), clock=CLOCK)
    place = result.tables["t"]
    found = cells(content)
    for i, text in enumerate(texts):
        kind, formula, _ = found[f"A{place.first_row + 1 + i}"]
        assert formula is None and kind == ("s" if text else "n")


def test_the_window_fits_a_small_screen() -> None:
    """Excel counts windows in twentieths of a point, fifteen to a pixel."""
    content, _ = render_bytes(one_table(pd.DataFrame({"a": [1]})), clock=CLOCK)
    view = part(content, "xl/workbook.xml").find(f".//{MAIN}workbookView")
    assert view is not None
    assert int(view.get("windowWidth")) <= 1366 * 15 and int(view.get("windowHeight")) <= 768 * 15


def test_values_become_typed_cells() -> None:
    frame = pd.DataFrame(
        {
            "number": [1.5, np.nan, np.inf],
            "id": [7, 8, 9],
            "when": pd.to_datetime(["2024-02-29", None, "1880-01-01"]),
            "flag": [True, False, None],
            "big": [2**60, 1, 2],
        }
    )
    columns = [
        Column("number", "Number", "number"), Column("id", "Id", "id"), Column("when", "When", "date"),
        Column("flag", "Flag", "flag"), Column("big", "Big", "integer"),
    ]  # fmt: skip
    content, result = render_bytes(one_table(frame, columns), clock=CLOCK)
    found, row = cells(content), result.tables["t"].first_row + 1
    assert found[f"A{row}"] == ("n", None, "1.5")
    assert found[f"A{row + 1}"][2] is None and found[f"A{row + 2}"][2] is None
    assert found[f"B{row}"] == ("s", None, "7")
    assert found[f"C{row}"] == ("n", None, "45351")
    assert found[f"C{row + 2}"] == ("s", None, "1880-01-01")
    assert found[f"D{row}"] == ("s", None, "Yes") and found[f"D{row + 1}"][2] is None
    assert found[f"E{row}"] == ("s", None, str(2**60))


def test_dates_follow_the_date_system_of_the_target() -> None:
    frame = pd.DataFrame({"when": [pd.Timestamp("2024-02-29", tz=UTC)]})
    book = one_table(frame, [Column("when", "When", "date")])
    content, result = render_bytes(book, clock=CLOCK, date_1904=True)
    assert cells(content)[f"A{result.tables['t'].first_row + 1}"][2] == str(45351 - 1462)
    assert part(content, "xl/workbook.xml").find(f"{MAIN}workbookPr").get("date1904") == "1"


def test_formulas_resolve_to_cells_and_keep_their_values() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [2.0, 4.0], "s": [0.25, 0.5]})
    columns = [
        Column("a", "A", "number"), Column("b", "B", "number", formula="{a}*2", total="sum"),
        Column("s", "S", "percent", formula='=NORM.S.INV({a}/SUM({t.b}))+{t.a:2}+{1,2}'),
    ]  # fmt: skip
    book = one_table(frame, columns, totals=True)
    content, result = render_bytes(ReportBook(book.sheets, names={"total_b": "SUM({t.b})"}), clock=CLOCK)
    place = result.tables["t"]
    found, row = cells(content), place.first_row + 1
    assert found[f"B{row + 1}"] == ("n", f"$A{row + 1}*2", "4.0")
    formula = found[f"C{row}"][1]
    assert formula is not None
    whole = f"Data!$B${row}:$B${row + 1}"
    assert formula == f"(_xlfn.NORM.S.INV($A{row}/SUM({whole}))+Data!$A${row + 1}+{{1,2}})"
    assert found[f"B{row + 2}"] == ("n", "SUBTOTAL(109,icp_t[B])", "6.0")
    names = part(content, "xl/workbook.xml").find(f"{MAIN}definedNames")
    assert f"SUM(Data!$B${row}:$B${row + 1})" in [name.text for name in names]


def test_a_formula_for_each_row_and_a_run_of_rows() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [3.0, 5.0, 3.0]})
    columns = [
        Column("a", "A", "number"),
        Column("b", "B", "number", formula=["SUM({t.a:1-2})", "SUM({t.a:2-3})", "{a}"]),
    ]
    content, result = render_bytes(one_table(frame, columns), clock=CLOCK)
    found, row = cells(content), result.tables["t"].first_row + 1
    assert [found[f"B{row + i}"][1] for i in range(3)] == [
        f"SUM(Data!$A${row}:$A${row + 1})", f"SUM(Data!$A${row + 1}:$A${row + 2})", f"$A{row + 2}"
    ]  # fmt: skip


def test_later_functions_are_prefixed_and_older_ones_are_not() -> None:
    text = 'NORMSINV(A1)+NORM.S.INV(B1)+PERCENTILE(C1:C9,1)+IFNA(1,2)&"IFNA("+NETWORKDAYS.INTL(1,2)+SWITCH(1,1)'
    assert with_prefixes(text) == (
        'NORMSINV(A1)+_xlfn.NORM.S.INV(B1)+PERCENTILE(C1:C9,1)+_xlfn.IFNA(1,2)&"IFNA("'
        "+NETWORKDAYS.INTL(1,2)+_xlfn.SWITCH(1,1)"
    )


def test_every_function_that_xlsxwriter_knows_as_later_is_prefixed() -> None:
    known = re.findall(r'"(_xlfn\.(?:_xlws\.)?([A-Z0-9.]+))\("', inspect.getsource(Worksheet._prepare_formula))
    assert len(known) > 150
    assert {name: with_prefixes(f"{name}(A1)") for _, name in known} == {name: f"{text}(A1)" for text, name in known}
    assert with_prefixes("LET(x,T.DIST.2T(A1,3),x)+_xlfn.LET(y,1)+NORMSINV(0.5)") == (
        "_xlfn.LET(x,_xlfn.T.DIST.2T(A1,3),x)+_xlfn.LET(y,1)+NORMSINV(0.5)"
    )


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_empty_and_small_tables_are_native_and_valid(tmp_path: Path, rows: int) -> None:
    frame = pd.DataFrame({"a": [np.nan] * rows, "b": [None] * rows})
    columns = [Column("a", "A", "score", rule="data_bar", total="average"), Column("b", "B", rule="flag")]
    table = Table("t", columns, frame, totals=True, empty_text="Nobody moved.")
    chart = Chart("line", "C", [Series("s", Ref("t", "b"), Ref("t", "a"))], "nothing")
    content, result = render_bytes(ReportBook([Sheet("S", "S", [table, chart])]), clock=CLOCK)
    place = result.tables["t"]
    ref = part(content, "xl/tables/table1.xml").get("ref")
    assert ref == place.ref and place.rows == rows
    shown = [text for _, _, text in cells(content).values()]
    assert ("Nobody moved." in shown) == (rows == 0)
    assert bool(result.charts) == (rows > 0)
    (tmp_path / "s.xlsx").write_bytes(content)
    assert_valid(tmp_path / "s.xlsx")


def test_names_give_way_to_those_of_the_target() -> None:
    frame = pd.DataFrame({"a": [1.0]})
    book = ReportBook(
        [
            Sheet("History", "H", [Table("t", [Column("a", "A"), Column("a", "a")], frame)]),
            Sheet("Summary", "S", [Figures([Figure("sum", 1.0, formula="SUM({t.a})")])]),
        ]
    )
    taken = NamesTaken(sheets=["SUMMARY", "history (2)"], tables=["ICP_T"])
    content, result = render_bytes(book, clock=CLOCK, names_taken=taken)
    assert dict(result.sheets) == {"History": "History (3)", "Summary": "Summary (2)"}
    table = part(content, "xl/tables/table1.xml")
    assert table.get("name") == "icp_t_2"
    assert [c.get("name") for c in table.iter(f"{MAIN}tableColumn")] == ["A", "a (2)"]
    assert any(formula and "'History (3)'!" in formula for _, formula, _ in cells(content, 2).values())


@given(st.lists(st.text(max_size=45), max_size=12))
def test_sheet_names_are_always_allowed_and_unique(wanted: list[str]) -> None:
    names = Names()
    given_out = [names.sheet(text) for text in wanted]
    assert len({name.lower() for name in given_out}) == len(given_out)
    for name in given_out:
        assert 1 <= len(name.encode("utf-16-le")) // 2 <= 31
        assert not set(name) & set("[]:*?/\\") and not name.startswith("'") and not name.endswith("'")


def test_the_same_book_and_clock_give_the_same_bytes() -> None:
    frame = pd.DataFrame({"a": np.arange(50.0), "g": list("ABCDF") * 10})
    columns = [Column("a", "A", "score", rule="data_bar"), Column("g", "G", "grade", rule="grade")]
    chart = Chart("column", "C", [Series("s", Ref("t", "g"), Ref("t", "a"))], "bars")
    book = ReportBook([Sheet("S", "S", [Table("t", columns, frame), chart])])
    assert render_bytes(book, clock=CLOCK)[0] == render_bytes(book, clock=CLOCK)[0]
    core = part(render_bytes(book, clock=CLOCK)[0], "docProps/core.xml")
    assert {"2024-01-02T03:04:05Z"} <= {item.text for item in core}


def test_editable_cells_are_unlocked_with_a_drop_down() -> None:
    frame = pd.DataFrame({"k": ["a"], "d": [""]})
    columns = [Column("k", "Key", "id"), Column("d", "Decision", editable=True, choices=("same", "different"))]
    content, result = render_bytes(one_table(frame, columns, key="k"), clock=CLOCK)
    sheet = part(content, "xl/worksheets/sheet1.xml")
    lists = [v for v in sheet.iter(f"{MAIN}dataValidation") if v.get("type") == "list"]
    assert [v.findtext(f"{MAIN}formula1") for v in lists] == ['"same,different"']
    style = int(next(c for c in sheet.iter(f"{MAIN}c") if c.get("r") == lists[0].get("sqref")).get("s", "0"))
    xf = part(content, "xl/styles.xml").find(f"{MAIN}cellXfs")[style]
    assert xf.find(f"{MAIN}protection").get("locked") == "0"
    assert result.tables["t"].key == "k" and result.tables["t"].editable == ("d",)


def test_print_setup_is_landscape_one_page_wide_with_repeated_headers() -> None:
    book = ReportBook([Sheet("S", "S", [Table("t", [Column("a", "A")], pd.DataFrame({"a": ["x"]}))], freeze_table="t")])
    content, result = render_bytes(book, clock=CLOCK)
    sheet = part(content, "xl/worksheets/sheet1.xml")
    setup = sheet.find(f"{MAIN}pageSetup")
    assert (setup.get("orientation"), setup.get("fitToHeight")) == ("landscape", "0")
    header = result.tables["t"].header_row + 1
    names = {n.get("name"): n.text for n in part(content, "xl/workbook.xml").find(f"{MAIN}definedNames")}
    assert names["_xlnm.Print_Titles"] == f"S!${header}:${header}"
    assert sheet.find(f"{MAIN}sheetViews")[0].find(f"{MAIN}pane").get("ySplit") == str(header)
    assert "Page &P of &N" in sheet.findtext(f"{MAIN}headerFooter/{MAIN}oddFooter")


def printed_names(*sheets: Sheet) -> dict[str, str | None]:
    content, _ = render_bytes(ReportBook(sheets), clock=CLOCK)
    return {n.get("name"): n.text for n in part(content, "xl/workbook.xml").find(f"{MAIN}definedNames")}


@pytest.mark.parametrize(("subtitle", "kind"), [("", "method"), ("words", "method"), ("", "data"), ("words", "data")])
def test_a_sheet_that_is_not_printed_prints_one_blank_cell(subtitle: str, kind: str) -> None:
    table = Table("t", [Column("a", "A")], pd.DataFrame({"a": ["x"] * 90}))
    sheet = Sheet("S", "Title", [table], subtitle=subtitle, kind=kind, printed=False, freeze_table="t")  # type: ignore[arg-type]
    content, _ = render_bytes(ReportBook([sheet]), clock=CLOCK)
    names = printed_names(sheet)
    assert "_xlnm.Print_Titles" not in names
    area = re.fullmatch(r"S!\$(A)\$(\d)", str(names["_xlnm.Print_Area"]))
    assert area is not None and cells(content).get(area[1] + area[2], ("", None, None))[2] is None


@pytest.mark.parametrize(("count", "last"), [(3, 7), (90, 94), (1000, 94), (None, 94)])
def test_of_a_long_list_what_is_to_be_worked_on_is_printed(count: int | None, last: int) -> None:
    table = Table("t", [Column("a", "A")], pd.DataFrame({"a": ["x"] * 90}))
    names = printed_names(Sheet("S", "S", [table], "words", "t", kind="data", printed_rows=count))
    assert names["_xlnm.Print_Area"] == f"S!$A$1:$B${last}"


def test_the_header_of_a_long_table_that_ends_a_sheet_is_repeated() -> None:
    frame = pd.DataFrame({"a": ["x"] * 90})
    tables = [Table(name, [Column("a", "A")], frame.head(n)) for name, n in (("short", 5), ("long", 90), ("end", 5))]
    assert printed_names(Sheet("S", "S", [Text("words"), *tables[:2]]))["_xlnm.Print_Titles"] == "S!$12:$12"
    # Behind it comes another, whose pages must not bear its header.
    assert "_xlnm.Print_Titles" not in printed_names(Sheet("S", "S", tables))
    assert "_xlnm.Print_Titles" not in printed_names(Sheet("S", "S", tables[:1]))


@pytest.mark.parametrize("below", [1, 90])
def test_a_header_neither_stays_in_view_nor_is_repeated_above_another_table(below: int) -> None:
    frame = pd.DataFrame({"a": ["x"] * 90})
    tables = [Table(name, [Column("a", name)], frame.head(n)) for name, n in (("first", 90), ("next", below))]
    sheet = Sheet("S", "S", tables, freeze_table="first", kind="data")
    content, result = render_bytes(ReportBook([sheet]), clock=CLOCK)
    root, header = part(content, "xl/worksheets/sheet1.xml"), result.tables["next"].header_row + 1
    assert root.find(f".//{MAIN}pane") is None
    assert printed_names(sheet).get("_xlnm.Print_Titles") == (None if below == 1 else f"S!${header}:${header}")
    alone = Sheet("S", "S", tables[:1], freeze_table="first", kind="data")
    assert "_xlnm.Print_Titles" in printed_names(alone)


@given(st.integers(1, 160), st.integers(1, 40), st.booleans())
def test_texts_of_a_data_sheet_are_printed_whole_unless_columns_are_left_out(words: int, width: int, out: bool) -> None:
    columns = [Column(key, key, width=width, hidden_from_print=out and key == "c") for key in "abc"]
    table = Table("t", columns, pd.DataFrame([["x"] * 3], columns=list("abc")))
    sheet = Sheet("S", "S", [Text("word " * words), table], kind="data")
    _, last = str(printed_names(sheet)["_xlnm.Print_Area"]).replace("$", "").removeprefix("S!").split(":")
    printed = ord(re.sub(r"\d", "", last)) - ord("A") + 1
    plan = layout.plan(sheet)
    if out:
        assert printed == 2
    else:
        reach = sum(plan.width(column) for column in range(printed))
        assert reach >= min(layout.text_width("word " * words), layout.TEXT_WIDTH) and printed >= 3


@pytest.mark.parametrize(
    ("word", "tone"),
    [(READY, "good"), (CARE, "warning"), (NOT_READY, "bad"), (NO_MODEL, "bad"), ("As expected", "good"),
     ("Outside", "warning"), ("Holds", "good"), ("Left out", "warning"), ("Look at", "warning"), ("Broken", "bad"),
     ("No match", "bad"), ("Other", "")],
)  # fmt: skip
def test_a_verdict_is_coloured(word: str, tone: str) -> None:
    frame = pd.DataFrame({"a": [word, "none"]})
    root = part(render_bytes(one_table(frame, [Column("a", "A", rule="status")]), clock=CLOCK)[0], "xl/styles.xml")
    fills = {fill.get("rgb", "")[-6:] for fill in root.iter(f"{MAIN}fgColor")}
    assert [name for name, (fill, _) in TONES.items() if fill[1:] in fills] == ([tone] if tone else [])


def test_every_picture_has_alternative_text() -> None:
    png = (
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"
        b"\x00\x00\x00\rIDATx\x9cc\xf8\xff\xff?\x00\x05\xfe\x02\xfe\xa75\x81\x84\x00\x00\x00\x00IEND\xaeB`\x82"
    )
    frame = pd.DataFrame({"g": ["a", "b"], "v": [1.0, 2.0]})
    chart = Chart("pie", "P", [Series("s", Ref("t", "g"), Ref("t", "v"))], "two slices")
    blocks = [Table("t", [Column("g", "G"), Column("v", "V", "number")], frame), chart, Image(png, "a dot")]
    content, _ = render_bytes(ReportBook([Sheet("S", "S", blocks)]), clock=CLOCK)
    drawing = part(content, "xl/drawings/drawing1.xml")
    told = [item.get("descr") for item in drawing.iter() if etree.QName(item).localname == "cNvPr"]
    assert sorted(told) == ["a dot", "two slices"]


def test_every_chart_kind_is_valid(tmp_path: Path) -> None:
    frame = pd.DataFrame({"g": list("abc"), "x": [1.0, 2.0, 3.0], "v": [3.0, 1.0, 2.0], "w": [1.0, 1.0, 1.0]})
    columns = [Column("g", "G"), *(Column(key, key.upper(), "number") for key in "xvw")]
    group, value, other = Ref("t", "g"), Ref("t", "v"), Ref("t", "w")
    charts = [
        Chart(kind, kind, [  # type: ignore[arg-type]
            Series("one", Ref("t", "x") if kind == "scatter" else group, value, trendline=kind == "scatter"),
            *([] if kind == "pie" else [Series("two", Ref("t", "x") if kind == "scatter" else group, other)]),
        ], kind)
        for kind in ("column", "stacked_column", "bar", "stacked_bar", "line", "area", "scatter", "radar", "pie", "box")
    ]  # fmt: skip
    mixed = Chart(
        "column", "mixed",
        [
            Series("bars", group, value, error_bars=(other, None)),
            Series("line", group, other, kind="line", second_axis=True),
        ],
        "mixed",
    )  # fmt: skip
    path = tmp_path / "charts.xlsx"
    result = render_book(ReportBook([Sheet("S", "S", [Table("t", columns, frame), *charts, mixed])]), path, clock=CLOCK)
    assert len(result.charts) == 11
    assert_valid(path)


def test_faults_of_a_book_are_told_before_anything_is_written(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1.0]})
    table = Table("t", [Column("a", "A", formula="{nothing}")], frame)
    path = tmp_path / "old.xlsx"
    path.write_bytes(b"old")
    for book, text in (
        (ReportBook([]), "at least one sheet"),
        (ReportBook([Sheet("S", "S", [table])]), "column that its table does not have"),
        (
            ReportBook([Sheet("S", "S", [Figures([Figure("f", 1, formula="{gone.a}")])])]),
            "table that the book does not have",
        ),
        (ReportBook([Sheet("S", "S", [Table("t", [Column("b", "B")], frame)])]), "lacks columns"),
        (ReportBook([Sheet("S", "S", []), Sheet("S", "S", [])]), "two sheets"),
        (ReportBook([Sheet("S", "S", [])], names={"icp_part": "=1", "ICP_PART": "=2"}), "differ by case alone"),
    ):
        with pytest.raises(DeliveryError, match=text):
            render_book(book, path, clock=CLOCK)
    assert path.read_bytes() == b"old"


@given(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=9))
def test_columns_of_the_same_name_are_one_error_that_names_them(names: list[str]) -> None:
    frame = pd.DataFrame([range(len(names))] * 2, columns=names)
    shown = [name for name in dict.fromkeys(names) if name in "abc"] or names[:1]
    twice = [name for name in shown if names.count(name) > 1]
    if not twice:
        book = one_table(frame, [Column(name, "Same") for name in shown])
        assert render_bytes(book, clock=CLOCK) and html_text(book)
        return
    with pytest.raises(DeliveryError, match="columns of the same name") as caught:
        one_table(frame, [Column(name, name) for name in shown])
    assert caught.value.fault.got == ", ".join(f"{name} ({names.count(name)} times)" for name in twice)


def test_more_rows_than_a_sheet_holds_is_one_clear_error() -> None:
    frame = pd.DataFrame({"a": np.zeros(layout.MAX_ROWS)})
    with pytest.raises(DeliveryError, match="larger than Excel allows.*1,048,576 rows"):
        try:
            render_bytes(one_table(frame, [Column("a", "A", "number", width=9)]), clock=CLOCK)
        except DeliveryError as error:
            raise DeliveryError(str(error)) from None


def test_cleaned_values_never_exceed_a_cell() -> None:
    long = cell_text("\U0001f600" * 30_000)
    assert len(long.encode("utf-16-le")) // 2 <= 32_767
    assert cell_value(np.datetime64("NaT")) is None


def test_the_cached_text_of_a_formula_is_well_formed_whatever_the_name() -> None:
    frame = pd.DataFrame({"name": HOSTILE, "again": HOSTILE})
    columns = [Column("name", "Name"), Column("again", "Again", formula="{name}")]
    root = part(render_bytes(one_table(frame, columns), clock=CLOCK)[0], "xl/worksheets/sheet1.xml")
    cached = [cell.findtext(f"{MAIN}v") for cell in root.iter(f"{MAIN}c") if cell.find(f"{MAIN}f") is not None]
    assert len(cached) == len(HOSTILE)
    for text in ("a_x0000_b", "a_x0007_b", "_x005F_x0041_", "_xFFFE_", "_x000D_=1", "<b>&amp;</b>"):
        assert text in cached


def test_a_footer_that_begins_with_a_digit_keeps_it() -> None:
    """``&8`` before ``2024…`` would be read as a font of size 82024."""
    book = ReportBook([Sheet("Data", "Data", [])], title="2024 plan", footer="20240102T030405-score")
    foot = part(render_bytes(book, clock=CLOCK)[0], "xl/worksheets/sheet1.xml").findtext(f".//{MAIN}oddFooter") or ""
    assert "&8 2024 plan" in foot and foot.endswith("&8 20240102T030405-score")


def test_a_column_of_text_grows_by_half_at_most_to_show_it_whole() -> None:
    names = ["Short", "Dorney Dormere Motors Ltd"]
    asked = Column("name", "Name", width=20)
    widths = [
        layout.block_widths(Table("t", [asked], pd.DataFrame({"name": shown})))[0]
        for shown in (names[:1], names, [*names, "x" * 200])
    ]
    assert widths[0] == 145 and 145 < widths[1] < 217 and widths[2] == 217
    number = Table("t", [Column("n", "Number", "number", width=5)], pd.DataFrame({"n": [1e12]}))
    assert layout.block_widths(number) == [40]
