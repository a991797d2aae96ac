"""Histories to measure on: runs by the hundred thousand, in bulk, as the service itself would have written them.

Whose runs they are is in `filling`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from benchmarks.filling import MINUTE, load_like
from benchmarks.stores import Store
from routines.clock import Ids
from routines.core import model
from routines.core.instants import iso, to_milliseconds
from routines.storage import schema

IDS_AT_ONCE = 10_000


def add_history(store: Store, now: datetime, lengths: Mapping[str, int]) -> None:
    """As many coalesced webhook runs behind each routine (by id), the newest a minute ago, those of all in turn."""
    company = dict(store.rows("SELECT CAST(id AS text), CAST(company_id AS text) FROM routines"))
    began = now - (max(lengths.values()) + 1) * MINUTE
    load_like(
        store,
        schema.runs,
        _run(began),
        (
            {
                "id": run_id,
                "company_id": company[routine_id],
                "routine_id": routine_id,
                "triggered_at": instant,
                "cause": f"webhook/{routine_id}/signature/{run_id[::-1]}",  # what is random of an id comes first
                "completed_at": instant,
                "updated_at": instant,
            }
            for run_id, (routine_id, instant) in zip(_ids(began), _in_turn(lengths, began), strict=False)
        ),
    )


def add_days(store: Store, now: datetime, each: int, every: timedelta) -> None:
    """So many runs of the schedule behind every routine, the newest some minutes ago, as a company's days are.

    Nearly all were completed; some joined an open issue, were skipped, failed, or record slots that were missed. Each
    that was completed or failed has its issue, and that a heartbeat.
    """
    query = (
        "SELECT CAST(id AS text), CAST(company_id AS text), CAST(assignee_agent_id AS text), title "
        "FROM routines ORDER BY id"
    )
    routines = [_Routine(*row) for row in store.rows(query)]
    began = now - each * every
    days = list(_days(routines, began, each, every))
    load_like(store, schema.runs, _run(began), (run for _, _, run in days))
    worked_on = [(routine, at, run) for routine, at, run in days if run["status"] in _WORKED_ON]
    load_like(store, schema.issues, _issue(began), _issues(worked_on))
    load_like(store, schema.heartbeat_runs, _heartbeat(began), _heartbeats(worked_on))


class _Routine(NamedTuple):
    id: str
    company_id: str
    agent_id: str
    title: str


_Fired = tuple[_Routine, datetime, dict[str, object]]
_WORKED_ON = {model.RunStatus.COMPLETED.value, model.RunStatus.FAILED.value}


def _days(routines: Sequence[_Routine], began: datetime, each: int, every: timedelta) -> Iterator[_Fired]:
    ids, number = Ids(), 0
    for step in range(each):
        at = began + step * every
        issues = ids.many(at, len(routines))
        for run_id, issue_id, routine in zip(ids.many(at, len(routines)), issues, routines, strict=True):
            number += 1
            instant = to_milliseconds(at)
            became = _became(number, at, every)
            run = {
                "id": run_id,
                "company_id": routine.company_id,
                "routine_id": routine.id,
                "source": model.Source.SCHEDULE.value,
                "triggered_at": instant,
                "scheduled_for": instant,
                "cause": f"slot/{run_id[::-1]}",
                "trigger_payload": None,
                "linked_issue_id": issue_id if became["status"] in _WORKED_ON else None,
                "completed_at": instant,
                "actor_id": "scheduler",
                "updated_at": instant,
                **became,
            }
            yield routine, at, run


def _issues(fired: Sequence[_Fired]) -> Iterator[dict[str, object]]:
    for number, (routine, at, run) in enumerate(fired, start=1):
        instant = to_milliseconds(at)
        is_done = run["status"] == model.RunStatus.COMPLETED
        yield {
            "id": run["linked_issue_id"],
            "company_id": routine.company_id,
            "identifier": f"ACME-{number}",
            "title": routine.title,
            "status": (model.IssueStatus.DONE if is_done else model.IssueStatus.CANCELLED).value,
            "assignee_agent_id": routine.agent_id,
            "origin_id": routine.id,
            "origin_run_id": run["id"],
            "started_at": instant,
            "completed_at": instant,
            "created_at": instant,
            "updated_at": instant,
        }


def _heartbeats(fired: Sequence[_Fired]) -> Iterator[dict[str, object]]:
    ids = Ids()
    for routine, at, run in fired:
        instant = to_milliseconds(at)
        yield {
            "id": ids.new(at),
            "company_id": routine.company_id,
            "agent_id": routine.agent_id,
            "issue_id": run["linked_issue_id"],
            "routine_id": routine.id,
            "created_at": instant,
            "updated_at": instant,
            "started_at": instant,
            "finished_at": instant,
        }


def _became(number: int, at: datetime, every: timedelta) -> dict[str, object]:
    """What became of the run of that number: of 97, 86 were completed."""
    match number % 97:
        case 1 | 2 | 3 | 4 | 5 | 6:
            return {"status": model.RunStatus.COALESCED.value}
        case 7 | 8:
            return {"status": model.RunStatus.SKIPPED.value}
        case 9 | 10:
            return {"status": model.RunStatus.FAILED.value, "failure_reason": "Execution issue moved to cancelled"}
        case 11:
            span = {"from": iso(at - every), "to": iso(at)}
            return {
                "status": model.RunStatus.SKIPPED.value,
                "failure_reason": f"Missed 2 slots from {span['from']} to {span['to']}: older than the misfire grace",
                "details": json.dumps({"count": 2, **span}),
            }
    return {"status": model.RunStatus.COMPLETED.value}


def _in_turn(lengths: Mapping[str, int], began: datetime) -> Iterator[tuple[str, int]]:
    """Minute by minute the routines that still run, and the instant in milliseconds."""
    longest, at, minute = max(lengths.values()), to_milliseconds(began), MINUTE // timedelta(milliseconds=1)
    for left in range(longest, 0, -1):
        at += minute
        for routine_id, length in lengths.items():
            if length >= left:
                yield routine_id, at


def _ids(at: datetime) -> Iterator[str]:
    """Ids without end, in ascending order."""
    ids = Ids()
    while True:
        yield from ids.many(at, IDS_AT_ONCE)


def _issue(at: datetime) -> model.Issue:
    return model.Issue(
        id="",
        company_id="",
        identifier="",
        title="",
        description="Read what came in since the last time, decide what it means, and write down what is to be done.",
        status=model.IssueStatus.DONE,
        priority=model.Priority.MEDIUM,
        assignee_agent_id=None,
        project_id=None,
        goal_id=None,
        parent_id=None,
        origin_kind=model.ROUTINE_EXECUTION,
        origin_id=None,
        origin_run_id=None,
        created_by_agent_id=None,
        created_by_user_id=None,
        started_at=at,
        completed_at=at,
        created_at=at,
        updated_at=at,
    )


def _heartbeat(at: datetime) -> model.HeartbeatRun:
    return model.HeartbeatRun(
        id="",
        company_id="",
        agent_id="",
        issue_id=None,
        routine_id=None,
        reason=model.WakeReason.ISSUE_ASSIGNED,
        attempt=1,
        status=model.HeartbeatStatus.SUCCEEDED,
        created_at=at,
        updated_at=at,
        started_at=at,
        finished_at=at,
        exit_code=0,
        summary="All links work.",
    )


def _run(at: datetime) -> model.Run:
    return model.Run(
        id="",
        company_id="",
        routine_id="",
        trigger_id=None,
        source=model.Source.WEBHOOK,
        status=model.RunStatus.COALESCED,
        triggered_at=at,
        scheduled_for=None,
        cause="",
        idempotency_key=None,
        trigger_payload='{"service":"web","environment":"production","build":4711}',
        linked_issue_id=None,
        coalesced_into_run_id=None,
        failure_reason=None,
        details=None,
        completed_at=at,
        actor_type=model.ActorType.SYSTEM,
        actor_id="webhook",
        updated_at=at,
    )
