"""The sheet Changes: who moved since the last run, and whether data, weights or model moved him."""

from __future__ import annotations

import pandas as pd

from icp_xl.config.reports import ReportSettings
from icp_xl.reports.inputs import ScoreReportInputs
from icp_xl.reports.spec import Chart, Column, Figure, Figures, Item, Ref, Series, Sheet, Table, Text

_EFFECTS = {
    "data_effect": "Own figures",
    "weights_effect": "Weights",
    "model_effect": "Others and model",
}


def build_changes_sheet(inputs: ScoreReportInputs, settings: ReportSettings) -> Sheet | None:
    """Movers first, then every other account whose score changed; ``None`` without an earlier run."""
    changes = inputs.changes
    if changes is None:
        return None
    kept = changes[changes["status"] == "kept"]
    up, down = int((kept["grade_move"] > 0).sum()), int((kept["grade_move"] < 0).sum())
    figures = Figures(
        [
            Figure("Moved up a grade", up, "integer", tone="good" if up else "plain"),
            Figure("Moved down a grade", down, "integer", tone="bad" if down else "plain"),
            Figure("Kept their grade", len(kept) - up - down, "integer"),
            Figure("New accounts", int((changes["status"] == "new").sum()), "integer"),
            Figure("No longer there", int((changes["status"] == "gone").sum()), "integer"),
        ]
    )
    effects = effect_table(kept)
    frame = ordered_changes(changes).head(settings.listed_rows)
    blocks: list[Item] = [
        figures,
        Text(
            "A score moves for three reasons, which add up to its change exactly: the account's own figures, the "
            "weights, and the model (industry weights, scales, and the other accounts that it is ranked against)."
        ),
        (_effect_chart(), effects),
        Text("Accounts whose score changed", "heading"),
        Table("changes", _columns(), frame, key="account_id", empty_text="No score changed."),
    ]
    if len(frame) == settings.listed_rows:
        blocks.insert(4, Text(f"The {settings.listed_rows:,} largest changes are listed.", "note"))
    return Sheet("Changes", "Changes since the last run", blocks, subtitle=f"Against run {inputs.previous_run}")


def ordered_changes(changes: pd.DataFrame) -> pd.DataFrame:
    """Grade moves first, the largest change first; accounts without any change are left out."""
    moved = changes[(changes["status"] != "kept") | (changes["change"].abs() > 1e-9)].copy()
    order = pd.DataFrame(
        {
            "still": (moved["grade_move"].fillna(0) == 0).astype(int),
            "less": -moved["change"].abs().fillna(0.0),
            "id": moved["account_id"].astype(str),
        }
    )
    moved = moved.loc[order.sort_values(["still", "less", "id"], kind="stable").index]
    moved["status"] = moved["status"].map({"kept": "changed", "new": "new", "gone": "gone"}).fillna(moved["status"])
    return moved.reset_index(drop=True)


def effect_table(kept: pd.DataFrame) -> Table:
    """How far scores were moved on average, by cause."""
    rows = [
        (label, float(kept[key].mean()) if len(kept) else 0.0, float(kept[key].abs().mean()) if len(kept) else 0.0)
        for key, label in _EFFECTS.items()
    ]
    frame = pd.DataFrame(rows, columns=["cause", "mean", "absolute"])
    columns = [
        Column("cause", "Cause", width=16),
        Column("absolute", "Average move in points", "number", width=13),
        Column("mean", "Average with its sign", "number", rule="sign", width=13),
    ]
    return Table("effects", columns, frame, title="What moved the scores", filters=False)


def _effect_chart() -> Chart:
    return Chart(
        "bar", "What moved the scores (average points)",
        [Series("Average move", Ref("effects", "cause"), Ref("effects", "absolute"), labels=True)],
        "Bar chart of the average move of a score by cause: own figures, weights, other accounts and model.",
        y_format="0.0", legend=False, width=520, height=240, y_range=(0, None),
    )  # fmt: skip


def _columns() -> list[Column]:
    return [
        Column("account_id", "Account id", "id", width=12),
        Column("account_name", "Account", width=34),
        Column("status", "Status", width=12),
        Column("grade_before", "Grade before", "grade", rule="grade", width=11),
        Column("grade_after", "Grade now", "grade", rule="grade", width=11),
        Column("score_before", "Score before", "score", width=16),
        Column("score_after", "Score now", "score", rule="data_bar", width=11),
        Column("change", "Change", "number", rule="sign", decimals=1, width=11,
               formula='IF({status}="changed",{data_effect}+{weights_effect}+{model_effect},"")'),
        Column("data_effect", "Own figures", "number", rule="sign", decimals=1, width=11,
               note="What the account's own figures changed, at the old weights and model."),
        Column("weights_effect", "Weights", "number", rule="sign", decimals=1, width=11,
               note="What the new weights changed, with the new figures and the old model."),
        Column("model_effect", "Model", "number", rule="sign", decimals=1, width=11,
               note="The rest: industry weights, scales, and the other accounts."),
        Column("main_reason", "Mostly", width=30),
    ]  # fmt: skip
