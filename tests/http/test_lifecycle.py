"""Lifecycles: of routines, of agents that cannot work, and of the execution issue that drives its run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from httpx2 import Response

from routines.core.instants import iso
from support.clock import HOUR, MINUTE
from support.schedules import ONE_PM, hourly, schedule, slots, tick_at
from support.service import Caller, Company, Service, created, error, ok

ARCHIVED = "Routine is archived"
WEBHOOK = {"kind": "webhook", "signingMode": "none"}

Json = dict[str, Any]


def get(company: Company, routine: Json) -> Json:
    """The routine as it now is."""
    found: Json = ok(company.board.get(f"/routines/{routine['id']}"))
    return found


def move(company: Company, routine: Json, status: str) -> Response:
    """An attempt to move a routine."""
    return company.board.patch(f"/routines/{routine['id']}", {"status": status})


def run(company: Company, routine: Json, **body: object) -> Json:
    """A manual run."""
    made: Json = ok(company.board.post(f"/routines/{routine['id']}/run", body), 202)
    return made


@pytest.mark.parametrize(
    ("before", "after"),
    [("active", "paused"), ("paused", "active"), ("active", "archived"), ("paused", "archived")],
)
def test_legal_moves(company: Company, before: str, after: str) -> None:
    routine = company.routine(status=before)
    assert ok(move(company, routine, after))["status"] == after
    assert get(company, routine)["status"] == after


@pytest.mark.parametrize("after", ["active", "paused"])
@pytest.mark.parametrize("born", [True, False], ids=["created archived", "archived later"])
def test_nothing_leads_out_of_the_archive(company: Company, after: str, *, born: bool) -> None:
    routine = company.routine(status="archived" if born else "active")
    if not born:
        ok(move(company, routine, "archived"))
    assert error(move(company, routine, after), 409) == ARCHIVED
    assert get(company, routine)["status"] == "archived"


@pytest.mark.parametrize(("status", "scheduled"), [("active", True), ("paused", False), ("archived", False)])
def test_only_an_active_routine_has_next_times(company: Company, status: str, *, scheduled: bool) -> None:
    (trigger,) = hourly(company, status=status)["triggers"]
    assert trigger["nextRunAt"] == (iso(ONE_PM) if scheduled else None)


REFUSED_WHEN_ARCHIVED: dict[str, Callable[[Caller, Json], Response]] = {
    "change": lambda board, routine: board.patch(f"/routines/{routine['id']}", {"title": "Look again"}),
    "run": lambda board, routine: board.post(f"/routines/{routine['id']}/run"),
    "add a trigger": lambda board, routine: board.post(f"/routines/{routine['id']}/triggers", schedule()),
    "change a trigger": lambda board, routine: board.patch(
        f"/routine-triggers/{routine['triggers'][0]['id']}", {"label": "x"}
    ),
    "delete a trigger": lambda board, routine: board.delete(f"/routine-triggers/{routine['triggers'][0]['id']}"),
    "rotate a secret": lambda board, routine: board.post(
        f"/routine-triggers/{routine['triggers'][1]['id']}/rotate-secret"
    ),
}


@pytest.mark.parametrize("call", REFUSED_WHEN_ARCHIVED.values(), ids=REFUSED_WHEN_ARCHIVED.keys())
def test_an_archived_routine_and_its_triggers_cannot_be_changed_or_run(
    company: Company, call: Callable[[Caller, Json], Response]
) -> None:
    routine = company.routine(triggers=[schedule(), WEBHOOK])
    ok(move(company, routine, "archived"))
    before = get(company, routine)
    reply = call(company.board, routine)
    assert error(reply, 409) == ARCHIVED
    assert get(company, routine) == before


@pytest.mark.parametrize("fields", [{}, {"status": "archived"}, {"title": "Look around"}])
def test_what_changes_nothing_is_no_change_to_an_archived_routine(company: Company, fields: Json) -> None:
    routine = company.routine(status="archived")
    assert ok(company.board.patch(f"/routines/{routine['id']}", fields)) == routine


def test_an_archived_routine_takes_no_fire_of_any_kind(service: Service, company: Company) -> None:
    routine = company.routine(triggers=[schedule(), WEBHOOK, {"kind": "api"}])
    ok(move(company, routine, "archived"))
    tick_at(service, ONE_PM)
    _, webhook, api = routine["triggers"]
    assert company.board.post(f"/routines/{routine['id']}/run", {"triggerId": api["id"]}).status_code == 409
    reply = company.board.post(f"/routine-triggers/public/{webhook['publicId']}/fire")
    assert error(reply, 409) == "Routine trigger is not active"
    assert company.runs(routine["id"]) == []
    assert {trigger["nextRunAt"] for trigger in get(company, routine)["triggers"]} == {None}


def test_an_archived_routine_can_be_read_and_deleted(company: Company) -> None:
    routine = company.routine(triggers=[schedule()])
    ok(move(company, routine, "archived"))
    assert [each["id"] for each in ok(company.board.get(f"/companies/{company.id}/routines"))] == [routine["id"]]
    assert company.board.delete(f"/routines/{routine['id']}").status_code == 204
    assert company.board.get(f"/routines/{routine['id']}").status_code == 404


def test_pausing_stops_schedules_and_webhooks_but_not_manual_runs(service: Service, company: Company) -> None:
    triggers = [schedule(), WEBHOOK, {"kind": "api"}]
    routine = company.routine(triggers=triggers, concurrencyPolicy="always_enqueue")
    ok(move(company, routine, "paused"))
    tick_at(service, ONE_PM)
    timed, webhook, api = routine["triggers"]
    reply = company.board.post(f"/routine-triggers/public/{webhook['publicId']}/fire")
    assert error(reply, 409) == "Routine trigger is not active"
    assert company.runs(routine["id"]) == []
    assert run(company, routine)["status"] == "issue_created"
    assert run(company, routine, triggerId=api["id"])["triggerId"] == api["id"]
    assert run(company, routine, triggerId=timed["id"])["triggerId"] == timed["id"]


def test_pausing_leaves_open_work_open(company: Company) -> None:
    routine = company.routine()
    issue_id = run(company, routine)["linkedIssueId"]
    ok(move(company, routine, "paused"))
    assert get(company, routine)["activeIssue"]["id"] == issue_id


@pytest.mark.parametrize("path", ["/projects/{0.project_id}", "/companies/{0.id}"], ids=["project", "company"])
def test_while_a_project_or_company_is_paused_webhooks_are_recorded_as_skipped_and_manual_runs_work(
    company: Company, path: str
) -> None:
    routine = company.routine(triggers=[WEBHOOK], concurrencyPolicy="always_enqueue")
    fire_path = f"/routine-triggers/public/{routine['triggers'][0]['publicId']}/fire"
    ok(company.board.patch(path.format(company), {"status": "paused"}))
    skipped = ok(company.board.post(fire_path, {"order": 1}), 202)
    assert (skipped["status"], skipped["failureReason"], skipped["linkedIssueId"]) == ("skipped", "paused", None)
    assert skipped["triggerPayload"] == {"order": 1}
    assert skipped["completedAt"] == skipped["triggeredAt"]
    assert run(company, routine)["status"] == "issue_created"
    ok(company.board.patch(path.format(company), {"status": "active"}))
    assert ok(company.board.post(fire_path, {"order": 2}), 202)["status"] == "issue_created"


def test_the_work_of_a_paused_agent_waits_in_its_inbox(service: Service, company: Company) -> None:
    routine = hourly(company)
    ok(company.board.post(f"/agents/{company.agent_id}/pause"))
    tick_at(service, ONE_PM)
    assert run(company, routine)["status"] == "issue_created"
    assert slots(company, routine) == [iso(ONE_PM), None]
    inbox = ok(company.agent.get("/agents/me/inbox-lite"))
    assert {issue["id"] for issue in inbox} == {issue["id"] for issue in company.issues(routine["id"])}
    assert {issue["status"] for issue in inbox} == {"todo"}


def test_terminating_an_agent_pauses_its_routines_and_says_why(service: Service, company: Company) -> None:
    own, others = hourly(company), hourly(company, assigneeAgentId=company.colleague_id)
    ok(company.board.post(f"/agents/{company.agent_id}/terminate"))
    paused = get(company, own)
    assert paused["status"] == "paused"
    assert "Ada" in paused["pauseReason"]
    assert paused["triggers"][0]["nextRunAt"] is None
    tick_at(service, ONE_PM)
    assert slots(company, own) == []
    assert slots(company, others) == [iso(ONE_PM)]
    entries = ok(company.board.get(f"/companies/{company.id}/activity", params={"entityId": own["id"]}))
    assert (entries[0]["action"], entries[0]["actorType"]) == ("routine.updated", "system")


def test_a_routine_of_a_terminated_agent_works_again_once_the_board_reassigns_it(
    service: Service, company: Company
) -> None:
    routine = hourly(company)
    ok(company.board.post(f"/agents/{company.agent_id}/terminate"))
    assert move(company, routine, "active").status_code == 409
    fields = {"assigneeAgentId": company.colleague_id, "status": "active"}
    reassigned = ok(company.board.patch(f"/routines/{routine['id']}", fields))
    assert (reassigned["status"], reassigned["pauseReason"]) == ("active", None)
    tick_at(service, ONE_PM)
    (issue,) = company.issues(routine["id"])
    assert issue["assigneeAgentId"] == company.colleague_id


def test_a_manual_run_for_a_terminated_agent_fails_with_a_reason_and_makes_no_issue(company: Company) -> None:
    routine = company.routine()
    ok(company.board.post(f"/agents/{company.agent_id}/terminate"))
    failed = run(company, routine)
    assert (failed["status"], failed["linkedIssueId"]) == ("failed", None)
    assert "terminated" in failed["failureReason"]
    assert company.issues(routine["id"]) == []


def test_a_person_pausing_a_routine_gives_no_pause_reason(company: Company) -> None:
    routine = company.routine()
    assert ok(move(company, routine, "paused"))["pauseReason"] is None


@pytest.mark.parametrize(
    ("moves", "status"),
    [
        ("in_progress", "issue_created"),
        ("blocked", "issue_created"),
        ("in_review", "issue_created"),
        ("blocked, todo", "issue_created"),
        ("in_review, in_progress", "issue_created"),
        ("done", "completed"),
        ("blocked, done", "completed"),
        ("cancelled", "failed"),
        ("done, todo", "issue_created"),
        ("cancelled, in_progress", "issue_created"),
        ("done, in_review, done", "completed"),
        ("cancelled, done", "completed"),
        ("done, cancelled", "failed"),
    ],
)
def test_the_execution_issue_drives_the_run_that_created_it(
    service: Service, company: Company, moves: str, status: str
) -> None:
    routine = company.routine()
    issue_id = run(company, routine)["linkedIssueId"]
    for each in moves.split(", "):
        service.clock.advance(MINUTE)
        issue = company.close(issue_id, each)
    (driven,) = company.runs(routine["id"])
    assert driven["status"] == status
    assert driven["completedAt"] == (None if status == "issue_created" else iso(service.clock.now()))
    assert (driven["failureReason"] is not None) == (status == "failed")
    assert driven["linkedIssue"]["status"] == issue["status"]


def test_a_reopened_issue_makes_its_routine_active_again(service: Service, company: Company) -> None:
    routine = company.routine()
    first = run(company, routine)
    company.close(first["linkedIssueId"])
    assert get(company, routine)["activeIssue"] is None
    company.close(first["linkedIssueId"], "todo")
    assert get(company, routine)["activeIssue"]["id"] == first["linkedIssueId"]
    service.clock.advance(HOUR)
    joined = run(company, routine)
    assert (joined["status"], joined["coalescedIntoRunId"]) == ("coalesced", first["id"])


@pytest.mark.parametrize("how", ["checkout and done", "release"])
def test_an_agent_that_works_on_its_issue_drives_the_run(company: Company, how: str) -> None:
    routine = company.routine()
    issue_id = run(company, routine)["linkedIssueId"]
    body = {"agentId": company.agent_id, "expectedStatuses": ["todo"]}
    ok(company.agent.post(f"/issues/{issue_id}/checkout", body))
    if how == "release":
        ok(company.agent.post(f"/issues/{issue_id}/release"))
    else:
        ok(company.agent.patch(f"/issues/{issue_id}", {"status": "done", "comment": "Looked around"}))
    expected = "issue_created" if how == "release" else "completed"
    assert [each["status"] for each in company.runs(routine["id"])] == [expected]


def test_an_issue_made_by_hand_is_no_execution_issue(company: Company) -> None:
    routine = company.routine()
    body = {"title": "Look around", "assigneeAgentId": company.agent_id}
    by_hand = created(company.board.post(f"/companies/{company.id}/issues", body))
    assert get(company, routine)["activeIssue"] is None
    company.close(by_hand["id"])
    assert company.runs(routine["id"]) == []
