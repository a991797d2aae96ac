"""Histories to measure on: runs by the hundred thousand, in bulk, as the service itself would have written them.

Whose runs they are is in `filling`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from benchmarks.filling import MINUTE, load_like
from benchmarks.stores import Store
from routines.clock import Ids
from routines.core import model
from routines.core.instants import to_milliseconds
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
