"""Plain pandas group-bys give the features of the build; ``tests/benchmarks/build_scale.py`` at small size."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from icp_xl.features.build import build_feature_sets
from icp_xl.tables.star_build import build_star
from tests.support.pandas_features import all_sets
from tests.support.sales_lines import build_settings, make_lines

CUTOFFS = [dt.date(2025, 3, 1), dt.date(2025, 6, 1)]


@pytest.mark.parametrize("text", [False, True])
def test_every_column_agrees(text: bool) -> None:
    chosen = build_settings(**{"build.cutoffs": CUTOFFS, "features.basket_min_accounts": 3})
    star = build_star(make_lines(21, n=900, accounts=60), chosen).star
    keys = dict(zip(star.customers["account_id"], star.customers["account_key"], strict=True))
    theirs = {(name, cutoff): values for name, cutoff, values, _ in all_sets(star, chosen, text=text)}
    for found in build_feature_sets(star, star.division_names, CUTOFFS, chosen):
        frame = found.frame if text else found.frame.iloc[np.argsort(found.frame.index.map(keys))]
        plain = theirs.pop((found.division, found.cutoff))
        assert set(found.numbers) - set(plain) == set()
        for name, values in plain.items():
            np.testing.assert_allclose(frame[name].to_numpy(), values, rtol=1e-9, atol=1e-9, err_msg=name)
    assert not theirs
