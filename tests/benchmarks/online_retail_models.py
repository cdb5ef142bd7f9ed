"""Division models on UCI Online Retail: learned monthly from 2011-03-01 to 2011-06-01, tested from 2011-09-01.

Nothing of the test window is seen in training, choosing or calibrating. The rules are fitted on the same cutoffs.

    python tests/benchmarks/online_retail_models.py              # the table of the docs, about two minutes
    python tests/benchmarks/online_retail_models.py --shuffled   # the same with outcomes dealt out anew
    python tests/benchmarks/online_retail_models.py --regional   # regional sales, which carry no signal
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from icp_xl.config import Settings, load_settings
from icp_xl.pipeline.api import call
from icp_xl.pipeline.models.build import build, choose_divisions, division_slug, load_star
from icp_xl.pipeline.models.monthly_mix import read_mixes
from icp_xl.pipeline.models.train import train
from icp_xl.propensity.baselines import BASELINES, fit_baseline
from icp_xl.propensity.calibration import slope_and_intercept
from icp_xl.propensity.data import DivisionData, any_of, read_division
from icp_xl.propensity.fit import fit_division
from icp_xl.propensity.metrics import compare, measure
from icp_xl.propensity.model import DivisionModel
from icp_xl.propensity.verdict import evaluate
from icp_xl.runs import RunContext
from icp_xl.tables.star import open_engine
from tests.support.divisions import shuffled

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
#: What training chooses by itself where it shall score as of the test cutoff: every month whose window is over by it.
TRAIN, TEST, WINDOW = tuple(date(2011, month, 1) for month in (3, 4, 5, 6)), date(2011, 9, 1), 3


def retail_settings(
    out: Path, learn: Sequence[date] = TRAIN, test: date = TEST, window: int = WINDOW,
    sku_map: Path = DATA / "online-retail/sku_divisions.csv",
) -> Settings:  # fmt: skip
    """Settings beside the defaults: where the columns are, the cutoffs, the window."""
    return load_settings(
        overrides={
            "paths.data": str(DATA / "online-retail"), "sources.accept_losses": True,  # a quarter names no customer
             "paths.out": str(out),
            "sources.sales": {"file": "online_retail.parquet"}, "sources.customers": {"ignore": True},
            "columns.sales": {
                "date": "InvoiceDate", "account_id": "CustomerID", "sku": "StockCode", "product": "Description",
                "quantity": "Quantity", "revenue": "= [Quantity] * [UnitPrice]", "invoice": "InvoiceNo",
                "country": "Country",
            },
            "build.sku_map": str(sku_map), "build.window_months": window,
            "build.cutoffs": [day.isoformat() for day in (*learn, test)],
            "train.cutoffs": [day.isoformat() for day in learn], "train.score_cutoff": test.isoformat(),
        }
    )  # fmt: skip


def regional_settings(out: Path) -> Settings:
    """The regional sales workbook: customers and orders of one file."""
    book = "US_Regional_Sales_Data.xlsx"
    return load_settings(
        overrides={
            "paths.data": str(DATA / "regional-sales"), "paths.out": str(out),
            "sources.customers": {"file": book, "sheet": "Customers Sheet"},
            "sources.sales": {
                "file": book, "sheet": "Sales Orders Sheet",
                "joins": [{"key": "_CustomerID", "sheet": "Customers Sheet"},
                          {"key": "_ProductID", "sheet": "Products Sheet"},
                          {"key": "_SalesTeamID", "sheet": "Sales Team Sheet"}],
            },
            "columns.customers": {"account_id": "_CustomerID", "account_name": "Customer Names"},
            "columns.sales": {
                "date": "OrderDate", "account_id": "_CustomerID", "account_name": "Customer Names",
                "division": "Product Name", "sku": "_ProductID", "product": "Product Name",
                "quantity": "Order Quantity", "revenue": "= [Order Quantity] * [Unit Price]",
            },
            "build.window_months": 3, "train.min_positives": 20,
        }
    )  # fmt: skip


def read_all(run: RunContext) -> tuple[list[DivisionData], list[DivisionData]]:
    """Training data and test data of every division, from the star schema that the run built."""
    build(run)
    star = load_star(run)
    learned, tested = [], []
    names = choose_divisions(star, run.settings)
    with open_engine(star, run.settings) as engine:
        mixes = read_mixes(engine, star, names, run.settings)
    for division in names:
        slug = division_slug(star, division)
        learned.append(replace(read_division(run.outputs.find, division, slug, TRAIN), mix=mixes[division]))
        tested.append(read_division(run.outputs.find, division, slug, [TEST]))
    return learned, tested


def test_figures(data: DivisionData, test: DivisionData, model: DivisionModel, resamples: int = 1000) -> dict[str, Any]:
    """Figures on the test window: the model, the best rule (by its AUC there), and their paired difference."""
    cutoff = test.cutoffs[0]
    y, worth = cutoff.label.astype(float), cutoff.revenue.clip(0)
    score, p = model.log_odds(cutoff.features), model.predict(cutoff.features)
    rules = {}
    for name in BASELINES[1:]:
        rule = fit_baseline(name, data.cutoffs)
        if rule is not None:
            part = DivisionModel("", "", name, ((1.0, rule),), rule.sigmoid, (), 0)
            rules[name] = part.log_odds(cutoff.features)
    figures = {name: measure(y, values)["auc"].value for name, values in rules.items()}
    best = max(figures, key=lambda name: figures[name])
    precise = {name: measure(y, values)["pr_auc"].value for name, values in rules.items()}
    best_pr = max(precise, key=lambda name: precise[name])
    found = measure(y, score, worth, resamples=resamples, seed=1)
    gain = compare(y, score, rules[best], resamples=resamples, seed=1)["auc"]
    gain_pr = compare(y, score, rules[best_pr], resamples=resamples, seed=1)["pr_auc"]
    slope, intercept = slope_and_intercept(y, p)
    skill = measure(y, p)["brier_skill"].value
    return {
        "auc": found["auc"], "pr_auc": found["pr_auc"], "rule": best, "rule_auc": figures[best], "gain": gain,
        "gain_pr": gain_pr, "skill": skill, "predicted": float(p.mean()), "observed": float(y.mean()), "slope": slope,
        "intercept": intercept,
    }  # fmt: skip


def table(rows: list[tuple[str, str, str, Mapping[str, Any]]]) -> str:
    """The rows as a Markdown table."""
    lines = [
        "| division | what predicts | AUC (95 %) | best rule | gain in AUC (95 %) | gain in PR-AUC (95 %) "
        "| predicted | observed | verdict |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for division, kind, verdict, f in rows:
        auc, gain, precise = f["auc"], f["gain"], f["gain_pr"]
        lines.append(
            f"| {division} | {kind} | {auc.value:.3f} ({auc.low:.3f} to {auc.high:.3f}) "
            f"| {f['rule']} {f['rule_auc']:.3f} "
            f"| {gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f}) "
            f"| {precise.value:+.3f} ({precise.low:+.3f} to "
            f"{precise.high:+.3f}) | {f['predicted']:.1%} | {f['observed']:.1%} | {verdict} |"
        )
    return "\n".join(lines)


def run_retail(out: Path, deal: bool) -> str:
    """Train on every division, and on a purchase in any; the table."""

    def body(run: RunContext) -> str:
        learned, tested = read_all(run)
        learned, tested = [*learned, any_of(learned)], [*tested, any_of(tested)]
        rows, published = [], 0
        for number, (data, test) in enumerate(zip(learned, tested, strict=True)):
            data = shuffled(data, number) if deal else data
            fitted = fit_division(data, run.settings, seed=run.settings.run.seed + number, target=TEST)
            found = evaluate(
                fitted, run.settings.train, seed=1, score_cutoff=TEST, base_rates=data.outline.base_rates,
                windows=[(each.cutoff, each.window_end) for each in data.cutoffs],
            )  # fmt: skip
            published += found.verdict != "Not ready"
            rows.append((data.division, fitted.model.kind, found.verdict, test_figures(data, test, fitted.model)))
        return table(rows) + f"\n\n{published} of {len(rows)} published"

    return call("build", body, retail_settings(out))


def run_regional(out: Path) -> str:
    """What training says of regional sales."""
    result = call("train", train, regional_settings(out))
    assert result is not None
    told = [f"{each.division}: {each.model.verdict if each.model else 'No model'}: "
            f"{'; '.join(each.model.reasons) if each.model else each.status}" for each in result.trained]  # fmt: skip
    return "\n".join([*told, f"{len(result.published)} of {len(result.trained)} published"])


def main() -> None:
    """Print what is asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--shuffled", action="store_true")
    parser.add_argument("--regional", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        text = run_regional(Path(folder)) if arguments.regional else run_retail(Path(folder), arguments.shuffled)
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
