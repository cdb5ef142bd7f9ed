"""Which rows of a sheet are no data: blank ones, totals, repeated headers, unit rows, notes."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from icp_xl.sources.cells import RawColumn, cell_text, distinct, is_blank
from icp_xl.sources.dates import month_of, parse_date
from icp_xl.sources.fields import SourceSpec
from icp_xl.sources.numbers import parse_number
from icp_xl.sources.total_words import SUBTOTAL, SUM_KINDS, SUM_WORDS, TOTAL, plain_words, total_kind
from icp_xl.sources.typed import type_column
from icp_xl.sources.units import unit_of_text

Mask = np.ndarray[Any, np.dtype[np.bool_]]

BLANK, CARRIED = "blank row", "balance carried over"
REPEATED, UNITS, NOTE = "repeated header", "units below the header", "note"
NO_ACCOUNT, FRAGMENT = "no account id and no account name", "no date and no amount"

#: How a balance that is carried over is called.
_CARRIED = re.compile(
    r"(?i)^(?:(?:balance |amount |total )?(?:carried|brought) (?:forward|over|down)|[bc]/[fd]|bal(?:ance)? [bc]/[fd]"
    r"|(?:opening|closing|starting|ending|beginning|previous|prior) balance|(?:saldo)?vortrag|[üu]bertrag"
    r"|anfangsbestand|(?:anfangs|end|er[öo]ffnungs|schluss)saldo"
    r"|saldo (?:inicial|final|anterior|iniziale|finale|precedente)"
    r"|solde (?:initial|final|d.ouverture|de cl[ôo]ture|report[ée])|report (?:[àa] nouveau|ant[ée]rieur)|[àa] reporter"
    r"|suma (?:anterior|y sigue)|riporto|a riportare|beginsaldo|eindsaldo"
    r"|(?:ing[åa]ende|utg[åa]ende) (?:saldo|balans)|期首残高|期末残高|前期繰越|次期繰越|期初余额|期末余额)\s*[:.]?$"
)
SECOND_TABLE, HEADING = "second table below", "heading of a group"
_NOTE = re.compile(
    r"(?i)^(?:\*|†|source\b|notes?\b|printed\b|generated\b|exported\b|report (?:date|run|created)|run (?:date|on)"
    r"|page \d|confidential|end of|prepared by|created (?:on|by)|as of\b|disclaimer|data as|last (?:updated"
    r"|refreshed))"
)
_UNITS = re.compile(
    r"(?i)^[(\[]?\s*(?:in\s)?(?:usd|eur|gbp|us\$|\$|€|£|%|#|k|m|\$k|\$m|k\$|m\$|000s?|'000|thousands?|millions?|pcs"
    r"|pieces|units?|ea|each|number|numeric|count|text|string|date|datetime|yyyy.*|[dm]{1,2}[-/.].*|y/n|yes/no"
    r"|true/false|currency|local currency|integer|decimal)\s*[)\]]?$"
)

#: Reports that people lay out are small; a longer sheet is a log, and costs time to look through.
LAID_OUT = 200_000

Distinct = tuple[RawColumn, list[Any]]


@dataclass(frozen=True)
class Rows:
    """Which rows to keep, why each other one is dropped, and the row that each row's account is taken from."""

    keep: Mask
    reason: RawColumn
    account_from: np.ndarray[Any, np.dtype[np.intp]] | None = None
    #: How many kept rows take their account from a row above.
    filled: int = 0
    #: What is left out because of its figures alone.
    remarks: tuple[str, ...] = ()


def classify(
    columns: Mapping[str, RawColumn],
    headers: Mapping[str, Collection[str]],
    spec: SourceSpec,
    rows: int,
    elsewhere: Collection[str] = (),
    *,
    fill: Literal["auto", "always", "never"] = "auto",
    merged: Mask | None = None,
) -> Rows:
    """Which rows to keep, and why each other one is dropped.

    Args:
        columns: raw columns by field name.
        headers: the texts of each field's header, for rows that repeat it.
        spec: the source.
        rows: number of rows.
        elsewhere: fields that are computed or looked up, and therefore count as present in every row.
        fill: whether a blank account stands for the one above it.
        merged: rows whose account is part of a merged cell that begins above them.
    """
    reason = np.full(rows, "", dtype=object)
    if not columns:
        return Rows(np.ones(rows, bool), reason)
    known = {name: distinct(raw) for name, raw in columns.items() if raw.dtype == object}
    blank = {name: _blank(known[name]) if name in known else is_blank(raw) for name, raw in columns.items()}
    filled = rows_filled(blank, rows)
    reason[filled == 0] = BLANK
    _mark(reason, REPEATED, _repeats(known, headers, filled))
    again = _mark_page_titles(reason, columns, blank, spec)
    if rows and not reason[0] and _is_units({name: raw[0] for name, raw in columns.items()}, spec):
        reason[0] = UNITS
    _mark_second_table(reason, columns, spec, filled)
    sums = {name: (codes, [total_kind(cell) if type(cell) is str else "" for cell in cells])
            for name, (codes, cells) in known.items()}  # fmt: skip
    _mark_totals(reason, sums, blank, spec)
    _mark(reason, CARRIED, _carried(known, len(reason)))
    _mark_sums(reason, columns, sums, blank, spec)
    remarks = (*again, *_mark_grand_total(reason, columns, known), *_mark_repeated_sums(reason, columns, known))
    _mark_notes(reason, columns, filled)
    account_from, count = _fill_down(reason, columns, blank, filled, fill, merged)
    if account_from is not None:
        lacking = {name: blank[name] for name in ("account_id", "account_name") if name in blank}
        for name, mask in lacking.items():
            blank[name] = mask[account_from]
    _mark_without_key(reason, blank, spec, elsewhere)
    return Rows(np.asarray(reason == ""), reason, account_from, count, remarks)


def _mark_second_table(reason: RawColumn, columns: Mapping[str, RawColumn], spec: SourceSpec, filled: Any) -> None:
    """Below a blank row, a row of words where days and figures stand above begins a table of its own."""
    typed = [name for name in columns if (item := spec.field(name)) is not None and item.kind in ("date", "number")]
    if len(typed) < 2 or not (reason == BLANK).any():
        return
    # A title of one cell may stand between the blank row and the header of the second table.
    apart = (reason[:-1] != "") | (filled[:-1] == 1)
    after_blank = np.flatnonzero((reason[1:] == "") & apart) + 1
    for at in after_blank:
        cells = {name: columns[name][at] for name in columns}
        if filled[at] < 2 or any(cell is not None and type(cell) is not str for cell in cells.values()):
            continue
        wrong = [name for name in typed if _is_word(cells[name])]
        if len(wrong) >= 2 and not any(cells[name] and not _is_word(cells[name]) for name in typed):
            rest = reason[at - 1 if filled[at - 1] == 1 else at :]
            rest[rest == ""] = SECOND_TABLE
            return


def _is_word(cell: Any) -> bool:
    return bool(type(cell) is str and cell.strip() and parse_number(cell) is None and parse_date(cell) is None)


def _mark_page_titles(
    reason: RawColumn, columns: Mapping[str, RawColumn], blank: Mapping[str, Mask], spec: SourceSpec
) -> list[str]:
    """What a printed page has above the header that it repeats: rows without a day and without a figure."""
    titles: dict[str, None] = {}
    for at in np.flatnonzero(reason == REPEATED):
        for row in range(int(at) - 1, max(int(at) - 6, -1), -1):
            wrong = [
                name
                for name in columns
                if _kind(spec, name) in ("date", "number") and not blank[name][row] and not _is_word(columns[name][row])
            ]
            if wrong or reason[row] not in ("", BLANK):
                break
            _mark(reason, NOTE, np.arange(len(reason)) == row)
            titles.update((text, None) for column in columns.values() if (text := cell_text(column[row])))
    shown = ", ".join(list(titles)[:3])
    return [f"the header stands again below {shown}; the rows there are read as further lines"] if titles else []


def rows_filled(blank: Mapping[str, Mask], rows: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """How many of the columns hold something, per row."""
    count = np.zeros(rows, dtype=np.int64)
    for mask in blank.values():
        count += ~mask
    return count


def _blank(column: Distinct) -> Mask:
    """Which cells of a column hold nothing, or only spaces; each distinct one is looked at once."""
    codes, cells = column
    empty = [cell is None or cell != cell or (type(cell) is str and not cell.strip()) for cell in cells]
    return np.asarray(np.array(empty or [True], dtype=bool)[codes])


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
    if any(isinstance(cell, int | float) and cell == cell and not isinstance(cell, bool) for cell in cells.values()):
        return False
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
    units = [text for text in texts.values() if text and (_UNITS.match(text) or unit_of_text(text))]
    return len(units) >= 1 and (wrong >= 1 or len(units) >= 2)


def _mark_totals(reason: RawColumn, sums: Mapping[str, Distinct], blank: Mapping[str, Mask], spec: SourceSpec) -> None:
    """A row is a total when a cell says so and the row names no day and nothing else beside figures."""
    rows = len(reason)
    kind_of = {TOTAL: np.zeros(rows, bool), SUBTOTAL: np.zeros(rows, bool)}
    others = np.zeros(rows, dtype=np.int64)
    no_day = np.ones(rows, bool)
    as_id = np.zeros(rows, bool)
    dated = False
    for name, empty in blank.items():
        item = spec.field(name)
        says = np.zeros(rows, bool)
        if name in sums:
            for kind, mask in kind_of.items():
                found = _told(sums[name], lambda called, kind=kind: called == kind)  # type: ignore[misc]
                mask |= found
                says |= found
        if item is None or item.kind != "number":
            others += ~empty & ~says
        if name == "account_id":
            as_id = says
        if item is not None and item.kind == "date":
            dated = True
            no_day &= empty | says
    # A log's total often stands beside the name of what it is the total of. In a list of accounts a company may be
    # called so: there the figures decide, or a bare word without any. No account has a word for its id and no name.
    few = others <= (1 if dated else 0)
    if not dated:
        figures = np.zeros(rows, bool)
        for name, empty in blank.items():
            item = spec.field(name)
            figures |= ~empty if item is not None and item.kind == "number" else False
        few &= ~figures | (as_id & (others == 0))
    for kind, mask in kind_of.items():
        _mark(reason, kind, mask & few & no_day)


def _mark_sums(
    reason: RawColumn,
    columns: Mapping[str, RawColumn],
    sums: Mapping[str, Distinct],
    blank: Mapping[str, Mask],
    spec: SourceSpec,
) -> None:
    """Rows that are called a total and are the sum of the rows above, or that hold that sum and nothing else.

    Such a row may have a day, and a company may be called Total: the figures decide.
    """
    name = next((item.name for item in spec.fields if item.kind == "number" and item.name in columns), None)
    money = "revenue" if "revenue" in columns else "annual_revenue" if "annual_revenue" in columns else name
    if money is None or not len(reason):
        return
    says = np.zeros(len(reason), bool)
    for column in sums.values():
        says |= _told(column, bool)
    others = rows_filled({key: mask for key, mask in blank.items() if _kind(spec, key) != "number"}, len(reason))
    candidates = np.flatnonzero((reason == "") & ~blank[money] & (says | (others == 0)))
    if not len(candidates) or len(candidates) > max(100, len(reason) // 2):
        return
    amounts = type_column(columns[money], "number").values.to_numpy()
    counted = np.where((reason == "") & ~np.isnan(amounts), amounts, 0.0)
    start = 0
    for at in map(int, candidates):
        cells = [raw[at] for key, raw in columns.items() if key in sums]
        told = [cell for cell in cells if isinstance(cell, str) and total_kind(cell)]
        block = int((counted[start:at] != 0).sum())
        totals = (counted[start:at].sum(), counted[:at].sum(), counted.sum() - counted[at])
        equal = any(total and abs(total - amounts[at]) <= max(0.011, 1e-9 * abs(total)) for total in totals)
        if equal and (block >= 2 or not told or any(_names_part(text, columns, start, at) for text in told)):
            reason[at] = TOTAL if not told or total_kind(told[0]) == TOTAL else SUBTOTAL
            counted[at], start = 0.0, at + 1


def _carried(known: Mapping[str, Distinct], rows: int) -> Mask:
    """Rows that carry a balance over from another page or period, with or without a day."""
    found = np.zeros(rows, bool)
    for name in ("account_name", "account_id", "date"):
        if name in known:
            found |= _told(known[name], lambda cell: bool(_CARRIED.match(cell.strip())))
    return found


def _mark_grand_total(
    reason: RawColumn, columns: Mapping[str, RawColumn], known: Mapping[str, Distinct]
) -> tuple[str, ...]:
    """A first or last line that is the sum of all others to the cent, under a name that no other line has (*Overall*).

    Four others of two accounts at the least, so that it is no chance.
    """
    name = next((name for name in ("account_name", "account_id") if name in known), None)
    if name is None or "revenue" not in columns:
        return ()
    amounts = type_column(columns["revenue"], "number").values.to_numpy()
    rows = np.flatnonzero((reason == "") & ~np.isnan(amounts) & (amounts != 0.0))
    codes, cells = known[name]
    if len(rows) < 5:
        return ()
    for at in (rows[-1], rows[0]):
        others = rows[rows != at]
        accounts = codes[others]
        whole = float(amounts[others].sum())
        if codes[at] in accounts or len(np.unique(accounts)) < 2 or not whole:
            continue
        if abs(whole - amounts[at]) <= 0.005 + 1e-9 * abs(whole):
            reason[at] = TOTAL
            called = cell_text(cells[codes[at]]) or "without a name"
            end = "last" if at == rows[-1] else "first"
            return (f"the {end} line ({called}, {amounts[at]:,.2f}) is the sum of the {len(others):,} others; it is "
                    "left out as a total",)  # fmt: skip
    return ()


def _mark_repeated_sums(
    reason: RawColumn, columns: Mapping[str, RawColumn], known: Mapping[str, Distinct]
) -> tuple[str, ...]:
    """Totals that are called by no word for one: an account of which every line is the sum of the lines since its last
    (*All customers*, month by month), or a last line of each account's block that is the sum of the others.

    Three such sums to the cent and none that fails are no chance.
    """
    if "revenue" not in columns or "account_name" not in known or not 9 <= len(reason) <= LAID_OUT:
        return ()
    rows = np.flatnonzero(reason == "")
    amounts = type_column(columns["revenue"], "number").values.to_numpy()[rows]
    names = known["account_name"][0][rows]
    if len(rows) < 9:
        return ()
    values = np.where(np.isnan(amounts), 0.0, amounts)
    before = np.concatenate([[0.0], np.cumsum(values)])

    def is_sum(total: Any, of: Any) -> Mask:
        return np.asarray((np.abs(total) > 0.005) & (np.abs(total - of) <= 0.011 + 1e-9 * np.abs(of)))

    # The line before of the same account, and what stands between the two.
    order = np.lexsort((np.arange(len(rows)), names))
    last = np.full(len(rows), -1)
    same = names[order][1:] == names[order][:-1]
    last[order[1:][same]] = order[:-1][same]
    between = np.arange(len(rows)) - last - 1
    sums = is_sum(values, before[:-1] - before[last + 1]) & (between >= 1)
    for name in np.unique(names[sums & (between >= 2)]):
        own = names == name
        if own.sum() >= 3 and sums[own].all() and (between[own] >= 2).sum() >= 3:
            reason[rows[own]] = TOTAL
            called = cell_text(known["account_name"][1][name]) or "no name"
            return (f"each of the {own.sum():,} lines of {called} ({values[own].sum():,.2f}) is the sum of the lines "
                    "since its last one; they are left out as totals",)  # fmt: skip
    starts = np.flatnonzero(np.concatenate([[True], names[1:] != names[:-1]]))
    ends = np.concatenate([starts[1:], [len(rows)]])
    length = ends - starts
    closed = is_sum(values[ends - 1], before[ends - 1] - before[starts]) & (length >= 2)
    if (length >= 3).sum() >= 3 and closed[length >= 3].all() and len(np.unique(names)) == len(starts):
        last_lines = ends[closed & ((length >= 3) | closed[length == 2].all())] - 1
        reason[rows[last_lines]] = SUBTOTAL
        return (f"the last line of {len(last_lines):,} accounts ({values[last_lines].sum():,.2f}) is the sum of their "
                "others; these are left out as totals",)  # fmt: skip
    return ()


def _kind(spec: SourceSpec, name: str) -> str:
    item = spec.field(name)
    return "" if item is None else item.kind


def _names_part(text: str, columns: Mapping[str, RawColumn], start: int, at: int) -> bool:
    """Whether a total is called by nothing, a month or a year, or something that stands in the rows that it sums."""
    rest = [word for word in plain_words(text) if word not in SUM_WORDS and word not in SUM_KINDS]
    rest = [word for word in rest if word not in ("for", "of", "by", "fur", "pour", "de", "sub", "grand")]
    if not rest or all(word.isdigit() or month_of(word) is not None for word in rest):
        return True
    above = {
        str(raw[row]) for raw in columns.values() for row in range(max(start, at - 200), at) if raw[row] is not None
    }
    plain = {" ".join(plain_words(cell)) for cell in above}
    return " ".join(rest) in plain


def _fill_down(
    reason: RawColumn,
    columns: Mapping[str, RawColumn],
    blank: Mapping[str, Mask],
    filled: Any,
    fill: str,
    merged: Mask | None,
) -> tuple[np.ndarray[Any, np.dtype[np.intp]] | None, int]:
    """For each row the row that names its account, where a blank stands for the account above; else nothing.

    By itself that is so in merged cells, under headings of their own, within one invoice, and where every account is
    named once, on the first of its rows.
    """
    names = [name for name in ("account_id", "account_name") if name in columns]
    if not names or fill == "never":
        return None, 0
    nameless = np.logical_and.reduce([blank[name] for name in names])
    filled_else = filled - sum((~blank[name]).astype(np.int64) for name in names)
    data = (reason == "") & (filled_else > 0)
    open_rows = data & nameless
    figures = np.zeros(len(reason), bool)
    for name in ("date", "revenue", "quantity", "gross_profit", "amount", "invoice"):
        figures |= ~blank[name] if name in blank else False
    open_rows &= figures
    for name in ("date", "revenue"):  # a row without either is a sum or a remark, and nobody's line
        open_rows &= ~blank[name] if name in blank else True
    if not open_rows.any():
        return None, 0
    headings = (reason == "") & ~nameless & (filled_else == 0)
    named = data & ~nameless
    source = np.where(named | headings, np.arange(len(reason)), -1)
    source = np.maximum.accumulate(source)
    take = open_rows & (source >= 0)
    if fill == "auto":
        sure = np.zeros(len(reason), bool) if merged is None else merged.copy()
        if "invoice" in columns:
            # The row that names the account must be of the same invoice: one that names none names nobody's.
            codes, _ = pd.factorize(np.asarray(columns["invoice"], dtype=object), use_na_sentinel=True)
            sure |= take & (codes >= 0) & (codes == codes[source])
        if not (headings.any() and not named.any()) and not _named_once(columns, names, data, nameless):
            take &= sure
    if not take.any():
        return None, 0
    for at in np.flatnonzero(headings):
        reason[at] = HEADING
    account_from = np.arange(len(reason))
    account_from[take] = source[take]
    return account_from, int(take.sum())


def _named_once(columns: Mapping[str, RawColumn], names: list[str], data: Mask, nameless: Mask) -> bool:
    """Whether every account is named on the first of its rows only: no name twice in a row, a third of rows blank."""
    at = np.flatnonzero(data)
    blank = nameless[at]
    if not len(at) or blank[0] or blank.mean() < 0.33:
        return False
    cells = [tuple(str(columns[name][row]) for name in names) for row in at[~blank]]
    return (
        len(set(cells)) == len(cells)
        or all(a != b for a, b in zip(cells, cells[1:], strict=False))
        and (len(set(cells)) >= 0.8 * len(cells))
    )


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
