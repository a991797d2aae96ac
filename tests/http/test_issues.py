"""Issues, how agents take and leave them, comments, and what a heartbeat reads: section 6 of the contract."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from support.clock import MINUTE
from support.service import NOBODY, Caller, Company, Service, error, ok

FIELDS = {
    "id",
    "companyId",
    "identifier",
    "title",
    "description",
    "status",
    "priority",
    "assigneeAgentId",
    "projectId",
    "goalId",
    "parentId",
    "originKind",
    "originId",
    "originRunId",
    "startedAt",
    "completedAt",
    "createdAt",
    "updatedAt",
}
STATUSES = ("backlog", "todo", "in_progress", "in_review", "blocked", "done", "cancelled")
OPEN, CLOSED = STATUSES[:5], STATUSES[5:]


def new_issue(company: Company, **fields: Any) -> dict[str, Any]:
    """A new issue, assigned to the company's agent unless said otherwise."""
    body = {"title": "Fix", "assigneeAgentId": company.agent_id, **fields}
    made: dict[str, Any] = ok(company.board.post(f"/companies/{company.id}/issues", body), 201)
    return made


def run(company: Company, routine_id: str, **body: Any) -> dict[str, Any]:
    """A manual run."""
    made: dict[str, Any] = ok(company.board.post(f"/routines/{routine_id}/run", body), 202)
    return made


def checkout(caller: Caller, issue_id: str, agent_id: str, *expected: str) -> Any:
    """Try to take an issue."""
    body = {"agentId": agent_id, "expectedStatuses": expected or ("todo",)}
    return caller.post(f"/issues/{issue_id}/checkout", body)


def test_only_a_title_is_required(company: Company) -> None:
    made = ok(company.board.post(f"/companies/{company.id}/issues", {"title": " Fix "}), 201)
    assert set(made) >= FIELDS
    assert (made["title"], made["priority"], made["companyId"]) == ("Fix", "medium", company.id)
    assert made["status"] in OPEN
    assert {made[name] for name in ("assigneeAgentId", "projectId", "goalId", "parentId", "originId")} == {None}
    assert made.items() <= ok(company.board.get(f"/issues/{made['id']}")).items()


def test_an_execution_issue_copies_its_routine(company: Company) -> None:
    goal = ok(company.board.post(f"/companies/{company.id}/goals", {"title": "Grow"}), 201)["id"]
    parent = new_issue(company)["id"]
    routine = company.routine(title="Brief", description="Write it", priority="high", goalId=goal, parentIssueId=parent)
    fired = run(company, routine["id"])
    issue = ok(company.agent.get(f"/issues/{fired['linkedIssueId']}"))
    copied = ("title", "description", "priority", "projectId", "goalId", "assigneeAgentId", "companyId")
    assert {name: issue[name] for name in copied} == {name: routine[name] for name in copied}
    assert (issue["status"], issue["parentId"], issue["identifier"]) == ("todo", parent, "ACME-2")
    assert (issue["originKind"], issue["originId"], issue["originRunId"]) == (
        "routine_execution",
        routine["id"],
        fired["id"],
    )


def test_every_identifier_is_its_own_also_at_once(company: Company) -> None:
    with ThreadPoolExecutor(10) as threads:
        made = list(threads.map(lambda _: new_issue(company)["identifier"], range(20)))
    assert sorted(made) == sorted(f"ACME-{number}" for number in range(1, 21))


def test_issues_are_listed_newest_first_and_filtered(company: Company) -> None:
    routine = company.routine()["id"]
    executed = run(company, routine)["linkedIssueId"]
    blocked = new_issue(company, status="blocked", projectId=company.project_id)["id"]
    others = new_issue(company, assigneeAgentId=company.colleague_id)["id"]

    def listed(**filters: str) -> list[str]:
        return [each["id"] for each in ok(company.agent.get(f"/companies/{company.id}/issues", params=filters))]

    assert listed() == [others, blocked, executed]
    assert listed(status="blocked") == [blocked]
    assert listed(status="todo,blocked") == [others, blocked, executed]
    assert listed(assigneeAgentId=company.colleague_id) == [others]
    assert listed(projectId=company.project_id) == [blocked, executed]
    assert listed(originKind="routine_execution") == [executed]
    assert listed(originId=routine) == [executed]
    assert listed(originId=routine, status="done") == []
    assert listed(assigneeAgentId=NOBODY) == []


@pytest.mark.parametrize("status", STATUSES)
def test_a_move_sets_the_times_that_it_stands_for(service: Service, company: Company, status: str) -> None:
    issue = new_issue(company)["id"]
    service.clock.advance(MINUTE)
    moved = company.close(issue, status)
    now = "2026-03-02T12:01:30.000Z"
    assert moved["status"] == status
    assert moved["startedAt"] == (now if status == "in_progress" else None)
    assert moved["completedAt"] == (now if status in CLOSED else None)
    service.clock.advance(MINUTE)
    assert company.close(issue, "todo")["completedAt"] is None


def test_a_patch_with_a_comment_adds_it(company: Company) -> None:
    issue = new_issue(company)["id"]
    moved = ok(company.agent.patch(f"/issues/{issue}", {"status": "blocked", "comment": "Waiting"}))
    assert moved["status"] == "blocked"
    comments = ok(company.board.get(f"/issues/{issue}/comments"))
    assert [(each["body"], each["authorAgentId"]) for each in comments] == [("Waiting", company.agent_id)]
    ok(company.agent.patch(f"/issues/{issue}", {"comment": "Still waiting"}))
    assert len(ok(company.board.get(f"/issues/{issue}/comments"))) == 2
    error(company.agent.patch(f"/issues/{issue}", {"status": "asleep", "comment": "Lost"}), 400)
    assert len(ok(company.board.get(f"/issues/{issue}/comments"))) == 2


def test_an_issue_is_no_parent_of_itself_not_even_by_a_detour(company: Company) -> None:
    top = new_issue(company)["id"]
    middle = new_issue(company, parentId=top)["id"]
    low = new_issue(company, parentId=middle)["id"]
    for parent in (top, middle, low):
        error(company.board.patch(f"/issues/{top}", {"parentId": parent}), 422)
    assert [each["id"] for each in ok(company.board.get(f"/issues/{low}"))["ancestors"]] == [middle, top]


def test_checking_out_takes_the_issue_into_hand(service: Service, company: Company) -> None:
    issue = new_issue(company)["id"]
    service.clock.advance(MINUTE)
    taken = ok(checkout(company.agent, issue, company.agent_id, "todo", "blocked"))
    assert (taken["id"], taken["status"], taken["assigneeAgentId"]) == (issue, "in_progress", company.agent_id)
    assert taken["startedAt"] == "2026-03-02T12:01:30.000Z"
    assert taken.items() <= ok(company.agent.get(f"/issues/{issue}")).items()


def test_checking_out_again_changes_nothing_for_the_holder(service: Service, company: Company) -> None:
    issue = new_issue(company)["id"]
    taken = ok(checkout(company.agent, issue, company.agent_id))
    entries = ok(company.board.get(f"/companies/{company.id}/activity"))
    service.clock.advance(MINUTE)
    assert ok(checkout(company.agent, issue, company.agent_id)) == taken
    assert ok(checkout(company.agent, issue, company.agent_id, "in_progress")) == taken
    assert ok(company.board.get(f"/companies/{company.id}/activity")) == entries


def test_what_another_agent_holds_is_409_with_who_and_why(company: Company) -> None:
    issue = new_issue(company)["id"]
    ok(checkout(company.agent, issue, company.agent_id))
    refused = checkout(company.board, issue, company.colleague_id, "todo", "in_progress")
    assert error(refused, 409) == "Issue checkout conflict"
    shown = {"issueId": issue, "status": "in_progress", "assigneeAgentId": company.agent_id}
    assert shown.items() <= refused.json()["details"].items()
    error(checkout(company.colleague, issue, company.colleague_id), 403)


@pytest.mark.parametrize("status", ["backlog", "in_review", "blocked", "done", "cancelled"])
def test_an_issue_in_a_status_that_is_not_expected_is_409(company: Company, status: str) -> None:
    issue = new_issue(company, status=status)["id"]
    error(checkout(company.agent, issue, company.agent_id, "todo"), 409)
    assert ok(company.board.get(f"/issues/{issue}"))["status"] == status
    assert ok(checkout(company.agent, issue, company.agent_id, "todo", status))["status"] == "in_progress"


def test_only_one_of_two_agents_takes_an_issue_that_nobody_has(company: Company) -> None:
    issue = new_issue(company, assigneeAgentId=None)["id"]
    agents = [company.agent_id, company.colleague_id] * 5
    with ThreadPoolExecutor(len(agents)) as threads:
        replies = list(threads.map(lambda agent: (agent, checkout(company.board, issue, agent).status_code), agents))
    holder = ok(company.board.get(f"/issues/{issue}"))["assigneeAgentId"]
    assert Counter(replies) == {
        (agent, 200 if agent == holder else 409): 5 for agent in (company.agent_id, company.colleague_id)
    }


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"agentId": NOBODY},
        {"expectedStatuses": ["todo"]},
        {"agentId": NOBODY, "expectedStatuses": []},
        {"agentId": NOBODY, "expectedStatuses": "todo"},
        {"agentId": NOBODY, "expectedStatuses": ["asleep"]},
        {"agentId": NOBODY, "expectedStatuses": [None]},
    ],
)
def test_a_checkout_needs_an_agent_and_statuses(company: Company, body: dict[str, Any]) -> None:
    error(company.board.post(f"/issues/{new_issue(company)['id']}/checkout", body), 400)


def test_released_work_can_be_taken_up_again(company: Company) -> None:
    issue = new_issue(company)["id"]
    ok(checkout(company.agent, issue, company.agent_id))
    assert ok(company.agent.post(f"/issues/{issue}/release"))["status"] == "todo"
    assert ok(checkout(company.board, issue, company.agent_id))["status"] == "in_progress"


def test_an_execution_issue_carries_its_run_along(service: Service, company: Company) -> None:
    routine = company.routine()["id"]
    fired = run(company, routine)
    issue = fired["linkedIssueId"]

    def state() -> tuple[Any, Any, Any]:
        shown = company.runs(routine)[0]
        return shown["status"], shown["completedAt"], shown["failureReason"]

    for status in ("in_progress", "blocked", "in_review", "todo"):
        company.close(issue, status)
        assert state() == ("issue_created", None, None)
    service.clock.advance(MINUTE)
    company.close(issue, "done")
    assert state() == ("completed", "2026-03-02T12:01:30.000Z", None)
    company.close(issue, "in_progress")
    assert state() == ("issue_created", None, None)
    company.close(issue, "cancelled")
    status, completed_at, reason = state()
    assert (status, completed_at) == ("failed", "2026-03-02T12:01:30.000Z")
    assert "cancelled" in reason
    company.close(issue, "todo")
    assert state() == ("issue_created", None, None)


def test_comments_are_added_and_listed_newest_first(company: Company) -> None:
    issue = new_issue(company)["id"]
    path = f"/issues/{issue}/comments"
    first = ok(company.agent.post(path, {"body": "One"}), 201)
    second = ok(company.colleague.post(path, {"body": "Two"}), 201)
    third = ok(company.board.post(path, {"body": "Three"}), 201)
    assert [(each["authorAgentId"], each["authorUserId"]) for each in (first, second, third)] == [
        (company.agent_id, None),
        (company.colleague_id, None),
        (None, "local-board"),
    ]
    assert {first[name] for name in ("issueId", "companyId")} == {issue, company.id}
    assert ok(company.agent.get(path)) == [third, second, first]
    assert ok(company.agent.get(path, params={"order": "asc"})) == [first, second, third]
    assert ok(company.agent.get(path, params={"after": first["id"], "order": "asc"})) == [second, third]
    assert ok(company.agent.get(path, params={"limit": "1"})) == [third]


@pytest.mark.parametrize("body", [{}, {"body": ""}, {"body": None}, {"body": 5}, {"body": "x", "unheardOf": 1}])
def test_a_comment_says_something(company: Company, body: dict[str, Any]) -> None:
    error(company.board.post(f"/issues/{new_issue(company)['id']}/comments", body), 400)


def test_every_payload_is_in_the_agents_sight(company: Company) -> None:
    routine = company.routine()["id"]
    made = [run(company, routine, payload={"n": number}) for number in range(3)]
    issue = made[0]["linkedIssueId"]
    shown = ok(company.agent.get(f"/issues/{issue}"))["routineRuns"]
    fields = ("id", "status", "source", "triggeredAt", "triggerPayload")
    expected = [{name: each[name] for name in fields} for each in made]
    assert sorted(shown, key=lambda each: each["triggerPayload"]["n"]) == expected
    assert [each["status"] for each in expected] == ["issue_created", "coalesced", "coalesced"]
    assert ok(company.agent.get(f"/issues/{issue}/heartbeat-context"))["routineRuns"] == shown


def test_heartbeat_context_is_all_that_an_agent_needs(company: Company) -> None:
    goal = ok(company.board.post(f"/companies/{company.id}/goals", {"title": "Grow"}), 201)
    parent = new_issue(company, title="Above")
    routine = company.routine(goalId=goal["id"], parentIssueId=parent["id"])
    issue = run(company, routine["id"])["linkedIssueId"]
    comment = ok(company.board.post(f"/issues/{issue}/comments", {"body": "Mind this"}), 201)
    context = ok(company.agent.get(f"/issues/{issue}/heartbeat-context"))
    assert context["issue"]["id"] == issue
    assert [each["identifier"] for each in context["ancestors"]] == [parent["identifier"]]
    assert context["project"]["id"] == company.project_id
    assert context["goal"]["id"] == goal["id"]
    assert [each["body"] for each in context["comments"]] == ["Mind this"]
    assert context["commentCursor"] == {
        "totalComments": 1,
        "latestCommentId": comment["id"],
        "latestCommentAt": comment["createdAt"],
    }


def test_the_issues_of_a_deleted_routine_stay_readable(company: Company) -> None:
    routine = company.routine()["id"]
    issue = run(company, routine, payload={"n": 1})["linkedIssueId"]
    error(company.board.delete(f"/routines/{routine}"), 409)
    assert company.board.delete(f"/routines/{routine}?force=true").status_code == 204
    shown = ok(company.agent.get(f"/issues/{issue}"))
    assert shown["routineRuns"][0]["triggerPayload"] == {"n": 1}
    assert ok(company.agent.get("/agents/me/inbox-lite"))[0]["id"] == issue
    ok(checkout(company.agent, issue, company.agent_id))
    company.close(issue)


@pytest.mark.parametrize("path", ["", "/comments", "/heartbeat-context"])
def test_an_unknown_issue_is_404(board: Caller, path: str) -> None:
    for identity in (NOBODY, "x", "%00"):
        error(board.get(f"/issues/{identity}{path}"), 404)
