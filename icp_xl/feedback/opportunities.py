"""Opportunities as the feedback loop wants them: typed, with one spelling of each outcome.

Input is the frame ``opportunities`` of the sources, whatever it came from (workbook, CSV, Salesforce).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from icp_xl.errors import DataError, Fault
from icp_xl.feedback.stages import UNKNOWN, StageAnswers, decide_outcomes
from icp_xl.sources.stages import DELETED, LOST, OPEN, WON

__all__ = ["COLUMNS", "DELETED", "LOST", "OPEN", "UNKNOWN", "WON", "prepare_opportunities"]

TEXT_COLUMNS = (
    "opportunity_id", "account_id", "account_name", "stage", "owner", "division", "product", "industry", "competitor",
    "loss_reason",
)  # fmt: skip
COLUMNS = (*TEXT_COLUMNS, "outcome", "amount", "created_date", "close_date")


def prepare_opportunities(frame: pd.DataFrame, given: StageAnswers | None = None) -> pd.DataFrame:
    """One row per opportunity, with the columns of :data:`COLUMNS` and clean values.

    ``outcome`` becomes ``won``, ``lost``, ``open``, ``deleted`` or ``unknown``, as
    :func:`~icp_xl.feedback.stages.decide_outcomes` decides; ``given`` is what people say of stages. Text is stripped,
    missing text is "". An opportunity without an account is kept under an empty ``account_id``. Dates are whole days.
    A row without an id keeps an empty ``opportunity_id``: outcomes can still be matched by account and amount.

    Raises:
        DataError: the same opportunity id stands in several rows.
    """
    out = pd.DataFrame(index=pd.RangeIndex(len(frame)))
    for name in TEXT_COLUMNS:
        out[name] = _text(frame[name]) if name in frame else ""
    account_less = out["account_id"] == ""
    out.loc[account_less, "account_id"] = out.loc[account_less, "account_name"]
    out.loc[out["account_name"] == "", "account_name"] = out["account_id"]
    for name in ("created_date", "close_date"):
        dates = pd.to_datetime(frame[name], errors="coerce") if name in frame else pd.Series(pd.NaT, frame.index)
        out[name] = dates.to_numpy(dtype="datetime64[s]").astype("datetime64[D]").astype("datetime64[s]")
    amount = pd.to_numeric(frame["amount"], errors="coerce") if "amount" in frame else pd.Series(np.nan, frame.index)
    out["amount"] = amount.to_numpy(dtype=np.float64)
    out["outcome"] = decide_outcomes(frame.reset_index(drop=True), given or {}).outcome
    known = out.loc[out["opportunity_id"] != "", "opportunity_id"]
    twice = known[known.duplicated()].unique()
    if len(twice):
        raise DataError(
            f"{len(twice)} opportunity ids stand in several rows",
            where="opportunities, column opportunity_id",
            next_step="Keep one row per opportunity in the export and run again.",
            faults=[Fault("duplicate opportunity id", got=str(value)[:40]) for value in sorted(twice)[:10]],
        )
    return out[list(COLUMNS)]


def _text(column: pd.Series[Any]) -> pd.Series[Any]:
    values = column.astype("object").where(column.notna(), "")
    return pd.Series([str(value).strip() for value in values], index=pd.RangeIndex(len(values)), dtype="object")
