"""While an SQLite file is away every call says so with 503 and `Retry-After`, and nothing is half done: section 5."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import event

from routines.core.errors import UnavailableError
from routines.storage.sqlite import database as sqlite_database
from support.databases import on_sqlite
from support.service import Company, Place, Service, error, ok
from support.webhooks import Webhook, webhook

pytestmark = on_sqlite
BUSY_MILLISECONDS = 20
Away = Callable[[Service], AbstractContextManager[None]]


@pytest.fixture
def service(place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setattr(sqlite_database, "BUSY_TIMEOUT_MILLISECONDS", BUSY_MILLISECONDS)
    running = Service(place)
    yield running
    running.close()


def file_of(service: Service) -> Path:
    """The database's file."""
    return Path(service.server.database.place)


@contextmanager
def held_by_another_process(service: Service) -> Iterator[None]:
    """Another program writes to the file and does not come to an end."""
    other = sqlite3.connect(file_of(service), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield
    other.execute("ROLLBACK")
    other.close()


@contextmanager
def failing_with(service: Service, code: int) -> Iterator[None]:
    """Every change is answered with an error of SQLite's, as it is when the disk is full or mounted read-only."""
    fault = sqlite3.OperationalError("as if")
    fault.sqlite_errorcode = code
    writer = service.server.database._writer  # type: ignore[attr-defined]  # noqa: SLF001 - where a disk would fail

    def fail(*_: object) -> None:
        raise fault

    event.listen(writer, "before_cursor_execute", fail)
    yield
    event.remove(writer, "before_cursor_execute", fail)


AWAY: dict[str, Away] = {
    "locked": held_by_another_process,
    "full": lambda service: failing_with(service, sqlite3.SQLITE_FULL),
    "read-only": lambda service: failing_with(service, sqlite3.SQLITE_READONLY),
    "broken disk": lambda service: failing_with(service, sqlite3.SQLITE_IOERR),
}
away_in_each_way = pytest.mark.parametrize("away", AWAY.values(), ids=AWAY)


def changes(company: Company, hook: Webhook) -> list[tuple[str, str, dict[str, object]]]:
    """A change of every kind."""
    routine = hook.routine["id"]
    return [
        ("POST", "/companies", {"name": "New"}),
        ("PATCH", f"/companies/{company.id}", {"name": "Renamed"}),
        ("PATCH", f"/routines/{routine}", {"title": "Renamed"}),
        ("POST", f"/routines/{routine}/triggers", {"kind": "api"}),
        ("POST", f"/routine-triggers/{hook.trigger['id']}/rotate-secret", {}),
        ("POST", f"/routines/{routine}/run", {}),
        ("POST", f"/companies/{company.id}/issues", {"title": "New"}),
        ("DELETE", f"/routines/{routine}", {}),
    ]


@away_in_each_way
def test_a_change_is_503_and_leaves_nothing_behind(service: Service, company: Company, away: Away) -> None:
    hook = webhook(service, company)
    before = ok(company.board.get(f"/companies/{company.id}/activity"))
    with away(service):
        for method, path, body in changes(company, hook):
            reply = company.board.request(method, path, json=body)
            assert error(reply, 503)
            assert int(reply.headers["Retry-After"]) >= 1
        refused = hook.fire()
        assert error(refused, 503)
        assert int(refused.headers["Retry-After"]) >= 1
    assert ok(company.board.get(f"/companies/{company.id}/activity")) == before
    assert company.runs(hook.routine["id"]) == []


@away_in_each_way
def test_all_is_well_again_once_the_database_is_back(service: Service, company: Company, away: Away) -> None:
    hook = webhook(service, company)
    key = {"Idempotency-Key": "delivery-1"}
    with away(service):
        error(hook.fire(headers=key), 503)
    ok(hook.fire(headers=key), 202)
    ok(company.board.patch(f"/companies/{company.id}", {"name": "Renamed"}))
    assert len(company.runs(hook.routine["id"])) == 1


def test_reading_goes_on_while_another_program_writes(service: Service, company: Company) -> None:
    with held_by_another_process(service):
        ok(company.board.get("/companies"))
        ok(company.agent.get("/agents/me"))
        ok(company.board.get("/health"))


def test_a_slot_that_came_while_the_database_was_away_fires_afterwards(service: Service, company: Company) -> None:
    routine = company.routine(triggers=[{"kind": "schedule", "cronExpression": "1 12 * * *"}])
    with held_by_another_process(service):
        service.clock.advance(service.server.settings.misfire_grace / 2)
        with pytest.raises(UnavailableError):
            service.tick()
    service.tick()
    assert [run["status"] for run in company.runs(routine["id"])] == ["issue_created"]


def test_a_fault_of_ours_says_nothing_of_itself(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("/internal/path and its secret")

    monkeypatch.setattr("routines.storage.queries.companies.every_company", fail)
    reply = company.board.get("/companies")
    assert (reply.status_code, reply.json()) == (500, {"error": "Internal server error"})
