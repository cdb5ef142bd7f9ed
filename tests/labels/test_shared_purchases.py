"""Labels from sums that all divisions share are those of a pass of their own."""

from __future__ import annotations

import datetime as dt
from itertools import product

import pandas as pd
import pytest

from icp_xl.errors import ConfigError
from icp_xl.labels.build import build_label_sets, build_labels
from icp_xl.tables.star_build import build_star
from tests.support.sales_lines import build_settings, make_lines

NAMES = ["Software", "Printers", "Scanners", "Service"]
CUTOFFS = [dt.date(2024, 3, 9), dt.date(2025, 6, 1), dt.date(2025, 10, 1)]


@pytest.mark.parametrize("mode", ["all", "expansion"])
@pytest.mark.parametrize("denied", [[], ["Se-3", "so-2", "PR-1"]])
def test_label_sets_are_the_labels_one_by_one(mode: str, denied: list[str]) -> None:
    chosen = build_settings(
        **{
            "labels.mode": mode, "labels.denylist_skus": denied, "labels.target_skus": {"Scanners": ["Pr-1", "so-2"]},
            "labels.min_positives": 9, "labels.auto_widen": True,
        }
    )  # fmt: skip
    star = build_star(make_lines(11, n=700, accounts=60), chosen).star
    sets = list(build_label_sets(star, NAMES, CUTOFFS, chosen))
    assert len({int(found["window_months"].iloc[0]) for found in sets}) > 1
    for (cutoff, name), found in zip(product(CUTOFFS, NAMES), sets, strict=True):
        pd.testing.assert_frame_equal(found, build_labels(star, name, cutoff, chosen), check_exact=True)


def test_an_unknown_division_is_refused_before_anything_is_made() -> None:
    chosen = build_settings()
    star = build_star(make_lines(1), chosen).star
    with pytest.raises(ConfigError, match="no such division"):
        next(build_label_sets(star, ["Printers", "Ploughs"], CUTOFFS, chosen))
