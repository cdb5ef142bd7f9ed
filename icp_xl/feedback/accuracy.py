"""Predicted against actual: does a higher score win more, by how much, and for how long has it been so.

Every figure has an interval, every claim is corrected for the looks taken with it, and with too few outcomes nothing
is claimed at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats as scipy_stats

from icp_xl.config.feedback import ALL_COMPONENTS, FeedbackSettings
from icp_xl.feedback.confidence import measure_levels, predict_before
from icp_xl.feedback.evaluation_frame import BANDS, enough_data
from icp_xl.feedback.stats import codes_of, factor_test, holm, stratified_auc, wilson

Floats = npt.NDArray[np.float64]
SCORES = ("opportunity_score", "account_score")
#: Factors that the outcome is held against, with the words a reader knows them by.
FACTORS = {
    "close_month": "Month in which it closed",
    "stage": "Stage",
    "owner": "Owner",
    "product": "Product",
    "division": "Division",
    "industry": "Industry",
    "account_id": "Account",
    "size": "Deal size",
    "competitor": "Competitor",
}


@dataclass(frozen=True)
class Accuracy:
    """What the closed opportunities say about the scores.

    ``status`` is "" or what is missing; then every verdict reads "not enough outcomes yet". Frames:

    ``scores``: one row per score and component: name, kind, auc, low, high, p_adjusted, verdict.
    ``metrics``: precision, recall, f1 of "high-scored": name, value, low, high, note.
    ``bands``: one row per band: deals, won, win_rate and lift with intervals, expected (wins).
    ``at_close``: the score of the last snapshot, and the one recomputed on the day of the close: name, deals, auc, low,
    high. ``deciles``: one row per tenth of the pipeline's ranking: deals, win_rate, low, high,
    expected_rate.
    ``factors``: one row per factor: levels, p_adjusted, verdict, and its most and least winning level.
    ``close_months``: one row per month: deals, won, win_rate, low, high, expected, auc, auc_low, auc_high, precision.
    ``models``: one row per set of weights that scored: deals, won, auc, low, high.
    ``levels``: one row per confidence level. ``blind_spots``: low-scored opportunities that won, largest first.
    """

    status: str
    won: int
    lost: int
    first_close: str
    last_close: str
    scores: pd.DataFrame
    metrics: pd.DataFrame
    bands: pd.DataFrame
    deciles: pd.DataFrame
    at_close: pd.DataFrame
    factors: pd.DataFrame
    close_months: pd.DataFrame
    models: pd.DataFrame
    levels: pd.DataFrame
    blind_spots: pd.DataFrame
    trend: str
    chance: Floats = field(repr=False, default_factory=lambda: np.empty(0))


def compute_accuracy(evaluated: pd.DataFrame, settings: FeedbackSettings, *, seed: int) -> Accuracy:
    """Hold what was predicted against what happened.

    Args:
        evaluated: the frame of :func:`~icp_xl.feedback.evaluation_frame.build_evaluation_frame`, one row per closed
            opportunity.
    """
    won, lost = int(evaluated["won"].sum()), int((~evaluated["won"].astype(bool)).sum())
    status = enough_data(won, lost, settings)
    chance = predict_before(evaluated, settings)
    months = _months(evaluated, chance, settings)
    return Accuracy(
        status=status,
        won=won,
        lost=lost,
        first_close=f"{evaluated['close_date'].min():%Y-%m-%d}" if len(evaluated) else "",
        last_close=f"{evaluated['close_date'].max():%Y-%m-%d}" if len(evaluated) else "",
        scores=_scores(evaluated, settings, status),
        metrics=_metrics(evaluated, settings, seed),
        bands=_bands(evaluated, chance, settings, seed),
        deciles=_deciles(evaluated, chance),
        at_close=_at_close(evaluated),
        factors=_factors(evaluated, settings, status),
        close_months=months,
        models=_models(evaluated),
        levels=measure_levels(chance, evaluated["won"], settings),
        blind_spots=_blind_spots(evaluated),
        trend=_trend(evaluated, status),
        chance=chance,
    )


def strata_and_clusters(evaluated: pd.DataFrame) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Opportunities are compared within the month they closed in, and depend on one another within an account."""
    account = evaluated["account_id"].replace("", None) if len(evaluated) else evaluated["account_id"]
    return codes_of(evaluated["close_month"]), codes_of(account)


def verdict_of(status: str, p: float, gap: float, alpha: float, better: str, worse: str) -> str:
    """The words for a test: what was found, or that nothing was.

    Args:
        status: says why there is no test; empty where there is one.
        p: of the test, two-sided.
        gap: what was tested, above 0 where the first is better.
        alpha: chance of a false finding that is allowed.
        better: words for a gap above 0.
        worse: words for one below.
    """
    if status:
        return "not enough outcomes yet"
    if not p <= alpha:
        return "no evidence"
    return better if gap > 0 else worse


def _scores(evaluated: pd.DataFrame, settings: FeedbackSettings, status: str) -> pd.DataFrame:
    names = [*SCORES, *(f"{name}_score" for name in ALL_COMPONENTS)]
    strata, clusters = strata_and_clusters(evaluated)
    auc = stratified_auc(evaluated["won"], evaluated[names].to_numpy(dtype=float), strata, clusters)
    rows = []
    for k, name in enumerate(names):
        low, high = auc.interval(k)
        flat = not len(evaluated) or float(evaluated[name].max() - evaluated[name].min()) < 1e-12
        kind = "score" if name in SCORES else "component"
        p = np.nan if flat else auc.p_value(k)
        rows.append({"name": name, "kind": kind, "auc": auc.value[k], "low": low, "high": high, "p": p})
    frame = pd.DataFrame(rows)
    frame = frame[(frame["kind"] == "score") | frame["p"].notna()].reset_index(drop=True)
    for kind in ("score", "component"):
        at = frame["kind"] == kind
        frame.loc[at, "p_adjusted"] = holm(frame.loc[at, "p"])
    frame["verdict"] = [
        verdict_of(status, p, a - 0.5, settings.alpha, "higher wins more", "higher wins less")
        for p, a in zip(frame["p_adjusted"], frame["auc"], strict=True)
    ]
    return frame.drop(columns="p")


def _resampled(evaluated: pd.DataFrame, counts: Floats, draws: int, seed: int) -> tuple[Floats, Floats]:
    """Totals of ``counts`` (rows × k), and the same totals when whole accounts are drawn anew (draws × k)."""
    from icp_xl.feedback.stats import cluster_sums

    clusters = strata_and_clusters(evaluated)[1]
    sums = cluster_sums(clusters, counts) if len(evaluated) else np.zeros((1, counts.shape[1]))
    rng = np.random.default_rng(seed)
    share = np.full(len(sums), 1.0 / len(sums))
    drawn = np.vstack([rng.multinomial(len(sums), share) @ sums for _ in range(draws)])
    return sums.sum(axis=0), drawn


def _at_close(evaluated: pd.DataFrame) -> pd.DataFrame:
    names = ["opportunity_score", "actual_score_at_close"]
    known = evaluated[evaluated["actual_score_at_close"].notna()].reset_index(drop=True)
    strata, clusters = strata_and_clusters(known)
    auc = stratified_auc(known["won"], known[names].to_numpy(dtype=float), strata, clusters)
    return pd.DataFrame({"name": names, "deals": len(known), "auc": auc.value,
                         "low": [auc.interval(k)[0] for k in (0, 1)], "high": [auc.interval(k)[1] for k in (0, 1)]}
                        if len(known) else {name: [] for name in ("name", "deals", "auc", "low", "high")})  # fmt: skip


def _metrics(evaluated: pd.DataFrame, settings: FeedbackSettings, seed: int) -> pd.DataFrame:
    y, high = evaluated["won"].to_numpy(dtype=float), (evaluated["band"] == "High").to_numpy(dtype=float)
    total, drawn = _resampled(evaluated, np.column_stack([high * y, high, y]), settings.bootstrap, seed)

    def ratio(top: Floats, bottom: Floats) -> Floats:
        quotient: Floats = np.divide(top, bottom, out=np.full(np.shape(top), np.nan), where=bottom > 0)
        return quotient

    rows = []
    measures: tuple[tuple[str, str, Callable[[Floats], Floats], Callable[[Floats], Floats]], ...] = (
        ("Precision", "share of the high-scored that won", lambda c: c[..., 0], lambda c: c[..., 1]),
        ("Recall", "share of the won that were high-scored", lambda c: c[..., 0], lambda c: c[..., 2]),
        ("F1", "balance of the two", lambda c: 2 * c[..., 0], lambda c: c[..., 1] + c[..., 2]),
    )
    for name, note, top, bottom in measures:
        value = float(ratio(np.asarray(top(total)), np.asarray(bottom(total))))
        low, up = _percentiles(ratio(top(drawn), bottom(drawn)))
        rows.append({"name": name, "value": value, "low": low, "high": up, "note": note})
    return pd.DataFrame(rows)


def _percentiles(values: Floats) -> tuple[float, float]:
    known = values[~np.isnan(values)]
    return (float(np.quantile(known, 0.025)), float(np.quantile(known, 0.975))) if len(known) else (np.nan, np.nan)


def _bands(evaluated: pd.DataFrame, chance: Floats, settings: FeedbackSettings, seed: int) -> pd.DataFrame:
    """Lift is against the win rate of the months in which the band's opportunities closed.

    A band that happens to hold more of a good month's opportunities would otherwise look better than it is.
    """
    y = evaluated["won"].to_numpy(dtype=float)
    month = evaluated.groupby("close_month")["won"].transform("mean").to_numpy(dtype=float)
    masks = [(evaluated["band"] == band).to_numpy(dtype=float) for band in BANDS]
    counts = np.column_stack([*masks, *(mask * y for mask in masks), *(mask * month for mask in masks)])
    total, drawn = _resampled(evaluated, counts, settings.bootstrap, seed + 1)
    rows = []
    with np.errstate(invalid="ignore", divide="ignore"):
        for k, band in enumerate(BANDS):
            n, hits, usual = total[k], total[3 + k], total[6 + k]
            low, high = _percentiles(drawn[:, 3 + k] / drawn[:, k])
            lift_low, lift_high = _percentiles(drawn[:, 3 + k] / drawn[:, 6 + k])
            said = masks[k].astype(bool) & ~np.isnan(chance)
            rows.append(
                {
                    "band": band, "deals": int(n), "won": int(hits), "win_rate": hits / n if n else np.nan,
                    "low": low, "high": high, "lift": hits / usual if usual else np.nan, "lift_low": lift_low,
                    "lift_high": lift_high, "expected_of": int(said.sum()),
                    "expected": float(chance[said].sum()) if said.any() else np.nan,
                    "actual": int(y[said].sum()) if said.any() else np.nan,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def _deciles(evaluated: pd.DataFrame, chance: Floats) -> pd.DataFrame:
    place = evaluated["opportunity_percentile"].to_numpy(dtype=float)
    decile = np.where(np.isnan(place), -1, np.minimum(np.nan_to_num(place) * 10, 9)).astype(int)
    y = evaluated["won"].to_numpy(dtype=float)
    rows = []
    for k in range(10):
        at = decile == k
        n, hits = int(at.sum()), float(y[at].sum())
        low, high = wilson(hits, n)
        known = at & ~np.isnan(chance)
        rows.append(
            {
                "tenth": f"{k * 10}–{k * 10 + 10} %", "deals": n, "win_rate": hits / n if n else np.nan,
                "low": low if n else np.nan, "high": high if n else np.nan,
                "expected_rate": float(chance[known].mean()) if known.any() else np.nan,
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def with_size(evaluated: pd.DataFrame) -> pd.DataFrame:
    """The frame with ``size``: the third of the amounts at the snapshot that a deal belongs to; "" where unknown."""
    amount = evaluated["amount"].astype("float64")
    if amount.notna().sum() < 3 or amount.nunique() < 3:
        return evaluated.assign(size="")
    lower, upper = amount.quantile([1 / 3, 2 / 3])
    size = np.where(amount <= lower, "small", np.where(amount <= upper, "middle", "large"))
    return evaluated.assign(size=np.where(amount.isna(), "", size))


def _factors(evaluated: pd.DataFrame, settings: FeedbackSettings, status: str) -> pd.DataFrame:
    frame = with_size(evaluated)
    strata, clusters = strata_and_clusters(evaluated)
    rows = []
    for name, words in FACTORS.items():
        levels = frame[name].astype("object")
        known = (levels.fillna("") != "").to_numpy()
        if levels[known].nunique() < 2 or known.sum() < 20:
            continue
        whole = np.zeros(int(known.sum()), dtype=np.int64) if name == "close_month" else strata[known]
        # An account is its own cluster: its opportunities are then what is compared.
        group = None if name == "account_id" else clusters[known]
        p, count = factor_test(frame.loc[known, "won"], codes_of(levels[known]), whole, group)
        best, worst = _extremes(levels[known], frame.loc[known, "won"], _labels_of(frame, name))
        rows.append({"factor": name, "name": words, "deals": int(known.sum()), "levels": count, "p": p,
                     "most": best, "least": worst})  # fmt: skip
    out = pd.DataFrame(rows, columns=["factor", "name", "deals", "levels", "p", "most", "least"])
    out["p_adjusted"] = holm(out["p"].to_numpy(dtype=float))
    out["verdict"] = [verdict_of(status, p, 1.0, settings.alpha, "it matters", "") for p in out["p_adjusted"]]
    plain = out["verdict"] != "it matters"
    # The best of thirty owners always looks good; levels are named only where the factor matters.
    out.loc[plain, ["most", "least"]] = ""
    return out.drop(columns="p").sort_values("p_adjusted", kind="stable", ignore_index=True)


def _labels_of(frame: pd.DataFrame, name: str) -> dict[str, str]:
    """What people call a level where it is an id: an account goes by its name."""
    if name != "account_id" or "account_name" not in frame.columns:
        return {}
    named = frame.loc[frame["account_name"].fillna("") != "", ["account_id", "account_name"]]
    return dict(zip(named["account_id"].astype(str), named["account_name"].astype(str), strict=True))


def _extremes(levels: pd.Series[str], won: pd.Series[bool], labels: dict[str, str]) -> tuple[str, str]:
    table = won.astype(float).groupby(levels.to_numpy()).agg(["size", "mean", "sum"])
    table = table[table["size"] >= min(20, table["size"].max())].sort_values("mean", kind="stable")

    def words(row: pd.Series[float]) -> str:
        return f"{labels.get(str(row.name), row.name)}: {row['mean']:.0%} of {int(row['size'])}"

    return words(table.iloc[-1]), words(table.iloc[0])


def _months(evaluated: pd.DataFrame, chance: Floats, settings: FeedbackSettings) -> pd.DataFrame:
    columns = ["month", "deals", "won", "win_rate", "low", "high", "predicted", "expected", "expected_low",
               "expected_high", "actual", "auc", "auc_low", "auc_high", "precision"]  # fmt: skip
    rows = []
    for month, part in evaluated.groupby("close_month", sort=True):
        at = part.index.to_numpy()
        n, hits = len(part), int(part["won"].sum())
        low, high = wilson(hits, n)
        said = ~np.isnan(chance[at])
        p = chance[at][said]
        spread = 1.96 * float(np.sqrt((p * (1 - p)).sum()))
        area = _one_auc(part)
        top = part.loc[part["band"] == "High", "won"]
        rows.append((
            month, n, hits, hits / n, low, high, int(said.sum()), p.sum() if said.any() else np.nan,
            max(0.0, p.sum() - spread) if said.any() else np.nan, p.sum() + spread if said.any() else np.nan,
            int(part["won"].to_numpy()[said].sum()) if said.any() else np.nan, *area,
            float(top.mean()) if len(top) else np.nan,
        ))  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _one_auc(part: pd.DataFrame, score: str = "opportunity_score") -> tuple[float, float, float]:
    strata, clusters = strata_and_clusters(part)
    auc = stratified_auc(part["won"], part[score].to_numpy(dtype=float), strata, clusters)
    if min(auc.won, auc.lost) < 5 or auc.clusters < 5:
        return (np.nan, np.nan, np.nan)
    return (float(auc.value[0]), *auc.interval(0))


def _models(evaluated: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for model, part in evaluated.groupby("model_id", sort=False):
        area = _one_auc(part)
        rows.append((model, f"{part['snapshot_date'].min():%Y-%m-%d}", f"{part['snapshot_date'].max():%Y-%m-%d}",
                     len(part), int(part["won"].sum()), *area))  # fmt: skip
    names = ["model_id", "first", "last", "deals", "won", "auc", "low", "high"]
    return pd.DataFrame(rows, columns=names).sort_values("first", kind="stable", ignore_index=True)


def _trend(evaluated: pd.DataFrame, status: str) -> str:
    """Whether the score got better: the later half of the months against the earlier half."""
    months = sorted(evaluated["close_month"].unique())
    if status or len(months) < 4:
        return "Not enough months with outcomes to speak of a trend."
    late = evaluated["close_month"].isin(months[len(months) // 2 :])
    halves = []
    for part in (evaluated[~late], evaluated[late]):
        strata, clusters = strata_and_clusters(part)
        halves.append(stratified_auc(part["won"], part["opportunity_score"].to_numpy(dtype=float), strata, clusters))
    gap = float(halves[1].value[0] - halves[0].value[0])
    error = float(np.sqrt(halves[0].cov[0, 0] + halves[1].cov[0, 0]))
    if error <= 0:
        return "No evidence that the score got better or worse."
    # Accounts appear in both halves; the smaller number of them decides the degrees of freedom.
    t = float(scipy_stats.t.ppf(0.975, max(1, min(h.clusters for h in halves) - 1)))
    low, high = gap - t * error, gap + t * error
    figures = f"AUC {halves[0].value[0]:.2f} up to {months[len(months) // 2 - 1]}, then {halves[1].value[0]:.2f}"
    figures += f"; change {gap:+.2f} ({low:+.2f} to {high:+.2f})"
    if low > 0:
        return f"The score got better: {figures}."
    return f"The score got worse: {figures}." if high < 0 else f"No evidence that the score changed: {figures}."


def weakest(row: pd.Series[float], names: Sequence[str], count: int = 2) -> str:
    """The components that pulled a score down most, in words."""
    values = sorted((float(row[f"{name}_score"]), name) for name in names)
    return ", ".join(f"{name.replace('_', ' ')} {value:.2f}" for value, name in values[:count])


def _blind_spots(evaluated: pd.DataFrame) -> pd.DataFrame:
    names = ALL_COMPONENTS[:6]
    found = evaluated[(evaluated["band"] == "Low") & evaluated["won"]].copy()
    found["value"] = found["final_amount"].fillna(found["amount"])
    found = found.sort_values(["value", "opportunity_id"], ascending=[False, True], kind="stable").head(50)
    found["pulled_down_by"] = [weakest(row, names) for _, row in found.iterrows()]
    return found[["opportunity_id", "account_name", "owner", "product", "value", "close_date", "snapshot_date",
                  "opportunity_score", "account_score", "pulled_down_by"]].reset_index(drop=True)  # fmt: skip
