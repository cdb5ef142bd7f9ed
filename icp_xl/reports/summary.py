"""The sheet Summary: what a sales director reads first."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from icp_xl.columns import GRADES
from icp_xl.config.reports import ReportSettings
from icp_xl.reports.accounts import is_complete, listed
from icp_xl.reports.formulas import all_of, grade_mix, grade_mix_columns
from icp_xl.reports.inputs import ScoreReportInputs
from icp_xl.reports.review import open_questions
from icp_xl.reports.spec import Block, Chart, Column, Figure, Figures, Item, Ref, Series, Sheet, Stack, Table, Text
from icp_xl.reports.words import number_word, say_count, say_list, say_money, share, total
from icp_xl.scoring.model import ScoreModel

_MOST_WARNINGS = 5


def build_summary_sheet(inputs: ScoreReportInputs, settings: ReportSettings, guide: Mapping[str, str]) -> Sheet:
    """Headline figures, grade mix against target, changes, best accounts, warnings, and how to read the book.

    Args:
        guide: what a reader finds on each sheet, by its name, in the order of the book.
    """
    n, count = len(inputs.scored), number_word(len(inputs.model.parts))
    blocks: list[Item] = [Figures(_headlines(inputs, settings))]
    waiting = open_questions(inputs.quality)
    if waiting:
        waits = "waits" if waiting == 1 else "wait"
        text = f"{say_count(waiting, 'question')} on names {waits} for an answer; until then the accounts stay apart."
        blocks.append(Text(text, "warning", link="Match Review"))
    blocks += _warnings(inputs)
    blocks += [Text("Grade mix against target", "heading"), _mix(inputs, settings)]
    blocks += [Text("What changed since the last run", "heading"), *_changes(inputs)]
    top = min(settings.top_accounts, n)
    blocks.append(Text(f"The {say_count(top, 'best account')}" if top else "Best accounts", "heading"))
    blocks.append(_best(inputs, settings))
    blocks.append(Text("How to read this workbook", "heading"))
    blocks += [
        Text(
            "The ICP score says how closely an account resembles the customers that pay best: 50 is the average "
            f"account, and grade A is the best {inputs.model.grade_shares['A']:.0%}. It weighs {count} components: "
            + ", ".join(f"{part.title.lower()} {inputs.model.weights[part.name]:.0%}" for part in inputs.model.parts)
            + f" (weights from {inputs.weights_source}). It ranks accounts; it does not forecast an order."
        )
    ]
    blocks += [Text(f"{name}: {text}.", "bullet", link=name) for name, text in guide.items()]
    subtitle = f"{say_count(n, 'account')} scored on {inputs.run.finished:%Y-%m-%d}, run {inputs.run.run_id}"
    return Sheet("Summary", settings.title, blocks, subtitle=subtitle, one_page=True, portrait=True)


def _headlines(inputs: ScoreReportInputs, settings: ReportSettings) -> list[Figure]:
    scored, live = inputs.scored, is_complete(inputs, settings) and len(inputs.scored) > 0
    n = len(scored)
    top = scored["icp_grade"].isin(GRADES[:2])
    revenue = total(scored, "total_revenue")
    top_revenue = total(scored[top], "total_revenue")
    known = int(scored["annual_revenue"].notna().sum())
    grade, money = all_of("icp_grade"), all_of("total_revenue")
    buyers = int((scored["total_revenue"] > 0).sum())
    return [
        Figure(
            "Accounts scored", n, "integer", f"{buyers:,} of them have bought",
            formula=f"COUNTA({all_of('account_id')})" if live else None,
        ),
        Figure(
            "Graded A or B", int(top.sum()), "integer", "the accounts to put first",
            formula=f'COUNTIF({grade},"A")+COUNTIF({grade},"B")' if live else None,
        ),
        Figure(
            "Revenue on record", revenue, "money", "all sales, all accounts",
            formula=f"SUM({money})" if live else None,
        ),
        Figure(
            "A and B revenue", share(top_revenue, revenue), "percent", f"{share(int(top.sum()), n):.0%} of accounts",
            formula=f'IF(SUM({money})=0,0,(SUMIF({grade},"A",{money})+SUMIF({grade},"B",{money}))/SUM({money}))'
            if live else None,
        ),
        Figure(
            "Annual revenue known", share(known, n), "percent", f"of {say_count(n, 'account')}",
            tone="plain" if share(known, n) >= 0.7 else "warning",
            formula=f"COUNT({all_of('annual_revenue')})/COUNTA({all_of('account_id')})" if live else None,
        ),
    ]  # fmt: skip


def _warnings(inputs: ScoreReportInputs) -> list[Block]:
    shown: list[Block] = [Text(text, "warning") for text in inputs.warnings[:_MOST_WARNINGS]]
    rest = len(inputs.warnings) - len(shown)
    if rest > 0:
        shown.append(
            Text(f"{say_count(rest, 'more warning')} on the sheet Data Quality.", "warning", link="Data Quality")
        )
    return shown


def _mix(inputs: ScoreReportInputs, settings: ReportSettings) -> tuple[Block | Stack, ...]:
    live = is_complete(inputs, settings) and len(inputs.scored) > 0
    frame = grade_mix(inputs.scored, inputs.model.grade_shares)
    shown = ("icp_grade", "accounts", "share", "target", "revenue_share")
    columns = [column for column in grade_mix_columns(live) if column.key in shown]
    table = Table("grade_mix", columns, frame, filters=False, totals=True)
    widest = frame.iloc[int(frame["difference"].abs().to_numpy().argmax())]
    chart = Chart(
        "column",
        "Share of accounts by grade",
        [
            Series("Accounts", Ref("grade_mix", "icp_grade"), Ref("grade_mix", "share"), labels=True),
            Series("Target", Ref("grade_mix", "icp_grade"), Ref("grade_mix", "target"), colour="#A9B4BB"),
        ],
        "Column chart of the share of accounts in grades A to F beside the target shares. The largest difference is "
        f"{widest['difference']:+.1%} at grade {widest['icp_grade']}.",
        y_format="0%",
        width=360,
        height=250,
    )
    best = frame[frame["icp_grade"].isin(GRADES[:2])]
    words = (
        f"A and B: {best['share'].sum():.0%} of the accounts, {best['revenue_share'].sum():.0%} of the revenue. The "
        f"largest distance from target is {abs(widest['difference']) * 100:.1f} points, at grade {widest['icp_grade']}."
    )
    return (chart, Stack((table, Text(words, "note"))))


def _changes(inputs: ScoreReportInputs) -> list[Block]:
    changes = inputs.changes
    if changes is None:
        return [Text("This is the first run on record here. The next one will say who moved, and why.", "note")]
    kept = changes[changes["status"] == "kept"]
    up, down = int((kept["grade_move"] > 0).sum()), int((kept["grade_move"] < 0).sum())
    new, gone = int((changes["status"] == "new").sum()), int((changes["status"] == "gone").sum())
    lines = [
        f"Against run {inputs.previous_run}: {say_count(up, 'account')} moved up a grade or more, {down:,} moved down, "
        f"{len(kept) - up - down:,} stayed; {new:,} came in and {gone:,} went out."
    ]
    parts = {
        "their own figures": kept["data_effect"],
        "the weights": kept["weights_effect"],
        "the other accounts and the model": kept["model_effect"],
    }
    mean = {name: float(effect.abs().mean()) if len(effect) else 0.0 for name, effect in parts.items()}
    if any(value > 0.005 for value in mean.values()):
        told = [f"{value:.1f} points by {name}" for name, value in mean.items() if value > 0.005]
        lines.append(f"On average a score was moved {say_list(told)}.")
    else:
        lines.append("No score moved.")
    movers = kept[kept["grade_move"] != 0]
    if len(movers):
        order = movers["change"].abs().sort_values(ascending=False, kind="stable").index
        told = [
            f"{row.account_name} {row.grade_before} to {row.grade_after} ({row.change:+.1f}, mostly {row.main_reason})"
            for row in movers.loc[order].head(3).itertuples()
        ]
        lines.append("Largest moves: " + "; ".join(told) + ".")
    return [Text(line, "bullet") for line in lines]


def _best(inputs: ScoreReportInputs, settings: ReportSettings) -> Table:
    frame = listed(inputs, settings).head(settings.top_accounts)
    columns = [
        Column("account_name", "Account", width=30),
        Column("industry", "Industry", width=22),
        Column("icp_score", "ICP score", "score", rule="data_bar", width=11),
        Column("icp_grade", "Grade", "grade", rule="grade", width=10),
        Column("segment", "Segment", width=17),
        Column("rep", "Rep", width=15),
        Column("total_revenue", "Revenue with us", "money", width=14),
        Column("reasons", "Why", "long_text", width=56),
    ]
    frame = frame.reindex(columns=[column.key for column in columns])
    return Table("best", columns, frame, filters=False, empty_text="No account was scored.")


def about_weights(model: ScoreModel) -> pd.DataFrame:
    """One row per component: its label and weight."""
    return pd.DataFrame(
        [(part.title, model.weights[part.name]) for part in model.parts], columns=["component", "weight"]
    )


__all__ = ["about_weights", "build_summary_sheet", "say_money"]
