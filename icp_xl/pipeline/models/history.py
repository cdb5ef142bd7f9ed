"""``icp-xl history``: what the customers and assets tables said when, filed by each run and from earlier exports."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import pandas as pd

from icp_xl import artifacts
from icp_xl.config import Settings
from icp_xl.errors import ConfigError, DataError, SourceError
from icp_xl.reports.words import say_count
from icp_xl.runs import RunContext
from icp_xl.sources import read_sources
from icp_xl.tables.build import build_customers_alone
from icp_xl.tables.dated import TableHistory, filings_json
from icp_xl.tables.star import Star
from icp_xl.tables.star_calendar import from_day
from icp_xl.tables.star_dims import CUSTOMER_TEXT, build_customers

TABLES = ("customers", "assets")
#: Fields of the customers table that are filed.
FIELDS = ("account_id", *(name for name in CUSTOMER_TEXT if name != "account_name"), "annual_revenue", "printers")
_ASSETS = (
    "account_id", "sku", "start_day", "expiry_day", "subscription", "quantity", "division", "category",
    "division_day", "category_day",
)  # fmt: skip
#: Folder beside the sources whose exports are filed as of the day in their names; ``changes`` in a name: see below.
EXPORTS = "history"
#: A table with more rows than this per account lists something else.
ROWS_PER_ACCOUNT = 3
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class Filing:
    """An export that was filed: its accounts, the rows that it added, and the days of all filings."""

    file: str
    day: date
    accounts: int
    added: int
    days: tuple[date, ...]
    #: Fields that other filings know and this one does not.
    lacking: tuple[str, ...] = ()

    def summary(self) -> list[str]:
        """What to say at the end of the command."""
        lacking = ", ".join("owner" if name == "rep" else name.replace("_", " ") for name in self.lacking)
        without = [f"It says nothing of {lacking}: unknown until the next filing."] if lacking else []
        return [
            f"Filed {self.file} as of {self.day:%Y-%m-%d}: {self.accounts:,} accounts, {self.added:,} rows more.",
            *without,
            f"{say_count(len(self.days), 'filing')} from {min(self.days):%Y-%m-%d} to {max(self.days):%Y-%m-%d}.",
        ]


@dataclass(frozen=True)
class Filings:
    """The exports of the folder ``history``: those filed now, how many were filed before, and the days of all."""

    filed: tuple[str, ...]
    known: int
    days: tuple[date, ...]

    def summary(self) -> list[str]:
        """What to say at the end of the command."""
        told = f"Filed {len(self.filed):,}: {', '.join(self.filed)}." if self.filed else "Nothing new to file."
        before = f" {self.known:,} had been filed before." if self.known else ""
        return [
            told + before,
            f"{say_count(len(self.days), 'filing')} from {min(self.days):%Y-%m-%d} to {max(self.days):%Y-%m-%d}.",
        ]


def load_history(run: RunContext) -> dict[str, TableHistory]:
    """The history of each table as this run or an earlier one filed it.

    Raises:
        DataError: its files are damaged.
    """
    if "history" not in run.memo:
        run.memo["history"] = {name: _read(run, name) for name in TABLES}
    found: dict[str, TableHistory] = run.memo["history"]
    return found


def with_history(run: RunContext, star: Star) -> Star:
    """``star`` with the histories of its tables."""
    return replace(star, filed={name: each for name, each in load_history(run).items() if each.filings})


def file_today(run: RunContext, star: Star) -> Star:
    """File the exports beside the sources that are new, then today's tables; ``star`` with their histories."""
    histories = dict(load_history(run))
    histories["customers"] = _with_exports(run, histories["customers"])[0]
    today = run.now().date()
    known = star.customers[star.customers["known_from"] == "customers"] if "known_from" in star.customers else None
    if known is not None and len(known):
        histories["customers"] = histories["customers"].add(known[list(FIELDS)], today)
    if len(star.assets):
        histories["assets"] = histories["assets"].add(star.assets[[n for n in _ASSETS if n in star.assets]], today)
    _stage(run, histories)
    return with_history(run, star)


def add_exports(run: RunContext) -> Filings | None:
    """File the exports of the folder ``history`` beside the sources that are not filed yet; ``None`` in a dry run.

    Raises:
        SourceError, DataError: there is none, or one cannot be read as a customers table.
    """
    run.plan(artifacts.FILED_TABLE.path(table="customers"))
    histories = dict(load_history(run))
    histories["customers"], filed, known = _with_exports(run, histories["customers"])
    if not filed and not known:
        raise SourceError(
            "there is no export to file", where=f"folder {EXPORTS} beside the sources", got="no such file",
            allowed="customers tables whose names hold their days, such as customers 2024-06-30.xlsx",
            next_step="Put them there, or name one: icp-xl history add FILE --as-of DAY.",
        )  # fmt: skip
    if run.dry_run:
        return None
    _stage(run, histories)
    return Filings(tuple(filed), known, tuple(from_day(each) for each in histories["customers"].filings))


def _with_exports(run: RunContext, history: TableHistory) -> tuple[TableHistory, list[str], int]:
    """``history`` with the exports of the folder that it lacks, their names, and how many it had."""
    folder, filed, known = run.settings.paths.data / EXPORTS, [], 0
    # By day, and of one day a whole export before changes.
    exports = list(folder.iterdir()) if folder.is_dir() else []
    for path in sorted(exports, key=lambda path: ("".join(_DAY.findall(path.name)), path.name)):
        told = _DAY.search(path.name)
        if not told or not path.is_file() or not path.name.lower().startswith("customers"):
            continue
        day = date.fromisoformat(told[0])
        # An export that was filed before stands behind what is made now as much as a new one.
        run.read(path)
        if history.filed_by(day) == (day - date(1970, 1, 1)).days:
            known += 1
            continue
        history = _add_export(history, path, day, "changes" in path.name.lower(), run.settings)
        filed.append(path.name)
    return history, filed, known


def add_history(run: RunContext, path: Path, as_of: date | None, *, changes: bool = False) -> Filing | None:
    """File an export of the customers table as of a day; ``None`` in a dry run.

    Args:
        path: the export: any table that the source ``customers`` could be.
        as_of: its day; by default the one in the file's name.
        changes: the file holds only accounts that are new or changed since the filing before.

    Raises:
        ConfigError: there is no day, or it lies ahead.
        SourceError, DataError: the file cannot be read as a customers table, or holds no account.
    """
    told = _DAY.search(path.name)
    day = as_of or (date.fromisoformat(told[0]) if told else None)
    if day is None or day > run.now().date():
        raise ConfigError(
            "an export is filed as of the day on which it was made", where="--as-of", got=day and day.isoformat(),
            allowed="a past day, given or in the file's name, such as customers 2024-06-30.csv",
        )  # fmt: skip
    run.plan(artifacts.FILED_TABLE.path(table="customers"))
    histories = dict(load_history(run))
    before = histories["customers"]
    histories["customers"] = _add_export(before, path, day, changes, run.settings)
    run.read(path)
    if run.dry_run:
        return None
    _stage(run, histories)
    history = histories["customers"]
    state = history.as_of(day)
    return Filing(
        path.name, day, 0 if state is None else len(state), len(history.rows) - len(before.rows),
        tuple(from_day(each) for each in history.filings), () if state is None else _lacking(history, state),
    )  # fmt: skip


def _lacking(history: TableHistory, state: pd.DataFrame) -> tuple[str, ...]:
    """Fields that no row of one filing fills, though rows of others do."""
    return tuple(name for name in FIELDS[1:] if history.rows[name].notna().any() and not state[name].notna().any())


def _add_export(history: TableHistory, path: Path, day: date, changes: bool, settings: Settings) -> TableHistory:
    frame = _read_export(path, settings, may_be_empty=changes)
    if changes:
        earlier = history.as_of(day)
        if earlier is None:
            raise DataError(
                "there is nothing that the changes could change", where=path.name, next_step="File a whole export "
                "of an earlier day first.",
            )  # fmt: skip
        kept = earlier[~earlier["account_id"].isin(frame["account_id"])]
        frame = pd.concat([kept, frame], ignore_index=True) if len(frame) else earlier
    return history.add(frame, day)


def _read_export(path: Path, settings: Settings, *, may_be_empty: bool) -> pd.DataFrame:
    """The customers table of one export, cleaned as the source itself is, and nothing joined to it that is of today."""
    if not path.is_file():
        raise SourceError("the export does not exist", where="history", got=path.name)
    given = settings.sources
    alone = {name: getattr(given, name).model_copy(update={"ignore": True}) for name in type(given).model_fields
             if hasattr(getattr(given, name), "ignore")}  # fmt: skip
    alone["customers"] = given.customers.model_copy(
        update={"ignore": False, "file": (str(path.resolve()),), "sheet": (), "joins": ()}
    )
    settings = settings.model_copy(update={"sources": given.model_copy(update=alone)})
    sources = read_sources(settings)
    if may_be_empty and sources.customers is not None and sources.customers.frame.empty:
        return pd.DataFrame(columns=list(FIELDS))  # Nothing changed in that time.
    customers = pd.DataFrame() if sources.customers is None else build_customers_alone(sources, settings)
    if customers.empty:
        raise DataError("the export holds no account", where=path.name)
    rows = 0 if sources.customers is None else len(sources.customers.frame)
    if rows > ROWS_PER_ACCOUNT * len(customers):
        raise DataError(
            "the export is no customers table", where=path.name, got=f"{rows:,} rows of {len(customers):,} accounts",
            allowed="one row per account", next_step="Is it the sales log? Name an export of the customers.",
        )  # fmt: skip
    return build_customers(customers, [])[list(FIELDS)]


def _stage(run: RunContext, histories: Mapping[str, TableHistory]) -> None:
    for name, history in histories.items():
        if history.filings and history is not load_history(run)[name]:
            run.outputs.parquet(artifacts.FILED_TABLE.path(table=name), history.rows)
            run.outputs.text(artifacts.FILED_DAYS.path(table=name), filings_json(history))
    run.memo["history"] = dict(histories)


def _read(run: RunContext, name: str) -> TableHistory:
    rows, filings = (item.find(run.outputs, table=name) for item in (artifacts.FILED_TABLE, artifacts.FILED_DAYS))
    if not filings.is_file():
        return TableHistory()
    try:
        body = json.loads(filings.read_text(encoding="utf-8"))
        return TableHistory(artifacts.FILED_TABLE.read(rows), {int(day): str(digest) for day, digest in body.items()})
    except (DataError, OSError, ValueError, RecursionError, AttributeError) as error:
        raise DataError(
            f"the history of the table {name} cannot be read", where=artifacts.FILED_TABLE.path(table=name),
            got=type(error).__name__,
            next_step="Restore both of its files from a backup, or remove both to begin anew.",
        ) from error  # fmt: skip
