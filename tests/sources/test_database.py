"""A source that is a query: on SQLite, and on a PostgreSQL server that the test starts."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from icp_xl.cli import run
from icp_xl.config import load_settings
from icp_xl.errors import ConfigError, SourceError
from icp_xl.sources import read_sources
from tests.support.postgres import postgres, programs

PASSWORD = "s3cret/Words@here"
QUERY = "select day as date, customer, customer_no, amount from sales order by 1, 2"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    if programs() is None:
        pytest.skip("PostgreSQL is not installed")
    import psycopg

    with postgres(PASSWORD) as socket:
        with psycopg.connect(host=str(socket), user="icp", password=PASSWORD, dbname="postgres") as connection:
            connection.execute(
                "create table sales"
                " (day date, customer text, customer_no bigint, amount numeric(14, 2), at timestamptz)"
            )
            connection.execute("create sequence counter")
            connection.execute(
                "insert into sales select date '2024-01-01' + n, 'Company ' || n % 50, 9007199254740993 + n % 50,"
                " n + 0.25, now() from generate_series(0, 49999) n"
            )
        yield f"postgresql://icp@/postgres?host={socket}"


def settings_for(folder: Path, database: str, query: str = QUERY, **more: object) -> Any:
    chosen = {"paths.data": folder, "paths.out": folder / "out", "sources.sales.database": database}
    return load_settings(environ={}, overrides={**chosen, "sources.sales.query": query, **more})


def test_postgresql_is_read_whole_and_exactly(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    sales = read_sources(settings_for(tmp_path, server)).sales
    assert sales is not None and len(sales.frame) == 50_000
    assert sales.frame["revenue"].sum() == sum(range(50_000)) + 12_500
    assert (str(sales.frame["date"].min().date()), sales.frame["account_id"].nunique()) == ("2024-01-01", 50)
    assert sales.frame["account_id"].min() == "9007199254740993"  # all digits of a key beyond 2**53


@pytest.mark.parametrize(
    "query", ["with gone as (delete from sales returning *) select * from gone", "select 1/0 as x"]
)
def test_postgresql_cannot_be_written_and_faults_are_plain(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    with pytest.raises(SourceError, match="the query cannot be run.*(read-only|data-modifying|division by zero)"):
        read_sources(settings_for(tmp_path, server, query))
    assert len(read_sources(settings_for(tmp_path, server)).sales.frame) == 50_000  # type: ignore[union-attr]


def test_the_password_comes_from_the_environment_and_is_nowhere_written(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    address = server.replace("icp@", "icp:${ICP_TEST_SECRET}@")
    config = tmp_path / "icp_xl.yaml"
    config.write_text(f"sources: {{sales: {{database: '{address}', query: '{QUERY}'}}}}\n", encoding="utf-8")
    options = ["-c", str(config), "--data", str(tmp_path), "--out", str(tmp_path / "out")]
    assert run(["score", *options]) != 0
    assert "ICP_TEST_SECRET" in capsys.readouterr().err
    monkeypatch.setenv("ICP_TEST_SECRET", "wrong-" + PASSWORD)
    assert run(["score", *options]) != 0
    refused = capsys.readouterr()
    assert "cannot be reached" in refused.err and PASSWORD not in refused.err + refused.out
    monkeypatch.setenv("ICP_TEST_SECRET", PASSWORD)
    assert run(["score", *options]) == 0
    told = capsys.readouterr()
    written = [path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert written and not any(PASSWORD.encode() in body for body in written)
    assert PASSWORD not in told.out + told.err
    manifests = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "out").rglob("manifest.json"))
    assert "sales: database postgres" in manifests


@pytest.mark.parametrize(
    "address",
    ["postgresql://user:hunter2@host/db", "postgresql://host/db?password=hunter2", "mssql://host/db?odbc;PWD=hunter2"],
)
def test_a_password_in_the_settings_is_refused_unsaid(
    tmp_path: Path, address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "icp_xl.yaml"
    config.write_text(f"sources: {{sales: {{database: '{address}', query: select 1}}}}\n", encoding="utf-8")
    assert run(["check", "-c", str(config), "--out", str(tmp_path / "out")]) != 0
    said = capsys.readouterr()
    assert "a password may not stand in the settings" in said.err and "hunter2" not in said.err + said.out
    assert not any(b"hunter2" in path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file())


def sqlite_file(folder: Path) -> None:
    with sqlite3.connect(folder / "shop.db") as connection:
        connection.execute("create table sales (day text, customer text, customer_no text, amount real)")
        connection.executemany(
            "insert into sales values (?, ?, ?, ?)",
            [("2024-01-05", "Acme", "007", 100.5), ("2024-02-06", "Beta", "008", None), (None, "Acme", "007", -20.0)],
        )
    connection.close()


def test_sqlite_reads_like_a_file_of_the_same_rows(tmp_path: Path) -> None:
    sqlite_file(tmp_path)
    sales = read_sources(settings_for(tmp_path, "sqlite:///shop.db")).sales
    (tmp_path / "sales.csv").write_text(
        "date,customer,customer_no,amount\n,Acme,007,-20\n2024-01-05,Acme,007,100.5\n2024-02-06,Beta,008,\n",
        encoding="utf-8",
    )
    same = read_sources(load_settings(environ={}, overrides={"paths.data": tmp_path})).sales
    assert sales is not None and same is not None
    assert sales.frame.drop(columns="source_row").equals(same.frame.drop(columns="source_row"))


def test_sqlite_is_not_written_or_made(tmp_path: Path) -> None:
    sqlite_file(tmp_path)
    before = (tmp_path / "shop.db").read_bytes()
    with pytest.raises(SourceError, match="the query cannot be run"):
        read_sources(settings_for(tmp_path, "sqlite:///shop.db", "select * from absent"))
    with pytest.raises(SourceError, match="does not exist"):
        read_sources(settings_for(tmp_path, "sqlite:///none.db"))
    assert (tmp_path / "shop.db").read_bytes() == before and not (tmp_path / "none.db").exists()
    with pytest.raises(ConfigError, match="must read"):
        settings_for(tmp_path, "sqlite:///shop.db", "drop table sales")
    with pytest.raises(ConfigError, match="go together"):
        load_settings(environ={}, overrides={"sources.sales.database": "sqlite:///shop.db"})
    with pytest.raises(ConfigError, match="either a file or a database"):
        settings_for(tmp_path, "sqlite:///shop.db", **{"sources.sales.file": "sales.csv"})
