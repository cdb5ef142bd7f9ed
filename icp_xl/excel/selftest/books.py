"""Steps: the add-in itself, workbooks that we write, and the user's things in a workbook that sheets go into."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import openpyxl

from icp_xl.artifacts import LIVE_WORKBOOK, REPORT
from icp_xl.excel import macros
from icp_xl.excel.host import Host, own_sheets
from icp_xl.excel.published_results import DEFAULT_OUT
from icp_xl.excel.put_sheets import put_into, reports_in
from icp_xl.excel.selftest.bench import CUSTOMERS_FILE, FACTS_FILE, Bench
from icp_xl.excel.selftest.step import NotHere, expect, step
from icp_xl.excel.templates import write_templates
from icp_xl.excel.workbook_discovery import live_settings

#: The column of the live workbook's weights that its scroll bars move, counted from 0.
SCROLL_BAR = 3
#: A window of more points than this fits no usual screen.
WIDEST, HIGHEST = 1920, 1200


@step(1, 2, expected="The doctor finds nothing that keeps the add-in from working")
def doctor_is_content(bench: Bench) -> str:
    """Installation."""
    from icp_xl.excel.doctor import examine

    # The add-in's own folders, which are the user's.
    with bench.as_user():
        bad = [item.line() for item in examine() if item.state == "bad"]
    expect(not bad, "; ".join(bad))
    return "nothing to mend"


@step(3, 31, expected="Loaded; its VBA answers")
def addin_answers(bench: Bench) -> str:
    """The add-in."""
    try:
        found = bench.app.macro("'icp_xl.xlam'!IcpText.IcpWord")("a'b c;1")
    except Exception as error:  # COM's own errors have a type that only exists there.
        found = type(error).__name__
    expect(found == "abc1", f"{found}: the add-in is not loaded, or its macros are disabled")
    return "answers"


@step(
    6,
    51,
    expected="Each opens whole, without repair, in a window that fits",
    seconds=300,
)
def books_open_whole(bench: Bench) -> str:
    """Workbooks that we write."""
    import icp_xl

    out = bench.copy_of(bench.first) / DEFAULT_OUT
    paths = [*write_templates(bench.folder / "templates"), REPORT.find(out)]
    for path in paths:
        _opens_whole(bench, path)
    icp_xl.live({"paths.out": str(out)})
    _opens_whole(bench, LIVE_WORKBOOK.find(out))
    return f"{len(paths) + 1} workbooks: templates, report, live workbook"


def _opens_whole(bench: Bench, path: Path) -> Any:
    """Open a workbook; what Excel's repair takes away, such as tables and names, is missing afterwards."""
    wanted = _in_file(path)
    book = bench.open(path)
    names = [sheet.name for sheet in book.sheets]
    expect(names == wanted.sheetnames, f"{path.name}: sheets {names}")
    for sheet in wanted.worksheets:
        tables = {table.name for table in book.sheets[sheet.title].tables}
        expect(tables == set(sheet.tables), f"{path.name}, {sheet.title}: tables {sorted(tables)}")
    there = {str(name.name).rpartition("!")[2] for name in book.names}
    gone = {name for name in wanted.defined_names if not name.startswith("_xlnm")} - there
    expect(not gone, f"{path.name}: names {sorted(gone)} are gone")
    if bench.launcher.has_functions:
        window = bench.app.api.ActiveWindow
        size = (float(window.Width), float(window.Height))
        expect(size[0] <= WIDEST and size[1] <= HIGHEST, f"{path.name}: a window of {size[0]:g} × {size[1]:g} points")
    return book


def _in_file(path: Path) -> Any:
    """A workbook without Excel."""
    with warnings.catch_warnings():
        # It tells of extensions that it does not know; nobody looks at those here.
        warnings.simplefilter("ignore", UserWarning)
        return openpyxl.load_workbook(path)


def put(book: Any) -> Any:
    """Put the sheets of all reports in, as the button does but for its message, which would wait for somebody."""
    app, name = book.app, book.name
    settings, _ = live_settings(book)
    put_into(book, reports_in(macros.out_folder(book, settings)), settings, Host(app))
    return app.books[name]


def _with_sheets(bench: Bench, name: str) -> tuple[Any, Any]:
    """A workbook into which the report's sheets were put, and one of those sheets that holds a table."""
    folder = bench.copy_of(bench.first)
    path = folder / f"{name}.xlsx"
    (folder / CUSTOMERS_FILE).rename(path)
    book = bench.open(path)
    book.sheets.add("My own", after=book.sheets[-1])
    book = put(book)
    ours = own_sheets(book)
    expect(ours, "no sheet went in")
    return book, next(sheet for sheet in book.sheets if sheet.name in ours and len(sheet.tables))


@step(
    20, 21, 45, 46, seconds=300,
    expected="After the sheets went in twice more, each stands: formula, spill without @, array, name, chart, "
    "validation, conditional format; no sheet is there twice",
)  # fmt: skip
def users_things_stand(bench: Bench) -> str:
    """The user's things that point to our sheets."""
    bench.need_windows()
    bench.need_spill()
    book, ours = _with_sheets(bench, "things")
    data, last = "'" + ours.name.replace("'", "''") + "'", len(book.sheets)
    own = book.sheets["My own"]
    own.range("A1").formula = f"={data}!A1"
    own.range("C1").formula2 = f'=FILTER({data}!$A$1:$A$4,{data}!$A$1:$A$4<>"")'
    own.range("E1:E3").formula_array = f"=TRANSPOSE({data}!$A$1:$C$1)"
    book.names.add("my_total", f"={data}!$A$1")
    chart = own.charts.add(300, 20)
    chart.set_source_data(ours.range("A1:B4"))
    own.range("G1").api.Validation.Add(3, 1, 1, f"={data}!$A$1:$A$4")
    own.range("G2").api.FormatConditions.Add(2, 3, f"={data}!$A$1>1")
    before = _things(book)
    for _ in range(2):
        book = put(book)
    after = _things(book)
    changed = {name: after[name] for name, value in before.items() if after[name] != value}
    expect(not changed, f"{changed} where { ({name: before[name] for name in changed}) } stood")
    expect("@" not in str(after["spill"]), after["spill"])
    expect(len(book.sheets) == last, f"{len(book.sheets)} sheets where {last} stood")
    return f"{', '.join(before)} stand"


def _things(book: Any) -> dict[str, Any]:
    own = book.sheets["My own"]
    return {
        "formula": own.range("A1").formula,
        "spill": own.range("C1").formula2,
        "array": own.range("E2").formula_array,
        "name": book.names["my_total"].refers_to,
        "chart": own.charts[0].api[1].SeriesCollection(1).Formula,
        "validation": own.range("G1").api.Validation.Formula1,
        "conditional format": own.range("G2").api.FormatConditions(1).Formula1,
    }


@step(46, expected="Its source is what it was", seconds=300)
def pivot_stands(bench: Bench) -> str:
    """A pivot table of the user's over our sheet."""
    bench.need_windows()
    if not bench.calculates:
        raise NotHere("this Excel makes no pivot tables")
    book, ours = _with_sheets(bench, "pivot")
    area = ours.tables[0].range
    last = (area.row + area.shape[0] - 1, area.column + area.shape[1] - 1)
    source = f"'{ours.name}'!R{area.row}C{area.column}:R{last[0]}C{last[1]}"
    target = book.sheets["My own"].range("A3").api
    book.api.PivotCaches().Create(1, source).CreatePivotTable(target, "mine")
    before = book.sheets["My own"].api.PivotTables(1).SourceData
    after = put(book).sheets["My own"].api.PivotTables(1).SourceData
    expect(after == before, f"{after} where {before} stood")
    return str(after)


@step(
    58, 59, 60, 65, seconds=300,
    expected="In an Excel without add-ins: opens whole, says Yes, the seven names compute the library's scores; gone "
    "after --remove",
)  # fmt: skip
def functions_as_names(bench: Bench) -> str:
    """Functions without the add-in."""
    import icp_xl

    folder = bench.copy_of(bench.first)
    path = folder / "names.xlsx"
    (folder / FACTS_FILE).rename(path)
    given = {"paths.out": str(folder / DEFAULT_OUT)}
    icp_xl.write_back(path, given, functions=True)
    excel = bench.start(addin=False)
    try:
        book = excel.app.books.open(str(path))
        names = sorted(str(name.name) for name in book.names if str(name.name).startswith("ICP_"))
        expect(len(names) == 7, names)
        sheet = book.sheets["Facts"]
        found = bench.answer(sheet.range("J2"), "=ICP_SCORE(A2,B2,C2,D2,E2)")
        want = bench.read(sheet.range("F2"))
        if found == "#NAME?" and bench.answer(sheet.range("J3"), "=LAMBDA(x,x)(1)") != 1:
            raise NotHere("this Excel has no LAMBDA (before 2024)")
        expect(isinstance(found, float) and abs(found - want) < 1e-9, f"{found}, wanted {want}")
        book.close()
    finally:
        excel.end()
    icp_xl.write_back(path, given, functions=True, remove=True)
    left = [name for name in _in_file(path).defined_names if name.startswith("ICP_")]
    expect(not left, f"{left} are left")
    return f"{', '.join(names)}; {found:.4f}"


@step(67, expected="A weight moves the scores", seconds=300)
def live_workbook(bench: Bench) -> str:
    """The live workbook."""
    import icp_xl

    if not bench.calculates:
        raise NotHere("this Excel calculates no formulas")
    out = bench.copy_of(bench.first) / DEFAULT_OUT
    icp_xl.live({"paths.out": str(out)})
    book = bench.open(LIVE_WORKBOOK.find(out))
    tables = {str(table.name): table for sheet in book.sheets for table in sheet.tables}
    weights, accounts = tables["icp_live_weights"].data_body_range, tables["icp_live"].data_body_range
    before = bench.read(accounts)
    bar = weights[0, SCROLL_BAR]
    # On the protected sheet: the cell that the first scroll bar moves is the reader's.
    bar.value = float(bar.value) + 40
    bench.app.calculate()
    after = bench.read(accounts)
    moved = sum(one != other for one, other in zip(before, after, strict=True))
    expect(moved, "no account moved")
    errors = [value for row in after for value in row if isinstance(value, str) and value.startswith("#")]
    expect(not errors, f"{len(errors)} errors, such as {errors[:1]}")
    return f"{moved} of {len(after)} accounts moved"
