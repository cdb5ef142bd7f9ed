"""Workbooks of the stand-in."""

from __future__ import annotations

import functools
import io
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openpyxl
import xlwings as xw
from xlwings import base_classes

from tests.support.office_rules import MAX_PATH, ExcelError
from tests.support.office_sheets import Names, Sheets

if TYPE_CHECKING:
    from tests.support.office_engine import App


class Books(base_classes.Books):
    def __init__(self, app: App) -> None:
        self.app, self.all = app, []

    active = property(lambda self: self.all[0])

    def __call__(self, key):
        if isinstance(key, int):
            return self.all[key - 1]
        for book in self.all:
            if book.name.lower() == str(key).lower():
                return book
        raise KeyError(key)

    def __len__(self):
        return len(self.all)

    def __iter__(self):
        return iter(list(self.all))

    def add(self):
        wb = openpyxl.Workbook()
        wb.worksheets[0].title = "Sheet1"
        book = Book(self, wb, f"Book{len(self.all) + 1}", None, None)
        self.all.insert(0, book)
        return book

    def open(self, fullname, *args, **kwargs):
        path = os.path.abspath(os.fspath(fullname))
        if len(path) > MAX_PATH:
            raise ExcelError("the path is too long")
        for book in self.all:
            if book._path is not None and book._path.lower() == path.lower():
                book.activate()
                return book
            if book.name.lower() == os.path.basename(path).lower():
                raise ExcelError("a workbook of this name is open already")
        with warnings.catch_warnings():
            # openpyxl tells of extensions that it drops, such as sparklines; no macro looks at them.
            warnings.simplefilter("ignore", UserWarning)
            wb = openpyxl.load_workbook(path)
        book = Book(self, wb, os.path.basename(path), path, Path(path).read_bytes())
        book.read_only = len(args) > 1 and bool(args[1])
        self.all.insert(0, book)
        return book


class Book(base_classes.Book):
    #: What has not changed is saved as it was in the file, with what openpyxl does not know: dynamic arrays, say.
    as_in_file = False

    def __init__(self, books: Books, wb: Any, name: str, path: str | None, content: bytes | None) -> None:
        self.books, self.wb, self._name, self._path, self._content = books, wb, name, path, content
        self.saved, self.read_only, self.shared, self.has_password, self.protected = True, False, False, False, False
        self.url = ""
        #: By sheet, row and column: values that were computed here, and the formulas that gave them.
        self.computed: dict[tuple[str, int, int], Any] = {}
        self.formulas: dict[tuple[str, int, int], tuple[str, bool]] = {}
        wb.LinkSources = lambda kind: None

    name = property(lambda self: self._name)

    @functools.cached_property
    def values(self) -> Any:
        """What the formulas showed when the file was saved; read when somebody asks."""
        if self._content is None:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            return openpyxl.load_workbook(io.BytesIO(self._content), data_only=True)

    @property
    def api(self):
        # The COM object: as far as the macros use it, and the file behind it for the tests.
        self.wb.FullName = self.url or self._path or self._name
        return self.wb

    @property
    def fullname(self):
        if self.url:
            raise xw.XlwingsError("Couldn't find the local path of this workbook")
        return self._path or self._name

    app = property(lambda self: self.books.app)
    sheets = property(lambda self: Sheets(self))
    names = property(lambda self: Names(self, self.wb))

    def activate(self):
        self.books.all.remove(self)
        self.books.all.insert(0, self)

    def close(self):
        self.books.all.remove(self)

    def save(self, path=None, password=None):
        path = path or self._path or os.path.join(os.getcwd(), self._name + ".xlsx")
        if len(os.path.abspath(path)) > MAX_PATH:
            raise ExcelError("the path is too long")
        if self.read_only and os.path.abspath(path) == self._path:
            raise ExcelError("the workbook is open read-only")
        if not (self.as_in_file and self.saved and os.path.abspath(path) == self._path):
            self.wb.save(path)
        self._path, self._name, self.saved = os.path.abspath(path), os.path.basename(path), True
