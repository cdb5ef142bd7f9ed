"""The columns of our sheets in which a user may type, each declared once, and the one way to read them back.

Reports take their headers from here, and so does whatever reads what was typed. Who changes a header moves the old one
to ``former``: workbooks that people have already filled in are then read as before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

#: Rows from the top in which a table's header is looked for.
HEADER_ROWS = 60


@dataclass(frozen=True)
class Heading:
    """A column by its header; ``former``: headers that it had in earlier versions. ``required``: there is no table
    without it."""

    field: str
    header: str
    former: tuple[str, ...] = ()
    required: bool = True


@dataclass(frozen=True)
class UserTable:
    """A table in which users type.

    Attributes:
        sheet: on which it stands; empty for any.
        keys: columns by which a row is found again.
        typed: columns that are the user's.
        read_by: commands that read them.
    """

    sheet: str
    keys: tuple[Heading, ...]
    typed: tuple[Heading, ...]
    read_by: tuple[str, ...]

    def header(self, field: str) -> str:
        """The header of the column ``field``."""
        return next(column.header for column in (*self.keys, *self.typed) if column.field == field)

    def read(self, rows: Iterable[Sequence[Any]]) -> list[tuple[int, dict[str, str]]] | None:
        """Each row below the header with its number (from 1) and its texts by field; ``None`` without a header row.

        A column that is not there gives empty texts.
        """
        at: dict[str, int] | None = None
        found = []
        for number, row in enumerate(rows, start=1):
            if at is None:
                at = self.locate(row)
                if at is None and number >= HEADER_ROWS:
                    return None
                continue
            texts = {c.field: "" for c in (*self.keys, *self.typed)}
            texts.update((field, cell_text(row[i])) for field, i in at.items() if i < len(row))
            found.append((number, texts))
        return None if at is None else found

    def locate(self, row: Sequence[Any]) -> dict[str, int] | None:
        """Where the columns stand, by field, if ``row`` is the header; a former header serves as well."""
        there = {_plain(cell_text(cell)): i for i, cell in reversed(list(enumerate(row)))}
        at: dict[str, int] = {}
        for column in (*self.keys, *self.typed):
            known = [there[name] for text in (column.header, *column.former) if (name := _plain(text)) in there]
            if known:
                at[column.field] = known[0]
            elif column.required:
                return None
        return at


def cell_text(cell: object) -> str:
    """A cell as text; a whole number (an id that a program has taken for one) without its decimals.

    >>> cell_text(1042.0), cell_text(None), cell_text(" x ")
    ('1042', '', 'x')
    """
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return "" if cell is None or cell != cell else str(cell).strip()


def _plain(text: str) -> str:
    return " ".join(text.replace("_", " ").replace("-", " ").casefold().split())


WHITESPACE = UserTable(
    "",
    (Heading("account_id", "Account id"), Heading("division", "Division")),
    (Heading("status", "Status"), Heading("not_eligible", "Not eligible")),
    ("whitespace", "write-back"),
)
MATCH_REVIEW = UserTable(
    "Match Review",
    (Heading("key", "Key"), Heading("account_id", "Account id", required=False)),
    (Heading("decision", "Decision"), Heading("merge_into", "Merge into", required=False)),
    ("score", "write-back"),
)
CATEGORIES = UserTable("Categories", (Heading("text", "Text"),), (Heading("answer", "Is a"),), ("score", "write-back"))
STAGES = UserTable("Stages", (Heading("stage", "Stage"),), (Heading("answer", "Counts as"),),
                   ("snapshot", "outcomes", "won-lost", "refine"))  # fmt: skip

MAPPING = UserTable(
    "ICP Mapping",
    (Heading("source", "Source"), Heading("column", "Our column")),
    (Heading("header", "Header in your file"),),
    ("check", "map", "run", "score"),
)

#: All of them but the inputs of the live workbook, which its own formulas read.
USER_TABLES = (WHITESPACE, MATCH_REVIEW, CATEGORIES, STAGES, MAPPING)


def former_headers(header: str) -> tuple[str, ...]:
    """What the column with this header was called before."""
    columns = (column for table in USER_TABLES for column in (*table.keys, *table.typed))
    return tuple(dict.fromkeys(old for column in columns if column.header == header for old in column.former))
