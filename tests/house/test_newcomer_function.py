"""A newcomer adds a worksheet function: what it computes and its declaration, and cells, add-in and page have it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.newcomer import Copy

COMPUTED = '''

@safe
def lead(account: Cell, other: Cell) -> Cell:
    """Points by which accounts of the last run lead others; negative where they trail."""
    scores = published.accounts().field("icp_score")
    grids = [as_grid(account), as_grid(other)]
    shape = common_shape(grids)
    pairs = zip(*(flatten(grid, shape) for grid in grids), strict=True)
    return shaped([guard(lambda pair: float(scores[_find(pair[0])] - scores[_find(pair[1])]), p) for p in pairs], shape)
'''
DECLARED = '''

@worksheet_function(account=ACCOUNT, other="The account to hold it against, one cell or a range")
def ICP_LEAD(account: Any, other: Any) -> Any:
    """Points by which an account leads another in the last run; negative where it trails."""
    return lookups.lead(account, other)
'''
PROGRAM = """
import json, os
from pathlib import Path
import icp_xl
from icp_xl import artifacts, docs_tables
from tests.support.broken_inputs import sound
from tests.support.udf_server import function_server

Path("books").mkdir()
sound(Path("books"))
icp_xl.score({"paths.data": "books", "paths.out": "out", "reports.live": False})
scored = artifacts.SCORED_ACCOUNTS.load(Path("out"))
os.environ["ICP_XL__PATHS__OUT"] = "out"
first, second = (str(scored["account_id"].iloc[i]) for i in (0, -1))
with function_server() as server:
    answers = [server.call("ICP_LEAD", first, second), server.call("ICP_LEAD", second, first),
               server.call("ICP_LEAD", first, "nobody"),
               [row[0] for row in server.call("ICP_LEAD", ((first,), (second,), (None,)), first)]]
del os.environ["ICP_XL__PATHS__OUT"]
from icp_xl.excel import build
from pyopenvba import ExcelFile
with ExcelFile(build.build_addin(Path("icp_xl.xlam"))) as book:
    addin = {name: book.get_module(name) for name in ("xlwings_udfs", "IcpFunctions")}
docs_tables.main([])
print("RESULT" + json.dumps({
    "answers": answers, "gap": float(scored["icp_score"].iloc[0] - scored["icp_score"].iloc[-1]), "addin": addin,
    "page": Path("docs/reference/functions.md").read_text(encoding="utf-8"), "outdated": docs_tables.outdated(),
}))
"""


def test_a_worksheet_function_is_a_computation_and_a_declaration(tmp_path: Path) -> None:
    copy = Copy(tmp_path)
    copy.append("icp_xl/excel/lookups.py", COMPUTED)
    copy.append("udfs/icp.py", DECLARED)
    found = json.loads(copy.run("-c", PROGRAM).rpartition("RESULT")[2])
    assert len(copy.changed) <= 3
    ahead, behind, unknown, spilled = found["answers"]
    assert ahead == -behind == found["gap"] > 0
    assert unknown == "#N/A" and spilled == [0.0, behind, "#N/A"]
    stubs, helps = (found["addin"][name] for name in ("xlwings_udfs", "IcpFunctions"))
    assert "Function ICP_LEAD(account, other)" in stubs and 'IcpCell(XLPy.CallUDF("udfs.icp", "ICP_LEAD"' in stubs
    assert 'Macro:="ICP_LEAD", Category:="ICP"' in helps and "The account to hold it against" in helps
    assert "`=ICP_LEAD(account, other)`" in found["page"] and not found["outdated"]
