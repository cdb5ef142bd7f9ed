"""One sheet being written: styles made once, cells written with every refusal noticed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from icp_xl.delivery.render.cell_values import cached_text, cell_text
from icp_xl.delivery.render.layout import TEXT_WIDTH, Layout
from icp_xl.delivery.render.references import ChartLocation, TableLocation, resolve_references
from icp_xl.delivery.render.row_blocks import BlockSheet
from icp_xl.delivery.render.text_metrics import PADDING, text_width
from icp_xl.delivery.render.theme import INK
from icp_xl.errors import DeliveryError
from icp_xl.opc.references import quote_sheet
from icp_xl.reports.spec import Sheet, Table, Text


class Styles:
    """Cell formats by their properties; equal ones are made once."""

    def __init__(self, workbook: Any, currency: str) -> None:
        self.workbook = workbook
        self.currency = currency
        self._made: dict[tuple[tuple[str, Any], ...], Any] = {}

    def get(self, **properties: Any) -> Any:
        """The format with these properties."""
        base = {"font_color": INK, "valign": "vcenter", **properties}
        key = tuple(sorted(base.items()))
        if key not in self._made:
            self._made[key] = self.workbook.add_format(base)
        return self._made[key]


class SheetWriter:
    """Writes into one worksheet and keeps account of it."""

    def __init__(
        self,
        workbook: Any,
        name: str,
        styles: Styles,
        layout: Layout,
        tables: Mapping[str, TableLocation],
        sheets: Mapping[str, str],
    ) -> None:
        self.workbook = workbook
        self.name = name
        self.styles = styles
        self.layout = layout
        self.tables = tables
        self.sheets = sheets
        self.worksheet = workbook.add_worksheet(name, BlockSheet)
        self.charts: list[ChartLocation] = []
        self.notes: list[str] = []
        self.formulas = 0
        self.quiet_areas: list[str] = []

    def text(self, row: int, column: int, text: str, style: Any) -> None:
        """A string cell, whatever the text looks like.

        Args:
            row: counted from 0.
            column: likewise.
            text: cut at what a cell of Excel holds.
            style: a format of the book.
        """
        self.checked(self.worksheet.write_string(row, column, cell_text(text), style), row, column)

    def value(self, row: int, column: int, value: Any, style: Any) -> None:
        """A cell of a cleaned value (see :func:`icp_xl.delivery.render.cell_values.cell_value`).

        Args:
            row: counted from 0.
            column: likewise.
            value: text, number, date or nothing.
            style: a format of the book.
        """
        # The methods without an underscore look first whether the row is meant as the text of an address.
        worksheet = self.worksheet
        if value is None:
            code = worksheet._write_blank(row, column, None, style)
        elif isinstance(value, str):
            code = worksheet._write_string(row, column, value, style)
        elif isinstance(value, datetime):
            code = worksheet._write_datetime(row, column, value, style)
        else:
            code = worksheet._write_number(row, column, value, style)
        self.checked(code, row, column)

    def formula(
        self, row: int, column: int, formula: str, style: Any, value: Any, table: TableLocation | None = None
    ) -> None:
        """A formula cell with the value that it shows before anything recalculates.

        Args:
            row: counted from 0.
            column: likewise.
            formula: with references to tables of the report, which become cells.
            style: a format of the book.
            value: what the cell shows before anything recalculates.
            table: the table whose row the formula speaks of.
        """
        self.ready_formula(row, column, self.formula_text(formula, table, row), style, value)

    def ready_formula(self, row: int, column: int, text: str, style: Any, value: Any) -> None:
        """:meth:`formula` of a text that :meth:`formula_text` gave."""
        cached = "" if value is None else value
        if isinstance(cached, datetime):
            cached = self.worksheet._convert_date_time(cached)
        if isinstance(cached, str):
            cached = cached_text(cached)
        self.checked(self.worksheet._write_formula(row, column, text, style, cached), row, column)
        self.formulas += 1

    def array_formula(self, row: int, column: int, formula: str, style: Any, values: Sequence[Any]) -> None:
        """One formula for cells below each other, of which each shows its part of the result.

        Args:
            row: of the first cell, counted from 0.
            column: likewise.
            formula: as :meth:`formula` takes it.
            style: a format of the book.
            values: what each cell shows before anything recalculates.
        """
        text, last = self.formula_text(formula, None, row), row + len(values) - 1
        code = self.worksheet.write_array_formula(row, column, last, column, f"{{{text}}}", style, values[0])
        self.checked(code, row, column)
        for i, value in enumerate(values[1:], row + 1):
            self.value(i, column, value, style)
        self.formulas += len(values)

    def formula_text(self, formula: str, table: TableLocation | None, row: int | str) -> str:
        """A formula as XlsxWriter takes it; see :func:`resolve_references`."""
        text = resolve_references(formula, self.tables, table=table, row=row)
        # XlsxWriter takes a last brace for that of an array formula and drops it.
        return f"=({text[1:]})" if text.endswith("}") else text

    def wide_text(self, row: int, column: int, columns: int, text: str, style: Any) -> None:
        """Text over several columns.

        Args:
            row: counted from 0.
            column: the first one, likewise.
            columns: how many.
            text: cut at what a cell of Excel holds.
            style: a format of the book.
        """
        if columns > 1:
            self.worksheet.merge_range(row, column, row, column + columns - 1, "", style)
        self.text(row, column, text, style)

    def wide_value(
        self, row: int, column: int, columns: int, value: Any, style: Any, formula: str | None = None
    ) -> None:
        """A value or formula over several columns.

        Args:
            row: counted from 0.
            column: the first one, likewise.
            columns: how many.
            value: as :meth:`value` takes it; beside a formula, what it shows at first.
            style: a format of the book.
            formula: written instead of the value, where there is one.
        """
        if columns > 1:
            self.worksheet.merge_range(row, column, row, column + columns - 1, "", style)
        if formula is not None:
            self.formula(row, column, formula, style, value)
        else:
            self.value(row, column, value, style)

    def link(self, row: int, column: int, target: str, text: str, style: Any) -> None:
        """A link to a sheet of the book (by its name there) or to a web address.

        Args:
            row: counted from 0.
            column: likewise.
            target: a sheet's name in the report, or an address.
            text: what the cell shows.
            style: a format of the book.
        """
        if target in self.sheets:
            target = f"internal:{quote_sheet(self.sheets[target])}!A1"
        self.checked(self.worksheet.write_url(row, column, target, style, cell_text(text)), row, column)

    def checked(self, code: int | None, row: int, column: int) -> None:
        """Turn a refusal, which the writer only answers, into an error."""
        if code:
            reasons = {-1: "outside the sheet", -2: "longer than a cell holds", -3: "an address too long for a link"}
            raise DeliveryError(
                "a cell could not be written",
                where=f"sheet {self.name}, row {row + 1}, column {column + 1}",
                got=reasons.get(code, f"answer {code}"),
            )

    def print_last_column(self, sheet: Sheet) -> int:
        """The last column to print: without the trailing columns that tables leave out.

        Texts of a data sheet may end beyond its table, and are printed whole where that leaves out no column.
        """
        plan, tables, others, leaves_out = self.layout, 0, 0, False
        if sheet.subtitle and sheet.kind == "data":
            others = plan.first_column + plan.span(plan.first_column, min(text_width(sheet.subtitle), TEXT_WIDTH)) - 1
        for placed in plan.placed:
            columns = placed.columns
            if isinstance(placed.block, Table):
                shown = [not column.hidden_from_print for column in placed.block.columns]
                columns = max((i + 1 for i, keep in enumerate(shown) if keep), default=columns)
                tables, leaves_out = max(tables, placed.column + columns - 1), leaves_out or columns < len(shown)
                continue
            if isinstance(placed.block, Text) and sheet.kind == "data":
                columns = plan.span(placed.column, text_width(placed.block.text) + PADDING, columns)
            others = max(others, placed.column + columns - 1)
        last = tables if leaves_out and sheet.kind == "data" else max(tables, others)
        return last or max(plan.last_column, 1)
