"""CSV and its kin: the encoding and the delimiter are found, not assumed."""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from icp_xl.errors import ConfigError, SourceError
from icp_xl.sources.container import Container
from icp_xl.sources.encodings import guess_encoding

DELIMITERS = ",;\t|"
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True)
class TextTable:
    """Rows of a delimited text file, what parts its columns, and remarks about how it was read."""

    rows: list[list[str]]
    delimiter: str
    remarks: list[str]


def read_rows(container: Container, encoding: str | None = None, words: Collection[str] = ()) -> TextTable:
    """Every row of a delimited text file; ``encoding`` is the one that the settings give, and ``words``
    are headers that it may hold.

    Raises:
        SourceError: the file is not text, or not delimited text.
        ConfigError: the settings give an encoding that does not exist or does not fit.
    """
    text, remarks = decode(container.name, container.data, encoding, words)
    first, _, rest = text.partition("\n")
    if first.strip().lower().startswith("sep=") and len(first.strip()) == 5:
        delimiter, text, offset = first.strip()[4], rest, 1
    else:
        delimiter, offset = find_delimiter(text), 0
    csv.field_size_limit(2**24)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise SourceError(
            "the file cannot be read as delimited text",
            where=container.name,
            got=str(error),
            next_step="Look for a quotation mark that is not closed, or export it again.",
        ) from None
    return TextTable([[] for _ in range(offset)] + rows, delimiter, remarks)


def decode(name: str, data: bytes, encoding: str | None = None, words: Collection[str] = ()) -> tuple[str, list[str]]:
    """The text of a file in UTF-8, UTF-16, UTF-32 or, failing these, in the encoding that its text fits best.

    Args:
        name: of the file, for messages.
        data: its bytes.
        encoding: that the settings give, if they do.
        words: headers that a right guess would show.

    Returns:
        The text, and remarks on what was guessed.

    Raises:
        SourceError: it is not text.
        ConfigError: the settings give an encoding that does not exist or does not fit.
    """
    if encoding:
        try:
            return data.decode(encoding).removeprefix("\ufeff"), []
        except (LookupError, UnicodeDecodeError) as error:
            raise ConfigError(
                "the file cannot be read in the encoding that the settings give",
                where=f"sources.….encoding, for {name}",
                got=f"{encoding}: {error}"[:160],
                allowed="utf-8, utf-16, cp1250, cp1251, cp1252, shift_jis, gb18030, big5, euc_kr …",
            ) from None
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            try:
                return data.decode(encoding), []
            except UnicodeDecodeError:
                break
    sample = data[:4000]
    if sample.count(0) > len(sample) // 4:
        encoding = "utf-16-le" if sample[1::2].count(0) > sample[::2].count(0) else "utf-16-be"
        try:
            return data.decode(encoding), []
        except UnicodeDecodeError:
            pass
    if b"\0" in sample:
        raise SourceError("this file is not text", where=name, next_step="Export it again as CSV.")
    try:
        return data.decode("utf-8"), []
    except UnicodeDecodeError:
        return guess_encoding(name, data, words)


def find_delimiter(text: str) -> str:
    """The delimiter whose count is the same, and not nought, in most of the first lines.

    >>> find_delimiter("a;b;c\\n1,5;2;3\\n"), find_delimiter("one column\\nx")
    (';', ',')
    """
    lines = [line for line in text[:65_536].splitlines()[:60] if line.strip()]
    best, score = ",", 0.0
    for mark in DELIMITERS:
        counts = Counter(_outside_quotes(line, mark) for line in lines)
        counts.pop(0, None)
        if counts:
            per_line, times = max(counts.items(), key=lambda item: (item[1], item[0]))
            value = times * (1 + 0.1 * min(per_line, 20))
            if value > score:
                best, score = mark, value
    return best


def _outside_quotes(line: str, mark: str) -> int:
    return sum(part.count(mark) for part in line.split('"')[::2])
