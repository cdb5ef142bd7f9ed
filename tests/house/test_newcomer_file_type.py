"""A newcomer adds a kind of file: its entry in the table and the function that opens it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.newcomer import Copy

OPENER = '''

def open_feather(container: Container) -> Book:
    """The one sheet of a Feather file."""
    import pyarrow as pa
    import pyarrow.feather

    book = _Arrow(container.name, [SheetInfo(Path(container.name).stem)])
    book._frame = pa.feather.read_feather(pa.BufferReader(container.data))
    return book
'''
PROGRAM = """
import json
from pathlib import Path
import pandas as pd
from icp_xl.config import load_settings
from icp_xl.sources import read_sources
from icp_xl.sources.file_types import layout_of, open_book

folder = Path("data")
folder.mkdir()
pd.DataFrame({"Account ID": ["A1", "A2"], "Account Name": ["Acme", "Brown"], "Industry": ["Retail", "Energy"],
              "City": ["Rome", "Oslo"]}).to_feather(folder / "Customers.feather")
found = read_sources(load_settings(overrides={"paths.data": str(folder)}))
print(json.dumps({"rows": [list(row) for row in open_book(folder / "Customers.feather").rows("Customers")],
                  "layout": layout_of(Path("x.FEATHER")), "names": found.customers.frame["account_name"].tolist()}))
"""


def test_a_kind_of_file_is_one_entry_and_an_opener(tmp_path: Path) -> None:
    copy = Copy(tmp_path)
    copy.append("icp_xl/sources/flat_files.py", OPENER)
    copy.replace(
        "icp_xl/sources/file_types.py", "import open_parquet, open_text", "import open_feather, open_parquet, open_text"
    )
    copy.replace(
        "icp_xl/sources/file_types.py", '    FileType("csv",',
        '    FileType("feather", (".feather",), "columns", open_feather, (b"ARROW1",)),\n    FileType("csv",',
    )  # fmt: skip
    found = json.loads(copy.run("-c", PROGRAM))
    assert len(copy.changed) <= 3
    assert found["rows"][1][:2] == ["A1", "Acme"] and found["layout"] == "columns"
    assert found["names"] == ["Acme", "Brown"]
