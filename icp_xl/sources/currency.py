"""Currencies: noticed in a column, in the cells, in Excel's formats; never added up without a rate."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from icp_xl.config.sources import RatesSettings
from icp_xl.errors import ConfigError, Fault, SourceError
from icp_xl.sources.book import Book, find_sheet
from icp_xl.sources.cells import RawColumn, distinct
from icp_xl.sources.cldr import currency_signs
from icp_xl.sources.fields import SourceSpec
from icp_xl.sources.numbers import USUAL_SIGNS, is_missing, take_apart
from icp_xl.sources.sheet_facts import format_currency
from icp_xl.sources.typed import type_column

#: Columns of each source that hold money.
MONEY = {
    "sales": ("revenue", "gross_profit"),
    "customers": ("annual_revenue",),
    "enriched_revenue": ("annual_revenue",),
    "yearly_totals": ("amount",),
    "opportunities": ("amount",),
}
#: Signs that several countries use, and the codes that may be meant.
_SHARED = {
    "$": ("USD", "CAD", "AUD", "MXN", "NZD", "SGD", "HKD"),
    "¥": ("JPY", "CNY"),
    "kr": ("SEK", "NOK", "DKK", "ISK"),
    "\\": ("JPY", "KRW"),
}
DAY_OF = {"sales": "date", "opportunities": "close_date"}


def cell_currencies(raw: RawColumn) -> pd.Series[Any]:
    """The code or sign that stands in each cell of a column of amounts; blank where there is none."""
    if raw.dtype != object:
        return pd.Series([""] * len(raw), dtype=object) if len(raw) else pd.Series([], dtype=object)
    codes, cells = distinct(raw)
    found = np.array([_of(cell) for cell in cells] or [""], dtype=object)
    return pd.Series(found[codes] if len(codes) else [], dtype=object)


def row_currencies(
    header: str,
    amounts: RawColumn,
    formats: Collection[str],
    shown: Callable[[], list[str]],
    named: RawColumn | None,
) -> pd.Series[Any]:
    """What is known of each row's currency, as a code or sign, else nothing.

    Args:
        header: the amounts' header, which may name one for all.
        amounts: the amounts, whose cells may name their own.
        formats: Excel's formats of the first of them.
        shown: the sign that each one's format shows; asked where ``formats`` differ.
        named: a column of currencies, which goes before the cells.
    """
    for word in header.replace("(", " ").replace(")", " ").split():
        if len(word) == 3 and word.isupper() and names_currencies([word]):
            return pd.Series([word] * len(amounts), dtype=object)
    cells = cell_currencies(amounts)
    if not (cells != "").any():
        code = code_of(format_currency(set(formats)))
        if code:
            cells = pd.Series([code] * len(amounts), dtype=object)
        elif any(format_currency({form}) for form in formats):
            cells = pd.Series([code_of(sign) if sign else "" for sign in shown()], dtype=object)
    if named is not None:
        told = named_currencies(named)
        cells = told.where(told != "", cells)
    return cells.where(cells != "", None)


def _of(cell: object) -> str:
    if type(cell) is not str or is_missing(cell):
        return ""
    amount = take_apart(cell)
    return amount.currency if amount is not None else ""


def named_currencies(raw: RawColumn) -> pd.Series[Any]:
    """The currency that each cell of a column of currencies names, as a code where that is known."""
    texts = type_column(raw, "text").values.astype(object)
    codes = {text: code_of(text) for text in texts.dropna().unique()}
    return texts.map(codes).fillna("").astype(object)


def code_of(text: str) -> str:
    """The code of a currency from its code or sign.

    >>> code_of("eur"), code_of("€"), code_of("zł")
    ('EUR', 'EUR', 'PLN')
    """
    plain = text.strip()
    if plain in USUAL_SIGNS or not plain:
        return USUAL_SIGNS.get(plain, "")
    signs = currency_signs()
    return signs.get(plain.upper()) or signs.get(plain) or signs.get(plain.lower()) or plain


def names_currencies(texts: Sequence[str]) -> bool:
    """Whether every text is the code of a currency in use."""
    from babel import Locale

    known = Locale.parse("en").currencies
    return bool(texts) and all(len(text) == 3 and text.isupper() and text in known for text in texts)


def settle_currencies(
    frame: pd.DataFrame, spec: SourceSpec, rates: RatesSettings, opener: Any, folder: Path, where: str
) -> list[str]:
    """Count every amount of ``frame`` in one currency, changing its columns of money in place; remarks on it.

    ``frame["currency"]`` holds what is known of each row; a row without a mark is in the currency of the others.

    Args:
        frame: rows as read; ``currency`` holds what is known of each.
        spec: fields of the source, for its columns of money.
        rates: base currency and rates.
        opener: opens a file of rates.
        folder: folder of the data, for that file.
        where: file and sheet, for messages.

    Raises:
        SourceError: several currencies stand in it and the settings give no rates.
    """
    money = [name for name in MONEY.get(spec.name, ()) if name in frame.columns]
    if not money or "currency" not in frame.columns:
        return []
    amounts = frame[money[0]]
    codes = frame["currency"].fillna("").astype(str)
    present = _unified([code for code in codes[amounts.notna()].unique() if code], rates.into)
    codes = codes.replace(present)
    found = sorted(set(present.values()))
    frame["currency"] = codes.where(codes != "", None)
    into = rates.into.upper() if rates.into else None
    if len(found) < 2 and (into is None or found in ([], [into])):
        if into is None and found and (might := _might_be(found[0])):
            return [f"{spec.title}: {found[0]} stands for several currencies ({might}); all amounts are taken for one "
                    "of them (to say which: sources.rates.into)"]  # fmt: skip
        return []
    parts = {code: amounts[codes == code] for code in found}
    bare = amounts[(codes == "") & amounts.notna()]
    told = [f"{code} {part.sum():,.2f} in {part.notna().sum():,} rows" for code, part in parts.items()]
    if len(bare):
        told.append(f"no mark {bare.sum():,.2f} in {len(bare):,} rows")
    if into is None:
        shared = [f"{code} may be {might}" for code in found if (might := _might_be(code))]
        raise SourceError(
            f"{spec.title}: amounts are in {len(found)} currencies and cannot be added up",
            where=where,
            got="; ".join([*told, *shared]),
            next_step="Give exchange rates in the settings, for example "
            f"sources.rates: {{into: {_example(found[0])}, table: {{{_example(found[1])}: 1.0}}}}, or a file with the "
            "columns code, date and rate under sources.rates.file; or read one currency only with "
            f"sources.{spec.name}.where.",
        )
    days = frame[DAY_OF[spec.name]] if DAY_OF.get(spec.name) in frame.columns else pd.Series(pd.NaT, index=frame.index)
    table = _rates(rates, into, opener, folder)
    lacking = [code for code in found if code != into and code not in table]
    if lacking:
        raise SourceError(
            "no exchange rate is given for a currency that occurs",
            where=f"sources.rates, for {where}",
            got=", ".join(lacking),
            allowed=", ".join(sorted(table)) or "a rate per code",
        )
    factor = pd.Series(1.0, index=frame.index)
    early = 0
    for code in found:
        if code != into:
            rows = codes == code
            factor[rows], before = _factors(table[code], days[rows])
            early += before
    for name in money:
        frame[name] = frame[name] * factor
    remarks = [f"{spec.title}: amounts are counted in {into}, by the rates given ({'; '.join(told)})"]
    if early:
        remarks.append(
            f"{spec.title}: {early:,} rows are older than the first rate of their currency, which they are given"
        )
    return remarks


def _example(code: str) -> str:
    return _SHARED.get(code, (code,))[0]


def _might_be(sign: str) -> str:
    """What a sign that several currencies share may stand for; nothing for a code."""
    known = _SHARED.get(sign)
    return ", ".join([*known, "…"]) if known else "" if re.fullmatch("[A-Z]{3}", sign) else "of several countries"


def _unified(codes: Sequence[str], into: str | None) -> dict[str, str]:
    """A shared sign means the currency that all is counted in, where it may; beside others it is anybody's guess."""
    given = (into or "").upper()
    return {code: given if given in _SHARED.get(code, ()) else code for code in codes}


def _rates(rates: RatesSettings, into: str, opener: Any, folder: Path) -> dict[str, pd.Series[float]]:
    """Rates per code, by day; a rate without a day holds always."""
    table = {code.upper(): pd.Series([rate], index=[pd.NaT]) for code, rate in rates.table.items()}
    if rates.file is not None:
        path = folder / rates.file
        if not path.is_file():
            raise SourceError("the file of exchange rates does not exist", where="sources.rates.file", got=rates.file)
        table.update(_read_rates(opener(path)))
    faults = [
        Fault("a rate must be a number above nought", f"sources.rates, {code}")
        for code, series in table.items()
        if not bool((series > 0).all())
    ]
    if faults:
        raise ConfigError("exchange rates cannot be used", faults=faults)
    return table


def _read_rates(book: Book) -> dict[str, pd.Series[float]]:
    sheet = find_sheet(book, book.sheet_names()[0])
    head = [str(cell or "").strip().lower() for cell in next(iter(book.rows(sheet)), [])]
    places = {}
    for name, words in {"code": ("code", "currency"), "date": ("date", "from", "month"), "rate": ("rate",)}.items():
        places[name] = next((at for at, text in enumerate(head) if any(word in text for word in words)), None)
    if places["code"] is None or places["rate"] is None:
        raise SourceError(
            "the table of exchange rates lacks a column",
            where=book.name,
            got=", ".join(head),
            allowed="code, date, rate",
        )
    wanted = [at for at in places.values() if at is not None]
    columns = dict(
        zip([name for name, at in places.items() if at is not None], book.columns(sheet, 1, wanted), strict=True)
    )
    code = type_column(columns["code"], "text").values
    rate = type_column(columns["rate"], "number").values
    day = type_column(columns["date"], "date").values if "date" in columns else pd.Series(pd.NaT, index=code.index)
    whole = pd.DataFrame({"code": code.astype(object).map(code_of, na_action="ignore"), "day": day, "rate": rate})
    whole = whole.dropna(subset=["code", "rate"]).sort_values(["code", "day"], kind="stable")
    return {str(name): part.set_index("day")["rate"] for name, part in whole.groupby("code", sort=True)}


def _factors(series: pd.Series[float], days: pd.Series[Any]) -> tuple[Any, int]:
    """The last rate at or before each day; the first where there is none. How many rows are older than that."""
    dated = series[series.index.notna()]
    if dated.empty:
        return float(series.iloc[0]), 0
    index = pd.DatetimeIndex(dated.index)
    at = index.searchsorted(pd.DatetimeIndex(days.fillna(index[-1])), side="right") - 1
    return dated.to_numpy()[np.maximum(at, 0)], int((at < 0).sum())
