"""Agents that are started, and a worker that starts nothing: the test says how what it claims ends."""

from __future__ import annotations

from typing import Any

from routines.core.heartbeats import ErrorCode, Outcome
from routines.core.model import HeartbeatStatus
from routines.services.heartbeat_work import Ending, HeartbeatWork, Work
from routines.storage.queries.heartbeat_runs import Piece
from support.clock import SECOND
from support.service import Company, Service, created, ok

LEASE = 30 * SECOND
SUCCEEDED = Outcome(HeartbeatStatus.SUCCEEDED, exit_code=0)
FAILED = Outcome(HeartbeatStatus.FAILED, exit_code=3, error_code=ErrorCode.EXIT_CODE, error="It exited with code 3.")


class Worker:
    """A worker that starts nothing: the test says how what it claims ends."""

    def __init__(self, service: Service, name: str = "worker") -> None:
        self.work = HeartbeatWork(service.server.services.heartbeats.context, name, LEASE)

    def claim(self, places: int = 10) -> list[Work]:
        """What it gets."""
        return list(self.work.claim(places).works)

    def one(self) -> Work:
        """The only thing that it gets."""
        [work] = self.claim()
        return work

    def end(self, work: Work, outcome: Outcome = SUCCEEDED, printed: bytes = b"") -> None:
        """Record an end."""
        output = [Piece(0, printed)] if printed else []
        self.work.finish([Ending(work.run, outcome, output, None)])


def process_agent(company: Company, **fields: Any) -> str:
    """An agent that is started by a command."""
    body = {"name": "Grace", "adapterType": "process", "adapterConfig": {"command": "true"}, **fields}
    agent: str = created(company.board.post(f"/companies/{company.id}/agents", body))["id"]
    return agent


def issue_for(company: Company, agent: str, title: str = "Look") -> str:
    """An issue made by hand for an agent, which wakes it."""
    body = {"title": title, "assigneeAgentId": agent}
    issue: str = created(company.board.post(f"/companies/{company.id}/issues", body))["id"]
    return issue


def heartbeats(company: Company, **filters: str) -> list[dict[str, Any]]:
    """A company's heartbeats, newest first."""
    found: list[dict[str, Any]] = ok(company.board.get(f"/companies/{company.id}/heartbeat-runs", params=filters))
    return found


def status_of(company: Company, issue: str) -> str:
    """Where an issue stands."""
    return str(ok(company.board.get(f"/issues/{issue}"))["status"])
