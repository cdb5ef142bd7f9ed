"""What is said of a ranking: figures, warnings, log lines, and the comparison with an older rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from icp_xl.config.whitespace import WhitespaceSettings
from icp_xl.signals import SIGNALS
from icp_xl.whitespace import metrics
from icp_xl.whitespace.capacity import thresholds
from icp_xl.whitespace.challenger import Challenger
from icp_xl.whitespace.holdout import plan_holdout
from icp_xl.whitespace.model import Memory, Ranking, Terms
from icp_xl.whitespace.states import update_states, valid_states

#: Stands for never.
NO_COOLDOWN = 10**6


@dataclass(frozen=True)
class Learned:
    """The weights in use, and the challenger or why there is none."""

    weights: pd.DataFrame
    challenger: Challenger | str

    def beside(self) -> pd.DataFrame:
        """The weights with the challenger's beside them, NaN without one."""
        learned = self.challenger
        shares = np.nan if isinstance(learned, str) else list(learned.weights.values())
        return self.weights.assign(challenger=shares)


def summarise(
    pairs: pd.DataFrame,
    removals: pd.DataFrame,
    learned: Learned,
    terms: Terms,
    memory: Memory,
    settings: WhitespaceSettings,
) -> Ranking:
    """The ranking with all that is said of it.

    Args:
        pairs: ordered, selected and explained.
        removals: one row per eligibility rule.
        learned: weights and challenger.
        terms: dates and window.
        memory: the states that go on, and the pairs that the last run selected.
        settings: of the section ``whitespace``.
    """
    ranked = pairs[pairs["rank"].notna()]
    selected = ranked["selected"].to_numpy(dtype=bool)
    cut, weights = thresholds(ranked, selected, settings), learned.beside()
    shares = metrics.shares(ranked[selected])
    shadow = overlap = None
    if settings.shadow != "off":
        shadow = metrics.shadow_order(ranked, settings.shadow)
        overlap = metrics.overlap(ranked, shadow, settings.shadow, int(selected.sum()))
    states = valid_states(memory.states, terms.today, settings)
    rests = (settings.cooldown_days or NO_COOLDOWN, settings.cooldown_rest_days)
    return Ranking(
        cutoff=terms.cutoff,
        window_months=terms.window_months,
        pairs=pairs,
        removals=removals,
        thresholds=cut,
        weights=weights,
        metrics=_figures(pairs, ranked, terms, settings)
        | _against_last(ranked[selected], memory.previous)
        | of_weights(weights, removals, learned.challenger, settings),
        states=update_states(states, ranked, rests, terms.today),
        events=_events(ranked, shares, settings),
        warnings=share_warnings(pairs["division"].nunique(), shares, settings)
        + weight_warnings(weights, len(ranked))
        + capacity_warnings(len(ranked), cut)
        + order_warnings(settings, learned.challenger),
        shadow=shadow,
        overlap=overlap,
    )


def _figures(pairs: pd.DataFrame, ranked: pd.DataFrame, terms: Terms, settings: WhitespaceSettings) -> dict[str, Any]:
    selected = ranked[ranked["selected"]]
    worked, held = (selected.loc[selected["holdout"] == out, "account_id"].nunique() for out in (False, True))
    return {
        "cutoff_date": terms.cutoff.isoformat(),
        "window_months": terms.window_months,
        "pairs": len(pairs),
        "ranked": len(ranked),
        "selected": len(selected),
        "accounts_selected": int(selected["account_id"].nunique()),
        "expected_purchases_selected": round(float(selected["p_icp"].sum()), 6),
        "expected_value_selected": round(float(selected["expected_value"].sum()), 2),
        "capture": metrics.captures(ranked),
        "division_shares": metrics.shares(selected),
        "normalize": settings.normalize,
        "capacity": settings.capacity,
        "cooldown": int(ranked["cooldown"].sum()),
        "statuses": {str(k): int(v) for k, v in sorted(pairs["status"].value_counts().items()) if k},
        "holdout": plan_holdout(selected["p_icp"].tolist(), int(worked), int(held), settings.holdout_share),
    }


def _against_last(selected: pd.DataFrame, previous: pd.DataFrame | None) -> dict[str, Any]:
    same = None if previous is None else metrics.jaccard(metrics.pair_set(selected), metrics.pair_set(previous))
    return {"stability_jaccard": None if same is None else round(same, 6)}


def of_weights(
    weights: pd.DataFrame, removals: pd.DataFrame, challenger: Challenger | str, settings: WhitespaceSettings
) -> dict[str, Any]:
    """Figures of weights, gates and challenger."""
    none = isinstance(challenger, str)
    return {
        "rank_by": "score" if settings.rank_by == "challenger" and none else settings.rank_by,
        "weights": {
            str(row["signal"]): {name: round(float(row[name]), 6) for name in ("asked", "coverage", "kept", "used")}
            for row in weights.to_dict("records")
        },
        "removed": {
            str(row["gate"]): {"removed": int(row["removed"]), "caught": int(row["caught"])}
            for row in removals.to_dict("records")
        },
        "challenger": challenger
        if isinstance(challenger, str)
        else {
            "cutoff_date": challenger.cutoff.isoformat(),
            "rows": challenger.rows,
            "buyers": challenger.buyers,
            "weights": {name: round(share, 6) for name, share in challenger.weights.items()},
        },
    }


def _events(ranked: pd.DataFrame, shares: Mapping[str, float], settings: WhitespaceSettings) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    for name, share in shares.items():
        rows = ranked[ranked["division"] == name]
        events.append({
            "event": "division", "division": name, "ranked": len(rows), "selected": int(rows["selected"].sum()),
            "share": share, "mean_p": round(float(rows["p_icp"].mean()), 6),
        })  # fmt: skip
    events.append({
        "event": "selection", "ranked": len(ranked), "selected": int(ranked["selected"].sum()),
        "mode": settings.capacity, "holdout_accounts": int(ranked.loc[ranked["holdout"], "account_id"].nunique()),
    })  # fmt: skip
    return events


def share_warnings(divisions: int, shares: Mapping[str, float], settings: WhitespaceSettings) -> list[str]:
    """That a division takes more of the list than it should."""
    if divisions < 2:
        return []
    advice = "" if settings.capacity == "hybrid" else "; capacity: hybrid spreads it over the divisions"
    return [
        f"{name} takes {share:.0%} of the list, more than {settings.max_division_share:.0%}{advice}"
        for name, share in shares.items()
        if share > settings.max_division_share
    ]


def weight_warnings(weights: pd.DataFrame, ranked: int) -> list[str]:
    """That a signal covers too few pairs to keep its weight."""
    rows = weights.set_index("signal")
    said = []
    for signal in SIGNALS:
        row = rows.loc[signal.name]
        if signal.sparse and row["kept"] < 1.0 and row["asked"] > 0.0 and ranked:
            said.append(
                f"{signal.phrase} covers {row['coverage']:.0%} of the pairs: its weight falls from "
                f"{row['asked']:.2f} to {row['used']:.2f}"
            )
    return said


def capacity_warnings(ranked: int, cut: pd.DataFrame) -> list[str]:
    """That nothing is ranked, or that places stay empty."""
    said = [] if ranked else ["no pair is left to rank: the sheet Not Eligible says why"]
    asked, chosen = cut.iloc[0]["asked"], cut.iloc[0]["selected"]
    if chosen < asked:
        said.append(f"{int(asked - chosen)} of {int(asked)} places stay empty: no division may take more of them")
    return said


def order_warnings(settings: WhitespaceSettings, challenger: Challenger | str) -> list[str]:
    """That the list is not ordered as was asked."""
    if settings.rank_by == "challenger" and isinstance(challenger, str):
        return [f"the list is ordered by score, since there is no challenger: {challenger}"]
    return []
