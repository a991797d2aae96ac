"""Histories to measure on: runs by the hundred thousand, in bulk, as the service itself would have written them.

Whose runs they are is in `filling`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

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

    Nearly all were completed; some joined an open issue, were skipped, failed, or record slots that were missed.
    """
    routines = store.rows("SELECT CAST(id AS text), CAST(company_id AS text) FROM routines ORDER BY id")
    began = now - each * every
    load_like(store, schema.runs, _run(began), _days(routines, began, each, every))


def _days(
    routines: Sequence[tuple[str, str]], began: datetime, each: int, every: timedelta
) -> Iterator[dict[str, object]]:
    ids, number = Ids(), 0
    for step in range(each):
        at = began + step * every
        for run_id, (routine_id, company_id) in zip(ids.many(at, len(routines)), routines, strict=True):
            number += 1
            instant = to_milliseconds(at)
            yield {
                "id": run_id,
                "company_id": company_id,
                "routine_id": routine_id,
                "source": model.Source.SCHEDULE.value,
                "triggered_at": instant,
                "scheduled_for": instant,
                "cause": f"slot/{run_id[::-1]}",
                "trigger_payload": None,
                "completed_at": instant,
                "actor_id": "scheduler",
                "updated_at": instant,
                **_became(number, at, every),
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
