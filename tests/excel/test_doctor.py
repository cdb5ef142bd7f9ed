"""The doctor's questions of Windows, over a registry and folders that are as documented (the sources stand in
``icp_xl/excel/windows.py`` and ``doctor_windows.py``), and a function server that is really started.
"""

from __future__ import annotations

import stat
import struct
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from icp_xl.excel import doctor, install
from icp_xl.excel.doctor_windows import WindowsMachine, examine_windows
from icp_xl.excel.function_server import try_import, try_server
from icp_xl.excel.symptoms import Symptom
from icp_xl.excel.windows import (
    APP_PATH,
    ASR_INTUNE,
    ASR_LOCAL,
    ASR_POLICY,
    ASR_SWITCH,
    CLICK_TO_RUN,
    NO_CHILDREN,
    NO_WIN32_CALLS,
    NO_WMI_PROCESSES,
    OFFICE,
    POLICY,
    InstalledExcel,
)
from icp_xl.excel.xlwings_udfs import FUNCTIONS

HKCU = "HKCU\\"


class Keys:
    """A registry of given keys and values."""

    def __init__(self, keys: Mapping[str, Mapping[str, Any]]) -> None:
        self.keys = keys

    def values(self, key: str) -> Mapping[str, Any]:
        return self.keys.get(key, {})


def program(folder: Path, machine: int = 0x8664) -> str:
    """An EXCEL.EXE of which only the header is there."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "EXCEL.EXE"
    path.write_bytes(b"MZ" + bytes(58) + struct.pack("<I", 64) + b"PE\0\0" + struct.pack("<H", machine))
    return str(path)


def machine(tmp_path: Path, keys: Mapping[str, Mapping[str, Any]], **changes: Any) -> WindowsMachine:
    """A sound machine: 64-bit Excel 365 and an environment that holds the library; ``keys`` and ``changes`` on top."""
    base = {
        APP_PATH: {"": program(tmp_path / "Office16")},
        CLICK_TO_RUN: {"ProductReleaseIds": "O365ProPlusRetail", "Platform": "x64"},
    }
    scripts = tmp_path / "env" / "Scripts"
    scripts.mkdir(parents=True, exist_ok=True)
    for bits in (32, 64):  # as the wheel does
        (tmp_path / "env" / f"xlwings{bits}-1.0.dll").touch()
    given: dict[str, Any] = {
        "excel": InstalledExcel(Keys({**base, **keys})), "python": str(scripts / "python.exe"), "xlwings": "1.0",
        "roaming": tmp_path / "Roaming", "home": tmp_path / ".icp_xl", "code_page": "cp1252",
        "user_base": tmp_path / "Roaming" / "Python",
    }  # fmt: skip
    return WindowsMachine(**{**given, **changes})


def said(found: WindowsMachine, *, state: str = "bad") -> list[Symptom]:
    return [item for item in examine_windows(found) if item.state == state]


def test_a_sound_machine_has_nothing_to_mend(tmp_path: Path) -> None:
    found = list(examine_windows(machine(tmp_path, {})))
    assert {item.state for item in found} == {"good"}
    assert [item.text for item in found][:2] == ["365, 64-bit", "xlwings64-1.0.dll"]


@pytest.mark.parametrize(("header", "platform", "bits"), [(0x14C, "x64", 32), (0x8664, "x86", 64), (None, "x86", 32)])
def test_the_library_is_that_of_excels_width_whatever_pythons(
    tmp_path: Path, header: int | None, platform: str, bits: int
) -> None:
    path = program(tmp_path / "O", header) if header else str(tmp_path / "nothing" / "EXCEL.EXE")
    keys = {APP_PATH: {"": f'"{path}"'}, CLICK_TO_RUN: {"ProductReleaseIds": "O365", "Platform": platform}}
    one = machine(tmp_path, keys)
    assert f"xlwings{bits}-1.0.dll" in [item.text for item in said(one, state="good")]
    (tmp_path / "env" / f"xlwings{bits}-1.0.dll").unlink()
    (bad,) = said(one)
    assert bad.topic == "Function library" and f"xlwings{bits}-1.0.dll is in neither" in bad.text


def test_excel_from_the_store_or_none(tmp_path: Path) -> None:
    path = program(tmp_path / "WindowsApps" / "Microsoft.Office.Desktop.Excel_16051" / "Office16")
    (bad,) = said(machine(tmp_path, {APP_PATH: {"": path}}))
    assert "Microsoft Store" in bad.text and "office.com" in bad.next_step
    (bad,) = said(machine(tmp_path, {APP_PATH: {}}))
    assert "none is registered" in bad.text


def test_python_from_the_store_writes_where_excel_does_not_look(tmp_path: Path) -> None:
    scripts = tmp_path / "WindowsApps" / "PythonSoftwareFoundation.Python.3.11_x"
    scripts.mkdir(parents=True)
    (scripts / "xlwings64-1.0.dll").touch()
    (bad,) = said(machine(tmp_path, {}, python=str(scripts / "python.exe")))
    assert bad.topic == "Python" and "python.org" in bad.next_step


@pytest.mark.parametrize(
    ("products", "edition", "notes"),
    [
        ("ProPlus2019Volume,VisioPro2019Volume", "2019", ["does not spill and has no LAMBDA", "Ctrl+Shift+Enter"]),
        ("ProPlusRetail", "2016", ["does not spill"]), ("HomeStudent2021Retail", "2021", ["no LAMBDA"]),
        ("ProPlus2024Volume", "2024", []), ("O365HomePremRetail", "365", []), ("O365BusinessRetail", "365", []),
        # Only what holds Excel tells of it.
        ("VisioPro2019Volume,O365ProPlusRetail", "365", []), ("ProjectPro2016Retail,ProPlus2024Volume", "2024", []),
        ("AccessRuntimeRetail,LanguagePack,Home2024Retail", "2024", []), ("VisioPro2021Volume", "", []),
        ("ProofKit2019Volume;excel2021retail", "2021", ["no LAMBDA"]), (["Standard2027Volume", "x"], "2027", []),
        ("SomethingNew", "", []), (None, "", []), (7, "", []), ("", "", []),
    ],
)  # fmt: skip
def test_what_an_edition_cannot_do_is_said(tmp_path: Path, products: Any, edition: str, notes: list[str]) -> None:
    one = machine(tmp_path, {CLICK_TO_RUN: {"ProductReleaseIds": products}})
    assert one.excel.edition == edition
    found = [item.line() for item in said(one, state="note")]
    assert len(found) == bool(notes) and all(note in found[0] for note in notes)


@pytest.mark.parametrize("key", [ASR_POLICY, ASR_LOCAL, ASR_INTUNE])
@pytest.mark.parametrize(
    ("rule", "value", "state", "text"),
    [
        (NO_CHILDREN, "1", "bad", "Office may start no programs"), (NO_CHILDREN, "6", "bad", "Office may start no"),
        (NO_CHILDREN, "2", "note", "may soon forbid"), (NO_CHILDREN, "0", "", ""),
        (NO_WIN32_CALLS, "1", "bad", "may not call Windows"), (NO_WMI_PROCESSES, "1", "note", "keep it open"),
    ],
)  # fmt: skip
def test_what_defender_forbids(tmp_path: Path, key: str, rule: str, value: str, state: str, text: str) -> None:
    spelt = {"ASRRules": f"00000000-0000-0000-0000-000000000000=1|{rule.upper()}={value}"}
    one = machine(tmp_path, {key: spelt if key == ASR_INTUNE else {rule.upper(): value}})
    found = [item for item in examine_windows(one) if item.state != "good"]
    assert [item.state for item in found] == ([state] if state else [])
    assert all(text in item.text and rule.upper() in item.line() for item in found)


@pytest.mark.parametrize(
    ("intune", "policy", "local", "state"),
    [
        # The policy decides, then the platform, then the machine; what is not configured leaves it to the next.
        (None, "0", 1, ""), (None, "1", 0, "bad"), ("0", None, 1, ""), ("5", "5", 1, "bad"), ("1", "0", None, ""),
        ("1", "off", 0, "bad"),
        (None, " 1 ", None, "bad"), (None, "0x1", None, "bad"), (None, 1, None, "bad"), (None, True, None, "bad"),
        # What nobody knows is said, and not taken for off.
        (None, "Block", None, "note"), (None, 9, None, "note"), (None, b"\1", None, "note"), (None, None, 2, "note"),
    ],
)  # fmt: skip
def test_who_decides_over_a_rule_of_defender(
    tmp_path: Path, intune: str | None, policy: Any, local: Any, state: str
) -> None:
    keys: dict[str, dict[str, Any]] = {ASR_SWITCH[0]: {ASR_SWITCH[1]: int(policy != "off")}}
    keys[ASR_POLICY] = {f"{{{NO_CHILDREN}}}": "0" if policy == "off" else policy} if policy is not None else {}
    keys[ASR_LOCAL] = {NO_CHILDREN: local} if local is not None else {}
    keys[ASR_INTUNE] = {"ASRRules": f"{NO_CHILDREN}={intune}"} if intune is not None else {}
    found = [item for item in examine_windows(machine(tmp_path, keys)) if item.state != "good"]
    assert [item.state for item in found] == ([state] if state else [])


SECURITY = rf"{OFFICE}\Security"


@pytest.mark.parametrize(
    ("keys", "bad"),
    [
        ({"HKLM\\" + POLICY: {"DisableAllAddins": 1}}, True), ({HKCU + SECURITY: {"disablealladdins": "1"}}, True),
        ({"HKLM\\" + POLICY: {"DisableAllAddins": 0}, HKCU + SECURITY: {"DisableAllAddins": 1}}, False),
        ({HKCU + SECURITY: {"DisableAllAddins": 0}}, False), ({HKCU + SECURITY: {"DisableAllAddins": None}}, False),
        ({rf"HKLM\{POLICY}\Trusted Locations": {"AllLocationsDisabled": 1}}, True),
    ],
)  # fmt: skip
def test_a_policy_stands_above_the_users_own_setting(tmp_path: Path, keys: dict[str, Any], bad: bool) -> None:
    assert bool(said(machine(tmp_path, keys))) == bad


@pytest.mark.parametrize(
    ("key", "values"),
    [
        (APP_PATH, {"": "C:\\Office\0\\EXCEL.EXE"}), (APP_PATH, {"": None}), (APP_PATH, {"": b"\1"}),
        (APP_PATH, {"": 5}),
        (CLICK_TO_RUN, {"Platform": 64, "ProductReleaseIds": b"x"}), (ASR_INTUNE, {"ASRRules": None}),
        (ASR_INTUNE, {"ASRRules": "|=||"}), (rf"{HKCU}{OFFICE}\Options", {"AltStartup": "a" * 9000, "OPEN": "\ud800"}),
        (APP_PATH, {"": "%" * 5000}), (rf"{HKCU}{OFFICE}\Options", {"OPEN": None, "OPEN1": 3, "AltStartup": b""}),
        (rf"{HKCU}{OFFICE}\Resiliency\DisabledItems", {"1": None, "2": "icp_xl.xlam"}),
    ],
)  # fmt: skip
def test_values_of_another_kind_are_no_end(tmp_path: Path, key: str, values: dict[str, Any]) -> None:
    found = list(examine_windows(machine(tmp_path, {key: values}, code_page="cp99999")))
    assert not any("could not be examined" in item.text for item in found)
    assert {"Function library", "Trust"} <= {item.topic for item in found}


def test_a_part_that_cannot_be_examined_is_a_finding_and_not_the_end(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = machine(tmp_path, {})
    broken = Keys({})
    monkeypatch.setattr(broken, "values", lambda key: 1 / 0 if key == ASR_INTUNE else sound.excel.registry.values(key))
    found = list(examine_windows(machine(tmp_path, {}, excel=InstalledExcel(broken))))
    (bad,) = [item for item in found if item.state == "bad"]
    assert bad.topic == "Defender" and "ZeroDivisionError" in bad.text
    assert [item.topic for item in found if item.state == "good"] == ["Excel", "Function library", "Trust"]
    # The whole doctor: every record of a function's error is answered, and a part that fails leaves the others.
    for body in ("[1]", "{}", '{"function": 1}', "[" * 100_000, "\0", '"x"'):
        (home / "last_function_error.json").write_text(body, encoding="utf-8")
        (item,) = [each for each in doctor.examine(tmp_path) if each.topic.startswith("Last unexpected")]
        assert "cannot be read" in item.text and item.state == "note"
    monkeypatch.setattr(doctor, "published_folder", lambda: 1 / 0)
    topics = [item.topic for item in doctor.examine(tmp_path)]
    assert "Results" in topics and "Jobs" in topics and "Python" in topics


def test_without_xlwings_that_is_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda name: None if name == "xlwings" else known(name))
    (tmp_path / "icp_xl.conf").write_bytes(install.config_text("win32", sys.executable, "1.0"))
    found = [*doctor.examine(tmp_path), *examine_windows(machine(tmp_path, {}, xlwings=""))]
    assert [item.text for item in found if item.topic == "xlwings"] == ["not installed"]
    assert not {"Versions", "Function library", "Function server"} & {item.topic for item in found}


@pytest.mark.parametrize(
    ("name", "value", "second"),
    [
        ("OPEN", '"D:\\tools\\my_icp_xl.xlam"', ""), ("OPEN", "D:\\icp_xl.xlam.old", ""),
        ("OPENED", "D:\\icp_xl.xlam", ""),
        ("OPEN", "D:\\icp_xl.xlam\\other.xlam", ""),
        ("OPEN2", '/R /F "D:\\a/Rest/ICP_XL.xlam"', "D:\\a/Rest/ICP_XL.xlam"),
        ("open3", "/A %PLACE%\\icp_xl.xlam", "E:\\shared\\icp_xl.xlam"), ("OPEN", "icp_xl.xlam", "AddIns/icp_xl.xlam"),
        ("OPEN", '/R "%MINE%/icp_xl.xlam"', ""), ("OPEN", "/R D:\\icp_xl.xlam\0\0", "D:\\icp_xl.xlam"),
    ],
)  # fmt: skip
def test_what_is_ticked_in_excels_own_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, second: str
) -> None:
    monkeypatch.setenv("Place", r"E:\shared")
    monkeypatch.setenv("MINE", str(tmp_path / "Roaming" / "Microsoft" / "Excel" / "XLSTART"))
    found = [item.text for item in said(machine(tmp_path, {rf"{HKCU}{OFFICE}\Options": {name: value}}))]
    assert len(found) == bool(second) and all(text.endswith(second) for text in found)


def test_variables_in_a_path_of_the_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ProgramFiles", str(tmp_path))
    program(tmp_path / "O", 0x14C)
    assert InstalledExcel(Keys({APP_PATH: {"": '"%PROGRAMFILES%/O/EXCEL.EXE"'}})).bits == 32
    assert InstalledExcel(Keys({APP_PATH: {"": "%NOWHERE%/O/EXCEL.EXE"}})).program == "%NOWHERE%/O/EXCEL.EXE"


@pytest.mark.parametrize("program", ["/bin/true", "/bin/echo"])
def test_what_ends_well_and_is_no_python_is_no_function_server(program: str) -> None:
    assert "is no Python" in try_import(program).fault


def test_what_talks_without_end_is_ended_and_fills_no_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    endless = tmp_path / "endless"
    endless.write_text("#!/bin/sh\nexec yes\n")
    endless.chmod(0o755)
    assert try_import(str(endless), limit=0.3).fault == "no answer within 0.3 seconds"


@pytest.mark.parametrize("python", ["/" + "a" * 5000, "/x\0y", "/tmp", "", "/\udc80"])
def test_a_configuration_of_any_kind_is_answered(tmp_path: Path, python: str) -> None:
    pairs = f'"INTERPRETER_WIN","{python}"\r\n'.encode("utf-8", "surrogatepass")
    (tmp_path / "icp_xl.conf").write_bytes(pairs)
    lines = [item.line() for item in doctor.examine(tmp_path)]
    assert any("names a Python that is gone" in line or "is missing" in line for line in lines)
    assert all(line.isprintable() and line.encode("utf-8") for line in lines)
    assert not any("could not be examined" in line for line in lines)


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({HKCU + POLICY: {"DisableAllAddins": 1}}, "add-ins are switched off"),
        ({rf"{HKCU}{OFFICE}\Security\Trusted Locations": {"AllLocationsDisabled": 1}}, "trusted locations"),
        ({rf"{HKCU}{POLICY}\Trusted Locations": {"AllLocationsDisabled": 1}}, "trusted locations"),
        (
            {rf"{HKCU}{OFFICE}\Resiliency\DisabledItems": {"3F2": b"\1\0\0" + "C:\\Icp_xl.xlam".encode("utf-16-le")}},
            "switched it off after a crash",
        ),
        ({rf"{HKCU}{OFFICE}\Options": {"OPEN1": '/R "D:\\old\\icp_xl.xlam"'}}, "second one of its name: D:\\old\\icp"),
    ],
)  # fmt: skip
def test_what_keeps_an_add_in_from_loading(tmp_path: Path, keys: dict[str, Any], text: str) -> None:
    (bad,) = said(machine(tmp_path, keys))
    assert text in bad.text and bad.next_step


@pytest.mark.parametrize("where", ["Roaming/Microsoft/AddIns", "Office16/XLSTART", "alternative"])
def test_a_second_add_in_of_the_same_name(tmp_path: Path, where: str) -> None:
    keys = {rf"{HKCU}{OFFICE}\Options": {"AltStartup": str(tmp_path / "alternative")}}
    mine = tmp_path / "Roaming/Microsoft/Excel/XLSTART"
    for folder in (mine, tmp_path / where):
        folder.mkdir(parents=True)
        (folder / "icp_xl.xlam").touch()
    (bad,) = said(machine(tmp_path, keys))
    assert bad.text.endswith(str(tmp_path / where / "icp_xl.xlam"))


def test_a_users_install_is_told_apart_from_a_missing_library(tmp_path: Path) -> None:
    one = machine(tmp_path, {})
    (tmp_path / "env" / "xlwings64-1.0.dll").unlink()
    (bad,) = said(one)
    assert "--force-reinstall" in bad.next_step
    one.user_base.mkdir(parents=True)
    (one.user_base / "xlwings64-1.0.dll").touch()
    (bad,) = said(one)
    assert "python -m venv" in bad.next_step and "--force-reinstall" not in bad.next_step


@pytest.mark.parametrize(
    ("name", "sound"), [("Jörg O'Neil & Co", True), ("Ελένη", False), ("Иван", False), ("山田", False)]
)
def test_names_outside_the_code_page(tmp_path: Path, name: str, sound: bool) -> None:
    scripts = tmp_path / name / "Scripts"
    scripts.mkdir(parents=True)
    (scripts.parent / "xlwings64-1.0.dll").touch()
    found = said(machine(tmp_path, {}, python=str(scripts / "python.exe"), home=tmp_path / name))
    assert [item.topic for item in found] == ([] if sound else ["Names", "Names"])
    # The configuration holds the path as it is, spaces included.
    text = install.config_text("win32", str(scripts / "python.exe"), "1.0")
    (tmp_path / "x.conf").write_bytes(text)
    assert install.read_config(tmp_path / "x.conf")["INTERPRETER_WIN"] == str(scripts / "python.exe")


def test_the_add_in_is_read_only_so_that_a_second_excel_opens_it_too(tmp_path: Path) -> None:
    addin = tmp_path / install.ADDIN
    plan = install.InstallPlan({addin: b"1", tmp_path / install.CONFIG_FILE: b"2"}, "win32", "python", "1.0")
    for _ in range(2):  # the second replaces a file that is read-only
        install.install(plan)
        assert not addin.stat().st_mode & stat.S_IWUSR
    assert (tmp_path / install.CONFIG_FILE).stat().st_mode & stat.S_IWUSR
    assert set(install.uninstall(plan)) == set(plan.files)


#: A server of which only the transport is another: it answers on a file in place of COM.
SERVE = """
import sys, time
open(sys.argv[2].strip("{}"), "w").write(sys.executable)
time.sleep(60)
"""


class Answers:
    """What a client has of a server; it is there when its process has written ``folder``'s file."""

    def __init__(self, folder: Path | None, name: str = "acme") -> None:
        self.folder, self.name, self.calls = folder, name, 0

    def __call__(self, clsid: str) -> Any:
        if self.folder is not None and not (self.folder / clsid.strip("{}")).exists():
            raise OSError(-2147221164, "class not registered")
        return self

    def CallUDF(self, module: str, function: str, cells: Any, book: Any, caller: Any) -> str:
        self.calls += 1
        assert (module, function) == (FUNCTIONS, "ICP_NORMALIZE") and cells[1] == "\n.\n,"
        return self.name


def test_a_function_server_is_started_asked_and_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    answers = Answers(tmp_path)
    trial = try_server(sys.executable, connect=answers, serve=SERVE)
    assert trial.fault == "" and trial.start_seconds > 0 and answers.calls == 2


def test_a_server_that_does_not_answer_says_why_and_is_ended(tmp_path: Path) -> None:
    gone = "raise SystemExit('No module named pywin32')"
    silent = "import time; time.sleep(60)"
    absent, wrong = Answers(tmp_path), Answers(None, "other")
    assert try_server(sys.executable, connect=absent, serve=gone).fault == "it ended at once: No module named pywin32"
    for answers, error in ((absent, "OSError"), (wrong, "ValueError")):
        fault = try_server(sys.executable, connect=answers, serve=silent, limit=0.2).fault
        assert fault == f"no answer within 0.2 seconds: {error}"
    assert "cannot be started" in try_server(str(tmp_path / "no python")).fault


def test_the_doctor_starts_the_python_of_the_configuration(tmp_path: Path) -> None:
    place = tmp_path / "Jörg Ελένη"
    place.mkdir()
    assert try_import(sys.executable).fault == ""
    broken = place / "broken"
    broken.write_text(textwrap.dedent("#!/bin/sh\necho 'No module named xlwings' >&2\nexit 1\n"))
    broken.chmod(0o755)
    (tmp_path / "icp_xl.conf").write_bytes(install.config_text("win32", str(broken), "1.0"))
    found = [item for item in doctor.examine(tmp_path) if item.topic == "Function server"]
    assert [(item.state, item.text) for item in found] == [("bad", "it ended at once: No module named xlwings")]


def test_what_to_do_names_the_folder_that_was_asked_of(tmp_path: Path) -> None:
    steps = [item.next_step for item in doctor.examine(tmp_path) if "is missing" in item.text]
    assert len(steps) == 2 and all(f'icp-xl addin install --to "{tmp_path}"' in step for step in steps)
