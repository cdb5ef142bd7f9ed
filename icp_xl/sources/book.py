"""One way to read sheets, whatever the file is: rows for looking, columns for working.

Workbooks are read by python-calamine, and by openpyxl where calamine fails or a stray cell would cost too much; a
workbook in which a reader sees no sheet is given to the other one, and is never taken for an empty one.
"""

from __future__ import annotations

import gc
import io
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

import python_calamine as calamine

from icp_xl.config.sources import SourcesSettings
from icp_xl.errors import Fault, SourceError
from icp_xl.progress import Progress
from icp_xl.sources.cells import RawColumn, to_raw
from icp_xl.sources.container import Container, open_container
from icp_xl.sources.package import Package, read_package, straighten
from icp_xl.sources.stray import MAX_ROW, Look, UsedRange, dense_range, look_at, without_values
from icp_xl.sources.trial import survives

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

    @abstractmethod
    def rows(self, sheet: str) -> Iterator[Row]:
        """Rows of ``sheet`` from its first, blank ones included; a blank cell is ``""`` or ``None``."""

    def head(self, sheet: str, count: int) -> list[Row]:
        """The first ``count`` rows."""
        return list(islice(self.rows(sheet), count))

    def columns(
        self, sheet: str, skip: int, wanted: Sequence[int], progress: Progress | None = None
    ) -> list[RawColumn]:
        """The columns at ``wanted`` (counted from 0) as raw columns, without the first ``skip`` rows."""
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

    def sheet_names(self) -> list[str]:
        """Names of all sheets of cells, in order."""
        return [sheet.name for sheet in self.sheets]


class _Calamine(Book):
    """A workbook read by python-calamine; single sheets by openpyxl where they need it."""

    _workbook: Any
    _data: bytes
    _package: Package

    def _setup(self, workbook: Any, container: Container, package: Package) -> _Calamine:
        self._workbook, self._data, self._package = workbook, container.data, package
        # The other formats were tried as a whole when they were opened.
        self._checked = container.kind == "xlsx"
        self._sheets: dict[str, Any] = {}
        self._ranges: dict[str, UsedRange | None] = {}
        self._other: _Openpyxl | None = None
        return self

    def rows(self, sheet: str) -> Iterator[Row]:
        clip = self._clip(sheet)
        if clip is not None:
            return self._fallback().clipped(sheet, clip)
        if sheet not in self._sheets:
            try:
                self._sheets[sheet] = self._workbook.get_sheet_by_name(sheet)
            except BaseException as error:
                _reraise_unless_reader(error)
                self._sheets[sheet] = None
                self._first_error = error
        found = self._sheets[sheet]
        if found is None:
            if not self._data.startswith(b"PK"):
                _refuse(self.name, sheet, [("calamine", self._first_error)])
            return self._fallback().rows(sheet)
        # calamine counts rows from the sheet's first, and columns from the first that holds something.
        left = found.start[1] if found.start else 0
        return ([*[""] * left, *row] for row in found.iter_rows()) if left else iter(found.iter_rows())

    def uncalculated(self, sheet: str) -> bool:
        part = self._package.parts.get(sheet)
        return part is not None and without_values(self._data, part)

    def _clip(self, sheet: str) -> UsedRange | None:
        if not self._checked:
            return None
        if sheet not in self._ranges:
            self._ranges[sheet] = _cut_off(self, sheet, self._data, self._package.parts.get(sheet), native=True)
        return self._ranges[sheet]

    def _fallback(self) -> _Openpyxl:
        if self._other is None:
            self._other = _open_openpyxl(self.name, self._data, self._package)
        return self._other


class _Openpyxl(Book):
    """A workbook read by openpyxl, streaming; slower, for what calamine cannot do."""

    _workbook: Any
    _data: bytes
    _package: Package

    def rows(self, sheet: str) -> Iterator[Row]:
        return self.clipped(sheet, _cut_off(self, sheet, self._data, self._package.parts.get(sheet), native=False))

    def clipped(self, sheet: str, clip: UsedRange | None) -> Iterator[Row]:
        """Rows of ``sheet`` inside ``clip``."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                worksheet = self._workbook[sheet]
                worksheet.reset_dimensions()
                rows = worksheet.iter_rows(
                    values_only=True,
                    max_row=clip.rows if clip else MAX_ROW,
                    max_col=(clip.columns or None) if clip else None,
                )
                yield from rows
        except GeneratorExit:
            raise
        except Exception as error:
            _refuse(self.name, sheet, [("openpyxl", error)])


class _Table(Book):
    """A CSV file: rows of texts."""

    _rows: list[list[str]]

    def rows(self, sheet: str) -> Iterator[Row]:
        return iter(self._rows)


class _Arrow(Book):
    """A Parquet file: typed columns under one header row."""

    _frame: Any

    def rows(self, sheet: str) -> Iterator[Row]:
        yield [str(name) for name in self._frame.columns]
        columns = [self._frame[name].astype(object).where(self._frame[name].notna(), None) for name in self._frame]
        yield from (list(row) for row in zip(*columns, strict=True))

    def head(self, sheet: str, count: int) -> list[Row]:
        clipped = _Arrow(self.name, self.sheets)
        clipped._frame = self._frame.head(count)
        return list(islice(clipped.rows(sheet), count))

    def columns(
        self, sheet: str, skip: int, wanted: Sequence[int], progress: Progress | None = None
    ) -> list[RawColumn]:
        if skip < 1:
            return super().columns(sheet, skip, wanted, progress)
        found = []
        for at in wanted:
            column = self._frame.iloc[skip - 1 :, at]
            kind = column.dtype.kind
            if kind in "iuf":
                found.append(column.to_numpy(dtype="float64", na_value=float("nan")))
            elif kind == "M":
                found.append(column.dt.tz_localize(None).to_numpy(dtype="datetime64[us]"))
            else:
                found.append(to_raw(column.astype(object).where(column.notna(), None).tolist()))
        return found


def open_book(path: Path, limits: SourcesSettings | None = None) -> Book:
    """Open the file at ``path``.

    Raises:
        LockedWorkbookError: another program holds the file.
        SourceError: it cannot be read as a table or a workbook; the text says why and what to do.
    """
    container = open_container(Path(path), limits)
    if container.kind == "csv":
        from icp_xl.sources.text import read_rows

        rows, remarks = read_rows(container)
        table = _Table(container.name, [SheetInfo(Path(container.name).stem)], remarks=remarks)
        table._rows = rows
        return table
    if container.kind == "parquet":
        return _open_parquet(container)
    if container.kind == "json":
        raise SourceError("a JSON file is no table", where=container.name, allowed="a workbook, CSV or Parquet file")
    return _open_workbook(container)


def read_sheet(path: Path, sheet: str | None = None, limits: SourcesSettings | None = None) -> Any:
    """The cells of one sheet as a DataFrame of raw cells: one row per row of the sheet, columns 0, 1, …

    Blank cells are ``None``; row ``i`` is row ``i + 1`` of the sheet. ``sheet`` is compared without regard to case
    and outer spaces; by default the first visible one is read.

    Raises:
        SourceError: the file cannot be read, or has no such sheet.
    """
    import pandas as pd

    book = open_book(path, limits)
    if sheet is None:
        name = next((item.name for item in book.sheets if item.visible), book.sheets[0].name)
    else:
        name = find_sheet(book, sheet)
    rows = [[None if cell == "" else cell for cell in row] for row in book.rows(name)]
    width = max(map(len, rows), default=0)
    return pd.DataFrame([[*row, *[None] * (width - len(row))] for row in rows], dtype=object)


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


def _open_workbook(container: Container) -> Book:
    package = read_package(container.data) if container.kind == "xlsx" else Package()
    if not package.usual:
        container, package = _straightened(container, package)
    tried: list[tuple[str, BaseException]] = []
    if container.kind != "xlsx" and not survives(container.data):
        raise SourceError(
            "the workbook is damaged: it brings down the program that reads it",
            where=container.name,
            next_step="Open it in Excel, let it repair what it finds, and save it as .xlsx.",
        )
    try:
        workbook = calamine.load_workbook(io.BytesIO(container.data))
        sheets = [
            SheetInfo(item.name, item.visible == calamine.SheetVisibleEnum.Visible)
            for item in workbook.sheets_metadata
            if item.typ == calamine.SheetTypeEnum.WorkSheet
        ]
        if sheets:
            return _Calamine(container.name, sheets, package.date1904)._setup(workbook, container, package)
        tried.append(("calamine", ValueError("no sheet of cells")))
    except calamine.PasswordError:
        raise SourceError(
            "the workbook is protected by a password",
            where=container.name,
            next_step="Open it in Excel, remove the password, and save a copy.",
        ) from None
    except BaseException as error:
        _reraise_unless_reader(error)
        tried.append(("calamine", error))
    if container.kind == "xlsx":
        return _open_openpyxl(container.name, container.data, package, tried)
    _refuse(container.name, "", tried)


def _straightened(container: Container, package: Package) -> tuple[Container, Package]:
    try:
        straight = replace(container, data=straighten(container.data))
        return straight, read_package(straight.data)
    except Exception:
        # Damaged: let the readers themselves say how.
        return container, package


def _open_openpyxl(
    name: str, data: bytes, package: Package, tried: list[tuple[str, BaseException]] | None = None
) -> _Openpyxl:
    tried = list(tried or [])
    try:
        import openpyxl

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            workbook = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        sheets = [SheetInfo(item.title, item.sheet_state == "visible") for item in workbook.worksheets]
    except Exception as error:
        _refuse(name, "", [*tried, ("openpyxl", error)])
    if not sheets:
        _refuse(name, "", [*tried, ("openpyxl", ValueError("no sheet of cells"))])
    book = _Openpyxl(name, sheets, package.date1904)
    book._workbook, book._data, book._package = workbook, data, package
    return book


def _cut_off(book: Book, sheet: str, data: bytes, part: str | None, *, native: bool) -> UsedRange | None:
    """Where to cut ``sheet`` off, so that nobody lays out far more than its data; ``None`` for nowhere.

    Args:
        native: whether calamine is to read it, which may end the process over a cell whose place is odd.

    Raises:
        SourceError: no reader comes through it, or its cells are no table.
    """
    if part is None and not native:
        return None
    try:
        look = Look(odd=True) if part is None else look_at(data, part)
        if look.odd and not (native and survives(data, sheet)):
            if part is None:
                _refuse(book.name, sheet, [("calamine", ValueError("the sheet brings down its reader"))])
            if look.impossible:
                _remark(book, sheet, "cells with an impossible address are left out; Excel would repair it")
            look = Look(dense_range(data, part, unplaced=True))
    except SourceError:
        raise
    except Exception as error:
        _refuse(book.name, sheet, [("zip", error)])
    clip = look.clip
    if clip is not None and clip.scattered:
        raise SourceError(
            "the sheet's cells lie too far apart to be a table",
            where=f"{book.name}, sheet {sheet}",
            got=f"{clip.rows:,} rows by {clip.columns:,} columns, nearly all of them blank",
            next_step="Delete what lies far outside your data (whole rows and columns), and save it.",
        )
    if clip is not None and clip.stray:
        _remark(
            book,
            sheet,
            f"cells far outside the data ({clip.stray}) are left out; "
            f"rows 1 to {clip.rows:,} and {clip.columns:,} columns are read",
        )
    return clip


def _remark(book: Book, sheet: str, text: str) -> None:
    remark = f"{book.name}, sheet {sheet}: {text}"
    if remark not in book.remarks:
        book.remarks.append(remark)


def _open_parquet(container: Container) -> Book:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        frame = pq.read_table(pa.BufferReader(container.data)).to_pandas()
    except (pa.ArrowException, OSError, ValueError) as error:
        _refuse(container.name, "", [("pyarrow", error)])
    book = _Arrow(container.name, [SheetInfo(Path(container.name).stem)])
    book._frame = frame
    return book


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
        raw[:] = [known[value] if type(value) is str else value for value in raw]
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


def _reraise_unless_reader(error: BaseException) -> None:
    """Let everything pass that is not a reader's failure; a panic in the reader's own code is one."""
    if isinstance(error, Exception) and not isinstance(error, MemoryError):
        return
    if type(error).__name__ != "PanicException":
        raise error


def _refuse(name: str, sheet: str, tried: Sequence[tuple[str, BaseException]]) -> NoReturn:
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
