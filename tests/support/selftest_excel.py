"""The stand-in of Excel as the self-test starts it: the add-in's VBA, its function server and its watcher of jobs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from icp_xl.excel import jobs, macros
from tests.support.calculation import Calculator
from tests.support.udf_server import Server


class StandIn:
    """A launcher; ``plant`` is called with every Excel that starts, to put a fault into it."""

    has_functions, calculates = True, False

    def __init__(self, engine: ModuleType, server: Server, plant: Callable[[Any], None] = lambda excel: None) -> None:
        self.engine, self.server, self.plant = engine, server, plant
        self.started: list[StandInExcel] = []

    def start(
        self, workbook: Path, environ: Mapping[str, str], *, addin: bool = True, born: Callable[[Any], None]
    ) -> StandInExcel:
        excel = StandInExcel(self.engine, self.server, addin=addin)
        born(excel)
        excel.app.books.open(str(workbook))
        self.plant(excel)
        self.started.append(excel)
        return excel


class StandInExcel:
    """One Excel."""

    def __init__(self, engine: ModuleType, server: Server, *, addin: bool) -> None:
        self.app = engine.new_app()
        self.impl = self.app.impl
        self.pid = self.impl.pid
        self.calculator = self.impl.calculator = Calculator(server)
        self.left: set[str] = set()
        if addin:
            self.impl.macros["IcpWord"] = lambda text: "".join(c for c in text if c.isalnum() or c in "_-")
            self.impl.macros["IcpRun"] = self.press
        else:
            self.impl.macros.clear()

    def press(self, action: str) -> None:
        """``IcpRun``: Python does it, then jobs are watched."""
        macros.guarded(self.app.books.active, macros.MACROS[action])
        self.impl.timers = self.poll

    def poll(self) -> None:
        """``IcpPoll``: fetch, once, what has ended."""
        for job in jobs.waiting_jobs():
            if job.id not in self.left:
                self.left.add(job.id)
                macros.guarded(self.app.books.active, partial(macros.collect_job, job_id=job.id))

    def alive(self) -> bool:
        return not self.impl.gone.is_set()

    def end(self) -> None:
        self.impl.quit()

    def kill(self) -> None:
        self.impl.quit()

    def dialog(self) -> str:
        return str(self.impl.shown)

    def pythons(self) -> int | None:
        return 1
