"""Why deals were lost, and to whom, as far as the CRM says it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from icp_xl.feedback.stats import codes_of, holm, mean_difference, wilson

#: Reasons and competitors that are listed; the others are counted together.
MOST = 15
OTHERS = "(others)"


@dataclass(frozen=True)
class LossReasons:
    """``reasons``: one row per reason: reason, lost, share, low, high, value, high_scored, recent_share, earlier_share.
    ``competitors``: one row per competitor: competitor, deals, won, win_rate, low, high, value_lost, difference (of the
    win rate from deals against other competitors, within the month of closing), p_adjusted, verdict.
    ``reasons_known`` and ``competitors_known``: shares of the lost, and of all closed, that name one (0 to 1).
    ``one_sided``: no won deal names a competitor, so that nothing is said of winning against one.
    """

    reasons: pd.DataFrame
    competitors: pd.DataFrame
    reasons_known: float
    competitors_known: float
    one_sided: bool


def find_loss_reasons(evaluated: pd.DataFrame, alpha: float) -> LossReasons:
    """Count reasons among the lost, and hold the win rate against each competitor beside that against the others.

    Deals that name no competitor are no measure: many name one only once it has won.

    Args:
        evaluated: the frame of :func:`~icp_xl.feedback.evaluation_frame.build_evaluation_frame`.
        alpha: chance of a false finding among all competitors together.
    """
    frame = evaluated.assign(value=evaluated["amount"].fillna(evaluated["final_amount"]).fillna(0.0))
    lost = frame[~frame["won"].astype(bool)]
    named = lost[lost["loss_reason"] != ""]
    rivals = frame[frame["competitor"] != ""]
    return LossReasons(
        _reasons(named),
        _competitors(rivals, alpha),
        len(named) / len(lost) if len(lost) else 0.0,
        len(rivals) / len(frame) if len(frame) else 0.0,
        bool(len(rivals)) and not bool(rivals["won"].any()),
    )


def _few(texts: pd.Series[str]) -> pd.Series[str]:
    """One spelling per text, and the rare ones as one."""
    fold = texts.str.split().str.join(" ").str.casefold()
    spelling = texts.groupby(fold).agg(lambda part: part.mode().iloc[0])
    counts = fold.value_counts()
    counts = counts.sort_index(kind="stable").sort_values(ascending=False, kind="stable")
    return fold.map(spelling).where(fold.isin(counts.index[:MOST]), OTHERS)


def _reasons(named: pd.DataFrame) -> pd.DataFrame:
    columns = ["reason", "lost", "share", "low", "high", "value", "high_scored", "recent_share", "earlier_share"]
    if named.empty:
        return pd.DataFrame(columns=columns)
    middle = named["close_date"].median()
    recent = named["close_date"] > middle
    rows = []
    for reason, part in named.groupby(_few(named["loss_reason"]), sort=True):
        low, high = wilson(len(part), len(named))
        rows.append((reason, len(part), len(part) / len(named), low, high, float(part["value"].sum()),
                     int((part["band"] == "High").sum()), float(recent[part.index].sum() / max(1, recent.sum())),
                     float((~recent[part.index]).sum() / max(1, (~recent).sum()))))  # fmt: skip
    table = pd.DataFrame(rows, columns=columns)
    return table.sort_values(["lost", "reason"], ascending=[False, True], kind="stable", ignore_index=True)


def _competitors(frame: pd.DataFrame, alpha: float) -> pd.DataFrame:
    columns = ["competitor", "deals", "won", "win_rate", "low", "high", "value_lost", "difference", "p"]
    if frame.empty:
        return pd.DataFrame(columns=[*columns[:-1], "p_adjusted", "verdict"])
    strata, clusters = codes_of(frame["close_month"]), codes_of(frame["account_id"].replace("", None))
    shown = _few(frame["competitor"])
    rows = []
    for name in sorted(set(shown)):
        at = (shown == name).to_numpy()
        part = frame[at]
        hits = int(part["won"].sum())
        low, high = wilson(hits, len(part))
        # The roles are swapped: how much more often is a deal won against this one, within a month.
        gap, _, _, p = mean_difference(~at, frame["won"].to_numpy(dtype=float), strata, clusters)
        value = float(part.loc[~part["won"].astype(bool), "value"].sum())
        rows.append((name, len(part), hits, hits / len(part), low, high, value, gap, p if len(part) >= 10 else np.nan))
    table = pd.DataFrame(rows, columns=columns)
    table["p_adjusted"] = holm(table["p"].to_numpy(dtype=float))
    sure = table["p_adjusted"] <= alpha
    table["verdict"] = np.select(
        [sure & (table["difference"] > 0), sure, table["p"].isna()],
        ["wins more than usual", "wins less than usual", "too few to say"], "no evidence",
    )  # fmt: skip
    order = ["deals", "competitor"]
    return table.drop(columns="p").sort_values(order, ascending=[False, True], kind="stable", ignore_index=True)
