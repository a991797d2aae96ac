"""A letter has the headers that the service wrote, and no more, whatever texts from outside stand in its subject."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes, policy

import pytest

from routines.core.notifications import Notification, NotificationStatus, payload_of, run_failed
from routines.notify.letters import email

NOW = datetime(2026, 3, 2, 13, tzinfo=UTC)
HEADERS = [
    *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"),
    *("Content-Type", "Content-Transfer-Encoding", "MIME-Version"),
]
LINE_BREAKS = {
    "utf-8": "=0D=0A",
    "utf-7": "+AA0-+AAo-",
    "unicode_escape": "=5Cr=5Cn",
    "utf-16": "=FF=FE=0D=00=0A=00",
}


def _told(title: str) -> Notification:
    payload = payload_of(run_failed("company", "routine", title, "run", "A reason"), NOW)
    pending = NotificationStatus.PENDING
    return Notification(
        "id", "company", "mine", "run.failed", payload, pending, 1, NOW, NOW, NOW, None, None, None, NOW
    )


@pytest.mark.parametrize(
    "title",
    [
        *(f"=?{charset}?q?{line_break}?=X-Forged: 1" for charset, line_break in LINE_BREAKS.items()),
        *(f"=?{charset}?q?{line_break}{line_break}?=Forged" for charset, line_break in LINE_BREAKS.items()),
        "=?utf-8?q?=FF?= cannot be encoded",
        "=?utf-8?q?=00?=",
        "=?" * 100,
    ],
)
def test_an_encoded_word_in_a_title_is_a_text_like_any_other(title: str) -> None:
    raw = email(_told(title), "https://routines.example", "routines@example.com", "grace@example.com", NOW).as_bytes()
    letter = message_from_bytes(raw, policy=policy.default)
    assert list(letter.keys()) == HEADERS
    assert letter["Subject"].replace("\N{ZERO WIDTH SPACE}", "") == f"[Routines] Run failed: {title}"[:200]
    body = letter.get_body()
    assert body is not None
    assert body.get_content().startswith("Run failed: =?")


def test_a_letter_is_ascii_on_its_way_whatever_it_says() -> None:
    made = email(_told("Überblick ☃"), "https://routines.example", "routines@example.com", "grace@example.com", NOW)
    assert made.as_bytes().isascii()
    body = message_from_bytes(made.as_bytes(), policy=policy.default).get_body()
    assert body is not None
    assert body.get_content().startswith("Run failed: Überblick ☃")
