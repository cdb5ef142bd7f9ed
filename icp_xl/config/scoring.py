"""Settings of the scoring engine."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self, get_type_hints

from pydantic import Field, field_validator, model_validator

from icp_xl.artifacts import OPTIMIZED_WEIGHTS
from icp_xl.components.kinds import faults_of
from icp_xl.components.presets import EQUIPMENT, PRESETS, completed, even_weights
from icp_xl.components.record import FACTS, Component
from icp_xl.config.base import Rights, Section

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]


#: More weights than this cannot be told apart by any search, nor by any reader.
MOST_COMPONENTS = 8


class GradeShares(Section):
    """Wanted share of accounts per grade; they sum to 1."""

    rights: ClassVar[Rights] = "workbook"

    A: Share = Field(0.10, description="share of the accounts with grade A; the shares sum to 1")
    B: Share = Field(0.20, description="share of the accounts with grade B; the shares sum to 1")
    C: Share = Field(0.40, description="share of the accounts with grade C; the shares sum to 1")
    D: Share = Field(0.20, description="share of the accounts with grade D; the shares sum to 1")
    F: Share = Field(0.10, description="share of the accounts with grade F; the shares sum to 1")

    @model_validator(mode="after")
    def _sum_to_one(self) -> Self:
        total = self.A + self.B + self.C + self.D + self.F
        if not math.isclose(total, 1.0, abs_tol=1e-6):
            raise ValueError(f"the five grade shares must sum to 1, got {total:g}")
        return self


class SizeTier(Section):
    """Accounts with annual revenue of at least ``from_revenue`` get ``score``."""

    rights: ClassVar[Rights] = "workbook"

    from_revenue: float = Field(ge=0.0, description="annual revenue from which the tier counts")
    score: Share = Field(description="size score of the tier")


class ScoringSettings(Section):
    """How accounts are scored, graded and segmented."""

    rights: ClassVar[Rights] = "workbook"

    preset: Literal["auto", "equipment", "general", "subscription"] = Field(
        "auto",
        description="components that come with the package; auto takes those of the equipment trade where their facts "
        "are there, else those that the sales log allows",
    )
    components: dict[str, Component] = Field(
        default_factory=dict,
        description="components of your own instead of a preset's, by name: kind and what it reads; 2 to 8 of them",
    )
    weights: dict[str, Share] = Field(
        default_factory=lambda: even_weights(EQUIPMENT), description="weight of each component; they sum to 1"
    )
    use_optimized_weights: bool = Field(
        True, description=f"take the weights from {OPTIMIZED_WEIGHTS.name} where that file is present and sound"
    )
    grade_shares: GradeShares = GradeShares()
    size_tiers: tuple[SizeTier, ...] = Field(
        (
            SizeTier(from_revenue=0.0, score=0.20),
            SizeTier(from_revenue=1e6, score=0.35),
            SizeTier(from_revenue=1e7, score=0.50),
            SizeTier(from_revenue=5e7, score=0.65),
            SizeTier(from_revenue=2.5e8, score=0.80),
            SizeTier(from_revenue=1e9, score=1.00),
        ),
        description="scores by annual revenue, in rising order",
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
    tier_scores: dict[str, Share] = Field(
        {"1": 1.0, "2": 0.7, "3": 0.4, "4": 0.1}, description="strategic score of an industry by its tier"
    )
    segment_mid_market: Positive = Field(1e7, description="annual revenue from which an account is Mid-Market")
    segment_large: Positive = Field(2.5e8, description="annual revenue from which an account is Large Enterprise")
    knots: int = Field(1001, ge=11, le=10001, description="quantile knots of the score model's reference table")

    @field_validator("components", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        """A list of components with names, or a mapping; each takes its name from its key, lists may be texts."""
        if isinstance(value, list | tuple):
            value = {f"{at}": item for at, item in enumerate(value, 1)}
        if not isinstance(value, Mapping):
            return value
        named = {}
        for key, item in value.items():
            if not isinstance(item, Mapping):
                named[str(key)] = item
                continue
            fields = {_plain_key(name): found for name, found in item.items()}
            name = str(fields.setdefault("name", _plain_key(key)))
            if name in named:
                raise ValueError(f"two components are called {name}")
            named[name] = {name: _listed(name, found) for name, found in fields.items()}
        return named

    @field_validator("components")
    @classmethod
    def _sound(cls, components: dict[str, Component]) -> dict[str, Component]:
        if components and not 2 <= len(components) <= MOST_COMPONENTS:
            raise ValueError(f"a score has 2 to {MOST_COMPONENTS} components, got {len(components)}")
        faults = [f"{name}.{field} {text}" for name, item in components.items() for field, text in faults_of(item)]
        titles = [item.title.casefold() for item in components.values()]
        faults += [
            f"{name}.label {item.title} heads another component too; each needs one of its own"
            for at, (name, item) in enumerate(components.items())
            if item.title.casefold() in titles[:at]
        ]
        if faults:
            raise ValueError("; ".join(faults))
        return components

    @field_validator("weights", mode="before")
    @classmethod
    def _merged(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        given = {_plain_key(name): weight for name, weight in value.items()}
        usual = even_weights(EQUIPMENT)
        return {**usual, **given} if set(given) <= set(usual) else given

    def own_columns(self) -> dict[str, bool]:
        """Columns of the customers that only the settings' own components read, and whether they are texts."""
        return {
            column: component.kind == "lookup"
            for component in self.components.values()
            for column in (component.column, *component.columns)
            if column and column not in FACTS
        }

    def declared(self, preset: str) -> tuple[Component, ...]:
        """The declarations of a preset, or of the settings' own components, complete."""
        return completed(tuple(self.components.values()) or PRESETS[preset], self)

    def default_weights(self, components: tuple[Component, ...]) -> dict[str, float]:
        """Weights of ``components`` before any optimisation.

        Raises:
            ValueError: the settings' weights are not those of the components, or do not sum to 1.
        """
        names = [component.name for component in components]
        if self.weights == even_weights(EQUIPMENT):  # nothing was said
            return even_weights(components)
        if set(self.weights) != set(names):
            given, wanted = ", ".join(self.weights), ", ".join(names)
            raise ValueError(f"weights must name every component ({wanted}), got {given or 'none'}")
        return {name: self.weights[name] for name in names}

    @model_validator(mode="after")
    def _weights_fit(self) -> Self:
        named = set(self.weights) == set(even_weights(EQUIPMENT))
        total = sum(self.weights.values())
        if not math.isclose(total, 1.0, abs_tol=1e-6):
            count = "four " if len(self.weights) == 4 else ""
            raise ValueError(f"the {count}weights must sum to 1, got {total:g}")
        presets = [self.preset] if self.preset != "auto" else list(PRESETS)
        if self.components:
            self.default_weights(tuple(self.components.values()))
        elif not named and not any(set(self.weights) == {item.name for item in PRESETS[name]} for name in presets):
            known = " or ".join(", ".join(item.name for item in PRESETS[name]) for name in presets)
            raise ValueError(f"weights must name the components ({known}), got {', '.join(self.weights)}")
        return self

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        starts = [tier.from_revenue for tier in self.size_tiers]
        if not starts or starts[0] != 0.0 or sorted(set(starts)) != starts:
            raise ValueError("size_tiers must start at from_revenue 0 and rise strictly")
        if self.segment_large <= self.segment_mid_market:
            raise ValueError("segment_large must be above segment_mid_market")
        return self


_HINTS = get_type_hints(Component)
_LISTS = {name for name, hint in _HINTS.items() if str(hint).startswith("tuple[")}


def _plain_key(name: object) -> str:
    return "_".join(str(name).strip().lower().split())


def _listed(name: str, value: Any) -> Any:
    """A list out of one cell: parts divided by semicolons or commas, and a tier as ``from: score``.

    >>> _listed("divisions", "Bread, Rolls"), _listed("tiers", "0: 0.2; 1000: 1")
    (['Bread', 'Rolls'], [(0.0, 0.2), (1000.0, 1.0)])
    """
    if name == "column":
        return _plain_key(value)
    if name not in _LISTS or not isinstance(value, str | int | float):
        if name == "columns":
            return [_plain_key(item) for item in value]
        if name == "tiers":
            return [tuple(item.values()) if isinstance(item, dict) else item for item in value]
        return value
    parts = [part.strip() for part in str(value).replace(";", ",").split(",") if part.strip()]
    if name == "columns":
        return [_plain_key(part) for part in parts]
    if name == "tiers":
        return [tuple(float(end) for end in part.split(":")) for part in parts]
    return [float(part) for part in parts] if name == "shares" else parts
