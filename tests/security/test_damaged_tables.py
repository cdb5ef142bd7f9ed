"""A torn table or store is one clear error with what to do, whatever it is read with."""

from __future__ import annotations

import os
import random
import sqlite3
from contextlib import closing, suppress
from hashlib import sha256
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from icp_xl.artifacts import TRAIN_SCORES
from icp_xl.errors import DataError
from icp_xl.feedback import champion, snapshots
from icp_xl.feedback.outcomes import read_outcomes
from icp_xl.feedback.store import Store
from icp_xl.pipeline import unchanged
from icp_xl.sql.engine import open_duckdb
from icp_xl.sql.query import Query
from tests.support.whole_world import plant_weights


@pytest.mark.parametrize("seed", range(25))
def test_sql_on_a_damaged_parquet_file_is_an_error_of_ours_or_an_answer(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "part.parquet"
    pd.DataFrame({"x": range(5000), "y": [f"name {n % 97}" for n in range(5000)]}).to_parquet(path)
    chance = random.Random(seed)
    made = bytearray(path.read_bytes())
    if seed % 3:
        for _ in range(20):
            made[chance.randrange(len(made))] = chance.randrange(256)
    else:
        del made[chance.randrange(len(made)) :]
    path.write_bytes(made)
    with open_duckdb(0.5) as engine:
        try:
            engine.view_parquet("t", [path])
            engine.frame(Query("select y, sum(x) as x from t group by y"))
        except DataError as error:
            assert "icp-xl build" in str(error)


def test_a_statement_that_is_wrong_is_no_damage(tmp_path: Path) -> None:
    import duckdb

    with open_duckdb(0.5) as engine, pytest.raises(duckdb.ParserException):
        engine.frame(Query("selec 1"))


@pytest.mark.parametrize("damage", ["DROP TABLE opportunity", "PRAGMA user_version = 0"])
def test_a_store_that_lost_a_table_is_one_error_that_names_it(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "history.sqlite"
    Store(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute(damage)
    connection.commit()
    connection.close()
    with pytest.raises(DataError, match=r"damaged.*history\.sqlite"), Store(path) as store:
        store.keys()


def test_a_store_with_torn_pages_is_one_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    with Store(path) as store, store.write():
        store.add_opportunities(pd.Series([f"O-{n}" for n in range(4000)]))
    content = bytearray(path.read_bytes())
    content[4096 * 3 :] = b"\x5a" * (len(content) - 4096 * 3)
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"history\.sqlite"), Store(path) as store:
        store.keys()
        store.problems()
        store.frame("SELECT * FROM opportunity")


def columns_of_a_store() -> list[tuple[str, str, str]]:
    """Every column of a store: table, name, declared type."""
    with Store(None) as store:
        tables = [row[0] for row in store.rows("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return [(table, row[1], row[2]) for table in tables for row in store.rows(f'PRAGMA table_info("{table}")')]


@pytest.fixture(scope="module")
def full_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a row in every table: a snapshot, an outcome, weights on trial and weights that were promoted."""
    path = tmp_path_factory.mktemp("store") / "history.sqlite"
    plant_weights(path)
    with Store(path) as store, store.write() as connection:
        store.add_opportunities(pd.Series(["O-1"]))
        connection.execute("INSERT INTO snapshot VALUES (1, '2025-01-01')")
        frame = pa.table({"opportunity_key": [1], "account_row": [0], "opportunity_score": [0.5]})
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, frame.schema) as writer:
            writer.write_table(frame)
        blob = sink.getvalue().to_pybytes()
        model = store.rows("SELECT model_id FROM model")[0][0]
        connection.execute("INSERT INTO snapshot_part VALUES (1, 1, 'all', ?, NULL, '', '', 0, 1, ?, ?, ?)",
                           (model, sha256(blob + blob).hexdigest(), blob, blob))  # fmt: skip
        connection.execute(
            "INSERT INTO outcome_event (opportunity_key, kind, outcome, close_date, amount, matched_by,"
            " recorded_at, run_id) VALUES (1, 'won', 'won', '2025-01-03', 5.0, 'id', '', '')"
        )
        connection.execute("INSERT INTO trial_look VALUES (1, 2, '2025-01-03', 3, 0.1, 0.1, 0.1, 0.1, 'wait')")
    return path


def read_all(path: Path) -> None:
    with Store(path) as store:
        snapshots.list_parts(store)
        snapshots.snapshot_dates(store)
        snapshots.read_part(store, 1, ["opportunity_score"])
        read_outcomes(store)
        champion.running_trial(store)
        champion.challenger_weights(store)
        champion.last_decided(store)
        champion.change_log(store)
        for model in store.rows("SELECT model_id FROM model"):
            store.model(model[0])


#: Texts that only people read: whatever stands there is shown.
FREE = {("model", "source"), ("model", "created_at"), ("snapshot_part", "taken_at"), ("snapshot_part", "run_id"),
        ("snapshot_part", "scope"), ("outcome_event", "matched_by"), ("change_log", "run_id"),
        ("outcome_event", "recorded_at"), ("outcome_event", "run_id"), ("outcome_event", "competitor"),
        ("outcome_event", "loss_reason"), ("change_log", "changed_at"), ("change_log", "change"),
        ("opportunity", "opportunity_id"), ("trial_look", "decision")}  # fmt: skip


@pytest.mark.parametrize("table", sorted({table for table, _, _ in columns_of_a_store()}))
def test_a_value_that_cannot_stand_in_a_store_is_one_error_that_names_it(
    full_store: Path, tmp_path: Path, table: str
) -> None:
    path, tried = tmp_path / "history.sqlite", 0
    for column, declared in [each[1:] for each in columns_of_a_store() if each[0] == table]:
        for value in ("x", b"\xff", 1e308):
            path.write_bytes(full_store.read_bytes())
            with closing(sqlite3.connect(path)) as connection, suppress(sqlite3.IntegrityError), connection:
                connection.execute("PRAGMA ignore_check_constraints = ON")
                connection.execute(f'UPDATE "{table}" SET "{column}" = ?', (value,))
            if path.read_bytes() == full_store.read_bytes():
                continue  # A number where every row has the same, or a key that is no number: SQLite refuses it.
            tried += 1
            if (value != b"\xff" and (table, column) in FREE) or (value == 1e308 and declared == "REAL"):
                read_all(path)
                continue
            with pytest.raises(DataError, match=r"damaged.*history\.sqlite"):
                read_all(path)
    assert tried


@pytest.mark.parametrize("table", sorted({table for table, _, _ in columns_of_a_store()}))
def test_a_table_that_was_emptied_is_named(full_store: Path, tmp_path: Path, table: str) -> None:
    path = tmp_path / "history.sqlite"
    path.write_bytes(full_store.read_bytes())
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f'DELETE FROM "{table}"')
    if table in ("opportunity", "model", "snapshot", "deployment"):  # Others hold rows that belong to it.
        with pytest.raises(DataError, match=r"belongs to nothing"):
            Store(path)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TRIGGER planted AFTER INSERT ON outcome_event BEGIN DELETE FROM snapshot_part; END",
        "CREATE VIEW planted AS SELECT 1",
        "DROP VIEW outcome; CREATE VIEW outcome AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x FROM n)"
        " SELECT x FROM n",
        "DROP INDEX snapshot_part_day",
        "ALTER TABLE outcome_event DROP COLUMN run_id",
    ],
)
def test_what_somebody_adds_to_a_store_never_runs(full_store: Path, tmp_path: Path, statement: str) -> None:
    path = tmp_path / "history.sqlite"
    path.write_bytes(full_store.read_bytes())
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(statement)
    with pytest.raises(DataError, match=r"is (not ours|gone)|damaged"):
        Store(path)


def test_an_id_that_reads_like_nothing_is_an_id_and_a_blank_is_no_number(tmp_path: Path) -> None:
    path = tmp_path / "train_scores_printers_2024-06-01.csv"
    path.write_text("account_id,label,p_hat\nNA,1,0.5\n,0,\nnull,1,0.25\n0042,0,0.5\n", encoding="utf-8")
    frame = TRAIN_SCORES.read(path)
    assert frame["account_id"].tolist() == ["NA", "", "null", "0042"]
    assert frame["p_hat"].isna().tolist() == [False, True, False, False]


def test_a_file_that_is_too_large_to_read_is_not_hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "Opportunities.csv"
    with open(path, "wb") as handle:
        handle.truncate(8 << 30)
    monkeypatch.setattr(unchanged, "file_digest", pytest.fail)
    before = unchanged._digest(path, 500 << 20)
    os.utime(path, (1, 1))
    assert unchanged._digest(path, 500 << 20) != before
