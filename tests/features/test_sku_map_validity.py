"""A code's division has a time: what the map says of later days never enters an earlier cutoff."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

from icp_xl.errors import ConfigError
from icp_xl.features.build import build_features, frame_checksum
from icp_xl.labels.build import build_labels
from icp_xl.tables.sku_map import read_sku_map
from icp_xl.tables.star import Star
from icp_xl.tables.star_build import build_star
from tests.support.divisions import make_division
from tests.support.sales_lines import build_settings, make_lines

CUTOFF = dt.date(2025, 3, 1)


def built(folder: Path, body: str, lines: pd.DataFrame, assets: pd.DataFrame | None = None) -> Star:
    (folder / "map.csv").write_text(body, encoding="utf-8")
    return build_star(lines, build_settings(**{"build.sku_map": str(folder / "map.csv")}), assets=assets).star


def checksum(star: Star, division: str = "Printers") -> str:
    return frame_checksum(build_features(star, division, CUTOFF, build_settings()).frame)


@pytest.mark.parametrize("division", ["Printers", "Software"])
def test_a_mapping_of_a_later_date_changes_no_bit_of_an_earlier_cutoff(tmp_path: Path, division: str) -> None:
    lines = make_lines(3)
    assets = pd.DataFrame({"account_id": "A00", "sku": ["Pr-1", "So-2"], "start_date": pd.Timestamp("2024-05-01")})
    plain = built(tmp_path, "sku,division\n", lines, assets)
    # On the cutoff itself is later, as windows are half-open.
    later = "sku,division,valid_from\nPr-1,Software,2025-03-01\nSo-2,Plotters,2025-06-01\nPOST,Plotters,2025-04-01\n"
    assert checksum(built(tmp_path, later, lines, assets), division) == checksum(plain, division)
    # A day earlier it is in; so the test can see it.
    earlier = later.replace("2025-03-01", "2024-06-01")
    assert checksum(built(tmp_path, earlier, lines, assets), division) != checksum(plain, division)


def test_every_line_is_of_the_division_of_its_day(tmp_path: Path) -> None:
    lines = make_lines(4)
    body = (
        "sku,division,valid_from,valid_to\npr-1,Plotters,,2024-12-31\nPR-1,Scanners,2025-01-01,2025-04-30\n"
        "So-2,Plotters,,\nSo-2,Scanners,2025-05-01,\n"
    )
    star = built(tmp_path, body, lines)
    facts = star.facts
    assert isinstance(facts, pd.DataFrame)

    def wanted(sku: str, day: pd.Timestamp, own: str) -> str:
        if sku == "Pr-1":
            spans = [("Plotters", "1900", "2024-12-31"), ("Scanners", "2025-01-01", "2025-04-30")]
        elif sku == "So-2":
            spans = [("Scanners", "2025-05-01", "2100"), ("Plotters", "1900", "2100")]
        else:
            spans = []
        inside = (name for name, start, end in spans if pd.Timestamp(start) <= day <= pd.Timestamp(end))
        return next(inside, own)

    plain = built(tmp_path, "sku,division\n", lines).facts
    assert isinstance(plain, pd.DataFrame)
    keys = ["account_id", "moment", "invoice", "sku", "quantity", "revenue_e4", "gross_profit_e4"]
    both = facts.merge(plain, on=keys, suffixes=("", "_own"))
    both = both[both["kind"] != 0]
    days = both["moment"].dt.normalize()
    expected = [wanted(*row) for row in zip(both["sku"], days, both["division_own"], strict=True)]
    assert both["division"].tolist() == expected
    assert {"Plotters", "Scanners"} <= set(both["division"])
    label = build_labels(
        star, "Scanners", dt.date(2025, 1, 1), build_settings(**{"labels.auto_widen": False}), window_months=3
    )
    window = both[(both["division"] == "Scanners") & (days >= "2025-01-01") & (days < "2025-04-01")]
    sums = window.groupby("account_id")["revenue_e4"].sum()
    sold = set(window.loc[window["kind"] == 1, "account_id"])
    assert set(label.loc[label["label"] == 1, "account_id"]) == {name for name in sold if sums[name] > 0} & set(
        label["account_id"]
    )


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("Pr-1,A,2024-01-01,2024-06-30\nPR-1,B,2024-06-30,\n", "several divisions"),
        ("Pr-1,A,,2024-06-30\npr-1,B,2024-01-01,2024-02-01\n", "several divisions"),
        ("Pr-1,A,2024-06-30,2024-01-01\n", "ends before it begins"),
        ("Pr-1,A,30.06.2024,\n", "cannot be read"),
    ],
)
def test_a_map_whose_dates_make_no_sense_is_refused(tmp_path: Path, rows: str, message: str) -> None:
    (tmp_path / "map.csv").write_text("sku,division,valid_from,valid_to\n" + rows, encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        read_sku_map(build_settings(**{"build.sku_map": str(tmp_path / "map.csv")}))


def test_a_division_is_learned_from_while_it_exists(tmp_path: Path) -> None:
    body = "sku,division,valid_from,valid_to\n,Printers,2024-03-01,2025-05-31\n"
    (tmp_path / "map.csv").write_text(body, encoding="utf-8")
    built_star = build_star(make_lines(3), build_settings(**{"build.sku_map": str(tmp_path / "map.csv")}))
    star = built_star.star
    assert star.validity("Printers") == (dt.date(2024, 3, 1), dt.date(2025, 6, 1))
    assert star.validity("Software") == (None, None)
    assert any("lines of Printers lie outside" in text for text in built_star.warnings)
    data, _ = make_division(200, 1)
    days = [each.cutoff for each in data.cutoffs]
    kept = data.while_sold((days[1], days[2])).cutoffs
    assert [each.cutoff for each in kept] == [days[1]]
    assert data.while_sold().cutoffs == data.cutoffs
    # What nobody had bought yet says nothing of who does.
    first = data.cutoffs[0]
    data.cutoffs[0].features["own_recency_days"] = float("nan")
    assert first not in data.while_sold().cutoffs
