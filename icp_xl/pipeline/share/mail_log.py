"""What went to whom: a log that is written before a message leaves and after, so that a kill hides nothing.

A line ``sending`` is on the disk before the first byte of a message goes out, and ``sent`` once the server has taken
it. A message whose last line is ``sending`` may or may not have arrived.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from icp_xl import artifacts
from icp_xl.errors import DeliveryError
from icp_xl.pipeline.share.manifest import SharedFile
from icp_xl.safe_paths import refuse_shared, resolve_inside

State = Literal["sending", "sent", "refused"]
#: One file for one reader: column, name, and the hash of the workbook inside.
Given = tuple[str, str, str]


@dataclass(frozen=True)
class LogLine:
    """One line: when, in which run, what became of the message, to whom, and each file with its hash and that of the
    workbook inside (the same where it has no password)."""

    time: str
    run_id: str
    state: State
    by: str
    reader: str
    to: str
    subject: str
    message_id: str
    files: tuple[dict[str, str], ...]
    server: str = ""


def given_of(by: str, reader: str, file: SharedFile) -> Given:
    """What a file is known by in the log: a workbook with a password differs in its bytes each time it is made."""
    return by, reader, file.content or file.sha256


class MailLog:
    """The log below an output folder."""

    def __init__(self, out: Path) -> None:
        self.path = resolve_inside(out, artifacts.MAIL_LOG.name)
        refuse_shared(self.path)
        self.sent: dict[Given, LogLine] = {}
        self.unknown: dict[Given, LogLine] = {}
        for line in self._lines():
            keys = [(line.by, line.reader, str(file["content"])) for file in line.files]
            for key in keys:
                self.unknown.pop(key, None)
                if line.state == "sending":
                    self.unknown[key] = line
                elif line.state == "sent":
                    self.sent[key] = line

    def _lines(self) -> Iterable[LogLine]:
        if not self.path.exists():
            return
        try:
            whole = self.path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise self._damaged(type(error).__name__) from None
        lines = whole.split("\n")
        for number, text in enumerate(lines, 1):
            if not text.strip():
                continue
            try:
                body: dict[str, Any] = json.loads(text)
                files = tuple({str(k): str(v) for k, v in file.items()} for file in body.pop("files"))
                yield LogLine(files=files, **body)
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
                if number == len(lines):
                    return  # A kill tore the last line, before any byte of its message left.
                raise self._damaged(f"line {number}") from None

    def _damaged(self, got: str) -> DeliveryError:
        return DeliveryError(
            "the log of messages cannot be read", where=self.path.name, got=got,
            next_step="Without it nobody knows what was sent already. Mend the line, or move the file away if you are "
            "sure that nothing was sent. Nothing was sent now.",
        )  # fmt: skip

    def write(self, line: LogLine) -> None:
        """Add a line, and return when it is on the disk."""
        refuse_shared(self.path)
        body = (json.dumps(asdict(line), ensure_ascii=False, sort_keys=True) + "\n").encode()
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
        with os.fdopen(handle, "r+b") as file:
            end = file.seek(0, os.SEEK_END)
            if end:
                file.seek(end - 1)
                if file.read(1) != b"\n":
                    file.seek(0)
                    end = file.read().rfind(b"\n") + 1
                    file.truncate(end)
            file.seek(end)
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
