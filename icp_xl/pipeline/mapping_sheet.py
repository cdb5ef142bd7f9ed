"""The sheet ICP Mapping: rendered from what was found, and put into the customer workbook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from icp_xl.delivery.render.book import render_book
from icp_xl.delivery.write_back.inject import SheetOptions, inject_sheets
from icp_xl.errors import IcpError, SourceError
from icp_xl.pipeline.mapping import SourceMap, preview
from icp_xl.pipeline.write_back.sheets import kept_cells, safe_options, stage_kept_cells
from icp_xl.reports.mapping import MappedColumn, MappedSource, build_mapping_book
from icp_xl.runs import RunContext
from icp_xl.sources.file_types import layout_of
from icp_xl.sources.mapping_sheet import MAPPING_SHEET

#: The workbook that holds the sheet, for a running Excel to bring in.
MAPPING_BOOK = "icp_mapping.xlsx"


@dataclass(frozen=True)
class MappingSheetResult:
    """What was written, and what is read with the choices as they stand."""

    lines: tuple[str, ...]

    def summary(self) -> list[str]:
        """The closing lines."""
        return list(self.lines)


def write_mapping_sheet(
    run: RunContext, maps: list[SourceMap], *, into_workbook: bool = True
) -> MappingSheetResult | None:
    """Write the sheet, and say what is read with the choices that stand now.

    Args:
        run: the run.
        maps: what was found.
        into_workbook: put it into the customer workbook; otherwise it stays in the output folder, from where a running
            Excel brings it in.

    Raises:
        SourceError: there is no customer workbook to put it into.
        RefusedError: the workbook cannot be written; it is as it was.
    """
    customers = next((item for item in maps if item.source == "customers"), None)
    if into_workbook and (customers is None or layout_of(customers.path) != "sheets"):
        raise SourceError("there is no customer workbook for the sheet ICP Mapping", where="sources.customers",
                          got=customers.path.name if customers else "no file",
                          next_step="Run icp-xl map without --sheet: it writes a settings file.")  # fmt: skip
    book = build_mapping_book([_mapped(run, item) for item in maps], run.settings.reports)
    run.plan(MAPPING_BOOK, *([customers.path.name] if into_workbook and customers else []))
    try:
        lines = preview(run.settings)
    except IcpError as error:
        lines = [f"With these columns the files cannot be read yet: {error}"]
    if run.dry_run:
        return None
    placed = render_book(book, run.outputs.path(MAPPING_BOOK), clock=run.now())
    stage_kept_cells(run, MAPPING_BOOK, book, placed)
    if into_workbook and customers is not None:
        sheets = SheetOptions(owner="icp_mapping", kept=kept_cells(book, placed))
        inject_sheets(customers.path, run.outputs.path(MAPPING_BOOK), sheets=sheets, options=safe_options(run))
        lines.append(f"The sheet {MAPPING_SHEET} is in {customers.path.name}: choose there, save, and run again.")
    return MappingSheetResult(tuple(lines))


def _mapped(run: RunContext, item: SourceMap) -> MappedSource:
    chosen = getattr(run.settings.sources, item.source)
    columns = []
    for wanted in item.wanted:
        header = item.chosen.get(wanted.name, "")
        facts = item.columns.get(header)
        columns.append(
            MappedColumn(item.source, wanted.name, wanted.label, header, wanted.how if header else "",
                         facts.line() if facts else "", bool(wanted.group))
        )  # fmt: skip
    lookups = [
        ", ".join(f"{key}: {_plain(value)}" for key, value in join.model_dump(exclude_defaults=True).items())
        for join in chosen.joins
    ]
    headers = [(header, facts.line()) for header, facts in item.columns.items()]
    return MappedSource(item.source, item.title, f"{item.path.name}, sheet {item.sheet}", columns, headers, lookups)


def _plain(value: object) -> str:
    if isinstance(value, Mapping) and any(key != name for key, name in value.items()):
        return f"{{{', '.join(f'{key}: {name}' for key, name in value.items())}}}"
    if isinstance(value, tuple | list | Mapping):
        return f"[{', '.join(map(str, value))}]"
    return str(value)
