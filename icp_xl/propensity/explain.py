"""Why a model says what it says: contributions by topic, and reasons in words that the account's own figures bear out.

Contributions are those of :meth:`DivisionModel.contributions`: they add up to the log-odds. Features that tell the same
story (revenue, lines and profit of one division in four windows) are summed to one topic first, so that three reasons
are three different ones. The words state facts of the account; the sign says which way the topic moves its probability.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from icp_xl.propensity.model import DivisionModel

Floats = NDArray[np.float64]
Values = dict[str, float]
#: Contributions below this (log-odds) are not worth a sentence.
LEAST = 0.05


@dataclass(frozen=True)
class Topic:
    """A story: which features belong to it, which figures its words need, and the words (``None``: unsupported)."""

    name: str
    pattern: re.Pattern[str]
    needs: tuple[str, ...]
    words: Callable[[Values, str], str | None]


def _days(value: float) -> str:
    return f"{value:.0f} day" + ("" if round(value) == 1 else "s")


def _amount(value: float) -> str:
    """A sum of money as it is said; its sign is the reader's to know.

    >>> _amount(100_905_341.0), _amount(1_250_000_000.0), _amount(84_600.0), _amount(1_400_000.0)
    ('101 million', '1.2 billion', '85,000', '1.4 million')
    """
    for unit, word in ((1e9, "billion"), (1e6, "million")):
        if abs(value) >= unit * 0.9995:
            scaled = value / unit
            return f"{scaled:.1f} {word}" if abs(scaled) < 9.95 else f"{scaled:.0f} {word}"
    return f"{round(value, -3) if abs(value) >= 9_995 else value:,.0f}"


def _own(v: Values, division: str) -> str | None:
    last = v["own_recency_days"]
    if np.isnan(last):
        return f"never bought {division}"
    months = v.get("own_active_months_12m", np.nan)
    if not np.isnan(months) and months >= 1:
        n = f"{months:.0f} month" + ("" if round(months) == 1 else "s")
        return f"bought {division} in {n} of the last 12, last {_days(last)} ago"
    return f"last bought {division} {_days(last)} ago"


def _activity(v: Values, division: str) -> str | None:
    last, count, gap = v["all_recency_days"], v["all_days_12m"], v["life_gap_mean_days"]
    if np.isnan(last):
        return None
    times = "once" if round(count) == 1 else f"{count:.0f} times"
    text = f"bought {times} in 12 months, last {_days(last)} ago" if count >= 1 else f"last bought {_days(last)} ago"
    return text if np.isnan(gap) else f"{text}, usually reorders every {_days(gap)}"


def _breadth(v: Values, division: str) -> str | None:
    count = v["div_count_12m"]
    if np.isnan(count) or count < 1:
        return None
    return f"buys from {count:.0f} division" + ("" if round(count) == 1 else "s")


def _basket(v: Values, division: str) -> str | None:
    lift = v["mb_lift_max"]
    if np.isnan(lift):
        return None
    if lift > 1.0:
        return f"owns products whose owners buy {division} {lift:.1f} times as often as others"
    return f"owns nothing whose owners buy {division} more often than others"


def _similar(v: Values, division: str) -> str | None:
    return None if np.isnan(v["als_similarity"]) else f"its purchases resemble those of {division} buyers"


def _returns(v: Values, division: str) -> str | None:
    lines = v["ret_lines_12m"]
    if np.isnan(lines):
        return None
    return f"{lines:.0f} returned line" + ("" if round(lines) == 1 else "s") + " in 12 months"


def _season(v: Values, division: str) -> str | None:
    names = [f"season_q{q}_share_24m" for q in range(1, 5)]
    shares = [v[name] for name in names]
    if any(np.isnan(share) for share in shares) or sum(shares) <= 0:
        return None
    best = int(np.argmax(shares))
    return f"{shares[best]:.0%} of its purchases fall in quarter {best + 1}"


def _size(v: Values, division: str) -> str | None:
    printers, revenue = v.get("acct_printers", np.nan), v.get("acct_annual_revenue", np.nan)
    told = []
    if not np.isnan(printers):
        told.append(f"{printers:.0f} printer" + ("" if round(printers) == 1 else "s"))
    if not np.isnan(revenue):
        told.append(f"annual revenue of {_amount(revenue)}")
    return ", ".join(told) or None


def _assets(v: Values, division: str) -> str | None:
    names = [name for name in v if name.startswith("assets_expiring_90d") and "share" not in name]
    count = float(np.nansum([v[name] for name in names])) if names else 0.0
    if count >= 1:
        return f"{count:.0f} asset" + ("" if round(count) == 1 else "s") + " expire within 90 days"
    return "no asset expires within 90 days" if names else None


TOPICS = (
    Topic("own", re.compile(r"own_.*"), ("own_recency_days", "own_active_months_12m"), _own),
    Topic("activity", re.compile(r"(all|life)_.*"),
          ("all_recency_days", "all_days_12m", "life_gap_mean_days"), _activity),
    Topic("breadth", re.compile(r"(share|div)_.*"), ("div_count_12m",), _breadth),
    Topic("basket", re.compile(r"mb_.*"), ("mb_lift_max",), _basket),
    Topic("similarity", re.compile(r"als_.*"), ("als_similarity",), _similar),
    Topic("season", re.compile(r"season_.*"), tuple(f"season_q{q}_share_24m" for q in range(1, 5)), _season),
    Topic("returns", re.compile(r"ret_.*"), ("ret_lines_12m",), _returns),
    Topic("assets", re.compile(r"assets_.*"), (), _assets),
    Topic("size", re.compile(r"acct_.*"), (), _size),
)  # fmt: skip


def explain(model: DivisionModel, features: pd.DataFrame, terms: pd.DataFrame, top: int = 3) -> pd.DataFrame:
    """Reasons of each account, strongest first.

    Args:
        features: one row per account, indexed by account id.
        terms: ``model.contributions(features)``.

    Returns:
        One row per account × reason: account_id, division, rank (1 strongest), topic, feature (the strongest of the
        topic) and its value, contribution (of the topic, log-odds), words. Topics whose words the account's figures do
        not bear out are left out.
    """
    topics = _topics_of(terms)
    sums = np.column_stack([terms[names].to_numpy().sum(axis=1) for names in topics.values()])
    order = np.argsort(-np.abs(sums), axis=1, kind="stable")
    told = {name: _tell(name, features, model.division) for name in topics}
    strongest = {name: _strongest(terms[names]) for name, names in topics.items()}
    keys, values = list(topics), {str(name): features[name].to_numpy() for name in features}
    accounts = features.index.to_numpy(dtype=object)
    rows = []
    for i in range(len(features)):
        rank = 0
        for j in order[i]:
            amount = float(sums[i, j])
            if rank == top or abs(amount) < LEAST:
                break
            words = told[keys[j]](i)
            if words is None:
                continue
            rank += 1
            feature = strongest[keys[j]][i]
            column, _, level = feature.partition("=")
            seen = values[column][i] if column in values else ""
            value = str(seen) if level or column not in values else f"{seen:.6g}"
            rows.append((accounts[i], model.division, rank, keys[j], feature, value, amount, words))
    names = ["account_id", "division", "rank", "topic", "feature", "value", "contribution", "words"]
    return pd.DataFrame(rows, columns=names)


def join_reasons(reasons: pd.DataFrame) -> pd.Series[str]:
    """The reasons of each account as one text, by account id; each begins with ``for`` or ``against``."""
    signs = np.where(reasons["contribution"].to_numpy() > 0, "for: ", "against: ").tolist()
    words = [sign + text for sign, text in zip(signs, reasons["words"].astype(str), strict=True)]
    told: dict[str, list[str]] = {}
    for account, said in zip(reasons["account_id"].tolist(), words, strict=True):
        told.setdefault(account, []).append(said)
    return pd.Series({account: "; ".join(told[account]) for account in sorted(told)}, dtype="str")


def global_importance(terms: pd.DataFrame, catalog: pd.DataFrame | None = None) -> pd.DataFrame:
    """One row per feature: mean absolute contribution (log-odds), mean contribution, meaning; largest first."""
    inner = terms.drop(columns="constant")
    frame = pd.DataFrame(
        {
            "feature": [str(name) for name in inner.columns],
            "mean_abs_contribution": inner.abs().mean().to_numpy(),
            "mean_contribution": inner.mean().to_numpy(),
        }
    )
    if catalog is not None and len(catalog):
        meaning = dict(zip(catalog["name"].astype(str), catalog["meaning"].astype(str), strict=True))
        window = dict(zip(catalog["name"].astype(str), catalog["window"].astype(str), strict=True))
        stems = frame["feature"].str.partition("=")[0]
        frame["meaning"] = stems.map(meaning).fillna("")
        frame["window"] = stems.map(window).fillna("")
    return frame.sort_values(["mean_abs_contribution", "feature"], ascending=[False, True]).reset_index(drop=True)


def _topics_of(terms: pd.DataFrame) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for column in terms.columns:
        name = str(column)
        if name == "constant":
            continue
        topic = next((each.name for each in TOPICS if each.pattern.fullmatch(name)), name.partition("=")[0])
        found.setdefault(topic, []).append(name)
    return found


def _strongest(terms: pd.DataFrame) -> list[str]:
    names = [str(name) for name in terms.columns]
    return [names[k] for k in np.abs(terms.to_numpy()).argmax(axis=1)]


def _tell(topic: str, features: pd.DataFrame, division: str) -> Callable[[int], str | None]:
    """Words of one topic for the account at a place: most topics of most accounts are not asked for."""
    known = next((each for each in TOPICS if each.name == topic), None)
    if known is None:
        label = topic.removeprefix("ctx_").replace("_", " ")
        if topic not in features:
            return _nothing
        texts, known_texts = features[topic].to_numpy(object), features[topic].notna().to_numpy()
        return lambda i: f"{label}: {texts[i]}" if known_texts[i] else None
    wanted = [str(name) for name in features.columns if known.pattern.fullmatch(str(name))]
    if known.needs:
        if any(name not in features for name in known.needs if not name.endswith("_active_months_12m")):
            return _nothing
        wanted = [name for name in known.needs if name in features]
    numbers = [name for name in wanted if pd.api.types.is_numeric_dtype(features[name])]
    rows, words = features[numbers].to_numpy(np.float64), known.words
    return lambda i: words(dict(zip(numbers, rows[i], strict=True)), division)


def _nothing(_: int) -> None:
    return None
