"""A real SMTP server on this computer, with TLS from an authority made for the test, that keeps what it takes."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USER, PASSWORD = "ops", "not for mail"


@dataclass
class Inbox:
    """What the server took, and how it is to behave."""

    port: int = 0
    ca: Path = Path()
    taken: list[tuple[str, EmailMessage]] = field(default_factory=list)
    refuse: set[str] = field(default_factory=set)
    #: Close the connection without an answer after so many messages, though the last one was taken.
    silent_after: int | None = None
    direct: bool = False

    def settings(self, **more: object) -> dict[str, Any]:
        """The settings ``share.mail.smtp`` that reach it."""
        return {"host": "localhost", "port": self.port, "user": USER, "ca_file": self.ca, "timeout": 20.0, **more}

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        if address in self.refuse:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        message = BytesParser(policy=default).parsebytes(envelope.content)
        assert isinstance(message, EmailMessage)
        assert session.ssl is not None or self.direct
        (address,) = envelope.rcpt_tos
        self.taken.append((address, message))
        if self.silent_after is not None and len(self.taken) >= self.silent_after:
            self.silent_after = None
            server.transport.abort()
        return "250 taken"


@contextmanager
def mail_server(folder: Path, *, tls: bool = True, direct: bool = False) -> Iterator[Inbox]:
    """The server, listening; without ``tls`` one that offers none. ``direct``: encrypted from the start."""
    inbox = Inbox(ca=folder / "ca.pem", direct=direct)
    context = _certificates(folder) if tls else None

    def sign_in(server: Any, session: Any, envelope: Any, mechanism: str, given: Any) -> AuthResult:
        right = (given.login, given.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=right, handled=False)

    class Server(Controller):
        def factory(self) -> SMTP:
            return SMTP(
                self.handler, hostname="localhost", tls_context=None if direct else context,
                require_starttls=tls and not direct, authenticator=sign_in, auth_require_tls=tls and not direct,
                auth_required=tls and not direct, data_size_limit=60_000_000,
            )  # fmt: skip

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        inbox.port = free.getsockname()[1]
    controller = Server(inbox, hostname="127.0.0.1", port=inbox.port, ssl_context=context if direct else None)
    controller.start()
    try:
        yield inbox
    finally:
        controller.stop()


def _certificates(folder: Path) -> ssl.SSLContext:
    """Make an authority and a certificate of ``localhost``, and keep the authority as ``ca.pem``."""
    now = datetime.now(UTC)

    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    def made(subject: str, key: Any, signer: Any, authority: bool) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(named(subject))
            .issuer_name(named("Test authority"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if not authority:
            names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(signer, hashes.SHA256())

    authority, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(made("Test authority", authority, authority, True).public_bytes(pem))
    secret = own.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.pem").write_bytes(secret + made("localhost", own, authority, False).public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return context
