"""The labels of the build against a slow oracle, on every boundary, and as files."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from icp_xl.config import Settings
from icp_xl.errors import ConfigError
from icp_xl.labels.build import build_labels, summarise_labels
from icp_xl.pipeline.models.build import build
from icp_xl.runs import start_run
from icp_xl.tables.star import Star, open_engine
from icp_xl.tables.star_build import build_star
from icp_xl.tables.star_calendar import to_day
from tests.support.label_oracle import observed_until, oracle_labels
from tests.support.messy_lines import messy_customers, messy_lines
from tests.support.sales_lines import build_settings

CUTOFFS = (dt.date(2024, 7, 1), dt.date(2024, 12, 31), dt.date(2025, 5, 17))
TARGETS = {"Scanner codes": ["3d-1", "SO-2", "se-0"], "Software": ["so-1", "So-4", "missing"]}


def label_settings(**more: object) -> Settings:
    """Divisions are named, so that they are spelt so."""
    return build_settings(
        **{
            "build.divisions": ["Printers", "3D & Scan"],
            "build.as_of": "2028-01-01",
            "labels.auto_widen": False,
            **more,
        }
    )


@pytest.mark.parametrize(
    ("seed", "more"),
    [
        (11, {}),
        (12, {"labels.mode": "all"}),
        (13, {"labels.threshold": 60.0, "labels.denylist_skus": ["PR-1", "pr-2", "So-3"]}),
        (14, {"labels.measure": "revenue", "labels.threshold": 250.5, "labels.mode": "all"}),
        (15, {"labels.target_skus": TARGETS, "labels.denylist_skus": ["so-4"]}),
        (16, {"labels.auto_widen": True, "labels.min_positives": 12, "labels.max_window_months": 9}),
        (17, {"labels.auto_widen": True, "labels.min_positives": 0, "labels.min_prevalence": 0.6,
              "labels.target_skus": TARGETS, "labels.measure": "gross_profit", "build.observed_until": "2025-10-20"}),
    ],
)  # fmt: skip
def test_labels_agree_with_the_oracle(seed: int, more: dict[str, object]) -> None:
    chosen = label_settings(**more)
    lines, customers = messy_lines(seed, CUTOFFS, n=200), messy_customers(seed)
    lines = lines[lines["date"] < pd.Timestamp("2025-11-20")]
    star = build_star(lines, chosen, customers=customers).star
    asked = ["Printers", *chosen.labels.target_skus] if chosen.labels.target_skus else ["Printers", "3D & Scan"]
    with open_engine(star, chosen) as engine:
        for division in asked:
            for cutoff, months in zip(CUTOFFS, (7, 1, 4), strict=True):
                found = build_labels(star, division, cutoff, chosen, window_months=months, engine=engine)
                used, rows = oracle_labels(lines, customers, division, cutoff, months, chosen)
                agree(found, used, rows)
                assert set(found["division"]) == {division}
                assert set(found["cutoff_date"]) == {pd.Timestamp(cutoff)}


def agree(found: pd.DataFrame, months: int, rows: dict[str, dict[str, object]]) -> None:
    assert list(found["account_id"]) == list(rows)
    assert set(found["window_months"]) == {months}
    cutoff = found["cutoff_date"].iloc[0]
    assert set(found["window_end"]) == {cutoff + pd.DateOffset(months=months)}
    expected = pd.DataFrame(list(rows.values()))
    for name in expected.columns:
        np.testing.assert_allclose(found[name].astype(float), expected[name].astype(float), rtol=1e-9, atol=1e-9,
                                   err_msg=name)  # fmt: skip
    # The three cohorts share the accounts out.
    assert (found[["is_new_logo", "is_expansion", "is_renewal_like"]].sum(axis=1) == 1).all()


def one_line_each(rows: dict[str, tuple[str, float]], **more: object) -> tuple[Star, Settings]:
    """Accounts that are known since 2024, each with one later line: name to its moment and gross profit."""
    base = messy_lines(1, CUTOFFS, n=1).iloc[:1].assign(
        division="Printers", sku="P-1", invoice="I1", quantity=1.0, revenue=100.0, gross_profit=30.0)  # fmt: skip
    early = pd.concat([base.assign(account_id=name, date=pd.Timestamp("2024-01-05"), sku="X-9") for name in rows])
    late = pd.concat(
        [
            base.assign(account_id=name, date=pd.Timestamp(moment), gross_profit=profit)
            for name, (moment, profit) in rows.items()
        ]
    )
    chosen = label_settings(**{"build.observed_until": "2026-01-01", **more})
    return build_star(
        pd.concat([early, late], ignore_index=True).assign(source_row=range(2 * len(rows))), chosen
    ).star, chosen


def labels_of(star: Star, chosen: Settings, cutoff: dt.date, months: int) -> dict[str, int]:
    found = build_labels(star, "Printers", cutoff, chosen, window_months=months)
    return dict(zip(found["account_id"], found["label"].tolist(), strict=True))


def test_windows_are_half_open() -> None:
    moments = {
        "before": ("2025-05-16 23:59:59", 30.0),
        "first": ("2025-05-17 00:00:00", 30.0),
        "last": ("2025-08-16 23:59:59", 30.0),
        "after": ("2025-08-17 00:00:00", 30.0),
    }
    star, chosen = one_line_each(moments)
    assert labels_of(star, chosen, dt.date(2025, 5, 17), 3) == {"before": 0, "first": 1, "last": 1, "after": 0}


def test_a_window_from_a_months_last_day_ends_with_a_shorter_month() -> None:
    star, chosen = one_line_each({"27th": ("2025-02-27", 30.0), "28th": ("2025-02-28", 30.0)})
    assert labels_of(star, chosen, dt.date(2024, 12, 31), 2) == {"27th": 1, "28th": 0}


def test_the_threshold_itself_is_not_enough() -> None:
    star, chosen = one_line_each(
        {"at": ("2025-06-01", 50.0), "above": ("2025-06-01", 50.0001)},
        **{"labels.threshold": 50.0, "labels.measure": "gross_profit"},
    )
    assert labels_of(star, chosen, dt.date(2025, 6, 1), 1) == {"at": 0, "above": 1}


def test_a_purchase_counts_whatever_its_margin_and_profit_says_whom_it_leaves_out() -> None:
    moments = {"unknown": ("2025-06-01", None), "loss": ("2025-06-01", -5.0), "later": ("2025-09-01", 5.0)}
    star, chosen = one_line_each(moments)
    assert labels_of(star, chosen, dt.date(2025, 6, 1), 1) == {"unknown": 1, "loss": 1, "later": 0}
    # An unknown profit is not a profit of nothing.
    star, chosen = one_line_each(moments, **{"labels.measure": "gross_profit"})
    assert labels_of(star, chosen, dt.date(2025, 6, 1), 1) == {"unknown": 1, "loss": 0, "later": 0}
    found = build_labels(star, "Printers", dt.date(2025, 6, 1), chosen, window_months=1)
    assert summarise_labels(found)["left_out"] == 1


def test_profit_cannot_be_measured_where_the_log_has_none() -> None:
    star, chosen = one_line_each({"A": ("2025-06-01", 1.0)}, **{"labels.measure": "gross_profit"})
    lines = star.facts.drop(columns="gross_profit_e4").rename(columns={"moment": "date"})
    bare = build_star(lines.assign(revenue=1.0)[["date", "account_id", "division", "sku", "revenue"]], chosen).star
    with pytest.raises(ConfigError, match="no gross profit"):
        build_labels(bare, "Printers", dt.date(2025, 6, 1), chosen)


def test_a_window_that_the_log_does_not_cover_is_censored() -> None:
    star, chosen = one_line_each({"A": ("2025-06-01", 1.0)}, **{"build.observed_until": "2025-09-01"})
    for months, censored in ((3, False), (4, True)):
        found = build_labels(star, "Printers", dt.date(2025, 6, 1), chosen, window_months=months)
        assert found["censored"].tolist() == [censored]


@pytest.mark.parametrize(
    ("last", "until"),
    [("2025-09-30", "2025-10-01"), ("2025-09-27", "2025-10-01"), ("2025-09-26", "2025-09-27")],
)
def test_a_month_that_all_but_ended_counts_as_whole(last: str, until: str) -> None:
    lines = messy_lines(1, CUTOFFS, n=30)
    lines = pd.concat(
        [lines[lines["date"] < pd.Timestamp("2025-09-01")], lines.iloc[:1].assign(date=pd.Timestamp(last))]
    )
    star = build_star(lines, label_settings()).star
    assert star.observed_through.isoformat() == until == observed_until(lines, label_settings()).isoformat()


@pytest.fixture(scope="module")
def targeted() -> Star:
    """Thirty accounts; each buys many printers, but the target code only in months 1, 2, …, 30 after the cutoff."""
    base = messy_lines(1, CUTOFFS, n=1).iloc[:1].assign(
        division="Printers", invoice="I1", quantity=1.0, revenue=100.0, gross_profit=30.0)  # fmt: skip
    parts = []
    for k in range(30):
        account = f"A{k:02d}"
        parts += [base.assign(account_id=account, date=pd.Timestamp("2023-05-01"), sku="Pr-2")]
        parts += [base.assign(account_id=account, date=pd.Timestamp("2024-01-02"), sku="Pr-2")]
        bought = pd.Timestamp("2024-01-15") + pd.DateOffset(months=k)
        parts += [base.assign(account_id=account, date=bought, sku="Pr-1")]
    return build_star(pd.concat(parts, ignore_index=True).assign(source_row=range(90)), label_settings()).star


@pytest.mark.parametrize(
    ("until", "more", "months"),
    [
        ("2027-01-01", {"labels.min_positives": 3}, 3),
        ("2027-01-01", {"labels.min_positives": 4}, 6),
        ("2027-01-01", {"labels.min_positives": 7}, 12),
        ("2027-01-01", {"labels.min_positives": 20}, 12),  # max_window_months ends it
        ("2027-01-01", {"labels.min_positives": 20, "labels.max_window_months": 24}, 24),
        ("2027-01-01", {"labels.min_positives": 20, "labels.max_window_months": 2}, 3),
        ("2024-11-01", {"labels.min_positives": 20}, 10),  # the log's end does: no window is lengthened into the dark
        ("2024-03-01", {"labels.min_positives": 20}, 3),  # censored as it is
        ("2027-01-01", {"labels.min_positives": 0, "labels.min_prevalence": 0.15}, 6),
        ("2027-01-01", {"labels.min_positives": 20, "labels.auto_widen": False}, 3),
    ],
)  # fmt: skip
def test_lengthening_respects_target_codes_and_stops_in_time(
    targeted: Star, until: str, more: dict[str, object], months: int
) -> None:
    star = replace(targeted, observed_until=to_day(dt.date.fromisoformat(until)))
    chosen = label_settings(
        **{
            "labels.auto_widen": True,
            "labels.max_window_months": 12,
            "labels.target_skus": {"Printers": ["pr-1"]},
            **more,
        }
    )
    found = build_labels(star, "Printers", dt.date(2024, 1, 1), chosen, window_months=3)
    assert set(found["window_months"]) == {months}
    # Every account bought another printer on the day after the cutoff; only the target code counts.
    assert found["label"].sum() == found["n_lines"].sum() == months
    assert found["is_expansion"].all()
    assert found["censored"].all() == (until == "2024-03-01")


def test_the_files_say_what_the_labels_are(tmp_path: Path) -> None:
    lines = messy_lines(21, CUTOFFS, n=150)
    lines = lines[lines["date"] < pd.Timestamp("2025-07-20")]
    log, out = tmp_path / "lines.parquet", tmp_path / "out"
    lines.to_parquet(log)
    chosen = label_settings(**{
        "paths.out": str(out), "build.transactions": str(log), "build.divisions": ["Printers", "Scanner codes"],
        "build.cutoffs": [str(cutoff) for cutoff in CUTOFFS], "labels.target_skus": {"Scanner codes": ["3d-1", "So-2"]},
        "labels.auto_widen": True, "labels.min_positives": 3, "features.use_basket": False})  # fmt: skip
    with start_run("build", chosen) as run:
        build(run)
    folder = out / "curated" / "labels"
    summary = pd.read_csv(folder / "labels_summary.csv", encoding="utf-8-sig")
    assert len(summary) == 6
    for division, name in (("Printers", "printers"), ("Scanner codes", "scanner_codes")):
        prevalence = pd.read_csv(folder / f"prevalence_{name}.csv", encoding="utf-8-sig")
        listed = json.loads((folder / f"cutoffs_{name}.json").read_text(encoding="utf-8"))
        positive = pd.read_csv(folder / f"labels_positive_{name}.csv", encoding="utf-8-sig")
        assert (listed["division"], listed["window_months"], listed["mode"]) == (division, 3, "expansion")
        assert listed["target_skus"] == list(chosen.labels.target_skus.get(division, ()))
        for k, cutoff in enumerate(CUTOFFS):
            used, rows = oracle_labels(lines, None, division, cutoff, 3, chosen)
            written = pd.read_parquet(folder / f"labels_{name}_{cutoff}.parquet")
            agree(written, used, rows)
            n, positives = len(rows), sum(row["label"] for row in rows.values())
            row = prevalence.iloc[k]
            assert row[["cutoff_date", "window_months", "accounts", "positives"]].tolist() == [
                str(cutoff), used, n, positives]  # fmt: skip
            assert row["prevalence"] == pytest.approx(positives / n, abs=1e-12)
            assert row["censored"] == written["censored"].any()
            entry = listed["cutoffs"][k]
            assert (entry["cutoff_date"], entry["positives"]) == (str(cutoff), positives)
            assert entry["widened"] == (used != 3)
            assert entry["window_end"] == written["window_end"].iloc[0].date().isoformat()
            assert (positive["cutoff_date"] == str(cutoff)).sum() == positives
            told = summary[(summary["division"] == division) & (summary["cutoff_date"] == str(cutoff))].iloc[0]
            for cohort in ("is_new_logo", "is_expansion", "is_renewal_like"):
                assert told[f"{cohort}_accounts"] == sum(row[cohort] for row in rows.values())
                assert told[f"{cohort}_positives"] == sum(row[cohort] * row["label"] for row in rows.values())
            assert told["revenue"] == pytest.approx(sum(row["revenue"] for row in rows.values()), abs=1e-6)
