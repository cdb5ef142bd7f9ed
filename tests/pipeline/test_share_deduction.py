"""What a rep can work out of his file about accounts of others: the largest figures, and industries of a few."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from python_calamine import CalamineWorkbook

from icp_xl import share
from icp_xl.config import Settings
from icp_xl.config.scoring import ScoringSettings
from icp_xl.pipeline.api import call
from icp_xl.reports.guarded import FEWEST, guard_of, guard_pairs
from icp_xl.runs import RunContext
from icp_xl.scoring.accounts import ScoringResult, score_accounts
from tests.support.score_report import CLOCK, make_result, make_sold

WEIGHTS = {"vertical": 0.25, "size": 0.20, "adoption": 0.30, "relationship": 0.25}


def spread(n: int) -> ScoringResult:
    """Accounts of which Bob has the few largest; two industries have one and two accounts."""
    sold = make_sold(n).assign(rep=["Ann Lee" if i % 2 else "Bob Stone" for i in range(n)])
    giants = sold.index[:6:2]
    for column in ("consumable_revenue", "software_revenue", "printers"):
        sold.loc[giants, column] = sold[column].max() * np.array([7.3, 8.1, 9.7])[: len(giants)]
    sold.loc[sold.index[[1]], "industry"] = "Shipyards"
    sold.loc[sold.index[[3, 4]], "industry"] = "Breweries"
    # Industries that differ, so that each has a weight of its own.
    factor = sold["industry"].map({name: 3.0**k for k, name in enumerate(sorted(sold["industry"].dropna().unique()))})
    parts = ["hardware_revenue", "consumable_revenue", "software_revenue", "service_revenue"]
    sold[parts] = sold[parts].mul(factor.fillna(1.0), axis=0).round(2)
    sold["total_revenue"] = sold[parts].sum(axis=1)
    return score_accounts(sold, {}, WEIGHTS, ScoringSettings())


def shared(folder: Path, result: ScoringResult) -> Path:
    """The file of Ann, and her CSV."""
    out = folder / "out"

    def body(run: RunContext) -> None:
        run.outputs.path("icp_report.xlsx").write_bytes(b"")
        run.outputs.parquet("state/scored_accounts.parquet", result.scored)
        run.outputs.text("score_model.json", result.model.to_json())
        table = json.loads(result.industries.table.to_json(orient="records"))
        run.outputs.json("industry_weights.json", {"industries": table})

    body_of = {"paths": {"out": out}, "run": {"clock": CLOCK}, "share": {"csv": True}}
    call("score", body, Settings.model_validate(body_of))
    share(Settings.model_validate(body_of), by="rep")
    return out / "shared" / "by_rep" / "icp_report - Ann Lee.xlsx"


def numbers_in(path: Path) -> np.ndarray:
    """Every number in any part of the workbook, in cells and in words."""
    text = []
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.endswith(".xml"):
                text.append(archive.read(name).decode("utf-8"))
    found = re.findall(r"(?<![\w.])\d[\d,]*\.?\d*(?:E[+-]?\d+)?(?![\w.])", " ".join(text).replace("><", "> <"))
    return np.unique([float(one.replace(",", "")) for one in found if one.strip(",")])


def tops(result: ScoringResult) -> list[float]:
    return [top for part in result.model.parts for _, top in part.shape.scales(part.facts)]


def test_no_scale_and_no_largest_figure_of_another_can_be_had(tmp_path: Path) -> None:
    result = spread(160)
    scored = result.scored
    path = shared(tmp_path, result)
    mine, others = scored[scored["rep"] == "Ann Lee"], scored[scored["rep"] != "Ann Lee"]
    there = numbers_in(path)
    facts = ["consumable_revenue", "software_revenue", "printers", "total_revenue", "hardware_revenue"]
    secrets = [*tops(result), *(float(others[name].max()) for name in facts)]
    own = set(np.round(mine[facts].to_numpy(dtype=float).ravel(), 2))
    for secret in secrets:
        near = there[(np.abs(there - secret) <= 0.004 * secret) & (there > 100)]
        assert [value for value in near if round(value, 2) not in own] == [], f"{secret} can be read"
    # From a score and the fact that it was made of, the scale follows: log(1 + fact) over the score.
    csv = pd.read_csv(path.with_suffix(".csv"))
    book = CalamineWorkbook.from_path(path)
    heads = next(row for row in book.get_sheet_by_name("Scored Accounts").to_python() if "Account id" in row)
    columns = {str(name).casefold() for name in [*heads, *csv.columns]}
    for name in ("adoption", "relationship"):
        assert not [one for one in columns if name in one and ("score" in one or "contribution" in one)], columns
    assert not {"raw score", "raw_score"} & columns
    method = " ".join(str(cell) for row in book.get_sheet_by_name("Method").to_python() for cell in row)
    assert "fewer than ten accounts stand behind" in method
    assert all(csv["icp_score"].notna()) and "reasons" in csv.columns, "scores, grades and reasons stay"


def test_the_scale_would_follow_from_one_row_of_the_whole_report() -> None:
    """What is left out is left out for a reason: the attack works on rows as they were scored."""
    result = spread(160)
    part = result.model.part("relationship")
    (fact,) = part.facts
    rows = result.scored[
        (result.scored[part.declared.score_column] > 0.2) & (result.scored[part.declared.score_column] < 1)
    ]
    row = rows.iloc[0]
    deduced = np.expm1(np.log1p(row[fact.name]) / row[part.declared.score_column])
    assert deduced == pytest.approx(tops(result)[-1], rel=1e-6)


def test_industries_of_a_few_accounts_are_not_weighed_in_the_open(tmp_path: Path) -> None:
    result = spread(160)
    path = shared(tmp_path, result)
    lookup = result.model.lookup("industry")
    assert lookup is not None
    counts = result.scored["industry"].value_counts()
    few = {name for name in lookup.table if counts.get(name, 0) < FEWEST}
    assert {"Shipyards", "Breweries"} <= few < set(lookup.table)
    csv = pd.read_csv(path.with_suffix(".csv"))
    hidden = csv["industry"].isin(few)
    assert hidden.any() and csv.loc[hidden, "vertical_score"].isna().all()
    assert csv.loc[~hidden & csv["industry"].notna(), "vertical_score"].notna().all()
    sheet = CalamineWorkbook.from_path(path).get_sheet_by_name("Industries").to_python()
    at = next(i for i, row in enumerate(sheet) if "Industry" in row and "Weight" in row)
    heads = sheet[at]
    for row in sheet[at + 1 :]:
        if row[heads.index("Industry")] in few:
            assert row[heads.index("Weight")] == "" and row[heads.index("From sales")] == ""
    there = numbers_in(path)
    assert len({lookup.table[name] for name in few} - {lookup.prior}) >= 2
    for name in few:
        assert not np.any(np.abs(there - lookup.table[name]) < 1e-9), name


def test_ten_accounts_are_enough() -> None:
    result = make_result(3000)
    guard = guard_of(result.model, result.scored)
    assert guard.components == frozenset()
    few = {name for name, n in result.scored["industry"].value_counts().items() if n < FEWEST}
    assert len(guard.texts["vertical"]) == len(few)


def test_what_few_buyers_spend_is_not_told_of_a_pair() -> None:
    n = 40
    pairs = pd.DataFrame(
        {
            "account_id": [f"W{i:02d}" for i in range(n)] * 2, "division": ["Inks"] * n + ["Cases"] * n,
            "removed_by": ["owned"] * 12 + [""] * (n - 12) + ["owned"] * 3 + [""] * (n - 3),
            "expected_value": 100.0, "nba_reason": "buys Cases next; $4K expected within 6 months, top tenth for Cases",
            "talking_point": "-", "p_icp": 0.5,
        }
    )  # fmt: skip
    mine = guard_pairs(pairs[pairs["account_id"] > "W30"], pairs)
    assert mine.loc[mine["division"] == "Cases", "expected_value"].isna().all()
    assert mine.loc[mine["division"] == "Inks", "expected_value"].eq(100.0).all()
    assert mine.loc[mine["division"] == "Cases", "nba_reason"].eq("buys Cases next").all()
