"""What people typed into whitespace sheets: found in our last workbooks and in copies, by header, not by place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from icp_xl.errors import SourceError
from icp_xl.runs import RunContext
from icp_xl.sources import open_book
from icp_xl.sources.file_types import layout_of
from icp_xl.user_cells import WHITESPACE
from icp_xl.whitespace.states import TYPED_COLUMNS, clean_mark, clean_status


def read_entries(run: RunContext, own: Sequence[Path]) -> pd.DataFrame:
    """Status and mark of every row of every whitespace table, our own books first; ``TYPED_COLUMNS``."""
    rows: list[tuple[str, str, str, str, str]] = []
    for path in own:
        rows += [("", *row) for row in _read(run, path)]
    names: dict[str, int] = {}
    for path in _copies(run, own):
        names[path.name] = names.get(path.name, 0) + 1
        source = path.name if names[path.name] == 1 else f"{path.name} ({names[path.name]})"
        rows += [(source, *row) for row in _read(run, path)]
    return pd.DataFrame(rows, columns=list(TYPED_COLUMNS))


def remember(typed: pd.DataFrame) -> pd.DataFrame:
    """What the copies hold now, to know next time what was changed since."""
    frame = typed[typed["source"] != ""].copy()
    frame["status"] = [clean_status(text) for text in frame["status"]]
    frame["not_eligible"] = [clean_mark(text) for text in frame["not_eligible"]]
    filled = frame[(frame["status"] != "") | (frame["not_eligible"] != "")]
    keys = ["source", "account_id", "division"]
    return filled.drop_duplicates(keys, keep="last").sort_values(keys, kind="stable").reset_index(drop=True)


def _copies(run: RunContext, own: Sequence[Path]) -> list[Path]:
    """Workbooks of the settings, and the customer workbook, into which sheets may have been written back."""
    from icp_xl.errors import SourceError
    from icp_xl.sources.locate import locate

    found: list[Path] = []
    for path in run.settings.whitespace.status_books:
        place = path if path.is_absolute() or path.exists() else run.settings.paths.data / path
        if place.is_dir():
            found += sorted(
                item for item in place.iterdir() if layout_of(item) == "sheets" and item.name[:1] not in "~."
            )
        elif place.is_file():
            found.append(place)
        else:
            run.warn(f"whitespace.status_books: {path.name} is not there; what was typed into it is not read")
    try:
        customers = locate("customers", run.settings)
    except (SourceError, OSError):
        customers = None
    if customers is not None and layout_of(customers.path) == "sheets":
        found.append(customers.path)
    known = {path.resolve() for path in own}
    return [path for path in dict.fromkeys(found) if path.resolve() not in known]


def _read(run: RunContext, path: Path) -> list[tuple[str, str, str, str]]:
    try:
        book = open_book(path)
        rows: list[tuple[str, str, str, str]] = []
        for name in book.sheet_names():
            rows += _rows(book.rows(name))
        return rows
    except SourceError:
        # Saved by any program, half copied, or password-protected: the ranking goes on, and says so.
        run.warn(f"{path.name} could not be read: what was typed into it since the last run is not taken over")
        return []


def _rows(rows: Iterable[Sequence[Any]]) -> list[tuple[str, str, str, str]]:
    """Rows of the first table with our headers on a sheet."""
    texts = (row for _, row in WHITESPACE.read(rows) or [])
    found = ((row["account_id"], row["division"], row["status"], row["not_eligible"]) for row in texts)
    return [row for row in found if row[0] and row[1]]
