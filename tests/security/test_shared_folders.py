"""An output folder on a shared drive is untrusted: what lies in it neither writes, deletes nor reads outside it."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from icp_xl.config import Settings
from icp_xl.config.sources import SourceSettings
from icp_xl.errors import ConfigError, DeliveryError
from icp_xl.feedback.migrations import MIGRATIONS
from icp_xl.feedback.store import Store
from icp_xl.outputs import (
    JOURNAL,
    STAGING,
    Publication,
    csv_bytes,
    is_half_published,
    open_output,
    recover,
    replacing,
    write_bytes,
)
from icp_xl.runs import mask_secrets, start_run
from icp_xl.safe_paths import resolve_inside
from icp_xl.sources.database import open_query
from icp_xl.sql.engine import open_duckdb
from icp_xl.sql.query import Query
from icp_xl.weight_search.storage import TrialStore
from tests.support.adversary import journal_that_deletes

links = pytest.mark.skipif(os.name == "nt", reason="making a link needs a right on Windows")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "profile").write_text("mine")
    return folder


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "share" / "out"
    folder.mkdir(parents=True)
    return folder


def opened(out: Path) -> None:
    with open_output(out):
        pass


@pytest.mark.parametrize(
    "name",
    [
        "../home/profile", "/etc/x", "a/../../x", "..", "", "C:\\x", "C:x", "\\\\server\\share\\x", "//server/share/x",
        "a\\..\\..\\x", "x:stream", "a\0b",
    ],
)  # fmt: skip
def test_a_name_never_leaves_its_folder(out: Path, name: str) -> None:
    with pytest.raises(DeliveryError, match="outside the folder"):
        resolve_inside(out, name)


@pytest.mark.parametrize("name", ["a.txt", "state/a b.parquet", "y [draft]/ü.xlsx", "..a/b", "a..b"])
def test_a_plain_name_is_found_inside(out: Path, name: str) -> None:
    assert resolve_inside(out, name) == out / name


@pytest.mark.parametrize("files", [["../../home/profile"], {"../../home/profile": "0" * 64}])
def test_a_planted_journal_writes_nothing(out: Path, home: Path, files: object) -> None:
    stage = out / STAGING / "1"
    stage.mkdir(parents=True)
    (out / STAGING / "home").mkdir()
    (out / STAGING / "home" / "profile").write_text("theirs")
    (stage / JOURNAL).write_text(
        json.dumps({"stage": "1", "files": files, "remove": ["icp_report.xlsx"], "signature": ""})
    )
    (out / "icp_report.xlsx").write_text("report")
    with pytest.raises(DeliveryError, match="not yours"):
        opened(out)
    assert (home / "profile").read_text() == "mine" and (out / "icp_report.xlsx").read_text() == "report"


def test_a_signed_journal_is_good_for_its_own_stage_and_content_only(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publication = Publication(out)
    publication.text("a.txt", "new")
    publication.write_journal()
    assert is_half_published(out)
    (publication.staging / "a.txt").write_text("theirs")
    recover(out)
    assert not (out / "a.txt").exists() and not is_half_published(out)
    publication = Publication(out)
    publication.text("a.txt", "new")
    publication.write_journal()
    os.rename(publication.staging, out / STAGING / "other")
    with pytest.raises(DeliveryError, match="not yours"):
        opened(out)


def test_another_users_journal_is_left_to_him(out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ICP_XL_HOME", str(tmp_path / "ann"))
    publication = Publication(out)
    publication.text("a.txt", "new")
    publication.write_journal()
    monkeypatch.setenv("ICP_XL_HOME", str(tmp_path / "bob"))
    with pytest.raises(DeliveryError, match="Let whoever ran it"):
        opened(out)
    monkeypatch.setenv("ICP_XL_HOME", str(tmp_path / "ann"))
    opened(out)
    assert (out / "a.txt").read_text() == "new"


def test_without_a_folder_of_the_users_own_runs_still_publish(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (out / "file").write_text("no folder")
    monkeypatch.setenv("ICP_XL_HOME", str(out / "file" / "home"))
    with open_output(out) as outputs:
        outputs.text("a.txt", "new")
        outputs.publish()
    assert (out / "a.txt").read_text() == "new"


def test_removals_of_a_publication_that_was_cut_off_are_completed(out: Path) -> None:
    (out / "gone.xlsx").write_text("x")
    publication = Publication(out)
    publication.text("a.txt", "new")
    publication.remove("gone.xlsx")
    publication.write_journal()
    opened(out)
    assert not (out / "gone.xlsx").exists() and (out / "a.txt").exists()


@links
@pytest.mark.parametrize("name", [STAGING, f"{STAGING}/1", "runs", ".icp_xl.lock", "runs/runs.jsonl", "state"])
def test_a_link_in_our_place_is_refused_and_its_target_untouched(out: Path, home: Path, name: str) -> None:
    target = home / "profile" if name.endswith(("lock", "jsonl")) else home
    (out / name).parent.mkdir(parents=True, exist_ok=True)
    (out / name).symlink_to(target)
    before = {path.name: path.read_text() for path in home.iterdir()}
    settings = Settings.model_validate({"paths": {"data": ".", "out": str(out)}})
    with pytest.raises(DeliveryError, match="is a link"), start_run("x", settings) as run:
        run.outputs.text("state/a.txt", "x")
    assert {path.name: path.read_text() for path in home.iterdir()} == before


@links
def test_a_result_that_is_a_link_is_replaced_and_not_written_through(out: Path, home: Path) -> None:
    (out / "a.txt").symlink_to(home / "profile")
    with open_output(out) as outputs:
        outputs.text("a.txt", "new")
        outputs.publish()
    assert (out / "a.txt").read_text() == "new" and (home / "profile").read_text() == "mine"


@pytest.mark.parametrize("name", ["y [draft]", "a*b", "q?", "p[!x]", "{a,b}", "'quo'te", "ünï ☃", "[[]"])
def test_sql_reads_the_folder_that_it_was_given(tmp_path: Path, name: str) -> None:
    if os.name == "nt" and set(name) & set("*?"):
        pytest.skip("Windows allows no such name")
    for folder in (name, "y d", "axb", "qx", "a", "py"):
        (tmp_path / folder).mkdir()
        pd.DataFrame({"n": [folder]}).to_parquet(tmp_path / folder / "f.parquet")
    with open_duckdb(1.0) as engine:
        engine.view_parquet("lines", [tmp_path / name / "f.parquet"])
        assert list(engine.frame(Query("select n from lines"))["n"]) == [name]


@pytest.mark.parametrize(
    "content",
    [b"PK\x03\x04workbook", b"one line\nno end", b'{"op_code": 1}\n', b"[1]\n", b"\xff\xfe\n", b'{"a": 1}\nrest', b"x"],
)
def test_a_file_that_is_no_study_is_refused_before_it_is_touched(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "Important.xlsx"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="no study of Optuna's"):
        TrialStore(path)
    with pytest.raises(ConfigError, match="no study of Optuna's"):
        TrialStore(f"sqlite:///{path}")
    assert path.read_bytes() == content and list(tmp_path.iterdir()) == [path]


def test_somebody_elses_database_gets_no_tables(tmp_path: Path) -> None:
    path = tmp_path / "crm.sqlite"
    with sqlite3.connect(path) as database:
        database.execute("create table accounts (id)")
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="no study of Optuna's"):
        TrialStore(f"sqlite:///{path}")
    assert path.read_bytes() == before


def test_a_study_of_ours_is_opened_again(tmp_path: Path) -> None:
    for where in (tmp_path / "a.journal", f"sqlite:///{tmp_path / 'a.db'}"):
        TrialStore(where).study("s")
        TrialStore(where).study("s")
    with open(tmp_path / "a.journal", "ab") as handle:
        handle.write(b'{"op_code": 0, "torn')
    TrialStore(tmp_path / "a.journal").study("s")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("spark.driver.extraJavaOptions", "-XX:OnOutOfMemoryError=/x"),
        ("spark.jars", "/x.jar"),
        ("spark.sql.extensions", "evil.Extension"),
        ("spark.pyspark.python", "/x"),
        ("spark.plugins", "x"),
        ("spark.master", "local[2]; rm"),
        ("spark.master", "mesos://x"),
    ],
)
def test_options_of_spark_that_run_something_are_refused(name: str, value: str) -> None:
    with pytest.raises(ValueError, match="spark"):
        Settings.model_validate({"build": {"spark": {name: value}}})


def test_ordinary_options_of_spark_are_taken() -> None:
    options = {
        "spark.master": "spark://host:7077",
        "spark.executor.memory": "8g",
        "spark.sql.shuffle.partitions": "8",
        "spark.dynamicAllocation.enabled": "true",
    }
    assert Settings.model_validate({"build": {"spark": options}}).build.spark == options


def test_passwords_of_addresses_stand_in_no_record(tmp_path: Path) -> None:
    url = "mysql+pymysql://scott:TigerSecret9@host/x?password=TigerSecret9"
    settings = Settings.model_validate({"paths": {"out": str(tmp_path)}, "optimize": {"storage": url}})
    with start_run("x", settings) as run:
        run.warn(f"the database {url} is slow")
    texts = [path.read_text(encoding="utf-8") for path in tmp_path.rglob("*") if path.is_file()]
    assert not any("TigerSecret9" in text for text in texts) and any("scott:***@host" in text for text in texts)
    assert mask_secrets("at 10:30 mail a@b.c") == "at 10:30 mail a@b.c"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_a_cell_of_a_csv_file_is_never_a_formula(start: str) -> None:
    text = csv_bytes(pd.DataFrame({"a": [f"{start}cmd"]})).decode("utf-8-sig")
    assert text.split("\n", 1)[1].lstrip('"').startswith("'")


def store_beside(tmp_path: Path) -> Path:
    path = tmp_path / "any.sqlite"
    Store(path).close()
    return path


def study_beside(tmp_path: Path) -> Path:
    path = tmp_path / "any.db"
    TrialStore(f"sqlite:///{path}").study("s")
    return path


def open_query_of(path: Path) -> object:
    chosen = SourceSettings(database=f"sqlite:///{path}", query="select 1 as a")
    return open_query("sales", chosen, path.parent, environ={})


OPENERS = [
    (store_beside, Store),
    (study_beside, lambda path: TrialStore(f"sqlite:///{path}")),
    (study_beside, lambda path: TrialStore(f"sqlite+pysqlite:///{path}")),
    (study_beside, open_query_of),
]


@pytest.mark.parametrize(("make", "opens"), OPENERS, ids=["store", "study", "study spelled out", "source"])
def test_no_file_is_deleted_because_a_journal_of_sqlite_says_so(
    tmp_path: Path, home: Path, make: Callable[[Path], Path], opens: Callable[[Path], object]
) -> None:
    path = make(tmp_path)
    journal_that_deletes(path, home / "profile")
    with pytest.raises(DeliveryError, match="delete another file"):
        opens(path)
    assert (home / "profile").read_text() == "mine"


def test_the_planted_journal_would_have_deleted_it(tmp_path: Path, home: Path) -> None:
    path = store_beside(tmp_path)
    journal_that_deletes(path, home / "profile")
    with closing(sqlite3.connect(path)) as database:
        database.execute("select * from model").fetchall()
    assert not (home / "profile").exists()


@pytest.mark.parametrize(("make", "opens"), OPENERS[:2], ids=["store", "study"])
def test_a_database_whose_writer_was_killed_is_opened(
    tmp_path: Path, make: Callable[[Path], Path], opens: Callable[[Path], object]
) -> None:
    path = make(tmp_path)
    script = (
        "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "c.execute('pragma cache_size=1'); c.execute('pragma journal_mode=delete');"
        "c.execute('begin'); c.execute('create table t (x)');"
        "c.executemany('insert into t values (?)', [('x' * 900,)] * 4000); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", script, str(path)], check=True)
    assert path.with_name(path.name + "-journal").stat().st_size > 512
    opens(path)
    assert not path.with_name(path.name + "-journal").exists()


@links
@pytest.mark.parametrize("name", ["a.journal.lock", "a.db.lock", "a.db-journal", "a.db-wal"])
def test_what_lies_beside_a_study_is_not_written_through(tmp_path: Path, home: Path, name: str) -> None:
    (tmp_path / name).symlink_to(home / "profile")
    where: str | Path = f"sqlite:///{tmp_path / 'a.db'}" if ".db" in name else tmp_path / "a.journal"
    with pytest.raises(DeliveryError, match="is a link"):
        TrialStore(where)
    assert (home / "profile").read_text() == "mine"


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:x.db?uri=true", "x://y:z", "://"])
def test_an_address_that_is_no_place_of_a_study_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match=r"optimize\.storage"):
        TrialStore(url)


@links
def test_the_copy_of_an_older_store_is_not_written_through_a_link(tmp_path: Path, home: Path) -> None:
    path = tmp_path / "old.sqlite"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("icp_xl.feedback.store.MIGRATIONS", MIGRATIONS[:2])
        Store(path).close()
    (tmp_path / "old.sqlite.v2.backup").symlink_to(home / "new")
    with pytest.raises(DeliveryError, match="is a link"):
        Store(path)
    assert not (home / "new").exists()


@links
def test_a_file_on_its_way_has_no_name_that_can_be_planted(tmp_path: Path, home: Path) -> None:
    for number in (os.getpid(), *range(2)):
        (tmp_path / f".a.json.{number}.tmp").symlink_to(home / "profile")
    names: list[str] = []
    for _ in range(2):
        with replacing(tmp_path / "a.json") as handle:
            names.append(handle.name)
            handle.write(b"new")
    assert (home / "profile").read_text() == "mine" and (tmp_path / "a.json").read_bytes() == b"new"
    assert len(set(names)) == 2


def test_what_a_killed_writer_left_beside_a_file_goes_with_the_next(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left = [tmp_path / f".a.json.{ended.pid}-{'0' * 16}.tmp", tmp_path / f".a.json.{os.getpid()}-{'0' * 16}.tmp"]
    for path in left:
        path.write_bytes(b"names")
    write_bytes(tmp_path / "a.json", b"new")
    assert not left[0].exists() and left[1].exists()


@pytest.mark.skipif(os.name == "nt", reason="a process that ends itself by a signal")
def test_a_record_that_was_cut_off_leaves_nothing_beside_it(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys; from icp_xl.config import Settings; from icp_xl.runs import start_run\n"
        "sys.addaudithook(lambda event, given: os.kill(os.getpid(), signal.SIGKILL)"
        " if event == 'os.rename' and str(given[1]).endswith('manifest.json') else None)\n"
        "with start_run('x', Settings.model_validate({'paths': {'out': sys.argv[1]}})) as run: run.warn('names')"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path)])
    assert killed.returncode < 0
    opened(tmp_path)
    (record,) = (tmp_path / "runs").iterdir()
    assert sorted(path.name for path in record.iterdir()) == ["config_resolved.yaml", "logs.jsonl", "manifest.json"]
    assert not (tmp_path / STAGING).exists()
