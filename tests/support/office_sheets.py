"""Sheets, names, tables and charts of the stand-in."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from openpyxl.chart import BarChart, Reference
from openpyxl.utils import range_boundaries
from openpyxl.workbook.defined_name import DefinedName
from openpyxl.worksheet.table import Table as XlTable
from openpyxl.worksheet.table import TableColumn
from xlwings import base_classes

from tests.support.office_cells import Range
from tests.support.office_rules import MAX_COLUMNS, MAX_ROWS, ExcelError, check_sheet_name, quoted, repoint

if TYPE_CHECKING:
    from tests.support.office_books import Book


class Names(base_classes.Names):
    def __init__(self, book: Book, owner: Any, prefix: str = "") -> None:
        self.book, self.owner, self.prefix = book, owner, prefix

    def snapshot(self):
        return [(name, Name(self, name)) for name in list(self.owner.defined_names)]

    def __len__(self):
        return len(self.owner.defined_names)

    def __call__(self, key):
        if isinstance(key, int):
            return Name(self, list(self.owner.defined_names)[key - 1])
        if key not in self.owner.defined_names:
            raise KeyError(key)
        return Name(self, key)

    def contains(self, key):
        return key in self.owner.defined_names

    def add(self, name, refers_to):
        self.owner.defined_names[name] = DefinedName(name, attr_text=refers_to.lstrip("="))
        return Name(self, name)


class Name(base_classes.Name):
    def __init__(self, names: Names, key: str) -> None:
        self.names, self.key = names, key

    name = property(lambda self: self.names.prefix + self.key)
    refers_to = property(lambda self: "=" + self.names.owner.defined_names[self.key].attr_text)

    def delete(self):
        del self.names.owner.defined_names[self.key]


class Sheets(base_classes.Sheets):
    def __init__(self, book: Book) -> None:
        self.book, self.wb = book, book.wb

    active = property(lambda self: Sheet(self.book, self.wb.active))

    def __call__(self, key):
        if isinstance(key, int):
            return Sheet(self.book, self.wb.worksheets[key - 1])
        for ws in self.wb.worksheets:
            if ws.title.lower() == key.lower():
                return Sheet(self.book, ws)
        raise KeyError(key)

    def __len__(self):
        return len(self.wb.worksheets)

    def __iter__(self):
        return (Sheet(self.book, ws) for ws in list(self.wb.worksheets))

    def __contains__(self, key):
        return any(ws.title.lower() == str(key).lower() for ws in self.wb.worksheets)

    def add(self, before=None, after=None, name=None):
        if self.book.protected:
            raise ExcelError("the workbook's structure is protected")
        place = after.index if after else before.index - 1 if before else 0
        ws = self.wb.create_sheet(name or f"Sheet{len(self) + 1}", place)
        self.wb.active = ws
        return Sheet(self.book, ws)


class Sheet(base_classes.Sheet):
    def __init__(self, book: Book, ws: Any) -> None:
        self._book, self.ws = book, ws
        ws.Protect = lambda: setattr(ws.protection, "sheet", True)
        ws.Unprotect = lambda: setattr(ws.protection, "sheet", False)

    charts = property(lambda self: Charts(self))
    api = property(lambda self: self.ws)
    book = property(lambda self: self._book)
    index = property(lambda self: self.ws.parent.worksheets.index(self.ws) + 1)
    tables = property(lambda self: Tables(self))
    cells = property(lambda self: Range(self, 1, 1, MAX_ROWS, MAX_COLUMNS))

    @property
    def names(self):
        return Names(self._book, self.ws, f"{quoted(self.ws.title)}!")

    @property
    def name(self):
        return self.ws.title

    @name.setter
    def name(self, value):
        check_sheet_name(value)
        before, self.ws.title = self.ws.title, value
        # As Excel does: whatever pointed to the sheet follows it.
        repoint(self.ws.parent, before, quoted(value) + "!")

    @property
    def used_range(self):
        left, top, right, bottom = range_boundaries(self.ws.calculate_dimension())
        return Range(self, top, left, bottom - top + 1, right - left + 1)

    def range(self, arg1, arg2=None):
        boxes = [self._box(arg) for arg in (arg1, arg2) if arg is not None]
        top, left = min(b[0] for b in boxes), min(b[1] for b in boxes)
        bottom = max(b[0] + b[2] for b in boxes)
        right = max(b[1] + b[3] for b in boxes)
        return Range(self, top, left, bottom - top, right - left)

    def _box(self, arg):
        if isinstance(arg, Range):
            return arg.row, arg.column, *arg.shape
        if isinstance(arg, tuple):
            return (*arg, 1, 1) if len(arg) == 2 else arg
        left, top, right, bottom = range_boundaries(arg.replace("$", ""))
        left, top, right, bottom = left or 1, top or 1, right or MAX_COLUMNS, bottom or MAX_ROWS
        return top, left, bottom - top + 1, right - left + 1

    def activate(self):
        self.ws.parent.active = self.ws

    select = activate

    def delete(self):
        if len(self.ws.parent.worksheets) == 1 or self._book.protected:
            raise ExcelError("a workbook must hold a sheet")
        wb, title = self.ws.parent, self.ws.title
        wb.remove(self.ws)
        repoint(wb, title, "#REF!")


class Tables(base_classes.Tables):
    def __init__(self, sheet: Sheet) -> None:
        self.sheet = sheet

    def _all(self):
        return list(self.sheet.ws.tables.values())

    def __call__(self, key):
        found = self._all()
        if isinstance(key, int):
            return Table(self.sheet, found[key - 1])
        return Table(self.sheet, self.sheet.ws.tables[key])

    def __len__(self):
        return len(self._all())

    def __iter__(self):
        return (Table(self.sheet, table) for table in self._all())

    def __contains__(self, key):
        return key in self.sheet.ws.tables

    def add(self, source=None, name=None, **_):
        self._check(source, name)
        table = XlTable(displayName=name, ref=source.get_address(False, False, False))
        self.sheet.ws.add_table(table)
        table._initialise_columns()
        return Table(self.sheet, table)

    def _check(self, source, name):
        ws = self.sheet.ws
        if self.sheet.book.shared:
            raise ExcelError("no table is made in a shared workbook")
        taken = {known.lower() for other in ws.parent.worksheets for known in (*other.tables, *other.defined_names)}
        taken |= {known.lower() for known in ws.parent.defined_names}
        bad = not re.fullmatch(r"[A-Za-z_\\][\w.\\]{0,254}", name) or name.lower() in ("c", "r")
        if bad or name.lower() in taken or re.fullmatch(r"[A-Za-z]{1,3}[1-9]\d{0,6}", name):
            raise ExcelError(f"{name} is no name for a table")
        left, top, right, bottom = range_boundaries(source.get_address(False, False, False))
        headers = [ws.cell(top, column).value for column in range(left, right + 1)]
        texts = [str(header).lower() for header in headers if isinstance(header, str) and len(header) <= 255]
        if len(set(texts)) < len(headers) or any(text.startswith("=") for text in texts):
            raise ExcelError("headers of a table are texts that differ")
        for area in [table.ref for table in ws.tables.values()] + [str(area) for area in ws.merged_cells.ranges]:
            one, two, three, four = range_boundaries(area)
            if one <= right and three >= left and two <= bottom and four >= top:
                raise ExcelError("a table may not touch another, nor merged cells")


class Table(base_classes.Table):
    def __init__(self, sheet: Sheet, table: Any) -> None:
        self.sheet, self.table = sheet, table

    api = property(lambda self: self.table)
    range = property(lambda self: self.sheet.range(self.table.ref))

    @property
    def data_body_range(self):
        area = self.range
        return Range(self.sheet, area.row + 1, area.column, area.shape[0] - 1, area.shape[1])

    @property
    def name(self):
        return self.table.displayName

    @name.setter
    def name(self, value):
        ws = self.sheet.ws
        if any(value.lower() == name.lower() for other in ws.parent.worksheets for name in other.tables):
            raise RuntimeError(f"a table of the name {value} exists")
        del ws.tables[self.table.displayName]
        self.table.displayName = self.table.name = value
        ws.add_table(self.table)

    def resize(self, area):
        if self.sheet.book.shared:
            raise ExcelError("no table grows in a shared workbook")
        left, top, right, _ = range_boundaries(area.get_address(False, False, False))
        self.table.ref = area.get_address(False, False, False)
        if self.table.autoFilter is not None:
            self.table.autoFilter.ref = self.table.ref
        self.table.tableColumns = [
            TableColumn(id=i, name=str(self.sheet.ws.cell(top, column).value))
            for i, column in enumerate(range(left, right + 1), 1)
        ]


class Charts(base_classes.Charts):
    def __init__(self, sheet: Sheet) -> None:
        self.sheet = sheet

    def __len__(self):
        return len(self.sheet.ws._charts)

    def __call__(self, key):
        return Chart(self.sheet.ws._charts[key - 1])

    def add(self, *place, **wishes):
        self.sheet.ws.add_chart(BarChart(), "J20")
        return self(len(self))


class Chart(base_classes.Chart):
    def __init__(self, chart: Any) -> None:
        self.chart = chart

    @property
    def api(self):
        def series(number):
            return SimpleNamespace(Formula=f"=SERIES(,,{self.chart.series[number - 1].val.numRef.f},{number})")

        return None, SimpleNamespace(SeriesCollection=series)

    def set_source_data(self, source, plot_by=None):
        first, last = source.column, source.column + source.shape[1] - 1
        bottom = source.row + source.shape[0] - 1
        self.chart.add_data(Reference(source.sheet.ws, min_col=last, max_col=max(first, last), min_row=source.row,
                                      max_row=bottom), titles_from_data=True)  # fmt: skip
