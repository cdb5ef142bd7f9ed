"""Settings of the scoring engine."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from icp_xl.config.base import Rights, Section

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]


class Weights(Section):
    """Weights of the four components; they sum to 1."""

    rights: ClassVar[Rights] = "workbook"

    vertical: Share = 0.25
    size: Share = 0.25
    adoption: Share = 0.25
    relationship: Share = 0.25

    @model_validator(mode="after")
    def _sum_to_one(self) -> Self:
        total = self.vertical + self.size + self.adoption + self.relationship
        if not math.isclose(total, 1.0, abs_tol=1e-6):
            raise ValueError(f"the four weights must sum to 1, got {total:g}")
        return self

    def as_tuple(self) -> tuple[float, float, float, float]:
        """Vertical, size, adoption, relationship."""
        return (self.vertical, self.size, self.adoption, self.relationship)


class GradeShares(Section):
    """Wanted share of accounts per grade; they sum to 1."""

    rights: ClassVar[Rights] = "workbook"

    A: Share = 0.10
    B: Share = 0.20
    C: Share = 0.40
    D: Share = 0.20
    F: Share = 0.10

    @model_validator(mode="after")
    def _sum_to_one(self) -> Self:
        total = self.A + self.B + self.C + self.D + self.F
        if not math.isclose(total, 1.0, abs_tol=1e-6):
            raise ValueError(f"the five grade shares must sum to 1, got {total:g}")
        return self


class SizeTier(Section):
    """Accounts with annual revenue of at least ``from_revenue`` get ``score``."""

    rights: ClassVar[Rights] = "workbook"

    from_revenue: float = Field(ge=0.0)
    score: Share


class ScoringSettings(Section):
    """How accounts are scored, graded and segmented."""

    rights: ClassVar[Rights] = "workbook"

    weights: Weights = Weights()
    use_optimized_weights: bool = Field(
        True, description="take the weights from optimized_weights.json where that file is present and sound"
    )
    grade_shares: GradeShares = GradeShares()
    size_tiers: tuple[SizeTier, ...] = (
        SizeTier(from_revenue=0.0, score=0.20),
        SizeTier(from_revenue=1e6, score=0.35),
        SizeTier(from_revenue=1e7, score=0.50),
        SizeTier(from_revenue=5e7, score=0.65),
        SizeTier(from_revenue=2.5e8, score=0.80),
        SizeTier(from_revenue=1e9, score=1.00),
    )
    size_missing_score: Share = Field(0.5, description="size score of an account whose annual revenue is unknown")
    robust_quantile: float = Field(
        0.99,
        gt=0.5,
        le=1.0,
        description="quantile of the positive values that counts as the maximum of a scale",
    )
    adoption_printer_share: Share = Field(
        0.5, description="share of the printer count in the adoption score; the rest is consumable revenue"
    )
    strategic_share: Share = Field(0.3, description="share of the strategic tier in an industry's weight")
    tier_scores: dict[str, Share] = {"1": 1.0, "2": 0.7, "3": 0.4, "4": 0.1}
    segment_mid_market: Positive = Field(1e7, description="annual revenue from which an account is Mid-Market")
    segment_large: Positive = Field(2.5e8, description="annual revenue from which an account is Large Enterprise")
    knots: int = Field(1001, ge=11, le=10001, description="quantile knots of the score model's reference table")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        starts = [tier.from_revenue for tier in self.size_tiers]
        if not starts or starts[0] != 0.0 or sorted(set(starts)) != starts:
            raise ValueError("size_tiers must start at from_revenue 0 and rise strictly")
        if self.segment_large <= self.segment_mid_market:
            raise ValueError("segment_large must be above segment_mid_market")
        return self
