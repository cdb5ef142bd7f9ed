"""Settings of the section ``sources``: where each source lies and how its file is to be read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from icp_xl.config.base import SITE, Rights, Section

Scalar = str | float | int | bool


def _as_tuple(value: object) -> object:
    """One value where several are allowed counts as a list of one."""
    return (value,) if isinstance(value, str | float | int | bool) else value


OneOrMore = Annotated[tuple[Scalar, ...], BeforeValidator(_as_tuple)]
Names = Annotated[tuple[str, ...], BeforeValidator(_as_tuple)]


class JoinSettings(Section):
    """A lookup: columns of another sheet or file, brought in beside each row by a key.

    Keys are compared without regard to case, spaces and punctuation (``GTXPro`` finds ``GTX Pro``).
    """

    rights: ClassVar[Rights] = "workbook"

    key: str = Field(description="header of the key in the source (or brought in by an earlier join)")
    other_key: str | None = Field(None, description="header of the key in the other sheet; by default the same")
    file: str | None = Field(None, description="the other file; by default the source's own", json_schema_extra=SITE)
    sheet: str | None = Field(None, description="the other sheet; by default the one that has the key")
    header_row: int | None = Field(None, ge=1, le=1_048_576)
    take: Names = Field((), description="headers to bring in; by default all but the key")


class SourceSettings(Section):
    """Where one source lies, and what is special about it."""

    rights: ClassVar[Rights] = "workbook"

    file: str | None = Field(
        None, description="file name or path; a relative one counts from paths.data", json_schema_extra=SITE
    )
    sheet: Names = Field((), description="sheet name, or several that hold the same columns; by default found")
    header_row: int | None = Field(None, ge=1, le=1_048_576, description="row of the header; by default found")
    where: dict[str, OneOrMore] = Field(
        default_factory=dict, description="header to the value or values a row must have to be read"
    )
    joins: tuple[JoinSettings, ...] = ()
    dates: Literal["auto", "day first", "month first"] = "auto"
    decimals: Literal["auto", "point", "comma"] = "auto"
    multiply: dict[str, float] = Field(
        default_factory=dict, description="our column to a factor, for a file that counts in thousands or millions"
    )
    ignore: bool = Field(False, description="do without this source even if its file is there")


class SourcesSettings(Section):
    """Settings of the section ``sources``."""

    customers: SourceSettings = SourceSettings()
    sales: SourceSettings = SourceSettings()
    yearly_totals: SourceSettings = SourceSettings()
    enriched_revenue: SourceSettings = SourceSettings()
    industry_updates: SourceSettings = SourceSettings()
    assets: SourceSettings = SourceSettings()
    opportunities: SourceSettings = SourceSettings()
    strategic_tiers: SourceSettings = SourceSettings()
    synonyms: Path | None = Field(
        None, description="a YAML file of further headers, of the form of icp_xl/sources/headers.yaml"
    )
    max_file_mb: float = Field(500.0, gt=0, description="larger files are refused")
    max_unpacked_mb: float = Field(4000.0, gt=0, description="workbooks that unpack to more are refused")
    close_spelling: float = Field(88.0, ge=50, le=100, description="likeness (0 to 100) from which a header is guessed")
