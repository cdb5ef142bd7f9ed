"""One way to read sheets, whatever the file is: rows for looking, columns for working."""

from __future__ import annotations

import gc
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NoReturn

from icp_xl.errors import Fault, SourceError
from icp_xl.progress import Progress
from icp_xl.sources.cells import RawColumn, to_raw
from icp_xl.sources.sheet_facts import SheetFacts

CHUNK = 20_000
Row = Sequence[Any]


@dataclass(frozen=True)
class SheetInfo:
    """A sheet of cells and whether the user sees it."""

    name: str
    visible: bool = True


@dataclass
class Book(ABC):
    """An open file of one or more sheets. A CSV or Parquet file is a book of one sheet named like the file.

    A kind of file says how its ``rows`` are read; the rest follows from them, and may be done faster.
    """

    name: str
    sheets: list[SheetInfo]
    date1904: bool = False
    remarks: list[str] = field(default_factory=list)
    #: What parts the columns of a text file.
    delimiter: str = ""

    @abstractmethod
    def rows(self, sheet: str) -> Iterator[Row]:
        """Rows of ``sheet`` from its first, blank ones included; a blank cell is ``""`` or ``None``."""

    def head(self, sheet: str, count: int) -> list[Row]:
        """The first ``count`` rows."""
        return list(islice(self.rows(sheet), count))

    def columns(
        self, sheet: str, skip: int, wanted: Sequence[int], progress: Progress | None = None
    ) -> list[RawColumn]:
        """Some columns of a sheet as raw columns, without the rows before the data.

        Args:
            sheet: by its name.
            skip: rows before the data.
            wanted: columns, counted from 0.
            progress: told of the rows, and asked whether to go on.
        """
        rows = islice(self.rows(sheet), skip, None)
        pieces: list[list[RawColumn]] = [[] for _ in wanted]
        known = [_Texts() for _ in wanted]
        with _no_garbage_collection():
            while chunk := list(islice(rows, CHUNK)):
                if progress is not None:
                    progress.check()
                    progress.advance(len(chunk))
                width = max(map(len, chunk))
                if min(map(len, chunk)) < width:
                    chunk = [row if len(row) == width else [*row, *[None] * (width - len(row))] for row in chunk]
                by_column = list(zip(*chunk, strict=True))
                for place, at in enumerate(wanted):
                    values = by_column[at] if at < width else (None,) * len(chunk)
                    pieces[place].append(_interned(to_raw(values), known[place]))
        return [_concatenate(parts) for parts in pieces]

    def uncalculated(self, sheet: str) -> bool:
        """Whether the sheet holds formulas and no value of any: a program wrote it, and nothing calculated it since."""
        return False

    def facts(self, sheet: str) -> SheetFacts:
        """Hidden rows, merged cells and formats of numbers, where the kind of file has such things."""
        return SheetFacts()

    def currencies(self, sheet: str, column: int) -> dict[int, str]:
        """The currency that each cell of a column shows by its format, by row counted from 0."""
        return {}

    def numbers(self, sheet: str) -> Sequence[int] | None:
        """The row of the file (counted from 1) that each row comes from, where rows were laid out anew."""
        return None

    def sheet_names(self) -> list[str]:
        """Names of all sheets of cells, in order."""
        return [sheet.name for sheet in self.sheets]


def find_sheet(book: Book, wanted: str) -> str:
    """The sheet called ``wanted``, without regard to case and outer spaces.

    Raises:
        SourceError: there is none.
    """
    for sheet in book.sheets:
        if sheet.name.strip().casefold() == wanted.strip().casefold():
            return sheet.name
    raise SourceError(
        "the workbook has no such sheet",
        where=book.name,
        got=wanted,
        allowed=", ".join(book.sheet_names()[:20]),
        next_step="Correct the sheet's name in the settings.",
    )


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Cells form no cycles; to look for some among millions of fresh rows would take as long as to read them."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class _Texts(dict[str, str | None]):
    """Texts seen so far, each as the one object to keep; blank ones as ``None``."""

    def __missing__(self, text: str) -> str | None:
        kept = self[text] = text if text.strip() else None
        return kept


def _interned(raw: RawColumn, known: _Texts) -> RawColumn:
    """Texts that were seen before are the same object again, so that a long column holds each of them once."""
    if raw.dtype == object:
        texts = set(map(type, raw)) == {str}
        raw[:] = [*map(known.__getitem__, raw)] if texts else [known[v] if type(v) is str else v for v in raw]
    return raw


def _concatenate(parts: list[RawColumn]) -> RawColumn:
    import numpy as np
    import pandas as pd

    if not parts:
        return np.empty(0, dtype=object)
    full = [part for part in parts if not _all_blank(part)]
    if len({part.dtype for part in full}) <= 1:
        wanted = full[0].dtype if full else parts[0].dtype
        return np.concatenate([part if part.dtype == wanted else _blank(len(part), wanted) for part in parts])
    converted = []
    for part in parts:
        if part.dtype != object:
            cells = part.astype(object)
            cells[pd.isna(part)] = None
            part = cells
        converted.append(part)
    return np.concatenate(converted)


def _all_blank(part: RawColumn) -> bool:
    import pandas as pd

    return bool(pd.isna(part).all())


def _blank(count: int, dtype: Any) -> RawColumn:
    import numpy as np

    if dtype.kind == "O":
        return np.full(count, None, dtype=object)
    return np.full(count, np.datetime64("NaT") if dtype.kind == "M" else np.nan, dtype=dtype)


def refuse_unreadable(name: str, sheet: str, tried: Sequence[tuple[str, BaseException]]) -> NoReturn:
    """Say what each reader that was ``tried`` made of the file, or of its sheet."""
    if any("no sheet of cells" in str(error) for _, error in tried):
        what = "the workbook has no sheet of cells that can be read (only charts, macros or nothing)"
    else:
        what = "the sheet cannot be read" if sheet else "the workbook cannot be read"
    raise SourceError(
        what,
        where=name + (f", sheet {sheet}" if sheet else ""),
        next_step="Open it in Excel, let it repair what it finds, and save it as .xlsx.",
        faults=[Fault(f"{reader} says: {_short(error)}") for reader, error in tried],
    ) from None


def _short(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return (text or type(error).__name__)[:160]
