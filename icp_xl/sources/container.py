"""What a file is, before anything tries to read it as that.

A file's bytes are read once, sharing the file with whoever has it open, and everything else works on that copy. A
workbook is looked at as a zip first: damaged, encrypted, or packed so tightly that unpacking would fill the memory.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from icp_xl.config.sources import SourcesSettings
from icp_xl.errors import LockedWorkbookError, SourceError

Kind = Literal["xlsx", "xlsb", "ods", "xls", "csv", "parquet", "json"]

OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
#: A part that unpacks to more than this many times its packed size, and to more than BOMB_BYTES, is no honest sheet.
BOMB_RATIO = 400
BOMB_BYTES = 200 * 2**20
TEXT_SUFFIXES = (".csv", ".tsv", ".txt", ".tab")


@dataclass(frozen=True)
class Container:
    """The bytes of a file and what they are."""

    name: str
    kind: Kind
    data: bytes


def open_container(path: Path, limits: SourcesSettings | None = None) -> Container:
    """Read the file at ``path`` and tell what it is.

    Raises:
        LockedWorkbookError: another program holds the file, or it is Excel's lock file.
        SourceError: absent, empty, too large, damaged, encrypted, or of a kind that cannot be read.
    """
    limits = limits or SourcesSettings()
    if path.name.startswith("~$"):
        raise LockedWorkbookError(
            "this is the lock file that Excel keeps while a workbook is open, not the workbook",
            where=path.name,
            next_step=f"Name the workbook itself: {path.name[2:]}.",
        )
    data = _read_bytes(path, limits)
    if not data:
        raise SourceError("the file is empty", where=path.name, next_step="Export or save it again.")
    if data.startswith(b"PAR1"):
        return Container(path.name, "parquet", data)
    if data.startswith(b"PK"):
        return Container(path.name, _zip_kind(path.name, data, limits), data)
    if data.startswith(OLE_MAGIC):
        _refuse_encrypted(path.name, data)
        return Container(path.name, "xls", data)
    suffix = path.suffix.lower()
    if suffix in TEXT_SUFFIXES:
        return Container(path.name, "csv", data)
    if suffix == ".json":
        return Container(path.name, "json", data)
    if suffix == ".xls" and data[:2] in (b"\x09\x00", b"\x09\x02", b"\x09\x04", b"\x09\x08"):
        return Container(path.name, "xls", data)
    raise SourceError(
        "this file is not a workbook",
        where=path.name,
        got=_looks_like(data),
        allowed=".xlsx, .xlsm, .xlsb, .xls, .ods, .csv, .tsv, .parquet",
        next_step="Open it in Excel and save it as a workbook (.xlsx), or export it again.",
    )


def _read_bytes(path: Path, limits: SourcesSettings) -> bytes:
    try:
        if path.is_dir():
            raise SourceError("a folder was named where a file is wanted", where=path.name)
        size = path.stat().st_size
        if size > limits.max_file_mb * 2**20:
            raise SourceError(
                "the file is too large to read",
                where=path.name,
                got=f"{size / 2**20:,.0f} MB",
                allowed=f"up to {limits.max_file_mb:,.0f} MB (sources.max_file_mb)",
                next_step="Save the log as CSV or Parquet, or raise the limit.",
            )
        # Python opens with every kind of sharing allowed, so a workbook open in Excel can still be read as last saved.
        return path.read_bytes()
    except FileNotFoundError:
        raise SourceError(
            "the file does not exist", where=path.name, next_step="Check its name and the folder in paths.data."
        ) from None
    except PermissionError:
        raise LockedWorkbookError(
            "the file is held by another program, or you may not read it",
            where=path.name,
            next_step="Close it in Excel (or ask whoever has it open), then run again.",
        ) from None
    except OSError as error:
        raise SourceError("the file cannot be read", where=path.name, got=error.strerror) from None


def _zip_kind(name: str, data: bytes, limits: SourcesSettings) -> Kind:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            infos = package.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):
        raise SourceError(
            "the workbook is damaged: its end is missing or its directory cannot be read",
            where=name,
            got=f"{len(data):,} bytes",
            next_step="Copy or download it again; a copy that broke off is the usual cause.",
        ) from None
    names = [info.filename.replace("\\", "/").lstrip("/").lower() for info in infos]
    if any(info.flag_bits & 1 for info in infos):
        raise SourceError("the file is an encrypted archive", where=name, next_step="Save it without a password.")
    _refuse_bomb(name, infos, limits)
    if "[content_types].xml" in names:
        if any(item.endswith("workbook.bin") for item in names):
            return "xlsb"
        if any(item.startswith("word/") for item in names) and not any(item.startswith("xl/") for item in names):
            raise SourceError("this is a Word document, not a workbook", where=name)
        if any(item.startswith("ppt/") for item in names) and not any(item.startswith("xl/") for item in names):
            raise SourceError("this is a presentation, not a workbook", where=name)
        return "xlsx"
    if "content.xml" in names:
        return "ods"
    raise SourceError(
        "this is a zip archive, not a workbook",
        where=name,
        got=f"{len(names)} files inside",
        next_step="Unpack it and name the workbook inside.",
    )


def _refuse_bomb(name: str, infos: list[zipfile.ZipInfo], limits: SourcesSettings) -> None:
    total = sum(info.file_size for info in infos)
    if total > limits.max_unpacked_mb * 2**20:
        raise SourceError(
            "the workbook unpacks to more than can be read",
            where=name,
            got=f"{total / 2**20:,.0f} MB",
            allowed=f"up to {limits.max_unpacked_mb:,.0f} MB (sources.max_unpacked_mb)",
            next_step="Save the sheet as CSV or Parquet, or raise the limit.",
        )
    for info in infos:
        if info.file_size > BOMB_BYTES and info.file_size > BOMB_RATIO * max(info.compress_size, 1):
            raise SourceError(
                "the workbook is packed like a decompression bomb and is refused",
                where=f"{name}, part {info.filename}",
                got=f"{info.compress_size:,} bytes that unpack to {info.file_size:,}",
                next_step="If you trust it, open it in Excel and save it again.",
            )


def _refuse_encrypted(name: str, data: bytes) -> None:
    # Names in an OLE directory are UTF-16; these two streams are what an encrypted workbook is made of.
    if "EncryptedPackage".encode("utf-16-le") in data or "EncryptionInfo".encode("utf-16-le") in data:
        raise SourceError(
            "the workbook is protected by a password",
            where=name,
            next_step="Open it in Excel, remove the password (File > Info > Protect Workbook), and save a copy.",
        )


def _looks_like(data: bytes) -> str:
    head = data[:512].lstrip().lower()
    if head.startswith(b"%pdf"):
        return "a PDF"
    if head.startswith((b"<!doctype html", b"<html", b"<table")):
        return "a web page saved under a workbook's name"
    if head.startswith(b"<?xml"):
        return "an XML file"
    if head.startswith((b"\x89png", b"\xff\xd8", b"gif8")):
        return "a picture"
    if b"\0" in data[:512]:
        return "binary data"
    return "plain text"
