"""Runs under the system's Python with UNO: refreshes every pivot table of a workbook and tells what it shows.

Called by tests/office/test_write_back_office.py: reads a job as JSON (``pipe``, ``file``), writes
``{"pivots": [[sheet, name, rows]], "sheets": [...], "tables": {name: reference}}``.
"""

import json
import sys

from lo_connection import connect, opened, reply


def main():
    job = json.load(sys.stdin)
    with opened(connect(job["pipe"]), job["file"]) as document:
        answer = {"pivots": [], "sheets": list(document.Sheets.ElementNames), "tables": {}}
        for sheet in document.Sheets:
            for table in sheet.DataPilotTables:
                table.refresh()
                area = table.OutputRange
                cells = sheet.getCellRangeByPosition(area.StartColumn, area.StartRow, area.EndColumn, area.EndRow)
                answer["pivots"].append([sheet.Name, table.Name, [list(row) for row in cells.getDataArray()]])
        for name in document.DatabaseRanges.ElementNames:
            area = document.DatabaseRanges.getByName(name).DataArea
            answer["tables"][name] = [area.StartColumn, area.StartRow, area.EndColumn, area.EndRow]
    reply(answer)


main()
