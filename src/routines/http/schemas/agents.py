"""Agents and their keys on the wire.

An agent's configuration may hold secrets of its environment, so only the board sees it.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field, StrictInt

from routines.core import strict_json
from routines.core.heartbeats import MICROS_OF_A_CENT
from routines.core.model import Actor, ActorType, AdapterType, Agent, AgentStatus
from routines.http.schemas.common import AnyWhole, Name, Reference, RequestModel, Text, UpdateModel
from routines.http.schemas.heartbeats import UsageReply
from routines.http.schemas.reply import Instant, ReplyModel, StoredObject, Written
from routines.services.agents import AgentChanges, AgentDetail, NewAgent, NewKey

DEFAULT_ROLE = "general"
DEFAULT_KEY_NAME = "default"
BUDGET_CENTS_MAX = 10**12  # more than any budget, and it fits a column
Budget = Annotated[StrictInt, Field(ge=0, le=BUDGET_CENTS_MAX), AnyWhole]
"""Cents a month; 0 is no budget, and no limit."""


class AgentCreate(RequestModel):
    """An agent to be hired."""

    name: Name
    role: Name = DEFAULT_ROLE
    title: Name | None = None
    capabilities: Text | None = None
    reports_to: Reference | None = None
    adapter_type: AdapterType = AdapterType.NONE
    adapter_config: dict[str, Any] = Field(default_factory=dict)
    runtime_config: dict[str, Any] = Field(default_factory=dict)
    budget_monthly_cents: Budget = 0
    reference_fields: ClassVar = frozenset({"icon", "permissions", "metadata", "desiredSkills", "defaultEnvironmentId"})

    def command(self) -> NewAgent:
        """The agent to be hired."""
        texts = {name: strict_json.dumps(getattr(self, name)) for name in ("adapter_config", "runtime_config")}
        return NewAgent(**{**self.all_fields(), **texts})


class AgentUpdate(UpdateModel):
    """The fields to change; null clears `title`, `capabilities` and `reportsTo`."""

    name: Name = ""
    role: Name = ""
    title: Name | None = None
    capabilities: Text | None = None
    reports_to: Reference | None = None
    adapter_type: AdapterType = AdapterType.NONE
    adapter_config: dict[str, Any] = Field(default_factory=dict)
    runtime_config: dict[str, Any] = Field(default_factory=dict)
    budget_monthly_cents: Budget = 0
    reference_fields: ClassVar = AgentCreate.reference_fields

    def command(self) -> AgentChanges:
        """The changes, only of fields that were named."""
        changes = self.given(AgentChanges)
        for name in ("adapter_config", "runtime_config"):
            if name in changes:
                changes[name] = strict_json.dumps(changes[name])
        return changes


class AgentReply(ReplyModel):
    """An agent; its configuration is empty for callers other than the board."""

    id: str
    company_id: str
    name: str
    role: str
    title: str | None
    capabilities: str | None
    reports_to: str | None
    adapter_type: AdapterType
    adapter_config: StoredObject
    runtime_config: StoredObject
    status: AgentStatus
    status_reason: str | None
    budget_monthly_cents: int
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, agent: Agent, caller: Actor) -> Written:
        """The reply for an agent, to that caller."""
        return cls.written(agent) if caller.type is ActorType.USER else cls.written(agent, **_HIDDEN)


_HIDDEN = {"adapter_config": "{}", "runtime_config": "{}"}


class Superior(ReplyModel):
    """One link of an agent's chain of command."""

    id: str
    name: str
    role: str
    title: str | None


class AgentDetailReply(AgentReply):
    """An agent with those above it, the nearest first."""

    chain_of_command: list[Superior]
    spent_monthly_cents: int
    usage: UsageReply

    @classmethod
    def detailed(cls, detail: AgentDetail, caller: Actor) -> Written:
        """The reply for an agent with its chain of command, to that caller."""
        hidden = {} if caller.type is ActorType.USER else _HIDDEN
        spent = detail.usage.cost_micros // MICROS_OF_A_CENT
        usage = UsageReply.of(detail.month, detail.usage)
        above = detail.chain_of_command
        return cls.written(detail.agent, chain_of_command=above, spent_monthly_cents=spent, usage=usage, **hidden)


class KeyCreate(RequestModel):
    """A key to be made."""

    name: Name = DEFAULT_KEY_NAME

    def command(self) -> str:
        """The key's name."""
        return str(self.name)


class KeyReply(ReplyModel):
    """A key without its token."""

    id: str
    name: str
    created_at: Instant
    revoked_at: Instant | None


class NewKeyReply(ReplyModel):
    """A key with its token, shown this once."""

    id: str
    name: str
    token: str
    created_at: Instant

    @classmethod
    def of(cls, new: NewKey) -> Written:
        """The reply for a new key."""
        return cls.written(new.key, token=new.token)
