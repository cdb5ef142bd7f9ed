"""Runs under the system's Python with UNO: a picture of every chart after each step of what a reader sets.

Job on standard input: ``pipe``, ``file``, ``folder`` (for the pictures), ``sets`` (list of steps; a step is a list of
[sheet, cell, value]). Answer: per step a list of {sheet, title, alt, picture, series}: ``picture`` is the PNG's path,
``series`` the values drawn, by the series' names.
"""

import json
import os
import sys

import uno
from lo_connection import connect, opened, prop, reply, set_cell

CHART = "12dcae26-281f-416f-a234-c3086127382e"


def charts(document):
    """Sheet and shape of every chart, in the order of the sheets."""
    for sheet in document.Sheets:
        page = sheet.DrawPage
        for i in range(page.Count):
            shape = page.getByIndex(i)
            if shape.supportsService("com.sun.star.drawing.OLE2Shape") and shape.CLSID.lower() == CHART:
                yield sheet, shape


def series_of(chart):
    """Name to values of every series of a chart."""
    found = {}
    for system in chart.getFirstDiagram().getCoordinateSystems():
        for kind in system.getChartTypes():
            for line in kind.getDataSeries():
                for labelled in line.getDataSequences():
                    values = labelled.getValues()
                    label = labelled.getLabel()
                    name = " ".join(label.getTextualData()) if label is not None else ""
                    numbers = [str(value) for value in values.getData()]
                    found[f"{name} {values.Role} {len(found)}"] = numbers
    return found


def main():
    job = json.load(sys.stdin)
    context = connect(job["pipe"])
    manager = context.ServiceManager
    answer = []
    with opened(context, job["file"]) as document:
        for number, step in enumerate(job["sets"]):
            for sheet, cell, value in step:
                set_cell(document.Sheets.getByName(sheet), cell, value)
            document.calculateAll()
            told = []
            for i, (sheet, shape) in enumerate(charts(document)):
                path = os.path.join(job["folder"], f"step{number}-{i:02d}.png")
                picture = manager.createInstanceWithContext("com.sun.star.drawing.GraphicExportFilter", context)
                picture.setSourceDocument(shape)
                size = uno.Any(
                    "[]com.sun.star.beans.PropertyValue", (prop("PixelWidth", 640), prop("PixelHeight", 420))
                )
                picture.filter((
                    prop("URL", uno.systemPathToFileUrl(path)), prop("MediaType", "image/png"),
                    prop("FilterData", size),
                ))  # fmt: skip
                chart = shape.Model
                told.append({
                    "sheet": sheet.Name, "title": chart.Title.String if chart.HasMainTitle else "",
                    "alt": shape.Description, "picture": path, "series": series_of(chart),
                })  # fmt: skip
            answer.append(told)
    reply(answer)


if __name__ == "__main__":
    main()
