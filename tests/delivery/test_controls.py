"""Form controls stand in the package as the specification has them, and nothing else of it changes."""

from __future__ import annotations

import zipfile
from datetime import datetime
from pathlib import Path

import pandas as pd
import pytest

from icp_xl.delivery.render.book import render_book
from icp_xl.reports.spec import Column, Control, ReportBook, Sheet, Table
from tests.support.validator import assert_valid

CLOCK = datetime(2024, 7, 1)


def make_book(control: Control | None) -> ReportBook:
    frame = pd.DataFrame({"points": [10, 20], "bar": ["", ""]})
    columns = [Column("points", "Points", "integer", editable=True, control=control), Column("bar", "Move", width=20)]
    return ReportBook([Sheet("Try", "Try", [Table("try", columns, frame)], protected=True)])


@pytest.mark.parametrize("kind", ["scroll", "spin"])
def test_controls_are_linked_to_their_cells(tmp_path: Path, kind: str) -> None:
    path, plain = tmp_path / "with.xlsx", tmp_path / "without.xlsx"
    result = render_book(make_book(Control(kind, "bar", 0, 50)), path, clock=CLOCK)  # type: ignore[arg-type]
    render_book(make_book(None), plain, clock=CLOCK)
    with zipfile.ZipFile(path) as package, zipfile.ZipFile(plain) as before:
        shapes = package.read("xl/drawings/icp_controls1.vml").decode().split("<v:shape ")[1:]
        assert ["visibility:hidden" in shape for shape in shapes] == [True, False, False]
        for i, shape in zip((1, 1, 2), shapes, strict=True):
            linked = result.tables["try"].cell("points", i).split("!")[1]
            assert f"<x:FmlaLink>{linked}</x:FmlaLink>" in shape
        for number, i in enumerate((1, 1, 2), 1):
            properties = package.read(f"xl/ctrlProps/ctrlProp{number}.xml").decode()
            linked = result.tables["try"].cell("points", i).split("!")[1]
            assert f'fmlaLink="{linked}"' in properties and 'max="50"' in properties
        changed = {name for name in before.namelist() if before.read(name) != package.read(name)}
    assert changed == {"[Content_Types].xml", "xl/worksheets/sheet1.xml", "xl/worksheets/_rels/sheet1.xml.rels"}
    assert_valid(path)


def test_same_bytes_every_time(tmp_path: Path) -> None:
    for name in ("a", "b"):
        render_book(make_book(Control("scroll", "bar")), tmp_path / name, clock=CLOCK)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
