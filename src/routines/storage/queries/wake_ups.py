"""Questions about wake-ups, the heartbeats that are queued, and changes of them; fires write theirs by hot statements.

What has been started is in `heartbeat_runs`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, exists, func, literal_column, select

from routines.core.model import WakeUp
from routines.storage.rows import every, first, get_model, insert_model, insert_models, select_model
from routines.storage.schema import heartbeat_runs, wake_ups


def is_worked_on() -> ColumnElement[bool]:
    """True of a wake-up for whose issue a heartbeat runs."""
    return exists().where(
        heartbeat_runs.c.issue_id == wake_ups.c.issue_id, literal_column("heartbeat_runs.status = 'running'")
    )


def waiting_issues(connection: Connection, issue_ids: Collection[str]) -> set[str]:
    """Those of these issues for which somebody is to be woken."""
    query = select(wake_ups.c.issue_id).where(wake_ups.c.issue_id.in_(issue_ids))
    return set(connection.execute(query).scalars())


def add(connection: Connection, new: Sequence[WakeUp]) -> None:
    """Store wake-ups for issues for which none waits, and which are locked."""
    insert_models(connection, wake_ups, new)


def get(connection: Connection, identity: str) -> WakeUp | None:
    """The wake-up, or None."""
    return get_model(connection, wake_ups, WakeUp, identity)


def merge(connection: Connection, new: WakeUp) -> WakeUp:
    """Have an agent woken; one that waits already for the same issue, or for none as well, is the one.

    The caller holds a lock on the issue, or on the agent. One that a worker is taking up at this moment is none to wait
    for any more: the agent that is started may not hear of what this one is for.
    """
    same = wake_ups.c.issue_id == new.issue_id
    if new.issue_id is None:
        same = wake_ups.c.issue_id.is_(None) & (wake_ups.c.agent_id == new.agent_id)
    waiting = first(connection, WakeUp, select_model(wake_ups, WakeUp).where(same).with_for_update())
    if waiting is not None:
        return waiting
    insert_model(connection, wake_ups, new)
    return new


def drop_of_issue(connection: Connection, issue_id: str) -> None:
    """Nobody needs to be woken for this issue any more: it was taken, or closed."""
    connection.execute(delete(wake_ups).where(wake_ups.c.issue_id == issue_id))


def drop_of_agent(connection: Connection, agent_id: str) -> None:
    """The agent is woken for nothing any more."""
    connection.execute(delete(wake_ups).where(wake_ups.c.agent_id == agent_id))


def take(connection: Connection, ids: Collection[str]) -> None:
    """Remove wake-ups that are taken up, or given up."""
    connection.execute(delete(wake_ups).where(wake_ups.c.id.in_(ids)))


@dataclass(frozen=True, slots=True)
class QueuedQuery:
    """Which wake-ups of a company are wanted: all that agree with every filter that is set, a page at a time."""

    limit: int
    before: str | None = None
    agent_id: str | None = None
    issue_id: str | None = None


def search(connection: Connection, company_id: str, wanted: QueuedQuery) -> list[WakeUp]:
    """A company's wake-ups, newest first."""
    query = select_model(wake_ups, WakeUp).where(wake_ups.c.company_id == company_id)
    if wanted.before is not None:
        query = query.where(wake_ups.c.id < wanted.before)
    if wanted.agent_id is not None:
        query = query.where(wake_ups.c.agent_id == wanted.agent_id)
    if wanted.issue_id is not None:
        query = query.where(wake_ups.c.issue_id == wanted.issue_id)
    return every(connection, WakeUp, query.order_by(wake_ups.c.id.desc()).limit(wanted.limit))


def count_of_agents(connection: Connection, agent_ids: Collection[str]) -> Mapping[str, int]:
    """How many wake-ups wait for each of these agents, of those that have any."""
    query = select(wake_ups.c.agent_id, func.count()).where(wake_ups.c.agent_id.in_(agent_ids))
    return {row[0]: int(row[1]) for row in connection.execute(query.group_by(wake_ups.c.agent_id))}


def next_of_agent(connection: Connection, agent_id: str, limit: int) -> Sequence[WakeUp]:
    """The oldest wake-ups of an agent for whose issue no heartbeat runs, locked; what others hold is passed over."""
    query = select_model(wake_ups, WakeUp).where(wake_ups.c.agent_id == agent_id, ~is_worked_on())
    query = query.order_by(wake_ups.c.id).limit(limit).with_for_update(of=wake_ups, skip_locked=True)
    return every(connection, WakeUp, query)
