"""LibreOffice evaluates the worksheet functions through the generated stubs, and loads the add-in.

Formula, generated VBA stub, ``IcpCells``, a link out of the office process, xlwings' real ``call_udf``, library: all
but Excel and COM themselves. LibreOffice Basic has no ``#If``, so the stubs' branch for other hosts is taken.
"""

from __future__ import annotations

import importlib.util
import json
import re
import socketserver
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from icp_xl.components.presets import EQUIPMENT
from icp_xl.config.scoring import ScoringSettings
from icp_xl.excel.build import build_addin, vba_folder
from icp_xl.excel.stubs import stubs_module
from icp_xl.scoring.accounts import score_accounts
from icp_xl.scoring.model import ScoreModel

pytestmark = pytest.mark.office
pytest.importorskip("pyopenvba")
SUPPORT = Path(__file__).parents[1] / "support"
COMPONENTS = [component.name for component in EQUIPMENT]
EVEN = dict.fromkeys(COMPONENTS, 0.25)

HOST = """Option Explicit
Private mServer As Object
Public Function CallUDF(modName As Variant, fName As Variant, args As Variant) As Variant
    Dim r As Variant, out() As Variant, i As Long, j As Long
    If mServer Is Nothing Then Set mServer = CreateUnoService("icp.xl.XLPy")
    r = mServer.CallUDF(modName, fName, args)
    If IsArray(r) Then
        If IsArray(r(0)) Then
            ReDim out(0 To UBound(r), 0 To UBound(r(0)))
            For i = 0 To UBound(r)
                For j = 0 To UBound(r(0))
                    out(i, j) = r(i)(j)
                Next j
            Next i
            CallUDF = out
            Exit Function
        End If
    End If
    CallUDF = r
End Function
"""
FACTORY = """Private mHost As Object
Public Function XLPy() As Object
    If mHost Is Nothing Then Set mHost = New XLPyHost
    Set XLPy = mHost
End Function
"""


def support(name: str) -> Any:
    full = f"support_{name}"
    if full not in sys.modules:
        spec = importlib.util.spec_from_file_location(full, SUPPORT / f"{name}.py")
        assert spec is not None and spec.loader is not None
        sys.modules[full] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[full])
    return sys.modules[full]


def crlf(text: str) -> str:
    return text.replace("\n", "\r\n")


def for_other_hosts(text: str) -> str:
    """The generated stubs' branch for hosts other than Excel, with its error label in use."""
    text = re.sub(r"(?ms)^\s*#If App.*?^\s*#Else\n(.*?)^\s*#End If\n", r"\1", text)
    text = re.sub(r"(?m)^(\s*)(\w+ = IcpCell\(XLPy)", r"\1On Error GoTo failed\n\1\2", text)
    return re.sub(r"(?m)^(\s*)(#Const.*|If \(Not Application\.CommandBars.*)\n", "", text)


def make_book(path: Path) -> None:
    from pyopenvba import ExcelFile, VBAModuleKind

    with ExcelFile.create_new(path) as book:
        project = book.vba_project()
        project.delete_module("Module1")
        project.add_module("xlwings_udfs", crlf(for_other_hosts(stubs_module())))
        project.add_module("IcpCells", crlf((vba_folder() / "IcpCells.bas").read_text()))
        project.add_module("xlwings", crlf(FACTORY))
        project.add_module("XLPyHost", crlf(HOST), kind=VBAModuleKind.other)
        book.save()


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ICP_XL__PATHS__OUT", str(tmp_path / "out"))
    monkeypatch.setenv("ICP_XL_HOME", str(tmp_path / "home"))
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def fit(out: Path, weights: dict[str, float]) -> ScoreModel:
    rng = np.random.default_rng(3)
    n = 80
    frame = pd.DataFrame({"account_id": [str(i) for i in range(n)], "account_name": "x", "rep": "r", "region": "w"})
    frame["industry"] = rng.choice(["Dental", "Education"], n)
    for name in ("annual_revenue", "printers", "hardware_revenue", "consumable_revenue", "software_revenue",
                 "service_revenue", "total_revenue", "gross_profit"):  # fmt: skip
        frame[name] = rng.lognormal(8, 2, n)
    model = score_accounts(frame, {}, weights, ScoringSettings()).model
    model.save(out / "score_model.json")
    return model


@pytest.fixture
def server() -> Iterator[int]:
    """The function server behind a socket; gives its port."""
    with support("udf_server").function_server() as functions:

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                name, args = json.loads(self.rfile.readline())
                args = [tuple(map(tuple, arg)) if isinstance(arg, list) else arg for arg in args]
                self.wfile.write((json.dumps(functions.call(name, *args)) + "\n").encode())

        with socketserver.TCPServer(("127.0.0.1", 0), Handler) as listening:
            threading.Thread(target=listening.serve_forever, daemon=True).start()
            yield listening.server_address[1]
            listening.shutdown()


Steps = Callable[..., dict[str, Any]]


@pytest.fixture
def calc(tmp_path: Path, server: int) -> Iterator[Steps]:
    """A workbook with the stubs, open in LibreOffice."""
    support("office").require_office()
    make_book(tmp_path / "functions.xlsm")
    yield from talk(tmp_path, tmp_path / "functions.xlsm", {"ICP_XL_TEST_PORT": str(server)})


def talk(tmp_path: Path, book: Path, env: dict[str, str]) -> Iterator[Steps]:
    # LibreOffice's own Python must not meet the environment that the tests run in.
    pipe = f"icp{uuid.uuid4().hex[:12]}"
    office = subprocess.Popen(
        ["soffice", f"-env:UserInstallation=file://{tmp_path}/profile", "--headless", "--norestore",
         f"--accept=pipe,name={pipe};urp;"],
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(tmp_path), **env},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    driver = subprocess.Popen(
        [support("office").PYTHON, str(SUPPORT / "lo_functions.py"), pipe, str(book), str(SUPPORT / "lo_component.py")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert driver.stdin is not None and driver.stdout is not None

    def step(**what: Any) -> dict[str, Any]:
        driver.stdin.write(json.dumps(what) + "\n")  # type: ignore[union-attr]
        driver.stdin.flush()  # type: ignore[union-attr]
        line = driver.stdout.readline()  # type: ignore[union-attr]
        assert line, "LibreOffice ended"
        answer: dict[str, Any] = json.loads(line)
        return answer

    try:
        yield step
    finally:
        driver.stdin.close()
        driver.wait(1200)
        driver.stdout.close()
        try:
            office.wait(30)
        except subprocess.TimeoutExpired:
            office.kill()
            office.wait()


def test_cells_are_scored_single_and_spilled_and_again_after_input_and_model_change(calc: Steps, out: Path) -> None:
    facts = [
        ["Dental", 3e3, 2e3, 3e3, 2e3],
        ["Education", 5e4, 9e3, 9e3, 1e4],
        ["Dental", None, 500.0, 800.0, 300.0],
    ]
    model = fit(out, EVEN)

    def want(rows: list[list[Any]], model: ScoreModel) -> list[float]:
        columns = [list(column) for column in zip(*rows, strict=True)]
        numbers = [[np.nan if value is None else value for value in column] for column in columns[1:]]
        found: list[float] = model.score_arrays(columns[0], *numbers).icp_score.tolist()
        return found

    cells = {f"{'ABCDE'[j]}{i}": value for i, row in enumerate(facts, 1) for j, value in enumerate(row)}
    single = {f"F{i}": f"=ICP_SCORE(A{i};B{i};C{i};D{i};E{i})" for i in (1, 2, 3)}
    got = calc(
        set={cell: value for cell, value in cells.items() if value is not None},
        formula=single,
        array={"G1:G3": "=ICP_SCORE(A1:A3;B1:B3;C1:C3;D1:D3;E1:E3)"},
        read=["F1:F3", "G1:G3"],
    )
    first = [row[0] for row in got["F1:F3"]["values"]]
    assert np.allclose(first, want(facts, model), atol=1e-9, rtol=0.0)
    assert [row[0] for row in got["G1:G3"]["values"]] == first
    facts[0][3] = 50000.0
    got = calc(set={"D1": 50000.0}, read=["F1:F3", "G1:G3"])
    again = [row[0] for row in got["F1:F3"]["values"]]
    assert again != first and np.allclose(again, want(facts, model), atol=1e-9, rtol=0.0)
    assert [row[0] for row in got["G1:G3"]["values"]] == again
    other = fit(out, {**EVEN, "vertical": 0.1, "adoption": 0.4})
    got = calc(recalculate=True, read=["F1:F3", "G1:G3"])
    last = [row[0] for row in got["F1:F3"]["values"]]
    assert last != again and np.allclose(last, want(facts, other), atol=1e-9, rtol=0.0)
    assert [row[0] for row in got["G1:G3"]["values"]] == last
    got = calc(
        set={"H1": "abc"},
        formula={
            "I1": "=ICP_SCORE(A1;H1;C1;D1;E1)",
            "I2": '=ICP_LOOKUP("nobody";"rank")',
            "I3": '=ICP_GRADE("Dental";1;1;1;1)',
        },
        read=["I1:I3"],
    )
    # LibreOffice shows an error value of VBA by its number: 2015 is #VALUE!, 2042 is #N/A.
    assert [row[0] for row in got["I1:I3"]["values"]][:2] == ["Error 2015", "Error 2042"]
    assert got["I1:I3"]["values"][2][0] in list("ABCDF")


def test_libreoffice_loads_the_add_in_with_its_modules(tmp_path: Path) -> None:
    support("office").require_office()
    addin = build_addin(tmp_path / "icp_xl.xlam")
    for step in talk(tmp_path, addin, {}):
        modules = set(step(read=[])["modules"])
        assert {
            "IcpText",
            "IcpCells",
            "IcpHost",
            "IcpJobs",
            "IcpRibbon",
            "IcpFunctions",
            "xlwings_udfs",
            "xlwings",
        } <= modules
