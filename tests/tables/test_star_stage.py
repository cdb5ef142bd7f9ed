"""A log that is worked through month by month gives what it gives in one piece."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from icp_xl.config import Settings
from icp_xl.tables import star_stage
from icp_xl.tables.star_build import StarBuild, build_star
from icp_xl.tables.star_files import StarTarget
from tests.support.sales_lines import build_settings, make_lines


def awkward(seed: int) -> pd.DataFrame:
    """Lines with doubles, triples, missing dates and amounts, and lines that differ in one thing only."""
    lines = make_lines(seed, n=600)
    more = [
        lines,
        lines.head(40),
        lines.head(10),
        lines.head(20).assign(rep="Ada"),
        lines.tail(5).assign(revenue=np.nan),
    ]
    found = pd.concat(more, ignore_index=True).assign(source_row=range(2, 2 + sum(map(len, more))))
    found.loc[[3, 77, 600], "date"] = pd.NaT
    return found


def same(one: StarBuild, two: StarBuild) -> None:
    assert (one.read, one.kept, one.reasons) == (two.read, two.kept, two.reasons)
    pairs = [
        (one.cleaning, two.cleaning), (one.violations, two.violations), (one.star.customers, two.star.customers),
        (one.star.returns, two.star.returns), (one.star.products, two.star.products),
    ]  # fmt: skip
    for a, b in pairs:
        pd.testing.assert_frame_equal(a, b)


def built(lines: pd.DataFrame | Path, chosen: Settings, folder: Path) -> StarBuild:
    def place(name: str) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    return build_star(lines, chosen, target=StarTarget(place), fail_soft=True)


@pytest.mark.parametrize("doubles", ["drop", "keep"])
def test_month_by_month_is_the_same_as_in_one_piece(
    doubles: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = build_settings(**{"build.duplicates": doubles, "build.as_of": "2025-09-01"})
    lines = awkward(4)
    whole = built(lines, chosen, tmp_path / "whole")
    assert whole.reasons.get("exact duplicate", 0) == (48 if doubles == "drop" else 0)
    monkeypatch.setattr(star_stage, "WHOLE", 0)
    parts = built(lines, chosen, tmp_path / "parts")
    same(whole, parts)
    for a, b in zip(whole.star.facts, parts.star.facts, strict=True):
        pd.testing.assert_frame_equal(pd.read_parquet(a), pd.read_parquet(b))
    # A file is read in place of the frame, and the second build finds every month unchanged.
    lines.to_parquet(tmp_path / "lines.parquet")
    again = build_star(
        tmp_path / "lines.parquet", chosen, fail_soft=True,
        target=StarTarget(lambda name: tmp_path / "parts" / name, tmp_path / "parts" / "curated" / "star", parts.star),
    )  # fmt: skip
    assert (again.written, again.unchanged) == (0, len(parts.star.facts))


def test_doubles_are_counted_as_one_by_one() -> None:
    lines = awkward(9)
    found = build_star(lines, build_settings(), fail_soft=True)
    content = [name for name in lines.columns if name != "source_row"]
    assert dict(found.cleaning.to_numpy())["exact duplicates"] == int(lines.duplicated(content).sum())
