"""Holdouts that were made of the same cutoffs and accounts under the same settings before are not made again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pandas as pd

from icp_xl.config import Settings
from icp_xl.propensity.data import CutoffData
from icp_xl.propensity.metrics import Interval
from icp_xl.recall import recalled
from icp_xl.validation.alerts import Alert
from icp_xl.validation.holdout import Holdout, validate_division
from icp_xl.validation.published import ServedModel


def recall_holdout(
    published: ServedModel,
    now: CutoffData,
    accounts: pd.DataFrame,
    settings: Settings,
    *,
    seed: int,
    check: Callable[[], None] = lambda: None,
) -> Holdout:
    """:func:`~icp_xl.validation.holdout.validate_division`, or what it gave of the same."""

    def work() -> dict[str, Any]:
        found = validate_division(published, now, accounts, settings, seed=seed, check=check)
        # The cutoff itself is at hand, and large.
        return {each.name: getattr(found, each.name) for each in fields(Holdout) if each.name != "data"}

    made = recalled(
        "holdout",
        lambda: (published.data, published.skilled, published.basis, now, accounts, settings.train, settings.leakage,
                 settings.validation, seed),
        work, (Interval, Alert),
    )  # fmt: skip
    return Holdout(data=now, **made)
