"""Which source a file holds, told by its headers and values where its name says nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from icp_xl.config.sources import SourceSettings, SourcesSettings
from icp_xl.errors import IcpError, MissingColumnsError
from icp_xl.sources.book import Book
from icp_xl.sources.fields import CUSTOMERS, OPPORTUNITIES, SALES, SourceSpec
from icp_xl.sources.file_types import open_book
from icp_xl.sources.headers import SEARCH_ROWS, Header, find_header
from icp_xl.sources.shapes import reshaped
from icp_xl.sources.sheets import choose_sheets
from icp_xl.sources.vocabulary import vocabulary

#: Files of a folder that are looked into, at most; a data folder is no archive.
MAX_FILES = 40
#: Bytes; reports that people lay out are small.
MAX_LAID_OUT = 5_000_000
#: Our own results are no input.
OURS = "icp_"
#: What a list of customers has beside the name.
_FACTS = ("industry", "annual_revenue", "rep", "region", "city", "state", "country", "printers", "do_not_contact")


@dataclass(frozen=True)
class FileContent:
    """What a file holds: the source, and the headers that say so."""

    source: str
    headers: tuple[str, ...]


def identify_source(path: Path, limits: SourcesSettings) -> FileContent | None:
    """The source that the file at ``path`` holds, or ``None`` where its columns are nobody's or it cannot be read."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return _identify(path, stat.st_mtime_ns, stat.st_size, limits.max_file_mb, limits.max_unpacked_mb, limits.synonyms)


@lru_cache(maxsize=256)
def _identify(
    path: Path, stamp: int, size: int, file_mb: float, unpacked_mb: float, synonyms: Path | None
) -> FileContent | None:
    try:
        book = open_book(path, SourcesSettings(max_file_mb=file_mb, max_unpacked_mb=unpacked_mb))
        heads = [book.head(sheet.name, SEARCH_ROWS) for sheet in book.sheets if sheet.visible]
    except (IcpError, OSError, ValueError):
        return None
    known = vocabulary(synonyms)
    best: tuple[float, FileContent] | None = None
    for head in heads:
        found = {spec.name: find_header(head, spec, known=known) for spec in (OPPORTUNITIES, SALES, CUSTOMERS)}
        for name, header in found.items():
            if header is None or not _fits(name, header, head):
                continue
            told = FileContent(name, tuple(match.header for match in header.matches.values()))
            if best is None or header.score > best[0]:
                best = header.score, told
            break  # a list of deals also has what a sales log has, and both have what a list of customers has
    if best is None and size <= MAX_LAID_OUT:
        return _laid_out(book)
    return None if best is None else best[1]


def _laid_out(book: Book) -> FileContent | None:
    """A report that is a sales log once it is laid out as a table: months across, customers above their lines."""
    known = vocabulary()
    try:
        for other in reshaped(book, SALES, SourceSettings(), (), known):
            try:
                header = choose_sheets(other, SALES, SourceSettings(), known=known)[0].header
            except MissingColumnsError:
                continue
            return FileContent("sales", tuple(match.header for match in header.matches.values()))
    except (IcpError, OSError, ValueError):
        return None
    return None


def _fits(name: str, header: Header, head: Sequence[Sequence[object]]) -> bool:
    spec: SourceSpec = {spec.name: spec for spec in (OPPORTUNITIES, SALES, CUSTOMERS)}[name]
    if header.lacks(spec) or not any(any(cell not in (None, "") for cell in row) for row in head[header.data_from :]):
        return False
    if name == "opportunities":
        return "stage" in header.matches or ("outcome" in header.matches and _deals(header.headers))
    if name == "customers":
        return sum(fact in header.matches for fact in _FACTS) + len(header.evidence) >= 2
    return True


def _deals(headers: Iterable[str]) -> bool:
    known = vocabulary()
    return any("opp" in reading.ideas for header in headers for reading in known.readings(header))
