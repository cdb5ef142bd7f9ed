"""A report that is given to ``write-back`` may be anything: one clear error, and the workbook as it was."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from icp_xl.cli import run
from icp_xl.delivery.write_back.inject import inject_sheets
from icp_xl.errors import IcpError
from icp_xl.opc.safe_write import SafeOptions
from tests.support.donors import make_donor
from tests.support.mutants import mutant

#: Without these there is no workbook; without the others there may be one, with less on it.
NEEDED = ("[Content_Types].xml", "_rels/.rels", "xl/workbook.xml", "xl/_rels/workbook.xml.rels", "xl/styles.xml")


@pytest.fixture
def books(tmp_path: Path) -> tuple[Path, Path]:
    """A workbook of somebody's, and a report."""
    (tmp_path / "mine").mkdir()
    return make_donor(tmp_path / "mine" / "book.xlsx", generation=7), make_donor(tmp_path / "report.xlsx")


def parts_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as book:
        return {name: book.read(name) for name in book.namelist()}


def packed(parts: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as book:
        for name, content in parts.items():
            book.writestr(name, content)
    return out.getvalue()


def edited(part: str, change: Callable[[bytes], bytes]) -> Callable[[Path], bytes]:
    def make(path: Path) -> bytes:
        parts = parts_of(path)
        return packed({name: change(body) if re.fullmatch(part, name) else body for name, body in parts.items()})

    return make


SHEET = r"xl/worksheets/sheet\d\.xml"
BOMB = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "' + b"x" * 99 + b'"><!ENTITY c "&b;&b;">]><a>&c;</a>'
DAMAGED: dict[str, Callable[[Path], bytes]] = {
    "empty": lambda path: b"",
    "text": lambda path: b"Account;Score\nAcme;5\n",
    "cut off": lambda path: path.read_bytes()[:-400],
    "half": lambda path: path.read_bytes()[: path.stat().st_size // 2],
    "only its head": lambda path: b"PK\x03\x04" * 9,
    "zip of nothing": lambda path: packed({}),
    "zip of something else": lambda path: packed({"word/document.xml": b"<w/>"}),
    "old Excel": lambda path: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600,
    "a part outside": lambda path: packed({**parts_of(path), "../../evil.txt": b"x"}),
    "no style of that number": edited(SHEET, lambda body: re.sub(rb' s="\d+"', b' s="x"', body)),
    "no string of that number": edited("xl/sharedStrings.xml", lambda body: re.sub(rb"<si>.*</si>", b"", body)),
    "sheets torn": edited(SHEET, lambda body: body[: len(body) // 2]),
    "no relations": edited("xl/_rels/workbook.xml.rels", lambda body: re.sub(rb"<Relationship .*/>", b"", body)),
    "a workbook of no sheet": edited("xl/workbook.xml", lambda body: re.sub(rb"<sheets>.*</sheets>", b"", body)),
    "something else for a workbook": edited("xl/workbook.xml", lambda body: b"<html/>"),
    "entities": edited("xl/workbook.xml", lambda body: BOMB),
    "entities in a sheet": edited(SHEET, lambda body: BOMB),
    **{f"without {part}": lambda path, part=part: packed({k: v for k, v in parts_of(path).items() if k != part})
       for part in NEEDED},
    **{f"nothing in {part}": edited(re.escape(part), lambda body: b"") for part in NEEDED},
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_report_that_is_none_is_one_clear_error(
    books: tuple[Path, Path], damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    book, report = books
    report.write_bytes(DAMAGED[damage](report))
    before, out = book.read_bytes(), book.parent.parent / "out"
    assert run(["write-back", str(book), "--report", str(report), "--set", f"paths.out={out}", "--quiet"]) == 5
    said = capsys.readouterr().err
    assert said.startswith("icp-xl: ") and "report.xlsx" in said and len(said) < 700
    assert book.read_bytes() == before and [path.name for path in book.parent.iterdir()] == ["book.xlsx"]


def test_mutants_of_a_report_are_put_in_whole_or_refused_with_nothing_left(books: tuple[Path, Path]) -> None:
    book, report = books
    before, content, refused = book.read_bytes(), report.read_bytes(), 0
    for seed in range(120):
        how, damaged = mutant(content, seed)
        report.write_bytes(damaged)
        book.write_bytes(before)
        try:
            inject_sheets(book, report, options=SafeOptions(backups=0))
        except IcpError:
            refused += 1
            assert book.read_bytes() == before, (seed, how)
        assert [path.name for path in book.parent.iterdir()] == ["book.xlsx"], (seed, how)
    assert refused > 40
