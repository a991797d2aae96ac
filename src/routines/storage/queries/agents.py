"""Questions about agents and their keys, and changes of them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, select, update

from routines.core.model import Agent, AgentKey
from routines.storage.rows import columns, every, first, get_model, insert_model, select_model, update_model
from routines.storage.schema import agent_keys, agents


def get(connection: Connection, agent_id: str) -> Agent | None:
    """The agent, or None."""
    return get_model(connection, agents, Agent, agent_id)


def of_ids(connection: Connection, agent_ids: Collection[str]) -> list[Agent]:
    """These agents; unknown ones are left out."""
    return every(connection, Agent, select_model(agents, Agent).where(agents.c.id.in_(agent_ids)))


def of_company(connection: Connection, company_id: str) -> list[Agent]:
    """A company's agents, oldest first."""
    query = select_model(agents, Agent).where(agents.c.company_id == company_id)
    return every(connection, Agent, query.order_by(agents.c.id))


def page_of_company(connection: Connection, company_id: str, limit: int, after: str | None) -> list[Agent]:
    """A company's agents, oldest first, from the one after `after` on."""
    query = select_model(agents, Agent).where(agents.c.company_id == company_id)
    if after is not None:
        query = query.where(agents.c.id > after)
    return every(connection, Agent, query.order_by(agents.c.id).limit(limit))


def add(connection: Connection, agent: Agent) -> None:
    """Store a new agent."""
    insert_model(connection, agents, agent)


def change(connection: Connection, agent: Agent) -> None:
    """Store an agent as it now is."""
    update_model(connection, agents, agent)


def lock(connection: Connection, agent_ids: Collection[str], *, wait: bool) -> set[str]:
    """Keep these agents, with their heartbeats, to this transaction; without `wait`, those that nobody else has."""
    query = select(agents.c.id).where(agents.c.id.in_(agent_ids)).order_by(agents.c.id)
    return set(connection.execute(query.with_for_update(key_share=True, skip_locked=not wait)).scalars())


def timer_due(
    connection: Connection, now: datetime, limit: int, *, among: Collection[str] | None = None
) -> list[Agent]:
    """The agents whose timer has come, of these or of all, the longest due first."""
    query = select_model(agents, Agent).where(agents.c.next_heartbeat_at <= now)
    if among is not None:
        query = query.where(agents.c.id.in_(among))
    return every(connection, Agent, query.order_by(agents.c.next_heartbeat_at).limit(limit))


def keys_of(connection: Connection, agent_id: str) -> list[AgentKey]:
    """An agent's keys, revoked ones included, oldest first."""
    query = select_model(agent_keys, AgentKey).where(agent_keys.c.agent_id == agent_id)
    return every(connection, AgentKey, query.order_by(agent_keys.c.id))


def key(connection: Connection, agent_id: str, key_id: str) -> AgentKey | None:
    """That key of that agent, or None."""
    query = select_model(agent_keys, AgentKey).where(agent_keys.c.id == key_id, agent_keys.c.agent_id == agent_id)
    return first(connection, AgentKey, query)


def add_key(connection: Connection, new: AgentKey, token_hash: str) -> None:
    """Store a new key by the hash of its token."""
    insert_model(connection, agent_keys, new, token_hash=token_hash)


def revoke_keys(connection: Connection, agent_id: str, at: datetime, *, key_id: str | None = None) -> None:
    """Make one key of an agent, or all of them, worthless."""
    change_keys = update(agent_keys).where(agent_keys.c.agent_id == agent_id, agent_keys.c.revoked_at.is_(None))
    if key_id is not None:
        change_keys = change_keys.where(agent_keys.c.id == key_id)
    connection.execute(change_keys.values(revoked_at=at))


def holder_of_key(connection: Connection, token_hash: str) -> Agent | None:
    """The agent whose unrevoked key has that hash, or None."""
    query = (
        select(*columns(agents, Agent))
        .join(agent_keys, agent_keys.c.agent_id == agents.c.id)
        .where(agent_keys.c.token_hash == token_hash, agent_keys.c.revoked_at.is_(None))
    )
    return first(connection, Agent, query)
