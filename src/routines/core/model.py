"""The nouns of the service as frozen values, in the words of the wire and the database.

Nothing here reads, writes or decides; what may follow from what is in `policies`, `lifecycle` and `access`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from routines.core.signing import SigningMode


class CompanyStatus(StrEnum):
    """A company that is not active suppresses its schedules and webhooks."""

    ACTIVE = "active"
    PAUSED = "paused"
    ARCHIVED = "archived"


class ProjectStatus(StrEnum):
    """A project that is not active suppresses the schedules and webhooks of its routines."""

    ACTIVE = "active"
    PAUSED = "paused"
    ARCHIVED = "archived"


class GoalLevel(StrEnum):
    """How far a goal reaches."""

    COMPANY = "company"
    TEAM = "team"
    AGENT = "agent"
    TASK = "task"


class GoalStatus(StrEnum):
    """Where a goal stands."""

    PLANNED = "planned"
    ACTIVE = "active"
    ACHIEVED = "achieved"
    CANCELLED = "cancelled"


class AgentStatus(StrEnum):
    """A paused agent keeps getting issues; a terminated one never again."""

    IDLE = "idle"
    RUNNING = "running"
    PAUSED = "paused"
    ERROR = "error"
    TERMINATED = "terminated"


AT_REST = frozenset({AgentStatus.PAUSED, AgentStatus.TERMINATED})
"""Statuses of agents that are started for nothing."""


class AdapterType(StrEnum):
    """How an agent is started: `none` polls by itself; `claude_local` and `codex_local` are presets over `process`."""

    NONE = "none"
    PROCESS = "process"
    HTTP = "http"
    CLAUDE_LOCAL = "claude_local"
    CODEX_LOCAL = "codex_local"


class Priority(StrEnum):
    """Copied from a routine to its execution issues."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class RoutineStatus(StrEnum):
    """Active and paused lead to each other; archived is the end."""

    ACTIVE = "active"
    PAUSED = "paused"
    ARCHIVED = "archived"


class ConcurrencyPolicy(StrEnum):
    """What a fire does while an execution issue of its routine is open."""

    COALESCE_IF_ACTIVE = "coalesce_if_active"
    SKIP_IF_ACTIVE = "skip_if_active"
    ALWAYS_ENQUEUE = "always_enqueue"


class CatchUpPolicy(StrEnum):
    """What becomes of slots older than the misfire grace."""

    SKIP_MISSED = "skip_missed"
    ENQUEUE_MISSED_WITH_CAP = "enqueue_missed_with_cap"


class TriggerKind(StrEnum):
    """What makes a trigger fire."""

    SCHEDULE = "schedule"
    WEBHOOK = "webhook"
    API = "api"


class Source(StrEnum):
    """What made a run."""

    SCHEDULE = "schedule"
    MANUAL = "manual"
    API = "api"
    WEBHOOK = "webhook"


class RunStatus(StrEnum):
    """What became of a fire; `received` is on the wire's list only and never stored."""

    RECEIVED = "received"
    ISSUE_CREATED = "issue_created"
    COALESCED = "coalesced"
    SKIPPED = "skipped"
    COMPLETED = "completed"
    FAILED = "failed"


class IssueStatus(StrEnum):
    """Every status but `done` and `cancelled` is open, and an open execution issue makes its routine active."""

    BACKLOG = "backlog"
    TODO = "todo"
    IN_PROGRESS = "in_progress"
    IN_REVIEW = "in_review"
    BLOCKED = "blocked"
    DONE = "done"
    CANCELLED = "cancelled"


CLOSED_ISSUE_STATUSES = frozenset({IssueStatus.DONE, IssueStatus.CANCELLED})
ROUTINE_EXECUTION = "routine_execution"
"""The `originKind` of issues that a fire created."""


class HeartbeatStatus(StrEnum):
    """What becomes of a wake-up: it is queued until a worker starts the agent for it."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"


class WakeSource(StrEnum):
    """What woke an agent."""

    ASSIGNMENT = "assignment"
    COMMENT = "comment"
    ON_DEMAND = "on_demand"
    TIMER = "timer"


class WakeReason(StrEnum):
    """Why an agent is woken; it is told by `PAPERCLIP_WAKE_REASON`."""

    ISSUE_ASSIGNED = "issue_assigned"
    ISSUE_COMMENTED = "issue_commented"
    ISSUE_UNFINISHED = "issue_unfinished"
    PROCESS_LOST = "process_lost"
    ON_DEMAND = "on_demand"
    HEARTBEAT_TIMER = "heartbeat_timer"

    @property
    def source(self) -> WakeSource:
        """What woke the agent for this reason."""
        return _SOURCES.get(self, WakeSource.ASSIGNMENT)


_SOURCES = {
    WakeReason.ISSUE_COMMENTED: WakeSource.COMMENT,
    WakeReason.ON_DEMAND: WakeSource.ON_DEMAND,
    WakeReason.HEARTBEAT_TIMER: WakeSource.TIMER,
}


class ActorType(StrEnum):
    """Who did something: a board operator (`user`), an agent, or the service itself."""

    USER = "user"
    AGENT = "agent"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts; `company_id` is set for agents, who belong to one company.

    `heartbeat_run_id` is the heartbeat in which an agent acts, and `is_run_token` says that this is all its token is
    for.
    """

    type: ActorType
    id: str
    company_id: str | None = None
    heartbeat_run_id: str | None = None
    is_run_token: bool = False

    @property
    def agent_id(self) -> str | None:
        """The agent's id, or None when the actor is no agent."""
        return self.id if self.type is ActorType.AGENT else None

    @property
    def user_id(self) -> str | None:
        """The operator's id, or None when the actor is no operator."""
        return self.id if self.type is ActorType.USER else None


LOCAL_BOARD = Actor(ActorType.USER, "local-board")
SCHEDULER = Actor(ActorType.SYSTEM, "scheduler")
WEBHOOK_SENDER = Actor(ActorType.SYSTEM, "webhook")
SERVICE = Actor(ActorType.SYSTEM, "routines")


@dataclass(frozen=True, slots=True)
class Company:
    """An organisation whose agents work; everything else belongs to exactly one."""

    id: str
    name: str
    description: str | None
    status: CompanyStatus
    issue_prefix: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Agent:
    """A worker; `adapter_config` and `runtime_config` are JSON texts.

    `status_reason` says why it is in error; a budget of 0 cents is none; `next_heartbeat_at` is its timer's next time.
    """

    id: str
    company_id: str
    name: str
    role: str
    title: str | None
    capabilities: str | None
    reports_to: str | None
    adapter_type: AdapterType
    adapter_config: str
    runtime_config: str
    status: AgentStatus
    created_at: datetime
    updated_at: datetime
    status_reason: str | None = None
    failures_in_a_row: int = 0
    budget_monthly_cents: int = 0
    next_heartbeat_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AgentKey:
    """An agent's key to the API, of which only a hash is stored."""

    id: str
    agent_id: str
    company_id: str
    name: str
    created_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Project:
    """What routines and issues are grouped by."""

    id: str
    company_id: str
    name: str
    description: str | None
    status: ProjectStatus
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Goal:
    """What work is for; run issues inherit their routine's."""

    id: str
    company_id: str
    title: str
    description: str | None
    level: GoalLevel
    status: GoalStatus
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Routine:
    """A recurring task with one assigned agent; who keeps it elsewhere too knows it by its `external_key`."""

    id: str
    company_id: str
    project_id: str
    goal_id: str | None
    parent_issue_id: str | None
    assignee_agent_id: str
    title: str
    description: str | None
    priority: Priority
    status: RoutineStatus
    pause_reason: str | None
    concurrency_policy: ConcurrencyPolicy
    catch_up_policy: CatchUpPolicy
    created_by_agent_id: str | None
    created_by_user_id: str | None
    updated_by_agent_id: str | None
    updated_by_user_id: str | None
    last_triggered_at: datetime | None
    last_enqueued_at: datetime | None
    created_at: datetime
    updated_at: datetime
    external_key: str | None = None


@dataclass(frozen=True, slots=True)
class Trigger:
    """What fires a routine.

    `slots_decided_until` is set on schedules: every slot up to and including it has been fired, dropped or was not
    due, and is never looked at again. `next_run_at` is the first slot after it, or None while nothing may fire.
    """

    id: str
    company_id: str
    routine_id: str
    kind: TriggerKind
    label: str | None
    enabled: bool
    cron_expression: str | None
    timezone: str | None
    slots_decided_until: datetime | None
    next_run_at: datetime | None
    last_fired_at: datetime | None
    public_id: str | None
    signing_mode: SigningMode | None
    replay_window_sec: int | None
    sealed_secret: bytes | None
    last_rotated_at: datetime | None
    last_result: str | None
    created_by_agent_id: str | None
    created_by_user_id: str | None
    updated_by_agent_id: str | None
    updated_by_user_id: str | None
    created_at: datetime
    updated_at: datetime
    external_key: str | None = None


class TriggerInBrief(NamedTuple):
    """A trigger as lists show it, by the thousand."""

    id: str
    routine_id: str
    kind: TriggerKind
    label: str | None
    enabled: bool
    cron_expression: str | None
    timezone: str | None
    next_run_at: datetime | None
    last_fired_at: datetime | None
    last_result: str | None


class Run(NamedTuple):
    """What became of one fire; `trigger_payload` and `details` are JSON texts."""

    id: str
    company_id: str
    routine_id: str
    trigger_id: str | None
    source: Source
    status: RunStatus
    triggered_at: datetime
    scheduled_for: datetime | None
    cause: str
    idempotency_key: str | None
    trigger_payload: str | None
    linked_issue_id: str | None
    coalesced_into_run_id: str | None
    failure_reason: str | None
    details: str | None
    completed_at: datetime | None
    actor_type: ActorType
    actor_id: str
    updated_at: datetime

    @property
    def created_at(self) -> datetime:
        """A run is recorded in the instant in which its fire is decided."""
        return self.triggered_at


@dataclass(frozen=True, slots=True)
class Issue:
    """A piece of work; an execution issue is one that a fire created."""

    id: str
    company_id: str
    identifier: str
    title: str
    description: str | None
    status: IssueStatus
    priority: Priority
    assignee_agent_id: str | None
    project_id: str | None
    goal_id: str | None
    parent_id: str | None
    origin_kind: str | None
    origin_id: str | None
    origin_run_id: str | None
    created_by_agent_id: str | None
    created_by_user_id: str | None
    started_at: datetime | None
    completed_at: datetime | None
    created_at: datetime
    updated_at: datetime


class IssueInBrief(NamedTuple):
    """An issue as others refer to it."""

    id: str
    identifier: str
    title: str
    status: IssueStatus
    priority: Priority
    origin_id: str | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Comment:
    """What an agent or an operator said about an issue."""

    id: str
    company_id: str
    issue_id: str
    author_agent_id: str | None
    author_user_id: str | None
    body: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Activity:
    """One entry of the audit; `details` is a JSON text."""

    id: str
    company_id: str
    actor_type: ActorType
    actor_id: str
    action: str
    entity_type: str
    entity_id: str
    details: str | None
    created_at: datetime
    heartbeat_run_id: str | None = None


@dataclass(frozen=True, slots=True)
class WakeUp:
    """A heartbeat that waits to be started: the agent, what for, and which try of it this is."""

    id: str
    company_id: str
    agent_id: str
    issue_id: str | None
    reason: WakeReason
    attempt: int
    created_at: datetime

    def run(self) -> HeartbeatRun:
        """The heartbeat that this is, queued."""
        return HeartbeatRun(
            id=self.id,
            company_id=self.company_id,
            agent_id=self.agent_id,
            issue_id=self.issue_id,
            routine_id=None,
            reason=self.reason,
            attempt=self.attempt,
            status=HeartbeatStatus.QUEUED,
            created_at=self.created_at,
            updated_at=self.created_at,
        )


@dataclass(frozen=True, slots=True)
class HeartbeatRun:
    """One execution window of an agent, from the wake-up to its end.

    Until the lease ends it is `worker_id`'s alone; with `accepted_at` an agent elsewhere has it, and the lease is its
    time limit. Cost is in millionths of a US dollar.
    """

    id: str
    company_id: str
    agent_id: str
    issue_id: str | None
    routine_id: str | None
    reason: WakeReason
    attempt: int
    status: HeartbeatStatus
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    worker_id: str | None = None
    lease_expires_at: datetime | None = None
    accepted_at: datetime | None = None
    cancel_requested_at: datetime | None = None
    exit_code: int | None = None
    signal: str | None = None
    error_code: str | None = None
    error: str | None = None
    summary: str | None = None
    input_tokens: int = 0
    cached_input_tokens: int = 0
    output_tokens: int = 0
    cost_micros: int = 0
