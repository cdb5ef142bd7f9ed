"""The worksheet functions as Excel sees them: names, argument help, categories; the work is done by the library.

The add-in's VBA module is generated from this file by xlwings' own generator. Every argument arrives as rows of cells
(``ndim=2``) with errors as text, so that the library decides what a blank, a text or an error means. One argument more,
which nobody sees, is the VBA's own answer to who calls.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Any

import xlwings as xw

from icp_xl.components.kinds import facts_of
from icp_xl.components.presets import EQUIPMENT
from icp_xl.excel import functions, lookups
from icp_xl.excel.caller import called_by
from icp_xl.formatting import join_words, number_word

#: Components and facts of the functions that have an argument per fact; ICP_SCORE_ROW serves any others.
COMPONENTS = EQUIPMENT
FACTS = facts_of(COMPONENTS)
_NAMES = [component.name for component in COMPONENTS]
WEIGHTS = (
    f"{number_word(len(_NAMES)).capitalize()} cells: weights of {join_words(_NAMES, most=8)}, summing to 1; left out, "
    "the model's own"
)
COMPONENT = "One of " + ", ".join(f'"{name}"' for name in _NAMES)
ACCOUNT = "Account id, or its name as in the last run; one cell or a range"
REVENUE = next(fact.help for fact in FACTS if fact.name == "annual_revenue")


def worksheet_function(**helps: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A worksheet function with the help of each argument, answering for the workbook of the cell that calls it."""

    def declare(answer: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(answer)
        def function(*cells: Any) -> Any:
            with called_by(cells[len(helps)] if len(cells) > len(helps) else None):
                return answer(*cells[: len(helps)])

        told = Parameter("book", Parameter.POSITIONAL_OR_KEYWORD, default=None)
        function.__signature__ = Signature([*signature(answer).parameters.values(), told])  # type: ignore[attr-defined]
        function.__annotations__ = {}
        made: Callable[..., Any] = xw.arg("book", vba="IcpCaller()")(function)
        for item, doc in helps.items():
            made = xw.arg(item, ndim=2, err_to_str=True, doc=doc)(made)
        declared: Callable[..., Any] = xw.func(category="ICP", call_in_wizard=False)(made)
        return declared

    return declare


def _of_facts(name: str, about: str, answer: Callable[..., Any], first: str = "", last: str = "") -> Callable[..., Any]:
    """A function with an argument for each fact, between ``first`` and ``last``; the help comes from the records."""
    helps = {first: COMPONENT, **{fact.name: fact.help for fact in FACTS}, last: WEIGHTS}
    helps.pop("", None)

    def function(*cells: Any) -> Any:
        given = dict(zip(helps, cells, strict=False))
        facts = {fact.name: given[fact.name] for fact in FACTS}
        around = [given.get(item) for item in (first, last) if item]
        return answer(around[0], facts) if first else answer(facts, *around)

    function.__name__, function.__doc__ = name, about
    kind = Parameter.POSITIONAL_OR_KEYWORD
    parameters = [Parameter(item, kind, default=None if item == last else Parameter.empty) for item in helps]
    function.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    return worksheet_function(**helps)(function)


ICP_SCORE = _of_facts(
    "ICP_SCORE", "ICP score (0 to 100) of an account, or of each row of a range, by the last score model.",
    functions.score, last="weights",
)  # fmt: skip
ICP_RAW = _of_facts(
    "ICP_RAW", "Raw score (0 to 1) of an account, or of each row of a range: the weighted sum of its components.",
    functions.raw, last="weights",
)  # fmt: skip
ICP_GRADE = _of_facts(
    "ICP_GRADE", "Grade (A to F) of an account, or of each row of a range, by the last score model.",
    functions.grade, last="weights",
)  # fmt: skip
ICP_COMPONENT = _of_facts(
    "ICP_COMPONENT", "Score (0 to 1) of one component of an account, or of each row of a range.",
    functions.component, first="component",
)  # fmt: skip
ICP_EXPLAIN = _of_facts(
    "ICP_EXPLAIN", "Why an account scores as it does: grade, score, and what each component adds.",
    functions.explain, last="weights",
)  # fmt: skip


@worksheet_function(
    headers="Headers of the columns of values, in any order",
    values="The facts of the accounts: one row each, a column per header",
    what='"score", "grade", "raw", "explain" or a component of the last score model; left out, the score',
    weights="A weight per component of the last score model, summing to 1; left out, the model's own",
)
def ICP_SCORE_ROW(headers: Any, values: Any, what: Any = None, weights: Any = None) -> Any:
    """ICP score of each row, whatever the score is made of: the facts are found by their headers."""
    return functions.score_row(headers, values, what, weights)


@worksheet_function(annual_revenue=REVENUE)
def ICP_SEGMENT(annual_revenue: Any) -> Any:
    """Segment (Small Business, Mid-Market, Large Enterprise) by annual revenue; Unknown where it is blank."""
    return functions.segment(annual_revenue)


@worksheet_function(account=ACCOUNT, field='Field of the last run, such as "icp_grade" or "rank"; a row gives a table')
def ICP_LOOKUP(account: Any, field: Any) -> Any:
    """A field of an account from the last run; #N/A for an unknown account."""
    return lookups.lookup(account, field)


@worksheet_function(weights=WEIGHTS.split(";")[0], rows="How many accounts to show, best first; left out, 20")
def ICP_WHATIF(weights: Any, rows: Any = None) -> Any:
    """The best accounts under other weights, with their rank and score now: a table that spills."""
    return lookups.whatif(weights, rows)


@worksheet_function(component="A component; left out, a table of all")
def ICP_WEIGHTS(component: Any = None) -> Any:
    """The weights of the last score model."""
    return functions.weights_table(component)


@worksheet_function(what='"run", "date", "folder" or "components"; left out, all of it in one text')
def ICP_MODEL(what: Any = None) -> Any:
    """Which run, of what date and in which folder, stands behind the ICP functions of this workbook."""
    return functions.model_source(what)


@worksheet_function(name="Company name, one cell or a range")
def ICP_NORMALIZE(name: Any) -> Any:
    """A company name as it is compared: without legal form, case, accents and punctuation."""
    return lookups.normalize(name)


@worksheet_function(
    name="Company name to be found, one cell or a column",
    candidates="Range of names to find it among",
    minimum="Least confidence, 0 to 1, that counts as a match; left out, 0.8",
)
def ICP_MATCH(name: Any, candidates: Any, minimum: Any = None) -> Any:
    """Best match of a company name in a range, and the confidence (0 to 1): two cells that spill."""
    return lookups.match(name, candidates, minimum)


@worksheet_function(text="Industry in any spelling, one cell or a range")
def ICP_INDUSTRY(text: Any) -> Any:
    """The standard name of an industry; #N/A where none fits."""
    return lookups.industry(text)


@worksheet_function(account=ACCOUNT, division="Division, one cell or a range")
def ICP_PROPENSITY(account: Any, division: Any) -> Any:
    """Calibrated probability (0 to 1) that the account buys in the division, by the last published models."""
    return lookups.propensity(account, division)


@worksheet_function(account=ACCOUNT, place="1 for the best offer, 2 for the next; left out, 1")
def ICP_NEXT(account: Any, place: Any = None) -> Any:
    """What to offer the account next: division and reason, two cells that spill."""
    return lookups.next_best(account, place)
