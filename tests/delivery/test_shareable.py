"""What should not leave the house: one planted workbook per finding, and what becomes of it in a safe copy."""

from __future__ import annotations

import io
import random
import zipfile
from pathlib import Path

import openpyxl
import pytest

from icp_xl.delivery.sharing.finding_types import FINDINGS
from icp_xl.delivery.sharing.formula_safety import _PATH, formula_danger, may_hold_path
from icp_xl.delivery.sharing.safe_copy import make_safe, strip
from icp_xl.delivery.sharing.shareable import check_shareable
from icp_xl.opc.package import open_package
from icp_xl.opc.unsupported import RefusedError
from tests.support.planted import PLANTED, clean_parts, save
from tests.support.planted_further import ALL, FURTHER
from tests.support.validator import assert_valid

CODES = ("utf-8", "utf-16-le")


def planted(name: str, path: Path) -> Path:
    """A workbook with the finding ``name``."""
    parts = clean_parts()
    ALL[name][2](parts)
    return save(parts, path)


def test_a_clean_workbook_has_no_finding_and_its_copy_is_the_same(tmp_path: Path) -> None:
    book = save(clean_parts(), tmp_path / "clean.xlsx")
    assert check_shareable(book).findings == ()
    made = make_safe(book, tmp_path / "copy.xlsx")
    assert made.removed == {}
    with zipfile.ZipFile(book) as a, zipfile.ZipFile(made.path) as b:
        assert {i.filename: a.read(i) for i in a.infolist()} == {i.filename: b.read(i) for i in b.infolist()}


def test_the_planted_set_is_a_hundred_leaks_of_forty_kinds() -> None:
    assert len(ALL) >= 100 and len({kind for kind, _, _ in ALL.values()}) >= 40


@pytest.mark.parametrize("name", list(ALL))
def test_each_planted_finding_is_found_once_named_and_mended_or_refused(name: str, tmp_path: Path) -> None:
    kind, mendable, _ = ALL[name]
    book = planted(name, tmp_path / "book.xlsx")
    before = book.read_bytes()
    check = check_shareable(book)
    assert kind in {found.kind for found in check.findings}, check.lines()
    assert check.safe == (FINDINGS[kind].severity == "note")
    words = "\n".join(check.lines())
    assert FINDINGS[kind].what in words and FINDINGS[kind].advice in words
    target = tmp_path / "safe.xlsx"
    if mendable:
        made = make_safe(book, target)
        assert made.removed.get(kind), made.removed
        if name in FURTHER:
            with zipfile.ZipFile(target) as archive:
                everything = b"".join(archive.read(part) for part in archive.namelist())
            assert not any(word.encode(code) in everything for word in ("Secret", "424242") for code in CODES)
        assert check_shareable(target).findings == ()
        read = openpyxl.load_workbook(target)
        assert read.sheetnames == ["Plan", "Other"] and read["Plan"]["B8"].value == "=SUM(B2:B6)"
        if name in ("dde formula", "web service", "external link", "link formula"):
            assert read["Plan"]["A20"].value == 7, "the value that the formula showed stays"
    else:
        with pytest.raises(RefusedError, match="no safe copy can be made") as caught:
            make_safe(book, target)
        assert FINDINGS[kind].what in str(caught.value)
        assert FINDINGS[kind].advice.split(".")[0] in str(caught.value)
    assert book.read_bytes() == before, "the workbook itself is only read"


def test_text_in_a_header_is_named_and_stays_but_for_pages_and_our_own(tmp_path: Path) -> None:
    for code, noted in (
        ("&amp;LSecret by Jane", True),
        ("&amp;C&amp;P / &amp;N &amp;D", False),
        ("&amp;L&amp;8 Accounts - Summary&amp;C&amp;8 Page &amp;P of &amp;N&amp;R&amp;8 run 7", False),
    ):
        parts = clean_parts()
        made = b"<headerFooter><oddHeader>" + code.encode() + b"</oddHeader></headerFooter><drawing "
        sheet = "xl/worksheets/sheet1.xml"
        parts[sheet] = parts[sheet].replace(b"<drawing ", made, 1)
        check = make_safe(save(parts, tmp_path / "b.xlsx"), tmp_path / "s.xlsx").check
        assert [found.kind for found in check.findings] == ["header-text"] * noted and check.safe


def test_a_comment_of_one_entry_of_the_container_goes_too(tmp_path: Path) -> None:
    book = tmp_path / "book.xlsx"
    with zipfile.ZipFile(book, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in clean_parts().items():
            info = zipfile.ZipInfo(name)
            info.comment = b"by Jane Roe" if name == "xl/workbook.xml" else b""
            archive.writestr(info, content)
    (found,) = check_shareable(book).findings
    assert (found.kind, found.part) == ("container-comment", "xl/workbook.xml")
    made = make_safe(book, tmp_path / "safe.xlsx")
    assert made.removed == {"container-comment": 1} and b"Jane" not in made.path.read_bytes()


def test_an_accepted_kind_is_left_in(tmp_path: Path) -> None:
    book = planted("hidden sheet", tmp_path / "book.xlsx")
    made = make_safe(book, tmp_path / "safe.xlsx", frozenset({"hidden-sheet"}))
    assert made.check.safe
    assert openpyxl.load_workbook(made.path)["Other"].sheet_state == "hidden"


def test_nothing_of_what_was_taken_out_is_left_in_any_part(tmp_path: Path) -> None:
    parts = clean_parts()
    for name, (_, mendable, plant) in PLANTED.items():
        if mendable and name in ("macros", "comment", "person", "properties", "saved path", "user name", "custom view"):
            for rels in parts:
                if rels.endswith(".rels"):
                    parts[rels] = parts[rels].replace(b'"rIdP"', b'"rIdQ%d"' % len(parts))
            plant(parts)
    book = save(parts, tmp_path / "book.xlsx", comment=b"by Jane Roe")
    made = make_safe(book, tmp_path / "safe.xlsx")
    assert sum(made.removed.values()) >= 8
    content = made.path.read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        everything = b"".join(archive.read(i) + i.filename.encode() for i in archive.infolist()) + content
        assert archive.comment == b""
    for word in (b"Jane", b"jane", b"Acme", b"vba"):
        assert word not in everything


def test_mended_copies_are_valid(tmp_path: Path) -> None:
    names = ["macros", "external link", "comment", "printer", "custom view", "text that acts", "file link", "person"]
    copies = [
        make_safe(planted(name, tmp_path / f"{i}.xlsx"), tmp_path / f"{i}-safe.xlsx").path
        for i, name in enumerate(names)
    ]
    assert_valid(copies)


def test_a_shared_formula_goes_with_all_its_cells(tmp_path: Path) -> None:
    parts = clean_parts()
    row = (
        '<row r="20"><c r="A20"><f t="shared" ref="A20:B20" si="0">[1]S!A1</f><v>1</v></c>'
        '<c r="B20"><f t="shared" si="0"/><v>2</v></c><c r="C20"><f>A20+1</f><v>2</v></c></row></sheetData>'
    )
    PLANTED["external link"][2](parts)
    sheet = parts["xl/worksheets/sheet1.xml"].decode().replace('<row r="20"', '<row r="21"').replace("A20", "A21")
    parts["xl/worksheets/sheet1.xml"] = sheet.replace(
        '<row r="21"', row.removesuffix("</sheetData>") + '<row r="21"'
    ).encode()
    made = make_safe(save(parts, tmp_path / "b.xlsx"), tmp_path / "s.xlsx")
    sheet_read = openpyxl.load_workbook(made.path)["Plan"]
    assert [sheet_read[a].value for a in ("A20", "B20", "C20")] == [1, 2, "=A20+1"]


def test_locked_old_and_broken_files_are_a_finding_with_the_reason(tmp_path: Path) -> None:
    for content in (b"", b"PK\x03\x04 torn", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), b"text"):
        path = tmp_path / "x.xlsx"
        path.write_bytes(content)
        (found,) = check_shareable(path).findings
        assert found.kind == "unreadable" and found.unsafe and found.got


@pytest.mark.parametrize(
    ("formula", "kind"),
    [
        ("SUM(A1:B2)*2", None),
        ('IF(A1="a|b",1,2)', None),
        ("'a|b'!A1+1", None),
        ("T[[#This Row],[Q1|Q2]]", None),
        ("SUM(T[2024],[1]Rates!A1)", "external-link"),
        ("'C:\\x\\[Book.xlsx]S'!A1", "external-link"),
        ("[1]!Name", "external-link"),
        ("_xlfn.IMAGE(A1)", "risky-formula"),
        ("MYCALL(1)", None),
        ('RTD("a",,"b")', "risky-formula"),
        ('HYPERLINK("mailto:a@example.com")', None),
        ('HYPERLINK("\\\\server\\x")', "link"),
        ("Service|topic!item", "dde"),
    ],
)
def test_formulas_that_reach_out(formula: str, kind: str | None) -> None:
    danger = formula_danger(formula)
    assert (danger[0] if danger else None) == kind


def test_the_quick_test_for_paths_misses_none() -> None:
    chance, found = random.Random(1), 0
    bits = (*b"C:|/|//|:/|\\|%5C|%5c|home|Users|a|ab.xls| |\"|file:|smb://|https://|x-my.sharepoint.com/personal/|".split(b"|"),
            *b"d.docs.live.net/|12345678|mnt|private/var|var/folders/|abcd|=|;|\n".split(b"|"))  # fmt: skip
    for _ in range(60_000):
        text = b"".join(chance.choices(bits, k=chance.randint(2, 9)))
        if _PATH.search(text):
            found += 1
            assert may_hold_path(text), text
    assert found > 5_000
    assert not may_hold_path(b'<worksheet xmlns="http://schemas.openxmlformats.org/main"><c r="A1"/></worksheet>')


def test_published_workbooks_are_read_through(shared_data: Path) -> None:
    books = sorted(path for path in (shared_data / "workbooks").iterdir() if path.is_file())[::12]
    checks = [check_shareable(book) for book in books]
    assert len(checks) >= 30
    assert 0 < sum(not check.safe for check in checks) < len(checks)
    for check in checks:
        assert all(found.part or found.kind in ("unreadable", "container-comment") for found in check.findings)
    # So a copy of one without findings need not be looked through again.
    clean = [check.path for check in checks if not check.findings]
    assert len(clean) >= 5
    for book in clean:
        with open_package(book) as package:
            strip(package)
            assert not package.new and not package.gone, book.name


def test_a_sheet_too_large_for_a_tree_keeps_its_cells_and_loses_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("icp_xl.delivery.sharing.clean_sheets.MAX_TREE", 10)
    parts = clean_parts()
    for name, id_ in (("printer", b"rIdA"), ("file link", b"rIdB")):
        PLANTED[name][2](parts)
        for part in ("xl/worksheets/sheet1.xml", "xl/worksheets/_rels/sheet1.xml.rels"):
            parts[part] = parts[part].replace(b"rIdP", id_)
    before = parts["xl/worksheets/sheet1.xml"]
    made = make_safe(save(parts, tmp_path / "b.xlsx"), tmp_path / "s.xlsx")
    assert made.check.findings == ()
    with zipfile.ZipFile(made.path) as archive:
        after = archive.read("xl/worksheets/sheet1.xml")
    assert (
        after[after.index(b"<sheetData") : after.index(b"</sheetData>")]
        == (before[before.index(b"<sheetData") : before.index(b"</sheetData>")])
    )
    assert b"rIdA" not in after and b"rIdB" not in after and b"https" not in after and b"<pageSetup" in after
    assert_valid(made.path)
    PLANTED["web service"][2](parts)
    with pytest.raises(RefusedError, match="Plan!A20"):
        make_safe(save(parts, tmp_path / "f.xlsx"), tmp_path / "s.xlsx")
