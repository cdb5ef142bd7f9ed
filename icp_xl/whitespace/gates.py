"""Who is not to be called: one named rule after another, each counted, every removal with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from icp_xl.config.whitespace import WhitespaceSettings
from icp_xl.tables.star_calendar import add_months
from icp_xl.whitespace.model import Bools, Texts
from icp_xl.whitespace.states import CONTACTED, NOT_RELEVANT, WON

OWNED = "owned"
#: Gates that say the account has or gets the division, not that it must not be called.
OPEN_DEAL = "open deal"
GATES = (
    OWNED, "do not contact", "legal or other hold", "marked not eligible", "region", "marked won",
    "marked not relevant", OPEN_DEAL, "recent contact",
)  # fmt: skip


@dataclass(frozen=True)
class Gated:
    """What each gate catches. ``removed_by`` is the first gate's name per row, empty where none caught it."""

    caught: dict[str, Bools]
    removed_by: Texts

    @property
    def eligible(self) -> Bools:
        """Rows that no gate caught."""
        return np.asarray(self.removed_by == "", dtype=bool)


def is_owned(frame: pd.DataFrame, cutoff: date, settings: WhitespaceSettings) -> Bools:
    """Whether the account has the division: a purchase ever, or within ``owned_months`` before the cutoff.

    With ``ownership: off`` the window of ``recent`` still says what the grid calls owned.
    """
    bought = frame["last_bought"].notna()
    if settings.ownership != "ever":
        bought &= frame["last_bought"] >= pd.Timestamp(add_months(cutoff, -settings.owned_months))
    return bought.to_numpy(dtype=bool)


def gate(frame: pd.DataFrame, cutoff: date, today: date, settings: WhitespaceSettings) -> Gated:
    """Ask every gate of every row.

    Args:
        frame: prepared candidates with ``status``, ``status_on`` and ``not_eligible`` beside them.
        cutoff: ownership is judged at it.
        today: contacts and statuses are judged at it.
    """
    now = pd.Timestamp(today)
    repeat = frame["division"].isin(settings.repeat_divisions).to_numpy()
    owned = is_owned(frame, cutoff, settings) & ~repeat & (settings.ownership != "off")
    age = (now - frame["status_on"]).dt.days
    status = frame["status"]
    in_scope = _region(frame["region"], settings)
    contacted = (now - frame["contacted_on"]).dt.days.between(0, settings.contact_days - 1)
    caught = {
        OWNED: owned,
        "do not contact": frame["do_not_contact"].to_numpy(dtype=bool),
        "legal or other hold": (frame["exclusion"] != "").to_numpy(),
        "marked not eligible": (frame["not_eligible"] != "").to_numpy(),
        "region": ~in_scope,
        "marked won": _lately(status == WON, age, settings.won_days),
        "marked not relevant": _lately(status == NOT_RELEVANT, age, settings.not_relevant_days),
        OPEN_DEAL: frame["open_deal"].to_numpy(dtype=bool) & (settings.open_deals != "off"),
        "recent contact": contacted.to_numpy(dtype=bool) | _lately(status == CONTACTED, age, settings.contact_days),
    }
    return Gated(caught, _first(caught, len(frame)))


def _lately(marked: pd.Series[bool], age: pd.Series[float], days: int) -> Bools:
    # A status without a date was typed before dates were kept; it counts as new.
    return (marked & ((age < days) | age.isna())).to_numpy(dtype=bool)


def _region(region: pd.Series[str], settings: WhitespaceSettings) -> Bools:
    plain = region.str.strip().str.casefold()
    wanted, unwanted = _folded(settings.regions), _folded(settings.regions_excluded)
    kept = plain.isin(wanted) if wanted else pd.Series(True, index=region.index)
    return (kept & ~plain.isin(unwanted)).to_numpy(dtype=bool)


def _folded(names: Sequence[str]) -> list[str]:
    return [name.strip().casefold() for name in names]


def _first(caught: dict[str, Bools], n: int) -> Texts:
    out = np.full(n, "", dtype=object)
    for name in reversed(GATES):
        out[caught[name]] = name
    return out


def count_removals(gated: Gated) -> pd.DataFrame:
    """One row per gate, in order: rows that it removed first, rows that it caught at all."""
    rows = [(name, int((gated.removed_by == name).sum()), int(gated.caught[name].sum())) for name in GATES]
    return pd.DataFrame(rows, columns=["gate", "removed", "caught"])


def reason_of(frame: pd.DataFrame, gated: Gated) -> Texts:
    """All reasons of each removed row in words, the mark's or the hold's own text included."""
    out = np.full(len(frame), "", dtype=object)
    for name in GATES:
        rows = np.flatnonzero(gated.caught[name])
        texts = np.full(len(rows), name[:1].upper() + name[1:], dtype=object)
        own = {"marked not eligible": "not_eligible", "legal or other hold": "exclusion"}.get(name)
        if own is not None:
            said = frame[own].to_numpy(dtype=object)[rows]
            texts = np.asarray([f"{t}: {s}" if len(s) > 1 else t for t, s in zip(texts, said, strict=True)], object)
        out[rows] = [f"{old}; {new}" if old else new for old, new in zip(out[rows], texts, strict=True)]
    return out


def state_of(frame: pd.DataFrame, gated: Gated, cutoff: date, settings: WhitespaceSettings) -> Texts:
    """``owned``, ``open deal``, ``not eligible`` or ``gap`` of each row, as the grid shows it."""
    owned = is_owned(frame, cutoff, settings)
    deal = frame["open_deal"].to_numpy(dtype=bool)
    barred = ~gated.eligible & ~gated.caught[OWNED]
    return np.select([owned, deal, barred], ["owned", "open deal", "not eligible"], "gap").astype(object)
