"""The reconciliation: what was read of each source, held against its files, to hold against a report of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from icp_xl.sources.currency import MONEY
from icp_xl.sources.model import Sources, SourceTable
from icp_xl.tables.model import Tables

DAY_OF = {"sales": "date", "opportunities": "close_date", "assets": "expiry_date"}
BALANCE_COLUMNS = ("source", "file", "read", "kept", "left_out", "column", "sum_read", "sum_kept", "sum_left_out",
                   "first_date", "last_date", "accounts")  # fmt: skip
TAKEN_COLUMNS = ("source", "column", "header", "how", "samples", "figure")


@dataclass(frozen=True)
class Money:
    """The sum of one column of money: over all rows of data, over those kept, and over those left out."""

    column: str
    read: float
    kept: float

    @property
    def lost(self) -> float:
        """What was left out."""
        return self.read - self.kept


@dataclass(frozen=True)
class Taken:
    """A column of ours: the header it was read from and how that was found, three values, and what it adds up to."""

    column: str
    header: str
    how: str
    samples: tuple[str, ...] = ()
    figure: float | None = None


@dataclass(frozen=True)
class SourceBalance:
    """One source: rows and money read, kept and left out, its days, and how its columns were found."""

    source: str
    title: str
    file: str
    read: int
    kept: int
    reasons: Mapping[str, int] = field(default_factory=dict)
    money: tuple[Money, ...] = ()
    first_date: str = ""
    last_date: str = ""
    accounts: int | None = None
    taken: tuple[Taken, ...] = ()
    unused: tuple[str, ...] = ()

    @property
    def lost(self) -> int:
        """Rows of data that were left out."""
        return self.read - self.kept

    @property
    def loss(self) -> float:
        """The larger share, from 0 to 1, that was left out of the rows or of the first column of money."""
        shares = [self.lost / self.read if self.read else 0.0]
        for money in self.money[:1]:
            size = abs(money.kept) + abs(money.lost)
            shares.append(abs(money.lost) / size if size and abs(money.lost) > 0.005 else 0.0)
        return max(shares)

    def loss_text(self) -> str:
        """What was left out, in words.

        >>> money = (Money("revenue", 350.0, 100.0),)
        >>> SourceBalance("sales", "Sales log", "s.csv", 4, 1, {"no date": 3}, money).loss_text()
        'Sales log: 3 of 4 rows are left out, revenue 250.00 of 350.00 (no date: 3)'
        """
        sums = "".join(
            f", {money.column.replace('_', ' ')} {money.lost:,.2f} of {money.read:,.2f}" for money in self.money[:1]
        )
        why = "; ".join(f"{reason}: {count:,}" for reason, count in sorted(self.reasons.items()))
        return f"{self.title}: {self.lost:,} of {self.read:,} rows are left out{sums}" + (f" ({why})" if why else "")

    def lines(self) -> list[str]:
        """The reconciliation in a few lines of text."""
        out = [f"{self.title} ({self.file}): {self.read:,} rows read, {self.kept:,} kept, {self.lost:,} left out"]
        for money in self.money:
            name = money.column.replace("_", " ")
            left = f", {money.lost:,.2f} left out" if abs(money.lost) > 0.005 else ""
            out[0] += f"; {name} {money.kept:,.2f}{left}"
        if self.first_date:
            out[0] += f"; {self.first_date} to {self.last_date}"
        if self.accounts is not None:
            out[0] += f"; {self.accounts:,} accounts"
        out[0] += "."
        for item in self.taken:
            if item.how in ("setting", "exact"):
                continue
            figure = "" if item.figure is None else f", {item.figure:,.2f} in all"
            values = f" ({' | '.join(item.samples)}{figure})" if item.samples or figure else ""
            out.append(f"  {item.column.replace('_', ' ')} is read from {item.header}, by {item.how}{values}")
        if self.unused:
            more = f" and {len(self.unused) - 20:,} more" if len(self.unused) > 20 else ""
            out.append(f"  not used: {', '.join(self.unused[:20])}{more}")
        return out


def balance_sources(sources: Sources, tables: Tables) -> tuple[SourceBalance, ...]:
    """One balance per source that was found; the sales log's is drawn after its lines were given their accounts."""
    return tuple(_balance(table, tables) for table in sources.tables() if table.name != "yearly_totals")


def _balance(table: SourceTable, tables: Tables) -> SourceBalance:
    tally, frame = table.tally, table.frame
    kept = tables.transactions if table.name == "sales" else frame
    reasons, samples = dict(tally.lost), tally.samples
    if table.name == "sales":
        # Reading names the sheet of every row that it leaves out; what is left out since has none.
        since = tables.dropped[(tables.dropped["source"] == "sales") & (tables.dropped["sheet"] == "")]
        for reason, count in since["reason"].value_counts().items():
            reasons[str(reason)] = reasons.get(str(reason), 0) + int(count)
    money = tuple(
        Money(name, float(frame[name].sum() + tally.lost_money.get(name, 0.0)), float(kept[name].sum()))
        for name in MONEY.get(table.name, ())
        if name in frame.columns and frame[name].notna().any()
    )
    day = DAY_OF.get(table.name, "")
    days = kept[day].dropna() if day in kept.columns else pd.Series([], dtype="datetime64[us]")
    return SourceBalance(
        source=table.name,
        title={"sales": "Sales log"}.get(table.name, table.name.replace("_", " ").capitalize()),
        file=table.file,
        read=len(kept) + sum(reasons.values()),
        kept=len(kept),
        reasons=reasons,
        money=money,
        first_date=str(days.min())[:10] if len(days) else "",
        last_date=str(days.max())[:10] if len(days) else "",
        accounts=int(kept["account_id"].nunique()) if table.name == "sales" else None,
        taken=tuple(
            Taken(guess.column, guess.header, guess.how, samples.get(guess.column, ()), tally.sums.get(guess.column))
            for guess in table.guesses
        ),
        unused=tally.unused,
    )


def balance_frame(balances: tuple[SourceBalance, ...]) -> pd.DataFrame:
    """One row per source and column of money (one without, where it has none), with :data:`BALANCE_COLUMNS`."""
    rows = []
    for item in balances:
        for money in item.money or (None,):
            sums = (None,) * 4 if money is None else (money.column, money.read, money.kept, money.lost)
            days = (item.first_date, item.last_date)
            rows.append((item.source, item.file, item.read, item.kept, item.lost, *sums, *days, item.accounts))
    return pd.DataFrame(rows, columns=list(BALANCE_COLUMNS))


def taken_frame(balances: tuple[SourceBalance, ...]) -> pd.DataFrame:
    """One row per guess: what was taken for what, three of its values, and the figure that it led to."""
    rows = [
        (item.source, taken.column, taken.header, taken.how, " | ".join(taken.samples), taken.figure)
        for item in balances
        for taken in item.taken
    ]
    return pd.DataFrame(rows, columns=list(TAKEN_COLUMNS))
