"""Windows that reach back to before the log began, completed to the length that they will have at the day of scoring.

A log of thirteen months knows three to seven months of each account at the cutoffs that are learned from, and thirteen
when accounts are scored. Three days with a purchase "in the last twelve months" are then three in five months there and
three in twelve here, and whatever learned from the former expects far too much of the latter. So each count at a past
cutoff is given what its account is expected to have bought in the months before the log began: its own rate, drawn to
that of all accounts as far as rates that differ by chance ask for (Bühlmann's credibility, ASTIN Bulletin 4, 1967).
Features of the accounts that are scored stay what they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from icp_xl.propensity.data import CutoffData, DivisionData

Floats = NDArray[np.float64]
#: What a model card says of it.
COMPLETED = "the log is short: windows that begin before it are completed by what is expected to have been bought then"
_WINDOWED = re.compile(r"(own|all)_(days|lines|revenue|profit)_(\d+)m")
_MONTH = 365.25 / 12
#: Months by which a window may begin before the first purchase of a log that holds the whole of it.
_SPARE = 0.5
#: Months that the log must hold at the day of scoring: in less, what was bought is of one season, and tells little of
#: the months before it.
_YEAR = 11.5
#: Steps in which the accounts that have bought nothing yet are counted; at most so many of them to each that has.
_STEPS, _MOST_UNSEEN = 60, 5.0


@dataclass(frozen=True)
class _Rates:
    """Days with a purchase a month: their mean over accounts, and after how many months an account's own says half."""

    mean: float
    half: float

    @classmethod
    def of(cls, late: Floats, early: Floats, months: tuple[float, float], unseen: float = 0.0) -> _Rates:
        """From what each account did in two spans of so many months, one after the other.

        What they have in common is how accounts differ; all else is chance, of whatever kind. ``unseen``: accounts
        beside these, which bought in neither span.
        """
        count, whole, both = late.size + unseen, sum(months), late + early
        mean = float(both.sum()) / count
        common = float(late @ early) / count - float(late.sum()) * float(early.sum()) / count**2
        between = max(common / (months[0] * months[1]), 1e-9)
        within = max((float(both @ both) / count - mean**2) / whole - whole * between, 1e-9)
        return cls(mean / whole, within / between)

    @classmethod
    def unseen(cls, late: Floats, early: Floats, months: tuple[float, float]) -> float:
        """How many accounts have bought nothing yet, so that none of the log's is one of them.

        Their share is that of the negative binomial (Ehrenberg, Applied Statistics 8, 1959) that has it.
        """
        found = 0.0
        for _ in range(_STEPS):
            rates = cls.of(late, early, months, found)
            none = (rates.half / (rates.half + sum(months))) ** (rates.mean * rates.half)
            found = min(none / max(1.0 - none, 1e-9), _MOST_UNSEEN) * late.size
        return found

    def completed(self, days: Floats, known: float, months: float) -> Floats:
        """Expected days in so many months, of which the last ``known`` were counted."""
        rate = (self.mean * self.half + days) / (self.half + known)
        return np.asarray(days + (months - known) * rate)


def complete_windows(data: DivisionData, target: date) -> DivisionData:
    """The division with days, lines and money of every window as long as the log makes it at ``target``.

    Unchanged where the log fills all windows at the latest cutoff, holds less than a year at ``target``, or does not
    hold two spans as long as its shortest window by the latest cutoff, so that nothing tells how accounts differ.

    Args:
        data: cutoffs with the same features.
        target: the day as of which accounts are scored.
    """
    last = data.cutoffs[-1].features
    if "life_tenure_days" not in last or len(last) < 2:
        return data
    began = pd.Timestamp(data.cutoffs[-1].cutoff) - pd.Timedelta(days=float(last["life_tenure_days"].max()))
    days = [*(each.cutoff for each in data.cutoffs), target]
    *known, end = ((pd.Timestamp(day) - began).days / _MONTH for day in days)
    found = [each for each in map(_WINDOWED.fullmatch, map(str, last)) if each and _days_of(each[0]) in last]
    months = {each[0]: min(float(each[3]), end) for each in found}
    if not found or end < _YEAR or max(months.values()) <= known[-1] + _SPARE:
        return data
    windows = sorted({int(each[3]) for each in found})
    spans = float(windows[0]), min(float(windows[-1]), known[-1]) - windows[0]
    if spans[1] < spans[0] - _SPARE:
        return data
    counts = {}
    for prefix in sorted({each[1] for each in found}):
        late, both = (last[f"{prefix}_days_{each}m"].to_numpy(np.float64) for each in (windows[0], windows[-1]))
        counts[prefix] = late, both - late, spans
    unseen = _Rates.unseen(*counts["all"]) if "all" in counts else 0.0
    rates = {prefix: _Rates.of(*each, unseen) for prefix, each in counts.items()}
    cutoffs = [_completed(*each, months, rates) for each in zip(data.cutoffs, known, strict=False)]
    return replace(data, cutoffs=tuple(cutoffs))


def _days_of(name: str) -> str:
    """The count of days in the same window of the same divisions."""
    return _WINDOWED.sub(r"\1_days_\3m", name)


def _completed(data: CutoffData, known: float, months: Mapping[str, float], rates: Mapping[str, _Rates]) -> CutoffData:
    """One cutoff at which ``known`` months of the log lie behind."""
    told = {}
    for name, each in months.items():
        if each <= known + _SPARE:
            continue
        by = _days_of(name)
        days, values = (data.features[column].to_numpy(np.float64) for column in (by, name))
        full = rates[name[:3]].completed(days, known, each)
        # What a day brings is the account's own; where it had none, that of all on the scale that models see, log1p.
        a_day = float(values.sum()) / max(float(days.sum()), 1.0)
        none = np.sign(a_day) * np.expm1(np.minimum(full, 1.0) * np.log1p(abs(a_day)))
        told[name] = full if name == by else np.where(days > 0, values * full / np.maximum(days, 1.0), none)
    return replace(data, features=data.features.assign(**told)) if told else data
