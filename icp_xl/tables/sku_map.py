"""The file that says which division a code belongs to, and from when to when.

What is valid from a day on holds for the lines from that day on: a mapping of a later date never enters what was known
at an earlier cutoff. A row without dates holds for all time, so changing it moves the past as well.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from icp_xl.config import Settings
from icp_xl.errors import ConfigError, SourceError
from icp_xl.sources.side_files import read_side_file
from icp_xl.tables.star_dims import fold

#: Columns of the overrides that say from when to when a row holds, both days included.
VALIDITY = ("valid_from", "valid_to")
#: Days that stand for the beginning and the end of time.
_ALWAYS = (-(2**30), 2**30)


@dataclass(frozen=True)
class SkuMap:
    """Which division a code belongs to.

    Attributes:
        always: one row per folded code (``fold``, ``sku``, ``division``) of rows without dates; they hold where no
            dated one does, at every time, the past included.
        dated: ``fold``, ``sku``, ``division``, ``start``, ``end`` (days since 1970, half-open) of rows with dates;
            those of one code do not overlap.
        divisions: ``division``, ``start``, ``end`` of rows with dates and without a code: when the division exists.
    """

    always: pd.DataFrame
    dated: pd.DataFrame
    divisions: pd.DataFrame

    @property
    def periods(self) -> dict[str, tuple[float, float]]:
        """First day and the day after the last of each folded division that the map dates; NaN where it is open."""
        spans = zip(fold(self.divisions["division"]), self.divisions["start"], self.divisions["end"], strict=True)
        first, last = _ALWAYS
        return {name: (np.nan if a == first else float(a), np.nan if b == last else float(b)) for name, a, b in spans}

    @property
    def names(self) -> list[str]:
        """Divisions in the order and spelling of the file."""
        return list(dict.fromkeys([*self.always["division"], *self.dated["division"], *self.divisions["division"]]))


def read_sku_map(settings: Settings) -> SkuMap:
    """The overrides file of the settings; empty where none is set.

    Raises:
        ConfigError: the file is missing, cannot be read or lacks a column, a date cannot be read, a period ends before
            it begins, or one code has several divisions at one time; all faults of the dates at once.
    """
    path = settings.build.sku_map
    if path is None:
        return _sorted_map(pd.DataFrame({name: pd.Series([], dtype="str") for name in ("sku", "division", *VALIDITY)}),
                           "")  # fmt: skip
    place = path if path.is_absolute() or path.is_file() else settings.paths.data / path
    try:
        frame = read_side_file(place, "build.sku_map", ("sku", "division"))
    except SourceError as error:  # The log itself is sound: what is wrong is what the setting names.
        raise ConfigError(
            error.fault.what, where=error.fault.where, got=error.fault.got, allowed=error.fault.allowed,
            next_step=error.fault.next_step,
        ) from None  # fmt: skip
    return _sorted_map(frame, path.name)


def _sorted_map(frame: pd.DataFrame, name: str) -> SkuMap:
    frame = frame.reindex(columns=["sku", "division", *VALIDITY], fill_value="").astype("str")
    frame = frame[frame["division"] != ""].reset_index(drop=True)
    start, end = (_days(frame[each], name) for each in VALIDITY)
    frame = frame[["sku", "division"]].assign(start=start.fillna(_ALWAYS[0]), end=(end + 1).fillna(_ALWAYS[1]))
    frame = frame.astype({"start": np.int64, "end": np.int64})
    turned = frame["end"] <= frame["start"]
    if turned.any():
        raise ConfigError(
            "a period of the SKU map ends before it begins", where=name,
            got=", ".join((frame["sku"] + " " + frame["division"])[turned].str.strip().head(5)),
        )  # fmt: skip
    dated = (frame["start"] > _ALWAYS[0]) | (frame["end"] < _ALWAYS[1])
    frame.insert(0, "fold", fold(frame["sku"]))
    coded = frame["fold"] != ""
    always = frame.loc[coded & ~dated, ["fold", "sku", "division"]]
    torn = always.drop_duplicates(["fold", "division"])["fold"].duplicated(keep=False)
    periods = frame[coded & dated].drop_duplicates(["fold", "division", "start", "end"])
    periods = periods.sort_values(["fold", "start", "end"]).reset_index(drop=True)
    before = periods.groupby("fold")["end"].cummax().groupby(periods["fold"]).shift()
    overlap = before > periods["start"]
    if torn.any() or overlap.any():
        codes = [*always.drop_duplicates(["fold", "division"])["sku"][torn], *periods["sku"][overlap]]
        raise ConfigError(
            "the SKU map gives one code several divisions", where=name, got=", ".join(codes[:5]),
            allowed="one division for a code at a time; valid_from and valid_to say from when to when a row holds",
        )  # fmt: skip
    divisions = frame.loc[~coded & dated, ["division", "start", "end"]]
    return SkuMap(
        always.drop_duplicates("fold").sort_values("fold").reset_index(drop=True), periods,
        divisions.drop_duplicates("division").reset_index(drop=True),
    )  # fmt: skip


def _days(texts: pd.Series[str], name: str) -> pd.Series[float]:
    given = texts.astype(str).str.strip()
    when = pd.to_datetime(given.where(given != ""), errors="coerce", format="ISO8601")
    wrong = (given != "") & when.isna()
    if wrong.any():
        raise ConfigError(
            "a date of the SKU map cannot be read", where=f"{name}, column {texts.name}",
            got=", ".join(given[wrong].unique()[:5]), allowed="dates such as 2024-06-30",
        )  # fmt: skip
    days: pd.Series[float] = (when - pd.Timestamp("1970-01-01")).dt.days.astype(float)
    return days
