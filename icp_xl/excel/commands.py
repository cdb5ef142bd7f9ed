"""``addin``: build, install and examine the Excel add-in; and the buttons that start no job."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import icp_xl.commands  # noqa: F401 - the others come first
from icp_xl.commands.declare import Button, Option, command, plain_button

if TYPE_CHECKING:
    from icp_xl.excel.selftest.result import SelfTest
    from icp_xl.excel.symptoms import Symptom

Target = Annotated[Path | None, Option("A folder for everything, in place of Excel's own and yours.")]


@dataclass(frozen=True)
class Files:
    """Files that were written, or would be, or were removed, with what to say of them."""

    paths: tuple[Path, ...]
    lines: tuple[str, ...]

    def summary(self) -> list[str]:
        """What to say at the end of the command."""
        return list(self.lines)


@dataclass(frozen=True)
class Diagnosis:
    """What the doctor found."""

    findings: tuple[Symptom, ...]

    @property
    def exit_code(self) -> int:
        """1 where something keeps the add-in from working."""
        return int(any(finding.state == "bad" for finding in self.findings))

    def summary(self) -> list[str]:
        """One line each."""
        return [finding.line() for finding in self.findings]


@command(name="build", group="addin", public="build_addin", shared=())
def build(*, out: Annotated[Path, Option("The add-in to write.", short="-o")] = Path("workbooks/icp_xl.xlam")) -> Files:
    """Build the add-in from the VBA sources, the function stubs and the ribbon; needs no Excel.

    Example: icp-xl addin build --out workbooks/icp_xl.xlam
    """
    from icp_xl.excel.build import build_addin

    path = build_addin(out)
    return Files((path,), (f"Built {path} ({path.stat().st_size:,} bytes). `icp-xl addin install` puts it in place.",))


@command(group="addin", public="install_addin", shared=())
def install(
    *,
    to: Target = None,
    dry_run: Annotated[bool, Option("Say what would be written, and write nothing.")] = False,
    remove: Annotated[bool, Option("Take the add-in away again.")] = False,
) -> Files:
    """Build the add-in and put it where Excel loads it, with this Python's full path.

    Example: icp-xl addin install
    """
    from icp_xl.excel.install import install as put
    from icp_xl.excel.install import plan_install, uninstall

    plan = plan_install(to)
    if remove:
        gone = tuple(uninstall(plan))
        return Files(gone, tuple(f"Removed {path}" for path in gone))
    if not dry_run:
        put(plan)
    return Files(tuple(plan.files), tuple(plan.lines(done=not dry_run)))


@command(group="addin", public="examine_addin", shared=())
def doctor(*, to: Target = None) -> Diagnosis:
    """Check Python, xlwings, paths, trust and model files, and say what to do.

    Example: icp-xl addin doctor
    """
    from icp_xl.excel.doctor import examine

    return Diagnosis(tuple(examine(to)))


@command(group="addin", public="selftest_addin", shared=())
def selftest(
    *,
    out: Annotated[Path, Option("Folder for the result: a workbook and a JSON file.", short="-o")] = Path("."),
    only: Annotated[tuple[str, ...], Option("A step by its name or number in the checklist; may be repeated.")] = (),
) -> SelfTest:
    """Drive the real Excel through what a program can check of the add-in, and write what to send back.

    It starts an Excel of its own, works on invented data in a folder of its own, touches no workbook that is open, and
    ends its Excel whatever happens. The result holds nothing of yours.

    Example: icp-xl addin selftest --out Result
    """
    from icp_xl.excel.selftest.run import run_selftest

    def tell(line: str) -> None:
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()

    return run_selftest(out, only=only, tell=tell)


@command(group="addin", public="write_templates", shared=())
def templates(
    *, out: Annotated[Path, Option("Folder to write the two workbooks to.", short="-o")] = Path(".")
) -> Files:
    """Write the two workbooks to start from: customers and sales log.

    Example: icp-xl addin templates --out MyFolder
    """
    from icp_xl.excel.templates import write_templates

    paths = tuple(write_templates(out))
    return Files(paths, tuple(f"Wrote {path}" for path in paths))


plain_button(
    Button(
        "Bring in results", "Help", "FileOpen", "I",
        "Opens the reports, and scores in place, of background jobs that ended while Excel or the workbook was closed.",
        tag="collect", order=10,
    ),
    Button(
        "Put sheets in", "Help", "SheetInsert", "U",
        "Saves this workbook, puts the sheets of all reports into it (with a backup), and opens it where you were.",
        screentip="Put the sheets into this workbook", tag="put_sheets", order=15,
    ),
    Button(
        "Put functions in", "Help", "FunctionWizard", "P",
        "Saves this workbook, puts ICP_SCORE and its like into it as names that need neither add-in nor macro (with a "
        "backup), and opens it where you were. They compute in Excel 2024 and 365, on the web and on phones.",
        screentip="Put the functions into this workbook", tag="put_functions", order=17,
    ),
    Button(
        "Cancel", "Help", "DeclineInvitation", "X",
        "Stops the background jobs that are running. Nothing is left half written.",
        screentip="Cancel background jobs", tag="cancel", order=20, calls="IcpCancelAll",
    ),
    Button(
        "Doctor", "Help", "Help", "D",
        "Checks Python, xlwings, paths and model files, and says what to do.", tag="doctor", order=30,
    ),
    Button(
        "Self-test", "Help", "MacroPlay", "Q",
        "Drives an Excel of its own through the add-in, on invented data, and writes a result to send back. No open "
        "workbook is touched.", tag="selftest", order=35,
    ),
    Button("About", "Help", "Info", "A", "Version, folders and the last run.", tag="about", order=40),
)  # fmt: skip
