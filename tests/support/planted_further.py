"""More that no sheet shows: what Excel's Document Inspector lists, and what other programs leave in a package."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable

from tests.support.planted import _NS, MS, OFFICE, SHEET, SHEET_RELS, Parts, add_part, cell, into_sheet, name_of, relate
from tests.support.planted_more import ALL as EARLIER
from tests.support.planted_more import CHART, DRAWING, after_cells, core, into

APP = "docProps/app.xml"
DRAWING_RELS = "xl/drawings/_rels/drawing1.xml.rels"
VML = "application/vnd.openxmlformats-officedocument.vmlDrawing"


def text(words: str) -> Callable[[Parts], None]:
    return lambda parts: cell(parts, f"<is><t>{words}</t></is>", ' t="inlineStr"')


def picture(name: str, content: bytes, kind: str) -> Callable[[Parts], None]:
    def plant(parts: Parts) -> None:
        add_part(parts, f"xl/media/{name}", content, kind)
        relate(parts, DRAWING_RELS, f"{OFFICE}/image", f"../media/{name}")

    return plant


def sheet_property(parts: Parts) -> None:
    add_part(parts, "xl/customProperty1.bin", b"Secret Ltd",
             "application/vnd.openxmlformats-officedocument.spreadsheetml.customProperty")  # fmt: skip
    relate(parts, SHEET_RELS, f"{OFFICE}/customProperty", "../customProperty1.bin")
    made = f'<customProperties><customPr xmlns:r="{OFFICE}" name="Secret" r:id="rIdP"/></customProperties>'
    into_sheet("<drawing ", f"{made}<drawing ")(parts)


def table_filter(parts: Parts) -> None:
    made = rb'<autoFilter ref="\1"><filterColumn colId="0"><filters><filter val="Secret Ltd"/></filters></filterColumn>'
    table = parts["xl/tables/table1.xml"]
    parts["xl/tables/table1.xml"] = re.sub(rb'<autoFilter ref="([^"]+)"/>', made + b"</autoFilter>", table)


def vml_note(parts: Parts) -> None:
    body = (
        b'<xml xmlns:v="urn:schemas-microsoft-com:vml" xmlns:x="urn:schemas-microsoft-com:office:excel"><v:shape id="a"'
        b' style="visibility:hidden"><v:textbox><div>Secret Ltd</div></v:textbox><x:ClientData ObjectType="Note"/>'
        b"</v:shape></xml>"
    )
    add_part(parts, "xl/drawings/vmlDrawing1.vml", body, VML)
    relate(parts, SHEET_RELS, f"{OFFICE}/vmlDrawing", "../drawings/vmlDrawing1.vml")
    into_sheet("<tableParts", f'<legacyDrawing xmlns:r="{OFFICE}" r:id="rIdP"/><tableParts')(parts)


def control(parts: Parts) -> None:
    body = f'<formControlPr xmlns="{MS}/spreadsheetml/2009/9/main" objectType="List" fmlaRange="[1]Secret!$A$1:$A$9"/>'
    add_part(parts, "xl/ctrlProps/ctrlProp1.xml", body.encode(), "application/vnd.ms-excel.controlproperties+xml")
    relate(parts, SHEET_RELS, f"{OFFICE}/ctrlProp", "../ctrlProps/ctrlProp1.xml")


def consolidation(parts: Parts) -> None:
    relate(parts, SHEET_RELS, f"{OFFICE}/externalLinkPath", "Secret.xlsx", external=True)
    made = f'<dataRef xmlns:r="{OFFICE}" ref="A1:B2" sheet="Secret" r:id="rIdP"/>'
    after_cells(f'<dataConsolidate><dataRefs count="1">{made}</dataRefs></dataConsolidate>')(parts)


def ink(parts: Parts) -> None:
    body = b'<ink xmlns="http://www.w3.org/2003/InkML"><annotation>Secret Ltd</annotation></ink>'
    add_part(parts, "xl/ink/ink1.xml", body, "application/inkml+xml")
    relate(parts, DRAWING_RELS, f"{OFFICE}/customXml", "../ink/ink1.xml")


def slicer(parts: Parts) -> None:
    body = (
        f'<slicerCacheDefinition xmlns="{MS}/spreadsheetml/2009/9/main" name="S" sourceName="Name"><data><olap><levels>'
        '<level><ranges><range><i n="Secret Ltd"/></range></ranges></level></levels></olap></data>'
        "</slicerCacheDefinition>"
    )
    add_part(parts, "xl/slicerCaches/slicerCache1.xml", body.encode(), "application/vnd.ms-excel.slicerCache+xml")
    relate(parts, "xl/_rels/workbook.xml.rels", f"{MS}/2007/relationships/slicerCache", "slicerCaches/slicerCache1.xml")


def pivot_items(parts: Parts) -> None:
    body = (
        f'<pivotCacheDefinition {_NS} saveData="0"><cacheFields count="1"><cacheField name="N"><sharedItems>'
        '<s v="Secret Ltd"/></sharedItems></cacheField></cacheFields></pivotCacheDefinition>'
    )
    add_part(parts, "xl/pivotCache/pivotCacheDefinition1.xml", body.encode(),
             "application/vnd.openxmlformats-officedocument.spreadsheetml.pivotCacheDefinition+xml")  # fmt: skip
    relate(
        parts, "xl/_rels/workbook.xml.rels", f"{OFFICE}/pivotCacheDefinition", "pivotCache/pivotCacheDefinition1.xml"
    )


def emf() -> bytes:
    said = "Excel\0Secret Ltd\0\0".encode("utf-16-le")
    head = struct.pack("<II", 1, 108 + len(said)) + bytes(32) + b" EMF"
    head += struct.pack("<IIIHHII", 0x10000, 108 + len(said), 2, 1, 0, len(said) // 2, 108)
    return head.ljust(108, b"\0") + said


def webp() -> bytes:
    chunk = b"EXIF" + struct.pack("<I", 10) + b"Secret Ltd"
    return b"RIFF" + struct.pack("<I", len(chunk) + 4) + b"WEBP" + chunk


TIFF = b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHII", 315, 2, 11, 26) + bytes(4) + b"Secret Ltd\0"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><metadata>Secret Ltd</metadata></svg>'
SHAPE = (
    "<xdr:twoCellAnchor><xdr:from><xdr:col>1</xdr:col><xdr:colOff>0</xdr:colOff><xdr:row>1</xdr:row><xdr:rowOff>0"
    "</xdr:rowOff></xdr:from><xdr:to><xdr:col>2</xdr:col><xdr:colOff>0</xdr:colOff><xdr:row>2</xdr:row><xdr:rowOff>0"
    '</xdr:rowOff></xdr:to><xdr:sp macro="" textlink="[1]Secret!$A$1"><xdr:nvSpPr><xdr:cNvPr id="9" name="x"/>'
    "<xdr:cNvSpPr/></xdr:nvSpPr><xdr:spPr/></xdr:sp><xdr:clientData/></xdr:twoCellAnchor></xdr:wsDr>"
)
SERIES = (
    '<c:extLst><c:ext uri="{02D57815-91ED-43cb-92C2-25804820EDAC}" '
    f'xmlns:c15="{MS}/drawing/2012/chart"><c15:filteredBarSeries><c15:ser><c:idx val="1"/><c:order val="1"/>'
    "<c:tx><c:v>Secret Ltd</c:v></c:tx></c15:ser></c15:filteredBarSeries></c:ext></c:extLst></c:barChart>"
)
FURTHER: dict[str, tuple[str, bool, Callable[[Parts], None]]] = {
    "scenario without an author": ("scenario", True, after_cells(
        '<scenarios><scenario name="Secret Ltd" count="1"><inputCells r="B2" val="424242"/></scenario></scenarios>')),
    "property of a sheet": ("custom-property", True, sheet_property),
    "criteria of a table's filter": ("active-filter", True, table_filter),
    "criteria of a filter": ("active-filter", True, after_cells(
        '<autoFilter ref="A11:B12"><filterColumn colId="0"><filters><filter val="Secret Ltd"/></filters>'
        "</filterColumn></autoFilter>")),
    "subject": ("property", True, core("<dc:subject>Secret Ltd</dc:subject>")),
    "template": ("property", True, into(APP, "<Application>", "<Template>Secret Ltd.xltx</Template><Application>")),
    "title of a sheet that is gone": ("property", True, into(
        APP, "<vt:lpstr>Other</vt:lpstr>", "<vt:lpstr>Secret Ltd</vt:lpstr>")),
    "remark on a table": ("comment", True, into(
        "xl/tables/table1.xml", "displayName=", 'comment="Secret Ltd" displayName=')),
    "help of a name": ("comment", True, name_of(
        '<definedName name="Rate" help="Secret Ltd">Plan!$B$2</definedName>')),
    "note that only its drawing holds": ("comment", True, vml_note),
    "remark in a sheet's XML": ("markup-comment", True, into(SHEET, "<sheetData>", "<!-- Secret Ltd --><sheetData>")),
    "column of next to no width": ("hidden-columns", False, into_sheet(
        "<sheetData>", '<cols><col min="3" max="3" width="0.05" customWidth="1"/></cols><sheetData>')),
    "row of next to no height": ("hidden-rows", False, into(
        SHEET, '<row r="3"', '<row ht="0.1" customHeight="1" r="3"')),
    "text of a shape from another workbook": ("external-link", False, into(DRAWING, "</xdr:wsDr>", SHAPE)),
    "list of a control from another workbook": ("external-link", False, control),
    "consolidation from another workbook": ("external-link", True, consolidation),
    "series hidden by a chart's filter": ("hidden-series", False, into(CHART, "</c:barChart>", SERIES)),
    "ink": ("custom-xml", True, ink),
    "items of a slicer": ("pivot-cache", False, slicer),
    "items of a pivot cache without records": ("pivot-cache", False, pivot_items),
    "path with slashes": ("path", False, text("see C:/Users/jane.roe/Desktop/x")),
    "path of a folder": ("path", False, text(r"D:\Confidential")),
    "path with a blank": ("path", False, text(r"C:\Program Files\Secret\x")),
    "path of a server with slashes": ("path", False, text("//fileserver/secret/x.xlsx")),
    "share of a server": ("path", False, text("smb://fileserver/secret/x")),
    "folder of a person in the cloud": ("path", False, text("https://acme-my.sharepoint.com/personal/jane_roe/x.xlsx")),
    "text of a GIF": ("image-metadata", True, picture(
        "i.gif", b"GIF89a\x01\0\x01\0\0\0\0!\xfe\x0aSecret Ltd\0;", "image/gif")),
    "text of a WebP": ("image-metadata", True, picture("i.webp", webp(), "image/webp")),
    "text of an SVG": ("image-metadata", True, picture("i.svg", SVG, "image/svg+xml")),
    "text of an EMF": ("image-metadata", True, picture("i.emf", emf(), "image/x-emf")),
    "author of a TIFF": ("image-metadata", False, picture("i.tiff", TIFF, "image/tiff")),
}  # fmt: skip
ALL = {**EARLIER, **FURTHER}
