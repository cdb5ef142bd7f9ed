"""A password to open a workbook: agile encryption (ECMA-376, part 4 of MS-OFFCRYPTO), by msoffcrypto-tool."""

from __future__ import annotations

import io
from typing import Any

from icp_xl.errors import ConfigError, DeliveryError

#: Excel takes no longer one.
LONGEST = 255


def check_password(password: str) -> None:
    """Refuse a password that Excel would not take.

    Raises:
        ConfigError: it is empty or too long. The password itself is never shown.
    """
    if not password or len(password) > LONGEST:
        raise ConfigError(
            "the password cannot be used",
            got="an empty one" if not password else f"{len(password)} characters",
            allowed=f"1 to {LONGEST} characters",
        )


def crypto() -> Any:
    """The library that encrypts.

    Raises:
        DeliveryError: it is not installed.
    """
    try:
        from msoffcrypto.format import ooxml
    except ImportError:
        raise DeliveryError(
            "a password needs the optional package msoffcrypto-tool, which is not installed",
            next_step='Run `python -m pip install ".[password]"` in the folder that icp_xl came in. No file was '
            "written.",
        ) from None
    return ooxml


def encrypt(content: bytes, password: str) -> bytes:
    """``content`` (a workbook) so that it opens with ``password`` only; read back before it is given out.

    Raises:
        ConfigError: the password cannot be used.
        DeliveryError: the library is absent, or what it made cannot be opened again.
    """
    check_password(password)
    ooxml = crypto()
    out = io.BytesIO()
    ooxml.OOXMLFile(io.BytesIO(content)).encrypt(password, out)
    if decrypt(out.getvalue(), password) != content:
        raise DeliveryError("the protected workbook could not be opened again", next_step="No file was written.")
    return out.getvalue()


def decrypt(content: bytes, password: str) -> bytes:
    """The workbook inside a protected one.

    Raises:
        DeliveryError: the password is wrong, or the library is absent.
    """
    import msoffcrypto.exceptions

    out = io.BytesIO()
    try:
        book = crypto().OOXMLFile(io.BytesIO(content))
        book.load_key(password=password, verify_password=True)
        book.decrypt(out)
    except msoffcrypto.exceptions.InvalidKeyError:
        raise DeliveryError(
            "the password is wrong", next_step="Give the password that the file was made with."
        ) from None
    return out.getvalue()
