"""Which files can be read, said once: by what each is known, and who opens it.

A new kind of file is one entry of :data:`FILE_TYPES` and the function that opens it as a book.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from icp_xl.config.sources import SourcesSettings
from icp_xl.errors import SourceError
from icp_xl.sources.book import Book, find_sheet
from icp_xl.sources.container import Container, describe_bytes, read_bytes, refuse_encrypted, zip_members
from icp_xl.sources.flat_files import open_parquet, open_text
from icp_xl.sources.workbooks import open_workbook

if TYPE_CHECKING:
    import pandas as pd

_ZIP = b"PK"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


@dataclass(frozen=True)
class FileType:
    """A kind of file.

    ``layout``: a workbook of ``sheets``; ``text``, one sheet of cells as somebody typed them; ``columns``, one table
    of typed columns under its own header; ``none``, no table at all. ``magic``: how its bytes begin, whatever the
    file is called; of a zip, ``member`` then tells how the name of one of its members ends. ``under_suffix``: how
    they begin where the suffix must say the rest.
    """

    kind: str
    suffixes: tuple[str, ...]
    layout: Literal["sheets", "text", "columns", "none"]
    open: Callable[[Container], Book]
    magic: tuple[bytes, ...] = ()
    member: str = ""
    under_suffix: tuple[bytes, ...] = ()


def _no_table(container: Container) -> Book:
    raise SourceError("a JSON file is no table", where=container.name, allowed="a workbook, CSV or Parquet file")


#: In the order in which they are tried.
FILE_TYPES = (
    FileType("xlsb", (".xlsb",), "sheets", open_workbook, (_ZIP,), member="workbook.bin"),
    FileType("xlsx", (".xlsx", ".xlsm"), "sheets", open_workbook, (_ZIP,), member="[content_types].xml"),
    FileType("ods", (".ods",), "sheets", open_workbook, (_ZIP,), member="content.xml"),
    FileType("xls", (".xls",), "sheets", open_workbook, (_OLE,),
             under_suffix=(b"\x09\x00", b"\x09\x02", b"\x09\x04", b"\x09\x08")),
    FileType("parquet", (".parquet",), "columns", open_parquet, (b"PAR1",)),
    FileType("csv", (".csv", ".tsv", ".txt", ".tab"), "text", open_text, under_suffix=(b"",)),
    FileType("json", (".json",), "none", _no_table, under_suffix=(b"",)),
)  # fmt: skip
_BY_KIND = {item.kind: item for item in FILE_TYPES}
#: Suffixes of files that hold tables.
TABLE_SUFFIXES = tuple(suffix for item in FILE_TYPES if item.layout != "none" for suffix in item.suffixes)


def layout_of(path: Path) -> str:
    """The layout that the suffix of ``path`` promises; ``none`` for a suffix that is nobody's.

    >>> layout_of(Path("Book.XLSX")), layout_of(Path("sales.csv")), layout_of(Path("notes.docx"))
    ('sheets', 'text', 'none')
    """
    return next((item.layout for item in FILE_TYPES if path.suffix.lower() in item.suffixes), "none")


def open_container(path: Path, limits: SourcesSettings | None = None) -> Container:
    """Read the file at ``path`` and tell what it is.

    Raises:
        LockedWorkbookError: another program holds the file, or it is Excel's lock file.
        SourceError: absent, empty, too large, damaged, encrypted, or of a kind that cannot be read.
    """
    limits = limits or SourcesSettings()
    data = read_bytes(path, limits)
    members = zip_members(path.name, data, limits) if data.startswith(_ZIP) else []
    if data.startswith(_OLE):
        refuse_encrypted(path.name, data)
    _refuse_other_documents(path.name, members)
    for item in FILE_TYPES:
        if data.startswith(item.magic) and (not item.member or any(name.endswith(item.member) for name in members)):
            return Container(path.name, item.kind, data)
    if members:
        raise SourceError(
            "this is a zip archive, not a workbook",
            where=path.name,
            got=f"{len(members)} files inside",
            next_step="Unpack it and name the workbook inside.",
        )
    for item in FILE_TYPES:
        if path.suffix.lower() in item.suffixes and data.startswith(item.under_suffix):
            return Container(path.name, item.kind, data)
    raise SourceError(
        "this file is not a workbook",
        where=path.name,
        got=describe_bytes(data),
        allowed=", ".join(TABLE_SUFFIXES),
        next_step="Open it in Excel and save it as a workbook (.xlsx), or export it again.",
    )


def _refuse_other_documents(name: str, members: list[str]) -> None:
    if any(item.startswith("xl/") or item.endswith("workbook.bin") for item in members):
        return
    for folder, what in (("word/", "a Word document"), ("ppt/", "a presentation")):
        if "[content_types].xml" in members and any(item.startswith(folder) for item in members):
            raise SourceError(f"this is {what}, not a workbook", where=name)


def open_book(
    path: Path, limits: SourcesSettings | None = None, *, encoding: str | None = None, words: Collection[str] = ()
) -> Book:
    """Open the file at ``path``.

    Args:
        path: the file.
        limits: settings that bound its size.
        encoding: that of a text file, where the settings give it.
        words: headers that it may hold, which tell the encoding of a text file.

    Raises:
        LockedWorkbookError: another program holds the file.
        SourceError: it cannot be read as a table or a workbook; the text says why and what to do.
    """
    container = open_container(Path(path), limits)
    if _BY_KIND[container.kind].layout == "text":
        return open_text(container, encoding, words)
    return _BY_KIND[container.kind].open(container)


def read_sheet(path: Path, sheet: str | None = None, limits: SourcesSettings | None = None) -> pd.DataFrame:
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
