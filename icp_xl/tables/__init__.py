"""Raw frames to tables: names matched, duplicates merged, industries and categories standardised."""

from icp_xl.tables.build import build_tables, load_overrides
from icp_xl.tables.contracts import check_sources
from icp_xl.tables.model import RowCount, Tables
from icp_xl.tables.names import NormalizedName, normalize_name
from icp_xl.tables.totals import account_totals

__all__ = [
    "NormalizedName",
    "RowCount",
    "Tables",
    "account_totals",
    "build_tables",
    "check_sources",
    "load_overrides",
    "normalize_name",
]
