"""Settings of the feedback loop: pipeline score, snapshots, outcomes, accuracy, refinement, trials."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from icp_xl.artifacts import PIPELINE_WEIGHTS, STORE
from icp_xl.config.base import SITE, Rights, Section

Share = Annotated[float, Field(ge=0.0, le=1.0)]

#: The six components of the pipeline score, in the order in which their contributions are summed.
PIPELINE_COMPONENTS = (
    "speed_to_close",
    "largest_deal",
    "product_mix",
    "upsell_instances",
    "win_rate",
    "recency",
)
#: Further components: they count when they are given a weight, and are learned when outcomes speak for them.
OPTIONAL_COMPONENTS = ("owner_history", "freshness")
ALL_COMPONENTS = (*PIPELINE_COMPONENTS, *OPTIONAL_COMPONENTS)


class PipelineWeights(Section):
    """Weights of the pipeline score's components; they sum to 1. The last two are off unless given a weight."""

    rights: ClassVar[Rights] = "workbook"

    speed_to_close: Share = Field(0.15, description="weight of how quickly the account's deals closed")
    largest_deal: Share = Field(0.20, description="weight of the account's largest deal")
    product_mix: Share = Field(0.15, description="weight of how many products the account bought")
    upsell_instances: Share = Field(0.25, description="weight of how often the account bought again")
    win_rate: Share = Field(0.20, description="weight of the share of the account's deals that were won")
    recency: Share = Field(0.05, description="weight of how recently the account bought")
    owner_history: Share = Field(0.0, description="win rate of the opportunity's owner")
    freshness: Share = Field(0.0, description="few days in the current stage, against what won deals took")

    @model_validator(mode="after")
    def _sum_to_one(self) -> Self:
        total = math.fsum(self.as_tuple())
        if not math.isclose(total, 1.0, abs_tol=1e-6):
            raise ValueError(f"the weights of the pipeline score must sum to 1, got {total:g}")
        return self

    def as_tuple(self) -> tuple[float, ...]:
        """The weights in the order of :data:`ALL_COMPONENTS`."""
        return tuple(float(getattr(self, name)) for name in ALL_COMPONENTS)


class StagedWeights(PipelineWeights):
    """Weights that were learned, with those of stages that have their own."""

    stages: dict[str, PipelineWeights] = Field(default_factory=dict, description="weights of a stage, by its name")


def weights_of(body: Mapping[str, Any]) -> PipelineWeights:
    """Weights as a store or a weights file holds them.

    Raises:
        ValidationError: they break a rule.
    """
    kind = StagedWeights if body.get("stages") else PipelineWeights
    return kind.model_validate({key: value for key, value in body.items() if key != "stages" or value})


class StageSettings(Section):
    """What a stage of the CRM is."""

    rights: ClassVar[Rights] = "workbook"

    outcome: Literal["open", "won", "lost", "deleted"] = Field(description="what an opportunity at this stage is")
    probability: Share | None = Field(None, description="chance to win from this stage; by default the CRM's")
    order: int | None = Field(None, ge=1, le=99, description="its place among the stages; by default proposed")


def _as_stage(value: object) -> object:
    """The outcome alone is enough."""
    return {"outcome": value.strip().lower()} if isinstance(value, str) else value


#: Path of a field in the CRM; nothing else may stand in a query.
CrmField = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.]*$")]


class CrmSettings(Section):
    """What reading from any CRM takes. Who signs in is read from the environment, never from a file."""

    fields: dict[str, CrmField] = Field(
        default_factory=dict,
        description="our column of opportunities (stage, amount, owner, competitor, …) to the CRM's field, where it is "
        "another than usual",
    )
    timeout_seconds: float = Field(30.0, gt=0.0, le=600.0, description="longest wait for one answer")
    attempts: int = Field(4, ge=1, le=10, description="tries for one request before giving up")
    longest_pause_seconds: float = Field(60.0, ge=0.0, le=900.0, description="longest pause between two tries")
    max_records: int = Field(2_000_000, ge=1, description="more than so many opportunities are refused")


class HubSpotSettings(CrmSettings):
    """How deals are read from HubSpot."""

    enabled: bool = Field(False, description="read opportunities from HubSpot's deals instead of a file")


class DynamicsSettings(CrmSettings):
    """How opportunities are read from Dynamics 365."""

    enabled: bool = Field(False, description="read opportunities from Dynamics 365 instead of a file")
    api_version: str = Field("9.2", pattern=r"^\d{1,2}\.\d$", description="version of Dataverse's Web API")


class SalesforceSettings(CrmSettings):
    """How opportunities are read from Salesforce."""

    enabled: bool = Field(False, description="read opportunities from Salesforce instead of a file")
    api_version: str = Field("59.0", pattern=r"^\d{2,3}\.0$", description="version of Salesforce's API")
    modified_since_days: int | None = Field(None, ge=1, description="read only what changed in so many days")
    division_field: str | None = Field(
        None, pattern=r"^[A-Za-z_][A-Za-z0-9_.]*$", description="field of the opportunity that holds the division"
    )
    product_field: str | None = Field(
        None, pattern=r"^[A-Za-z_][A-Za-z0-9_.]*$", description="field of the opportunity that holds the product"
    )


class FeedbackSettings(Section):
    """Settings of the section ``feedback``."""

    rights: ClassVar[Rights] = "workbook"

    store: Path | None = Field(
        None, description=f"the snapshot store; by default {STORE.name} in the output", json_schema_extra=SITE
    )
    weights: PipelineWeights = PipelineWeights()
    use_saved_weights: bool = Field(
        True, description=f"take the weights from {PIPELINE_WEIGHTS.name} in the output folder where it is present"
    )
    stages: dict[str, Annotated[StageSettings, BeforeValidator(_as_stage)]] = Field(
        default_factory=dict, description="what a stage is: open, won, lost or deleted, by the stage's name"
    )
    stage_weights: dict[str, PipelineWeights] = Field(
        default_factory=dict, description="weights for the opportunities of one stage, by the stage's name"
    )
    history_months: int = Field(36, ge=1, le=240, description="closed opportunities older than this do not count")
    prior_strength: float = Field(
        10.0, gt=0.0, description="closed opportunities that the average of all counts for in an account's rates"
    )
    half_life_days: float = Field(180.0, gt=0.0, description="days after which a last win counts half")
    freshness_half_life_days: float = Field(
        60.0, gt=0.0, description="days in a stage after which it counts half, where too few won deals tell"
    )
    robust_quantile: float = Field(0.99, gt=0.5, le=1.0, description="quantile that heavy tails are capped at")
    high_share: Share = Field(0.30, gt=0.0, lt=1.0, description="best scored share of a day's pipeline: high")
    low_share: Share = Field(0.30, gt=0.0, lt=1.0, description="worst scored share of a day's pipeline: low")
    evaluate_at: Literal["last", "first"] = Field(
        "last", description="which snapshot of a closed opportunity is judged: the last before it closed, or its first"
    )
    min_won: int = Field(40, ge=10, description="won opportunities needed before anything is concluded")
    min_lost: int = Field(40, ge=10, description="lost opportunities needed before anything is concluded")
    alpha: float = Field(0.05, gt=0.0, le=0.2, description="chance of a false finding per family of looks")
    permutations: int = Field(999, ge=199, le=99_999, description="permutations behind the test of each loss pattern")
    bootstrap: int = Field(1000, ge=200, le=20_000, description="resamples behind every interval")
    pattern_min_deals: int = Field(20, ge=5, description="fewest opportunities in a loss pattern")
    amount_tolerance: float = Field(0.01, ge=0.0, le=0.5, description="relative difference of amounts in matching")
    max_deleted_share: Share = Field(
        0.20, description="when more of the open pipeline is absent, the export is taken for a part, not for deletions"
    )
    confidence_high: float = Field(0.75, gt=0.5, lt=1.0, description="expected share of right calls: High")
    confidence_medium: float = Field(0.60, gt=0.5, lt=1.0, description="expected share of right calls: Medium")
    outcome_half_life_days: float | None = Field(
        1000.0, gt=0.0, description="days after which an outcome counts half in learning weights; null: all count alike"
    )
    refine_holdout: float = Field(0.5, ge=0.2, le=0.7, description="latest share of outcomes that weights are tried on")
    trial_min_gain: float = Field(0.02, gt=0.0, lt=0.5, description="smallest gain in AUC worth a change")
    trial_power: float = Field(
        0.80, gt=0.5, lt=1.0, description="chance to see a real gain that a trial is planned for"
    )
    trial_min_outcomes: int = Field(100, ge=80, description="fewest outcomes that a trial is planned for")
    trial_max_outcomes: int = Field(2000, ge=100, description="most outcomes that a trial is planned for")
    salesforce: SalesforceSettings = SalesforceSettings()
    hubspot: HubSpotSettings = HubSpotSettings()
    dynamics: DynamicsSettings = DynamicsSettings()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.high_share + self.low_share > 1.0:
            raise ValueError("high_share and low_share must not exceed 1 together")
        if self.confidence_high <= self.confidence_medium:
            raise ValueError("confidence_high must be above confidence_medium")
        if sum(crm.enabled for crm in (self.salesforce, self.hubspot, self.dynamics)) > 1:
            raise ValueError(
                "opportunities are read from one CRM: salesforce.enabled, hubspot.enabled or dynamics.enabled"
            )
        if self.trial_max_outcomes < self.trial_min_outcomes:
            raise ValueError("trial_max_outcomes must not be below trial_min_outcomes")
        return self
