"""Opportunities from Dynamics 365 Sales, by the Web API of its Dataverse (OData v4; optional extra ``dynamics``).

An app registration signs in with its own credentials. What the state says (open, won, lost) is taken from the state's
code; names of stages, owners and accounts are the formatted values that come with each row. Every request is bounded as
:mod:`icp_xl.sources.crm` says; a column that does not exist is left out and said, and one that is empty in every row
too where the settings name it, because a column that is secured comes empty. Tokens are never shown.

Source: Microsoft Learn, Power Apps, Dataverse developer guide: "Page results using OData" (``odata.maxpagesize``,
``@odata.nextLink``), "Select columns using OData" (formatted values, lookups as ``_name_value``), "Count number of
rows" (``@odata.count`` up to 5,000), "Service protection API limits" (429, ``Retry-After``), "Column-level security";
table reference "Opportunity" (``statecode``: 0 open, 1 won, 2 lost); Microsoft identity platform, "OAuth 2.0 client
credentials flow".
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import pandas as pd

from icp_xl.errors import ConfigError, SourceError
from icp_xl.progress import Progress
from icp_xl.sources.crm import RETRY, Crm, Requests, TryAgainError, Warn, checked_rows, opportunity_frame
from icp_xl.sources.model import SourceTable

if TYPE_CHECKING:
    from icp_xl.config.feedback import DynamicsSettings

DYNAMICS = Crm("Dynamics 365", "dynamics", "opportunities", "requests")
#: Our columns and the column of Dataverse's table opportunity that each is read from.
FIELDS = {
    "opportunity_id": "opportunityid",
    "account_id": "_parentaccountid_value",
    "account_name": "_parentaccountid_value",
    "stage": "stepname",
    "outcome": "statecode",
    "loss_reason": "statuscode",
    "amount": "estimatedvalue",
    "created_date": "createdon",
    "close_date": "actualclosedate",
    "owner": "_ownerid_value",
    "probability": "closeprobability",
    "currency": "_transactioncurrencyid_value",
}
#: What else is asked for: the customer where no account is named, and what a won opportunity came to.
BESIDES = ("_customerid_value", "actualvalue")
#: What signs in, and the environment variables that hold it.
CREDENTIALS = ("DYNAMICS_URL", "DYNAMICS_TENANT_ID", "DYNAMICS_CLIENT_ID", "DYNAMICS_CLIENT_SECRET")
SIGN_IN = "https://login.microsoftonline.com"
#: Rows of a page, the most that Dataverse gives, and the most that it counts.
PAGE = 5000
_TEXT = "@OData.Community.Display.V1.FormattedValue"
_PREFER = f'odata.include-annotations="{_TEXT[1:]}",odata.maxpagesize={PAGE}'
#: Columns that are no text: their own value counts, not the formatted one.
_RAW = frozenset({"opportunity_id", "account_id", "outcome", "amount", "created_date", "close_date", "probability"})
_STATES = {0: "open", 1: "won", 2: "lost"}


@dataclass
class DynamicsClient:
    """Where the organisation is, and who reads. The token is asked for when it is needed."""

    url: str
    tenant: str
    client_id: str
    secret: str = field(repr=False)
    session: Any = field(repr=False)
    token: str = field(default="", repr=False)

    def sign_in(self, timeout: float) -> None:
        """Get a token by client credentials.

        Raises:
            SourceError: the credentials are refused.
        """
        answer = self.session.post(
            f"{SIGN_IN}/{quote(self.tenant, safe='')}/oauth2/v2.0/token", timeout=timeout, allow_redirects=False,
            data={"grant_type": "client_credentials", "client_id": self.client_id, "client_secret": self.secret,
                  "scope": f"{self.url}/.default"},
        )  # fmt: skip
        if answer.status_code in (400, 401):
            raise SourceError(
                "Dynamics 365 does not accept the app's credentials", got=str(answer.json().get("error", "")),
                next_step=f"Check {', '.join(CREDENTIALS[1:])}; a client secret expires.",
            )  # fmt: skip
        answer.raise_for_status()
        self.token = str(answer.json()["access_token"])


def connect_with(environ: Mapping[str, str], settings: DynamicsSettings, session: Any = None) -> DynamicsClient:
    """Who reads, from the environment: an app registration that is an application user of the organisation.

    Raises:
        ConfigError: the extra is not installed, a variable is not set, or the address is not https.
    """
    try:
        import requests
    except ImportError:
        raise DYNAMICS.not_installed() from None
    missing = [name for name in CREDENTIALS if not environ.get(name)]
    if missing:
        raise DYNAMICS.nobody_signed_in(f"not set: {', '.join(missing)}", ", ".join(CREDENTIALS))
    url, tenant, client_id, secret = (environ[name].strip() for name in CREDENTIALS)
    if urlsplit(url).scheme != "https" or not urlsplit(url).hostname:
        raise ConfigError(
            "the organisation's address is not one", where=CREDENTIALS[0], got=url,
            allowed="https and a name, such as https://acme.crm4.dynamics.com",
        )  # fmt: skip
    return DynamicsClient(url.rstrip("/"), tenant, client_id, secret, session or requests.Session())


def read_dynamics(
    client: DynamicsClient,
    settings: DynamicsSettings,
    *,
    progress: Progress | None = None,
    pause: Callable[[float], None] = time.sleep,
    warn: Warn | None = None,
) -> SourceTable:
    """Read every opportunity, page by page. One row per opportunity, columns as in ``Sources.opportunities``.

    ``outcome`` is won, lost or open; ``amount`` is what a won opportunity came to, else what is expected; a lost one's
    ``loss_reason`` is its status reason; ``close_date`` is the actual one; ``currency`` is an ISO code.

    Args:
        client: of :func:`connect_with`.
        pause: waits so many seconds (tests pass their own).
        warn: takes a remark.

    Raises:
        SourceError: refused, unreachable, rate limit not lifted in time, or more records than allowed.
    """
    progress, warn = progress or Progress(), warn or (lambda _: None)
    progress.stage(f"Reading {DYNAMICS.name}", None)
    reader = _DynamicsReader(client, Requests(DYNAMICS, settings, progress, pause), settings.api_version)
    columns = _columns_of(settings)
    first, lost = _first_page(reader, columns, "")
    records = reader.read_all(first)
    frame = _frame(records, columns)
    lost += [name for name in settings.fields if name in columns and len(frame) and frame[name].isna().all()]
    DYNAMICS.warn_of_lost(lost, _columns_of(settings), warn)
    if "currency" in columns:
        _name_currencies(frame, records, reader, columns["currency"], warn)
    return SourceTable("opportunities", frame, DYNAMICS.name, rows_read=len(frame))


def what_it_reads(
    client: DynamicsClient, settings: DynamicsSettings, *, pause: Callable[[float], None] = time.sleep
) -> tuple[dict[str, str], list[str], str]:
    """Our columns and those of Dataverse as far as there are any, those that are not there, and how many rows.

    Raises:
        SourceError: as :func:`read_dynamics`.
    """
    columns = _columns_of(settings)
    reader = _DynamicsReader(client, Requests(DYNAMICS, settings, Progress(), pause), settings.api_version)
    answer, lost = _first_page(reader, columns, "&$top=1&$count=true")
    count = int(answer.get("@odata.count", -1))
    return columns, lost, "" if count < 0 else f"{PAGE:,} or more" if count >= PAGE else f"{count:,}"


def _columns_of(settings: DynamicsSettings) -> dict[str, str]:
    return {**FIELDS, **settings.fields}


def _first_page(reader: _DynamicsReader, columns: dict[str, str], more: str) -> tuple[Mapping[str, Any], list[str]]:
    """The first answer, without the columns that do not exist (taken out of ``columns``)."""
    lost: list[str] = []
    besides = list(BESIDES)
    while True:
        fields = dict.fromkeys((*columns.values(), *besides))
        try:
            return reader.ask(reader.address(f"opportunities?$select={','.join(fields)}{more}")), lost
        except _UnknownColumnError as error:
            gone = [name for name, path in columns.items() if path == error.column]
            if "opportunity_id" in gone or not (gone or error.column in besides):
                raise DYNAMICS.refused(error.words) from None
            besides = [name for name in besides if name != error.column]
            lost += gone
            for name in gone:
                del columns[name]
            if not {"stage", "outcome"} & columns.keys():
                raise DYNAMICS.nothing_to_go_by("Name other columns in feedback.dynamics.fields.") from None


def _frame(records: list[Mapping[str, Any]], columns: Mapping[str, str]) -> pd.DataFrame:
    body = {name: [_value(record, path, raw=name in _RAW) for record in records] for name, path in columns.items()}
    frame = opportunity_frame(body, len(records))
    # An opportunity of a person has no account; its customer is the person.
    for name in ("account_id", "account_name"):
        person = [_value(record, BESIDES[0], raw=name in _RAW) for record in records]
        frame[name] = frame[name].where(frame[name].notna(), pd.Series(person, index=frame.index, dtype="object"))
    states = [_STATES.get(state, state) for state in frame["outcome"]]
    frame["outcome"] = pd.Series(states, index=frame.index, dtype="object")
    # The state is the CRM's own word, above whatever a stage is called.
    known = frame["outcome"].isin(list(_STATES.values()))
    frame["is_won"] = (frame["outcome"] == "won").astype("object").where(known, None)
    frame["is_closed"] = (frame["outcome"] != "open").astype("object").where(known, None)
    if columns.get("loss_reason") == FIELDS["loss_reason"]:
        frame.loc[frame["outcome"] != "lost", "loss_reason"] = None
    if columns.get("amount") == FIELDS["amount"]:
        actual = pd.to_numeric(pd.Series([record.get(BESIDES[1]) for record in records], index=frame.index), "coerce")
        frame["amount"] = frame["amount"].where((frame["outcome"] != "won") | actual.isna(), actual)
    frame.loc[frame["outcome"] == "open", "close_date"] = pd.NaT
    return frame


def _value(record: Mapping[str, Any], path: str, *, raw: bool) -> Any:
    return record.get(path) if raw else record.get(path + _TEXT, record.get(path))


def _name_currencies(
    frame: pd.DataFrame, records: list[Mapping[str, Any]], reader: _DynamicsReader, path: str, warn: Warn
) -> None:
    """ISO codes instead of the currencies' names, which every organisation may change."""
    keys = [record.get(path) for record in records]
    if path != FIELDS["currency"] or not any(keys):
        return
    try:
        first = reader.ask(reader.address("transactioncurrencies?$select=isocurrencycode"))
    except _NoPrivilegeError:
        warn("Dynamics 365: the user may not read currencies; their names stand for their codes.")
        return
    codes = {row["transactioncurrencyid"]: row["isocurrencycode"] for page in reader.pages(first) for row in page}
    frame["currency"] = [codes.get(key, name) for key, name in zip(keys, frame["currency"], strict=True)]


class _UnknownColumnError(Exception):
    """There is no such column."""

    def __init__(self, column: str, words: str) -> None:
        super().__init__(words)
        self.column, self.words = column, words


class _NoPrivilegeError(SourceError):
    """The application user lacks a privilege."""

    def __init__(self, words: str) -> None:
        super().__init__(
            "the user may not read this", where=DYNAMICS.name, got=words,
            next_step="Give the application user a security role that reads opportunities, accounts and currencies.",
        )  # fmt: skip


class _DynamicsReader:
    """Requests of one user to one organisation."""

    def __init__(self, client: DynamicsClient, requests: Requests, version: str) -> None:
        self._client, self._requests, self._version = client, requests, version

    def address(self, rest: str) -> str:
        """The address of a request."""
        return f"{self._client.url}/api/data/v{self._version}/{rest}"

    def ask(self, address: str) -> Mapping[str, Any]:
        """An answer that holds rows."""
        return self._requests.ask(partial(self._answer, address))

    def pages(self, answer: Mapping[str, Any]) -> Iterator[list[Mapping[str, Any]]]:
        """The rows of each page from the first on."""
        return self._requests.pages(self._page(answer), lambda address: self._page(self.ask(address)))

    def read_all(self, answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """The rows of all pages from the first on, as many as the settings allow."""
        return self._requests.read_all(self.pages(answer))

    def _page(self, answer: Mapping[str, Any]) -> tuple[list[Mapping[str, Any]], str]:
        """Rows and the next page's address. A link that leads elsewhere never gets the token."""
        following = str(answer.get("@odata.nextLink") or "")
        if following and not following.startswith(self.address("")):
            raise DYNAMICS.no_next_page()
        return answer["value"], following

    def _answer(self, address: str) -> Mapping[str, Any]:
        import requests

        try:
            answer = self._get(address)
            if answer.status_code == 401:
                answer = self._get(address, fresh=True)
            if answer.status_code in RETRY:
                raise TryAgainError(f"status {answer.status_code}", answer.headers.get("Retry-After"))
            if answer.status_code != 200:
                raise _refusal(answer)
            return checked_rows(answer.json(), "value")
        except requests.exceptions.JSONDecodeError:
            raise  # Of the wrong form, not unreachable.
        except requests.RequestException as error:
            raise TryAgainError(type(error).__name__) from None

    def _get(self, address: str, *, fresh: bool = False) -> Any:
        timeout = self._requests.settings.timeout_seconds
        if fresh or not self._client.token:
            self._client.sign_in(timeout)
        headers = {"Authorization": f"Bearer {self._client.token}", "Accept": "application/json", "Prefer": _PREFER,
                   "OData-Version": "4.0", "OData-MaxVersion": "4.0"}  # fmt: skip
        return self._client.session.get(address, headers=headers, timeout=timeout, allow_redirects=False)


def _refusal(answer: Any) -> Exception:
    """What a refusal says, without the address."""
    error = answer.json()["error"]
    words = f"{error.get('code', '')}: {' '.join(str(error.get('message', '')).split())[:240]}"
    if answer.status_code == 401:
        return SourceError("Dynamics 365 does not accept the session", next_step="Register the app as an application "
                           "user of the organisation, and check that DYNAMICS_URL is its address.")  # fmt: skip
    if answer.status_code == 403:
        return _NoPrivilegeError(words)
    column = re.search(r"Could not find a property named '([^']+)'", words)
    return _UnknownColumnError(column[1], words) if column else DYNAMICS.refused(words)
