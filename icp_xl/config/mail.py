"""Settings of the section ``share.mail``: drafts per reader, and the server that sends them.

All of them belong to whoever runs the program: no workbook may say where mail goes or through which server.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from icp_xl.config.base import Section


class SmtpSettings(Section):
    """The server for ``--send``. The password comes from the environment; the connection is always encrypted."""

    host: str | None = Field(None, description="server that takes the messages; without it nothing can be sent")
    port: int = Field(587, ge=1, le=65535, description="its port")
    security: Literal["starttls", "tls"] = Field(
        "starttls", description="how the connection is encrypted: by command (port 587), or from the start (port 465)"
    )
    user: str | None = Field(None, description="name to sign in with; empty where the server asks for none")
    password_env: str = Field("ICP_XL_SMTP_PASSWORD", description="environment variable with the password")
    ca_file: Path | None = Field(
        None, description="certificates of an authority of your own, as PEM; by default those of the computer"
    )
    timeout: float = Field(30.0, gt=0.0, le=600.0, description="seconds to wait for an answer of the server")


class MailSettings(Section):
    """One draft per reader, with his workbooks attached."""

    with_run: bool = Field(False, description="write the drafts at the end of icp-xl run too")
    contacts: Path | None = Field(
        None, description="CSV or workbook with the readers' addresses; by default the customer workbook"
    )
    sheet: str | None = Field(None, description="sheet of it that holds them; by default the one that looks like it")
    reader_column: str | None = Field(None, description="header of the readers' names there; by default it is found")
    address_column: str | None = Field(None, description="header of the addresses there; by default it is found")
    missing: Literal["error", "skip"] = Field(
        "error", description="a reader without an address: stop, or write him no draft and say so"
    )
    domains: tuple[str, ...] = Field((), description="only addresses in these domains; any where none is named")
    sender: str | None = Field(None, description="who sends, as Name <name@example.com>; needed to send")
    language: str = Field(
        "en",
        pattern=r"^(en|de)(_[A-Z]{2})?$",
        description="language, and country where it matters: en, en_GB, de, de_AT",
    )
    template: Path | None = Field(
        None, description="text of your own; docs/sharing.md says how it is written; by default one in that language"
    )
    smtp: SmtpSettings = SmtpSettings()

    @field_validator("domains")
    @classmethod
    def _bare_domains(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(domain.strip().lstrip("@").lower() for domain in value)
