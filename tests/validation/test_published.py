"""What forward validation judges is what training would have published on the day: held against training itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from icp_xl.config import Settings, load_settings
from icp_xl.config.reports import ReportSettings
from icp_xl.delivery.render.book import render_bytes
from icp_xl.pipeline.api import call
from icp_xl.pipeline.models.train import train
from icp_xl.pipeline.models.validate import ValidationResult, validate
from icp_xl.propensity import train as training
from icp_xl.propensity.data import DivisionData
from icp_xl.propensity.fit import fit_division
from icp_xl.propensity.model import CARE
from icp_xl.propensity.train import DivisionJob, Evaluated
from icp_xl.reports.inputs import RunFacts
from icp_xl.reports.spec import Table, Text, tables_of
from icp_xl.reports.validation import build_validation_book, say_model
from icp_xl.reports.words import MOST_BARS
from icp_xl.validation import published as module
from icp_xl.validation.holdout import validate_division
from icp_xl.validation.published import ServedModel, publish_then
from tests.support.divisions import make_division, shuffled

DAY, END = date(2024, 7, 1), date(2024, 10, 1)
QUICK = {
    "train.tree_seeds": 1, "train.logreg": [{"c": 0.02}], "train.candidates": ["logreg"], "train.bootstrap": 50,
    "train.baselines": ["base_rate", "recency", "days"], "train.n_cutoffs": 4, "train.min_positives": 20,
    "build.window_months": 3, "features.use_als": False, "validation.bootstrap": 60, "labels.auto_widen": True,
    "validation.cutoffs": [DAY.isoformat()],
}  # fmt: skip
SMALL = ("Plotters", "Scanning", "Training")
NOBODY = pd.DataFrame({"account_id": pd.Series(dtype=object)})


def make_log(seed: int) -> pd.DataFrame:
    """Lines of 2023 and 2024. Accounts come, buy as often as they do, and go; small divisions are for a part of them.

    So one division alone shows few buyers, and what its own lines and those of all divisions tell of them together
    is more than a rule knows.
    """
    rng = np.random.default_rng(seed)
    accounts, months = 300, 24
    rate = rng.gamma(1.0, 0.8, accounts)
    begins, ends = rng.integers(-8, 10, accounts), rng.integers(6, 60, accounts)
    shares = {"Printers": 0.6, "Software": 0.4} | dict.fromkeys(SMALL, 0.3)
    fits = {name: rng.random(accounts) < (0.2 if name in SMALL else 0.7) for name in shares}
    rows = []
    for month in range(months):
        active = (begins <= month) & (month < ends) & (rng.random(accounts) < 1 - np.exp(-rate))
        for division, share in shares.items():
            for account in np.flatnonzero(active & fits[division] & (rng.random(accounts) < share)):
                day = pd.Timestamp(2023 + month // 12, month % 12 + 1, int(rng.integers(1, 28)))
                money = float(np.round(rng.gamma(2.0, 100.0), 2))
                rows.append((day, f"A{account:03d}", f"{division[:2]}-{rng.integers(6)}", division, 1.0, money))
    names = ["date", "account_id", "sku", "division", "quantity", "revenue"]
    return pd.DataFrame(rows, columns=names).assign(product=None, gross_profit=lambda t: 0.4 * t["revenue"])


def options(folder: Path, lines: pd.DataFrame, as_of: date) -> Settings:
    (folder / "out" / "state").mkdir(parents=True)
    # What the leakage check found is learned from by neither.
    (folder / "out" / "state" / "leaky_features.json").write_text('{"features": ["all_recency_days"]}')
    lines.to_parquet(folder / "lines.parquet")
    return load_settings(environ={}, overrides={
        **QUICK, "paths.data": str(folder), "paths.out": str(folder / "out"), "build.as_of": as_of.isoformat(),
        "build.transactions": str(folder / "lines.parquet"),
    })  # fmt: skip


def settings(**more: object) -> Settings:
    return load_settings(environ={}, overrides={**QUICK, "build.window_months": 6, **more})


def job(data: DivisionData, **more: object) -> DivisionJob:
    return DivisionJob(data.division, data.slug, (), DAY, settings(**more), {}, held=data)


def published(*datas: DivisionData, **more: object) -> dict[str, ServedModel | str]:
    return publish_then([job(data, **more) for data in datas])


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    return make_log(1)


@pytest.fixture(scope="module")
def result(log: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> ValidationResult:
    known = log[log["date"] < pd.Timestamp(END)]
    found = call("validate", validate, options(tmp_path_factory.mktemp("log") / "later", known, END))
    assert found is not None
    return found


def test_what_is_judged_is_what_training_publishes_of_the_log_as_it_was(
    log: pd.DataFrame, result: ValidationResult, tmp_path: Path
) -> None:
    then = call("train", train, options(tmp_path / "then", log[log["date"] < pd.Timestamp(DAY)], DAY))
    assert then is not None
    models = {each.division: each.model for each in then.trained if isinstance(each, Evaluated)}
    assert {each.division: (each.kind, each.skilled) for each in result.holdouts} == {
        division: (model.kind, model.published) for division, model in models.items()
    }
    kinds = {each.kind for each in result.holdouts}
    assert "pooled" in kinds and len(kinds) > 1, kinds
    window = log[log["date"].between(pd.Timestamp(DAY), pd.Timestamp(END), inclusive="left")]
    for each in result.holdouts:
        accounts, here = each.frame["account_id"], window[window["division"] == each.division]
        p = then.scores[then.scores["division"] == each.division].set_index("account_id")["p_icp"].reindex(accounts)
        bought = accounts.isin(here.loc[here["revenue"] > 0, "account_id"])
        np.testing.assert_allclose(each.frame["p_hat"], p, rtol=1e-9)
        assert each.metrics["auc"].value == pytest.approx(roc_auc_score(bought, p))
        assert each.figures["predicted_rate"] == pytest.approx(p.mean())
        assert each.figures["base_rate"] == pytest.approx(bought.mean())


def test_nothing_of_what_came_after_reaches_the_judged_models(
    log: pd.DataFrame, result: ValidationResult, tmp_path: Path
) -> None:
    """All lines from the cutoff on, of every division, are dealt out anew."""
    rng = np.random.default_rng(0)
    later = log["date"] >= pd.Timestamp(DAY)
    dealt = log.copy()
    for columns in (["account_id"], ["date"], ["division", "sku"], ["revenue"]):
        dealt.loc[later, columns] = log.loc[later, columns].to_numpy()[rng.permutation(int(later.sum()))]
    again = call("validate", validate, options(tmp_path / "dealt", dealt, date(2025, 1, 1)))
    assert again is not None
    for one, two in zip(result.holdouts, again.holdouts, strict=True):
        both = one.frame.merge(two.frame, on="account_id", suffixes=("", "_dealt"))
        assert one.kind == two.kind and len(both) == len(one.frame)
        assert not both["label"].equals(both["label_dealt"])
        np.testing.assert_array_equal(both["p_hat"], both["p_hat_dealt"])


def test_the_report_and_the_command_say_which_divisions_one_model_for_all_served(result: ValidationResult) -> None:
    served = [each.division for each in result.holdouts if each.kind == "pooled"]
    said = [line for line in result.summary() if "by One model for all divisions;" in line]
    assert [line.partition(" at ")[0] for line in said] == served
    run = RunFacts(run_id="r1", finished=datetime(2026, 7, 1), command="icp-xl validate")
    [overview, *_] = build_validation_book(result.holdouts, result.left_out, [], run, ReportSettings()).sheets
    texts = [item.text for item in overview.blocks if isinstance(item, Text)]
    [told] = [text for text in texts if "one model for all divisions" in text]
    assert all(f"{division} at {DAY}" in told for division in served)


def test_of_many_validations_the_charts_draw_the_latest_with_most_buyers(result: ValidationResult) -> None:
    run = RunFacts(run_id="r1", finished=datetime(2026, 7, 1), command="icp-xl validate")
    many = [replace(each, division=f"{each.division} {n:02}") for n in range(40) for each in result.holdouts]
    for holdouts in (result.holdouts, many):
        book = build_validation_book(holdouts, [], [], run, ReportSettings())
        kinds = [type(item) for item in book.sheets[0].blocks if isinstance(item, Table | tuple)]
        assert kinds[:2] == ([tuple, Table] if holdouts is many else [Table, tuple])
        whole, drawn = (table.frame for table in tables_of(book.sheets[0].blocks))
        buyers = whole.set_index("label")["buyers"]
        assert len(whole) == len(holdouts) and len(drawn) == min(len(holdouts), MOST_BARS)
        assert sorted(buyers[drawn["label"]]) == sorted(buyers)[-len(drawn) :]
        assert render_bytes(book)


def test_a_model_without_proven_skill_is_said_to_be_unpublished() -> None:
    [found] = published(shuffled(make_division(400, 3)[0]), **{"train.pooled": False}).values()
    assert isinstance(found, ServedModel) and not found.skilled
    now = make_division(400, 4)[0].cutoffs[-1]
    judged = validate_division(found, replace(now, cutoff=DAY), NOBODY, settings(), seed=1)
    assert say_model(judged).endswith("not published: no skill was proven then")


def test_divisions_that_stand_by_themselves_pay_for_no_model_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "recall_pooled", lambda *_, **__: pytest.fail("nothing is small"))
    datas = [replace(make_division(900, n)[0], division=f"No {n}", slug=f"no_{n}") for n in (1, 2)]
    found = published(*datas)
    for data, each in zip(datas, found.values(), strict=True):
        assert isinstance(each, ServedModel) and each.basis is None
        alone = fit_division(data, settings(), seed=job(data).seed, target=DAY)
        assert each.fit("").model.files() == alone.model.files()


def test_a_family_that_is_taken_away_is_taken_from_the_model_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "pooled_verdict", lambda *_: (CARE, []))
    datas = [replace(make_division(n, n)[0], division=f"No {n}", slug=f"no_{n}") for n in (90, 900)]
    found = published(*datas, **{"train.candidates": ["logreg", "lgbm"], "train.min_positives": 200})["No 90"]
    assert isinstance(found, ServedModel)
    whole, without = ({part.kind for _, part in found.fit(name).model.parts} for name in ("", "lgbm"))
    assert (whole, without) == ({"logreg", "lgbm"}, {"logreg"})


def test_a_window_of_any_division_that_reaches_beyond_the_day_is_an_error() -> None:
    data = make_division(200)[0]
    jobs = [job(data), replace(job(data), score_cutoff=data.cutoffs[-1].cutoff)]
    with pytest.raises(ValueError, match="reaches beyond"):
        publish_then(jobs)
