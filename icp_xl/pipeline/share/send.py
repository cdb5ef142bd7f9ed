"""Send the messages of a run, each once: what was sent before is left out, what is uncertain is asked about."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from icp_xl.delivery.sharing.address import parse_sender
from icp_xl.delivery.sharing.message import Envelope, build_message
from icp_xl.delivery.sharing.smtp import MailServer, NotTakenError, UnknownError
from icp_xl.errors import Cancelled, ConfigError, DeliveryError
from icp_xl.formatting import plural as say_count
from icp_xl.pipeline.share.mail import Mail, attachments
from icp_xl.pipeline.share.mail_log import LogLine, MailLog, State, given_of
from icp_xl.pipeline.share.manifest import SharedFile
from icp_xl.pipeline.share.wish import MailWish
from icp_xl.runs import RunContext

#: Asks a question that is answered with yes or no; ``None`` where nobody can be asked.
Ask = Callable[[str], bool] | None


@dataclass
class Sent:
    """What became of the messages, by reader."""

    sent: list[str] = field(default_factory=list)
    before: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    declined: bool = False

    @property
    def complete(self) -> bool:
        """Whether every message has been taken by the server, now or before."""
        return not (self.refused or self.unknown or self.declined)

    def lines(self, log: str) -> list[str]:
        """What to say of it."""
        if self.declined:
            return ["Nothing was sent; the drafts are there."]
        lines = [f"{say_count(len(self.sent), 'message')} sent; the log is {log}."]
        if self.before:
            lines.append(f"Not sent again, since the same files went to them before: {', '.join(self.before)}.")
        if self.unknown:
            lines.append(
                f"May or may not have arrived, and not sent again: {', '.join(self.unknown)}. Ask them, or give "
                "--resend."
            )
        lines += [f"Refused by the server: {text}." for text in self.refused]
        return lines


def smtp_password(run: RunContext) -> str | None:
    """The password of the mail server from the environment; none where there is no user.

    Raises:
        ConfigError: there is a user and no password.
    """
    chosen = run.settings.share.mail.smtp
    if not chosen.user:
        return None
    found = os.environ.get(chosen.password_env)
    if not found:
        raise ConfigError(
            "the environment holds no password for the mail server", where="share.mail.smtp.password_env",
            got=chosen.password_env, next_step=f"Set the variable {chosen.password_env} and run again.",
        )  # fmt: skip
    return found


def send_all(run: RunContext, mails: Sequence[Mail], wish: MailWish, ask: Ask) -> Sent:
    """Send messages; the files that they attach are in place already.

    Args:
        run: whose settings and progress count.
        mails: drafts, one per reader and kind.
        wish: whether to send unasked, and what of doubtful ones.
        ask: puts a question to the user; None where there is nobody to ask.

    Returns:
        What was sent, what had been, and what nobody knows.

    Raises:
        DeliveryError: nobody has agreed, the log cannot be read, or the server cannot be used.
        Cancelled: the user stopped between two messages; what was sent stands in the log.
    """
    log, done = MailLog(run.settings.paths.out), Sent()
    due: list[tuple[Mail, list[SharedFile]]] = []
    for mail in mails:
        keys = {file.file: given_of(mail.by, mail.reader, file) for file in mail.files}
        rest = [file for file in mail.files if keys[file.file] not in log.sent]
        doubtful = [log.unknown[keys[file.file]] for file in rest if keys[file.file] in log.unknown]
        if not rest:
            done.before.append(mail.reader)
        elif doubtful and not _again(doubtful[0], wish, ask):
            done.unknown.append(f"{mail.reader} ({doubtful[0].to}, {doubtful[0].time})")
        else:
            due.append((mail, rest))
    if not due:
        return done
    chosen = run.settings.share.mail
    if not wish.yes:
        if ask is None:
            raise DeliveryError(
                "nobody agreed to send the messages", got=say_count(len(due), "message"),
                next_step="Give --yes to send without being asked. The drafts are written.",
            )  # fmt: skip
        left = f"; {say_count(len(done.before), 'reader')} had the same files before" if done.before else ""
        who = ", ".join(f"{mail.reader} <{mail.to}>" for mail, _ in due[:10])
        more = f" and {len(due) - 10:,} more" if len(due) > 10 else ""
        asked = (
            f"Send {say_count(len(due), 'message')} as {chosen.sender} through {chosen.smtp.host} to {who}{more}{left}?"
        )
        if not ask(asked):
            done.declined = True
            return done
    run.progress.stage(f"Sending {say_count(len(due), 'message')}", len(due))
    sender = parse_sender(chosen.sender or "")
    with MailServer(chosen.smtp, smtp_password(run), sender) as server:
        for mail, files in due:
            if run.progress.cancelled():
                raise Cancelled(
                    f"cancelled after {say_count(len(done.sent), 'message')} of {len(due):,}; run again to send the "
                    "rest"
                )
            _send(run, server, mail, files, (log, done))
            run.progress.advance()
    return done


def _again(line: LogLine, wish: MailWish, ask: Ask) -> bool:
    if wish.resend:
        return True
    if wish.yes or ask is None:
        return False
    return ask(
        f"The message to {line.reader} ({line.to}) of {line.time} was being sent when the run ended: it may or may not "
        "have arrived. Send it again?"
    )


def _send(
    run: RunContext, server: MailServer, mail: Mail, files: Sequence[SharedFile], books: tuple[MailLog, Sent]
) -> None:
    log, done = books
    message_id, content = build_message(
        mail.letter, Envelope(mail.to, server.sender), attachments(run, files), run.now()
    )

    def note(state: State, said: str = "") -> None:
        noted = tuple(
            {"name": file.file, "sha256": file.sha256, "content": file.content or file.sha256} for file in files
        )
        log.write(
            LogLine(run.now().isoformat(), run.run_id, state, mail.by, mail.reader, str(mail.to), mail.letter.subject,
                    message_id, noted, said)
        )  # fmt: skip

    try:
        said = server.send(mail.to, content, lambda: note("sending"))
    except NotTakenError as error:
        note("refused", str(error))
        done.refused.append(f"{mail.reader} ({mail.to}): {error}")
    except UnknownError:
        done.unknown.append(f"{mail.reader} ({mail.to})")
    else:
        note("sent", said)
        done.sent.append(mail.reader)
