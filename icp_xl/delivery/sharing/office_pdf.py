"""The first page of a workbook as PDF, by LibreOffice where it is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from icp_xl.errors import DeliveryError
from icp_xl.scratch import scratch_folder

SECONDS = 180
_USUAL = (
    "/Applications/LibreOffice.app/Contents/MacOS/soffice",
    r"C:\Program Files\LibreOffice\program\soffice.exe",
    r"C:\Program Files (x86)\LibreOffice\program\soffice.exe",
)
_FIRST_PAGE = 'pdf:calc_pdf_Export:{"PageRange":{"type":"string","value":"1"}}'


def find_office() -> str | None:
    """The program, or ``None`` where LibreOffice is not installed."""
    found = shutil.which("soffice") or shutil.which("libreoffice")
    return found or next((path for path in _USUAL if os.access(path, os.X_OK)), None)


def first_page(workbook: Path, pdf: Path, office: str) -> None:
    """Write the first page of ``workbook``, which is the summary of our reports, to ``pdf``.

    Raises:
        DeliveryError: LibreOffice could not do it.
    """
    with scratch_folder("pdf") as folder:
        copy = folder / "summary.xlsx"
        shutil.copyfile(workbook, copy)
        profile = (folder / "profile").as_uri()
        command = [office, f"-env:UserInstallation={profile}", "--headless", "--norestore", "--convert-to", _FIRST_PAGE]
        try:
            done = subprocess.run(
                [*command, "--outdir", str(folder), str(copy)], capture_output=True, timeout=SECONDS, check=False
            )
            made = copy.with_suffix(".pdf")
            if done.returncode == 0 and made.is_file():
                shutil.copyfile(made, pdf)
                return
        except (OSError, subprocess.TimeoutExpired):
            pass
    raise DeliveryError(
        "LibreOffice could not make the PDF",
        where=workbook.name,
        next_step="Close LibreOffice and run again, or share without --pdf. No file was changed.",
    )
