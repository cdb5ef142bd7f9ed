"""What ``share`` made, and what to say of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from icp_xl.artifacts import MAIL_LOG, SHARE_MANIFEST_CSV
from icp_xl.delivery.sharing.finding_types import FINDINGS
from icp_xl.formatting import plural as say_count
from icp_xl.pipeline.share.mail import MAIL
from icp_xl.pipeline.share.manifest import SharedFile
from icp_xl.pipeline.share.send import Sent


@dataclass(frozen=True)
class ShareOutcome:
    """What ``share`` made: the folder, the files, how many accounts go into none, and what was taken out."""

    folder: Path
    files: list[SharedFile]
    left_out: int = 0
    removed: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    manifest: Path = Path(SHARE_MANIFEST_CSV.name)
    sent: Sent | None = None

    @property
    def drafts(self) -> list[SharedFile]:
        """The drafts among the files."""
        return [file for file in self.files if file.report == MAIL]

    @property
    def exit_code(self) -> int:
        """5 where a message was wanted and has not been taken by the server for certain."""
        return 0 if self.sent is None or self.sent.complete else 5

    def summary(self) -> list[str]:
        """What to say at the end of the command."""
        books = [file for file in self.files if file.file.endswith(".xlsx")]
        locked = sum(file.protected for file in books)
        largest = max((file.bytes for file in books), default=0) / 1e6
        lines = [f"{say_count(len(books), 'workbook')} to send in {self.folder}; none is larger than {largest:.1f} MB."]
        if locked:
            lines.append(f"{locked} of them open with a password only.")
        if self.drafts:
            where = self.folder.parent / Path(self.drafts[0].file).parent
            lines.append(f"{say_count(len(self.drafts), 'draft')} to open, look at and send in {where}.")
        if self.sent is not None:
            lines += self.sent.lines(MAIL_LOG.name)
        taken = [f"{FINDINGS[kind].what} ({n})" for kind, n in sorted(self.removed.items())]
        if taken:
            lines.append("Taken out of the copy: " + ", ".join(taken) + ".")
        return [*lines, *self.notes, f"Who gets what: {self.manifest} (keep that list to yourself)."]
