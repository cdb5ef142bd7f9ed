"""The bytes of a file, before anything tries to read it as what it is.

They are read once, sharing the file with whoever has it open, and everything else works on that copy. A workbook is
looked at as a zip first: damaged, encrypted, or packed so tightly that unpacking would fill the memory.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

from icp_xl.config.sources import SourcesSettings
from icp_xl.errors import LockedWorkbookError, SourceError
from icp_xl.opc.archive import Archive
from icp_xl.opc.unsupported import RefusedError


@dataclass(frozen=True)
class Container:
    """The bytes of a file and what they are: ``kind`` names a :class:`~icp_xl.sources.file_types.FileType`."""

    name: str
    kind: str
    data: bytes


def read_bytes(path: Path, limits: SourcesSettings) -> bytes:
    """The bytes of the file at ``path``.

    Raises:
        LockedWorkbookError: another program holds the file, or it is Excel's lock file.
        SourceError: absent, a folder, empty, or too large.
    """
    if path.name.startswith("~$"):
        raise LockedWorkbookError(
            "this is the lock file that Excel keeps while a workbook is open, not the workbook",
            where=path.name,
            next_step=f"Name the workbook itself: {path.name[2:]}.",
        )
    data = _shared_bytes(path, limits)
    if not data:
        raise SourceError("the file is empty", where=path.name, next_step="Export or save it again.")
    return data


def _shared_bytes(path: Path, limits: SourcesSettings) -> bytes:
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


def zip_members(name: str, data: bytes, limits: SourcesSettings) -> list[str]:
    """Names of a zip's members, in small letters and with forward slashes.

    Raises:
        SourceError: damaged, encrypted, or it unpacks to more than can be read.
    """
    try:
        entries = Archive.read(io.BytesIO(data), name).entries
    except RefusedError as error:
        raise _zip_error(name, error) from None
    total = sum(entry.size for entry in entries)
    if total > limits.max_unpacked_mb * 2**20:
        raise SourceError(
            "the workbook unpacks to more than can be read",
            where=name,
            got=f"{total / 2**20:,.0f} MB",
            allowed=f"up to {limits.max_unpacked_mb:,.0f} MB (sources.max_unpacked_mb)",
            next_step="Save the sheet as CSV or Parquet, or raise the limit.",
        )
    return [entry.name.lower() for entry in entries]


def _zip_error(name: str, error: RefusedError) -> SourceError:
    """What is wrong with a container, as a reader of tables says it."""
    fault = error.fault
    if error.reason == "encrypted":
        return SourceError("the file is an encrypted archive", where=name, next_step="Save it without a password.")
    if error.reason == "bomb":
        return SourceError(
            "the workbook is packed like a decompression bomb and is refused",
            where=name,
            got=fault.got,
            allowed=fault.allowed,
            next_step="If you trust it, open it in Excel and save it again.",
        )
    if error.reason != "damaged":
        return SourceError(fault.what, where=name, got=fault.got, next_step=fault.next_step)
    return SourceError(
        "the workbook is damaged: its end is missing or its directory cannot be read",
        where=name,
        got="; ".join(filter(None, (fault.what.removeprefix("the workbook is damaged: "), fault.got))),
        next_step="Copy or download it again; a copy that broke off is the usual cause.",
    )


def refuse_encrypted(name: str, data: bytes) -> None:
    """Raise where an old workbook's bytes are those of a workbook behind a password."""
    # Names in an OLE directory are UTF-16; these two streams are what an encrypted workbook is made of.
    if "EncryptedPackage".encode("utf-16-le") in data or "EncryptionInfo".encode("utf-16-le") in data:
        raise SourceError(
            "the workbook is protected by a password",
            where=name,
            next_step="Open it in Excel, remove the password (File > Info > Protect Workbook), and save a copy.",
        )


def describe_bytes(data: bytes) -> str:
    """What bytes seem to be that are no workbook, for an error."""
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
