"""Agents, their keys and their inbox: section 6 of the contract."""

from __future__ import annotations

from typing import Any

import pytest

from support.clock import MINUTE
from support.service import NOBODY, Company, Service, error, ok

FIELDS = {
    "id",
    "companyId",
    "name",
    "role",
    "title",
    "capabilities",
    "reportsTo",
    "adapterType",
    "adapterConfig",
    "runtimeConfig",
    "status",
    "createdAt",
    "updatedAt",
}

SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"


def hire(company: Company, **fields: Any) -> dict[str, Any]:
    """A new agent."""
    made: dict[str, Any] = ok(company.board.post(f"/companies/{company.id}/agents", {"name": "Eve", **fields}), 201)
    return made


def move(company: Company, verb: str, agent_id: str | None = None) -> dict[str, Any]:
    """Pause, resume or terminate an agent."""
    moved: dict[str, Any] = ok(company.board.post(f"/agents/{agent_id or company.agent_id}/{verb}"))
    return moved


def test_an_agent_is_hired_with_defaults(company: Company) -> None:
    made = hire(company)
    assert set(made) >= FIELDS
    assert (made["status"], made["adapterType"], made["companyId"]) == ("idle", "none", company.id)
    assert (made["adapterConfig"], made["runtimeConfig"], made["reportsTo"]) == ({}, {}, None)


def test_an_agent_is_hired_with_what_is_given(company: Company) -> None:
    given = {
        "name": "Eve",
        "role": "engineer",
        "title": "Builder",
        "capabilities": "Builds things",
        "reportsTo": company.agent_id,
        "adapterType": "process",
        "adapterConfig": {"command": ["true"], "env": {"A": "1"}},
        "runtimeConfig": {"heartbeat": {"intervalSec": 300}},
    }
    made = hire(company, **given)
    assert {name: made[name] for name in given} == given
    assert made.items() <= ok(company.board.get(f"/agents/{made['id']}")).items()
    assert made in ok(company.board.get(f"/companies/{company.id}/agents"))


def test_an_agent_is_changed_field_by_field(service: Service, company: Company) -> None:
    path = f"/agents/{hire(company)['id']}"
    for change in (
        {"name": "Evelyn"},
        {"role": "qa"},
        {"title": "Tester"},
        {"capabilities": "Tests things"},
        {"reportsTo": company.agent_id},
        {"adapterType": "http", "adapterConfig": {"url": "http://127.0.0.1:9", "secret": SECRET}},
        {"runtimeConfig": {"a": 1}},
    ):
        service.clock.advance(MINUTE)
        before = ok(company.board.get(path))
        changed = ok(company.board.patch(path, change))
        assert {name for name in changed if changed[name] != before[name]} == {*change, "updatedAt"}
        assert {name: changed[name] for name in change} == change


def test_nobody_reports_to_itself_not_even_by_a_detour(company: Company) -> None:
    board, top = company.board, company.agent_id
    middle = hire(company, reportsTo=top)["id"]
    low = hire(company, reportsTo=middle)["id"]
    for superior in (top, middle, low):
        error(board.patch(f"/agents/{top}", {"reportsTo": superior}), 422)
    chain = ok(board.get(f"/agents/{low}"))["chainOfCommand"]
    assert [each["id"] for each in chain] == [middle, top]


def test_an_agent_is_paused_resumed_and_terminated(company: Company) -> None:
    assert move(company, "pause")["status"] == "paused"
    assert move(company, "pause")["status"] == "paused"
    assert move(company, "resume")["status"] == "idle"
    assert move(company, "resume")["status"] == "idle"
    assert move(company, "terminate")["status"] == "terminated"
    assert move(company, "terminate")["status"] == "terminated"
    for verb in ("pause", "resume"):
        error(company.board.post(f"/agents/{company.agent_id}/{verb}"), 409)
    error(company.board.patch(f"/agents/{company.agent_id}", {"name": "Back"}), 409)
    error(company.board.post(f"/agents/{company.agent_id}/keys"), 409)
    assert ok(company.board.get(f"/agents/{company.agent_id}"))["status"] == "terminated"


def test_a_paused_agent_still_calls_and_its_issues_wait(company: Company) -> None:
    routine = company.routine()["id"]
    move(company, "pause")
    run = ok(company.board.post(f"/routines/{routine}/run"), 202)
    assert run["status"] == "issue_created"
    assert [each["id"] for each in ok(company.agent.get("/agents/me/inbox-lite"))] == [run["linkedIssueId"]]


def test_a_terminated_agents_routines_are_paused_with_the_reason(company: Company) -> None:
    routine = company.routine(triggers=[{"kind": "schedule", "cronExpression": "0 9 * * *"}])["id"]
    others = company.routine(assigneeAgentId=company.colleague_id)["id"]
    move(company, "terminate")
    shown = ok(company.board.get(f"/routines/{routine}"))
    assert shown["status"] == "paused"
    assert "terminated" in shown["pauseReason"]
    assert shown["triggers"][0]["nextRunAt"] is None
    entries = ok(company.board.get(f"/companies/{company.id}/activity", params={"entityId": routine}))
    assert entries[0]["action"] == "routine.updated"
    assert entries[0]["actorType"] == "system"
    assert ok(company.board.get(f"/routines/{others}"))["status"] == "active"
    error(company.board.patch(f"/routines/{routine}", {"status": "active"}), 409)
    fields = {"assigneeAgentId": company.colleague_id, "status": "active"}
    resumed = ok(company.board.patch(f"/routines/{routine}", fields))
    assert (resumed["status"], resumed["pauseReason"]) == ("active", None)


def test_nothing_is_assigned_to_a_terminated_agent(company: Company) -> None:
    move(company, "terminate", company.colleague_id)
    gone = company.colleague_id
    body = {"title": "New", "assigneeAgentId": gone, "projectId": company.project_id}
    error(company.board.post(f"/companies/{company.id}/routines", body), 409)
    error(company.board.patch(f"/routines/{company.routine()['id']}", {"assigneeAgentId": gone}), 409)
    error(company.board.post(f"/companies/{company.id}/issues", {"title": "New", "assigneeAgentId": gone}), 409)


def test_a_key_is_made_listed_and_revoked(company: Company) -> None:
    path = f"/agents/{company.agent_id}/keys"
    made = ok(company.board.post(path, {"name": "laptop"}), 201)
    assert set(made) == {"id", "name", "token", "createdAt"}
    assert made["name"] == "laptop"
    listed = {each["id"]: each for each in ok(company.board.get(path))}
    assert listed[made["id"]]["name"] == "laptop"
    assert not [each for each in listed.values() if "token" in each]
    assert company.board.delete(f"{path}/{made['id']}").status_code == 204
    error(company.board.delete(f"{path}/{NOBODY}"), 404)
    others = f"/agents/{company.colleague_id}/keys/{made['id']}"
    error(company.board.delete(others), 404)


def test_no_two_tokens_are_alike(company: Company) -> None:
    path = f"/agents/{company.agent_id}/keys"
    tokens = {ok(company.board.post(path), 201)["token"] for _ in range(5)}
    assert len(tokens) == 5
    assert all(token.startswith("pcp_") for token in tokens)


def test_an_agent_sees_itself_with_its_chain_of_command(company: Company) -> None:
    ok(company.board.patch(f"/agents/{company.agent_id}", {"reportsTo": company.colleague_id}))
    myself = ok(company.agent.get("/agents/me"))
    assert (myself["id"], myself["companyId"]) == (company.agent_id, company.id)
    superior = {"id": company.colleague_id, "name": "Bob", "role": "general", "title": None}
    assert myself["chainOfCommand"] == [superior]
    assert ok(company.agent.get(f"/agents/{company.agent_id}")) == myself


def test_the_inbox_holds_what_is_to_be_done_the_most_urgent_first(company: Company) -> None:
    def issue(status: str, priority: str = "medium", assignee: str | None = None) -> str:
        body = {
            "title": f"{status} {priority}",
            "status": status,
            "priority": priority,
            "assigneeAgentId": assignee or company.agent_id,
        }
        return str(ok(company.board.post(f"/companies/{company.id}/issues", body), 201)["id"])

    low = issue("todo", "low")
    first, second = issue("in_progress"), issue("blocked")
    critical = issue("todo", "critical")
    for status in ("backlog", "done", "cancelled"):
        issue(status, "critical")
    issue("todo", "critical", company.colleague_id)
    inbox = ok(company.agent.get("/agents/me/inbox-lite"))
    assert [each["id"] for each in inbox] == [critical, first, second, low]
    fields = {"id", "identifier", "title", "status", "priority", "projectId", "goalId", "parentId", "updatedAt"}
    assert set(inbox[0]) >= {*fields, "activeRun"}


def test_the_inbox_holds_a_routines_issue_until_it_is_closed(company: Company) -> None:
    run = ok(company.board.post(f"/routines/{company.routine()['id']}/run"), 202)
    assert [each["id"] for each in ok(company.agent.get("/agents/me/inbox-lite"))] == [run["linkedIssueId"]]
    assert ok(company.colleague.get("/agents/me/inbox-lite")) == []
    company.close(run["linkedIssueId"])
    assert ok(company.agent.get("/agents/me/inbox-lite")) == []


@pytest.mark.parametrize(
    "body",
    [
        {"name": ""},
        {"name": None},
        {"name": "Eve", "adapterType": "telepathy"},
        {"name": "Eve", "adapterConfig": []},
        {"name": "Eve", "runtimeConfig": "x"},
        {"name": "Eve", "status": "running"},
        {"name": "Eve", "companyId": NOBODY},
    ],
)
def test_a_wrong_field_is_400(company: Company, body: dict[str, Any]) -> None:
    assert error(company.board.post(f"/companies/{company.id}/agents", body), 400) == "Validation error"


def test_a_call_without_a_body_takes_none(company: Company) -> None:
    for verb in ("pause", "resume", "terminate"):
        path = f"/agents/{company.agent_id}/{verb}"
        error(company.board.post(path, {"reason": "because"}), 400)
        ok(company.board.request("POST", path))
