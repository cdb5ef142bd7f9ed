"""What one reader may not be told: figures that fewer than ten accounts stand behind give away another's.

A scale is a high quantile of what accounts buy, and the weight of an industry the mean of its accounts. Where few
accounts stand behind one, a reader who knows his own figures could work out a stranger's: from the constant itself, or
from any component score, which is his own figure over the constant. So both are left out, and the raw score with them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from icp_xl.components.fitted import FittedComponent
from icp_xl.components.shapes import Linear, LogSum, Lookup, lookup_key
from icp_xl.scoring.model import ScoreModel, read_facts

#: Accounts that must stand behind a figure.
FEWEST = 10


@dataclass(frozen=True)
class Guard:
    """What is left out: whole components by name, and texts of lookups (in small letters) by component."""

    components: frozenset[str] = frozenset()
    texts: dict[str, frozenset[str]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.components) or any(self.texts.values())


def guard_of(model: ScoreModel, scored: pd.DataFrame) -> Guard:
    """What a reader of a part of ``scored``, all accounts of the model, must not be told."""
    components, texts = set(), {}
    for part in model.parts:
        if isinstance(part.shape, Lookup):
            column = part.facts[0].name
            counts = scored[column].dropna().astype(str).map(lookup_key).value_counts()
            if len(scored) < FEWEST:
                components.add(part.name)
            texts[part.name] = frozenset(
                key for key in map(lookup_key, part.shape.table) if int(counts.get(key, 0)) < FEWEST
            )
        elif any(n < FEWEST for n in _behind(part, scored)):
            components.add(part.name)
    return Guard(frozenset(components), texts)


def _behind(part: FittedComponent, scored: pd.DataFrame) -> Iterator[int]:
    """How many accounts lie at or beyond each constant of a component that was taken from the accounts."""
    facts = read_facts(scored, part.facts)
    if isinstance(part.shape, LogSum):
        for fact, top in zip(part.facts, part.shape.tops, strict=True):
            yield int((facts[fact.name] >= top).sum()) if top > 0.0 else FEWEST
    elif isinstance(part.shape, Linear) and part.declared.kind == "number":
        values = facts[part.facts[0].name]
        low, high = sorted((part.shape.low, part.shape.high))
        yield int((values >= high).sum())
        yield int((values <= low).sum())


def guard_accounts(rows: pd.DataFrame, model: ScoreModel, guard: Guard) -> pd.DataFrame:
    """A reader's accounts without what gives others' figures away; the reasons in words are to be built before."""
    dropped = []
    out = rows.copy()
    for part in model.parts:
        columns = [part.declared.score_column, part.declared.contribution_column]
        if part.name in guard.components:
            dropped += columns
        elif guard.texts.get(part.name):
            hidden = out[part.facts[0].name].map(
                lambda text, keys=guard.texts[part.name]: isinstance(text, str) and lookup_key(text) in keys
            )
            out.loc[hidden.astype(bool), [*columns, "raw_score"]] = np.nan
    if dropped:
        dropped.append("raw_score")
    return out.drop(columns=[name for name in dropped if name in out.columns])


def guard_industries(table: pd.DataFrame, all_accounts: pd.DataFrame) -> pd.DataFrame:
    """The table of industry weights without the figures of industries that too few accounts stand behind."""
    counts = all_accounts["industry"].dropna().value_counts()
    few = table["industry"].map(counts).fillna(0).lt(FEWEST)
    out = table.copy()
    for name in ("weight", "data_weight", "evidence"):
        if name in out.columns:
            out[name] = out[name].astype(float).mask(few)
    return out


def guard_pairs(rows: pd.DataFrame, all_pairs: pd.DataFrame) -> pd.DataFrame:
    """A reader's pairs without the expected value where fewer than ten accounts buy from the division.

    What a pair is expected to bring is what its division's buyers spend, times its chance, which stands beside it.
    """
    owners = all_pairs.loc[all_pairs["removed_by"] == "owned", "division"].value_counts()
    few = rows["division"].map(owners).fillna(0).lt(FEWEST)
    out = rows.copy()
    out["expected_value"] = out["expected_value"].astype(float).mask(few)
    for name in ("nba_reason", "talking_point"):
        out[name] = [_without_value(str(text)) if hide else text for text, hide in zip(out[name], few, strict=True)]
    return out


def _without_value(text: str) -> str:
    kept = [piece for piece in text.split("; ") if not ("expected" in piece and "top tenth" in piece)]
    return "; ".join(kept) or "among the best of its division"
