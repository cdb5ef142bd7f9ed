"""XML parts of generated workbooks as they are to be: a score report, a live workbook, and a workbook written into.

``python -m tests.support.golden_parts`` writes the expectations in ``tests/delivery/golden`` anew; look at the
difference before you commit it.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
import zipfile
from pathlib import Path

import xlsxwriter
from lxml import etree

from icp_xl.config.reports import ReportSettings
from icp_xl.delivery.render.book import render_bytes
from icp_xl.delivery.write_back.column_values import RESULT_COLUMNS, Results
from icp_xl.delivery.write_back.sheets_and_columns import write_sheets_and_columns
from icp_xl.opc.safe_write import SafeOptions
from icp_xl.reports.score_report import build_score_report
from tests.support.donors import make_donor
from tests.support.keys import exactly
from tests.support.live_books import make_live, render_live
from tests.support.score_report import CLOCK, make_inputs

FOLDER = Path(__file__).parents[1] / "delivery" / "golden"
#: Elements of one part that are compared one by one; of a longer part, the others are compared together.
MOST = 60


def workbooks(folder: Path) -> dict[str, Path]:
    """The three workbooks, made from generated inputs."""
    report, live, book = folder / "report.xlsx", folder / "live.xlsx", folder / "written.xlsx"
    report.write_bytes(render_bytes(build_score_report(make_inputs(120), ReportSettings()), clock=CLOCK)[0])
    render_live(make_live(40), live)
    made = xlsxwriter.Workbook(str(book))
    sheet = made.add_worksheet("Customers")
    for row, values in enumerate([["Acct ID", "Amount"], *([f"A{i}", 10 * i] for i in range(6))]):
        sheet.write_row(row, 0, values)
    sheet.add_table(0, 0, 6, 1, {"name": "Tbl", "columns": [{"header": "Acct ID"}, {"header": "Amount"}]})
    made.add_worksheet("Sums").write_formula("A1", "=SUM(Customers!B:B)", None, 150)
    made.set_properties({"created": CLOCK})
    made.close()
    values = {"icp_score": [10.5 + i for i in range(6)], "icp_grade": list("AABCDF")}
    results = Results(RESULT_COLUMNS[:2], values, exactly([f"A{i}" for i in range(6)]))
    donor = make_donor(folder / "donor.xlsx", accounts=5)
    write_sheets_and_columns(book, donor, "Acct ID", results, options=SafeOptions(backups=0))
    return {"report": report, "live": live, "written": book}


def _short(match: re.Match[str]) -> str:
    return f"{float(match[0]):.8g}"


def lines_of(content: bytes) -> list[str]:
    """A part as one line for each element: depth, name, attributes, text; the tail of a long part as one digest."""
    root = etree.fromstring(content)
    lines = []
    for element in root.iter():
        if not isinstance(element.tag, str):
            continue
        depth = sum(1 for _ in element.iterancestors())
        name = etree.QName(element).localname
        attributes = " ".join(
            f'{etree.QName(key).localname}="{value}"' for key, value in sorted(element.attrib.items())
        )
        # The last digits of a figure are the machine's.
        text = re.sub(r"\d+\.\d{8,}(?:[Ee]-?\d+)?", _short, " ".join((element.text or "").split()))
        lines.append(f"{'  ' * depth}{name} {attributes} {text}".rstrip())
    if len(lines) > MOST:
        rest = hashlib.sha256("\n".join(lines[MOST:]).encode()).hexdigest()
        lines = [*lines[:MOST], f"... {len(lines) - MOST} more elements, {rest}"]
    return lines


def golden_parts(folder: Path) -> dict[str, list[str]]:
    """Lines by ``workbook/part`` for every XML part but themes and what holds a moment or a version."""
    found = {}
    for name, path in workbooks(folder).items():
        with zipfile.ZipFile(path) as package:
            for part in sorted(package.namelist()):
                if part.endswith((".xml", ".rels")) and "theme" not in part and "docProps" not in part:
                    found[f"{name}/{part}"] = lines_of(package.read(part))
    return found


def main() -> None:
    """Write the expectations anew."""
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.txt"):
        old.unlink()
    with tempfile.TemporaryDirectory() as folder:
        parts = golden_parts(Path(folder))
    for name in ("report", "live", "written"):
        text = "".join(
            f"== {part}\n" + "\n".join(lines) + "\n" for part, lines in parts.items() if part.startswith(name)
        )
        (FOLDER / f"{name}.txt").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
