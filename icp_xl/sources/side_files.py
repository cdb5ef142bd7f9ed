"""Small tables that people keep beside their data: holds, contacts, codes and divisions, reviews.

They come from Excel in whatever encoding, delimiter or format it saved them in, and are read as sources are.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from icp_xl.errors import IcpError, SourceError
from icp_xl.sources.file_types import open_book
from icp_xl.user_cells import HEADER_ROWS, cell_text


def read_side_file(path: Path, setting: str, needed: Sequence[str]) -> pd.DataFrame:
    """A table of texts, one row per row that is not blank, its columns named in small letters.

    Args:
        path: CSV in any usual encoding and delimiter, Parquet, or a workbook, of which the first visible sheet counts.
        setting: that names the file, for messages.
        needed: columns that it must have; the first row with all of them is the header.

    Raises:
        SourceError: it is not there, empty, cannot be read, or lacks columns.
    """
    if not path.is_file():
        raise SourceError("the file does not exist", where=setting, got=path.name, next_step="Check the path.")
    try:
        book = open_book(path, words=needed)
        sheet = next((item.name for item in book.sheets if item.visible), book.sheets[0].name)
        rows = [[cell_text(cell) for cell in row] for row in book.rows(sheet)]
    except IcpError as error:
        raise SourceError(
            error.fault.what, where=f"{setting}, {path.name}", got=error.fault.got,
            allowed=f"a CSV or workbook with the columns {', '.join(needed)}", next_step=error.fault.next_step,
        ) from None  # fmt: skip
    names = [[name.lower() for name in row] for row in rows[:HEADER_ROWS]]
    at = next((i for i, row in enumerate(names) if set(needed) <= set(row)), None)
    if at is None:
        first = next((row for row in rows if any(row)), [])
        raise SourceError(
            "columns are missing", where=f"{setting}, {path.name}", got=", ".join(filter(None, first))[:160] or "none",
            allowed=", ".join(needed), next_step="Give the columns these headers.",
        )  # fmt: skip
    header = {name: names[at].index(name) for name in names[at] if name}
    body = [row for row in rows[at + 1 :] if any(row)]
    return pd.DataFrame(
        {name: pd.Series([row[i] if i < len(row) else "" for row in body], dtype=object) for name, i in header.items()}
    )
