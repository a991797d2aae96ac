"""For any past range it can be said which slots were due and what became of each."""

from __future__ import annotations

from datetime import datetime

from routines.services.accounting import account
from support.clock import DAY, HOUR, MINUTE, MONDAY_NOON, ManualClock
from support.service import Company, Service, ok


def told(service: Service, trigger_id: str, start: datetime, end: datetime) -> list[tuple[str, str | None]]:
    with service.server.database.read() as connection:
        slots = account(connection, trigger_id, start, end)
    return [(f"{each.slot:%d %H:%M}", None if each.run is None else each.run.status.value) for each in slots]


def test_every_slot_is_told_through_outage_pause_and_change(
    service: Service, company: Company, clock: ManualClock
) -> None:
    routine = company.routine(triggers=[{"kind": "schedule", "cronExpression": "0 * * * *"}])
    trigger_id = routine["triggers"][0]["id"]
    service.tick(MINUTE * 29 + MINUTE / 2)  # 13:00 fires... at 12:30 nothing does
    service.tick(HOUR / 2)  # 13:00
    ok(company.board.patch(f"/routines/{routine['id']}", {"status": "paused"}))
    service.tick(2 * HOUR)  # 14:00 and 15:00 are not due
    ok(company.board.patch(f"/routines/{routine['id']}", {"status": "active"}))
    service.tick(3 * HOUR)  # 16:00 and 17:00 are missed, 18:00 is fired
    ok(company.board.patch(f"/routine-triggers/{trigger_id}", {"cronExpression": "30 * * * *"}))
    service.tick(HOUR / 2)  # 18:30
    assert told(service, trigger_id, MONDAY_NOON - DAY, clock.now()) == [
        ("02 13:00", "issue_created"),
        ("02 16:00", "skipped"),
        ("02 17:00", "skipped"),
        ("02 18:00", "coalesced"),
        ("02 18:30", "coalesced"),
    ]


def test_what_a_deleted_trigger_did_can_still_be_told(service: Service, company: Company, clock: ManualClock) -> None:
    routine = company.routine(triggers=[{"kind": "schedule", "cronExpression": "0 * * * *"}])
    trigger_id = routine["triggers"][0]["id"]
    service.tick(HOUR - MINUTE / 2)
    assert company.board.delete(f"/routine-triggers/{trigger_id}").status_code == 204
    service.tick(5 * HOUR)
    assert told(service, trigger_id, MONDAY_NOON, clock.now()) == [("02 13:00", "issue_created")]


def test_changes_are_told_in_their_order_also_when_the_clock_was_set_back_between_them(
    service: Service, company: Company, clock: ManualClock
) -> None:
    routine = company.routine(triggers=[{"kind": "schedule", "cronExpression": "0 * * * *"}])
    trigger_id = routine["triggers"][0]["id"]
    clock.advance(-DAY)
    ok(company.board.patch(f"/routines/{routine['id']}", {"status": "paused"}))
    service.tick(2 * DAY)
    assert told(service, trigger_id, MONDAY_NOON - 2 * DAY, clock.now()) == []
