"""Why scores changed between two runs: data, weights and model, adding up exactly."""

from __future__ import annotations

import numpy as np
import pandas as pd

from icp_xl.columns import GRADES
from icp_xl.scoring.model import ScoreModel

#: Columns of a comparison, one row per account that either run knows.
CHANGE_COLUMNS = (
    "account_id", "account_name", "status", "score_before", "score_after", "change", "data_effect", "weights_effect",
    "model_effect", "grade_before", "grade_after", "grade_move", "main_reason",
)  # fmt: skip


def compare_runs(
    before: pd.DataFrame, model_before: ScoreModel, after: pd.DataFrame, model_after: ScoreModel
) -> pd.DataFrame:
    """Split each account's change of ICP score, one row per account in either run.

    Starting from the old facts, weights and model, the new facts come in first (data effect), then the new weights
    (weights effect), then the rest of the new model: industry weights, scales and the population that percentiles
    refer to (model effect). The three add up to the change. ``grade_move`` counts grades upwards. Accounts in one run
    only have status ``new`` or ``gone`` and no change.

    Args:
        before: scored accounts of the earlier run, one row each.
        model_before: its score model.
        after: scored accounts of the later run, one row each.
        model_after: its score model.
    """
    both = before.merge(after, on="account_id", how="inner", suffixes=("_before", "_after"), validate="one_to_one")
    old = both["icp_score_before"].to_numpy()
    new = both["icp_score_after"].to_numpy()
    with_data = with_weights = old
    names = [fact.name for fact in model_before.facts]
    # Other components are another model altogether: neither new figures nor new weights can be put into the old one.
    if len(both) and model_before.names == model_after.names and all(f"{name}_after" in both for name in names):
        facts = pd.DataFrame({name: both[f"{name}_after"] for name in names})
        with_data = model_before.score(facts).icp_score
        with_weights = model_before.score(facts, weights=model_after.weights).icp_score
    place = {name: i for i, name in enumerate(reversed(GRADES))}
    out = pd.DataFrame(
        {
            "account_id": both["account_id"],
            "account_name": both["account_name_after"],
            "status": "kept",
            "score_before": old,
            "score_after": new,
            "change": new - old,
            "data_effect": with_data - old,
            "weights_effect": with_weights - with_data,
            "model_effect": (new - old) - (with_data - old) - (with_weights - with_data),
            "grade_before": both["icp_grade_before"],
            "grade_after": both["icp_grade_after"],
            "grade_move": both["icp_grade_after"].map(place).astype("int64")
            - both["icp_grade_before"].map(place).astype("int64"),
        }
    )
    out["main_reason"] = _main_reason(out)
    come = after[~after["account_id"].isin(before["account_id"])]
    gone = before[~before["account_id"].isin(after["account_id"])]
    parts = [out]
    for frame, status, side in ((come, "new", "after"), (gone, "gone", "before")):
        if len(frame):
            parts.append(
                pd.DataFrame(
                    {
                        "account_id": frame["account_id"],
                        "account_name": frame["account_name"],
                        "status": status,
                        f"score_{side}": frame["icp_score"],
                        f"grade_{side}": frame["icp_grade"],
                    }
                )
            )
    return pd.concat(parts, ignore_index=True).reindex(columns=list(CHANGE_COLUMNS))


def _main_reason(changes: pd.DataFrame) -> pd.Series[str]:
    names = np.asarray(["its own figures", "the weights", "the other accounts and the model"])
    effects = changes[["data_effect", "weights_effect", "model_effect"]].abs().to_numpy()
    if not len(changes):
        return pd.Series([], dtype=object)
    largest = names[effects.argmax(axis=1)]
    return pd.Series(np.where(effects.max(axis=1) < 1e-9, "no change", largest), index=changes.index, dtype=object)
