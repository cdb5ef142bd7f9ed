"""What the values of a column say about the field that its header promises."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from icp_xl.sources.cells import RawColumn, distinct
from icp_xl.sources.fields import Field
from icp_xl.sources.numbers import is_missing, parse_number, take_apart

#: Fields that count money of a line or deal; a share of something is none.
MONEY = ("revenue", "gross_profit", "amount", "annual_revenue")
#: A code rather than a name: few letters, many digits.
_CODE = re.compile(r"^[#]?[A-Za-z]{0,5}[-_/. ]?\d[\w./-]*$")
_GUID = re.compile(r"(?i)^\{?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{20,}\}?$")
#: Figures with decimals, which a day of points would have between three numbers.
_AMOUNT = re.compile(r"[-(]?\d[\d. ]*,\d{1,3}[-)]?|[-(]?\d[\d, ]*\.\d\d[-)]?")
_DAY = re.compile(r"\d\s*[-/.,年月 ]\s*\w|[A-Za-zÀ-ž]{3,}.?\s*-?'?\d|^\d{4}-?\d{2}|^[QqHh]\d")


@dataclass(frozen=True)
class Against:
    """Why a column's values speak against a field; ``certain`` where it cannot be it."""

    why: str
    certain: bool


def contradiction(item: Field, cells: Sequence[Any]) -> Against | None:
    """What speaks against ``cells`` being ``item``; ``None`` where nothing does or no cell tells."""
    filled = [cell for cell in cells if not _blank(cell)]
    if not cells:
        return None
    if not filled:
        return Against("is blank", certain=False)
    if item.kind == "number":
        return _not_number(item, filled)
    if item.kind == "date":
        days = sum(map(_may_be_day, filled))
        return None if days * 2 >= len(filled) else Against(f"holds no dates (such as {filled[0]!s:.30})", certain=True)
    if item.kind == "id":
        return _not_id(item, filled)
    if item.name == "account_name" and sum(map(_is_code, filled)) >= 0.8 * len(filled):
        return Against("holds codes", certain=False)
    if item.kind == "text" and item.name in ("account_name", "industry", "city", "country", "rep", "owner", "stage"):
        if sum(isinstance(cell, date) for cell in filled) * 2 > len(filled):
            return Against("holds dates", certain=True)
    return None


def supported(item: Field, cells: Sequence[Any], words: Sequence[str]) -> bool:
    """Whether the values themselves say that a column is ``item``, whose header alone would not do."""
    filled = [cell for cell in cells if not _blank(cell)]
    if not filled:
        return False
    if item.name == "account_id":
        return all(map(_is_code, filled)) and len({str(cell) for cell in filled}) > 1
    if item.name == "gross_profit":
        return _not_number(item, filled) is None
    if item.kind == "date":
        return all(map(_may_be_day, filled))
    texts = [str(cell).casefold() for cell in filled]
    told = sum(any(re.search(rf"\b{re.escape(word)}", text) for word in words) for text in texts)
    return bool(words) and told * 2 >= len(texts)


def holds_shares(raw: RawColumn, formats: Collection[str]) -> bool:
    """Whether a column holds percentages: by its texts, by Excel's ``formats``, or as shares of one whole."""
    if raw.dtype == object:
        _, cells = distinct(raw)
        texts = [cell for cell in cells if type(cell) is str and take_apart(cell) is not None]
        return sum("%" in text for text in texts) * 2 > len(texts) > 0
    if raw.dtype.kind != "f":
        return False
    if formats:
        return all("%" in code for code in formats)
    known = raw[~np.isnan(raw)]
    # Shares of one whole: between nought and one, and one in all.
    return bool(len(known) >= 3 and (np.abs(known) <= 1).all() and abs(float(known.sum()) - 1) < 1e-6)


def _blank(cell: Any) -> bool:
    return cell is None or cell != cell or (isinstance(cell, str) and is_missing(cell))


def _not_number(item: Field, filled: Sequence[Any]) -> Against | None:
    numeric = [cell for cell in filled if _may_be_number(cell)]
    if len(numeric) * 2 < len(filled):
        return Against(f"holds no numbers (such as {filled[0]!s:.30})", certain=True)
    if item.name not in MONEY:
        return None
    percent = sum(isinstance(cell, str) and cell.strip().endswith("%") for cell in filled)
    if percent * 2 > len(filled):
        return Against("holds percentages", certain=True)
    figures = [float(cell) for cell in numeric if isinstance(cell, int | float)]
    read = (parse_number(cell) for cell in numeric if isinstance(cell, str))
    figures = figures or [value for value in read if value is not None]
    if item.name != "annual_revenue" and len(set(figures)) >= 2 and all(abs(value) <= 1 for value in figures):
        if sum(value != int(value) for value in figures) * 2 > len(figures):
            return Against("holds shares (every value lies between -1 and 1)", certain=True)
    return None


def _may_be_number(cell: Any) -> bool:
    if isinstance(cell, int | float):
        return True
    if not isinstance(cell, str):
        return False
    if parse_number(cell) is not None:
        return True
    # How a number is written in each country is the reader's business; here a figure with few letters will do.
    digits, letters = sum(map(str.isdigit, cell)), sum(map(str.isalpha, cell))
    return (digits > 0 and letters <= 5 and not re.search(r"\d[-/.]\d+[-/.]\d{2,4}$", cell.strip())) or (
        digits == 0 and letters == 0 and "-" in cell
    )


def _may_be_day(cell: Any) -> bool:
    if isinstance(cell, date):
        return True
    if isinstance(cell, str):
        text = cell.strip().strip('="')
        if re.fullmatch(r"\d{1,2}\.(?:19|20)\d\d", text):
            return True
        if (
            re.fullmatch(r"[-(]?\d[\d. ]*,\d{1,3}[-)]?|[-(]?\d[\d, ]*\.\d\d[-)]?", text)
            and parse_number(text) is not None
        ):
            return False
        try:
            cell = float(text)
        except ValueError:
            return bool(_DAY.search(text)) or (any(map(str.isdigit, text)) and not text.isascii())
    if not isinstance(cell, int | float) or cell != cell:
        return False
    spans = ((15_000, 80_000), (190_001, 210_012), (19_000_101, 21_001_231), (3e8, 5e9), (3e11, 5e12))
    return any(low <= cell <= high for low, high in spans)


def _not_id(item: Field, filled: Sequence[Any]) -> Against | None:
    if sum(isinstance(cell, date) for cell in filled) * 2 > len(filled):
        return Against("holds dates", certain=True)
    if sum(isinstance(cell, float) and cell != int(cell) for cell in filled if _finite(cell)) * 2 > len(filled):
        return Against("holds amounts", certain=True)
    if item.name in ("account_id", "opportunity_id"):
        texts = [cell.strip() for cell in filled if isinstance(cell, str)]
        if sum(not any(map(str.isdigit, text)) and " " in text for text in texts) * 2 > len(filled):
            return Against("holds names", certain=True)
    return None


def _finite(cell: Any) -> bool:
    return isinstance(cell, float) and abs(cell) < 1e300


def _is_code(cell: Any) -> bool:
    if isinstance(cell, int | float):
        return True
    text = str(cell).strip()
    digits = sum(map(str.isdigit, text))
    many = digits >= 2 and digits * 2 >= sum(map(str.isalnum, text))
    return bool(_GUID.match(text)) or (bool(_CODE.match(text)) and many)
