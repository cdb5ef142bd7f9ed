"""What comes out on paper: a sheet that only feeds others makes no page, and the header of a long list is on each."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from icp_xl.delivery.render.book import render_book
from icp_xl.reports.spec import Column, ReportBook, Sheet, Table, Text
from tests.support.office import recalculate, require_office


def test_a_sheet_that_feeds_others_makes_no_page(tmp_path: Path) -> None:
    require_office()
    frame = pd.DataFrame({"a": range(300)})

    def sheet(name: str, printed: bool, subtitle: str = "") -> Sheet:
        table = Table(name.lower(), [Column("a", "A", "integer")], frame)
        return Sheet(name, name, [table], subtitle=subtitle, kind="method", printed=printed)

    short = Sheet("Short", "Short", [Text("One page.")])
    pages = {}
    for printed in (True, False):
        book = ReportBook([short, sheet("Figures", printed, "What the others draw."), sheet("More", printed)])
        render_book(book, tmp_path / "book.xlsx")
        pdf = tmp_path / "book.pdf"
        recalculate(tmp_path / "book.xlsx", pdf=pdf)
        pages[printed] = len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf.read_bytes()))
    assert pages[True] > 10 and pages[False] == 1
