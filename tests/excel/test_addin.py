"""The add-in as built: VBA as committed, a ribbon that fits it, the same bytes each time; installation and doctor."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from icp_xl.commands import ribbon as ribbon_module
from icp_xl.commands.declare import Button
from icp_xl.errors import DeliveryError
from icp_xl.excel import build, doctor, install, macros
from icp_xl.excel.stubs import help_module, stubs_module
from icp_xl.excel.templates import CUSTOMERS_BOOK, SALES_BOOK, customers_template, sales_template, setting_keys
from icp_xl.excel.xlwings_udfs import described

pytest.importorskip("pyopenvba")
ROOT = Path(__file__).parents[2]
VBA = ROOT / "vba"
UI = "{http://schemas.microsoft.com/office/2009/07/customui}"
SIGNATURES = {"onLoad": r"\(ribbon As Object\)", "onAction": r"\(control As Object\)"}
GROUPS = ["Prepare", "Score", "Model", "Act", "Learn", "Share", "Help"]


@pytest.fixture(scope="module")
def addin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build.build_addin(tmp_path_factory.mktemp("addin") / "icp_xl.xlam")


@pytest.fixture(scope="module")
def ribbon() -> ET.Element:
    return ET.parse(VBA / "customUI14.xml").getroot()


def lines(text: str) -> list[str]:
    kept = [line.rstrip() for line in text.replace("\r\n", "\n").split("\n")]
    while kept and not kept[-1]:
        kept.pop()
    return kept


def test_olevba_reads_every_module_as_committed(addin: Path) -> None:
    olevba = pytest.importorskip("oletools.olevba")
    parser = olevba.VBA_Parser(str(addin))
    found = {name: code for _, _, name, code in parser.extract_macros()}
    parser.close()
    for name in build.MODULES:
        assert lines(found[f"{name}.bas"]) == lines((VBA / f"{name}.bas").read_text())
    assert lines(found["xlwings_udfs.bas"]) == lines(stubs_module())
    assert lines(found["IcpFunctions.bas"]) == lines(help_module())
    own = [line for line in lines(found["ThisWorkbook.cls"]) if not line.startswith("Attribute")]
    assert own == lines((VBA / "ThisWorkbook.cls").read_text())


def test_the_add_in_hears_no_workbook_but_itself(addin: Path) -> None:
    from pyopenvba import ExcelFile

    with ExcelFile(addin) as book:
        text = book.get_module("xlwings")
        assert book.vba_project().name == "IcpXl" and book.validate() == []
    assert 'PROJECT_NAME As String = "icp_xl"' in text
    config = text[text.index("Function GetConfig(") : text.index("Function SaveConfigToFile")]
    assert "SheetExists(ActiveWorkbook" not in config and 'source = "directory"' not in config
    with pytest.raises(DeliveryError, match="looks different"):
        build.xlwings_module("Attribute VB_Name")


def test_two_builds_in_two_processes_are_identical(addin: Path, tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from icp_xl.excel.build import build_addin as b; b(Path(sys.argv[1]))"
    other = tmp_path / "other.xlam"
    env = {"PYTHONHASHSEED": "7", "PATH": "", "TZ": "Asia/Tokyo"}
    subprocess.run([sys.executable, "-c", code, str(other)], check=True, cwd=ROOT, env=env)
    assert other.read_bytes() == addin.read_bytes()


def test_the_package_holds_no_path_and_nobodys_name(addin: Path) -> None:
    with zipfile.ZipFile(addin) as package:
        names = package.namelist()
        text = b"".join(package.read(name) for name in names if name.endswith((".xml", ".rels")))
    assert names.count("customUI/customUI14.xml") == 1 and "customUI/customUI.xml" not in names
    assert b":\\" not in text and b"Felix" not in text and b"absPath" not in text
    assert text.count(b"ui/extensibility") == 1


def test_ribbon_callbacks_exist_and_ids_are_unique(ribbon: ET.Element) -> None:
    source = "\n".join(path.read_text() for path in VBA.glob("*.bas"))
    ids = [element.get("id") for element in ribbon.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    for element in ribbon.iter():
        for attribute, value in element.attrib.items():
            if attribute in SIGNATURES:
                assert re.search(rf"(?m)^Public Sub {value}{SIGNATURES[attribute]}", source), value
            assert not attribute.startswith("get"), "a dynamic callback has a signature that is not checked here"


def test_ribbon_follows_the_work_and_every_button_is_complete(ribbon: ET.Element) -> None:
    assert [tab.get("label") for tab in ribbon.iter(f"{UI}tab")] == ["ICP"]
    assert [group.get("label") for group in ribbon.iter(f"{UI}group")] == GROUPS
    icons = {line for line in (VBA / "icons.txt").read_text().splitlines() if line and not line.startswith("#")}
    buttons = list(ribbon.iter(f"{UI}button"))
    for button in buttons:
        assert button.get("imageMso") in icons
        assert all(button.get(name) for name in ("label", "screentip", "supertip", "keytip"))
        assert len(button.get("supertip") or "") <= 1024
    tips = [button.get("keytip") or "" for button in buttons]
    # Of two that begin alike, the longer could not be pressed.
    assert not any(one.startswith(other) for i, one in enumerate(tips) for j, other in enumerate(tips) if i != j)
    assert {button.get("tag") for button in buttons} - {None} == set(macros.MACROS)


def test_forty_more_buttons_find_keys_of_their_own() -> None:
    """Whoever adds a button looks for no key; those that are declared stay, and clashes are said."""
    known = [button for button, _ in ribbon_module.buttons()]
    new = [Button(f"Button {n}", "Learn", "Camera", "", "One more.") for n in range(40)]
    tips = ribbon_module.keytips([*new, *known])
    assert tips[40:] == ribbon_module.keytips(known) == [button.keytip for button in known]
    assert all(re.fullmatch("[A-Z0-9]{2}", tip) for tip in tips[:40]) and len(set(tips)) == len(tips)
    letters = {tip for tip in tips[40:] if len(tip) == 1}
    assert not any(tip[0] in letters for tip in tips[:40])
    for keytip in ("A", "AB", "g", "ABCD", "A B"):
        with pytest.raises(ValueError, match="key"):
            ribbon_module.keytips([*known, replace(new[0], keytip=keytip)])


def test_vba_has_no_business_rule_and_only_known_words() -> None:
    for path in VBA.glob("*.bas"):
        text = path.read_text(encoding="ascii")
        assert "Option Explicit" in text
        assert max(len(line) for line in text.splitlines()) < 250
        for word in ("weight", "grade", "0.25", "industry", "Shell", "CreateObject", "VBProject"):
            assert word.lower() not in re.sub(r"'.*", "", text).lower(), (path.name, word)


def test_stubs_are_xlwings_own_with_errors_made_real() -> None:
    text = stubs_module()
    functions = len(described())
    assert functions >= 14
    assert text.count("IcpCell(XLPy.CallUDF(") == 2 * functions
    assert text.count("IcpFailed(Err.Description)") == functions
    assert " = Err.Description" not in text
    assert max(map(len, text.splitlines())) <= 1024


def test_function_help_names_every_function_and_fits_vba() -> None:
    text = help_module()
    functions = len(described())
    assert text.count("Application.MacroOptions Macro:=") == text.count('Category:="ICP"') == functions
    for block in text.split("Application.MacroOptions")[1:]:
        assert block.count(" _\n") <= 24
    assert max(map(len, text.splitlines())) < 1000


@pytest.fixture(scope="module")
def vba(addin: Path) -> Any:
    """The pure modules of the built add-in in pyOpenVBA's interpreter, with Python stubbed."""
    from pyopenvba import ExcelFile
    from pyopenvba.apps.excel import ExcelApplication

    app = ExcelApplication()
    app.add_workbook()
    with ExcelFile(addin) as book:
        for name in ("IcpText", "IcpCells"):
            app.add_module(book.get_module(name), name=name)
    return app


def test_vba_commands_cannot_be_broken_out_of(vba: Any) -> None:
    assert vba.run("IcpCommand", "won_lost") == "from icp_xl.excel import macros; macros.run('won_lost')"
    assert vba.run("IcpCommand", "x'); import os #") == "from icp_xl.excel import macros; macros.run('ximportos')"
    assert vba.run("IcpFetchCommand", "20260101T000000-score-2").endswith("macros.fetch('20260101T000000-score-2')")


def test_vba_reads_the_status_that_python_writes(vba: Any, tmp_path: Path) -> None:
    from icp_xl.excel.status import ALIVE, ENDED, Status, write_status

    for state in (*ALIVE, *ENDED):
        write_status(tmp_path, Status(state, "Score", "Reading", 1, 4))
        text = (tmp_path / "status.txt").read_text()
        assert vba.run("IcpStateOf", text) == state
        assert bool(vba.run("IcpHasEnded", state)) is (state in ENDED)
        assert vba.run("IcpStatusLine", text.replace("\n", "\r\n")) == Status(state, "Score", "Reading", 1, 4).line()
    assert vba.run("IcpStateOf", "") == "" and vba.run("IcpStatusLine", "running") == ""


def test_vba_tells_one_sentence_of_a_failure(vba: Any) -> None:
    trace = 'Traceback (most recent call last):\n  File "x", line 1\nModuleNotFoundError: No module named icp_xl\n'
    assert vba.run("IcpSentence", trace) == "ModuleNotFoundError: No module named icp_xl"
    assert vba.run("IcpSentence", "Could not find Interpreter!") == "Could not find Interpreter!"
    assert "doctor" in vba.run("IcpSentence", "")
    assert bool(vba.run("IcpHolds", "a|bc|", "bc")) and not vba.run("IcpHolds", "a|bc|", "b")


TRIAL = """Attribute VB_Name = "Trial"
Public Function Cut() As String
    Dim given As Variant
    Range("A3").Value = 1
    Range("C9").Value = 2
    given = IcpArguments(Array(Range("A:A"), Range("B2:B5"), 3, Range("D:D")))
    Cut = given(0).Address & " " & given(1).Address & " " & given(2) & " " & given(3).Address
End Function
Public Function Again() As String
    Range("F1").Formula = "=ICP_SCORE(A1,1,1,1,1)"
    Range("F2").Formula = "=1+1"
    Range("F3").Value = "ICP_SCORE"
    Range("H1:H2").Formula = "=2+2"
    Again = IcpRecalculate()
    Again = Range("F1").Value & " " & Range("F2").Value & " " & Range("F3").Value & " " & Range("H1").Value
End Function
"""


def test_vba_cuts_whole_columns_and_recalculates_our_cells_only() -> None:
    from pyopenvba.apps.excel import ExcelApplication

    app = ExcelApplication()
    app.add_workbook()
    for name in ("IcpText", "IcpCells", "IcpHost"):
        text = (build.vba_folder() / f"{name}.bas").read_text(encoding="ascii")
        # The interpreter has no Range.Dirty: a cell that would be calculated again shows that.
        app.add_module(text.replace("cell.Dirty", 'cell.Value = "again"'), name=name)
    app.add_module(TRIAL, name="Trial")
    assert app.run("Cut") == "$A$1:$A$9 $B$2:$B$5 3 $D$1:$D$9"
    assert app.run("Again") == "again 2 ICP_SCORE 4"


def test_one_function_server_serves_every_workbook(addin: Path) -> None:
    from pyopenvba import ExcelFile

    with ExcelFile(addin) as book:
        text = book.get_module("xlwings").replace("\r\n", "\n")
    command = text[text.index("Function XLPyCommand()") : text.index("Function NDims")]
    # The DLL keeps one Python per command line (xlwings' issues 787 and 849): nothing in it may differ by workbook.
    assert "ActiveWorkbook" not in command and "ThisWorkbook" not in command
    assert command.count("known = XLPyCommand") == command.count("If loaded Then Exit Sub") == 1


def test_installation_for_windows_and_mac_is_planned_and_put_in_place(tmp_path: Path, addin: Path) -> None:
    windows = install.plan_install(platform="win32", python="/opt/py/python.exe", home=tmp_path)
    mac = install.plan_install(platform="darwin", python="/opt/py/bin/python", home=tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in windows.files] == [
        "AppData/Roaming/Microsoft/Excel/XLSTART/icp_xl.xlam",
        ".icp_xl/icp_xl.conf",
    ]
    names = [path.relative_to(tmp_path).as_posix() for path in mac.files]
    assert names[0].endswith("Startup.localized/Excel/icp_xl.xlam")
    assert names[1] == "Library/Containers/com.microsoft.Excel/Data/icp_xl.conf"
    assert names[2].startswith("Library/Application Scripts/com.microsoft.Excel/xlwings-")
    install.install(windows)
    done, config = windows.files
    assert done.read_bytes() == addin.read_bytes()
    known = install.read_config(config)
    assert known["INTERPRETER_WIN"] == "/opt/py/python.exe" and known["ICP_XLWINGS_VERSION"] == windows.version
    assert config.read_bytes().startswith(b'"INTERPRETER_WIN","/opt/py/python.exe"\r\n')
    assert set(install.uninstall(windows)) == set(windows.files) and not done.exists()
    with pytest.raises(DeliveryError, match="no Excel for this system"):
        install.plan_install(platform="linux", home=tmp_path)


def test_the_command_line_installs_to_a_folder_and_examines_it(tmp_path: Path, capsys: Any) -> None:
    from icp_xl.cli import run

    assert run(["addin", "install", "--to", str(tmp_path), "--dry-run"]) == 0
    assert list(tmp_path.iterdir()) == [] and "Would write" in capsys.readouterr().out
    assert run(["addin", "doctor", "--to", str(tmp_path)]) == 1
    assert "NO    Add-in" in capsys.readouterr().out
    assert run(["addin", "install", "--to", str(tmp_path)]) == 0
    assert run(["addin", "doctor", "--to", str(tmp_path)]) == 0
    assert "ok    Configuration" in capsys.readouterr().out
    (tmp_path / "icp_xl.conf").write_bytes(install.config_text("win32", str(tmp_path / "gone"), "0.0.1"))
    found = {item.topic: item for item in doctor.examine(tmp_path)}
    assert found["Configuration"].state == found["Versions"].state == "bad"
    assert "icp-xl addin install" in found["Versions"].next_step
    assert run(["addin", "install", "--to", str(tmp_path), "--remove"]) == 0
    assert not (tmp_path / "icp_xl.xlam").exists()


def test_templates_are_as_committed_and_read_without_a_guess(tmp_path: Path) -> None:
    import openpyxl

    from icp_xl.sources.fields import ASSETS, CUSTOMERS, SALES
    from icp_xl.sources.headers import find_header
    from icp_xl.sources.settings_sheet import read_settings_sheet

    assert (ROOT / "templates" / CUSTOMERS_BOOK).read_bytes() == customers_template()
    assert (ROOT / "templates" / SALES_BOOK).read_bytes() == sales_template()
    customers = openpyxl.load_workbook(io.BytesIO(customers_template()))
    sales = openpyxl.load_workbook(io.BytesIO(sales_template()))
    for book, sheet, spec in (
        (customers, "Customers", CUSTOMERS),
        (sales, "Sales log", SALES),
        (sales, "Assets", ASSETS),
    ):
        header = find_header([[cell.value for cell in row] for row in book[sheet].iter_rows(max_row=2)], spec)
        assert header is not None and header.lacks(spec) == []
        assert {match.how for match in header.matches.values()} == {"exact"} and len(header.matches) == len(spec.fields)
        assert len(book[sheet].tables) == 1
        rules = book[sheet].data_validations.dataValidation
        assert len(rules) == len(spec.fields) and all(rule.prompt and rule.showInputMessage for rule in rules)
    settings = customers["ICP Settings"]
    known = dict(setting_keys())
    assert [cell.value for cell in settings[1]] == ["Setting", "Value", "Notes"]
    assert {cell.value for cell in settings["A"][1:]} <= set(known)
    settings["B3"] = False
    customers.save(tmp_path / "x.xlsx")
    assert [row[:2] for row in read_settings_sheet(tmp_path / "x.xlsx")] == [("scoring.use_optimized_weights", False)]


def imported(*arguments: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return {line.split("|")[-1].strip().split(".")[0] for line in done.stderr.splitlines() if "|" in line}


def test_the_function_server_starts_without_the_modelling_libraries() -> None:
    found = imported(
        "-c", "import xlwings, udfs.icp, icp_xl.scoring.model; from icp_xl.excel import functions, lookups"
    )
    assert {"xlwings", "numpy"} <= found
    assert not found & {"sklearn", "lightgbm", "optuna", "duckdb", "openpyxl", "xlsxwriter"}


def test_help_of_the_command_line_imports_no_pandas() -> None:
    found = imported("-m", "icp_xl", "--help")
    assert "typer" in found
    assert not found & {"pandas", "numpy", "sklearn", "lightgbm", "optuna", "xlwings", "openpyxl"}
