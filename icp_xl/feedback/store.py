"""The snapshot store: one SQLite file that two writers may use at once and a kill cannot tear.

WAL, foreign keys, one write transaction per call (taken before anything is read, so that two writers queue up), and
versions with migrations. What is written is never changed: a second snapshot of a day is a further part that the
reader prefers, and an outcome that changes is a further event.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import pandas as pd

from icp_xl.config.feedback import PipelineWeights, weights_of
from icp_xl.errors import DataError, DeliveryError
from icp_xl.feedback.migrations import MIGRATIONS
from icp_xl.feedback.store_check import find_damage, run_migrations
from icp_xl.safe_paths import refuse_planted_database, refuse_shared

#: How long a writer waits for another one.
WAIT_SECONDS = 60.0


class Store:
    """The open store. Use it as a context manager.

    Args:
        path: the file; made where absent. ``None`` keeps everything in memory (dry runs, tests).
        read_only: refuse every write; an absent file is then an empty store.

    Raises:
        DataError: the file is no store, or was made by a newer version.
    """

    def __init__(self, path: Path | None, *, read_only: bool = False) -> None:
        self.path = path
        self.read_only = read_only
        if path is None or (read_only and not path.is_file()):
            self.connection = sqlite3.connect(":memory:", isolation_level=None)
        else:
            self.connection = self._open(path)
        self._ids: pd.Series[int] | None = None
        self._setup()

    def _open(self, path: Path) -> sqlite3.Connection:
        refuse_planted_database(path)
        try:
            if self.read_only:
                uri = f"{path.resolve().as_uri()}?mode=ro"
                return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=WAIT_SECONDS)
            path.parent.mkdir(parents=True, exist_ok=True)
            return sqlite3.connect(path, isolation_level=None, timeout=WAIT_SECONDS)
        except (sqlite3.Error, OSError) as error:
            raise DeliveryError(
                "the snapshot store cannot be opened", where=path.name, got=type(error).__name__,
                next_step="Check that the folder can be written, or set feedback.store to another file.",
            ) from None  # fmt: skip

    def _setup(self) -> None:
        try:
            self.connection.execute("PRAGMA foreign_keys = ON")
            # As one reader sees it: another process may be making the tables.
            self.connection.execute("BEGIN")
            version = int(self.connection.execute("PRAGMA user_version").fetchone()[0])
            query = "SELECT name FROM sqlite_master WHERE type = 'table'"
            tables = {str(row[0]) for row in self.connection.execute(query)}
            foreign = bool(tables) and (version == 0 or "model" not in tables)
        except sqlite3.DatabaseError:
            self.connection.close()
            raise DataError(
                "the snapshot store is not a store of icp_xl",
                where=self.path.name if self.path else "memory",
                next_step="Move the file away, or set feedback.store to another file.",
            ) from None
        if version > len(MIGRATIONS):
            self.connection.close()
            raise DataError(
                "the snapshot store was made by a newer version of icp_xl",
                where=self.path.name if self.path else "memory", got=f"version {version}",
                allowed=f"up to {len(MIGRATIONS)}", next_step="Update icp_xl; the store is untouched.",
            )  # fmt: skip
        if foreign:
            self.connection.close()
            if "model" in tables:
                raise self.damaged("it no longer says its version")
            raise DataError(
                "the snapshot store is somebody's database, and no store of icp_xl",
                where=self.path.name if self.path else "memory",
                next_step="Move the file away, or set feedback.store to another file. It is untouched.",
            )
        try:
            damage = find_damage(self.connection, version)
            self.connection.execute("COMMIT")
            if damage:
                raise sqlite3.DatabaseError(damage)
            if not self.read_only:
                self.connection.execute("PRAGMA journal_mode = WAL")
                self.connection.execute("PRAGMA synchronous = FULL")
            if version < len(MIGRATIONS) and (not self.read_only or self.path is None or not self.path.is_file()):
                self._migrate()
        except sqlite3.DatabaseError as error:
            self.connection.close()
            raise self.damaged(error) from error

    def damaged(self, error: Exception | str) -> DataError:
        """The error that says what is wrong with the store, and what to do."""
        name = self.path.name if self.path else "memory"
        return DataError(
            "the snapshot store is damaged, or something else was written into it", where=name, got=str(error)[:120],
            next_step=f"Put back a copy of {name}; without one, move it away and begin anew with `icp-xl snapshot`.",
        )  # fmt: skip

    def _migrate(self) -> None:
        """Run the missing steps in one transaction; a store that holds something is copied beside itself first."""
        with self._immediate():
            version = int(self.connection.execute("PRAGMA user_version").fetchone()[0])
            if 0 < version < len(MIGRATIONS) and self.path is not None:
                # Through a second reader: the file alone lacks what is still in the write-ahead log.
                copy = self.path.with_name(f"{self.path.name}.v{version}.backup")
                refuse_shared(copy)
                with closing(sqlite3.connect(self.path)) as reader, closing(sqlite3.connect(copy)) as target:
                    reader.backup(target)
            run_migrations(self.connection, version, len(MIGRATIONS))
            self.connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")

    @contextmanager
    def _immediate(self) -> Iterator[None]:
        try:
            self.connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise DeliveryError(
                "the snapshot store is held by another program",
                where=self.path.name if self.path else "memory",
                got=str(error),
                next_step="Wait for the other run to end and run again; nothing was written.",
            ) from None
        try:
            yield
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction that no other writer can get between; kept whole or not at all."""
        if self.read_only:
            raise DeliveryError("the snapshot store was opened for reading only")
        with self._immediate():
            self._ids = None
            yield self.connection

    def rows(self, query: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        return self.connection.execute(query, parameters).fetchall()

    def frame(self, query: str, parameters: tuple[Any, ...] = ()) -> pd.DataFrame:
        """A query's rows under its column names."""
        cursor = self.connection.execute(query, parameters)
        return pd.DataFrame(cursor.fetchall(), columns=[item[0] for item in cursor.description])

    def keys(self) -> pd.Series[int]:
        """The key of every opportunity, by its id."""
        if self._ids is None:
            found = self.rows("SELECT opportunity_id, opportunity_key FROM opportunity ORDER BY opportunity_key")
            self._ids = pd.Series(
                [key for _, key in found], index=pd.Index([name for name, _ in found], dtype="object"), dtype="int64"
            )
        return self._ids

    def add_opportunities(self, ids: pd.Series[str]) -> pd.Series[int]:
        """Give every id a key and return the keys in the order of ``ids``. Call it inside :meth:`write`."""
        known = self.keys()
        new = ids[~ids.isin(known.index)]
        if len(new):
            self.connection.executemany(
                "INSERT OR IGNORE INTO opportunity (opportunity_id) VALUES (?)", [(value,) for value in new]
            )
            self._ids = None
            known = self.keys()
        return pd.Series(known.reindex(ids).to_numpy(dtype="int64"), index=ids.index)

    def add_model(self, model_id: str, weights: dict[str, Any], source: str, now: str) -> None:
        """Keep a set of weights; the same set is kept once. Call it inside :meth:`write`.

        Args:
            model_id: what snapshots name the set by.
            weights: by component, with those of stages.
            source: where they come from, in words.
            now: the moment, in ISO 8601.
        """
        self.connection.execute(
            "INSERT OR IGNORE INTO model (model_id, weights, source, created_at) VALUES (?, ?, ?, ?)",
            (model_id, json.dumps(weights, sort_keys=True), source, now),
        )

    def model(self, model_id: str) -> PipelineWeights:
        """The weights of a kept set."""
        found = self.rows("SELECT weights FROM model WHERE model_id = ?", (model_id,))
        what = f"the weights {model_id[:40]}"
        try:
            return weights_of(self.body(found[0][0] if found else "", what))
        except ValueError:  # pydantic's own error is one
            raise self.damaged(f"{what} break a rule") from None

    def body(self, text: str, what: str, *keys: str) -> dict[str, Any]:
        """What ``text`` of a row holds as JSON, with a number under each of ``keys``.

        Raises:
            DataError: it is not that; ``what`` names it.
        """
        try:
            body = json.loads(text, parse_constant=float)
            if isinstance(body, dict) and all(math.isfinite(float(body[key])) for key in keys):
                return body
        except (ValueError, LookupError, TypeError, OverflowError, RecursionError):
            pass
        raise self.damaged(f"{what} are not there, or not of their form")

    def problems(self) -> list[str]:
        """What is wrong with the file, by SQLite's own checks; empty when all is well."""
        found = [str(row[0]) for row in self.rows("PRAGMA integrity_check") if row[0] != "ok"]
        return found + [f"foreign key: {row}" for row in self.rows("PRAGMA foreign_key_check")]

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()
        if isinstance(error, sqlite3.DatabaseError):
            raise self.damaged(error) from error
