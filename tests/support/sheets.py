"""Small workbooks for tests of reading, made by a library that the reader does not use."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import xlsxwriter

from icp_xl.config import Settings, load_settings

CUSTOMERS = "JY - Customer Analysis - Customer Segmentation.xlsx"
SALES = "TR - Master Sales Log - Customer Segementation.xlsx"


def write_book(path: Path, sheets: Mapping[str, Sequence[Sequence[object]]], **options: Any) -> Path:
    """Write rows as they are; a text that begins with ``{=`` is a formula without a value."""
    book = xlsxwriter.Workbook(str(path), {"strings_to_formulas": False, "strings_to_urls": False, **options})
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    shown = False
    for name, rows in sheets.items():
        sheet = book.add_worksheet(name.removeprefix("~"))
        if name.startswith("~"):
            sheet.hide()
        elif not shown:
            # XlsxWriter shows the first sheet, hidden or not, unless another one is active.
            shown = True
            sheet.activate()
            sheet.set_first_sheet()
        for row, cells in enumerate(rows):
            for column, cell in enumerate(cells):
                if cell is None:
                    continue
                if isinstance(cell, date):
                    sheet.write_datetime(row, column, cell, day)
                elif isinstance(cell, str) and cell.startswith("{="):
                    sheet.write_formula(row, column, cell[1:-1], None, "")
                elif isinstance(cell, str):
                    sheet.write_string(row, column, cell)
                else:
                    sheet.write(row, column, cell)
    book.close()
    return path


def settings_for(folder: Path, **overrides: object) -> Settings:
    """Settings whose data folder is ``folder``; keys have two underscores for a dot."""
    dotted = {name.replace("__", "."): value for name, value in overrides.items()}
    return load_settings(overrides={"paths.data": folder, **dotted}, environ={})


def edit_part(path: Path, part: str, change: Any) -> None:
    """Replace one part of a package by ``change(its bytes)``."""
    with zipfile.ZipFile(path) as package:
        parts = {name: package.read(name) for name in package.namelist()}
    parts[part] = change(parts[part])
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in parts.items():
            package.writestr(name, content)
    path.write_bytes(out.getvalue())


SALES_HEADER = ["Date", "Customer", "Division", "SKU", "Qty", "Revenue", "GP"]


def sales_line(at: int = 1, **changes: object) -> list[object]:
    """One line of a sales log under :data:`SALES_HEADER`."""
    line: dict[str, object] = {
        "Date": date(2024, 1, at % 28 + 1),
        "Customer": f"Customer {at}",
        "Division": "Printers",
        "SKU": f"P-{at}",
        "Qty": 1,
        "Revenue": 100.0 * at,
        "GP": 20.0 * at,
    }
    line.update(changes)
    return [line[name] for name in SALES_HEADER]
