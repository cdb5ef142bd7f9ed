"""What the high-scored opportunities that were lost have in common, beyond chance.

Hundreds of one-way and two-way splits are looked at, so the largest of them always looks striking. A split is
reported only when it exceeds what the largest split shows once outcomes are shuffled within the month of closing
(Westfall and Young's maxT), and again when accounts, not opportunities, are what varies (a wild bootstrap over
accounts). On pure noise at most ``alpha`` of the reports then name any pattern at all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from icp_xl.config.feedback import ALL_COMPONENTS, FeedbackSettings
from icp_xl.feedback.accuracy import strata_and_clusters, verdict_of, weakest, with_size
from icp_xl.feedback.evaluation_frame import enough_data
from icp_xl.feedback.stats import cluster_sums, codes_of, holm, mean_difference, wilson

Floats = npt.NDArray[np.float64]
#: Categories that a split may use, and how many of their most frequent values.
CATEGORIES = ("stage", "product", "division", "industry", "owner", "size")
LEVELS_A_CATEGORY = 10
#: Splits beyond so many are not looked at; those with most opportunities are.
MOST_SPLITS = 800
#: With more opportunities than this the bootstrap over accounts alone decides; shuffling would say the same.
SHUFFLE_UP_TO = 20_000


@dataclass(frozen=True)
class LostAnalysis:
    """What the losses among the high-scored say.

    ``status``: "" or what is missing. ``deals`` and ``lost`` count the high-scored closed opportunities; ``looks``
    the splits examined. Frames: ``losses``, the high-scored that were lost, largest first; ``components``: name,
    won_mean, lost_mean, difference, low, high, p_adjusted, verdict; ``patterns``: pattern, deals, accounts, lost,
    lost_rate, low, high, other_rate, difference, difference_low, difference_high, p_adjusted.
    """

    status: str
    deals: int
    lost: int
    looks: int
    losses: pd.DataFrame
    components: pd.DataFrame
    patterns: pd.DataFrame


PATTERN_COLUMNS = (
    "pattern", "deals", "accounts", "lost", "lost_rate", "low", "high", "other_rate", "difference", "difference_low",
    "difference_high", "p_adjusted",
)  # fmt: skip


def find_lost_patterns(evaluated: pd.DataFrame, settings: FeedbackSettings, *, seed: int) -> LostAnalysis:
    """Analyse the high-scored opportunities: which were lost, which components misled, which splits lose more.

    Args:
        evaluated: the frame of :func:`~icp_xl.feedback.evaluation_frame.build_evaluation_frame`.
    """
    splits, words = _levels(with_size(evaluated))
    top = (evaluated["band"] == "High").to_numpy()
    high, splits = evaluated[top].reset_index(drop=True), splits[top]
    won, lost = int(high["won"].sum()), int((~high["won"].astype(bool)).sum())
    status = enough_data(won, lost, settings)
    patterns, looks = pd.DataFrame(columns=list(PATTERN_COLUMNS)), 0
    if not status:
        patterns, looks = _patterns(high, splits, words, settings, seed)
    return LostAnalysis(
        status=status,
        deals=len(high),
        lost=lost,
        looks=looks,
        losses=_losses(high),
        components=_components(high, settings, status),
        patterns=patterns,
    )


def _losses(high: pd.DataFrame) -> pd.DataFrame:
    found = high[~high["won"].astype(bool)].copy()
    found["value"] = found["amount"].fillna(found["final_amount"])
    order = ["opportunity_score", "value", "opportunity_id"]
    found = found.sort_values(order, ascending=[False, False, True], kind="stable").head(50)
    found["weakest"] = [weakest(row, ALL_COMPONENTS[:6]) for _, row in found.iterrows()]
    return found[["opportunity_id", "account_name", "owner", "product", "value", "close_date", "snapshot_date",
                  "opportunity_score", "account_score", "weakest"]].reset_index(drop=True)  # fmt: skip


def _components(high: pd.DataFrame, settings: FeedbackSettings, status: str) -> pd.DataFrame:
    strata, clusters = strata_and_clusters(high)
    won = high["won"].to_numpy(dtype=bool)
    rows = []
    for name in ALL_COMPONENTS:
        x = high[f"{name}_score"].to_numpy(dtype=float)
        if not len(x) or x.max() - x.min() < 1e-12:
            continue
        gap, low, up, p = mean_difference(won, x, strata, clusters)
        means = (x[won].mean() if won.any() else np.nan, x[~won].mean() if (~won).any() else np.nan)
        rows.append((name, *means, gap, low, up, p))
    frame = pd.DataFrame(rows, columns=["name", "won_mean", "lost_mean", "difference", "low", "high", "p"])
    frame["p_adjusted"] = holm(frame["p"].to_numpy(dtype=float))
    frame["verdict"] = [
        verdict_of(status, p, gap, settings.alpha, "misled: higher among the lost", "helped: higher among the won")
        for p, gap in zip(frame["p_adjusted"], frame["difference"], strict=True)
    ]
    return frame.drop(columns="p")


def _levels(evaluated: pd.DataFrame) -> tuple[npt.NDArray[np.bool_], list[tuple[str, str]]]:
    """One column per level that a split may use, over all judged rows, with (factor, words) of each.

    The levels never look at the outcome: thirds of a component over all closed opportunities, and the most frequent
    values of a category.
    """
    columns: list[npt.NDArray[np.bool_]] = []
    words: list[tuple[str, str]] = []
    for name in ALL_COMPONENTS:
        x = evaluated[f"{name}_score"].to_numpy(dtype=float)
        if not len(x) or x.max() - x.min() < 1e-12:
            continue
        lower, upper = np.quantile(x, [1 / 3, 2 / 3])
        label = name.replace("_", " ")
        columns += [x <= lower, x >= upper]
        words += [(name, f"low {label}"), (name, f"high {label}")]
    for name in CATEGORIES:
        values = evaluated[name].astype("object").fillna("")
        counts = values[values != ""].value_counts()
        counts = counts.sort_index(kind="stable").sort_values(ascending=False, kind="stable")
        if len(counts) < 2:
            continue
        for level in counts.index[:LEVELS_A_CATEGORY]:
            columns.append((values == level).to_numpy())
            words.append((name, f"{name} {level}"))
    matrix = np.column_stack(columns) if columns else np.zeros((len(evaluated), 0), dtype=bool)
    return matrix, words


def _cells(
    levels: npt.NDArray[np.bool_], words: list[tuple[str, str]], least: int
) -> tuple[npt.NDArray[np.bool_], list[str]]:
    """Every level and every pair of levels of different factors that holds, and leaves out, enough opportunities."""
    n = len(levels)
    both = levels.T.astype(np.float32) @ levels.astype(np.float32)
    found: list[tuple[int, int, int]] = []
    for i in range(len(words)):
        for j in range(i, len(words)):
            support = int(both[i, j])
            if i != j and words[i][0] == words[j][0]:
                continue
            if least <= support <= n - least:
                found.append((support, i, j))
    found.sort(key=lambda item: (-item[0], item[1], item[2]))
    found = found[:MOST_SPLITS]
    names = [words[i][1] if i == j else f"{words[i][1]} and {words[j][1]}" for _, i, j in found]
    if not found:
        return np.zeros((n, 0), dtype=bool), names
    return np.column_stack([levels[:, i] & levels[:, j] for _, i, j in found]), names


def _patterns(
    high: pd.DataFrame,
    levels: npt.NDArray[np.bool_],
    words: list[tuple[str, str]],
    settings: FeedbackSettings,
    seed: int,
) -> tuple[pd.DataFrame, int]:
    cells, names = _cells(levels, words, settings.pattern_min_deals)
    strata, clusters = strata_and_clusters(high)
    lost = 1.0 - high["won"].to_numpy(dtype=float)
    design = cells.astype(np.float64)
    size = np.bincount(strata).astype(np.float64)
    design -= (cluster_sums(strata, design) / size[:, None])[strata] if design.shape[1] else 0.0
    # A split that only tells months apart has nothing left to compare within a month.
    keep = (design**2).sum(axis=0) > settings.pattern_min_deals / 4
    cells, design, names = cells[:, keep], design[:, keep], [n for n, k in zip(names, keep, strict=True) if k]
    if not names:
        return pd.DataFrame(columns=list(PATTERN_COLUMNS)), 0
    p = split_p_values(design, lost, strata, clusters, settings.permutations, seed)
    strength = _strength(design, lost, strata)
    chosen = _distinct(cells, p, strength, settings.alpha)
    rows = [_pattern_row(high, cells[:, k], names[k], strata, clusters, float(p[k])) for k in chosen]
    return pd.DataFrame(rows, columns=list(PATTERN_COLUMNS)), len(names)


def split_p_values(
    design: Floats,
    lost: Floats,
    strata: npt.NDArray[np.int64],
    clusters: npt.NDArray[np.int64],
    draws: int,
    seed: int,
) -> Floats:
    """Adjusted one-sided p-values of "this split loses more", over all splits together.

    Args:
        design: n × splits, each split's indicator less its mean in the stratum.
        lost: n zeros and ones.
    """
    rng = np.random.default_rng(seed)
    n_strata = np.bincount(strata).astype(np.float64)
    mean = np.bincount(strata, weights=lost) / n_strata
    residual = lost - mean[strata]
    sums = cluster_sums(codes_of(clusters), design * residual[:, None])
    spread = np.sqrt((sums**2).sum(axis=0))
    spread[spread < 1e-12] = np.inf
    observed = sums.sum(axis=0) / spread
    signs = rng.integers(0, 2, size=(draws, len(sums))).astype(np.float32) * 2 - 1
    largest = (signs @ (sums / spread).astype(np.float32)).max(axis=1)
    p: Floats = (1.0 + (largest[:, None] >= observed[None, :]).sum(axis=0)) / (draws + 1.0)
    if len(lost) > SHUFFLE_UP_TO:
        return p
    variance = np.where(n_strata > 1, mean * (1 - mean) * n_strata / np.maximum(n_strata - 1, 1), 0.0)
    scale = np.sqrt((design**2 * variance[strata][:, None]).sum(axis=0))
    scale[scale < 1e-12] = np.inf
    shuffled = _shuffled(residual, strata, draws, rng)
    scaled = (design / scale).astype(np.float32)
    observed = (residual @ design) / scale
    largest = np.concatenate([(block @ scaled).max(axis=1) for block in np.array_split(shuffled, 8)])
    stricter = (1.0 + (largest[:, None] >= observed[None, :] - 1e-5).sum(axis=0)) / (draws + 1.0)
    return np.asarray(np.maximum(p, stricter))


def _shuffled(
    residual: Floats, strata: npt.NDArray[np.int64], draws: int, rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    """``draws`` copies of the outcomes, each shuffled within every stratum (draws × n)."""
    out = np.empty((draws, len(residual)), dtype=np.float32)
    for stratum in np.unique(strata):
        rows = np.flatnonzero(strata == stratum)
        block = np.broadcast_to(residual[rows].astype(np.float32), (draws, len(rows)))
        out[:, rows] = rng.permuted(block, axis=1)
    return out


def _strength(design: Floats, lost: Floats, strata: npt.NDArray[np.int64]) -> Floats:
    """Standardised excess of losses of each split, to order splits that are equally certain."""
    residual = lost - (np.bincount(strata, weights=lost) / np.bincount(strata))[strata]
    return np.asarray(residual @ design / np.sqrt((design**2).sum(axis=0)), dtype=np.float64)


def _distinct(cells: npt.NDArray[np.bool_], p: Floats, strength: Floats, alpha: float, most: int = 8) -> list[int]:
    """Splits below ``alpha``, most certain first, leaving out those that mostly repeat one already taken."""
    chosen: list[int] = []
    for k in np.lexsort((np.arange(len(p)), -strength, p)):
        if p[k] > alpha or len(chosen) == most:
            break
        overlap = [
            (cells[:, k] & cells[:, j]).sum() / max(1, min(cells[:, k].sum(), cells[:, j].sum())) for j in chosen
        ]
        if not overlap or max(overlap) < 0.7:
            chosen.append(int(k))
    return chosen


def _pattern_row(
    high: pd.DataFrame,
    inside: npt.NDArray[np.bool_],
    name: str,
    strata: npt.NDArray[np.int64],
    clusters: npt.NDArray[np.int64],
    p: float,
) -> tuple[object, ...]:
    lost = 1.0 - high["won"].to_numpy(dtype=float)
    n, hits = int(inside.sum()), int(lost[inside].sum())
    low, up = wilson(hits, n)
    # The roles are swapped: how much more often is the lost flag set inside the split, within a month.
    gap, gap_low, gap_high, _ = mean_difference(~inside, lost, strata, clusters)
    return (name, n, int(high.loc[inside, "account_id"].nunique()), hits, hits / n, low, up,
            float(lost[~inside].mean()), gap, gap_low, gap_high, p)  # fmt: skip
