"""Lookups: columns of another sheet or file, brought in beside each row by a key."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from icp_xl.config.settings import Settings
from icp_xl.config.sources import JoinSettings
from icp_xl.errors import MissingColumnsError, SourceError
from icp_xl.sources.book import Book, find_sheet
from icp_xl.sources.cells import RawColumn, cell_text
from icp_xl.sources.fields import SourceSpec
from icp_xl.sources.headers import compact


@dataclass(frozen=True)
class JoinPlan:
    """A lookup read into memory: key to the values of the columns taken."""

    key: str
    takes: tuple[str, ...]
    values: dict[str, tuple[Any, ...]]
    file: str
    doubled: int = 0
    loose: dict[str, str] | None = None

    def find(self, key: str) -> tuple[Any, ...] | None:
        """The values of ``key``: exactly, else in another spelling that only one key has."""
        found = self.values.get(key)
        if found is None and self.loose:
            found = self.values.get(self.loose.get(compact(key), ""))
        return found


def plan_joins(
    joins: Sequence[JoinSettings],
    spec: SourceSpec,
    book: Book,
    path: Path,
    settings: Settings,
    opener: Callable[[Path], Book],
) -> list[JoinPlan]:
    """Read what the settings want to look up.

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
    else:
        at = [place for place, name in enumerate(headers) if name and place != key_at]
    columns = book.columns(sheet, row + 1, [key_at, *at])
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
    takes = join.take or tuple(headers[place] for place in at)
    loose: dict[str, str] = {}
    for text in values:
        # Two keys that differ in spaces or punctuation only are different keys: neither is found loosely.
        loose[compact(text)] = "" if compact(text) in loose else text
    return JoinPlan(join.key, tuple(takes), values, book.name, doubled, loose)


def join_columns(raw: dict[str, RawColumn], joins: Sequence[JoinPlan], keep: Any) -> Iterator[str]:
    """Add the looked-up columns to ``raw``, and yield remarks about keys that were not found."""
    for join in joins:
        plain = {compact(name): name for name in reversed(list(raw))}
        own = plain.get(compact(join.key))
        if own is None:
            raise MissingColumnsError("a lookup's key is not a column of the source", got=join.key)
        keys = raw[own]
        codes: dict[Any, int] = {}
        places = np.fromiter((codes.setdefault(_hashable(key), len(codes)) for key in keys), np.intp, len(keys))
        texts = [_key(key) for key in codes]
        hits = [join.find(text) if text else None for text in texts]
        for take, name in enumerate(join.takes):
            found = np.empty(len(texts) or 1, dtype=object)
            found[: len(texts)] = [None if hit is None else hit[take] for hit in hits]
            raw[name] = found[places]
        absent = [at for at, (text, hit) in enumerate(zip(texts, hits, strict=True)) if text and hit is None]
        if absent:
            rows = int(np.isin(places[keep], absent).sum())
            yield f"{rows:,} rows have a {join.key} that {join.file} does not list"
        if join.doubled:
            yield f"{join.file}: {join.doubled:,} keys stand twice with different values; the first counts"


def _hashable(key: Any) -> Any:
    return None if key != key else key


def _key(value: Any) -> str:
    return (cell_text(None if value is None or value != value else value) or "").casefold()
