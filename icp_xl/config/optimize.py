"""Settings of the weight optimisation."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from icp_xl.config.base import SITE, Rights, Section

Share = Annotated[float, Field(ge=0.0, le=1.0)]


#: What the least weights of many components add up to, where the settings do not say.
SPREAD = 0.6
#: The component that ``include_size`` switches.
SIZE = "size"


class OptimizeSettings(Section):
    """How the weights of the components are searched for."""

    rights: ClassVar[Rights] = "workbook"

    n_trials: int = Field(
        5000, ge=10, le=200_000, description="trials that the study holds when it is complete", json_schema_extra=SITE
    )
    tpe_trials: int = Field(
        64, ge=0, le=5000, description="of these, how many the TPE sampler proposes", json_schema_extra=SITE
    )
    lambda_param: Share = Field(
        0.25,
        description="say of the grade mix against the correlation: 0 looks at revenue only, 1 at the mix only",
    )
    target: Literal["auto", "equipment", "all"] = Field(
        "auto",
        description="revenue that the score is to rank by: equipment is that with hardware and consumables, all is "
        "all of it; auto takes the first for the components of the equipment trade",
    )
    include_size: bool = Field(True, description="false switches the size component off: its weight is then 0")
    minimum: Share = Field(
        0.15, description="smallest weight that a component in use may have; less where there are more than four"
    )
    maximum: Share = Field(0.50, description="largest weight that any component may have; more where there are two")
    minimum_engaged: int = Field(
        50, ge=10, description="accounts with hardware or consumable revenue that are needed at the least"
    )
    study_name: str = Field(
        "icp_weights",
        min_length=1,
        max_length=60,
        pattern=r"^[A-Za-z0-9_\-]+$",
        json_schema_extra=SITE,
        description="name of the study, by which it is found and resumed",
    )
    storage: str | None = Field(
        None,
        description="where the study lives: a database URL that Optuna takes, or a path of a journal file; "
        "by default a journal in the output folder's state",
        json_schema_extra=SITE,
    )
    lambdas: tuple[Share, ...] = Field(
        (0.0, 0.1, 0.25, 0.5, 0.75, 1.0), description="points of the trade-off curve; lambda_param is always added"
    )
    region_tolerance: float = Field(1e-4, gt=0.0, description="loss of objective that counts as none")
    business_tolerance: float = Field(
        0.01, gt=0.0, description="loss of objective that a sales director would not notice"
    )
    minimum_gain: float = Field(0.005, ge=0.0, description="gain of objective below which no change is recommended")
    bootstrap: int = Field(200, ge=50, le=5000, description="resamples behind every interval")
    confidence: float = Field(0.95, gt=0.5, lt=1.0, description="level of the intervals")
    adopt: Literal["recommended", "always"] = Field(
        "recommended",
        description="recommended: scoring keeps the weights before it when the gain is within noise; "
        "always: scoring takes the best weights whatever the verdict",
    )
    forward_date: date | None = Field(
        None, description="components before this day against revenue from it on; by default the last third of the log"
    )

    @model_validator(mode="after")
    def _feasible(self) -> Self:
        if self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum:g} is above maximum {self.maximum:g}")
        return self

    def check_bounds(self, names: Sequence[str]) -> None:
        """Whether weights of components of these names can obey the stated bounds.

        Raises:
            ValueError: they cannot; the text says why.
        """
        used = sum(self.include_size or name != SIZE for name in names)
        stated = self.model_fields_set
        if "minimum" in stated and used * self.minimum > 1.0 + 1e-12:
            raise ValueError(
                f"minimum {self.minimum:g} is impossible: {used} weights of at least that much sum to "
                f"{used * self.minimum:g}, above 1"
            )
        if "maximum" in stated and used * self.maximum < 1.0 - 1e-12:
            raise ValueError(
                f"maximum {self.maximum:g} is impossible: {used} weights of at most that much sum to "
                f"{used * self.maximum:g}, below 1"
            )


def usual_bounds(settings: OptimizeSettings, used: int) -> tuple[float, float]:
    """Least and greatest weight of each of ``used`` components.

    Bounds that the settings state hold as they are. The usual ones are made for three or four components: more leave
    less for each, and of two either may have all but the least.
    """
    minimum, maximum = settings.minimum, settings.maximum
    if "minimum" not in settings.model_fields_set and used > 4:
        minimum = min(minimum, SPREAD / used)
    if "maximum" not in settings.model_fields_set and used < 3:
        maximum = 1.0 - minimum * (used - 1)
    return minimum, maximum
