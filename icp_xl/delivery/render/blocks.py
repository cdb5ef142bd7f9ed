"""Text, headline figures, facts and images on a sheet."""

from __future__ import annotations

import io
from typing import Any

from icp_xl.delivery.render.cell_values import cell_value
from icp_xl.delivery.render.layout import Placed, tiles
from icp_xl.delivery.render.theme import GREY, INK, LINE, NAVY, TEAL, TONES, WHITE, number_format, tile_format
from icp_xl.delivery.render.writer import SheetWriter
from icp_xl.opc.plain_text import long_plain_text
from icp_xl.reports.spec import Facts, Figure, Figures, Image, Text


def write_text(writer: SheetWriter, placed: Placed, text: Text) -> None:
    """One text block over its columns; a heading runs on to the right instead."""
    row, column = placed.row, placed.column
    if text.style == "heading":
        style = writer.styles.get(bold=True, font_size=14, font_color=NAVY, valign="bottom")
        if text.link:
            writer.link(row, column, text.link, text.text, style)
        else:
            writer.text(row, column, text.text, style)
        return
    properties: dict[str, Any] = {"text_wrap": True, "valign": "top"}
    words = text.text
    if text.style == "bullet":
        properties |= {"indent": 1}
        words = "\u2022 " + words
    elif text.style == "note":
        properties |= {"font_color": GREY, "italic": True}
    elif text.style in ("warning", "good"):
        fill, ink = TONES[text.style]
        properties |= {"bg_color": fill, "font_color": ink, "left": 5, "left_color": ink, "indent": 1,
                       "valign": "vcenter"}  # fmt: skip
    if text.link:
        properties |= {"font_color": TEAL, "underline": 1}
    style = writer.styles.get(**properties)
    if text.link:
        if placed.columns > 1:
            writer.worksheet.merge_range(row, column, row, column + placed.columns - 1, "", style)
        writer.link(row, column, text.link, words, style)
    else:
        writer.wide_text(row, column, placed.columns, words, style)


def write_figures(writer: SheetWriter, placed: Placed, figures: Figures) -> None:
    """Headline figures as tiles: label, value and note below each other."""
    row = placed.row
    for line in tiles(writer.layout, figures, placed.column, placed.columns):
        for figure, column, span in line:
            fill, ink = TONES[figure.tone]
            edge = {"bg_color": fill, "right": 5, "right_color": WHITE, "indent": 1, "align": "left"}
            get = writer.styles.get
            value = cell_value(figure.value)
            writer.wide_text(row, column, span, figure.label, get(font_color=GREY, font_size=10, **edge))
            form = tile_format(figure.kind, value, figure.decimals, writer.styles.currency)
            size = 20 if len(str(value)) < 16 else 14
            big = get(bold=True, font_size=size, font_color=ink, num_format=form, shrink=True, **edge)
            shown = "\u2013" if value is None and figure.formula is None else value
            writer.wide_value(row + 1, column, span, shown, big, figure.formula)
            small = get(font_color=GREY, font_size=9, text_wrap=True, **{**edge, "valign": "top"})
            writer.wide_text(row + 2, column, span, figure.note, small)
        row += 4


def write_facts(writer: SheetWriter, placed: Placed, facts: Facts) -> None:
    """Label and value pairs, one a line."""
    row = placed.row
    get = writer.styles.get
    if facts.title:
        writer.text(row, placed.column, facts.title, get(bold=True, font_size=12, font_color=NAVY))
        row += 1
    label_style = get(bold=True, font_color=INK, text_wrap=True, valign="top", bottom=1, bottom_color=LINE)
    for label, given in facts.rows:
        writer.text(row, placed.column, str(label), label_style)
        figure = given if isinstance(given, Figure) else None
        value = cell_value(figure.value if figure else given)
        form = number_format(figure.kind, figure.decimals, writer.styles.currency) if figure else _plain_format(given)
        style = get(num_format=form, align="left", valign="top", text_wrap=True, bottom=1, bottom_color=LINE)
        span = max(placed.columns - 1, 1)
        writer.wide_value(row, placed.column + 1, span, value, style, figure.formula if figure else None)
        row += 1


def _plain_format(value: Any) -> str:
    from datetime import date, datetime

    if isinstance(value, datetime):
        return "yyyy-mm-dd hh:mm"
    if isinstance(value, date):
        return "yyyy-mm-dd"
    if isinstance(value, int) and not isinstance(value, bool):
        return "#,##0"
    return "General"


def write_image(writer: SheetWriter, placed: Placed, image: Image) -> None:
    """A picture with its alternative text."""
    options = {
        "image_data": io.BytesIO(image.content),
        "description": long_plain_text(image.alt_text),
        "x_scale": image.scale,
        "y_scale": image.scale,
        "object_position": 2,
    }
    writer.checked(
        writer.worksheet.insert_image(placed.row, placed.column, "picture.png", options), placed.row, placed.column
    )
