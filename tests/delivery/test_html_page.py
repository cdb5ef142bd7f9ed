"""A report as one HTML page: it holds all, fetches nothing, runs nothing, and text from data stays text."""

from __future__ import annotations

import re
from datetime import datetime
from html.parser import HTMLParser

import numpy as np
import pandas as pd

from icp_xl.delivery.render.html import html_text
from icp_xl.feedback.measure import measure_list
from icp_xl.reports.did_it_work import MeasureInputs, build_measure_book
from icp_xl.reports.inputs import RunFacts
from icp_xl.reports.spec import Column, Facts, ReportBook, Sheet, Table, Text
from tests.support.lists import simulate_quarter

NASTY = "<script>alert(1)</script>\"&'<img src=x onerror=alert(1)>"


class Page(HTMLParser):
    """Tags with their attributes, and the texts of the cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.cells: list[str] = []
        self._open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "rect", "path", "circle", "polyline"):
            self._open.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] in ("td", "th"):
            self.cells[-1] += data

    @property
    def closed(self) -> bool:
        return not self._open


def held(text: str) -> Page:
    """The page, held to its promises."""
    page = Page(text)
    assert page.closed, "every tag is closed"
    assert not {"script", "link", "iframe", "object", "embed", "base", "form"} & {tag for tag, _ in page.tags}
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")], f"{tag} has a handler"
        for name in ("src", "href", "action", "data", "xlink:href"):
            assert (attributes.get(name) or "#").startswith("#"), f"{tag} fetches {attributes[name]}"
    assert "url(" not in text and "@import" not in text
    policy = next(a["content"] for tag, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy and policy.startswith("default-src 'none'") and "script-src" not in policy
    return page


FACTS = RunFacts(run_id="r1", finished=datetime(2026, 7, 1), command="icp-xl measure", inputs={}, versions={},
                 settings_hash="0", seed=1, cutoffs=[])  # fmt: skip


def test_the_report_on_the_list_is_one_page_that_needs_nothing() -> None:
    pairs, _ = simulate_quarter(np.random.default_rng(4), 900)
    found = measure_list(pairs.assign(rep=NASTY), seed=1)
    book = build_measure_book(MeasureInputs(found, "2026-06-30", (NASTY,), "€", "a4", FACTS))
    text = html_text(book)
    page = held(text)
    assert NASTY in page.cells and NASTY not in text
    assert "Listed, all" in page.cells and f"{found.whole.listed:,}" in page.cells
    assert text.count("<svg") == 1 and 'role="img"' in text
    bars = [float(a["height"] or 0) for tag, a in page.tags if tag == "rect" and a.get("width") != "10"]
    rates = found.groups["rate"].tolist()
    assert np.allclose(np.array(bars) / bars[0], np.array(rates) / rates[0], rtol=0.02), (
        "bars are as high as the shares"
    )


def test_every_kind_of_value_is_said_and_an_empty_table_says_so() -> None:
    days = pd.to_datetime(["2026-01-02", None])
    frame = pd.DataFrame({"a": [1234.5, np.nan], "b": [0.25, -0.5], "c": days, "d": [NASTY, None]})
    kinds = (("a", "money"), ("b", "percent"), ("c", "date"), ("d", "text"))
    columns = [Column(key, key, kind) for key, kind in kinds]
    empty = Table("none", columns, frame.head(0), empty_text="Nothing at all.")
    sheet = Sheet("One", "One", [Table("t", columns, frame), empty, Facts([("Key", NASTY)]), Text(NASTY, "bullet")])
    text = html_text(ReportBook([sheet], title=NASTY))
    page = held(text)
    assert page.cells[4:12] == ["$1,234", "25.0%", "2026-01-02", NASTY, "", "−50.0%", "", ""]
    assert "Nothing at all." in text and re.search(r"<title>[^<]*</title>", text)
