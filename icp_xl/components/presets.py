"""The components that come with the package: three declarations of a whole score."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from icp_xl.columns import SOFTWARE_CATEGORIES
from icp_xl.components.record import Component

#: Columns of the blend whose shares the setting ``scoring.adoption_printer_share`` gives.
ADOPTION = ("printers", "consumable_revenue")
#: The specification's four, for resellers of equipment with its consumables and software. Contributions are summed in
#: this order.
EQUIPMENT = (
    Component(
        "vertical", "lookup", "Industry", column="industry", strategic=True,
        about="How well the industry has paid, pulled to the average where little is known, blended with its strategic "
        "tier.",
        note="How well the account's industry has paid, blended with its strategic tier (0 to 1).",
    ),
    Component(
        "size", "tiers", column="annual_revenue",
        about="Annual revenue of the account, by tier; unknown is neutral, not zero.",
        note="The account's annual revenue by size tier (0 to 1); unknown counts as neutral.",
        phrase="{level} company ({value} a year)", levels=("small", "mid-sized", "large"),
    ),
    Component(
        "adoption", "blend", columns=ADOPTION,
        about="Printers owned and consumables bought.",
        note="Printers owned and consumables bought, on a log scale (0 to 1).",
    ),
    Component(
        "relationship", "revenue", categories=SOFTWARE_CATEGORIES,
        about="Software, SaaS and maintenance bought.",
        note="Software, SaaS and maintenance bought, on a log scale (0 to 1).",
    ),
)  # fmt: skip
_INDUSTRY = replace(EQUIPMENT[0], name="industry", weight=0.10)
_SIZE = replace(EQUIPMENT[1], weight=0.10)
#: For any log of sales. Last year's revenue does not tell a new account from one that buys little, nor one that has
#: left from one that has not; what is expected of an account does. Amounts on a log scale differ little from account
#: to account, so it has most of the weight. tests/benchmarks/preset_scores.py measures what the whole is worth.
GENERAL = (
    _INDUSTRY,
    _SIZE,
    Component("revenue", "expected", weight=0.67,
              about="Revenue a year to be expected: the pace of the last 24 months times the chance that the account "
              "is still a customer."),
    Component("recency", "recency", weight=0.02, about="How recently the account bought."),
    Component("frequency", "frequency", weight=0.08, about="On how many days of the last 12 months it bought."),
    Component("breadth", "breadth", weight=0.03, of="products", about="How many products it bought in 12 months."),
)  # fmt: skip
#: For contracts that are billed again and again.
SUBSCRIPTION = (
    Component("recurring", "recurring", categories=("saas", "maintenance"), weight=0.80,
              about="Revenue a year with what is billed month after month at the same amount, as of the last three "
              "months, and with subscriptions and maintenance."),
    Component("growth", "growth", weight=0.04, about="Revenue of the last 12 months against the 12 before."),
    Component("tenure", "tenure", weight=0.04, about="How long the account has been a customer."),
    Component("breadth", "breadth", of="products", weight=0.04, about="How many products it bought in 12 months."),
    replace(_SIZE, weight=0.04),
    replace(_INDUSTRY, weight=0.04),
)  # fmt: skip
PRESETS: Mapping[str, tuple[Component, ...]] = {
    "equipment": EQUIPMENT, "general": GENERAL, "subscription": SUBSCRIPTION,
}  # fmt: skip


def completed(components: Iterable[Component], scoring: Any) -> tuple[Component, ...]:
    """Declarations with what the section ``scoring`` of the settings says where they say nothing themselves."""
    return tuple(_completed(component, scoring) for component in components)


def _completed(component: Component, scoring: Any) -> Component:
    if component.kind == "tiers":
        tiers = component.tiers or tuple((tier.from_revenue, tier.score) for tier in scoring.size_tiers)
        missing = scoring.size_missing_score if component.missing is None else component.missing
        return replace(component, tiers=tiers, missing=missing)
    if component.kind == "blend" and not component.shares:
        if component.columns == ADOPTION:
            share = scoring.adoption_printer_share
            return replace(component, shares=(share, 1.0 - share))
        return replace(component, shares=(1.0 / len(component.columns),) * len(component.columns))
    return component


def even_weights(components: Iterable[Component]) -> dict[str, float]:
    """Default weights: those declared, and an equal share of the rest for the others.

    Raises:
        ValueError: they cannot sum to 1.
    """
    given = {component.name: component.weight for component in components}
    rest = 1.0 - sum(weight for weight in given.values() if weight is not None)
    blank = sum(weight is None for weight in given.values())
    if rest < -1e-6 or (not blank and abs(rest) > 1e-6):
        raise ValueError(f"the weights of the components must sum to 1, got {1.0 - rest:g}")
    return {name: rest / blank if weight is None else weight for name, weight in given.items()}
