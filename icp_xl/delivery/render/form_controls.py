"""Real form controls (scroll bars and spin buttons, linked to cells) in a rendered workbook.

A control has four parts: its properties (``ctrlProps``), a shape in a VML drawing, the sheet's ``legacyDrawing``, and
an entry in the sheet's ``controls``, which stands inside ``mc:AlternateContent`` for readers older than Excel 2010.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lxml import etree
from xlsxwriter.utility import xl_col_to_name

from icp_xl.delivery.render.references import TableLocation
from icp_xl.errors import DeliveryError
from icp_xl.opc.archive import deterministic_zip
from icp_xl.opc.xml import parse
from icp_xl.reports.spec import ReportBook, Table

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_REL = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
_TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
#: What may stand in a sheet after its controls.
_AFTER = ("webPublishItems", "tableParts", "extLst")
#: The highest value of a form control; a higher one brings Excel's repair dialog.
MOST = 30_000
#: Pixels between a control and the edges of its cell.
_INSET = 3


@dataclass(frozen=True)
class PlacedControl:
    """A control over one cell (``row``, ``column`` from 0) that moves the cell ``linked`` (``$C$5``)."""

    sheet: str
    kind: str
    row: int
    column: int
    linked: str
    low: int
    high: int
    step: int
    page: int
    value: int
    hidden: bool = False


def place_controls(
    book: ReportBook, sheets: Mapping[str, str], tables: Mapping[str, TableLocation]
) -> list[PlacedControl]:
    """The controls that the columns of a book's tables ask for.

    Raises:
        DeliveryError: one counts beyond what a form control can (ControlFormat.Max).
    """
    placed = []
    for table in (each for sheet in book.sheets for each in _tables(sheet.blocks)):
        spot = tables[table.name]
        for column in table.columns:
            control = column.control
            if control is None:
                continue
            if not 0 <= control.low <= control.high <= MOST:
                raise DeliveryError(
                    "a scroll bar or spin button counts further than Excel lets it", where=column.header,
                    got=f"{control.low} to {control.high}", allowed=f"0 to {MOST:,}",
                )  # fmt: skip
            at = spot.columns[column.key]
            for i, value in enumerate(table.frame[column.key]):
                linked = f"${xl_col_to_name(at)}${spot.first_row + i + 1}"
                placed.append(
                    PlacedControl(
                        spot.sheet, control.kind, spot.first_row + i, spot.columns[control.beside], linked,
                        control.low, control.high, control.step, control.page, round(float(value)),
                    )
                )  # fmt: skip
    return placed


def _tables(blocks: Sequence[Any]) -> Iterator[Table]:
    for block in blocks:
        if isinstance(block, Table):
            yield block
        elif isinstance(block, tuple):
            yield from _tables(block)
        elif hasattr(block, "blocks"):
            yield from _tables(block.blocks)


def add_controls(content: bytes, controls: Sequence[PlacedControl]) -> bytes:
    """The workbook ``content`` with ``controls``; all other parts keep their bytes."""
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        parts = {name: package.read(name) for name in package.namelist()}
    paths = _sheet_paths(parts)
    number = 0
    for i, sheet in enumerate(dict.fromkeys(control.sheet for control in controls), 1):
        mine = [control for control in controls if control.sheet == sheet]
        # LibreOffice leaves the first linked control that it reads without its link: that is an unseen copy.
        mine.insert(0, replace(mine[0], hidden=True))
        numbers = range(number + 1, number + len(mine) + 1)
        number += len(mine)
        _add_to_sheet(parts, paths[sheet], f"icp_controls{i}.vml", i, mine, numbers)
    _register_types(parts, number)
    return deterministic_zip(parts)


def _sheet_paths(parts: Mapping[str, bytes]) -> dict[str, str]:
    rels = {
        rel.get("Id"): rel.get("Target")
        for rel in parse(parts["xl/_rels/workbook.xml.rels"], "xl/_rels/workbook.xml.rels", "the workbook")
    }
    book = parse(parts["xl/workbook.xml"], "xl/workbook.xml", "the workbook")
    return {s.get("name"): f"xl/{rels[s.get(f'{{{_REL}}}id')]}" for s in book.iter(f"{{{_MAIN}}}sheet")}


def _add_to_sheet(
    parts: dict[str, bytes], path: str, vml: str, idmap: int, controls: Sequence[PlacedControl], numbers: range
) -> None:
    rels_path = path.replace("worksheets/", "worksheets/_rels/") + ".rels"
    rels = (
        parse(parts[rels_path], rels_path, "the workbook")
        if rels_path in parts
        else etree.Element(f"{{{_PACKAGE}}}Relationships")
    )
    _relate(rels, "rIdIcpVml", "vmlDrawing", f"../drawings/{vml}")
    entries, shapes = [], []
    for shape, (number, control) in enumerate(zip(numbers, controls, strict=True), idmap * 1024 + 1):
        _relate(rels, f"rIdIcpCtrl{number}", "ctrlProp", f"../ctrlProps/ctrlProp{number}.xml")
        parts[f"xl/ctrlProps/ctrlProp{number}.xml"] = (_HEAD + _properties(control)).encode()
        entries.append(_entry(control, shape, number))
        shapes.append(_shape(control, shape))
    parts[rels_path] = etree.tostring(rels, xml_declaration=True, encoding="UTF-8", standalone=True)
    parts[f"xl/drawings/{vml}"] = _VML.format(idmap=idmap, shapes="".join(shapes)).encode()
    tail = (
        '<legacyDrawing r:id="rIdIcpVml"/>'
        '<mc:AlternateContent xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006">'
        '<mc:Choice xmlns:x14="http://schemas.microsoft.com/office/spreadsheetml/2009/9/main" Requires="x14">'
        f"<controls>{''.join(entries)}</controls></mc:Choice></mc:AlternateContent>"
    ).encode()
    body = parts[path]
    at = min(
        (spot for spot in (body.rfind(f"<{name}".encode()) for name in _AFTER) if spot >= 0),
        default=body.rfind(b"</worksheet>"),
    )
    parts[path] = body[:at] + tail + body[at:]


def _relate(rels: Any, name: str, kind: str, target: str) -> None:
    etree.SubElement(rels, f"{{{_PACKAGE}}}Relationship", Id=name, Type=f"{_REL}/{kind}", Target=target)


def _properties(control: PlacedControl) -> str:
    scroll = control.kind == "scroll"
    across = ' horiz="1"' if scroll else ""
    return (
        '<formControlPr xmlns="http://schemas.microsoft.com/office/spreadsheetml/2009/9/main" '
        f'objectType="{"Scroll" if scroll else "Spin"}" dx="16" fmlaLink="{control.linked}"'
        f'{across} inc="{control.step}" max="{control.high}" min="{control.low}" '
        f'page="{control.page}" val="{control.value}"/>'
    )


def _entry(control: PlacedControl, shape: int, number: int) -> str:
    xdr = 'xmlns:xdr="http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing"'
    inset = _INSET * 9525
    row, column = control.row, control.column
    unseen = ' print="0"' if control.hidden else ""
    return (
        f'<control shapeId="{shape}" r:id="rIdIcpCtrl{number}" name="{_name(control)}">'
        f'<controlPr defaultSize="0"{unseen} autoPict="0" altText="{_name(control)}"><anchor moveWithCells="1" '
        f'sizeWithCells="1"><from {xdr}><xdr:col>{column}</xdr:col><xdr:colOff>{inset}</xdr:colOff><xdr:row>{row}'
        f"</xdr:row><xdr:rowOff>{inset}</xdr:rowOff></from><to {xdr}><xdr:col>{column + 1}</xdr:col><xdr:colOff>0"
        f"</xdr:colOff><xdr:row>{row + 1}</xdr:row><xdr:rowOff>0</xdr:rowOff></to></anchor></controlPr></control>"
    )


def _name(control: PlacedControl) -> str:
    kind = "Scroll bar" if control.kind == "scroll" else "Spin button"
    return f"{kind} for {control.linked.replace('$', '')}"


def _shape(control: PlacedControl, shape: int) -> str:
    row, column = control.row, control.column
    scroll = control.kind == "scroll"
    unseen = ";visibility:hidden" if control.hidden else ""
    return (
        f'<v:shape id="_x0000_s{shape}" type="#_x0000_t201" alt="{_name(control)}" '
        f"style='position:absolute;margin-left:0;margin-top:0;width:96pt;height:15pt;z-index:1{unseen}' "
        'filled="f" fillcolor="window [65]" stroked="f" strokecolor="windowText [64]" o:insetmode="auto">'
        f'<x:ClientData ObjectType="{"Scroll" if scroll else "Spin"}"><x:SizeWithCells/>'
        f"<x:Anchor>{column}, {_INSET}, {row}, {_INSET}, {column + 1}, 0, {row + 1}, 0</x:Anchor>"
        f"<x:Val>{control.value}</x:Val><x:Min>{control.low}</x:Min><x:Max>{control.high}</x:Max>"
        f"<x:Inc>{control.step}</x:Inc><x:Page>{control.page}</x:Page>{'<x:Horiz/>' if scroll else ''}<x:Dx>16</x:Dx>"
        f"<x:FmlaLink>{control.linked}</x:FmlaLink></x:ClientData></v:shape>"
    )


def _register_types(parts: dict[str, bytes], count: int) -> None:
    types = parse(parts["[Content_Types].xml"], "[Content_Types].xml", "the workbook")
    if not any(item.get("Extension") == "vml" for item in types):
        vml = "application/vnd.openxmlformats-officedocument.vmlDrawing"
        types.insert(0, etree.Element(f"{{{_TYPES}}}Default", Extension="vml", ContentType=vml))
    for number in range(1, count + 1):
        etree.SubElement(
            types, f"{{{_TYPES}}}Override", PartName=f"/xl/ctrlProps/ctrlProp{number}.xml",
            ContentType="application/vnd.ms-excel.controlproperties+xml",
        )  # fmt: skip
    parts["[Content_Types].xml"] = etree.tostring(types, xml_declaration=True, encoding="UTF-8", standalone=True)


_VML = (
    '<xml xmlns:v="urn:schemas-microsoft-com:vml" xmlns:o="urn:schemas-microsoft-com:office:office" '
    'xmlns:x="urn:schemas-microsoft-com:office:excel"><o:shapelayout v:ext="edit">'
    '<o:idmap v:ext="edit" data="{idmap}"/></o:shapelayout><v:shapetype id="_x0000_t201" coordsize="21600,21600" '
    'o:spt="201" path="m,l,21600r21600,l21600,xe"><v:stroke joinstyle="miter"/><v:path shadowok="f" '
    'o:extrusionok="f" strokeok="f" fillok="f" o:connecttype="rect"/><o:lock v:ext="edit" shapetype="t"/>'
    "</v:shapetype>{shapes}</xml>"
)
