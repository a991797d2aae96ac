"""The mail server that notifications are sent by, as whoever runs the service sets it, and the sending of one message.

What a message says is not known here.
"""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from enum import StrEnum
from threading import Timer
from typing import Self
from urllib.parse import unquote, urlsplit

from routines.core.errors import RoutinesError
from routines.core.limits import NOTIFICATION_MAIL_SECONDS_MAX
from routines.outgoing import Deadline, connected, trust

_FOR_GOOD = range(500, 600)  # RFC 5321, section 4.2.1: the same command will not succeed later


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
_HOST = re.compile(r"[^.]{1,63}(?:\.[^.]{1,63})*\.?")  # what Python's resolver does not stumble over, or an address
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
        is_there = host is not None and _HOST.fullmatch(host) is not None and port != 0
        is_whole = parts.scheme in {"smtp", "smtps"} and is_there and parts.path in {"", "/"} and not parts.fragment
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
        if not f"{user}{password}".isascii():
            raise MailServerError("its user or password has other characters than ASCII's, which cannot be sent")
        if password and security is Security.NONE and host not in {"localhost", "127.0.0.1", "::1"}:
            raise MailServerError("it would send the password for everybody to read: add ?starttls, or write smtps://")
        return cls(host or "", port or _PORTS[security], security, sender, user, password)

    def send(self, message: EmailMessage) -> None:
        """Hand a message in; raises `UnsentError`. The server is the operator's own, so it may be anywhere.

        Only a mailbox that is refused for good is final: every other refusal is of the server's or its settings'
        making, such as a password that was changed, and may be mended within the day.
        """
        deadline = Deadline(NOTIFICATION_MAIL_SECONDS_MAX)
        try:
            connection = _Conversation(self, deadline)
            try:
                self._hand_in(message, connection)
                with suppress(smtplib.SMTPException, OSError):
                    connection.quit()  # it was taken, whatever is answered to a goodbye
            finally:
                connection.close()
        except smtplib.SMTPRecipientsRefused as error:
            code, said = next(iter(error.recipients.values()))
            raise UnsentError(f"The mail server answered {code}: {_text(said)}", retry=code not in _FOR_GOOD) from None
        except smtplib.SMTPResponseException as error:
            sentence = f"The mail server answered {error.smtp_code}: {_text(error.smtp_error)}"
            raise UnsentError(sentence, retry=True) from None
        except OSError as error:  # as which smtplib's own errors come as well
            raise UnsentError(_sentence(error, deadline), retry=True) from None

    def _hand_in(self, message: EmailMessage, connection: smtplib.SMTP) -> None:
        if self.security is Security.STARTTLS:
            connection.starttls(context=trust())
        if self.user is not None:
            connection.login(self.user, self.password or "")
        connection.send_message(message)


class _Conversation(smtplib.SMTP):
    """A connection with a mail server that is over by its deadline, however slowly the server speaks.

    smtplib bounds each read, not the whole: a server that sends a byte now and then would be listened to for ever.
    """

    def __init__(self, server: MailServer, deadline: Deadline) -> None:
        self._server = server
        self._deadline = deadline
        self._end = Timer(deadline.left(), self._hang_up)
        self._end.daemon = True
        super().__init__(server.host, server.port)

    def connect(self, host: str = "", port: int = 0, source_address: object = None) -> tuple[int, bytes]:
        """Connect, which `SMTP` does when it is made, and read the greeting."""
        assert source_address is None  # noqa: S101 - smtplib's own parameter, which nobody here gives
        self.sock = connected(host, port, self._deadline)
        try:
            if self._server.security is Security.TLS:
                self.sock.settimeout(self._deadline.left())
                self.sock = trust().wrap_socket(self.sock, server_hostname=host)
            self._end.start()
            return self.getreply()
        except BaseException:
            self.close()
            raise

    def getreply(self) -> tuple[int, bytes]:
        """The answer to a command, within the time that is left for all of them."""
        if self.sock is not None:
            self.sock.settimeout(self._deadline.left())
        return super().getreply()

    def close(self) -> None:
        """Let go of the connection."""
        self._end.cancel()
        super().close()

    def _hang_up(self) -> None:
        """End a read that is under way, on whichever thread."""
        connection = self.sock
        if connection is not None:
            with suppress(OSError):  # it was closed in this very moment
                socket.socket.shutdown(connection, socket.SHUT_RDWR)  # not TLS's own, which a reader would trip over


def _sentence(error: OSError, deadline: Deadline) -> str:
    """What is said of a message that could not be handed in, for another reason than an answer."""
    try:
        deadline.left()
    except TimeoutError:
        return f"The mail server did not take it within {NOTIFICATION_MAIL_SECONDS_MAX:g} seconds"
    if isinstance(error, smtplib.SMTPException):
        return f"The mail server did not take it: {error}"
    if isinstance(error, ssl.SSLError):
        return f"No TLS connection with the mail server: {error.reason or error}"
    return f"The mail server cannot be reached: {error.strerror or error}"


def _text(said: bytes | str) -> str:
    return said.decode(errors="replace") if isinstance(said, bytes) else said
