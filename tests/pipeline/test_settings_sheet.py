"""The customer workbook's ``ICP Settings`` sheet counts where the site's own file says nothing."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest

from icp_xl.errors import ConfigError
from icp_xl.pipeline.settings import resolve_settings

NAME = "JY - Customer Analysis - Customer Segmentation.xlsx"


def write(folder: Path, *rows: tuple[str, object]) -> None:
    book = openpyxl.Workbook()
    sheet = book.create_sheet("ICP Settings")
    sheet.append(["Setting", "Value", "Notes"])
    for row in rows:
        sheet.append([*row, ""])
    book.save(folder / NAME)


def test_the_sheet_ranks_below_the_sites_file_and_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, ("scoring.strategic_share", 0.2), ("Scoring.Segment_Large", 5e8))
    config = tmp_path / "icp_xl.yaml"
    config.write_text(f"paths: {{data: {tmp_path.as_posix()}}}\nscoring: {{strategic_share: 0.1}}\n")
    assert resolve_settings(config, {}).scoring.strategic_share == 0.1
    assert resolve_settings(config, {}).scoring.segment_large == 5e8
    monkeypatch.setenv("ICP_XL__SCORING__STRATEGIC_SHARE", "0.4")
    assert resolve_settings(config, {}).scoring.strategic_share == 0.4


def test_a_wrong_setting_is_named_by_its_row(tmp_path: Path) -> None:
    write(tmp_path, ("scoring.nonsense", 1))
    with pytest.raises(ConfigError, match="sheet ICP Settings, row 2"):
        resolve_settings(None, {"paths.data": tmp_path})


def test_a_broken_workbook_is_left_to_the_command_that_needs_it(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"no workbook")
    assert resolve_settings(None, {"paths.data": tmp_path}).scoring.strategic_share == 0.3
