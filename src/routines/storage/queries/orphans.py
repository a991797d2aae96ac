"""Rows of the tables without foreign keys whose parent does not exist: the service leaves none behind."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Column, Connection, func, select

from routines.storage.schema import (
    agents,
    comments,
    companies,
    heartbeat_output,
    heartbeat_runs,
    issues,
    notification_subscriptions,
    notifications,
    routine_silences,
    routines,
    run_aliases,
    runs,
    triggers,
    unfired_deliveries,
    wake_ups,
)

_PARENTS: tuple[tuple[Column[str], Column[str]], ...] = (
    (runs.c.company_id, companies.c.id),
    (runs.c.routine_id, routines.c.id),
    (runs.c.trigger_id, triggers.c.id),
    (runs.c.linked_issue_id, issues.c.id),
    (run_aliases.c.run_id, runs.c.id),
    (unfired_deliveries.c.trigger_id, triggers.c.id),
    (issues.c.company_id, companies.c.id),
    (comments.c.issue_id, issues.c.id),
    (wake_ups.c.issue_id, issues.c.id),
    (heartbeat_runs.c.agent_id, agents.c.id),
    (heartbeat_output.c.run_id, heartbeat_runs.c.id),
    (notifications.c.subscription_id, notification_subscriptions.c.id),
    (routine_silences.c.subscription_id, notification_subscriptions.c.id),
)


class Orphans(NamedTuple):
    """How many rows of a table name something in another that is not there."""

    table: str
    column: str
    rows: int


def find(connection: Connection) -> list[Orphans]:
    """Every kind of orphan that there is; each kind takes a walk through a whole table."""
    found = []
    for child, parent in _PARENTS:
        joined = child.table.outerjoin(parent.table, parent == child)
        query = select(func.count()).select_from(joined).where(child.is_not(None), parent.is_(None))
        found.append(Orphans(child.table.name, child.name, connection.execute(query).scalar_one()))
    return [each for each in found if each.rows]
