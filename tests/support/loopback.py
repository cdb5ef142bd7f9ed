"""A server on the loopback interface in the place of a service, and sessions of which every address leads to it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol, TypeVar
from urllib.parse import urlparse

import requests
from requests.adapters import HTTPAdapter

#: Status, headers and body; a body that is no text is sent as JSON.
Answer = tuple[int, dict[str, str], Any]


class StandIn(Protocol):
    """What answers in the place of a service."""

    port: int

    def answer(self, path: str, headers: Message, text: str | None) -> Answer:
        """The answer to a request; ``text`` is what a POST sends, ``None`` a GET."""


Served = TypeVar("Served", bound=StandIn)


@contextmanager
def serve(stand_in: Served) -> Iterator[Served]:
    """Serve on a free port of the loopback interface until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._reply(None)

        def do_POST(self) -> None:
            self._reply(self.rfile.read(int(self.headers["Content-Length"])).decode())

        def _reply(self, text: str | None) -> None:
            status, headers, body = stand_in.answer(self.path, self.headers, text)
            content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.send_response(status)
            known = {"Content-Type": "application/json", "Content-Length": str(len(content))}
            for name, value in (known | headers).items():
                self.send_header(name, value)
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


def session_to(port: int) -> requests.Session:
    """A session of which every https address leads to ``port``, as plain http."""
    session = requests.Session()
    session.mount("https://", _PlainAdapter(port))
    return session


class _PlainAdapter(HTTPAdapter):
    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port

    def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        url = urlparse(request.url)
        request.url = url._replace(scheme="http", netloc=f"127.0.0.1:{self._port}").geturl()
        return super().send(request, *args, **kwargs)
