"""Heartbeats on their pages: how each went and why, what the agent printed, and ending one."""

from __future__ import annotations

import re

import pytest

from routines.core.heartbeats import Outcome, Usage
from routines.core.model import HeartbeatStatus
from routines.storage.queries import heartbeat_runs
from routines.storage.queries.heartbeat_runs import Piece
from support.clock import HOUR, MINUTE, SECOND
from support.databases import on_sqlite
from support.heartbeats import FAILED, SUCCEEDED, Worker, heartbeats, issue_for, process_agent
from support.hostile import ALL_AT_ONCE, HOSTILE
from support.inert import require_inert
from support.pages import done, posted, text, words
from support.service import NOBODY, Company, Service, ok

PAGE_BYTES_MAX = 300_000


@pytest.fixture
def worker(service: Service) -> Worker:
    return Worker(service)


@pytest.fixture
def agent(company: Company) -> str:
    return process_agent(company)


def woken(company: Company, agent: str) -> str:
    """A heartbeat that is queued."""
    return str(ok(company.board.post(f"/agents/{agent}/heartbeat/invoke"), 202)["id"])


def ended(company: Company, worker: Worker, agent: str, outcome: Outcome = SUCCEEDED, printed: bytes = b"") -> str:
    """A heartbeat that has ended so."""
    run_id = woken(company, agent)
    worker.end(worker.one(), outcome, printed)
    return run_id


def test_a_heartbeat_tells_when_why_and_what_for(
    service: Service, company: Company, worker: Worker, agent: str
) -> None:
    routine = company.routine(title="Look around", assigneeAgentId=agent)["id"]
    ok(company.board.post(f"/routines/{routine}/run"), 202)
    [queued] = heartbeats(company)
    path = f"/heartbeat-runs/{queued['id']}"
    assert "It waits for: A worker that has a place for it." in text(service, path)
    service.clock.advance(5 * SECOND)
    work = worker.one()
    assert "waited 5 s" in text(service, path)
    service.clock.advance(HOUR + 2 * MINUTE)
    usage = Usage(input_tokens=1200, cached_input_tokens=300, output_tokens=45, cost_micros=1_234_567)
    worker.end(work, Outcome(HeartbeatStatus.SUCCEEDED, exit_code=0, summary="All links work.", usage=usage), b"ok\n")
    page = text(service, path)
    for said in (
        "An issue was assigned to the agent issue_assigned",
        "Agent Grace Issue ACME-1 Look around Routine Look around",
        "took 1 h 2 min",
        "Exit code 0",
        "All links work.",
        "Cost 1.23 USD Tokens in 1,200 and 300 cached Tokens out 45",
        "What it printed All of it as text ok",
    ):
        assert said in page, (said, page)
    assert "Cancel the heartbeat" not in page


def test_a_failed_heartbeat_says_why(service: Service, company: Company, worker: Worker, agent: str) -> None:
    run_id = ended(company, worker, agent, FAILED)
    page = text(service, f"/heartbeat-runs/{run_id}")
    assert "It exited with code 3." in page
    assert "Exit code 3 Error code exit_code" in page
    assert "It exited with code 3." in text(service, f"/companies/{company.id}/heartbeats")


def test_a_queued_heartbeat_is_cancelled_at_once(service: Service, company: Company, agent: str) -> None:
    run_id = woken(company, agent)
    assert "Cancel the heartbeat" in text(service, f"/heartbeat-runs/{run_id}")
    assert done(posted(service, f"/heartbeat-runs/{run_id}/cancel")) == f"/heartbeat-runs/{run_id}"
    assert "Cancelled by local-board" in text(service, f"/heartbeat-runs/{run_id}")
    again = service.client.post(f"/heartbeat-runs/{run_id}/cancel")
    assert "The heartbeat has ended already: it cancelled" in words(again)


def test_one_that_runs_says_that_it_is_being_ended(
    service: Service, company: Company, worker: Worker, agent: str
) -> None:
    run_id = woken(company, agent)
    worker.one()
    done(posted(service, f"/heartbeat-runs/{run_id}/cancel"))
    assert "It is being ended." in text(service, f"/heartbeat-runs/{run_id}")


def test_the_list_is_of_what_is_asked_for(service: Service, company: Company, worker: Worker, agent: str) -> None:
    ended(company, worker, agent, FAILED)
    other = process_agent(company, name="Ada")
    issue_for(company, other, "Look")
    path = f"/companies/{company.id}/heartbeats"

    def found(query: str) -> list[str]:
        return re.findall(r'<td data-name="Agent"><a [^>]*>([^<]*)', service.client.get(f"{path}{query}").text)

    assert found("") == ["Ada", "Grace"]
    assert found("?status=failed&agentId=") == ["Grace"]
    assert found(f"?status=&agentId={other}") == ["Ada"]
    assert found(f"?status=failed&agentId={other}") == []
    assert "No heartbeat is like that." in text(service, f"{path}?status=failed&agentId={other}")
    for wrong in ("?status=odd", "?agentId=odd", "?before=odd"):
        assert service.client.get(f"{path}{wrong}").status_code == 400


def test_the_list_comes_in_pages(
    service: Service, company: Company, worker: Worker, agent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("routines.web.pages.heartbeats.HEARTBEATS_PAGE", 3)
    for _ in range(5):
        service.clock.advance(SECOND)
        ended(company, worker, agent)
    path = f"/companies/{company.id}/heartbeats?status=succeeded"
    first = service.client.get(path).text
    assert first.count('href="/heartbeat-runs/') == 3
    [older] = re.findall(r'heartbeats\?([^"]*before=[^"]*)"', first)
    rest = service.client.get(f"/companies/{company.id}/heartbeats?{older.replace('&amp;', '&')}").text
    assert rest.count('href="/heartbeat-runs/') == 2
    assert "status=succeeded" in older


def test_a_look_for_what_failed_goes_back_a_stretch_at_a_time(
    service: Service, company: Company, worker: Worker, agent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("routines.services.workload.LOOKED_THROUGH_MAX", 2)
    for outcome in (FAILED, SUCCEEDED, SUCCEEDED):
        ended(company, worker, agent, outcome)
        service.clock.advance(SECOND)
    path = f"/companies/{company.id}/heartbeats"
    first = service.client.get(f"{path}?status=failed").text
    assert first.count('href="/heartbeat-runs/') == 0
    assert "older ones were not looked through" in first
    [further] = re.findall(r'heartbeats\?([^"]*before=[^"]*)">Look further back', first)
    rest = service.client.get(f"{path}?{further.replace('&amp;', '&')}").text
    assert rest.count('href="/heartbeat-runs/') == 1
    assert "Look further back" not in rest
    assert "Look further back" not in service.client.get(path).text


def test_what_is_unknown_is_a_page_of_404(service: Service) -> None:
    for path in (f"/heartbeat-runs/{NOBODY}", f"/heartbeat-runs/{NOBODY}/log", f"/companies/{NOBODY}/heartbeats"):
        assert service.client.get(path).status_code == 404


@on_sqlite
def test_of_a_long_log_both_ends_are_shown_and_what_was_left_out_is_said(
    service: Service, company: Company, worker: Worker, agent: str
) -> None:
    lines = "".join(f"<&\"'> é line {number}\n" for number in range(10_000)).encode()
    run_id = ended(company, worker, agent, SUCCEEDED, lines)
    page = service.client.get(f"/heartbeat-runs/{run_id}")
    assert len(page.content) < PAGE_BYTES_MAX
    assert "\N{REPLACEMENT CHARACTER}" not in page.text
    said = words(page)
    assert ("line 0 <" in said, "line 9999" in said, "line 5000 " in said) == (True, True, False)
    assert re.search(r"\d+\.\d KiB are left out here\.", said)
    whole = service.client.get(f"/heartbeat-runs/{run_id}/log")
    assert whole.text == lines.decode()
    assert whole.headers["content-type"] == "text/plain; charset=utf-8"
    assert whole.headers["x-content-type-options"] == "nosniff"


@on_sqlite
def test_the_worst_of_logs_is_still_a_page(service: Service, company: Company, worker: Worker, agent: str) -> None:
    run_id = ended(company, worker, agent, SUCCEEDED, b'"' * 200_000)
    assert len(service.client.get(f"/heartbeat-runs/{run_id}").content) < PAGE_BYTES_MAX


@on_sqlite
def test_what_was_not_kept_is_said_in_the_text(service: Service, company: Company, worker: Worker, agent: str) -> None:
    run_id = ended(company, worker, agent)
    with service.server.database.write() as transaction:
        pieces = [Piece(0, b"begin"), Piece(5 + 2048, b"end")]
        heartbeat_runs.keep_output(transaction.connection, run_id, pieces, instead_from=None)
    expected = "begin\n[2.0 KiB were not kept]\nend"
    assert service.client.get(f"/heartbeat-runs/{run_id}/log").text == expected


@on_sqlite
def test_text_from_outside_is_inert(service: Service, company: Company, worker: Worker) -> None:
    for hostile in (*HOSTILE, ALL_AT_ONCE):
        agent = process_agent(company, name=hostile[:200])
        routine = company.routine(title=hostile[:200], assigneeAgentId=agent)["id"]
        ok(company.board.post(f"/routines/{routine}/run"), 202)
        work = worker.one()
        how = Outcome(HeartbeatStatus.SUCCEEDED, error=hostile, summary=hostile)
        worker.end(work, how, hostile.encode())
        ok(company.board.patch(f"/issues/{work.run.issue_id}", {"status": "done"}))
        for path in (f"/heartbeat-runs/{work.run.id}", f"/companies/{company.id}/heartbeats", f"/agents/{agent}"):
            page = service.client.get(path)
            assert page.status_code == 200
            require_inert(page.text)
        assert hostile.strip() in service.client.get(f"/heartbeat-runs/{work.run.id}/log").text
