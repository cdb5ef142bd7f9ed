"""The sheets *Models* (one row per division) and one sheet per division: how good, why, and what to beware of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Generic, TypeVar

import pandas as pd

from icp_xl.config.reports import ReportSettings
from icp_xl.propensity.first_purchases import ORDERS, OURS
from icp_xl.propensity.model import CARE, NOT_READY, READY
from icp_xl.propensity.train import Evaluated, NoModel, Trained, expected_share
from icp_xl.reports.about import build_about_sheet
from icp_xl.reports.inputs import RunFacts
from icp_xl.reports.spec import (
    Chart,
    Column,
    Facts,
    Figure,
    Figures,
    Item,
    Ref,
    ReportBook,
    Series,
    Sheet,
    Table,
    Text,
)
from icp_xl.reports.words import MOST_BARS, say_bars, say_count, say_interval

NO_MODEL = "No model"
KINDS = {
    "logreg": "Logistic regression", "lgbm": "LightGBM", "blend": "Logistic regression and LightGBM",
    "base_rate": "Base rate", "recency": "Recency rule", "frequency": "Frequency rule", "bgnbd": "BG/NBD",
    "days": "Purchase days, last year", "spending": "Revenue, last year",
    "pooled": "One model for all divisions",
}  # fmt: skip
_TONES: dict[str, Any] = {READY: "good", CARE: "warning", NOT_READY: "bad", NO_MODEL: "bad"}
_DRIVERS = 12


T_co = TypeVar("T_co", bound=Trained, covariant=True)


@dataclass(frozen=True)
class _Named(Generic[T_co]):
    """A division with the name of its sheet and a short stem for its tables."""

    trained: T_co
    sheet: str
    stem: str


def build_model_book(
    trained: Sequence[Trained],
    cutoffs: Sequence[date],
    score_cutoff: date,
    run: RunFacts,
    settings: ReportSettings,
    first: pd.DataFrame | None = None,
) -> ReportBook:
    """The model report of one training.

    Args:
        trained: what training gave, in the order of the divisions.
        cutoffs: cutoffs that were learned from.
        score_cutoff: the day as of which accounts are scored.
        run: particulars of the run.
        settings: looks of the report.
        first: its table of first purchases.
    """
    named = [
        _Named(each, name, f"model_{i}") for i, (each, name) in enumerate(zip(trained, _names(trained), strict=True))
    ]
    sheets = [_overview(named, cutoffs, score_cutoff)]
    sheets += [
        _division(_Named(each.trained, each.sheet, each.stem), settings)
        for each in named if isinstance(each.trained, Evaluated)
    ]  # fmt: skip
    sheets += [] if first is None else [_first_purchases(first)]
    sheets += [_method(), build_about_sheet(run)]
    return ReportBook(
        sheets, title="Division models", subject="How good each division's model is", footer=f"run {run.run_id}",
        currency=settings.currency, paper=settings.paper,
    )  # fmt: skip


def _names(trained: Sequence[Trained]) -> list[str]:
    """Sheet names: the division's, made fit and unique within 31 characters."""
    used = {"models", "method", "about", "history", "first purchases"}
    names = []
    for each in trained:
        stem = re.sub(r"[\[\]:*?/\\]", " ", each.division).strip(" '") or "Division"
        name, k = stem[:31].strip(), 2
        while name.casefold() in used:
            tail = f" ({k})"
            name, k = stem[: 31 - len(tail)].strip() + tail, k + 1
        used.add(name.casefold())
        names.append(name)
    return names


def _verdict(each: Trained) -> str:
    return NO_MODEL if isinstance(each, NoModel) else each.model.verdict


def _overview(named: Sequence[_Named[Trained]], cutoffs: Sequence[date], score_cutoff: date) -> Sheet:
    rows = [_row(each) for each in named]
    frame = pd.DataFrame(rows)
    counts = {verdict: int((frame["verdict"] == verdict).sum()) for verdict in (READY, CARE, NOT_READY, NO_MODEL)}
    columns = [
        Column("division", "Division"),
        Column("verdict", "Verdict", width=16, rule="status"),
        Column("model", "What predicts", width=30),
        Column("version", "Version", width=9),
        Column("auc", "AUC", "number", decimals=3, width=8,
               note="Chance that a buyer is ranked above one who did not buy; 0.5 is a coin."),
        Column("auc_range", "95 % interval", width=15, align="center"),
        Column("rule", "Best rule", width=14),
        Column("rule_auc", "AUC of rule", "number", decimals=3, width=9),
        Column("gain", "Gain in AUC", "number", decimals=3, width=9, rule="sign"),
        Column("gain_range", "Interval of the gain", width=16, align="center"),
        Column("lift", "Lift, top 10 %", "number", decimals=2, width=9),
        Column("rule_lift", "Lift of rule", "number", decimals=2, width=9),
        Column("brier_skill", "Brier skill", "percent", width=9),
        Column("slope", "Calibration slope", "number", decimals=2, width=11),
        Column("buyers", "Buyers judged", "integer", width=9),
        Column("base_rate", "Share of buyers", "percent", width=9),
        Column("reasons", "Why", "long_text", width=70),
    ]  # fmt: skip
    days = ", ".join(f"{day:%Y-%m-%d}" for day in cutoffs)
    blocks: list[Item] = [
        Figures(
            [
                Figure("Ready", counts[READY], "integer", "use the ranking", tone="good" if counts[READY] else "plain"),
                Figure("Usable with care", counts[CARE], "integer", "read why",
                       tone="warning" if counts[CARE] else "plain"),
                Figure("Not ready", counts[NOT_READY] + counts[NO_MODEL], "integer", "nothing is published",
                       tone="bad" if counts[NOT_READY] + counts[NO_MODEL] else "plain"),
            ]
        ),
        Text(
            "Every model is judged forward in time, on a window that it had not seen, beside rules that need no model. "
            "Where no model beats the best rule beyond noise, the rule serves; what is no better than chance does not.",
        ),
    ]  # fmt: skip
    table = Table("models", columns, frame, title="One row per division")
    judged = frame[frame["auc"].notna()]
    if judged.empty:
        blocks.append(table)
    else:
        chart = _comparison(len(judged))
        blocks += [chart, table] if len(judged) > MOST_BARS else [table, chart]
        shown = judged.sort_values("buyers", ascending=False, kind="stable").head(MOST_BARS)
        blocks.append(
            Table(
                "models_compared",
                [Column("division", "Division"), Column("auc", "Model", "number", decimals=3, width=16),
                 Column("rule_auc", "Best rule", "number", decimals=3, width=30)],
                shown[["division", "auc", "rule_auc"]].sort_values("auc", ascending=False, kind="stable"),
                title="What the chart draws", filters=False,
            )
        )  # fmt: skip
    return Sheet(
        "Models",
        "Division models",
        blocks,
        subtitle=f"Learned from {days}; accounts scored as of {score_cutoff:%Y-%m-%d}.",
    )


def _comparison(n: int) -> Chart:
    names = Ref("models_compared", "division")
    return Chart(
        "bar", "Model against the best rule (AUC)" + say_bars(n, "with most buyers"),
        [Series("Model", names, Ref("models_compared", "auc")),
         Series("Best rule", names, Ref("models_compared", "rule_auc"), colour="#A9B4BB")],
        f"Bar chart of the AUC of the model and of the best rule in {say_count(min(n, MOST_BARS), 'division')}.",
        y_title="AUC", y_format="0.00", y_range=(0.5, None), width=760, height=max(260, 90 + 34 * min(n, MOST_BARS)),
    )  # fmt: skip


def _row(each: _Named[Trained]) -> dict[str, Any]:
    trained = each.trained
    model = None if isinstance(trained, NoModel) else trained.model
    reasons = [trained.status] if isinstance(trained, NoModel) else list(trained.model.reasons)
    row: dict[str, Any] = {
        "division": trained.division, "verdict": _verdict(trained),
        "model": "None" if model is None else KINDS.get(model.kind, model.kind),
        "version": "" if model is None else model.version,
        "reasons": _sentence("; ".join(reasons)),
    }  # fmt: skip
    empty = ("auc", "rule_auc", "gain", "lift", "rule_lift", "brier_skill", "slope", "buyers", "base_rate")
    if not isinstance(trained, Evaluated):
        return row | dict.fromkeys(empty) | {"auc_range": "", "gain_range": "", "rule": ""}
    judged = trained.evaluation
    metrics, gain = judged.metrics, judged.gain["auc"]
    return row | {
        "auc": metrics["auc"].value, "auc_range": say_interval(metrics["auc"].low, metrics["auc"].high),
        "rule": KINDS.get(judged.baseline, judged.baseline), "rule_auc": judged.baseline_metrics["auc"].value,
        "gain": gain.value, "gain_range": say_interval(gain.low, gain.high),
        "lift": metrics["lift_10"].value, "rule_lift": judged.baseline_metrics["lift_10"].value,
        "brier_skill": metrics["brier_skill"].value, "slope": judged.slope, "buyers": judged.positives,
        "base_rate": metrics["base_rate"].value,
    }  # fmt: skip


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _division(each: _Named[Evaluated], settings: ReportSettings) -> Sheet:
    trained, judged = each.trained, each.trained.evaluation
    model, metrics = trained.model, judged.metrics
    reach = say_interval(metrics["auc"].low, metrics["auc"].high)
    blocks: list[Item] = [
        Figures(
            [
                Figure("Verdict", model.verdict, "text", model.version, tone=_TONES[model.verdict]),
                Figure("AUC", metrics["auc"].value, "number", reach, decimals=3),
                Figure("Lift, top 10 %", metrics["lift_10"].value, "number",
                       f"best rule {judged.baseline_metrics['lift_10'].value:.2f}", decimals=2),
                Figure("Buyers found in the top 20 %", metrics["capture_20"].value, "percent",
                       f"of {say_count(judged.positives, 'buyer')}"),
                Figure("Calibration error", judged.calibration_loss, "percent", "mean gap, predicted to observed"),
            ]
        ),
        *(Text(_sentence(reason) + ".", "good" if model.verdict == READY else "warning")
          for reason in model.reasons),
        (_gains_chart(each), _calibration_chart(each)),
    ]  # fmt: skip
    drivers = _drivers(each)
    if drivers is not None:
        blocks += [_driver_chart(each, len(drivers.frame)), drivers]
    # Not beside the drivers: its long lines would stretch their rows.
    blocks += [Facts(_card(each), title="Model card"), _candidates(each), _gains_table(each), _calibration_table(each),
               _threshold_table(each)]  # fmt: skip
    return Sheet(
        each.sheet, f"{trained.division}: the model", blocks, portrait=True,
        subtitle=f"Judged on {say_count(judged.rows, 'account')}, {say_count(judged.positives, 'buyer')} among them.",
    )  # fmt: skip


def _gains_table(each: _Named[Evaluated]) -> Table:
    frame = each.trained.evaluation.gains.copy()
    frame["even"] = frame["decile"] / len(frame)
    return Table(
        f"{each.stem}_gains",
        [
            Column("decile", "Tenth", "integer", width=8, align="left"),
            Column("count", "Accounts", "integer", width=10),
            Column("p_mean", "Predicted", "percent", width=10),
            Column("bought_in_division_mean", "Bought", "percent", width=10),
            Column("captured", "Buyers found", "percent", width=10),
            Column("even", "By chance", "percent", width=10),
        ],
        frame, title="Gains, best tenth first", filters=False,
    )  # fmt: skip


def _gains_chart(each: _Named[Evaluated]) -> Chart:
    table = f"{each.stem}_gains"
    decile = Ref(table, "decile")
    first = each.trained.evaluation.gains["captured"].iloc[0]
    return Chart(
        "line", "Buyers found when the best are called first",
        [Series("With the model", decile, Ref(table, "captured")),
         Series("By chance", decile, Ref(table, "even"), colour="#A9B4BB", dashed=True, marker=False)],
        f"Line chart of cumulated buyers by tenth of the ranking; the first holds {first:.0%}.",
        x_title="Tenths of the accounts", y_format="0%", y_range=(0, 1), width=460, height=300,
    )  # fmt: skip


def _calibration_table(each: _Named[Evaluated]) -> Table:
    frame = each.trained.evaluation.calibration
    bought = frame["fraction_positives"]
    frame = frame.assign(below=bought - frame["low"], above=frame["high"] - bought)
    return Table(
        f"{each.stem}_calibration",
        [
            Column("bin", "Group", "integer", width=8, align="left"),
            Column("count", "Accounts", "integer", width=10),
            Column("mean_predicted", "Predicted", "percent", decimals=1, width=10),
            Column("fraction_positives", "Bought", "percent", decimals=1, width=10),
            Column("below", "Interval below", "percent", decimals=1, width=10),
            Column("above", "Interval above", "percent", decimals=1, width=10),
        ],
        frame, title="Calibration", filters=False,
    )  # fmt: skip


def _calibration_chart(each: _Named[Evaluated]) -> Chart:
    table, judged = f"{each.stem}_calibration", each.trained.evaluation
    group = Ref(table, "bin")
    return Chart(
        "column", "Predicted against what happened",
        [
            Series("Bought", group, Ref(table, "fraction_positives"), colour="#7FC4C9",
                   error_bars=(Ref(table, "below"), Ref(table, "above"))),
            Series("Predicted", group, Ref(table, "mean_predicted"), colour="#17375E", kind="line"),
        ],
        f"Share that bought per tenth by probability, with 95 % intervals, and the predicted share. Mean gap "
        f"{judged.calibration_loss:.1%}.",
        x_title="Tenths by probability, lowest first", y_format="0%", y_range=(0, None), width=460, height=300,
    )  # fmt: skip


def _drivers(each: _Named[Evaluated]) -> Table | None:
    scores = each.trained.scores
    if scores is None or scores.importance.empty:
        return None
    frame = scores.importance.head(_DRIVERS).copy()
    if "meaning" not in frame:
        frame["meaning"], frame["window"] = "", ""
    window = [f" ({text})" if text and text != "ever" else "" for text in frame["window"].astype(str)]
    meanings = zip(frame["meaning"].astype(str), window, frame["feature"].astype(str), strict=True)
    frame["label"] = [(meaning + tail if meaning else feature) for meaning, tail, feature in meanings]
    return Table(
        f"{each.stem}_drivers",
        [
            Column("label", "What the model looks at", "long_text", width=52),
            Column("mean_abs_contribution", "Weight", "number", decimals=3, width=10, rule="data_bar",
                   note="Mean absolute change of the log-odds over all scored accounts."),
            Column("feature", "Feature", "id", width=28),
        ],
        frame, title="Top drivers", filters=False,
    )  # fmt: skip


def _driver_chart(each: _Named[Evaluated], n: int) -> Chart:
    table = f"{each.stem}_drivers"
    return Chart(
        "bar", "Top drivers",
        [Series("Weight", Ref(table, "label"), Ref(table, "mean_abs_contribution"))],
        f"Bar chart of the {n} features with the largest mean absolute contribution.",
        y_format="0.00", legend=False, width=940, height=110 + 26 * n,
    )  # fmt: skip


def _threshold_table(each: _Named[Evaluated]) -> Table:
    frame = each.trained.evaluation.thresholds.assign(share=lambda t: t["k_percent"] / 100.0)
    return Table(
        f"{each.stem}_thresholds",
        [
            Column("share", "Top share", "percent", width=10, align="left"),
            Column("threshold", "Probability from", "percent", decimals=1, width=14),
            Column("count", "Accounts", "integer", width=10),
        ],
        frame, title="Thresholds", filters=False,
    )  # fmt: skip


def _card(each: _Named[Evaluated]) -> list[tuple[str, Any]]:
    trained = each.trained
    model, fitted, judged = trained.model, trained.fitted, trained.evaluation
    undated = "none, or not known as of the day scored" if trained.undated is None else trained.undated.in_words()
    rates = ", ".join(f"{day}: {rate:.1%}" for day, rate in judged.base_rates.items())
    expected = expected_share(trained)
    coming = "not scored" if expected is None else "{:.1%} ({:.1%} to {:.1%})".format(*expected)
    return [
        ("What predicts", KINDS.get(model.kind, model.kind)),
        ("Learned from", ", ".join(f"{day:%Y-%m-%d}" for day in model.trained_on)),
        ("Window", say_count(model.window_months, "month")),
        ("Rows and buyers", f"{trained.rows:,} and {trained.positives:,}"),
        ("Share of buyers", rates),
        ("Expected of the window scored", coming),
        (
            "How far back",
            next((step for step in fitted.steps if step.startswith("learned from")), "all of these cutoffs"),
        ),
        ("Inputs", f"{len(model.features)}"),
        ("Left out", "; ".join(f"{name}: {why}" for name, why in fitted.inputs.left_out.items()) or "nothing"),
        ("Undated fields left out", undated),
        ("Calibration", f"{model.calibrator.method}; slope {judged.slope:.2f}, intercept {judged.intercept:+.2f}"),
        ("Season seen before", "yes" if judged.season_seen else "no"),
        ("AUC in training", f"{fitted.train_auc:.3f}"),
        ("Not for", "accounts that never bought anything: they have no history to go by"),
    ]


def _candidates(each: _Named[Evaluated]) -> Table:
    frame = each.trained.fitted.candidates.assign(
        name=lambda t: [KINDS.get(str(name), str(name)) for name in t["candidate"]],
        day=lambda t: [f"{value:%Y-%m-%d}" for value in t["cutoff_date"]],
    )
    return Table(
        f"{each.stem}_candidates",
        [
            Column("name", "Candidate", width=34),
            Column("day", "Judged at", width=12),
            Column("auc", "AUC", "number", decimals=3, width=9),
            Column("pr_auc", "PR-AUC", "number", decimals=3, width=9),
            Column("lift_10", "Lift, top 10 %", "number", decimals=2, width=10),
            Column("brier_loss", "Brier loss", "number", decimals=4, width=10),
        ],
        frame, title="All that was tried", filters=False,
    )  # fmt: skip


def _first_purchases(table: pd.DataFrame) -> Sheet:
    """Our chances beside orders that need no model of the division, for accounts that had never bought it."""
    frame = table.assign(
        name=[ORDERS[str(order)] for order in table["order"]],
        range=[say_interval(low, high, ".1%") if order != OURS else ""
               for order, low, high in zip(table["order"], table["ahead_low"], table["ahead_high"], strict=True)],
        ahead=table["ahead"].where(table["order"] != OURS),
    )  # fmt: skip
    columns = [
        Column("name", "Order of the list", width=64),
        Column("captured", "Found in the first tenth", "percent", decimals=1, width=14),
        Column("ahead", "Ours finds more", "percent", decimals=1, width=12, rule="sign"),
        Column("range", "95 % interval", width=18, align="center"),
    ]
    text = (
        f"{say_count(int(table['pairs'].iloc[0]), 'pair')} of account and division without a purchase before "
        f"{table['cutoff_date'].iloc[0]}, {table['first_purchases'].iloc[0]:,} of which came in the window after it. "
        "Nothing here has seen that window."
    )
    return Sheet("First Purchases", "First purchases: who buys a division that he has never bought",
                 [Text(text), Table("first_purchases", columns, frame, title="Share of the first purchases found",
                                    filters=False)], portrait=True)  # fmt: skip


def _method() -> Sheet:
    lines = (
        "A model learns from what was known at a cutoff, and from who bought in the window after it.",
        "It is judged on a later cutoff that it had not seen; with one cutoff only, on accounts that it had not seen.",
        "It learns at cutoffs over the whole log, the newest with the most say; how far back was decided on a "
        "window before the one that judges.",
        "Rules stand beside it: base rate, recency, frequency, purchase days and revenue of the last year, and "
        "BG/NBD, a model of repeat purchase.",
        "The highest mean lift in the top tenth wins, ties by Brier loss; a model replaces a rule only beyond noise, "
        "and where none does the rule is what is published.",
        "Intervals are 95 % from a bootstrap over accounts; gains over a rule are paired.",
        "Probabilities are calibrated on accounts that the model's members did not see; those of the judged window "
        "are as they would have been published then. The level of the coming window is forecast from past ones.",
        "What the customers table says is used only as it had been filed by the cutoff (icp-xl history), or where "
        "the settings call a field stable (features.stable_fields).",
        "Ready: better than chance and than every rule, well calibrated, in a season that was seen before.",
        "Usable with care: better than chance, but something that the sheet names must be kept in mind.",
        "Not ready: no evidence of skill, neither of a model nor of a rule. Nothing is published for the division.",
        "AUC: how often a buyer stands above one who did not buy, of all such pairs; 0.5 is a coin, 1 is perfect.",
        "Lift, top 10 %: buyers in the best tenth of the list against as many accounts picked at random.",
        "Brier skill: how much closer the probabilities come to what happened than the share of buyers alone.",
        "Calibration slope: 1 is right; below 1 the probabilities are too bold, above 1 too timid.",
        "A probability holds for the window and the season that were learned; in a season never seen, trust the order.",
    )
    return Sheet("Method", "How the models are judged", [Text(line, "bullet") for line in lines], kind="method",
                 portrait=True)  # fmt: skip
