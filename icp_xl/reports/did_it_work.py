"""The sheet *Did it work*: what was bought among the accounts worked, listed and held out, and what that shows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from icp_xl.feedback.measure import LEAST_BUYERS, LEAST_HELD, LEAST_SUMS, Comparison, Measured
from icp_xl.reports.about import build_about_sheet
from icp_xl.reports.inputs import RunFacts
from icp_xl.reports.spec import (
    Block,
    Chart,
    Column,
    Facts,
    Figure,
    Figures,
    Item,
    Ref,
    ReportBook,
    Series,
    Sheet,
    Table,
    Text,
)
from icp_xl.reports.words import say_interval

TEAL, GREY = "#1B7F8C", "#A9B4BB"


@dataclass(frozen=True)
class MeasureInputs:
    """All that the report shows. ``until``: the last day that the data tell of; ``notes``: what was odd or left out."""

    found: Measured
    until: str
    notes: tuple[str, ...]
    currency: str
    paper: Literal["letter", "a4"]
    run: RunFacts


def build_measure_book(inputs: MeasureInputs) -> ReportBook:
    """The workbook of ``measure``."""
    extra: dict[str, object] = {
        "Lists": f"{inputs.found.lists}, {inputs.found.first_list} to {inputs.found.last_list}",
        "Purchases until": inputs.until,
    }
    return ReportBook(
        [build_measure_sheet(inputs), build_about_sheet(inputs.run, extra)], title="Did it work",
        subject="What the lists brought, against accounts held out at random", footer=f"run {inputs.run.run_id}",
        currency=inputs.currency, paper=inputs.paper,
    )  # fmt: skip


def build_measure_sheet(inputs: MeasureInputs) -> Sheet:
    """In words first, then the figures, then by division, rep and month, and how it was counted."""
    found = inputs.found
    whole = found.whole
    words = findings_in_words(found, inputs.currency)
    tone: Literal["good", "paragraph", "warning"] = "paragraph" if whole.held else "warning"
    if whole.possible and whole.low > 0:
        tone = "good"
    blocks: list[Item] = [
        _tiles(found, inputs.currency),
        *(Text(text, tone if k == (tone == "good") else "paragraph") for k, text in enumerate(words)),
        *(Text(text, "note") for text in inputs.notes),
        Text("Bought", "heading"),
        (_group_table(found), _group_chart(found)),
        Text(
            "Compare the rows Listed, all and Held out: chance alone decided between them. The rows above them tell "
            "who "
            "was worked, and that reps decided; their difference is not what the work brought.", "note",
        ),
        Text("By division, rep and month", "heading"),
        _by_table(found),
        Text("What working an account does", "heading"),
        Text(working_words(found)),
        Text("What it takes to be sure", "heading"),
        _needed_table(found),
        Text("How this was counted", "heading"),
        *(Text(text, "bullet") for text in METHOD),
    ]  # fmt: skip
    return Sheet(
        "Did it work", "Did the list work?", blocks, tab_colour=TEAL,
        subtitle=f"{found.lists} list{'s' if found.lists != 1 else ''}, {found.first_list} to {found.last_list}; "
        f"purchases until {inputs.until}",
    )  # fmt: skip


METHOD = (
    "Accounts are held out of a list at random, by their id alone. What the held-out bought would have been bought "
    "anyway, "
    "and so would as much of what the listed bought; the rest is the list's.",
    "Listed counts whether or not anybody called: reps choose whom to work, and choose well, so worked against not "
    "worked "
    "would flatter the list.",
    "Every account counts once, from the first list that named it, with what it was then listed for. What later "
    "lists name "
    "depends on what the first one led to.",
    "Purchases count from the day after the list to the end of its window, or to the last day of the data. The share "
    "of "
    "accounts that bought is the measure; an account that returned all of it bought nothing.",
    "Worked is an account with a status other than to do, typed since the list.",
    "The intervals hold the truth 19 times in 20 at one look. Whoever looks every week and stops at the first good "
    "figure "
    "will find one; decide beforehand when to look.",
)


def _tiles(found: Measured, currency: str) -> Figures:
    whole = found.whole
    known = whole.possible
    rich = math.isfinite(whole.revenue_low)
    value = whole.revenue_lift * whole.listed
    return Figures([
        Figure("More buyers per 100 accounts", round(100 * whole.lift, 1) if known else "too early",
               "number" if known else "text", _points(whole) if known else whole.verdict, decimals=1 if known else None,
               tone="good" if known and whole.low > 0 else "bad" if known and whole.high < 0 else "plain"),
        Figure("Revenue that the list brought", value if rich else "too early", "money" if rich else "text",
               _sums(whole, currency) if rich else f"takes {LEAST_SUMS} buyers on either side",
               decimals=0 if rich else None),
        Figure("Listed accounts that bought", whole.listed_bought / whole.listed if whole.listed else None, "percent",
               f"{whole.listed_bought:,} of {whole.listed:,}", decimals=1),
        Figure("Held-out accounts that bought", whole.held_bought / whole.held if whole.held else "none held out",
               "percent" if whole.held else "text", f"{whole.held_bought:,} of {whole.held:,}",
               decimals=1 if whole.held else None),
    ])  # fmt: skip


def _points(whole: Comparison) -> str:
    return say_interval(100 * whole.low, 100 * whole.high, ".1f")


def _sums(whole: Comparison, currency: str) -> str:
    low, high = (value * whole.listed for value in (whole.revenue_low, whole.revenue_high))
    return f"{_money(low, currency)} to {_money(high, currency)}" if math.isfinite(low) else ""


def _group_table(found: Measured) -> Table:
    frame = found.groups.assign(
        range=[
            say_interval(low, high, ".1%") for low, high in zip(found.groups["low"], found.groups["high"], strict=True)
        ]
    )
    return Table(
        "measure_groups",
        [Column("group", "Accounts", width=20), Column("accounts", "Number", "integer"),
         Column("bought", "Bought", "integer"), Column("rate", "Share", "percent", decimals=1),
         Column("range", "Range of the share", width=18), Column("revenue", "Revenue", "money"),
         Column("per_account", "Revenue per account", "money")],
        frame, title="What accounts bought of what they were listed for", filters=False,
    )  # fmt: skip


def _group_chart(found: Measured) -> Block:
    return Chart(
        "column", "Share of accounts that bought",
        [Series("Bought", Ref("measure_groups", "group"), Ref("measure_groups", "rate"), TEAL, labels=True)],
        "Share of accounts that bought: listed and worked, listed but not worked, all listed, held out",
        y_format="0%", width=460, height=280, legend=False, y_range=(0.0, None),
    )  # fmt: skip


def _by_table(found: Measured) -> Table:
    frame = found.by.assign(
        lift=100 * found.by["lift"],
        range=[say_interval(100 * low, 100 * high, ".1f")
               for low, high in zip(found.by["low"], found.by["high"], strict=True)],
    )  # fmt: skip
    return Table(
        "measure_by",
        [Column("dimension", "By", width=18), Column("level", "Which", width=24), Column("listed", "Listed", "integer"),
         Column("listed_rate", "Bought", "percent", decimals=1), Column("held", "Held out", "integer"),
         Column("held_rate", "Bought (held out)", "percent", decimals=1),
         Column("lift", "More per 100", "number", decimals=1), Column("range", "Range", width=18),
         Column("verdict", "Finding", width=24,
                note="Corrected for the number of comparisons: the best of many always looks good.")],
        frame, title="Listed against held out", empty_text="There is nothing to compare.",
    )  # fmt: skip


def _needed_table(found: Measured) -> Block:
    if not found.needed:
        return Text(
            f"At least {LEAST_HELD} held-out accounts and {LEAST_BUYERS} buyers are needed before this can be worked "
            f"out."
        )
    rows = [
        (f"{100 * need.lift:.1f} more buyers per 100 accounts",
         f"{need.listed:,} listed and {need.held:,} held out, with about {need.buyers:,} buyers among them")
        for need in found.needed
    ]  # fmt: skip
    return Facts(rows, title="Accounts that show it in four of five cases")


def working_words(found: Measured) -> str:
    """What being worked does, as far as it can be derived."""
    value, low, high = found.working
    share = "" if math.isnan(found.share_worked) else f"{found.share_worked:.0%} of the listed accounts were worked"
    if found.held_worked > 0:
        share += f", and {found.held_worked:.0%} of the held-out ones, which blurs the comparison"
    if not found.whole.possible or math.isnan(value) or found.share_worked <= 0:
        return (
            f"{share or 'Nobody is known to have worked the list'}. What the work did cannot be derived from that yet."
        )
    return (
        f"{share}. If the list acts only through being worked, working an account adds {_number(100 * value)} buyers "
        f"per "
        f"100 worked accounts ({_number(100 * low)} to {_number(100 * high)}). This is the difference between listed "
        f"and "
        "held out, divided by the share worked; it holds for the kind of account that reps choose."
    )


def findings_in_words(found: Measured, currency: str = "$") -> list[str]:
    """What a director can repeat: the comparison, what it is worth, how sure it is, and what is missing."""
    whole = found.whole
    if whole.held == 0:
        return [
            "Nobody can say yet what the list brought: no account was held out of it, so there is nothing to compare "
            "with. Worked and not worked accounts differ in more than the work: reps choose those that would buy "
            "anyway.",
            "Hold one account in ten out of the next list (whitespace.holdout_share: 0.1), and this page will tell.",
        ]
    told = [
        f"Of {whole.listed:,} accounts on the list, {whole.listed_bought:,} bought what they were listed for "
        f"({_percent(whole.listed_bought, whole.listed)}); of {whole.held:,} accounts that were held out of it at "
        f"random, {whole.held_bought:,} did ({_percent(whole.held_bought, whole.held)})."
    ]
    if not whole.possible:
        return [
            *told,
            f"That is too little to say whether the list made a difference: at least {LEAST_HELD} held-out accounts "
            f"and {LEAST_BUYERS} buyers are needed before anything is compared.",
        ]
    return [*told, _lift_words(whole), *_revenue_words(whole, currency), *_needed_words(found)]


def _lift_words(whole: Comparison) -> str:
    gap, low, high = (100 * value for value in (whole.lift, whole.low, whole.high))
    between = f"between {_number(low)} and {_number(high)}, 19 times in 20"
    if whole.low > 0:
        return (
            f"The list worked: it brought {gap:.1f} more buyers per 100 accounts ({between}), "
            f"{whole.lift * whole.listed:,.0f} in all that would not have bought without it. {_luck(whole.p)}"
        )
    if whole.high < 0:
        return (
            f"Accounts on the list bought less than those held out: {_number(gap)} buyers per 100 accounts "
            f"({between}). "
            f"{_luck(whole.p)} Look at who works the list, and how."
        )
    return (
        f"Whether the list worked cannot be told yet: the difference is {_number(gap)} buyers per 100 accounts, and it "
        f"may be anything {between}. {_luck(whole.p)}"
    )


def _revenue_words(whole: Comparison, currency: str) -> list[str]:
    if not math.isfinite(whole.revenue_low):
        return []
    sums = [value * whole.listed for value in (whole.revenue_lift, whole.revenue_low, whole.revenue_high)]
    return [f"In revenue that is {_money(sums[0], currency)}, from {_money(sums[1], currency)} to "
            f"{_money(sums[2], currency)}."]  # fmt: skip


def _needed_words(found: Measured) -> list[str]:
    whole = found.whole
    if whole.low > 0 or whole.high < 0 or not found.needed:
        return []
    need = found.needed[0]
    return [
        f"To be sure of a difference of {100 * need.lift:.1f} per 100, {need.listed:,} listed and {need.held:,} "
        f"held-out "
        f"accounts are needed ({max(0, need.listed - whole.listed):,} and {max(0, need.held - whole.held):,} more than "
        f"now), with about {need.buyers:,} buyers among them."
    ]


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "none"


def _number(value: float) -> str:
    text = f"{abs(value):,.1f}"
    return f"−{text}" if value < 0 and float(text.replace(",", "")) else text


def _money(value: float, currency: str) -> str:
    return f"{'−' if value < 0 else ''}{currency}{abs(value):,.0f}"


def _luck(p: float) -> str:
    """How likely luck alone would show as much.

    >>> _luck(0.031)
    'Luck alone would show as large a difference in 3 of 100 such lists.'
    """
    if p < 0.01:
        return "Luck alone would show as large a difference in fewer than 1 of 100 such lists."
    return f"Luck alone would show as large a difference in {p * 100:.0f} of 100 such lists."
