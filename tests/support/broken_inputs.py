"""Broken customer workbooks and sales logs, each a function that spoils a folder of small samples."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl

CUSTOMERS = "JY - Customer Analysis - Customer Segmentation.xlsx"
SALES = "TR - Master Sales Log - Customer Segementation.xlsx"
HEADER = ["Customer ID", "Company Name", "Industry", "Annual Revenue", "Sales Rep", "Region", "Printers"]
SALES_HEADER = ["Date", "Customer ID", "Customer", "Division", "SKU", "Quantity", "Revenue", "Gross Profit", "Category"]

Spoil = Callable[[Path], None]


def write_book(path: Path, rows: list[list[object]]) -> None:
    """A workbook of one sheet."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for cells in book.active.iter_rows():
        for cell in cells:
            if cell.data_type == "f":  # text that looks like a formula, as a user would have it
                cell.data_type = "s"
    book.save(path)


def customers(n: int, **changes: object) -> list[list[object]]:
    """A sound customer table of ``n`` rows; ``changes`` replaces a column by its header."""
    rows: list[list[object]] = [list(HEADER)]
    for i in range(n):
        row: dict[str, object] = dict(
            zip(
                HEADER,
                [f"C{i:04d}", f"Company {i:04d} Works", "Tooling", 1e6 * (i + 1), "Kim", "West", i % 5],
                strict=True,
            )
        )
        row.update({k: v(i) if callable(v) else v for k, v in changes.items()})
        rows.append([row[name] for name in HEADER])
    return rows


def sales(n: int, **changes: object) -> list[list[object]]:
    """A sound sales log of ``n`` rows over sixty customers."""
    rows: list[list[object]] = [list(SALES_HEADER)]
    for i in range(n):
        values = [
            f"2024-{i % 12 + 1:02d}-15",
            f"C{i % 60:04d}",
            f"Company {i % 60:04d} Works",
            "Printers",
            "P-1",
            1,
            100.0 + i,
        ]
        row: dict[str, object] = dict(zip(SALES_HEADER, [*values, 30.0, "Consumable"], strict=True))
        row.update({k: v(i) if callable(v) else v for k, v in changes.items()})
        rows.append([row[name] for name in SALES_HEADER])
    return rows


def sound(folder: Path) -> None:
    """Sixty customers and three hundred sales lines that need no mercy."""
    write_book(folder / CUSTOMERS, customers(60))
    write_book(folder / SALES, sales(300))


def _bytes(name: str, content: bytes) -> Spoil:
    return lambda folder: (folder / name).write_bytes(content) and None


def _truncated(folder: Path) -> None:
    path = folder / CUSTOMERS
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _encrypted(folder: Path) -> None:
    import msoffcrypto.format.ooxml as ooxml

    path = folder / CUSTOMERS
    plain = io.BytesIO(path.read_bytes())
    with open(path, "wb") as out:
        ooxml.OOXMLFile(plain).encrypt("secret", out)


def _no_sheet(folder: Path) -> None:
    with zipfile.ZipFile(folder / CUSTOMERS, "w") as package:
        package.writestr("[Content_Types].xml", "<Types/>")


def _bad_part(folder: Path) -> None:
    path = folder / CUSTOMERS
    with zipfile.ZipFile(path) as package:
        parts = {name: package.read(name) for name in package.namelist()}
    parts["xl/worksheets/sheet1.xml"] = b"<worksheet><sheetData><row r='1'><c>"
    with zipfile.ZipFile(path, "w") as package:
        for name, content in parts.items():
            package.writestr(name, content)


def _drop(*names: str) -> Spoil:
    def spoil(folder: Path) -> None:
        rows = customers(60)
        keep = [i for i, name in enumerate(HEADER) if name not in names]
        write_book(folder / CUSTOMERS, [[row[i] for i in keep] for row in rows])

    return spoil


def _drop_sales(*names: str) -> Spoil:
    def spoil(folder: Path) -> None:
        keep = [i for i, name in enumerate(SALES_HEADER) if name not in names]
        write_book(folder / SALES, [[row[i] for i in keep] for row in sales(300)])

    return spoil


def _customers(n: int, **changes: object) -> Spoil:
    return lambda folder: write_book(folder / CUSTOMERS, customers(n, **changes))


def _sales(n: int, **changes: object) -> Spoil:
    return lambda folder: write_book(folder / SALES, sales(n, **changes))


#: Name, how the folder is spoiled, and words of the one error that must come.
REFUSED: list[tuple[str, Spoil, str]] = [
    ("not a workbook", _bytes(CUSTOMERS, b"this is no workbook at all"), "workbook"),
    ("empty file", _bytes(CUSTOMERS, b""), "empty"),
    ("an HTML page", _bytes(CUSTOMERS, b"<html><body>please sign in</body></html>"), "workbook"),
    ("a picture", _bytes(CUSTOMERS, b"\x89PNG\r\n\x1a\n" + b"\0" * 200), "workbook"),
    ("truncated zip", _truncated, CUSTOMERS),
    ("password-protected", _encrypted, "password"),
    ("no sheet", _no_sheet, CUSTOMERS),
    ("damaged sheet", _bad_part, CUSTOMERS),
    ("empty sheet", lambda folder: write_book(folder / CUSTOMERS, []), CUSTOMERS),
    ("no company names", _drop("Company Name", "Customer ID"), "column"),
    ("sales without revenue", _drop_sales("Revenue"), "revenue"),
    ("sales without dates", _drop_sales("Date"), "date"),
    (
        "no file at all",
        lambda folder: [path.unlink() for path in folder.iterdir()] and None,
        "holds no customers, sales or opportunities",
    ),
    ("sales without customers", _drop_sales("Customer ID", "Customer"), ""),
]

#: Name, how the folder is spoiled, and words that a warning, the check or the record must hold.
DEGRADED: list[tuple[str, Spoil, str]] = [
    ("header only", lambda folder: write_book(folder / CUSTOMERS, [list(HEADER)]), "occur only in the sales log"),
    ("no customers file", lambda folder: (folder / CUSTOMERS).unlink(), "No customer workbook was found"),
    ("ids without names", _drop("Company Name"), "no column holds account names"),
    ("no annual revenue", _customers(60, **{"Annual Revenue": None}), "the preset general"),
    ("all-text numbers", _customers(60, **{"Annual Revenue": "about a lot"}), "holds no numbers"),
    ("no industry", _customers(60, **{"Industry": None}), ""),
    ("duplicate ids", _customers(60, **{"Customer ID": lambda i: f"C{i // 2:04d}"}), ""),
    ("one account", _customers(1), ""),
    ("no revenue at all", _sales(300, **{"Revenue": 0.0, "Gross Profit": 0.0}), "No account has any revenue"),
    ("only returns", _sales(300, **{"Revenue": -5.0}), "No account has any revenue"),
    ("unknown categories", _sales(300, **{"Category": "Zeug", "Division": "Zeug"}), "category"),
    ("dates that are none", _sales(300, **{"Date": lambda i: "soon" if i % 7 == 0 else "2024-05-06"}), ""),
    ("names like formulas", _customers(60, **{"Company Name": lambda i: f"=SUM(A{i})+{i} Works"}), ""),
]
