"""Worksheets that look a kind of formula through once, instead of every formula of that kind."""

from __future__ import annotations

import re
from typing import Any

from xlsxwriter.worksheet import Worksheet

_DIGITS = re.compile(r"\d+")


class _Exact(float):
    """A number that is written with 17 digits where it needs them; XlsxWriter asks for 16."""

    def __format__(self, spec: str) -> str:
        text = super().__format__(spec)
        return text if float(text) == self else repr(float(self))


class FormulaSheet(Worksheet):  # type: ignore[misc]
    """XlsxWriter's worksheet, which searches every formula for some thirty functions that need a prefix.

    A column of formulas differs in row numbers only, and no such function has a digit in its name. So formulas that are
    the same but for digits, and of which one needed nothing, need nothing; all others go the usual way.
    """

    def __init__(self) -> None:
        super().__init__()
        self._ready: set[tuple[str, bool]] = set()

    def _prepare_formula(self, formula: str, expand_future_functions: bool = False) -> str:
        kind = (_DIGITS.sub("", formula), expand_future_functions)
        bare = formula.removeprefix("=")
        if kind in self._ready:
            return bare
        prepared: Any = super()._prepare_formula(formula, expand_future_functions)
        if prepared == bare:
            self._ready.add(kind)
        return str(prepared)

    def _xml_number_element(self, number: float, attributes: Any = ()) -> None:
        super()._xml_number_element(_Exact(number), attributes)
