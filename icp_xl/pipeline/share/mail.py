"""One draft per reader, ready to open and send: his workbooks attached, his figures in the text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from email.headerregistry import Address
from pathlib import Path

import pandas as pd

from icp_xl.delivery.sharing.address import parse_sender
from icp_xl.delivery.sharing.message import Envelope, Letter, build_draft
from icp_xl.errors import ConfigError, DeliveryError, Fault, SourceError
from icp_xl.pipeline.share.contacts import find_addresses
from icp_xl.pipeline.share.manifest import SharedFile
from icp_xl.pipeline.share.wish import MailWish
from icp_xl.pipeline.tables import REPORT
from icp_xl.pipeline.whitespace.rank import REPORT as WHITESPACE_REPORT
from icp_xl.reports.mail import MailFacts, MailWriter
from icp_xl.runs import RunContext

#: What the manifest calls drafts in the column of reports.
MAIL = "mail"


@dataclass(frozen=True)
class Mail:
    """One message: to whom, what it says, which files, and the draft's name below the output folder."""

    reader: str
    by: str
    key: str
    to: Address
    letter: Letter
    files: tuple[SharedFile, ...]
    part: int = 1
    parts: int = 1


def make_mails(
    run: RunContext,
    given: Mapping[str, Mapping[str, pd.DataFrame]],
    files: Sequence[SharedFile],
    day: date,
    password: Callable[[str], str | None] | None,
) -> list[Mail]:
    """The messages of this run, one per reader.

    Args:
        given: rows of each reader, by his name and the report.
        files: that were made for them.
        day: of the figures.
        password: of a file by its reader's key, to see that none stands in a message.

    Raises:
        ConfigError: the template, sender or language cannot be used.
        DataError: addresses cannot be used.
        DeliveryError: a message would be larger than the limit, or hold the password of its workbook.
    """
    chosen = run.settings.share.mail
    sender = parse_sender(chosen.sender) if chosen.sender is not None else None
    writer = MailWriter(chosen.language, run.settings.reports.currency, _template(chosen.template))
    by = files[0].by
    addresses = find_addresses(run, by, sorted(given))
    mails: list[Mail] = []
    faults: list[Fault] = []
    for reader, to in addresses.items():
        mine = [file for file in files if file.recipient == reader]
        lots = _lots(mine, run, faults)
        for number, lot in enumerate(lots, 1):
            facts = MailFacts(
                reader=reader,
                person=by == "rep",
                title=run.settings.reports.title,
                day=day,
                scored=given[reader].get(REPORT),
                pairs=given[reader].get(WHITESPACE_REPORT),
                files=tuple(Path(file.file).name for file in lot),
                protected=any(file.protected for file in lot),
                sender=sender.display_name if sender is not None else "",
            )
            letter = Letter(*writer.write(facts))
            if len(lots) > 1:
                letter = Letter(f"{letter.subject} ({number}/{len(lots)})", letter.text, letter.html)
            key = lot[0].recipient_key
            secret = password(key) if password is not None else None
            if secret and (secret in letter.text or secret in letter.subject):
                faults.append(Fault(f"the message to {reader} holds the password of its workbook"))
            mails.append(Mail(reader, by, key, to, letter, tuple(lot), number, len(lots)))
    if faults:
        raise DeliveryError(
            "the messages cannot be made", where="share.mail", faults=faults,
            next_step="Nothing was written. A password never travels with its workbook: choose another, or another "
            "text.",
        )  # fmt: skip
    return mails


def _template(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise SourceError("the file does not exist", where="share.mail.template", got=path.name) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            "the template cannot be read", where="share.mail.template", got=type(error).__name__, allowed="UTF-8 text"
        ) from None


def _lots(files: Sequence[SharedFile], run: RunContext, faults: list[Fault]) -> list[list[SharedFile]]:
    """The files of each message: all in one, or several messages where they are too large and may be split."""
    limit = run.settings.share.size_limit_mb * 1e6
    if sum(file.bytes for file in files) <= limit:
        return [list(files)]
    if run.settings.share.over_limit == "error":
        faults.append(
            Fault(
                f"the files of {files[0].recipient} are together larger than an e-mail may be",
                got=f"{sum(file.bytes for file in files) / 1e6:,.1f} MB",
                allowed=f"{limit / 1e6:,.1f} MB (share.size_limit_mb)",
            )
        )
        return []
    lots: list[list[SharedFile]] = [[]]
    for file in files:
        if lots[-1] and sum(each.bytes for each in lots[-1]) + file.bytes > limit:
            lots.append([])
        lots[-1].append(file)
    return lots


def attachments(run: RunContext, files: Sequence[SharedFile]) -> list[tuple[str, bytes]]:
    """Names and contents, as this run staged or published them."""
    return [(Path(file.file).name, run.outputs.find(file.file).read_bytes()) for file in files]


def draft_of(run: RunContext, mail: Mail) -> bytes:
    """The draft as a file."""
    chosen = run.settings.share.mail.sender
    sender = parse_sender(chosen) if chosen is not None else None
    return build_draft(mail.letter, Envelope(mail.to, sender), attachments(run, mail.files))


def check_wish(run: RunContext, wish: MailWish, by: str | None) -> bool:
    """Whether messages are wanted; what is needed for them is there, or said before anything is made.

    Raises:
        ConfigError: options that do not go together, or settings that sending needs.
    """
    if not (wish.mail or wish.send):
        if wish.yes or wish.resend:
            raise ConfigError("there is nothing to send", where="--yes, --resend", next_step="Give --send with it.")
        return False
    if by == "none":
        raise ConfigError("a message goes to one reader each", where="--by", got="none", allowed="rep, region")
    if wish.send:
        chosen = run.settings.share.mail
        lacking = [name for name, value in (("smtp.host", chosen.smtp.host), ("sender", chosen.sender)) if not value]
        if lacking:
            raise ConfigError(
                "settings that sending needs are missing",
                where=", ".join(f"share.mail.{name}" for name in lacking),
                next_step="Set them in icp_xl.yaml, or leave --send out and send the drafts yourself.",
            )
    return True


__all__ = ["MAIL", "Mail", "attachments", "check_wish", "draft_of", "make_mails"]
