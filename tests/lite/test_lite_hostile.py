"""Sheets as they may be met: what the scripts write on them, what they leave alone, and what they say."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from tests.lite.conftest import Ran
from tests.lite.test_lite_in_place import FACTS, column, rows
from tests.support import lite_xlwings
from tests.support.lite_xlwings import Formula, Range, Sheet, Table

SCORE, GRADE, SEGMENT, WHY = range(len(FACTS) + 1, len(FACTS) + 5)
REVENUE = list(reversed(FACTS)).index("annual_revenue") + 1


def exchange(each: Ran) -> None:
    one, other = each.get(0, SCORE), each.get(5, SCORE)
    each.put(0, SCORE, other)
    each.put(5, SCORE, one)


def sorted_apart(each: Ran) -> None:
    grades = sorted((each.get(i, GRADE) for i in range(12)), reverse=True)
    for i, grade in enumerate(grades):
        each.put(i, GRADE, grade)


def whole_rows_exchanged(each: Ran) -> None:
    for at in (SCORE, GRADE, SEGMENT, WHY):
        one, other = each.get(0, at), each.get(5, at)
        each.put(0, at, other)
        each.put(5, at, one)


def edited_and_exchanged(each: Ran) -> None:
    for i in range(12):
        each.put(i, REVENUE, 1000.0 + i)
    exchange(each)


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        (exchange, [SCORE]),
        (sorted_apart, [GRADE]),
        (whole_rows_exchanged, [SCORE, GRADE, WHY]),
        (edited_and_exchanged, [SCORE]),
        (lambda each: each.put(3, WHY, None), [WHY]),
        (lambda each: each.put(3, SCORE, Formula("=1+1", each.get(3, SCORE))), [SCORE]),
        (lambda each: each.sheet.cells.update({(3, SCORE + 1): Formula('="ICP "&"Score"', "ICP Score")}), [SCORE]),
        (lambda each: each.put(3, GRADE, "B?"), [GRADE]),
    ],
    ids=["exchanged", "sorted apart", "rows exchanged", "edited and exchanged", "cleared", "formula", "header formula",
         "typed"],
)  # fmt: skip
def test_what_was_changed_is_left_and_said(
    ran: Callable[..., Ran], change: Callable[[Ran], None], kept: list[int]
) -> None:
    each = ran()
    each.run()
    change(each)
    before = dict(each.sheet.cells)
    said = each.run()
    names = each.headers()
    for at in kept:
        for i in range(-1, 12):
            assert each.get(i, at) == before.get((i + 4, at + 1))
        name = ("ICP Score", "ICP Grade", "ICP Segment", "ICP Why")[at - SCORE]
        assert f"{name} (2)" in names
        assert f"{name} (2) in column " in said and f"(column {chr(65 + at)} is left as it is: " in said
    assert len([name for name in names if str(name).startswith("ICP")]) <= 4 + len(kept) + (len(kept) > 1)
    # And once more: the new columns are known.
    each.run()
    assert each.headers() == names


def sort_rows(each: Ran) -> None:
    made = [[each.get(i, at) for at in range(WHY + 1)] for i in reversed(range(12))]
    for i, row in enumerate(made):
        for at, cell in enumerate(row):
            each.put(i, at, cell)


def add_rows(each: Ran) -> None:
    for at in range(len(FACTS) + 1):
        each.put(12, at, each.get(2, at))
        each.put(13, at, each.get(3, at) if at != REVENUE else 77.0)


def copy_row(each: Ran) -> None:
    for at in range(WHY + 1):
        each.put(12, at, each.get(2, at))
    each.put(12, REVENUE, 5.0)


def take_out(each: Ran) -> None:
    for at in range(WHY + 1):
        each.put(11, at, None)


@pytest.mark.parametrize(
    "change",
    [sort_rows, add_rows, copy_row, take_out, lambda each: [each.put(i, REVENUE, 10.0**i) for i in range(12)],
     lambda each: setattr(each.sheet, "name", "Renamed"), lambda each: each.put(0, 0, "another note")],
    ids=["sorted", "rows added", "a row copied", "a row taken out", "facts corrected", "sheet renamed", "own column"],
)  # fmt: skip
def test_what_is_still_ours_is_filled_again(ran: Callable[..., Ran], change: Callable[[Ran], None]) -> None:
    each = ran()
    each.run()
    names = each.headers()
    change(each)
    said = each.run()
    assert each.headers() == names and "left as it is" not in said
    assert each.run() and each.headers() == names


def test_a_copied_sheet_keeps_its_columns_and_so_does_the_first(ran: Callable[..., Ran]) -> None:
    each = ran()
    each.run()
    names = each.headers()
    copy = Sheet(each.book, "Accounts (2)", each.sheet.cells)
    each.book.sheets._sheets.append(copy)
    for sheet in (copy, each.sheet, copy):
        sheet.activate()
        for i in range(3):
            sheet.cells[4 + i, REVENUE + 1] = 100.0 * i + len(sheet.name)
        each.run()
        assert each.book.rows(sheet.name)[2] == names
    first = each.sheet
    first.name, copy.name = "Swap", "Accounts"
    copy.name = "Accounts"
    first.name = "Accounts (2)"
    for sheet in (first, copy, first):
        sheet.activate()
        each.run()
        assert each.book.rows(sheet.name)[2] == names


@pytest.mark.parametrize("name", ["icp weights", "ICP WRITTEN"])
def test_names_of_sheets_are_told_apart_as_excel_does(ran: Callable[..., Ran], name: str) -> None:
    each = ran()
    each.book.sheets.add(name=name, after=each.book.sheets[0]).cells[1, 1] = "mine"
    each.book.sheets[0].activate()
    assert name in each.refused()
    each.book.sheets[1].name = "Mine"
    each.run()
    each.book.sheets[2 if name == "icp weights" else 3].name = name
    each.run()
    assert len(each.book.sheets) == 4


def test_headers_of_the_user_in_other_capitals_are_seen(ran: Callable[..., Ran]) -> None:
    made = rows(4)
    for i, row in enumerate(made[2:]):
        row.append("icp SCORE" if i == 0 else i)
    each = ran(made)
    said = each.run()
    assert "ICP Score (2)" in each.headers() and f"(column {chr(65 + SCORE)} is yours" in said


def row_of(name: Any, industry: Any, *numbers: Any) -> list[Any]:
    """A row with these facts, the numbers in the order of the sheet."""
    values = iter(numbers)
    return [name, *(industry if fact == "industry" else next(values, None) for fact in reversed(FACTS))]


@pytest.mark.parametrize(
    "word", ["Total", "TOTAL:", "Grand Total", "Summe", "Gesamtergebnis", "Итого", "合計", "Összesen", "Ogółem", None]
)
def test_a_row_of_totals_below_a_list_is_no_account(ran: Callable[..., Ran], word: str | None) -> None:
    made = rows(6)
    at = [i for i in range(1, len(FACTS) + 1) if made[2][i] != "Industry"]
    sums = [sum(row[i] or 0 for row in made[3:]) for i in at]
    made.append(row_of(word, None, *(sums if word is None else [total / 2 for total in sums])))
    each = ran(made)
    each.sheet.cells[10, SCORE + 1] = None
    said = each.run()
    assert "6 of 6 rows" in said and "Taken for totals of rows above, and left alone: row 10" in said
    each.put(6, SCORE, Formula("=SUBTOTAL(101,G4:G9)", 50))
    said = each.run()
    assert isinstance(each.get(6, SCORE), Formula) and each.headers().count("ICP Score (2)") == 0


def test_an_account_called_total_is_scored(ran: Callable[..., Ran]) -> None:
    made = rows(6)
    made[5][0] = "Total"
    made[6][0] = "Total Wine"
    assert "6 of 6 rows" in ran(made).run()


def test_of_two_lists_the_one_with_the_cursor_is_scored_and_the_other_told(ran: Callable[..., Ran]) -> None:
    made = rows(5)
    each = ran([*made, [], *rows(4)[2:]])
    said = each.run()
    assert "5 of 6 rows" in said and "1 rows without facts" in said
    assert "Not scored: the list below row 10. Go into it and run again." in said
    each.book.selection = Range(each.sheet, (12, 2), (12, 2))
    said = each.run()
    assert "4 of 4 rows" in said and "Not scored: the list below row 3." in said
    assert each.book.rows("Accounts")[2].count("ICP Score") == 1 == each.book.rows("Accounts")[9].count("ICP Score")
    names = each.headers(9)
    each.run()
    assert each.headers(9) == names


def test_of_two_tables_the_second_is_told(ran: Callable[..., Ran]) -> None:
    width = len(FACTS) + 1
    each = ran([[*one, *[None] * (width + 1 - len(one)), *other]
                for one, other in zip(rows(5), rows(5, start=20), strict=True)])  # fmt: skip
    each.sheet.tables += [
        Table(each.sheet, "One", (3, 1), (8, width)),
        Table(each.sheet, "Two", (3, width + 2), (8, 2 * width + 1)),
    ]
    assert "Not scored: the table Two." in each.run()
    each.book.selection = Range(each.sheet, (5, width + 3), (5, width + 3))
    assert "Not scored: the table One." in each.run()
    names = each.headers()
    each.run()
    assert each.headers() == names and names.count("ICP Score (2)") == 1


def test_headers_far_down_are_found(ran: Callable[..., Ran]) -> None:
    made = rows(3)
    assert "3 of 3 rows" in ran([*[["a remark"]] * 400, *made[2:]]).run()


def test_dates_errors_long_texts_and_endless_numbers_are_faults_told_shortly(ran: Callable[..., Ran]) -> None:
    made = rows(8)
    bad = [dt.datetime(2024, 5, 1), lite_xlwings.Error("#SPILL!"), "x" * 32_000, 10**400, True, -5]
    for i, value in enumerate(bad):
        made[3 + i][REVENUE] = value
    made[9][REVENUE] = "$1,234,567.00"
    each = ran(made)
    assert "2 of 8 rows" in each.run()
    why = column(each.book, "ICP Why")
    assert why[0] == "not scored: Annual revenue is 2024-05-01 00:00:00 (#VALUE!)"
    assert all(len(text) < 200 for text in why[:6]) and "#SPILL!" in why[1] and "\u2026" in why[2] and "#NUM!" in why[3]
    each.run()
    assert each.headers().count("ICP Why") == 1 and "ICP Why (2)" not in each.headers()


def test_where_no_row_can_be_scored_the_reasons_are_told(ran: Callable[..., Ran]) -> None:
    made = rows(6)
    for row in made[3:]:
        row[1:] = [None] * len(FACTS)
    assert "lacks rows" in ran(made[:3]).refused()
    said = ran([*made, ["the end"]]).refused()
    assert "7 rows are blank in all of Industry, Annual revenue" in said
    for row in made[3:8]:
        row[REVENUE] = "y" * 5000
    said = ran(made).refused()
    assert "row 4: Annual revenue is 'yyy" in said and "2 more rows have faults" in said and len(said) < 800


def test_what_excel_refuses_is_said_and_nothing_else_is_written(ran: Callable[..., Ran]) -> None:
    each = ran()
    each.sheet.protected = True
    assert "write on the sheet Accounts" in each.refused()
    each.sheet.protected = False
    names = each.run() and each.headers()
    each.sheet.protected = True
    each.put(0, REVENUE, 1.0)
    assert "the sheet is protected" in each.refused()
    each.sheet.protected = False
    each.run()
    assert each.headers() == names
    locked = ran()
    locked.book.protected = True
    assert "the workbook is protected" in locked.refused() and len(locked.book.sheets) == 1


def test_blank_rows_in_the_middle_and_notes_below_stay_blank(ran: Callable[..., Ran]) -> None:
    made = rows(6)
    made[5:5] = [[], [None] * 3]
    each = ran([*made, [], ["Source: the ledger, May"]])
    said = each.run()
    assert "6 of 10 rows" in said and "4 rows without facts were left blank" in said
    each.put(2, SCORE, "my note")
    said = each.run()
    assert each.get(2, SCORE) == "my note" and "1 of its cells are not what was written there" in said


def test_merged_and_grouped_headers_are_no_hindrance(ran: Callable[..., Ran]) -> None:
    made = rows(4)
    # A header over two rows shows its text in the upper cell; a group's name stands over its first column.
    made[1] = [None, "Financials", None, "Firm"]
    made.insert(3, [None] * len(made[2]))
    assert "4 of 5 rows" in ran(made).run()


def test_headers_by_formulas_and_with_other_signs_are_read(ran: Callable[..., Ran]) -> None:
    made = rows(4)
    made[2] = [Formula("=x", f"  {str(cell).upper().replace(' ', '_')} ") for cell in made[2]]
    assert "4 of 4 rows" in ran(made).run()


@pytest.mark.parametrize("text", ["1.050.000,5", "1 050 000,50", "€1,050,000.50", "1'050'000.50", "\u00a51,050,000.5"])
def test_numbers_as_texts_of_any_country(ran: Callable[..., Ran], text: str) -> None:
    made = rows(3)
    for row, value in zip(made[3:], (text, 1_050_000.5, 1_050_000.5), strict=True):
        row[1:] = row_of(None, "Electronics", 1, 1, 1, 1)[1:]
        row[REVENUE] = value
    each = ran(made)
    each.run()
    assert len(set(column(each.book, "ICP Score"))) == 1


def test_no_columns_left(ran: Callable[..., Ran]) -> None:
    each = ran()
    each.sheet.cells[1, 16_383] = "far out"
    assert "no columns left" in each.refused()


def test_records_that_were_touched_are_told_and_nothing_is_lost(ran: Callable[..., Ran]) -> None:
    each = ran()
    each.run()
    [record] = [sheet for sheet in each.book.sheets if sheet.name == "ICP Written"]
    record.cells[3, 1] = "what is this"
    assert "is not as these scripts left it" in each.refused()
    record.cells[2, 1] = record.cells[3, 1] = None
    before = dict(each.sheet.cells)
    said = each.run()
    assert "ICP Score (2)" in said and all(each.sheet.cells[spot] == cell for spot, cell in before.items())


def test_a_column_of_ours_that_was_taken_out_comes_back_alone(ran: Callable[..., Ran]) -> None:
    each = ran()
    each.run()
    for i in range(3, 16):
        each.sheet.cells[i, SEGMENT + 1] = None
    each.run()
    names = each.headers()
    assert names.count("ICP Segment") == 1 and len([name for name in names if str(name).startswith("ICP")]) == 4


def test_a_text_under_a_revenue_that_the_score_does_not_need_leaves_the_segment_blank(script: dict[str, Any]) -> None:
    model = script["ICP"]
    assert script["_segment"](model, "n/a") is None and script["_segment"](model, 1e12) == model.segments[-2]


def total_row(made: list[list[Any]], word: Any, industry: Any, body: list[list[Any]], only: str = "") -> list[Any]:
    """A row of the sums of some rows, as Excel's subtotals and pivots leave it."""
    row: list[Any] = [word]
    for at, header in enumerate(made[2][1:], 1):
        summed = header != "Industry" and (not only or header == only)
        row.append(industry if header == "Industry" else sum(each[at] or 0 for each in body) if summed else None)
    return row


def test_subtotals_by_group_are_no_accounts(ran: Callable[..., Ran]) -> None:
    made = rows(9, step=10)
    for at, row in enumerate(made[3:], 1):
        row[REVENUE] = 1000.0 * at**2
    first, second, third = made[3:5], made[5:6], made[6:]
    revenue = made[2][REVENUE]
    each = ran([
        *made[:3], *first, total_row(made, None, "Electronics Total", first, revenue),
        *second, total_row(made, None, "Toys Total", second, revenue),
        total_row(made, "North Total", None, [*first, *second]),
        *third, total_row(made, "Subtotal South", "-", third), total_row(made, "Grand Total", "-", made[3:]),
    ])  # fmt: skip
    said = each.run()
    assert "9 of 9 rows" in said and "row 6 ('Electronics Total'), row 8 ('Toys Total'), row 9 ('North Total')" in said
    assert "row 16 ('Subtotal South'), row 17 ('Grand Total')" in said


def test_a_second_account_with_the_same_figures_is_no_total(ran: Callable[..., Ran]) -> None:
    made = rows(4)
    made[4] = [made[4][0], *(None if isinstance(cell, str) else cell for cell in made[3][1:])]
    assert "4 of 4 rows" in ran(made).run()


def add_row(each: Ran) -> None:
    for at in range(len(FACTS) + 1):
        each.put(12, at, each.get(2, at))
    each.put(12, REVENUE, 4711.0)
    each.put(12, GRADE, each.get(0, GRADE))


def grade_of_another_sheet(each: Ran) -> None:
    """Scored by other weights elsewhere, then a grade of there typed here."""
    other = Sheet(each.book, "Other", {spot: cell for spot, cell in each.sheet.cells.items() if spot[1] <= WHY - 3})
    each.book.sheets._sheets.append(other)
    other.activate()
    for i, weight in enumerate((0, 0, 0, 1)):
        next(sheet for sheet in each.book.sheets if sheet.name == "ICP Weights").cells[4 + i, 2] = weight
    each.run()
    each.sheet.activate()
    row = next(i for i in range(12) if other.cells[i + 4, GRADE + 1] != each.get(i, GRADE))
    each.put(row, GRADE, other.cells[row + 4, GRADE + 1])


@pytest.mark.parametrize("change", [add_row, grade_of_another_sheet])
def test_a_grade_that_was_typed_is_left_where_it_was_written_elsewhere(
    ran: Callable[..., Ran], change: Callable[[Ran], None]
) -> None:
    each = ran()
    each.run()
    change(each)
    before = [each.get(i, GRADE) for i in range(13)]
    said = each.run()
    assert [each.get(i, GRADE) for i in range(13)] == before
    assert "ICP Grade (2)" in said and "1 of its cells do not belong" in said
    assert [name for name in each.headers() if str(name).endswith("(2)")] == ["ICP Grade (2)"]


def test_a_column_of_which_nothing_is_left_is_told_with_its_figure(ran: Callable[..., Ran]) -> None:
    each = ran()
    each.run()
    for i in range(12):
        each.put(i, SCORE, round(each.get(i, SCORE)))
        each.put(i, GRADE, Formula("=X1", each.get(i, GRADE)))
        each.put(i, SEGMENT, None)
    assert each.run().count("left as it is: 12 of its cells are not what was written there") == 3


def test_rows_right_below_a_table_are_told(ran: Callable[..., Ran]) -> None:
    made = rows(6)
    each = ran([*made, total_row(made, "Total", None, made[3:])])
    each.sheet.tables.append(Table(each.sheet, "Mine", (3, 1), (7, len(FACTS) + 1)))
    said = each.run()
    assert "4 of 4 rows" in said and "Not scored: 2 rows from row 8 on, which are below the table Mine" in said


@pytest.mark.parametrize("at", [SCORE, GRADE, SEGMENT, WHY])
@pytest.mark.parametrize("how", ["cleared", "exchanged"])
def test_one_result_changed_in_rows_with_new_facts_is_left(ran: Callable[..., Ran], at: int, how: str) -> None:
    each = ran()
    each.run()
    one = 4
    other = next(i for i in range(12) if each.get(i, at) != each.get(one, at))
    for i in (one, other):
        each.put(i, REVENUE, 123.0 + i)
    mine, theirs = each.get(one, at), each.get(other, at)
    each.put(one, at, None if how == "cleared" else theirs)
    each.put(other, at, theirs if how == "cleared" else mine)
    assert "left as it is" in each.run()
    assert [each.get(one, at), each.get(other, at)] == ([None, theirs] if how == "cleared" else [theirs, mine])
