"""Formulas that are looked through once a kind reach the file exactly as XlsxWriter alone would write them."""

from __future__ import annotations

from io import BytesIO
from zipfile import ZipFile

import pytest
import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from icp_xl.delivery.render.formula_sheet import FormulaSheet

FORMULAS = (
    "=A1+1", "A2+2", "=SUM(A1:A9)", "=LOG10(A3)", "=SORT(A1:A4)", "=_xlfn.XLOOKUP(A5,B1:B9,C1:C9)",
    "=XLOOKUP(A6,B1:B9,C1:C9)", '=IF(A7="SORT(",1,2)', '=IF(A8="sort 1",1,2)', "=$A9*live_w1", "{=SUM(A1:A2*B1:B2)}",
    "=A10", "=FILTER(A1:A9,B1:B9)",
)  # fmt: skip


def sheet_part(kind: type[Worksheet] | None, repeat: int) -> bytes:
    """The part of a sheet with every formula ``repeat`` times, each time in rows of its own."""
    target = BytesIO()
    with xlsxwriter.Workbook(target, {"in_memory": True}) as book:
        sheet = book.add_worksheet("Sheet", kind)
        for turn in range(repeat):
            for row, formula in enumerate(FORMULAS):
                moved = formula.replace("A1:", f"A{1 + turn}:").replace("A10", f"A{10 + turn}")
                sheet.write_formula(turn * len(FORMULAS) + row, 7, moved, None, 0)
    return ZipFile(target).read("xl/worksheets/sheet1.xml")


@pytest.mark.parametrize("repeat", [1, 3])
def test_the_file_is_the_same_byte_for_byte(repeat: int) -> None:
    assert sheet_part(FormulaSheet, repeat) == sheet_part(None, repeat)


def test_a_kind_is_looked_through_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """That XlsxWriter still asks where the shortcut answers: if not, writing is right but slow."""
    seen: list[str] = []
    asked = Worksheet._prepare_formula

    def count(self: Worksheet, formula: str, expand_future_functions: bool = False) -> str:
        seen.append(formula)
        return str(asked(self, formula, expand_future_functions))

    monkeypatch.setattr(Worksheet, "_prepare_formula", count)
    with xlsxwriter.Workbook(BytesIO(), {"in_memory": True}) as book:
        sheet = book.add_worksheet("Sheet", FormulaSheet)
        for row in range(50):
            sheet.write_formula(row, 0, f"=B{row + 1}*2", None, 0)
    assert seen == ["=B1*2"]
