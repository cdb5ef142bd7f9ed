"""A stand-in for Salesforce on the loopback interface: it speaks the shapes of its REST interface."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlparse

import requests
from requests.adapters import HTTPAdapter

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
class StandIn:
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

    def answer(self, path: str, token: str) -> tuple[int, Any]:
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

    def grant(self, text: str) -> tuple[int, Any]:
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

    def session(self) -> requests.Session:
        """A session of which every https address leads here."""
        session = requests.Session()
        session.mount("https://", PlainAdapter(self.port))
        return session

    def connect(self) -> Any:
        """Sign in as simple-salesforce does with a session; its https is served as plain http."""
        from simple_salesforce import Salesforce

        address = f"https://127.0.0.1:{self.port}"
        return Salesforce(session_id=self.token, instance_url=address, session=self.session(), version="59.0")


class PlainAdapter(HTTPAdapter):
    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port

    def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        url = urlparse(request.url)
        request.url = url._replace(scheme="http", netloc=f"127.0.0.1:{self._port}").geturl()
        return super().send(request, *args, **kwargs)


@contextmanager
def serve(stand_in: StandIn) -> Iterator[StandIn]:
    """Serve on a free port of the loopback interface until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._reply(*stand_in.answer(self.path, self.headers.get("Authorization", "")))

        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._reply(*stand_in.grant(text))

        def _reply(self, status: int, body: Any) -> None:
            content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stand_in.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield stand_in
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


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
