"""Heartbeats over the API, on both databases: what wakes an agent, what a queued one waits for, and what an end means.

No agent is started here: the worker's questions are asked by the tests themselves.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from routines.core.heartbeats import ErrorCode, Outcome, Usage
from routines.core.model import HeartbeatStatus
from routines.storage.queries.heartbeat_runs import Piece
from support.clock import DAY, MINUTE, SECOND
from support.databases import on_postgres
from support.heartbeats import FAILED, LEASE, SUCCEEDED, Worker, heartbeats, issue_for, process_agent, status_of
from support.service import NOBODY, Company, Service, created, ok


@pytest.fixture
def worker(service: Service) -> Worker:
    return Worker(service)


def test_a_fire_queues_a_heartbeat_that_a_worker_starts_and_ends(
    service: Service, company: Company, worker: Worker
) -> None:
    agent = process_agent(company)
    routine = company.routine(assigneeAgentId=agent)["id"]
    run = ok(company.board.post(f"/routines/{routine}/run", {"payload": {"a": 1}}), 202)
    [queued] = heartbeats(company)
    assert (queued["status"], queued["invocationSource"], queued["reason"]) == (
        "queued",
        "assignment",
        "issue_assigned",
    )
    assert (queued["issueId"], queued["agentId"], queued["attempt"]) == (run["linkedIssueId"], agent, 1)
    assert queued["waitingFor"] == "A worker that has a place for it"
    work = worker.one()
    assert [fire.trigger_payload for fire in work.fires] == ['{"a":1}']
    [running] = heartbeats(company)
    assert (running["id"], running["status"], running["routineId"]) == (queued["id"], "running", routine)
    assert ok(company.board.get(f"/agents/{agent}"))["status"] == "running"
    service.clock.advance(MINUTE)
    company.close(run["linkedIssueId"])
    worker.end(work, SUCCEEDED, b"done\n")
    ended = ok(company.board.get(f"/heartbeat-runs/{queued['id']}"))
    assert (ended["status"], ended["exitCode"], ended["error"]) == ("succeeded", 0, None)
    assert ended["finishedAt"] > ended["startedAt"]
    assert ok(company.board.get(f"/heartbeat-runs/{queued['id']}/log")) == {
        "content": "done\n",
        "start": 0,
        "after": 5,
        "isEnd": True,
    }
    assert ok(company.board.get(f"/agents/{agent}"))["status"] == "idle"
    assert heartbeats(company, status="queued,running") == []


def test_wake_ups_of_one_issue_that_wait_are_one(company: Company) -> None:
    agent = process_agent(company)
    issue = issue_for(company, agent)
    for _ in range(3):
        created(company.board.post(f"/issues/{issue}/comments", {"body": "And this?"}))
    assert len(heartbeats(company, agentId=agent)) == 1
    first, second = (ok(company.board.post(f"/agents/{agent}/heartbeat/invoke"), 202) for _ in range(2))
    assert first["id"] == second["id"]
    assert first["invocationSource"] == "on_demand"
    assert len(heartbeats(company, agentId=agent)) == 2


def test_a_comment_wakes_the_issues_agent_but_not_the_one_who_wrote_it(company: Company, worker: Worker) -> None:
    agent = process_agent(company)
    key = created(company.board.post(f"/agents/{agent}/keys"))["token"]
    issue = issue_for(company, agent)
    work = worker.one()
    own = company.board.request(
        "POST", f"/issues/{issue}/comments", json={"body": "I look."}, headers={"Authorization": f"Bearer {key}"}
    )
    assert own.status_code == 201
    assert heartbeats(company, status="queued") == []
    created(company.colleague.post(f"/issues/{issue}/comments", {"body": "Look there too."}))
    [queued] = heartbeats(company, status="queued")
    assert (queued["reason"], queued["invocationSource"]) == ("issue_commented", "comment")
    assert queued["waitingFor"] == "Another heartbeat works on the issue"
    assert worker.claim() == [], "no issue is worked on twice at a time"
    worker.end(work)
    assert worker.one().run.id == queued["id"]


def test_a_heartbeat_that_leaves_its_issue_is_followed_by_one_more_and_then_the_issue_is_blocked(
    company: Company, worker: Worker
) -> None:
    agent = process_agent(company)
    routine = company.routine(assigneeAgentId=agent)["id"]
    issue = ok(company.board.post(f"/routines/{routine}/run"), 202)["linkedIssueId"]
    worker.end(worker.one(), FAILED)
    [again] = heartbeats(company, status="queued")
    assert (again["reason"], again["attempt"]) == ("issue_unfinished", 2)
    assert ok(company.board.get(f"/agents/{agent}"))["status"] == "idle", "one failure is no error yet"
    worker.end(worker.one(), FAILED)
    assert heartbeats(company, status="queued") == []
    assert status_of(company, issue) == "blocked"
    [comment] = ok(company.board.get(f"/issues/{issue}/comments"))
    assert "woken 2 times" in comment["body"]
    assert "It exited with code 3." in comment["body"]
    broken = ok(company.board.get(f"/agents/{agent}"))
    assert broken["status"] == "error"
    assert broken["statusReason"] == "2 heartbeats failed in a row, the last: It exited with code 3."
    shown = ok(company.board.get(f"/routines/{routine}"))
    assert (shown["status"], shown["activeIssue"]["status"]) == ("active", "blocked"), "the routine is not harmed"
    created(company.board.post(f"/issues/{issue}/comments", {"body": "Try again."}))
    work = worker.one()
    company.close(issue)
    worker.end(work)
    mended = ok(company.board.get(f"/agents/{agent}"))
    assert (mended["status"], mended["statusReason"]) == ("idle", None)


def test_an_issue_that_moved_on_is_left_as_it_is(company: Company, worker: Worker) -> None:
    agent = process_agent(company)
    for status in ("done", "cancelled", "blocked", "in_review", "backlog"):
        issue = issue_for(company, agent)
        work = worker.one()
        ok(company.board.patch(f"/issues/{issue}", {"status": status}))
        worker.end(work, FAILED)
        assert (status_of(company, issue), heartbeats(company, status="queued")) == (status, [])


def test_a_new_comment_is_heard_before_the_issue_is_blocked(company: Company, worker: Worker) -> None:
    agent = process_agent(company)
    issue = issue_for(company, agent)
    worker.end(worker.one(), FAILED)
    work = worker.one()
    created(company.board.post(f"/issues/{issue}/comments", {"body": "Use the other door."}))
    worker.end(work, FAILED)
    assert status_of(company, issue) == "todo"
    assert worker.one().run.reason == "issue_commented"


def test_an_issue_given_back_to_its_agent_wakes_it(company: Company, worker: Worker) -> None:
    agent, other = process_agent(company), process_agent(company, name="Other")
    issue = issue_for(company, agent)
    work = worker.one()
    ok(company.board.patch(f"/issues/{issue}", {"status": "in_review"}))
    worker.end(work)
    assert heartbeats(company, status="queued") == []
    ok(company.board.patch(f"/issues/{issue}", {"status": "todo"}))
    assert [each["agentId"] for each in heartbeats(company, status="queued")] == [agent]
    ok(company.board.patch(f"/issues/{issue}", {"assigneeAgentId": other}))
    assert [each["agentId"] for each in heartbeats(company, status="queued")] == [other]
    company.close(issue)
    assert heartbeats(company, status="queued") == []


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"adapterType": "none"}, "Agent Grace polls by itself: its adapterType is none, so nobody starts it"),
        ({"status": "paused"}, "Agent Grace is paused"),
        ({"company": "paused"}, "The company is not active"),
    ],
)
def test_a_queued_heartbeat_says_what_it_waits_for(
    company: Company, worker: Worker, fields: dict[str, str], reason: str
) -> None:
    agent = process_agent(company, **{name: value for name, value in fields.items() if name == "adapterType"})
    issue_for(company, agent)
    if "status" in fields:
        ok(company.board.post(f"/agents/{agent}/pause"))
    if "company" in fields:
        ok(company.board.patch(f"/companies/{company.id}", {"status": "paused"}))
    assert worker.claim() == []
    assert [each["waitingFor"] for each in heartbeats(company)] == [reason]
    if "adapterType" in fields:
        ok(company.board.patch(f"/agents/{agent}", {"adapterType": "process", "adapterConfig": {"command": "true"}}))
    ok(company.board.post(f"/agents/{agent}/resume"))
    ok(company.board.patch(f"/companies/{company.id}", {"status": "active"}))
    assert len(worker.claim()) == 1


def test_an_agent_has_no_more_heartbeats_at_a_time_than_it_may(company: Company, worker: Worker) -> None:
    one = process_agent(company)
    three = process_agent(company, name="Three", runtimeConfig={"heartbeat": {"maxConcurrentRuns": 3}})
    for agent in (one, three):
        for number in range(5):
            issue_for(company, agent, f"Issue {number}")
    claimed = worker.claim()
    assert sorted([work.agent.name for work in claimed]) == ["Grace", "Three", "Three", "Three"]
    assert worker.claim() == []
    [waiting, *_] = heartbeats(company, status="queued", agentId=one)
    assert waiting["waitingFor"] == "1 heartbeats of agent Grace run, which is its maxConcurrentRuns"
    first = next(work for work in claimed if work.agent.id == one)
    worker.end(first, Outcome(HeartbeatStatus.CANCELLED))
    assert [work.agent.id for work in worker.claim()] == [one]


def test_places_go_round_the_companies(service: Service, company: Company, worker: Worker) -> None:
    many = {"heartbeat": {"maxConcurrentRuns": 50}}
    agent = process_agent(company, runtimeConfig=many)
    for number in range(20):
        issue_for(company, agent, f"Issue {number}")
    other = service.company("Other")
    its_agent = process_agent(other, runtimeConfig=many)
    for number in range(2):
        issue_for(other, its_agent, f"Issue {number}")
    assert [work.run.company_id for work in worker.claim(4)].count(other.id) == 2


def test_a_lease_that_runs_out_ends_the_heartbeat_and_the_work_is_woken_again_once(
    service: Service, company: Company, worker: Worker
) -> None:
    agent = process_agent(company)
    issue = issue_for(company, agent)
    other = Worker(service, "another worker")
    work = worker.one()
    service.clock.advance(LEASE - SECOND)
    worker.work.renew([work.run.id])
    service.clock.advance(LEASE - SECOND)
    assert other.work.end_expired() == 0
    service.clock.advance(2 * SECOND)
    assert other.work.end_expired() == 1
    lost = ok(company.board.get(f"/heartbeat-runs/{work.run.id}"))
    assert (lost["status"], lost["errorCode"]) == ("failed", "process_lost")
    assert worker.work.held() == {}
    worker.end(work, SUCCEEDED)
    assert ok(company.board.get(f"/heartbeat-runs/{work.run.id}"))["status"] == "failed", "it was its no more"
    again = other.one()
    assert (again.run.reason, again.run.attempt) == ("process_lost", 2)
    service.clock.advance(LEASE + SECOND)
    worker.work.end_expired()
    assert (status_of(company, issue), heartbeats(company, status="queued")) == ("blocked", [])
    assert ok(company.board.get(f"/agents/{agent}"))["status"] == "idle", "no fault of the agent's"


def test_a_worker_that_is_stopped_takes_nothing_from_the_attempts(company: Company, worker: Worker) -> None:
    issue = issue_for(company, process_agent(company))
    stopped = Outcome(HeartbeatStatus.FAILED, error_code=ErrorCode.WORKER_STOPPED, error="stopped")
    for _ in range(5):
        work = worker.one()
        assert work.run.attempt == 1
        worker.end(work, stopped)
    assert status_of(company, issue) == "todo"


def test_cancelling(company: Company, worker: Worker) -> None:
    agent = process_agent(company)
    issue = issue_for(company, agent)
    [queued] = heartbeats(company)
    cancelled = ok(company.board.post(f"/heartbeat-runs/{queued['id']}/cancel"))
    assert (cancelled["status"], cancelled["error"]) == ("cancelled", "Cancelled by local-board")
    assert worker.claim() == []
    again = company.board.post(f"/heartbeat-runs/{queued['id']}/cancel")
    assert (again.status_code, again.json()["error"]) == (409, "The heartbeat has ended already: it cancelled")
    created(company.board.post(f"/issues/{issue}/comments", {"body": "Now."}))
    work = worker.one()
    assert ok(company.board.post(f"/heartbeat-runs/{work.run.id}/cancel"))["status"] == "running"
    assert worker.work.held() == {work.run.id: True}, "the worker hears of it"
    worker.end(work, Outcome(HeartbeatStatus.CANCELLED, signal="SIGTERM"))
    assert (status_of(company, issue), heartbeats(company, status="queued")) == ("todo", [])
    assert company.agent.post(f"/heartbeat-runs/{work.run.id}/cancel").status_code == 403


def test_who_may_wake_an_agent(service: Service, company: Company) -> None:
    path = f"/agents/{company.agent_id}/heartbeat/invoke"
    stranger = service.company("Stranger")
    assert company.board.post(path).status_code == 202
    assert company.agent.post(path).status_code == 202
    assert company.colleague.post(path).status_code == 403
    assert stranger.agent.post(path).status_code == 404
    assert company.board.post(f"/agents/{NOBODY}/heartbeat/invoke").status_code == 404
    quiet = {"heartbeat": {"wakeOnDemand": False}}
    agent = process_agent(company, runtimeConfig=quiet)
    refused = company.board.post(f"/agents/{agent}/heartbeat/invoke")
    assert (refused.status_code, "wakeOnDemand is false" in refused.json()["error"]) == (409, True)
    ok(company.board.post(f"/agents/{company.agent_id}/terminate"))
    assert company.board.post(path).status_code == 409


def test_who_may_look_at_a_heartbeat(service: Service, company: Company) -> None:
    issue_for(company, process_agent(company))
    [queued] = heartbeats(company)
    stranger = service.company("Stranger")
    for path in (f"/heartbeat-runs/{queued['id']}", f"/heartbeat-runs/{queued['id']}/log"):
        assert [who.get(path).status_code for who in (company.board, company.agent, company.colleague)] == [200] * 3
        assert stranger.agent.get(path).status_code == 404
        assert company.board.get(path.replace(queued["id"], NOBODY)).status_code == 404
    assert stranger.agent.get(f"/companies/{company.id}/heartbeat-runs").status_code == 403
    assert company.board.get(f"/companies/{company.id}/heartbeat-runs", params={"status": "asleep"}).status_code == 400
    assert company.board.get(f"/heartbeat-runs/{queued['id']}/log", params={"after": "x"}).status_code == 400


def test_a_run_token_is_the_agent_while_the_heartbeat_runs(service: Service, company: Company, worker: Worker) -> None:
    agent = process_agent(company)
    issue = issue_for(company, agent)
    [queued] = heartbeats(company)
    caller = service.as_agent(token_of(service, queued["id"]))
    assert caller.get("/agents/me").status_code == 401, "it does not run yet"
    work = worker.one()
    assert ok(caller.get("/agents/me"))["id"] == agent
    ok(caller.patch(f"/issues/{issue}", {"status": "done", "comment": "Done."}))
    entries = ok(company.board.get(f"/companies/{company.id}/activity", params={"entityId": issue}))
    told = {entry["action"]: entry["heartbeatRunId"] for entry in entries}
    assert told == {"issue.created": None, "issue.updated": work.run.id, "issue.comment_added": work.run.id}
    worker.end(work)
    assert caller.get("/agents/me").status_code == 401


def test_a_run_token_is_worth_nothing_when_changed_or_anothers(
    service: Service, company: Company, worker: Worker
) -> None:
    issue_for(company, process_agent(company))
    work = worker.one()
    token = token_of(service, work.run.id)
    other = token_of(service, NOBODY)
    for bad in (token[:-1], token + "0", token.upper(), other, token.replace(work.run.id, NOBODY), "pcr_", "pcr_."):
        assert service.as_agent(bad).get("/agents/me").status_code == 401, bad
    stranger = service.company("Stranger")
    assert service.as_agent(token).get(f"/companies/{stranger.id}/issues").status_code == 403
    ok(company.board.post(f"/agents/{work.agent.id}/terminate"))
    assert service.as_agent(token).get("/agents/me").status_code == 401


def test_an_agents_own_key_may_name_its_heartbeat(company: Company, worker: Worker) -> None:
    agent = process_agent(company)
    key = created(company.board.post(f"/agents/{agent}/keys"))["token"]
    issue = issue_for(company, agent)
    work = worker.one()
    for named, told in ((work.run.id, work.run.id), (NOBODY, None), ("mine", None)):
        headers = {"Authorization": f"Bearer {key}", "X-Paperclip-Run-Id": named}
        body = {"body": "Hello."}
        assert company.board.post(f"/issues/{issue}/comments", body, headers=headers).status_code == 201
        [entry] = ok(company.board.get(f"/companies/{company.id}/activity", params={"limit": "1"}))
        assert entry["heartbeatRunId"] == told


def token_of(service: Service, run_id: str) -> str:
    return service.server.services.heartbeats.context.keyring.run_token(run_id)


def test_an_http_agents_outcome_is_told_with_the_run_token(service: Service, company: Company, worker: Worker) -> None:
    agent = process_agent(company, adapterType="http", adapterConfig={"url": "https://agent.example/"})
    issue = issue_for(company, agent)
    work = worker.one()
    worker.work.hand_over(work.run, timedelta(hours=1))
    assert worker.work.held() == {}
    service.clock.advance(30 * MINUTE)
    assert worker.work.end_expired() == 0
    path = f"/heartbeat-runs/{work.run.id}/complete"
    caller = service.as_agent(token_of(service, work.run.id))
    assert company.board.post(path, {"status": "succeeded"}).status_code == 403
    assert caller.post(path, {"status": "done"}).status_code == 400
    company.close(issue)
    usage = {"inputTokens": 7, "cachedInputTokens": 5, "outputTokens": 3, "costUsd": 0.25}
    ended = ok(caller.post(path, {"status": "succeeded", "summary": "All well.", "usage": usage}))
    assert (ended["status"], ended["summary"], ended["usage"]) == ("succeeded", "All well.", usage)
    assert caller.post(path, {"status": "succeeded"}).status_code == 401, "the token has ended with the heartbeat"


def test_an_http_agents_outcome_that_is_never_told_times_out(
    service: Service, company: Company, worker: Worker
) -> None:
    agent = process_agent(company, adapterType="http", adapterConfig={"url": "https://agent.example/"})
    issue_for(company, agent)
    work = worker.one()
    worker.work.hand_over(work.run, timedelta(hours=1))
    service.clock.advance(timedelta(hours=1, seconds=1))
    assert worker.work.end_expired() == 1
    assert ok(company.board.get(f"/heartbeat-runs/{work.run.id}"))["status"] == "timed_out"


def test_another_heartbeats_token_completes_nothing(service: Service, company: Company, worker: Worker) -> None:
    agent = process_agent(company, adapterType="http", adapterConfig={"url": "https://agent.example/"})
    other = process_agent(company)
    issue_for(company, agent)
    issue_for(company, other)
    by_agent = {work.agent.id: work for work in worker.claim()}
    path = f"/heartbeat-runs/{by_agent[agent].run.id}/complete"
    caller = service.as_agent(token_of(service, by_agent[other].run.id))
    assert caller.post(path, {"status": "succeeded"}).status_code == 403
    own = caller.post(f"/heartbeat-runs/{by_agent[other].run.id}/complete", {"status": "succeeded"})
    assert (own.status_code, "ends with its command" in own.json()["error"]) == (409, True)


def test_an_http_agent_is_given_a_secret_that_stays(company: Company) -> None:
    agent = process_agent(company, adapterType="http", adapterConfig={"url": "https://agent.example/"})
    secret = ok(company.board.get(f"/agents/{agent}"))["adapterConfig"]["secret"]
    assert secret.startswith("whsec_")
    moved = ok(company.board.patch(f"/agents/{agent}", {"adapterConfig": {"url": "https://other.example/"}}))
    assert moved["adapterConfig"] == {"secret": secret, "url": "https://other.example/"}


def test_usage_is_summed_by_agent_and_routine_and_a_spent_budget_makes_heartbeats_wait(
    service: Service, company: Company, worker: Worker
) -> None:
    agent = process_agent(company, budgetMonthlyCents=100)
    routine = company.routine(assigneeAgentId=agent, concurrencyPolicy="always_enqueue")["id"]
    for _ in range(3):
        ok(company.board.post(f"/routines/{routine}/run"), 202)
    usage = Usage(input_tokens=10, cached_input_tokens=5, output_tokens=2, cost_micros=500_000)
    for _ in range(2):
        work = worker.one()
        company.close(work.run.issue_id or "")
        worker.end(work, Outcome(HeartbeatStatus.SUCCEEDED, usage=usage))
    spent = {
        "month": "2026-03",
        "heartbeats": 2,
        "inputTokens": 20,
        "cachedInputTokens": 10,
        "outputTokens": 4,
        "costUsd": 1.0,
    }
    shown = ok(company.board.get(f"/agents/{agent}"))
    assert (shown["usage"], shown["spentMonthlyCents"], shown["budgetMonthlyCents"]) == (spent, 100, 100)
    assert ok(company.board.get(f"/routines/{routine}"))["usage"] == spent
    assert worker.claim() == []
    [waiting] = heartbeats(company, status="queued")
    assert waiting["waitingFor"] == "Agent Grace has spent its budget of 1.00 USD for this month"
    assert ok(company.board.post(f"/routines/{routine}/run"), 202)["status"] == "issue_created", "fires go on"
    service.clock.advance(31 * DAY)
    assert len(worker.claim()) == 1, "a new month"


def test_the_timer_wakes_an_agent_without_an_issue(service: Service, company: Company, worker: Worker) -> None:
    timer = {"heartbeat": {"enabled": True, "intervalSec": 60}}
    agent = process_agent(company, runtimeConfig=timer)
    service.clock.advance(59 * SECOND)
    assert worker.work.wake_by_timer() == 0
    service.clock.advance(SECOND)
    assert worker.work.wake_by_timer() == 1
    assert worker.work.wake_by_timer() == 0
    work = worker.one()
    assert (work.agent.id, work.run.reason, work.issue) == (agent, "heartbeat_timer", None)
    worker.end(work)
    ok(company.board.patch(f"/agents/{agent}", {"runtimeConfig": {}}))
    service.clock.advance(DAY)
    assert worker.work.wake_by_timer() == 0


def test_a_dismissed_agents_heartbeats_are_ended(company: Company, worker: Worker) -> None:
    agent = process_agent(company)
    issue_for(company, agent)
    work = worker.one()
    ok(company.board.post(f"/agents/{agent}/terminate"))
    assert worker.work.held() == {work.run.id: True}
    worker.end(work, Outcome(HeartbeatStatus.CANCELLED))
    assert ok(company.board.get(f"/agents/{agent}"))["status"] == "terminated"


def test_output_is_read_on_from_where_it_was_left(company: Company, worker: Worker) -> None:
    issue_for(company, process_agent(company))
    work = worker.one()
    path = f"/heartbeat-runs/{work.run.id}/log"
    assert ok(company.board.get(path)) == {"content": "", "start": 0, "after": 0, "isEnd": False}
    worker.work.keep_output(
        work.run, [Piece(0, "gr\N{LATIN SMALL LETTER U WITH DIAERESIS}".encode()[:3])], instead_from=None
    )
    assert ok(company.board.get(path)) == {"content": "gr", "start": 0, "after": 2, "isEnd": False}
    worker.work.keep_output(work.run, [Piece(3, b"\xbc\xff\0n")], instead_from=None)
    part = ok(company.board.get(path, params={"after": "2"}))
    assert part == {"content": "ü\ufffd\ufffdn", "start": 2, "after": 7, "isEnd": False}
    worker.end(work)
    assert ok(company.board.get(path, params={"after": "7"})) == {"content": "", "start": 7, "after": 7, "isEnd": True}


def test_a_comment_that_comes_while_the_agent_works_is_heard_although_it_checks_the_issue_out(
    service: Service, company: Company, worker: Worker
) -> None:
    agent = process_agent(company)
    issue = issue_for(company, agent)
    work = worker.one()
    created(company.board.post(f"/issues/{issue}/comments", {"body": "By the other door."}))
    checkout = {"agentId": agent, "expectedStatuses": ["todo"]}
    ok(service.as_agent(token_of(service, work.run.id)).post(f"/issues/{issue}/checkout", checkout))
    assert [each["reason"] for each in heartbeats(company, status="queued")] == ["issue_commented"]
    company.close(issue)
    worker.end(work)


def test_an_agent_that_finds_an_issue_by_itself_need_not_be_woken_for_it(company: Company) -> None:
    agent = process_agent(company)
    key = created(company.board.post(f"/agents/{agent}/keys"))["token"]
    for who, left in (("board", 1), ("itself", 0)):
        issue = issue_for(company, agent)
        headers = {"Authorization": f"Bearer {key}"} if who == "itself" else {}
        checkout = {"agentId": agent, "expectedStatuses": ["todo"]}
        ok(company.board.request("POST", f"/issues/{issue}/checkout", json=checkout, headers=headers))
        assert len(heartbeats(company, status="queued", issueId=issue)) == left


def test_a_cancelled_heartbeat_stays_so_although_its_worker_has_died(
    service: Service, company: Company, worker: Worker
) -> None:
    issue = issue_for(company, process_agent(company))
    work = worker.one()
    ok(company.board.post(f"/heartbeat-runs/{work.run.id}/cancel"))
    assert Worker(service, "another").work.end_expired() == 0
    service.clock.advance(LEASE + SECOND)
    Worker(service, "another").work.end_expired()
    assert ok(company.board.get(f"/heartbeat-runs/{work.run.id}"))["status"] == "cancelled"
    assert (status_of(company, issue), heartbeats(company, status="queued")) == ("todo", [])


def test_an_issue_that_is_put_off_wakes_nobody_until_it_is_taken_up_again(company: Company, worker: Worker) -> None:
    agent = process_agent(company)
    issue = issue_for(company, agent)
    ok(company.board.patch(f"/issues/{issue}", {"status": "backlog"}))
    assert heartbeats(company) == []
    ok(company.board.patch(f"/issues/{issue}", {"status": "in_progress"}))
    assert worker.one().run.issue_id == issue
    company.close(issue)
    ok(company.board.patch(f"/issues/{issue}", {"status": "blocked"}))
    assert heartbeats(company, status="queued") == []


def test_a_dismissed_agent_is_woken_for_nothing_any_more(company: Company, worker: Worker) -> None:
    agent = process_agent(company)
    issue_for(company, agent, "First")
    work = worker.one()
    issue_for(company, agent, "Second")
    ok(company.board.post(f"/agents/{agent}/terminate"))
    worker.end(work, FAILED)
    assert heartbeats(company, status="queued") == []


def test_an_accepted_heartbeat_is_completed_whatever_its_agent_has_become(
    service: Service, company: Company, worker: Worker
) -> None:
    agent = process_agent(company, adapterType="http", adapterConfig={"url": "https://agent.example/"})
    issue_for(company, agent)
    work = worker.one()
    worker.work.hand_over(work.run, timedelta(hours=1))
    ok(company.board.patch(f"/agents/{agent}", {"adapterType": "none", "adapterConfig": {}}))
    caller = service.as_agent(token_of(service, work.run.id))
    assert ok(caller.post(f"/heartbeat-runs/{work.run.id}/complete", {"status": "succeeded"}))["status"] == "succeeded"


@on_postgres
def test_the_timer_leaves_agents_alone_that_somebody_changes(
    service: Service, company: Company, worker: Worker
) -> None:
    agent = process_agent(company, runtimeConfig={"heartbeat": {"enabled": True, "intervalSec": 60}})
    service.clock.advance(MINUTE)
    with service.server.database.write() as dismissal:
        dismissal.locks.agent(agent)
        assert worker.work.wake_by_timer() == 0
    assert worker.work.wake_by_timer() == 1
