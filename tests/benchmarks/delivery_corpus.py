"""Every workbook of the corpus: sheets put in, again, result columns beside a key, and everything taken out again.

Compared part by part at each step; reopened by openpyxl; checked by the Open XML SDK's validator with everything in it.

python tests/benchmarks/delivery_corpus.py --full                   every file
python tests/benchmarks/delivery_corpus.py --files 40               a sample
python tests/benchmarks/delivery_corpus.py --full --results r.jsonl goes on where it was stopped
python tests/benchmarks/delivery_corpus.py --office 60              a sample through LibreOffice; what we refuse, or it
                                                                    cannot convert as it was, gives place to another
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from icp_xl.delivery.write_back.column_location import sheet_tables
from icp_xl.delivery.write_back.column_remove import remove_all
from icp_xl.delivery.write_back.column_values import RESULT_COLUMNS, Results
from icp_xl.delivery.write_back.columns import write_columns
from icp_xl.delivery.write_back.inject import inject_sheets
from icp_xl.delivery.write_back.ownership import read_owned_sheets
from icp_xl.delivery.write_back.user_entries import data_area, table_headers
from icp_xl.errors import IcpError
from icp_xl.opc.archive import Archive
from icp_xl.opc.package import open_package
from icp_xl.opc.safe_write import SafeOptions
from icp_xl.opc.sheet_xml import RowParser, SheetPartReader, cell_value, key_text, shared_strings
from icp_xl.opc.unsupported import RefusedError
from icp_xl.opc.workbook_part import Workbook
from tests.support.donors import make_donor
from tests.support.keys import exactly
from tests.support.validator import Finding, validate

#: Parts that putting sheets into a workbook may change.
PLUMBING = ("[content_types].xml", "docprops/app.xml", "styles.xml", "workbook.xml", "workbook.xml.rels")
OPTIONS = SafeOptions(backups=0)


@dataclass
class Outcome:
    """What happened to one workbook."""

    name: str
    refused: str = ""
    faults: list[str] = field(default_factory=list)
    foreign: int = 0
    identical: int = 0
    same_file: bool = False
    columns: str = ""


def parts_of(path: Path) -> dict[str, str]:
    """Digest of each part's content."""
    with open(path, "rb") as handle:
        archive = Archive.read(handle, path.name)
        return {e.name.lower(): hashlib.sha256(archive.content(e)).hexdigest() for e in archive.entries}


def opens(path: Path) -> str:
    """Empty when openpyxl opens the workbook, else why not."""
    import openpyxl

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # A sheet with merged areas of millions of cells takes it many minutes; streamed, it skips them.
            openpyxl.load_workbook(path, read_only=path.stat().st_size > 800_000).close()
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:80]}"
    return ""


def plumbing(name: str) -> bool:
    """Whether a part is one that a write may change."""
    return name in PLUMBING[:2] or name.rsplit("/", 1)[-1] in PLUMBING[2:] or "calcchain" in name


def new_errors(before: list[Finding], after: list[Finding]) -> list[str]:
    """Errors of ``after`` that ``before`` did not have, counted by rule, part and words."""

    def key(finding: Finding) -> tuple[str, str, str]:
        return finding.rule, finding.part.lower(), finding.description

    if any(finding.rule == "Pkg_RequiredPartDoNotExist" and not finding.part for finding in before):
        return []  # the SDK could not even find the workbook in the original, so it has nothing to compare with
    extra = Counter(map(key, after)) - Counter(map(key, before))
    return [f"{part}: {text[:160]}" for _, part, text in sorted(extra)]


def key_column(path: Path) -> tuple[str, str, list[str]] | None:
    """Table, header and keys of the first table of somebody's that has two rows with different keys."""
    with open_package(path) as package:
        book = Workbook(package)
        part = book.related("sharedStrings")
        strings = shared_strings(package.read(part), part, path.name) if part else []
        ours = {mark.index for mark in read_owned_sheets(book)}
        for index, element in enumerate(book.sheet_elements()):
            sheet = book.sheet_part(element)
            if sheet is None or index in ours:
                continue
            for _, table in sheet_tables(book, sheet):
                area = data_area(table)
                if area is None or table.get("headerRowCount") == "0":
                    continue
                for header, at in table_headers(table).items():
                    keys = _keys(package, sheet, area.first_row, area.last_row, area.first_column + at, strings)
                    if len(set(keys)) > 1:
                        return table.get("displayName") or "", header, keys
    return None


def _keys(package: object, part: str, first: int, last: int, column: int, strings: list[bytes]) -> list[str]:
    reader = SheetPartReader(package.chunks(part), part, part)  # type: ignore[attr-defined]
    parser, found = RowParser(reader.prefix), []
    for row in reader.rows():
        if first <= parser.number(row) <= last:
            cells = [cell for cell in parser.cells(row) if cell.column == column]
            found += [key_text(cell_value(cell, strings)) for cell in cells]
    return [key for key in found if key]


def results_for(keys: list[str]) -> Results:
    """Results for all of ``keys`` but one."""
    known = sorted(set(keys))[:-1]
    n = len(known)
    values = {
        "icp_score": [100 / (i + 1) for i in range(n)], "icp_grade": ["A"] * n, "rank": list(range(1, n + 1)),
        "segment": ["=1+1"] * n, "reasons": ["a & <b>"] * n,
    }  # fmt: skip
    return Results(RESULT_COLUMNS, values, exactly(known))


def put_columns(target: Path, outcome: Outcome) -> None:
    """Result columns beside a table's key, twice; only that sheet and its table may change."""
    try:
        place = key_column(target)
        if place is None:
            return
        table, header, keys = place
        for _ in range(2):
            before = parts_of(target)
            done = write_columns(target, header, results_for(keys), sheet=table, options=OPTIONS)
            after = parts_of(target)
            changed = [n for n in before if after.get(n) != before[n] and not plumbing(n)]
            sheets = [n for n in changed if "/worksheets/" in n]
            tables = [n for n in changed if "/tables/" in n or n.rsplit("/", 1)[-1].startswith("table")]
            if len(sheets) > 3 or len(tables) > 1 or set(changed) - set(sheets) - set(tables):
                outcome.faults.append(f"columns changed {changed}")
        outcome.columns = f"written: {done.matched} rows"
    except RefusedError as error:
        outcome.columns = f"refused: {error.reason}: {error}"


def run_file(source: Path, folder: Path, donors: dict[tuple[bool, int], Path], check: bool) -> Outcome:
    """Write, write again, add columns, clean; every fault as one line."""
    from icp_xl.delivery.write_back.target import probe

    outcome = Outcome(source.name)
    target = folder / source.name
    shutil.copyfile(source, target)
    original = parts_of_or_none(source)
    try:
        info = probe(target)
        inject_sheets(target, donors[info.date_1904, 1], options=OPTIONS)
    except RefusedError as error:
        outcome.refused = f"{error.reason}: {error}"
        if target.read_bytes() != source.read_bytes():
            outcome.faults.append("refused but changed")
        return outcome
    assert original is not None
    first = parts_of(target)
    foreign = [name for name in original if not plumbing(name)]
    outcome.foreign = len(foreign)
    outcome.identical = sum(1 for name in foreign if first.get(name) == original[name])
    inject_sheets(target, donors[info.date_1904, 2], options=OPTIONS)
    second = parts_of(target)
    outcome.faults += [f"second run changed {name}" for name in foreign if second.get(name) != original[name]]
    if len(second) > len(first):
        outcome.faults.append(f"the second run left {len(second) - len(first)} parts more")
    put_columns(target, outcome)
    was = opens(source)
    if not was and (now := opens(target)):
        outcome.faults.append(f"openpyxl no longer opens it: {now}")
    if check:
        after = validate(target)
        outcome.faults += [f"new error: {text}" for text in (new_errors(validate(source), after) if after else [])]
    remove_all(target, options=OPTIONS)
    third = parts_of(target)
    outcome.faults += [f"removal left {name}" for name in third if third[name] != original.get(name)]
    outcome.faults += [f"removal lost {name}" for name in original if name not in third]
    outcome.same_file = target.read_bytes() == source.read_bytes()
    target.unlink()
    return outcome


def run_office(source: Path, folder: Path, donors: dict[tuple[bool, int], Path]) -> Outcome:
    """Sheets and columns put in, then LibreOffice's own copy of it: their sheets and ours must be there."""
    import openpyxl

    from icp_xl.delivery.write_back.target import probe

    outcome = Outcome(source.name)
    target = folder / source.name
    shutil.copyfile(source, target)
    try:
        info = probe(target)
        names = list(inject_sheets(target, donors[info.date_1904, 1], options=OPTIONS).sheets.values())
    except RefusedError as error:
        outcome.refused = f"{error.reason}: {error}"
        return outcome
    put_columns(target, outcome)

    def converted(path: Path, to: Path) -> list[str] | None:
        to.mkdir(exist_ok=True)
        command = ["soffice", "--headless", f"-env:UserInstallation=file://{folder}/profile", "--convert-to", "xlsx"]
        # In a session of its own: the program is a wrapper, and what it started would hold the profile.
        with subprocess.Popen(
            [*command, "--outdir", str(to), str(path)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as office:  # fmt: skip
            try:
                office.wait(240)
            except subprocess.TimeoutExpired:
                os.killpg(office.pid, signal.SIGKILL)
        made = to / path.with_suffix(".xlsx").name
        if not made.is_file():
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return list(openpyxl.load_workbook(made, read_only=True).sheetnames)

    after = converted(target, folder / "after")
    if after is None:
        if converted(source, folder / "before") is not None:
            outcome.faults.append("LibreOffice converts the original, and not the written one")
        else:
            outcome.refused = "LibreOffice cannot convert the original either (in four minutes)"
        return outcome
    lost = [name for name in (*info.sheet_names, *names) if name not in after]
    if lost and set(lost) - (set(info.sheet_names) - set(converted(source, folder / "before") or [])):
        outcome.faults.append(f"sheets lost in LibreOffice: {lost}")
    return outcome


def parts_of_or_none(path: Path) -> dict[str, str] | None:
    """Digests, or ``None`` for what is no sound container."""
    try:
        return parts_of(path)
    except IcpError:
        return None


def make_donors(folder: Path) -> dict[tuple[bool, int], Path]:
    """Two generations of the sheets in both date systems."""
    found = {}
    for date_1904 in (False, True):
        for generation in (1, 2):
            path = folder / f"donor_{int(date_1904)}_{generation}.xlsx"
            make_donor(path, date_1904=date_1904, generation=generation)
            found[date_1904, generation] = path
    return found


def main() -> int:
    """Run and print what was found; the exit code is the number of faulty workbooks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--files", type=int, default=40)
    parser.add_argument("--office", type=int, default=0)
    parser.add_argument("--no-validator", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--results", type=Path, help="JSON lines; files that stand in it are not run again")
    parser.add_argument("--slice", default="0/1", help="0/2 and 1/2 share the files between two runs")
    parser.add_argument("--corpus", type=Path, default=Path(__file__).parents[3] / "shared/data/workbooks")
    arguments = parser.parse_args()
    files = sorted(p for p in arguments.corpus.iterdir() if p.suffix.lower() in (".xlsx", ".xlsm"))
    files = [p for p in files if arguments.only in p.name]
    wanted = arguments.office or (len(files) if arguments.full else arguments.files)
    step = max(1, len(files) // wanted)
    files = files[::step] + ([path for at, path in enumerate(files) if at % step] if arguments.office else [])
    outcomes = _read(arguments.results)
    done = {outcome.name for outcome in outcomes}
    at, of = (int(piece) for piece in arguments.slice.split("/"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        donors = make_donors(folder)
        for path in [path for path in files if path.name not in done][at::of]:
            if arguments.office and sum(not outcome.refused for outcome in outcomes) == wanted:
                break
            try:
                if arguments.office:
                    outcome = run_office(path, folder, donors)
                else:
                    outcome = run_file(path, folder, donors, not arguments.no_validator)
            except Exception as error:
                outcome = Outcome(path.name, faults=[f"{type(error).__name__}: {str(error)[:200]}"])
            outcomes.append(outcome)
            if arguments.results:
                with open(arguments.results, "a", encoding="utf-8") as lines:
                    lines.write(json.dumps(asdict(outcome)) + "\n")
    return office_summary(outcomes) if arguments.office else summary(outcomes)


def office_summary(outcomes: list[Outcome]) -> int:
    """Print what LibreOffice made of the sample, and what was left out of it and why; how many are faulty."""
    faulty = [outcome for outcome in outcomes if outcome.faults]
    left_out = [outcome for outcome in outcomes if outcome.refused]
    for outcome in faulty:
        print(outcome.name, *outcome.faults, sep="\n    ")
    for outcome in left_out:
        print("left out:", outcome.name, outcome.refused[:150])
    kept = len(outcomes) - len(left_out)
    print(f"{kept} workbooks with our sheets converted by LibreOffice, {kept - len(faulty)} with all sheets in place; "
          f"{len(left_out)} left out")  # fmt: skip
    return len(faulty)


def _read(results: Path | None) -> list[Outcome]:
    if results is None or not results.is_file():
        return []
    return [Outcome(**json.loads(line)) for line in results.read_text(encoding="utf-8").splitlines()]


def summary(outcomes: list[Outcome]) -> int:
    """Print what was found; how many workbooks are faulty."""
    faulty = [outcome for outcome in outcomes if outcome.faults or outcome.foreign != outcome.identical]
    refused = [outcome for outcome in outcomes if outcome.refused]
    for outcome in faulty:
        print(outcome.name, *outcome.faults[:6], sep="\n    ")
    for outcome in refused:
        print("refused", outcome.name, outcome.refused[:150])
    for outcome in outcomes:
        if outcome.columns.startswith("refused"):
            print("columns", outcome.name, outcome.columns[:150])
    written = len(outcomes) - len(refused)
    print(
        f"{len(outcomes)} workbooks: {written} written, {len(refused)} refused ({len(refused) / len(outcomes):.1%}), "
        f"{sum(o.identical for o in outcomes)} of {sum(o.foreign for o in outcomes)} untouched parts identical, "
        f"columns in {sum(o.columns.startswith('written') for o in outcomes)} and refused in "
        f"{sum(o.columns.startswith('refused') for o in outcomes)}, "
        f"{sum(o.same_file for o in outcomes)} files the very same after removal, {len(faulty)} with faults"
    )
    return len(faulty)


if __name__ == "__main__":
    sys.exit(main())
