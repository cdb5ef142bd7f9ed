"""A stand-in for xlwings' function server: what VBA's ``XLPy.CallUDF`` does, with xlwings' real ``call_udf``.

Only COM itself is absent. Values come in as COM hands them over (floats, texts, booleans, dates, error numbers,
tuples of rows) and go out as the server returns them, its squeeze of single rows included.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any

from icp_xl.excel.xlwings_udfs import FUNCTIONS, decorated, udf_machinery
from tests.support import office_engine
from tests.support.office_cells import Range

#: What COM hands over for an argument that was left out.
MISSING = -2147352572


class Server:
    """The function server."""

    def __init__(self, machinery: Any, modules: dict[str, ModuleType]) -> None:
        self.machinery, self.modules = machinery, modules
        for name, module in modules.items():
            machinery.udf_modules[name] = {"module": module, "filetime": None, "filename": ""}

    def call(self, function: str, *args: Any, module: str = FUNCTIONS, told: str = "\n.\n,") -> Any:
        """``XLPy.CallUDF(module, function, Array(args…), workbook, caller)`` with squeezed result.

        ``told`` is what the stub adds where the declaration says so: the answer of ``IcpCaller``.
        """
        declared = getattr(self.modules[module], function).__xlfunc__["args"]
        if declared and declared[-1]["vba"]:
            args = (*args, *[MISSING] * (len(declared) - 1 - len(args)), told)
        found = self.machinery.call_udf(module, function, args, None, None)
        if len(found) == 1 and len(found[0]) == 1:
            return found[0][0]
        return found[0] if len(found) == 1 else found


@contextmanager
def function_server(**extra: ModuleType) -> Iterator[Server]:
    """A server of our functions, and of the modules ``extra`` by name."""
    office_engine.register()
    with udf_machinery() as machinery:
        stand_in = sys.modules["xlwings._xlwindows"]
        stand_in.Range = lambda xl=None: SimpleNamespace(options=None, address=None) if xl is None else xl
        stand_in.is_range_instance = lambda value: isinstance(value, Range)
        yield Server(machinery, {FUNCTIONS: decorated(machinery), **extra})
