"""Further things that should not leave the house, so that there are more than sixty of more than thirty kinds."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

from tests.support.planted import (
    _NS,
    MS,
    OFFICE,
    PLANTED,
    SHEET_RELS,
    Parts,
    add_part,
    comments,
    formula,
    into_sheet,
    name_of,
    relate,
    related,
    swap,
)

DRAWING, CHART = "xl/drawings/drawing1.xml", "xl/charts/chart1.xml"
_DRAWINGML = "application/vnd.openxmlformats-officedocument.drawingml"


def into(part: str, old: str, new: str) -> Callable[[Parts], None]:
    return lambda parts: swap(parts, part, old, new)


def core(element: str) -> Callable[[Parts], None]:
    return into("docProps/core.xml", "</cp:coreProperties>", f"{element}</cp:coreProperties>")


def chart_shapes(parts: Parts) -> None:
    body = (
        '<c:userShapes xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart" '
        'xmlns:cdr="http://schemas.openxmlformats.org/drawingml/2006/chartDrawing" '
        'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"><cdr:relSizeAnchor><cdr:sp><cdr:nvSpPr>'
        '<cdr:cNvPr id="9" name="Floor" hidden="1"/></cdr:nvSpPr><cdr:txBody><a:p><a:r><a:t>12</a:t></a:r></a:p>'
        "</cdr:txBody></cdr:sp></cdr:relSizeAnchor></c:userShapes>"
    )
    add_part(parts, "xl/drawings/drawing9.xml", body.encode(), f"{_DRAWINGML}.chartshapes+xml")
    relate(parts, "xl/charts/_rels/chart1.xml.rels", f"{OFFICE}/chartUserShapes", "../drawings/drawing9.xml")
    swap(parts, CHART, "</c:chartSpace>", f'<c:userShapes xmlns:r="{OFFICE}" r:id="rIdP"/></c:chartSpace>')


def vml_shape(parts: Parts) -> None:
    body = (
        b'<xml xmlns:v="urn:schemas-microsoft-com:vml" xmlns:x="urn:schemas-microsoft-com:office:excel">'
        b"<v:shape id='b' style='position:absolute;visibility:hidden'><v:textbox>floor is 12</v:textbox>"
        b'<x:ClientData ObjectType="Button"/></v:shape></xml>'
    )
    related("xl/drawings/vmlDrawing9.vml", "vmlDrawing", body,
            "application/vnd.openxmlformats-officedocument.vmlDrawing", SHEET_RELS)(parts)  # fmt: skip
    swap(
        parts, "xl/worksheets/sheet1.xml", "<tableParts", f'<legacyDrawing xmlns:r="{OFFICE}" r:id="rIdP"/><tableParts'
    )


def png_text(parts: Parts) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    png += chunk(b"tEXt", b"Author\0Jane Roe") + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")
    related("xl/media/image9.png", "image", png, "image/png", "xl/drawings/_rels/drawing1.xml.rels")(parts)


def after_cells(made: str) -> Callable[[Parts], None]:
    return into_sheet("</sheetData>", "</sheetData>" + made)


MORE: dict[str, tuple[str, bool, Callable[[Parts], None]]] = {
    "text of a note": ("comment", True, comments),
    "threaded comment": ("comment", True, related(
        "xl/threadedComments/threadedComment1.xml", f"{MS}/2017/10/relationships/threadedComment",
        b'<ThreadedComments xmlns="http://schemas.microsoft.com/office/spreadsheetml/2018/threadedcomments"/>',
        "application/vnd.ms-excel.threadedcomments+xml", SHEET_RELS)),
    "comment of a name": ("comment", True, name_of(
        '<definedName name="Rate" comment="our floor is 12 percent">Plan!$B$2</definedName>')),
    "task": ("comment", True, related(
        "xl/documenttasks/documenttask1.xml", f"{MS}/2019/04/relationships/documentTask",
        b'<Tasks xmlns="http://schemas.microsoft.com/office/tasks/2019/documenttasks"/>',
        "application/vnd.ms-excel.documenttasks+xml", SHEET_RELS)),
    "sheet view of a person": ("view", True, related(
        "xl/namedSheetViews/namedSheetView1.xml", f"{MS}/2019/04/relationships/namedSheetView",
        b'<namedSheetViews xmlns="http://schemas.microsoft.com/office/spreadsheetml/2019/namedsheetviews"/>',
        "application/vnd.ms-excel.namedsheetviews+xml", SHEET_RELS)),
    "toolbars": ("ribbon", True, related(
        "xl/attachedToolbars.bin", f"{MS}/2006/relationships/attachedToolbars", b"\x01",
        "application/vnd.ms-excel.attachedToolbars")),
    "topics of live data": ("connection", True, related(
        "xl/volatileDependencies.xml", "volatileDependencies", f"<volTypes {_NS}/>".encode(),
        "application/vnd.openxmlformats-officedocument.spreadsheetml.volatileDependencies+xml")),
    "author of a scenario": ("user-name", True, after_cells(
        '<scenarios><scenario name="Low" user="Jane Roe" comment="Created by Jane Roe" count="1">'
        '<inputCells r="B2" val="1"/></scenario></scenarios>')),
    "who may edit a range": ("user-name", False, after_cells(
        '<protectedRanges><protectedRange name="In" sqref="B2" securityDescriptor="O:WDG:WDD:(A;;CC;;;jane)"/>'
        "</protectedRanges>")),
    "hidden shape": ("hidden-shape", False, into(DRAWING, '<xdr:cNvPr id="2"', '<xdr:cNvPr hidden="1" id="2"')),
    "hidden shape in a chart": ("hidden-shape", False, chart_shapes),
    "hidden button": ("hidden-shape", False, vml_shape),
    "macro of a shape": ("macros", True, into(
        DRAWING, '<xdr:graphicFrame macro=""', '<xdr:graphicFrame macro="[0]!Run"')),
    "deleted text": ("unused-text", True, into("xl/sharedStrings.xml", "</sst>", "<si><t>Secret Ltd</t></si></sst>")),
    "formula of the add-in": ("addin-formula", True, formula("ICP_SCORE(1,2)")),
    "formula of the add-in by its file": ("addin-formula", True, formula("_xll.ICP_GRADE(1)")),
    "picture from the web": ("risky-formula", True, formula("_xlfn.IMAGE(&quot;https://example.com/x.png&quot;)")),
    "live data": ("risky-formula", True, formula("RTD(&quot;quotes&quot;,,&quot;X&quot;)")),
    "column of no width": ("hidden-columns", False, into_sheet(
        "<sheetData>", '<cols><col min="3" max="3" width="0" customWidth="1"/></cols><sheetData>')),
    "rows hidden by default": ("hidden-rows", False, into_sheet("<sheetFormatPr", '<sheetFormatPr zeroHeight="1"')),
    "keywords": ("property", True, core("<cp:keywords>project Kestrel</cp:keywords>")),
    "remark of the author": ("property", True, core("<dc:description>for Jane only</dc:description>")),
    "link base": ("property", True, into(
        "docProps/app.xml", "</Properties>", "<HyperlinkBase>//server/sales</HyperlinkBase></Properties>")),
    "link in a chart series": ("external-link", True, into(CHART, "Plan!$B$2:$B$6", "[1]S!$B$2:$B$6")),
    "link in a condition": ("external-link", False, after_cells(
        '<conditionalFormatting sqref="A1"><cfRule type="expression" priority="9"><formula>[1]S!A1</formula></cfRule>'
        "</conditionalFormatting>")),
    "text of a picture": ("image-metadata", True, png_text),
    "path beside a shape": ("path", False, into(
        DRAWING, '<xdr:cNvPr id="2"', '<xdr:cNvPr descr="C:\\Users\\jane\\x" id="2"')),
    "path in a header": ("path", False, into_sheet(
        "<drawing ",
        "<headerFooter><oddHeader>&amp;L\\\\server\\sales\\plan.xlsx</oddHeader></headerFooter><drawing ")),
}  # fmt: skip
ALL = {**PLANTED, **MORE}
