"""Opportunities from Salesforce, by SOQL through simple-salesforce (optional extra ``salesforce``).

Every request is bounded: a time limit, a number of tries with growing pauses, a number of records. An expired session
is signed in again once per request and the reading goes on at the same page; a rate limit is waited for as long as the
answer asks, up to a limit; any other refusal is reported in words and never shows a token.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from icp_xl.errors import ConfigError, SourceError
from icp_xl.progress import Progress
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
}
STATE_FIELDS = ("IsWon", "IsClosed", "IsDeleted")
#: What signs in, and the environment variables that hold it.
CREDENTIALS = {
    "username": "SALESFORCE_USERNAME",
    "password": "SALESFORCE_PASSWORD",
    "security_token": "SALESFORCE_SECURITY_TOKEN",
    "domain": "SALESFORCE_DOMAIN",
    "session_id": "SALESFORCE_SESSION_ID",
    "instance_url": "SALESFORCE_INSTANCE_URL",
}
_RETRY_STATUS = (429, 500, 502, 503, 504)


def opportunity_query(settings: SalesforceSettings, today: date) -> str:
    """The SOQL that lists opportunities, deleted ones included (it is sent to ``queryAll``).

    >>> from icp_xl.config.feedback import SalesforceSettings
    >>> opportunity_query(SalesforceSettings(modified_since_days=7), date(2026, 3, 9)).partition(" WHERE ")[2]
    'SystemModstamp >= 2026-03-02T00:00:00Z ORDER BY Id'
    """
    fields = [*FIELDS.values(), *STATE_FIELDS]
    fields += [name for name in (settings.division_field, settings.product_field) if name]
    text = f"SELECT {', '.join(fields)} FROM Opportunity"
    if settings.modified_since_days is not None:
        text += f" WHERE SystemModstamp >= {today - timedelta(days=settings.modified_since_days)}T00:00:00Z"
    return text + " ORDER BY Id"


def connect_with(environ: Mapping[str, str], settings: SalesforceSettings) -> Callable[[], Any]:
    """How to sign in, from the environment: a session and its instance, or a user's name, password and token.

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
    by_session = {"session_id", "instance_url"} <= given.keys()
    if not by_session and not {"username", "password", "security_token"} <= given.keys():
        raise ConfigError(
            "nobody is signed in to Salesforce",
            where="environment",
            allowed=f"{CREDENTIALS['session_id']} and {CREDENTIALS['instance_url']}, or "
            f"{CREDENTIALS['username']}, {CREDENTIALS['password']} and {CREDENTIALS['security_token']}",
            next_step="Set them and run again; they are never written anywhere.",
        )
    names = ("session_id", "instance_url") if by_session else ("username", "password", "security_token", "domain")
    body: dict[str, Any] = {key: given[key] for key in names if key in given}
    return lambda: simple_salesforce.api.Salesforce(version=settings.api_version, **body)


def read_salesforce(
    connect: Callable[[], Any],
    settings: SalesforceSettings,
    *,
    today: date,
    progress: Progress | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> SourceTable:
    """Read every opportunity, page by page. One row per opportunity, columns as in ``Sources.opportunities``.

    ``outcome`` is won, lost, open or deleted; ``close_date`` is empty while it is open, because Salesforce then holds
    a wish there.

    Args:
        connect: signs in and returns a ``simple_salesforce.Salesforce``; called again when the session expires.
        pause: waits so many seconds (tests pass their own).

    Raises:
        SourceError: refused, unreachable, rate limit not lifted in time, or more records than allowed.
    """
    progress = progress or Progress()
    progress.stage("Reading Salesforce", None)
    reader = _SalesforceReader(connect, settings, progress, pause)
    records: list[dict[str, Any]] = []
    for page in reader.pages(opportunity_query(settings, today)):
        records.extend(page)
        progress.advance(len(page))
        if len(records) > settings.max_records:
            raise SourceError(
                "Salesforce holds more opportunities than may be read",
                got=f"more than {settings.max_records:,}",
                next_step="Raise feedback.salesforce.max_records, or set feedback.salesforce.modified_since_days.",
            )
    frame = _frame(records, settings)
    return SourceTable("opportunities", frame, "Salesforce", rows_read=len(frame))


def _next_page(where: str, timeout: float, client: Any) -> Any:
    return client.query_more(where, identifier_is_url=True, timeout=timeout)


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

    def pages(self, query: str) -> Iterator[list[dict[str, Any]]]:
        """The records of each page; a page is asked for again until it comes, and never skipped."""
        timeout = self._settings.timeout_seconds
        answer = self._ask(lambda client: client.query(query, include_deleted=True, timeout=timeout))
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
                answer: Mapping[str, Any] = call(self._client)
                return answer
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
                status = int(getattr(error, "status", 0) or 0)
                if status not in _RETRY_STATUS and "REQUEST_LIMIT_EXCEEDED" not in last:
                    raise SourceError("Salesforce refused the request", got=last) from None
            except requests.RequestException as error:
                last = type(error).__name__
            except SourceError:
                raise
            if attempt + 1 < self._settings.attempts:
                self._pause(min(self._settings.longest_pause_seconds, 2.0 ** (attempt + 1)))
        raise SourceError(
            "Salesforce does not answer",
            got=f"{last}, {self._settings.attempts} tries",
            next_step="Try again later, or read an export: set feedback.salesforce.enabled to false.",
        )


def _words(error: Any) -> str:
    """Salesforce's own code and message, without the address (which may hold a query)."""
    content = getattr(error, "content", None)
    if isinstance(content, list) and content and isinstance(content[0], Mapping):
        return f"{content[0].get('errorCode', '')}: {str(content[0].get('message', ''))[:120]}"
    code = getattr(error, "code", None)
    return str(code or getattr(error, "status", "") or type(error).__name__)


def _frame(records: list[dict[str, Any]], settings: SalesforceSettings) -> pd.DataFrame:
    extra = {"division": settings.division_field, "product": settings.product_field}
    columns = {**FIELDS, **{name: path for name, path in extra.items() if path}}
    body = {name: [_dig(record, path) for record in records] for name, path in columns.items()}
    frame = pd.DataFrame(body, dtype="object")
    for name in ("division", "product"):
        if name not in frame:
            frame[name] = None
    flags = {name: np.array([bool(record.get(name)) for record in records], dtype=bool) for name in STATE_FIELDS}
    frame["outcome"] = np.select(
        [flags["IsDeleted"], flags["IsWon"], flags["IsClosed"]], ["deleted", "won", "lost"], default="open"
    )
    frame["amount"] = pd.to_numeric(frame["amount"], errors="coerce").astype("float64")
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
