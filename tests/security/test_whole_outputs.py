"""All that is written from hostile data: no formula, no markup, no log that tells; and disks that take nothing."""

from __future__ import annotations

import csv
import ctypes
import json
import os
import re
import shlex
import signal
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from lxml import etree

from icp_xl.outputs import FORMULA_STARTS
from tests.support.whole_world import BOOK, REPORT, arguments_of, call, copy_world, digests, load_all, make_world

pytestmark = pytest.mark.skipif(os.name == "nt", reason="limits of a process are those of Unix")
#: Stands in every planted text and nowhere else.
MARK = "Zqx"
STARTS = (*FORMULA_STARTS, "<script>", "%s{0}", "\u202e")
#: Columns of the sample workbooks whose texts are replaced, and every how many rows.
COLUMNS = {
    "Industry": 9,
    "Sales Rep": 1,
    "Territory": 3,
    "City": 2,
    "State": 7,
    "Country": 11,
    "Owner": 1,
    "Product": 3,
}
MORE = (
    ("won-lost", "--html"),
    ("share", "--by", "rep"),
    ("map", "--sheet"),
    ("history", "add", "CUSTOMERS", "--as-of", "2023-06-30"),
)
README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
#: What the README tells to type, with the folders of the world.
LINES = list(dict.fromkeys(
    line.split("#")[0].strip().replace("my_files", "data").replace("icp_output", "out")
    for line in re.findall(r"(?m)(?:^|`|&& )icp-xl ([a-z][^`\n]*)", README)
))  # fmt: skip
#: Those that tests of their own run, and those that are stages of the run that the world is made by.
ELSEWHERE = ("demo", "run", "train", "build", "score", "validate", "check --data")


def plant(data: Path) -> None:
    """Give reps, industries, places, products and accounts names that mean something to a program that opens them."""
    for path in data.glob("*.xlsx"):
        book = openpyxl.load_workbook(path)
        for sheet in book.worksheets:
            names: dict[int, str] = {}
            for number, row in enumerate(sheet.iter_rows()):
                if not names and sum(cell.value is not None for cell in row) >= 5 and not any(
                    isinstance(cell.value, int | float) for cell in row
                ):  # fmt: skip
                    names = {cell.column: str(cell.value) for cell in row if cell.value in (*COLUMNS, "Division")}
                    continue
                for cell in row:
                    heading = names.get(cell.column)
                    if heading is None or not isinstance(cell.value, str):
                        continue
                    if heading == "Division" and cell.value == "Services":
                        cell.value = f"=1+{MARK} services"
                    elif heading in COLUMNS and number % COLUMNS[heading] == 0:
                        start = STARTS[sum(cell.value.encode()) % len(STARTS)]
                        cell.value = f"{start}1+{MARK} {cell.value}"
                    if cell.data_type == "f":
                        cell.data_type = "s"
        book.save(path)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    load_all()
    base = tmp_path_factory.mktemp("hostile") / "world"
    make_world(base, change=plant, twice=False)
    for words in MORE:
        ended = call(base, arguments_of(base, words, "data" if words[0] in ("map", "history") else ""), seconds=120)
        assert ended.code in (0, 4) and not ended.fault, (words, ended.said)
    return base


def at_home() -> None:
    """The folders that the README leaves out, and a home of this process's own."""
    os.environ.update(ICP_XL__PATHS__OUT="out", HOME=str(Path("home").absolute()))


@pytest.mark.parametrize("line", [line for line in LINES if not line.startswith(ELSEWHERE)])
def test_a_line_of_the_readme_runs_on_hostile_data(world: Path, line: str) -> None:
    ended = call(world, shlex.split(line), seconds=60, before=at_home)
    assert not ended.fault, ended.said
    # What needs a workbook, a terminal or Excel says so.
    assert ended.code in (0, 4) or line in ("write-back", "map", "addin install"), ended.said


def test_there_are_lines_in_the_readme() -> None:
    assert len(LINES) >= 15


def marked(path: Path) -> Iterator[tuple[str, Any]]:
    """Every element of a workbook's parts with what was planted in its text or in an attribute, by its part."""
    with zipfile.ZipFile(path) as book:
        for name in book.namelist():
            if not name.endswith((".xml", ".rels", ".vml")):
                continue
            for element in etree.fromstring(book.read(name)).iter():
                if isinstance(element.tag, str) and (
                    MARK in (element.text or "") or any(MARK in value for value in element.attrib.values())
                ):
                    yield name, element


def test_what_was_planted_is_text_in_every_workbook(world: Path) -> None:
    seen, books = 0, sorted((world / "out").rglob("*.xlsx")) + sorted(world.glob("*.xlsx"))
    for path in books:
        with zipfile.ZipFile(path) as book:
            assert not [name for name in book.namelist() if "externalLink" in name or "connections" in name], path
        for name, element in marked(path):
            seen += 1
            tag = etree.QName(element).localname
            # Text of cells, of shared texts, notes, footers and charts' caches; no formula, no address, no command.
            assert tag in ("t", "v", "sheet", "tableColumn", "filter", "cNvPr", "oddFooter", "title"), (
                path.name,
                name,
                tag,
                element.text,
            )
    assert len(books) >= 10 and seen > 500


def test_no_cell_of_a_csv_begins_like_a_formula(world: Path) -> None:
    files, seen = sorted((world / "out").rglob("*.csv")), 0
    for path in files:
        for row in csv.reader(path.read_text(encoding="utf-8-sig").splitlines(keepends=True)):
            for cell in row:
                seen += MARK in cell
                if cell.startswith(FORMULA_STARTS) and not re.fullmatch(r"-\d+(\.\d+)?(e-?\d+)?", cell):
                    pytest.fail(f"{path.name}: {cell}")
    assert len(files) >= 20 and seen > 100


def test_no_page_takes_a_name_for_markup(world: Path) -> None:
    pages = [path.read_text(encoding="utf-8") for path in (world / "out").rglob("*.html")]
    assert pages and not any(f"<script>1+{MARK}" in page for page in pages)


def test_logs_hold_no_names_figures_or_paths(world: Path) -> None:
    logs = sorted((world / "out/runs").rglob("logs.jsonl"))
    words = {MARK.casefold(), str(world), world.parent.name, "data/", "out/"}
    book = openpyxl.load_workbook(next((world / "data").glob("*Segmentation.xlsx")), read_only=True)
    for row in book["Customer List"].iter_rows(min_row=6, values_only=True):
        if str(row[1]).startswith("C-"):
            words |= {str(value).casefold() for value in row if value is not None and len(str(value)) > 4}
    for path in logs:
        for line in path.read_text(encoding="utf-8").splitlines():
            body = json.loads(line)
            assert not [word for word in words if word in line.casefold()], line
            assert all(not isinstance(value, float) and not (isinstance(value, int) and value > 500)
                       for value in body.values()), line  # fmt: skip
    commands = {json.loads(path.read_text(encoding="utf-8").splitlines()[0])["command"] for path in logs}
    assert len(words) > 50 and commands >= {"run", "outcomes", "share", "write-back", "won-lost"}, commands


def no_file_above(size: int) -> Callable[[], None]:
    def limit() -> None:
        import resource

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


def without_rights_of_root() -> None:
    """Root writes into read-only folders by its capability to pass over rights; this process gives that up."""
    if os.geteuid() == 0:
        libc, header, sets = ctypes.CDLL(None), (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
        libc.capget(header, sets)
        sets[0] &= ~0b110
        sets[1] &= ~0b110
        assert libc.capset(header, sets) == 0


WRITERS = (
    ("score",), ("snapshot",), ("history", "add", "CUSTOMERS", "--as-of", "2023-06-30"), ("live",),
    ("optimize", "--trials", "12"), ("won-lost",), ("refine", "--revert"), ("share",),
    ("write-back", BOOK, "--report", REPORT),
)  # fmt: skip


@pytest.mark.parametrize("words", WRITERS, ids=" ".join)
def test_a_full_disk_is_one_error_and_earlier_outputs_stay(world: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
    copy = world.parent / f"{tmp_path.name}"
    copy_world(world, copy)
    before = digests(copy, world)
    reads = "data" if words[0] in ("score", "build", "snapshot", "outcomes", "history", "map", "measure") else ""
    ended = call(copy, arguments_of(copy, words, reads), before=no_file_above(9_000))
    assert not ended.fault and ended.code in (0, 4, 5), ended.said
    after = digests(copy, world)
    if ended.code:
        changed = {name for name in before if before[name] != after.get(name)}
        assert not changed, ended.said
    assert not [path for path in copy.rglob("*") if path.name.endswith((".tmp", ".icp-tmp"))]


@pytest.mark.parametrize("words", WRITERS, ids=" ".join)
def test_a_folder_that_is_read_only_is_one_error(world: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
    copy = world.parent / f"{tmp_path.name}"
    copy_world(world, copy)
    for place in (copy, *copy.rglob("*")):
        if place.is_dir():
            place.chmod(0o555)
    before = digests(copy, world)
    reads = "data" if words[0] in ("score", "build", "snapshot", "outcomes", "history", "map", "measure") else ""
    ended = call(copy, arguments_of(copy, words, reads), before=without_rights_of_root)
    assert ended.code in (4, 5) and not ended.fault, ended.said
    assert digests(copy, world) == before
    for place in (copy, *copy.rglob("*")):
        if place.is_dir():
            place.chmod(0o755)
