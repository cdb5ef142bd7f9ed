"""An invented score report with everything that real ones hold: odd names, gaps, hostile text, an earlier run."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pandas as pd

from icp_xl.config.scoring import ScoringSettings
from icp_xl.reports.inputs import QualityTables, RunFacts, ScoreReportInputs
from icp_xl.scoring.accounts import ScoringResult, score_accounts
from icp_xl.scoring.compare import compare_runs
from icp_xl.tables.model import MATCH_TABLE_COLUMNS, RowCount

CLOCK = datetime(2024, 7, 1, 6, 30)
INDUSTRIES = (
    "Aerospace", "Automotive", "Consumer Products", "Dental", "Education", "Electronics", "Energy",
    "Industrial Machinery",
    "Medical Devices", "Packaging", "Research", "Tooling & Molds",
)  # fmt: skip
ODD_NAMES = (
    '=HYPERLINK("http://x","click")', "+1 800 Tools", "-Minus Ltd", "@home GmbH",
    "北京新材料技术有限公司", "株式会社山田製作所",
    "Müller & Söhne Präzisionswerkzeuge Gesellschaft mit beschränkter Haftung und Compagnie Kommanditgesellschaft",
    "شركة الصناعات", "Ταχύτητα Α.Ε.", "O'Neil \"Quoted\" <b>&amp;</b>", "Bell\x07 Ringers",
    "_x0041_ Literal", "{account_id}",
)  # fmt: skip


def make_sold(n: int = 1500, seed: int = 3) -> pd.DataFrame:
    """Accounts with planted structure: some industries pay more, large companies buy software."""
    rng = np.random.default_rng(seed)
    industry = rng.integers(0, len(INDUSTRIES), n)
    size = rng.normal(16.5, 1.9, n)
    printers = rng.poisson(np.exp(0.5 + 0.09 * industry - 1.0)).astype(float)
    consumable = np.where(printers > 0, np.exp(rng.normal(8.5 + 0.1 * industry, 1.2, n)) * (rng.random(n) > 0.2), 0.0)
    software = np.exp(rng.normal(size * 0.55, 1.2, n)) * (rng.random(n) < 0.45)
    hardware = printers * np.exp(rng.normal(10.2, 0.4, n))
    names = [f"{INDUSTRIES[k].split()[0]} Works {i}" for i, k in enumerate(industry)]
    names[: min(n, len(ODD_NAMES))] = ODD_NAMES[: min(n, len(ODD_NAMES))]
    frame = pd.DataFrame(
        {
            "account_id": [f"{100000 + i * 7:06d}" for i in range(n)],
            "account_name": pd.array(names, dtype=object),
            "industry": np.asarray(INDUSTRIES, dtype=object)[industry],
            "annual_revenue": np.where(rng.random(n) < 0.14, np.nan, np.exp(size).round(-3)),
            "printers": np.where(rng.random(n) < 0.05, np.nan, printers),
            "region": np.asarray(["West", "Central", "East", "Québec"], dtype=object)[rng.integers(0, 4, n)],
            "rep": np.asarray(["A. Ito", "B. Novak", "C. Okafor", "D. Silva", "E. Young"], dtype=object)[
                rng.integers(0, 5, n)
            ],
            "hardware_revenue": hardware.round(2),
            "consumable_revenue": consumable.round(2),
            "software_revenue": software.round(2),
            "service_revenue": (hardware * 0.04).round(2),
        }
    )
    frame.loc[rng.random(n) < 0.04, "industry"] = None
    frame["total_revenue"] = frame[[c for c in frame if str(c).endswith("_revenue") and c != "annual_revenue"]].sum(
        axis=1
    )
    frame["gross_profit"] = (frame["total_revenue"] * rng.uniform(0.15, 0.45, n)).round(2)
    return frame


def make_result(n: int = 1500, seed: int = 3, weights: dict[str, float] | None = None) -> ScoringResult:
    """Those accounts scored."""
    tiers = {"Aerospace": "1", "Medical Devices": "1", "Dental": "2", "Education": "4"}
    weights = weights or {"vertical": 0.25, "size": 0.20, "adoption": 0.30, "relationship": 0.25}
    return score_accounts(make_sold(n, seed), tiers, weights, ScoringSettings())


def make_quality() -> QualityTables:
    """Something of every kind on the Data Quality sheet."""
    matches = pd.DataFrame(
        [
            ("name: acme @ austin/tx/", "sales", "ACME Corp.", "Austin, TX", "100007", "Acme Incorporated", 0.78,
             "Acme Tools", 0.70, 0.08, "review", "words", "same rare word, legal form differs", "", 12),
            ("name: =sum", "sales", "=SUM(A1:A9)", "", "100014", "+1 800 Tools", 0.64, "", np.nan, np.nan, "review",
             "words", "one word in common", "", 3),
            ("name: old", "sales", "Old Decision Inc", "", "100021", "Old Decisions", 0.81, "", np.nan, np.nan,
             "accepted", "override", "decided in the match review", "same", 2),
            ("name: fine", "sales", "Fine", "", "100028", "Fine Ltd", 0.99, "", np.nan, np.nan,
             "accepted", "exact", "", "", 9),
        ],
        columns=["key", "source", "name", "place", "account_id", "account_name", "score", "runner_up_name", "runner_up",
                 "margin", "outcome", "how", "reason", "decision", "rows"],
    ).reindex(columns=list(MATCH_TABLE_COLUMNS)).assign(money=[900.0, 4000.0, 0.0, 0.0])  # fmt: skip
    dropped = pd.DataFrame(
        [("sales", "TR Log", 5 + i, "a totals row" if i % 3 else "no date") for i in range(40)],
        columns=["source", "sheet", "row", "reason"],
    )
    issues = pd.DataFrame(
        [("transactions", "revenue", 17 + i, "revenue is negative without a return", "warning") for i in range(6)]
        + [("customers", "account_id", 9, "account id occurs twice", "error")],
        columns=["table", "column", "row", "problem", "severity"],
    )
    guesses = pd.DataFrame(
        [("customers", "Segmentation", "Cust Nm", "account_name", "close spelling")],
        columns=["source", "sheet", "header", "column", "how"],
    )
    flags = pd.DataFrame(
        [("sales", "TR Log", 11, "revenue", "not a number: N/A")],
        columns=["source", "sheet", "row", "column", "problem"],
    )
    reconciliation = pd.DataFrame(
        [
            (f"1000{i:02d}", f"Account {i}", year, measure, 1000.0 * i, 1000.0 * i - (40 if i == 3 else 0),
             -40.0 if i == 3 else 0.0, "different" if i == 3 else "equal")
            for i in range(8) for year in (2023, 2024) for measure in ("revenue", "gross_profit")
        ],
        columns=["account_id", "account_name", "year", "measure", "yearly_total", "line_total", "difference", "status"],
    )  # fmt: skip
    counts = (
        RowCount("customers", 1560, 1500, {"duplicate": 60}),
        RowCount("sales", 40_230, 40_190, {"totals row": 27, "no date": 13}),
    )
    return QualityTables(issues, matches, matches.head(0), dropped, guesses, flags, reconciliation, counts)


def make_inputs(n: int = 1500, *, compared: bool = True, quality: bool = True) -> ScoreReportInputs:
    """Everything that the score report shows."""
    now = make_result(n)
    changes = None
    if compared:
        before = make_sold(n)
        kept = before.iloc[: max(n - 8, 1)].assign(printers=lambda f: f["printers"].where(f.index % 9 != 0, 0.0))
        tiers = {"Aerospace": "2"}
        old = score_accounts(
            kept, tiers, dict.fromkeys(("vertical", "size", "adoption", "relationship"), 0.25), ScoringSettings()
        )
        changes = compare_runs(old.scored, old.model, now.scored, now.model)
    return ScoreReportInputs(
        scored=now.scored,
        model=now.model,
        weights_source="optimized_weights.json of 2024-06-28",
        industries=now.industries.table,
        run=RunFacts(
            "20240701T063000-score-1a2b3c4d", CLOCK,
            inputs={"JY - Customer Analysis.xlsx": "0" * 64, "TR.xlsx": "f" * 64},
            versions={"python": "3.11.2", "pandas": "3.0.0"}, settings_hash="ab" * 32, seed=20240630,
        ),
        quality=make_quality() if quality else QualityTables(),
        changes=changes,
        previous_run="20240601T063000-score-1a2b3c4d" if compared else "",
        warnings=now.warnings + (("optimized_weights.json is 40 days old.",) if quality else ()),
    )  # fmt: skip
