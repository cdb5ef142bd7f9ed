"""Hand messages to a mail server over an encrypted connection, and know of each whether the server has taken it."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable
from email.headerregistry import Address
from types import TracebackType

from icp_xl.config.mail import SmtpSettings
from icp_xl.errors import DeliveryError


class NotTakenError(Exception):
    """The server has not taken the message, for certain."""


class UnknownError(Exception):
    """The connection ended after the message was sent and before the server answered."""


class MailServer:
    """A signed-in connection. There is none without TLS and a certificate that holds."""

    def __init__(self, settings: SmtpSettings, password: str | None, sender: Address) -> None:
        self.settings, self.password, self.sender = settings, password, sender
        self._smtp: smtplib.SMTP | None = None

    def __enter__(self) -> MailServer:
        self._connect()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._close()

    def send(self, to: Address, message: bytes, before: Callable[[], None]) -> str:
        """Send one message; returns what the server said.

        Args:
            before: called when the server has agreed to the addresses, before the first byte of the message.

        Raises:
            NotTakenError: the server refused it.
            UnknownError: it may have arrived.
            DeliveryError: the server cannot be reached any more; this message was not sent.
        """
        smtp = self._ready()
        try:
            smtp.ehlo_or_helo_if_needed()
            code, said = smtp.mail(self.sender.addr_spec, [f"size={len(message)}"] if smtp.has_extn("size") else [])
            if code == 250:
                code, said = smtp.rcpt(to.addr_spec)
            if code not in (250, 251):
                smtp.rset()
                raise NotTakenError(_said(code, said))
        except (smtplib.SMTPException, OSError) as error:
            self._close()
            raise NotTakenError(f"the connection ended before the message was sent ({type(error).__name__})") from None
        before()
        try:
            code, said = smtp.data(message)
        except smtplib.SMTPDataError as error:
            raise NotTakenError(_said(error.smtp_code, error.smtp_error)) from None
        except (smtplib.SMTPException, OSError) as error:
            self._close()
            raise UnknownError(type(error).__name__) from None
        if code != 250:
            raise NotTakenError(_said(code, said))
        return _said(code, said)

    def _ready(self) -> smtplib.SMTP:
        """The connection, made again where the server has closed it meanwhile."""
        if self._smtp is not None:
            try:
                if self._smtp.noop()[0] == 250:
                    return self._smtp
            except (smtplib.SMTPException, OSError):
                pass
            self._close()
        return self._connect()

    def _connect(self) -> smtplib.SMTP:
        chosen = self.settings
        host, name, wait = chosen.host or "", self.sender.domain, chosen.timeout
        try:
            context = ssl.create_default_context(cafile=str(chosen.ca_file) if chosen.ca_file is not None else None)
            if chosen.security == "tls":
                self._smtp = smtplib.SMTP_SSL(host, chosen.port, name, timeout=wait, context=context)
            else:
                self._smtp = smtplib.SMTP(host, chosen.port, name, timeout=wait)
                self._smtp.starttls(context=context)
            if chosen.user:
                self._smtp.login(chosen.user, self.password or "")
            return self._smtp
        except smtplib.SMTPNotSupportedError:
            got = "it offers no encrypted connection, or no way to sign in over one"
        except smtplib.SMTPAuthenticationError as error:
            got = f"it does not accept the name and password ({error.smtp_code})"
        except ssl.SSLCertVerificationError as error:
            got = f"its certificate does not hold: {error.verify_message}"
        except (smtplib.SMTPException, OSError, ValueError) as error:
            got = str(error) or type(error).__name__
        if self._smtp is not None:
            self._smtp.close()
            self._smtp = None
        raise DeliveryError(
            "the mail server cannot be used",
            where=f"{host}:{chosen.port} ({chosen.security})",
            got=got[:200],
            next_step="Check share.mail.smtp and the password in the environment. What was sent before stands in the "
            "log; run again to send the rest.",
        )

    def _close(self) -> None:
        if self._smtp is not None:
            try:
                self._smtp.quit()
            except (smtplib.SMTPException, OSError):
                self._smtp.close()
            self._smtp = None


def _said(code: int, said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return " ".join(f"{code} {text}".split())[:200]
