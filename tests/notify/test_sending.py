"""What is in the outbox reaches its receiver, at least once and under one id, or its log says why it did not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from threading import Event
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from routines.core.notifications import next_try
from routines.notify.mail import MailServer
from routines.outgoing import PUBLIC_ONLY
from routines.services.notification_work import LEASE, NotificationWork, Sent
from support.clock import DAY, HOUR, MONDAY_NOON, SECOND, ManualClock
from support.databases import on_sqlite
from support.hostile import ALL_AT_ONCE, HOSTILE
from support.listener import LOOPBACK, Line, Listener, answering
from support.process import free_port
from support.service import Company, Place, Service, error, ok
from support.subscribing import HERE, deliveries, sent, subscribed, told

SENDER = "routines@example.com"


@pytest.fixture
def service(place: Place, clock: ManualClock) -> Iterator[Service]:
    running = Service(place, clock, private_hosts=HERE)
    yield running
    running.close()


def tried(company: Company, subscription: dict[str, Any]) -> dict[str, Any]:
    """A test notification that waits."""
    return ok(company.board.post(f"/notification-subscriptions/{subscription['id']}/test"), 202)


def only(company: Company, subscription: dict[str, Any]) -> dict[str, Any]:
    [each] = deliveries(company.board, subscription["id"])
    return each


def test_a_webhook_is_tried_until_it_takes_the_same_signed_delivery(
    service: Service, company: Company, clock: ManualClock
) -> None:
    with Listener(answering(500, b"Oh\x1b no"), answering(429, retry_after="60"), answering(204)) as receiver:
        made = subscribed(company, receiver.url)
        waiting = tried(company, made["subscription"])
        assert (waiting["status"], waiting["attempts"]) == ("pending", 0)
        assert sent(service) == 1
        after = only(company, made["subscription"])
        assert (after["status"], after["attempts"], after["lastStatus"]) == ("pending", 1, 500)
        assert after["lastError"] == "The receiver answered 500: Oh\ufffd no"
        assert sent(service) == 0
        clock.advance(6 * SECOND)
        assert sent(service) == 1
        clock.advance(30 * SECOND)
        assert sent(service) == 0  # the receiver asked for a minute
        clock.advance(45 * SECOND)
        assert sent(service) == 1
        identity, content = told(receiver.requests[2], made["secret"], clock)
    after = only(company, made["subscription"])
    assert (after["status"], after["attempts"], after["lastStatus"], after["lastError"]) == ("delivered", 3, 204, None)
    assert after["deliveredAt"] is not None
    assert identity == after["id"] == waiting["id"]
    assert content["type"] == "notification.test"
    assert content == after["payload"]
    assert {(each.body, each.headers["webhook-id"]) for each in receiver.requests} == {
        (receiver.requests[0].body, identity)
    }


@on_sqlite
def test_what_nobody_takes_for_a_day_has_failed_and_can_be_sent_again(
    service: Service, company: Company, clock: ManualClock
) -> None:
    with Listener(answering(503)) as receiver:
        made = subscribed(company, receiver.url)["subscription"]
        tried(company, made)
        begun, times = clock.now(), []
        while only(company, made)["status"] == "pending":
            following = only(company, made)["nextAttemptAt"]
            clock.at = max(clock.now(), datetime.fromisoformat(following))
            times.append((clock.now() - begun).total_seconds())
            assert sent(service) == 1
    failed = only(company, made)
    assert (failed["status"], failed["nextAttemptAt"]) == ("failed", None)
    assert times[1] <= 6
    assert 12 < len(times) < 25
    assert 19.2 * 3_600 < times[-1] <= DAY.total_seconds()  # a day without the longest pause, which is 4.8 hours
    with Listener(answering(200)) as receiver:
        ok(company.board.patch(f"/notification-subscriptions/{made['id']}", {"target": receiver.url}))
        again = ok(company.board.post(f"/notification-deliveries/{failed['id']}/resend"), 202)
        assert (again["id"], again["status"]) == (failed["id"], "pending")
        sent(service)
    assert only(company, made)["status"] == "delivered"
    assert receiver.requests[0].headers["webhook-id"] == failed["id"]


def test_pauses_double_within_their_bounds_and_are_spread() -> None:
    start = MONDAY_NOON
    assert next_try(start, start, jitter=0) == start + 5 * SECOND
    assert next_try(start, start, jitter=1) == start + 6 * SECOND
    assert next_try(start, start + HOUR, jitter=0) == start + 2 * HOUR
    assert next_try(start, start + 12 * HOUR, jitter=0) == start + 16 * HOUR
    assert next_try(start, start, jitter=0, asked_seconds=1e9) == start + 4 * HOUR
    assert next_try(start, start + 21 * HOUR, jitter=0) is None


@on_sqlite
def test_some_answers_are_final(service: Service, company: Company) -> None:
    with Listener(answering(410)) as receiver:
        gone = subscribed(company, receiver.url)["subscription"]
        tried(company, gone)
        sent(service)
    assert (only(company, gone)["status"], only(company, gone)["lastStatus"]) == ("failed", 410)


@on_sqlite
def test_redirects_are_not_followed(service: Service, company: Company) -> None:
    with Listener(answering(200)) as elsewhere, Listener(answering(302, location=elsewhere.url)) as receiver:
        moved = subscribed(company, receiver.url)["subscription"]
        tried(company, moved)
        sent(service)
    assert elsewhere.requests == []
    assert "redirects are not followed" in only(company, moved)["lastError"]


@on_sqlite
@pytest.mark.parametrize("channel", ["webhook", "slack"])
def test_private_addresses_are_refused(place: Place, clock: ManualClock, channel: str) -> None:
    guarded = Service(place, clock, private_hosts=PUBLIC_ONLY)
    company = guarded.company()
    with Listener(answering(200)) as receiver:
        made = subscribed(company, receiver.url, channel)["subscription"]
        tried(company, made)
        sent(guarded)
    guarded.close()
    assert receiver.connections == 0


@on_sqlite
def test_a_rotated_secret_signs_what_is_sent_from_then_on(
    service: Service, company: Company, clock: ManualClock
) -> None:
    with Listener(answering(200)) as receiver:
        made = subscribed(company, receiver.url)
        tried(company, made["subscription"])
        path = f"/notification-subscriptions/{made['subscription']['id']}/rotate-secret"
        rotated = ok(company.board.post(path))
        assert rotated["secret"] != made["secret"]
        sent(service)
    told(receiver.requests[0], rotated["secret"], clock)


@on_sqlite
def test_a_disabled_subscription_gives_up_what_waits(service: Service, company: Company) -> None:
    made = subscribed(company, "https://ops.example.com/hook")["subscription"]
    waiting = tried(company, made)
    ok(company.board.patch(f"/notification-subscriptions/{made['id']}", {"enabled": False}))
    assert sent(service) == 0
    assert "disabled" in only(company, made)["lastError"]
    for path in (f"/notification-subscriptions/{made['id']}/test", f"/notification-deliveries/{waiting['id']}/resend"):
        assert "enable it first" in error(company.board.post(path), 409)


@on_sqlite
def test_slack_gets_a_text_in_which_nothing_is_alive(service: Service, company: Company) -> None:
    titles = [*(hostile[:200] for hostile in HOSTILE), "<!channel> @here [x](https://evil.example) & *bold*"]
    titles += ["See https://evil.example/x or http://10.0.0.1/", "www.evil.example, evil.example, grace@evil.example"]
    with Listener(answering(200, b"ok")) as receiver:
        made = subscribed(company, f"{receiver.url}?token=hunter2", "slack")["subscription"]
        for title in titles:
            routine = company.routine(title=title)
            ok(company.board.patch(f"/routines/{routine['id']}", {"status": "paused"}))
        sent(service)
    texts = [json.loads(request.body)["text"] for request in receiver.requests]
    assert len(texts) == len(titles)
    assert receiver.requests[0].line.startswith("POST /wake?token=hunter2 ")
    for said in texts:
        head, _, link = said.rpartition("\n")
        assert link.startswith("<http://127.0.0.1:3100/routines/")
        assert not set("<>") & set(head)
        assert "&" not in head.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
        assert "](" not in head
        assert "@here" not in head
        assert "://" not in head
        assert "evil.example" not in head
        assert "www.evil" not in head
        assert head.isprintable() or set(head) - {"\n", "\u200b"} == {c for c in head if c.isprintable()}
    listed = service.board.get(f"/companies/{company.id}/notification-subscriptions").text
    assert made["target"] == f"http://{LOOPBACK}:{receiver.port}/…"
    assert "hunter2" not in listed + service.board.get(f"/companies/{company.id}/activity").text
    assert not [each for each in service.kept() if b"hunter2" in each]


@on_sqlite
@pytest.mark.parametrize("status", [400, 404, 410, 500])
def test_a_slack_url_does_not_come_back_by_what_its_receiver_says(
    service: Service, company: Company, status: int, capfd: pytest.CaptureFixture[str]
) -> None:
    said = b"Cannot POST /wake?token=hunter2 hunter2"
    with Listener(answering(status, said, location="/hunter2")) as receiver:
        made = subscribed(company, f"{receiver.url}?token=hunter2", "slack")["subscription"]
        tried(company, made)
        sent(service)
    assert only(company, made)["lastError"] == f"The receiver answered {status}"
    assert "hunter2" not in "".join(capfd.readouterr())
    assert not [each for each in service.kept() if b"hunter2" in each]


class _Mailbox:
    """Takes mail, and refuses it for one name."""

    def __init__(self) -> None:
        self.letters: list[tuple[list[str], bytes]] = []

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's own name
        self, _server: object, _session: object, envelope: Any, address: str, _options: object
    ) -> str:
        """Whether a recipient is known."""
        if address.startswith("nobody@"):
            return "550 Nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:  # noqa: N802 - the same
        """Keep a letter."""
        self.letters.append((envelope.rcpt_tos, envelope.content))
        return "250 OK"


@on_sqlite
def test_mail_is_plain_text_to_one_address_whatever_a_title_says(place: Place, clock: ManualClock) -> None:
    mailbox = _Mailbox()
    controller = Controller(mailbox, hostname=LOOPBACK, port=free_port())
    controller.start()
    server = MailServer.of(f"smtp://{LOOPBACK}:{controller.port}", SENDER)
    mailing = Service(place, clock, mail_server=server)
    company = mailing.company()
    try:
        made = subscribed(company, "grace@example.com", "email")["subscription"]
        refused = subscribed(company, "nobody@example.com", "email", events=["run.failed"])["subscription"]
        tried(company, refused)
        titles = [ALL_AT_ONCE[:200], "Line\r\nBcc: eve@example.com", "Ünïcode ☃ " * 15]
        for title in titles:
            routine = company.routine(title=title)
            ok(company.board.patch(f"/routines/{routine['id']}", {"status": "paused"}))
        sent(mailing)
        assert {each["status"] for each in deliveries(company.board, made["id"])} == {"delivered"}
        assert only(company, refused)["lastError"] == "The mail server answered 550: Nobody of that name"
        assert only(company, refused)["status"] == "failed"
    finally:
        controller.stop()
        mailing.close()
    assert len(mailbox.letters) == len(titles)
    for recipients, content in mailbox.letters:
        letter = message_from_bytes(content, policy=policy.default)
        assert isinstance(letter, EmailMessage)
        assert recipients == ["grace@example.com"]
        assert (letter["To"], letter["From"], letter["Bcc"]) == ("grace@example.com", SENDER, None)
        assert letter["Subject"].startswith("[Routines] Paused: ")
        assert letter.get_content_type() == "text/plain"
        assert "http://127.0.0.1:3100/routines/" in letter.get_content()


def test_what_a_dead_sender_had_in_hand_is_sent_once_its_lease_is_over(
    service: Service, company: Company, clock: ManualClock
) -> None:
    dead = NotificationWork(service.server.services.notifications.context)
    with Listener(answering(200)) as receiver:
        made = subscribed(company, receiver.url)["subscription"]
        tried(company, made)
        [letter] = dead.claim(8, {})
        assert sent(service) == 0
        clock.advance(LEASE)
        assert sent(service) == 1
    dead.settle(letter.notification, Sent("It was only frozen"), jitter=0)
    after = only(company, made)
    assert (after["status"], after["attempts"], after["lastError"]) == ("delivered", 2, None)


def test_what_a_slow_sender_brought_counts_though_another_has_it_in_hand(
    service: Service, company: Company, clock: ManualClock
) -> None:
    slow, other = (NotificationWork(service.server.services.notifications.context) for _ in range(2))
    made = subscribed(company, "https://ops.example.com/hook")["subscription"]
    tried(company, made)
    [letter] = slow.claim(8, {})
    clock.advance(LEASE)
    [again] = other.claim(8, {})
    slow.settle(letter.notification, Sent(status=200), jitter=0)
    other.settle(again.notification, Sent("It had it already", 409), jitter=0)
    after = only(company, made)
    assert (after["status"], after["lastStatus"], after["lastError"]) == ("delivered", 200, None)


@pytest.mark.parametrize("came", [Sent(status=200), Sent("Not now", 503), Sent("Gone", 410, retry=False)])
def test_one_that_is_sent_again_while_it_is_under_way_is_tried_once_more(
    service: Service, company: Company, came: Sent
) -> None:
    work = NotificationWork(service.server.services.notifications.context)
    made = subscribed(company, "https://ops.example.com/hook")["subscription"]
    waiting = tried(company, made)
    [letter] = work.claim(8, {})
    ok(company.board.post(f"/notification-deliveries/{waiting['id']}/resend"), 202)
    work.settle(letter.notification, came, jitter=0)
    [again] = work.claim(8, {})
    assert again.notification.id == waiting["id"]
    work.settle(again.notification, Sent(status=204), jitter=0)
    assert (only(company, made)["status"], only(company, made)["lastStatus"]) == ("delivered", 204)


def test_senders_share_what_is_due(service: Service, company: Company) -> None:
    context = service.server.services.notifications.context
    with Listener(answering(200)) as first, Listener(answering(200)) as second:
        for receiver in (first, second):
            made = subscribed(company, receiver.url)["subscription"]
            for _ in range(6):
                tried(company, made)
        works = [NotificationWork(context) for _ in range(4)]
        with ThreadPoolExecutor(len(works)) as threads:
            claimed = [letter for got in threads.map(lambda work: work.claim(8, {}), works) for letter in got]
    assert len(claimed) == len({letter.notification.id for letter in claimed}) >= 4


@on_sqlite
def test_a_slow_receiver_keeps_no_other_from_being_told(service: Service, company: Company) -> None:
    let_go = Event()

    def slow(line: Line) -> None:
        line.read()
        let_go.wait(10)

    with Listener(slow) as stuck, Listener(answering(200)) as quick:
        slow_one, quick_one = (subscribed(company, each.url)["subscription"] for each in (stuck, quick))
        for subscription in (slow_one, slow_one, slow_one, slow_one, quick_one):
            tried(company, subscription)
        with ThreadPoolExecutor(1) as threads:
            sending = threads.submit(sent, service)
            deadline = Event()
            for _ in range(200):
                if only(company, quick_one)["status"] == "delivered":
                    break
                deadline.wait(0.02)
            assert only(company, quick_one)["status"] == "delivered"
            in_hand = [each["attempts"] for each in deliveries(company.board, slow_one["id"])]
            assert sorted(in_hand) == [0, 0, 1, 1]
            let_go.set()
            service.server.sender.leave_off()
            sending.result()


@on_sqlite
def test_a_stop_waits_for_no_receiver_and_what_was_in_hand_is_sent_again(
    place: Place, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("routines.notify.sender.STOP_SECONDS_MAX", 0.05)
    began, let_go = Event(), Event()

    def slow(line: Line) -> None:
        line.read()
        began.set()
        let_go.wait(10)

    with Listener(slow, answering(200)) as receiver:
        service = Service(place, clock, private_hosts=HERE)
        company = service.company()
        subscription = subscribed(company, receiver.url)["subscription"]
        tried(company, subscription)
        service.server.sender.start()
        assert began.wait(10)
        service.server.sender.stop()
        assert only(company, subscription)["attempts"] == 1
        let_go.set()
        service.close()
        clock.advance(LEASE)
        later = Service(place, clock, private_hosts=HERE)
        try:
            assert sent(later) == 1
            [after] = deliveries(later.board, subscription["id"])
            assert (after["status"], after["attempts"]) == ("delivered", 2)
        finally:
            later.close()
