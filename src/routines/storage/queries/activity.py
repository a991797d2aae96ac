"""The audit: what was written to it, and the fires, which the runs tell and which are not written twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import islice
from typing import Any

from sqlalchemy import Connection, select

from routines.core import strict_json
from routines.core.activity import ActivityAction
from routines.core.model import Activity, RunStatus
from routines.storage.rows import every, insert_models, select_model
from routines.storage.schema import activity, runs

RUN = "routine_run"
NIL = "00000000-0000-0000-0000-000000000000"
"""The nil UUID (RFC 9562, section 5.9), before which no id is."""
_LATER = {RunStatus.COMPLETED, RunStatus.FAILED}  # what an issue's moves make of a run; the entry tells of the fire


def add(connection: Connection, entries: Sequence[Activity]) -> None:
    """Append entries."""
    insert_models(connection, activity, entries)


@dataclass(frozen=True, slots=True)
class ActivityQuery:
    """Which entries are wanted: all that agree with every filter that is set, a page at a time."""

    limit: int
    before: str | None = None
    entity_type: str | None = None
    entity_id: str | None = None


def page(connection: Connection, company_id: str, wanted: ActivityQuery) -> list[Activity]:
    """A company's activity, newest first, from the entry after `before` on."""
    limit, before, entity_type, entity_id = wanted.limit, wanted.before, wanted.entity_type, wanted.entity_id
    written = select_model(activity, Activity).where(activity.c.company_id == company_id)
    if before is not None:
        written = written.where(activity.c.id < before)
    if entity_type is not None:
        written = written.where(activity.c.entity_type == entity_type)
    if entity_id is not None:
        written = written.where(activity.c.entity_id == entity_id)
    entries = every(connection, Activity, written.order_by(activity.c.id.desc()).limit(limit))
    fires = [] if entity_type not in {None, RUN} else _fires(connection, company_id, limit, before, entity_id)
    return list(islice(merge(entries, fires, key=lambda entry: entry.id, reverse=True), limit))


def following(connection: Connection, company_id: str, after: str, limit: int) -> list[Activity]:
    """A company's activity, oldest first, from the entry after `after` on, whether that is still there or not."""
    written = select_model(activity, Activity).where(activity.c.company_id == company_id, activity.c.id > after)
    entries = every(connection, Activity, written.order_by(activity.c.id).limit(limit))
    of_runs = _FIRES.where(runs.c.company_id == company_id, runs.c.id > after)
    fires = [_fire(company_id, row) for row in connection.execute(of_runs.order_by(runs.c.id).limit(limit))]
    return list(islice(merge(entries, fires, key=lambda entry: entry.id), limit))


def newest_id(connection: Connection, company_id: str) -> str:
    """The id of a company's newest entry, or the nil UUID, which is before every id."""
    ids = [
        connection.execute(
            select(table.c.id).where(table.c.company_id == company_id).order_by(table.c.id.desc()).limit(1)
        ).scalar()
        for table in (activity, runs)
    ]
    return max((identity for identity in ids if identity is not None), default=NIL)


_FIRES = select(
    runs.c.id,
    runs.c.actor_type,
    runs.c.actor_id,
    runs.c.status,
    runs.c.routine_id,
    runs.c.trigger_id,
    runs.c.source,
    runs.c.linked_issue_id,
    runs.c.triggered_at,
)


def _fires(
    connection: Connection, company_id: str, limit: int, before: str | None, entity_id: str | None
) -> list[Activity]:
    """Runs, as the activity that each of them is; an entry has its run's id."""
    query = _FIRES.where(runs.c.company_id == company_id)
    if before is not None:
        query = query.where(runs.c.id < before)
    if entity_id is not None:
        query = query.where(runs.c.id == entity_id)
    return [_fire(company_id, row) for row in connection.execute(query.order_by(runs.c.id.desc()).limit(limit))]


def _fire(company_id: str, row: Any) -> Activity:  # noqa: ANN401 - a row of `_FIRES`
    return Activity(
        id=row.id,
        company_id=company_id,
        actor_type=row.actor_type,
        actor_id=row.actor_id,
        action=(ActivityAction.RUN_SKIPPED if row.status is RunStatus.SKIPPED else ActivityAction.RUN_TRIGGERED).value,
        entity_type=RUN,
        entity_id=row.id,
        details=strict_json.dumps(
            {
                "routineId": row.routine_id,
                "triggerId": row.trigger_id,
                "source": row.source,
                "status": RunStatus.ISSUE_CREATED if row.linked_issue_id and row.status in _LATER else row.status,
                "linkedIssueId": row.linked_issue_id,
            }
        ),
        created_at=row.triggered_at,
    )
