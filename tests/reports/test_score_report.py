"""The score report: what it says is what the frames hold, in every state of the data."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from icp_xl.columns import GRADES
from icp_xl.config.reports import ReportSettings
from icp_xl.delivery.render.book import render_book, render_bytes
from icp_xl.reports.charts import box_figures, histogram_table, sample_rows
from icp_xl.reports.formulas import grade_mix
from icp_xl.reports.inputs import QualityTables, ScoreReportInputs
from icp_xl.reports.review import review_frame
from icp_xl.reports.score_report import build_score_report
from icp_xl.reports.segments import recommend
from icp_xl.reports.spec import Chart, Sheet, Stack, Table, Text
from icp_xl.reports.words import build_reasons, say_list, say_money
from icp_xl.tables.matching.overrides import read_match_overrides
from tests.support.office import assert_recalculates
from tests.support.score_report import CLOCK, make_inputs, make_result
from tests.support.validator import assert_valid

SETTINGS = ReportSettings()


@pytest.fixture(scope="module")
def inputs() -> ScoreReportInputs:
    return make_inputs(400)


def blocks_of(sheet: Sheet) -> list[object]:
    found: list[object] = []
    for item in sheet.blocks:
        for block in item if isinstance(item, tuple) else (item,):
            found += list(block.blocks) if isinstance(block, Stack) else [block]
    return found


def test_the_report_has_its_sheets_in_order(inputs: ScoreReportInputs) -> None:
    book = build_score_report(inputs, SETTINGS)
    assert [sheet.name for sheet in book.sheets] == [
        "Summary", "Scored Accounts", "Segments", "Industries", "Charts", "Changes", "Match Review", "Data Quality",
        "Rows Left Out", "Method", "About", "Chart Data",
    ]  # fmt: skip
    alone = make_inputs(30, compared=False, quality=False)
    names = [sheet.name for sheet in build_score_report(alone, SETTINGS).sheets]
    assert "Changes" not in names and "Rows Left Out" not in names


def test_the_report_is_valid_and_the_same_twice(inputs: ScoreReportInputs, tmp_path: Path) -> None:
    first = render_bytes(build_score_report(inputs, SETTINGS), clock=CLOCK)[0]
    assert first == render_bytes(build_score_report(inputs, SETTINGS), clock=CLOCK)[0]
    path = tmp_path / "report.xlsx"
    path.write_bytes(first)
    assert_valid(path)


@pytest.mark.office
def test_every_formula_recalculates_to_its_cached_value(inputs: ScoreReportInputs, tmp_path: Path) -> None:
    path = tmp_path / "report.xlsx"
    result = render_book(build_score_report(inputs, SETTINGS), path, clock=CLOCK)
    assert assert_recalculates(path) == result.formulas > 300


@pytest.mark.office
def test_formulas_hold_where_there_is_almost_nothing(tmp_path: Path) -> None:
    path = tmp_path / "report.xlsx"
    render_book(build_score_report(make_inputs(1, compared=False, quality=False), SETTINGS), path, clock=CLOCK)
    assert assert_recalculates(path) > 0


def degenerate(kind: str) -> ScoreReportInputs:
    base = make_inputs(40, compared=kind == "compared", quality=kind == "compared")
    if kind == "empty":
        return dataclasses.replace(base, scored=base.scored.head(0), industries=base.industries.head(0))
    if kind == "one":
        return make_inputs(1, quality=False)
    if kind == "all missing":
        scored = base.scored.assign(
            industry=None, region=None, rep=None, annual_revenue=np.nan, printers=np.nan, segment="Unknown",
            total_revenue=np.nan, consumable_revenue=np.nan, software_revenue=np.nan, flags="",
        )  # fmt: skip
        return dataclasses.replace(base, scored=scored, industries=base.industries.head(0))
    return base


@pytest.mark.parametrize("kind", ["empty", "one", "all missing", "compared"])
def test_the_report_stands_whatever_the_data_lack(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "report.xlsx"
    render_book(build_score_report(degenerate(kind), SETTINGS), path, clock=CLOCK)
    assert_valid(path)


def test_a_limit_on_listed_accounts_is_stated_and_figures_stay_whole(inputs: ScoreReportInputs, tmp_path: Path) -> None:
    settings = ReportSettings(most_accounts=100)
    book = build_score_report(inputs, settings)
    accounts = next(sheet for sheet in book.sheets if sheet.name == "Scored Accounts")
    assert "best 100 of 400" in accounts.subtitle
    mix = next(b for b in blocks_of(book.sheets[0]) if isinstance(b, Table) and b.name == "grade_mix")
    assert int(mix.frame["accounts"].sum()) == 400
    assert next(c for c in mix.columns if c.key == "accounts").formula is None


def test_every_chart_tells_what_it_shows(inputs: ScoreReportInputs) -> None:
    book = build_score_report(inputs, SETTINGS)
    charts = [b for sheet in book.sheets for b in blocks_of(sheet) if isinstance(b, Chart)]
    assert len(charts) >= 14
    assert all(len(chart.alt_text) > 30 for chart in charts)


def test_grade_mix_adds_up(inputs: ScoreReportInputs) -> None:
    mix = grade_mix(inputs.scored, inputs.model.grade_shares)
    assert mix["accounts"].sum() == len(inputs.scored)
    assert mix["share"].sum() == pytest.approx(1.0)
    assert mix["revenue_share"].sum() == pytest.approx(1.0)
    assert mix["icp_grade"].tolist() == list(GRADES)


def test_histogram_and_boxes_count_every_account(inputs: ScoreReportInputs) -> None:
    frame = histogram_table(inputs.scored).frame
    assert int(frame[list(GRADES)].to_numpy().sum()) == len(inputs.scored)
    boxes = box_figures(inputs.scored).set_index("group")
    assert boxes.loc["All accounts", "middle"] == pytest.approx(inputs.scored["icp_score"].median())
    assert boxes["accounts"].drop("All accounts").sum() == len(inputs.scored)


def test_sampling_keeps_order_and_both_ends() -> None:
    frame = pd.DataFrame({"x": range(10_000)})
    sample = sample_rows(frame, 2000)["x"].tolist()
    assert len(sample) == 2000 == len(set(sample)) and sample == sorted(sample)
    assert (sample[0], sample[-1]) == (0, 9999)


def test_effects_of_every_listed_change_add_up(inputs: ScoreReportInputs) -> None:
    book = build_score_report(inputs, SETTINGS)
    table = next(b for s in book.sheets for b in blocks_of(s) if isinstance(b, Table) and b.name == "changes")
    kept = table.frame[table.frame["status"] == "changed"]
    parts = kept[["data_effect", "weights_effect", "model_effect"]].sum(axis=1)
    np.testing.assert_allclose(parts, kept["change"], atol=1e-9)


def test_decisions_typed_on_the_review_sheet_are_read_back(inputs: ScoreReportInputs, tmp_path: Path) -> None:
    path = tmp_path / "report.xlsx"
    matches = inputs.quality.matches.copy()
    matches.loc[0, "decision"] = "different"
    quality = dataclasses.replace(inputs.quality, matches=matches)
    book = build_score_report(dataclasses.replace(inputs, quality=quality), SETTINGS)
    render_book(book, path, clock=CLOCK)
    overrides = read_match_overrides(path)
    assert overrides.refused("name: acme @ austin/tx/") == {"100007"}
    chosen = overrides.link("name: old")
    assert chosen is not None and chosen.account_id == "100021"


def test_reasons_for_rows_left_out_add_up_to_the_counts(inputs: ScoreReportInputs) -> None:
    book = build_score_report(inputs, SETTINGS)
    tables = {b.name: b.frame for sheet in book.sheets for b in blocks_of(sheet) if isinstance(b, Table)}
    assert tables["dropped_reasons"]["rows"].sum() == tables["row_counts"]["dropped"].sum() == 100


def test_review_lists_open_pairs_first_and_leaves_settled_ones_out(inputs: ScoreReportInputs) -> None:
    frame = review_frame(inputs.quality)
    # The question with more money comes first; what is decided stays on the list.
    assert frame["key"].tolist() == ["name: =sum", "name: acme @ austin/tx/", "name: old"]
    assert frame["status"].tolist() == ["Open", "Open", "Decided"]
    assert review_frame(QualityTables()).empty


def test_reasons_name_what_sets_an_account_apart() -> None:
    result = make_result(300)
    scored, reasons = result.scored, build_reasons(result.scored, result.model)
    assert reasons.index.equals(scored.index) and reasons.str.len().min() > 5
    assert (reasons.str.count("; ") <= 2).all()
    effects = scored["relationship_contribution"] - scored["relationship_contribution"].mean()
    others = [
        (scored[f"{name}_contribution"] - scored[f"{name}_contribution"].mean()).abs()
        for name in ("vertical", "size", "adoption")
    ]
    strongest = (effects.abs() > pd.concat(others, axis=1).max(axis=1)) & (scored["software_revenue"] == 0)
    assert strongest.any()
    assert reasons[strongest].str.contains("no software yet", case=False).all()
    assert not reasons.str.contains("nan").any()


def test_reasons_do_not_depend_on_the_order_of_rows() -> None:
    result = make_result(120)
    scored = result.scored
    shuffled = scored.sample(frac=1, random_state=1)
    told = build_reasons(shuffled, result.model).loc[scored.index]
    pd.testing.assert_series_equal(told, build_reasons(scored, result.model))


def test_recommendations_count_what_they_claim() -> None:
    scored = make_result(800).scored
    found = [each for each in recommend(scored) if each.action.startswith("Offer software")]
    assert found
    for each in found:
        part = scored[scored["segment"] == each.segment]
        gap = part["icp_grade"].isin(list("ABC")) & (part["printers"] > 0) & (part["software_revenue"] == 0)
        assert each.accounts == int(gap.sum())
        assert f"{each.accounts:,} account" in each.why


def test_words_for_money_and_lists() -> None:
    assert say_money(float("nan")) == "unknown"
    assert say_money(0) == "$0"
    assert say_money(2.5e9, "€") == "€2.5B"
    assert say_list([]) == ""


def test_one_question_comes_once_with_both_candidates_side_by_side(inputs: ScoreReportInputs) -> None:
    one = inputs.quality.matches.iloc[[0]]
    asked = pd.concat([one, one.assign(source="yearly_totals", rows=3, money=50.0)], ignore_index=True)
    accounts = pd.DataFrame(
        {"account_id": ["100007"], "account_name": ["Acme"], "place": ["Austin, TX"], "rep": ["Ann"],
         "revenue": [7000.0], "last_sale": [pd.Timestamp("2025-05-01")]}
    )  # fmt: skip
    row = review_frame(QualityTables(matches=asked, accounts=accounts))
    assert len(row) == 1
    first = row.iloc[0]
    assert (first["rows"], first["money"], first["account_rep"]) == (15, 900.0, "Ann")
    assert first["source"].count(",") == 1
    assert (first["account_revenue"], first["account_last_sale"]) == (7000.0, pd.Timestamp("2025-05-01"))


def test_the_summary_counts_open_questions(inputs: ScoreReportInputs) -> None:
    summary = build_score_report(inputs, SETTINGS).sheets[0]
    said = [block.text for block in blocks_of(summary) if isinstance(block, Text)]
    assert any(text.startswith("2 questions on names wait") for text in said)
