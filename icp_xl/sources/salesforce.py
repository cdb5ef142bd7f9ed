"""Opportunities from Salesforce, by SOQL through simple-salesforce (optional extra ``salesforce``).

Every request is bounded as :mod:`icp_xl.sources.crm` says. An expired session is signed in again once per request, and
the reading goes on at the same page.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from icp_xl.errors import SourceError
from icp_xl.progress import Progress
from icp_xl.sources.crm import RETRY, Crm, Requests, TryAgainError, Warn, checked_rows, opportunity_frame
from icp_xl.sources.model import SourceTable

if TYPE_CHECKING:
    from icp_xl.config.feedback import SalesforceSettings

SALESFORCE = Crm("Salesforce", "salesforce", "opportunities", "simple-salesforce",
                 ", or set feedback.salesforce.modified_since_days")  # fmt: skip
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
        raise SALESFORCE.not_installed() from None
    given = {key: environ[name] for key, name in CREDENTIALS.items() if environ.get(name)}
    way = next((way for way in WAYS if set(way[0]) <= given.keys()), None)
    if way is None:
        raise SALESFORCE.nobody_signed_in(
            ", ".join(CREDENTIALS[key] for key in given) or "none of the variables",
            "; or ".join(", ".join(CREDENTIALS[key] for key in needed) for needed, _ in WAYS),
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
    warn: Warn | None = None,
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
    progress.stage(f"Reading {SALESFORCE.name}", None)
    reader = _SalesforceReader(connect, Requests(SALESFORCE, settings, progress, pause))
    columns = columns_of(settings)
    first, lost = _first_page(reader, settings, today, columns)
    missed = [name for name in lost if name not in QUIET or name in settings.fields]
    SALESFORCE.warn_of_lost(missed, columns_of(settings), warn or (lambda _: None))
    frame = _frame(reader.read_all(first), columns)
    return SourceTable("opportunities", frame, SALESFORCE.name, rows_read=len(frame))


def what_it_reads(
    connect: Callable[[], Any],
    settings: SalesforceSettings,
    *,
    today: date,
    pause: Callable[[float], None] = time.sleep,
) -> tuple[dict[str, str], list[str], int]:
    """Our columns and their fields as far as they can be read, those that cannot, and how many opportunities there are.

    Args:
        connect: signs in; see :func:`read_salesforce`.
        settings: fields and limits.
        today: the day from which ``modified_since_days`` counts.
        pause: waits so many seconds (tests pass their own).

    Raises:
        SourceError: as :func:`read_salesforce`.
    """
    reader = _SalesforceReader(connect, Requests(SALESFORCE, settings, Progress(), pause))
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
                raise SALESFORCE.refused(error.words) from None
            for name in gone:
                lost.append(name)
                del columns[name]
            if not {"stage", "is_won", "is_closed"} & columns.keys():
                raise SALESFORCE.nothing_to_go_by(
                    "Ask for the right to read StageName, or name another field in feedback.salesforce.fields.stage."
                ) from None


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


class _SalesforceReader:
    """Queries of one user, whose session is renewed where it has expired."""

    def __init__(self, connect: Callable[[], Any], requests: Requests) -> None:
        self._connect, self._requests = connect, requests
        self._client: Any = None

    def first(self, query: str) -> Mapping[str, Any]:
        """The first answer to a query."""
        timeout = self._requests.settings.timeout_seconds
        return self._ask(lambda client: client.query(query, include_deleted=True, timeout=timeout))

    def read_all(self, answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """The records of all pages from the first on, as many as the settings allow."""
        timeout = self._requests.settings.timeout_seconds

        def turn(path: str) -> tuple[list[Mapping[str, Any]], str]:
            return _page(self._ask(lambda client: client.query_more(path, identifier_is_url=True, timeout=timeout)))

        return self._requests.read_all(self._requests.pages(_page(answer), turn))

    def _ask(self, call: Callable[[Any], Any]) -> Mapping[str, Any]:
        renewed = False

        def answer() -> Mapping[str, Any]:
            nonlocal renewed
            import requests
            from simple_salesforce.exceptions import SalesforceError, SalesforceExpiredSession

            try:
                if self._client is None:
                    self._client = self._connect()
                return checked_rows(call(self._client), "records")
            except SalesforceExpiredSession:
                if renewed:
                    raise SourceError(
                        "Salesforce does not accept the session",
                        next_step="Sign in again: set a fresh session or the user's password in the environment.",
                    ) from None
                renewed, self._client = True, None
                raise TryAgainError("the session had expired", wait="0") from None
            except SalesforceError as error:
                words = _words(error)
                if "INVALID_FIELD" in words:
                    raise _UnreadableFieldError(words) from None
                status = int(getattr(error, "status", 0) or 0)
                if status not in RETRY and "REQUEST_LIMIT_EXCEEDED" not in words:
                    raise SALESFORCE.refused(words) from None
                raise TryAgainError(words) from None
            except requests.RequestException as error:
                raise TryAgainError(type(error).__name__) from None

        return self._requests.ask(answer)


def _page(answer: Mapping[str, Any]) -> tuple[list[Mapping[str, Any]], str]:
    """Records and the next page's path."""
    following = "" if answer.get("done", True) else str(answer.get("nextRecordsUrl") or "-")
    if following and not following.startswith("/services/data/"):
        raise SALESFORCE.no_next_page()
    return answer["records"], following


def _words(error: Any) -> str:
    """Salesforce's own code and message, without the address (which may hold a query)."""
    content = getattr(error, "content", None)
    if isinstance(content, list) and content and isinstance(content[0], Mapping):
        return f"{content[0].get('errorCode', '')}: {' '.join(str(content[0].get('message', '')).split())[-240:]}"
    code = getattr(error, "code", None)
    return str(code or getattr(error, "status", "") or type(error).__name__)


def _frame(records: list[Mapping[str, Any]], columns: Mapping[str, str]) -> pd.DataFrame:
    body = {name: [_dig(record, path) for record in records] for name, path in columns.items()}
    frame = opportunity_frame(body, len(records))
    flags = {name: np.array([bool(value) for value in frame[name]], dtype=bool)
             for name in ("is_deleted", "is_won", "is_closed")}  # fmt: skip
    told = "is_won" in columns and "is_closed" in columns
    frame["outcome"] = np.select(
        [flags["is_deleted"], flags["is_won"], flags["is_closed"]], ["deleted", "won", "lost"],
        default="open",
    ) if told else None  # fmt: skip
    frame.loc[frame["outcome"] == "open", "close_date"] = pd.NaT
    return frame


def _dig(record: Mapping[str, Any], path: str) -> Any:
    value: Any = record
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
