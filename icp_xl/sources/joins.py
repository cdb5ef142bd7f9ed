"""Lookups: columns of another sheet or file, brought in beside each row by a key."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from icp_xl.config.settings import Settings
from icp_xl.config.sources import JoinSettings
from icp_xl.errors import MissingColumnsError, SourceError
from icp_xl.sources.book import Book, find_sheet
from icp_xl.sources.cells import RawColumn, cell_text, to_raw
from icp_xl.sources.fields import SourceSpec
from icp_xl.sources.headers import compact


@dataclass(frozen=True)
class JoinPlan:
    """A lookup read into memory: key to the values of the columns taken; ``takes`` says what these are called."""

    key: str
    takes: tuple[str, ...]
    values: dict[str, tuple[Any, ...]]
    file: str
    sheet: str = ""
    doubled: int = 0
    loose: dict[str, str] = field(default_factory=dict)

    def find(self, key: str) -> tuple[Any, ...] | None:
        """The values of ``key``: exactly, else in another spelling that only one key has."""
        found = self.values.get(key)
        if found is None and self.loose:
            found = self.values.get(self.loose.get(compact(key), ""))
        return found

    def full(self, name: str) -> str:
        """A taken column with its sheet's name, which tells it from every other of that name."""
        return f"{self.sheet}.{name}"


def plan_joins(
    joins: Sequence[JoinSettings],
    spec: SourceSpec,
    book: Book,
    path: Path,
    settings: Settings,
    opener: Callable[[Path], Book],
) -> list[JoinPlan]:
    """Read what the settings want to look up.

    Args:
        joins: of the settings, in their order.
        spec: of the source that they belong to.
        book: of the source, where a join names no other file.
        path: of the book, beside which other files lie.
        settings: all of them.
        opener: opens another file.

    Raises:
        SourceError: the other file or sheet cannot be read, or lacks the key or a column.
    """
    plans = []
    for number, join in enumerate(joins):
        where = f"sources.{spec.name}.joins, entry {number + 1}"
        other = book if join.file is None else opener(_path(join.file, path, settings, where))
        plans.append(_read(join, other, where))
    return plans


def _path(file: str, path: Path, settings: Settings, where: str) -> Path:
    for folder in (settings.paths.data, path.parent):
        if (folder / file).is_file():
            return folder / file
    raise SourceError("a file to look up in does not exist", where=where, got=file)


def _read(join: JoinSettings, book: Book, where: str) -> JoinPlan:
    wanted = [join.other_key or join.key, *join.take]
    names = [find_sheet(book, join.sheet)] if join.sheet else book.sheet_names()
    for name in names:
        rows = book.head(name, 60)
        for at, row in enumerate(rows):
            if join.header_row is not None and at != join.header_row - 1:
                continue
            headers = [cell_text(cell) or "" for cell in row]
            plain = [compact(header) for header in headers]
            if all(compact(header) in plain for header in wanted):
                return _load(join, book, name, at, headers, plain)
    raise MissingColumnsError(
        "a sheet to look up in lacks columns",
        where=f"{where}: {book.name}" + (f", sheet {join.sheet}" if join.sheet else ""),
        got=", ".join(names[:12]) + " were searched",
        allowed=", ".join(wanted),
    )


def _load(join: JoinSettings, book: Book, sheet: str, row: int, headers: list[str], plain: list[str]) -> JoinPlan:
    key_at = plain.index(compact(join.other_key or join.key))
    if join.take:
        at = [plain.index(compact(name)) for name in join.take]
        takes = tuple(join.take.values())
    else:
        at = [place for place, name in enumerate(headers) if name and place != key_at]
        takes = tuple(headers[place] for place in at)
    columns = [_cells(column) for column in book.columns(sheet, row + 1, [key_at, *at])]
    values: dict[str, tuple[Any, ...]] = {}
    doubled = 0
    for key, *cells in zip(*columns, strict=True):
        text = _key(key)
        if not text:
            continue
        if text in values:
            doubled += values[text] != tuple(cells)
        else:
            values[text] = tuple(cells)
    loose: dict[str, str] = {}
    for text in values:
        # Two keys that differ in spaces or punctuation only are different keys: neither is found loosely.
        loose[compact(text)] = "" if compact(text) in loose else text
    return JoinPlan(join.key, takes, values, book.name, sheet, doubled, loose)


def _cells(column: RawColumn) -> list[Any]:
    """A raw column as cells, dates as dates and blanks as ``None``."""
    if column.dtype.kind == "M":
        column = column.astype("datetime64[us]")
    return [None if value is None or value != value else value for value in column.tolist()]


def joined_names(joins: Sequence[JoinPlan], own: Collection[str]) -> dict[str, str]:
    """How a joined column may be called, plain, and the name it stands under.

    A source's own column is never replaced: a joined one of the same header is called ``Sheet.Header``, and so is the
    second of two joined ones.
    """
    taken = {compact(name) for name in own if name}
    found: dict[str, str] = {}
    for join in joins:
        for name in join.takes:
            found.setdefault(compact(join.full(name)), join.full(name))
            if compact(name) not in taken:
                found.setdefault(compact(name), join.full(name))
    return found


def doubled_names(joins: Sequence[JoinPlan], own: Collection[str], used: Collection[str]) -> Iterator[str]:
    """Remarks on headers that both the source and a joined sheet have, or two of these, where the settings use them."""
    taken = {compact(name): "its own" for name in own if name}
    plain = {compact(name) for name in used}
    for join in joins:
        for name in join.takes:
            other = taken.setdefault(compact(name), join.sheet)
            if other != join.sheet and compact(name) in plain:
                whose = "the source itself has" if other == "its own" else f"sheet {other} and"
                read = "its own column is read" if other == "its own" else f"that of {other} is read"
                yield (
                    f"{whose} {'and ' if other == 'its own' else ''}the joined sheet {join.sheet} "
                    f"{'bring' if other == 'its own' else 'both bring'} a column headed {name}; {read} "
                    f"(for the other say {join.full(name)}, or give it a name of its own: take: {{{name}: …}})"
                )


def join_columns(raw: dict[str, RawColumn], joins: Sequence[JoinPlan], keep: Any) -> Iterator[str]:
    """Add the looked-up columns to ``raw`` under their full names, and yield remarks about keys that were not found."""
    own = list(raw)
    for at, join in enumerate(joins):
        keys = raw[_key_column(join.key, raw, own, joins[:at])]
        codes: dict[Any, int] = {}
        places = np.fromiter((codes.setdefault(_hashable(key), len(codes)) for key in keys), np.intp, len(keys))
        texts = [_key(key) for key in codes]
        hits = [join.find(text) if text else None for text in texts]
        for take, name in enumerate(join.takes):
            cells = to_raw([None if hit is None else hit[take] for hit in hits] or [None])
            raw[join.full(name)] = cells[places]
        absent = [at for at, (text, hit) in enumerate(zip(texts, hits, strict=True)) if text and hit is None]
        if absent:
            rows = int(np.isin(places[keep], absent).sum())
            yield f"{rows:,} rows have a {join.key} that {join.file} does not list"
        if join.doubled:
            yield f"{join.file}: {join.doubled:,} keys stand twice with different values; the first counts"


def _key_column(key: str, raw: Mapping[str, RawColumn], own: Sequence[str], before: Sequence[JoinPlan]) -> str:
    plain = {compact(name): name for name in reversed(own)}
    found = plain.get(compact(key)) or joined_names(before, own).get(compact(key))
    if found is None or found not in raw:
        raise MissingColumnsError("a lookup's key is not a column of the source", got=key)
    return found


def _hashable(key: Any) -> Any:
    return None if key != key else key


def _key(value: Any) -> str:
    return (cell_text(None if value is None or value != value else value) or "").casefold()
