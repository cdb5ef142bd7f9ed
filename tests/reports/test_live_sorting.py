"""Windows of keys: whatever the ties, each holds the keys of its ranks, so that a knot may be asked for in it alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icp_xl.reports.live import sorting
from icp_xl.reports.live.sorting import WINDOWS, Windows, build_sorting, sorted_columns, sorted_keys, windows
from icp_xl.reports.spec import Table


@settings(max_examples=60, deadline=None)
@given(st.integers(1002, 2600), st.integers(1, 3000), st.integers(0, 2**32 - 1))
def test_a_window_holds_the_keys_of_its_ranks(n: int, distinct: int, seed: int) -> None:
    keys = np.random.default_rng(seed).integers(-distinct, distinct + 1, n).astype(float)
    plan, ordered = Windows(n, 1001), np.sort(keys)
    found = sorted_keys(keys, plan)
    assert np.array_equal(np.sort(found["sorted"]), ordered)
    [parts] = [
        table for table in build_sorting(keys, plan).blocks if isinstance(table, Table) and table.name == "live_parts"
    ]
    # A search that takes the last start which is not above a row needs them in order.
    assert parts.frame["start"].is_monotonic_increasing
    edges = [plan.edge(window) for window in range(WINDOWS + 1)]
    assert edges[0] == 0 and edges[-1] == n and edges == sorted(edges)
    for first, last in zip(edges, edges[1:], strict=False):
        assert np.array_equal(np.sort(found["gathered"][first:last]), ordered[first:last])
    # Both keys that a knot lies between are in its window.
    for number in range(1, 1000):
        window, rest = divmod(number, plan.knots_per_window)
        place = number * (n - 1) / 1000
        if rest:
            assert edges[window] <= np.floor(place) and np.ceil(place) < edges[window + 1]


def test_few_accounts_are_asked_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    assert windows(sorting.SORTED_FROM - 1, 1001) is None and windows(sorting.SORTED_FROM, 1001) is not None
    monkeypatch.setattr(sorting, "SORTED_FROM", 1)
    assert windows(1001, 1001) is None and windows(1002, 1001) is not None and windows(5000, 1005) is None


def test_one_formula_for_each_row() -> None:
    plan = Windows(1300, 1001)
    in_blocks, gathered = sorted_columns(plan)
    assert in_blocks.formula is not None and len(in_blocks.formula) == 1300 and isinstance(gathered.formula, str)
    edges, parts = build_sorting(np.arange(1300.0), plan).blocks
    assert isinstance(edges, Table) and isinstance(parts, Table)
    for table in (edges, parts):
        for column in table.columns:
            assert column.formula is None or isinstance(column.formula, str) or len(column.formula) == len(table.frame)
