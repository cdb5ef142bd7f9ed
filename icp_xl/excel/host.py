"""What the add-in's VBA does for Python, since xlwings has no word for it on both Windows and Mac.

xlwings objects come in as arguments; nothing here imports xlwings.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from icp_xl.delivery.write_back.ownership import OWNER, unpack
from icp_xl.errors import DeliveryError

ADDIN_MACROS = "'icp_xl.xlam'!IcpHost."
#: The workbook's hidden name that holds the ids of the jobs that were started from it and have not been fetched.
JOBS_NAME = "_icpxl_jobs"
_MOST_JOBS = 6


class Host:
    """The procedures of ``IcpHost.bas``.

    Raises:
        DeliveryError: by every method: Excel refused, because a cell is being edited or a dialog is open, say.
    """

    def __init__(self, app: Any) -> None:
        self._app = app

    def save_copy(self, book: Any, path: Path) -> None:
        """Save a copy of an open workbook, which itself stays as it is, saved or not."""
        self._call("IcpSaveCopy", book.name, str(path))

    def ask_file(self, prompt: str) -> str:
        """Ask for a workbook; empty when the user declines."""
        return str(self._call("IcpAskFile", prompt) or "")

    def recalculate(self) -> None:
        """Let every cell with one of our functions show the new results."""
        self._call("IcpRecalculate")

    def state(self, book: Any, sheet: str = "") -> frozenset[str]:
        """What stands in the way of writing: some of ``unsaved``, ``new`` (never saved), ``readonly``, ``structure``
        (protected), ``shared``, ``password`` (to open), and of the sheet ``contents`` (protected), ``filtered``.
        """
        return frozenset(str(self._call("IcpStateOfBook", book.name, sheet) or "").split("|")) - {""}

    def remember_jobs(self, book: Any, jobs: Iterable[str]) -> None:
        """Leave the ids of jobs in the workbook, where Save As, a rename or a move take them along."""
        self._call("IcpRememberJobs", book.name, JOBS_NAME, " ".join(list(jobs)[-_MOST_JOBS:]))

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


def jobs_of(book: Any) -> list[str]:
    """Ids of the jobs that were started from an open workbook."""
    for name in book.names:
        if str(name.name) == JOBS_NAME:
            return str(name.refers_to).lstrip("=").strip('"').split()
    return []


def own_sheets(book: Any) -> set[str]:
    """Names of the sheets in an open workbook that are ours, by their hidden marks."""
    return {
        sheet.name
        for sheet in book.sheets
        if any(str(name.name).rpartition("!")[2] == OWNER and unpack(name.refers_to) for name in sheet.names)
    }
