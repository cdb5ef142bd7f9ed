"""Figures in plain words: money as people say it, and the reasons behind a score."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from icp_xl.columns import COMPONENT_SCORES, CONTRIBUTIONS

#: Reasons given per account.
MOST_REASONS = 3
#: Contributions that differ from the average by less than this are no reason.
LEAST_EFFECT = 0.01


def say_money(amount: float, currency: str = "$") -> str:
    """An amount as it is said: three digits at most.

    >>> say_money(1_234_567), say_money(45_300), say_money(310e6), say_money(-80), say_money(999_600)
    ('$1.2M', '$45K', '$310M', '-$80', '$1.0M')
    """
    if not math.isfinite(amount):
        return "unknown"
    sign, size = ("-" if amount < 0 else ""), abs(amount)
    for unit, letter in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        if size >= unit * 0.9995:
            scaled = size / unit
            return (
                f"{sign}{currency}{scaled:.0f}{letter}"
                if scaled >= 9.95 or unit == 1e3
                else (f"{sign}{currency}{scaled:.1f}{letter}")
            )
    return f"{sign}{currency}{size:.0f}"


def say_count(n: int, one: str, many: str | None = None) -> str:
    """A count with its noun.

    >>> say_count(1, "account"), say_count(1200, "account"), say_count(2, "industry", "industries")
    ('1 account', '1,200 accounts', '2 industries')
    """
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def say_list(items: Sequence[str], most: int = 4) -> str:
    """Items in a row, the rest counted.

    >>> say_list(["A", "B"]), say_list(["A", "B", "C", "D"], most=2)
    ('A and B', 'A, B and 2 more')
    """
    shown = list(items[:most])
    rest = len(items) - len(shown)
    if rest:
        return ", ".join(shown) + f" and {rest} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)


def build_reasons(scored: pd.DataFrame, currency: str = "$") -> pd.Series[str]:
    """The main reasons for each account's score, one text per row of ``scored``, on its index.

    A component is a reason when its contribution differs from the average account's; the three that differ most are
    told, best first. Needs the component scores and contributions, industry, annual_revenue, printers,
    consumable_revenue and software_revenue.
    """
    if scored.empty:
        return pd.Series([], index=scored.index, dtype=object)
    contributions = scored[list(CONTRIBUTIONS)].to_numpy(dtype=float)
    effects = contributions - np.nanmean(contributions, axis=0)
    phrases = np.column_stack(
        [
            _vertical(scored),
            _size(scored, currency),
            _adoption(scored, currency),
            _relationship(scored, currency),
        ]
    )
    strength = np.abs(effects)
    chosen = np.argsort(-strength, axis=1, kind="stable")[:, :MOST_REASONS]
    texts = []
    for row, columns in enumerate(chosen):
        told = [c for c in columns if strength[row, c] >= LEAST_EFFECT] or [columns[0]]
        told.sort(key=lambda c: -effects[row, c])
        text = "; ".join(phrases[row, c] for c in told)
        texts.append(text[:1].upper() + text[1:] if not text[:1].isdigit() else text)
    return pd.Series(texts, index=scored.index, dtype=object)


def _numbers(frame: pd.DataFrame, name: str) -> NDArray[np.float64]:
    return frame[name].to_numpy(dtype=float, na_value=np.nan)


def _vertical(scored: pd.DataFrame) -> NDArray[np.object_]:
    places = np.asarray(["well below", "below", "about", "above", "well above"], dtype=object)
    score = np.nan_to_num(_numbers(scored, COMPONENT_SCORES[0]), nan=0.5)
    place = places[np.searchsorted([0.25, 0.42, 0.58, 0.75], score, side="right")]
    names = scored["industry"].tolist()
    return np.asarray(
        [
            f"{name} pays {where} average" if isinstance(name, str) and name else "industry unknown"
            for name, where in zip(names, place, strict=True)
        ],
        dtype=object,
    )


def _size(scored: pd.DataFrame, currency: str) -> NDArray[np.object_]:
    score = _numbers(scored, COMPONENT_SCORES[1])
    words = np.asarray(["small", "mid-sized", "large"], dtype=object)[
        np.searchsorted([0.45, 0.75], score, side="right")
    ]
    return np.asarray(
        [
            "annual revenue unknown" if math.isnan(amount) else f"{word} company ({say_money(amount, currency)} a year)"
            for amount, word in zip(_numbers(scored, "annual_revenue").tolist(), words, strict=True)
        ],
        dtype=object,
    )


def _adoption(scored: pd.DataFrame, currency: str) -> NDArray[np.object_]:
    def say(printers: float, bought: float) -> str:
        boxes = (
            "printer count unknown"
            if math.isnan(printers)
            else (say_count(int(printers), "printer") if printers >= 1 else "no printers")
        )
        if bought >= 1.0:
            return f"{boxes}, {say_money(bought, currency)} of consumables"
        return (
            "no printers or consumables yet"
            if not printers >= 1 and not math.isnan(printers)
            else (f"{boxes}, no consumables")
        )

    bought = np.nan_to_num(_numbers(scored, "consumable_revenue"), nan=0.0)
    pairs = zip(_numbers(scored, "printers").tolist(), bought.tolist(), strict=True)
    return np.asarray([say(*pair) for pair in pairs], dtype=object)


def _relationship(scored: pd.DataFrame, currency: str) -> NDArray[np.object_]:
    bought = np.nan_to_num(_numbers(scored, "software_revenue"), nan=0.0)
    return np.asarray(
        [f"{say_money(x, currency)} of software" if x >= 1.0 else "no software yet" for x in bought.tolist()],
        dtype=object,
    )


def component_label(name: str) -> str:
    """A component as it is headed on sheets.

    >>> [component_label(name) for name in ("vertical", "size")]
    ['Industry', 'Size']
    """
    return "Industry" if name == "vertical" else name.capitalize()


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
