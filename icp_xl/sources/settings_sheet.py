"""The ``ICP Settings`` sheet of a workbook: columns Setting, Value and Notes, for people who keep no YAML."""

from __future__ import annotations

import warnings
from datetime import date, datetime
from pathlib import Path
from typing import Any

import yaml

from icp_xl.config.yaml_text import load_yaml
from icp_xl.sources.book import find_sheet
from icp_xl.sources.cells import cell_text
from icp_xl.sources.file_types import open_book
from icp_xl.sources.headers import words

SETTINGS_SHEET = "ICP Settings"


def read_settings_sheet(path: Path) -> list[tuple[str, object, str]]:
    """Settings as (dotted key, value, where it stands); an empty list where the workbook has no such sheet.

    A row without a value is left out, and so is one whose setting begins with ``#``. Keys are checked by the loader.

    Raises:
        SourceError: the workbook cannot be read.
    """
    book = open_book(path)
    if not any(name.strip().casefold() == SETTINGS_SHEET.casefold() for name in book.sheet_names()):
        return []
    sheet = find_sheet(book, SETTINGS_SHEET)
    found: list[tuple[str, object, str]] = []
    key_at = value_at = None
    formulas: dict[tuple[int, int], str] | None = None
    for number, row in enumerate(book.rows(sheet), start=1):
        texts = [words(cell) if isinstance(cell, str) else "" for cell in row]
        if key_at is None:
            if "setting" in texts and "value" in texts:
                key_at, value_at = texts.index("setting"), texts.index("value")
            continue
        key = cell_text(row[key_at]) if key_at < len(row) else None
        value = row[value_at] if value_at is not None and value_at < len(row) else None
        if key is not None and key.strip().casefold().startswith("columns.") and value_at is not None:
            # A computation typed as such became a formula of the spreadsheet's own; what was typed is what counts.
            formulas = typed_formulas(path, sheet) if formulas is None else formulas
            value = formulas.get((number, value_at), value)
        if key is None or key.startswith("#") or value is None or value == "":
            continue
        found.append((key, _value(value), f"{path.name}, sheet {sheet}, row {number}"))
    return found


def typed_formulas(path: Path, sheet: str) -> dict[tuple[int, int], str]:
    """Formulas of a sheet by row (from 1) and column (from 0), as they were typed; none where they cannot be told."""
    if path.suffix.lower() not in (".xlsx", ".xlsm"):
        return {}
    import openpyxl

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(path, read_only=True, keep_links=False)
        rows = book[sheet].iter_rows()
        return {
            (number, at): cell.value
            for number, row in enumerate(rows, start=1)
            for at, cell in enumerate(row)
            if isinstance(cell.value, str) and cell.value.startswith("=")
        }
    except Exception:
        return {}  # the values that the other reader gave stand


def _value(value: Any) -> object:
    if isinstance(value, float) and value == int(value):
        return int(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, str):
        text = " ".join(value.split())
        try:
            return load_yaml(text)
        except yaml.YAMLError:
            return text
    return value
