"""Result columns as a writer needs them: fields, values per account, and how a key finds its account."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Any

from icp_xl.opc.sheet_xml import key_text, text_item


@dataclass(frozen=True)
class ResultColumn:
    """One column: the field that it shows, its header, number format and width."""

    field: str
    header: str
    format: str = "General"
    width: float = 12.0


#: What is written where nothing else is asked for.
RESULT_COLUMNS = (
    ResultColumn("icp_score", "ICP Score", "0.0", 10.5),
    ResultColumn("icp_grade", "ICP Grade", "General", 10.5),
    ResultColumn("rank", "ICP Rank", "#,##0", 10.5),
    ResultColumn("segment", "ICP Segment", "General", 16.0),
    ResultColumn("reasons", "ICP Reasons", "General", 48.0),
)
#: One cell: the type attribute and the inner XML.
CellContent = tuple[str, bytes]


@dataclass
class Results:
    """Values per field and row, and how a key finds its row.

    An id is found exactly; its case does not matter where no two ids differ by case, nor has it small and large letters
    mixed. A name is found exactly, else when it is the same once ``normalise`` has been over it.

    Args:
        columns: what to write, in order.
        values: per field, one value per account.
        keys: the accounts' ids, and then columns of names, each with one key per account.
        others: how fields look that an earlier run wrote and this one was not asked for.
        normalise: makes two spellings of a name equal; a name that then means two accounts means none.
    """

    columns: Sequence[ResultColumn]
    values: Mapping[str, Sequence[Any]]
    keys: Sequence[Sequence[Any]]
    normalise: Callable[[str], str] = field(default=lambda text: " ".join(text.casefold().split()))
    others: Sequence[ResultColumn] = ()

    def __post_init__(self) -> None:
        self._exact = [_unique(key_text(key) for key in keys) for keys in self.keys]
        self._folded = _unique(key.upper() for key in self._exact[0]) if self._exact else {}
        self._loose: list[dict[str, int]] | None = None
        self._found: dict[str, int | None] = {}
        self._cells: dict[int, list[CellContent]] = {}
        self._ids: bool | None = None
        self._twins = frozenset[str]()

    def read_keys(self, texts: Iterable[str]) -> None:
        """Look at the key column before its keys are looked up: does it hold ids, or names?

        A column with an id in it holds ids, unless it holds more names; then no id is taken for a name.
        """
        known = {text for text in texts if text}
        cased = Counter(text.upper() for text in known)
        self._twins = frozenset(text for text, times in cased.items() if times > 1)
        self._found.clear()
        ids = sum(self._id(text) is not None for text in known)
        names = sum(self._name(text) is not None for text in known)
        self._ids = ids > 0 and ids >= names

    def find(self, text: str) -> int | None:
        """Row of the account that the key ``text`` means."""
        if text not in self._found:
            row = self._id(text) if self._ids is not False else None
            self._found[text] = self._name(text) if row is None and not self._ids else row
        return self._found[text]

    def _id(self, text: str) -> int | None:
        exact = self._exact[0].get(text, -1)
        if exact >= 0:
            return exact
        upper = text.upper()
        row = self._folded.get(upper, -1)
        if row < 0 or upper in self._twins or _is_mixed(text) or _is_mixed(key_text(self.keys[0][row])):
            return None
        return row

    def _name(self, text: str) -> int | None:
        for exact in self._exact[1:]:
            if exact.get(text, -1) >= 0:
                return exact[text]
        if self._loose is None:
            self._loose = [_unique(self.normalise(key_text(key)) for key in keys) for keys in self.keys[1:]]
        loose = self.normalise(text)
        return next((keys[loose] for keys in self._loose if loose and keys.get(loose, -1) >= 0), None)

    def cells(self, row: int | None, columns: Sequence[ResultColumn]) -> list[CellContent]:
        """Contents of the cells of one account; empty ones where there is none."""
        if row is None:
            return [("", b"")] * len(columns)
        if row not in self._cells:
            self._cells[row] = [cell_content(self.value(column.field, row)) for column in columns]
        return self._cells[row]

    def value(self, name: str, row: int) -> Any:
        """One value; nothing for a field that there is not."""
        return self.values[name][row] if name in self.values else None


def _is_mixed(text: str) -> bool:
    """Whether case may carry meaning: small and large letters in one word that is not just written with a capital.

    >>> _is_mixed("AbC0000001"), _is_mixed("ac-1002"), _is_mixed("Ac-1002")
    (True, False, False)
    """
    return not (text.isupper() or text.islower() or text[:1].upper() + text[1:].lower() == text)


def _unique(keys: Any) -> dict[str, int]:
    """Row by key; −1 for a key that several rows have."""
    found: dict[str, int] = {}
    for row, key in enumerate(keys):
        if key:
            found[key] = row if key not in found else -1
    return found


def cell_content(value: Any) -> CellContent:
    """A value as a cell: text is text whatever it begins with, and what is missing is blank.

    >>> cell_content(7.0), cell_content("=1+1"), cell_content(float("nan"))
    (('', b'<v>7</v>'), ('inlineStr', b'<is><t xml:space="preserve">=1+1</t></is>'), ('', b''))
    """
    if isinstance(value, str):
        return _text(value)
    if not isinstance(value, int | float) and hasattr(value, "item"):
        value = value.item()
    if value is None or value is NotImplemented:
        return "", b""
    if isinstance(value, bool):
        return "b", b"<v>1</v>" if value else b"<v>0</v>"
    if isinstance(value, int | float):
        if not math.isfinite(value):
            return "", b""
        number = int(value) if float(value).is_integer() and abs(value) < 1e15 else value
        return "", f"<v>{number!r}</v>".encode()
    if isinstance(value, date):
        value = value.isoformat()[:10]
    return _text(str(value))


@lru_cache(maxsize=1 << 14)
def _text(text: str) -> CellContent:
    if not text or text in ("<NA>", "NaT"):
        return "", b""
    return "inlineStr", b"<is>" + text_item(text) + b"</is>"
