"""A torn table or store is one clear error with what to do, whatever it is read with."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pandas as pd
import pytest

from icp_xl.errors import DataError
from icp_xl.feedback.store import Store
from icp_xl.sql.engine import open_duckdb
from icp_xl.sql.query import Query


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
