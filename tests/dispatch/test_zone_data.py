"""New time zone data: next slots are computed again, and nothing is lost or doubled by it."""

from __future__ import annotations

from sqlalchemy import update

from routines.dispatch import zone_data
from routines.dispatch.dispatcher import move_columns
from routines.storage.database import Move, Rows
from routines.storage.schema import triggers
from support.clock import HOUR
from support.service import Company, Service, ok


def test_next_slots_are_computed_anew_once_for_each_version(service: Service, company: Company) -> None:
    zone_data.refresh(service.server.database, "2026a")
    routine = company.routine(
        triggers=[{"kind": "schedule", "cronExpression": "0 8 * * *", "timezone": "Europe/Berlin"}]
    )
    trigger_id = routine["triggers"][0]["id"]
    stale = service.clock.now() + HOUR
    with service.server.database.write() as transaction:  # as other zone data would have computed it
        move = Move(trigger_id, service.clock.now(), stale)
        transaction.hot.write(Rows(triggers=[(None, None, *move_columns(move))]))
    assert zone_data.refresh(service.server.database, "2026a") == 0
    assert zone_data.refresh(service.server.database, "2026b") == 1
    trigger = ok(company.board.get(f"/routines/{routine['id']}"))["triggers"][0]
    assert trigger["nextRunAt"] == "2026-03-03T07:00:00.000Z"


def test_a_schedule_that_new_data_cannot_read_leaves_the_others_alone(service: Service, company: Company) -> None:
    routine = company.routine(
        triggers=[{"kind": "schedule", "cronExpression": "0 8 * * *"}, {"kind": "schedule", "cronExpression": "@daily"}]
    )
    with service.server.database.write() as transaction:
        gone = update(triggers).where(triggers.c.id == routine["triggers"][0]["id"]).values(timezone="Gone/Zone")
        transaction.connection.execute(gone)
    assert zone_data.refresh(service.server.database, "2026b") == 2
