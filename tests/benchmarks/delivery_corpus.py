"""Every workbook of the corpus: written, written again, and cleaned; compared part by part at each step.

python tests/benchmarks/delivery_corpus.py --full            every file, with the Open XML SDK's validator
python tests/benchmarks/delivery_corpus.py --files 40        a sample
python tests/benchmarks/delivery_corpus.py --office 60       a sample through LibreOffice as well
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import sys
import tempfile
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from icp_xl.delivery.archive import Archive
from icp_xl.delivery.inject import inject_sheets
from icp_xl.delivery.refusal import RefusedError
from icp_xl.delivery.remove import remove_sheets
from icp_xl.delivery.safe_write import SafeOptions
from icp_xl.errors import IcpError
from tests.support.donors import make_donor
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
            openpyxl.load_workbook(path).close()
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

    extra = Counter(map(key, after)) - Counter(map(key, before))
    return [f"{part}: {text[:160]}" for _, part, text in sorted(extra)]


def run_file(source: Path, folder: Path, donors: dict[tuple[bool, int], Path], check: bool) -> Outcome:
    """Write, write again, clean; every fault as one line."""
    from icp_xl.delivery.probe import probe

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
    was = opens(source)
    if not was and (now := opens(target)):
        outcome.faults.append(f"openpyxl no longer opens it: {now}")
    if check:
        before = validate(source)
        outcome.faults += [f"write: {text}" for text in new_errors(before, validate(target))]
    inject_sheets(target, donors[info.date_1904, 2], options=OPTIONS)
    second = parts_of(target)
    outcome.faults += [f"second run changed {name}" for name in foreign if second.get(name) != original[name]]
    if len(second) > len(first):
        outcome.faults.append(f"the second run left {len(second) - len(first)} parts more")
    if check:
        outcome.faults += [f"second: {text}" for text in new_errors(before, validate(target))]
    remove_sheets(target, options=OPTIONS)
    third = parts_of(target)
    outcome.faults += [f"removal left {name}" for name in third if third[name] != original.get(name)]
    outcome.faults += [f"removal lost {name}" for name in original if name not in third]
    outcome.same_file = target.read_bytes() == source.read_bytes()
    target.unlink()
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
    parser.add_argument("--no-validator", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--corpus", type=Path, default=Path(__file__).parents[3] / "shared/data/workbooks")
    arguments = parser.parse_args()
    files = sorted(p for p in arguments.corpus.iterdir() if p.suffix.lower() in (".xlsx", ".xlsm"))
    files = [p for p in files if arguments.only in p.name]
    if not arguments.full:
        files = files[:: max(1, len(files) // arguments.files)]
    outcomes = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        donors = make_donors(folder)
        for path in files:
            try:
                outcomes.append(run_file(path, folder, donors, not arguments.no_validator))
            except Exception as error:
                outcomes.append(Outcome(path.name, faults=[f"{type(error).__name__}: {str(error)[:200]}"]))
    faulty = [outcome for outcome in outcomes if outcome.faults or outcome.foreign != outcome.identical]
    refused = [outcome for outcome in outcomes if outcome.refused]
    for outcome in faulty:
        print(outcome.name, *outcome.faults[:6], sep="\n    ")
    for outcome in refused:
        print("refused", outcome.name, outcome.refused[:150])
    written = len(outcomes) - len(refused)
    print(
        f"{len(outcomes)} workbooks: {written} written, {len(refused)} refused ({len(refused) / len(outcomes):.1%}), "
        f"{sum(o.identical for o in outcomes)} of {sum(o.foreign for o in outcomes)} untouched parts identical, "
        f"{sum(o.same_file for o in outcomes)} files the very same after removal, {len(faulty)} with faults"
    )
    return len(faulty)


if __name__ == "__main__":
    sys.exit(main())
