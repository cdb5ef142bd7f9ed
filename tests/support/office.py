"""LibreOffice as an oracle: what every formula gives when recalculated, and what a workbook looks like.

LibreOffice does not recalculate a foreign file on load, so this goes through UNO (``calculateAll``) with the system's
Python. Each call starts its own office with its own profile, so that tests may run side by side.
"""

from __future__ import annotations

import functools
import json
import math
import shutil
import subprocess
import tempfile
import uuid
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

SCRIPT = Path(__file__).with_name("lo_recalc.py")
PYTHON = "/usr/bin/python3"
MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
RELS = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"


@dataclass(frozen=True)
class Recalculated:
    """What LibreOffice computes: sheet to cell to value, and the cells that hold an error."""

    values: dict[str, dict[str, Any]] = field(default_factory=dict)
    errors: dict[str, dict[str, str]] = field(default_factory=dict)
    seconds: float = 0.0
    cpu: float = 0.0
    change_seconds: float = 0.0
    change_cpu: float = 0.0
    marking_seconds: float = 0.0
    marking_cpu: float = 0.0


@functools.cache
def missing() -> str | None:
    """Why LibreOffice cannot be used here, or ``None``."""
    if shutil.which("soffice") is None:
        return "LibreOffice (soffice) is not on the path"
    done = subprocess.run([PYTHON, "-c", "import uno"], capture_output=True, check=False)
    return None if done.returncode == 0 else f"{PYTHON} has no UNO (package python3-uno)"


def require_office() -> None:
    """Skip the test, with the reason, where LibreOffice is absent."""
    reason = missing()
    if reason:
        pytest.skip(reason)


def recalculate(
    path: Path,
    sets: Sequence[Sequence[tuple[str, str, float | str]]] = (),
    *,
    pdf: Path | None = None,
    repeat: int = 1,
) -> list[Recalculated]:
    """Open a copy of ``path``, recalculate it hard, and read every formula cell.

    Args:
        path: the workbook.
        sets: steps; each sets cells (sheet, cell, value) before it recalculates. Without steps, one recalculation.
        pdf: where to store the workbook as a PDF after the last step.
        repeat: hard recalculations per step; the least of their seconds is told. With 0 the office recalculates by
            itself what hangs on each cell that is set, as it does for a reader.
    """
    job = {"sets": [[list(cell) for cell in step] for step in sets], "repeat": repeat}
    job["pdf"] = pdf.absolute().as_uri() if pdf else None
    return [Recalculated(**answer) for answer in ask_office(SCRIPT, path, job)]


def ask_office(script: Path, path: Path, job: dict[str, Any]) -> Any:
    """Start an office, let ``script`` work on a copy of ``path`` in it, and return its answer."""
    require_office()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / f"book{path.suffix}"
        shutil.copyfile(path, copy)
        pipe = f"icp{uuid.uuid4().hex}"
        office = subprocess.Popen(
            ["soffice", f"-env:UserInstallation={(Path(folder) / 'profile').as_uri()}", "--headless", "--norestore",
             "--nologo", f"--accept=pipe,name={pipe};urp;"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        text = json.dumps({**job, "pipe": pipe, "file": copy.as_uri()})
        try:
            done = subprocess.run(
                [PYTHON, str(script)], input=text, capture_output=True, text=True, timeout=600, check=False
            )
        finally:
            try:
                office.wait(timeout=20)
            except subprocess.TimeoutExpired:
                office.kill()
                office.wait()
    if done.returncode != 0:
        raise RuntimeError(f"LibreOffice failed: {done.stderr[-3000:]}")
    return json.loads(done.stdout)


def cached_formulas(path: Path) -> dict[str, dict[str, tuple[str, Any]]]:
    """Sheet to cell to (formula, cached value) as the file holds them."""
    found: dict[str, dict[str, tuple[str, Any]]] = {}
    with zipfile.ZipFile(path) as package:
        book = etree.fromstring(package.read("xl/workbook.xml"))
        rels = etree.fromstring(package.read("xl/_rels/workbook.xml.rels"))
        targets = {rel.get("Id"): rel.get("Target") for rel in rels}
        for sheet in book.iter(f"{MAIN}sheet"):
            target = targets[sheet.get(f"{RELS}id")].lstrip("/")
            part = target if target.startswith("xl/") else f"xl/{target}"
            for cell in etree.fromstring(package.read(part)).iter(f"{MAIN}c"):
                formula, value = cell.find(f"{MAIN}f"), cell.findtext(f"{MAIN}v")
                if formula is not None:
                    number = cell.get("t", "n") in ("n", "b") and value
                    found.setdefault(sheet.get("name"), {})[cell.get("r")] = (
                        formula.text or "", float(value) if number else value,
                    )  # fmt: skip
    return found


def assert_recalculates(path: Path, *, tolerance: float = 1e-9) -> int:
    """Fail unless every formula recalculates without error to its cached value; return how many there are."""
    cached = cached_formulas(path)
    [now] = recalculate(path)
    assert not now.errors, now.errors
    wrong = []
    for sheet, cells in cached.items():
        for cell, (formula, value) in cells.items():
            got = now.values.get(sheet, {}).get(cell, "absent")
            if not same(value, got, tolerance):
                wrong.append(f"{sheet}!{cell} {formula}: cached {value!r}, recalculated {got!r}")
    assert not wrong, "\n".join(wrong[:20])
    return sum(len(cells) for cells in cached.values())


def same(cached: Any, got: Any, tolerance: float) -> bool:
    """Whether a cached value and a recalculated one agree."""
    if isinstance(cached, bool):
        cached = float(cached)
    if isinstance(cached, int | float) and isinstance(got, int | float):
        return math.isclose(cached, got, rel_tol=tolerance, abs_tol=tolerance)
    return (cached or "") == (got or "") or str(cached or "") == str(got or "")


def to_pdf(path: Path, folder: Path) -> Path:
    """The workbook as a PDF, one file for all sheets."""
    require_office()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            ["soffice", f"-env:UserInstallation={Path(profile).as_uri()}", "--headless", "--convert-to", "pdf",
             "--outdir", str(folder), str(path)],
            check=True, capture_output=True, timeout=600,
        )  # fmt: skip
    return folder / f"{path.stem}.pdf"


def to_pngs(path: Path, folder: Path, dpi: int = 70) -> list[Path]:
    """Every printed page of the workbook as a picture, to be looked at."""
    pdf = to_pdf(path, folder)
    subprocess.run(["pdftoppm", "-png", "-r", str(dpi), str(pdf), str(folder / "page")], check=True)
    return sorted(folder.glob("page*.png"))
