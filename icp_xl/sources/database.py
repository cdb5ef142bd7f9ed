"""A source that is a query: read through SQLAlchemy, once, in chunks, and in a transaction that cannot write.

Who may read is told by the environment only: ``${NAME}`` in the address is the environment variable of that name, and
a driver's own variables and files (``PGPASSWORD``, ``.pgpass``) work as everywhere. No secret stands in a message.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from icp_xl.config.sources import SourceSettings
from icp_xl.errors import SourceError
from icp_xl.progress import Progress
from icp_xl.safe_paths import refuse_planted_database
from icp_xl.sources.book import CHUNK, Book, Row, SheetInfo
from icp_xl.sources.cells import RawColumn

#: A whole number above it is a key, and would lose digits as a floating-point number.
_EXACT = 2**53
_VARIABLE = re.compile(r"\$\{(\w+)\}")


class QueryBook(Book):
    """The rows of a query as a book of one sheet, held as raw columns."""

    _headers: list[str]
    _held: list[RawColumn]

    def rows(self, sheet: str) -> Iterator[Row]:
        yield self._headers
        yield from zip(*(_shown(column) for column in self._held), strict=True)

    def columns(
        self, sheet: str, skip: int, wanted: Sequence[int], progress: Progress | None = None
    ) -> list[RawColumn]:
        return [self._held[at][max(skip - 1, 0) :] for at in wanted]


class _Stream(Book):
    """Rows as they come from the database, for reading them into columns."""

    _result: Any

    def rows(self, sheet: str) -> Iterator[Row]:
        while chunk := self._result.fetchmany(CHUNK):
            for row in chunk:
                yield [_plain(value) for value in row]


def open_query(
    source: str,
    chosen: SourceSettings,
    folder: Path,
    progress: Progress | None = None,
    environ: Mapping[str, str] | None = None,
) -> QueryBook:
    """Run the query of a source and hold its rows.

    Args:
        source: the source's name in the settings.
        chosen: its settings, with ``database`` and ``query``.
        folder: the data folder, from which a relative SQLite file counts.
        progress: told of every chunk.
        environ: the environment that ``${NAME}`` in the address is taken from.

    Raises:
        SourceError: SQLAlchemy or a driver is missing, the database cannot be reached, or the query fails.
        Cancelled: the user asked to stop.
    """
    where = f"sources.{source}.database"
    try:
        import sqlalchemy as sa
    except ImportError:
        raise SourceError("reading a database needs SQLAlchemy", where=where,
                          next_step="Install it: pip install 'icp-xl[database]'.") from None  # fmt: skip
    secrets: list[str] = []
    url = _address(sa, str(chosen.database), folder, os.environ if environ is None else environ, where, secrets)
    name = f"database {Path(unquote(url.database or '')).name or url.get_backend_name()}"
    engine = None
    try:
        engine = sa.create_engine(url, poolclass=sa.pool.NullPool, hide_parameters=True)
        with engine.connect() as opened:
            connection = _read_only(sa, opened, url.get_backend_name())
            result = connection.execute(sa.text(str(chosen.query)))
            book = QueryBook(name, [SheetInfo(name)])
            book._headers = [str(key) for key in result.keys()]
            stream = _Stream(name, [SheetInfo(name)])
            stream._result = result
            book._held = stream.columns(name, 0, range(len(book._headers)), progress)
            connection.rollback()
            return book
    except (ModuleNotFoundError, sa.exc.NoSuchModuleError) as error:
        raise SourceError("the database's driver is not installed", where=where, got=url.drivername,
                          next_step=f"Install the Python driver of this database ({_scrubbed(error, secrets)})."
                          ) from None  # fmt: skip
    except sa.exc.SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        reached = isinstance(error, sa.exc.OperationalError) and "connect" in str(cause).lower()
        raise SourceError(
            "the database cannot be reached" if reached else "the query cannot be run",
            where=where if reached else f"sources.{source}.query",
            got=_scrubbed(cause, secrets),
            next_step="Check the address, and the variables that hold the credentials." if reached else
            "Correct the query; it may only read.",
        ) from None  # fmt: skip
    finally:
        if engine is not None:
            engine.dispose()


def _address(sa: Any, text: str, folder: Path, environ: Mapping[str, str], where: str, secrets: list[str]) -> Any:
    """The address with its variables filled in; what they hold is noted in ``secrets``."""

    def filled(part: str | None) -> str | None:
        if part is None:
            return None
        missing = [name for name in _VARIABLE.findall(part) if name not in environ]
        if missing:
            raise SourceError("an environment variable of the database's address is not set", where=where,
                              got=", ".join(missing), next_step="Set it where the program runs.")  # fmt: skip
        secrets.extend(environ[name] for name in _VARIABLE.findall(part))
        return _VARIABLE.sub(lambda found: environ[found[1]], part)

    try:
        # A whole address may stand in one variable.
        whole = _VARIABLE.fullmatch(text.strip())
        url = sa.make_url(filled(text.strip()) if whole else text)
    except (sa.exc.ArgumentError, ValueError):  # a port that is no number
        raise SourceError("the address of the database cannot be understood", where=where,
                          allowed="postgresql://host/name, sqlite:///file.db, …") from None  # fmt: skip
    if url.password:
        secrets.append(str(url.password))
    url = url.set(username=filled(url.username), password=filled(url.password), host=filled(url.host),
                  database=filled(url.database))  # fmt: skip
    if url.drivername in ("postgresql", "postgres"):
        url = url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() == "sqlite":
        path = folder / Path(url.database or "")
        if not path.is_file():
            raise SourceError("the database file does not exist", where=where, got=url.database)
        refuse_planted_database(path)
        # Not even to complete what a killed program left does SQLite write then.
        url = url.set(database=path.absolute().as_uri(), query={**url.query, "mode": "ro", "uri": "true"})
    return url


def _read_only(sa: Any, connection: Any, backend: str) -> Any:
    """The connection in a state in which the database itself refuses to write."""
    options: dict[str, Any] = {"stream_results": True}
    if backend == "postgresql":
        options["postgresql_readonly"] = True
    connection = connection.execution_options(**options)
    if backend == "sqlite":
        connection.execute(sa.text("PRAGMA query_only = ON"))
    elif backend in ("mysql", "mariadb", "oracle"):
        connection.execute(sa.text("SET TRANSACTION READ ONLY"))
    return connection


def _plain(value: Any) -> Any:
    """A value as a cell of a workbook would hold it."""
    if isinstance(value, Decimal):
        whole = value == value.to_integral_value()
        return str(int(value)) if whole and abs(value) > _EXACT else float(value)
    if isinstance(value, bool) or value is None or isinstance(value, float | str):
        return value
    if isinstance(value, int):
        return value if abs(value) <= _EXACT else str(value)
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    if isinstance(value, date):
        return value
    return None if isinstance(value, bytes | memoryview) else str(value)


def _shown(column: RawColumn) -> list[Any]:
    """Raw cells as rows give them: blanks are ``None``."""
    if column.dtype.kind == "f":
        return [None if value != value else value for value in column.tolist()]
    return [None if value is None or value != value else value for value in column.tolist()]


def _scrubbed(error: BaseException, secrets: list[str]) -> str:
    text = " ".join(islice(str(error).split(), 60))
    for secret in secrets:
        text = text.replace(secret, "***") if secret else text
    return re.sub(r"://[^@/\s]*@", "://***@", text)[:300]
