"""The ``ICP Settings`` sheet."""

from __future__ import annotations

from pathlib import Path

import pytest

from icp_xl.config import load_settings
from icp_xl.errors import ConfigError
from icp_xl.sources import read_settings_sheet
from tests.support.sheets import CUSTOMERS, write_book

ROWS: list[list[object]] = [
    ["Settings of icp_xl"],
    ["Setting", "Value", "Notes"],
    ["scoring.strategic_share", 0.2, "less strategy"],
    ["Scoring.Segment mid market", 5_000_000, None],
    ["# scoring.segment_large", 1, "switched off"],
    ["run.seed", None, "left empty"],
    ["sources.sales.sheet", "[2023, 2024]", None],
]


def test_settings_of_a_sheet_reach_the_settings(tmp_path: Path) -> None:
    path = write_book(tmp_path / CUSTOMERS, {"Customers": [["Customer"]], " icp settings": ROWS})
    found = read_settings_sheet(path)
    assert [(key, value) for key, value, _ in found[:2]] == [
        ("scoring.strategic_share", 0.2),
        ("Scoring.Segment mid market", 5_000_000),
    ]
    assert len(found) == 3
    settings = load_settings(sheet=found[:2], environ={})
    assert (settings.scoring.strategic_share, settings.scoring.segment_mid_market) == (0.2, 5_000_000.0)


def test_a_fault_names_its_row(tmp_path: Path) -> None:
    path = write_book(tmp_path / CUSTOMERS, {"ICP Settings": [["Setting", "Value"], ["scoring.strategic_shar", 2]]})
    with pytest.raises(ConfigError, match=r"sheet ICP Settings, row 2.*strategic_share"):
        load_settings(sheet=read_settings_sheet(path), environ={})


def test_a_workbook_without_the_sheet_has_no_settings(tmp_path: Path) -> None:
    assert read_settings_sheet(write_book(tmp_path / CUSTOMERS, {"Customers": [["Customer"]]})) == []
