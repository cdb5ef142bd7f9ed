"""What share of the accounts that buy in a month buy each division: what a short log knows of the season."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd

from icp_xl.config import Settings
from icp_xl.labels.build import find_target
from icp_xl.propensity.level import Mix
from icp_xl.sql import labels as sql
from icp_xl.sql.engine import Engine
from icp_xl.tables.star import Star
from icp_xl.tables.star_calendar import add_months, from_day, month_start, to_day


def read_mixes(engine: Engine, star: Star, divisions: Sequence[str], settings: Settings) -> dict[str, Mix]:
    """The mix of each division over the whole months of the log's first year; later, whole windows tell more.

    Divisions that are defined by codes have none.

    Args:
        engine: runs the SQL, with the star's tables open.
        star: the star schema.
        divisions: by their names.
        settings: which of them are defined by codes.
    """
    first = month_start(add_months(from_day(star.first_day), 0 if from_day(star.first_day).day == 1 else 1))
    months = [day for day in (add_months(first, k) for k in range(12)) if _is_over(day, star)]
    targets = {name: find_target(star, name, settings) for name in divisions}
    if not months or not targets:
        return {}
    starts = [to_day(month) for month in months]
    end = to_day(add_months(months[-1], 1))
    days = np.arange(starts[0], end)
    place = np.searchsorted(starts, days, side="right") - 1
    engine.view_frame("calendar_months", pd.DataFrame({"day": days, "month": place.astype(np.int64)}))
    found = engine.fetch(sql.monthly_buyers(next(iter(targets.values())).denied, end))
    table = np.zeros((len(months), len(targets) + 1), dtype=np.int64)
    columns = {0: len(targets)} | {target.division_key: i for i, target in enumerate(targets.values()) if not
                                   target.targets}  # fmt: skip
    for month, key, buyers in zip(found["month"], found["division_key"], found["buyers"], strict=True):
        if int(key) in columns:
            table[int(month), columns[int(key)]] = int(buyers)
    active = tuple(table[:, -1].tolist())
    return {
        name: Mix(tuple(months), tuple(table[:, i].tolist()), active)
        for i, (name, target) in enumerate(targets.items())
        if not target.targets
    }


def _is_over(month: date, star: Star) -> bool:
    return to_day(add_months(month, 1)) <= star.observed_until
