"""The whole search: λ matters and in order, the verdict is honest, errors are clear, the forward check is fair."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from icp_xl.config import Settings, load_settings
from icp_xl.errors import Cancelled, DataError, InsufficientDataError, MissingColumnsError
from icp_xl.outputs import json_text
from icp_xl.progress import RecordingProgress
from icp_xl.scoring.weights import read_weights
from icp_xl.weight_search.forward import check_forward
from icp_xl.weight_search.objective import Objective
from icp_xl.weight_search.problem import build_problem
from icp_xl.weight_search.search import OptimizeResult, optimize_weights
from icp_xl.weight_search.simplex import as_floats
from icp_xl.weight_search.weights_file import weights_body

from tests.support.recovery import recovered  # isort: skip
from tests.support.weights import make_scored  # isort: skip


def _settings(**overrides: object) -> Settings:
    small = {"optimize.n_trials": 160, "optimize.tpe_trials": 16, "optimize.bootstrap": 60}
    return load_settings(environ={}, overrides={**small, **overrides})


def _search(folder: Path, frame: pd.DataFrame | None = None, **overrides: object) -> OptimizeResult:
    return optimize_weights(make_scored(400) if frame is None else frame, _settings(**overrides), folder)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> OptimizeResult:
    return _search(tmp_path_factory.mktemp("study"))


@pytest.mark.parametrize("size", [True, False])
def test_lambda_matters_and_in_order(tmp_path: Path, size: bool) -> None:
    found = {
        lambda_: _search(tmp_path / str(lambda_), **{"optimize.lambda_param": lambda_, "optimize.include_size": size})
        for lambda_ in (0.0, 0.25, 0.5, 1.0)
    }
    values = [each.value for each in found.values()]
    assert all(a.kl >= b.kl - 1e-9 and a.rho >= b.rho - 1e-6 for a, b in zip(values, values[1:], strict=False))
    assert len({each.weights for each in found.values()}) == 4
    assert values[-1].kl < 1e-4
    for each in found.values():
        assert each.weights[0] + each.weights[1] + each.weights[2] + each.weights[3] == 1.0
        assert (each.weights[1] == 0.0) is not size


def test_the_curve_is_monotone_and_holds_the_choice(result: OptimizeResult) -> None:
    points = result.tradeoff
    assert [point.lambda_ for point in points] == [0.0, 0.1, 0.25, 0.5, 0.75, 1.0]
    assert all(
        a.value.kl >= b.value.kl and a.value.rho >= b.value.rho for a, b in zip(points, points[1:], strict=False)
    )
    assert [point.units.tolist() for point in points if point.chosen] == [result.best.tolist()]


def test_exhaustive_search_finds_nothing_better() -> None:
    import tempfile

    for size in (True, False):
        settings = _settings(**{"optimize.include_size": size, "optimize.n_trials": 1000})
        with tempfile.TemporaryDirectory() as folder:
            found = optimize_weights(make_scored(300), settings, Path(folder))
        objective = Objective(found.problem)
        points = found.problem.rules.grid(200 if size else 100)
        best = min(objective.value(row).objective(0.25) for row in points)
        assert found.objective <= best + 1e-4


def test_regions_hold_what_they_say(result: OptimizeResult) -> None:
    small, business, noise = result.regions
    best = as_floats(result.best)
    for region in result.regions:
        assert all(region.low[i] <= best[i] <= region.high[i] for i in range(4))
    assert small.tolerance < noise.tolerance and small.tolerance < business.tolerance
    assert all(business.high[i] - business.low[i] >= small.high[i] - small.low[i] for i in range(4))
    assert result.importance.sum() == pytest.approx(1.0)


def test_intervals_cover_and_gains_are_paired(result: OptimizeResult) -> None:
    noise = result.bootstrap
    for interval in noise.correlation.values():
        assert -1 <= interval.low <= interval.estimate <= interval.high <= 1
    gain = noise.gain["current"]
    width = noise.correlation["best"].high - noise.correlation["best"].low
    assert gain.high - gain.low < width  # the same accounts in both: far narrower than either alone


def test_no_change_is_recommended_within_noise(tmp_path: Path) -> None:
    frame = make_scored(400, planted=np.full(4, 0.25), noise=0.3)
    found = _search(tmp_path, frame)
    assert not found.verdict.change and "No change recommended" in found.verdict.text
    body = weights_body(found, _settings(), timestamp="2026-01-05T10:00:00", input_hash="x")
    assert body["adopted"] is False
    assert tuple(read_weights(body, _settings()).values()) == (0.25, 0.25, 0.25, 0.25)
    always = weights_body(
        found, _settings(**{"optimize.adopt": "always"}), timestamp="2026-01-05T10:00:00", input_hash="x"
    )
    assert tuple(read_weights(always, _settings()).values()) == found.weights


def test_a_gain_beyond_noise_is_recommended(tmp_path: Path) -> None:
    found = _search(tmp_path, make_scored(1000, planted=np.array([0.15, 0.15, 0.5, 0.2]), noise=0.03))
    assert found.verdict.change
    body = weights_body(found, _settings(), timestamp="2026-01-05T10:00:00", input_hash="x")
    assert tuple(read_weights(body, _settings()).values()) == found.weights


def test_planted_weights_are_recovered() -> None:
    assert sum(recovered(seed, n=700, n_trials=120) for seed in range(5)) >= 4


def test_moves_are_those_of_the_scoring_engine(result: OptimizeResult) -> None:
    from icp_xl.scoring.model import fit_knots, grade, percentile_of

    problem, shares = result.problem, _settings().scoring.grade_shares.model_dump()
    grades = []
    for weights in (np.full(4, 0.25), as_floats(result.best)):
        raw = problem.scores @ weights
        grades.append(grade(percentile_of(raw, np.array(fit_knots(raw)), len(raw)), shares))
    changed = int((grades[0] != grades[1]).sum())
    assert len(result.moves) == changed > 0
    assert (result.moves["steps"].abs().diff().dropna() <= 0).all()


def test_the_same_seed_gives_the_same_file(result: OptimizeResult, tmp_path: Path) -> None:
    again = _search(tmp_path)
    bodies = [
        json_text(weights_body(each, _settings(), timestamp="2026-01-05T10:00:00", input_hash="x"))
        for each in (result, again)
    ]
    assert bodies[0] == bodies[1]
    pd.testing.assert_frame_equal(result.trials, again.trials)


def test_a_cancel_says_how_to_go_on(tmp_path: Path) -> None:
    with pytest.raises(Cancelled, match=r"best so far -0\.\d+ at vertical .* goes on when"):
        optimize_weights(make_scored(400), _settings(), tmp_path, progress=RecordingProgress(cancel_after=120))
    assert list(tmp_path.glob("*.journal"))


def _with(column: str, value: object) -> pd.DataFrame:
    frame = make_scored(100)
    frame[column] = value
    return frame


@pytest.mark.parametrize(
    ("frame", "kind", "why"),
    [
        (make_scored(49), InsufficientDataError, "got: 49; allowed: at least 50"),
        (
            make_scored(100).drop(columns=["adoption_score", "hardware_revenue"]),
            MissingColumnsError,
            "adoption_score, h",
        ),
        (_with("vertical_score", 0.5), DataError, "the same for every engaged account .where: vertical_score"),
        (_with("size_score", 0.5), DataError, "--no-size"),
        (_with("size_score", np.nan), DataError, "missing component scores .where: size_score; got: 200 accounts"),
        (_with("adoption_score", 1.5), DataError, "out of range"),
        (_with("hardware_revenue", np.nan), DataError, "missing revenue"),
        (
            make_scored(100).assign(hardware_revenue=1.0, consumable_revenue=1.0),
            DataError,
            "revenue is the same for every engaged account",
        ),
        (make_scored(100).assign(account_id="A"), DataError, "more than once"),
    ],
)
def test_bad_inputs_are_clear_errors(frame: pd.DataFrame, kind: type[Exception], why: str) -> None:
    with pytest.raises(kind, match=why):
        build_problem(frame, _settings())


def _history(persistent: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Accounts and two years of sales; what an account buys lasts, or is drawn anew after the first 16 months."""
    rng = np.random.default_rng(5)
    accounts = pd.DataFrame({"account_id": [f"A{i:03d}" for i in range(200)]})
    lines = []
    level = rng.lognormal(5, 1, 200)
    for month in range(24):
        if month == 16 and not persistent:
            level = rng.lognormal(5, 1, 200)
        day = pd.Timestamp(2023, 1, 15) + pd.DateOffset(months=month)
        amounts = level * rng.lognormal(0, 0.3, 200)
        lines.append(pd.DataFrame({"account_id": accounts["account_id"], "date": day, "revenue": amounts}))
    sales = pd.concat(lines, ignore_index=True).assign(category="consumable", gross_profit=0.0)
    sales["source_row"] = range(len(sales))
    return accounts, sales


def _components(accounts: pd.DataFrame, day: pd.Timestamp) -> pd.DataFrame:
    ranks = accounts["consumable_revenue"].rank(pct=True)
    noise = np.random.default_rng(1).random((len(accounts), 3))
    return accounts.assign(
        vertical_score=noise[:, 0], size_score=noise[:, 1], adoption_score=ranks, relationship_score=noise[:, 2]
    )


@pytest.mark.parametrize("persistent", [True, False])
def test_the_forward_check_tells_flattery_from_skill(persistent: bool) -> None:
    accounts, sales = _history(persistent)
    settings = _settings(**{"optimize.forward_date": date(2024, 5, 1)})
    check = check_forward(accounts, sales, _components, {"best": np.array([0.2, 0.15, 0.5, 0.15])}, settings)
    assert check.status == "" and check.accounts == 200
    assert check.flatters is not persistent
    assert (check.forward["best"].low > 0.3) is persistent


def test_the_forward_check_sees_nothing_after_the_day() -> None:
    accounts, sales = _history(True)
    seen: list[pd.DataFrame] = []

    def components(known: pd.DataFrame, day: pd.Timestamp) -> pd.DataFrame:
        seen.append(known)
        return _components(known, day)

    settings = _settings(**{"optimize.forward_date": date(2024, 5, 1)})
    scrambled = sales.copy()
    late = scrambled["date"] >= "2024-05-01"
    scrambled.loc[late, "revenue"] = scrambled.loc[late, "revenue"].to_numpy()[::-1] * 7
    for log in (sales, scrambled):
        check_forward(accounts, log, components, {"best": np.full(4, 0.25)}, settings)
    pd.testing.assert_frame_equal(seen[0], seen[1])


@pytest.mark.parametrize(
    ("sales", "why"),
    [
        (None, "no sales log"),
        (_history(True)[1].iloc[:200], "less than 90 days"),
        (_history(True)[1].query("account_id < 'A030'"), "only 30 accounts"),
    ],
)
def test_the_forward_check_says_why_it_measured_nothing(sales: pd.DataFrame | None, why: str) -> None:
    check = check_forward(_history(True)[0], sales, _components, {"best": np.full(4, 0.25)}, _settings())
    assert why in check.status and not check.flatters


@pytest.mark.parametrize("size", [True, False])
def test_few_accounts_are_searched_as_if_exhaustively(tmp_path: Path, size: bool) -> None:
    frame = make_scored(60, seed=17)
    found = _search(tmp_path, frame, **{"optimize.include_size": size, "optimize.minimum_engaged": 20})
    problem = found.problem
    whole = Objective(problem).objectives(problem.rules.grid(100), problem.lambda_)
    assert found.objective <= float(whole.min()) + 1e-4
    assert Objective(problem).objectives(found.best[None, :], problem.lambda_)[0] == pytest.approx(found.objective)


@pytest.mark.parametrize("count", [2, 6, 8])
def test_any_number_of_weights_from_two_to_eight(tmp_path: Path, count: int) -> None:
    from icp_xl.components.record import Component

    rng = np.random.default_rng(count)
    parts = tuple(Component(f"part{i}", "recency") for i in range(count))
    scores = pd.DataFrame(rng.random((120, count)), columns=[item.score_column for item in parts])
    revenue = np.exp(4 * scores["part0_score"] + 2 * scores["part1_score"] + rng.normal(0, 0.3, 120))
    frame = scores.assign(account_id=[f"A{i}" for i in range(120)], total_revenue=revenue)
    settings = _settings(**{"optimize.lambda_param": 0.0, "optimize.lambdas": (0.5,)})
    found = optimize_weights(frame, settings, tmp_path, components=parts)
    assert sum(found.weights) == 1.0 and found.problem.target_name == "revenue"
    assert found.weights[0] == max(found.weights) and found.best.shape == (count,)
    rules = found.problem.rules
    step = {2: 1, 6: 500, 8: 500}[count]
    assert rules.count(step) == len(rules.grid(step))
    whole = Objective(found.problem).objectives(rules.grid(step), 0.0)
    assert found.objective <= float(whole.min()) + 1e-4
