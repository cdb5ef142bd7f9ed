"""Files of one table as books: delimited text, and Parquet with its typed columns."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from icp_xl.progress import Progress
from icp_xl.sources.book import Book, Row, SheetInfo, refuse_unreadable
from icp_xl.sources.cells import RawColumn, to_raw
from icp_xl.sources.container import Container
from icp_xl.sources.text import read_rows


class _CsvTable(Book):
    """A CSV file: rows of texts."""

    _rows: list[list[str]]

    def rows(self, sheet: str) -> Iterator[Row]:
        return iter(self._rows)


class _Arrow(Book):
    """A Parquet file: typed columns under one header row."""

    _frame: Any

    def rows(self, sheet: str) -> Iterator[Row]:
        yield [str(name) for name in self._frame.columns]
        columns = [self._frame[name].astype(object).where(self._frame[name].notna(), None) for name in self._frame]
        yield from (list(row) for row in zip(*columns, strict=True))

    def head(self, sheet: str, count: int) -> list[Row]:
        clipped = _Arrow(self.name, self.sheets)
        clipped._frame = self._frame.head(count)
        return list(islice(clipped.rows(sheet), count))

    def columns(
        self, sheet: str, skip: int, wanted: Sequence[int], progress: Progress | None = None
    ) -> list[RawColumn]:
        if skip < 1:
            return super().columns(sheet, skip, wanted, progress)
        found = []
        for at in wanted:
            column = self._frame.iloc[skip - 1 :, at]
            kind = column.dtype.kind
            if kind in "iuf":
                found.append(column.to_numpy(dtype="float64", na_value=float("nan")))
            elif kind == "M":
                found.append(column.dt.tz_localize(None).to_numpy(dtype="datetime64[us]"))
            else:
                found.append(to_raw(column.astype(object).where(column.notna(), None).tolist()))
        return found


def open_text(container: Container, encoding: str | None = None, words: Collection[str] = ()) -> Book:
    """The one sheet of a delimited text file.

    Args:
        container: the file.
        encoding: its encoding, where the settings give it.
        words: headers that it may hold, which tell its encoding.

    Raises:
        SourceError: it is not text, or not delimited text.
    """
    found = read_rows(container, encoding, words)
    sheets = [SheetInfo(Path(container.name).stem)]
    table = _CsvTable(container.name, sheets, remarks=found.remarks, delimiter=found.delimiter)
    table._rows = found.rows
    return table


def open_parquet(container: Container) -> Book:
    """The one sheet of a Parquet file.

    Raises:
        SourceError: it is damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        frame = pq.read_table(pa.BufferReader(container.data)).to_pandas()
    except (pa.ArrowException, OSError, ValueError) as error:
        refuse_unreadable(container.name, "", [("pyarrow", error)])
    book = _Arrow(container.name, [SheetInfo(Path(container.name).stem)])
    book._frame = frame
    return book
