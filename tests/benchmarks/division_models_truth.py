"""Division models where the truth is known: a reseller's log, small divisions, and worlds without any signal.

python tests/benchmarks/division_models_truth.py --logs 5     # a reseller's log: 60 % of lines at a loss, a season
python tests/benchmarks/division_models_truth.py --logs 5 --months 13 --window 6  # only its last months, longer windows
python tests/benchmarks/division_models_truth.py --small 20   # divisions of 20 to 60 buyers: model for all, or rule
python tests/benchmarks/division_models_truth.py --worlds 400 # 12 divisions each, nothing to learn, a level that moves
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, logit
from scipy.stats import gamma

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from icp_xl.config import Settings, load_settings
from icp_xl.errors import InsufficientDataError
from icp_xl.pipeline.api import call
from icp_xl.pipeline.models.train import train
from icp_xl.propensity.baselines import fit_baseline
from icp_xl.propensity.calibration import Calibrator, lifted
from icp_xl.propensity.data import CutoffData
from icp_xl.propensity.fit import fit_division
from icp_xl.propensity.level import shift_of
from icp_xl.propensity.metrics import Curve, compare
from icp_xl.propensity.model import READY, DivisionModel
from icp_xl.propensity.pooled import fit_pooled
from icp_xl.propensity.train import Evaluated
from icp_xl.propensity.verdict import evaluate
from icp_xl.tables.star_calendar import add_months
from tests.support.divisions import make_division

Floats = NDArray[np.float64]
DIVISIONS = ("Bikes", "Clothing", "Components", "Accessories")
MONTHS, TEST = 42, date(2024, 4, 1)
ACCOUNTS, SHAPE, SCALE, GROWTH, LEAVING = 700, 0.9, 0.16, 30, 0.35
DAYS = (date(2023, 1, 1), date(2023, 7, 1), date(2024, 1, 1), date(2024, 7, 1))


@dataclass(frozen=True)
class Reseller:
    """Accounts of a generated reseller: monthly rates per division, first and last month, last order of components."""

    rate: Floats
    begins: Floats
    ends: Floats
    lately: Floats

    def level(self, month: int, lately: Floats) -> Floats:
        """Expected orders per account × division in one month."""
        spring = np.exp(1.1 * np.cos(2 * np.pi * (month % 12 - 4) / 12))
        level = self.rate * np.array([spring, spring, 1.0, 1.0])
        level[:, 3] *= np.where(month - lately <= 3, 4.0, 0.5)
        return level * ((self.begins <= month) & (month < self.ends))[:, None]

    def chances(self, first: int, months: int, rng: np.random.Generator, draws: int = 400) -> Floats:
        """True chance of an order in the window, per account × division; components of the window are drawn."""
        total = np.zeros_like(self.rate)
        for _ in range(draws):
            lately, missed = self.lately.copy(), np.ones_like(self.rate)
            for month in range(first, first + months):
                lately[rng.random(len(lately)) < 1 - np.exp(-self.level(month, lately)[:, 2])] = month
                # Components of this month already make accessories likelier.
                missed *= np.exp(-self.level(month, lately))
            total += 1 - missed
        return total / draws


@dataclass(frozen=True)
class Asked:
    """How many ``months`` of a log are known, and the months of its ``window``, which ends where all logs end."""

    months: int = 39
    window: int = 3

    @property
    def test(self) -> date:
        """The day as of which accounts are scored: ``TEST`` where the window is three months."""
        return add_months(TEST, 3 - self.window)

    @property
    def before(self) -> int:
        """Months that were generated before the test."""
        return MONTHS - self.window


def reseller_log(seed: int, accounts: int = ACCOUNTS, asked: Asked = Asked()) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Lines of 42 months from 2021-01-01, and the true chances of an order in the window after the test.

    Orders of many lines, two divisions that peak in spring, 60 % of lines at a loss. An order of components makes one
    of accessories likelier for three months; the others hang on the account alone.
    """
    rng = np.random.default_rng(seed)
    rate = rng.gamma(SHAPE, SCALE, (accounts, len(DIVISIONS)))
    begins = rng.integers(0, GROWTH, accounts) * (rng.random(accounts) < 0.5)
    ends = np.where(rng.random(accounts) < LEAVING, rng.integers(12, MONTHS, accounts), MONTHS)
    world = Reseller(rate, begins, ends, np.full(accounts, -99))
    rows, truth = [], pd.DataFrame()
    for month in range(MONTHS):
        if month == asked.before:
            index = [f"A{account:04d}" for account in range(accounts)]
            truth = pd.DataFrame(
                world.chances(month, asked.window, np.random.default_rng(seed)), index, list(DIVISIONS)
            )
        for d, division in enumerate(DIVISIONS):
            # Components of this month already make accessories likelier.
            buys = np.flatnonzero(rng.random(accounts) < 1 - np.exp(-world.level(month, world.lately)[:, d]))
            if division == "Components":
                world.lately[buys] = month
            for account in buys:
                day = pd.Timestamp(2021 + month // 12, month % 12 + 1, int(rng.integers(1, 28)))
                for _ in range(1 + rng.poisson(6)):
                    revenue = float(np.round(np.exp(rng.normal(5, 1)), 2))
                    margin = -0.1 if rng.random() < 0.6 else 0.2
                    rows.append((day, f"A{account:04d}", f"{division[:2]}-{rng.integers(12)}", division, 1.0, revenue,
                                 round(revenue * margin, 2)))  # fmt: skip
    names = ["date", "account_id", "sku", "division", "quantity", "revenue", "gross_profit"]
    lines = pd.DataFrame(rows, columns=names)
    return lines[lines["date"] >= pd.Timestamp(add_months(asked.test, -asked.months))].reset_index(drop=True), truth


def informed(
    lines: pd.DataFrame, rng: np.random.Generator, asked: Asked = Asked(), draws: int = 200, points: int = 60
) -> pd.DataFrame:
    """Chances by one who knows how the log is generated, but of each account only what it bought before the test.

    Rates, first and last month of each account are drawn ``draws`` times from what its purchases leave likely, and the
    chances of the draws are averaged.
    """
    before, began = asked.before, asked.before - asked.months
    past = lines[lines["date"] < pd.Timestamp(asked.test)]
    month = (past["date"].dt.year - 2021) * 12 + past["date"].dt.month - 1
    bought = np.zeros((ACCOUNTS, len(DIVISIONS), before), bool)
    bought[past["account_id"].str[1:].astype(int), past["division"].map(DIVISIONS.index), month] = True
    lately, level = np.full(ACCOUNTS, -99), np.ones(bought.shape)
    always = Reseller(level[:, :, 0].copy(), np.zeros(ACCOUNTS), np.full(ACCOUNTS, MONTHS), lately)
    for m in range(before):
        lately = np.where(bought[:, 2, m], m, lately)
        level[:, :, m] = always.level(m, lately)
    rates = gamma.ppf((np.arange(points) + 0.5) / points, SHAPE, scale=SCALE)
    first, last = np.arange(GROWTH), np.arange(12, MONTHS + 1)
    joins = np.where(first == 0, 0.5, 0.0) + 0.5 / GROWTH
    leaves = np.where(last == MONTHS, 1.0 - LEAVING, LEAVING / (MONTHS - 12))
    stop = np.minimum(last, before)
    begins, ends = (np.empty((draws, ACCOUNTS), int) for _ in range(2))
    rate = np.empty((draws, ACCOUNTS, len(DIVISIONS)))
    for a in range(ACCOUNTS):
        orders = rates[:, None, None] * level[a]
        like = np.where(bought[a], np.log(-np.expm1(-orders)), -orders)
        like[:, :, :began] = 0.0  # of what was before the log, nothing is known
        until = np.concatenate([np.zeros((*like.shape[:2], 1)), like.cumsum(axis=2)], axis=2)
        active = np.r_[0, bought[a].any(axis=0).cumsum()]
        # Rates × divisions × first × last month.
        each = np.exp(until[:, :, np.maximum(stop, first[:, None])] - until[:, :, first][..., None])
        all_within = active[stop] - active[first][:, None] == active[-1]
        likely = each.mean(axis=0).prod(axis=0) * all_within * joins[:, None] * leaves
        pick = np.unravel_index(rng.choice(likely.size, draws, p=(likely / likely.sum()).ravel()), likely.shape)
        begins[:, a], ends[:, a] = first[pick[0]], last[pick[1]]
        sums = each[:, :, pick[0], pick[1]].cumsum(axis=0)
        chosen = (rng.random(sums.shape[1:]) > sums / sums[-1]).sum(axis=0).clip(max=points - 1)
        rate[:, a] = rates[chosen].T
    p = [Reseller(*each, lately).chances(before, asked.window, rng, 1) for each in zip(rate, begins, ends, strict=True)]
    return pd.DataFrame(np.mean(p, axis=0), [f"A{a:04d}" for a in range(ACCOUNTS)], list(DIVISIONS))


def reseller(seeds: Sequence[int], asked: Asked = Asked()) -> str:
    """Trained as of the test, held against who bought in the window from then on, and against the truth."""
    told = ["| log | division | verdict | predicts | bought | AUC | purchase days | gain (95 %) | of the truth "
            "| predicted | observed | true | off | informed off |",
            "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"]  # fmt: skip
    figures: list[dict[str, float | str]] = []
    labels, losses = 0, []
    for seed in seeds:
        lines, truth = reseller_log(seed, asked=asked)
        best = informed(lines, np.random.default_rng(seed), asked)
        losses.append((lines["gross_profit"] < 0).mean())
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            lines.to_parquet(place / "lines.parquet")
            settings = load_settings(
                environ={},
                overrides={"paths.data": folder, "paths.out": str(place / "out"), "build.window_months": asked.window,
                           "build.transactions": str(place / "lines.parquet"),
                           "train.score_cutoff": asked.test.isoformat(),
                           "features.use_als": False, "build.as_of": "2026-01-01"},
            )  # fmt: skip
            result = call("train", train, settings)
            assert result is not None
            labels += wrong_labels(place / "out", lines)
        for each in result.trained:
            if isinstance(each, Evaluated) and each.scores is not None:
                figures.append(one_division(each, result.scores, lines, truth, best, asked))
                told.append(f"| {seed} | {told_of(figures[-1])} |")
            else:
                told.append(f"| {seed} | {each.division} | none published | | | | | | | | | | | |")
    frame = pd.DataFrame(figures)
    for name, part in frame.groupby("division", sort=False):
        gain, error = part["gain"].mean(), 1.96 * part["gain"].std() / np.sqrt(max(len(part), 1))
        told.append(
            f"\n{name}, mean of {len(part)} logs: AUC {part['auc'].mean():.3f}, days {part['days'].mean():.3f}, gain "
            f"{gain:+.3f} (± {error:.3f}), truth {part['best'].mean():.3f}; level off by "
            f"{(part['predicted'] - part['true']).abs().mean():.1%} (informed "
            f"{(part['informed'] - part['true']).abs().mean():.1%}), from the truth per fifth {part['off'].mean():.1%} "
            f"(informed {part['informed_off'].mean():.1%}; at the true level {part['levelled_off'].mean():.1%}, chance "
            f"{part['chance_off'].mean():.1%}), from who bought per fifth {part['missed'].mean():.1%} "
            f"(informed {part['informed_missed'].mean():.1%})"
        )
    misses = (frame["off"] > 0.03).sum()
    told.append(f"\n{misses} of {len(frame)} divisions more than 3.0 points from the truth per fifth")
    told.append(f"\n{np.mean(losses):.0%} of lines at a loss; {labels} labels differ from who bought.")
    return "\n".join(told)


def wrong_labels(out: Path, lines: pd.DataFrame) -> int:
    """Labels of any division and cutoff that differ from who bought in the window, whatever the profit."""
    wrong = 0
    for path in sorted((out / "curated/labels").glob("labels_*.parquet")):
        frame = pd.read_parquet(path)
        start, end, division = frame["cutoff_date"].iloc[0], frame["window_end"].iloc[0], frame["division"].iloc[0]
        window = lines[(lines["date"] >= start) & (lines["date"] < end) & (lines["division"] == division)]
        wrong += int((frame["account_id"].isin(window["account_id"]) != (frame["label"] == 1)).sum())
    return wrong


def one_division(
    each: Evaluated, scores: pd.DataFrame, lines: pd.DataFrame, truth: pd.DataFrame, best: pd.DataFrame, asked: Asked
) -> dict[str, float | str]:
    """Figures of one division forward: against who bought, purchase days of the last year, and the true chances."""
    mine = scores[scores["division"] == each.division].set_index("account_id")["p_icp"]
    day = pd.Timestamp(asked.test)
    window = lines[(lines["date"] >= day) & (lines["date"] < day + pd.DateOffset(months=asked.window))]
    bought = mine.index.isin(window.loc[window["division"] == each.division, "account_id"]).astype(float)
    past = lines[(lines["date"] < day) & (lines["division"] == each.division)]
    year = past[past["date"] >= day - pd.DateOffset(years=1)]
    days = year.groupby("account_id")["date"].nunique().reindex(mine.index).fillna(0.0)
    gain = compare(bought, mine, days, resamples=1000, seed=1)["auc"]
    true = truth[each.division].reindex(mine.index).to_numpy()
    p, knowing = mine.to_numpy(), best[each.division].reindex(mine.index).to_numpy()
    levelled = expit(lifted(logit(p), shift_of(true, p)[0]))
    return {
        "division": each.division, "verdict": each.model.verdict, "n": float(len(mine)),
        "kind": each.model.kind, "bought": float(bought.sum()), "auc": Curve(bought, mine).auc(),
        "days": Curve(bought, days).auc(), "gain": gain.value, "low": gain.low, "high": gain.high,
        "best": Curve(bought, true).auc(), "predicted": float(mine.mean()), "observed": float(bought.mean()),
        "true": float(true.mean()), "informed": float(knowing.mean()),
        "off": per_fifth(p, true), "missed": per_fifth(p, bought),
        "levelled_off": per_fifth(levelled, true), "chance_off": chance_per_fifth(levelled, true),
        "informed_off": per_fifth(knowing, true), "informed_missed": per_fifth(knowing, bought),
    }  # fmt: skip


def per_fifth(p: Floats, came: Floats) -> float:
    """Mean absolute difference of what was expected and what came, over the fifths of the ranking by ``p``."""
    fifths = np.array_split(np.argsort(p, kind="stable"), 5)
    return float(np.mean([abs(p[part].mean() - came[part].mean()) for part in fifths]))


def chance_per_fifth(p: Floats, came: Floats) -> float:
    """What :func:`per_fifth` is expected to be where nothing but how accounts of equal ``p`` differ is missed."""
    fifths = np.array_split(np.argsort(p, kind="stable"), 5)
    return float(np.mean([np.sqrt(2.0 / np.pi) * np.std(came[part] - p[part]) / np.sqrt(len(part)) for part in fifths]))


def told_of(f: Mapping[str, float | str]) -> str:
    """One row of the table."""
    return (
        f"{f['division']} | {f['verdict']} | {f['kind']} | {f['bought']:.0f} of {f['n']:.0f} | {f['auc']:.3f} "
        f"| {f['days']:.3f} | {f['gain']:+.3f} ({f['low']:+.3f} to {f['high']:+.3f}) | {f['best']:.3f} "
        f"| {f['predicted']:.1%} | {f['observed']:.1%} | {f['true']:.1%} | {f['off']:.1%} | {f['informed_off']:.1%}"
    )


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
            gains.append([float(each[m][0]) for m in ("auc", "pr_auc") for each in (two, one)])
    table = np.array(gains)
    rule, gain = table[:, ::2].mean(axis=0), table[:, 1::2] - table[:, ::2]
    mean, error = gain.mean(axis=0), 1.96 * gain.std(axis=0) / np.sqrt(len(table))
    return (f"{len(table)} divisions of 20 to 60 buyers: AUC of the best rule {rule[0]:.3f}, gain {mean[0]:+.3f} (± "
            f"{error[0]:.3f}); PR-AUC {rule[1]:.3f}, gain {mean[1]:+.3f} (± {error[1]:.3f})")  # fmt: skip


def worlds(count: int, first: int = 0) -> str:
    """Worlds in which nothing can be learned and the share of buyers moves: how many call a division Ready."""
    settings: Settings = load_settings(
        environ={}, overrides={"train.bootstrap": 50, "train.candidates": ["logreg"], "train.logreg": [{"c": 0.01}]}
    )
    ready = published = divisions = 0
    for k in range(first, first + count):
        rng, verdicts = np.random.default_rng(k), []
        for d in range(12):
            data, _ = make_division(200, 20 * k + d, days=DAYS[:2], noise=4)
            level = rng.uniform(-2.0, 0.0)
            moved = [deal(each, float(expit(level + rng.normal(0, 0.5))), rng) for each in data.cutoffs]
            data = replace(data, cutoffs=tuple(moved))
            try:
                fitted = fit_division(data, settings, seed=k)
            except InsufficientDataError:
                continue
            found = evaluate(
                fitted, settings.train, seed=k, score_cutoff=DAYS[2], base_rates={}, looks=12,
                windows=[(each.cutoff, each.window_end) for each in data.cutoffs],
            )  # fmt: skip
            verdicts.append(found.verdict)
        ready += READY in verdicts
        published += any(verdict != "Not ready" for verdict in verdicts)
        divisions += len(verdicts)
    return (f"{count} worlds, {divisions:,} divisions with a model: {ready} worlds with a division Ready, {published} "
            "with any published")  # fmt: skip


def deal(data: CutoffData, share: float, rng: np.random.Generator) -> CutoffData:
    """The same features with buyers by chance alone."""
    label = (rng.random(len(data.label)) < share).astype(np.int64)
    return replace(data, label=label, revenue=label * 100.0, gross_profit=label * 40.0)


def main() -> None:
    """Print what is asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--small", type=int, default=0)
    parser.add_argument("--worlds", type=int, default=0)
    parser.add_argument("--logs", type=int, default=1, help="generated reseller's logs")
    parser.add_argument("--months", type=int, default=39, help="months of each log that are known")
    parser.add_argument("--window", type=int, default=3, help="months of the window that is predicted")
    parser.add_argument("--seed", type=int, default=1, help="seed of the first log")
    chosen = parser.parse_args()
    text = (
        small(chosen.small)
        if chosen.small
        else worlds(chosen.worlds)
        if chosen.worlds
        else reseller(range(chosen.seed, chosen.seed + chosen.logs), Asked(chosen.months, chosen.window))
    )
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
