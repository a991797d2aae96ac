"""Questions about routines, and changes of them; a deleted routine is marked and no longer found here."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, func, or_, select, update

from routines.core.model import Routine, RoutineStatus
from routines.storage.rows import every, first, insert_model, select_model, update_model
from routines.storage.schema import routines

_NOT_DELETED = routines.c.deleted_at.is_(None)


def get(connection: Connection, routine_id: str) -> Routine | None:
    """The routine, unless it is unknown or deleted."""
    return first(connection, Routine, select_model(routines, Routine).where(routines.c.id == routine_id, _NOT_DELETED))


def of_ids(connection: Connection, routine_ids: Collection[str]) -> dict[str, Routine]:
    """These routines by id; unknown and deleted ones are left out."""
    query = select_model(routines, Routine).where(routines.c.id.in_(routine_ids), _NOT_DELETED)
    return {routine.id: routine for routine in every(connection, Routine, query)}


@dataclass(frozen=True, slots=True)
class RoutineQuery:
    """Which of a company's routines are wanted; `words` occur in the title or description, in any case."""

    project_id: str | None = None
    assignee_agent_id: str | None = None
    status: RoutineStatus | None = None
    words: str | None = None


def search(connection: Connection, company_id: str, wanted: RoutineQuery) -> list[Routine]:
    """A company's routines, most recently updated first."""
    query = select_model(routines, Routine).where(*matching(company_id, wanted))
    return every(connection, Routine, query.order_by(routines.c.updated_at.desc(), routines.c.id.desc()))


def matching(company_id: str, wanted: RoutineQuery) -> list[ColumnElement[bool]]:
    """What is true of a company's routines that are wanted."""
    conditions = [routines.c.company_id == company_id, _NOT_DELETED]
    for column in (routines.c.project_id, routines.c.assignee_agent_id, routines.c.status):
        value = getattr(wanted, column.name)
        if value is not None:
            conditions.append(column == value)
    if wanted.words:
        conditions.append(
            or_(
                routines.c.title.icontains(wanted.words, autoescape=True),
                routines.c.description.icontains(wanted.words, autoescape=True),
            )
        )
    return conditions


def of_agent(connection: Connection, agent_id: str, statuses: Sequence[RoutineStatus]) -> list[Routine]:
    """The routines in one of those statuses that are assigned to an agent."""
    query = select_model(routines, Routine).where(
        routines.c.assignee_agent_id == agent_id, routines.c.status.in_(statuses), _NOT_DELETED
    )
    return every(connection, Routine, query.order_by(routines.c.id))


def newest_of_agent(
    connection: Connection, agent_id: str, statuses: Sequence[RoutineStatus], limit: int
) -> list[Routine]:
    """As `of_agent`, but only so many, the newest first."""
    query = select_model(routines, Routine).where(
        routines.c.assignee_agent_id == agent_id, routines.c.status.in_(statuses), _NOT_DELETED
    )
    return every(connection, Routine, query.order_by(routines.c.id.desc()).limit(limit))


def count_of_agents(
    connection: Connection, agent_ids: Collection[str], statuses: Sequence[RoutineStatus]
) -> Mapping[str, int]:
    """How many routines in one of those statuses each of these agents has, of those that have any."""
    query = select(routines.c.assignee_agent_id, func.count()).where(
        routines.c.assignee_agent_id.in_(agent_ids), routines.c.status.in_(statuses), _NOT_DELETED
    )
    return {row[0]: int(row[1]) for row in connection.execute(query.group_by(routines.c.assignee_agent_id))}


def has_external_key(connection: Connection, company_id: str, key: str) -> bool:
    """Whether a routine of the company that is not archived has that key."""
    query = select(routines.c.id).where(
        routines.c.company_id == company_id,
        routines.c.external_key == key,
        routines.c.status != RoutineStatus.ARCHIVED,
        _NOT_DELETED,
    )
    return connection.execute(query.limit(1)).first() is not None


def add(connection: Connection, routine: Routine) -> None:
    """Store a new routine."""
    insert_model(connection, routines, routine)


def change(connection: Connection, routine: Routine) -> None:
    """Store a routine as it now is."""
    update_model(connection, routines, routine)


def delete(connection: Connection, routine_id: str, at: datetime) -> None:
    """Mark a routine deleted; its runs and issues stay."""
    connection.execute(update(routines).where(routines.c.id == routine_id).values(deleted_at=at))
