"""The sheet *ICP Mapping* of a workbook, read as settings."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import yaml

from icp_xl.config.yaml_text import load_yaml
from icp_xl.sources.book import Book
from icp_xl.sources.cells import cell_text
from icp_xl.sources.file_types import open_book
from icp_xl.sources.settings_sheet import typed_formulas
from icp_xl.user_cells import MAPPING

MAPPING_SHEET = MAPPING.sheet
#: A row that stands for a join.
LOOKUP = "look-up"


def read_mapping_sheet(path: Path) -> list[tuple[str, object, str]]:
    """The choices as (dotted key, value, where it stands); an empty list where the workbook has no such sheet.

    ``[Qty] * [Price]`` and ``"consumable"`` are computations and texts, with or without an equals sign before them;
    a look-up is one line of YAML. A blank choice is no setting.

    Raises:
        SourceError: the workbook cannot be read.
    """
    book = open_book(path)
    return mapping_of(book, lambda sheet: typed_formulas(path, sheet))


def mapping_of(
    book: Book, formulas: Callable[[str], Mapping[tuple[int, int], str]] = lambda sheet: {}
) -> list[tuple[str, object, str]]:
    """The same of an open book; ``formulas`` gives what was typed into a sheet's cells by row and column."""
    name = next((each for each in book.sheet_names() if each.strip().casefold() == MAPPING_SHEET.casefold()), None)
    if name is None:
        return []
    found: list[tuple[str, object, str]] = []
    joins: dict[str, tuple[list[object], str]] = {}
    at: dict[str, int] = {}
    typed = formulas(name)
    for number, row in enumerate(book.rows(name), start=1):
        texts = [(cell_text(cell) or "") if cell not in (None, "") else "" for cell in row]
        if (header := MAPPING.locate(texts)) is not None:
            at = header
            continue
        if not at or max(at.values()) >= len(texts) or not texts[at["source"]]:
            at = at if at and any(texts) and texts[at["source"]] else {}
            continue
        source, column, choice = (texts[at[field]] for field in ("source", "column", "header"))
        choice = typed.get((number, at["header"]), choice)
        where = f"{book.name}, sheet {name}, row {number}"
        if not choice:
            continue
        if column.startswith(LOOKUP):
            joins.setdefault(source, ([], where))[0].append(_lookup(choice))
        else:
            found.append((f"columns.{source}.{column}", _choice(choice), where))
    return [*found, *((f"sources.{source}.joins", items, where) for source, (items, where) in joins.items())]


def _choice(text: str) -> str:
    """A header as it is; a computation and a quoted text with the equals sign that the settings want."""
    bare = text.lstrip("= ")
    if text.startswith("=") or re.fullmatch(r'"[^"]*"', bare) or re.search(r"\[[^\]]+\]\s*[-+*/&]", bare):
        return f"= {bare}"
    return text


def _lookup(text: str) -> object:
    try:
        return load_yaml(text if text.startswith("{") else f"{{{text}}}")
    except yaml.YAMLError:
        return text  # the loader says what a join must be
