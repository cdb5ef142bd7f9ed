"""The time of day tells lines of one day apart; everything else goes by days."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from icp_xl.pipeline.models.build_inputs import read_inputs
from icp_xl.runs import start_run
from icp_xl.sources import read_sources
from icp_xl.sources.times import seconds_of_day
from tests.support.sheets import SALES, SALES_HEADER, sales_line, settings_for, write_book


@pytest.mark.parametrize(
    ("cell", "seconds"),
    [
        (dt.datetime(2024, 1, 31, 15, 32), 55_920),
        (dt.datetime(2024, 1, 31), None),
        (dt.date(2024, 1, 31), None),
        (45_322.5, 43_200),
        (45_322.0, None),
        (20_240_131.5, None),
        ("2024-01-31T15:32:10Z", 55_930),
        ("31.01.2024 15:32", 55_920),
        ("1/31/2024 12:05 AM", 300),
        ("1/31/2024 12:05 pm", 43_500),
        ("1/31/2024 11:59:59.9 PM", 86_399),
        ("31. 1. 2024", None),
        ("N/A", None),
        (True, None),
        (None, None),
    ],
)
def test_times_as_people_and_programs_write_them(cell: object, seconds: int | None) -> None:
    for raw in (np.array([cell, "x"], dtype=object), _typed(cell)):
        if raw is not None:
            found = seconds_of_day(raw).iloc[0]
            assert np.isnan(found) if seconds is None else found == seconds


def _typed(cell: object) -> np.ndarray | None:
    """The cell as readers give a whole column of its like."""
    if isinstance(cell, dt.date):
        return np.array([cell], dtype="datetime64[us]")
    return np.array([cell]) if isinstance(cell, float) else None


def test_two_lines_of_one_day_are_two_when_their_times_differ(tmp_path: Path) -> None:
    header = [*SALES_HEADER, "Invoice"]
    times = ["2024-03-01 15:32", "2024-03-01 15:33", "2024-03-01 15:33", "2024-03-02"]
    rows = [[*sales_line(1, Date=text), "I-1"] for text in times]
    write_book(tmp_path / SALES, {"Sales Log": [header, *rows]})
    settings = settings_for(tmp_path, paths__out=str(tmp_path / "out"))
    sales = read_sources(settings).sales
    assert sales is not None
    assert sales.frame["date"].dt.strftime("%H:%M").unique().tolist() == ["00:00"]
    assert sales.frame["time"].tolist()[:3] == [55_920.0, 55_980.0, 55_980.0]
    assert np.isnan(sales.frame["time"].iloc[3])
    with start_run("build", settings) as run:
        inputs = read_inputs(run)
    assert isinstance(inputs.lines, pd.DataFrame)
    assert inputs.lines["source_row"].tolist() == [2, 3, 5]
    assert inputs.dropped["row"].tolist() == [4]
