"""Settings of the section ``sources``: where each source lies and how its file is to be read."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from icp_xl.config.base import SITE, Rights, Section

Scalar = str | float | int | bool


def _as_tuple(value: object) -> object:
    """One value where several are allowed counts as a list of one."""
    return (value,) if isinstance(value, str | float | int | bool) else value


OneOrMore = Annotated[tuple[Scalar, ...], BeforeValidator(_as_tuple)]
Names = Annotated[tuple[str, ...], BeforeValidator(_as_tuple)]


class Condition(Section):
    """What a cell must be for its row to be read; everything that is given must hold."""

    rights: ClassVar[Rights] = "workbook"

    any_of: OneOrMore = Field((), description="one of these values (short: is)")
    none_of: OneOrMore = Field((), description="none of these values (short: not)")
    contains: OneOrMore = Field((), description="one of these texts stands in it")
    at_least: float | date | None = Field(None, description="a number or a day (short: from)")
    at_most: float | date | None = Field(None, description="a number or a day (short: to)")
    blank: bool | None = Field(None, description="true: nothing stands there; false: something does")


def _as_condition(value: object) -> object:
    """A value or a list of values is what the cell must be; ``is``, ``not``, ``from`` and ``to`` are short forms."""
    if isinstance(value, Condition):
        return value
    if not isinstance(value, dict):
        return {"any_of": value}
    short = {"is": "any_of", "not": "none_of", "from": "at_least", "to": "at_most"}
    return {short.get(key, key): item for key, item in value.items()}


Conditions = dict[str, Annotated[Condition, BeforeValidator(_as_condition)]]


def _as_takes(value: object) -> object:
    """Headers without an alias are called as in the other sheet."""
    if isinstance(value, str):
        return {value: value}
    return {name: name for name in value} if isinstance(value, list | tuple) else value


class RatesSettings(Section):
    """Exchange rates, for a file that holds more than one currency."""

    rights: ClassVar[Rights] = "workbook"

    into: str | None = Field(None, description="code of the currency that everything is counted in, say EUR")
    file: str | None = Field(
        None, description="table with the columns code, date (may be absent) and rate", json_schema_extra=SITE
    )
    table: dict[str, float] = Field(
        default_factory=dict, description="code to what one unit of it is worth in the currency of `into`"
    )


class JoinSettings(Section):
    """A lookup: columns of another sheet or file, brought in beside each row by a key.

    Keys are compared without regard to case, spaces and punctuation (``GTXPro`` finds ``GTX Pro``).
    """

    rights: ClassVar[Rights] = "workbook"

    key: str = Field(description="header of the key in the source (or brought in by an earlier join)")
    other_key: str | None = Field(None, description="header of the key in the other sheet; by default the same")
    file: str | None = Field(None, description="the other file; by default the source's own", json_schema_extra=SITE)
    sheet: str | None = Field(None, description="the other sheet; by default the one that has the key")
    header_row: int | None = Field(None, ge=1, le=1_048_576, description="row of its header; by default found")
    take: Annotated[dict[str, str], BeforeValidator(_as_takes)] = Field(
        default_factory=dict,
        description="headers to bring in, or header to the name it gets here; by default all but the key",
    )


class SourceSettings(Section):
    """Where one source lies, and what is special about it."""

    rights: ClassVar[Rights] = "workbook"

    file: Names = Field(
        (),
        description="file name or path, a pattern such as Sales*.csv, or several; relative ones count from paths.data",
        json_schema_extra=SITE,
    )
    sheet: Names = Field((), description="sheet name, or several that hold the same columns; by default found")
    header_row: int | None = Field(None, ge=1, le=1_048_576, description="row of the header; by default found")
    where: Conditions = Field(
        default_factory=dict,
        description="header to the value or values a row must have to be read, or to conditions (is, not, contains, "
        "from, to, blank)",
    )
    joins: tuple[JoinSettings, ...] = Field((), description="columns brought in from other sheets or files by a key")
    dates: Literal["auto", "day first", "month first", "year first"] = Field(
        "auto", description="order of day and month in dates; auto tells it from the column"
    )
    decimals: Literal["auto", "point", "comma"] = Field(
        "auto", description="decimal mark of numbers; auto tells it from the column"
    )
    multiply: dict[str, float] = Field(
        default_factory=dict, description="our column to a factor, for a file that counts in thousands or millions"
    )
    encoding: str | None = Field(None, description="encoding of a text file, say cp1250 or shift_jis; by default found")
    fill_down: Literal["auto", "always", "never"] = Field(
        "auto", description="whether a blank account stands for the one above it, as under headings and in merged cells"
    )
    credit_memos: Literal["auto", "subtract", "as written"] = Field(
        "auto",
        description="whether documents whose type says credit memo count negative; by default if all are positive",
    )
    unpivot: Literal["auto", "never"] = Field(
        "auto", description="whether months, quarters or years across the columns of a sales log become lines"
    )
    hidden_rows: Literal["read", "leave out"] = Field(
        "read", description="rows that are hidden or filtered out in Excel"
    )
    ignore: bool = Field(False, description="do without this source even if its file is there")
    database: str | None = Field(
        None,
        description="address of a database instead of a file, such as postgresql://host/name; ${NAME} in it is an "
        "environment variable",
        json_schema_extra=SITE,
    )
    query: str | None = Field(None, description="what to read from the database", json_schema_extra=SITE)

    @model_validator(mode="after")
    def _whole_database(self) -> Self:
        # The text of these messages never holds what was given: it may be a secret.
        if (self.database is None) != (self.query is None):
            raise ValueError("database and query go together; one of them is missing")
        if self.database is None or self.query is None:
            return self
        if self.file:
            raise ValueError("give either a file or a database")
        given = re.search(r"://[^/@]*?:([^/]*)@", self.database) or re.search(
            r"(?i)[?&;](?:\w*(?:password|pwd|secret|token|key))=([^&;]*)", self.database
        )
        if given and not re.fullmatch(r"\$\{\w+\}", given[1]):
            raise ValueError(
                "a password may not stand in the settings; write ${NAME} and set the environment variable NAME, "
                "or use what the driver knows (such as PGPASSWORD)"
            )
        if not re.match(r"(?is)\s*(?:--[^\n]*\n\s*|/\*.*?\*/\s*)*(?:select|with|table|values)\b", self.query):
            raise ValueError("the query must read: it begins with select or with")
        return self


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
    rates: RatesSettings = RatesSettings()
    loss_warning: float = Field(
        0.01, ge=0, le=1, description="share of a source's rows or money left out or doubtful that is warned of first"
    )
    loss_stop: float = Field(0.2, ge=0, le=1, description="share from which the run stops")
    loss_stop_rows: int = Field(5, ge=1, description="rows left out below which a share stops nothing")
    accept_losses: bool = Field(False, description="go on even so; --accept-losses")
    max_file_mb: float = Field(500.0, gt=0, description="larger files are refused")
    max_unpacked_mb: float = Field(4000.0, gt=0, description="workbooks that unpack to more are refused")
    close_spelling: float = Field(88.0, ge=50, le=100, description="likeness (0 to 100) from which a header is guessed")
