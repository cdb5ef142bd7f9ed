"""The user's formulas and names that point to what is ours: found, counted, turned into what Excel makes of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from icp_xl.delivery.write_back.formulas import FORMULA, unescape_formula
from icp_xl.delivery.write_back.ownership import OwnedSheet, read_owned_sheets
from icp_xl.opc.references import Area
from icp_xl.opc.sheet_xml import has_formula
from icp_xl.opc.unsupported import refuse
from icp_xl.opc.workbook_part import TABLE_TYPE, Workbook

_TOKEN = re.compile(
    r'"(?:[^"]|"")*"'
    r"|\[\d+\][^\W\d][\w.]*!"  # another workbook
    r"|(?P<sheet>'(?:[^']|'')*'|[^\W\d][\w.]*(?::[^\W\d][\w.]*)?)!"
    r"(?:\$?[A-Za-z]{1,3}\$?\d*(?::\$?[A-Za-z]{1,3}\$?\d*)?|\$?\d+:\$?\d+|[^\W\d][\w.]*)?"
    r"|(?P<cells>\$?[A-Za-z]{1,3}\$?\d+(?::\$?[A-Za-z]{1,3}\$?\d+)?|\$?[A-Za-z]{1,3}:\$?[A-Za-z]{1,3})(?![\w.(!\[])"
    r"|(?P<table>[^\W\d][\w.\\]*)?(?P<columns>\[(?:[^\[\]']|'.|\[(?:[^\[\]']|'.)*\])*\])"
    r"|(?P<name>[^\W\d][\w.\\]*)(?!\()"
)
#: A call of a name of this workbook, not of another one's or of an add-in's; texts are passed over.
_CALL = re.compile(r'"(?:[^"]|"")*"|(?<![\w.\\!])([^\W\d][\w.\\]*)\(')
_ADD_IN_CALL = re.compile(r"\[[1-9]\d*\]!ICP_\w+\(", re.IGNORECASE)
_CELL = re.compile(rb'\br="([A-Z]{1,3}\d+)"')
_HOLDERS = ("worksheet+xml", "chart+xml", "table+xml")
#: How many are named in a message.
_NAMED = 10


@dataclass(frozen=True)
class CellsOfColumn:
    """The cells of a column of ours: from the header to the last one, but for those of the user that stay."""

    first_row: int
    last_row: int
    stay: frozenset[int] = frozenset()

    def met(self, area: Area) -> bool:
        """Whether ``area`` takes some of this column that goes."""
        return max(area.first_row, self.first_row) <= min(area.last_row, self.last_row)

    def goes(self, area: Area) -> bool:
        """Whether all that ``area`` takes of this column goes."""
        return self.met(area) and not any(area.first_row <= row <= area.last_row for row in self.stay)


@dataclass(frozen=True)
class Targets:
    """What is to go, in lower case: sheets, tables, names, columns by table, and cells by sheet and column."""

    sheets: frozenset[str] = frozenset()
    tables: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    columns: Mapping[str, frozenset[str]] = field(default_factory=dict)
    cells: Mapping[str, Mapping[int, CellsOfColumn]] = field(default_factory=dict)

    def goes(self, sheet: str, reference: str) -> bool:
        """Whether a reference to cells of ``sheet`` holds nothing but what goes."""
        ours, area = self.cells.get(sheet.lower(), {}), Area.of(reference)
        if not ours or area is None or area.last_column - area.first_column >= len(ours):
            return False
        wanted = range(area.first_column, area.last_column + 1)
        return all(column in ours and ours[column].goes(area) for column in wanted)

    def partly(self, sheet: str, reference: str) -> bool:
        """Whether a reference to cells of ``sheet`` holds some of what goes beside other cells."""
        ours, area = self.cells.get(sheet.lower(), {}), Area.of(reference)
        return area is not None and not self.goes(sheet, reference) and any(
            area.first_column <= column <= area.last_column and cells.met(area) for column, cells in ours.items()
        )  # fmt: skip

    def words(self) -> list[str]:
        """Without one of these in it a formula points to nothing that goes."""
        columns = (column for some in self.columns.values() for column in some)
        found = [*self.sheets, *self.tables, *self.names, *columns, *self.cells]
        return [word.replace("'", "''") for word in found]


def sheet_targets(book: Workbook, gone: Sequence[OwnedSheet]) -> Targets:
    """What goes with the sheets ``gone``."""
    package, tables = book.package, set[str]()
    for mark in gone:
        for rel in package.relationships(mark.part) if mark.part else ():
            if not rel.external and package.has(rel.target) and package.content_type(rel.target) == TABLE_TYPE:
                tables.add((package.tree(rel.target).get("displayName") or "").lower())
    names = frozenset(name.lower() for mark in gone for name in mark.names)
    return Targets(frozenset(mark.name.lower() for mark in gone), frozenset(tables), names)


def broken(formula: str, targets: Targets, here: str = "", on: str = "") -> str:
    """``formula`` as Excel leaves it when ``targets`` are deleted.

    >>> gone = Targets(frozenset({"my sheet"}), frozenset({"t"}), columns={"u": frozenset({"score"})})
    >>> broken("SUM(T[a],'My Sheet'!$B$2:C9)&\\"T[a]\\"", gone), broken("U[[#This Row],[Score]]+U[b]", gone)
    ('SUM(#REF!,#REF!)&"T[a]"', '#REF!+U[b]')
    >>> gone = Targets(cells={"s 1": {4: CellsOfColumn(1, 9)}})
    >>> broken("SUM('S 1'!$D$2:$D$9)+D2+E2+D12+Z!D2", gone), broken("D2+SUM(D:D)+SUM(A:D)", gone, on="S 1")
    ('SUM(#REF!)+D2+E2+D12+Z!D2', '#REF!+SUM(#REF!)+SUM(A:D)')

    Args:
        formula: without the equals sign.
        targets: what is deleted.
        here: the table that the formula stands in, where it does.
        on: the sheet that it stands on.
    """

    def swap(match: re.Match[str]) -> str:
        sheet, table, columns, name = (match[part] for part in ("sheet", "table", "columns", "name"))
        if sheet is not None:
            plain = sheet[1:-1].replace("''", "'") if sheet[0] == "'" else sheet
            gone = set(plain.lower().split(":")) & targets.sheets or targets.goes(plain, match[0].rpartition("!")[2])
            return "#REF!" if gone else match[0]
        if match["cells"] is not None:
            return "#REF!" if targets.goes(on, match[0]) else match[0]
        if columns is not None:
            own = (table or here).lower()
            wanted = columns.lower().replace("'", "")
            lost = any(f"[{c}]" in wanted or f"[@{c}]" in wanted for c in targets.columns.get(own, ()))
            return "#REF!" if own in targets.tables or lost else match[0]
        return "#REF!" if name is not None and name.lower() in targets.names | targets.tables else match[0]

    return _TOKEN.sub(swap, formula)


def calls(formula: str, targets: Targets) -> bool:
    """Whether ``formula`` calls a function that is among the names of ``targets``.

    >>> gone = Targets(names=frozenset({"icp_score"}))
    >>> calls("1+ICP_SCORE(A1)", gone), calls('[1]!ICP_SCORE(A1)&"ICP_SCORE("', gone)
    (True, False)
    """
    return any((name or "").lower() in targets.names for name in _CALL.findall(formula.replace("[0]!", "")))


def add_in_calls(book: Workbook) -> int:
    """How many formulas of the user call functions of the add-in."""
    found = 0
    for _, part in _foreign(book):
        content = book.package.read(part)
        if b"!icp_" in content.lower():
            found += sum(
                bool(_ADD_IN_CALL.search(unescape_formula(match[3].decode("utf-8", "replace"))))
                for match in FORMULA.finditer(content)
            )
    return found


def _foreign(book: Workbook) -> Iterator[tuple[str, str]]:
    """Title of each sheet that is not ours, and the parts behind it that may hold formulas."""
    package, marks = book.package, read_owned_sheets(book)
    ours, parts = {mark.index for mark in marks}, [mark.part for mark in marks if mark.part is not None]
    for index, element in enumerate(book.sheet_elements()):
        part = book.sheet_part(element)
        if index not in ours and part is not None:
            for name in sorted(package.closure([part], without=parts)):
                if package.content_type(name).endswith(_HOLDERS):
                    yield element.get("name") or "", name


def _names(book: Workbook, targets: Targets) -> Iterator[tuple[object, str]]:
    ours = {str(mark.index) for mark in read_owned_sheets(book)}
    own_names = {name.lower() for mark in read_owned_sheets(book) for name in mark.names}
    for element in book.defined_names():
        name, text = element.get("name") or "", element.text or ""
        if name.startswith(("_icpxl_", "_xlnm.")) or element.get("localSheetId") in ours or name.lower() in own_names:
            continue
        if broken(text, targets) != text or calls(text, targets):
            yield element, name


def find_dependents(book: Workbook, targets: Targets) -> list[str]:
    """Where formulas and names of the user point to ``targets``: cells with their sheet, else what holds them."""

    def points(text: str, here: str, title: str) -> bool:
        return broken(text, targets, here, title) != text or calls(text, targets)

    found = _places(book, targets, points)
    return [*found, *dict.fromkeys(f"the name {name}" for _, name in _names(book, targets))]


def find_partly(book: Workbook, targets: Targets) -> list[str]:
    """Where formulas of the user take in some of the cells that go beside other cells, as a look-up does."""

    def takes(text: str, here: str, title: str) -> bool:
        for match in _TOKEN.finditer(text):
            sheet, own = match["sheet"], match["cells"]
            plain = (sheet[1:-1].replace("''", "'") if sheet[0] == "'" else sheet) if sheet is not None else title
            reference = own if own is not None else match[0].rpartition("!")[2] if sheet is not None else ""
            if reference and targets.partly(plain, reference):
                return True
        return False

    return _places(book, targets, takes) if targets.cells else []


def _places(book: Workbook, targets: Targets, wanted: Callable[[str, str, str], bool]) -> list[str]:
    """Cells and other places of the user whose formula is ``wanted``, as judged by its text, table and sheet."""
    found, words = [], [escape(word).encode() for word in targets.words()]
    for title, part in _foreign(book) if words else ():
        content = book.package.read(part)
        if title.lower() not in targets.cells and not any(word in content.lower() for word in words):
            continue
        here = _table_of(book, part)
        for match in FORMULA.finditer(content):
            if wanted(unescape_formula(match[3].decode("utf-8", "replace")), here, title):
                cell = _CELL.search(content, max(content.rfind(b"<", 0, match.start()), 0), match.start())
                in_cell = part.rsplit("/", 2)[-2] == "worksheets" and match[2].endswith(b"f") and cell is not None
                found.append(f"{title}!{cell[1].decode()}" if in_cell and cell is not None else f"a rule, table or "
                             f"chart of {title}")  # fmt: skip
    return list(dict.fromkeys(found))


def _table_of(book: Workbook, part: str) -> str:
    """Name of the table that the formulas of a part stand in, where the part says it."""
    if book.package.content_type(part) == TABLE_TYPE:
        return str(book.package.tree(part).get("displayName") or "")
    tables = [rel.target for rel in book.package.relationships(part) if rel.kind == "table" and not rel.external]
    return str(book.package.tree(tables[0]).get("displayName") or "") if len(tables) == 1 else ""


def break_dependents(book: Workbook, targets: Targets) -> None:
    """Write ``#REF!`` where formulas and names of the user pointed to ``targets``; last values stay until computed."""
    words = [escape(word).encode() for word in targets.words()]
    for title, part in list(_foreign(book)) if words else ():
        content = book.package.read(part)
        if title.lower() in targets.cells or any(word in content.lower() for word in words):
            here = _table_of(book, part)

            def swap(match: re.Match[bytes], here: str = here, title: str = title) -> bytes:
                text = unescape_formula(match[3].decode("utf-8", "replace"))
                made = broken(text, targets, here, title)
                return match[0] if made == text else match[1] + escape(made).encode() + match[4]

            made = FORMULA.sub(swap, content)
            if made != content:
                book.package.put(part, made)
    for element, _ in list(_names(book, targets)):
        element.text = broken(element.text or "", targets)  # type: ignore[attr-defined]


def say(found: Sequence[str]) -> str:
    """``2 formulas or names: Sheet1!A1, the name Best``."""
    formulas = sum(not item.startswith("the name ") for item in found)
    named = len(found) - formulas
    counts = [f"{n} {word}{'s' if n != 1 else ''}" for n, word in ((formulas, "formula"), (named, "name")) if n]
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return f"{' and '.join(counts)}: {', '.join(found[:_NAMED])}{more}"


def check_dependents(book: Workbook, targets: Targets, force: bool) -> list[str]:
    """Where the user's formulas and names point to what is to go.

    Raises:
        RefusedError: some do, and ``force`` is not given.
    """
    found = find_dependents(book, targets)
    if found and not force:
        refuse("pointed-to", "formulas or names of yours point to what would be taken out",
               "Change them first, or run again with --force: they will then say #REF!, or #NAME? where they call a "
               "function, as when you delete a sheet or a name in Excel. Nothing was changed.",
               where=book.where, got=say(found))  # fmt: skip
    return found


def has_formulas(book: Workbook, without: str = "") -> bool:
    """Whether a sheet that is not ours, nor the part ``without``, computes anything."""
    package = book.package
    ours = {mark.index for mark in read_owned_sheets(book)}
    for index, element in enumerate(book.sheet_elements()):
        part, tail = book.sheet_part(element), b""
        if index in ours or part is None or part == without:
            continue
        for chunk in package.chunks(part):
            if has_formula(tail + chunk):
                return True
            tail = chunk[-40:]
    return False


_SPAN = re.compile(r"'((?:[^':]|'')+):((?:[^':]|'')+)'!|(?<![\w.'\]])([^\W\d][\w.]*):([^\W\d][\w.]*)!")


def sheet_spans(book: Workbook) -> list[tuple[str, str]]:
    """First and last sheet of every range that formulas or names of the user take over several sheets."""
    texts = [element.text or "" for element in book.defined_names()]
    for _, part in _foreign(book):
        content = book.package.read(part)
        texts += [unescape_formula(match[3].decode("utf-8", "replace")) for match in FORMULA.finditer(content)
                  if b":" in match[3] and b"!" in match[3]]  # fmt: skip
    found = dict[tuple[str, str], None]()
    for text in texts:
        for quoted, last, bare, end in _SPAN.findall(re.sub(r'"(?:[^"]|"")*"', "", text)):
            found[((quoted or bare).replace("''", "'"), (last or end).replace("''", "'"))] = None
    return list(found)
