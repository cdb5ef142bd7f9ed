"""What people typed into whitespace sheets: found in our last workbooks and in copies, by header, not by place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from icp_xl import artifacts
from icp_xl.delivery.sharing.identity import plain_name
from icp_xl.errors import SourceError
from icp_xl.recall import recalled
from icp_xl.reports.reader_mark import ReaderMark, read_mark
from icp_xl.runs import RunContext, file_digest
from icp_xl.sources import open_book
from icp_xl.sources.file_types import layout_of
from icp_xl.user_cells import WHITESPACE
from icp_xl.whitespace.states import TYPED_COLUMNS, clean_mark, clean_status

#: Share of a book's accounts beyond which it is taken for one rep's, where it does not say whose it is.
_HIS = 0.5
#: Reps from which on a book that does not say whose it is may be everybody's.
_SEVERAL = 3
#: Entries listed in a warning; more are counted.
_LISTED = 10


#: Who has each account: ``rep`` and ``region``, each to account id to name.
Owners = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class TypedBook:
    """What stands in one workbook: its rows (account, division, status, mark) and whose copy it says it is.

    ``source`` is empty for our own books; ``whole`` for a book that belongs to whoever runs the program.
    """

    source: str
    name: str
    rows: list[tuple[str, str, str, str]]
    marks: tuple[ReaderMark, ...] = ()
    whole: bool = False


def read_books(run: RunContext, own: Sequence[Path]) -> list[TypedBook]:
    """Every workbook in which people may have typed, our own first."""
    books = [_read(run, path, "", whole=path.name == artifacts.WHITESPACE_REPORT.name) for path in own]
    names: dict[str, int] = {}
    customers = _customers(run)
    for path in _copies(run, own, customers):
        names[path.name] = names.get(path.name, 0) + 1
        source = path.name if names[path.name] == 1 else f"{path.name} ({names[path.name]})"
        books.append(_read(run, path, source, whole=path == customers))
    return books


def owners_now(run: RunContext, books: Sequence[TypedBook]) -> Owners:
    """Rep and region of each account in ``books``, from the latest of last list, customers and scored accounts."""
    wanted = {row[0] for book in books for row in book.rows}
    owners: dict[str, dict[str, str]] = {"rep": {}, "region": {}}
    for table in (artifacts.WHITESPACE, artifacts.CUSTOMERS, artifacts.SCORED_ACCOUNTS):
        if table.exists(run.outputs):
            frame = table.load(run.outputs)
            frame = frame[frame["account_id"].astype(str).isin(wanted)]
            for by in owners.keys() & set(frame.columns):
                told = frame.loc[frame[by].notna() & (frame[by] != ""), ["account_id", by]]
                names = {name: plain_name(str(name)) for name in told[by].unique()}
                owners[by] |= zip(told["account_id"].astype(str), map(names.__getitem__, told[by]), strict=True)
    return owners


def only_his_own(run: RunContext, books: Sequence[TypedBook], owners: Owners, states: pd.DataFrame) -> pd.DataFrame:
    """Status and mark of every row that its book may decide about; ``TYPED_COLUMNS``.

    A reader's book decides about the accounts that are his now. What else was typed into it is listed in a warning and
    not obeyed.

    Args:
        owners: of the accounts, as :func:`owners_now` gives them.
        states: what is known of each pair already.
    """
    keys = zip(states["account_id"], states["division"], strict=True)
    known = dict(zip(keys, zip(states["status"], states["not_eligible"], strict=True), strict=True))
    rows: list[tuple[str, str, str, str, str]] = []
    for book in books:
        readers = _readers(run, book, owners)
        passed_over = []
        for row in book.rows:
            account, division, status, mark = row
            if readers is None or any(owners[by].get(account) == name for by, name in readers):
                rows.append((book.source, *row))
            elif (clean_status(status), clean_mark(mark)) not in (("", ""), known.get((account, division), ("", ""))):
                told = ", ".join(filter(None, (status, mark)))
                passed_over.append(f"{account} {division} ({told}; {owners['rep'].get(account) or 'nobody'})")
        if passed_over:
            whose = " and ".join(f"{by} {name}" for by, name in readers or ()) or "nobody whom it can be told of"
            more = f" and {len(passed_over) - _LISTED:,} more" if len(passed_over) > _LISTED else ""
            run.warn(
                f"{book.name} is the copy of {whose}; not obeyed was what it says of accounts of others: "
                f"{', '.join(dict.fromkeys(passed_over[:_LISTED]))}{more}."
            )
    return pd.DataFrame(rows, columns=list(TYPED_COLUMNS))


def _readers(run: RunContext, book: TypedBook, owners: Owners) -> list[tuple[str, str]] | None:
    """Whose accounts a book decides about; ``None`` for everybody's."""
    proven = [mark for mark in book.marks if mark.proven]
    if book.whole or any(mark.by == "all" for mark in proven):
        return None
    if proven:
        return [(mark.by, mark.name) for mark in proven]
    counts = Counter(owners["rep"].get(account, "") for account in {row[0] for row in book.rows})
    rep, most = counts.most_common(1)[0] if counts else ("", 0)
    his = bool(rep) and most > _HIS * sum(counts.values())
    if book.marks:
        # Made by another user of the program, or changed: it counts where its rows bear it out.
        named = [(mark.by, mark.name) for mark in book.marks if mark.by != "all"]
        borne_out = [
            (by, name)
            for by, name in named
            if sum(owners[by].get(account) == name for account in {row[0] for row in book.rows}) * 2
            > sum(counts.values())
        ]
        if _has_entries(book):
            run.warn(
                f"{book.name} says that it is the copy of {book.marks[0].words}, which your program did not write."
            )
        return borne_out
    if his:
        return [("rep", rep)]
    if len(counts) < _SEVERAL and len(counts) > 1:
        return []  # A row or two of somebody else's would make a reader's book look like everybody's.
    if len(counts) > 1 and _has_entries(book):
        run.warn(
            f"{book.name} does not say whose copy it is, and lists accounts of {len(counts):,} reps: what it says is "
            "obeyed for all of them."
        )
    return None


def _has_entries(book: TypedBook) -> bool:
    return any(clean_status(status) or clean_mark(mark) for _, _, status, mark in book.rows)


def remember(typed: pd.DataFrame) -> pd.DataFrame:
    """What the copies hold now, to know next time what was changed since."""
    frame = typed[typed["source"] != ""].copy()
    frame["status"] = [clean_status(text) for text in frame["status"]]
    frame["not_eligible"] = [clean_mark(text) for text in frame["not_eligible"]]
    filled = frame[(frame["status"] != "") | (frame["not_eligible"] != "")]
    keys = ["source", "account_id", "division"]
    found = filled.drop_duplicates(keys, keep="last").sort_values(keys, kind="stable").reset_index(drop=True)
    return found.astype("str")  # None at all would else be a file of another form than none that is filled.


def _customers(run: RunContext) -> Path | None:
    """The customer workbook, into which sheets may have been written back."""
    from icp_xl.sources.locate import locate

    try:
        customers = locate("customers", run.settings)
    except (SourceError, OSError):
        return None
    return customers.path if customers is not None and layout_of(customers.path) == "sheets" else None


def _copies(run: RunContext, own: Sequence[Path], customers: Path | None) -> list[Path]:
    """Workbooks of the settings, and the customer workbook."""
    found: list[Path] = []
    for path in run.settings.whitespace.status_books:
        place = path if path.is_absolute() or path.exists() else run.settings.paths.data / path
        if place.is_dir():
            found += sorted(
                item for item in place.iterdir() if layout_of(item) == "sheets" and item.name[:1] not in "~."
            )
        elif place.is_file():
            found.append(place)
        else:
            run.warn(f"whitespace.status_books: {path.name} is not there; what was typed into it is not read")
    if customers is not None:
        found.append(customers)
    known = {path.resolve() for path in own}
    return [path for path in dict.fromkeys(found) if path.resolve() not in known]


def _read(run: RunContext, path: Path, source: str, *, whole: bool) -> TypedBook:
    try:
        rows, marks = recalled("typed", lambda: (path.name, file_digest(path)), lambda: _typed(path), (ReaderMark,))
        return TypedBook(source, path.name, rows, marks, whole)
    except (SourceError, OSError):
        # Saved by any program, half copied, or password-protected: the ranking goes on, and says so.
        run.warn(f"{path.name} could not be read: what was typed into it since the last run is not taken over")
        return TypedBook(source, path.name, [])


def _typed(path: Path) -> tuple[list[tuple[str, str, str, str]], tuple[ReaderMark, ...]]:
    """The rows of our tables in a workbook, and whose copy it says it is."""
    book = open_book(path)
    rows: list[tuple[str, str, str, str]] = []
    marks: list[ReaderMark] = []
    for name in book.sheet_names():
        sheet = list(book.rows(name))
        rows += _rows(sheet)
        texts = (cell for row in sheet for cell in row if isinstance(cell, str) and cell.startswith("For "))
        marks += [mark for text in texts if (mark := read_mark(text)) is not None]
    return rows, tuple(dict.fromkeys(marks))


def _rows(rows: Iterable[Sequence[Any]]) -> list[tuple[str, str, str, str]]:
    """Rows of the first table with our headers on a sheet."""
    texts = (row for _, row in WHITESPACE.read(rows) or [])
    found = ((row["account_id"], row["division"], row["status"], row["not_eligible"]) for row in texts)
    return [row for row in found if row[0] and row[1]]
