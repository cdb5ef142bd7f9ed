"""Every worksheet function through xlwings' real decorators, converters and ``call_udf``."""

from __future__ import annotations

import datetime as dt
import importlib.util
import json
import math
import os
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from icp_xl.components.presets import EQUIPMENT
from icp_xl.config.scoring import ScoringSettings
from icp_xl.excel import functions
from icp_xl.excel.cells import ERRORS
from icp_xl.excel.published_results import published, set_published_folder
from icp_xl.excel.xlwings_udfs import described, generate_stubs
from icp_xl.scoring.accounts import score_accounts
from icp_xl.scoring.model import ScoreModel

COMPONENTS = [component.name for component in EQUIPMENT]
EVEN = dict.fromkeys(COMPONENTS, 0.25)
NA, VALUE, NUM = "#N/A", "#VALUE!", "#NUM!"
COM_NA, COM_REF = -2146826246, -2146826265
FACTS = ("industry", "annual_revenue", "printers", "consumable_revenue", "software_revenue")


def support(name: str) -> Any:
    full = f"support_{name}"
    if full not in sys.modules:
        spec = importlib.util.spec_from_file_location(full, Path(__file__).parents[1] / "support" / f"{name}.py")
        assert spec is not None and spec.loader is not None
        sys.modules[full] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[full])
    return sys.modules[full]


MISSING = support("udf_server").MISSING


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    with support("udf_server").function_server() as found:
        yield found


def accounts(n: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(7)
    money = rng.lognormal(10, 2, (n, 4)) * (rng.random((n, 4)) < 0.7)
    frame = pd.DataFrame(
        {
            "account_id": [f"{i:04d}" for i in range(n)],
            "account_name": [f"Firm {i} Inc." for i in range(n)],
            "industry": rng.choice(["Dental", "Aerospace & Defense", "Education", None], n),
            "annual_revenue": np.where(rng.random(n) < 0.3, np.nan, rng.lognormal(16, 3, n)),
            "rep": "R",
            "region": "West",
            "printers": np.where(rng.random(n) < 0.2, np.nan, rng.integers(0, 30, n)),
            "hardware_revenue": money[:, 0],
            "consumable_revenue": money[:, 1] - 5.0,
            "software_revenue": money[:, 2],
            "service_revenue": money[:, 3],
            "total_revenue": money.sum(axis=1) - 5.0,
            "gross_profit": money.sum(axis=1) / 3,
        }
    )
    return frame


def publish(out: Path, weights: dict[str, float] = EVEN) -> pd.DataFrame:
    found = score_accounts(accounts(), {"Dental": "1"}, weights, ScoringSettings())
    (out / "state").mkdir(parents=True, exist_ok=True)
    found.model.save(out / "score_model.json")
    found.scored.to_parquet(out / "state/scored_accounts.parquet", index=False)
    return found.scored


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An output folder that the functions look at; empty."""
    monkeypatch.setenv("ICP_XL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ICP_XL__PATHS__OUT", str(tmp_path / "out"))
    return tmp_path / "out"


@pytest.fixture
def scored(out: Path) -> pd.DataFrame:
    """Published results of a scoring run."""
    return publish(out)


def com(value: Any) -> Any:
    """A cell as COM hands it over."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    return value if isinstance(value, str) or value in (COM_NA, COM_REF) else float(value)


def column(values: Any) -> tuple[tuple[Any, ...], ...]:
    return tuple((com(value),) for value in values)


def cells(rows: Any) -> list[Any]:
    return [row[0] for row in rows]


def test_score_cell_by_cell_and_as_a_range_equals_the_batch(server: Any, scored: pd.DataFrame) -> None:
    ranges = [column(scored[name].tolist()) for name in FACTS]
    spilled = cells(server.call("ICP_SCORE", *ranges, MISSING))
    assert np.max(np.abs(np.array(spilled) - scored["icp_score"])) < 1e-9
    raw = cells(server.call("ICP_RAW", *ranges, MISSING))
    assert np.max(np.abs(np.array(raw) - scored["raw_score"])) < 1e-12
    assert cells(server.call("ICP_GRADE", *ranges, MISSING)) == scored["icp_grade"].tolist()
    assert cells(server.call("ICP_SEGMENT", ranges[1])) == scored["segment"].tolist()
    for name in COMPONENTS:
        found = cells(server.call("ICP_COMPONENT", name.upper(), *ranges))
        assert found == scored[f"{name}_score"].tolist()
    for i in range(0, len(scored), 13):
        single = server.call("ICP_SCORE", *(area[i][0] for area in ranges), MISSING)
        assert isinstance(single, float) and abs(single - scored["icp_score"][i]) < 1e-9


@pytest.mark.slow
def test_score_equals_the_batch_on_every_sample_account(server: Any, out: Path) -> None:
    from icp_xl.cli import run
    from icp_xl.samples import write_samples

    data = out.parent / "data"
    write_samples(data)
    assert run(["score", "--quiet", "--data", str(data), "--out", str(out)]) == 0
    scored = pd.read_parquet(out / "state/scored_accounts.parquet")
    assert len(scored) >= 290
    facts = scored[list(FACTS)].astype(object).where(scored[list(FACTS)].notna(), None)
    for row, want in zip(facts.itertuples(index=False), scored["icp_score"], strict=True):
        assert abs(server.call("ICP_SCORE", *map(com, row), MISSING) - want) < 1e-9
    got = cells(server.call("ICP_LOOKUP", column(scored["account_id"].tolist()), "icp_score"))
    assert got == scored["icp_score"].tolist()


def test_rows_spill_as_rows_and_single_cells_fill_ranges(server: Any, scored: pd.DataFrame) -> None:
    down = server.call("ICP_SCORE", "Dental", column([1e6, 1e9]), 3.0, 100.0, None, MISSING)
    across = server.call("ICP_SCORE", "Dental", ((1e6, 1e9),), 3.0, 100.0, None, MISSING)
    assert cells(down) == list(across)
    block = server.call("ICP_SCORE", "Dental", ((1e6, 1e9), (1e6, 1e9)), 3.0, 100.0, None, MISSING)
    assert [list(row) for row in block] == [list(across)] * 2
    assert server.call("ICP_SCORE", "Dental", column([1, 2]), column([1, 2, 3]), 1.0, 1.0, MISSING) == VALUE


def test_weights_are_four_that_sum_to_one(server: Any, scored: pd.DataFrame, out: Path) -> None:
    facts = ("Dental", 1e6, 3.0, 100.0, 50.0)
    model = ScoreModel.load(out / "score_model.json")
    want = model.score_arrays(["Dental"], [1e6], [3.0], [100.0], [50.0], weights=[0.4, 0.3, 0.2, 0.1])
    for weights in (((0.4, 0.3, 0.2, 0.1),), column([0.4, 0.3, 0.2, 0.1]), ((0.4, 0.3), (0.2, 0.1))):
        assert server.call("ICP_RAW", *facts, weights) == want.raw_score[0]
    assert server.call("ICP_SCORE", *facts, ((0.4, 0.3, 0.2, 0.2),)) == NUM
    assert server.call("ICP_SCORE", *facts, ((1.4, -0.4, 0.0, 0.0),)) == NUM
    assert server.call("ICP_SCORE", *facts, ((0.5, 0.5),)) == VALUE
    assert server.call("ICP_SCORE", *facts, (("a", 0.5, 0.25, 0.25),)) == VALUE
    assert server.call("ICP_SCORE", *facts, ((None,) * 4,)) == server.call("ICP_SCORE", *facts, MISSING)


@pytest.mark.parametrize(
    ("facts", "answer"),
    [
        (("Dental", "abc", 1.0, 1.0, 1.0), VALUE),
        (("Dental", True, 1.0, 1.0, 1.0), VALUE),
        (("Dental", dt.datetime(2024, 1, 1), 1.0, 1.0, 1.0), VALUE),
        ((dt.datetime(2024, 1, 1), 1.0, 1.0, 1.0, 1.0), VALUE),
        (("Dental", COM_NA, 1.0, 1.0, 1.0), NA),
        (("Dental", 1.0, COM_REF, 1.0, 1.0), "#REF!"),
        ((COM_REF, 1.0, 1.0, 1.0, 1.0), "#REF!"),
        (("Dental", -1.0, 1.0, 1.0, 1.0), NUM),
        (("Dental", 1.0, -2.0, 1.0, 1.0), NUM),
        (("Dental", float("inf"), 1.0, 1.0, 1.0), NUM),
        ((None, None, None, None, None), ""),
        (("", "", "", "", ""), ""),
    ],
)
def test_a_bad_cell_gets_its_error_and_spoils_no_other(
    server: Any, scored: pd.DataFrame, facts: tuple[Any, ...], answer: str
) -> None:
    assert server.call("ICP_SCORE", *facts, MISSING) == answer
    good = ("Dental", 1e6, 3.0, 100.0, 50.0)
    rows = zip(good, facts, good, strict=True)
    found = cells(server.call("ICP_SCORE", *(tuple((cell,) for cell in row) for row in rows), MISSING))
    assert found[1] == answer and found[0] == found[2] == server.call("ICP_SCORE", *good, MISSING)


def test_text_that_is_a_number_counts_and_industries_are_read_as_in_the_batch(
    server: Any, scored: pd.DataFrame
) -> None:
    want = server.call("ICP_SCORE", "Aerospace & Defense", 1e6, 3.0, 100.0, 50.0, MISSING)
    assert server.call("ICP_SCORE", "Aerospace & Defense", " 1000000 ", "3", 100.0, 50.0, MISSING) == want
    assert server.call("ICP_SCORE", "aerospace  & DEFENSE", 1e6, 3.0, 100.0, 50.0, MISSING) == want
    assert server.call("ICP_SCORE", "Aviation", 1e6, 3.0, 100.0, 50.0, MISSING) == want
    prior = server.call("ICP_SCORE", None, 1e6, 3.0, 100.0, 50.0, MISSING)
    assert server.call("ICP_SCORE", "Basket weaving", 1e6, 3.0, 100.0, 50.0, MISSING) == prior
    assert server.call("ICP_SCORE", 5112.0, 1e6, 3.0, 100.0, 50.0, MISSING) == prior


CELL = st.one_of(
    st.none(), st.floats(), st.booleans(), st.text(max_size=8), st.datetimes(), st.integers(-(2**31), 2**31 - 1),
    st.decimals(allow_nan=False, allow_infinity=False, places=4), st.times(),
    st.sampled_from([COM_NA, COM_REF, MISSING, "#N/A", "1e5", "=1+1"]),
)  # fmt: skip


@hypothesis_settings(max_examples=150, deadline=None)
@given(st.lists(CELL, min_size=6, max_size=6), st.integers(1, 3))
def test_whatever_comes_in_a_score_an_error_or_a_blank_goes_out(facts: list[Any], rows: int) -> None:
    model = score_accounts(accounts(60), {}, EVEN, ScoringSettings()).model
    before = published._load
    published._load = lambda names, read: model  # type: ignore[method-assign, assignment]
    try:
        with support("udf_server").function_server() as server:
            found = server.call("ICP_SCORE", *(((cell,),) * rows for cell in facts[:5]), facts[5])
    finally:
        published._load = before  # type: ignore[method-assign]
    for cell in [found] if not isinstance(found, list) else cells(found):
        assert cell == "" or cell in ERRORS or (isinstance(cell, float) and 0.0 <= cell <= 100.0)


def test_without_a_model_everything_is_not_available(server: Any, out: Path) -> None:
    facts = ("Dental", 1e6, 3.0, 100.0, 50.0)
    for name in ("ICP_SCORE", "ICP_RAW", "ICP_GRADE", "ICP_EXPLAIN"):
        assert server.call(name, *facts, MISSING) == NA
    assert server.call("ICP_COMPONENT", "size", *facts) == NA
    assert server.call("ICP_SEGMENT", 1e6) == NA
    assert server.call("ICP_WEIGHTS", MISSING) == NA
    assert server.call("ICP_LOOKUP", "0001", "rank") == NA
    assert server.call("ICP_WHATIF", ((0.4, 0.3, 0.2, 0.1),), MISSING) == NA
    assert server.call("ICP_PROPENSITY", "0001", "Software") == NA
    assert server.call("ICP_NEXT", "0001", MISSING) == NA


def test_a_new_model_is_seen_and_an_unchanged_one_is_not_read_again(
    server: Any, scored: pd.DataFrame, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[Path] = []
    load = ScoreModel.load.__func__  # type: ignore[attr-defined]
    monkeypatch.setattr(ScoreModel, "load", classmethod(lambda cls, path: reads.append(path) or load(cls, path)))
    facts = ("Dental", 1e6, 3.0, 100.0, 50.0)
    (out / "score_model.json").touch()
    first = server.call("ICP_RAW", *facts, MISSING)
    assert server.call("ICP_RAW", *facts, MISSING) == first and len(reads) == 1
    publish(out, dict(zip(COMPONENTS, (0.7, 0.1, 0.1, 0.1), strict=True)))
    second = server.call("ICP_RAW", *facts, MISSING)
    assert second != first and len(reads) == 2
    assert server.call("ICP_WEIGHTS", "Vertical") == 0.7
    (out / "score_model.json").write_text("{")
    assert server.call("ICP_RAW", *facts, MISSING) == NA, "a damaged model gives no number"
    (out / "score_model.json").unlink()
    assert server.call("ICP_RAW", *facts, MISSING) == NA


def test_explain_adds_up(server: Any, scored: pd.DataFrame, out: Path) -> None:
    text = server.call("ICP_EXPLAIN", "Dental", 1e6, 3.0, 100.0, 50.0, MISSING)
    score = server.call("ICP_SCORE", "Dental", 1e6, 3.0, 100.0, 50.0, MISSING)
    grade = server.call("ICP_GRADE", "Dental", 1e6, 3.0, 100.0, 50.0, MISSING)
    assert text.startswith(f"{grade}, score {score:.1f}: vertical ")
    parts = [float(part.split()[-1]) for part in text.split(": ")[1].split(" = ")[0].split(" + ")]
    assert abs(sum(parts) - float(text.split(" = ")[1])) < 0.0021


def test_weights_as_a_table_or_one(server: Any, scored: pd.DataFrame) -> None:
    assert server.call("ICP_WEIGHTS", MISSING) == [[name.capitalize(), 0.25] for name in COMPONENTS]
    assert server.call("ICP_WEIGHTS", "size") == 0.25
    assert server.call("ICP_WEIGHTS", "colour") == VALUE


def test_lookup_by_id_name_and_name_without_form(server: Any, scored: pd.DataFrame) -> None:
    row = scored.iloc[5]
    for key in (row["account_id"], row["account_name"], row["account_name"].upper().replace(" INC.", "")):
        assert server.call("ICP_LOOKUP", key, "icp_score") == row["icp_score"]
    assert server.call("ICP_LOOKUP", row["account_id"], "ICP Grade") == row["icp_grade"]
    assert server.call("ICP_LOOKUP", "Nobody", "rank") == NA
    assert server.call("ICP_LOOKUP", None, "rank") == NA
    assert server.call("ICP_LOOKUP", row["account_id"], "colour") == VALUE
    keys = column([scored["account_id"][0], "Nobody", scored["account_id"][1]])
    assert cells(server.call("ICP_LOOKUP", keys, "rank")) == [scored["rank"][0], NA, scored["rank"][1]]
    table = server.call("ICP_LOOKUP", keys, (("rank", "colour", "icp_grade"),))
    assert [list(line) for line in table] == [
        [scored["rank"][0], VALUE, scored["icp_grade"][0]],
        [NA, NA, NA],
        [scored["rank"][1], VALUE, scored["icp_grade"][1]],
    ]
    missing = scored.index[scored["annual_revenue"].isna()][0]
    assert server.call("ICP_LOOKUP", scored["account_id"][missing], "annual_revenue") == ""


def test_whatif_is_the_batch_under_other_weights(server: Any, scored: pd.DataFrame, out: Path) -> None:
    weights = [0.1, 0.2, 0.3, 0.4]
    model = ScoreModel.load(out / "score_model.json")
    want = scored.assign(new=model.score(scored, weights).icp_score, raw=model.score(scored, weights).raw_score)
    want = want.sort_values(["raw", "rank"], ascending=[False, True], kind="stable")
    table = server.call("ICP_WHATIF", (tuple(weights),), 7.0)
    assert len(table) == 8 and table[0][:2] == ["Account ID", "Account"]
    assert [row[3] for row in table[1:]] == want["new"].head(7).tolist()
    assert [row[2] for row in table[1:]] == sorted(row[2] for row in table[1:])
    assert all(abs(row[3] - row[6] - row[7]) < 1e-12 for row in table[1:])
    assert len(server.call("ICP_WHATIF", (tuple(weights),), MISSING)) == 21
    assert server.call("ICP_WHATIF", (tuple(weights),), 0.0) == NUM
    assert server.call("ICP_WHATIF", None, MISSING) == VALUE


def test_names_and_industries(server: Any, out: Path) -> None:
    assert server.call("ICP_NORMALIZE", "The Müller & Söhne GmbH & Co. KG") == "muller sohne"
    assert cells(server.call("ICP_NORMALIZE", column(["ACME, Inc.", None, COM_REF]))) == ["acme", "", "#REF!"]
    names = column(["Acme Incorporated", "Globex GmbH", "Initech LLC"])
    best, confidence = server.call("ICP_MATCH", "ACME Inc", names, MISSING)
    assert best == "Acme Incorporated" and 0.8 <= confidence <= 1.0
    assert list(server.call("ICP_MATCH", "Zebra Holdings", names, MISSING)) == [NA, NA]
    assert list(server.call("ICP_MATCH", None, names, MISSING)) == [NA, NA]
    assert server.call("ICP_MATCH", "ACME Inc", names, 2.0) == NUM
    table = server.call("ICP_MATCH", column(["GLOBEX", "Nobody Else"]), names, 0.5)
    assert [row[0] for row in table] == ["Globex GmbH", NA]
    assert server.call("ICP_INDUSTRY", "aviation") == "Aerospace & Defense"
    assert server.call("ICP_INDUSTRY", "Basket weaving") == NA
    assert server.call("ICP_INDUSTRY", None) == NA
    assert cells(server.call("ICP_INDUSTRY", column(["dentistry", "x"]))) == ["Dental", NA]


def test_propensity_and_next_from_what_the_models_published(server: Any, scored: pd.DataFrame, out: Path) -> None:
    pd.DataFrame(
        {"account_id": ["0001", "0001", "0002"], "division": ["Soft", "Hard", "Soft"], "p_icp": [0.2, 0.6, np.nan]}
    ).to_parquet(out / "state/icp_scores.parquet")
    pd.DataFrame(
        {
            "account_id": ["0001", "0001"],
            "division": ["Hard", "Soft"],
            "nba_reason": ["third", "bought consumables"],
            "score": [0.1, 0.9],
        }
    ).to_parquet(out / "state/whitespace.parquet")
    assert server.call("ICP_PROPENSITY", "0001", "hard") == 0.6
    assert server.call("ICP_PROPENSITY", "Firm 1", "Soft") == 0.2
    assert server.call("ICP_PROPENSITY", "0002", "Soft") == NA
    assert list(server.call("ICP_PROPENSITY", "0001", (("Soft", "Hard", "Other"),))) == [0.2, 0.6, NA]
    assert list(server.call("ICP_NEXT", "0001", MISSING)) == ["Soft", "bought consumables"]
    assert list(server.call("ICP_NEXT", "0001", 2.0)) == ["Hard", "third"]
    assert list(server.call("ICP_NEXT", "0001", 3.0)) == [NA, NA]
    assert server.call("ICP_NEXT", "0001", 0.0) == NUM
    assert server.call("ICP_NEXT", column(["0001", "0002"]), MISSING) == [["Soft", "bought consumables"], [NA, NA]]


def test_ten_thousand_rows(server: Any, scored: pd.DataFrame, out: Path) -> None:
    many = pd.concat([scored] * 25, ignore_index=True)
    assert len(many) == 10_000
    found = cells(server.call("ICP_SCORE", *(column(many[name].tolist()) for name in FACTS), MISSING))
    assert np.max(np.abs(np.array(found) - many["icp_score"])) < 1e-9


def test_an_unexpected_failure_is_an_error_value_and_leaves_a_note_without_data(
    server: Any, scored: pd.DataFrame, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("secret figure 42")

    monkeypatch.setattr(functions.CellFacts, "score", broken)
    assert server.call("ICP_SCORE", "Dental", 1.0, 1.0, 1.0, 1.0, MISSING) == VALUE
    note = json.loads((Path(os.environ["ICP_XL_HOME"]) / "last_function_error.json").read_text())
    assert note["function"] == "score" and note["error"] == "RuntimeError" and "42" not in json.dumps(note["error"])
    assert "secret" not in json.dumps(note)


def test_every_function_is_described_for_the_wizard() -> None:
    found = described()
    assert {item["name"] for item in found} >= {
        "ICP_COMPONENT", "ICP_EXPLAIN", "ICP_GRADE", "ICP_INDUSTRY", "ICP_LOOKUP", "ICP_MATCH", "ICP_NEXT",
        "ICP_NORMALIZE", "ICP_PROPENSITY", "ICP_RAW", "ICP_SCORE", "ICP_SCORE_ROW", "ICP_SEGMENT",
        "ICP_WEIGHTS", "ICP_WHATIF",
    }  # fmt: skip
    for item in found:
        assert item["category"] == "ICP" and item["volatile"] is False and item["call_in_wizard"] is False
        assert 20 <= len(item["description"]) <= 255
        for argument in item["arguments"]:
            assert 5 <= len(argument["help"]) <= 255 and "Positional" not in argument["help"]


def test_stubs_are_not_volatile_and_not_run_in_the_wizard() -> None:
    text = generate_stubs()
    assert "Application.Volatile" not in text
    assert text.count("Function ICP_") == text.count("IcpCaller()") // 2 == len(described())
    assert text.count('CommandBars("Standard").Controls(1).Enabled) Then Exit Function') == len(described())
    assert "Optional weights" in text


#: XlCVError: the errors that xlwings hands on as numbers, as learn.microsoft.com lists them, from 2043 on.
NEWER = {2043: "#GETTING_DATA", 2045: "#SPILL!", 2046: "#CONNECT!", 2047: "#BLOCKED!", 2048: "#UNKNOWN!",
         2049: "#FIELD!", 2050: "#CALC!"}  # fmt: skip
TOLD = "{}\n{}\n{}"


@pytest.mark.parametrize("number", NEWER)
def test_an_error_that_xlwings_does_not_know_is_no_number(server: Any, scored: pd.DataFrame, number: int) -> None:
    cell, text = -2146828288 + number, NEWER[number]
    for at in range(5):
        facts: list[Any] = ["Dental", 1e6, 3.0, 100.0, 50.0]
        facts[at] = cell
        assert server.call("ICP_SCORE", *facts) == text
    assert server.call("ICP_SEGMENT", cell) == text
    assert server.call("ICP_LOOKUP", cell, "rank") == text


def test_a_currency_cell_is_a_number_in_every_function(server: Any, scored: pd.DataFrame) -> None:
    facts = ("Dental", 1e6, 3.0, 100.0, 50.0)
    money = ("Dental", Decimal("1000000"), Decimal(3), Decimal("100.0000"), Decimal("50"))
    for name in ("ICP_SCORE", "ICP_RAW", "ICP_GRADE", "ICP_EXPLAIN"):
        assert server.call(name, *money) == server.call(name, *facts)
        assert server.call(name, *(column([cell]) for cell in money)) == server.call(name, *facts)
    assert server.call("ICP_COMPONENT", "size", *money) == server.call("ICP_COMPONENT", "size", *facts)
    assert server.call("ICP_SEGMENT", Decimal("1000000")) == server.call("ICP_SEGMENT", 1e6)
    headers = (("Industry", "Annual Revenue", "Printers", "Consumable Revenue", "Software Revenue"),)
    assert server.call("ICP_SCORE_ROW", headers, (money,)) == server.call("ICP_SCORE_ROW", headers, (facts,))
    assert server.call("ICP_WHATIF", ((Decimal("0.4"), 0.3, 0.2, 0.1),), Decimal(3)) == server.call(
        "ICP_WHATIF", ((0.4, 0.3, 0.2, 0.1),), 3.0
    )


@pytest.mark.parametrize(
    ("text", "decimal", "thousands", "number"),
    [
        ("1,000,000", ".", ",", 1e6), ("$1,000,000", ".", ",", 1e6), ("1.000.000", ",", ".", 1e6),
        ("1.000.000,00 €", ",", ".", 1e6), ("1 000 000", ",", "\u202f", 1e6), ("1'000'000", ".", "\u2019", 1e6),
        ("1e6", ".", ",", 1e6), ("1E+06", ",", ".", 1e6), ("100000000%", ".", ",", 1e6),
    ],
)  # fmt: skip
def test_a_text_is_the_number_that_the_workbooks_excel_reads_in_it(
    server: Any, scored: pd.DataFrame, text: str, decimal: str, thousands: str, number: float
) -> None:
    told = TOLD.format("", decimal, thousands)
    want = server.call("ICP_SCORE", "Dental", number, 3.0, 100.0, 50.0)
    assert server.call("ICP_SCORE", "Dental", text, 3.0, 100.0, 50.0, told=told) == want


@pytest.mark.parametrize(
    ("text", "decimal", "thousands"),
    [("1_000", ".", ","), ("1.500.00", ".", ","), ("1,500", ",", "."), ("12,34", ".", ","), ("0x10", ".", ","),
     ("nan", ".", ","), ("1.5", ",", ""), ("--5", ".", ","), ("\u0661\u0662", ".", ",")],
)  # fmt: skip
def test_a_text_that_this_excel_would_not_read_so_is_no_number(
    server: Any, scored: pd.DataFrame, text: str, decimal: str, thousands: str
) -> None:
    told = TOLD.format("", decimal, thousands)
    found = server.call("ICP_SCORE", "Dental", text, 3.0, 100.0, 50.0, told=told)
    # "1,500" is one and a half where the comma stands for decimals.
    half = server.call("ICP_SCORE", "Dental", 1.5, 3.0, 100.0, 50.0)
    assert found == (half if (text, decimal) == ("1,500", ",") else VALUE)


KINDS: list[Any] = [
    12.5, "12.5", Decimal("12.5"), 0.125, dt.datetime(2024, 1, 31), dt.datetime(1899, 12, 30, 8, 30), True, None, "",
    COM_NA, -2146826239, "text", ((1.0,), (Decimal(2),), (None,)),
]  # fmt: skip


@pytest.mark.parametrize("name", [item["name"] for item in described()])
def test_every_function_answers_every_kind_of_cell(server: Any, scored: pd.DataFrame, name: str) -> None:
    arguments = next(item["arguments"] for item in described() if item["name"] == name)
    usual = {
        "industry": "Dental", "annual_revenue": 1e6, "printers": 3.0, "consumable_revenue": 100.0,
        "software_revenue": 50.0, "component": "size", "account": "0001", "field": "rank", "name": "Firm 1",
        "candidates": (("Firm 1 Inc.",),), "text": "Dental", "division": "Software",
        "headers": (("Industry", "Annual Revenue", "Printers", "Consumable Revenue", "Software Revenue"),),
        "values": (("Dental", 1e6, 3.0, 100.0, 50.0),), "weights": ((0.4, 0.3, 0.2, 0.1),),
    }  # fmt: skip
    for place, argument in enumerate(arguments):
        for kind in KINDS:
            cells = [usual.get(item["name"], MISSING) for item in arguments]
            cells[place] = kind
            found = server.call(name, *cells)
            flat = [cell for row in found for cell in (row if isinstance(row, list | tuple) else [row])] if isinstance(
                found, list | tuple
            ) else [found]  # fmt: skip
            for cell in flat:
                assert isinstance(cell, str | int | float) and not isinstance(cell, bool), (argument, kind, found)
                assert not isinstance(cell, float) or math.isfinite(cell)
            if kind in (COM_NA, -2146826239) and not isinstance(found, list | tuple):
                assert found in ERRORS, (argument, kind, found)


def test_two_workbooks_of_two_folders_show_two_models(
    server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ICP_XL__PATHS__OUT", raising=False)
    monkeypatch.setenv("ICP_XL_HOME", str(tmp_path / "home"))
    facts = ("Dental", 1e6, 3.0, 100.0, 50.0)
    even, tilted = tmp_path / "A" / "out", tmp_path / "B" / "icp_output"
    for folder in (even, tilted):
        folder.mkdir(parents=True)
    publish(even)
    publish(tilted, dict(zip(COMPONENTS, (0.7, 0.1, 0.1, 0.1), strict=True)))
    first, second = str(tmp_path / "A" / "Book.xlsx"), str(tmp_path / "B" / "Book.xlsx")
    set_published_folder(even, first)
    of_first = server.call("ICP_SCORE", *facts, told=TOLD.format(first, ".", ","))
    of_second = server.call("ICP_SCORE", *facts, told=TOLD.format(second, ".", ","))
    model = ScoreModel.load(tilted / "score_model.json")
    assert of_first != of_second == model.score_arrays(*([cell] for cell in facts)).icp_score[0]
    set_published_folder(tilted, second)
    assert server.call("ICP_SCORE", *facts, told=TOLD.format(first.upper(), ".", ",")) == of_first
    assert server.call("ICP_MODEL", "folder", told=TOLD.format(first, ".", ",")) == str(even)
    assert server.call("ICP_MODEL", "folder", told=TOLD.format(second, ".", ",")) == str(tilted)
    # A workbook that no job has served yet shows what was made last, and ICP_MODEL says so.
    assert server.call("ICP_SCORE", *facts, told=TOLD.format("https://x.example/Book.xlsx", ".", ",")) == of_second
    assert server.call("ICP_MODEL", "colour") == VALUE


def test_a_torn_result_is_not_available_and_no_surprise(server: Any, scored: pd.DataFrame, out: Path) -> None:
    (out / "state").mkdir(exist_ok=True)
    whole = (out / "state" / "scored_accounts.parquet").read_bytes()
    for name in ("icp_scores", "whitespace", "scored_accounts"):
        for body in (b"", whole[: len(whole) // 2], b"PAR1" + bytes(40) + b"PAR1"):
            (out / "state" / f"{name}.parquet").write_bytes(body)
            assert server.call("ICP_PROPENSITY", "0001", "Software") == NA
            assert server.call("ICP_NEXT", "0001") in (NA, [NA, NA])
    assert server.call("ICP_LOOKUP", "0001", "rank") == NA
    assert not (Path(os.environ["ICP_XL_HOME"]) / "last_function_error.json").exists()


def test_the_model_behind_the_cells_is_named(server: Any, scored: pd.DataFrame, out: Path) -> None:
    (out / "runs").mkdir()
    lines = [
        {"run_id": "r1", "command": "score", "status": "succeeded", "warnings": 0, "finished": "2026-01-02T03:04:05"},
        {"run_id": "r2", "command": "score", "status": "failed", "warnings": 0, "finished": "2026-01-03T03:04:05"},
        {
            "run_id": "r3",
            "command": "whitespace",
            "status": "succeeded",
            "warnings": 0,
            "finished": "2026-01-04T03:04:05",
        },
    ]
    (out / "runs" / "runs.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert cells(server.call("ICP_MODEL", column(["run", "Date", "components"]))) == [
        "r1", "2026-01-02 03:04", ", ".join(COMPONENTS)
    ]  # fmt: skip
    assert server.call("ICP_MODEL") == f"Run r1 of 2026-01-02 03:04, in {out}"
