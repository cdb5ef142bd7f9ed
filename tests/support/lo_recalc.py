"""Runs under the system's Python with UNO: recalculates a workbook in LibreOffice and tells what every formula gives.

Called by :mod:`tests.support.office`: reads a job as JSON from standard input, writes the answer to standard output.
Job: ``pipe`` (name), ``file``, ``sets`` (list of steps; a step is a list of [sheet, cell, value]), ``pdf`` (or null),
``repeat`` (recalculations per step, of which the fastest is told; 0 to leave all to the office, as a reader does).
Answer: a list, one per step (one when there are none), of ``{"values": {sheet: {cell: value}}, "errors": {...},
"seconds": …, "cpu": …, "change_seconds": …, "change_cpu": …, "marking_seconds": …, "marking_cpu": …}``.
A value is a number or a text; ``cpu`` is what it took over all threads. The first two are of a hard recalculation of
every formula, the next of those that hang on the cells set, as after a reader's change, the last of setting them, when
the office marks what hangs on them.
"""

import json
import os
import sys
import time
from functools import partial
from pathlib import Path

import uno  # noqa: F401, the names below are found by it
from com.sun.star.sheet.CellFlags import FORMULA
from lo_connection import connect, letters, opened, prop, reply, set_cell

RESULT_ERROR = 4


def spent(pipe):
    """CPU seconds so far of the office that listens on ``pipe``; 0 where the system does not tell."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if path.joinpath("comm").read_text() == "soffice.bin\n" and pipe in path.joinpath("cmdline").read_text():
                parts = path.joinpath("stat").read_text().rsplit(")", 1)[1].split()
                return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")
        except OSError:
            continue
    return 0.0


def timed(recalculate, pipe):
    before, started = spent(pipe), time.time()
    recalculate()
    return time.time() - started, spent(pipe) - before


def read(document):
    values, errors = {}, {}
    for sheet in document.Sheets:
        found, wrong = {}, {}
        for area in sheet.queryContentCells(FORMULA).RangeAddresses:
            block = sheet.getCellRangeByPosition(area.StartColumn, area.StartRow, area.EndColumn, area.EndRow)
            for i, line in enumerate(block.getDataArray()):
                for j, value in enumerate(line):
                    found[letters(area.StartColumn + j) + str(area.StartRow + i + 1)] = value
        for area in sheet.queryFormulaCells(RESULT_ERROR).RangeAddresses:
            for row in range(area.StartRow, area.EndRow + 1):
                for column in range(area.StartColumn, area.EndColumn + 1):
                    cell = sheet.getCellByPosition(column, row)
                    wrong[letters(column) + str(row + 1)] = f"{cell.String} in {cell.Formula}"
        if found:
            values[sheet.Name] = found
        if wrong:
            errors[sheet.Name] = wrong
    return values, errors


def set_cells(document, step):
    """Set cells; the office marks at once what hangs on them."""
    for sheet, cell, value in step:
        set_cell(document.Sheets.getByName(sheet), cell, value)


def main():
    job = json.load(sys.stdin)
    with opened(connect(job["pipe"]), job["file"]) as document:
        answers = []
        repeat = job.get("repeat", 1)
        # Each cell that is set is followed by a recalculation of its own, as it is for a reader.
        document.enableAutomaticCalculation(repeat == 0)
        for step in job["sets"] or [[]]:
            marked = timed(partial(set_cells, document, step), job["pipe"])
            change = timed(document.calculate, job["pipe"])
            times = [timed(document.calculateAll, job["pipe"]) for _ in range(repeat)] or [(0.0, 0.0)]
            values, errors = read(document)
            answers.append({
                "values": values, "errors": errors,
                "seconds": min(t[0] for t in times), "cpu": min(t[1] for t in times),
                "change_seconds": change[0], "change_cpu": change[1],
                "marking_seconds": marked[0], "marking_cpu": marked[1],
            })  # fmt: skip
        if job.get("pdf"):
            document.storeToURL(job["pdf"], (prop("FilterName", "calc_pdf_Export"),))
    reply(answers)


if __name__ == "__main__":
    main()
