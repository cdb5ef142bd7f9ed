"""Components declared in settings: measured as said, refused where they cannot be, chosen where nothing was said."""

from __future__ import annotations

import math
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from icp_xl.components.presets import PRESETS
from icp_xl.config.scoring import ScoringSettings
from icp_xl.errors import ConfigError, InsufficientDataError
from icp_xl.scoring.accounts import score_accounts
from icp_xl.scoring.choose import choose_components
from icp_xl.scoring.fitting import MONTH
from icp_xl.scoring.measures import SalesHistory, measure_facts
from icp_xl.scoring.model import ScoreModel

KINDS = {
    "industry": {"kind": "lookup", "column": "industry", "strategic": True},
    "seats": {"kind": "tiers", "column": "seats", "tiers": "0: 0.1; 50: 0.9"},
    "floor": {"kind": "number", "column": "floor", "falling": True},
    "bread": {"kind": "revenue", "divisions": "bread", "months": 6},
    "mix": {"kind": "share", "divisions": ["Bread"]},
    "owned": {"kind": "owned", "products": "oven"},
    "recent": {"kind": "recency", "months": 3},
    "often": {"kind": "frequency"},
}
MORE = {
    "money": {"kind": "monetary", "months": 3},
    "hope": {"kind": "expected"},
    "breadth": {"kind": "breadth"},
    "growth": {"kind": "growth", "months": 6},
    "tenure": {"kind": "tenure"},
    "steady": {"kind": "recurring"},
    "both": {"kind": "blend", "columns": "seats, floor", "shares": "0.7, 0.3"},
}
END = pd.Timestamp("2024-01-01")


def accounts(n: int = 40) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "account_id": [f"A{i}" for i in range(n)], "account_name": "x", "region": None, "rep": None,
            "industry": rng.choice(["Cafe", "Hotel", None], n), "annual_revenue": np.nan, "printers": np.nan,
            "seats": rng.integers(10, 90, n).astype(float),
            "floor": np.where(rng.random(n) < 0.1, np.nan, rng.random(n)),
            **dict.fromkeys(("hardware_revenue", "consumable_revenue", "software_revenue", "service_revenue"), 0.0),
            "total_revenue": rng.lognormal(6, 1, n), "gross_profit": 0.0,
        }
    )  # fmt: skip


def lines(n: int = 40, per: int = 30) -> pd.DataFrame:
    rng = np.random.default_rng(2)
    count = n * per
    frame = pd.DataFrame(
        {
            "date": END - pd.to_timedelta(rng.integers(1, 800, count), unit="D"),
            "account_id": rng.choice([f"A{i}" for i in range(n - 3)], count),
            "division": rng.choice(["Bread", "Cake", "Coffee"], count),
            "category": None, "sku": rng.choice(["s1", "s2", "s3", "s4"], count), "product": "p",
            "revenue": np.round(rng.normal(50, 30, count), 2),
        }
    )  # fmt: skip
    plan = pd.DataFrame(
        {
            "date": pd.date_range("2022-12-05", periods=12, freq="MS") + pd.Timedelta(days=3), "account_id": "A0",
            "division": "Plan", "category": None, "sku": "plan", "product": "plan", "revenue": 20.0,
        }
    )  # fmt: skip
    return pd.concat([frame, plan], ignore_index=True)


def assets() -> pd.DataFrame:
    return pd.DataFrame(
        {"account_id": ["A1", "A1", "A2"], "product": ["Oven", "Mixer", "oven"], "quantity": [2, 5, None]}
    )


def scored(components: dict[str, object]) -> tuple[pd.DataFrame, ScoreModel]:
    settings = ScoringSettings.model_validate({"components": components})
    history = SalesHistory.of(lines(), assets(), until=END)
    choice = choose_components(accounts(), history, settings, {"Cafe": "1"})
    weights = settings.default_weights(choice.components)
    found = score_accounts(choice.accounts, {"Cafe": "1"}, weights, settings, components=choice.components)
    return found.scored.set_index("account_id"), found.model


def oracle(log: pd.DataFrame, one: str) -> dict[str, float]:
    """The facts of one account, read slowly."""
    mine = [row for row in log.itertuples() if row.account_id == one and row.date < END]
    bought = [row for row in mine if row.revenue > 0]

    def since(months: int, rows: list[object] = mine, until: pd.Timestamp = END) -> list[object]:
        return [row for row in rows if until - pd.DateOffset(months=months) <= row.date < until]  # type: ignore[attr-defined]

    half = END - pd.DateOffset(months=6)
    now = max(sum(row.revenue for row in since(6)), 0.0)
    before = max(sum(row.revenue for row in since(6, mine, half)), 0.0)
    year = sum(row.revenue for row in since(12))
    seen = max(((END - row.date).days for row in bought), default=0) / MONTH
    quiet = min(((END - row.date).days for row in bought), default=0) / MONTH
    rate = len({row.date.date() for row in since(24, bought)}) / max(min(seen, 24), 1)
    alive = 1 / (1 + (1 / 36) / (rate + 1 / 36) * (math.exp((rate + 1 / 36) * quiet) - 1))
    pace = 12 * sum(row.revenue for row in since(24)) / (min(seen, 24) + 6)
    bread = sum(row.revenue for row in since(12) if row.division == "Bread")
    return {
        "bread_amount": sum(row.revenue for row in since(6) if row.division == "Bread"),
        "mix_share": min(max(bread, 0.0) / year, 1.0) if year > 0 else np.nan,
        "recent_days": min((END - row.date).days for row in bought) if bought else np.nan,
        "often_purchases": len({row.date.date() for row in since(12, bought)}),
        "money_amount": sum(row.revenue for row in since(3)),
        "breadth_count": len({row.division for row in since(12, bought)}),
        "hope_expected": pace * alive if bought else 0.0,
        "growth_rate": (now - before) / (now + before) if now + before > 0 else np.nan,
        "tenure_months": max((END - row.date).days for row in bought) / MONTH if bought else np.nan,
    }


@pytest.mark.parametrize("declared", [KINDS, MORE], ids=["first", "second"])
def test_every_kind_is_measured_as_it_says_and_scores_between_0_and_1(declared: dict[str, object]) -> None:
    frame, model = scored(declared)
    for one in ("A0", "A1", "A7", "A39"):
        for fact, wanted in oracle(lines(), one).items():
            if fact in frame.columns:
                assert frame.loc[one, fact] == pytest.approx(wanted, abs=1e-6, nan_ok=True), (one, fact)
    for name in declared:
        assert frame[f"{name}_score"].between(0, 1).all() and frame[f"{name}_score"].nunique() > 1, name
    total = frame[[f"{name}_contribution" for name in model.names]].sum(axis=1)
    np.testing.assert_allclose(total, frame["raw_score"], atol=1e-12)
    again = ScoreModel.from_json(model.to_json())
    np.testing.assert_array_equal(again.score(frame).icp_score, frame["icp_score"])


def test_what_is_owned_and_what_is_billed_month_after_month() -> None:
    declared = {"owned": KINDS["owned"], "steady": MORE["steady"]}
    settings = ScoringSettings.model_validate({"components": declared})
    measured = measure_facts(accounts(), settings.declared(""), SalesHistory.of(lines(), assets(), until=END))
    facts = measured.set_index("account_id")
    assert facts["owned_owned"][["A0", "A1", "A2"]].tolist() == [0.0, 2.0, 1.0]
    assert facts.loc["A0", "steady_amount"] == pytest.approx(240.0) and facts.loc["A1", "steady_amount"] == 0.0


def test_nothing_after_the_day_is_seen() -> None:
    settings = ScoringSettings.model_validate({"components": {k: v for k, v in MORE.items() if k != "both"}})
    late = lines().assign(date=lines()["date"] + pd.Timedelta(days=900), revenue=1e6)
    known = measure_facts(accounts(), settings.declared(""), SalesHistory.of(lines(), until=END))
    more = measure_facts(accounts(), settings.declared(""), SalesHistory.of(pd.concat([lines(), late]), until=END))
    pd.testing.assert_frame_equal(known, more)


@pytest.mark.parametrize(
    ("components", "words"),
    [
        ({"a": {"kind": "recency"}}, "2 to 8 components"),
        ({f"c{i}": {"kind": "recency"} for i in range(9)}, "2 to 8 components"),
        ({"a": {"kind": "lookup"}, "b": {"kind": "recency"}}, "a.column is needed"),
        ({"a": {"kind": "recency", "column": "x"}, "b": {"kind": "tenure"}}, "nothing that the kind recency reads"),
        ({"a": {"kind": "share", "months": 900}, "b": {"kind": "tenure"}}, "months must be 1 to 240"),
        ({"a": {"kind": "tiers", "column": "x", "tiers": "5: 0.1"}, "b": {"kind": "tenure"}}, "start at 0"),
        ({"a": {"kind": "recency", "label": "B"}, "b": {"kind": "tenure"}}, "b.label B heads another component too"),
        ({"icp": {"kind": "recency"}, "b": {"kind": "tenure"}}, "lower-case letters"),
        ({"a": {"kind": "recency", "weight": 0.7}, "b": {"kind": "tenure", "weight": 0.7}}, "sum to 1"),
        ({"a": {"kind": "blend", "columns": "x, y", "shares": "0.7"}, "b": {"kind": "tenure"}}, "one for each column"),
    ],
)
def test_a_declaration_that_cannot_be_is_refused_with_its_place(components: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ScoringSettings.model_validate({"components": components})


def test_a_constant_score_is_not_published_and_the_error_says_what_would_work() -> None:
    history = SalesHistory.of(lines(), assets(), until=END)
    frame = accounts().assign(industry=None)
    with pytest.raises(InsufficientDataError) as caught:
        choose_components(frame, history, ScoringSettings(preset="equipment"), {})
    assert "same score" in str(caught.value) and "general" in str(caught.value)
    empty = SalesHistory.of(lines().iloc[:0], until=END)
    with pytest.raises(InsufficientDataError, match="same score"):
        choose_components(frame.assign(total_revenue=0.0), empty, ScoringSettings(), {})
    same = pd.DataFrame(
        {"date": END - pd.Timedelta(days=9), "account_id": frame["account_id"], "division": "d", "category": None,
         "sku": "s", "product": "p", "revenue": 100.0}
    )  # fmt: skip
    alike = choose_components(
        frame.assign(total_revenue=100.0), SalesHistory.of(same, until=END), ScoringSettings(), {}
    )
    assert "every account would get the same score" in alike.explanation
    one = frame.assign(annual_revenue=np.arange(1, 41) * 1e6, total_revenue=0.0)
    with pytest.raises(InsufficientDataError, match="one component alone, size"):
        choose_components(one, empty, ScoringSettings(), {})


def test_auto_takes_the_specification_where_its_facts_are_and_says_what_else_it_took() -> None:
    history = SalesHistory.of(lines(), assets(), until=END)
    trade = accounts().assign(printers=np.arange(40.0), annual_revenue=np.arange(1, 41) * 1e6)
    assert choose_components(trade, history, ScoringSettings(), {}).components == ScoringSettings().declared(
        "equipment"
    )
    plain = choose_components(accounts(), history, ScoringSettings(), {})
    assert plain.preset == "general" and "size" not in [item.name for item in plain.components]
    assert "revenue recurs" in plain.explanation and "industry and size" in plain.explanation
    rows = [
        (END - pd.DateOffset(months=k), f"A{i}", "Plan", "saas", f"plan{i % 3}", 10.0 * (1 + i % 5))
        for i in range(38) for k in range(1, 3 + i % 20)
    ]  # fmt: skip
    billed = pd.DataFrame(rows, columns=["date", "account_id", "division", "category", "sku", "revenue"])
    assert (
        choose_components(accounts(), SalesHistory.of(billed, until=END), ScoringSettings(), {}).preset
        == "subscription"
    )


def test_a_component_that_was_asked_for_and_tells_nobody_apart_is_warned_of() -> None:
    components = {"seats": KINDS["seats"], "hall": {"kind": "number", "column": "hall"}, "recent": KINDS["recent"]}
    settings = ScoringSettings.model_validate({"components": components})
    history = SalesHistory.of(lines(), until=END)
    choice = choose_components(accounts().assign(hall=np.nan), history, settings, {})
    assert "hall (from hall)" in choice.explanation and "seats" not in choice.explanation
    assert not choose_components(accounts().assign(hall=np.arange(40.0)), history, settings, {}).explanation


def test_weights_of_other_components_are_refused() -> None:
    from icp_xl.config import load_settings
    from icp_xl.scoring.weights import usual_weights

    settings = load_settings(environ={}, overrides={"scoring.weights.vertical": 0.4, "scoring.weights.size": 0.1})
    with pytest.raises(ConfigError, match="do not fit"):
        usual_weights(settings, PRESETS["general"])


def test_grades_of_few_accounts_come_with_what_they_can_mean() -> None:
    frame, _ = scored(KINDS)
    assert (frame["grade_range"].str.len() > 1).any()
    ranges = frame["grade_range"]
    assert all(said[0] <= mine <= said[-1] for mine, said in zip(frame["icp_grade"], ranges, strict=True))
    assert (ranges[frame["percentile"].between(0.65, 0.75)].str.contains("to")).all()


def test_the_same_clock_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    first, _ = scored(MORE)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(datetime(2040, 1, 1).timestamp())))
    second, _ = scored(MORE)
    pd.testing.assert_frame_equal(first, second)


def test_the_bakery_goes_from_its_settings_sheet_to_scores(tmp_path: Path) -> None:
    from icp_xl.cli import run
    from tests.components.bakery import NAMES, write_bakery

    write_bakery(tmp_path)
    assert run(["score", "--quiet", "--data", str(tmp_path), "--out", str(tmp_path / "out")]) == 0
    model = ScoreModel.load(tmp_path / "out" / "score_model.json")
    assert model.names == NAMES and model.weights["bread"] == 0.3
    found = pd.read_parquet(tmp_path / "out" / "state" / "scored_accounts.parquet")
    assert found["icp_score"].std() > 10 and set(found["icp_grade"]) == set("ABCDF")
    assert found["reasons"].str.contains("Gold pays").any() and (tmp_path / "out" / "live" / "icp_live.xlsx").is_file()
