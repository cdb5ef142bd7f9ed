"""Spark runs the SQL of the package unchanged and gives what DuckDB gives.

These tests need pyspark and Java, and skip without pyspark. Where ``ICP_XL_TEST_SPARK`` is set, as on CI, they fail
instead.
"""

from __future__ import annotations

import datetime as dt
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from icp_xl.config import Settings, load_settings
from icp_xl.errors import ConfigError, IcpError
from icp_xl.features.build import build_feature_sets
from icp_xl.labels.build import build_labels
from icp_xl.pipeline.api import call
from icp_xl.pipeline.models.build import build
from icp_xl.sql.engine import open_duckdb
from icp_xl.sql.query import Query
from icp_xl.sql.spark import open_spark
from icp_xl.tables.star import open_engine
from icp_xl.tables.star_build import build_star
from tests.support.sales_lines import build_settings, make_lines
from tests.support.whitespace_lists import assert_same_list, both_lists

ROOT = Path(__file__).resolve().parents[2]
CUTOFFS = [dt.date(2024, 12, 15), dt.date(2025, 6, 1)]
#: Little data: what Spark does to be fast with much of it would cost more than the work.
LOCAL = {
    "spark.master": "local[2]", "spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1",
    "spark.sql.shuffle.partitions": "2", "spark.sql.adaptive.enabled": "false", "spark.ui.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
}  # fmt: skip


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The session of a caller, which every engine below goes beside."""
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        if os.environ.get("ICP_XL_TEST_SPARK"):
            raise
        pytest.skip("pyspark is not installed")
    builder = SparkSession.builder.appName("tests")
    for name, value in {**LOCAL, "spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("warehouse"))}.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    yield session
    session.stop()


@pytest.mark.spark
def test_the_sample_log_gives_the_same_labels_and_features(spark: Any, tmp_path: Path) -> None:
    folders = {}
    for engine in ("duckdb", "spark"):
        out = tmp_path / f"{engine} [of] {{two}}"
        chosen = {
            "paths.data": str(ROOT / "workbooks"), "paths.out": str(out), "build.engine": engine,
            "build.cutoffs": ["2024-06-30"], "build.window_months": 6,
        }  # fmt: skip
        assert call("build", build, load_settings(environ={}, overrides=chosen)) is not None
        folders[engine] = out / "curated"
    names = sorted(
        path.relative_to(folders["duckdb"])
        for folder in ("labels", "features")
        for path in (folders["duckdb"] / folder).glob("*.parquet")
    )
    assert len(names) == 2 * 8
    for name in names:
        ours, theirs = pd.read_parquet(folders["duckdb"] / name), pd.read_parquet(folders["spark"] / name)
        assert len(ours) > 0
        pd.testing.assert_frame_equal(theirs, ours, check_exact=False, rtol=1e-9, atol=1e-9)
    rules = sorted(path.name for path in (folders["duckdb"] / "features").glob("mb_rules_*.csv"))
    assert len(rules) == 8
    for rule in rules:
        assert (folders["spark"] / "features" / rule).read_bytes() == (
            folders["duckdb"] / "features" / rule
        ).read_bytes()


@pytest.mark.spark
def test_divisions_made_of_codes_denied_codes_and_many_parts(spark: Any) -> None:
    lines = make_lines(5, n=900, accounts=40)
    found: dict[str, list[pd.DataFrame]] = {}
    for engine in ("duckdb", "spark"):
        chosen = build_settings(
            **{
                "build.engine": engine, "labels.target_skus": {"Scanners": ["Pr-1", "so-2"]},
                "labels.denylist_skus": ["Se-3"], "labels.mode": "all", "features.basket_min_accounts": 2,
                "run.memory_limit_gb": 0.5,
            }
        )  # fmt: skip
        star = build_star(lines, chosen).star
        with open_engine(star, chosen) as opened:
            sets = list(build_feature_sets(star, ["Printers", "Scanners"], CUTOFFS, chosen, engine=opened))
            labels = [
                build_labels(star, name, CUTOFFS[0], chosen, engine=opened)
                for name in ("Printers", "Scanners", "Service")
            ]
        found[engine] = [one.frame for one in sets] + [one.rules for one in sets] + labels
    assert sum(len(frame) for frame in found["duckdb"][4:8]) > 0
    for ours, theirs in zip(found["duckdb"], found["spark"], strict=True):
        pd.testing.assert_frame_equal(theirs, ours, check_exact=True)


@pytest.mark.spark
def test_the_session_of_the_caller_is_left_as_it_was(spark: Any) -> None:
    spark.conf.set("spark.sql.ansi.enabled", "false")
    spark.range(3).createOrReplaceTempView("fact_transactions")
    with open_spark() as engine:
        engine.view_frame("fact_transactions", pd.DataFrame({"amount": [2**62, 2**62], "day": [1, 2]}))
        with pytest.raises(Exception, match="OVERFLOW"):
            engine.fetch(Query("select cast(sum(amount) as bigint) as total from fact_transactions"))
        engine.keep("kept", Query("select day from fact_transactions where day > ?", (1,)))
        assert engine.fetch(Query("select day from kept"))["day"].tolist() == [2]
    assert spark.sql("select count(*) as n from fact_transactions").collect()[0]["n"] == 3
    assert spark.conf.get("spark.sql.ansi.enabled") == "false"
    assert spark.catalog.listTables()[0].name == "fact_transactions"


@pytest.mark.spark
def test_missing_values_and_empty_results_are_as_with_duckdb(spark: Any) -> None:
    none = Query("select cast(null as bigint) as day union all select 1")
    empty = Query("select cast(1 as bigint) as day where 1 = 0")
    with open_spark() as one, open_duckdb(0.5) as two:
        for engine in (one, two):
            with pytest.raises(IcpError, match="missing values"):
                engine.fetch(none)
            assert engine.fetch(empty)["day"].tolist() == []


def test_without_pyspark_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    chosen = build_settings(**{"build.engine": "spark"})
    star = build_star(make_lines(1), chosen).star
    with pytest.raises(ConfigError, match=r"pip install \"\.\[spark\]\""), open_engine(star, chosen):
        pass


def test_options_that_are_not_of_spark_are_refused() -> None:
    with pytest.raises(ConfigError, match="not among the options"):
        load_settings(environ={}, overrides={"build.spark": {"master": "yarn"}})
    found: Settings = load_settings(environ={}, overrides={"build.spark": {"spark.master": "yarn"}})
    assert found.build.spark == {"spark.master": "yarn"}


@pytest.mark.spark
def test_the_whitespace_list_is_the_one_in_memory_and_of_duckdb(spark: Any, tmp_path: Path) -> None:
    chosen = {"whitespace.capacity": "per_rep", "whitespace.per_rep": 9, "whitespace.holdout_share": 0.3}
    found = {}
    for name, opened in (("duckdb", open_duckdb(1.0, 2)), ("spark", open_spark())):
        (tmp_path / name).mkdir()
        with opened as engine:
            ranking, found[name] = both_lists(engine, tmp_path / name, chosen, accounts=150)
        assert_same_list(ranking, found[name])
        assert sorted(path.name for path in (tmp_path / name).iterdir())[0] == "part-00000.parquet"
    pd.testing.assert_frame_equal(found["spark"], found["duckdb"], check_dtype=False, rtol=1e-14, atol=1.1e-12)
