"""What is wrong with a body is named, field by field, and nothing in it is dropped in silence: section 5."""

from __future__ import annotations

from typing import Any

import pytest
from httpx2 import Response

from support.service import Company, error, ok

ROUTINES = "/companies/{0.id}/routines"


def paths_of(reply: Response) -> list[list[str | int]]:
    """The ways to the fields that a reply says are wrong."""
    assert error(reply, 400) == "Validation error"
    details = reply.json()["details"]
    for fault in details:
        assert set(fault) == {"path", "message", "code"}
        assert isinstance(fault["path"], list)
        assert fault["message"]
        assert fault["code"]
    return [fault["path"] for fault in details]


def create(company: Company, **fields: Any) -> Response:
    """Try to create a routine with these fields over good ones."""
    body = {"title": "New", "assigneeAgentId": company.agent_id, "projectId": company.project_id, **fields}
    return company.board.post(f"/companies/{company.id}/routines", body)


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"title": ""}, ["title"]),
        ({"title": "  "}, ["title"]),
        ({"title": "x" * 201}, ["title"]),
        ({"title": 5}, ["title"]),
        ({"title": None}, ["title"]),
        ({"description": 5}, ["description"]),
        ({"priority": "urgent"}, ["priority"]),
        ({"status": "asleep"}, ["status"]),
        ({"concurrencyPolicy": "Coalesce_If_Active"}, ["concurrencyPolicy"]),
        ({"catchUpPolicy": ""}, ["catchUpPolicy"]),
        ({"unheardOf": 1}, ["unheardOf"]),
        ({"project_id": "x"}, ["project_id"]),
        ({"triggers": None}, ["triggers"]),
        ({"triggers": {}}, ["triggers"]),
        ({"triggers": [None]}, ["triggers", 0]),
        ({"triggers": [{}]}, ["triggers", 0, "kind"]),
        ({"triggers": [{"kind": "carrier pigeon"}]}, ["triggers", 0, "kind"]),
        ({"triggers": [{"kind": "api"}, {"kind": "schedule"}]}, ["triggers", 1, "cronExpression"]),
        ({"triggers": [{"kind": "api", "cronExpression": "* * * * *"}]}, ["triggers", 0, "cronExpression"]),
        ({"triggers": [{"kind": "webhook", "schedule": 1}]}, ["triggers", 0, "schedule"]),
    ],
)
def test_a_wrong_field_of_a_routine_is_named(company: Company, fields: dict[str, Any], path: list[str | int]) -> None:
    assert paths_of(create(company, **fields)) == [path]


def test_every_wrong_field_is_named_at_once(company: Company) -> None:
    wrong = paths_of(create(company, title="", priority="urgent", unheardOf=1, another=2))
    assert sorted(map(str, wrong)) == sorted(map(str, [["title"], ["priority"], ["unheardOf"], ["another"]]))


def test_missing_fields_are_named(company: Company) -> None:
    reply = company.board.post(f"/companies/{company.id}/routines", {})
    assert sorted(map(str, paths_of(reply))) == ["['assigneeAgentId']", "['projectId']", "['title']"]


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({}, ["kind"]),
        ({"kind": "carrier pigeon"}, ["kind"]),
        ({"kind": None}, ["kind"]),
        ({"kind": "schedule"}, ["cronExpression"]),
        ({"kind": "schedule", "cronExpression": ""}, ["cronExpression"]),
        ({"kind": "schedule", "cronExpression": 5}, ["cronExpression"]),
        ({"kind": "schedule", "cronExpression": "* * * * *", "timezone": None}, ["timezone"]),
        ({"kind": "schedule", "cronExpression": "* * * * *", "signingMode": "none"}, ["signingMode"]),
        ({"kind": "webhook", "signingMode": "md5"}, ["signingMode"]),
        ({"kind": "webhook", "replayWindowSec": 29}, ["replayWindowSec"]),
        ({"kind": "webhook", "replayWindowSec": 86_401}, ["replayWindowSec"]),
        ({"kind": "webhook", "replayWindowSec": "300"}, ["replayWindowSec"]),
        ({"kind": "webhook", "replayWindowSec": 300.5}, ["replayWindowSec"]),
        ({"kind": "webhook", "replayWindowSec": True}, ["replayWindowSec"]),
        ({"kind": "webhook", "timezone": "UTC"}, ["timezone"]),
        ({"kind": "webhook", "secret": "mine"}, ["secret"]),
        ({"kind": "api", "replayWindowSec": 300}, ["replayWindowSec"]),
        ({"kind": "api", "enabled": "true"}, ["enabled"]),
        ({"kind": "api", "enabled": 1}, ["enabled"]),
        ({"kind": "api", "enabled": None}, ["enabled"]),
        ({"kind": "api", "label": "x" * 121}, ["label"]),
        ({"kind": "api", "label": 5}, ["label"]),
    ],
)
def test_a_wrong_field_of_a_trigger_is_named(company: Company, fields: dict[str, Any], path: list[str]) -> None:
    reply = company.board.post(f"/routines/{company.routine()['id']}/triggers", fields)
    assert paths_of(reply) == [path]


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ({"kind": "api"}, {"cronExpression": "* * * * *"}),
        ({"kind": "api"}, {"signingMode": "none"}),
        ({"kind": "webhook"}, {"timezone": "UTC"}),
        ({"kind": "webhook"}, {"kind": "webhook"}),
        ({"kind": "webhook"}, {"publicId": "chosen"}),
        ({"kind": "schedule", "cronExpression": "0 9 * * *"}, {"replayWindowSec": 300}),
        ({"kind": "schedule", "cronExpression": "0 9 * * *"}, {"nextRunAt": "2030-01-01T00:00:00.000Z"}),
        ({"kind": "schedule", "cronExpression": "0 9 * * *"}, {"kind": "api"}),
    ],
)
def test_a_trigger_changes_no_field_of_another_kind(
    company: Company, kind: dict[str, str], fields: dict[str, Any]
) -> None:
    trigger = company.trigger(company.routine()["id"], **kind)["trigger"]
    reply = company.board.patch(f"/routine-triggers/{trigger['id']}", fields)
    assert paths_of(reply) == [[name] for name in fields]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"source": "webhook"}, ["source"]),
        ({"source": "schedule"}, ["source"]),
        ({"payload": []}, ["payload"]),
        ({"payload": "x"}, ["payload"]),
        ({"idempotencyKey": ""}, ["idempotencyKey"]),
        ({"idempotencyKey": "x" * 256}, ["idempotencyKey"]),
        ({"idempotencyKey": 5}, ["idempotencyKey"]),
        ({"unheardOf": 1}, ["unheardOf"]),
    ],
)
def test_a_wrong_field_of_a_run_is_named(company: Company, body: dict[str, Any], path: list[str]) -> None:
    assert paths_of(company.board.post(f"/routines/{company.routine()['id']}/run", body)) == [path]


@pytest.mark.parametrize("field", ["folderId", "env", "variables", "baseRevisionId"])
def test_a_field_that_only_the_reference_has_may_be_empty(company: Company, field: str) -> None:
    routine = company.routine()["id"]
    empties: tuple[object, ...] = (None, [], {}, "")
    for empty in empties:
        reply = create(company, **{field: empty})
        assert field not in ok(reply, 201)
        ok(company.board.patch(f"/routines/{routine}", {field: empty}))
    for full in ("x", {"A": "1"}, [{"name": "a"}], 0, False):
        assert paths_of(create(company, **{field: full})) == [[field]]
        assert paths_of(company.board.patch(f"/routines/{routine}", {field: full})) == [[field]]


@pytest.mark.parametrize("field", ["variables", "projectId", "executionWorkspaceId"])
def test_a_run_takes_the_references_fields_when_they_are_empty(company: Company, field: str) -> None:
    path = f"/routines/{company.routine()['id']}/run"
    ok(company.board.post(path, {field: None}), 202)
    assert paths_of(company.board.post(path, {field: {"a": "1"}})) == [[field]]


NULLS = {
    "/routines/{routine}": (
        {"description", "goalId", "parentIssueId"},
        {"title", "assigneeAgentId", "projectId", "priority", "status", "concurrencyPolicy", "catchUpPolicy"},
    ),
    "/routine-triggers/{schedule}": ({"label"}, {"enabled", "cronExpression", "timezone"}),
    "/routine-triggers/{webhook}": ({"label"}, {"enabled", "signingMode", "replayWindowSec"}),
    "/companies/{company}": ({"description"}, {"name", "status", "issuePrefix"}),
    "/projects/{project}": ({"description"}, {"name", "status"}),
    "/goals/{goal}": ({"description"}, {"title", "level", "status"}),
    "/agents/{agent}": (set(), {"name", "role", "adapterType", "adapterConfig", "runtimeConfig"}),
    "/issues/{issue}": ({"description"}, {"title", "status", "priority", "comment"}),
}


def test_null_clears_what_may_be_empty_and_is_400_elsewhere(company: Company) -> None:
    board, routine = company.board, company.routine()["id"]
    ids = {
        "routine": routine,
        "company": company.id,
        "project": company.project_id,
        "agent": company.agent_id,
        "schedule": company.trigger(routine, kind="schedule", cronExpression="0 9 * * *")["trigger"]["id"],
        "webhook": company.trigger(routine, kind="webhook", label="Old")["trigger"]["id"],
        "goal": ok(board.post(f"/companies/{company.id}/goals", {"title": "Grow"}), 201)["id"],
        "issue": ok(board.post(f"/companies/{company.id}/issues", {"title": "Fix"}), 201)["id"],
    }
    for path, (clearable, others) in NULLS.items():
        for name in clearable:
            assert ok(board.patch(path.format(**ids), {name: None}))[name] is None
        for name in others:
            assert paths_of(board.patch(path.format(**ids), {name: None})) == [[name]], path


@pytest.mark.parametrize("limit", ["x", "", "1.5", "1e3", "0x10", "\u0661", " 5", "true"])
def test_a_limit_that_is_no_whole_number_is_400(company: Company, limit: str) -> None:
    reply = company.board.get(f"/routines/{company.routine()['id']}/runs", params={"limit": limit})
    assert paths_of(reply) == [["limit"]]


def test_a_limit_out_of_bounds_is_brought_within_them(company: Company) -> None:
    routine = company.routine()["id"]
    for _ in range(3):
        ok(company.board.post(f"/routines/{routine}/run"), 202)
    for limit, count in (("0", 1), ("-5", 1), ("2", 2), ("201", 3), ("9" * 50, 3)):
        assert len(ok(company.board.get(f"/routines/{routine}/runs", params={"limit": limit}))) == count
    for path in (f"/companies/{company.id}/activity", f"/companies/{company.id}/issues"):
        for limit in ("0", "-5", "9" * 50):
            assert len(ok(company.board.get(path, params={"limit": limit}))) >= 1


@pytest.mark.parametrize(
    ("path", "query", "named"),
    [
        (ROUTINES, {"status": "asleep"}, "status"),
        (ROUTINES, {"projectId": "x"}, "projectId"),
        (ROUTINES, {"assigneeAgentId": "me"}, "assigneeAgentId"),
        (ROUTINES, {"unheardOf": "1"}, "unheardOf"),
        ("/companies/{0.id}/issues", {"status": "todo,asleep"}, "status"),
        ("/companies/{0.id}/issues", {"originId": "x"}, "originId"),
        ("/companies/{0.id}/activity", {"unheardOf": "1"}, "unheardOf"),
    ],
)
def test_a_wrong_filter_is_named(company: Company, path: str, query: dict[str, str], named: str) -> None:
    assert paths_of(company.board.get(path.format(company), params=query)) == [[named]]
