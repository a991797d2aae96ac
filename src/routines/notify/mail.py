"""The mail server that notifications are sent by, as whoever runs the service sets it, and the sending of one message.

What a message says is not known here.
"""

from __future__ import annotations

import re
import smtplib
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from enum import StrEnum
from typing import Self
from urllib.parse import unquote, urlsplit

from routines.core.errors import RoutinesError
from routines.core.limits import NOTIFICATION_SEND_SECONDS_MAX
from routines.outgoing import trust

_TEMPORARY = range(400, 500)  # RFC 5321, section 4.2.1: a command that may succeed later


class MailServerError(RoutinesError):
    """A text is no mail server's URL."""


class UnsentError(RoutinesError):
    """A message was not taken; `retry` says whether it may go better later."""

    def __init__(self, sentence: str, *, retry: bool) -> None:
        super().__init__(sentence)
        self.retry = retry


class Security(StrEnum):
    """How the connection is kept from others: not at all, after STARTTLS, or from its first byte."""

    NONE = "none"
    STARTTLS = "starttls"
    TLS = "tls"


_SENDER = re.compile(r"[!-?A-~]+@[!-?A-~]+")
_PORTS = {Security.NONE: 25, Security.STARTTLS: 587, Security.TLS: 465}


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed in, and as whom it is sent."""

    host: str
    port: int
    security: Security
    sender: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, url: str, sender: str) -> Self:
        """The server that a URL names, and the address that stands in `From`.

        The URL is `smtp://user:password@host:587?starttls`, or `smtps://` for TLS from the first byte. Raises
        `MailServerError`; its sentence never has the password.
        """
        try:
            parts = urlsplit(url)
            port, host = parts.port, parts.hostname
        except ValueError:
            port, host = None, None
            parts = urlsplit("")
        is_whole = parts.scheme in {"smtp", "smtps"} and host and port != 0 and parts.path in {"", "/"}
        if not is_whole or parts.query not in {"", "starttls"} or (parts.query and parts.scheme == "smtps"):
            raise MailServerError(
                "it is no mail server: write smtp://user:password@host:587?starttls, smtps://user:password@host:465, "
                "or smtp://host:25; what is special in the password as %40"
            )
        security = Security.TLS if parts.scheme == "smtps" else Security.STARTTLS if parts.query else Security.NONE
        if _SENDER.fullmatch(sender) is None:
            raise MailServerError(f"{sender[:60]!r} is no sender: write routines@example.com")
        user = None if parts.username is None else unquote(parts.username)
        password = None if parts.password is None else unquote(parts.password)
        if password and security is Security.NONE and host not in {"localhost", "127.0.0.1", "::1"}:
            raise MailServerError("it would send the password for everybody to read: add ?starttls, or write smtps://")
        return cls(host or "", port or _PORTS[security], security, sender, user, password)

    def send(self, message: EmailMessage) -> None:
        """Hand a message in; raises `UnsentError`. The server is the operator's own, so it may be anywhere."""
        try:
            with self._connected() as connection:
                if self.security is Security.STARTTLS:
                    connection.starttls(context=trust())
                if self.user is not None:
                    connection.login(self.user, self.password or "")
                connection.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            code, said = next(iter(error.recipients.values()))
            raise UnsentError(f"The mail server answered {code}: {_text(said)}", retry=code in _TEMPORARY) from None
        except smtplib.SMTPResponseException as error:
            code = error.smtp_code
            sentence = f"The mail server answered {code}: {_text(error.smtp_error)}"
            raise UnsentError(sentence, retry=code in _TEMPORARY) from None
        except smtplib.SMTPException as error:
            raise UnsentError(f"The mail server did not take it: {error}", retry=True) from None
        except ssl.SSLError as error:
            raise UnsentError(f"No TLS connection with the mail server: {error.reason or error}", retry=True) from None
        except OSError as error:
            raise UnsentError(f"The mail server cannot be reached: {error.strerror or error}", retry=True) from None

    def _connected(self) -> smtplib.SMTP:
        timeout = NOTIFICATION_SEND_SECONDS_MAX
        if self.security is Security.TLS:
            return smtplib.SMTP_SSL(self.host, self.port, timeout=timeout, context=trust())
        return smtplib.SMTP(self.host, self.port, timeout=timeout)


def _text(said: bytes | str) -> str:
    return said.decode(errors="replace") if isinstance(said, bytes) else said
