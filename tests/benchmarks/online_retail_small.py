"""Divisions of 20 to 60 buyers on UCI Online Retail: one model for all against the best bare rule, on later windows.

The nine divisions are split by product family, which is the last word of a product's description within its division
("Jewellery: BRACELET"). Every family of at least four products which had 20 to 60 buyers before the test is a division
of its own; what is left of the nine stays as it is. Nothing of a test window is seen in the choice of families, nor in
training, choosing or calibrating. Test windows do not overlap where they are equally long.

    python tests/benchmarks/online_retail_small.py          # four tests, about ten minutes and 6 GB
    python tests/benchmarks/online_retail_small.py --each   # every division of them too
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from icp_xl.config import Settings
from icp_xl.pipeline.api import call
from icp_xl.pipeline.models.build import build, choose_divisions, division_slug, load_star
from icp_xl.propensity.baselines import BASELINES, fit_baseline
from icp_xl.propensity.data import CutoffData, DivisionData, read_division
from icp_xl.propensity.metrics import Curve, draw_weights
from icp_xl.propensity.pooled import Pooled, common_rules, fit_pooled
from icp_xl.runs import RunContext
from icp_xl.tables.star_calendar import add_months
from tests.benchmarks.online_retail_models import DATA, retail_settings

Floats = NDArray[np.float64]
BEGAN = date(2010, 12, 1)
#: Cutoffs that are tested, by months of the window: all that leave two windows to learn from, without overlap.
TESTS = ((3, date(2011, 9, 1)), (2, date(2011, 6, 1)), (2, date(2011, 8, 1)), (2, date(2011, 10, 1)))
FEWEST, MOST, PRODUCTS = 20, 60, 4
FIGURES, PUBLISHED = ("auc", "pr_auc"), "published"


@dataclass(frozen=True)
class Read:
    """All divisions at the cutoffs to learn from, and the small ones at the test cutoff, by name."""

    settings: Settings
    learned: list[DivisionData]
    tested: dict[str, CutoffData]


@dataclass(frozen=True)
class Small:
    """One small division at one test: who bought, and the rankings of the model for all and of rules."""

    test: date
    window: int
    division: str
    learned: int
    kind: str
    rule: str
    accounts: NDArray[np.object_]
    bought: Floats
    scores: dict[str, Floats]


def families() -> pd.DataFrame:
    """Product codes with their division and their family."""
    products = pd.read_csv(DATA / "online-retail/sku_divisions.csv", dtype=str).drop_duplicates("sku")
    word = products["description"].fillna("").str.upper().str.findall("[A-Z]{3,}").str[-1]
    return products.assign(family=products["division"] + ": " + word.fillna(""))


def small_families(products: pd.DataFrame, learn: Sequence[date], window: int) -> set[str]:
    """Families of enough products whose buyers in windows to learn from, which do not overlap, are few but not too few.

    Buyers as training counts them: accounts that had bought anything before, with revenue above 0 in the family.
    """
    lines = pd.read_parquet(DATA / "online-retail/online_retail.parquet").dropna(subset="CustomerID")
    lines = lines.assign(sku=lines["StockCode"].str.upper(), revenue=lines["Quantity"] * lines["UnitPrice"])
    lines = lines.merge(products.assign(sku=products["sku"].str.upper()).drop_duplicates("sku"), on="sku", how="left")
    buyers = pd.Series(dtype=float)
    start = None
    for day in sorted(learn, reverse=True):
        if start is not None and add_months(day, window) > start:
            continue
        start, end = day, add_months(day, window)
        known = lines.loc[lines["InvoiceDate"] < pd.Timestamp(day), "CustomerID"].unique()
        inside = lines[(lines["InvoiceDate"] >= pd.Timestamp(day)) & (lines["InvoiceDate"] < pd.Timestamp(end))]
        worth = inside[inside["CustomerID"].isin(known)].groupby(["family", "CustomerID"])["revenue"].sum()
        buyers = buyers.add((worth > 0).groupby(level="family").sum(), fill_value=0)
    size = products.groupby("family").size().reindex(buyers.index)
    return set(buyers.index[(buyers >= FEWEST) & (buyers <= MOST) & (size >= PRODUCTS)])


def read_test(window: int, test: date, out: Path) -> Read:
    """All divisions at one test cutoff, from the star schema that is built in the folder ``out``."""
    learn = [add_months(BEGAN, window + k) for k in range(12)]
    learn = [day for day in learn if add_months(day, window) <= test]
    products = families()
    chosen = small_families(products, learn, window)
    own = products["family"].isin(chosen)
    products["division"] = products["family"].where(own, products["division"])
    products[["sku", "description", "division"]].to_csv(out / "families.csv", index=False)
    settings = retail_settings(out / "out", learn, test, window, out / "families.csv")

    def body(run: RunContext) -> Read:
        build(run)
        star = load_star(run)
        slugs = {name: division_slug(star, name) for name in choose_divisions(star, run.settings)}
        learned, tested = (
            {name: read_division(run.outputs.find, name, slug, days) for name, slug in slugs.items()}
            for days in (learn, [test])
        )
        small = [name for name, data in learned.items() if name in chosen and FEWEST <= data.buyers <= MOST]
        return Read(run.settings, list(learned.values()), {name: tested[name].cutoffs[0] for name in small})

    return call("build", body, settings)


def run_test(read: Read) -> list[Small]:
    """What would be published of the small divisions, and the rules, on the window after the test cutoff."""
    test = next(iter(read.tested.values())).cutoff
    found = fit_pooled(read.learned, list(read.tested), read.settings, seed=read.settings.run.seed, target=test)
    rules = common_rules({name: each.fitted.candidates for name, each in found.items()})
    learned = {data.division: data for data in read.learned}
    return [one_division(learned[name], read.tested[name], each, rules[name]) for name, each in found.items()]


def one_division(data: DivisionData, last: CutoffData, found: Pooled, rule: str) -> Small:
    """What would be published of one division, and every rule, on the window after the test cutoff."""
    model = found.fitted.model
    scores = {PUBLISHED: model.log_odds(last.features)}
    for name in BASELINES[1:]:
        fitted = fit_baseline(name, data.cutoffs)
        if fitted is not None:
            bare = type(model)("", "", name, ((1.0, fitted),), fitted.sigmoid, (), 0)
            scores[name] = bare.log_odds(last.features)
    return Small(
        last.cutoff, last.window_months, data.division, data.buyers, model.kind, rule, last.accounts,
        last.label.astype(float), scores,
    )  # fmt: skip


def figures(each: Small, name: str, weights: Floats | None = None) -> Floats:
    """AUC and PR-AUC of one ranking, under each row of ``weights``: figures × rows."""
    found = Curve(each.bought, each.scores[name]).measure(weights)
    return np.array([found[figure] for figure in FIGURES])


def redrawn(found: Sequence[Small], resamples: int = 400, seed: int = 1) -> Floats:
    """Gains where accounts are drawn anew, the same for all divisions: divisions × figures × resamples."""
    everybody = pd.Index(np.unique(np.concatenate([each.accounts for each in found])))
    drawn = np.concatenate([*draw_weights(len(everybody), resamples, seed)])
    gains = []
    for each in found:
        weights = drawn[:, everybody.get_indexer(pd.Index(each.accounts))]
        gains.append(figures(each, PUBLISHED, weights) - figures(each, each.rule, weights))
    return np.array(gains)


def error_of(gains: Floats, divisions: Sequence[str], seed: int = 1) -> Floats:
    """1.96 standard errors of each figure's mean gain; divisions are drawn anew too, with all their tests at once."""
    code, known = pd.factorize(np.array(divisions))
    rng, means = np.random.default_rng(seed), []
    for each in np.moveaxis(gains, 2, 0):
        weight = np.bincount(rng.integers(0, len(known), len(known)), minlength=len(known))[code, None]
        there = np.where(np.isfinite(each), weight, 0.0)
        means.append((there * np.nan_to_num(each)).sum(axis=0) / there.sum(axis=0))
    return np.asarray(1.96 * np.std(means, axis=0))


def row(title: str, found: Sequence[Small], gains: Floats) -> str:
    """One row of the table: means over divisions."""
    rules = sorted({name for each in found for name in each.scores} - {PUBLISHED})
    backwards = np.array([
        np.nanmean([figures(each, name)[:, 0] for each in found if name in each.scores], axis=0) for name in rules
    ])  # fmt: skip
    rule, ours = (np.array([figures(each, name or each.rule)[:, 0] for each in found]) for name in ("", PUBLISHED))
    gain, error = np.nanmean(ours - rule, axis=0), error_of(gains, [each.division for each in found])
    cells = [f"{title} | {len(found)} | {np.mean([each.learned for each in found]):.0f}"]
    for k in range(len(FIGURES)):
        best = backwards[:, k].max()
        cells.append(f"{np.nanmean(rule[:, k]):.3f} | {gain[k]:+.3f} (± {error[k]:.3f}) | {best:.3f}")
    return f"| {' | '.join(cells)} |"


def table(found: Sequence[Small], each: bool) -> str:
    """A row per test and one for all; before it, if asked, one per division."""
    gains = redrawn(found)
    told = []
    if each:
        told = ["| test | division | buyers | came | predicts | rule | AUC | PR-AUC | gain in AUC | in PR-AUC |",
                "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"]  # fmt: skip
        for small in found:
            ours = figures(small, PUBLISHED)[:, 0]
            gain = ours - figures(small, small.rule)[:, 0]
            told.append(
                f"| {small.test} | {small.division} | {small.learned} | {small.bought.sum():.0f} | {small.kind} "
                f"| {small.rule} | {ours[0]:.3f} | {ours[1]:.3f} | {gain[0]:+.3f} | {gain[1]:+.3f} |"
            )
        told.append("")
    told += [
        "| window from | divisions | buyers | AUC, rule | gain in AUC | AUC, best rule looking back "
        "| PR-AUC, rule | gain in PR-AUC | PR-AUC, best rule looking back |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for window, test in dict.fromkeys((small.window, small.test) for small in found):
        here = [k for k, small in enumerate(found) if (small.window, small.test) == (window, test)]
        told.append(row(f"{test}, {window} months", [found[k] for k in here], gains[here]))
    told.append(row("all", found, gains))
    return "\n".join(told)


def main() -> None:
    """Print what is asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--each", action="store_true", help="a row for each division too")
    chosen = parser.parse_args()
    found = []
    for window, test in TESTS:
        with tempfile.TemporaryDirectory() as folder:
            found += run_test(read_test(window, test, Path(folder)))
    sys.stdout.write(table(found, chosen.each) + "\n")


if __name__ == "__main__":
    main()
