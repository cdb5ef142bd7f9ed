"""Give one damaged workbook to everything that opens other people's workbooks, and time it."""

from __future__ import annotations

import signal
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from icp_xl.delivery.sharing.safe_copy import make_safe
from icp_xl.delivery.sharing.shareable import check_shareable
from icp_xl.delivery.write_back.column_values import ResultColumn, Results
from icp_xl.delivery.write_back.columns import write_columns
from icp_xl.delivery.write_back.inject import inject_sheets
from icp_xl.delivery.write_back.remove import remove_sheets
from icp_xl.errors import IcpError, SourceError
from icp_xl.opc.safe_write import SafeOptions
from icp_xl.sources.file_types import open_book, read_sheet
from tests.support.keys import exactly

SECONDS = 30
OPTIONS = SafeOptions(backups=0)


@dataclass(frozen=True)
class Trial:
    """What came of one mutant: ``crash`` is the trace of an error that is none of ours."""

    seconds: float
    refused: str = ""
    crash: str = ""


class _TooLong(Exception):
    pass


def _too_long(signum: int, frame: FrameType | None) -> None:
    raise _TooLong


def _read(book: Path) -> None:
    """Read every sheet, as scoring would."""
    opened = open_book(book)
    for sheet in opened.sheet_names():
        try:
            for _ in opened.rows(sheet):
                pass
        except SourceError:
            continue


def _columns(book: Path) -> None:
    """Read the first sheet as a source, and put a column beside whatever heads it."""
    frame = read_sheet(book)
    texts = [cell for row in frame.head(6).to_numpy() for cell in row if isinstance(cell, str) and cell.strip()]
    if texts:
        keys = [str(cell) for cell in frame.iloc[:, 0].dropna().unique()[:50]]
        results = Results([ResultColumn("score", "Score")], {"score": list(range(len(keys)))}, exactly(keys))
        write_columns(book, texts[0], results, options=OPTIONS)


def try_mutant(content: bytes, donor: Path, folder: Path) -> Trial:
    """Check, make safe, read, write columns and sheets into, write again and take out: a workbook of these bytes."""
    book, safe = folder / "mutant.xlsx", folder / "safe.xlsx"
    book.write_bytes(content)
    refused = crash = ""
    start = time.monotonic()
    handler = signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(SECONDS)
    try:
        for step in (
            lambda: check_shareable(book),
            lambda: make_safe(book, safe),
            lambda: _read(book),
            lambda: _columns(book),
            lambda: inject_sheets(book, donor, options=OPTIONS),
            lambda: inject_sheets(book, donor, options=OPTIONS),
            lambda: remove_sheets(book, options=OPTIONS),
        ):
            before = book.read_bytes()
            try:
                step()
            except IcpError as error:
                refused = getattr(error, "reason", "") or error.fault.what
                if book.read_bytes() != before:
                    crash = f"changed although refused: {error}"
    except _TooLong:
        crash = f"longer than {SECONDS} seconds"
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        # The native reader's panics are no Exception.
        crash = traceback.format_exc(limit=-6)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, handler)
    return Trial(time.monotonic() - start, refused, crash)
