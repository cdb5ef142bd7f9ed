"""Rendered sheets with one of everything, made with XlsxWriter alone."""

from __future__ import annotations

import base64
import datetime as dt
import io
import random
from pathlib import Path

import xlsxwriter

from icp_xl.delivery.write_back.ownership import UserColumn

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAYAAACNMs+9AAAAFUlEQVR42mNk+M9Qz0AEYBxVSF+FABJADveWkH6oAAAAAElFTkSuQmCC"
)
KEPT = (
    UserColumn("ICP Report", "icp_report", "Account", "Status"),
    UserColumn("ICP Report", "icp_report", "Account", "Override"),
)
HEADERS = ("Account", "Score", "Revenue", "Win rate", "Last deal", "Note", "Status", "Override")


def make_donor(path: Path, *, date_1904: bool = False, generation: int = 1, accounts: int = 40) -> Path:
    """Two sheets: a table with charts, rules, choices, an image and a control; and formulas, links, sparklines."""
    draw = random.Random(generation)
    options = {"date_1904": date_1904, "strings_to_formulas": False, "strings_to_urls": False}
    book = xlsxwriter.Workbook(str(path), options)
    head = book.add_format({"bold": 1, "bg_color": "#1F4E78", "font_color": "#FFFFFF", "border": 1, "text_wrap": 1})
    money = book.add_format({"num_format": "[$€-407] #,##0.00"})
    share = book.add_format({"num_format": "0.0%"})
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    title = book.add_format({"bold": 1, "font_size": 18, "font_name": "Segoe UI"})
    bad = book.add_format({"bg_color": "#FFC7CE", "font_color": "#9C0006", "num_format": "0.000"})
    sheet = book.add_worksheet("ICP Report")
    sheet.write("A1", 'ICP fit – Ünïcode & <xml> "q"', title)
    rows = [
        [
            f"Account {i:03d}", draw.randint(0, 100), round(draw.random() * 1e5, 2), draw.random(),
            dt.date(2026, 1, 1) + dt.timedelta(i), "=cmd|calc" if i == 3 else f"note {i} & more", "Open", "",
        ]
        for i in range(accounts)
    ]  # fmt: skip
    last = 3 + accounts
    formats = (None, None, money, share, day, None, None, None)
    columns = [
        {"header": name, "header_format": head, **({"format": form} if form else {})}
        for name, form in zip(HEADERS, formats, strict=True)
    ]
    sheet.add_table(3, 0, last, 7, {"name": "icp_report", "columns": columns, "data": rows})
    sheet.set_column("A:A", 22)
    sheet.set_column("C:E", 14, money)
    sheet.conditional_format(4, 1, last, 1, {"type": "data_bar", "data_bar_2010": True})
    sheet.conditional_format(4, 2, last, 2, {"type": "cell", "criteria": "<", "value": 20000, "format": bad})
    sheet.conditional_format(4, 3, last, 3, {"type": "3_color_scale"})
    sheet.data_validation(4, 6, last, 6, {"validate": "list", "source": ["Open", "Called", "Won"]})
    chart = book.add_chart({"type": "bar"})
    chart.add_series(
        {
            "name": "='ICP Report'!$B$4",
            "categories": "='ICP Report'!$A$5:$A$14",
            "values": "='ICP Report'!$B$5:$B$14",
        }
    )
    chart.set_title({"name": "Top scores"})
    sheet.insert_chart("J4", chart, {"description": "Bar chart of the ten highest scores"})
    sheet.insert_image("J22", "pixel.png", {"image_data": io.BytesIO(PIXEL), "description": "a square"})
    sheet.insert_checkbox("J1", True)
    sheet.write_comment("B4", "From 0 to 100")
    sheet.freeze_panes(4, 1)
    sheet.repeat_rows(3)
    sheet.print_area(0, 0, last, 7)
    detail = book.add_worksheet("ICP Detail")
    detail.write_row(0, 0, ["k", "v", "f"], head)
    for i in range(accounts):
        detail.write(i + 1, 0, f"key {i % 7}")
        detail.write(i + 1, 1, i * 1.5, money)
        detail.write_formula(i + 1, 2, f"=B{i + 2}*icp_factor+'ICP Report'!$B$5*0", None, i * 3.0)
    detail.set_row(2, 30, share)
    detail.write_url("E1", "https://example.com/a?b=1&c=2", string="link")
    detail.write_url("E2", "internal:'ICP Report'!A1", string="report")
    detail.add_sparkline("D2", {"range": "'ICP Detail'!B2:B12"})
    detail.data_validation("G1", {"validate": "list", "source": ["a", "b"]})
    book.define_name("icp_factor", "=2")
    book.close()
    return path
