"""The use cases of agents and their keys: hire, change, pause, resume, terminate.

What an agent does with its issues is in `issues`.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypedDict

from sqlalchemy import Connection

from routines.core import strict_json
from routines.core.access import Action, require, require_visible
from routines.core.activity import ActivityAction
from routines.core.adapters import faults, runtime_faults
from routines.core.errors import ConflictError, ForbiddenError, ImpossibleError, InvalidError, NotFoundError
from routines.core.heartbeats import HEALTHY
from routines.core.instants import month_of
from routines.core.lifecycle import require_assignable
from routines.core.model import (
    SERVICE,
    Actor,
    AdapterType,
    Agent,
    AgentKey,
    AgentStatus,
    RoutineStatus,
)
from routines.core.notifications import routine_paused
from routines.core.signing import SECRET_ENTROPY_BYTES, SigningMode, new_secret
from routines.dispatch import outbox
from routines.keyring import AGENT_KEY_PREFIX, hash_token, new_token
from routines.services import references
from routines.services.context import Body, Context, changed_names, company_of_path
from routines.services.schedules import move_with_routine
from routines.services.waking import next_timer
from routines.storage.database import Transaction
from routines.storage.queries import agents, heartbeat_runs, routines, usage, wake_ups
from routines.storage.queries.usage import UsageTotal

AGENT_NOT_FOUND = "Agent not found"
UNARCHIVED = (RoutineStatus.ACTIVE, RoutineStatus.PAUSED)
CHAIN_MAX = 50  # longer chains of command are cut in what is shown, and a cycle cannot be made


@dataclass(frozen=True, slots=True)
class NewAgent:
    """An agent to be hired; the configurations are JSON texts."""

    name: str
    role: str
    title: str | None
    capabilities: str | None
    reports_to: str | None
    adapter_type: AdapterType
    adapter_config: str
    runtime_config: str
    budget_monthly_cents: int


class AgentChanges(TypedDict, total=False):
    """The fields that an update names, with their new values."""

    name: str
    role: str
    title: str | None
    capabilities: str | None
    reports_to: str | None
    adapter_type: AdapterType
    adapter_config: str
    runtime_config: str
    budget_monthly_cents: int


@dataclass(frozen=True, slots=True)
class AgentDetail:
    """An agent, those above it, the nearest first, and what its heartbeats took since the month began."""

    agent: Agent
    chain_of_command: list[Agent]
    month: datetime
    usage: UsageTotal


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key with its token, which is shown this once."""

    key: AgentKey
    token: str


@dataclass(frozen=True, slots=True)
class Agents:
    """The use cases of agents."""

    context: Context

    def of_company(self, actor: Actor, company_id: str) -> list[Agent]:
        """A company's agents, oldest first."""
        with self.context.database.read() as connection:
            company_of_path(connection, actor, company_id)
            return agents.of_company(connection, company_id)

    def get(self, actor: Actor, agent_id: str) -> AgentDetail:
        """An agent and its chain of command."""
        with self.context.database.read() as connection:
            agent = visible_agent(connection, actor, agent_id)
            month = month_of(self.context.clock.now())
            spent = usage.of_owner(connection, agent.id, month)
            return AgentDetail(agent, _chain(connection, agent.reports_to), month, spent)

    def myself(self, actor: Actor) -> AgentDetail:
        """The calling agent; `ForbiddenError` for the board, which is none."""
        if actor.agent_id is None:
            raise ForbiddenError("Only an agent has this; call with an agent's key")
        return self.get(actor, actor.agent_id)

    def create(self, actor: Actor, company_id: str, body: Body[NewAgent]) -> Agent:
        """Hire an agent."""
        with self.context.database.write() as transaction:
            transaction.locks.company(company_id)
            connection = transaction.connection
            company = company_of_path(connection, actor, company_id)
            require(actor, Action.MANAGE_AGENT)
            new = body()
            _check_configuration(new.adapter_type, new.adapter_config, new.runtime_config)
            if new.reports_to is not None:
                references.agent(connection, company.id, new.reports_to)
            now = self.context.clock.now()
            agent = Agent(
                id=self.context.ids.new(now),
                company_id=company.id,
                name=new.name,
                role=new.role,
                title=new.title,
                capabilities=new.capabilities,
                reports_to=new.reports_to,
                adapter_type=new.adapter_type,
                adapter_config=_with_secret(new.adapter_type, new.adapter_config),
                runtime_config=new.runtime_config,
                status=AgentStatus.IDLE,
                created_at=now,
                updated_at=now,
                budget_monthly_cents=new.budget_monthly_cents,
            )
            agent = replace(agent, next_heartbeat_at=next_timer(agent, now))
            agents.add(connection, agent)
            self._record(transaction, actor, ActivityAction.AGENT_CREATED, agent, now, {"name": agent.name})
        return agent

    def update(self, actor: Actor, agent_id: str, body: Body[AgentChanges]) -> Agent:
        """Change an agent that is not terminated."""
        with self.context.database.write() as transaction:
            transaction.locks.agent(agent_id)
            connection = transaction.connection
            before = visible_agent(connection, actor, agent_id)
            require(actor, Action.MANAGE_AGENT)
            changes = body()
            changes = _with_kept_secret(before, changes)
            kind = changes.get("adapter_type", before.adapter_type)
            if "adapter_config" in changes or "runtime_config" in changes:
                config = changes.get("adapter_config", before.adapter_config)
                _check_configuration(kind, config, changes.get("runtime_config", before.runtime_config))
            superior = changes.get("reports_to")
            if superior is not None:
                references.agent(connection, before.company_id, superior)
                if before.id in {superior, *(each.id for each in _chain(connection, superior))}:
                    raise ImpossibleError(f"Agent {superior} is this agent or reports to it, so it cannot lead it")
            _require_alive(before)
            after = replace(before, **changes)
            after = replace(after, adapter_config=_with_secret(after.adapter_type, after.adapter_config))
            names = changed_names(before, after)
            if not names:
                return before
            now = self.context.clock.now()
            after = replace(after, updated_at=now)
            if before.runtime_config != after.runtime_config:
                after = replace(after, next_heartbeat_at=next_timer(after, now))
            agents.change(connection, after)
            transaction.wakes()  # what kept it from being started may be gone
            self._record(transaction, actor, ActivityAction.AGENT_UPDATED, after, now, {"changed": names})
        return after

    def pause(self, actor: Actor, agent_id: str, body: Body[None]) -> Agent:
        """Pause an agent: fires go on making issues, which wait in its inbox."""
        return self._set_status(actor, agent_id, body, AgentStatus.PAUSED, ActivityAction.AGENT_PAUSED)

    def resume(self, actor: Actor, agent_id: str, body: Body[None]) -> Agent:
        """Let a paused agent, or one in error, work again."""
        return self._set_status(actor, agent_id, body, AgentStatus.IDLE, ActivityAction.AGENT_RESUMED)

    def terminate(self, actor: Actor, agent_id: str, body: Body[None]) -> Agent:
        """Dismiss an agent for good: its keys are dead, and its routines are paused with the reason."""
        with self.context.database.write() as transaction:
            transaction.locks.agent(agent_id)
            connection = transaction.connection
            before = visible_agent(connection, actor, agent_id)
            require(actor, Action.MANAGE_AGENT)
            body()
            if before.status is AgentStatus.TERMINATED:
                return before
            now = self.context.clock.now()
            own = routines.of_agent(connection, before.id, UNARCHIVED)
            transaction.locks.routines([routine.id for routine in own])
            notices = []
            for routine in routines.of_agent(connection, before.id, UNARCHIVED):
                paused = replace(routine, status=RoutineStatus.PAUSED)
                move_with_routine(self.context, transaction, routine, paused, now)
                reason = f"Agent {before.name} was terminated; assign another agent and activate the routine"
                fired = routines.get(connection, routine.id) or routine  # what was due may just have fired
                paused = replace(fired, status=RoutineStatus.PAUSED, pause_reason=reason, updated_at=now)
                routines.change(connection, paused)
                subject = (routine.company_id, "routine", routine.id)
                details = {"changed": ["status", "pauseReason"], "status": "paused", "pauseReason": reason}
                self.context.record(transaction, SERVICE, ActivityAction.ROUTINE_UPDATED, subject, now, details)
                if routine.status is not RoutineStatus.PAUSED:
                    notices.append(routine_paused(paused, SERVICE))
            if notices:
                outbox.tell(transaction, [before.company_id], lambda: notices, now, self.context.ids)
            after = replace(before, status=AgentStatus.TERMINATED, next_heartbeat_at=None, updated_at=now)
            agents.change(connection, after)
            heartbeat_runs.request_cancel_of_agent(connection, before.id, now)
            wake_ups.drop_of_agent(connection, before.id)
            transaction.wakes()
            agents.revoke_keys(connection, before.id, now)
            self._record(transaction, actor, ActivityAction.AGENT_TERMINATED, after, now)
        return after

    def keys(self, actor: Actor, agent_id: str) -> list[AgentKey]:
        """An agent's keys without their tokens, revoked ones included."""
        with self.context.database.read() as connection:
            agent = visible_agent(connection, actor, agent_id)
            return agents.keys_of(connection, agent.id)

    def create_key(self, actor: Actor, agent_id: str, body: Body[str]) -> NewKey:
        """Make a key of that name for an agent; its token is shown this once."""
        with self.context.database.write() as transaction:
            transaction.locks.agent(agent_id)
            agent = visible_agent(transaction.connection, actor, agent_id)
            require(actor, Action.MANAGE_AGENT)
            name = body()
            require_assignable(agent)
            now = self.context.clock.now()
            key = AgentKey(self.context.ids.new(now), agent.id, agent.company_id, name, now, None)
            token = new_token(AGENT_KEY_PREFIX)
            agents.add_key(transaction.connection, key, hash_token(token))
            self._record(
                transaction, actor, ActivityAction.AGENT_KEY_CREATED, agent, now, {"keyId": key.id, "name": name}
            )
        return NewKey(key, token)

    def revoke_key(self, actor: Actor, agent_id: str, key_id: str, body: Body[None]) -> None:
        """Make a key worthless."""
        with self.context.database.write() as transaction:
            transaction.locks.agent(agent_id)
            agent = visible_agent(transaction.connection, actor, agent_id)
            key = agents.key(transaction.connection, agent.id, key_id)
            if key is None:
                raise NotFoundError("Agent key not found")
            require(actor, Action.MANAGE_AGENT)
            body()
            if key.revoked_at is None:
                now = self.context.clock.now()
                agents.revoke_keys(transaction.connection, agent.id, now, key_id=key.id)
                self._record(
                    transaction,
                    actor,
                    ActivityAction.AGENT_KEY_REVOKED,
                    agent,
                    now,
                    {"keyId": key.id, "name": key.name},
                )

    def _set_status(
        self, actor: Actor, agent_id: str, body: Body[None], status: AgentStatus, action: ActivityAction
    ) -> Agent:
        with self.context.database.write() as transaction:
            transaction.locks.agent(agent_id)
            before = visible_agent(transaction.connection, actor, agent_id)
            require(actor, Action.MANAGE_AGENT)
            body()
            _require_alive(before)
            if before.status is status:
                return before
            now = self.context.clock.now()
            if status is AgentStatus.IDLE:
                if before.status is not AgentStatus.PAUSED and before.status_reason is None:
                    return before
                running = heartbeat_runs.running_of_agents(transaction.connection, [before.id]).get(before.id, [])
                status = HEALTHY.status(running=len(running))
            after = replace(before, status=status, status_reason=None, failures_in_a_row=0, updated_at=now)
            agents.change(transaction.connection, after)
            transaction.wakes()
            self._record(transaction, actor, action, after, now)
        return after

    def _record(
        self,
        transaction: Transaction,
        actor: Actor,
        action: ActivityAction,
        agent: Agent,
        now: datetime,
        details: dict[str, object] | None = None,
    ) -> None:
        subject = (agent.company_id, "agent", agent.id)
        self.context.record(transaction, actor, action, subject, now, details)


def visible_agent(connection: Connection, actor: Actor, agent_id: str) -> Agent:
    """The agent with that id, if it exists for this caller; else `NotFoundError`."""
    agent = agents.get(connection, agent_id)
    if agent is None:
        raise NotFoundError(AGENT_NOT_FOUND)
    require_visible(actor, agent.company_id, AGENT_NOT_FOUND)
    return agent


def _check_configuration(kind: AdapterType, adapter_config: str, runtime_config: str) -> None:
    found = faults(kind, json.loads(adapter_config)) + runtime_faults(json.loads(runtime_config))
    if found:
        raise InvalidError(found)


def _with_secret(kind: AdapterType, adapter_config: str) -> str:
    """The configuration of an agent that is called by HTTP with a secret to sign with, made unless it has one."""
    config = json.loads(adapter_config)
    if kind is not AdapterType.HTTP or config.get("secret"):
        return adapter_config
    made = new_secret(SigningMode.STANDARD_WEBHOOKS, secrets.token_bytes(SECRET_ENTROPY_BYTES))
    return strict_json.dumps({**config, "secret": made})


def _with_kept_secret(before: Agent, changes: AgentChanges) -> AgentChanges:
    """A new configuration that says nothing of the secret leaves it as it is: the agent knows it."""
    kept = json.loads(before.adapter_config).get("secret")
    if "adapter_config" not in changes or not kept or before.adapter_type is not AdapterType.HTTP:
        return changes
    config = {"secret": kept, **json.loads(changes["adapter_config"])}
    return {**changes, "adapter_config": strict_json.dumps(config)}


def _require_alive(agent: Agent) -> None:
    if agent.status is AgentStatus.TERMINATED:
        raise ConflictError(f"Agent {agent.name} is terminated, which is the end; hire another")


def _chain(connection: Connection, superior_id: str | None) -> list[Agent]:
    """Those above an agent, nearest first."""
    found: list[Agent] = []
    while superior_id is not None and len(found) < CHAIN_MAX:
        superior = agents.get(connection, superior_id)
        if superior is None:
            break
        found.append(superior)
        superior_id = superior.reports_to
    return found
