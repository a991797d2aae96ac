"""Triggers that cannot be read or fired: each stands alone, and every other goes on in the same pass."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from routines.core.instants import iso
from support.clock import HOUR, MINUTE
from support.schedules import ONE_PM, hourly, only_trigger, schedule, slots, tick_at
from support.service import Company, Service, ok

BAD_VALUES = [
    ("cron_expression", "61 * * * *"),
    ("cron_expression", "0 0 31 2 *"),
    ("cron_expression", ""),
    ("cron_expression", None),
    ("timezone", "Mars/Olympus"),
    ("timezone", ""),
    ("timezone", None),
]


def corrupt(service: Service, trigger_id: str, column: str, value: object) -> None:
    """Write what no call would, straight into a trigger's row."""
    with service.server.database.write() as transaction:
        transaction.connection.execute(
            text(f"UPDATE triggers SET {column} = :value WHERE id = :id"),  # noqa: S608 - columns of this file
            {"value": value, "id": trigger_id},
        )


@pytest.mark.parametrize(("column", "value"), BAD_VALUES)
def test_a_bad_row_gets_a_failed_run_and_stops_no_other(
    service: Service, company: Company, column: str, value: object
) -> None:
    before, bad, after = (hourly(company) for _ in range(3))
    corrupt(service, bad["triggers"][0]["id"], column, value)
    tick_at(service, ONE_PM)
    assert slots(company, before) == slots(company, after) == [iso(ONE_PM)]
    (run,) = company.runs(bad["id"])
    assert (run["status"], run["scheduledFor"], run["linkedIssueId"]) == ("failed", iso(ONE_PM), None)
    assert run["failureReason"]
    assert run["completedAt"] == run["triggeredAt"]
    assert only_trigger(company, bad)["lastResult"] == f"Failed: {run['failureReason']}"


def test_the_reason_names_what_is_wrong(service: Service, company: Company) -> None:
    bad_cron, bad_zone = hourly(company), hourly(company)
    corrupt(service, bad_cron["triggers"][0]["id"], "cron_expression", "61 * * * *")
    corrupt(service, bad_zone["triggers"][0]["id"], "timezone", "Mars/Olympus")
    tick_at(service, ONE_PM)
    assert "'61'" in company.runs(bad_cron["id"])[0]["failureReason"]
    assert "Mars/Olympus" in company.runs(bad_zone["id"])[0]["failureReason"]


def test_a_bad_row_fails_once_and_not_on_every_tick(service: Service, company: Company) -> None:
    good, bad = hourly(company), hourly(company)
    corrupt(service, bad["triggers"][0]["id"], "cron_expression", "61 * * * *")
    for hour in range(3):
        tick_at(service, ONE_PM + hour * HOUR)
    assert len(slots(company, good)) == 3
    assert len(company.runs(bad["id"])) == 1


def test_a_bad_trigger_does_not_stop_the_other_triggers_of_its_routine(service: Service, company: Company) -> None:
    routine = hourly(company, triggers=[schedule(), schedule()])
    corrupt(service, routine["triggers"][0]["id"], "cron_expression", "61 * * * *")
    tick_at(service, ONE_PM)
    statuses = {run["triggerId"]: run["status"] for run in company.runs(routine["id"])}
    assert [statuses[trigger["id"]] for trigger in routine["triggers"]] == ["failed", "issue_created"]


def test_a_repaired_trigger_fires_again_from_then_on(service: Service, company: Company) -> None:
    routine = hourly(company)
    trigger_id = routine["triggers"][0]["id"]
    corrupt(service, trigger_id, "cron_expression", "61 * * * *")
    tick_at(service, ONE_PM)
    service.clock.advance(5 * MINUTE)
    repaired = ok(company.board.patch(f"/routine-triggers/{trigger_id}", {"cronExpression": "30 * * * *"}))
    assert repaired["nextRunAt"] == iso(ONE_PM + 30 * MINUTE)
    tick_at(service, ONE_PM + 30 * MINUTE)
    assert slots(company, routine) == [iso(ONE_PM + 30 * MINUTE)]


@pytest.mark.parametrize("move", ["paused", "archived"])
def test_a_routine_with_a_bad_trigger_can_still_be_stopped(service: Service, company: Company, move: str) -> None:
    routine = hourly(company)
    corrupt(service, routine["triggers"][0]["id"], "cron_expression", "61 * * * *")
    assert ok(company.board.patch(f"/routines/{routine['id']}", {"status": move}))["status"] == move
    tick_at(service, ONE_PM)
    assert company.runs(routine["id"]) == []


def test_an_agent_of_a_routine_with_a_bad_trigger_can_still_be_terminated(service: Service, company: Company) -> None:
    routine = hourly(company)
    corrupt(service, routine["triggers"][0]["id"], "timezone", "Mars/Olympus")
    ok(company.board.post(f"/agents/{company.agent_id}/terminate"))
    assert ok(company.board.get(f"/routines/{routine['id']}"))["status"] == "paused"


def set_agent_status(service: Service, agent_id: str, status: str) -> None:
    """Write what no call would, straight into an agent's row."""
    with service.server.database.write() as transaction:
        statement = text("UPDATE agents SET status = :status WHERE id = :id")
        transaction.connection.execute(statement, {"status": status, "id": agent_id})


def test_a_slot_of_an_agent_that_cannot_work_fails_alone(service: Service, company: Company) -> None:
    agent_id, _ = service.hire(company.id, "Eve")
    good, bad = hourly(company), hourly(company, assigneeAgentId=agent_id)
    set_agent_status(service, agent_id, "terminated")
    tick_at(service, ONE_PM)
    assert slots(company, good) == [iso(ONE_PM)]
    (run,) = company.runs(bad["id"])
    assert (run["status"], run["linkedIssueId"]) == ("failed", None)
    assert "terminated" in run["failureReason"]
    assert only_trigger(company, bad)["lastResult"] == f"Failed: {run['failureReason']}"
    assert company.issues(bad["id"]) == []


def test_an_agent_whose_row_cannot_be_read_stops_no_other_routine(service: Service, company: Company) -> None:
    agent_id, _ = service.hire(company.id, "Eve")
    hourly(company, assigneeAgentId=agent_id)
    good = hourly(company)
    set_agent_status(service, agent_id, "retired")
    for hour in range(2):
        tick_at(service, ONE_PM + hour * HOUR)
    assert slots(company, good) == [iso(ONE_PM), iso(ONE_PM + HOUR)]
