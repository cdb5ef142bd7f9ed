"""What runs the SQL: DuckDB in this process by default; :mod:`icp_xl.sql.spark` is the other engine."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd

from icp_xl.errors import DataError
from icp_xl.scratch import scratch_folder
from icp_xl.sql.query import Query, identifier

if TYPE_CHECKING:
    import duckdb

Arrays = dict[str, np.ndarray[Any, Any]]


class Engine(Protocol):
    """The few things that the build asks of a database."""

    def view_frame(self, name: str, frame: pd.DataFrame) -> None:
        """Make ``frame`` readable as the table ``name``."""

    def view_parquet(self, name: str, paths: Sequence[Path]) -> None:
        """Make Parquet files readable as the table ``name``; nothing is loaded."""

    def keep(self, name: str, query: Query) -> None:
        """Compute ``query`` once and keep its rows as the table ``name``, on disk where memory is short."""

    def fetch(self, query: Query) -> Arrays:
        """Columns of the result as arrays without missing values."""

    def frame(self, query: Query) -> pd.DataFrame:
        """The result as a frame, missing values and text allowed."""

    def keep_shards(self, rows: Query) -> None:
        """Compute rows that memory does not hold once, and keep them on disk as the table ``sharded``.

        Args:
            rows: with a column ``shard``, whole numbers from 0: rows of equal number are later worked on together.
        """

    def write_shards(self, listed: Query, folder: Path, tell: Callable[[], None]) -> list[Path]:
        """Write the shards that are kept as one Parquet file each.

        Args:
            listed: what is written; it reads ``sharded``, works within a shard, and says the place within it in
                ``nth``. Neither that column nor ``shard`` is written.
            folder: to put the files into, which are called ``part-00000.parquet`` and so on.
            tell: called after each file; may raise to stop.
        """

    def drop(self, name: str) -> None:
        """Forget a kept table or a view, where there is one."""


class DuckEngine:
    """DuckDB in this process, within a memory limit; what does not fit goes to a scratch folder."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, scratch: Path) -> None:
        self.connection = connection
        #: Folder that is removed with the engine.
        self.scratch = scratch
        self._shards: list[list[Path]] = []

    def _execute(self, text: str, values: Sequence[Any] = (), give: str = "") -> Any:
        """Run ``text``; ``give`` names what its result is fetched with.

        Raises:
            DataError: a file that it reads is damaged.
        """
        import duckdb

        try:
            done = self.connection.execute(text, list(values))
            return getattr(done, give)() if give else None
        except duckdb.OutOfMemoryException as error:
            raise DataError(
                "the memory that the SQL may take, or the disk for what does not fit into it, is too small",
                where="run.memory_limit_gb",
                got=(str(error).splitlines() or [""])[0][:160],
                next_step="Give it more memory, or see that the disk of the output folder has room.",
            ) from error
        except (duckdb.IOException, duckdb.InvalidInputException, duckdb.SerializationException) as error:
            raise _damaged(error) from error
        except duckdb.Error as error:
            # What fails inside of a Parquet file has no kind of its own.
            if type(error) is not duckdb.Error:
                raise
            raise _damaged(error) from error

    def view_frame(self, name: str, frame: pd.DataFrame) -> None:
        self.connection.register(identifier(name), frame)

    def view_parquet(self, name: str, paths: Sequence[Path]) -> None:
        files = ", ".join(f"'{_literal(path)}'" for path in paths)
        self._execute(
            f"create or replace temp view {identifier(name)} as "
            f"select * from read_parquet([{files}], hive_partitioning = false)"
        )

    def keep(self, name: str, query: Query) -> None:
        self.drop(name)
        self._execute(f"create temp table {identifier(name)} as {query.text}", list(query.values))

    def fetch(self, query: Query) -> Arrays:
        found = self._execute(query.text, list(query.values), "fetchnumpy")
        return {name: plain(name, np.asanyarray(column)) for name, column in found.items()}

    def frame(self, query: Query) -> pd.DataFrame:
        """The result as a frame, missing values and text allowed."""
        found: pd.DataFrame = self._execute(query.text, list(query.values), "df")
        return found

    def write_parquet(self, query: Query, path: Path, *, row_group: int = 122_880, scratch: bool = False) -> None:
        """Write the result to a Parquet file, without holding it in memory.

        Args:
            query: whose rows are written.
            path: of the file, which is replaced.
            row_group: rows of a group.
            scratch: whether the file goes soon, and is packed lightly.
        """
        packed = f"format parquet, compression {'snappy' if scratch else 'zstd'}, row_group_size {int(row_group)}"
        self._execute(f"copy ({query.text}) to '{_quoted(path)}' ({packed})", list(query.values))

    def write_parts(self, query: Query, folder: Path, column: str) -> list[list[Path]]:
        """Write the result to Parquet files, apart for every value of ``column``; the files of each value, in order."""
        self._execute(
            f"copy ({query.text}) to '{_quoted(folder)}' (format parquet, compression snappy, "
            f"partition_by ({identifier(column)}), write_partition_columns true)",
            list(query.values),
        )
        return [sorted(part.rglob("*.parquet")) for part in sorted(folder.iterdir())]

    def keep_shards(self, rows: Query) -> None:
        apart = self.scratch / "shards"
        shutil.rmtree(apart, ignore_errors=True)
        # Else half a million rows of every shard are held before any is written.
        self._execute("set partitioned_write_flush_threshold = 40000")
        # By number, not by name: ``shard=10`` stands before ``shard=2``.
        parts = self.write_parts(rows, apart, "shard")
        self._shards = sorted(parts, key=lambda files: int(files[0].parent.name.partition("=")[2]))
        self.view_parquet("sharded", [path for files in self._shards for path in files])

    def write_shards(self, listed: Query, folder: Path, tell: Callable[[], None]) -> list[Path]:
        written = []
        for number, files in enumerate(self._shards):
            self.view_parquet("sharded", files)
            path = folder / f"part-{number:05d}.parquet"
            self.write_parquet(
                Query(f"select * exclude (shard, nth) from ({listed.text}) t order by nth", listed.values), path
            )
            for file in files:
                file.unlink()
            written.append(path)
            tell()
        self.drop("sharded")
        return written

    def run(self, query: Query) -> None:
        """Run a statement that returns nothing of interest."""
        self._execute(query.text, list(query.values))

    def drop(self, name: str) -> None:
        kinds = self._execute(
            "select table_type from information_schema.tables where table_name = ?", [identifier(name)], "fetchall"
        )
        for (kind,) in kinds:
            self._execute(f"drop {'view' if kind == 'VIEW' else 'table'} if exists {name}")


@contextmanager
def open_duckdb(memory_limit_gb: float, threads: int = 0, scratch: Path | None = None) -> Iterator[DuckEngine]:
    """A private DuckDB with a memory limit and a scratch folder that is removed at the end."""
    import duckdb

    with (
        scratch_folder("sql", scratch) as folder,
        closing(duckdb.connect(config={"custom_user_agent": "icp_xl"})) as connection,
    ):
        # A third of the limit is left for the arrays that the aggregates become.
        connection.execute(f"set memory_limit = '{int(memory_limit_gb * 650)}MB'")
        connection.execute("set temp_directory = ?", [str(folder)])
        connection.execute("set preserve_insertion_order = false")
        if threads:
            connection.execute(f"set threads = {int(threads)}")
        yield DuckEngine(connection, folder)


def _damaged(error: Exception) -> DataError:
    return DataError(
        "a table that an earlier run wrote, or the folder of temporary files, cannot be read or written",
        got=(str(error).splitlines() or [""])[0][:160],
        next_step="See that the disk has room; if it does, run `icp-xl build` again with the same --out.",
    )


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _literal(path: Path) -> str:
    """``path`` where DuckDB reads a pattern: a folder called ``y [draft]`` must never match a neighbour ``y d``."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in _quoted(path))


def plain(name: str, column: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A column of a result as a plain array.

    Raises:
        DataError: it holds missing values.
    """
    if isinstance(column, np.ma.MaskedArray):
        if column.mask.any():
            raise DataError("a query gave missing values where none may be", where=name)
        column = column.data
    return np.asarray(column)
