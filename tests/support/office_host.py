"""What the add-in's own VBA does in the stand-in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from openpyxl.workbook.defined_name import DefinedName

if TYPE_CHECKING:
    from tests.support.office_engine import App


class HostMacros:
    """What ``IcpHost.bas`` does, by Excel's rules. ``answer`` is the file that a user picks; ``calls`` are counted."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.answer = ""
        self.calls: list[str] = []
        self.fail: set[str] = set()

    def table(self) -> dict[str, Any]:
        names = ("IcpSaveCopy", "IcpStateOfBook", "IcpRememberJobs", "IcpAskFile", "IcpRecalculate")
        self.methods = {name: getattr(self, name) for name in names}
        return {name: self._counted(name) for name in names} | {"host": self}

    def _counted(self, name):
        def call(*args):
            self.calls.append(name)
            if name in self.fail:
                raise RuntimeError("Excel is busy")
            return self.methods[name](*args)

        return call

    def IcpSaveCopy(self, book, path):
        found = self.app.books(book)
        found.wb.save(path)
        if found.has_password:
            # The copy is encrypted as the workbook is: a compound file, which nothing but Excel opens.
            Path(path).write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + bytes(504))
        return True

    def IcpAskFile(self, prompt):
        return self.answer

    def IcpRecalculate(self):
        if self.app.calculator is not None:
            self.app.calculator.dirty(self.app)
        return True

    def IcpStateOfBook(self, book, sheet):
        found = self.app.books(book)
        state = {
            "unsaved": not found.saved, "new": found._path is None and not found.url, "readonly": found.read_only,
            "structure": found.protected, "shared": found.shared, "password": found.has_password,
        }  # fmt: skip
        if sheet:
            ws = found.sheets(sheet).ws
            state["contents"] = bool(ws.protection.sheet)
            state["filtered"] = any(dimension.hidden for dimension in ws.row_dimensions.values())
        return "".join(f"{name}|" for name, is_so in state.items() if is_so)

    def IcpRememberJobs(self, book, name, jobs):
        names = self.app.books(book).wb.defined_names
        names.pop(name, None)
        if jobs:
            names[name] = DefinedName(name, attr_text=f'"{jobs}"', hidden=True)
        return True
