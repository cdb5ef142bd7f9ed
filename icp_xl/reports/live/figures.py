"""What the live workbook must show, computed by the library: the cached values of its formulas, and their oracle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from icp_xl.columns import GRADES
from icp_xl.components.record import score_columns
from icp_xl.scoring.model import (
    ROUNDING,
    SCORE_MEAN,
    SCORE_SD,
    SEGMENTS,
    UNKNOWN_SEGMENT,
    fit_knots,
    grade,
    grade_limits,
    icp_score,
    keys,
    percentile_of,
    sum_contributions,
)

ALL = "All segments"
#: Start of a grade that is never given.
NEVER = 9.0
#: By which part of ``ROUNDING`` ends of grades are told apart that are the same.
APART = 25
#: Width of a bar of the histogram.
BIN = 5
#: Where segments are told apart: an unknown annual revenue, what is below every known one and what is above; one beyond
#: half of these counts as that half.
UNKNOWN_REVENUE, LEAST_REVENUE, MOST_REVENUE = -2, -1, 1e300
MOVERS = 10
#: Places that an account must move by to be named.
LEAST_MOVE = 0.5
#: Segments in the order of their numbers, from 1.
SEGMENT_ROWS = (*SEGMENTS, UNKNOWN_SEGMENT)
NOW, BEFORE = "With these weights", "Published"
#: Accounts that lists of the best may name.
BEST = 100
#: Points of a scatter chart.
POINTS = 1000


@dataclass(frozen=True)
class LiveFigures:
    """Accounts (one row each) and the tables that follow from them, for one setting of the inputs."""

    accounts: pd.DataFrame
    knots: pd.DataFrame
    headlines: dict[str, float]
    grades: pd.DataFrame
    segments: pd.DataFrame
    industries: pd.DataFrame
    mix: pd.DataFrame
    histogram: pd.DataFrame
    box: pd.DataFrame
    movers: pd.DataFrame
    best: pd.DataFrame
    points: pd.DataFrame


def compute_live(
    base: pd.DataFrame,
    weights: Mapping[str, float],
    shares: Mapping[str, float],
    segment: str,
    industries: list[str],
    limits: tuple[float, float],
    knots: int = 1001,
) -> LiveFigures:
    """Score ``base`` under ``weights`` and ``shares``, and sum up the accounts of ``segment``.

    Args:
        base: component scores, industry, annual_revenue (NaN unknown), total_revenue, revenue_rank, published_score,
            published_grade and published_percentile, one row per account.
        weights: component to weight, in the order in which contributions are summed.
        industries: those that the chart shows, in its order.
        limits: annual revenue from which an account is Mid-Market, and Large Enterprise.
    """
    frame = base.copy()
    revenue = frame["annual_revenue"].to_numpy(float, na_value=np.nan)
    numbers = 1 + (revenue >= limits[0]).astype(int) + (revenue >= limits[1])
    numbers = np.where(np.isnan(revenue), len(SEGMENT_ROWS), numbers)
    frame["segment"] = np.asarray(SEGMENT_ROWS, dtype=object)[numbers - 1]
    frame["segment_by"] = np.where(
        np.isnan(revenue), UNKNOWN_REVENUE, revenue.clip(LEAST_REVENUE / 2, MOST_REVENUE / 2)
    )
    places = {name: i for i, name in enumerate(industries, 1)}
    # Industries without a bar share the number after the last.
    frame["industry_no"] = frame["industry"].map(places).fillna(len(places) + 1).astype(int)
    parts = frame[score_columns(weights)].to_numpy(float) * np.asarray(list(weights.values()))
    frame["raw_score"] = sum_contributions(parts)
    table = np.asarray(fit_knots(frame["raw_score"].to_numpy(), knots), dtype=np.int64)
    n = max(len(frame), 1)
    frame["key"] = keys(frame["raw_score"].to_numpy()).astype(float)
    frame["position"] = np.searchsorted(table, frame["key"].to_numpy(), side="right").clip(1)
    frame["percentile"] = percentile_of(frame["raw_score"].to_numpy(), table, n)
    frame["icp_score"] = icp_score(frame["percentile"].to_numpy())
    frame["icp_grade"] = grade(frame["percentile"].to_numpy(), shares).astype(object)
    value = {name: len(GRADES) - i for i, name in enumerate(GRADES)}
    grade_no = frame["icp_grade"].map(value).astype(int)
    frame["published_no"] = frame["published_grade"].map(value).astype(int)
    frame["score_change"] = frame["icp_score"] - frame["published_score"]
    frame["grade_move"] = grade_no - frame["published_no"]
    frame["row_no"] = np.arange(1, len(frame) + 1)
    inside = np.ones(len(frame), bool) if segment == ALL else (frame["segment"] == segment).to_numpy()
    # Rounded, since places that are equal on paper may differ in their last bits.
    frame["place_change"] = ((frame["percentile"] - frame["published_percentile"]) * (n - 1)).round(9).where(inside)
    frame["score_change"] = frame["score_change"].where(inside)
    frame["standing"] = frame["percentile"].where(inside)
    part = frame[inside]
    return LiveFigures(
        frame, _knot_frame(table, frame["key"].to_numpy()), _headlines(part), _grades(part, shares),
        _segments(frame, segment), _industries(part, industries), _mix(frame, shares), _histogram(part), _box(part),
        _movers(frame), _best(frame), sample_points(frame, "published_score"),
    )  # fmt: skip


def _knot_frame(table: np.ndarray, keys_: np.ndarray) -> pd.DataFrame:
    count, ordered = len(table), np.sort(keys_) if len(keys_) else np.zeros(1)
    steps = np.arange(count, dtype=np.int64) * (len(ordered) - 1)
    first = np.searchsorted(table, table, side="left")
    last = np.searchsorted(table, table, side="right") - 1
    following = table[np.minimum(last + 1, count - 1)]
    return pd.DataFrame(
        {
            "number": np.arange(count), "below": ordered[steps // (count - 1)],
            "above": ordered[-(-steps // (count - 1))], "exact": table.astype(float), "knot": table.astype(float),
            "last": last, "middle": (first + last) / (2 * (count - 1)),
            "base": last / (count - 1), "slope": 1 / ((count - 1) * np.maximum(following - table, 1).astype(float)),
        }
    )  # fmt: skip


def sample_points(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    """The accounts that a scatter chart draws over ``column``: an even spread of those that have it, with their row."""
    known = frame.loc[frame[column].notna(), ["row_no", column, "icp_score"]]
    rows = np.unique(np.linspace(0, max(len(known) - 1, 0), min(len(known), POINTS)).round().astype(int))
    return known.iloc[rows[: len(known)]].reset_index(drop=True).rename(columns={"row_no": "row"})


def _headlines(part: pd.DataFrame) -> dict[str, float]:
    n = len(part)
    top = part["icp_grade"].isin(GRADES[:2])
    revenue = float(part["total_revenue"].sum())
    varied = n > 1 and part["percentile"].nunique() > 1 and part["revenue_rank"].nunique() > 1
    return {
        "accounts": n,
        "average": float(part["icp_score"].mean()) if n else 0.0,
        "top_share": float(top.mean()) if n else 0.0,
        "top_revenue": float(part.loc[top, "total_revenue"].sum()) / revenue if revenue else 0.0,
        "up": int((part["grade_move"] > 0).sum()),
        "down": int((part["grade_move"] < 0).sum()),
        "correlation": float(np.corrcoef(part["percentile"], part["revenue_rank"])[0, 1]) if varied else 0.0,
    }


def _grades(part: pd.DataFrame, shares: Mapping[str, float]) -> pd.DataFrame:
    limits = grade_limits(shares)
    n = max(len(part), 1)
    counts = np.asarray([int((part["icp_grade"] == name).sum()) for name in GRADES])
    before = np.asarray([int((part["published_grade"] == name).sum()) for name in GRADES])
    return pd.DataFrame(
        {
            "grade": GRADES, "target": [shares[name] for name in GRADES],
            "starts": [limits[name] if shares[name] > 0 else NEVER for name in GRADES],
            "accounts": counts, "share": counts / n, "published": before / n,
        }
    )  # fmt: skip


def _segments(frame: pd.DataFrame, segment: str) -> pd.DataFrame:
    rows = []
    for name in SEGMENT_ROWS:
        part = frame[frame["segment"] == name]
        top = part["icp_grade"].isin(GRADES[:2])
        rows.append((name, len(part), part["icp_score"].mean() if len(part) else 0.0,
                     part["published_score"].mean() if len(part) else 0.0, float(top.mean()) if len(part) else 0.0,
                     part["total_revenue"].sum()))  # fmt: skip
    table = pd.DataFrame(rows, columns=["segment", "accounts", "average", "published", "top_share", "revenue"])
    for name in GRADES:
        counts = [int(((frame["segment"] == each) & (frame["icp_grade"] == name)).sum()) for each in SEGMENT_ROWS]
        table[f"share_{name}"] = np.asarray(counts) / table["accounts"].clip(lower=1)
    for name in ("accounts", "revenue"):
        table[f"{name}_share"] = table[name] / (table[name].sum() or 1)
    table["shown"] = [int(segment in (ALL, name)) for name in SEGMENT_ROWS]
    return table


def _mix(frame: pd.DataFrame, shares: Mapping[str, float]) -> pd.DataFrame:
    """Accounts of each segment with each grade, the worst first, with the percentile where the next grade begins.

    Segments are told apart by tens on top of the percentile, in the order of annual revenue: unknown, least, most.
    """
    starts = {name: start if shares[name] > 0 else NEVER for name, start in grade_limits(shares).items()}
    rows = []
    for tens, number in enumerate((len(SEGMENT_ROWS), *range(1, len(SEGMENT_ROWS)))):
        part = frame[frame["segment"] == SEGMENT_ROWS[number - 1]]
        for place, name in reversed(list(enumerate(GRADES))):
            end = min((starts[better] for better in GRADES[:place]), default=NEVER) - ROUNDING
            end += (len(GRADES) - 1 - place) * ROUNDING / APART
            rows.append((number, name, 10 * tens + end, int((part["icp_grade"] == name).sum())))
    return pd.DataFrame(rows, columns=["number", "grade", "below", "accounts"])


def _industries(part: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    rows = []
    for name in names:
        scores = part.loc[part["industry"] == name, ["icp_score", "published_score"]]
        means = scores.mean() if len(scores) else pd.Series({"icp_score": 0.0, "published_score": 0.0})
        rows.append((name, len(scores), float(means["icp_score"]), float(means["published_score"])))
    return pd.DataFrame(rows, columns=["industry", "accounts", "average", "published"])


def _histogram(part: pd.DataFrame) -> pd.DataFrame:
    from scipy.special import ndtr

    edges = np.arange(0, 100, BIN)
    frame = pd.DataFrame({"from": edges.astype(float), "label": [f"{a}\u2013{a + BIN}" for a in edges]})
    frame["below"] = ndtr((frame["from"] + BIN - SCORE_MEAN) / SCORE_SD) - ROUNDING
    frame.loc[len(edges) - 1, "below"] = NEVER
    for column, source in (("accounts", "icp_score"), ("published", "published_score")):
        spot = np.clip(np.floor(part[source].to_numpy(float) / BIN).astype(int), 0, len(edges) - 1)
        frame[column] = np.bincount(spot, minlength=len(edges))
    return frame


def _box(part: pd.DataFrame) -> pd.DataFrame:
    """Quartiles of the scores shown, now and as published; zeros where nothing is shown."""
    rows = []
    for name, column in ((NOW, "icp_score"), (BEFORE, "published_score")):
        values = part[column].to_numpy(float)
        rows.append(
            (name, len(values), *(np.quantile(values, [0, 0.25, 0.5, 0.75, 1]) if len(values) else np.zeros(5)))
        )
    return pd.DataFrame(rows, columns=["group", "accounts", "low", "q1", "middle", "q3", "high"])


def _best(frame: pd.DataFrame) -> pd.DataFrame:
    """The best accounts shown, with their row in the table; blanks where there are fewer."""
    ranked = frame["standing"].reset_index(drop=True).dropna().sort_values(ascending=False, kind="stable").head(BEST)
    names = ["account_name", "industry", "segment", "total_revenue", "icp_score", "icp_grade", "published_grade"]
    found = frame.iloc[ranked.index][names].reset_index(drop=True).astype(object)
    found["standing"], found["row"] = ranked.to_numpy(), ranked.index.to_numpy() + 1
    found = found.astype(object).reindex(range(BEST))
    found = found.where(found.notna(), None).assign(standing=found["standing"].fillna(0.0))
    return found.assign(number=range(1, BEST + 1))


def _movers(frame: pd.DataFrame) -> pd.DataFrame:
    # By position, since the formulas find a row by its place in the table.
    moves = frame["place_change"].reset_index(drop=True).dropna()
    # Of equal moves the first in the published order comes first, up and down.
    up, down = (moves.sort_values(ascending=ascending, kind="stable") for ascending in (False, True))
    rows = []
    for k in range(MOVERS):
        row: list[object] = [k + 1]
        for series, far in ((up, up[up >= LEAST_MOVE]), (down, down[down <= -LEAST_MOVE])):
            far_as = float(series.iloc[k]) if k < len(series) else 0.0
            row.append(max(far_as, 0.0) if series is up else min(far_as, 0.0))
            if k < len(far):
                spot = int(far.index.to_numpy()[k])
                at = frame.iloc[spot]
                row += [
                    spot + 1,
                    str(at["account_name"]),
                    float(at["place_change"]),
                    f"{at['published_grade']} > {at['icp_grade']}",
                ]
            else:
                row += [None, "", None, ""]
        rows.append(row)
    names = [f"{side}{end}" for side in ("up", "down") for end in ("_move", "", "_name", "_by", "_grade")]
    return pd.DataFrame(rows, columns=["number", *names])
