"""Edits of a sheet's rows, of what stands before them and of what follows, as result columns come in or go."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import Any

import numpy as np

from icp_xl.delivery.write_back.column_claims import Claims
from icp_xl.delivery.write_back.column_identity import is_users
from icp_xl.delivery.write_back.column_values import made_cells
from icp_xl.delivery.write_back.plain_rows import PlainRows
from icp_xl.delivery.write_back.user_entries import cell_bytes
from icp_xl.opc.references import Area, column_letters
from icp_xl.opc.sheet_xml import Cell, RowParser
from icp_xl.opc.splice import Edit, Splice

#: Makes the format of a cell from its neighbour's and its place among our columns.
StyleOf = Callable[[str, int], str]
_TYPES = {"": b">", "inlineStr": b' t="inlineStr">'}
_SPANS = re.compile(rb'\sspans="(\d+):(\d+)"')


@dataclass
class RowWriter:
    """Writes cells into rows. ``columns`` are ours, ascending; ``neighbour`` is the column whose format they take.

    ``claims`` tell of those that were ours before: there the format stays, and so does a cell that is the user's.
    ``spared`` has the addresses of these, ``kept`` by column the rows of those that show it by their place alone, and
    ``withheld`` the rows of a column whose value was not written for them. ``strings`` are the shared strings.
    """

    parser: RowParser
    columns: Sequence[int]
    neighbour: int
    style_of: StyleOf
    claims: Claims = field(default_factory=Claims)
    strings: Sequence[bytes] = ()
    spared: list[str] = field(default_factory=list)
    kept: dict[int, list[int]] = field(default_factory=dict)
    withheld: dict[int, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._letters = [column_letters(column).encode() for column in self.columns]
        self._close = b"</" + self.parser.prefix + b"row>"
        self._templates: dict[str, list[tuple[bytes, bytes, bool]]] = {}

    def edits(
        self, row: bytes, number: int, contents: Sequence[tuple[str, bytes]], last: int = 0, style: str | None = None,
        known: bool = True,
    ) -> list[Edit]:  # fmt: skip
        """What puts our cells into one row.

        Args:
            row: the bytes of the row.
            number: of the row, counted from 1.
            contents: kind and bytes of each of our cells, in the order of our columns.
            last: column of the row's last cell, where it is known.
            style: format of that cell, where it is known.
            known: whether the row has an account.
        """
        simple = style is not None and last < self.columns[0] and not self.parser.prefix
        if not simple or style is None or not row.endswith(self._close):
            return self._general(row, number, contents, known)
        if last > self.neighbour:
            return self._general(row, number, contents, known)
        made = self._appended(number, style if last == self.neighbour else "", contents)
        return [*self._spans(row), (len(row) - len(self._close), 0, made)] if made else []

    def emptied(self, row: bytes, number: int, known: bool) -> list[Edit]:
        """What takes our values out of a row that the list no longer reaches.

        Args:
            row: the bytes of the row.
            number: of the row, counted from 1.
            known: whether it has no key, or that of an account; else the row has become the user's.
        """
        edits = []
        for cell in self.parser.cells(row):
            if cell.inner and cell.column in self.claims.identities and not self._spares(cell, number, True):
                if not known:
                    self.spared.append(f"{column_letters(cell.column)}{number}")
                    continue
                at = self.columns.index(cell.column)
                blank = self._cell(at, number, "", ("", b""), cell.attribute(b"s"))
                edits.append((cell.start, cell.end - cell.start, blank))
        return edits

    def made_row(self, number: int, contents: Sequence[tuple[str, bytes]]) -> bytes:
        """A row of our cells alone, for one that is not in the file.

        Args:
            number: of the row, counted from 1.
            contents: kind and bytes of each of our cells, in the order of our columns.
        """
        cells = b"".join(self._cell(at, number, "", content) for at, content in enumerate(contents))
        return b'<%brow r="%d">' % (self.parser.prefix, number) + cells + self._close

    def append(
        self, splice: Splice, block: bytes, rows: PlainRows, style: str, values: Sequence[Sequence[Any]]
    ) -> None:
        """Put our cells into plain rows that end before our columns.

        Args:
            splice: takes the rows with them.
            block: that the rows fill.
            rows: what is known of them.
            style: format of the cell beside ours in every row.
            values: of each of our columns, one per row.
        """
        numbers = [b"%d" % number for number in range(rows.first, rows.last + 1)]
        cells = [
            made_cells(column, numbers, start, middle, blank=styled)
            for (start, middle, styled), column in zip(self._template(style), values, strict=True)
        ]
        made = list(map(b"".join, zip(*chain.from_iterable(cells), strict=True)))
        spans = self._spans(block)
        if not rows.alike:
            edits, at = list[Edit](), 0
            for end, new in zip(rows.closed.tolist(), made, strict=True):
                edits += [(at + place, length, grown) for place, length, grown in self._spans(block[at:end])]
                edits.append((end, 0, new))
                at = end + len(self._close)
            splice.change(block, edits)
        elif spans:
            place, length, grown = spans[0]
            places = rows.numbered + (place - rows.numbered[0])
            splice.change_many(
                block,
                np.column_stack((places, rows.closed)).ravel(),
                np.tile([length, 0], len(made)),
                list(chain.from_iterable(zip(repeat(grown), made))),
            )
        else:
            splice.change_many(block, rows.closed, np.zeros_like(rows.closed), made)

    def _template(self, style: str) -> list[tuple[bytes, bytes, bool]]:
        if style not in self._templates:
            formats = [self.style_of(style, at) for at in range(len(self.columns))]
            self._templates[style] = [
                (b'<c r="' + letters, b'" s="' + form.encode() + b'"' if form else b'"', bool(form))
                for letters, form in zip(self._letters, formats, strict=True)
            ]
        return self._templates[style]

    def _appended(self, number: int, style: str, contents: Sequence[tuple[str, bytes]]) -> bytes:
        """Our cells of one row, for a row that ends before them."""
        text = b"%d" % number
        pieces: list[bytes] = []
        for (start, middle, styled), (kind, inner) in zip(self._template(style), contents, strict=True):
            if inner:
                pieces += (start, text, middle, _TYPES.get(kind) or b' t="%b">' % kind.encode(), inner, b"</c>")
            elif styled:
                pieces += (start, text, middle, b"/>")
        return b"".join(pieces)

    def _cell(self, at: int, number: int, style: str, content: tuple[str, bytes], keep: str | None = None) -> bytes:
        kind, inner = content
        style = self.style_of(style, at) if keep is None else keep
        if not inner and not style:
            return b""
        if self.parser.prefix:
            return cell_bytes(self.parser.prefix, f"{self._letters[at].decode()}{number}", style, kind, inner)
        made = b'<c r="%b%d"' % (self._letters[at], number)
        if style:
            made += b' s="' + style.encode() + b'"'
        if kind:
            made += b' t="' + kind.encode() + b'"'
        return made + (b">" + inner + b"</c>" if inner else b"/>")

    def _general(self, row: bytes, number: int, contents: Sequence[tuple[str, bytes]], known: bool) -> list[Edit]:
        cells = self.parser.cells(row)
        there = {cell.column: cell for cell in cells}
        beside = there.get(self.neighbour)
        style = beside.attribute(b"s") if beside is not None else ""
        edits, fresh = [], dict[int, bytes]()
        opened = self._opened(row)
        for at, column in enumerate(self.columns):
            old = there.get(column)
            if old is not None:
                own = old.attribute(b"s")
                if column in self.claims.identities:
                    keep = own if old.inner or own else None
                    if old.inner and self._spares(old, number, known):
                        self.withheld.setdefault(column, []).append(number)
                        continue
                else:
                    # A blank cell's font, fill and border stay; how it would show a number is ours to say.
                    keep = self.style_of(own, at) if own else None
                edits.append((old.start, old.end - old.start, self._cell(at, number, style, contents[at], keep)))
                continue
            made = self._cell(at, number, style, contents[at])
            if made:
                place = next((cell.start for cell in cells if cell.column > column), len(row) - len(self._close))
                fresh[place] = fresh.get(place, b"") + made
        if opened is not None:
            made = b"".join(fresh.values())
            return [opened(made)] if made else []
        edits += [(place, 0, made) for place, made in fresh.items()]
        return sorted(self._spans(row) + edits, key=lambda edit: edit[:2])

    def _spares(self, cell: Cell, number: int, known: bool) -> bool:
        """Whether a filled cell of our columns is the user's; it is noted then."""
        users = self.claims.is_users(cell, number, known, self.strings)
        if users:
            self.spared.append(f"{column_letters(cell.column)}{number}")
            if not is_users(cell, self.strings, self.claims.identities[cell.column]):
                self.kept.setdefault(cell.column, []).append(number)
        return users

    def _opened(self, row: bytes) -> Callable[[bytes], Edit] | None:
        """For a row without cells (``<row/>``): the edit that opens it."""
        if row.endswith(self._close):
            return None
        return lambda made: (len(row) - 2, 2, b">" + made + self._close)

    def _spans(self, row: bytes) -> list[Edit]:
        match = _SPANS.search(row, 0, row.find(b">") + 1)
        if match is None or int(match[2]) >= self.columns[-1]:
            return []
        return [(match.start(2), match.end(2) - match.start(2), str(self.columns[-1]).encode())]


def clear_cells(parser: RowParser, row: bytes, columns: Sequence[int]) -> list[Edit]:
    """What takes the cells of ``columns`` out of a row."""
    return [(cell.start, cell.end - cell.start, b"") for cell in parser.cells(row) if cell.column in columns]


def head_edits(head: bytes, prefix: bytes, widths: Mapping[int, float], last_row: int) -> list[Edit]:
    """Grow the dimension over our columns and give them widths, where the user has given none.

    Args:
        head: what stands before the sheet's rows.
        prefix: of its elements, with the colon.
        widths: of our columns, counted from 1, in Excel's characters.
        last_row: of ours, counted from 1.
    """
    edits: list[Edit] = []
    p = re.escape(prefix)
    match = re.search(rb"<" + p + rb'dimension\s[^>]*?ref="([^"]*)"', head)
    area = Area.of(match[1].decode("ascii", "replace")) if match is not None else None
    if match is not None and area is not None:
        grown = Area(
            area.first_row,
            min(area.first_column, *widths),
            max(area.last_row, last_row),
            max(area.last_column, *widths),
        )
        if grown != area:
            edits.append((match.start(1), len(match[1]), str(grown).encode()))
    return edits + _width_edits(head, prefix, p, widths)


def _width_edits(head: bytes, prefix: bytes, p: bytes, widths: Mapping[int, float]) -> list[Edit]:
    block = re.search(rb"<" + p + rb"cols\s*>(.*?)</" + p + rb"cols>", head, re.DOTALL)
    made = [(column, column, _width(prefix, column, width)) for column, width in sorted(widths.items())]
    if block is None:
        empty = re.search(rb"<" + p + rb"cols\s*/>", head)
        text = b"<" + prefix + b"cols>" + b"".join(item for _, _, item in made) + b"</" + prefix + b"cols>"
        return [(empty.start(), len(empty[0]), text)] if empty else [(len(head), 0, text)]
    there: list[tuple[int, int, bytes]] = []
    for item in re.finditer(rb"<" + p + rb"col\s[^>]*?/>", block[1]):
        low, high = (re.search(rb"\b" + name + rb'="(\d+)"', item[0]) for name in (b"min", b"max"))
        if low is None or high is None:
            return []
        there.append((int(low[1]), int(high[1]), item[0]))
    if b"".join(item for _, _, item in there) != re.sub(rb">\s+<", b"><", block[1].strip()):
        return []
    kept: list[tuple[int, int, bytes]] = []
    for low_, high_, text in there:
        if b'hidden="1"' not in text and b'hidden="true"' not in text:
            # Somebody's width; ours gives way.
            made = [item for item in made if not low_ <= item[0] <= high_ or high_ - low_ > 100]
        kept += _around(low_, high_, text, [column for column, _, _ in made])
    whole = b"".join(text for _, _, text in sorted(kept + made, key=lambda item: item[0]))
    return [(block.start(1), len(block[1]), whole)] if made else []


def _around(low: int, high: int, text: bytes, columns: Sequence[int]) -> list[tuple[int, int, bytes]]:
    """A ``col`` element cut so that it leaves ``columns`` free."""
    found, start = [], low
    for column in [c for c in columns if low <= c <= high] + [high + 1]:
        if start <= column - 1:
            piece = re.sub(rb'\bmin="\d+"', b'min="%d"' % start, text)
            found.append((start, column - 1, re.sub(rb'\bmax="\d+"', b'max="%d"' % (column - 1), piece)))
        start = column + 1
    return found


def _width(prefix: bytes, column: int, width: float) -> bytes:
    return b"<%bcol min=\"%d\" max=\"%d\" width=\"%b\" customWidth=\"1\"/>" % (
        prefix, column, column, f"{width:g}".encode(),
    )  # fmt: skip


def tail_edits(
    tail: bytes, area: Area, own: Area, ours: Sequence[int], *, key: int | None
) -> tuple[list[Edit], tuple[str, str] | None]:
    """Let what spans the list reach over our columns: rules by formula, validations and a plain range's filter.

    Rules whose look depends on all values (scales, bars, the top n, duplicates) stay as they are, as other figures
    would change it. A filter grows only where it holds the key and nobody else's column lies between.

    Args:
        tail: what stands behind the sheet's rows.
        area: of the list, its headers included, up to the last column that is in use in its rows.
        own: the same up to its last header.
        ours: our columns, counted from 1.
        key: the key's column, counted from 1; ``None`` in a table, whose filter is its own.

    Returns:
        The edits, and the filter's reference before and after, which are the same where it had to stay short.
    """
    edits: list[Edit] = []
    changed, last = None, max(ours)
    views = tail.find(b"customSheetViews")
    end = views if views >= 0 else len(tail)
    match = re.compile(rb'<(?:[\w.-]+:)?autoFilter\s[^>]*?\bref=["\']([^"\']*)["\']').search(tail, 0, end)
    old = Area.of(match[1].decode("ascii", "replace")) if match is not None and key is not None else None
    if match is not None and old is not None and old.meets(own) and old.last_column < last:
        alone = set(range(old.last_column + 1, last + 1)) <= set(ours)
        keyed = key in range(old.first_column, old.last_column + 1)
        new = Area(old.first_row, old.first_column, old.last_row, last) if alone and keyed else old
        edits.append((match.start(1), len(match[1]), str(new).encode()))
        changed = (str(old), str(new))
    pattern = re.compile(rb'<(?:[\w.-]+:)?(?:conditionalFormatting|dataValidation)\s[^>]*?\bsqref=["\']([^"\']*)["\']')
    for match in pattern.finditer(tail):
        end = tail.find(b"conditionalFormatting>", match.end())
        kinds = re.findall(
            rb'cfRule\s[^>]*?\btype=["\'](\w+)["\']', tail[match.end() : end if end >= 0 else match.end()]
        )
        if b"conditionalFormatting" in match[0] and set(kinds) != {b"expression"}:
            continue
        pieces = match[1].decode("ascii", "replace").split()
        grown = [_grown(piece, area, last) for piece in pieces]
        if grown != pieces:
            edits.append((match.start(1), len(match[1]), " ".join(grown).encode()))
    return edits, changed


#: The rule that keeps the user's last column set off; always true, and known by its text.
EMPHASIS = re.compile(
    rb"<((?:[\w.-]+:)?)conditionalFormatting\b[^>]*>(?:(?!</\1conditionalFormatting>).)*?(?:\"|&quot;)icp_xl\b.*?"
    rb"</\1conditionalFormatting>",
    re.DOTALL,
)
#: What stands behind the rules of a sheet.
_BEHIND_RULES = re.compile(
    rb"<(?:[\w.-]+:)?(?:dataValidations|hyperlinks|printOptions|pageMargins|pageSetup|headerFooter|rowBreaks|colBreaks|"
    rb"customProperties|cellWatches|ignoredErrors|smartTags|drawing|legacyDrawing|legacyDrawingHF|picture|oleObjects|"
    rb"controls|webPublishItems|tableParts|extLst)\b|</(?:[\w.-]+:)?worksheet\b"
)


def emphasis_edits(tail: bytes, prefix: bytes, column: Area, bold: int) -> list[Edit]:
    """A rule that sets a column off as the table's style did; none where saved views hold such elements too.

    Args:
        tail: what stands behind the sheet's rows.
        prefix: of its elements, with the colon.
        column: the cells to set off.
        bold: number of the differential format.
    """
    match = _BEHIND_RULES.search(tail)
    if match is None or b"customSheetViews" in tail:
        return []
    highest = max((int(n) for n in re.findall(rb'cfRule\s[^>]*?\bpriority=["\'](\d+)["\']', tail)), default=0)
    made = b'<%bconditionalFormatting sqref="%b"><%bcfRule type="expression" dxfId="%d" priority="%d">' % (
        prefix, str(column).encode(), prefix, bold, highest + 1,
    )  # fmt: skip
    made += b'<%bformula>"icp_xl"&lt;&gt;""</%bformula></%bcfRule></%bconditionalFormatting>' % ((prefix,) * 4)
    return [(match.start(), 0, made)]


def _grown(piece: str, area: Area, last: int) -> str:
    """A reference that spans the whole width of ``area`` over several columns and some of its rows, widened."""
    found = Area.of(piece)
    if found is None or found.first_column > area.first_column or found.last_column != area.last_column:
        return piece
    if found.first_column == found.last_column or found.last_row < area.first_row or found.first_row > area.last_row:
        return piece
    return str(Area(found.first_row, found.first_column, found.last_row, last))
