"""What it costs to leave out the fields of which nothing says what they held at past cutoffs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from icp_xl.config import Settings
from icp_xl.propensity.candidates import plain_log_odds
from icp_xl.propensity.data import CutoffData, DivisionData
from icp_xl.propensity.inputs import choose_inputs, same_columns
from icp_xl.propensity.matrix import Matrices
from icp_xl.propensity.metrics import Interval, compare, measure
from icp_xl.propensity.splits import Fold, forward_folds

#: Beginnings of the names of what the customers table says.
FIELDS = ("ctx_", "acct_")


@dataclass(frozen=True)
class UndatedCost:
    """``fields`` that are left out, PR-AUC without them, and what it gains with them as they stand today.

    The gain is the most that leaving them out can cost: as they stand today they may know of the sales themselves.
    """

    fields: tuple[str, ...]
    without: float
    gain: Interval

    def in_words(self) -> str:
        """In words."""
        names = ", ".join(name.partition("_")[2].replace("_", " ") for name in self.fields)
        return (
            f"{names}: PR-AUC {self.without:.3f} without, {self.gain.value:+.3f} ({self.gain.low:+.3f} to "
            f"{self.gain.high:+.3f}) with them as they stand today, by a plain logistic regression on the judged "
            "window; that is the most it costs, as today's values may know of the sales"
        )

    def to_json(self) -> dict[str, Any]:
        """Plain numbers."""
        return {"fields": list(self.fields), "pr_auc_without": self.without, "gain": self.gain.value,
                "gain_low": self.gain.low, "gain_high": self.gain.high}  # fmt: skip


def cost_of_undated(
    data: DivisionData, today: pd.DataFrame, names: Sequence[str], settings: Settings, *, seed: int
) -> UndatedCost | None:
    """PR-AUC on the judged window with the undated fields, against without; ``None`` where nothing is left out.

    Args:
        data: what the model learned from.
        today: features as of today, by account, with the fields as they stand.
        names: inputs that the model has.
    """
    known = {name.partition("=")[0] for name in names}
    fields = [str(name) for name in today if str(name).startswith(FIELDS) and name not in known]
    folds = forward_folds(replace(data, cutoffs=same_columns(data.cutoffs)))
    if not fields or not folds:
        return None
    fold = Fold(tuple(_with(each, today[fields]) for each in folds[-1].train), _with(folds[-1].valid, today[fields]))
    alone = tuple(replace(each, features=each.features[fields]) for each in (*fold.train, fold.valid))
    more = choose_inputs(alone, settings.train, settings.leakage).names
    if not more or not 0 < fold.valid.positives < len(fold.valid.label):
        return None
    y = fold.valid.label.astype(np.float64)
    without, given = (plain_log_odds(fold, Matrices(each), settings.train) for each in (names, (*names, *more)))
    gain = compare(y, given, without, resamples=settings.train.bootstrap, seed=seed, only="pr_auc")["pr_auc"]
    used = tuple(dict.fromkeys(name.partition("=")[0] for name in more))
    return UndatedCost(used, measure(y, without)["pr_auc"].value, gain)


def _with(data: CutoffData, today: pd.DataFrame) -> CutoffData:
    here = data.features.drop(columns=[name for name in today if name in data.features])
    return replace(data, features=here.join(today.reindex(here.index)))
