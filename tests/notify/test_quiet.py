"""A routine whose expected success does not come is told once, and again only after one came."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import Any

import pytest

from routines.services.silences import Silences
from routines.storage.queries import silences
from support.clock import DAY, HOUR, MINUTE, SECOND, ManualClock
from support.databases import on_sqlite
from support.listener import Line, Listener
from support.service import Company, Place, Service, ok
from support.subscribing import HERE, deliveries, subscribed

WHERE = "https://ops.example.com/hook"
NO_CONTENT = 204
HOURLY = {"kind": "schedule", "cronExpression": "0 * * * *"}


@pytest.fixture
def hearing(company: Company) -> dict[str, Any]:
    return subscribed(company, WHERE, events=["routine.quiet"])["subscription"]


@pytest.fixture
def routine(company: Company) -> dict[str, Any]:
    """It was made half a minute after 12:00, and fires at 13:00 first."""
    return company.routine(title="Hourly", triggers=[HOURLY])


def look(service: Service) -> int:
    service.clock.advance(MINUTE)
    return Silences(service.server.services.notifications.context).look()


def told(company: Company, hearing: dict[str, Any]) -> list[dict[str, Any]]:
    return [each["payload"]["data"] for each in deliveries(company.board, hearing["id"])]


def test_a_silence_is_told_once_and_the_next_after_a_success(
    service: Service, company: Company, routine: dict[str, Any], hearing: dict[str, Any]
) -> None:
    service.tick(HOUR + 58 * MINUTE)  # 13:58:30, and the run of 13:00 is not done
    assert look(service) == 0
    assert look(service) == 1
    assert told(company, hearing) == [
        {
            "companyId": company.id,
            "routineId": routine["id"],
            "routineTitle": "Hourly",
            "expectedAt": "2026-03-02T13:00:00.000Z",
            "lastSuccessAt": None,
            "quietAfterSeconds": 3600,
        }
    ]
    service.tick(DAY)  # all that fired since has joined the first
    assert look(service) == 0
    [issue] = company.issues(routine["id"])
    company.close(issue["id"])
    assert [look(service) for _ in range(3)] == [0, 0, 0]
    service.tick(3 * HOUR)
    run = ok(company.board.post(f"/routines/{routine['id']}/run"), 202)
    company.close(run["linkedIssueId"], "cancelled")  # which is no success
    assert look(service) == 1
    assert told(company, hearing)[0]["expectedAt"] == "2026-03-03T15:00:00.000Z"
    assert told(company, hearing)[0]["lastSuccessAt"] == "2026-03-03T14:01:30.000Z"
    assert look(service) == 0


def test_nothing_is_expected_of_what_is_paused(
    service: Service, company: Company, routine: dict[str, Any], hearing: dict[str, Any]
) -> None:
    places = [f"/routines/{routine['id']}", f"/projects/{company.project_id}", f"/companies/{company.id}"]
    for place in places:
        ok(company.board.patch(place, {"status": "paused"}))
        service.tick(DAY)
        assert look(service) == 0, place
        ok(company.board.patch(place, {"status": "active"}))  # what it is counts from now
        assert look(service) == 0, place
    trigger = routine["triggers"][0]["id"]
    ok(company.board.patch(f"/routine-triggers/{trigger}", {"enabled": False}))
    service.tick(DAY)
    assert look(service) == 0
    assert told(company, hearing) == []


def test_another_name_of_its_project_or_company_makes_up_for_no_success(
    service: Service, company: Company, routine: dict[str, Any], hearing: dict[str, Any]
) -> None:
    service.tick(2 * HOUR)
    ok(company.board.patch(f"/projects/{company.project_id}", {"description": "All of it"}))
    ok(company.board.patch(f"/companies/{company.id}", {"name": "Acme and Sons"}))
    assert look(service) == 1
    assert told(company, hearing)[0]["routineId"] == routine["id"]
    ok(company.board.patch(f"/companies/{company.id}", {"name": "Acme"}))
    assert look(service) == 0


@on_sqlite
def test_each_subscription_has_its_own_patience_and_routine(
    service: Service, company: Company, routine: dict[str, Any]
) -> None:
    own = {"events": ["routine.quiet"], "routineId": routine["id"]}
    soon, late = (
        subscribed(company, WHERE, **own, quietAfterSeconds=seconds)["subscription"] for seconds in (60, 7200)
    )
    other = company.routine(triggers=[HOURLY])
    elsewhere = subscribed(company, WHERE, events=["routine.quiet"], routineId=other["id"])["subscription"]
    deaf = subscribed(company, WHERE, events=["run.failed"])["subscription"]
    service.tick(HOUR)
    assert look(service) == 1
    service.tick(2 * HOUR)
    assert look(service) == 2
    assert [len(told(company, each)) for each in (soon, late, elsewhere, deaf)] == [1, 1, 1, 0]


@pytest.mark.usefixtures("routine")
def test_one_server_looks_about_once_a_minute(service: Service, hearing: dict[str, Any]) -> None:
    del hearing
    service.tick(3 * HOUR)
    first, second = (Silences(service.server.services.notifications.context) for _ in range(2))
    assert [first.look(), second.look()] == [1, 0]
    with service.server.database.read() as connection:
        looked = connection.exec_driver_sql("SELECT value FROM facts WHERE name = 'silences_looked_at'").scalar_one()
    service.clock.advance(59 * SECOND)
    second.look()
    with service.server.database.read() as connection:
        again = connection.exec_driver_sql("SELECT value FROM facts WHERE name = 'silences_looked_at'").scalar_one()
    assert looked == again


def remembered(service: Service) -> int:
    with service.server.database.read() as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM routine_silences").scalar_one())


def test_what_was_told_is_forgotten_after_a_success_and_with_the_routine(
    service: Service, company: Company, routine: dict[str, Any], hearing: dict[str, Any]
) -> None:
    deleted = company.routine(triggers=[HOURLY])
    service.tick(2 * HOUR)
    assert Silences(service.server.services.notifications.context).look(lambda: True) == 0  # a stop is heard
    assert look(service) == 2
    assert remembered(service) == len(told(company, hearing)) == 2
    assert company.board.delete(f"/routines/{deleted['id']}?force=true").status_code == NO_CONTENT
    assert remembered(service) == 1
    service.clock.advance(SECOND)
    for issue in company.issues(routine["id"]):
        company.close(issue["id"])
    assert look(service) == 0
    assert remembered(service) == 0


@on_sqlite
def test_more_is_remembered_at_once_than_a_statement_takes(service: Service) -> None:
    pairs = [(f"subscription-{n % 40}", f"routine-{n}") for n in range(20_000)]
    with service.server.database.write() as transaction:
        for _ in range(2):
            silences.remember(transaction.connection, pairs, service.clock.now())
    assert remembered(service) == len(pairs)


@on_sqlite
def test_a_look_that_takes_its_time_holds_up_nothing_that_is_due(
    place: Place, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking, sent, stopped = Event(), Event(), Event()

    def slow(_: Silences, should_stop: Callable[[], bool]) -> int:
        looking.set()
        while not should_stop():
            stopped.wait(0.01)
        stopped.set()
        return 0

    def receive(line: Line) -> None:
        line.read()
        sent.set()

    monkeypatch.setattr(Silences, "look", slow)
    with Listener(receive) as receiver:
        service = Service(place, clock, private_hosts=HERE)
        made = subscribed(service.company(), receiver.url)["subscription"]
        ok(service.board.post(f"/notification-subscriptions/{made['id']}/test"), 202)
        service.server.sender.start()
        try:
            assert looking.wait(10)
            assert sent.wait(10)
        finally:
            service.server.sender.stop()
            service.close()
    assert stopped.is_set()
