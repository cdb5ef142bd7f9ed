"""Files to raw frames: workbooks, CSV, CRM exports."""

from __future__ import annotations

from icp_xl.sources.book import Book
from icp_xl.sources.file_types import open_book, read_sheet
from icp_xl.sources.model import Guess, Sources, SourceTable
from icp_xl.sources.read import read_sources
from icp_xl.sources.settings_sheet import read_settings_sheet

__all__ = ["Book", "Guess", "SourceTable", "Sources", "open_book", "read_settings_sheet", "read_sheet", "read_sources"]
