"""What every script under the system's Python with UNO shares: the connection, a document in it, cells by name."""

import json
import os
import sys
import time
from contextlib import contextmanager

import uno
from com.sun.star.beans import PropertyValue


def prop(name, value):
    item = PropertyValue()
    item.Name, item.Value = name, value
    return item


def connect(pipe):
    """The context of the office that listens on ``pipe``; waits a minute for it."""
    context = uno.getComponentContext()
    resolver = context.ServiceManager.createInstanceWithContext("com.sun.star.bridge.UnoUrlResolver", context)
    for _ in range(240):
        try:
            return resolver.resolve(f"uno:pipe,name={pipe};urp;StarOffice.ComponentContext")
        except Exception:
            time.sleep(0.25)
    raise SystemExit("LibreOffice did not answer")


@contextmanager
def opened(context, url, *options):
    """The document at ``url``, hidden; it is closed and the office ended afterwards."""
    desktop = context.ServiceManager.createInstanceWithContext("com.sun.star.frame.Desktop", context)
    document = desktop.loadComponentFromURL(url, "_blank", 0, (prop("Hidden", True), *options))
    yield document
    document.close(True)
    try:
        desktop.terminate()
    except Exception:
        pass


def reply(answer):
    """Write ``answer`` as JSON and end the process at once.

    The office is gone by then, and UNO's own clean-up at the end of Python can crash on the dead connection.
    """
    json.dump(answer, sys.stdout)
    sys.stdout.flush()
    os._exit(0)


def set_cell(sheet, cell, value):
    """Put a text, a number, or nothing (``None``) into a cell."""
    target = sheet.getCellRangeByName(cell)
    if value is None or isinstance(value, str):
        target.String = value or ""
    else:
        target.Value = value


def letters(column):
    """The letters of a column counted from 0."""
    text = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        text = chr(65 + rest) + text
    return text
