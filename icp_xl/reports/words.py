"""Figures in plain words: money as people say it, and the reasons behind a score."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from icp_xl.components.record import contribution_columns
from icp_xl.formatting import format_money as say_money
from icp_xl.formatting import join_words as say_list
from icp_xl.formatting import number_word
from icp_xl.formatting import plural as say_count
from icp_xl.scoring.model import ScoreModel, read_facts

#: Reasons given per account.
MOST_REASONS = 3
#: Contributions that differ from the average by less than this are no reason.
LEAST_EFFECT = 0.01
#: Bars of a chart at most: more are not legible, and a taller chart is cut where a page ends.
MOST_BARS = 16

__all__ = [
    "MOST_BARS", "average", "build_reasons", "field_label", "number_word", "say_bars", "say_count", "say_interval",
    "say_list", "say_money", "share", "total",
]  # fmt: skip


def say_bars(count: int, which: str) -> str:
    """What the title of a chart adds that does not draw all of ``count`` bars.

    >>> say_bars(8, "largest"), say_bars(40, "largest")
    ('', ' (the 16 largest of 40)')
    """
    return f" (the {MOST_BARS} {which} of {count})" if count > MOST_BARS else ""


def build_reasons(scored: pd.DataFrame, model: ScoreModel, currency: str = "$") -> pd.Series[str]:
    """The main reasons for each account's score, one text per row of ``scored``, on its index.

    A component is a reason when its contribution differs from the average account's; the three that differ most are
    told, best first. Needs the component scores, contributions and facts.
    """
    if scored.empty:
        return pd.Series([], index=scored.index, dtype=object)
    contributions = scored[contribution_columns(model.names)].to_numpy(dtype=float)
    effects = contributions - np.nanmean(contributions, axis=0)
    facts = {name: values.tolist() for name, values in read_facts(scored, model.facts).items()}
    phrases = [part.phrases(facts, _numbers(scored, part.declared.score_column), currency) for part in model.parts]
    strength = np.abs(effects)
    chosen = np.argsort(-strength, axis=1, kind="stable")[:, :MOST_REASONS]
    texts = []
    for row, columns in enumerate(chosen):
        told = [c for c in columns if strength[row, c] >= LEAST_EFFECT] or [columns[0]]
        told.sort(key=lambda c: -effects[row, c])
        text = "; ".join(phrases[c][row] for c in told)
        texts.append(text[:1].upper() + text[1:] if not text[:1].isdigit() else text)
    return pd.Series(texts, index=scored.index, dtype=object)


def _numbers(frame: pd.DataFrame, name: str) -> NDArray[np.float64]:
    return frame[name].to_numpy(dtype=float, na_value=np.nan)


def say_interval(low: float, high: float, form: str = ".3f") -> str:
    """An interval in words; empty where there is none. The minus is a sign, so that no cell begins like a formula.

    >>> say_interval(-0.0052, 0.049), say_interval(-0.001, 0.5, ".0%"), say_interval(float("nan"), 1.0)
    ('−0.005 to 0.049', '0% to 50%', '')
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    ends = [format(end, form) for end in (low, high)]
    return " to ".join(end.removeprefix("-") if not end.strip("-0.%") else end.replace("-", "−") for end in ends)


def field_label(name: str) -> str:
    """A source or column of ours as people write it.

    >>> [field_label(name) for name in ("enriched_revenue", "sku", "account_id", "sales")]
    ['Enriched revenue', 'SKU', 'Account id', 'Sales log']
    """
    return _FIELDS.get(name) or name.replace("_", " ")[:1].upper() + name.replace("_", " ")[1:]


_FIELDS = {"sku": "SKU", "sales": "Sales log", "do_not_contact": "Do not contact"}


def share(part: float, whole: float) -> float:
    """A share that is 0 when there is no whole."""
    return part / whole if whole else 0.0


def total(frame: pd.DataFrame, column: str) -> float:
    """Sum of a column, missing values aside."""
    return float(np.nansum(_numbers(frame, column))) if len(frame) else 0.0


def average(values: Any) -> float | None:
    """Mean of what is known, or ``None``."""
    array = np.asarray(values, dtype=float)
    array = array[np.isfinite(array)]
    return float(array.mean()) if array.size else None
