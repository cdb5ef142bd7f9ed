"""A published workbook with a pivot sheet and tables, in LibreOffice after our sheets and columns have been put in."""

from __future__ import annotations

import json
import shutil
import subprocess
import uuid
from pathlib import Path
from typing import Any

import pytest

from icp_xl.delivery.write_back.column_values import RESULT_COLUMNS, Results
from icp_xl.delivery.write_back.columns import write_columns
from icp_xl.delivery.write_back.inject import inject_sheets
from icp_xl.opc.safe_write import SafeOptions
from tests.support.donors import make_donor
from tests.support.keys import exactly
from tests.support.office import PYTHON, require_office

SCRIPT = Path(__file__).parents[1] / "support" / "lo_pivot.py"
OPTIONS = SafeOptions(backups=0)


def refreshed(book: Path, folder: Path) -> dict[str, Any]:
    pipe = f"icp{uuid.uuid4().hex}"
    office = subprocess.Popen(
        ["soffice", f"-env:UserInstallation={(folder / 'profile').as_uri()}", "--headless", "--norestore", "--nologo",
         f"--accept=pipe,name={pipe};urp;"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        job = json.dumps({"pipe": pipe, "file": book.as_uri()})
        done = subprocess.run(
            [PYTHON, str(SCRIPT)], input=job, capture_output=True, text=True, check=False, timeout=1200
        )
    finally:
        office.terminate()
        office.wait()
    assert done.returncode == 0, done.stderr[-500:]
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.mark.office
def test_pivot_and_tables_work_after_sheets_and_columns(shared_data: Path, tmp_path: Path) -> None:
    require_office()
    source = shared_data / "regional-sales" / "US_Regional_Sales_Data.xlsx"
    book = tmp_path / "book.xlsx"
    shutil.copyfile(source, book)
    before = refreshed(book, tmp_path)
    ids = [str(number) for number in range(1, 51)]
    values = {
        "icp_score": [float(number) for number in range(50)], "icp_grade": ["A"] * 50, "rank": list(range(50)),
        "segment": ["Core"] * 50, "reasons": ["buys"] * 50,
    }  # fmt: skip
    done = write_columns(
        book, "_CustomerID", Results(RESULT_COLUMNS, values, exactly(ids)), sheet="Customers Sheet", options=OPTIONS
    )
    assert done.matched == 50 and not done.unmatched
    inject_sheets(book, make_donor(tmp_path / "donor.xlsx"), options=OPTIONS)
    after = refreshed(book, tmp_path)
    assert before["pivots"] and after["pivots"] == before["pivots"]
    assert after["sheets"] == [*before["sheets"], "ICP Report", "ICP Detail"]
    left, top, right, bottom = before["tables"]["Customers"]
    assert after["tables"]["Customers"] == [left, top, right + 5, bottom]
    others = {name: area for name, area in before["tables"].items() if name != "Customers"}
    assert {name: after["tables"][name] for name in others} == others
