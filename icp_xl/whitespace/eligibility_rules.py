"""Who is not to be called: one named rule after another, each counted, every removal with its reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from icp_xl.config.whitespace import WhitespaceSettings
from icp_xl.whitespace.model import Bools, Texts
from icp_xl.whitespace.states import CONTACTED, NOT_RELEVANT, WON

OWNED = "owned"
#: Of the rules, the one that says that the account gets the division, not that it must not be called.
OPEN_DEAL = "open deal"
_HOLD, _MARK = "legal or other hold", "marked not eligible"
#: In the order in which they count: a pair is removed by the first that matches it.
RULES = (
    OWNED, "do not contact", _HOLD, _MARK, "region", "marked won", "marked not relevant", OPEN_DEAL, "recent contact",
)  # fmt: skip
#: Rules whose reason is a text of the pair's own, and the column with it.
_OWN_TEXT = {_MARK: "not_eligible", _HOLD: "exclusion"}


@dataclass(frozen=True)
class Eligibility:
    """What the rules say of each row.

    Attributes:
        matched: per rule the rows that it names.
        removed_by: the first rule that names a row; empty for a row that stays.
        reason: all rules that name a row, in words, the mark's or the hold's own text included.
        state: ``owned``, ``open deal``, ``not eligible`` or ``gap``, as the grid shows it.
    """

    matched: Mapping[str, Bools]
    removed_by: Texts
    reason: Texts
    state: Texts

    @property
    def eligible(self) -> Bools:
        """Rows that no rule names."""
        return np.asarray(self.removed_by == "", dtype=bool)

    def removals(self) -> pd.DataFrame:
        """One row per rule, in order: gate (its name), rows removed by it first, rows caught by it at all."""
        rows = [(name, int((self.removed_by == name).sum()), int(self.matched[name].sum())) for name in RULES]
        return pd.DataFrame(rows, columns=["gate", "removed", "caught"])


def apply_rules(frame: pd.DataFrame, today: date, settings: WhitespaceSettings) -> Eligibility:
    """Ask every rule of every row.

    Args:
        frame: completed candidates.
        today: contacts and statuses are judged at it.
        settings: of the section ``whitespace``.
    """
    now = pd.Timestamp(today)
    repeat = frame["division"].isin(settings.repeat_divisions).to_numpy()
    owned = frame["has_division"].to_numpy(dtype=bool)
    deal = frame["open_deal"].to_numpy(dtype=bool)
    age = (now - frame["status_on"]).dt.days
    status = frame["status"]
    contacted = (now - frame["contacted_on"]).dt.days.between(0, settings.contact_days - 1)
    matched = {
        OWNED: owned & ~repeat & (settings.ownership != "off"),
        "do not contact": frame["do_not_contact"].to_numpy(dtype=bool),
        _HOLD: (frame["exclusion"] != "").to_numpy(),
        _MARK: (frame["not_eligible"] != "").to_numpy(),
        "region": ~in_scope(frame["region"], settings),
        "marked won": _lately(status == WON, age, settings.won_days),
        "marked not relevant": _lately(status == NOT_RELEVANT, age, settings.not_relevant_days),
        OPEN_DEAL: deal & (settings.open_deals != "off"),
        "recent contact": contacted.to_numpy(dtype=bool) | _lately(status == CONTACTED, age, settings.contact_days),
    }
    removed_by = np.full(len(frame), "", dtype=object)
    for name in reversed(RULES):
        removed_by[matched[name]] = name
    barred = (removed_by != "") & ~matched[OWNED]
    state = np.select([owned, deal, barred], ["owned", "open deal", "not eligible"], "gap").astype(object)
    return Eligibility(matched, removed_by, _reasons(frame, matched), state)


def _lately(marked: pd.Series[bool], age: pd.Series[float], days: int) -> Bools:
    # A status without a date was typed before dates were kept; it counts as new.
    return (marked & ((age < days) | age.isna())).to_numpy(dtype=bool)


def in_scope(region: pd.Series[str], settings: WhitespaceSettings) -> Bools:
    """Whether each region is one that the settings want."""
    plain = region.str.strip().str.casefold()
    wanted, unwanted = _folded(settings.regions), _folded(settings.regions_excluded)
    kept = plain.isin(wanted) if wanted else pd.Series(True, index=region.index)
    return (kept & ~plain.isin(unwanted)).to_numpy(dtype=bool)


def _folded(names: Sequence[str]) -> list[str]:
    return [name.strip().casefold() for name in names]


def _reasons(frame: pd.DataFrame, matched: Mapping[str, Bools]) -> Texts:
    out = np.full(len(frame), "", dtype=object)
    for name in RULES:
        rows = np.flatnonzero(matched[name])
        texts = np.full(len(rows), name[:1].upper() + name[1:], dtype=object)
        if name in _OWN_TEXT:
            said = frame[_OWN_TEXT[name]].to_numpy(dtype=object)[rows]
            texts = np.asarray([f"{t}: {s}" if len(s) > 1 else t for t, s in zip(texts, said, strict=True)], object)
        out[rows] = [f"{old}; {new}" if old else new for old, new in zip(out[rows], texts, strict=True)]
    return out
