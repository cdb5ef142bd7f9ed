"""Candidates as the ranking wants them: checked, filled, in one order whatever order they came in.

Beside what is given stands what takes the owners to know, and so comes before they are set aside: what people said of
the pair, its likeness to owners, what it would spend, whether it has the division already, and how many have.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from icp_xl.config.whitespace import WhitespaceSettings
from icp_xl.errors import DataError, Fault
from icp_xl.tables.star_calendar import add_months
from icp_xl.whitespace.frames import as_text, codes
from icp_xl.whitespace.model import OPTIONAL, REQUIRED, Bools, Terms
from icp_xl.whitespace.signals import fill_similarity
from icp_xl.whitespace.value import compute_value

_DATES = ("last_bought", "contacted_on")


def complete_candidates(
    candidates: pd.DataFrame, states: pd.DataFrame, terms: Terms, settings: WhitespaceSettings
) -> pd.DataFrame:
    """All that is known of each pair before it is judged: one row per account × division, in their order.

    Args:
        candidates: see :data:`icp_xl.whitespace.model.OPTIONAL`; in any order.
        states: see :class:`~icp_xl.whitespace.model.Memory`.
        terms: gives the cutoff at which ownership is judged, and the window that value is counted for.
        settings: of the section ``whitespace``.

    Returns:
        The candidates with the columns of ``states`` and with ``als_similarity``, ``value``, ``has_division``
        (whether the account has it at the cutoff) and ``owned_share`` (share of accounts that have the division).

    Raises:
        DataError: a needed column is missing, a pair stands twice, or a probability is none.
    """
    frame = with_states(prepare_candidates(candidates), states)
    owned = has_division(frame, terms.cutoff, settings)
    share = pd.Series(owned.astype(np.float64)).groupby(frame["division"].to_numpy()).transform("mean")
    return frame.assign(
        als_similarity=fill_similarity(frame),
        value=compute_value(frame, settings, terms.window_months),
        has_division=owned,
        owned_share=share.to_numpy(),
    )


def has_division(frame: pd.DataFrame, cutoff: date, settings: WhitespaceSettings) -> Bools:
    """Whether the account has the division: a purchase ever, or within ``owned_months`` before the cutoff.

    With ``ownership: off`` the window of ``recent`` still says what the grid calls owned.
    """
    bought = frame["last_bought"].notna()
    if settings.ownership != "ever":
        bought &= frame["last_bought"] >= pd.Timestamp(add_months(cutoff, -settings.owned_months))
    return bought.to_numpy(dtype=bool)


def with_states(frame: pd.DataFrame, states: pd.DataFrame) -> pd.DataFrame:
    """The pairs with what people said of them and since when they stand in the list."""
    found = frame.merge(states, on=["account_id", "division"], how="left")
    for name in ("status", "not_eligible"):
        found[name] = found[name].astype("object").where(found[name].notna(), "")
    for name in ("status_on", "surfaced_since", "surfaced_last"):
        found[name] = pd.to_datetime(found[name]).astype("datetime64[s]")
    return found


def prepare_candidates(frame: pd.DataFrame) -> pd.DataFrame:
    """One row per account × division with all columns, sorted by account and division.

    Raises:
        DataError: a needed column is missing, a pair stands twice, or a probability is none.
    """
    faults = [Fault("a column is missing", got=name) for name in REQUIRED if name not in frame.columns]
    if faults:
        raise DataError("the pairs cannot be ranked", faults=faults)
    out = pd.DataFrame(index=frame.index)
    for name in REQUIRED:
        out[name] = frame[name]
    for name in ("account_id", "division"):
        out[name] = as_text(out[name])
    extra = [str(name) for name in frame.columns if str(name).startswith("als_f")]
    for name, missing in OPTIONAL.items():
        out[name] = _column(frame[name], missing) if name in frame.columns else missing
    for name in _DATES:
        out[name] = pd.to_datetime(out[name], errors="coerce")
    p = out["p_icp"] = pd.to_numeric(out["p_icp"], errors="coerce").astype(np.float64)
    wrong = int((~((p >= 0.0) & (p <= 1.0))).sum())
    if wrong:
        faults.append(Fault("probabilities are missing or outside 0 to 1", where="p_icp", got=f"{wrong:,} rows"))
    account, division = codes(out["account_id"])[0], codes(out["division"])[0]
    order = np.lexsort((division, account))
    key = account * (int(division.max(initial=0)) + 1) + division
    twice = len(key) - len(np.unique(key))
    if twice:
        faults.append(Fault("an account and division stand in several rows", got=f"{twice:,} rows"))
    if faults:
        raise DataError("the pairs cannot be ranked", faults=faults)
    for name in extra:
        out[name] = frame[name].to_numpy(dtype=np.float64)
    return out.iloc[order].reset_index(drop=True)


def _column(column: pd.Series[Any], missing: Any) -> pd.Series[Any]:
    if isinstance(missing, str):
        return as_text(column)
    if isinstance(missing, bool):
        return column.astype("object").where(column.notna(), False).astype(bool)
    if isinstance(missing, float):
        numbers = pd.to_numeric(column, errors="coerce").astype(np.float64).replace([np.inf, -np.inf], np.nan)
        return numbers if np.isnan(missing) else numbers.fillna(missing)
    return column
