"""The tables, shared by every database; columns stand in the order of the model's fields.

Runs, issues, comments and wake-ups have no foreign keys: the dispatcher has locked and read their parents, and keys
on hot tables halve the rate. Questions are in `queries`, changes of the schema in `migrations`; those say for every
database which rows an index is for, while naming another database here would load its dialect at each start.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from routines.core import model
from routines.core.deliveries import DeliveryOutcome
from routines.core.notifications import Channel, NotificationEvent, NotificationStatus
from routines.core.signing import SigningMode
from routines.storage.types import Cause, Id, Instant, Word, Words

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _made_and_changed() -> tuple[Column[object], ...]:
    return (
        Column("created_at", Instant, nullable=False),
        Column("updated_at", Instant, nullable=False),
    )


def _by_whom(*verbs: str) -> tuple[Column[object], ...]:
    return tuple(Column(f"{verb}_by_{who}_id", Text) for verb in verbs for who in ("agent", "user"))


companies = Table(
    "companies",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Text, nullable=False),
    Column("description", Text),
    Column("status", Word(model.CompanyStatus), nullable=False),
    Column("issue_prefix", Text, nullable=False, unique=True),
    *_made_and_changed(),
    Column("active_since", Instant),  # when its status last became active, unless it was made so
)

issue_counters = Table(
    "issue_counters",
    metadata,
    Column("company_id", Id, ForeignKey("companies.id"), primary_key=True),
    Column("last_number", BigInteger, nullable=False),
)

agents = Table(
    "agents",
    metadata,
    Column("id", Id, primary_key=True),
    Column("company_id", Id, ForeignKey("companies.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("title", Text),
    Column("capabilities", Text),
    Column("reports_to", Id, ForeignKey("agents.id")),
    Column("adapter_type", Word(model.AdapterType), nullable=False),
    Column("adapter_config", Text, nullable=False),
    Column("runtime_config", Text, nullable=False),
    Column("status", Word(model.AgentStatus), nullable=False),
    *_made_and_changed(),
    Column("status_reason", Text),
    Column("failures_in_a_row", Integer, server_default="0", nullable=False),
    Column("budget_monthly_cents", BigInteger, server_default="0", nullable=False),
    Column("next_heartbeat_at", Instant),
)
_TIMED = text("next_heartbeat_at IS NOT NULL")
Index("ix_agents_next_heartbeat_at", agents.c.next_heartbeat_at, sqlite_where=_TIMED)

agent_keys = Table(
    "agent_keys",
    metadata,
    Column("id", Id, primary_key=True),
    Column("agent_id", Id, ForeignKey("agents.id"), nullable=False, index=True),
    Column("company_id", Id, ForeignKey("companies.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("revoked_at", Instant),
    Column("token_hash", Text, nullable=False, unique=True),
)

board_tokens = Table(
    "board_tokens",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("revoked_at", Instant),
    Column("token_hash", Text, nullable=False, unique=True),
)

projects = Table(
    "projects",
    metadata,
    Column("id", Id, primary_key=True),
    Column("company_id", Id, ForeignKey("companies.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("description", Text),
    Column("status", Word(model.ProjectStatus), nullable=False),
    *_made_and_changed(),
    Column("active_since", Instant),  # as that of a company
)

goals = Table(
    "goals",
    metadata,
    Column("id", Id, primary_key=True),
    Column("company_id", Id, ForeignKey("companies.id"), nullable=False, index=True),
    Column("title", Text, nullable=False),
    Column("description", Text),
    Column("level", Word(model.GoalLevel), nullable=False),
    Column("status", Word(model.GoalStatus), nullable=False),
    *_made_and_changed(),
)

routines = Table(
    "routines",
    metadata,
    Column("id", Id, primary_key=True),
    Column("company_id", Id, ForeignKey("companies.id"), nullable=False, index=True),
    Column("project_id", Id, ForeignKey("projects.id"), nullable=False),
    Column("goal_id", Id, ForeignKey("goals.id")),
    Column("parent_issue_id", Id),
    Column("assignee_agent_id", Id, ForeignKey("agents.id"), nullable=False, index=True),
    Column("title", Text, nullable=False),
    Column("description", Text),
    Column("priority", Word(model.Priority), nullable=False),
    Column("status", Word(model.RoutineStatus), nullable=False),
    Column("pause_reason", Text),
    Column("concurrency_policy", Word(model.ConcurrencyPolicy), nullable=False),
    Column("catch_up_policy", Word(model.CatchUpPolicy), nullable=False),
    *_by_whom("created", "updated"),
    Column("last_triggered_at", Instant),
    Column("last_enqueued_at", Instant),
    *_made_and_changed(),
    Column("deleted_at", Instant),
    Column("external_key", Text),
)
_KEPT_ELSEWHERE = text("external_key IS NOT NULL AND deleted_at IS NULL AND status <> 'archived'")
Index(
    "uq_routines_company_id_external_key",
    routines.c.company_id,
    routines.c.external_key,
    unique=True,
    sqlite_where=_KEPT_ELSEWHERE,
)

triggers = Table(
    "triggers",
    metadata,
    Column("id", Id, primary_key=True),
    Column("company_id", Id, ForeignKey("companies.id"), nullable=False),
    Column("routine_id", Id, ForeignKey("routines.id"), nullable=False, index=True),
    Column("kind", Word(model.TriggerKind), nullable=False),
    Column("label", Text),
    Column("enabled", Boolean, nullable=False),
    Column("cron_expression", Text),
    Column("timezone", Text),
    Column("slots_decided_until", Instant),
    Column("next_run_at", Instant),
    Column("last_fired_at", Instant),
    Column("public_id", Text),
    Column("signing_mode", Word(SigningMode)),
    Column("replay_window_sec", Integer),
    Column("sealed_secret", LargeBinary),
    Column("last_rotated_at", Instant),
    Column("last_result", Text),
    *_by_whom("created", "updated"),
    *_made_and_changed(),
    Column("deleted_at", Instant),
    Column("external_key", Text),
)
_PUBLIC = text("public_id IS NOT NULL")
Index("uq_triggers_public_id", triggers.c.public_id, unique=True, sqlite_where=_PUBLIC)
_NEXT_IS_SET = text("next_run_at IS NOT NULL")
Index(
    "ix_triggers_next_run_at_company_id",
    triggers.c.next_run_at,
    triggers.c.company_id,
    sqlite_where=_NEXT_IS_SET,
)
Index(
    "ix_triggers_company_id_next_run_at",
    triggers.c.company_id,
    triggers.c.next_run_at,
    sqlite_where=_NEXT_IS_SET,
)

# What a schedule was, from `at` until the next row of its trigger: for any past range this says which slots were due.
schedule_changes = Table(
    "schedule_changes",
    metadata,
    Column("id", Id, primary_key=True),
    Column("trigger_id", Id, nullable=False),
    Column("company_id", Id, nullable=False),
    Column("at", Instant, nullable=False),
    Column("cron_expression", Text, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("live", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
)
Index("ix_schedule_changes_trigger_id_at", schedule_changes.c.trigger_id, schedule_changes.c.at)

runs = Table(
    "runs",
    metadata,
    Column("id", Id, primary_key=True),
    Column("company_id", Id, nullable=False),
    Column("routine_id", Id, nullable=False),
    Column("trigger_id", Id),
    Column("source", Word(model.Source), nullable=False),
    Column("status", Word(model.RunStatus), nullable=False),
    Column("triggered_at", Instant, nullable=False),
    Column("scheduled_for", Instant),
    Column("cause", Cause, nullable=False),
    Column("idempotency_key", Text),
    Column("trigger_payload", Text),
    Column("linked_issue_id", Id),
    Column("coalesced_into_run_id", Id),
    Column("failure_reason", Text),
    Column("details", Text),
    Column("completed_at", Instant),
    Column("actor_type", Word(model.ActorType), nullable=False),
    Column("actor_id", Text, nullable=False),
    Column("updated_at", Instant, nullable=False),
    # One row per cause, ever: a slot, a key, a signed request. It also answers for a routine's fires by cause.
    UniqueConstraint("routine_id", "cause"),
)
Index("ix_runs_routine_id_id", runs.c.routine_id, runs.c.id)
Index("ix_runs_company_id_id", runs.c.company_id, runs.c.id)
_LINKED = text("linked_issue_id IS NOT NULL")
Index("ix_runs_linked_issue_id", runs.c.linked_issue_id, sqlite_where=_LINKED)

# Deliveries at webhooks that made no run; those that did are the runs. Of each trigger the newest are kept.
unfired_deliveries = Table(
    "unfired_deliveries",
    metadata,
    Column("id", Id, primary_key=True),
    Column("trigger_id", Id, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("outcome", Word(DeliveryOutcome), nullable=False),
    Column("reason", Text),
    Column("run_id", Id),
    Column("content_type", Text),
    Column("body_bytes", Integer),
    Column("user_agent", Text),
)
Index("ix_unfired_deliveries_trigger_id_id", unfired_deliveries.c.trigger_id, unfired_deliveries.c.id)

# Further causes of a fire, under which it may come again; see `core.fires.Alias`.
run_aliases = Table(
    "run_aliases",
    metadata,
    Column("routine_id", Id, primary_key=True),
    Column("cause", Cause, primary_key=True),
    Column("run_id", Id, nullable=False),
    Column("expires_at", Instant),
)
_EXPIRES = text("expires_at IS NOT NULL")
Index("ix_run_aliases_expires_at", run_aliases.c.expires_at, sqlite_where=_EXPIRES)
Index("ix_run_aliases_run_id", run_aliases.c.run_id)

issues = Table(
    "issues",
    metadata,
    Column("id", Id, primary_key=True),
    Column("company_id", Id, nullable=False),
    Column("identifier", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("description", Text),
    Column("status", Word(model.IssueStatus), nullable=False),
    Column("priority", Word(model.Priority), nullable=False),
    Column("assignee_agent_id", Id),
    Column("project_id", Id),
    Column("goal_id", Id),
    Column("parent_id", Id),
    Column("origin_kind", Text),
    Column("origin_id", Id),
    Column("origin_run_id", Id),
    *_by_whom("created"),
    Column("started_at", Instant),
    Column("completed_at", Instant),
    *_made_and_changed(),
)
ISSUE_IS_OPEN = text("issues.status NOT IN ('done', 'cancelled')")
"""Open issues, in the very words of the partial indexes, without which a database does not use them."""
ISSUE_IS_CLOSED = text("issues.status IN ('done', 'cancelled')")
"""Closed ones, in the same way."""
_OPEN = text("status NOT IN ('done', 'cancelled')")
_OPEN_EXECUTION = text("origin_id IS NOT NULL AND status NOT IN ('done', 'cancelled')")
Index("ix_issues_company_id_id", issues.c.company_id, issues.c.id)
Index("ix_issues_open_execution", issues.c.origin_id, issues.c.id, sqlite_where=_OPEN_EXECUTION)
Index("ix_issues_open_assignee", issues.c.assignee_agent_id, sqlite_where=_OPEN)
# A fire does not write to this one; a routine's issues are the open and the closed ones.
_CLOSED_EXECUTION = text("origin_id IS NOT NULL AND status IN ('done', 'cancelled')")
Index("ix_issues_closed_execution", issues.c.origin_id, issues.c.id, sqlite_where=_CLOSED_EXECUTION)
_CHILD = text("parent_id IS NOT NULL")
Index("ix_issues_parent_id_id", issues.c.parent_id, issues.c.id, sqlite_where=_CHILD)

comments = Table(
    "comments",
    metadata,
    Column("id", Id, primary_key=True),
    Column("company_id", Id, nullable=False),
    Column("issue_id", Id, nullable=False),
    Column("author_agent_id", Id),
    Column("author_user_id", Text),
    Column("body", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
)
Index("ix_comments_issue_id_id", comments.c.issue_id, comments.c.id)

# What an agent is to be woken for: a heartbeat run that is queued. It is gone once a worker starts the agent, once the
# agent has taken the issue by itself, or the issue is closed. For an issue, or for an agent without one, it waits once.
wake_ups = Table(
    "wake_ups",
    metadata,
    Column("id", Id, primary_key=True),
    Column("company_id", Id, nullable=False),
    Column("agent_id", Id, nullable=False),
    Column("issue_id", Id),
    Column("reason", Word(model.WakeReason), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
)
_FOR_ISSUE, _FOR_NONE = text("issue_id IS NOT NULL"), text("issue_id IS NULL")
Index("uq_wake_ups_issue_id", wake_ups.c.issue_id, unique=True, sqlite_where=_FOR_ISSUE)
Index("uq_wake_ups_agent_id", wake_ups.c.agent_id, unique=True, sqlite_where=_FOR_NONE)
Index("ix_wake_ups_agent_id_id", wake_ups.c.agent_id, wake_ups.c.id)

# Heartbeats that were started; a queued one is a wake-up, under the same id.
heartbeat_runs = Table(
    "heartbeat_runs",
    metadata,
    Column("id", Id, primary_key=True),
    Column("company_id", Id, nullable=False),
    Column("agent_id", Id, nullable=False),
    Column("issue_id", Id),
    Column("routine_id", Id),
    Column("reason", Word(model.WakeReason), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("status", Word(model.HeartbeatStatus), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("started_at", Instant),
    Column("finished_at", Instant),
    Column("worker_id", Text),
    Column("lease_expires_at", Instant),
    Column("accepted_at", Instant),
    Column("cancel_requested_at", Instant),
    Column("exit_code", Integer),
    Column("signal", Text),
    Column("error_code", Text),
    Column("error", Text),
    Column("summary", Text),
    Column("input_tokens", BigInteger, nullable=False),
    Column("cached_input_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("cost_micros", BigInteger, nullable=False),
    Column("updated_at", Instant, nullable=False),
)
_RUNNING = text("status = 'running'")
_RUNNING_FOR_ISSUE = text("status = 'running' AND issue_id IS NOT NULL")
Index("ix_heartbeat_runs_company_id_id", heartbeat_runs.c.company_id, heartbeat_runs.c.id)
Index("ix_heartbeat_runs_agent_id_id", heartbeat_runs.c.agent_id, heartbeat_runs.c.id)
Index("ix_heartbeat_runs_issue_id_id", heartbeat_runs.c.issue_id, heartbeat_runs.c.id)
Index("ix_heartbeat_runs_routine_id_id", heartbeat_runs.c.routine_id, heartbeat_runs.c.id)
Index("ix_heartbeat_runs_running", heartbeat_runs.c.agent_id, sqlite_where=_RUNNING)
# No issue is worked on twice at a time, whatever the workers believe.
Index("uq_heartbeat_runs_running_issue_id", heartbeat_runs.c.issue_id, unique=True, sqlite_where=_RUNNING_FOR_ISSUE)

# What the heartbeats of an agent, or for a routine's issues, took in a calendar month of UTC.
usage_totals = Table(
    "usage_totals",
    metadata,
    Column("owner_id", Id, primary_key=True),
    Column("month", Instant, primary_key=True),
    Column("heartbeats", BigInteger, nullable=False),
    Column("input_tokens", BigInteger, nullable=False),
    Column("cached_input_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("cost_micros", BigInteger, nullable=False),
)

# What a heartbeat printed, as bytes: its beginning in pieces as they came, then the newest of the rest.
heartbeat_output = Table(
    "heartbeat_output",
    metadata,
    Column("run_id", Id, primary_key=True),
    Column("start", BigInteger, primary_key=True),
    Column("content", LargeBinary, nullable=False),
)

activity = Table(
    "activity",
    metadata,
    Column("id", Id, primary_key=True),
    Column("company_id", Id, nullable=False),
    Column("actor_type", Word(model.ActorType), nullable=False),
    Column("actor_id", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("entity_type", Text, nullable=False),
    Column("entity_id", Id, nullable=False),
    Column("details", Text),
    Column("created_at", Instant, nullable=False),
    Column("heartbeat_run_id", Id),
)
Index("ix_activity_company_id_id", activity.c.company_id, activity.c.id)
Index("ix_activity_company_id_entity_type_id", activity.c.company_id, activity.c.entity_type, activity.c.id)
Index("ix_activity_entity_id_id", activity.c.entity_id, activity.c.id)

# Who is told of what. A deleted one is marked and has lost its secret; what was sent to it is listed no more.
notification_subscriptions = Table(
    "notification_subscriptions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("company_id", Id, ForeignKey("companies.id"), nullable=False, index=True),
    Column("channel", Word(Channel), nullable=False),
    Column("name", Text),
    Column("target", Text, nullable=False),
    Column("sealed_secret", LargeBinary),
    Column("events", Words(NotificationEvent), nullable=False),
    Column("routine_id", Id),
    Column("quiet_after_seconds", Integer, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("last_rotated_at", Instant),
    *_made_and_changed(),
    Column("deleted_at", Instant),
    Column("rests_until", Instant),
)

# The outbox, and what became of it: one row for an event and a subscription, written with what made the event.
notifications = Table(
    "notifications",
    metadata,
    Column("id", Id, primary_key=True),
    Column("company_id", Id, nullable=False),
    Column("subscription_id", Id, nullable=False),
    Column("event", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("status", Word(NotificationStatus), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("begun_at", Instant, nullable=False),
    Column("next_attempt_at", Instant),
    Column("last_status", Integer),
    Column("last_error", Text),
    Column("delivered_at", Instant),
    Column("updated_at", Instant, nullable=False),
)
_PENDING = text("status = 'pending'")
Index("ix_notifications_subscription_id_id", notifications.c.subscription_id, notifications.c.id)
Index(
    "ix_notifications_waiting",
    notifications.c.subscription_id,
    notifications.c.next_attempt_at,
    notifications.c.id,
    sqlite_where=_PENDING,
)

# Silences of routines that a subscription was told of. One is over when the routine succeeded, or its schedule changed,
# after `told_at`; the next look after a success removes it, and so does the end of the routine or the subscription.
routine_silences = Table(
    "routine_silences",
    metadata,
    Column("routine_id", Id, primary_key=True),  # first: a page of routines is asked for
    Column("subscription_id", Id, primary_key=True),
    Column("told_at", Instant, nullable=False),
)

# Facts about the database itself, such as the time zone data by which `next_run_at` was computed.
facts = Table(
    "facts",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
