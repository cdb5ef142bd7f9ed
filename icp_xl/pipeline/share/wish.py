"""Whether a caller of ``share`` wants messages; the command's options and their help are the fields of the record."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class MailWish:
    """Whether messages are made, and whether they are sent."""

    mail: bool = field(
        default=False,
        metadata={"help": "Write one e-mail draft (.eml) per reader too, with his files attached; implies --by rep."},
    )
    send: bool = field(
        default=False, metadata={"help": "Send the drafts through share.mail.smtp, each once; asks before it does."}
    )
    yes: bool = field(default=False, metadata={"help": "Send without asking."})
    resend: bool = field(
        default=False, metadata={"help": "Send again, too, what an earlier run may or may not have sent."}
    )
