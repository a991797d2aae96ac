"""Places of a sender are shared out: receivers that hang, and backlogs, keep nobody else from being told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event, Thread
from typing import Any

import pytest

from routines.core.limits import (
    NOTIFICATION_REST_SECONDS_MAX,
    NOTIFICATIONS_AT_ONCE_MAX,
    NOTIFICATIONS_AT_ONCE_OF_COMPANY_MAX,
)
from routines.core.notifications import Receiver
from routines.services.notification_work import LEASE, Letter, NotificationWork, Sent
from routines.storage.queries import notifications
from support.clock import MINUTE, SECOND, ManualClock
from support.databases import on_postgres, on_sqlite
from support.listener import Listener, answering
from support.service import Company, Place, Service, ok
from support.subscribing import HERE, deliveries, sent, subscribed

WHERE = "https://ops.example.com/hook"


def backlog(company: Company, waiting: int) -> dict[str, Any]:
    """A subscription for which that many notifications wait."""
    made = subscribed(company, WHERE)["subscription"]
    for _ in range(waiting):
        ok(company.board.post(f"/notification-subscriptions/{made['id']}/test"), 202)
    return made


def work_of(service: Service) -> NotificationWork:
    return NotificationWork(service.server.services.notifications.context)


def held(letters: list[Letter]) -> Mapping[Receiver, int]:
    return Counter(letter.receiver for letter in letters)


def test_dead_receivers_of_a_company_leave_places_for_other_companies(service: Service, company: Company) -> None:
    dead = [backlog(company, 3) for _ in range(5)]
    other = backlog(service.company(), 3)
    work = work_of(service)
    first = work.claim(NOTIFICATIONS_AT_ONCE_MAX, {})
    count = Counter(letter.notification.subscription_id for letter in first)
    assert [count[each["id"]] for each in dead] == [1, 1, 1, 1, 0]  # the longest due first, one of each
    assert sum(count[each["id"]] for each in dead) == NOTIFICATIONS_AT_ONCE_OF_COMPANY_MAX
    assert count[other["id"]] == 2  # of one subscription no more
    assert work.claim(NOTIFICATIONS_AT_ONCE_MAX, held(first)) == []
    still = [letter for letter in first if letter.notification.subscription_id != dead[3]["id"]]
    [following] = work.claim(NOTIFICATIONS_AT_ONCE_MAX, held(still))
    assert following.notification.subscription_id == dead[3]["id"]  # who has fewer comes before who is longer due


def test_a_receiver_that_hangs_rests_with_all_that_waits_for_it(
    service: Service, company: Company, clock: ManualClock
) -> None:
    slow = backlog(company, 3)
    work = work_of(service)
    [hung, _] = work.claim(NOTIFICATIONS_AT_ONCE_MAX, {})
    clock.advance(15 * SECOND)
    work.settle(hung.notification, Sent("It took more than 15 s"), jitter=0)
    assert work.claim(NOTIFICATIONS_AT_ONCE_MAX, {}) == []
    assert work.next_due() == clock.now() + timedelta(seconds=NOTIFICATION_REST_SECONDS_MAX)
    clock.advance(MINUTE)
    [again, _] = work.claim(NOTIFICATIONS_AT_ONCE_MAX, {})
    clock.advance(2 * SECOND)
    work.settle(again.notification, Sent("It answered 500"), jitter=0)
    assert work.claim(NOTIFICATIONS_AT_ONCE_MAX, {}) == []
    ok(company.board.patch(f"/notification-subscriptions/{slow['id']}", {"target": f"{WHERE}/new"}))
    assert len(work.claim(NOTIFICATIONS_AT_ONCE_MAX, {})) == 1


@on_postgres
def test_a_subscription_is_disabled_while_a_try_of_its_fails(
    service: Service, company: Company, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = backlog(company, 1)
    work = work_of(service)
    [hung] = work.claim(NOTIFICATIONS_AT_ONCE_MAX, {})
    clock.advance(15 * SECOND)
    settled, disabling = Event(), Event()
    rest, give_up = notifications.rest, notifications.give_up

    def rest_later(*arguments: Any) -> None:
        settled.set()
        assert disabling.wait(10)
        rest(*arguments)

    def give_up_now(*arguments: Any) -> None:
        disabling.set()
        give_up(*arguments)

    monkeypatch.setattr(notifications, "rest", rest_later)
    monkeypatch.setattr(notifications, "give_up", give_up_now)
    with ThreadPoolExecutor(1) as threads:
        settling = threads.submit(work.settle, hung.notification, Sent("It took more than 15 s"), jitter=0)
        assert settled.wait(10)
        ok(company.board.patch(f"/notification-subscriptions/{slow['id']}", {"enabled": False}))
        settling.result()
    [given_up] = deliveries(company.board, slow["id"])
    assert (given_up["status"], given_up["lastError"]) == ("failed", "The subscription was disabled")


@on_sqlite
def test_what_is_due_is_asked_by_the_index_however_much_waits(
    service: Service, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = backlog(company, 1)
    asked: list[str] = []
    with service.server.database.read() as connection:
        execute = type(connection).execute

        def noting(self: Any, query: Any, *rest: Any) -> Any:
            asked.append(str(query.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})))
            return execute(self, query, *rest)

        with monkeypatch.context() as patch:
            patch.setattr(type(connection), "execute", noting)
            now = service.clock.now()
            assert notifications.next_due(connection) is not None
            assert len(notifications.receivers_due(connection, now, 9)) == 1
            assert len(notifications.due(connection, waiting["id"], now, 2)) == 1
        for query in asked:
            plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}")]
            of_outbox = [step for step in plan if "notifications" in step]
            assert of_outbox, plan
            assert all("SEARCH" in step and "ix_notifications_waiting" in step for step in of_outbox), plan
    assert len(asked) == 3


@on_sqlite
def test_a_thread_that_cannot_be_had_gives_its_place_back(
    place: Place, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Thread) -> None:
        raise RuntimeError("can't start new thread")

    service = Service(place, clock, private_hosts=HERE)
    company = service.company()
    with Listener(answering(200)) as receiver:
        made = subscribed(company, receiver.url)["subscription"]
        for _ in range(2):
            ok(company.board.post(f"/notification-subscriptions/{made['id']}/test"), 202)
        with monkeypatch.context() as patch:
            patch.setattr(Thread, "start", refuse)
            assert sent(service) == 2
        clock.advance(LEASE)
        assert sent(service) == 2
    assert [each["status"] for each in deliveries(service.board, made["id"])] == ["delivered"] * 2
    service.close()
