"""Excel's own rules, as far as the stand-in keeps them: limits, names, errors, and how a sheet's formulas follow it."""

from __future__ import annotations

import ast
import datetime as dt
import importlib.util
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from icp_xl.excel.cells import ERROR_NUMBERS

MAX_ROWS, MAX_COLUMNS = 1_048_576, 16_384
#: Characters of a path, of a cell, of a formula, and of one that goes into FormulaArray or a validation.
MAX_PATH, MAX_TEXT, MAX_FORMULA, MAX_FORMULA1 = 218, 32_767, 8_192, 255


class ExcelError(Exception):
    """Run-time error 1004: Excel refuses."""


def windows_converters() -> dict[str, Any]:
    """``Engine`` and its helpers as they stand in ``xlwings/_xlwindows.py``, which cannot be imported elsewhere."""
    spec = importlib.util.find_spec("xlwings")
    assert spec is not None and spec.origin is not None
    source = Path(spec.origin).with_name("_xlwindows.py").read_text(encoding="utf-8")
    names = {"cell_errors", "_clean_value_data_element", "Engine"}
    kept = [
        node
        for node in ast.parse(source).body
        if getattr(node, "name", None) in names
        or (isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) in names)
    ]
    space: dict[str, Any] = {
        "pd": pd,
        "np": np,
        "time_types": (dt.date, dt.datetime),
        "_com_time_to_datetime": lambda value, build: build(
            **{name: getattr(value, name, 0) for name in ("year", "month", "day", "hour", "minute", "second")},
            microsecond=0,
            tzinfo=None,
        ),
        "_datetime_to_com_time": lambda value: value,
        "Apps": lambda: None,
    }
    exec(compile(ast.Module(kept, []), "_xlwindows.py", "exec"), space)
    return space


WINDOWS = windows_converters()


#: Text of every Excel error to the number that COM hands over; xlwings knows the first seven.
ERROR_VALUES = {text: -2146828288 + number for number, text in ERROR_NUMBERS.items()}


assert {text: code for code, text in WINDOWS["cell_errors"].items()}.items() <= ERROR_VALUES.items()


def is_currency(number_format: str) -> bool:
    """Whether COM hands a cell of this format over as currency (VT_CY)."""
    return any(sign in number_format for sign in ("$", "\u20ac", "\u00a3", "_(", "_-"))


def check_formula(text: str) -> None:
    """Refuse a formula that is too long, or holds a text that is."""
    if len(text) > MAX_FORMULA or any(len(part) > MAX_FORMULA1 for part in re.findall(r'"((?:[^"]|"")*)"', text)):
        raise ExcelError("a formula holds 8,192 characters, and a text in it 255")


def check_sheet_name(name: str) -> None:
    """Refuse what Excel refuses as a name of a sheet."""
    units = len(name.encode("utf-16-le")) // 2
    if not 1 <= units <= 31 or re.search(r"[\[\]:*?/\\]", name) or name[0] == "'" or name[-1] == "'":
        raise ExcelError("this is no name for a sheet")
    if name.lower() == "history":
        raise ExcelError("History is a name that Excel keeps for itself")


def quoted(name: str) -> str:
    """A sheet's name as formulas write it."""
    return name if re.fullmatch(r"[A-Za-z_][\w.]*", name) else "'" + name.replace("'", "''") + "'"


def repoint(wb: Any, sheet: str, new: str) -> None:
    """Let every formula and name of the workbook that points to ``sheet`` point to ``new`` instead."""
    old = re.compile(re.escape("'" + sheet.replace("'", "''") + "'!") + r"|(?<![\w'\]])" + re.escape(sheet) + "!")
    for ws in wb.worksheets:
        for cell in list(ws._cells.values()):
            if cell.data_type == "f" and isinstance(cell.value, str):
                cell.value = old.sub(lambda _: new, cell.value)
        for name in ws.defined_names.values():
            name.attr_text = old.sub(lambda _: new, name.attr_text)
    for name in wb.defined_names.values():
        name.attr_text = old.sub(lambda _: new, name.attr_text)
    for ws in wb.worksheets:
        for rule in ws.data_validations.dataValidation:
            rule.formula1 = rule.formula1 and old.sub(lambda _: new, rule.formula1)
        for area in ws.conditional_formatting:
            for rule in area.rules:
                rule.formula = [old.sub(lambda _: new, text) for text in rule.formula]
        for chart in ws._charts:
            for series in chart.series:
                series.val.numRef.f = old.sub(lambda _: new, series.val.numRef.f)
