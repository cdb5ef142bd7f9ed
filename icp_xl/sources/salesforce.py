"""Opportunities from Salesforce, by SOQL through simple-salesforce (optional extra ``salesforce``).

Every request is bounded: a time limit, a number of tries with growing pauses, a number of records. An expired session
is signed in again once per request and the reading goes on at the same page; a rate limit is waited for as long as the
answer asks, up to a limit; any other refusal is reported in words and never shows a token.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from icp_xl.errors import ConfigError, SourceError
from icp_xl.progress import Progress
from icp_xl.sources.fields import OPPORTUNITIES
from icp_xl.sources.model import SourceTable

if TYPE_CHECKING:
    from icp_xl.config.feedback import SalesforceSettings

#: Our columns and the field of Salesforce's Opportunity that each is read from.
FIELDS = {
    "opportunity_id": "Id",
    "account_id": "AccountId",
    "account_name": "Account.Name",
    "stage": "StageName",
    "amount": "Amount",
    "created_date": "CreatedDate",
    "close_date": "CloseDate",
    "owner": "Owner.Name",
    "industry": "Account.Industry",
    "probability": "Probability",
    "currency": "CurrencyIsoCode",
    "is_won": "IsWon",
    "is_closed": "IsClosed",
    "is_deleted": "IsDeleted",
}
#: Fields that not every organisation has: nobody misses them.
QUIET = ("currency",)
#: What signs in, and the environment variables that hold it.
CREDENTIALS = {
    "username": "SALESFORCE_USERNAME",
    "password": "SALESFORCE_PASSWORD",
    "security_token": "SALESFORCE_SECURITY_TOKEN",
    "domain": "SALESFORCE_DOMAIN",
    "session_id": "SALESFORCE_SESSION_ID",
    "instance_url": "SALESFORCE_INSTANCE_URL",
    "consumer_key": "SALESFORCE_CONSUMER_KEY",
    "consumer_secret": "SALESFORCE_CONSUMER_SECRET",
    "privatekey_file": "SALESFORCE_PRIVATE_KEY_FILE",
}
#: Ways to sign in, best first: what each takes, and what it may take besides.
WAYS = (
    (("session_id", "instance_url"), ()),
    (("username", "consumer_key", "privatekey_file"), ("domain",)),
    (("username", "password", "security_token"), ("domain",)),
    (("username", "password", "consumer_key", "consumer_secret"), ("domain",)),
    (("consumer_key", "consumer_secret", "domain"), ()),
)
_RETRY_STATUS = (429, 500, 502, 503, 504)


def columns_of(settings: SalesforceSettings) -> dict[str, str]:
    """Our columns and the field that each is read from, as the settings have them."""
    extra = {"division": settings.division_field, "product": settings.product_field}
    return {**FIELDS, **{name: path for name, path in extra.items() if path}, **settings.fields}


def opportunity_query(settings: SalesforceSettings, today: date, columns: Mapping[str, str] | None = None) -> str:
    """The SOQL that lists opportunities, deleted ones included (it is sent to ``queryAll``).

    >>> from icp_xl.config.feedback import SalesforceSettings
    >>> opportunity_query(SalesforceSettings(modified_since_days=7), date(2026, 3, 9)).partition(" WHERE ")[2]
    'SystemModstamp >= 2026-03-02T00:00:00Z ORDER BY Id'
    """
    fields = dict.fromkeys((columns or columns_of(settings)).values())
    text = f"SELECT {', '.join(fields)} FROM Opportunity"
    if settings.modified_since_days is not None:
        text += f" WHERE SystemModstamp >= {today - timedelta(days=settings.modified_since_days)}T00:00:00Z"
    return text + " ORDER BY Id"


def connect_with(environ: Mapping[str, str], settings: SalesforceSettings, session: Any = None) -> Callable[[], Any]:
    """How to sign in, from the environment, in the first of :data:`WAYS` whose variables are set.

    A session and its instance; a signed token (JWT) with a connected app's key; a user's name, password and token; the
    same through a connected app; or a connected app's own credentials.

    Raises:
        ConfigError: the extra is not installed, or the variables are not set.
    """
    try:
        import simple_salesforce
    except ImportError:
        raise ConfigError(
            "reading from Salesforce needs an optional part of icp_xl",
            got="simple-salesforce is not installed",
            next_step='Run `python -m pip install ".[salesforce]"` in the folder that icp_xl came in.',
        ) from None
    given = {key: environ[name] for key, name in CREDENTIALS.items() if environ.get(name)}
    way = next((way for way in WAYS if set(way[0]) <= given.keys()), None)
    if way is None:
        raise ConfigError(
            "nobody is signed in to Salesforce",
            where="environment",
            got=", ".join(CREDENTIALS[key] for key in given) or "none of the variables",
            allowed="; or ".join(", ".join(CREDENTIALS[key] for key in needed) for needed, _ in WAYS),
            next_step="Set them and run again; they are never written anywhere.",
        )
    body: dict[str, Any] = {key: given[key] for key in (*way[0], *way[1]) if key in given}
    if session is not None:
        body["session"] = session
    return lambda: simple_salesforce.api.Salesforce(version=settings.api_version, **body)


def read_salesforce(
    connect: Callable[[], Any],
    settings: SalesforceSettings,
    *,
    today: date,
    progress: Progress | None = None,
    pause: Callable[[float], None] = time.sleep,
    warn: Callable[[str], None] | None = None,
) -> SourceTable:
    """Read every opportunity, page by page. One row per opportunity, columns as in ``Sources.opportunities``.

    A field that does not exist, or that this user may not read, is left out and said.

    ``outcome`` is won, lost, open or deleted; ``close_date`` is empty while it is open, because Salesforce then holds
    a wish there.

    Args:
        connect: signs in and returns a ``simple_salesforce.Salesforce``; called again when the session expires.
        pause: waits so many seconds (tests pass their own).
        warn: takes a remark.

    Raises:
        SourceError: refused, unreachable, rate limit not lifted in time, or more records than allowed.
    """
    progress = progress or Progress()
    progress.stage("Reading Salesforce", None)
    reader = _SalesforceReader(connect, settings, progress, pause)
    records: list[dict[str, Any]] = []
    columns = columns_of(settings)
    first, lost = _first_page(reader, settings, today, columns)
    _tell(lost, settings, warn or (lambda _: None))
    for page in reader.pages(first):
        records.extend(page)
        progress.advance(len(page))
        if len(records) > settings.max_records:
            raise SourceError(
                "Salesforce holds more opportunities than may be read",
                got=f"more than {settings.max_records:,}",
                next_step="Raise feedback.salesforce.max_records, or set feedback.salesforce.modified_since_days.",
            )
    frame = _frame(records, columns)
    return SourceTable("opportunities", frame, "Salesforce", rows_read=len(frame))


def _next_page(where: str, timeout: float, client: Any) -> Any:
    return client.query_more(where, identifier_is_url=True, timeout=timeout)


def what_it_reads(
    connect: Callable[[], Any],
    settings: SalesforceSettings,
    *,
    today: date,
    pause: Callable[[float], None] = time.sleep,
) -> tuple[dict[str, str], list[str], int]:
    """Our columns and their fields as far as they can be read, those that cannot, and how many opportunities there are.

    Raises:
        SourceError: as :func:`read_salesforce`.
    """
    reader = _SalesforceReader(connect, settings, Progress(), pause)
    columns = columns_of(settings)
    _, lost = _first_page(reader, settings, today, columns, " LIMIT 1")
    return columns, lost, int(reader.first("SELECT COUNT() FROM Opportunity").get("totalSize") or 0)


class _UnreadableFieldError(Exception):
    """Salesforce does not know the fields ``names``, or does not show them to this user."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


def _first_page(
    reader: _SalesforceReader, settings: SalesforceSettings, today: date, columns: dict[str, str], limit: str = ""
) -> tuple[Mapping[str, Any], list[str]]:
    """The first answer to the query, without the columns whose fields cannot be read (taken out of ``columns``)."""
    lost: list[str] = []
    while True:
        try:
            return reader.first(opportunity_query(settings, today, columns) + limit), lost
        except _UnreadableFieldError as error:
            gone = _named(error.words, columns)
            if not gone or "opportunity_id" in gone:
                raise SourceError("Salesforce refused the request", got=error.words) from None
            for name in gone:
                lost.append(name)
                del columns[name]
            if not {"stage", "is_won", "is_closed"} & columns.keys():
                raise SourceError(
                    "neither the stage nor the state of opportunities may be read", where="Salesforce",
                    next_step="Ask for the right to read StageName, or name another field in "
                    "feedback.salesforce.fields.stage.",
                ) from None  # fmt: skip


def _named(words: str, columns: Mapping[str, str]) -> list[str]:
    """Columns whose field Salesforce's message names."""
    column = re.search(r"No such column '([^']+)' on entity '([^']+)'", words)
    relation = re.search(r"understand relationship '([^']+)'", words)
    if relation:
        return [name for name, path in columns.items() if relation[1] in path.split(".")[:-1]]
    if not column:
        return []
    own = [name for name, path in columns.items() if path == column[1]]
    return own or [name for name, path in columns.items() if path.endswith(f".{column[1]}")]


def _tell(lost: list[str], settings: SalesforceSettings, warn: Callable[[str], None]) -> None:
    known = columns_of(settings)
    told = [f"{known[name]} ({name})" for name in lost if name not in QUIET or name in settings.fields]
    if told:
        warn(f"Salesforce: {', '.join(told)} cannot be read by this user, or does not exist; left out. Name another "
             "field in feedback.salesforce.fields, or ask for the right to read it.")  # fmt: skip


class _SalesforceReader:
    """Requests with a limit on everything."""

    def __init__(
        self,
        connect: Callable[[], Any],
        settings: SalesforceSettings,
        progress: Progress,
        pause: Callable[[float], None],
    ) -> None:
        self._connect, self._settings, self._progress, self._pause = connect, settings, progress, pause
        self._client: Any = None

    def first(self, query: str) -> Mapping[str, Any]:
        """The first answer to a query."""
        timeout = self._settings.timeout_seconds
        return self._ask(lambda client: client.query(query, include_deleted=True, timeout=timeout))

    def pages(self, answer: Mapping[str, Any]) -> Iterator[list[dict[str, Any]]]:
        """The records of each page from the first on; one is asked for again until it comes, and never skipped."""
        timeout = self._settings.timeout_seconds
        seen: set[str] = set()
        while True:
            yield list(answer["records"])
            if answer.get("done", True):
                return
            where = str(answer.get("nextRecordsUrl") or "")
            if not where.startswith("/services/data/") or where in seen:
                raise SourceError("Salesforce's answer names no next page", next_step="Run again.")
            seen.add(where)
            answer = self._ask(partial(_next_page, where, timeout))

    def _ask(self, call: Callable[[Any], Any]) -> Mapping[str, Any]:
        import requests
        from simple_salesforce.exceptions import SalesforceError, SalesforceExpiredSession

        renewed, last = False, ""
        for attempt in range(self._settings.attempts):
            self._progress.check()
            try:
                if self._client is None:
                    self._client = self._connect()
                return _checked(call(self._client))
            except SalesforceExpiredSession:
                if renewed:
                    raise SourceError(
                        "Salesforce does not accept the session",
                        next_step="Sign in again: set a fresh session or the user's password in the environment.",
                    ) from None
                # A new session is no failed try; the page is simply asked for again.
                renewed, self._client, last = True, None, "the session had expired"
                continue
            except SalesforceError as error:
                last = _words(error)
                if "INVALID_FIELD" in last:
                    raise _UnreadableFieldError(last) from None
                status = int(getattr(error, "status", 0) or 0)
                if status not in _RETRY_STATUS and "REQUEST_LIMIT_EXCEEDED" not in last:
                    raise SourceError("Salesforce refused the request", got=last) from None
            except requests.RequestException as error:
                last = type(error).__name__
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise SourceError(
                    "Salesforce's answer is not of the documented form", got=type(error).__name__,
                    next_step="Run again; if it stays, something stands between this machine and Salesforce.",
                ) from None  # fmt: skip
            if attempt + 1 < self._settings.attempts:
                self._pause(min(self._settings.longest_pause_seconds, 2.0 ** (attempt + 1)))
        raise SourceError(
            "Salesforce does not answer",
            got=f"{last}, {self._settings.attempts} tries",
            next_step="Try again later, or read an export: set feedback.salesforce.enabled to false.",
        )


def _checked(answer: Any) -> Mapping[str, Any]:
    """An answer that holds records."""
    records = answer["records"]
    if not isinstance(records, list) or not all(isinstance(record, Mapping) for record in records):
        raise TypeError("records")
    found: Mapping[str, Any] = answer
    return found


def _words(error: Any) -> str:
    """Salesforce's own code and message, without the address (which may hold a query)."""
    content = getattr(error, "content", None)
    if isinstance(content, list) and content and isinstance(content[0], Mapping):
        return f"{content[0].get('errorCode', '')}: {' '.join(str(content[0].get('message', '')).split())[-240:]}"
    code = getattr(error, "code", None)
    return str(code or getattr(error, "status", "") or type(error).__name__)


def _frame(records: list[dict[str, Any]], columns: Mapping[str, str]) -> pd.DataFrame:
    body = {name: [_dig(record, path) for record in records] for name, path in columns.items()}
    frame = pd.DataFrame(body, index=pd.RangeIndex(len(records)), dtype="object")
    for field in OPPORTUNITIES.columns:
        if field.name not in frame:
            frame[field.name] = None
    flags = {name: np.array([bool(value) for value in frame[name]], dtype=bool)
             for name in ("is_deleted", "is_won", "is_closed")}  # fmt: skip
    told = "is_won" in columns and "is_closed" in columns
    frame["outcome"] = np.select(
        [flags["is_deleted"], flags["is_won"], flags["is_closed"]], ["deleted", "won", "lost"],
        default="open",
    ) if told else None  # fmt: skip
    for name in ("amount", "probability"):
        frame[name] = pd.to_numeric(frame[name], errors="coerce").astype("float64")
    for name in ("created_date", "close_date"):
        dates = pd.to_datetime(frame[name], errors="coerce", utc=True, format="ISO8601")
        frame[name] = dates.dt.tz_localize(None).dt.normalize().astype("datetime64[s]")
    frame.loc[frame["outcome"] == "open", "close_date"] = pd.NaT
    frame["source_row"] = np.arange(1, len(frame) + 1)
    return frame


def _dig(record: Mapping[str, Any], path: str) -> Any:
    value: Any = record
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
