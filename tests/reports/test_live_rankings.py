"""Lists by blocks: whatever the ties and the gaps, they name whom a sort of all accounts puts first."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from icp_xl.reports.live.rankings import _published, rankings


@settings(max_examples=150, deadline=None)
@given(
    st.integers(1, 400), st.integers(1, 60), st.integers(1, 12), st.integers(0, 40), st.floats(0, 1),
    st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_the_first_of_the_blocks_that_lead_are_the_first_of_all(
    n: int, size: int, best: int, distinct: int, blank: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    values = rng.integers(-distinct, distinct + 1, n).astype(float)
    values[rng.random(n) < blank] = np.nan
    for ranking in rankings(best):
        far = -values if ranking.up else values
        whole = [int(row) + 1 for row in np.argsort(far, kind="stable") if far[row] < 0][: ranking.places]
        found = _published(ranking, values, size, max(best, 10)).firsts
        named = found[found["row"] > 0]
        assert not named["row"].duplicated().any()
        order = named.assign(far=-named["value"] if ranking.up else named["value"]).sort_values(["far", "row"])
        assert order["row"].head(ranking.places).tolist() == whole
