"""``icp-xl validate``: nothing of the future, windows that are whole, a season that is told."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from icp_xl.config import load_settings
from icp_xl.errors import InsufficientDataError
from icp_xl.pipeline.models.validate import choose_windows
from icp_xl.propensity.data import CutoffData, DivisionData
from icp_xl.tables.star_calendar import to_day
from icp_xl.validation.holdout import validate_division
from icp_xl.validation.published import ServedModel, own_fit
from tests.support.divisions import make_division

FAST = load_settings(
    overrides={"train.bootstrap": 50, "train.tree_seeds": 1, "train.logreg": [{"c": 0.02}],
               "train.candidates": ["logreg"], "validation.bootstrap": 100}
)  # fmt: skip
NOBODY = pd.DataFrame({"account_id": pd.Series(dtype=object)})


def own(data: DivisionData, now: CutoffData) -> ServedModel:
    return ServedModel(data, own_fit(data, FAST, seed=1, target=now.cutoff))


def star(first: date, until: date) -> object:
    return SimpleNamespace(
        customers=range(100), first_day=to_day(first), observed_until=to_day(until), observed_through=until
    )


def settings(**values: object) -> object:
    return load_settings(overrides={"build.window_months": 3, **values})


def test_a_window_that_is_not_observed_is_cut_and_told() -> None:
    log = star(date(2010, 12, 1), date(2011, 12, 10))
    [one, two] = choose_windows(log, settings(**{"validation.cutoffs": ["2011-09-01", "2011-10-01"]}))  # type: ignore[arg-type]
    assert (one.months, one.note) == (3, "")
    # A short log is learned from month by month, and never from a window that reaches beyond the cutoff.
    assert one.learn == tuple(date(2011, month, 1) for month in (3, 4, 5, 6))
    assert two.months == 2
    assert "cut to 2 of 3 months" in two.note
    assert all(date(2011, 2, 1) <= day <= date(2011, 8, 1) for day in two.learn)


def test_of_given_cutoffs_those_are_learned_from_that_were_over_by_then() -> None:
    log = star(date(2010, 12, 1), date(2011, 12, 10))
    given = {"train.cutoffs": ["2011-08-01", "2011-03-15", "2011-05-01"], "validation.cutoffs": ["2011-09-01"]}
    [found] = choose_windows(log, settings(**given))  # type: ignore[arg-type]
    assert found.learn == (date(2011, 3, 15), date(2011, 5, 1))
    [found] = choose_windows(log, settings(**{**given, "train.cutoffs": ["2011-08-01"]}))  # type: ignore[arg-type]
    assert found.learn == tuple(date(2011, month, 1) for month in (3, 4, 5, 6))


@pytest.mark.parametrize(
    ("cutoffs", "more", "match"),
    [
        (["2011-10-01"], {"validation.cut_window": False}, "the log ends on 2011-12-09"),
        (["2011-12-01"], {}, "the log ends on"),
        (["2010-12-15"], {}, "no full window before it"),
    ],
)
def test_a_window_that_cannot_be_is_refused(cutoffs: list[str], more: dict[str, object], match: str) -> None:
    log = star(date(2010, 12, 1), date(2011, 12, 10))
    with pytest.raises(InsufficientDataError, match=match):
        choose_windows(log, settings(**{"validation.cutoffs": cutoffs, **more}))  # type: ignore[arg-type]


def test_a_training_window_beyond_the_cutoff_is_an_error() -> None:
    data, _ = make_division(300)
    with pytest.raises(ValueError, match="reaches beyond"):
        validate_division(own(data, data.cutoffs[-1]), data.cutoffs[-1], NOBODY, FAST, seed=1)


def test_what_comes_after_changes_no_prediction_and_a_season_is_an_alert() -> None:
    data, _ = make_division(1500, 1)
    now = data.cutoffs[-1]
    published = own(data.before(now.cutoff), now)
    one = validate_division(published, now, NOBODY, FAST, seed=1)
    rng = np.random.default_rng(0)
    extra = (rng.random(len(now.label)) < 0.5).astype(np.int64)
    season = CutoffData(
        now.cutoff, now.features, np.maximum(now.label, extra), now.revenue + extra, now.gross_profit, 6
    )
    two = validate_division(published, season, NOBODY, FAST, seed=1)
    np.testing.assert_array_equal(one.frame["p_hat"], two.frame["p_hat"])
    assert "base rate" not in {each.kind for each in one.alerts}
    assert "base rate" in {each.kind for each in two.alerts}
    assert one.metrics["auc"].low < one.metrics["auc"].value < one.metrics["auc"].high
    assert set(one.badges) == {"ranking", "calibration", "expected value", "scores"}


def test_an_ablation_is_a_paired_difference() -> None:
    data, _ = make_division(800, 2)
    now = data.cutoffs[-1]
    options = FAST.model_copy(
        update={"validation": FAST.validation.model_copy(update={"ablations": ("als", "assets")})}
    )
    found = validate_division(own(data.before(now.cutoff), now), now, NOBODY, options, seed=1)
    # There are no such features here, so nothing is lost without them.
    assert [each["auc_gain"] for each in found.ablations] == [0.0, 0.0]
