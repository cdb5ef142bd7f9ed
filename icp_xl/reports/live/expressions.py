"""The score model's definition as worksheet expressions, each said once.

The sheets' formulas and the bodies of the defined functions are both made here, from the names in ``NAMES``, so that
they cannot drift apart. Only functions that Excel 2007 and LibreOffice know are used, and ``AGGREGATE`` of Excel 2010;
none is volatile, and the only arrays are counts by ``FREQUENCY`` and quantiles, in one pass each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from icp_xl.columns import GRADES


def reached_name(grade_: str) -> str:
    """Defined name of the cell that holds :func:`reached`, so that it is not computed once per account."""
    return f"icp_reached_{grade_}"


#: Names of the constants and ranges that the expressions use, by what they hold; each component's weight comes on top.
_NAMES = {
    **{f"icp_from_{grade}": f"{{live_grades.starts:{i}}}" for i, grade in enumerate(GRADES, 1)},
    **{reached_name(grade): f"{{live_reached.percentile:{i}}}" for i, grade in enumerate(GRADES, 1)},
    "icp_knots": "{live_knots.knot}",
    "icp_knot_table": "{live_knots.knot..number}",
    "icp_knot_base": "{live_knots.base}",
    "icp_knot_middle": "{live_knots.middle}",
    "icp_knot_slope": "{live_knots.slope}",
    "icp_keys": "{live.key}",
    "icp_population": "{live_constants.value:1}",
    "icp_key_unit": "{live_constants.value:2}",
    "icp_score_mean": "{live_constants.value:3}",
    "icp_score_sd": "{live_constants.value:4}",
    "icp_least": "{live_constants.value:5}",
    "icp_most": "{live_constants.value:6}",
    "icp_rounding": "{live_constants.value:7}",
    "icp_segment_shown": "{live_choices.value:3}",
    "icp_shown_from": "{live_choices.value:4}",
    "icp_shown_below": "{live_choices.value:5}",
    "icp_segments": "{live_segments.segment}",
    "icp_mid_market": "{live_limits.starts:1}",
    "icp_large": "{live_limits.starts:2}",
}


def names_of(components: Sequence[str]) -> dict[str, str]:
    """The names with what they hold, for components of these names."""
    weights = {weight_name(name): f"{{live_weights.used:{i}}}" for i, name in enumerate(components, 1)}
    return {**weights, **_NAMES}


def weight_name(component: str) -> str:
    """Defined name of the cell with a component's weight."""
    return f"icp_w_{component}"


def raw(scores: Mapping[str, str], weights: Mapping[str, str] | None = None) -> str:
    """Raw score: the contributions added one by one in their order.

    Args:
        scores: each component with the expression of its score.
        weights: each component with the expression of its weight; the named cells by default.
    """
    weights = {name: weight_name(name) for name in scores} if weights is None else weights
    parts = [f"{cell}*{weights[name]}" for name, cell in scores.items()]
    text = parts[0]
    for i, part in enumerate(parts[1:], 2):
        text = f"{text}+{part}" if i == len(parts) else f"({text}+{part})"
    return text


def key(raw_score: str) -> str:
    """Raw score as a whole multiple of the key unit."""
    return f"ROUND(({raw_score})/icp_key_unit,0)"


def position(key_: str) -> str:
    """Place of the last knot that is not above the key, from 1; of the first, where all are."""
    return f"IFERROR(MATCH({key_},icp_knots,1),1)"


def known_position(key_: str) -> str:
    """:func:`position` of a key that the knots were made from: none is below the first.

    LibreOffice computes ``VLOOKUP`` in every core and ``MATCH`` in one. The knots' table begins with knot and number.
    """
    return f"1+VLOOKUP({key_},icp_knot_table,2,TRUE)"


def percentile(key_: str, place: str) -> str:
    """Percentile: the middle of the step at a tie, else linear between knots, clamped."""
    knot = f"INDEX(icp_knots,{place})"
    between = f"INDEX(icp_knot_base,{place})+({key_}-{knot})*INDEX(icp_knot_slope,{place})"
    value = f"IF({key_}={knot},INDEX(icp_knot_middle,{place}),{between})"
    return f"MIN(icp_most,MAX(icp_least,{value}))"


def known_percentile(key_: str, place: str) -> str:
    """:func:`percentile` of a key that the knots were made from.

    Of the knots' table it reads two columns instead of four: every cell that changes there costs LibreOffice a notice
    to every account that reads it.
    """
    knot, steps = f"INDEX(icp_knots,{place})", "(ROWS(icp_knots)-1)"
    between = f"({place}-1+({key_}-{knot})/(INDEX(icp_knots,{place}+1)-{knot}))/{steps}"
    return f"MIN(icp_most,MAX(icp_least,IF({key_}={knot},INDEX(icp_knot_middle,{place}),{between})))"


def score(percentile_: str) -> str:
    """ICP score of a percentile."""
    return f"MIN(100,MAX(0,icp_score_mean+icp_score_sd*NORMSINV({percentile_})))"


def reached(grade_: str) -> str:
    """Percentile from which a grade is given.

    Half a unit below its start is where a percentile rounded to twelve digits reaches it, without the rounding, which
    costs LibreOffice as much as a search.
    """
    return f"icp_from_{grade_}-icp_rounding"


def grade_number(percentile_: str, given: Callable[[str], str] = reached) -> str:
    """Grade of a percentile as a number, 5 for A to 1 for F; a grade without a share has a start never reached.

    Args:
        percentile_: its expression.
        given: expression of the percentile from which a grade is given.
    """
    number = "1"
    for value, name in enumerate(reversed(GRADES[:-1]), 2):
        number = f"IF({percentile_}>={given(name)},{value},{number})"
    return number


def grade(number: str) -> str:
    """Letter of a grade's number."""
    return f'MID("{"".join(reversed(GRADES))}",{number},1)'


def segment_number(annual_revenue: str) -> str:
    """Segment by annual revenue as a number from 1, in the order of ``icp_segments``; the last is unknown."""
    known = f"1+({annual_revenue}>=icp_mid_market)+({annual_revenue}>=icp_large)"
    return f"IF(ISNUMBER({annual_revenue}),{known},ROWS(icp_segments))"
