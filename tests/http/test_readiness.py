"""When a server is ready for its part of the work, and what it says where it is not."""

from __future__ import annotations

from typing import Any

import pytest

from routines.core.errors import UnavailableError
from routines.settings import Role
from support.clock import SECOND
from support.databases import on_postgres, on_sqlite
from support.readiness import counted_as_started
from support.schedules import ONE_PM, hourly
from support.service import Company, Place, Service, ok


def told(service: Service, status: int) -> tuple[str, str, dict[str, bool]]:
    """Status, sentence and the parts."""
    reply: dict[str, Any] = ok(service.board.get("/health/ready"), status)
    return reply["status"], reply["sentence"], {part["name"]: part["ready"] for part in reply["parts"]}


def test_a_server_is_ready_unless_a_slot_waits_for_too_long(service: Service, company: Company) -> None:
    hourly(company)
    with counted_as_started(service):
        service.clock.at = ONE_PM + 30 * SECOND
        all_ready = {"database": True, "scheduler": True, "heartbeat worker": True}
        assert told(service, 200) == ("ready", "This server is ready", all_ready)
        service.clock.advance(SECOND)
        late = "The oldest slot that is due waits for 31.0 s, longer than 30 s"
        assert told(service, 503) == ("not_ready", late, all_ready | {"scheduler": False})
        assert service.board.get("/health/ready").headers["retry-after"] == "1"
        service.tick()
        assert told(service, 200)[0] == "ready"


@on_sqlite
def test_a_server_that_has_not_started_or_stops_is_not_ready(service: Service) -> None:
    status, sentence, parts = told(service, 503)
    assert (status, parts) == ("not_ready", {"database": True, "scheduler": False, "heartbeat worker": False})
    assert sentence == "The scheduler is not at work: the server has not started it yet, or stops"
    with counted_as_started(service):
        service.server.leave_off()
        assert told(service, 503)[2] == {"database": True, "scheduler": True, "heartbeat worker": False}


@on_sqlite
def test_a_server_without_its_database_is_not_ready(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> Any:
        raise UnavailableError("The database cannot be used now; try again")

    with counted_as_started(service):
        monkeypatch.setattr(service.server.database, "read", away)
        status, sentence, parts = told(service, 503)
        monkeypatch.undo()
    assert (status, sentence) == ("not_ready", "The database does not answer within 2 s")
    assert parts == {"database": False, "scheduler": True, "heartbeat worker": True}


@on_postgres
def test_a_server_answers_for_its_own_part_alone(place: Place, company: Company) -> None:
    service = Service(place, roles=frozenset({Role.API}))
    hourly(company)
    service.clock.at = ONE_PM + 3600 * SECOND
    assert told(service, 200) == ("ready", "This server is ready", {"database": True})
    service.close()
