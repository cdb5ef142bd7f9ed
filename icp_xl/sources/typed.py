"""Columns of raw cells to typed columns. What cannot be read becomes missing, and is reported cell by cell.

Texts repeat much within a column, so each distinct one is parsed once.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa

from icp_xl.sources.cells import RawColumn, cell_text, distinct, is_finite
from icp_xl.sources.cldr import months_of
from icp_xl.sources.dates import Day, Order, as_day, from_serial, month_words, parts_of, read_date
from icp_xl.sources.fields import Kind
from icp_xl.sources.file_evidence import Evidence
from icp_xl.sources.numbers import Decimals, is_ledger, is_missing, marks_of, parse_number, take_apart

#: What pandas itself makes of a column of texts, so that our frames join with everyone else's without a cast.
TEXT_DTYPE: Any = pd.Series([""]).dtype

#: Arrow's own pool gives memory back between columns, and the system then fetches each page of the next one anew.
_POOL = pa.system_memory_pool()

_TRUE = frozenset("yes y true t 1 x on active ja oui si sí wahr vrai verdadero ✓ ✔ enabled subscribed current".split())
_FALSE = frozenset(
    "no n false f 0 off inactive nein non falsch faux falso ✗ ✘ disabled expired lapsed cancelled".split()
)


@dataclass
class Typed:
    """A typed column, the positions of cells that could not be read, and remarks about the column as a whole.

    ``doubts`` are pairs of what can be read in two ways, and the setting that decides it; a caller who reads on in
    spite of them reads wrong half of the time.
    """

    values: pd.Series[Any]
    unreadable: list[tuple[int, str]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    doubts: list[tuple[str, str]] = field(default_factory=list)


def type_column(
    raw: RawColumn,
    kind: Kind,
    *,
    dates: Order | Literal["auto"] = "auto",
    decimals: Decimals | Literal["auto"] = "auto",
    date1904: bool = False,
    header: str = "",
    evidence: Evidence | None = None,
) -> Typed:
    """``raw`` as a column of ``kind``; one value per cell, in order.

    Args:
        raw: the cells.
        kind: what they are wanted as.
        dates: whether the day or the month comes first, where the settings say it.
        decimals: the decimal mark, where the settings say it.
        date1904: whether serial numbers count from 1904.
        header: the column's header, as remarks name it.
        evidence: what stands beside the column, for what it does not tell by itself.
    """
    if kind in ("number", "year"):
        return _numbers(raw, decimals, header, evidence)
    if kind == "date":
        return _dates(raw, dates, date1904, evidence)
    if kind == "flag":
        return _flags(raw)
    return _ids(raw) if kind == "id" else _texts(raw)


def missing_column(kind: Kind, rows: int) -> pd.Series[Any]:
    """A column of ``kind`` in which nothing is known."""
    if kind in ("number", "year"):
        return pd.Series(np.full(rows, np.nan))
    if kind == "date":
        return pd.Series(np.full(rows, np.datetime64("NaT"), dtype="datetime64[us]"))
    if kind == "flag":
        return pd.Series(pd.array([None], dtype="boolean").take(np.zeros(rows, dtype=np.intp)))
    return pd.Series(pd.array(_nothing(rows), dtype=TEXT_DTYPE))


@lru_cache(maxsize=1)
def _nothing(rows: int) -> pa.Array:
    """One array serves every text that a table lacks: nothing is ever written into it, only put in its place."""
    return pa.nulls(rows, pa.large_string(), _POOL)


def _map(raw: RawColumn, convert: Callable[[Any], Any]) -> tuple[RawColumn, list[Any], list[Any]]:
    codes, cells = distinct(raw)
    return codes, cells, [convert(cell) for cell in cells]


#: Excel keeps fifteen digits of a number.
EXACT = 1e15


def _texts(raw: RawColumn) -> Typed:
    if raw.dtype.kind == "M":
        raw = raw.astype(object)
    if raw.dtype.kind == "f":
        codes, numbers = pd.factorize(raw)  # a blank has the code -1, which takes the last
        whole = bool((numbers == np.floor(numbers)).all() and (np.abs(numbers) < EXACT).all())
        texts: list[str | None] = (
            [*map(str, numbers.astype(np.int64).tolist())] if whole else [*map(cell_text, numbers.tolist())]
        )
    else:
        codes, cells = distinct(raw)
        texts = [*map(cell_text, cells)]
    by_code = pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), pa.array(texts, pa.large_string()))
    return Typed(pd.Series(pd.array(by_code.cast(pa.large_string(), memory_pool=_POOL), dtype=TEXT_DTYPE)))


SHORTENED = re.compile(r"^\d(?:[.,]\d+)?[eE]\+?\d{2,}$")


def _ids(raw: RawColumn) -> Typed:
    """Ids as texts, exactly as written; those that a spreadsheet has rounded are missing, for they are nobody's."""
    rounded = "a number of more than 15 digits, which a spreadsheet has rounded"
    if raw.dtype.kind == "f":
        lost = np.flatnonzero(np.abs(raw) >= EXACT)
        typed = _texts(raw)
        if len(lost):
            typed.values = typed.values.mask(pd.Series(np.abs(raw) >= EXACT), None)
            typed.unreadable += [(int(at), rounded) for at in lost]
        return _with_lost(typed, [f"{raw[at]:.5E}" for at in lost[:1]], len(lost))
    typed = _texts(raw)
    if raw.dtype != object:
        return typed
    codes, cells = distinct(raw)
    bad: dict[int, str] = {}
    for at, cell in enumerate(cells):
        if type(cell) is str and SHORTENED.match(cell.strip()):
            bad[at] = f"{cell.strip()} is a number that a spreadsheet has shortened"
        elif isinstance(cell, float) and abs(cell) >= EXACT:
            bad[at] = rounded
    places = _places(codes, bad)
    if places:
        out = np.zeros(len(raw), bool)
        out[[at for at, _ in places]] = True
        typed.values = typed.values.mask(pd.Series(out), None)
        typed.unreadable += places
    return _with_lost(typed, [str(cells[at]).strip() for at in list(bad)[:1]], len(places))


def _with_lost(typed: Typed, sample: list[str], count: int) -> Typed:
    if count:
        typed.remarks.append(
            f"holds numbers of more than 15 digits that a spreadsheet has shortened ({sample[0]}, {count:,} "
            f"cell{'s' if count != 1 else ''}): several ids look the same so, and are no keys; rows are matched by "
            "name. Export again with the column as text, or import the CSV with the column set to Text"
        )
    return typed


def _numbers(
    raw: RawColumn, decimals: Decimals | Literal["auto"], header: str = "", evidence: Evidence | None = None
) -> Typed:
    if raw.dtype.kind == "f":
        finite = np.where(np.isfinite(raw), raw, np.nan)
        return Typed(pd.Series(finite, dtype="float64"))
    if raw.dtype.kind == "M":
        raw = raw.astype(object)
    remarks: list[str] = []
    doubts: list[tuple[str, str]] = []
    codes, cells = distinct(raw)
    texts = [cell for cell in cells if type(cell) is str]
    mark: Decimals = "point" if decimals == "auto" else decimals
    if decimals == "auto" and texts:
        mark = _decide_mark(texts, header, evidence, remarks, doubts)
    ledger = is_ledger(texts)
    found = np.empty(len(cells) or 1, dtype=np.float64)
    bad: dict[int, str] = {}
    for at, cell in enumerate(cells):
        value, problem = _number(cell, mark, ledger)
        found[at] = value
        if problem:
            bad[at] = problem
    percents = [text for text in texts if "%" in text and take_apart(text) is not None]
    if percents and len(percents) < len(cells):
        plain = [text for text in texts if "%" not in text and abs(parse_number(text, mark) or 0) > 1]
        plain += [str(cell) for cell in cells if isinstance(cell, int | float) and abs(cell) > 1]
        if plain:
            remarks.append(
                f"mixes percentages ({percents[0].strip()}) and plain numbers above 1 ({plain[0]}); "
                "each is read as it stands, so that 10% is 0.1 and 10 is 10"
            )
    return Typed(pd.Series(found[codes], dtype="float64"), _places(codes, bad), remarks, doubts)


def _decide_mark(
    texts: list[str],
    header: str,
    evidence: Evidence | None,
    remarks: list[str],
    doubts: list[tuple[str, str]],
) -> Decimals:
    """The decimal mark of a column of texts, with what is to be said of it."""
    marks = marks_of(texts)
    decided = marks.decided()
    if marks.point and marks.comma:
        mark: Decimals = "comma" if marks.comma > marks.point else "point"
        remarks.append(
            f"mixes decimal points ({marks.point:,}) and decimal commas ({marks.comma:,}); the {marks.unsure:,} texts "
            f"that can be read either way, such as 1.234 or 1,234, are read with a decimal {mark}"
        )
        return mark
    if decided is not None:
        if decided == "comma":
            remarks.append("texts are read with a decimal comma")
        return decided
    if not marks.unsure:
        return "point"
    sample = next(text for text in texts if marks_of([text]).unsure)
    if evidence is not None:
        verdict = evidence.decimals(header, texts)
        if verdict.choice is not None:
            mark = "comma" if verdict.choice == "comma" else "point"
            grouped = (mark == "comma") == bool(marks.unsure_point)
            remarks.append(
                f"{sample.strip()} is read as {'thousands' if grouped else 'a number with three decimals'}, "
                f"because {verdict.reason}"
            )
            return mark
        doubts.append((f"{sample.strip()} may be thousands, or a number with three decimals", "decimals"))
        return "point"
    if marks.unsure_point:
        remarks.append("texts such as 1.234 are ambiguous; the point is taken for the decimal mark")
    return "point"


def _number(cell: object, mark: Decimals, ledger: bool = True) -> tuple[float, str]:
    if cell is None:
        return math.nan, ""
    if isinstance(cell, bool):
        return float(cell), ""
    if isinstance(cell, int | float):
        return (float(cell), "") if is_finite(cell) else (math.nan, "not a number")
    if isinstance(cell, str):
        if is_missing(cell):
            # An error of the spreadsheet is no blank: something stood there.
            return math.nan, f"{cell.strip()} instead of a number" if _is_error(cell) else ""
        value = parse_number(cell, mark, ledger=ledger)
        return (math.nan, "not a number") if value is None else (value, "")
    return math.nan, "a date where a number is wanted" if isinstance(cell, date) else "not a number"


def _is_error(text: str) -> bool:
    """Whether a text is an error of a spreadsheet's formula; ``#N/A`` says that there is nothing."""
    text = text.strip()
    return text.startswith("#") and text.endswith(("!", "?")) and len(text) > 4


def _dates(raw: RawColumn, dates: Order | Literal["auto"], date1904: bool, evidence: Evidence | None = None) -> Typed:
    if raw.dtype.kind == "M":
        days = pd.Series(raw.astype("datetime64[us]")).dt.normalize()
        return Typed(days.where(days.dt.year.between(1900, 2200)))
    if raw.dtype.kind == "f":
        raw = raw.astype(object)
        raw[pd.isna(raw)] = None
    remarks: list[str] = []
    doubts: list[tuple[str, str]] = []
    codes, cells = distinct(raw)
    texts = [cell for cell in cells if type(cell) is str and not is_missing(cell)]
    order = _decide_order(raw, cells, texts, evidence, remarks, doubts) if dates == "auto" else dates
    words = month_words(texts)
    months, unclear = months_of(words) if words else ({}, ())
    if unclear:
        doubts.append((f"{', '.join(unclear)} is one month in one language and another in another", "dates"))
    found = np.empty(len(cells) or 1, dtype="datetime64[us]")
    bad: dict[int, str] = {}
    coarse: dict[str, int] = {}
    count = np.bincount(codes, minlength=len(cells)) if len(codes) else np.zeros(len(cells), int)
    for at, cell in enumerate(cells):
        told = _date(cell, order, months, date1904)
        found[at] = np.datetime64("NaT") if told is None else told.day
        if told is None:
            if not (cell is None or (isinstance(cell, str) and is_missing(cell) and not _is_error(cell))):
                bad[at] = (
                    "not a date" if not (isinstance(cell, str) and _is_error(cell)) else f"{cell} instead of a date"
                )
        elif told.precision != "day":
            coarse[told.precision] = coarse.get(told.precision, 0) + int(count[at])
    remarks += [
        f"holds {precision}s without days ({number:,} cell{'s' if number != 1 else ''}); each is taken for the first "
        f"day of its {precision}"
        for precision, number in coarse.items()
    ]
    if dates == "auto":
        _swap_back(cells, order, found, count, remarks)
    return Typed(pd.Series(found[codes]), _places(codes, bad), remarks, doubts)


def _decide_order(
    raw: RawColumn,
    cells: list[Any],
    texts: list[str],
    evidence: Evidence | None,
    remarks: list[str],
    doubts: list[tuple[str, str]],
) -> Order:
    """Whether the day or the month comes first in a column's texts, with what is to be said of it."""
    parts = parts_of(texts)
    if parts.year_first():
        remarks.append("dates are read year first, because the first numbers are no days")
        return "year first"
    if parts.maybe_year_first():
        doubts.append(("the first of three numbers may be the year, or the day", "dates"))
    decided = parts.decided()
    if decided is not None:
        if decided == "day first":
            remarks.append("dates as text are read day first, because some have no such month")
        return decided
    if not parts.either:
        return "month first"
    verdict = evidence.order(raw, parts) if evidence is not None else None
    if parts.mixed:
        order: Order = "day first" if parts.day > parts.month else "month first"
        if parts.day == parts.month and verdict is not None and verdict.choice is not None:
            order = "day first" if verdict.choice == "day first" else "month first"
        whole = sum(type(cell) is str for cell in raw)
        either = sum(type(cell) is str and bool(parts_of([cell]).either) for cell in raw)
        remarks.append(
            f"mixes dates with the day first and with the month first; {either:,} of {whole:,} can be read either way "
            f"and are read {order}"
        )
        return order
    if verdict is None:
        order = "day first" if parts.dots * 2 > parts.either else "month first"
        remarks.append(f"every date as text is ambiguous; they are read {order}")
        return order
    if verdict.choice is None:
        sample = next(text for text in texts if parts_of([text]).either)
        doubts.append((f"{sample} may have the day or the month first, and nothing in the file tells", "dates"))
        return "month first"
    remarks.append(f"dates are read {verdict.choice}, because {verdict.reason}")
    return "day first" if verdict.choice == "day first" else "month first"


def _swap_back(cells: list[Any], order: Order, found: Any, count: Any, remarks: list[str]) -> None:
    """Real dates beside texts that Excel could not read: it has exchanged the day and the month of those it could."""
    real = [at for at, cell in enumerate(cells) if isinstance(cell, date)]
    parts = parts_of([cell for cell in cells if type(cell) is str])
    texts = parts.day + parts.month
    if not real or not texts or parts.mixed or parts.either or any(cells[at].day > 12 for at in real):
        return
    rows = int(sum(count[at] for at in real))
    whole = int(sum(number for number, cell in zip(count, cells, strict=True) if cell is not None))
    told = f"{rows:,} of {whole:,} are real dates beside texts that are {order}, and none has a day after the 12th"
    # Chance makes a day so early in 12 of 30 cases, and a text's day so late in 18.
    chance = 0.4 ** len(real) * 0.6**texts
    if chance < 0.02 and texts >= 2:
        for at in real:
            found[at] = np.datetime64(datetime(cells[at].year, cells[at].day, cells[at].month))
        remarks.append(f"{told}: day and month were exchanged when a spreadsheet read them, and are put right")
    else:
        remarks.append(
            f"{told}: day and month were probably exchanged when a spreadsheet read them; look at these dates"
        )


def _date(cell: object, order: Order, months: dict[str, int], date1904: bool) -> Day | None:
    day: datetime | None = None
    if isinstance(cell, bool) or cell is None:
        return None
    if isinstance(cell, str):
        return None if is_missing(cell) else read_date(cell, order, months, date1904=date1904)
    if isinstance(cell, np.datetime64):
        cell = None if np.isnat(cell) else cell.astype("datetime64[us]").item()
    if isinstance(cell, date):
        day = as_day(cell)
    elif isinstance(cell, int | float) and is_finite(cell):
        day = from_serial(float(cell), date1904=date1904)
        if day is None and cell == int(cell):
            return read_date(str(int(cell)))  # 202401, a month
    return None if day is None else Day(day)


def _flags(raw: RawColumn) -> Typed:
    if raw.dtype != object:
        raw = raw.astype(object)
        raw[pd.isna(raw)] = None
    codes, cells, _ = _map(raw, str)
    found: list[bool | None] = []
    bad: dict[int, str] = {}
    for at, cell in enumerate(cells):
        value, known = _flag(cell)
        found.append(value)
        if not known:
            bad[at] = "neither yes nor no"
    values = pd.Series(pd.array(found or [None], dtype="boolean").take(codes))
    return Typed(values, _places(codes, bad))


def _flag(cell: object) -> tuple[bool | None, bool]:
    if cell is None:
        return None, True
    if isinstance(cell, bool):
        return cell, True
    text = cell_text(cell)
    if text is None:
        return None, True
    word = text.lower()
    if word in _TRUE:
        return True, True
    if word in _FALSE or word.startswith(("not ", "no ")):
        return False, True
    return None, False


def _places(codes: RawColumn, bad: dict[int, str]) -> list[tuple[int, str]]:
    if not bad:
        return []
    at = np.flatnonzero(np.isin(codes, list(bad)))
    return [(int(place), bad[int(codes[place])]) for place in at]
