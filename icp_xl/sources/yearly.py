"""Yearly totals (``GP24``, ``Revenue24``) beside the transaction lines: sheets of that name, or columns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from icp_xl.config.settings import Settings
from icp_xl.errors import SourceError
from icp_xl.sources.book import Book
from icp_xl.sources.cells import RawColumn, cell_text
from icp_xl.sources.fields import SALES, YEARLY_TOTALS, SourceSpec
from icp_xl.sources.headers import SEARCH_ROWS, Header, find_header, measure_year
from icp_xl.sources.model import Guess, SourceTable
from icp_xl.sources.rows import classify
from icp_xl.sources.typed import type_column

_ACCOUNT = SourceSpec(
    name="yearly_totals",
    title="Yearly totals",
    fields=tuple(item for item in YEARLY_TOTALS.fields if item.name in ("account_id", "account_name")),
    required=(("account_id", "account_name"),),
)
_AMOUNT = re.compile(r"(?i)^(?:grand )?(?:total|amount|sum|year|full year|gp|revenue|gross profit|sales|value|usd)\b")


@dataclass(frozen=True)
class _Find:
    """One column of one sheet that holds a year's totals."""

    sheet: str
    header: Header
    column: int
    measure: str
    year: int


def read_yearly_totals(books: Sequence[Book], settings: Settings) -> tuple[SourceTable | None, list[str]]:
    """Every yearly total in ``books``: one row per account × year × measure, or ``None`` where there is none.

    The first book that has totals of a measure and year gives them; a hidden sheet counts too, as such sheets are
    often hidden.
    """
    frames, dropped, flags, guesses, remarks = [], [], [], [], []
    files, sheets, rows_read = [], [], 0
    known: set[tuple[str, int]] = set()
    for book in books:
        finds = _finds(book, settings.sources.close_spelling)
        for find in finds:
            if (find.measure, find.year) in known:
                remarks.append(
                    f"{book.name}, sheet {find.sheet}: totals of {find.measure} {find.year} stand elsewhere too; "
                    "the first are used"
                )
                continue
            frame, out, bad = _read(book, find, settings)
            known.add((find.measure, find.year))
            rows_read += len(frame) + len(out)
            frames.append(frame)
            dropped += [("yearly_totals", find.sheet, *row) for row in out]
            flags += [("yearly_totals", find.sheet, *row) for row in bad]
            guesses += [
                Guess("yearly_totals", name, match.header, match.how, find.sheet)
                for name, match in find.header.matches.items()
                if match.how != "exact"
            ]
            files.append(book.name)
            sheets.append(find.sheet)
    if not frames:
        return None, remarks
    table = SourceTable(
        name="yearly_totals",
        frame=pd.concat(frames, ignore_index=True),
        file=", ".join(dict.fromkeys(files)),
        sheet=", ".join(dict.fromkeys(sheets)),
        rows_read=rows_read,
        guesses=tuple(dict.fromkeys(guesses)),
        dropped=pd.DataFrame(dropped, columns=["source", "sheet", "row", "reason"]),
        flags=pd.DataFrame(flags, columns=["source", "sheet", "row", "column", "problem"]),
    )
    return table, remarks


def _finds(book: Book, close: float) -> list[_Find]:
    finds = []
    for sheet in book.sheets:
        try:
            head = book.head(sheet.name, SEARCH_ROWS)
        except SourceError:
            continue  # the sheet's own reader reports it, where it is wanted
        by_column = [
            (at, row, told)
            for row, line in enumerate(head)
            for at, cell in enumerate(line)
            if isinstance(cell, str) and len(cell) < 40 and (told := measure_year(cell))
        ]
        named = measure_year(sheet.name)
        if not by_column and named is None:
            continue
        header = find_header(head, _ACCOUNT, close=close)
        if header is None or header.lacks(_ACCOUNT):
            continue
        rows = range(header.row, header.data_from)
        own = [_Find(sheet.name, header, at, *told) for at, row, told in by_column if row in rows]
        if not own and named is not None and not _single_sales(head, close):
            column = _amount_column(header, head)
            if column is not None:
                own = [_Find(sheet.name, header, column, *named)]
        finds += own
    return finds


def _single_sales(head: Sequence[Sequence[Any]], close: float) -> bool:
    """Whether a sheet called ``Sales 2024`` holds single sales, each with its day, and no totals."""
    header = find_header(head, SALES, close=close)
    return header is not None and "date" in header.matches


def _amount_column(header: Header, head: Sequence[Sequence[Any]]) -> int | None:
    """The column of amounts in a sheet that is itself named like a total: so labelled, else the last of figures."""
    taken = {match.column for match in header.matches.values()}
    labelled = [at for at, name in enumerate(header.headers) if at not in taken and _AMOUNT.match(name)]
    if labelled:
        return labelled[-1]
    figures = [
        at
        for at, name in enumerate(header.headers)
        if name
        and at not in taken
        and any(isinstance(row[at], int | float) for row in head[header.data_from :] if at < len(row))
    ]
    return figures[-1] if figures else None


def _read(
    book: Book, find: _Find, settings: Settings
) -> tuple[pd.DataFrame, list[tuple[int, str]], list[tuple[int, str, str]]]:
    matches = {name: match.column for name, match in find.header.matches.items()}
    names = [*matches, "amount"]
    columns = book.columns(find.sheet, find.header.data_from, [*matches.values(), find.column])
    raw: dict[str, RawColumn] = dict(zip(names, columns, strict=True))
    headers = {name: find.header.repeats(match.column) for name, match in find.header.matches.items()}
    headers["amount"] = find.header.repeats(find.column)
    sorted_rows = classify(raw, headers, YEARLY_TOTALS, len(columns[0]), fill="never")
    keep, reason = sorted_rows.keep, sorted_rows.reason
    first = find.header.data_from + 1
    filled = np.flatnonzero(reason != "blank row")
    last = int(filled[-1]) + 1 if len(filled) else 0
    dropped = [(int(row) + first, str(reason[row])) for row in np.flatnonzero(~keep[:last])]
    dropped += [
        (row + 1, "title above the header")
        for row, line in enumerate(book.head(find.sheet, find.header.row))
        if any(cell_text(cell) for cell in line)
    ]
    rows = np.flatnonzero(keep)
    amount = type_column(raw["amount"][rows], "number", decimals=settings.sources.yearly_totals.decimals)
    empty = np.full(len(rows), None, dtype=object)
    frame = pd.DataFrame(
        {
            "account_id": type_column(raw["account_id"][rows] if "account_id" in raw else empty, "id").values,
            "account_name": type_column(raw["account_name"][rows] if "account_name" in raw else empty, "text").values,
            "year": np.full(len(rows), find.year, dtype="int64"),
            "measure": type_column(np.full(len(rows), find.measure, dtype=object), "text").values,
            "amount": amount.values * settings.sources.yearly_totals.multiply.get("amount", 1.0),
            "source_row": (rows + first).astype("int64"),
        }
    )
    flags = [(int(rows[row]) + first, "amount", problem) for row, problem in amount.unreadable]
    return frame, sorted(dropped), flags
