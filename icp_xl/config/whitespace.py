"""Settings of the whitespace ranking: signals, blend, gates, cooldown, capacity, holdout, sheets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator

from icp_xl.config.base import SITE, Rights, Section
from icp_xl.signals import COUNT, EXAMPLE, SIGNALS, name_signals

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Days = Annotated[int, Field(ge=0, le=3650)]


class WhitespaceSettings(Section):
    """Settings of the section ``whitespace``."""

    rights: ClassVar[Rights] = "workbook"

    weights: tuple[float, ...] = Field(
        tuple(signal.weight for signal in SIGNALS),
        description=f"weights of {name_signals()}; made to sum to 1",
    )
    normalize: Literal["calibrated", "percentile", "pooled"] = Field(
        "calibrated",
        description="calibrated: probabilities and values as they are, multiplied; percentile: rank within each "
        "division; pooled: rank over all divisions",
    )
    full_coverage: float = Field(
        0.30, gt=0.0, le=1.0, description="share of candidates with a signal from which it keeps its whole weight"
    )
    rank_by: Literal["score", "value", "balanced", "challenger"] = Field(
        "score",
        description="what orders the list: the blended score; value: expected value alone, for revenue first; "
        "balanced: chance and expected value, each against its mean, added up; challenger: its learned weights",
    )
    challenger: bool = Field(True, description="learn weights from an earlier cutoff's outcome and show their score")
    value: Literal["revenue", "gross_profit"] = Field("revenue", description="what expected value is counted in")
    value_groups: Literal["auto", "segment", "spend"] = Field(
        "auto", description="groups whose median is expected: customer segment, or fifths of the account's spending"
    )
    value_prior_windows: float = Field(
        0.5,
        ge=0.0,
        description="windows with a purchase that what its likes spend counts for, against the account's own",
    )
    value_cap_quantile: float = Field(0.999, gt=0.5, le=1.0, description="expected value is capped here; 1: not at all")
    value_min_buyers: int = Field(20, ge=1, description="buyers that a group's median needs")

    ownership: Literal["recent", "ever", "off"] = Field(
        "recent", description="pairs left out because the account has the division already"
    )
    owned_months: int = Field(24, ge=1, le=240, description="a purchase within so many months is ownership")
    repeat_divisions: tuple[str, ...] = Field((), description="divisions in which owners stay in the list")
    regions: tuple[str, ...] = Field((), description="only accounts of these regions; empty takes all")
    regions_excluded: tuple[str, ...] = Field((), description="no account of these regions")
    open_deals: Literal["division", "account", "off"] = Field(
        "division", description="an open opportunity removes its division, or the whole account"
    )
    exclusions: Path | None = Field(
        None,
        description="CSV with account_id, optionally division and reason: legal holds and other removals",
        json_schema_extra=SITE,
    )
    contacts: Path | None = Field(
        None, description="CSV with account_id, contacted_on, optionally division", json_schema_extra=SITE
    )
    contact_days: Days = Field(30, description="no repeat within so many days of a contact")
    not_relevant_days: Days = Field(365, description="how long a pair marked not relevant stays away")
    won_days: Days = Field(365, description="how long a pair marked won stays away")

    cooldown_days: Days = Field(28, description="days in the list without action after which a pair steps back; 0: off")
    cooldown_factor: Share = Field(0.5, description="what its score is multiplied by meanwhile")
    cooldown_rest_days: Annotated[int, Field(ge=1, le=3650)] = Field(56, description="how long it stays back")

    capacity: Literal["top_percent", "per_rep", "hybrid"] = Field(
        "top_percent",
        description="which pairs to work: a share of the list, so many per rep, or hybrid: both, over divisions",
    )
    top_percent: float = Field(10.0, gt=0.0, le=100.0, description="share of the ranked pairs to work, in percent")
    per_rep: int = Field(25, ge=1, le=100_000, description="pairs per rep")
    max_division_share: float = Field(
        0.60, gt=0.0, le=1.0, description="share of the list from which a division is warned of; hybrid keeps to it"
    )
    holdout_share: float = Field(
        0.0,
        ge=0.0,
        le=0.5,
        description="share of accounts held out of the list at random, to measure its effect; 0: off",
    )
    shadow: Literal["off", "revenue", "frequency", "icp_score"] = Field(
        "off", description="an older rule ranked beside the list, to see where they differ"
    )

    memory_pairs: int = Field(
        5_000_000,
        ge=0,
        description="pairs beyond which the list is ranked by SQL out of memory, with the engine of build.engine, and "
        "filed as Parquet",
    )
    expiring_days: Annotated[int, Field(ge=1, le=3650)] = Field(90, description="assets that expire so soon are named")
    peers_min: int = Field(20, ge=5, description="accounts that a statement on peers needs")
    sheet_rows: int = Field(5000, ge=10, le=200_000, description="rows of the sheet Whitespace; the CSV has all")
    division_sheets: bool = Field(True, description="one sheet per division")
    division_rows: int = Field(500, ge=10, le=200_000, description="rows of each of them")
    rep_sheets: bool = Field(False, description="one sheet per rep in the main workbook")
    rep_books: bool = Field(False, description="one workbook per rep, with nothing of another rep's accounts")
    rep_rows: int = Field(500, ge=10, le=200_000, description="rows of each rep's sheet or workbook")
    grid_rows: int = Field(1000, ge=10, le=200_000, description="accounts in the grid of accounts and divisions")
    status_books: tuple[Path, ...] = Field(
        (),
        description="further workbooks, or folders of them, in which people fill in status and marks",
        json_schema_extra=SITE,
    )

    @field_validator("weights")
    @classmethod
    def _a_weight_each(cls, weights: tuple[float, ...]) -> tuple[float, ...]:
        if len(weights) != len(SIGNALS) or any(weight < 0.0 for weight in weights) or not sum(weights) > 0.0:
            raise ValueError(f"weights must be {COUNT} numbers, none negative and not all zero, for example {EXAMPLE}")
        return weights
