"""A book as one HTML file: for people without Excel, opened without a network.

Everything is in the file: style, tables, and charts as SVG. There is no script, and nothing is fetched; the page
forbids both by its content policy. Text from data is text, never markup.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from html import escape
from typing import Any

import pandas as pd

from icp_xl.reports.spec import (
    Block,
    Chart,
    Column,
    Facts,
    Figure,
    Figures,
    Item,
    Kind,
    ReportBook,
    Sheet,
    Stack,
    Table,
    Text,
    tables_of,
)

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'"
_COLOURS = ("#1B7F8C", "#D9772B", "#A9B4BB", "#5B6FA8", "#8A5A83", "#6B8E23")
_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#1c2b33;background:#fff;margin:0}
main{max-width:1100px;margin:0 auto;padding:1rem}
nav{background:#f2f5f6;padding:.6rem 1rem}nav a{margin-right:1.2rem;color:#14606a}
h1{font-size:1.6rem}h3{font-size:1.05rem}
h2{font-size:1.3rem;border-top:2px solid #1b7f8c;padding-top:1rem;margin-top:2.5rem}
.sub,.note{color:#56666f}.note{font-size:.9rem}
.warning{border-left:4px solid #d9772b;padding:.3rem .8rem;background:#fdf4ec}
.good{border-left:4px solid #1b7f8c;padding:.3rem .8rem;background:#eef7f8}
.tiles,.row{display:flex;flex-wrap:wrap;gap:1rem;align-items:flex-start}
.tile{border:1px solid #d5dde0;border-radius:6px;padding:.6rem .9rem;min-width:9rem;flex:1}
.tile b{display:block;font-size:1.5rem}.tile span{color:#56666f;font-size:.85rem}
.wide{overflow-x:auto;max-width:100%}
table{border-collapse:collapse;margin:.6rem 0;font-size:.9rem}caption{text-align:left;font-weight:600;padding:.3rem 0}
th,td{border-bottom:1px solid #dde4e6;padding:.25rem .6rem;text-align:left;vertical-align:top}
th{background:#f2f5f6}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
svg{max-width:100%;height:auto}@media print{nav{display:none}}
"""
_NUMBERS = ("integer", "number", "money", "percent", "probability", "score", "weight")


def html_text(book: ReportBook) -> str:
    """The whole book as the text of one HTML file."""
    frames = {table.name: table.frame for sheet in book.sheets for table in tables_of(sheet.blocks)}
    names = [sheet.name for sheet in book.sheets]
    nav = "".join(f'<a href="#s{k}">{escape(name)}</a>' for k, name in enumerate(names))
    body = "".join(_sheet(sheet, k, frames, book.currency) for k, sheet in enumerate(book.sheets))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(book.title)}</title><style>{_STYLE}</style></head><body><nav>{nav}</nav><main>"
        f'<h1>{escape(book.title)}</h1><p class="sub">{escape(book.subject)}</p>{body}'
        f'<p class="note">{escape(book.footer)}</p></main></body></html>\n'
    )


def _sheet(sheet: Sheet, number: int, frames: dict[str, pd.DataFrame], currency: str) -> str:
    blocks = "".join(_item(item, frames, currency) for item in sheet.blocks)
    return (
        f'<section id="s{number}"><h2>{escape(sheet.title)}</h2><p class="sub">{escape(sheet.subtitle)}</p>{blocks}'
        "</section>"
    )


def _item(item: Item | Stack, frames: dict[str, pd.DataFrame], currency: str) -> str:
    if isinstance(item, tuple):
        return f'<div class="row">{"".join(f"<div>{_item(each, frames, currency)}</div>" for each in item)}</div>'
    if isinstance(item, Stack):
        return "".join(_item(each, frames, currency) for each in item.blocks)
    return _block(item, frames, currency)


def _block(block: Block, frames: dict[str, pd.DataFrame], currency: str) -> str:
    if isinstance(block, Text):
        text = escape(block.text)
        if block.style == "heading":
            return f"<h3>{text}</h3>"
        return f"<li>{text}</li>" if block.style == "bullet" else f'<p class="{block.style}">{text}</p>'
    if isinstance(block, Figures):
        tiles = (
            f'<div class="tile">{escape(each.label)}<b>{_figure(each, currency)}</b>'
            f"<span>{escape(each.note)}</span></div>"
            for each in block.figures
        )
        return f'<div class="tiles">{"".join(tiles)}</div>'
    if isinstance(block, Facts):
        rows = "".join(
            f"<tr><th>{escape(label)}</th><td>{_fact(value, currency)}</td></tr>" for label, value in block.rows
        )
        return f'<div class="wide"><table>{_caption(block.title)}{rows}</table></div>'
    if isinstance(block, Table):
        return _table(block, currency)
    if isinstance(block, Chart):
        return _chart(block, frames)
    return ""


def _figure(figure: Figure, currency: str) -> str:
    return escape(say(figure.value, figure.kind, figure.decimals, currency)) or "&ndash;"


def _fact(value: Any, currency: str) -> str:
    return _figure(value, currency) if isinstance(value, Figure) else escape(str(value))


def _caption(title: str | None) -> str:
    return f"<caption>{escape(title)}</caption>" if title else ""


def _table(table: Table, currency: str) -> str:
    shown = [column for column in table.columns if not column.hidden_from_print]
    if table.frame.empty:
        return f'<p class="note">{escape(table.empty_text)}</p>'
    head = "".join(f"<th{_align(column)}>{escape(column.header)}</th>" for column in shown)
    rows = "".join(
        "<tr>"
        + "".join(
            f"<td{_align(column)}>{escape(say(row[column.key], column.kind, column.decimals, currency))}</td>"
            for column in shown
        )
        + "</tr>"
        for row in table.frame[[column.key for column in shown]].to_dict("records")
    )
    return f'<div class="wide"><table>{_caption(table.title)}<tr>{head}</tr>{rows}</table></div>'


def _align(column: Column) -> str:
    return ' class="n"' if column.kind in _NUMBERS or column.align == "right" else ""


def say(value: Any, kind: Kind, decimals: int | None, currency: str) -> str:
    """A value as its kind is shown; nothing where it is missing.

    >>> say(0.1234, "percent", 1, "$"), say(-1234.4, "money", None, "€"), say(float("nan"), "number", 2, "$")
    ('12.3%', '−€1,234', '')

    Args:
        value: a cell of a report; missing in any of the ways that pandas knows.
        kind: what its column holds.
        decimals: places after the point; None takes the kind's usual ones.
        currency: sign before an amount of money.
    """
    if value is None or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, pd.Timestamp | datetime | date):
        return f"{value:%Y-%m-%d %H:%M}" if kind == "datetime" else f"{value:%Y-%m-%d}"
    if kind not in _NUMBERS or isinstance(value, str | bool):
        return str(value)
    number = float(value)
    if kind in ("percent", "probability", "weight"):
        text = f"{abs(number) * 100:,.{1 if decimals is None else decimals}f}%"
    else:
        usual = {"integer": 0, "money": 0, "score": 1}.get(kind, 2)
        text = f"{abs(number):,.{usual if decimals is None else decimals}f}"
        text = f"{currency}{text}" if kind == "money" else text
    return f"−{text}" if number < 0 and any(digit in text for digit in "123456789") else text


#: Width of a letter of a chart's labels, in pixels.
_LETTER = 5.8


def _chart(chart: Chart, frames: dict[str, pd.DataFrame]) -> str:
    """The chart as SVG, with its words for those who cannot see it; nothing where there is no data."""
    width, height, left, top, bottom = chart.width, chart.height, 56, 34, 62
    labels = _labels(chart, frames)
    series = [(each, _values(frames, each.values.table, each.values.column, each.values.rows)) for each in chart.series]
    known = [value for _, values in series for value in values if math.isfinite(value)]
    if not known:
        return ""
    low, high = _bounds(chart, known)
    lying = chart.kind in ("bar", "stacked_bar")
    if lying and labels:
        left = round(min(max(left, 8 + _LETTER * max(map(len, labels))), width * 0.4))
    inner, tall = width - left - 16, height - top - bottom

    def at(value: float) -> float:
        share = (value - low) / (high - low)
        return left + share * inner if lying else top + (1 - share) * tall

    parts = [_text(left, 18, chart.title, 'font-size="14" font-weight="600"')]
    for step in range(5):
        value = low + (high - low) * step / 4
        label = _tick(value, chart.x_format if lying and chart.x_format else chart.y_format)
        if lying:
            parts.append(_text(at(value), height - bottom + 16, label, 'font-size="11" text-anchor="middle"'))
            continue
        parts.append(f'<path d="M{left},{at(value):.1f}H{width - 16}" stroke="#dde4e6"/>')
        parts.append(_text(left - 6, at(value) + 4, label, 'font-size="11" text-anchor="end"'))
    count = max((len(values) for _, values in series), default=0)
    zero = at(min(max(0.0, low), high))
    for k, (each, values) in enumerate(series):
        colour = each.colour or _COLOURS[k % len(_COLOURS)]
        drawn = _lines if (each.kind or chart.kind) in ("line", "area", "scatter", "radar") else _bars
        positions = [at(value) if math.isfinite(value) else math.nan for value in values]
        parts += drawn(positions, colour, (k, len(series), count), (left, top, inner, tall, zero), lying)
        parts.append(f'<rect x="{left + 150 * k}" y="{height - 14}" width="10" height="10" fill="{colour}"/>')
        parts.append(_text(left + 150 * k + 15, height - 5, each.name, 'font-size="12"'))
    every = max(1, math.ceil(count / 12))
    if chart.kind == "line" and labels:
        every = max(every, math.ceil((max(map(len, labels)) + 1) * _LETTER * count / inner))
    room = int((left - 8 if lying else every * inner / max(1, count)) / _LETTER)
    for i, label in enumerate(labels[:count]):
        if i % every:
            continue
        middle = (i + 0.5) / max(1, count)
        position = (left - 4.0, top + tall * middle + 4) if lying else (left + inner * middle, height - bottom + 16.0)
        anchor = "end" if lying else "middle"
        label = label if len(label) <= room else f"{label[: room - 1]}…"
        parts.append(_text(*position, label, f'font-size="11" text-anchor="{anchor}"'))
    return (
        f'<svg role="img" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="system-ui,sans-serif"><title>{escape(chart.alt_text)}</title>{"".join(parts)}</svg>'
    )


def _text(x: float, y: float, text: str, style: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(text)}</text>'


def _values(frames: dict[str, pd.DataFrame], table: str, column: str, rows: int | None) -> list[float]:
    values = pd.to_numeric(frames[table][column], errors="coerce").astype(float)
    return [float(value) for value in (values.head(rows) if rows else values)]


def _labels(chart: Chart, frames: dict[str, pd.DataFrame]) -> list[str]:
    ref = next((each.categories for each in chart.series if each.categories is not None), None)
    if ref is None:
        return []
    return ["" if value is None or value != value else str(value) for value in frames[ref.table][ref.column]]


def _bounds(chart: Chart, known: Sequence[float]) -> tuple[float, float]:
    low, high = chart.y_range
    low = min(0.0, *known) if low is None else low
    if high is None:
        share = "%" in (chart.y_format or "") and max(known) <= 1.0
        high = min(max(known) * 1.08, 1.0) if share else max(known) * 1.08
    return (low, high) if high > low else (low, low + 1.0)


def _tick(value: float, form: str | None) -> str:
    if form and "%" in form:
        return f"{value:.0%}"
    return f"{value:,.0f}" if abs(value) >= 10 else f"{value:.2f}".rstrip("0").rstrip(".")


Frame = tuple[float, float, float, float, float]


def _bars(positions: list[float], colour: str, turn: tuple[int, int, int], frame: Frame, lying: bool) -> Iterator[str]:
    (k, groups, count), (left, top, inner, tall, zero) = turn, frame
    slot = (tall if lying else inner) / max(1, count)
    thick = slot * 0.7 / groups
    for i, position in enumerate(positions):
        if math.isnan(position):
            continue
        start = (top if lying else left) + slot * (i + 0.15) + thick * k
        size, first = abs(position - zero), min(position, zero)
        box = (first, start, size, thick) if lying else (start, first, thick, size)
        x, y, wide, high = box
        yield f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{high:.1f}" fill="{colour}"/>'


def _lines(positions: list[float], colour: str, turn: tuple[int, int, int], frame: Frame, lying: bool) -> Iterator[str]:
    (_, _, count), (left, _, inner, _, _) = turn, frame
    points = [
        (left + inner * (i + 0.5) / max(1, count), position)
        for i, position in enumerate(positions)
        if not math.isnan(position)
    ]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
    for x, y in points:
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>'
