"""Turn a :class:`~icp_xl.reports.spec.ReportBook` into a workbook file: the one renderer of the package.

Report files, sheets that are put into another workbook, and the open Excel all get what this writes. Same book and
clock, same bytes.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import xlsxwriter
from xlsxwriter.exceptions import XlsxWriterException

from icp_xl.delivery.render import layout as layouts
from icp_xl.delivery.render.blocks import write_facts, write_figures, write_image, write_text
from icp_xl.delivery.render.charts import write_chart
from icp_xl.delivery.render.excel_names import Names, NamesTaken
from icp_xl.delivery.render.form_controls import add_controls, place_controls
from icp_xl.delivery.render.references import ChartLocation, RenderResult, TableLocation, resolve_references
from icp_xl.delivery.render.row_blocks import RowBlock, write_with_rows
from icp_xl.delivery.render.tables import write_table
from icp_xl.delivery.render.theme import FONT, FONT_SIZE, NAVY, ORANGE, TEAL
from icp_xl.delivery.render.writer import SheetWriter, Styles
from icp_xl.errors import DeliveryError
from icp_xl.opc.plain_text import plain_text
from icp_xl.outputs import replacing
from icp_xl.reports.spec import Chart, Facts, Figures, Image, ReportBook, Sheet, Table, Text, tables_of

#: Width and height of the window in pixels; it fits the screen of a small laptop.
WINDOW = (1280, 680)
#: About how many rows of a table stand on a page; the header of one that ends a sheet is repeated from there on.
ROWS_OF_A_PAGE = 25
_TABS = {"report": TEAL, "data": NAVY, "method": "#8A979F"}
__all__ = ["NamesTaken", "RenderResult", "render_book", "render_bytes"]


def render_book(
    book: ReportBook,
    path: Path,
    *,
    clock: datetime | None = None,
    date_1904: bool = False,
    names_taken: NamesTaken | None = None,
) -> RenderResult:
    """Write ``book`` to the file at ``path``, in one step, and say what stands where.

    Args:
        book: what to show.
        path: a file that is replaced whole.
        clock: time in the file's properties (now, when ``None``); with it the bytes depend on the book alone.
        date_1904: count days as a workbook of the old Macintosh does.
        names_taken: names of the workbook that the sheets will be put into; ours give way.

    Raises:
        DeliveryError: a sheet is larger than Excel allows, a formula or chart names what is not there, or the file
            cannot be written.
    """
    try:
        with replacing(Path(path)) as handle:
            return _render(book, handle, clock, date_1904, names_taken)
    except OSError as error:
        raise DeliveryError(
            "the workbook cannot be written",
            where=Path(path).name,
            got=error.strerror,
            next_step="Close it if it is open in Excel, or choose another folder with --out.",
        ) from None


def render_bytes(
    book: ReportBook,
    *,
    clock: datetime | None = None,
    date_1904: bool = False,
    names_taken: NamesTaken | None = None,
) -> tuple[bytes, RenderResult]:
    """The bytes of the workbook, and what stands where; see :func:`render_book`.

    Args:
        book: the sheets.
        clock: moment of making that the file names; now by default.
        date_1904: dates count from 1904.
        names_taken: names that are in use already where the sheets go.
    """
    out = io.BytesIO()
    result = _render(book, out, clock, date_1904, names_taken)
    return out.getvalue(), result


def _render(
    book: ReportBook, out: BinaryIO, clock: datetime | None, date_1904: bool, names_taken: NamesTaken | None
) -> RenderResult:
    _check_book(book)
    names = Names(names_taken or NamesTaken())
    sheets = {sheet.name: names.sheet(sheet.name) for sheet in book.sheets}
    plans = {sheet.name: layouts.plan(sheet) for sheet in book.sheets}
    tables = _place_tables(plans, sheets, names)
    stamp = clock or datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    buffer = io.BytesIO()
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "remove_timezone": True,
        "date_1904": date_1904,
        "default_format_properties": {"font_name": FONT, "font_size": FONT_SIZE},
    }
    charts: list[ChartLocation] = []
    notes: list[str] = []
    blocks: dict[str, list[RowBlock]] = {}
    formulas = 0
    try:
        workbook = xlsxwriter.Workbook(buffer, options)
        about = {"title": plain_text(book.title), "created": stamp}
        workbook.set_properties(about)
        workbook.set_size(*WINDOW)
        styles = Styles(workbook, book.currency)
        for number, sheet in enumerate(book.sheets, 1):
            writer = SheetWriter(workbook, sheets[sheet.name], styles, plans[sheet.name], tables, sheets)
            _write_sheet(writer, sheet, book)
            charts += writer.charts
            notes += writer.notes
            formulas += writer.formulas
            if writer.worksheet.blocks:
                blocks[f"xl/worksheets/sheet{number}.xml"] = writer.worksheet.blocks
        twice = [name for name, times in Counter(name.casefold() for name in book.names).items() if times > 1]
        if twice:
            raise DeliveryError("names differ by case alone; Excel takes them for one", got=", ".join(twice))
        for name, formula in book.names.items():
            workbook.define_name(name, resolve_references(formula, tables))
        workbook.close()
    except XlsxWriterException as error:
        raise DeliveryError("the workbook cannot be rendered", got=error) from error
    controls = place_controls(book, sheets, tables)
    content = add_controls(buffer.getvalue(), controls) if controls else buffer.getvalue()
    write_with_rows(content, blocks, out)
    return RenderResult(sheets, tables, tuple(charts), formulas, tuple(notes))


def _check_book(book: ReportBook) -> None:
    if not book.sheets:
        raise DeliveryError("a book needs at least one sheet", where=book.title)
    names = [sheet.name for sheet in book.sheets]
    tables = [table.name for sheet in book.sheets for table in tables_of(sheet.blocks)]
    for kind, found in (("sheet", names), ("table", tables)):
        twice = sorted({name for name in found if found.count(name) > 1})
        if twice:
            raise DeliveryError(f"two {kind}s of a book have the same name", where=book.title, got=", ".join(twice))
    for sheet in book.sheets:
        for table in tables_of(sheet.blocks):
            missing = [c.key for c in table.columns if c.key not in table.frame.columns]
            if missing or not table.columns:
                raise DeliveryError(
                    "a table's frame lacks columns that are to be shown",
                    where=f"sheet {sheet.name}, table {table.name}",
                    got=", ".join(missing) or "no columns",
                )


def _place_tables(
    plans: Mapping[str, layouts.Layout], sheets: Mapping[str, str], names: Names
) -> dict[str, TableLocation]:
    tables: dict[str, TableLocation] = {}
    for name, plan in plans.items():
        for placed in plan.placed:
            if not isinstance(placed.block, Table):
                continue
            table, shape = placed.block, layouts.table_shape(placed.block)
            tables[table.name] = TableLocation(
                name=table.name,
                excel_name=names.table(table.name),
                sheet=sheets[name],
                header_row=placed.row + shape.header,
                first_row=placed.row + shape.first,
                last_row=placed.row + shape.last,
                first_column=placed.column,
                rows=len(table.frame),
                columns={column.key: placed.column + i for i, column in enumerate(table.columns)},
                totals_row=None if shape.totals is None else placed.row + shape.totals,
                key=table.key,
                editable=tuple(column.key for column in table.columns if column.editable),
            )
    return tables


def _write_sheet(writer: SheetWriter, sheet: Sheet, book: ReportBook) -> None:
    plan = writer.layout
    for column in range(plan.first_column + plan.last_column + 1):
        writer.worksheet.set_column_pixels(column, column, plan.width(column))
    for row, pixels in sorted(plan.heights.items()):
        writer.worksheet.set_row_pixels(row, pixels)
    writer.text(0, plan.first_column, sheet.title, writer.styles.get(bold=True, font_size=18, font_color=NAVY))
    if sheet.subtitle:
        writer.wide_text(1, plan.first_column, plan.span(plan.first_column, layouts.TEXT_WIDTH), sheet.subtitle,
                         writer.styles.get(font_color="#6B7780", text_wrap=True, valign="top"))  # fmt: skip
    for placed in plan.placed:
        block = placed.block
        if isinstance(block, Table):
            write_table(writer, placed, block)
        elif isinstance(block, Chart):
            write_chart(writer, placed, block)
        elif isinstance(block, Figures):
            write_figures(writer, placed, block)
        elif isinstance(block, Facts):
            write_facts(writer, placed, block)
        elif isinstance(block, Text):
            write_text(writer, placed, block)
        elif isinstance(block, Image):
            write_image(writer, placed, block)
    _set_view_and_print(writer, sheet, book)


def _set_view_and_print(writer: SheetWriter, sheet: Sheet, book: ReportBook) -> None:
    worksheet, plan = writer.worksheet, writer.layout
    worksheet.hide_gridlines(2)
    worksheet.set_tab_color(sheet.tab_colour or _TABS.get(sheet.kind, ORANGE))
    if not sheet.portrait:
        worksheet.set_landscape()
    worksheet.set_paper(9 if book.paper == "a4" else 1)
    worksheet.fit_to_pages(1, 1 if sheet.one_page else 0)
    worksheet.center_horizontally()
    worksheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
    left, right = (plain_text(text, 90).replace("&", "&&") for text in (book.title, book.footer))
    # The blank after the size: without it, a text that begins with a digit is read as part of the size.
    worksheet.set_footer(f"&L&8 {left} - {plain_text(sheet.name, 31).replace('&', '&&')}&C&8 Page &P of &N&R&8 {right}")
    table = writer.tables.get(sheet.freeze_table) if sheet.freeze_table else None
    if table is not None and not sheet.freeze_whole:
        below = (each for each in writer.tables.values() if each.sheet == writer.name)
        # Its header would stand above the rows of another table.
        table = None if any(each.header_row > table.last_row for each in below) else table
    if table is not None:
        # A tall block above the header would leave no room to scroll in.
        last = table.last_row if sheet.freeze_whole else table.header_row
        above = sum(plan.height(row) for row in range(last))
        if above <= 320:
            column = table.first_column + sheet.freeze_columns if sheet.freeze_columns else 0
            worksheet.freeze_panes(last + 1, column)
    _set_print_area(writer, sheet, None if sheet.freeze_whole else table)
    if sheet.protected:
        allowed = ("objects", "scenarios", "sort", "autofilter", "format_columns", "format_rows", "format_cells")
        worksheet.protect("", dict.fromkeys(allowed, True))


def _set_print_area(writer: SheetWriter, sheet: Sheet, table: TableLocation | None) -> None:
    worksheet, plan = writer.worksheet, writer.layout
    if not sheet.printed:
        # Neither Excel nor LibreOffice makes a page of nothing, and the row under the title is blank.
        row = 2 if sheet.subtitle else 1
        worksheet.print_area(row, 0, row, 0)
        return
    if table is None:
        last = (each for each in plan.placed if isinstance(each.block, Table) and each.row + each.rows > plan.last_row)
        long = (writer.tables[each.block.name] for each in last if each.rows > ROWS_OF_A_PAGE)  # type: ignore[union-attr]
        table = max(long, key=lambda each: each.rows, default=None)
    if table is not None:
        worksheet.repeat_rows(table.header_row)
    last_row = plan.last_row
    if table is not None and sheet.printed_rows is not None:
        last_row = min(last_row, table.header_row + sheet.printed_rows)
    worksheet.print_area(0, 0, max(last_row, 1), writer.print_last_column(sheet))
