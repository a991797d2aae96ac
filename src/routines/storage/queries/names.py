"""What things are called, whatever they are: a whole page of ids in one question."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import (
    Column,
    Connection,
    Select,
    Table,
    Text,
    cast,
    func,
    literal,
    null,
    select,
    type_coerce,
    union_all,
)

from routines.storage.schema import (
    agents,
    companies,
    goals,
    heartbeat_runs,
    issues,
    notification_subscriptions,
    projects,
    routines,
    runs,
    triggers,
)
from routines.storage.types import Id


class Kind(StrEnum):
    """A kind of thing, in the words of the activity's `entityType`."""

    COMPANY = "company"
    AGENT = "agent"
    PROJECT = "project"
    GOAL = "goal"
    ROUTINE = "routine"
    TRIGGER = "routine_trigger"
    RUN = "routine_run"
    ISSUE = "issue"
    HEARTBEAT = "heartbeat_run"
    SUBSCRIPTION = "notification_subscription"


class Named(NamedTuple):
    """A thing that exists, or was deleted and left its mark.

    `name` is None for what has none of its own; `of_id` is the routine of a trigger or run, and the agent of a
    heartbeat.
    """

    id: str
    kind: Kind
    name: str | None
    deleted: bool
    of_id: str | None


def names_of(connection: Connection, wanted: Collection[tuple[str, str]]) -> dict[str, Named]:
    """What these things, each told by (kind, id), are called, by id; unknown ones are left out."""
    ids: dict[str, list[str]] = {}
    for kind, identity in set(wanted):
        ids.setdefault(kind, []).append(identity)
    queries = [query.where(table.c.id.in_(ids[kind])) for kind, (table, query) in _QUERIES.items() if kind in ids]
    if not queries:
        return {}
    found = [Named(row[0], Kind(row[1]), *row[2:]) for row in connection.execute(union_all(*queries))]
    return {each.id: each for each in found}


def _query(
    kind: Kind,
    table: Table,
    name: Any = None,  # noqa: ANN401 - any expression of a text
    *,
    deleted: Any = None,  # noqa: ANN401 - any expression of a truth
    of: Column[Any] | None = None,
) -> tuple[Table, Select[Any]]:
    return table, select(
        table.c.id,
        literal(kind.value),
        cast(null(), Text) if name is None else name,
        literal(False) if deleted is None else deleted,
        cast(null(), Id) if of is None else of,
    )


_TRIGGER = func.coalesce(
    func.nullif(triggers.c.label, ""), triggers.c.cron_expression, type_coerce(triggers.c.kind, Text)
)
_QUERIES = {
    Kind.COMPANY: _query(Kind.COMPANY, companies, companies.c.name),
    Kind.AGENT: _query(Kind.AGENT, agents, agents.c.name),
    Kind.PROJECT: _query(Kind.PROJECT, projects, projects.c.name),
    Kind.GOAL: _query(Kind.GOAL, goals, goals.c.title),
    Kind.ROUTINE: _query(Kind.ROUTINE, routines, routines.c.title, deleted=routines.c.deleted_at.is_not(None)),
    Kind.TRIGGER: _query(
        Kind.TRIGGER, triggers, _TRIGGER, deleted=triggers.c.deleted_at.is_not(None), of=triggers.c.routine_id
    ),
    Kind.RUN: _query(Kind.RUN, runs, of=runs.c.routine_id),
    Kind.ISSUE: _query(Kind.ISSUE, issues, issues.c.identifier),
    Kind.HEARTBEAT: _query(Kind.HEARTBEAT, heartbeat_runs, of=heartbeat_runs.c.agent_id),
    Kind.SUBSCRIPTION: _query(
        Kind.SUBSCRIPTION,
        notification_subscriptions,
        func.coalesce(notification_subscriptions.c.name, notification_subscriptions.c.target),
        deleted=notification_subscriptions.c.deleted_at.is_not(None),
    ),
}
