"""Manual runs: the body, its refusals, and what a run leaves behind on the routine and its trigger."""

from __future__ import annotations

from typing import Any

import pytest
from httpx2 import Response

from routines.core.instants import iso
from support.clock import MINUTE
from support.schedules import ONE_PM, schedule
from support.service import NOBODY, Caller, Company, Service, error, ok

API = {"kind": "api"}
EVERY_KIND = [schedule(), {"kind": "webhook"}, API]

Json = dict[str, Any]


def run(caller: Caller, routine: Json, **body: object) -> Response:
    """A manual run's reply."""
    return caller.post(f"/routines/{routine['id']}/run", body)


def detail(company: Company, routine: Json) -> Json:
    """The routine as it now is."""
    found: Json = ok(company.board.get(f"/routines/{routine['id']}"))
    return found


@pytest.mark.parametrize("content", [None, "", "{}", " \n"])
def test_an_empty_or_missing_body_runs_the_routine_as_it_is(company: Company, content: str | None) -> None:
    routine = company.routine()
    headers = {} if content is None else {"Content-Type": "application/json"}
    reply = company.board.request("POST", f"/routines/{routine['id']}/run", content=content, headers=headers)
    made = ok(reply, 202)
    assert (made["source"], made["status"]) == ("manual", "issue_created")
    assert [made[name] for name in ("triggerId", "triggerPayload", "idempotencyKey", "scheduledFor")] == [None] * 4


def test_the_reply_is_the_run(service: Service, company: Company) -> None:
    routine = company.routine(triggers=[API])
    trigger_id = routine["triggers"][0]["id"]
    body = {"source": "api", "triggerId": trigger_id, "payload": {"order": [1, None, "\u00fc"]}, "idempotencyKey": "k"}
    made = ok(run(company.board, routine, **body, assigneeAgentId=company.agent_id), 202)
    now = iso(service.clock.now())
    (issue,) = company.issues(routine["id"])
    assert made == {
        "id": made["id"],
        "companyId": company.id,
        "routineId": routine["id"],
        "triggerId": trigger_id,
        "source": "api",
        "status": "issue_created",
        "triggeredAt": now,
        "scheduledFor": None,
        "idempotencyKey": "k",
        "triggerPayload": {"order": [1, None, "\u00fc"]},
        "linkedIssueId": issue["id"],
        "coalescedIntoRunId": None,
        "failureReason": None,
        "details": None,
        "completedAt": None,
        "createdAt": now,
        "updatedAt": now,
    }


def test_the_execution_issue_copies_the_routine(company: Company) -> None:
    goal = ok(company.board.post(f"/companies/{company.id}/goals", {"title": "Grow"}), 201)
    parent = ok(company.board.post(f"/companies/{company.id}/issues", {"title": "All looks"}), 201)
    fields = {"title": "Look", "description": "**Around**", "priority": "critical"}
    routine = company.routine(**fields, goalId=goal["id"], parentIssueId=parent["id"])
    made = ok(run(company.board, routine), 202)
    (issue,) = company.issues(routine["id"])
    expected = {
        **fields,
        "status": "todo",
        "projectId": company.project_id,
        "goalId": goal["id"],
        "parentId": parent["id"],
        "assigneeAgentId": company.agent_id,
        "originKind": "routine_execution",
        "originId": routine["id"],
        "originRunId": made["id"],
    }
    assert {name: issue[name] for name in expected} == expected
    assert issue["identifier"] == "ACME-2"


def test_a_run_moves_the_times_of_its_routine_and_trigger(service: Service, company: Company) -> None:
    routine = company.routine(triggers=EVERY_KIND)
    enqueued = service.clock.now()
    named, *others = routine["triggers"]
    ok(run(company.board, routine, triggerId=named["id"]), 202)
    service.clock.advance(MINUTE)
    ok(run(company.board, routine, triggerId=named["id"]), 202)
    found = detail(company, routine)
    assert (found["lastTriggeredAt"], found["lastEnqueuedAt"]) == (iso(enqueued + MINUTE), iso(enqueued))
    times = {trigger["id"]: trigger["lastFiredAt"] for trigger in found["triggers"]}
    assert times == {named["id"]: iso(enqueued + MINUTE), **{other["id"]: None for other in others}}


@pytest.mark.parametrize("policy", ["coalesce_if_active", "skip_if_active"])
def test_a_run_that_joins_moves_the_time_of_its_trigger_too(service: Service, company: Company, policy: str) -> None:
    routine = company.routine(concurrencyPolicy=policy, triggers=[API])
    ok(run(company.board, routine), 202)
    ok(run(company.board, routine, triggerId=routine["triggers"][0]["id"]), 202)
    (trigger,) = detail(company, routine)["triggers"]
    assert trigger["lastFiredAt"] == iso(service.clock.now())
    assert "ACME-1" in trigger["lastResult"]


def test_a_run_passes_over_the_schedule_and_leaves_it_as_it_is(service: Service, company: Company) -> None:
    routine = company.routine(triggers=[schedule()])
    ok(run(company.board, routine, triggerId=routine["triggers"][0]["id"]), 202)
    assert detail(company, routine)["triggers"][0]["nextRunAt"] == iso(ONE_PM)
    service.clock.at = ONE_PM
    service.tick()
    assert [each["source"] for each in company.runs(routine["id"])] == ["schedule", "manual"]


@pytest.mark.parametrize("kind", [trigger["kind"] for trigger in EVERY_KIND])
def test_a_trigger_of_any_kind_can_be_named(company: Company, kind: str) -> None:
    routine = company.routine(triggers=EVERY_KIND)
    trigger = next(each for each in routine["triggers"] if each["kind"] == kind)
    made = ok(run(company.board, routine, triggerId=trigger["id"]), 202)
    assert (made["triggerId"], made["source"]) == (trigger["id"], "manual")


def test_which_triggers_can_be_named(service: Service, company: Company) -> None:
    other_company = service.company("Other")
    routine = company.routine(triggers=[{**API, "enabled": False}])
    foreign = other_company.routine(triggers=[API])["triggers"][0]["id"]
    sibling = company.routine(triggers=[API])["triggers"][0]["id"]
    refusals = {
        NOBODY: (404, "Routine trigger not found"),
        foreign: (404, "Routine trigger not found"),
        sibling: (403, "Trigger does not belong to routine"),
        routine["triggers"][0]["id"]: (409, "Routine trigger is not active"),
    }
    for trigger_id, (status, sentence) in refusals.items():
        assert error(run(company.board, routine, triggerId=trigger_id), status) == sentence
    assert company.runs(routine["id"]) == []


def test_the_work_goes_to_the_routines_own_agent_and_to_no_other(service: Service, company: Company) -> None:
    routine = company.routine()
    stranger = service.company("Other").agent_id
    for caller in (company.board, company.agent):
        for agent_id in (company.colleague_id, stranger, NOBODY):
            error(run(caller, routine, assigneeAgentId=agent_id), 403)
    assert company.runs(routine["id"]) == []
    assert ok(run(company.agent, routine, assigneeAgentId=company.agent_id), 202)["status"] == "issue_created"


def test_who_may_run_a_routine(service: Service, company: Company) -> None:
    routine = company.routine(concurrencyPolicy="always_enqueue")
    outsider = service.company("Other").agent
    callers = {company.board: 202, company.agent: 202, company.colleague: 403, outsider: 404}
    assert {caller: run(caller, routine).status_code for caller in callers} == callers


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"source": "schedule"}, ["source"]),
        ({"source": "webhook"}, ["source"]),
        ({"source": None}, ["source"]),
        ({"triggerId": "no-uuid"}, ["triggerId"]),
        ({"triggerId": 1}, ["triggerId"]),
        ({"payload": [1]}, ["payload"]),
        ({"payload": "text"}, ["payload"]),
        ({"assigneeAgentId": "no-uuid"}, ["assigneeAgentId"]),
        ({"unknown": 1}, ["unknown"]),
    ],
)
def test_a_wrong_field_is_refused_by_name(company: Company, body: Json, path: list[str]) -> None:
    routine = company.routine()
    reply = run(company.board, routine, **body)
    assert error(reply, 400) == "Validation error"
    assert [detail["path"] for detail in reply.json()["details"]] == [path]
    assert company.runs(routine["id"]) == []


@pytest.mark.parametrize("routine_id", [NOBODY, "not-a-uuid", "1"])
def test_an_unknown_or_malformed_routine_is_not_found(company: Company, routine_id: str) -> None:
    assert error(company.board.post(f"/routines/{routine_id}/run"), 404) == "Routine not found"
