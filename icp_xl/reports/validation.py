"""The sheets *Validation*, *Scenarios*, *Drift & Alerts* and *Backtest*: would the models of then have worked?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pandas as pd

from icp_xl.artifacts import BUILD_REPORT
from icp_xl.config.reports import ReportSettings
from icp_xl.propensity.pooled import KIND as POOLED
from icp_xl.reports.about import build_about_sheet
from icp_xl.reports.inputs import RunFacts
from icp_xl.reports.models import KINDS
from icp_xl.reports.spec import Chart, Column, Figure, Figures, Item, Ref, ReportBook, Series, Sheet, Table, Text
from icp_xl.reports.words import MOST_BARS, say_bars, say_count, say_list
from icp_xl.validation.backtest import backtest_by, backtest_by_decile, stack_holdouts
from icp_xl.validation.holdout import Holdout

_MOST_MOVED = 200


def build_validation_book(
    holdouts: Sequence[Holdout],
    left_out: Sequence[tuple[str, str, str]],
    notes: Sequence[str],
    run: RunFacts,
    settings: ReportSettings,
) -> ReportBook:
    """The validation report; ``left_out`` are division, cutoff and reason, ``notes`` what to know of the windows.

    Args:
        holdouts: one per division and cutoff.
        left_out: division, cutoff and reason of those without one.
        notes: what to know of the windows.
        run: particulars of the run.
        settings: looks of the report.
    """
    sheets = [_overview(holdouts, left_out, notes)]
    if holdouts:
        sheets += [_scenarios(holdouts), _drift(holdouts), _backtest(holdouts)]
    sheets += [_method(), build_about_sheet(run)]
    return ReportBook(
        sheets,
        title="Forward validation",
        subject="Models as they would have been, and what came after",
        footer=f"run {run.run_id}",
        currency=settings.currency,
        paper=settings.paper,
    )


def say_model(each: Holdout) -> str:
    """What was judged: a model of the division's own, the one for all divisions, or a rule; and if it was only that."""
    name = KINDS.get(each.kind, each.kind)
    return name if each.skilled else f"{name}, not published: no skill was proven then"


def _say_pooled(holdouts: Sequence[Holdout]) -> list[Item]:
    pooled = [f"{each.division} at {each.data.cutoff:%Y-%m-%d}" for each in holdouts if each.kind == POOLED]
    if not pooled:
        return []
    return [Text("Few had bought, so that one model for all divisions would have been published and was judged: "
                 f"{say_list(pooled, most=8)}.")]  # fmt: skip


def _key(each: Holdout) -> dict[str, Any]:
    return {"division": each.division, "cutoff": f"{each.data.cutoff:%Y-%m-%d}"}


def _overview(holdouts: Sequence[Holdout], left_out: Sequence[tuple[str, str, str]], notes: Sequence[str]) -> Sheet:
    rows = [
        _key(each)
        | {
            "label": f"{each.division} {each.data.cutoff:%Y-%m}",
            "model": say_model(each),
            "auc": each.metrics["auc"].value,
            "range": f"{each.metrics['auc'].low:.3f} to {each.metrics['auc'].high:.3f}",
            "lift": each.metrics["lift_10"].value,
            "predicted": each.figures["predicted_rate"],
            "came": each.figures["base_rate"],
            "gap": each.figures["calibration_loss"],
            "slope": each.figures["slope"],
            "buyers": int(each.figures["buyers"]),
            "alerts": len(each.alerts),
            **{f"badge_{name}": word for name, word in each.badges.items()},
        }
        for each in holdouts
    ]
    names = (
        "division",
        "cutoff",
        "label",
        "model",
        "auc",
        "range",
        "lift",
        "predicted",
        "came",
        "gap",
        "slope",
        "buyers",
        "alerts",
        "badge_ranking",
        "badge_calibration",
        "badge_expected value",
        "badge_scores",
    )
    frame = pd.DataFrame(rows, columns=list(names))
    columns = [
        Column("division", "Division"),
        Column("cutoff", "Cutoff", width=12),
        Column("badge_ranking", "Ranking", width=11, rule="status"),
        Column("badge_calibration", "Calibration", width=11, rule="status"),
        Column("badge_expected value", "Expected value", width=11, rule="status"),
        Column("badge_scores", "Scores", width=11, rule="status"),
        Column("alerts", "Alerts", "integer", width=8),
        Column("auc", "AUC", "number", decimals=3, width=8),
        Column("range", "95 % interval", width=16, align="center"),
        Column("lift", "Lift, top 10 %", "number", decimals=2, width=9),
        Column("predicted", "Predicted share", "percent", width=10),
        Column("came", "Share that bought", "percent", width=10),
        Column("gap", "Calibration gap", "percent", width=11),
        Column("slope", "Slope", "number", decimals=2, width=8),
        Column("buyers", "Buyers", "integer", width=9),
        Column("model", "What predicted", width=30),
    ]
    alerts = sum(len(each.alerts) for each in holdouts)
    blocks: list[Item] = [
        Figures(
            [
                Figure("Validations", len(holdouts), "integer", "divisions times cutoffs"),
                Figure(
                    "Mean AUC", float(frame["auc"].mean()) if len(frame) else 0.0, "number", "0.5 is chance", decimals=3
                ),
                Figure("Alerts", alerts, "integer", "see Drift & Alerts", tone="warning" if alerts else "good"),
                Figure("Left out", len(left_out), "integer", "too little data then"),
            ]
        ),
        *(Text(note, "warning") for note in notes),
        Text("Each model was fitted again on what was known at its cutoff, and held against what came after it."),
        *_say_pooled(holdouts),
    ]
    table = Table("validation", columns, frame, title="One row per division and cutoff")
    if frame.empty:
        blocks.append(table)
    else:
        charts = (_rate_chart(len(frame)), _auc_chart(len(frame)))
        blocks += [charts, table] if len(frame) > MOST_BARS else [table, charts]
        newest = frame.sort_values(["cutoff", "buyers"], ascending=False, kind="stable").head(MOST_BARS)
        chart = newest.sort_index()[["label", "predicted", "came", "auc"]]
        blocks.append(
            Table(
                "validation_chart",
                [
                    Column("label", "Division and month"),
                    Column("predicted", "Predicted share", "percent", width=12),
                    Column("came", "Share that bought", "percent", width=12),
                    Column("auc", "AUC", "number", decimals=3, width=9),
                ],
                chart,
                title="What the charts draw",
                filters=False,
            )
        )
    if left_out:
        blocks.append(
            Table(
                "validation_left_out",
                [
                    Column("division", "Division"),
                    Column("cutoff", "Cutoff", width=12),
                    Column("why", "Why", "long_text", width=80),
                ],
                pd.DataFrame(left_out, columns=["division", "cutoff", "why"]),
                title="Left out",
                filters=False,
            )
        )
    return Sheet(
        "Validation", "Forward validation", blocks, subtitle="Models as they would have been, and what came after."
    )


def _rate_chart(n: int) -> Chart:
    names = Ref("validation_chart", "label")
    return Chart(
        "bar",
        "Predicted and actual share of buyers" + say_bars(n, "latest, with most buyers,"),
        [
            Series("Predicted", names, Ref("validation_chart", "predicted"), colour="#A9B4BB"),
            Series("Bought", names, Ref("validation_chart", "came")),
        ],
        f"Bar chart of the predicted and the actual share of buyers in {say_count(min(n, MOST_BARS), 'validation')}.",
        y_format="0%",
        y_range=(0, None),
        width=620,
        height=max(280, 100 + 34 * min(n, MOST_BARS)),
    )


def _auc_chart(n: int) -> Chart:
    names = Ref("validation_chart", "label")
    return Chart(
        "bar",
        "AUC" + say_bars(n, "latest, with most buyers,"),
        [Series("AUC", names, Ref("validation_chart", "auc"))],
        f"Bar chart of the AUC in {say_count(min(n, MOST_BARS), 'validation')}.",
        y_format="0.00",
        y_range=(0.5, None),
        legend=False,
        width=520,
        height=max(280, 100 + 34 * min(n, MOST_BARS)),
    )


def _scenarios(holdouts: Sequence[Holdout]) -> Sheet:
    frames = [each.scenarios.assign(**_key(each)) for each in holdouts]
    frame = pd.concat(frames, ignore_index=True)
    for name in ("precision", "capture", "rev_capture", "expected"):
        low, high = frame[f"{name}_low"], frame[f"{name}_high"]
        form = "{:.0f} to {:.0f}" if name == "expected" else "{:.1%} to {:.1%}"
        frame[f"{name}_range"] = [form.format(a, b) if a == a else "" for a, b in zip(low, high, strict=True)]
    frame["told"] = frame["as_expected"].map({True: "As expected", False: "Outside"})
    columns = [
        Column("division", "Division"),
        Column("cutoff", "Cutoff", width=12),
        Column("scenario", "Who is called", width=14),
        Column("accounts", "Accounts", "integer", width=9),
        Column("wins", "Bought", "integer", width=9),
        Column("expected_wins", "Expected", "number", decimals=1, width=10),
        Column("expected_range", "Interval of expected", width=14, align="center"),
        Column("told", "Bought against expected", width=14, rule="status"),
        Column("precision", "Precision", "percent", decimals=1, width=10),
        Column("precision_range", "Interval of precision", width=16, align="center"),
        Column("capture", "Buyers found", "percent", decimals=1, width=10),
        Column("capture_range", "Interval of buyers found", width=16, align="center"),
        Column("rev_capture", "Revenue found", "percent", decimals=1, width=10),
        Column("rev_capture_range", "Interval of revenue found", width=16, align="center"),
        Column("lift", "Lift", "number", decimals=2, width=8),
    ]
    return Sheet(
        "Scenarios",
        "What calling so many would have brought",
        [Table("validation_scenarios", columns, frame)],
        subtitle="Precision: share of the called that bought. Intervals: 95 %, by bootstrap; expected: by probability.",
        kind="data",
        freeze_table="validation_scenarios",
        freeze_columns=3,
    )


def _drift(holdouts: Sequence[Holdout]) -> Sheet:
    alerts = pd.DataFrame(
        [_key(each) | alert.to_json() for each in holdouts for alert in each.alerts],
        columns=["division", "cutoff", "kind", "value", "threshold", "meaning", "action"],
    )
    moved = _moved(holdouts)
    shares = pd.DataFrame(
        [
            _key(each)
            | {
                "told": f"{int(each.drift['moved'].sum())} of {len(each.drift)}",
                "ks": each.figures["score_ks"],
                "limit": each.figures["score_ks_limit"],
                "buyers": f"{each.figures['train_base_rate']:.1%} in training, {each.figures['base_rate']:.1%} after",
                "others": f"stability index of expected value {each.figures['ev_psi']:.3f}; "
                f"calibration intercept {each.figures['intercept']:+.2f}",
            }
            for each in holdouts
        ]
    )
    key = [Column("division", "Division"), Column("cutoff", "Cutoff", width=12)]
    blocks: list[Item] = [
        Table(
            "validation_alerts",
            [
                *key,
                Column("kind", "Alert", width=22),
                Column("value", "Value", "number", decimals=3, width=10),
                Column("threshold", "Threshold", "number", decimals=3, width=10),
                Column("meaning", "What it means", "long_text", width=60),
                Column("action", "What to do", "long_text", width=48),
            ],
            alerts,
            title="Alerts",
            empty_text="No alert: nothing is beyond its threshold.",
        ),
        Table(
            "validation_shifts",
            [
                *key,
                Column("told", "Features that moved", width=22),
                Column("ks", "Scores: KS", "number", decimals=3, width=10),
                Column("limit", "Noise up to", "number", decimals=3, width=10),
                Column("buyers", "Share of buyers", width=60),
                Column("others", "Value and level", width=48),
            ],
            shares,
            title="What moved between training and the cutoff",
            filters=False,
        ),
        Table(
            "validation_moved",
            [
                Column("count", "Divisions", width=20),
                Column("cutoff", "Cutoff", width=12),
                Column("feature", "Feature", "id", width=22),
                Column("psi", "Largest index", "number", decimals=3, width=10),
                Column("psi_limit", "Noise up to", "number", decimals=3, width=10),
                Column("where", "In which divisions, most first", "long_text", width=60),
            ],
            moved.head(_MOST_MOVED),
            title=f"Features that moved beyond noise (the Feature Catalog in {BUILD_REPORT.name} says what they are)",
            empty_text="No feature moved beyond noise.",
        ),
    ]
    return Sheet("Drift & Alerts", "Drift and alerts", blocks,
                 subtitle="An alert says what to do. Thresholds allow for the number of accounts.")  # fmt: skip


def _moved(holdouts: Sequence[Holdout]) -> pd.DataFrame:
    """One row per feature and cutoff at which it moved beyond noise in a division, the largest move first."""
    parts = [each.drift[each.drift["moved"]].assign(**_key(each)) for each in holdouts]
    moved = pd.concat(parts, ignore_index=True)
    moved = moved.sort_values(["psi", "division", "feature"], ascending=[False, True, True], kind="stable")
    judged = Counter(str(_key(each)["cutoff"]) for each in holdouts)
    rows = [
        {
            "feature": feature,
            "cutoff": cutoff,
            "count": f"{len(part)} of {judged[str(cutoff)]}",
            "psi": float(part["psi"].iloc[0]),
            "psi_limit": float(part["psi_limit"].iloc[0]),
            "where": say_list(part["division"].astype(str).tolist(), most=8),
        }
        for (feature, cutoff), part in moved.groupby(["feature", "cutoff"], sort=False)
    ]
    return pd.DataFrame(rows, columns=["feature", "cutoff", "count", "psi", "psi_limit", "where"])


def _backtest(holdouts: Sequence[Holdout]) -> Sheet:
    rows = stack_holdouts(holdouts)
    deciles = backtest_by_decile(rows).assign(cutoff=lambda t: [f"{day:%Y-%m-%d}" for day in t["cutoff_date"]])
    first = deciles[deciles["cutoff_date"] == deciles["cutoff_date"].max()]
    columns = [
        Column("cutoff", "List of", width=12),
        Column("tenth", "Tenth of the list", "integer", width=12),
        Column("pairs", "Accounts × divisions", "integer", width=14),
        Column("expected", "Expected wins", "number", decimals=0, width=12),
        Column("wins", "Wins", "integer", width=10),
        Column("against_expected", "Wins per expected", "number", decimals=2, width=12),
        Column("revenue", "Revenue", "money", width=14),
    ]
    decile = Ref("backtest_latest", "tenth")
    chart = Chart(
        "column",
        "Expected and actual wins, best tenth first",
        [
            Series("Expected", decile, Ref("backtest_latest", "expected"), colour="#A9B4BB"),
            Series("Came", decile, Ref("backtest_latest", "wins")),
        ],
        "Column chart of expected and actual wins per tenth of the latest list.",
        x_title="Tenth of the list",
        y_title="Wins",
        y_format="#,##0",
        width=620,
        height=300,
    )
    total_expected, total = float(first["expected"].sum()), int(first["wins"].sum())
    blocks: list[Item] = [
        Figures(
            [
                Figure("Wins expected", total_expected, "integer", f"list of {first['cutoff'].iloc[0]}"),
                Figure("Wins that came", total, "integer", f"{total / max(total_expected, 1e-9):.2f} per expected"),
                Figure("In the best tenth", float(first["wins"].iloc[0]) / max(total, 1), "percent", "of all wins"),
            ]
        ),
        chart,
        Table("backtest_latest", columns, first, title="The latest list", filters=False),
    ]
    earlier = deciles[deciles["cutoff_date"] != deciles["cutoff_date"].max()]
    if len(earlier):
        blocks.append(Table("backtest_earlier", columns, earlier, title="Earlier lists", filters=False))
    for name, words in (("icp_grade", "grade"), ("segment", "segment")):
        if name in rows and rows[name].notna().any():
            table = backtest_by(rows, name).assign(cutoff=lambda t: [f"{day:%Y-%m-%d}" for day in t["cutoff_date"]])
            named = [Column("cutoff", "List of", width=12), Column(name, words.capitalize(), width=17), *columns[2:]]
            blocks.append(Table(f"backtest_{words}", named, table, title=f"By {words} of today", filters=False))
    return Sheet(
        "Backtest",
        "What the list said, and what happened",
        blocks,
        portrait=True,
        subtitle="Every account × division, ranked by the probability as of the cutoff.",
    )


def _method() -> Sheet:
    lines = (
        "At each cutoff the model is fitted again, on cutoffs whose windows had ended by then; nothing later is used.",
        "A window that the log does not cover whole is cut to its full months, and the report says so, or refused.",
        "Intervals are 95 % from a bootstrap over accounts. Expected wins are the sum of the probabilities.",
        "The stability index of two samples of one distribution is not 0 but about chi-square: its threshold knows "
        "how many accounts there are. A feature has moved when the index and the KS distance are both beyond noise.",
        "Good: under half the threshold. Watch: near it. Alert: beyond it; the alert says what to do.",
        "AUC: how often a buyer stands above one who did not buy, of all such pairs; 0.5 is a coin, 1 is perfect. "
        "Slope: 1 is right; below 1 the probabilities are too bold, above 1 too timid.",
        "A shift of the share of buyers (a season, a price) spoils the probabilities, not the order.",
    )
    return Sheet(
        "Method", "How it is validated", [Text(line, "bullet") for line in lines], kind="method", portrait=True
    )
