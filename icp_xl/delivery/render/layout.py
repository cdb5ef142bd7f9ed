"""Where every block of a sheet stands: rows and columns, widths and heights, before any cell is written.

Tables and facts are bound to columns, charts and tiles to pixels; so widths are settled first (from the tables), then
everything is placed from top to bottom. Knows nothing of XlsxWriter.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from icp_xl.delivery.render.cell_values import column_values
from icp_xl.delivery.render.text_metrics import PADDING, ROW, fitting_width, text_width, wrapped_lines
from icp_xl.delivery.render.theme import DECIMALS
from icp_xl.errors import DeliveryError
from icp_xl.reports.spec import Block, Chart, Column, Facts, Figure, Figures, Image, Sheet, Stack, Table, Text

MAX_ROWS = 1_048_576
MAX_COLUMNS = 16_384
#: Pixels: a column that nothing asks for, the margin column, the width of text.
DEFAULT_WIDTH = 92
MARGIN = 18
TEXT_WIDTH = 1000
TILE_WIDTH = 120
TILES_WIDTH = 1120
MOST_WIDTH = 420
LONG_TEXT_WIDTH = 430
FILTER_BUTTON = 20
#: What one step of indentation takes.
INDENT = 9
#: Values looked at when the width of a column is settled.
SAMPLE = 4000


@dataclass(frozen=True)
class Placed:
    """A block at its place; ``rows`` and ``columns`` are what it takes, ``width`` the pixels it may use."""

    block: Block
    row: int
    column: int
    rows: int
    columns: int
    width: int


@dataclass(frozen=True)
class TableShape:
    """The rows of a table from its own top: title, note, header, data and totals."""

    title: int | None
    note: int | None
    header: int
    first: int
    last: int
    totals: int | None
    height: int


@dataclass
class Layout:
    """The plan of one sheet: blocks at their places, column widths and row heights in pixels."""

    sheet: Sheet
    first_column: int
    placed: list[Placed] = field(default_factory=list)
    widths: dict[int, int] = field(default_factory=dict)
    heights: dict[int, int] = field(default_factory=dict)
    last_row: int = 0
    last_column: int = 0

    def width(self, column: int) -> int:
        """Pixels of a column."""
        return self.widths.get(column, DEFAULT_WIDTH)

    def span(self, column: int, pixels: int, most: int | None = None) -> int:
        """How many columns from ``column`` on are needed to reach ``pixels``."""
        count, total = 1, self.width(column)
        while total < pixels and (most is None or count < most):
            total += self.width(column + count)
            count += 1
        return count

    def pixels(self, column: int, count: int) -> int:
        """Pixels of ``count`` columns from ``column`` on."""
        return sum(self.width(column + i) for i in range(count))

    def height(self, row: int) -> int:
        """Pixels of a row."""
        return self.heights.get(row, ROW)

    def taller(self, row: int, pixels: int) -> None:
        """Make a row at least so high."""
        if pixels > self.heights.get(row, ROW):
            self.heights[row] = pixels


def table_shape(table: Table) -> TableShape:
    """The rows of ``table`` from its own top; an empty one keeps a blank row, as a native table must have one."""
    row = 0
    title = note = None
    if table.title:
        title, row = row, row + 1
    if len(table.frame) == 0:
        note, row = row, row + 1
    header = row
    first = header + 1
    last = header + max(len(table.frame), 1)
    totals = last + 1 if has_totals(table) else None
    return TableShape(title, note, header, first, last, totals, (totals or last) + 1)


def has_totals(table: Table) -> bool:
    """Whether the table gets a totals row."""
    return table.totals and len(table.frame) > 0


def plan(sheet: Sheet) -> Layout:
    """Place every block of ``sheet``.

    Raises:
        DeliveryError: the sheet needs more rows or columns than a workbook has.
    """
    layout = Layout(sheet, 0 if sheet.kind == "data" else 1)
    _settle_widths(layout)
    if sheet.kind != "data":
        layout.widths[0] = MARGIN
    layout.heights[0] = 32
    row = 1
    if sheet.subtitle:
        lines = wrapped_lines(sheet.subtitle, TEXT_WIDTH)
        layout.taller(1, 6 + 19 * lines)
        row = 2
    layout.heights[row] = 8
    row += 1
    previous: Any = None
    for item in sheet.blocks:
        if previous is not None and _spaced(previous, item):
            row += 1
        row += _place_item(layout, item, row)
        previous = item
    layout.last_row = max(row - 1, 0)
    _check_limits(layout)
    return layout


def _spaced(previous: Any, item: Any) -> bool:
    if isinstance(previous, Text):
        return previous.style != "heading" and (not isinstance(item, Text) or item.style == "heading")
    return True


def _check_limits(layout: Layout) -> None:
    if layout.last_row >= MAX_ROWS or layout.last_column >= MAX_COLUMNS:
        raise DeliveryError(
            "a sheet would be larger than Excel allows",
            where=f"sheet {layout.sheet.name}",
            got=f"{layout.last_row + 1:,} rows, {layout.last_column + 1:,} columns",
            allowed=f"{MAX_ROWS:,} rows, {MAX_COLUMNS:,} columns",
            next_step="Filter the accounts, or lower the row limit in the settings' section reports.",
        )


# ---------------------------------------------------------------- widths


def _settle_widths(layout: Layout) -> None:
    # Where a table stands beside a chart depends on the widths before it, so this is repeated until it is stable.
    wants: dict[int, list[int]] = {}
    for block in _column_bound(layout.sheet.blocks):
        wants[id(block)] = block_widths(block)
    seen: dict[int, int] | None = None
    for _ in range(5):
        found: dict[int, int] = {}
        for item in layout.sheet.blocks:
            for block, column in _columns_of(layout, item):
                for i, width in enumerate(wants.get(id(block), ())):
                    found[column + i] = max(found.get(column + i, 0), width)
        layout.widths = found
        if found == seen:
            break
        seen = dict(found)


def _column_bound(blocks: Sequence[Any]) -> list[Table | Facts]:
    found: list[Table | Facts] = []
    for item in blocks:
        if isinstance(item, tuple):
            found += _column_bound(item)
        elif isinstance(item, Stack):
            found += _column_bound(item.blocks)
        elif isinstance(item, Table | Facts):
            found.append(item)
    return found


def _columns_of(layout: Layout, item: Any) -> list[tuple[Any, int]]:
    column = layout.first_column
    if not isinstance(item, tuple):
        return [(item, column)]
    found: list[tuple[Any, int]] = []
    for block in item:
        found.append((block, column))
        if isinstance(block, Stack):
            found += [(inner, column) for inner in block.blocks]
        column += _columns_needed(layout, block, column) + _gap(block)
    return found


def _gap(block: Any) -> int:
    # A chart brings its own space to the right, anything else an empty column.
    return 0 if isinstance(block, Chart) else 1


def _columns_needed(layout: Layout, block: Any, column: int) -> int:
    """Columns of a block in a row of blocks."""
    if isinstance(block, Table):
        return len(block.columns)
    if isinstance(block, Facts):
        return 2
    if isinstance(block, Stack):
        inner = max((_columns_needed(layout, each, column) for each in block.blocks), default=1)
        bound = any(isinstance(each, Table | Facts) for each in block.blocks)
        return inner if bound else max(inner, layout.span(column, block.width))
    if isinstance(block, Chart):
        return layout.span(column, block.width + 12)
    if isinstance(block, Image):
        return layout.span(column, int(png_size(block.content)[0] * block.scale))
    if isinstance(block, Figures):
        return layout.span(column, TILE_WIDTH * len(block.figures))
    return layout.span(column, 420)


def block_widths(block: Table | Facts) -> list[int]:
    """Pixels that each column of a table, or the two of facts, ask for."""
    if isinstance(block, Facts):
        labels = [text_width(str(label), bold=True) + PADDING for label, _ in block.rows]
        return [min(max([120, *labels]), 330), 200]
    return [_column_width(block, column) for column in block.columns]


def _column_width(table: Table, column: Column) -> int:
    if column.width is not None:
        asked = int(column.width * 7 + 5)
        if column.kind not in ("text", "id"):
            return asked
        # Text is cut off at the next cell that holds something, so a column may grow by half to show it.
        return max(asked, min(_text_needs(table, column), int(asked * 1.5)))
    button = FILTER_BUTTON if table.filters else 0
    # A heading may take two lines, but no word of it is broken and the filter's button covers none.
    longest_word = max((text_width(word, bold=True) for word in column.header.split()), default=20)
    header = fitting_width([column.header], 2, longest_word + 2, 260) + button + PADDING + INDENT
    if column.kind == "long_text":
        return max(header, _content_width(table, column, LONG_TEXT_WIDTH, floor=160))
    return max(header, _content_width(table, column, MOST_WIDTH), 44)


def _text_needs(table: Table, column: Column) -> int:
    """Pixels in which every text of a column stands whole."""
    if column.key not in table.frame.columns:
        return 0
    shown = sample_texts(table.frame[column.key], column)
    return max((text_width(text) for text in shown), default=0) + PADDING + INDENT


def _content_width(table: Table, column: Column, most: int, floor: int = 0) -> int:
    if column.key not in table.frame.columns:
        return floor
    shown = sample_texts(table.frame[column.key], column)
    widest = max((text_width(text) for text in shown), default=0)
    total = 0
    if has_totals(table) and column.total == "sum":
        total = text_width(format_number(float(_sum(table.frame[column.key])), column), bold=True)
    choices = max((text_width(choice) + FILTER_BUTTON for choice in column.choices), default=0)
    extra = 10 if column.kind != "date" else 2
    return min(max(widest, total, choices, floor) + extra + PADDING, most)


def _sum(values: Any) -> float:
    try:
        return float(values.sum())
    except (TypeError, ValueError):
        return 0.0


def sample_texts(values: Any, column: Column) -> list[str]:
    """The longest of a column's values as they will be shown (of a sample, where there are many)."""
    if values.dtype.kind in "iuf" and (column.kind not in ("id", "flag") or len(values) > SAMPLE):
        # Numbers of a column have as many decimals each, so the longest are the least and the greatest.
        shown = values[np.isfinite(values)]
        values = pd.Series([shown.min(), shown.max()], dtype=values.dtype) if len(shown) else shown
    elif len(values) > SAMPLE:
        lengths = values.astype(str).str.len()
        values = values.loc[lengths.sort_values(kind="stable").index[-50:]]
    texts = []
    for value in column_values(values, as_text=column.kind == "id", flag=column.kind == "flag"):
        if value is None:
            continue
        if isinstance(value, int | float):
            texts.append(format_number(float(value), column))
        elif isinstance(value, str):
            texts.extend(value.split("\n")[:5])
        else:
            texts.append("2024-12-31 23:59" if column.kind == "datetime" else "2024-12-31")
    return texts


def format_number(value: float, column: Column) -> str:
    """A number about as long as its cell will show it."""
    places = column.decimals if column.decimals is not None else DECIMALS.get(column.kind, 2)
    if column.kind in ("percent", "probability"):
        return f"{value:,.{places}%}"
    return f"{value:,.{places}f}" + ("$" if column.kind == "money" else "")


# ---------------------------------------------------------------- places


def _place_item(layout: Layout, item: Any, row: int) -> int:
    column = layout.first_column
    if not isinstance(item, tuple):
        return _place(layout, item, row, column, None)
    height, pictures = 0, []
    for block in item:
        count = _columns_needed(layout, block, column)
        if isinstance(block, Chart | Image):
            pictures.append((block, column, count))
        else:
            height = max(height, _place(layout, block, row, column, count))
        column += count + _gap(block)
    # Pictures last: how many rows they cover depends on how high their neighbours make them.
    for block, at, count in pictures:
        height = max(height, _place(layout, block, row, at, count))
    return height


def _place(layout: Layout, block: Any, row: int, column: int, count: int | None) -> int:
    """Place one block; ``count`` columns are its own in a row of blocks, else the sheet's width is."""
    if isinstance(block, Stack):
        used, previous = 0, None
        for inner in block.blocks:
            used += 1 if previous is not None and _spaced(previous, inner) else 0
            used += _place(layout, inner, row + used, column, count)
            previous = inner
        return used
    if isinstance(block, Table):
        rows, columns = _place_table(layout, block, row, column), len(block.columns)
    elif isinstance(block, Facts):
        columns = count or layout.span(column, TEXT_WIDTH)
        rows = _place_facts(layout, block, row, column, columns)
    elif isinstance(block, Text):
        columns = count or layout.span(column, TEXT_WIDTH)
        rows = _place_text(layout, block, row, layout.pixels(column, columns))
    elif isinstance(block, Figures):
        columns = count or layout.span(column, TILES_WIDTH)
        rows = _place_figures(layout, block, row, column, columns)
    else:
        width, height = picture_size(block)
        columns = layout.span(column, width)
        rows, left = 0, height + 10
        while left > 0:
            left -= layout.height(row + rows)
            rows += 1
    layout.placed.append(Placed(block, row, column, rows, columns, layout.pixels(column, columns)))
    layout.last_column = max(layout.last_column, column + columns - 1)
    return rows


def picture_size(block: Chart | Image) -> tuple[int, int]:
    """Pixels of a chart or image on the sheet."""
    if isinstance(block, Chart):
        return block.width, block.height
    width, height = png_size(block.content)
    return int(width * block.scale), int(height * block.scale)


def png_size(content: bytes) -> tuple[int, int]:
    """Width and height of a PNG."""
    if content[:8] != b"\x89PNG\r\n\x1a\n" or len(content) < 24:
        raise DeliveryError("an image is no PNG", allowed="PNG bytes")
    width, height = struct.unpack(">II", content[16:24])
    return int(width), int(height)


def _place_table(layout: Layout, table: Table, row: int, column: int) -> int:
    shape = table_shape(table)
    if shape.title is not None:
        layout.taller(row + shape.title, 26)
    if shape.note is not None:
        layout.taller(row + shape.note, 22)
    button = FILTER_BUTTON if table.filters else 0
    lines = 1
    for i, each in enumerate(table.columns):
        room = layout.width(column + i) - button - PADDING + 2
        lines = max(lines, wrapped_lines(each.header, room, bold=True))
    layout.taller(row + shape.header, 8 + 19 * lines)
    for i, each in enumerate(table.columns):
        if each.kind == "long_text" and each.key in table.frame.columns:
            room = layout.width(column + i) - PADDING - INDENT
            for n, value in enumerate(table.frame[each.key].tolist()):
                # Most texts take one line, which is quickly seen.
                if isinstance(value, str) and (text_width(value) > room or "\n" in value):
                    lines = min(wrapped_lines(value, room), 12)
                    if lines > 1:
                        layout.taller(row + shape.first + n, 3 + 19 * lines)
    return shape.height


def _place_facts(layout: Layout, facts: Facts, row: int, column: int, columns: int) -> int:
    used = 0
    if facts.title:
        layout.taller(row, 26)
        used = 1
    room = layout.pixels(column + 1, max(columns - 1, 1)) - PADDING
    for label, value in facts.rows:
        shown = value.value if isinstance(value, Figure) else value
        lines = wrapped_lines(shown, room) if isinstance(shown, str) else 1
        lines = max(lines, wrapped_lines(str(label), layout.width(column) - PADDING, bold=True))
        layout.taller(row + used, 3 + 19 * lines)
        used += 1
    return used


def _place_text(layout: Layout, text: Text, row: int, width: int) -> int:
    if text.style == "heading":
        layout.taller(row, 28)
    else:
        indent = 20 if text.style == "bullet" else 8 if text.style in ("warning", "good") else 0
        layout.taller(row, 4 + 19 * wrapped_lines(text.text, width - indent - PADDING))
    return 1


def tiles(layout: Layout, figures: Figures, column: int, columns: int) -> list[list[tuple[Figure, int, int]]]:
    """Figures as lines of tiles: each with its first column and how many columns it takes.

    Args:
        layout: the sheet's columns in pixels.
        figures: the headline figures of one block.
        column: first column of the block, counted from 0.
        columns: how many columns the block may take.
    """
    lines: list[list[tuple[Figure, int, int]]] = [[]]
    at, end = column, column + columns
    for figure in figures.figures:
        least = max(TILE_WIDTH, text_width(figure.label, size=10) + 18)
        span = layout.span(at, least)
        if at + span > end and lines[-1]:
            lines.append([])
            at = column
            span = layout.span(at, least)
        lines[-1].append((figure, at, span))
        at += span
    return lines


def _place_figures(layout: Layout, figures: Figures, row: int, column: int, columns: int) -> int:
    used = 0
    for n, line in enumerate(tiles(layout, figures, column, columns)):
        if n:
            layout.heights.setdefault(row + used, 8)
            used += 1
        notes = max(wrapped_lines(f.note, layout.pixels(at, span) - 16, size=9) for f, at, span in line)
        layout.taller(row + used, 24)
        layout.taller(row + used + 1, 36)
        layout.taller(row + used + 2, 8 + 16 * notes)
        used += 3
    return used
