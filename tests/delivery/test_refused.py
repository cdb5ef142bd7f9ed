"""What must not be written is refused with its own reason, at once, and is left as it was."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import xlsxwriter

from icp_xl.delivery.sharing.safe_copy import make_safe
from icp_xl.delivery.write_back.columns import write_columns
from icp_xl.delivery.write_back.inject import inject_sheets
from icp_xl.delivery.write_back.remove import remove_sheets
from icp_xl.opc.archive import Archive
from icp_xl.opc.safe_write import SafeOptions
from icp_xl.opc.unsupported import RefusedError
from tests.delivery.test_unusual import RESULTS, somebodys_book
from tests.support.disguises import Parts, pack, unpack
from tests.support.donors import make_donor

OPTIONS = SafeOptions(backups=0)
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600
RELATION = '<Relationship Id="rX" Type="http://schemas.openxmlformats.org/{}" Target="{}"/></Relationships>'


def _in(part: str, old: str, new: str) -> Callable[[Parts], None]:
    def change(parts: Parts) -> None:
        assert old.encode() in parts[part]
        parts[part] = parts[part].replace(old.encode(), new.encode(), 1)

    return change


def _related(part: str, kind: str, target: str) -> Callable[[Parts], None]:
    return _in(part, "</Relationships>", RELATION.format(kind, target))


def _add(name: str, body: bytes) -> Callable[[Parts], None]:
    def change(parts: Parts) -> None:
        parts[name] = body

    return change


def _all(*changes: Callable[[Parts], None]) -> Callable[[Parts], None]:
    def change(parts: Parts) -> None:
        for each in changes:
            each(parts)

    return change


def _full_of_formats(parts: Parts) -> None:
    many = b"".join(b'<xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"><alignment indent="%d"/></xf>' % n
                    for n in range(63_999))  # fmt: skip
    parts["xl/styles.xml"] = parts["xl/styles.xml"].replace(b"</cellXfs>", many + b"</cellXfs>")


_MAIN, _RELS, _WRELS = "xl/workbook.xml", "_rels/.rels", "xl/_rels/workbook.xml.rels"
PACKAGES: dict[str, tuple[str, Callable[[Parts], None]]] = {
    "signed": ("signed", _all(
        _related(_RELS, "package/2006/relationships/digital-signature/origin", "_xmlsignatures/origin.sigs"),
        _add("_xmlsignatures/origin.sigs", b""),
    )),
    "structure protected": ("protected", _in(
        _MAIN, "<bookViews>", '<workbookProtection lockStructure="1"/><bookViews>'
    )),
    "shared the old way": ("shared-legacy", _all(
        _related(_WRELS, "officeDocument/2006/relationships/revisionHeaders", "revisions/revisionHeaders.xml"),
        _add("xl/revisions/revisionHeaders.xml", b"<headers/>"),
    )),
    "binary": ("binary", _all(
        _in(_RELS, "xl/workbook.xml", "xl/workbook.bin"), _add("xl/workbook.bin", b"\x83\x01\x00"),
        _in("[Content_Types].xml", "</Types>", '<Default Extension="bin" '
            'ContentType="application/vnd.ms-excel.sheet.binary.macroEnabled.main"/></Types>'),
    )),
    "a text document": ("not-a-workbook", _add(_MAIN, b'<document xmlns="urn:x"/>')),
    "document type in the workbook": ("doctype", _in(_MAIN, "<workbook ", '<!DOCTYPE x [<!ENTITY a "b">]><workbook ')),
    "document type in a sheet": ("doctype", _in("xl/worksheets/sheet2.xml", "<worksheet ", "<!DOCTYPE x><worksheet ")),
    "a path that leaves": ("path-escape", _add("xl/../../../evil.xml", b"<x/>")),
    "a drive": ("path-escape", _add("C:/evil.xml", b"<x/>")),
    "a part far too large": ("bomb", _add("xl/worksheets/big.xml", b" " * (280 << 20))),
    "a workbook part far too large": ("bomb", _in(_MAIN, "</workbook>", "</workbook>" + " " * (25 << 20))),
    "formats without end": ("formats", _full_of_formats),
    "no sheets": ("damaged", _in(_MAIN, "<sheets>", "<sheets/><!--")),
    "no workbook": ("damaged", _in(_RELS, "xl/workbook.xml", "xl/elsewhere.xml")),
    "torn styles": ("damaged", _in("xl/styles.xml", "</styleSheet>", "")),
}  # fmt: skip


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Path]:
    folder = tmp_path_factory.mktemp("sound")
    return somebodys_book(folder / "book.xlsx").read_bytes(), make_donor(folder / "donor.xlsx", accounts=5)


def refused(book: Path, donor: Path, reason: str) -> None:
    before = book.read_bytes()
    with pytest.raises(RefusedError) as told:
        inject_sheets(book, donor, options=OPTIONS)
    assert told.value.reason == reason
    assert told.value.fault.next_step and (reason == "donor" or "Nothing was changed" in str(told.value))
    assert book.read_bytes() == before
    assert [path.name for path in book.parent.iterdir()] == [book.name]


@pytest.mark.parametrize("name", PACKAGES)
def test_packages_that_are_refused(sound: tuple[bytes, Path], tmp_path: Path, name: str) -> None:
    reason, change = PACKAGES[name]
    parts = unpack(sound[0])
    change(parts)
    book = tmp_path / "book.xlsx"
    book.write_bytes(pack(parts))
    refused(book, sound[1], reason)


CONTAINERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "nothing": ("damaged", lambda content: b""),
    "a password": ("encrypted", lambda content: OLE + "EncryptedPackage".encode("utf-16-le")),
    "Excel 97": ("legacy", lambda content: OLE + "Workbook".encode("utf-16-le")),
    "a web page": ("not-a-workbook", lambda content: b"<html><table/></html>"),
    "OpenDocument": ("not-a-workbook", lambda content: pack({"mimetype": b"x", "content.xml": b"<x/>"})),
    "another zip": ("damaged", lambda content: pack({"a.txt": b"x"})),
    "cut off": ("damaged", lambda content: content[: len(content) * 2 // 3]),
    "a part twice": ("damaged", lambda content: pack({**unpack(content), "XL/Styles.xml": b"<x/>"})),
    "entry by entry": ("encrypted", lambda content: _encrypted(content)),
    "another packing": ("damaged", lambda content: content.replace(b"\x00\x00\x08\x00", b"\x00\x00\x0e\x00")),
    "several volumes": ("damaged", lambda content: re.sub(rb"PK\x05\x06\x00\x00", b"PK\x05\x06\x01\x00", content)),
    "a flipped bit": ("damaged", lambda content: _flipped(content)),
    "a lie about sizes": ("damaged", lambda content: _understated(content)),
}  # fmt: skip


def _encrypted(content: bytes) -> bytes:
    """Every record of the directory says that its entry is encrypted."""
    return re.sub(rb"(?s)(PK\x01\x02....)\0", lambda match: match[1] + b"\1", content)


def _flipped(content: bytes) -> bytes:
    """In the compressed data of a part that is carried over as it is."""
    at = content.index(b"xl/theme/theme1.xml") + 200
    return content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :]


def _understated(content: bytes) -> bytes:
    """A part that says it has ten bytes, and goes on."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    return _with_entry(content, deflate.compress(b" " * 50_000_000) + deflate.flush(), b" " * 10)


def _with_entry(content: bytes, packed: bytes, said: bytes) -> bytes:
    """One entry more, whose data are ``packed`` and which says that they are ``said``."""
    name = b"docProps/thumbnail.xml"
    head = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 0x21, zlib.crc32(said), len(packed), len(said), len(name), 0)
    end = content.rindex(b"PK\x05\x06")
    count, size, offset = struct.unpack("<HII", content[end + 10 : end + 20])
    central = b"PK\x01\x02\x14\x00" + head + struct.pack("<HHHII", 0, 0, 0, 0, offset) + name
    body = content[:offset] + b"PK\x03\x04" + head + name + packed
    directory = content[offset : offset + size] + central
    numbers = (0, 0, count + 1, count + 1, len(directory), len(body), 0)
    return body + directory + struct.pack("<4sHHHHIIH", b"PK\x05\x06", *numbers)


@pytest.mark.parametrize("name", CONTAINERS)
def test_containers_that_are_refused(sound: tuple[bytes, Path], tmp_path: Path, name: str) -> None:
    reason, change = CONTAINERS[name]
    book = tmp_path / "book.xlsx"
    book.write_bytes(change(sound[0]))
    refused(book, sound[1], reason)


def test_relationships_that_go_round_in_circles_end(sound: tuple[bytes, Path], tmp_path: Path) -> None:
    parts = unpack(sound[0])
    for name in [name for name in parts if name.endswith(".rels")]:
        for target in ("/xl/workbook.xml", "/xl/worksheets/sheet1.xml", "/xl/drawings/drawing1.xml"):
            kind = "officeDocument/2006/relationships/image"
            relation = RELATION.format(kind, target).replace("rX", f"r{target.count('/')}{len(target)}")
            parts[name] = parts[name].replace(b"</Relationships>", relation.encode(), 1)
    book = tmp_path / "book.xlsx"
    book.write_bytes(pack(parts))
    inject_sheets(book, sound[1], options=OPTIONS)
    inject_sheets(book, sound[1], options=OPTIONS)
    remove_sheets(book, options=OPTIONS)
    assert unpack(book.read_bytes()) == parts
    try:
        make_safe(book, tmp_path / "safe.xlsx")
    except RefusedError as error:
        assert error.reason == "unshareable"


def test_a_donor_with_dynamic_arrays_is_refused(sound: tuple[bytes, Path], tmp_path: Path) -> None:
    book, donor = tmp_path / "book.xlsx", tmp_path.parent / "arrays.xlsx"
    book.write_bytes(sound[0])
    made = xlsxwriter.Workbook(str(donor))
    made.add_worksheet("Ours").write_dynamic_array_formula("A1:A3", "=SORT(B1:B3)")
    made.close()
    refused(book, donor, "donor")


IN_THE_WAY = {
    "sheet-protected": (rb"</sheetData>", rb'</sheetData><sheetProtection sheet="1"/>', "the sheet is protected"),
    "merged": (rb"</sheetData>", rb'</sheetData><mergeCells count="1"><mergeCell ref="E3:G4"/></mergeCells>', "E3:G4"),
    "array": (rb'(<row r="4".*?)(</row>)', rb'\1<c r="F4"><f t="array" ref="F4">1+1</f><v>2</v></c>\2', "F4"),
    "shared": (rb'(<row r="5".*?)(</row>)', rb'\1<c r="E5"><f t="shared" ref="E5" si="0">1+1</f><v>2</v></c>\2', "E5"),
}


@pytest.mark.parametrize("name", IN_THE_WAY)
def test_columns_say_what_is_in_their_way(sound: tuple[bytes, Path], tmp_path: Path, name: str) -> None:
    old, new, said = IN_THE_WAY[name]
    parts = unpack(sound[0])
    parts["xl/worksheets/sheet1.xml"] = re.sub(old, new, parts["xl/worksheets/sheet1.xml"], count=1)
    book = tmp_path / "book.xlsx"
    book.write_bytes(before := pack(parts))
    with pytest.raises(RefusedError, match=said) as told:
        write_columns(book, "Kürzel", RESULTS, options=OPTIONS)
    assert told.value.reason == (name if name == "sheet-protected" else "no-room") and book.read_bytes() == before


def test_a_part_whose_data_have_no_end_mark_is_whole(sound: tuple[bytes, Path], tmp_path: Path) -> None:
    """Some writers leave it out, and Excel does not mind; a part that is cut off is told by its size."""
    deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
    packed = deflate.compress(b"<x/>" * 500) + deflate.flush(zlib.Z_SYNC_FLUSH)
    book = tmp_path / "book.xlsx"
    book.write_bytes(_with_entry(sound[0], packed, b"<x/>" * 500))
    before = unpack(book.read_bytes())
    inject_sheets(book, sound[1], options=OPTIONS)
    remove_sheets(book, options=OPTIONS)
    assert unpack(book.read_bytes()) == before
    book.write_bytes(_with_entry(sound[0], packed[:-9], b"<x/>" * 500))
    refused(book, sound[1], "damaged")


def test_a_record_of_the_directory_that_is_longer_than_usual(sound: tuple[bytes, Path], tmp_path: Path) -> None:
    """zip64 lets a program append to the record; what is before it is still the directory."""
    content = sound[0]
    end = content.rindex(b"PK\x05\x06")
    count, size, offset = struct.unpack("<HII", content[end + 10 : end + 20])
    record = struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44 + 30, 45, 45, 0, 0, count, count, size, offset) + b"\0" * 30
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, end, 1)
    tail = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    book = tmp_path / "book.xlsx"
    book.write_bytes(content[:end] + record + locator + tail)
    with open(book, "rb") as handle:
        assert len(Archive.read(handle, "book").entries) == count
    inject_sheets(book, sound[1], options=OPTIONS)
    remove_sheets(book, options=OPTIONS)
    assert unpack(book.read_bytes()) == unpack(content)
