"""Native charts, all in one look, with their data named by table and column."""

from __future__ import annotations

from typing import Any

from icp_xl.delivery.render.layout import Placed
from icp_xl.delivery.render.references import ChartLocation, find, ref_range
from icp_xl.delivery.render.theme import FONT, GREY, INK, LINE, MID_GREY, NAVY, PALE_GREY, SERIES, WHITE
from icp_xl.delivery.render.writer import SheetWriter
from icp_xl.opc.plain_text import long_plain_text, plain_text
from icp_xl.reports.spec import Chart, ChartKind, Ref, Series

_KINDS: dict[str, dict[str, str]] = {
    "column": {"type": "column"},
    "stacked_column": {"type": "column", "subtype": "stacked"},
    "box": {"type": "column", "subtype": "stacked"},
    "bar": {"type": "bar"},
    "stacked_bar": {"type": "bar", "subtype": "stacked"},
    "line": {"type": "line"},
    "area": {"type": "area"},
    "scatter": {"type": "scatter"},
    "radar": {"type": "radar", "subtype": "with_markers"},
    "pie": {"type": "pie"},
}
#: A series of this colour is there only to lift the one stacked upon it.
INVISIBLE = "none"


def write_chart(writer: SheetWriter, placed: Placed, chart: Chart) -> None:
    """Draw ``chart`` at its place; without data, a sentence stands there instead of an empty frame."""
    if not _has_data(writer, chart):
        style = writer.styles.get(font_color=GREY, italic=True, text_wrap=True, bg_color=PALE_GREY)
        text = f"{chart.title}: not enough data to draw this chart."
        writer.wide_text(placed.row, placed.column, placed.columns, text, style)
        return
    drawn = _draw(writer, chart)
    options = {"description": long_plain_text(chart.alt_text), "object_position": 2, "x_offset": 2, "y_offset": 4}
    code = writer.worksheet.insert_chart(placed.row, placed.column, drawn, options)
    writer.checked(code, placed.row, placed.column)
    writer.charts.append(ChartLocation(chart.title, writer.name, placed.row, placed.column))


def _has_data(writer: SheetWriter, chart: Chart) -> bool:
    return any(find(writer.tables, each.values.table, chart.title).rows for each in chart.series)


def _draw(writer: SheetWriter, chart: Chart) -> Any:
    main = writer.workbook.add_chart(_KINDS[chart.kind])
    others: dict[ChartKind, Any] = {}
    for i, series in enumerate(chart.series):
        kind = series.kind or chart.kind
        target = main
        if kind != chart.kind:
            target = others.setdefault(kind, None) or writer.workbook.add_chart(_KINDS[kind])
            others[kind] = target
        target.add_series(_series(writer, chart, series, kind, i))
    for other in others.values():
        main.combine(other)
        if any(series.second_axis for series in chart.series):
            other.set_y2_axis(_axis(None, None, (None, None), gridlines=False))
    _dress(main, chart)
    return main


def _series(writer: SheetWriter, chart: Chart, series: Series, kind: ChartKind, number: int) -> dict[str, Any]:
    colour = series.colour or SERIES[number % len(SERIES)]
    options: dict[str, Any] = {
        "name": plain_text(series.name),
        "values": ref_range(series.values, writer.tables, chart.title),
    }
    if series.categories is not None:
        options["categories"] = ref_range(series.categories, writer.tables, chart.title)
    if series.second_axis:
        options["y2_axis"] = True
    if kind in ("line", "radar"):
        options["line"] = {"color": colour, "width": 2.25, **({"dash_type": "dash"} if series.dashed else {})}
        options["marker"] = _marker(colour, 5) if series.marker else {"type": "none"}
    elif kind == "scatter":
        options["line"] = {"none": True}
        options["marker"] = {
            "type": "circle", "size": 4, "fill": {"color": colour, "transparency": 55}, "border": {"none": True},
        }  # fmt: skip
        if series.dashed:
            options["line"] = {"color": colour, "width": 1.5, "dash_type": "dash"}
            options["marker"] = {"type": "none"}
    elif colour == INVISIBLE:
        options["fill"] = {"none": True}
        options["border"] = {"none": True}
    else:
        options["fill"] = {"color": colour}
        options["border"] = {"color": WHITE if kind != "box" else NAVY, "width": 0.75}
    if kind in ("column", "stacked_column", "bar", "stacked_bar", "box"):
        options["gap"] = series.gap if series.gap is not None else 60
        if kind in ("stacked_column", "stacked_bar", "box"):
            options["overlap"] = 100
    if series.point_colours:
        options["points"] = [{"fill": {"color": each}, "border": {"color": WHITE}} for each in series.point_colours]
    if series.trendline:
        options["trendline"] = {
            "type": "linear", "name": f"Trend of {plain_text(series.name, 80)}",
            "line": {"color": NAVY, "width": 1.5, "dash_type": "dash"},
        }  # fmt: skip
    if series.error_bars is not None:
        options["y_error_bars"] = _error_bars(writer, chart, series.error_bars)
    if series.labels:
        form = chart.y_format or ("General" if kind != "pie" else None)
        options["data_labels"] = {"value": True, "font": _font(9), **({"num_format": form} if form else {})}
        if kind == "pie":
            options["data_labels"] = {"percentage": True, "category": True, "font": _font(9), "leader_lines": True}
    return options


def _error_bars(writer: SheetWriter, chart: Chart, bars: tuple[Ref | None, Ref | None]) -> dict[str, Any]:
    minus, plus = (None if ref is None else ref_range(ref, writer.tables, chart.title) for ref in bars)
    return {
        "type": "custom", "minus_values": minus or plus, "plus_values": plus or minus, "end_style": 1,
        "direction": "both" if minus and plus else "minus" if minus else "plus",
        "line": {"color": NAVY, "width": 1.25},
    }  # fmt: skip


def _marker(colour: str, size: int) -> dict[str, Any]:
    return {"type": "circle", "size": size, "fill": {"color": colour}, "border": {"color": WHITE}}


def _font(size: float, *, bold: bool = False, colour: str = GREY) -> dict[str, Any]:
    return {"name": FONT, "size": size, "bold": bold, "color": colour}


def _axis(
    title: str | None,
    form: str | None,
    limits: tuple[float | None, float | None],
    *,
    gridlines: bool,
    log: bool = False,
) -> dict[str, Any]:
    axis: dict[str, Any] = {
        "num_font": _font(9),
        "line": {"color": MID_GREY},
        "major_gridlines": {"visible": gridlines, "line": {"color": LINE, "width": 0.5}},
    }
    if title:
        axis |= {"name": plain_text(title), "name_font": _font(9)}
    if form:
        axis["num_format"] = form
    low, high = limits
    if low is not None:
        axis["min"] = low
    if high is not None:
        axis["max"] = high
    if log:
        axis["log_base"] = 10
    return axis


def _dress(main: Any, chart: Chart) -> None:
    main.set_title({"name": plain_text(chart.title), "name_font": _font(12, bold=True, colour=NAVY), "overlay": False})
    main.set_size({"width": chart.width, "height": chart.height})
    main.set_chartarea({"border": {"color": LINE}, "fill": {"color": WHITE}})
    main.set_plotarea({"fill": {"none": True}})
    if not chart.legend:
        main.set_legend({"none": True})
    else:
        hidden = [i for i, series in enumerate(chart.series) if series.colour == INVISIBLE]
        legend: dict[str, Any] = {"position": "bottom", "font": _font(9, colour=INK)}
        if hidden:
            legend["delete_series"] = hidden
        main.set_legend(legend)
    if chart.kind in ("pie", "radar"):
        if chart.kind == "radar":
            main.set_y_axis({**_axis(None, chart.y_format, chart.y_range, gridlines=True), "line": {"none": True}})
        return
    scatter = chart.kind == "scatter"
    across = _axis(chart.x_title, chart.x_format, chart.x_range, gridlines=scatter, log=chart.log_x)
    upward = _axis(chart.y_title, chart.y_format, chart.y_range, gridlines=True, log=chart.log_y)
    across["label_position"] = "low"
    if chart.crossing is not None:
        upward["crossing"] = chart.crossing
    if chart.kind in ("bar", "stacked_bar"):
        # The first row of the table stands at the top, as it is read, and the values at the bottom all the same.
        across |= {"reverse": True, "crossing": "max"}
        across, upward = upward, across
    main.set_x_axis(across)
    main.set_y_axis(upward)
