"""Put finished sheets and result columns into a workbook that is open in Excel.

Sheets are copied together, because formulas between sheets that are copied one by one turn into links to the report's
file. Only sheets that carry our hidden mark are replaced. Until the new sheets stand, the old ones are only renamed,
so that a failure puts everything back. Formulas of the user that point to a replaced sheet or table are written again
afterwards: Excel would leave ``#REF!`` in them.

xlwings objects come in as arguments; nothing here imports xlwings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from icp_xl.delivery.write_back.ownership import OWNER, pack, unpack
from icp_xl.errors import DeliveryError

ADDIN_MACROS = "'icp_xl.xlam'!IcpHost."
#: Cells per block when formulas of the user are looked through.
SCAN_ROWS = 20_000


class Host:
    """What the add-in's VBA does for us, since xlwings has no word for it on both Windows and Mac."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def save_copy(self, book: Any, path: Path) -> None:
        """Save a copy of an open workbook, which itself stays as it is, saved or not."""
        self._call("IcpSaveCopy", book.name, str(path))

    def copy_sheets(self, source: Any, target: Any, names: Sequence[str], after: str) -> list[str]:
        """Copy sheets together behind the sheet ``after`` and return their new names, in order."""
        return str(self._call("IcpCopySheets", source.name, target.name, "\n".join(names), after)).split("\n")

    def mark(self, book: Any, sheet: str, name: str, text: str) -> None:
        """Give a sheet a hidden name that holds a text constant."""
        self._call("IcpMarkSheet", book.name, sheet, name, text)

    def ask_file(self, prompt: str) -> str:
        """Ask for a workbook; empty when the user declines."""
        return str(self._call("IcpAskFile", prompt) or "")

    def recalculate(self) -> None:
        """Let every cell with one of our functions show the new results."""
        self._call("IcpRecalculate")

    def _call(self, name: str, *arguments: str) -> Any:
        try:
            return self._app.macro(ADDIN_MACROS + name)(*arguments)
        except Exception as error:
            # Excel's own words come as a COM or AppleScript error of a type that only exists there.
            raise DeliveryError(
                "Excel could not do what was asked",
                got=f"{name}: {type(error).__name__}",
                next_step="Leave any cell that you are editing, close open dialogs, and press the button again.",
            ) from error


@dataclass
class Delivery:
    """What was done to the workbook: ``sheets`` as they are called now, ``replaced`` of them."""

    sheets: list[str] = field(default_factory=list)
    replaced: int = 0


@dataclass(frozen=True)
class OwnSheet:
    """A sheet of ours in the open workbook."""

    sheet: Any
    owner: str
    key: str


def own_sheets(book: Any) -> list[OwnSheet]:
    """Our sheets, in the order of the tabs, by their hidden marks."""
    found = []
    for sheet in book.sheets:
        for name in sheet.names:
            if str(name.name).rpartition("!")[2] == OWNER:
                pieces = unpack(name.refers_to)
                if len(pieces) >= 2:
                    found.append(OwnSheet(sheet, *pieces[:2]))
                break
    return found


def bring_in(book: Any, report: Path, *, owner: str | None = None, host: Host | None = None) -> Delivery:
    """Bring every sheet of the workbook ``report`` into the open ``book``, replacing our own of the same kind.

    Args:
        owner: what the sheets are marked with; sheets of this owner that the report no longer has are removed.

    Raises:
        DeliveryError: Excel refused; the book is then as it was.
    """
    app = book.app
    host = host or Host(app)
    owner = owner or report.stem
    with _quiet(app), _opened(app, report) as source:
        names = [sheet.name for sheet in source.sheets]
        old = [mine for mine in own_sheets(book) if mine.key in names or mine.owner == owner]
        user = [sheet for sheet in book.sheets if sheet.name not in {mine.sheet.name for mine in old}]
        if not user:
            raise DeliveryError("the workbook has no sheet of its own", where=book.name, next_step="Add a sheet first.")
        kept = _formulas_on(user, _words(old))
        kept_names = _names_to(book, old)
        entries = _entries(old)
        undo: list[Callable[[], object]] = []
        try:
            for name, refers_to in kept_names:
                book.names[name].delete()
                undo.append(partial(book.names.add, name, refers_to))
            after = old[-1].sheet.name if old else book.sheets[-1].name
            after = _step_aside(old, undo, after)
            new = host.copy_sheets(source, book, names, after)
            undo.append(partial(_delete, book, new))
            _check_copied(book, names, new, source.name)
            for sheet, key in zip(new, names, strict=True):
                host.mark(book, sheet, OWNER, pack(owner, key))
        except BaseException:
            for step in reversed(undo):
                step()
            raise
        result = Delivery(replaced=len(old))
        _delete(book, [mine.sheet.name for mine in old])
        result.sheets = _take_names(book, new, names)
        _restore_entries(book, result.sheets, entries)
        _restore_formulas(book, kept, kept_names)
        book.sheets[result.sheets[0]].activate()
    return result


@contextmanager
def _quiet(app: Any) -> Iterator[None]:
    before = app.screen_updating, app.display_alerts
    app.screen_updating, app.display_alerts = False, False
    try:
        yield
    finally:
        app.screen_updating, app.display_alerts = before


@contextmanager
def _opened(app: Any, report: Path) -> Iterator[Any]:
    try:
        source = app.books.open(str(report), update_links=False, read_only=True, add_to_mru=False)
    except Exception as error:
        raise DeliveryError(
            "the finished report cannot be opened",
            where=report.name,
            got=type(error).__name__,
            next_step=f"Close any other workbook called {report.name} and press Bring in results.",
        ) from error
    try:
        yield source
    finally:
        source.close()


def _words(old: Sequence[OwnSheet]) -> list[str]:
    """Texts by which a formula points to a sheet or a table of ours, in lower case."""
    found = []
    for mine in old:
        plain = mine.sheet.name.lower()
        found += [plain + "!", plain.replace("'", "''") + "'!"]
        found += [table.name.lower() + "[" for table in mine.sheet.tables]
    return found


def _formulas_on(sheets: Sequence[Any], words: Sequence[str]) -> list[tuple[str, int, int, str]]:
    """Formulas of the user that hold one of ``words``: sheet, row, column, formula."""
    found: list[tuple[str, int, int, str]] = []
    if not words:
        return found
    for sheet in sheets:
        used = sheet.used_range
        rows, columns = used.shape
        for top in range(0, rows, SCAN_ROWS):
            bottom = min(top + SCAN_ROWS, rows)
            block = sheet.range(
                (used.row + top, used.column), (used.row + bottom - 1, used.column + columns - 1)
            ).formula
            for i, line in enumerate(_as_rows(block)):
                for j, text in enumerate(line):
                    if isinstance(text, str) and text.startswith("=") and any(word in text.lower() for word in words):
                        found.append((sheet.name, used.row + top + i, used.column + j, text))
    return found


def _as_rows(block: Any) -> list[list[Any]]:
    if not isinstance(block, list | tuple):
        return [[block]]
    if block and not isinstance(block[0], list | tuple):
        return [list(block)]
    return [list(line) for line in block]


def _names_to(book: Any, old: Sequence[OwnSheet]) -> list[tuple[str, str]]:
    """Names of the whole workbook that point to a sheet of ours."""
    words = _words(old)
    return [
        (str(name.name), str(name.refers_to))
        for name in book.names
        if words and "!" not in str(name.name) and any(word in str(name.refers_to).lower() for word in words)
    ]


def _step_aside(old: Sequence[OwnSheet], undo: list[Callable[[], object]], after: str) -> str:
    """Rename our old sheets and their tables, so that the new ones find their names free."""
    for number, mine in enumerate(old, 1):
        sheet, before = mine.sheet, mine.sheet.name
        sheet.name = f"~icp {number}"
        undo.append(partial(setattr, sheet, "name", before))
        if before == after:
            after = sheet.name
        for table in sheet.tables:
            name = table.name
            table.name = f"old_{name}"
            undo.append(partial(setattr, table, "name", name))
    return after


def _check_copied(book: Any, names: Sequence[str], new: Sequence[str], source: str) -> None:
    if len(new) != len(names):
        raise DeliveryError("Excel copied another number of sheets", got=len(new), allowed=len(names))
    link = f"[{source.lower()}]"
    for name in new:
        sheet = book.sheets[name]
        for line in _as_rows(sheet.used_range.formula):
            if any(isinstance(text, str) and text.startswith("=") and link in text.lower() for text in line):
                raise DeliveryError("a copied sheet would link to the report's file", where=name)


def _delete(book: Any, names: Sequence[str]) -> None:
    for name in names:
        book.sheets[name].delete()


def _take_names(book: Any, new: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """Give the new sheets the names they were made with, where the user has no sheet so called."""
    taken = {sheet.name.lower() for sheet in book.sheets}
    found = []
    for name, want in zip(new, wanted, strict=True):
        if name != want and want.lower() not in taken:
            book.sheets[name].name = want
            name = want
        found.append(name)
    return found


def _entries(old: Sequence[OwnSheet]) -> dict[str, dict[str, dict[Any, Any]]]:
    """What stands in the tables of our old sheets: table, column header, key (first column) to value."""
    found: dict[str, dict[str, dict[Any, Any]]] = {}
    for mine in old:
        for table in mine.sheet.tables:
            rows = _as_rows(table.range.value)
            headers = [str(cell) for cell in rows[0]]
            found[table.name] = {
                header: {row[0]: row[j] for row in rows[1:] if row[0] is not None and row[j] is not None}
                for j, header in enumerate(headers)
                if j
            }
    return found


def _restore_entries(book: Any, names: Sequence[str], entries: dict[str, dict[str, dict[Any, Any]]]) -> None:
    """Carry the reader's own entries into columns that arrive empty: those are his to fill."""
    for name in names:
        for table in book.sheets[name].tables:
            before = entries.get(table.name)
            if not before:
                continue
            area = table.range
            rows = _as_rows(area.value)
            for j, header in enumerate(str(cell) for cell in rows[0]):
                typed = before.get(header, {})
                if j == 0 or not typed or any(row[j] is not None for row in rows[1:]):
                    continue
                values = [[typed.get(row[0])] for row in rows[1:]]
                if any(value[0] is not None for value in values):
                    top = (area.row + 1, area.column + j)
                    book.sheets[name].range(top, (area.row + len(values), area.column + j)).value = values


def _restore_formulas(book: Any, kept: Sequence[tuple[str, int, int, str]], names: Sequence[tuple[str, str]]) -> None:
    """Write the user's formulas and names again that pointed to what was replaced."""
    present = {str(name.name) for name in book.names}
    for name, refers_to in names:
        # One that came with the new sheets stays as it came.
        if name not in present:
            book.names.add(name, refers_to)
    for sheet, row, column, text in kept:
        book.sheets[sheet].range((row, column)).formula = text
