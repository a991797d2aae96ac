"""What is changed in the moment between a slot and its claim: the slot is not lost, and fires as things were."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from routines.core.instants import iso
from support.clock import HOUR, MINUTE, SECOND
from support.schedules import ONE_PM, hourly, slots, tick_at
from support.service import Company, Service, ok
from support.together import together

Json = dict[str, Any]
Change = Callable[[Company, Json], object]


def patch_routine(**fields: object) -> Change:
    """A change of the routine."""
    return lambda company, routine: ok(company.board.patch(f"/routines/{routine['id']}", fields))


def patch_trigger(**fields: object) -> Change:
    """A change of its trigger."""
    return lambda company, routine: ok(company.board.patch(f"/routine-triggers/{routine['triggers'][0]['id']}", fields))


def delete_trigger(company: Company, routine: Json) -> None:
    """Its trigger goes."""
    assert company.board.delete(f"/routine-triggers/{routine['triggers'][0]['id']}").status_code == 204


def delete_routine(company: Company, routine: Json) -> None:
    """The routine goes."""
    assert company.board.delete(f"/routines/{routine['id']}", params={"force": "true"}).status_code == 204


def terminate_agent(company: Company, _routine: Json) -> None:
    """Its agent goes."""
    ok(company.board.post(f"/agents/{company.agent_id}/terminate"))


CHANGES: dict[str, Change] = {
    "the routine is paused": patch_routine(status="paused"),
    "the routine is archived": patch_routine(status="archived"),
    "the routine is renamed": patch_routine(title="Look elsewhere"),
    "the trigger is disabled": patch_trigger(enabled=False),
    "the trigger gets another expression": patch_trigger(cronExpression="45 * * * *"),
    "the trigger gets another zone": patch_trigger(timezone="Asia/Kolkata"),
    "the trigger gets a label": patch_trigger(label="hourly"),
    "the trigger is deleted": delete_trigger,
    "the agent is terminated": terminate_agent,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_change_does_not_lose_the_slot_that_was_due(service: Service, company: Company, change: Change) -> None:
    routine = hourly(company)
    service.clock.at = ONE_PM + SECOND
    change(company, routine)
    service.tick()
    assert slots(company, routine) == [iso(ONE_PM)]
    assert len(company.issues(routine["id"])) == 1


def test_deleting_a_routine_does_not_lose_the_issue_of_the_slot_that_was_due(
    service: Service, company: Company
) -> None:
    routine = hourly(company)
    service.clock.at = ONE_PM + SECOND
    delete_routine(company, routine)
    service.tick()
    assert len(company.issues(routine["id"])) == 1


def test_deleting_is_refused_when_the_slot_that_was_due_opens_an_issue(service: Service, company: Company) -> None:
    routine = hourly(company)
    service.clock.at = ONE_PM + SECOND
    assert company.board.delete(f"/routines/{routine['id']}").status_code == 409
    service.tick()
    assert slots(company, routine) == [iso(ONE_PM)]


def test_a_new_expression_counts_from_its_change_on(service: Service, company: Company) -> None:
    routine = hourly(company)
    service.clock.at = ONE_PM + 50 * MINUTE
    service.tick()
    trigger = ok(
        company.board.patch(f"/routine-triggers/{routine['triggers'][0]['id']}", {"cronExpression": "*/30 * * * *"})
    )
    assert trigger["nextRunAt"] == iso(ONE_PM + HOUR)
    service.tick()
    assert len(company.runs(routine["id"])) == 1  # the record of the slot that was dropped; no half past one


def test_changes_to_and_fro_in_the_minute_of_a_slot_do_not_repeat_it(service: Service, company: Company) -> None:
    routine = hourly(company)
    tick_at(service, ONE_PM)
    trigger_path = f"/routine-triggers/{routine['triggers'][0]['id']}"
    for fields in ({"enabled": False}, {"enabled": True}, {"timezone": "Europe/Berlin"}, {"timezone": "UTC"}):
        ok(company.board.patch(trigger_path, fields))
        service.tick()
    for status in ("paused", "active"):
        ok(company.board.patch(f"/routines/{routine['id']}", {"status": status}))
        service.tick()
    assert slots(company, routine) == [iso(ONE_PM)]


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_change_at_the_very_moment_of_the_claim_neither_loses_nor_doubles_the_slot(
    service: Service, company: Company, change: Change
) -> None:
    routine = hourly(company)
    service.clock.at = ONE_PM
    together([service.tick, lambda: change(company, routine), service.tick])
    service.tick()
    assert slots(company, routine) == [iso(ONE_PM)]
