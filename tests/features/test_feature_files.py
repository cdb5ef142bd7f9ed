"""What is saved beside the features: catalog, coverage, caps and checksum, and that they come back as they were."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from icp_xl.errors import DataError
from icp_xl.features.build import build_features, frame_checksum
from icp_xl.features.files import names_of, read_features, write_features
from icp_xl.features.model import FeatureSet
from icp_xl.outputs import Publication
from icp_xl.tables.star_build import build_star
from tests.support.messy_lines import messy_customers, messy_lines
from tests.support.sales_lines import build_settings

CUTOFF = dt.date(2025, 3, 31)


@pytest.fixture(scope="module")
def found() -> FeatureSet:
    chosen = build_settings(**{"build.as_of": "2028-01-01", "build.divisions": ["Printers"],
        "features.basket_min_accounts": 3, "features.winsor_quantile": 0.9})  # fmt: skip
    star = build_star(messy_lines(41, [CUTOFF]), chosen, customers=messy_customers(41)).star
    return build_features(star, "Printers", CUTOFF, chosen)


def test_the_catalog_says_what_each_column_is(found: FeatureSet) -> None:
    assert list(found.catalog["name"]) == list(found.frame.columns)
    assert found.catalog["name"].is_unique
    for name in ("meaning", "unit", "window", "family"):
        assert found.catalog[name].str.len().gt(0).all(), name
    for row in found.catalog.itertuples():
        column = found.frame[row.name]
        known = column.notna() if row.kind == "category" else column.notna() & (column != 0)
        assert row.coverage == pytest.approx(known.mean(), abs=1e-12), row.name
        if np.isfinite(row.cap_high):
            values = column.dropna()
            assert values.between(row.cap_low, row.cap_high).all(), row.name
    capped = found.catalog.dropna(subset="cap_high")
    assert len(capped) > 20
    assert (found.frame[capped["name"]].max() == capped.set_index("name")["cap_high"]).mean() > 0.9


def test_statistics_hold_coverage_caps_and_checksum(found: FeatureSet) -> None:
    catalog = found.catalog.set_index("name")
    assert found.stats["coverage"] == catalog["coverage"].to_dict()
    caps = catalog.dropna(subset="cap_high")[["cap_low", "cap_high"]]
    assert found.stats["winsor_caps"] == {
        name: list(row) for name, row in zip(caps.index, caps.to_numpy().tolist(), strict=True)
    }
    assert found.stats["checksum"] == frame_checksum(found.frame)
    assert (found.stats["accounts"], found.stats["features"]) == found.frame.shape


def test_one_bit_changes_the_checksum_and_the_order_of_columns_does_not(found: FeatureSet) -> None:
    frame = found.frame
    assert frame_checksum(frame[frame.columns[::-1]]) == found.stats["checksum"]
    other = frame.copy()
    other.iloc[3, 0] = np.nextafter(other.iloc[3, 0], np.inf)
    assert frame_checksum(other) != found.stats["checksum"]
    assert frame_checksum(frame.rename(index={frame.index[0]: "else"})) != found.stats["checksum"]
    assert frame_checksum(frame.assign(ctx_region="x")) != found.stats["checksum"]


def test_features_come_back_from_their_files_bit_by_bit(found: FeatureSet, tmp_path: Path) -> None:
    outputs = Publication(tmp_path)
    write_features(outputs, found)
    outputs.publish()
    again = read_features(tmp_path, found.slug, CUTOFF)
    pd.testing.assert_frame_equal(again.frame, found.frame, check_exact=True)
    assert frame_checksum(again.frame) == found.stats["checksum"] == again.stats["checksum"]
    assert again.division == "Printers"
    assert (again.numbers, again.categories) == (found.numbers, found.categories)
    np.testing.assert_allclose(again.rules["lift"], found.rules["lift"], atol=1e-12)
    assert [name for name in names_of("printers", CUTOFF) if not (tmp_path / name).is_file()] == []
    json.loads((tmp_path / names_of("printers", CUTOFF)[2]).read_text(encoding="utf-8"))
    with pytest.raises(DataError, match="no features for this division"):
        read_features(tmp_path, "plotters", CUTOFF)
