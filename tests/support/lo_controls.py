"""Runs under the system's Python with UNO: finds a workbook's form controls, moves each, and tells what followed.

Job on standard input: ``pipe``, ``file``, ``moves`` (list of [sheet, number of the control from 0, value]), ``watch``
(list of [sheet, cell]). Answer: ``controls`` (list of {sheet, service, cell, low, high, value, step, x, y, width,
height}; ``cell`` is the linked one) and ``after`` (per move: the linked cell's value, and those of the watched cells).
"""

import json
import sys

from lo_connection import connect, letters, opened, reply

SERVICES = ("com.sun.star.form.component.ScrollBar", "com.sun.star.form.component.SpinButton")


def models(document):
    """Sheet, model and shape of every scroll bar and spin button."""
    found = []
    for sheet in document.Sheets:
        page = sheet.DrawPage
        for i in range(page.Count):
            shape = page.getByIndex(i)
            if shape.supportsService("com.sun.star.drawing.ControlShape"):
                model = shape.Control
                if any(model.supportsService(name) for name in SERVICES):
                    found.append((sheet, model, shape))
    return found


def describe(sheet, model, shape):
    scroll = model.supportsService(SERVICES[0])
    names = ("ScrollValueMin", "ScrollValueMax", "ScrollValue", "LineIncrement") if scroll else (
        "SpinValueMin", "SpinValueMax", "SpinValue", "SpinIncrement")  # fmt: skip
    binding = model.getValueBinding()
    at = binding.BoundCell if binding is not None else None
    low, high, value, step = (model.getPropertyValue(name) for name in names)
    return {
        "sheet": sheet.Name, "service": "scroll" if scroll else "spin",
        "cell": f"{letters(at.Column)}{at.Row + 1}" if at is not None else None,
        "low": low, "high": high, "value": value, "step": step, "across": scroll and model.Orientation == 0,
        "x": shape.Position.X, "y": shape.Position.Y, "width": shape.Size.Width, "height": shape.Size.Height,
    }  # fmt: skip


def main():
    job = json.load(sys.stdin)
    with opened(connect(job["pipe"]), job["file"]) as document:
        document.calculateAll()
        found = models(document)
        answer = {"controls": [describe(*each) for each in found], "after": []}
        for sheet, number, value in job["moves"]:
            mine = [each for each in found if each[0].Name == sheet]
            _, model, _ = mine[number]
            scroll = model.supportsService(SERVICES[0])
            model.setPropertyValue("ScrollValue" if scroll else "SpinValue", value)
            # As for a reader: no hard recalculation, the cell's dependents follow by themselves.
            watched = [document.Sheets.getByName(name).getCellRangeByName(cell).Value for name, cell in job["watch"]]
            linked = document.Sheets.getByName(sheet).getCellRangeByName(describe(*mine[number])["cell"]).Value
            answer["after"].append({"linked": linked, "watched": watched})
    reply(answer)


if __name__ == "__main__":
    main()
