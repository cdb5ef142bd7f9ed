"""Steps: worksheet functions in cells of Excel."""

from __future__ import annotations

import math
import time
from typing import Any

from icp_xl.excel.host import Host
from icp_xl.excel.published_results import DEFAULT_OUT, set_published_folder
from icp_xl.excel.selftest.bench import FACTS_FILE, OTHER_WEIGHTS, Bench
from icp_xl.excel.selftest.step import expect, step
from icp_xl.excel.workbook_discovery import full_name
from icp_xl.excel.xlwings_udfs import described

ONE = '"Dental",1000000,3,100,50'
#: Something for every argument, so that a function that is known can answer at all.
USUAL = {
    "industry": '"Dental"', "annual_revenue": "1000000", "printers": "3", "consumable_revenue": "100",
    "software_revenue": "50", "component": '"size"', "account": '"0001"', "field": '"rank"', "name": '"Acme Inc."',
    "candidates": '"Acme"', "text": '"Dental"', "division": '"Software"', "headers": '"Industry"', "values": '"Dental"',
    "weights": "{0.4,0.3,0.2,0.1}",
}  # fmt: skip


def _facts(bench: Bench) -> tuple[Any, Any, int]:
    """The workbook of facts, its sheet, and its last row."""
    book = bench.open(bench.first / FACTS_FILE)
    sheet = book.sheets["Facts"]
    return book, sheet, int(sheet.used_range.shape[0])


def _near(got: Any, want: Any) -> bool:
    return isinstance(got, float) and isinstance(want, float) and math.isclose(got, want, abs_tol=1e-9)


@step(7, expected="No #NAME? for any of them")
def functions_are_known(bench: Bench) -> str:
    """Every function is known."""
    bench.need_functions()
    book, _, _ = _facts(bench)
    unknown = []
    names = described()
    for item in names:
        given = ",".join(USUAL.get(argument["name"], "") for argument in item["arguments"] if not argument["optional"])
        found = bench.put(book, f"={item['name']}({given})")
        if found == "#NAME?":
            unknown.append(item["name"])
    expect(not unknown, f"#NAME? for {', '.join(unknown)}")
    return f"{len(names)} functions answered"


@step(9, expected="#N/A")
def nothing_published(bench: Bench) -> str:
    """Before any scoring."""
    bench.need_functions()
    found = bench.put(bench.app.books.add(), f"=ICP_SCORE({ONE})")
    expect(found == "#N/A", found)
    return "#N/A"


@step(11, 17, expected="Spills the library's scores, beside a sheet icp_xl.conf")
def a_range_spills(bench: Bench) -> str:
    """ICP_SCORE over a range."""
    bench.need_functions()
    bench.need_spill()
    book, sheet, last = _facts(bench)
    formula = "=ICP_SCORE(" + ",".join(f"Facts!{c}2:{c}{last}" for c in "ABCDE") + ")"
    bench.put(book, formula)
    got = bench.read(book.sheets[-1].range(f"A1:A{last - 1}"))
    want = bench.read(sheet.range(f"F2:F{last}"))
    wrong = [row for row, pair in enumerate(zip(got, want, strict=True), 2) if not _near(*pair)]
    expect(
        not wrong, f"{len(wrong)} of {last - 1} differ, first in row {wrong[:1]}: {got[wrong[0] - 2] if wrong else ''}"
    )
    return f"{last - 1} scores equal the library's"


@step(12, expected="#VALUE!")
def ranges_differ(bench: Bench) -> str:
    """Ranges of different height."""
    bench.need_functions()
    book, _, _ = _facts(bench)
    found = bench.put(book, "=ICP_SCORE(Facts!A2:A4,Facts!B2:B5,1,1,1)")
    expect(found == "#VALUE!", found)
    return "#VALUE!"


@step(13, expected="#NUM!, a real error")
def a_real_error(bench: Bench) -> str:
    """A number out of its domain."""
    bench.need_functions()
    book, _, _ = _facts(bench)
    found = bench.put(book, '=ICP_SCORE("Dental",-1,3,100,50)')
    truth = bench.put(book, '=ISERROR(ICP_SCORE("Dental",-1,3,100,50))')
    expect(found == "#NUM!" and truth is True, f"{found}, ISERROR {truth}")
    return "#NUM!, ISERROR TRUE"


@step(14, expected="#N/A, which IFNA catches")
def unknown_account(bench: Bench) -> str:
    """ICP_LOOKUP of an unknown account."""
    bench.need_functions()
    book, _, _ = _facts(bench)
    found = bench.put(book, '=ICP_LOOKUP("nobody","rank")')
    caught = bench.put(book, '=IFNA(ICP_LOOKUP("nobody","rank"),"none")')
    expect(found == "#N/A" and caught == "none", f"{found}, then {caught}")
    return "#N/A, none"


@step(15, expected="A table of 21 rows spills, with the scores and ranks of the library")
def what_if_spills(bench: Bench) -> str:
    """ICP_WHATIF."""
    from icp_xl.excel.selftest.answers import Case, shown, what_if

    bench.need_functions()
    bench.need_spill()
    book, _, _ = _facts(bench)
    weights = ",".join(map(str, OTHER_WEIGHTS))
    wrong = shown(bench, book, Case(f"ICP_WHATIF({{{weights}}})", what_if(bench, 20)))
    below = bench.read(book.sheets[-1].range("A22"))
    expect(not wrong and below is None, wrong or f"a row too many: {below}")
    return "21 rows, each the library's"


@step(
    34, expected="Money, percent and numbers kept as text count as numbers; a date is #VALUE!",
)  # fmt: skip
def formats_of_cells(bench: Bench) -> str:
    """Currency, accounting, percent, date and text formats."""
    bench.need_functions()
    book, _, _ = _facts(bench)
    want = bench.put(book, f"=ICP_SCORE({ONE})")
    sheet = book.sheets.add(after=book.sheets[-1])
    answers = {}
    for row, style in enumerate(("$#,##0.00", '_("$"* #,##0.00_)', "0%", "@"), 1):
        sheet.range((row, 1)).number_format = style
        sheet.range((row, 1)).value = 1000000
        answers[style] = bench.answer(sheet.range((row, 3)), f'=ICP_SCORE("Dental",A{row},3,100,50)')
    sheet.range("A9").number_format = "yyyy-mm-dd"
    sheet.range("A9").value = 45000
    date = bench.answer(sheet.range("C9"), '=ICP_SCORE("Dental",A9,3,100,50)')
    wrong = {style: found for style, found in answers.items() if not _near(found, want)}
    expect(not wrong and date == "#VALUE!", f"{wrong or ''} date {date}; wanted {want}")
    return f"{len(answers)} formats give {want:.4f}; a date #VALUE!"


@step(35, expected="The same error comes back")
def newer_errors(bench: Bench) -> str:
    """#SPILL! and #CALC! as arguments."""
    bench.need_functions()
    bench.need_spill()
    book, _, _ = _facts(bench)
    sheet = book.sheets.add(after=book.sheets[-1])
    sheet.range("A2").value = "in the way"
    found = {}
    for cell, formula, error in (("A1", "=SEQUENCE(2)", "#SPILL!"), ("B1", "=LAMBDA(x,x)", "#CALC!")):
        shown = bench.answer(sheet.range(cell), formula)
        # 2021 spills, and knows no LAMBDA.
        expect(shown in (error, "#NAME?" if error == "#CALC!" else error), f"{formula} shows {shown}")
        if shown == error:
            found[error] = bench.answer(sheet.range("C1"), f'=ICP_SCORE("Dental",{cell},3,100,50)')
    expect(all(error == got for error, got in found.items()), found)
    return ", ".join(found)


@step(
    37, seconds=600,
    expected="Whole columns end with the last row in use; one function server; the seconds are noted",
)  # fmt: skip
def many_cells(bench: Bench) -> str:
    """10,000 cells, whole columns, five workbooks."""
    bench.need_functions()
    bench.need_spill()
    book, _, last = _facts(bench)
    began = time.monotonic()
    bench.put(book, "=ICP_SCORE(" + ",".join(f"Facts!{c}2:{c}{last}" for c in "ABCDE") + ")")
    used = time.monotonic() - began
    began = time.monotonic()
    bench.put(book, "=ICP_SCORE(Facts!A:A,Facts!B:B,Facts!C:C,Facts!D:D,Facts!E:E)")
    whole = time.monotonic() - began
    shown = bench.read(book.sheets[-1].range(f"A1:A{last + 1}"))
    expect(
        isinstance(shown[last - 1], float) and shown[last] is None, f"row {last}: {shown[last - 1]}, then {shown[last]}"
    )
    sheet = book.sheets.add(after=book.sheets[-1])
    count = 10_000 if bench.calculates else last
    began = time.monotonic()
    sheet.range(f"A1:A{count}").formula = f"=ICP_SCORE({ONE})"
    singles = time.monotonic() - began
    for _ in range(4):
        bench.put(bench.app.books.add(), f"=ICP_SCORE({ONE})")
    servers = bench.excel.pythons()
    expect(servers in (None, 1), f"{servers} function servers")
    return (
        f"a range {used:.2f} s, whole columns {whole:.2f} s, {count:,} single cells {singles:.1f} s, "
        f"{'?' if servers is None else servers} function server"
    )


@step(38, expected="Two runs, two scores, each its folder's")
def two_folders(bench: Bench) -> str:
    """Two workbooks of two folders."""
    bench.need_functions()
    found = []
    # Two workbooks of one name cannot be open in one Excel.
    other = bench.second / "facts B.xlsx"
    other.write_bytes((bench.second / FACTS_FILE).read_bytes())
    for path in (bench.first / FACTS_FILE, other):
        book = bench.open(path)
        sheet = book.sheets["Facts"]
        score = bench.put(book, "=ICP_SCORE(Facts!A2,Facts!B2,Facts!C2,Facts!D2,Facts!E2)")
        expect(_near(score, bench.read(sheet.range("F2"))), f"{score} in place of its own folder's score")
        found.append((bench.put(book, f"=ICP_SCORE({ONE})"), bench.put(book, '=ICP_MODEL("run")')))
    expect(found[0][0] != found[1][0] and found[0][1] != found[1][1], found)
    return f"{found[0][0]:.4f} of {found[0][1]} and {found[1][0]:.4f} of {found[1][1]}"


@step(50, expected="The cells wait for F9, then show the new model")
def manual_calculation(bench: Bench) -> str:
    """Manual calculation."""
    bench.need_functions()
    app = bench.app
    book, _, _ = _facts(bench)
    cell = book.sheets.add(after=book.sheets[-1]).range("A1")
    before = bench.answer(cell, f"=ICP_SCORE({ONE})")
    app.calculation = "manual"
    try:
        set_published_folder(bench.second / DEFAULT_OUT, full_name(book))
        Host(app).recalculate()
        waiting = bench.read(cell)
        app.calculate()
        after = bench.read(cell)
    finally:
        app.calculation = "automatic"
        set_published_folder(bench.first / DEFAULT_OUT, full_name(book))
    expect(waiting == before and after != before, f"{before}, then {waiting}, after F9 {after}")
    return f"{before:.4f}, after F9 {after:.4f}"


@step(54, expected="A number as text by its signs counts as that number")
def signs_and_style(bench: Bench) -> str:
    """This Excel's own signs and R1C1 style."""
    bench.need_functions()
    app = bench.app
    book, _, _ = _facts(bench)
    decimal, thousands = str(app.api.International(3)), str(app.api.International(4))
    text = f"1{thousands}000{thousands}000{decimal}5"
    want = bench.put(book, '=ICP_SCORE("Dental",1000000.5,3,100,50)')
    got = bench.put(book, f'=ICP_SCORE("Dental","{text}",3,100,50)')
    expect(_near(got, want), f"{text} gives {got}, wanted {want}")
    app.api.ReferenceStyle = -4150  # xlR1C1
    try:
        again = bench.put(book, f"=ICP_SCORE({ONE})")
    finally:
        app.api.ReferenceStyle = 1  # xlA1
    expect(isinstance(again, float), f"in R1C1 style {again}")
    return f"decimal {decimal!r}, thousands {thousands!r}"
