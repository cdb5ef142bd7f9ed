"""The table of quantile knots, between which percentiles are read."""

from __future__ import annotations

from dataclasses import replace

from icp_xl.reports.live import expressions as ex
from icp_xl.reports.live.figures import LiveFigures
from icp_xl.reports.spec import Column, Table

#: Accounts from which all keys are asked for by one array: ``PERCENTILE`` goes through all accounts for each knot.
ARRAY_FROM = 5_000
#: Into how many steps the knots cut the keys.
_STEPS = "(ROWS(icp_knots)-1)"
#: Where a knot stands among the keys in ascending order, from 0, in steps between two of them.
_PLACE = "%s*(icp_population-1)"


def build_knots(now: LiveFigures, component: str) -> Table:
    """The keys at equally spaced quantiles, and what percentiles need of them.

    Args:
        now: the figures as published, which its cells hold until they are computed.
        component: one on whose weight the scores hang.
    """
    # A weight stands in it so that LibreOffice, when one is set, marks the knots among what is marked at once: a knot
    # that is reached later tells every account by itself.
    knot = (
        f"0*{ex.weight_name(component)}+"
        + "IF(AND({exact}-INT({exact})=0.5,INT({exact})/2=INT(INT({exact})/2)),INT({exact}),ROUND({exact},0))"
    )
    columns = [
        # Before what is rounded from it, and not beside what hangs on that; see the columns of the accounts.
        *_exact(len(now.accounts)),
        Column("knot", "Rounded", "integer", width=18, formula=knot),
        Column("number", "Knot", "integer", width=8),
        # Half above a whole number: of equal knots the last, which a search for the number itself leaves to the engine.
        Column("last", "Last equal", "integer", width=10, formula="MATCH({knot}+0.5,icp_knots,1)-1"),
        Column("middle", "Percentile at tie", "number", decimals=5, width=12,
               formula=f"(MATCH({{knot}},icp_knots,0)-1+{{last}})/(2*{_STEPS})"),
        Column("base", "Percentile", "number", decimals=5, width=12, formula=f"{{last}}/{_STEPS}"),
        Column("slope", "Percentile per unit", "number", decimals=5, width=18,
               formula=f"1/({_STEPS}*MAX(1,INDEX(icp_knots,MIN({{last}}+2,ROWS(icp_knots)))-{{knot}}))"),
    ]  # fmt: skip
    return Table("live_knots", columns, now.knots, title="Quantile knots", filters=False)


def _exact(accounts: int) -> list[Column]:
    """The knots before they are rounded, and of many accounts the keys that they lie between."""
    exact = Column("exact", "Key at knot", "number", decimals=2, width=20)
    if accounts < ARRAY_FROM:
        return [replace(exact, formula=f"PERCENTILE(icp_keys,{{number}}/{_STEPS})")]
    # SMALL itself, asked for many ranks, goes through all of them for each in LibreOffice; AGGREGATE does not.
    place, smallest = f"{_PLACE % '{live_knots.number}'}/{_STEPS}", "AGGREGATE(15,4,icp_keys,1%s)"
    between = f"{{below}}+({{above}}-{{below}})*MOD({_PLACE % '{number}'},{_STEPS})/{_STEPS}"
    # After loading, LibreOffice tells who reads an array of its first cell only.
    told = "+0*({live_knots.below:1}+{live_knots.above:1})"
    return [
        Column("below", "Key below", "integer", width=18, array=True, formula=smallest % f"+INT({place})"),
        Column("above", "Key above", "integer", width=18, array=True, formula=smallest % f"-INT(-{place})"),
        replace(exact, formula=between + told),
    ]
