"""Spark as the engine: the same SQL on a cluster that exists already, or on this machine (local mode).

Files are read where they lie, so on a cluster the output folder must be on storage that its workers see. Only the
aggregates come back to this process.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from icp_xl.errors import ConfigError
from icp_xl.scratch import scratch_folder
from icp_xl.sql.engine import Arrays, plain
from icp_xl.sql.query import Query, identifier

#: What a session of our own starts with, unless the settings say otherwise.
_DEFAULTS = {"spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false", "spark.log.level": "ERROR"}
#: What the texts rely on: an overflow or a bad cast is an error, never a wrong number.
_RULES = {"spark.sql.ansi.enabled": "true"}


class SparkEngine:
    """Spark SQL in a session of its own, so that nobody else's views or options are touched."""

    def __init__(self, session: Any) -> None:
        self.session = session
        self._kept: dict[str, Any] = {}

    def view_frame(self, name: str, frame: pd.DataFrame) -> None:
        """Make ``frame`` readable as the table ``name``."""
        import pyarrow as pa

        table = pa.Table.from_pandas(frame, preserve_index=False)
        kinds = [_narrow(field) for field in table.schema]
        self.session.createDataFrame(table.cast(pa.schema(kinds))).createOrReplaceTempView(identifier(name))

    def view_parquet(self, name: str, paths: Sequence[Path]) -> None:
        """Make Parquet files readable as the table ``name``; nothing is loaded."""
        # A path is a pattern to Spark, so what has a meaning in a pattern is escaped.
        files = [re.sub(r"([*?\[\]{}\\])", r"\\\1", path.absolute().as_posix()) for path in paths]
        self.session.read.parquet(*files).createOrReplaceTempView(identifier(name))

    def keep(self, name: str, query: Query) -> None:
        """Compute ``query`` once, when it is first read, and keep its rows in the cluster's memory or on its disks."""
        self.drop(name)
        kept = self.session.sql(query.text, args=list(query.values)).persist()
        kept.createOrReplaceTempView(identifier(name))
        self._kept[name] = kept

    def fetch(self, query: Query) -> Arrays:
        """Columns of the result as arrays without missing values."""
        found = self.session.sql(query.text, args=list(query.values)).toArrow()
        return {name: plain(name, _array(found[name])) for name in found.column_names}

    def frame(self, query: Query) -> pd.DataFrame:
        """The result as a frame, missing values and text allowed."""
        found: pd.DataFrame = self.session.sql(query.text, args=list(query.values)).toArrow().to_pandas()
        return found

    def keep_shards(self, rows: Query) -> None:
        """Keep rows as the table ``sharded``, those of a shard together."""
        self.keep("sharded", rows)

    def write_shards(self, listed: Query, folder: Path, tell: Callable[[], None]) -> list[Path]:
        """Write what was kept as one Parquet file per shard."""
        apart = folder / "shards"
        found = self.session.sql(listed.text, args=list(listed.values))
        # The window leaves each shard in one task and in order, and so in one file.
        found.repartition("shard").sortWithinPartitions("shard", "nth").drop("nth").write.partitionBy("shard").parquet(
            apart.absolute().as_posix()
        )
        self.drop("sharded")
        written: list[Path] = []
        numbers = sorted(int(part.name.partition("=")[2]) for part in apart.glob("shard=*"))
        for number in numbers:
            for file in sorted((apart / f"shard={number}").glob("*.parquet")):
                path = folder / f"part-{len(written):05d}.parquet"
                file.replace(path)
                written.append(path)
            tell()
        shutil.rmtree(apart, ignore_errors=True)
        return written

    def drop(self, name: str) -> None:
        """Forget a kept table or a view, where there is one."""
        self.session.catalog.dropTempView(identifier(name))
        if name in self._kept:
            self._kept.pop(name).unpersist()

    def close(self) -> None:
        """Forget all that was kept."""
        for name in list(self._kept):
            self.drop(name)


@contextmanager
def open_spark(options: Mapping[str, str] | None = None) -> Iterator[SparkEngine]:
    """A session beside the active one, or a new one as the environment and ``options`` configure it.

    Without a master in either, Spark runs in local mode.

    Raises:
        ConfigError: pyspark is not installed, or Spark does not start.
    """
    session_type = _session_type()
    active = session_type.getActiveSession()
    with scratch_folder("spark") as scratch:
        root = active or _start(session_type, {**_DEFAULTS, "spark.sql.warehouse.dir": str(scratch), **(options or {})})
        engine = SparkEngine(_apart(root))
        try:
            yield engine
            engine.close()
        finally:
            if active is None:
                root.stop()


def _session_type() -> Any:
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        raise ConfigError(
            "engine spark needs pyspark",
            where="build.engine",
            next_step='Run `python -m pip install ".[spark]"` in the folder that icp_xl came in, or set '
            "build.engine to duckdb.",
        ) from None
    return SparkSession


def _start(session_type: Any, options: Mapping[str, str]) -> Any:
    builder = session_type.builder.appName("icp_xl")
    for name, value in options.items():
        builder = builder.config(name, value)
    try:
        return builder.getOrCreate()
    except Exception as error:
        # Java is missing, the master cannot be reached, an option is wrong: each with another exception of Spark's.
        raise ConfigError(
            "Spark does not start",
            where="build.engine",
            got=f"{type(error).__name__}: {str(error).strip().splitlines()[0][:200] if str(error).strip() else ''}",
            next_step="Check that Java 17 or later is installed and that build.spark names a master that answers.",
        ) from None


def _apart(root: Any) -> Any:
    """A session with its own views and options on the same cluster."""
    session = root.newSession()
    for name, value in _RULES.items():
        session.conf.set(name, value)
    master = str(root.conf.get("spark.master", ""))
    if master.startswith("local") and root.conf.get("spark.sql.shuffle.partitions", "200") == "200":
        # Two hundred parts are for a cluster; on one machine they cost more than the work.
        session.conf.set("spark.sql.shuffle.partitions", "4")
    return session


def _narrow(field: Any) -> Any:
    """Spark knows no unsigned numbers, and no text type with 64-bit offsets."""
    import pyarrow as pa

    if pa.types.is_unsigned_integer(field.type):
        return field.with_type(pa.int64())
    return field.with_type(pa.string()) if pa.types.is_large_string(field.type) else field


def _array(column: Any) -> np.ndarray[Any, Any]:
    """A chunked column as an array; missing values are masked."""
    whole = column.combine_chunks()
    if not whole.null_count:
        return np.asarray(whole.to_numpy(zero_copy_only=False))
    return np.ma.masked_array(np.zeros(len(whole)), mask=np.asarray(whole.is_null()))
