"""Large tables are written by column; the workbook is the one that XlsxWriter writes cell by cell."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from openpyxl import load_workbook

from icp_xl.delivery.render import row_blocks, tables
from icp_xl.delivery.render.book import render_book, render_bytes
from icp_xl.reports.spec import Chart, Column, Ref, ReportBook, Series, Sheet, Table, Text
from tests.delivery.test_render import HOSTILE
from tests.support.validator import assert_valid

CLOCK = datetime(2024, 1, 2, 3, 4, 5)
MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
Row = tuple[dict[str, str], list[tuple[object, ...]]]


@pytest.fixture(params=[row_blocks.ROWS_AT_ONCE, 7], ids=["one piece", "several pieces"])
def both(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> object:
    """Renders a book cell by cell and by column."""
    monkeypatch.setattr(row_blocks, "ROWS_AT_ONCE", request.param)

    def render(book: ReportBook, **options: bool) -> tuple[bytes, bytes]:
        monkeypatch.setattr(tables, "LARGE", 10**9)
        cells = render_bytes(book, clock=CLOCK, **options)
        monkeypatch.setattr(tables, "LARGE", 1)
        columns = render_bytes(book, clock=CLOCK, **options)
        assert cells[1] == columns[1]
        return cells[0], columns[0]

    return render


def parts(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        assert package.testzip() is None
        return {name: package.read(name) for name in package.namelist()}


def looks(styles: bytes) -> list[tuple[object, ...]]:
    """What each cell format looks like, whatever its number."""
    root = etree.fromstring(styles)
    named = {form.get("numFmtId"): form.get("formatCode") for form in root.iter(f"{MAIN}numFmt")}
    lists = [[etree.tostring(e) for e in root.find(f"{MAIN}{name}")] for name in ("fonts", "fills", "borders")]
    found = []
    for xf in root.find(f"{MAIN}cellXfs"):
        shown = [items[int(xf.get(f"{name}Id"))] for name, items in zip(("font", "fill", "border"), lists, strict=True)]
        inner = [etree.tostring(each) for each in xf]
        found.append((named.get(xf.get("numFmtId"), xf.get("numFmtId")), *shown, *inner))
    return found


def rows_of(package: dict[str, bytes], sheet: str) -> Iterator[Row]:
    """Attributes of each row, and of each cell its place, look, kind, formula and value."""
    strings = package.get("xl/sharedStrings.xml")
    texts = ["".join(item.itertext()) for item in etree.fromstring(strings)] if strings else []
    look = looks(package["xl/styles.xml"])
    for row in etree.fromstring(package[sheet]).iter(f"{MAIN}row"):
        cells: list[tuple[object, ...]] = []
        for cell in row:
            kind, value = cell.get("t", "n"), cell.findtext(f"{MAIN}v")
            shown: object = value
            if kind == "s":
                kind, shown = "text", texts[int(value)]
            elif kind == "inlineStr":
                kind, shown = "text", "".join(cell.find(f"{MAIN}is").itertext())
            elif kind == "n" and value:
                shown = float(value)
            cells.append((cell.get("r"), look[int(cell.get("s"))], kind, cell.findtext(f"{MAIN}f"), shown))
        yield {name: value for name, value in row.attrib.items() if name != "spans"}, cells


def assert_same(cells: bytes, columns: bytes) -> None:
    """The same workbook but for what may differ: shared or inline texts, and the numbers of formats."""
    before, after = parts(cells), parts(columns)
    assert {*before} - {"xl/sharedStrings.xml"} == {*after} - {"xl/sharedStrings.xml"}
    for name, content in before.items():
        if name.startswith("xl/worksheets/sheet"):
            assert list(rows_of(before, name)) == list(rows_of(after, name)), name
            around = [
                re.sub(rb"<sheetData>.*</sheetData>", b"", each[name], flags=re.DOTALL) for each in (before, after)
            ]
            assert around[0] == around[1], name
        elif name == "xl/styles.xml":
            assert sorted(map(str, looks(content))) == sorted(map(str, looks(after[name])))
        elif name != "xl/sharedStrings.xml":
            assert content == after[name], name


def mixed_frame(n: int) -> pd.DataFrame:
    """Columns of every kind of value that a frame may hold."""
    rng = np.random.default_rng(1)
    odd = [None, True, 7, 2.5, "text", Decimal("1.5"), date(2024, 2, 29), datetime(1850, 1, 1, 5), 2**60, ["a", "b"],
           pd.NaT, np.float32(0.1), "", datetime(2024, 1, 1, tzinfo=UTC), float("inf")]  # fmt: skip
    frame = pd.DataFrame({"name": pd.array([HOSTILE[i % len(HOSTILE)] for i in range(n)], dtype=object)})
    frame["number"] = rng.random(n) * 10.0 ** rng.integers(-12, 20, n)
    frame["missing"] = np.where(np.arange(n) % 3 == 0, np.nan, np.arange(n) / 3)
    frame["whole"] = rng.integers(-(10**9), 10**9, n)
    frame["vast"] = rng.integers(2**53 - 20, 2**53 + 20, n)
    frame["maybe"] = pd.array([None if i % 4 == 0 else i for i in range(n)], dtype="Int64")
    frame["day"] = pd.to_datetime("2024-01-01") + pd.to_timedelta(rng.integers(-9000, 9000, n), "h")
    frame.loc[::5, "day"] = pd.NaT
    frame["old"] = [datetime(1850, 3, 1) if i % 9 == 0 else datetime(2024, 5, 6, 7, 8, 9) for i in range(n)]
    frame["zoned"] = pd.to_datetime("2024-01-01T10:00:00+02:00") + pd.to_timedelta(np.arange(n), "D")
    frame["yes"] = np.arange(n) % 2 == 0
    frame["odd"] = pd.array([odd[i % len(odd)] for i in range(n)], dtype=object)
    frame["status"] = [("OK", "check it", "No match", "whatever", None)[i % 5] for i in range(n)]
    frame["words"] = pd.Categorical([("a & b", "<c>", "d\ne", " f")[i % 4] for i in range(n)])
    frame["long"] = ["word " * (40 if i % 6 == 0 else 2) for i in range(n)]
    frame["typed"] = pd.array([f"text {i}" if i % 3 else None for i in range(n)], dtype="string")
    return frame


def mixed_book(n: int) -> ReportBook:
    frame = mixed_frame(n)
    frame["error"] = ["#N/A" if i % 2 else "fine" for i in range(n)]
    own = [f"{{c3}}+{i}" for i in range(n)]
    shown: list[tuple[str, dict[str, object]]] = [
        ("name", {}), ("number", {"kind": "number", "total": "sum"}), ("missing", {"kind": "money"}),
        ("whole", {"kind": "integer", "rule": "sign"}), ("vast", {"kind": "integer"}), ("maybe", {}),
        ("day", {"kind": "date"}), ("old", {"kind": "datetime"}), ("zoned", {"kind": "datetime"}),
        ("yes", {"kind": "flag"}), ("odd", {}), ("status", {"rule": "status"}), ("words", {}),
        ("long", {"kind": "long_text"}),
        ("typed", {"editable": True}), ("whole", {"kind": "id"}), ("missing", {"kind": "id"}),
        ("number", {"kind": "number", "formula": "{c3}*2+SUM({t.c3})"}),
        ("name", {"formula": 'IF({c3}<3,"a & b",{c0})'}),
        ("odd", {"formula": "={c3}"}), ("day", {"kind": "date", "formula": "TODAY()"}), ("whole", {"formula": own}),
        ("error", {"formula": "NORM.S.INV({c2})"}), ("number", {"formula": "SUM({1,2})"}),
        ("missing", {"formula": "LOG10({c1})"}),
    ]  # fmt: skip
    columns = [Column(f"c{i}", f"{key} {i}", **options) for i, (key, options) in enumerate(shown)]  # type: ignore[arg-type]
    values = pd.DataFrame({f"c{i}": frame[key] for i, (key, _) in enumerate(shown)})
    chart = Chart(
        "scatter", "Points",
        [Series("s", Ref("t", "c3"), Ref("t", "c1")), Series("u", Ref("t", "c0"), Ref("t", "c17")),
         Series("v", Ref("t", "c6"), Ref("t", "c16", 5))], "points",
    )  # fmt: skip
    table = Table("t", columns, values, totals=True, title="Values", key="c0")
    below = Table("below", [Column("a", "A"), Column("b", "B")], pd.DataFrame({"a": [1.0, 2], "b": ["x", "y"]}))
    return ReportBook([Sheet("Data", "Data", [Text("above"), table, Text("below"), below, chart], freeze_table="t")])


@pytest.mark.parametrize("date_1904", [False, True])
def test_both_ways_make_the_same_workbook(both: object, date_1904: bool) -> None:
    assert_same(*both(mixed_book(40), date_1904=date_1904))  # type: ignore[operator]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_values_are_the_same_both_ways(both: object, data: st.DataObject) -> None:
    texts = st.text(st.characters(codec=None), max_size=12)
    numbers = st.floats(allow_nan=True, allow_infinity=True)
    values = st.one_of(st.none(), texts, numbers, st.integers(), st.booleans(), st.datetimes())
    n = data.draw(st.integers(1, 20))
    frame = pd.DataFrame(
        {name: pd.Series(data.draw(st.lists(kind, min_size=n, max_size=n)), dtype=dtype)
         for name, kind, dtype in (("a", texts, object), ("b", numbers, float), ("c", values, object))}
    )  # fmt: skip
    columns = [Column("a", "A"), Column("b", "B", "number"), Column("c", "C"), Column("c", "D", "id"),
               Column("c", "E", "flag"), Column("c", "F", formula="{b}+1")]  # fmt: skip
    columns = [Column(f"{c.key}{i}", c.header, c.kind, formula=c.formula) for i, c in enumerate(columns)]
    shown = frame.assign(**{c.key: frame[c.key[0]] for c in columns})
    columns.append(Column("b", "G", "number"))
    assert_same(*both(ReportBook([Sheet("S", "S", [Table("t", columns, shown)], kind="data")])))  # type: ignore[operator]


#: Moments of any year; half of them lie within some microseconds of the end of a day.
MOMENTS = st.datetimes(timezones=st.none() | st.timezones()) | st.builds(
    lambda day, left: datetime.combine(day, time.max) - timedelta(microseconds=left), st.dates(), st.integers(0, 10)
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(MOMENTS | st.just(datetime.max), min_size=1, max_size=12), st.booleans())
def test_no_moment_is_rounded_into_another_day(both: object, moments: list[datetime], date_1904: bool) -> None:
    column = Column("at", "At", "datetime")
    bare = pd.Series(pd.array([each.replace(tzinfo=None) for each in moments], dtype="datetime64[us]"))
    for given_as in (pd.Series(moments, dtype=object), bare):
        book = ReportBook([Sheet("S", "S", [Table("t", [column], pd.DataFrame({"at": given_as}))], kind="data")])
        for content in both(book, date_1904=date_1904):  # type: ignore[operator]
            found = [row[0].value for row in load_workbook(io.BytesIO(content)).active.iter_rows()][-len(moments) :]
            for shown, moment in zip(found, given_as, strict=True):
                try:
                    wanted = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
                except OverflowError:
                    wanted = datetime.min
                if wanted.year < 1905:
                    assert isinstance(shown, str)
                else:
                    assert isinstance(shown, datetime) and shown.date() == wanted.date()
                    assert abs(shown - wanted) < timedelta(seconds=1)


def test_dates_that_excel_does_not_have_are_text_both_ways(both: object) -> None:
    years = np.array(["-4999-03-01", "1899-12-31", "9999-12-31", "12000-01-01"], dtype="datetime64[s]")
    frame = pd.DataFrame({"at": years, "one": pd.Series(list(years), dtype=object)})
    columns = [Column("at", "At", "date"), Column("one", "One", "date")]
    for content in both(ReportBook([Sheet("S", "S", [Table("t", columns, frame)], kind="data")])):  # type: ignore[operator]
        found = list(load_workbook(io.BytesIO(content)).active.iter_rows(values_only=True))[-len(years) :]
        last = datetime(9999, 12, 31)
        wanted = ["-4999-03-01 00:00:00", "1899-12-31", last, "12000-01-01 00:00:00"]
        assert [row[:2] for row in found] == [(each, each) for each in wanted]


def test_numbers_are_exact_both_ways(both: object) -> None:
    numbers = [0.1 + 0.2, 1 / 3, 2**53 - 1.0, 5e-324, 1.7976931348623157e308, -0.0, 1e21, 123456789.12345679]
    book = ReportBook([Sheet("S", "S", [Table("t", [Column("a", "A", "number")], pd.DataFrame({"a": numbers}))])])
    for content in both(book):  # type: ignore[operator]
        found = [float(v.text) for v in etree.fromstring(parts(content)["xl/worksheets/sheet1.xml"]).iter(f"{MAIN}v")]
        assert found[-len(numbers) :] == numbers


def test_a_table_beside_another_is_written_too(both: object) -> None:
    frame = pd.DataFrame({"a": np.arange(30.0)})
    pair = [Table(name, [Column("a", "A")], frame.head(n)) for name, n in (("t", 30), ("u", 20))]
    assert_same(*both(ReportBook([Sheet("S", "S", [(pair[0], pair[1]), Text("end")])])))  # type: ignore[operator]


def test_formulas_that_spill_stay_spilling(both: object) -> None:
    frame = pd.DataFrame({"a": np.arange(9.0)})
    column = Column("a", "A", formula="INDEX(SORT(B1:B9),1)")
    assert_same(*both(ReportBook([Sheet("S", "S", [Table("t", [column], frame)])])))  # type: ignore[operator]


def test_a_shared_formula_stands_once_and_means_the_same_in_every_row(both: object) -> None:
    frame = pd.DataFrame({"a": np.arange(30.0), "b": np.arange(30.0) * 2 + 435})
    made = Column("b", "B", "number", formula="{a}*2+435*({a}<99)", shared=True, thousands=2)
    columns = [Column("a", "A"), made]
    cells, shared = both(ReportBook([Sheet("S", "", [Table("t", columns, frame)])]))
    texts = [parts(each)["xl/worksheets/sheet1.xml"].count(b"*2+435*(") for each in (cells, shared)]
    assert texts == [30, 1]
    written = [load_workbook(io.BytesIO(each)).active for each in (cells, shared)]
    rows = [[(cell.value, cell.number_format) for row in sheet.iter_rows() for cell in row] for sheet in written]
    assert rows[0] == rows[1] and ("=$B30*2+435*($B30<99)", "#,##0.00,,") in rows[1]


@pytest.mark.parametrize("formula", ["SUM({t.a})+{a}", "INDEX({1,2},{a})", "IF({a}=#N/A,1,2)"])
def test_a_formula_that_excel_does_not_share_is_refused(formula: str, tmp_path: Path) -> None:
    """[MS-XLSB] 2.5.98.98, SharedParsedFormula: none of PtgArea3d, PtgArray and PtgRefErr."""
    frame = pd.DataFrame({"a": np.arange(float(row_blocks.LARGE + 1))})
    columns = [Column("a", "A"), Column("b", "B", "number", formula=formula.replace("{1,2}", "{{1,2}}"), shared=True)]
    with pytest.raises(ValueError, match="shared formula"):
        render_book(
            ReportBook([Sheet("S", "", [Table("t", columns, frame.assign(b=0.0))])]), tmp_path / "x.xlsx", clock=CLOCK
        )


def test_a_large_workbook_is_valid_and_the_same_twice(tmp_path: Path) -> None:
    book = mixed_book(row_blocks.LARGE + 1)
    for name in ("one.xlsx", "two.xlsx"):
        render_book(book, tmp_path / name, clock=CLOCK)
    assert (tmp_path / "one.xlsx").read_bytes() == (tmp_path / "two.xlsx").read_bytes()
    assert b'<c r="B9"' in parts((tmp_path / "one.xlsx").read_bytes())["xl/worksheets/sheet1.xml"]
    assert_valid(tmp_path / "one.xlsx")


def test_rows_are_not_kept_in_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """XlsxWriter holds no cell of a large table, and no more than a piece of its rows is made at once."""
    longest = 0
    made = row_blocks.RowBlock.xml

    def watched(block: row_blocks.RowBlock) -> Iterator[bytes]:
        nonlocal longest
        for piece in made(block):
            longest = max(longest, piece.count(b"<row "))
            yield piece

    monkeypatch.setattr(row_blocks.RowBlock, "xml", watched)
    kept = []
    add = row_blocks.BlockSheet.add_block
    monkeypatch.setattr(
        row_blocks.BlockSheet, "add_block", lambda sheet, block: (kept.append(sheet), add(sheet, block))
    )
    frame = pd.DataFrame({"a": np.arange(3 * row_blocks.ROWS_AT_ONCE), "b": "text"})
    table = Table("t", [Column("a", "A"), Column("b", "B")], frame)
    render_book(ReportBook([Sheet("S", "S", [table], kind="data")]), tmp_path / "book.xlsx")
    assert longest == row_blocks.ROWS_AT_ONCE and len(kept[0].table) < 10
