"""Where the study is kept: a journal file or any database that Optuna takes, with one lock for whole batches."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sqlite3
import time
import warnings
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import optuna
from filelock import FileLock
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.storages.journal._file import BaseJournalFileLock

from icp_xl.errors import ConfigError
from icp_xl.safe_paths import refuse_planted_database, refuse_shared
from icp_xl.scratch import scratch_folder

#: A database lock whose holder has shown no sign of life for so long is taken over.
STALE_SECONDS = 20.0


class _OsLock(BaseJournalFileLock):
    """The lock that the journal wants, held by the operating system: a killed process lets go at once."""

    def __init__(self, path: str) -> None:
        self.file = _lock_beside(path)

    def acquire(self) -> bool:
        self.file.acquire()
        return True

    def release(self) -> None:
        self.file.release()


class BatchJournal(JournalFileBackend):
    """A journal file that many trials are appended to at once, and that a kill in the middle does not spoil.

    Within :meth:`exclusive` records are kept in memory and written together at its end: one write and one flush for
    thousands of trials, where the plain journal takes a lock, an open and a flush for each.
    """

    def __init__(self, path: Path) -> None:
        _check_journal(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._os_lock = _OsLock(str(path))
        super().__init__(str(path), lock_obj=self._os_lock)
        self._path = path
        self._depth = 0
        self._pending: list[str] = []
        self._in_file: int | None = None
        with self._os_lock.file:
            self._repair()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the journal for a batch."""
        with self._os_lock.file:
            self._depth += 1
            try:
                if self._depth == 1:
                    self._repair()
                    self._in_file = None  # others may have written: look again
                yield
            finally:
                self._depth -= 1
                if self._depth == 0:
                    pending, self._pending = self._pending, []
                    self._write(pending)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append; within a batch to memory, else to the disk at once."""
        if self._depth:
            self._pending.extend(map(_line, logs))
            return
        with self._os_lock.file:
            self._write([_line(log) for log in logs])

    def read_logs(self, log_number_from: int) -> Generator[dict[str, Any], None, None]:
        """Records from that number on: those in the file, then those of the batch at hand."""
        at = log_number_from
        if not self._depth or self._in_file is None or at < self._in_file:
            for log in super().read_logs(at):
                at += 1
                yield log
            self._in_file = at
        for line in self._pending[at - self._in_file :]:
            yield json.loads(line)

    def _write(self, lines: list[str]) -> None:
        if lines:
            with open(self._path, "ab") as handle:
                handle.write("".join(lines).encode())
                handle.flush()
                os.fsync(handle.fileno())

    def _repair(self) -> None:
        """Cut off a last line that a killed process left without its end, or everything after it is unreadable."""
        with open(self._path, "rb+") as handle:
            size = handle.seek(0, os.SEEK_END)
            back = min(size, 1 << 20)
            handle.seek(size - back)
            tail = handle.read(back)
            if tail and not tail.endswith(b"\n"):
                handle.truncate(size - back + tail.rfind(b"\n") + 1)


def _line(log: dict[str, Any]) -> str:
    return json.dumps(log, separators=(",", ":")) + "\n"


class TrialStore:
    """An Optuna storage and the lock that makes a batch of trials one step for every process on it."""

    def __init__(self, where: str | Path) -> None:
        self.where = str(where)
        self._file: BatchJournal | None = None
        self._lock_file: FileLock | None = None
        with quiet():
            if "://" in self.where:
                path = _sqlite_file(self.where)
                if path is not None and path.parent.is_dir():
                    _check_sqlite(path)
                    self._lock_file = _lock_beside(str(path))
                # Whoever comes first makes the tables of a new database; all others wait until they stand.
                with self._lock_file or nullcontext():
                    self.storage: Any = _database(self.where)
            else:
                self._file = BatchJournal(Path(self.where))
                self.storage = JournalStorage(self._file)

    def study(self, name: str, sampler: Any = None, pruner: Any = None) -> Any:
        """The study of that name, made when it is not there."""
        with quiet(), self._lock_file or nullcontext():
            return optuna.create_study(
                storage=self.storage,
                study_name=name,
                load_if_exists=True,
                direction="minimize",
                sampler=sampler or optuna.samplers.RandomSampler(seed=0),
                pruner=pruner or optuna.pruners.NopPruner(),
            )

    @contextmanager
    def exclusive(self, name: str) -> Iterator[None]:
        """Let one process at a time read the study ``name`` and add to it."""
        if self._file is not None:
            with self._file.exclusive():
                yield
        elif self._lock_file is not None:
            with self._lock_file:
                yield
        else:
            with self._database_lock(name):
                yield

    @contextmanager
    def _database_lock(self, name: str) -> Iterator[None]:
        # Studies have unique names in every database, so making one is a lock that works over machines.
        lock, since = f"{name}.lock", time.monotonic()
        while True:
            try:
                with quiet():
                    optuna.create_study(storage=self.storage, study_name=lock)
                break
            except optuna.exceptions.DuplicatedStudyError:
                if time.monotonic() - since > STALE_SECONDS:
                    self._drop(lock)
                    since = time.monotonic()
                time.sleep(0.05)
        try:
            yield
        finally:
            self._drop(lock)

    def _drop(self, lock: str) -> None:
        try:
            optuna.delete_study(study_name=lock, storage=self.storage)
        except KeyError:
            pass  # another process took it over


def latest_store(folder: Path, name: str) -> TrialStore:
    """The journal of the study ``name`` in ``folder``."""
    return TrialStore(folder / f"{name}.journal")


def keep_only(folder: Path, name: str) -> None:
    """Remove the journals of studies of other inputs; the study ``name`` is whole by now."""
    for other in sorted(folder.glob("*.journal")):
        if other.stem != name:
            other.unlink(missing_ok=True)
            other.with_name(other.name + ".lock").unlink(missing_ok=True)


def _lock_beside(path: str) -> FileLock:
    """A lock in a file beside ``path``; taking it empties the file, which must be nobody else's."""
    refuse_shared(Path(f"{path}.lock"))
    return FileLock(f"{path}.lock")


def _sqlite_file(url: str) -> Path | None:
    """The file of an SQLite database, however its address is spelled; ``None`` for a database of another kind."""
    # A journal, which most studies are kept in, needs none of it.
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        found = make_url(url)
    except (ArgumentError, ValueError):  # a port that is no number
        raise _no_database("an address that cannot be understood") from None
    if found.get_backend_name() != "sqlite":
        return None
    if not found.database or found.database.startswith("file:") or found.database == ":memory:":
        raise _no_database(f"sqlite:///{found.database or ''}")
    return Path(found.database)


def _check_journal(path: Path) -> None:
    """Refuse a file that is no journal of Optuna's before it is touched: repairing it would cut it off."""
    if not path.exists():
        return
    try:
        with open(path, "rb") as handle:
            line = handle.readline(1 << 20)
        first = json.loads(line) if line.endswith(b"\n") else {} if not line or line.startswith(b'{"op_code"') else None
    except (OSError, ValueError, RecursionError):
        first = None
    if not isinstance(first, dict) or (first and not {"op_code", "worker_id"} <= first.keys()):
        raise _no_store(path.name)


def _check_sqlite(path: Path) -> None:
    """Refuse a file that is no database, or one of something else, before a table is made in it."""
    refuse_planted_database(path)
    if not path.exists() or not path.stat().st_size:
        return
    if not path.is_file():
        raise _no_store(path.name)
    with open(path, "rb") as handle:
        if handle.read(16) != b"SQLite format 3\0":  # SQLite itself takes a file of a few bytes for an empty database.
            raise _no_store(path.name)
    try:
        try:
            tables = _tables(f"{path.absolute().as_uri()}?mode=ro")
        except sqlite3.OperationalError:
            # A process was killed in a change, and SQLite reads nothing before that is taken back. We have it done on
            # a copy, since we do not know yet whose file it is; no process that lives is writing.
            with scratch_folder("study") as folder:
                for name in (path.name, f"{path.name}-journal", f"{path.name}-wal"):
                    if path.with_name(name).is_file():
                        shutil.copyfile(path.with_name(name), folder / name)
                tables = _tables((folder / path.name).as_uri())
    except (sqlite3.Error, OSError):
        raise _no_store(path.name) from None
    if tables and "studies" not in tables:
        raise _no_store(path.name)


def _tables(uri: str) -> set[str]:
    with closing(sqlite3.connect(uri, uri=True)) as database:
        return {name for (name,) in database.execute("select name from sqlite_master where type = 'table'")}


def _no_store(name: str) -> ConfigError:
    return ConfigError(
        "the file named as the study's storage is no study of Optuna's",
        where="optimize.storage",
        got=name,
        allowed="a new file, a journal or a database that this program or Optuna made",
        next_step="Name another file; this one was not touched.",
    )


def _database(url: str) -> Any:
    try:
        return RDBStorage(url)
    except Exception as error:  # SQLAlchemy's and the driver's own errors have no common base
        raise _no_database(type(error).__name__) from None


def _no_database(got: str) -> ConfigError:
    return ConfigError(
        "the study's database cannot be opened",
        where="optimize.storage",
        got=got,
        allowed="a path of a journal file, or a URL such as sqlite:///study.db or postgresql://host/name",
        next_step="Check that the database answers and that its driver is installed.",
    )


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Optuna from announcing studies on standard error, and leave its verbosity as it was."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(logging.WARNING)
    try:
        with warnings.catch_warnings():
            # Optuna marks parts as experimental; their results are checked here, and users cannot act on it.
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)
