"""The score model against slow oracles, and what must not change its numbers."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from icp_xl.config import load_settings
from icp_xl.config.scoring import ScoringSettings
from icp_xl.errors import InsufficientDataError, SourceError
from icp_xl.scoring.accounts import SCORED_COLUMNS, score_accounts
from icp_xl.scoring.model import ScoreModel, fit_knots, grade, icp_score, keys, percentile_of
from tests.support.accounts import EQUAL, make_accounts
from tests.support.equipment import FACTS


def fit(accounts: pd.DataFrame, settings: ScoringSettings | None = None, **weights: float):
    chosen = settings or ScoringSettings()
    return score_accounts(accounts, {"Aerospace": "1", "Space": "2"}, weights or EQUAL, chosen)


def oracle_percentile(x: int, knots: list[int], n: int) -> float:
    """The definition, read slowly."""
    last = len(knots) - 1
    equal = [i for i, knot in enumerate(knots) if knot == x]
    if equal:
        p = (equal[0] + equal[-1]) / 2 / last
    elif x < knots[0]:
        p = 0.0
    elif x > knots[-1]:
        p = 1.0
    else:
        i = max(j for j, knot in enumerate(knots) if knot < x)
        p = (i + (x - knots[i]) / (knots[i + 1] - knots[i])) / last
    return min(max(p, 0.5 / n), 1 - 0.5 / n)


@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=60),
    st.lists(st.integers(-5, 45), min_size=1, max_size=20),
    st.integers(2, 30),
)
def test_percentile_is_the_written_definition(population: list[int], asked: list[int], count: int) -> None:
    knots = fit_knots(np.asarray(population) * 1e-12, count)
    got = percentile_of(np.asarray(asked) * 1e-12, np.asarray(knots), len(population))
    assert got == pytest.approx([oracle_percentile(x, knots, len(population)) for x in asked], abs=1e-12)


def test_knots_are_excels_percentile_inc() -> None:
    raw = np.random.default_rng(3).random(777)
    assert np.abs(np.asarray(fit_knots(raw)) * 1e-12 - np.quantile(raw, np.linspace(0, 1, 1001))).max() < 2e-12


@pytest.mark.parametrize(("accounts", "count"), [(10_001, 1001), (778, 38)])
def test_a_knot_that_is_a_key_is_that_key_however_far_the_next(accounts: int, count: int) -> None:
    for knot in range(count):
        place, rest = divmod(knot * (accounts - 1), count - 1)
        if rest == 0:
            # All up to there are equal, and the next is at the other end of what scores can be.
            keys_ = np.where(np.arange(accounts) <= place, 0.0, 1.0)
            assert fit_knots(keys_, count)[knot] == 0


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=40), st.integers(2, 1001))
def test_knots_are_those_of_exact_fractions(population: list[int], count: int) -> None:
    ordered = sorted(population)
    got = fit_knots(np.asarray(population) * 1e-12, count)
    for number, knot in enumerate(got):
        place = Fraction(number * (len(ordered) - 1), count - 1)
        low = int(place)
        high = min(low + 1, len(ordered) - 1)
        exact = ordered[low] + (place - low) * (ordered[high] - ordered[low])
        # Their last digit may stand either way where they are half way, and no further.
        assert abs(knot - exact) <= Fraction(1, 2) + Fraction(1, 1000)


def test_score_is_the_normal_quantile_and_stays_finite() -> None:
    points = np.array([0.001, 0.2, 0.5, 0.9, 0.999])
    assert icp_score(points) == pytest.approx([50 + 15 * NormalDist().inv_cdf(p) for p in points], abs=1e-9)
    result = fit(make_accounts())
    assert np.isfinite(result.scored["icp_score"]).all()
    assert result.scored["icp_score"].between(0, 100).all()


def test_batch_equals_one_account_at_a_time() -> None:
    result = fit(make_accounts())
    for row in result.scored.itertuples():
        one = result.model.score_arrays(
            [row.industry], [row.annual_revenue], [row.printers], [row.consumable_revenue], [row.software_revenue]
        )
        assert one.icp_score[0] == pytest.approx(row.icp_score, abs=1e-9)
        assert one.icp_grade[0] == row.icp_grade


def test_contributions_sum_to_the_raw_score_to_the_last_bit() -> None:
    scored = fit(make_accounts(), vertical=0.31, size=0.17, adoption=0.29, relationship=0.23).scored
    total = scored["vertical_contribution"] + scored["size_contribution"]
    total = total + scored["adoption_contribution"] + scored["relationship_contribution"]
    assert (total == scored["raw_score"]).all()


def test_grade_mix_meets_the_wanted_shares_where_scores_differ() -> None:
    accounts = make_accounts(2000)
    accounts["consumable_revenue"] = np.exp(np.random.default_rng(8).normal(8, 1, 2000))
    mix = fit(accounts).scored["icp_grade"].value_counts(normalize=True)
    assert {name: round(mix[name], 2) for name in "ABCDF"} == {"A": 0.1, "B": 0.2, "C": 0.4, "D": 0.2, "F": 0.1}


def test_equal_on_paper_is_equal_in_rank_and_grade() -> None:
    # 0.1 + 0.2 and 0.3 differ in the last bit, and must not differ in rank.
    assert keys([0.1 + 0.2])[0] == keys([0.3])[0]
    accounts = make_accounts(50)
    for name in ("industry", "annual_revenue", "printers", "consumable_revenue", "software_revenue"):
        accounts[name] = accounts[name].iloc[0] if name != "industry" else "Dental"
    scored = fit(accounts).scored
    assert scored["rank"].eq(1).all()
    assert scored["icp_grade"].eq("C").all()
    assert scored["icp_score"].eq(50.0).all()


def test_row_order_changes_nothing() -> None:
    accounts = make_accounts()
    first = fit(accounts)
    second = fit(accounts.sample(frac=1.0, random_state=4))
    assert first.model.to_json() == second.model.to_json()
    pd.testing.assert_frame_equal(first.scored, second.scored)


def test_a_new_giant_clips_and_moves_nobody_else_much() -> None:
    accounts = make_accounts()
    giant = accounts.iloc[[0]].assign(account_id="Z", consumable_revenue=1e12)
    before = fit(accounts).scored.set_index("account_id")["adoption_score"]
    after = fit(pd.concat([accounts, giant], ignore_index=True)).scored.set_index("account_id")["adoption_score"]
    assert after["Z"] <= 1.0
    assert (after.drop("Z") - before).abs().max() < 0.03


def test_more_of_anything_never_lowers_the_score() -> None:
    result = fit(make_accounts())
    base = result.scored.head(100)
    for name in ("annual_revenue", "printers", "consumable_revenue", "software_revenue"):
        more = base.assign(**{name: base[name].fillna(0) * 2 + 1})
        known = base["annual_revenue"].notna() if name == "annual_revenue" else slice(None)
        gain = result.model.score(more).icp_score - base["icp_score"].to_numpy()
        assert (gain[known] >= -1e-9).all(), name


def test_unknown_facts_are_neutral_not_zero() -> None:
    model = fit(make_accounts()).model
    columns = (["Nobody knows", None], [np.nan, np.nan], [np.nan, -1], [0, -5], [np.nan, 0])
    parts = model.components(dict(zip(FACTS, columns, strict=True)))
    assert parts[:, 0] == pytest.approx(model.lookup("industry").prior)
    assert parts[:, 1] == pytest.approx(0.5)
    assert (parts[:, 2:] == 0).all()


def test_industries_are_found_whatever_their_case_and_spacing() -> None:
    model = fit(make_accounts()).model
    columns = (["Aerospace", "  aeroSPACE "], [1e6] * 2, [0] * 2, [0] * 2, [0] * 2)
    a, b = model.components(dict(zip(FACTS, columns, strict=True)))
    assert a[0] == b[0] != model.lookup("industry").prior


@pytest.mark.parametrize("shares", [(1, 0, 0, 0, 0), (0, 0, 0, 0, 1), (0.5, 0, 0, 0, 0.5)])
def test_a_grade_without_a_share_is_never_given(shares: tuple[float, ...]) -> None:
    table = dict(zip("ABCDF", shares, strict=True))
    given_grades = set(grade(np.linspace(0.001, 0.999, 100), table))
    assert given_grades == {name for name, share in table.items() if share > 0}


def test_the_saved_model_is_the_same_model(tmp_path: Path) -> None:
    result = fit(make_accounts())
    path = tmp_path / "score_model.json"
    result.model.save(path)
    loaded = ScoreModel.load(path)
    assert loaded == result.model
    assert (loaded.score(result.scored).icp_score == result.scored["icp_score"]).all()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text[:100], "damaged"),
        (lambda text: "[]", "damaged"),
        (lambda text: text.replace('"schema": 1', '"schema": 9'), "another format"),
        (lambda text: json.dumps({**json.loads(text), "knots": [3, 1]}), "damaged"),
        (lambda text: json.dumps({**json.loads(text), "weights": {}}), "damaged"),
    ],
)
def test_a_damaged_model_is_refused(tmp_path: Path, damage, message: str) -> None:
    path = tmp_path / "score_model.json"
    path.write_text(damage(fit(make_accounts(60)).model.to_json()))
    with pytest.raises(SourceError, match=message):
        ScoreModel.load(path)
    with pytest.raises(SourceError, match="no score model yet"):
        ScoreModel.load(tmp_path / "none.json")


def test_no_account_is_an_error_and_one_is_a_warning() -> None:
    with pytest.raises(InsufficientDataError, match="no account"):
        fit(make_accounts().head(0))
    result = fit(make_accounts().head(1))
    assert result.scored["icp_score"].tolist() == [50.0]
    assert any("Only 1 account" in text for text in result.warnings)


def test_columns_and_flags() -> None:
    accounts = make_accounts(60).assign(extra=1)
    accounts.loc[0, ["annual_revenue", "industry", "total_revenue"]] = [np.nan, None, 0.0]
    scored = fit(accounts).scored
    assert list(scored.columns) == [
        *SCORED_COLUMNS,
        "extra",
        "grade_range",
    ]  # Under 100 accounts, what a grade can mean.
    flags = scored.set_index("account_id").loc["A0000", "flags"]
    assert flags == "annual revenue unknown; industry unknown; no sales on record"


def test_default_settings_are_sound() -> None:
    assert load_settings(environ={}).scoring.grade_shares.A == 0.10
