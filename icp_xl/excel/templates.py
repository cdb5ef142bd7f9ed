"""Two workbooks to start from: customers and sales log, with tables, drop-downs, help at each cell, and settings.

Headers come from the fields that the readers know, so that a filled template is read without a guess. The same
version writes the same bytes.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from icp_xl.columns import CATEGORIES
from icp_xl.components.presets import EQUIPMENT
from icp_xl.config import Section, Settings
from icp_xl.config.base import rights_of
from icp_xl.opc.archive import deterministic_zip
from icp_xl.outputs import write_bytes
from icp_xl.sources.fields import ASSETS, CUSTOMERS, SALES, Field, SourceSpec

if TYPE_CHECKING:
    from openpyxl import Workbook
    from openpyxl.worksheet.worksheet import Worksheet

SETTINGS_SHEET = "ICP Settings"
START_SHEET = "Start here"
LISTS_SHEET = "Lists"
#: Rows that drop-downs and input help reach down to.
ROWS = 5000
_MOMENT = "1980-01-01T00:00:00Z"

#: Help that a field's own description does not give.
HELP = {
    "account_id": "One number or code per account. Leading zeros are kept.",
    "account_name": "The company's name, as on its invoices.",
    "industry": "Choose from the list, or write your own; spellings are brought together.",
    "annual_revenue": "Of the company itself, per year, in full units (not thousands). Leave blank where unknown.",
    "rep": "Who looks after the account.",
    "region": "Sales region.",
    "printers": "How many printers the account runs; a whole number.",
    "do_not_contact": "Yes keeps the account out of every list of offers.",
    "date": "Day of the sale.",
    "division": "Which of your divisions sold it. Models and offers are made per division.",
    "quantity": "Units; a return is negative.",
    "revenue": "Of this line; a return is negative.",
    "gross_profit": "Of this line. Leave blank where unknown.",
    "category": "Choose from the list; scores tell consumables and software apart by it.",
    "start_date": "First day of the contract or of ownership.",
    "expiry_date": "Last day of the subscription or maintenance.",
    "subscription": "Yes where the asset is on subscription.",
}
#: Settings that most people want to see first, with words for people.
COMMON = (
    ("excel.sales_workbook", "Name of the sales-log workbook; found among the open workbooks where left blank"),
    ("scoring.use_optimized_weights", "TRUE takes the weights found by Optimise weights, FALSE those below"),
    ("scoring.preset", "Components of the score: auto, equipment, general or subscription"),
    *(
        (f"scoring.weights.{item.name}", f"Weight of {item.title.lower()}; give all weights or none; they sum to 1")
        for item in EQUIPMENT
    ),
    ("scoring.strategic_share", "Say of the strategic tiers in an industry's weight, 0 to 1"),
    ("scoring.segment_mid_market", "Annual revenue from which an account is Mid-Market"),
    ("scoring.segment_large", "Annual revenue from which an account is Large Enterprise"),
    ("optimize.lambda_param", "0 lets Optimise look at revenue only, 1 at the grade mix only"),
    ("matching.accept", "Likeness, 0 to 1, from which two names are taken as the same account"),
)


@dataclass(frozen=True)
class TableSheet:
    """A sheet with one table to be filled."""

    name: str
    table: str
    spec: SourceSpec


CUSTOMERS_BOOK = "JY - Customer Analysis - Customer Segmentation.xlsx"
SALES_BOOK = "TR - Master Sales Log - Customer Segementation.xlsx"


def write_templates(folder: Path) -> list[Path]:
    """Write both workbooks into ``folder``; one that is there already stays, under its own name.

    Returns:
        The paths written; a name that was taken got " (template)" appended.
    """
    written = []
    for name, content in (
        (CUSTOMERS_BOOK, customers_template()),
        (SALES_BOOK, sales_template()),
    ):
        path = folder / name
        if path.exists():
            path = folder / name.replace(".xlsx", " (template).xlsx")
        write_bytes(path, content)
        written.append(path)
    return written


def customers_template() -> bytes:
    """The customer workbook."""
    book = _new_book()
    _write_start(
        book,
        "Customers",
        (
            "Fill the sheet Customers: one row per account. Only an id or a name is needed; the more, the better.",
            "Paste values into the table; it grows by itself. Keep the headers, or use your own: they are recognised.",
            "Fill the sales-log workbook too, and keep both files in one folder.",
            "Press ICP > Check inputs, then ICP > Score accounts. Nothing here is changed but columns named ICP ...",
            "Settings are optional: the sheet ICP Settings holds them. A blank value means the usual.",
        ),
    )
    _write_table(book, TableSheet("Customers", "tblCustomers", CUSTOMERS))
    _write_settings(book)
    _write_lists(book)
    return _bytes(book)


def sales_template() -> bytes:
    """The sales-log workbook."""
    book = _new_book()
    _write_start(
        book,
        "Sales log",
        (
            "Fill the sheet Sales log: one row per invoice line. Date, customer and revenue are needed.",
            "Use the account's id as in the customer workbook, or its name: names are matched, and shown to you.",
            "Category tells hardware, consumables and software apart. Without it the product's name is looked at.",
            "The sheet Assets is optional: what each account owns, and when its subscription or maintenance ends.",
            "Keep this file in one folder with the customer workbook, and have both open when you press a button.",
        ),
    )
    _write_table(book, TableSheet("Sales log", "tblSales", SALES))
    _write_table(book, TableSheet("Assets", "tblAssets", ASSETS))
    _write_lists(book)
    return _bytes(book)


def settings_rows() -> list[tuple[str, None, str]]:
    """Setting, value (blank) and note of the rows that a new settings sheet shows."""
    known = dict(setting_keys())
    return [(key, None, f"{note}. Usual: {_plain(known[key])}") for key, note in COMMON]


def setting_keys(section: Section | None = None, prefix: str = "") -> Iterator[tuple[str, object]]:
    """Dotted key and default of every setting that one cell can hold and a workbook may set."""
    section = Settings() if section is None else section
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, Section):
            yield from setting_keys(value, f"{prefix}{name}.")
        elif isinstance(value, dict):
            yield from ((f"{prefix}{name}.{key}", each) for key, each in value.items() if may_set(f"{prefix}{name}"))
        elif not isinstance(value, tuple | list) and may_set(f"{prefix}{name}"):
            yield f"{prefix}{name}", value


def may_set(key: str) -> bool:
    """Whether a workbook may set the setting ``key``."""
    return rights_of(Settings, tuple(key.split("."))) != "site"


def _plain(value: object) -> str:
    if value is None or value == "":
        return "blank"
    if isinstance(value, bool):
        return str(value).upper()
    return f"{value:,.12g}" if isinstance(value, int | float) else str(value)


def _new_book() -> Workbook:
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.worksheets[0])
    return book


def _write_start(book: Workbook, first: str, steps: Sequence[str]) -> None:
    from openpyxl.styles import Alignment

    sheet: Any = book.create_sheet(START_SHEET)
    sheet.sheet_view.showGridLines = False
    sheet.column_dimensions["A"].width = 6
    sheet.column_dimensions["B"].width = 100
    sheet["A1"] = "Account scoring"
    sheet["A1"].font = _font(size=20, bold=True, colour="12344D")
    sheet["A2"] = "How to begin"
    sheet["A2"].font = _font(size=12, colour="6B7780")
    for number, text in enumerate(steps, 1):
        row = number + 3
        sheet.cell(row, 1, number).font = _font(size=12, bold=True, colour="1B7F8C")
        cell = sheet.cell(row, 2, text)
        cell.font = _font(size=12)
        cell.alignment = Alignment(wrap_text=True, vertical="top")
        sheet.cell(row, 1).alignment = Alignment(vertical="top", horizontal="center")
    link = sheet.cell(len(steps) + 5, 2, f"Go to {first}")
    link.hyperlink = f"#'{first}'!A2"
    link.font = _font(size=12, colour="1B7F8C", underline="single")
    sheet.sheet_properties.tabColor = "1B7F8C"


def _write_table(book: Workbook, shown: TableSheet) -> None:
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.table import Table, TableStyleInfo

    sheet: Any = book.create_sheet(shown.name)
    fields = shown.spec.fields
    for column, item in enumerate(fields, 1):
        cell = sheet.cell(1, column, item.label)
        cell.font = _font(bold=True, colour="FFFFFF")
        cell.fill = _fill("12344D")
        letter = get_column_letter(column)
        sheet.column_dimensions[letter].width = max(14, len(item.label) + 4, 28 if item.name == "account_name" else 0)
        style = {"date": "yyyy-mm-dd", "number": "#,##0.##", "id": "@"}.get(item.kind)
        if style:
            # On the column, so that pasted rows take it too.
            sheet.column_dimensions[letter].number_format = style
            sheet.cell(2, column).number_format = style
        _validate(sheet, item, f"{letter}2:{letter}{ROWS}")
    last = get_column_letter(len(fields))
    table = Table(displayName=shown.table, ref=f"A1:{last}2")
    table.tableStyleInfo = TableStyleInfo(name="TableStyleMedium2", showRowStripes=True)
    sheet.add_table(table)
    sheet.freeze_panes = "A2"


def _validate(sheet: Worksheet, item: Field, area: str) -> None:
    from openpyxl.worksheet.datavalidation import DataValidation

    rule = DataValidation(allow_blank=True)
    if item.name == "industry":
        rule = DataValidation(type="list", formula1="icp_industries", allow_blank=True)
        # Other industries are welcome: the list helps and does not forbid.
        rule.showErrorMessage = False
    elif item.name == "category":
        rule = DataValidation(type="list", formula1="icp_categories", allow_blank=True)
        rule.showErrorMessage = False
    elif item.kind == "flag":
        rule = DataValidation(type="list", formula1='"Yes,No"', allow_blank=True)
        rule.showErrorMessage = True
        rule.errorTitle, rule.error = "Yes or No", "Choose Yes or No, or leave it blank."
    elif item.name in ("annual_revenue", "printers"):
        whole = item.name == "printers"
        rule = DataValidation(
            type="whole" if whole else "decimal", operator="greaterThanOrEqual", formula1="0", allow_blank=True
        )
        rule.showErrorMessage = True
        rule.errorTitle = "A number"
        rule.error = f"{item.label} is a {'whole ' if whole else ''}number of at least 0, or blank."
    elif item.kind == "date":
        rule = DataValidation(type="date", operator="greaterThan", formula1="32874", allow_blank=True)
        rule.showErrorMessage = True
        rule.errorStyle = "warning"
        rule.errorTitle, rule.error = "A date", "This does not look like a date after 1990. Keep it all the same?"
    elif item.kind == "number":
        rule = DataValidation(
            type="decimal", operator="between", formula1="-1000000000000", formula2="1000000000000", allow_blank=True
        )
        rule.showErrorMessage = True
        rule.errorTitle, rule.error = "A number", f"{item.label} is a number, or blank."
    rule.showInputMessage = True
    rule.promptTitle = item.label[:32]
    rule.prompt = (HELP.get(item.name) or (item.about or item.label).rstrip(".") + ".")[:255]
    rule.add(area)
    sheet.add_data_validation(rule)


def _write_settings(book: Workbook) -> None:
    from openpyxl.styles import Alignment
    from openpyxl.worksheet.datavalidation import DataValidation
    from openpyxl.worksheet.table import Table, TableStyleInfo

    sheet: Any = book.create_sheet(SETTINGS_SHEET)
    for column, (header, width) in enumerate((("Setting", 36), ("Value", 24), ("Notes", 90)), 1):
        cell = sheet.cell(1, column, header)
        cell.font = _font(bold=True, colour="FFFFFF")
        cell.fill = _fill("12344D")
        sheet.column_dimensions["ABC"[column - 1]].width = width
    rows = settings_rows()
    for row, (key, value, note) in enumerate(rows, 2):
        sheet.cell(row, 1, key)
        sheet.cell(row, 2, value).fill = _fill("FFFBE0")
        sheet.cell(row, 3, note).alignment = Alignment(wrap_text=True)
        sheet.cell(row, 3).font = _font(colour="6B7780")
    table = Table(displayName="tblIcpSettings", ref=f"A1:C{len(rows) + 1}")
    table.tableStyleInfo = TableStyleInfo(name="TableStyleLight1", showRowStripes=False)
    sheet.add_table(table)
    rule = DataValidation(type="list", formula1="icp_settings", allow_blank=True)
    rule.showErrorMessage = True
    rule.errorTitle, rule.error = "A setting", "Choose a setting from the list."
    rule.showInputMessage = True
    rule.promptTitle, rule.prompt = "Setting", "Choose one. Leave its value blank for the usual."
    rule.add("A2:A500")
    sheet.add_data_validation(rule)
    sheet.freeze_panes = "A2"


def _write_lists(book: Workbook) -> None:
    from openpyxl.workbook.defined_name import DefinedName

    from icp_xl.tables.industry_list import INDUSTRIES

    sheet: Any = book.create_sheet(LISTS_SHEET)
    lists = {
        "icp_industries": ("Industries", sorted(INDUSTRIES)),
        "icp_categories": ("Categories", list(CATEGORIES)),
    }
    if SETTINGS_SHEET in book.sheetnames:
        lists["icp_settings"] = ("Settings", [key for key, _ in setting_keys()])
    for column, (name, (header, values)) in enumerate(lists.items(), 1):
        letter = "ABC"[column - 1]
        sheet.cell(1, column, header).font = _font(bold=True)
        sheet.column_dimensions[letter].width = 34
        for row, value in enumerate(values, 2):
            sheet.cell(row, column, value)
        area = f"'{LISTS_SHEET}'!${letter}$2:${letter}${len(values) + 1}"
        book.defined_names[name] = DefinedName(name, attr_text=area)
    sheet.sheet_properties.tabColor = "A9B4BB"


def _font(size: float = 11, bold: bool = False, colour: str = "1F2933", underline: Any = None) -> Any:
    from openpyxl.styles import Font

    return Font(name="Calibri", size=size, bold=bold, color=f"FF{colour}", underline=underline)


def _fill(colour: str) -> Any:
    from openpyxl.styles import PatternFill

    return PatternFill("solid", fgColor=f"FF{colour}")


def _bytes(book: Workbook) -> bytes:
    """The workbook's bytes without the moment of writing."""
    from openpyxl.worksheet.properties import PageSetupProperties

    book.properties.creator = "icp_xl"
    for sheet in book.worksheets:
        sheet.page_setup.orientation = "landscape"
        sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
        sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    raw = io.BytesIO()
    book.save(raw)
    with zipfile.ZipFile(raw) as source:
        parts = {name: source.read(name) for name in source.namelist()}
    core = parts["docProps/core.xml"].decode()
    core = re.sub(r"(<dcterms:(created|modified)[^>]*>)[^<]*", rf"\g<1>{_MOMENT}", core)
    return deterministic_zip({**parts, "docProps/core.xml": core.encode()}, 9)
