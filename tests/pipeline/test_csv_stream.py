"""The quick CSV writer says the same as the plain one."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from icp_xl.config import load_settings
from icp_xl.outputs import csv_bytes
from icp_xl.pipeline import csv_stream
from icp_xl.runs import start_run

AWKWARD = ["plain", "=1+1", "-3", "@x", "a,b", 'say "hi"', "two\nlines", "", None, "Ünïcode", "'quoted"]


def test_the_same_cells_as_the_plain_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_stream, "BLOCK", 4)
    n = len(AWKWARD)
    frame = pd.DataFrame(
        {
            "text": pd.Series(AWKWARD, dtype=object),
            "number": np.r_[np.linspace(-1e-7, 1e21, n - 1), np.nan],
            "rank": pd.array([*range(1, n), pd.NA], dtype="Int64"),
            "count": np.arange(n),
            "flag": [i % 2 == 0 for i in range(n)],
        }
    )
    with start_run("test", load_settings(environ={}, overrides={"paths.out": str(tmp_path)})) as run:
        csv_stream.stage_long_csv(run, "x.csv", frame)
        csv_stream.stage_long_csv(run, "empty.csv", frame.head(0))
    made = (tmp_path / "x.csv").read_bytes()
    assert made.startswith(b"\xef\xbb\xbf") and b"\r" not in made
    one = pd.read_csv(io.BytesIO(made), encoding="utf-8-sig", dtype=str, keep_default_na=False)
    two = pd.read_csv(io.BytesIO(csv_bytes(frame)), encoding="utf-8-sig", dtype=str, keep_default_na=False)
    pd.testing.assert_frame_equal(one.drop(columns="number"), two.drop(columns="number"))
    numbers = [pd.to_numeric(table["number"].replace("", None)) for table in (one, two)]
    pd.testing.assert_series_equal(*numbers, check_exact=True)
    assert (tmp_path / "empty.csv").read_bytes() == csv_bytes(frame.head(0))
