"""Division models where the truth is known: a reseller's log, small divisions, and worlds without any signal.

python tests/benchmarks/division_models_truth.py              # a reseller's log: 60 % of lines at a loss, a season
python tests/benchmarks/division_models_truth.py --small 20   # divisions of 20 to 60 buyers: model for all, or rule
python tests/benchmarks/division_models_truth.py --worlds 400 # 12 divisions each, nothing to learn, a level that moves
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from icp_xl.config import Settings, load_settings
from icp_xl.pipeline.api import call
from icp_xl.pipeline.models.train import train
from icp_xl.propensity.baselines import fit_baseline
from icp_xl.propensity.calibration import Calibrator
from icp_xl.propensity.fit import fit_division
from icp_xl.propensity.metrics import Curve, compare
from icp_xl.propensity.model import READY, DivisionModel
from icp_xl.propensity.pooled import fit_pooled
from icp_xl.propensity.verdict import evaluate
from tests.support.divisions import make_division, shuffled

DIVISIONS = ("Bikes", "Clothing", "Components", "Accessories")
MONTHS, TEST = 42, date(2024, 4, 1)
DAYS = (date(2023, 1, 1), date(2023, 7, 1), date(2024, 1, 1), date(2024, 7, 1))


def reseller_log(seed: int, accounts: int = 700) -> pd.DataFrame:
    """Lines of 42 months from 2021-01-01: orders of many lines, two divisions that peak in spring, 60 % at a loss.

    An order of components makes one of accessories likelier for three months; the others hang on the account alone.
    """
    rng = np.random.default_rng(seed)
    rate = rng.gamma(0.9, 0.16, (accounts, len(DIVISIONS)))
    begins = rng.integers(0, 30, accounts) * (rng.random(accounts) < 0.5)
    ends = np.where(rng.random(accounts) < 0.35, rng.integers(12, MONTHS, accounts), MONTHS)
    lately = np.full(accounts, -99)
    rows = []
    for month in range(MONTHS):
        spring = np.exp(1.1 * np.cos(2 * np.pi * (month % 12 - 4) / 12))
        alive = (begins <= month) & (month < ends)
        for d, division in enumerate(DIVISIONS):
            level = rate[:, d] * (spring if d < 2 else 1.0)
            if division == "Accessories":
                level = level * np.where(month - lately <= 3, 4.0, 0.5)
            buys = np.flatnonzero(alive & (rng.random(accounts) < 1 - np.exp(-level)))
            if division == "Components":
                lately[buys] = month
            for account in buys:
                day = pd.Timestamp(2021 + month // 12, month % 12 + 1, int(rng.integers(1, 28)))
                for _ in range(1 + rng.poisson(6)):
                    revenue = float(np.round(np.exp(rng.normal(5, 1)), 2))
                    margin = -0.1 if rng.random() < 0.6 else 0.2
                    rows.append((day, f"A{account:04d}", f"{division[:2]}-{rng.integers(12)}", division, 1.0, revenue,
                                 round(revenue * margin, 2)))  # fmt: skip
    names = ["date", "account_id", "sku", "division", "quantity", "revenue", "gross_profit"]
    return pd.DataFrame(rows, columns=names)


def reseller(seed: int) -> str:
    """Trained as of 2024-04-01, held against who bought in the three months from then on."""
    lines = reseller_log(seed)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        lines.to_parquet(place / "lines.parquet")
        settings = load_settings(
            environ={},
            overrides={"paths.data": folder, "paths.out": str(place / "out"), "build.window_months": 3,
                       "build.transactions": str(place / "lines.parquet"), "train.score_cutoff": TEST.isoformat(),
                       "features.use_als": False, "build.as_of": "2026-01-01"},
        )  # fmt: skip
        result = call("train", train, settings)
    assert result is not None
    day = pd.Timestamp(TEST)
    end = day + pd.DateOffset(months=3)
    past = lines[lines["date"] < day]
    told = ["| division | verdict | predicts | bought | AUC | purchase days | gain (95 %) | predicted | observed |",
            "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"]  # fmt: skip
    for each in result.trained:
        mine = result.scores[result.scores["division"] == each.division].set_index("account_id")["p_icp"]
        if mine.empty:
            told.append(f"| {each.division} | none published | | | | | | | |")
            continue
        window = lines[(lines["date"] >= day) & (lines["date"] < end) & (lines["division"] == each.division)]
        bought = mine.index.isin(window["account_id"]).astype(float)
        year = past[(past["date"] >= day - pd.DateOffset(years=1)) & (past["division"] == each.division)]
        days = year.groupby("account_id")["date"].nunique().reindex(mine.index).fillna(0.0)
        gain = compare(bought, mine, days, resamples=1000, seed=1)["auc"]
        told.append(
            f"| {each.division} | {each.model.verdict if each.model else ''} | {each.model.kind if each.model else ''} "
            f"| {int(bought.sum())} of {len(mine)} | {Curve(bought, mine).auc():.3f} | {Curve(bought, days).auc():.3f} "
            f"| {gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f}) | {mine.mean():.1%} | {bought.mean():.1%} |"
        )
    profit = lines.groupby(["account_id", "date", "division"])["gross_profit"].sum()
    told.append(f"\n{(lines['gross_profit'] < 0).mean():.0%} of lines at a loss, {(profit <= 0).mean():.0%} of orders.")
    return "\n".join(told)


def small(count: int) -> str:
    """Divisions of 20 to 60 buyers: the model for all against the best rule, at a cutoff that neither saw."""
    settings = load_settings(environ={}, overrides={"train.bootstrap": 100})
    gains = []
    for k in range(count):
        datas = []
        for d in range(8):
            base = -1.0 if d < 2 else float(np.random.default_rng(1000 * k + d).uniform(-4.6, -3.8))
            data, _ = make_division(500, 100 * k + d, days=DAYS, base=base)
            datas.append(replace(data, division=f"D{d}", slug=f"d{d}"))
        known = [replace(data, cutoffs=data.cutoffs[:3]) for data in datas]
        wanted = [data.division for data in known if 20 <= data.positives <= 60]
        found = fit_pooled(known, wanted, settings, seed=k, target=DAYS[3]) if wanted else {}
        for data in datas:
            if data.division not in found:
                continue
            last, fitted = data.cutoffs[3], found[data.division].fitted
            table = fitted.candidates.groupby("candidate")["auc"].mean()
            rules = table.drop(["pooled", "base_rate"], errors="ignore")
            rule = fit_baseline(str(rules.idxmax()), data.cutoffs[:3])
            if rule is None or not 0 < last.positives < len(last.label):
                continue
            bare = DivisionModel("", "", "", ((1.0, rule),), Calibrator("platt"), (), 0).log_odds(last.features)
            ours = fitted.model.log_odds(last.features)
            one, two = (Curve(last.label, score).measure() for score in (ours, bare))
            gains.append([float(one[m][0] - two[m][0]) for m in ("auc", "pr_auc")])
    table = np.array(gains)
    mean, error = table.mean(axis=0), 1.96 * table.std(axis=0) / np.sqrt(len(table))
    return (f"{len(table)} divisions of 20 to 60 buyers: AUC {mean[0]:+.3f} (± {error[0]:.3f}), PR-AUC {mean[1]:+.3f} "
            f"(± {error[1]:.3f}) to the best rule")  # fmt: skip


def worlds(count: int) -> str:
    """Worlds in which nothing can be learned and the share of buyers moves: how many call a division Ready."""
    settings: Settings = load_settings(
        environ={}, overrides={"train.bootstrap": 100, "train.candidates": ["logreg"], "train.logreg": [{"c": 0.01}]}
    )
    ready = published = 0
    for k in range(count):
        rng, verdicts = np.random.default_rng(k), []
        for d in range(12):
            data, _ = make_division(300, 20 * k + d, days=DAYS[:3], base=float(rng.uniform(-2.5, 0.0)), noise=10)
            data = shuffled(data, k)
            fitted = fit_division(data, settings, seed=k)
            found = evaluate(
                fitted, settings.train, seed=k, score_cutoff=DAYS[3], base_rates={}, looks=12,
                windows=[(each.cutoff, each.window_end) for each in data.cutoffs],
            )  # fmt: skip
            verdicts.append(found.verdict)
        ready += READY in verdicts
        published += any(verdict != "Not ready" for verdict in verdicts)
    return f"{count} worlds of 12 divisions: {ready} with a division Ready, {published} with any published"


def main() -> None:
    """Print what is asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--small", type=int, default=0)
    parser.add_argument("--worlds", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    text = small(chosen.small) if chosen.small else worlds(chosen.worlds) if chosen.worlds else reseller(chosen.seed)
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
