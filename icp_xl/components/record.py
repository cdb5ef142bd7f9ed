"""What a component is: its declaration, and the facts that it needs of an account."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from icp_xl.columns import SOFTWARE_CATEGORIES

Unit = Literal["", "money", "count", "share", "days", "months"]

#: Names of components: they become columns, defined names and arguments, so they are plain lower-case words.
NAME = re.compile(r"[a-z][a-z0-9_]{0,29}")
#: Columns that scoring writes itself; a component called so would overwrite them.
RESERVED = frozenset({"raw", "icp", "opportunity", "account"})


@dataclass(frozen=True)
class Fact:
    """One figure or text per account that a component is computed from.

    ``name`` is the column, ``label`` the header by which worksheets show and find it, ``help`` says what it is where
    it is an argument of a worksheet function. ``minimum`` is the least number that such an argument may be. ``noun``
    is what an amount is of, in the singular where things are counted.
    """

    name: str
    label: str
    help: str
    text: bool = False
    minimum: float | None = None
    unit: Unit = ""
    noun: str = ""

    @property
    def plural(self) -> str:
        """The noun for many."""
        noun = self.noun or self.label.lower()
        if self.unit not in ("count", "months") or noun.endswith("s"):
            return noun
        return f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2:-1] not in "aeiou" else f"{noun}s"


def _money(name: str, label: str, help_: str, noun: str, minimum: float | None = None) -> Fact:
    return Fact(name, label, help_, unit="money", noun=noun, minimum=minimum)


#: Facts that every table of accounts has, by column.
FACTS = {
    fact.name: fact
    for fact in (
        Fact("industry", "Industry", "Industry of the account, one cell or a range", text=True),
        _money("annual_revenue", "Annual revenue",
               "Annual revenue of the account's company; leave blank where unknown", "annual revenue", 0.0),
        Fact("printers", "Printers", "Number of printers that the account has", unit="count", noun="printer",
             minimum=0.0),
        _money("hardware_revenue", "Hardware revenue", "Revenue with hardware", "hardware"),
        _money("consumable_revenue", "Consumable revenue", "Revenue with consumables", "consumables"),
        _money("software_revenue", "Software revenue", "Revenue with software licences, SaaS and maintenance",
               "software"),
        _money("service_revenue", "Service revenue", "Revenue with services", "services"),
        _money("total_revenue", "Revenue with us", "All revenue with the account", "sales"),
        _money("gross_profit", "Gross profit", "Gross profit with the account", "gross profit"),
        Fact("region", "Region", "Sales region of the account", text=True),
        Fact("rep", "Rep", "Who looks after the account", text=True),
        Fact("city", "City", "City of the account", text=True),
        Fact("state", "State", "State of the account", text=True),
        Fact("country", "Country", "Country of the account", text=True),
    )
}  # fmt: skip
#: Revenue columns by the categories that they sum up.
REVENUE_OF = {
    ("hardware",): "hardware_revenue",
    ("consumable",): "consumable_revenue",
    tuple(sorted(SOFTWARE_CATEGORIES)): "software_revenue",
    ("service",): "service_revenue",
    (): "total_revenue",
}

Kind = Literal[
    "lookup", "tiers", "number", "blend", "revenue", "recurring", "share", "owned", "recency", "frequency", "monetary",
    "expected", "breadth", "growth", "tenure",
]  # fmt: skip


@dataclass(frozen=True)
class Component:
    """A declared component of the score.

    Args:
        name: what its columns, weight and arguments are called.
        kind: how it is measured, see :data:`icp_xl.components.kinds.KINDS`.
        label: how it is headed on sheets; by default its name.
        about: what it is, in one or more sentences for the method sheet.
        note: the same at the header of its column; by default ``about``.
        weight: its default weight; components without one share what the others leave.
        minimum, maximum: bounds of its weight in the optimisation, instead of those of the section ``optimize``.
        column: column of the accounts that it reads (kinds lookup, tiers, number, owned).
        columns, shares: the columns of a blend, and what each counts; equal by default.
        categories, divisions, products: which sales lines or assets count; all of them where none is named.
        months: length of the window before the end of the log; the half-life for recency.
        of: what breadth counts.
        tiers: lower limit and score of each tier, rising from 0.
        missing: score of an account of which the fact is not known.
        strategic: whether strategic tiers are blended into a lookup.
        scale: how a number becomes a score, by its logarithm or straight.
        falling: whether more is worse.
        phrase: the reason in words, with ``{value}`` and ``{level}``; ``levels`` are the words for low to high scores.
        unknown: the reason where the fact is not known.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    name: str
    kind: Kind
    label: str = ""
    about: str = ""
    note: str = ""
    weight: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    column: str = ""
    columns: tuple[str, ...] = ()
    shares: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()
    divisions: tuple[str, ...] = ()
    products: tuple[str, ...] = ()
    months: int | None = None
    of: Literal["divisions", "categories", "products"] = "divisions"
    tiers: tuple[tuple[float, float], ...] = ()
    missing: float | None = None
    strategic: bool = False
    scale: Literal["log", "linear"] = "log"
    falling: bool = False
    phrase: str = ""
    levels: tuple[str, ...] = ()
    unknown: str = ""

    @property
    def title(self) -> str:
        """How it is headed on sheets."""
        return self.label or self.name.replace("_", " ").capitalize()

    @property
    def score_column(self) -> str:
        """Column of its score, 0 to 1."""
        return score_column(self.name)

    @property
    def contribution_column(self) -> str:
        """Column of weight times score."""
        return f"{self.name}_contribution"

    def fact(self, column: str) -> Fact:
        """The fact that stands in a column of the accounts."""
        known = FACTS.get(column)
        if known is not None:
            return known
        label = column.replace("_", " ")
        return Fact(column, label[:1].upper() + label[1:], f"{label} of the account", text=self.kind == "lookup",
                    noun=label.lower())  # fmt: skip


def score_column(name: str) -> str:
    """Column of a component's score."""
    return f"{name}_score"


def score_columns(names: Iterable[str]) -> list[str]:
    """Columns of the components' scores, in order."""
    return [score_column(name) for name in names]


def contribution_columns(names: Iterable[str]) -> list[str]:
    """Columns of the components' contributions, in order."""
    return [f"{name}_contribution" for name in names]
