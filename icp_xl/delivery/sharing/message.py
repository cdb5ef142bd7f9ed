"""One e-mail with workbooks attached, as plain text and HTML: the same bytes each time for the same content."""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from icp_xl.delivery.sharing.address import clean_words

_XLSX = ("application", "vnd.openxmlformats-officedocument.spreadsheetml.sheet")


@dataclass(frozen=True)
class Letter:
    """What a message says: subject, plain text, and the same as HTML."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True)
class Envelope:
    """From whom, to whom; ``sender`` may be left to the mail program of whoever opens a draft."""

    to: Address
    sender: Address | None = None


def build_draft(letter: Letter, envelope: Envelope, attachments: Sequence[tuple[str, bytes]]) -> bytes:
    """A draft that Outlook, Apple Mail and Thunderbird open unsent."""
    message = _message(letter, envelope, attachments)
    message["X-Unsent"] = "1"
    return message.as_bytes()


def build_message(
    letter: Letter, envelope: Envelope, attachments: Sequence[tuple[str, bytes]], when: datetime
) -> tuple[str, bytes]:
    """The id and the bytes of a message that is sent: content that is the same has the same id, which mail systems
    know a double by.

    Args:
        letter: subject and text.
        envelope: who sends it, and to whom.
        attachments: names and bytes of the files.
        when: its date, in UTC.
    """
    message = _message(letter, envelope, attachments)
    domain = envelope.sender.domain if envelope.sender is not None else envelope.to.domain
    whole = hashlib.sha256(b"\0".join([str(envelope.to).encode(), *(content for _, content in attachments)]))
    message_id = f"<{whole.hexdigest()[:40]}@{domain}>"
    message["Date"] = format_datetime(when.replace(tzinfo=UTC))
    message["Message-ID"] = message_id
    return message_id, message.as_bytes()


def _message(letter: Letter, envelope: Envelope, attachments: Sequence[tuple[str, bytes]]) -> EmailMessage:
    # The policy refuses line breaks in headers; texts of the data are made one line before.
    message = EmailMessage(policy=SMTP)
    if envelope.sender is not None:
        message["From"] = envelope.sender
    message["To"] = envelope.to
    message["Subject"] = clean_words(letter.subject)
    message.set_content(letter.text, cte="quoted-printable")
    message.add_alternative(letter.html, subtype="html", cte="quoted-printable")
    for name, content in attachments:
        kind = mimetypes.guess_type(name)[0]
        main, sub = _XLSX if name.endswith(".xlsx") else (kind or "application/octet-stream").split("/")
        message.add_attachment(content, maintype=main, subtype=sub, filename=clean_words(name))
    digest = hashlib.sha256(letter.text.encode() + str(envelope.to).encode()).hexdigest()[:24]
    for number, part in enumerate(message.walk()):
        if part.is_multipart():
            part.set_boundary(f"=_icp_{digest}_{number}")
    return message
