"""Where lines lie between the steps of a build: in one table, or month by month in files, for logs of any length."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from icp_xl.sql.engine import DuckEngine
from icp_xl.sql.query import Query

#: Lines up to which one table takes less time than many files.
WHOLE = 1_000_000


class Stages:
    """Steps from lines to lines, each made from the one before: ``staged``, ``classified``, ``facts``.

    A step looks at one line, or at lines of one month (doubles share their moment), so each month is worked through for
    itself, and no more than one of them is held.
    """

    def __init__(self, engine: DuckEngine, name: str, query: Query, lines: int) -> None:
        self.engine = engine
        self._count = 0
        if lines <= WHOLE:
            engine.keep(name, query)
            return
        parts = engine.write_parts(query, engine.scratch / name, "ym")
        self._count = len(parts)
        for number, files in enumerate(parts):
            engine.view_parquet(_part(name, number), files)
        engine.view_parquet(name, [file for files in parts for file in files])

    def derive(self, name: str, source: str, make: Callable[[str], Query], check: Callable[[], None]) -> None:
        """Make a step of the one before, whose rows are let go.

        Args:
            name: of the step.
            source: the step before.
            make: gives the query over a table.
            check: raises where the user cancels.
        """
        if not self._count:
            self.engine.keep(name, make(source))
            self.engine.drop(source)
            return
        folder = self.engine.scratch / name
        folder.mkdir()
        files: list[Path] = []
        for number in range(self._count):
            check()
            file = folder / f"{number:05d}.parquet"
            self.engine.write_parquet(make(_part(source, number)), file, scratch=True)
            self.engine.drop(_part(source, number))
            self.engine.view_parquet(_part(name, number), [file])
            files.append(file)
        self.engine.drop(source)
        shutil.rmtree(self.engine.scratch / source, ignore_errors=True)
        self.engine.view_parquet(name, files)


def _part(name: str, number: int) -> str:
    return f"{name}_{number}"
