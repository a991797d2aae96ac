"""Each event is told to whoever is subscribed, in the transaction that makes it, and costs nothing where nobody is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from routines.core.notifications import TEST_EVENT, NotificationEvent
from support.clock import MINUTE
from support.databases import on_sqlite
from support.heartbeats import FAILED, Worker, issue_for, process_agent
from support.service import Company, Service, error, ok
from support.subscribing import deliveries, subscribed

WHERE = "https://ops.example.com/hook"
DOCUMENT = Path(__file__).parents[2] / "docs" / "notifications.md"


def told(company: Company, subscription: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What was put into the outbox for a subscription, by event, of each of which there is one."""
    found = deliveries(company.board, subscription["id"])
    assert len({each["event"] for each in found}) == len(found), [each["event"] for each in found]
    return {each["event"]: each["payload"]["data"] for each in found}


def break_schedules(service: Service) -> None:
    """Have every schedule be in a zone that time zone data does not have any more."""
    with service.server.database.write() as transaction:
        transaction.connection.execute(text("UPDATE triggers SET timezone = 'Mars/Olympus' WHERE kind = 'schedule'"))


def test_each_event_is_told_as_the_documentation_has_it(service: Service, company: Company) -> None:
    agent = process_agent(company)
    everything = subscribed(company, WHERE)["subscription"]
    minutely = {"kind": "schedule", "cronExpression": "* * * * *"}
    missed = company.routine(title="Missed", triggers=[minutely])
    service.tick(10 * MINUTE)
    ok(company.board.patch(f"/routines/{missed['id']}", {"status": "paused"}))
    ok(company.board.patch(f"/routines/{missed['id']}", {"status": "archived"}))
    failing = company.routine(title="Failing", triggers=[minutely])
    break_schedules(service)
    service.tick(MINUTE)
    issue = issue_for(company, agent, "Blocked")
    worker = Worker(service)
    worker.end(worker.one(), FAILED)
    worker.end(worker.one(), FAILED)  # the second in a row leaves the issue blocked
    ok(company.board.post(f"/notification-subscriptions/{everything['id']}/test"), 202)

    for each in deliveries(company.board, everything["id"])[1:]:
        if each["event"] == NotificationEvent.HEARTBEAT_FAILED and each["payload"]["data"]["attempt"] == 1:
            with service.server.database.write() as transaction:  # of the two, the second stays
                query = text("DELETE FROM notifications WHERE id = :id")
                transaction.connection.execute(query, {"id": each["id"]})
    data = told(company, everything)
    assert set(data) == {*NotificationEvent, TEST_EVENT} - {NotificationEvent.ROUTINE_QUIET}
    [failed_run] = company.runs(failing["id"])
    assert data["run.failed"] == {
        "companyId": company.id,
        "routineId": failing["id"],
        "routineTitle": "Failing",
        "runId": failed_run["id"],
        "issueId": None,
        "failureReason": failed_run["failureReason"],
    }
    [outage] = [run for run in company.runs(missed["id"]) if run["details"]]
    assert data["run.missed"].items() >= {**outage["details"], "runId": outage["id"], "routineTitle": "Missed"}.items()
    assert data["routine.paused"].items() >= {"actorId": "local-board", "routineId": missed["id"]}.items()
    assert data["heartbeat.failed"].items() >= {"agentName": "Grace", "issueId": issue, "status": "failed"}.items()
    assert data["issue.blocked"].items() >= {"issueTitle": "Blocked", "actorId": "routines"}.items()
    described = {each["type"]: each["data"] for each in _examples()}
    assert set(described) == {*NotificationEvent, TEST_EVENT}
    for name, facts in data.items():
        assert list(described[name]) == list(facts), name


def _examples() -> list[dict[str, Any]]:
    """The payloads that the documentation shows."""
    blocks = re.findall(r"```json\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    return [each for each in map(json.loads, blocks) if "type" in each]


def test_a_run_whose_issue_is_cancelled_has_failed(company: Company) -> None:
    hearing = subscribed(company, WHERE)["subscription"]
    routine = company.routine(title="Given up")
    run = ok(company.board.post(f"/routines/{routine['id']}/run"), 202)
    company.close(run["linkedIssueId"])
    assert told(company, hearing) == {}
    company.close(run["linkedIssueId"], "todo")
    ok(company.board.patch(f"/issues/{run['linkedIssueId']}", {"title": "The issue is called otherwise"}))
    company.close(run["linkedIssueId"], "cancelled")
    data = told(company, hearing)["run.failed"]
    expected = {"runId": run["id"], "issueId": run["linkedIssueId"], "routineTitle": "Given up"}
    assert data.items() >= expected.items()


def test_a_terminated_agents_routines_are_paused_by_the_service(company: Company) -> None:
    hearing = subscribed(company, WHERE)["subscription"]
    routine = company.routine()
    ok(company.board.post(f"/agents/{company.agent_id}/terminate"))
    data = told(company, hearing)["routine.paused"]
    assert (data["routineId"], data["actorType"]) == (routine["id"], "system")
    assert "was terminated" in data["pauseReason"]


@on_sqlite
def test_only_what_is_asked_for_is_told(service: Service, company: Company) -> None:
    mine, other = company.routine(), company.routine()
    narrow = subscribed(company, WHERE, routineId=mine["id"])["subscription"]
    others = subscribed(company, WHERE, events=["run.failed"])["subscription"]
    disabled = subscribed(company, WHERE, enabled=False)["subscription"]
    elsewhere = subscribed(service.company("Rival"), WHERE)["subscription"]
    for routine in (mine, other):
        ok(company.board.patch(f"/routines/{routine['id']}", {"status": "paused"}))
    assert told(company, narrow)["routine.paused"]["routineId"] == mine["id"]
    for each in (others, disabled, elsewhere):
        assert told(company, each) == {}


@contextmanager
def looks() -> Iterator[list[str]]:
    """The statements about subscriptions and notifications that are sent meanwhile."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "notification" in statement:
            seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def test_fires_ask_for_subscribers_only_when_one_failed_or_was_missed(service: Service, company: Company) -> None:
    subscribed(service.company("Rival"), WHERE)
    triggers = [{"kind": "schedule", "cronExpression": "* * * * *"}] * 5
    company.routine(triggers=triggers, concurrencyPolicy="always_enqueue")
    company.routine(triggers=triggers)
    with looks() as seen:
        service.tick(MINUTE)
        assert seen == []
        break_schedules(service)
        service.tick(MINUTE)
        assert len(seen) == 1
        assert seen[0].startswith("SELECT")


@on_sqlite
def test_a_subscription_for_which_too_much_waits_is_told_no_more(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("routines.dispatch.outbox.NOTIFICATIONS_WAITING_MAX", 3)
    hearing = subscribed(company, WHERE)["subscription"]
    for _ in range(5):
        routine = company.routine()
        ok(company.board.patch(f"/routines/{routine['id']}", {"status": "paused"}))
    assert len(deliveries(company.board, hearing["id"])) == 3
    assert "which is the most" in error(company.board.post(f"/notification-subscriptions/{hearing['id']}/test"), 409)
    assert len(deliveries(company.board, hearing["id"])) == 3
