"""What the service answers with, and what stands in bodies, as typed values; written by `make client`.

Nothing here is edited by hand: it is what the service's OpenAPI document says.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from routines.client.values import OPEN, BodyValue, Instant, Reply
from routines.core.deliveries import DeliveryOutcome
from routines.core.model import (
    ActorType,
    AdapterType,
    AgentStatus,
    CatchUpPolicy,
    CompanyStatus,
    ConcurrencyPolicy,
    GoalLevel,
    GoalStatus,
    HeartbeatStatus,
    IssueStatus,
    Priority,
    ProjectStatus,
    RoutineStatus,
    RunStatus,
    Source,
    TriggerKind,
    WakeReason,
    WakeSource,
)
from routines.core.notifications import Channel, NotificationEvent, NotificationStatus
from routines.core.signing import SigningMode

AnyAdapterType = AdapterType | Literal["none", "process", "http", "claude_local", "codex_local"]
AnyCatchUpPolicy = CatchUpPolicy | Literal["skip_missed", "enqueue_missed_with_cap"]
AnyCompanyStatus = CompanyStatus | Literal["active", "paused", "archived"]
AnyConcurrencyPolicy = ConcurrencyPolicy | Literal["coalesce_if_active", "skip_if_active", "always_enqueue"]
AnyGoalLevel = GoalLevel | Literal["company", "team", "agent", "task"]
AnyGoalStatus = GoalStatus | Literal["planned", "active", "achieved", "cancelled"]
AnyIssueStatus = IssueStatus | Literal["backlog", "todo", "in_progress", "in_review", "blocked", "done", "cancelled"]
AnyPriority = Priority | Literal["critical", "high", "medium", "low"]
AnyProjectStatus = ProjectStatus | Literal["active", "paused", "archived"]
AnyRoutineStatus = RoutineStatus | Literal["active", "paused", "archived"]
AnyTriggerKind = TriggerKind | Literal["schedule", "webhook", "api"]
AnyChannel = Channel | Literal["webhook", "slack", "email"]
AnyNotificationEvent = (
    NotificationEvent
    | Literal["run.failed", "run.missed", "routine.quiet", "routine.paused", "heartbeat.failed", "issue.blocked"]
)
AnySigningMode = SigningMode | Literal["bearer", "hmac_sha256", "github_hmac", "standard_webhooks", "none"]


class ActivityReply(Reply):
    """One entry of the audit."""

    id: str
    company_id: str
    actor_type: Annotated[ActorType | str, OPEN]
    actor_id: str
    action: str
    entity_type: str
    entity_id: str
    details: dict[str, Any] | None
    heartbeat_run_id: str | None
    created_at: Instant


class AgentDetailReply(Reply):
    """An agent with those above it, the nearest first."""

    id: str
    company_id: str
    name: str
    role: str
    title: str | None
    capabilities: str | None
    reports_to: str | None
    adapter_type: Annotated[AdapterType | str, OPEN]
    adapter_config: dict[str, Any]
    runtime_config: dict[str, Any]
    status: Annotated[AgentStatus | str, OPEN]
    status_reason: str | None
    budget_monthly_cents: int
    created_at: Instant
    updated_at: Instant
    chain_of_command: list[Superior]
    spent_monthly_cents: int
    usage: UsageReply


class AgentReply(Reply):
    """An agent; its configuration is empty for callers other than the board."""

    id: str
    company_id: str
    name: str
    role: str
    title: str | None
    capabilities: str | None
    reports_to: str | None
    adapter_type: Annotated[AdapterType | str, OPEN]
    adapter_config: dict[str, Any]
    runtime_config: dict[str, Any]
    status: Annotated[AgentStatus | str, OPEN]
    status_reason: str | None
    budget_monthly_cents: int
    created_at: Instant
    updated_at: Instant


class CommentCursor(Reply):
    """How far an issue's comments go."""

    total_comments: int
    latest_comment_id: str | None
    latest_comment_at: Instant | None


class CommentReply(Reply):
    """A comment."""

    id: str
    company_id: str
    issue_id: str
    author_agent_id: str | None
    author_user_id: str | None
    body: str
    created_at: Instant


class CompanyReply(Reply):
    """A company."""

    id: str
    name: str
    description: str | None
    status: Annotated[CompanyStatus | str, OPEN]
    issue_prefix: str
    created_at: Instant
    updated_at: Instant


class CreatedRoutineReply(Reply):
    """A routine with the triggers made along with it, and their secrets in the same order, shown this once."""

    id: str
    company_id: str
    project_id: str
    goal_id: str | None
    parent_issue_id: str | None
    assignee_agent_id: str
    title: str
    description: str | None
    priority: Annotated[Priority | str, OPEN]
    status: Annotated[RoutineStatus | str, OPEN]
    pause_reason: str | None
    concurrency_policy: Annotated[ConcurrencyPolicy | str, OPEN]
    catch_up_policy: Annotated[CatchUpPolicy | str, OPEN]
    created_by_agent_id: str | None
    created_by_user_id: str | None
    updated_by_agent_id: str | None
    updated_by_user_id: str | None
    last_triggered_at: Instant | None
    last_enqueued_at: Instant | None
    created_at: Instant
    updated_at: Instant
    external_key: str | None
    triggers: list[WholeTrigger] = Field(default_factory=list)
    secret_materials: list[SecretMaterialReply | None] = Field(default_factory=list)


class DeliveryReply(Reply):
    """One delivery at a webhook, what became of it, and why if it made no issue."""

    id: str
    trigger_id: str
    received_at: Instant
    outcome: Annotated[DeliveryOutcome | str, OPEN]
    reason: str | None
    run_id: str | None
    content_type: str | None
    body_bytes: int | None
    user_agent: str | None
    status: int


class ExplanationReply(Reply):
    """A schedule in plain words, its next times, and a sentence for each thing about it that may surprise."""

    words: str
    next_times: list[Instant]
    warnings: list[str]


class GoalReply(Reply):
    """A goal."""

    id: str
    company_id: str
    title: str
    description: str | None
    level: Annotated[GoalLevel | str, OPEN]
    status: Annotated[GoalStatus | str, OPEN]
    created_at: Instant
    updated_at: Instant


class HealthReply(Reply):
    """The service answers and its database can be read."""

    status: str
    version: str
    deployment_mode: str


class HeartbeatContextReply(Reply):
    """What an agent needs to know of an issue to work on it."""

    issue: WholeIssue
    ancestors: list[ShortIssue]
    project: IssueProject | None
    goal: IssueGoal | None
    routine_runs: list[RoutineRun]
    outside_input_notice: str
    comments: list[CommentReply]
    comment_cursor: CommentCursor


class HeartbeatReply(Reply):
    """One execution window of an agent; `waitingFor` says why a queued one has not been started."""

    id: str
    company_id: str
    agent_id: str
    issue_id: str | None
    routine_id: str | None
    invocation_source: Annotated[WakeSource | str, OPEN]
    reason: Annotated[WakeReason | str, OPEN]
    attempt: int
    status: Annotated[HeartbeatStatus | str, OPEN]
    waiting_for: str | None
    started_at: Instant | None
    finished_at: Instant | None
    exit_code: int | None
    signal: str | None
    error_code: str | None
    error: str | None
    summary: str | None
    usage: HeartbeatUsage
    created_at: Instant
    updated_at: Instant


class HeartbeatUsage(Reply):
    """What one heartbeat took, as far as its adapter told."""

    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    cost_usd: float


class InboxIssue(Reply):
    """An issue as an agent's inbox shows it."""

    id: str
    identifier: str
    title: str
    status: Annotated[IssueStatus | str, OPEN]
    priority: Annotated[Priority | str, OPEN]
    updated_at: Instant
    project_id: str | None
    goal_id: str | None
    parent_id: str | None
    active_run: None


class IssueDetailReply(Reply):
    """An issue with what belongs to it."""

    id: str
    identifier: str
    title: str
    status: Annotated[IssueStatus | str, OPEN]
    priority: Annotated[Priority | str, OPEN]
    updated_at: Instant
    company_id: str
    description: str | None
    assignee_agent_id: str | None
    project_id: str | None
    goal_id: str | None
    parent_id: str | None
    origin_kind: str | None
    origin_id: str | None
    origin_run_id: str | None
    created_by_agent_id: str | None
    created_by_user_id: str | None
    started_at: Instant | None
    completed_at: Instant | None
    created_at: Instant
    routine_runs: list[RoutineRun]
    ancestors: list[ShortIssue]
    project: IssueProject | None
    goal: IssueGoal | None


class IssueGoal(Reply):
    """The goal of an issue."""

    id: str
    title: str
    status: Annotated[GoalStatus | str, OPEN]
    level: Annotated[GoalLevel | str, OPEN]


class IssueProject(Reply):
    """The project of an issue."""

    id: str
    name: str
    status: Annotated[ProjectStatus | str, OPEN]


class KeyReply(Reply):
    """A key without its token."""

    id: str
    name: str
    created_at: Instant
    revoked_at: Instant | None


class ListedRoutineReply(Reply):
    """A routine as a list shows it."""

    id: str
    company_id: str
    project_id: str
    goal_id: str | None
    parent_issue_id: str | None
    assignee_agent_id: str
    title: str
    description: str | None
    priority: Annotated[Priority | str, OPEN]
    status: Annotated[RoutineStatus | str, OPEN]
    pause_reason: str | None
    concurrency_policy: Annotated[ConcurrencyPolicy | str, OPEN]
    catch_up_policy: Annotated[CatchUpPolicy | str, OPEN]
    created_by_agent_id: str | None
    created_by_user_id: str | None
    updated_by_agent_id: str | None
    updated_by_user_id: str | None
    last_triggered_at: Instant | None
    last_enqueued_at: Instant | None
    created_at: Instant
    updated_at: Instant
    external_key: str | None
    triggers: list[ShortTrigger]
    last_run: ListedRun | None
    active_issue: ShortIssue | None


class ListedRun(Reply):
    """A run in lists, with the issue that it points to and the trigger that fired it."""

    id: str
    company_id: str
    routine_id: str
    trigger_id: str | None
    source: Annotated[Source | str, OPEN]
    status: Annotated[RunStatus | str, OPEN]
    triggered_at: Instant
    scheduled_for: Instant | None
    idempotency_key: str | None
    trigger_payload: dict[str, Any] | None
    linked_issue_id: str | None
    coalesced_into_run_id: str | None
    failure_reason: str | None
    details: dict[str, Any] | None
    completed_at: Instant | None
    created_at: Instant
    updated_at: Instant
    linked_issue: ShortIssue | None
    trigger: RunTrigger | None


class LogReply(Reply):
    """A part of what a heartbeat printed, in bytes from the beginning: `after` is where to read on."""

    content: str
    start: int
    after: int
    is_end: bool


class NewKeyReply(Reply):
    """A key with its token, shown this once."""

    id: str
    name: str
    token: str
    created_at: Instant


class NotificationReply(Reply):
    """A notification: what was sent or waits to be, and what became of it. Its id is the `webhook-id`."""

    id: str
    company_id: str
    subscription_id: str
    event: str
    payload: dict[str, Any]
    status: Annotated[NotificationStatus | str, OPEN]
    attempts: int
    created_at: Instant
    next_attempt_at: Instant | None
    last_status: int | None
    last_error: str | None
    delivered_at: Instant | None
    updated_at: Instant


class PartReply(Reply):
    """One part of a server."""

    name: str
    ready: bool
    sentence: str


class PongReply(Reply):
    """The answer to a provider that only asks whether anybody is there."""

    ok: Literal[True]


class ProjectReply(Reply):
    """A project."""

    id: str
    company_id: str
    name: str
    description: str | None
    status: Annotated[ProjectStatus | str, OPEN]
    created_at: Instant
    updated_at: Instant


class ReadyReply(Reply):
    """Whether a server is ready: `ready`, or `not_ready` with the first reason in `sentence`."""

    status: str
    sentence: str
    parts: list[PartReply]


class RoutineAssignee(Reply):
    """The agent of a routine; its configuration is nobody's business here."""

    id: str
    name: str
    role: str
    title: str | None
    status: Annotated[AgentStatus | str, OPEN]


class RoutineDetailReply(Reply):
    """A routine with everything around it."""

    id: str
    company_id: str
    project_id: str
    goal_id: str | None
    parent_issue_id: str | None
    assignee_agent_id: str
    title: str
    description: str | None
    priority: Annotated[Priority | str, OPEN]
    status: Annotated[RoutineStatus | str, OPEN]
    pause_reason: str | None
    concurrency_policy: Annotated[ConcurrencyPolicy | str, OPEN]
    catch_up_policy: Annotated[CatchUpPolicy | str, OPEN]
    created_by_agent_id: str | None
    created_by_user_id: str | None
    updated_by_agent_id: str | None
    updated_by_user_id: str | None
    last_triggered_at: Instant | None
    last_enqueued_at: Instant | None
    created_at: Instant
    updated_at: Instant
    external_key: str | None
    project: RoutineProject | None
    assignee: RoutineAssignee | None
    parent_issue: ShortIssue | None
    triggers: list[WholeTrigger]
    recent_runs: list[ListedRun]
    active_issue: ShortIssue | None
    usage: UsageReply


class RoutineProject(Reply):
    """The project of a routine."""

    id: str
    name: str
    description: str | None
    status: Annotated[ProjectStatus | str, OPEN]


class RoutineReply(Reply):
    """A routine with all its own fields."""

    id: str
    company_id: str
    project_id: str
    goal_id: str | None
    parent_issue_id: str | None
    assignee_agent_id: str
    title: str
    description: str | None
    priority: Annotated[Priority | str, OPEN]
    status: Annotated[RoutineStatus | str, OPEN]
    pause_reason: str | None
    concurrency_policy: Annotated[ConcurrencyPolicy | str, OPEN]
    catch_up_policy: Annotated[CatchUpPolicy | str, OPEN]
    created_by_agent_id: str | None
    created_by_user_id: str | None
    updated_by_agent_id: str | None
    updated_by_user_id: str | None
    last_triggered_at: Instant | None
    last_enqueued_at: Instant | None
    created_at: Instant
    updated_at: Instant
    external_key: str | None


class RoutineRun(Reply):
    """A run that points to an issue; its payload came from outside and is to be read as data, not as orders."""

    id: str
    status: Annotated[RunStatus | str, OPEN]
    source: Annotated[Source | str, OPEN]
    triggered_at: Instant
    trigger_payload: dict[str, Any] | None


class RunReply(Reply):
    """What became of one fire."""

    id: str
    company_id: str
    routine_id: str
    trigger_id: str | None
    source: Annotated[Source | str, OPEN]
    status: Annotated[RunStatus | str, OPEN]
    triggered_at: Instant
    scheduled_for: Instant | None
    idempotency_key: str | None
    trigger_payload: dict[str, Any] | None
    linked_issue_id: str | None
    coalesced_into_run_id: str | None
    failure_reason: str | None
    details: dict[str, Any] | None
    completed_at: Instant | None
    created_at: Instant
    updated_at: Instant


class RunTrigger(Reply):
    """The trigger that fired a run."""

    id: str
    kind: Annotated[TriggerKind | str, OPEN]
    label: str | None


class SecretMaterialReply(Reply):
    """Where to send a webhook and what to sign it with, shown this once."""

    webhook_url: str
    webhook_secret: str | None


class ShortIssue(Reply):
    """An issue as others refer to it."""

    id: str
    identifier: str
    title: str
    status: Annotated[IssueStatus | str, OPEN]
    priority: Annotated[Priority | str, OPEN]
    updated_at: Instant


class ShortTrigger(Reply):
    """A trigger in lists of routines."""

    id: str
    kind: Annotated[TriggerKind | str, OPEN]
    label: str | None
    enabled: bool
    cron_expression: str | None
    timezone: str | None
    next_run_at: Instant | None
    last_fired_at: Instant | None
    last_result: str | None


class SlotHealthReply(Reply):
    """A slot that was due, what became of it, and why if it did not fire."""

    slot: Instant
    trigger_id: str
    outcome: Literal["fired", "coalesced", "skipped", "missed", "failed", "undecided"]
    run_id: str | None
    issue_id: str | None
    reason: str | None


class SubscriptionReply(Reply):
    """A subscription; of a Slack webhook's URL, which is a secret, no more than the host."""

    id: str
    company_id: str
    channel: Annotated[Channel | str, OPEN]
    name: str | None
    target: str
    events: list[Annotated[NotificationEvent | str, OPEN]]
    routine_id: str | None
    quiet_after_seconds: int
    enabled: bool
    last_rotated_at: Instant | None
    created_at: Instant
    updated_at: Instant


class SubscriptionWithSecretReply(Reply):
    """A subscription, and what its webhook is signed with, shown this once; null for other channels."""

    subscription: SubscriptionReply
    secret: str | None


class Superior(Reply):
    """One link of an agent's chain of command."""

    id: str
    name: str
    role: str
    title: str | None


class TriggerWithSecretReply(Reply):
    """A trigger, and its secret if it is a webhook's, shown this once."""

    trigger: WholeTrigger
    secret_material: SecretMaterialReply | None


class UpcomingReply(Reply):
    """A slot that is to come, as things stand now."""

    at: Instant
    trigger_id: str
    routine_id: str
    title: str
    assignee_agent_id: str


class UpdatedIssueReply(Reply):
    """An issue as it now is, and the comment that the same call added."""

    id: str
    identifier: str
    title: str
    status: Annotated[IssueStatus | str, OPEN]
    priority: Annotated[Priority | str, OPEN]
    updated_at: Instant
    company_id: str
    description: str | None
    assignee_agent_id: str | None
    project_id: str | None
    goal_id: str | None
    parent_id: str | None
    origin_kind: str | None
    origin_id: str | None
    origin_run_id: str | None
    created_by_agent_id: str | None
    created_by_user_id: str | None
    started_at: Instant | None
    completed_at: Instant | None
    created_at: Instant
    comment: CommentReply | None


class UsageReply(Reply):
    """What heartbeats took since the month began."""

    month: str
    heartbeats: int
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    cost_usd: float


class WholeIssue(Reply):
    """An issue with all its own fields."""

    id: str
    identifier: str
    title: str
    status: Annotated[IssueStatus | str, OPEN]
    priority: Annotated[Priority | str, OPEN]
    updated_at: Instant
    company_id: str
    description: str | None
    assignee_agent_id: str | None
    project_id: str | None
    goal_id: str | None
    parent_id: str | None
    origin_kind: str | None
    origin_id: str | None
    origin_run_id: str | None
    created_by_agent_id: str | None
    created_by_user_id: str | None
    started_at: Instant | None
    completed_at: Instant | None
    created_at: Instant


class WholeTrigger(Reply):
    """A trigger with everything but its secret."""

    id: str
    kind: Annotated[TriggerKind | str, OPEN]
    label: str | None
    enabled: bool
    cron_expression: str | None
    timezone: str | None
    next_run_at: Instant | None
    last_fired_at: Instant | None
    last_result: str | None
    company_id: str
    routine_id: str
    public_id: str | None
    signing_mode: Annotated[SigningMode | str, OPEN] | None
    replay_window_sec: int | None
    last_rotated_at: Instant | None
    created_by_agent_id: str | None
    created_by_user_id: str | None
    updated_by_agent_id: str | None
    updated_by_user_id: str | None
    created_at: Instant
    updated_at: Instant
    external_key: str | None


class ApiTriggerCreate(BodyValue):
    """A trigger that fires only by a manual run that names it."""

    label: str | None = None
    enabled: bool | None = None
    external_key: str | None = None
    kind: Literal["api"] = "api"


class ScheduleTriggerCreate(BodyValue):
    """A trigger that fires on a cron schedule."""

    label: str | None = None
    enabled: bool | None = None
    external_key: str | None = None
    kind: Literal["schedule"] = "schedule"
    cron_expression: str
    timezone: str | None = None


class WebhookTriggerCreate(BodyValue):
    """A trigger that fires on an inbound webhook."""

    label: str | None = None
    enabled: bool | None = None
    external_key: str | None = None
    kind: Literal["webhook"] = "webhook"
    signing_mode: AnySigningMode | None = None
    replay_window_sec: int | None = None
