"""Sales logs as exports of any country write them, with the right figures beside them.

Everything that differs between countries (names of months, order of a date, signs of currencies, marks of thousands
and decimals, names of days) is drawn from the Unicode CLDR, and not from the package's own tables.
"""

from __future__ import annotations

import csv
import io
import random
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
from babel import Locale
from babel.dates import format_date
from babel.numbers import format_currency, format_decimal

#: Locales of every continent; the script, calendar and marks are theirs.
LOCALES = (
    "en_US en_GB en_IN en_AU en_CA en_ZA de_DE de_CH de_AT fr_FR fr_CA fr_CH es_ES es_MX es_AR pt_BR pt_PT it_IT nl_NL "
    "nl_BE pl_PL cs_CZ sk_SK hu_HU ro_RO bg_BG ru_RU uk_UA sv_SE nb_NO da_DK fi_FI et_EE lv_LV lt_LT tr_TR el_GR hr_HR "
    "sl_SI id_ID ms_MY vi_VN ja_JP zh_CN ko_KR zh_TW en_SG en_IE en_NZ en_PH"
).split()
CURRENCIES = {
    "US": "USD", "GB": "GBP", "IN": "INR", "AU": "AUD", "CA": "CAD", "ZA": "ZAR", "CH": "CHF", "MX": "MXN", "AR": "ARS",
    "BR": "BRL", "PL": "PLN", "CZ": "CZK", "HU": "HUF", "RO": "RON", "BG": "BGN", "RU": "RUB", "UA": "UAH", "SE": "SEK",
    "NO": "NOK", "DK": "DKK", "TR": "TRY", "ID": "IDR", "MY": "MYR", "VN": "VND", "JP": "JPY", "CN": "CNY", "KR": "KRW",
    "TW": "TWD", "SG": "SGD", "NZ": "NZD", "PH": "PHP",
}  # fmt: skip
DATES = ("short", "medium", "long", "dmy", "mdy", "iso", "excel")
AMOUNTS = ("plain", "grouped", "currency", "code", "whole", "whole grouped", "accounting", "excel")


@dataclass
class Log:
    """One generated log: where it lies, what it is like, and its right figures."""

    folder: Path
    kind: dict[str, str]
    rows: int
    revenue: float
    days: list[date] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)


def make_log(folder: Path, seed: int) -> Log:
    """Write log number ``seed`` into ``folder``."""
    draw = random.Random(seed)
    name = draw.choice(LOCALES)
    locale = Locale.parse(name)
    kind = {
        "locale": name, "dates": draw.choice(DATES), "amounts": draw.choice(AMOUNTS),
        "delimiter": draw.choice([",", ";", "\t", "|"]), "header": draw.choice(["english", "own"]),
        "layout": draw.choice(["csv", "csv", "xlsx", "titles", "totals", "footer", "blank rows", "month column"]),
        "span": draw.choice(["year", "month", "first of months", "two years"]),
    }  # fmt: skip
    count = draw.choice([3, 6, 12, 30, 80])
    days = _days(draw, kind["span"], count)
    if draw.random() < 0.6:
        days.sort()
    whole = kind["amounts"].startswith("whole")
    amounts = [float(draw.randint(1, 9000)) if whole else round(draw.uniform(-500, 20000), 2) for _ in range(count)]
    if draw.random() < 0.2:
        amounts = [float(draw.randint(1, 60) * 50 + 1000) for _ in range(count)]
    customers = [
        f"{draw.choice(['Fernhall', 'Glenroy', 'Harrow', 'Larch'])} {draw.choice('ABCDEFG')}" for _ in range(count)
    ]
    if kind["header"] == "english":
        headers, settings = ["Date", "Customer", "Amount"], {}
    else:
        # Headers in no language that anybody could know: the settings name them.
        headers = [f"{locale.months['format']['wide'][1][:3]}{tag}" for tag in ("_d", "_c", "_r")]
        settings = {"date": headers[0], "account_name": headers[1], "revenue": headers[2]}
    texts = [
        [_date(day, kind["dates"], locale), customer, _amount(value, kind["amounts"], locale)]
        for day, customer, value in zip(days, customers, amounts, strict=True)
    ]
    if kind["layout"] == "month column":
        headers.append("Month")
        for row, day in zip(texts, days, strict=True):
            row.append(str(day.month))
    rows: list[list[Any]] = [headers, *texts]
    _lay_out(rows, kind, draw, amounts, locale)
    _write(folder, rows, kind)
    return Log(folder, kind, count, round(sum(amounts), 2), sorted(days), settings)


def _days(draw: random.Random, span: str, count: int) -> list[date]:
    start = date(2023, 1, 1)
    if span == "first of months":
        return [date(2023, 1 + at % 12, 1) for at in range(count)]
    length = {"month": 28, "year": 365, "two years": 730}[span]
    return [start + timedelta(days=draw.randrange(length)) for _ in range(count)]


def _date(day: date, kind: str, locale: Locale) -> Any:
    if kind == "excel":
        return datetime(day.year, day.month, day.day)
    if kind in ("dmy", "mdy", "iso"):
        return day.strftime({"dmy": "%d/%m/%Y", "mdy": "%m/%d/%Y", "iso": "%Y-%m-%d"}[kind])
    return format_date(day, kind, locale=locale)


def _amount(value: float, kind: str, locale: Locale) -> Any:
    code = CURRENCIES.get(locale.territory or "", "EUR")
    if kind == "excel":
        return value
    if kind == "plain":
        mark = locale.number_symbols["latn"]["decimal"]
        return f"{value:.2f}".replace(".", mark)
    if kind == "whole":
        return (
            f"{value:.0f}"
            if value == int(value)
            else f"{value:.2f}".replace(".", locale.number_symbols["latn"]["decimal"])
        )
    if kind in ("grouped", "whole grouped"):
        pattern = "#,##0" if kind == "whole grouped" and value == int(value) else "#,##0.00"
        return format_decimal(value, format=pattern, locale=locale)
    if kind == "code":
        return f"{code} {format_decimal(value, format='#,##0.00', locale=locale)}"
    form = "¤#,##0.00;(¤#,##0.00)" if kind == "accounting" else None
    return format_currency(value, code, format=form, locale=locale, currency_digits=False)


def _lay_out(
    rows: list[list[Any]], kind: dict[str, str], draw: random.Random, amounts: list[float], locale: Locale
) -> None:
    layout = kind["layout"]
    if layout == "titles":
        rows[:0] = [["Sales report"], [], ["Made by accounting"]]
    elif layout == "totals":
        rows.append(["Total", "", _amount(round(sum(amounts), 2), kind["amounts"], locale)])
    elif layout == "footer":
        rows += [[], ["Confidential Information"]]
    elif layout == "blank rows":
        for at in range(len(rows) - 1, 1, -max(2, len(rows) // 4)):
            rows.insert(at, [])


def _write(folder: Path, rows: list[list[Any]], kind: dict[str, str]) -> None:
    real = kind["dates"] == "excel" or kind["amounts"] == "excel"
    if kind["layout"] == "xlsx" or real:
        kind["layout"] += " xlsx"
        book = openpyxl.Workbook()
        for row in rows:
            book.active.append([None if cell == "" else cell for cell in row])
        book.active.title = "Sales"
        book.save(folder / "sales.xlsx")
        return
    out = io.StringIO()
    csv.writer(out, delimiter=kind["delimiter"], lineterminator="\n").writerows(rows)
    (folder / "sales.csv").write_text(out.getvalue(), encoding="utf-8")
