"""Agents as people read them: how they are started, in which state they are and why, and what the month took.

What may be done with an agent is decided in `services.agents`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from routines.core.heartbeats import MICROS_OF_A_CENT
from routines.core.model import AdapterType, Agent, AgentStatus
from routines.services.workload import Workload

MICROS_OF_A_DOLLAR = 1_000_000
CENTS_OF_A_DOLLAR = 100


@dataclass(frozen=True, slots=True)
class Kind:
    """A way to start an agent: its word on the wire, its name, and what it means."""

    value: AdapterType
    name: str
    sentence: str


KINDS = (
    Kind(AdapterType.NONE, "It looks by itself", "Nothing is started. The agent asks for its work with a key."),
    Kind(AdapterType.PROCESS, "A command", "Any program on this machine; exit code 0 is success."),
    Kind(AdapterType.CLAUDE_LOCAL, "Claude Code", "Started on this machine with a prompt."),
    Kind(AdapterType.CODEX_LOCAL, "Codex", "Started on this machine with a prompt."),
    Kind(AdapterType.HTTP, "A URL", "A signed POST to an agent that runs elsewhere."),
)
_NAMES = {kind.value: kind.name for kind in KINDS}


@dataclass(frozen=True, slots=True)
class Spent:
    """What a month took of a budget: both in words, and how much of it in percent where there is one."""

    spent: str
    budget: str
    percent: int | None

    @property
    def is_all(self) -> bool:
        """True once nothing of the budget is left."""
        return self.percent is not None and self.percent >= 100  # noqa: PLR2004 - percent


@dataclass(frozen=True, slots=True)
class AgentRow:
    """An agent's line in the list."""

    id: str
    name: str
    role: str
    kind: str
    status: AgentStatus
    reason: str
    queued: int
    running: int
    routines: int
    spent: Spent


def agent_row(each: Workload) -> AgentRow:
    """An agent as its line shows it."""
    agent = each.agent
    return AgentRow(
        id=agent.id,
        name=agent.name,
        role=agent.title or agent.role,
        kind=kind_name(agent.adapter_type),
        status=agent.status,
        reason=agent.status_reason or "",
        queued=each.queued,
        running=each.running,
        routines=each.routines,
        spent=spent(agent, each.usage.cost_micros),
    )


def kind_name(kind: AdapterType) -> str:
    """How an agent is started, in a word or two."""
    return _NAMES[kind]


def spent(agent: Agent, cost_micros: int) -> Spent:
    """What an agent's month took of its budget."""
    budget = agent.budget_monthly_cents
    percent = cost_micros * 100 // (budget * MICROS_OF_A_CENT) if budget else None
    return Spent(money(cost_micros), f"{budget / CENTS_OF_A_DOLLAR:,.2f} USD" if budget else "", percent)


def money(micros: int) -> str:
    """Millionths of a US dollar as an amount; what is less than a cent is not told as nothing."""
    if 0 < micros < MICROS_OF_A_CENT:
        return "under 0.01 USD"
    return f"{micros / MICROS_OF_A_DOLLAR:,.2f} USD"


def month_name(month: datetime) -> str:
    """A month in words."""
    return f"{month:%B %Y}"
