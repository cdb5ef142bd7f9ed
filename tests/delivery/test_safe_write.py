"""The file is the old one or the new one: kills, two writers, full disks, locks, read-only, owner files, times."""

from __future__ import annotations

import errno
import importlib.util
import os
import re
import shutil
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from python_calamine import CalamineWorkbook

from icp_xl.delivery.write_back.inject import SheetOptions, inject_sheets
from icp_xl.delivery.write_back.ownership import UserColumn
from icp_xl.delivery.write_back.remove import remove_sheets
from icp_xl.errors import DeliveryError, IcpError, LockedWorkbookError
from icp_xl.opc.package import Package
from icp_xl.opc.safe_write import SafeOptions
from icp_xl.opc.sheet_xml import text_item
from tests.support.donors import KEPT, make_donor

# The package's own name for it is the function.
module = importlib.import_module("icp_xl.opc.safe_write")
BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
OPTIONS = SafeOptions(backups=0, wait_seconds=0.2)


def script(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    import sys

    sys.modules[name] = loaded
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    book = make_donor(tmp_path / "book.xlsx", generation=5)
    return book, make_donor(tmp_path / "donor.xlsx")


def left_alone(book: Path, before: bytes) -> None:
    assert book.read_bytes() == before
    assert not [p for p in book.parent.iterdir() if p.name.endswith(".icp-tmp")]


@pytest.mark.skipif(os.name == "nt", reason="kills are tried where processes can be forked")
def test_killed_at_any_moment(tmp_path: Path) -> None:
    found = script("kills").trial(tmp_path, 10)
    assert (found["neither"], found["backup torn"], found["left over"]) == (0, 0, 0)


def test_two_writers_never_mix(pair: tuple[Path, Path]) -> None:
    book, donor = pair
    other = make_donor(book.with_name("other.xlsx"), generation=3, accounts=12)
    failures: list[BaseException] = []

    def write(source: Path, owner: str) -> None:
        try:
            inject_sheets(
                book, source, sheets=SheetOptions(owner=owner), options=SafeOptions(backups=0, wait_seconds=60)
            )
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=pieces) for pieces in ((donor, "one"), (other, "two"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    both = (
        inject_sheets(book, donor, sheets=SheetOptions(owner="one"), options=OPTIONS),
        remove_sheets(book, owner="two", options=OPTIONS),
    )
    assert len(both[0].replaced) == 2 and len(both[1].removed) == 2


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EFBIG, errno.EDQUOT])
def test_a_full_disk_leaves_the_original(pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    book, donor = pair
    before = book.read_bytes()

    def full(self: Package, out: Any) -> None:
        out.write(b"PK half a workbook")
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Package, "write", full)
    with pytest.raises(DeliveryError, match="no room on the disk"):
        inject_sheets(book, donor, options=OPTIONS)
    left_alone(book, before)


@pytest.mark.skipif(os.name == "nt", reason="kills are tried where processes can be forked")
def test_a_real_limit_on_file_size(pair: tuple[Path, Path]) -> None:
    import resource
    import signal

    book, donor = pair
    before = book.read_bytes()
    child = os.fork()
    if child == 0:
        try:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
            inject_sheets(book, donor, options=OPTIONS)
        except DeliveryError as error:
            os._exit(7 if "no room" in str(error) else 8)
        finally:
            os._exit(9)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    left_alone(book, before)


@pytest.mark.skipif(os.name == "nt", reason="making a link needs a right on Windows")
@pytest.mark.parametrize("name", [".book.xlsx.icp-lock", "ICP backups"])
def test_a_link_beside_the_workbook_is_not_followed(pair: tuple[Path, Path], name: str) -> None:
    book, donor = pair
    before, home = book.read_bytes(), book.parent / "home"
    home.mkdir()
    (home / "book 2020-01-01 000000.xlsx").write_bytes(b"mine")
    (book.parent / name).symlink_to(home / "new" if name.startswith(".") else home)
    with pytest.raises(DeliveryError, match="is a link"):
        inject_sheets(book, donor, options=SafeOptions(backups=1))
    left_alone(book, before)
    assert [path.name for path in home.iterdir()] == ["book 2020-01-01 000000.xlsx"]


@pytest.mark.parametrize("where", ["fsync", "replace", "copystat"])
@pytest.mark.parametrize("code", [errno.EIO, errno.ESTALE, errno.EACCES, errno.ENETUNREACH])
def test_a_network_drive_that_fails(
    pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, where: str, code: int
) -> None:
    book, donor = pair
    before = book.read_bytes()

    def broken(*_: Any, **__: Any) -> None:
        raise OSError(code, os.strerror(code))

    holder: Any = shutil if where == "copystat" else os
    monkeypatch.setattr(module, "_PAUSE", 0)
    monkeypatch.setattr(holder, where, broken)
    with pytest.raises(IcpError, match="The workbook is as it was"):
        inject_sheets(book, donor, options=OPTIONS)
    monkeypatch.undo()
    left_alone(book, before)


def test_a_disk_that_does_not_give_back_what_was_written(
    pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    book, donor = pair
    before = book.read_bytes()
    write: Callable[..., None] = Package.write

    def flipped(self: Package, out: Any) -> None:
        write(self, out)
        out.seek(200)
        byte = out.read(1)
        out.seek(200)
        out.write(bytes([byte[0] ^ 1]))
        out.seek(0, 2)

    monkeypatch.setattr(Package, "write", flipped)
    with pytest.raises(DeliveryError):
        inject_sheets(book, donor, options=OPTIONS)
    left_alone(book, before)


@pytest.mark.parametrize(("owner", "program"), [("~${}", "Excel"), (".~lock.{}#", "LibreOffice")])
def test_open_elsewhere(pair: tuple[Path, Path], owner: str, program: str) -> None:
    book, donor = pair
    before = book.read_bytes()
    mark = book.with_name(owner.format(book.name))
    mark.write_bytes(b"\x05Maria" + b" " * 159)
    for write in (lambda: inject_sheets(book, donor, options=OPTIONS), lambda: remove_sheets(book, options=OPTIONS)):
        with pytest.raises(LockedWorkbookError, match=f"open in {program}"):
            write()
    mark.unlink()
    left_alone(book, before)


def test_saved_by_another_while_we_work(pair: tuple[Path, Path]) -> None:
    book, donor = pair

    def meddle(package: Package) -> None:
        other = book.with_name("new.xlsx")
        shutil.copyfile(donor, other)
        os.replace(other, book)

    with pytest.raises(LockedWorkbookError, match="saved by another program"):
        module.safe_write(book, None, meddle, OPTIONS)
    left_alone(book, donor.read_bytes())


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write read-only files")
def test_read_only(pair: tuple[Path, Path]) -> None:
    book, donor = pair
    before = book.read_bytes()
    book.chmod(0o444)
    with pytest.raises(DeliveryError, match="read-only"):
        inject_sheets(book, donor, options=OPTIONS)
    left_alone(book, before)


def test_read_only_is_asked_first(pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    book, donor = pair
    before = book.read_bytes()
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != book.resolve())
    with pytest.raises(DeliveryError, match="the workbook is read-only"):
        inject_sheets(book, donor, options=OPTIONS)
    left_alone(book, before)


def test_permissions_times_and_backups(pair: tuple[Path, Path]) -> None:
    book, donor = pair
    before = book.read_bytes()
    book.chmod(0o640)
    os.utime(book, (1_600_000_000, 1_600_000_000))
    report = inject_sheets(book, donor, options=SafeOptions(backups=2))
    assert stat.S_IMODE(book.stat().st_mode) == 0o640 and int(book.stat().st_mtime) == 1_600_000_000
    assert report.backup is not None and report.backup.read_bytes() == before
    for _ in range(4):
        inject_sheets(book, donor, options=SafeOptions(backups=2))
    assert len(list(report.backup.parent.iterdir())) == 2
    inject_sheets(book, donor, options=SafeOptions(backups=0, keep_timestamps=False))
    assert int(book.stat().st_mtime) > 1_600_000_000


def test_typed_cells_are_kept_and_lost_ones_told(tmp_path: Path) -> None:
    book = tmp_path / "book.xlsx"
    plain = openpyxl.Workbook()
    plain.active.append(["mine"])
    plain.save(book)
    before = book.read_bytes()
    first, second = (
        make_donor(tmp_path / "1.xlsx", accounts=12),
        make_donor(tmp_path / "2.xlsx", generation=2, accounts=6),
    )
    inject_sheets(book, first, sheets=SheetOptions(kept=KEPT), options=OPTIONS)
    _type(book, "G6", "Called")
    _type(book, "G15", "Won")
    report = inject_sheets(book, second, sheets=SheetOptions(kept=KEPT), options=OPTIONS)
    assert ("icp_report", "Account 010", "Status") in report.typed_lost
    rows = CalamineWorkbook.from_path(str(book)).get_sheet_by_name("ICP Report").to_python(skip_empty_area=False)
    texts = {row[0]: row[6] for row in rows}
    assert texts["Account 001"] == "Called" and texts["Account 000"] == "Open"
    remove_sheets(book, options=OPTIONS)
    assert book.read_bytes() == before
    assert isinstance(KEPT[0], UserColumn)


def _type(book: Path, cell: str, text: str) -> None:
    """As Excel would: one cell of the sheet's part, nothing else."""
    made = b' t="inlineStr"><is>' + text_item(text) + b"</is></c>"
    pattern = rb'(<c r="%b"(?: s="\d+")?)(?: t="\w+")?(?:/>|>.*?</c>)' % cell.encode()

    def change(package: Package) -> None:
        for part in [name for name in package.names() if "/worksheets/sheet" in name and name.endswith(".xml")]:
            tables = [package.read(rel.target) for rel in package.relationships(part) if rel.kind == "table"]
            if b"icp_report" in b"".join(tables):
                body = package.read(part)
                package.put(part, re.sub(pattern, lambda match: match[1] + made, body, count=1))

    module.safe_write(book, None, change, OPTIONS)
