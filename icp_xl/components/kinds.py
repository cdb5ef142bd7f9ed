"""The kinds of component: which settings each reads, and which facts of an account it needs.

How a kind's facts are measured from the sales log stands in :mod:`icp_xl.scoring.measures`, how it is fitted in
:mod:`icp_xl.scoring.fitting`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace

from icp_xl.components.record import FACTS, NAME, RESERVED, REVENUE_OF, Component, Fact, Unit

#: Settings that every kind reads.
COMMON = frozenset(
    {"name", "kind", "label", "about", "note", "weight", "minimum", "maximum", "phrase", "levels", "unknown"}
)
_LINES = frozenset({"categories", "divisions", "products"})
#: Months of a window, where the settings do not say.
WINDOW = 12
HALF_LIFE = 6
#: What is expected of an account: window of its pace, months without a purchase that it is taken to have had before its
#: first one, and months that a customer stays one on average. Nothing here is fitted, so no account moves another.
EXPECTED_WINDOW, EXPECTED_BEFORE, EXPECTED_LIFE = 24, 6, 36


@dataclass(frozen=True)
class Kind:
    """One way to measure accounts: ``reads`` are its settings, ``needs`` those it cannot do without."""

    about: str
    facts: Callable[[Component], tuple[Fact, ...]]
    reads: frozenset[str] = frozenset()
    needs: frozenset[str] = frozenset()


def _column(component: Component) -> tuple[Fact, ...]:
    return (component.fact(component.column),)


def _columns(component: Component) -> tuple[Fact, ...]:
    return tuple(component.fact(column) for column in component.columns)


def _revenue(component: Component) -> tuple[Fact, ...]:
    column = REVENUE_OF.get(tuple(sorted(component.categories)))
    if column and not (component.divisions or component.products or component.months):
        return (FACTS[column],)
    window = f" in the last {component.months} months" if component.months else ""
    chosen = ", ".join((*component.categories, *component.divisions, *component.products)) or "anything"
    label, noun = f"{component.title} revenue", component.title.lower()
    return (Fact(f"{component.name}_amount", label, f"Revenue with {chosen}{window}", unit="money", noun=noun),)


def _owned(component: Component) -> tuple[Fact, ...]:
    if component.column:
        return (replace(component.fact(component.column), unit="count"),)
    chosen = ", ".join(component.products) or "assets"
    noun = component.title.lower()
    return (Fact(f"{component.name}_owned", f"{component.title} owned", f"How many the account owns of: {chosen}",
                 unit="count", noun=noun.removesuffix("s"), minimum=0.0),)  # fmt: skip


def window_of(component: Component) -> int:
    """Months of its window."""
    return component.months or (EXPECTED_WINDOW if component.kind == "expected" else WINDOW)


_ONE = {"divisions": "division", "categories": "category", "products": "product"}


def _measured(
    suffix: str, label: str, help_: str, unit: Unit, noun: str = "", minimum: float | None = 0.0
) -> Callable[[Component], tuple[Fact, ...]]:
    """A fact that is measured over the window of a component; the texts may hold {months}, {of} and {one}."""

    def facts(component: Component) -> tuple[Fact, ...]:
        words = {"months": window_of(component), "of": component.of, "one": _ONE[component.of]}
        return (
            Fact(
                f"{component.name}_{suffix}",
                f"{component.title}: {label.format(**words)}",
                help_.format(**words),
                minimum=minimum,
                unit=unit,
                noun=noun.format(**words),
            ),
        )

    return facts


KINDS: dict[str, Kind] = {
    "lookup": Kind(
        "how well accounts with the same text in a column have paid, blended with strategic tiers where they are given",
        _column, frozenset({"column", "strategic"}), frozenset({"column"}),
    ),
    "tiers": Kind(
        "a score per tier of a number",
        _column, frozenset({"column", "tiers", "missing"}), frozenset({"column"}),
    ),
    "number": Kind(
        "any number of the accounts, from its usual least to its usual greatest value",
        _column, frozenset({"column", "scale", "falling", "missing"}), frozenset({"column"}),
    ),
    "blend": Kind(
        "several amounts or counts of the accounts, each on a log scale",
        _columns, frozenset({"columns", "shares"}), frozenset({"columns"}),
    ),
    "revenue": Kind(
        "revenue with the chosen categories, divisions or products, on a log scale",
        _revenue, _LINES | {"months"},
    ),
    "recurring": Kind(
        "revenue a year with products that are billed month after month at the same amount, as of the last three "
        "months, and of the window with the chosen categories, on a log scale",
        _measured("amount", "recurring revenue", "Recurring revenue a year, as of now", "money",
                  "recurring sales", None),
        _LINES | {"months"},
    ),
    "share": Kind(
        "share of the chosen categories, divisions or products in the account's revenue",
        _measured("share", "share", "Share of the account's revenue, 0 to 1", "share"),
        _LINES | {"months", "falling", "missing"},
    ),
    "owned": Kind(
        "count of something owned: a column of the accounts, or assets of the chosen products, on a log scale",
        _owned, frozenset({"column", "products"}),
    ),
    "recency": Kind(
        "time since the last purchase; the score halves every so many months",
        _measured("days", "days since the last purchase", "Days since the account's last purchase", "days"),
        _LINES | {"months"},
    ),
    "frequency": Kind(
        "days with a purchase in the window, on a log scale",
        _measured("purchases", "days with a purchase", "Days with a purchase in the last {months} months", "count",
                  "purchase day"),
        _LINES | {"months"},
    ),
    "monetary": Kind(
        "revenue in the window, on a log scale",
        _measured("amount", "revenue", "Revenue of the last {months} months", "money", "sales", None),
        _LINES | {"months"},
    ),
    "expected": Kind(
        "revenue a year that is to be expected: the pace of the window, over the months since the first purchase and "
        f"{EXPECTED_BEFORE} more (a new account may not go on as it began), times the chance that the account is "
        "still a customer, after so long a silence of one that bought so often (Schmittlein, Morrison and Colombo "
        f"1987, with {EXPECTED_LIFE} months as the usual life of a customer); on a log scale",
        _measured("expected", "expected revenue a year",
                  "Revenue a year at the pace of the last {months} months, times the chance to be a customer still",
                  "money", "expected sales a year", None),
        _LINES | {"months"},
    ),
    "breadth": Kind(
        "how many divisions, categories or products were bought in the window, on a log scale",
        _measured("count", "{of} bought", "How many {of} were bought in the last {months} months", "count", "{one}"),
        frozenset({"of", "months"}),
    ),
    "growth": Kind(
        "revenue of the window against the one before it: (now - before) / (now + before)",
        _measured("rate", "growth", "Revenue of the last {months} months against the {months} before, -1 to 1", "share",
                  minimum=-1.0),
        _LINES | {"months", "missing"},
    ),
    "tenure": Kind(
        "months since the first purchase, on a log scale",
        _measured("months", "months a customer", "Months since the account's first purchase", "months", "month"),
    ),
}  # fmt: skip


def facts_of(components: Iterable[Component]) -> tuple[Fact, ...]:
    """The facts that components need, each once, in order."""
    found: dict[str, Fact] = {}
    for component in components:
        for fact in KINDS[component.kind].facts(component):
            found.setdefault(fact.name, fact)
    return tuple(found.values())


def faults_of(component: Component) -> list[tuple[str, str]]:
    """What is wrong with a declaration, as (setting, problem); empty where it can be used."""
    kind, found = KINDS[component.kind], []
    if not NAME.fullmatch(component.name) or component.name in RESERVED:
        found.append(("name", "must be up to 30 lower-case letters, digits and underscores, and begin with a letter"))
    blank = Component(component.name, component.kind)
    given = {item.name for item in fields(component) if getattr(component, item.name) != getattr(blank, item.name)}
    for name in sorted(given - COMMON - kind.reads):
        allowed = ", ".join(sorted((kind.reads | COMMON) - {"name"}))
        found.append((name, f"is nothing that the kind {component.kind} reads; it reads {allowed}"))
    found += [(name, f"is needed by the kind {component.kind}") for name in sorted(kind.needs - given)]
    for name in ("weight", "minimum", "maximum", "missing"):
        value = getattr(component, name)
        if value is not None and not 0.0 <= value <= 1.0:
            found.append((name, f"must be between 0 and 1, got {value:g}"))
    if component.months is not None and not 1 <= component.months <= 240:
        found.append(("months", f"must be 1 to 240, got {component.months}"))
    starts = [start for start, _ in component.tiers]
    if starts and (starts[0] != 0.0 or sorted(set(starts)) != starts):
        found.append(("tiers", "must start at 0 and rise strictly"))
    if any(not 0.0 <= score <= 1.0 for _, score in component.tiers):
        found.append(("tiers", "must have scores between 0 and 1"))
    if component.shares and (
        len(component.shares) != len(component.columns) or abs(sum(component.shares) - 1.0) > 1e-6
    ):
        found.append(("shares", "must be one for each column, and sum to 1"))
    try:
        component.phrase.format(value="", level="")
    except (KeyError, IndexError, ValueError):
        found.append(("phrase", "may hold {value} and {level} only"))
    return found
