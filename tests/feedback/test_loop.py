"""The feedback loop: snapshots that know no future, outcomes that are counted once, and nothing lost in a crash."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icp_xl.config.feedback import FeedbackSettings, PipelineWeights
from icp_xl.errors import DataError
from icp_xl.feedback.lost_reasons import find_loss_reasons
from icp_xl.feedback.opportunities import prepare_opportunities
from icp_xl.feedback.outcomes import OutcomeReport, read_outcomes, record_outcomes
from icp_xl.feedback.pipeline_score import build_history, score_pipeline
from icp_xl.feedback.snapshots import list_parts, read_snapshot, write_snapshot
from icp_xl.feedback.store import Store
from tests.support.pipelines import simulate_judged, simulate_opportunities

SETTINGS, WEIGHTS = FeedbackSettings(), PipelineWeights()
DAY = date(2024, 1, 1)


def pipeline(n: int = 300, seed: int = 0) -> pd.DataFrame:
    return prepare_opportunities(simulate_opportunities(np.random.default_rng(seed), n))


def take(store: Store, frame: pd.DataFrame, day: date, *, replay: bool = True) -> bool:
    scored = score_pipeline(build_history(frame), day, SETTINGS, WEIGHTS, replay=replay)
    return write_snapshot(store, day, scored, WEIGHTS, now="", run_id="", replayed=replay)


def record(store: Store, frame: pd.DataFrame, day: date = date(2025, 6, 1), **options: object) -> OutcomeReport:
    return record_outcomes(store, frame, SETTINGS, today=day, now="", run_id="", **options)  # type: ignore[arg-type]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "history.sqlite") as opened:
        yield opened


@given(seed=st.integers(0, 10_000), kind=st.sampled_from(["dropped", "flipped", "amounts", "delayed"]))
@settings(max_examples=25, deadline=None)
def test_nothing_after_the_snapshot_enters_its_scores(seed: int, kind: str) -> None:
    frame = pipeline(200, seed)
    rng = np.random.default_rng(seed)
    moment = pd.Timestamp(DAY)
    later = (frame["close_date"] >= moment) & (frame["outcome"] != "open")
    changed = frame.copy()
    if kind == "dropped":
        changed = frame[~(frame["created_date"] > moment)].reset_index(drop=True)
    elif kind == "flipped":
        changed.loc[later, "outcome"] = rng.choice(["won", "lost"], int(later.sum()))
    elif kind == "amounts":
        changed.loc[later, "amount"] = rng.random(int(later.sum())) * 1e6
    else:
        changed.loc[later, "close_date"] += pd.to_timedelta(rng.integers(0, 90, int(later.sum())), unit="D")
    one, two = (
        score_pipeline(build_history(each), DAY, SETTINGS, WEIGHTS, replay=True).reset_index(drop=True)
        for each in (frame, changed)
    )
    pd.testing.assert_frame_equal(one, two)


@pytest.mark.parametrize("n", [60, 300])
def test_one_accounts_huge_deal_moves_nobody_else(n: int) -> None:
    """An amount beyond the ordinary has no influence: others score as if the account had won nothing at all."""
    frame = pipeline(n, 3)
    before = (frame["outcome"] == "won") & (frame["close_date"] < pd.Timestamp(DAY))
    account = frame.loc[before, "account_id"].iloc[0]
    mine = before & (frame["account_id"] == account)
    top = float(frame.loc[before & ~mine, "amount"].max())
    scores = []
    for amount in (0.0, 1000.0 * top, 1e9 * top):
        changed = frame.assign(amount=frame["amount"].where(~mine, amount))
        found = score_pipeline(build_history(changed), DAY, SETTINGS, WEIGHTS, replay=True)
        scores.append(found.loc[found["account_id"] != account, "account_largest_deal_score"].tolist())
    assert len(scores[0]) > 5 and scores[0] == scores[1] == scores[2]


def test_the_order_of_the_export_changes_nothing() -> None:
    frame = pipeline(300, 1)
    one, two = (
        score_pipeline(build_history(each), DAY, SETTINGS, WEIGHTS, replay=True)
        .sort_values("opportunity_id", ignore_index=True)
        for each in (frame, frame.sample(frac=1, random_state=5).reset_index(drop=True))
    )  # fmt: skip
    pd.testing.assert_frame_equal(one, two, check_exact=False, rtol=1e-12)


def test_a_day_is_kept_once_and_history_stays(store: Store) -> None:
    frame = pipeline()
    assert take(store, frame, DAY)
    first = read_snapshot(store, DAY)
    assert not take(store, frame, DAY)
    assert take(store, frame, date(2024, 2, 1))
    assert len(list_parts(store)) == 2
    pd.testing.assert_frame_equal(read_snapshot(store, DAY), first)
    assert not store.problems()


def test_outcomes_are_counted_once_and_follow_changes(store: Store) -> None:
    frame = pipeline(300, 2)
    take(store, frame, DAY)
    known = set(read_snapshot(store, DAY)["opportunity_id"])
    first = record(store, frame)
    assert not record(store, frame).events
    closed = frame[frame["opportunity_id"].isin(known) & frame["outcome"].isin(["won", "lost"])]
    assert first.events.get("won", 0) + first.events.get("lost", 0) == len(closed)
    won = closed.index[closed["outcome"] == "won"]
    changed = frame.copy()
    changed.loc[won[0], ["outcome", "close_date"]] = ["open", pd.NaT]
    changed.loc[won[1], "amount"] = changed.loc[won[1], "amount"] * 2 + 1
    open_ones = frame.index[frame["opportunity_id"].isin(known) & (frame["outcome"] == "open")]
    changed = changed.drop(index=open_ones[0])
    found = record(store, changed, date(2025, 7, 1))
    assert found.events.get("reopened") == 1
    assert found.events.get("deleted") == 1
    assert sum(found.events.values()) == 3
    now = read_outcomes(store).set_index("opportunity_id")
    assert now.loc[frame.loc[won[0], "opportunity_id"], "outcome"] == "open"
    assert now.loc[frame.loc[won[1], "opportunity_id"], "amount"] == changed.loc[won[1], "amount"]


def test_a_part_of_the_export_deletes_nothing(store: Store) -> None:
    frame = pipeline(300, 3)
    take(store, frame, DAY)
    half = frame.iloc[::2].reset_index(drop=True)
    assert "deleted" not in record(store, half, complete=False).events
    found = record(store, half, date(2025, 7, 1))
    assert "deleted" not in found.events
    assert found.warnings


def test_another_id_is_matched_only_by_a_person(store: Store) -> None:
    frame = pipeline(300, 4)
    # Not replayed: then nobody would know the amount of that day, and nothing could be matched by it.
    take(store, frame, DAY, replay=False)
    known = read_snapshot(store, DAY)["opportunity_id"]
    at = frame.index[frame["opportunity_id"].isin(known)][0]
    renamed = frame.copy()
    renamed.loc[at, "opportunity_id"] = "NEW-1"
    renamed.loc[at, "outcome"] = "won"
    renamed.loc[at, "close_date"] = pd.Timestamp("2024-03-01")
    found = record(store, renamed, complete=False)
    assert "NEW-1" in set(found.review["export_opportunity_id"])
    assert "won" not in found.events
    decided = found.review.assign(decision="yes")
    assert record(store, renamed, complete=False, decisions=decided).events.get("won") == 1


def test_ids_that_stand_twice_are_named() -> None:
    raw = simulate_opportunities(np.random.default_rng(0), 5)
    raw.loc[1, "opportunity_id"] = raw.loc[0, "opportunity_id"]
    with pytest.raises(DataError, match="several rows"):
        prepare_opportunities(raw)


def test_two_writers_at_once_lose_and_double_nothing(tmp_path: Path) -> None:
    frame = pipeline(200, 5)
    days = [date(2023, month, 1) for month in range(4, 12)]
    path = tmp_path / "history.sqlite"
    Store(path).close()

    def write(day: date) -> bool:
        with Store(path) as mine:
            return take(mine, frame, day)

    with ThreadPoolExecutor(4) as pool:
        kept = list(pool.map(write, days * 2))
    assert sum(kept) == len(days)
    with Store(path) as mine:
        assert sorted(part.snapshot_date for part in list_parts(mine)) == days
        assert not mine.problems()


def test_a_kill_in_the_middle_keeps_whole_days_only(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    code = (
        "import sys, numpy as np; from datetime import date, timedelta; from pathlib import Path;"
        "from icp_xl.feedback.store import Store; from tests.support.snapshot_writer import take, pipeline;"
        "frame = pipeline();\n"
        "with Store(Path(sys.argv[1])) as store:\n"
        "    print('ready', flush=True)\n"
        "    [take(store, frame, date(2023, 3, 1) + timedelta(days=k)) for k in range(400)]\n"
    )
    for pause in (0.05, 0.2, 0.4):
        process = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, cwd=Path.cwd())
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(pause)
        process.kill()
        process.wait()
        process.stdout.close()
    with Store(path) as mine:
        assert not mine.problems()
        for part in list_parts(mine):
            want = score_pipeline(build_history(pipeline(200, 0)), part.snapshot_date, SETTINGS, WEIGHTS, replay=True)
            assert len(read_snapshot(mine, part.snapshot_date)) == len(want)
        assert take(mine, pipeline(200, 0), date(2024, 6, 1))


def test_the_score_at_the_close_is_what_a_snapshot_of_that_day_would_have_said(store: Store) -> None:
    frame = pipeline(300, 6)
    take(store, frame, DAY)
    record(store, frame)
    found = read_outcomes(store)
    found = found[found["actual_score_at_close"].notna()].head(12)
    assert len(found) == 12
    for row in found.itertuples():
        day = row.close_date.date()
        history = frame.copy()
        # On the day it was open, with the amount it closed with; what closed on that day or later is not known.
        at = history["opportunity_id"] == row.opportunity_id
        history.loc[at, ["outcome", "close_date"]] = ["open", pd.NaT]
        history = history[(history["close_date"] < row.close_date) | at].reset_index(drop=True)
        (want,) = score_pipeline(build_history(history), day, SETTINGS, WEIGHTS, replay=False)["opportunity_score"]
        assert row.actual_score_at_close == pytest.approx(want, abs=1e-9)


def test_a_reason_that_is_filled_in_later_counts_and_none_wipes_it(store: Store) -> None:
    frame = pipeline(300, 7)
    take(store, frame, DAY)
    record(store, frame)
    lost = read_outcomes(store).query("outcome == 'lost'")["opportunity_id"].iloc[0]
    later = frame.copy()
    later.loc[later["opportunity_id"] == lost, ["loss_reason", "competitor"]] = ["Price", "Acme"]
    assert record(store, later).events == {"changed value": 1}
    assert not record(store, frame).events, "an export without the columns wipes nothing"
    kept = read_outcomes(store).set_index("opportunity_id").loc[lost]
    assert (kept["loss_reason"], kept["competitor"]) == ("Price", "Acme")


def test_a_store_of_an_earlier_version_is_carried_over_with_a_copy_beside_it(tmp_path: Path) -> None:
    from icp_xl.feedback import migrations
    from icp_xl.feedback import store as module

    path = tmp_path / "old.sqlite"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MIGRATIONS", migrations.MIGRATIONS[:2])
        with Store(path) as old:
            assert old.rows("PRAGMA user_version") == [(2,)]
    with Store(path) as new:
        assert not new.problems() and len(read_outcomes(new)) == 0
    assert (tmp_path / "old.sqlite.v2.backup").is_file()


def test_reasons_and_competitors_are_counted_and_only_what_stands_out_is_named() -> None:
    judged = simulate_judged(np.random.default_rng(1), 1500, truth=None)
    rng = np.random.default_rng(2)
    judged["competitor"] = rng.choice(["Acme", "ACME ", "Bolt", "Cog", ""], len(judged))
    strong = judged["competitor"] == "Bolt"
    judged.loc[strong, "won"] = rng.random(int(strong.sum())) < 0.15
    lost = ~judged["won"].astype(bool)
    judged["loss_reason"] = np.where(lost, rng.choice(["Price", "price", "Timing", ""], len(judged)), "")
    found = find_loss_reasons(judged, 0.05)
    verdicts = found.competitors.set_index("competitor")["verdict"]
    assert verdicts["Bolt"] == "wins less than usual" and set(verdicts.index.str.casefold()) == {"acme", "bolt", "cog"}
    assert found.reasons["lost"].sum() == int((judged["loss_reason"] != "").sum()) and len(found.reasons) == 2
    judged["competitor"] = judged["competitor"].where(lost, "")
    assert find_loss_reasons(judged, 0.05).one_sided
