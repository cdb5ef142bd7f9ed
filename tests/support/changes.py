"""A small world with results of a run, random changes to it as people and disks make them, and a run held against one
that does everything."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import openpyxl

import icp_xl
from icp_xl.samples import write_samples
from tests.support.whole_world import Ended, call

CLOCK = "1764000000"
#: Every stage runs, and none for long.
SETTINGS = """
paths: {data: data, out: out}
build: {divisions: [Printers, Simulation]}
train: {tree_seeds: 1, n_cutoffs: 3, bootstrap: 50, logreg: [{c: 0.02}], candidates: [logreg], pooled: POOLED}
validation: {bootstrap: 50}
optimize: {n_trials: 20, bootstrap: 50, lambdas: [0.5]}
feedback: {permutations: 199, bootstrap: 200}
reports: {live: false, html: true}
share: {with_run: true}
delivery: {after_run: {workbook: other.xlsx, copy_only: true, sheets: [Summary]}}
"""
#: What is changed.
KINDS = ("cell", "opportunity", "customer", "line", "line", "setting", "weights", "source", "day", "delete", "corrupt",
         "type", "status", "code", "nothing")  # fmt: skip
#: A change to a world: what it did, and what is run with, as further options and before the run.
Change = tuple[str, tuple[str, ...], Callable[[], None]]


def make(folder: Path, *, accounts: int = 60, lines: int = 600, pooled: bool = True) -> None:
    """The world's inputs; nothing has been run yet."""
    write_samples(folder / "data", accounts=accounts, lines=lines)
    settings = SETTINGS.lstrip().replace("POOLED", str(pooled).lower())
    (folder / "icp_xl.yaml").write_text(settings, encoding="utf-8")
    book = openpyxl.Workbook()
    book.save(folder / "other.xlsx")


def run(world: Path, *more: str, before: Callable[[], None] = lambda: None) -> Ended:
    """``icp-xl run`` there, under a fixed clock."""
    os.environ["SOURCE_DATE_EPOCH"] = CLOCK
    try:
        return call(world, ("run", "--quiet", *more), seconds=300, before=before)
    finally:
        del os.environ["SOURCE_DATE_EPOCH"]


def outputs(world: Path) -> dict[str, str]:
    """Every output with its hash; records of runs are new each time, and a study is taken up again."""
    out = world / "out"
    names = (path.relative_to(out).as_posix() for path in sorted(out.rglob("*")) if path.is_file())
    return {
        name: hashlib.sha256((out / name).read_bytes()).hexdigest() for name in names
        if not name.startswith(("runs/", ".icp")) and not name.endswith((".journal", "stages.json", "-shm", "-wal"))
    }  # fmt: skip


def differences(
    world: Path, copy: Path, options: tuple[str, ...], before: Callable[[], None]
) -> tuple[Ended, list[str]]:
    """Run ``world`` and, with ``--fresh``, a copy of it; what differs between their outputs and exit codes."""
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(world, copy, symlinks=True)
    ours, whole = run(world, *options, before=before), run(copy, "--fresh", *options, before=before)
    if ours.fault or whole.fault:
        return ours, [f"{each.code}: {each.said[-800:]}" for each in (ours, whole)]
    mine, other = outputs(world), outputs(copy)
    wrong = [name for name in sorted(mine.keys() | other.keys()) if mine.get(name) != other.get(name)]
    return ours, wrong + ([f"exit codes {ours.code} and {whole.code}"] if ours.code != whole.code else [])


def draw(world: Path, chance: random.Random) -> Change:
    """One change, made."""
    kind = chance.choice(KINDS)
    nothing: Change = (kind, (), lambda: None)
    made = [path for path in sorted((world / "out").rglob("*")) if path.is_file()
            and path.relative_to(world / "out").parts[0] not in ("runs", ".icp_xl.lock")
            and path.suffix not in (".sqlite", ".journal") and path.name != "stages.json"]  # fmt: skip
    if kind == "day":
        later = str(int(CLOCK) + 86_400 * chance.randint(1, 3))
        return kind, (), lambda: os.environ.update(SOURCE_DATE_EPOCH=later)
    if kind == "weights":
        one = chance.choice((0.1, 0.3, 0.4))
        told = f"{{vertical: {one}, size: {0.5 - one:.1f}, adoption: 0.25, relationship: 0.25}}"
        return kind, ("--set", f"scoring.weights={told}", "--set", "scoring.use_optimized_weights=false"), lambda: None
    if kind == "source" and (tables := sorted((world / "data").glob("*.csv"))):
        path = chance.choice(tables)
        path.unlink()
        return f"{kind} {path.name}", (), lambda: None
    if kind == "line":
        share, change = chance.choice((0.3, 0.7, 0.999)), chance.choice(("amount", "gone", "twice"))
        change_line(next((world / "data").glob("*Sales Log*")), share, change)
        return f"{kind} at {share} {change}", (), lambda: None
    if kind == "setting":
        return kind, ("--set", f"whitespace.top_percent={chance.randint(5, 30)}"), lambda: None
    if kind == "code":
        version = f"9.{chance.randint(0, 99)}"
        return f"code {version}", (), lambda: setattr(icp_xl, "__version__", version)
    if kind == "delete":
        path = chance.choice(made)
        path.unlink()
        return f"delete {path.relative_to(world)}", (), lambda: None
    if kind == "corrupt":
        path = chance.choice(made)
        data = bytearray(path.read_bytes())
        data[chance.randrange(len(data) or 1) :] = b"" if chance.random() < 0.3 else b"#" + data[-1:]
        path.write_bytes(bytes(data))
        return f"corrupt {path.relative_to(world)}", (), lambda: None
    if kind in ("cell", "opportunity", "customer"):
        names = {"cell": "*Sales Log*", "opportunity": "Opp*", "customer": "*Customer Analysis*"}
        change_cell(next((world / "data").glob(names[kind])), chance)
    elif kind == "type":
        _type(world / "out/icp_report.xlsx", "Decision", ("same", "different"), chance)
    elif kind == "status":
        _type(world / "out/icp_whitespace.xlsx", "Status", ("contacted", "won", "lost"), chance)
    return nothing


def change_cell(path: Path, chance: random.Random) -> None:
    """Change one amount of the workbook."""
    book = openpyxl.load_workbook(path)
    sheet = next((each for each in book.worksheets if each.title == "Customer List"), book.worksheets[0])
    numbers = (cell for row in sheet.iter_rows(min_row=2) for cell in row if type(cell.value) in (int, float))
    cells = [cell for cell in numbers if cell.value > 50]
    cell = chance.choice(cells)
    cell.value = cell.value + 1
    book.save(path)


def change_line(path: Path, share: float, change: str = "amount") -> None:
    """Change one line of the sales log, the one before which this share of all lines by their day stands.

    ``change``: its ``amount``, or the whole line: ``gone``, or there ``twice``.
    """
    book = openpyxl.load_workbook(path)
    sheet = book.worksheets[0]
    rows = list(sheet.iter_rows())
    header = next(row for row in rows if "Net Sales" in [cell.value for cell in row])
    texts = [cell.value for cell in header]
    sales, day = texts.index("Net Sales"), texts.index("Rec Date")
    lines = [
        row for row in rows[header[0].row :] if isinstance(row[day].value, datetime) and _is_sale(row[sales].value)
    ]
    lines.sort(key=lambda row: (row[day].value, row[0].row))
    line = lines[round(share * (len(lines) - 1))]
    if change == "amount":
        line[sales].value += 1
    elif change == "gone":
        sheet.delete_rows(int(line[0].row or 0))
    else:
        sheet.append([cell.value for cell in line])
    book.save(path)


def _is_sale(value: object) -> bool:
    return isinstance(value, int | float) and value > 50


def _type(path: Path, header: str, words: tuple[str, ...], chance: random.Random) -> None:
    """Type a word into a column of a report, as people do, or only save it where it has no such column."""
    if not path.exists():
        return
    try:
        book = openpyxl.load_workbook(path)
    except Exception:
        return  # An earlier change tore it.
    for sheet in book.worksheets:
        column = 0
        for row in sheet.iter_rows():
            texts = [cell.value for cell in row]
            if header in texts:
                column = texts.index(header) + 1
            elif column and any(cell.value is not None for cell in row) and chance.random() < 0.4:
                row[column - 1].value = chance.choice(words)
                break
    book.save(path)
