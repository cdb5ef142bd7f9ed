"""What a sheet shows, said without knowing any file: the language between ``reports`` and ``delivery``.

A :class:`ReportBook` holds sheets; a sheet holds blocks from top to bottom (a tuple of blocks stands side by side).
Charts and formulas name their data as :class:`Ref` (table, column), never as cell addresses; the renderer resolves
them, so a block may move without breaking another. Every formula carries the value it must show, because many readers
(phones, previews) never recalculate.

Formulas (of columns, figures and names) are Excel formulas, with or without the leading ``=``, in which

- ``{column_key}`` is the cell of that column in the same row (column formulas only),
- ``{table.column_key}`` is all the cells of that column, as an absolute range with its sheet,
- ``{table.*}`` is the cells of all its columns, ``{table.first_key..last_key}`` of those from one to another,
- ``{table.column_key:3}`` is the third of them (the rows count from 1), ``{table.column_key:3-9}`` the third to ninth.

Anything else in braces, such as an array constant, stays as it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from icp_xl.errors import DeliveryError

if TYPE_CHECKING:
    import pandas as pd

#: How a column or a figure is shown. ``id`` stays text whatever it looks like.
Kind = Literal[
    "text", "id", "long_text", "integer", "number", "money", "percent", "probability", "score", "weight", "date",
    "datetime", "grade", "flag",
]  # fmt: skip
Rule = Literal["none", "data_bar", "grade", "scale", "scale_reversed", "flag", "status", "sign"]
ChartKind = Literal["column", "stacked_column", "bar", "stacked_bar", "line", "area", "scatter", "radar", "pie", "box"]


@dataclass(frozen=True)
class Ref:
    """A column of a table on some sheet of the book; ``rows`` limits it to the first so many."""

    table: str
    column: str
    rows: int | None = None


@dataclass(frozen=True)
class Control:
    """A scroll bar or spin button for each cell of a column; it stands in the column ``beside``, in the same row.

    ``low`` and ``high`` are whole numbers from 0 to 30,000, as form controls have them.
    """

    kind: Literal["scroll", "spin"]
    beside: str
    low: int = 0
    high: int = 100
    step: int = 1
    page: int = 10


@dataclass(frozen=True)
class Column:
    """One column of a table.

    ``formula`` is an Excel formula for each row, written as the module says, or a list with a formula for each row;
    the frame still holds the cached values. Numbers are shown divided by 1,000 ``thousands`` times.
    A ``shared`` formula of a large table is written once; LibreOffice then keeps such cells together in memory.
    An ``array`` formula is one for all rows, of which each shows its part of the result.
    ``width`` is in characters; without it the renderer takes what header and content need. ``note`` is shown when
    the header is selected. A trailing run of ``hidden_from_print`` columns is left out of the print area.
    ``limits`` are the least and greatest number that may be typed, ``control`` moves the cells with the mouse.
    ``editable`` marks cells that are the reader's to fill; what he types survives the next run (matched by the
    table's ``key``). ``choices`` gives them a drop-down, ``choices_from`` one of the
    cells of another column, beside which anything else may be typed.
    """

    key: str
    header: str
    kind: Kind = "text"
    width: float | None = None
    rule: Rule = "none"
    note: str | None = None
    formula: str | Sequence[str] | None = None
    editable: bool = False
    choices: Sequence[str] = ()
    choices_from: Ref | None = None
    total: Literal["sum", "average", "count", "none"] = "none"
    decimals: int | None = None
    thousands: int = 0
    shared: bool = False
    array: bool = False
    align: Literal["left", "center", "right"] | None = None
    hidden_from_print: bool = False
    limits: tuple[float, float] | None = None
    control: Control | None = None


@dataclass(frozen=True)
class Table:
    """A native Excel table; ``frame`` holds at least the columns' keys, in the order to be shown.

    With an ``array`` column it is cells that look like one: Excel allows no array formula over cells of a native table.

    ``name`` is unique in the book and becomes the table's name with the prefix ``icp_``. ``key`` names the column
    that identifies a row when the reader's own entries are carried over.

    Raises:
        DeliveryError: the frame has a column to be shown more than once.
    """

    name: str
    columns: Sequence[Column]
    frame: pd.DataFrame
    title: str | None = None
    key: str | None = None
    totals: bool = False
    empty_text: str = "Nothing to show."
    banded: bool = True
    filters: bool = True

    @property
    def is_native(self) -> bool:
        """Whether it is a table to Excel too."""
        return not any(column.array for column in self.columns)

    def __post_init__(self) -> None:
        """Refuse a frame of which a column to be shown is more than one."""
        times = Counter(self.frame.columns)
        twice = dict.fromkeys(c.key for c in self.columns if times[c.key] > 1)
        if twice:
            raise DeliveryError(
                "a table's frame has columns of the same name",
                where=f"table {self.name}",
                got=", ".join(f"{key} ({times[key]} times)" for key in twice),
                next_step="Rename or drop all but one of each; the headers shown may be the same.",
            )


@dataclass(frozen=True)
class Series:
    """One series of a chart; ``error_bars`` are lengths below and above, either of which may be absent."""

    name: str
    categories: Ref | None
    values: Ref
    colour: str | None = None
    kind: ChartKind | None = None
    second_axis: bool = False
    trendline: bool = False
    dashed: bool = False
    marker: bool = True
    gap: int | None = None
    error_bars: tuple[Ref | None, Ref | None] | None = None
    labels: bool = False
    point_colours: Sequence[str] = ()


@dataclass(frozen=True)
class Chart:
    """A native chart; ``alt_text`` says what it shows to those who cannot see it."""

    kind: ChartKind
    title: str
    series: Sequence[Series]
    alt_text: str
    x_title: str | None = None
    y_title: str | None = None
    x_format: str | None = None
    y_format: str | None = None
    x_range: tuple[float | None, float | None] = (None, None)
    y_range: tuple[float | None, float | None] = (None, None)
    width: int = 560
    height: int = 320
    legend: bool = True
    log_x: bool = False
    log_y: bool = False
    crossing: float | None = None


@dataclass(frozen=True)
class Text:
    """Words: a heading, a paragraph, a list item, a note in grey, or a warning."""

    text: str
    style: Literal["heading", "paragraph", "bullet", "note", "warning", "good"] = "paragraph"
    link: str | None = None


@dataclass(frozen=True)
class Figure:
    """One headline figure: a label, a value, and a short line below it. ``formula`` makes it live."""

    label: str
    value: Any
    kind: Kind = "number"
    note: str = ""
    formula: str | None = None
    decimals: int | None = None
    tone: Literal["plain", "good", "bad", "warning"] = "plain"


@dataclass(frozen=True)
class Figures:
    """A row of headline figures, as tiles."""

    figures: Sequence[Figure]


@dataclass(frozen=True)
class Facts:
    """Label and value pairs, one a line: settings, definitions, a run's particulars.

    A value may be a :class:`Figure`, whose kind, decimals and formula then hold (its label and note are not shown).
    """

    rows: Sequence[tuple[str, Any]]
    title: str | None = None


@dataclass(frozen=True)
class Image:
    """A picture from bytes (PNG)."""

    content: bytes
    alt_text: str
    scale: float = 1.0


Block = Text | Figures | Facts | Table | Chart | Image


@dataclass(frozen=True)
class Stack:
    """Blocks from top to bottom inside one place of a row of blocks; ``width`` in pixels where text sets it."""

    blocks: Sequence[Block]
    width: int = 420


#: What stands in one place from top to bottom of a sheet: a block, or several side by side.
Item = Block | tuple[Block | Stack, ...]


@dataclass(frozen=True)
class Sheet:
    """One sheet: its blocks from top to bottom; a tuple of blocks stands side by side.

    ``freeze_table`` names the table whose header stays in view (and is repeated in print), where no table is below it,
    and ``freeze_columns`` how many of its columns do; with ``freeze_whole`` all of it stays, and nothing is repeated. A
    ``data`` sheet is one large table: it starts in column A, without a margin. ``one_page`` prints the whole sheet on
    one page; a sheet that is not ``printed`` only feeds others, and no page of it comes with the rest; of a long list
    that begins with what is to be worked on, ``printed_rows`` rows are printed. ``protected`` locks all but editable
    cells, with no password.
    """

    name: str
    title: str
    blocks: Sequence[Item]
    subtitle: str = ""
    freeze_table: str | None = None
    freeze_columns: int = 0
    freeze_whole: bool = False
    portrait: bool = False
    one_page: bool = False
    printed: bool = True
    printed_rows: int | None = None
    tab_colour: str | None = None
    kind: Literal["report", "data", "method"] = "report"
    protected: bool = False


@dataclass(frozen=True)
class ReportBook:
    """A workbook to be: sheets in order, and defined names (name to formula) that formulas may use.

    ``footer`` is printed at the foot of every page, beside the title and the page number; ``currency`` is the sign
    that money is shown with.
    """

    sheets: Sequence[Sheet]
    title: str = "ICP report"
    subject: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    footer: str = ""
    currency: str = "$"
    paper: Literal["letter", "a4"] = "letter"


def tables_of(blocks: Sequence[Item | Stack]) -> list[Table]:
    """Every table among the blocks of a sheet, those that stand side by side or in stacks too, in their order."""
    found: list[Table] = []
    for block in blocks:
        if isinstance(block, Table):
            found.append(block)
        elif isinstance(block, tuple):
            found += tables_of(block)
        elif isinstance(block, Stack):
            found += tables_of(block.blocks)
    return found
