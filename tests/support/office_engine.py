"""An xlwings engine over openpyxl: macros run on a file through xlwings' own object model, without Excel.

It knows what the macros use and nothing else; an unknown member raises, as xlwings' base classes do. Values pass
through the element converters of xlwings' Windows engine, taken from its source, so that a blank, a date or an error
arrives as it does from Excel. The add-in's own VBA (``IcpHost``) is stood in for by :class:`HostMacros`.

Workbooks, sheets, cells, the rules and the add-in's VBA have a room each (``office_books`` and so on).
Where Excel refuses, this refuses (:class:`ExcelError`): ``tests/excel/test_excel_rules.py`` has each rule with its
source.
"""

from __future__ import annotations

import itertools
import re
import threading
from types import SimpleNamespace
from typing import Any

import xlwings as xw
from xlwings import base_classes

from tests.support.office_books import Books
from tests.support.office_cells import Range
from tests.support.office_host import HostMacros
from tests.support.office_rules import WINDOWS, ExcelError


class Engine(WINDOWS["Engine"]):  # type: ignore[misc]
    """The Windows engine's conversions over workbooks in memory."""

    def __init__(self, name: str) -> None:
        self._own_name = name
        self._own_apps = Apps(self)

    name = property(lambda self: self._own_name)
    type = property(lambda self: "desktop")
    apps = property(lambda self: self._own_apps)


class Apps(base_classes.Apps):
    def __init__(self, engine: Engine) -> None:
        self.engine, self.all = engine, []

    def keys(self):
        return [app.pid for app in self.all]

    def add(self, spec=None, add_book=None, xl=None, visible=None):
        app = App(self)
        self.all.insert(0, app)
        return app

    def __iter__(self):
        return iter(list(self.all))

    def __len__(self):
        return len(self.all)

    def __getitem__(self, pid):
        return next(app for app in self.all if app.pid == pid)


class App(base_classes.App):
    _pids = itertools.count(90001)
    screen_updating = display_alerts = enable_events = interactive = visible = True
    calculation, version = "automatic", "16.0"
    #: Computes cells with our functions, and what is so when somebody looks at the status bar: see calculation.py.
    calculator: Any = None
    timers: Any = None
    _told: Any = False

    def __init__(self, apps: Apps) -> None:
        self.apps, self.engine = apps, apps.engine
        self._pid = next(self._pids)
        self._books = Books(self)
        self.alerts: list[str] = []
        self.answer = "ok"
        self.selected: Range | None = None
        self.macros: dict[str, Any] = HostMacros(self).table()
        #: Cells of whose change the user's own macros would be told; whether a function is at work.
        self.heard: list[tuple[str, str]] = []
        self.calculating = False
        #: Set when its process is ended. With ``modal`` a message waits for somebody to press its button.
        self.gone, self.modal, self.shown = threading.Event(), False, ""
        signs = {1: 1, 2: 1, 3: ".", 4: ",", 5: ","}
        self._api = SimpleNamespace(International=signs.get, Build=0, ReferenceStyle=1, ActiveWindow=Window(self))

    pid = property(lambda self: self._pid)
    api = property(lambda self: self._api)

    @property
    def books(self):
        if self.gone.is_set():
            raise ExcelError("the RPC server is unavailable")
        return self._books

    @property
    def status_bar(self):
        # Excel comes to its timers (Application.OnTime) when it is idle, such as between two calls.
        if self.timers is not None:
            self.timers()
        return self._told

    @status_bar.setter
    def status_bar(self, value):
        self._told = value

    def activate(self, steal_focus=False):
        pass

    def calculate(self):
        if self.calculator is not None:
            self.calculator.recalculate(self)

    def run(self, macro, args):
        return self.macros[re.split(r"[!.]", macro)[-1]](*args)

    def alert(self, prompt, title, buttons, mode, callback):
        self.alerts.append(prompt)
        if self.modal:
            self.shown = prompt
            self.gone.wait(1200)
            raise ExcelError("the RPC server is unavailable")
        return self.answer

    @property
    def selection(self):
        if self.selected is None:
            raise ExcelError("no cells are selected")
        return self.selected

    def quit(self):
        self.gone.set()
        if self in self.apps.all:
            self.apps.all.remove(self)

    kill = quit


class Window:
    """The active workbook's window; its size in points, a file's in twentieths of one."""

    def __init__(self, app: App) -> None:
        self.app = app

    def _view(self) -> Any:
        return self.app.books.active.wb.views[0]

    Width = property(lambda self: (self._view().windowWidth or 20_000) / 20)
    Height = property(lambda self: (self._view().windowHeight or 10_000) / 20)


def register() -> Any:
    """The engine, also under the name by which function arguments are converted."""
    if "openpyxl" not in xw.engines.engines_by_name:
        xw.engines.add(xw.Engine(impl=Engine("openpyxl")))
    engine = xw.engines["openpyxl"]
    xw.engines.engines_by_name.setdefault("excel", engine)
    engine.activate()
    return engine


def new_app() -> xw.App:
    """A fresh application without a workbook."""
    engine = register()
    return xw.App(impl=engine.impl.apps.add())
