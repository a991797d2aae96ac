"""A fire on its way to becoming a run, the state of the routine that it meets, and what may be decided of it.

How it is decided is in `policies`; runs, which the dispatcher makes of it, are in `model`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from routines.core.errors import RoutinesError
from routines.core.instants import iso
from routines.core.model import (
    Actor,
    AgentStatus,
    CompanyStatus,
    ConcurrencyPolicy,
    Priority,
    ProjectStatus,
    RoutineStatus,
    RunStatus,
    Source,
)


@dataclass(frozen=True, slots=True)
class CreateIssue:
    """The fire gets an execution issue of its own."""


@dataclass(frozen=True, slots=True)
class Join:
    """The fire joins the open issue and is final at once as `status`."""

    status: RunStatus


@dataclass(frozen=True, slots=True)
class Finish:
    """The fire is final at once without an issue; `reason` says why."""

    status: RunStatus
    reason: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """The fire is not recorded; its caller gets the error."""

    error: RoutinesError


Decision = CreateIssue | Join | Finish | Refuse
CREATE_ISSUE = CreateIssue()


class Alias(NamedTuple):
    """A second cause of a fire, remembered until `expires_at` (None: for ever)."""

    cause: str
    expires_at: datetime | None


class Fire(NamedTuple):
    """One firing of a routine: by a schedule's slot, a webhook delivery or a call.

    `cause` says what made it and is unique within the routine: the same cause is the same fire. `aliases` are further
    causes under which it may come again. Whichever of them is `signature_cause` stands for one signed request, and
    meeting it alone again is a replay to be refused, not a repeat to be answered. `payload` and `details` are JSON
    texts. A `verdict` is set where the fire's fate does not depend on its routine, such as slots that were missed; how
    many those were is `missed`. `trace` is the W3C trace context of whoever sent it.
    """

    routine_id: str
    source: Source
    actor: Actor
    cause: str
    trigger_id: str | None = None
    trigger_enabled: bool = True
    slot: datetime | None = None
    idempotency_key: str | None = None
    payload: str | None = None
    aliases: tuple[Alias, ...] = ()
    signature_cause: str | None = None
    verdict: Finish | None = None
    details: str | None = None
    missed: int = 0
    trace: str | None = None


class OpenIssue(NamedTuple):
    """An execution issue that is neither done nor cancelled, and the run that made it."""

    id: str
    identifier: str
    origin_run_id: str


@dataclass(slots=True)
class RoutineState:
    """All that a fire's fate depends on, as read under the lock; `open_issue` moves on within a batch."""

    id: str
    company_id: str
    status: RoutineStatus
    concurrency_policy: ConcurrencyPolicy
    company_status: CompanyStatus
    project_status: ProjectStatus
    agent_status: AgentStatus
    issue_prefix: str
    assignee_agent_id: str
    project_id: str
    goal_id: str | None
    parent_issue_id: str | None
    title: str
    description: str | None
    priority: Priority
    open_issue: OpenIssue | None = None


def slot_cause(trigger_id: str, slot: datetime) -> str:
    """A slot is one (trigger, scheduled minute), and fires at most once, ever."""
    return f"schedule/{trigger_id}/slot/{iso(slot)}"


def key_cause(source: Source, trigger_id: str | None, key: str) -> str:
    """The scope of an idempotency key: routine (by the index), source, trigger and key."""
    return f"{source}/{trigger_id or '-'}/key/{key}"


def signature_cause(trigger_id: str, signature_digest: str) -> str:
    """A signed request is itself and no other; the same one again is a replay."""
    return f"{Source.WEBHOOK}/{trigger_id}/signature/{signature_digest}"


def single_cause(unique_id: str) -> str:
    """The cause of a fire that nothing can repeat: a call without a key."""
    return f"once/{unique_id}"
