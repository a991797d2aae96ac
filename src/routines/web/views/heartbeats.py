"""Heartbeats as people read them: why the agent was woken, how it went, how long it took, and what it says of it.

How a heartbeat ends, and what follows, is decided in `core.heartbeats`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from routines.core.model import Agent, HeartbeatStatus, IssueInBrief, Routine, WakeReason
from routines.services.workload import HeartbeatWithLinks
from routines.web.times import When, length

TOLD_CHARACTERS_MAX = 200  # a line of a list; the heartbeat's own page has all of it
REASONS = {
    WakeReason.ISSUE_ASSIGNED: "An issue was assigned to the agent",
    WakeReason.ISSUE_COMMENTED: "Somebody commented on the agent's issue",
    WakeReason.ISSUE_UNFINISHED: "The heartbeat before this one left the issue unfinished",
    WakeReason.PROCESS_LOST: "The heartbeat before this one was lost when the service stopped",
    WakeReason.ON_DEMAND: "Somebody woke the agent",
    WakeReason.HEARTBEAT_TIMER: "The agent's timer",
}
_NOT_OVER = frozenset({HeartbeatStatus.QUEUED, HeartbeatStatus.RUNNING})


@dataclass(frozen=True, slots=True)
class HeartbeatRow:
    """A heartbeat's line: since when, how it stands, what woke the agent, what it is about, and what it says."""

    id: str
    when: When
    status: HeartbeatStatus
    reason: str
    attempt: int
    agent: Agent | None
    issue: IssueInBrief | None
    routine: Routine | None
    took: str
    told: str


def heartbeat_row(each: HeartbeatWithLinks, when: Callable[[datetime], When]) -> HeartbeatRow:
    """A heartbeat as its line shows it; `when` shows an instant to the viewer."""
    run = each.heartbeat.run
    told = each.heartbeat.waiting_for or run.error or run.summary or ""
    return HeartbeatRow(
        id=run.id,
        when=when(run.created_at),
        status=run.status,
        reason=REASONS[run.reason],
        attempt=run.attempt,
        agent=each.agent,
        issue=each.issue,
        routine=each.routine,
        took="" if run.started_at is None or run.finished_at is None else duration(run.finished_at - run.started_at),
        told=told if len(told) <= TOLD_CHARACTERS_MAX else f"{told[:TOLD_CHARACTERS_MAX]}…",
    )


def is_over(status: HeartbeatStatus) -> bool:
    """True once nothing more comes of a heartbeat."""
    return status not in _NOT_OVER


def duration(span: timedelta) -> str:
    """A length of time in its two largest units: `1 min 5 s`; under a second it says so."""
    if span < timedelta(seconds=1):
        return "under 1 s"
    largest = length(span)
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if largest.endswith(f" {unit}"):
            rest = timedelta(seconds=round(span.total_seconds()) % size)
            return f"{largest} {length(rest)}" if rest else largest
    return largest


def bytes_in_words(count: int) -> str:
    """A number of bytes as people say it."""
    for unit, size in (("MiB", 1024 * 1024), ("KiB", 1024)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"
