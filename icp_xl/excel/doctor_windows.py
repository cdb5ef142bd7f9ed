"""The doctor's questions that only Windows raises: which Excel, what is forbidden, where things must lie.

What stands beside a question is where its rule is documented; ``tests/excel/test_doctor.py`` has each.
"""

from __future__ import annotations

import re
import site
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from icp_xl.excel.build import ADDIN
from icp_xl.excel.symptoms import Symptom
from icp_xl.excel.windows import (
    NO_CHILDREN,
    NO_WIN32_CALLS,
    NO_WMI_PROCESSES,
    OFFICE,
    POLICY,
    InstalledExcel,
    is_store_path,
)

PYTHON_ORG = "Install Python from python.org, and install icp_xl with it"


@dataclass(frozen=True)
class WindowsMachine:
    """What the questions are asked of: the Excel, the interpreter that serves it, and the user's folders."""

    excel: InstalledExcel
    python: str
    xlwings: str
    roaming: Path
    home: Path
    code_page: str = "mbcs"
    user_base: Path = field(default_factory=lambda: Path(site.USER_BASE or ""))


def examine_windows(machine: WindowsMachine) -> Iterator[Symptom]:
    """Every finding of one machine."""
    yield from _excel(machine.excel)
    yield from _python(machine)
    yield from _library(machine)
    yield from _forbidden(machine.excel)
    yield from _copies(machine)


def _excel(excel: InstalledExcel) -> Iterator[Symptom]:
    if not excel.program:
        yield Symptom("bad", "Excel", "none is registered on this machine", "Install Excel, and start it once.")
        return
    if excel.from_store:
        # xlwings' issues 1166, 1260, 1476, 1554: class not registered (-2147221164), because its COM is kept apart.
        yield Symptom(
            "bad", "Excel", "it came from the Microsoft Store, from which no Python can be reached",
            "Uninstall it, and install Office from office.com.",
        )  # fmt: skip
        return
    bits = f"{excel.bits}-bit" if excel.bits else "of unknown width"
    yield Symptom("good", "Excel", f"{excel.edition or 'version unknown'}, {bits}")
    # "LET function", "LAMBDA function" and "Dynamic array formulas vs. legacy CSE" (support.microsoft.com): LET and
    # spilling came with 2021, LAMBDA with 2024.
    if excel.edition in ("2016", "2019"):
        yield Symptom(
            "note", "Excel", f"{excel.edition} does not spill and has no LAMBDA",
            "A function over a range needs Ctrl+Shift+Enter over the cells it is to fill; Put functions in needs Excel "
            "2024 or 365.",
        )  # fmt: skip
    elif excel.edition == "2021":
        yield Symptom("note", "Excel", "2021 spills but has no LAMBDA", "Put functions in needs Excel 2024 or 365.")


def _python(machine: WindowsMachine) -> Iterator[Symptom]:
    if is_store_path(machine.python):
        # "Using Python on Windows", known issues of the Microsoft Store package (docs.python.org): what it writes below
        # AppData goes into a private copy, which Excel does not see.
        yield Symptom(
            "bad", "Python", "it came from the Microsoft Store; what it installs, Excel does not see", PYTHON_ORG + "."
        )
    # The DLL and VBA's Environ, Dir and Open know the code page only ("Environ function"; xlwings' CreateProcessA).
    for path, step in (
        (machine.python, PYTHON_ORG + " in a folder of plain letters."),
        (str(machine.home), "Set ICP_XL_HOME to a folder of plain letters, for Windows and not in one window only."),
    ):
        if not _in_code_page(path, machine.code_page):
            yield Symptom("bad", "Names", f"this machine's code page has no letters for {path}", step)


def _in_code_page(path: str, code_page: str) -> bool:
    try:
        path.encode(code_page)
    except UnicodeEncodeError:
        return False
    return True


def _library(machine: WindowsMachine) -> Iterator[Symptom]:
    """Excel loads the library of its own width, whatever Python's (VBA's ``#If Win64``; the wheel holds both)."""
    name = f"xlwings{machine.excel.bits or 64}-{machine.xlwings}.dll"
    # In this order, and nowhere else: XLPyLoadDLL of xlwings' VBA.
    folders = [Path(machine.python).parent, Path(machine.python).parent.parent]
    if any((folder / name).is_file() for folder in folders):
        yield Symptom("good", "Function library", name)
        return
    step = "Run `pip install --force-reinstall xlwings`."
    elsewhere = machine.user_base / name
    if elsewhere.is_file():
        # "User installs" (pip's documentation): without rights on Python's own folder, pip writes below the user's.
        step = (
            f"pip put it into {elsewhere.parent}, since Python's own folder is not yours: make an environment "
            "(`python -m venv FOLDER`), install icp_xl in it, and run its `icp-xl addin install`."
        )
    yield Symptom("bad", "Function library", f"{name} is in neither {folders[0]} nor {folders[1]}", step)


def _forbidden(excel: InstalledExcel) -> Iterator[Symptom]:
    ask = "Ask your administrator to exclude this Python from the rule {}; until then use the functions as names"
    ask += " (`icp-xl write-back BOOK --functions`) and icp-xl without Excel."
    rules = (
        (NO_CHILDREN, "bad", "Office may start no programs, so that neither buttons nor functions reach Python"),
        (NO_WIN32_CALLS, "bad", "macros may not call Windows, so that the add-in cannot load its library"),
        (NO_WMI_PROCESSES, "note", "jobs cannot be taken out of Excel: keep it open until they are done"),
    )
    for rule, state, text in rules:
        how = excel.forbids(rule)
        if how in ("block", "warn"):
            yield Symptom("bad" if state == "bad" else "note", "Defender", text, ask.format(rule.upper()))
        elif how == "audit":
            yield Symptom("note", "Defender", f"it records, and may soon forbid: {text} (rule {rule.upper()})")
    values = excel.registry.values
    # "Plan and configure Trusted Locations settings for Office", "Security policies and settings in Office".
    if _one(values("HKCU\\" + POLICY), "DisableAllAddins") or _one(
        values(rf"HKCU\{OFFICE}\Security"), "DisableAllAddins"
    ):
        yield Symptom("bad", "Trust", "add-ins are switched off altogether", "Switch them on in Excel's Trust Center.")
    for where in (POLICY, rf"{OFFICE}\Security"):
        if _one(values(rf"HKCU\{where}\Trusted Locations"), "AllLocationsDisabled"):
            yield Symptom(
                "bad", "Trust", "trusted locations are switched off, Excel's start-up folder too",
                "Allow them in Excel's Trust Center, or ask your administrator.",
            )  # fmt: skip
            break


def _one(values: Mapping[str, Any], name: str) -> bool:
    return values.get(name) == 1


def _copies(machine: WindowsMachine) -> Iterator[Symptom]:
    """No two add-ins of one name load ("Application.Run", "AddIns"), and one that crashed is not loaded again."""
    values = machine.excel.registry.values
    options = values(rf"HKCU\{OFFICE}\Options")
    mine = machine.roaming / "Microsoft/Excel/XLSTART" / ADDIN
    folders = [machine.roaming / "Microsoft/AddIns"]
    if machine.excel.program:
        folders.append(Path(machine.excel.program).parent / "XLSTART")
    if options.get("AltStartup"):
        folders.append(Path(str(options["AltStartup"])))
    others = [str(folder / ADDIN) for folder in folders if (folder / ADDIN).is_file()]
    # Add-ins ticked in Excel's own list: OPEN, OPEN1, ... with switches before a path in quotation marks.
    for name, value in options.items():
        if re.fullmatch(r"OPEN\d*", name.upper()) and ADDIN in str(value).lower():
            others.append(str(value).replace("/R", "").replace("/F", "").strip(' "'))
    for other in dict.fromkeys(others):
        if other.casefold() != str(mine).casefold():
            yield Symptom("bad", "Add-in", f"there is a second one of its name: {other}", "Remove that one.")
    for value in values(rf"HKCU\{OFFICE}\Resiliency\DisabledItems").values():
        # Binary: a header, then texts in UTF-16.
        if isinstance(value, bytes) and ADDIN.encode("utf-16-le") in value.lower():
            yield Symptom(
                "bad", "Add-in", "Excel switched it off after a crash",
                "File > Options > Add-ins > Manage: Disabled Items, and enable it there.",
            )  # fmt: skip
