"""Runs under the system's Python with UNO: evaluates worksheet functions in a running LibreOffice, step by step.

Arguments: pipe name, workbook, component file. Each line of standard input is a step as JSON: ``set`` (cell to
value), ``formula`` (cell to formula), ``array`` (range to formula), ``recalculate``, ``read`` (list of ranges);
each is answered by a line: the values read and the cells' error numbers.
"""

import json
import sys

import uno
from lo_connection import connect, opened, prop, set_cell


def main(pipe, book, component):
    context = connect(pipe)
    manager = context.ServiceManager
    loader = manager.createInstanceWithContext("com.sun.star.loader.Python", context)
    manager.insert(loader.activate("icp.xl.XLPy", "", uno.systemPathToFileUrl(component), None))
    options = (prop("MacroExecutionMode", 4), prop("FilterName", "Calc MS Excel 2007 VBA XML"))
    with opened(context, uno.systemPathToFileUrl(book), *options) as document:
        sheet = document.Sheets.getByIndex(0)
        for line in sys.stdin:
            step = json.loads(line)
            for cell, value in step.get("set", {}).items():
                set_cell(sheet, cell, value)
            for cell, formula in step.get("formula", {}).items():
                sheet.getCellRangeByName(cell).Formula = formula
            for area, formula in step.get("array", {}).items():
                sheet.getCellRangeByName(area).setArrayFormula(formula)
            if step.get("recalculate"):
                document.calculateAll()
            answer = {}
            for area in step.get("read", []):
                cells = sheet.getCellRangeByName(area)
                size = cells.RangeAddress
                errors = [
                    [sheet.getCellByPosition(c, r).getError() for c in range(size.StartColumn, size.EndColumn + 1)]
                    for r in range(size.StartRow, size.EndRow + 1)
                ]
                answer[area] = {"values": cells.getDataArray(), "errors": errors}
            libraries = document.BasicLibraries
            answer["modules"] = [m for name in libraries.ElementNames for m in libraries.getByName(name).ElementNames]
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()


main(*sys.argv[1:4])
