"""Columns in which users type: declared once; renaming a header loses nothing that was typed under the old one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import icp_xl
from icp_xl.delivery.write_back.ownership import UserColumn
from icp_xl.delivery.write_back.user_entries import TypedCell, UserEntries, restore_entries
from icp_xl.opc.xml import parse
from icp_xl.user_cells import CATEGORIES, MATCH_REVIEW, USER_TABLES, WHITESPACE, Heading, UserTable
from tests.support.newcomer import Copy

PACKAGE = Path(icp_xl.__file__).parent


def filled(table: UserTable) -> list[list[object]]:
    headers = [column.header for column in (*table.keys, *table.typed)]
    return [
        ["", "a title"],
        [],
        ["Rank", *headers],
        [1.0, *[f"{name} 1" for name in headers]],
        [2.0, *["x"] * len(headers)],
    ]


@pytest.mark.parametrize("table", USER_TABLES, ids=lambda table: table.typed[0].header)
def test_what_is_typed_is_found_by_its_header_wherever_it_stands(table: UserTable) -> None:
    found = table.read(filled(table))
    assert found is not None
    number, row = found[0]
    assert number == 4 and row == {c.field: f"{c.header} 1" for c in (*table.keys, *table.typed)}
    swapped = [row[::-1] for row in filled(table)]
    assert table.read(swapped) == found


@pytest.mark.parametrize("table", USER_TABLES, ids=lambda table: table.typed[0].header)
def test_a_renamed_header_loses_nothing_that_was_typed(table: UserTable) -> None:
    old = filled(table)
    names = (*table.keys, *table.typed)
    renamed = {c.field: Heading(c.field, f"New {c.header}", (c.header,), c.required) for c in names}
    after = replace(table, keys=tuple(renamed[c.field] for c in table.keys),
                    typed=tuple(renamed[c.field] for c in table.typed))  # fmt: skip
    assert after.read(old) == table.read(old)
    assert after.read(filled(after)) is not None
    without = replace(after, typed=tuple(replace(c, former=(), required=True) for c in after.typed))
    assert without.read(old) is None, "the test would not see it"


def test_no_header_row_is_no_table() -> None:
    assert WHITESPACE.read([["Account id", "Division", "Status"]]) is None
    assert CATEGORIES.read([]) is None
    assert MATCH_REVIEW.read([["key", "DECISION"], ["a", "same"]]) == [
        (2, {"key": "a", "account_id": "", "decision": "same", "merge_into": ""})
    ]


def test_write_back_carries_cells_over_from_a_column_that_was_called_otherwise() -> None:
    now = UserColumn("Whitespace", "ws_all", "Key", "State of it", former=(("Key", "Status"),))
    before = UserColumn("Whitespace", "ws_all", "Key", "Status")
    typed = UserEntries({before: {"a | d": TypedCell("inlineStr", b"<is><t>contacted</t></is>")}})
    columns = b'<tableColumn name="Key"/><tableColumn name="State of it"/>'
    table = parse(b'<table ref="A1:B2"><tableColumns count="2">' + columns + b"</tableColumns></table>", "t", "book")
    sheet = (b'<worksheet><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>Key</t></is></c></row><row r="2">'
             b'<c r="A2" t="inlineStr"><is><t>a | d</t></is></c><c r="B2"/></row></sheetData></worksheet>')  # fmt: skip
    assert b"contacted" in restore_entries(sheet, "sheet1", {"ws_all": table}, [now], typed)
    assert typed.used == 1 and not typed.lost


PROGRAM = """
import json, sys
from icp_xl.reports.whitespace import STATUS, list_columns
from icp_xl.user_cells import WHITESPACE
rows = [["Account id", "Division", "Status", "Not eligible"], ["A1", "Printers", "won", ""]]
print(json.dumps([STATUS, [c.header for c in list_columns("revenue", 6) if c.editable], WHITESPACE.read(rows)]))
"""


def test_a_newcomer_renames_a_header_in_one_place(tmp_path: Path) -> None:
    copy = Copy(tmp_path)
    copy.replace(
        "icp_xl/user_cells.py", 'Heading("status", "Status")', 'Heading("status", "What became of it", ("Status",))'
    )
    status, editable, rows = json.loads(copy.run("-c", PROGRAM))
    assert len(copy.changed) == 1 and status == "What became of it" and status in editable
    assert rows[0][1]["status"] == "won"


def test_editable_columns_of_keyed_tables_take_their_header_from_the_declaration() -> None:
    """In our reports; the inputs of the live workbook are read by its own formulas."""
    own = []
    for path in sorted((PACKAGE / "reports").rglob("*.py")):
        for line, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if "editable=True" in text and "live" not in path.parts and 'Column("' in text:
                name = text.split('Column("')[1].split(",")[1].strip()
                if name.startswith(('"', 'f"')):
                    own.append(f"{path.name}:{line} {name}")
    assert not own, own
