"""Settings of the section ``matching``."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from icp_xl.config.base import NAME, Rights, Section


class MatchingSettings(Section):
    """How names, industries and sales lines of different sources are brought together."""

    rights: ClassVar[Rights] = "workbook"

    accept: float = Field(
        0.95, gt=0.0, lt=1.0, description="probability of being right from which a match is taken without asking"
    )
    review: float = Field(0.15, gt=0.0, lt=1.0, description="probability from which a match is shown for review")
    merge_different_ids: Literal["review", "never", "accept"] = Field(
        "review",
        description="accounts of one source under ids of their own that look like one: ask, leave apart, or merge them",
    )
    ngram: int = Field(3, ge=2, le=5, description="length of the letter groups that candidates are found by")
    candidates: int = Field(6, ge=1, le=100, description="candidates that are compared word by word")
    merge_duplicates: bool = Field(True, description="merge accounts that the customers list twice")
    overrides_file: str = Field(
        "match_overrides.csv", description="decisions on matches, in the data folder", json_schema_extra=NAME
    )
    create_missing_accounts: bool = Field(True, description="sales of an unknown customer make an account of their own")
    duplicate_lines: Literal["drop", "keep"] = Field(
        "drop", description="what to do with sales lines that repeat another in everything, invoice number included"
    )
    categories: dict[
        str, Literal["hardware", "consumable", "software licence", "saas", "maintenance", "service", "none"]
    ] = Field(
        default_factory=dict,
        description="what a category of the sales log, or a product without one, is; over the Categories sheet",
    )
    industry_min_count: int = Field(5, ge=1, description="accounts that make an unlisted industry one of its own")
    industry_closeness: float = Field(
        0.83, gt=0.5, le=1.0, description="closeness that corrects an industry's spelling"
    )
    reconcile_tolerance: float = Field(0.01, ge=0.0, description="difference to a yearly total that counts as equal")
    earliest_date: str = Field("1990-01-01", description="a sales line before this date is flagged")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.review <= self.accept:
            raise ValueError("review must not be above accept")
        return self
