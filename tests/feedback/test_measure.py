"""Did the list work: unbiased where reps choose whom to work, honest where nothing was held out, read from real "
"files."""

from __future__ import annotations

import math
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from python_calamine import CalamineWorkbook

from icp_xl import artifacts
from icp_xl.cli import run as icp
from icp_xl.config.loader import load_settings
from icp_xl.feedback.measure import accounts_needed, compare, measure_list
from icp_xl.feedback.stats import wilson
from icp_xl.outputs import Publication
from icp_xl.pipeline.feedback.example_list import example_list
from icp_xl.pipeline.feedback.measure import measure
from icp_xl.progress import Progress
from icp_xl.reports.did_it_work import findings_in_words
from icp_xl.runs import RunContext
from tests.support.lists import simulate_quarter


def quarter(seed: int, **options: float) -> pd.DataFrame:
    return simulate_quarter(np.random.default_rng(seed), **options)[0]  # type: ignore[arg-type]


def test_the_lift_is_that_of_the_draw_and_not_of_the_reps_choice() -> None:
    pairs, truth = simulate_quarter(np.random.default_rng(4), 40_000, effect=0.8)
    found = measure_list(pairs)
    assert abs(found.whole.lift - truth) < 0.012
    assert found.whole.low <= truth <= found.whole.high and found.whole.verdict == "bought more"
    rate = found.groups.set_index("group")["rate"]
    # Worked less not worked is thrice the truth here: reps choose well.
    assert rate["Listed and worked"] - rate["Listed, not worked"] > 2 * truth
    value, low, high = found.working
    assert low < value < high and value == pytest.approx(found.whole.lift / found.share_worked, rel=0.05)


def test_a_list_that_does_nothing_is_rarely_praised_and_its_intervals_hold() -> None:
    held = [measure_list(quarter(seed, n=400, effect=0.0)).whole for seed in range(60)]
    assert sum(each.low <= 0 <= each.high for each in held) >= 53  # 95 % of 60 is 57; 52 or fewer come 1 time in 200
    assert abs(float(np.mean([each.lift for each in held]))) < 0.02


def test_one_list_is_newcombes_interval_by_hand() -> None:
    accounts = pd.DataFrame({"list_day": "2026-01-05", "held_out": [False] * 80 + [True] * 20,
                             "bought": [True] * 16 + [False] * 64 + [True] * 2 + [False] * 18,
                             "revenue": 0.0})  # fmt: skip
    found = compare(accounts)
    (low1, high1), (low0, high0) = wilson(16, 80), wilson(2, 20)
    assert found.lift == pytest.approx(0.1)
    assert found.low == pytest.approx(0.1 - math.hypot(0.2 - low1, high0 - 0.1))
    assert found.high == pytest.approx(0.1 + math.hypot(high1 - 0.2, 0.1 - low0))


def test_lists_of_different_shares_and_rates_are_compared_within_themselves() -> None:
    good = pd.DataFrame({"list_day": "2026-01-05", "held_out": [True] * 90 + [False] * 10, "bought": True,
                         "revenue": 1.0})  # fmt: skip
    bad = pd.DataFrame({"list_day": "2026-04-05", "held_out": [True] * 10 + [False] * 90, "bought": False,
                        "revenue": 0.0})  # fmt: skip
    found = compare(pd.concat([good, bad], ignore_index=True), seed=1)
    assert found.lift == 0.0 and found.revenue_lift == 0.0, "a good month in which many were held out is no effect"


def test_the_order_of_rows_and_the_names_change_nothing() -> None:
    pairs = quarter(5, n=500)
    one, two = measure_list(pairs, seed=1), measure_list(pairs.sample(frac=1, random_state=2), seed=1)
    assert one.whole.lift == two.whole.lift and one.whole.low == two.whole.low
    pd.testing.assert_frame_equal(one.by, two.by)


def test_without_a_holdout_nothing_is_claimed_and_the_words_say_what_to_do() -> None:
    found = measure_list(quarter(6, n=500, held=0.0))
    assert found.whole.verdict == "no account was held out" and not found.needed
    assert math.isnan(found.whole.lift) and math.isnan(found.working[0])
    told = " ".join(findings_in_words(found))
    assert "Nobody can say" in told and "whitespace.holdout_share: 0.1" in told
    assert set(found.by["verdict"]) == {"no account was held out"}


def test_too_few_are_said_to_be_too_few_and_what_it_takes_is_named() -> None:
    assert measure_list(quarter(7, n=30, held=0.1)).whole.verdict == "too few to say"
    found = measure_list(quarter(8, n=300, effect=0.1))
    assert found.whole.verdict == "no difference shown"
    assert found.needed and all(need.held > found.whole.held for need in found.needed)
    assert "cannot be told yet" in " ".join(findings_in_words(found)) and "needed" in " ".join(findings_in_words(found))


def test_the_numbers_that_it_takes_give_the_power_they_promise() -> None:
    listed, held = accounts_needed(0.10, 0.16, 0.3)
    rng = np.random.default_rng(1)
    one, zero = rng.binomial(listed, 0.16, 4000) / listed, rng.binomial(held, 0.10, 4000) / held
    z = (one - zero) / np.sqrt(one * (1 - one) / listed + zero * (1 - zero) / held)
    assert 0.77 < (z > 1.96).mean() < 0.84


def folder(tmp_path: Path, *, holdout: bool, worked: bool = True) -> list[str]:
    """300 accounts, a list of 2026-01-05 with every third held out; listed ones buy half the time, others rarely."""
    data, out = tmp_path / "data", tmp_path / "out"
    (out / "state" / "lists").mkdir(parents=True)
    data.mkdir()
    rng = np.random.default_rng(1)
    ids = [f"K{k:03d}" for k in range(300)]
    names = [f"{a} {b} Works" for a in "Amber Birch Cedar Delta Ember Flint Grove Haven Indigo Juniper".split()
             for b in "Adler Bosch Conti Dürer Euler Fuchs Gauss Hertz Jonas Krupp Lange Maier Nolde Opitz Planck "
                      "Quant Röntgen Siebert Tesla Unger Vogel Weber Xaver Young Zeiss Arndt Brandt Celan Droste "
                      "Eich".split()]  # fmt: skip
    held = np.array([holdout and k % 3 == 0 for k in range(300)])
    customers = pd.DataFrame({"Account ID": ids, "Account Name": names, "Industry": "Dental"})
    customers.to_csv(data / "customers.csv", index=False)
    buys = rng.random(300) < np.where(held, 0.1, 0.5)
    lines = [(f"2025-{m:02d}-10", k, "Printers", 100) for m in (3, 6, 9) for k in range(300)]
    lines += [("2026-02-10", k, "Printers", 1000) for k in np.flatnonzero(buys)]
    lines += [("2026-01-03", 1, "Printers", 9e5), ("2026-09-10", 2, "Printers", 9e5)]
    lines += [("2026-02-01", 3, "Scanners", 9e5)]
    sales = pd.DataFrame(lines, columns=["Date", "k", "Division", "Revenue"])
    sales.insert(1, "Account ID", [ids[int(k)] for k in sales.pop("k")])
    sales.to_csv(data / "sales.csv", index=False)
    status = ["contacted" if worked and k % 2 and not held[k] else "" for k in range(300)]
    pd.DataFrame({
        "account_id": ids, "account_name": names, "division": "PRINTERS", "rep": [f"Rep {k % 4}" for k in range(300)],
        "p_icp": 0.2, "selected": True, "holdout": held, "status": status,
        "status_on": pd.Timestamp("2026-01-20"), "cutoff": pd.Timestamp("2026-01-01"), "window_months": 6,
    }).to_parquet(out / "state" / "lists" / "2026-01-05.parquet")  # fmt: skip
    return ["--data", str(data), "--out", str(out), "--set", "run.clock=2026-10-01T08:00:00"]


def cells(path: Path) -> list[list[object]]:
    return CalamineWorkbook.from_path(str(path)).get_sheet_by_name("Did it work").to_python()


def test_the_command_reads_lists_statuses_and_sales(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert icp(["measure", *folder(tmp_path, holdout=True)]) == 0
    said = capsys.readouterr().out
    assert "The list worked" in said and "of 100 accounts that were held out" in said
    table = cells(tmp_path / "out" / "icp_did_it_work.xlsx")
    rows: dict[str, list[object]] = {}
    for row in table:
        for k in range(len(row)):
            if row[k]:
                rows.setdefault(str(row[k]), row[k:])
    # What was bought before the list, after its window or of another division is not the list's.
    assert rows["Listed, all"][1] == 200 and float(str(rows["Listed, all"][5])) < 2e5
    assert rows["Held out"][1] == 100 and rows["Listed and worked"][1] == 100
    assert any(name.startswith("Rep ") for name in rows)


def test_without_a_holdout_the_command_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert icp(["measure", *folder(tmp_path, holdout=False)]) == 0
    assert "Nobody can say yet" in capsys.readouterr().out


def test_where_nobody_typed_a_status_the_list_is_measured_all_the_same(tmp_path: Path) -> None:
    assert icp(["measure", *folder(tmp_path, holdout=True, worked=False), "--html"]) == 0
    rows = [row for row in cells(tmp_path / "out" / "icp_did_it_work.xlsx") if "Listed and worked" in row]
    assert rows[0][rows[0].index("Listed and worked") + 1] == 0
    assert "The list worked" in (tmp_path / "out" / "icp_did_it_work.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("word, worked", [("To-Do", 0), ("not contacted yet", 0), ("-", 0), ("Called twice", 50)])
def test_statuses_in_peoples_own_words(
    word: str, worked: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = folder(tmp_path, holdout=True)
    path = tmp_path / "out" / "state" / "lists" / "2026-01-05.parquet"
    frame = pd.read_parquet(path)
    touched = (frame["status"] != "") & (frame.index < 150)
    frame.loc[:, "status"] = np.where(touched, word, "")
    frame.to_parquet(path)
    assert icp(["measure", *given]) == 0
    rows = [row for row in cells(tmp_path / "out" / "icp_did_it_work.xlsx") if "Listed and worked" in row]
    assert rows[0][rows[0].index("Listed and worked") + 1] == worked
    assert ("own words count as worked: Called twice (50)" in "".join(capsys.readouterr())) == bool(worked)


def test_a_list_younger_than_every_sale_is_not_measured_yet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = folder(tmp_path, holdout=True)
    lists = tmp_path / "out" / "state" / "lists"
    (lists / "2026-01-05.parquet").rename(lists / "2026-09-30.parquet")
    assert icp(["measure", *given]) != 0
    said = capsys.readouterr().err
    assert "no sale is later than the first list" in said and "Traceback" not in said


def test_without_a_list_it_says_what_it_lacks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = folder(tmp_path, holdout=True)
    (tmp_path / "out" / "state" / "lists" / "2026-01-05.parquet").unlink()
    assert icp(["measure", *given]) != 0
    said = "".join(capsys.readouterr())
    assert "no list has been given out yet" in said and "--holdout" in said
    assert not (tmp_path / "out" / "icp_did_it_work.xlsx").exists()


def test_the_demos_example_says_that_it_is_one_and_finds_nothing(tmp_path: Path) -> None:
    """A list that nobody was given: what was bought lately is not on it, and it is nowhere kept as one given out."""
    given = folder(tmp_path, holdout=True)
    (tmp_path / "out" / "state" / "lists" / "2026-01-05.parquet").unlink()
    chosen = load_settings(overrides={"paths.data": tmp_path / "data", "paths.out": tmp_path / "out"})
    now = datetime(2026, 10, 1)
    run = RunContext("demo", chosen, Progress(), Publication(tmp_path / "out"), "r1", now)
    day = pd.Timestamp("2026-01-05")
    ids = [f"K{k:03d}" for k in range(300)]
    frame = pd.DataFrame({"account_id": ids, "rep": "Ann", "p_hat": np.linspace(0.9, 0.1, 300)})
    for division in ("Printers", "Scanners"):
        of = {"division": division.lower(), "cutoff": day.date()}
        run.outputs.parquet(artifacts.VALIDATION_FRAME.path(**of), frame)
        body = {"division": division, "cutoff": "2026-01-05", "window_months": 6}
        run.outputs.json(artifacts.VALIDATION_METRICS.path(**of), body)
    listed, said = example_list(run)
    assert set(listed["division"]) == {"Scanners"}, "every account had bought printers in the months before"
    assert listed["account_id"].tolist() == ids[: len(listed)] and 0 < listed["holdout"].mean() < 0.5
    result = measure(run, (listed, said))
    assert result is not None and result.words[0].startswith("This is an example") and given
    assert "nobody was ever given it" in result.words[0]
    assert not list((tmp_path / "out" / "state" / "lists").iterdir())
