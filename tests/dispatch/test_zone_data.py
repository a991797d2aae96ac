"""New time zone data: next slots are computed again, and nothing is lost or doubled by it."""

from __future__ import annotations

from routines.dispatch import zone_data
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
        transaction.hot.advance([(service.clock.now(), stale, trigger_id)])
    assert zone_data.refresh(service.server.database, "2026a") == 0
    assert zone_data.refresh(service.server.database, "2026b") == 1
    trigger = ok(company.board.get(f"/routines/{routine['id']}"))["triggers"][0]
    assert trigger["nextRunAt"] == "2026-03-03T07:00:00.000Z"


def test_a_schedule_that_new_data_cannot_read_leaves_the_others_alone(service: Service, company: Company) -> None:
    routine = company.routine(
        triggers=[{"kind": "schedule", "cronExpression": "0 8 * * *"}, {"kind": "schedule", "cronExpression": "@daily"}]
    )
    with service.server.database.write() as transaction:
        transaction.connection.exec_driver_sql(
            "UPDATE triggers SET timezone = 'Gone/Zone' WHERE id = ?", (routine["triggers"][0]["id"],)
        )
    assert zone_data.refresh(service.server.database, "2026b") == 2
