"""Workbooks as books: read by python-calamine, and by openpyxl where that fails or a stray cell would cost too much.

A workbook in which a reader sees no sheet is given to the other one, and is never taken for an empty one.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import python_calamine as calamine

from icp_xl.errors import SourceError
from icp_xl.opc.references import MAX_ROWS
from icp_xl.sources.book import Book, Row, SheetInfo, refuse_unreadable
from icp_xl.sources.container import Container
from icp_xl.sources.sheet_facts import FactsFinder, SheetFacts, currency_cells
from icp_xl.sources.sheet_list import SheetList, normalise_package, read_sheet_list
from icp_xl.sources.trial import survives
from icp_xl.sources.used_range import SheetScan, UsedRange, dense_range, scan, without_values


@dataclass
class _ScannedBook(Book):
    """A workbook whose sheets are looked at before a reader lays them out."""

    data: bytes = b""
    package: SheetList = field(default_factory=SheetList)
    workbook: Any = None
    _looks: dict[str, tuple[UsedRange | None, SheetFacts]] = field(default_factory=dict)
    #: Whether calamine reads it, which may end the process over a cell whose place is odd.
    native: ClassVar[bool]

    def facts(self, sheet: str) -> SheetFacts:
        return self._look(sheet)[1]

    def currencies(self, sheet: str, column: int) -> dict[int, str]:
        part = self.package.parts.get(sheet)
        return {} if part is None else currency_cells(self.data, part, column)

    def _look(self, sheet: str) -> tuple[UsedRange | None, SheetFacts]:
        """Where to cut a sheet off, and its facts; found once."""
        if sheet not in self._looks:
            self._looks[sheet] = _cut_off(self, sheet, self.data, self.package.parts.get(sheet), native=self.native)
        return self._looks[sheet]


@dataclass
class _Calamine(_ScannedBook):
    """A workbook read by python-calamine; single sheets by openpyxl where they need it."""

    #: The other formats were tried as a whole when they were opened.
    checked: bool = True
    _sheets: dict[str, Any] = field(default_factory=dict)
    _other: _Openpyxl | None = None
    native = True

    def rows(self, sheet: str) -> Iterator[Row]:
        clip, _ = self._look(sheet)
        if clip is not None:
            return self._fallback().clipped(sheet, clip)
        if sheet not in self._sheets:
            try:
                self._sheets[sheet] = self.workbook.get_sheet_by_name(sheet)
            except BaseException as error:
                _reraise_unless_reader(error)
                self._sheets[sheet] = None
                self._first_error = error
        found = self._sheets[sheet]
        if found is None:
            if not self.data.startswith(b"PK"):
                refuse_unreadable(self.name, sheet, [("calamine", self._first_error)])
            return self._fallback().rows(sheet)
        # calamine counts rows from the sheet's first, and columns from the first that holds something.
        left = found.start[1] if found.start else 0
        return ([*[""] * left, *row] for row in found.iter_rows()) if left else iter(found.iter_rows())

    def uncalculated(self, sheet: str) -> bool:
        part = self.package.parts.get(sheet)
        return part is not None and without_values(self.data, part)

    def _look(self, sheet: str) -> tuple[UsedRange | None, SheetFacts]:
        return super()._look(sheet) if self.checked else (None, SheetFacts())

    def _fallback(self) -> _Openpyxl:
        if self._other is None:
            self._other = _open_openpyxl(self.name, self.data, self.package)
        return self._other


@dataclass
class _Openpyxl(_ScannedBook):
    """A workbook read by openpyxl, streaming; slower, for what calamine cannot do."""

    native = False

    def rows(self, sheet: str) -> Iterator[Row]:
        return self.clipped(sheet, self._look(sheet)[0])

    def clipped(self, sheet: str, clip: UsedRange | None) -> Iterator[Row]:
        """Rows of ``sheet`` inside ``clip``."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                worksheet = self.workbook[sheet]
                worksheet.reset_dimensions()
                rows = worksheet.iter_rows(
                    values_only=True,
                    max_row=clip.rows if clip else MAX_ROWS,
                    max_col=(clip.columns or None) if clip else None,
                )
                yield from rows
        except GeneratorExit:
            raise
        except Exception as error:
            refuse_unreadable(self.name, sheet, [("openpyxl", error)])


def open_workbook(container: Container) -> Book:
    """The sheets of a workbook.

    Raises:
        SourceError: no reader makes anything of it, or it is protected by a password.
    """
    package = read_sheet_list(container.data) if container.kind == "xlsx" else SheetList()
    if not package.usual:
        container, package = _normalised(container, package)
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
            return _Calamine(container.name, sheets, package.date1904, data=container.data, package=package,
                             workbook=workbook, checked=container.kind == "xlsx")  # fmt: skip
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
    refuse_unreadable(container.name, "", tried)


def _normalised(container: Container, package: SheetList) -> tuple[Container, SheetList]:
    try:
        normalised = replace(container, data=normalise_package(container.data))
        return normalised, read_sheet_list(normalised.data)
    except Exception:
        # Damaged: let the readers themselves say how.
        return container, package


def _open_openpyxl(
    name: str, data: bytes, package: SheetList, tried: list[tuple[str, BaseException]] | None = None
) -> _Openpyxl:
    tried = list(tried or [])
    try:
        import openpyxl

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            workbook = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        sheets = [SheetInfo(item.title, item.sheet_state == "visible") for item in workbook.worksheets]
    except Exception as error:
        refuse_unreadable(name, "", [*tried, ("openpyxl", error)])
    if not sheets:
        refuse_unreadable(name, "", [*tried, ("openpyxl", ValueError("no sheet of cells"))])
    return _Openpyxl(name, sheets, package.date1904, data=data, package=package, workbook=workbook)


def _cut_off(
    book: Book, sheet: str, data: bytes, part: str | None, *, native: bool
) -> tuple[UsedRange | None, SheetFacts]:
    """Where to cut ``sheet`` off, so that nobody lays out far more than its data, ``None`` for nowhere; its facts.

    Args:
        native: whether calamine is to read it, which may end the process over a cell whose place is odd.

    Raises:
        SourceError: no reader comes through it, or its cells are no table.
    """
    if part is None and not native:
        return None, SheetFacts()
    facts = FactsFinder(data)
    try:
        found = SheetScan(odd=True) if part is None else scan(data, part, facts.see)
        if found.odd and not (native and survives(data, sheet)):
            if part is None:
                refuse_unreadable(book.name, sheet, [("calamine", ValueError("the sheet brings down its reader"))])
            if found.impossible:
                _remark(book, sheet, "cells with an impossible address are left out; Excel would repair it")
            found = SheetScan(dense_range(data, part, unplaced=True))
    except SourceError:
        raise
    except Exception as error:
        refuse_unreadable(book.name, sheet, [("zip", error)])
    clip = found.clip
    if clip is not None and clip.scattered:
        raise SourceError(
            "the sheet's cells lie too far apart to be a table",
            where=f"{book.name}, sheet {sheet}",
            got=f"{clip.rows:,} rows by {clip.columns:,} columns, nearly all of them blank",
            next_step="Delete what lies far outside your data (whole rows and columns), and save it.",
        )
    if clip is not None and clip.far_cell:
        _remark(
            book,
            sheet,
            f"cells far outside the data ({clip.far_cell}) are left out; "
            f"rows 1 to {clip.rows:,} and {clip.columns:,} columns are read",
        )
    return clip, facts.facts()


def _remark(book: Book, sheet: str, text: str) -> None:
    remark = f"{book.name}, sheet {sheet}: {text}"
    if remark not in book.remarks:
        book.remarks.append(remark)


def _reraise_unless_reader(error: BaseException) -> None:
    """Let everything pass that is not a reader's failure; a panic in the reader's own code is one."""
    if isinstance(error, Exception) and not isinstance(error, MemoryError):
        return
    if type(error).__name__ != "PanicException":
        raise error
