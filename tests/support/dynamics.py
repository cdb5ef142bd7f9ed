"""A stand-in for Dynamics 365 on the loopback interface: it speaks the shapes of Dataverse's Web API (OData v4).

Its https, and that of the identity platform that signs in, are served as plain http (see ``session_to``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from email.message import Message
from typing import Any
from urllib.parse import parse_qs, unquote, urlparse

from tests.support.loopback import Answer

ORG = "https://acme.crm4.dynamics.com"
FORMATTED = "@OData.Community.Display.V1.FormattedValue"
COLUMNS = {"opportunityid", "_parentaccountid_value", "_customerid_value", "stepname", "statecode", "statuscode",
           "estimatedvalue", "actualvalue", "createdon", "actualclosedate", "_ownerid_value", "closeprobability",
           "_transactioncurrencyid_value"}  # fmt: skip
CURRENCIES = {"cur-1": "USD", "cur-2": "EUR"}
ENVIRONMENT = {"DYNAMICS_URL": ORG, "DYNAMICS_TENANT_ID": "tenant-1", "DYNAMICS_CLIENT_ID": "app-1",
               "DYNAMICS_CLIENT_SECRET": "secret-1"}  # fmt: skip


@dataclass
class DynamicsStandIn:
    """What it serves, what goes wrong, and what it was asked."""

    records: list[dict[str, Any]]
    page: int = 5000
    secret: str = "secret-1"
    columns: set[str] = field(default_factory=lambda: set(COLUMNS))
    #: Answers given instead, at the so-many-th request: (status, headers), "expire", or a body of another form.
    trouble: dict[int, Any] = field(default_factory=dict)
    forbidden: tuple[str, ...] = ()
    requests: list[str] = field(default_factory=list)
    prefers: list[str] = field(default_factory=list)
    granted: list[dict[str, list[str]]] = field(default_factory=list)
    port: int = 0

    @property
    def token(self) -> str:
        return f"token-{len(self.granted)}"

    def answer(self, path: str, headers: Message, text: str | None) -> Answer:
        return self._rows(path, headers) if text is None else self._grant(path, parse_qs(text))

    def _grant(self, path: str, body: dict[str, list[str]]) -> Answer:
        """A token for an app's own credentials."""
        wanted = {"grant_type": ["client_credentials"], "client_id": ["app-1"], "scope": [f"{ORG}/.default"]}
        if path != "/tenant-1/oauth2/v2.0/token" or any(body.get(name) != value for name, value in wanted.items()):
            return 400, {}, {"error": "invalid_request", "error_description": "no"}
        if body["client_secret"] != [self.secret]:
            return 401, {}, {"error": "invalid_client", "error_description": f"not {body['client_secret'][0]}"}
        self.granted.append(body)
        return 200, {}, {"token_type": "Bearer", "expires_in": 3599, "access_token": self.token}

    def _rows(self, path: str, headers: Message) -> Answer:
        self.requests.append(unquote(path))
        self.prefers.append(headers.get("Prefer", ""))
        wrong = self.trouble.get(len(self.requests))
        if isinstance(wrong, tuple):
            return wrong[0], wrong[1], _error("0x80072322", "refused by the stand-in")
        if wrong is not None and wrong != "expire":
            return 200, {}, wrong
        if wrong == "expire" or headers.get("Authorization") != f"Bearer {self.token}":
            return 401, {}, _error("0x80040211", "token expired")
        url = urlparse(path)
        table = url.path.rpartition("/")[2]
        if not url.path.startswith("/api/data/v9.2/") or headers.get("OData-Version") != "4.0":
            return 404, {}, _error("0x8006088a", f"Resource not found for the segment '{table}'.")
        if table in self.forbidden:
            return 403, {}, _error("0x80040220", f"Principal user is missing prvRead privilege on {table}")
        if table == "transactioncurrencies":
            rows = [{"transactioncurrencyid": key, "isocurrencycode": code} for key, code in CURRENCIES.items()]
            return 200, {}, {"value": rows}
        return self._page(parse_qs(url.query), headers)

    def _page(self, query: dict[str, list[str]], headers: Message) -> Answer:
        wanted = query["$select"][0].split(",")
        unknown = next((name for name in wanted if name not in self.columns), None)
        if unknown:
            return 400, {}, _error("0x80060888", f"Could not find a property named '{unknown}' on type "
                                   "'Microsoft.Dynamics.CRM.opportunity'.")  # fmt: skip
        asked = re.search(r"odata\.maxpagesize=(\d+)", headers.get("Prefer", ""))
        size = min(self.page, int(asked[1]) if asked else 5000, int(query.get("$top", ["5000"])[0]))
        start = int(query.get("$skiptoken", ["0"])[0])
        shown = {*wanted, *(name + FORMATTED for name in wanted if "FormattedValue" in headers.get("Prefer", ""))}
        rows = [{"@odata.etag": 'W/"1"', **{k: v for k, v in row.items() if k in shown}}
                for row in self.records[start : start + size]]  # fmt: skip
        body: dict[str, Any] = {"@odata.context": "x", "value": rows}
        if "$count" in query:
            body["@odata.count"] = len(self.records)
        if start + size < len(self.records) and "$top" not in query:
            body["@odata.nextLink"] = (
                f"{ORG}/api/data/v9.2/opportunities?$select={','.join(wanted)}&$skiptoken={start + size}"
            )
        return 200, {}, body


def _error(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


def opportunity(k: int, state: int = 0, **changes: Any) -> dict[str, Any]:
    """One opportunity as the Web API gives it: state 0 open, 1 won, 2 lost."""
    reason = (("In Progress", 1), ("Won", 3), ("Out-Sold", 5))[state]
    body = {
        "opportunityid": f"0000-{k:06d}", "_parentaccountid_value": f"acc-{k % 7}",
        "_parentaccountid_value" + FORMATTED: f"Account {k % 7}", "_customerid_value": f"acc-{k % 7}",
        "_customerid_value" + FORMATTED: f"Account {k % 7}", "stepname": "2-Develop", "statecode": state,
        "statecode" + FORMATTED: ("Open", "Won", "Lost")[state], "statuscode": reason[1],
        "statuscode" + FORMATTED: reason[0], "estimatedvalue": 1000.0 + k,
        "estimatedvalue" + FORMATTED: f"${1000 + k:,}.00", "actualvalue": 900.0 + k if state == 1 else None,
        "createdon": f"2025-0{1 + k % 3}-05T10:00:00Z", "createdon" + FORMATTED: "1/5/2025 11:00 AM",
        "actualclosedate": "2025-12-31" if state else None, "_ownerid_value": "own-1",
        "_ownerid_value" + FORMATTED: "Rita Rep", "closeprobability": 40, "_transactioncurrencyid_value": "cur-1",
        "_transactioncurrencyid_value" + FORMATTED: "US Dollar",
    }  # fmt: skip
    return body | changes
