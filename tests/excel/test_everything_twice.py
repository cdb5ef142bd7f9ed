"""Each button twice in a row over a workbook in which everything of the user's points to our sheets, then all reports.

The jobs' work is done in this process; that they are processes of their own is shown in ``test_macros.py`` and
``test_jobs.py``.
"""

from __future__ import annotations

import re
import textwrap
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlsxwriter

import icp_xl.cli
from icp_xl.excel import jobs, macros, worker
from icp_xl.excel.actions import ACTIONS
from icp_xl.opc.archive import deterministic_zip
from tests.support.office_books import Book

from .test_macros import FAKE_CLI, SILENT

#: What the stand-in's reports are called, and under which name ``Put sheets in`` finds them.
REPORTS = {
    "icp_score": "icp_report", "icp_optimize": "icp_optimisation", "icp_train": "icp_models", "icp_build": "icp_build",
    "icp_validate": "icp_validation", "icp_won-lost": "icp_won_lost", "icp_whitespace": "icp_whitespace",
}  # fmt: skip
#: The user's sheet points to a sheet of this name until ours are there.
SOURCE, OURS = "Source!", "'ICP score data'!"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PIVOT = "application/vnd.openxmlformats-officedocument.spreadsheetml.pivot"
CACHE = (
    f'<pivotCacheDefinition xmlns="{MAIN}" xmlns:r="{RELS}" refreshOnLoad="1" recordCount="0"><cacheSource type='
    '"worksheet"><worksheetSource ref="A1:B4" sheet="ICP score data"/></cacheSource><cacheFields count="2"><cacheField '
    'name="Account"><sharedItems/></cacheField><cacheField name="Score"><sharedItems/></cacheField></cacheFields>'
    "</pivotCacheDefinition>"
)
TABLE = (
    f'<pivotTableDefinition xmlns="{MAIN}" name="mine" cacheId="1" dataCaption="Values" dataOnRows="0" updatedVersion='
    '"6" createdVersion="6"><location ref="M3:N5" firstHeaderRow="1" firstDataRow="1" firstDataCol="1"/><pivotFields '
    'count="2"><pivotField axis="axisRow" showAll="0"><items count="1"><item t="default"/></items></pivotField>'
    '<pivotField dataField="1" showAll="0"/></pivotFields><rowFields count="1"><field x="0"/></rowFields><rowItems '
    'count="1"><i t="grand"><x/></i></rowItems><colItems count="1"><i/></colItems><dataFields count="1"><dataField '
    'name="Sum" fld="1" baseField="0" baseItem="0"/></dataFields></pivotTableDefinition>'
)


def users_workbook(path: Path) -> None:
    """Accounts, and a sheet with a FILTER, an array, a formula, a name, a chart, a validation and a format."""
    book = xlsxwriter.Workbook(str(path))
    accounts = book.add_worksheet("Accounts")
    headers = ["Account ID", "Company", "Industry", "Annual Revenue", "Printers"]
    rows = [["001", "Acme", "Dental", 1e6, 3], ["002", "Beta", "Dental", 2e6, 1], ["003", "Gamma", "Dental", 5e7, 2]]
    accounts.add_table(
        "A3:E6", {"name": "tblAccounts", "columns": [{"header": text} for text in headers], "data": rows}
    )
    own = book.add_worksheet("My own")
    book.add_worksheet("Source").write("A1", 1)
    own.write_dynamic_array_formula("A1:A3", '=_xlfn._xlws.FILTER(Source!$A$1:$A$4,Source!$A$1:$A$4<>"")', None, "x")
    own.write_array_formula("C1:C2", "{=TRANSPOSE(Source!$A$2:$B$2)}", None, 1)
    own.write_formula("E1", "=Source!B2+SUM(Source!B2:B4)", None, 5)
    own.data_validation("F1", {"validate": "list", "source": "=Source!$A$2:$A$4"})
    own.conditional_format("G1", {"type": "formula", "criteria": "=Source!$B$2>1", "format": book.add_format()})
    chart = book.add_chart({"type": "column"})
    chart.add_series({"values": "=Source!$B$2:$B$4", "categories": "=Source!$A$2:$A$4"})
    own.insert_chart("H1", chart)
    book.define_name("my_total", "=Source!$B$2")
    book.close()


def parts_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as package:
        return {name: package.read(name) for name in package.namelist()}


def point_to_ours(path: Path) -> None:
    """Let what pointed to ``Source`` point to our sheet instead, and add a pivot table over it."""
    parts = {name: body.replace(SOURCE.encode(), OURS.encode()) for name, body in parts_of(path).items()}
    parts["xl/pivotCache/pivotCacheDefinition1.xml"] = CACHE.encode()
    parts["xl/pivotTables/pivotTable1.xml"] = TABLE.encode()
    relation = f'<Relationship Id="rIdP" Type="{RELS}/{{}}" Target="{{}}"/></Relationships>'
    for owner, kind, target in (
        ("xl/_rels/workbook.xml.rels", "pivotCacheDefinition", "pivotCache/pivotCacheDefinition1.xml"),
        ("xl/worksheets/_rels/sheet2.xml.rels", "pivotTable", "../pivotTables/pivotTable1.xml"),
    ):
        parts[owner] = parts[owner].replace(b"</Relationships>", relation.format(kind, target).encode())
    parts["xl/pivotTables/_rels/pivotTable1.xml.rels"] = (
        b'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        + relation.format("pivotCacheDefinition", "../pivotCache/pivotCacheDefinition1.xml").encode()
    )
    parts["xl/workbook.xml"] = re.sub(
        rb"(<calcPr[^>]*/>)", rb'\1<pivotCaches><pivotCache cacheId="1" r:id="rIdP"/></pivotCaches>',
        parts["xl/workbook.xml"],
    )  # fmt: skip
    types = "".join(
        f'<Override PartName="/xl/{name}" ContentType="{PIVOT}{kind}+xml"/>'
        for name, kind in (
            ("pivotCache/pivotCacheDefinition1.xml", "CacheDefinition"), ("pivotTables/pivotTable1.xml", "Table"),
        )
    )  # fmt: skip
    parts["[Content_Types].xml"] = parts["[Content_Types].xml"].replace(b"</Types>", types.encode() + b"</Types>")
    path.write_bytes(deterministic_zip(parts))


def users_parts(path: Path) -> dict[str, bytes]:
    """The user's sheet, drawing, chart, pivot and array metadata, without values that Excel computes anew."""
    mine = r"xl/(worksheets/sheet2\.xml|drawings/drawing1\.xml|charts/chart1\.xml|pivot\w+/\w+\.xml|metadata\.xml)"
    return {
        name: re.sub(rb"<v>[^<]*</v>|<c:(num|str)Cache>.*?</c:(num|str)Cache>| t=\"str\"", b"", body)
        for name, body in parts_of(path).items()
        if re.fullmatch(mine, name)
    }


@pytest.fixture
def book(app: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The workbook, open, beside a sales log; what has not changed in it is saved as it was."""
    monkeypatch.setattr(icp_xl.cli, "run", icp_xl.cli.run)
    exec(textwrap.dedent(FAKE_CLI), {})
    monkeypatch.setattr(jobs, "_spawn", lambda command, env, folder: (worker.work(jobs.open_job(folder)), False))
    monkeypatch.setattr(Book, "as_in_file", True)
    users_workbook(tmp_path / "Accounts.xlsx")
    sales = openpyxl.Workbook()
    sales.worksheets[0].append(["Date", "Account ID", "Customer", "SKU", "Revenue", "Category"])
    sales.worksheets[0].append(["2024-01-01", "001", "Acme", "X1", 100.0, "consumable"])
    sales.save(tmp_path / "Sales.xlsx")
    app.books.open(str(tmp_path / "Sales.xlsx"))
    return app.books.open(str(tmp_path / "Accounts.xlsx"))


def press(book: Any, name: str) -> jobs.Job:
    assert macros.guarded(book, macros.MACROS[name]), book.app.impl.alerts
    (job,) = jobs.waiting_jobs()
    macros.guarded(book, partial(macros.collect_job, job_id=job.id))
    assert job.delivered and jobs.waiting_jobs() == []
    return job


def put(book: Any, out: Path) -> Any:
    """Put sheets in, under the names that the real commands give to their reports."""
    for made, name in REPORTS.items():
        if (out / f"{made}.xlsx").is_file() and made != name:
            (out / f"{name}.xlsx").write_bytes((out / f"{made}.xlsx").read_bytes())
    app = book.app
    assert macros.guarded(book, macros.MACROS["put_sheets"]), app.impl.alerts
    return app.books["Accounts.xlsx"]


def test_each_button_twice_and_then_every_report_twice(book: Any, tmp_path: Path) -> None:
    path, out, app = tmp_path / "Accounts.xlsx", tmp_path / "icp_output", book.app
    press(book, "score")
    book.close()
    put(app.books.open(str(path)), out).close()
    point_to_ours(path)
    before, content = users_parts(path), path.read_bytes()
    assert len(before) == 6 and sum(OURS.encode() in body or b"ICP score data" in body for body in before.values()) >= 3
    book = app.books.open(str(path))
    own = {cell.coordinate: getattr(cell.value, "text", cell.value) for cell in book.api["My own"]._cells.values()}
    for name in (name for name in ACTIONS if name == "score" or name not in SILENT):
        for _ in range(2):
            press(book, name)
            now = {
                cell.coordinate: getattr(cell.value, "text", cell.value) for cell in book.api["My own"]._cells.values()
            }
            assert now == own, name
            # A button writes into the open workbook's table at most, and never into its file.
            assert path.read_bytes() == content, name
        for report in [each for each in app.books if each.name.startswith("icp_")]:
            report.close()
    # The scores in the table are not what is looked at here.
    book.impl.saved = True
    for _ in range(2):
        book = put(book, out)
        assert users_parts(path) == before
        names = [sheet.name for sheet in book.sheets]
        assert len(names) == len({name.lower() for name in names}) and names[:3] == ["Accounts", "My own", "Source"]
        for made, name in REPORTS.items():
            if (out / f"{name}.xlsx").is_file():
                for sheet in openpyxl.load_workbook(out / f"{name}.xlsx", read_only=True).sheetnames:
                    assert names.count(sheet) == 1, (made, sheet)
    assert b"my_total" in parts_of(path)["xl/workbook.xml"] and OURS.encode() in parts_of(path)["xl/workbook.xml"]
    assert sum(name in names for name in ("ICP score", "ICP train", "ICP whitespace", "ICP optimize")) == 4
