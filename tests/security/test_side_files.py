"""Tables that people keep beside their data, as Excel saves them anywhere in the world."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest

from icp_xl.config import Settings
from icp_xl.errors import SourceError
from icp_xl.sources.side_files import read_side_file
from icp_xl.tables.matching.overrides import read_match_overrides
from icp_xl.tables.sku_map import read_sku_map

ROWS = [["account_id", "reason"], ["C-1", "gehört Müller & Söhne"], ["0042", "Straße gesperrt"]]


def text(delimiter: str = ",", end: str = "\r\n") -> str:
    return end.join(delimiter.join(row) for row in ROWS) + end


@pytest.mark.parametrize(
    "content",
    [
        text().encode(), text().encode("utf-8-sig"), text().encode("cp1252"), text(";").encode("cp1252"),
        text(";").encode("mac_roman"), text("\t").encode("utf-16"), text(";", "\n").encode("utf-16-le"),
        ("sep=;\r\n" + text(";")).encode("cp1252"), ("Holds of July\r\n\r\n" + text()).encode(),
    ],
)  # fmt: skip
def test_every_way_in_which_excel_saves_text_gives_the_same_table(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "holds.csv"
    path.write_bytes(content)
    frame = read_side_file(path, "whitespace.exclusions", ("account_id",))
    assert [list(frame.columns), *frame.to_numpy().tolist()] == ROWS


def test_a_workbook_is_read_as_well_and_blank_rows_are_none(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in [["Account_ID ", "Reason"], ROWS[1], [None, None], ROWS[2]]:
        book.active.append(row)
    book.save(tmp_path / "holds.xlsx")
    frame = read_side_file(tmp_path / "holds.xlsx", "whitespace.exclusions", ("account_id",))
    assert [list(frame.columns), *frame.to_numpy().tolist()] == ROWS


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 500, b"id,reason\n1,x\n", b"PK\x03\x04rubbish", b"\xff\xfe\x00", b"\n"]
)
def test_what_is_none_is_one_error_that_names_setting_file_and_columns(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "holds.csv"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"whitespace\.exclusions, holds\.csv.*account_id"):
        read_side_file(path, "whitespace.exclusions", ("account_id",))


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16"])
def test_codes_and_decisions_too(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "codes.csv").write_bytes("sku;division\r\nTür-1;Zubehör\r\n".encode(encoding))
    chosen = Settings.model_validate({"paths": {"data": str(tmp_path)}, "build": {"sku_map": "codes.csv"}})
    assert read_sku_map(chosen).always[["sku", "division"]].to_numpy().tolist() == [["Tür-1", "Zubehör"]]
    key = "name: müller @ köln"
    (tmp_path / "o.csv").write_bytes(f"key;account_id;decision\r\n{key};C-1;same\r\n".encode(encoding))
    (found,) = read_match_overrides(tmp_path / "o.csv").items
    assert (found.key, found.account_id, found.decision) == (key, "C-1", "same")
