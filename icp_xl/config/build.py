"""Settings of the build: star schema, labels and features."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from icp_xl.config.base import Pattern, Rights, Section

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Months = Annotated[int, Field(ge=1, le=120)]

#: Options that carry numbers and names of machines. Others name programs, classes, packages or files that Spark would
#: run or load (``extraJavaOptions``, ``jars``, ``plugins``, ``pyspark.python``), so they belong to the cluster.
SPARK_OPTIONS = re.compile(
    r"spark\.(master|app\.name|default\.parallelism|submit\.deployMode|ui\.(enabled|port)|network\.timeout"
    r"|(driver|executor)\.(memory|memoryOverhead|cores|instances|host|port|bindAddress|maxResultSize)|cores\.max|task\.cpus"
    r"|dynamicAllocation\.\w+|memory\.(fraction|storageFraction)|sql\.(shuffle\.partitions|adaptive\.\w+"
    r"|autoBroadcastJoinThreshold|broadcastTimeout|files\.maxPartitionBytes|session\.timeZone|codegen\.wholeStage))"
)
SPARK_MASTER = re.compile(
    r"local(\[[\d*]+(,\d+)?\])?|yarn|spark://[\w.\-]+(:\d+)?(,[\w.\-]+:\d+)*|k8s://https?://[\w.\-]+(:\d+)?"
)


class BuildSettings(Section):
    """How the sales log becomes a star schema, and for which divisions and cutoffs the rest is built."""

    engine: Literal["duckdb", "spark"] = Field("duckdb", description="what runs the SQL of labels and features")
    spark: dict[str, str] = Field(
        default_factory=dict,
        description="options of the Spark session, such as spark.master; the rest comes from the environment as usual",
    )
    transactions: Path | None = Field(
        None,
        description="Parquet file or folder of sales lines under our own column names, for logs too large for a "
        "workbook; it takes the place of the sales log and is never loaded whole",
    )
    divisions: tuple[str, ...] = Field((), description="divisions to build for; empty takes every division of the log")
    cutoffs: tuple[date, ...] = Field((), description="cutoff dates; empty takes the latest one with a full window")
    window_months: Months = Field(6, description="length of the label window")
    allowed_divisions: tuple[str, ...] = Field(
        (), description="divisions that a log may name; another is a violation; empty allows all"
    )
    sku_map: Path | None = Field(
        None,
        description="CSV with the columns sku and division that overrides the log's own divisions; valid_from and "
        "valid_to, where given, say from when to when (both days included) a row holds, and a row without a sku when "
        "the division exists",
    )
    unmapped_division: str = Field("Unmapped", min_length=1, description="division of a line that names none")
    duplicates: Literal["drop", "keep"] = Field("drop", description="what happens to exact duplicates of a line")
    cancellation_pattern: Pattern = Field(
        "^[Cc][0-9]", description="invoice numbers that match are cancellations, whatever their sign"
    )
    fee_skus: tuple[str, ...] = Field(
        (
            "ADJUST", "ADJUST2", "AMAZONFEE", "B", "BANK CHARGES", "C2", "CARRIAGE", "CRUK", "D", "DISCOUNT", "DOT",
            "FEE", "FREIGHT", "HANDLING", "M", "MANUAL", "POST", "POSTAGE", "S", "SAMPLES", "SHIP", "SHIPPING",
            "SURCHARGE", "TAX",
        ),
        description="codes of lines that are no goods: kept in the star schema, left out of labels and features",
    )  # fmt: skip
    fee_prefixes: tuple[str, ...] = Field(("gift_",), description="beginnings of further such codes")
    min_date: date = Field(date(1990, 1, 1), description="earliest date that a line may have")
    as_of: date | None = Field(None, description="last date that a line may have; by default the day of the run")
    max_amount: float = Field(1e12, gt=0.0, le=1e12, description="largest amount of money that one line may have")
    observed_until: date | None = Field(
        None, description="first day that the log does not cover; by default the day after its last line"
    )
    month_end_slack_days: int = Field(
        3, ge=0, le=15, description="a last month counts as complete when it ends so many days before the month's end"
    )

    @field_validator("spark")
    @classmethod
    def _spark_options(cls, options: dict[str, str]) -> dict[str, str]:
        if strange := [name for name in options if not SPARK_OPTIONS.fullmatch(name)]:
            raise ValueError(
                f"not among the options that may stand here: {', '.join(strange)[:200]}; allowed are spark.master, the "
                "name of the application, memory, cores and numbers of executors, dynamic allocation, parallelism, and "
                "sizes of spark.sql; set others in the configuration of Spark itself"
            )
        if (master := options.get("spark.master")) is not None and not SPARK_MASTER.fullmatch(master):
            raise ValueError("spark.master is local, local[N], yarn, spark://host:port or k8s://https://host:port")
        return options


class LabelSettings(Section):
    """What counts as a purchase after a cutoff, and for whom the question is asked."""

    rights: ClassVar[Rights] = "workbook"

    mode: Literal["expansion", "all"] = Field(
        "expansion", description="expansion: accounts that bought before the cutoff; all: every known account"
    )
    measure: Literal["revenue", "gross_profit"] = Field(
        "revenue",
        description="what the threshold is applied to; revenue: whoever bought, whatever the margin; gross_profit: "
        "only who brought profit, and the reports say how many buyers that leaves out (a line whose gross profit is "
        "not known counts with its revenue)",
    )
    threshold: float = Field(0.0, description="a label is positive when the measure in the window is above this")
    denylist_skus: tuple[str, ...] = Field((), description="codes that never count towards a label")
    target_skus: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="division to the only codes that count for it; the name may be a new one"
    )
    auto_widen: bool = Field(
        False,
        description="lengthen the window in the label tables of build where too few accounts bought; models learn from "
        "windows of one length",
    )
    min_positives: int = Field(20, ge=0, description="positives below which the window is lengthened")
    min_prevalence: Share = Field(0.002, description="share of positives below which the window is lengthened")
    max_window_months: Months = Field(12, description="longest window that lengthening may reach")


class FeatureSettings(Section):
    """Which features are built at a cutoff."""

    windows: tuple[Months, ...] = Field((3, 6, 12, 24), description="months of the recency-frequency-monetary windows")
    stable_fields: tuple[
        Literal[
            "country",
            "state",
            "city",
            "region",
            "industry",
            "segment",
            "owner",
            "annual_revenue",
            "printers",
            "subscription",
            "expiry",
        ],
        ...,
    ] = Field(
        ("country",),
        description="fields of the customers and assets tables that no sale changes: they are features of the past as "
        "they stand today; any other field is one only from the day on as of which it was filed (icp-xl history). "
        "Printers named here are rolled back by what the log sold since",
    )
    installed_base: tuple[str, ...] = Field(
        ("Printers",), description="divisions whose goods of the category hardware (else all) are the printers sold"
    )
    use_assets: bool = Field(True, description="features of installed assets, their age and expiry")
    use_basket: bool = Field(True, description="features of what is bought together")
    use_als: bool = Field(True, description="embeddings by alternating least squares, and likeness made of them")
    als_factors: int = Field(16, ge=2, le=256, description="length of an embedding")
    als_iterations: int = Field(12, ge=1, le=200, description="rounds of alternating least squares")
    als_regularization: float = Field(0.05, ge=0.0, description="pull of embeddings towards nothing")
    als_alpha: float = Field(10.0, gt=0.0, description="confidence per unit of log(1 + lines)")
    basket_months: Months = Field(24, description="window in which SKUs owned are looked up")
    basket_min_accounts: int = Field(10, ge=1, description="accounts that must own a SKU before it makes a rule")
    basket_prior: float = Field(5.0, ge=0.0, description="accounts' worth of doubt that pulls a lift towards 1")
    assets_rollup: Literal["division", "category", "sku"] = Field("division", description="what assets are counted by")
    assets_expiry_days: tuple[Annotated[int, Field(ge=1, le=3650)], ...] = Field(
        (30, 60, 90), description="days within which assets that expire are counted"
    )
    assets_missing_start: Literal["exclude", "impute"] = Field(
        "exclude", description="an asset without a start date may have been sold after the cutoff"
    )
    winsor_quantile: float = Field(0.99, gt=0.5, le=1.0, description="quantile that heavy tails are capped at; 1: off")

    @field_validator("windows")
    @classmethod
    def _rising(cls, windows: tuple[int, ...]) -> tuple[int, ...]:
        if not windows or list(windows) != sorted(set(windows)):
            raise ValueError("windows must be months that rise strictly, for example [3, 6, 12, 24]")
        return windows

    @model_validator(mode="after")
    def _days_rise(self) -> Self:
        if list(self.assets_expiry_days) != sorted(set(self.assets_expiry_days)):
            raise ValueError("assets_expiry_days must rise strictly, for example [30, 60, 90]")
        return self


class LeakageSettings(Section):
    """When a feature counts as a leak."""

    action: Literal["drop", "refuse", "report"] = Field("drop", description="what happens to a feature that leaks")
    max_auc: float = Field(0.97, gt=0.5, le=1.0, description="a single feature that predicts better is suspect")
    min_positives: int = Field(20, ge=2, description="positives below which single features are not judged")
    name_pattern: Pattern = Field(
        r"(?:^|_)(label|target|outcome|future|next|won|lost|after|post_cutoff|churned|converted|bought_in|in_window"
        r"|y_true|holdout)(?:_|$)",
        description="words of feature names that give themselves away; the names of divisions and of what an asset "
        "rolls up to are not looked at",
    )
    max_gap: float = Field(
        0.15,
        gt=0.0,
        le=0.5,
        description="fall of a feature's AUC, when its cutoff is moved a window back, that is suspect",
    )
