"""Native Excel tables: typed cells, rules that colour them, totals, drop-downs for the reader's own entries."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.worksheet import re_dynamic_function

from icp_xl.delivery.render.cell_values import cell_value, column_values
from icp_xl.delivery.render.layout import Placed, has_totals, table_shape
from icp_xl.delivery.render.references import TableLocation, ref_range
from icp_xl.delivery.render.row_blocks import LARGE, ROW_MARK, BlockColumn, RowBlock
from icp_xl.delivery.render.theme import (
    GRADE_COLOURS,
    GREY,
    INPUT_FILL,
    INPUT_LINE,
    LIGHT_TEAL,
    LINE,
    NAVY,
    PALE_GREY,
    STATUS_WORDS,
    TEAL,
    TONES,
    WHITE,
    number_format,
)
from icp_xl.delivery.render.writer import SheetWriter
from icp_xl.opc.plain_text import plain_text, unique_headers
from icp_xl.reports.spec import Chart, Column, Image, Table

_SUBTOTALS = {"average": 101, "count": 103, "sum": 109}
_CENTRED = ("grade", "flag")
_RIGHT = ("integer", "number", "money", "percent", "probability", "score", "weight")


def write_table(writer: SheetWriter, placed: Placed, table: Table) -> None:
    """Write ``table`` at its place, as a native table with filters."""
    spot = writer.tables[table.name]
    shape = table_shape(table)
    get = writer.styles.get
    if shape.title is not None and table.title:
        style = get(bold=True, font_size=12, font_color=NAVY, valign="vcenter")
        writer.text(placed.row + shape.title, placed.column, table.title, style)
    if shape.note is not None:
        writer.text(placed.row + shape.note, placed.column, table.empty_text, get(font_color=GREY, italic=True))
    names = unique_headers(column.header for column in table.columns)
    options = [
        _column_options(writer, table, column, name, spot) for column, name in zip(table.columns, names, strict=True)
    ]
    if table.is_native:
        _add_native(writer, table, spot, options)
    else:
        for i, option in enumerate(options, spot.first_column):
            writer.text(spot.header_row, i, option["header"], option["header_format"])
    if spot.totals_row is not None:
        _write_totals(writer, table, spot, names, options)
    large = _is_large(writer, placed, table)
    if large:
        _write_block(writer, table, spot)
    for i, column in enumerate(table.columns):
        if not large:
            _write_column(writer, table, column, spot, spot.first_column + i)
        _write_rule(writer, column, spot, spot.first_column + i)
        _write_input(writer, column, spot, spot.first_column + i)
        if column.note:
            _write_note(writer, names[i], column.note, spot.header_row, spot.first_column + i)
        if column.kind == "id":
            _quiet(writer, spot, spot.first_column + i)


def _add_native(writer: SheetWriter, table: Table, spot: TableLocation, options: list[dict[str, Any]]) -> None:
    last = spot.totals_row if spot.totals_row is not None else spot.last_row
    code = writer.worksheet.add_long_table(
        spot.header_row,
        spot.first_column,
        last,
        {
            "name": spot.excel_name,
            "style": "Table Style Light 1" if table.banded else None,
            "autofilter": table.filters,
            "total_row": spot.totals_row is not None,
            "columns": options,
        },
    )
    writer.checked(code, spot.header_row, spot.first_column)


def cell_style(writer: SheetWriter, column: Column, table: Table | None = None, **more: Any) -> Any:
    """The format of a column's cells."""
    properties: dict[str, Any] = {
        "num_format": number_format(column.kind, column.decimals, writer.styles.currency) + "," * column.thousands,
        "bottom": 1,
        "bottom_color": LINE,
    }
    if column.kind in _CENTRED or column.rule == "grade":
        properties["align"] = "center"
    elif column.kind in _RIGHT:
        properties |= {"align": "right", "indent": 1}
    elif column.kind in ("date", "datetime"):
        properties["align"] = "center"
    else:
        properties |= {"align": "left", "indent": 1}
    if column.align:
        properties |= {"align": column.align, "indent": 1 if column.align != "center" else 0}
    if column.kind == "long_text":
        properties["text_wrap"] = True
    if column.kind == "grade":
        properties["bold"] = True
    if column.editable:
        properties |= {"bg_color": INPUT_FILL, "border": 1, "border_color": INPUT_LINE, "locked": False}
        properties.pop("bottom")
        properties.pop("bottom_color")
    return writer.styles.get(**{**properties, **more})


def _column_options(
    writer: SheetWriter, table: Table, column: Column, name: str, spot: TableLocation
) -> dict[str, Any]:
    align = column.align or ("left" if column.kind in ("text", "id", "long_text") else "center")
    head = writer.styles.get(
        bold=True, font_color=WHITE, bg_color=NAVY, text_wrap=True, valign="vcenter", align=align, border=1,
        border_color=WHITE, indent=0 if align == "center" else 1,
    )  # fmt: skip
    options: dict[str, Any] = {"header": name, "header_format": head}
    if has_totals(table):
        form = number_format(column.kind, column.decimals, writer.styles.currency)
        style = writer.styles.get(bold=True, bg_color=PALE_GREY, top=1, top_color=NAVY, num_format=form,
                                  align="right" if column.kind in _RIGHT else "left", indent=1)  # fmt: skip
        options["format"] = style
        if column.total != "none":
            options["total_function"] = column.total
            options["total_value"] = _total(table, column)
        elif spot.columns[column.key] == spot.first_column:
            options["total_string"] = "Total"
    return options


def _write_totals(
    writer: SheetWriter, table: Table, spot: TableLocation, names: list[str], options: list[dict[str, Any]]
) -> None:
    # The writer leaves the table's name out of these formulas, which LibreOffice does not understand.
    assert spot.totals_row is not None
    for i, column in enumerate(table.columns):
        if column.total == "none":
            if "total_string" not in options[i]:
                writer.value(spot.totals_row, spot.first_column + i, None, options[i]["format"])
            continue
        escaped = re.sub(r"(['\[\]#])", r"'\1", names[i])
        formula = f"SUBTOTAL({_SUBTOTALS[column.total]},{spot.excel_name}[{escaped}])"
        total = options[i]["total_value"]
        writer.formula(spot.totals_row, spot.first_column + i, formula, options[i]["format"], total)


def _total(table: Table, column: Column) -> float:
    values = [value for value in column_values(table.frame[column.key]) if isinstance(value, int | float)]
    if column.total == "count":
        return float(sum(value is not None for value in column_values(table.frame[column.key])))
    if column.total == "average":
        return sum(values) / len(values) if values else 0.0
    return float(sum(values))


def _write_column(writer: SheetWriter, table: Table, column: Column, spot: TableLocation, at: int) -> None:
    style = cell_style(writer, column)
    row = spot.first_row
    if not len(table.frame):
        writer.worksheet.write_blank(row, at, None, style)
        return
    values = column_values(table.frame[column.key], as_text=column.kind == "id", flag=column.kind == "flag")
    if column.formula is not None:
        if column.array:
            writer.array_formula(row, at, str(column.formula), style, values)
            return
        if isinstance(column.formula, str):
            text = writer.formula_text(column.formula, spot, ROW_MARK)
            for i, value in enumerate(values, row):
                writer.ready_formula(i, at, text.replace(ROW_MARK, str(i + 1)), style, value)
            return
        for i, (formula, value) in enumerate(zip(column.formula, values, strict=True)):
            writer.formula(row + i, at, formula, style, value, spot)
        return
    status = _status_styles(writer, column) if column.rule == "status" else None
    for i, value in enumerate(values):
        writer.value(row + i, at, value, style if status is None else status.get(_tone(value), style))


def _is_large(writer: SheetWriter, placed: Placed, table: Table) -> bool:
    """Whether the table's rows are written as a block: there are many, and nothing else stands in them."""
    if len(table.frame) < LARGE or not table.is_native:
        return False
    top, end = placed.row, placed.row + placed.rows
    beside = (each for each in writer.layout.placed if each is not placed and not isinstance(each.block, Chart | Image))
    formulas = (
        f for c in table.columns if c.formula for f in ([c.formula] if isinstance(c.formula, str) else c.formula)
    )
    # Formulas that spill are cells of a kind of their own.
    return not any(each.row < end and top < each.row + each.rows for each in beside) and not any(
        map(re_dynamic_function.search, formulas)
    )


def _write_block(writer: SheetWriter, table: Table, spot: TableLocation) -> None:
    columns = []
    for column in table.columns:
        style, style_of = cell_style(writer, column), None
        if column.rule == "status":
            styles = _status_styles(writer, column)
            style_of = partial(_style_by_tone, styles, style)
        formula = None if column.formula is None else _block_formula(writer, column.formula, spot)
        writer.formulas += 0 if formula is None else len(table.frame)
        columns.append(
            BlockColumn(
                table.frame[column.key],
                style,
                style_of,
                column.kind == "id",
                column.kind == "flag",
                formula,
                column.shared,
            )  # fmt: skip
        )
    writer.worksheet.add_block(RowBlock(spot.first_row, spot.first_column, columns, writer.layout.heights))


def _style_by_tone(styles: dict[str, Any], style: Any, value: Any) -> Any:
    return styles.get(_tone(cell_value(value)), style)


def _block_formula(
    writer: SheetWriter, formula: str | Sequence[str], spot: TableLocation
) -> str | Callable[[int, int], list[str]]:
    def text(formula: str, row: int | str) -> str:
        return str(writer.worksheet._prepare_formula(writer.formula_text(formula, spot, row)))

    if isinstance(formula, str):
        return text(formula, ROW_MARK)
    return lambda start, stop: [text(formula[at], spot.first_row + at) for at in range(start, stop)]


def _status_styles(writer: SheetWriter, column: Column) -> dict[str, Any]:
    return {
        tone: cell_style(writer, column, bg_color=TONES[tone][0], font_color=TONES[tone][1], bold=True)
        for tone in STATUS_WORDS
    }


def _tone(value: Any) -> str:
    words = str(value or "").strip().lower()
    # "no match" must not be read as "match": the longest word that fits decides.
    found = [(len(word), tone) for tone, group in STATUS_WORDS.items() for word in group if words.startswith(word)]
    return max(found)[1] if found else ""


def _write_rule(writer: SheetWriter, column: Column, spot: TableLocation, at: int) -> None:
    first, last = spot.first_row, spot.last_row
    add = writer.worksheet.conditional_format
    if column.rule == "data_bar":
        limits: dict[str, Any] = {}
        if column.kind == "score":
            limits = {"min_type": "num", "min_value": 0, "max_type": "num", "max_value": 100}
        elif column.kind in ("percent", "probability"):
            limits = {"min_type": "num", "min_value": 0}
        bar = {"type": "data_bar", "bar_color": LIGHT_TEAL, "bar_solid": True, "data_bar_2010": True,
               "bar_negative_color": "#F0B37E", "bar_axis_color": GREY, **limits}  # fmt: skip
        add(first, at, last, at, bar)
    elif column.rule == "grade":
        for grade, (fill, ink) in GRADE_COLOURS.items():
            look = writer.workbook.add_format({"bg_color": fill, "font_color": ink})
            add(first, at, last, at, {"type": "cell", "criteria": "==", "value": f'"{grade}"', "format": look})
    elif column.rule in ("scale", "scale_reversed"):
        low, high = (WHITE, LIGHT_TEAL) if column.rule == "scale" else (LIGHT_TEAL, WHITE)
        add(first, at, last, at, {"type": "2_color_scale", "min_color": low, "max_color": high})
    elif column.rule == "flag":
        fill, ink = TONES["warning"]
        look = writer.workbook.add_format({"bg_color": fill, "font_color": ink})
        add(first, at, last, at, {"type": "no_blanks", "format": look})
    elif column.rule == "sign":
        up = writer.workbook.add_format({"font_color": TEAL})
        down = writer.workbook.add_format({"font_color": TONES["bad"][1]})
        add(first, at, last, at, {"type": "cell", "criteria": ">", "value": 0, "format": up})
        add(first, at, last, at, {"type": "cell", "criteria": "<", "value": 0, "format": down})


def _write_input(writer: SheetWriter, column: Column, spot: TableLocation, at: int) -> None:
    if column.limits is not None:
        low, high = column.limits
        writer.worksheet.data_validation(
            spot.first_row, at, spot.last_row, at,
            {"validate": "decimal", "criteria": "between", "minimum": low, "maximum": high, "ignore_blank": True,
             "error_title": "Out of range", "error_message": f"A number from {low:g} to {high:g}."},
        )  # fmt: skip
    if column.choices_from is not None:
        # A longer list than the rule itself can hold; other texts are allowed beside it.
        source = ref_range(column.choices_from, writer.tables, f"column {column.header}")
        writer.worksheet.data_validation(
            spot.first_row, at, spot.last_row, at,
            {"validate": "list", "source": source, "ignore_blank": True, "show_error": False},
        )  # fmt: skip
    choices = [plain_text(choice) for choice in column.choices]
    # A list of choices is one text of at most 255 characters, separated by commas.
    if choices and len(",".join(choices)) <= 255 and not any("," in choice for choice in choices):
        writer.worksheet.data_validation(
            spot.first_row, at, spot.last_row, at,
            {"validate": "list", "source": choices, "ignore_blank": True, "error_title": "Not one of the choices",
             "error_message": "Choose from the list, or leave the cell blank."},
        )  # fmt: skip


def _write_note(writer: SheetWriter, name: str, note: str, row: int, at: int) -> None:
    # A message shown when the cell is selected; a comment would carry an author.
    writer.worksheet.data_validation(
        row, at, row, at,
        {"validate": "any", "input_title": plain_text(name, 32), "input_message": plain_text(note, 255)},
    )  # fmt: skip


def _quiet(writer: SheetWriter, spot: TableLocation, at: int) -> None:

    letter = xl_col_to_name(at)
    area = f"{letter}{spot.first_row + 1}:{letter}{spot.last_row + 1}"
    quiet = writer.quiet_areas
    quiet.append(area)
    writer.worksheet.ignore_errors({"number_stored_as_text": " ".join(quiet)})


__all__ = ["cell_style", "cell_value", "write_table"]
