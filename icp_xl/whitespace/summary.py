"""What is said of a ranking: figures, warnings, log lines, and the comparison with an older rule."""

from __future__ import annotations

from typing import Any

import pandas as pd

from icp_xl.config.whitespace import WhitespaceSettings
from icp_xl.whitespace import metrics
from icp_xl.whitespace.challenger import Challenger
from icp_xl.whitespace.holdout import plan_holdout
from icp_xl.whitespace.model import Ranking
from icp_xl.whitespace.signals import Mode

#: Signals that may cover few pairs, in words.
_SPARSE = {"affinity": "market-basket affinity", "als": "likeness to owners"}


def learned_weights(learned: Challenger | str) -> list[float]:
    """The challenger's weights in the order of the signals, NaN without one."""
    return [float("nan")] * 4 if isinstance(learned, str) else list(learned.weights.values())


def measure(
    result: Ranking,
    settings: WhitespaceSettings,
    previous: pd.DataFrame | None,
    learned: Challenger | str,
    mode: Mode,
) -> None:
    """Fill in the figures, warnings and log lines of a ranking.

    Args:
        previous: the pairs that the last run selected.
        learned: the challenger, or why there is none.
        mode: how signals were put on one scale.
    """
    ranked = result.ranked
    selected = ranked[ranked["selected"]]
    division_shares = metrics.shares(selected)
    same = None if previous is None else metrics.jaccard(metrics.pair_set(selected), metrics.pair_set(previous))
    worked, held = selected[~selected["holdout"]], selected[selected["holdout"]]
    body: dict[str, Any] = {
        "cutoff_date": result.cutoff.isoformat(),
        "window_months": result.window_months,
        "pairs": len(result.pairs),
        "ranked": len(ranked),
        "selected": len(selected),
        "accounts_selected": int(selected["account_id"].nunique()),
        "expected_purchases_selected": round(float(selected["p_icp"].sum()), 6),
        "expected_value_selected": round(float(selected["expected_value"].sum()), 2),
        "capture": metrics.captures(ranked),
        "division_shares": division_shares,
        "stability_jaccard": None if same is None else round(same, 6),
        "normalize": mode,
        "rank_by": "score" if settings.rank_by == "challenger" and isinstance(learned, str) else settings.rank_by,
        "capacity": settings.capacity,
        "weights": {
            str(row["signal"]): {name: round(float(row[name]), 6) for name in ("asked", "coverage", "kept", "used")}
            for row in result.weights.to_dict("records")
        },
        "removed": {str(r["gate"]): {"removed": int(r["removed"]), "caught": int(r["caught"])}
                    for r in result.removals.to_dict("records")},
        "cooldown": int(ranked["cooldown"].sum()),
        "statuses": {str(k): int(v) for k, v in sorted(result.pairs["status"].value_counts().items()) if k},
        "holdout": plan_holdout(selected["p_icp"].tolist(), int(worked["account_id"].nunique()),
                                int(held["account_id"].nunique()), settings.holdout_share),
        "challenger": learned if isinstance(learned, str) else {
            "cutoff_date": learned.cutoff.isoformat(), "rows": learned.rows, "buyers": learned.buyers,
            "weights": {k: round(v, 6) for k, v in learned.weights.items()},
        },
    }  # fmt: skip
    result.metrics.update(body)
    _warn(result, settings, division_shares, learned)
    for name, share in division_shares.items():
        rows = ranked[ranked["division"] == name]
        result.events.append({
            "event": "division", "division": name, "ranked": len(rows), "selected": int(rows["selected"].sum()),
            "share": share, "mean_p": round(float(rows["p_icp"].mean()), 6),
        })  # fmt: skip
    result.events.append({
        "event": "selection", "ranked": len(ranked), "selected": len(selected), "mode": settings.capacity,
        "holdout_accounts": int(held["account_id"].nunique()),
    })  # fmt: skip


def _warn(
    result: Ranking, settings: WhitespaceSettings, division_shares: dict[str, float], learned: Challenger | str
) -> None:
    for name, share in division_shares.items():
        if share > settings.max_division_share and len(result.pairs["division"].unique()) > 1:
            text = f"{name} takes {share:.0%} of the list, more than {settings.max_division_share:.0%}"
            advice = "" if settings.capacity == "hybrid" else "; capacity: hybrid spreads it over the divisions"
            result.warnings.append(text + advice)
    for row in result.weights.to_dict("records"):
        if row["signal"] in _SPARSE and row["kept"] < 1.0 and row["asked"] > 0.0 and len(result.ranked):
            result.warnings.append(
                f"{_SPARSE[row['signal']]} covers {row['coverage']:.0%} of the pairs: its weight falls from "
                f"{row['asked']:.2f} to {row['used']:.2f}"
            )
    if not len(result.ranked):
        result.warnings.append("no pair is left to rank: the sheet Not Eligible says why")
    asked = result.thresholds.iloc[0]["asked"]
    chosen = result.thresholds.iloc[0]["selected"]
    if chosen < asked:
        result.warnings.append(
            f"{int(asked - chosen)} of {int(asked)} places stay empty: no division may take more of them"
        )
    if settings.rank_by == "challenger" and isinstance(learned, str):
        result.warnings.append(f"the list is ordered by score, since there is no challenger: {learned}")


def add_shadow(result: Ranking, settings: WhitespaceSettings) -> None:
    """Rank the same pairs by the older rule of the settings, and say how far the two agree."""
    ranked = result.ranked
    shadow = metrics.shadow_order(ranked, settings.shadow)
    wanted = int(ranked["selected"].sum())
    object.__setattr__(result, "shadow", shadow)
    object.__setattr__(result, "overlap", metrics.overlap(ranked, shadow, settings.shadow, wanted))
