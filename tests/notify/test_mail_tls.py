"""A letter and its password are for nobody but the mail server that the settings name: STARTTLS, and smtps."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from routines.notify.mail import MailServer, UnsentError
from support.certificates import Authority
from support.listener import LOOPBACK
from support.process import free_port

HOST = "localhost"
SENDER = "routines@example.com"
KINDS = ("smtp", "smtps")


class Mailbox:
    """Keeps what it is sent, and by whom."""

    def __init__(self) -> None:
        self.logins: list[object] = []
        self.letters: list[Envelope] = []

    def authenticate(self, _server: SMTP, _session: Session, _envelope: Envelope, _how: str, who: object) -> AuthResult:
        """Let in whoever it is."""
        self.logins.append(who)
        return AuthResult(success=True)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        """Take a letter."""
        self.letters.append(envelope)
        return "250 OK"


@contextmanager
def serving(kind: str, mailbox: Mailbox, tls: ssl.SSLContext | None) -> Iterator[MailServer]:
    """A mail server that takes a password, of which STARTTLS is demanded where it can be."""
    after_starttls = tls if kind == "smtp" else None
    controller = Controller(
        mailbox,
        hostname=LOOPBACK,
        port=free_port(),
        ssl_context=tls if kind == "smtps" else None,
        tls_context=after_starttls,
        require_starttls=after_starttls is not None,
        auth_require_tls=after_starttls is not None,
        authenticator=mailbox.authenticate,
    )
    controller.start()
    query = "?starttls" if kind == "smtp" else ""
    try:
        yield MailServer.of(f"{kind}://me:s%40cret@{HOST}:{controller.port}{query}", SENDER)
    finally:
        controller.stop()


def letter() -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"] = SENDER, "grace@example.com"
    made.set_content("Hello")
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_a_letter_is_handed_in_under_tls(kind: str, authority: Authority) -> None:
    mailbox = Mailbox()
    with serving(kind, mailbox, authority.server(HOST)) as server:
        server.send(letter())
    assert mailbox.logins == [LoginPassword(b"me", b"s@cret")]
    assert [each.rcpt_tos for each in mailbox.letters] == [["grace@example.com"]]


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_of_another_name_is_told_nothing(kind: str, authority: Authority) -> None:
    mailbox = Mailbox()
    with serving(kind, mailbox, authority.server("other.test")) as server, pytest.raises(UnsentError) as refused:
        server.send(letter())
    assert refused.value.sentence == "No TLS connection with the mail server: CERTIFICATE_VERIFY_FAILED"
    assert refused.value.retry
    assert (mailbox.logins, mailbox.letters) == ([], [])


def test_a_server_from_which_starttls_is_kept_is_told_nothing() -> None:
    mailbox = Mailbox()
    with serving("smtp", mailbox, None) as server, pytest.raises(UnsentError, match="STARTTLS") as refused:
        server.send(letter())
    assert refused.value.retry
    assert (mailbox.logins, mailbox.letters) == ([], [])
