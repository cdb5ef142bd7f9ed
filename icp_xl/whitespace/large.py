"""What is said of a list that was ranked by SQL: the same figures as of one in memory, and the pairs that are shown."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from icp_xl.config.whitespace import WhitespaceSettings
from icp_xl.sql import ranked_list as sql
from icp_xl.sql.engine import Engine
from icp_xl.sql.query import Query
from icp_xl.whitespace.by_sql import RankedFiles
from icp_xl.whitespace.capacity import UNASSIGNED, pairs_of_share
from icp_xl.whitespace.holdout import plan_holdout
from icp_xl.whitespace.metrics import GRID
from icp_xl.whitespace.model import ListTotals, Memory, Ranking, Terms
from icp_xl.whitespace.states import update_states, valid_states
from icp_xl.whitespace.summary import (
    NO_COOLDOWN,
    capacity_warnings,
    of_weights,
    order_warnings,
    share_warnings,
    weight_warnings,
)

NO_CHALLENGER = "not learned for a list that memory does not hold"


@dataclass(frozen=True)
class ListFigures:
    """Figures per division and per rep (rep: only where each has a capacity of his own), and of all."""

    by_division: pd.DataFrame
    by_rep: pd.DataFrame | None
    pairs: int
    accounts: int

    @property
    def ranked(self) -> int:
        """Pairs in the list."""
        return int(self.by_division["ranked"].sum())

    @property
    def selected(self) -> int:
        """Pairs to work."""
        return int(self.by_division["selected"].sum())


def describe_list(
    engine: Engine, found: RankedFiles, settings: WhitespaceSettings, terms: Terms, memory: Memory, files: str
) -> Ranking:
    """The ranking with its figures; ``pairs`` are those of the table ``shown``, without words.

    Args:
        engine: with the files of the list open as ``ranked``, and the table ``shown``.
        found: what ranking gave.
        settings: of the section ``whitespace``.
        terms: dates and window.
        memory: the states that go on, and the pairs that the last list selected.
        files: how the files with all pairs are called.
    """
    figures = _count(engine, settings)
    cut = _thresholds(figures, settings)
    by_division, selected = figures.by_division, figures.selected
    shares = _shares(by_division, selected)
    weights = found.weights.assign(challenger=np.nan)
    states = valid_states(memory.states, terms.today, settings)
    rests = (settings.cooldown_days or NO_COOLDOWN, settings.cooldown_rest_days)
    names = [str(name) for name in by_division["name"]]
    unlearned = NO_CHALLENGER if settings.challenger else "off by settings"
    return Ranking(
        cutoff=terms.cutoff,
        window_months=terms.window_months,
        pairs=_ask(engine, sql.ROWS).assign(rank=lambda frame: frame["rank"].astype("Int64")),
        removals=found.removals,
        thresholds=cut,
        weights=weights,
        metrics=_metrics(engine, figures, shares, terms, settings)
        | {"stability_jaccard": _same_as_last(engine, memory, selected)}
        | of_weights(weights, found.removals, unlearned, settings),
        states=update_states(states, _ask(engine, sql.SELECTED), rests, terms.today),
        events=_events(figures, shares, settings),
        warnings=share_warnings(len(found.divisions), shares, settings)
        + weight_warnings(weights, figures.ranked)
        + capacity_warnings(figures.ranked, cut)
        + order_warnings(settings, unlearned),
        whole=ListTotals(
            figures.accounts,
            dict(zip(names, by_division["ranked"].tolist(), strict=True)) | {"": figures.ranked},
            dict(zip(names, by_division["selected"].tolist(), strict=True)) | {"": selected},
            files,
        ),
    )


def _ask(engine: Engine, text: str) -> pd.DataFrame:
    return engine.frame(Query(text))


def _count(engine: Engine, settings: WhitespaceSettings) -> ListFigures:
    by_rep = _ask(engine, sql.figures("rep")) if settings.capacity == "per_rep" else None
    whole = _ask(engine, sql.ALL).iloc[0]
    return ListFigures(_ask(engine, sql.figures("division")), by_rep, int(whole["pairs"]), int(whole["accounts"]))


def _thresholds(figures: ListFigures, settings: WhitespaceSettings) -> pd.DataFrame:
    """As :func:`icp_xl.whitespace.capacity.thresholds` gives them."""
    total = max(figures.selected, 1)
    asked = pairs_of_share(figures.ranked, settings.top_percent)
    if figures.by_rep is not None:
        asked = int(figures.by_rep["ranked"].clip(upper=settings.per_rep).sum())
    rows: list[tuple[Any, ...]] = []

    def add(mode: str, name: str, n: int, places: object, part: pd.DataFrame) -> None:
        taken = int(part["selected"].sum())
        last = (float(part[column].min()) if taken else math.nan for column in ("score", "p"))
        rows.append((mode, name, n, places, taken, taken / total, *last))

    add(settings.capacity, "all", figures.ranked, asked, figures.by_division)
    if figures.by_rep is not None:
        reps = figures.by_rep.assign(name=figures.by_rep["name"].replace({"": UNASSIGNED}))
        for name, part in reps.groupby("name", sort=True):
            n = int(part["ranked"].sum())
            add("per_rep", str(name), n, min(settings.per_rep, n), part)
    for name, part in figures.by_division.groupby("name", sort=True):
        add("division", str(name), int(part["ranked"].sum()), pd.NA, part)
    columns = ["mode", "group", "ranked", "asked", "selected", "share", "score_threshold", "p_threshold"]
    return pd.DataFrame(rows, columns=columns).astype({"asked": "Int64"})


def _shares(by_division: pd.DataFrame, selected: int) -> dict[str, float]:
    counts = {str(name): int(n) for name, n in zip(by_division["name"], by_division["selected"], strict=True) if n}
    return {name: round(n / selected, 6) for name, n in sorted(counts.items(), key=lambda item: (-item[1], item[0]))}


def _metrics(
    engine: Engine, figures: ListFigures, shares: dict[str, float], terms: Terms, settings: WhitespaceSettings
) -> dict[str, Any]:
    by_division, selected = figures.by_division, figures.selected
    accounts = _ask(engine, sql.ACCOUNTS)
    worked, held = (int(accounts.loc[accounts["holdout"] == out, "n"].sum()) for out in (False, True))
    places = [pairs_of_share(figures.ranked, k) for k in GRID]
    sums = _ask(engine, sql.captures(places)).fillna(0.0).iloc[0]
    statuses = _ask(engine, sql.STATUSES)
    purchases = float(by_division["purchases"].sum())
    return {
        "cutoff_date": terms.cutoff.isoformat(),
        "window_months": terms.window_months,
        "pairs": figures.pairs,
        "ranked": figures.ranked,
        "selected": selected,
        "accounts_selected": worked + held,
        "expected_purchases_selected": round(purchases, 6),
        "expected_value_selected": round(float(by_division["expected"].sum()), 2),
        "capture": [
            {"percent": k, "pairs": n, "purchases": _share(sums, i, "p"), "value": _share(sums, i, "v")}
            for i, (k, n) in enumerate(zip(GRID, places, strict=True))
        ],
        "division_shares": shares,
        "normalize": settings.normalize,
        "capacity": settings.capacity,
        "cooldown": int(by_division["cooldown"].sum()),
        "statuses": {str(name): int(n) for name, n in zip(statuses["status"], statuses["n"], strict=True)},
        "holdout": plan_holdout([purchases / selected] if selected else [], worked, held, settings.holdout_share),
    }  # fmt: skip


def _share(sums: pd.Series[Any], place: int, of: str) -> float:
    return round(float(sums[f"{of}_{place}"] / sums[of]), 6) if sums[of] > 0.0 else 0.0


def _same_as_last(engine: Engine, memory: Memory, selected: int) -> float | None:
    previous = memory.previous
    if previous is None:
        return None
    keys = previous[["account_id", "division"]].astype("str").drop_duplicates()
    engine.view_frame("previous", keys)
    both = int(_ask(engine, sql.STILL)["n"].iloc[0])
    engine.drop("previous")
    union = selected + len(keys) - both
    return round(both / union, 6) if union else None


def _events(figures: ListFigures, shares: dict[str, float], settings: WhitespaceSettings) -> list[dict[str, Any]]:
    rows = {str(row["name"]): row for row in figures.by_division.to_dict("records")}
    events: list[dict[str, Any]] = [
        {"event": "division", "division": name, "ranked": int(rows[name]["ranked"]),
         "selected": int(rows[name]["selected"]), "share": share, "mean_p": round(float(rows[name]["mean_p"]), 6)}
        for name, share in shares.items()
    ]  # fmt: skip
    last = {"event": "selection", "ranked": figures.ranked, "selected": figures.selected, "mode": settings.capacity}
    return [*events, last]
