"""Questions about runs, and the one change that happens to them after they are written: their issue moves."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, ScalarSelect, Select, func, null, select, true, update

from routines.clock import first_id
from routines.core.instants import MILLISECOND
from routines.core.lifecycle import RunMove
from routines.core.limits import RUNS_COUNTED_MAX
from routines.core.model import Issue, Run, RunStatus
from routines.storage.rows import columns, every, select_model
from routines.storage.schema import issues, routines, runs, triggers


def of_ids(connection: Connection, run_ids: Sequence[str]) -> dict[str, Run]:
    """These runs by id; unknown ones are left out."""
    return {run.id: run for run in every(connection, Run, select_model(runs, Run).where(runs.c.id.in_(run_ids)))}


def page(connection: Connection, routine_id: str, *, limit: int, before: str | None) -> list[Run]:
    """A routine's runs, newest first, from the one after `before` on."""
    query = select_model(runs, Run).where(runs.c.routine_id == routine_id)
    if before is not None:
        query = query.where(runs.c.id < before)
    return every(connection, Run, query.order_by(runs.c.id.desc()).limit(limit))


@dataclass(frozen=True, slots=True)
class RunQuery:
    """Which of a routine's runs are wanted, a page at a time; of an outage are those that record dropped slots."""

    limit: int
    before: str | None = None
    status: RunStatus | None = None
    of_outage: bool | None = None


def search(connection: Connection, routine_id: str, wanted: RunQuery) -> list[Run]:
    """A routine's runs that agree with every filter that is set, newest first, without their payloads."""
    query = _without_payloads().where(runs.c.routine_id == routine_id)
    if wanted.before is not None:
        query = query.where(runs.c.id < wanted.before)
    if wanted.status is not None:
        query = query.where(runs.c.status == wanted.status)
    if wanted.of_outage is not None:
        query = query.where(runs.c.details.is_not(None) if wanted.of_outage else runs.c.details.is_(None))
    return every(connection, Run, query.order_by(runs.c.id.desc()).limit(wanted.limit))


def joined_to(connection: Connection, run: Run, *, limit: int) -> list[Run]:
    """The first runs that joined the issue of a run, oldest first, without their payloads.

    They came after it and before it was final.
    """
    query = _without_payloads().where(
        runs.c.routine_id == run.routine_id, runs.c.id > run.id, runs.c.coalesced_into_run_id == run.id
    )
    if run.completed_at is not None:
        query = query.where(runs.c.id < first_id(run.completed_at + MILLISECOND))
    return every(connection, Run, query.order_by(runs.c.id).limit(limit))


def by_slot(connection: Connection, trigger_id: str, start: datetime, end: datetime) -> dict[datetime, Run]:
    """A schedule's runs of the slots in (start, end], by slot; none was recorded before its slot."""
    query = select_model(runs, Run).where(
        runs.c.routine_id == _routine_of(trigger_id),
        runs.c.id >= first_id(start),
        runs.c.trigger_id == trigger_id,
        runs.c.scheduled_for > start,
        runs.c.scheduled_for <= end,
    )
    return {run.scheduled_for: run for run in every(connection, Run, query) if run.scheduled_for is not None}


def outages(connection: Connection, trigger_id: str, since: datetime) -> list[tuple[datetime, datetime, Run]]:
    """The outages in which a schedule's slots were dropped, as (first slot, last slot, the run that records it)."""
    query = select_model(runs, Run).where(
        runs.c.routine_id == _routine_of(trigger_id),
        runs.c.id >= first_id(since),
        runs.c.trigger_id == trigger_id,
        runs.c.details.is_not(None),
        runs.c.scheduled_for >= since,
    )
    found = []
    for run in every(connection, Run, query):
        details = json.loads(run.details or "{}")
        found.append((datetime.fromisoformat(details["from"]), datetime.fromisoformat(details["to"]), run))
    return found


def newest_instant(connection: Connection) -> datetime | None:
    """When the newest run was recorded, or None before the first."""
    return connection.execute(select(runs.c.triggered_at).order_by(runs.c.id.desc()).limit(1)).scalar_one_or_none()


def _routine_of(trigger_id: str) -> ScalarSelect[str]:
    """The routine of a trigger, by which runs are found fast."""
    return select(triggers.c.routine_id).where(triggers.c.id == trigger_id).scalar_subquery()


def last_of_routines(connection: Connection, company_id: str) -> dict[str, Run]:
    """The newest run of each of a company's routines, by routine id: one seek each, however long the history."""
    history = runs.alias("history")
    newest = select(history.c.id).where(history.c.routine_id == routines.c.id).order_by(history.c.id.desc()).limit(1)
    own = runs.c.id == newest.correlate(routines).scalar_subquery()
    query = select(*columns(runs, Run)).select_from(routines).join(runs, own)
    return {run.routine_id: run for run in every(connection, Run, query.where(routines.c.company_id == company_id))}


def of_issue(connection: Connection, issue_id: str) -> list[Run]:
    """All runs that point to an issue, oldest first."""
    return every(connection, Run, select_model(runs, Run).where(runs.c.linked_issue_id == issue_id).order_by(runs.c.id))


def newest_of_issues(
    connection: Connection, issue_ids: Collection[str], each: int, *, payload_characters: int
) -> Mapping[str, list[Run]]:
    """The newest runs that point to these issues, at most so many of each, the oldest of them first.

    Of long payloads only the beginning is read.
    """
    rank = func.row_number().over(partition_by=runs.c.linked_issue_id, order_by=runs.c.id.desc()).label("rank")
    ranked = select(runs.c.id, rank).where(runs.c.linked_issue_id.in_(issue_ids)).subquery()
    newest = connection.execute(select(ranked.c.id).where(ranked.c.rank <= each)).scalars().all()
    found = defaultdict(list)
    query = _with_beginnings(payload_characters).where(runs.c.id.in_(newest))
    for run in every(connection, Run, query.order_by(runs.c.id)):
        found[run.linked_issue_id or ""].append(run)
    return found


def page_of_issue(
    connection: Connection, issue: Issue, *, limit: int, before: str | None, payload_characters: int
) -> list[Run]:
    """The runs that point to an issue, newest first, from the one after `before` on; of long payloads the beginning."""
    newest = _newest_ids_of_issue(connection, issue, limit=limit, before=before)
    query = _with_beginnings(payload_characters).where(runs.c.id.in_(newest))
    return every(connection, Run, query.order_by(runs.c.id.desc()))


def _newest_ids_of_issue(connection: Connection, issue: Issue, *, limit: int, before: str | None) -> Sequence[str]:
    """The ids of a page of the runs that point to an issue, which are runs of the routine that it comes from.

    Where all of a routine's fires join one issue, its newest runs are that issue's too, and an index has their order;
    the issue's own runs must be put in order first, all of them.
    """
    earlier = true() if before is None else runs.c.id < before
    query = select(runs.c.id, runs.c.linked_issue_id).where(runs.c.routine_id == issue.origin_id, earlier)
    newest = connection.execute(query.order_by(runs.c.id.desc()).limit(2 * limit)).all()
    found = [row.id for row in newest if row.linked_issue_id == issue.id][:limit]
    if len(found) == limit:
        return found
    ids = select(runs.c.id).where(runs.c.linked_issue_id == issue.id, earlier)
    return connection.execute(ids.order_by(runs.c.id.desc()).limit(limit)).scalars().all()


def counts_of_issues(connection: Connection, issue_ids: Collection[str]) -> dict[str, int]:
    """How many runs point to each of these issues, of those to which any does; at most `RUNS_COUNTED_MAX` of one."""
    pointing = select(runs.c.id).where(runs.c.linked_issue_id == issues.c.id).limit(RUNS_COUNTED_MAX)
    counted = select(func.count()).select_from(pointing.correlate(issues).subquery()).scalar_subquery()
    rows = connection.execute(select(issues.c.id, counted).where(issues.c.id.in_(issue_ids)))
    return {row[0]: int(row[1]) for row in rows if row[1]}


def _without_payloads() -> Select[Any]:
    """A select of whole runs, but for their payloads, of which it has none."""
    return select(*(null() if name == "trigger_payload" else runs.c[name] for name in Run._fields))


def _with_beginnings(payload_characters: int) -> Select[Any]:
    """A select of whole runs, but for long payloads, of which it has so many characters."""
    beginning = func.substr(runs.c.trigger_payload, 1, payload_characters)
    return select(*(beginning if name == "trigger_payload" else runs.c[name] for name in Run._fields))


def move_with_issue(connection: Connection, run_id: str, move: RunMove, at: datetime) -> bool:
    """Put the run that created an issue into the state that the issue's move calls for; False if it is gone."""
    states = (RunStatus.ISSUE_CREATED, RunStatus.COMPLETED, RunStatus.FAILED)
    moved = connection.execute(
        update(runs)
        .where(runs.c.id == run_id, runs.c.status.in_(states))
        .values(
            status=move.status,
            failure_reason=move.failure_reason,
            completed_at=at if move.completed else None,
            updated_at=at,
        )
    )
    return moved.rowcount == 1
