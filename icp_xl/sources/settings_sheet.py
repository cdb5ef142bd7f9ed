"""The ``ICP Settings`` sheet of a workbook: columns Setting, Value and Notes, for people who keep no YAML."""

from __future__ import annotations

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
    for number, row in enumerate(book.rows(sheet), start=1):
        texts = [words(cell) if isinstance(cell, str) else "" for cell in row]
        if key_at is None:
            if "setting" in texts and "value" in texts:
                key_at, value_at = texts.index("setting"), texts.index("value")
            continue
        key = cell_text(row[key_at]) if key_at < len(row) else None
        value = row[value_at] if value_at is not None and value_at < len(row) else None
        if key is None or key.startswith("#") or value is None or value == "":
            continue
        found.append((key, _value(value), f"{path.name}, sheet {sheet}, row {number}"))
    return found


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
