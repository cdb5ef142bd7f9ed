"""The worksheet functions as Excel sees them: names, argument help, categories; the work is done by the library.

The add-in's VBA module is generated from this file by xlwings' own generator. Every argument arrives as rows of cells
(``ndim=2``) with errors as text, so that the library decides what a blank, a text or an error means.
"""

from __future__ import annotations

from typing import Any

import xlwings as xw

from icp_xl.excel import functions, lookups

INDUSTRY = "Industry of the account, one cell or a range"
REVENUE = "Annual revenue of the account's company; leave blank where unknown"
PRINTERS = "Number of printers that the account has"
CONSUMABLE = "Revenue with consumables"
SOFTWARE = "Revenue with software licences, SaaS and maintenance"
WEIGHTS = "Four cells: weights of vertical, size, adoption and relationship, summing to 1; left out, the model's own"
ACCOUNT = "Account id, or its name as in the last run; one cell or a range"


@xw.func(category="ICP", call_in_wizard=False)
@xw.arg("industry", ndim=2, err_to_str=True, doc=INDUSTRY)
@xw.arg("annual_revenue", ndim=2, err_to_str=True, doc=REVENUE)
@xw.arg("printers", ndim=2, err_to_str=True, doc=PRINTERS)
@xw.arg("consumable_revenue", ndim=2, err_to_str=True, doc=CONSUMABLE)
@xw.arg("software_revenue", ndim=2, err_to_str=True, doc=SOFTWARE)
@xw.arg("weights", ndim=2, err_to_str=True, doc=WEIGHTS)
def ICP_SCORE(
    industry: Any,
    annual_revenue: Any,
    printers: Any,
    consumable_revenue: Any,
    software_revenue: Any,
    weights: Any = None,
) -> Any:
    """ICP score (0 to 100) of an account, or of each row of a range, by the last score model."""
    return functions.score(industry, annual_revenue, printers, consumable_revenue, software_revenue, weights)


@xw.func(category="ICP", call_in_wizard=False)
@xw.arg("industry", ndim=2, err_to_str=True, doc=INDUSTRY)
@xw.arg("annual_revenue", ndim=2, err_to_str=True, doc=REVENUE)
@xw.arg("printers", ndim=2, err_to_str=True, doc=PRINTERS)
@xw.arg("consumable_revenue", ndim=2, err_to_str=True, doc=CONSUMABLE)
@xw.arg("software_revenue", ndim=2, err_to_str=True, doc=SOFTWARE)
@xw.arg("weights", ndim=2, err_to_str=True, doc=WEIGHTS)
def ICP_RAW(
    industry: Any,
    annual_revenue: Any,
    printers: Any,
    consumable_revenue: Any,
    software_revenue: Any,
    weights: Any = None,
) -> Any:
    """Raw score (0 to 1) of an account, or of each row of a range: the weighted sum of its components."""
    return functions.raw(industry, annual_revenue, printers, consumable_revenue, software_revenue, weights)


@xw.func(category="ICP", call_in_wizard=False)
@xw.arg("industry", ndim=2, err_to_str=True, doc=INDUSTRY)
@xw.arg("annual_revenue", ndim=2, err_to_str=True, doc=REVENUE)
@xw.arg("printers", ndim=2, err_to_str=True, doc=PRINTERS)
@xw.arg("consumable_revenue", ndim=2, err_to_str=True, doc=CONSUMABLE)
@xw.arg("software_revenue", ndim=2, err_to_str=True, doc=SOFTWARE)
@xw.arg("weights", ndim=2, err_to_str=True, doc=WEIGHTS)
def ICP_GRADE(
    industry: Any,
    annual_revenue: Any,
    printers: Any,
    consumable_revenue: Any,
    software_revenue: Any,
    weights: Any = None,
) -> Any:
    """Grade (A to F) of an account, or of each row of a range, by the last score model."""
    return functions.grade(industry, annual_revenue, printers, consumable_revenue, software_revenue, weights)


@xw.func(category="ICP", call_in_wizard=False)
@xw.arg("annual_revenue", ndim=2, err_to_str=True, doc=REVENUE)
def ICP_SEGMENT(annual_revenue: Any) -> Any:
    """Segment (Small Business, Mid-Market, Large Enterprise) by annual revenue; Unknown where it is blank."""
    return functions.segment(annual_revenue)


@xw.func(category="ICP", call_in_wizard=False)
@xw.arg("component", ndim=2, err_to_str=True, doc='One of "vertical", "size", "adoption", "relationship"')
@xw.arg("industry", ndim=2, err_to_str=True, doc=INDUSTRY)
@xw.arg("annual_revenue", ndim=2, err_to_str=True, doc=REVENUE)
@xw.arg("printers", ndim=2, err_to_str=True, doc=PRINTERS)
@xw.arg("consumable_revenue", ndim=2, err_to_str=True, doc=CONSUMABLE)
@xw.arg("software_revenue", ndim=2, err_to_str=True, doc=SOFTWARE)
def ICP_COMPONENT(
    component: Any,
    industry: Any,
    annual_revenue: Any,
    printers: Any,
    consumable_revenue: Any,
    software_revenue: Any,
) -> Any:
    """Score (0 to 1) of one component of an account, or of each row of a range."""
    return functions.component(component, industry, annual_revenue, printers, consumable_revenue, software_revenue)


@xw.func(category="ICP", call_in_wizard=False)
@xw.arg("industry", ndim=2, err_to_str=True, doc=INDUSTRY)
@xw.arg("annual_revenue", ndim=2, err_to_str=True, doc=REVENUE)
@xw.arg("printers", ndim=2, err_to_str=True, doc=PRINTERS)
@xw.arg("consumable_revenue", ndim=2, err_to_str=True, doc=CONSUMABLE)
@xw.arg("software_revenue", ndim=2, err_to_str=True, doc=SOFTWARE)
@xw.arg("weights", ndim=2, err_to_str=True, doc=WEIGHTS)
def ICP_EXPLAIN(
    industry: Any,
    annual_revenue: Any,
    printers: Any,
    consumable_revenue: Any,
    software_revenue: Any,
    weights: Any = None,
) -> Any:
    """Why an account scores as it does: grade, score, and what each component adds."""
    return functions.explain(industry, annual_revenue, printers, consumable_revenue, software_revenue, weights)


@xw.func(category="ICP", call_in_wizard=False)
@xw.arg("account", ndim=2, err_to_str=True, doc=ACCOUNT)
@xw.arg(
    "field", ndim=2, err_to_str=True, doc='Field of the last run, such as "icp_grade" or "rank"; a row gives a table'
)
def ICP_LOOKUP(account: Any, field: Any) -> Any:
    """A field of an account from the last run; #N/A for an unknown account."""
    return lookups.lookup(account, field)


@xw.func(category="ICP", call_in_wizard=False)
@xw.arg("weights", ndim=2, err_to_str=True, doc=WEIGHTS.split(";")[0])
@xw.arg("rows", ndim=2, err_to_str=True, doc="How many accounts to show, best first; left out, 20")
def ICP_WHATIF(weights: Any, rows: Any = None) -> Any:
    """The best accounts under other weights, with their rank and score now: a table that spills."""
    return lookups.whatif(weights, rows)


@xw.func(category="ICP", call_in_wizard=False)
@xw.arg("component", ndim=2, err_to_str=True, doc="A component; left out, a table of all four")
def ICP_WEIGHTS(component: Any = None) -> Any:
    """The weights of the last score model."""
    return functions.weights_table(component)


@xw.func(category="ICP", call_in_wizard=False)
@xw.arg("name", ndim=2, err_to_str=True, doc="Company name, one cell or a range")
def ICP_NORMALIZE(name: Any) -> Any:
    """A company name as it is compared: without legal form, case, accents and punctuation."""
    return lookups.normalize(name)


@xw.func(category="ICP", call_in_wizard=False)
@xw.arg("name", ndim=2, err_to_str=True, doc="Company name to be found, one cell or a column")
@xw.arg("candidates", ndim=2, err_to_str=True, doc="Range of names to find it among")
@xw.arg("minimum", ndim=2, err_to_str=True, doc="Least confidence, 0 to 1, that counts as a match; left out, 0.8")
def ICP_MATCH(name: Any, candidates: Any, minimum: Any = None) -> Any:
    """Best match of a company name in a range, and the confidence (0 to 1): two cells that spill."""
    return lookups.match(name, candidates, minimum)


@xw.func(category="ICP", call_in_wizard=False)
@xw.arg("text", ndim=2, err_to_str=True, doc="Industry in any spelling, one cell or a range")
def ICP_INDUSTRY(text: Any) -> Any:
    """The standard name of an industry; #N/A where none fits."""
    return lookups.industry(text)


@xw.func(category="ICP", call_in_wizard=False)
@xw.arg("account", ndim=2, err_to_str=True, doc=ACCOUNT)
@xw.arg("division", ndim=2, err_to_str=True, doc="Division, one cell or a range")
def ICP_PROPENSITY(account: Any, division: Any) -> Any:
    """Calibrated probability (0 to 1) that the account buys in the division, by the last published models."""
    return lookups.propensity(account, division)


@xw.func(category="ICP", call_in_wizard=False)
@xw.arg("account", ndim=2, err_to_str=True, doc=ACCOUNT)
@xw.arg("place", ndim=2, err_to_str=True, doc="1 for the best offer, 2 for the next; left out, 1")
def ICP_NEXT(account: Any, place: Any = None) -> Any:
    """What to offer the account next: division and reason, two cells that spill."""
    return lookups.next_best(account, place)
