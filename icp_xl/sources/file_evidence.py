"""What a file as a whole says of its dates and amounts, where a column alone can be read in two ways.

Evidence is asked for in order of strength, and the first kind that speaks decides: columns of months, weekdays or
quarters beside the dates; other columns of dates; the order of the rows; which part varies; then how the country
writes that the file comes from (its delimiter, decimal mark, headers and currency). Where nothing speaks, or one kind
contradicts itself, there is no answer, and the run asks.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np

from icp_xl.sources.cldr import day_names, order_where, plain_word
from icp_xl.sources.dates import Order, Parts, month_of, parse_date, parts_of, read_date
from icp_xl.sources.numbers import Decimals, is_missing, marks_of, take_apart

RawColumn = np.ndarray[Any, Any]
ORDERS: tuple[Order, Order] = ("day first", "month first")
#: Rows of other columns that are looked at.
LOOKED_AT = 5_000


@dataclass(frozen=True)
class Verdict:
    """A decision and its reason in words; no decision where the evidence is level."""

    choice: str | None
    reason: str = ""


@dataclass
class Evidence:
    """What stands beside a column: the file's delimiter, the language of its headers, and all other columns.

    ``load`` gives every column of the sheet by its header, row for row beside the column in question; it is called
    only where a decision needs it.
    """

    delimiter: str = ""
    foreign: str = ""
    load: Callable[[], Mapping[str, RawColumn]] = field(default=dict)

    @cached_property
    def columns(self) -> Mapping[str, RawColumn]:
        """All columns of the sheet."""
        return self.load()

    @cached_property
    def texts(self) -> Mapping[str, list[str]]:
        """Distinct texts of every column."""
        found = {}
        for header, raw in self.columns.items():
            if raw.dtype == object:
                cells = [cell for cell in raw[:LOOKED_AT] if type(cell) is str and not is_missing(cell)]
                found[header] = list(dict.fromkeys(cells))
        return found

    @cached_property
    def marks(self) -> dict[Decimals, str]:
        """Decimal marks that columns of amounts decide by themselves, each with the first column that does."""
        found: dict[Decimals, str] = {}
        for header, texts in self.texts.items():
            if not texts or sum(take_apart(text) is not None for text in texts[:50]) * 2 < len(texts[:50]):
                continue
            if parts_of(texts[:50]).firsts or any(read_date(text) is not None for text in texts[:5]):
                continue
            decided = marks_of(texts).decided()
            if decided:
                found.setdefault(decided, header)
        return found

    def order(self, raw: RawColumn, own: Parts) -> Verdict:
        """Whether the numeric dates of ``raw`` put the day or the month first."""
        for ask in (self._by_parts, self._by_dates, self._by_rows, self._by_dots):
            verdict = ask(raw, own)
            if verdict is not None:
                return verdict
        # The country's habit and what varies must not contradict each other; alone, a few dates tell little.
        country = self._by_country(raw, own)
        varies = self._by_variation(own, 6 if country is None else 3)
        said = [verdict for verdict in (country, varies) if verdict is not None]
        if len({verdict.choice for verdict in said}) != 1:
            return Verdict(None)
        return Verdict(said[0].choice, ", and ".join(verdict.reason for verdict in said))

    def decimals(self, header: str, texts: Collection[str]) -> Verdict:
        """Whether 1.234 and 1,234 in a column are thousands or thousandths."""
        marks = marks_of(texts)
        mark = "." if marks.unsure_point else ","
        others = {decided: by for decided, by in self.marks.items() if by != header}
        said: dict[Decimals, str] = {}
        if len(others) == 1:
            decided, by = next(iter(others.items()))
            said[decided] = f"{by} has a decimal {decided}"
        elif not others:
            for decided, why in self._country_marks():
                said.setdefault(decided, why)
        if not said and mark == "," and not self.foreign:
            # Amounts seldom have three decimals, all of them; only the point is written for both.
            return Verdict("point", "the headers are English")
        if len(said) != 1:
            return Verdict(None)
        choice, why = next(iter(said.items()))
        if not others and (choice == "comma") != (mark == "."):
            # Amounts seldom have three decimals, all of them: what the country says must not make them so.
            return Verdict(None)
        return Verdict(choice, why)

    def _country_marks(self) -> list[tuple[Decimals, str]]:
        found: list[tuple[Decimals, str]] = []
        if self.delimiter == ";":
            found.append(("comma", "semicolons part the columns"))
        elif self.delimiter == ",":
            found.append(("point", "commas part the columns"))
        for header, texts in self.texts.items():
            parts = parts_of(texts)
            if parts.day and not parts.month or parts.dots:
                if any("." in text and "/" not in text for text in texts[:3]) and parts.firsts + parts.pairs:
                    found.append(("comma", f"the dates of {header} have points"))
        if self.foreign and self.delimiter != ",":
            found.append(("comma", f"the headers are not English ({self.foreign})"))
        return found

    def _by_parts(self, raw: RawColumn, own: Parts) -> Verdict | None:
        """A month, a weekday or a quarter that stands beside the date."""
        days = {order: _read(raw, order) for order in ORDERS}
        for header, other in self.columns.items():
            if other is raw or len(other) != len(raw):
                continue
            for told, read in _beside(header, other):
                agree = {order: _agreement(days[order], told, read) for order in ORDERS}
                best, worst = sorted(ORDERS, key=lambda order: -agree[order])
                if agree[best] >= 0.9 and agree[worst] <= 0.6:
                    return Verdict(best, f"{header} says so")
        return None

    def _by_dates(self, raw: RawColumn, own: Parts) -> Verdict | None:
        """Other columns of dates that can be read in one way only."""
        said: dict[str, str] = {}
        for header, texts in self.texts.items():
            if self.columns[header] is raw:
                continue
            decided = parts_of(texts).decided()
            if decided:
                said.setdefault(decided, header)
        if len(said) == 1:
            order, header = next(iter(said.items()))
            return Verdict(order, f"the dates of {header} are")
        return self._by_nearness(raw) if not said else None

    def _by_nearness(self, raw: RawColumn) -> Verdict | None:
        """Dates that are near to those beside them when read one way, and months away when read the other."""
        for header, other in self.columns.items():
            if other is raw or len(other) != len(raw):
                continue
            sure = _sure_days(other)
            if sure is None:
                continue
            far = {}
            for order in ORDERS:
                days = _read(raw, order)
                gaps = [abs((a - b).days) for a, b in zip(days, sure, strict=True) if a is not None and b is not None]
                far[order] = float(np.median(gaps)) if len(gaps) >= 4 else float("nan")
            near, away = sorted(ORDERS, key=lambda order: far[order])
            if far[near] * 3 + 10 < far[away]:
                return Verdict(near, f"they are then near to those of {header}")
        return None

    def _by_rows(self, raw: RawColumn, own: Parts) -> Verdict | None:
        """Rows that are in order of date when read one way only."""
        if len(set(own.pairs)) < 4 or len({first for first, _ in own.pairs}) < 2 or len({b for _, b in own.pairs}) < 2:
            return None
        sorted_so = {}
        for order in ORDERS:
            days = [day for day in _read(raw, order) if day is not None]
            steps = list(zip(days, days[1:], strict=False))
            sorted_so[order] = all(a <= b for a, b in steps) or all(a >= b for a, b in steps)
        if sorted_so["day first"] != sorted_so["month first"]:
            choice = "day first" if sorted_so["day first"] else "month first"
            return Verdict(choice, "the rows are then in order of date")
        return None

    def _by_variation(self, own: Parts, least: int) -> Verdict | None:
        """The first day of every month: the day never changes while the month runs on."""
        firsts, seconds = ({pair[at] for pair in own.pairs} for at in (0, 1))
        if firsts == {1} and len(seconds) >= least:
            return Verdict("day first", f"the first number never changes while the second runs up to {max(seconds)}")
        if seconds == {1} and len(firsts) >= least:
            return Verdict("month first", f"the second number never changes while the first runs up to {max(firsts)}")
        return None

    def _by_dots(self, raw: RawColumn, own: Parts) -> Verdict | None:
        if own.either and own.dots == own.either:
            return Verdict("day first", "points stand between the numbers")
        return None

    def _by_country(self, raw: RawColumn, own: Parts) -> Verdict | None:
        """How the country writes that the file comes from."""
        said = []
        if self.delimiter == ";":
            said.append("semicolons part the columns")
        if "comma" in self.marks and "point" not in self.marks:
            said.append("amounts have decimal commas")
        if self.foreign:
            said.append(f"the headers are not English ({self.foreign})")
        if said:
            return Verdict("day first", " and ".join(said))
        orders = {}
        for code in self.currencies():
            order = order_where(code)
            if order:
                orders[order] = code
        if len(orders) == 1:
            order, code = next(iter(orders.items()))
            return Verdict(order, f"amounts are in {code}")
        return None

    def currencies(self) -> set[str]:
        """Codes of the currencies that stand in the file's cells."""
        found = set()
        for texts in self.texts.values():
            for text in texts[:200]:
                amount = take_apart(text)
                if amount is not None and amount.currency:
                    found.add(amount.currency)
                elif len(text) == 3 and text.isupper() and text in _codes():
                    found.add(text)
        return found


#: Words of headers in languages that write the day first, met in any list of sales.
_FOREIGN = frozenset(
    "datum fecha data dato paivays tarih kunde kunden kundennummer cliente clientes client klient kund asiakas umsatz "
    "betrag importe montant importo bedrag kwota belopp belob summa valor total ventes verkauf faktura rechnung "
    "facture factura fattura factuur kunta umsatzerlose prijs precio prix preis".split()
) - {"data", "client", "total"}


def foreign_word(headers: Collection[str]) -> str:
    """A header that is not English, or nothing.

    >>> foreign_word(["Datum", "Kunde"]), foreign_word(["Date", "Client"]), foreign_word(["Date", "Część"])
    ('Datum', '', 'Część')
    """
    for header in headers:
        if any(c.isalpha() and not c.isascii() for c in header):
            return header
        if any(plain_word(word) in _FOREIGN for word in header.replace("_", " ").split()):
            return header
    return ""


def _codes() -> Collection[str]:
    from babel import Locale

    codes: Collection[str] = Locale.parse("en").currencies
    return codes


def _read(raw: RawColumn, order: Order) -> list[datetime | None]:
    known: dict[str, datetime | None] = {}
    for cell in raw[:LOOKED_AT]:
        if type(cell) is str and cell not in known:
            known[cell] = parse_date(cell, order)
    return [known.get(cell) if type(cell) is str else None for cell in raw[:LOOKED_AT]]


def _sure_days(raw: RawColumn) -> list[datetime | None] | None:
    """The days of a column that can be read in one way only."""
    if raw.dtype.kind == "M":
        cells = raw[:LOOKED_AT].astype("datetime64[s]").astype(object)
        return [None if cell is None else cell for cell in cells]
    if raw.dtype != object:
        return None
    texts = [cell for cell in raw[:200] if type(cell) is str]
    if len(texts) < 4 or parts_of(texts).firsts or parts_of(texts).pairs:
        return None
    days = _read(raw, "month first")
    return days if sum(day is not None for day in days) * 2 > len(days) else None


#: What headers call a column of months in languages that are met often; names of months need no header.
_MONTH = frozenset(
    "month months monat monate mois mes meses mese mesi mês mês maand miesiac manad maned mesic ay ho luna".split()
)
_QUARTER = frozenset("quarter quartal trimestre trim kwartaal kwartal kvartal ceyrek qtr".split())


def _beside(header: str, raw: RawColumn) -> list[tuple[list[float | None], Callable[[datetime], float]]]:
    """What a column tells of the dates beside it (month, weekday, quarter as numbers), and how a date tells it."""
    words = {plain_word(word) for word in header.replace("_", " ").split()}
    numbers: list[float | None] = []
    names = False
    days = False
    for cell in raw[:LOOKED_AT]:
        value: float | None = None
        if isinstance(cell, int | float) and cell == cell:
            value = float(cell)
        elif type(cell) is str and not is_missing(cell):
            text = plain_word(cell.strip())
            if text.isdigit():
                value = float(text)
            elif text[:1] in "qtk" and text[1:].isdigit():
                value = float(text[1:])
            elif (month := month_of(text)) is not None:
                value, names = float(month), True
            elif text in day_names():
                value, days = float(next(iter(day_names()[text].values()))), True
        numbers.append(value)
    seen = {number for number in numbers if number is not None}
    if not seen:
        return []
    found: list[tuple[list[float | None], Callable[[datetime], float]]] = []
    if days:
        found.append((numbers, lambda day: float(day.weekday())))
    elif names or (words & _MONTH and seen <= set(map(float, range(1, 13)))):
        found.append((numbers, lambda day: float(day.month)))
    elif words & _QUARTER and seen <= {1.0, 2.0, 3.0, 4.0}:
        found.append((numbers, lambda day: float((day.month + 2) // 3)))
    return found


def _agreement(days: list[datetime | None], told: list[float | None], read: Callable[[datetime], float]) -> float:
    both = [(day, number) for day, number in zip(days, told, strict=False) if day is not None and number is not None]
    return sum(read(day) == number for day, number in both) / len(both) if both else 0.0
