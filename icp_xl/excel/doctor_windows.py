"""The doctor's questions that only Windows raises: which Excel, what is forbidden, where things must lie.

What stands beside a question is where its rule is documented; ``tests/excel/test_doctor.py`` has each.
"""

from __future__ import annotations

import os
import re
import site
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath

from icp_xl.excel.build import ADDIN
from icp_xl.excel.symptoms import Symptom, examined
from icp_xl.excel.windows import (
    NO_CHILDREN,
    NO_WIN32_CALLS,
    NO_WMI_PROCESSES,
    OFFICE,
    POLICY,
    InstalledExcel,
    is_store_path,
    number_of,
    path_text,
    text_of,
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
    yield from examined(
        (
            ("Excel", lambda: _excel(machine.excel)),
            ("Python", lambda: _python(machine)),
            ("Function library", lambda: _library(machine)),
            ("Defender", lambda: _forbidden(machine.excel)),
            ("Trust", lambda: _trust(machine.excel)),
            ("Add-in", lambda: _copies(machine)),
        )
    )


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
    except LookupError:  # Python knows no such code page; plain letters are in every one.
        return path.isascii()
    return True


def _library(machine: WindowsMachine) -> Iterator[Symptom]:
    """Excel loads the library of its own width, whatever Python's (VBA's ``#If Win64``; the wheel holds both)."""
    if not machine.xlwings:
        return  # said already: there is no xlwings
    name = f"xlwings{machine.excel.bits or 64}-{machine.xlwings}.dll"
    # In this order, and nowhere else: XLPyLoadDLL of xlwings' VBA.
    folders = [Path(machine.python).parent, Path(machine.python).parent.parent]
    if any(os.path.isfile(folder / name) for folder in folders):
        yield Symptom("good", "Function library", name)
        return
    step = "Run `pip install --force-reinstall xlwings`."
    elsewhere = machine.user_base / name
    if os.path.isfile(elsewhere):
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
        elif how:
            text = f"the rule {rule.upper()} is set to {how}, of which it is unknown whether it forbids: {text}"
            yield Symptom("note", "Defender", text)


def _trust(excel: InstalledExcel) -> Iterator[Symptom]:
    """What an administrator, or the user, switched off ("Plan and configure Trusted Locations settings for Office",
    "Security policies and settings in Office").
    """
    bad = []
    if _setting(excel, "", "DisableAllAddins") == 1:
        bad.append(("add-ins are switched off altogether", "Switch them on in Excel's Trust Center"))
    if _setting(excel, r"\Trusted Locations", "AllLocationsDisabled") == 1:
        text = "trusted locations are switched off, Excel's start-up folder too"
        bad.append((text, "Allow them in Excel's Trust Center"))
    for text, step in bad:
        yield Symptom("bad", "Trust", text, f"{step}, or ask your administrator.")
    if _setting(excel, "", "VBAWarnings") == 4:
        yield Symptom(
            "note", "Trust", "macros are disabled by a policy or in Excel's Trust Center",
            "Add-ins in the start-up folder still load, unless that is forbidden too.",
        )  # fmt: skip
    elif not bad:
        yield Symptom("good", "Trust", "the start-up folder is trusted by Excel; no setting needs to change")


def _setting(excel: InstalledExcel, below: str, name: str) -> int | None:
    """A number of Excel's security settings: what a policy says, for the machine or the user, before the user's own."""
    for key in (rf"HKLM\{POLICY}", rf"HKCU\{POLICY}", rf"HKCU\{OFFICE}\Security"):
        values = {each.casefold(): value for each, value in excel.registry.values(key + below).items()}
        if number_of(values.get(name.casefold())) is not None:
            return number_of(values[name.casefold()])
    return None


def _copies(machine: WindowsMachine) -> Iterator[Symptom]:
    """No two add-ins of one name load ("Application.Run", "AddIns"), and one that crashed is not loaded again."""
    values = machine.excel.registry.values
    options = values(rf"HKCU\{OFFICE}\Options")
    mine = machine.roaming / "Microsoft/Excel/XLSTART" / ADDIN
    folders = [machine.roaming / "Microsoft/AddIns"]
    if machine.excel.program:
        folders.append(Path(machine.excel.program).parent / "XLSTART")
    alternative = path_text(options.get("AltStartup"))
    if alternative:
        folders.append(Path(alternative))
    others = [str(folder / ADDIN) for folder in folders if os.path.isfile(folder / ADDIN)]
    # Add-ins ticked in Excel's own list: OPEN, OPEN1, ... with switches before a path in quotation marks.
    for name, value in options.items():
        ticked = path_text(re.sub(r"^\s*(/\w+\s+)*", "", text_of(value)))
        if re.fullmatch(r"OPEN\d*", name.upper()) and PureWindowsPath(ticked).name.lower() == ADDIN:
            # A name alone lies in the folder of the user's add-ins.
            others.append(ticked if "\\" in ticked or "/" in ticked else str(folders[0] / ticked))
    for other in {_spelt(each): each for each in others}.values():
        if _spelt(other) != _spelt(str(mine)):
            yield Symptom("bad", "Add-in", f"there is a second one of its name: {other}", "Remove that one.")
    for value in values(rf"HKCU\{OFFICE}\Resiliency\DisabledItems").values():
        # Binary: a header, then texts in UTF-16.
        if isinstance(value, bytes) and ADDIN.encode("utf-16-le") in value.lower():
            yield Symptom(
                "bad", "Add-in", "Excel switched it off after a crash",
                "File > Options > Add-ins > Manage: Disabled Items, and enable it there.",
            )  # fmt: skip


def _spelt(path: str) -> str:
    """One spelling of a path, as Windows compares them."""
    return path.replace("\\", "/").casefold()
