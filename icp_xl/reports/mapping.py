"""The sheet ICP Mapping: which column of the user's files is which of ours, to be chosen from lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from icp_xl.config.reports import ReportSettings
from icp_xl.reports.spec import Column, Item, Ref, ReportBook, Sheet, Table, Text
from icp_xl.sources.mapping_sheet import LOOKUP, MAPPING_SHEET
from icp_xl.user_cells import MAPPING


@dataclass(frozen=True)
class MappedColumn:
    """One column of ours: its source and name, what is chosen, how it was found, and what the chosen column holds."""

    source: str
    column: str
    label: str
    header: str
    how: str
    values: str
    needed: bool


@dataclass(frozen=True)
class MappedSource:
    """One source: what it is called, where it lies, its columns, and every header of the file with its values."""

    source: str
    title: str
    location: str
    columns: Sequence[MappedColumn]
    headers: Sequence[tuple[str, str]]
    lookups: Sequence[str] = ()


def build_mapping_book(sources: Sequence[MappedSource], settings: ReportSettings) -> ReportBook:
    """One sheet: per source a table of our columns with a drop-down of the file's headers, and those with values."""
    blocks: list[Item] = [
        Text(
            "Choose in the yellow cells which column of your file is which, save, and run again: this sheet is obeyed. "
            "Instead of a header you may type a computation, such as [Qty] * [Price], a text in quotation marks for "
            'every row, such as "consumable", or blank for no column. A look-up says key: …, sheet: …, take: [ … ].'
        )
    ]
    for item in sources:
        rows = [
            (one.source, one.column, one.label, _plain(one.header), one.values, one.how, "needed" if one.needed else "")
            for one in item.columns
        ]
        rows += [(item.source, f"{LOOKUP} {at + 1}", f"Look-up {at + 1}", text, "", "setting" if text else "", "")
                 for at, text in enumerate([*item.lookups, ""])]  # fmt: skip
        keys = ("source", "column", "label", "header", "values", "how", "needed")
        names = f"map_{item.source}_headers"
        columns = [
            Column("source", MAPPING.header("source"), "id", width=14),
            Column("column", MAPPING.header("column"), "id", width=18),
            Column("label", "What it is", width=18),
            Column("header", MAPPING.header("header"), "id", width=34, editable=True, choices_from=Ref(names, "header"),
                   note="Choose a header, or type a computation or a text in quotation marks."),
            Column("values", "Its values", "long_text", width=56),
            Column("how", "Found by", width=14),
            Column("needed", "Needed", width=9),
        ]  # fmt: skip
        headed = [Column("header", "Header", "id", width=34), Column("values", "Values", "long_text", width=56)]
        listed = pd.DataFrame(item.headers, columns=["header", "values"])
        blocks += [
            Text(f"{item.title}: {item.location}", "heading"),
            Table(f"map_{item.source}", columns, pd.DataFrame(rows, columns=list(keys)), key="column", filters=False),
            Text(f"Every column of {item.location}", "heading"),
            Table(names, headed, listed, filters=False),
        ]  # fmt: skip
    sheet = Sheet(MAPPING_SHEET, MAPPING_SHEET, blocks, kind="data",
                  subtitle="Which column of your files is which of ours.")  # fmt: skip
    return ReportBook([sheet], title=MAPPING_SHEET, subject="Columns of the sources", currency=settings.currency,
                paper=settings.paper)  # fmt: skip


def _plain(header: str) -> str:
    """A computation without its equals sign, so that no spreadsheet takes it for a formula of its own."""
    return header.lstrip("= ") if header.lstrip().startswith("=") else header
