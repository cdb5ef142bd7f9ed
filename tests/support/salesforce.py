"""A stand-in for Salesforce on the loopback interface: it speaks the shapes of its REST interface."""

from __future__ import annotations

from dataclasses import dataclass, field
from email.message import Message
from typing import Any
from urllib.parse import parse_qs, urlparse

from tests.support.loopback import Answer, session_to

_SOAP = (
    '<?xml version="1.0"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
    'xmlns="urn:partner.soap.sforce.com"><soapenv:Body><loginResponse><result>'
    "<serverUrl>https://127.0.0.1:{port}/services/Soap/u/59.0/00D</serverUrl><sessionId>{token}</sessionId>"
    "</result></loginResponse></soapenv:Body></soapenv:Envelope>"
)
_SOAP_FAULT = (
    '<?xml version="1.0"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
    'xmlns:sf="urn:fault.partner.soap.sforce.com"><soapenv:Body><soapenv:Fault><sf:exceptionCode>INVALID_LOGIN'
    "</sf:exceptionCode><sf:exceptionMessage>Invalid username, password, security token</sf:exceptionMessage>"
    "</soapenv:Fault></soapenv:Body></soapenv:Envelope>"
)


@dataclass
class SalesforceStandIn:
    """What it serves, what goes wrong, and what it was asked."""

    records: list[dict[str, Any]]
    page: int = 2000
    token: str = "token-1"
    #: Answers given instead of the page, in order: (status, errorCode) before the so-many-th request.
    trouble: dict[int, tuple[int, str]] = field(default_factory=dict)
    #: Messages of INVALID_FIELD, one for each of the first queries.
    unreadable: list[str] = field(default_factory=list)
    #: What is sent instead of every answer.
    other: Any = None
    requests: list[str] = field(default_factory=list)
    #: How each sign-in was made: its grant type, or soap; and what was sent.
    granted: list[str] = field(default_factory=list)
    bodies: list[dict[str, list[str]]] = field(default_factory=list)
    #: Whether the password is refused.
    closed: bool = False
    refused: int = 0
    port: int = 0

    def answer(self, path: str, headers: Message, text: str | None) -> Answer:
        status, body = self._rows(path, headers.get("Authorization", "")) if text is None else self._grant(text)
        return status, {}, body

    def _rows(self, path: str, token: str) -> tuple[int, Any]:
        self.requests.append(path)
        number = len(self.requests)
        if number in self.trouble:
            status, code = self.trouble[number]
            if code == "expire":
                self.token = f"token-{number}"
            else:
                return status, [{"message": "refused by the stand-in", "errorCode": code}]
        if token != f"Bearer {self.token}":
            self.refused += 1
            return 401, [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]
        if self.other is not None:
            return 200, self.other
        if self.unreadable and "/queryAll" in path:
            return 400, [{"message": self.unreadable.pop(0), "errorCode": "INVALID_FIELD"}]
        url = urlparse(path)
        start = 0
        if url.path.rstrip("/").endswith("/queryAll"):
            query = parse_qs(url.query)["q"][0]
            if query.startswith("SELECT COUNT()"):
                return 200, {"totalSize": len(self.records), "done": True, "records": []}
            if query.endswith(" LIMIT 1"):
                return 200, {"totalSize": 1, "done": True, "records": self.records[:1]}
            if not query.startswith("SELECT Id, AccountId"):
                return 400, [{"message": "unexpected token", "errorCode": "MALFORMED_QUERY"}]
        else:
            start = int(url.path.rpartition("-")[2])
        rows = self.records[start : start + self.page]
        body: dict[str, Any] = {"totalSize": len(self.records), "done": start + self.page >= len(self.records)}
        body["records"] = [{"attributes": {"type": "Opportunity"}, **row} for row in rows]
        if not body["done"]:
            body["nextRecordsUrl"] = f"/services/data/v59.0/query/01g000-{start + self.page}"
        return 200, body

    def _grant(self, text: str) -> tuple[int, Any]:
        """A token, as Salesforce's sign-in gives it: by OAuth, or by SOAP with a password."""
        if text.lstrip().startswith("<?xml"):
            self.granted.append("soap")
            if self.closed:
                return 500, _SOAP_FAULT
            return 200, _SOAP.format(token=self.token, port=self.port)
        body = parse_qs(text)
        self.bodies.append(body)
        self.granted.append(body["grant_type"][0])
        return 200, {
            "access_token": self.token,
            "instance_url": f"https://127.0.0.1:{self.port}",
            "token_type": "Bearer",
        }

    def connect(self) -> Any:
        """Sign in as simple-salesforce does with a session; its https is served as plain http."""
        from simple_salesforce import Salesforce

        address = f"https://127.0.0.1:{self.port}"
        return Salesforce(session_id=self.token, instance_url=address, session=session_to(self.port), version="59.0")


def record(k: int, **changes: Any) -> dict[str, Any]:
    """One opportunity as Salesforce gives it."""
    body: dict[str, Any] = {
        "Id": f"006{k:012d}AAA", "AccountId": f"001{k % 7:012d}AAA",
        "Account": {"Name": f"Account {k % 7}", "Industry": "Aerospace"},
        "StageName": "Negotiation", "Amount": 1000.0 + k,
        "CreatedDate": "2025-03-01T23:30:00.000+0000", "CloseDate": "2025-06-30", "Owner": {"Name": "Rita Rep"},
        "IsWon": False, "IsClosed": False, "IsDeleted": False,
    }  # fmt: skip
    return body | changes
