"""Which rows the settings' ``where`` wants."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from icp_xl.config.sources import Condition
from icp_xl.sources.cells import RawColumn, cell_text
from icp_xl.sources.typed import type_column


def passes(
    column: RawColumn, condition: Condition, typed: Callable[[Literal["number", "date"]], Any]
) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which cells of a column meet ``condition``.

    Args:
        column: the cells; texts are compared without regard to case.
        condition: all of what it asks must hold.
        typed: the column as numbers or days, for bounds.
    """
    texts = type_column(column, "text").values.astype(object)
    folded = texts.fillna("").astype(str).str.casefold()
    passed = pd.Series(True, index=folded.index)

    def plain(values: Sequence[object]) -> set[str]:
        return {(cell_text(value) or "").casefold() for value in values}

    if condition.any_of:
        passed &= folded.isin(plain(condition.any_of))
    if condition.none_of:
        passed &= ~folded.isin(plain(condition.none_of))
    if condition.contains:
        wanted = plain(condition.contains)
        passed &= folded.map(lambda text: any(part in text for part in wanted))
    if condition.blank is not None:
        passed &= (folded == "") == condition.blank
    for bound, least in ((condition.at_least, True), (condition.at_most, False)):
        if bound is None:
            continue
        if isinstance(bound, int | float):
            values: Any = typed("number")
        else:
            values, bound = typed("date"), pd.Timestamp(bound)
        passed &= (values >= bound) if least else (values <= bound)
    return np.asarray(passed.to_numpy(dtype=bool))
