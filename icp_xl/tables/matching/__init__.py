"""Matching of company names between sources and within one."""

from icp_xl.tables.matching.duplicates import Duplicates, find_duplicates
from icp_xl.tables.matching.match import ACCEPTED, MATCH_COLUMNS, NO_MATCH, REVIEW, match_names
from icp_xl.tables.matching.overrides import (
    Override,
    Overrides,
    apply_overrides,
    combine_overrides,
    duplicate_key,
    link_key,
    read_match_overrides,
)

__all__ = [
    "ACCEPTED",
    "MATCH_COLUMNS",
    "NO_MATCH",
    "REVIEW",
    "Duplicates",
    "Override",
    "Overrides",
    "apply_overrides",
    "combine_overrides",
    "duplicate_key",
    "find_duplicates",
    "link_key",
    "match_names",
    "read_match_overrides",
]
