"""What fires next, what became of each slot, and schedules explained, over the API."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from routines.core.instants import iso
from support.clock import DAY, HOUR, MINUTE, MONDAY_NOON
from support.service import NOBODY, Company, Service, error, ok

EITHER = (
    "Day of month 1 and day of week 1 are both set: it fires on days that are either, not only on those that are both"
)
NOON = MONDAY_NOON.replace(second=0)
EVERY_HOUR = {"kind": "schedule", "cronExpression": "0 * * * *"}


def explained(company: Company, **body: Any) -> dict[str, Any]:
    found: dict[str, Any] = ok(company.agent.post("/cron/explain", body))
    return found


def test_a_schedule_is_explained(company: Company) -> None:
    assert explained(company, cronExpression="0 9 1 * 1", timezone="Europe/Berlin", count=2) == {
        "words": "At 09:00, on day 1 of the month, or on Monday",
        "nextTimes": ["2026-03-09T08:00:00.000Z", "2026-03-16T08:00:00.000Z"],
        "warnings": [EITHER],
    }
    later = explained(company, cronExpression="@hourly", **{"from": "2030-01-01t00:00:00+01:00"})
    assert (later["nextTimes"][0], len(later["nextTimes"])) == ("2030-01-01T00:00:00.000Z", 10)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"cronExpression": "1x * * * *"}, 422),
        ({"cronExpression": "* * * * *", "timezone": "Mars/Olympus"}, 422),
        ({"cronExpression": "* * * * *", "from": "9999-01-01T00:00:00Z"}, 422),
        ({"cronExpression": "* * * * *", "from": "2026-03-02"}, 400),
        ({"cronExpression": "* * * * *", "count": 101}, 400),
        ({}, 400),
    ],
)
def test_what_cannot_be_explained_is_refused(company: Company, body: dict[str, Any], status: int) -> None:
    error(company.board.post("/cron/explain", body), status)


def test_what_comes_next_is_what_then_fires(service: Service, company: Company) -> None:
    first = company.routine(title="First", triggers=[EVERY_HOUR])
    second = company.routine(
        title="Second",
        assigneeAgentId=company.colleague_id,
        concurrencyPolicy="always_enqueue",
        triggers=[{"kind": "schedule", "cronExpression": "*/20 16 * * *", "timezone": "Europe/Berlin"}],
    )
    company.routine(status="paused", triggers=[EVERY_HOUR])
    path = f"/companies/{company.id}/upcoming"
    upcoming = ok(company.agent.get(path, params={"to": iso(MONDAY_NOON + 26 * HOUR)}))
    assert upcoming[0] == {
        "at": iso(NOON + HOUR),
        "triggerId": first["triggers"][0]["id"],
        "routineId": first["id"],
        "title": "First",
        "assigneeAgentId": company.agent_id,
    }
    assert Counter(each["title"] for each in upcoming) == {"First": 26, "Second": 3}
    assert [each["at"] for each in upcoming] == sorted(each["at"] for each in upcoming)
    assert ok(company.board.get(path, params={"limit": "1"})) == upcoming[:1]
    rest = ok(company.board.get(path, params={"from": upcoming[4]["at"], "to": iso(MONDAY_NOON + 26 * HOUR)}))
    assert rest == [each for each in upcoming if each["at"] > upcoming[4]["at"]]
    for _ in range(26 * 3):
        service.tick(20 * MINUTE)
    fired = [(run["scheduledFor"], routine["id"]) for routine in (first, second) for run in company.runs(routine["id"])]
    assert sorted(fired) == sorted((each["at"], each["routineId"]) for each in upcoming)


def test_what_comes_next_is_told_to_those_who_may_see_it(service: Service, company: Company) -> None:
    path = f"/companies/{company.id}/upcoming"
    assert service.company("Rival").agent.get(path).status_code == 403
    assert company.board.get(f"/companies/{NOBODY}/upcoming").status_code == 404
    error(company.board.get(path, params={"to": iso(MONDAY_NOON + 40 * DAY)}), 422)
    error(company.board.get(path, params={"to": "tomorrow"}), 400)
    assert ok(company.board.get(path, params={"to": iso(MONDAY_NOON - DAY)})) == []


def test_every_slot_that_was_due_is_accounted_for(service: Service, company: Company) -> None:
    routine = company.routine(triggers=[EVERY_HOUR])
    path = f"/routines/{routine['id']}/health"
    service.tick(HOUR)
    service.tick(HOUR)
    company.close(company.issues(routine["id"])[0]["id"])
    service.tick(5 * HOUR)  # an outage: the last of its slots is late, and the others are missed
    ok(company.board.patch(f"/companies/{company.id}", {"status": "paused"}))
    service.tick(HOUR)
    slots = ok(company.colleague.get(path))
    assert [slot["slot"] for slot in slots] == [iso(NOON + timedelta(hours=hour)) for hour in range(1, 9)]
    assert [slot["outcome"] for slot in slots] == [
        "fired",
        "coalesced",
        "missed",
        "missed",
        "missed",
        "missed",
        "fired",
        "skipped",
    ]
    assert {slot["runId"] for slot in slots[2:6]} == {slots[2]["runId"]}
    assert "4 slots" in slots[2]["reason"]
    assert slots[-1]["reason"] == "paused"
    assert slots[0]["reason"] is None
    service.clock.advance(HOUR)
    assert ok(company.board.get(path))[-1]["outcome"] == "undecided"
    part = ok(company.board.get(path, params={"from": slots[1]["slot"], "to": slots[3]["slot"]}))
    assert part == slots[2:4]


def test_more_slots_than_a_reply_holds_are_refused(service: Service, company: Company) -> None:
    routine = company.routine(triggers=[{"kind": "schedule", "cronExpression": "* * * * *"}])["id"]
    asked = {"from": iso(MONDAY_NOON - 60 * DAY)}
    assert "has 86,400 slots" in error(company.board.get(f"/routines/{routine}/health", params=asked), 422)
    assert service.company("Rival").agent.get(f"/routines/{routine}/health").status_code == 404
