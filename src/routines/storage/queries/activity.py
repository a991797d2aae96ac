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
from routines.storage.schema import activity, runs, triggers

RUN = "routine_run"
NIL = "00000000-0000-0000-0000-000000000000"
"""The nil UUID (RFC 9562, section 5.9), before which no id is."""
_LATER = {RunStatus.COMPLETED, RunStatus.FAILED}  # what an issue's moves make of a run; the entry tells of the fire


def add(connection: Connection, entries: Sequence[Activity]) -> None:
    """Append entries."""
    insert_models(connection, activity, entries)


@dataclass(frozen=True, slots=True)
class ActivityQuery:
    """Which entries are wanted: all that agree with every filter that is set, a page at a time.

    `routine_id` asks for what happened to a routine and its triggers, and for its fires; `fires` may leave those out.
    """

    limit: int
    before: str | None = None
    entity_type: str | None = None
    entity_id: str | None = None
    routine_id: str | None = None
    fires: bool = True


def page(connection: Connection, company_id: str, wanted: ActivityQuery) -> list[Activity]:
    """A company's activity, newest first, from the entry after `before` on."""
    query = select_model(activity, Activity)
    if wanted.routine_id is not None:
        of_routine = select(triggers.c.id).where(triggers.c.routine_id == wanted.routine_id)
        query = query.where(activity.c.entity_id.in_([wanted.routine_id, *connection.execute(of_routine).scalars()]))
    if wanted.entity_id is not None:
        query = query.where(activity.c.entity_id == wanted.entity_id)
    if wanted.routine_id is None and wanted.entity_id is None:  # else the index of what happened to a thing is better
        query = query.where(activity.c.company_id == company_id)
    if wanted.before is not None:
        query = query.where(activity.c.id < wanted.before)
    if wanted.entity_type is not None:
        query = query.where(activity.c.entity_type == wanted.entity_type)
    entries = every(connection, Activity, query.order_by(activity.c.id.desc()).limit(wanted.limit))
    own = [entry for entry in entries if entry.company_id == company_id]
    fires = _fires(connection, company_id, wanted) if wanted.fires and wanted.entity_type in {None, RUN} else []
    return list(islice(merge(own, fires, key=lambda entry: entry.id, reverse=True), wanted.limit))


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
    runs.c.company_id,
    runs.c.actor_type,
    runs.c.actor_id,
    runs.c.status,
    runs.c.routine_id,
    runs.c.trigger_id,
    runs.c.source,
    runs.c.linked_issue_id,
    runs.c.triggered_at,
)


def _fires(connection: Connection, company_id: str, wanted: ActivityQuery) -> list[Activity]:
    """Runs, as the activity that each of them is; an entry has its run's id."""
    query = _FIRES
    if wanted.routine_id is not None:
        query = query.where(runs.c.routine_id == wanted.routine_id)
    if wanted.entity_id is not None:
        query = query.where(runs.c.id == wanted.entity_id)
    if wanted.routine_id is None and wanted.entity_id is None:
        query = query.where(runs.c.company_id == company_id)
    if wanted.before is not None:
        query = query.where(runs.c.id < wanted.before)
    found = connection.execute(query.order_by(runs.c.id.desc()).limit(wanted.limit))
    return [_fire(company_id, row) for row in found if row.company_id == company_id]


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
