"""What people do to a workbook between two runs, at random, and what must hold: nothing of theirs changes.

Whatever the user types is a text or a number that we never write, so that it is known again wherever it stands. Some
programs move hidden names when columns move, and some do not (openpyxl moves none, LibreOffice moves all).
"""

from __future__ import annotations

import itertools
import random
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.utils import get_column_letter
from openpyxl.workbook.defined_name import DefinedName

from icp_xl.delivery.write_back.column_remove import remove_all
from icp_xl.delivery.write_back.column_values import RESULT_COLUMNS, Results
from icp_xl.delivery.write_back.columns import write_columns
from icp_xl.delivery.write_back.inject import inject_sheets
from icp_xl.errors import DeliveryError
from icp_xl.opc.safe_write import SafeOptions
from tests.support.keys import exactly

OPTIONS = SafeOptions(backups=0)
LIST, OTHER = "Accounts", "Other"
ACCOUNTS = 9
Cells = dict[tuple[str, int, int], Any]


def results(draw: random.Random) -> Results:
    """New figures of the accounts, and some of the fields."""
    ids = [f"AC-{1000 + i}" for i in range(ACCOUNTS)]
    values = {
        "icp_score": [round(draw.uniform(1, 99), 2) for _ in ids],
        "icp_grade": [draw.choice("ABCDF") for _ in ids],
        "rank": [draw.randint(1, 40) for _ in ids],
    }
    columns = RESULT_COLUMNS[: draw.randint(1, 3)]
    return Results(columns, values, exactly(ids, [f"Firm {i}" for i in range(ACCOUNTS)]), others=RESULT_COLUMNS)


class User:
    """One user with his workbook; every action saves it as the program of the action does."""

    def __init__(self, path: Path, seed: int) -> None:
        self.path, self.draw, self._tags = path, random.Random(seed), itertools.count(1)
        book = openpyxl.Workbook()
        sheet = book.worksheets[0]
        sheet.title = LIST
        for row in [["Acct ID", self.text(), self.text()], *self.rows(3)]:
            sheet.append(row)
        book.create_sheet(OTHER)["A1"] = self.text()
        book.save(path)

    def text(self) -> str:
        """Something that only the user can have typed."""
        return f"user {next(self._tags)}"

    def rows(self, width: int) -> list[list[Any]]:
        """Rows of the list with keys and values of the user."""
        kept = self.draw.sample(range(ACCOUNTS), self.draw.randint(3, ACCOUNTS))
        return [[f"AC-{1000 + i}", *(self.value() for _ in range(width - 1))] for i in kept]

    def value(self) -> Any:
        """A text, or a number that is none of ours."""
        return self.text() if self.draw.random() < 0.6 else 1_000_000 + next(self._tags)

    def act(self) -> str:
        """Do one thing at random; its name."""
        book = openpyxl.load_workbook(self.path)
        sheet = book[self.list_name(book)]
        name = self.draw.choice([name for name in dir(self) if name.startswith("do_")])
        getattr(self, name)(book, sheet)
        book.save(self.path)
        return name

    def list_name(self, book: Any) -> str:
        """The sheet with the list, whatever it is called now."""
        return next(s.title for s in book.worksheets if s.title.startswith(LIST))

    def header(self, sheet: Any) -> tuple[int, int]:
        """Row and column of the key's header."""
        return next((c.row, c.column) for row in sheet.iter_rows() for c in row if c.value == "Acct ID")

    def do_insert_column(self, book: Any, sheet: Any) -> None:
        row, column = self.header(sheet)
        at = self.draw.randint(1, sheet.max_column + 1)
        sheet.insert_cols(at)
        for number in range(row, sheet.max_row + 1):
            sheet.cell(number, at).value = self.value() if number > row else self.text()

    def do_delete_column(self, book: Any, sheet: Any) -> None:
        row, column = self.header(sheet)
        others = [at for at in range(1, sheet.max_column + 1) if at != column]
        if len(others) > 2:
            sheet.delete_cols(self.draw.choice(others))

    def do_insert_rows(self, book: Any, sheet: Any) -> None:
        sheet.insert_rows(1, 2)
        sheet.cell(1, self.draw.randint(1, 6)).value = self.text()

    def do_add_row(self, book: Any, sheet: Any) -> None:
        _, column = self.header(sheet)
        row = sheet.max_row + 1
        sheet.cell(row, column).value = f"AC-{1000 + self.draw.randrange(ACCOUNTS)}"
        sheet.cell(row, column + 1).value = self.value()

    def do_sort(self, book: Any, sheet: Any) -> None:
        row, _ = self.header(sheet)
        body = [[c.value for c in cells] for cells in sheet.iter_rows(min_row=row + 1)]
        self.draw.shuffle(body)
        for number, values in enumerate(body, row + 1):
            for column, value in enumerate(values, 1):
                sheet.cell(number, column).value = value

    def do_paste_wider(self, book: Any, sheet: Any) -> None:
        row, column = self.header(sheet)
        width = self.draw.randint(4, 8)
        for number, values in enumerate(
            [["Acct ID", *(self.text() for _ in range(width - 1))], *self.rows(width)], row
        ):
            for at, value in enumerate(values, column):
                sheet.cell(number, at).value = value

    def do_retype_column(self, book: Any, sheet: Any) -> None:
        row, column = self.header(sheet)
        at = self.draw.choice([c for c in range(1, sheet.max_column + 2) if c != column])
        for number in range(row, sheet.max_row + 1):
            sheet.cell(number, at).value = self.text()

    def do_cut_column(self, book: Any, sheet: Any) -> None:
        row, column = self.header(sheet)
        at = self.draw.choice([c for c in range(1, sheet.max_column + 1) if c != column])
        other, to = book[OTHER], book[OTHER].max_column + 1
        for number in range(row, sheet.max_row + 1):
            other.cell(number, to).value, sheet.cell(number, at).value = sheet.cell(number, at).value, None
        if self.draw.random() < 0.5:  # as Excel does it, which takes the hidden names along
            here = f"${get_column_letter(at)}${row}"
            for item in sheet.defined_names.values():
                if item.attr_text.endswith(f"!{here}"):
                    item.attr_text = f"'{OTHER}'!${get_column_letter(to)}${row}"

    def do_type_below(self, book: Any, sheet: Any) -> None:
        sheet.cell(sheet.max_row + 3, self.draw.randint(1, sheet.max_column + 1)).value = self.text()

    def do_type_into_cells(self, book: Any, sheet: Any) -> None:
        """Single cells of the list, ours among them, but no key and no header."""
        row, column = self.header(sheet)
        for _ in range(self.draw.randint(1, 3)):
            others = [c for c in range(1, sheet.max_column + 1) if c != column]
            if others and sheet.max_row > row:
                at = self.draw.choice(others)
                sheet.cell(self.draw.randint(row + 1, sheet.max_row), at).value = self.value()

    def do_rename(self, book: Any, sheet: Any) -> None:
        old, new = sheet.title, f"{LIST} {next(self._tags)}"
        sheet.title = new
        for item in sheet.defined_names.values():
            item.attr_text = item.attr_text.replace(f"'{old}'!", f"'{new}'!").replace(f"{old}!", f"'{new}'!")

    def do_filter(self, book: Any, sheet: Any) -> None:
        row, column = self.header(sheet)
        last = get_column_letter(max(column, self.draw.randint(1, sheet.max_column)))
        sheet.auto_filter.ref = f"{get_column_letter(column)}{row}:{last}{sheet.max_row}"

    def do_keep_copy(self, book: Any, sheet: Any) -> None:
        """A copy of a sheet of ours, with the hidden names as Excel copies them, and a word of the user on it."""
        ours = [s for s in book.worksheets if any(n.startswith("_icpxl_owner") for n in s.defined_names)]
        if not ours:
            return
        source = self.draw.choice(ours)
        made = book.copy_worksheet(source)
        made.title = f"Kept {next(self._tags)}"
        made.cell(60, 1).value = self.text()
        for item in source.defined_names.values():
            if item.name.startswith("_icpxl_"):
                made.defined_names.add(DefinedName(item.name, attr_text=item.attr_text, hidden=True))
        if self.draw.random() < 0.5:
            book.move_sheet(made, -1)


def through_office(path: Path, folder: Path) -> None:
    """The workbook as LibreOffice saves it."""
    folder.mkdir(exist_ok=True)
    subprocess.run(
        ["soffice", f"-env:UserInstallation={(folder / 'profile').as_uri()}", "--headless", "--norestore",
         "--convert-to", "xlsx", "--outdir", str(folder), str(path)],
        check=True, capture_output=True, timeout=1200,
    )  # fmt: skip
    path.write_bytes((folder / path.name).read_bytes())


def users_cells(path: Path) -> Cells:
    """Every cell that the user typed, and whole sheets that he keeps as copies, but for formulas that were ours.

    Those say ``#REF!`` once the sheet is gone that they point to, as Excel would have it.
    """
    book = openpyxl.load_workbook(path)
    return {
        (sheet.title, cell.row, cell.column): cell.value
        for sheet in book.worksheets
        for row in sheet.iter_rows()
        for cell in row
        if cell.value is not None
        and not str(cell.value).startswith("=")
        and (sheet.title.startswith("Kept") or _is_users(cell.value))
    }


def _is_users(value: Any) -> bool:
    if isinstance(value, str):
        return value.startswith(("user ", "AC-")) or value == "Acct ID"
    return isinstance(value, int | float) and value >= 1_000_000


def play(seed: int, folder: Path, donors: list[Path], *, office: bool = False) -> Iterator[str]:
    """One sequence of actions and runs; yields what was done, and stops at the first cell of the user that changed.

    Raises:
        AssertionError: a cell of the user has changed, or a refused run has changed the workbook.
    """
    user = User(folder / "book.xlsx", seed)
    draw = random.Random(-seed)
    done: list[str] = []
    for _ in range(draw.randint(2, 4)):
        if office and draw.random() < 0.5:
            through_office(user.path, folder / "office")
            done.append("saved by LibreOffice")
        done += [user.act() for _ in range(draw.randint(0, 3))]
        for name, run in _runs(user.path, draw, donors):
            before, content = users_cells(user.path), user.path.read_bytes()
            done.append(name)
            try:
                run()
            except DeliveryError as error:
                done.append(f"refused: {error.fault.what}")
                assert user.path.read_bytes() == content, f"seed {seed}: {done}"
            after = users_cells(user.path)
            changed = {spot: (value, after.get(spot)) for spot, value in before.items() if after.get(spot) != value}
            assert not changed, f"seed {seed}: {done}: {changed}"
        yield from done[-1:]


def _runs(path: Path, draw: random.Random, donors: list[Path]) -> list[tuple[str, Callable[[], object]]]:
    columns = ("columns", lambda: write_columns(path, "Acct ID", results(draw), options=OPTIONS))
    sheets = ("sheets", lambda: inject_sheets(path, draw.choice(donors), options=OPTIONS))
    removal = ("removal", lambda: remove_all(path, force=True, options=OPTIONS))
    return draw.choice([[columns], [columns, sheets], [sheets], [sheets, columns], [removal], [columns, removal]])
