"""Rename sheets, tables and defined names inside formulas, leaving text, numbers and everything else alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.sax.saxutils import escape, unescape

from icp_xl.opc.references import quote_sheet

_TOKEN = re.compile(
    r'"(?:[^"]|"")*"'  # text
    r"|'(?:[^']|'')*'!"  # a quoted sheet
    r"|\[[^\[\]]*(?:\[[^\[\]]*\][^\[\]]*)*\]"  # columns of a table, or another workbook
    r"|[^\W\d][\w.\\]*(?:!|\(|(?=\[))?"  # a sheet, a function, a table or a name
    r"|\d[\w.]*"
)
#: A formula in a sheet, drawing, chart, table or control: its tag, its text, its end.
FORMULA = re.compile(
    rb"(<((?:\w+:)?(?:f|formula|formula1|formula2|calculatedColumnFormula|totalsRowFormula|FmlaLink|FmlaRange))"
    rb"(?:\s[^>]*)?>)([^<]*)(</\2>)"
)
_QUOTES = {'"': "&quot;"}
_UNQUOTES = {"&quot;": '"', "&apos;": "'", "&#10;": "\n", "&#9;": "\t"}


@dataclass(frozen=True)
class Renames:
    """Old name to new name; keys in lower case."""

    sheets: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.sheets or self.tables or self.names)


def rename_formula(formula: str, renames: Renames) -> str:
    """Rewrite ``formula``.

    >>> rename_formula("SUM('ICP Score'!A1,icp_a[x])&\\"icp_a[\\"", Renames({"icp score": "S 2"}, {"icp_a": "icp_a_2"}))
    'SUM(\\'S 2\\'!A1,icp_a_2[x])&"icp_a["'
    """

    def swap(match: re.Match[str]) -> str:
        token = match[0]
        if token[0] in '"[' or token[0].isdigit() or token.endswith("("):
            return token
        if token.endswith("!"):
            name = token[1:-2].replace("''", "'") if token[0] == "'" else token[:-1]
            new = renames.sheets.get(name.lower())
            return quote_sheet(new) + "!" if new is not None else token
        return renames.tables.get(token.lower()) or renames.names.get(token.lower(), token)

    return _TOKEN.sub(swap, formula) if renames else formula


def rename_escaped(text: str, renames: Renames) -> str:
    """:func:`rename_formula` for a formula as it stands in XML."""
    return escape(rename_formula(unescape_formula(text), renames), _QUOTES)


def unescape_formula(text: str) -> str:
    """A formula as it stands in XML, in plain text."""
    return unescape(text, _UNQUOTES)
