"""What a table said when: every export filed as of its day, row by row, so that nothing is kept twice.

A row that stays as it is costs nothing however often the table is filed: each different row is kept once, with the
first and the last day of every run of filings that held it (a slowly changing dimension without keys of its own).
Filings may come in any order; one of a day that is filed already takes its place.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

#: Columns that the history adds to those of the table: days since 1970, both inclusive.
FIRST, LAST, ROW = "filed_first", "filed_last", "row_hash"
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class TableHistory:
    """All filings of one table. ``rows``: its columns, ``row_hash``, ``filed_first``, ``filed_last``.

    ``filings``: day (since 1970) of each filing to the digest of what was filed, ascending.
    """

    rows: pd.DataFrame = field(default_factory=pd.DataFrame)
    filings: Mapping[int, str] = field(default_factory=dict)

    def as_of(self, day: date) -> pd.DataFrame | None:
        """The table as the last filing by ``day`` had it, or ``None`` where there is none."""
        at = self.filed_by(day)
        return None if at is None else self._held(at)

    def first(self) -> pd.DataFrame | None:
        """The table as the first of all filings had it, or ``None`` where there is none."""
        return self._held(min(self.filings)) if self.filings else None

    def filed_by(self, day: date) -> int | None:
        """Day since 1970 of the last filing by ``day``."""
        return max((each for each in self.filings if each <= (day - _EPOCH).days), default=None)

    def add(self, frame: pd.DataFrame, day: date) -> TableHistory:
        """The history with ``frame`` filed as of ``day``; nothing changes where the same was filed as of it."""
        at, hashed = (day - _EPOCH).days, _hashed(frame)
        digest = hashlib.sha256("".join(sorted(hashed[ROW])).encode()).hexdigest()
        if self.filings.get(at) == digest:
            return self
        base = self.without(at)
        days = sorted(base.filings)
        before = max((each for each in days if each < at), default=None)
        after = min((each for each in days if each > at), default=None)
        old = base.rows if len(base.rows) else pd.DataFrame(columns=[*hashed.columns, FIRST, LAST])
        here = set(hashed[ROW])
        spans: list[dict[str, Any]] = [
            {ROW: name, FIRST: first, LAST: last}
            for name, first, last in zip(old[ROW], old[FIRST], old[LAST], strict=True)
        ]
        found: list[dict[str, Any]] = []
        open_ends: dict[str, dict[str, Any]] = {}
        for span in spans:
            held = span[ROW] in here
            around = before is not None and after is not None and span[FIRST] <= before and span[LAST] >= after
            if around and not held:
                found += [span | {LAST: before}, span | {FIRST: after}]
                continue
            if held and around:
                here.discard(span[ROW])
            elif held and (span[LAST] == before or span[FIRST] == after):
                joined = open_ends.setdefault(span[ROW], {ROW: span[ROW], FIRST: at, LAST: at})
                joined[FIRST], joined[LAST] = min(joined[FIRST], span[FIRST]), max(joined[LAST], span[LAST])
                continue
            found.append(span)
        found += [open_ends.get(name, {ROW: name, FIRST: at, LAST: at}) for name in sorted(here)]
        contents = pd.concat([old.drop(columns=[FIRST, LAST]), hashed], ignore_index=True) if len(old) else hashed
        table = pd.DataFrame(found, columns=[ROW, FIRST, LAST]).astype({FIRST: "int64", LAST: "int64"})
        rows = table.merge(contents.drop_duplicates(ROW), on=ROW, how="left", validate="many_to_one")
        rows = rows.sort_values([ROW, FIRST], kind="stable", ignore_index=True)
        return TableHistory(rows, dict(sorted({**base.filings, at: digest}.items())))

    def without(self, at: int) -> TableHistory:
        """The history without the filing of one day."""
        if at not in self.filings:
            return self
        days = sorted(each for each in self.filings if each != at)
        found = []
        for span in self.rows.to_dict("records"):
            held = [each for each in days if span[FIRST] <= each <= span[LAST]]
            if held:
                found.append(span | {FIRST: held[0], LAST: held[-1]})
        rows = pd.DataFrame(found, columns=self.rows.columns)
        return TableHistory(rows, {day: self.filings[day] for day in days})

    def changes(self, key: str, name: str) -> pd.DataFrame:
        """When the field ``name`` changed: the ``key`` and the day of the first filing that had another value."""
        frame = self.rows[[key, name, FIRST]].drop_duplicates().sort_values([key, FIRST], kind="stable")
        before = frame.groupby(key, sort=False)[name].shift()
        first = ~frame.duplicated(key)
        moved = ~first & (frame[name].astype(object).fillna("") != before.astype(object).fillna(""))
        return frame.loc[moved, [key, FIRST]].rename(columns={FIRST: "day"}).reset_index(drop=True)

    def _held(self, at: int) -> pd.DataFrame:
        rows = self.rows[(self.rows[FIRST] <= at) & (self.rows[LAST] >= at)]
        return rows.drop(columns=[FIRST, LAST, ROW, "copy"], errors="ignore").reset_index(drop=True)


def filings_json(history: TableHistory) -> str:
    """Days and digests of the filings as text."""
    return json.dumps({str(day): digest for day, digest in history.filings.items()})


def _hashed(frame: pd.DataFrame) -> pd.DataFrame:
    """``frame`` with the number of each among equal rows, and a hash of its content."""
    texts = [
        [
            "\x00" if empty else _text(value)
            for value, empty in zip(frame[name].tolist(), frame[name].isna(), strict=True)
        ]
        for name in sorted(frame.columns)
    ]
    copy, digests, seen = [], [], dict[str, int]()
    for row in zip(*texts, strict=True):
        joined = "\x1f".join(row)
        copy.append(seen.get(joined, 0))
        seen[joined] = copy[-1] + 1
        digests.append(hashlib.sha256(f"{joined}\x1e{copy[-1]}".encode(errors="surrogatepass")).hexdigest())
    return frame.assign(
        copy=np.array(copy, dtype="int64"), **{ROW: pd.Series(digests, dtype=object, index=frame.index)}
    )


def _text(value: object) -> str:
    return repr(float(value)) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
