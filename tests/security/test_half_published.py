"""Readers of a folder in which files of two runs lie side by side wait for the rest."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from icp_xl.excel.cells import CellError
from icp_xl.excel.published_results import Published
from icp_xl.outputs import Publication, recover

STATE = "state/scored_accounts.parquet"


def names(published: Published) -> list[str]:
    return published.accounts().columns["account_name"]


def test_functions_keep_what_they_knew_until_a_publication_is_whole(tmp_path: Path) -> None:
    def frame(name: str) -> pd.DataFrame:
        return pd.DataFrame({"account_id": ["1"], "account_name": [name]})

    first = Publication(tmp_path)
    first.parquet(STATE, frame("old"))
    first.publish()
    known = Published(lambda: tmp_path)
    assert names(known) == ["old"]
    # A run is cut off after the first of its files.
    cut = Publication(tmp_path)
    cut.parquet(STATE, frame("new one"))
    cut.text("b.txt", "x")
    cut.write_journal()
    (cut.staging / STATE).replace(tmp_path / STATE)
    assert names(known) == ["old"]
    with pytest.raises(CellError):
        names(Published(lambda: tmp_path))
    recover(tmp_path)
    assert names(known) == names(Published(lambda: tmp_path)) == ["new one"]
