"""A division's model: planted drivers and probabilities come back, chance is not published, files are only text."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from icp_xl.config import Settings, load_settings
from icp_xl.errors import Cancelled, DataError, InsufficientDataError
from icp_xl.propensity.arena import fallen_behind
from icp_xl.propensity.baselines import baseline_matrix, fit_baseline
from icp_xl.propensity.data import DivisionData
from icp_xl.propensity.explain import explain, global_importance, join_reasons
from icp_xl.propensity.fit import BASELINES, Fitted, _tempered, fit_candidates, fit_division
from icp_xl.propensity.inputs import choose_inputs
from icp_xl.propensity.matrix import Matrices
from icp_xl.propensity.model import CARE, NOT_READY, READY, DivisionModel
from icp_xl.propensity.splits import account_folds, forward_folds
from icp_xl.propensity.verdict import NO_SKILL, Evaluation, evaluate, season_was_seen
from tests.support.divisions import make_division, shuffled

FAST = load_settings(overrides={"train.bootstrap": 100, "train.tree_seeds": 1, "train.logreg": [{"c": 0.02}]})


def judged(fitted: Fitted, data: DivisionData, settings: Settings = FAST) -> Evaluation:
    return evaluate(
        fitted, settings.train, seed=1, score_cutoff=date(2024, 7, 1),
        base_rates={each.cutoff.isoformat(): float(each.label.mean()) for each in data.cutoffs},
        windows=[(each.cutoff, each.window_end) for each in data.cutoffs],
    )  # fmt: skip


@pytest.fixture(scope="module")
def planted() -> tuple[DivisionData, list[np.ndarray], Fitted]:
    data, truths = make_division(3000, 1)
    return data, truths, fit_division(data, FAST, seed=1)


def test_planted_probabilities_come_back(planted: tuple[DivisionData, list[np.ndarray], Fitted]) -> None:
    _, _, fitted = planted
    fresh, truths = make_division(20_000, 99, days=(date(2024, 7, 1),))
    p = fitted.model.predict(fresh.cutoffs[0].features)
    order = np.argsort(p)
    gaps = [abs(p[part].mean() - truths[0][part].mean()) for part in np.array_split(order, 10)]
    assert fitted.model.kind not in BASELINES
    assert np.mean(gaps) < 0.03


def test_a_division_that_nobody_buys_any_more_is_asked_about(
    planted: tuple[DivisionData, list[np.ndarray], Fitted],
) -> None:
    data, _, fitted = planted
    assert not [text for text in judged(fitted, data).reasons if "has it ended" in text]
    late = replace(data.cutoffs[-1], cutoff=date(2026, 1, 1), label=np.zeros_like(data.cutoffs[-1].label))
    found = judged(fitted, replace(data, cutoffs=(*data.cutoffs, late)))
    assert found.verdict == CARE
    assert "nobody bought in the window from 2026-01-01" in found.reasons[0], "the one reason that is said at the end"


def test_planted_drivers_are_on_top(planted: tuple[DivisionData, list[np.ndarray], Fitted]) -> None:
    data, _, fitted = planted
    terms = fitted.model.contributions(data.cutoffs[-1].features)
    top = global_importance(terms, data.catalog)["feature"].head(6).tolist()
    assert {"own_recency_days", "own_lines_24m"} & set(top)
    assert any(name.startswith("ctx_industry=") for name in top)
    assert not any(name.startswith("noise") for name in top[:4])


def test_contributions_add_up(planted: tuple[DivisionData, list[np.ndarray], Fitted]) -> None:
    data, _, fitted = planted
    features = data.cutoffs[-1].features
    sums = fitted.model.contributions(features).to_numpy().sum(axis=1)
    np.testing.assert_allclose(sums, fitted.model.log_odds(features), atol=1e-6)


def test_reasons_are_true_of_their_accounts(planted: tuple[DivisionData, list[np.ndarray], Fitted]) -> None:
    data, _, fitted = planted
    features = data.cutoffs[-1].features
    found = explain(fitted.model, features, fitted.model.contributions(features))
    assert found.groupby("account_id")["rank"].max().le(3).all()
    own = found[found["topic"] == "own"].set_index("account_id")["words"]
    never = features["own_recency_days"].isna()
    assert own[own.index.isin(features.index[never])].eq("never bought Test").all()
    for account, words in own[own.index.isin(features.index[~never])].head(50).items():
        assert f"last {features.loc[account, 'own_recency_days']:.0f} day" in words
    texts = join_reasons(found)
    assert texts.str.match(r"(for|against): ").all()
    # The order of the accounts changes nothing.
    mixed = features.sample(frac=1.0, random_state=3)
    again = explain(fitted.model, mixed, fitted.model.contributions(mixed))
    pd.testing.assert_series_equal(texts, join_reasons(again))


def test_a_good_model_is_published_and_chance_is_not(planted: tuple[DivisionData, list[np.ndarray], Fitted]) -> None:
    data, _, fitted = planted
    good = judged(fitted, data)
    assert good.verdict in (READY, CARE)
    assert good.gain["auc"].value > 0
    for seed in range(4):
        dealt = shuffled(data, seed)
        found = judged(fit_division(dealt, FAST, seed=seed), dealt)
        assert found.verdict == NOT_READY
        assert NO_SKILL in found.reasons[0]


def test_the_file_is_text_and_comes_back_in_a_fresh_process(
    planted: tuple[DivisionData, list[np.ndarray], Fitted], tmp_path: Path
) -> None:
    data, _, fitted = planted
    features = data.cutoffs[-1].features.head(200)
    fitted.model.save(tmp_path / "v0001")
    features.to_parquet(tmp_path / "features.parquet")
    code = (
        "import sys, json, pandas as pd; from pathlib import Path; from icp_xl.propensity.model import DivisionModel;"
        "folder = Path(sys.argv[1]); model = DivisionModel.load(folder / 'v0001');"
        "print(json.dumps(model.predict(pd.read_parquet(folder / 'features.parquet')).tolist()))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    np.testing.assert_array_equal(json.loads(done.stdout), fitted.model.predict(features))
    assert {path.suffix for path in (tmp_path / "v0001").iterdir()} <= {".json", ".txt"}


@pytest.mark.parametrize("damage", ["changed", "lost", "foreign", "newer"])
def test_a_damaged_or_foreign_file_is_refused(
    planted: tuple[DivisionData, list[np.ndarray], Fitted], tmp_path: Path, damage: str
) -> None:
    planted[2].model.save(tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    match = "missing or was changed"
    if damage == "changed":
        (tmp_path / "model.json").write_text((tmp_path / "model.json").read_text() + " ")
    elif damage == "lost":
        (tmp_path / "model.json").unlink()
    elif damage == "foreign":
        (tmp_path / "manifest.json").write_text(json.dumps({"some": "thing"}))
        match = "no division model"
    else:
        (tmp_path / "manifest.json").write_text(json.dumps(manifest | {"schema": 999}))
        match = "newer version"
    with pytest.raises(DataError, match=match):
        DivisionModel.load(tmp_path)


def test_the_same_seed_gives_the_same_bytes() -> None:
    data, _ = make_division(700, 2)
    one, two = (fit_division(data, FAST, seed=5).model.files() for _ in range(2))
    assert one == two


def test_too_few_buyers_are_said(planted: tuple[DivisionData, list[np.ndarray], Fitted]) -> None:
    data, _ = make_division(60, 3, base=-3.0)
    with pytest.raises(InsufficientDataError, match=r"not enough outcomes: \d+, needs 40"):
        fit_division(data, FAST, seed=1)


def test_missing_features_are_named(planted: tuple[DivisionData, list[np.ndarray], Fitted]) -> None:
    data, _, fitted = planted
    with pytest.raises(DataError, match="own_recency_days"):
        fitted.model.predict(data.cutoffs[0].features.drop(columns=["own_recency_days"]))


def test_leaks_are_left_out() -> None:
    data, _ = make_division(600, 4)
    leaky = tuple(
        replace(each, features=each.features.assign(won_flag=each.label.astype(float), leak=each.label + 0.01 * np.pi,
                                                    broken=np.inf, same=1.0))
        for each in data.cutoffs
    )  # fmt: skip
    found = choose_inputs(leaky, FAST.train, FAST.leakage)
    assert set(found.left_out) == {"won_flag", "leak", "broken"}
    assert not {"won_flag", "leak", "broken", "same"} & set(found.names)


def test_folds_never_look_ahead_nor_share_accounts() -> None:
    data, _ = make_division(300, 5)
    for fold in forward_folds(data):
        assert all(each.window_end <= fold.valid.cutoff for each in fold.train)
    for fold in account_folds(data, 4, 0):
        seen = {account for each in fold.train for account in each.accounts}
        assert not seen & set(fold.valid.accounts)


@pytest.mark.parametrize("seed", [5, 6])
def test_across_accounts_the_base_rate_is_worth_nothing_and_not_less(seed: int) -> None:
    data, _ = make_division(500, seed)
    fitted = fit_division(replace(data, cutoffs=data.cutoffs[-1:]), FAST, seed=1)
    auc = fitted.candidates.set_index("candidate")["auc"]
    assert not fitted.forward and auc["base_rate"] == 0.5 < auc["recency"]


def test_the_future_changes_nothing_that_is_judged_before_it() -> None:
    data, _ = make_division(600, 6)
    changed = shuffled(data, 7)
    mixed = replace(data, cutoffs=(*data.cutoffs[:2], changed.cutoffs[2]))
    one, two = (fit_division(each, FAST, seed=1).judged for each in (data, mixed))
    names = [name for name in ("recency", "frequency", "base_rate") if name in one]
    first = one["fold"] == 0
    pd.testing.assert_frame_equal(one.loc[first, names], two.loc[first, names])


def test_season() -> None:
    windows = [(date(2011, 3, 1), date(2011, 6, 1)), (date(2011, 6, 1), date(2011, 9, 1))]
    assert season_was_seen(windows, date(2012, 4, 1), 3)
    assert not season_was_seen(windows, date(2011, 9, 1), 3)


def test_cancel_is_obeyed() -> None:
    data, _ = make_division(300, 8)

    def cancel() -> None:
        raise Cancelled()

    with pytest.raises(Cancelled):
        fit_division(data, FAST, seed=1, check=cancel)


def test_a_year_of_windows_judges_and_one_of_them_does_not_take_the_season_away() -> None:
    """Where a comparison cannot tell, all cutoffs are learned from: the last three know no year."""
    days = tuple(date(2021 + k // 4, 3 * (k % 4) + 1, 1) for k in range(9))
    data, _ = make_division(250, 4, days=days)
    quarters = replace(data, window_months=3, cutoffs=tuple(replace(each, window_months=3) for each in data.cutoffs))
    assert [fold.valid.cutoff for fold in forward_folds(quarters)] == list(days[-4:])
    assert len(forward_folds(data)) == 2  # windows of half a year: two of them are one
    fitted = fit_division(quarters, FAST, seed=1)
    assert fitted.model.trained_on == days
    assert f"learned from {len(days)} cutoffs" in fitted.steps[0]


def test_probabilities_that_were_too_bold_are_drawn_together_and_as_many_are_expected() -> None:
    data, _ = make_division(1500, 7)
    fitted = fit_division(data, FAST, seed=1)
    inputs = Matrices(fitted.inputs.names, data.cutoffs)
    found = fit_candidates(data.cutoffs, inputs, fitted.recipe, FAST.train, 1, ("logreg",),
                           date(2024, 7, 1))["logreg"]  # fmt: skip
    latest = data.cutoffs[-1]
    scores = inputs.log_odds(found.parts, latest)
    before = found.calibrator.apply(scores)
    odds = np.log(before / (1 - before))
    bold = 1 / (1 + np.exp(-(2.0 * (odds - odds.mean()) + odds.mean())))
    judged = pd.DataFrame({"fold": 0, "label": latest.label, "p_hat": bold})
    after = _tempered(found, judged, scores, longer=True).apply(scores)
    assert after.std() < 0.8 * before.std()
    assert after.mean() == pytest.approx(before.mean(), abs=0.005)
    # That models which had learned from far less were too careful is no reason to draw apart.
    careful = judged.assign(p_hat=1 / (1 + np.exp(-(0.5 * (odds - odds.mean()) + odds.mean()))))
    assert _tempered(found, careful, scores, longer=True) is found.calibrator
    # A level that moved between windows says nothing of boldness.
    still = pd.DataFrame(
        {"fold": np.repeat([0, 1], 1500), "label": np.tile(latest.label, 2), "p_hat": np.tile(before, 2)}
    )
    shifted = np.r_[odds - 1.0, odds + 1.0]
    one, two = (
        _tempered(found, each, scores, longer=False).apply(scores)
        for each in (still, still.assign(p_hat=1 / (1 + np.exp(-shifted))))
    )
    assert np.abs(one - two).max() < 0.01


def test_inputs_made_once_are_those_of_each_cutoff_whatever_is_asked_for() -> None:
    data, _ = make_division(60, 3)
    names = choose_inputs(data.cutoffs, FAST.train, FAST.leakage).names
    known, unknown = Matrices(names, data.cutoffs), Matrices(names)
    for chosen in (data.cutoffs, data.cutoffs[:2], data.cutoffs[::2], data.cutoffs[1:]):
        one, two = (each.stack(chosen, 12.0) for each in (known, unknown))
        for a, b in ((one.x, two.x), (one.y, two.y), (one.weight, two.weight)):
            np.testing.assert_array_equal(a, b)
        # Halves learned from the shared bins are the rows that were asked for.
        half = np.arange(one.y.size) % 2 == 0
        part = one.bins.take(half).dataset(one.y[half], one.weight[half])
        assert part.num_data() == half.sum()
        np.testing.assert_allclose(part.get_label(), one.y[half])


def test_a_candidate_behind_beyond_doubt_is_not_looked_at_again() -> None:
    rng = np.random.default_rng(5)
    odds = rng.normal(0, 1.5, 4000)
    y = (rng.random(4000) < 1 / (1 + np.exp(-odds))).astype(int)
    part = pd.DataFrame({"label": y, "cutoff_date": pd.Timestamp("2024-01-01"), "logreg": odds,
                         "lgbm": odds + rng.normal(0, 1.5, 4000),
                         "blend": odds + rng.normal(0, 0.05, 4000)})  # fmt: skip
    assert list(fallen_behind(part)) == ["lgbm"]
    # A tenth of the rows leaves the same doubt about none that are alike.
    assert not fallen_behind(part.assign(lgbm=part["blend"]))
    assert not fallen_behind(part[["label", "cutoff_date", "logreg"]])


@pytest.mark.parametrize("seed", [3, 4])
def test_a_rule_expects_as_many_of_its_best_fifth_and_of_those_who_never_bought_as_come(seed: int) -> None:
    data, truths = make_division(4000, seed, signal=1.5)
    rule, last = fit_baseline("recency", data.cutoffs[:2]), data.cutoffs[2]
    matrix = baseline_matrix("recency", last.features)
    assert rule is not None and matrix is not None
    odds, never = rule.log_odds(matrix), last.features["own_recency_days"].isna().to_numpy()
    assert odds[never].max() < odds[~never].min()
    for part in (never, np.argsort(odds)[-len(odds) // 5 :]):
        assert expit(odds[part]).mean() == pytest.approx(truths[2][part].mean(), abs=0.03)
