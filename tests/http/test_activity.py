"""Every change leaves its entry, with who did it: section 6 of the contract."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import routines
from routines.core.activity import ActivityAction
from support.clock import MINUTE
from support.heartbeats import FAILED, Worker, process_agent
from support.service import NOBODY, Company, Service, error, ok
from support.webhooks import webhook

API = Path(__file__).parents[2] / "docs" / "api.md"
SOURCE = Path(routines.__file__).parent
FIELDS = {"id", "companyId", "actorType", "actorId", "action", "entityType", "entityId", "details", "createdAt"}
BOARD = ("user", "local-board")


def entries(company: Company, **filters: str) -> list[dict[str, Any]]:
    """A company's activity, newest first."""
    found: list[dict[str, Any]] = ok(company.board.get(f"/companies/{company.id}/activity", params=filters))
    return found


def told(company: Company, count: int) -> list[tuple[str, str, str]]:
    """What the newest entries tell, in the order in which it happened: action, kind of thing, its id."""
    return [(each["action"], each["entityType"], each["entityId"]) for each in reversed(entries(company)[:count])]


def actor(entry: dict[str, Any]) -> tuple[str, str]:
    """Who did what an entry tells of."""
    return entry["actorType"], entry["actorId"]


def test_an_entry_says_who_did_what_to_what_and_when(service: Service, company: Company) -> None:
    service.clock.advance(MINUTE)
    routine = ok(
        company.agent.post(
            f"/companies/{company.id}/routines",
            {"title": "Mine", "assigneeAgentId": company.agent_id, "projectId": company.project_id},
        ),
        201,
    )
    entry = entries(company)[0]
    assert set(entry) >= FIELDS
    assert actor(entry) == ("agent", company.agent_id)
    assert (entry["action"], entry["entityType"], entry["entityId"]) == ("routine.created", "routine", routine["id"])
    assert (entry["companyId"], entry["createdAt"]) == (company.id, "2026-03-02T12:01:30.000Z")
    assert (routine["createdByAgentId"], routine["createdByUserId"]) == (company.agent_id, None)


def test_every_change_of_a_routine_and_its_triggers_leaves_its_entry(company: Company) -> None:
    board, routine = company.board, company.routine()["id"]
    trigger = company.trigger(routine, kind="webhook")["trigger"]["id"]
    ok(board.patch(f"/routine-triggers/{trigger}", {"enabled": False}))
    ok(board.post(f"/routine-triggers/{trigger}/rotate-secret"))
    assert board.delete(f"/routine-triggers/{trigger}").status_code == 204
    ok(board.patch(f"/routines/{routine}", {"status": "paused"}))
    assert board.delete(f"/routines/{routine}").status_code == 204
    assert [(action, identity) for action, _, identity in told(company, 7)] == [
        ("routine.created", routine),
        ("routine.trigger_created", trigger),
        ("routine.trigger_updated", trigger),
        ("routine.trigger_secret_rotated", trigger),
        ("routine.trigger_deleted", trigger),
        ("routine.updated", routine),
        ("routine.deleted", routine),
    ]
    assert {actor(each) for each in entries(company)} == {BOARD}
    of_trigger = [each for each in entries(company) if each["entityId"] == trigger]
    assert {each["details"]["routineId"] for each in of_trigger} == {routine}


def test_triggers_created_along_with_a_routine_have_entries_of_their_own(company: Company) -> None:
    made = company.routine(triggers=[{"kind": "api"}, {"kind": "webhook"}])
    expected = [("routine.created", made["id"])] + [
        ("routine.trigger_created", each["id"]) for each in made["triggers"]
    ]
    assert [(action, identity) for action, _, identity in told(company, 3)] == expected


def test_every_change_of_a_companion_leaves_its_entry(company: Company) -> None:
    board = company.board
    goal = ok(board.post(f"/companies/{company.id}/goals", {"title": "Grow"}), 201)["id"]
    ok(board.patch(f"/goals/{goal}", {"status": "active"}))
    ok(board.patch(f"/projects/{company.project_id}", {"status": "paused"}))
    ok(board.patch(f"/companies/{company.id}", {"name": "Renamed"}))
    key = ok(board.post(f"/agents/{company.agent_id}/keys"), 201)["id"]
    assert board.delete(f"/agents/{company.agent_id}/keys/{key}").status_code == 204
    ok(board.patch(f"/agents/{company.agent_id}", {"role": "qa"}))
    for verb in ("pause", "resume", "terminate"):
        ok(board.post(f"/agents/{company.agent_id}/{verb}"))
    assert told(company, 10) == [
        ("goal.created", "goal", goal),
        ("goal.updated", "goal", goal),
        ("project.updated", "project", company.project_id),
        ("company.updated", "company", company.id),
        ("agent.key_created", "agent", company.agent_id),
        ("agent.key_revoked", "agent", company.agent_id),
        ("agent.updated", "agent", company.agent_id),
        ("agent.paused", "agent", company.agent_id),
        ("agent.resumed", "agent", company.agent_id),
        ("agent.terminated", "agent", company.agent_id),
    ]


def test_every_change_of_an_issue_leaves_its_entry(company: Company) -> None:
    body = {"title": "Fix", "assigneeAgentId": company.agent_id}
    issue = ok(company.board.post(f"/companies/{company.id}/issues", body), 201)["id"]
    checkout = {"agentId": company.agent_id, "expectedStatuses": ["todo"]}
    ok(company.agent.post(f"/issues/{issue}/checkout", checkout))
    ok(company.agent.post(f"/issues/{issue}/release"))
    ok(company.agent.patch(f"/issues/{issue}", {"status": "done", "comment": "There"}))
    ok(company.agent.post(f"/issues/{issue}/comments", {"body": "And more"}), 201)
    assert told(company, 6) == [
        (f"issue.{what}", "issue", issue)
        for what in ("created", "checked_out", "released", "updated", "comment_added", "comment_added")
    ]
    assert [actor(each) for each in entries(company, entityId=issue)] == [
        *[("agent", company.agent_id)] * 5,
        BOARD,
    ]


def test_a_heartbeats_beginning_and_end_are_entries_of_the_service(service: Service, company: Company) -> None:
    agent, worker = process_agent(company), Worker(service)
    routine = company.routine(assigneeAgentId=agent)["id"]
    run = ok(company.board.post(f"/routines/{routine}/run"), 202)
    work = worker.one()
    worker.end(work, FAILED)
    ended, begun = entries(company, entityType="heartbeat_run")
    assert (begun["action"], ended["action"]) == ("heartbeat_run.started", "heartbeat_run.finished")
    assert begun["details"] == {
        "agentId": agent,
        "issueId": run["linkedIssueId"],
        "routineId": routine,
        "reason": "issue_assigned",
    }
    assert ended["details"] == {**begun["details"], "status": "failed", "errorCode": FAILED.error_code}
    assert {(each["entityId"], *actor(each)) for each in (begun, ended)} == {(work.run.id, "system", "routines")}


def test_every_fire_is_an_entry_by_whoever_fired(service: Service, company: Company) -> None:
    hook = webhook(service, company)
    routine = hook.routine["id"]
    company.trigger(routine, kind="schedule", cronExpression="1 12 * * *")
    service.tick(MINUTE)
    ok(hook.fire(), 202)
    ok(company.agent.post(f"/routines/{routine}/run"), 202)
    ok(company.board.post(f"/routines/{routine}/run"), 202)
    found = entries(company, entityType="routine_run")
    runs = company.runs(routine)
    assert [each["entityId"] for each in found] == [each["id"] for each in runs]
    assert {each["action"] for each in found} == {"routine.run_triggered"}
    assert [each["details"]["source"] for each in found] == ["manual", "manual", "webhook", "schedule"]
    assert {each["details"]["routineId"] for each in found} == {routine}
    assert [each["actorType"] for each in found] == ["user", "agent", "system", "system"]
    assert actor(found[1]) == ("agent", company.agent_id)


def test_a_skipped_fire_is_told_as_skipped(company: Company) -> None:
    routine = company.routine(concurrencyPolicy="skip_if_active")["id"]
    for _ in range(2):
        ok(company.board.post(f"/routines/{routine}/run"), 202)
    newest, oldest = entries(company, entityType="routine_run")
    assert (newest["action"], oldest["action"]) == ("routine.run_skipped", "routine.run_triggered")


def test_dropped_slots_are_told_as_skipped(service: Service, company: Company) -> None:
    company.routine(triggers=[{"kind": "schedule", "cronExpression": "* * * * *"}])
    service.tick(30 * MINUTE)
    assert "routine.run_skipped" in {each["action"] for each in entries(company, entityType="routine_run")}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PATCH", "/routines/{0}", {}, 200),
        ("PATCH", "/routines/{0}", {"title": "Look around"}, 200),
        ("PATCH", "/routines/{0}", {"status": "asleep"}, 400),
        ("PATCH", "/routines/{0}", {"projectId": NOBODY}, 404),
        ("POST", "/routines/{0}/run", {"triggerId": NOBODY}, 404),
        ("GET", "/routines/{0}", None, 200),
    ],
)
def test_what_changes_nothing_leaves_no_entry(
    company: Company, method: str, path: str, body: dict[str, Any] | None, status: int
) -> None:
    routine = company.routine()["id"]
    before = entries(company)
    assert company.board.request(method, path.format(routine), json=body).status_code == status
    assert entries(company) == before


def test_the_documentation_lists_every_action() -> None:
    listed = re.search(r"## Activity and events\n(.*?)\n\n`GET", API.read_text(encoding="utf-8"), re.DOTALL)
    assert listed is not None
    assert sorted(re.findall(r"`(\w+\.\w+)`", listed[1])) == sorted(ActivityAction)


def test_every_action_is_recorded_somewhere() -> None:
    written = [file.read_text(encoding="utf-8") for file in SOURCE.rglob("*.py")]
    assert not [each for each in ActivityAction if not any(f"ActivityAction.{each.name}" in text for text in written)]


def test_no_entry_holds_a_secret(service: Service, company: Company) -> None:
    hook = webhook(service, company)
    ok(company.board.post(f"/routine-triggers/{hook.trigger['id']}/rotate-secret"))
    text = company.board.get(f"/companies/{company.id}/activity").text
    assert (hook.secret or "") not in text
    assert (company.agent.token or "") not in text
    assert "pcp_" not in text


def test_activity_is_listed_newest_first_page_by_page(company: Company) -> None:
    routine = company.routine()["id"]
    for number in range(5):
        ok(company.board.post(f"/routines/{routine}/run"), 202)
        ok(company.board.patch(f"/routines/{routine}", {"title": f"Title {number}"}))
    whole = entries(company)
    assert [each["id"] for each in whole] == sorted((each["id"] for each in whole), reverse=True)
    assert len({each["id"] for each in whole}) == len(whole)
    paged: list[dict[str, Any]] = []
    before: dict[str, str] = {}
    while page := entries(company, limit="3", **before):
        paged += page
        before = {"before": page[-1]["id"]}
    assert paged == whole


def test_activity_is_the_companys_own(service: Service, company: Company) -> None:
    rival = service.company("Rival")
    assert {each["companyId"] for each in entries(company)} == {company.id}
    assert entries(company, entityId=rival.agent_id) == []


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nothing_but_reading_can_be_done_to_activity(company: Company, method: str) -> None:
    error(company.board.request(method, f"/companies/{company.id}/activity"), 405)
    error(company.board.request(method, f"/companies/{company.id}/activity/{NOBODY}"), 404)
