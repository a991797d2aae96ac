"""Every call of the document, made by the client of the real application; and that the client is the document's."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx2
import pytest

from client_writer.__main__ import written
from routines import AsyncClient, Client
from routines.client import ForbiddenError, NotFoundError, UnavailableError, models, sign_webhook
from routines.core.model import HeartbeatStatus, IssueStatus, RunStatus
from support.calling import Transport
from support.databases import on_sqlite
from support.heartbeats import Worker
from support.service import BASE_URL, NOBODY, Company, Service

pytestmark = on_sqlite


_described: list[dict[str, Any]] = []


def _document(service: Service) -> dict[str, Any]:
    """What every service says of itself, asked once."""
    if not _described:
        _described.append(service.server.app.openapi())
    return _described[0]


class Recording(Transport):
    """Remembers which operations of the document were called and answered with a success."""

    def __init__(self, service: Service) -> None:
        super().__init__(service.server.app)
        self._operations = {
            operation["operationId"]: (method.upper(), re.compile(re.sub(r"\{\w+\}", "[^/]+", path)))
            for path, methods in reversed(_document(service)["paths"].items())
            for method, operation in methods.items()
        }
        self.called: set[str] = set()

    @property
    def never_called(self) -> set[str]:
        """The operations that are left."""
        return self._operations.keys() - self.called

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """The application's answer."""
        response = super().handle_request(request)
        if response.is_success:
            self.called |= {
                name
                for name, (method, path) in self._operations.items()
                if method == request.method and path.fullmatch(request.url.path)
            }
        return response


@pytest.fixture
def client(service: Service) -> Iterator[Client]:
    with Client(BASE_URL, transport=Transport(service.server.app)) as made:
        yield made


def test_every_call_of_the_document_can_be_made(service: Service) -> None:
    calls = Recording(service)
    client = Client(BASE_URL, transport=calls)
    company = _set_up(client)
    agent, project = client.list_agents(company)[0].id, client.list_projects(company)[0].id
    routine = client.create_routine(
        company,
        title="Look for broken links",
        assignee_agent_id=agent,
        project_id=project,
        triggers=[
            models.ScheduleTriggerCreate(cron_expression="0 9 * * *", timezone="Europe/Berlin"),
            {"kind": "webhook", "signingMode": "standard_webhooks"},
        ],
    )
    assert [trigger.kind for trigger in routine.triggers] == ["schedule", "webhook"]
    _work_with_triggers(client, routine)
    _fire(client, routine)
    _look_ahead(client, company, routine.id, service.clock.now())
    _work_on_issues(client, company, agent)
    _run_heartbeats(service, calls, company)
    _be_told(service, client, company)
    client.delete_routine(routine.id, force=True)
    with pytest.raises(NotFoundError):
        client.get_routine(routine.id)
    assert client.pause_agent(agent).status == "paused"
    assert client.resume_agent(agent).status == "idle"
    assert client.terminate_agent(agent).status == "terminated"
    assert calls.never_called == {"follow_events", "get_readiness"}, "own tests have them"


def _set_up(client: Client) -> str:
    """A company with all that a routine needs, each thing of it made, changed and read."""
    assert client.get_health().status == "ok"
    with pytest.raises(UnavailableError, match="scheduler is not at work"):  # for it is the test that fires
        client.get_readiness()
    company = client.create_company(name="Acme", description="Makes things")
    assert client.update_company(company.id, description=None).description is None
    assert client.get_company(company.id) == client.list_companies()[0]
    agent = client.create_agent(company.id, name="Ada", runtime_config={"heartbeat": {"enabled": False}})
    assert client.update_agent(agent.id, title="Editor").title == "Editor"
    assert client.get_agent(agent.id).chain_of_command == []
    project = client.create_project(company.id, name="Website")
    client.update_project(project.id, status="active")
    assert client.get_project(project.id).name == "Website"
    goal = client.create_goal(company.id, title="No dead ends", level="team")
    assert client.update_goal(goal.id, status="active") == client.get_goal(goal.id)
    assert [each.id for each in client.list_goals(company.id)] == [goal.id]
    return company.id


NOBODY_THERE = "http://127.0.0.1:9/told"


def _be_told(service: Service, client: Client, company: str) -> None:
    made = client.create_subscription(company, channel="webhook", target=NOBODY_THERE, events=["run.failed"])
    assert made.secret.startswith("whsec_")
    subscription = client.update_subscription(made.subscription.id, name="Ours")
    assert client.get_subscription(subscription.id) == subscription
    assert client.list_subscriptions(company) == [subscription]
    assert client.rotate_subscription_secret(subscription.id).secret != made.secret
    waiting = client.send_test_notification(subscription.id)
    assert service.server.sender.send_due() == 1
    [refused] = client.list_notifications(subscription.id)
    assert (refused.id, refused.status) == (waiting.id, "failed")
    assert client.resend_notification(refused.id).status == "pending"
    client.delete_subscription(subscription.id)


def _work_with_triggers(client: Client, routine: models.CreatedRoutineReply) -> None:
    assert [each.id for each in client.list_routines(routine.company_id, q="links", status="active")] == [routine.id]
    assert client.update_routine(routine.id, priority="high").priority == "high"
    added = client.add_trigger(routine.id, kind="api", label="By hand")
    assert added.secret_material is None
    assert client.update_trigger(added.trigger.id, label=None).label is None
    client.delete_trigger(added.trigger.id)
    assert [trigger.id for trigger in client.get_routine(routine.id).triggers] == [
        trigger.id for trigger in routine.triggers
    ]


def _fire(client: Client, routine: models.CreatedRoutineReply) -> None:
    """A run by hand, and one by a signed delivery, which joins its issue."""
    run = client.run_routine(routine.id, payload={"site": "https://example.com"})
    assert run.status is RunStatus.ISSUE_CREATED
    assert run.triggered_at.utcoffset() == timedelta(0)
    webhook = routine.triggers[1]
    rotated = client.rotate_secret(webhook.id).secret_material
    assert rotated is not None
    body = b'{"page": "/"}'
    headers = {"Content-Type": "application/json", **sign_webhook(rotated.webhook_secret, body, now=run.triggered_at)}
    fired = client.fire_webhook(webhook.public_id or "", body=body, headers=headers)
    assert isinstance(fired, models.RunReply)
    assert (fired.status, fired.trigger_payload) == (RunStatus.COALESCED, {"page": "/"})
    [delivery] = client.list_deliveries(webhook.id)
    assert delivery.run_id == fired.id
    assert [each.id for each in client.list_runs(routine.id)] == [fired.id, run.id]
    assert client.get_run(routine.id, fired.id).trigger_payload == {"page": "/"}


def _look_ahead(client: Client, company: str, routine: str, now: datetime) -> None:
    explained = client.explain_cron(cron_expression="0 9 * * *", timezone="Europe/Berlin", count=2, from_=now)
    upcoming = client.list_upcoming(company, from_=now, to=now + timedelta(days=2))
    assert [slot.at for slot in upcoming] == explained.next_times
    assert client.get_routine_health(routine, from_=now - timedelta(days=1), to=now) == []


def _work_on_issues(client: Client, company: str, agent: str) -> None:
    [execution] = client.list_issues(company, status=[IssueStatus.TODO, IssueStatus.BLOCKED])
    key = client.create_key(agent, name="laptop")
    me = Client(BASE_URL, key.token, transport=client._http._transport)  # noqa: SLF001 - the one that records
    assert me.get_myself().id == agent
    assert [each.id for each in me.get_inbox()] == [execution.id]
    assert me.check_out_issue(execution.id, agent_id=agent, expected_statuses=["todo"]).status == "in_progress"
    assert len(me.get_heartbeat_context(execution.id).routine_runs) == 2
    comment = me.add_comment(execution.id, body="Two links are dead")
    assert me.list_comments(execution.id) == [comment]
    assert me.release_issue(execution.id).status == "todo"
    issue = me.create_issue(company, title="Mend the links", project_id=execution.project_id)
    assert client.update_issue(issue.id, description="Both", comment="Please").description == "Both"
    assert client.get_issue(issue.id).title == "Mend the links"
    assert client.list_activity(company, limit=1)[0].entity_type == "issue"
    assert [each.id for each in client.list_keys(agent)] == [key.id]
    client.revoke_key(agent, key.id)


def _run_heartbeats(service: Service, calls: Recording, company: str) -> None:
    """One that is cancelled while it waits, and one whose agent says by itself how it ended."""
    client = Client(BASE_URL, transport=calls)
    config = {"url": "https://agent.example.com/wake"}
    agent = client.create_agent(company, name="Grace", adapter_type="http", adapter_config=config).id
    queued = client.invoke_heartbeat(agent)
    assert client.cancel_heartbeat(queued.id).status == "cancelled"
    client.invoke_heartbeat(agent)
    worker = Worker(service)
    work = worker.one()
    worker.work.hand_over(work.run, timedelta(hours=1))
    token = service.server.services.heartbeats.context.keyring.run_token(work.run.id)
    acting = Client(BASE_URL, token, run_id=work.run.id, transport=calls)
    ended = acting.complete_heartbeat(work.run.id, status="succeeded", summary="Done")
    assert ended.status is HeartbeatStatus.SUCCEEDED
    assert client.get_heartbeat(ended.id) == client.list_heartbeats(company, status="succeeded")[0]
    assert client.get_heartbeat_log(ended.id).is_end


def test_the_client_is_what_the_document_says(service: Service) -> None:
    for path, text in written(_document(service)).items():
        assert path.read_text(encoding="utf-8") == text, f"`make client` writes {path.name} anew"


def test_an_async_client_is_the_same(service: Service, company: Company) -> None:
    async def calls() -> None:
        transport = httpx2.ASGITransport(service.server.app)
        async with AsyncClient(BASE_URL, transport=transport) as client:
            routine = company.routine()["id"]
            run = await client.run_routine(routine, payload={"n": 1})
            assert await client.list_runs(routine) == [each async for each in client.list_runs.every(routine)]
            assert (await client.get_issue(run.linked_issue_id or "")).origin_run_id == run.id
            with pytest.raises(NotFoundError, match="Routine not found"):
                await client.get_routine(NOBODY)

    asyncio.run(calls())


def test_pages_are_read_to_the_end_and_each_entry_once(client: Client, company: Company) -> None:
    routine = company.routine(concurrencyPolicy="always_enqueue")["id"]
    runs = [client.run_routine(routine).id for _ in range(5)]
    for limit in (1, 2, 5, 6, 1_000):
        assert [run.id for run in client.list_runs.every(routine, limit=limit)] == runs[::-1]
    assert [run.id for run in client.list_runs.every(routine, before=runs[2])] == runs[1::-1]
    assert [run.id for run in client.list_runs(routine, limit=2)] == runs[:2:-1]


def test_a_token_says_who_calls_and_is_shown_to_no_webhook(service: Service, company: Company) -> None:
    agent = Client(BASE_URL, company.agent.token, transport=Transport(service.server.app))
    with pytest.raises(ForbiddenError):
        agent.create_company(name="Another")
    sent: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        sent.append(request)
        return httpx2.Response(200, json={"ok": True})

    spy = httpx2.MockTransport(answer)
    Client(BASE_URL, "secret", transport=spy).fire_webhook("a" * 32, body=b"{}", headers={})
    assert "authorization" not in sent[0].headers
    assert "secret" not in repr(agent.connection)
