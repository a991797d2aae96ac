"""Every refusal in its words, and which one comes first where several apply: section 5 of the contract."""

from __future__ import annotations

from typing import Any

import pytest
from httpx2 import Response

from support.service import NOBODY, Caller, Company, Service, error, ok

MEBIBYTE = 1024 * 1024
BAD_CRON = {"kind": "schedule", "cronExpression": "61 * * * *"}
MALFORMED = {
    "nothing closed": b'{"title":',
    "no JSON at all": b"title=x",
    "two documents": b"{}{}",
    "single quotes": b"{'title':1}",
    "NaN": b'{"title":NaN}',
    "Infinity": b'{"title":-Infinity}',
    "an overflowing number": b'{"title":1e400}',
    "half a surrogate pair": b'{"title":"\\ud800"}',
    "NUL": b'{"title":"\\u0000"}',
    "Latin-1": b'{"title":"\xfc"}',
    "UTF-16": '{"title":"x"}'.encode("utf-16"),
    "deep nesting": b'{"title":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a huge integer": b'{"title":' + b"9" * 10_000 + b"}",
}
NO_OBJECTS = {"an array": b"[]", "a text": b'"x"', "a number": b"1", "null": b"null", "true": b"true"}


def routine_body(company: Company, **fields: Any) -> dict[str, Any]:
    """A body that creates a routine, with these fields over it."""
    return {"title": "New", "assigneeAgentId": company.agent_id, "projectId": company.project_id, **fields}


def create_routine(caller: Caller, company: Company, **fields: Any) -> Response:
    """Try to create a routine."""
    return caller.post(f"/companies/{company.id}/routines", routine_body(company, **fields))


def send(caller: Caller, path: str, raw: bytes, method: str = "POST") -> Response:
    """Send raw bytes as JSON."""
    return caller.request(method, path, content=raw, headers={"Content-Type": "application/json"})


def test_every_refusal_is_a_sentence(service: Service, company: Company) -> None:
    routine = company.routine()["id"]
    other = service.company("Rival")
    ok(company.board.patch(f"/routines/{routine}", {"status": "archived"}))
    refusals = {
        400: company.board.post("/companies", {}),
        401: service.as_agent("nonsense").get("/companies"),
        403: company.colleague.patch(f"/agents/{company.agent_id}", {}),
        404: company.board.get(f"/routines/{NOBODY}"),
        405: company.board.request("PUT", "/companies"),
        409: company.board.patch(f"/routines/{routine}", {"title": "Renamed"}),
        413: company.board.request("POST", "/companies", content=b" " * (MEBIBYTE + 1)),
        415: company.board.request("POST", "/companies", content=b"{}", headers={"Content-Type": "text/plain"}),
        422: create_routine(company.board, company, projectId=other.project_id),
    }
    for status, reply in refusals.items():
        assert error(reply, status)
        assert set(reply.json()) <= {"error", "details"}
        assert reply.headers["Content-Type"] == "application/json"


def test_the_sentences_that_the_contract_fixes(service: Service, company: Company) -> None:
    routine = company.routine()["id"]
    ok(company.board.patch(f"/routines/{routine}", {"status": "archived"}))
    assert error(company.board.post("/companies", {}), 400) == "Validation error"
    assert error(service.as_agent("nonsense").get("/companies"), 401) == "Unauthorized"
    assert error(company.board.patch(f"/routines/{routine}", {"title": "New"}), 409) == "Routine is archived"


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_malformed_json_is_400(company: Company, body: bytes) -> None:
    for method, path in (
        ("POST", f"/companies/{company.id}/routines"),
        ("POST", f"/routines/{company.routine()['id']}/run"),
        ("PATCH", f"/projects/{company.project_id}"),
        ("POST", f"/agents/{company.agent_id}/pause"),
    ):
        assert "JSON" in error(send(company.board, path, body, method), 400)


@pytest.mark.parametrize("body", NO_OBJECTS.values(), ids=NO_OBJECTS)
def test_json_that_is_no_object_is_400(company: Company, body: bytes) -> None:
    error(send(company.board, f"/companies/{company.id}/issues", body), 400)
    error(send(company.board, f"/routines/{company.routine()['id']}/run", body), 400)


ROUTES_WITH_BODIES = (
    ("POST", "/companies"),
    ("PATCH", "/companies/{0.id}"),
    ("POST", "/companies/{0.id}/agents"),
    ("PATCH", "/agents/{0.agent_id}"),
    ("POST", "/agents/{0.agent_id}/keys"),
    ("POST", "/agents/{0.agent_id}/pause"),
    ("POST", "/companies/{0.id}/projects"),
    ("POST", "/companies/{0.id}/goals"),
    ("POST", "/companies/{0.id}/issues"),
    ("POST", "/companies/{0.id}/routines"),
    ("GET", "/companies/{0.id}/routines"),
    ("GET", "/agents/me"),
    ("GET", "/health"),
    ("DELETE", "/routines/{0.id}"),
    ("DELETE", "/routine-triggers/{0.id}"),
    ("POST", "/routines/{0.id}/run"),
    ("POST", "/routines/{0.id}/triggers"),
    ("POST", "/routine-triggers/public/{0.id}/fire"),
)


@pytest.mark.parametrize(("method", "path"), ROUTES_WITH_BODIES)
def test_a_body_over_a_mebibyte_is_413_on_every_route(company: Company, method: str, path: str) -> None:
    too_large = b'{"name":"' + b"x" * MEBIBYTE + b'"}'
    announced = company.board.request(method, path.format(company), content=too_large)
    in_chunks = company.board.request(method, path.format(company), content=iter([too_large[:1000], too_large[1000:]]))
    misannounced = company.board.request(
        method, path.format(company), content=iter([too_large]), headers={"Content-Length": "10"}
    )
    for reply in (announced, in_chunks, misannounced):
        assert error(reply, 413)


def test_a_body_of_a_mebibyte_is_read(company: Company) -> None:
    beginning, end = b'{"payload":{"a":"', b'"}}'
    body = beginning + b"x" * (MEBIBYTE - len(beginning) - len(end)) + end
    assert len(body) == MEBIBYTE
    assert send(company.board, f"/routines/{company.routine()['id']}/run", body).status_code == 202


def test_what_cannot_be_is_422(company: Company) -> None:
    routine = company.routine()["id"]
    for fields in (
        {"cronExpression": "61 * * * *"},
        {"cronExpression": "0 0 31 2 *"},
        {"cronExpression": "@reboot"},
        {"cronExpression": "0 9 * * *", "timezone": "Mars/Olympus"},
    ):
        body = {"kind": "schedule", **fields}
        assert error(company.board.post(f"/routines/{routine}/triggers", body), 422)
        assert error(create_routine(company.board, company, triggers=[body]), 422)


REFERENCES = (
    ("POST", "/companies/{0.id}/routines", "assigneeAgentId", "agent_id"),
    ("POST", "/companies/{0.id}/routines", "projectId", "project_id"),
    ("POST", "/companies/{0.id}/routines", "goalId", "goal"),
    ("POST", "/companies/{0.id}/routines", "parentIssueId", "issue"),
    ("PATCH", "/routines/{1}", "assigneeAgentId", "agent_id"),
    ("PATCH", "/routines/{1}", "projectId", "project_id"),
    ("PATCH", "/routines/{1}", "goalId", "goal"),
    ("PATCH", "/routines/{1}", "parentIssueId", "issue"),
    ("POST", "/companies/{0.id}/issues", "assigneeAgentId", "agent_id"),
    ("POST", "/companies/{0.id}/issues", "projectId", "project_id"),
    ("POST", "/companies/{0.id}/issues", "goalId", "goal"),
    ("POST", "/companies/{0.id}/issues", "parentId", "issue"),
    ("POST", "/companies/{0.id}/agents", "reportsTo", "agent_id"),
    ("PATCH", "/agents/{0.agent_id}", "reportsTo", "agent_id"),
    ("POST", "/issues/{2}/checkout", "agentId", "agent_id"),
)
NO_UUIDS: tuple[object, ...] = (
    "x",
    "",
    "0" * 32,
    "----" + "0" * 32,
    "{" + "0" * 34 + "}",
    "\u0660" * 8 + NOBODY[8:],
    NOBODY + "0",
    7,
    [],
)


@pytest.mark.parametrize(("method", "path", "field", "kind"), REFERENCES)
def test_a_reference_is_400_malformed_404_unknown_422_anothers(
    service: Service, company: Company, method: str, path: str, field: str, kind: str
) -> None:
    rival = service.company("Rival")
    foreign = {
        "agent_id": rival.agent_id,
        "project_id": rival.project_id,
        "goal": ok(rival.board.post(f"/companies/{rival.id}/goals", {"title": "Grow"}), 201)["id"],
        "issue": ok(rival.board.post(f"/companies/{rival.id}/issues", {"title": "Theirs"}), 201)["id"],
    }[kind]
    issue = ok(company.board.post(f"/companies/{company.id}/issues", {"title": "Ours"}), 201)["id"]
    where = path.format(company, company.routine()["id"], issue)
    complete = {
        "routines": routine_body(company),
        "issues": {"title": "New"},
        "agents": {"name": "Eve"},
        "checkout": {"expectedStatuses": ["todo"]},
    }
    body = complete.get(where.rpartition("/")[2], {})
    for value in NO_UUIDS:
        refused = company.board.request(method, where, json={**body, field: value})
        assert error(refused, 400) == "Validation error", value
        assert [fault["path"] for fault in refused.json()["details"]] == [[field]]
    error(company.board.request(method, where, json={**body, field: NOBODY}), 404)
    error(company.board.request(method, where, json={**body, field: foreign}), 422)


def test_an_id_is_taken_in_either_case(company: Company) -> None:
    assert ok(create_routine(company.board, company, projectId=company.project_id.upper()), 201)
    assert ok(company.board.get(f"/projects/{company.project_id.upper()}"))["id"] == company.project_id


def test_errors_come_in_the_contracts_order(service: Service, company: Company) -> None:
    """Each call has one fault fewer than the one before, and is refused for the first that is left."""
    rival = service.company("Rival")
    terminated, _ = service.hire(company.id, "Gone")
    ok(company.board.post(f"/agents/{terminated}/terminate"))
    own, other = f"/companies/{company.id}/routines", f"/companies/{rival.id}/routines"
    agent, stranger = company.agent, service.as_agent("nonsense")
    plain = {"Content-Type": "text/plain"}
    large = b"x" * (MEBIBYTE + 1)
    others = routine_body(company, assigneeAgentId=company.colleague_id, projectId=NOBODY)
    mine = routine_body(company, projectId=NOBODY)
    impossible = routine_body(company, assigneeAgentId=terminated, triggers=[BAD_CRON])
    answers = [
        stranger.request("POST", other, content=large, headers=plain),
        agent.request("POST", other, content=large, headers=plain),
        agent.request("POST", other, content=b"x", headers=plain),
        agent.request("PATCH", f"/agents/{company.agent_id}", content=b"x", headers=plain),
        agent.request("POST", own, content=b"x", headers=plain),
        agent.post(own, {**others, "title": ""}),
        agent.post(own, others),
        agent.post(own, mine),
        company.board.post(own, {**impossible, "projectId": rival.project_id}),
        company.board.post(own, impossible),
        company.board.post(own, {**impossible, "triggers": []}),
    ]
    assert [reply.status_code for reply in answers] == [401, 413, 403, 403, 415, 400, 403, 404, 422, 422, 409]


def test_what_is_unknown_is_told_before_what_is_wrong_with_the_body(company: Company) -> None:
    for method, path in (
        ("PATCH", f"/routines/{NOBODY}"),
        ("POST", f"/routines/{NOBODY}/run"),
        ("POST", f"/routines/{NOBODY}/triggers"),
        ("PATCH", f"/routine-triggers/{NOBODY}"),
        ("PATCH", "/issues/malformed"),
        ("POST", f"/issues/{NOBODY}/checkout"),
        ("POST", f"/companies/{NOBODY}/routines"),
    ):
        error(send(company.board, path, b"{", method), 404)


def test_an_archived_routine_is_told_after_what_is_wrong_with_the_body(company: Company) -> None:
    routine = company.routine()["id"]
    trigger = company.trigger(routine, kind="api")["trigger"]["id"]
    ok(company.board.patch(f"/routines/{routine}", {"status": "archived"}))
    board = company.board
    error(board.patch(f"/routines/{routine}", {"title": 1}), 400)
    error(board.patch(f"/routines/{routine}", {"projectId": NOBODY}), 404)
    error(board.patch(f"/routines/{routine}", {"title": "Renamed"}), 409)
    error(board.post(f"/routines/{routine}/triggers", BAD_CRON), 422)
    error(board.post(f"/routines/{routine}/triggers", {"kind": "api"}), 409)
    error(board.patch(f"/routine-triggers/{trigger}", {"enabled": "no"}), 400)
    error(board.patch(f"/routine-triggers/{trigger}", {"enabled": False}), 409)
    error(board.post(f"/routine-triggers/{trigger}/rotate-secret"), 422)
    error(board.delete(f"/routine-triggers/{trigger}"), 409)
    error(board.post(f"/routines/{routine}/run", {"triggerId": NOBODY}), 404)
    error(board.post(f"/routines/{routine}/run"), 409)


def test_a_refused_create_leaves_nothing_behind(company: Company) -> None:
    before = ok(company.board.get(f"/companies/{company.id}/activity"))
    good = {"kind": "webhook"}
    for triggers in ([good, BAD_CRON], [good, {"kind": "carrier pigeon"}], [good, {**good, "replayWindowSec": 29}]):
        assert create_routine(company.board, company, triggers=triggers).status_code in {400, 422}
    assert ok(company.board.get(f"/companies/{company.id}/routines")) == []
    assert ok(company.board.get(f"/companies/{company.id}/activity")) == before


def test_a_refused_patch_changes_nothing(company: Company) -> None:
    routine = company.routine()
    trigger = company.trigger(routine["id"], kind="schedule", cronExpression="0 9 * * *")["trigger"]
    board = company.board
    before = ok(board.get(f"/routines/{routine['id']}"))
    error(board.patch(f"/routines/{routine['id']}", {"title": "Renamed", "projectId": NOBODY}), 404)
    error(board.patch(f"/routines/{routine['id']}", {"title": "Renamed", "status": "asleep"}), 400)
    error(board.patch(f"/routine-triggers/{trigger['id']}", {"label": "Renamed", "cronExpression": "61 * * * *"}), 422)
    error(board.patch(f"/routine-triggers/{trigger['id']}", {"label": "Renamed", "signingMode": "none"}), 400)
    assert ok(board.get(f"/routines/{routine['id']}")) == before


def test_a_patch_of_nothing_changes_nothing(company: Company) -> None:
    routine = company.routine()
    trigger = company.trigger(routine["id"], kind="api")["trigger"]
    before = ok(company.board.get(f"/companies/{company.id}/activity"))
    for path in (f"/routines/{routine['id']}", f"/routine-triggers/{trigger['id']}", f"/companies/{company.id}"):
        shown = ok(company.board.patch(path, {}))
        assert shown["updatedAt"] == shown["createdAt"]
    assert ok(company.board.get(f"/companies/{company.id}/activity")) == before
