"""Where everything was placed, and formulas written in terms of tables turned into formulas of cells."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from xlsxwriter.utility import xl_col_to_name

from icp_xl.errors import DeliveryError
from icp_xl.opc.references import quote_sheet
from icp_xl.reports.spec import Ref

_TEMPLATE = re.compile(r"\{([A-Za-z_]\w*)(?:\.([A-Za-z_]\w*(?:\.\.[A-Za-z_]\w*)?|\*))?(?::(\d+)(?:-(\d+))?)?\}")
_CALL = re.compile(r"(?<![\w.])([A-Z][A-Z0-9.]*)\(")
#: Functions that came after Excel 2007; those with a dot in their name are later too, but for a few. XlsxWriter's
#: ``use_future_functions`` makes NORM.INV of NORMSINV, changes texts in quotes, and leaves defined names alone.
_LATER = frozenset("""
    ACOT ACOTH AGGREGATE ANCHORARRAY ARABIC ARRAYTOTEXT BASE BITAND BITLSHIFT BITOR BITRSHIFT BITXOR BYCOL BYROW
    CHOOSECOLS CHOOSEROWS COMBINA CONCAT COT COTH CSC CSCH DAYS DECIMAL DROP EXPAND FILTER FILTERXML FORMULATEXT
    GAMMA GAUSS HSTACK IFNA IFS IMAGE IMCOSH IMCOT IMCSC IMCSCH IMSEC IMSECH IMSINH IMTAN ISFORMULA ISOMITTED
    ISOWEEKNUM LAMBDA LET MAKEARRAY MAP MAXIFS MINIFS MUNIT NUMBERVALUE PDURATION PERMUTATIONA PHI QUERYSTRING
    RANDARRAY REDUCE RRI SCAN SEC SECH SEQUENCE SHEET SHEETS SINGLE SORT SORTBY SWITCH TAKE TEXTAFTER TEXTBEFORE
    TEXTJOIN TEXTSPLIT TOCOL TOROW UNICHAR UNICODE UNIQUE VALUETOTEXT VSTACK WEBSERVICE WRAPCOLS WRAPROWS
    XLOOKUP XMATCH XOR
""".split())  # fmt: skip
_OLD_WITH_A_DOT = frozenset({"ISO.CEILING", "NETWORKDAYS.INTL", "WORKDAY.INTL", "ERROR.TYPE"})
#: Of these, those that have a second prefix.
_OF_WORKSHEETS = frozenset({"FILTER", "SORT"})


@dataclass(frozen=True)
class TableLocation:
    """A table in the written workbook. Rows and columns count from 0; ``rows`` are data rows, 0 when it is empty."""

    name: str
    excel_name: str
    sheet: str
    header_row: int
    first_row: int
    last_row: int
    first_column: int
    rows: int
    columns: Mapping[str, int]
    totals_row: int | None = None
    key: str | None = None
    editable: tuple[str, ...] = ()

    def letter(self, key: str) -> str:
        """The letters of a column."""
        return str(xl_col_to_name(self._column(key)))

    def range(self, key: str, rows: int | None = None) -> str:
        """All cells (or the first ``rows``) of a column, absolute, with the sheet."""
        letter = self.letter(key)
        last = self.last_row if rows is None else min(self.last_row, self.first_row + max(rows, 1) - 1)
        return f"{quote_sheet(self.sheet)}!${letter}${self.first_row + 1}:${letter}${last + 1}"

    def cell(self, key: str, number: int) -> str:
        """The cell of a column in the ``number``-th row (from 1), absolute, with the sheet."""
        return f"{quote_sheet(self.sheet)}!${self.letter(key)}${self.first_row + number}"

    def slice(self, key: str, first: int, last: int) -> str:
        """The cells of a column from one row to another (from 1, both included), absolute, with the sheet."""
        return f"{self.cell(key, first)}:${self.letter(key)}${self.first_row + last}"

    def between(self, first: str, last: str) -> str:
        """The cells of the columns from one to another, absolute, with the sheet."""
        start, end = self.range(first).split(":")[0], self.range(last).split(":")[1]
        return f"{start}:{end}"

    @property
    def block(self) -> str:
        """The cells of all columns, absolute, with the sheet."""
        right = xl_col_to_name(self.first_column + len(self.columns) - 1)
        first = f"${xl_col_to_name(self.first_column)}${self.first_row + 1}"
        return f"{quote_sheet(self.sheet)}!{first}:${right}${self.last_row + 1}"

    @property
    def ref(self) -> str:
        """The range of the native table, header and totals included, without the sheet."""
        last = self.totals_row if self.totals_row is not None else self.last_row
        right = xl_col_to_name(self.first_column + len(self.columns) - 1)
        return f"{xl_col_to_name(self.first_column)}{self.header_row + 1}:{right}{last + 1}"

    def _column(self, key: str) -> int:
        if key not in self.columns:
            raise DeliveryError(
                "a formula or chart names a column that its table does not have",
                where=f"table {self.name}",
                got=key,
                allowed=", ".join(self.columns),
            )
        return self.columns[key]


@dataclass(frozen=True)
class ChartLocation:
    """A chart in the written workbook and the cell of its upper left corner (counted from 0)."""

    title: str
    sheet: str
    row: int
    column: int


@dataclass(frozen=True)
class RenderResult:
    """What was written where.

    ``sheets`` maps the sheet names of the book to those in the file, ``tables`` our table names to their places;
    ``notes`` says what had to be cut or left out.
    """

    sheets: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[str, TableLocation] = field(default_factory=dict)
    charts: tuple[ChartLocation, ...] = ()
    formulas: int = 0
    notes: tuple[str, ...] = ()


def resolve_references(
    formula: str, tables: Mapping[str, TableLocation], *, table: TableLocation | None = None, row: int | str = 0
) -> str:
    """A formula of the sheet language as a formula of cells, with the leading ``=``.

    ``table`` and ``row`` (counted from 0, in the sheet) are where a column formula stands.

    Args:
        formula: with or without its leading ``=``.
        tables: where each table stands.
        table: the table of a column formula.
        row: its row, counted from 0, in the sheet; or a text that stands for the number of the row.
    """
    number_of_row = row if isinstance(row, str) else str(row + 1)

    def place(match: re.Match[str]) -> str:
        name, column, number, last = match.groups()
        if column is None:
            if table is None:
                return match.group(0)
            return f"${table.letter(name)}{number_of_row}"
        found = find(tables, name, formula)
        if column == "*":
            return found.block
        if number is None:
            first, _, end = column.partition("..")
            return found.range(first) if not end else found.between(first, end)
        return found.cell(column, int(number)) if last is None else found.slice(column, int(number), int(last))

    return "=" + with_prefixes(_TEMPLATE.sub(place, formula.removeprefix("=")))


def with_prefixes(formula: str) -> str:
    """Functions that came after Excel 2007 with the prefix that the file wants; texts in quotes stay as they are.

    >>> with_prefixes('NORM.S.INV(A1)+NORMSINV(A1)&"IFNA("')
    '_xlfn.NORM.S.INV(A1)+NORMSINV(A1)&"IFNA("'
    """
    parts = formula.split('"')
    parts[::2] = [_CALL.sub(_prefixed, part) for part in parts[::2]]
    return '"'.join(parts)


def _prefixed(call: re.Match[str]) -> str:
    name = call[1]
    later = name in _LATER or ("." in name and name not in _OLD_WITH_A_DOT)
    return f"{'_xlfn.' if later else ''}{'_xlws.' if name in _OF_WORKSHEETS else ''}{name}("


def find(tables: Mapping[str, TableLocation], name: str, where: str) -> TableLocation:
    """The table ``name`` of the book."""
    if name not in tables:
        raise DeliveryError(
            "a formula or chart names a table that the book does not have",
            where=where[:120],
            got=name,
            allowed=", ".join(tables),
        )
    return tables[name]


def ref_range(ref: Ref, tables: Mapping[str, TableLocation], where: str) -> str:
    """The cells that ``ref`` names, as a formula."""
    return "=" + find(tables, ref.table, where).range(ref.column, ref.rows)
