"""Worksheets whose rows are nearly alike, spelled as the format allows and now and then otherwise, from a seed."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Sequence
from xml.sax.saxutils import escape

from icp_xl.opc.references import column_letters

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_ML = "application/vnd.openxmlformats-officedocument.spreadsheetml"


def odd_sheet(seed: int) -> tuple[bytes, list[str]]:
    """A workbook of one sheet with a column *Account*, and the keys under it as they are shown; not all stand there."""
    return _Sheet(random.Random(seed)).made()


class _Sheet:
    def __init__(self, draw: random.Random) -> None:
        self.draw = draw
        self.often = draw.choice((0, 0, 0.01, 0.05, 0.3))
        self.strings: list[str] = []

    def odd(self) -> bool:
        return self.draw.random() < self.often

    def cell(self, ref: str, text: str, kind: str, style: str) -> str:
        text = escape(text)
        if self.odd():
            style = self.draw.choice(("", ' s="1"', ' s="2"'))
            others: Sequence[str] = (
                f'<c r="{ref}"{style}/>', f'<c r="{ref}"{style}></c>', "",
                f'<c r="{ref}"{style} t="str"><f>A1&amp;"x"</f><v>{text}</v></c>',
                f'<c{style} t="inlineStr"><is><t>{text}</t></is></c>',
                f'<c t="inlineStr" r="{ref}"><is><t>{text}</t></is></c>',
                f"<c r='{ref}' t='inlineStr'><is><t>{text}</t></is></c>",
                f'<c r="{ref}" t="inlineStr"><is><r><t>{text}</t></r><r><rPr><b/></rPr><t>z</t></r></is></c>',
                f'<c r="{ref}" t="inlineStr"><is><t>{text}</t><rPh sb="0" eb="1"><t>zz</t></rPh></is></c>',
                f'<c r="{ref}"{style} cm="1" t="inlineStr"><is><t>{text} > "</t></is></c>',
                f'<c r="{ref}"{style} t="e"><v>#N/A</v></c>',
                f'<c r="{ref}" t="inlineStr"><is><t xml:space="preserve"> {text}</t></is></c>',
                f'<c r="{ref}" t="inlineStr"><is><t>{text}</t><r><t>z</t></r></is></c>',
                f'<c r="{ref}"{style} t="inlineStr"><is><t> </t></is></c>',
            )  # fmt: skip
            return self.draw.choice(others)
        if kind == "s":
            self.strings.append(text)
            return f'<c r="{ref}"{style} t="s"><v>{len(self.strings) - 1}</v></c>'
        if kind == "inlineStr":
            return f'<c r="{ref}"{style} t="inlineStr"><is><t>{text}</t></is></c>'
        return f'<c r="{ref}"{style}{" t=" + chr(34) + kind + chr(34) if kind != "n" else ""}><v>{text}</v></c>'

    def key(self, i: int, number: bool) -> str:
        if number:
            return str(1000 + i)
        rare = (f"A & {i}", f"é{i} ", f"_x0041_{i}", f'A{i} spans="1:3"', f'A{i} <row r="{i}">')
        return self.draw.choice(rare) if self.draw.random() < 0.1 else f"A{i}"

    def made(self) -> tuple[bytes, list[str]]:
        draw = self.draw
        width, first = draw.choice((1, 2, 3, 5)), draw.choice((1, 1, 1, 25, 51, 701))
        at, head = draw.randrange(width), draw.choice((1, 1, 3, 8, 9, 57))
        kinds = [draw.choice(("s", "inlineStr", "n", "str")) for _ in range(width)]
        styles = [draw.choice(("", ' s="0"', ' s="1"')) for _ in range(width)]
        span = f' spans="{first}:{first + width - 1}"'
        attributes = draw.choice(("", span, span + ' ht="15" customHeight="1"', ' spans="1:9000"'))
        names = [(column_letters(first + n), "Account" if n == at else f"H{n}") for n in range(width)]
        cells = [f'<c r="{letters}{head}" t="inlineStr"><is><t>{name}</t></is></c>' for letters, name in names]
        rows, keys, number = [f'<row r="{head}">{"".join(cells)}</row>'], list[str](), head
        for i in range(draw.choice((1, 3, 12, 60, 130, 400))):
            number += 1
            if self.odd():
                rows += draw.choice(([], [f'<row r="{number}"/>'], [f'<row r="{number}"></row>']))
                number += draw.choice((1, 3))
            key = self.key(i, kinds[at] == "n")
            keys.append(key.zfill(6) if styles[at] == ' s="1"' else key)
            texts = [key if n == at else str(draw.randrange(50) / 4) for n in range(width)]
            cells = [
                self.cell(f"{letters}{number}", text, kind, style)
                for (letters, _), text, kind, style in zip(names, texts, kinds, styles, strict=True)
            ]
            if self.odd():
                far = self.cell(f"{column_letters(first + width + 4)}{number}", "far", "inlineStr", "")
                cells.append(draw.choice((far, '<c t="inlineStr"><is><t>next</t></is></c>', "<c/>")))
            said = draw.choice(("", ' spans="1:9"', ' hidden="1"')) if self.odd() else attributes
            place = "" if self.odd() and draw.random() < 0.3 else f' r="{number}"'
            rows.append(f"<row{place}{said}>{''.join(cells)}</row>")
        between = draw.choice(("", "", "\n", "\r\n  "))
        items = [f"<si><t>{text}</t></si>" for text in self.strings]
        return sheet_package(between + between.join(rows) + between, items), keys


def sheet_package(rows: str, strings: Sequence[str] = (), tail: str = "", zeros: int = 1) -> bytes:
    """A workbook of one sheet with these rows, shared strings and what stands behind the rows.

    Cells of the format ``zeros`` show six digits.
    """
    formats = '<numFmts count="1"><numFmt numFmtId="170" formatCode="000000"/></numFmts>'
    items = "".join(strings)
    codes = (170 if n == zeros else (0, 0, 4)[n] for n in range(3))
    cells = "".join(f'<xf numFmtId="{code}" applyNumberFormat="1"/>' for code in codes)
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        + "".join(
            f'<Override PartName="/xl/{name}.xml" ContentType="{_ML}.{kind}+xml"/>'
            for name, kind in (
                ("workbook", "sheet.main"), ("worksheets/sheet1", "worksheet"), ("sharedStrings", "sharedStrings"),
                ("styles", "styles"),
            )
        )
        + "</Types>",
        "_rels/.rels": _relations(("officeDocument", "xl/workbook.xml")),
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
        '<sheet name="S" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": _relations(
            ("worksheet", "worksheets/sheet1.xml"), ("sharedStrings", "sharedStrings.xml"), ("styles", "styles.xml")
        ),
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{_MAIN}"><sheetData>{rows}</sheetData>{tail}</worksheet>',
        "xl/sharedStrings.xml": f'<sst xmlns="{_MAIN}">{items}</sst>',
        "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}">{formats}<fonts count="1"><font/></fonts><fills count="1">'
        '<fill><patternFill/></fill></fills><borders count="1"><border/></borders><cellStyleXfs count="1"><xf/>'
        f'</cellStyleXfs><cellXfs count="3">{cells}</cellXfs>'
        '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>',
    }  # fmt: skip
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as package:
        for name, text in parts.items():
            package.writestr(zipfile.ZipInfo(name), text, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _relations(*targets: tuple[str, str]) -> str:
    made = "".join(
        f'<Relationship Id="rId{n}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for n, (kind, target) in enumerate(targets, 1)
    )
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{made}</Relationships>'
