"""The same workbook as other programs might have written it: valid, and unlike what Excel writes."""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
from collections.abc import Callable

from lxml import etree

from icp_xl.opc.xml import MAIN, MAIN_STRICT

Parts = dict[str, bytes]
_RELS = ".rels"
_TYPES = "[Content_Types].xml"


def unpack(content: bytes) -> Parts:
    """Parts by name, in order."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist() if not info.is_dir()}


def pack(parts: Parts, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A container of ``parts``."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, body in parts.items():
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), body, method)
    return out.getvalue()


def _is_xml(name: str, body: bytes) -> bool:
    return name.lower().endswith((".xml", _RELS)) and body.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<")


def _each(change: Callable[[str, bytes], bytes]) -> Callable[[bytes], bytes]:
    """Change every part of XML that is well-formed."""

    def changed(content: bytes) -> bytes:
        parts = unpack(content)
        for name, body in parts.items():
            if _is_xml(name, body) and _sound(body):
                parts[name] = change(name, body)
        return pack(parts)

    return changed


def _sound(body: bytes) -> bool:
    try:
        etree.fromstring(body)
    except (etree.XMLSyntaxError, ValueError):
        return False
    return True


def _again(body: bytes, encoding: str, **options: bool) -> bytes:
    tree = etree.fromstring(body).getroottree()
    return bytes(etree.tostring(tree, encoding=encoding, xml_declaration=True, standalone=True, **options))


def _utf16(name: str, body: bytes) -> bytes:
    return _again(body, "UTF-16")


def _ascii(name: str, body: bytes) -> bytes:
    return _again(body, "US-ASCII")


def _latin(name: str, body: bytes) -> bytes:
    return _again(body, "UTF-8").replace(b"'UTF-8'", b'"utf-8"', 1)


def _mark(name: str, body: bytes) -> bytes:
    return b"\xef\xbb\xbf" + _again(body, "UTF-8")


def _bare(name: str, body: bytes) -> bytes:
    return etree.tostring(etree.fromstring(body), encoding="UTF-8")


def _indented(name: str, body: bytes) -> bytes:
    if b"<si" in body or b"<is>" in body or b"xml:space" in body:
        return body
    parser = etree.XMLParser(remove_blank_text=True)
    return bytes(etree.tostring(etree.fromstring(body, parser), encoding="UTF-8", pretty_print=True))


def _quotes(name: str, body: bytes) -> bytes:
    def single(tag: re.Match[bytes]) -> bytes:
        return re.sub(rb'="([^"\']*)"', rb"='\1'", tag[0])

    return re.sub(rb"<[^<>!?][^<>]*>", single, body)


def _remarks(name: str, body: bytes) -> bytes:
    """Remarks before the root and as its first child."""
    root = re.search(rb"<(?![?!])[^>]*[^/]>", body)
    if root is None:
        return body
    return body[: root.start()] + b"<!-- made by hand -->" + root[0] + b"<!-- <row> -->" + body[root.end() :]


def _prefixed(name: str, body: bytes) -> bytes:
    """The main namespace under a prefix, as the Open XML SDK writes it."""
    root = etree.fromstring(body)
    main = root.nsmap.get(None)
    if main not in (MAIN, MAIN_STRICT) or body.count(b" xmlns=") != 1:
        return body
    body = body.replace(b' xmlns="' + main.encode(), b' xmlns:x="' + main.encode(), 1)
    return re.sub(rb"<(/?)(?=[A-Za-z][\w.]*[\s/>])", rb"<\1x:", body)


def _targets(change: Callable[[str, str], str]) -> Callable[[bytes], bytes]:
    """Change the targets of inner relationships, given the folder of their source."""

    def part(name: str, body: bytes) -> bytes:
        if not name.lower().endswith(_RELS):
            return body
        root = etree.fromstring(body)
        folder = "/" + posixpath.dirname(posixpath.dirname(name))
        for relation in root.iter("{*}Relationship"):
            target = relation.get("Target", "")
            if relation.get("TargetMode") != "External" and target and not target.startswith("#"):
                relation.set("Target", change(folder, target))
        return etree.tostring(root, encoding="UTF-8", xml_declaration=True, standalone=True)

    return _each(part)


def _absolute(folder: str, target: str) -> str:
    return posixpath.normpath(posixpath.join(folder, target))


def _relative(folder: str, target: str) -> str:
    return posixpath.relpath(posixpath.join(folder, target), folder)


def _roundabout(folder: str, target: str) -> str:
    return "./nowhere/../" + _relative(folder, target)


def _backslash(folder: str, target: str) -> str:
    return _relative(folder, target).replace("/", "\\")


def _percent(folder: str, target: str) -> str:
    folder_, _, file = _relative(folder, target).rpartition("/")
    return (folder_ + "/" if folder_ else "") + "".join(f"%{ord(c):02X}" if c.isdigit() else c for c in file)


def _capitals(content: bytes) -> bytes:
    """Names of parts in other capitals than relationships say."""
    parts = unpack(content)
    return pack({(name if name == _TYPES else name.swapcase()): body for name, body in parts.items()})


def _small_types(content: bytes) -> bytes:
    return pack({name.lower() if name == _TYPES else name: body for name, body in unpack(content).items()})


def _moved(content: bytes) -> bytes:
    """Every part below ``xl`` in another folder, the workbook itself under another name."""
    parts = unpack(content)
    made: Parts = {}
    for name, body in parts.items():
        if name == _TYPES or name.lower() == "_rels/.rels":
            body = re.sub(rb'((?:PartName|Target)="/?)xl/', rb"\1deep/er/", body)
            body = body.replace(b"deep/er/workbook.xml", b"deep/er/book1.xml")
        elif name.lower().endswith(_RELS):
            body = body.replace(b'Target="/xl/', b'Target="/deep/er/')
        name = re.sub(r"^xl/", "deep/er/", name)
        name = name.replace("deep/er/workbook.xml", "deep/er/book1.xml")
        made[name.replace("_rels/workbook.xml.rels", "_rels/book1.xml.rels")] = body
    return pack(made)


def _without(content: bytes) -> bytes:
    """Without properties, theme and calculation chain, none of which is needed."""
    parts = unpack(content)
    gone = [n for n in parts if re.match(r"(?i)docProps/|xl/theme/|xl/calcChain", n)]
    for name in gone:
        del parts[name]
    names = [name.encode() for name in gone]
    for name, body in parts.items():
        if name == _TYPES or name.lower().endswith(_RELS):
            for one in names:
                body = re.sub(rb'<Override [^>]*PartName="/%b"[^>]*/>' % re.escape(one), b"", body)
                tail = one.rpartition(b"/")[2] if b"calcChain" in one else one.removeprefix(b"xl/")
                body = re.sub(rb'<Relationship [^>]*Target="/?(?:xl/)?%b"[^>]*/>' % re.escape(tail), b"", body)
            parts[name] = body
    return pack(parts)


class _Stream(io.RawIOBase):
    """A file that cannot go back, so that sizes come after the data."""

    def __init__(self) -> None:
        self.content = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        self.content += memoryview(data).cast("B")  # type: ignore[arg-type]
        return memoryview(data).nbytes  # type: ignore[arg-type]


def _streamed(content: bytes) -> bytes:
    out = _Stream()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in unpack(content).items():
            archive.writestr(name, body)
    return bytes(out.content)


def _zip64(content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in unpack(content).items():
            with archive.open(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), "w", force_zip64=True) as handle:
                handle.write(body)
    return out.getvalue()


def _zip64_streamed(content: bytes) -> bytes:
    out = _Stream()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in unpack(content).items():
            info = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(info, "w", force_zip64=True) as handle:
                handle.write(body)
    return bytes(out.content)


def _odd_zip(content: bytes) -> bytes:
    """Stored, with folders and a comment, times in an extra field, and the content types last."""
    out = io.BytesIO()
    parts = unpack(content)
    types = parts.pop(_TYPES)
    with zipfile.ZipFile(out, "w") as archive:
        for folder in sorted({posixpath.dirname(name) + "/" for name in parts if "/" in name}):
            archive.writestr(folder, b"")
        for name, body in [*parts.items(), (_TYPES, types)]:
            info = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
            info.extra = b"UT\x05\x00\x01\x00\x00\x00\x00"
            info.external_attr = 0o644 << 16
            archive.writestr(info, body)
        archive.comment = b"made elsewhere"
    return out.getvalue()


def _with_folder_names(content: bytes) -> bytes:
    """Backslashes in the container, as an old .NET library wrote them."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in unpack(content).items():
            info = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
            info.filename = name.replace("/", "\\")
            archive.writestr(info, body)
    return out.getvalue()


DISGUISES: dict[str, Callable[[bytes], bytes]] = {
    "utf-16": _each(_utf16), "us-ascii": _each(_ascii), "small utf-8": _each(_latin), "byte order mark": _each(_mark),
    "no declaration": _each(_bare), "indented": _each(_indented), "single quotes": _each(_quotes),
    "remarks": _each(_remarks), "prefixed": _each(_prefixed), "absolute": _targets(_absolute),
    "roundabout": _targets(_roundabout), "backslashes": _targets(_backslash), "percent": _targets(_percent),
    "capitals": _capitals, "small content types": _small_types, "moved": _moved, "without properties": _without,
    "streamed": _streamed, "zip64": _zip64, "zip64 streamed": _zip64_streamed, "odd container": _odd_zip,
    "backslash entries": _with_folder_names,
}  # fmt: skip
