"""Who may do what: every call by the board, the owner agent, a colleague, an outsider and nobody (section 4)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from routines.core.access import AuthMode
from support.service import NOBODY, Caller, Company, Place, Service, error, ok
from support.subscribing import subscribed


@dataclass(frozen=True)
class Row:
    """One call, and the status that each caller gets; nobody and a bad token always get 401.

    `owner` is the agent to whom the routine and the issue are assigned, `colleague` another of its company, `outsider`
    one of another company.
    """

    method: str
    path: str
    board: int
    owner: int
    colleague: int
    outsider: int
    body: dict[str, Any] | None = None

    def status_for(self, caller: str) -> int:
        """The status that this caller gets."""
        return int(getattr(self, caller, 401))


def of_company(method: str, path: str, board: int, owner: int, body: dict[str, Any] | None = None) -> Row:
    """A call below a company's path, which is 403 for other companies' agents and alike for its own."""
    return Row(method, f"/companies/{{company}}{path}", board, owner, owner, 403, body)


def of_anything(method: str, path: str, board: int, owner: int, body: dict[str, Any] | None = None) -> Row:
    """A call of something by id, which does not exist for other companies' agents and is alike for its own."""
    return Row(method, path, board, owner, owner, 404, body)


def of_owner(method: str, path: str, status: int, body: dict[str, Any] | None = None) -> Row:
    """A call that is only for the board and the agent to whom the thing is assigned."""
    return Row(method, path, status, status, 403, 404, body)


SCHEDULE = {"kind": "schedule", "cronExpression": "0 9 * * *"}
ROUTINE = {"title": "Mine", "assigneeAgentId": "{agent}", "projectId": "{project}"}
SUBSCRIPTION = {"channel": "webhook", "target": "https://ops.example.com/hook", "events": ["run.failed"]}
CHECKOUT = {"agentId": "{agent}", "expectedStatuses": ["todo"]}
TABLE = (
    # Routines, triggers and runs
    of_company("GET", "/routines", 200, 200),
    Row("POST", "/companies/{company}/routines", 201, 201, 403, 403, ROUTINE),
    of_anything("GET", "/routines/{routine}", 200, 200),
    of_owner("PATCH", "/routines/{routine}", 200, {"title": "Renamed"}),
    of_owner("POST", "/routines/{routine}/triggers", 201, SCHEDULE),
    of_owner("PATCH", "/routine-triggers/{trigger}", 200, {"label": "Renamed"}),
    of_owner("POST", "/routine-triggers/{trigger}/rotate-secret", 200, {}),
    of_anything("GET", "/routine-triggers/{trigger}/deliveries", 200, 200),
    of_owner("POST", "/routines/{routine}/run", 202, {}),
    of_anything("GET", "/routines/{routine}/runs", 200, 200),
    of_anything("GET", "/routines/{routine}/runs/{run}", 200, 200),
    # What comes next, and what became of it
    Row("POST", "/cron/explain", 200, 200, 200, 200, {"cronExpression": "0 9 * * *"}),
    of_company("GET", "/upcoming", 200, 200),
    of_anything("GET", "/routines/{routine}/health", 200, 200),
    # Companies
    Row("GET", "/companies", 200, 200, 200, 200),
    Row("POST", "/companies", 201, 403, 403, 403, {"name": "New"}),
    of_company("GET", "", 200, 200),
    of_company("PATCH", "", 200, 403, {"name": "Renamed"}),
    of_company("GET", "/activity", 200, 200),
    # Agents and keys
    of_company("GET", "/agents", 200, 200),
    of_company("POST", "/agents", 201, 403, {"name": "Eve"}),
    Row("GET", "/agents/me", 403, 200, 200, 200),
    Row("GET", "/agents/me/inbox-lite", 403, 200, 200, 200),
    of_anything("GET", "/agents/{agent}", 200, 200),
    of_anything("PATCH", "/agents/{agent}", 200, 403, {"name": "Renamed"}),
    of_anything("POST", "/agents/{agent}/pause", 200, 403, {}),
    of_anything("POST", "/agents/{agent}/resume", 200, 403, {}),
    of_anything("GET", "/agents/{agent}/keys", 200, 200),
    of_anything("POST", "/agents/{agent}/keys", 201, 403, {}),
    # Notifications
    of_company("GET", "/notification-subscriptions", 200, 403),
    of_company("POST", "/notification-subscriptions", 201, 403, SUBSCRIPTION),
    of_anything("GET", "/notification-subscriptions/{subscription}", 200, 403),
    of_anything("PATCH", "/notification-subscriptions/{subscription}", 200, 403, {"name": "Renamed"}),
    of_anything("POST", "/notification-subscriptions/{subscription}/rotate-secret", 200, 403, {}),
    of_anything("POST", "/notification-subscriptions/{subscription}/test", 202, 403, {}),
    of_anything("GET", "/notification-subscriptions/{subscription}/deliveries", 200, 403),
    of_anything("POST", "/notification-deliveries/{notification}/resend", 202, 403, {}),
    # Projects and goals
    of_company("GET", "/projects", 200, 200),
    of_company("POST", "/projects", 201, 403, {"name": "New"}),
    of_anything("GET", "/projects/{project}", 200, 200),
    of_anything("PATCH", "/projects/{project}", 200, 403, {"name": "Renamed"}),
    of_company("GET", "/goals", 200, 200),
    of_company("POST", "/goals", 201, 403, {"title": "New"}),
    of_anything("GET", "/goals/{goal}", 200, 200),
    of_anything("PATCH", "/goals/{goal}", 200, 403, {"title": "Renamed"}),
    # Heartbeats
    of_owner("POST", "/agents/{agent}/heartbeat/invoke", 202, {}),
    of_company("GET", "/heartbeat-runs", 200, 200),
    of_anything("GET", "/heartbeat-runs/{heartbeat}", 200, 200),
    of_anything("GET", "/heartbeat-runs/{heartbeat}/log", 200, 200),
    of_anything("POST", "/heartbeat-runs/{heartbeat}/complete", 403, 403, {"status": "succeeded"}),
    of_anything("POST", "/heartbeat-runs/{heartbeat}/cancel", 200, 403, {}),
    # Issues
    of_company("GET", "/issues", 200, 200),
    of_company("POST", "/issues", 201, 201, {"title": "New"}),
    of_anything("GET", "/issues/{issue}", 200, 200),
    of_owner("POST", "/issues/{issue}/checkout", 200, CHECKOUT),
    of_owner("PATCH", "/issues/{issue}", 200, {"status": "blocked"}),
    of_anything("GET", "/issues/{issue}/comments", 200, 200),
    of_anything("POST", "/issues/{issue}/comments", 201, 201, {"body": "Hello"}),
    of_anything("GET", "/issues/{issue}/heartbeat-context", 200, 200),
    # What ends something stands last, so that one world serves all rows in turn
    of_owner("POST", "/issues/{issue}/release", 200, {}),
    of_owner("DELETE", "/routine-triggers/{trigger}", 204),
    of_owner("DELETE", "/routines/{routine}?force=true", 204),
    of_anything("DELETE", "/agents/{agent}/keys/{key}", 204, 403),
    of_anything("DELETE", "/notification-subscriptions/{subscription}", 204, 403),
    of_anything("POST", "/agents/{agent}/terminate", 200, 403, {}),
)
OTHER_CALLS = {"GET /health", "GET /health/ready", "POST /routine-triggers/public/{}/fire", "GET /companies/{}/events"}
"""The calls that stand in no table: one is open to everybody, one owns its authentication, and one has no end, which
`test_events` opens as every caller."""


@dataclass(frozen=True)
class World:
    """A company with one of everything, and a caller of every kind."""

    callers: dict[str, Caller]
    ids: dict[str, str]

    def request(self, row: Row, caller: str) -> int:
        """Make a row's call and return its status."""
        reply = self.callers[caller].request(row.method, row.path.format(**self.ids), json=filled(row.body, self.ids))
        return int(reply.status_code)


def filled(body: dict[str, Any] | None, ids: dict[str, str]) -> dict[str, Any] | None:
    """A body with the ids that its texts name."""
    if body is None:
        return None
    return {name: value.format(**ids) if isinstance(value, str) else value for name, value in body.items()}


def world_of(service: Service) -> World:
    """One of everything on a service."""
    company, other = service.company("Acme"), service.company("Rival")
    board = company.board
    routine = company.routine()["id"]
    run = ok(board.post(f"/routines/{routine}/run"), 202)
    hearing = subscribed(company, "https://ops.example.com/hook")["subscription"]["id"]
    ids = {
        "company": company.id,
        "agent": company.agent_id,
        "project": company.project_id,
        "routine": routine,
        "trigger": company.trigger(routine, kind="webhook")["trigger"]["id"],
        "run": run["id"],
        "issue": run["linkedIssueId"],
        "goal": ok(board.post(f"/companies/{company.id}/goals", {"title": "Grow"}), 201)["id"],
        "heartbeat": ok(board.get(f"/companies/{company.id}/heartbeat-runs"))[0]["id"],
        "subscription": hearing,
        "notification": ok(board.post(f"/notification-subscriptions/{hearing}/test"), 202)["id"],
        "key": ok(board.post(f"/agents/{company.agent_id}/keys"), 201)["id"],
    }
    callers = {
        "board": board,
        "owner": company.agent,
        "colleague": company.colleague,
        "outsider": other.agent,
        "bad token": service.as_agent("pcp_" + "0" * 48),
        "nobody": Caller(service.client),
    }
    return World(callers, ids)


@pytest.fixture(params=AuthMode)
def world(request: pytest.FixtureRequest, place: Place) -> Iterator[World]:
    service = Service(place, auth=request.param)
    made = world_of(service)
    if service.server.settings.auth is AuthMode.LOCAL_TRUSTED:
        del made.callers["nobody"]  # without a token, that is the board
    yield made
    service.close()


def test_each_call_is_shut_to_whom_the_contract_shuts_it(world: World) -> None:
    refused = [(caller, row) for caller in world.callers for row in TABLE if row.status_for(caller) >= 400]
    answered = {(caller, row.method, row.path): world.request(row, caller) for caller, row in refused}
    assert answered == {(caller, row.method, row.path): row.status_for(caller) for caller, row in refused}


@pytest.mark.parametrize("caller", ["board", "owner", "colleague", "outsider"])
def test_each_call_is_open_to_whom_the_contract_opens_it(world: World, caller: str) -> None:
    granted = [row for row in TABLE if row.status_for(caller) < 400]
    answered = {(row.method, row.path): world.request(row, caller) for row in granted}
    assert answered == {(row.method, row.path): row.status_for(caller) for row in granted}


def test_every_call_of_the_api_stands_in_the_table(service: Service) -> None:
    def nameless(method: str, path: str) -> str:
        return f"{method} {re.sub(r'{.*?}', '{}', path.partition('?')[0])}"

    described = service.client.get("/openapi.json").json()["paths"]
    calls = {
        nameless(method.upper(), path.removeprefix("/api"))
        for path, methods in described.items()
        if path.startswith("/api/")
        for method in methods
    }
    assert calls - OTHER_CALLS == {nameless(row.method, row.path) for row in TABLE}


def test_what_is_another_companys_reads_like_what_is_unknown_or_malformed(service: Service) -> None:
    world = world_of(service)
    outsider = world.callers["outsider"]
    for row in TABLE:
        if row.outsider == 404:
            kind = re.search(r"{(\w+)}", row.path)
            assert kind is not None
            body = filled(row.body, world.ids)
            answers = {
                outsider.request(row.method, row.path.format(**{**world.ids, kind[1]: identity}), json=body).text
                for identity in (world.ids[kind[1]], NOBODY, "x", "0" * 32, "%00", "%F0%9F%98%80")
            }
            assert len(answers) == 1, (row, answers)


@pytest.mark.parametrize("company_id", [NOBODY, "x", "{rival}"])
def test_an_agent_names_no_company_but_its_own(service: Service, company: Company, company_id: str) -> None:
    path = company_id.format(rival=service.company("Rival").id)
    for row in TABLE:
        if row.path.startswith("/companies/{company}"):
            error(company.agent.request(row.method, row.path.format(company=path)), 403)


@pytest.mark.parametrize("company_id", [NOBODY, "x", "%00"])
def test_for_the_board_an_unknown_company_is_404(board: Caller, company_id: str) -> None:
    for row in TABLE:
        if row.path.startswith("/companies/{company}"):
            error(board.request(row.method, row.path.format(company=company_id)), 404)


def test_an_agent_lists_its_own_company_alone(service: Service, company: Company) -> None:
    rival = service.company("Rival")
    assert [each["id"] for each in ok(company.agent.get("/companies"))] == [company.id]
    assert {each["id"] for each in ok(company.board.get("/companies"))} == {company.id, rival.id}


def test_an_agent_assigns_a_routine_to_no_agent_but_itself(company: Company) -> None:
    routine = company.routine()["id"]
    fields = {"title": "Theirs", "assigneeAgentId": company.colleague_id, "projectId": company.project_id}
    error(company.agent.post(f"/companies/{company.id}/routines", fields), 403)
    error(company.agent.patch(f"/routines/{routine}", {"assigneeAgentId": company.colleague_id}), 403)
    error(company.agent.post(f"/routines/{routine}/run", {"assigneeAgentId": company.colleague_id}), 403)
    error(company.board.post(f"/routines/{routine}/run", {"assigneeAgentId": company.colleague_id}), 403)
    assert company.runs(routine) == []
    ok(company.agent.post(f"/routines/{routine}/run", {"assigneeAgentId": company.agent_id}), 202)
    reassigned = ok(company.board.patch(f"/routines/{routine}", {"assigneeAgentId": company.colleague_id}))
    assert reassigned["assigneeAgentId"] == company.colleague_id
    error(company.agent.patch(f"/routines/{routine}", {"title": "Mine again"}), 403)
    ok(company.colleague.patch(f"/routines/{routine}", {"title": "Mine now"}))


def test_an_agent_checks_out_as_nobody_but_itself(company: Company) -> None:
    issue = ok(company.board.post(f"/routines/{company.routine()['id']}/run"), 202)["linkedIssueId"]
    body = {"agentId": company.colleague_id, "expectedStatuses": ["todo"]}
    error(company.agent.post(f"/issues/{issue}/checkout", body), 403)


def test_a_revoked_key_and_a_terminated_agents_key_are_401(service: Service, company: Company) -> None:
    key = ok(company.board.post(f"/agents/{company.agent_id}/keys"), 201)
    second = service.as_agent(key["token"])
    ok(second.get("/agents/me"))
    assert company.board.delete(f"/agents/{company.agent_id}/keys/{key['id']}").status_code == 204
    error(second.get("/agents/me"), 401)
    ok(company.agent.get("/agents/me"))
    ok(company.board.post(f"/agents/{company.agent_id}/terminate"))
    error(company.agent.get("/agents/me"), 401)


def test_a_key_is_shown_once_and_stored_hashed(place: Place) -> None:
    service = Service(place)
    company = service.company()
    token = company.agent.token or ""
    listed = company.board.get(f"/agents/{company.agent_id}/keys")
    assert set(ok(listed)[0]) >= {"id", "name", "createdAt"}
    assert "token" not in ok(listed)[0]
    assert token.startswith("pcp_")
    assert token not in listed.text
    assert not [each for each in service.kept() if token.encode() in each]
    service.close()


def test_no_reply_shows_an_agents_configuration_to_another_agent(company: Company) -> None:
    secret = {"env": {"API_TOKEN": "hunter2"}}
    ok(company.board.patch(f"/agents/{company.agent_id}", {"adapterConfig": secret, "runtimeConfig": secret}))
    routine = company.routine()["id"]
    issue = ok(company.board.post(f"/routines/{routine}/run"), 202)["linkedIssueId"]
    paths = (
        f"/agents/{company.agent_id}",
        f"/companies/{company.id}/agents",
        f"/companies/{company.id}/activity",
        f"/companies/{company.id}/routines",
        f"/routines/{routine}",
        f"/issues/{issue}",
        f"/issues/{issue}/heartbeat-context",
    )
    assert not [path for path in paths if "hunter2" in company.colleague.get(path).text]
