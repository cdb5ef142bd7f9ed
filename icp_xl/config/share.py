"""Settings of the section ``share``."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, field_validator

from icp_xl.artifacts import REPORT
from icp_xl.config.base import Section
from icp_xl.config.mail import MailSettings


class ShareSettings(Section):
    """Copies of reports that are safe to send."""

    folder: str = Field("shared", description="folder below paths.out that the copies go into")
    reports: tuple[str, ...] = Field((REPORT.name,), description="reports of the last run that are shared")
    by: Literal["none", "rep", "region"] = Field("none", description="one file for all, or one per rep or region")
    size_limit_mb: float = Field(10.0, gt=0.0, le=2000.0, description="largest file that may be sent, in megabytes")
    over_limit: Literal["error", "split"] = Field(
        "error", description="what to do with a larger file: stop, or split its accounts over several files"
    )
    csv: bool = Field(False, description="write the accounts of each file as CSV too")
    pdf: bool = Field(False, description="write the first page (the summary) as PDF too; needs LibreOffice")
    allow: tuple[str, ...] = Field((), description="kinds of finding of check --shareable that are left in")
    with_run: bool = Field(False, description="make the copies at the end of icp-xl run too")
    mail: MailSettings = MailSettings()

    @field_validator("folder")
    @classmethod
    def _plain_folder(cls, value: str) -> str:
        if not re.fullmatch(r"[\w][\w .-]*", value) or value.endswith((".", " ")):
            raise ValueError("give the name of a folder, without a path")
        return value
