"""The sample files: the sources under their real names, laid out as people lay out workbooks."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

import xlsxwriter

from icp_xl.opc.archive import deterministic_zip
from icp_xl.samples.catalog import INDUSTRIES, REGIONS
from icp_xl.samples.chance import Chance
from icp_xl.samples.messy import (
    Row,
    Truth,
    asset_rows,
    customer_rows,
    deal_rows,
    enriched_rows,
    industry_rows,
    sales_rows,
    truth_body,
    yearly_rows,
)
from icp_xl.samples.world import FIRST_YEAR, YEARS, World, make_world

CUSTOMERS_FILE = "JY - Customer Analysis - Customer Segmentation.xlsx"
SALES_FILE = "TR - Master Sales Log - Customer Segementation.xlsx"
ENRICHED_FILE = "enrichment_progress.csv"
INDUSTRY_FILE = "TR - Industry Enrichment.csv"
TIERS_FILE = "strategic_industry_tiers.json"
OPPORTUNITIES_FILE = "Opportunities.xlsx"
#: The files that :func:`write_samples` writes, in order.
FILES = (CUSTOMERS_FILE, SALES_FILE, ENRICHED_FILE, INDUSTRY_FILE, TIERS_FILE, OPPORTUNITIES_FILE)
TRUTH_FILE = "planted_truth.json"
#: Folder of earlier exports of the customers table, as of the first day of each quarter from the second year on.
HISTORY_FOLDER = "history"
SEED = 20240630
STAMP = datetime(2025, 1, 6)


def write_samples(
    folder: Path,
    *,
    seed: int = SEED,
    accounts: int = 1500,
    lines: int = 40_000,
    truth: bool = False,
) -> list[Path]:
    """Write the sample workbooks and CSV files into ``folder`` and return their paths.

    Earlier exports of the customers table lie under ``history``: a whole one, and each quarter's changes. The same
    seed gives the same bytes. With ``truth`` the planted truths are written beside them, for tests.

    Args:
        folder: where the files go; it is made where it is not there.
        seed: seed of the world.
        accounts: accounts of the customer workbook.
        lines: lines of the sales log, about.
        truth: write the planted truths beside them, for tests.
    """
    folder.mkdir(parents=True, exist_ok=True)
    world = make_world(seed, accounts, lines)
    planted = Truth()
    _write_customers(folder / CUSTOMERS_FILE, world, Chance(f"{seed} customers"), planted)
    _write_sales(folder / SALES_FILE, world, seed, planted)
    enriched = enriched_rows(world, Chance(f"{seed} enriched"), planted)
    _write_csv(folder / ENRICHED_FILE, ["company_name", "state", "enriched_annual_revenue", "status"], enriched)
    updates = industry_rows(world, Chance(f"{seed} industries"), planted)
    _write_csv(folder / INDUSTRY_FILE, ["Company", "Updated Industry"], updates, ";", "cp1252")
    tiers: dict[str, list[str]] = {f"tier_{tier}": [] for tier in (1, 2, 3, 4)}
    for plan in INDUSTRIES:
        tiers[f"tier_{plan.tier}"].append(plan.name)
    (folder / TIERS_FILE).write_bytes((json.dumps(tiers, indent=2, ensure_ascii=False) + "\n").encode())
    _write_history(folder / HISTORY_FOLDER, world)
    _write_opportunities(folder / OPPORTUNITIES_FILE, world, Chance(f"{seed} deals"), planted)
    paths = [folder / name for name in FILES]
    if truth:
        body = json.dumps(truth_body(world, planted, seed), ensure_ascii=False, separators=(",", ":"))
        (folder / TRUTH_FILE).write_bytes((body.replace('],["C-', '],\n["C-') + "\n").encode())
        paths.append(folder / TRUTH_FILE)
    return paths


def copy_samples(folder: Path) -> None:
    """Copy the sample files as they are installed into ``folder``, and no others; where one is missing, make them."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "_workbooks" if (package / "_workbooks").is_dir() else package.parent / "workbooks"
    history = sorted((installed / HISTORY_FOLDER).glob("customers *.csv"))
    paths = [*(installed / name for name in FILES), *history]
    if not history or not all(path.is_file() for path in paths):
        write_samples(folder)
        return
    for path in paths:
        target = folder / path.relative_to(installed)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())


def write_contacts(path: Path) -> None:
    """An address for each rep of the samples; example.com belongs to nobody."""
    reps = [rep for _, names in REGIONS.values() for rep in names]
    _write_csv(path, ["Rep", "E-mail"], [[rep, f"{rep.lower().replace(' ', '.')}@example.com"] for rep in reps])


class _SampleBook:
    """An XlsxWriter workbook with fixed stamps, and the few formats that the samples use."""

    def __init__(self, path: Path, title: str) -> None:
        self.path = path
        options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
        self.book = xlsxwriter.Workbook(str(path), options)
        self.book.set_properties({"title": title, "author": "Sales Operations", "created": STAMP})
        self.title = self.book.add_format({"bold": True, "font_size": 14})
        self.note = self.book.add_format({"italic": True, "font_color": "#666666"})
        self.head = self.book.add_format({"bold": True, "bg_color": "#D9E1F2", "bottom": 1, "text_wrap": True})
        self.group = self.book.add_format({"bold": True, "align": "center", "bg_color": "#BDD0EE"})
        self.day = self.book.add_format({"num_format": "m/d/yyyy"})
        self.money = self.book.add_format({"num_format": "#,##0"})
        self.total = self.book.add_format({"bold": True, "top": 1, "num_format": "#,##0"})

    def close(self) -> None:
        """Write the file, and pack it as tightly as it goes: samples are kept in the repository."""
        self.book.close()
        with zipfile.ZipFile(self.path) as loose:
            parts = {name: loose.read(name) for name in loose.namelist()}
        self.path.write_bytes(deterministic_zip(parts, 9))

    def sheet(self, name: str, widths: list[float]) -> Any:
        sheet = self.book.add_worksheet(name)
        for at, width in enumerate(widths):
            sheet.set_column(at, at, width)
        return sheet

    def line(self, sheet: Any, row: int, cells: Row, first: int = 0, money: tuple[int, ...] = ()) -> None:
        for at, cell in enumerate(cells, start=first):
            if cell is None or cell == "":
                continue
            if isinstance(cell, date):
                sheet.write_datetime(row, at, cell, self.day)
            elif isinstance(cell, str):
                sheet.write_string(row, at, cell)
            elif isinstance(cell, bool):
                sheet.write_boolean(row, at, cell)
            else:
                sheet.write_number(row, at, cell, self.money if at in money else None)

    def header(self, sheet: Any, row: int, names: list[str], first: int = 0) -> None:
        for at, name in enumerate(names, start=first):
            if name:
                sheet.write_string(row, at, name, self.head)


def _write_history(folder: Path, world: World) -> None:
    """What the customers table said at the beginning of each quarter: printers as they were counted by then."""
    folder.mkdir(exist_ok=True)
    header = ["Acct ID", "Company Name", "Industry", "Annual Revenue (USD)", "Sales Rep", "Territory", "# of Printers",
              "State", "Country"]  # fmt: skip
    before: dict[str, int] = {}
    for month in range(12, 12 * YEARS, 3):
        now = {a.key: a.printers_by_month[month] for a in world.accounts if a.since <= month}
        rows = [
            [a.key, a.name, a.plan.name, f"{a.annual_revenue:.0f}", a.rep, a.region, str(now[a.key]), a.state, "USA"]
            for a in world.accounts
            if a.key in now and before.get(a.key) != now[a.key]
        ]
        kind = "changes " if before else ""
        day = date(FIRST_YEAR + month // 12, month % 12 + 1, 1)
        _write_csv(folder / f"customers {kind}{day:%Y-%m-%d}.csv", header, rows)
        before = now


def _write_customers(path: Path, world: World, chance: Chance, truth: Truth) -> None:
    book = _SampleBook(path, "Customer analysis")
    cover = book.sheet("Read me", [80])
    cover.write_string(0, 0, "Customer analysis for segmentation", book.title)
    cover.write_string(2, 0, "One row per account. Revenue is the company's own, where we know it. JY keeps this list.")
    sheet = book.sheet("Customer List", [2, 11, 34, 24, 18, 18, 11, 11, 16, 8, 14, 9])
    names = ["Acct ID", "Company Name", "Industry", "Annual Revenue (USD)", "Sales Rep", "Territory", "# of Printers",
             "City", "State", "Country", "DNC"]  # fmt: skip
    sheet.merge_range(0, 1, 0, len(names), "Customer Analysis – Customer Segmentation", book.title)
    sheet.write_string(1, 1, "Extract of 2025-01-06, all regions", book.note)
    sheet.merge_range(3, 1, 3, 3, "Account", book.group)
    sheet.merge_range(3, 4, 3, 7, "Commercial", book.group)
    sheet.merge_range(3, 8, 3, 11, "Place", book.group)
    book.header(sheet, 4, names, 1)
    sheet.freeze_panes(5, 0)
    rows = customer_rows(world, chance, truth)
    at = 5
    for count, (account, cells) in enumerate(rows, start=1):
        book.line(sheet, at, cells, 1, (4,))
        truth.customer_rows.append((at + 1, account.key))
        at += 1
        if count % 400 == 0 and count < len(rows):
            at += 1  # a blank row, and the header once more, as printed lists have it
            book.header(sheet, at, names, 1)
            at += 1
    sheet.write_string(at + 1, 1, "Total", book.total)
    sheet.write_number(at + 1, 4, sum(a.annual_revenue for a in world.accounts), book.total)
    sheet.write_number(at + 1, 7, sum(a.printers for a in world.accounts), book.total)
    sheet.write_string(at + 3, 1, "* printers as of the last site survey", book.note)
    lookup = book.sheet("Lists", [20, 20])
    lookup.hide()
    for row, plan in enumerate(INDUSTRIES):
        lookup.write_string(row, 0, plan.name)
    sheet.activate()
    book.close()


def _write_sales(path: Path, world: World, seed: int, truth: Truth) -> None:
    book = _SampleBook(path, "Master sales log")
    sheet = book.sheet("Sales Log", [11, 12, 10, 32, 7, 16, 10, 16, 6, 12, 12, 18])
    names = ["Rec Date", "Invoice No", "Cust No", "Customer", "State", "Division", "Part Number", "Type", "Qty",
             "Net Sales", "GP", "Sales Rep"]  # fmt: skip
    sheet.merge_range(0, 0, 0, 11, "Master Sales Log", book.title)
    sheet.write_string(1, 0, "All divisions, invoiced lines; returns are negative", book.note)
    book.header(sheet, 3, names)
    sheet.freeze_panes(4, 0)
    rows = sales_rows(world, Chance(f"{seed} sales"), truth)
    at, before = 4, 0
    for line, cells in zip(world.lines, rows, strict=True):
        if line.day.year != before:
            if before:
                at = _year_total(book, sheet, at, before, world) + 1
                book.header(sheet, at, names)
                at += 1
            before = line.day.year
        book.line(sheet, at, cells)
        at += 1
    if before:
        at = _year_total(book, sheet, at, before, world)
    sheet.write_string(at, 0, "Grand Total", book.total)
    sheet.write_number(at, 9, sum(line.revenue for line in world.lines), book.total)
    last = FIRST_YEAR + YEARS - 1
    for name, measure in ((f"GP{last % 100}", "gross_profit"), (f"Revenue{last % 100}", "revenue")):
        totals = book.sheet(name, [36, 8, 16])
        totals.write_string(0, 0, f"{name} by customer", book.title)
        book.header(totals, 2, ["Customer Name", "State", name])
        body = yearly_rows(world, measure, last, Chance(f"{seed} {name}"), truth)
        for row, cells in enumerate(body, start=3):
            book.line(totals, row, cells, 0, (2,))
        totals.write_string(len(body) + 3, 0, "Total", book.total)
        totals.write_number(len(body) + 3, 2, sum(float(str(cells[2])) for cells in body), book.total)
    _write_assets(book, world, Chance(f"{seed} assets"), truth)
    old = book.sheet("Sales Log OLD", [11, 18, 10, 32])
    book.header(old, 0, names)
    for row, cells in enumerate(rows[:25], start=1):
        book.line(old, row, cells)
    old.hide()
    book.close()


def _year_total(book: _SampleBook, sheet: Any, at: int, year: int, world: World) -> int:
    """A total under a year's lines and a blank row; returns the next row."""
    own = [line for line in world.lines if line.day.year == year]
    sheet.write_string(at, 3, f"Total {year}", book.total)
    sheet.write_number(at, 9, sum(line.revenue for line in own), book.total)
    sheet.write_number(at, 10, round(sum(line.gross_profit for line in own), 2), book.total)
    return at + 2


def _write_assets(book: _SampleBook, world: World, chance: Chance, truth: Truth) -> None:
    """The assets sheet has its header in two rows: groups above, names below."""
    sheet = book.sheet("Assets", [11, 34, 12, 6, 12, 12, 12])
    for at, name in enumerate(("Cust No", "Customer", "Part Number", "Qty")):
        sheet.merge_range(0, at, 1, at, name, book.head)
    sheet.merge_range(0, 4, 0, 5, "Contract", book.group)
    sheet.write_string(1, 4, "Start", book.head)
    sheet.write_string(1, 5, "End", book.head)
    sheet.write_string(0, 6, "Subscription", book.head)
    sheet.write_string(1, 6, "on / off", book.head)
    for row, cells in enumerate(asset_rows(world, chance, truth), start=2):
        book.line(sheet, row, cells)


def _write_opportunities(path: Path, world: World, chance: Chance, truth: Truth) -> None:
    book = _SampleBook(path, "Opportunities")
    sheet = book.sheet("Opportunities", [12, 11, 34, 22, 12, 12, 12, 18, 16, 30])
    sheet.write_string(0, 0, "Opportunities created in the last two years", book.title)
    names = ["Opportunity ID", "Account No", "Account Name", "Stage", "Amount", "Created Date", "Close Date", "Owner",
             "Division", "Product"]  # fmt: skip
    book.header(sheet, 2, names)
    for row, cells in enumerate(deal_rows(world, chance, truth), start=3):
        book.line(sheet, row, cells, 0, (4,))
    book.close()


def _write_csv(
    path: Path, header: list[str], rows: list[list[str]], delimiter: str = ",", encoding: str = "utf-8"
) -> None:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows(rows)
    path.write_bytes(out.getvalue().encode(encoding))
