"""Which rows of a sheet are no data: blank ones, totals, repeated headers, unit rows, notes."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

from icp_xl.sources.cells import RawColumn, cell_text, distinct, is_blank
from icp_xl.sources.dates import parse_date
from icp_xl.sources.fields import SourceSpec
from icp_xl.sources.numbers import parse_number

Mask = np.ndarray[Any, np.dtype[np.bool_]]

BLANK, SUBTOTAL, TOTAL = "blank row", "subtotal", "total"
REPEATED, UNITS, NOTE = "repeated header", "units below the header", "note"
NO_ACCOUNT, FRAGMENT = "no account id and no account name", "no date and no amount"

_TOTAL = re.compile(
    r"(?i)^(?:(?:grand|report|overall|running|column|final|year|annual)[ -]?totals?\b.*"
    r"|totals?(?:\s*(?:[:(=#\d].*|for\b.*|of\b.*|by\b.*|rows?\b.*|revenue|sales|amount|gp|gross profit|customers"
    r"|accounts|lines))?|sum|sums?:.*|total g[eé]n[eé]ral|gesamt(?:summe)?:?|insgesamt|summe:?|endsumme|totale|totaal"
    r"|suma|σύνολο|итого|合計|总计|합계)$"
)
_SUBTOTAL = re.compile(
    r"(?i)^(?:sub[ -]?totals?\b.*|zwischensumme.*|sous[ -]total.*|.+\s(?:sub)?totals?:?|.+\s(?:summe|gesamt):?|小計.*)$"
)
_NOTE = re.compile(
    r"(?i)^(?:\*|†|source\b|notes?\b|printed\b|generated\b|exported\b|report (?:date|run|created)|run (?:date|on)"
    r"|page \d|confidential|end of|prepared by|created (?:on|by)|as of\b|disclaimer|data as|last (?:updated|refreshed))"
)
_UNITS = re.compile(
    r"(?i)^[(\[]?\s*(?:in\s)?(?:usd|eur|gbp|us\$|\$|€|£|%|#|k|m|\$k|\$m|k\$|m\$|000s?|'000|thousands?|millions?|pcs"
    r"|pieces|units?|ea|each|number|numeric|count|text|string|date|datetime|yyyy.*|[dm]{1,2}[-/.].*|y/n|yes/no"
    r"|true/false|currency|local currency|integer|decimal)\s*[)\]]?$"
)

Distinct = tuple[RawColumn, list[Any]]


def classify(
    columns: Mapping[str, RawColumn],
    headers: Mapping[str, Collection[str]],
    spec: SourceSpec,
    rows: int,
    elsewhere: Collection[str] = (),
) -> tuple[Mask, RawColumn]:
    """Which rows to keep, and why each other one is dropped.

    Args:
        columns: raw columns by field name.
        headers: the texts of each field's header, for rows that repeat it.
        spec: the source.
        rows: number of rows.
        elsewhere: fields that are computed or looked up, and therefore count as present in every row.
    """
    reason = np.full(rows, "", dtype=object)
    if not columns:
        return np.ones(rows, bool), reason
    blank = {name: is_blank(raw) for name, raw in columns.items()}
    known = {name: distinct(raw) for name, raw in columns.items() if raw.dtype == object}
    filled = rows_filled(blank, rows)
    reason[filled == 0] = BLANK
    _mark(reason, REPEATED, _repeats(known, headers, filled))
    if rows and not reason[0] and _is_units({name: raw[0] for name, raw in columns.items()}, spec):
        reason[0] = UNITS
    _mark_totals(reason, known, blank, spec)
    _mark_notes(reason, columns, filled)
    _mark_without_key(reason, blank, spec, elsewhere)
    return np.asarray(reason == ""), reason


def rows_filled(blank: Mapping[str, Mask], rows: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """How many of the columns hold something, per row."""
    count = np.zeros(rows, dtype=np.int64)
    for mask in blank.values():
        count += ~mask
    return count


def _mark(reason: RawColumn, text: str, mask: Mask) -> None:
    reason[mask & (reason == "")] = text


def _told(column: Distinct, test: Callable[[str], bool]) -> Mask:
    """Which cells of a column are texts that pass ``test``; each distinct text is tested once."""
    codes, cells = column
    passed = np.fromiter((type(cell) is str and test(cell) for cell in cells), bool, len(cells))
    return np.asarray(passed[codes]) if passed.any() else np.zeros(len(codes), bool)


def _repeats(known: Mapping[str, Distinct], headers: Mapping[str, Collection[str]], filled: Any) -> Mask:
    """Rows of which at least two cells, and more than half, say what their column's header says."""
    same = np.zeros(len(filled), dtype=np.int64)
    for name, column in known.items():
        plain = {text.strip().casefold() for text in headers.get(name, ()) if text}
        if plain:
            same += _told(column, lambda cell, plain=plain: cell.strip().casefold() in plain)  # type: ignore[misc]
    return np.asarray((same >= 2) & (same * 2 > filled))


def _is_units(cells: Mapping[str, Any], spec: SourceSpec) -> bool:
    """Whether the first row below the header only explains it: ``(USD)``, ``yyyy-mm-dd``, ``text``."""
    texts = {name: cell_text(cell) for name, cell in cells.items() if isinstance(cell, str)}
    wrong = 0
    for name, text in texts.items():
        item = spec.field(name)
        if text is None or item is None:
            continue
        if item.kind == "number":
            if parse_number(text) is not None:
                return False
            wrong += 1
        elif item.kind == "date":
            if parse_date(text) is not None:
                return False
            wrong += 1
    units = [text for text in texts.values() if text and _UNITS.match(text)]
    figures = any(
        isinstance(cell, int | float) and cell == cell and not isinstance(cell, bool) for cell in cells.values()
    )
    return not figures and len(units) >= 1 and (wrong >= 1 or len(units) >= 2)


def _mark_totals(reason: RawColumn, known: Mapping[str, Distinct], blank: Mapping[str, Mask], spec: SourceSpec) -> None:
    """A row is a total when a cell says so and the row names no day and nothing else beside figures."""
    rows = len(reason)
    kind_of = {TOTAL: np.zeros(rows, bool), SUBTOTAL: np.zeros(rows, bool)}
    others = np.zeros(rows, dtype=np.int64)
    no_day = np.ones(rows, bool)
    dated = False
    for name, empty in blank.items():
        item = spec.field(name)
        says = np.zeros(rows, bool)
        if name in known:
            for kind, mask in kind_of.items():
                found = _told(known[name], lambda cell, kind=kind: _total_kind(cell) == kind)  # type: ignore[misc]
                mask |= found
                says |= found
        if item is None or item.kind != "number":
            others += ~empty & ~says
        if item is not None and item.kind == "date":
            dated = True
            no_day &= empty | says
    # A log's total often stands beside the name of what it is the total of; a list of accounts has no such thing.
    few = others <= (1 if dated else 0)
    for kind, mask in kind_of.items():
        _mark(reason, kind, mask & few & no_day)


def _total_kind(text: str) -> str:
    text = " ".join(text.split())
    if len(text) > 120:
        return ""
    if _TOTAL.match(text):
        return TOTAL
    return SUBTOTAL if _SUBTOTAL.match(text) else ""


def _mark_notes(reason: RawColumn, columns: Mapping[str, RawColumn], filled: Any) -> None:
    """A row with one cell only, which reads like a remark."""
    alone = np.flatnonzero((filled == 1) & (reason == ""))
    for at in alone:
        for raw in columns.values():
            cell = raw[at]
            if isinstance(cell, str) and cell.strip() and (_NOTE.match(cell.strip()) or len(cell) > 150):
                reason[at] = NOTE


def _mark_without_key(
    reason: RawColumn, blank: Mapping[str, Mask], spec: SourceSpec, elsewhere: Collection[str]
) -> None:
    """Rows that no account can be told for; in the sales log only where there is no figure or no day either."""

    def lacks(*names: str) -> Mask:
        mask = np.full(len(reason), not any(name in elsewhere for name in names))
        for name in names:
            if name in blank:
                mask &= blank[name]
        return mask

    account = lacks("account_id", "account_name")
    if spec.name == "sales":
        date, amount = lacks("date"), lacks("revenue", "quantity")
        _mark(reason, FRAGMENT, (date & amount) | (account & (date | amount)))
    else:
        _mark(reason, NO_ACCOUNT, account)
