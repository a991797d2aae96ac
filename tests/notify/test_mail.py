"""A letter is handed in once its server took it, within one time for the whole talk, whatever the server says."""

from __future__ import annotations

import time
from email.message import EmailMessage

import pytest

from routines.core.limits import NOTIFICATION_LEASE_SECONDS, NOTIFICATION_MAIL_SECONDS_MAX
from routines.notify.mail import MailServer, UnsentError
from support.listener import LOOPBACK, Line, Listener, Script

END = b"\r\n.\r\n"
USUAL = {"AUTH": b"235 Come in\r\n", "DATA": b"354 Go on\r\n", "EHLO": b"250-Here\r\n250 AUTH PLAIN\r\n"}


def answering_mail(**answers: bytes) -> Script:
    """A mail server that takes everything but for what it answers to these commands; END is of the letter itself."""

    def converse(line: Line) -> None:
        line.write(answers.get("GREETING", b"220 Hello\r\n"))
        while heard := line.hear():
            verb = heard[:4].decode().strip().upper()
            line.write(answers.get(verb, USUAL.get(verb, b"250 OK\r\n")))
            if verb == "DATA":
                while not heard.endswith(END):
                    heard += line.hear()
                line.write(answers.get("END", b"250 Taken\r\n"))

    return converse


def hand_in(receiver: Listener, user: str = "") -> None:
    letter = EmailMessage()
    letter["From"], letter["To"] = "routines@example.com", "grace@example.com"
    letter.set_content("Hello")
    MailServer.of(f"smtp://{user}{LOOPBACK}:{receiver.port}", "routines@example.com").send(letter)


@pytest.mark.parametrize("goodbye", [b"221 Bye\r\n", b"250 OK\r\n", b"421 Too many\r\n", b"What?\r\n"])
def test_a_letter_that_was_taken_is_sent_whatever_is_answered_to_the_goodbye(goodbye: bytes) -> None:
    with Listener(answering_mail(QUIT=goodbye)) as receiver:
        hand_in(receiver)


@pytest.mark.parametrize(
    ("answers", "retry"),
    [
        ({"AUTH": b"535 Wrong password\r\n"}, True),
        ({"GREETING": b"554 Not today\r\n"}, True),
        ({"MAIL": b"550 Not you\r\n"}, True),
        ({"END": b"552 Full\r\n"}, True),
        ({"RCPT": b"451 Later\r\n"}, True),
        ({"RCPT": b"550 Nobody\r\n"}, False),
    ],
)
def test_only_a_mailbox_that_is_refused_for_good_is_final(answers: dict[str, bytes], *, retry: bool) -> None:
    with Listener(answering_mail(**answers)) as receiver, pytest.raises(UnsentError) as refused:
        hand_in(receiver, "me:secret@")
    [answer] = answers.values()
    assert answer.decode().split()[0] in refused.value.sentence
    assert "secret" not in refused.value.sentence
    assert refused.value.retry is retry


def _silent(line: Line) -> None:
    line.hear()


def _dripping(line: Line) -> None:
    line.write(b"220-")
    line.drip(b"slowly ")


def _many_lines(line: Line) -> None:
    line.drip(b"220-One more\r\n")


@pytest.mark.parametrize("script", [_silent, _dripping, _many_lines])
def test_a_slow_mail_server_is_given_one_time_for_all_it_says(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("routines.notify.mail.NOTIFICATION_MAIL_SECONDS_MAX", 0.2)
    begun = time.monotonic()
    with Listener(script) as receiver, pytest.raises(UnsentError, match=r"within 0\.2 seconds") as late:
        hand_in(receiver)
    assert late.value.retry
    assert time.monotonic() - begun < 4


def test_a_letter_is_handed_in_or_not_before_another_sender_may_take_it() -> None:
    assert NOTIFICATION_LEASE_SECONDS >= NOTIFICATION_MAIL_SECONDS_MAX + 15
