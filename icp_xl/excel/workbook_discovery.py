"""Find the customer workbook and the sales-log workbook among the open ones, by settings, beside each other, or ask.

A sheet is recognised by its header row with the same rules by which the files are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from icp_xl.config import Settings, load_settings
from icp_xl.config.loader import DEFAULT_FILE
from icp_xl.errors import ConfigError, DataError
from icp_xl.sources.fields import CUSTOMERS, SALES, SourceSpec

if TYPE_CHECKING:
    from icp_xl.excel.host import Host
    from icp_xl.sources.headers import Header

SETTINGS_SHEET = "ICP Settings"
#: Rows and columns from a sheet's corner that are looked at for a header.
LOOK_ROWS, LOOK_COLUMNS = 30, 60
#: A sheet counts as a source from this score on: three fields found by name and all that is required.
LEAST_SCORE = 12.0


@dataclass(frozen=True)
class FoundTable:
    """A source in an open workbook: the sheet, its header, and the header's first cell, counted from 1."""

    book: Any
    sheet: Any
    header: Header
    row: int
    column: int

    def column_of(self, field: str) -> int | None:
        """The sheet's column that holds ``field``, counted from 1."""
        match = self.header.matches.get(field)
        return None if match is None else self.column + match.column


def find_table(book: Any, spec: SourceSpec) -> FoundTable | None:
    """The sheet of ``book`` that holds the source best; ``None`` where none does."""
    from icp_xl.excel.host import own_sheets
    from icp_xl.sources.headers import find_header

    ours = own_sheets(book)
    best: FoundTable | None = None
    for sheet in book.sheets:
        if sheet.name in ours or sheet.name == SETTINGS_SHEET:
            continue
        corner = _corner(sheet)
        if corner is None:
            continue
        rows, top, left = corner
        header = find_header(rows, spec)
        if header is None or header.lacks(spec) or header.score < LEAST_SCORE:
            continue
        # A sales log names customers too: the source that a sheet fits best is what it is.
        rival = find_header(rows, SALES if spec is CUSTOMERS else CUSTOMERS)
        if (
            rival is not None
            and not rival.lacks(SALES if spec is CUSTOMERS else CUSTOMERS)
            and rival.score > header.score
        ):
            continue
        if best is None or header.score > best.header.score:
            best = FoundTable(book, sheet, header, top + header.row, left)
    return best


def _corner(sheet: Any) -> tuple[list[list[Any]], int, int] | None:
    used = sheet.used_range
    rows, columns = used.shape
    area = sheet.range(
        (used.row, used.column),
        (used.row + min(rows, LOOK_ROWS) - 1, used.column + min(columns, LOOK_COLUMNS) - 1),
    )
    values = area.options(ndim=2).value
    if not values or all(cell is None for row in values for cell in row):
        return None
    return values, used.row, used.column


@dataclass(frozen=True)
class Workbooks:
    """The two workbooks of the work: ``sales`` is an open workbook, a file, or missing."""

    customers: FoundTable
    sales: Any | None = None
    sales_path: Path | None = None


def find_workbooks(book: Any, settings: Settings, host: Host, *, need_sales: bool, ask: bool = True) -> Workbooks:
    """The customer workbook and the sales log, beginning with the active workbook.

    Looked for in this order: the names in the settings, the active workbook, the other open ones, the sales log's own
    file name beside the customer workbook, and at last the user is asked.

    Args:
        book: the active workbook.
        settings: names of files and sheets, where they give any.
        host: speaks to Excel, and asks the user.
        need_sales: whether it is a fault that there is no sales log.
        ask: whether the user may be asked.

    Raises:
        DataError: no customer table is open, or the sales log is needed and was not found.
    """
    books = [book, *(other for other in book.app.books if other.name != book.name)]
    customers = _customers(books, settings)
    if customers is None:
        raise DataError(
            "no open workbook has a customer table",
            got=", ".join(item.name for item in books),
            allowed="a sheet with an account id or name, and industry, annual revenue or printers",
            next_step="Open the customer workbook, or start from the template (icp-xl addin templates).",
        )
    sales, path = _sales(books, customers, settings)
    if sales is None and path is None and need_sales and ask:
        answer = host.ask_file("Where is the sales log?")
        path = Path(answer) if answer else None
    if sales is None and path is None and need_sales:
        raise DataError(
            "the sales log was not found",
            allowed="an open workbook with date, customer and revenue, or one named in excel.sales_workbook",
            next_step="Open the sales-log workbook and press the button again.",
        )
    return Workbooks(customers, sales, path)


def _customers(books: Sequence[Any], settings: Settings) -> FoundTable | None:
    wanted = settings.excel.customer_workbook
    if wanted:
        named = [item for item in books if _is_named(item, wanted)]
        if not named:
            raise ConfigError(
                "the customer workbook named in the settings is not open",
                where="excel.customer_workbook",
                got=wanted,
                next_step="Open it, or correct the setting.",
            )
        books = named
    for item in books:
        found = find_table(item, CUSTOMERS)
        if found is not None:
            return found
    return None


def _sales(books: Sequence[Any], customers: FoundTable, settings: Settings) -> tuple[Any | None, Path | None]:
    wanted = settings.excel.sales_workbook
    folder = folder_of(customers.book)
    if wanted:
        for item in books:
            if _is_named(item, wanted):
                return item, None
        path = Path(wanted).expanduser() if folder is None else folder / Path(wanted).expanduser()
        if path.is_file():
            return None, path
        raise ConfigError(
            "the sales log named in the settings is neither open nor a file",
            where="excel.sales_workbook",
            got=wanted,
            next_step="Open it, or correct the setting.",
        )
    # The customer workbook last: a sales sheet may live in it too.
    for item in [*(b for b in books if b.name != customers.book.name), customers.book]:
        if find_table(item, SALES) is not None:
            return item, None
    if folder is not None:
        for name in SALES.files:
            if (folder / name).is_file():
                return None, folder / name
    return None, None


def _is_named(book: Any, wanted: str) -> bool:
    names = {book.name.casefold(), Path(book.name).stem.casefold(), full_name(book).casefold()}
    return wanted.strip().casefold() in names or Path(wanted).name.casefold() == book.name.casefold()


def full_name(book: Any) -> str:
    """The full name of an open workbook as Excel has it: a path, or the address of one on OneDrive or SharePoint.

    xlwings' own ``fullname`` maps such an address to a folder of this computer, or raises where it cannot (its issues
    2652, 2554, 2017, 2427).
    """
    found = getattr(getattr(book, "api", None), "FullName", None)  # Excel for Windows; a Mac has no such word
    return found if isinstance(found, str) else str(book.fullname)


def folder_of(book: Any) -> Path | None:
    """The folder that the workbook lies in; ``None`` for one never saved, or opened from the web."""
    full = full_name(book)
    if "://" in full:
        return None
    path = Path(full)
    return path.parent if path.is_absolute() else None


def live_settings(book: Any) -> tuple[Settings, Path | None]:
    """Settings as the workbook's folder and its ``ICP Settings`` sheet give them, and the YAML file if there is one.

    Raises:
        ConfigError: a setting is unknown or impossible.
    """
    folder = folder_of(book)
    config = folder / DEFAULT_FILE if folder is not None and (folder / DEFAULT_FILE).is_file() else None
    return load_settings(config, sheet=settings_on(book)), config


def settings_on(book: Any) -> list[tuple[str, object, str]]:
    """Rows of the workbook's settings sheet as (dotted key, value, where it stands)."""
    sheet = next((item for item in book.sheets if item.name.casefold() == SETTINGS_SHEET.casefold()), None)
    if sheet is None:
        return []
    used = sheet.used_range
    values = used.options(ndim=2).value
    head = [str(cell).strip().lower() if cell is not None else "" for cell in values[0]]
    if "setting" not in head or "value" not in head:
        return []
    key, value = head.index("setting"), head.index("value")
    found: list[tuple[str, object, str]] = []
    for number, row in enumerate(values[1:], used.row + 1):
        name, given = row[key], row[value]
        if not isinstance(name, str) or not name.strip() or name.startswith("#") or given is None or given == "":
            continue
        if isinstance(given, float) and given.is_integer():
            given = int(given)
        found.append((name.strip(), given, f"{book.name}, sheet {sheet.name}, row {number}"))
    return found
