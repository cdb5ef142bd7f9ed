"""Packages of Office Open XML: parts, relationships, XML, archives, locks and undo."""

from icp_xl.opc.archive import Archive, deterministic_zip
from icp_xl.opc.package import Package, Relationship, open_package
from icp_xl.opc.references import Area, column_letters, column_number, quote_sheet
from icp_xl.opc.safe_write import SafeOptions, safe_write
from icp_xl.opc.unsupported import RefusedError
from icp_xl.opc.workbook_part import Workbook, check_writable

__all__ = [
    "Archive",
    "Area",
    "Package",
    "RefusedError",
    "Relationship",
    "SafeOptions",
    "Workbook",
    "check_writable",
    "column_letters",
    "column_number",
    "deterministic_zip",
    "open_package",
    "quote_sheet",
    "safe_write",
]
