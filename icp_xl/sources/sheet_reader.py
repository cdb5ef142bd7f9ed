"""One sheet to a typed frame: which rows are data, what their cells mean, and what is to be said of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import numpy as np
import pandas as pd

from icp_xl.config.sources import SourceSettings
from icp_xl.errors import MissingColumnsError, SourceError
from icp_xl.progress import Progress
from icp_xl.sources.book import Book
from icp_xl.sources.cells import RawColumn, cell_text
from icp_xl.sources.conditions import passes
from icp_xl.sources.currency import MONEY, names_currencies, row_currencies
from icp_xl.sources.deals import leave_out_open, stage_header
from icp_xl.sources.documents import classify_documents, settle_documents
from icp_xl.sources.evidence import holds_shares
from icp_xl.sources.expressions import Expression
from icp_xl.sources.fields import Field, SourceSpec
from icp_xl.sources.file_evidence import Evidence, foreign_word
from icp_xl.sources.headers import compact
from icp_xl.sources.joins import JoinPlan, join_columns
from icp_xl.sources.model import Guess, Tally
from icp_xl.sources.rows import BLANK, CARRIED, FRAGMENT, NO_ACCOUNT, SECOND_TABLE, UNITS, classify
from icp_xl.sources.sheets import SheetChoice
from icp_xl.sources.times import seconds_of_day
from icp_xl.sources.total_words import SUBTOTAL, TOTAL
from icp_xl.sources.typed import Typed, missing_column, type_column
from icp_xl.sources.units import Unit, column_unit
from icp_xl.sources.vocabulary import Vocabulary

TITLE = "title above the header"
#: Rows that hold data and are left out all the same.
LOST = (FRAGMENT, NO_ACCOUNT)


@dataclass
class Plan:
    """Where each field comes from: a header of the file, or an expression over headers."""

    headers: dict[str, str] = field(default_factory=dict)
    expressions: dict[str, Expression] = field(default_factory=dict)
    #: A header as an expression names it to the column that is meant.
    places: dict[str, str] = field(default_factory=dict)
    guesses: list[Guess] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


@dataclass
class Part:
    """What one sheet gives."""

    frame: pd.DataFrame
    rows_read: int
    dropped: list[tuple[str, int, str]]
    flags: list[tuple[str, int, str, str]]
    remarks: list[str]
    doubts: list[tuple[str, str, str]]
    tally: Tally


@dataclass
class SheetReader:
    """Reads one sheet by its plan."""

    book: Book
    choice: SheetChoice
    spec: SourceSpec
    plan: Plan
    chosen: SourceSettings
    joins: Sequence[JoinPlan]
    progress: Progress
    known: Vocabulary
    remarks: list[str] = field(default_factory=list)
    doubts: list[tuple[str, str, str]] = field(default_factory=list)
    flags: list[tuple[int, str, str]] = field(default_factory=list)
    samples: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _places: Any = None
    _units: dict[str, Unit] = field(default_factory=dict)

    def read(self) -> Part:
        """Read it."""
        header, first = self.choice.header, self.choice.header.data_from + 1
        raw = self._load()
        self._drop_shares(raw)
        keep, reason = self._sort_rows(raw)
        self._find_units(raw, bool(len(reason) and reason[0] == UNITS))
        self._notice_columns(raw, int(keep.sum()))
        self.remarks += [f"{self.spec.title}: {text}" for text in join_columns(raw, self.joins, keep)]
        self._filter(raw, keep, reason)
        self._leave_out_open(raw, keep, reason)
        self._notice_hidden(raw, keep, reason)
        filled = np.flatnonzero(reason != BLANK)
        last = int(filled[-1]) + 1 if len(filled) else 0
        numbers = self.book.numbers(self.choice.name)

        def row_of(at: int) -> int:
            return int(at) + first if numbers is None else int(numbers[at + header.data_from])

        dropped = [(self.choice.name, row + 1, TITLE) for row in self.choice.titles]
        dropped += [(self.choice.name, row_of(row), reason[row]) for row in map(int, np.flatnonzero(~keep[:last]))]
        lost = np.isin(reason, LOST)
        self._places = np.flatnonzero(keep | lost)
        frame = self._typed({name: column[self._places] for name, column in raw.items()})
        rows = np.array([row_of(at) for at in self._places]) if numbers is not None else self._places + first
        frame["source_row"] = rows.astype("int64")
        kept = keep[self._places]
        tally = self._tally(frame, kept, reason[self._places])
        flags = [(self.choice.name, int(rows[row]), name, problem) for row, name, problem in self.flags if kept[row]]
        frame = frame[kept].reset_index(drop=True) if not kept.all() else frame
        return Part(frame, last + len(self.choice.titles), dropped, flags, self.remarks, self.doubts, tally)

    def _load(self) -> dict[str, RawColumn]:
        """The columns that are needed, by header."""
        header = self.choice.header
        places = self.plan.places
        watched = self._watched()  # may take a column as the currency's
        needed = [*self.plan.headers.values()]
        needed += [places.get(name, name) for item in self.plan.expressions.values() for name in item.headers]
        needed += [*self.chosen.where, *(join.key for join in self.joins), *watched]
        needed += [self._stage] if self._stage else []
        at = {name: header.column(name) for name in dict.fromkeys(needed)}
        own = {name: column for name, column in at.items() if column is not None}
        cells = self.book.columns(self.choice.name, header.data_from, list(own.values()), self.progress)
        self._own = own
        return dict(zip(own, cells, strict=True))

    @cached_property
    def _head(self) -> list[Sequence[Any]]:
        """The first rows below the header."""
        start = self.choice.header.data_from
        return self.book.head(self.choice.name, start + 300)[start:]

    def _watched(self) -> list[str]:
        """Columns that nobody took and that change what a row means: documents, states, currencies."""
        used = {compact(name) for name in (*self.plan.headers.values(), *self.plan.places.values())}
        found = []
        for at, name in enumerate(self.choice.header.headers):
            if not name or compact(name) in used or self.choice.header.headers.index(name) != at:
                continue
            texts = {str(row[at]).strip() for row in self._head if at < len(row) and isinstance(row[at], str)} - {""}
            numbers = any(isinstance(row[at], int | float) for row in self._head if at < len(row))
            if not texts or numbers:
                continue
            if "currency" not in self.plan.headers and names_currencies(sorted(texts)) and self._is_money():
                self.plan.headers["currency"] = name
                self.plan.guesses.append(Guess(self.spec.name, "currency", name, "its values", self.choice.name))
            elif self.spec.name == "sales" and len(texts) <= 40 and classify_documents(name, texts).matter:
                found.append(name)
        return found

    def _is_money(self) -> bool:
        return self.spec.name in MONEY and self.spec.field("currency") is not None

    def _drop_shares(self, raw: Mapping[str, RawColumn]) -> None:
        """Leave out a guessed column of money whose values are percentages."""
        given = {guess.column for guess in self.plan.guesses if guess.how == "setting"}
        for name in MONEY.get(self.spec.name, ()):
            header = self.plan.headers.get(name)
            if header is None or header not in raw or name in given:
                continue
            if not holds_shares(raw[header], self._facts.formats.get(self._own[header], set())):
                continue
            if any(name in group for group in self.spec.required):
                raise MissingColumnsError(
                    f"{self.spec.title}: the column taken for {name} holds percentages, not money",
                    where=f"{self.book.name}, sheet {self.choice.name}, column {header}",
                    allowed=listing(self.choice.header.headers),
                    next_step=f"Say which column holds the amounts: columns.{self.spec.name}.{name}: …",
                )
            del self.plan.headers[name]
            self.plan.guesses = [guess for guess in self.plan.guesses if guess.column != name]
            self.remarks.append(
                f"{self.spec.title}: {header} holds percentages and is not taken for {name.replace('_', ' ')}"
            )

    @cached_property
    def _facts(self) -> Any:
        return self.book.facts(self.choice.name)

    def _sort_rows(self, raw: dict[str, RawColumn]) -> tuple[Any, RawColumn]:
        """Which rows are data; accounts that are named above their rows are filled down in ``raw``."""
        header = self.choice.header
        rows = len(next(iter(raw.values()))) if raw else 0
        fields = {name: raw[text] for name, text in self.plan.headers.items() if text in raw}
        # Columns used only inside expressions and filters also tell whether a row is blank.
        fields.update({f"[{name}]": column for name, column in raw.items() if name not in self.plan.headers.values()})
        joined = {name for name, text in self.plan.headers.items() if text not in self._own}
        repeats = {
            name: header.repeats(self._own[text]) for name, text in self.plan.headers.items() if text in self._own
        }
        found = classify(
            fields, repeats, self.spec, rows, {*self.plan.expressions, *joined},
            fill=self.chosen.fill_down, merged=self._merged(rows),
        )  # fmt: skip
        if found.account_from is not None:
            names = [name for name in ("account_id", "account_name") if name in fields]
            for name in names:
                raw[self.plan.headers[name]] = raw[self.plan.headers[name]][found.account_from]
            heads = {int(at) for at, source in enumerate(found.account_from) if source != at and found.keep[at]}
            above = len({int(found.account_from[at]) for at in heads})
            self.remarks.append(
                f"{self.spec.title}: {found.filled:,} rows name no customer and take the one above them ({above:,} "
                f"customers are filled down; to leave that: sources.{self.spec.name}.fill_down: never)"
            )
        totals = int(np.isin(found.reason, (TOTAL, SUBTOTAL, CARRIED)).sum())
        if totals:
            self.remarks.append(f"{self.spec.title}: {totals:,} total rows are left out")
        self.remarks += [f"{self.spec.title}: {text}" for text in found.remarks]
        if below := int((found.reason == SECOND_TABLE).sum()):
            self.remarks.append(f"{self.spec.title}: a second table below the first is left out ({below:,} rows)")
        return found.keep.copy(), found.reason

    def _merged(self, rows: int) -> Any:
        """Rows whose account is part of a merged cell that begins above them."""
        at = {self._own[text] for name, text in self.plan.headers.items()
              if name in ("account_id", "account_name") and text in self._own}  # fmt: skip
        spans = [(top, bottom) for top, bottom, column in self._facts.merged if column in at]
        if not spans:
            return None
        mask, start = np.zeros(rows, bool), self.choice.header.data_from
        for top, bottom in spans:
            mask[max(0, top + 1 - start) : max(0, bottom + 1 - start)] = True
        return mask

    def _find_units(self, raw: Mapping[str, RawColumn], below: bool) -> None:
        """Columns of money that count in thousands or millions, which the file says and the settings do not."""
        head = self.book.head(self.choice.name, self.choice.header.row) if self.choice.titles else []
        titles = [text for row in head for cell in row if isinstance(cell, str) and (text := cell_text(cell))]
        for name in MONEY.get(self.spec.name, ()):
            header = self.plan.headers.get(name)
            if header is None or name in self.chosen.multiply:
                continue
            first = raw[header][0] if below and header in raw else None
            if unit := column_unit(header, first, titles):
                self._units[name] = unit
                self.remarks.append(
                    f"{self.spec.title}: {header} counts in units of {unit.factor:,.12g} ({unit.text}) and is "
                    f"multiplied (else: sources.{self.spec.name}.multiply: {{{name}: 1}})"
                )

    def _notice_columns(self, raw: Mapping[str, RawColumn], kept: int) -> None:
        """Remarks on a sheet without rows, columns that share a header, and formulas that nothing ever calculated."""
        spec, plan, where = self.spec, self.plan, f"{self.book.name}, sheet {self.choice.name}"
        plain = [compact(text) for text in self.choice.header.headers]
        for name, text in plan.headers.items():
            if text in raw and text and plain.count(compact(text)) > 1:
                self.remarks.append(f"{spec.title}: several columns are headed {text}; the first is read as {name}")
        empty = {text: name for name, text in plan.headers.items() if text in raw and bool(pd.isna(raw[text]).all())}
        if empty and kept and self.book.uncalculated(self.choice.name):
            needed = [text for text, name in empty.items() if any(name in group for group in spec.required)]
            if needed:
                raise SourceError(
                    "the sheet's formulas were never calculated, so its cells hold no values",
                    where=f"{where}, column {', '.join(needed)}",
                    next_step="Open the workbook in Excel, save it, and run again.",
                )
            self.remarks.append(
                f"{spec.title}: the formulas of {', '.join(empty)} were never calculated, so nothing is known there; "
                f"open {self.book.name} in Excel, save it, and run again"
            )
        elif empty and not kept and self.book.uncalculated(self.choice.name):
            raise SourceError(
                "the sheet's formulas were never calculated, so its cells hold no values",
                where=f"{where}, column {', '.join(empty)}",
                next_step="Open the workbook in Excel, save it, and run again.",
            )
        if spec.name == "customers" and "account_name" not in plan.headers and "account_name" not in plan.expressions:
            used = {compact(text) for text in plan.headers.values()}
            spare = [text for text in self.choice.header.headers if text and compact(text) not in used]
            self.remarks.append(
                f"{spec.title}: no column holds account names, so accounts go by their ids and no name can be matched; "
                f"say under columns.customers what it is called (columns not used: {listing(spare) or 'none'})"
            )
        given = {*plan.headers, *plan.expressions}
        self.remarks += [
            f"{spec.title}: {text}" for text in self.choice.header.remarks if not set(fields_named(text, spec)) & given
        ]
        if not kept:
            self.remarks.append(f"{spec.title}: {where} has a header and no rows of data")

    def _filter(self, raw: Mapping[str, RawColumn], keep: Any, reason: RawColumn) -> None:
        """Leave out rows that the settings' ``where`` does not want."""
        plain = {compact(name): column for name, column in raw.items()}
        for name, condition in self.chosen.where.items():
            column = plain.get(compact(name))
            if column is None:
                raise MissingColumnsError(
                    "the settings filter by a column that the file does not have",
                    where=f"{self.book.name}, sheet {self.choice.name}",
                    got=name,
                    allowed=listing(self.choice.header.headers),
                )
            # A row that the user filters out is no fault of the file, whatever else it lacks.
            asked = keep | np.isin(reason, LOST)
            out = asked & ~passes(column, condition, partial(self._values, column, name))
            reason[out] = f"left out by the setting where: {name}"
            if asked.any() and out.sum() == asked.sum():
                texts = type_column(column[asked], "text").values.dropna().astype(str)
                held = ", ".join(f"{text} ({count:,})" for text, count in texts.value_counts().head(5).items())
                self.remarks.append(
                    f"{self.spec.title}: the setting sources.{self.spec.name}.where: {name} leaves no row of "
                    f"{self.book.name}; the column holds {held or 'nothing'}"
                )
            keep &= ~out

    @cached_property
    def _stage(self) -> str | None:
        """The header of the stages of deals that serve as the sales log, unless the settings filter by it."""
        stage = stage_header(self.choice.header, self.known) if self.spec.name == "sales" else None
        asked = {compact(name) for name in self.chosen.where}
        return stage if stage and compact(stage) not in asked else None

    def _leave_out_open(self, raw: Mapping[str, RawColumn], keep: Any, reason: RawColumn) -> None:
        """Leave out deals that were not won."""
        if self._stage is not None and self._stage in raw:
            amounts = self.plan.headers.get("revenue")
            told = leave_out_open(self._stage, raw, amounts if amounts in raw else None, keep, reason)
            self.remarks += [f"{self.spec.title}: {text}" for text in told]

    def _notice_hidden(self, raw: Mapping[str, RawColumn], keep: Any, reason: RawColumn) -> None:
        """Say how many rows Excel hides, and what they hold; leave them out where the settings want it."""
        start = self.choice.header.data_from
        hidden = np.zeros(len(keep), bool)
        hidden[[at - start for at in self._facts.hidden if 0 <= at - start < len(keep)]] = True
        hidden &= keep
        if not hidden.any():
            return
        told = f"{int(hidden.sum()):,} of {int(keep.sum()):,} rows are hidden or filtered out in Excel"
        name = next((name for name in MONEY.get(self.spec.name, ()) if self.plan.headers.get(name) in raw), None)
        if name is not None:
            amounts = self._convert(raw[self.plan.headers[name]], "number", self.plan.headers[name]).values.to_numpy()
            told += f" ({name.replace('_', ' ')} {np.nansum(amounts[hidden]):,.2f} of {np.nansum(amounts[keep]):,.2f})"
        setting = f"sources.{self.spec.name}.hidden_rows"
        if self.chosen.hidden_rows == "leave out":
            reason[hidden] = f"hidden in Excel, and left out by {setting}"
            keep &= ~hidden
            self.remarks.append(f"{self.spec.title}: {told} and are left out")
        else:
            self.remarks.append(f"{self.spec.title}: {told} and are counted (to leave them out: {setting}: leave out)")

    @cached_property
    def _evidence(self) -> Evidence:
        header = self.choice.header

        def load() -> dict[str, RawColumn]:
            at = {name: header.headers.index(name) for name in dict.fromkeys(header.headers) if name}
            columns = self.book.columns(self.choice.name, header.data_from, list(at.values()))
            found = dict(zip(at, columns, strict=True))
            return found if self._places is None else {name: column[self._places] for name, column in found.items()}

        return Evidence(self.book.delimiter, foreign_word(header.headers), load)

    def _convert(self, column: RawColumn, kind: Any, header: str) -> Typed:
        return type_column(
            column, kind, dates=self.chosen.dates, decimals=self.chosen.decimals, date1904=self.book.date1904,
            header=header, evidence=self._evidence,
        )  # fmt: skip

    def _values(self, column: RawColumn, header: str, kind: Any) -> Any:
        return self._convert(column, kind, header).values

    def _typed(self, raw: Mapping[str, RawColumn]) -> pd.DataFrame:
        """The frame of our columns, and all that was noticed of its cells."""
        rows = len(next(iter(raw.values()))) if raw else 0
        out: dict[str, pd.Series[Any]] = {}
        for item in self.spec.columns:
            values = self._field(item, raw, rows)
            if item.name in self.chosen.multiply:
                values = values * self.chosen.multiply[item.name]
            elif item.name in self._units:
                values = values * self._units[item.name].factor
            out[item.name] = values.reset_index(drop=True)
        if "currency" in out:
            out["currency"] = self._currencies(raw, out["currency"])
        if self.spec.name == "sales":
            header = self.plan.headers.get("date")
            out["time"] = (
                missing_column("number", rows) if header is None else seconds_of_day(self._column(raw, header))
            )
            asked = {compact(name) for name in (*self.chosen.where, *([self._stage] if self._stage else []))}
            watched = [name for name in raw if name not in self.plan.headers.values() and compact(name) not in asked]
            if self.plan.headers.get("category") in raw:
                watched.append(self.plan.headers["category"])
            told = settle_documents({name: raw[name] for name in watched}, out, self.chosen.credit_memos)
            self.remarks += [f"{self.spec.title}: {text}" for text in told]
        return pd.DataFrame(out)

    def _column(self, raw: Mapping[str, RawColumn], header: str) -> RawColumn:
        header = self.plan.places.get(header, header)
        if header in raw:
            return raw[header]
        plain = {compact(name): name for name in reversed(list(raw))}
        return raw[plain[compact(header)]]

    def _field(self, item: Field, raw: Mapping[str, RawColumn], rows: int) -> pd.Series[Any]:
        bad: set[int] = set()

        def convert(header: str, kind: Any) -> pd.Series[Any]:
            column = self._column(raw, header)
            typed = self._convert(column, kind, header)
            self.flags.extend((row, item.name, problem) for row, problem in typed.unreadable)
            bad.update(row for row, _ in typed.unreadable)
            self.remarks.extend(f"{self.spec.title}, column {header}: {remark}" for remark in typed.remarks)
            self.doubts.extend((header, text, setting) for text, setting in typed.doubts)
            return typed.values

        if item.name in self.plan.headers:
            header = self.plan.headers[item.name]
            self.samples[item.name] = _samples(self._column(raw, header))
            return convert(header, item.kind)
        if item.name not in self.plan.expressions:
            return missing_column(item.kind, rows)
        want = "number" if item.kind in ("number", "year") else "text"
        values = self.plan.expressions[item.name].compute(
            lambda text: convert(text, "number"),
            lambda text: convert(text, "text"),
            rows,
            want,  # type: ignore[arg-type]
        )
        if bad:
            values = values.mask(np.isin(np.arange(rows), list(bad)))
        if item.kind == "number" and values.dtype.kind == "f":
            negative = int((values < 0).sum())
            if negative and negative < len(values) and item.name == "revenue":
                self.remarks.append(
                    f"{self.spec.title}, column {item.name}: {negative:,} computed values are negative "
                    f"({self.plan.expressions[item.name].text.strip()})"
                )
            return values
        return type_column(values.to_numpy(dtype=object), item.kind).values

    def _currencies(self, raw: Mapping[str, RawColumn], named: pd.Series[Any]) -> pd.Series[Any]:
        money = [self.plan.headers[name] for name in MONEY.get(self.spec.name, ()) if name in self.plan.headers]
        if not money:
            return named

        def shown() -> list[str]:
            signs = self.book.currencies(self.choice.name, self._own[money[0]])
            return [signs.get(int(at) + self.choice.header.data_from, "") for at in self._places]

        formats = self._facts.formats.get(self._own[money[0]], set()) if money[0] in self._own else set()
        column = self.plan.headers.get("currency")
        return row_currencies(
            money[0], self._column(raw, money[0]), formats, shown, None if column is None else self._column(raw, column)
        )

    def _tally(self, frame: pd.DataFrame, kept: Any, reason: RawColumn) -> Tally:
        money = [name for name in MONEY.get(self.spec.name, ()) if name in frame.columns]
        # A row that holds neither a day nor an amount is no line of sales, but a remark or a heading.
        data = kept.copy()
        amounts = np.zeros(len(frame), bool)
        for name in money:
            amounts |= frame[name].notna().to_numpy()
        data |= amounts
        lost = data & ~kept
        used = {compact(name) for name in (*self.plan.headers.values(), *self.plan.places.values(), *self.chosen.where)}
        used |= {compact(join.key) for join in self.joins}
        numbers = [item.name for item in self.spec.fields if item.kind == "number" and item.name in self.plan.headers]
        return Tally(
            rows=int(data.sum()),
            money={name: float(frame.loc[data, name].sum()) for name in money},
            lost={
                str(why): int(count)
                for why, count in zip(*np.unique(reason[lost].astype(str), return_counts=True), strict=True)
            },
            lost_money={name: float(frame.loc[lost, name].sum()) for name in money},
            unused=tuple(name for name in self.choice.header.headers if name and compact(name) not in used),
            samples=self.samples,
            sums={name: float(frame.loc[kept, name].sum()) for name in numbers},
        )


def _samples(raw: RawColumn) -> tuple[str, ...]:
    """Three different values as they stand in the file."""
    found: dict[str, None] = {}
    for cell in raw[:200]:
        text = cell_text(str(cell)[:10] if raw.dtype.kind == "M" else cell)
        if text and text != "NaT":
            found[text] = None
        if len(found) == 3:
            break
    return tuple(found)


def listing(headers: Sequence[str]) -> str:
    """Headers in one line."""
    return ", ".join([name for name in headers if name][:40])


def fields_named(remark: str, spec: SourceSpec) -> list[str]:
    """Fields that a remark of the header says a column is not taken for."""
    return [item.name for item in spec.fields if f"taken for {item.label.lower()}" in remark]
